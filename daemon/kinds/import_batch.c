/* 系统对接: the plan's item 16. What came from which other system, and how fresh it is: an entry a source and kind, a version a delivery. */
#include "kinds.h"

enum { RECEIVED, CHECKED, APPLIED, REFUSED };
static const struct form_state states[] = {
    [RECEIVED] = { "received", "已接收", TO(CHECKED) | TO(APPLIED) | TO(REFUSED), STATE_ASIDE },
    [CHECKED] = { "checked", "已核对", TO(RECEIVED) | TO(APPLIED) | TO(REFUSED), STATE_ASIDE },
    [APPLIED] = { "applied", "已导入", TO(RECEIVED) | TO(CHECKED) | TO(REFUSED), 0 },
    [REFUSED] = { "refused", "未导入", TO(RECEIVED) | TO(CHECKED) | TO(APPLIED), STATE_ASIDE },
};
static const struct form_field fields[] = {
    { "source", "来源系统", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "kind", "数据种类", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "file", "文件", FIELD_TEXT, 0, NULL },
    { "hash", "文件校验", FIELD_TEXT, 0, NULL },
    { "rows", "行数", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "accepted", "写入行数", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "unchanged", "未变行数", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "rejected", "拒收行数", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    { "mapping", "映射版本", FIELD_TEXT, 0, NULL },
    { "newest", "数据最新日期", FIELD_DATE, 0, NULL },
    { "upto", "已导入到", FIELD_TEXT, 0, NULL },
};
const struct form_kind form_import_batch = FORM(fields, states);
