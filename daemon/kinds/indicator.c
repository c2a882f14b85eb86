/* 约束性指标: the plan's item 19, the five binding indicators. What is reported is measured quantities; a share is computed where it is shown,
 * from sums, and never stored or averaged: a unit without grassland then weighs nothing, and is not 0 %. */
#include "kinds.h"

enum { DRAFT, SUBMITTED, RETURNED, ACCEPTED, PUBLISHED };
static const struct form_state states[] = {
    [DRAFT] = { "draft", "草稿", TO(SUBMITTED), STATE_ASIDE },
    [SUBMITTED] = { "submitted", "已报送", TO(ACCEPTED) | TO(RETURNED), STATE_ASIDE },
    [RETURNED] = { "returned", "已退回", TO(SUBMITTED), STATE_ASIDE | STATE_BY_ABOVE },
    [ACCEPTED] = { "accepted", "已认定", TO(PUBLISHED) | TO(SUBMITTED), STATE_BY_ABOVE },
    [PUBLISHED] = { "published", "已公布", TO(SUBMITTED), STATE_BY_ABOVE },
};
enum { INDICATOR, PERIOD, PART, WHOLE, STOCK, CUMULATIVE, BASELINE_PART, BASELINE_WHOLE, BASELINE_STOCK, TARGET_PART, TARGET_WHOLE, TARGET_STOCK };
static const struct form_field fields[] = {
    [INDICATOR] = { "indicator", "指标", FIELD_CHOICE, FIELD_NEEDED | FIELD_GROUP,
      CHOICES({ "forest_coverage", "森林覆盖率" }, { "forest_stock", "森林蓄积量" }, { "grassland_cover", "草原综合植被盖度" },
              { "desert_treated", "沙化土地治理面积" }, { "wetland_protection", "湿地保护率" }) },
    [PERIOD] = { "period", "期别", FIELD_PERIOD, FIELD_NEEDED | FIELD_WHEN, NULL },
    [PART] = { "part", "面积", FIELD_AREA, FIELD_QUANTITY, NULL },               /* forest; covered grassland; treated; protected wetland */
    [WHOLE] = { "whole", "总面积", FIELD_AREA, FIELD_QUANTITY, NULL },           /* land; grassland; wetland */
    [STOCK] = { "stock", "蓄积", FIELD_VOLUME, FIELD_QUANTITY, NULL },
    [CUMULATIVE] = { "cumulative", "规划期累计", FIELD_AREA, FIELD_QUANTITY, NULL },
    [BASELINE_PART] = { "baseline_part", "基期面积", FIELD_AREA, FIELD_QUANTITY, NULL },
    [BASELINE_WHOLE] = { "baseline_whole", "基期总面积", FIELD_AREA, FIELD_QUANTITY, NULL },
    [BASELINE_STOCK] = { "baseline_stock", "基期蓄积", FIELD_VOLUME, FIELD_QUANTITY, NULL },
    [TARGET_PART] = { "target_part", "目标面积", FIELD_AREA, FIELD_QUANTITY, NULL },
    [TARGET_WHOLE] = { "target_whole", "目标总面积", FIELD_AREA, FIELD_QUANTITY, NULL },
    [TARGET_STOCK] = { "target_stock", "目标蓄积", FIELD_VOLUME, FIELD_QUANTITY, NULL },
    { "as_of", "截至日期", FIELD_DATE, 0, NULL },
    { "method", "测算方法", FIELD_CHOICE, 0, CHOICES({ "survey", "调查" }, { "monitoring", "监测" }, { "estimate", "估算" }) },
    { "definition_year", "定义年份", FIELD_NUMBER, 0, NULL },
    { "source", "来源系统", FIELD_TEXT, 0, NULL },
    { "corrects", "更正说明", FIELD_TEXT, 0, NULL },
};

enum { FOREST_COVERAGE, FOREST_STOCK, GRASSLAND_COVER, DESERT_TREATED, WETLAND_PROTECTION };

static bool has(uint32_t given, size_t field) { return given >> field & 1; }

/* An area and the one that it is a part of: both, and no more of it than there is. */
static const char *wrong_share(const struct form_value *of, uint32_t given, size_t part, size_t whole) {
    if (!has(given, part) && !has(given, whole)) return NULL;
    if (!has(given, part) || !has(given, whole)) return "面积和总面积（基期、目标也一样）要同时填写：比率由系统计算";
    return of[part].number > of[whole].number ? "面积大于总面积" : NULL;
}

static const char *wrong(const struct form_value *of, uint32_t given) {
    if (!has(given, INDICATOR)) return NULL;
    switch (of[INDICATOR].number) {
    case FOREST_STOCK: return has(given, STOCK) ? NULL : "森林蓄积量要填写 stock=…（如 250万立方米）";
    case DESERT_TREATED: return has(given, PART) ? NULL : "沙化土地治理面积要填写 part=…（当期治理面积，如 1200公顷），规划期累计写 cumulative=…";
    default: break;
    }
    if (!has(given, PART)) return "这项指标是比率：请填写 part=…（面积）和 whole=…（总面积），比率由系统计算";
    const char *bad = wrong_share(of, given, PART, WHOLE);
    if (!bad) bad = wrong_share(of, given, BASELINE_PART, BASELINE_WHOLE);
    return bad ? bad : wrong_share(of, given, TARGET_PART, TARGET_WHOLE);
}

const struct form_kind form_indicator = FORM_WITH(fields, states, wrong);
