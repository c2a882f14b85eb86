/* aliases: whether a typed word is one of ours.
 *
 * Guarantees: a word of a table is always itself; beyond that, what differs only in its spelling (schema/aliases.def), in full-width
 * signs as an input method makes them, in the case of ASCII letters, or in how the parts of an English word are joined, is the same word.
 * Pure; nothing is kept. Leaves to others: which list the word is looked for in, and whether two of its rows could be meant. */
#include "base.h"

enum { FOLDED_BYTES = 96, WIDE_BYTES = 3 };
static const struct { const char *theirs, *ours; } spellings[] = {
#define SPELLING(theirs, ours) { theirs, ours },
#include "../../schema/aliases.def"
}, aliases[] = {
#define ALIAS(theirs, ours) { theirs, ours },
#include "../../schema/aliases.def"
};

/* U+FF01..U+FF5E are ASCII in the width of a Chinese character, U+3000 is its space. */
static uint8_t narrow_of(const uint8_t *p, size_t len) {
    if (len < WIDE_BYTES || p[0] < 0xE3) return 0;
    if (p[0] == 0xE3 && p[1] == 0x80 && p[2] == 0x80) return ' ';
    if (p[0] != 0xEF || (p[1] != 0xBC && p[1] != 0xBD)) return 0;
    unsigned point = 0xF000u + ((p[1] & 0x3Fu) << 6) + (p[2] & 0x3Fu);
    return point >= 0xFF01 && point <= 0xFF5E ? (uint8_t)(point - 0xFF01u + '!') : 0;
}

size_t lz_text_narrow(struct lz_bytes text, char *out, size_t out_size) {
    size_t n = 0;
    LZ_ASSERT(out_size > 0);
    for (size_t i = 0; i < text.len && n + 1 < out_size;) {
        uint8_t narrow = narrow_of(text.data + i, text.len - i), byte = narrow ? narrow : text.data[i];
        memcpy(out + n++, &byte, 1);
        i += narrow ? WIDE_BYTES : 1;
    }
    out[n] = 0;
    return n;
}

/* In place: every spelling of theirs as ours. No row makes a word longer than FOLDED_BYTES allows: one that would is left. */
static void spell(char *word, size_t size) {
    for (size_t i = 0; i < LZ_COUNT(spellings); i++) {
        size_t theirs = strlen(spellings[i].theirs), ours = strlen(spellings[i].ours);
        for (char *at = word; (at = strstr(at, spellings[i].theirs)); at += ours) {
            size_t rest = strlen(at + theirs) + 1;
            if ((size_t)(at - word) + ours + rest > size) return;
            memmove(at + ours, at + theirs, rest);
            memcpy(at, spellings[i].ours, ours);
        }
    }
}

/* False: longer than any word of ours. */
static bool fold(struct lz_bytes text, char out[FOLDED_BYTES]) {
    if (text.len >= FOLDED_BYTES) return false;
    size_t len = lz_text_narrow(text, out, FOLDED_BYTES), from = 0;
    while (len > 0 && out[len - 1] == ' ') out[--len] = 0;
    while (out[from] == ' ') from++;
    memmove(out, out + from, len - from + 1);
    for (char *p = out; *p; p++) {
        if (*p >= 'A' && *p <= 'Z') *p = (char)(*p - 'A' + 'a');
        if (*p == ' ' || *p == '-') *p = '_';
    }
    spell(out, FOLDED_BYTES);
    return true;
}

static bool folds_to(const char *word, const char *folded) {
    char other[FOLDED_BYTES];
    return fold(lz_bytes_str(word), other) && strcmp(other, folded) == 0;
}

bool lz_word_is(struct lz_bytes typed, const char *name, const char *zh) {
    char folded[FOLDED_BYTES];
    if (lz_bytes_equal(typed, lz_bytes_str(name)) || lz_bytes_equal(typed, lz_bytes_str(zh))) return true;
    if (!fold(typed, folded) || folded[0] == 0) return false;
    if (strcmp(folded, name) == 0 || folds_to(zh, folded)) return true;
    for (size_t i = 0; i < LZ_COUNT(aliases); i++)
        if ((strcmp(aliases[i].ours, name) == 0 || strcmp(aliases[i].ours, zh) == 0) && folds_to(aliases[i].theirs, folded)) return true;
    return false;
}
