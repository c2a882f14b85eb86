/* 向林长请示汇报: the plan's item 11. Instructions become tasks. */
#include "kinds.h"

enum { SENT, READ, INSTRUCTED, DONE };
static const struct form_state states[] = {
    [SENT] = { "sent", "已呈报", TO(READ), 0 },
    [READ] = { "read", "已阅", TO(INSTRUCTED) | TO(DONE), 0 },
    [INSTRUCTED] = { "instructed", "已批示", TO(DONE), 0 },
    [DONE] = { "done", "已办结", 0, 0 },
};
static const struct form_field fields[] = {
    { "chief", "林长编号", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "subject", "事由", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "asked", "请示内容", FIELD_TEXT, 0, NULL },
    { "instruction", "批示", FIELD_TEXT, FIELD_PRESENT, NULL },
    { "instructed_on", "批示日期", FIELD_DATE, 0, NULL },
    { "task", "所立任务", FIELD_TEXT, 0, NULL },
};
const struct form_kind form_chief_briefing = FORM(fields, states);
