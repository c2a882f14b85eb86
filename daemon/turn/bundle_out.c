/* bundle_out: a bundle is composed for a neighbour, after each commit, a little ahead of who takes it. */
#include "bundle_room.h"

/* ---- beginning ------------------------------------------------------------------------------------------------------------ */

/* Where each feed begins and ends: after what the neighbour has confirmed, or where the part before ended. The ends are those of the
 * last commit: what this turn adds comes with the next bundle. */
static void take_feeds(struct exporting *e, const struct link *l, const struct exporting *before) {
    e->n_feeds = l->n_out;
    for (size_t i = 0; i < l->n_out; i++) {
        e->feeds[i] = (struct export_feed){ l->out[i].feed, l->out[i].acked, l->out[i].tip };
        if (before && before->n_feeds == l->n_out) e->feeds[i].at = before->feeds[i].at;
    }
    e->answers = l->bundle.asked;
    e->after = l->bundle.asked_after;
    if (before && epoch_equal(before->answers, e->answers)) e->after = before->after;
}

static enum lz_err may_export(struct turn *t, const struct link *l, uint32_t to, uint64_t max_bytes, struct lz_fail *fail) {
    if (t->unborn) return turn_may_submit(t, LANE_FLASH, fail);
    if (!l || l->gone) return lz_refuse(fail, LZ_not_enrolled, "%06u 不是上级，也不是已登记的下级；离线包只能给直接的上下级", to);
    if (l->diverged) return lz_refuse(fail, LZ_not_allowed, "与 %06u 的记录线已分叉；请先查明并执行 links resolve", to);
    if (max_bytes < BUNDLE_BYTES_MIN) return lz_refuse(fail, LZ_bad_argument, "一个离线包至少要能有 %d 字节", BUNDLE_BYTES_MIN);
    return bundle_public_key(t, l) ? LZ_ok : lz_refuse(fail, LZ_bad_key, "没有 %06u 的公钥", to);
}

enum lz_err turn_export_begin(struct turn *t, uint32_t to, uint64_t max_bytes, uint64_t after, uint64_t id, const uint8_t salt[BUNDLE_SALT_BYTES],
                              struct lz_fail *fail) {
    struct link *l = link_find(t, to);
    struct bundle_session *before = after ? bundle_session(t, after, SESSION_EXPORT) : NULL;
    LZ_ASSERT(t->in_turn);
    enum lz_err err = may_export(t, l, to, max_bytes, fail);
    if (err != LZ_ok) return err;
    if (after && (!before || before->peer != to || before->of.out.step != STEP_ENDED)) return lz_refuse(fail, LZ_not_found, "要接续的离线包已不在；请重新导出");
    struct exporting prior = before ? before->of.out : (struct exporting){ 0 };
    if (before) turn_bundle_end(t, after);                       /* it has said where it ended */
    struct bundle_session *s = bundle_session_make(t, id, SESSION_EXPORT, EXPORT_BUFFER_BYTES, fail);
    if (!s) return fail ? fail->code : LZ_too_many;
    struct exporting *e = &s->of.out;
    s->peer = to;
    e->max_bytes = max_bytes;
    l->bundle.out_serial++;
    l->bundle.out_wall_ms = t->now.wall_ms;
    bundle_save_out(t, l);
    if (l->reclaim && (epoch_none(l->bundle.session) || l->bundle.session_closed)) {       /* asked by file for the first time */
        l->bundle.session = store_epoch(t->o.store);
        l->bundle.session_closed = false;
        bundle_save_session(t, l);
    }
    take_feeds(e, l, after ? &prior : NULL);
    e->header = (struct bundle_header){ .format = BUNDLE_FORMAT, .from = t->o.unit, .to = to, .epoch = store_epoch(t->o.store), .serial = l->bundle.out_serial,
                                        .continues = prior.header.serial, .created_ms = t->now.wall_ms };
    memcpy(e->header.salt, salt, sizeof e->header.salt);
    bundle_header_put(&e->header, s->buffer);
    e->have = BUNDLE_HEADER_BYTES;
    e->made = (struct bundle_made){ .serial = e->header.serial, .continues = e->header.continues, .bytes = BUNDLE_HEADER_BYTES };
    bool keyed = bundle_key_make(bundle_public_key(t, l), t->o.secret_key, s->buffer, &e->key);
    if (keyed) return LZ_ok;
    turn_bundle_end(t, id);
    return lz_refuse(fail, LZ_bad_key, "%06u 登记的公钥不能用", to);
}

/* ---- composing --------------------------------------------------------------------------------------------------------------- */

static bool has_room(const struct exporting *e) { return e->have + BUNDLE_FRAME_MAX <= EXPORT_BUFFER_BYTES; }

static void put_chunk(struct bundle_session *s, enum bundle_kind kind, struct lz_bytes body) {
    struct exporting *e = &s->of.out;
    size_t n = bundle_seal(&e->key, e->index++, kind, body, s->buffer + e->have);
    e->have += n;
    e->made.bytes += n;
    e->made.packets += kind == BUNDLE_PACKET;
}

static void put_intro(struct turn *t, struct bundle_session *s, const struct link *l) {
    uint8_t text[160];
    struct bundle_intro intro = { .answers = s->of.out.answers };
    const struct link_bundle *b = &l->bundle;
    (void)t;
    if (b->session_closed) intro.closed = b->session;
    else if (l->reclaim) {
        intro.ask = b->session;
        intro.after.len = l->reclaim_after.len;
        memcpy(intro.after.b, l->reclaim_after.b, l->reclaim_after.len);
    }
    put_chunk(s, BUNDLE_INTRO, bundle_intro_put(&intro, text));
}

/* The file is as long as it may be: the rest is for the next part. There is always one batch in it. */
static bool is_long(struct exporting *e) {
    enum { ENDING = 4096 };                                      /* tips and trailer */
    return e->made.bytes + BATCH_BYTES_MAX + ENDING > e->max_bytes && e->made.records > 0;
}

static bool put_answer(struct turn *t, struct bundle_session *s, struct link *l) {
    struct exporting *e = &s->of.out;
    struct reclaim_answer a;
    struct lz_bytes packet;
    if (is_long(e)) { e->made.more = true; e->step = STEP_TIPS; return true; }
    if (!reclaim_compose(t, l, e->answers, key_view(&e->after), &a, &packet)) return false;
    put_chunk(s, BUNDLE_PACKET, packet);
    e->made.records += a.n_envelopes;
    e->after = key_bytes(a.next);
    if (a.ended) e->step = STEP_BATCHES;
    return true;
}

/* The most urgent lane that has something left. */
static struct export_feed *next_feed(struct exporting *e) {
    struct export_feed *best = NULL;
    for (size_t i = 0; i < e->n_feeds; i++)
        if (e->feeds[i].at < e->feeds[i].end && (!best || e->feeds[i].feed.lane < best->feed.lane)) best = &e->feeds[i];
    return best;
}

static bool put_batch(struct turn *t, struct bundle_session *s) {
    struct exporting *e = &s->of.out;
    struct export_feed *f = next_feed(e);
    struct lz_bytes packet;
    if (!f) { e->step = STEP_TIPS; return true; }
    if (is_long(e)) { e->made.more = true; e->step = STEP_TIPS; return true; }
    struct batch b = { .feed = f->feed, .epoch = store_epoch(t->o.store), .from = f->at, .seen = store_position(t->o.store), .tip = f->end, .repair = true };
    b.n_envelopes = store_feed_read(t->o.store, t->arena, f->feed, f->at, BATCH_FILL_BYTES, &b.envelopes, &b.to);
    if (b.tip < b.to) b.tip = b.to;
    if (b.to <= b.from || b.to > b.seen || batch_encode(t->arena, &b, &packet) != LZ_ok) return false;
    put_chunk(s, BUNDLE_PACKET, packet);
    e->made.records += b.n_envelopes;
    f->at = b.to;
    return true;
}

static void put_trailer(struct bundle_session *s) {
    struct exporting *e = &s->of.out;
    uint8_t text[BUNDLE_TRAILER_BYTES];
    struct bundle_trailer trailer = { e->made.packets, e->made.records, e->made.bytes, e->made.more };
    bundle_trailer_put(&trailer, text);
    put_chunk(s, BUNDLE_TRAILER, lz_bytes_of(text, sizeof text));
}

static bool put_packet(struct bundle_session *s, bool composed, struct lz_bytes packet) {
    if (composed) put_chunk(s, BUNDLE_PACKET, packet);
    return composed;
}

static bool step(struct turn *t, struct bundle_session *s, struct link *l) {
    struct exporting *e = &s->of.out;
    struct lz_bytes packet;
    switch (e->step) {
    case STEP_INTRO: put_intro(t, s, l); e->step = STEP_HELLO; return true;
    case STEP_HELLO: e->step = epoch_none(e->answers) ? STEP_BATCHES : STEP_ANSWERS; return put_packet(s, link_compose_hello(t, l, true, &packet), packet);
    case STEP_ANSWERS: return put_answer(t, s, l);
    case STEP_BATCHES: return put_batch(t, s);
    case STEP_TIPS: e->step = STEP_TRAILER; return put_packet(s, publish_compose_tip(t, l, (uint32_t)t->o.tip_idle_ms, &packet), packet);
    case STEP_TRAILER: put_trailer(s); e->step = STEP_ENDED; return true;
    case STEP_ENDED: break;
    }
    return true;
}

void bundle_compose(struct turn *t) {
    for (size_t i = 0; i < BUNDLE_SESSIONS_MAX; i++) {
        struct bundle_session *s = t->bundles[i];
        if (!s || s->kind != SESSION_EXPORT || s->of.out.failed || !has_room(&s->of.out)) continue;
        struct link *l = link_find(t, s->peer);
        size_t before = s->of.out.have;
        while (!s->of.out.failed && s->of.out.step != STEP_ENDED && has_room(&s->of.out) && s->of.out.have - before < BUNDLE_SLICE_BYTES)
            s->of.out.failed = !l || l->gone || l->diverged || arena_room(t->arena) < (size_t)16 << 20 || !step(t, s, l);
        if (s->of.out.failed) lz_log(LZ_WARN, "bundle.export_failed peer=%06u serial=%llu", s->peer, (unsigned long long)s->of.out.header.serial);
    }
}

/* ---- taking -------------------------------------------------------------------------------------------------------------------- */

enum export_state turn_export_read(struct turn *t, uint64_t id, uint64_t offset, struct lz_bytes *bytes, struct bundle_made *made) {
    struct bundle_session *s = bundle_session(t, id, SESSION_EXPORT);
    *bytes = (struct lz_bytes){ 0 };
    if (!s || s->of.out.failed) return EXPORT_GONE;
    struct exporting *e = &s->of.out;
    if (offset < e->start || offset > e->start + e->have) return EXPORT_GONE;
    size_t given = (size_t)(offset - e->start), left = (size_t)e->have - given;
    if (left == 0 && e->step == STEP_ENDED) { *made = e->made; return EXPORT_ENDED; }
    if (left == 0 || given > 0) {                              /* what was taken makes room */
        memmove(s->buffer, s->buffer + given, left);
        e->start = offset;
        e->have = left;
    }
    if (left == 0 || s->turn == t->counters.turns) return EXPORT_WAIT;        /* its serial is not on disk yet */
    *bytes = lz_bytes_of(s->buffer, left < BUNDLE_SLICE_BYTES ? left : BUNDLE_SLICE_BYTES);
    return EXPORT_BYTES;
}

bool turn_exports(const struct turn *t) {
    for (size_t i = 0; i < BUNDLE_SESSIONS_MAX; i++)
        if (t->bundles[i] && t->bundles[i]->kind == SESSION_EXPORT && t->bundles[i]->of.out.step != STEP_ENDED) return true;
    return false;
}

static uint64_t mix(uint64_t hash, const void *data, size_t len) { return lz_hash64(hash, data, len); }

uint64_t turn_export_confirmed(struct turn *t, uint32_t to) {
    struct link *l = link_find(t, to);
    uint64_t hash = 1;
    for (size_t i = 0; l && i < l->n_out; i++) hash = mix(hash, &l->out[i].acked, sizeof l->out[i].acked);
    return hash;
}

uint64_t turn_export_news(struct turn *t, uint32_t to) {
    struct link *l = link_find(t, to);
    if (!l || l->gone || l->diverged || link_has_network(t, l)) return 0;
    struct epoch epoch = store_epoch(t->o.store);
    uint64_t hash = mix(1, epoch.b, sizeof epoch.b);
    for (size_t i = 0; i < l->n_in; i++) hash = mix(hash, &l->in[i].cursor.position, sizeof l->in[i].cursor.position);
    for (size_t i = 0; i < l->n_out; i++) hash = mix(hash, &l->out[i].tip, sizeof l->out[i].tip);
    uint8_t flags[4] = { l->owes, l->reclaim, l->bundle.session_closed, 0 };
    for (const struct link *other = t->links; other; other = other->next) flags[3] = (uint8_t)(flags[3] + (other->reclaim && !other->gone));
    hash = mix(hash, flags, sizeof flags);
    hash = mix(hash, l->bundle.asked.b, sizeof l->bundle.asked.b);
    hash = mix(hash, l->bundle.asked_after.b, l->bundle.asked_after.len);
    hash = mix(hash, l->bundle.session.b, sizeof l->bundle.session.b);
    return hash ? hash : 1;
}
