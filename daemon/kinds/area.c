/* 责任区、督导分区、联系点: the plan's items 2 and 5. A change has a date; old reports keep the old zone. */
#include "kinds.h"

enum { IN_FORCE, ENDED };
static const struct form_state states[] = {
    [IN_FORCE] = { "in_force", "现行", TO(ENDED), 0 },
    [ENDED] = { "ended", "已调整", TO(IN_FORCE), STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "name", "名称", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "use", "类别", FIELD_CHOICE, FIELD_NEEDED | FIELD_GROUP, CHOICES({ "area", "责任区" }, { "zone", "督导分区" }, { "contact_point", "联系点" },
              { "state_farm", "国有林场" }, { "protected_area", "自然保护地" }) },
    { "place", "行政区划", FIELD_PLACE, 0, NULL },
    { "units", "所含单位", FIELD_TEXT, 0, NULL },
    { "chief", "林长编号", FIELD_TEXT, FIELD_PRESENT, NULL },
    { "land", "面积", FIELD_AREA, FIELD_QUANTITY, NULL },
    { "border", "四至或边界文件", FIELD_TEXT, 0, NULL },
    { "notice", "通知文号", FIELD_TEXT, 0, NULL },
};
const struct form_kind form_area = FORM(fields, states);
