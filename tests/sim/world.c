#include "world.h"
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t base_wall_ms = 1650762000000ull;      /* 2022-04-24 09:00 in China */

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

static void roster_put(struct world *w, struct node *parent, const struct node *child) {
    uint32_t subtree[NODES_MAX];
    size_t count = 0;
    uint8_t key[32] = { 1 };
    lz_put32(key + 4, child->code);
    for (int i = 0; i < w->n_nodes; i++)
        if (world_below(w, w->nodes[i].code, child->code)) subtree[count++] = w->nodes[i].code;
    enum lz_err err = roster_add(parent->roster, child->code, key, subtree, count, NULL);
    LZ_ASSERT(err == LZ_ok);
}

static void make_units(struct world *w) {
    char text[NODES_MAX * 64];
    size_t n = (size_t)snprintf(text, sizeof text, "code\tname_zh\ttier\tparent_code\tcode_system\n");
    for (int i = 0; i < w->n_nodes; i++) {
        const struct node *d = &w->nodes[i];
        char parent[16];
        snprintf(parent, sizeof parent, "%u", d->parent);
        n += (size_t)snprintf(text + n, sizeof text - n, "%u\tU%u\t%s\t%s\tGB\n", d->code, d->code, tier_name((enum tier)d->tier), d->parent ? parent : "-");
    }
    struct lz_fail fail;
    w->units = units_create();
    enum lz_err err = units_load(w->units, lz_bytes_of(text, n), &fail);
    if (err != LZ_ok) { fprintf(stderr, "units: %s\n", fail.text); abort(); }
}

void world_start(struct world *w) {
    make_units(w);
    for (int i = 0; i < w->n_nodes; i++)
        if (w->nodes[i].up_index >= 0 && w->nodes[i].enrolled) roster_put(w, &w->nodes[w->nodes[i].up_index], &w->nodes[i]);
    for (int i = 0; i < w->n_nodes; i++) node_boot(w, &w->nodes[i]);
}

/* ---- a node's life ------------------------------------------------------------------------------------------------------ */

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

static void drop_parcels(struct world *w, int index) {
    size_t kept = 0;
    for (size_t i = 0; i < w->n_parcels; i++) {
        struct parcel *p = &w->parcels[i];
        if (p->to == index) { free(p->bytes); continue; }       /* what it had sent stays sent */
        w->parcels[kept++] = *p;
    }
    w->n_parcels = kept;
}

static void disconnect(struct world *w, int child) {
    struct node *n = &w->nodes[child];
    if (!n->connected) return;
    n->connected = false;
    w->connection[child]++;                                     /* sync parcels of the old connection are dead */
    if (n->up) n->hung = true;
    w->connect_at[child] = w->now_ms + 100 + sim_random(w, 400);
}

static void close_node(struct world *w, struct node *n) {
    turn_close(&n->turn);
    store_close(&n->store);
    n->up = false;
    drop_parcels(w, n->index);
    disconnect(w, n->index);
    for (int i = 0; i < w->n_nodes; i++)
        if (w->nodes[i].up_index == n->index) disconnect(w, i);
}

void node_down(struct world *w, struct node *n, uint64_t for_ms) {
    if (n->up) close_node(w, n);
    n->back_ms = w->now_ms + for_ms;
}

static struct turn_options turn_options_of(struct world *w, struct node *n) {
    struct turn_options o = {
        .store = n->store, .roster = n->roster, .units = w->units, .calendar = w->calendar, .unit = n->code, .parent = n->parent, .tier = n->tier,
        .n_parent_endpoints = 1, .software = "sim", .seed = sim_random(w, UINT32_MAX), .tip_ms = 1000, .tip_idle_ms = w->tip_idle_ms, .hello_ms = 1000,
        .settings = { .sign_days = 1, .sign_urgent_hours = 2, .reminder_days = 10, .letter_days = 15, .accept_days = 1, .handle_days = 15, .blue_days = 3,
                      .yellow_points = 10, .red_points = 30, .urge_after_days = 3, .offer_after_days = 5, .rollup_interval_ms = 1000 },
    };
    if (n->parent == 0 && w->subscribe) { o.subscribe[0] = w->subscribe; o.n_subscribe = 1; }
    lz_put32(o.seal_key, n->code);
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

static void copy_file(const char *from, const char *to) {
    uint8_t buffer[65536];
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ssize_t n;
    LZ_ASSERT(in >= 0 && out >= 0);
    while ((n = read(in, buffer, sizeof buffer)) > 0) { ssize_t m = write(out, buffer, (size_t)n); LZ_ASSERT(m == n); }
    close(in);
    close(out);
}

static const char *data_of(const char *dir, char out[PATH_BYTES + 16]) { snprintf(out, PATH_BYTES + 16, "%s/data.mdb", dir); return out; }

void node_copy(struct world *w, struct node *n) {
    char from[PATH_BYTES + 16], to[PATH_BYTES + 16];
    mkdir(n->backup, 0700);
    copy_file(data_of(n->path, from), data_of(n->backup, to));  /* nobody writes between turns: the file is whole */
    n->has_backup = true;
    world_note(w, "%u copied", n->code);
}

/* A record that no store holds any more is gone from the world. One that neither its origin nor a neighbour of its origin
 * holds is out of reach as well: an ancestor's record is taken from further below only once records are signed. */
static void note_lost(struct world *w) {
    struct store *opened[NODES_MAX] = { 0 };
    for (int i = 0; i < w->n_nodes; i++) {                      /* a store whose daemon is down is a store all the same */
        struct node *n = &w->nodes[i];
        if (n->up) continue;
        struct store_options so = { .path = n->path, .unit = n->code, .map_bytes = 256 << 20, .no_sync = true };
        enum lz_err err = store_open(&opened[i], &so, NULL);
        LZ_ASSERT(err == LZ_ok);
        n->store = opened[i];
    }
    for (size_t i = 0; i < w->n_told; i++) {
        bool held = false;
        for (int j = 0; j < w->n_nodes && !held; j++) {
            const struct node *n = &w->nodes[j], *origin = node_of(w, w->told[i].id.origin);
            bool near = n == origin || n->parent == origin->code || n->code == origin->parent;
            held = near && world_holds(w, &w->nodes[j], &w->told[i]);
        }
        if (!held) w->told[i].lost = true;
    }
    for (int i = 0; i < w->n_nodes; i++)
        if (opened[i]) store_close(&w->nodes[i].store);
}

void node_restore(struct world *w, struct node *n) {
    char from[PATH_BYTES + 16], to[PATH_BYTES + 16];
    if (!n->has_backup) return;
    world_note(w, "%u restored", n->code);
    if (n->up) close_node(w, n);
    copy_file(data_of(n->backup, from), data_of(n->path, to));
    w->restores = true;
    w->faults++;
    node_boot(w, n);
    if (!n->up) node_boot(w, n);
    note_lost(w);
}

void node_destroy(struct world *w, struct node *n) {
    char file[PATH_BYTES + 16];
    world_note(w, "%u destroyed", n->code);
    if (n->up) close_node(w, n);
    unlink(data_of(n->path, file));
    w->restores = true;
    w->faults++;
    node_boot(w, n);
    note_lost(w);
}

void node_enrol(struct world *w, struct node *n) {
    struct node *parent = &w->nodes[n->up_index];
    n->enrolled = true;
    world_note(w, "%u enrolled", n->code);
    roster_put(w, parent, n);
    if (!parent->up) return;
    turn_begin(parent->turn, node_now(w, parent));
    turn_child_added(parent->turn, n->code);
    enum lz_err err = turn_commit(parent->turn);
    struct packet packet;
    while (err == LZ_ok && turn_next_send(parent->turn, &packet)) { }
    if (err != LZ_ok) { parent->crashes++; node_down(w, parent, 300); }
}

/* ---- the network ------------------------------------------------------------------------------------------------------------- */

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

static void take_sends(struct world *w, struct node *n) {
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
    turn_wants_dial(n->turn, &endpoint);
}

/* Ends the turn that was begun; false: the node died in it. Whatever it had given out before it died is on its way. */
static bool finish(struct world *w, struct node *n) {
    w->turns++;
    enum lz_err err = turn_commit(n->turn);
    if (err == LZ_store_io) {
        take_sends(w, n);
        world_note(w, "%u crashed", n->code);
        n->crashes++;
        w->faults++;
        node_down(w, n, 50 + sim_random(w, 3000));
        return false;
    }
    if (err == LZ_full) w->faults++;
    take_sends(w, n);
    n->wake_ms = turn_next_deadline(n->turn);
    if (n->wake_ms <= w->now_ms) n->wake_ms = w->now_ms + 1;
    return err == LZ_ok;
}

static void run_node(struct world *w, struct node *n) {
    turn_begin(n->turn, node_now(w, n));
    if (n->hung) { turn_parent_event(n->turn, PARENT_LOST); n->hung = false; }
    if (n->up_index >= 0 && !n->connected && n->enrolled && w->nodes[n->up_index].up && w->now_ms >= w->connect_at[n->index]) {
        n->connected = true;
        turn_parent_event(n->turn, PARENT_CONNECTED);
    }
    finish(w, n);
}

void node_begin(struct world *w, struct node *n) { turn_begin(n->turn, node_now(w, n)); }
bool node_finish(struct world *w, struct node *n) { return finish(w, n); }

bool node_feed(struct world *w, struct node *n, uint32_t peer, enum channel channel, struct lz_bytes bytes) {
    struct packet packet = { peer, channel, bytes };
    node_begin(w, n);
    turn_feed(n->turn, &packet);
    return finish(w, n);
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
        finish(w, to);
    }
}

static size_t next_parcel(const struct world *w) {
    size_t best = 0;
    for (size_t i = 1; i < w->n_parcels; i++) {
        const struct parcel *a = &w->parcels[i], *b = &w->parcels[best];
        if (a->at_ms < b->at_ms || (a->at_ms == b->at_ms && a->order < b->order)) best = i;
    }
    return best;
}

static uint64_t wake_of(const struct world *w, const struct node *n) {
    if (!n->up) return n->back_ms;
    uint64_t at = n->wake_ms;
    if (n->up_index >= 0 && !n->connected && n->enrolled && w->nodes[n->up_index].up && w->connect_at[n->index] < at) at = w->connect_at[n->index];
    return at;
}

void world_run(struct world *w, uint64_t until_ms) {
    while (!(w->failed && w->healing)) {
        size_t best = w->n_parcels ? next_parcel(w) : 0;
        uint64_t at = w->n_parcels ? w->parcels[best].at_ms : UINT64_MAX;
        struct node *who = NULL;
        for (int i = 0; i < w->n_nodes; i++) {
            uint64_t wake = wake_of(w, &w->nodes[i]);
            if (wake < at) { at = wake; who = &w->nodes[i]; }
        }
        if (at > until_ms) break;
        if (at > w->now_ms) w->now_ms = at;
        if (!who) {
            struct parcel p = w->parcels[best];
            w->parcels[best] = w->parcels[--w->n_parcels];
            deliver(w, &p);
            free(p.bytes);
        } else if (!who->up) node_boot(w, who);
        else run_node(w, who);
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

void world_cut(struct world *w, struct node *child, bool up, uint64_t for_ms) { w->cut_until[child->index][up ? 0 : 1] = w->now_ms + for_ms; }

void world_dark(struct world *w, struct node *child, uint64_t for_ms) {
    disconnect(w, child->index);
    w->connect_at[child->index] = w->now_ms + for_ms;
}

/* ---- clerks -------------------------------------------------------------------------------------------------------------------- */

static void tell(struct world *w, const struct record *r) {
    if (w->n_told == w->max_told) {
        w->max_told = w->max_told ? 2 * w->max_told : 256;
        w->told = realloc(w->told, w->max_told * sizeof *w->told);
        LZ_ASSERT(w->told);
    }
    struct told *t = &w->told[w->n_told++];
    *t = (struct told){ .id = record_id(r), .len = r->envelope.len, .subject = r->subject, .n_targets = r->n_targets, .target_all = r->target_all };
    t->envelope = malloc(t->len);
    t->targets = malloc((t->n_targets + 1) * sizeof *t->targets);
    LZ_ASSERT(t->envelope && t->targets);
    memcpy(t->envelope, r->envelope.data, t->len);
    if (t->n_targets) memcpy(t->targets, r->targets, t->n_targets * sizeof *t->targets);
    t->key_len = r->key.len;
    if (r->key.len) memcpy(t->key, r->key.data, r->key.len);
    if (r->kind == KIND_move) { t->move = r->of.move.move; t->move_unit = r->of.move.unit; t->to_unit = r->of.move.to_unit; }
}

enum lz_err node_submit(struct world *w, struct node *n, struct record *draft, struct rec_id *id) {
    struct lz_fail fail = { 0 };
    if (!n->up) return LZ_unreachable;
    turn_begin(n->turn, node_now(w, n));
    enum lz_err err = turn_may_submit(n->turn, LANE_ROUTINE, &fail);
    if (err == LZ_ok) err = flow_submit(turn_flow(n->turn), draft, lz_bytes_str("clerk"), (struct lz_bytes){ 0 }, 0, id, &fail);
    if (err != LZ_ok) { finish(w, n); return err; }
    struct record copy = *draft;                                 /* the arena is reset at the next turn */
    uint8_t *bytes = malloc(draft->envelope.len);
    LZ_ASSERT(bytes);
    memcpy(bytes, draft->envelope.data, draft->envelope.len);
    copy.envelope = lz_bytes_of(bytes, draft->envelope.len);
    err = finish(w, n) ? LZ_ok : LZ_store_io;
    if (err == LZ_ok) { tell(w, &copy); world_note(w, "%u submitted kind %u", n->code, draft->kind); }
    free(bytes);
    return err;
}

void world_close(struct world *w) {
    for (int i = 0; i < w->n_nodes; i++) {
        turn_close(&w->nodes[i].turn);
        store_close(&w->nodes[i].store);
        roster_destroy(&w->nodes[i].roster);
    }
    for (size_t i = 0; i < w->n_parcels; i++) free(w->parcels[i].bytes);
    for (size_t i = 0; i < w->n_told; i++) { free(w->told[i].envelope); free(w->told[i].targets); }
    free(w->parcels);
    free(w->told);
    units_destroy(&w->units);
    calendar_destroy(&w->calendar);
    arena_destroy(&w->arena);
}
