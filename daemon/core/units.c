/* units: the divisions file, and who is below whom.
 *
 * Guarantees: every unit has a code of six digits, once, a name that is a valid text, and a parent that is here and
 * of a strictly higher tier, or none: so there is no circle, and every line of parents ends within TIER_COUNT steps.
 * A file that is refused changes nothing. Parents are followed as written and never guessed from digits: 419001 济源
 * hangs straight under the province.
 * Leaves to others: reading the file, and which of the units are nodes (roster.c).
 *
 * A file may name parents in any order, and those of an earlier file: rows go to their sorted place as they are read,
 * and parents are resolved when all are there. */
#include "core.h"

#include <stdlib.h>

enum { ABOVE_NONE = UINT16_MAX, COLUMNS = 5 };
enum { CODE_FIRST = 100000, CODE_LAST = 999999 };
static_assert(UNITS_MAX < UINT16_MAX, "a row number fits, and none is free for ABOVE_NONE");

struct place {
    struct unit unit;
    uint32_t line;                   /* of the file being loaded; 0: from an earlier load */
    uint16_t above;                  /* the row of the parent, or ABOVE_NONE              */
};
struct units {
    size_t n_rows;
    struct place rows[UNITS_MAX];      /* ascending by code, each once */
};

struct units *units_create(void) {
    return calloc(1, sizeof(struct units));
}

void units_destroy(struct units **units_p) {
    free(*units_p);
    *units_p = NULL;
}

/* The first row whose code is not below `code`. */
static size_t place_of(const struct units *units, uint32_t code) {
    size_t low = 0, high = units->n_rows;
    LZ_ASSERT(high <= UNITS_MAX);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (units->rows[middle].unit.code < code) low = middle + 1;
        else high = middle;
    }
    return low;
}

static bool is_at(const struct units *units, size_t at, uint32_t code) {
    return at < units->n_rows && units->rows[at].unit.code == code;
}

static bool parse_code(struct lz_bytes field, uint32_t *code) {
    char text[7];
    if (field.len != 6) return false;
    memcpy(text, field.data, 6);
    text[6] = '\0';
    return lz_u32_parse(text, code) && *code >= CODE_FIRST && *code <= CODE_LAST;
}

static bool parse_tier(struct lz_bytes field, uint8_t *tier) {
    for (unsigned i = 0; i < TIER_COUNT; i++) {
        if (!lz_bytes_equal(field, lz_bytes_str(tier_name((enum tier)i)))) continue;
        *tier = (uint8_t)i;
        return true;
    }
    return false;
}

/* Cuts the line at its tabs; false unless it has exactly COLUMNS fields. */
static bool split(struct lz_bytes line, struct lz_bytes fields[COLUMNS]) {
    for (size_t i = 0; i < COLUMNS; i++) {
        const uint8_t *tab = line.len > 0 ? memchr(line.data, '\t', line.len) : NULL;
        if ((tab != NULL) != (i + 1 < COLUMNS)) return false;
        fields[i] = lz_bytes_of(line.data, tab ? (size_t)(tab - line.data) : line.len);
        if (tab) line = lz_bytes_of(tab + 1, line.len - fields[i].len - 1);
    }
    return true;
}

static enum lz_err parse_row(struct lz_bytes text, struct place *row, struct lz_fail *fail) {
    struct lz_bytes fields[COLUMNS];
    struct unit *unit = &row->unit;
    if (!split(text, fields))
        return lz_refuse(fail, LZ_bad_argument, "区划文件第 %u 行：应有 %d 列，以制表符分隔", row->line, COLUMNS);
    if (!parse_code(fields[0], &unit->code))
        return lz_refuse(fail, LZ_bad_argument, "区划文件第 %u 行：代码应为六位数字", row->line);
    if (fields[1].len == 0 || fields[1].len >= sizeof unit->name)
        return lz_refuse(fail, LZ_too_large, "区划文件第 %u 行：名称应为 1 至 %zu 字节", row->line, sizeof unit->name - 1);
    memcpy(unit->name, fields[1].data, fields[1].len);
    if (!parse_tier(fields[2], &unit->tier))
        return lz_refuse(fail, LZ_bad_argument, "区划文件第 %u 行：不认识的层级", row->line);
    bool top = lz_bytes_equal(fields[3], lz_bytes_str("-"));
    if (!top && !parse_code(fields[3], &unit->parent))
        return lz_refuse(fail, LZ_bad_argument, "区划文件第 %u 行：上级代码应为六位数字或 -", row->line);
    if (!lz_bytes_equal(fields[4], lz_bytes_str("GB")) && !lz_bytes_equal(fields[4], lz_bytes_str("STAT")))
        return lz_refuse(fail, LZ_bad_argument, "区划文件第 %u 行：代码体系应为 GB 或 STAT", row->line);
    return LZ_ok;
}

static enum lz_err insert(struct units *units, const struct place *row, struct lz_fail *fail) {
    size_t at = place_of(units, row->unit.code);
    if (is_at(units, at, row->unit.code))
        return lz_refuse(fail, LZ_already, "区划文件第 %u 行：代码 %u 已经有了（%s）", row->line, row->unit.code,
                         units->rows[at].unit.name);
    if (units->n_rows == UNITS_MAX)
        return lz_refuse(fail, LZ_too_many, "区划文件第 %u 行：单位超过 %d 个", row->line, UNITS_MAX);
    memmove(&units->rows[at + 1], &units->rows[at], (units->n_rows - at) * sizeof *row);
    units->rows[at] = *row;
    units->n_rows++;
    return LZ_ok;
}

static enum lz_err read_rows(struct units *units, struct lz_bytes text, struct lz_fail *fail) {
    static const char header[] = "code\tname_zh\ttier\tparent_code\tcode_system";
    bool headed = false;
    for (uint32_t number = 1; text.len > 0; number++) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        struct lz_bytes line = lz_bytes_of(text.data, end ? (size_t)(end - text.data) : text.len);
        size_t taken = end ? line.len + 1 : line.len;
        text = lz_bytes_of(text.data + taken, text.len - taken);
        if (!lz_text_valid(line))
            return lz_refuse(fail, LZ_bad_utf8, "区划文件第 %u 行：不是有效的 UTF-8，或含有控制字符（行尾应为 LF）", number);
        if (line.len > 0 && line.data[0] == '#') continue;
        if (!headed) {
            if (!lz_bytes_equal(line, lz_bytes_str(header)))
                return lz_refuse(fail, LZ_bad_argument, "区划文件第 %u 行：表头应为 code name_zh tier parent_code code_system", number);
            headed = true;
            continue;
        }
        struct place row = { .line = number, .above = ABOVE_NONE };
        enum lz_err err = parse_row(line, &row, fail);
        if (err == LZ_ok) err = insert(units, &row, fail);
        if (err != LZ_ok) return err;
    }
    return headed ? LZ_ok : lz_refuse(fail, LZ_bad_argument, "区划文件第 1 行：文件没有表头");
}

/* Rows have moved, so the old ones are resolved again too; they cannot fail, their parents never go. */
static enum lz_err resolve(struct units *units, struct lz_fail *fail) {
    for (size_t i = 0; i < units->n_rows; i++) {
        struct place *row = &units->rows[i];
        row->above = ABOVE_NONE;
        if (row->unit.parent == 0) continue;
        size_t at = place_of(units, row->unit.parent);
        if (!is_at(units, at, row->unit.parent)) {
            LZ_ASSERT(row->line != 0);
            return lz_refuse(fail, LZ_unknown_unit, "区划文件第 %u 行：上级 %u 不在文件中", row->line, row->unit.parent);
        }
        if (units->rows[at].unit.tier >= row->unit.tier)
            return lz_refuse(fail, LZ_bad_argument, "区划文件第 %u 行：上级 %u 的层级不高于 %u", row->line, row->unit.parent,
                             row->unit.code);
        row->above = (uint16_t)at;
    }
    return LZ_ok;
}

/* Ends a load: the new rows stay, or go again. */
static void settle(struct units *units, bool keep) {
    size_t n = 0;
    for (size_t i = 0; i < units->n_rows; i++) {
        if (!keep && units->rows[i].line != 0) continue;
        if (n != i) units->rows[n] = units->rows[i];
        units->rows[n++].line = 0;
    }
    units->n_rows = n;
}

enum lz_err units_load(struct units *units, struct lz_bytes text, struct lz_fail *fail) {
    enum lz_err err = read_rows(units, text, fail);
    if (err == LZ_ok) err = resolve(units, fail);
    settle(units, err == LZ_ok);
    if (err != LZ_ok) {
        enum lz_err again = resolve(units, NULL);
        LZ_ASSERT(again == LZ_ok);                         /* what was good before the load is good after it */
    }
    return err;
}

const struct unit *units_find(const struct units *units, uint32_t code) {
    size_t at = place_of(units, code);
    return is_at(units, at, code) ? &units->rows[at].unit : NULL;
}

size_t units_count(const struct units *units) { return units->n_rows; }

const struct unit *units_at(const struct units *units, size_t index) {
    LZ_ASSERT(index < units->n_rows);
    return &units->rows[index].unit;
}

/* Every row climbs to its top, TIER_COUNT steps at most: cheaper than keeping a second index of children right. */
size_t units_below(const struct units *units, uint32_t code, bool with_itself, uint32_t *out, size_t max) {
    size_t top = place_of(units, code), count = 0;
    if (!is_at(units, top, code)) return 0;
    for (size_t i = 0; i < units->n_rows; i++) {
        size_t at = i;
        for (unsigned steps = 0; at != top && units->rows[at].above != ABOVE_NONE; steps++) {
            LZ_ASSERT(steps < TIER_COUNT);
            at = units->rows[at].above;
        }
        if (at != top || (i == top && !with_itself)) continue;
        if (count < max) out[count] = units->rows[i].unit.code;
        count++;
    }
    return count;
}
