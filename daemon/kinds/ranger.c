/* 护林员: the plan's item 15. Persons stay in the county; only sums go up. */
#include "kinds.h"

enum { EMPLOYED, LEFT };
static const struct form_state states[] = {
    [EMPLOYED] = { "employed", "在岗", TO(LEFT), 0 },
    [LEFT] = { "left", "已离岗", TO(EMPLOYED), STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "name", "姓名", FIELD_TEXT, FIELD_NEEDED | FIELD_PERSONAL, NULL },
    { "phone", "电话", FIELD_TEXT, FIELD_PERSONAL, NULL },
    { "grid", "网格", FIELD_TEXT, 0, NULL },
    { "contract_until", "合同到期", FIELD_DATE, 0, NULL },
    { "paid_by", "工资来源", FIELD_CHOICE, FIELD_GROUP,
      CHOICES({ "central", "中央" }, { "province", "省级" }, { "city", "市级" }, { "county", "县级" },
              { "other", "其他" }) },
    { "wage", "年工资", FIELD_MONEY, FIELD_QUANTITY, NULL },
    { "trained_on", "最近培训", FIELD_DATE, 0, NULL },
    { "trained", "本年已培训", FIELD_FLAG, FIELD_QUANTITY, NULL },
    { "device", "巡护终端", FIELD_FLAG, FIELD_QUANTITY, NULL },
    { "online", "近期在线", FIELD_FLAG, FIELD_QUANTITY, NULL },
    { "score", "考核得分", FIELD_NUMBER, 0, NULL },
};
const struct form_kind form_ranger = FORM(fields, states);
