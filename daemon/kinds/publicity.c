/* 宣传信息: the plan's item 21. */
#include "kinds.h"

enum { PUBLISHED, WITHDRAWN };
static const struct form_state states[] = {
    [PUBLISHED] = { "published", "已发布", TO(WITHDRAWN), 0 },
    [WITHDRAWN] = { "withdrawn", "已撤回", 0, STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "title", "标题", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "channel", "渠道", FIELD_CHOICE, FIELD_NEEDED | FIELD_GROUP,
      CHOICES({ "television", "电视广播" }, { "newspaper", "报刊" }, { "web", "网站" }, { "wechat", "公众号" },
              { "activity", "宣传活动" }, { "other", "其他" }) },
    { "level", "级别", FIELD_CHOICE, 0, CHOICES({ "county", "县级" }, { "city", "市级" }, { "province", "省级" }, { "central", "中央" }) },
    { "day", "发布日期", FIELD_DATE, FIELD_NEEDED | FIELD_WHEN, NULL },
    { "link", "链接", FIELD_TEXT, 0, NULL },
};
const struct form_kind form_publicity = FORM(fields, states);
