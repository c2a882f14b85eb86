/* verbs_sums: what the entries of a kind add up to, over all tiers below, from sums alone: whoever looks need not hold one of the entries. */
#include "ctl_room.h"

enum { HEADINGS_MAX = 4096 };

/* ---- which headings there are ---- */

size_t sums_headings(struct call *c, const struct kind_row *kind, struct heading **out) {
    struct heading *list = *out = arena_alloc_raw(c->arena, HEADINGS_MAX * sizeof *list);
    struct key key = key_rollup(kind->number, sums_subject(kind->number, 0, 0), 0), prefix = key;
    struct lz_bytes v;
    size_t n = 0;
    prefix.len = 2;
    while (list && n < HEADINGS_MAX && store_seek(c->store, TABLE_rollup, &key, &v) && key_begins(&key, &prefix, 2) && key.len == 2 + REC_ID_BYTES + 4) {
        struct rec_id subject = rec_id_get(key.b + 2);
        /* a child names its headings itself: a period that is none must not pass for the latest */
        bool heading = sums_subject_parse(subject, &list[n].choice, &list[n].period);
        if (heading && (list[n].period == 0 || period_valid(list[n].period))) n++;
        key = key_after(key_rollup(kind->number, subject, UINT32_MAX));
    }
    return n;
}

/* A part of a kind of which nothing has come yet is nothing. */
static void take(struct call *c, const struct kind_row *kind, struct rec_id subject, uint32_t unit, struct counters *sum) {
    struct counters part;
    if (!flow_rollup(c->flow, kind->number, subject, unit, &part)) return;
    for (size_t i = 0; i < COUNTER_COUNT; i++) sum->of[i] += part.of[i];
}

/* What happened in the months of a year adds up to the year; what was reported for a quarter and for the year does not. */
bool falls_under(const struct kind_row *kind, struct heading heading, struct heading wanted) {
    const struct form_field *when = form_when_field(kind->form);
    if (wanted.choice && heading.choice != wanted.choice) return false;
    if (wanted.period == 0) return true;
    return when && when->type == FIELD_DATE ? heading.period != 0 && period_within(heading.period, wanted.period) : heading.period == wanted.period;
}

size_t sums_of(struct call *c, const struct kind_row *kind, uint32_t unit, struct heading wanted, struct counters *sum) {
    struct rec_id whole = { 0 };
    struct heading *headings;
    size_t found = 0;
    *sum = (struct counters){ { 0 } };
    if (wanted.choice == 0 && wanted.period == 0) { take(c, kind, whole, unit, sum); return 1; }
    size_t n = sums_headings(c, kind, &headings);
    for (size_t i = 0; i < n; i++) {
        if (!falls_under(kind, headings[i], wanted)) continue;
        take(c, kind, sums_subject(kind->number, headings[i].choice, headings[i].period), unit, sum);
        found++;
    }
    return found;
}

uint32_t units_expected(struct call *c, uint32_t unit) {
    uint32_t *below = arena_alloc_raw(c->arena, SUBTREE_MAX * sizeof *below), n = 0;
    size_t all = below ? units_below(c->units, unit, false, below, SUBTREE_MAX) : 0;
    for (size_t i = 0; i < all && i < SUBTREE_MAX; i++) {
        uint32_t one[1];
        n += units_below(c->units, below[i], false, one, 1) == 0;
    }
    return all ? n : 1;
}

/* ---- rows ---- */

static void cells_sums(struct call *c, const struct kind_row *kind, const struct counters *sum) {
    const struct form_field *field;
    cell_i64(c, "total", sum->of[COUNTER_total]);
    cell_i64(c, "counted", sum->of[COUNTER_records]);
    for (size_t i = 0; (field = form_sum_field(kind->form, i)); i++) {
        char text[FORM_PRINT_BYTES];
        const struct form_word *word = form_sum_word(kind->form, i);
        if (word) { cell_i64(c, word->name, sum->of[COUNTER_sum_0 + i]); continue; }
        if (field->type == FIELD_TEXT || field->type == FIELD_FLAG) { cell_i64(c, field->name, sum->of[COUNTER_sum_0 + i]); continue; }
        form_number_print(field, sum->of[COUNTER_sum_0 + i], text);
        cell_text(c, field->name, text);
    }
}

static void row_part(struct call *c, const struct kind_row *kind, uint32_t unit, struct heading wanted) {
    struct counters sum;
    if (c->cut || c->seen < c->skip) { (void)row_begin(c, "parts"); return; }
    size_t mark = arena_used(c->arena);
    uint32_t expected = units_expected(c, unit ? unit : c->unit);
    arena_rewind(c->arena, mark);
    bool one = sums_of(c, kind, unit, wanted, &sum) <= 1;   /* units that report under two headings would count twice */
    if (unit == c->unit && c->roster->n_children && sum.of[COUNTER_total] == 0) return;      /* a tier that only adds up */
    if (!row_begin(c, "parts")) return;
    cell_text(c, "_kind", kind->name);
    if (unit) { cell_unit(c, "origin", unit); cell_unit_name(c, "origin_name", unit); }
    else { cell_text(c, "origin", ""); cell_word(c, "origin_name", "合计"); }
    cells_sums(c, kind, &sum);
    if (one) cell_i64(c, "reporting", sum.of[COUNTER_reporting]);
    else cell_text(c, "reporting", "");
    if (unit == c->unit) cell_text(c, "expected", "");
    else cell_u64(c, "expected", expected);
    row_end(c);
}

static void row_heading(struct call *c, const struct kind_row *kind, uint32_t unit, struct heading heading) {
    const struct form_field *group = form_group_field(kind->form);
    struct counters sum;
    char period[FORM_PRINT_BYTES] = "";
    (void)sums_of(c, kind, unit, heading, &sum);
    if (sum.of[COUNTER_total] == 0 || !row_begin(c, "headings")) return;
    bool named = group && heading.choice && form_number_valid(group, (int64_t)heading.choice - 1);
    if (heading.period) period_print(heading.period, period);
    cell_text(c, "_kind", kind->name);
    if (group) {
        cell_text(c, "group", named ? group->choices[heading.choice - 1].name : "");
        cell_word(c, "group_zh", named ? group->choices[heading.choice - 1].zh : "");
    }
    cell_text(c, "period", period);
    cells_sums(c, kind, &sum);
    cell_i64(c, "reporting", sum.of[COUNTER_reporting]);
    row_end(c);
}

static void rows_states(struct call *c, const struct kind_row *kind, uint32_t unit, struct heading wanted) {
    struct counters sum;
    (void)sums_of(c, kind, unit, wanted, &sum);
    for (size_t i = 0; i < kind->form->n_states; i++) {
        if (sum.of[COUNTER_state_0 + i] == 0 || !row_begin(c, "states")) continue;
        cell_text(c, "state", kind->form->states[i].name);
        cell_word(c, "state_zh", kind->form->states[i].zh);
        cell_i64(c, "total", sum.of[COUNTER_state_0 + i]);
        row_end(c);
    }
}

/* ---- the verb ---- */

enum lz_err take_form_kind(struct call *c, const struct kind_row **kind) {
    enum lz_err err = arg_kind(c, "kind", kind);
    if (err != LZ_ok || (*kind)->form) return err;
    return lz_refuse(c->fail, LZ_bad_argument, "%s不是登记表，有自己的命令；linzhangctl kinds 列出可登记的种类", said(c, (*kind)->zh));
}

enum lz_err take_period(struct call *c, uint32_t *period) {
    struct lz_bytes text = arg_bytes(c, "period");
    if (text.len == 0 || period_parse(text, period)) return LZ_ok;
    return lz_refuse(c->fail, LZ_bad_date, "“%.*s”不是期别：请写如 2022、2022H1、2022Q2 或 2022-06", (int)(text.len < 60 ? text.len : 60), (const char *)text.data);
}

enum lz_err take_heading(struct call *c, const struct kind_row *kind, struct heading *wanted) {
    const struct form_field *group = form_group_field(kind->form);
    int64_t choice = 0;
    if (arg_text(c, "group")) {
        if (!group) return lz_refuse(c->fail, LZ_bad_argument, "%s不分类汇总", said(c, kind->zh));
        enum lz_err err = form_number_parse(group, arg_bytes(c, "group"), &choice, c->fail);
        if (err != LZ_ok) return err;
        wanted->choice = (uint32_t)choice + 1;
    }
    if (arg_text(c, "period") && !form_when_field(kind->form)) return lz_refuse(c->fail, LZ_bad_argument, "%s不分期别", said(c, kind->zh));
    return take_period(c, &wanted->period);
}

enum lz_err take_part(struct call *c, uint32_t *by) {
    enum lz_err err = arg_code(c, "by", by);
    if (err != LZ_ok || *by == 0 || *by == c->unit || roster_find(c->roster, *by)) return err;
    return lz_refuse(c->fail, LZ_not_found, "%s 不是直接登记的下级，本级没有它单独的汇总", unit_label(c, *by));
}

enum lz_err verb_sums(struct call *c) {
    const struct kind_row *kind = NULL;
    struct heading wanted = { 0 }, *headings;
    uint32_t by = 0;
    enum lz_err err = take_form_kind(c, &kind);
    if (err == LZ_ok) err = take_heading(c, kind, &wanted);
    if (err == LZ_ok) err = take_part(c, &by);
    if (err != LZ_ok) return err;
    row_part(c, kind, by, wanted);
    if (!by) row_part(c, kind, c->unit, wanted);
    for (size_t i = 0; !by && i < c->roster->n_children; i++) row_part(c, kind, c->roster->children[i].code, wanted);
    size_t n = sums_headings(c, kind, &headings);
    for (size_t i = 0; i < n && !c->cut; i++) {
        if (falls_under(kind, headings[i], wanted)) row_heading(c, kind, by, headings[i]);
    }
    rows_states(c, kind, by, wanted);
    return LZ_ok;
}
