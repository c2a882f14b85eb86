/* node: the life of one daemon: its start, its turns, its end. */
#include "world.h"
#include "history.h"
#include <stdarg.h>
#include <stdio.h>

static const uint64_t base_wall_ms = 1650762000000ull;      /* 2022-04-24 09:00 in China */

/* ---- its clock ------------------------------------------------------------------------------------------------------------ */

static int64_t drifted(const struct world *w, const struct node *n) { return (int64_t)(w->now_ms - n->drift_from_ms) * n->drift_ppm / 1000000; }

struct lz_now node_now(const struct world *w, const struct node *n) {
    return (struct lz_now){ w->now_ms, (uint64_t)((int64_t)(base_wall_ms + w->now_ms) + n->clock_offset_ms + drifted(w, n)) };
}

void node_set_drift(struct world *w, struct node *n, int64_t ppm) {
    n->clock_offset_ms += drifted(w, n);
    n->drift_from_ms = w->now_ms;
    n->drift_ppm = ppm;
}

/* ---- what its log says ------------------------------------------------------------------------------------------------------ */

/* The simulator runs one node at a time: the one whose log lines these are. */
static struct node *speaker;

void __wrap_lz_log(enum lz_level level, const char *format, ...) LZ_PRINTF(2, 3);
void __wrap_lz_log(enum lz_level level, const char *format, ...) {
    struct node *n = speaker;
    if (!n) return;
    bool loss = strncmp(format, "reclaim.open", 12) == 0 || strncmp(format, "link.%s peer=%06u feed=", 23) == 0;
    if (loss) n->reported_loss = true;
    if (strncmp(format, "number.used_twice kind=%u year=%u serial=%u", 43) == 0) {
        va_list said;
        va_start(said, format);
        unsigned kind = va_arg(said, unsigned), year = va_arg(said, unsigned), serial = va_arg(said, unsigned);
        va_end(said);
        history_number_twice(n->world->history, n->code, kind, year, serial);
    }
    if (!n->world->trace || level < LZ_INFO) return;
    va_list args;
    va_start(args, format);
    printf("%12.3f %06u | ", (double)n->world->now_ms / 1000, n->code);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

/* ---- where it dies ----------------------------------------------------------------------------------------------------------- */

static bool put_strikes(struct node *n, uint8_t how) {
    if (n->put_fails != how || n->puts_left-- > 0) return false;
    n->put_fails = 0;
    world_note(n->world, "%u: a write %s", n->code, how == 1 ? "fails" : "finds no room");
    return true;
}

static bool strikes(void *context, enum store_point point) {
    struct node *n = context;
    switch (point) {
    case STORE_FULL: return n->full && (!n->full_until || n->world->now_ms < n->full_until);
    case STORE_PUT_IO: return put_strikes(n, 1);
    case STORE_PUT_FULL: return put_strikes(n, 2);
    case STORE_BEFORE_COMMIT: case STORE_AFTER_COMMIT: break;
    }
    if (!n->dies || point != (n->dies == 1 ? STORE_BEFORE_COMMIT : STORE_AFTER_COMMIT) || n->dies_in-- > 0) return false;
    n->dies = 0;
    return true;
}

/* ---- start and end ------------------------------------------------------------------------------------------------------------ */

void node_close(struct world *w, struct node *n) {
    n->program->turn_close(&n->turn);
    store_close(&n->store);
    n->up = false;
    net_disconnect(w, n->index);
    for (int i = n->first_below; i >= 0; i = w->nodes[i].next_beside) net_disconnect(w, i);
}

void node_down(struct world *w, struct node *n, uint64_t for_ms) {
    if (n->up) node_close(w, n);
    n->back_ms = w->now_ms + for_ms;
}

static struct turn_options turn_options_of(struct world *w, struct node *n) {
    struct turn_options o = {
        .store = n->store, .roster = n->roster, .units = w->units[w->n_units - 1], .calendar = w->calendar, .unit = n->code, .parent = n->parent,
        .tier = n->tier, .n_parent_endpoints = 1, .software = "sim", .seed = sim_random(w, UINT32_MAX), .tip_ms = 1000,
        .tip_idle_ms = w->tip_idle_ms, .hello_ms = 1000, .may_wait = true,
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

static void connect_soon(struct world *w, struct node *child) {
    uint64_t at = w->now_ms + 10 + sim_random(w, 400);
    if (child->line.connect_at < at) child->line.connect_at = at;        /* one that is dark stays dark */
}

void node_boot(struct world *w, struct node *n) {
    n->faults = (struct store_faults){ strikes, n };
    struct store_options so = { .path = n->path, .unit = n->code, .map_bytes = w->map_bytes, .reserve_bytes = 1 << 20, .no_sync = true, .faults = &n->faults };
    struct lz_fail fail = { 0 };
    speaker = n;
    enum lz_err err = store_open(&n->store, &so, &fail);
    if (err != LZ_ok) { world_fail(w, "%u does not open: %s", n->code, fail.text); w->healing = true; return; }
    struct turn_options o = turn_options_of(w, n);
    n->starts++;
    n->edition = w->n_units;
    history_started(w->history, n->code, o.epoch.b);
    err = n->program->turn_open(&n->turn, &o, node_now(w, n), &fail);
    if (err != LZ_ok) {                                         /* it died while it started */
        store_close(&n->store);
        n->back_ms = w->now_ms + (200u << (n->false_starts < 8 ? n->false_starts++ : 8));      /* as a service manager does */
        return;
    }
    n->up = true;
    n->false_starts = 0;
    n->hung = false;
    n->wake_ms = w->now_ms;
    connect_soon(w, n);
    for (int i = n->first_below; i >= 0; i = w->nodes[i].next_beside) connect_soon(w, &w->nodes[i]);
}

/* ---- its turns ------------------------------------------------------------------------------------------------------------------ */

void node_begin(struct world *w, struct node *n) {
    speaker = n;
    n->program->turn_begin(n->turn, node_now(w, n));
    if (n->hung) { n->program->turn_parent_event(n->turn, PARENT_LOST); n->hung = false; }
}

/* What it has taken in this turn has cost its time; what comes meanwhile waits (net.c). */
static void works(struct world *w, struct node *n) {
    const struct turn_counters *c = turn_counters(n->turn);
    uint64_t taken = c->records + c->duplicates;
    n->busy_until = w->now_ms + (taken > n->taken ? taken - n->taken : 0) * w->odds.us_per_record / 1000;
    n->taken = taken;
}

/* Ends the turn that was begun; false: the node died in it, or was full. Whatever it had given out before it died is on its way. */
bool node_finish(struct world *w, struct node *n) {
    w->turns++;
    n->turns++;
    speaker = n;
    enum lz_err err = n->program->turn_commit(n->turn);
    world_mark(w, w->now_ms, (uint64_t)n->index << 32 | (uint64_t)err, (struct lz_bytes){ 0 });
    if (err == LZ_store_io) {
        net_take(w, n);
        world_note(w, "%u crashed", n->code);
        history_died(w->history, n->code);
        n->crashes++;
        node_down(w, n, 50 + sim_random(w, 3000));
        return false;
    }
    net_take(w, n);
    if (w->odds.us_per_record) works(w, n);
    if (n->lost) witness_turn(w, n);
    n->wake_ms = n->program->turn_next_deadline(n->turn);
    if (n->wake_ms <= w->now_ms) n->wake_ms = w->now_ms + (err == LZ_full ? 100 : 1);       /* as main.c waits */
    if (w->turned && err == LZ_ok) w->turned(w, n);
    return err == LZ_ok;
}

void node_run(struct world *w, struct node *n) {
    node_begin(w, n);
    if (net_may_connect(w, n) && w->now_ms >= n->line.connect_at) {
        n->line.connected = true;
        n->program->turn_parent_event(n->turn, PARENT_CONNECTED);
    }
    node_finish(w, n);
}

bool node_feed(struct world *w, struct node *n, uint32_t peer, enum channel channel, struct lz_bytes bytes) {
    struct packet packet = { peer, channel, bytes };
    node_begin(w, n);
    n->program->turn_feed(n->turn, &packet);
    return node_finish(w, n);
}

void node_resolve(struct world *w, struct node *n) {
    for (size_t i = 0; n->up && i < turn_links(n->turn); i++) {
        struct link_view v;
        turn_link_view(n->turn, i, &v);
        if (v.state != LINK_diverged) continue;
        world_note(w, "%u: the present line of %u is the true one", n->code, v.code);
        node_begin(w, n);
        turn_resolve(n->turn, v.code);
        node_finish(w, n);
    }
    if (n->up) store_abort(n->store);
}
