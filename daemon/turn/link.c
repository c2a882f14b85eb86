/* link: hello and what it proves, the state of each link and its reason. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "turn_room.h"

void link_reason(struct link *l, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(l->reason, sizeof l->reason, format, args);
    va_end(args);
}

struct link *link_find(struct turn *t, uint32_t code) {
    for (struct link *l = t->links; l; l = l->next)
        if (l->code == code) return l;
    return NULL;
}

/* The parent stands first, children in the order of their codes: nothing depends on when they came. */
struct link *link_make(struct turn *t, uint32_t code, bool is_parent) {
    struct link *l = link_find(t, code);
    if (l) { l->gone = false; return l; }
    l = calloc(1, sizeof *l);
    if (!l) lz_fatal("out of memory");
    l->code = code;
    l->is_parent = is_parent;
    l->state = LINK_dialling;
    l->since_wall_ms = t->now.wall_ms;
    l->tip_next_ms = t->o.tip_ms;
    for (uint8_t lane = 0; lane < LANE_COUNT; lane++) {
        if (is_parent) {
            l->in[l->n_in++].feed = (struct feed_id){ SCOPE_ALL, lane };
            l->in[l->n_in++].feed = (struct feed_id){ t->o.unit, lane };
            l->out[l->n_out++].feed = (struct feed_id){ SCOPE_UP, lane };
        } else {
            l->in[l->n_in++].feed = (struct feed_id){ SCOPE_UP, lane };
            l->out[l->n_out++].feed = (struct feed_id){ SCOPE_ALL, lane };
            l->out[l->n_out++].feed = (struct feed_id){ code, lane };
        }
    }
    struct link **at = &t->links;
    while (*at && ((*at)->is_parent || ((*at)->code < code && !is_parent))) at = &(*at)->next;
    if (is_parent) at = &t->links;
    l->next = *at;
    *at = l;
    return l;
}

struct in_feed *link_in(struct link *l, struct feed_id feed) {
    for (size_t i = 0; i < l->n_in; i++)
        if (feed_id_equal(l->in[i].feed, feed)) return &l->in[i];
    return NULL;
}

struct out_feed *link_out(struct link *l, struct feed_id feed) {
    for (size_t i = 0; i < l->n_out; i++)
        if (feed_id_equal(l->out[i].feed, feed)) return &l->out[i];
    return NULL;
}

/* ---- from the store ---------------------------------------------------------------------------------------------------- */

static void load_cursors(struct turn *t, struct link *l) {
    struct lz_bytes v;
    for (size_t i = 0; i < l->n_in; i++) {
        struct in_feed *in = &l->in[i];
        in->cursor = (struct cursor){ { { 0 } }, 0, 0 };
        in->dirty = false;
        if (store_get(t->o.store, TABLE_cursor, key_cursor(l->code, SIDE_WE_FOLLOW, in->feed), &v) && v.len == 32) {
            memcpy(in->cursor.epoch.b, v.data, 16);
            in->cursor.position = lz_get64(v.data + 16);
            in->cursor.seen = lz_get64(v.data + 24);
            if (in->cursor.position > in->cursor.seen) in->cursor = (struct cursor){ { { 0 } }, 0, 0 };   /* not ours: from the start */
        }
    }
    for (size_t i = 0; i < l->n_out; i++) {
        struct out_feed *out = &l->out[i];
        out->tip = store_tip(t->o.store, out->feed);
        if (l->greeted) continue;                    /* what hello set is newer than what was written */
        if (store_get(t->o.store, TABLE_cursor, key_cursor(l->code, SIDE_THEY_FOLLOW, out->feed), &v) && v.len == 8) out->acked = lz_get64(v.data);
    }
    bundle_load(t, l);
}

void links_load(struct turn *t) {
    for (struct link *l = t->links; l; l = l->next) {
        load_cursors(t, l);
        reclaim_load(t, l);
    }
}

/* ---- hello --------------------------------------------------------------------------------------------------------------- */

/* The highest stamp of a unit's own records that we hold: one seek per kind from behind would be dearer than this walk over
 * kinds, each the last key of a range. */
static uint64_t highest_stamp(struct turn *t, uint32_t unit) {
    uint64_t highest = 0;
    for (size_t i = 0; i < kind_count(); i++) {
        const struct kind_row *row = kind_at(i);
        if (row->class != CLASS_EVENT) continue;
        struct key key;
        if (!store_seek_back(t->o.store, TABLE_record, key_record(unit, row->number, (struct lz_bytes){ 0 }, UINT64_MAX, UINT32_MAX), &key)) continue;
        if (key.len != REC_ID_BYTES || lz_get32(key.b) != unit || lz_get16(key.b + 4) != row->number) continue;
        uint64_t stamp = lz_get64(key.b + 6);
        if (stamp > highest) highest = stamp;
    }
    struct key prefix = key_record(unit, KIND_rollup, (struct lz_bytes){ 0 }, 0, 0), key = prefix;
    struct lz_bytes v;
    prefix.len = key.len = 6;
    for (int i = 0; i < 4096 && store_seek(t->o.store, TABLE_record, &key, &v) && key_begins(&key, &prefix, 6); key = key_after(key), i++) {
        size_t mark = arena_used(t->arena);
        struct stored stored;
        struct record r;
        if (store_record_parse(v, &stored) && record_decode(t->arena, stored.envelope, &r, NULL) == LZ_ok && r.stamp > highest) highest = r.stamp;
        arena_rewind(t->arena, mark);
    }
    return highest;
}

size_t wish_of(struct turn *t, uint32_t *kinds) {
    size_t n = 0;
    for (size_t i = 0; i < kind_count(); i++) {
        uint32_t kind = kind_at(i)->number;
        bool own = false;
        for (size_t j = 0; j < t->o.n_subscribe; j++) own |= t->o.subscribe[j] == kind;
        if (own || (t->o.parent && flow_wished(t->flow, kind))) kinds[n++] = kind;
    }
    return n;
}

bool link_compose_hello(struct turn *t, struct link *l, bool reply, struct lz_bytes *packet) {
    uint32_t kinds[KIND_MAX];
    struct hello h = {
        .version = PROTOCOL_VERSION, .version_min = PROTOCOL_VERSION_MIN, .software = lz_bytes_str(t->o.software),
        .unit = t->o.unit, .to = l->code, .tier = t->o.tier, .reply = reply, .owes = l->owes,
        .lineage = t->lineage, .n_lineage = t->n_lineage, .lineage_cut = t->lineage_cut,
        .highest_stamp = highest_stamp(t, l->code), .wall_ms = t->now.wall_ms,
    };
    for (size_t i = 0; i < l->n_in; i++)
        if (!epoch_none(l->in[i].cursor.epoch)) h.cursors[h.n_cursors++] = (struct feed_cursor){ l->in[i].feed, l->in[i].cursor };
    if (!l->is_parent) { h.wish = kinds; h.n_wish = wish_of(t, kinds); }
    return hello_encode(t->arena, &h, packet) == LZ_ok;
}

void link_say_hello(struct turn *t, struct link *l, bool reply) {
    if (!reply && l->hello_sent_ms && t->now.mono_ms < l->hello_sent_ms + t->o.hello_ms) return;
    struct lz_bytes packet;
    if (!link_compose_hello(t, l, reply, &packet)) return;
    turn_post(t, l->code, CHANNEL_SYNC, packet);
    l->hello_sent_ms = t->now.mono_ms;
    l->hello_tries++;
}

/* at_ms: when as much as was taken would have been due. */
bool link_allows(struct turn *t, uint64_t *at_ms, uint32_t every_ms, uint32_t burst) {
    uint64_t now = t->now.mono_ms, at = *at_ms > now ? *at_ms : now;
    if (at - now > (uint64_t)(burst - 1) * every_ms) {
        t->counters.limited++;
        return false;
    }
    *at_ms = at + every_ms;
    return true;
}

/* Whoever speaks now with this peer's key is not whom we greeted: what is addressed to the peer waits for a hello that is right. We say
 * ours again in a while, for the answer to it may be wrong too. */
static void refuse(struct turn *t, struct link *l, enum lz_err code, const char *text) {
    struct lz_bytes packet;
    l->greeted = false;
    l->hello_sent_ms = t->now.mono_ms;
    struct refusal refusal = { code, lz_bytes_str(text) };
    if (refusal_encode(t->arena, &refusal, &packet) == LZ_ok) turn_post(t, l->code, CHANNEL_SYNC, packet);
    link_reason(l, "%s", text);
    lz_log(LZ_WARN, "hello.refused peer=%06u reason=%s", l->code, lz_err_name(code));
}

/* A line that we left speaks again: two stores live under one name. Nothing of it is applied until an operator decides. */
static bool is_clone(struct turn *t, const struct link *l, const struct hello *h) {
    struct key prefix = key_u32(l->code), key = prefix;
    struct lz_bytes v;
    if (!store_seek(t->o.store, TABLE_left, &key, &v) || !key_begins(&key, &prefix, 4)) return false;
    for (size_t i = 0; i < h->n_lineage; i++)
        if (store_get(t->o.store, TABLE_left, key_left(l->code, h->lineage[i].epoch), &v)) return true;
    return false;
}

void link_is_clone(struct link *l) {
    if (!l->diverged) lz_log(LZ_ERROR, "link.clone peer=%06u", l->code);
    l->diverged = true;
    l->greeted = false;
    link_reason(l, "已离开的那条记录线又出现了：可能有两台机器用同一份存储在运行");
}

/* Would this hello make us ask everybody for our own again? Whoever sees us lose something says so until we have it back, so a claim
 * that comes too soon after others is not lost when its hello is passed over. */
static bool claims_loss(const struct turn *t, const struct link *l, const struct hello *h) {
    bool all_open = true, lost = h->owes;
    for (const struct link *other = t->links; other; other = other->next) all_open &= other->gone || other->reclaim;
    if (all_open) return false;
    for (size_t i = 0; i < h->n_cursors && !lost; i++) {
        const struct cursor *at = &h->cursors[i].at;
        if (!link_out((struct link *)(uintptr_t)l, h->cursors[i].feed) || at->position > at->seen) continue;
        enum verdict v = peer_judge(at, t->lineage, t->n_lineage, true);
        lost = v != VERDICT_GOOD && v != VERDICT_FRESH;
    }
    return lost || (h->highest_stamp > store_last_stamp(t->o.store) && stamp_wall_ms(h->highest_stamp) <= t->now.wall_ms + LZ_DAY_MS);
}

/* Their cursors tell us what we were: a cursor that our line does not explain means that we lost something. */
static void judge_ourselves(struct turn *t, struct link *l, const struct hello *h) {
    /* a debt that is being paid is no new one: opened anew at each hello, the rows of neighbours whose answers come by file never close */
    bool lost = h->owes && !l->reclaim;
    for (size_t i = 0; i < h->n_cursors; i++) {
        const struct feed_cursor *c = &h->cursors[i];
        struct out_feed *out = link_out(l, c->feed);
        if (!out || c->at.position > c->at.seen) continue;
        enum verdict v = peer_judge(&c->at, t->lineage, t->n_lineage, true);
        bool good = v == VERDICT_GOOD || v == VERDICT_FRESH;
        if (!good) lost = true;
        if (good && c->at.position > out->tip) good = false;     /* beyond what there is: not so, and no loss of ours */
        out_reset(out, good ? c->at.position : 0);
    }
    for (size_t i = 0; i < l->n_out; i++) {
        bool named = false;
        for (size_t j = 0; j < h->n_cursors; j++) named |= feed_id_equal(h->cursors[j].feed, l->out[i].feed);
        if (!named) out_reset(&l->out[i], 0);
    }
    if (lost) reclaim_open_all(t, l, h->owes ? "neighbour_owes" : "store_went_back");
}

static bool in_line(const struct hello *h, struct epoch epoch) {
    for (size_t i = 0; i < h->n_lineage; i++)
        if (epoch_equal(h->lineage[i].epoch, epoch)) return true;
    return false;
}

static void leave_line(struct turn *t, struct link *l, struct in_feed *in, enum verdict verdict, const struct hello *h) {
    lz_log(LZ_WARN, "link.%s peer=%06u feed=%u/%s position=%llu", verdict_name(verdict), l->code, in->feed.scope, lane_name((enum lane)in->feed.lane),
           (unsigned long long)in->cursor.position);
    /* an epoch that both lines share is no mark of the one that was left */
    if (verdict == VERDICT_ROLLBACK && !in_line(h, in->cursor.epoch))
        store_put(t->o.store, TABLE_left, key_left(l->code, in->cursor.epoch), (struct lz_bytes){ 0 });
    bundle_forget_asked(t, l);
    if (!l->owes) {
        store_put(t->o.store, TABLE_owes, key_u32(l->code), (struct lz_bytes){ 0 });
        l->owes = true;
    }
}

/* The first epoch of the line that we follow, to tell a store that went back from one that was made anew. */
bool link_shares_line(struct turn *t, const struct link *l, const struct hello *h) {
    struct lz_bytes v;
    struct key key = key_cursor(l->code, SIDE_WE_FOLLOW, (struct feed_id){ UINT32_MAX, 0 });
    return store_get(t->o.store, TABLE_cursor, key, &v) && v.len == 16 && memcmp(v.data, h->lineage[0].epoch.b, 16) == 0;
}

static void judge_peer(struct turn *t, struct link *l, const struct hello *h) {
    bool shared = link_shares_line(t, l, h);
    struct key first = key_cursor(l->code, SIDE_WE_FOLLOW, (struct feed_id){ UINT32_MAX, 0 });
    if (!shared) store_put(t->o.store, TABLE_cursor, first, lz_bytes_of(h->lineage[0].epoch.b, 16));
    struct epoch now = h->lineage[h->n_lineage - 1].epoch;
    for (size_t i = 0; i < l->n_in; i++) {
        struct in_feed *in = &l->in[i];
        enum verdict v = peer_judge(&in->cursor, h->lineage, h->n_lineage, shared);
        if (v == VERDICT_ROLLBACK || v == VERDICT_RECREATED) {
            leave_line(t, l, in, v, h);
            in->cursor = (struct cursor){ now, 0, 0 };
        }
        in->cursor.epoch = now;
        in->dirty = true;
        in->fetched_ms = 0;
        in->tip = 0;
    }
}

/* "The other goes on above it (more than a day ahead is a fault to show)": so no record of ours is covered by one of a line
 * that was lost, and no neighbour can push our stamps into the far future. */
static void take_stamp(struct turn *t, struct link *l, uint64_t stamp) {
    if (stamp_wall_ms(stamp) <= t->now.wall_ms + LZ_DAY_MS) {
        /* a record of ours that we do not know: our store went back, though no cursor could show it (the neighbour's was lost too) */
        if (stamp > store_last_stamp(t->o.store)) reclaim_open_all(t, l, "stamp_ahead");
        store_raise_stamp(t->o.store, stamp);
        return;
    }
    lz_log(LZ_ERROR, "link.stamp_ahead peer=%06u ms=%llu", l->code, (unsigned long long)(stamp_wall_ms(stamp) - t->now.wall_ms));
}

static void take_wish(struct turn *t, const struct hello *h) {
    uint32_t kinds[WISH_KINDS_MAX];
    size_t n = 0;
    bool same = true;
    for (size_t i = 0; i < kind_count(); i++) {
        uint32_t kind = kind_at(i)->number;
        bool wanted = false;
        for (size_t j = 0; j < h->n_wish; j++) wanted |= h->wish[j] == kind;
        if (wanted != flow_wished(t->flow, kind)) same = false;
        if (wanted) kinds[n++] = kind;
    }
    if (same) return;
    flow_set_wish(t->flow, kinds, n);
    walk_check(t);
    for (struct link *l = t->links; l; l = l->next)              /* joined with our own, and passed down */
        if (!l->is_parent && l->greeted) { l->hello_sent_ms = 0; link_say_hello(t, l, true); }
}

static void take_person(struct turn *t, struct link *l, const struct hello *h) {
    size_t n = h->software.len < sizeof l->software ? h->software.len : sizeof l->software - 1;
    if (n) memcpy(l->software, h->software.data, n);
    l->software[n] = 0;
    l->clock_offset_ms = (int64_t)(h->wall_ms - t->now.wall_ms);
}

void link_on_hello(struct turn *t, struct link *l, struct lz_bytes body) {
    struct hello h;
    if (!link_allows(t, &l->hello_at_ms, HELLO_EVERY_MS, HELLO_BURST)) return;
    if (hello_decode(t->arena, body, &h) != LZ_ok) { t->counters.bad_packets++; return; }
    if (h.version < PROTOCOL_VERSION_MIN || h.version_min > PROTOCOL_VERSION) { refuse(t, l, LZ_bad_version, "协议版本不兼容，请升级旧的一方"); return; }
    if (h.unit != l->code || h.to != t->o.unit) { refuse(t, l, LZ_foreign_origin, "对方自称的单位与登记的密钥不符"); return; }
    take_person(t, l, &h);
    if (is_clone(t, l, &h)) {
        link_is_clone(l);
        return;
    }
    l->diverged = false;
    if (!l->is_parent && claims_loss(t, l, &h) && !link_allows(t, &l->claim_at_ms, CLAIM_EVERY_MS, CLAIM_BURST)) {
        lz_log(LZ_WARN, "link.claims_again peer=%06u", l->code);
        return;
    }
    take_stamp(t, l, h.highest_stamp);
    judge_ourselves(t, l, &h);
    judge_peer(t, l, &h);
    bundle_hear(t, l, &h);
    l->epoch = h.lineage[h.n_lineage - 1].epoch;
    l->greeted = true;
    l->greeted_turn = t->counters.turns;
    l->hello_tries = 0;
    l->tip_proven = false;
    l->unheard_ms = 0;
    if (l->is_parent) { take_wish(t, &h); t->dial_rounds = 0; }
    if (!h.reply) link_say_hello(t, l, true);
    l->reclaim_next_ms = 0;
    if (l->reclaim) reclaim_ask_peer(t, l);
    t->tip_at_ms = t->now.mono_ms;                                /* both sides prove their state at once */
    lz_log(LZ_INFO, "link.hello peer=%06u reply=%d software=%s", l->code, h.reply, l->software);
}

/* A hello out of a file: what it proves of the stores, and nothing of now. Its receipts only rise within one run of the neighbour,
 * for the wire may have told more since it was written. With a network the wire has said the rest. */
void link_take_filed_hello(struct turn *t, struct link *l, const struct hello *h) {
    struct epoch e = h->lineage[h->n_lineage - 1].epoch;
    uint64_t acked[LINK_FEEDS_MAX] = { 0 };
    bool live = link_has_network(t, l), same = epoch_equal(e, l->in[0].cursor.epoch);
    size_t n = live ? h->n_cursors : 0;
    for (size_t i = 0; i < n; i++) {
        struct out_feed *out = link_out(l, h->cursors[i].feed);
        if (out && h->cursors[i].at.position <= out->tip && peer_judge(&h->cursors[i].at, t->lineage, t->n_lineage, true) == VERDICT_GOOD)
            publish_receipt(out, h->cursors[i].at.position, t->now.mono_ms);
    }
    if (live) return;
    for (size_t i = 0; i < l->n_out; i++) acked[i] = l->out[i].acked;
    int64_t clock_offset_ms = l->clock_offset_ms;
    take_person(t, l, h);
    l->clock_offset_ms = clock_offset_ms;                        /* its clock now is not told by what it was then */
    take_stamp(t, l, h->highest_stamp);
    judge_ourselves(t, l, h);
    for (size_t i = 0; i < l->n_out; i++)
        if (same && acked[i] > l->out[i].acked && acked[i] <= l->out[i].tip && !l->reclaim) out_reset(&l->out[i], acked[i]);
    judge_peer(t, l, h);
    bundle_hear(t, l, h);
    l->epoch = e;
    if (l->is_parent) take_wish(t, h);
    lz_log(LZ_INFO, "link.hello peer=%06u by=file software=%s", l->code, l->software);
}

/* ---- timers and states ----------------------------------------------------------------------------------------------------- */

void turn_parent_event(struct turn *t, enum parent_event event) {
    struct link *l = t->links && t->links->is_parent ? t->links : NULL;
    if (!l) return;
    switch (event) {
    case PARENT_CONNECTED:
        l->connected = true;
        l->refused = false;
        l->greeted = false;
        l->connected_ms = t->now.mono_ms;
        l->hello_sent_ms = 0;
        break;
    case PARENT_LOST:
        l->connected = l->greeted = false;
        link_reason(l, "与上级的连接断开");
        t->dialled_ms = t->now.mono_ms;
        break;
    case PARENT_REFUSED:
        l->connected = l->greeted = false;
        l->refused = true;
        link_reason(l, "上级没有登记本单位的公钥，或本单位配置的上级公钥不对");
        break;
    }
}

bool turn_wants_dial(struct turn *t, size_t *endpoint) {
    if (!t->wants_dial) return false;
    t->wants_dial = false;
    t->dialled_ms = t->now.mono_ms;
    *endpoint = t->endpoint;
    return true;
}

static uint64_t silent_from(const struct link *l) { return l->heard_ms + 2 * (uint64_t)l->tip_next_ms + 2000; }
static bool is_silent(const struct turn *t, const struct link *l) { return t->now.mono_ms > silent_from(l); }

/* A parent whose disk is slow says nothing for a while: it is not helped by children that all begin anew. */
enum { SILENT_DIAL_MS = 10000 };
/* An endpoint that gives no hello within a few seconds, or of which nothing is heard any more, gives way to the next of the list; one
 * alone is dialled anew: libzmq makes no connection again that ended by what is no CURVE, as one flipped bit on the way is, and none that
 * the kernel calls well while the other end is frozen or the middle swallows all. */
static void dial_next(struct turn *t, struct link *l) {
    bool silent = l->greeted && t->now.mono_ms > silent_from(l) + SILENT_DIAL_MS;
    if ((l->greeted && !silent) || t->o.n_parent_endpoints == 0) return;
    uint64_t patience = 5000 + turn_random(t, 1000) + (t->dial_rounds > 5 ? 10000 : t->dial_rounds * 1000);
    if (t->now.mono_ms < t->dialled_ms + patience) return;
    if (silent) {
        l->connected = l->greeted = false;
        link_reason(l, "上级没有声音，正在重新连接");
    }
    t->endpoint = (t->endpoint + 1) % t->o.n_parent_endpoints;
    if (t->endpoint == 0) t->dial_rounds++;
    t->wants_dial = true;
}

void links_tick(struct turn *t) {
    if (t->unborn) return;                               /* it has no name yet to greet with */
    for (struct link *l = t->links; l; l = l->next) {
        if (l->gone) continue;
        if (l->is_parent) dial_next(t, l);
        if (!l->greeted && l->connected && !l->diverged) link_say_hello(t, l, false);
        if (l->reclaim && l->greeted && t->now.mono_ms >= l->reclaim_next_ms) reclaim_ask_peer(t, l);
        /* its word that it has taken all back may have been lost with a turn: ask by saying once more that we wait */
        if (l->owes && l->greeted && t->now.mono_ms >= l->hello_sent_ms + OWES_AGAIN_MS) link_say_hello(t, l, false);
    }
}

/* The two hear each other now, or did a moment ago. */
bool link_has_network(const struct turn *t, const struct link *l) { return l->greeted && !l->gone && !is_silent(t, l); }

/* Nobody is there; what came by file, and what the neighbour has not confirmed, is said all the same. */
static void say_nobody(struct turn *t, const struct link *l, enum lz_lang lang, char *why, size_t size) {
    const char *nobody = l->is_parent ? "还没有连上上级" : l->heard_ms ? "下级已断开" : "下级还没有连上来";
    char span[32];
    bool behind = false;
    for (size_t i = 0; i < l->n_out; i++) behind |= l->out[i].acked < l->out[i].tip;
    if (l->bundle.in_wall_ms == 0) { snprintf(why, size, "%s", lz_text(lang, nobody)); return; }
    lz_time_print(l->bundle.in_wall_ms, span);
    (void)t;
    snprintf(why, size, lz_text(lang, "%s；%.16s 导入对方第 %llu 号离线包，%s"), lz_text(lang, nobody), span, (unsigned long long)l->bundle.in_serial,
             lz_text(lang, behind ? "本机还有未确认的" : "到那时都已确认"));
}

/* `live` only when both cursors are proven: theirs by an acknowledgement at our tip, ours by a tip that was told again. */
static enum link_state judge(struct turn *t, struct link *l, enum lz_lang lang, char *why, size_t size) {
    why[0] = 0;
    if (l->gone) return LINK_retired;
    if (l->diverged) { snprintf(why, size, "%s", l->reason); return LINK_diverged; }
    if (t->unborn) { snprintf(why, size, lz_text(lang, "本机磁盘没有空间，还不能开始工作；有空间后自动开始")); return LINK_blocked; }
    if (!l->greeted) {
        if (l->refused) { snprintf(why, size, "%s", l->reason); return LINK_refused; }
        if (!l->connected) { say_nobody(t, l, lang, why, size); return LINK_dialling; }
        if (l->hello_tries > 3 || (l->heard_ms && is_silent(t, l))) { snprintf(why, size, lz_text(lang, "已连接，但对方没有应答")); return LINK_stalled; }
        snprintf(why, size, lz_text(lang, "已连接，等待对方问候"));
        return LINK_greeting;
    }
    if (is_silent(t, l)) {
        snprintf(why, size, lz_text(lang, "%llu 秒没有收到对方消息"), (unsigned long long)((t->now.mono_ms - l->heard_ms) / 1000));
        return LINK_stalled;
    }
    if (l->unheard_ms) {
        snprintf(why, size, lz_text(lang, "对方已有 %u 秒没有收到本机消息"), l->unheard_ms / 1000);
        return LINK_stalled;
    }
    if (t->room.full) { snprintf(why, size, lz_text(lang, "本机存储空间不足，一般记录暂停接收")); return LINK_blocked; }
    uint64_t rotten = store_rot_unsent(t->o.store) > t->repairs.view.n_damaged ? store_rot_unsent(t->o.store) : t->repairs.view.n_damaged;
    if (rotten) {                          /* what cannot be read cannot have been sent: never `live` */
        snprintf(why, size, lz_text(lang, "本机存储有 %llu 个值损坏，不能保证已全部发出；正在修复，linzhangctl repair status 可查"), (unsigned long long)rotten);
        return LINK_blocked;
    }
    if (l->reclaim) { snprintf(why, size, lz_text(lang, "正在从对方找回本单位的数据")); return LINK_syncing; }
    if (l->owes) { snprintf(why, size, lz_text(lang, "对方丢失过数据，正在从这里找回")); return LINK_syncing; }
    if (l->walking) { snprintf(why, size, lz_text(lang, "正在整理应发给对方的记录")); return LINK_syncing; }
    for (size_t i = 0; i < l->n_in; i++)
        if (l->in[i].cursor.position < l->in[i].tip) { snprintf(why, size, lz_text(lang, "正在接收对方的积压")); return LINK_syncing; }
    for (size_t i = 0; i < l->n_out; i++)
        if (l->out[i].acked < l->out[i].tip) { snprintf(why, size, lz_text(lang, "对方还没有确认全部记录")); return LINK_syncing; }
    if (!l->tip_proven) { snprintf(why, size, lz_text(lang, "等待对方报告末尾位置")); return LINK_syncing; }
    return LINK_live;
}

/* How fast a backlog goes down, over the last few seconds: what `links` tells as an estimate of when it will be gone. */
static void measure(struct turn *t, struct link *l) {
    enum { EVERY_MS = 2000 };
    if (t->now.mono_ms < l->rate_at_ms + EVERY_MS) return;
    uint64_t in = 0, out = 0, ms = t->now.mono_ms - l->rate_at_ms;
    for (size_t i = 0; i < l->n_in; i++) in += l->in[i].cursor.position;
    for (size_t i = 0; i < l->n_out; i++) out += l->out[i].acked;
    l->rate_in = in > l->rate_in_from && l->rate_at_ms ? (double)(in - l->rate_in_from) * 1000 / (double)ms : 0;
    l->rate_out = out > l->rate_out_from && l->rate_at_ms ? (double)(out - l->rate_out_from) * 1000 / (double)ms : 0;
    l->rate_in_from = in;
    l->rate_out_from = out;
    l->rate_at_ms = t->now.mono_ms;
}

void links_states(struct turn *t) {
    for (struct link *l = t->links; l; l = l->next) {
        measure(t, l);
        char why[sizeof l->reason];
        enum link_state state = judge(t, l, LZ_ZH, why, sizeof why);
        memcpy(l->reason, why, sizeof why);
        if (state == l->state) continue;
        lz_log(state == LINK_live || state == LINK_syncing || state == LINK_greeting ? LZ_DEBUG : LZ_INFO, "link.%s peer=%06u", link_name(state), l->code);
        l->state = state;
        l->since_wall_ms = t->now.wall_ms;
    }
}

/* ---- the roster changed ------------------------------------------------------------------------------------------------------ */

void turn_child_added(struct turn *t, uint32_t code) {
    LZ_ASSERT(t->in_turn && roster_find(t->o.roster, code));
    struct link *l = link_make(t, code, false);
    t->roster_changed = true;
    load_cursors(t, l);
    reclaim_load(t, l);
    l->greeted = l->connected = false;
    follow_try_all_again(t);
    flow_child_part(t->flow, code, true);
    walk_check(t);
}

static void child_leaves(struct turn *t, uint32_t code) {
    store_delete(t->o.store, TABLE_reclaim, key_u32(code));
    store_delete(t->o.store, TABLE_walk, key_u32(code));           /* back again, it gets what was addressed to it meanwhile */
    flow_child_part(t->flow, code, false);
}

void turn_child_removed(struct turn *t, uint32_t code) {
    struct link *l = link_find(t, code);
    LZ_ASSERT(t->in_turn && !roster_find(t->o.roster, code));
    if (!l) return;
    t->roster_changed = true;
    l->gone = true;
    l->greeted = l->connected = l->reclaim = false;
    child_leaves(t, code);
}

/* The roster is written before the turn that follows it: we may have died between the two, or the turn was given up for want of room. */
void links_follow_roster(struct turn *t) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(t->o.store, TABLE_walk, &key, &v); key = key_after(key)) {
        uint32_t code = lz_get32(key.b);
        if (code != 0 && code != SCOPE_EXPORT && code != t->o.parent && !roster_find(t->o.roster, code)) child_leaves(t, code);
    }
    for (size_t i = 0; i < t->o.roster->n_children; i++) flow_child_part(t->flow, t->o.roster->children[i].code, true);
    follow_try_all_again(t);
    walk_check(t);
}

bool turn_resolve(struct turn *t, uint32_t peer) {
    struct link *l = link_find(t, peer);
    struct key prefix = key_u32(peer), key = prefix;
    struct lz_bytes v;
    bool any = false;
    if (!l) return false;
    while (store_seek(t->o.store, TABLE_left, &key, &v) && key_begins(&key, &prefix, 4)) {
        store_delete(t->o.store, TABLE_left, key);
        any = true;
    }
    l->diverged = false;
    l->hello_sent_ms = 0;
    return any;
}

/* ---- views --------------------------------------------------------------------------------------------------------------------- */

size_t turn_links(struct turn *t) {
    size_t n = 0;
    for (struct link *l = t->links; l; l = l->next) n += !l->gone;
    return n;
}

void turn_link_view(struct turn *t, size_t index, struct link_view *v) {
    struct link *l = t->links;
    for (; l && (l->gone || index > 0); l = l->next) index -= !l->gone;
    LZ_ASSERT(l);
    *v = (struct link_view){ .code = l->code, .is_parent = l->is_parent, .state = l->state, .reason = l->reason, .since_wall_ms = l->since_wall_ms,
                             .last_seen_wall_ms = l->heard_wall_ms, .epoch = l->epoch, .clock_offset_ms = l->clock_offset_ms, .owes = l->owes,
                             .reclaiming = l->reclaim, .walking = l->walking, .rate_in = l->rate_in, .rate_out = l->rate_out };
    v->file_in_serial = l->bundle.in_serial;
    v->file_in_wall_ms = l->bundle.in_wall_ms;
    v->file_out_serial = l->bundle.out_serial;
    v->file_out_wall_ms = l->bundle.out_wall_ms;
    memcpy(v->software, l->software, sizeof v->software);
    memcpy(v->cause, l->cause, sizeof v->cause);
    for (size_t i = 0; i < l->n_in; i++) {
        v->feeds[v->n_feeds++] = (struct feed_view){ l->in[i].feed, false, l->in[i].cursor.position, l->in[i].tip };
        if (l->in[i].tip > l->in[i].cursor.position) v->behind_in += l->in[i].tip - l->in[i].cursor.position;
    }
    for (size_t i = 0; i < l->n_out; i++) {
        struct out_feed *out = &l->out[i];
        v->feeds[v->n_feeds++] = (struct feed_view){ out->feed, true, out->acked, out->tip };
        if (out->acked >= out->tip) continue;
        v->behind_out += out->tip - out->acked;
        struct backlog b = store_backlog(t->o.store, out->feed, out->acked);
        v->behind_out_records += b.records;
        v->behind_out_bytes += b.bytes;
        if (b.oldest_ms && (v->oldest_out_ms == 0 || b.oldest_ms < v->oldest_out_ms)) v->oldest_out_ms = b.oldest_ms;
    }
}

/* What came from elsewhere, or happened before, is kept as it was said: it is looked up as a whole. */
void turn_link_reason(struct turn *t, uint32_t code, enum lz_lang lang, char *out, size_t size) {
    struct link *l = link_find(t, code);
    LZ_ASSERT(l && size > 0);
    if (lang == LZ_ZH || judge(t, l, lang, out, size) != l->state) (void)snprintf(out, size, "%s", l->reason);
}
