/* test_words: what people write for our words, and what they read, in two languages. */
#include "../../daemon/ctl/ctl_room.h"
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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

/* ---- two languages ---- */

static void environment(const char *all, const char *messages, const char *lang, const char *language) {
    const char *const names[] = { "LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE" }, *const values[] = { all, messages, lang, language };
    for (size_t i = 0; i < LZ_COUNT(names); i++)
        if (values[i]) setenv(names[i], values[i], 1);
        else unsetenv(names[i]);
}

Test(lang, is_what_the_first_variable_says) {
    static const struct { const char *all, *messages, *lang, *language; enum lz_lang wanted; } rows[] = {
        { NULL, NULL, NULL, NULL, LZ_ZH }, { "en_US.UTF-8", NULL, NULL, NULL, LZ_EN }, { "C", "en_US", "en_US", "en", LZ_ZH },
        { "", "en", NULL, NULL, LZ_EN },
        { NULL, "zh_CN", "en_US", NULL, LZ_ZH }, { NULL, NULL, "EN", NULL, LZ_EN }, { NULL, NULL, NULL, "en:zh", LZ_EN },
        { NULL, NULL, "C.UTF-8", "en", LZ_ZH },
        { "fr_FR", NULL, "en", NULL, LZ_ZH }, { "e", NULL, NULL, NULL, LZ_ZH },
    };
    for (size_t i = 0; i < LZ_COUNT(rows); i++) {
        environment(rows[i].all, rows[i].messages, rows[i].lang, rows[i].language);
        cr_assert_eq(lz_lang_wanted(), rows[i].wanted, "row %zu", i);
    }
}

/* The one of this build: BUILD/tests/unit/test_words reads BUILD/locale. */
static void open_catalog(void) {
    char path[512] = "";
    ssize_t len = readlink("/proc/self/exe", path, sizeof path - 32);
    cr_assert(len > 0 && strrchr(path, '/'));
    strcpy(strrchr(path, '/'), "/../../locale");
    lz_lang_open(path);
}

Test(lang, without_a_catalog_is_chinese) {
    cr_assert_str_eq(lz_text(LZ_EN, "没有找到"), "没有找到");
    lz_lang_open("/nowhere");
    cr_assert_str_eq(lz_text(LZ_EN, "没有找到"), "没有找到");
    cr_assert_str_eq(lz_heading(LZ_EN, "状态"), "状态");
}

Test(lang, english_comes_from_the_catalog) {
    open_catalog();
    cr_assert_str_eq(lz_text(LZ_EN, "没有找到"), "not found");
    cr_assert_str_eq(lz_text(LZ_ZH, "没有找到"), "没有找到");
    cr_assert_str_eq(lz_text(LZ_EN, ""), "");
    cr_assert_str_eq(lz_text(LZ_EN, "张三"), "张三");
    cr_assert_str_eq(lz_heading(LZ_EN, "状态"), "State");          /* a heading, and a word in a sentence */
    cr_assert_str_eq(lz_text(LZ_EN, "状态"), "state");
    cr_assert_str_eq(lz_heading(LZ_ZH, "状态"), "状态");
    cr_assert_str_eq(lz_heading(LZ_EN, "不在目录里的标题"), "不在目录里的标题");
    char long_one[400];
    memset(long_one, 'x', sizeof long_one);
    long_one[sizeof long_one - 1] = 0;
    cr_assert_str_eq(lz_heading(LZ_EN, long_one), long_one);
    char span[32];
    lz_span_print(LZ_EN, 3 * LZ_DAY_MS + 4 * LZ_HOUR_MS, span);
    cr_assert_str_eq(span, "3d 4h");
}

Test(lang, a_refusal_is_told_in_its_own) {
    open_catalog();
    struct lz_fail zh = { .lang = LZ_ZH }, en = { .lang = LZ_EN };
    const struct kind_row *letter = kind_row(KIND_supervision_letter);
    (void)lz_refuse(&zh, LZ_not_found, "没有符合条件的%s", lz_said(&zh, letter->zh));
    (void)lz_refuse(&en, LZ_not_found, "没有符合条件的%s", lz_said(&en, letter->zh));
    cr_assert_str_eq(zh.text, "没有符合条件的督办函");
    cr_assert_str_eq(en.text, "nothing found of kind supervision letter");
    cr_assert_str_eq(lz_said(NULL, "督办函"), "督办函");
    const struct form_field field = { "land", "面积", FIELD_AREA, 0, NULL };
    int64_t value;
    cr_assert_neq(form_number_parse(&field, str("多"), &value, &en), LZ_ok);
    cr_assert_str_eq(en.text, "Area: \"多\" is not a number: write for example 12.5ha");
    cr_assert_eq(form_number_parse(&field, str("12.5ha"), &value, &en), LZ_ok);
}

Test(lang, lists_end_where_the_room_ends) {
    open_catalog();
    char zh[64] = "", en[64] = "", little[12] = "";
    lz_list_add(LZ_ZH, zh, sizeof zh, "sign", "签收");
    lz_list_add(LZ_ZH, zh, sizeof zh, "", "报告");
    lz_list_add(LZ_EN, en, sizeof en, "sign", "签收");
    lz_list_add(LZ_EN, en, sizeof en, "report", "报告");
    cr_assert_str_eq(zh, "sign 签收、报告");
    cr_assert_str_eq(en, "sign, report");
    lz_list_add(LZ_EN, little, sizeof little, "sign", "");
    lz_list_add(LZ_EN, little, sizeof little, "report", "");       /* would be cut */
    cr_assert_str_eq(little, "sign");
}

/* What a neighbour said, in Chinese over the wire. */
Test(lang, what_a_neighbour_said_is_told_again) {
    open_catalog();
    struct lz_fail fail = { 0 };
    struct call c = { .arena = arena_create(1 << 20), .fail = &fail };
    static const struct { const char *said, *told; } rows[] = {
        { "410800 与上级 410000 连接中：还没有连上上级", "410800 with its parent 410000 dialling: not connected to the parent yet" },
        { "410800 与上级 410000 被拒绝：对方拒绝：无权读取这一传送目录",
          "410800 with its parent 410000 refused: refused by the other side: not allowed to read this feed" },
        { "410800 与上级 410000", "410800 与上级 410000" }, { "something else", "something else" }, { "", "" },
    };
    for (size_t i = 0; i < LZ_COUNT(rows); i++) {
        struct link_view v = { .code = 410800 };
        snprintf(v.cause, sizeof v.cause, "%s", rows[i].said);
        cr_assert_str_eq(cause_of(&c, LZ_EN, &v), rows[i].told);
        cr_assert_str_eq(cause_of(&c, LZ_ZH, &v), rows[i].said);
    }
    cr_assert_str_eq(retold(&c, LZ_EN, "不能写备份：No space left on device"), "cannot write the backup: No space left on device");
    cr_assert_str_eq(retold(&c, LZ_EN, "：：："), ": ：：");
    arena_destroy(&c.arena);
}
