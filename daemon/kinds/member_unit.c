/* 成员单位: the plan's item 20. */
#include "kinds.h"

enum { ACTIVE, ENDED };
static const struct form_state states[] = {
    [ACTIVE] = { "active", "现任", TO(ENDED), 0 },
    [ENDED] = { "ended", "已退出", TO(ACTIVE), STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "name", "名称", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "class", "类别", FIELD_CHOICE, FIELD_GROUP,
      CHOICES({ "party", "党委部门" }, { "government", "政府部门" }, { "justice", "司法机关" },
              { "group", "群团和其他" }) },
    { "duties", "职责", FIELD_TEXT, 0, NULL },
    { "contact", "联络员", FIELD_TEXT, 0, NULL },
    { "phone", "电话", FIELD_TEXT, 0, NULL },
    { "assists", "协助的林长", FIELD_TEXT, 0, NULL },
};
const struct form_kind form_member_unit = FORM(fields, states);
