/* 巡林: the plan's item 3, by chiefs and rangers. A wrong one is voided by a new version, never changed. */
#include "kinds.h"

enum { SUBMITTED, VALID, INVALID, VOIDED };
static const struct form_state states[] = {
    [SUBMITTED] = { "submitted", "已提交", TO(VALID) | TO(INVALID) | TO(VOIDED), STATE_ASIDE },
    [VALID] = { "valid", "有效", TO(VOIDED), 0 },
    [INVALID] = { "invalid", "无效", TO(VOIDED), STATE_ASIDE },
    [VOIDED] = { "voided", "已作废", 0, STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "chief", "林长编号", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "tier", "林长层级", FIELD_CHOICE, FIELD_NEEDED | FIELD_GROUP,
      CHOICES({ "province", "省级" }, { "city", "市级" }, { "county", "县级" }, { "township", "乡级" },
              { "village", "村级" }, { "ranger", "护林员" }) },
    { "area", "巡护区域", FIELD_TEXT, 0, NULL },
    { "day", "巡林日期", FIELD_DATE, FIELD_NEEDED | FIELD_WHEN, NULL },
    { "begin", "开始时间", FIELD_TIME, 0, NULL },
    { "end", "结束时间", FIELD_TIME, 0, NULL },
    { "length", "里程", FIELD_LENGTH, FIELD_QUANTITY, NULL },
    { "points", "打卡点数", FIELD_NUMBER, 0, NULL },
    { "weather", "天气", FIELD_TEXT, 0, NULL },
    { "found", "发现问题", FIELD_TEXT, 0, NULL },
    { "problems", "发现问题数", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "track", "轨迹文件校验码", FIELD_TEXT, 0, NULL },
    { "offline", "离线补报", FIELD_FLAG, FIELD_QUANTITY, NULL },
};
const struct form_kind form_patrol = FORM(fields, states);
