/* verbs_survey: what the registers say when they are laid side by side, as rows. */
#include <stdio.h>
#include "../survey/survey.h"
#include "ctl_room.h"

enum lz_err take_survey(struct call *c, struct survey *survey) {
    uint32_t today = lz_date_of(c->now.wall_ms);
    *survey = (struct survey){ .flow = c->flow, .arena = c->arena, .units = c->units, .roster = c->roster, .rules = &turn_settings(c->turn)->settings.rules,
                               .unit = c->unit, .day = today, .today = today, .lang = c->lang };
    return arg_code(c, "unit", &survey->of);
}

/* ---- patrols ---- */

static const char *const tiers[PATROL_TIERS][2] = { { "province", "省级" }, { "city", "市级" }, { "county", "县级" }, { "township", "乡级" },
                                                    { "village", "村级" }, { "ranger", "护林员" } };

static void row_patrols(struct call *c, const struct patrol_line *line) {
    if (!row_begin(c, "patrols")) return;
    cell_unit(c, "unit", line->unit);
    cell_unit_name(c, "name", line->unit);
    cell_text(c, "tier", tiers[line->tier][0]);
    cell_word(c, "tier_zh", tiers[line->tier][1]);
    cell_i64(c, "chiefs", line->chiefs);
    cell_i64(c, "required", line->required);
    cell_i64(c, "patrolled", line->done);
    cell_percent(c, line->done, line->required, true);
    cell_i64(c, "valid", line->valid);
    cell_i64(c, "invalid", line->invalid);
    cell_i64(c, "late", line->late);
    row_end(c);
}

/* What a chief owes of each span of the period that has begun; as a child does not say which of its chiefs made a patrol, one too many makes up
 * for another's. */
size_t patrol_sums(struct call *c, uint32_t period, uint32_t child, struct patrol_line *lines) {
    const struct form_rules *rules = &turn_settings(c->turn)->settings.rules;
    const struct kind_row *chief = kind_by_name("chief"), *patrol = kind_by_name("patrol");
    uint32_t from, to, today = lz_date_of(c->now.wall_ms);
    size_t n = 0, civic = form_sum_of_word(chief->form, "civic");            /* who command nothing owe nothing */
    uint8_t invalid = 0;
    (void)form_state_find(patrol->form, lz_bytes_str("invalid"), &invalid);
    period_days(period, &from, &to);
    for (uint32_t tier = 0; tier < PATROL_TIERS - 1; tier++) {
        struct counters chiefs, patrols;
        uint32_t begin, end = 0;
        (void)sums_of(c, chief, child, (struct heading){ tier + 1, 0 }, &chiefs);
        (void)sums_of(c, patrol, child, (struct heading){ tier + 1, period }, &patrols);
        struct patrol_line line = { .unit = child, .tier = tier, .valid = patrols.of[COUNTER_records],
                                    .chiefs = chiefs.of[COUNTER_records] - chiefs.of[COUNTER_sum_0 + civic], .invalid = patrols.of[COUNTER_state_0 + invalid] };
        while (rules->patrol[tier].times && span_next(rules->patrol[tier].every, from, to, &begin, &end) && begin <= today)
            line.required += line.chiefs * rules->patrol[tier].times;
        line.done = line.valid < line.required ? line.valid : line.required;
        if (line.chiefs || line.valid) lines[n++] = line;
    }
    return n;
}

/* Of the tiers two below: by their sums, and not a second time by such entries of theirs as are held here. */
static size_t with_sums(struct call *c, uint32_t period, int tier, uint32_t of, struct patrol_line *lines, size_t n) {
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        const struct child *child = roster_holding(c->roster, lines[i].unit);
        if (!child || child->n_subtree <= 1) lines[kept++] = lines[i];
    }
    for (size_t i = 0; i < c->roster->n_children; i++) {
        const struct child *child = &c->roster->children[i];
        struct patrol_line by_tier[PATROL_TIERS];
        if (child->n_subtree <= 1 || (of && of != child->code)) continue;
        size_t more = patrol_sums(c, period, child->code, by_tier);
        for (size_t k = 0; k < more && kept < PATROL_LINES_MAX; k++)
            if (tier < 0 || by_tier[k].tier == (uint32_t)tier) lines[kept++] = by_tier[k];
    }
    return kept;
}

enum lz_err verb_patrols(struct call *c) {
    struct survey survey;
    uint32_t period = lz_date_of(c->now.wall_ms) / 10000 * 100, tier = PATROL_TIERS;         /* this year */
    struct patrol_line total = { 0 };
    char name[FORM_PRINT_BYTES];
    enum lz_err err = take_survey(c, &survey);
    if (err == LZ_ok) err = take_period(c, &period);
    if (err == LZ_ok) err = arg_word(c, "tier", tiers, PATROL_TIERS, &tier);
    if (err != LZ_ok) return err;
    struct patrol_line *lines = arena_alloc_raw(c->arena, PATROL_LINES_MAX * sizeof *lines);
    if (!lines) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请用 --unit 分单位查询");
    int only = tier < PATROL_TIERS ? (int)tier : -1;
    size_t n = with_sums(c, period, only, survey.of, lines, survey_patrols(&survey, period, only, lines));
    for (size_t i = 0; i < n && !c->cut; i++) {
        row_patrols(c, &lines[i]);
        patrol_line_add(&total, &lines[i]);
    }
    period_print(period, name);
    if (n == 0) say(c, "%s 没有应巡林的林长；先用 put chief 登记林长，并写明任期起 term_from", name);
    else say(c, "%s 应巡 %lld 次，已巡 %lld 次", name, (long long)total.required, (long long)total.done);
    return LZ_ok;
}

/* ---- what is missing, wrong or stale ---- */

struct counted { uint32_t unit; enum finding_code code; uint64_t n; };
struct checking {
    struct call *c;
    uint32_t limit;
    bool counting;
    struct counted *counts;
    size_t n_counts;
};
enum { COUNTS_MAX = FINDING_COUNT * 512 };

static bool row_finding(void *context, const struct finding *f) {
    struct call *c = ((struct checking *)context)->c;
    if (c->seen >= ((struct checking *)context)->limit || !row_begin(c, "findings")) return false;
    cell_text(c, "finding", finding_name(f->code));
    cell_word(c, "finding_zh", finding_zh(f->code));
    cell_kind(c, kind_by_name(finding_kind(f->code))->number);
    cell_bytes(c, "entry", f->no);
    cell_unit(c, "unit", f->unit);
    cell_unit_name(c, "name", f->unit);
    cell_format(c, "place_code", "%.0lld", (long long)f->place);
    cell_text(c, "detail", f->text ? f->text : "");
    cell_date(c, "since", f->since);
    cell_word(c, "next", finding_next(f->code));
    row_end(c);
    return true;
}

static bool count_finding(void *context, const struct finding *f) {
    struct checking *k = context;
    size_t i = 0;
    while (i < k->n_counts && (k->counts[i].unit != f->unit || k->counts[i].code != f->code)) i++;
    if (i == k->n_counts && i < COUNTS_MAX) k->counts[k->n_counts++] = (struct counted){ f->unit, f->code, 0 };
    if (i < k->n_counts) k->counts[i].n++;
    return false;
}

static void row_count(struct call *c, const struct counted *n) {
    if (!row_begin(c, "counts")) return;
    cell_text(c, "finding", finding_name(n->code));
    cell_word(c, "finding_zh", finding_zh(n->code));
    cell_kind(c, kind_by_name(finding_kind(n->code))->number);
    cell_unit(c, "unit", n->unit);
    cell_unit_name(c, "name", n->unit);
    cell_u64(c, "count", n->n);
    row_end(c);
}

enum lz_err verb_check(struct call *c) {
    struct survey survey;
    struct checking k = { .c = c, .limit = LIMIT_MAX, .counting = arg_flag(c, "count") };
    const struct kind_row *kind = NULL;
    enum lz_err err = take_survey(c, &survey);
    if (err == LZ_ok) err = arg_kind(c, "kind", &kind);
    if (err == LZ_ok) err = arg_date(c, "on", &survey.day);
    if (err == LZ_ok) err = arg_u32(c, "limit", LIMIT_MAX, &k.limit);
    if (err != LZ_ok) return err;
    if (k.counting) k.counts = arena_alloc_raw(c->arena, COUNTS_MAX * sizeof *k.counts);
    if (k.counting && !k.counts) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请用 --unit 分单位查询");
    survey_check(&survey, kind ? kind->name : NULL, k.counting ? count_finding : row_finding, &k);
    for (size_t i = 0; i < k.n_counts && !c->cut; i++) row_count(c, &k.counts[i]);
    if (c->seen == 0) say(c, "没有发现问题");
    return LZ_ok;
}

/* ---- rules by unit ---- */

enum lz_err verb_matrix(struct call *c) {
    struct survey survey;
    const struct kind_row *kind = NULL;
    size_t n_uses = 0;
    enum lz_err err = arg_kind(c, "kind", &kind);
    if (err == LZ_ok) err = take_survey(c, &survey);
    if (err != LZ_ok) return err;
    if (strcmp(kind->name, "rule") != 0) return lz_refuse(c->fail, LZ_bad_argument, "只有配套制度有一览：matrix rule");
    const struct form_field *use = &kind->form->fields[form_field_find(kind->form, lz_bytes_str("use"))];
    struct rule_line *lines = arena_alloc_raw(c->arena, (CHILDREN_MAX + 1) * sizeof *lines);
    if (!lines) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请用 --unit 分单位查询");
    size_t n = survey_rules(&survey, lines, CHILDREN_MAX + 1, &n_uses);
    for (size_t i = 0; i < n && !c->cut; i++) {
        if (!row_begin(c, "matrix")) continue;
        cell_unit(c, "unit", lines[i].unit);
        cell_unit_name(c, "name", lines[i].unit);
        for (size_t k = 0; k < n_uses; k++)
            cell_text(c, arena_printf(c->arena, "rule_%s", use->choices[k].name), lines[i].has[k] ? shown(c, "有") : "");
        row_end(c);
    }
    return LZ_ok;
}

/* ---- chiefs ---- */

static void row_chiefs(struct call *c, const struct chief_line *line) {
    if (!row_begin(c, "chiefs")) return;
    cell_unit(c, "unit", line->unit);
    cell_unit_name(c, "name", line->unit);
    cell_text(c, "tier", tiers[line->tier][0]);
    cell_word(c, "tier_zh", tiers[line->tier][1]);
    cell_u64(c, "administrative", line->of[0]);
    cell_u64(c, "farms", line->of[1]);
    cell_u64(c, "reserves", line->of[2]);
    cell_u64(c, "civic", line->of[3]);
    row_end(c);
}

static void row_raised(struct call *c, uint32_t unit, uint64_t raised, uint64_t open) {
    if (!row_begin(c, "raised")) return;
    cell_unit(c, "unit", unit);
    cell_unit_name(c, "name", unit);
    cell_u64(c, "raised", raised);
    cell_u64(c, "open", open);
    row_end(c);
}

enum lz_err verb_chiefs(struct call *c) {
    struct survey survey;
    enum lz_err err = take_survey(c, &survey);
    if (err == LZ_ok) err = arg_date(c, "on", &survey.day);
    if (err != LZ_ok) return err;
    struct chief_line *lines = arena_alloc_raw(c->arena, CHIEF_LINES_MAX * sizeof *lines);
    if (!lines) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请用 --unit 分单位查询");
    size_t n = survey_chiefs(&survey, lines);
    for (size_t i = 0; i < n && !c->cut; i++) row_chiefs(c, &lines[i]);
    for (size_t i = 0; i < n && !c->cut; i++) {
        uint64_t raised = 0, open = 0;
        if (i > 0 && lines[i].unit == lines[i - 1].unit) continue;
        problems_of_civic(c, lines[i].unit, &raised, &open);
        if (raised) row_raised(c, lines[i].unit, raised, open);
    }
    if (n == 0) say(c, "没有登记在任的林长");
    return LZ_ok;
}
