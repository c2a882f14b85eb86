/* 林长会议: the plan's items 3 and 9. Decisions become tasks. */
#include "kinds.h"

enum { CALLED, HELD, MINUTED, DONE, CANCELLED };
static const struct form_state states[] = {
    [CALLED] = { "called", "已通知", TO(HELD) | TO(CANCELLED), STATE_ASIDE },
    [HELD] = { "held", "已召开", TO(MINUTED), 0 },
    [MINUTED] = { "minuted", "已印发纪要", TO(DONE), 0 },
    [DONE] = { "done", "议定事项办结", 0, 0 },
    [CANCELLED] = { "cancelled", "已取消", 0, STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "title", "会议名称", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "use", "类别", FIELD_CHOICE, FIELD_NEEDED | FIELD_GROUP,
      CHOICES({ "chiefs", "林长会议" }, { "office", "林长办会议" }, { "joint", "部门联席会议" }) },
    { "chair", "主持人", FIELD_TEXT, 0, NULL },
    { "day", "日期", FIELD_DATE, FIELD_NEEDED | FIELD_WHEN, NULL },
    { "topics", "议题", FIELD_TEXT, 0, NULL },
    { "decisions", "议定事项", FIELD_TEXT, 0, NULL },
    { "tasks", "所立任务", FIELD_TEXT, 0, NULL },
    { "attended", "参会人数", FIELD_NUMBER, FIELD_QUANTITY, NULL },
};
const struct form_kind form_meeting = FORM(fields, states);
