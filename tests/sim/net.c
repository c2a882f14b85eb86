/* net: what is under way between nodes, and what becomes of it: lost, doubled, late, out of order, cut, clogged, slow, by another's key. */
#include "world.h"
#include <stdlib.h>

/* ---- the heap of parcels ----------------------------------------------------------------------------------------------------- */

static bool sooner(const struct parcel *a, const struct parcel *b) { return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order; }

static void swap_parcels(struct world *w, size_t a, size_t b) {
    struct parcel p = w->parcels[a];
    w->parcels[a] = w->parcels[b];
    w->parcels[b] = p;
}

static void push(struct world *w, struct parcel p) {
    if (w->n_parcels == w->max_parcels) {
        w->max_parcels = w->max_parcels ? 2 * w->max_parcels : 256;
        w->parcels = realloc(w->parcels, w->max_parcels * sizeof *w->parcels);
        LZ_ASSERT(w->parcels);
    }
    size_t at = w->n_parcels++;
    w->parcels[at] = p;
    for (; at > 0 && sooner(&w->parcels[at], &w->parcels[(at - 1) / 2]); at = (at - 1) / 2) swap_parcels(w, at, (at - 1) / 2);
}

static struct parcel pop(struct world *w) {
    struct parcel p = w->parcels[0];
    w->parcels[0] = w->parcels[--w->n_parcels];
    for (size_t at = 0;;) {
        size_t best = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < w->n_parcels; child++)
            if (sooner(&w->parcels[child], &w->parcels[best])) best = child;
        if (best == at) return p;
        swap_parcels(w, at, best);
        at = best;
    }
}

/* ---- connections --------------------------------------------------------------------------------------------------------------- */

/* Its parent lets in whoever has an enrolled child's key. */
static bool key_enrolled(const struct world *w, const struct node *child) {
    const struct node *as = &w->nodes[child->speaks_as];
    return as->enrolled && as->up_index == child->up_index;
}

bool net_may_connect(const struct world *w, const struct node *child) {
    return child->up_index >= 0 && !w->filed[child->index] && !child->line.connected && w->nodes[child->up_index].up && key_enrolled(w, child);
}

void net_disconnect(struct world *w, int child) {
    struct node *n = &w->nodes[child];
    if (!n->line.connected) return;
    n->line.connected = n->line.heard = false;
    n->line.connection++;                                       /* parcels of the old connection are dead */
    if (n->up) n->hung = true;
    n->line.connect_at = w->now_ms + 100 + sim_random(w, 400);
}

/* ---- sending ---------------------------------------------------------------------------------------------------------------- */

static bool live_is_lost(struct world *w, const struct line *l) {
    return sim_chance(w, w->odds.lose) || (w->now_ms < l->lose_until && sim_chance(w, l->lose));
}
static bool live_is_doubled(struct world *w, const struct line *l) {
    return sim_chance(w, w->odds.twice) || (w->now_ms < l->twice_until && sim_chance(w, l->twice));
}

/* When the last byte has left, on a line that takes so many a second. */
static uint64_t leaves_at(struct world *w, struct line *l, int way, enum channel channel, size_t len) {
    uint64_t rate = w->now_ms < l->slow_until ? l->bytes_per_s : w->healing ? 0 : w->odds.bytes_per_s;
    bool sync = channel == CHANNEL_SYNC;
    uint64_t *busy = &l->busy_until[way][sync], at = *busy > w->now_ms ? *busy : w->now_ms;
    if (rate && l->busy_until[way][!sync] > w->now_ms) rate = (rate + 1) / 2;
    if (rate) at += (len * 1000 + rate - 1) / rate;
    *busy = at;
    if (!sync) l->live_leaves[way][l->n_live[way]++ % LIVE_KEPT] = at;
    return at;
}

static bool live_is_choked(const struct world *w, const struct line *l, int way) {
    return l->n_live[way] >= LIVE_KEPT && l->live_leaves[way][l->n_live[way] % LIVE_KEPT] > w->now_ms;
}

static uint64_t arrives_at(struct world *w, struct line *l, int way, enum channel channel, size_t len) {
    uint64_t at = leaves_at(w, l, way, channel, len) + w->odds.delay_min_ms;
    if (channel != CHANNEL_SYNC) {
        at += sim_random(w, w->odds.delay_max_ms - w->odds.delay_min_ms + 1);
        if (w->now_ms < l->reorder_until) at += sim_random(w, l->reorder_ms);
    }
    if (l->cut_until[way] > at) at = l->cut_until[way];
    if (l->clog_until[way] > at) at = l->clog_until[way];
    if (channel == CHANNEL_SYNC) {                              /* in order */
        if (at < l->last_at[way]) at = l->last_at[way];
        l->last_at[way] = at;
    }
    if (w->odds.quantum_ms) at += w->odds.quantum_ms - at % w->odds.quantum_ms;
    return at;
}

static const uint64_t FRESH = UINT64_C(1) << 62;                 /* behind all that wait for a busy daemon at the same moment */

static void post(struct world *w, struct node *from, struct node *to, struct node *child, enum channel channel, struct lz_bytes bytes) {
    struct line *l = &child->line;
    int way = child == from ? 0 : 1, copies = 1;
    if (!l->connected) return;
    if (channel == CHANNEL_SYNC && way == 1 && !l->heard) return;       /* the parent does not know the way yet */
    if (w->eats && w->eats(w, from, to, bytes)) { w->lost_packets++; return; }
    if (channel != CHANNEL_SYNC && live_is_choked(w, l, way)) { w->lost_packets++; return; }
    if (channel != CHANNEL_SYNC && !w->healing) {
        if (live_is_lost(w, l) || w->now_ms < l->cut_until[way]) { w->lost_packets++; return; }
        if (live_is_doubled(w, l)) { copies = 2; w->lost_packets++; }
    }
    while (copies-- > 0) {
        struct parcel p = { arrives_at(w, l, way, channel, bytes.len), FRESH | w->orders++, from->index, to->index, child->index, channel,
                            malloc(bytes.len + 1), bytes.len, l->connection, to->starts };
        LZ_ASSERT(p.bytes);
        memcpy(p.bytes, bytes.data, bytes.len);
        push(w, p);
    }
}

/* A parent knows its children by their keys. */
static struct node *child_with_key(struct world *w, const struct node *parent, uint32_t code) {
    const struct node *as = node_of(w, code);
    for (int i = parent->first_below; as && i >= 0; i = w->nodes[i].next_beside)
        if (w->nodes[i].speaks_as == as->index) return &w->nodes[i];
    return NULL;
}

void net_take(struct world *w, struct node *n) {
    struct packet packet;
    size_t endpoint;
    while (n->program->turn_next_send(n->turn, &packet)) {
        if (packet.channel == CHANNEL_LIVE_DOWN) {
            for (int i = n->first_below; i >= 0; i = w->nodes[i].next_beside) post(w, n, &w->nodes[i], &w->nodes[i], packet.channel, packet.bytes);
        } else if (packet.peer == n->parent) {
            post(w, n, &w->nodes[n->up_index], n, packet.channel, packet.bytes);
        } else {
            struct node *to = child_with_key(w, n, packet.peer);
            if (to) post(w, n, to, to, packet.channel, packet.bytes);
        }
    }
    if (n->program->turn_wants_dial(n->turn, &endpoint)) net_disconnect(w, n->index);
}

/* ---- arriving ---------------------------------------------------------------------------------------------------------------- */

/* "A sibling never sees what is addressed to its neighbour": not on the wire either, whatever keys were exchanged. */
static void look_for_leak(struct world *w, const struct node *to, struct lz_bytes bytes) {
    enum packet_type type;
    struct lz_bytes body;
    struct batch b;
    if (to->speaks_as == to->index || packet_open(bytes, &type, &body, NULL) != LZ_ok || type != PACKET_BATCH) return;
    arena_reset(w->arena);
    if (batch_decode(w->arena, body, &b) == LZ_ok && b.feed.scope > SCOPE_ALL && b.feed.scope != to->code && b.n_envelopes)
        world_fail(w, "LEAK on the wire: what is addressed to %u was sent to %u", b.feed.scope, to->code);
}

static void feed(struct world *w, struct node *to, const struct parcel *p) {
    const struct node *from = &w->nodes[p->from];
    struct lz_bytes bytes = lz_bytes_of(p->bytes, p->len);
    bool up = p->child == p->from;
    struct packet packet = { up ? w->nodes[from->speaks_as].code : from->code, p->channel, bytes };
    if (up) w->nodes[p->child].line.heard = true;
    else look_for_leak(w, to, bytes);
    w->delivered++;
    world_mark(w, w->now_ms, (uint64_t)p->from << 32 | (uint64_t)p->to << 16 | (uint64_t)p->channel, bytes);
    to->program->turn_feed(to->turn, &packet);
}

static bool is_dead(const struct world *w, const struct parcel *p) {
    const struct node *to = &w->nodes[p->to];
    const struct line *l = &w->nodes[p->child].line;
    return !to->up || !l->connected || p->connection != l->connection || p->starts != to->starts;
}

/* A daemon that is at work takes what came meanwhile when it is done: of all its connections in turn, as libzmq does. */
static bool waits_for_it(struct world *w, struct node *to, struct parcel *p) {
    struct line *l = &w->nodes[p->child].line;
    uint64_t *ticket = &l->ticket[p->child == p->from ? 0 : 1];
    if (to->busy_until <= w->now_ms) {
        if (p->order < FRESH) to->ticket = p->order;
        return false;
    }
    *ticket = (*ticket > to->ticket ? *ticket : to->ticket) + 1;
    p->order = *ticket;
    p->at_ms = to->busy_until;
    push(w, *p);
    return true;
}

/* The next parcel, and what else is there for the same node by then: one wake-up, one turn. */
void net_deliver(struct world *w) {
    struct parcel p = pop(w);
    struct node *to = &w->nodes[p.to];
    if (!is_dead(w, &p)) {
        if (waits_for_it(w, to, &p)) return;
        node_begin(w, to);
        feed(w, to, &p);
        while (w->n_parcels && w->parcels[0].to == to->index && w->parcels[0].at_ms <= w->now_ms && to->program->turn_has_room(to->turn)) {
            struct parcel more = pop(w);
            if (!is_dead(w, &more)) feed(w, to, &more);
            free(more.bytes);
        }
        node_finish(w, to);
    }
    free(p.bytes);
}

/* ---- what happens to a link ------------------------------------------------------------------------------------------------------ */

void world_cut(struct world *w, struct node *child, bool up, uint64_t for_ms) { child->line.cut_until[up ? 0 : 1] = w->now_ms + for_ms; }

void world_dark(struct world *w, struct node *child, uint64_t for_ms) {
    net_disconnect(w, child->index);
    child->line.connect_at = w->now_ms + for_ms;
}
