/* errors: the words of every refusal, and the two ways in which the process stops.
 *
 * Guarantees: every code has a name, a Chinese text and an exit code, all from errors.def; a code from outside the
 * list is answered with "unknown" and never reads past a table. A failed assertion leaves a core; lz_fatal exits with
 * 1, so that the service manager starts the process again.
 * Leaves to others: which refusal is right, and telling it to a person. */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name, *zh;
    int exit;
} rows[LZ_ERR_COUNT] = {
#define X(name, exit, zh) [LZ_##name] = { #name, zh, exit },
#include "errors.def"
#undef X
};

static bool known(enum lz_err err) { return (unsigned)err < LZ_ERR_COUNT; }

const char *lz_err_name(enum lz_err err) { return known(err) ? rows[err].name : "unknown"; }
const char *lz_err_zh(enum lz_err err) { return known(err) ? rows[err].zh : "未知错误"; }
int lz_err_exit(enum lz_err err) { return known(err) ? rows[err].exit : 1; }

/* A newer neighbour may have names that this version does not: those are LZ_ERR_COUNT, which prints as "unknown". */
enum lz_err lz_err_from_name(const char *name) {
    for (unsigned i = 0; i < LZ_ERR_COUNT; i++)
        if (strcmp(rows[i].name, name) == 0) return (enum lz_err)i;
    return LZ_ERR_COUNT;
}

enum lz_err lz_refuse(struct lz_fail *fail, enum lz_err code, const char *format, ...) {
    if (!fail) return code;
    fail->code = code;
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(fail->text, sizeof fail->text, lz_text(fail->lang, format), args);
    va_end(args);
    if (wanted < 0) fail->text[0] = '\0';
    /* A cut in the middle of a character would make the text unfit for a protocol field. */
    if (wanted >= (int)sizeof fail->text) {
        size_t len = strlen(fail->text);
        while (len > 0 && ((unsigned char)fail->text[len - 1] & 0xC0) == 0x80) len--;
        if (len > 0 && (unsigned char)fail->text[len - 1] >= 0xC0) len--;
        fail->text[len] = '\0';
    }
    return code;
}

void lz_assert_failed(const char *condition, const char *file, int line) {
    /* Straight to stderr: after a bug we trust as little of our own code as we can. */
    fprintf(stderr, "assertion failed: %s at %s:%d\n", condition, file, line);
    abort();
}

void lz_fatal(const char *format, ...) {
    char cause[512], shown[1024];
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(cause, sizeof cause, format, args);
    va_end(args);
    if (wanted < 0) cause[0] = '\0';
    lz_log(LZ_ERROR, "fatal cause=%s", lz_log_value(lz_bytes_str(cause), shown, sizeof shown));
    exit(EXIT_FAILURE);
}
