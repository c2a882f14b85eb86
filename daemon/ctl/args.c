/* args: from what was typed to values. The client sends words; every conversion and every refusal of one is made here, so that
 * all clients agree on what a date, a unit, an id or a number of a document is.
 *
 * Every refusal names the argument, says what is wrong with it and gives an example of what would be right. */
#include <stdio.h>
#include <stdlib.h>
#include "ctl_room.h"

/* ---- against the row in verbs.def ------------------------------------------------------------------------------------------ */

struct spec { char name[32]; bool optional, option, flag; };

/* Takes the next argument off a text such as `MOVE ID [--unit CODE|all] [--open]`. */
static bool spec_next(const char **text, struct spec *spec) {
    const char *p = *text;
    p += strspn(p, " ");
    if (!*p) return false;
    *spec = (struct spec){ .optional = *p == '[' };
    if (spec->optional) p++;
    bool option = spec->option = strncmp(p, "--", 2) == 0;
    if (option) p += 2;
    size_t n = strcspn(p, " ]");
    LZ_ASSERT(n > 0 && n < sizeof spec->name);
    for (size_t i = 0; i < n; i++) spec->name[i] = (char)(p[i] >= 'A' && p[i] <= 'Z' ? p[i] - 'A' + 'a' : p[i]);
    p += n;
    if (option && *p == ' ' && p[1] != '[' && strncmp(p + 1, "--", 2) != 0) p += 1 + strcspn(p + 1, " ]");
    else spec->flag = option;
    if (*p == ']') p++;
    *text = p;
    return true;
}

static bool spec_has(const char *args, struct lz_bytes name) {
    struct spec spec;
    while (spec_next(&args, &spec))
        if (lz_bytes_equal(name, lz_bytes_str(spec.name))) return true;
    return false;
}

static enum lz_err usage(struct call *c, const char *what, struct lz_bytes name) {
    return lz_refuse(c->fail, LZ_usage, "%s%.*s；用法：%.*s %.300s", said(c, what), (int)name.len, (const char *)name.data, (int)c->ask->verb.len,
                     (const char *)c->ask->verb.data, c->verb->args);
}

static bool arg_given(const struct call *c, const char *name) {
    for (size_t i = 0; i < c->ask->n_args; i++)
        if (lz_bytes_equal(c->ask->args[i].name, lz_bytes_str(name))) return true;
    return false;
}

/* What must be there and is not, or is there and says nothing. */
static enum lz_err missing(struct call *c, const struct spec *spec) {
    char name[40];
    if (strcmp(spec->name, "title") == 0 && arg_given(c, spec->name))
        return lz_refuse(c->fail, LZ_usage, "标题不能为空；请在 --title 后写明标题");
    snprintf(name, sizeof name, "%s%s", spec->option ? "--" : "", spec->name);
    for (char *p = name; *p && !spec->option; p++) *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
    return usage(c, arg_given(c, spec->name) ? "不能为空：" : "缺少参数：", lz_bytes_str(name));
}

enum lz_err args_check(struct call *c) {
    const struct ask *ask = c->ask;
    for (size_t i = 0; i < ask->n_args; i++) {
        struct lz_bytes name = ask->args[i].name;
        if (!spec_has(c->verb->args, name)) return usage(c, "没有这个参数：", name);
        for (size_t j = 0; j < i; j++)
            if (lz_bytes_equal(ask->args[j].name, name)) return usage(c, "参数重复：", name);
    }
    const char *args = c->verb->args;
    struct spec spec;
    while (spec_next(&args, &spec))
        if (!spec.optional && !spec.flag && arg_bytes(c, spec.name).len == 0) return missing(c, &spec);
    return LZ_ok;
}

struct lz_bytes arg_bytes(struct call *c, const char *name) {
    for (size_t i = 0; i < c->ask->n_args; i++)
        if (lz_bytes_equal(c->ask->args[i].name, lz_bytes_str(name))) return c->ask->args[i].value;
    return (struct lz_bytes){ 0 };
}

/* Empty is not given: a script that passes an empty variable means nothing by it. */
const char *arg_text(struct call *c, const char *name) {
    struct lz_bytes value = arg_bytes(c, name);
    if (value.len == 0) return NULL;
    char *text = arena_alloc_raw(c->arena, value.len + 1);
    if (!text) { store_give_up(c->store); return NULL; }
    memcpy(text, value.data, value.len);
    text[value.len] = 0;
    return text;
}

/* What is a number, a code or a date: signs of an input method are taken for what they mean. */
static const char *narrow_of(struct call *c, const char *text) {
    char *narrow = text ? arena_alloc_raw(c->arena, strlen(text) + 1) : NULL;
    if (narrow) (void)lz_text_narrow(lz_bytes_str(text), narrow, strlen(text) + 1);
    return narrow ? narrow : text;
}
static const char *arg_narrow(struct call *c, const char *name) { return narrow_of(c, arg_text(c, name)); }

bool arg_flag(struct call *c, const char *name) {
    struct lz_bytes value = arg_bytes(c, name);
    return value.len > 0 && !lz_bytes_equal(value, lz_bytes_str("0"));
}

/* ---- units ------------------------------------------------------------------------------------------------------------------- */

/* Six digits, or the full name of a unit of the divisions file. */
static enum lz_err code_of(struct call *c, const char *text, uint32_t *code) {
    uint32_t value;
    if (strlen(text) == 6 && lz_u32_parse(text, &value) && value >= 100000) { *code = value; return LZ_ok; }
    uint32_t found[4];
    size_t n = 0;
    for (size_t i = 0; i < units_count(c->units); i++) {
        const struct unit *unit = units_at(c->units, i);
        if (strcmp(unit->name, text) == 0 && n < LZ_COUNT(found)) found[n++] = unit->code;
    }
    if (n == 0) return lz_refuse(c->fail, LZ_unknown_unit, "没有单位“%.100s”；请写六位代码（如 410802）或区划表中的全名，linzhangctl units 可查", text);
    if (n > 1) return lz_refuse(c->fail, LZ_ambiguous, "叫“%.100s”的单位不止一个：%06u %s、%06u %s 等；请写六位代码", text, found[0],
                                unit_name(c, units_find(c->units, found[0])->parent), found[1], unit_name(c, units_find(c->units, found[1])->parent));
    *code = found[0];
    return LZ_ok;
}

enum lz_err arg_code(struct call *c, const char *name, uint32_t *code) {
    const char *text = arg_narrow(c, name);
    return text ? code_of(c, text, code) : LZ_ok;
}

static int by_code(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static enum lz_err add_below(struct call *c, uint32_t code, uint32_t *out, size_t max, size_t *n) {
    size_t below = units_below(c->units, code, code != c->unit, out + *n, max - *n);
    if (below == 0) return lz_refuse(c->fail, LZ_unknown_unit, "%06u 不在区划表中，或没有下级；%06u+ 是它和它的全部下级", code, code);
    if (below > max - *n) return lz_refuse(c->fail, LZ_too_many, "单位超过 %zu 个；请分次进行", max);
    *n += below;
    return LZ_ok;
}

/* `410800,410802`, `410800+` for it and all below it, `all`; ascending, each once. */
enum lz_err arg_codes(struct call *c, const char *name, uint32_t *out, size_t max, size_t *n, bool *all) {
    char *text = (char *)(uintptr_t)arg_narrow(c, name), *rest = NULL;
    *n = 0;
    if (!text) return LZ_ok;
    if (all && (strcmp(text, "all") == 0 || strcmp(text, "全部") == 0)) { *all = true; return LZ_ok; }
    for (char *p = text; (p = strstr(p, "，")); ) { p[0] = ','; p[1] = p[2] = ' '; }
    for (char *part = strtok_r(text, ", ", &rest); part; part = strtok_r(NULL, ", ", &rest)) {
        size_t len = strlen(part);
        bool below = len > 1 && part[len - 1] == '+';
        uint32_t code = 0;
        if (below) part[len - 1] = 0;
        enum lz_err err = code_of(c, part, &code);
        if (err == LZ_ok && below) err = add_below(c, code, out, max, n);
        else if (err == LZ_ok && *n == max) err = lz_refuse(c->fail, LZ_too_many, "单位超过 %zu 个；请分次进行", max);
        else if (err == LZ_ok) out[(*n)++] = code;
        if (err != LZ_ok) return err;
    }
    if (*n == 0) return lz_refuse(c->fail, LZ_bad_argument, "--%s 没有写单位；例如 410800,410802 或 410800+ 或 all", name);
    qsort(out, *n, sizeof *out, by_code);
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++)
        if (kept == 0 || out[kept - 1] != out[i]) out[kept++] = out[i];
    *n = kept;
    return LZ_ok;
}

/* ---- ids --------------------------------------------------------------------------------------------------------------------- */

struct found {
    struct rec_id ids[8];
    size_t n;
};

static void found_add(struct found *found, struct rec_id id) {
    for (size_t i = 0; i < found->n; i++)
        if (rec_id_equal(found->ids[i], id)) return;
    if (found->n < LZ_COUNT(found->ids)) found->ids[found->n++] = id;
}

static void find_short(struct call *c, struct rec_id id, struct found *found) {
    struct key key = key_id(id), prefix;
    struct lz_bytes v;
    key.len = 14;                                          /* origin, kind, stamp */
    prefix = key;
    for (; store_seek(c->store, TABLE_record, &key, &v) && key_begins(&key, &prefix, prefix.len); key = key_after(key))
        if (key.len == REC_ID_BYTES) found_add(found, rec_id_get(key.b));
}

/* What stands before the brackets of a number: 焦林长督 of 焦林长督〔2022〕3号. */
static struct lz_bytes number_word(struct lz_bytes number) {
    static const char *const open[] = { "〔", "【", "[", "(", "（" };
    for (size_t i = 0; i < LZ_COUNT(open); i++) {
        const uint8_t *at = memmem(number.data, number.len, open[i], strlen(open[i]));
        if (at) return lz_bytes_of(number.data, (size_t)(at - number.data));
    }
    return number;
}

struct wanted { struct lz_bytes word; uint32_t year, serial; };

static void find_in_kind(struct call *c, uint16_t kind, const struct wanted *wanted, struct found *found) {
    struct scan scan;
    struct rec_id id;
    size_t before = arena_used(c->arena);
    if (!scan_open(c, kind, 0, &scan)) return;
    for (uint32_t i = 0; i < SCAN_SUBJECT_MAX && scan_next(c, &scan, &id); i++) {
        size_t mark = arena_used(c->arena);
        struct record r;
        if (flow_record(c->flow, id, &r) && r.of.directive.serial == wanted->serial && r.of.directive.year == wanted->year &&
            lz_bytes_equal(number_word(r.of.directive.number), wanted->word)) found_add(found, id);
        arena_rewind(c->arena, mark);
    }
    arena_rewind(c->arena, before);
}

/* only: the kind the noun says; what it is about or breaks down may be of any. */
static void find_number(struct call *c, struct lz_bytes number, const struct kind_row *only, struct found *found) {
    struct wanted wanted = { .word = number_word(number) };
    if (!number_parse(number, &wanted.year, &wanted.serial)) return;
    for (size_t i = 0; i < kind_count(); i++) {
        const struct kind_row *row = kind_at(i);
        if (row->machine == MACHINE_HANDLING && (!only || only == row)) find_in_kind(c, row->number, &wanted, found);
    }
}

static enum lz_err ambiguous(struct call *c, const char *text, const struct found *found) {
    for (size_t i = 0; i < found->n; i++) {
        struct record r;
        if (!flow_record(c->flow, found->ids[i], &r) || !row_begin(c, "candidates")) continue;
        cell_id(c, "id", found->ids[i]);
        cell_kind(c, r.kind);
        cell_bytes(c, "title", kind_is_directive(r.kind) ? r.of.directive.title : r.kind == KIND_problem ? r.of.problem.title : (struct lz_bytes){ 0 });
        row_end(c);
    }
    char first[REC_ID_TEXT], second[REC_ID_TEXT];
    rec_id_print(found->ids[0], first);
    rec_id_print(found->ids[1], second);
    return lz_refuse(c->fail, LZ_ambiguous, "“%.100s”对应 %zu 件：%s、%s 等；请写完整编号", text, found->n, first, second);
}

/* A full id, an id without its last group, or the number of a document. */
enum lz_err arg_id(struct call *c, const char *name, struct rec_id *id) {
    const char *text = arg_text(c, name);
    return text ? id_of_text(c, name, text, id) : LZ_ok;
}

enum lz_err id_of_text(struct call *c, const char *name, const char *text, struct rec_id *id) {
    struct found found = { .n = 0 };
    bool whole;
    if (rec_id_parse(text, id, &whole)) {
        struct stored stored;
        if (!whole) find_short(c, *id, &found);
        else if (store_record_get(c->store, key_id(*id), &stored)) found_add(&found, *id);
    } else {
        const struct kind_row *only = strcmp(name, "id") == 0 ? c->kind : NULL;
        find_number(c, lz_bytes_str(text), only, &found);
        if (found.n == 0) find_number(c, lz_bytes_str(narrow_of(c, text)), only, &found);
    }
    if (found.n > 1) return ambiguous(c, text, &found);
    if (found.n == 0) return lz_refuse(c->fail, LZ_not_found, "没有找到“%.100s”；请写编号（如 410800-task-01M0W7Q0R8000）或文号（如 焦林长督〔2022〕3号），list 可查", text);
    *id = found.ids[0];
    if (c->kind && strcmp(name, "id") == 0 && id->kind != c->kind->number)
        return lz_refuse(c->fail, LZ_bad_argument, "“%.100s”是%s，不是%s", text, said(c, kind_row(id->kind) ? kind_row(id->kind)->zh : "别的种类"),
                         said(c, c->kind->zh));
    return LZ_ok;
}

/* ---- dates ------------------------------------------------------------------------------------------------------------------- */

static enum lz_err bad_date(struct call *c, const char *name, const char *text) {
    return lz_refuse(c->fail, LZ_bad_date, "--%s “%.40s”不是日期；请写成 2022-06-30 或 2022-06-30T18:00（北京时间）", name, text);
}

enum lz_err arg_date(struct call *c, const char *name, uint32_t *date) {
    const char *text = arg_narrow(c, name);
    if (!text || lz_date_parse(text, date)) return LZ_ok;
    return lz_refuse(c->fail, LZ_bad_date, "--%s “%.40s”不是日期；请写成 2022-06-30", name, text);
}

static bool two_digits(const char *text, uint32_t most, uint32_t *value) {
    if (text[0] < '0' || text[0] > '9' || text[1] < '0' || text[1] > '9') return false;
    *value = (uint32_t)(text[0] - '0') * 10 + (uint32_t)(text[1] - '0');
    return *value <= most;
}

/* China time. Gives the day, and the moment in it; *whole_day when no time was written. */
static bool moment_parse(const char *text, uint32_t *day, uint64_t *in_day, bool *whole_day) {
    char date[11];
    size_t len = strlen(text);
    *in_day = 0;
    *whole_day = len <= 10;
    if (*whole_day) return lz_date_parse(text, day);
    memcpy(date, text, 10);
    date[10] = 0;
    uint32_t hour, minute, second = 0;
    if (!lz_date_parse(date, day) || (text[10] != 'T' && text[10] != ' ')) return false;
    if ((len != 16 && len != 19) || !two_digits(text + 11, 23, &hour) || text[13] != ':' || !two_digits(text + 14, 59, &minute)) return false;
    if (len == 19 && (text[16] != ':' || !two_digits(text + 17, 59, &second))) return false;
    *in_day = (((uint64_t)hour * 60 + minute) * 60 + second) * 1000;
    return true;
}

/* when_whole: what is added to a date that came without a time. */
static enum lz_err take_moment(struct call *c, const char *name, uint64_t when_whole, uint64_t *wall_ms) {
    const char *text = arg_narrow(c, name);
    uint32_t day;
    uint64_t in_day;
    bool whole_day;
    if (!text) return LZ_ok;
    if (!moment_parse(text, &day, &in_day, &whole_day)) return bad_date(c, name, text);
    *wall_ms = lz_date_start_ms(day) + (whole_day ? when_whole : in_day);
    return LZ_ok;
}

enum lz_err arg_moment(struct call *c, const char *name, uint64_t *wall_ms) { return take_moment(c, name, 0, wall_ms); }

/* A due date without a time is the end of that day. */
enum lz_err arg_end_of_day(struct call *c, const char *name, uint64_t *wall_ms) { return take_moment(c, name, LZ_DAY_MS - 1000, wall_ms); }

/* ---- numbers ------------------------------------------------------------------------------------------------------------------ */

enum lz_err arg_u32(struct call *c, const char *name, uint32_t max, uint32_t *value) {
    const char *text = arg_narrow(c, name);
    uint32_t v;
    if (!text) return LZ_ok;
    if (!lz_u32_parse(text, &v) || v > max) return lz_refuse(c->fail, LZ_bad_argument, "--%s 应为 0 至 %u 的整数，不是“%.40s”", name, max, text);
    *value = v;
    return LZ_ok;
}

enum lz_err arg_i64(struct call *c, const char *name, int64_t *value) {
    const char *text = arg_narrow(c, name);
    if (!text || lz_i64_parse(text, value)) return LZ_ok;
    return lz_refuse(c->fail, LZ_bad_argument, "--%s 应为整数，不是“%.40s”；带小数的请换小一级的单位（如亩换平方米）", name, text);
}

/* A decimal fraction as an integer of 10^-digits; no floating point on its way. */
enum lz_err arg_decimal(struct call *c, const char *name, int digits, int64_t *value) {
    const char *text = arg_narrow(c, name), *p = text;
    if (!text) return LZ_ok;
    bool negative = *p == '-';
    int64_t sum = 0;
    int behind = -1, n = 0;
    for (p += negative; *p; p++) {
        if (*p == '.' && behind < 0) { behind = 0; continue; }
        if (*p < '0' || *p > '9' || ++n > 15 || behind == digits) break;
        sum = sum * 10 + (*p - '0');
        if (behind >= 0) behind++;
    }
    if (*p || n == 0) return lz_refuse(c->fail, LZ_bad_argument, "--%s 应为数字，最多 %d 位小数，不是“%.40s”", name, digits, text);
    for (int i = behind < 0 ? 0 : behind; i < digits; i++) {
        if (sum > INT64_MAX / 10) return lz_refuse(c->fail, LZ_bad_argument, "--%s 太大：“%.40s”", name, text);
        sum *= 10;
    }
    *value = negative ? -sum : sum;
    return LZ_ok;
}

/* ---- words -------------------------------------------------------------------------------------------------------------------- */

enum lz_err arg_kind(struct call *c, const char *name, const struct kind_row **kind) {
    static const struct { const char *noun; uint32_t kind; } nouns[] = {
#define N(noun, name) { noun, KIND_##name },
#include "../../schema/verbs.def"
    };
    const char *text = arg_text(c, name);
    if (!text) return LZ_ok;
    *kind = kind_by_name(text);
    for (size_t i = 0; i < LZ_COUNT(nouns) && !*kind; i++)
        if (strcmp(nouns[i].noun, text) == 0) *kind = kind_row(nouns[i].kind);
    return *kind ? LZ_ok : lz_refuse(c->fail, LZ_bad_argument, "不认识的种类“%.40s”；可用 order letter reminder task bulletin problem emergency progress duty", text);
}

enum lz_err arg_class(struct call *c, uint32_t kind, uint32_t *class) {
    const char *text = arg_text(c, "class");
    if (!text || class_by_name(kind, text, class)) return LZ_ok;
    /* a sentence holds some of them: all stand in the rows */
    char all[300] = "";
    size_t known = 0, named = 0;
    for (uint32_t i = 0; i < 256; i++) {
        const char *name = class_name(kind, i);
        if (strcmp(name, "unknown") == 0) continue;
        size_t before = strlen(all);
        known++;
        if (named + 1 == known) lz_list_add(c->fail->lang, all, sizeof all, name, class_zh(kind, i));
        named += strlen(all) > before;
        if (!row_begin(c, "candidates")) continue;
        cell_text(c, "item_name", name);
        cell_word(c, "value", class_zh(kind, i));
        row_end(c);
    }
    return lz_refuse(c->fail, LZ_bad_argument, "没有类别“%.40s”；可用：%s%s", text, all, said(c, named < known ? " 等" : ""));
}

enum lz_err arg_colour(struct call *c, const char *name, int *colour) {
    static const char *const zh[COLOUR_COUNT][3] = { { "绿", "绿灯", "正常" }, { "蓝", "蓝灯", "临期" }, { "黄", "黄灯", "滞后" }, { "红", "红灯", "逾期" } };
    const char *text = arg_text(c, name);
    if (!text) return LZ_ok;
    for (int i = 0; i < COLOUR_COUNT; i++) {
        bool is = strcmp(text, colour_name((enum colour)i)) == 0 || strcmp(text, colour_zh((enum colour)i)) == 0;
        for (size_t j = 0; j < 3; j++) is |= strcmp(text, zh[i][j]) == 0;
        if (is) { *colour = i; return LZ_ok; }
    }
    return lz_refuse(c->fail, LZ_bad_argument, "没有颜色“%.40s”；可用 green 绿、blue 蓝、yellow 黄、red 红", text);
}

enum lz_err arg_state(struct call *c, enum machine machine, int *state) {
    const char *text = arg_text(c, "state");
    uint8_t value;
    if (!text) return LZ_ok;
    if (state_by_name(machine, text, &value)) { *state = value; return LZ_ok; }
    char all[400] = "";
    for (uint8_t i = 0; i < STATES_MAX; i++)
        if (strcmp(state_name(machine, i), "-") != 0) lz_list_add(c->fail->lang, all, sizeof all, state_name(machine, i), state_zh(machine, i));
    return lz_refuse(c->fail, LZ_bad_argument, "没有状态“%.40s”；可用：%s", text, all);
}

enum lz_err arg_word(struct call *c, const char *name, const char *const words[][2], size_t n, uint32_t *value) {
    const char *text = arg_text(c, name);
    if (!text) return LZ_ok;
    for (size_t i = 0; i < n; i++)
        if (lz_word_is(lz_bytes_str(text), words[i][0], words[i][1])) { *value = (uint32_t)i; return LZ_ok; }
    char all[300] = "";
    for (size_t i = 0; i < n; i++) lz_list_add(c->fail->lang, all, sizeof all, words[i][0], words[i][1]);
    return lz_refuse(c->fail, LZ_bad_argument, "--%s 没有“%.40s”；可用：%s", name, text, all);
}
