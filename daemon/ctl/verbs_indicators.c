/* verbs_indicators: the five binding indicators over the tiers (the plan's item 19).
 *
 * "Never average percentages": areas and volumes are added up, and a rate is one sum by another, computed here and nowhere kept. How many
 * units are in it is said beside it; a unit without grassland weighs nothing. */
#include <inttypes.h>
#include <stdio.h>
#include "ctl_room.h"

static const char *const sets[][3] = {               /* area, total area, volume: reported, at the beginning of the plan, its target */
    { "part", "whole", "stock" }, { "baseline_part", "baseline_whole", "baseline_stock" }, { "target_part", "target_whole", "target_stock" },
};

static int64_t sum_named(const struct kind_row *kind, const struct counters *sum, const char *name) {
    const struct form_field *field;
    for (size_t i = 0; (field = form_sum_field(kind->form, i)); i++)
        if (strcmp(field->name, name) == 0) return sum->of[COUNTER_sum_0 + i];
    LZ_ASSERT(field);                                    /* an indicator has it */
    return 0;
}

/* In hundredths of a percent, to the nearest. */
static bool rate_of(int64_t part, int64_t whole, int64_t *rate) {
    if (whole <= 0 || part < 0) return false;
    __extension__ __int128 wide = part;
    *rate = (int64_t)((wide * 10000 + whole / 2) / whole);
    return true;
}

static void print_quantity(enum field_type type, int64_t value, char out[FORM_PRINT_BYTES]) {
    struct form_field field = { "", "", type, 0, NULL };
    form_number_print(&field, value, out);
}

bool indicator_is_rate(const struct form_word *word) { return strcmp(word->name, "forest_stock") != 0 && strcmp(word->name, "desert_treated") != 0; }

void indicator_figure(const struct kind_row *kind, const struct form_word *word, const struct counters *sum, size_t set, char text[FORM_PRINT_BYTES]) {
    bool is_stock = strcmp(word->name, "forest_stock") == 0, is_rate = indicator_is_rate(word);
    int64_t part = sum_named(kind, sum, sets[set][is_stock ? 2 : 0]), rate;
    text[0] = 0;
    if (is_rate) {
        if (rate_of(part, sum_named(kind, sum, sets[set][1]), &rate))
            (void)snprintf(text, FORM_PRINT_BYTES, "%" PRId64 ".%02d%%", rate / 100, (int)(rate % 100));
    } else if (part > 0 || set == 0) {
        print_quantity(is_stock ? FIELD_VOLUME : FIELD_AREA, part, text);
    }
}

/* Reached, in percent of the target: of a rate by the rates, of a quantity by the quantities. */
static void cell_reached(struct call *c, const struct kind_row *kind, const struct counters *sum, bool is_rate, bool is_stock) {
    int64_t now = sum_named(kind, sum, sets[0][is_stock ? 2 : 0]), target = sum_named(kind, sum, sets[2][is_stock ? 2 : 0]), reached;
    if (is_rate && (!rate_of(now, sum_named(kind, sum, sets[0][1]), &now) || !rate_of(target, sum_named(kind, sum, sets[2][1]), &target))) target = 0;
    if (rate_of(now, target, &reached)) cell_format(c, "reached", "%" PRId64 ".%02d%%", reached / 100, (int)(reached % 100));
    else cell_text(c, "reached", "");
}

static void row_indicator(struct call *c, const struct kind_row *kind, const struct form_word *word, struct heading heading, uint32_t unit) {
    struct counters sum;
    if (c->cut || c->seen < c->skip) { (void)row_begin(c, "indicators"); return; }
    (void)sums_of(c, kind, unit, heading, &sum);
    size_t mark = arena_used(c->arena);
    uint32_t expected = units_expected(c, unit ? unit : c->unit);
    arena_rewind(c->arena, mark);
    if ((unit == c->unit && c->roster->n_children && sum.of[COUNTER_records] == 0) || !row_begin(c, "indicators")) return;
    bool is_stock = strcmp(word->name, "forest_stock") == 0, is_rate = indicator_is_rate(word);
    char period[FORM_PRINT_BYTES], text[FORM_PRINT_BYTES] = "";
    period_print(heading.period, period);
    cell_text(c, "indicator", word->name);
    cell_word(c, "indicator_zh", word->zh);
    cell_text(c, "period", period);
    cell_unit(c, "unit", unit);
    if (unit) cell_unit_name(c, "name", unit);
    else cell_word(c, "name", "合计");
    static const char *const figures[] = { "actual", "baseline", "target" };
    for (size_t set = 0; set < LZ_COUNT(figures); set++) {
        indicator_figure(kind, word, &sum, set, text);
        cell_text(c, figures[set], text);
    }
    cell_reached(c, kind, &sum, is_rate, is_stock);
    print_quantity(is_stock ? FIELD_VOLUME : FIELD_AREA, sum_named(kind, &sum, sets[0][is_stock ? 2 : 0]), text);
    cell_text(c, "part", text);
    if (is_rate) print_quantity(FIELD_AREA, sum_named(kind, &sum, "whole"), text);
    cell_text(c, "of_whole", is_rate ? text : "");
    print_quantity(FIELD_AREA, sum_named(kind, &sum, "cumulative"), text);
    cell_text(c, "cumulative", is_rate || is_stock ? "" : text);
    cell_i64(c, "reporting", sum.of[COUNTER_reporting]);
    cell_u64(c, "expected", unit == c->unit ? 1 : expected);
    row_end(c);
}

static bool has_period(struct heading *headings, size_t n, uint32_t choice, uint32_t period) {
    for (size_t i = 0; i < n; i++)
        if (headings[i].choice == choice && headings[i].period == period) return true;
    return false;
}

/* The latest of an indicator, when none is asked for. */
static uint32_t latest(struct heading *headings, size_t n, uint32_t choice) {
    uint32_t period = 0;
    for (size_t i = 0; i < n; i++)
        if (headings[i].choice == choice && headings[i].period > period) period = headings[i].period;
    return period;
}

enum lz_err verb_indicators(struct call *c) {
    const struct kind_row *kind = kind_by_name("indicator");
    LZ_ASSERT(kind && kind->form);
    const struct form_field *group = form_group_field(kind->form);
    struct heading *headings;
    uint32_t asked = 0, by = 0, any = 0;
    enum lz_err err = take_period(c, &asked);
    if (err == LZ_ok) err = take_part(c, &by);
    if (err != LZ_ok) return err;
    size_t n = sums_headings(c, kind, &headings);
    for (uint32_t choice = 1; group->choices[choice - 1].name; choice++) {
        struct heading heading = { choice, asked ? asked : latest(headings, n, choice) };
        if (!heading.period || !has_period(headings, n, choice, heading.period)) continue;
        any++;
        row_indicator(c, kind, &group->choices[choice - 1], heading, by);
        if (!by) row_indicator(c, kind, &group->choices[choice - 1], heading, c->unit);
        for (size_t i = 0; !by && i < c->roster->n_children; i++)
            row_indicator(c, kind, &group->choices[choice - 1], heading, c->roster->children[i].code);
    }
    if (!any) say(c, "没有已认定的指标；县级用 linzhangctl put indicator … 报送，上级认定后计入");
    return LZ_ok;
}
