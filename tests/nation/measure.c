/* measure: how long an order takes to all, and its answers back, and how long until all is well again after an outage. All in simulated time. */
#include <stdio.h>
#include <stdlib.h>
#include "nation.h"

enum { LOOK_MS = 50, LOOK_LATE_MS = 1000, LATE_MS = 120000, BACKS_MAX = 4 };

struct course {                      /* of one order; by node, in milliseconds of the world; 0: not yet */
    const char *name;
    struct rec_id id;
    uint64_t issued, looked, delivered[NODES_MAX], known[NODES_MAX], signed_at[NODES_MAX], signed_known[NODES_MAX];
    int open;                        /* whose signature the top has not seen yet */
};
struct back { const char *name; int node; uint64_t at, live, level; };
struct measure {
    struct nation *n;
    struct course *courses[ORDERS_MAX];
    int n_courses, n_backs;
    struct back backs[BACKS_MAX];
};

static struct measure *of_world(struct world *w) { return ((struct nation *)w->story)->measure; }

static struct flow *look(struct world *w, struct node *n) {
    arena_reset(w->arena);
    flow_begin(turn_flow(n->turn), node_now(w, n), w->arena);
    return turn_flow(n->turn);
}

static uint8_t state_at(struct flow *flow, const struct course *c, uint32_t unit) {
    struct standing s = { 0 };
    return flow_standing(flow, c->id, unit, &s) ? s.state : HANDLING_issued;
}

/* The top has the answers of all whom it has not heard. */
static void top_looks(struct world *w, struct node *top, struct course *c) {
    struct measure *m = of_world(w);
    bool lately = w->now_ms < c->issued + LATE_MS;
    for (int i = 0; i < m->n_backs; i++) lately |= w->now_ms < m->backs[i].at + LATE_MS;
    if (c->open == 0 || w->now_ms < c->looked + (lately ? LOOK_MS : LOOK_LATE_MS)) return;
    c->looked = w->now_ms;
    struct flow *flow = look(w, top);
    for (int i = 1; i < w->n_nodes; i++) {
        if (c->signed_known[i]) continue;
        if (c->known[i] && !c->signed_at[i]) continue;
        uint8_t state = state_at(flow, c, w->nodes[i].code);
        if (state >= HANDLING_delivered && !c->known[i]) c->known[i] = w->now_ms;
        if (state < HANDLING_signed || !c->signed_at[i]) continue;
        c->signed_known[i] = w->now_ms;
        c->open--;
    }
    store_abort(top->store);
}

static void turned(struct world *w, struct node *n) {
    struct measure *m = of_world(w);
    for (int i = 0; i < m->n_courses; i++) {
        struct course *c = m->courses[i];
        if (n->index == 0) top_looks(w, n, c);
        else if (!c->delivered[n->index]) {
            if (state_at(look(w, n), c, n->code) >= HANDLING_delivered) c->delivered[n->index] = w->now_ms;
            store_abort(n->store);
        }
    }
}

struct measure *measure_create(struct nation *n) {
    struct measure *m = calloc(1, sizeof *m);
    LZ_ASSERT(m);
    m->n = n;
    n->w->story = n;
    n->w->turned = turned;
    return m;
}

void measure_destroy(struct measure **measure_p) {
    for (int i = 0; i < (*measure_p)->n_courses; i++) free((*measure_p)->courses[i]);
    free(*measure_p);
    *measure_p = NULL;
}

void measure_order(struct measure *m, struct rec_id id, const char *name) {
    LZ_ASSERT(m->n_courses < ORDERS_MAX);
    struct course *c = m->courses[m->n_courses++] = calloc(1, sizeof *c);
    LZ_ASSERT(c);
    *c = (struct course){ .name = name, .id = id, .issued = m->n->w->now_ms, .open = m->n->w->n_nodes - 1 };
}

void measure_signed(struct measure *m, struct rec_id id, const struct node *by) {
    for (int i = 0; i < m->n_courses; i++)
        if (rec_id_equal(m->courses[i]->id, id)) m->courses[i]->signed_at[by->index] = m->n->w->now_ms;
}

/* ---- outages ------------------------------------------------------------------------------------------------------------------ */

static bool link_at(struct node *n, uint32_t peer, struct link_view *v) {
    for (size_t i = 0; n->up && i < turn_links(n->turn); i++) {
        turn_link_view(n->turn, i, v);
        if (v->code == peer) return true;
    }
    return false;
}

static bool says_live(struct node *n, uint32_t peer, bool *level) {
    struct link_view v;
    bool live = link_at(n, peer, &v) && v.state == LINK_live;
    *level = *level && live && v.behind_in == 0 && v.behind_out == 0;
    if (n->up) store_abort(n->store);
    return live;
}

void measure_dark(struct measure *m, int node) {
    struct world *w = m->n->w;
    struct node *n = &w->nodes[node], *up = n->up_index < 0 ? NULL : &w->nodes[n->up_index];
    bool level = true;
    if (up && (says_live(up, n->code, &level) || says_live(n, up->code, &level)))
        world_fail(w, "LIVE a link of %u and %u says so, and there is none", up->code, n->code);
    for (int i = n->first_below; !n->up && i >= 0; i = w->nodes[i].next_beside)
        if (says_live(&w->nodes[i], n->code, &level)) world_fail(w, "LIVE %u says so of its link to %u, which is down", w->nodes[i].code, n->code);
}

void measure_back(struct measure *m, int node, const char *name) {
    LZ_ASSERT(m->n_backs < BACKS_MAX);
    m->backs[m->n_backs++] = (struct back){ name, node, m->n->w->now_ms, 0, 0 };
}

/* All links of it say live, from both sides; and at one moment nobody had anything left to give to the other. */
void measure_poll(struct measure *m) {
    struct world *w = m->n->w;
    for (int b = 0; b < m->n_backs; b++) {
        struct back *back = &m->backs[b];
        struct node *n = &w->nodes[back->node], *up = n->up_index < 0 ? NULL : &w->nodes[n->up_index];
        bool live = n->up, level = n->up;
        if (back->level) continue;
        if (up) { live &= says_live(up, n->code, &level); live &= says_live(n, up->code, &level); }
        for (int i = n->first_below; i >= 0; i = w->nodes[i].next_beside) {
            live &= says_live(n, w->nodes[i].code, &level);
            live &= says_live(&w->nodes[i], n->code, &level);
        }
        if (live && !back->live) back->live = w->now_ms;
        if (level) back->level = w->now_ms;
    }
}

bool measure_waits(const struct measure *m) {
    bool waits = false;
    for (int b = 0; b < m->n_backs; b++) waits |= !m->backs[b].level;
    return waits;
}

/* ---- the report ---------------------------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static struct spread spread_of(uint64_t *of, size_t n) {
    qsort(of, n, sizeof *of, by_size);
    if (n == 0) return (struct spread){ 0 };
    return (struct spread){ of[n / 2], of[n * 99 / 100], of[n - 1], n };
}

enum which { TO_THEM, TO_THEM_AND_BACK, SIGNED_AND_BACK };

/* Over the counties that were reached at once, or over those that the outage had cut off. */
static bool print_course(const struct measure *m, const struct course *c, enum which which, bool cut_off) {
    static const char *const names[] = { "delivered", "delivered, known at the top", "signed, known at the top" };
    static uint64_t took[NODES_MAX];
    struct nation *n = m->n;
    size_t count = 0;
    for (int i = 1; i < n->w->n_nodes; i++) {
        const struct node *at = &n->w->nodes[i];
        uint64_t to = which == TO_THEM ? c->delivered[i] : which == TO_THEM_AND_BACK ? c->known[i] : c->signed_known[i];
        uint64_t from = which == SIGNED_AND_BACK ? c->signed_at[i] : c->issued;
        bool was_cut = c->issued > n->down_at && c->issued < n->back_at && world_below(n->w, at->code, n->w->nodes[n->down].code);
        if (to == 0 || from == 0) { printf("never %s: %s at %u\n", names[which], c->name, at->code); return false; }
        if (was_cut && which != SIGNED_AND_BACK) from = n->back_at;
        if (at->tier == TIER_COUNTY && was_cut == cut_off) took[count++] = to > from ? to - from : 0;
    }
    struct spread s = spread_of(took, count);
    if (count) printf("%-20s %-28s %5zu counties%s: p50 %6.2f s, p99 %6.2f s, most %6.2f s\n", c->name, names[which], s.n,
                      cut_off ? ", after their province's return" : "", (double)s.p50 / 1000, (double)s.p99 / 1000, (double)s.most / 1000);
    return true;
}

bool measure_print(const struct measure *m) {
    bool good = m->n_courses > 0 && m->n_backs > 0;
    for (int i = 0; i < m->n_courses; i++)
        for (int which = TO_THEM; which <= SIGNED_AND_BACK; which++)
            for (int cut = 0; cut < 2; cut++) good = print_course(m, m->courses[i], (enum which)which, cut) && good;
    for (int b = 0; b < m->n_backs; b++) {
        const struct back *back = &m->backs[b];
        if (!back->level) { printf("never in step again: %u\n", m->n->w->nodes[back->node].code); good = false; continue; }
        printf("outage of the %-6s of %u: all its links live %.2f s after its return, nothing left to send at %.2f s\n", back->name,
               m->n->w->nodes[back->node].code, (double)(back->live - back->at) / 1000, (double)(back->level - back->at) / 1000);
    }
    return good;
}
