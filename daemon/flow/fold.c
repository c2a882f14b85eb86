/* fold: from the moves of a subject to its standing. Pure, and the same at every tier.
 *
 * Every move names the move that it follows. The fold walks that order; between moves that could stand in either order the
 * higher tier's comes first (an issuer before a recipient), then the lower code, then the earlier stamp. So every node that
 * holds the same moves sees the same standing, in whatever order they came. */
#include "flow_room.h"

static int compare(const struct record *a, const struct record *b) {
    if (a->tier != b->tier) return a->tier < b->tier ? -1 : 1;
    if (a->origin != b->origin) return a->origin < b->origin ? -1 : 1;
    if (a->stamp != b->stamp) return a->stamp < b->stamp ? -1 : 1;
    return (a->epoch > b->epoch) - (a->epoch < b->epoch);
}

static bool allowed(const struct record *subject, const struct record *m, const struct standing *s, enum move_by by, uint32_t unit) {
    switch (by) {
    case BY_DAEMON: case BY_RECIPIENT: return m->origin == unit;
    case BY_ISSUER: return m->origin == subject->origin;
    case BY_OWNER: return m->origin == s->owner;
    case BY_HANDLER: return m->origin == s->owner || (s->handler && m->origin == s->handler);
    case BY_FINDER: return m->origin == subject->origin;
    case BY_ABOVE: return m->origin == s->owner || m->tier < subject->tier;
    }
    return false;
}

/* The daemon's own urge counts once a day, whatever a restored store wrote a second time. */
static bool counts_again(const struct record *m, struct standing *s) {
    if (!lz_bytes_equal(m->author, lz_bytes_str("linzhangd"))) return true;
    uint32_t day = lz_date_of(m->written_ms);
    if (day == s->urged_on) return false;
    s->urged_on = day;
    return true;
}

static void note_times(const struct record *m, const struct move_row *row, struct standing *s) {
    uint64_t t = m->written_ms;
    if (row->to != STATE_SAME && row->to != s->state) s->since_ms = t;
    if (s->machine == MACHINE_HANDLING) {
        if (row->to == HANDLING_delivered) s->delivered_ms = t;
        if (row->to == HANDLING_signed) s->signed_ms = t;
        if (row->to == HANDLING_reported) { s->reported_ms = t; s->report = record_id(m); }
        if (row->to == HANDLING_returned) s->reported_ms = 0;
        if (row->to == HANDLING_closed || row->to == HANDLING_withdrawn) s->closed_ms = t;
    } else {
        if (row->to == PROBLEM_closed && s->machine == MACHINE_PROBLEM) s->closed_ms = t;
    }
}

bool move_passes_on(const struct move_row *row, const struct standing *s, uint32_t origin) {
    return strcmp(row->name, "escalate") == 0 && origin == s->passed.origin && origin != s->owner && state_open(MACHINE_PROBLEM, s->state);
}

static bool takes_effect(const struct record *subject, const struct record *m, uint32_t unit, struct standing *s) {
    const struct move *v = &m->of.move;
    const struct move_row *row = move_row((enum machine)s->machine, v->move);
    bool on = row && move_passes_on(row, s, m->origin);
    if (!row || (!on && (!(row->from >> s->state & 1) || !allowed(subject, m, s, row->by, unit)))) return false;
    /* a ruling answers one report: a newer one is not covered by it */
    if (row->needs & NEEDS_REPORT && !rec_id_equal(v->report, s->report)) return false;
    if (strcmp(row->name, "escalate") == 0 && (v->to_unit == 0 || v->to_unit == s->owner)) return false;
    if (on && v->to_unit == m->origin) return false;              /* passed on, not taken back */
    if (strcmp(row->name, "urge") == 0 && !counts_again(m, s)) return false;
    note_times(m, row, s);
    if (strcmp(row->name, "urge") == 0) s->urges++;
    if (strcmp(row->name, "return") == 0) s->returns++;
    if (strcmp(row->name, "extend") == 0) s->due_ms = v->due_ms;
    if (strcmp(row->name, "assign") == 0) s->handler = v->to_unit;
    if (strcmp(row->name, "escalate") == 0) { s->owner = v->to_unit; s->handler = 0; s->passed = record_id(m); }
    if (on) s->since_ms = m->written_ms;                          /* another's turn, whatever the state was called before */
    if (strcmp(row->name, "suspend") == 0) s->due_ms = v->due_ms;
    else if (s->machine == MACHINE_PROBLEM && s->state == PROBLEM_suspended && row->to != STATE_SAME) s->due_ms = 0;   /* the review date is over */
    if (row->to != STATE_SAME) s->state = row->to;
    return true;
}

enum { FIRST = -1, MISSING = -2 };

/* By the order that decides between concurrent moves; and for each the place of the one it follows. */
static void arrange(const struct record *moves, size_t n, uint16_t *order, int16_t *after) {
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        for (; at > 0 && compare(&moves[i], &moves[order[at - 1]]) < 0; at--) order[at] = order[at - 1];
        order[at] = (uint16_t)i;
        struct rec_id follows = moves[i].of.move.follows;
        after[i] = rec_id_none(follows) ? FIRST : MISSING;
        for (size_t j = 0; j < n && after[i] == MISSING; j++)
            if (rec_id_equal(record_id(&moves[j]), follows)) after[i] = (int16_t)j;
    }
}

void flow_fold(const struct record *subject, const struct record *moves, size_t n, uint32_t unit, struct standing *s, uint8_t *trace) {
    LZ_ASSERT(n <= SUBJECT_MOVES_MAX);
    const struct kind_row *row = kind_row(subject->kind);
    LZ_ASSERT(row && row->machine != MACHINE_NONE);
    uint8_t placed[SUBJECT_MOVES_MAX] = { 0 };
    uint16_t order[SUBJECT_MOVES_MAX];
    int16_t after[SUBJECT_MOVES_MAX];
    arrange(moves, n, order, after);
    *s = (struct standing){ .machine = (uint8_t)row->machine, .since_ms = subject->written_ms };
    if (row->machine == MACHINE_HANDLING) s->due_ms = s->first_due_ms = subject->of.directive.due_ms;
    if (row->machine == MACHINE_PROBLEM) s->owner = subject->origin;
    if (trace) memset(trace, 0, n);
    for (size_t k = 0; k < n; ) {
        size_t i = order[k++];
        if (placed[i] || !(after[i] == FIRST || (after[i] >= 0 && placed[after[i]]))) continue;
        placed[i] = 1;
        bool effect = takes_effect(subject, &moves[i], unit, s);
        if (effect) { s->effective++; s->head = record_id(&moves[i]); }
        else s->overtaken++;
        if (trace) trace[i] = effect ? 1 : 2;
        k = 0;                                        /* what waited for this one may now come first */
    }
}

void standing_contribution(const struct standing *s, struct counters *out) {
    memset(out, 0, sizeof *out);
    LZ_ASSERT(s->state < STATES_MAX && s->colour < COLOUR_COUNT);
    out->of[COUNTER_state_0 + s->state] = 1;
    out->of[COUNTER_total] = 1;
    out->of[COUNTER_green + s->colour] = 1;
    out->of[COUNTER_returns] = s->returns;
    out->of[COUNTER_urges] = s->urges;
    if (s->n_progress) {
        out->of[COUNTER_reporting] = 1;
        out->of[COUNTER_numerator] = s->numerator;
        out->of[COUNTER_denominator] = s->denominator;
        out->of[COUNTER_records] = s->n_progress;
    }
}
