/* 巡林: the plan's item 3, by chiefs and rangers. Whether one counts the daemon says, by the rules of its tier; a wrong one is voided by a
 * new version, never changed. */
#include "kinds.h"

enum { SUBMITTED, VALID, INVALID, VOIDED };
static const struct form_state states[] = {
    [SUBMITTED] = { "submitted", "已提交", TO(VALID) | TO(INVALID) | TO(VOIDED), STATE_ASIDE },
    [VALID] = { "valid", "有效", TO(VOIDED), 0 },
    [INVALID] = { "invalid", "无效", TO(VOIDED), STATE_ASIDE },
    [VOIDED] = { "voided", "已作废", 0, STATE_ASIDE },
};
enum { CHIEF, TIER, AREA, DAY, BEGIN, END, LENGTH, POINTS, WEATHER, FOUND, PROBLEMS, TRACK, OFFLINE, INVALID_BECAUSE, NOTE };
enum { NO_TIME, TOO_SHORT, NO_LENGTH, TOO_NEAR, TOO_SOON };
static const struct form_field fields[] = {
    [CHIEF] = { "chief", "林长编号", FIELD_TEXT, FIELD_NEEDED | FIELD_REFERS, NULL },
    [TIER] = { "tier", "林长层级", FIELD_CHOICE, FIELD_NEEDED | FIELD_GROUP,
               CHOICES({ "province", "省级" }, { "city", "市级" }, { "county", "县级" }, { "township", "乡级" }, { "village", "村级" }, { "ranger", "护林员" }) },
    [AREA] = { "area", "巡护区域", FIELD_TEXT, 0, NULL },
    [DAY] = { "day", "巡林日期", FIELD_DATE, FIELD_NEEDED | FIELD_WHEN, NULL },
    [BEGIN] = { "begin", "开始时间", FIELD_TIME, 0, NULL },
    [END] = { "end", "结束时间", FIELD_TIME, 0, NULL },
    [LENGTH] = { "length", "里程", FIELD_LENGTH, FIELD_QUANTITY, NULL },
    [POINTS] = { "points", "打卡点数", FIELD_NUMBER, 0, NULL },
    [WEATHER] = { "weather", "天气", FIELD_TEXT, 0, NULL },
    [FOUND] = { "found", "发现问题", FIELD_TEXT, 0, NULL },
    [PROBLEMS] = { "problems", "发现问题数", FIELD_NUMBER, FIELD_QUANTITY, NULL },
    [TRACK] = { "track", "轨迹文件校验码", FIELD_TEXT, 0, NULL },
    [OFFLINE] = { "offline", "离线补报", FIELD_FLAG, FIELD_QUANTITY, NULL },
    [INVALID_BECAUSE] = { "invalid_because", "无效原因", FIELD_CHOICE, 0,
                          CHOICES({ "no_time", "未填起止时间" }, { "too_short", "时间不足" }, { "no_length", "未填里程" }, { "too_near", "里程不足" },
                                  { "too_soon", "与前后一次间隔不足" }) },
    [NOTE] = { "note", "备注", FIELD_TEXT, FIELD_REMARK, NULL },
};
static_assert(sizeof fields / sizeof *fields == NOTE + 1, "each has its place");

static bool has(uint32_t given, size_t field) { return given >> field & 1; }

static const char *wrong(const struct form_value *of, uint32_t given) {
    if (has(given, BEGIN) != has(given, END)) return "开始时间和结束时间要一起填";
    if (has(given, BEGIN) && of[END].number <= of[BEGIN].number) return "结束时间应晚于开始时间；过夜的请分两天登记";
    return NULL;
}

/* When it was, in minutes; without a time of day at noon. */
static int64_t minute_of(const struct form_value *of, size_t field) {
    int64_t minute = of[BEGIN].number == 0 && of[END].number == 0 ? 720 : of[field].number;
    return (int64_t)(lz_date_start_ms((uint32_t)of[DAY].number) / LZ_MINUTE_MS) + minute;
}

static bool too_soon(const struct form_case *entry, uint32_t hours) {
    for (size_t i = 0; i < entry->n_near; i++) {
        const struct form_value *other = entry->near[i];
        int64_t after = minute_of(entry->of, BEGIN) - minute_of(other, END), before = minute_of(other, BEGIN) - minute_of(entry->of, END);
        if (after < (int64_t)hours * 60 && before < (int64_t)hours * 60) return true;
    }
    return false;
}

static const char *judge(const struct form_rules *rules, struct form_case *entry) {
    const struct form_value *of = entry->of;
    const struct patrol_rule *rule = &rules->patrol[of[TIER].number];
    int because = -1;
    if (of[DAY].number > rules->today) return "巡林日期在将来";
    if (rule->minutes && !has(entry->given, BEGIN)) because = NO_TIME;
    else if (rule->minutes && of[END].number - of[BEGIN].number < rule->minutes) because = TOO_SHORT;
    else if (rule->metres && !has(entry->given, LENGTH)) because = NO_LENGTH;
    else if (rule->metres && of[LENGTH].number < rule->metres) because = TOO_NEAR;
    else if (rule->hours && too_soon(entry, rule->hours)) because = TOO_SOON;
    entry->state = because < 0 ? VALID : INVALID;
    entry->given &= ~(1u << INVALID_BECAUSE);
    if (because < 0) return NULL;
    entry->given |= 1u << INVALID_BECAUSE;
    entry->of[INVALID_BECAUSE].number = because;
    return NULL;
}
const struct form_kind form_patrol = FORM_JUDGED(fields, states, wrong, judge);
