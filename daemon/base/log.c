/* log: one line an event, to stderr.
 *
 * Guarantees: a line is one write and one line, whatever was formatted into it; the same line within a minute is
 * counted, and told with repeated=N when the minute is over and anything is logged, or when its place is needed; of more
 * lines than fifty a second in the long run the rest is counted, and told with log.left_out lines=N.
 * Leaves to others: escaping of values (lz_log_value), keeping bodies of records out, and the file it ends in.
 *
 * The level, the table of repeats and the count of lines are the only mutable globals of the program: a log has one stderr. */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

/* What a neighbour or a stranger says may cost a line each; it must not fill the disk. Errors are always told. */
enum { EVERY_MS = 20, BURST = 500 };
enum { LINE_MAX_BYTES = 1024, REPEAT_SLOTS = 32, REPEAT_MS = LZ_MINUTE_MS };

struct repeat {
    uint64_t hash;                   /* 0: a free place */
    uint64_t told_ms;                /* monotonic */
    uint64_t count;                  /* since then, and not told */
    enum lz_level level;
    char line[LINE_MAX_BYTES];
};
static enum lz_level least_level = LZ_INFO;
static struct repeat repeats[REPEAT_SLOTS];
static uint64_t paid_until_ms, left_out;     /* when as many lines as were told would have been due; how many were not told */

void lz_log_level(enum lz_level least) { least_level = least; }

static const char *level_name(enum lz_level level) {
    switch (level) {
    case LZ_DEBUG: return "debug";
    case LZ_INFO: return "info";
    case LZ_WARN: return "warn";
    case LZ_ERROR: return "error";
    }
    return "unknown";
}

static void emit(uint64_t wall_ms, enum lz_level level, const char *line, uint64_t repeated) {
    char time[32], tail[40] = "", whole[LINE_MAX_BYTES + 160];
    lz_time_print(wall_ms, time);
    if (time[0] != '-') time[10] = 'T';
    if (repeated > 0) snprintf(tail, sizeof tail, " repeated=%llu", (unsigned long long)repeated);
    int len = snprintf(whole, sizeof whole, "%s+08:00 %s %s%s\n", time, level_name(level), line, tail);
    LZ_ASSERT(len > 0 && (size_t)len < sizeof whole);
    /* Nothing can be done about a stderr that fails, and nowhere to say it. */
    ssize_t done = write(STDERR_FILENO, whole, (size_t)len);
    (void)done;
}

static bool may_tell(enum lz_level level, struct lz_now now) {
    if (level == LZ_ERROR) return true;
    if (paid_until_ms < now.mono_ms) paid_until_ms = now.mono_ms;
    if (paid_until_ms - now.mono_ms > (uint64_t)EVERY_MS * BURST) { left_out++; return false; }
    paid_until_ms += EVERY_MS;
    if (left_out == 0 || paid_until_ms - now.mono_ms > EVERY_MS * BURST / 2) return true;     /* the flood is over */
    char line[64];
    (void)snprintf(line, sizeof line, "log.left_out lines=%llu", (unsigned long long)left_out);
    left_out = 0;
    emit(now.wall_ms, LZ_WARN, line, 0);
    return true;
}

static void tell(struct repeat *repeat, struct lz_now now) {
    if (repeat->count > 0) emit(now.wall_ms, repeat->level, repeat->line, repeat->count);
    repeat->count = 0;
    repeat->told_ms = now.mono_ms;
}

/* The place of the line, or a free one, or the one told longest ago. Tells what has waited its minute on the way. */
static struct repeat *place_for(uint64_t hash, struct lz_now now) {
    struct repeat *found = NULL, *oldest = &repeats[0];
    for (size_t i = 0; i < REPEAT_SLOTS; i++) {
        struct repeat *repeat = &repeats[i];
        if (repeat->hash == hash) {
            found = repeat;
            continue;
        }
        if (repeat->hash != 0 && now.mono_ms - repeat->told_ms >= REPEAT_MS) {
            tell(repeat, now);
            repeat->hash = 0;
        }
        if (oldest->hash != 0 && (repeat->hash == 0 || repeat->told_ms < oldest->told_ms)) oldest = repeat;
    }
    return found ? found : oldest;
}

/* A caller that forgot lz_log_value must not be able to forge a line; a cut must not leave half a character. */
static void make_safe(char *line, bool cut) {
    size_t len = strlen(line);
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F) line[i] = '?';
    if (!cut) return;
    while (len > 0 && ((unsigned char)line[len - 1] & 0xC0) == 0x80) len--;
    if (len > 0 && (unsigned char)line[len - 1] >= 0xC0) len--;
    line[len] = '\0';
}

void lz_log(enum lz_level level, const char *format, ...) {
    if (level < least_level) return;
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (wanted < 0) return;
    make_safe(line, (size_t)wanted >= sizeof line);

    struct lz_now now = lz_clock_now();
    uint64_t hash = lz_hash64((uint64_t)(uintptr_t)format ^ (uint64_t)level, line, strlen(line)) | 1;
    struct repeat *repeat = place_for(hash, now);
    if (repeat->hash == hash && now.mono_ms - repeat->told_ms < REPEAT_MS) {
        repeat->count++;
        return;
    }
    if (!may_tell(level, now)) return;
    if (repeat->hash != hash) {
        if (repeat->hash != 0) tell(repeat, now);
        repeat->hash = hash;
        repeat->level = level;
        memcpy(repeat->line, line, sizeof line);
        repeat->count = 0;
    }
    emit(now.wall_ms, level, line, repeat->count);
    repeat->count = 0;
    repeat->told_ms = now.mono_ms;
}
