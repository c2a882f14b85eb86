/* verbs_board: the board of one tier, made of its sums alone: a province need not hold a single report of a county to show
 * how far all are. */
#include <stdio.h>
#include "ctl_room.h"

enum { BOARD_SUBJECTS_MAX = 4096 };
struct board {
    const struct kind_row *kind;
    uint32_t by;                     /* a unit whose part is shown; 0: the total */
    struct rec_id *subjects;
    size_t n_subjects;
};
struct label {
    struct lz_bytes title, number;
    uint32_t item;
    uint64_t due_ms;
    size_t recipients;               /* 0: not known here */
};

/* From the directive itself where it is held, else from what a child sent with its sum. */
static struct label label_of(struct call *c, uint16_t kind, struct rec_id subject) {
    struct record r;
    uint8_t key[2 + REC_ID_BYTES];
    if (flow_record(c->flow, subject, &r) && kind_is_directive(r.kind)) {
        const uint32_t *units;
        return (struct label){ r.of.directive.title, r.of.directive.number, r.of.directive.item, r.of.directive.due_ms,
                               flow_recipients(c->flow, &r, &units) };
    }
    lz_put16(key, kind);
    rec_id_put(subject, key + 2);
    for (size_t i = 0; i < c->roster->n_children; i++) {
        struct stored stored;
        if (!store_record_get(c->store, key_record(c->roster->children[i].code, KIND_rollup, lz_bytes_of(key, sizeof key), 0, 0), &stored)) continue;
        const uint8_t *copy = arena_copy(c->arena, stored.envelope.data, stored.envelope.len);
        if (copy && record_decode(c->arena, lz_bytes_of(copy, stored.envelope.len), &r, NULL) == LZ_ok)
            return (struct label){ r.of.rollup.label, r.of.rollup.number, r.of.rollup.item, r.of.rollup.due_ms, 0 };
    }
    return (struct label){ .item = 0 };
}

/* States of a directive as steps: who has signed has had it delivered, and so on. */
static void cells_steps(struct call *c, const struct counters *s) {
    const int64_t *state = s->of + COUNTER_state_0;
    int64_t total = s->of[COUNTER_total], withdrawn = state[HANDLING_withdrawn], closed = state[HANDLING_closed];
    int64_t signed_ = state[HANDLING_signed] + state[HANDLING_handling] + state[HANDLING_reported] + state[HANDLING_returned] + closed;
    cell_i64(c, "total", total);
    cell_i64(c, "n_delivered", total - state[HANDLING_issued] - withdrawn);
    cell_i64(c, "n_signed", signed_);
    cell_i64(c, "n_reported", state[HANDLING_reported] + closed);
    cell_i64(c, "n_closed", closed);
    cell_i64(c, "open", total - closed - withdrawn);
}

static void cells_colours(struct call *c, const struct counters *s) {
    cell_i64(c, "red", s->of[COUNTER_red]);
    cell_i64(c, "yellow", s->of[COUNTER_yellow]);
    cell_i64(c, "blue", s->of[COUNTER_blue]);
}

/* ---- by directive -------------------------------------------------------------------------------------------------------------------- */

static void row_subject(struct call *c, const struct board *b, struct rec_id subject) {
    struct counters sum;
    if (c->cut || c->seen < c->skip) { (void)row_begin(c, "board"); return; }
    struct label label = label_of(c, b->kind->number, subject);
    if (!flow_rollup(c->flow, b->kind->number, subject, b->by, &sum)) memset(&sum, 0, sizeof sum);
    if (!row_begin(c, "board")) return;
    cell_id(c, "id", subject);
    if (label.item) cell_u64(c, "item", label.item);
    else cell_text(c, "item", "");
    cell_bytes(c, "number", label.number);
    cell_bytes(c, "title", label.title);
    cell_time(c, "due", label.due_ms);
    cells_steps(c, &sum);
    cell_i64(c, "reporting", sum.of[COUNTER_reporting]);
    if (label.recipients) cell_u64(c, "recipients", label.recipients);
    else cell_text(c, "recipients", "");
    cell_i64(c, "numerator", sum.of[COUNTER_numerator]);
    cell_i64(c, "denominator", sum.of[COUNTER_denominator]);
    cell_percent(c, sum.of[COUNTER_numerator], sum.of[COUNTER_denominator], true);
    cells_colours(c, &sum);
    row_end(c);
}

/* The totals stand first in each group of the table: from one to the next by leaps. */
static void find_subjects(struct call *c, struct board *b) {
    struct rec_id none = { 0 };
    struct key key = key_rollup(b->kind->number, none, UINT32_MAX), prefix = key;
    struct lz_bytes v;
    prefix.len = 2;
    while (b->n_subjects < BOARD_SUBJECTS_MAX && store_seek(c->store, TABLE_rollup, &key, &v) && key_begins(&key, &prefix, 2)) {
        if (key.len != 2 + REC_ID_BYTES + 4) break;
        struct rec_id subject = rec_id_get(key.b + 2);
        if (!rec_id_none(subject)) b->subjects[b->n_subjects++] = subject;
        key = key_after(key_rollup(b->kind->number, subject, UINT32_MAX));
    }
}

/* ---- by unit --------------------------------------------------------------------------------------------------------------------------- */

/* No share here: a unit's tasks are in hectares, kilometres and people, which do not add, and shares have no mean. */
static void row_part(struct call *c, const struct board *b, uint32_t unit) {
    struct counters sum;
    struct rec_id whole = { 0 };
    if (c->cut || c->seen < c->skip) { (void)row_begin(c, "parts"); return; }
    if (!flow_rollup(c->flow, b->kind->number, whole, unit, &sum)) {
        if (unit == c->unit) return;
        memset(&sum, 0, sizeof sum);
    }
    if (!row_begin(c, "parts")) return;
    cell_unit(c, "unit", unit);
    cell_unit_name(c, "name", unit);
    cells_steps(c, &sum);
    cell_i64(c, "reporting", sum.of[COUNTER_reporting]);
    cell_i64(c, "returns", sum.of[COUNTER_returns]);
    cell_i64(c, "urges", sum.of[COUNTER_urges]);
    cells_colours(c, &sum);
    row_end(c);
}

static void rows_parts(struct call *c, const struct board *b) {
    row_part(c, b, c->unit);
    for (size_t i = 0; i < c->roster->n_children; i++) row_part(c, b, c->roster->children[i].code);
}

/* ---- the rest ---------------------------------------------------------------------------------------------------------------------------- */

static void rows_states(struct call *c, uint16_t kind, uint32_t by, const char *section) {
    struct counters sum;
    struct rec_id whole = { 0 };
    const struct kind_row *row = kind_row(kind);
    if (!flow_rollup(c->flow, kind, whole, by, &sum) || sum.of[COUNTER_total] == 0) return;
    for (uint8_t i = 0; i < STATES_MAX; i++) {
        if (sum.of[COUNTER_state_0 + i] == 0 || !row_begin(c, section)) continue;
        cell_word(c, "kind_zh", row->zh);
        cell_text(c, "state", state_name(row->machine, i));
        cell_word(c, "state_zh", state_zh(row->machine, i));
        cell_i64(c, "total", sum.of[COUNTER_state_0 + i]);
        row_end(c);
    }
}

static void row_kind(struct call *c, const struct kind_row *kind, uint32_t by) {
    struct counters sum;
    struct rec_id whole = { 0 };
    if (!flow_rollup(c->flow, kind->number, whole, by, &sum) || sum.of[COUNTER_total] == 0 || !row_begin(c, "kinds")) return;
    cell_text(c, "kind", kind->name);
    cell_word(c, "kind_zh", kind->zh);
    cells_steps(c, &sum);
    cells_colours(c, &sum);
    row_end(c);
}

static void say_overdue(struct call *c, const struct board *b) {
    struct counters sum, problems;
    struct rec_id whole = { 0 };
    if (!flow_rollup(c->flow, b->kind->number, whole, b->by, &sum)) memset(&sum, 0, sizeof sum);
    if (!flow_rollup(c->flow, KIND_problem, whole, b->by, &problems)) memset(&problems, 0, sizeof problems);
    if (b->kind->machine != MACHINE_HANDLING) {
        say(c, "%s %lld 个，红灯 %lld", said(c, b->kind->zh), (long long)sum.of[COUNTER_total], (long long)sum.of[COUNTER_red]);
        return;
    }
    say(c, "%s %zu 件，办理 %lld 件次，红灯 %lld；问题 %lld 个，红灯 %lld", said(c, b->kind->zh), b->n_subjects, (long long)sum.of[COUNTER_total],
        (long long)sum.of[COUNTER_red],
        (long long)problems.of[COUNTER_total], (long long)problems.of[COUNTER_red]);
}

enum lz_err verb_board(struct call *c) {
    struct board b = { .kind = kind_row(KIND_task) };
    enum lz_err err = arg_kind(c, "kind", &b.kind);
    if (err == LZ_ok) err = arg_code(c, "by", &b.by);
    if (err != LZ_ok) return err;
    if (b.kind->machine == MACHINE_NONE)
        return lz_refuse(c->fail, LZ_bad_argument, "%s没有汇总；--kind 可用 order letter reminder task bulletin problem emergency", said(c, b.kind->zh));
    if (b.by && b.by != c->unit && !roster_find(c->roster, b.by))
        return lz_refuse(c->fail, LZ_not_found, "%s 不是直接登记的下级，本级没有它单独的汇总", unit_label(c, b.by));
    b.subjects = arena_alloc_raw(c->arena, BOARD_SUBJECTS_MAX * sizeof *b.subjects);
    if (!b.subjects) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    if (b.kind->machine == MACHINE_HANDLING) {
        find_subjects(c, &b);
        for (size_t i = 0; i < b.n_subjects; i++) row_subject(c, &b, b.subjects[i]);
        if (!b.by) rows_parts(c, &b);
    }
    bool handling = b.kind->machine == MACHINE_HANDLING;     /* who asks for problems gets problems only */
    for (size_t i = 0; i < kind_count() && handling; i++)
        if (kind_at(i)->machine == MACHINE_HANDLING) row_kind(c, kind_at(i), b.by);
    if (handling || b.kind->number == KIND_problem) rows_states(c, KIND_problem, b.by, "problems");
    if (handling || b.kind->number == KIND_emergency) rows_states(c, KIND_emergency, b.by, "emergencies");
    say_overdue(c, &b);
    return LZ_ok;
}
