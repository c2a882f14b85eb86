/* 网格: the plan's items 8 and 12. Each has its four roles. */
#include "kinds.h"

enum { ACTIVE, SPLIT, MERGED, ENDED };
static const struct form_state states[] = {
    [ACTIVE] = { "active", "在用", TO(SPLIT) | TO(MERGED) | TO(ENDED), 0 },
    [SPLIT] = { "split", "已拆分", 0, STATE_ASIDE },
    [MERGED] = { "merged", "已合并", 0, STATE_ASIDE },
    [ENDED] = { "ended", "已撤销", TO(ACTIVE), STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "name", "名称", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "place", "行政区划", FIELD_PLACE, FIELD_NEEDED, NULL },
    { "land", "网格面积", FIELD_AREA, FIELD_NEEDED | FIELD_QUANTITY, NULL },
    { "forest", "林地", FIELD_AREA, FIELD_QUANTITY, NULL },
    { "grassland", "草地", FIELD_AREA, FIELD_QUANTITY, NULL },
    { "wetland", "湿地", FIELD_AREA, FIELD_QUANTITY, NULL },
    { "ranger", "护林员", FIELD_TEXT, FIELD_PRESENT, NULL },
    { "manager", "网格员", FIELD_TEXT, FIELD_PRESENT, NULL },
    { "technician", "技术员", FIELD_TEXT, FIELD_PRESENT, NULL },
    { "officer", "警员", FIELD_TEXT, FIELD_PRESENT, NULL },
    { "chief", "林长编号", FIELD_TEXT, 0, NULL },
    { "instead_of", "原网格", FIELD_TEXT, 0, NULL },
};
const struct form_kind form_grid = FORM(fields, states);
