/* net: what is under way between nodes, and what becomes of it. */
#include "world.h"
#include <stdlib.h>

void net_drop(struct world *w, int index) {
    size_t kept = 0;
    for (size_t i = 0; i < w->n_parcels; i++) {
        struct parcel *p = &w->parcels[i];
        if (p->to == index) { free(p->bytes); continue; }       /* what it had sent stays sent */
        w->parcels[kept++] = *p;
    }
    w->n_parcels = kept;
}

void net_disconnect(struct world *w, int child) {
    struct node *n = &w->nodes[child];
    if (!n->connected) return;
    n->connected = false;
    w->connection[child]++;                                     /* sync parcels of the old connection are dead */
    if (n->up) n->hung = true;
    w->connect_at[child] = w->now_ms + 100 + sim_random(w, 400);
}

static void post(struct world *w, int from, int to, enum channel channel, struct lz_bytes bytes) {
    int child = w->nodes[from].up_index == to ? from : to;
    bool up = child == from;
    if (!w->nodes[child].connected || !w->nodes[child].enrolled) return;
    if (w->eats && w->eats(w, &w->nodes[from], &w->nodes[to], bytes)) { w->faults++; return; }
    int copies = 1;
    if (channel != CHANNEL_SYNC && !w->healing) {
        if (sim_chance(w, w->odds.lose)) { w->faults++; return; }
        if (sim_chance(w, w->odds.twice)) { copies = 2; w->faults++; }
    }
    while (copies-- > 0) {
        if (w->n_parcels == w->max_parcels) {
            w->max_parcels = w->max_parcels ? 2 * w->max_parcels : 256;
            w->parcels = realloc(w->parcels, w->max_parcels * sizeof *w->parcels);
            LZ_ASSERT(w->parcels);
        }
        uint64_t delay = w->odds.delay_min_ms + sim_random(w, w->odds.delay_max_ms - w->odds.delay_min_ms + 1);
        if (channel == CHANNEL_SYNC) delay = w->odds.delay_min_ms;          /* in order */
        uint64_t at = w->now_ms + delay, held = w->cut_until[child][up ? 0 : 1];
        if (held > at) {
            if (channel != CHANNEL_SYNC) { w->faults++; continue; }
            at = held;
        }
        struct parcel p = { at, w->orders++, from, to, channel, malloc(bytes.len + 1), bytes.len, w->connection[child] };
        LZ_ASSERT(p.bytes);
        memcpy(p.bytes, bytes.data, bytes.len);
        w->parcels[w->n_parcels++] = p;
    }
}

void net_take(struct world *w, struct node *n) {
    struct packet packet;
    size_t endpoint;
    while (turn_next_send(n->turn, &packet)) {
        if (packet.channel == CHANNEL_LIVE_DOWN) {
            for (int i = 0; i < w->n_nodes; i++)
                if (w->nodes[i].up_index == n->index) post(w, n->index, i, packet.channel, packet.bytes);
            continue;
        }
        struct node *to = node_of(w, packet.peer);
        if (to) post(w, n->index, to->index, packet.channel, packet.bytes);
    }
    if (turn_wants_dial(n->turn, &endpoint)) net_disconnect(w, n->index);
}

static void deliver(struct world *w, struct parcel *p) {
    struct node *to = &w->nodes[p->to];
    int child = w->nodes[p->from].up_index == p->to ? p->from : p->to;
    bool dead = !to->up || p->connection != w->connection[child] || !w->nodes[child].connected;
    if (!dead) {
        w->delivered++;
        turn_begin(to->turn, node_now(w, to));
        if (to->hung) { turn_parent_event(to->turn, PARENT_LOST); to->hung = false; }
        struct packet packet = { w->nodes[p->from].code, p->channel, lz_bytes_of(p->bytes, p->len) };
        turn_feed(to->turn, &packet);
        node_finish(w, to);
    }
}

size_t net_next(const struct world *w) {
    size_t best = 0;
    for (size_t i = 1; i < w->n_parcels; i++) {
        const struct parcel *a = &w->parcels[i], *b = &w->parcels[best];
        if (a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order)) best = i;
    }
    return best;
}

void net_deliver(struct world *w, size_t at) {
    struct parcel p = w->parcels[at];
    w->parcels[at] = w->parcels[--w->n_parcels];
    deliver(w, &p);
    free(p.bytes);
}

void world_cut(struct world *w, struct node *child, bool up, uint64_t for_ms) { w->cut_until[child->index][up ? 0 : 1] = w->now_ms + for_ms; }

void world_dark(struct world *w, struct node *child, uint64_t for_ms) {
    net_disconnect(w, child->index);
    w->connect_at[child->index] = w->now_ms + for_ms;
}
