/* 考核方案: the plan's items 17 and 18. It goes down; each change is a version, and a score names the one it was made by. */
#include "kinds.h"

enum { IN_FORCE, ENDED };
static const struct form_state states[] = {
    [IN_FORCE] = { "in_force", "现行", TO(ENDED), 0 },
    [ENDED] = { "ended", "已结束", 0, STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "title", "名称", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "year", "年度", FIELD_PERIOD, FIELD_NEEDED | FIELD_WHEN, NULL },
    { "cut_off", "数据截止日", FIELD_DATE, FIELD_NEEDED, NULL },
    { "items", "考核项目", FIELD_TEXT, FIELD_NEEDED, NULL },      /* a line each: see daemon/survey/score.c */
    { "excellent", "优秀分数线", FIELD_NUMBER, 0, NULL },
    { "good", "良好分数线", FIELD_NUMBER, 0, NULL },
    { "pass", "合格分数线", FIELD_NUMBER, 0, NULL },
};
const struct form_kind form_scheme = FORM(fields, states);
