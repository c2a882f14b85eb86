/* verbs_survey: what the registers say when they are laid side by side, as rows. */
#include <stdio.h>
#include "../survey/survey.h"
#include "ctl_room.h"

enum lz_err take_survey(struct call *c, struct survey *survey) {
    uint32_t today = lz_date_of(c->now.wall_ms);
    *survey = (struct survey){ .flow = c->flow, .arena = c->arena, .units = c->units, .roster = c->roster, .rules = &turn_settings(c->turn)->settings.rules,
                               .unit = c->unit, .day = today, .today = today };
    return arg_code(c, "unit", &survey->of);
}

/* ---- patrols ---- */

static const char *const tiers[PATROL_TIERS][2] = { { "province", "省级" }, { "city", "市级" }, { "county", "县级" }, { "township", "乡级" },
                                                    { "village", "村级" }, { "ranger", "护林员" } };

static enum lz_err take_period(struct call *c, uint32_t *period) {
    const char *text = arg_text(c, "period");
    *period = lz_date_of(c->now.wall_ms) / 10000 * 100;
    if (!text || period_parse(lz_bytes_str(text), period)) return LZ_ok;
    return lz_refuse(c->fail, LZ_bad_argument, "期间“%.40s”不对：请写如 2026、2026H1、2026Q2、2026-06，或 2026年上半年", text);
}

static void row_patrols(struct call *c, const struct patrol_line *line) {
    if (!row_begin(c, "patrols")) return;
    cell_unit(c, "unit", line->unit);
    cell_unit_name(c, "name", line->unit);
    cell_text(c, "tier", tiers[line->tier][0]);
    cell_text(c, "tier_zh", tiers[line->tier][1]);
    cell_i64(c, "chiefs", line->chiefs);
    cell_i64(c, "required", line->required);
    cell_i64(c, "patrolled", line->done);
    cell_percent(c, line->done, line->required, true);
    cell_i64(c, "valid", line->valid);
    cell_i64(c, "invalid", line->invalid);
    cell_i64(c, "late", line->late);
    row_end(c);
}

enum lz_err verb_patrols(struct call *c) {
    struct survey survey;
    uint32_t period = 0, tier = PATROL_TIERS;
    struct patrol_line total = { 0 };
    char name[FORM_PRINT_BYTES];
    enum lz_err err = take_survey(c, &survey);
    if (err == LZ_ok) err = take_period(c, &period);
    if (err == LZ_ok) err = arg_word(c, "tier", tiers, PATROL_TIERS, &tier);
    if (err != LZ_ok) return err;
    struct patrol_line *lines = arena_alloc_raw(c->arena, PATROL_LINES_MAX * sizeof *lines);
    if (!lines) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请用 --unit 分单位查询");
    size_t n = survey_patrols(&survey, period, tier < PATROL_TIERS ? (int)tier : -1, lines);
    for (size_t i = 0; i < n && !c->cut; i++) {
        row_patrols(c, &lines[i]);
        patrol_line_add(&total, &lines[i]);
    }
    period_print(period, name);
    if (n == 0) say(c, "%s 没有应巡林的林长；先用 put chief 登记林长", name);
    else say(c, "%s 应巡 %lld 次，已巡 %lld 次", name, (long long)total.required, (long long)total.done);
    return LZ_ok;
}
