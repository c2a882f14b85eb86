/* base: bytes, errors, assertions, the arena, time, text, log lines.
 *
 * The room at the bottom: it knows nothing of forests, stores or sockets, and everything above may use it.
 * Ownership words used in all headers: *borrowed* (valid for the call), *lent* (valid until the next call on
 * the same object), *given* (T **, set to NULL). */
#ifndef LZ_BASE_H
#define LZ_BASE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include "limits.h"

#define LZ_MUST_CHECK __attribute__((warn_unused_result))
#define LZ_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define LZ_COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- bytes ------------------------------------------------------------------------------------------------ */
struct lz_bytes {
    const uint8_t *data;
    size_t len;
};
static inline struct lz_bytes lz_bytes_of(const void *data, size_t len) { return (struct lz_bytes){ data, len }; }
static inline struct lz_bytes lz_bytes_str(const char *text) { return lz_bytes_of(text, strlen(text)); }
static inline bool lz_bytes_equal(struct lz_bytes a, struct lz_bytes b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}
/* Lexicographic, shorter first: the order LMDB keeps its keys in. */
int lz_bytes_compare(struct lz_bytes a, struct lz_bytes b);

static inline void lz_put16(uint8_t *p, uint16_t v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }
static inline void lz_put32(uint8_t *p, uint32_t v) { lz_put16(p, (uint16_t)(v >> 16)); lz_put16(p + 2, (uint16_t)v); }
static inline void lz_put64(uint8_t *p, uint64_t v) { lz_put32(p, (uint32_t)(v >> 32)); lz_put32(p + 4, (uint32_t)v); }
static inline uint16_t lz_get16(const uint8_t *p) { return (uint16_t)((p[0] << 8) | p[1]); }
static inline uint32_t lz_get32(const uint8_t *p) { return ((uint32_t)lz_get16(p) << 16) | lz_get16(p + 2); }
static inline uint64_t lz_get64(const uint8_t *p) { return ((uint64_t)lz_get32(p) << 32) | lz_get32(p + 4); }

/* ---- language: Chinese is the source, English comes from the catalog (lang.c) ------------------------------- */
enum lz_lang { LZ_ZH, LZ_EN };                             /* 0: who says nothing reads Chinese */
enum lz_lang lz_lang_of(struct lz_bytes name);             /* en, en_US.UTF-8, EN: English */
enum lz_lang lz_lang_wanted(void);                         /* by LC_ALL, LC_MESSAGES, LANG, LANGUAGE: the first that is set; before lz_lang_open */
void lz_lang_open(const char *catalogs);                   /* once, at the start of main; NULL: beside the program, or under its prefix */
/* A text or a format of ours in that language; borrowed for ever. What people wrote is never given to it. */
const char *lz_text(enum lz_lang lang, const char *zh) __attribute__((format_arg(2)));
const char *lz_heading(enum lz_lang lang, const char *zh); /* of a column, of a field: in English with a capital */
const char *lz_column(enum lz_lang lang, const char *name, const char *zh);    /* a column's; `id` and `no` are both 编号, and not both No. */

/* ---- errors: three kinds ---------------------------------------------------------------------------------
 * A bug is LZ_ASSERT, on in release too. The world (network, disk, operator) is an enum lz_err. No way on is
 * lz_fatal, in the shell only: exit, restart, reread the store. */
enum lz_err {
#define X(name, exit, zh) LZ_##name,
#include "errors.def"
#undef X
    LZ_ERR_COUNT
};
/* name: the stable English word; zh: for a person; exit: the exit code of linzhangctl. All borrowed for ever. */
const char *lz_err_name(enum lz_err err);
const char *lz_err_zh(enum lz_err err);
int lz_err_exit(enum lz_err err);
enum lz_err lz_err_from_name(const char *name);

/* A refusal as told to a person: the code, and one sentence on what was refused and what to do. */
struct lz_fail {
    enum lz_err code;
    char text[512];
    enum lz_lang lang;                                     /* set before: in which language it is to be told */
};
/* A word of ours within such a sentence. */
static inline __attribute__((format_arg(2))) const char *lz_said(const struct lz_fail *fail, const char *zh) { return fail ? lz_text(fail->lang, zh) : zh; }
static inline const char *lz_said_field(const struct lz_fail *fail, const char *zh) { return fail ? lz_heading(fail->lang, zh) : zh; }
static inline enum lz_lang lz_fail_lang(const struct lz_fail *fail) { return fail ? fail->lang : LZ_ZH; }
/* A row of a table in a list: `sign 签收`, behind what stands in out already; left out when there is no room. In English the name alone. */
void lz_list_add(enum lz_lang lang, char *out, size_t size, const char *name, const char *zh);
/* Fills fail (may be NULL) and returns code, so that `return lz_refuse(fail, LZ_x, "...")` reads straight. */
enum lz_err lz_refuse(struct lz_fail *fail, enum lz_err code, const char *format, ...) LZ_PRINTF(3, 4);

#define LZ_ASSERT(condition) \
    ((condition) ? (void)0 : lz_assert_failed(#condition, __FILE__, __LINE__))
void lz_assert_failed(const char *condition, const char *file, int line) __attribute__((noreturn));
void lz_fatal(const char *format, ...) LZ_PRINTF(1, 2) __attribute__((noreturn));

/* CRC-32C (Castagnoli), with the processor's instruction where it has one. */
uint32_t lz_crc32c(uint32_t seed, const void *data, size_t len);
/* A 64-bit mix for hash tables in memory; never written to disk. */
uint64_t lz_hash64(uint64_t seed, const void *data, size_t len);

/* ---- the arena: memory that lives for one turn -------------------------------------------------------------
 * One reservation of address space; pages are touched as used and given back by arena_reset when turns have
 * been small for a while. Every allocation is zeroed and 16-byte aligned. */
struct arena;
struct arena *arena_create(size_t bytes_max);
void arena_destroy(struct arena **arena_p);
void *arena_alloc(struct arena *arena, size_t bytes);      /* NULL when the reservation is used up */
void *arena_alloc_raw(struct arena *arena, size_t bytes);  /* the same, not zeroed                 */
void *arena_copy(struct arena *arena, const void *data, size_t bytes);
/* A mark (arena_used) and going back to it: what was allocated since is gone. For loops that keep nothing. */
void arena_rewind(struct arena *arena, size_t mark);
bool arena_refused(const struct arena *arena);             /* an allocation found no room since the last reset */
size_t arena_used(const struct arena *arena);
size_t arena_room(const struct arena *arena);
void arena_reset(struct arena *arena);
char *arena_printf(struct arena *arena, const char *format, ...) LZ_PRINTF(2, 3);

/* ---- time ---------------------------------------------------------------------------------------------------
 * mono_ms drives timers. wall_ms (UTC, since 1970) is data: stamps, deadlines, what people read. */
struct lz_now {
    uint64_t mono_ms;
    uint64_t wall_ms;
};
enum { LZ_DAY_MS = 24 * 60 * 60 * 1000, LZ_HOUR_MS = 60 * 60 * 1000, LZ_MINUTE_MS = 60 * 1000 };
enum { LZ_ZONE_MS = 8 * LZ_HOUR_MS };                      /* all of China keeps UTC+8 */
struct lz_now lz_clock_now(void);                          /* shell only */
/* Dates are yyyymmdd in a uint32_t; 0 is "none". */
bool lz_date_valid(uint32_t date);
bool lz_date_parse(const char *text, uint32_t *date);      /* 2022-04-24, 20220424 */
uint32_t lz_date_of(uint64_t wall_ms);                     /* the day in China     */
uint64_t lz_date_start_ms(uint32_t date);                  /* its midnight, UTC ms */
uint32_t lz_date_add(uint32_t date, int days);
int lz_date_weekday(uint32_t date);                        /* 0 Monday .. 6 Sunday */
void lz_date_print(uint32_t date, char out[16]);           /* 2022-04-24 or -      */
void lz_time_print(uint64_t wall_ms, char out[32]);        /* 2022-04-24 09:05:00, China time, or - */
void lz_span_print(enum lz_lang lang, uint64_t ms, char out[32]);   /* 3天4小时, 12秒; 3d 4h, 12s */

/* Working days. The holiday file has one line a day: `2022-05-04 off` or `2022-04-24 work` (调休). */
struct calendar;
struct calendar *calendar_create(void);
void calendar_destroy(struct calendar **calendar_p);
/* text borrowed; on refusal fail names the line. */
enum lz_err calendar_load(struct calendar *calendar, struct lz_bytes text, struct lz_fail *fail) LZ_MUST_CHECK;
bool calendar_works(const struct calendar *calendar, uint32_t date);
/* The moment `days` working days from wall_ms: the same time of day on the n-th working day after (days may be negative). */
uint64_t calendar_add(const struct calendar *calendar, uint64_t wall_ms, int days);

/* ---- random (shell only; rooms above take it as an argument) ------------------------------------------------ */
void lz_random(void *out, size_t len);

/* ---- text ---------------------------------------------------------------------------------------------------- */
/* Well-formed UTF-8 without NUL and without control characters other than newline and tab. */
bool lz_text_valid(struct lz_bytes text);
bool lz_text_lists(struct lz_bytes list, struct lz_bytes word);     /* 01、02 03,04 lists 02; 012 does not. An empty word: no */
/* Columns a terminal needs: East Asian wide characters take two, combining marks none. */
size_t lz_text_width(struct lz_bytes text);
/* Copies at most width columns of text, cut between characters, control and bidi characters replaced by '?'.
 * out_size includes the final NUL. Returns the columns used. */
size_t lz_text_clip(struct lz_bytes text, size_t width, char *out, size_t out_size);
/* Crockford base 32 of the low `digits`*5 bits, most significant first. */
void lz_base32(uint64_t value, int digits, char *out);
bool lz_base32_parse(const char *text, size_t digits, uint64_t *value);
/* Whether a typed word means the row of a table that has these two words (schema/aliases.def): the words themselves, 提醒单 for 工作提示单,
 * 草原 for 草地, full-width signs, `Work Reminder`. Either may be "". To look a word up, take the first row of the list that it is. */
bool lz_word_is(struct lz_bytes typed, const char *name, const char *zh);
/* A copy with full-width ASCII signs (１２．５％，＝) made plain, for what is a number, a date or a code: never for text that is kept. Cut at
 * out_size - 1 bytes; returns the length. */
size_t lz_text_narrow(struct lz_bytes text, char *out, size_t out_size);
bool lz_hex_parse(const char *text, uint8_t *out, size_t bytes);
void lz_hex(const uint8_t *data, size_t bytes, char *out);  /* out: 2 * bytes + 1 */
bool lz_u32_parse(const char *text, uint32_t *value);
bool lz_i64_parse(const char *text, int64_t *value);

/* ---- log: one line, `event key=value ...` to stderr ---------------------------------------------------------- */
enum lz_level { LZ_DEBUG, LZ_INFO, LZ_WARN, LZ_ERROR };
/* format starts with the event; string values go through lz_log_value. A line repeated within a minute is counted
 * and told once with `repeated=N`. */
void lz_log(enum lz_level level, const char *format, ...) LZ_PRINTF(2, 3);
void lz_log_level(enum lz_level least);
/* Escapes text into out for a log line: printable ASCII and whole UTF-8 characters pass, the rest is \xNN. Returns out. */
const char *lz_log_value(struct lz_bytes text, char *out, size_t out_size);
#endif
