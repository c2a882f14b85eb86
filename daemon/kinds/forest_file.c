/* 一林一档: the plan's item 13, with the five ones. */
#include "kinds.h"

enum { DRAFT, APPROVED, IN_FORCE, REVIEW };
static const struct form_state states[] = {
    [DRAFT] = { "draft", "编制中", TO(APPROVED), STATE_ASIDE },
    [APPROVED] = { "approved", "已批准", TO(IN_FORCE), 0 },
    [IN_FORCE] = { "in_force", "执行中", TO(REVIEW), 0 },
    [REVIEW] = { "review", "待复审", TO(IN_FORCE) | TO(DRAFT), 0 },
};
static const struct form_field fields[] = {
    { "name", "名称", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "place", "行政区划", FIELD_PLACE, FIELD_NEEDED, NULL },
    { "land", "面积", FIELD_AREA, FIELD_QUANTITY, NULL },
    { "policy", "一林一策", FIELD_TEXT, FIELD_PRESENT, NULL },
    { "technique", "一林一技", FIELD_TEXT, FIELD_PRESENT, NULL },
    { "record", "一林一档", FIELD_TEXT, FIELD_PRESENT, NULL },
    { "keeper", "一林一员", FIELD_TEXT, FIELD_PRESENT, NULL },
    { "officer", "一林一警", FIELD_TEXT, FIELD_PRESENT, NULL },
    { "resources", "资源概况", FIELD_TEXT, 0, NULL },
    { "review_on", "复审日期", FIELD_DATE, 0, NULL },
};
const struct form_kind form_forest_file = FORM(fields, states);
