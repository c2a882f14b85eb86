/* table: FEEDS a table that another system brings: the first byte says of which kind, the second whether its head is a good one of ours,
 * the rest is the file, in whatever encoding. ORACLE: it comes to an end, lines in order; a field that is text, written again for a
 * spreadsheet, is read as it was, and no spreadsheet takes it for a formula; a row becomes a draft that the daemon's gate reads, or is refused
 * in words; read a second time, the same rows are the same drafts. */
#include <stdlib.h>
#include "../../daemon/ctl/client.h"
#include "fuzz.h"

static const char *const kinds[] = { "grid", "resource_list", "patrol", "problem", "progress", "task", "chief", "import_batch" };
static const char *const heads[] = {
    "编号,名称,行政区划,网格面积（亩）,林地,护林员,状态,生效日期", "编号,年度,单位,森林面积（万亩）,森林蓄积（万m³）,森林覆盖率,火险等级", "no,chief,tier,day,begin,end,里程（米）,offline",
    "编号,标题,类别,发现日期,经度（度）,程度", "task,as_of,num,den,text", "number,title,body,due,item,answer", "编号,姓名,rank,tier,kind,任期起", "编号,source,kind,rows,newest",
};
static_assert(LZ_COUNT(kinds) == LZ_COUNT(heads), "a head for each");

/* Written as a field between two others, and read again. */
static void comes_back(struct lz_bytes text) {
    char *file = NULL;
    size_t size = 0;
    struct csv_out out = { .out = open_memstream(&file, &size) };
    struct csv_row row;
    LZ_ASSERT(out.out);
    csv_text(&out, lz_bytes_str("x"));
    csv_text(&out, text);
    csv_text(&out, lz_bytes_str("y"));
    csv_end_row(&out);
    (void)fclose(out.out);
    must(size < 4 || !strchr("=+@", file[2]), "a formula: %s", file);
    struct csv_in in = { .text = lz_bytes_of(file, size), .separator = ',' };
    must(csv_next(&in, fuzz_arena(), &row) && row.whole && row.n == 3, "%zu fields from %s", row.n, file);
    must(lz_bytes_equal(csv_plain(row.fields[1]), text), "came back as another: %s", file);
    must(!csv_next(&in, fuzz_arena(), &row), "a second row from one: %s", file);
    free(file);
}

static void rows_of(struct lz_bytes text) {
    struct csv_in in;
    struct csv_row row;
    uint32_t last = 0;
    for (csv_open(&in, text); csv_next(&in, fuzz_arena(), &row); last = row.line) {
        must(row.line > last, "line %u behind %u", row.line, last);
        must(!row.whole || row.n > 0, "a row of nothing");
        for (size_t i = 0; i < row.n && i < CSV_FIELDS_MAX && i < 6; i++) {
            struct lz_bytes plain = csv_plain(row.fields[i]);
            if (lz_text_valid(plain) && (plain.len == 0 || !memchr(plain.data, '\r', plain.len))) comes_back(plain);
        }
    }
}

/* The drafts of a table as one hash; what the gate says of each. */
static uint64_t drafts_of(const char *kind, struct lz_bytes text) {
    struct csv_table *table = client_alloc(fuzz_arena(), sizeof *table);
    struct csv_row row;
    struct lz_fail fail = { 0 };
    uint64_t hash = 1;
    if (table_open(table, fuzz_arena(), kind, NULL, "来源", text, &fail) != LZ_ok) {
        must(fail.text[0], "refused without a word");
        return 0;
    }
    while (csv_next(&table->csv, fuzz_arena(), &row)) {
        struct record draft, read;
        struct lz_bytes task, bytes = { 0 };
        fail = (struct lz_fail){ 0 };
        enum lz_err err = table_draft(table, fuzz_arena(), &row, &draft, &task, &fail);
        if (err == LZ_ok) err = draft_encode(fuzz_arena(), &draft, &bytes, &fail);
        if (err == LZ_ok) err = draft_decode(fuzz_arena(), bytes, &read, &fail);
        must(err == LZ_ok || (fail.code == err && fail.text[0]), "refused without a word");
        must(err != LZ_bad_packet && err != LZ_unknown_kind, "the gate cannot read it: %s", fail.text);
        if (err == LZ_ok) hash = lz_hash64(hash, bytes.data, bytes.len);
    }
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_begin();
    if (size < 2) return 0;
    size_t which = data[0] % LZ_COUNT(kinds);
    uint8_t *copy = exact(lz_bytes_of(data + 2, size - 2));
    struct lz_bytes text;
    struct lz_fail fail = { 0 };
    enum lz_err err = csv_decode(fuzz_arena(), lz_bytes_of(copy, size - 2), &text, &fail);
    must(err == LZ_ok, "not decoded: %s", fail.text);
    if (data[1] & 1) {
        const char *whole = arena_printf(fuzz_arena(), "%s\n%.*s", heads[which], (int)text.len, text.len ? (const char *)text.data : "");
        LZ_ASSERT(whole);
        text = lz_bytes_str(whole);
    }
    rows_of(text);
    must(drafts_of(kinds[which], text) == drafts_of(kinds[which], text), "the same file, other drafts");
    free(copy);
    return 0;
}
