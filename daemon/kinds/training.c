/* 培训: the plan's items 15 and 22. */
#include "kinds.h"

enum { PLANNED, HELD, CANCELLED };
static const struct form_state states[] = {
    [PLANNED] = { "planned", "计划中", TO(HELD) | TO(CANCELLED), STATE_ASIDE },
    [HELD] = { "held", "已举办", 0, 0 },
    [CANCELLED] = { "cancelled", "已取消", 0, STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "title", "主题", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "level", "级别", FIELD_CHOICE, FIELD_NEEDED | FIELD_GROUP, CHOICES({ "city", "市级" }, { "county", "县级" }, { "township", "乡级" }) },
    { "way", "方式", FIELD_CHOICE, 0, CHOICES({ "on_site", "现场" }, { "online", "线上" }) },
    { "day", "日期", FIELD_DATE, FIELD_NEEDED | FIELD_WHEN, NULL },
    { "hours", "学时", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "chiefs", "参训林长", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "rangers", "参训护林员", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "others", "其他参训人员", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "trainer", "授课单位", FIELD_TEXT, 0, NULL },
};
const struct form_kind form_training = FORM(fields, states);
