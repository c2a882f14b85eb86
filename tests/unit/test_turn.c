/* turn: the conversation of neighbours, by hand: real turns and stores, a net that loses what a test says, time that a test
 * moves. What a thousand seeds find out is the simulator's; here each rule has its own example, and each limit of a turn. */
#include <time.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../daemon/turn/turn.h"

enum { TOP = 410000, CITY = 410800, A = 410802, B = 410803, NODES = 12 };
struct node {
    uint32_t unit, parent;
    uint8_t tier;
    char path[96];
    struct store *store;
    struct roster *roster;
    struct turn *turn;
    bool said_connected, down;
    uint64_t sent, sent_bytes;       /* packets given out, ever */
    unsigned dials;
};
struct parcel { struct node *from, *to; enum channel channel; uint8_t *bytes; size_t len; };
static struct node nodes[NODES];
static size_t n_nodes, n_parcels, max_parcels;
static struct parcel *parcels;
static bool (*lost)(const struct parcel *p);                     /* NULL: nothing is */
static char dir[64];
static struct units *units;
static struct calendar *calendar;
static uint64_t mono;
static struct lz_fail fail;
static enum store_point strike_at;
static int strikes_left;
static struct node *striken;
static uint32_t subscribed;
static uint64_t budget;                                          /* of stores that are opened from now on; 0: plenty */
static const uint64_t T0 = 1650848400000ull;

static struct lz_bytes str(const char *text) { return lz_bytes_str(text); }
static struct lz_now now(void) { return (struct lz_now){ mono, T0 + mono }; }
static struct node *node(uint32_t unit) {
    for (size_t i = 0; i < n_nodes; i++)
        if (nodes[i].unit == unit) return &nodes[i];
    return NULL;
}
static bool strikes(void *context, enum store_point point) { return context == striken && point == strike_at && strikes_left > 0 && strikes_left--; }
static struct store_faults faults[NODES];

static void enrol(struct node *parent, uint32_t code) {
    uint32_t subtree[256];
    uint8_t key[32] = { 1 };
    lz_put32(key + 4, code);
    size_t n = units_below(units, code, true, subtree, LZ_COUNT(subtree));
    cr_assert_eq(roster_add(parent->roster, code, key, subtree, n, &fail), LZ_ok, "%s", fail.text);
}
static void boot(struct node *n) {
    faults[n - nodes] = (struct store_faults){ strikes, n };
    struct store_options so = { .path = n->path, .unit = n->unit, .map_bytes = 256 << 20, .budget_bytes = budget, .reserve_bytes = 1 << 20, .no_sync = true,
            .faults = &faults[n - nodes] };
    cr_assert_eq(store_open(&n->store, &so, &fail), LZ_ok, "%s", fail.text);
    static uint32_t starts;
    struct turn_options o = {
        .store = n->store, .roster = n->roster, .units = units, .calendar = calendar, .unit = n->unit, .parent = n->parent, .tier = n->tier,
        .n_parent_endpoints = 1, .software = "test", .seed = 7, .tip_ms = 1000, .tip_idle_ms = 5000, .hello_ms = 1000,
        .settings = { .sign_days = 1, .sign_urgent_hours = 2, .reminder_days = 10, .letter_days = 15, .accept_days = 1, .handle_days = 15,
                      .blue_days = 3, .yellow_points = 10, .red_points = 30, .urge_after_days = 3, .offer_after_days = 5, .rollup_interval_ms = 1000 },
    };
    if (subscribed && n->parent == 0) { o.subscribe[0] = subscribed; o.n_subscribe = 1; }
    lz_put32(o.epoch.b, ++starts);
    cr_assert_eq(turn_open(&n->turn, &o, now(), &fail), LZ_ok, "%s", fail.text);
    n->said_connected = n->down = false;
    for (size_t i = 0; i < n_nodes; i++)
        if (nodes[i].parent == n->unit) nodes[i].said_connected = false;
}
static void shut(struct node *n) {
    turn_close(&n->turn);
    store_close(&n->store);
    n->down = true;
    for (size_t i = 0; i < n_parcels; i++)
        if (parcels[i].to == n || parcels[i].from == n) parcels[i].to = NULL;
}
static struct node *add(uint32_t unit, uint32_t parent, uint8_t tier) {
    struct node *n = &nodes[n_nodes++];
    *n = (struct node){ .unit = unit, .parent = parent, .tier = tier, .roster = roster_create() };
    snprintf(n->path, sizeof n->path, "%s/%u", dir, unit);
    return n;
}

static void take_sends(struct node *n) {
    struct packet p;
    while (turn_next_send(n->turn, &p)) {
        n->sent++;
        n->sent_bytes += p.bytes.len;
        for (size_t i = 0; i < n_nodes; i++) {
            bool to = p.channel == CHANNEL_LIVE_DOWN ? nodes[i].parent == n->unit : nodes[i].unit == p.peer;
            if (!to || nodes[i].down) continue;
            struct parcel parcel = { n, &nodes[i], p.channel, malloc(p.bytes.len), p.bytes.len };
            memcpy(parcel.bytes, p.bytes.data, p.bytes.len);
            if (lost && lost(&parcel)) { free(parcel.bytes); continue; }
            if (n_parcels == max_parcels) parcels = realloc(parcels, (max_parcels = max_parcels ? 2 * max_parcels : 64) * sizeof *parcels);
            parcels[n_parcels++] = parcel;
        }
    }
}
static void begin(struct node *n) { turn_begin(n->turn, now()); }
static enum lz_err end(struct node *n) {
    struct packet p;
    enum lz_err err = turn_commit(n->turn);
    if (err != LZ_ok) cr_assert(!turn_next_send(n->turn, &p), "nothing leaves of a turn that was not committed");
    take_sends(n);
    return err;
}
static void idle(struct node *n) {
    if (n->down) return;
    struct node *up = node(n->parent);
    begin(n);
    size_t endpoint;
    if (turn_wants_dial(n->turn, &endpoint)) { n->dials++; n->said_connected = false; }
    if (up && !up->down && !n->said_connected) { n->said_connected = true; turn_parent_event(n->turn, PARENT_CONNECTED); }
    cr_assert_eq(end(n), LZ_ok);
}
static void feed_bytes(struct node *to, uint32_t peer, enum channel channel, struct lz_bytes bytes) {
    begin(to);
    struct packet packet = { peer, channel, bytes };
    turn_feed(to->turn, &packet);
    cr_assert_eq(end(to), LZ_ok);
}
static void deliver(void) {
    for (size_t i = 0; i < n_parcels; i++) {
        struct parcel p = parcels[i];                              /* the array may move */
        if (p.to && !p.to->down) feed_bytes(p.to, p.from->unit, p.channel, lz_bytes_of(p.bytes, p.len));
        free(p.bytes);
        cr_assert_lt(i, 100000, "they never stop talking");
    }
    n_parcels = 0;
}
static void run(uint64_t ms) {
    for (uint64_t until = mono + ms; mono < until; mono += 100) {
        for (size_t i = 0; i < n_nodes; i++) idle(&nodes[i]);
        deliver();
    }
}

static void open_world(void) {
    static char text[64 * 1024];
    snprintf(dir, sizeof dir, "/tmp/linzhang-turn-XXXXXX");
    cr_assert(mkdtemp(dir));
    lz_log_level(LZ_ERROR);
    FILE *f = fopen("deploy/data/divisions-henan.tsv", "rb");
    cr_assert(f, "tests run from the root of the project");
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    units = units_create();
    cr_assert_eq(units_load(units, lz_bytes_of(text, len), &fail), LZ_ok, "%s", fail.text);
    calendar = calendar_create();
    mono = 1000;
}
static void close_world(void) {
    for (size_t i = 0; i < n_nodes; i++) {
        turn_close(&nodes[i].turn);
        store_close(&nodes[i].store);
        roster_destroy(&nodes[i].roster);
    }
    units_destroy(&units);
    calendar_destroy(&calendar);
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", dir);
    cr_assert_eq(system(command), 0);
}
TestSuite(link, .init = open_world, .fini = close_world, .timeout = 60);
TestSuite(follow, .init = open_world, .fini = close_world, .timeout = 60);
TestSuite(lost_store, .init = open_world, .fini = close_world, .timeout = 60);
TestSuite(limits, .init = open_world, .fini = close_world, .timeout = 120);

/* A city with two counties, all of them live. */
static struct node *city, *a, *b;
static void three(void) {
    city = add(CITY, 0, TIER_CITY);
    a = add(A, CITY, TIER_COUNTY);
    b = add(B, CITY, TIER_COUNTY);
    enrol(city, A);
    enrol(city, B);
    boot(city);
    boot(a);
    boot(b);
    run(4000);
}
static struct link_view link_of(struct node *n, uint32_t peer) {
    static struct link_view v;
    begin(n);
    for (size_t i = 0; i < turn_links(n->turn); i++) {
        turn_link_view(n->turn, i, &v);
        if (v.code == peer) break;
        v.code = 0;
    }
    (void)!end(n);
    return v;
}
#define STATE(n_, peer_, want_) \
    do { \
        struct link_view v_ = link_of(n_, peer_); \
        cr_assert_eq(v_.state, want_, "%u-%u is %s: %s", (n_)->unit, (unsigned)(peer_), link_name(v_.state), v_.reason); \
    } while (0)

static struct record a_task(uint32_t *targets, size_t n) {
    struct record d = { .kind = KIND_task, .targets = targets, .n_targets = n };
    d.of.directive.title = str("题目");
    return d;
}
static struct rec_id submit(struct node *n, struct record draft) {
    struct rec_id id = { 0 };
    begin(n);
    cr_assert_eq(turn_may_submit(n->turn, LANE_ROUTINE, &fail), LZ_ok, "%s", fail.text);
    cr_assert_eq(flow_submit(turn_flow(n->turn), &draft, str("clerk"), (struct lz_bytes){ 0 }, 0, &id, &fail), LZ_ok, "%s", fail.text);
    cr_assert_eq(end(n), LZ_ok);
    return id;
}
static struct rec_id issue(struct node *n, uint32_t to) { uint32_t targets[] = { to }; return submit(n, a_task(targets, 1)); }
static bool holds(struct node *n, struct rec_id id) {
    struct stored stored;
    bool held = store_record_get(n->store, key_id(id), &stored);
    store_abort(n->store);
    return held;
}
static uint8_t state_of(struct node *n, struct rec_id id, uint32_t unit) {
    struct standing s = { .state = 99 };
    begin(n);
    bool there = flow_standing(turn_flow(n->turn), id, unit, &s);
    (void)!end(n);
    return there ? s.state : 99;
}
static uint64_t entries(struct node *n, enum table table) {
    struct store_counts counts;
    store_count(n->store, &counts);
    store_abort(n->store);
    return counts.entries[table];
}

/* ---- links ---- */
Test(link, comes_to_life) {
    three();
    STATE(city, A, LINK_live);
    STATE(city, B, LINK_live);
    STATE(a, CITY, LINK_live);
    struct link_view v = link_of(a, CITY);
    cr_assert(v.is_parent && v.behind_in == 0 && v.behind_out == 0 && strcmp(v.software, "test") == 0 && !v.reclaiming && !v.owes);
    cr_assert_eq(turn_links(city->turn), 2);
}

Test(link, tells_silence_from_life) {
    three();
    a->down = true;
    run(14000);
    STATE(city, A, LINK_stalled);
    STATE(city, B, LINK_live);
    a->down = false;
    run(8000);
    STATE(city, A, LINK_live);
    STATE(a, CITY, LINK_live);
    begin(a);
    turn_parent_event(a->turn, PARENT_LOST);
    cr_assert_eq(end(a), LZ_ok);
    STATE(a, CITY, LINK_dialling);
    begin(a);
    turn_parent_event(a->turn, PARENT_REFUSED);
    cr_assert_eq(end(a), LZ_ok);
    STATE(a, CITY, LINK_refused);
    begin(a);
    turn_parent_event(a->turn, PARENT_CONNECTED);
    cr_assert_eq(end(a), LZ_ok);
    run(3000);
    STATE(a, CITY, LINK_live);
}

static bool to_a(const struct parcel *p) { return p->to == a; }
Test(link, to_a_parent_that_falls_silent_is_dialled_anew) {
    three();
    unsigned before = a->dials, others = b->dials;
    lost = to_a;                                                   /* the line stands, and swallows all */
    run(14000);
    cr_assert_eq(a->dials, before, "it may only be slow");
    run(12000);
    cr_assert_gt(a->dials, before);
    cr_assert(link_of(a, CITY).state != LINK_live);
    before = a->dials;
    run(30000);
    cr_assert(a->dials >= before + 2 && a->dials <= before + 6, "again and again, and no storm: %u", a->dials - before);
    lost = NULL;
    run(8000);
    STATE(a, CITY, LINK_live);
    before = a->dials;
    run(60000);
    cr_assert_eq(a->dials, before, "a parent that is heard is left alone");
    cr_assert_eq(b->dials, others);
    lost = to_a;
    run(26000 + 8000);
    cr_assert_gt(a->dials, before + 1, "and after a good time the patience is short again");
    lost = NULL;
}

static bool from_city(const struct parcel *p) { return p->from == city; }
Test(link, that_is_never_answered_says_so) {
    city = add(CITY, 0, TIER_CITY);
    a = add(A, CITY, TIER_COUNTY);
    enrol(city, A);
    boot(city);
    boot(a);
    lost = from_city;
    run(8000);
    STATE(a, CITY, LINK_stalled);
    cr_assert(turn_recovering(a->turn), "a new store first looks for what it may have lost");
    cr_assert_eq(turn_may_submit(a->turn, LANE_FLASH, &fail), LZ_recovering);
    turn_override_reclaim(a->turn);
    cr_assert_eq(turn_may_submit(a->turn, LANE_FLASH, &fail), LZ_ok, "an operator may say otherwise");
    lost = NULL;
    run(5000);
    STATE(a, CITY, LINK_live);
}

Test(link, refuses_who_is_not_whom_its_key_says) {
    three();
    struct lineage_entry line = { { { 9 } }, 0 };
    struct hello h = { .version = 1, .version_min = 1, .unit = B, .to = CITY, .tier = TIER_COUNTY, .lineage = &line, .n_lineage = 1 };
    struct arena *own = arena_create(1 << 20);
    struct lz_bytes packet;
    cr_assert_eq(hello_encode(own, &h, &packet), LZ_ok);
    uint64_t before = city->sent;
    feed_bytes(city, A, CHANNEL_SYNC, packet);
    cr_assert_gt(city->sent, before, "it is told");
    enum packet_type type;
    struct lz_bytes body;
    const struct parcel *last = &parcels[n_parcels - 1];
    struct refusal refusal;
    cr_assert_eq(packet_open(lz_bytes_of(last->bytes, last->len), &type, &body, NULL), LZ_ok);
    cr_assert(last->to == a && type == PACKET_REFUSAL && refusal_decode(own, body, &refusal) == LZ_ok && refusal.code == LZ_foreign_origin);
    n_parcels = 0;
    h.unit = A;
    h.version = h.version_min = 2;
    cr_assert_eq(hello_encode(own, &h, &packet), LZ_ok);
    feed_bytes(city, A, CHANNEL_SYNC, packet);
    last = &parcels[n_parcels - 1];
    cr_assert_eq(packet_open(lz_bytes_of(last->bytes, last->len), &type, &body, NULL), LZ_ok);
    cr_assert(type == PACKET_REFUSAL && refusal_decode(own, body, &refusal) == LZ_ok && refusal.code == LZ_bad_version);
    arena_destroy(&own);
}

Test(link, ignores_strangers_and_counts_rubbish) {
    three();
    struct turn_counters before = *turn_counters(city->turn);
    static uint8_t zeros[BATCH_BYTES_MAX + 1];
    uint64_t sent = city->sent;
    feed_bytes(city, 410999, CHANNEL_SYNC, str("LZ1/ rubbish"));
    cr_assert_eq(turn_counters(city->turn)->bad_packets, before.bad_packets, "of a stranger nothing is even looked at");
    feed_bytes(city, A, CHANNEL_SYNC, str("rubbish"));
    feed_bytes(city, A, CHANNEL_SYNC, lz_bytes_of(zeros, sizeof zeros));
    for (unsigned type = 0; type < 256; type++) {
        uint8_t packet[PACKET_HEADER_BYTES + 3] = { 'L', 'Z', '1', '/', (uint8_t)type, 1, 0, 0, 0, 0, 0, 3, 0xFF, 0xFF, 0xFF };
        feed_bytes(city, A, CHANNEL_SYNC, lz_bytes_of(packet, sizeof packet));
    }
    /* all are counted but a refusal, which is only told */
    cr_assert_eq(turn_counters(city->turn)->bad_packets, before.bad_packets + 2 + 256 - 1);
    cr_assert_eq(turn_counters(city->turn)->packets, before.packets + 1 + 2 + 256);
    cr_assert(city->sent <= sent + 20);
    run(3000);
    STATE(city, A, LINK_live);
}

Test(link, of_a_child_that_was_removed_is_dead_at_once) {
    three();
    begin(city);
    cr_assert(roster_remove(city->roster, A));
    turn_child_removed(city->turn, A);
    cr_assert_eq(end(city), LZ_ok);
    cr_assert_eq(turn_links(city->turn), 1);
    struct record d = { .kind = KIND_problem };
    d.of.problem.title = str("毁林");
    struct rec_id id = submit(a, d);
    uint64_t received = city->sent;
    run(3000);
    cr_assert(!holds(city, id));
    (void)received;
    enrol(city, A);
    begin(city);
    turn_child_added(city->turn, A);
    cr_assert_eq(end(city), LZ_ok);
    a->said_connected = false;
    run(4000);
    STATE(city, A, LINK_live);
    cr_assert(holds(city, id), "what it wrote meanwhile comes now");
}

Test(link, of_a_late_child_brings_what_was_meant_for_it) {
    city = add(CITY, 0, TIER_CITY);
    b = add(B, CITY, TIER_COUNTY);
    enrol(city, B);
    boot(city);
    boot(b);
    run(4000);
    struct rec_id ids[3] = { issue(city, A), issue(city, A), issue(city, B) };
    run(2000);
    a = add(A, CITY, TIER_COUNTY);
    begin(city);
    enrol(city, A);
    turn_child_added(city->turn, A);
    cr_assert_eq(end(city), LZ_ok);
    boot(a);
    run(5000);
    STATE(city, A, LINK_live);
    cr_assert(holds(a, ids[0]) && holds(a, ids[1]) && !holds(a, ids[2]));
    cr_assert(!holds(b, ids[0]) && holds(b, ids[2]), "a sibling sees nothing of it");
    cr_assert_eq(state_of(city, ids[0], A), HANDLING_delivered);
}

Test(link, passes_the_wish_of_the_top_down) {
    subscribed = KIND_duty;
    struct node *top = add(TOP, 0, TIER_PROVINCE);
    city = add(CITY, TOP, TIER_CITY);
    a = add(A, CITY, TIER_COUNTY);
    enrol(top, CITY);
    enrol(city, A);
    boot(top);
    boot(city);
    boot(a);
    run(5000);
    struct record d = { .kind = KIND_duty, .key = str("001") };
    d.of.duty.name = str("王五");
    submit(a, d);
    run(3000);
    struct stored stored;
    cr_assert(store_record_get(top->store, key_record(A, KIND_duty, str("001"), 0, 0), &stored), "a county's duty phone, two tiers up");
    store_abort(top->store);
    subscribed = 0;
}

/* ---- following ---- */
Test(follow, brings_a_record_and_its_answer) {
    three();
    struct rec_id id = issue(city, A);
    run(1000);
    cr_assert(holds(a, id) && !holds(b, id));
    cr_assert(state_of(a, id, A) == HANDLING_delivered && state_of(city, id, A) == HANDLING_delivered);
    run(3000);
    STATE(city, A, LINK_live);
    STATE(a, CITY, LINK_live);
}

Test(follow, does_not_begin_again_after_a_restart) {
    three();
    struct rec_id id = issue(city, A);
    run(3000);
    shut(city);
    shut(a);
    boot(city);
    boot(a);
    run(5000);
    STATE(city, A, LINK_live);
    STATE(a, CITY, LINK_live);
    cr_assert(holds(a, id));
    cr_assert_eq(turn_counters(a->turn)->records + turn_counters(a->turn)->duplicates, 0, "cursors are on disk");
    cr_assert_eq(turn_counters(city->turn)->batches_repair, 0);
}

static bool live_lost(const struct parcel *p) {
    return p->channel != CHANNEL_SYNC || (p->len > PACKET_HEADER_BYTES && p->bytes[4] == PACKET_BATCH && p->from == city && strikes_left > 0 && strikes_left--);
}
Test(follow, repairs_what_was_lost) {
    three();
    lost = live_lost;
    strikes_left = 2;                                              /* a child's own feed travels on the sync channel */
    struct record all = a_task(NULL, 0);
    all.target_all = true;
    struct rec_id one = submit(city, all), two = issue(city, A), three_ = issue(city, A);
    deliver();
    cr_assert(!holds(a, one) && !holds(a, two));
    run(4000);
    cr_assert(holds(a, one) && holds(b, one) && holds(a, two) && holds(a, three_));
    cr_assert(turn_counters(a->turn)->gaps > 0 && turn_counters(city->turn)->fetches_served > 0 && turn_counters(city->turn)->batches_repair > 0);
    cr_assert_eq(turn_counters(a->turn)->duplicates, 0);
    run(4000);
    STATE(a, CITY, LINK_live);
}

static struct parcel kept;
static bool keep_batches(const struct parcel *p) {
    if (p->len > PACKET_HEADER_BYTES && p->bytes[4] == PACKET_BATCH && p->to == a && !kept.bytes) {
        kept = *p;
        kept.bytes = malloc(p->len);
        memcpy(kept.bytes, p->bytes, p->len);
    }
    return false;
}
Test(follow, takes_a_batch_once_however_often_it_comes) {
    three();
    lost = keep_batches;
    struct rec_id id = issue(city, A);
    run(2000);
    cr_assert(kept.bytes && holds(a, id));
    uint64_t records = entries(a, TABLE_record), standings = entries(a, TABLE_subject), taken = turn_counters(a->turn)->records;
    for (int i = 0; i < 3; i++) feed_bytes(a, CITY, i % 2 ? CHANNEL_SYNC : CHANNEL_LIVE_DOWN, lz_bytes_of(kept.bytes, kept.len));
    cr_assert(entries(a, TABLE_record) == records && entries(a, TABLE_subject) == standings);
    cr_assert(turn_counters(a->turn)->records == taken && turn_counters(a->turn)->duplicates == 0);
    free(kept.bytes);
}

Test(follow, that_cannot_be_committed_is_tried_again) {
    three();
    struct turn_counters before = *turn_counters(a->turn);
    striken = a;
    strike_at = STORE_FULL;
    strikes_left = 1;
    struct rec_id id = issue(city, A);
    for (size_t i = 0; i < n_parcels; i++) {
        struct parcel p = parcels[i];
        if (p.to != a) continue;
        begin(a);
        struct packet packet = { CITY, p.channel, lz_bytes_of(p.bytes, p.len) };
        turn_feed(a->turn, &packet);
        cr_assert_eq(end(a), LZ_full);
        break;
    }
    n_parcels = 0;
    cr_assert(!holds(a, id) && strikes_left == 0);
    run(5000);
    cr_assert(holds(a, id) && state_of(city, id, A) == HANDLING_delivered);
    cr_assert_gt(turn_counters(a->turn)->gaps, before.gaps, "it asked for it");
}

static struct lz_bytes batch_of(struct arena *own, struct node *from, struct feed_id feed, uint64_t cursor, struct record *r) {
    struct lz_bytes packet;
    cr_assert_eq(record_encode(own, r, &fail), LZ_ok, "%s", fail.text);
    struct batch batch = { feed, store_epoch(from->store), cursor, cursor + 1, cursor + 1, cursor + 1, false, &r->envelope, 1 };
    cr_assert_eq(batch_encode(own, &batch, &packet), LZ_ok);
    return packet;
}
static struct record a_record(uint32_t kind, uint32_t origin, uint8_t tier) {
    const struct kind_row *row = kind_row(kind);
    struct record r = { .origin = origin, .kind = (uint16_t)kind, .lane = (uint8_t)row->lane, .direction = (uint8_t)row->direction,
            .reach = (uint8_t)row->reach,
                        .tier = tier, .stamp = (T0 + 7) << 16, .epoch = 5, .written_ms = T0 };
    if (kind == KIND_problem) r.of.problem.title = str("毁林");
    if (kind_is_directive(kind)) { r.of.directive.title = str("题"); r.target_all = true; }
    return r;
}
static uint64_t cursor_at(struct node *n, uint32_t peer, struct feed_id feed) {
    struct link_view v = link_of(n, peer);
    for (size_t i = 0; i < v.n_feeds; i++)
        if (!v.feeds[i].ours && feed_id_equal(v.feeds[i].feed, feed)) return v.feeds[i].position;
    return UINT64_MAX;
}

Test(follow, does_not_take_what_the_neighbour_may_not_say) {
    three();
    struct arena *own = arena_create(1 << 20);
    struct feed_id up = { SCOPE_UP, LANE_ROUTINE }, down = { SCOPE_ALL, LANE_ROUTINE };
    static const struct { uint32_t kind, origin; uint8_t tier; bool from_child, good; } rows[] = {
        { KIND_problem, A, TIER_COUNTY, true, true },       /* its own */
        { KIND_problem, B, TIER_COUNTY, true, false },      /* its neighbour's */
        { KIND_problem, CITY, TIER_CITY, true, false },     /* ours */
        { KIND_problem, TOP, TIER_PROVINCE, true, false },
        { KIND_problem, A, TIER_CITY, true, false },        /* a rank that it does not have would put its moves first */
        { KIND_task, A, TIER_COUNTY, true, false },         /* an order, upward */
        { KIND_task, CITY, TIER_CITY, false, true },
        { KIND_task, A, TIER_COUNTY, false, false },        /* our own, from above, outside of a reclaim */
        { KIND_duty, CITY, TIER_CITY, false, false },      /* a register does not come down */
        { KIND_problem, B, TIER_COUNTY, false, true },      /* a neighbour's problem may be given to us */
        { KIND_attachment, A, TIER_COUNTY, true, true },    /* a file up, or down to us */
        { KIND_attachment, B, TIER_COUNTY, true, false },
        { KIND_attachment, CITY, TIER_CITY, false, true },
        { KIND_attachment, B, TIER_COUNTY, false, false },  /* a neighbour's is not for us, */
        { KIND_attachment, B, TIER_CITY, false, false },    /* whatever rank it says */
        { KIND_attachment_wish, CITY, TIER_CITY, false, true },
        { KIND_attachment_wish, A, TIER_COUNTY, true, false },      /* nobody asks upward */
        { KIND_attachment_wish, B, TIER_COUNTY, false, false },
    };
    for (size_t i = 0; i < LZ_COUNT(rows); i++) {
        static uint32_t to_us[] = { A };
        struct node *to = rows[i].from_child ? city : a, *from = rows[i].from_child ? a : city;
        struct feed_id feed = rows[i].from_child ? up : down;
        struct record r = a_record(rows[i].kind, rows[i].origin, rows[i].tier);
        if (rows[i].kind == KIND_duty) { r.key = str("1"); r.of.duty.name = str("王"); }
        if (rows[i].kind == KIND_attachment) {
            r.direction = rows[i].from_child ? DIRECTION_UP : DIRECTION_DOWN;
            r.reach = rows[i].from_child ? REACH_PARENT : REACH_TARGETS;
            r.of.attachment = (struct attachment){ .total = 1, .piece = 1, .data = str("x"), .name = str("n") };
        }
        if (!rows[i].from_child && r.direction == DIRECTION_DOWN && !r.target_all) { r.targets = to_us; r.n_targets = 1; }
        r.stamp += i;
        uint64_t at = cursor_at(to, from->unit, feed), put_aside = entries(to, TABLE_refused);
        feed_bytes(to, from->unit, CHANNEL_SYNC, batch_of(own, from, feed, at, &r));
        struct stored stored;
        bool held = store_record_get(to->store, key_of(&r), &stored);
        store_abort(to->store);
        cr_assert_eq(held, rows[i].good, "row %zu", i);
        cr_assert_eq(entries(to, TABLE_refused), put_aside + !rows[i].good, "row %zu: it is kept, with the reason", i);
        cr_assert_eq(cursor_at(to, from->unit, feed), at + 1, "row %zu: one record never blocks a lane", i);
    }
    cr_assert_geq(turn_counters(city->turn)->forbidden, 4);
    arena_destroy(&own);
}

/* A file, or a wish for one, that is for a neighbour only does not come to us, whoever of those above says it. */
Test(follow, takes_no_file_that_is_for_others) {
    three();
    struct arena *own = arena_create(1 << 20);
    struct feed_id down = { A, LANE_ROUTINE };
    for (int i = 0; i < 4; i++) {
        uint32_t to[] = { i % 2 ? A : B };
        struct record r = a_record(i < 2 ? KIND_attachment : KIND_attachment_wish, CITY, TIER_CITY);
        struct stored stored;
        r.targets = to;
        r.n_targets = 1;
        r.stamp += (uint64_t)i;
        if (i < 2) {
            r.direction = DIRECTION_DOWN;
            r.reach = REACH_TARGETS;
            r.of.attachment = (struct attachment){ .total = 1, .piece = 1, .data = str("x"), .name = str("n") };
        }
        feed_bytes(a, CITY, CHANNEL_SYNC, batch_of(own, city, down, cursor_at(a, CITY, down), &r));
        cr_assert_eq(store_record_get(a->store, key_of(&r), &stored), i % 2 == 1, "%d", i);
        store_abort(a->store);
    }
    arena_destroy(&own);
}

Test(follow, carries_what_it_does_not_understand) {
    three();
    struct arena *own = arena_create(1 << 20);
    struct record r = a_record(KIND_problem, A, TIER_COUNTY);
    cr_assert_eq(record_encode(own, &r, &fail), LZ_ok);
    uint8_t *bytes = arena_copy(own, r.envelope.data, r.envelope.len);
    uint8_t *kind = memchr(bytes, 0x10, r.envelope.len);            /* field 2, a varint: 6 becomes 99 */
    cr_assert(kind && kind[1] == KIND_problem);
    kind[1] = 99;
    struct lz_bytes envelope = lz_bytes_of(bytes, r.envelope.len), packet;
    uint64_t at = cursor_at(city, A, (struct feed_id){ SCOPE_UP, LANE_ROUTINE });
    struct batch batch = { { SCOPE_UP, LANE_ROUTINE }, store_epoch(a->store), at, at + 1, at + 1, at + 1, false, &envelope, 1 };
    cr_assert_eq(batch_encode(own, &batch, &packet), LZ_ok);
    feed_bytes(city, A, CHANNEL_SYNC, packet);
    struct stored stored;
    cr_assert(store_record_get(city->store, key_record(A, 99, (struct lz_bytes){ 0 }, r.stamp, r.epoch), &stored));
    cr_assert(lz_bytes_equal(stored.envelope, envelope));
    store_abort(city->store);
    cr_assert_eq(entries(city, TABLE_refused), 1, "and is shown to the operator");
    arena_destroy(&own);
}

/* The row that leads to its taking effect with a newer program is not written over, when the same comes once more from who may not say it now. */
Test(follow, remembers_that_it_carries_what_comes_again) {
    struct node *top = add(TOP, 0, TIER_PROVINCE);
    struct arena *own = arena_create(1 << 20);
    struct feed_id up = { SCOPE_UP, LANE_ROUTINE };
    uint32_t narrower[] = { CITY };
    uint8_t key[32] = { 1 };
    city = add(CITY, TOP, TIER_CITY);
    enrol(top, CITY);
    boot(top);
    boot(city);
    run(4000);
    struct record r = a_record(KIND_problem, A, TIER_COUNTY);
    cr_assert_eq(record_encode(own, &r, &fail), LZ_ok);
    uint8_t *bytes = arena_copy(own, r.envelope.data, r.envelope.len), *kind = memchr(bytes, 0x10, r.envelope.len);
    cr_assert(kind && kind[1] == KIND_problem);
    kind[1] = 99;
    struct lz_bytes envelope = lz_bytes_of(bytes, r.envelope.len), packet, v;
    struct key row = key_refused(CITY, key_record(A, 99, (struct lz_bytes){ 0 }, r.stamp, r.epoch));
    for (int again = 0; again < 2; again++) {
        uint64_t at = cursor_at(top, CITY, up), refused = turn_counters(top->turn)->refused;
        struct batch batch = { up, store_epoch(city->store), at, at + 1, at + 1, at + 1, false, &envelope, 1 };
        cr_assert_eq(batch_encode(own, &batch, &packet), LZ_ok);
        feed_bytes(top, CITY, CHANNEL_SYNC, packet);
        cr_assert_eq(turn_counters(top->turn)->refused, refused + 1);
        cr_assert(store_get(top->store, TABLE_refused, row, &v) && v.len > 10 && lz_bytes_equal(lz_bytes_of(v.data + 10, lz_get16(v.data + 8)),
                                                                                               str(lz_err_name(LZ_unknown_kind))), "%d", again);
        store_abort(top->store);
        lz_put32(key + 4, CITY);
        cr_assert_eq(roster_add(top->roster, CITY, key, narrower, 1, &fail), LZ_ok);      /* it does not speak for A any more */
    }
    arena_destroy(&own);
}

Test(follow, keeps_both_of_a_conflict_apart) {
    three();
    struct arena *own = arena_create(1 << 20);
    struct feed_id up = { SCOPE_UP, LANE_ROUTINE };
    struct record r = a_record(KIND_problem, A, TIER_COUNTY), other = r;
    other.of.problem.title = str("另一个");
    feed_bytes(city, A, CHANNEL_SYNC, batch_of(own, a, up, cursor_at(city, A, up), &r));
    feed_bytes(city, A, CHANNEL_SYNC, batch_of(own, a, up, cursor_at(city, A, up), &other));
    cr_assert_eq(turn_counters(city->turn)->conflicts, 1);
    struct stored stored;
    cr_assert(store_record_get(city->store, key_of(&r), &stored) && lz_bytes_equal(stored.envelope, r.envelope), "the first stays");
    store_abort(city->store);
    cr_assert_eq(entries(city, TABLE_refused), 1);
    arena_destroy(&own);
}

Test(follow, of_a_siblings_feed_is_refused) {
    three();
    struct arena *own = arena_create(1 << 20);
    issue(city, B);
    deliver();
    struct lz_bytes packet;
    struct fetch fetch = { { B, LANE_ROUTINE }, store_epoch(city->store), 0 };
    cr_assert_eq(fetch_encode(own, &fetch, &packet), LZ_ok);
    uint64_t forbidden = turn_counters(city->turn)->forbidden;
    feed_bytes(city, A, CHANNEL_SYNC, packet);
    cr_assert_eq(turn_counters(city->turn)->forbidden, forbidden + 1);
    for (size_t i = 0; i < n_parcels; i++) cr_assert(parcels[i].to != a || parcels[i].bytes[4] != PACKET_BATCH);
    /* and a batch that claims to be of a feed which the child does not have */
    struct record r = a_record(KIND_problem, A, TIER_COUNTY);
    feed_bytes(city, A, CHANNEL_SYNC, batch_of(own, a, (struct feed_id){ SCOPE_ALL, LANE_ROUTINE }, 0, &r));
    cr_assert_eq(turn_counters(city->turn)->forbidden, forbidden + 2);
    cr_assert_eq(entries(city, TABLE_refused), 0);
    fetch.feed = (struct feed_id){ A, LANE_ROUTINE };
    fetch.from = 1000000;
    cr_assert_eq(fetch_encode(own, &fetch, &packet), LZ_ok);
    uint64_t bad = turn_counters(city->turn)->bad_packets;
    feed_bytes(city, A, CHANNEL_SYNC, packet);
    cr_assert_eq(turn_counters(city->turn)->bad_packets, bad + 1, "beyond the tip");
    uint64_t tip = store_tip(city->store, fetch.feed);
    struct ack ack = { .epoch = store_epoch(city->store), .n_cursors = 1 };
    ack.cursors[0] = (struct feed_cursor){ fetch.feed, { store_epoch(city->store), tip + 5, tip + 5 } };
    cr_assert_eq(ack_encode(own, &ack, &packet), LZ_ok);
    feed_bytes(city, A, CHANNEL_SYNC, packet);
    cr_assert_eq(turn_counters(city->turn)->bad_packets, bad + 2, "nor is more acknowledged than there is");
    arena_destroy(&own);
}

Test(follow, keeps_so_much_evidence_against_one_neighbour_and_no_more) {
    three();
    struct arena *own = arena_create(1 << 20);
    struct feed_id up = { SCOPE_UP, LANE_ROUTINE };
    uint64_t refused = turn_counters(city->turn)->refused;
    for (uint64_t i = 0; i < REFUSED_KEPT_MAX + 5; i++) {
        struct record r = a_record(KIND_problem, B, TIER_COUNTY);       /* a speaks for its sibling */
        r.stamp = 1000 + i;
        feed_bytes(city, A, CHANNEL_SYNC, batch_of(own, a, up, cursor_at(city, A, up), &r));
        n_parcels = 0;
        arena_reset(own);
    }
    cr_assert_eq(turn_counters(city->turn)->refused, refused + REFUSED_KEPT_MAX + 5, "each is counted");
    cr_assert_eq(entries(city, TABLE_refused), REFUSED_KEPT_MAX);
    arena_destroy(&own);
}

Test(follow, of_another_epoch_asks_for_a_hello) {
    three();
    struct arena *own = arena_create(1 << 20);
    struct feed_id up = { SCOPE_UP, LANE_ROUTINE };
    struct record r = a_record(KIND_problem, A, TIER_COUNTY);
    struct lz_bytes packet = batch_of(own, b, up, cursor_at(city, A, up), &r);      /* b's epoch on a's link */
    mono += 2000;
    feed_bytes(city, A, CHANNEL_SYNC, packet);
    cr_assert(!holds(city, record_id(&r)));
    bool asked = false;
    for (size_t i = 0; i < n_parcels; i++) asked |= parcels[i].to == a && parcels[i].bytes[4] == PACKET_HELLO;
    cr_assert(asked);
    arena_destroy(&own);
}

Test(follow, given_up_turn_is_as_if_it_had_not_begun) {
    three();
    begin(city);
    cr_assert(turn_untouched(city->turn));
    uint32_t targets[] = { A };
    struct record d = a_task(targets, 1);
    struct rec_id id;
    cr_assert_eq(flow_submit(turn_flow(city->turn), &d, str("clerk"), (struct lz_bytes){ 0 }, 0, &id, &fail), LZ_ok);
    cr_assert(!turn_untouched(city->turn));
    turn_abandon(city->turn);
    cr_assert(turn_untouched(city->turn));
    cr_assert_eq(end(city), LZ_ok);
    cr_assert(!holds(city, id));
    run(2000);
    STATE(city, A, LINK_live);
}

/* ---- a store that was lost or went back ---- */
static void copy(const char *from, const char *to) {
    char command[256];
    snprintf(command, sizeof command, "cp %s %s", from, to);
    cr_assert_eq(system(command), 0);
}
static const char *file_of(struct node *n, const char *name) {
    static char path[4][128];
    static int at;
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%.90s/%.20s", n->path, name);
    return path[at];
}
static struct rec_id find_problem(struct node *n) {
    struct record d = { .kind = KIND_problem };
    d.of.problem.title = str("毁林");
    return submit(n, d);
}

/* ---- a store without room ---- */
TestSuite(room, .init = open_world, .fini = close_world, .timeout = 30);
Test(room, is_judged_again_after_every_write) {
    budget = 4 << 20;
    three();
    enum lz_err may = LZ_ok;
    for (int turns = 0; turns < 2000 && may == LZ_ok; turns++) {                 /* the clock stands still: no second passes */
        begin(a);
        may = turn_may_submit(a->turn, LANE_ROUTINE, &fail);
        for (int i = 0; i < 20 && may == LZ_ok; i++) {
            struct record d = { .kind = KIND_problem };
            struct rec_id id;
            d.of.problem.title = str("毁林");
            cr_assert_eq(flow_submit(turn_flow(a->turn), &d, str("张三"), (struct lz_bytes){ 0 }, 0, &id, &fail), LZ_ok, "%s", fail.text);
        }
        if (may != LZ_ok) cr_assert_eq(turn_may_submit(a->turn, LANE_URGENT, &fail), LZ_ok, "the reserve is still there");
        cr_assert_eq(end(a), LZ_ok);
    }
    cr_assert_eq(may, LZ_full);
    cr_assert_eq(link_of(a, CITY).state, LINK_blocked);
}

Test(room, that_is_wanting_leaves_a_turn_that_only_answers_alone) {
    three();
    find_problem(a);
    run(3000);
    shut(city);
    budget = 64 * 1024;                                                          /* less than it has: exhausted */
    boot(city);
    run(3000);
    find_problem(a);
    striken = city;
    strike_at = STORE_FULL;
    strikes_left = 1000;
    begin(city);
    struct record d = a_task((uint32_t[]){ A }, 1);
    struct rec_id id;
    cr_assert(!turn_answers_only(city->turn), "not before a commit has failed");
    cr_assert_eq(flow_submit(turn_flow(city->turn), &d, str("张三"), (struct lz_bytes){ 0 }, 0, &id, &fail), LZ_ok, "%s", fail.text);
    cr_assert_eq(end(city), LZ_full);
    for (int i = 0; i < 20; i++) {                                               /* whatever falls due meanwhile */
        mono += 700;
        begin(city);
        cr_assert(turn_answers_only(city->turn));
        cr_assert_eq(end(city), LZ_ok, "an answer falls with a commit that cannot be");
    }
    cr_assert_eq(link_of(city, A).state, LINK_stalled);
    strikes_left = 0;
    budget = 0;
    shut(city);
    boot(city);
    run(8000);
    cr_assert_eq(link_of(city, A).state, LINK_live);
    cr_assert_eq(entries(city, TABLE_subject), entries(a, TABLE_subject));
}

Test(lost_store, is_filled_by_its_neighbours) {
    three();
    struct rec_id mine = find_problem(a), theirs = issue(city, A);
    run(4000);
    shut(a);
    cr_assert_eq(unlink(file_of(a, "data.mdb")), 0);
    boot(a);
    cr_assert(turn_recovering(a->turn));
    run(6000);
    cr_assert(!turn_recovering(a->turn));
    cr_assert(holds(a, mine) && holds(a, theirs) && state_of(a, theirs, A) == HANDLING_delivered);
    STATE(a, CITY, LINK_live);
    STATE(city, A, LINK_live);
    struct rec_id later = find_problem(a);
    cr_assert_gt(later.stamp, mine.stamp);
    run(2000);
    cr_assert(holds(city, later));
}

Test(lost_store, that_went_back_takes_its_own_back) {
    three();
    struct rec_id before = find_problem(a);
    run(3000);
    copy(file_of(a, "data.mdb"), file_of(a, "copy"));
    struct rec_id after = find_problem(a);
    run(3000);
    cr_assert(holds(city, after));
    shut(a);
    copy(file_of(a, "copy"), file_of(a, "data.mdb"));
    boot(a);
    cr_assert(!holds(a, after));
    run(6000);
    cr_assert(holds(a, after) && holds(a, before));
    STATE(a, CITY, LINK_live);
    STATE(city, A, LINK_live);
    struct rec_id later = find_problem(a);
    cr_assert_gt(later.stamp, after.stamp);
    run(2000);
    cr_assert(holds(city, later));
}

Test(lost_store, of_a_line_that_was_left_is_a_clone) {
    three();
    find_problem(a);
    run(3000);
    shut(a);
    copy(file_of(a, "data.mdb"), file_of(a, "copy"));
    boot(a);                                                       /* this epoch is not in the copy */
    find_problem(a);
    run(3000);
    copy(file_of(a, "data.mdb"), file_of(a, "other"));
    shut(a);
    copy(file_of(a, "copy"), file_of(a, "data.mdb"));
    boot(a);
    run(6000);
    STATE(city, A, LINK_live);
    shut(a);
    copy(file_of(a, "other"), file_of(a, "data.mdb"));             /* the machine that was thought dead speaks again */
    boot(a);
    run(3000);
    STATE(city, A, LINK_diverged);
    cr_assert_str_eq(link_name(LINK_diverged), "diverged");
    begin(city);
    cr_assert(turn_resolve(city->turn, A));
    cr_assert_eq(end(city), LZ_ok);
    run(8000);
    STATE(city, A, LINK_live);
}

/* ---- limits of a turn ---- */
Test(limits, of_packets_and_bytes) {
    three();
    begin(city);
    struct packet packet = { A, CHANNEL_SYNC, str("rubbish") };
    for (int i = 0; i < TURN_PACKETS_MAX; i++) { cr_assert(turn_has_room(city->turn), "%d", i); turn_feed(city->turn, &packet); }
    cr_assert(!turn_has_room(city->turn));
    cr_assert_eq(end(city), LZ_ok);
    begin(city);
    uint8_t *zeros = calloc(1, BATCH_BYTES_MAX);
    packet.bytes = lz_bytes_of(zeros, BATCH_BYTES_MAX);
    for (int i = 0; i < TURN_BYTES_MAX / BATCH_BYTES_MAX; i++) { cr_assert(turn_has_room(city->turn)); turn_feed(city->turn, &packet); }
    cr_assert(!turn_has_room(city->turn));
    cr_assert_eq(end(city), LZ_ok);
    free(zeros);
}

/* One register of a child, as often as fits in a batch: the cheapest records there are. */
Test(limits, of_records) {
    three();
    struct arena *own = arena_create(64 << 20);
    struct record r = a_record(KIND_duty, A, TIER_COUNTY);
    r.key = str("1");
    r.of.duty.name = str("王");
    cr_assert_eq(record_encode(own, &r, &fail), LZ_ok);
    struct lz_bytes *list = arena_alloc(own, BATCH_RECORDS_MAX * sizeof *list), bytes;
    for (size_t i = 0; i < BATCH_RECORDS_MAX; i++) list[i] = r.envelope;
    uint64_t at = cursor_at(city, A, (struct feed_id){ SCOPE_UP, LANE_ROUTINE }), taken = 0;
    struct turn_counters before = *turn_counters(city->turn);
    begin(city);
    for (; turn_has_room(city->turn); taken += BATCH_RECORDS_MAX, at++) {
        struct batch batch = { { SCOPE_UP, LANE_ROUTINE }, store_epoch(a->store), at, at + 1, at + 1, at + 1, false, list, BATCH_RECORDS_MAX };
        cr_assert_eq(batch_encode(own, &batch, &bytes), LZ_ok);
        cr_assert(bytes.len <= BATCH_BYTES_MAX && taken < TURN_RECORDS_MAX);
        turn_feed(city->turn, &(struct packet){ A, CHANNEL_SYNC, bytes });
    }
    cr_assert_eq(end(city), LZ_ok);
    cr_assert_eq(taken, TURN_RECORDS_MAX);
    cr_assert(turn_counters(city->turn)->records == before.records + 1 && turn_counters(city->turn)->duplicates == before.duplicates + TURN_RECORDS_MAX - 1);
    arena_destroy(&own);
}

/* Large records for one child that is not acknowledging. */
static bool acks_lost(const struct parcel *p) { return p->bytes[4] == PACKET_ACK || p->bytes[4] == PACKET_FETCH || p->bytes[4] == PACKET_HELLO; }
static void issue_large(struct node *n, uint32_t to, size_t bytes) {
    static char text[TEXT_BYTES_MAX];
    memset(text, 'a', sizeof text);
    uint32_t targets[] = { to };
    struct record d = a_task(targets, 1);
    d.of.directive.body = lz_bytes_of(text, bytes < sizeof text ? bytes : sizeof text);
    if (bytes > sizeof text) d.of.directive.measure = lz_bytes_of(text, bytes - sizeof text);
    submit(n, d);
}
static uint8_t held_ack[1024];
static size_t held_len;
static bool acks_held(const struct parcel *p) {
    if (p->bytes[4] != PACKET_ACK || p->from != a) return false;
    cr_assert_leq(p->len, sizeof held_ack);
    memcpy(held_ack, p->bytes, held_len = p->len);
    return true;
}
/* How much of n large records goes out while nothing is acknowledged. */
static uint64_t goes_unanswered(int n) {
    uint64_t before = city->sent_bytes;
    lost = acks_lost;
    for (int i = 0; i < n; i++) issue_large(city, A, 60000);
    return city->sent_bytes - before;
}
Test(limits, of_what_is_under_way) {
    three();
    uint64_t sent = goes_unanswered(100);                            /* 6 MB */
    cr_assert(sent > WINDOW_FIRST - 65536 && sent <= WINDOW_FIRST + 65536, "of a line of which nothing is known: %u", (unsigned)sent);
    uint64_t before = city->sent_bytes;
    run(1000);
    cr_assert(city->sent_bytes - before < 20000, "tips go on");
    lost = NULL;
    run(8000);
    STATE(city, A, LINK_live);
    cr_assert_geq(entries(a, TABLE_record), 100);
    sent = goes_unanswered(100);                                     /* acknowledged at once, it has grown */
    cr_assert(sent <= WINDOW_BYTES && sent > WINDOW_BYTES - BATCH_BYTES_MAX - 65536, "what waits on disk is not in memory: %u", (unsigned)sent);
    lost = NULL;
    run(8000);
    STATE(city, A, LINK_live);
    issue_large(city, A, 60000);
    run(WINDOW_PAUSE_MS + 1000);
    issue_large(city, A, 60000);                                     /* the first after a pause, and nothing is acknowledged of it yet */
    sent = goes_unanswered(100);
    cr_assert(sent <= WINDOW_FIRST + 65536, "after a pause it begins anew: %u", (unsigned)sent);
    lost = NULL;
    run(8000);
    STATE(city, A, LINK_live);
    for (int i = 0; i < 10; i++) {
        lost = acks_held;
        issue_large(city, A, 60000);
        run(WINDOW_LATE_MS + 1000);
        lost = NULL;
        feed_bytes(city, A, CHANNEL_SYNC, lz_bytes_of(held_ack, held_len));
        STATE(city, A, LINK_live);
    }
    sent = goes_unanswered(100);                                     /* acknowledged late, it has shrunk */
    cr_assert(sent > 0 && sent <= WINDOW_LEAST + 65536, "%u", (unsigned)sent);
    lost = NULL;
    run(8000);
    STATE(city, A, LINK_live);
    uint64_t held = entries(a, TABLE_record);
    cr_assert_geq(held, 310);
    /* many small ones: WINDOW_PUSHES batches, then they wait and go together */
    lost = acks_lost;
    uint64_t batches = turn_counters(city->turn)->batches_live;
    for (int i = 0; i < 2 * WINDOW_PUSHES; i++) issue(city, A);
    cr_assert_eq(turn_counters(city->turn)->batches_live - batches, WINDOW_PUSHES);
    lost = NULL;
    run(6000);
    STATE(city, A, LINK_live);
    cr_assert_geq(entries(a, TABLE_record), held + 2 * WINDOW_PUSHES);
}

/* What is never in a hurry fills its window whenever there is much of it: less of it is under way, and it gives way sooner. */
static void report_bulk(struct node *n, int count) {
    static char text[FORM_TEXT_BYTES_MAX];
    memset(text, 'x', sizeof text);
    struct form_value values[FORM_FIELDS_MAX] = { { 0, lz_bytes_of(text, sizeof text) } };
    for (int i = 0; i < count; i++) {
        struct record d = { .kind = kind_by_name("publicity")->number };
        struct rec_id id;
        d.of.form = (struct form){ .valid_from = 20220401, .given = 1 | 2 | 8, .of = values };
        values[3].number = 20220401;
        begin(n);
        cr_assert_eq(flow_submit(turn_flow(n->turn), &d, str("clerk"), str(""), 0, &id, &fail), LZ_ok, "%s", fail.text);
        cr_assert_eq(end(n), LZ_ok);
    }
}
static bool acks_of_city_lost(const struct parcel *p) { return p->bytes[4] == PACKET_ACK && p->from == city; }
static bool acks_of_city_held(const struct parcel *p) {
    if (!acks_of_city_lost(p)) return false;
    cr_assert_leq(p->len, sizeof held_ack);
    memcpy(held_ack, p->bytes, held_len = p->len);
    return true;
}
static uint64_t bulk_goes_unanswered(void) {
    uint64_t before = a->sent_bytes;
    lost = acks_of_city_lost;
    report_bulk(a, 60);
    before = a->sent_bytes - before;
    lost = NULL;
    run(8000);
    STATE(a, CITY, LINK_live);
    return before;
}
Test(limits, of_what_is_under_way_in_the_bulk_lane) {
    three();
    for (int i = 0; i < 40; i++) { report_bulk(a, 1); deliver(); }   /* acknowledged at once, it grows */
    uint64_t sent = bulk_goes_unanswered();
    cr_assert(sent > WINDOW_BULK_BYTES - 65536 && sent <= WINDOW_BULK_BYTES + 65536, "%u", (unsigned)sent);
    for (int i = 0; i < 10; i++) {                                   /* late for this lane, early for the others */
        lost = acks_of_city_held;
        report_bulk(a, 1);
        run(WINDOW_BULK_LATE_MS + 200);
        lost = NULL;
        feed_bytes(a, CITY, CHANNEL_SYNC, lz_bytes_of(held_ack, held_len));
    }
    sent = bulk_goes_unanswered();
    cr_assert(sent > 0 && sent <= WINDOW_LEAST + 65536, "%u", (unsigned)sent);
    cr_assert_geq(entries(city, TABLE_record), 170);
}

Test(limits, of_what_is_served_to_how_many) {
    static const uint32_t codes[] = { 410802, 410803, 410804, 410811, 410821, 410822, 410823, 410825, 410871, 410882, 410883 };
    city = add(CITY, 0, TIER_CITY);
    for (size_t i = 0; i < LZ_COUNT(codes); i++) { add(codes[i], CITY, TIER_COUNTY); enrol(city, codes[i]); }
    cr_assert_gt(LZ_COUNT(codes), SERVE_PEERS_MAX);
    boot(city);
    for (size_t i = 1; i < n_nodes; i++) boot(&nodes[i]);
    run(5000);
    for (size_t i = 1; i < n_nodes; i++) { STATE(&nodes[i], CITY, LINK_live); nodes[i].down = true; }
    for (size_t i = 0; i < LZ_COUNT(codes); i++)
        for (int k = 0; k < 60; k++) issue_large(city, codes[i], 60000);                 /* each more than its window */
    for (size_t i = 1; i < n_nodes; i++) { nodes[i].down = false; nodes[i].said_connected = false; }
    size_t full = 0;
    for (int round = 0; round < 200; round++, mono += 100) {
        for (size_t i = 1; i < n_nodes; i++) idle(&nodes[i]);
        begin(city);                                                                     /* all that they say, in one turn */
        for (size_t i = 0; i < n_parcels; i++) {
            struct packet packet = { parcels[i].from->unit, parcels[i].channel, lz_bytes_of(parcels[i].bytes, parcels[i].len) };
            if (parcels[i].to == city) turn_feed(city->turn, &packet);
        }
        for (size_t i = 0; i < n_parcels; i++)
            if (parcels[i].to == city) { free(parcels[i].bytes); parcels[i] = parcels[--n_parcels]; i--; }
        uint64_t bytes = city->sent_bytes, repair = turn_counters(city->turn)->batches_repair;
        cr_assert_eq(end(city), LZ_ok);
        bytes = city->sent_bytes - bytes;
        cr_assert(bytes <= TURN_SERVE_BYTES + 64 * 1024 && bytes <= SEND_QUEUE_BYTES, "%u bytes in a turn", (unsigned)bytes);
        uint32_t served = 0;
        for (size_t i = 1; i < n_nodes; i++) {
            bool got = false;
            for (size_t k = 0; k < n_parcels; k++) got |= parcels[k].from == city && parcels[k].to == &nodes[i] && parcels[k].bytes[4] == PACKET_BATCH;
            served += got;
        }
        cr_assert_leq(served, SERVE_PEERS_MAX);
        full += bytes > TURN_SERVE_BYTES - 2 * BATCH_BYTES_MAX && turn_counters(city->turn)->batches_repair > repair;
        for (size_t i = 0; i < n_parcels; i++) {
            struct parcel p = parcels[i];
            if (p.from != city) continue;
            feed_bytes(p.to, CITY, p.channel, lz_bytes_of(p.bytes, p.len));
        }
        size_t kept_ = 0;
        for (size_t i = 0; i < n_parcels; i++) {
            if (parcels[i].from == city) free(parcels[i].bytes);
            else parcels[kept_++] = parcels[i];
        }
        n_parcels = kept_;
    }
    cr_assert_gt(full, 3, "the limit was reached");
    run(5000);
    for (size_t i = 1; i < n_nodes; i++) { STATE(&nodes[i], CITY, LINK_live); cr_assert_geq(entries(&nodes[i], TABLE_record), 60); }
}

Test(limits, of_a_walk_and_a_reclaim) {
    city = add(CITY, 0, TIER_CITY);
    b = add(B, CITY, TIER_COUNTY);
    enrol(city, B);
    boot(city);
    boot(b);
    run(4000);
    enum { MANY = 3 * RECLAIM_SLICE / 2 };
    for (int i = 0; i < MANY; i++) {
        uint32_t targets[] = { A };
        struct record d = a_task(targets, 1);
        struct rec_id id;
        begin(city);
        cr_assert_eq(flow_submit(turn_flow(city->turn), &d, str("clerk"), (struct lz_bytes){ 0 }, 0, &id, &fail), LZ_ok);
        cr_assert_eq(end(city), LZ_ok);
    }
    a = add(A, CITY, TIER_COUNTY);
    begin(city);
    enrol(city, A);
    turn_child_added(city->turn, A);
    uint64_t tip = store_tip(city->store, (struct feed_id){ A, LANE_ROUTINE });
    cr_assert_eq(end(city), LZ_ok);
    struct link_view v = link_of(city, A);
    cr_assert(v.walking && tip == 0);
    boot(a);
    run(6000);
    STATE(city, A, LINK_live);
    cr_assert_geq(entries(a, TABLE_record), 2 * MANY);
    static_assert((int)MANY > (int)WALK_SLICE, "the walk takes more than one turn");
    shut(a);
    cr_assert_eq(unlink(file_of(a, "data.mdb")), 0);
    boot(a);
    bool limited = true;
    size_t largest = 0;
    for (int round = 0; round < 100; round++, mono += 100) {
        for (size_t i = 0; i < n_nodes; i++) idle(&nodes[i]);
        for (size_t i = 0; i < n_parcels; i++) {
            struct parcel p = parcels[i];
            if (p.bytes[4] == PACKET_RECLAIM_ANSWER) {
                struct arena *own = arena_create(16 << 20);
                struct reclaim_answer answer;
                cr_assert_eq(reclaim_answer_decode(own, lz_bytes_of(p.bytes + PACKET_HEADER_BYTES, p.len - PACKET_HEADER_BYTES), &answer), LZ_ok);
                limited &= answer.n_envelopes <= RECLAIM_SLICE;
                if (answer.n_envelopes > largest) largest = answer.n_envelopes;
                arena_destroy(&own);
            }
            feed_bytes(p.to, p.from->unit, p.channel, lz_bytes_of(p.bytes, p.len));
            free(p.bytes);
        }
        n_parcels = 0;
    }
    cr_assert(limited && largest == RECLAIM_SLICE, "%zu", largest);
    STATE(a, CITY, LINK_live);
    cr_assert_geq(entries(a, TABLE_record), 2 * MANY);
}

/* Flips one bit in the file of a store that is shut, wherever this text stands. */
static size_t rot(struct node *n, const char *needle) {
    struct stat st;
    int fd = open(file_of(n, "data.mdb"), O_RDWR);
    cr_assert(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *all = malloc((size_t)st.st_size);
    size_t len = strlen(needle), hits = 0;
    cr_assert_eq(pread(fd, all, (size_t)st.st_size, 0), st.st_size);
    for (size_t i = 0; i + len <= (size_t)st.st_size; i++) {
        if (memcmp(all + i, needle, len) != 0) continue;
        all[i + len / 2] ^= 4;
        hits++;
    }
    cr_assert_eq(pwrite(fd, all, (size_t)st.st_size, 0), st.st_size);
    free(all);
    close(fd);
    return hits;
}

/* More records rot than are asked back at once; the scrub comes upon them by itself, a slice a second. */
Test(limits, of_a_scrub_and_of_what_is_asked_back) {
    enum { MANY = REPAIR_KEYS_MAX + 50 };
    static_assert((int)MANY > (int)SCRUB_SLICE, "the scrub takes more than one slice");
    three();
    for (int i = 0; i < MANY; i++) {
        uint32_t targets[] = { A };
        struct record d = a_task(targets, 1);
        d.of.directive.title = str("rotten-apple");
        struct rec_id id;
        begin(city);
        cr_assert_eq(flow_submit(turn_flow(city->turn), &d, str("clerk"), (struct lz_bytes){ 0 }, 0, &id, &fail), LZ_ok);
        cr_assert_eq(end(city), LZ_ok);
    }
    run(5000);
    struct repair_view v;
    shut(a);
    boot(a);
    begin(a);
    cr_assert_eq(end(a), LZ_ok);
    turn_repair_view(a->turn, &v);
    cr_assert_eq(v.scrubbed_wall_ms, 0, "one slice is not all");
    run(20000);
    turn_repair_view(a->turn, &v);
    cr_assert(v.scrubbed_wall_ms && v.looked > SCRUB_SLICE && v.found == 0);
    shut(a);
    cr_assert_geq(rot(a, "rotten-apple"), MANY);
    boot(a);
    uint64_t most = 0;
    for (int second = 0; second < 60; second++) {
        run(1000);
        turn_repair_view(a->turn, &v);
        if (v.n_damaged > most) most = v.n_damaged;
    }
    cr_assert(most <= REPAIR_KEYS_MAX && v.n_damaged == 0 && v.found >= MANY && v.scrubbed_wall_ms, "%zu at most, %zu left", (size_t)most, v.n_damaged);
    struct verify verify;
    begin(a);
    flow_verify(turn_flow(a->turn), &verify);
    cr_assert_eq(verify.differences, 0, "%.*s", (int)verify.first.len, (const char *)verify.first.data);
    cr_assert_eq(end(a), LZ_ok);
    STATE(a, CITY, LINK_live);
}

/* ---- what once broke -------------------------------------------------------------------------------------------------- */

TestSuite(regress, .init = open_world, .fini = close_world, .timeout = 100);
/* many small tasks in one batch, as a repair batch after an import has them */
static void many_tasks(size_t want) {
    three();
    struct arena *own = arena_create(64 << 20);
    struct lz_bytes *list = arena_alloc(own, BATCH_RECORDS_MAX * sizeof *list), bytes;
    size_t n = 0, size = 0;
    while (n < want) {
        struct record r = a_record(KIND_task, CITY, TIER_CITY);
        uint32_t t[] = { A };
        r.target_all = false; r.targets = t; r.n_targets = 1;
        r.author = str("zhang");
        r.stamp += n;
        r.of.directive.title = str("甲");
        cr_assert_eq(record_encode(own, &r, &fail), LZ_ok);
        if (size + r.envelope.len + 8 > BATCH_FILL_BYTES) break;
        size += r.envelope.len + 8;
        list[n++] = r.envelope;
    }
    uint64_t at = cursor_at(a, CITY, (struct feed_id){ A, LANE_ROUTINE });
    struct batch batch = { { A, LANE_ROUTINE }, store_epoch(city->store), at, at + 1, at + 1, at + 1, true, list, n };
    cr_assert_eq(batch_encode(own, &batch, &bytes), LZ_ok);
    fprintf(stderr, "%zu tasks in %zu bytes (%zu each)\n", n, bytes.len, bytes.len / n);
    feed_bytes(a, CITY, CHANNEL_SYNC, bytes);
    fprintf(stderr, "landed %u\n", (unsigned)entries(a, TABLE_record));
}
Test(regress, a_batch_of_2500_small_tasks) { many_tasks(5000); }
Test(regress, moves_beyond_the_limit) {
    three();
    struct rec_id id = issue(city, A);
    run(2000);
    for (int i = 0; i < SUBJECT_MOVES_MAX + 20; i++) {
        struct record d = { .kind = KIND_move, .subject = id };
        d.of.move.move = move_by_name(MACHINE_HANDLING, "urge")->number;
        d.of.move.unit = A;
        struct rec_id m;
        begin(city);
        enum lz_err err = flow_submit(turn_flow(city->turn), &d, str("clerk"), (struct lz_bytes){ 0 }, 0, &m, &fail);
        if (err != LZ_ok) { fprintf(stderr, "urge %d refused: %s\n", i, fail.text); (void)!end(city); break; }
        cr_assert_eq(end(city), LZ_ok);
    }
    run(3000);
    struct record d = { .kind = KIND_move, .subject = id };
    d.of.move.move = move_by_name(MACHINE_HANDLING, "sign")->number;
    struct rec_id m;
    begin(a);
    enum lz_err err = flow_submit(turn_flow(a->turn), &d, str("clerk"), (struct lz_bytes){ 0 }, 0, &m, &fail);
    (void)!end(a);
    fprintf(stderr, "sign: %s %s; state then %u (signed is %d)\n", lz_err_name(err), fail.text, state_of(a, id, A), HANDLING_signed);
    cr_expect(err != LZ_ok || state_of(a, id, A) == HANDLING_signed, "the clerk was told ok and nothing happened");
}
Test(regress, adopt_of_an_older_register) {
    three();
    struct arena *own = arena_create(1 << 20);
    struct record old = a_record(KIND_rollup, A, TIER_COUNTY);
    uint8_t key[20]; struct rec_id none = { 0 };
    lz_put16(key, KIND_problem); rec_id_put(none, key + 2);
    old.key = lz_bytes_of(key, 20);
    old.of.rollup.kind = KIND_problem;
    old.of.rollup.sum.of[COUNTER_total] = 5;
    struct record new = old;
    new.stamp += 10;
    new.of.rollup.sum.of[COUNTER_total] = 7;
    struct feed_id up = { SCOPE_UP, LANE_ROUTINE };
    feed_bytes(city, A, CHANNEL_SYNC, batch_of(own, a, up, cursor_at(city, A, up), &new));
    cr_assert_eq(record_encode(own, &old, &fail), LZ_ok);
    /* what an older program had refused */
    const char *why = "bad_argument";
    uint8_t v[2048];
    lz_put64(v, T0); lz_put16(v + 8, (uint16_t)strlen(why)); memcpy(v + 10, why, strlen(why));
    memcpy(v + 10 + strlen(why), old.envelope.data, old.envelope.len);
    begin(city);
    store_put(city->store, TABLE_refused, key_refused(A, key_of(&old)), lz_bytes_of(v, 10 + strlen(why) + old.envelope.len));
    cr_assert_eq(end(city), LZ_ok);
    shut(city);
    boot(city);
    struct verify ver;
    begin(city);
    flow_verify(turn_flow(city->turn), &ver);
    cr_expect_eq(ver.differences, 0, "%.*s", (int)ver.first.len, (const char *)ver.first.data);
    struct counters c; flow_rollup(turn_flow(city->turn), KIND_problem, none, A, &c);
    fprintf(stderr, "part of A: %d; refused rows left %u\n", (int)c.of[COUNTER_total], (unsigned)entries(city, TABLE_refused));
    (void)!end(city);
}
Test(regress, overflow) {
    three();
    struct arena *own = arena_create(1 << 20);
    struct feed_id up = { SCOPE_UP, LANE_ROUTINE };
    uint8_t key[20]; struct rec_id none = { 0 };
    lz_put16(key, KIND_problem); rec_id_put(none, key + 2);
    for (int i = 0; i < 2; i++) {
        struct record r = a_record(KIND_rollup, i ? B : A, TIER_COUNTY);
        r.key = lz_bytes_of(key, 20);
        r.of.rollup.kind = KIND_problem;
        r.of.rollup.sum.of[COUNTER_total] = INT64_MAX;
        feed_bytes(city, i ? B : A, CHANNEL_SYNC, batch_of(own, i ? b : a, up, cursor_at(city, i ? B : A, up), &r));
    }
}
Test(regress, fold_time) {
    static struct record moves[SUBJECT_MOVES_MAX];
    struct record subject = { .origin = CITY, .kind = KIND_task, .tier = TIER_CITY, .stamp = 1 };
    struct standing s;
    for (size_t i = 0; i < SUBJECT_MOVES_MAX; i++) {
        moves[i] = (struct record){ .origin = CITY, .kind = KIND_move, .tier = TIER_CITY, .stamp = 100 + (SUBJECT_MOVES_MAX - i), .author = str("clerk") };
        moves[i].of.move = (struct move){ .move = 10, .unit = A, .follows = { CITY, KIND_move, 100 + (SUBJECT_MOVES_MAX - i) - 1, 0 } };
        if (i + 1 == SUBJECT_MOVES_MAX) moves[i].of.move.follows = (struct rec_id){ 0 };
    }
    clock_t t = clock();
    flow_fold(&subject, moves, SUBJECT_MOVES_MAX, A, &s, NULL);
    fprintf(stderr, "fold of 512 chained moves in reverse order: %.1f ms, effective %u\n", (double)(clock() - t) * 1000 / CLOCKS_PER_SEC, s.effective);
}
Test(regress, records_per_turn) {
    three();
    struct arena *own = arena_create(64 << 20);
    uint64_t at = cursor_at(city, A, (struct feed_id){ SCOPE_UP, LANE_ROUTINE }), n = 0;
    begin(city);
    while (turn_has_room(city->turn)) {
        struct record r = a_record(KIND_problem, A, TIER_COUNTY);
        r.stamp += n++;
        struct lz_bytes p = batch_of(own, a, (struct feed_id){ SCOPE_UP, LANE_ROUTINE }, at++, &r);
        turn_feed(city->turn, &(struct packet){ A, CHANNEL_SYNC, p });
        if (n == 256) break;
    }
    fprintf(stderr, "problems: %u records used %zu KiB of the turn's arena\n", (unsigned)n, arena_used(turn_arena(city->turn)) >> 10);
    (void)!end(city);
}
static void small_problems(int want) {
    three();
    city->down = true;
    for (int i = 0; i < want; i++) find_problem(a);
    n_parcels = 0;
    city->down = false;
    run(20000);
    fprintf(stderr, "%d problems: city holds %u records\n", want, (unsigned)entries(city, TABLE_record));
    struct link_view v = link_of(city, A);
    fprintf(stderr, "link %s %s\n", link_name(v.state), v.reason);
    cr_expect_geq(entries(city, TABLE_record), (unsigned)want);
}
Test(regress, backlog_of_problems_300) { small_problems(300); }
Test(regress, backlog_of_problems_1500) { small_problems(1500); }
Test(regress, two_batches_in_a_turn) {
    three();
    struct arena *own = arena_create(64 << 20);
    uint64_t at = cursor_at(a, CITY, (struct feed_id){ A, LANE_ROUTINE });
    size_t k = 0;
    begin(a);
    for (int round = 0; round < 2; round++) {
        struct lz_bytes *list = arena_alloc(own, BATCH_RECORDS_MAX * sizeof *list), bytes;
        size_t n = 0, size = 0;
        while (n < (round ? 5000 : 950)) {
            struct record r = a_record(KIND_task, CITY, TIER_CITY);
            uint32_t t[] = { A };
            r.target_all = false; r.targets = t; r.n_targets = 1;
            r.author = str("zhang");
            r.stamp += k++;
            r.of.directive.title = str("甲");
            cr_assert_eq(record_encode(own, &r, &fail), LZ_ok);
            if (size + r.envelope.len + 8 > BATCH_FILL_BYTES) break;
            size += r.envelope.len + 8;
            list[n++] = r.envelope;
        }
        struct batch batch = { { A, LANE_ROUTINE }, store_epoch(city->store), at, at + 1, at + 1, at + 1, true, list, n };
        at++;
        cr_assert_eq(batch_encode(own, &batch, &bytes), LZ_ok);
        fprintf(stderr, "has room %d, arena %zu KiB\n", turn_has_room(a->turn), arena_used(turn_arena(a->turn)) >> 10);
        turn_feed(a->turn, &(struct packet){ CITY, CHANNEL_SYNC, bytes });
    }
    cr_assert_eq(end(a), LZ_ok);
}
Test(regress, backlog_forever) {
    three();
    city->down = true;
    for (int i = 0; i < 1500; i++) find_problem(a);
    n_parcels = 0;
    city->down = false;
    int full = 0;
    for (int round = 0; round < 600; round++, mono += 100) {
        for (size_t i = 0; i < n_nodes; i++) idle(&nodes[i]);
        for (size_t i = 0; i < n_parcels; i++) {
            struct parcel p = parcels[i];
            begin(p.to);
            turn_feed(p.to->turn, &(struct packet){ p.from->unit, p.channel, lz_bytes_of(p.bytes, p.len) });
            enum lz_err err = end(p.to);
            if (err != LZ_ok) full++;
            free(p.bytes);
        }
        n_parcels = 0;
    }
    fprintf(stderr, "after 60 s: city holds %u records, %d turns were LZ_full\n", (unsigned)entries(city, TABLE_record), full);
}
