/* units and roster: the divisions file, and the children of a node. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../daemon/core/core.h"

#define HEADER "code\tname_zh\ttier\tparent_code\tcode_system\n"

static struct lz_bytes str(const char *text) { return lz_bytes_str(text); }

static struct lz_bytes read_all(const char *path) {
    enum { SIZE = 256 * 1024 };
    static char buffer[SIZE];
    FILE *file = fopen(path, "rb");
    cr_assert(file, "%s: tests run from the root of the project", path);
    size_t len = fread(buffer, 1, SIZE, file);
    cr_assert(len < SIZE && !ferror(file));
    fclose(file);
    return lz_bytes_of(buffer, len);
}

static struct units *units_of(const char *path) {
    struct units *units = units_create();
    struct lz_fail fail = { .code = LZ_ok };
    cr_assert_eq(units_load(units, read_all(path), &fail), LZ_ok, "%s", fail.text);
    return units;
}

/* ---- units ---- */
Test(units, henan) {
    struct units *units = units_of("deploy/data/divisions-henan.tsv");
    cr_assert_eq(units_count(units), 176);
    const struct unit *jiaozuo = units_find(units, 410800);
    cr_assert_str_eq(jiaozuo->name, "焦作市");
    cr_assert_eq(jiaozuo->tier, TIER_CITY);
    cr_assert_eq(jiaozuo->parent, 410000);
    cr_assert_eq(units_find(units, 410000)->parent, 0);
    cr_assert_eq(units_find(units, 419001)->parent, 410000, "济源 hangs under the province");
    cr_assert_eq(units_find(units, 419001)->tier, TIER_COUNTY);
    cr_assert_null(units_find(units, 419000));
    cr_assert_null(units_find(units, 0));
    cr_assert_null(units_find(units, UINT32_MAX));
    for (size_t i = 1; i < units_count(units); i++) cr_assert_lt(units_at(units, i - 1)->code, units_at(units, i)->code);
    units_destroy(&units);
    cr_assert_null(units);
}

Test(units, below) {
    struct units *units = units_of("deploy/data/divisions-henan.tsv");
    static const uint32_t jiaozuo[12] = { 410800, 410802, 410803, 410804, 410811, 410821,
                                          410822, 410823, 410825, 410871, 410882, 410883 };
    uint32_t out[200];
    cr_assert_eq(units_below(units, 410800, true, out, LZ_COUNT(out)), 12);
    cr_assert_arr_eq(out, jiaozuo, sizeof jiaozuo);
    cr_assert_eq(units_below(units, 410800, false, out, LZ_COUNT(out)), 11);
    cr_assert_arr_eq(out, jiaozuo + 1, 11 * sizeof out[0]);
    cr_assert_eq(units_below(units, 410000, true, out, LZ_COUNT(out)), 176);
    cr_assert_eq(units_below(units, 410825, true, out, LZ_COUNT(out)), 1);
    cr_assert_eq(units_below(units, 410825, false, out, LZ_COUNT(out)), 0);
    cr_assert_eq(units_below(units, 123456, true, out, LZ_COUNT(out)), 0);
    cr_assert_eq(units_below(units, 419000, true, out, LZ_COUNT(out)), 0);
    out[2] = 7;
    cr_assert_eq(units_below(units, 410800, true, out, 2), 12, "tells how many there are");
    cr_assert_eq(out[2], 7, "and writes no more than asked");
    cr_assert_eq(units_below(units, 410800, true, NULL, 0), 12);
    units_destroy(&units);
}

Test(units, china) {
    struct units *units = units_of("deploy/data/divisions-china.tsv");
    static uint32_t out[UNITS_MAX];
    cr_assert_eq(units_count(units), 3213);
    cr_assert_eq(units_below(units, 410000, true, out, UNITS_MAX), 176);
    cr_assert_eq(units_below(units, 110000, false, out, UNITS_MAX), 16, "districts straight under the municipality");
    cr_assert_eq(units_below(units, 441900, true, out, UNITS_MAX), 1);
    size_t all = 0;
    for (size_t i = 0; i < units_count(units); i++)
        if (units_at(units, i)->parent == 0) all += units_below(units, units_at(units, i)->code, true, out, UNITS_MAX);
    cr_assert_eq(all, 3213);
    units_destroy(&units);
}

Test(units, any_order_any_depth_and_a_second_file) {
    struct units *units = units_create();
    uint32_t out[8];
    cr_assert_eq(units_load(units, str("# a comment\n" HEADER "300003\t丙\tcounty\t200002\tGB\n# another\n"
                                       "999999\t国\tnation\t-\tGB\n200002\t乙\tcity\t500005\tGB\n"
                                       "500005\t甲\tprovince\t999999\tSTAT"), NULL), LZ_ok);
    cr_assert_eq(units_below(units, 999999, true, out, 8), 4);
    cr_assert_arr_eq(out, ((uint32_t[]){ 200002, 300003, 500005, 999999 }), 4 * sizeof out[0]);
    cr_assert_eq(units_load(units, str(HEADER "100001\t丁\ttownship\t300003\tGB\n"), NULL), LZ_ok, "a parent of the first file");
    cr_assert_eq(units_below(units, 999999, true, out, 8), 5);
    cr_assert_eq(units_below(units, 200002, false, out, 8), 2);
    cr_assert_arr_eq(out, ((uint32_t[]){ 100001, 300003 }), 2 * sizeof out[0]);
    units_destroy(&units);
}

Test(units, a_bad_file_is_refused_whole_and_its_line_named) {
    struct units *units = units_create();
    struct lz_fail fail = { 0 };
    uint32_t out[4];
    cr_assert_eq(units_load(units, str(HEADER "500000\t甲\tprovince\t-\tGB\n600000\t乙\tcity\t500000\tGB\n"), NULL), LZ_ok);
    static const struct {
        const char *text;
        enum lz_err err;
        const char *line;
    } bad[] = {
        { "", LZ_bad_argument, "第 1 行" },
        { "code\tname\n", LZ_bad_argument, "第 1 行" },
        { "500001\t丙\tcity\t-\tGB\n", LZ_bad_argument, "第 1 行" },
        { HEADER "400001\t丙\tcity\t500000\tGB\n50001\t丁\tcity\t-\tGB\n", LZ_bad_argument, "第 3 行" },
        { HEADER "5000011\t丙\tcity\t-\tGB\n", LZ_bad_argument, "第 2 行" },
        { HEADER "50000a\t丙\tcity\t-\tGB\n", LZ_bad_argument, "第 2 行" },
        { HEADER "000001\t丙\tcity\t-\tGB\n", LZ_bad_argument, "第 2 行" },
        { HEADER "-50001\t丙\tcity\t-\tGB\n", LZ_bad_argument, "第 2 行" },
        { HEADER "500001\t丙\tvillage\t-\tGB\n", LZ_bad_argument, "第 2 行" },
        { HEADER "500001\t丙\tcity\t-\tXX\n", LZ_bad_argument, "第 2 行" },
        { HEADER "500001\t丙\tcity\t-\n", LZ_bad_argument, "第 2 行" },
        { HEADER "500001\t丙\tcity\t-\tGB\t\n", LZ_bad_argument, "第 2 行" },
        { HEADER "500001\t丙\tcity\t\tGB\n", LZ_bad_argument, "第 2 行" },
        { HEADER "\n", LZ_bad_argument, "第 2 行" },
        { HEADER "500001\t\tcity\t-\tGB\n", LZ_too_large, "第 2 行" },
        { HEADER "500001\t一二三四五六七八九十一二三四五六\tcity\t-\tGB\n", LZ_too_large, "第 2 行" },
        { HEADER "500001\t\xC0\xAF\tcity\t-\tGB\n", LZ_bad_utf8, "第 2 行" },
        { HEADER "500001\t丙\tcity\t-\tGB\r\n", LZ_bad_utf8, "第 2 行" },
        { HEADER "400001\t丙\tcity\t-\tGB\n# c\n400001\t丙\tcity\t-\tGB\n", LZ_already, "第 4 行" },
        { HEADER "500000\t甲\tprovince\t-\tGB\n", LZ_already, "第 2 行" },
        { HEADER "400001\t丙\tcity\t-\tGB\n400002\t丁\tcity\t400009\tGB\n", LZ_unknown_unit, "第 3 行" },
        { HEADER "400001\t丙\tcity\t400002\tGB\n400002\t丁\tcity\t400001\tGB\n", LZ_bad_argument, "第 2 行" },
        { HEADER "400001\t丙\tcity\t400001\tGB\n", LZ_bad_argument, "第 2 行" },
        { HEADER "400001\t丙\tprovince\t600000\tGB\n", LZ_bad_argument, "第 2 行" },
    };
    for (size_t i = 0; i < LZ_COUNT(bad); i++) {
        cr_assert_eq(units_load(units, str(bad[i].text), &fail), bad[i].err, "case %zu", i);
        cr_assert_not_null(strstr(fail.text, bad[i].line), "case %zu: %s", i, fail.text);
        cr_assert_eq(units_count(units), 2);
        cr_assert_eq(units_below(units, 500000, true, out, 4), 2);
    }
    units_destroy(&units);
}

Test(units, have_a_maximum) {
    static char text[(UNITS_MAX + 1) * 32 + 64];
    struct units *units = units_create();
    struct lz_fail fail = { 0 };
    size_t len = (size_t)snprintf(text, sizeof text, "%s", HEADER), last = 0;
    for (int i = UNITS_MAX; i >= 0; i--) {                 /* descending: the slowest order */
        last = len;
        len += (size_t)snprintf(text + len, sizeof text - len, "%d\t单位\tcounty\t-\tGB\n", 200000 + i);
    }
    cr_assert_eq(units_load(units, lz_bytes_of(text, len), &fail), LZ_too_many);
    cr_assert_eq(units_count(units), 0);
    cr_assert_eq(units_load(units, lz_bytes_of(text, last), &fail), LZ_ok);
    cr_assert_eq(units_count(units), UNITS_MAX);
    units_destroy(&units);
}

/* ---- roster ---- */
struct key { uint8_t b[32]; };
static struct key key_of(uint32_t n) {
    struct key key = { { 0x80 } };
    lz_put32(key.b + 28, n);
    return key;
}

static enum lz_err add(struct roster *roster, uint32_t code, uint32_t key, const uint32_t *subtree, size_t n, struct lz_fail *fail) {
    return roster_add(roster, code, key_of(key).b, subtree, n, fail);
}
#define SUBTREE(...) (uint32_t[]){ __VA_ARGS__ }, sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t)

Test(roster, keeps_children_and_subtrees_in_order) {
    struct roster *roster = roster_create();
    struct lz_fail fail = { 0 };
    cr_assert_eq(add(roster, 410800, 1, SUBTREE(410883, 410802, 410883, 410803), &fail), LZ_ok);
    cr_assert_eq(add(roster, 410100, 2, NULL, 0, &fail), LZ_ok);
    cr_assert_eq(add(roster, 410900, 3, SUBTREE(410900, 410902), &fail), LZ_ok);
    cr_assert_eq(roster->n_children, 3);
    cr_assert_eq(roster->children[0].code, 410100);
    cr_assert_eq(roster->children[2].code, 410900);
    const struct child *child = roster_find(roster, 410800);
    cr_assert_eq(child->n_subtree, 4);
    cr_assert_arr_eq(child->subtree, ((uint32_t[]){ 410800, 410802, 410803, 410883 }), 4 * sizeof(uint32_t));
    cr_assert(child_holds(child, 410800));
    cr_assert(child_holds(child, 410883));
    cr_assert(!child_holds(child, 410902));
    cr_assert(!child_holds(child, 0));
    cr_assert_eq(roster_holding(roster, 410902)->code, 410900);
    cr_assert_eq(roster_holding(roster, 410100)->code, 410100);
    cr_assert_null(roster_holding(roster, 410000));
    cr_assert_eq(roster_by_key(roster, key_of(2).b)->code, 410100);
    cr_assert_null(roster_by_key(roster, key_of(9).b));
    cr_assert_null(roster_find(roster, 410000));
    roster_destroy(&roster);
    cr_assert_null(roster);
    roster_destroy(&roster);
}

Test(roster, replaces_and_removes_without_holes) {
    struct roster *roster = roster_create();
    struct lz_fail fail = { 0 };
    cr_assert_eq(add(roster, 100, 1, SUBTREE(101, 102), &fail), LZ_ok);
    cr_assert_eq(add(roster, 200, 2, SUBTREE(201), &fail), LZ_ok);
    cr_assert_eq(add(roster, 300, 3, SUBTREE(301, 302, 303), &fail), LZ_ok);
    cr_assert_eq(roster->n_pool, 9);
    cr_assert_eq(add(roster, 100, 1, SUBTREE(102, 103, 104, 105), &fail), LZ_ok, "its own units and key are no conflict");
    cr_assert_eq(roster->n_children, 3);
    cr_assert_eq(roster->n_pool, 11);
    cr_assert_null(roster_holding(roster, 101));
    cr_assert_eq(roster_holding(roster, 105)->code, 100);
    cr_assert_eq(roster_holding(roster, 201)->code, 200);
    cr_assert_eq(roster_holding(roster, 303)->code, 300);
    cr_assert(roster_remove(roster, 200));
    cr_assert(!roster_remove(roster, 200));
    cr_assert_eq(roster->n_pool, 9);
    cr_assert_null(roster_holding(roster, 201));
    cr_assert_arr_eq(roster_find(roster, 300)->subtree, ((uint32_t[]){ 300, 301, 302, 303 }), 4 * sizeof(uint32_t));
    cr_assert_arr_eq(roster_find(roster, 100)->subtree, ((uint32_t[]){ 100, 102, 103, 104, 105 }), 5 * sizeof(uint32_t));
    /* Arguments lent from the roster itself: a new key for the same subtree. */
    const struct child *child = roster_find(roster, 300);
    cr_assert_eq(roster_add(roster, 300, child->key, child->subtree, child->n_subtree, &fail), LZ_ok);
    cr_assert_eq(roster_find(roster, 300)->n_subtree, 4);
    cr_assert_eq(roster_by_key(roster, key_of(3).b)->code, 300);
    cr_assert(roster_remove(roster, 100) && roster_remove(roster, 300));
    cr_assert_eq(roster->n_pool, 0);
    roster_destroy(&roster);
}

Test(roster, refuses_conflicts_and_changes_nothing) {
    struct roster *roster = roster_create();
    struct lz_fail fail = { 0 };
    cr_assert_eq(add(roster, 100, 1, SUBTREE(101, 102), &fail), LZ_ok);
    cr_assert_eq(add(roster, 200, 2, SUBTREE(201), &fail), LZ_ok);
    cr_assert_eq(add(roster, 300, 3, SUBTREE(301, 102), &fail), LZ_already);
    cr_assert_not_null(strstr(fail.text, "102"));
    cr_assert_not_null(strstr(fail.text, "100"), "says who holds it");
    cr_assert_eq(add(roster, 101, 3, NULL, 0, &fail), LZ_already, "a child inside another's subtree");
    cr_assert_eq(add(roster, 300, 3, SUBTREE(200), &fail), LZ_already);
    cr_assert_eq(add(roster, 300, 2, SUBTREE(301), &fail), LZ_already);
    cr_assert_not_null(strstr(fail.text, "200"), "says whose key it is");
    cr_assert_eq(add(roster, 200, 1, SUBTREE(201, 202), &fail), LZ_already, "replaced by another's key");
    cr_assert_eq(roster_add(roster, 300, (uint8_t[32]){ 0 }, NULL, 0, &fail), LZ_bad_key);
    cr_assert_eq(add(roster, 0, 3, NULL, 0, &fail), LZ_bad_argument);
    cr_assert_eq(add(roster, SCOPE_ALL, 3, NULL, 0, &fail), LZ_bad_argument);
    cr_assert_eq(roster->n_children, 2);
    cr_assert_eq(roster->n_pool, 5);
    cr_assert_eq(roster_find(roster, 200)->n_subtree, 2);
    cr_assert_eq(roster_by_key(roster, key_of(2).b)->code, 200);
    roster_destroy(&roster);
}

Test(roster, has_its_maxima) {
    struct roster *roster = roster_create();
    struct lz_fail fail = { 0 };
    static uint32_t units[SUBTREE_MAX + 1];
    for (uint32_t i = 0; i <= SUBTREE_MAX; i++) units[i] = 500000 + i;
    cr_assert_eq(add(roster, 500000, 1, units, SUBTREE_MAX + 1, &fail), LZ_too_many);
    cr_assert_eq(add(roster, 500000, 1, units, SUBTREE_MAX, &fail), LZ_ok);
    cr_assert_eq(add(roster, 100, 2, NULL, 0, &fail), LZ_too_many, "the pool is full");
    cr_assert_eq(add(roster, 500000, 3, units + 1, SUBTREE_MAX - 1, &fail), LZ_ok, "but its holder may change");
    cr_assert_eq(add(roster, 500000, 3, units, SUBTREE_MAX - 1, &fail), LZ_ok);
    cr_assert_eq(add(roster, 100, 2, NULL, 0, &fail), LZ_ok);
    cr_assert(roster_remove(roster, 500000) && roster_remove(roster, 100));
    for (uint32_t i = 0; i < CHILDREN_MAX; i++) cr_assert_eq(add(roster, 1000 + i, i, NULL, 0, &fail), LZ_ok);
    cr_assert_eq(add(roster, 9000, CHILDREN_MAX, NULL, 0, &fail), LZ_too_many);
    cr_assert_eq(add(roster, 1000, CHILDREN_MAX, NULL, 0, &fail), LZ_ok, "replacing one is no more");
    cr_assert_eq(roster->n_children, CHILDREN_MAX);
    roster_destroy(&roster);
}

Test(roster, is_printed_and_loaded) {
    struct roster *roster = roster_create();
    struct arena *arena = arena_create(1 << 20);
    struct lz_fail fail = { 0 };
    cr_assert_eq(roster_print(roster, arena).len, 0);
    cr_assert_eq(add(roster, 410800, 1, SUBTREE(410802, 410803), &fail), LZ_ok);
    cr_assert_eq(add(roster, 419001, 2, NULL, 0, &fail), LZ_ok);
    struct lz_bytes text = roster_print(roster, arena);
    cr_assert(lz_bytes_equal(text, str(
        "410800\t8000000000000000000000000000000000000000000000000000000000000001\t410800,410802,410803\n"
        "419001\t8000000000000000000000000000000000000000000000000000000000000002\t419001\n")));
    struct roster *other = roster_create();
    cr_assert_eq(add(other, 410900, 9, SUBTREE(410802), &fail), LZ_ok);
    cr_assert_eq(roster_load(other, text, &fail), LZ_ok, "the text is the whole roster");
    cr_assert_null(roster_find(other, 410900));
    cr_assert(lz_bytes_equal(roster_print(other, arena), text));
    cr_assert_eq(add(other, 410900, 9, NULL, 0, &fail), LZ_ok, "and it goes on from there");
    cr_assert_eq(roster_load(other, str("# nobody\n\n"), &fail), LZ_ok);
    cr_assert_eq(other->n_children, 0);
    roster_destroy(&other);
    roster_destroy(&roster);
    arena_destroy(&arena);
}

#define KEY_1 "8000000000000000000000000000000000000000000000000000000000000001"
#define KEY_2 "8000000000000000000000000000000000000000000000000000000000000002"
Test(roster, refuses_a_bad_file_whole) {
    struct roster *roster = roster_create();
    struct lz_fail fail = { 0 };
    cr_assert_eq(add(roster, 410900, 9, SUBTREE(410902), &fail), LZ_ok);
    static const struct {
        const char *text;
        enum lz_err err;
        const char *line;
    } bad[] = {
        { "410800\t" KEY_1 "\n", LZ_bad_config, "第 1 行" },
        { "410800\t" KEY_1 "\t410800\t\n", LZ_bad_config, "第 1 行" },
        { "410800\t" KEY_1 "\t\n", LZ_bad_config, "第 1 行" },
        { "410800\t" KEY_1 "\t410800,\n", LZ_bad_config, "第 1 行" },
        { "410800\t" KEY_1 "\t410800,,410802\n", LZ_bad_config, "第 1 行" },
        { "410800\t" KEY_1 "\t410800, 410802\n", LZ_bad_config, "第 1 行" },
        { "410800\t" KEY_1 "0\t410800\n", LZ_bad_config, "第 1 行" },
        { "410800\tx" KEY_1 "\t410800\n", LZ_bad_config, "第 1 行" },
        { "4108x0\t" KEY_1 "\t410800\n", LZ_bad_config, "第 1 行" },
        { "1\t" KEY_1 "\t1\n", LZ_bad_config, "第 1 行" },
        { "410800\t" KEY_1 "\t410800\n# c\n419001\t" KEY_1 "\t419001\n", LZ_already, "第 3 行" },
        { "410800\t" KEY_1 "\t410802\n419001\t" KEY_2 "\t410802\n", LZ_already, "第 2 行" },
        { "410800\t" KEY_1 "\t410802\n410800\t" KEY_2 "\t410803\n", LZ_already, "第 2 行" },
    };
    for (size_t i = 0; i < LZ_COUNT(bad); i++) {
        cr_assert_eq(roster_load(roster, str(bad[i].text), &fail), bad[i].err, "case %zu", i);
        cr_assert_not_null(strstr(fail.text, bad[i].line), "case %zu: %s", i, fail.text);
        cr_assert_eq(roster->n_children, 1);
        cr_assert_eq(roster_holding(roster, 410902)->code, 410900);
    }
    roster_destroy(&roster);
}
