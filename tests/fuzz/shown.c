/* shown: what would reach a terminal, looked at byte by byte by rules of its own. */
#include "../../daemon/ctl/client.h"
#include "fuzz.h"
#include <jansson.h>

static bool is_colour(const uint8_t *p, size_t len, size_t *taken) {
    static const char *const known[] = { "\033[31m", "\033[32m", "\033[33m", "\033[34m", "\033[0m" };
    for (size_t i = 0; i < LZ_COUNT(known); i++) {
        *taken = strlen(known[i]);
        if (len >= *taken && memcmp(p, known[i], *taken) == 0) return true;
    }
    return false;
}

/* Well-formed UTF-8 without anything that moves the cursor or turns the direction of writing. */
void must_be_harmless(struct lz_bytes text, bool colour, const char *where) {
    for (size_t i = 0, taken = 0; i < text.len; i += taken) {
        const uint8_t *p = text.data + i;
        size_t left = text.len - i;
        if (colour && *p == 0x1b && is_colour(p, left, &taken)) continue;
        taken = 1;
        if (*p < 0x80) {
            must(*p == '\n' || (*p >= 0x20 && *p != 0x7f), "%s: control character %02x at %zu", where, *p, i);
            continue;
        }
        taken = *p >= 0xf0 ? 4 : *p >= 0xe0 ? 3 : *p >= 0xc2 ? 2 : 0;
        must(taken && taken <= left, "%s: not UTF-8 at %zu", where, i);
        uint32_t point = taken == 4 ? *p & 7u : taken == 3 ? *p & 15u : *p & 31u;
        for (size_t k = 1; k < taken; k++) {
            must((p[k] & 0xc0) == 0x80, "%s: not UTF-8 at %zu", where, i);
            point = point << 6 | (p[k] & 0x3fu);
        }
        must(point >= 0xa0, "%s: control character %02x at %zu", where, point, i);
        must(!(point >= 0x202a && point <= 0x202e) && !(point >= 0x2066 && point <= 0x2069) && point != 0x200e && point != 0x200f && point != 0x61c
             && point != 0x2028 && point != 0x2029, "%s: U+%04x turns or breaks the line at %zu", where, point, i);
    }
}

static void look(FILE *out, char **text, size_t *len, bool colour, const char *where) {
    fclose(out);
    must_be_harmless(lz_bytes_of(*text, *len), colour, where);
    free(*text);
    *text = NULL;
}

static void print_one_way(const struct answer *answer, struct arena *arena, size_t width, bool colour) {
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    LZ_ASSERT(out);
    struct printer printer = { .out = out, .arena = arena, .width = width, .colour = colour };
    print_answer(&printer, answer);
    if (answer->n_rows) print_row_line(&printer, &answer->rows[0]);
    print_refusal(&printer, answer->code, answer->text);
    look(out, &text, &len, colour, "printed");
}

static struct arena *paper(void) {
    static struct arena *arena;
    if (!arena) arena = arena_create((size_t)256 << 20);
    arena_reset(arena);
    return arena;
}

void must_print_harmless_at(const struct answer *answer, size_t width) { print_one_way(answer, paper(), width, width % 2 == 1); }

static void print_json(const struct answer *answer) {
    char *text = NULL;
    size_t len = 0;
    json_error_t error;
    FILE *out = open_memstream(&text, &len);
    LZ_ASSERT(out);
    print_json_answer(out, answer);
    fclose(out);
    must_be_harmless(lz_bytes_of(text, len), false, "JSON");
    json_t *value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    must(value, "JSON does not parse: %s at %d", error.text, error.position);
    json_decref(value);
    free(text);
}

void must_print_harmless(const struct answer *answer) {
    static const size_t widths[] = { 0, 31, 80, 201 };
    for (size_t i = 0; i < LZ_COUNT(widths); i++) must_print_harmless_at(answer, widths[i]);
    print_json(answer);
}
