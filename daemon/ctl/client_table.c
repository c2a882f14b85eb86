/* client_table: the rows of a table as drafts, and what its columns are called.
 *
 * A column is known by a field's name, its Chinese, or what the mapping file says; `森林面积（亩）` names its measure too. Guarantees: a row
 * is a function of its text and the mapping, and so is the key by which it is known again: its number, their own key, or, where it has none,
 * its content. Leaves to others: whether the daemon takes it. */
#include "client.h"

#include <sodium.h>

/* ---- kinds that are no forms, as if they were ------------------------------------------------------------------------- */

/* the place of a word is its number; none is left out */
static const struct form_word problem_classes[32] = {
#define P_CLASS(name, number, zh) [number] = { #name, zh },
#include "../../schema/classes.def"
};
static const struct form_word problem_sources[32] = {
#define P_SOURCE(name, number, zh) [number] = { #name, zh },
#include "../../schema/classes.def"
};
static const struct form_word severities[] = { { "none", "未定" }, { "usual", "一般" }, { "serious", "较重" }, { "major", "重大" }, { NULL, NULL } };
enum { PROBLEM_TITLE, PROBLEM_CLASS, PROBLEM_BODY, PROBLEM_PLACE, PROBLEM_PLACE_CODE, PROBLEM_PARCEL, PROBLEM_FOUND, PROBLEM_SEVERITY, PROBLEM_LONGITUDE,
       PROBLEM_LATITUDE, PROBLEM_SOURCE };
static const struct form_field problem_fields[] = {
    { "title", "标题", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "class", "类别", FIELD_CHOICE, 0, problem_classes },
    { "body", "正文", FIELD_TEXT, 0, NULL },
    { "place", "地点", FIELD_TEXT, 0, NULL },
    { "place_code", "所在单位", FIELD_UNIT, 0, NULL },
    { "parcel", "图斑", FIELD_TEXT, 0, NULL },
    { "found", "发现日期", FIELD_DATE, FIELD_NEEDED, NULL },
    { "severity", "程度", FIELD_CHOICE, 0, severities },
    { "longitude", "经度", FIELD_DEGREES, 0, NULL },
    { "latitude", "纬度", FIELD_DEGREES, 0, NULL },
    { "source", "问题来源", FIELD_CHOICE, 0, problem_sources },
};
enum { PROGRESS_TASK, PROGRESS_AS_OF, PROGRESS_NUM, PROGRESS_DEN, PROGRESS_TEXT };
static const struct form_field progress_fields[] = {
    { "task", "任务", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "as_of", "截至", FIELD_DATE, FIELD_NEEDED, NULL },
    { "num", "完成量", FIELD_NUMBER, FIELD_NEEDED, NULL },
    { "den", "任务量", FIELD_NUMBER, FIELD_NEEDED, NULL },
    { "text", "说明", FIELD_TEXT, 0, NULL },
};
enum { DIRECTIVE_NUMBER, DIRECTIVE_TITLE, DIRECTIVE_BODY, DIRECTIVE_SIGNERS, DIRECTIVE_LEAD, DIRECTIVE_RESPONSIBLE, DIRECTIVE_MEASURE, DIRECTIVE_PLAN,
       DIRECTIVE_ITEM, DIRECTIVE_DUE, DIRECTIVE_ANSWER };
static const struct form_field directive_fields[] = {
    { "number", "文号", FIELD_TEXT, 0, NULL },
    { "title", "标题", FIELD_TEXT, FIELD_NEEDED, NULL },
    { "body", "正文", FIELD_TEXT, 0, NULL },
    { "signers", "签发人", FIELD_TEXT, 0, NULL },
    { "lead", "牵头单位", FIELD_TEXT, 0, NULL },
    { "responsible", "责任单位", FIELD_TEXT, 0, NULL },
    { "measure", "要求", FIELD_TEXT, 0, NULL },
    { "plan", "方案", FIELD_TEXT, 0, NULL },
    { "item", "事项", FIELD_NUMBER, 0, NULL },
    { "due", "期限", FIELD_DATE, 0, NULL },
    { "answer", "要求报告", FIELD_FLAG, 0, NULL },
};

bool table_kind_find(const char *name, struct table_kind *table) {
    const struct noun *noun = noun_find(name);
    const struct kind_row *kind = noun ? kind_row(noun->kind) : kind_by_name(name);
    *table = (struct table_kind){ .kind = kind };
    if (!kind) return false;
    if (kind->form) *table = (struct table_kind){ kind, kind->form->fields, kind->form->n_fields };
    else if (kind->number == KIND_problem) *table = (struct table_kind){ kind, problem_fields, LZ_COUNT(problem_fields) };
    else if (kind->number == KIND_progress) *table = (struct table_kind){ kind, progress_fields, LZ_COUNT(progress_fields) };
    else if (kind->machine == MACHINE_HANDLING) *table = (struct table_kind){ kind, directive_fields, LZ_COUNT(directive_fields) };
    return table->fields != NULL;
}

/* ---- columns ------------------------------------------------------------------------------------------------------------- */

enum { COLUMN_IGNORED = -1, COLUMN_NO = -2, COLUMN_ID = -3, COLUMN_STATE = -4, COLUMN_FROM = -5, COLUMN_ORIGIN = -6, COLUMN_UNKNOWN = -9 };
static const struct { const char *name, *zh; int column; } fixed[] = {
    { "no", "编号", COLUMN_NO }, { "id", "记录编号", COLUMN_ID }, { "origin", "登记单位", COLUMN_ORIGIN }, { "state", "状态", COLUMN_STATE },
    { "valid_from", "生效日期", COLUMN_FROM }, { "line", "行号", COLUMN_IGNORED }, { "reason", "拒收原因", COLUMN_IGNORED }, { "-", "-", COLUMN_IGNORED },
    { "written", "登记时间", COLUMN_IGNORED },
};

static bool is(struct lz_bytes text, const char *word) { return lz_bytes_equal(text, lz_bytes_str(word)); }

static size_t field_named(const struct table_kind *of, struct lz_bytes name) {
    size_t i = 0;
    while (i < of->n_fields && !lz_word_is(name, of->fields[i].name, of->fields[i].zh)) i++;
    return i;
}

static int column_named(const struct table_kind *of, struct lz_bytes name) {
    size_t at = field_named(of, name);
    if (at < of->n_fields) return (int)at;
    for (size_t i = 0; i < LZ_COUNT(fixed); i++) {
        if (!is(name, fixed[i].name) && !is(name, fixed[i].zh)) continue;
        bool forms = fixed[i].column == COLUMN_STATE || fixed[i].column == COLUMN_FROM;
        if (forms && !of->kind->form) return COLUMN_IGNORED;             /* of an event: told, not given */
        return fixed[i].column == COLUMN_NO && !of->kind->form ? COLUMN_ID : fixed[i].column;
    }
    return COLUMN_UNKNOWN;
}

/* `面积（亩）`, `面积(亩)`: the name, and behind it the measure. */
static struct lz_bytes without_measure(struct arena *arena, struct lz_bytes heading, const char **measure) {
    static const struct { const char *open, *close; } brackets[] = { { "（", "）" }, { "(", ")" } };
    for (size_t i = 0; i < LZ_COUNT(brackets); i++) {
        size_t open = strlen(brackets[i].open), close = strlen(brackets[i].close);
        if (heading.len <= open + close || memcmp(heading.data + heading.len - close, brackets[i].close, close) != 0) continue;
        const uint8_t *at = memmem(heading.data, heading.len, brackets[i].open, open);
        if (!at || at == heading.data) continue;
        const uint8_t *word = at + open;
        *measure = arena_printf(arena, "%.*s", (int)(heading.data + heading.len - close - word), (const char *)word);
        size_t len = (size_t)(at - heading.data);
        while (len > 0 && heading.data[len - 1] == ' ') len--;
        return lz_bytes_of(heading.data, len);
    }
    return heading;
}

static bool is_measured(const struct form_field *field) { return field->type >= FIELD_AREA && field->type <= FIELD_DEGREES; }

static enum lz_err check_measure(const struct form_field *field, const char *measure, struct lz_fail *fail) {
    static const char *const multiples[] = { "万", "千", "百", "亿" };
    char one[80];
    int64_t value;
    if (!measure) return LZ_ok;
    (void)snprintf(one, sizeof one, "1%.60s", measure);
    if (is_measured(field) && form_number_parse(field, lz_bytes_str(one), &value, NULL) != LZ_ok)
        return lz_refuse(fail, LZ_bad_argument, "表头“%s（%.40s）”里的计量单位不认识；请改正，或在映射文件 [columns] 中写明这一列", lz_said_field(fail, field->zh), measure);
    for (size_t i = 0; i < LZ_COUNT(multiples) && field->type == FIELD_NUMBER; i++)
        if (strncmp(measure, multiples[i], strlen(multiples[i])) == 0)
            return lz_refuse(fail, LZ_bad_argument, "表头“%s（%.40s）”：这一列按个数填写，请换算后去掉“%s”", lz_said_field(fail, field->zh), measure, multiples[i]);
    return LZ_ok;
}

static enum lz_err take_column(struct csv_table *t, size_t at, char *strangers, size_t size, struct lz_fail *fail) {
    struct lz_bytes heading = csv_plain(t->head.fields[at]), name = heading;
    const char *mapped = map_column(t->map, heading), *measure = NULL;
    int column = mapped ? column_named(&t->of, lz_bytes_str(mapped)) : column_named(&t->of, heading);
    if (mapped && column == COLUMN_UNKNOWN) return lz_refuse(fail, LZ_bad_argument, "映射文件 [columns]：%s没有字段“%.60s”", lz_said(fail, t->of.kind->zh), mapped);
    struct lz_bytes base = without_measure(t->arena, heading, &measure);
    if (column == COLUMN_UNKNOWN) column = column_named(&t->of, name = base);
    t->columns[at].field = column;
    if (heading.len == 0) t->columns[at].field = COLUMN_IGNORED;
    else if (column == COLUMN_UNKNOWN) {
        size_t used = strlen(strangers);
        t->columns[at].field = COLUMN_IGNORED;
        t->ignored++;
        (void)snprintf(strangers + used, size - used, " %.*s", (int)(name.len < 40 ? name.len : 40), (const char *)name.data);
        return LZ_ok;
    }
    if (t->columns[at].field == COLUMN_IGNORED) return LZ_ok;
    for (size_t i = 0; i < at; i++)
        if (t->columns[i].field == column) return lz_refuse(fail, LZ_bad_argument, "第 %zu 列和第 %zu 列都是“%.*s”", i + 1, at + 1, (int)base.len,
                                                            (const char *)base.data);
    if (column < 0) return LZ_ok;
    t->present |= 1u << column;
    t->columns[at].measure = measure && (is_measured(&t->of.fields[column])) ? measure : NULL;
    return check_measure(&t->of.fields[column], measure, fail);
}

static enum lz_err check_constants(struct csv_table *t, struct lz_fail *fail) {
    struct lz_bytes value;
    const char *name;
    for (; (name = map_constant(t->map, t->constants, &value)); t->constants++) {
        int column = column_named(&t->of, lz_bytes_str(name));
        if (column == COLUMN_UNKNOWN || column == COLUMN_IGNORED || column == COLUMN_ID)
            return lz_refuse(fail, LZ_bad_argument, "映射文件 [constants]：%s没有字段“%.60s”", lz_said(fail, t->of.kind->zh), name);
        if (column >= 0) t->present |= 1u << column;
    }
    return LZ_ok;
}

enum lz_err table_open(struct csv_table *t, struct arena *arena, const char *kind, const struct map *map, const char *source, struct lz_bytes text,
                       struct lz_fail *fail) {
    char strangers[256] = "";
    *t = (struct csv_table){ .map = map, .source = source, .arena = arena };
    if (!table_kind_find(kind, &t->of)) return lz_refuse(fail, LZ_bad_argument, "“%.60s”不是可导入导出的种类；linzhangctl kinds 列出登记表，另有 problem、progress 和各种下发件", kind);
    csv_open(&t->csv, text);
    if (!csv_next(&t->csv, arena, &t->head)) return lz_refuse(fail, LZ_bad_argument, "文件是空的：第一行应是列名");
    if (!t->head.whole || !lz_text_valid(t->head.raw)) return lz_refuse(fail, LZ_bad_utf8, "表头读不懂：请把文件另存为 CSV（UTF-8 或 GBK）");
    if (t->head.n > CSV_FIELDS_MAX) return lz_refuse(fail, LZ_too_many, "表头有 %zu 列：最多 %d 列", t->head.n, CSV_FIELDS_MAX);
    enum lz_err err = LZ_ok;
    for (size_t i = 0; i < t->head.n && err == LZ_ok; i++) err = take_column(t, i, strangers, sizeof strangers, fail);
    if (err == LZ_ok && strangers[0] && !map)
        err = lz_refuse(fail, LZ_bad_argument, "不认识的列：%s；请删去或改正列名，或用 --map 给出映射文件（映射文件没有提到的列不导入）", strangers + 1);
    if (err == LZ_ok) err = check_constants(t, fail);
    for (size_t i = 0; i < t->of.n_fields && err == LZ_ok && !t->of.kind->form; i++)
        if (t->of.fields[i].flags & FIELD_NEEDED && !(t->present >> i & 1))
            err = lz_refuse(fail, LZ_bad_argument, "表头缺少“%s”（%s）列", lz_said_field(fail, t->of.fields[i].zh), t->of.fields[i].name);
    return err;
}

/* ---- cells ----------------------------------------------------------------------------------------------------------------- */

static bool digit(struct lz_bytes text, size_t at) { return at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; }

/* 2022/6/30, 2022.6.30, 2022年6月30日, 2022-6-30 0:00: as spreadsheets and people write them. */
static struct lz_bytes plain_date(struct arena *arena, struct lz_bytes text) {
    unsigned part[3] = { 0, 0, 0 };
    size_t at = 0, n = 0;
    for (; n < 3 && digit(text, at); n++) {
        for (size_t i = 0; digit(text, at) && i < 4; i++) part[n] = part[n] * 10 + text.data[at++] - '0';
        static const char *const between[] = { "/", "-", ".", "年", "月", "日" };
        for (size_t i = 0; i < LZ_COUNT(between); i++)
            if (text.len - at >= strlen(between[i]) && memcmp(text.data + at, between[i], strlen(between[i])) == 0) { at += strlen(between[i]); break; }
    }
    if (n != 3 || part[0] < 1000 || part[1] > 99 || part[2] > 99 || (at < text.len && text.data[at] != ' ' && text.data[at] != 'T')) return text;
    const char *out = arena_printf(arena, "%04u-%02u-%02u", part[0], part[1], part[2]);
    return out ? lz_bytes_str(out) : text;
}

/* 1,234,567.8 without its commas; anything else as it is. */
static struct lz_bytes plain_number(struct arena *arena, struct lz_bytes text) {
    char *out = client_alloc(arena, text.len + 1);
    size_t len = 0, since = 0;
    bool grouped = false;
    for (size_t i = 0; i < text.len; i++) {
        bool comma = text.data[i] == ',';
        if (comma && ((grouped && since != 3) || len == 0 || !digit(text, i + 1))) return text;
        grouped = grouped || comma;
        if (!comma) out[len++] = (char)text.data[i];
        since = comma ? 0 : digit(text, i) ? since + 1 : 100;
    }
    return grouped && since < 3 ? text : lz_bytes_of(out, len);
}

static bool is_nothing(struct lz_bytes text) {
    static const char *const words[] = { "-", "—", "——", "/", "无", "NULL", "null" };
    for (size_t i = 0; i < LZ_COUNT(words); i++)
        if (is(text, words[i])) return true;
    return text.len == 0;
}

static struct lz_bytes trimmed(struct lz_bytes text) {
    while (text.len > 0 && strchr(" \t\n", text.data[0])) text = lz_bytes_of(text.data + 1, text.len - 1);
    while (text.len > 0 && strchr(" \t\n", text.data[text.len - 1])) text.len--;
    return text;
}

static enum lz_err take_number(struct csv_table *t, struct arena *arena, const struct form_field *field, const char *measure, struct lz_bytes text,
                               int64_t *value,
                               struct lz_fail *fail) {
    struct lz_bytes plain = text;
    uint32_t date, today = lz_date_of(lz_clock_now().wall_ms);
    if (field->type == FIELD_DATE) plain = plain_date(arena, text);
    else if (field->type == FIELD_FLAG && (is(text, "TRUE") || is(text, "有"))) plain = lz_bytes_str("1");
    else if (field->type == FIELD_FLAG && (is(text, "FALSE") || is(text, "无"))) plain = lz_bytes_str("0");
    else if (field->type == FIELD_TIME && text.len > 6 && memcmp(text.data + text.len - 3, ":00", 3) == 0) plain.len -= 3;
    else if (field->type >= FIELD_NUMBER && field->type <= FIELD_DEGREES) plain = plain_number(arena, text);
    if (field->type == FIELD_NUMBER && plain.len && memchr(plain.data, '.', plain.len)) {
        while (plain.len > 1 && plain.data[plain.len - 1] == '0') plain.len--;
        if (plain.data[plain.len - 1] != '.') return lz_refuse(fail, LZ_bad_argument, "%s“%.*s”应为整数", lz_said_field(fail, field->zh), (int)(text.len < 60
                ? text.len : 60),
                                                               (const char *)text.data);
        plain.len--;
    }
    bool bare = plain.len > 0 && digit(plain, plain.len - 1);
    if (measure && bare) {
        const char *whole = arena_printf(arena, "%.*s%s", (int)plain.len, (const char *)plain.data, measure);
        if (whole) plain = lz_bytes_str(whole);
    }
    enum lz_err err = form_number_parse(field, plain, value, fail);
    if (err != LZ_ok || field->type != FIELD_DATE) return err;
    date = (uint32_t)*value;
    if (date <= today && date > t->newest) t->newest = date;
    return LZ_ok;
}

/* What a row says, before it is a record. */
struct said {
    struct form_value of[TABLE_FIELDS_MAX];
    uint32_t given;
    struct lz_bytes no, id, state, origin;
    uint32_t valid_from;
};

static enum lz_err take_cell(struct csv_table *t, struct arena *arena, int column, const char *measure, struct lz_bytes text, struct said *said,
                             struct lz_fail *fail) {
    static const struct form_field day = { "valid_from", "生效日期", FIELD_DATE, 0, NULL };
    int64_t number = 0;
    enum lz_err err = LZ_ok;
    switch (column) {
    case COLUMN_IGNORED: return LZ_ok;
    case COLUMN_NO: said->no = trimmed(text); return LZ_ok;
    case COLUMN_ID: said->id = trimmed(text); return LZ_ok;
    case COLUMN_STATE: said->state = map_value(t->map, "state", trimmed(text)); return LZ_ok;
    case COLUMN_ORIGIN: said->origin = trimmed(text); return LZ_ok;
    case COLUMN_FROM:
        if (trimmed(text).len) err = take_number(t, arena, &day, NULL, trimmed(text), &number, fail);
        said->valid_from = (uint32_t)number;
        return err;
    default: break;
    }
    const struct form_field *field = &t->of.fields[column];
    text = map_value(t->map, field->name, field->type == FIELD_TEXT ? text : trimmed(text));
    if (field->type == FIELD_TEXT ? text.len == 0 : is_nothing(text) && field->type != FIELD_FLAG) return LZ_ok;
    if (text.len == 0) return LZ_ok;
    said->given |= 1u << column;
    if (field->type == FIELD_TEXT) { said->of[column].text = text; return LZ_ok; }
    return take_number(t, arena, field, measure, text, &said->of[column].number, fail);
}

static enum lz_err take_cells(struct csv_table *t, struct arena *arena, const struct csv_row *row, struct said *said, struct lz_fail *fail) {
    enum lz_err err = LZ_ok;
    struct lz_bytes value;
    for (size_t i = 0; i < t->constants && err == LZ_ok; i++) {
        const char *name = map_constant(t->map, i, &value);
        LZ_ASSERT(name);
        err = take_cell(t, arena, column_named(&t->of, lz_bytes_str(name)), NULL, value, said, fail);
    }
    for (size_t i = 0; i < row->n && err == LZ_ok; i++)
        if (!lz_text_valid(row->fields[i])) err = lz_refuse(fail, LZ_bad_utf8, "第 %zu 列不是有效的文字，或含控制字符", i + 1);
        else err = take_cell(t, arena, t->columns[i].field, t->columns[i].measure, csv_plain(row->fields[i]), said, fail);
    for (size_t i = 0; i < t->of.n_fields && err == LZ_ok && !t->of.kind->form; i++)
        if (t->of.fields[i].flags & FIELD_NEEDED && !(said->given >> i & 1)) err = lz_refuse(fail, LZ_bad_argument, "缺少%s", lz_said_field(fail,
                t->of.fields[i].zh));
    return err;
}

/* ---- by what a row is known again ----------------------------------------------------------------------------------------------- */

static void hash_part(crypto_generichash_state *state, struct lz_bytes part) {
    uint8_t len[8];
    lz_put64(len, part.len);
    crypto_generichash_update(state, len, sizeof len);
    if (part.len) crypto_generichash_update(state, part.data, part.len);
}

static void hash_begin(const struct csv_table *t, crypto_generichash_state *state) {
    crypto_generichash_init(state, NULL, 0, 16);
    hash_part(state, lz_bytes_str(t->source));
    hash_part(state, lz_bytes_str(t->of.kind->name));
}

static uint64_t hash_end(crypto_generichash_state *state) {
    uint8_t out[16];
    crypto_generichash_final(state, out, sizeof out);
    return lz_get64(out);
}

/* Of what the row says, whatever the order of its columns. */
static uint64_t content_hash(const struct csv_table *t, const struct said *said) {
    crypto_generichash_state state;
    hash_begin(t, &state);
    for (size_t i = 0; i < t->of.n_fields; i++) {
        uint8_t number[9] = { said->given >> i & 1 };
        if (!number[0]) { hash_part(&state, (struct lz_bytes){ 0 }); continue; }
        lz_put64(number + 1, (uint64_t)said->of[i].number);
        hash_part(&state, t->of.fields[i].type == FIELD_TEXT ? said->of[i].text : lz_bytes_of(number, sizeof number));
    }
    hash_part(&state, said->state);
    return hash_end(&state);
}

static uint64_t key_hash(const struct csv_table *t, struct lz_bytes key, uint64_t content) {
    crypto_generichash_state state;
    uint8_t bytes[8];
    hash_begin(t, &state);
    hash_part(&state, key);
    lz_put64(bytes, content);
    hash_part(&state, lz_bytes_of(bytes, sizeof bytes));
    return hash_end(&state);
}

enum { REPEAT_BUCKETS = 4096 };
struct repeat { uint64_t content; uint32_t n; struct repeat *next; };

/* Rows without a key that say the same are as many as there are in the file: the first, the second ... */
static uint64_t nth_of(struct csv_table *t, uint64_t content) {
    struct repeat **buckets = t->repeats, *r;
    if (!buckets) t->repeats = buckets = client_alloc(t->arena, REPEAT_BUCKETS * sizeof *buckets);
    for (r = buckets[content % REPEAT_BUCKETS]; r && r->content != content; r = r->next) continue;
    if (!r) {
        r = client_alloc(t->arena, sizeof *r);
        *r = (struct repeat){ content, 0, buckets[content % REPEAT_BUCKETS] };
        buckets[content % REPEAT_BUCKETS] = r;
    }
    return content + UINT64_C(0x9E3779B97F4A7C15) * r->n++;
}

/* ---- drafts ----------------------------------------------------------------------------------------------------------------------- */

static enum lz_err form_of(struct csv_table *t, struct arena *arena, const struct said *said, struct record *draft, struct lz_fail *fail) {
    struct form *form = &draft->of.form;
    char no[16];
    form->of = arena_copy(arena, said->of, sizeof said->of);
    LZ_ASSERT(form->of);
    form->given = said->given;
    form->no = said->no;
    form->valid_from = said->valid_from;
    if (said->state.len) {
        if (!form_state_find(t->of.kind->form, said->state, &form->state))
            return lz_refuse(fail, LZ_bad_argument, "%s没有“%.*s”这个状态；linzhangctl kinds %s 可查", lz_said(fail, t->of.kind->zh),
                             (int)(said->state.len < 60 ? said->state.len : 60), (const char *)said->state.data, t->of.kind->name);
        draft->request_index = DRAFT_STATE_GIVEN;
    }
    if (form->no.len == 0) {
        lz_base32(nth_of(t, content_hash(t, said)) >> 4, 12, no);
        const char *given = arena_printf(arena, "R%s", no);
        if (given) form->no = lz_bytes_str(given);
    }
    return LZ_ok;
}

static struct lz_bytes text_of(const struct said *said, size_t at) { return said->given >> at & 1 ? said->of[at].text : (struct lz_bytes){ 0 }; }
static int64_t number_of(const struct said *said, size_t at) { return said->given >> at & 1 ? said->of[at].number : 0; }

static enum lz_err problem_of(const struct said *said, struct problem *p, struct lz_fail *fail) {
    int64_t longitude = number_of(said, PROBLEM_LONGITUDE), latitude = number_of(said, PROBLEM_LATITUDE);
    if (latitude < -90000000 || latitude > 90000000) return lz_refuse(fail, LZ_bad_argument, "纬度超出范围");
    if (number_of(said, PROBLEM_FOUND) > lz_date_of(lz_clock_now().wall_ms)) return lz_refuse(fail, LZ_bad_date, "发现日期在将来");
    *p = (struct problem){ .source = (uint32_t)number_of(said, PROBLEM_SOURCE), .class = (uint32_t)number_of(said, PROBLEM_CLASS), .title = text_of(said,
            PROBLEM_TITLE), .body = text_of(said, PROBLEM_BODY),
                           .place = text_of(said, PROBLEM_PLACE), .parcel = text_of(said, PROBLEM_PARCEL),
                           .place_code = (uint32_t)number_of(said, PROBLEM_PLACE_CODE), .longitude_e6 = (int32_t)longitude, .latitude_e6 = (int32_t)latitude,
                           .found_on = (uint32_t)number_of(said, PROBLEM_FOUND), .severity = said->given >> PROBLEM_SEVERITY & 1
                               ? (uint32_t)number_of(said, PROBLEM_SEVERITY) : 1 };
    return LZ_ok;
}

static enum lz_err progress_of(const struct said *said, struct progress *p, struct lz_bytes *task, struct lz_fail *fail) {
    *p = (struct progress){ (uint32_t)number_of(said, PROGRESS_AS_OF), number_of(said, PROGRESS_NUM), number_of(said, PROGRESS_DEN), text_of(said,
            PROGRESS_TEXT) };
    *task = text_of(said, PROGRESS_TASK);
    return p->denominator > 0 ? LZ_ok : lz_refuse(fail, LZ_bad_argument, "任务量应大于 0");
}

static void directive_of(const struct said *said, struct directive *d) {
    *d = (struct directive){ .number = text_of(said, DIRECTIVE_NUMBER), .title = text_of(said, DIRECTIVE_TITLE), .body = text_of(said, DIRECTIVE_BODY),
                             .signers = text_of(said, DIRECTIVE_SIGNERS), .lead = text_of(said, DIRECTIVE_LEAD),
                             .responsible = text_of(said, DIRECTIVE_RESPONSIBLE), .measure = text_of(said, DIRECTIVE_MEASURE), .plan = text_of(said,
                                     DIRECTIVE_PLAN),
                             .item = (uint32_t)number_of(said, DIRECTIVE_ITEM), .answer_wanted = number_of(said, DIRECTIVE_ANSWER) != 0 };
    uint32_t due = (uint32_t)number_of(said, DIRECTIVE_DUE);
    if (due) d->due_ms = lz_date_start_ms(due) + LZ_DAY_MS - 1000;       /* the end of that day */
}

/* A record's own id says which one it is; anything else is their key. The daemon remembers it with the record: 8 bytes of who it is, 8 of
 * what it says, so that it can tell a repeat from a change. */
static enum lz_err event_key(struct csv_table *t, struct arena *arena, const struct said *said, struct record *draft, struct lz_fail *fail) {
    char text[REC_ID_TEXT] = "";
    struct rec_id id;
    bool whole = false;
    if (said->id.len > 0 && said->id.len < sizeof text) memcpy(text, said->id.data, said->id.len);
    if (rec_id_parse(text, &id, &whole) && whole) {
        if (id.kind != draft->kind) return lz_refuse(fail, LZ_bad_argument, "编号 %s 不是%s的编号", text, lz_said(fail, t->of.kind->zh));
        draft->origin = id.origin;
        draft->stamp = id.stamp;
        draft->epoch = id.epoch;
        if (!t->foreign) return LZ_ok;
    }
    uint64_t content = content_hash(t, said);
    uint8_t *request = client_alloc(arena, 16);
    if (draft->kind == KIND_progress && said->id.len > 0) lz_put64(request, key_hash(t, said->id, content));
    else lz_put64(request, said->id.len ? key_hash(t, said->id, 0) : nth_of(t, content));
    lz_put64(request + 8, content);
    draft->request = lz_bytes_of(request, 16);
    return LZ_ok;
}

static enum lz_err take_origin(const struct said *said, struct record *draft, struct lz_fail *fail) {
    uint32_t code = 0;
    char text[16] = "";
    if (said->origin.len == 0) return LZ_ok;
    if (said->origin.len < sizeof text) memcpy(text, said->origin.data, said->origin.len);
    if (!lz_u32_parse(text, &code)) return lz_refuse(fail, LZ_unknown_unit, "登记单位“%.*s”不是单位代码", (int)(said->origin.len < 40 ? said->origin.len : 40),
                                                     (const char *)said->origin.data);
    draft->origin = code;
    return LZ_ok;
}

enum lz_err table_draft(struct csv_table *t, struct arena *arena, const struct csv_row *row, struct record *draft, struct lz_bytes *task,
                        struct lz_fail *fail) {
    struct said said = { .given = 0 };
    static_assert((int)FORM_FIELDS_MAX <= (int)TABLE_FIELDS_MAX, "a form is a table");
    *task = (struct lz_bytes){ 0 };
    *draft = (struct record){ .kind = t->of.kind->number };
    if (!row->whole) return lz_refuse(fail, LZ_bad_argument, "引号没有成对：字段里的 \" 应写成两个，整个字段用 \" 括起");
    if (row->n != t->head.n) return lz_refuse(fail, LZ_bad_argument, "有 %zu 列，表头有 %zu 列", row->n, t->head.n);
    enum lz_err err = take_cells(t, arena, row, &said, fail);
    if (err == LZ_ok) err = take_origin(&said, draft, fail);
    if (err != LZ_ok) return err;
    if (t->of.kind->form) return form_of(t, arena, &said, draft, fail);
    err = event_key(t, arena, &said, draft, fail);
    if (err != LZ_ok) return err;
    if (draft->kind == KIND_problem) return problem_of(&said, &draft->of.problem, fail);
    if (draft->kind == KIND_progress) return progress_of(&said, &draft->of.progress, task, fail);
    directive_of(&said, &draft->of.directive);
    return LZ_ok;
}

/* ---- headings ------------------------------------------------------------------------------------------------------------------- */

static const char *usual_measure(enum field_type type) {
    static const char *const words[FIELD_TYPE_COUNT] = { [FIELD_AREA] = "公顷", [FIELD_VOLUME] = "立方米", [FIELD_LENGTH] = "千米", [FIELD_MONEY] = "元",
                                                        [FIELD_PERCENT] = "%",
                                                        [FIELD_DEGREES] = "度" };
    return words[type];
}

static void heading(struct csv_out *csv, const struct form_field *field, bool zh) {
    char text[160];
    const char *measure = usual_measure(field->type);
    if (zh && measure) (void)snprintf(text, sizeof text, "%s（%s）", field->zh, measure);
    else (void)snprintf(text, sizeof text, "%s", zh ? field->zh : field->name);
    csv_value(csv, lz_bytes_str(text));
}

void table_head(struct csv_out *csv, const struct table_kind *of, bool zh) {
    bool form = of->kind->form != NULL;
    csv_value(csv, lz_bytes_str(form ? (zh ? "编号" : "no") : (zh ? "记录编号" : "id")));
    csv_value(csv, lz_bytes_str(zh ? "登记单位" : "origin"));
    for (size_t i = 0; i < of->n_fields; i++) heading(csv, &of->fields[i], zh);
    if (form) csv_value(csv, lz_bytes_str(zh ? "状态" : "state"));
    if (form) csv_value(csv, lz_bytes_str(zh ? "生效日期" : "valid_from"));
    csv_value(csv, lz_bytes_str(zh ? "登记时间" : "written"));
    csv_end_row(csv);
}
