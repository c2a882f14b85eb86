/* print: FEEDS hostile text to everything that linzhangctl prints: as the bytes of an answer, and as an answer made of cells that the
 * input fills without any gate. ORACLE: what is written is UTF-8 without control characters (but newlines, and our own colours on a
 * terminal) and without anything that turns the direction of writing; JSON parses; a log line stays one line; widths agree. */
#include "../../daemon/ctl/client.h"
#include "fuzz.h"

enum { ROWS = 6, CELLS = 8 };

static struct answer made(struct input *in, struct arena *arena) {
    static const char *const names[] = { "title", "id", "state", "state_zh", "colour", "colour_zh", "_bar", "bar", "item_name", "value", "_section", "due",
        "number",
                                         "red", "n_signed", "key" };
    struct answer a = { .code = (enum lz_err)pick(in, LZ_ERR_COUNT), .text = take_text(in) };
    a.rows = arena_alloc(arena, ROWS * sizeof *a.rows);
    LZ_ASSERT(a.rows);
    for (a.n_rows = 0; a.n_rows < ROWS && input_left(in); a.n_rows++) {
        struct row *row = &a.rows[a.n_rows];
        row->cells = arena_alloc(arena, CELLS * sizeof *row->cells);
        LZ_ASSERT(row->cells);
        for (size_t n = 1 + pick(in, CELLS - 1); row->n_cells < n; row->n_cells++) {
            size_t which = pick(in, 2 * LZ_COUNT(names));
            row->cells[row->n_cells] = (struct cell){ which < LZ_COUNT(names) ? lz_bytes_str(names[which]) : take_text(in), take_text(in) };
        }
    }
    a.ids = arena_alloc(arena, 2 * sizeof *a.ids);
    LZ_ASSERT(a.ids);
    for (a.n_ids = pick(in, 3); input_left(in) && a.n_ids > 2; a.n_ids--) { }
    for (size_t i = 0; i < a.n_ids; i++) a.ids[i] = take_bytes(in, 64);
    return a;
}

static void rejects(struct input *in) {
    struct reject list[3];
    char *text = NULL;
    size_t len = 0;
    for (size_t i = 0; i < LZ_COUNT(list); i++) list[i] = (struct reject){ (uint32_t)i, LZ_bad_utf8, take_text(in), lz_bytes_str("x") };
    struct import_result result = { .rejects = list, .n_rejects = LZ_COUNT(list) };
    FILE *out = open_memstream(&text, &len);
    LZ_ASSERT(out);
    print_rejects(out, LZ_ZH, &result, false);
    fclose(out);
    for (size_t i = 0; i < len; i++)
        if (text[i] == '\t') text[i] = ' ';                       /* between the columns */
    must_be_harmless(lz_bytes_of(text, len), false, "rejects");
    free(text);
    out = open_memstream(&text, &len);
    LZ_ASSERT(out);
    print_json_import(out, LZ_ok, take_text(in), &result);
    fclose(out);
    must_be_harmless(lz_bytes_of(text, len), false, "JSON of an import");
    free(text);
}

static void texts(struct lz_bytes text) {
    char out[600];
    size_t width = lz_text_width(text), clipped = lz_text_clip(text, 40, out, sizeof out);
    must(clipped <= 40 && clipped <= width, "%zu columns of %zu", clipped, width);
    must_be_harmless(lz_bytes_str(out), false, "clipped");
    must_be_harmless(lz_bytes_str(lz_log_value(text, out, sizeof out)), false, "logged");
    must(!strchr(out, '\n'), "a log value of two lines");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_begin();
    struct input in = input_of(data, size);
    struct answer answer;
    uint8_t way = (uint8_t)take(&in, 1);
    struct lz_bytes rest = lz_bytes_of(data + in.at, size - in.at);
    uint8_t *copy = exact(rest);
    texts(lz_bytes_of(copy, rest.len));
    if (way % 4 == 3) {
        if (answer_decode(fuzz_arena(), lz_bytes_of(copy, rest.len), &answer) == LZ_ok) must_print_harmless(&answer);
    } else {
        answer = made(&in, fuzz_arena());
        must_print_harmless(&answer);
        rejects(&in);
    }
    free(copy);
    return 0;
}
