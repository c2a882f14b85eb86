/* publish: what was committed goes to the neighbours: live from the bytes in hand, the rest read back from the store.
 *
 * Each follower of a feed has a place up to which it was sent without a hole (`sent`) and a window of what it has not yet
 * acknowledged. A batch goes out live when it joins on there; otherwise, or when the window is full, it waits on disk and is
 * read from there as acknowledgements come. A fetch sets the place back. So a slow or dark neighbour costs disk, not memory.
 *
 * The window follows the line: what is under way on a slow one is what an urgent record waits behind, whatever its lane. It doubles while
 * acknowledgements come soon and halves when they come late, so that no more than a few seconds' worth is ever under way. */
#include "turn_room.h"

void out_reset(struct out_feed *out, uint64_t position) {
    out->acked = out->sent = position;
    out->n_pushed = out->under_way = 0;
    out->ack_dirty = true;
    out->fetch_at_ms = out->fetch_wait_ms = 0;
}

static uint32_t window_of(const struct out_feed *out) { return out->window ? out->window : WINDOW_FIRST; }

/* With nothing under way one batch may always go. */
static bool window_open(const struct out_feed *out) {
    if (out->n_pushed == 0) return true;
    return out->n_pushed < WINDOW_PUSHES && out->under_way < window_of(out) && out->under_way + BATCH_BYTES_MAX <= WINDOW_BYTES;
}

static void window_judge(struct out_feed *out, uint64_t took_ms, uint32_t bytes) {
    uint32_t window = window_of(out);
    bool bulk = out->feed.lane == LANE_BULK;               /* its window fills whenever a file goes: what it may hold up is less */
    uint32_t late_ms = bulk ? WINDOW_BULK_LATE_MS : WINDOW_LATE_MS, most = bulk ? WINDOW_BULK_BYTES : WINDOW_BYTES;
    if (took_ms > late_ms) window /= 2;
    else if (took_ms < late_ms / 2) window += bytes;
    out->window = window < WINDOW_LEAST ? WINDOW_LEAST : window > most ? most : window;
}

static void pushed(struct out_feed *out, uint64_t to, size_t bytes, uint64_t now_ms) {
    LZ_ASSERT(out->n_pushed < WINDOW_PUSHES && to >= out->sent);
    if (out->n_pushed == 0 && now_ms > out->pushed_last_ms + WINDOW_PAUSE_MS && out->window > WINDOW_FIRST) out->window = WINDOW_FIRST;
    out->pushed_last_ms = now_ms;
    out->pushed[out->n_pushed] = to;
    out->pushed_ms[out->n_pushed] = now_ms;
    out->pushed_bytes[out->n_pushed++] = (uint32_t)bytes;
    out->under_way += (uint32_t)bytes;
    out->sent = to;
}

void publish_receipt(struct out_feed *out, uint64_t position, uint64_t now_ms) {
    if (position > out->acked) {
        out->acked = position;
        out->ack_dirty = true;
        out->fetch_at_ms = out->fetch_wait_ms = 0;
    }
    size_t n = 0;
    uint32_t before = out->under_way;
    while (n < out->n_pushed && out->pushed[n] <= position) out->under_way -= out->pushed_bytes[n++];
    if (n) window_judge(out, now_ms - out->pushed_ms[n - 1], before - out->under_way);
    memmove(out->pushed_ms, out->pushed_ms + n, (out->n_pushed - n) * sizeof *out->pushed_ms);
    memmove(out->pushed, out->pushed + n, (out->n_pushed - n) * sizeof *out->pushed);
    memmove(out->pushed_bytes, out->pushed_bytes + n, (out->n_pushed - n) * sizeof *out->pushed_bytes);
    out->n_pushed -= (uint32_t)n;
    if (out->sent < position) out->sent = position;
}

/* ---- what the follower says ------------------------------------------------------------------------------------------------ */

void publish_fetch(struct turn *t, struct link *l, struct lz_bytes body) {
    struct fetch fetch;
    if (fetch_decode(t->arena, body, &fetch) != LZ_ok) { t->counters.bad_packets++; return; }
    if (!l->greeted || !epoch_equal(fetch.epoch, store_epoch(t->o.store))) { link_say_hello(t, l, false); return; }
    struct out_feed *out = link_out(l, fetch.feed);
    if (!out) {
        /* a sibling's feed, or one that does not exist: it is told so, and nobody else learns anything */
        struct refusal refusal = { LZ_not_allowed, lz_bytes_str("无权读取这一传送目录") };
        struct lz_bytes packet;
        t->counters.forbidden++;
        lz_log(LZ_WARN, "fetch.forbidden peer=%06u scope=%u", l->code, fetch.feed.scope);
        if (refusal_encode(t->arena, &refusal, &packet) == LZ_ok) turn_post(t, l->code, CHANNEL_SYNC, packet);
        return;
    }
    if (fetch.from > out->tip) { t->counters.bad_packets++; return; }
    /* each may fill our queue to it once more: who never acknowledges waits ever longer */
    if (t->now.mono_ms < out->fetch_at_ms) { t->counters.limited++; return; }
    out->fetch_wait_ms = out->fetch_wait_ms == 0 ? FETCH_WAIT_MS / 2 : out->fetch_wait_ms < FETCH_WAIT_MAX_MS ? 2 * out->fetch_wait_ms : FETCH_WAIT_MAX_MS;
    out->fetch_at_ms = t->now.mono_ms + out->fetch_wait_ms;
    out->sent = fetch.from;
    out->n_pushed = out->under_way = 0;
    t->counters.fetches_served++;
}

void publish_ack(struct turn *t, struct link *l, struct lz_bytes body) {
    struct ack ack;
    if (ack_decode(t->arena, body, &ack) != LZ_ok) { t->counters.bad_packets++; return; }
    if (!l->greeted || !epoch_equal(ack.epoch, store_epoch(t->o.store))) { link_say_hello(t, l, false); return; }
    for (size_t i = 0; i < ack.n_cursors; i++) {
        struct out_feed *out = link_out(l, ack.cursors[i].feed);
        if (!out || ack.cursors[i].at.position > out->tip) { t->counters.bad_packets++; continue; }
        publish_receipt(out, ack.cursors[i].at.position, t->now.mono_ms);
    }
}

void publish_write_acks(struct turn *t) {
    for (struct link *l = t->links; l; l = l->next)
        for (size_t i = 0; i < l->n_out; i++) {
            struct out_feed *out = &l->out[i];
            if (!out->ack_dirty) continue;
            out->ack_dirty = false;
            uint8_t v[8];
            lz_put64(v, out->acked);
            store_put(t->o.store, TABLE_cursor, key_cursor(l->code, SIDE_THEY_FOLLOW, out->feed), lz_bytes_of(v, sizeof v));
        }
}

/* ---- live -------------------------------------------------------------------------------------------------------------------- */

static bool joins_on(const struct link *l, const struct out_feed *out, uint64_t from) {
    return l->greeted && !l->gone && !l->diverged && out->sent == from && window_open(out);
}

/* One batch of fresh entries, to everyone for whom it joins on. */
static void push(struct turn *t, const struct fresh_feed *f, uint64_t from, uint64_t to, struct lz_bytes *envelopes, size_t n) {
    struct batch b = { .feed = f->feed, .epoch = store_epoch(t->o.store), .from = from, .to = to, .seen = store_position(t->o.store), .tip = f->tip,
                       .envelopes = envelopes, .n_envelopes = n };
    struct lz_bytes packet = { 0 };
    bool published = false;
    for (struct link *l = t->links; l; l = l->next) {
        struct out_feed *out = link_out(l, f->feed);
        if (!out || !joins_on(l, out, from)) continue;
        if (!packet.data && batch_encode(t->arena, &b, &packet) != LZ_ok) return;
        if (f->feed.scope == SCOPE_ALL || f->feed.scope == SCOPE_UP) {
            if (!published) turn_post(t, f->feed.scope == SCOPE_UP ? l->code : 0, f->feed.scope == SCOPE_UP ? CHANNEL_LIVE_UP : CHANNEL_LIVE_DOWN, packet);
            published = true;
        } else turn_post(t, l->code, CHANNEL_SYNC, packet);
        pushed(out, to, packet.len, t->now.mono_ms);
        t->counters.batches_live++;
    }
}

static void publish_feed(struct turn *t, const struct fresh_feed *f) {
    struct lz_bytes *list = arena_alloc_raw(t->arena, BATCH_RECORDS_MAX * sizeof *list);
    if (!list) return;                                 /* the tip will tell, and it is on disk */
    size_t n = 0, bytes = 0;
    uint64_t from = f->tip_before, to = from;
    for (size_t i = 0; i < f->n_entries; i++) {
        const struct fresh_entry *e = &f->entries[i];
        size_t cost = e->bytes + e->n_envelopes * 8;
        if (n && (bytes + cost > BATCH_FILL_BYTES || n + e->n_envelopes > BATCH_RECORDS_MAX)) {
            push(t, f, from, to, list, n);
            from = to;
            n = bytes = 0;
        }
        for (size_t k = 0; k < e->n_envelopes; k++) list[n++] = e->envelopes[k];
        bytes += cost;
        to = e->position;
    }
    push(t, f, from, f->tip, list, n);
}

void publish_live(struct turn *t) {
    const struct fresh_feed *feeds;
    size_t n = store_fresh(t->o.store, &feeds);
    for (size_t i = 0; i < n; i++) {
        for (struct link *l = t->links; l; l = l->next) {
            struct out_feed *out = link_out(l, feeds[i].feed);
            if (out) out->tip = feeds[i].tip;
        }
        if (feeds[i].feed.scope == SCOPE_EXPORT) continue;                   /* nobody's but the clerk's */
        if (feeds[i].tip > feeds[i].tip_before) publish_feed(t, &feeds[i]);
    }
    if (n) { t->tip_interval_ms = t->o.tip_ms; if (t->tip_at_ms > t->now.mono_ms + t->o.tip_ms) t->tip_at_ms = t->now.mono_ms + t->o.tip_ms; }
}

/* ---- from disk --------------------------------------------------------------------------------------------------------------- */

static size_t serve_one(struct turn *t, struct link *l, struct out_feed *out) {
    struct batch b = { .feed = out->feed, .epoch = store_epoch(t->o.store), .from = out->sent, .seen = store_position(t->o.store), .tip = out->tip,
            .repair = true };
    struct lz_bytes packet;
    size_t fill = window_of(out) / 2 < BATCH_FILL_BYTES ? window_of(out) / 2 : BATCH_FILL_BYTES;       /* an entry at least comes, however large */
    b.n_envelopes = store_feed_read(t->o.store, t->arena, out->feed, out->sent, fill, &b.envelopes, &b.to);
    if (b.to > b.seen || b.to <= b.from || batch_encode(t->arena, &b, &packet) != LZ_ok) return 0;
    turn_post(t, l->code, CHANNEL_SYNC, packet);
    pushed(out, b.to, packet.len, t->now.mono_ms);
    t->counters.batches_repair++;
    return packet.len;
}

/* Lanes in their order; every eighth batch of a link begins one lane lower, so that none starves. */
static size_t serve_link(struct turn *t, struct link *l, size_t budget) {
    size_t bytes = 0;
    for (unsigned round = 0; bytes < budget; round++) {
        size_t got = 0;
        uint8_t first = round % 8 == 7 ? (uint8_t)(round / 8 % LANE_COUNT) : 0;
        for (uint8_t k = 0; k < LANE_COUNT && !got; k++) {
            uint8_t lane = (uint8_t)((first + k) % LANE_COUNT);
            for (size_t i = 0; i < l->n_out && !got; i++) {
                struct out_feed *out = &l->out[i];
                if (out->feed.lane == lane && out->sent < out->tip && window_open(out)) got = serve_one(t, l, out);
            }
        }
        if (!got) break;
        bytes += got;
    }
    return bytes;
}

/* Around all links once, from where the last turn had to stop. */
void publish_serve(struct turn *t) {
    size_t left = TURN_SERVE_BYTES, n = 0, peers = 0;
    t->serve_more = false;
    for (struct link *l = t->links; l; l = l->next) n++;
    size_t at = n ? t->serve_from % n : 0;
    struct link *l = t->links;
    for (size_t i = 0; i < at; i++) l = l->next;
    for (size_t turn_of = 0; turn_of < n; turn_of++, at = l->next ? at + 1 : 0, l = l->next ? l->next : t->links) {
        if (!l->greeted || l->gone || l->diverged) continue;
        if (left < BATCH_BYTES_MAX || peers == SERVE_PEERS_MAX || arena_room(t->arena) < (size_t)16 << 20) {
            t->serve_from = at;
            for (size_t i = 0; i < l->n_out; i++) t->serve_more |= l->out[i].sent < l->out[i].tip && window_open(&l->out[i]);
            if (t->serve_more) return;
            continue;
        }
        size_t bytes = serve_link(t, l, left - BATCH_BYTES_MAX + 1);
        peers += bytes > 0;
        left -= bytes < left ? bytes : left;
    }
}

/* ---- acknowledgements and tips -------------------------------------------------------------------------------------------------- */

void publish_acks(struct turn *t) {
    for (struct link *l = t->links; l; l = l->next) {
        struct ack ack = { .epoch = l->epoch };
        for (size_t i = 0; i < l->n_in; i++) {
            if (!l->in[i].ack) continue;
            l->in[i].ack = false;
            ack.cursors[ack.n_cursors++] = (struct feed_cursor){ l->in[i].feed, l->in[i].cursor };
        }
        struct lz_bytes packet;
        if (ack.n_cursors && l->greeted && ack_encode(t->arena, &ack, &packet) == LZ_ok) turn_post(t, l->code, CHANNEL_SYNC, packet);
    }
}

/* Why this node is not in sync with its own parent: its children pass it on to whoever asks them. */
static struct lz_bytes own_cause(struct turn *t) {
    struct link *up = t->links && t->links->is_parent ? t->links : NULL;
    if (!up || up->state == LINK_live) return (struct lz_bytes){ 0 };
    char *text = arena_printf(t->arena, "%06u 与上级 %06u %s：%s", t->o.unit, up->code, link_zh(up->state), up->reason);
    return text ? lz_bytes_of(text, strlen(text) > 200 ? 0 : strlen(text)) : (struct lz_bytes){ 0 };
}

bool publish_compose_tip(struct turn *t, struct link *l, uint32_t next_ms, struct lz_bytes *packet) {
    struct tip tip = { .epoch = store_epoch(t->o.store), .seen = store_position(t->o.store), .next_ms = next_ms, .wall_ms = t->now.wall_ms };
    tip.heard_ms = (uint32_t)(t->now.mono_ms - l->heard_ms);
    if (!l->is_parent) tip.cause = own_cause(t);
    for (size_t i = 0; i < l->n_out; i++) tip.feeds[tip.n_feeds++] = (struct tip_entry){ l->out[i].feed, l->out[i].tip };
    return tip_encode(t->arena, &tip, packet) == LZ_ok;
}

static void tip_to(struct turn *t, struct link *l, uint32_t next_ms) {
    struct lz_bytes packet;
    if (l->told_next_ms != next_ms) {
        l->told_before_ms = l->told_next_ms;
        l->told_changed_ms = t->now.mono_ms;
        l->told_next_ms = next_ms;
    }
    if (publish_compose_tip(t, l, next_ms, &packet)) turn_post(t, l->code, CHANNEL_SYNC, packet);
}

/* Every second while there is traffic, then ever more slowly: a lost last batch is seen, an idle node sleeps. The tip goes over
 * the proving channel: it is the heartbeat of the link as well. */
void publish_tips(struct turn *t, bool now) {
    bool behind = false;
    if (!now && t->now.mono_ms < t->tip_at_ms) return;
    for (struct link *l = t->links; l; l = l->next)
        for (size_t i = 0; l->greeted && i < l->n_out; i++) behind |= l->out[i].acked < l->out[i].tip;
    t->tip_interval_ms = behind ? t->o.tip_ms : t->tip_interval_ms * 2;
    if (t->tip_interval_ms > t->o.tip_idle_ms) t->tip_interval_ms = t->o.tip_idle_ms;
    for (struct link *l = t->links; l; l = l->next)
        if (l->greeted && !l->gone) tip_to(t, l, (uint32_t)t->tip_interval_ms);
    t->tip_at_ms = t->now.mono_ms + t->tip_interval_ms;
}
