/* time: dates of China, moments and spans in print, and the one place that reads a clock.
 *
 * Guarantees: a valid date lies in 1970-01-01 .. 9999-12-31 and exists; every function answers for every input (a
 * stamp from a neighbour may claim the year 10889: it is shown as the last day we know). China has one zone and, in
 * this range of use, no summer time, so a day is always 24 hours.
 * Leaves to others: working days (calendar.c), and when to ask the clock: only the shell does. */
#include "base.h"

#include <stdio.h>
#include <time.h>

enum { YEAR_FIRST = 1970, YEAR_LAST = 9999 };
enum { DAY_LAST = 2932896 };                               /* 9999-12-31, counted from 1970-01-01 */
#define WALL_MS_LAST ((uint64_t)(DAY_LAST + 1) * LZ_DAY_MS - LZ_ZONE_MS - 1)

struct lz_now lz_clock_now(void) {
    struct timespec mono, wall;
    int failed = clock_gettime(CLOCK_MONOTONIC, &mono) | clock_gettime(CLOCK_REALTIME, &wall);
    LZ_ASSERT(!failed);
    /* A clock set before 1970 is a broken clock; as data it is "none". */
    uint64_t wall_ms = wall.tv_sec < 0 ? 0 : (uint64_t)wall.tv_sec * 1000 + (uint64_t)wall.tv_nsec / 1000000;
    return (struct lz_now){ (uint64_t)mono.tv_sec * 1000 + (uint64_t)mono.tv_nsec / 1000000, wall_ms };
}

static uint32_t days_in_month(uint32_t year, uint32_t month) {
    static const uint8_t days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return month == 2 && leap ? 29 : days[month - 1];
}

bool lz_date_valid(uint32_t date) {
    uint32_t year = date / 10000, month = date / 100 % 100, day = date % 100;
    if (year < YEAR_FIRST || year > YEAR_LAST || month < 1 || month > 12) return false;
    return day >= 1 && day <= days_in_month(year, month);
}

/* Days since 1970-01-01. The year is counted from March, so that the leap day is its last and months need no table. */
static int64_t day_of_date(uint32_t date) {
    LZ_ASSERT(lz_date_valid(date));
    int64_t year = date / 10000, month = date / 100 % 100, day = date % 100;
    if (month <= 2) year--;
    int64_t month_from_march = (month + 9) % 12;
    int64_t day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

static uint32_t date_of_day(int64_t day) {
    LZ_ASSERT(day >= 0 && day <= DAY_LAST);
    int64_t from_march_0 = day + 719468;                   /* days since 0000-03-01 */
    int64_t era = from_march_0 / 146097, in_era = from_march_0 % 146097;
    int64_t year_of_era = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t day_of_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    int64_t year = era * 400 + year_of_era + (month <= 2 ? 1 : 0);
    return (uint32_t)(year * 10000 + month * 100 + day_of_year - (153 * month_from_march + 2) / 5 + 1);
}

static bool digits(const char *text, size_t count, uint32_t *value) {
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9') return false;
        *value = *value * 10 + (uint32_t)(text[i] - '0');
    }
    return true;
}

bool lz_date_parse(const char *text, uint32_t *date) {
    uint32_t value = 0;
    size_t len = strlen(text);
    if (len == 10) {
        if (text[4] != '-' || text[7] != '-') return false;
        if (!digits(text, 4, &value) || !digits(text + 5, 2, &value) || !digits(text + 8, 2, &value)) return false;
    } else if (len != 8 || !digits(text, 8, &value)) {
        return false;
    }
    if (!lz_date_valid(value)) return false;
    *date = value;
    return true;
}

uint32_t lz_date_of(uint64_t wall_ms) {
    if (wall_ms > WALL_MS_LAST) wall_ms = WALL_MS_LAST;
    return date_of_day((int64_t)((wall_ms + LZ_ZONE_MS) / LZ_DAY_MS));
}

uint64_t lz_date_start_ms(uint32_t date) {
    if (date == 0) return 0;
    uint64_t local = (uint64_t)day_of_date(date) * LZ_DAY_MS;
    return local < LZ_ZONE_MS ? 0 : local - LZ_ZONE_MS;    /* the first day began before UTC's count did */
}

/* 0 for none, and for a day outside the range. */
uint32_t lz_date_add(uint32_t date, int days) {
    if (date == 0) return 0;
    int64_t day = day_of_date(date) + days;
    return day < 0 || day > DAY_LAST ? 0 : date_of_day(day);
}

int lz_date_weekday(uint32_t date) { return (int)((day_of_date(date) + 3) % 7); }   /* 1970-01-01 was a Thursday */

void lz_date_print(uint32_t date, char out[16]) {
    if (!lz_date_valid(date)) {
        memcpy(out, "-", 2);
        return;
    }
    snprintf(out, 16, "%04u-%02u-%02u", date / 10000, date / 100 % 100, date % 100);
}

void lz_time_print(uint64_t wall_ms, char out[32]) {
    if (wall_ms == 0) {
        memcpy(out, "-", 2);
        return;
    }
    if (wall_ms > WALL_MS_LAST) wall_ms = WALL_MS_LAST;
    char day[16];
    lz_date_print(lz_date_of(wall_ms), day);
    uint32_t second = (uint32_t)((wall_ms + LZ_ZONE_MS) % LZ_DAY_MS / 1000);
    snprintf(out, 32, "%s %02u:%02u:%02u", day, second / 3600, second / 60 % 60, second % 60);
}

/* The two biggest units, and no zero behind the first: what a person wants to know of a delay. */
void lz_span_print(enum lz_lang lang, uint64_t ms, char out[32]) {
    static const struct {
        uint64_t ms;
        const char *zh;
    } units[] = { { LZ_DAY_MS, "天" }, { LZ_HOUR_MS, "小时" }, { LZ_MINUTE_MS, "分" }, { 1000, "秒" } };
    size_t i = 0;
    while (i + 1 < LZ_COUNT(units) && ms < units[i].ms) i++;
    uint64_t first = ms / units[i].ms;
    uint64_t second = i + 1 < LZ_COUNT(units) ? ms % units[i].ms / units[i + 1].ms : 0;
    if (second > 0)
        snprintf(out, 32, "%llu%s%s%llu%s", (unsigned long long)first, lz_text(lang, units[i].zh), lang == LZ_EN ? " " : "", (unsigned long long)second,
                 lz_text(lang, units[i + 1].zh));
    else
        snprintf(out, 32, "%llu%s", (unsigned long long)first, lz_text(lang, units[i].zh));
}
