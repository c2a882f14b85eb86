/* 公示牌: the plan's item 4. One board, one file. */
#include "kinds.h"

enum { PLANNED, SET, CHECKED, DAMAGED, REPAIRED, REMOVED };
static const struct form_state states[] = {
    [PLANNED] = { "planned", "拟设", TO(SET), STATE_ASIDE },
    [SET] = { "set", "已设立", TO(CHECKED) | TO(DAMAGED) | TO(REMOVED), 0 },
    [CHECKED] = { "checked", "已检查", TO(DAMAGED) | TO(REMOVED), 0 },
    [DAMAGED] = { "damaged", "已损坏", TO(REPAIRED) | TO(REMOVED), 0 },
    [REPAIRED] = { "repaired", "已修复", TO(CHECKED) | TO(DAMAGED) | TO(REMOVED), 0 },
    [REMOVED] = { "removed", "已撤除", 0, STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "place", "行政区划", FIELD_PLACE, FIELD_NEEDED, NULL },
    { "tier", "层级", FIELD_CHOICE, FIELD_NEEDED | FIELD_GROUP,
      CHOICES({ "city", "市级" }, { "county", "县级" }, { "township", "乡级" }, { "village", "村级" }) },
    { "position", "位置", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "longitude", "经度", FIELD_DEGREES, 0, NULL },
    { "latitude", "纬度", FIELD_DEGREES, 0, NULL },
    { "chief", "林长编号", FIELD_TEXT, 0, NULL },
    { "text_version", "牌面内容版本", FIELD_TEXT, 0, NULL },
    { "photo", "照片校验码", FIELD_TEXT, 0, NULL },
    { "set_on", "设立日期", FIELD_DATE, 0, NULL },
    { "checked_on", "检查日期", FIELD_DATE, 0, NULL },
};
const struct form_kind form_board = FORM(fields, states);
