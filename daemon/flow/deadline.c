/* deadline: colours, urging and self-escalation, by the local wall clock.
 *
 * A standing's colour is judged when it changed and when `due` says so, and is stored; nothing else decides a colour. Rules
 * and defaults: domain research 2.6, as settings. The highest colour that applies counts. */
#include "flow_room.h"

void due_put(struct flow *f, uint64_t time, enum due_what what, struct rec_id subject, uint32_t unit) {
    store_put(f->o.store, TABLE_due, key_due(time, (uint8_t)what, subject, unit), (struct lz_bytes){ 0 });
    if (time < f->next_due) f->next_due = time;          /* 0 stays: not known */
}

static uint64_t time_of(struct key key) { return key.len >= 8 ? lz_get64(key.b) : 1; }

uint64_t flow_next_due(struct flow *f) {
    if (f->next_due) return f->next_due;
    struct key key = { 0 };
    struct lz_bytes v;
    f->next_due = store_seek(f->o.store, TABLE_due, &key, &v) ? time_of(key) : UINT64_MAX;
    return f->next_due;
}

/* ---- judging ---------------------------------------------------------------------------------------------------------- */

struct judgement {
    uint64_t now, next;              /* next: when this could change by time alone */
    enum colour colour;
};

static void at(struct judgement *j, uint64_t time, enum colour colour) {
    if (j->now >= time) { if (colour > j->colour) j->colour = colour; }
    else if (time < j->next) j->next = time;
}

static uint64_t workdays(struct flow *f, uint64_t from, int days) { return calendar_add(f->o.calendar, from, days); }

static uint64_t tomorrow_of(const struct judgement *j) { return lz_date_start_ms(lz_date_add(lz_date_of(j->now), 1)) + (uint64_t)5 * LZ_MINUTE_MS; }

/* How far the work lies behind the straight line from its start to its due date, in points of a hundred. */
static void judge_line(struct flow *f, struct judgement *j, const struct standing *s, uint64_t start) {
    if (s->due_ms <= start || j->now >= s->due_ms) return;
    int64_t expected = (int64_t)((j->now > start ? j->now - start : 0) * 100 / (s->due_ms - start));
    int64_t done = s->denominator > 0 ? s->numerator * 100 / s->denominator : 0;
    if (expected - done > f->o.settings.red_points) at(j, 1, COLOUR_RED);
    else if (expected - done >= f->o.settings.yellow_points) at(j, 1, COLOUR_YELLOW);
    uint64_t tomorrow = tomorrow_of(j);
    if (tomorrow < j->next) j->next = tomorrow;
}

static void judge_handling(struct flow *f, struct judgement *j, struct cached_standing *c) {
    const struct flow_settings *o = &f->o.settings;
    const struct standing *s = &c->now;
    if (s->state == HANDLING_reported) {                      /* the issuer's turn: judged as of the report */
        if (s->due_ms && s->reported_ms > s->due_ms) j->colour = COLOUR_RED;
        return;
    }
    struct cached_subject *subject = subject_of(f, c->subject);
    if (s->state == HANDLING_delivered && s->delivered_ms) {
        uint64_t limit = subject && subject->hurried ? s->delivered_ms + (uint64_t)o->sign_urgent_hours * LZ_HOUR_MS
                                                     : workdays(f, s->delivered_ms, (int)o->sign_days);
        at(j, limit, COLOUR_RED);
    }
    if (s->returns) at(j, 1, COLOUR_YELLOW);
    if (s->due_ms == 0) return;
    at(j, workdays(f, s->due_ms, -(int)o->blue_days), COLOUR_BLUE);
    at(j, s->due_ms, COLOUR_RED);
    if (c->subject.kind == KIND_task && s->state >= HANDLING_signed)
        judge_line(f, j, s, s->signed_ms ? s->signed_ms : s->since_ms);
}

/* When a problem must have been accepted, or dealt with, by its present owner. */
static uint64_t problem_limit(struct flow *f, const struct standing *s) {
    const struct flow_settings *o = &f->o.settings;
    if (s->state == PROBLEM_suspended) return s->due_ms;
    bool waits = s->state == PROBLEM_reported || s->state == PROBLEM_escalated;
    return workdays(f, s->since_ms, (int)(waits ? o->accept_days : o->handle_days));
}

static void judge_problem(struct flow *f, struct judgement *j, struct rec_id subject, const struct standing *s) {
    uint64_t limit = problem_limit(f, s);
    if (flow_is_elsewhere(f, subject, s)) {                   /* until its finder comes back, or passes it on */
        j->next = tomorrow_of(j);
        return;
    }
    if (s->returns) at(j, 1, COLOUR_YELLOW);
    if (limit == 0) return;
    at(j, workdays(f, limit, -(int)f->o.settings.blue_days), s->state == PROBLEM_reported || s->state == PROBLEM_escalated ? COLOUR_GREEN : COLOUR_BLUE);
    at(j, limit, COLOUR_RED);
}

/* ---- what the daemon does by itself -------------------------------------------------------------------------------------- */

static void move_by_daemon(struct flow *f, struct rec_id subject, const char *name, uint32_t unit, const char *text) {
    const struct move_row *row = move_by_name(kind_row(subject.kind)->machine, name);
    LZ_ASSERT(row);
    struct record draft = { .kind = KIND_move, .subject = subject };
    draft.of.move = (struct move){ .move = row->number, .unit = unit, .text = lz_bytes_str(text) };
    struct rec_id id;
    struct lz_fail fail = { 0 };
    if (submit_checked(f, &draft, flow_daemon_author, (struct lz_bytes){ 0 }, 0, &id, &fail) != LZ_ok)
        lz_log(LZ_INFO, "deadline.no_move move=%s reason=%s", name, lz_err_name(fail.code));
}

/* Red for some working days: the issuer's daemon urges, once a day at most. */
static void urge(struct flow *f, struct judgement *j, struct cached_standing *c) {
    struct standing *s = &c->now;
    if (c->subject.origin != f->o.unit || s->machine != MACHINE_HANDLING || s->state == HANDLING_reported) return;
    uint64_t from = workdays(f, s->red_since_ms, (int)f->o.settings.urge_after_days);
    uint32_t today = lz_date_of(j->now);
    if (j->now < from) { if (from < j->next) j->next = from; return; }
    uint64_t tomorrow = lz_date_start_ms(lz_date_add(today, 1)) + (uint64_t)9 * LZ_HOUR_MS;
    if (tomorrow < j->next) j->next = tomorrow;
    if (s->urged_on == today || !calendar_works(f->o.calendar, today)) return;
    move_by_daemon(f, c->subject, "urge", c->unit, "逾期，系统自动催办");
}

/* Not accepted or not dealt with in time: the owner's daemon passes it up, once per tier. */
static void escalate(struct flow *f, struct cached_standing *c) {
    struct standing *s = &c->now;
    if (s->machine != MACHINE_PROBLEM || s->owner != f->o.unit || !f->o.parent || s->auto_escalated) return;
    const struct move_row *row = move_by_name(MACHINE_PROBLEM, "escalate");
    if (!(row->from >> s->state & 1)) return;
    s->auto_escalated = 1;
    bool waiting = s->state == PROBLEM_reported || s->state == PROBLEM_escalated;
    move_by_daemon(f, c->subject, "escalate", 0, waiting ? "逾期未受理，系统自动上交" : "逾期未办结，系统自动上交");
}

bool flow_pass_on(struct flow *f, struct key *at) {
    const struct move_row *row = move_by_name(MACHINE_PROBLEM, "escalate");
    struct lz_bytes v;
    for (int i = 0; i < WALK_SLICE && flow_has_room(f); i++, *at = key_after(*at)) {
        struct standing s;
        if (!store_seek(f->o.store, TABLE_standing, at, &v)) return false;
        struct rec_id subject = rec_id_get(at->b);
        if (lz_get32(at->b + REC_ID_BYTES) != 0 || !standing_load(f, subject, 0, &s)) continue;
        if (s.machine != MACHINE_PROBLEM || !state_open(MACHINE_PROBLEM, s.state) || s.owner == f->o.unit || s.owner == f->o.parent) continue;
        if (fold_again(f, subject, 0, &s) && move_passes_on(row, &s, f->o.unit)) move_by_daemon(f, subject, "escalate", 0, "上级单位变更，转由新的上级承办");
    }
    return true;
}

void deadline_judge(struct flow *f, struct cached_standing *c) {
    struct standing *s = &c->now;
    struct judgement j = { f->now.wall_ms, UINT64_MAX, COLOUR_GREEN };
    if (state_open((enum machine)s->machine, s->state)) {
        if (s->machine == MACHINE_HANDLING) judge_handling(f, &j, c);
        if (s->machine == MACHINE_PROBLEM) judge_problem(f, &j, c->subject, s);
    }
    if (j.colour == COLOUR_RED && s->red_since_ms == 0) s->red_since_ms = j.now;
    if (j.colour != COLOUR_RED) s->red_since_ms = 0;
    s->colour = (uint8_t)j.colour;
    c->dirty = true;
    if (j.colour == COLOUR_RED) {
        urge(f, &j, c);
        escalate(f, c);
    }
    c->now.judge_ms = j.next == UINT64_MAX ? 0 : j.next;
}

bool flow_offers_upgrade(struct flow *f, const struct standing *s) {
    return s->machine == MACHINE_HANDLING && s->colour == COLOUR_RED && s->red_since_ms &&
           f->now.wall_ms >= workdays(f, s->red_since_ms, (int)f->o.settings.offer_after_days);
}

void due_run(struct flow *f) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (int i = 0; i < TURN_TIMERS_MAX && flow_has_room(f) && store_seek(f->o.store, TABLE_due, &key, &v); i++) {
        uint64_t time = time_of(key);
        if (time > f->now.wall_ms) break;
        uint8_t what = key.b[8];
        struct rec_id subject = rec_id_get(key.b + 9);
        uint32_t unit = lz_get32(key.b + 9 + REC_ID_BYTES);
        store_delete(f->o.store, TABLE_due, key);
        if (key.len != 8 + 1 + REC_ID_BYTES + 4) what = 0;       /* not one of ours: gone, or it would stand before all others for ever */
        if (what == DUE_JUDGE) {
            struct cached_standing *c = standing_of(f, subject, unit);
            if (c && c->now.judge_ms == time) { c->judge_before = 0; c->now.judge_ms = 0; c->dirty = c->judge = true; }
        } else if (what == DUE_ROLLUP) {
            rollup_send(f, (uint16_t)unit, subject);
        } else if (what == DUE_ENTRY) {
            entry_due(f, subject);
        }
        key = (struct key){ 0 };
    }
    f->next_due = 0;
}
