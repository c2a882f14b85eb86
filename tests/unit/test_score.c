/* score: marks by a scheme, on texts alone. */
#include "../../daemon/survey/score.h"
#include <criterion/criterion.h>
#include <stdio.h>

static struct lz_fail fail;
static char detail[SCORE_DETAIL_BYTES];
static struct lz_bytes str(const char *text) { return lz_bytes_str(text); }
static struct scheme *scheme_of(const char *items) {
    static struct scheme scheme;
    cr_assert_eq(scheme_parse(str(items), &scheme, &fail), LZ_ok, "%s", fail.text);
    return &scheme;
}
static int64_t score(const char *items, const char *inputs, const char *marks) {
    int64_t value = -1;
    cr_assert_eq(score_of(scheme_of(items), str(inputs), str(marks), &value, detail, &fail), LZ_ok, "%s", fail.text);
    return value;
}

/* "Items that do not apply are taken out and the score scaled: 70 of 80 is 87.5" */
Test(score, what_does_not_apply_scales_the_rest) {
    cr_assert_eq(score("a 甲 80 auto closed\nb 乙 20 auto patrols", "closed 7 8\npatrols 0 0", ""), 8750);
    cr_assert(strstr(detail, "b 乙 不适用"));
    cr_assert_eq(score("a 甲 80 auto closed\nb 乙 20 auto patrols", "closed 7 8", ""), 8750, "nor what was not read");
    int64_t value;
    cr_assert_neq(score_of(scheme_of("a 甲 80 auto closed"), str("closed 0 0"), str(""), &value, detail, &fail), LZ_ok, "nothing applies");
}

Test(score, shares_deductions_and_marks_by_hand) {
    static const char items[] = "a 办结 40 auto closed\nr 逾期 20 auto overdue 2.5\nm 制度 40 manual\nplus 创新 5 bonus\nless 通报批评 10 deduct";
    cr_assert_eq(score(items, "closed 3 4\noverdue 2 0", "m 35.25 齐全"), 3000 + 1500 + 3525);
    cr_assert_eq(score(items, "closed 9 4\noverdue 100 0", "m 0 没有"), 4000, "no more than full, no less than nothing");
    cr_assert_eq(score(items, "closed 1 3\noverdue 0 0", "m 40 齐全\nplus 5 林长加\nless 1.5 一次"), 1333 + 2000 + 4000 + 500 - 150);
    cr_assert_eq(score("a 甲 10 manual\nless 扣 50 deduct", "", "a 1 差\nless 50 重大"), 0);
    int64_t value;
    cr_assert_eq(score_of(scheme_of(items), str("closed 1 1"), str("x 3 y"), &value, detail, &fail), LZ_bad_argument);
    cr_assert(strstr(fail.text, "制度"), "it names what is not marked: %s", fail.text);
}

Test(score, the_same_texts_give_the_same_bytes) {
    static const char items[] = "a 办结 33.33 auto closed\nm 制度 66.67 manual", inputs[] = "closed 2 7\ntaken 20220101 0", marks[] = "m 50.05 三项 齐全\n";
    char first[SCORE_DETAIL_BYTES];
    int64_t one = score(items, inputs, marks);
    memcpy(first, detail, sizeof first);
    cr_assert_eq(score(items, inputs, marks), one);
    cr_assert_str_eq(first, detail);
    cr_assert_str_eq(detail, "a 办结 9.52/33.33 closed 2/7\nm 制度 50.05/66.67 三项 齐全\n合计 59.57\n");
}

Test(score, a_scheme_that_is_wrong_is_told_by_its_line) {
    static const char *const bad[] = { "", "\n\n", "a 甲", "a 甲 10", "a 甲 x manual", "a 甲 0 manual", "a 甲 10 magic", "a 甲 10 auto",
                                       "a 甲 10 auto nothing", "a 甲 10 auto overdue",
                                       "a 甲 10 manual more", "a 甲 10 manual\na 乙 10 manual", 
                                       "a 甲 1.234 manual", "a 甲 10.x manual", "a 甲 5 bonus", "a 甲 -1 manual" };
    static struct scheme scheme;
    for (size_t i = 0; i < LZ_COUNT(bad); i++) {
        fail.text[0] = 0;
        cr_assert_neq(scheme_parse(str(bad[i]), &scheme, &fail), LZ_ok, "%s", bad[i]);
        cr_assert(fail.text[0]);
    }
    char many[SCORE_ITEMS_MAX * 24 + 48] = "";
    for (int i = 0; i <= SCORE_ITEMS_MAX; i++) snprintf(many + strlen(many), sizeof many - strlen(many), "k%d n 1 manual\n", i);
    cr_assert_eq(scheme_parse(str(many), &scheme, &fail), LZ_too_many);
}

Test(score, a_mark_is_for_an_item_by_hand_and_within_it) {
    struct scheme *scheme = scheme_of("a 办结 40 auto closed\nm 制度 60 manual\nplus 创新 5 bonus");
    int64_t value = 0;
    cr_assert(mark_check(scheme, str("m"), str("59.5"), &value, &fail) == LZ_ok && value == 5950);
    cr_assert(mark_check(scheme, str("plus"), str("5"), &value, &fail) == LZ_ok && value == 500);
    cr_assert_eq(mark_check(scheme, str("plus"), str("5.01"), &value, &fail), LZ_bad_argument);
    cr_assert_eq(mark_check(scheme, str("m"), str("many"), &value, &fail), LZ_bad_argument);
    cr_assert_eq(mark_check(scheme, str("a"), str("1"), &value, &fail), LZ_not_allowed);
    cr_assert_eq(mark_check(scheme, str("z"), str("1"), &value, &fail), LZ_not_found);
}

Test(score, a_mark_takes_the_place_of_the_one_before) {
    char out[200];
    size_t len = mark_set(str("a 1 一\nb 2 二\n"), str("a"), str("3"), str("三 个"), out);
    cr_assert(lz_bytes_equal(lz_bytes_of(out, len), str("b 2 二\na 3 三 个\n")));
    len = mark_set(str(""), str("a"), str("3"), str("三"), out);
    cr_assert(lz_bytes_equal(lz_bytes_of(out, len), str("a 3 三\n")));
}
