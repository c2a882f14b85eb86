/* calendar: which days are worked.
 *
 * Guarantees: Monday to Friday are worked and the weekend is not, except for the days that a holiday file names; a
 * file that is refused changes nothing; a search for a working day always ends.
 * Leaves to others: reading the file, and what a deadline in working days is for. */
#include "base.h"

#include <stdlib.h>

enum { CALENDAR_DAYS_MAX = 4096 };                         /* about a century of holidays */

struct day {
    uint32_t date;
    uint32_t line;                   /* of the file being loaded; 0: from an earlier load */
    bool works;
};
struct calendar {
    size_t n_days;
    struct day days[CALENDAR_DAYS_MAX];   /* ascending by date, each once */
};

struct calendar *calendar_create(void) {
    struct calendar *calendar = calloc(1, sizeof *calendar);
    if (!calendar) lz_fatal("no memory for the calendar");
    return calendar;
}

void calendar_destroy(struct calendar **calendar_p) {
    free(*calendar_p);
    *calendar_p = NULL;
}

/* The first place whose date is not before `date`. */
static size_t place_of(const struct calendar *calendar, uint32_t date) {
    size_t low = 0, high = calendar->n_days;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (calendar->days[middle].date < date) low = middle + 1;
        else high = middle;
    }
    return low;
}

static enum lz_err add_day(struct calendar *calendar, struct day day, struct lz_fail *fail) {
    size_t at = place_of(calendar, day.date);
    if (at < calendar->n_days && calendar->days[at].date == day.date)
        return lz_refuse(fail, LZ_already, "第 %u 行：日期 %u 已经写过，请只留一行", day.line, day.date);
    if (calendar->n_days == CALENDAR_DAYS_MAX)
        return lz_refuse(fail, LZ_too_many, "第 %u 行：例外日超过 %d 个，请删去过去年份", day.line, CALENDAR_DAYS_MAX);
    memmove(&calendar->days[at + 1], &calendar->days[at], (calendar->n_days - at) * sizeof day);
    calendar->days[at] = day;
    calendar->n_days++;
    return LZ_ok;
}

/* `2022-05-04 off`, `2022-04-24 work`; a comment may follow behind a #. */
static enum lz_err read_line(struct calendar *calendar, const char *text, size_t len, uint32_t line, struct lz_fail *fail) {
    const char *comment = memchr(text, '#', len);
    if (comment) len = (size_t)(comment - text);
    while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t' || text[len - 1] == '\r')) len--;
    if (len == 0) return LZ_ok;
    char date_text[11] = "";
    struct day day = { .line = line };
    if (len > 11) memcpy(date_text, text, 10);
    if (!lz_date_parse(date_text, &day.date))
        return lz_refuse(fail, LZ_bad_date, "第 %u 行：日期不对，应写作 2022-05-04 off", line);
    struct lz_bytes word = lz_bytes_of(text + 10, len - 10);
    day.works = lz_bytes_equal(word, lz_bytes_str(" work"));
    if (!day.works && !lz_bytes_equal(word, lz_bytes_str(" off")))
        return lz_refuse(fail, LZ_bad_argument, "第 %u 行：日期之后只能是 off（放假）或 work（上班）", line);
    return add_day(calendar, day, fail);
}

/* Ends a load: the new days stay, or go again. */
static void settle(struct calendar *calendar, bool keep) {
    size_t n = 0;
    for (size_t i = 0; i < calendar->n_days; i++) {
        if (!keep && calendar->days[i].line != 0) continue;
        calendar->days[n] = calendar->days[i];
        calendar->days[n++].line = 0;
    }
    calendar->n_days = n;
}

enum lz_err calendar_load(struct calendar *calendar, struct lz_bytes text, struct lz_fail *fail) {
    const char *at = (const char *)text.data;
    size_t left = text.len;
    enum lz_err err = LZ_ok;
    for (uint32_t line = 1; left > 0 && err == LZ_ok; line++) {
        const char *end = memchr(at, '\n', left);
        size_t len = end ? (size_t)(end - at) : left;
        err = read_line(calendar, at, len, line, fail);
        size_t taken = end ? len + 1 : len;
        at += taken;
        left -= taken;
    }
    settle(calendar, err == LZ_ok);
    return err;
}

bool calendar_works(const struct calendar *calendar, uint32_t date) {
    size_t at = place_of(calendar, date);
    if (at < calendar->n_days && calendar->days[at].date == date) return calendar->days[at].works;
    return lz_date_weekday(date) < 5;
}

uint64_t calendar_add(const struct calendar *calendar, uint64_t wall_ms, int days) {
    if (days == 0) return wall_ms;
    int step = days < 0 ? -1 : 1;
    uint32_t date = lz_date_of(wall_ms);
    for (int left = days; left != 0;) {
        uint32_t next = lz_date_add(date, step);
        if (next == 0) break;                              /* the end of all dates: as far as there is */
        date = next;
        if (calendar_works(calendar, date)) left -= step;
    }
    uint64_t time_of_day = (wall_ms % LZ_DAY_MS + LZ_ZONE_MS) % LZ_DAY_MS;
    uint64_t moment = lz_date_start_ms(date) + time_of_day;
    return moment;
}
