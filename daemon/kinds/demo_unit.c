/* 示范市县: the plan's item 17. */
#include "kinds.h"

enum { APPLIED, RECOMMENDED, REVIEWED, NAMED, REFUSED, REMOVED };
static const struct form_state states[] = {
    [APPLIED] = { "applied", "已申报", TO(RECOMMENDED) | TO(REFUSED), 0 },
    [RECOMMENDED] = { "recommended", "已推荐", TO(REVIEWED) | TO(REFUSED), STATE_BY_ABOVE },
    [REVIEWED] = { "reviewed", "已评审", TO(NAMED) | TO(REFUSED), STATE_BY_ABOVE },
    [NAMED] = { "named", "已命名", TO(REMOVED), STATE_BY_ABOVE },
    [REFUSED] = { "refused", "未通过", TO(APPLIED), STATE_ASIDE | STATE_BY_ABOVE },
    [REMOVED] = { "removed", "已撤销", 0, STATE_ASIDE | STATE_BY_ABOVE },
};
static const struct form_field fields[] = {
    { "unit", "单位", FIELD_UNIT, FIELD_NEEDED, NULL },
    { "level", "级别", FIELD_CHOICE, FIELD_NEEDED | FIELD_GROUP, CHOICES({ "city", "示范市" }, { "county", "示范县" }, { "township", "示范乡镇" }) },
    { "year", "年度", FIELD_PERIOD, FIELD_NEEDED | FIELD_WHEN, NULL },
    { "plan", "创建方案", FIELD_TEXT, 0, NULL },
    { "measures", "措施", FIELD_TEXT, 0, NULL },
    { "review", "评审意见", FIELD_TEXT, 0, NULL },
    { "funds", "奖补资金", FIELD_MONEY, FIELD_QUANTITY, NULL },
};
const struct form_kind form_demo_unit = FORM(fields, states);
