/* roster: the enrolled children of a node, their keys, and the subtree each speaks for.
 *
 * Guarantees: children ascend by code; each has a key of its own; a unit is in the subtree of one child at most; a
 * subtree ascends, names each unit once and contains the child itself. What is refused changes nothing.
 * Leaves to others: whether a unit exists (units.c), the file, and closing the link of a child that goes.
 *
 * The subtrees lie without holes in one pool, in the order of their last change. A child that goes or changes is cut
 * out of the pool, and the subtrees behind it move down: pointers to children are lent until the next change. */
#include "core.h"

#include <stdlib.h>

enum { LOWEST_CODE = SCOPE_EXPORT + 1 };                   /* as a feed's scope, those below mean something else */
enum { FIELDS = 3, CODE_DIGITS_MAX = 10 };

struct roster *roster_create(void) {
    struct roster *roster = calloc(1, sizeof *roster);
    if (roster) roster->pool = calloc(SUBTREE_MAX, sizeof *roster->pool);
    if (roster && !roster->pool) roster_destroy(&roster);
    return roster;
}

void roster_destroy(struct roster **roster_p) {
    if (*roster_p) free((*roster_p)->pool);
    free(*roster_p);
    *roster_p = NULL;
}

/* The first of n ascending codes that is not below `code`. */
static size_t place_in(const uint32_t *codes, size_t n, uint32_t code) {
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (codes[middle] < code) low = middle + 1;
        else high = middle;
    }
    return low;
}

bool child_holds(const struct child *child, uint32_t unit) {
    size_t at = place_in(child->subtree, child->n_subtree, unit);
    return at < child->n_subtree && child->subtree[at] == unit;
}

static size_t place_of(const struct roster *roster, uint32_t code) {
    size_t low = 0, high = roster->n_children;
    LZ_ASSERT(high <= CHILDREN_MAX);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (roster->children[middle].code < code) low = middle + 1;
        else high = middle;
    }
    return low;
}

const struct child *roster_find(const struct roster *roster, uint32_t code) {
    size_t at = place_of(roster, code);
    return at < roster->n_children && roster->children[at].code == code ? &roster->children[at] : NULL;
}

const struct child *roster_by_key(const struct roster *roster, const uint8_t key[32]) {
    for (size_t i = 0; i < roster->n_children; i++)
        if (memcmp(roster->children[i].key, key, 32) == 0) return &roster->children[i];
    return NULL;
}

const struct child *roster_holding(const struct roster *roster, uint32_t unit) {
    for (size_t i = 0; i < roster->n_children; i++)
        if (child_holds(&roster->children[i], unit)) return &roster->children[i];
    return NULL;
}

bool roster_remove(struct roster *roster, uint32_t code) {
    size_t at = place_of(roster, code);
    if (at == roster->n_children || roster->children[at].code != code) return false;
    struct child gone = roster->children[at];
    size_t begin = (size_t)(gone.subtree - roster->pool), end = begin + gone.n_subtree;
    LZ_ASSERT(end <= roster->n_pool);
    memmove(roster->pool + begin, roster->pool + end, (roster->n_pool - end) * sizeof *roster->pool);
    roster->n_pool -= gone.n_subtree;
    memmove(&roster->children[at], &roster->children[at + 1], (roster->n_children - at - 1) * sizeof gone);
    roster->n_children--;
    for (size_t i = 0; i < roster->n_children; i++)
        if (roster->children[i].subtree > gone.subtree) roster->children[i].subtree -= gone.n_subtree;
    return true;
}

/* A set of codes on the stack while it is judged. */
struct codes {
    size_t n;
    uint32_t of[SUBTREE_MAX];
};

static bool codes_add(struct codes *codes, uint32_t code) {
    size_t at = place_in(codes->of, codes->n, code);
    if (at < codes->n && codes->of[at] == code) return true;
    if (codes->n == SUBTREE_MAX) return false;
    memmove(&codes->of[at + 1], &codes->of[at], (codes->n - at) * sizeof codes->of[0]);
    codes->of[at] = code;
    codes->n++;
    return true;
}

static enum lz_err check_units(const struct roster *roster, uint32_t code, const struct codes *codes, struct lz_fail *fail) {
    for (size_t i = 0; i < codes->n; i++) {
        if (codes->of[i] < LOWEST_CODE)
            return lz_refuse(fail, LZ_bad_argument, "单位代码 %u 不对", codes->of[i]);
        for (size_t k = 0; k < roster->n_children; k++) {
            const struct child *other = &roster->children[k];
            if (other->code != code && child_holds(other, codes->of[i]))
                return lz_refuse(fail, LZ_already, "单位 %u 已在下级 %u 的辖区内，请先从那里划出", codes->of[i], other->code);
        }
    }
    return LZ_ok;
}

static enum lz_err check_key(const struct roster *roster, uint32_t code, const uint8_t key[32], struct lz_fail *fail) {
    static const uint8_t none[32] = { 0 };
    if (memcmp(key, none, 32) == 0) return lz_refuse(fail, LZ_bad_key, "下级 %u 的公钥全为零", code);
    const struct child *other = roster_by_key(roster, key);
    if (other && other->code != code)
        return lz_refuse(fail, LZ_already, "这把公钥已由下级 %u 使用，每个下级须有自己的密钥", other->code);
    return LZ_ok;
}

/* Every check comes before the first change. */
enum lz_err roster_add(struct roster *roster, uint32_t code, const uint8_t key[32], const uint32_t *subtree, size_t n_subtree,
                       struct lz_fail *fail) {
    struct codes codes = { .n = 0 };
    bool fits = codes_add(&codes, code);
    for (size_t i = 0; i < n_subtree && fits; i++) fits = codes_add(&codes, subtree[i]);
    const struct child *old = roster_find(roster, code);
    size_t others = roster->n_pool - (old ? old->n_subtree : 0);
    if (!fits || codes.n > SUBTREE_MAX - others)
        return lz_refuse(fail, LZ_too_many, "下级 %u 登记后，辖区单位合计超过 %d 个", code, SUBTREE_MAX);
    if (!old && roster->n_children == CHILDREN_MAX)
        return lz_refuse(fail, LZ_too_many, "下级已有 %d 个，不能再登记 %u", CHILDREN_MAX, code);
    enum lz_err err = check_key(roster, code, key, fail);
    if (err == LZ_ok) err = check_units(roster, code, &codes, fail);
    if (err != LZ_ok) return err;

    /* key may be lent from the very child that is replaced: copy before removing. */
    struct child child = { .code = code, .n_subtree = codes.n };
    memcpy(child.key, key, 32);
    if (old) roster_remove(roster, code);
    LZ_ASSERT(roster->n_pool == others);
    child.subtree = roster->pool + roster->n_pool;
    memcpy(child.subtree, codes.of, codes.n * sizeof codes.of[0]);
    roster->n_pool += codes.n;
    size_t at = place_of(roster, code);
    memmove(&roster->children[at + 1], &roster->children[at], (roster->n_children - at) * sizeof child);
    roster->children[at] = child;
    roster->n_children++;
    LZ_ASSERT(child_holds(&roster->children[at], code));
    return LZ_ok;
}

static bool parse_code(struct lz_bytes field, uint32_t *code) {
    char text[CODE_DIGITS_MAX + 1];
    if (field.len == 0 || field.len > CODE_DIGITS_MAX) return false;
    memcpy(text, field.data, field.len);
    text[field.len] = '\0';
    return lz_u32_parse(text, code) && *code >= LOWEST_CODE;
}

static bool parse_key(struct lz_bytes field, uint8_t key[32]) {
    char text[65];
    if (field.len != 64) return false;
    memcpy(text, field.data, 64);
    text[64] = '\0';
    return lz_hex_parse(text, key, 32);
}

/* Takes what is before the next `mark` out of *rest; all of it if there is none. */
static struct lz_bytes take(struct lz_bytes *rest, char mark) {
    const uint8_t *end = rest->len > 0 ? memchr(rest->data, mark, rest->len) : NULL;
    if (!end) {
        struct lz_bytes all = *rest;
        *rest = lz_bytes_of(NULL, 0);
        return all;
    }
    struct lz_bytes taken = lz_bytes_of(rest->data, (size_t)(end - rest->data));
    *rest = lz_bytes_of(end + 1, rest->len - taken.len - 1);
    return taken;
}

static enum lz_err load_line(struct roster *roster, struct lz_bytes line, struct lz_fail *fail) {
    uint32_t code = 0, subtree[SUBTREE_MAX];
    uint8_t key[32];
    size_t n = 0, fields = 1;
    for (size_t i = 0; i < line.len; i++) fields += line.data[i] == '\t';
    if (fields != FIELDS) return lz_refuse(fail, LZ_bad_config, "应有三列：代码、公钥、辖区，以制表符分隔");
    if (!parse_code(take(&line, '\t'), &code)) return lz_refuse(fail, LZ_bad_config, "下级代码不对");
    if (!parse_key(take(&line, '\t'), key)) return lz_refuse(fail, LZ_bad_config, "公钥应为 64 位十六进制数");
    if (roster_find(roster, code)) return lz_refuse(fail, LZ_already, "下级 %u 已在前面登记", code);
    bool more = true;
    while (more) {
        more = line.len > 0 && memchr(line.data, ',', line.len) != NULL;
        if (n == SUBTREE_MAX) return lz_refuse(fail, LZ_too_many, "辖区单位超过 %d 个", SUBTREE_MAX);
        if (!parse_code(take(&line, ','), &subtree[n++])) return lz_refuse(fail, LZ_bad_config, "辖区中第 %zu 个代码不对", n);
    }
    return roster_add(roster, code, key, subtree, n, fail);
}

static enum lz_err load_lines(struct roster *roster, struct lz_bytes text, struct lz_fail *fail) {
    for (uint32_t number = 1; text.len > 0; number++) {
        struct lz_fail inner = { .lang = lz_fail_lang(fail) };
        struct lz_bytes line = take(&text, '\n');
        if (line.len == 0 || line.data[0] == '#') continue;
        enum lz_err err = load_line(roster, line, &inner);
        if (err != LZ_ok) return lz_refuse(fail, err, "下级名册第 %u 行：%s", number, inner.text);
    }
    return LZ_ok;
}

/* The text is the whole roster: it takes the place of what was there, or is refused and nothing changes. */
enum lz_err roster_load(struct roster *roster, struct lz_bytes text, struct lz_fail *fail) {
    struct roster *fresh = roster_create();
    if (!fresh) return lz_refuse(fail, LZ_full, "内存不足，不能读入下级名册");
    enum lz_err err = load_lines(fresh, text, fail);
    if (err == LZ_ok) {
        uint32_t *old_pool = roster->pool;
        *roster = *fresh;                                  /* subtrees point into the pool, which comes along */
        fresh->pool = old_pool;
    }
    roster_destroy(&fresh);
    return err;
}

/* Gives the place behind the last digit. */
static char *print_code(uint32_t code, char *at) {
    char digits[CODE_DIGITS_MAX];
    size_t n = 0;
    do digits[n++] = (char)('0' + code % 10);
    while ((code /= 10) > 0);
    LZ_ASSERT(n <= sizeof digits);
    while (n > 0) *at++ = digits[--n];
    return at;
}

/* Empty also when the arena has no room, which a roster with children never is. */
struct lz_bytes roster_print(const struct roster *roster, struct arena *arena) {
    size_t per_child = CODE_DIGITS_MAX + 1 + 64 + 1, size = 1;
    for (size_t i = 0; i < roster->n_children; i++)
        size += per_child + roster->children[i].n_subtree * (CODE_DIGITS_MAX + 1);
    char *text = arena_alloc_raw(arena, size), *at = text;
    if (!text) return lz_bytes_of(NULL, 0);
    for (size_t i = 0; i < roster->n_children; i++) {
        const struct child *child = &roster->children[i];
        LZ_ASSERT(child->n_subtree > 0);
        at = print_code(child->code, at);
        *at++ = '\t';
        lz_hex(child->key, 32, at);
        at += 64;
        *at++ = '\t';
        for (size_t k = 0; k < child->n_subtree; k++) {
            at = print_code(child->subtree[k], at);
            *at++ = k + 1 < child->n_subtree ? ',' : '\n';
        }
    }
    LZ_ASSERT((size_t)(at - text) <= size);
    return lz_bytes_of(text, (size_t)(at - text));
}
