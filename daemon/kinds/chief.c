/* 林长: the plan's items 2, 5 and 6. Chiefs of farms and protected areas hang on a body, civic ones command nothing. */
#include "kinds.h"

enum { ACTIVE, CHANGED, ENDED };
static const struct form_state states[] = {
    [ACTIVE] = { "active", "在任", TO(CHANGED) | TO(ENDED), 0 },
    [CHANGED] = { "changed", "已变更", TO(ACTIVE) | TO(ENDED), 0 },
    [ENDED] = { "ended", "已离任", TO(ACTIVE), STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "name", "姓名", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "post", "职务", FIELD_TEXT, 0, NULL },
    { "rank", "林长级别", FIELD_CHOICE, FIELD_NEEDED,
      CHOICES({ "first_general_chief", "第一总林长" }, { "general_chief", "总林长" }, { "deputy_general_chief", "副总林长" }, { "chief", "林长" }) },
    { "tier", "层级", FIELD_CHOICE, FIELD_NEEDED | FIELD_GROUP,
      CHOICES({ "province", "省级" }, { "city", "市级" }, { "county", "县级" }, { "township", "乡级" }, { "village", "村级" }) },
    { "kind", "类别", FIELD_CHOICE, FIELD_NEEDED | FIELD_EACH,
      CHOICES({ "administrative", "行政区域" }, { "state_farm", "国有林场" }, { "protected_area", "自然保护地" }, { "civic", "民间林长" }) },
    { "body", "所在林场或保护地", FIELD_TEXT, 0, NULL },
    { "place", "行政区划", FIELD_PLACE, 0, NULL },
    { "area", "责任区编号", FIELD_TEXT, 0, NULL },
    { "contact_point", "联系点", FIELD_TEXT, 0, NULL },
    { "assisting_unit", "协助单位", FIELD_TEXT, 0, NULL },
    { "phone", "工作电话", FIELD_TEXT, 0, NULL },
    { "term_from", "任期起", FIELD_DATE, 0, NULL },
    { "term_to", "任期止", FIELD_DATE, 0, NULL },
};
const struct form_kind form_chief = FORM(fields, states);
