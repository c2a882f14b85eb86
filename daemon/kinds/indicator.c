/* 约束性指标: the plan's item 19. Numerator and denominator, never a percentage. */
#include "kinds.h"

enum { DRAFT, SUBMITTED, RETURNED, ACCEPTED, PUBLISHED };
static const struct form_state states[] = {
    [DRAFT] = { "draft", "草稿", TO(SUBMITTED) },
    [SUBMITTED] = { "submitted", "已报送", TO(ACCEPTED) | TO(RETURNED) },
    [RETURNED] = { "returned", "已退回", TO(SUBMITTED) },
    [ACCEPTED] = { "accepted", "已认定", TO(PUBLISHED) | TO(SUBMITTED) },
    [PUBLISHED] = { "published", "已公布", TO(SUBMITTED) },
};
static const struct form_field fields[] = {
    { "indicator", "指标", FIELD_CHOICE, FIELD_NEEDED,
      CHOICES({ "forest_coverage", "森林覆盖率" }, { "forest_stock", "森林蓄积量" },
              { "grassland_cover", "草原综合植被盖度" }, { "wetland_protection", "湿地保护率" },
              { "sand_control", "沙化土地治理" }) },
    { "unit", "单位", FIELD_UNIT, FIELD_NEEDED, NULL },
    { "period", "期别", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "numerator", "分子", FIELD_NUMBER, FIELD_NEEDED, NULL },
    { "denominator", "分母", FIELD_NUMBER, FIELD_NEEDED, NULL },
    { "baseline", "基期值", FIELD_NUMBER, 0, NULL },
    { "target", "目标值", FIELD_NUMBER, 0, NULL },
    { "method", "测算方法", FIELD_TEXT, 0, NULL },
    { "corrects", "更正的版本", FIELD_TEXT, 0, NULL },
};
const struct form_kind form_indicator = FORM(fields, states);
