/* history: the simulator's second opinion must be able to fail. One good history, told by hand with bytes written by hand, and the
 * same with one thing wrong in it, some forty times over: each must be found, by the rule that it breaks, at the place where it is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include "../sim/history.h"

enum { P = 410000, C = 410100, D = 410200, K = 410101, EPOCH = 0x0A0B0C0D };
enum { TASK = 4, PROGRESS = 5, PROBLEM = 6, DUTY = 10, MOVE = 40 };
static const uint64_t start_ms = 1650762000000ull;

enum twist {
    GOOD, LOST_EVERYWHERE, LOST_AT_TARGET, LOST_BETWEEN, LOST_ABOVE, LOST_AT_ORIGIN, SIBLING, TOO_HIGH, ALTERED, CHANGED, CHANGED_TARGETS, FOREIGN, FORGED,
    TIER, REACH, LANE, SECRET, NEW_KIND, DOUBLED, ANSWERED_TWICE, TOOK_REFUSED, INVENTED, UNKNOWN_REQUEST, SILENCE, NEVER_ANSWERED, SHOWN_WRONG, OWNER_WRONG,
    NOT_SHOWN, ISSUER_BEHIND, NOT_DELIVERED, DELIVERED_TWICE, SUM_WRONG, SUM_MISSING, SUM_OF_KIND, NUMBER_AGAIN, STALE, STAMP_BACK, MISPLACED, TORN, NO_ALARM,
    STRANGER, FIGURES, COLOUR, LOWER_WINS, PLACE_BACK, RECEIPT_BACK, RECEIPT_TOO_HIGH, PLACE_THRICE, HIGHER_WINS, LOSS_EXCUSED, LOSS_NOT_TOLD,
    SECOND_DELIVERY_EXCUSED, TWISTS
};

/* ---- writing envelopes --------------------------------------------------------------------------------------------------- */

struct out { uint8_t b[2048]; size_t n; };
static void byte(struct out *o, unsigned v) { o->b[o->n++] = (uint8_t)v; }
static void varint(struct out *o, uint64_t v) {
    for (; v >= 0x80; v >>= 7) byte(o, (unsigned)(v & 0x7F) | 0x80);
    byte(o, (unsigned)v);
}
static void number(struct out *o, unsigned field, uint64_t v) { if (v) { varint(o, field << 3); varint(o, v); } }
static void fixed(struct out *o, unsigned field, uint64_t v, int width) {
    varint(o, field << 3 | (width == 8 ? 1 : 5));
    for (int i = 0; i < width; i++) byte(o, (unsigned)(v >> (8 * i)) & 0xFF);
}
static void bytes(struct out *o, unsigned field, const void *data, size_t len) {
    if (len == 0) return;
    varint(o, field << 3 | 2);
    varint(o, len);
    memcpy(o->b + o->n, data, len);
    o->n += len;
}
static void text(struct out *o, unsigned field, const char *t) { if (t) bytes(o, field, t, strlen(t)); }

struct rec {
    uint32_t origin, kind, epoch, lane, direction, reach, tier, secret, target, move, unit, to_unit, as_of;
    uint64_t stamp, numerator, denominator;
    const char *author, *text, *number, *key;
    uint8_t request[16], subject[18], follows[18];
    struct out envelope;
    uint8_t id[18];
};
static uint32_t tier_of(uint32_t unit) { return unit == P ? 1 : unit == K ? 3 : 2; }

static void put_id(struct rec *r) {
    const uint64_t parts[] = { r->origin, r->kind, r->stamp, r->epoch };
    static const int widths[] = { 4, 2, 8, 4 };
    for (size_t i = 0, at = 0; i < 4; i++)
        for (int b = widths[i] - 1; b >= 0; b--) r->id[at++] = (uint8_t)(parts[i] >> (8 * b));
}

static void write_payload(const struct rec *r, struct out *o) {
    struct out p = { .n = 0 };
    static const uint8_t none[18];
    unsigned field = r->kind == MOVE ? 33 : r->kind == PROGRESS ? 34 : r->kind == PROBLEM ? 35 : r->kind == DUTY ? 37 : 32;
    if (field == 33) {
        number(&p, 1, r->move);
        if (r->unit) fixed(&p, 2, r->unit, 4);
        if (memcmp(r->follows, none, 18) != 0) bytes(&p, 3, r->follows, 18);
        text(&p, 5, r->text);
        if (r->to_unit) fixed(&p, 7, r->to_unit, 4);
    } else if (field == 34) {
        number(&p, 1, r->as_of);
        number(&p, 2, r->numerator << 1);
        number(&p, 3, r->denominator << 1);
        text(&p, 4, r->text);
    } else {
        if (field == 32) text(&p, 1, r->number);
        text(&p, field == 32 ? 2 : field == 35 ? 3 : 1, r->text);
    }
    bytes(o, field, p.b, p.n);
}

static void seal(struct rec *r) {
    struct out o = { .n = 0 }, targets = { .n = 0 };
    static const uint8_t none[18];
    put_id(r);
    fixed(&o, 1, r->origin, 4);
    number(&o, 2, r->kind);
    fixed(&o, 3, r->stamp, 8);
    fixed(&o, 4, r->epoch, 4);
    text(&o, 5, r->key);
    number(&o, 6, r->lane);
    number(&o, 7, r->direction);
    number(&o, 8, r->reach);
    number(&o, 9, r->tier);
    number(&o, 10, r->secret);
    number(&o, 11, r->stamp >> 16);
    text(&o, 12, r->author);
    if (memcmp(r->request, none, 16) != 0) bytes(&o, 13, r->request, 16);
    if (memcmp(r->subject, none, 18) != 0) bytes(&o, 15, r->subject, 18);
    if (r->target) varint(&targets, r->target);
    bytes(&o, 16, targets.b, targets.n);
    write_payload(r, &o);
    r->envelope.n = 0;
    bytes(&r->envelope, 1, o.b, o.n);
}

/* ---- the good history, and what is twisted in it -------------------------------------------------------------------------------- */

struct story {
    struct history *h;
    enum twist twist;
    struct rec task, deliver, sign, begin, progress, problem, escalate, duty, newer, extra;
    uint64_t stamps;
};

static struct rec draft(struct story *s, uint32_t origin, uint32_t kind, const char *author) {
    uint32_t direction = kind == TASK ? 0 : kind == MOVE ? 2 : 1, reach = kind == TASK ? 4 : kind == MOVE || kind == PROGRESS ? 2 : 1;
    return (struct rec){ .origin = origin, .kind = kind, .epoch = EPOCH + origin, .lane = 2, .direction = direction, .reach = reach,
                         .tier = tier_of(origin), .stamp = (start_ms + ++s->stamps) << 16, .author = author };
}
static struct rec move_of(struct story *s, uint32_t origin, uint32_t move, const struct rec *subject, const struct rec *follows, const char *author) {
    struct rec r = draft(s, origin, MOVE, author);
    r.move = move;
    r.unit = subject->kind == TASK ? K : 0;
    memcpy(r.subject, subject->id, 18);
    if (follows) memcpy(r.follows, follows->id, 18);
    return r;
}

/* A clerk asks for what the record then says; the ask and the record share a request id. */
static size_t ask(struct story *s, struct rec *r) {
    static const uint8_t none[16];
    if (memcmp(r->request, none, 16) == 0) { r->request[0] = 7; r->request[15] = (uint8_t)s->stamps; }
    struct history_ask a = { .unit = r->origin, .kind = r->kind, .move = r->move, .move_unit = r->unit, .to_unit = r->to_unit, .as_of = r->as_of,
                             .numerator = (int64_t)r->numerator, .denominator = (int64_t)r->denominator };
    memcpy(a.request, r->request, 16);
    memcpy(a.subject, r->subject, 18);
    if (r->target) { a.targets[0] = r->target; a.n_targets = 1; }
    if (r->text) a.text = (struct history_text){ r->text, strlen(r->text) };
    if (r->number) a.number = (struct history_text){ r->number, strlen(r->number) };
    if (r->key) a.key = (struct history_text){ r->key, strlen(r->key) };
    return history_asked(s->h, &a);
}
static void submit(struct story *s, struct rec *r) {
    size_t a = ask(s, r);
    seal(r);
    history_accepted(s->h, a, r->id);
}

static void write_records(struct story *s) {
    s->task = draft(s, P, TASK, "clerk");
    s->task.target = K;
    s->task.text = "植树";
    s->task.number = "林〔2022〕3号";
    submit(s, &s->task);
    s->deliver = move_of(s, K, 1, &s->task, NULL, "linzhangd");
    seal(&s->deliver);
    s->sign = move_of(s, K, 2, &s->task, &s->deliver, "clerk");
    size_t first = ask(s, &s->sign);                     /* the daemon dies over it; the clerk asks again */
    if (s->twist != NEVER_ANSWERED) history_died(s->h, K);
    history_unanswered(s->h, first);
    submit(s, &s->sign);
    s->begin = move_of(s, K, 3, &s->task, &s->sign, "clerk");
    seal(&s->begin);
    s->progress = draft(s, K, PROGRESS, "clerk");
    memcpy(s->progress.subject, s->task.id, 18);
    s->progress.as_of = 20220420;
    s->progress.numerator = 10;
    s->progress.denominator = 40;
    submit(s, &s->progress);
    s->problem = draft(s, K, PROBLEM, "clerk");
    s->problem.text = "毁林";
    submit(s, &s->problem);
    s->escalate = move_of(s, K, 27, &s->problem, NULL, "clerk");
    s->escalate.to_unit = C;
    s->escalate.text = "涉及两县";
    submit(s, &s->escalate);
    s->duty = draft(s, C, DUTY, "clerk");
    s->duty.key = "a";
    s->duty.text = "张三";
    submit(s, &s->duty);
    s->newer = draft(s, C, DUTY, "clerk");
    s->newer.key = "a";
    s->newer.text = "李四";
    submit(s, &s->newer);
}

static void hold(struct story *s, uint32_t unit, const struct rec *r) {
    uint8_t key[64];
    size_t len = 18;
    memcpy(key, r->id, 18);
    if (r->key) { len = 6 + strlen(r->key); memcpy(key + 6, r->key, strlen(r->key)); }
    if (s->twist == MISPLACED && r == &s->problem && unit == C) key[17] ^= 1;
    history_holds(s->h, unit, key, len, r->envelope.b, r->envelope.n);
}

static void stand(struct story *s, uint32_t at, const struct rec *subject, const char *state) {
    struct history_standing row = { .state = state };
    memcpy(row.subject, subject->id, 18);
    if (subject == &s->problem) row.owner = s->twist == OWNER_WRONG && at == C ? K : C;
    else {
        row.unit = K;
        row.n_progress = 1;
        row.numerator = s->twist == FIGURES && at == P ? 11 : 10;
        row.denominator = 40;
        if (s->twist == COLOUR && at == C) row.colour = 3;
    }
    history_standing(s->h, at, &row);
}

static void sum(struct story *s, uint32_t at, uint32_t kind, const struct rec *subject, size_t state) {
    int64_t v[HISTORY_COUNTERS] = { 0 };
    v[state] = v[16] = v[17] = 1;
    if (kind == TASK) { v[23] = v[26] = 1; v[24] = 10; v[25] = 40; }
    if (s->twist == SUM_WRONG && at == P && subject) v[24] = 11;
    if (s->twist == SUM_OF_KIND && at == C && kind == PROBLEM) v[16] = 2;
    if (s->twist == SUM_MISSING && at == C && subject) return;
    history_sum(s->h, at, kind, subject ? subject->id : NULL, v);
}

static bool held_here(const struct story *s, uint32_t at, const struct rec *r) {
    switch ((int)s->twist) {
    case LOST_EVERYWHERE: return r != &s->problem && r != &s->escalate;
    case LOST_AT_TARGET: return !(r == &s->task && at == K);
    case LOST_BETWEEN: return !(r == &s->progress && at == C);
    case LOST_ABOVE: return !(r == &s->problem && at == C);
    case LOST_AT_ORIGIN: return !(r == &s->sign && at == K);
    case NOT_DELIVERED: return r != &s->deliver;
    case LOSS_EXCUSED: case LOSS_NOT_TOLD: return r != &s->problem && r != &s->escalate;
    default: return true;
    }
}

static void hold_all(struct story *s) {
    static const uint32_t line[] = { P, C, K };
    struct rec *whole[] = { &s->task, &s->deliver, &s->sign, &s->begin, &s->progress }, *near[] = { &s->problem, &s->escalate };
    history_look(s->h);
    for (size_t u = 0; u < 3; u++) {
        for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
            if (held_here(s, line[u], whole[i])) hold(s, line[u], whole[i]);
        for (size_t i = 0; i < 2 && line[u] != P; i++)
            if (held_here(s, line[u], near[i])) hold(s, line[u], near[i]);
        if (line[u] != K) hold(s, line[u], s->twist == STALE && line[u] == P ? &s->duty : &s->newer);
    }
}

/* The state that the task's moves lead to: handling, unless the twist has other moves. */
static const char *task_state(const struct story *s, uint32_t at) {
    if (s->twist == SHOWN_WRONG && at == P) return "signed";
    if (s->twist == ISSUER_BEHIND && at == P) return "delivered";
    if (s->twist == NOT_DELIVERED) return "issued";
    return s->twist == HIGHER_WINS || s->twist == COLOUR ? "withdrawn" : "handling";
}

static void show_all(struct story *s) {
    static const uint32_t line[] = { P, C, K };
    size_t state = s->twist == HIGHER_WINS || s->twist == COLOUR || s->twist == LOWER_WINS ? 7 : s->twist == NOT_DELIVERED ? 0 : 3;
    for (size_t u = 0; u < 3; u++) {
        if (!(s->twist == NOT_SHOWN && line[u] == P)) stand(s, line[u], &s->task, task_state(s, line[u]));
        sum(s, line[u], TASK, &s->task, state);
        sum(s, line[u], TASK, NULL, state);
        bool gone = s->twist == LOST_EVERYWHERE || s->twist == LOSS_EXCUSED || s->twist == LOSS_NOT_TOLD;
        if (line[u] != P && !gone) stand(s, line[u], &s->problem, "escalated");
        if (!gone) sum(s, line[u], PROBLEM, NULL, 9);
    }
}

static void hold_in_line(struct story *s, struct rec *r) { hold(s, P, r); hold(s, C, r); hold(s, K, r); }
static void take(struct story *s, struct rec r) { s->extra = r; seal(&s->extra); }

/* One record too many, or one that is not what it should be: what each twist adds to the stores. */
static void add_extra(struct story *s) {
    struct rec copy = s->problem;
    copy.stamp += 99 << 16;
    switch ((int)s->twist) {
    case SIBLING: hold(s, D, &s->task); break;
    case TOO_HIGH: hold(s, P, &s->problem); break;
    case ALTERED: s->extra = s->task; s->extra.envelope.b[s->extra.envelope.n - 2] ^= 1; hold(s, P, &s->extra); break;
    case TORN: s->extra = s->problem; s->extra.id[13] ^= 1; s->extra.envelope.n -= 3; hold(s, K, &s->extra); break;
    case FOREIGN: copy.origin = 990000; take(s, copy); hold(s, K, &s->extra); break;
    case FORGED: copy.epoch++; take(s, copy); hold(s, K, &s->extra); break;
    case SECRET: copy.secret = 2; take(s, copy); hold(s, K, &s->extra); break;
    case NEW_KIND: copy.kind = 99; take(s, copy); hold(s, K, &s->extra); break;
    case DOUBLED: take(s, copy); hold(s, K, &s->extra); hold(s, C, &s->extra); break;
    case INVENTED: memset(copy.request, 0, 16); take(s, copy); hold(s, K, &s->extra); break;
    case UNKNOWN_REQUEST: copy.request[3]++; take(s, copy); hold(s, K, &s->extra); break;
    case TOOK_REFUSED: copy.request[3]++; history_refused(s->h, ask(s, &copy)); take(s, copy); hold(s, K, &s->extra); break;
    case SILENCE: copy.request[3]++; ask(s, &copy); break;
    case ANSWERED_TWICE: put_id(&copy); history_accepted(s->h, ask(s, &copy), copy.id); break;
    case STAMP_BACK: copy.stamp = s->sign.stamp - 1; copy.request[3]++; submit(s, &copy); break;
    case NUMBER_AGAIN: copy = s->task; copy.stamp += 99 << 16; copy.number = "林[2022]03号"; copy.request[3]++; submit(s, &copy); s->extra = copy;
        hold_in_line(s, &s->extra); break;
    case DELIVERED_TWICE: case SECOND_DELIVERY_EXCUSED: copy = s->deliver; copy.stamp += 99 << 16; take(s, copy); hold_in_line(s, &s->extra); break;
    case LOWER_WINS: case HIGHER_WINS: case COLOUR:      /* the issuer withdraws what the recipient signs at the same time */
        s->extra = move_of(s, P, 12, &s->task, &s->deliver, "clerk");
        s->extra.text = "撤回";
        submit(s, &s->extra);
        hold_in_line(s, &s->extra);
        break;
    default: break;
    }
}

/* What a record says otherwise than it should, from the start. */
static void twist_records(struct story *s) {
    struct rec *r = &s->problem;
    if (s->twist == CHANGED) { r->text = "没有毁林"; seal(r); }
    if (s->twist == CHANGED_TARGETS) { s->task.target = D; seal(&s->task); }
    if (s->twist == TIER) { r->tier = 1; seal(r); }
    if (s->twist == REACH) { r->reach = 3; seal(r); }
    if (s->twist == LANE) { r->lane = 3; seal(r); }
}

/* The county follows the city's feed 7 as far as 9 at last, and has acknowledged as much. A lost store may set a place back twice, no more. */
static void tell_places(struct story *s) {
    bool lost = s->twist == LOSS_EXCUSED || s->twist == PLACE_THRICE;
    if (s->twist == PLACE_THRICE) { history_lost(s->h, K, HISTORY_RESTORED); history_reported(s->h, K); }
    history_place(s->h, K, C, HISTORY_FOLLOWS, 7, 4);
    history_place(s->h, K, C, HISTORY_FOLLOWS, 8, 100);
    history_place(s->h, C, K, HISTORY_IS_FOLLOWED, 7, 4);
    if (lost) for (uint64_t i = 0; i < (s->twist == PLACE_THRICE ? 3 : 2); i++) {
        history_place(s->h, K, C, HISTORY_FOLLOWS, 7, 3);
        history_place(s->h, K, C, HISTORY_FOLLOWS, 7, 9);
    }
    if (s->twist == PLACE_BACK) history_place(s->h, K, C, HISTORY_FOLLOWS, 7, 3);
    if (s->twist == RECEIPT_BACK) history_place(s->h, C, K, HISTORY_IS_FOLLOWED, 7, 3);
    history_place(s->h, K, C, HISTORY_FOLLOWS, 7, 9);
    history_place(s->h, C, K, HISTORY_IS_FOLLOWED, 7, s->twist == RECEIPT_TOO_HIGH ? 10 : 9);
}

static void tell(struct story *s, enum twist twist) {
    static const uint32_t units[] = { P, C, D, K };
    *s = (struct story){ .h = history_create(), .twist = twist };
    for (size_t i = 0; i < 4; i++) {
        uint32_t e = EPOCH + units[i];
        uint8_t epoch[16] = { (uint8_t)(e >> 24), (uint8_t)(e >> 16), (uint8_t)(e >> 8), (uint8_t)e };
        history_unit(s->h, units[i], units[i] == P ? 0 : units[i] == K ? C : P, tier_of(units[i]));
        history_started(s->h, units[i], epoch);
    }
    write_records(s);
    twist_records(s);
    hold_all(s);
    if (twist == LOSS_EXCUSED || twist == NO_ALARM || twist == SECOND_DELIVERY_EXCUSED) history_lost(s->h, K, HISTORY_RECREATED);
    if (twist == LOSS_EXCUSED || twist == SECOND_DELIVERY_EXCUSED) history_reported(s->h, K);
    hold_all(s);
    add_extra(s);
    show_all(s);
    tell_places(s);
    if (twist == STRANGER) {
        struct history_standing row = { .unit = P, .state = "issued" };
        memcpy(row.subject, s->task.id, 18);
        history_standing(s->h, P, &row);
    }
}

static bool found(const struct history *h, size_t n, const char *rule, const char *where) {
    for (size_t i = 0; i < n && i < HISTORY_FINDINGS; i++) {
        const char *finding = history_finding(h, i);
        if (strncmp(finding, rule, strlen(rule)) == 0 && strstr(finding, where)) return true;
    }
    return false;
}

/* ---- the tests ------------------------------------------------------------------------------------------------------------------ */

static void is_good(enum twist twist) {
    struct story s;
    tell(&s, twist);
    size_t n = history_judge(s.h);
    cr_assert_eq(n, 0, "%d: %zu findings, the first: %s", (int)twist, n, history_finding(s.h, 0));
    history_destroy(&s.h);
}

Test(history, finds_nothing_in_a_good_one) {
    struct story s;
    tell(&s, GOOD);
    cr_assert_eq(history_judge(s.h), 0, "%s", history_finding(s.h, 0));
    struct history_figures f = history_figures(s.h);
    cr_assert(f.asks == 8 && f.accepted == 7 && f.unanswered == 1 && f.retried == 1 && f.excused == 0, "%zu %zu %zu", f.asks, f.accepted, f.retried);
    cr_assert(f.places == 5, "%zu", f.places);
    cr_assert(f.records == 9 && f.held == 21 && f.standings == 5 && f.sums == 9, "%zu %zu %zu %zu", f.records, f.held, f.standings, f.sums);
    history_destroy(&s.h);
    is_good(HIGHER_WINS);
}

Test(history, excuses_what_was_lost_and_reported) {
    is_good(LOSS_EXCUSED);
    is_good(SECOND_DELIVERY_EXCUSED);
}

static const struct { enum twist twist; const char *rule, *where; } wrong[] = {
    { LOST_EVERYWHERE, "LOST problem 410101-", "is nowhere, not even at 410101" },
    { LOSS_NOT_TOLD, "LOST problem 410101-", "is nowhere" },
    { LOST_AT_TARGET, "LOST task 410000-", "is not at 410101" },
    { LOST_BETWEEN, "LOST progress 410101-", "is not at 410100" },
    { LOST_ABOVE, "LOST problem 410101-", "is not at 410100" },
    { LOST_AT_ORIGIN, "LOST move 410101-", "is not at 410101" },
    { SIBLING, "LEAK task 410000-", "at 410200" },
    { TOO_HIGH, "LEAK problem 410101-", "at 410000" },
    { ALTERED, "ALTERED task 410000-", "at 410000" },
    { TORN, "UNREADABLE", "at 410101" },
    { SECRET, "UNREADABLE problem 410101-", "it is secret" },
    { CHANGED, "CHANGED problem 410101-", "its text" },
    { CHANGED_TARGETS, "CHANGED task 410000-", "its recipients" },
    { FOREIGN, "FOREIGN problem 990000-", "at 410101" },
    { FORGED, "FORGED problem 410101-", "410101 never ran" },
    { TIER, "HEAD problem 410101-", "tier 1" },
    { REACH, "HEAD problem 410101-", "reach 3" },
    { LANE, "HEAD problem 410101-", "lane 3" },
    { NEW_KIND, "KIND", "kind 99" },
    { DOUBLED, "DOUBLED 410101", "for one request" },
    { ANSWERED_TWICE, "ANSWER 410101", "asked the same again" },
    { TOOK_REFUSED, "REFUSED problem 410101-", "though 410101 refused it" },
    { INVENTED, "INVENTED problem 410101-", "nobody asked" },
    { UNKNOWN_REQUEST, "INVENTED problem 410101-", "its request is unknown" },
    { SILENCE, "UNANSWERED", "at 410101" },
    { NEVER_ANSWERED, "UNANSWERED", "at 410101" },
    { SHOWN_WRONG, "STANDING task 410000-", "at 410000: shown signed" },
    { OWNER_WRONG, "STANDING problem 410101-", "at 410100: shown escalated, owner 410101" },
    { NOT_SHOWN, "STANDING task 410000-", "is not shown at 410000" },
    { ISSUER_BEHIND, "STANDING task 410000-", "is handling there and delivered at its issuer" },
    { NOT_DELIVERED, "DELIVERED task 410000-", "never delivered at 410101" },
    { DELIVERED_TWICE, "DELIVERED task 410000-", "2 times at 410101" },
    { SUM_WRONG, "SUM of task 410000-", "at 410000: counter 24 shows 11, its subtree's records give 10" },
    { SUM_MISSING, "SUM of task 410000-", "is not shown at 410100" },
    { SUM_OF_KIND, "SUM of problem", "at 410100: counter 16 shows 2" },
    { NUMBER_AGAIN, "NUMBER task 410000-", "have the same number" },
    { STALE, "STALE duty 410100-", "stands at 410000" },
    { STAMP_BACK, "ORDER 410101", "after a higher stamp" },
    { MISPLACED, "MISPLACED problem 410101-", "at 410100" },
    { NO_ALARM, "SILENT 410101", "nobody said so" },
    { STRANGER, "STRANGER task 410000-", "for 410000 at 410000" },
    { FIGURES, "PROGRESS task 410000-", "at 410000: shown 1, the latest 11 of 40" },
    { COLOUR, "COLOUR task 410000-", "at 410100 is over" },
    { LOWER_WINS, "STANDING task 410000-", "its moves give withdrawn" },
    { PLACE_BACK, "BACK 410101, of feed 7 of 410100", ": 3, before that 4" },
    { RECEIPT_BACK, "BACK 410100, of feed 7 as acknowledged by 410101", ": 3, before that 4" },
    { RECEIPT_TOO_HIGH, "ACKNOWLEDGED 10 of feed 7 of 410100 by 410101", "whose disk says 9" },
    { PLACE_THRICE, "BACK 410101, of feed 7 of 410100", ": 3, before that 9" },
};

Test(history, finds_each_thing_that_is_wrong) {
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct story s;
        tell(&s, wrong[i].twist);
        size_t n = history_judge(s.h);
        cr_assert(found(s.h, n, wrong[i].rule, wrong[i].where), "twist %d: wanted \"%s ... %s\"; %zu findings, the first: %s", (int)wrong[i].twist,
                  wrong[i].rule, wrong[i].where, n, history_finding(s.h, 0));
        history_destroy(&s.h);
    }
    cr_assert_eq(sizeof wrong / sizeof *wrong, TWISTS - 4, "every twist but the good ones has its row");
}
