/* flow: life cycles, the fold, submitting, deadlines, sums. Folds are tested on structs, the rest on nodes with a real store
 * that exchange what stands in their feeds, as often as one likes. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../../daemon/flow/flow.h"

static struct lz_bytes str(const char *text) { return lz_bytes_str(text); }
static uint64_t dice_state = 1;
static uint64_t dice(uint64_t below) {
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 7;
    dice_state ^= dice_state << 17;
    return dice_state % below;
}
static uint32_t number_of(enum machine machine, const char *name) {
    const struct move_row *row = move_by_name(machine, name);
    cr_assert(row, "%s", name);
    return row->number;
}

/* ---- the tables ---- */
Test(tables, say_what_they_should) {
    for (size_t i = 0; i < move_count(); i++) {
        const struct move_row *row = move_at(i);
        cr_assert_eq(move_row(row->machine, row->number), row);
        cr_assert_eq(move_by_name(row->machine, row->name), row);
        cr_assert_eq(move_by_name(row->machine, row->zh), row);
        cr_assert_str_eq(move_name(row->number), row->name);
        cr_assert(row->to == STATE_SAME || strcmp(state_name(row->machine, row->to), "-") != 0);
        for (uint8_t s = 0; s < STATES_MAX; s++) cr_assert(!(row->from >> s & 1) || strcmp(state_name(row->machine, s), "-") != 0);
    }
    for (int m = MACHINE_HANDLING; m < MACHINE_COUNT; m++)
        for (uint8_t s = 0, found; s < STATES_MAX; s++) {
            const char *name = state_name((enum machine)m, s);
            if (strcmp(name, "-") == 0) continue;
            cr_assert(state_by_name((enum machine)m, name, &found) && found == s);
            cr_assert(state_by_name((enum machine)m, state_zh((enum machine)m, s), &found) && found == s);
        }
    cr_assert_null(move_row(MACHINE_EMERGENCY, 1));
    cr_assert_null(move_by_name(MACHINE_HANDLING, "escalate"));
    cr_assert_str_eq(move_zh(250), "?");
    cr_assert(!state_open(MACHINE_HANDLING, HANDLING_closed) && state_open(MACHINE_PROBLEM, PROBLEM_referred));
    uint32_t class;
    cr_assert(class_by_name(KIND_problem, "wildlife", &class) && class == 11);
    cr_assert(class_by_name(KIND_emergency, "wildlife", &class) && class == 4);
    cr_assert(!class_by_name(KIND_emergency, "greening", &class));
}

/* ---- folding ---- */
enum { ISSUER = 410800, RECIPIENT = 410802, SIBLING = 410803, ABOVE = 410000, MOVES = 48 };
static uint8_t tier_of(uint32_t unit) { return unit % 10000 == 0 ? TIER_PROVINCE : unit % 100 == 0 ? TIER_CITY : TIER_COUNTY; }

struct story {
    struct record subject, moves[MOVES];
    uint8_t trace[MOVES];
    size_t n;
    uint32_t unit;
    struct standing now;
};
static const uint64_t T0 = 1650848400000ull;                       /* Monday 2022-04-25 09:00 in China */

static void fold(struct story *s) { flow_fold(&s->subject, s->moves, s->n, s->unit, &s->now, s->trace); }
static void story_begin(struct story *s, enum machine machine) {
    memset(s, 0, sizeof *s);
    s->subject = (struct record){ .origin = machine == MACHINE_HANDLING ? ISSUER : RECIPIENT, .stamp = 1, .epoch = 1, .written_ms = T0 };
    s->subject.kind = machine == MACHINE_HANDLING ? KIND_task : machine == MACHINE_PROBLEM ? KIND_problem : KIND_emergency;
    s->subject.tier = tier_of(s->subject.origin);
    s->unit = machine == MACHINE_HANDLING ? RECIPIENT : 0;
    fold(s);
}
static struct record *tell(struct story *s, const struct move_row *row, uint32_t origin) {
    cr_assert(s->n < MOVES);
    struct record *m = &s->moves[s->n++];
    *m = (struct record){ .origin = origin, .kind = KIND_move, .tier = tier_of(origin), .stamp = 100 + s->n, .epoch = 1, .author = str("clerk"),
                          .written_ms = T0 + s->n * 60000, .subject = record_id(&s->subject) };
    m->of.move = (struct move){ .move = row->number, .unit = s->unit, .follows = s->now.head, .report = s->now.report, .text = str("text"),
                                .due_ms = T0 + LZ_DAY_MS };
    if (strcmp(row->name, "escalate") == 0) m->of.move.to_unit = s->now.owner == RECIPIENT ? ISSUER : ABOVE;
    if (strcmp(row->name, "assign") == 0) m->of.move.to_unit = SIBLING;
    return m;
}
static uint32_t actor(const struct story *s, const struct move_row *row) {
    switch (row->by) {
    case BY_DAEMON: case BY_RECIPIENT: return s->unit;
    case BY_ISSUER: case BY_FINDER: return s->subject.origin;
    case BY_OWNER: case BY_HANDLER: case BY_ABOVE: return s->now.owner;
    }
    return 0;
}
static void act(struct story *s, const char *name) {
    const struct move_row *row = move_by_name((enum machine)s->now.machine, name);
    cr_assert(row, "%s", name);
    tell(s, row, actor(s, row));
    fold(s);
    cr_assert_eq(s->trace[s->n - 1], 1, "%s is legal in %s", name, state_name((enum machine)s->now.machine, s->now.state));
}
/* Leads a new subject to a state by the shortest way that the table allows. */
static void lead_to(struct story *s, enum machine machine, uint8_t state) {
    int came_by[STATES_MAX], came_from[STATES_MAX];
    uint8_t queue[STATES_MAX];
    size_t head = 0, tail = 0;
    for (int i = 0; i < STATES_MAX; i++) came_by[i] = -1;
    queue[tail++] = 0;
    came_by[0] = -2;
    while (head < tail) {
        uint8_t at = queue[head++];
        for (size_t i = 0; i < move_count(); i++) {
            const struct move_row *row = move_at(i);
            if (row->machine != machine || row->to == STATE_SAME || !(row->from >> at & 1) || came_by[row->to] != -1) continue;
            came_by[row->to] = (int)i;
            came_from[row->to] = at;
            queue[tail++] = row->to;
        }
    }
    cr_assert_neq(came_by[state], -1, "no way leads to %s", state_name(machine, state));
    int way[STATES_MAX];
    size_t n = 0;
    for (int at = state; at != 0; at = came_from[at]) way[n++] = came_by[at];
    story_begin(s, machine);
    while (n > 0) act(s, move_at((size_t)way[--n])->name);
    cr_assert_eq(s->now.state, state);
}

/* From each open state whoever passed a problem up may pass it to another: not to itself, not to the same, not when that one has passed it on. */
Test(fold, an_escalation_is_passed_on_and_not_taken_back) {
    static struct story s;
    const struct move_row *escalate = move_by_name(MACHINE_PROBLEM, "escalate");
    const uint32_t other = 410900;
    size_t open = 0;
    for (uint8_t state = PROBLEM_reported; state <= PROBLEM_closed; state++) {
        for (int to = 0; to < 4; to++) {
            story_begin(&s, MACHINE_PROBLEM);
            act(&s, "escalate");
            struct rec_id passed = s.now.head;
            static const char *const ways[STATES_MAX][6] = {
                [PROBLEM_accepted] = { "accept" }, [PROBLEM_rejected] = { "reject" }, [PROBLEM_merged] = { "accept", "merge" },
                [PROBLEM_assigned] = { "accept", "assign" }, [PROBLEM_handling] = { "accept", "handle" },
                [PROBLEM_feedback] = { "accept", "handle", "feedback" },
                [PROBLEM_verified] = { "accept", "handle", "feedback", "verify" }, [PROBLEM_returned] = { "accept", "handle", "feedback", "return" },
                [PROBLEM_referred] = { "accept", "refer" }, [PROBLEM_suspended] = { "accept", "suspend" },
                [PROBLEM_closed] = { "accept", "handle", "feedback", "verify", "close" },
            };
            for (int i = 0; i < 6 && ways[state][i]; i++) act(&s, ways[state][i]);
            if (to == 3) act(&s, "escalate");                /* by the city, where it may; else the county's own is the last */
            bool higher = to == 3 && s.now.owner == ABOVE, may = to == 0 && state_open(MACHINE_PROBLEM, s.now.state);
            struct record *on = tell(&s, escalate, RECIPIENT);
            on->of.move.to_unit = to == 1 ? RECIPIENT : to == 2 ? ISSUER : other;
            on->of.move.follows = passed;
            uint32_t owner = s.now.owner;
            fold(&s);
            cr_assert_eq(s.trace[s.n - 1], may ? 1 : 2, "from %s, case %d", state_name(MACHINE_PROBLEM, state), to);
            cr_assert_eq(s.now.owner, may ? other : owner);
            cr_assert(!may || (s.now.state == PROBLEM_escalated && s.now.since_ms == on->written_ms && s.now.due_ms == 0));
            cr_assert(to != 3 || higher);
            open += may;
            if (to == 2 && !(escalate->from >> state & 1)) break;            /* the city could not pass it on */
        }
    }
    cr_assert_geq(open, 8);
}

Test(fold, of_every_move_from_every_state) {
    static struct story s;
    size_t legal = 0, illegal = 0;
    for (int m = MACHINE_HANDLING; m < MACHINE_COUNT; m++)
        for (uint8_t state = 0; state < STATES_MAX; state++) {
            if (strcmp(state_name((enum machine)m, state), "-") == 0) continue;
            for (size_t i = 0; i < move_count(); i++) {
                const struct move_row *row = move_at(i);
                if ((int)row->machine != m) continue;
                lead_to(&s, (enum machine)m, state);
                struct standing before = s.now;
                tell(&s, row, actor(&s, row));
                fold(&s);
                bool may = row->from >> state & 1;
                cr_assert_eq(s.trace[s.n - 1], may ? 1 : 2, "%s in %s", row->name, state_name((enum machine)m, state));
                cr_assert_eq(s.now.state, may && row->to != STATE_SAME ? row->to : state, "%s in %s", row->name, state_name((enum machine)m, state));
                cr_assert_eq(s.now.effective, before.effective + may);
                cr_assert_eq(s.now.overtaken, before.overtaken + !may);
                cr_assert(may ? rec_id_equal(s.now.head, record_id(&s.moves[s.n - 1])) : rec_id_equal(s.now.head, before.head));
                legal += may;
                illegal += !may;
                /* by somebody who has no say in it */
                lead_to(&s, (enum machine)m, state);
                tell(&s, row, 410899);
                fold(&s);
                cr_assert(s.trace[s.n - 1] == 2 && s.now.state == state, "%s in %s by a stranger", row->name, state_name((enum machine)m, state));
            }
        }
    cr_assert(legal > 60 && illegal > 150, "%zu %zu", legal, illegal);
}

Test(fold, tells_times_and_counts) {
    static struct story s;
    story_begin(&s, MACHINE_HANDLING);
    s.subject.of.directive.due_ms = T0 + 30 * (uint64_t)LZ_DAY_MS;
    fold(&s);
    cr_assert(s.now.due_ms == s.now.first_due_ms && s.now.due_ms == T0 + 30 * (uint64_t)LZ_DAY_MS && s.now.since_ms == T0);
    act(&s, "deliver");
    cr_assert_eq(s.now.delivered_ms, T0 + 60000);
    act(&s, "sign");
    cr_assert_eq(s.now.signed_ms, T0 + 120000);
    act(&s, "urge");
    act(&s, "urge");
    cr_assert(s.now.urges == 2 && s.now.since_ms == T0 + 120000, "an urge does not change the state");
    act(&s, "report");
    struct rec_id first = s.now.report;
    act(&s, "return");
    cr_assert(s.now.returns == 1 && s.now.reported_ms == 0);
    act(&s, "extend");
    cr_assert(s.now.due_ms == T0 + LZ_DAY_MS && s.now.first_due_ms == T0 + 30 * (uint64_t)LZ_DAY_MS);
    act(&s, "report");
    cr_assert(!rec_id_equal(first, s.now.report));
    act(&s, "close");
    cr_assert(s.now.closed_ms != 0 && s.now.state == HANDLING_closed);
    struct counters sum;
    standing_contribution(&s.now, &sum);
    cr_assert(sum.of[COUNTER_state_0 + HANDLING_closed] == 1 && sum.of[COUNTER_total] == 1 && sum.of[COUNTER_returns] == 1 && sum.of[COUNTER_urges] == 2);
    cr_assert(sum.of[COUNTER_green] == 1 && sum.of[COUNTER_reporting] == 0 && sum.of[COUNTER_state_0] == 0);
}

Test(fold, counts_two_deliveries_once) {
    static struct story s;
    story_begin(&s, MACHINE_HANDLING);
    const struct move_row *deliver = move_by_name(MACHINE_HANDLING, "deliver");
    tell(&s, deliver, RECIPIENT);
    tell(&s, deliver, RECIPIENT)->epoch = 2;                       /* a restored store wrote it again, neither follows the other */
    fold(&s);
    cr_assert(s.now.state == HANDLING_delivered && s.now.effective == 1 && s.now.overtaken == 1);
    cr_assert(s.trace[0] == 1 && s.trace[1] == 2, "the earlier one");
    act(&s, "sign");
}

Test(fold, of_a_ruling_on_an_old_report_is_without_effect) {
    static struct story s;
    for (int k = 0; k < 2; k++) {
        story_begin(&s, MACHINE_HANDLING);
        act(&s, "deliver");
        act(&s, "sign");
        act(&s, "report");
        struct rec_id old = s.now.report;
        act(&s, "return");
        act(&s, "report");
        struct record *ruling = tell(&s, move_by_name(MACHINE_HANDLING, k ? "close" : "return"), ISSUER);
        ruling->of.move.report = old;
        fold(&s);
        cr_assert(s.trace[s.n - 1] == 2 && s.now.state == HANDLING_reported, "it answers a report that is not the last");
        ruling->of.move.report = s.now.report;
        fold(&s);
        cr_assert_eq(s.now.state, k ? HANDLING_closed : HANDLING_returned);
    }
}

Test(fold, puts_the_higher_tier_first_between_concurrent_moves) {
    static struct story s;
    story_begin(&s, MACHINE_HANDLING);
    act(&s, "deliver");
    act(&s, "sign");
    struct rec_id head = s.now.head;
    tell(&s, move_by_name(MACHINE_HANDLING, "report"), RECIPIENT);
    struct record *withdraw = tell(&s, move_by_name(MACHINE_HANDLING, "withdraw"), ISSUER);
    cr_assert(rec_id_equal(withdraw->of.move.follows, head), "both follow the signing");
    fold(&s);
    cr_assert(s.now.state == HANDLING_withdrawn && s.trace[2] == 2 && s.trace[3] == 1, "the report is overtaken and stays in the trace");
    cr_assert(s.now.overtaken == 1 && s.now.reported_ms == 0);
}

Test(fold, obeys_what_follows_what_before_rank) {
    static struct story s;
    story_begin(&s, MACHINE_HANDLING);
    act(&s, "deliver");
    act(&s, "sign");
    act(&s, "report");
    act(&s, "close");                                              /* the issuer's, yet behind the report that it follows */
    for (size_t i = 0; i < s.n / 2; i++) { struct record t = s.moves[i]; s.moves[i] = s.moves[s.n - 1 - i]; s.moves[s.n - 1 - i] = t; }
    fold(&s);
    cr_assert(s.now.state == HANDLING_closed && s.now.effective == 4);
}

Test(fold, lets_a_move_wait_for_the_one_it_follows) {
    static struct story s;
    story_begin(&s, MACHINE_HANDLING);
    act(&s, "deliver");
    act(&s, "sign");
    act(&s, "start");
    struct record sign = s.moves[1];
    s.moves[1] = s.moves[2];
    s.n = 2;
    fold(&s);
    cr_assert(s.now.state == HANDLING_delivered && s.trace[1] == 0 && s.now.overtaken == 0, "start waits");
    s.moves[s.n++] = sign;
    fold(&s);
    cr_assert(s.now.state == HANDLING_handling && s.now.effective == 3);
}

Test(fold, gives_a_problem_to_whom_it_was_passed) {
    static struct story s;
    story_begin(&s, MACHINE_PROBLEM);
    cr_assert_eq(s.now.owner, RECIPIENT);
    struct record *nowhere = tell(&s, move_by_name(MACHINE_PROBLEM, "escalate"), RECIPIENT);
    nowhere->of.move.to_unit = RECIPIENT;
    fold(&s);
    cr_assert(s.trace[0] == 2 && s.now.owner == RECIPIENT, "to itself");
    s.n = 0;
    fold(&s);
    act(&s, "escalate");
    cr_assert(s.now.owner == ISSUER && s.now.state == PROBLEM_escalated);
    tell(&s, move_by_name(MACHINE_PROBLEM, "accept"), RECIPIENT);
    fold(&s);
    cr_assert(s.trace[1] == 2 && s.now.state == PROBLEM_escalated, "its finder has no more say in it");
    act(&s, "accept");
    act(&s, "assign");
    cr_assert_eq(s.now.handler, SIBLING);
    tell(&s, move_by_name(MACHINE_PROBLEM, "handle"), SIBLING);
    fold(&s);
    cr_assert(s.now.state == PROBLEM_handling, "who was charged with it handles it");
    struct record *urge = tell(&s, move_by_name(MACHINE_PROBLEM, "urge"), ABOVE);
    fold(&s);
    cr_assert(s.now.urges == 1 && urge->tier < s.subject.tier, "whoever is above may urge");
    act(&s, "escalate");
    cr_assert(s.now.owner == ABOVE && s.now.handler == 0);
}

Test(fold, counts_the_daemons_urge_once_a_day) {
    static struct story s;
    story_begin(&s, MACHINE_HANDLING);
    const struct move_row *urge = move_by_name(MACHINE_HANDLING, "urge");
    for (int i = 0; i < 6; i++) {
        struct record *m = tell(&s, urge, ISSUER);
        m->author = str("linzhangd");
        m->written_ms = T0 + (uint64_t)(i / 3) * LZ_DAY_MS + (uint64_t)i;
        fold(&s);
    }
    cr_assert(s.now.urges == 2 && s.now.overtaken == 4 && s.now.urged_on == 20220426);
    tell(&s, urge, ISSUER);
    tell(&s, urge, ISSUER)->epoch = 3;
    fold(&s);
    cr_assert_eq(s.now.urges, 4, "a clerk may urge as often as a clerk likes");
}

static bool same_standing(const struct standing *a, const struct standing *b) {
    return a->state == b->state && a->owner == b->owner && a->handler == b->handler && a->since_ms == b->since_ms && a->delivered_ms == b->delivered_ms &&
           a->signed_ms == b->signed_ms && a->reported_ms == b->reported_ms && a->closed_ms == b->closed_ms && a->due_ms == b->due_ms &&
           a->returns == b->returns && a->urges == b->urges && a->effective == b->effective && a->overtaken == b->overtaken &&
           a->urged_on == b->urged_on && rec_id_equal(a->head, b->head) && rec_id_equal(a->report, b->report);
}

/* Moves as they could come from anywhere: any row, any actor, following anything or something that is not here. */
static void random_story(struct story *s, enum machine machine) {
    static const uint32_t actors[] = { ISSUER, RECIPIENT, SIBLING, ABOVE };
    story_begin(s, machine);
    for (size_t n = 4 + dice(20); s->n < n; ) {
        const struct move_row *row = move_at(dice(move_count()));
        if (row->machine != machine && dice(8)) continue;
        struct record *m = tell(s, row, dice(4) ? actor(s, row) : actors[dice(4)]);
        if (m->origin == 0) m->origin = RECIPIENT;
        m->stamp = 100 + dice(50);
        m->epoch = (uint32_t)s->n;                                  /* ids stay different */
        m->author = dice(3) ? str("clerk") : str("linzhangd");
        if (dice(3) == 0 && s->n > 1) m->of.move.follows = record_id(&s->moves[dice(s->n - 1)]);
        if (dice(6) == 0) m->of.move.follows = (struct rec_id){ 0 };
        if (dice(12) == 0) m->of.move.follows = (struct rec_id){ RECIPIENT, KIND_move, 9999, 9 };
        if (dice(6) == 0 && s->n > 1) m->of.move.report = record_id(&s->moves[dice(s->n - 1)]);
        fold(s);
    }
}

Test(fold, does_not_depend_on_the_order_of_arrival) {
    static struct story s, t;
    size_t effective = 0, overtaken = 0, waiting = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        dice_state = seed * 0x9E3779B97F4A7C15ull;
        random_story(&s, (enum machine)(MACHINE_HANDLING + seed % 3));
        effective += s.now.effective;
        overtaken += s.now.overtaken;
        waiting += s.n - s.now.effective - s.now.overtaken;
        t = s;
        for (int round = 0; round < 50; round++) {
            for (size_t i = t.n; i > 1; i--) {
                size_t k = (size_t)dice(i);
                struct record swap = t.moves[i - 1];
                t.moves[i - 1] = t.moves[k];
                t.moves[k] = swap;
            }
            fold(&t);
            cr_assert(same_standing(&s.now, &t.now), "seed %u, round %d", (unsigned)seed, round);
            for (size_t i = 0; i < t.n; i++)
                for (size_t k = 0; k < s.n; k++)
                    if (rec_id_equal(record_id(&t.moves[i]), record_id(&s.moves[k]))) cr_assert_eq(t.trace[i], s.trace[k], "seed %u", (unsigned)seed);
        }
    }
    cr_assert(effective > 300 && overtaken > 300 && waiting > 100, "the sets are of all sorts: %zu %zu %zu", effective, overtaken, waiting);
}

/* ---- nodes ---- */
struct node {
    uint32_t unit, parent;
    struct store *store;
    struct flow *flow;
    struct roster *roster;
    char path[96];
};
static char dir[64];
static struct arena *arena;
static struct units *units;
static struct calendar *calendar;
static struct node city, county, sibling, province;
static uint64_t wall;
static struct lz_fail fail;
static const struct flow_settings settings = { .sign_days = 2, .sign_urgent_hours = 4, .reminder_days = 5, .letter_days = 15, .accept_days = 1,
                                               .handle_days = 15, .blue_days = 3, .yellow_points = 10, .red_points = 30, .urge_after_days = 3,
                                               .offer_after_days = 5, .rollup_interval_ms = 1000 };

static void enrol(struct node *n, uint32_t code) {
    uint32_t subtree[256];
    uint8_t key[32] = { 1 };
    lz_put32(key + 4, code);
    size_t count = units_below(units, code, true, subtree, LZ_COUNT(subtree));
    cr_assert_eq(roster_add(n->roster, code, key, subtree, count, &fail), LZ_ok, "%s", fail.text);
}
static void start(struct node *n, uint32_t unit, uint32_t parent) {
    *n = (struct node){ .unit = unit, .parent = parent, .roster = roster_create() };
    static int count;
    snprintf(n->path, sizeof n->path, "%s/%u-%d", dir, unit, count++);
    struct store_options so = { .path = n->path, .unit = unit, .map_bytes = 64 << 20, .no_sync = true };
    cr_assert_eq(store_open(&n->store, &so, &fail), LZ_ok, "%s", fail.text);
    store_set_arena(n->store, arena);
    struct flow_options fo = { .store = n->store, .roster = n->roster, .units = units, .calendar = calendar, .unit = unit, .parent = parent,
                               .tier = tier_of(unit), .settings = settings };
    n->flow = flow_create(&fo);
    static uint8_t starts;
    store_begin_epoch(n->store, (struct epoch){ { 1, ++starts } });
    cr_assert_eq(store_commit(n->store), LZ_ok);
}
static void stop(struct node *n) {
    flow_destroy(&n->flow);
    store_close(&n->store);
    roster_destroy(&n->roster);
}
static void begin(struct node *n) {
    store_abort(n->store);
    store_forget_fresh(n->store);
    arena_reset(arena);
    flow_begin(n->flow, (struct lz_now){ wall - T0 + 1000, wall }, arena);
}
static void end(struct node *n) {
    flow_settle(n->flow);
    cr_assert_eq(store_commit(n->store), LZ_ok);
    flow_committed(n->flow);
    store_forget_fresh(n->store);
    flow_forget(n->flow);
}
static void pause_(struct node *n) { begin(n); end(n); }

static void open_world(void) {
    static char text[64 * 1024];
    snprintf(dir, sizeof dir, "/tmp/linzhang-flow-XXXXXX");
    cr_assert(mkdtemp(dir));
    lz_log_level(LZ_ERROR);
    FILE *f = fopen("deploy/data/divisions-henan.tsv", "rb");
    cr_assert(f, "tests run from the root of the project");
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    units = units_create();
    cr_assert_eq(units_load(units, lz_bytes_of(text, len), &fail), LZ_ok, "%s", fail.text);
    calendar = calendar_create();
    arena = arena_create(192 << 20);
    wall = T0;
    start(&province, ABOVE, 0);
    start(&city, ISSUER, ABOVE);
    start(&county, RECIPIENT, ISSUER);
    start(&sibling, SIBLING, ISSUER);
    enrol(&province, ISSUER);
    enrol(&city, RECIPIENT);
    enrol(&city, SIBLING);
}
static void close_world(void) {
    stop(&province);
    stop(&city);
    stop(&county);
    stop(&sibling);
    units_destroy(&units);
    calendar_destroy(&calendar);
    arena_destroy(&arena);
    char command[96];
    snprintf(command, sizeof command, "rm -r %s", dir);
    cr_assert_eq(system(command), 0);
}
TestSuite(submit, .init = open_world, .fini = close_world);
TestSuite(life, .init = open_world, .fini = close_world);
TestSuite(deadline, .init = open_world, .fini = close_world);
TestSuite(entries, .init = open_world, .fini = close_world);
TestSuite(sums, .init = open_world, .fini = close_world);
TestSuite(foreign, .init = open_world, .fini = close_world);
TestSuite(rows, .init = open_world, .fini = close_world);
TestSuite(civic, .init = open_world, .fini = close_world);

/* In a turn of its own. */
static enum lz_err submit(struct node *n, struct record draft, struct rec_id *id) {
    struct rec_id mine = { 0 };
    fail = (struct lz_fail){ 0 };
    begin(n);
    enum lz_err err = flow_submit(n->flow, &draft, str("clerk"), (struct lz_bytes){ 0 }, 0, &mine, &fail);
    end(n);
    if (id) *id = mine;
    return err;
}
static struct record directive(uint16_t kind, const char *number, uint64_t due_ms, uint32_t *targets, size_t n) {
    struct record d = { .kind = kind, .targets = targets, .n_targets = n };
    d.of.directive = (struct directive){ .number = str(number), .title = str("题目"), .due_ms = due_ms };
    if (number[0]) cr_assert(number_parse(d.of.directive.number, &d.of.directive.year, &d.of.directive.serial));
    return d;
}
static struct rec_id issue(struct node *n, uint16_t kind, uint64_t due_ms, uint32_t to) {
    struct rec_id id;
    uint32_t targets[] = { to };
    cr_assert_eq(submit(n, directive(kind, "", due_ms, targets, 1), &id), LZ_ok, "%s", fail.text);
    return id;
}
static enum lz_err move_now(struct node *n, struct rec_id subject, const char *name, uint32_t unit, uint64_t due_ms) {
    struct record d = { .kind = KIND_move, .subject = subject };
    d.of.move = (struct move){ .move = number_of(kind_row(subject.kind)->machine, name), .unit = unit, .text = str("说明"), .due_ms = due_ms };
    if (strcmp(name, "assign") == 0) { d.of.move.unit = 0; d.of.move.to_unit = unit; }
    return submit(n, d, NULL);
}
static void do_move(struct node *n, struct rec_id subject, const char *name, uint32_t unit) {
    cr_assert_eq(move_now(n, subject, name, unit, wall + 30 * (uint64_t)LZ_DAY_MS), LZ_ok, "%s: %s", name, fail.text);
}
static enum lz_err report_progress(struct node *n, struct rec_id subject, uint32_t as_of, int64_t numerator, int64_t denominator) {
    struct record d = { .kind = KIND_progress, .subject = subject };
    d.of.progress = (struct progress){ as_of, numerator, denominator, str("进展") };
    return submit(n, d, NULL);
}
static struct rec_id find_problem(struct node *n) {
    struct record d = { .kind = KIND_problem };
    struct rec_id id;
    d.of.problem = (struct problem){ .title = str("毁林"), .class = 4, .severity = 1 };
    cr_assert_eq(submit(n, d, &id), LZ_ok, "%s", fail.text);
    return id;
}
static struct standing standing(struct node *n, struct rec_id subject, uint32_t unit) {
    struct standing s = { 0 };
    begin(n);
    cr_assert(flow_standing(n->flow, subject, unit, &s));
    store_abort(n->store);
    flow_forget(n->flow);
    return s;
}
static struct counters sum_of(struct node *n, uint16_t kind, struct rec_id subject, uint32_t unit) {
    struct counters c = { { 0 } };
    begin(n);
    flow_rollup(n->flow, kind, subject, unit, &c);
    store_abort(n->store);
    flow_forget(n->flow);
    return c;
}
static void must_verify(struct node *n) {
    struct verify v;
    begin(n);
    flow_verify(n->flow, &v);
    cr_assert_eq(v.differences, 0, "%u: %.*s", n->unit, (int)v.first.len, (const char *)v.first.data);
    store_abort(n->store);
    flow_forget(n->flow);
}

/* Everything that stands in one feed of a node lands at another, whether it has it already or not. */
static void carry(struct node *from, uint32_t scope, struct node *to) {
    for (uint8_t lane = 0; lane < LANE_COUNT; lane++) {
        struct lz_bytes *list;
        uint64_t position;
        begin(from);
        size_t n = store_feed_read(from->store, arena, (struct feed_id){ scope, lane }, 0, 1 << 20, &list, &position);
        uint8_t **copies = malloc((n + 1) * sizeof *copies);
        size_t *lens = malloc((n + 1) * sizeof *lens);
        for (size_t i = 0; i < n; i++) {
            lens[i] = list[i].len;
            copies[i] = malloc(list[i].len);
            memcpy(copies[i], list[i].data, list[i].len);
        }
        store_abort(from->store);
        begin(to);
        for (size_t i = 0; i < n; i++) {
            struct record r;
            cr_assert_eq(record_decode(arena, lz_bytes_of(copies[i], lens[i]), &r, &fail), LZ_ok);
            enum lz_err err = flow_land(to->flow, &r, LAND_PEER);
            cr_assert(err == LZ_ok || err == LZ_already, "%s", lz_err_name(err));
        }
        end(to);
        for (size_t i = 0; i < n; i++) free(copies[i]);
        free(copies);
        free(lens);
    }
}
static void exchange(struct node *parent, struct node *child) {
    for (int i = 0; i < 2; i++) {
        carry(parent, SCOPE_ALL, child);
        carry(parent, child->unit, child);
        carry(child, SCOPE_UP, parent);
    }
}
/* Lets time pass at a node: whatever falls due happens when it does. */
static void advance(struct node *n, uint64_t until) {
    for (int i = 0; i < 2000; i++) {
        begin(n);
        uint64_t next = flow_next_due(n->flow);
        store_abort(n->store);
        if (next > until) break;
        if (next > wall) wall = next;
        pause_(n);
        cr_assert_lt(i, 1999, "it never comes to rest");
    }
    wall = until;
    pause_(n);
}
static uint64_t day(uint32_t date, int hour) { return lz_date_start_ms(date) + (uint64_t)hour * LZ_HOUR_MS; }

/* ---- submitting ---- */
Test(submit, a_directive_lands_and_is_watched_over) {
    uint32_t targets[] = { SIBLING, RECIPIENT, SIBLING };
    struct rec_id id;
    cr_assert_eq(submit(&city, directive(KIND_task, "焦林长办〔2022〕6号", 0, targets, 3), &id), LZ_ok, "%s", fail.text);
    begin(&city);
    struct record r;
    cr_assert(flow_record(city.flow, id, &r));
    cr_assert(r.n_targets == 2 && r.targets[0] == RECIPIENT && r.targets[1] == SIBLING, "sorted, each once");
    cr_assert(r.origin == ISSUER && r.tier == TIER_CITY && r.lane == LANE_ROUTINE && r.written_ms == wall && r.of.directive.serial == 6);
    const uint32_t *recipients;
    cr_assert_eq(flow_recipients(city.flow, &r, &recipients), 2);
    store_abort(city.store);
    cr_assert_eq(standing(&city, id, RECIPIENT).state, HANDLING_issued);
    cr_assert_eq(standing(&city, id, SIBLING).state, HANDLING_issued);
    cr_assert_eq(store_tip(city.store, (struct feed_id){ RECIPIENT, LANE_ROUTINE }) > 0, true);
    cr_assert_eq(store_tip(city.store, (struct feed_id){ SCOPE_ALL, LANE_ROUTINE }), 0);
    store_abort(city.store);
    must_verify(&city);
}

Test(submit, what_is_wrong_with_a_directive_is_said) {
    uint32_t own[] = { ISSUER }, stranger[] = { 410102 }, good[] = { RECIPIENT };
    cr_assert_eq(submit(&city, directive(KIND_task, "", 0, own, 0), NULL), LZ_bad_argument);
    cr_assert_eq(submit(&city, directive(KIND_task, "", 0, own, 1), NULL), LZ_unknown_unit);
    cr_assert_eq(submit(&city, directive(KIND_task, "", 0, stranger, 1), NULL), LZ_unknown_unit);
    cr_assert(strstr(fail.text, "410102"), "%s", fail.text);
    cr_assert_eq(submit(&city, directive(KIND_task, "", wall, good, 1), NULL), LZ_bad_date);
    struct record secret = directive(KIND_task, "", 0, good, 1);
    secret.sensitivity = 2;
    cr_assert_eq(submit(&city, secret, NULL), LZ_secret_refused);
    struct record rollup = { .kind = KIND_rollup }, unknown = { .kind = 99 }, nameless = { .kind = KIND_duty };
    cr_assert_eq(submit(&city, rollup, NULL), LZ_not_allowed);
    cr_assert_eq(submit(&city, unknown, NULL), LZ_unknown_kind);
    cr_assert_eq(submit(&city, nameless, NULL), LZ_bad_argument);
    struct store_counts counts;
    store_count(city.store, &counts);
    cr_assert_eq(counts.entries[TABLE_record], 0);
    store_abort(city.store);
}

Test(submit, a_number_serves_once) {
    uint32_t to[] = { RECIPIENT };
    struct rec_id first;
    cr_assert_eq(submit(&city, directive(KIND_supervision_letter, "焦林长督〔2022〕3号", 0, to, 1), &first), LZ_ok);
    cr_assert_eq(submit(&city, directive(KIND_supervision_letter, "焦林长督[2022]3号", 0, to, 1), NULL), LZ_number_used);
    char id[REC_ID_TEXT];
    rec_id_print_short(first, id);
    cr_assert(strstr(fail.text, id) && strstr(fail.text, "督办函"), "%s", fail.text);
    cr_assert_eq(submit(&city, directive(KIND_supervision_letter, "焦林长督〔2022〕4号", 0, to, 1), NULL), LZ_ok);
    cr_assert_eq(submit(&city, directive(KIND_supervision_letter, "焦林长督〔2023〕3号", 0, to, 1), NULL), LZ_ok);
    cr_assert_eq(submit(&city, directive(KIND_task, "焦林长督〔2022〕3号", 0, to, 1), NULL), LZ_ok, "kinds count for themselves");
}

Test(submit, a_lane_may_be_more_urgent_and_not_less) {
    uint32_t to[] = { RECIPIENT };
    static const uint8_t want[LANE_COUNT][2] = { { LANE_FLASH, LANE_URGENT }, { LANE_URGENT, LANE_URGENT }, { LANE_ROUTINE, LANE_URGENT }, { LANE_BULK,
            LANE_URGENT } };
    for (size_t i = 1; i < LANE_COUNT; i++) {
        struct rec_id id;
        struct record d = directive(KIND_general_order, "", 0, to, 1), r;
        d.lane = want[i][0];
        cr_assert_eq(submit(&city, d, &id), LZ_ok);
        begin(&city);
        cr_assert(flow_record(city.flow, id, &r));
        cr_assert_eq(r.lane, want[i][1]);
        store_abort(city.store);
    }
    struct record d = directive(KIND_task, "", 0, to, 1), r;
    struct rec_id id;
    d.lane = LANE_URGENT;
    cr_assert_eq(submit(&city, d, &id), LZ_ok);
    begin(&city);
    cr_assert(flow_record(city.flow, id, &r) && r.lane == LANE_URGENT);
    store_abort(city.store);
}

/* What the first mend made again waits to be judged, and may do so for turns when it is much: a second mend must not count it twice. */
Test(sums, mend_twice_counts_progress_once) {
    struct rec_id id = issue(&city, KIND_task, 0, RECIPIENT);
    exchange(&city, &county);
    do_move(&county, id, "sign", 0);
    for (int i = 1; i <= 3; i++) cr_assert_eq(report_progress(&county, id, 20220420, i, 10), LZ_ok);
    for (int round = 0; round < 2; round++) {
        struct mend mend;
        begin(&county);
        if (round == 0) store_delete(county.store, TABLE_standing, key_standing(id, RECIPIENT));
        flow_mend(county.flow, round == 1, &mend);
        flow_mend(county.flow, false, &mend);
        cr_assert_eq(mend.standings, 0, "nothing was missing any more");
        end(&county);
        cr_assert_eq(standing(&county, id, RECIPIENT).n_progress, 3);
        must_verify(&county);
    }
}

/* Its heading is the one of what is not said, which travels like any other. */
Test(sums, of_a_form_that_does_not_say_its_group) {
    struct form_value values[FORM_FIELDS_MAX] = { { 0, str("张三") } };
    struct record d = { .kind = kind_by_name("ranger")->number };
    uint32_t choice, period;
    d.of.form = (struct form){ .no = str("R1"), .valid_from = 20220401, .given = 1, .of = values };
    cr_assert_eq(submit(&county, d, NULL), LZ_ok, "%s", fail.text);
    advance(&county, wall + 2000);
    must_verify(&county);
    exchange(&city, &county);
    must_verify(&city);
    struct rec_id none = sums_subject(d.kind, 0, 0), some = sums_subject(d.kind, 3, 202204);
    cr_assert_eq(sum_of(&city, d.kind, none, RECIPIENT).of[COUNTER_total], 1);
    cr_assert(sums_subject_parse(none, &choice, &period) && choice == 0 && period == 0);
    cr_assert(sums_subject_parse(some, &choice, &period) && choice == 3 && period == 202204);
}

Test(submit, an_illegal_move_names_the_legal_ones) {
    struct rec_id id = issue(&city, KIND_task, 0, RECIPIENT);
    exchange(&city, &county);
    cr_assert_eq(standing(&county, id, RECIPIENT).state, HANDLING_delivered, "it arrived, and the daemon says so by itself");
    cr_assert_eq(standing(&city, id, RECIPIENT).state, HANDLING_delivered);
    cr_assert_eq(move_now(&county, id, "report", 0, 0), LZ_illegal_move);
    cr_assert(strstr(fail.text, "已送达") && strstr(fail.text, "签收 sign") && strstr(fail.text, "申请延期 ask_extension"), "%s", fail.text);
    cr_assert(!strstr(fail.text, "urge") && !strstr(fail.text, "deliver"), "what others do is not offered: %s", fail.text);
    cr_assert_eq(move_now(&city, id, "close", RECIPIENT, 0), LZ_illegal_move);
    cr_assert(strstr(fail.text, "催办 urge") && strstr(fail.text, "撤回 withdraw"), "%s", fail.text);
    cr_assert_eq(move_now(&county, id, "close", 0, 0), LZ_not_allowed);
    cr_assert_eq(move_now(&city, id, "sign", RECIPIENT, 0), LZ_not_allowed);
    cr_assert_eq(move_now(&city, id, "urge", SIBLING, 0), LZ_unknown_unit, "it was not sent to that one");
    cr_assert_eq(move_now(&sibling, id, "sign", 0, 0), LZ_not_found);
    struct record all = { .kind = KIND_task, .target_all = true };
    all.of.directive.title = str("题目");
    struct rec_id to_all;
    cr_assert_eq(submit(&city, all, &to_all), LZ_ok);
    cr_assert_eq(move_now(&city, to_all, "urge", ISSUER, 0), LZ_unknown_unit, "all below the issuer: it is not one of them itself");
    cr_assert_eq(move_now(&city, to_all, "urge", ABOVE, 0), LZ_unknown_unit, "nor who stands above it");
    do_move(&city, to_all, "urge", SIBLING);
    struct rec_id nothing = { ISSUER, KIND_task, 1, 1 };
    cr_assert_eq(move_now(&city, nothing, "urge", RECIPIENT, 0), LZ_not_found);
}

Test(submit, a_move_has_what_it_needs) {
    uint32_t both[] = { RECIPIENT, SIBLING };
    struct rec_id id;
    cr_assert_eq(submit(&city, directive(KIND_task, "", 0, both, 2), &id), LZ_ok);
    exchange(&city, &county);
    cr_assert_eq(move_now(&city, id, "urge", 0, 0), LZ_bad_argument, "to whom?");
    do_move(&county, id, "sign", 0);
    struct record d = { .kind = KIND_move, .subject = id };
    d.of.move.move = number_of(MACHINE_HANDLING, "report");
    cr_assert_eq(submit(&county, d, NULL), LZ_bad_argument, "a report without a text");
    cr_assert_eq(move_now(&county, id, "ask_extension", 0, wall), LZ_bad_date);
    cr_assert_eq(move_now(&county, id, "ask_extension", 0, wall + LZ_DAY_MS), LZ_ok);
    struct rec_id letter = issue(&city, KIND_supervision_letter, wall + LZ_DAY_MS, RECIPIENT);
    exchange(&city, &county);
    wall += 2 * (uint64_t)LZ_DAY_MS;
    cr_assert_eq(move_now(&county, letter, "ask_extension", 0, wall + LZ_DAY_MS), LZ_illegal_move, "the day has passed");
    cr_assert_eq(move_now(&city, letter, "extend", RECIPIENT, wall + LZ_DAY_MS), LZ_ok);
    cr_assert_eq(standing(&city, letter, RECIPIENT).due_ms, wall + LZ_DAY_MS);
}

Test(submit, asked_again_gives_the_answer_that_came_back) {
    struct rec_id id, again;
    begin(&county);
    struct record d = { .kind = KIND_problem }, r;
    d.of.problem.title = str("毁林");
    cr_assert_eq(flow_submit(county.flow, &d, str("clerk"), str("0123456789abcdef"), 2, &id, &fail), LZ_ok);
    uint8_t copy[1024];
    size_t len = d.envelope.len;
    memcpy(copy, d.envelope.data, len);
    end(&county);
    struct node lost;
    start(&lost, RECIPIENT, ISSUER);
    begin(&lost);
    cr_assert_eq(record_decode(arena, lz_bytes_of(copy, len), &r, &fail), LZ_ok);
    cr_assert_eq(flow_land(lost.flow, &r, LAND_RECLAIM), LZ_ok);
    cr_assert_eq(flow_land(lost.flow, &r, LAND_RECLAIM), LZ_already);
    end(&lost);
    cr_assert_geq(store_last_stamp(lost.store), id.stamp, "no stamp is given twice");
    begin(&lost);
    cr_assert_eq(flow_submit(lost.flow, &d, str("clerk"), str("0123456789abcdef"), 2, &again, &fail), LZ_ok);
    cr_assert(rec_id_equal(id, again));
    cr_assert_eq(flow_submit(lost.flow, &d, str("clerk"), str("0123456789abcdef"), 3, &again, &fail), LZ_ok);
    cr_assert(!rec_id_equal(id, again));
    end(&lost);
    stop(&lost);
}

/* ---- lives ---- */
Test(life, of_a_task) {
    struct rec_id id = issue(&city, KIND_task, day(20220630, 0), RECIPIENT);
    exchange(&city, &county);
    cr_assert_eq(report_progress(&county, id, 20220425, 1, 10), LZ_illegal_move, "first it must be signed");
    do_move(&county, id, "sign", 0);
    cr_assert_eq(report_progress(&county, id, 20220426, 1, 10), LZ_bad_date, "tomorrow");
    cr_assert_eq(report_progress(&county, id, 20220425, 3, 10), LZ_ok, "%s", fail.text);
    struct standing s = standing(&county, id, RECIPIENT);
    cr_assert(s.state == HANDLING_handling && s.n_progress == 1 && s.numerator == 3, "the first progress starts it");
    cr_assert_eq(s.effective, 3);
    wall += LZ_DAY_MS;
    cr_assert_eq(report_progress(&county, id, 20220426, 5, 10), LZ_ok);
    cr_assert_eq(report_progress(&county, id, 20220424, 2, 10), LZ_ok, "a report on an earlier day is counted, the later day stands");
    s = standing(&county, id, RECIPIENT);
    cr_assert(s.n_progress == 3 && s.numerator == 5 && s.as_of == 20220426 && s.effective == 3);
    exchange(&city, &county);
    do_move(&county, id, "report", 0);
    exchange(&city, &county);
    struct standing above = standing(&city, id, RECIPIENT);
    s = standing(&county, id, RECIPIENT);
    cr_assert(above.state == HANDLING_reported && same_standing(&above, &s) && above.n_progress == 3 && above.numerator == 5);
    do_move(&city, id, "return", RECIPIENT);
    exchange(&city, &county);
    cr_assert_eq(report_progress(&county, id, 20220426, 10, 10), LZ_ok, "%s", fail.text);
    do_move(&county, id, "report", 0);
    exchange(&city, &county);
    do_move(&city, id, "close", RECIPIENT);
    exchange(&city, &county);
    s = standing(&county, id, RECIPIENT);
    cr_assert(s.state == HANDLING_closed && s.returns == 1 && s.overtaken == 0);
    cr_assert_eq(report_progress(&county, id, 20220426, 10, 10), LZ_illegal_move);
    must_verify(&city);
    must_verify(&county);
}

Test(life, of_a_problem_through_two_tiers) {
    struct rec_id id = find_problem(&county), nothing = { 0 };
    exchange(&city, &county);
    cr_assert_eq(standing(&city, id, 0).owner, RECIPIENT);
    cr_assert_eq(move_now(&city, id, "accept", 0, 0), LZ_not_allowed, "it is the county's, as yet");
    do_move(&county, id, "escalate", 0);
    cr_assert_eq(store_tip(county.store, (struct feed_id){ SCOPE_UP, LANE_URGENT }) > 0, true, "an escalated problem overtakes the backlog");
    store_abort(county.store);
    exchange(&city, &county);
    do_move(&city, id, "accept", 0);
    cr_assert_eq(move_now(&city, id, "assign", 410804, 0), LZ_unknown_unit);
    do_move(&city, id, "assign", SIBLING);
    exchange(&city, &sibling);
    cr_assert_eq(standing(&sibling, id, 0).handler, SIBLING, "the problem came down in full to whom it was assigned");
    do_move(&sibling, id, "handle", 0);
    do_move(&sibling, id, "feedback", 0);
    cr_assert_eq(move_now(&sibling, id, "verify", 0, 0), LZ_not_allowed);
    exchange(&city, &sibling);
    do_move(&city, id, "verify", 0);
    do_move(&city, id, "close", 0);
    exchange(&city, &sibling);
    exchange(&city, &county);
    struct standing a = standing(&city, id, 0), b = standing(&county, id, 0), c = standing(&sibling, id, 0);
    cr_assert(a.state == PROBLEM_closed && same_standing(&a, &b) && same_standing(&a, &c) && a.overtaken == 0);
    cr_assert_eq(sum_of(&county, KIND_problem, nothing, 0).of[COUNTER_state_0 + PROBLEM_closed], 1);
    cr_assert_eq(sum_of(&sibling, KIND_problem, nothing, 0).of[COUNTER_total], 0, "it is counted where it was found");
    cr_assert_eq(sum_of(&city, KIND_problem, nothing, 0).of[COUNTER_total], 1);
    must_verify(&city);
    must_verify(&county);
    must_verify(&sibling);
}

Test(life, of_an_emergency) {
    struct record d = { .kind = KIND_emergency };
    struct rec_id id;
    d.of.emergency = (struct emergency){ .title = str("火情"), .class = 1 };
    cr_assert_eq(submit(&county, d, &id), LZ_ok);
    exchange(&city, &county);
    exchange(&province, &city);
    cr_assert_eq(move_now(&city, id, "update", 0, 0), LZ_not_allowed);
    do_move(&county, id, "update", 0);
    do_move(&county, id, "update", 0);
    do_move(&county, id, "end", 0);
    exchange(&city, &county);
    exchange(&province, &city);
    cr_assert_eq(standing(&province, id, 0).state, EMERGENCY_ended, "it reaches the top");
    do_move(&county, id, "review", 0);
    cr_assert_eq(move_now(&county, id, "update", 0, 0), LZ_illegal_move);
}

/* What belongs to one task, in every order that it can come in, at an issuer that lost its store. */
static void permute(size_t *order, size_t n, size_t k, void (*visit)(const size_t *, void *), void *context) {
    if (k == n) { visit(order, context); return; }
    for (size_t i = k; i < n; i++) {
        size_t t = order[k]; order[k] = order[i]; order[i] = t;
        permute(order, n, k + 1, visit, context);
        t = order[k]; order[k] = order[i]; order[i] = t;
    }
}
enum { PARTS = 5 };
static struct { uint8_t bytes[512]; size_t len; } parts[PARTS];
static struct standing truth;
static struct rec_id the_task;
static size_t orders;
static void land_in_order(const size_t *order, void *context) {
    (void)context;
    if (orders++ % 4) return;                                      /* 30 of the 120 */
    struct node n;
    start(&n, ISSUER, ABOVE);
    enrol(&n, RECIPIENT);
    for (size_t i = 0; i < PARTS; i++) {
        if (i == 0 || i == 2) begin(&n);                            /* two turns */
        struct record r;
        cr_assert_eq(record_decode(arena, lz_bytes_of(parts[order[i]].bytes, parts[order[i]].len), &r, &fail), LZ_ok);
        cr_assert_eq(flow_land(n.flow, &r, r.origin == ISSUER ? LAND_RECLAIM : LAND_PEER), LZ_ok);
        cr_assert_eq(flow_land(n.flow, &r, LAND_PEER), LZ_already);
        if (i == 1 || i + 1 == PARTS) end(&n);
    }
    struct standing s = standing(&n, the_task, RECIPIENT);
    cr_assert(same_standing(&s, &truth) && s.n_progress == 1);
    must_verify(&n);
    stop(&n);
}

Test(life, is_the_same_in_whatever_order_its_records_come) {
    struct rec_id id = issue(&city, KIND_task, day(20220630, 0), RECIPIENT);
    the_task = id;
    exchange(&city, &county);
    do_move(&county, id, "sign", 0);
    cr_assert_eq(report_progress(&county, id, 20220425, 3, 10), LZ_ok);
    exchange(&city, &county);
    truth = standing(&city, id, RECIPIENT);
    cr_assert(truth.state == HANDLING_handling && truth.n_progress == 1);
    begin(&city);
    struct record *moves;
    size_t n = flow_moves(city.flow, id, RECIPIENT, &moves), at = 0;
    cr_assert_eq(n, 3);
    struct stored stored;
    cr_assert(store_record_get(city.store, key_id(id), &stored));
    memcpy(parts[at].bytes, stored.envelope.data, parts[at].len = stored.envelope.len);
    at++;
    for (size_t i = 0; i < n; i++, at++) memcpy(parts[at].bytes, moves[i].envelope.data, parts[at].len = moves[i].envelope.len);
    struct key key = key_record(RECIPIENT, KIND_progress, (struct lz_bytes){ 0 }, 0, 0);
    struct lz_bytes v;
    cr_assert(store_seek(city.store, TABLE_record, &key, &v) && store_record_parse(v, &stored));
    memcpy(parts[at].bytes, stored.envelope.data, parts[at].len = stored.envelope.len);
    store_abort(city.store);
    size_t order[PARTS] = { 0, 1, 2, 3, 4 };
    permute(order, PARTS, 0, land_in_order, NULL);
    cr_assert_eq(orders, 120);
}

/* A store that was lost takes back what its child had reported before its parent sends the task; and a moveless report is held too. */
Test(life, progress_may_come_before_its_task_and_without_a_move) {
    struct rec_id id = issue(&province, KIND_task, day(20220630, 0), RECIPIENT);
    struct stored stored;
    uint8_t task[512];
    begin(&province);
    cr_assert(store_record_get(province.store, key_id(id), &stored) && stored.envelope.len <= sizeof task);
    size_t len = stored.envelope.len;
    memcpy(task, stored.envelope.data, len);
    store_abort(province.store);
    for (int turns = 1; turns <= 2; turns++) {
        struct node n;
        struct record r, progress = { .origin = RECIPIENT, .kind = KIND_progress, .lane = LANE_ROUTINE, .direction = DIRECTION_UP, .reach = REACH_ISSUER,
                                      .tier = TIER_COUNTY, .stamp = T0 << 16, .epoch = 7, .written_ms = T0, .subject = id,
                                      .of.progress = { 20220425, 3, 10, { 0 } } };
        start(&n, ISSUER, ABOVE);
        enrol(&n, RECIPIENT);
        begin(&n);
        cr_assert_eq(record_encode(arena, &progress, &fail), LZ_ok);
        cr_assert_eq(flow_land(n.flow, &progress, LAND_PEER), LZ_ok);
        if (turns == 2) { end(&n); must_verify(&n); begin(&n); }
        cr_assert_eq(record_decode(arena, lz_bytes_of(task, len), &r, &fail), LZ_ok);
        cr_assert_eq(flow_land(n.flow, &r, LAND_PEER), LZ_ok);
        end(&n);
        must_verify(&n);
        struct standing s = standing(&n, id, RECIPIENT);
        cr_assert(s.since_ms == r.written_ms && s.due_ms == day(20220630, 0) && s.n_progress == 1);
        stop(&n);
    }
}

Test(life, of_a_register_is_that_of_its_newest) {
    struct record d = { .kind = KIND_duty, .key = str("001") };
    struct rec_id first, second;
    d.of.duty.name = str("甲");
    cr_assert_eq(submit(&county, d, &first), LZ_ok);
    uint8_t old[512];
    struct stored stored;
    cr_assert(store_record_get(county.store, key_record(RECIPIENT, KIND_duty, str("001"), 0, 0), &stored));
    size_t len = stored.envelope.len;
    memcpy(old, stored.envelope.data, len);
    store_abort(county.store);
    d.of.duty.name = str("乙");
    cr_assert_eq(submit(&county, d, &second), LZ_ok);
    exchange(&city, &county);
    struct record r;
    begin(&city);
    cr_assert_eq(record_decode(arena, lz_bytes_of(old, len), &r, &fail), LZ_ok);
    cr_assert_eq(flow_land(city.flow, &r, LAND_PEER), LZ_already, "an older one comes late");
    end(&city);
    cr_assert(store_record_get(city.store, key_record(RECIPIENT, KIND_duty, str("001"), 0, 0), &stored));
    begin(&city);
    cr_assert(store_record_get(city.store, key_record(RECIPIENT, KIND_duty, str("001"), 0, 0), &stored));
    cr_assert_eq(record_decode(arena, stored.envelope, &r, &fail), LZ_ok);
    cr_assert(r.stamp == second.stamp && lz_bytes_equal(r.of.duty.name, str("乙")));
    store_abort(city.store);
}

/* ---- deadlines ---- */
Test(deadline, colours_follow_the_calendar) {
    struct rec_id id = issue(&city, KIND_supervision_letter, day(20220630, 9), RECIPIENT);    /* a Thursday */
    exchange(&city, &county);
    do_move(&county, id, "sign", 0);
    exchange(&city, &county);
    static const struct { uint32_t date; int hour; enum colour colour; } steps[] = {
        { 20220624, 23, COLOUR_GREEN }, { 20220627, 8, COLOUR_GREEN }, { 20220627, 9, COLOUR_BLUE }, { 20220630, 8, COLOUR_BLUE }, { 20220630, 9, COLOUR_RED },
    };
    for (size_t i = 0; i < LZ_COUNT(steps); i++) {
        advance(&city, day(steps[i].date, steps[i].hour));
        cr_assert_eq(standing(&city, id, RECIPIENT).colour, steps[i].colour, "%u %d: %s", steps[i].date, steps[i].hour,
                     colour_name((enum colour)standing(&city, id, RECIPIENT).colour));
    }
    cr_assert_eq(sum_of(&city, KIND_supervision_letter, (struct rec_id){ 0 }, ISSUER).of[COUNTER_total], 0, "the county counts it, not who sent it");
    advance(&county, wall);
    cr_assert_eq(sum_of(&county, KIND_supervision_letter, id, 0).of[COUNTER_red], 1);
    must_verify(&city);
    must_verify(&county);
}

Test(deadline, what_is_not_signed_in_time_is_red) {
    struct rec_id id = issue(&city, KIND_general_order, 0, RECIPIENT);        /* Monday, two working days */
    uint32_t to[] = { RECIPIENT };
    struct record d = directive(KIND_task, "", 0, to, 1);
    struct rec_id hurried;
    d.lane = LANE_URGENT;
    cr_assert_eq(submit(&city, d, &hurried), LZ_ok);
    exchange(&city, &county);
    advance(&county, T0 + 4 * (uint64_t)LZ_HOUR_MS - 1);
    cr_assert_eq(standing(&county, hurried, RECIPIENT).colour, COLOUR_GREEN);
    advance(&county, T0 + 4 * (uint64_t)LZ_HOUR_MS);
    cr_assert_eq(standing(&county, hurried, RECIPIENT).colour, COLOUR_RED, "sent in a more urgent lane: four hours");
    advance(&county, T0 + 2 * (uint64_t)LZ_DAY_MS - 1);
    cr_assert_eq(standing(&county, id, RECIPIENT).colour, COLOUR_GREEN);
    advance(&county, T0 + 2 * (uint64_t)LZ_DAY_MS);
    cr_assert_eq(standing(&county, id, RECIPIENT).colour, COLOUR_RED);
    do_move(&county, id, "sign", 0);
    cr_assert_eq(standing(&county, id, RECIPIENT).colour, COLOUR_GREEN);
    cr_assert_eq(standing(&county, id, RECIPIENT).red_since_ms, 0);
}

Test(deadline, work_that_lags_behind_its_plan_turns_yellow_and_red) {
    struct rec_id id = issue(&city, KIND_task, T0 + 100 * (uint64_t)LZ_DAY_MS, RECIPIENT);
    exchange(&city, &county);
    do_move(&county, id, "sign", 0);
    advance(&county, T0 + 9 * (uint64_t)LZ_DAY_MS + LZ_HOUR_MS);
    cr_assert_eq(standing(&county, id, RECIPIENT).colour, COLOUR_GREEN);
    advance(&county, T0 + 10 * (uint64_t)LZ_DAY_MS + LZ_HOUR_MS * 20);
    cr_assert_eq(standing(&county, id, RECIPIENT).colour, COLOUR_YELLOW, "ten points behind");
    cr_assert_eq(report_progress(&county, id, lz_date_of(wall), 10, 100), LZ_ok, "%s", fail.text);
    cr_assert_eq(standing(&county, id, RECIPIENT).colour, COLOUR_GREEN);
    advance(&county, T0 + 42 * (uint64_t)LZ_DAY_MS);
    cr_assert_eq(standing(&county, id, RECIPIENT).colour, COLOUR_RED, "more than thirty behind");
    cr_assert_eq(report_progress(&county, id, lz_date_of(wall), 100, 100), LZ_ok);
    cr_assert_eq(standing(&county, id, RECIPIENT).colour, COLOUR_GREEN);
    must_verify(&county);
}

Test(deadline, the_issuers_daemon_urges_once_a_working_day) {
    struct rec_id id = issue(&city, KIND_supervision_letter, day(20220630, 9), RECIPIENT);
    exchange(&city, &county);
    do_move(&county, id, "sign", 0);
    exchange(&city, &county);
    advance(&city, day(20220705, 8));
    cr_assert_eq(standing(&city, id, RECIPIENT).urges, 0);
    advance(&city, day(20220705, 9));                              /* red on Thursday 09:00, three working days */
    cr_assert_eq(standing(&city, id, RECIPIENT).urges, 1);
    advance(&city, day(20220705, 23));
    cr_assert_eq(standing(&city, id, RECIPIENT).urges, 1);
    for (int i = 0; i < 20; i++) pause_(&city);
    cr_assert_eq(standing(&city, id, RECIPIENT).urges, 1);
    advance(&city, day(20220712, 12));                             /* 5 6 7 8, 11 12 */
    cr_assert_eq(standing(&city, id, RECIPIENT).urges, 6);
    struct standing red = standing(&city, id, RECIPIENT);
    begin(&city);
    cr_assert(flow_offers_upgrade(city.flow, &red), "red since Thursday the 30th, five working days and more");
    red.red_since_ms = day(20220706, 9);
    cr_assert(!flow_offers_upgrade(city.flow, &red));
    end(&city);
    exchange(&city, &county);
    cr_assert_eq(standing(&county, id, RECIPIENT).urges, 6);
    do_move(&county, id, "report", 0);
    exchange(&city, &county);
    advance(&city, day(20220720, 12));
    cr_assert_eq(standing(&city, id, RECIPIENT).urges, 6, "the issuer's turn");
    must_verify(&city);
}

Test(deadline, a_neglected_problem_goes_up_by_itself_once_a_tier) {
    struct rec_id id = find_problem(&county);
    exchange(&city, &county);
    advance(&county, T0 + LZ_DAY_MS - 1);
    cr_assert_eq(standing(&county, id, 0).state, PROBLEM_reported);
    advance(&county, T0 + LZ_DAY_MS);
    struct standing s = standing(&county, id, 0);
    cr_assert(s.state == PROBLEM_escalated && s.owner == ISSUER && s.auto_escalated == 1);
    uint64_t at = wall;
    advance(&county, at + 30 * (uint64_t)LZ_DAY_MS);
    cr_assert_eq(standing(&county, id, 0).effective, 1, "once");
    wall = at;
    exchange(&city, &county);
    advance(&city, at + 10 * (uint64_t)LZ_DAY_MS);
    exchange(&city, &county);
    exchange(&province, &city);
    s = standing(&province, id, 0);
    cr_assert(s.state == PROBLEM_escalated && s.owner == ABOVE && s.effective == 2);
    advance(&province, wall + 30 * (uint64_t)LZ_DAY_MS);
    cr_assert_eq(standing(&province, id, 0).effective, 2, "there is nobody above");
    cr_assert_eq(standing(&province, id, 0).colour, COLOUR_RED);
    must_verify(&province);
    must_verify(&city);
}

Test(deadline, an_accepted_problem_has_its_days) {
    struct rec_id id = find_problem(&county);
    do_move(&county, id, "accept", 0);
    uint64_t limit = calendar_add(calendar, wall, 15);
    advance(&county, limit - 1);
    cr_assert_eq(standing(&county, id, 0).colour, COLOUR_BLUE);
    cr_assert_eq(standing(&county, id, 0).state, PROBLEM_accepted);
    advance(&county, limit);
    cr_assert_eq(standing(&county, id, 0).state, PROBLEM_escalated);
    struct rec_id other = find_problem(&county);
    do_move(&county, other, "accept", 0);
    do_move(&county, other, "refer", 0);
    advance(&county, calendar_add(calendar, wall, 16));
    struct standing s = standing(&county, other, 0);
    cr_assert(s.colour == COLOUR_RED && s.state == PROBLEM_referred, "from here nobody may pass it up");
}

/* ---- entries of forms ---- */
static uint16_t kind_called(const char *name) { return kind_by_name(name)->number; }
static struct record grid(const char *no, uint32_t from, uint8_t state, int64_t land, const char *ranger) {
    static struct form_value of[8][FORM_FIELDS_MAX];
    static size_t next;
    const struct form_kind *form = kind_by_name("grid")->form;
    struct form_value *v = of[next++ % 8];
    memset(v, 0, sizeof of[0]);
    size_t fields[] = { form_field_find(form, str("name")), form_field_find(form, str("place")), form_field_find(form, str("land")),
                        form_field_find(form, str("ranger")) };
    v[fields[0]].text = str("网格");
    v[fields[1]].number = RECIPIENT;
    v[fields[2]].number = land;
    v[fields[3]].text = str(ranger);
    struct record r = { .kind = kind_called("grid") };
    r.of.form = (struct form){ .no = str(no), .valid_from = from, .state = state, .of = v };
    for (size_t i = 0; i < LZ_COUNT(fields); i++) r.of.form.given |= 1u << fields[i];
    return r;
}
static int64_t land_of(struct node *n, uint32_t unit) { return sum_of(n, kind_called("grid"), (struct rec_id){ 0 }, unit).of[COUNTER_sum_0]; }
static int64_t counted_of(struct node *n, uint32_t unit) { return sum_of(n, kind_called("grid"), (struct rec_id){ 0 }, unit).of[COUNTER_records]; }
static void mended(struct node *n, bool anew) {
    struct mend mend;
    begin(n);
    flow_mend(n->flow, anew, &mend);
    end(n);
    must_verify(n);
}

Test(entries, the_version_that_holds_today_is_in_the_sums) {
    uint32_t today = lz_date_of(wall), soon = lz_date_add(today, 3);
    enum { ACTIVE, SPLIT };
    cr_assert_eq(submit(&county, grid("1", today, ACTIVE, 700, "甲"), NULL), LZ_ok, "%s", fail.text);
    cr_assert_eq(submit(&county, grid("2", today, ACTIVE, 30, ""), NULL), LZ_ok);
    cr_assert_eq(land_of(&county, 0), 730);
    struct counters c = sum_of(&county, kind_called("grid"), (struct rec_id){ 0 }, 0);
    cr_assert(c.of[COUNTER_total] == 2 && c.of[COUNTER_records] == 2 && c.of[COUNTER_state_0] == 2 && c.of[COUNTER_reporting] == 1);
    cr_assert_eq(c.of[COUNTER_sum_0 + 4], 1, "one of them has a ranger");
    cr_assert_eq(submit(&county, grid("1", today, ACTIVE, 500, "甲"), NULL), LZ_ok);
    cr_assert_eq(land_of(&county, 0), 530, "the later of one day");
    cr_assert_eq(submit(&county, grid("1", lz_date_add(today, -10), ACTIVE, 9999, ""), NULL), LZ_ok);
    cr_assert_eq(land_of(&county, 0), 530, "what held earlier adds nothing now");
    cr_assert_eq(submit(&county, grid("1", soon, SPLIT, 500, "甲"), NULL), LZ_ok);
    cr_assert_eq(land_of(&county, 0), 530, "a day to come adds nothing yet");
    must_verify(&county);
    advance(&county, lz_date_start_ms(soon) - 1);
    cr_assert_eq(land_of(&county, 0), 530);
    advance(&county, lz_date_start_ms(soon) + 1000);
    cr_assert_eq(land_of(&county, 0), 30, "its day has come, and it is split: set aside");
    c = sum_of(&county, kind_called("grid"), (struct rec_id){ 0 }, 0);
    cr_assert(c.of[COUNTER_total] == 2 && c.of[COUNTER_records] == 1 && c.of[COUNTER_state_0 + SPLIT] == 1);
    must_verify(&county);
    exchange(&city, &county);
    wall += 5000;
    pause_(&county);
    exchange(&city, &county);
    cr_assert(land_of(&city, 0) == 30 && land_of(&city, RECIPIENT) == 30 && counted_of(&city, 0) == 1);
    cr_assert_eq(land_of(&city, ISSUER), 0, "the city keeps none, and does not count a county's twice");
    for (int anew = 0; anew < 2; anew++) {
        mended(&county, anew);
        mended(&city, anew);
        cr_assert(land_of(&county, 0) == 30 && land_of(&city, 0) == 30);
    }
}

Test(entries, a_version_to_come_is_awaited_after_a_mend) {
    uint32_t today = lz_date_of(wall), soon = lz_date_add(today, 2);
    cr_assert_eq(submit(&county, grid("1", soon, 0, 70, ""), NULL), LZ_ok);
    cr_assert_eq(sum_of(&county, kind_called("grid"), (struct rec_id){ 0 }, 0).of[COUNTER_total], 0, "there is none yet");
    must_verify(&county);
    mended(&county, true);
    advance(&county, lz_date_start_ms(soon) + 1000);
    cr_assert_eq(land_of(&county, 0), 70);
    must_verify(&county);
}

/* By heading: of what kind a patrol was and in which month; an entry that changes its heading leaves the old one. */
Test(entries, are_summed_by_heading) {
    const struct kind_row *kind = kind_by_name("training");
    struct form_value v[FORM_FIELDS_MAX] = { { 0, str("护林员培训") } };
    struct record r = { .kind = kind->number };
    size_t level = form_field_find(kind->form, str("level")), day_ = form_field_find(kind->form, str("day")), hours = form_field_find(kind->form, str("hours"));
    v[level].number = 1;
    v[day_].number = 20220315;
    v[hours].number = 8;
    r.of.form = (struct form){ .no = str("1"), .valid_from = 20220101, .state = 1, .of = v, .given = 1u | 1u << level | 1u << day_ | 1u << hours };
    cr_assert_eq(submit(&county, r, NULL), LZ_ok, "%s", fail.text);
    struct counters march = sum_of(&county, kind->number, sums_subject(kind->number, 2, 202203), 0);
    cr_assert(march.of[COUNTER_sum_0] == 8 && march.of[COUNTER_total] == 1 && march.of[COUNTER_reporting] == 1);
    v[day_].number = 20220402;
    v[hours].number = 6;
    cr_assert_eq(submit(&county, r, NULL), LZ_ok);
    march = sum_of(&county, kind->number, sums_subject(kind->number, 2, 202203), 0);
    struct counters april = sum_of(&county, kind->number, sums_subject(kind->number, 2, 202204), 0);
    cr_assert(march.of[COUNTER_sum_0] == 0 && march.of[COUNTER_total] == 0 && march.of[COUNTER_reporting] == 0);
    cr_assert(april.of[COUNTER_sum_0] == 6 && april.of[COUNTER_reporting] == 1);
    uint32_t choice, period;
    cr_assert(sums_subject_parse(sums_subject(kind->number, 2, 202204), &choice, &period) && choice == 2 && period == 202204);
    cr_assert(!sums_subject_parse((struct rec_id){ RECIPIENT, kind->number, 1, 1 }, &choice, &period));
    must_verify(&county);
    mended(&county, true);
}

/* Only the tier above brings an entry into a state that is its to give; its unit writes the version. */
Test(entries, are_decided_on_above) {
    const struct kind_row *kind = kind_by_name("indicator");
    enum { SUBMITTED = 1, RETURNED, ACCEPTED };
    struct form_value v[FORM_FIELDS_MAX] = { { 1, { 0 } } };
    struct record r = { .kind = kind->number }, now;
    struct rec_id version, ruling;
    size_t period = form_field_find(kind->form, str("period")), stock = form_field_find(kind->form, str("stock"));
    v[period].number = 202200;
    v[stock].number = 5000;
    r.of.form = (struct form){ .no = str("1"), .valid_from = 20220101, .state = ACCEPTED, .of = v, .given = 1u | 1u << period | 1u << stock };
    cr_assert_eq(submit(&county, r, NULL), LZ_not_allowed, "its own");
    r.of.form.state = SUBMITTED;
    cr_assert_eq(submit(&county, r, &version), LZ_ok, "%s", fail.text);
    struct record on = { .kind = KIND_ruling, .subject = version, .of.ruling = { ACCEPTED, { 0 } } };
    cr_assert_eq(submit(&county, on, NULL), LZ_not_allowed, "on its own");
    cr_assert_eq(submit(&city, on, NULL), LZ_not_found, "the city has not got it yet");
    exchange(&city, &county);
    on.of.ruling.state = SUBMITTED;
    cr_assert_eq(submit(&city, on, NULL), LZ_not_allowed, "that is the county's step");
    on.of.ruling.state = RETURNED;
    cr_assert_eq(submit(&city, on, NULL), LZ_bad_argument, "no reason given");
    on.of.ruling.text = str("与年度变更调查不符");
    cr_assert_eq(submit(&city, on, &ruling), LZ_ok, "%s", fail.text);
    exchange(&city, &county);
    exchange(&city, &county);
    for (int i = 0; i < 2; i++) {
        struct node *n = i ? &city : &county;
        begin(n);
        cr_assert(flow_entry(n->flow, kind->number, RECIPIENT, str("1"), 0, &now));
        cr_assert(now.of.form.state == RETURNED && now.origin == RECIPIENT && rec_id_equal(now.subject, ruling), "at %u", n->unit);
        store_abort(n->store);
        flow_forget(n->flow);
    }
    /* a ruling on what has changed since has no effect */
    v[stock].number = 6000;
    r.of.form.valid_from = lz_date_of(wall);
    cr_assert_eq(submit(&county, r, &version), LZ_ok, "%s", fail.text);
    exchange(&city, &county);
    v[stock].number = 7000;
    cr_assert_eq(submit(&county, r, NULL), LZ_ok);
    on.subject = version;
    on.of.ruling = (struct ruling){ ACCEPTED, { 0 } };
    cr_assert_eq(submit(&city, on, NULL), LZ_ok);
    exchange(&city, &county);
    cr_assert_eq(sum_of(&county, kind->number, (struct rec_id){ 0 }, 0).of[COUNTER_records], 0, "it was accepted unseen");
    begin(&city);
    cr_assert(flow_entry(city.flow, kind->number, RECIPIENT, str("1"), 0, &now));
    store_abort(city.store);
    flow_forget(city.flow);
    on.subject = record_id(&now);
    cr_assert_eq(submit(&city, on, NULL), LZ_ok, "%s", fail.text);
    exchange(&city, &county);
    exchange(&city, &county);
    struct counters c = sum_of(&county, kind->number, sums_subject(kind->number, 2, 202200), 0);
    cr_assert(c.of[COUNTER_records] == 1 && c.of[COUNTER_reporting] == 1);
    r.of.form.state = ACCEPTED;
    cr_assert_eq(submit(&county, r, NULL), LZ_not_allowed, "what was accepted is not changed in silence");
    must_verify(&county);
    must_verify(&city);
}

static uint64_t differences(struct node *n);
static void put_row(struct node *n, enum table table, struct key key, const void *data, size_t len) {
    begin(n);
    if (data) store_put(n->store, table, key, lz_bytes_of(data, len));
    else store_delete(n->store, table, key);
    end(n);
}

/* Whatever is wrong with what says which version counts, verify sees, and mend makes it right. */
Test(entries, verify_and_mend_know_what_counts) {
    uint32_t today = lz_date_of(wall), soon = lz_date_add(today, 5);
    struct rec_id first, second, later;
    struct key entry, due;
    uint8_t held[16];
    cr_assert_eq(submit(&county, grid("1", today, 0, 700, "甲"), &first), LZ_ok, "%s", fail.text);
    cr_assert_eq(submit(&county, grid("1", today, 0, 500, ""), &second), LZ_ok);
    cr_assert_eq(submit(&county, grid("1", soon, 0, 300, ""), &later), LZ_ok);
    entry = key_version(first.kind, RECIPIENT, str("1"), today, first.stamp, first.epoch);
    memcpy(held, entry.b + VERSION_ENTRY_BYTES, sizeof held);
    entry.len = VERSION_ENTRY_BYTES;
    must_verify(&county);
    for (int how = 0; how < 6; how++) {
        struct key other = key_version(first.kind, how == 3 ? ISSUER : RECIPIENT, str("no"), 0, 0, 0);
        other.len = how == 4 ? 7 : VERSION_ENTRY_BYTES;
        due = key_due(lz_date_start_ms(soon), 3, later, 0);
        if (how == 0) put_row(&county, TABLE_entry, entry, held, sizeof held);           /* an older version than holds */
        if (how == 1) put_row(&county, TABLE_entry, entry, NULL, 0);
        if (how == 2) put_row(&county, TABLE_entry, entry, held, 3);
        if (how == 3 || how == 4) put_row(&county, TABLE_entry, other, held, sizeof held);
        if (how == 5) put_row(&county, TABLE_due, due, NULL, 0);                          /* the next one is not awaited */
        cr_assert_gt(differences(&county), 0, "%d", how);
        mended(&county, how % 2);
        cr_assert_eq(land_of(&county, 0), 500);
    }
    advance(&county, lz_date_start_ms(soon) + 1000);
    cr_assert_eq(land_of(&county, 0), 300);
}

Test(entries, what_cannot_be_is_refused) {
    enum { ACTIVE, SPLIT, MERGED, ENDED };
    uint32_t today = lz_date_of(wall);
    struct record r = grid("1", today, ACTIVE, 700, "甲");
    r.of.form.given &= ~1u;
    cr_assert_eq(submit(&county, r, NULL), LZ_bad_argument, "it has no name");
    cr_assert_eq(submit(&county, grid("1", today + 30000, ACTIVE, 700, "甲"), NULL), LZ_bad_date);
    cr_assert_eq(submit(&county, grid("1", 0, ACTIVE, 700, "甲"), NULL), LZ_ok, "today, when nothing is said");
    cr_assert_eq(submit(&county, grid("1", 0, SPLIT, 700, "甲"), NULL), LZ_ok);
    cr_assert_eq(submit(&county, grid("1", 0, ACTIVE, 700, "甲"), NULL), LZ_illegal_move, "it has ended");
    cr_assert_eq(submit(&county, grid("", 0, ACTIVE, 1, ""), NULL), LZ_ok);
    cr_assert_eq(submit(&county, grid("", 0, ACTIVE, 1, ""), NULL), LZ_ok, "each is given the next number");
    cr_assert_eq(counted_of(&county, 0), 2);
    must_verify(&county);
}

Test(entries, a_ruling_that_cannot_be_is_refused_or_has_no_effect) {
    struct rec_id version, of_sibling = { SIBLING, kind_called("grid"), 5, 5 };
    enum { SPLIT = 1 };
    cr_assert_eq(submit(&county, grid("1", 0, 0, 700, ""), &version), LZ_ok);
    exchange(&city, &county);
    struct record on = { .kind = KIND_ruling, .subject = version, .of.ruling = { SPLIT, str("拆分") } };
    cr_assert_eq(submit(&city, on, NULL), LZ_not_allowed, "a grid is its county's");
    on.of.ruling.state = 12;
    cr_assert_neq(submit(&city, on, NULL), LZ_ok);
    on.subject = of_sibling;
    cr_assert_eq(submit(&city, on, NULL), LZ_not_found);
    struct rec_id task = issue(&city, KIND_task, 0, RECIPIENT);
    on.subject = task;
    cr_assert_neq(submit(&city, on, NULL), LZ_ok, "a task is no entry");
    /* from above, on what this unit does not hold, or what is not its to change */
    struct rec_id subjects[] = { { RECIPIENT, kind_called("grid"), 77, 7 }, of_sibling, version };
    for (size_t i = 0; i < LZ_COUNT(subjects); i++) {
        uint32_t to[] = { RECIPIENT };
        struct record r = { .origin = ISSUER, .kind = KIND_ruling, .stamp = (UINT64_C(1) << 60) + i, .epoch = 1, .lane = LANE_ROUTINE,
                            .direction = DIRECTION_DOWN, .reach = REACH_TARGETS, .tier = TIER_CITY, .targets = to, .n_targets = 1,
                            .subject = subjects[i], .of.ruling = { 2, { 0 } } };
        begin(&county);
        cr_assert_eq(record_encode(arena, &r, &fail), LZ_ok, "%s", fail.text);
        cr_assert_eq(flow_land(county.flow, &r, LAND_PEER), LZ_ok);
        end(&county);
    }
    must_verify(&county);
}

/* ---- sums ---- */
Test(sums, go_up_and_are_exact) {
    uint32_t both[] = { RECIPIENT, SIBLING };
    struct rec_id id, whole = { 0 };
    cr_assert_eq(submit(&city, directive(KIND_task, "焦林长办〔2022〕6号", day(20220630, 0), both, 2), &id), LZ_ok);
    exchange(&city, &county);
    exchange(&city, &sibling);
    do_move(&county, id, "sign", 0);
    do_move(&sibling, id, "sign", 0);
    cr_assert_eq(report_progress(&county, id, 20220425, 3, 10), LZ_ok);
    cr_assert_eq(report_progress(&sibling, id, 20220425, 15, 30), LZ_ok);
    wall += 5000;
    pause_(&county);
    pause_(&sibling);
    exchange(&city, &county);
    exchange(&city, &sibling);
    exchange(&city, &county);
    struct counters c = sum_of(&city, KIND_task, id, 0);
    cr_assert(c.of[COUNTER_total] == 2 && c.of[COUNTER_numerator] == 18 && c.of[COUNTER_denominator] == 40 && c.of[COUNTER_reporting] == 2);
    cr_assert_eq(c.of[COUNTER_state_0 + HANDLING_handling], 2);
    c = sum_of(&city, KIND_task, id, RECIPIENT);
    cr_assert(c.of[COUNTER_total] == 1 && c.of[COUNTER_numerator] == 3);
    c = sum_of(&city, KIND_task, whole, 0);
    cr_assert(c.of[COUNTER_total] == 2 && c.of[COUNTER_numerator] == 18);
    wall += 5000;
    pause_(&city);
    exchange(&province, &city);
    c = sum_of(&province, KIND_task, id, 0);
    cr_assert(c.of[COUNTER_total] == 2 && c.of[COUNTER_denominator] == 40, "the province does not hold the task and knows its sum");
    must_verify(&city);
    must_verify(&province);
}

/* Two children that each send as much as a record may hold: what goes up stands at that, and the other figures are right. */
Test(sums, that_are_absurd_still_go_up) {
    struct node *children[] = { &county, &sibling };
    struct rec_id none = { 0 };
    for (size_t i = 0; i < 2; i++) {
        uint8_t key[2 + REC_ID_BYTES] = { 0, KIND_task };
        struct record r = { .origin = children[i]->unit, .kind = KIND_rollup, .stamp = UINT64_C(1) << 60, .epoch = 1, .lane = LANE_ROUTINE,
                            .direction = DIRECTION_UP, .reach = REACH_PARENT, .tier = TIER_COUNTY, .key = lz_bytes_of(key, sizeof key) };
        r.of.rollup = (struct rollup){ .kind = KIND_task };
        r.of.rollup.sum.of[COUNTER_total] = 3;
        r.of.rollup.sum.of[COUNTER_numerator] = ROLLUP_VALUE_MAX;
        r.of.rollup.sum.of[COUNTER_denominator] = -ROLLUP_VALUE_MAX;
        begin(&city);
        cr_assert_eq(record_encode(arena, &r, &fail), LZ_ok, "%s", fail.text);
        cr_assert_eq(flow_land(city.flow, &r, LAND_PEER), LZ_ok);
        end(&city);
    }
    wall += 5000;
    pause_(&city);
    exchange(&province, &city);
    struct counters c = sum_of(&province, KIND_task, none, 0);
    cr_assert(c.of[COUNTER_total] == 6 && c.of[COUNTER_numerator] == ROLLUP_VALUE_MAX && c.of[COUNTER_denominator] == -ROLLUP_VALUE_MAX);
    must_verify(&city);
}

Test(sums, lose_a_child_that_was_removed_and_have_it_again) {
    uint32_t both[] = { RECIPIENT, SIBLING };
    struct rec_id id;
    cr_assert_eq(submit(&city, directive(KIND_task, "", day(20220630, 0), both, 2), &id), LZ_ok);
    exchange(&city, &county);
    exchange(&city, &sibling);
    wall += 5000;
    pause_(&county);
    pause_(&sibling);
    exchange(&city, &county);
    exchange(&city, &sibling);
    cr_assert_eq(sum_of(&city, KIND_task, id, 0).of[COUNTER_total], 2);
    begin(&city);
    cr_assert(roster_remove(city.roster, SIBLING));
    flow_child_part(city.flow, SIBLING, false);
    end(&city);
    cr_assert_eq(sum_of(&city, KIND_task, id, 0).of[COUNTER_total], 1);
    cr_assert_eq(sum_of(&city, KIND_task, id, SIBLING).of[COUNTER_total], 0);
    cr_assert_eq(sum_of(&city, KIND_task, (struct rec_id){ 0 }, 0).of[COUNTER_total], 1);
    must_verify(&city);
    enrol(&city, SIBLING);
    begin(&city);
    flow_child_part(city.flow, SIBLING, true);
    end(&city);
    cr_assert_eq(sum_of(&city, KIND_task, id, 0).of[COUNTER_total], 2);
    begin(&city);
    flow_child_part(city.flow, SIBLING, true);
    end(&city);
    cr_assert_eq(sum_of(&city, KIND_task, id, 0).of[COUNTER_total], 2, "twice is once");
    must_verify(&city);
}

Test(sums, stay_exact_through_everything, .timeout = 120) {
    struct rec_id ids[40], problems[20];
    size_t n_ids = 0, n_problems = 0;
    struct node *const children[] = { &county, &sibling };
    static const char *const names[] = { "sign", "start", "report", "ask_extension" }, *const rulings[] = { "return", "close", "urge", "withdraw", "extend" };
    static const char *const problem_moves[] = { "accept", "reject", "handle", "feedback", "verify", "return", "close", "reopen", "escalate",
            "suspend", "assign" };
    uint32_t both[] = { RECIPIENT, SIBLING };
    dice_state = 77;
    for (int round = 0; round < 250; round++) {
        struct node *child = children[dice(2)];
        switch (dice(8)) {
        case 0:
            if (n_ids < LZ_COUNT(ids) && submit(&city, directive(dice(2) ? KIND_task : KIND_work_reminder, "", wall + dice(40) * LZ_DAY_MS + 1, both,
                    2), &ids[n_ids]) == LZ_ok) n_ids++;
            break;
        case 1: if (n_problems < LZ_COUNT(problems)) problems[n_problems++] = find_problem(child); break;
        case 2: case 3: if (n_ids) (void)!move_now(child, ids[dice(n_ids)], names[dice(LZ_COUNT(names))], 0, wall + LZ_DAY_MS); break;
        case 4: if (n_ids) (void)!move_now(&city, ids[dice(n_ids)], rulings[dice(LZ_COUNT(rulings))], both[dice(2)], wall + LZ_DAY_MS); break;
        case 5: if (n_ids) (void)!report_progress(child, ids[dice(n_ids)], lz_date_of(wall), (int64_t)dice(10), 10); break;
        case 6:
            if (n_problems) (void)!move_now(dice(2) ? &city : child, problems[dice(n_problems)], problem_moves[dice(LZ_COUNT(problem_moves))],
                    RECIPIENT, wall + LZ_DAY_MS);
            break;
        default:
            exchange(&city, child);
            wall += dice(3) ? dice(100) : dice(4) * LZ_DAY_MS;
            pause_(&city);
            pause_(child);
        }
    }
    wall += 2000;
    for (int i = 0; i < 3; i++) {
        wall += 2000;
        pause_(&county);
        pause_(&sibling);
        exchange(&city, &county);
        exchange(&city, &sibling);
    }
    must_verify(&city);
    must_verify(&county);
    must_verify(&sibling);
    cr_assert(n_ids > 20 && n_problems > 15);
    struct rec_id whole = { 0 };
    struct counters total = sum_of(&city, KIND_task, whole, 0), a = sum_of(&county, KIND_task, whole, 0), b = sum_of(&sibling, KIND_task, whole, 0);
    for (size_t i = 0; i < COUNTER_COUNT; i++) cr_assert_eq(total.of[i], a.of[i] + b.of[i], "counter %zu", i);
}

Test(sums, that_were_tampered_with_are_found) {
    struct rec_id id = issue(&city, KIND_task, 0, RECIPIENT);
    exchange(&city, &county);
    must_verify(&county);
    struct key keys[] = { key_rollup(KIND_task, id, RECIPIENT), key_rollup(KIND_task, id, 0), key_standing(id, RECIPIENT), { 0 } };
    enum table tables[] = { TABLE_rollup, TABLE_rollup, TABLE_standing, TABLE_feed };
    for (size_t i = 0; i < LZ_COUNT(keys); i++) {
        struct lz_bytes v;
        uint8_t was[1024], bad[1024];
        begin(&county);
        if (keys[i].len == 0) cr_assert(store_seek(county.store, tables[i], &keys[i], &v));
        cr_assert(store_get(county.store, tables[i], keys[i], &v) && v.len < sizeof was);
        size_t len = v.len;
        memcpy(was, v.data, len);
        memcpy(bad, was, len);
        bad[tables[i] == TABLE_rollup ? COUNTER_total * 8 + 7 : tables[i] == TABLE_feed ? len - 1 : 1] ^= 2;
        store_put(county.store, tables[i], keys[i], lz_bytes_of(bad, len));
        cr_assert_eq(store_commit(county.store), LZ_ok);
        struct verify verify;
        begin(&county);
        flow_verify(county.flow, &verify);
        cr_assert_gt(verify.differences, 0, "%s", table_name(tables[i]));
        cr_assert_gt(verify.first.len, 0);
        store_abort(county.store);
        store_put(county.store, tables[i], keys[i], lz_bytes_of(was, len));
        cr_assert_eq(store_commit(county.store), LZ_ok);
        must_verify(&county);
    }
}

/* With a right checksum, as a disk that lies well leaves them: they are refused as a whole, or without effect, and nothing else breaks. */
Test(sums, of_no_possible_size_are_refused) {
    struct rec_id id = issue(&city, KIND_task, 0, RECIPIENT);
    exchange(&city, &county);
    static const size_t places[] = { COUNTER_total * 8, COUNTER_COUNT * 8 + 21 };      /* a sum; how long the label is */
    for (size_t i = 0; i < LZ_COUNT(places); i++) {
        struct key key = key_rollup(KIND_task, id, 0);
        struct counters sum;
        struct lz_bytes v;
        uint8_t bad[1024];
        begin(&county);
        cr_assert(store_get(county.store, TABLE_rollup, key, &v) && v.len < sizeof bad);
        size_t len = v.len;
        memcpy(bad, v.data, len);
        memset(bad + places[i], 0x7f, 2);
        store_put(county.store, TABLE_rollup, key, lz_bytes_of(bad, len));
        cr_assert_eq(store_commit(county.store), LZ_ok);
        begin(&county);
        cr_assert_not(flow_rollup(county.flow, KIND_task, id, 0, &sum));
        store_abort(county.store);
        flow_forget(county.flow);
        do_move(&county, id, i == 0 ? "sign" : "start", 0);
        begin(&county);
        cr_assert(store_get(county.store, TABLE_rollup, key, &v) && v.len < 800, "it is written anew, not with what lies behind it");
        store_abort(county.store);
    }
    struct key key = key_standing(id, RECIPIENT);
    struct standing s;
    struct lz_bytes v;
    uint8_t bad[1024];
    begin(&county);
    cr_assert(store_get(county.store, TABLE_standing, key, &v) && v.len < sizeof bad);
    size_t len = v.len;
    memcpy(bad, v.data, len);
    memset(bad + len - 8, 0x7f, 8);                                /* the task's denominator */
    store_put(county.store, TABLE_standing, key, lz_bytes_of(bad, len));
    cr_assert_eq(store_commit(county.store), LZ_ok);
    begin(&county);
    cr_assert_not(flow_standing(county.flow, id, RECIPIENT, &s));
    store_abort(county.store);
}

Test(sums, of_an_index_that_leads_to_another_subject) {
    struct rec_id one = find_problem(&county), two = find_problem(&county);
    do_move(&county, one, "accept", 0);
    begin(&county);
    struct record *moves;
    cr_assert_eq(flow_moves(county.flow, one, 0, &moves), 1);
    struct rec_id move = record_id(&moves[0]);
    store_abort(county.store);
    flow_forget(county.flow);
    begin(&county);
    store_put(county.store, TABLE_subject, key_move(two, 0, move.origin, move.stamp, move.epoch), (struct lz_bytes){ 0 });
    cr_assert_eq(store_commit(county.store), LZ_ok);
    do_move(&county, two, "accept", 0);                            /* its records are routed again, the other's move is not among them */
    cr_assert_eq(standing(&county, one, 0).state, PROBLEM_accepted);
}

/* ---- what a neighbour may bring that this version would not write ---- */
static struct record from(uint32_t origin, uint16_t kind, uint64_t stamp) {
    const struct kind_row *row = kind_row(kind);
    cr_assert(row);
    return (struct record){ .origin = origin, .kind = kind, .stamp = stamp, .epoch = 7, .tier = tier_of(origin), .lane = (uint8_t)row->lane,
                            .direction = (uint8_t)row->direction, .reach = (uint8_t)row->reach, .author = str("clerk"), .written_ms = wall };
}
static struct record foreign_move(uint32_t origin, struct rec_id subject, const char *name, uint64_t stamp) {
    struct record r = from(origin, KIND_move, stamp);
    r.subject = subject;
    r.of.move = (struct move){ .move = number_of(kind_row(subject.kind)->machine, name), .text = str("text") };
    return r;
}
enum way { BY_PEER, BY_RECLAIM, BY_ADOPTION, BY_HEALING };
static enum lz_err land(struct node *n, struct record r, enum way way) {
    struct record back;
    begin(n);
    cr_assert_eq(record_encode(arena, &r, &fail), LZ_ok, "%s", fail.text);
    cr_assert_eq(record_decode(arena, r.envelope, &back, &fail), LZ_ok, "%s", fail.text);
    enum lz_err err = way == BY_ADOPTION ? flow_adopt(n->flow, &back) : way == BY_HEALING ? flow_heal(n->flow, &back)
                    : flow_land(n->flow, &back, way == BY_RECLAIM ? LAND_RECLAIM : LAND_PEER);
    end(n);
    return err;
}
static const uint64_t LATER = (uint64_t)1 << 62;                    /* a stamp behind all that the nodes give */

Test(foreign, moves_on_what_has_no_life_are_kept_without_effect) {
    struct rec_id duty = { RECIPIENT, KIND_duty, 5, 5 }, unheard_of = { RECIPIENT, 200, 5, 5 }, absent = { RECIPIENT, KIND_problem, 9, 9 };
    struct record r = from(RECIPIENT, KIND_move, LATER);
    struct standing s;
    r.of.move = (struct move){ .move = 2, .text = str("text") };
    r.subject = duty;
    cr_assert_eq(land(&city, r, BY_PEER), LZ_ok);
    r.stamp++, r.subject = unheard_of;
    cr_assert_eq(land(&city, r, BY_PEER), LZ_ok);
    cr_assert_eq(land(&city, foreign_move(RECIPIENT, absent, "accept", LATER + 2), BY_PEER), LZ_ok);
    begin(&city);
    cr_assert(!flow_standing(city.flow, duty, 0, &s) && !flow_standing(city.flow, unheard_of, 0, &s));
    cr_assert(flow_standing(city.flow, absent, 0, &s) && s.effective == 0 && !s.counted);
    store_abort(city.store);
    flow_forget(city.flow);
    must_verify(&city);
    struct mend mend;
    begin(&city);
    flow_mend(city.flow, true, &mend);
    end(&city);
    must_verify(&city);
}

Test(foreign, progress_on_what_is_no_task_counts_nowhere) {
    struct rec_id problem = find_problem(&county), task = issue(&city, KIND_task, 0, RECIPIENT);
    struct record r = from(RECIPIENT, KIND_progress, LATER);
    struct mend mend;
    exchange(&city, &county);
    r.subject = problem;
    r.of.progress = (struct progress){ 20220425, 1, 2, str("text") };
    cr_assert_eq(land(&city, r, BY_PEER), LZ_ok);
    /* of two as of one day the later written counts, whichever comes first */
    r.subject = task;
    r.stamp = LATER + 2;
    r.of.progress = (struct progress){ 20220425, 7, 10, str("later") };
    cr_assert_eq(land(&city, r, BY_PEER), LZ_ok);
    r.stamp = LATER + 1;
    r.of.progress = (struct progress){ 20220425, 3, 10, str("earlier") };
    cr_assert_eq(land(&city, r, BY_PEER), LZ_ok);
    struct standing s = standing(&city, task, RECIPIENT);
    cr_assert(s.numerator == 7 && s.n_progress == 2);
    for (int anew = 0; anew < 2; anew++) {
        begin(&city);
        flow_mend(city.flow, anew, &mend);
        end(&city);
        s = standing(&city, task, RECIPIENT);
        cr_assert(s.numerator == 7 && s.n_progress == 2, "made again: %u", s.n_progress);
        must_verify(&city);
    }
}

Test(foreign, an_order_from_below_is_not_delivered) {
    uint32_t to[] = { ISSUER };
    struct record r = from(RECIPIENT, KIND_task, LATER);
    struct mend mend;
    r.targets = to, r.n_targets = 1;
    r.of.directive.title = str("from below");
    cr_assert_eq(land(&city, r, BY_PEER), LZ_ok);
    struct record *moves;
    begin(&city);
    cr_assert_eq(flow_moves(city.flow, record_id(&r), ISSUER, &moves), 0);
    flow_mend(city.flow, true, &mend);
    cr_assert_eq(flow_moves(city.flow, record_id(&r), ISSUER, &moves), 0);
    end(&city);
    must_verify(&city);
}

Test(foreign, times_of_nothing_hurt_nobody) {
    struct rec_id task = issue(&city, KIND_task, wall + 20 * (uint64_t)LZ_DAY_MS, RECIPIENT), problem = find_problem(&county);
    struct record r = foreign_move(RECIPIENT, task, "deliver", LATER);
    exchange(&city, &county);
    r.of.move.unit = RECIPIENT;
    r.written_ms = 0;
    cr_assert_eq(land(&city, r, BY_PEER), LZ_ok);
    struct rec_id delivered = standing(&city, task, RECIPIENT).head;
    r = foreign_move(RECIPIENT, task, "sign", LATER + 1);
    r.of.move.unit = RECIPIENT;
    r.of.move.follows = delivered;
    r.written_ms = 0;
    cr_assert_eq(land(&city, r, BY_PEER), LZ_ok);
    struct standing s = standing(&city, task, RECIPIENT);
    cr_assert(s.state == HANDLING_signed && s.signed_ms == 0 && s.colour == COLOUR_RED, "behind a plan that began with time itself: %u", s.colour);
    /* put off until no date, and passed to nobody */
    r = foreign_move(RECIPIENT, problem, "accept", LATER + 2);
    cr_assert_eq(land(&county, r, BY_RECLAIM), LZ_ok);
    r = foreign_move(RECIPIENT, problem, "suspend", LATER + 3);
    r.of.move.follows = standing(&county, problem, 0).head;
    cr_assert_eq(land(&county, r, BY_RECLAIM), LZ_ok);
    s = standing(&county, problem, 0);
    cr_assert(s.state == PROBLEM_suspended && s.due_ms == 0 && s.colour == COLOUR_GREEN && s.judge_ms == 0);
    r = foreign_move(RECIPIENT, problem, "handle", LATER + 4);
    r.of.move.follows = s.head;
    cr_assert_eq(land(&county, r, BY_RECLAIM), LZ_ok);
    for (uint64_t i = 0; i < 2; i++) {
        r = foreign_move(RECIPIENT, problem, "escalate", LATER + 5 + i);
        r.of.move.follows = standing(&county, problem, 0).head;
        r.of.move.to_unit = i ? RECIPIENT : 0;                       /* to nobody; to whom it belongs already */
        cr_assert_eq(land(&county, r, BY_RECLAIM), LZ_ok);
        s = standing(&county, problem, 0);
        cr_assert(s.state == PROBLEM_handling && s.owner == RECIPIENT && s.overtaken == i + 1);
    }
    must_verify(&county);
    must_verify(&city);
}

Test(foreign, a_register_of_two_lives_of_one_store) {
    struct record r = from(RECIPIENT, KIND_duty, LATER);
    r.key = str("1");
    r.of.duty.name = str("甲");
    cr_assert_eq(land(&city, r, BY_PEER), LZ_ok);
    cr_assert_eq(land(&city, r, BY_PEER), LZ_already);
    r.of.duty.name = str("乙");
    cr_assert_eq(land(&city, r, BY_PEER), LZ_conflict, "one name, two contents");
    cr_assert_eq(land(&city, r, BY_ADOPTION), LZ_conflict);
    cr_assert_eq(land(&city, r, BY_HEALING), LZ_conflict);
    r.epoch--;
    cr_assert_eq(land(&city, r, BY_PEER), LZ_already, "the later life counts");
    r.epoch += 2;
    cr_assert_eq(land(&city, r, BY_PEER), LZ_ok);
    /* what lies there cannot be read: whatever comes is better */
    begin(&city);
    struct key key = key_record(RECIPIENT, KIND_duty, str("1"), 0, 0);
    uint8_t no_envelope[] = { 0, 0, 'n', 'o', 'n', 'e' };
    store_put(city.store, TABLE_record, key, lz_bytes_of(no_envelope, sizeof no_envelope));
    end(&city);
    r.stamp--;
    cr_assert_eq(land(&city, r, BY_PEER), LZ_ok);
    struct record back;
    begin(&city);
    struct stored stored;
    cr_assert(store_record_get(city.store, key, &stored) && record_decode(arena, stored.envelope, &back, NULL) == LZ_ok && back.stamp == r.stamp);
    store_abort(city.store);
}

Test(foreign, what_is_held_already_is_adopted_and_healed_without_a_second_effect) {
    struct rec_id task = issue(&city, KIND_task, wall + 20 * (uint64_t)LZ_DAY_MS, RECIPIENT), problem = find_problem(&county);
    exchange(&city, &county);
    struct record r, *moves;
    begin(&county);
    cr_assert(flow_record(county.flow, task, &r));
    struct record order = r;
    uint8_t bytes[1024];
    cr_assert_lt(r.envelope.len, sizeof bytes);
    memcpy(bytes, r.envelope.data, r.envelope.len);
    size_t len = r.envelope.len;
    store_abort(county.store);
    flow_forget(county.flow);
    for (int adopts = 0; adopts < 2; adopts++) {
        begin(&county);
        cr_assert_eq(record_decode(arena, lz_bytes_of(bytes, len), &order, &fail), LZ_ok);
        cr_assert_eq(adopts ? flow_adopt(county.flow, &order) : flow_heal(county.flow, &order), adopts ? LZ_ok : LZ_already);
        end(&county);
        begin(&county);
        cr_assert_eq(flow_moves(county.flow, task, RECIPIENT, &moves), 1, "delivered once");
        store_abort(county.store);
        flow_forget(county.flow);
    }
    /* its record is gone: it is healed, and what was derived from it stands as it stood */
    begin(&county);
    store_delete(county.store, TABLE_record, key_id(task));
    end(&county);
    begin(&county);
    cr_assert_eq(record_decode(arena, lz_bytes_of(bytes, len), &order, &fail), LZ_ok);
    cr_assert_eq(flow_heal(county.flow, &order), LZ_ok);
    end(&county);
    begin(&county);
    cr_assert_eq(flow_moves(county.flow, task, RECIPIENT, &moves), 1);
    store_abort(county.store);
    flow_forget(county.flow);
    must_verify(&county);
    (void)problem;
}

Test(foreign, who_takes_part_in_a_problem) {
    struct rec_id problem = find_problem(&county), absent = { RECIPIENT, KIND_problem, 9, 9 };
    struct record r = foreign_move(SIBLING, problem, "handle", LATER), order = from(ISSUER, KIND_task, LATER);
    exchange(&city, &county);
    do_move(&county, problem, "escalate", 0);
    exchange(&city, &county);
    do_move(&city, problem, "accept", 0);
    const struct child *at_sibling = roster_find(city.roster, SIBLING), *at_county = roster_find(city.roster, RECIPIENT);
    begin(&city);
    cr_assert(flow_takes_part(city.flow, &order, at_sibling), "only of problems is it asked");
    cr_assert(flow_takes_part(city.flow, &r, at_county), "its finder");
    cr_assert(!flow_takes_part(city.flow, &r, at_sibling), "nobody gave it to that one");
    r.subject = absent;
    cr_assert(flow_takes_part(city.flow, &r, at_sibling), "not known here: nobody can say");
    store_abort(city.store);
    flow_forget(city.flow);
    struct record self = foreign_move(SIBLING, problem, "assign", LATER + 1);      /* hands it to itself: no hand but its own says so */
    self.of.move.to_unit = SIBLING;
    cr_assert_eq(land(&city, self, BY_PEER), LZ_ok);
    r.subject = problem;
    begin(&city);
    cr_assert(!flow_takes_part(city.flow, &r, at_sibling));
    store_abort(city.store);
    flow_forget(city.flow);
    do_move(&city, problem, "assign", SIBLING);
    do_move(&city, problem, "handle", 0);
    do_move(&city, problem, "assign", SIBLING);                       /* once more: it is told once */
    begin(&city);
    cr_assert(flow_takes_part(city.flow, &r, at_sibling) && !flow_takes_part(city.flow, &r, roster_find(province.roster, ISSUER)) == false);
    store_abort(city.store);
    flow_forget(city.flow);
    carry(&city, SIBLING, &sibling);
    cr_assert_eq(standing(&sibling, problem, 0).handler, SIBLING);
    must_verify(&sibling);
}

/* An assignment from below reaches whom its author holds, and nobody else. */
Test(foreign, an_assignment_reaches_its_authors_own) {
    struct rec_id problem = find_problem(&county);
    do_move(&county, problem, "escalate", 0);
    exchange(&city, &county);
    do_move(&city, problem, "escalate", 0);
    exchange(&province, &city);
    do_move(&province, problem, "accept", 0);
    do_move(&province, problem, "assign", ISSUER);
    exchange(&province, &city);
    cr_assert_eq(standing(&city, problem, 0).handler, ISSUER);
    do_move(&province, problem, "handle", 0);
    do_move(&province, problem, "assign", province.unit);              /* to itself */
    cr_assert_eq(standing(&province, problem, 0).handler, province.unit);
    exchange(&province, &city);
    cr_assert_eq(standing(&city, problem, 0).handler, province.unit);
    struct record r = foreign_move(ABOVE, problem, "assign", LATER);   /* to nobody */
    r.of.move.follows = standing(&province, problem, 0).head;
    r.of.move.to_unit = 0;
    cr_assert_eq(land(&city, r, BY_PEER), LZ_ok);
    must_verify(&city);
    must_verify(&province);
}

/* ---- recipients, and who may what ---- */
Test(foreign, recipients_as_far_as_a_node_can_see) {
    uint32_t to[] = { RECIPIENT, 410100, ISSUER, 411000 };
    const uint32_t *units_of;
    struct record r = from(ABOVE, KIND_task, LATER);
    r.targets = to, r.n_targets = LZ_COUNT(to);
    begin(&city);
    cr_assert_eq(flow_recipients(city.flow, &r, &units_of), 2);
    cr_assert(units_of[0] == RECIPIENT && units_of[1] == ISSUER);
    cr_assert(flow_is_recipient(city.flow, &r, ISSUER) && !flow_is_recipient(city.flow, &r, 410102) && !flow_is_recipient(city.flow, &r, ABOVE));
    r.target_all = true, r.n_targets = 0;
    cr_assert(flow_is_recipient(city.flow, &r, RECIPIENT) && flow_is_recipient(city.flow, &r, ISSUER));
    cr_assert(!flow_is_recipient(city.flow, &r, 999999), "in no table of divisions");
    store_abort(city.store);
}
/* What `legal` says is what submitting allows, at each node that has a part in it. */
Test(foreign, the_legal_moves_are_those_that_are_not_refused) {
    struct rec_id task = issue(&city, KIND_task, 0, RECIPIENT), problem = find_problem(&county);
    struct node *all[] = { &province, &city, &county, &sibling };
    exchange(&city, &county);
    do_move(&county, problem, "escalate", 0);
    exchange(&city, &county);
    do_move(&city, problem, "accept", 0);
    do_move(&city, problem, "assign", SIBLING);
    exchange(&city, &sibling);
    exchange(&city, &county);
    exchange(&province, &city);
    struct record d = { .kind = KIND_emergency };
    struct rec_id fire;
    d.of.emergency = (struct emergency){ .title = str("火情"), .class = 1 };
    cr_assert_eq(submit(&county, d, &fire), LZ_ok);
    exchange(&city, &county);
    exchange(&province, &city);
    struct rec_id subjects[] = { task, problem, fire };
    size_t legal = 0, refused = 0;
    for (size_t n = 0; n < LZ_COUNT(all); n++)
        for (size_t k = 0; k < LZ_COUNT(subjects); k++)
            for (size_t i = 0; i < move_count(); i++) {
                const struct move_row *row = move_at(i);
                if (row->machine != kind_row(subjects[k].kind)->machine || row->by == BY_DAEMON) continue;
                struct record subject, move = { .kind = KIND_move, .subject = subjects[k] };
                struct standing s = { 0 };
                struct rec_id id;
                char text[1024], word[64];
                begin(all[n]);
                bool there = flow_record(all[n]->flow, subjects[k], &subject);
                uint32_t unit = k == 0 ? RECIPIENT : 0;
                if (there) flow_standing(all[n]->flow, subjects[k], unit, &s);
                if (there) flow_legal(all[n]->flow, &subject, &s, unit, LZ_ZH, text, sizeof text);
                else text[0] = 0;
                move.of.move = (struct move){ .move = row->number, .unit = k == 0 && row->by == BY_ISSUER ? RECIPIENT : 0, .text = str("text"),
                                              .to_unit = all[n]->unit, .due_ms = wall + 40 * (uint64_t)LZ_DAY_MS };
                enum lz_err err = flow_submit(all[n]->flow, &move, str("clerk"), (struct lz_bytes){ 0 }, 0, &id, &fail);
                store_abort(all[n]->store);
                flow_forget(all[n]->flow);
                snprintf(word, sizeof word, " %s", row->name);
                const char *at = text;
                bool said = false;
                while (!said && (at = strstr(at, word)) != NULL) {
                    at += strlen(word);
                    said = *at == 0 || strncmp(at, "、", 3) == 0;
                }
                bool top = strcmp(row->name, "escalate") == 0 && all[n]->parent == 0;
                cr_assert(said == (err == LZ_ok) || top, "%u, %s: '%s', and %s: %s", all[n]->unit, row->name, text, lz_err_name(err), fail.text);
                legal += said;
                refused += !said;
            }
    cr_assert(legal > 10 && refused > 40, "%zu legal, %zu refused", legal, refused);
    char little[30];
    struct record subject;
    begin(&city);
    cr_assert(flow_record(city.flow, task, &subject));
    struct standing s;
    cr_assert(flow_standing(city.flow, task, RECIPIENT, &s));
    flow_legal(city.flow, &subject, &s, RECIPIENT, LZ_ZH, little, sizeof little);
    cr_assert(lz_text_valid(str(little)) && strlen(little) < sizeof little, "as much as fits, and no half of a word");
    store_abort(city.store);
}

/* ---- submitting: what only a program would ask ---- */
Test(submit, what_no_clerks_verb_asks_is_refused_too) {
    struct rec_id id = issue(&city, KIND_task, 0, RECIPIENT), problem = find_problem(&city), made;
    struct record d = { .kind = KIND_move, .subject = { ISSUER, KIND_duty, 5, 5 } };
    cr_assert_eq(submit(&city, d, NULL), LZ_bad_argument, "no life cycle");
    d.subject.kind = 200;
    cr_assert_eq(submit(&city, d, NULL), LZ_bad_argument);
    d.subject = id;
    d.of.move.move = 250;
    cr_assert_eq(submit(&city, d, NULL), LZ_bad_argument, "no such move");
    cr_assert_eq(move_now(&city, id, "sign", 0, 0), LZ_not_allowed, "the issuer is no recipient");
    do_move(&city, problem, "accept", 0);
    cr_assert_eq(move_now(&city, problem, "assign", 0, 0), LZ_bad_argument, "to whom?");
    cr_assert_eq(move_now(&city, problem, "assign", 410100, 0), LZ_unknown_unit);
    cr_assert_eq(move_now(&city, problem, "assign", ISSUER, 0), LZ_ok, "to oneself");
    cr_assert_eq(report_progress(&city, problem, 20220425, 1, 2), LZ_bad_argument);
    struct record duty = { .kind = KIND_duty };
    duty.of.duty.name = str("甲");
    cr_assert_eq(submit(&city, duty, NULL), LZ_bad_argument);
    cr_assert(strstr(fail.text, "缺少编号"), "%s", fail.text);
    struct record event = { .kind = KIND_problem, .key = str("1") };
    event.of.problem.title = str("毁林");
    cr_assert_eq(submit(&city, event, NULL), LZ_bad_argument);
    cr_assert(strstr(fail.text, "没有编号"), "%s", fail.text);
    struct record none = { .kind = KIND_none };
    cr_assert_eq(submit(&city, none, NULL), LZ_unknown_kind);
    /* below a county there is nobody, but for who is enrolled there */
    struct record all = directive(KIND_task, "", 0, NULL, 0);
    all.target_all = true;
    cr_assert_eq(submit(&county, all, NULL), LZ_bad_argument);
    uint8_t key[32] = { 9 };
    uint32_t village[] = { 999001 }, to[] = { 999001 };
    cr_assert_eq(roster_add(county.roster, 999001, key, village, 1, &fail), LZ_ok);
    cr_assert_eq(submit(&county, all, &made), LZ_ok, "%s", fail.text);
    cr_assert_eq(submit(&county, directive(KIND_task, "", 0, to, 1), &made), LZ_ok, "enrolled, though in no table of divisions: %s", fail.text);
    /* a letter that wants an answer is closed when there is one */
    uint32_t one[] = { RECIPIENT };
    struct record letter = directive(KIND_supervision_letter, "", 0, one, 1);
    letter.of.directive.answer_wanted = true;
    struct record plain = directive(KIND_supervision_letter, "", 0, one, 1);
    struct rec_id wants, wants_not;
    cr_assert(submit(&city, letter, &wants) == LZ_ok && submit(&city, plain, &wants_not) == LZ_ok);
    exchange(&city, &county);
    do_move(&county, wants, "sign", 0);
    do_move(&county, wants_not, "sign", 0);
    exchange(&city, &county);
    cr_assert_eq(move_now(&city, wants, "close", RECIPIENT, 0), LZ_illegal_move);
    cr_assert_eq(move_now(&city, wants_not, "close", RECIPIENT, 0), LZ_ok);
}
Test(submit, an_answer_that_rotted_is_no_answer) {
    struct rec_id id;
    struct record d = { .kind = KIND_problem };
    struct lz_bytes request = str("0123456789abcdef");
    d.of.problem.title = str("毁林");
    begin(&county);
    store_put(county.store, TABLE_ask, key_ask(request, 0), str("too short"));
    cr_assert_eq(flow_submit(county.flow, &d, str("clerk"), request, 0, &id, &fail), LZ_store_corrupt);
    cr_assert(strstr(fail.text, "repair"), "%s", fail.text);
    cr_assert_eq(flow_submit(county.flow, &d, str("clerk"), request, 1, &id, &fail), LZ_ok, "another one of it is not touched");
    end(&county);
    /* and a number whose row was damaged stays in use */
    uint32_t to[] = { RECIPIENT };
    cr_assert_eq(submit(&city, directive(KIND_task, "焦林长办〔2022〕6号", 0, to, 1), NULL), LZ_ok);
    begin(&city);
    store_put(city.store, TABLE_number, key_number(ISSUER, 2022, KIND_task, 6), str("?"));
    end(&city);
    cr_assert_eq(submit(&city, directive(KIND_task, "焦林长办〔2022〕6号", 0, to, 1), NULL), LZ_number_used);
}
Test(submit, the_last_moves_of_a_subject_are_kept_for_its_end) {
    struct rec_id id = issue(&city, KIND_task, 0, RECIPIENT);
    exchange(&city, &county);
    do_move(&county, id, "sign", 0);
    begin(&county);
    for (uint64_t i = 0; i < SUBJECT_MOVES_MAX - 64; i++) store_put(county.store, TABLE_subject, key_move(id, RECIPIENT, 1, i, 1), str(""));
    end(&county);
    cr_assert_eq(move_now(&county, id, "ask_extension", 0, wall + LZ_DAY_MS), LZ_too_many);
    cr_assert_eq(move_now(&county, id, "start", 0, 0), LZ_ok);
    begin(&county);
    for (uint64_t i = 0; i < SUBJECT_MOVES_MAX + 9; i++) store_put(county.store, TABLE_subject, key_move(id, RECIPIENT, 1, i, 1), str(""));
    for (uint64_t i = 0; i < 5; i++) store_put(county.store, TABLE_subject, key_move(id, 0, 1, i, 1), str(""));
    end(&county);
    cr_assert_eq(move_now(&county, id, "report", 0, 0), LZ_too_many);
    struct record *moves;
    begin(&county);
    cr_assert_eq(flow_move_count(county.flow, id, RECIPIENT), SUBJECT_MOVES_MAX + 5);
    cr_assert_leq(flow_moves(county.flow, id, RECIPIENT, &moves), SUBJECT_MOVES_MAX, "an index that lies leads to no more than there may be");
    struct mend mend;
    flow_mend(county.flow, true, &mend);
    end(&county);
    cr_assert_eq(move_now(&county, id, "report", 0, 0), LZ_ok, "made good: %s", fail.text);
    must_verify(&county);
}

/* ---- deadlines at their edges ---- */
Test(deadline, of_a_task_that_is_due_today_or_was) {
    uint64_t due = day(20220426, 17);
    struct rec_id today = issue(&city, KIND_task, due, RECIPIENT), late = issue(&city, KIND_task, due, RECIPIENT);
    exchange(&city, &county);
    do_move(&county, today, "sign", 0);
    do_move(&county, today, "start", 0);
    wall = day(20220426, 9);
    pause_(&county);
    begin(&county);
    cr_assert_leq(flow_next_due(county.flow), due, "the hour of the day counts, before tomorrow's look");
    store_abort(county.store);
    advance(&county, due);
    cr_assert_eq(standing(&county, today, RECIPIENT).colour, COLOUR_RED);
    wall = day(20220427, 9);
    do_move(&county, late, "sign", 0);                                /* signed when it was over */
    cr_assert_eq(standing(&county, late, RECIPIENT).colour, COLOUR_RED);
}
Test(deadline, a_returned_problem_is_yellow_and_the_top_passes_nothing_up) {
    struct rec_id id = find_problem(&province);
    do_move(&province, id, "accept", 0);
    do_move(&province, id, "handle", 0);
    do_move(&province, id, "feedback", 0);
    do_move(&province, id, "return", 0);
    cr_assert_eq(standing(&province, id, 0).colour, COLOUR_YELLOW);
    advance(&province, wall + 40 * (uint64_t)LZ_DAY_MS);
    struct standing s = standing(&province, id, 0);
    cr_assert(s.colour == COLOUR_RED && s.state == PROBLEM_returned && !s.auto_escalated);
    cr_assert_eq(move_now(&province, id, "escalate", 0, 0), LZ_illegal_move);
    must_verify(&province);
}
Test(deadline, an_urge_waits_no_longer_than_its_due_date) {
    struct rec_id id = issue(&city, KIND_task, day(20220505, 17), RECIPIENT);   /* within a week and a holiday */
    exchange(&city, &county);
    exchange(&city, &county);
    struct standing s = standing(&city, id, RECIPIENT);
    cr_assert_eq(s.state, HANDLING_delivered);
    advance(&city, day(20220505, 16));
    s = standing(&city, id, RECIPIENT);
    cr_assert_eq(s.colour, COLOUR_RED, "not signed in time");
    cr_assert_eq(s.judge_ms, day(20220505, 17), "its own hour comes before tomorrow's urge");
    begin(&city);
    s.red_since_ms = wall - 30 * (uint64_t)LZ_DAY_MS;
    cr_assert(flow_offers_upgrade(city.flow, &s));
    s.red_since_ms = wall;
    cr_assert(!flow_offers_upgrade(city.flow, &s), "not yet");
    s.red_since_ms = 0;
    cr_assert(!flow_offers_upgrade(city.flow, &s));
    s.colour = COLOUR_YELLOW;
    cr_assert(!flow_offers_upgrade(city.flow, &s));
    s.machine = MACHINE_PROBLEM;
    cr_assert(!flow_offers_upgrade(city.flow, &s));
    store_abort(city.store);
}

/* ---- rows that only a disk can bring, with a right checksum: nothing breaks, verify tells, mending heals ---- */
static uint64_t differences(struct node *n) {
    struct verify v;
    begin(n);
    flow_verify(n->flow, &v);
    cr_assert(v.differences == 0 || v.first.len > 0);
    store_abort(n->store);
    flow_forget(n->flow);
    return v.differences;
}
static void mend(struct node *n) {
    struct mend mend;
    begin(n);
    flow_mend(n->flow, true, &mend);
    end(n);
}
Test(rows, that_fall_due_without_a_meaning_go) {
    struct rec_id id = issue(&city, KIND_task, wall + 2 * (uint64_t)LZ_DAY_MS, RECIPIENT);
    uint64_t rows = 0;
    struct store_counts counts;
    begin(&city);
    store_put(city.store, TABLE_due, key_u32(0), str(""));             /* too short; of no known purpose; of a sum where nobody is above */
    store_put(city.store, TABLE_due, key_due(1, 9, id, RECIPIENT), str(""));
    static const uint8_t odd[12] = { [8] = 1 };
    store_put(city.store, TABLE_due, key_bytes(lz_bytes_of(odd, sizeof odd)), str(""));
    end(&city);
    flow_forget(city.flow);
    advance(&city, wall + 3 * (uint64_t)LZ_DAY_MS);
    cr_assert_eq(standing(&city, id, RECIPIENT).colour, COLOUR_RED, "what falls due behind them is judged");
    struct key key = { 0 };
    struct lz_bytes v;
    begin(&city);
    for (; store_seek(city.store, TABLE_due, &key, &v); key = key_after(key), rows++) cr_assert_gt(lz_get64(key.b), wall);
    store_count(city.store, &counts);
    cr_assert_eq(rows, counts.entries[TABLE_due]);
    store_abort(city.store);
    begin(&province);
    store_put(province.store, TABLE_due, key_due(1, 2, (struct rec_id){ 0 }, KIND_task), str(""));
    end(&province);
    advance(&province, wall + 1000);
    must_verify(&province);
    begin(&province);
    struct stored stored;
    cr_assert(!store_record_get(province.store, key_record(ABOVE, KIND_rollup, str("\0\1"), 0, 0), &stored));
    cr_assert_eq(store_position(province.store), 0, "nobody is above: nothing was sent");
    store_abort(province.store);
}
Test(rows, of_a_wish_longer_than_there_are_kinds) {
    uint8_t wish[4 * (WISH_KINDS_MAX + 3) + 2];
    for (uint32_t i = 0; i < WISH_KINDS_MAX + 3; i++) lz_put32(wish + 4 * i, 100 + i);
    begin(&city);
    store_put(city.store, TABLE_wish, key_u32(ABOVE), lz_bytes_of(wish, sizeof wish));
    cr_assert(flow_wished(city.flow, 100) && flow_wished(city.flow, 100 + WISH_KINDS_MAX - 1) && !flow_wished(city.flow, 100 + WISH_KINDS_MAX));
    store_abort(city.store);
}
Test(rows, of_records_that_cannot_be_read) {
    struct rec_id id = issue(&city, KIND_task, 0, RECIPIENT);
    uint8_t no_envelope[] = { 0, 0, 'n', 'o', 'n', 'e' }, in_a_feed[] = { 0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 1, 'n', 'o' };
    exchange(&city, &county);
    begin(&county);
    flow_reroute(county.flow, key_id(id), str("x"));
    flow_reroute(county.flow, key_id(id), lz_bytes_of(no_envelope, sizeof no_envelope));
    cr_assert(!store_written(county.store), "nothing is entered for what cannot be read");
    store_abort(county.store);
    struct { struct key key; struct lz_bytes value; } bad[] = {
        { key_id((struct rec_id){ SIBLING, KIND_task, 1, 1 }), str("x") },
        { key_id((struct rec_id){ SIBLING, KIND_task, 2, 1 }), lz_bytes_of(no_envelope, sizeof no_envelope) },
        { key_id((struct rec_id){ SIBLING, KIND_task, 3, 1 }), lz_bytes_of(in_a_feed, sizeof in_a_feed) },
        { key_record(RECIPIENT, KIND_rollup, str("short"), 0, 0), lz_bytes_of(no_envelope, sizeof no_envelope) },
    };
    for (size_t i = 0; i < LZ_COUNT(bad); i++) {
        begin(&county);
        store_put(county.store, TABLE_record, bad[i].key, bad[i].value);
        flow_rollups_again(county.flow);
        end(&county);
        cr_assert_gt(differences(&county), 0, "%zu", i);
        mend(&county);                                                 /* it makes again what is derived, and touches no record */
        cr_assert_gt(differences(&county), 0, "%zu", i);
        begin(&county);
        store_delete(county.store, TABLE_record, bad[i].key);
        end(&county);
        mend(&county);
        cr_assert_eq(differences(&county), 0, "%zu", i);
    }
    /* a record under another's name; a child's sum that is none */
    struct stored stored;
    uint8_t copy[1024] = { 0, 0 };
    begin(&county);
    cr_assert(store_record_get(county.store, key_id(id), &stored) && stored.envelope.len < sizeof copy - 2);
    size_t len = stored.envelope.len;
    memcpy(copy + 2, stored.envelope.data, len);
    store_put(county.store, TABLE_record, key_id((struct rec_id){ ISSUER, KIND_task, 77, 1 }), lz_bytes_of(copy, len + 2));
    end(&county);
    cr_assert_gt(differences(&county), 0);
    begin(&city);
    store_put(city.store, TABLE_record, key_record(RECIPIENT, KIND_rollup, str("no sum"), 0, 0), lz_bytes_of(no_envelope, sizeof no_envelope));
    store_put(city.store, TABLE_record, key_record(RECIPIENT, KIND_rollup, str("no record"), 0, 0), str("x"));
    flow_child_part(city.flow, RECIPIENT, false);
    flow_child_part(city.flow, RECIPIENT, true);
    end(&city);
    cr_assert_eq(sum_of(&city, KIND_task, id, 0).of[COUNTER_total], 1, "the child's other sums are in place");
}
Test(rows, of_sums_in_shapes_that_we_never_write) {
    struct rec_id id = issue(&city, KIND_task, 0, RECIPIENT), problem = find_problem(&county);
    struct counters sum;
    exchange(&city, &county);
    static const uint8_t part[COUNTER_COUNT * 8 - 1];
    struct key bad[] = { key_rollup(KIND_task, id, 0), key_rollup(KIND_task, id, RECIPIENT), key_bytes(str("0123456789")), key_rollup(KIND_task, id, 410899),
                         key_bytes(str("ab0123456789012345678901234567")) };
    for (size_t i = 0; i < LZ_COUNT(bad); i++) {
        begin(&county);
        store_put(county.store, TABLE_rollup, bad[i], lz_bytes_of(part, i == 0 ? 5 : sizeof part));
        flow_rollups_again(county.flow);
        end(&county);
        cr_assert_gt(differences(&county), 0, "%zu", i);
        mend(&county);
        must_verify(&county);
    }
    /* a part whose total is gone */
    begin(&county);
    store_delete(county.store, TABLE_rollup, key_rollup(KIND_task, id, 0));
    store_delete(county.store, TABLE_rollup, key_rollup(KIND_task, (struct rec_id){ 0 }, 0));
    end(&county);
    cr_assert_gt(differences(&county), 0);
    begin(&county);
    flow_rollups_again(county.flow);
    end(&county);
    mend(&county);
    must_verify(&county);
    /* the parent's: a child's part that is too short is written anew from what the child sent */
    begin(&city);
    store_put(city.store, TABLE_rollup, key_rollup(KIND_task, id, RECIPIENT), lz_bytes_of(part, sizeof part));
    end(&city);
    cr_assert_gt(differences(&city), 0);
    mend(&city);
    must_verify(&city);
    /* sums of a subject that has no words; and one that is asked for in the turn that made it */
    begin(&county);
    cr_assert(!flow_rollup(county.flow, KIND_problem, problem, 0, &sum));
    store_abort(county.store);
    flow_forget(county.flow);
    begin(&county);
    struct record d = { .kind = KIND_emergency };
    struct rec_id fire;
    d.of.emergency = (struct emergency){ .title = str("火情"), .class = 1 };
    cr_assert_eq(flow_submit(county.flow, &d, str("clerk"), (struct lz_bytes){ 0 }, 0, &fire, &fail), LZ_ok);
    flow_settle(county.flow);
    cr_assert(flow_rollup(county.flow, KIND_emergency, (struct rec_id){ 0 }, 0, &sum) && sum.of[COUNTER_total] == 1);
    end(&county);
}
Test(rows, of_a_title_as_long_as_titles_may_be) {
    static char title[LABEL_BYTES_MAX + 1];
    uint32_t to[] = { RECIPIENT };
    struct rec_id id;
    memset(title, 't', LABEL_BYTES_MAX);
    struct record d = directive(KIND_task, "", 0, to, 1);
    d.of.directive.title = str(title);
    cr_assert_eq(submit(&city, d, &id), LZ_ok, "%s", fail.text);
    exchange(&city, &county);
    advance(&county, wall + 5000);
    exchange(&city, &county);
    struct stored stored;
    struct record r;
    uint8_t name[2 + REC_ID_BYTES];
    lz_put16(name, KIND_task);
    rec_id_put(id, name + 2);
    begin(&city);
    cr_assert(store_record_get(city.store, key_record(RECIPIENT, KIND_rollup, lz_bytes_of(name, sizeof name), 0, 0), &stored));
    cr_assert_eq(record_decode(arena, stored.envelope, &r, &fail), LZ_ok);
    cr_assert_eq(r.of.rollup.label.len, LABEL_BYTES_MAX, "the sum is called as its task is");
    store_abort(city.store);
    must_verify(&city);
}
Test(rows, of_feeds_and_standings_that_do_not_fit) {
    struct rec_id id = issue(&city, KIND_task, 0, RECIPIENT);
    exchange(&city, &county);
    static const uint8_t wide[3 + 6 + REGISTER_KEY_MAX + 10] = { 1 };
    struct feed_id up = { SCOPE_UP, LANE_ROUTINE };
    struct key own = { 0 };
    struct lz_bytes v;
    begin(&county);
    cr_assert(store_seek(county.store, TABLE_feed, &own, &v));
    store_abort(county.store);
    struct { struct key key; struct lz_bytes value; } bad[] = {
        { own, str("") }, { own, lz_bytes_of(wide, sizeof wide) }, { key_feed(up, 77777), lz_bytes_of(wide, 1 + REC_ID_BYTES) },
    };
    for (size_t i = 0; i < LZ_COUNT(bad); i++) {
        begin(&county);
        store_put(county.store, TABLE_feed, bad[i].key, bad[i].value);
        end(&county);
        cr_assert_gt(differences(&county), 0, "%zu", i);
        mend(&county);
        cr_assert_eq(differences(&county), 0, "%zu", i);
    }
    /* counted, or not, against what its records say */
    for (int i = 0; i < 2; i++) {
        uint8_t row[512];
        begin(i ? &city : &county);
        struct node *n = i ? &city : &county;
        cr_assert(store_get(n->store, TABLE_standing, key_standing(id, RECIPIENT), &v) && v.len < sizeof row);
        size_t len = v.len;
        memcpy(row, v.data, len);
        row[3] ^= 0x80;
        store_put(n->store, TABLE_standing, key_standing(id, RECIPIENT), lz_bytes_of(row, len));
        end(n);
        cr_assert_gt(differences(n), 0, "%d", i);
        mend(n);
        must_verify(n);
    }
}

/* From a newer neighbour or a damaged row may come any number: it is shown as unknown, and nothing is read outside a table. */
Test(words, of_what_no_table_knows) {
    static const enum machine machines[] = { MACHINE_HANDLING, MACHINE_PROBLEM, MACHINE_EMERGENCY };
    for (size_t m = 0; m < LZ_COUNT(machines); m++) {
        uint8_t found = 77;
        cr_assert_str_eq(state_name(machines[m], STATES_MAX), "-");
        cr_assert_str_eq(state_zh(machines[m], STATES_MAX), "-");
        cr_assert_str_eq(state_name(machines[m], STATES_MAX - 1), "-");
        cr_assert_str_eq(state_zh(machines[m], STATES_MAX - 1), "-");
        cr_assert(!state_open(machines[m], STATES_MAX) && !state_open(machines[m], UINT8_MAX));
        cr_assert(!state_by_name(machines[m], "no such state", &found) && found == 77);
    }
    cr_assert_str_eq(state_name(MACHINE_COUNT, 0), "-");
    cr_assert_str_eq(state_zh(MACHINE_COUNT, 0), "-");
    cr_assert(!state_open(MACHINE_COUNT, 0));
    cr_assert_str_eq(colour_name(COLOUR_COUNT), "-");
    cr_assert_str_eq(colour_zh(COLOUR_COUNT), "-");
    cr_assert_str_eq(move_name(UINT32_MAX), "unknown");
    cr_assert_str_eq(class_zh(KIND_problem, UINT32_MAX), "-");
    cr_assert_str_eq(class_zh(KIND_task, 1), "-");
    cr_assert_str_eq(class_name(KIND_emergency, UINT32_MAX), "unknown");
}

/* What refers to the same, in the order of the days that it is about, whenever it came; and back after its rows were lost, or others planted. */
static struct record referral(const char *no, uint32_t day) {
    const struct kind_row *kind = kind_by_name("referral");
    static struct form_value of[4][FORM_FIELDS_MAX];
    static size_t next;
    struct form_value *v = of[next++ % 4];
    size_t fields[] = { form_field_find(kind->form, str("title")), form_field_find(kind->form, str("lead")), form_field_find(kind->form, str("referred_on")),
                        form_field_find(kind->form, str("problem")), form_field_find(kind->form, str("result")) };
    struct record r = { .kind = kind->number };
    memset(v, 0, sizeof of[0]);
    v[fields[0]].text = str("盗伐");
    v[fields[1]].text = str("现场");
    v[fields[2]].number = day;
    v[fields[3]].text = str("p");
    v[fields[4]].text = str("判决");
    cr_assert(form_state_find(kind->form, str("answered"), &r.of.form.state));
    r.of.form = (struct form){ .no = str(no), .valid_from = 20220101, .state = r.of.form.state, .of = v };
    r.of.form.given = 1u << form_field_find(kind->form, str("partner"));
    for (size_t i = 0; i < LZ_COUNT(fields); i++) r.of.form.given |= 1u << fields[i];
    return r;
}
static const char *referring(struct node *n, uint32_t from, uint32_t until) {
    static char text[64];
    struct key at = { 0 };
    struct record r;
    text[0] = 0;
    while (flow_next_referring(n->flow, kind_called("referral"), RECIPIENT, str("p"), from, until, &at, &r))
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%.*s ", (int)r.of.form.no.len, (const char *)r.of.form.no.data);
    return text;
}
Test(rows, of_what_refers_to_the_same_are_in_order_and_come_back) {
    uint16_t kind = kind_called("referral");
    cr_assert_eq(submit(&county, referral("late", 20220105), NULL), LZ_ok, "%s", fail.text);
    cr_assert_eq(submit(&county, referral("c", 20220301), NULL), LZ_ok);
    cr_assert_eq(submit(&county, referral("a", 20220101), NULL), LZ_ok);
    cr_assert_eq(submit(&county, referral("c", 20220302), NULL), LZ_ok);     /* another version: the one of the first of March is past */
    cr_assert_str_eq(referring(&county, 0, UINT32_MAX), "a late c ");
    cr_assert_str_eq(referring(&county, 20220105, 20220301), "late ");
    begin(&county);
    struct key key = { 0 };
    struct lz_bytes v;
    cr_assert(store_seek(county.store, TABLE_refer, &key, &v));
    store_delete(county.store, TABLE_refer, key);
    end(&county);
    cr_assert_eq(differences(&county), 1);
    cr_assert_str_eq(referring(&county, 0, UINT32_MAX), "late c ");
    mend(&county);
    must_verify(&county);
    cr_assert_str_eq(referring(&county, 0, UINT32_MAX), "a late c ");
    begin(&county);
    store_put(county.store, TABLE_refer, key_refer(kind, RECIPIENT, str("p"), 20220201, 7, 7), (struct lz_bytes){ 0 });
    store_put(county.store, TABLE_refer, key_bytes(str("short")), (struct lz_bytes){ 0 });
    end(&county);
    cr_assert_eq(differences(&county), 2);
    cr_assert_str_eq(referring(&county, 0, UINT32_MAX), "a late c ");
    mend(&county);
    must_verify(&county);
}

/* Whoever is a civic chief of this unit, by name or by number, signs nothing and closes nothing with his own hand. */
static struct record civic_chief(const char *no, const char *name) {
    const struct kind_row *kind = kind_by_name("chief");
    static struct form_value of[FORM_FIELDS_MAX];
    static const char *const fields[] = { "name", "rank", "tier", "kind" };
    struct record r = { .kind = kind->number };
    memset(of, 0, sizeof of);
    of[form_field_find(kind->form, str("name"))].text = str(name);
    of[form_field_find(kind->form, str("kind"))].number = 3;
    r.of.form = (struct form){ .no = str(no), .of = of };
    for (size_t i = 0; i < LZ_COUNT(fields); i++) r.of.form.given |= 1u << form_field_find(kind->form, str(fields[i]));
    return r;
}
Test(civic, chiefs_sign_for_nothing_and_close_nothing) {
    struct rec_id id = issue(&city, KIND_task, wall + 9 * (uint64_t)LZ_DAY_MS, RECIPIENT);
    exchange(&city, &county);
    cr_assert_eq(submit(&county, civic_chief("M1", "clerk"), NULL), LZ_ok, "%s", fail.text);
    cr_assert_eq(move_now(&county, id, "sign", 0, 0), LZ_not_allowed);
    cr_assert(strstr(fail.text, "民间林长"), "%s", fail.text);
    cr_assert_eq(submit(&county, civic_chief("M1", "别人"), NULL), LZ_ok);
    do_move(&county, id, "sign", 0);
    exchange(&city, &county);
    cr_assert_eq(submit(&city, civic_chief("clerk", "民间"), NULL), LZ_ok);
    cr_assert_eq(move_now(&city, id, "close", RECIPIENT, 0), LZ_not_allowed);
    cr_assert_eq(standing(&city, id, RECIPIENT).state, HANDLING_signed);
}
