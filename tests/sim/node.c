/* node: the life of one daemon: its start, its turns, its end. */
#include "world.h"
#include "history.h"
#include <stdio.h>

static const uint64_t base_wall_ms = 1650762000000ull;      /* 2022-04-24 09:00 in China */

static bool strikes(void *context, enum store_point point) {
    struct node *n = context;
    struct world *w = n->world;
    if (point == STORE_FULL && n->full) return true;
    if (n->dies && point == (n->dies == 1 ? STORE_BEFORE_COMMIT : STORE_AFTER_COMMIT)) { n->dies = 0; return true; }
    if (w->healing) return false;
    double p = point == STORE_BEFORE_COMMIT ? w->odds.crash_before : point == STORE_AFTER_COMMIT ? w->odds.crash_after : w->odds.full;
    return p > 0 && sim_chance(w, p);
}

struct lz_now node_now(const struct world *w, const struct node *n) {
    return (struct lz_now){ w->now_ms, (uint64_t)((int64_t)(base_wall_ms + w->now_ms) + n->clock_offset_ms) };
}

void node_close(struct world *w, struct node *n) {
    turn_close(&n->turn);
    store_close(&n->store);
    n->up = false;
    net_drop(w, n->index);
    net_disconnect(w, n->index);
    for (int i = 0; i < w->n_nodes; i++)
        if (w->nodes[i].up_index == n->index) net_disconnect(w, i);
}

void node_down(struct world *w, struct node *n, uint64_t for_ms) {
    if (n->up) node_close(w, n);
    n->back_ms = w->now_ms + for_ms;
}

static struct turn_options turn_options_of(struct world *w, struct node *n) {
    struct turn_options o = {
        .store = n->store, .roster = n->roster, .units = w->units, .calendar = w->calendar, .unit = n->code, .parent = n->parent, .tier = n->tier,
        .n_parent_endpoints = 1, .software = "sim", .seed = sim_random(w, UINT32_MAX),
        .tip_ms = 1000, .tip_idle_ms = w->tip_idle_ms, .hello_ms = 1000, .may_wait = true,
        .settings = { .sign_days = 1, .sign_urgent_hours = 2, .reminder_days = 10, .letter_days = 15, .accept_days = 1, .handle_days = 15, .blue_days = 3,
                      .yellow_points = 10, .red_points = 30, .urge_after_days = 3, .offer_after_days = 5, .rollup_interval_ms = 1000 },
    };
    if (n->parent == 0 && w->subscribe) { o.subscribe[0] = w->subscribe; o.n_subscribe = 1; }
    lz_put32(o.seal_key, n->code);
    uint8_t secret[32], public_key[32];
    carry_keys(n->code, public_key, o.secret_key);
    if (n->parent) carry_keys(n->parent, o.parent_key, secret);
    for (int i = 0; i < 4; i++) lz_put32(o.epoch.b + 4 * i, (uint32_t)sim_random(w, UINT32_MAX) | 1);
    return o;
}

void node_boot(struct world *w, struct node *n) {
    n->faults = (struct store_faults){ strikes, n };
    struct store_options so = { .path = n->path, .unit = n->code, .map_bytes = 256 << 20, .reserve_bytes = 1 << 20, .no_sync = true, .faults = &n->faults };
    struct lz_fail fail = { 0 };
    enum lz_err err = store_open(&n->store, &so, &fail);
    if (err != LZ_ok) { world_fail(w, "%u does not open: %s", n->code, fail.text); w->healing = true; return; }
    struct turn_options o = turn_options_of(w, n);
    n->starts++;
    history_started(w->history, n->code, o.epoch.b);
    err = turn_open(&n->turn, &o, node_now(w, n), &fail);
    if (err != LZ_ok) {                                         /* it died while it started */
        store_close(&n->store);
        n->back_ms = w->now_ms + 200;
        return;
    }
    n->up = true;
    n->hung = false;
    n->wake_ms = w->now_ms;
    w->connect_at[n->index] = w->now_ms + 10 + sim_random(w, 200);
    for (int i = 0; i < w->n_nodes; i++)
        if (w->nodes[i].up_index == n->index) w->connect_at[i] = w->now_ms + 10 + sim_random(w, 400);
}

/* ---- its turns ------------------------------------------------------------------------------------------------------ */

/* Ends the turn that was begun; false: the node died in it. Whatever it had given out before it died is on its way. */
bool node_finish(struct world *w, struct node *n) {
    w->turns++;
    enum lz_err err = turn_commit(n->turn);
    if (err == LZ_store_io) {
        net_take(w, n);
        world_note(w, "%u crashed", n->code);
        history_died(w->history, n->code);
        n->crashes++;
        w->faults++;
        node_down(w, n, 50 + sim_random(w, 3000));
        return false;
    }
    if (err == LZ_full) w->faults++;
    net_take(w, n);
    if (n->lost) witness_turn(w, n);
    n->wake_ms = turn_next_deadline(n->turn);
    if (n->wake_ms <= w->now_ms) n->wake_ms = w->now_ms + 1;
    return err == LZ_ok;
}

void node_run(struct world *w, struct node *n) {
    turn_begin(n->turn, node_now(w, n));
    if (n->hung) { turn_parent_event(n->turn, PARENT_LOST); n->hung = false; }
    if (n->up_index >= 0 && !w->filed[n->index] && !n->connected && n->enrolled && w->nodes[n->up_index].up && w->now_ms >= w->connect_at[n->index]) {
        n->connected = true;
        turn_parent_event(n->turn, PARENT_CONNECTED);
    }
    node_finish(w, n);
}

void node_begin(struct world *w, struct node *n) { turn_begin(n->turn, node_now(w, n)); }

bool node_feed(struct world *w, struct node *n, uint32_t peer, enum channel channel, struct lz_bytes bytes) {
    struct packet packet = { peer, channel, bytes };
    node_begin(w, n);
    turn_feed(n->turn, &packet);
    return node_finish(w, n);
}
