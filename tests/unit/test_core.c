/* core: words, ids, stamps, the follower's rule, what a hello proves, and the way of every kind of record. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include "../../daemon/core/core.h"

static struct lz_bytes str(const char *text) { return lz_bytes_str(text); }

/* ---- words ---- */
Test(words, of_kinds_and_lanes) {
    for (size_t i = 0; i < kind_count(); i++) {
        const struct kind_row *row = kind_at(i);
        cr_assert_eq(kind_row(row->number), row);
        cr_assert_eq(kind_by_name(row->name), row);
        cr_assert_eq(kind_by_name(row->zh), row);
        cr_assert_eq(kind_is_directive(row->number), row->machine == MACHINE_HANDLING);
        cr_assert(lz_text_valid(str(row->zh)));
    }
    cr_assert_null(kind_row(0));
    cr_assert_null(kind_row(200));
    cr_assert_null(kind_row(UINT32_MAX));
    cr_assert_null(kind_by_name(""));
    cr_assert_null(kind_by_name("tasks"));
    cr_assert(!kind_is_directive(KIND_progress) && !kind_is_directive(99));
    for (int i = 0; i < LANE_COUNT; i++) {
        enum lane lane = LANE_COUNT;
        cr_assert(lane_by_name(lane_name((enum lane)i), &lane) && (int)lane == i);
        cr_assert(lane_zh((enum lane)i)[0]);
    }
    enum lane lane = LANE_BULK;
    cr_assert(!lane_by_name("fast", &lane) && lane == LANE_BULK);
    cr_assert_str_eq(tier_name(TIER_COUNT), "-");
    for (int i = 0; i < LINK_COUNT; i++) cr_assert(link_name((enum link_state)i)[0] && link_zh((enum link_state)i)[0] && link_next_zh((enum link_state)i)[0]);
}

Test(words, of_targets) {
    uint32_t targets[] = { 410802, 410803, 410811, 410882 };
    struct record r = { .targets = targets, .n_targets = 4 };
    for (size_t i = 0; i < 4; i++) cr_assert(record_targets_unit(&r, targets[i]));
    cr_assert(!record_targets_unit(&r, 410801) && !record_targets_unit(&r, 410804) && !record_targets_unit(&r, 410883));
    r.n_targets = 0;
    cr_assert(!record_targets_unit(&r, 410802));
    r.target_all = true;
    cr_assert(record_targets_unit(&r, 410802));
}

/* ---- ids and stamps ---- */
static const struct rec_id some = { 410800, KIND_task, 0x0180506E9D000005ull, 0xDEADBEEF };

Test(ids, are_printed_and_parsed) {
    char text[REC_ID_TEXT], short_text[REC_ID_TEXT];
    struct rec_id back = { 0 };
    bool whole = false;
    for (size_t i = 0; i < kind_count(); i++) {
        struct rec_id id = some;
        id.kind = kind_at(i)->number;
        rec_id_print(id, text);
        rec_id_print_short(id, short_text);
        cr_assert(rec_id_parse(text, &back, &whole) && whole && rec_id_equal(id, back), "%s", text);
        cr_assert_eq(strncmp(text, short_text, strlen(short_text)), 0);
        cr_assert(rec_id_parse(short_text, &back, &whole) && !whole, "%s", short_text);
        id.epoch = 0;
        cr_assert(rec_id_equal(id, back), "the epoch is to be found");
    }
    static const struct rec_id ends[] = { { 100000, KIND_move, 1, 0 }, { 999999, KIND_move, UINT64_MAX, UINT32_MAX } };
    for (size_t i = 0; i < LZ_COUNT(ends); i++) {
        rec_id_print(ends[i], text);
        cr_assert(rec_id_parse(text, &back, &whole) && rec_id_equal(ends[i], back), "%s", text);
    }
    struct rec_id none = { 0 };
    rec_id_print(none, text);
    cr_assert_str_eq(text, "-");
    cr_assert(rec_id_none(none) && !rec_id_none(some));
}

Test(ids, are_parsed_strictly) {
    char good[REC_ID_TEXT];
    struct rec_id id = some;
    bool whole = true;
    rec_id_print(some, good);
    for (size_t len = 0; len < strlen(good); len++) {
        char cut[REC_ID_TEXT] = "";
        memcpy(cut, good, len);
        char *last = strrchr(cut, '-');
        bool is_short = last && len == 6 + 1 + 4 + 1 + 13;         /* 410800-task-.............; only there it is whole again */
        cr_assert_eq(rec_id_parse(cut, &id, &whole), is_short, "%s", cut);
    }
    static const char *const bad[] = {
        "", "-", "---", "410800", "410800-task", "410800-task-", "410800-nothing-01M0W7Q0R8000", "41080-task-01M0W7Q0R8000", "4108000-task-01M0W7Q0R8000",
        "099999-task-01M0W7Q0R8000", "410800-task-0000000000000", "410800-task-01M0W7Q0R800", "410800-task-01M0W7Q0R80000",
        "410800-task-01M0W7Q0R8000-3KQ2Z7", "410800-task-01M0W7Q0R8000-3KQ2Z7AA", "410800-task-01M0W7Q0R8000-3KQ2Z7A-", " 410800-task-01M0W7Q0R8000",
        "410800-task-01M0W7Q0R8000-ZZZZZZZ", "410800-task-01M0W7Q0R8000-", "410800--01M0W7Q0R8000", "410800-task-ZZZZZZZZZZZZZ",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    };
    for (size_t i = 0; i < LZ_COUNT(bad); i++) cr_assert(!rec_id_parse(bad[i], &id, &whole), "%s", bad[i]);
    cr_assert(rec_id_parse("410800-task-01M0W7Q0R8000", &id, &whole));
    cr_assert(rec_id_parse("410800-任务-01M0W7Q0R8000", &id, &whole) == (kind_by_name("任务") != NULL));
    cr_assert(rec_id_parse("410800-工作任务-01M0W7Q0R8000", &id, &whole) && id.kind == KIND_task);
}

Test(ids, are_the_same_as_bytes) {
    uint8_t bytes[REC_ID_BYTES];
    rec_id_put(some, bytes);
    cr_assert(rec_id_equal(rec_id_get(bytes), some));
    cr_assert(lz_get32(bytes) == 410800 && lz_get64(bytes + 6) == some.stamp, "big endian, the origin first");
    struct rec_id other = some;
    other.epoch++;
    cr_assert(!rec_id_equal(some, other), "a restored store may repeat a stamp, never the pair");
    other = some;
    other.kind++;
    cr_assert(!rec_id_equal(some, other));
}

Test(ids, have_stamps_that_only_grow) {
    uint64_t ms = 1650729600000ull, last = 0;
    cr_assert_eq(stamp_next(0, ms), ms << 16);
    for (int i = 0; i < 70000; i++) {                              /* more than fit in one millisecond's 16 bits */
        uint64_t next = stamp_next(last, ms);
        cr_assert_gt(next, last);
        last = next;
    }
    cr_assert_eq(stamp_wall_ms(last), ms + 1);
    cr_assert_eq(stamp_next(last, ms - LZ_DAY_MS), last + 1, "a clock that was set back");
    cr_assert_eq(stamp_next(last, ms + 5), (ms + 5) << 16);
}

/* ---- feed ---- */
static struct epoch epoch_of(uint8_t n) { struct epoch e; memset(e.b, n, sizeof e.b); return e; }

Test(feed, rule_of_the_follower) {
    static const struct {
        uint8_t greeted, cursor, batch;      /* epochs; 0: none */
        uint64_t position, from, to;
        enum follow want;
    } rows[] = {
        { 1, 1, 1, 10, 10, 12, FOLLOW_APPLY },       { 1, 1, 1, 10, 5, 12, FOLLOW_APPLY },        { 1, 1, 1, 10, 0, 11, FOLLOW_APPLY },
        { 1, 1, 1, 10, 11, 12, FOLLOW_GAP },         { 1, 1, 1, 10, 99, 100, FOLLOW_GAP },        { 1, 1, 1, 10, 11, 11, FOLLOW_GAP },
        { 1, 1, 1, 10, 8, 10, FOLLOW_OLD },          { 1, 1, 1, 10, 10, 10, FOLLOW_OLD },         { 1, 1, 1, 10, 0, 3, FOLLOW_OLD },
        { 1, 1, 1, 0, 0, 5, FOLLOW_APPLY },          { 1, 1, 1, 0, 0, 0, FOLLOW_OLD },            { 1, 1, 1, 0, 1, 5, FOLLOW_GAP },
        { 0, 1, 1, 10, 10, 12, FOLLOW_NEEDS_HELLO }, { 0, 0, 0, 10, 10, 12, FOLLOW_NEEDS_HELLO }, { 2, 1, 1, 10, 10, 12, FOLLOW_NEEDS_HELLO },
        { 1, 1, 2, 10, 10, 12, FOLLOW_NEEDS_HELLO }, { 2, 1, 2, 10, 10, 12, FOLLOW_NEEDS_HELLO }, { 1, 0, 1, 0, 0, 5, FOLLOW_NEEDS_HELLO },
        { 1, 1, 0, 10, 10, 12, FOLLOW_NEEDS_HELLO }, { 1, 1, 1, UINT64_MAX, 5, UINT64_MAX, FOLLOW_OLD },
    };
    for (size_t i = 0; i < LZ_COUNT(rows); i++) {
        struct cursor cursor = { epoch_of(rows[i].cursor), rows[i].position, rows[i].position };
        enum follow got = feed_on_batch(&cursor, epoch_of(rows[i].greeted), epoch_of(rows[i].batch), rows[i].from, rows[i].to);
        cr_assert_eq(got, rows[i].want, "row %zu: %d", i, got);
    }
}

Test(feed, cursor_never_goes_back) {
    struct cursor c = { epoch_of(1), 10, 20 };
    feed_advance(&c, 12, 15);
    cr_assert(c.position == 12 && c.seen == 20);
    feed_advance(&c, 11, 30);
    cr_assert(c.position == 12 && c.seen == 30);
    feed_advance(&c, 40, 40);
    cr_assert(c.position == 40 && c.seen == 40);
}

/* ---- peer ---- */
Test(peer, is_judged_by_what_was_seen) {
    /* epoch 1 began at 0, 2 at 100, 3 at 200 */
    struct lineage_entry line[] = { { epoch_of(1), 0 }, { epoch_of(2), 100 }, { epoch_of(3), 200 } };
    static const struct {
        uint8_t epoch;
        uint64_t position, seen;
        bool shared;
        enum verdict want;
    } rows[] = {
        { 0, 0, 0, false, VERDICT_FRESH },       { 0, 0, 0, true, VERDICT_FRESH },
        { 3, 0, 0, true, VERDICT_GOOD },         { 3, 999, 999, true, VERDICT_GOOD },          /* the present epoch: whatever it says */
        { 2, 150, 200, true, VERDICT_GOOD },     { 2, 150, 201, true, VERDICT_ROLLBACK },      /* seen, not position, decides */
        { 2, 200, 200, false, VERDICT_GOOD },    { 2, 201, 201, true, VERDICT_ROLLBACK },
        { 1, 100, 100, true, VERDICT_GOOD },     { 1, 0, 101, true, VERDICT_ROLLBACK },
        { 9, 5, 5, true, VERDICT_ROLLBACK },     { 9, 5, 5, false, VERDICT_RECREATED },
    };
    for (size_t i = 0; i < LZ_COUNT(rows); i++) {
        struct cursor c = { epoch_of(rows[i].epoch), rows[i].position, rows[i].seen };
        enum verdict got = peer_judge(&c, line, 3, rows[i].shared);
        cr_assert_eq(got, rows[i].want, "row %zu: %s", i, verdict_name(got));
    }
    struct cursor c = { epoch_of(1), 50, 50 };
    cr_assert_eq(peer_judge(&c, line, 1, true), VERDICT_GOOD);
    c.epoch = epoch_of(2);
    cr_assert_eq(peer_judge(&c, line, 1, true), VERDICT_ROLLBACK, "a copy from before epoch 2");
    cr_assert_eq(peer_judge(&c, line, 1, false), VERDICT_RECREATED);
}

/* ---- route ---- */
enum { CITY = 410800, A = 410802, B = 410803, LATE = 410882, TOWN = 410899 };
static struct roster *roster;
static void enrol(uint32_t code, const uint32_t *subtree, size_t n) {
    uint8_t key[32] = { 1 };
    lz_put32(key + 4, code);
    cr_assert_eq(roster_add(roster, code, key, subtree, n, NULL), LZ_ok);
}
static void open_roster(void) {
    static const uint32_t below_a[] = { A, TOWN };
    roster = roster_create();
    enrol(A, below_a, 2);
    enrol(B, NULL, 0);
}
static void close_roster(void) { roster_destroy(&roster); }
TestSuite(route, .init = open_roster, .fini = close_roster);

/* The feeds as text, in their order: "up/urgent 410802/routine". */
static const char *way(const struct record *r, const struct route_facts *facts) {
    static struct route route;
    static char text[4096];
    size_t n = 0;
    route_record(r, facts, roster, &route);
    text[0] = 0;
    for (size_t i = 0; i < route.n_feeds; i++) {
        struct feed_id f = route.feeds[i];
        char scope[16];
        snprintf(scope, sizeof scope, f.scope == SCOPE_UP ? "up" : f.scope == SCOPE_ALL ? "all" : "%u", f.scope);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s/%s", n ? " " : "", scope, lane_name((enum lane)f.lane));
    }
    return text;
}
static struct record a_record(uint32_t kind, uint32_t origin) {
    const struct kind_row *row = kind_row(kind);
    return (struct record){ .origin = origin, .kind = (uint16_t)kind, .lane = (uint8_t)row->lane, .direction = (uint8_t)row->direction,
            .reach = (uint8_t)row->reach, .stamp = 1 };
}
static struct route_facts facts_of(const struct record *r) {
    return (struct route_facts){ .unit = CITY, .has_parent = true, .from_parent = r->origin != CITY && !roster_holding(roster, r->origin),
                                 .subject_here = true, .subject_lane = r->lane };
}
#define WAY(want_, r_, f_) cr_assert_str_eq(way(&(r_), &(f_)), want_)

/* Where files follow the store, whatever lands stands in their feed too, what never leaves the unit as well; nobody else's feeds change. */
Test(route, of_everything_is_to_the_files_that_follow) {
    for (size_t i = 0; i < kind_count(); i++) {
        char without[1024], with[1100];
        struct record r = a_record(kind_at(i)->number, A);
        struct route_facts f = facts_of(&r);
        snprintf(without, sizeof without, "%s", way(&r, &f));
        f.exporting = true;
        snprintf(with, sizeof with, "%s%s2/bulk", without, without[0] ? " " : "");
        WAY(with, r, f);
    }
}

Test(route, of_a_directive_is_to_whom_it_names) {
    static const uint16_t kinds[] = { KIND_general_order, KIND_supervision_letter, KIND_work_reminder, KIND_task, KIND_bulletin };
    for (size_t i = 0; i < LZ_COUNT(kinds); i++) {
        uint32_t to_a[] = { A }, to_town[] = { TOWN }, to_both[] = { A, B }, to_stranger[] = { 410102 };
        const char *lane = lane_name(kind_row(kinds[i])->lane);
        char one[64], two[64], all[64];
        snprintf(one, sizeof one, "410802/%s", lane);
        snprintf(two, sizeof two, "410802/%s 410803/%s", lane, lane);
        snprintf(all, sizeof all, "all/%s", lane);
        struct record r = a_record(kinds[i], CITY);
        struct route_facts f = facts_of(&r);
        r.targets = to_a; r.n_targets = 1;
        WAY(one, r, f);                                            /* the neighbour never sees it */
        r.targets = to_town;
        WAY(one, r, f);                                            /* to the child that holds the town */
        r.targets = to_both; r.n_targets = 2;
        WAY(two, r, f);
        r.targets = to_stranger; r.n_targets = 1;
        WAY("", r, f);
        r.n_targets = 0; r.target_all = true;
        WAY(all, r, f);
        r.origin = 410000;                                          /* from above, passing through */
        f = facts_of(&r);
        WAY(all, r, f);
        r.target_all = false; r.targets = to_a; r.n_targets = 1;
        WAY(one, r, f);
        r.origin = A;                                               /* a subordinate's own does not come back down, nor go up */
        f = facts_of(&r);
        r.targets = to_town;
        WAY("", r, f);
    }
}

Test(route, of_a_late_child_is_the_same) {
    uint32_t to[] = { A, LATE };
    struct record r = a_record(KIND_task, CITY);
    struct route_facts f = facts_of(&r);
    r.targets = to; r.n_targets = 2;
    WAY("410802/routine", r, f);
    enrol(LATE, NULL, 0);
    WAY("410802/routine 410882/routine", r, f);
    r.lane = LANE_FLASH;
    WAY("410802/flash 410882/flash", r, f);
}

Test(route, of_progress_ends_at_the_issuer) {
    struct record r = a_record(KIND_progress, A);
    struct route_facts f = facts_of(&r);
    r.subject = (struct rec_id){ CITY, KIND_task, 1, 1 };
    f.issuer = CITY;
    WAY("", r, f);
    f.issuer = 410000;
    WAY("up/routine", r, f);
    f.issuer = B;
    WAY("", r, f);
    f.wished = true;
    WAY("up/routine", r, f);
    f.has_parent = false;
    WAY("", r, f);
    r.origin = CITY;
    f = facts_of(&r);
    f.issuer = 410000;
    WAY("up/routine", r, f);
    r.origin = 410000;                                             /* what came down does not go up again */
    f = facts_of(&r);
    f.issuer = 100000;
    WAY("", r, f);
}

Test(route, of_registers_is_one_step_up) {
    static const uint16_t kinds[] = { KIND_duty, KIND_rollup };
    for (size_t i = 0; i < LZ_COUNT(kinds); i++) {
        struct record r = a_record(kinds[i], CITY);
        struct route_facts f = facts_of(&r);
        WAY("up/routine", r, f);
        r.origin = A;
        f = facts_of(&r);
        WAY("", r, f);
        f.wished = true;
        WAY("up/routine", r, f);
        f.has_parent = false;
        WAY("", r, f);
    }
}

Test(route, of_a_problem_is_up_and_to_who_takes_part) {
    uint32_t involved[] = { B }, finder[] = { A }, both[] = { A, B };
    struct record r = a_record(KIND_problem, A);
    struct route_facts f = facts_of(&r);
    f.involved = finder; f.n_involved = 1;
    WAY("", r, f);                                                 /* the county's own affair, known here */
    f.parent_knows = true;
    WAY("up/routine", r, f);
    f.escalated = true;
    f.subject_lane = LANE_URGENT;
    WAY("up/routine up/urgent", r, f);                             /* overtakes the backlog; in both, since feeds only gain */
    f.involved = both; f.n_involved = 2;
    WAY("up/routine up/urgent 410803/urgent", r, f);               /* to who was charged with it, not back to its finder */
    r.origin = CITY;
    f = facts_of(&r);
    WAY("up/routine", r, f);
    f.involved = involved; f.n_involved = 1;
    WAY("up/routine 410803/routine", r, f);
    r.origin = 410102;                                             /* from elsewhere, given to a unit here by who stands above */
    f = facts_of(&r);
    f.involved = involved; f.n_involved = 1;
    WAY("410803/routine", r, f);
}

Test(route, of_an_emergency_is_to_the_top) {
    struct record r = a_record(KIND_emergency, A);
    struct route_facts f = facts_of(&r);
    WAY("up/flash", r, f);
    f.has_parent = false;
    WAY("", r, f);
    r.origin = 410000;
    f = facts_of(&r);
    WAY("", r, f);
}

static struct record a_move(uint32_t origin, uint32_t issuer, uint32_t kind, uint32_t unit) {
    struct record r = a_record(KIND_move, origin);
    r.subject = (struct rec_id){ issuer, (uint16_t)kind, 1, 1 };
    r.of.move = (struct move){ .move = 2, .unit = unit };
    return r;
}

Test(route, of_a_move_goes_along_its_directive) {
    struct record r = a_move(A, CITY, KIND_task, A);
    struct route_facts f = facts_of(&r);
    f.issuer = CITY;
    WAY("", r, f);                                                 /* it is with its issuer */
    f.issuer = 410000;
    r.subject.origin = 410000;
    WAY("up/routine", r, f);
    f.subject_lane = LANE_URGENT;
    WAY("up/urgent", r, f);                                        /* in the lane of its subject */
    f.subject_here = false;
    WAY("", r, f);                                                 /* waits for its subject */
    f.subject_here = true;
    r = a_move(CITY, CITY, KIND_task, A);                          /* a ruling, to whom it concerns and to nobody else */
    f = facts_of(&r);
    f.issuer = CITY;
    WAY("410802/routine", r, f);
    r.of.move.unit = TOWN;
    WAY("410802/routine", r, f);
    f.subject_all = true;
    WAY("410802/routine", r, f);
    r.of.move.unit = 0;
    WAY("all/routine", r, f);
    r = a_move(410000, 410000, KIND_task, B);                      /* from above, passing through */
    f = facts_of(&r);
    f.issuer = 410000;
    WAY("410803/routine", r, f);
    r = a_move(CITY, 410000, KIND_task, CITY);                     /* our own on what came from above */
    f = facts_of(&r);
    f.issuer = 410000;
    WAY("up/routine", r, f);
    r = a_move(A, A, KIND_task, TOWN);                             /* a child's ruling within its own subtree */
    f = facts_of(&r);
    f.issuer = A;
    WAY("", r, f);
}

Test(route, of_a_move_goes_along_its_problem_and_emergency) {
    uint32_t both[] = { A, B };
    struct record r = a_move(CITY, A, KIND_problem, 0);
    struct route_facts f = facts_of(&r);
    f.issuer = A;
    f.involved = both; f.n_involved = 2;
    WAY("410802/routine 410803/routine", r, f);
    f.parent_knows = true;
    WAY("up/routine 410802/routine 410803/routine", r, f);
    r.origin = B;
    WAY("up/routine 410802/routine", r, f);                        /* not back to where it came from */
    r.origin = 410000;
    f.from_parent = true;
    WAY("410802/routine 410803/routine", r, f);
    f.subject_here = false;
    WAY("", r, f);
    r = a_move(A, A, KIND_emergency, 0);
    f = facts_of(&r);
    f.subject_lane = LANE_FLASH;
    WAY("up/flash", r, f);
    r.subject.kind = 200;                                          /* of something that we do not know */
    WAY("", r, f);
    r.subject.kind = KIND_duty;
    WAY("", r, f);
}

Test(route, of_an_unknown_kind_follows_its_head) {
    uint32_t to[] = { B };
    struct record r = { .origin = CITY, .kind = 200, .lane = LANE_BULK, .direction = DIRECTION_DOWN, .reach = REACH_TARGETS, .targets = to, .n_targets = 1 };
    struct route_facts f = facts_of(&r);
    WAY("410803/bulk", r, f);
    r.target_all = true;
    WAY("all/bulk", r, f);
    r = (struct record){ .origin = A, .kind = 200, .lane = LANE_URGENT, .direction = DIRECTION_UP, .reach = REACH_TOP };
    f = facts_of(&r);
    WAY("up/urgent", r, f);
    r.reach = REACH_PARENT;
    WAY("", r, f);
    r.origin = CITY;
    f = facts_of(&r);
    WAY("up/urgent", r, f);
    r.reach = REACH_LOCAL;
    WAY("", r, f);
    r.direction = DIRECTION_ALONG;
    r.reach = REACH_ISSUER;
    WAY("", r, f);
}

/* What is meant for one child must not be readable by another: over every kind, target and origin. */
Test(route, never_shows_a_child_what_is_for_its_neighbour) {
    static const uint32_t origins[] = { CITY, A, B, TOWN, 410000, 410102 };
    static struct route route;
    uint32_t to[] = { A }, involved[] = { A };
    for (size_t k = 0; k < kind_count(); k++)
        for (size_t o = 0; o < LZ_COUNT(origins); o++)
            for (unsigned bits = 0; bits < 64; bits++) {
                struct record r = a_record(kind_at(k)->number, origins[o]);
                r.targets = to; r.n_targets = 1;
                struct route_facts f = facts_of(&r);
                r.subject = (struct rec_id){ bits & 1 ? CITY : A, bits & 2 ? KIND_task : KIND_problem, 1, 1 };
                r.of.move.unit = A;
                f.issuer = r.subject.origin;
                f.parent_knows = bits & 4;
                f.escalated = bits & 8;
                f.wished = bits & 16;
                f.involved = involved;
                f.n_involved = bits & 32 ? 1 : 0;
                route_record(&r, &f, roster, &route);
                for (size_t i = 0; i < route.n_feeds; i++) cr_assert(route.feeds[i].scope != SCOPE_ALL && route.feeds[i].scope != B, "%s", kind_at(k)->name);
                for (size_t i = 0; i < route.n_feeds; i++)
                    for (size_t j = 0; j < i; j++) cr_assert(!feed_id_equal(route.feeds[i], route.feeds[j]), "entered twice: %s", kind_at(k)->name);
            }
}
