/* limits: each maximum of base/limits.h is reached, and one more is refused. Those of one room's own test stand there: units,
 * children, subtrees and drafts in test_units and test_codec, what a turn may hold in test_turn, answers in test_ctl. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../../daemon/flow/flow.h"
#include "../../daemon/wire/wire.h"

static struct arena *arena;
static struct lz_fail fail;
static void open_arena(void) { arena = arena_create(192 << 20); fail = (struct lz_fail){ 0 }; lz_log_level(LZ_ERROR); }
static void close_arena(void) { arena_destroy(&arena); }
TestSuite(records, .init = open_arena, .fini = close_arena);
TestSuite(batches, .init = open_arena, .fini = close_arena);
TestSuite(nodes, .init = open_arena, .fini = close_arena);

static struct lz_bytes run_of(char c, size_t len) {
    char *text = arena_alloc(arena, len + 1);
    memset(text, c, len);
    return lz_bytes_of(text, len);
}
static struct record a_task(void) {
    struct record r = { .origin = 410800, .kind = KIND_task, .lane = LANE_ROUTINE, .direction = DIRECTION_DOWN, .reach = REACH_TARGETS, .tier = TIER_CITY,
                        .stamp = 1, .target_all = true };
    r.of.directive.title = lz_bytes_str("题");
    return r;
}
static enum lz_err there_and_back(struct record *r) {
    struct record back;
    enum lz_err err = record_encode(arena, r, &fail);
    return err == LZ_ok ? record_decode(arena, r->envelope, &back, &fail) : err;
}

/* ---- records ---- */
Test(records, have_texts_of_limited_length) {
    struct record r = a_task();
    static const struct { size_t offset, max; const char *name; } texts[] = {
        { offsetof(struct directive, title), LABEL_BYTES_MAX, "title" },       { offsetof(struct directive, body), TEXT_BYTES_MAX, "body" },
        { offsetof(struct directive, signers), LABEL_BYTES_MAX, "signers" },   { offsetof(struct directive, lead), LABEL_BYTES_MAX, "lead" },
        { offsetof(struct directive, measure), TEXT_BYTES_MAX, "measure" },    { offsetof(struct directive, responsible), LABEL_BYTES_MAX, "responsible" },
        { offsetof(struct directive, plan), LABEL_BYTES_MAX, "plan" },
    };
    for (size_t i = 0; i < LZ_COUNT(texts); i++) {
        r = a_task();
        struct lz_bytes *text = (struct lz_bytes *)((char *)&r.of.directive + texts[i].offset);
        *text = run_of('a', texts[i].max);
        cr_assert_eq(there_and_back(&r), LZ_ok, "%s: %s", texts[i].name, fail.text);
        *text = run_of('a', texts[i].max + 1);
        cr_assert_eq(there_and_back(&r), LZ_too_large, "%s", texts[i].name);
    }
    r = a_task();
    r.author = run_of('a', AUTHOR_BYTES_MAX);
    cr_assert_eq(there_and_back(&r), LZ_ok);
    r.author = run_of('a', AUTHOR_BYTES_MAX + 1);
    cr_assert_eq(there_and_back(&r), LZ_too_large);
    r = a_task();
    char number[NUMBER_BYTES_MAX + 2];
    memset(number, 'a', sizeof number);
    memcpy(number + NUMBER_BYTES_MAX - 8, "(2022)17", 8);
    r.of.directive.number = lz_bytes_of(number, NUMBER_BYTES_MAX);
    cr_assert_eq(there_and_back(&r), LZ_ok, "%s", fail.text);
    memcpy(number + NUMBER_BYTES_MAX - 7, "(2022)17", 8);
    r.of.directive.number.len++;
    cr_assert_eq(there_and_back(&r), LZ_too_large);
}

Test(records, that_are_as_large_as_they_may_be) {
    struct record r = a_task();
    static uint32_t targets[TARGETS_MAX + 1];
    for (uint32_t i = 0; i <= TARGETS_MAX; i++) targets[i] = 410000 + i;
    r.target_all = false;
    r.targets = targets;
    r.n_targets = TARGETS_MAX;
    r.of.directive.body = run_of('a', TEXT_BYTES_MAX);
    cr_assert_eq(there_and_back(&r), LZ_ok, "the most targets and the longest text: %s", fail.text);
    r.of.directive.measure = run_of('a', TEXT_BYTES_MAX - 3 * TARGETS_MAX - 300);
    cr_assert_eq(there_and_back(&r), LZ_ok);
    r.of.directive.measure = run_of('a', r.of.directive.measure.len + RECORD_BYTES_MAX - r.bytes.len);
    cr_assert_eq(there_and_back(&r), LZ_ok);
    cr_assert_eq(r.bytes.len, RECORD_BYTES_MAX);
    r.of.directive.measure = run_of('a', r.of.directive.measure.len + 1);
    cr_assert_eq(there_and_back(&r), LZ_too_large);
    r = a_task();
    r.targets = targets;
    r.n_targets = TARGETS_MAX + 1;
    cr_assert_eq(there_and_back(&r), LZ_too_many);
}

Test(records, of_registers_have_short_keys) {
    struct record r = { .origin = 410800, .kind = KIND_duty, .lane = LANE_ROUTINE, .direction = DIRECTION_UP, .reach = REACH_PARENT, .stamp = 1 };
    r.of.duty.name = lz_bytes_str("王");
    r.key = run_of('k', REGISTER_KEY_MAX);
    cr_assert_eq(there_and_back(&r), LZ_ok);
    cr_assert_eq(key_refused(410800, key_of(&r)).len, 4 + 6 + REGISTER_KEY_MAX);
    r.key = run_of('k', REGISTER_KEY_MAX + 1);
    cr_assert_eq(there_and_back(&r), LZ_too_large);
}

/* ---- batches ---- */
Test(batches, carry_so_many_records) {
    static struct lz_bytes list[BATCH_RECORDS_MAX + 1];
    struct batch b = { .feed = { SCOPE_ALL, LANE_BULK }, .to = 1, .seen = 1, .tip = 1, .envelopes = list, .n_envelopes = BATCH_RECORDS_MAX }, back;
    struct lz_bytes packet;
    for (size_t i = 0; i < LZ_COUNT(list); i++) list[i] = lz_bytes_str("a record");
    for (size_t more = 0; more < 2; more++) {
        b.n_envelopes = BATCH_RECORDS_MAX + more;
        cr_assert_eq(batch_encode(arena, &b, &packet), LZ_ok);
        cr_assert_eq(batch_decode(arena, lz_bytes_of(packet.data + PACKET_HEADER_BYTES, packet.len - PACKET_HEADER_BYTES), &back), more ? LZ_too_many : LZ_ok);
    }
}

/* A batch that closes at BATCH_FILL_BYTES fits in a packet, whatever its records' sizes. */
Test(batches, that_are_full_fit_in_a_packet) {
    static struct lz_bytes list[BATCH_RECORDS_MAX];
    static const size_t sizes[] = { 37, 127, 128, 600, RECORD_BYTES_MAX + 4 };
    for (size_t s = 0; s < LZ_COUNT(sizes); s++) {
        size_t n = 0, bytes = 0;
        while (n < BATCH_RECORDS_MAX && bytes + sizes[s] + 8 <= BATCH_FILL_BYTES) { list[n++] = run_of('r', sizes[s]); bytes += sizes[s] + 8; }
        struct batch b = { .feed = { 999999, LANE_BULK }, .from = UINT64_MAX - 1, .to = UINT64_MAX, .seen = UINT64_MAX, .tip = UINT64_MAX, .repair = true,
                           .envelopes = list, .n_envelopes = n }, back;
        struct lz_bytes packet;
        cr_assert_eq(batch_encode(arena, &b, &packet), LZ_ok);
        cr_assert(packet.len <= BATCH_BYTES_MAX, "%zu of %zu bytes: %zu", n, sizes[s], packet.len);
        cr_assert_eq(batch_decode(arena, lz_bytes_of(packet.data + PACKET_HEADER_BYTES, packet.len - PACKET_HEADER_BYTES), &back), LZ_ok);
        cr_assert_eq(back.n_envelopes, n);
    }
    uint8_t *zeros = arena_alloc(arena, BATCH_BYTES_MAX + 1);
    struct batch back;
    cr_assert_eq(batch_decode(arena, lz_bytes_of(zeros, BATCH_BYTES_MAX + 1), &back), LZ_too_large);
    cr_assert_eq(batch_decode(arena, lz_bytes_of(zeros, BATCH_BYTES_MAX), &back), LZ_bad_packet);
}

Test(batches, hello_with_the_longest_lineage_fits_in_a_packet) {
    static struct lineage_entry line[LINEAGE_SHOWN_MAX];
    for (size_t i = 0; i < LZ_COUNT(line); i++) {
        memset(line[i].epoch.b, 0xEE, 16);
        line[i].position = UINT64_MAX - LINEAGE_SHOWN_MAX + i;
    }
    uint32_t wish[WISH_KINDS_MAX];
    for (uint32_t i = 0; i < WISH_KINDS_MAX; i++) wish[i] = 190 + i;
    struct hello h = { .version = 1, .version_min = 1, .unit = 410800, .to = 410000, .lineage = line, .n_lineage = LINEAGE_SHOWN_MAX, .wish = wish,
                       .n_wish = WISH_KINDS_MAX }, back;
    struct lz_bytes packet;
    for (size_t i = 0; i < LINK_FEEDS_MAX; i++) h.cursors[h.n_cursors++] = (struct feed_cursor){ { 999999, 3 }, { line[0].epoch, UINT64_MAX, UINT64_MAX } };
    cr_assert_eq(hello_encode(arena, &h, &packet), LZ_ok);
    cr_assert(packet.len <= BATCH_BYTES_MAX);
    cr_assert_eq(hello_decode(arena, lz_bytes_of(packet.data + PACKET_HEADER_BYTES, packet.len - PACKET_HEADER_BYTES), &back), LZ_ok);
    cr_assert(back.n_lineage == LINEAGE_SHOWN_MAX && back.n_wish == WISH_KINDS_MAX);
    /* one epoch more than may be shown, added behind: a repeated field may follow anywhere */
    static const uint8_t one_more[] = { 0x4a, 20, 0x0a, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10, 0 };
    uint8_t *longer = arena_alloc(arena, packet.len + sizeof one_more);
    memcpy(longer, packet.data + PACKET_HEADER_BYTES, packet.len - PACKET_HEADER_BYTES);
    memcpy(longer + packet.len - PACKET_HEADER_BYTES, one_more, sizeof one_more);
    cr_assert_eq(hello_decode(arena, lz_bytes_of(longer, packet.len - PACKET_HEADER_BYTES + sizeof one_more), &back), LZ_bad_packet);
}

/* ---- nodes: a store, and a flow on a tree of SUBTREE_MAX counties ---- */
static char dir[64];
static struct store *store;
static struct flow *flow;
static struct units *units;
static struct calendar *calendar;
static struct roster *roster;
enum { ROOT = 500000, LEAVES = SUBTREE_MAX };

static void open_node(uint32_t n_units) {
    snprintf(dir, sizeof dir, "/tmp/linzhang-limits-XXXXXX");
    cr_assert(mkdtemp(dir));
    size_t size = (size_t)(n_units + 2) * 48, n = 0;
    char *text = arena_alloc(arena, size);
    n += (size_t)snprintf(text, size, "code\tname_zh\ttier\tparent_code\tcode_system\n%d\tR\tcity\t-\tGB\n", ROOT);
    for (uint32_t i = 0; i < n_units; i++) n += (size_t)snprintf(text + n, size - n, "%u\tU\tcounty\t%d\tGB\n", ROOT + 1 + i, ROOT);
    units = units_create();
    cr_assert_eq(units_load(units, lz_bytes_of(text, n), &fail), LZ_ok, "%s", fail.text);
    calendar = calendar_create();
    roster = roster_create();
    struct store_options so = { .path = dir, .unit = ROOT, .map_bytes = 256 << 20, .no_sync = true };
    cr_assert_eq(store_open(&store, &so, &fail), LZ_ok, "%s", fail.text);
    store_set_arena(store, arena);
    struct flow_options fo = { .store = store, .roster = roster, .units = units, .calendar = calendar, .unit = ROOT, .parent = 100000, .tier = TIER_CITY,
                               .settings = { .sign_days = 1, .letter_days = 15, .reminder_days = 5, .blue_days = 3, .accept_days = 1, .handle_days = 15 } };
    flow = flow_create(&fo);
    store_begin_epoch(store, (struct epoch){ { 1 } });
    cr_assert_eq(store_commit(store), LZ_ok);
}
static void close_node(void) {
    flow_destroy(&flow);
    store_close(&store);
    roster_destroy(&roster);
    units_destroy(&units);
    calendar_destroy(&calendar);
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", dir);
    cr_assert_eq(system(command), 0);
}
static const uint64_t T0 = 1650848400000ull;
static void begin(uint64_t wall) {
    store_abort(store);
    store_forget_fresh(store);
    arena_reset(arena);
    flow_begin(flow, (struct lz_now){ 1000, wall }, arena);
}
static void end(void) {
    flow_settle(flow);
    cr_assert_eq(store_commit(store), LZ_ok);
    flow_committed(flow);
    store_forget_fresh(store);
    flow_forget(flow);
}

Test(nodes, send_a_directive_to_as_many_units_as_there_may_be, .timeout = 60) {
    open_node(LEAVES);
    uint32_t *targets = arena_alloc(arena, (TARGETS_MAX + 1) * sizeof *targets);
    struct record d = { .kind = KIND_task, .n_targets = TARGETS_MAX };
    struct rec_id id;
    begin(T0);
    targets = arena_alloc(arena, TARGETS_MAX * sizeof *targets);
    for (uint32_t i = 0; i < TARGETS_MAX; i++) targets[i] = ROOT + TARGETS_MAX - i;
    d.targets = targets;
    d.of.directive = (struct directive){ .title = lz_bytes_str("题"), .due_ms = T0 + 1000 };
    cr_assert_eq(flow_submit(flow, &d, lz_bytes_str("clerk"), (struct lz_bytes){ 0 }, 0, &id, &fail), LZ_ok, "%s", fail.text);
    cr_assert(!flow_has_room(flow), "one fills a turn");
    end();
    struct store_counts counts;
    store_count(store, &counts);
    cr_assert(counts.entries[TABLE_standing] == TARGETS_MAX && counts.entries[TABLE_due] == TARGETS_MAX);
    /* all of them fall due at once: TURN_TIMERS_MAX a turn, until none is left */
    size_t turns = 0;
    for (uint64_t next = 0; turns < 20; turns++) {
        begin(T0 + 2000);
        next = flow_next_due(flow);
        if (next > T0 + 2000) break;
        uint64_t before = counts.entries[TABLE_due];
        end();
        store_count(store, &counts);
        cr_assert(before - counts.entries[TABLE_due] <= TURN_TIMERS_MAX, "at most so many judged in one turn");
    }
    cr_assert_eq(turns, TARGETS_MAX / TURN_TIMERS_MAX);
    begin(T0 + 2000);
    struct standing s;
    cr_assert(flow_standing(flow, id, ROOT + 1, &s) && s.colour == COLOUR_RED);
    cr_assert(flow_standing(flow, id, ROOT + TARGETS_MAX, &s) && s.colour == COLOUR_RED);
    store_abort(store);
    flow_forget(flow);
    close_node();
}

Test(nodes, fold_as_many_moves_as_a_subject_may_have, .timeout = 60) {
    static struct record moves[SUBJECT_MOVES_MAX];
    static uint8_t trace[SUBJECT_MOVES_MAX];
    struct record subject = a_task();
    struct standing s;
    const struct move_row *urge = move_by_name(MACHINE_HANDLING, "urge");
    for (size_t i = 0; i < SUBJECT_MOVES_MAX; i++) {
        moves[i] = (struct record){ .origin = 410800, .kind = KIND_move, .tier = TIER_CITY, .stamp = 100 + i, .author = lz_bytes_str("clerk") };
        moves[i].of.move = (struct move){ .move = urge->number, .unit = 410802 };
        if (i) moves[i].of.move.follows = record_id(&moves[i - 1]);
    }
    for (size_t i = 0; i < SUBJECT_MOVES_MAX / 2; i++) { struct record t = moves[i]; moves[i] = moves[SUBJECT_MOVES_MAX - 1 - i];
    moves[SUBJECT_MOVES_MAX - 1 - i] = t; }
    flow_fold(&subject, moves, SUBJECT_MOVES_MAX, 410802, &s, trace);
    cr_assert(s.urges == SUBJECT_MOVES_MAX && s.effective == SUBJECT_MOVES_MAX && s.overtaken == 0);
}

Test(nodes, put_so_many_keys_and_bytes_in_an_entry) {
    open_node(3);
    struct feed_id feed = { SCOPE_UP, LANE_ROUTINE };
    begin(T0);
    for (uint64_t i = 0; i <= ENTRY_KEYS_MAX; i++)
        cr_assert_eq(store_record_put(store, key_id((struct rec_id){ ROOT, KIND_task, i + 1, 1 }), lz_bytes_str("e"), &feed, 1, false), LZ_ok);
    cr_assert_eq(store_tip(store, feed), 2);
    cr_assert_eq(store_commit(store), LZ_ok);
    begin(T0);
    struct lz_bytes half = run_of('x', ENTRY_BYTES_MAX / 2);
    for (uint64_t i = 0; i < 3; i++)
        cr_assert_eq(store_record_put(store, key_id((struct rec_id){ ROOT, KIND_task, i + 1000, 1 }), half, &feed, 1, false), LZ_ok);
    cr_assert_eq(store_tip(store, feed), 4, "two fill an entry to the byte, the third begins another");
    cr_assert_eq(store_commit(store), LZ_ok);
    close_node();
}

Test(nodes, put_less_in_an_entry_of_the_bulk_lane) {
    open_node(3);
    struct feed_id feed = { SCOPE_UP, LANE_BULK };
    begin(T0);
    struct lz_bytes half = run_of('x', ENTRY_BULK_BYTES / 2);
    for (uint64_t i = 0; i < 3; i++)
        cr_assert_eq(store_record_put(store, key_id((struct rec_id){ ROOT, KIND_task, i + 1, 1 }), half, &feed, 1, false), LZ_ok);
    cr_assert_eq(store_tip(store, feed), 2, "two fill an entry to the byte, the third begins another");
    cr_assert_eq(store_commit(store), LZ_ok);
    close_node();
}

Test(nodes, show_so_many_epochs) {
    open_node(3);
    static struct lineage_entry line[LINEAGE_SHOWN_MAX];
    bool cut;
    for (uint32_t i = 1; i < LINEAGE_SHOWN_MAX; i++) {
        struct epoch e = { { 2 } };
        lz_put32(e.b + 4, i);
        store_begin_epoch(store, e);
    }
    cr_assert_eq(store_commit(store), LZ_ok);
    cr_assert_eq(store_lineage(store, line, LINEAGE_SHOWN_MAX, &cut), LINEAGE_SHOWN_MAX);
    cr_assert(!cut);
    store_begin_epoch(store, (struct epoch){ { 3 } });
    cr_assert_eq(store_commit(store), LZ_ok);
    cr_assert_eq(store_lineage(store, line, LINEAGE_SHOWN_MAX, &cut), LINEAGE_SHOWN_MAX);
    cr_assert(cut && line[0].epoch.b[0] == 1 && line[LINEAGE_SHOWN_MAX - 1].epoch.b[0] == 3 && lz_get32(line[1].epoch.b + 4) == 2, "all but the second");
    close_node();
}

Test(nodes, keep_a_wish_of_so_many_kinds) {
    open_node(3);
    uint32_t kinds[WISH_KINDS_MAX];
    for (uint32_t i = 0; i < WISH_KINDS_MAX; i++) kinds[i] = i + 1;
    begin(T0);
    flow_set_wish(flow, kinds, WISH_KINDS_MAX);
    end();
    begin(T0);
    for (uint32_t i = 1; i <= WISH_KINDS_MAX; i++) cr_assert(flow_wished(flow, i));
    cr_assert(!flow_wished(flow, WISH_KINDS_MAX + 1) && !flow_wished(flow, 0));
    store_abort(store);
    close_node();
}

Test(nodes, dial_so_many_addresses_of_their_parent) {
    struct wire *wire = NULL;
    struct roster *nobody = roster_create();
    struct wire_options o = { .roster = nobody, .parent = 410000, .n_parent_endpoints = PARENT_ENDPOINTS_MAX + 1, .control_mode = 0600,
                              .keepalive_ms = 1000, .handshake_ms = 1000, .reconnect_ms = 100, .reconnect_max_ms = 1000,
                              .connect_timeout_ms = 1000 };
    char path[96];
    snprintf(path, sizeof path, "/tmp/linzhang-limits-%ld.sock", (long)getpid());
    o.control_path = path;
    for (size_t i = 0; i < PARENT_ENDPOINTS_MAX; i++) o.parent_endpoints[i] = "tcp://127.0.0.1:7";
    wire_keypair(o.public_key, o.secret_key);
    wire_keypair(o.parent_key, o.secret_key);
    wire_key_public(o.secret_key, o.public_key);
    cr_assert_eq(wire_open(&wire, &o, &fail), LZ_bad_config);
    o.n_parent_endpoints = PARENT_ENDPOINTS_MAX;
    cr_assert_eq(wire_open(&wire, &o, &fail), LZ_ok, "%s", fail.text);
    wire_close(&wire);
    roster_destroy(&nobody);
    unlink(path);
}
