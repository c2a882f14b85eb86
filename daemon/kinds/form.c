/* form: between what people type and the numbers that are kept. */
#include "kinds.h"
#include <inttypes.h>
#include <stdio.h>

static bool is(struct lz_bytes text, const char *word) { return lz_bytes_equal(text, lz_bytes_str(word)); }

size_t form_field_find(const struct form_kind *form, struct lz_bytes name) {
    size_t i = 0;
    while (i < form->n_fields && !lz_word_is(name, form->fields[i].name, form->fields[i].zh)) i++;
    return i;
}

bool form_state_find(const struct form_kind *form, struct lz_bytes name, uint8_t *state) {
    for (size_t i = 0; i < form->n_states; i++)
        if (lz_word_is(name, form->states[i].name, form->states[i].zh)) { *state = (uint8_t)i; return true; }
    return false;
}

/* ---- measures: a decimal number and the unit that it is typed in --------------------------------------------------------- */

enum { DECIMALS_MAX = 9, TYPED_BYTES_MAX = 128 };
static const int64_t NUMBER_MAX = INT64_C(1) << 53;          /* so that sums of sums stay exact, also for who reads them as doubles */
struct scale { enum field_type type; const char *word; int64_t by, over; };   /* kept = typed * by / over */
/* The first of a type is the one that is meant when none is typed, and that is printed. */
static const struct scale scales[] = {
    { FIELD_NUMBER, "", 1, 1 },
    { FIELD_AREA, "公顷", 10000, 1 }, { FIELD_AREA, "ha", 10000, 1 }, { FIELD_AREA, "亩", 10000, 15 }, { FIELD_AREA, "万亩", 100000000, 15 },
    { FIELD_AREA, "万公顷", 100000000, 1 }, { FIELD_AREA, "平方千米", 1000000, 1 }, { FIELD_AREA, "km2", 1000000, 1 }, { FIELD_AREA, "平方米", 1, 1 },
    { FIELD_AREA, "m2", 1, 1 },
    { FIELD_VOLUME, "立方米", 100, 1 }, { FIELD_VOLUME, "m3", 100, 1 }, { FIELD_VOLUME, "万立方米", 1000000, 1 }, { FIELD_VOLUME, "万m3", 1000000, 1 },
    { FIELD_VOLUME, "万m³", 1000000, 1 }, { FIELD_VOLUME, "m³", 100, 1 },
    { FIELD_LENGTH, "千米", 1000, 1 }, { FIELD_LENGTH, "公里", 1000, 1 }, { FIELD_LENGTH, "km", 1000, 1 }, { FIELD_LENGTH, "米", 1, 1 }, { FIELD_LENGTH, "m", 1, 1 },
    { FIELD_MONEY, "元", 100, 1 }, { FIELD_MONEY, "yuan", 100, 1 }, { FIELD_MONEY, "万元", 1000000, 1 }, { FIELD_MONEY, "亿元", INT64_C(10000000000), 1 },
    { FIELD_PERCENT, "%", 100, 1 },
    { FIELD_DEGREES, "度", 1000000, 1 }, { FIELD_DEGREES, "°", 1000000, 1 }, { FIELD_DEGREES, "deg", 1000000, 1 },
};

static const struct scale *scale_of(enum field_type type, struct lz_bytes word) {
    for (size_t i = 0; i < LZ_COUNT(scales); i++)
        if (scales[i].type == type && (word.len == 0 || is(word, scales[i].word))) return &scales[i];
    return NULL;
}

const char *form_measure(const struct form_field *field, enum lz_lang lang) {
    static const char *const english[FIELD_TYPE_COUNT] = { [FIELD_AREA] = "ha", [FIELD_VOLUME] = "m³", [FIELD_LENGTH] = "km", [FIELD_MONEY] = "yuan" };
    if (field->type != FIELD_AREA && field->type != FIELD_VOLUME && field->type != FIELD_LENGTH && field->type != FIELD_MONEY) return NULL;
    return lang == LZ_EN ? english[field->type] : scale_of(field->type, (struct lz_bytes){ 0 })->word;
}

static bool digit(struct lz_bytes text, size_t at) { return at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; }

/* Exact, to the nearest kept unit; false: no number, or too large. */
static bool decimal_parse(struct lz_bytes text, size_t *at, const struct scale *scale, int64_t *value) {
    bool negative = text.len > 0 && text.data[0] == '-';
    size_t i = negative ? 1 : 0, decimals = 0;
    __extension__ __int128 whole = 0, over = 1;
    if (!digit(text, i)) return false;
    for (; digit(text, i); i++) {
        whole = whole * 10 + (text.data[i] - '0');
        if (whole > NUMBER_MAX) return false;
    }
    if (i < text.len && text.data[i] == '.' && digit(text, i + 1))
        for (i++; digit(text, i); i++) {
            if (decimals++ == DECIMALS_MAX) return false;
            whole = whole * 10 + (text.data[i] - '0');
            over *= 10;
        }
    *at = i;
    whole *= scale->by;
    over *= scale->over;
    whole = (whole + over / 2) / over;
    if (whole > NUMBER_MAX) return false;
    *value = negative ? -(int64_t)whole : (int64_t)whole;
    return true;
}

static enum lz_err measure_parse(const struct form_field *field, struct lz_bytes text, int64_t *value, struct lz_fail *fail) {
    size_t at = 0, unit = 0;
    while (unit < text.len && (digit(text, unit) || text.data[unit] == '.' || (unit == 0 && text.data[0] == '-'))) unit++;
    size_t skip = unit;
    while (skip < text.len && text.data[skip] == ' ') skip++;
    const struct scale *scale = scale_of(field->type, lz_bytes_of(text.data + skip, text.len - skip)), *usual = scale_of(field->type, (struct lz_bytes){ 0 });
    LZ_ASSERT(usual);
    if (scale && decimal_parse(lz_bytes_of(text.data, unit), &at, scale, value) && at == unit && form_number_valid(field, *value)) return LZ_ok;
    return lz_refuse(fail, LZ_bad_argument, "%s“%.*s”不是数：请写如 12.5%s", lz_said_field(fail, field->zh), (int)(text.len < 60 ? text.len : 60),
                     (const char *)text.data, lz_said(fail, usual->word));
}

/* Kept / by * over, with as many decimals as it takes to read the same number again. */
static void measure_print(const struct form_field *field, int64_t value, char out[FORM_PRINT_BYTES]) {
    const struct scale *scale = scale_of(field->type, (struct lz_bytes){ 0 });
    LZ_ASSERT(scale);
    int64_t whole = value / scale->by, rest = value % scale->by, place = scale->by;
    int len = snprintf(out, FORM_PRINT_BYTES, "%s%" PRId64, value < 0 && whole == 0 ? "-" : "", whole);
    if (rest < 0) rest = -rest;
    if (rest > 0) out[len++] = '.';
    for (place /= 10; rest > 0 && place > 0; rest %= place, place /= 10) out[len++] = (char)('0' + rest / place);
    out[len] = 0;
}

/* ---- words, dates, codes -------------------------------------------------------------------------------------------------------- */

static size_t choices_of(const struct form_field *field) {
    size_t n = 0;
    while (field->choices && field->choices[n].name) n++;
    return n;
}

static enum lz_err choice_parse(const struct form_field *field, struct lz_bytes text, int64_t *value, struct lz_fail *fail) {
    char list[320] = "";
    for (size_t i = 0; i < choices_of(field); i++) {
        const struct form_word *word = &field->choices[i];
        if (lz_word_is(text, word->name, word->zh)) { *value = (int64_t)i; return LZ_ok; }
        lz_list_add(lz_fail_lang(fail), list, sizeof list, word->name, word->zh);
    }
    return lz_refuse(fail, LZ_bad_argument, "%s没有“%.*s”；可用：%s", lz_said_field(fail, field->zh), (int)(text.len < 60 ? text.len : 60),
                     (const char *)text.data, list);
}

static enum lz_err flag_parse(const struct form_field *field, struct lz_bytes text, int64_t *value, struct lz_fail *fail) {
    if (is(text, "1") || is(text, "yes") || is(text, "是")) *value = 1;
    else if (is(text, "0") || is(text, "no") || is(text, "否")) *value = 0;
    else return lz_refuse(fail, LZ_bad_argument, "%s应写 是 或 否", lz_said_field(fail, field->zh));
    return LZ_ok;
}

static enum lz_err date_parse(const struct form_field *field, struct lz_bytes text, int64_t *value, struct lz_fail *fail) {
    char copy[16] = "";
    uint32_t date = 0;
    if (text.len < sizeof copy) memcpy(copy, text.data, text.len);
    if (!lz_date_parse(copy, &date)) return lz_refuse(fail, LZ_bad_date, "%s“%.*s”不是日期：请写如 2022-06-30", lz_said_field(fail, field->zh),
                                                      (int)(text.len < 60 ? text.len : 60), (const char *)text.data);
    *value = date;
    return LZ_ok;
}

/* 8:30, 08:30 */
static enum lz_err time_parse(const struct form_field *field, struct lz_bytes text, int64_t *value, struct lz_fail *fail) {
    size_t i = 0;
    int64_t hours = 0, minutes = 0;
    while (digit(text, i) && i < 2) hours = hours * 10 + text.data[i++] - '0';
    bool good = i > 0 && text.len == i + 3 && text.data[i] == ':' && digit(text, i + 1) && digit(text, i + 2);
    if (good) minutes = (text.data[i + 1] - '0') * 10 + text.data[i + 2] - '0';
    if (!good || hours > 23 || minutes > 59) return lz_refuse(fail, LZ_bad_argument, "%s应写如 08:30", lz_said_field(fail, field->zh));
    *value = hours * 60 + minutes;
    return LZ_ok;
}

static enum lz_err code_parse(const struct form_field *field, struct lz_bytes text, int64_t *value, struct lz_fail *fail) {
    int64_t code = 0;
    for (size_t i = 0; i < text.len && i <= 12 && code >= 0; i++) code = digit(text, i) ? code * 10 + text.data[i] - '0' : -1;
    if (text.len >= 6 && text.len <= 12 && code > 0 && form_number_valid(field,
            code)) { *value = code; return LZ_ok; }
    return lz_refuse(fail, LZ_unknown_unit, "%s“%.*s”不是行政区划代码：请写%s", lz_said_field(fail, field->zh), (int)(text.len < 60 ? text.len : 60),
                     (const char *)text.data,
                     lz_said(fail, field->type == FIELD_UNIT ? "六位，如 410802" : "六位、九位（乡镇）或十二位（村）"));
}

static enum lz_err period_field_parse(const struct form_field *field, struct lz_bytes text, int64_t *value, struct lz_fail *fail) {
    uint32_t period = 0;
    if (!period_parse(text, &period)) return lz_refuse(fail, LZ_bad_date, "%s“%.*s”不是期别：请写如 2022、2022H1、2022Q2 或 2022-06",
                                                       lz_said_field(fail, field->zh),
                                                       (int)(text.len < 60 ? text.len : 60), (const char *)text.data);
    *value = period;
    return LZ_ok;
}

enum lz_err form_number_parse(const struct form_field *field, struct lz_bytes typed, int64_t *value, struct lz_fail *fail) {
    char narrow[TYPED_BYTES_MAX];
    struct lz_bytes text = typed.len < sizeof narrow ? lz_bytes_of(narrow, lz_text_narrow(typed, narrow, sizeof narrow)) : typed;
    switch (field->type) {
    case FIELD_NUMBER: case FIELD_AREA: case FIELD_VOLUME: case FIELD_LENGTH: case FIELD_MONEY: case FIELD_PERCENT: case FIELD_DEGREES:
        return measure_parse(field, text, value, fail);
    case FIELD_DATE: return date_parse(field, text, value, fail);
    case FIELD_TIME: return time_parse(field, text, value, fail);
    case FIELD_CHOICE: return choice_parse(field, text, value, fail);
    case FIELD_UNIT: case FIELD_PLACE: return code_parse(field, text, value, fail);
    case FIELD_FLAG: return flag_parse(field, text, value, fail);
    case FIELD_PERIOD: return period_field_parse(field, text, value, fail);
    case FIELD_TEXT: case FIELD_TYPE_COUNT: break;
    }
    return LZ_bad_argument;
}

bool form_number_valid(const struct form_field *field, int64_t value) {
    switch (field->type) {
    case FIELD_NUMBER: case FIELD_AREA: case FIELD_VOLUME: case FIELD_LENGTH: case FIELD_MONEY: return value >= 0 && value <= NUMBER_MAX;
    case FIELD_PERCENT: return value >= 0 && value <= 10000;
    case FIELD_DEGREES: return value >= -180000000 && value <= 180000000;
    case FIELD_DATE: return value > 0 && value <= UINT32_MAX && lz_date_valid((uint32_t)value);
    case FIELD_TIME: return value >= 0 && value < INT64_C(24) * 60;
    case FIELD_CHOICE: return value >= 0 && (uint64_t)value < choices_of(field);
    case FIELD_UNIT: return value >= 100000 && value <= 999999;
    case FIELD_PLACE:
        return (value >= 100000 && value <= 999999) || (value >= 100000000 && value <= 999999999) || (value >= 100000000000 && value <= 999999999999);
    case FIELD_FLAG: return value == 0 || value == 1;
    case FIELD_PERIOD: return value > 0 && value <= UINT32_MAX && period_valid((uint32_t)value);
    case FIELD_TEXT: case FIELD_TYPE_COUNT: break;
    }
    return false;
}

void form_number_print(const struct form_field *field, int64_t value, char out[FORM_PRINT_BYTES]) {
    out[0] = 0;
    if (!form_number_valid(field, value)) return;
    switch (field->type) {
    case FIELD_NUMBER: case FIELD_AREA: case FIELD_VOLUME: case FIELD_LENGTH: case FIELD_MONEY: case FIELD_PERCENT: case FIELD_DEGREES:
        measure_print(field, value, out);
        break;
    case FIELD_DATE: lz_date_print((uint32_t)value, out); break;
    case FIELD_TIME: (void)snprintf(out, FORM_PRINT_BYTES, "%02d:%02d", (int)value / 60, (int)value % 60); break;
    case FIELD_CHOICE: (void)snprintf(out, FORM_PRINT_BYTES, "%s", field->choices[value].name); break;
    case FIELD_UNIT: case FIELD_PLACE: (void)snprintf(out, FORM_PRINT_BYTES, "%" PRId64, value); break;
    case FIELD_FLAG: (void)snprintf(out, FORM_PRINT_BYTES, "%s", value ? "是" : "否"); break;
    case FIELD_PERIOD: period_print((uint32_t)value, out); break;
    case FIELD_TEXT: case FIELD_TYPE_COUNT: break;
    }
}
