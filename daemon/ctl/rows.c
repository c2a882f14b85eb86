/* rows: the rows of an answer, and how a long answer is cut into several.
 *
 * A verb makes its rows always in the same order; those that earlier answers gave are skipped, and when this one is full the
 * rest is left for the next (`next` is how many rows were given so far). So a verb is written as if there were no limit. Cells
 * hold what a program reads: codes, ISO times, plain numbers; words for people stand beside them. */
#include <stdarg.h>
#include <stdio.h>
#include "ctl_room.h"

enum { CELL_OVERHEAD = 12 };
static_assert(RECORD_BYTES_MAX * 2 < ANSWER_BYTES_MAX, "the longest row fits");

bool row_begin(struct call *c, const char *section) {
    if (c->cut) return false;
    if (c->seen < c->skip) { c->seen++; return false; }
    if (!c->rows) c->rows = arena_alloc_raw(c->arena, ROWS_PER_ANSWER_MAX * sizeof *c->rows);
    /* a row at least, whatever else this turn has done: else the client would ask for ever */
    if (!c->rows || c->n_rows == ROWS_PER_ANSWER_MAX || (c->n_rows > 0 && !call_may_go_on(c))) { c->cut = true; return false; }
    c->cells = arena_alloc_raw(c->arena, ROW_CELLS_MAX * sizeof *c->cells);
    if (!c->cells) { c->cut = true; return false; }
    c->n_cells = c->row_bytes = 0;
    cell_text(c, "_section", section);
    return true;
}

void row_end(struct call *c) {
    if (c->n_rows > 0 && c->bytes + c->row_bytes > ANSWER_BYTES_MAX) { c->cut = true; return; }
    c->rows[c->n_rows++] = (struct row){ c->cells, c->n_cells };
    c->bytes += c->row_bytes;
    c->seen++;
}

void cell_bytes(struct call *c, const char *name, struct lz_bytes text) {
    LZ_ASSERT(c->n_cells < ROW_CELLS_MAX);
    c->cells[c->n_cells++] = (struct cell){ lz_bytes_str(name), text };
    c->row_bytes += strlen(name) + text.len + CELL_OVERHEAD;
}

/* Always a copy: what is told may stand on the caller's stack. */
void cell_text(struct call *c, const char *name, const char *text) {
    size_t len = strlen(text);
    const char *copy = len ? arena_copy(c->arena, text, len) : "";
    cell_bytes(c, name, lz_bytes_of(copy, copy ? len : 0));
}

void cell_word(struct call *c, const char *name, const char *zh) { cell_text(c, name, lz_text(c->lang, zh)); }

void cell_format(struct call *c, const char *name, const char *format, ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, lz_text(c->lang, format), args);
    va_end(args);
    cell_text(c, name, text);
}

void cell_i64(struct call *c, const char *name, int64_t value) { cell_format(c, name, "%lld", (long long)value); }
void cell_u64(struct call *c, const char *name, uint64_t value) { cell_format(c, name, "%llu", (unsigned long long)value); }

void cell_unit(struct call *c, const char *name, uint32_t code) {
    if (code) cell_format(c, name, "%06u", code);
    else cell_text(c, name, "");
}

void cell_unit_name(struct call *c, const char *name, uint32_t code) { cell_text(c, name, code ? unit_name(c, code) : ""); }

void cell_time(struct call *c, const char *name, uint64_t wall_ms) {
    char text[32] = "";
    if (wall_ms) lz_time_print(wall_ms, text);
    cell_text(c, name, text);
}

void cell_date(struct call *c, const char *name, uint32_t date) {
    char text[16] = "";
    if (date) lz_date_print(date, text);
    cell_text(c, name, text);
}

void cell_id(struct call *c, const char *name, struct rec_id id) {
    char text[REC_ID_TEXT] = "";
    if (!rec_id_none(id)) rec_id_print(id, text);
    cell_text(c, name, text);
}

void cell_kind(struct call *c, uint32_t kind) {
    const struct kind_row *row = kind_row(kind);
    cell_text(c, "kind", row ? row->name : "unknown");
    cell_word(c, "kind_zh", row ? row->zh : "不认识");
}

void cell_state(struct call *c, const struct standing *s) {
    cell_text(c, "state", s ? state_name((enum machine)s->machine, s->state) : "");
    cell_word(c, "state_zh", s ? state_zh((enum machine)s->machine, s->state) : "");
    cell_text(c, "colour", s ? colour_name((enum colour)s->colour) : "");
    cell_word(c, "colour_zh", s ? colour_zh((enum colour)s->colour) : "");
}

/* Shares are computed here, for showing only; what is stored and summed are the two numbers. */
void cell_percent(struct call *c, int64_t numerator, int64_t denominator, bool bar) {
    double permille = denominator > 0 ? (double)numerator * 1000.0 / (double)denominator : 0;
    if (denominator > 0) cell_format(c, "percent", "%.1f", permille / 10.0);
    else cell_text(c, "percent", "");
    if (bar) cell_u64(c, "_bar", permille <= 0 ? 0 : permille >= 1000 ? 1000 : (uint64_t)permille);
}

void card(struct call *c, const char *item, const char *format, ...) {
    char text[640];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, lz_text(c->lang, format), args);
    va_end(args);
    if (text[0]) card_bytes(c, item, lz_bytes_of(arena_copy(c->arena, text, strlen(text)), strlen(text)));
}

/* The English name of a heading, for programs: schema/columns.def is the one place that has both. */
static const char *field_of(const char *heading) {
    static const struct { const char *name, *heading; } columns[] = {
#define X(name, heading, align) { #name, heading },
#include "../../schema/columns.def"
#undef X
    };
    for (size_t i = 0; i < LZ_COUNT(columns); i++)
        if (strcmp(columns[i].heading, heading) == 0) return columns[i].name;
    return heading;
}

void card_bytes(struct call *c, const char *item, struct lz_bytes value) {
    if (value.len == 0 || !value.data || !row_begin(c, "card")) return;
    cell_text(c, "_field", field_of(item));
    cell_text(c, "item_name", lz_column(c->lang, field_of(item), item));
    cell_bytes(c, "value", value);
    row_end(c);
}

void card_time(struct call *c, const char *item, uint64_t wall_ms) {
    char text[32];
    if (wall_ms == 0) return;
    lz_time_print(wall_ms, text);
    card(c, item, "%s", text);
}

void say(struct call *c, const char *format, ...) {
    char text[640];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, lz_text(c->fail->lang, format), args);
    va_end(args);
    struct lz_bytes clipped = text_clip(lz_bytes_str(text), sizeof text - 1);
    const char *copy = arena_copy(c->arena, clipped.data, clipped.len);
    if (copy) c->answer.text = lz_bytes_of(copy, clipped.len);
}

const char *unit_name(const struct call *c, uint32_t code) {
    const struct unit *unit = units_find(c->units, code);
    return unit ? unit->name : "";
}

const char *unit_label(const struct call *c, uint32_t code) {
    const char *name = unit_name(c, code), *text = arena_printf(c->arena, "%06u%s%s", code, name[0] ? " " : "", name);
    return text ? text : name;
}

struct lz_bytes text_clip(struct lz_bytes text, size_t max) {
    if (text.len > max) text.len = max;
    /* also what a buffer's end has cut: an incomplete last character goes */
    size_t back = 0;
    while (back < 4 && back < text.len && (text.data[text.len - 1 - back] & 0xC0) == 0x80) back++;
    if (back == text.len || back == 4) return text;
    uint8_t lead = text.data[text.len - 1 - back];
    size_t wants = lead < 0x80 ? 0 : lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC0 ? 1 : 0;
    if (back < wants) text.len -= back + 1;
    return text;
}
