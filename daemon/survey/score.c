/* score: see score.h. Integers only: 0.01 marks, to the nearest, halves up. */
#include "score.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* ---- words and lines ---- */

static bool next_line(struct lz_bytes *rest, struct lz_bytes *line) {
    while (rest->len > 0) {
        const uint8_t *end = memchr(rest->data, '\n', rest->len);
        size_t len = end ? (size_t)(end - rest->data) : rest->len;
        *line = lz_bytes_of(rest->data, len);
        size_t taken = end ? len + 1 : len;
        *rest = lz_bytes_of(rest->data + taken, rest->len - taken);
        if (len > 0) return true;
    }
    return false;
}

static struct lz_bytes next_word(struct lz_bytes *rest) {
    size_t from = 0, to;
    while (from < rest->len && (rest->data[from] == ' ' || rest->data[from] == '\t')) from++;
    for (to = from; to < rest->len && rest->data[to] != ' ' && rest->data[to] != '\t'; ) to++;
    struct lz_bytes word = lz_bytes_of(rest->data + from, to - from);
    *rest = lz_bytes_of(rest->data + to, rest->len - to);
    return word;
}

static bool keep(struct lz_bytes word, char out[SCORE_WORD_BYTES]) {
    if (word.len == 0 || word.len >= SCORE_WORD_BYTES) return false;
    memcpy(out, word.data, word.len);
    out[word.len] = 0;
    return true;
}

/* 12, 12.5, 12.05: hundredths. */
static bool marks_parse(struct lz_bytes word, int64_t *value) {
    int64_t whole = 0;
    size_t i = 0, decimals = 0;
    for (; i < word.len && word.data[i] >= '0' && word.data[i] <= '9' && i < 6; i++) whole = whole * 10 + word.data[i] - '0';
    if (i == 0) return false;
    whole *= 100;
    if (i < word.len && word.data[i] == '.') {
        for (int64_t place = 10; ++i < word.len && word.data[i] >= '0' && word.data[i] <= '9' && place > 0; place /= 10, decimals++)
            whole += (word.data[i] - '0') * place;
        if (decimals == 0) return false;
    }
    *value = whole;
    return i == word.len;
}

static bool count_parse(struct lz_bytes word, int64_t *value) {
    char text[24] = "";
    if (word.len == 0 || word.len >= sizeof text) return false;
    memcpy(text, word.data, word.len);
    return lz_i64_parse(text, value) && *value >= 0 && *value <= INT64_C(1) << 40;
}

/* ---- the scheme ---- */

static bool is_measure(const char *word) {
    static const char *const words[] = { "closed", "letters", "problems", "patrols", "overdue" };
    for (size_t i = 0; i < LZ_COUNT(words); i++)
        if (strcmp(word, words[i]) == 0) return true;
    return false;
}

static bool item_parse(struct lz_bytes line, struct score_item *item) {
    static const char *const hows[] = { "auto", "manual", "bonus", "deduct" };
    char how[SCORE_WORD_BYTES] = "";
    *item = (struct score_item){ .full = 0 };
    struct lz_bytes rest = line;
    if (!keep(next_word(&rest), item->key) || !keep(next_word(&rest), item->name) || !marks_parse(next_word(&rest), &item->full)) return false;
    if (!keep(next_word(&rest), how)) return false;
    size_t i = 0;
    while (i < LZ_COUNT(hows) && strcmp(how, hows[i]) != 0) i++;
    if (i == LZ_COUNT(hows) || item->full == 0) return false;
    item->how = (enum score_how)i;
    if (item->how != SCORE_AUTO) return next_word(&rest).len == 0;
    if (!keep(next_word(&rest), item->measure) || !is_measure(item->measure)) return false;
    bool per = strcmp(item->measure, "overdue") == 0;
    return (!per || marks_parse(next_word(&rest), &item->per)) && next_word(&rest).len == 0;
}

static const struct score_item *item_of(const struct scheme *scheme, struct lz_bytes key) {
    for (size_t i = 0; i < scheme->n; i++)
        if (lz_bytes_equal(key, lz_bytes_str(scheme->items[i].key))) return &scheme->items[i];
    return NULL;
}

enum lz_err scheme_parse(struct lz_bytes items, struct scheme *scheme, struct lz_fail *fail) {
    struct lz_bytes rest = items, line;
    int64_t full = 0;
    for (scheme->n = 0; next_line(&rest, &line); scheme->n++) {
        if (scheme->n == SCORE_ITEMS_MAX) return lz_refuse(fail, LZ_too_many, "考核项目超过 %d 项", SCORE_ITEMS_MAX);
        struct score_item *item = &scheme->items[scheme->n];
        if (!item_parse(line, item))
            return lz_refuse(fail, LZ_bad_argument, "考核项目第 %zu 行“%.*s”不对：应为 键 名称 满分 auto|manual|bonus|deduct，"
                             "auto 再写 closed、letters、problems、patrols 或 overdue 每件扣分",
                             scheme->n + 1, (int)(line.len < 120 ? line.len : 120), (const char *)line.data);
        if (item_of(scheme, lz_bytes_str(item->key))) return lz_refuse(fail, LZ_bad_argument, "考核项目“%s”写了两次", item->key);
        if (item->how == SCORE_AUTO || item->how == SCORE_MANUAL) full += item->full;
    }
    return full > 0 ? LZ_ok : lz_refuse(fail, LZ_bad_argument, "考核方案没有计分的项目");
}

/* ---- marks by hand ---- */

enum lz_err mark_check(const struct scheme *scheme, struct lz_bytes key, struct lz_bytes marks, int64_t *value, struct lz_fail *fail) {
    const struct score_item *item = item_of(scheme, key);
    if (!item) return lz_refuse(fail, LZ_not_found, "方案中没有项目“%.*s”", (int)(key.len < 60 ? key.len : 60), (const char *)key.data);
    if (item->how == SCORE_AUTO) return lz_refuse(fail, LZ_not_allowed, "“%s”由系统按截止日数据计分，不能人工评分", item->name);
    if (!marks_parse(marks, value) || *value > item->full)
        return lz_refuse(fail, LZ_bad_argument, "“%s”的评分应在 0 到 %" PRId64 " 之间，最多两位小数", item->name, item->full / 100);
    return LZ_ok;
}

static bool line_of(struct lz_bytes text, struct lz_bytes key, struct lz_bytes *rest) {
    struct lz_bytes line;
    while (next_line(&text, &line)) {
        *rest = line;
        if (lz_bytes_equal(next_word(rest), key)) return true;
    }
    return false;
}

static void append(char *out, size_t *len, struct lz_bytes text) {
    if (text.len) memcpy(out + *len, text.data, text.len);
    *len += text.len;
}

size_t mark_set(struct lz_bytes marks, struct lz_bytes key, struct lz_bytes value, struct lz_bytes reason, char *out) {
    struct lz_bytes line, space = lz_bytes_str(" "), end = lz_bytes_str("\n");
    size_t len = 0;
    while (next_line(&marks, &line)) {
        struct lz_bytes rest = line;
        if (lz_bytes_equal(next_word(&rest), key)) continue;
        append(out, &len, line);
        append(out, &len, end);
    }
    append(out, &len, key);
    append(out, &len, space);
    append(out, &len, value);
    append(out, &len, space);
    append(out, &len, reason);
    append(out, &len, end);
    return len;
}

/* ---- the score ---- */

struct sheet { char *text; size_t len; };
static void put(struct sheet *s, const char *format, ...) LZ_PRINTF(2, 3);
static void put(struct sheet *s, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(s->text + s->len, SCORE_DETAIL_BYTES - s->len, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < SCORE_DETAIL_BYTES - s->len) s->len += (size_t)n;
    s->text[s->len] = 0;
}

static int64_t divide(int64_t part, int64_t whole) { return (part + whole / 2) / whole; }

/* False: it does not apply. */
static bool earn_auto(const struct score_item *item, struct lz_bytes inputs, int64_t *earned, int64_t *part, int64_t *whole) {
    struct lz_bytes rest;
    if (!line_of(inputs, lz_bytes_str(item->measure), &rest)) return false;
    if (!count_parse(next_word(&rest), part) || !count_parse(next_word(&rest), whole)) return false;
    if (strcmp(item->measure, "overdue") == 0) {
        int64_t off = item->per && *part > item->full / item->per ? item->full : *part * item->per;
        *earned = off < item->full ? item->full - off : 0;
        return true;
    }
    if (*whole == 0) return false;
    int64_t done = *part < *whole ? *part : *whole;
    *earned = divide(item->full * done, *whole);
    return true;
}

static void put_item(struct sheet *s, const struct score_item *item, int64_t earned) {
    put(s, "%s %s %" PRId64 ".%02d/%" PRId64 ".%02d", item->key, item->name, earned / 100, (int)(earned % 100), item->full / 100, (int)(item->full % 100));
}

enum lz_err score_of(const struct scheme *scheme, struct lz_bytes inputs, struct lz_bytes marks, int64_t *score, char *detail, struct lz_fail *fail) {
    struct sheet s = { detail, 0 };
    int64_t full = 0, sum = 0, more = 0;
    detail[0] = 0;
    for (size_t i = 0; i < scheme->n; i++) {
        const struct score_item *item = &scheme->items[i];
        struct lz_bytes rest = { 0 };
        int64_t earned = 0, part = 0, whole = 0;
        if (item->how == SCORE_AUTO) {
            if (!earn_auto(item, inputs, &earned, &part, &whole)) { put(&s, "%s %s 不适用\n", item->key, item->name); continue; }
            put_item(&s, item, earned);
            put(&s, " %s %" PRId64 "/%" PRId64 "\n", item->measure, part, whole);
        } else {
            bool marked = line_of(marks, lz_bytes_str(item->key), &rest) && marks_parse(next_word(&rest), &earned);
            if (!marked && item->how == SCORE_MANUAL) return lz_refuse(fail, LZ_bad_argument, "“%s”（%s）还没有人工评分：assess mark", item->name, item->key);
            if (!marked) continue;
            while (rest.len > 0 && rest.data[0] == ' ') rest = lz_bytes_of(rest.data + 1, rest.len - 1);
            put_item(&s, item, earned);
            put(&s, "%s %.*s\n", item->how == SCORE_BONUS ? " 加分" : item->how == SCORE_DEDUCT ? " 扣分" : "", (int)rest.len, (const char *)rest.data);
        }
        if (item->how == SCORE_BONUS) more += earned;
        else if (item->how == SCORE_DEDUCT) more -= earned;
        else { full += item->full; sum += earned; }
    }
    if (full == 0) return lz_refuse(fail, LZ_bad_argument, "没有一项适用，不能评分");
    *score = divide(sum * 10000, full) + more;
    if (*score < 0) *score = 0;
    put(&s, "合计 %" PRId64 ".%02d\n", *score / 100, (int)(*score % 100));
    return LZ_ok;
}
