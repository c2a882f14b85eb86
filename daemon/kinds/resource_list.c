/* 资源清单: the plan's item 1. One entry a unit and year. */
#include "kinds.h"

enum { DRAFT, SUBMITTED, RETURNED, ACCEPTED };
static const struct form_state states[] = {
    [DRAFT] = { "draft", "草稿", TO(SUBMITTED), STATE_ASIDE },
    [SUBMITTED] = { "submitted", "已报送", TO(ACCEPTED) | TO(RETURNED), STATE_ASIDE },
    [RETURNED] = { "returned", "已退回", TO(SUBMITTED), STATE_ASIDE | STATE_BY_ABOVE },
    [ACCEPTED] = { "accepted", "已认定", TO(SUBMITTED), STATE_BY_ABOVE },
};
static const struct form_field fields[] = {
    { "year", "年度", FIELD_PERIOD, FIELD_NEEDED | FIELD_WHEN, NULL },
    { "unit", "单位", FIELD_UNIT, FIELD_NEEDED, NULL },
    { "forest", "森林面积", FIELD_AREA, FIELD_QUANTITY, NULL },
    { "forest_land", "林地面积", FIELD_AREA, FIELD_QUANTITY, NULL },
    { "stock", "森林蓄积", FIELD_VOLUME, FIELD_QUANTITY, NULL },
    { "living_stock", "活立木蓄积", FIELD_VOLUME, FIELD_QUANTITY, NULL },
    { "public_forest", "公益林", FIELD_AREA, FIELD_QUANTITY, NULL },
    { "natural_forest", "天然林", FIELD_AREA, FIELD_QUANTITY, NULL },
    { "plantation", "商品林", FIELD_AREA, FIELD_QUANTITY, NULL },
    { "wetland", "湿地面积", FIELD_AREA, FIELD_QUANTITY, NULL },
    { "grassland", "草地面积", FIELD_AREA, FIELD_QUANTITY, NULL },
    { "protected_areas", "自然保护地数", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "protected_land", "自然保护地面积", FIELD_AREA, FIELD_QUANTITY, NULL },
    { "ancient_trees", "古树名木", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "coverage", "森林覆盖率", FIELD_PERCENT, 0, NULL },
    { "industry_value", "林业产值", FIELD_MONEY, FIELD_QUANTITY, NULL },
    { "fire_danger", "火险等级", FIELD_CHOICE, 0, CHOICES({ "first", "一级" }, { "second", "二级" }, { "third", "三级" }) },
};
const struct form_kind form_resource_list = FORM(fields, states);
