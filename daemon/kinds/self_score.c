/* 自评与申诉: what the unit that is assessed says itself; goes up to who assesses it. */
#include "kinds.h"

enum { SUBMITTED, APPEALED, UPHELD, REJECTED };
static const struct form_state states[] = {
    [SUBMITTED] = { "submitted", "已自评", TO(APPEALED), 0 },
    [APPEALED] = { "appealed", "已申诉", TO(UPHELD) | TO(REJECTED), 0 },
    [UPHELD] = { "upheld", "申诉成立", 0, STATE_BY_ABOVE },
    [REJECTED] = { "rejected", "申诉不成立", 0, STATE_BY_ABOVE },
};
static const struct form_field fields[] = {
    { "scheme", "方案编号", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "year", "年度", FIELD_PERIOD, FIELD_NEEDED | FIELD_WHEN, NULL },
    { "score", "自评得分", FIELD_NUMBER, FIELD_NEEDED, NULL },
    { "scores", "分项自评", FIELD_TEXT, 0, NULL },
    { "evidence", "佐证材料", FIELD_TEXT, 0, NULL },
    { "appeal", "申诉理由", FIELD_TEXT, 0, NULL },
};
const struct form_kind form_self_score = FORM(fields, states);
