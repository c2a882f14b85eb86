/* print: an answer as people read it, and as JSON.
 *
 * Guarantees: no text of an answer reaches a terminal but through lz_text_clip, which can neither move the cursor nor turn
 * the direction of writing; columns stand straight under Chinese headings, and what is too wide for that comes as cards.
 * JSON has every cell that came; people see one column of each pair (kind, kind_zh) and none that is empty throughout.
 * Leaves to others: which cells there are (the verbs), and what they are called (schema/columns.def). */
#include "client.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { COLUMNS_MAX = 64, TITLE_COLUMNS = 40, BAR_COLUMNS = 20, BAR_FULL = 1000, SHRINK_LEAST = 10, GAP = 2, GLYPH_BYTES = 8 };

static const struct { const char *name, *heading; bool right; } headings[] = {
#define L false
#define R true
#define X(name, heading, align) { #name, heading, align },
#include "../../schema/columns.def"
#undef X
#undef L
#undef R
};

static bool is(struct lz_bytes text, const char *word) { return lz_bytes_equal(text, lz_bytes_str(word)); }

static int heading_of(struct lz_bytes name) {
    for (size_t i = 0; i < LZ_COUNT(headings); i++)
        if (is(name, headings[i].name)) return (int)i;
    return -1;
}

/* A form's own fields come first: they may have the name of a column that is something else. */
static const struct form_field *field_of(const struct printer *p, struct lz_bytes name) {
    if (!p->form) return NULL;
    if (name.len > 3 && memcmp(name.data + name.len - 3, "_zh", 3) == 0) name.len -= 3;
    size_t at = form_field_find(p->form, name);
    return at < p->form->n_fields ? &p->form->fields[at] : NULL;
}

static bool is_bar(struct lz_bytes name) { return is(name, "_bar") || is(name, "bar"); }
static bool is_right(struct lz_bytes name) {
    int at = heading_of(name);
    return at >= 0 && headings[at].right;
}

struct printer printer_for(FILE *out, struct arena *arena, enum lz_lang lang) {
    struct printer printer = { .out = out, .arena = arena, .lang = lang };
    if (!isatty(fileno(out))) return printer;
    const char *no_colour = getenv("NO_COLOR"), *columns = getenv("COLUMNS");
    struct winsize size;
    uint32_t width = 0;
    printer.colour = !no_colour || *no_colour == '\0';
    if (columns && lz_u32_parse(columns, &width) && width > 0) printer.width = width;
    else if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0) printer.width = size.ws_col;
    return printer;
}

/* ---- cells ---------------------------------------------------------------------------------------------------- */

struct lz_bytes row_cell(const struct row *row, const char *name) {
    for (size_t i = 0; i < row->n_cells; i++)
        if (is(row->cells[i].name, name)) return row->cells[i].text;
    return (struct lz_bytes){ 0 };
}

static struct lz_bytes row_named(const struct row *row, struct lz_bytes name) {
    for (size_t i = 0; i < row->n_cells; i++)
        if (lz_bytes_equal(row->cells[i].name, name)) return row->cells[i].text;
    return (struct lz_bytes){ 0 };
}

/* "-" is how the daemon writes "none". */
static bool is_empty(struct lz_bytes text) { return text.len == 0 || is(text, "-"); }

/* The text on one line and harmless. What is replaced gets shorter, so the room of the text is enough. */
static char *on_one_line(struct arena *arena, struct lz_bytes text) {
    uint8_t *flat = client_alloc(arena, text.len + 1);
    char *out = client_alloc(arena, text.len + 1);
    for (size_t i = 0; i < text.len; i++) flat[i] = text.data[i] == '\n' || text.data[i] == '\t' ? ' ' : text.data[i];
    (void)lz_text_clip(lz_bytes_of(flat, text.len), SIZE_MAX, out, text.len + 1);
    return out;
}

static size_t width_of(const char *text) { return lz_text_width(lz_bytes_str(text)); }

/* Cuts a harmless text to width columns, with an ellipsis where something is missing. */
static const char *cut(struct arena *arena, const char *text, size_t width) {
    static const char ellipsis[] = "…";
    size_t len = strlen(text);
    if (width_of(text) <= width || width == 0) return text;
    char *out = client_alloc(arena, len + sizeof ellipsis);
    (void)lz_text_clip(lz_bytes_of(text, len), width - 1, out, len + 1);
    memcpy(out + strlen(out), ellipsis, sizeof ellipsis);
    return out;
}

static const char *bar(struct arena *arena, struct lz_bytes share) {
    char digits[8] = "";
    uint32_t value = 0;
    if (share.len == 0 || share.len >= sizeof digits) return "";
    memcpy(digits, share.data, share.len);
    if (!lz_u32_parse(digits, &value)) return "";
    if (value > BAR_FULL) value = BAR_FULL;
    uint32_t full = (value * BAR_COLUMNS + BAR_FULL / 2) / BAR_FULL;
    char *out = client_alloc(arena, BAR_COLUMNS * 3 + 1);
    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): the memory came zeroed, and its last byte ends it */
    for (size_t i = 0; i < BAR_COLUMNS; i++) memcpy(out + i * 3, i < full ? "█" : "░", 3);
    return out;
}

static const char *shown(struct arena *arena, struct lz_bytes name, struct lz_bytes text) {
    return is_bar(name) ? bar(arena, text) : on_one_line(arena, text);
}

static void pad(FILE *out, size_t columns) {
    for (size_t i = 0; i < columns; i++) putc(' ', out);
}

/* ---- colours ---------------------------------------------------------------------------------------------------- */

static const char *ansi_of(struct lz_bytes colour) {
    return is(colour, "red") ? "\033[31m" : is(colour, "yellow") ? "\033[33m" : is(colour, "blue") ? "\033[34m"
        : is(colour, "green") ? "\033[32m" : NULL;
}

/* The lamp takes its row's colour; a count of red ones is red unless there are none. */
static const char *ansi_for(const struct printer *p, const struct row *row, struct lz_bytes name, struct lz_bytes text) {
    if (!p->colour) return NULL;
    if (is(name, "colour_zh")) return ansi_of(row_cell(row, "colour"));
    return is_empty(text) || is(text, "0") ? NULL : ansi_of(name);
}

static void put(const struct printer *p, const char *text, const char *ansi) {
    if (ansi) fputs(ansi, p->out);
    fputs(text, p->out);
    if (ansi) fputs("\033[0m", p->out);
}

/* ---- tables ------------------------------------------------------------------------------------------------------- */

struct column {
    struct lz_bytes name;
    const char *heading;
    bool right, filled, whole;       /* whole: never cut, for it is there to be copied */
    size_t width;
};
struct sheet {
    struct column columns[COLUMNS_MAX];
    size_t n_columns;
    const struct row **rows;
    size_t n_rows;
};

static struct column *sheet_column(struct sheet *sheet, struct lz_bytes name) {
    for (size_t i = 0; i < sheet->n_columns; i++)
        if (lz_bytes_equal(sheet->columns[i].name, name)) return &sheet->columns[i];
    if (sheet->n_columns == COLUMNS_MAX) return NULL;
    struct column *column = &sheet->columns[sheet->n_columns++];
    *column = (struct column){ .name = name };
    return column;
}

static bool has_twin(const struct sheet *sheet, struct lz_bytes name) {
    for (size_t i = 0; i < sheet->n_columns; i++) {
        struct lz_bytes other = sheet->columns[i].name;
        if (other.len == name.len + 3 && memcmp(other.data + name.len, "_zh", 3) == 0
            && memcmp(other.data, name.data, name.len) == 0)
            return true;
    }
    return false;
}

static bool is_shown(const struct sheet *sheet, const struct column *column) {
    if (!column->filled || column->name.len == 0) return false;
    if (column->name.data[0] == '_') return is_bar(column->name);
    return !has_twin(sheet, column->name);
}

/* 2022-04-24 09:05:00: half a time is worse than none. */
static bool is_time(struct lz_bytes text) {
    return text.len == 19 && text.data[4] == '-' && text.data[7] == '-' && text.data[10] == ' ' && text.data[13] == ':' && text.data[16] == ':';
}

static void sheet_measure(const struct printer *p, struct sheet *sheet) {
    for (size_t r = 0; r < sheet->n_rows; r++)
        for (size_t i = 0; i < sheet->rows[r]->n_cells; i++) {
            const struct cell *cell = &sheet->rows[r]->cells[i];
            struct column *column = sheet_column(sheet, cell->name);
            if (!column || is_empty(cell->text)) continue;
            size_t mark = arena_used(p->arena), width = width_of(shown(p->arena, cell->name, cell->text));
            arena_rewind(p->arena, mark);
            column->filled = true;
            column->whole = column->whole || is_time(cell->text);
            if (width > column->width) column->width = width;
        }
}

/* Leaves only the columns that people see, with their headings. */
/* 面积（公顷） */
static const char *in_words(const struct printer *p, const char *heading, const char *measure) {
    const char *text = arena_printf(p->arena, lz_text(p->lang, "%s（%s）"), heading, measure);
    return text ? text : heading;
}

static void sheet_choose(const struct printer *p, struct sheet *sheet) {
    struct sheet chosen = { .n_columns = 0 };
    for (size_t i = 0; i < sheet->n_columns; i++) {
        struct column column = sheet->columns[i];
        if (!is_shown(sheet, &column)) continue;
        int at = heading_of(column.name);
        const struct form_field *field = field_of(p, column.name);
        const char *heading = field ? lz_heading(p->lang, field->zh) : at >= 0 ? lz_column(p->lang, headings[at].name, headings[at].heading) : NULL;
        const char *measure = field ? form_measure(field, p->lang) : NULL;
        if (measure) heading = in_words(p, heading, measure);
        column.heading = is_bar(column.name) ? "" : heading ? heading : on_one_line(p->arena, column.name);
        column.right = field ? field->type >= FIELD_NUMBER && field->type <= FIELD_DEGREES : at >= 0 && headings[at].right;
        column.whole = column.whole || column.right || is_bar(column.name) || is(column.name, "id") || is(column.name, "key") || is(column.name, "hash");
        size_t width = width_of(column.heading);
        if (width > column.width) column.width = width;
        chosen.columns[chosen.n_columns++] = column;
    }
    memcpy(sheet->columns, chosen.columns, sizeof chosen.columns);
    sheet->n_columns = chosen.n_columns;
}

static struct column *widest(struct sheet *sheet) {
    struct column *found = NULL;
    for (size_t i = 0; i < sheet->n_columns; i++) {
        struct column *column = &sheet->columns[i];
        if (!column->whole && column->width > SHRINK_LEAST && (!found || column->width > found->width)) found = column;
    }
    return found;
}

/* Takes from the widest text column, one by one, until a line fits. False: nothing is left to take. */
static bool sheet_fit(struct sheet *sheet, size_t limit) {
    size_t total = 0;
    for (size_t i = 0; i < sheet->n_columns; i++) total += sheet->columns[i].width + (i ? GAP : 0);
    for (; limit > 0 && total > limit; total--) {
        struct column *column = widest(sheet);
        if (!column) return false;
        column->width--;
    }
    return true;
}

/* On a screen a long title would push all else aside; whole it stands in JSON, in a file and in show. */
static void sheet_clip_titles(struct sheet *sheet, struct lz_bytes section) {
    if (!is(section, "list") && !is(section, "board")) return;
    for (size_t i = 0; i < sheet->n_columns; i++)
        if (is(sheet->columns[i].name, "title") && sheet->columns[i].width > TITLE_COLUMNS) sheet->columns[i].width = TITLE_COLUMNS;
}

/* Spaces are put off until a text follows, so that no line ends in them. */
static void put_cell(const struct printer *p, const struct column *column, const char *text, const char *ansi, size_t *pending) {
    text = cut(p->arena, text, column->width);
    size_t used = width_of(text), space = column->width > used ? column->width - used : 0;
    if (column->right) *pending += space;
    if (used > 0) {
        pad(p->out, *pending);
        put(p, text, ansi);
        *pending = 0;
    }
    *pending += GAP + (column->right ? 0 : space);
}

static void put_row(const struct printer *p, const struct sheet *sheet, const struct row *row) {
    size_t mark = arena_used(p->arena), pending = 0;
    for (size_t i = 0; i < sheet->n_columns; i++) {
        const struct column *column = &sheet->columns[i];
        struct lz_bytes text = row_named(row, column->name);
        put_cell(p, column, shown(p->arena, column->name, text), ansi_for(p, row, column->name, text), &pending);
    }
    putc('\n', p->out);
    arena_rewind(p->arena, mark);
}

static void print_sheet(const struct printer *p, const struct sheet *sheet) {
    size_t pending = 0;
    for (size_t i = 0; i < sheet->n_columns; i++) put_cell(p, &sheet->columns[i], sheet->columns[i].heading, NULL, &pending);
    putc('\n', p->out);
    for (size_t r = 0; r < sheet->n_rows; r++) put_row(p, sheet, sheet->rows[r]);
}

/* ---- cards ---------------------------------------------------------------------------------------------------------- */

/* A value with its lines below one another behind the name, broken where the terminal ends. */
static void put_value(const struct printer *p, const char *text, size_t indent, const char *ansi) {
    size_t room = p->width > indent + SHRINK_LEAST ? p->width - indent : SIZE_MAX, len = strlen(text);
    char *piece = client_alloc(p->arena, len + 1);
    do {
        (void)lz_text_clip(lz_bytes_of(text, len), room, piece, len + 1);
        size_t taken = strlen(piece);
        if (taken == 0) break;
        put(p, piece, ansi);
        text += taken;
        len -= taken;
        if (len > 0) putc('\n', p->out), pad(p->out, indent);
    } while (len > 0);
}

static void put_field(const struct printer *p, const char *label, size_t label_width, struct lz_bytes text, const char *ansi) {
    size_t indent = label_width + 2;
    pad(p->out, label_width - width_of(label));
    fprintf(p->out, lz_text(p->lang, "%s："), label);
    for (size_t at = 0; at <= text.len;) {
        const uint8_t *end = at < text.len ? memchr(text.data + at, '\n', text.len - at) : NULL;
        size_t len = end ? (size_t)(end - text.data) - at : text.len - at;
        if (at > 0) pad(p->out, indent);
        put_value(p, on_one_line(p->arena, len ? lz_bytes_of(text.data + at, len) : (struct lz_bytes){ 0 }), indent, ansi);
        putc('\n', p->out);
        at += len + 1;
        if (at == text.len) break;       /* a last newline ends the text, it does not begin a line */
    }
}

static void print_card_row(const struct printer *p, const struct sheet *sheet, const struct row *row, size_t label_width) {
    for (size_t i = 0; i < sheet->n_columns; i++) {
        const struct column *column = &sheet->columns[i];
        struct lz_bytes text = row_named(row, column->name);
        if (is_empty(text)) continue;
        const char *label = is_bar(column->name) ? lz_heading(p->lang, "进度") : column->heading;
        struct lz_bytes value = is_bar(column->name) ? lz_bytes_str(bar(p->arena, text)) : text;
        put_field(p, label, label_width, value, ansi_for(p, row, column->name, text));
    }
}

static void print_card(const struct printer *p, const struct sheet *sheet) {
    size_t label_width = width_of(lz_heading(p->lang, "进度"));
    for (size_t i = 0; i < sheet->n_columns; i++) {
        size_t width = width_of(sheet->columns[i].heading);
        if (width > label_width) label_width = width;
    }
    for (size_t r = 0; r < sheet->n_rows; r++) {
        size_t mark = arena_used(p->arena);
        if (r > 0) putc('\n', p->out);
        print_card_row(p, sheet, sheet->rows[r], label_width);
        arena_rewind(p->arena, mark);
    }
}

/* Rows of item_name and value are a card that was turned on its side. */
static bool is_pairs(const struct sheet *sheet) {
    for (size_t i = 0; i < sheet->n_columns; i++) {
        struct lz_bytes name = sheet->columns[i].name;
        if (!is(name, "item_name") && !is(name, "value") && !is(name, "_section") && !is(name, "_field")) return false;
    }
    return sheet->n_columns > 1;
}

static void print_pairs(const struct printer *p, const struct sheet *sheet) {
    size_t label_width = 0;
    for (size_t r = 0; r < sheet->n_rows; r++) {
        size_t width = width_of(on_one_line(p->arena, row_cell(sheet->rows[r], "item_name")));
        if (width > label_width) label_width = width;
    }
    for (size_t r = 0; r < sheet->n_rows; r++)
        put_field(p, on_one_line(p->arena, row_cell(sheet->rows[r], "item_name")), label_width, row_cell(sheet->rows[r], "value"), NULL);
}

/* ---- sections -------------------------------------------------------------------------------------------------------- */

static struct lz_bytes section_of(const struct row *row) {
    struct lz_bytes name = row_cell(row, "_section");
    return name.len ? name : lz_bytes_str("list");
}

/* The rows of the first row's section; rows of others that come later are theirs. */
static void section_take(struct sheet *sheet, const struct row *rows, size_t n_rows, size_t first) {
    struct lz_bytes section = section_of(&rows[first]);
    for (size_t i = first; i < n_rows; i++)
        if (lz_bytes_equal(section_of(&rows[i]), section)) sheet->rows[sheet->n_rows++] = &rows[i];
}

static bool section_begins(const struct row *rows, size_t at) {
    struct lz_bytes section = section_of(&rows[at]);
    /* Sections come one after another but for a page's edge: looking back finds the section at once, or never. */
    for (size_t i = at; i-- > 0;)
        if (lz_bytes_equal(section_of(&rows[i]), section)) return false;
    return true;
}

static void print_section(const struct printer *p, const struct row *rows, size_t n_rows, size_t first) {
    struct sheet *sheet = client_alloc(p->arena, sizeof *sheet);
    sheet->rows = client_alloc(p->arena, (n_rows - first) * sizeof *sheet->rows);
    section_take(sheet, rows, n_rows, first);
    sheet_measure(p, sheet);
    struct lz_bytes section = section_of(&rows[first]);
    bool card = section.len >= 4 && memcmp(section.data, "card", 4) == 0;
    if (is_pairs(sheet)) {
        print_pairs(p, sheet);
        return;
    }
    sheet_choose(p, sheet);
    if (sheet->n_columns == 0) return;
    if (p->width > 0) sheet_clip_titles(sheet, section);
    /* A table that is too wide even when clipped would be broken by the terminal: as cards it can be read. */
    bool one = is(section_of(sheet->rows[0]), "entry");      /* all that is known of one thing reads better downward */
    if (card || one || !sheet_fit(sheet, p->width)) print_card(p, sheet);
    else print_sheet(p, sheet);
}

void print_rows(const struct printer *p, const struct row *rows, size_t n_rows) {
    size_t mark = arena_used(p->arena);
    for (size_t i = 0; i < n_rows; i++) {
        if (!section_begins(rows, i)) continue;
        if (i > 0) putc('\n', p->out);
        print_section(p, rows, n_rows, i);
        arena_rewind(p->arena, mark);
    }
}

/* Dates, times and codes are what they look like; what people wrote is kept from looking like them. */
static bool is_made(const struct column *column, struct lz_bytes text) {
    bool date = text.len == 10 && text.data[4] == '-' && text.data[7] == '-', code = text.len == 6;
    for (size_t i = 0; i < text.len && code; i++) code = text.data[i] >= '0' && text.data[i] <= '9';
    return column->right || is_time(text) || date || code;
}

static void csv_section(const struct printer *p, const struct row *rows, size_t n_rows, size_t first) {
    struct sheet *sheet = client_alloc(p->arena, sizeof *sheet);
    struct csv_out csv = { .out = p->out };
    sheet->rows = client_alloc(p->arena, (n_rows - first) * sizeof *sheet->rows);
    section_take(sheet, rows, n_rows, first);
    sheet_measure(p, sheet);
    for (size_t i = 0; i < sheet->n_columns; i++) sheet->columns[i].filled = !is_bar(sheet->columns[i].name);     /* an empty column stays in its place */
    sheet_choose(p, sheet);
    for (size_t i = 0; i < sheet->n_columns; i++) csv_value(&csv, lz_bytes_str(sheet->columns[i].heading));
    csv_end_row(&csv);
    for (size_t r = 0; r < sheet->n_rows; r++) {
        for (size_t i = 0; i < sheet->n_columns; i++) {
            struct lz_bytes text = row_named(sheet->rows[r], sheet->columns[i].name);
            if (is_made(&sheet->columns[i], text)) csv_value(&csv, text);
            else csv_text(&csv, text);
        }
        csv_end_row(&csv);
    }
}

void print_csv(const struct printer *p, const struct answer *answer) {
    size_t mark = arena_used(p->arena);
    struct csv_out csv;
    csv_begin(&csv, p->out);
    for (size_t i = 0; i < answer->n_rows; i++) {
        if (!section_begins(answer->rows, i)) continue;
        if (i > 0) csv_end_row(&csv);
        csv_section(p, answer->rows, answer->n_rows, i);
        arena_rewind(p->arena, mark);
    }
}

void print_row_line(const struct printer *p, const struct row *row) {
    size_t mark = arena_used(p->arena);
    struct sheet *sheet = client_alloc(p->arena, sizeof *sheet);
    sheet->rows = client_alloc(p->arena, sizeof *sheet->rows);
    sheet->rows[sheet->n_rows++] = row;
    sheet_measure(p, sheet);
    sheet_choose(p, sheet);
    if (sheet->n_columns > 0) put_row(p, sheet, row);
    arena_rewind(p->arena, mark);
}

/* ---- sentences -------------------------------------------------------------------------------------------------------- */

void print_text(const struct printer *p, struct lz_bytes text) {
    size_t mark = arena_used(p->arena);
    for (size_t at = 0; at < text.len;) {
        const uint8_t *end = memchr(text.data + at, '\n', text.len - at);
        size_t len = end ? (size_t)(end - text.data) - at : text.len - at;
        fprintf(p->out, "%s\n", on_one_line(p->arena, lz_bytes_of(text.data + at, len)));
        at += len + 1;
    }
    arena_rewind(p->arena, mark);
}

void print_refusal(const struct printer *p, enum lz_err code, struct lz_bytes text) {
    size_t mark = arena_used(p->arena);
    if (text.len == 0) text = lz_bytes_str(lz_text(p->lang, lz_err_zh(code)));
    if (code == LZ_usage) fprintf(p->out, "%s", lz_text(p->lang, "用法不对："));
    else if (code == LZ_unreachable) fprintf(p->out, lz_text(p->lang, "未完成（%s）："), lz_err_name(code));
    else fprintf(p->out, lz_text(p->lang, "拒绝（%s）："), lz_err_name(code));
    print_text(p, text);
    arena_rewind(p->arena, mark);
}

/* The daemon gives ids as 18 bytes or already as text; a text is always longer. */
static struct lz_bytes id_text(struct lz_bytes id, char out[REC_ID_TEXT]) {
    if (id.len != REC_ID_BYTES) return id;
    rec_id_print(rec_id_get(id.data), out);
    return lz_bytes_str(out);
}

static bool mentions(const struct answer *answer, struct lz_bytes id) {
    if (answer->text.len >= id.len && id.len && memmem(answer->text.data, answer->text.len, id.data, id.len)) return true;
    for (size_t i = 0; i < answer->n_rows; i++)
        if (lz_bytes_equal(row_cell(&answer->rows[i], "id"), id)) return true;
    return false;
}

static void print_ids(const struct printer *p, const struct answer *answer) {
    for (size_t i = 0; i < answer->n_ids; i++) {
        char room[REC_ID_TEXT];
        struct lz_bytes id = id_text(answer->ids[i], room);
        if (id.len == 0 || mentions(answer, id)) continue;
        fputs(lz_text(p->lang, "编号："), p->out);
        print_text(p, id);
    }
}

/* What was refused is said by print_refusal, on another stream. */
void print_answer(const struct printer *p, const struct answer *answer) {
    print_rows(p, answer->rows, answer->n_rows);
    if (answer->code != LZ_ok) return;
    if (answer->n_rows > 0 && answer->text.len > 0) putc('\n', p->out);
    print_text(p, answer->text);
    print_ids(p, answer);
}

/* ---- JSON --------------------------------------------------------------------------------------------------------------- */

/* Text that is not UTF-8 must not lose the whole answer. */
static json_t *json_text(struct lz_bytes text) {
    json_t *value = json_stringn(text.len ? (const char *)text.data : "", text.len);
    if (value) return value;
    char *room = calloc(1, text.len + 1);
    LZ_ASSERT(room);
    (void)lz_text_clip(text, SIZE_MAX, room, text.len + 1);
    value = json_string(room);
    free(room);
    LZ_ASSERT(value);
    return value;
}

static bool integer(struct lz_bytes text, int64_t *value) {
    char digits[24] = "";
    if (text.len == 0 || text.len >= sizeof digits) return false;
    memcpy(digits, text.data, text.len);
    return strlen(digits) == text.len && lz_i64_parse(digits, value);
}

static json_t *json_cell(const struct cell *cell) {
    int64_t value;
    bool number = (is_right(cell->name) || is_bar(cell->name)) && integer(cell->text, &value);
    return number ? json_integer(value) : json_text(cell->text);
}

static json_t *json_row(const struct row *row) {
    json_t *object = json_object();
    for (size_t i = 0; i < row->n_cells; i++) {
        char name[65] = "";
        struct lz_bytes given = row->cells[i].name;
        if (is(given, "_section") || given.len == 0 || given.len >= sizeof name) continue;
        memcpy(name, given.data, given.len);
        (void)json_object_set_new(object, name, json_cell(&row->cells[i]));
    }
    return object;
}

static json_t *json_sections(const struct answer *answer) {
    json_t *sections = json_object();
    for (size_t i = 0; i < answer->n_rows; i++) {
        char name[65] = "list";
        struct lz_bytes given = section_of(&answer->rows[i]);
        if (given.len < sizeof name) (void)lz_text_clip(given, SIZE_MAX, name, sizeof name);
        if (!json_object_get(sections, name)) (void)json_object_set_new(sections, name, json_array());
        (void)json_array_append_new(json_object_get(sections, name), json_row(&answer->rows[i]));
    }
    return sections;
}

/* JSON escapes ASCII control characters; what else could harm a terminal is escaped here, which changes no value. */
static void json_put(FILE *out, const char *text) {
    for (size_t i = 0; text[i];) {
        unsigned char lead = (unsigned char)text[i];
        size_t len = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
        char glyph[GLYPH_BYTES];
        (void)lz_text_clip(lz_bytes_of(text + i, len), SIZE_MAX, glyph, sizeof glyph);
        const unsigned char *b = (const unsigned char *)text + i;
        if (len == 1 && lead != 0x7F) putc(lead, out);
        else if (glyph[0] != '?') (void)fwrite(text + i, 1, len, out);
        else fprintf(out, "\\u%04x", len == 1 ? lead : len == 2 ? (b[0] & 0x1FU) << 6 | (b[1] & 0x3FU)
                                                                : (b[0] & 0x0FU) << 12 | (b[1] & 0x3FU) << 6 | (b[2] & 0x3FU));
        i += len;
    }
}

static void json_out(FILE *out, json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT);
    LZ_ASSERT(text);
    json_put(out, text);
    putc('\n', out);
    fflush(out);
    free(text);
    json_decref(value);
}

static void json_refused(json_t *list, const char *key, uint32_t at, enum lz_err code, struct lz_bytes text) {
    json_t *item = json_object();
    (void)json_object_set_new(item, key, json_integer(at));
    (void)json_object_set_new(item, "code", json_string(lz_err_name(code)));
    (void)json_object_set_new(item, "text", json_text(text));
    (void)json_array_append_new(list, item);
}

static json_t *json_head(enum lz_err code, struct lz_bytes text) {
    json_t *object = json_object();
    (void)json_object_set_new(object, "code", json_string(lz_err_name(code)));
    (void)json_object_set_new(object, "text", json_text(text));
    return object;
}

void print_json_answer(FILE *out, const struct answer *answer) {
    json_t *object = json_head(answer->code, answer->text), *ids = json_array(), *refused = json_array();
    for (size_t i = 0; i < answer->n_ids; i++) {
        char room[REC_ID_TEXT];
        (void)json_array_append_new(ids, json_text(id_text(answer->ids[i], room)));
    }
    for (size_t i = 0; i < answer->n_refused; i++)
        json_refused(refused, "index", answer->refused[i].index, answer->refused[i].code, answer->refused[i].text);
    (void)json_object_set_new(object, "sections", json_sections(answer));
    if (answer->n_ids > 0) (void)json_object_set(object, "ids", ids);
    if (answer->n_refused > 0) (void)json_object_set(object, "refused", refused);
    json_decref(ids);
    json_decref(refused);
    json_out(out, object);
}

void print_json_row(FILE *out, const struct row *row) { json_out(out, json_row(row)); }

void print_json_import(FILE *out, enum lz_err code, struct lz_bytes text, const struct import_result *result) {
    json_t *object = json_head(code, text), *refused = json_array();
    for (size_t i = 0; i < result->n_rejects; i++)
        json_refused(refused, "line", result->rejects[i].line, result->rejects[i].code, result->rejects[i].text);
    (void)json_object_set_new(object, "imported", json_integer(result->imported));
    if (result->unchanged) (void)json_object_set_new(object, "unchanged", json_integer(result->unchanged));
    if (result->unknown) (void)json_object_set_new(object, "unknown", json_integer(result->unknown));
    (void)json_object_set_new(object, "refused", refused);
    json_out(out, object);
}

/* ---- the reject list -------------------------------------------------------------------------------------------------------- */

/* On a terminal the original line is made harmless; in a file it stays as it was, so that it can be corrected. */
void print_rejects(FILE *out, enum lz_lang lang, const struct import_result *result, bool with_head) {
    bool harmless = isatty(fileno(out)) == 1;
    struct arena *arena = arena_create(64U << 20);
    if (with_head) fputs(lz_text(lang, "# 行\t代码\t原因\t原文\n"), out);
    for (size_t i = 0; i < result->n_rejects; i++) {
        const struct reject *reject = &result->rejects[i];
        size_t mark = arena_used(arena);
        fprintf(out, "%u\t%s\t%s\t", reject->line, lz_err_name(reject->code), on_one_line(arena, reject->text));
        if (harmless) fputs(on_one_line(arena, reject->original), out);
        else (void)fwrite(reject->original.data, 1, reject->original.len, out);
        putc('\n', out);
        arena_rewind(arena, mark);
    }
    arena_destroy(&arena);
}
