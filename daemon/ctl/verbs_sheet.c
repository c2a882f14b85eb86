/* verbs_sheet: the three lists and one letter (三单一函), one line for each unit below, from the sums that it sent: so the line is there also at a
 * tier that holds none of its records. */
#include "ctl_room.h"

enum { YEARS_BACK = 6 };

static const struct counters *sum_of(struct call *c, uint32_t kind, struct rec_id subject, uint32_t unit, struct counters *sum) {
    if (!flow_rollup(c->flow, (uint16_t)kind, subject, unit, sum)) *sum = (struct counters){ { 0 } };
    return sum;
}

static int64_t open_of(const struct counters *s, enum machine machine) {
    int64_t open = 0;
    for (uint8_t i = 0; i < STATES_MAX; i++)
        if (state_open(machine, i)) open += s->of[COUNTER_state_0 + i];
    return open;
}

/* ---- resources: of this year, or the last one that was accepted ---- */

static void cell_sum(struct call *c, const struct form_kind *form, const struct counters *sum, const char *field, const char *cell) {
    char text[FORM_PRINT_BYTES] = "";
    for (size_t i = 0; i < FORM_SUMS_MAX; i++) {
        const struct form_field *f = form_sum_field(form, i);
        if (f && strcmp(f->name, field) == 0 && sum->of[COUNTER_records]) form_number_print(f, sum->of[COUNTER_sum_0 + i], text);
    }
    cell_text(c, cell, text);
}

static void cells_resources(struct call *c, uint32_t unit) {
    const struct kind_row *kind = kind_by_name("resource_list");
    uint32_t year = lz_date_of(c->now.wall_ms) / 10000, back = 0;
    struct counters sum = { { 0 } };
    LZ_ASSERT(kind && kind->form);
    for (; back < YEARS_BACK; back++)
        if (sum_of(c, kind->number, sums_subject(kind->number, 0, (year - back) * 100), unit, &sum)->of[COUNTER_records]) break;
    if (back < YEARS_BACK) cell_u64(c, "resource_year", year - back);
    else cell_text(c, "resource_year", "");
    cell_sum(c, kind->form, &sum, "forest", "forest_ha");
    cell_sum(c, kind->form, &sum, "stock", "stock_m3");
    cell_sum(c, kind->form, &sum, "wetland", "wetland_ha");
}

/* ---- the rest ---- */

static void cells_problems(struct call *c, uint32_t unit) {
    struct counters s;
    struct rec_id whole = { 0 };
    sum_of(c, KIND_problem, whole, unit, &s);
    cell_i64(c, "problems", s.of[COUNTER_total]);
    cell_i64(c, "problems_open", open_of(&s, MACHINE_PROBLEM));
    cell_i64(c, "problems_red", s.of[COUNTER_red]);
    cell_i64(c, "problems_yellow", s.of[COUNTER_yellow]);
    cell_i64(c, "problems_blue", s.of[COUNTER_blue]);
}

static int64_t signed_of(const struct counters *s) {
    const int64_t *state = s->of + COUNTER_state_0;
    return state[HANDLING_signed] + state[HANDLING_handling] + state[HANDLING_reported] + state[HANDLING_returned] + state[HANDLING_closed];
}

static void cells_directives(struct call *c, uint32_t unit) {
    struct counters s;
    struct rec_id whole = { 0 };
    sum_of(c, KIND_work_reminder, whole, unit, &s);
    cell_i64(c, "reminders", s.of[COUNTER_total]);
    cell_i64(c, "reminders_signed", signed_of(&s));
    cell_i64(c, "reminders_answered", s.of[COUNTER_state_0 + HANDLING_reported] + s.of[COUNTER_state_0 + HANDLING_closed]);
    sum_of(c, KIND_supervision_letter, whole, unit, &s);
    cell_i64(c, "letters", s.of[COUNTER_total]);
    cell_i64(c, "letters_open", open_of(&s, MACHINE_HANDLING));
    cell_i64(c, "letters_red", s.of[COUNTER_red]);
    cell_i64(c, "letters_yellow", s.of[COUNTER_yellow]);
    cell_i64(c, "letters_blue", s.of[COUNTER_blue]);
}

static void row_unit(struct call *c, const char *section, uint32_t unit, uint32_t shown_as) {
    if (!row_begin(c, section)) return;
    cell_unit(c, "unit", shown_as);
    cell_unit_name(c, "name", shown_as);
    cells_resources(c, unit);
    cells_problems(c, unit);
    cells_directives(c, unit);
    row_end(c);
}

enum lz_err verb_sheet(struct call *c) {
    uint32_t only = 0;
    size_t silent = 0;
    struct link_view v;
    enum lz_err err = arg_code(c, "unit", &only);
    if (err != LZ_ok) return err;
    if (only && only != c->unit && !roster_find(c->roster, only))
        return lz_refuse(c->fail, LZ_not_found, "%s 不是直接登记的下级，本级没有它单独的汇总；请到它的上级查询", unit_label(c, only));
    for (size_t i = 0; i < c->roster->n_children; i++) {
        uint32_t code = c->roster->children[i].code;
        if (only && only != code) continue;
        row_unit(c, "sheet", code, code);
        silent += !link_of(c, code, &v) || v.state != LINK_live;
    }
    if (only == c->unit || c->roster->n_children == 0) row_unit(c, "sheet", c->unit, c->unit);
    else if (!only) row_unit(c, "total", 0, c->unit);
    if (silent) say(c, "三单一函：%zu 个下级未同步，它们的数是最近一次收到的", silent);
    else say(c, "三单一函：各下级均已同步");
    return LZ_ok;
}
