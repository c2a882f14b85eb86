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
    printf("%8llu ", (unsigned long long)w->now_ms);
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

struct node *node_of(struct world *w, uint32_t code) {
    for (int i = 0; i < w->n_nodes; i++)
        if (w->nodes[i].code == code) return &w->nodes[i];
    return NULL;
}

bool world_below(const struct world *w, uint32_t unit, uint32_t of) {
    for (uint32_t at = unit; at; ) {
        if (at == of) return true;
        const struct node *n = node_of((struct world *)(uintptr_t)w, at);
        at = n ? n->parent : 0;
    }
    return false;
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
    w->tip_idle_ms = 8000;
}

void world_add(struct world *w, uint32_t code, uint32_t parent, uint8_t tier, bool enrolled) {
    LZ_ASSERT(w->n_nodes < NODES_MAX);
    struct node *n = &w->nodes[w->n_nodes];
    *n = (struct node){ .code = code, .parent = parent, .tier = tier, .index = w->n_nodes, .up_index = -1, .enrolled = enrolled, .world = w };
    for (int i = 0; i < w->n_nodes; i++)
        if (w->nodes[i].code == parent) n->up_index = i;
    snprintf(n->path, sizeof n->path, "%.120s/%u", w->dir, code);
    snprintf(n->backup, sizeof n->backup, "%.120s/%u.copy", w->dir, code);
    n->roster = roster_create();
    w->n_nodes++;
}

void world_start(struct world *w) {
    world_make_units(w);
    witness_tree(w);
    for (int i = 0; i < w->n_nodes; i++)
        if (w->nodes[i].up_index >= 0 && w->nodes[i].enrolled) shape_roster_put(w, &w->nodes[w->nodes[i].up_index], &w->nodes[i]);
    for (int i = 0; i < w->n_nodes; i++) node_boot(w, &w->nodes[i]);
}


/* ---- time ----------------------------------------------------------------------------------------------------------- */

static uint64_t wake_of(const struct world *w, const struct node *n) {
    if (!n->up) return n->back_ms;
    uint64_t at = n->wake_ms;
    if (n->up_index >= 0 && !w->filed[n->index] && !n->connected && n->enrolled && w->nodes[n->up_index].up &&
        w->connect_at[n->index] < at) at = w->connect_at[n->index];
    return at;
}

void world_run(struct world *w, uint64_t until_ms) {
    while (!(w->failed && w->healing)) {
        size_t best = w->n_parcels ? net_next(w) : 0;
        uint64_t at = w->n_parcels ? w->parcels[best].at_ms : UINT64_MAX;
        struct node *who = NULL;
        for (int i = 0; i < w->n_nodes; i++) {
            uint64_t wake = wake_of(w, &w->nodes[i]);
            if (wake < at) { at = wake; who = &w->nodes[i]; }
        }
        if (at > until_ms) break;
        if (at > w->now_ms) w->now_ms = at;
        if (!who) {
            net_deliver(w, best);
        } else if (!who->up) node_boot(w, who);
        else node_run(w, who);
    }
    if (w->now_ms < until_ms) w->now_ms = until_ms;
}

void world_heal(struct world *w) {
    w->healing = true;
    memset(w->cut_until, 0, sizeof w->cut_until);
    for (int i = 0; i < w->n_nodes; i++) {
        struct node *n = &w->nodes[i];
        if (!n->enrolled && n->up_index >= 0) node_enrol(w, n);
        if (!n->up) n->back_ms = w->now_ms;
        n->full = false;
    }
}

void world_close(struct world *w) {
    for (int i = 0; i < w->n_nodes; i++) {
        turn_close(&w->nodes[i].turn);
        store_close(&w->nodes[i].store);
        roster_destroy(&w->nodes[i].roster);
    }
    for (size_t i = 0; i < w->n_parcels; i++) free(w->parcels[i].bytes);
    for (size_t i = 0; i < w->n_sticks; i++) free(w->sticks[i].bytes);
    for (size_t i = 0; i < w->n_told; i++) { free(w->told[i].envelope); free(w->told[i].targets); }
    history_destroy(&w->history);
    free(w->parcels);
    free(w->told);
    units_destroy(&w->units);
    calendar_destroy(&w->calendar);
    arena_destroy(&w->arena);
}
