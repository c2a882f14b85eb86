/* 考核: the plan's item 18 and the second safeguard. One entry for each unit and year, kept by the tier that assesses and sent down: what was read at
 * the cut-off, the marks given by hand with their reasons, the score with the marks of each item, rank and grade, and whose term it was. */
#include "kinds.h"

enum { SNAPSHOT, SCORED, PUBLISHED };
static const struct form_state states[] = {
    [SNAPSHOT] = { "snapshot", "已取数", TO(SCORED), STATE_ASIDE },
    [SCORED] = { "scored", "已评分", TO(PUBLISHED), STATE_ASIDE },
    [PUBLISHED] = { "published", "已公布", TO(SCORED), 0 },       /* again after an appeal */
};
static const struct form_field fields[] = {
    { "unit", "被考核单位", FIELD_UNIT, FIELD_NEEDED, NULL },
    { "year", "年度", FIELD_PERIOD, FIELD_NEEDED | FIELD_WHEN, NULL },
    { "scheme", "方案编号", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "scheme_version", "方案版本", FIELD_TEXT, 0, NULL },
    { "chief", "任期林长", FIELD_TEXT, 0, NULL },
    { "inputs", "截止日数据", FIELD_TEXT, 0, NULL },
    { "marks", "人工评分", FIELD_TEXT, 0, NULL },
    { "detail", "分项得分", FIELD_TEXT, 0, NULL },
    { "score", "得分（百分之一分）", FIELD_NUMBER, 0, NULL },
    { "rank", "名次", FIELD_NUMBER, 0, NULL },
    { "grade", "等次", FIELD_CHOICE, FIELD_GROUP,
      CHOICES({ "excellent", "优秀" }, { "good", "良好" }, { "qualified", "合格" }, { "failed", "不合格" }) },
};
const struct form_kind form_assessment = FORM(fields, states);
