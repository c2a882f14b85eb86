/* test_csv: tables of spreadsheets: every encoding and separator, quotes, the apostrophe, what columns mean, mapping files, keys. */
#include "../../daemon/ctl/client_csv.c"
#include "../../daemon/ctl/client_map.c"
#include "../../daemon/ctl/client_args.c"
#include "../../daemon/ctl/client_table.c"
#include <criterion/criterion.h>

static struct arena *arena;
static struct lz_fail why;
static void begin(void) { arena = arena_create((size_t)1 << 30); why = (struct lz_fail){ 0 }; }

static struct lz_bytes bytes(const char *text) { return lz_bytes_str(text); }
static bool same(struct lz_bytes a, const char *b) { return lz_bytes_equal(a, lz_bytes_str(b)); }

/* ---- the reader ---- */

static void rows_are(const char *text, size_t n, const char *const *fields) {   /* each row ends with NULL */
    struct csv_in csv;
    struct csv_row row;
    csv_open(&csv, bytes(text));
    for (size_t i = 0; i < n; i++) {
        cr_assert(csv_next(&csv, arena, &row), "row %zu is missing in %s", i, text);
        cr_assert(row.whole);
        for (size_t k = 0; k < row.n; k++, fields++)
            cr_assert(*fields && same(row.fields[k], *fields), "row %zu field %zu is %.*s in %s", i, k, (int)row.fields[k].len, row.fields[k].data, text);
        cr_assert(*fields++ == NULL, "row %zu is short", i);
    }
    cr_assert(!csv_next(&csv, arena, &row));
}
#define ROWS(text, n, ...) rows_are(text, n, (const char *const[]){ __VA_ARGS__ })

Test(csv, records_and_quotes, .init = begin) {
    ROWS("a,b\r\nc,d\r\n", 2, "a", "b", NULL, "c", "d", NULL);
    ROWS("a,b\nc,d", 2, "a", "b", NULL, "c", "d", NULL);
    ROWS("a,b\rc,d\r", 2, "a", "b", NULL, "c", "d", NULL);
    ROWS("a;b\n\"x;y\";\"\"\n", 2, "a", "b", NULL, "x;y", "", NULL);
    ROWS("a\tb,c\n1\t2,3\n", 2, "a", "b,c", NULL, "1", "2,3", NULL);
    ROWS("sep=;\na;b,c,d\n", 1, "a", "b,c,d", NULL);
    ROWS("\"a \"\"b\"\"\",\"c\r\nd\" , e \n,,\n  ,\n\n", 1, "a \"b\"", "c\nd", "e", NULL);
    ROWS("\" a\",b\"c\n", 1, " a", "b\"c", NULL);
    ROWS("", 0, NULL);
}

Test(csv, broken_quotes_end_with_their_line, .init = begin) {
    struct csv_in csv;
    struct csv_row row;
    csv_open(&csv, bytes("a,b\n\"x\"y,1\n\"never ended,2\nc,d\n\"m\nn\",3\n"));
    static const struct { uint32_t line; bool whole; } expected[] = { { 1, true }, { 2, false }, { 3, false }, { 4, true }, { 5, true } };
    for (size_t i = 0; i < LZ_COUNT(expected); i++) {
        cr_assert(csv_next(&csv, arena, &row));
        cr_assert(row.line == expected[i].line && row.whole == expected[i].whole, "row %zu: line %u", i, row.line);
    }
    cr_assert(same(row.fields[0], "m\nn") && !csv_next(&csv, arena, &row));
}

static const char *decoded(const char *text, size_t len) {
    struct lz_bytes out;
    cr_assert_eq(csv_decode(arena, lz_bytes_of(text, len), &out, &why), LZ_ok);
    return arena_printf(arena, "%.*s", (int)out.len, out.data);
}

Test(csv, every_encoding, .init = begin) {
    cr_assert_str_eq(decoded("\xEF\xBB\xBF林,a", 8), "林,a");
    cr_assert_str_eq(decoded("林,a", 5), "林,a");
    cr_assert_str_eq(decoded("\xC1\xD6,a", 4), "林,a");                              /* GBK */
    cr_assert_str_eq(decoded("\x81\x30\x81\x30\xC1\xD6", 6), "\xC2\x80林");          /* four bytes: only GB18030 has them */
    cr_assert_str_eq(decoded("\xFF\xFE\x97\x67,\0a\0", 8), "林,a");
    cr_assert_str_eq(decoded("\xFE\xFF\x67\x97\0,\0a", 8), "林,a");
    cr_assert_str_eq(decoded("abc", 3), "abc");
    /* one damaged line does not make the file another encoding, and spoils no other line */
    const char *text = decoded("林长\n好\n\xC1\xD6\n", 14);
    cr_assert(strncmp(text, "林长\n好\n", 11) == 0 && !lz_text_valid(bytes(text + 11)));
    text = decoded("\xC1\xD6\xB3\xA4\n\xC1\n\xC1\xD6\n", 10);
    cr_assert(strncmp(text, "林长\n", 7) == 0 && strstr(text, "\n林\n"));
}

Test(csv, what_is_written_is_read_as_it_was, .init = begin) {
    static const char *const texts[] = { "=1+1", "+86", "-3", "@x", "'", "''", "'=1", "''=1", "'a", "01", "'01", "10-1", "1e5", "3/4", "a,b", "a\"b",
                                        "x\ny", " a ", "",
                                         "林", "＝1", "12345678901234567890", "8:30", "\t1", "\n", "a;b", "50%", "-" };
    char *file = NULL;
    size_t size = 0;
    struct csv_out csv;
    csv_begin(&csv, open_memstream(&file, &size));
    for (size_t i = 0; i < LZ_COUNT(texts); i++) {
        csv_text(&csv, bytes("x"));
        csv_text(&csv, bytes(texts[i]));
        csv_end_row(&csv);
    }
    fclose(csv.out);
    cr_assert(strncmp(file, "\xEF\xBB\xBFx,", 5) == 0 && strstr(file, "\r\n") && !strstr(file, "\n="));
    struct lz_bytes text;
    struct csv_in in;
    struct csv_row row;
    cr_assert_eq(csv_decode(arena, lz_bytes_of(file, size), &text, &why), LZ_ok);
    csv_open(&in, text);
    for (size_t i = 0; i < LZ_COUNT(texts); i++) {
        cr_assert(csv_next(&in, arena, &row) && row.n == 2);
        cr_assert(same(csv_plain(row.fields[1]), texts[i]), "%s came back as %.*s", texts[i], (int)row.fields[1].len, row.fields[1].data);
        cr_assert(row.fields[1].len == 0 || !strchr("=+@", row.fields[1].data[0]), "%s is a formula", texts[i]);
    }
    free(file);
}

Test(csv, any_bytes_come_back, .init = begin) {
    uint64_t state = 7;
    static const char alphabet[] = "'=+-@01a,\"\n\t ;林";
    for (int round = 0; round < 20000; round++) {
        char text[8] = "";
        size_t len = 0;
        for (; len < 6; len++) {
            state = lz_hash64(state, &round, sizeof round);
            size_t at = state % 16;
            if (at == 15) break;
            text[len] = alphabet[at];
        }
        char *file = NULL;
        size_t size = 0, mark = arena_used(arena);
        struct csv_out csv = { .out = open_memstream(&file, &size) };
        csv_text(&csv, bytes("x"));
        csv_text(&csv, bytes(text));
        csv_end_row(&csv);
        fclose(csv.out);
        struct csv_in in = { .text = lz_bytes_of(file, size), .separator = ',' };
        struct csv_row row;
        cr_assert(csv_next(&in, arena, &row) && row.n == 2 && same(csv_plain(row.fields[1]), text), "%s", file);
        free(file);
        arena_rewind(arena, mark);
    }
}

/* ---- what columns mean ---- */

static struct csv_table table;
static struct csv_row row;

static enum lz_err opened(const char *kind, const struct map *map, const char *text) {
    return table_open(&table, arena, kind, map, "来源", bytes(text), &why);
}
static enum lz_err drafted(struct record *draft) {
    struct lz_bytes task;
    cr_assert(csv_next(&table.csv, arena, &row), "no row");
    return table_draft(&table, arena, &row, draft, &task, &why);
}
static struct form_value value_of(const struct record *r, const char *field) {
    size_t at = form_field_find(kind_form(r->kind), bytes(field));
    cr_assert(r->of.form.given >> at & 1, "%s is not given", field);
    return r->of.form.of[at];
}

Test(table, headings_in_any_words_and_measures, .init = begin) {
    struct record r;
    cr_assert_eq(opened("grid", NULL, "编号,name,行政区划,网格面积（亩）,林地(公顷),护林员,状态,生效日期,行号,拒收原因\n"
                                      "'01,'=x,410882100,\"1,500\",3亩,,在用,2022/3/1,7,坏\n2,a,410882100,-,0.5, ,,,,\n"), LZ_ok, "%s", why.text);
    cr_assert_eq(drafted(&r), LZ_ok, "%s", why.text);
    cr_assert(same(r.of.form.no, "01") && same(value_of(&r, "name").text, "=x") && r.of.form.valid_from == 20220301);
    cr_assert_eq(value_of(&r, "land").number, 1000000);
    cr_assert_eq(value_of(&r, "forest").number, 2000);
    cr_assert(!(r.of.form.given >> form_field_find(kind_form(r.kind), bytes("ranger")) & 1) && r.request_index == DRAFT_STATE_GIVEN);
    cr_assert_eq(table.newest, 20220301);
    cr_assert_eq(drafted(&r), LZ_ok, "%s", why.text);
    cr_assert(value_of(&r, "forest").number == 5000 && r.request_index == 0 && r.of.form.valid_from == 0);
    cr_assert(table.present == 0x4F, "%x", table.present);
}

Test(table, dates_numbers_and_flags_as_people_write_them, .init = begin) {
    struct record r;
    cr_assert_eq(opened("ranger", NULL, "编号,姓名,合同到期,是否培训,工资（元）\n1,张,2022年6月30日,TRUE,\"12,345.50\"\n2,李,2022.6.3,有,1\n3,王,2022-6-30 0:00:00,否,万\n"),
                 LZ_bad_argument);
    cr_assert_eq(opened("ranger", NULL,
                        "编号,name,contract_until,trained,wage\n1,张,2022年6月30日,TRUE,\"12,345.50\"\n2,李,2022.6.3,有,1万元\n3,王,2022-6-30 0:00:00,否,1,\n"), LZ_ok,
                            "%s", why.text);
    cr_assert_eq(drafted(&r), LZ_ok, "%s", why.text);
    cr_assert(value_of(&r, "contract_until").number == 20220630 && value_of(&r, "trained").number == 1 && value_of(&r, "wage").number == 1234550);
    cr_assert_eq(drafted(&r), LZ_ok, "%s", why.text);
    cr_assert(value_of(&r, "contract_until").number == 20220603 && value_of(&r, "wage").number == 1000000);
    cr_assert_eq(drafted(&r), LZ_bad_argument, "six columns");
}

Test(table, headings_that_mislead_are_refused, .init = begin) {
    cr_assert_eq(opened("grid", NULL, "编号,网格面积（万平米）\n"), LZ_bad_argument);
    cr_assert_eq(opened("office", NULL, "编号,编制数（百人）\n"), LZ_bad_argument);
    cr_assert_eq(opened("grid", NULL, "编号,no\n"), LZ_bad_argument);
    cr_assert_eq(opened("grid", NULL, "编号,没有\n"), LZ_bad_argument);
    cr_assert(strstr(why.text, "没有"));
    cr_assert_eq(opened("problem", NULL, "类别\n"), LZ_bad_argument);
    cr_assert_eq(opened("nothing", NULL, "a\n"), LZ_bad_argument);
    cr_assert_eq(opened("grid", NULL, ""), LZ_bad_argument);
}

static struct map *map_of(const char *text) {
    char path[] = "/tmp/test_csv.XXXXXX";
    struct map *map = NULL;
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    enum lz_err err = map_read(arena, path, &map, &why);
    unlink(path);
    return err == LZ_ok ? map : NULL;
}

Test(table, a_mapping_file_translates, .init = begin) {
    struct record r;
    const struct map *map = map_of("[source]\nname = 林业一张图\nversion = 3\n"
        "[columns]\n小班面积 = land\n备注 = -\n[values place]\n常平 = 410882100\n[constants]\nranger = R1\n[key]\nno = 小班号\n");
    cr_assert(map, "%s", why.text);
    cr_assert_str_eq(map_word(map, "name"), "林业一张图");
    cr_assert_eq(opened("grid", map, "小班号,名称,行政区划,小班面积,备注,别的\nX-1,甲,常平,15亩,x,y\n"), LZ_ok, "%s", why.text);
    cr_assert_eq(drafted(&r), LZ_ok, "%s", why.text);
    cr_assert(same(r.of.form.no, "X-1") && value_of(&r, "place").number == 410882100 && value_of(&r, "land").number == 10000);
    cr_assert(same(value_of(&r, "ranger").text, "R1") && table.ignored == 1);
    cr_assert_eq(opened("grid", map_of("[columns]\n甲 = nothing\n"), "甲\n"), LZ_bad_argument);
    cr_assert_eq(opened("grid", map_of("[constants]\nnothing = 1\n"), "名称\n"), LZ_bad_argument);
    cr_assert_null(map_of("[nonsense]\na = b\n"));
    cr_assert_null(map_of("[columns]\nwithout a sign\n"));
    cr_assert_null(map_of("[columns]\na = \xFF\n"));
}

/* ---- by what a row is known again ---- */

static struct lz_bytes number_at(const char *text, size_t index) {
    struct record r;
    cr_assert_eq(opened("grid", NULL, text), LZ_ok, "%s", why.text);
    for (size_t i = 0; i <= index; i++) cr_assert_eq(drafted(&r), LZ_ok, "%s", why.text);
    return r.of.form.no;
}
static struct lz_bytes request_at(const char *text, size_t index) {
    struct record r;
    cr_assert_eq(opened("problem", NULL, text), LZ_ok, "%s", why.text);
    for (size_t i = 0; i <= index; i++) cr_assert_eq(drafted(&r), LZ_ok, "%s", why.text);
    return r.request;
}

Test(table, a_row_without_a_number_is_known_by_what_it_says, .init = begin) {
    static const char one[] = "名称,行政区划\n甲,410882100\n乙,410882100\n甲,410882100\n", other[] = "行政区划,名称\n410882100,甲\n";
    cr_assert(lz_bytes_equal(number_at(one, 0), number_at(one, 0)) && lz_bytes_equal(number_at(one, 0), number_at(other, 0)), "whatever the order of columns");
    cr_assert(!lz_bytes_equal(number_at(one, 0), number_at(one, 1)) && !lz_bytes_equal(number_at(one, 0), number_at(one, 2)), "two equal rows are two");
    cr_assert(lz_bytes_equal(number_at(one, 2), number_at(one, 2)));
}

Test(table, an_event_is_known_by_their_number, .init = begin) {
    static const char head[] = "编号,标题,发现日期\n";
    struct lz_bytes a = request_at(arena_printf(arena, "%sA1,火,2022-06-30\n", head), 0), b = request_at(arena_printf(arena, "%sA1,大火,2022-06-30\n", head), 0);
    struct lz_bytes c = request_at(arena_printf(arena, "%sA2,火,2022/6/30\n", head), 0);
    cr_assert(a.len == 16 && memcmp(a.data, b.data, 8) == 0 && memcmp(a.data + 8, b.data + 8, 8) != 0, "changed");
    cr_assert(memcmp(a.data, c.data, 8) != 0 && memcmp(a.data + 8, c.data + 8, 8) == 0, "another one that says the same");
    struct record r;
    char id[REC_ID_TEXT];
    struct rec_id known = { 410882, KIND_problem, 77ULL << 20, 9 };
    rec_id_print(known, id);
    cr_assert_eq(opened("problem", NULL, arena_printf(arena, "id,标题,发现日期\n%s,火,2022-06-30\n", id)), LZ_ok);
    cr_assert_eq(drafted(&r), LZ_ok, "%s", why.text);
    cr_assert(rec_id_equal(record_id(&r), known) && r.request.len == 0);
    known.kind = KIND_task;
    rec_id_print(known, id);
    cr_assert_eq(opened("problem", NULL, arena_printf(arena, "id,标题,发现日期\n%s,火,2022-06-30\n", id)), LZ_ok);
    cr_assert_eq(drafted(&r), LZ_bad_argument);
}

/* The words of the fixed columns are free in every kind, or a table could not say both. */
Test(table, no_field_is_called_like_a_fixed_column, .init = begin) {
    for (size_t i = 0; i < kind_count(); i++) {
        const struct form_kind *form = kind_at(i)->form;
        for (size_t k = 0; k < LZ_COUNT(fixed) && form; k++) {
            cr_assert_eq(form_field_find(form, bytes(fixed[k].name)), form->n_fields, "%s %s", kind_at(i)->name, fixed[k].name);
            cr_assert_eq(form_field_find(form, bytes(fixed[k].zh)), form->n_fields, "%s %s", kind_at(i)->name, fixed[k].zh);
        }
    }
}
