/* text: the gate for every text, and its shape on a terminal.
 *
 * Guarantees: lz_text_valid lets pass what RFC 3629 calls well-formed and nothing else; width and clip agree: the
 * width of a text is the columns that clip prints of it, whatever bytes it has. What is printed can neither move the
 * cursor nor turn the direction of writing.
 * Leaves to others: how long a text may be.
 *
 * The table of widths is our own and short: it knows the wide characters, and the marks of the scripts that are
 * written in China or in names there. Marks of other scripts count as one column, which only bends a table. */
#include "base.h"

struct range {
    uint32_t first, last;
};
static const struct range wide[] = {
    { 0x1100, 0x115F }, { 0x231A, 0x231B }, { 0x2329, 0x232A }, { 0x23E9, 0x23EC }, { 0x23F0, 0x23F0 },
    { 0x23F3, 0x23F3 }, { 0x25FD, 0x25FE }, { 0x2614, 0x2615 }, { 0x2648, 0x2653 }, { 0x267F, 0x267F },
    { 0x2693, 0x2693 }, { 0x26A1, 0x26A1 }, { 0x26AA, 0x26AB }, { 0x26BD, 0x26BE }, { 0x26C4, 0x26C5 },
    { 0x26CE, 0x26CE }, { 0x26D4, 0x26D4 }, { 0x26EA, 0x26EA }, { 0x26F2, 0x26F3 }, { 0x26F5, 0x26F5 },
    { 0x26FA, 0x26FA }, { 0x26FD, 0x26FD }, { 0x2705, 0x2705 }, { 0x270A, 0x270B }, { 0x2728, 0x2728 },
    { 0x274C, 0x274C }, { 0x274E, 0x274E }, { 0x2753, 0x2755 }, { 0x2757, 0x2757 }, { 0x2795, 0x2797 },
    { 0x27B0, 0x27B0 }, { 0x27BF, 0x27BF }, { 0x2B1B, 0x2B1C }, { 0x2B50, 0x2B50 }, { 0x2B55, 0x2B55 },
    { 0x2E80, 0x303E }, { 0x3041, 0x3247 }, { 0x3250, 0x4DBF }, { 0x4E00, 0xA4CF }, { 0xA960, 0xA97F },
    { 0xAC00, 0xD7A3 }, { 0xF900, 0xFAFF }, { 0xFE10, 0xFE19 }, { 0xFE30, 0xFE6F }, { 0xFF01, 0xFF60 },
    { 0xFFE0, 0xFFE6 }, { 0x16FE0, 0x18DFF }, { 0x1AFF0, 0x1B2FF }, { 0x1F004, 0x1F004 }, { 0x1F0CF, 0x1F0CF },
    { 0x1F18E, 0x1F18E }, { 0x1F191, 0x1F19A }, { 0x1F200, 0x1F320 }, { 0x1F32D, 0x1F335 }, { 0x1F337, 0x1F37C },
    { 0x1F37E, 0x1F393 }, { 0x1F3A0, 0x1F3CA }, { 0x1F3CF, 0x1F3D3 }, { 0x1F3E0, 0x1F3F0 }, { 0x1F3F4, 0x1F3F4 },
    { 0x1F3F8, 0x1F43E }, { 0x1F440, 0x1F440 }, { 0x1F442, 0x1F4FC }, { 0x1F4FF, 0x1F53D }, { 0x1F54B, 0x1F54E },
    { 0x1F550, 0x1F567 }, { 0x1F57A, 0x1F57A }, { 0x1F595, 0x1F596 }, { 0x1F5A4, 0x1F5A4 }, { 0x1F5FB, 0x1F64F },
    { 0x1F680, 0x1F6C5 }, { 0x1F6CC, 0x1F6CC }, { 0x1F6D0, 0x1F6D2 }, { 0x1F6D5, 0x1F6DF }, { 0x1F6EB, 0x1F6EC },
    { 0x1F6F4, 0x1F6FC }, { 0x1F7E0, 0x1F7F0 }, { 0x1F90C, 0x1F93A }, { 0x1F93C, 0x1F945 }, { 0x1F947, 0x1F9FF },
    { 0x1FA70, 0x1FAFF }, { 0x20000, 0x2FFFD }, { 0x30000, 0x3FFFD },
};
/* Combining marks (Latin, Cyrillic, Arabic of the Uyghurs, Tibetan, Mongolian, kana, ...), joiners, selectors. These
 * are asked before the wide ones, which enclose 302A..302D and 3099..309A. */
static const struct range empty[] = {
    { 0x300, 0x36F },   { 0x483, 0x489 },   { 0x591, 0x5BD },   { 0x5BF, 0x5BF },   { 0x5C1, 0x5C2 },
    { 0x5C4, 0x5C5 },   { 0x5C7, 0x5C7 },   { 0x610, 0x61A },   { 0x64B, 0x65F },   { 0x670, 0x670 },
    { 0x6D6, 0x6DC },   { 0x6DF, 0x6E4 },   { 0x6E7, 0x6E8 },   { 0x6EA, 0x6ED },   { 0x900, 0x902 },
    { 0x93A, 0x93A },   { 0x93C, 0x93C },   { 0x941, 0x948 },   { 0x94D, 0x94D },   { 0xE31, 0xE31 },
    { 0xE34, 0xE3A },   { 0xE47, 0xE4E },   { 0xF18, 0xF19 },   { 0xF35, 0xF35 },   { 0xF37, 0xF37 },
    { 0xF39, 0xF39 },   { 0xF71, 0xF7E },   { 0xF80, 0xF84 },   { 0xF86, 0xF87 },   { 0xF8D, 0xFBC },
    { 0xFC6, 0xFC6 },   { 0x1160, 0x11FF }, { 0x180B, 0x180F }, { 0x1885, 0x1886 }, { 0x18A9, 0x18A9 },
    { 0x1AB0, 0x1AFF }, { 0x1DC0, 0x1DFF }, { 0x200B, 0x200D }, { 0x2060, 0x2065 }, { 0x206A, 0x206F },
    { 0x20D0, 0x20F0 }, { 0x302A, 0x302D }, { 0x3099, 0x309A }, { 0xFE00, 0xFE0F }, { 0xFE20, 0xFE2F },
    { 0xFEFF, 0xFEFF }, { 0xE0001, 0xE01EF },
};

static bool in_ranges(const struct range *ranges, size_t count, uint32_t point) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges[middle].last < point) low = middle + 1;
        else high = middle;
    }
    return low < count && ranges[low].first <= point;
}

/* The length of the character at p, or 0 if none is well-formed there. len >= 1. */
static size_t decode(const uint8_t *p, size_t len, uint32_t *point) {
    static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    size_t need = p[0] < 0x80 ? 1 : p[0] < 0xC0 ? 0 : p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : p[0] < 0xF8 ? 4 : 0;
    if (need == 0 || need > len) return 0;
    uint32_t value = need == 1 ? p[0] : p[0] & (0x7Fu >> need);
    for (size_t i = 1; i < need; i++) {
        if ((p[i] & 0xC0) != 0x80) return 0;
        value = value << 6 | (p[i] & 0x3Fu);
    }
    if (value < least[need] || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) return 0;
    *point = value;
    return need;
}

static bool is_control(uint32_t point) { return point < 0x20 || (point >= 0x7F && point <= 0x9F); }

/* What would break a line or turn the direction of writing on a terminal: valid in a text, but never printed. */
static bool is_unprintable(uint32_t point) {
    return is_control(point) || point == 0x61C || point == 0x200E || point == 0x200F
        || (point >= 0x2028 && point <= 0x202E) || (point >= 0x2066 && point <= 0x2069);
}

static size_t columns(uint32_t point) {
    if (point < 0x300) return 1;
    if (in_ranges(empty, LZ_COUNT(empty), point)) return 0;
    return in_ranges(wide, LZ_COUNT(wide), point) ? 2 : 1;
}

bool lz_text_valid(struct lz_bytes text) {
    for (size_t i = 0; i < text.len;) {
        uint32_t point = 0;
        size_t len = decode(text.data + i, text.len - i, &point);
        if (len == 0 || (is_control(point) && point != '\n' && point != '\t')) return false;
        i += len;
    }
    return true;
}

/* One thing to print: a character as it is, or '?' for what may not be printed. */
struct glyph {
    const uint8_t *bytes;
    size_t len, columns;
    size_t taken;                    /* bytes of the text that it stands for, at least 1 */
};

static struct glyph next_glyph(const uint8_t *p, size_t len) {
    uint32_t point = 0;
    size_t taken = decode(p, len, &point);
    if (taken == 0 || is_unprintable(point))
        return (struct glyph){ (const uint8_t *)"?", 1, 1, taken == 0 ? 1 : taken };
    return (struct glyph){ p, taken, columns(point), taken };
}

size_t lz_text_width(struct lz_bytes text) {
    size_t width = 0;
    for (size_t i = 0; i < text.len;) {
        struct glyph glyph = next_glyph(text.data + i, text.len - i);
        width += glyph.columns;
        i += glyph.taken;
    }
    return width;
}

size_t lz_text_clip(struct lz_bytes text, size_t width, char *out, size_t out_size) {
    size_t used = 0, written = 0;
    if (out_size == 0) return 0;
    for (size_t i = 0; i < text.len;) {
        struct glyph glyph = next_glyph(text.data + i, text.len - i);
        if (glyph.columns > width - used || glyph.len >= out_size - written) break;
        memcpy(out + written, glyph.bytes, glyph.len);
        written += glyph.len;
        used += glyph.columns;
        i += glyph.taken;
    }
    out[written] = '\0';
    return used;
}

/* The backslash is escaped too, or else a text could pretend to be escaped. */
const char *lz_log_value(struct lz_bytes text, char *out, size_t out_size) {
    static const char hex[] = "0123456789ABCDEF";
    size_t written = 0;
    LZ_ASSERT(out_size > 0);
    for (size_t i = 0; i < text.len;) {
        uint32_t point = 0;
        size_t len = decode(text.data + i, text.len - i, &point);
        bool plain = len > 0 && !is_unprintable(point) && point != '\\';
        if (len == 0) len = 1;
        size_t need = plain ? len : 4 * len;
        if (need >= out_size - written) break;
        for (size_t k = 0; k < len; k++) {
            uint8_t byte = text.data[i + k];
            if (plain) {
                out[written++] = (char)byte;
                continue;
            }
            out[written++] = '\\';
            out[written++] = 'x';
            out[written++] = hex[byte >> 4];
            out[written++] = hex[byte & 15];
        }
        i += len;
    }
    out[written] = '\0';
    return out;
}

bool lz_text_lists(struct lz_bytes list, struct lz_bytes word) {
    static const char *const ends[] = { ",", "，", "、", ";", "；", " " };
    for (size_t i = 0; word.len && i + word.len <= list.len; i++) {
        if (memcmp(list.data + i, word.data, word.len) != 0) continue;
        bool before = i == 0, after = i + word.len == list.len;
        for (size_t e = 0; e < LZ_COUNT(ends); e++) {
            size_t len = strlen(ends[e]);
            before |= i >= len && memcmp(list.data + i - len, ends[e], len) == 0;
            after |= i + word.len + len <= list.len && memcmp(list.data + i + word.len, ends[e], len) == 0;
        }
        if (before && after) return true;
    }
    return false;
}
