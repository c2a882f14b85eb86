/* digits: numbers, base 32 and hexadecimal, to text and back.
 *
 * Guarantees: every parser takes all of what it was told to take or nothing, and leaves *value alone when it refuses;
 * no sign, blank or overflow slips through.
 * Leaves to others: whether the number is in range for its use. */
#include "base.h"

/* Crockford's alphabet: no I, L, O, U, so that a person can read an id over the telephone. */
static const char base32[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

void lz_base32(uint64_t value, int digits, char *out) {
    LZ_ASSERT(digits > 0);
    for (int i = digits - 1; i >= 0; i--, value >>= 5) out[i] = base32[value & 31];
    out[digits] = '\0';
}

static int base32_digit(char c) {
    if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    const char *at = c == '\0' ? NULL : strchr(base32, c);
    return at ? (int)(at - base32) : -1;
}

/* Exactly `digits` characters; what follows them is the caller's. */
bool lz_base32_parse(const char *text, size_t digits, uint64_t *value) {
    uint64_t sum = 0;
    for (size_t i = 0; i < digits; i++) {
        int digit = base32_digit(text[i]);
        if (digit < 0 || sum >> 59 != 0) return false;
        sum = sum << 5 | (uint64_t)digit;
    }
    if (digits == 0) return false;
    *value = sum;
    return true;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* The whole of text: 2 * bytes digits and its end. */
bool lz_hex_parse(const char *text, uint8_t *out, size_t bytes) {
    if (strlen(text) != 2 * bytes) return false;
    for (size_t i = 0; i < 2 * bytes; i++)
        if (hex_digit(text[i]) < 0) return false;
    for (size_t i = 0; i < bytes; i++) out[i] = (uint8_t)((unsigned)hex_digit(text[2 * i]) << 4 | (unsigned)hex_digit(text[2 * i + 1]));
    return true;
}

void lz_hex(const uint8_t *data, size_t bytes, char *out) {
    static const char hex[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes; i++) {
        out[2 * i] = hex[data[i] >> 4];
        out[2 * i + 1] = hex[data[i] & 15];
    }
    out[2 * bytes] = '\0';
}

/* Decimal digits up to the end of text, at most `most`. */
static bool decimal(const char *text, uint64_t most, uint64_t *value) {
    uint64_t sum = 0;
    if (*text == '\0') return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') return false;
        uint64_t digit = (uint64_t)(*text - '0');
        if (sum > (most - digit) / 10) return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    return true;
}

bool lz_u32_parse(const char *text, uint32_t *value) {
    uint64_t sum = 0;
    if (!decimal(text, UINT32_MAX, &sum)) return false;
    *value = (uint32_t)sum;
    return true;
}

bool lz_i64_parse(const char *text, int64_t *value) {
    bool negative = *text == '-';
    uint64_t sum = 0;
    if (!decimal(negative ? text + 1 : text, negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX, &sum)) return false;
    /* The smallest number has no positive twin to negate. */
    *value = !negative ? (int64_t)sum : sum == 0 ? 0 : -(int64_t)(sum - 1) - 1;
    return true;
}
