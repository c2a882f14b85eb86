/* 督查: the plan's items 3, 18 and 19. Findings become problems. */
#include "kinds.h"

enum { PLANNED, NOTIFIED, ON_SITE, FINDINGS, RECTIFIED, CLOSED, CANCELLED };
static const struct form_state states[] = {
    [PLANNED] = { "planned", "计划中", TO(NOTIFIED) | TO(CANCELLED), STATE_ASIDE },
    [NOTIFIED] = { "notified", "已通知", TO(ON_SITE), 0 },
    [ON_SITE] = { "on_site", "现场督查", TO(FINDINGS), 0 },
    [FINDINGS] = { "findings", "已反馈意见", TO(RECTIFIED), 0 },
    [RECTIFIED] = { "rectified", "已整改", TO(CLOSED) | TO(FINDINGS), 0 },
    [CLOSED] = { "closed", "已办结", 0, 0 },
    [CANCELLED] = { "cancelled", "已取消", 0, STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "title", "标题", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "team", "督查组", FIELD_TEXT, 0, NULL },
    { "units", "被督查单位", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "scope", "督查内容", FIELD_TEXT, 0, NULL },
    { "begins", "开始日期", FIELD_DATE, FIELD_WHEN, NULL },
    { "ends", "结束日期", FIELD_DATE, 0, NULL },
    { "findings", "发现问题数", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "rectified", "已整改数", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "problems", "问题编号", FIELD_TEXT, 0, NULL },
    { "report", "督查报告", FIELD_TEXT, 0, NULL },
};
const struct form_kind form_inspection = FORM(fields, states);
