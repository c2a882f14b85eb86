/* reclaim: a node's own comes back to it from its neighbours.
 *
 * "The verdict is durable before the evidence goes": the neighbour that saw it commits `owes` with its reset and says so in each
 * hello; the node commits a row per neighbour, and a new store opens these rows at once. Until a neighbour's first answer has
 * ended its feeds are not applied. An answer is final when the answerer has no row open except to the asker; else it is asked
 * again. An answer carries both epochs, so one from before a restart is recognised. */
#include "turn_room.h"

enum { ROW_HEAD = 1 };

static void row_put(struct turn *t, const struct link *l) {
    uint8_t v[ROW_HEAD + sizeof l->reclaim_after.b];
    v[0] = l->reclaim_passed;
    memcpy(v + ROW_HEAD, l->reclaim_after.b, l->reclaim_after.len);
    store_put(t->o.store, TABLE_reclaim, key_u32(l->code), lz_bytes_of(v, ROW_HEAD + (size_t)l->reclaim_after.len));
}

/* A row that cannot be read still says that it is open: it begins anew. */
void reclaim_load(struct turn *t, struct link *l) {
    struct lz_bytes v;
    l->reclaim = store_has(t->o.store, TABLE_reclaim, key_u32(l->code));
    l->reclaim_passed = false;
    l->reclaim_after = (struct key){ 0 };
    if (l->reclaim && store_get(t->o.store, TABLE_reclaim, key_u32(l->code), &v) && v.len >= ROW_HEAD && v.len <= ROW_HEAD + sizeof l->reclaim_after.b) {
        l->reclaim_passed = v.data[0] != 0;
        l->reclaim_after = key_bytes(lz_bytes_of(v.data + ROW_HEAD, v.len - ROW_HEAD));
    }
    l->owes = store_has(t->o.store, TABLE_owes, key_u32(l->code));
}

void reclaim_save(struct turn *t, struct link *l) {
    if (l->reclaim) row_put(t, l);
    if (l->owes) store_put(t->o.store, TABLE_owes, key_u32(l->code), (struct lz_bytes){ 0 });
}

/* One answer opens the door to clerks. A document number needs them all: what a unit has numbered may be known to one child alone. */
void reclaim_hold_numbers(struct turn *t) {
    bool open = false;
    for (const struct link *l = t->links; l; l = l->next) open |= l->reclaim && !l->gone;
    flow_hold_numbers(t->flow, open && !t->overridden && t->now.mono_ms < t->wait_until_ms);
}

void reclaim_open_all(struct turn *t, const struct link *by, const char *why) {
    bool any = false;
    uint64_t until = by && !by->is_parent ? t->now.mono_ms + CLAIM_WAIT_MS : UINT64_MAX;
    for (struct link *l = t->links; l; l = l->next) {
        if (l->gone || l->reclaim) continue;
        l->reclaim = any = true;
        bundle_reclaim_opened(t, l);
        l->reclaim_passed = false;
        l->reclaim_after = (struct key){ 0 };
        l->reclaim_next_ms = 0;
        row_put(t, l);
    }
    if (!any) return;
    t->answered = false;
    if (until > t->wait_until_ms) t->wait_until_ms = until;
    reclaim_hold_numbers(t);
    lz_log(LZ_WARN, "reclaim.open why=%s by=%06u", why, by ? by->code : 0);
}

void reclaim_ask_peer(struct turn *t, struct link *l) {
    if (!l->greeted || t->now.mono_ms < l->reclaim_next_ms) return;
    l->reclaim_next_ms = t->now.mono_ms + RECLAIM_WAIT_MS;
    struct reclaim_ask ask = { store_epoch(t->o.store), l->epoch, key_view(&l->reclaim_after), 0 };
    struct lz_bytes packet;
    if (reclaim_ask_encode(t->arena, &ask, &packet) == LZ_ok) turn_post(t, l->code, CHANNEL_SYNC, packet);
}

/* ---- answering --------------------------------------------------------------------------------------------------------------- */

static bool fits(struct reclaim_answer *a, size_t *bytes, size_t len) {
    if (a->n_envelopes == RECLAIM_SLICE || *bytes + len + 8 > BATCH_FILL_BYTES) return false;
    *bytes += len + 8;
    return true;
}

/* Records of one origin after a key; false when the answer is full, *last is then where it goes on. */
static bool give_origin(struct turn *t, uint32_t origin, struct key *last, struct reclaim_answer *a, size_t *bytes) {
    struct key prefix = key_u32(origin), key = last->len >= 4 && key_begins(last, &prefix, 4) ? key_after(*last) : prefix;
    struct lz_bytes v;
    for (; store_seek(t->o.store, TABLE_record, &key, &v) && key_begins(&key, &prefix, 4); key = key_after(key)) {
        struct stored stored;
        if (!store_record_parse(v, &stored)) continue;
        if (!fits(a, bytes, stored.envelope.len)) return false;
        const uint8_t *copy = arena_copy(t->arena, stored.envelope.data, stored.envelope.len);
        if (!copy) return false;
        a->envelopes[a->n_envelopes++] = lz_bytes_of(copy, stored.envelope.len);
        *last = key;
    }
    return true;
}

/* What the peer wrote itself, and its whole subtree, after a key; a slice. */
bool reclaim_compose(struct turn *t, struct link *l, struct epoch asker, struct lz_bytes after, struct reclaim_answer *a, struct lz_bytes *packet) {
    *a = (struct reclaim_answer){ .asker = asker, .answerer = store_epoch(t->o.store), .after = after, .ended = true };
    a->envelopes = arena_alloc_raw(t->arena, RECLAIM_SLICE * sizeof *a->envelopes);
    uint8_t *next = arena_alloc_raw(t->arena, sizeof (struct key));
    if (!a->envelopes || !next) return false;
    struct key last = key_bytes(after);
    size_t bytes = 0;
    const struct child *child = l->is_parent ? NULL : roster_find(t->o.roster, l->code);
    /* a child gets its whole subtree's, the parent its own */
    const uint32_t *origins = child ? child->subtree : &l->code;
    size_t n = child ? child->n_subtree : 1;
    for (size_t i = 0; i < n && a->ended; i++) {
        if (last.len >= 4 && origins[i] < lz_get32(last.b)) continue;
        a->ended = give_origin(t, origins[i], &last, a, &bytes);
    }
    a->final = a->ended;
    for (struct link *other = t->links; other && a->ended; other = other->next)
        if (other != l && other->reclaim && !other->gone) a->final = false;
    memcpy(next, last.b, last.len);
    a->next = lz_bytes_of(next, last.len);
    return reclaim_answer_encode(t->arena, a, packet) == LZ_ok;
}

void reclaim_on_ask(struct turn *t, struct link *l, struct lz_bytes body) {
    struct reclaim_ask ask;
    if (reclaim_ask_decode(t->arena, body, &ask) != LZ_ok) { t->counters.bad_packets++; return; }
    if (!l->greeted || !epoch_equal(ask.answerer, store_epoch(t->o.store)) || !epoch_equal(ask.asker, l->epoch)) { link_say_hello(t, l, false); return; }
    if (l->gave_turn != t->counters.turns) { l->gave_turn = t->counters.turns; l->gave = 0; }
    if (l->gave++ >= RECLAIMS_A_TURN) { t->counters.limited++; return; }
    struct reclaim_answer a;
    struct lz_bytes packet;
    if (reclaim_compose(t, l, ask.asker, ask.after, &a, &packet)) turn_post(t, l->code, CHANNEL_SYNC, packet);
}

/* ---- taking back --------------------------------------------------------------------------------------------------------------- */

/* Whole again, we hold records of our neighbours that they may have lost meanwhile: the next hello names their highest stamp. What was
 * waited for has come: a claim that follows is judged by who makes it. */
static void say_again_when_whole(struct turn *t) {
    for (struct link *l = t->links; l; l = l->next)
        if (l->reclaim && !l->gone) return;
    t->wait_until_ms = 0;
    for (struct link *l = t->links; l; l = l->next) {
        if (!l->greeted || l->gone) continue;
        l->hello_sent_ms = 0;
        link_say_hello(t, l, false);
    }
}

static void close_row(struct turn *t, struct link *l) {
    l->reclaim = false;
    bundle_reclaim_closed(t, l);
    store_delete(t->o.store, TABLE_reclaim, key_u32(l->code));
    struct reclaim_ask done = { store_epoch(t->o.store), l->epoch, { 0 }, store_position(t->o.store) };
    struct lz_bytes packet;
    if (reclaim_done_encode(t->arena, &done, &packet) == LZ_ok) turn_post(t, l->code, CHANNEL_SYNC, packet);
    flow_rollups_again(t->flow);
    say_again_when_whole(t);
    lz_log(LZ_INFO, "reclaim.done peer=%06u", l->code);
}

static void take_answer(struct turn *t, struct link *l, const struct reclaim_answer *answer) {
    struct reclaim_answer a = *answer;
    if (t->room.exhausted) return;                       /* asked again when there is room */
    struct key next = key_bytes(a.next);
    if (!a.ended && (a.next.len == 0 || lz_bytes_compare(key_view(&next), key_view(&l->reclaim_after)) <= 0)) { t->counters.bad_packets++; return; }
    for (size_t i = 0; i < a.n_envelopes; i++) follow_apply(t, l, a.envelopes[i], LAND_RECLAIM);
    if (a.n_envelopes) lz_log(LZ_INFO, "reclaim.got peer=%06u records=%zu", l->code, a.n_envelopes);
    l->reclaim_next_ms = 0;
    if (!a.ended) {
        l->reclaim_after = key_bytes(a.next);
        row_put(t, l);
        reclaim_ask_peer(t, l);
        return;
    }
    l->reclaim_passed = t->answered = true;
    if (a.final) { close_row(t, l); return; }
    /* the answerer has not all of its own yet, maybe for weeks: asked again when it greets, for it does when it has; seldom before, for
     * it answers with everything */
    l->reclaim_after = (struct key){ 0 };
    l->reclaim_next_ms = t->now.mono_ms + RECLAIM_AGAIN_MS;
    row_put(t, l);
}

void reclaim_on_answer(struct turn *t, struct link *l, struct lz_bytes body) {
    struct reclaim_answer a;
    if (reclaim_answer_decode(t->arena, body, &a) != LZ_ok) { t->counters.bad_packets++; return; }
    if (!l->greeted || !epoch_equal(a.asker, store_epoch(t->o.store)) || !epoch_equal(a.answerer, l->epoch)) return;
    if (!l->reclaim || !lz_bytes_equal(a.after, key_view(&l->reclaim_after))) return;
    take_answer(t, l, &a);
}

/* Out of a file: it answers the asking that goes on over our restarts, and may begin before the place that we have reached. */
void reclaim_on_filed_answer(struct turn *t, struct link *l, struct lz_bytes body) {
    struct reclaim_answer a;
    if (reclaim_answer_decode(t->arena, body, &a) != LZ_ok) { t->counters.bad_packets++; return; }
    bool ours = !epoch_none(l->bundle.session) && !l->bundle.session_closed && epoch_equal(a.asker, l->bundle.session);
    if (!l->greeted || !ours || !epoch_equal(a.answerer, l->epoch) || !l->reclaim) return;
    if (lz_bytes_compare(a.after, key_view(&l->reclaim_after)) > 0) return;          /* a part is missing: asked for again */
    if (!a.ended && lz_bytes_compare(a.next, key_view(&l->reclaim_after)) <= 0) return;
    take_answer(t, l, &a);
}

void reclaim_on_done(struct turn *t, struct link *l, struct lz_bytes body) {
    struct reclaim_ask done;
    if (reclaim_ask_decode(t->arena, body, &done) != LZ_ok) { t->counters.bad_packets++; return; }
    if (!l->greeted || !epoch_equal(done.asker, l->epoch) || !epoch_equal(done.answerer, store_epoch(t->o.store)) || !l->owes) return;
    l->owes = false;
    store_delete(t->o.store, TABLE_owes, key_u32(l->code));
    follow_has_seen(l, done.seen);
}
