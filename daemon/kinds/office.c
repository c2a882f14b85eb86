/* 林长办公室、乡镇林长办: the plan's items 10 and 14. */
#include "kinds.h"

enum { PLANNED, SET_UP, STAFFED, ENDED };
static const struct form_state states[] = {
    [PLANNED] = { "planned", "拟设", TO(SET_UP), STATE_ASIDE },
    [SET_UP] = { "set_up", "已设立", TO(STAFFED) | TO(ENDED), 0 },
    [STAFFED] = { "staffed", "人员到位", TO(SET_UP) | TO(ENDED), 0 },
    [ENDED] = { "ended", "已撤销", 0, STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "name", "名称", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "place", "行政区划", FIELD_PLACE, FIELD_NEEDED, NULL },
    { "tier", "层级", FIELD_CHOICE, FIELD_NEEDED | FIELD_GROUP, CHOICES({ "city", "市级" }, { "county", "县级" }, { "township", "乡镇" }) },
    { "setting", "设置方式", FIELD_CHOICE, FIELD_NEEDED, CHOICES({ "own", "单设" }, { "merged", "与林业站合署" }) },
    { "quota", "编制数", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "staff", "实有人数", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "full_time", "专职人数", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "budget", "年度经费", FIELD_MONEY, FIELD_QUANTITY, NULL },
    { "paid", "已拨经费", FIELD_MONEY, FIELD_QUANTITY, NULL },
    { "equipment", "装备", FIELD_TEXT, 0, NULL },
    { "head", "负责人", FIELD_TEXT, 0, NULL },
    { "phone", "办公电话", FIELD_TEXT, 0, NULL },
};
const struct form_kind form_office = FORM(fields, states);
