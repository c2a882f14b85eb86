/* session: FEEDS a conversation to a whole turn on a real store: hellos, batches of records, tips, fetches, acknowledgements, reclaims,
 * refusals, raw bytes, replays of what the node itself sent, from its parent, two children, a stranger and one who claims to be itself;
 * between them own submissions, time, commits, full disks, restarts without warning, children enrolled and removed. Messages are
 * built by a grammar through the codec, good ones by default; the bytes choose what is wrong in them.
 * ORACLE, after each commit and at the end: no assertion; a record that is new in the store has an origin that the neighbours who spoke
 * in this turn may speak for, and one of our own our seal; it decodes to its own key; a cursor stands where it stood, at 0, or at the
 * end of a batch of this turn that joined on, all of whose records are held or filed as refused; after a failed commit nothing has
 * changed; verify finds nothing, also after the store was opened again. */
#include "fuzz.h"

enum { STEPS_MAX = 60, SEEN = 4096, SENT_MAX = 16, SAID_MAX = 64, FED_MAX = 70, PEERS = 5 };
static const uint32_t peers[PEERS] = { PROVINCE, COUNTY_A, COUNTY_B, STRANGER, CITY };

struct said {                        /* a batch of this turn */
    uint32_t peer;
    struct feed_id feed;
    struct epoch epoch;
    uint64_t from, to;
    struct lz_bytes *envelopes;
    size_t n_envelopes;
};
struct session_ {
    struct node node;
    struct pool pool;
    struct lz_bytes sent[SENT_MAX];              /* what the node said last, on the heap */
    size_t n_sent, at_sent;
    uint8_t generation[PEERS];
    uint64_t position[PEERS];                    /* of each as a publisher */
    uint64_t last_to[PEERS][2 * LANE_COUNT];     /* where its next batch joins on */
    struct said said[SAID_MAX];
    size_t n_said;
    uint8_t *fed[FED_MAX];                       /* packets of this turn, each exactly as long as it is */
    size_t n_fed;
    unsigned spoke, ever;                        /* peers of this turn, and of any before it, as bits */
    bool in_turn, reclaims, unknown_said;        /* unknown_said: batches that this file did not make, or more than it can note */
    uint64_t seen[SEEN];                         /* records that were judged: hash of key and envelope */
    struct arena *look;                          /* for the oracle */
};

/* ---- the oracle -------------------------------------------------------------------------------------------------------------- */

static bool note_seen(struct session_ *s, struct key key, struct lz_bytes envelope) {
    uint64_t hash = lz_hash64(lz_hash64(1, key.b, key.len), envelope.data, envelope.len) | 1;
    for (size_t i = hash % SEEN, n = 0; n < SEEN; i = (i + 1) % SEEN, n++) {
        if (s->seen[i] == hash) return false;
        if (s->seen[i]) continue;
        s->seen[i] = hash;
        return true;
    }
    return false;
}

static bool spoke(const struct session_ *s, size_t peer) { return s->spoke >> peer & 1; }

static bool may_be_here(const struct session_ *s, const struct record *r, const uint8_t seal_key[SEAL_KEY_BYTES]) {
    if (r->origin == CITY) return record_seal_good(r, seal_key);
    const struct child *holder = roster_holding(s->node.roster, r->origin);
    for (size_t i = 0; i < PEERS; i++) {
        /* what who may speak for it once said in vain is tried again at a start, and when its subtree grows: by then it may have been quiet for long */
        if (s->ever >> i & 1 && (holder ? holder->code == peers[i] : peers[i] == PROVINCE)) return true;
        if (!spoke(s, i)) continue;
        if (peers[i] == PROVINCE && (!holder || s->reclaims)) return true;
    }
    return false;
}

static void judge_records(struct session_ *s, bool quietly) {
    struct key key = { 0 };
    struct lz_bytes value;
    uint8_t seal_key[SEAL_KEY_BYTES];
    memset(seal_key, 0x5a, sizeof seal_key);
    for (; store_seek(s->node.store, TABLE_record, &key, &value); key = key_after(key)) {
        struct stored stored;
        struct record r;
        must(store_record_parse(value, &stored), "a record's value does not parse");
        if (!note_seen(s, key, stored.envelope) || quietly) continue;
        arena_reset(s->look);
        enum lz_err err = record_decode(s->look, stored.envelope, &r, NULL);
        must(err == LZ_ok || err == LZ_unknown_kind, "a record is stored that the gate refuses: %s", lz_err_name(err));
        struct key own = key_of(&r);
        must(own.len == key.len && memcmp(own.b, key.b, key.len) == 0, "a record stands under another's key");
        must(may_be_here(s, &r, seal_key), "a record of %u came from the wrong one (spoke %x, reclaim %d)", r.origin, s->spoke, s->reclaims);
        pool_add(&s->pool, record_id(&r), stored.envelope);
    }
}

static bool held_or_refused(struct session_ *s, const struct said *b) {
    for (size_t i = 0; i < b->n_envelopes; i++) {
        struct record r;
        struct lz_bytes value;
        arena_reset(s->look);
        enum lz_err err = record_decode(s->look, b->envelopes[i], &r, NULL);
        if ((err != LZ_ok && err != LZ_unknown_kind) || (r.origin == 0)) continue;
        if (!store_get(s->node.store, TABLE_record, key_of(&r), &value) &&
            !store_get(s->node.store, TABLE_refused, key_refused(b->peer, key_of(&r)), &value)) return false;
    }
    return true;
}

static void judge_cursor(struct session_ *s, size_t peer, struct feed_id feed, uint64_t *before, struct lz_bytes value) {
    must(value.len == 32, "a cursor of %zu bytes", value.len);
    uint64_t position = lz_get64(value.data + 16), seen = lz_get64(value.data + 24);
    must(position <= seen, "a cursor at %llu that has seen %llu", (unsigned long long)position, (unsigned long long)seen);
    uint64_t from[SAID_MAX + 2] = { *before, 0 };               /* where it may have stood in this turn: a hello may set it back to 0 */
    size_t n = 2;
    bool reached = position == *before || position == 0 || s->unknown_said, applied = reached;
    for (size_t i = 0; i < s->n_said; i++) {
        const struct said *b = &s->said[i];
        if (b->peer != peers[peer] || !feed_id_equal(b->feed, feed) || memcmp(b->epoch.b, value.data, 16) != 0) continue;
        bool joins = false;
        for (size_t k = 0; k < n; k++) joins |= b->from <= from[k];
        if (!joins) continue;
        from[n++] = b->to;
        if (b->to != position) continue;
        reached = true;
        if (held_or_refused(s, b)) applied = true;               /* of two that say the same range the second is old news */
    }
    must(reached, "the cursor of %u/%u for %u went from %llu to %llu without a batch that joins on", feed.scope, feed.lane, peers[peer],
        (unsigned long long)*before, (unsigned long long)position);
    must(applied, "the cursor of %u/%u for %u passed a record that is neither held nor refused", feed.scope, feed.lane, peers[peer]);
    *before = position;
}

static void judge_cursors(struct session_ *s, uint64_t before[PEERS][2 * LANE_COUNT]) {
    for (size_t p = 0; p < PEERS; p++)
        for (size_t i = 0; i < 2 * LANE_COUNT; i++) {
            uint32_t scope = peers[p] != PROVINCE ? SCOPE_UP : i < LANE_COUNT ? SCOPE_ALL : CITY;
            struct feed_id feed = { scope, (uint8_t)(i % LANE_COUNT) };
            struct lz_bytes value;
            if (peers[p] != PROVINCE && i >= LANE_COUNT) continue;
            if (store_get(s->node.store, TABLE_cursor, key_cursor(peers[p], SIDE_WE_FOLLOW, feed), &value)) judge_cursor(s, p, feed, &before[p][i], value);
        }
}

/* ---- turns --------------------------------------------------------------------------------------------------------------------- */

static void keep_sent(struct session_ *s) {
    struct packet packet;
    struct link_view view;
    while (turn_next_send(s->node.turn, &packet)) {
        must(packet.bytes.len <= BATCH_BYTES_MAX, "a packet of %zu bytes", packet.bytes.len);
        must(packet.channel != CHANNEL_SYNC || packet.peer == PROVINCE || roster_find(s->node.roster, packet.peer), "a packet to %u, who is nobody here",
            packet.peer);
        size_t at = s->at_sent++ % SENT_MAX;
        free((void *)(uintptr_t)s->sent[at].data);
        s->sent[at] = lz_bytes_of(exact(packet.bytes), packet.bytes.len);
        if (s->n_sent < SENT_MAX) s->n_sent++;
    }
    for (size_t i = 0; i < turn_links(s->node.turn); i++) turn_link_view(s->node.turn, i, &view);
}

static void forget_turn(struct session_ *s) {
    for (size_t i = 0; i < s->n_fed; i++) free(s->fed[i]);
    s->n_said = s->n_fed = 0;
    s->spoke = 0;
    s->reclaims = s->unknown_said = false;
}

static void turn_of(struct session_ *s) {
    if (s->in_turn) return;
    node_begin(&s->node);
    s->in_turn = true;
}

static uint64_t cursors[PEERS][2 * LANE_COUNT];

static void end_turn(struct session_ *s) {
    turn_of(s);
    s->in_turn = false;
    enum lz_err err = node_end(&s->node);
    keep_sent(s);
    if (err != LZ_ok) forget_turn(s);                            /* nothing of it happened */
    store_abort(s->node.store);
    judge_records(s, false);
    judge_cursors(s, cursors);
    store_abort(s->node.store);
    forget_turn(s);
    arena_reset(fuzz_arena());
}

static void feed(struct session_ *s, struct input *in, size_t peer, struct lz_bytes packet, bool as_it_is) {
    static const enum channel channels[] = { CHANNEL_SYNC, CHANNEL_LIVE_UP, CHANNEL_LIVE_DOWN };
    struct lz_bytes sent = as_it_is ? packet : mutated(in, fuzz_arena(), packet);
    if (sent.data != packet.data) s->unknown_said = true;
    turn_of(s);
    if (!turn_has_room(s->node.turn) || s->n_fed == FED_MAX) { end_turn(s); return; }
    uint8_t *copy = exact(sent);
    s->fed[s->n_fed++] = copy;
    s->spoke |= 1u << peer;
    s->ever |= 1u << peer;
    turn_feed(s->node.turn, &(struct packet){ peers[peer], channels[chance(in, 16) ? pick(in, 3) : 0], lz_bytes_of(copy, sent.len) });
}

/* ---- the grammar ------------------------------------------------------------------------------------------------------------------ */

static struct epoch take_epoch(struct session_ *s, struct input *in, size_t peer) {
    if (!chance(in, 32)) return epoch_of(peers[peer], s->generation[peer]);
    switch (pick(in, 4)) {
    case 1: return store_epoch(s->node.store);
    case 2: return epoch_of(peers[peer], (uint8_t)pick(in, 4));
    case 3: return epoch_of(CITY, (uint8_t)pick(in, 4));
    default: return (struct epoch){ { 0 } };
    }
}
static struct epoch take_our_epoch(struct session_ *s, struct input *in) {
    return chance(in, 24) ? epoch_of(CITY, (uint8_t)pick(in, 4)) : store_epoch(s->node.store);
}

static void say_hello(struct session_ *s, struct input *in, size_t peer) {
    struct lineage_entry lineage[4];
    uint32_t wish[3];
    struct hello h = { .version = 1, .version_min = 1, .software = take_text(in), .unit = peers[peer], .to = CITY,
                       .tier = peers[peer] == PROVINCE ? TIER_PROVINCE : TIER_COUNTY, .lineage = lineage, .wish = wish, .wall_ms = s->node.now.wall_ms };
    if (chance(in, 16)) h.version = (uint32_t)pick(in, 3);
    if (chance(in, 16)) h.unit = take_unit(in);
    h.reply = chance(in, 128);
    h.owes = chance(in, 64);
    h.n_lineage = 1 + (chance(in, 64) ? pick(in, 3) : 0);
    if (chance(in, 48)) s->generation[peer] = (uint8_t)pick(in, 4);              /* it started again, or its store went back */
    for (size_t i = 0; i < h.n_lineage; i++)
        lineage[i] = (struct lineage_entry){ i + 1 == h.n_lineage ? epoch_of(peers[peer], s->generation[peer]) : take_epoch(s, in, peer), chance(in, 64)
            ? pick(in, 8) : 0 };
    for (size_t n = pick(in, 5); n > 0 && h.n_cursors < LINK_FEEDS_MAX; n--) {
        struct feed_id f = { pick(in, 2) ? (uint32_t)(peers[peer] == PROVINCE ? SCOPE_UP : SCOPE_ALL) : peers[peer] == PROVINCE ? SCOPE_UP : peers[peer],
            (uint8_t)pick(in, 4) };
        h.cursors[h.n_cursors++] = (struct feed_cursor){ f, { take_our_epoch(s, in), pick(in, 12), pick(in, 16) } };
    }
    if (chance(in, 64)) h.highest_stamp = chance(in, 128) ? take(in, 8) : store_last_stamp(s->node.store) + pick(in, 2);
    if (chance(in, 64)) for (size_t n = pick(in, 4); h.n_wish < n; ) wish[h.n_wish++] = (uint32_t)pick(in, 48);
    struct lz_bytes packet;
    if (hello_encode(fuzz_arena(), &h, &packet) == LZ_ok) feed(s, in, peer, packet, false);
}

static uint32_t take_origin(struct input *in, size_t peer) {
    if (chance(in, 48)) return take_unit(in);
    return peers[peer] == COUNTY_A && chance(in, 64) ? 410804 : peers[peer];
}

static size_t make_envelopes(struct session_ *s, struct input *in, size_t peer, bool given_back, struct lz_bytes *out, size_t max) {
    size_t n = 0;
    for (size_t want = 1 + (chance(in, 64) ? pick(in, max) : 0); n < want && n < max; n++) {
        struct arena *a = fuzz_arena();
        if (chance(in, 40) && s->pool.n) { out[n] = mutated(in, a, s->pool.envelopes[s->pool.n - 1 - pick(in, s->pool.n)]); continue; }
        if (chance(in, 8)) { out[n] = take_bytes(in, 300); continue; }
        struct record r = make_record(in, a, &s->pool, given_back && chance(in, 128) ? CITY : take_origin(in, peer), s->node.now.wall_ms);
        struct lz_fail fail = { 0 };
        if (record_encode(a, &r, &fail) != LZ_ok) r.envelope = (struct lz_bytes){ 0 };
        else pool_add(&s->pool, record_id(&r), r.envelope);
        out[n] = mutated(in, a, r.envelope);
    }
    return n;
}

static void say_batch(struct session_ *s, struct input *in, size_t peer) {
    enum { MAX = 6 };
    struct lz_bytes *list = arena_alloc(fuzz_arena(), MAX * sizeof *list);
    LZ_ASSERT(list);
    bool own = peers[peer] == PROVINCE && chance(in, 128);
    struct batch b = { .feed = { peers[peer] != PROVINCE ? SCOPE_UP : own ? CITY : SCOPE_ALL, (uint8_t)pick(in, LANE_COUNT) }, .epoch = take_epoch(s, in,
        peer), .envelopes = list };
    if (chance(in, 12)) b.feed.scope = take_unit(in);
    uint64_t *joins = &s->last_to[peer][b.feed.lane + (own ? LANE_COUNT : 0)];
    b.from = chance(in, 48) ? pick(in, 12) : *joins;
    b.to = b.from + (chance(in, 32) ? pick(in, 40) : 1);
    if (chance(in, 8)) b.to = b.from + take(in, 7);
    if (b.to > s->position[peer]) s->position[peer] = b.to;
    b.seen = s->position[peer] + (chance(in, 16) ? pick(in, 9) : 0);
    b.tip = chance(in, 32) ? pick(in, 12) : b.to;
    if (b.tip > b.seen) b.tip = b.seen;
    b.repair = chance(in, 64);
    b.n_envelopes = make_envelopes(s, in, peer, false, list, MAX);
    *joins = b.to;
    if (s->n_said == SAID_MAX) s->unknown_said = true;
    else s->said[s->n_said++] = (struct said){ peers[peer], b.feed, b.epoch, b.from, b.to, list, b.n_envelopes };
    struct lz_bytes packet;
    if (batch_encode(fuzz_arena(), &b, &packet) == LZ_ok) feed(s, in, peer, packet, false);
}

static struct feed_id our_feed(struct input *in, size_t peer) {
    uint32_t scope = peers[peer] == PROVINCE ? SCOPE_UP : chance(in, 128) ? SCOPE_ALL : peers[peer];
    return (struct feed_id){ chance(in, 16) ? take_unit(in) : scope, (uint8_t)pick(in, LANE_COUNT) };
}

static void say_tip_fetch_ack(struct session_ *s, struct input *in, size_t peer, size_t which) {
    struct arena *a = fuzz_arena();
    struct lz_bytes packet = { 0 };
    enum lz_err err = LZ_ok;
    if (which == 0) {
        struct tip t = { .epoch = take_epoch(s, in, peer), .seen = s->position[peer], .next_ms = chance(in, 32) ? (uint32_t)take(in, 4) : 1000,
            .wall_ms = s->node.now.wall_ms };
        for (size_t n = pick(in, 5); t.n_feeds < n; )
            t.feeds[t.n_feeds++] = (struct tip_entry){ { peers[peer] == PROVINCE ? (pick(in, 2) ? CITY : SCOPE_ALL) : SCOPE_UP, (uint8_t)pick(in, 4) },
                chance(in, 64) ? take(in, 8) : pick(in, 9) };
        t.cause = chance(in, 64) ? take_text(in) : (struct lz_bytes){ 0 };
        err = tip_encode(a, &t, &packet);
    } else if (which == 1) {
        struct fetch f = { our_feed(in, peer), take_our_epoch(s, in), chance(in, 64) ? take(in, 8) : pick(in, 9) };
        err = fetch_encode(a, &f, &packet);
    } else {
        struct ack k = { .epoch = take_our_epoch(s, in) };
        for (size_t n = 1 + pick(in, 4); k.n_cursors < n; )
            k.cursors[k.n_cursors++] = (struct feed_cursor){ our_feed(in, peer), { take_our_epoch(s, in), chance(in, 32) ? take(in, 8) : pick(in, 12),
                pick(in, 12) } };
        err = ack_encode(a, &k, &packet);
    }
    if (err == LZ_ok) feed(s, in, peer, packet, false);
}

static void say_reclaim(struct session_ *s, struct input *in, size_t peer, size_t which) {
    enum { MAX = 6 };
    struct arena *a = fuzz_arena();
    struct lz_bytes packet = { 0 }, after = chance(in, 48) ? take_bytes(in, 70) : (struct lz_bytes){ 0 };
    enum lz_err err;
    if (which != 0) {
        struct reclaim_ask ask = { take_epoch(s, in, peer), take_our_epoch(s, in), after, which == 1 ? 0 : pick(in, 16) };
        err = which == 1 ? reclaim_ask_encode(a, &ask, &packet) : reclaim_done_encode(a, &ask, &packet);
    } else {
        struct lz_bytes *list = arena_alloc(a, MAX * sizeof *list);
        LZ_ASSERT(list);
        struct reclaim_answer answer = { .asker = take_our_epoch(s, in), .answerer = take_epoch(s, in, peer), .after = after, .ended = !chance(in, 64),
            .envelopes = list };
        answer.final = answer.ended && !chance(in, 64);
        if (!answer.ended) answer.next = take_bytes(in, 70);
        answer.n_envelopes = chance(in, 128) ? make_envelopes(s, in, peer, true, list, MAX) : 0;
        s->reclaims = true;
        err = reclaim_answer_encode(a, &answer, &packet);
    }
    if (err == LZ_ok) feed(s, in, peer, packet, false);
}

/* Asks for what it may and may not have, or gives what is and is not wanted. */
static void say_repair(struct session_ *s, struct input *in, size_t peer) {
    enum { MAX = 6 };
    struct arena *a = fuzz_arena();
    struct lz_bytes *keys = arena_alloc(a, MAX * sizeof *keys), *list = arena_alloc(a, MAX * sizeof *list), packet;
    LZ_ASSERT(keys && list);
    struct repair r = { .keys = keys, .envelopes = list };
    bool answers = chance(in, 128);
    for (size_t n = pick(in, MAX); r.n_keys < n; r.n_keys++) {
        struct key key = s->pool.n ? key_id(s->pool.ids[pick(in, s->pool.n)]) : key_u64(0);
        keys[r.n_keys] = chance(in, 48) ? take_bytes(in, 70) : lz_bytes_of(arena_copy(a, key.b, key.len), key.len);
    }
    if (answers) r.n_envelopes = make_envelopes(s, in, peer, true, list, MAX);
    if (repair_encode(a, answers ? PACKET_REPAIR_ANSWER : PACKET_REPAIR_ASK, &r, &packet) == LZ_ok) feed(s, in, peer, packet, false);
}

static void say_raw(struct session_ *s, struct input *in, size_t peer) {
    if (chance(in, 128) && s->n_sent) {                          /* what we said comes back */
        s->unknown_said = s->reclaims = true;
        feed(s, in, peer, s->sent[pick(in, s->n_sent)], false);
        return;
    }
    struct lz_bytes body = take_bytes(in, 2000);
    uint8_t *packet = arena_alloc(fuzz_arena(), PACKET_HEADER_BYTES + body.len);
    LZ_ASSERT(packet);
    memcpy(packet, "LZ1/", 4);
    packet[4] = (uint8_t)(1 + pick(in, 12));
    packet[5] = 1;
    lz_put32(packet + 8, (uint32_t)body.len);
    if (body.len) memcpy(packet + PACKET_HEADER_BYTES, body.data, body.len);
    s->unknown_said = s->reclaims = true;
    feed(s, in, peer, lz_bytes_of(packet, PACKET_HEADER_BYTES + body.len), false);
}

static void submit_own(struct session_ *s, struct input *in) {
    struct record draft = make_record(in, fuzz_arena(), &s->pool, CITY, s->node.now.wall_ms), checked;
    struct lz_bytes bytes;
    struct lz_fail fail = { 0 };
    struct rec_id id;
    uint8_t request[16] = { (uint8_t)(1 + pick(in, 4)) };
    turn_of(s);
    if (turn_may_submit(s->node.turn, (enum lane)(draft.lane % LANE_COUNT), &fail) != LZ_ok) return;
    if (draft_encode(fuzz_arena(), &draft, &bytes, &fail) != LZ_ok || draft_decode(fuzz_arena(), bytes, &checked, &fail) != LZ_ok) return;
    uint8_t *author = arena_copy(turn_arena(s->node.turn), "clerk", 5), *asked = arena_copy(turn_arena(s->node.turn), request, sizeof request);
    LZ_ASSERT(author && asked);
    (void)!flow_submit(turn_flow(s->node.turn), &checked, lz_bytes_of(author, 5), lz_bytes_of(asked, 16), 0, &id, &fail);
}

static void restart(struct session_ *s) {
    struct lz_fail fail = { 0 };
    s->in_turn = false;                                          /* it dies in its turn: nothing of it happened */
    node_stop(&s->node);
    forget_turn(s);
    bool started = node_start(&s->node, &fail);
    must(started, "the store does not open again: %s", fail.text);
    judge_records(s, false);                                     /* a start may make moves of its own */
    store_abort(s->node.store);
    arena_reset(fuzz_arena());
}

static void change_children(struct session_ *s, struct input *in) {
    static const uint32_t subtrees[3][2] = { { COUNTY_A, 410804 }, { COUNTY_B, COUNTY_B }, { COUNTY_C, COUNTY_C } };
    size_t which = pick(in, 3);
    uint32_t code = subtrees[which][0];
    uint8_t key[32] = { 1 };
    if (s->in_turn) end_turn(s);
    turn_of(s);
    if (chance(in, 128) && roster_remove(s->node.roster, code)) turn_child_removed(s->node.turn, code);
    else {
        lz_put32(key + 4, code);
        if (roster_add(s->node.roster, code, key, subtrees[which], chance(in, 128) ? 1 : 2, NULL) == LZ_ok) turn_child_added(s->node.turn, code);
    }
    end_turn(s);
}

static void pass_time(struct session_ *s, struct input *in) {
    static const uint64_t units[] = { 1, 100, 1000, LZ_MINUTE_MS, LZ_HOUR_MS, LZ_DAY_MS };
    end_turn(s);
    uint64_t ms = units[pick(in, LZ_COUNT(units))] * (1 + take(in, 1));
    node_later(&s->node, ms);
    if (chance(in, 16)) s->node.now.wall_ms -= ms;               /* a clock set back */
}

static void operate(struct session_ *s, struct input *in) {
    turn_of(s);
    switch (pick(in, 8)) {
    case 0: turn_parent_event(s->node.turn, PARENT_CONNECTED); break;
    case 1: turn_parent_event(s->node.turn, PARENT_LOST); break;
    case 2: turn_parent_event(s->node.turn, PARENT_REFUSED); break;
    case 3: turn_override_reclaim(s->node.turn); break;
    case 4: (void)turn_resolve(s->node.turn, take_unit(in)); break;
    case 5: case 6: end_turn(s); turn_of(s); if (chance(in, 128)) turn_repair_give_up(s->node.turn); else turn_repair(s->node.turn); break;
    default: s->node.full = true; break;
    }
}

static void step(struct session_ *s, struct input *in) {
    size_t what = pick(in, 16), peer = (size_t[]){ 1, 0, 1, 2, 0, 1, 3, 4 }[pick(in, 8)];
    switch (what) {
    case 0: case 1: case 2: case 3: say_batch(s, in, peer); break;
    case 4: say_hello(s, in, peer); break;
    case 5: say_reclaim(s, in, peer, 0); break;
    case 6: say_reclaim(s, in, peer, 1 + pick(in, 2)); break;
    case 7: say_tip_fetch_ack(s, in, peer, 0); break;
    case 8: say_tip_fetch_ack(s, in, peer, 1); break;
    case 9: say_tip_fetch_ack(s, in, peer, 2); break;
    case 10: submit_own(s, in); break;
    case 11: if (chance(in, 96)) say_repair(s, in, peer); else say_raw(s, in, peer); break;
    case 12: pass_time(s, in); break;
    case 13: operate(s, in); break;
    case 14: if (chance(in, 128)) restart(s); else change_children(s, in); break;
    default: end_turn(s); break;
    }
}

/* Most conversations begin as they should: everybody has greeted and nothing is owed. The first byte may leave that out. */
static void introduce(struct session_ *s, struct input *in) {
    if (chance(in, 48)) return;
    for (size_t i = 0; i < 3; i++) {
        feed(s, in, i, hello_from(&s->node, peers[i], 0, 0), true);
        s->reclaims = true;
        feed(s, in, i, reclaim_end_from(&s->node, peers[i], 0), true);
    }
    end_turn(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct session_ s;
    static struct arena *look;
    struct input in = input_of(data, size);
    fuzz_begin();
    if (!look) look = arena_create((size_t)64 << 20);
    memset(&s, 0, sizeof s);
    memset(cursors, 0, sizeof cursors);
    s.look = look;
    bool worked = pick(&in, 3) == 2;                             /* on a store that has seen work, or an empty one */
    node_open(&s.node, worked ? worked_image(NULL) : (struct lz_bytes){ 0 });
    bool started = node_start(&s.node, NULL);
    LZ_ASSERT(started);
    judge_records(&s, worked);
    s.unknown_said = true;                                       /* where the story left them */
    judge_cursors(&s, cursors);
    s.unknown_said = false;
    memcpy(s.last_to, cursors, sizeof cursors);
    for (size_t i = 0; worked && i < PEERS; i++) s.position[i] = 20;
    store_abort(s.node.store);
    introduce(&s, &in);
    for (int steps = 0; steps < STEPS_MAX && input_left(&in); steps++) step(&s, &in);
    end_turn(&s);
    node_verify(&s.node, "at the end");
    restart(&s);
    node_verify(&s.node, "opened again");
    node_close(&s.node);
    pool_clear(&s.pool);
    for (size_t i = 0; i < s.n_sent; i++) free((void *)(uintptr_t)s.sent[i].data);
    return 0;
}
