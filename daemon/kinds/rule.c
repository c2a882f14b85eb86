/* 配套制度: the plan's items 9 and 18. The matrix of rules by unit. */
#include "kinds.h"

enum { DRAFT, IN_FORCE, REPEALED };
static const struct form_state states[] = {
    [DRAFT] = { "draft", "起草中", TO(IN_FORCE), STATE_ASIDE },
    [IN_FORCE] = { "in_force", "现行", TO(REPEALED), 0 },
    [REPEALED] = { "repealed", "已废止", 0, STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "title", "名称", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "use", "类别", FIELD_CHOICE, FIELD_NEEDED | FIELD_GROUP,
      CHOICES({ "meeting", "林长会议制度" }, { "disclosure", "信息公开制度" },
              { "collaboration", "部门协作制度" }, { "inspection", "督查制度" }, { "assessment", "考核制度" },
              { "patrol", "巡林制度" }, { "other", "其他" }) },
    { "number", "文号", FIELD_TEXT, 0, NULL },
    { "issued_on", "印发日期", FIELD_DATE, 0, NULL },
    { "file", "文件校验码", FIELD_TEXT, 0, NULL },
};
const struct form_kind form_rule = FORM(fields, states);
