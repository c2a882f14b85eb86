/* happen: what each fault of a plan does to the world, one function a fault. True: it struck. */
#include <stdio.h>
#include "history.h"
#include "plan.h"

static bool crash(struct node *n, const struct event *e) {
    n->dies = (uint8_t)e->other;
    n->dies_in = e->amount;
    return true;
}

static bool put_fails(struct node *n, uint8_t how, int64_t after) {
    n->put_fails = how;
    n->puts_left = after;
    return true;
}

static bool leave(struct world *w, struct node *n, uint64_t for_ms) {
    if (!n->up) return false;
    world_note(w, "%u is switched off", n->code);
    node_down(w, n, for_ms);
    return true;
}

static bool jump(struct world *w, struct node *n, int64_t by_ms) {
    n->clock_offset_ms = by_ms;
    history_clock(w->history, n->code);
    if (n->up && n->wake_ms > w->now_ms + 1000) n->wake_ms = w->now_ms + 1000;
    return true;
}

static bool restore_two(struct world *w, struct node *n, int which) {
    struct node *parent = n->up_index < 0 ? n : &w->nodes[n->up_index];
    bool one = node_restore_from(w, n, which);
    bool two = parent != n && node_restore_from(w, parent, which + 1);
    return one || two;
}

/* ---- keys ----------------------------------------------------------------------------------------------------------------------- */

/* The wrong key is at the machines, which start with it, or in the parent's roster, where the administrator enrols both again. */
static void keys_changed(struct world *w, struct node *n, bool at_machine) {
    net_disconnect(w, n->index);
    if (at_machine) { if (n->up) node_down(w, n, 300); return; }
    if (n->enrolled) node_enrol(w, n);
}

static bool exchange(struct world *w, struct node *a, struct node *b, bool at_machines) {
    w->exchanged = true;
    int key = a->speaks_as;
    if (a->up_index < 0 || a->up_index != b->up_index) return false;
    a->speaks_as = b->speaks_as;
    b->speaks_as = key;
    world_note(w, "%u and %u have each other's keys", a->code, b->code);
    keys_changed(w, a, at_machines);
    keys_changed(w, b, at_machines);
    return true;
}

static bool put_right(struct world *w, struct node *n) {
    if (n->speaks_as == n->index) return false;
    for (int i = 0; i < w->n_nodes; i++)
        if (w->nodes[i].speaks_as == n->index) return exchange(w, n, &w->nodes[i], true);
    return false;
}

/* ---- the tree -------------------------------------------------------------------------------------------------------------------- */

/* Whoever has another's key gets his own before he leaves; the trees that a world may remember are few. */
static bool may_change(struct world *w, struct node *n) {
    put_right(w, n);
    return n->up_index >= 0 && w->n_trees + 8 < TREES_MAX;
}

static bool remove_child(struct world *w, struct node *n, bool for_good) {
    if (!may_change(w, n) || !n->enrolled || !w->nodes[n->up_index].up) return false;
    node_remove(w, n, for_good);
    return true;
}

static bool enrol(struct world *w, struct node *n) {
    if (n->enrolled || n->gone || n->up_index < 0 || !w->nodes[n->up_index].up) return false;
    node_enrol(w, n);
    return true;
}

static bool upgrade(struct world *w, struct node *n) {
    if (n->program == &program_new) return false;
    if (n->up) node_down(w, n, 500);
    n->program = &program_new;
    return true;
}

/* ---- all of them ------------------------------------------------------------------------------------------------------------------- */

static bool strike_link(struct world *w, struct node *n, const struct event *e) {
    uint64_t until = w->now_ms + e->for_ms;
    struct line *l = &n->line;
    switch ((int)e->what) {
    case EVENT_lose: l->lose_until = until; l->lose = (double)e->amount / 100; break;
    case EVENT_twice: l->twice_until = until; l->twice = (double)e->amount / 100; break;
    case EVENT_reorder: l->reorder_until = until; l->reorder_ms = (uint64_t)e->amount; break;
    case EVENT_slow: l->slow_until = until; l->bytes_per_s = (uint64_t)e->amount; break;
    case EVENT_cut: l->cut_until[e->amount] = until; break;
    case EVENT_clog: l->clog_until[0] = l->clog_until[1] = until; break;
    default: world_dark(w, n, e->for_ms); break;
    }
    return n->up_index >= 0;
}

static bool strike(struct world *w, struct node *n, const struct event *e) {
    switch ((int)e->what) {
    case EVENT_crash: return crash(n, e);
    case EVENT_write: return put_fails(n, 1, e->amount);
    case EVENT_no_room: return put_fails(n, 2, e->amount);
    case EVENT_restart: return leave(w, n, 100);
    case EVENT_leave: return leave(w, n, e->for_ms);
    case EVENT_full: n->full = true; n->full_until = w->now_ms + e->for_ms; return true;
    case EVENT_jump: return jump(w, n, e->amount);
    case EVENT_drift: node_set_drift(w, n, e->amount); history_clock(w->history, n->code); return true;
    case EVENT_copy: node_copy_more(w, n); return false;
    case EVENT_restore: return node_restore_from(w, n, (int)e->amount);
    case EVENT_restore_two: return restore_two(w, n, (int)e->amount);
    case EVENT_destroy: node_destroy(w, n); return true;
    case EVENT_swap: return exchange(w, n, &w->nodes[e->other], e->amount);
    case EVENT_put_right: return put_right(w, n);
    case EVENT_move_to: return may_change(w, n) && node_move_to(w, n, &w->nodes[e->other]);
    case EVENT_remove: return remove_child(w, n, false);
    case EVENT_part: return remove_child(w, n, true);
    case EVENT_enrol: return enrol(w, n);
    case EVENT_upgrade: return upgrade(w, n);
    default: return strike_link(w, n, e);
    }
}

void event_happens(struct world *w, const struct event *e) {
    enum family family = event_family(e->what);
    if (family == FAMILY_ACT || family == FAMILY_LOAD) { clerk_acts(w, e); return; }
    if (w->trace) { printf("%12.3f ====== |", (double)w->now_ms / 1000); plan_print(w, e); }
    if (strike(w, &w->nodes[e->node], e)) w->faults++;
}
