/* test_words: what people write for our words. */
#include "../../daemon/flow/flow.h"
#include <criterion/criterion.h>
#include <stdio.h>

static struct lz_bytes str(const char *text) { return lz_bytes_str(text); }
static bool means(const char *typed, const char *name, const char *zh) { return lz_word_is(str(typed), name, zh); }

Test(aliases, of_the_field) {
    static const struct { const char *typed, *kind; } kinds[] = {
        { "提示单", "work_reminder" }, { "提醒单", "work_reminder" }, { "工作提醒单", "work_reminder" }, { "建议函", "work_reminder" }, { "提醒函", "work_reminder" },
        { "督察", "inspection" }, { "督查", "inspection" }, { "督办单", "supervision_letter" }, { "重大问题督办函", "supervision_letter" },
        { "林长令", "general_order" }, { "巡护", "patrol" }, { "巡林记录", "patrol" }, { "林长公示牌", "board" }, { "生态护林员", "ranger" }, { "林长办", "office" },
        { " 督办函　", "supervision_letter" }, { "Supervision Letter", "supervision_letter" }, { "ＴＡＳＫ", "task" }, { "简报", "bulletin" },
    };
    for (size_t i = 0; i < LZ_COUNT(kinds); i++) {
        const struct kind_row *row = kind_by_name(kinds[i].typed);
        cr_assert(row && strcmp(row->name, kinds[i].kind) == 0, "%s means %s", kinds[i].typed, row ? row->name : "nothing");
    }
    static const char *const none[] = { "", " ", "函", "不是种类", "work", "督", "工作提示单工作提示单工作提示单工作提示单工作提示单工作提示单工作提示单" };
    for (size_t i = 0; i < LZ_COUNT(none); i++) cr_assert_null(kind_by_name(none[i]), "%s", none[i]);
}

Test(aliases, of_fields_choices_states_and_moves) {
    const struct form_kind *indicator = kind_form(KIND_MAX >= 17 ? 17 : 0);
    struct lz_fail fail = { 0 };
    int64_t forest = -1, grass = -1, other = -1;
    const struct form_field *which = &indicator->fields[form_field_find(indicator, str("indicator"))];
    cr_assert_eq(form_number_parse(which, str("grassland_cover"), &grass, &fail), LZ_ok);
    static const char *const same[] = { "草原综合植被盖度", "草地综合植被盖度", "草地(原)综合植被盖度", "草地（原）综合植被盖度", "草原综合盖度" };
    for (size_t i = 0; i < LZ_COUNT(same); i++) {
        cr_assert_eq(form_number_parse(which, str(same[i]), &other, &fail), LZ_ok, "%s: %s", same[i], fail.text);
        cr_assert_eq(other, grass, "%s", same[i]);
    }
    cr_assert_eq(form_number_parse(which, str("森林覆被率"), &forest, &fail), LZ_ok);
    cr_assert_neq(forest, grass);
    uint32_t class = 99;
    cr_assert(class_by_name(KIND_problem, "中央环保督查", &class) && strcmp(class_name(KIND_problem, class), "central_inspection") == 0);
    const struct move_row *move = move_by_name(MACHINE_HANDLING, "延期申请");
    cr_assert(move && strcmp(move->name, "ask_extension") == 0);
}

/* A word of a list is always its own row's: no alias may stand in its way. */
static size_t asked;
static void own(bool is, const char *list, const char *word) {
    asked++;
    cr_assert(is, "%s: %s is taken for another row; see schema/aliases.def", list, word);
}

static void own_choices(const struct kind_row *kind, const struct form_field *field) {
    for (int64_t k = 0; field->choices && field->choices[k].name; k++) {
        int64_t value = -1;
        struct lz_fail fail = { 0 };
        own(form_number_parse(field, str(field->choices[k].name), &value, &fail) == LZ_ok && value == k, kind->name, field->choices[k].name);
        own(form_number_parse(field, str(field->choices[k].zh), &value, &fail) == LZ_ok && value == k, kind->name, field->choices[k].zh);
    }
}

static void own_form(const struct kind_row *kind) {
    for (size_t k = 0; k < kind->form->n_fields; k++) {
        own(form_field_find(kind->form, str(kind->form->fields[k].name)) == k, kind->name, kind->form->fields[k].name);
        own(form_field_find(kind->form, str(kind->form->fields[k].zh)) == k, kind->name, kind->form->fields[k].zh);
        own_choices(kind, &kind->form->fields[k]);
    }
    for (size_t k = 0; k < kind->form->n_states; k++) {
        uint8_t state = 99;
        own(form_state_find(kind->form, str(kind->form->states[k].name), &state) && state == k, kind->name, kind->form->states[k].name);
        own(form_state_find(kind->form, str(kind->form->states[k].zh), &state) && state == k, kind->name, kind->form->states[k].zh);
    }
}

Test(aliases, hide_no_word_of_a_list) {
    for (size_t i = 0; i < kind_count(); i++) {
        const struct kind_row *kind = kind_at(i);
        own(kind_by_name(kind->name) == kind, "kinds", kind->name);
        own(kind_by_name(kind->zh) == kind, "kinds", kind->zh);
        if (kind->form) own_form(kind);
        for (uint32_t k = 0, class = 0; k < 256; k++) {
            if (strcmp(class_name(kind->number, k), "unknown") == 0) continue;
            own(class_by_name(kind->number, class_name(kind->number, k), &class) && class == k, "classes", class_name(kind->number, k));
            own(class_by_name(kind->number, class_zh(kind->number, k), &class) && class == k, "classes", class_zh(kind->number, k));
        }
    }
    for (size_t i = 0; i < move_count(); i++) {
        const struct move_row *row = move_at(i);
        own(move_by_name(row->machine, row->name) == row, "moves", row->name);
        own(move_by_name(row->machine, row->zh) == row, "moves", row->zh);
        for (uint8_t k = 0, state = 0; k < STATES_MAX; k++) {
            if (strcmp(state_name(row->machine, k), "-") == 0) continue;
            own(state_by_name(row->machine, state_name(row->machine, k), &state) && state == k, "states", state_name(row->machine, k));
            own(state_by_name(row->machine, state_zh(row->machine, k), &state) && state == k, "states", state_zh(row->machine, k));
        }
    }
    cr_assert_gt(asked, 600);
}

/* The other way: what an alias stands for is a word of some list, or the row can never be used. */
static bool is_a_word(const char *ours) {
    for (size_t i = 0; i < kind_count(); i++) {
        const struct kind_row *kind = kind_at(i);
        if (means(ours, kind->name, kind->zh)) return true;
        for (size_t k = 0; kind->form && k < kind->form->n_fields; k++) {
            const struct form_field *field = &kind->form->fields[k];
            if (means(ours, field->name, field->zh)) return true;
            for (size_t m = 0; field->choices && field->choices[m].name; m++)
                if (means(ours, field->choices[m].name, field->choices[m].zh)) return true;
        }
        for (size_t k = 0; kind->form && k < kind->form->n_states; k++)
            if (means(ours, kind->form->states[k].name, kind->form->states[k].zh)) return true;
        for (uint32_t k = 0; k < 256; k++)
            if (means(ours, class_name(kind->number, k), class_zh(kind->number, k))) return true;
    }
    for (size_t i = 0; i < move_count(); i++)
        if (means(ours, move_at(i)->name, move_at(i)->zh)) return true;
    for (int m = 0; m < MACHINE_COUNT; m++)
        for (uint8_t k = 0; k < STATES_MAX; k++)
            if (means(ours, state_name((enum machine)m, k), state_zh((enum machine)m, k))) return true;
    return means(ours, "no", "编号");
}

Test(aliases, stand_for_words_that_there_are) {
    static const struct { const char *theirs, *ours; } rows[] = {
#define ALIAS(theirs, ours) { theirs, ours },
#include "../../schema/aliases.def"
    };
    for (size_t i = 0; i < LZ_COUNT(rows); i++) cr_assert(is_a_word(rows[i].ours), "%s: no list has %s", rows[i].theirs, rows[i].ours);
}

Test(narrow, signs_of_an_input_method) {
    static const struct { const char *typed, *plain; } rows[] = {
        { "１２．５％", "12.5%" }, { "＝（）：，", "=():," }, { "２０２２－０６－３０", "2022-06-30" }, { "a　b", "a b" }, { "〔2022〕。、", "〔2022〕。、" }, { "", "" },
        { "\xEF\xBC", "\xEF\xBC" }, { "\xEF\xBD\x9F", "\xEF\xBD\x9F" }, { "～", "~" },
    };
    for (size_t i = 0; i < LZ_COUNT(rows); i++) {
        char out[40];
        cr_assert_eq(lz_text_narrow(str(rows[i].typed), out, sizeof out), strlen(rows[i].plain));
        cr_assert_str_eq(out, rows[i].plain);
    }
    char small[4];
    cr_assert_eq(lz_text_narrow(str("１２３４５"), small, sizeof small), 3);
    cr_assert_str_eq(small, "123");
    const struct form_field field = { "land", "面积", FIELD_AREA, 0, NULL }, day = { "day", "日期", FIELD_DATE, 0, NULL };
    int64_t value = 0;
    struct lz_fail fail = { 0 };
    cr_assert_eq(form_number_parse(&field, str("１．５公顷"), &value, &fail), LZ_ok, "%s", fail.text);
    cr_assert_eq(value, 15000);
    cr_assert_eq(form_number_parse(&day, str("２０２２－０６－３０"), &value, &fail), LZ_ok, "%s", fail.text);
    cr_assert_eq(value, 20220630);
}
