/* world: making one, letting time pass in it, ending it. */
#include "world.h"
#include "history.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

uint64_t sim_random(struct world *w, uint64_t below) {
    w->random ^= w->random >> 12;
    w->random ^= w->random << 25;
    w->random ^= w->random >> 27;
    return below ? (w->random * 2685821657736338717ull >> 16) % below : 0;
}
bool sim_chance(struct world *w, double p) { return (double)sim_random(w, 1u << 30) < p * (double)(1u << 30); }

void world_note(struct world *w, const char *format, ...) {
    if (!w->trace) return;
    va_list args;
    va_start(args, format);
    printf("%12.3f ------ | ", (double)w->now_ms / 1000);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

void world_fail(struct world *w, const char *format, ...) {
    va_list args;
    va_start(args, format);
    char text[sizeof w->failure];
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (w->trace) printf("FAIL %s\n", text);
    if (!w->failed) memcpy(w->failure, text, sizeof text);
    w->failed = true;
}

/* ---- making --------------------------------------------------------------------------------------------------------- */

void world_open(struct world *w, uint64_t seed, const char *dir, bool trace) {
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->random = seed * 0x9E3779B97F4A7C15ull + 1;
    for (int i = 0; i < 8; i++) sim_random(w, 2);
    w->trace = trace;
    snprintf(w->dir, sizeof w->dir, "%s", dir);
    w->calendar = calendar_create();
    w->arena = arena_create(64 << 20);
    w->now_ms = 1000;
    w->fingerprint = seed;
    w->tip_idle_ms = 8000;
    w->map_bytes = 256 << 20;
}

void world_start(struct world *w) {
    world_make_units(w);
    witness_tree(w);
    for (int i = 0; i < w->n_nodes; i++)
        if (w->nodes[i].up_index >= 0 && w->nodes[i].enrolled) shape_roster_put(w, &w->nodes[w->nodes[i].up_index], &w->nodes[i]);
    for (int i = 0; i < w->n_nodes; i++) node_boot(w, &w->nodes[i]);
}


void world_mark(struct world *w, uint64_t a, uint64_t b, struct lz_bytes bytes) {
    uint64_t words[2] = { a, b };
    w->fingerprint = lz_hash64(w->fingerprint, words, sizeof words);
    if (bytes.len) w->fingerprint = lz_hash64(w->fingerprint, bytes.data, bytes.len < 200 ? bytes.len : 200);
}

/* ---- time ----------------------------------------------------------------------------------------------------------- */

enum { TURNS_MAX = 20000000 };

static uint64_t wake_of(const struct world *w, const struct node *n) {
    if (!n->up) return n->back_ms;
    if (net_may_connect(w, n) && n->line.connect_at < n->wake_ms) return n->line.connect_at;
    return n->wake_ms;
}

/* Who wakes next: a tournament over all nodes, so that an event costs the logarithm of their number. Of those that wake at the same moment
 * the first by index goes. What one event changes is the wake of a node and of those straight below it. */
struct race { uint64_t wake[NODES_MAX]; uint16_t winner[2 * NODES_MAX]; int width; };

static void race_play(struct race *r, int at) {
    int a = r->winner[2 * at], b = r->winner[2 * at + 1];
    r->winner[at] = (uint16_t)(r->wake[b] < r->wake[a] ? b : a);
}

static void race_begin(struct world *w) {
    if (!w->race) w->race = malloc(sizeof *w->race);
    LZ_ASSERT(w->race);
    struct race *r = w->race;
    for (r->width = 1; r->width < w->n_nodes; ) r->width *= 2;
    LZ_ASSERT(r->width <= NODES_MAX);
    for (int i = 0; i < r->width; i++) {
        r->wake[i] = i < w->n_nodes ? wake_of(w, &w->nodes[i]) : UINT64_MAX;
        r->winner[r->width + i] = (uint16_t)i;
    }
    for (int at = r->width - 1; at > 0; at--) race_play(r, at);
}

static void race_again(struct world *w, int i) {
    struct race *r = w->race;
    uint64_t wake = wake_of(w, &w->nodes[i]);
    if (wake == r->wake[i]) return;
    r->wake[i] = wake;
    for (int at = (r->width + i) / 2; at > 0; at /= 2) race_play(r, at);
}

static void race_after(struct world *w, int i) {
    if (w->eats) { race_begin(w); return; }              /* a scenario may do anything in it */
    race_again(w, i);
    for (int k = w->nodes[i].first_below; k >= 0; k = w->nodes[k].next_beside) race_again(w, k);
}

static void say_restless(struct world *w) {
    const struct node *most = &w->nodes[0];
    for (int i = 1; i < w->n_nodes; i++)
        if (w->nodes[i].turns > most->turns) most = &w->nodes[i];
    world_fail(w, "RESTLESS it does not come to rest: %u has had %llu turns, and wakes at %llu, now it is %llu", most->code, (unsigned long long)most->turns,
               (unsigned long long)most->wake_ms, (unsigned long long)w->now_ms);
}

void world_run(struct world *w, uint64_t until_ms) {
    race_begin(w);
    while (!(w->failed && w->healing)) {
        uint64_t at = w->n_parcels ? w->parcels[0].at_ms : UINT64_MAX;
        int first = w->race->winner[1];
        bool wakes = w->race->wake[first] < at;
        struct node *who = wakes ? &w->nodes[first] : NULL;
        if (wakes) at = w->race->wake[first];
        if (at > until_ms) break;
        if (at > w->now_ms) w->now_ms = at;
        if (!who) first = w->parcels[0].to;
        if (!who) net_deliver(w);
        else if (!who->up) { node_boot(w, who); if (who->up) witness_places(w, who); }
        else node_run(w, who);
        race_after(w, first);
        if (w->turns > (w->turns_max ? w->turns_max : TURNS_MAX)) { say_restless(w); break; }
    }
    if (w->now_ms < until_ms) w->now_ms = until_ms;
}

/* ---- healing ----------------------------------------------------------------------------------------------------------- */

static void heal_node(struct world *w, struct node *n) {
    n->full = false;
    n->dies = n->put_fails = 0;
    n->speaks_as = n->index;
    node_set_drift(w, n, 0);
    n->line.cut_until[0] = n->line.cut_until[1] = n->line.clog_until[0] = n->line.clog_until[1] = 0;
    n->line.lose_until = n->line.twice_until = n->line.reorder_until = n->line.slow_until = 0;
    if (n->line.connect_at > w->now_ms + 1000) n->line.connect_at = w->now_ms + 1000;
    if (n->program != &program_new) {
        if (n->up) node_close(w, n);
        n->program = &program_new;
    }
    if (!n->up) n->back_ms = w->now_ms;
}

void world_heal(struct world *w) {
    w->healing = true;
    for (int i = 0; i < w->n_nodes; i++) {
        struct node *n = &w->nodes[i];
        struct line *l = &n->line;
        bool swapped = n->speaks_as != i, choked = false;
        for (int k = 0; k < 4; k++) choked |= l->busy_until[k / 2][k % 2] > w->now_ms + 2000;
        heal_node(w, n);
        if (choked) {                                            /* another line, another connection */
            memset(l->busy_until, 0, sizeof l->busy_until);
            l->last_at[0] = l->last_at[1] = 0;
            l->n_live[0] = l->n_live[1] = 0;
        }
        if (swapped || choked) net_disconnect(w, i);
    }
    for (int i = 0; i < w->n_nodes; i++) {
        struct node *n = &w->nodes[i];
        if (!n->enrolled && n->up_index >= 0 && !n->gone) node_enrol(w, n);
    }
}

/* A dozen of the longest waits of a link for its neighbour's word, one after the other, and a minute for what has to be carried. */
uint64_t world_bound_ms(const struct world *w) { return 60000 + 12 * (uint64_t)w->tip_idle_ms; }

/* ---- the end --------------------------------------------------------------------------------------------------------------- */

void world_close(struct world *w) {
    for (int i = 0; i < w->n_nodes; i++) {
        w->nodes[i].program->turn_close(&w->nodes[i].turn);
        store_close(&w->nodes[i].store);
        roster_destroy(&w->nodes[i].roster);
    }
    for (size_t i = 0; i < w->n_parcels; i++) free(w->parcels[i].bytes);
    for (size_t i = 0; i < w->n_sticks; i++) free(w->sticks[i].bytes);
    for (size_t i = 0; i < w->n_told; i++) { free(w->told[i].envelope); free(w->told[i].targets); }
    history_destroy(&w->history);
    free(w->race);
    free(w->parcels);
    free(w->told);
    for (int i = 0; i < w->n_units; i++) units_destroy(&w->units[i]);
    calendar_destroy(&w->calendar);
    arena_destroy(&w->arena);
}
