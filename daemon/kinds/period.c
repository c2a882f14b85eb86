/* period: a year, a half, a quarter or a month as one number, yyyypp, and as people write it.
 * pp: 0 the year; 1..12 a month; 21..24 a quarter; 31, 32 a half. So a month is the first six digits of its days. */
#include "kinds.h"
#include <stdio.h>

enum { QUARTER = 20, HALF = 30, YEAR_MIN = 1949, YEAR_MAX = 2199 };

bool period_valid(uint32_t period) {
    uint32_t year = period / 100, part = period % 100;
    return year >= YEAR_MIN && year <= YEAR_MAX && (part <= 12 || (part > QUARTER && part <= QUARTER + 4) || part == HALF + 1 || part == HALF + 2);
}

static bool begins(struct lz_bytes *rest, const char *word) {
    size_t len = strlen(word);
    if (rest->len < len || memcmp(rest->data, word, len) != 0) return false;
    *rest = lz_bytes_of(rest->data + len, rest->len - len);
    return true;
}

static uint32_t number(struct lz_bytes *rest, size_t digits) {
    uint32_t value = 0;
    for (; digits > 0 && rest->len > 0 && rest->data[0] >= '0' && rest->data[0] <= '9'; digits--) {
        value = value * 10 + rest->data[0] - '0';
        *rest = lz_bytes_of(rest->data + 1, rest->len - 1);
    }
    return value;
}

/* What follows the year. */
static bool part_parse(struct lz_bytes rest, uint32_t *part) {
    static const struct { const char *word; uint32_t part; } words[] = {
        { "", 0 }, { "年", 0 }, { "年度", 0 }, { "全年", 0 }, { "年全年", 0 },
        { "年上半年", HALF + 1 }, { "上半年", HALF + 1 }, { "H1", HALF + 1 }, { "年下半年", HALF + 2 }, { "下半年", HALF + 2 }, { "H2", HALF + 2 },
        { "年第一季度", QUARTER + 1 }, { "年一季度", QUARTER + 1 }, { "Q1", QUARTER + 1 }, { "年第二季度", QUARTER + 2 }, { "年二季度", QUARTER + 2 }, { "Q2", QUARTER + 2 },
        { "年第三季度", QUARTER + 3 }, { "年三季度", QUARTER + 3 }, { "Q3", QUARTER + 3 }, { "年第四季度", QUARTER + 4 }, { "年四季度", QUARTER + 4 }, { "Q4", QUARTER + 4 },
    };
    for (size_t i = 0; i < LZ_COUNT(words); i++)
        if (lz_bytes_equal(rest, lz_bytes_str(words[i].word))) { *part = words[i].part; return true; }
    if (!begins(&rest, "-") && !begins(&rest, "年")) return false;
    *part = number(&rest, 2);
    (void)(begins(&rest, "月份") || begins(&rest, "月"));
    return rest.len == 0 && *part >= 1 && *part <= 12;
}

bool period_parse(struct lz_bytes text, uint32_t *period) {
    struct lz_bytes rest = text;
    uint32_t part = 0, year = number(&rest, 4);
    if (text.len - rest.len != 4 || !part_parse(rest, &part) || !period_valid(year * 100 + part)) return false;
    *period = year * 100 + part;
    return true;
}

void period_print(uint32_t period, char out[FORM_PRINT_BYTES]) {
    uint32_t year = period / 100, part = period % 100;
    if (part == 0) (void)snprintf(out, FORM_PRINT_BYTES, "%u", year);
    else if (part <= 12) (void)snprintf(out, FORM_PRINT_BYTES, "%u-%02u", year, part);
    else (void)snprintf(out, FORM_PRINT_BYTES, "%u%c%u", year, part > HALF ? 'H' : 'Q', part % 10);
}

/* The months of a part, the first and the last. */
static void months(uint32_t period, uint32_t *first, uint32_t *last) {
    uint32_t part = period % 100, n = part == 0 ? 12 : part <= 12 ? 1 : part > HALF ? 6 : 3;
    *first = part == 0 ? 1 : part <= 12 ? part : (part % 10 - 1) * n + 1;
    *last = *first + n - 1;
}

bool period_within(uint32_t period, uint32_t whole) {
    uint32_t a, b, from, to;
    months(period, &a, &b);
    months(whole, &from, &to);
    return period / 100 == whole / 100 && a >= from && b <= to;
}

static uint32_t last_of_month(uint32_t year, uint32_t month) { return lz_date_add((month == 12 ? year + 1 : year) * 10000 + (month % 12 + 1) * 100 + 1, -1); }

void period_days(uint32_t period, uint32_t *from, uint32_t *to) {
    uint32_t first, last;
    months(period, &first, &last);
    *from = period / 100 * 10000 + first * 100 + 1;
    *to = last_of_month(period / 100, last);
}

/* The last day of the span that a day is in. */
static uint32_t span_end(enum every every, uint32_t day) {
    static const uint32_t lengths[EVERY_COUNT] = { [EVERY_YEAR] = 12, [EVERY_HALF] = 6, [EVERY_QUARTER] = 3, [EVERY_MONTH] = 1 };
    if (every == EVERY_WEEK) return lz_date_add(day, 6 - lz_date_weekday(day));
    uint32_t n = lengths[every], month = day / 100 % 100;
    return last_of_month(day / 10000, (month + n - 1) / n * n);
}

static uint32_t span_begin(enum every every, uint32_t end) {
    static const uint32_t lengths[EVERY_COUNT] = { [EVERY_YEAR] = 12, [EVERY_HALF] = 6, [EVERY_QUARTER] = 3, [EVERY_MONTH] = 1 };
    if (every == EVERY_WEEK) return lz_date_add(end, -6);
    return end / 10000 * 10000 + (end / 100 % 100 - lengths[every] + 1) * 100 + 1;
}

bool span_next(enum every every, uint32_t from, uint32_t until, uint32_t *begin, uint32_t *end) {
    *end = span_end(every, *end ? lz_date_add(*end, 1) : from);
    *begin = span_begin(every, *end);
    return *end <= until;
}
