/* codec_sync: the protocol messages between neighbours, bytes <-> structs.
 *
 * Guarantees: what a decode accepts has counts within limits.h, epochs of 16 bytes, known lanes. The records inside a batch
 * stay bytes: each passes its own gate (record_decode) when its turn comes. */
#include "codec.h"
#include "sync.pb-c.h"

static const uint8_t magic[4] = { 'L', 'Z', '1', '/' };

enum lz_err packet_open(struct lz_bytes bytes, enum packet_type *type, struct lz_bytes *body, struct lz_fail *fail) {
    if (bytes.len < PACKET_HEADER_BYTES || memcmp(bytes.data, magic, sizeof magic) != 0) return lz_refuse(fail, LZ_bad_packet, "报文头不对");
    if (bytes.data[5] < PROTOCOL_VERSION_MIN) return lz_refuse(fail, LZ_bad_version, "协议版本 %u 太旧", bytes.data[5]);
    if (bytes.data[6] || bytes.data[7] || lz_get32(bytes.data + 8) != bytes.len - PACKET_HEADER_BYTES)
        return lz_refuse(fail, LZ_bad_packet, "报文长度不对");
    *type = (enum packet_type)bytes.data[4];
    *body = lz_bytes_of(bytes.data + PACKET_HEADER_BYTES, bytes.len - PACKET_HEADER_BYTES);
    return LZ_ok;
}

enum lz_err codec_packet(struct arena *arena, enum packet_type type, const ProtobufCMessage *message, struct lz_bytes *packet) {
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *out = arena_alloc_raw(arena, PACKET_HEADER_BYTES + size);
    if (!out) return LZ_too_large;
    memcpy(out, magic, sizeof magic);
    out[4] = (uint8_t)type;
    out[5] = PROTOCOL_VERSION;
    lz_put16(out + 6, 0);
    lz_put32(out + 8, (uint32_t)size);
    size_t packed = protobuf_c_message_pack(message, out + PACKET_HEADER_BYTES);
    LZ_ASSERT(packed == size);
    *packet = lz_bytes_of(out, PACKET_HEADER_BYTES + size);
    return LZ_ok;
}

bool codec_epoch(ProtobufCBinaryData in, struct epoch *epoch) {
    if (in.len != sizeof epoch->b) return false;
    memcpy(epoch->b, in.data, sizeof epoch->b);
    return true;
}

static ProtobufCBinaryData epoch_data(const struct epoch *epoch) {
    return codec_data(lz_bytes_of(epoch->b, sizeof epoch->b));
}

static bool feed_take(uint32_t scope, uint32_t lane, struct feed_id *feed) {
    if (lane >= LANE_COUNT || scope > 999999) return false;
    *feed = (struct feed_id){ scope, (uint8_t)lane };
    return true;
}

/* ---- cursors, shared by hello and ack ---- */

static Lz__FeedCursor **cursors_fill(struct arena *arena, const struct feed_cursor *in, size_t n) {
    Lz__FeedCursor **list = arena_alloc(arena, (n + 1) * sizeof *list);
    Lz__FeedCursor *out = arena_alloc(arena, (n + 1) * sizeof *out);
    if (!list || !out) return NULL;
    for (size_t i = 0; i < n; i++) {
        lz__feed_cursor__init(&out[i]);
        out[i].has_scope = out[i].has_lane = out[i].has_position = out[i].has_seen = out[i].has_epoch = 1;
        out[i].scope = in[i].feed.scope;
        out[i].lane = in[i].feed.lane;
        out[i].position = in[i].at.position;
        out[i].seen = in[i].at.seen;
        out[i].epoch = epoch_data(&in[i].at.epoch);
        list[i] = &out[i];
    }
    return list;
}

static bool cursors_take(Lz__FeedCursor *const *in, size_t n, struct feed_cursor *out, size_t *n_out) {
    if (n > LINK_FEEDS_MAX) return false;
    for (size_t i = 0; i < n; i++) {
        if (!feed_take(in[i]->scope, in[i]->lane, &out[i].feed) || !codec_epoch(in[i]->epoch, &out[i].at.epoch)) return false;
        out[i].at.position = in[i]->position;
        out[i].at.seen = in[i]->seen;
    }
    *n_out = n;
    return true;
}

/* ---- hello ---- */

enum lz_err hello_encode(struct arena *arena, const struct hello *hello, struct lz_bytes *packet) {
    LZ_ASSERT(hello->n_lineage > 0 && hello->n_lineage <= LINEAGE_SHOWN_MAX);
    Lz__Hello m = LZ__HELLO__INIT;
    m.has_version = m.has_version_min = m.has_unit = m.has_to = m.has_tier = m.has_reply = m.has_owes = 1;
    m.has_lineage_cut = m.has_highest_stamp = m.has_wall_ms = 1;
    m.version = hello->version;
    m.version_min = hello->version_min;
    m.unit = hello->unit;
    m.to = hello->to;
    m.tier = hello->tier;
    m.reply = hello->reply;
    m.owes = hello->owes;
    m.lineage_cut = hello->lineage_cut;
    m.highest_stamp = hello->highest_stamp;
    m.wall_ms = hello->wall_ms;
    CODEC_SET_BYTES(&m, software, hello->software);
    m.wish = hello->wish;
    m.n_wish = hello->n_wish;
    m.n_cursors = hello->n_cursors;
    m.cursors = cursors_fill(arena, hello->cursors, hello->n_cursors);
    m.n_lineage = hello->n_lineage;
    m.lineage = arena_alloc(arena, hello->n_lineage * sizeof *m.lineage);
    Lz__LineageEntry *entries = arena_alloc(arena, hello->n_lineage * sizeof *entries);
    if (!m.cursors || !m.lineage || !entries) return LZ_too_large;
    for (size_t i = 0; i < hello->n_lineage; i++) {
        lz__lineage_entry__init(&entries[i]);
        entries[i].has_epoch = entries[i].has_position = 1;
        entries[i].epoch = epoch_data(&hello->lineage[i].epoch);
        entries[i].position = hello->lineage[i].position;
        m.lineage[i] = &entries[i];
    }
    return codec_packet(arena, PACKET_HELLO, &m.base, packet);
}

static bool lineage_take(struct arena *arena, const Lz__Hello *m, struct hello *hello) {
    if (m->n_lineage == 0 || m->n_lineage > LINEAGE_SHOWN_MAX) return false;
    hello->lineage = arena_alloc(arena, m->n_lineage * sizeof *hello->lineage);
    if (!hello->lineage) return false;
    for (size_t i = 0; i < m->n_lineage; i++) {
        if (!codec_epoch(m->lineage[i]->epoch, &hello->lineage[i].epoch) || epoch_none(hello->lineage[i].epoch)) return false;
        hello->lineage[i].position = m->lineage[i]->position;
        if (i && hello->lineage[i].position < hello->lineage[i - 1].position) return false;   /* positions never go back */
    }
    hello->n_lineage = m->n_lineage;
    return true;
}

enum lz_err hello_decode(struct arena *arena, struct lz_bytes body, struct hello *hello) {
    memset(hello, 0, sizeof *hello);
    if (body.len > BATCH_BYTES_MAX) return LZ_too_large;
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__Hello *m = lz__hello__unpack(&allocator, body.len, body.data);
    if (!m || m->n_wish > WISH_KINDS_MAX || m->tier >= TIER_COUNT) return LZ_bad_packet;
    hello->software = codec_bytes(m->software);
    if (hello->software.len > 64 || !lz_text_valid(hello->software)) return LZ_bad_packet;
    if (!lineage_take(arena, m, hello) || !cursors_take(m->cursors, m->n_cursors, hello->cursors, &hello->n_cursors)) return LZ_bad_packet;
    hello->version = m->version;
    hello->version_min = m->version_min;
    hello->unit = m->unit;
    hello->to = m->to;
    hello->tier = (uint8_t)m->tier;
    hello->reply = m->reply;
    hello->owes = m->owes;
    hello->lineage_cut = m->lineage_cut;
    hello->highest_stamp = m->highest_stamp;
    hello->wall_ms = m->wall_ms;
    hello->wish = m->wish;
    hello->n_wish = m->n_wish;
    return LZ_ok;
}

/* ---- batch ---- */

static ProtobufCBinaryData *envelopes_fill(struct arena *arena, const struct lz_bytes *in, size_t n) {
    ProtobufCBinaryData *out = arena_alloc_raw(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; out && i < n; i++) out[i] = codec_data(in[i]);
    return out;
}

static struct lz_bytes *envelopes_take(struct arena *arena, const ProtobufCBinaryData *in, size_t n) {
    if (n > BATCH_RECORDS_MAX) return NULL;
    struct lz_bytes *out = arena_alloc_raw(arena, (n + 1) * sizeof *out);
    for (size_t i = 0; out && i < n; i++) out[i] = codec_bytes(in[i]);
    return out;
}

enum lz_err batch_encode(struct arena *arena, const struct batch *batch, struct lz_bytes *packet) {
    LZ_ASSERT(batch->from <= batch->to && batch->to <= batch->seen);
    Lz__Batch m = LZ__BATCH__INIT;
    m.has_scope = m.has_lane = m.has_epoch = m.has_from = m.has_to = m.has_seen = m.has_tip = 1;
    m.scope = batch->feed.scope;
    m.lane = batch->feed.lane;
    m.epoch = epoch_data(&batch->epoch);
    m.from = batch->from;
    m.to = batch->to;
    m.seen = batch->seen;
    m.tip = batch->tip;
    CODEC_SET(&m, repair, batch->repair);
    m.n_envelopes = batch->n_envelopes;
    m.envelopes = envelopes_fill(arena, batch->envelopes, batch->n_envelopes);
    if (!m.envelopes) return LZ_too_large;
    return codec_packet(arena, PACKET_BATCH, &m.base, packet);
}

enum lz_err batch_decode(struct arena *arena, struct lz_bytes body, struct batch *batch) {
    memset(batch, 0, sizeof *batch);
    if (body.len > BATCH_BYTES_MAX) return LZ_too_large;
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__Batch *m = lz__batch__unpack(&allocator, body.len, body.data);
    if (!m || !feed_take(m->scope, m->lane, &batch->feed) || !codec_epoch(m->epoch, &batch->epoch)) return LZ_bad_packet;
    if (m->from > m->to || m->to > m->seen || m->tip > m->seen) return LZ_bad_packet;
    batch->envelopes = envelopes_take(arena, m->envelopes, m->n_envelopes);
    if (!batch->envelopes) return LZ_too_many;
    batch->n_envelopes = m->n_envelopes;
    batch->from = m->from;
    batch->to = m->to;
    batch->seen = m->seen;
    batch->tip = m->tip;
    batch->repair = m->repair;
    return LZ_ok;
}

/* ---- tip, fetch, ack ---- */

enum lz_err tip_encode(struct arena *arena, const struct tip *tip, struct lz_bytes *packet) {
    Lz__Tip m = LZ__TIP__INIT;
    Lz__TipEntry entries[LINK_FEEDS_MAX], *list[LINK_FEEDS_MAX];
    m.has_epoch = m.has_seen = m.has_next_ms = m.has_wall_ms = 1;
    m.epoch = epoch_data(&tip->epoch);
    m.seen = tip->seen;
    m.next_ms = tip->next_ms;
    m.wall_ms = tip->wall_ms;
    CODEC_SET(&m, heard_ms, tip->heard_ms);
    CODEC_SET_BYTES(&m, cause, tip->cause);
    for (size_t i = 0; i < tip->n_feeds; i++) {
        lz__tip_entry__init(&entries[i]);
        entries[i].has_scope = entries[i].has_lane = entries[i].has_tip = 1;
        entries[i].scope = tip->feeds[i].feed.scope;
        entries[i].lane = tip->feeds[i].feed.lane;
        entries[i].tip = tip->feeds[i].tip;
        list[i] = &entries[i];
    }
    m.n_feeds = tip->n_feeds;
    m.feeds = list;
    return codec_packet(arena, PACKET_TIP, &m.base, packet);
}

enum lz_err tip_decode(struct arena *arena, struct lz_bytes body, struct tip *tip) {
    memset(tip, 0, sizeof *tip);
    if (body.len > 4096) return LZ_too_large;
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__Tip *m = lz__tip__unpack(&allocator, body.len, body.data);
    if (!m || m->n_feeds > LINK_FEEDS_MAX || !codec_epoch(m->epoch, &tip->epoch)) return LZ_bad_packet;
    for (size_t i = 0; i < m->n_feeds; i++) {
        if (!feed_take(m->feeds[i]->scope, m->feeds[i]->lane, &tip->feeds[i].feed)) return LZ_bad_packet;
        tip->feeds[i].tip = m->feeds[i]->tip;
    }
    tip->n_feeds = m->n_feeds;
    tip->seen = m->seen;
    tip->next_ms = m->next_ms;
    tip->heard_ms = m->heard_ms;
    tip->cause = codec_bytes(m->cause);
    if (tip->cause.len > 1024 || !lz_text_valid(tip->cause)) return LZ_bad_packet;
    tip->wall_ms = m->wall_ms;
    return LZ_ok;
}

enum lz_err fetch_encode(struct arena *arena, const struct fetch *fetch, struct lz_bytes *packet) {
    Lz__Fetch m = LZ__FETCH__INIT;
    m.has_scope = m.has_lane = m.has_epoch = m.has_from = 1;
    m.scope = fetch->feed.scope;
    m.lane = fetch->feed.lane;
    m.epoch = epoch_data(&fetch->epoch);
    m.from = fetch->from;
    return codec_packet(arena, PACKET_FETCH, &m.base, packet);
}

enum lz_err fetch_decode(struct arena *arena, struct lz_bytes body, struct fetch *fetch) {
    if (body.len > 256) return LZ_too_large;
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__Fetch *m = lz__fetch__unpack(&allocator, body.len, body.data);
    if (!m || !feed_take(m->scope, m->lane, &fetch->feed) || !codec_epoch(m->epoch, &fetch->epoch)) return LZ_bad_packet;
    fetch->from = m->from;
    return LZ_ok;
}

enum lz_err ack_encode(struct arena *arena, const struct ack *ack, struct lz_bytes *packet) {
    Lz__Ack m = LZ__ACK__INIT;
    m.has_epoch = 1;
    m.epoch = epoch_data(&ack->epoch);
    m.n_cursors = ack->n_cursors;
    m.cursors = cursors_fill(arena, ack->cursors, ack->n_cursors);
    if (!m.cursors) return LZ_too_large;
    return codec_packet(arena, PACKET_ACK, &m.base, packet);
}

enum lz_err ack_decode(struct arena *arena, struct lz_bytes body, struct ack *ack) {
    memset(ack, 0, sizeof *ack);
    if (body.len > 4096) return LZ_too_large;
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__Ack *m = lz__ack__unpack(&allocator, body.len, body.data);
    if (!m || !codec_epoch(m->epoch, &ack->epoch) || !cursors_take(m->cursors, m->n_cursors, ack->cursors, &ack->n_cursors)) return LZ_bad_packet;
    return LZ_ok;
}

/* ---- reclaim, repair, refusal ---- */

static enum lz_err reclaim_ask_as(struct arena *arena, enum packet_type type, const struct reclaim_ask *ask, struct lz_bytes *packet) {
    Lz__ReclaimAsk m = LZ__RECLAIM_ASK__INIT;
    m.has_asker = m.has_answerer = 1;
    m.asker = epoch_data(&ask->asker);
    m.answerer = epoch_data(&ask->answerer);
    CODEC_SET_BYTES(&m, after, ask->after);
    m.has_seen = ask->seen != 0;
    m.seen = ask->seen;
    return codec_packet(arena, type, &m.base, packet);
}

enum lz_err reclaim_ask_encode(struct arena *arena, const struct reclaim_ask *ask, struct lz_bytes *packet) {
    return reclaim_ask_as(arena, PACKET_RECLAIM_ASK, ask, packet);
}

enum lz_err reclaim_done_encode(struct arena *arena, const struct reclaim_ask *ask, struct lz_bytes *packet) {
    return reclaim_ask_as(arena, PACKET_RECLAIM_DONE, ask, packet);
}

enum lz_err reclaim_ask_decode(struct arena *arena, struct lz_bytes body, struct reclaim_ask *ask) {
    if (body.len > 1024) return LZ_too_large;
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__ReclaimAsk *m = lz__reclaim_ask__unpack(&allocator, body.len, body.data);
    if (!m || !codec_epoch(m->asker, &ask->asker) || !codec_epoch(m->answerer, &ask->answerer)) return LZ_bad_packet;
    if (m->after.len > 6 + REGISTER_KEY_MAX) return LZ_bad_packet;
    ask->after = codec_bytes(m->after);
    ask->seen = m->seen;
    return LZ_ok;
}

enum lz_err reclaim_answer_encode(struct arena *arena, const struct reclaim_answer *answer, struct lz_bytes *packet) {
    Lz__ReclaimAnswer m = LZ__RECLAIM_ANSWER__INIT;
    m.has_asker = m.has_answerer = m.has_ended = m.has_final = 1;
    m.asker = epoch_data(&answer->asker);
    m.answerer = epoch_data(&answer->answerer);
    m.ended = answer->ended;
    m.final = answer->final;
    CODEC_SET_BYTES(&m, after, answer->after);
    CODEC_SET_BYTES(&m, next, answer->next);
    m.n_envelopes = answer->n_envelopes;
    m.envelopes = envelopes_fill(arena, answer->envelopes, answer->n_envelopes);
    if (!m.envelopes) return LZ_too_large;
    return codec_packet(arena, PACKET_RECLAIM_ANSWER, &m.base, packet);
}

enum lz_err reclaim_answer_decode(struct arena *arena, struct lz_bytes body, struct reclaim_answer *answer) {
    memset(answer, 0, sizeof *answer);
    if (body.len > BATCH_BYTES_MAX) return LZ_too_large;
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__ReclaimAnswer *m = lz__reclaim_answer__unpack(&allocator, body.len, body.data);
    if (!m || !codec_epoch(m->asker, &answer->asker) || !codec_epoch(m->answerer, &answer->answerer)) return LZ_bad_packet;
    if (m->after.len > 6 + REGISTER_KEY_MAX || m->next.len > 6 + REGISTER_KEY_MAX) return LZ_bad_packet;
    answer->envelopes = envelopes_take(arena, m->envelopes, m->n_envelopes);
    if (!answer->envelopes) return LZ_too_many;
    answer->n_envelopes = m->n_envelopes;
    answer->after = codec_bytes(m->after);
    answer->next = codec_bytes(m->next);
    answer->ended = m->ended;
    answer->final = m->final;
    return LZ_ok;
}

enum lz_err repair_encode(struct arena *arena, enum packet_type type, const struct repair *repair, struct lz_bytes *packet) {
    LZ_ASSERT(repair->n_keys <= REPAIR_KEYS_MAX && repair->n_envelopes <= REPAIR_KEYS_MAX);
    Lz__Repair m = LZ__REPAIR__INIT;
    m.n_keys = repair->n_keys;
    m.n_envelopes = repair->n_envelopes;
    m.keys = envelopes_fill(arena, repair->keys, repair->n_keys);
    m.envelopes = envelopes_fill(arena, repair->envelopes, repair->n_envelopes);
    if (!m.keys || !m.envelopes) return LZ_too_large;
    return codec_packet(arena, type, &m.base, packet);
}

enum lz_err repair_decode(struct arena *arena, struct lz_bytes body, struct repair *repair) {
    memset(repair, 0, sizeof *repair);
    if (body.len > BATCH_BYTES_MAX) return LZ_too_large;
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__Repair *m = lz__repair__unpack(&allocator, body.len, body.data);
    if (!m) return LZ_bad_packet;
    if (m->n_keys > REPAIR_KEYS_MAX || m->n_envelopes > REPAIR_KEYS_MAX) return LZ_too_many;
    for (size_t i = 0; i < m->n_keys; i++)
        if (m->keys[i].len < 7 || m->keys[i].len > 6 + REGISTER_KEY_MAX) return LZ_bad_packet;
    repair->keys = envelopes_take(arena, m->keys, m->n_keys);
    repair->envelopes = envelopes_take(arena, m->envelopes, m->n_envelopes);
    if (!repair->keys || !repair->envelopes) return LZ_too_large;
    repair->n_keys = m->n_keys;
    repair->n_envelopes = m->n_envelopes;
    return LZ_ok;
}

enum lz_err refusal_encode(struct arena *arena, const struct refusal *refusal, struct lz_bytes *packet) {
    Lz__Refusal m = LZ__REFUSAL__INIT;
    struct lz_bytes code = lz_bytes_str(lz_err_name((enum lz_err)refusal->code));
    CODEC_SET_BYTES(&m, code, code);
    CODEC_SET_BYTES(&m, text, refusal->text);
    return codec_packet(arena, PACKET_REFUSAL, &m.base, packet);
}

enum lz_err refusal_decode(struct arena *arena, struct lz_bytes body, struct refusal *refusal) {
    if (body.len > 4096) return LZ_too_large;
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__Refusal *m = lz__refusal__unpack(&allocator, body.len, body.data);
    if (!m || m->code.len > 32 || m->text.len > 1024 || !lz_text_valid(codec_bytes(m->text))) return LZ_bad_packet;
    char name[33] = { 0 };
    if (m->code.len) memcpy(name, m->code.data, m->code.len);
    refusal->code = lz_err_from_name(name);
    refusal->text = codec_bytes(m->text);
    return LZ_ok;
}
