/* 线索移送: the plan's item 7. To police, procurator or court, and their answer. */
#include "kinds.h"

enum { REFERRED, RECEIVED, FILED, NOT_FILED, CONCLUDED, ANSWERED, WITHDRAWN };
static const struct form_state states[] = {
    [REFERRED] = { "referred", "已移送", TO(RECEIVED) | TO(WITHDRAWN), 0 },
    [RECEIVED] = { "received", "已接收", TO(FILED) | TO(NOT_FILED), 0 },
    [FILED] = { "filed", "已立案", TO(CONCLUDED), 0 },
    [NOT_FILED] = { "not_filed", "不予立案", TO(FILED) | TO(ANSWERED), 0 },
    [CONCLUDED] = { "concluded", "已办结", TO(ANSWERED), 0 },
    [ANSWERED] = { "answered", "已答复", 0, 0 },
    [WITHDRAWN] = { "withdrawn", "已撤回", 0, STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "title", "标题", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "partner", "移送单位类别", FIELD_CHOICE, FIELD_NEEDED | FIELD_GROUP,
      CHOICES({ "police", "公安机关" }, { "procurator", "检察机关" }, { "court", "人民法院" }) },
    { "partner_name", "接收单位", FIELD_TEXT, 0, NULL },
    { "lead", "线索内容", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "law", "涉嫌违反的规定", FIELD_TEXT, 0, NULL },
    { "problem", "问题编号", FIELD_TEXT, FIELD_REFERS, NULL },
    { "referred_on", "移送日期", FIELD_DATE, FIELD_NEEDED | FIELD_WHEN, NULL },
    { "answer_due", "答复期限", FIELD_DATE, 0, NULL },
    { "answered_on", "答复日期", FIELD_DATE, 0, NULL },
    { "result", "办理结果", FIELD_TEXT, 0, NULL },
    { "joint", "联合督办", FIELD_FLAG, FIELD_QUANTITY, NULL },
};
const struct form_kind form_referral = FORM(fields, states);
