/* test_kinds: the tables of forms, what is typed into them, and their bytes. */
#include "../../daemon/core/core.h"
#include <criterion/criterion.h>
#include <protobuf-c/protobuf-c.h>
#include <stdio.h>
#include "record.pb-c.h"

static struct lz_fail fail;
static struct lz_bytes str(const char *text) { return lz_bytes_str(text); }

static const struct { const char *name; uint32_t kind; const ProtobufCMessageDescriptor *message; } messages[] = {
#define OF_FORM(name, number) { #name, number, &lz__##name##__descriptor },
#define OF_NONE(name, number)
#define OF_HANDLING(name, number)
#define OF_PROBLEM(name, number)
#define OF_EMERGENCY(name, number)
#define X(name, number, zh, class, lane, direction, reach, machine) OF_##machine(name, number)
#include "../../schema/kinds.def"
#undef X
};

Test(tables, say_the_same_as_the_messages) {
    for (size_t i = 0; i < LZ_COUNT(messages); i++) {
        const struct form_kind *form = kind_form(messages[i].kind);
        const ProtobufCMessageDescriptor *m = messages[i].message;
        cr_assert_not_null(form, "%s", messages[i].name);
        cr_assert_eq(m->n_fields, 3 + form->n_fields, "%s", messages[i].name);
        cr_assert(strcmp(m->fields[0].name, "no") == 0 && strcmp(m->fields[1].name, "valid_from") == 0 && strcmp(m->fields[2].name, "state") == 0);
        for (size_t k = 0; k < form->n_fields; k++) {
            const ProtobufCFieldDescriptor *f = &m->fields[3 + k];
            cr_assert_str_eq(f->name, form->fields[k].name, "%s", messages[i].name);
            cr_assert_eq(f->type == PROTOBUF_C_TYPE_BYTES, form->fields[k].type == FIELD_TEXT, "%s.%s", messages[i].name, f->name);
            cr_assert_eq(f->label, PROTOBUF_C_LABEL_OPTIONAL);
        }
    }
    cr_assert_geq(LZ_COUNT(messages), 18);
}

Test(tables, are_in_order) {
    for (size_t i = 0; i < LZ_COUNT(messages); i++) {
        const struct form_kind *form = kind_form(messages[i].kind);
        cr_assert(form->n_fields > 0 && form->n_fields <= FORM_FIELDS_MAX && form->n_states > 0 && form->n_states <= FORM_STATES_MAX, "%s", messages[i].name);
        for (size_t k = 0; k < form->n_fields; k++) {
            const struct form_field *f = &form->fields[k];
            cr_assert_eq(form_field_find(form, str(f->name)), k, "%s: two fields are called %s", messages[i].name, f->name);
            cr_assert_eq(form_field_find(form, str(f->zh)), k, "%s: two fields are called %s", messages[i].name, f->zh);
            bool stays = kind_row(messages[i].kind)->reach == REACH_LOCAL;
            bool adds = f->type != FIELD_TEXT && f->type != FIELD_PERCENT && f->type != FIELD_DATE && f->type != FIELD_PERIOD;
            cr_assert(!(f->flags & FIELD_PERSONAL) || stays, "%s.%s would leave its unit", messages[i].name, f->name);
            cr_assert_eq(f->type == FIELD_CHOICE, f->choices != NULL, "%s.%s", messages[i].name, f->name);
            cr_assert(!(f->flags & FIELD_QUANTITY) || adds, "%s.%s", messages[i].name, f->name);
        }
        cr_assert_eq(form_field_find(form, str("no such field")), form->n_fields);
        size_t groups = 0, whens = 0, sums = 0;
        for (size_t k = 0; k < form->n_fields; k++) {
            const struct form_field *f = &form->fields[k];
            groups += (f->flags & FIELD_GROUP) != 0;
            whens += (f->flags & FIELD_WHEN) != 0;
            sums += (f->flags & (FIELD_QUANTITY | FIELD_PRESENT)) != 0;
            for (size_t w = 0; f->flags & FIELD_EACH && f->choices[w].name; w++) sums++;
            cr_assert(!(f->flags & FIELD_EACH) || f->type == FIELD_CHOICE, "%s.%s", messages[i].name, f->name);
            cr_assert(!(f->flags & FIELD_GROUP) || f->type == FIELD_CHOICE, "%s.%s", messages[i].name, f->name);
            cr_assert(!(f->flags & FIELD_WHEN) || f->type == FIELD_DATE || f->type == FIELD_PERIOD, "%s.%s", messages[i].name, f->name);
            cr_assert(!(f->flags & FIELD_PRESENT) || f->type == FIELD_TEXT, "%s.%s", messages[i].name, f->name);
        }
        cr_assert(groups <= 1 && whens <= 1 && sums <= FORM_SUMS_MAX, "%s", messages[i].name);
        cr_assert(sums == 0 || form_sum_field(form, sums - 1));
        cr_assert_null(form_sum_field(form, sums));
        for (size_t k = 0; k < form->n_states; k++) {
            uint8_t state = 99;
            cr_assert(form_state_find(form, str(form->states[k].name), &state) && state == k);
            cr_assert(form_state_find(form, str(form->states[k].zh), &state) && state == k);
            cr_assert_lt(form->states[k].next, 1u << form->n_states, "%s.%s", messages[i].name, form->states[k].name);
        }
    }
    cr_assert_null(kind_form(KIND_task));
    cr_assert_null(kind_form(255));
}

static const struct form_word three[] = { { "one", "甲" }, { "two", "乙" }, { "three", "丙" }, { NULL, NULL } };
static int64_t typed(enum field_type type, const char *text) {
    struct form_field field = { "field", "字段", type, 0, three };
    int64_t value = INT64_MIN;
    cr_assert_eq(form_number_parse(&field, str(text), &value, &fail), LZ_ok, "%s: %s", text, fail.text);
    cr_assert(form_number_valid(&field, value));
    return value;
}
static void refused(enum field_type type, const char *text) {
    struct form_field field = { "field", "字段", type, 0, three };
    int64_t value = 0;
    fail.text[0] = 0;
    cr_assert_neq(form_number_parse(&field, str(text), &value, &fail), LZ_ok, "%s", text);
    cr_assert(fail.text[0], "%s", text);
}

Test(typed, periods) {
    static const struct { const char *text, *again; uint32_t period; } good[] = {
        { "2022", "2022", 202200 }, { "2022年", "2022", 202200 }, { "2022年度", "2022", 202200 }, { "2022H1", "2022H1", 202231 },
        { "2022年下半年", "2022H2", 202232 },
        { "2022Q2", "2022Q2", 202222 }, { "2022年第四季度", "2022Q4", 202224 }, { "2022-06", "2022-06", 202206 }, { "2022-6", "2022-06", 202206 },
        { "2022年6月", "2022-06", 202206 }, { "2022年12月份", "2022-12", 202212 },
    };
    for (size_t i = 0; i < LZ_COUNT(good); i++) {
        uint32_t period = 0, again = 0;
        char text[FORM_PRINT_BYTES];
        cr_assert(period_parse(str(good[i].text), &period) && period == good[i].period, "%s: %u", good[i].text, period);
        period_print(period, text);
        cr_assert_str_eq(text, good[i].again);
        cr_assert(period_parse(str(text), &again) && again == period);
    }
    static const char *const bad[] = { "", "202", "20222", "2022-13", "2022-0", "2022-", "2022Q5", "2022Q0", "2022H3", "1900", "2022-06-01", "2022 ",
                                       "二〇二二", "2022年6" "月7" };
    for (size_t i = 0; i < LZ_COUNT(bad); i++) refused(FIELD_PERIOD, bad[i]);
    cr_assert_eq(typed(FIELD_PERIOD, "2022Q3"), 202223);
    static const uint32_t invalid[] = { 0, 202213, 202220, 202225, 202230, 202233, 202299, 194800, 220000, UINT32_MAX };
    for (size_t i = 0; i < LZ_COUNT(invalid); i++) cr_assert_not(period_valid(invalid[i]), "%u", invalid[i]);
}

Test(typed, what_lies_within_a_period) {
    static const struct { uint32_t period, whole; bool within; } of[] = {
        { 202205, 202200, true }, { 202205, 202222, true }, { 202205, 202231, true }, { 202205, 202205, true }, { 202205, 202206, false },
        { 202205, 202221, false }, { 202205, 202232, false }, { 202205, 202300, false }, { 202222, 202231, true }, { 202223, 202231, false },
        { 202223, 202232, true }, { 202231, 202200, true }, { 202200, 202231, false }, { 202231, 202222, false }, { 202212, 202224, true },
        { 202201, 202221, true }, { 202204, 202221, false },
    };
    for (size_t i = 0; i < LZ_COUNT(of); i++) cr_assert_eq(period_within(of[i].period, of[i].whole), of[i].within, "%u in %u", of[i].period, of[i].whole);
}

Test(tables, what_an_entry_adds) {
    static const struct form_field fields[] = {
        { "name", "名称", FIELD_TEXT, FIELD_NEEDED, NULL }, { "tier", "层级", FIELD_CHOICE, FIELD_GROUP, three },
        { "day", "日期", FIELD_DATE, FIELD_WHEN, NULL }, { "land", "面积", FIELD_AREA, FIELD_QUANTITY, NULL },
        { "keeper", "管护员", FIELD_TEXT, FIELD_PRESENT, NULL }, { "done", "完成", FIELD_FLAG, FIELD_QUANTITY, NULL },
        { "kind", "类别", FIELD_CHOICE, FIELD_EACH, three },
    };
    static const struct form_state states[] = { { "in", "在", 0, 0 } };
    static const struct form_kind form = FORM(fields, states);
    struct form_value of[] = { { 0, { 0 } }, { 1, { 0 } }, { 20220630, { 0 } }, { 700, { 0 } }, { 0, str("张三") }, { 1, { 0 } }, { 1, { 0 } } };
    int64_t sums[FORM_SUMS_MAX];
    uint32_t choice = 9, period = 9;
    cr_assert_eq(form_sums(&form, of, 127, sums), 6);
    cr_assert(sums[0] == 700 && sums[1] == 1 && sums[2] == 1 && sums[3] == 0 && sums[4] == 1 && sums[5] == 0, "of three words it has the second");
    cr_assert_str_eq(form_sum_word(&form, 4)->name, "two");
    cr_assert(form_sum_word(&form, 2) == NULL && form_sum_word(&form, 6) == NULL && form_sum_of_word(&form, "three") == 5);
    cr_assert_eq(form_sum_of_word(&form, "four"), 6);
    cr_assert(form_group(&form, of, 63, &choice, &period) && choice == 2 && period == 202206);
    cr_assert_eq(form_sums(&form, of, 1 | 8, sums), 6);
    cr_assert(sums[0] == 700 && sums[1] == 0 && sums[2] == 0 && sums[4] == 0);
    cr_assert(form_group(&form, of, 1, &choice, &period) && choice == 0 && period == 0);
    cr_assert_str_eq(form_group_field(&form)->name, "tier");
}

/* An indicator is measured quantities: what is a share needs both of its areas. */
Test(tables, an_indicator_must_be_measured) {
    const struct form_kind *form = kind_form(kind_by_name("indicator")->number);
    struct form_value of[FORM_FIELDS_MAX] = { { 0, { 0 } } };
    size_t part = form_field_find(form, str("part")), whole = form_field_find(form, str("whole")), stock = form_field_find(form, str("stock"));
    cr_assert_not_null(form->wrong(of, 1), "a share without its areas");
    of[part].number = 3;
    of[whole].number = 2;
    cr_assert_not_null(form->wrong(of, 1u | 1u << part));
    cr_assert_not_null(form->wrong(of, 1u | 1u << part | 1u << whole), "more than there is");
    of[whole].number = 3;
    cr_assert_null(form->wrong(of, 1u | 1u << part | 1u << whole));
    of[0].number = 1;                                   /* forest_stock */
    cr_assert_not_null(form->wrong(of, 1u | 1u << part | 1u << whole));
    cr_assert_null(form->wrong(of, 1u | 1u << stock));
}

Test(typed, measures) {
    cr_assert_eq(typed(FIELD_NUMBER, "12"), 12);
    cr_assert_eq(typed(FIELD_AREA, "1"), 10000);
    cr_assert_eq(typed(FIELD_AREA, "1 公顷"), 10000);
    cr_assert_eq(typed(FIELD_AREA, "15亩"), 10000);
    cr_assert_eq(typed(FIELD_AREA, "1亩"), 667, "to the nearest square metre");
    cr_assert_eq(typed(FIELD_AREA, "2.5万亩"), 16666667);
    cr_assert_eq(typed(FIELD_VOLUME, "3.25万m³"), 3250000);
    cr_assert_eq(typed(FIELD_LENGTH, "1.5km"), 1500);
    cr_assert_eq(typed(FIELD_LENGTH, "800米"), 800);
    cr_assert_eq(typed(FIELD_MONEY, "0.01"), 1);
    cr_assert_eq(typed(FIELD_MONEY, "30万元"), 30000000);
    cr_assert_eq(typed(FIELD_PERCENT, "54.94%"), 5494);
    cr_assert_eq(typed(FIELD_DEGREES, "-113.241001"), -113241001);
    static const char *const wrong[] = { "", "x", "1x", "1.", ".5", "-", "--1", "1 2", "1e9", "99999999999999999999", "-1", "1.0000000000", "亩" };
    for (size_t i = 0; i < LZ_COUNT(wrong); i++) refused(FIELD_AREA, wrong[i]);
    refused(FIELD_NUMBER, "5亩");
    refused(FIELD_MONEY, "99999999亿元");
    refused(FIELD_PERCENT, "100.01");
    refused(FIELD_DEGREES, "181");
}

Test(typed, words_dates_and_codes) {
    cr_assert_eq(typed(FIELD_CHOICE, "two"), 1);
    cr_assert_eq(typed(FIELD_CHOICE, "丙"), 2);
    cr_assert_eq(typed(FIELD_FLAG, "是"), 1);
    cr_assert_eq(typed(FIELD_FLAG, "no"), 0);
    cr_assert_eq(typed(FIELD_DATE, "2022-06-30"), 20220630);
    cr_assert_eq(typed(FIELD_TIME, "8:05"), 485);
    cr_assert_eq(typed(FIELD_UNIT, "410802"), 410802);
    cr_assert_eq(typed(FIELD_PLACE, "410802100201"), 410802100201);
    static const struct { enum field_type type; const char *text; } wrong[] = {
        { FIELD_CHOICE, "four" }, { FIELD_CHOICE, "" }, { FIELD_FLAG, "maybe" }, { FIELD_DATE, "2022-02-30" }, { FIELD_DATE, "" }, { FIELD_TIME, "24:00" },
        { FIELD_TIME, "8:60" }, { FIELD_TIME, "8:5" }, { FIELD_TIME, ":05" }, { FIELD_UNIT, "41080" }, { FIELD_UNIT, "410802100" }, { FIELD_PLACE, "4108021" },
        { FIELD_PLACE, "4108021002011" }, { FIELD_PLACE, "41080x" }, { FIELD_UNIT, "012345" },
        { FIELD_PLACE, "x123456789012" } };                /* a sum that would overflow */
    for (size_t i = 0; i < LZ_COUNT(wrong); i++) refused(wrong[i].type, wrong[i].text);
    refused(FIELD_CHOICE, "four");
    cr_assert(strstr(fail.text, "乙"), "the refusal lists what would do: %s", fail.text);
}

Test(typed, what_is_printed_can_be_typed_again) {
    static const int64_t values[] = { 0, 1, 9, 10, 99, 100, 667, 5494, 10000, 12345678, 20220630, 410802, 410802100, (INT64_C(1) << 53) };
    for (enum field_type type = FIELD_NUMBER; type < FIELD_TYPE_COUNT; type++)
        for (size_t i = 0; i < LZ_COUNT(values); i++)
            for (int sign = 1; sign >= -1; sign -= 2) {
                struct form_field field = { "field", "字段", type, 0, three };
                char text[FORM_PRINT_BYTES];
                int64_t again = -7;
                form_number_print(&field, sign * values[i], text);
                if (!form_number_valid(&field, sign * values[i])) { cr_assert_str_eq(text, ""); continue; }
                cr_assert_eq(form_number_parse(&field, str(text), &again, &fail), LZ_ok, "type %d: %s: %s", (int)type, text, fail.text);
                cr_assert_eq(again, sign * values[i], "type %d: %s", (int)type, text);
            }
}

/* ---- bytes ---- */

static struct arena *arena;
static void open_arena(void) { arena = arena_create(8 << 20); }
static void close_arena(void) { arena_destroy(&arena); }
TestSuite(bytes, .init = open_arena, .fini = close_arena);

static int64_t some(const struct form_field *field) {
    static const int64_t tries[] = { 1, 20220630, 410802, 202206 };
    for (size_t i = 0; i < LZ_COUNT(tries); i++) if (form_number_valid(field, tries[i])) return tries[i];
    return 0;
}
static struct record filled(uint32_t kind) {
    const struct form_kind *form = kind_form(kind);
    const struct kind_row *row = kind_row(kind);
    struct record r = { .origin = 410802, .kind = (uint16_t)kind, .stamp = 1, .lane = (uint8_t)row->lane, .direction = (uint8_t)row->direction,
                        .reach = (uint8_t)row->reach, .tier = TIER_COUNTY };
    r.of.form = (struct form){ .no = str("01"), .valid_from = 20220424, .state = (uint8_t)(form->n_states - 1) };
    r.of.form.of = arena_alloc(arena, form->n_fields * sizeof *r.of.form.of);
    for (size_t i = 0; i < form->n_fields; i++) {
        r.of.form.given |= 1u << i;
        if (form->fields[i].type == FIELD_TEXT) r.of.form.of[i].text = str("内容");
        else r.of.form.of[i].number = some(&form->fields[i]);
    }
    return r;
}

Test(bytes, come_back) {
    for (size_t i = 0; i < LZ_COUNT(messages); i++) {
        const struct form_kind *form = kind_form(messages[i].kind);
        struct record r = filled(messages[i].kind), back;
        cr_assert_eq(record_encode(arena, &r, &fail), LZ_ok, "%s", fail.text);
        cr_assert_eq(record_decode(arena, r.envelope, &back, &fail), LZ_ok, "%s: %s", messages[i].name, fail.text);
        cr_assert(lz_bytes_equal(back.of.form.no, str("01")) && back.of.form.valid_from == 20220424 && back.of.form.state == form->n_states - 1);
        cr_assert_eq(back.of.form.given, r.of.form.given);
        for (size_t k = 0; k < form->n_fields; k++) {
            cr_assert(lz_bytes_equal(back.of.form.of[k].text, r.of.form.of[k].text));
            cr_assert_eq(back.of.form.of[k].number, r.of.form.of[k].number);
        }
    }
}

Test(bytes, of_a_form_with_nothing_in_it_are_a_form) {
    struct record r = filled(messages[0].kind), back;
    r.of.form = (struct form){ .of = r.of.form.of };
    struct lz_bytes bytes;
    cr_assert_eq(draft_encode(arena, &r, &bytes, &fail), LZ_ok);
    cr_assert_eq(draft_decode(arena, bytes, &back, &fail), LZ_ok, "%s", fail.text);
    cr_assert_eq(back.of.form.given, 0);
}

/* The gate: one wrong thing each. */
static enum lz_err gate(struct record *r) {
    struct record back;
    fail.text[0] = 0;
    if (record_encode(arena, r, &fail) != LZ_ok) return LZ_too_large;
    enum lz_err err = record_decode(arena, r->envelope, &back, &fail);
    cr_assert(err == LZ_ok || fail.text[0]);
    return err;
}
Test(bytes, that_are_wrong_are_refused) {
    static char long_text[FORM_TEXT_BYTES_MAX + 1];
    memset(long_text, 'a', sizeof long_text);
    struct record r = filled(messages[0].kind);
    cr_assert_eq(gate(&r), LZ_ok);
    r.of.form.state = 15;
    cr_assert_eq(gate(&r), LZ_bad_argument);
    r = filled(messages[0].kind);
    r.of.form.valid_from = 20220230;
    cr_assert_eq(gate(&r), LZ_bad_date);
    r = filled(messages[0].kind);
    r.of.form.no = lz_bytes_of((const uint8_t *)long_text, FORM_NO_BYTES_MAX + 1);
    cr_assert_eq(gate(&r), LZ_too_large);
    r = filled(messages[0].kind);
    r.of.form.no = str("a\x01");
    cr_assert_eq(gate(&r), LZ_bad_utf8);
    const struct form_kind *form = kind_form(messages[0].kind);
    for (size_t i = 0; i < form->n_fields; i++) {
        r = filled(messages[0].kind);
        if (form->fields[i].type == FIELD_TEXT) {
            r.of.form.of[i].text = lz_bytes_of((const uint8_t *)long_text, sizeof long_text);
            cr_assert_eq(gate(&r), LZ_too_large);
            r.of.form.of[i].text = str("\xff");
            cr_assert_eq(gate(&r), LZ_bad_utf8);
        } else {
            r.of.form.of[i].number = -1;
            cr_assert_eq(gate(&r), LZ_bad_argument);
        }
    }
}

Test(period, days_and_spans) {
    static const struct { uint32_t period, from, to; } rows[] = { { 202200, 20220101, 20221231 }, { 202231, 20220101, 20220630 },
        { 202232, 20220701, 20221231 },
        { 202224, 20221001, 20221231 }, { 202402, 20240201, 20240229 }, { 202212, 20221201, 20221231 } };
    for (size_t i = 0; i < LZ_COUNT(rows); i++) {
        uint32_t from = 0, to = 0;
        period_days(rows[i].period, &from, &to);
        cr_assert(from == rows[i].from && to == rows[i].to, "%u: %u to %u", rows[i].period, from, to);
    }
    static const struct { enum every every; uint32_t n, first_begin, first_end, last_end; } spans[] = {
        { EVERY_YEAR, 1, 20220101, 20221231, 20221231 }, { EVERY_HALF, 2, 20220101, 20220630, 20221231 }, { EVERY_QUARTER, 4, 20220101, 20220331, 20221231 },
        { EVERY_MONTH, 12, 20220101, 20220131, 20221231 }, { EVERY_WEEK, 52, 20211227, 20220102, 20221225 } };
    for (size_t i = 0; i < LZ_COUNT(spans); i++) {
        uint32_t begin, end = 0, n = 0, last = 0;
        while (span_next(spans[i].every, 20220101, 20221231, &begin, &end)) {
            if (n++ == 0) cr_assert(begin == spans[i].first_begin && end == spans[i].first_end, "%zu: %u to %u", i, begin, end);
            last = end;
        }
        cr_assert(n == spans[i].n && last == spans[i].last_end, "%zu: %u, last %u", i, n, last);
    }
    uint32_t begin, end = 0;
    cr_assert(!span_next(EVERY_QUARTER, 20220401, 20220531, &begin, &end), "a quarter is due with its last month");
}
