/* plan: swarm testing. Each seed switches a random part of the faults on, each at a rate of its own, over a time of its own. */
#include <stdio.h>
#include <stdlib.h>
#include "plan.h"

static const struct { const char *name, *words; enum family family; unsigned most; } rows[EVENT_COUNT] = {
#define X(name, family, most, words) { #name, words, FAMILY_##family, most },
#include "events.def"
#undef X
};
enum family event_family(enum what what) { return rows[what].family; }
const char *event_name(enum what what) { return rows[what].name; }

static const char *const families[FAMILY_COUNT] = {
    "act", "load", "crash", "disk", "net", "clock", "restore", "destroy", "tree", "skew", "move", "part", "files" };

bool plan_families(const char *list, uint32_t *mask) {
    *mask = 1u << FAMILY_ACT;
    for (const char *at = list; *at; ) {
        size_t n = strcspn(at, ",");
        uint32_t found = 0;
        if (n == 3 && memcmp(at, "all", 3) == 0) found = (1u << FAMILY_PART) - 1;
        for (int i = 0; i < FAMILY_COUNT; i++)
            if (strlen(families[i]) == n && memcmp(families[i], at, n) == 0) found |= 1u << i;
        if (!found) return false;
        *mask |= found;
        at += n + (at[n] == ',');
    }
    return true;
}

/* ---- when ------------------------------------------------------------------------------------------------------------------ */

enum { CENTRES_MAX = 40 };
struct pace {
    uint64_t span_ms, around_ms;
    uint64_t centres[CENTRES_MAX];
    size_t n_centres;                /* 0: evenly */
};

/* Most worlds last a minute, some hours, a few weeks; in these all happens in knots, so that it meets. */
static void draw_pace(struct world *w, struct pace *p) {
    uint64_t kind = sim_random(w, 100);
    *p = (struct pace){ .span_ms = 30000 + sim_random(w, 70000), .around_ms = 20000 };
    if (kind >= 80) p->span_ms = 600000 + sim_random(w, 2 * LZ_HOUR_MS);
    if (kind >= 98) { p->span_ms = 7 * LZ_DAY_MS + sim_random(w, 21 * LZ_DAY_MS); w->tip_idle_ms = 240000; }
    if (kind < 80) return;
    p->n_centres = 5 + sim_random(w, CENTRES_MAX - 5);
    for (size_t i = 0; i < p->n_centres; i++) p->centres[i] = sim_random(w, p->span_ms);
}

static uint64_t draw_at(struct world *w, const struct pace *p) {
    if (!p->n_centres) return 1500 + sim_random(w, p->span_ms);
    return 1500 + p->centres[sim_random(w, p->n_centres)] + sim_random(w, p->around_ms);
}

/* Mostly short, seldom long. */
static uint64_t draw_for(struct world *w, uint64_t most_ms) {
    uint64_t scale = sim_random(w, 3);
    return 1 + sim_random(w, scale == 0 ? most_ms : scale == 1 ? most_ms / 5 + 1 : most_ms / 50 + 1);
}

/* ---- what ------------------------------------------------------------------------------------------------------------------- */

static struct event *add(struct plan *p, struct world *w, enum what what, uint64_t at_ms, int node) {
    if (p->n == p->max) {
        p->max = p->max ? 2 * p->max : 512;
        p->events = realloc(p->events, p->max * sizeof *p->events);
        LZ_ASSERT(p->events);
    }
    p->events[p->n] = (struct event){ .at_ms = at_ms, .what = what, .node = node, .other = -1, .seed = sim_random(w, UINT32_MAX) | 1 };
    return &p->events[p->n++];
}

static int any_node(struct world *w) { return (int)sim_random(w, (uint64_t)w->n_nodes); }

/* Neighbours under one parent; -1: there is none. */
static int any_sibling(struct world *w, int node) {
    for (int i = 0, at = any_node(w); i < w->n_nodes; i++, at = (at + 1) % w->n_nodes)
        if (at != node && w->nodes[at].up_index == w->nodes[node].up_index) return at;
    return -1;
}

/* Another node of the parent's tier, not below the node itself. */
static int any_parent(struct world *w, int node) {
    int up = w->nodes[node].up_index;
    for (int i = 0, at = any_node(w); up >= 0 && i < w->n_nodes; i++, at = (at + 1) % w->n_nodes)
        if (at != up && w->nodes[at].tier == w->nodes[up].tier) return at;
    return -1;
}

static void draw_acts(struct plan *p, struct world *w, const struct pace *pace, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint64_t kind = sim_random(w, 84);
        enum what what = kind < 12 ? EVENT_issue : kind < 50 ? EVENT_act : kind < 65 ? EVENT_progress : kind < 71 ? EVENT_problem : kind < 74 ? EVENT_emergency
                       : kind < 78 ? EVENT_duty : EVENT_again;
        add(p, w, what, draw_at(w, pace), any_node(w));
    }
}

/* FoundationDB's best fault: links stop one by one, and go again in another order. */
static void draw_swizzle(struct plan *p, struct world *w, const struct pace *pace) {
    uint64_t at = draw_at(w, pace), step = 200 + sim_random(w, 2000);
    int first = any_node(w), n = 1 + (int)sim_random(w, (uint64_t)(w->n_nodes < 12 ? w->n_nodes : 12));
    for (int i = 0; i < n; i++) {
        uint64_t begin = at + (uint64_t)i * step, end = at + (uint64_t)n * step + sim_random(w, (uint64_t)n) * step;
        add(p, w, EVENT_clog, begin, (first + i) % w->n_nodes)->for_ms = end - begin;
    }
}

static void draw_flood(struct plan *p, struct world *w, const struct pace *pace) {
    uint64_t at = draw_at(w, pace), n = 5 + sim_random(w, 30);
    int node = any_node(w);
    for (uint64_t i = 0; i < n; i++) add(p, w, EVENT_burst, at + i * 50, node)->amount = (int64_t)(1 + sim_random(w, 15));
}

/* The figures of one fault. False: it cannot be here. */
static bool draw_figures(struct world *w, const struct pace *pace, struct event *e) {
    static const int64_t jumps[] = { 3600000, 86400000, 3155760000, 315576000000 };     /* an hour, a day, a tenth of a year, ten years */
    uint64_t long_ms = pace->span_ms > 200000 ? pace->span_ms / 3 : 60000;
    switch ((int)e->what) {
    case EVENT_crash: e->other = (int)(1 + sim_random(w, 2)); e->amount = (int64_t)sim_random(w, 6); break;      /* before or after, which commit */
    case EVENT_write: case EVENT_no_room: e->amount = (int64_t)sim_random(w, 60); break;
    case EVENT_leave: e->for_ms = 5000 + draw_for(w, long_ms); break;
    case EVENT_full: e->for_ms = draw_for(w, long_ms < 600000 ? long_ms : 600000); break;
    case EVENT_lose: e->for_ms = draw_for(w, 60000); e->amount = (int64_t)(10 + sim_random(w, 91)); break;
    case EVENT_twice: e->for_ms = draw_for(w, 60000); e->amount = (int64_t)(10 + sim_random(w, 60)); break;
    case EVENT_reorder: e->for_ms = draw_for(w, 60000); e->amount = (int64_t)(10 + sim_random(w, 3000)); break;
    case EVENT_slow: e->for_ms = draw_for(w, 60000); e->amount = (int64_t)(500 + sim_random(w, 50000)); break;
    case EVENT_cut: e->for_ms = draw_for(w, 15000); e->amount = (int64_t)sim_random(w, 2); break;
    case EVENT_dark: e->for_ms = draw_for(w, pace->span_ms); break;
    case EVENT_jump: {
        uint64_t kind = sim_random(w, 20);
        uint64_t reach = (uint64_t)jumps[kind < 12 ? 0 : kind < 17 ? 1 : kind < 19 ? 2 : 3];
        e->amount = (int64_t)sim_random(w, 2 * reach) - (int64_t)reach;
        break;
    }
    case EVENT_drift: e->amount = (int64_t)sim_random(w, 100000) - 50000; break;        /* parts in a million: up to 5 % */
    case EVENT_restore: case EVENT_restore_two: e->amount = (int64_t)sim_random(w, COPIES_MAX); break;
    case EVENT_swap: e->other = any_sibling(w, e->node); e->amount = (int64_t)sim_random(w, 2); return e->other >= 0 && w->nodes[e->node].up_index >= 0;
    case EVENT_move_to: e->other = any_parent(w, e->node); return e->other >= 0;
    case EVENT_remove: case EVENT_part: return w->nodes[e->node].up_index >= 0;
    default: break;
    }
    return true;
}

static void draw_fault(struct plan *p, struct world *w, const struct pace *pace, enum what what) {
    struct event *e = add(p, w, what, draw_at(w, pace), any_node(w));
    if (!draw_figures(w, pace, e)) { p->n--; return; }
    struct event now = *e;
    /* wrong keys say hello every second: not for weeks */
    if (what == EVENT_swap && (sim_chance(w, 0.5) || pace->span_ms > LZ_DAY_MS)) add(p, w, EVENT_put_right, now.at_ms + draw_for(w, 60000), now.node);
    if (what == EVENT_remove && sim_chance(w, 0.5)) add(p, w, EVENT_enrol, now.at_ms + draw_for(w, 60000), now.node);
    if (what == EVENT_restore || what == EVENT_restore_two)
        for (int i = 0; i < 3; i++) {
            add(p, w, EVENT_copy, draw_at(w, pace), now.node);
            if (what == EVENT_restore_two && w->nodes[now.node].up_index >= 0) add(p, w, EVENT_copy, draw_at(w, pace), w->nodes[now.node].up_index);
        }
}

static void draw_faults(struct plan *p, struct world *w, const struct pace *pace, size_t n_acts) {
    for (int what = 0; what < EVENT_COUNT; what++) {
        bool on = (p->families >> rows[what].family & 1) && sim_chance(w, 0.5) && !(what == EVENT_move_to && pace->span_ms > LZ_DAY_MS);
        uint64_t scale = sim_random(w, 3), most = n_acts * rows[what].most / 100;
        uint64_t n = scale == 0 ? most : scale == 1 ? most / 4 : most / 12;
        if (!on || !most) continue;
        for (n = 1 + sim_random(w, n + 1); n > 0; n--) draw_fault(p, w, pace, (enum what)what);
    }
    if ((p->families >> FAMILY_NET & 1) && sim_chance(w, 0.3)) draw_swizzle(p, w, pace);
    if ((p->families >> FAMILY_LOAD & 1) && sim_chance(w, 0.15)) draw_flood(p, w, pace);
    for (int i = 0; i < w->n_nodes; i++) {
        if (!w->nodes[i].enrolled && w->nodes[i].up_index >= 0 && sim_chance(w, 0.7)) add(p, w, EVENT_enrol, draw_at(w, pace), i);
        if (w->nodes[i].program == &program_old && sim_chance(w, 0.7)) add(p, w, EVENT_upgrade, draw_at(w, pace), i);
    }
}

static int by_time(const void *a, const void *b) {
    const struct event *x = a, *y = b;
    if (x->at_ms != y->at_ms) return x->at_ms < y->at_ms ? -1 : 1;
    return x->seed != y->seed ? (x->seed < y->seed ? -1 : 1) : 0;
}

static bool makes_a_subject(enum what what) { return what == EVENT_issue || what == EVENT_problem || what == EVENT_emergency; }

/* What acts are about: one of the records of events before. Fixed here, so that it stays when others are left out. */
static void choose_subjects(struct plan *p, struct world *w) {
    size_t *subjects = malloc((p->n + 1) * sizeof *subjects), n = 0;
    LZ_ASSERT(subjects);
    for (size_t i = 0; i < p->n; i++) {
        struct event *e = &p->events[i];
        e->index = i;
        e->about = n ? subjects[n - 1 - sim_random(w, n < 12 ? n : 12)] : i;
        if (sim_chance(w, 0.2) && n) e->about = subjects[sim_random(w, n)];
        if (makes_a_subject(e->what)) subjects[n++] = i;
    }
    free(subjects);
}

/* The links of a world as they always are, besides what happens to them. */
static void draw_links(struct world *w, uint32_t mask) {
    w->odds.delay_min_ms = 1 + (uint32_t)sim_random(w, 20);
    w->odds.delay_max_ms = w->odds.delay_min_ms + (uint32_t)sim_random(w, 300);
    w->odds.quantum_ms = sim_chance(w, 0.3) ? 1 + (uint32_t)sim_random(w, 50) : 0;
    if (mask >> FAMILY_NET & 1) {
        w->odds.lose = sim_chance(w, 0.7) ? (double)sim_random(w, 30) / 100 : 0;
        w->odds.twice = sim_chance(w, 0.7) ? (double)sim_random(w, 15) / 100 : 0;
        w->odds.bytes_per_s = sim_chance(w, 0.2) ? 4000 + sim_random(w, 100000) : 0;
    }
}

void plan_draw(struct plan *p, struct world *w, uint32_t mask) {
    struct pace pace;
    /* by file, which of two lines of a lost store is the later one, only its clock tells */
    if ((mask >> FAMILY_FILES & 1) && (mask & (1u << FAMILY_RESTORE | 1u << FAMILY_DESTROY))) mask &= ~(1u << FAMILY_CLOCK);
    *p = (struct plan){ .seed = w->seed, .families = mask };
    draw_links(w, mask);
    w->subscribe = sim_chance(w, 0.5) ? KIND_progress : 0;
    bool late = sim_chance(w, 0.5), large = sim_chance(w, 0.01);
    draw_pace(w, &pace);
    if (large && pace.span_ms > LZ_DAY_MS) large = false;
    shape_make(w, large, late);
    if (mask >> FAMILY_FILES & 1) carry_draw(w);
    if ((mask >> FAMILY_SKEW & 1) && sim_chance(w, 0.3))
        for (int i = 0; i < w->n_nodes; i++)
            if (sim_chance(w, 0.5)) w->nodes[i].program = &program_old;
    size_t n = large ? 400 + sim_random(w, 400) : 80 + sim_random(w, 320);
    draw_acts(p, w, &pace, n);
    draw_faults(p, w, &pace, n);
    qsort(p->events, p->n, sizeof *p->events, by_time);
    choose_subjects(p, w);
    p->end_ms = 2000 + pace.span_ms + (pace.n_centres ? pace.around_ms : 0);
}

void plan_free(struct plan *p) {
    free(p->events);
    *p = (struct plan){ 0 };
}

void plan_print(const struct world *w, const struct event *e) {
    printf("  %10.3f s  %06u %s", (double)e->at_ms / 1000, w->nodes[e->node].code, rows[e->what].words);
    if (e->what == EVENT_crash) printf(" (%s it, after %lld others)", e->other == 1 ? "before" : "after", (long long)e->amount);
    else if (e->other >= 0) printf(", the other is %06u", w->nodes[e->other].code);
    if (e->for_ms) printf(", for %.3f s", (double)e->for_ms / 1000);
    if (e->amount && e->what != EVENT_crash) printf(", figure %lld", (long long)e->amount);
    if (e->what == EVENT_act || e->what == EVENT_progress) printf(" (of event %zu)", e->about);
    printf("  [event %zu]\n", e->index);
}
