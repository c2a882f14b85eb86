/* client_csv: tables as spreadsheets write them, and as they open them with their Chinese intact.
 *
 * Written: UTF-8 with its mark, CRLF, RFC 4180 quotes; a text that a spreadsheet would take for a formula, a number or a date (=1+1, 01, 10-1)
 * gets an apostrophe in front. Read: comma, semicolon or tab; UTF-8, GB18030 (what Excel saves in China), UTF-16; with or without the mark; the
 * apostrophe goes again, and only where writing would have put it, so that what was written is read as it was. Leaves to others: what a
 * column means. */
#include "client.h"

#include <iconv.h>
#include <errno.h>

/* ---- the apostrophe ----------------------------------------------------------------------------------------------- */

static bool starts_formula(struct lz_bytes text) {
    static const char *const wide[] = { "＝", "＋", "－", "＠" };
    if (text.len == 0) return false;
    if (strchr("=+-@\t\n", text.data[0])) return true;
    for (size_t i = 0; i < LZ_COUNT(wide); i++)
        if (text.len >= strlen(wide[i]) && memcmp(text.data, wide[i], strlen(wide[i])) == 0) return true;
    return false;
}

static bool looks_like_number(struct lz_bytes text) {
    bool digit = false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] >= '0' && text.data[i] <= '9') digit = true;
        else if (!strchr(".,-/: %eE", text.data[i])) return false;
    }
    return digit;
}

bool csv_is_risky(struct lz_bytes text) {
    while (text.len > 0 && text.data[0] == '\'') text = lz_bytes_of(text.data + 1, text.len - 1);
    return starts_formula(text) || looks_like_number(text);
}

struct lz_bytes csv_plain(struct lz_bytes field) {
    if (field.len < 2 || field.data[0] != '\'') return field;
    struct lz_bytes rest = lz_bytes_of(field.data + 1, field.len - 1);
    return csv_is_risky(rest) ? rest : field;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

void csv_begin(struct csv_out *csv, FILE *out) {
    *csv = (struct csv_out){ .out = out };
    fputs("\xEF\xBB\xBF", out);
}

static void csv_put(struct csv_out *csv, struct lz_bytes text, bool apostrophe) {
    bool quote = false;
    for (size_t i = 0; i < text.len; i++) quote = quote || strchr("\",;\t\r\n", text.data[i]);
    if (text.len > 0 && (text.data[0] == ' ' || text.data[text.len - 1] == ' ')) quote = true;
    if (csv->n++ > 0) putc(',', csv->out);
    if (quote) putc('"', csv->out);
    if (apostrophe) putc('\'', csv->out);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == '"') putc('"', csv->out);
        if (text.data[i] == '\n' && (i == 0 || text.data[i - 1] != '\r')) putc('\r', csv->out);
        putc(text.data[i], csv->out);
    }
    if (quote) putc('"', csv->out);
}

void csv_text(struct csv_out *csv, struct lz_bytes text) { csv_put(csv, text, csv_is_risky(text)); }
void csv_value(struct csv_out *csv, struct lz_bytes text) { csv_put(csv, text, starts_formula(text) && !looks_like_number(text)); }
void csv_again(struct csv_out *csv, struct lz_bytes field) { csv_put(csv, field, starts_formula(field) && !looks_like_number(field)); }
void csv_end_row(struct csv_out *csv) {
    fputs("\r\n", csv->out);
    csv->n = 0;
}

/* ---- which characters ------------------------------------------------------------------------------------------------ */

static bool is_ascii(struct lz_bytes line) {
    for (size_t i = 0; i < line.len; i++)
        if (line.data[i] >= 0x80) return false;
    return true;
}

static struct lz_bytes line_at(struct lz_bytes text, size_t at) {
    const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
    size_t len = end ? (size_t)(end - text.data) - at : text.len - at;
    struct lz_bytes line = lz_bytes_of(text.data + at, len);
    if (line.len > 0 && line.data[line.len - 1] == '\r') line.len--;
    return line;
}

/* UTF-8 with a damaged line here and there is still UTF-8: the lines vote. */
static bool is_utf8(struct lz_bytes text) {
    size_t good = 0, bad = 0;
    for (size_t at = 0; at < text.len;) {
        struct lz_bytes line = line_at(text, at);
        if (!is_ascii(line)) *(lz_text_valid(line) ? &good : &bad) += 1;
        const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
        at = end ? (size_t)(end - text.data) + 1 : text.len;
    }
    return good >= bad;
}

#if defined __GNUC__ && !defined __clang__
#pragma GCC diagnostic ignored "-Wanalyzer-malloc-leak"    /* it takes iconv_open's (iconv_t)-1 for something that must be closed */
#endif
/* What cannot be read becomes a byte that no text may have, so that its line is refused and the others are not. */
static enum lz_err convert(struct arena *arena, const char *from, struct lz_bytes in, struct lz_bytes *out, struct lz_fail *fail) {
    size_t room = in.len * 3 + 4, left = in.len, free_bytes = room;
    uint8_t *text = client_alloc(arena, room);
    iconv_t way = iconv_open("UTF-8", from);
    if (way == (iconv_t)-1) return lz_refuse(fail, LZ_bad_utf8, "文件是 %s 编码，本机不能转换；请另存为 UTF-8", from);
    char *source = (char *)(uintptr_t)in.data, *to = (char *)text;
    while (left > 0 && iconv(way, &source, &left, &to, &free_bytes) == (size_t)-1) {
        if (errno == E2BIG || left == 0) break;
        *to++ = (char)0xFF;
        free_bytes--;
        source++;
        left--;
    }
    (void)iconv_close(way);
    *out = lz_bytes_of(text, room - free_bytes);
    return LZ_ok;
}

enum lz_err csv_decode(struct arena *arena, struct lz_bytes file, struct lz_bytes *text, struct lz_fail *fail) {
    static const struct { const char *mark, *name; size_t len; } marks[] = { { "\xFF\xFE", "UTF-16LE", 2 }, { "\xFE\xFF", "UTF-16BE", 2 } };
    *text = file;
    for (size_t i = 0; i < LZ_COUNT(marks); i++)
        if (file.len >= marks[i].len && memcmp(file.data, marks[i].mark, marks[i].len) == 0)
            return convert(arena, marks[i].name, lz_bytes_of(file.data + marks[i].len, file.len - marks[i].len), text, fail);
    if (file.len >= 3 && memcmp(file.data, "\xEF\xBB\xBF", 3) == 0) {
        *text = lz_bytes_of(file.data + 3, file.len - 3);
        return LZ_ok;
    }
    return is_utf8(file) ? LZ_ok : convert(arena, "GB18030", file, text, fail);
}

/* ---- reading ----------------------------------------------------------------------------------------------------------- */

/* The one that stands most often in the first line, outside of quotes; Excel may say it in a line of its own. */
static char separator_of(struct lz_bytes line) {
    static const char tried[] = { '\t', ',', ';' };
    size_t n[3] = { 0, 0, 0 };
    bool quoted = false;
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] == '"') quoted = !quoted;
        for (size_t k = 0; k < 3 && !quoted; k++) n[k] += line.data[i] == (uint8_t)tried[k];
    }
    if (n[0] > 0 && n[0] >= n[1] && n[0] >= n[2]) return tried[0];
    return n[2] > n[1] ? ';' : ',';
}

void csv_open(struct csv_in *csv, struct lz_bytes text) {
    *csv = (struct csv_in){ .text = text, .separator = ',' };
    if (text.len == 0) return;
    struct lz_bytes first = line_at(text, 0);
    if (first.len == 5 && memcmp(first.data, "sep=", 4) == 0) {
        csv->separator = (char)first.data[4];
        while (csv->at < text.len && text.data[csv->at++] != '\n') continue;
        csv->lines = 1;
    } else csv->separator = separator_of(first);
}

static bool at_end(const struct csv_in *csv, size_t i) { return i >= csv->text.len || csv->text.data[i] == '\n' || csv->text.data[i] == '\r'; }

/* Behind the line end at i. */
static size_t behind(const struct csv_in *csv, size_t i) {
    if (i < csv->text.len && csv->text.data[i] == '\r') i++;
    if (i < csv->text.len && csv->text.data[i] == '\n') i++;
    return i;
}

/* From the quote at *at to what follows its end; line ends inside become one character. False: the quote has no end, or text follows it. */
static bool take_quoted(const struct csv_in *csv, struct arena *arena, size_t *at, struct lz_bytes *field) {
    const uint8_t *data = csv->text.data;
    size_t i = *at + 1, len = 0, end = i;
    while (end < csv->text.len && !(data[end] == '"' && (end + 1 == csv->text.len || data[end + 1] != '"'))) end += data[end] == '"' ? 2 : 1;
    if (end >= csv->text.len) return false;
    uint8_t *out = client_alloc(arena, end - i + 1);
    for (; i < end; i++) {
        if (data[i] == '\r' && data[i + 1] == '\n') continue;
        if (data[i] == '"') i++;
        out[len++] = data[i] == '\r' ? '\n' : data[i];
    }
    *field = lz_bytes_of(out, len);
    *at = end + 1;
    while (*at < csv->text.len && data[*at] == ' ') (*at)++;
    return at_end(csv, *at) || data[*at] == (uint8_t)csv->separator;
}

static struct lz_bytes take_bare(const struct csv_in *csv, size_t *at) {
    size_t start = *at, end;
    while (!at_end(csv, *at) && csv->text.data[*at] != (uint8_t)csv->separator) (*at)++;
    end = *at;
    while (start < end && csv->text.data[start] == ' ') start++;
    while (end > start && csv->text.data[end - 1] == ' ') end--;
    return lz_bytes_of(csv->text.data + start, end - start);
}

/* One record; false: its quotes are broken, and it ends where its line does. */
static bool take_record(struct csv_in *csv, struct arena *arena, struct csv_row *row) {
    size_t i = csv->at;
    for (row->n = 0;; i++) {
        struct lz_bytes field = { 0 };
        bool quoted = i < csv->text.len && csv->text.data[i] == '"';
        if (quoted && !take_quoted(csv, arena, &i, &field)) return false;
        if (!quoted) field = take_bare(csv, &i);
        if (row->n < CSV_FIELDS_MAX) row->fields[row->n] = field;
        row->n++;
        if (at_end(csv, i)) break;
    }
    row->raw = lz_bytes_of(csv->text.data + csv->at, i - csv->at);
    csv->at = behind(csv, i);
    return true;
}

static bool is_blank(const struct csv_row *row) {
    for (size_t i = 0; i < row->n && i < CSV_FIELDS_MAX; i++)
        if (row->fields[i].len > 0) return false;
    return true;
}

bool csv_next(struct csv_in *csv, struct arena *arena, struct csv_row *row) {
    while (csv->at < csv->text.len) {
        size_t from = csv->at;
        row->line = csv->lines + 1;
        row->whole = take_record(csv, arena, row);
        if (!row->whole) {
            row->raw = line_at(csv->text, from);
            row->n = 0;
            csv->at = behind(csv, from + row->raw.len);
        }
        for (size_t i = from; i < csv->at; i++)
            csv->lines += csv->text.data[i] == '\n' || (csv->text.data[i] == '\r' && !(i + 1 < csv->text.len && csv->text.data[i + 1] == '\n'));
        if (!row->whole || !is_blank(row)) return true;
    }
    return false;
}
