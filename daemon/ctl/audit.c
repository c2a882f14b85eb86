/* audit: who did what, each row with a hash over itself and the one before, so that a row changed or taken out shows.
 *
 * A row is written in the commit of the act itself. The chain proves nothing against one who rewrites all of it; whoever
 * wants that copies the newest hash elsewhere (`linzhangctl audit --limit 1`). */
#include <sodium.h>
#include "ctl_room.h"

enum { HASH_BYTES = 32, FIELD_MAX = 400, AUDIT_BYTES_MAX = 8 + 4 * (2 + FIELD_MAX) + HASH_BYTES };
struct audit_row {
    uint64_t time;
    struct lz_bytes author, verb, outcome, text;
    uint8_t hash[HASH_BYTES];
};

/* The hash covers the one before, the sequence number and all that stands in front of the hash. */
static void chain(const uint8_t before[HASH_BYTES], uint64_t sequence, const uint8_t *content, size_t len, uint8_t hash[HASH_BYTES]) {
    uint8_t number[8];
    crypto_generichash_state state;
    lz_put64(number, sequence);
    crypto_generichash_init(&state, NULL, 0, HASH_BYTES);
    crypto_generichash_update(&state, before, HASH_BYTES);
    crypto_generichash_update(&state, number, sizeof number);
    crypto_generichash_update(&state, content, len);
    crypto_generichash_final(&state, hash, HASH_BYTES);
}

static uint8_t *put(uint8_t *p, struct lz_bytes field) {
    LZ_ASSERT(field.len <= FIELD_MAX);
    lz_put16(p, (uint16_t)field.len);
    if (field.len) memcpy(p + 2, field.data, field.len);
    return p + 2 + field.len;
}

static bool take(struct lz_bytes *rest, struct lz_bytes *field) {
    if (rest->len < 2) return false;
    size_t len = lz_get16(rest->data);
    if (rest->len < 2 + len) return false;
    *field = lz_bytes_of(rest->data + 2, len);
    *rest = lz_bytes_of(rest->data + 2 + len, rest->len - 2 - len);
    return true;
}

static bool parse(struct lz_bytes v, struct audit_row *row) {
    if (v.len < 8 + HASH_BYTES) return false;
    struct lz_bytes rest = lz_bytes_of(v.data + 8, v.len - 8 - HASH_BYTES);
    row->time = lz_get64(v.data);
    memcpy(row->hash, v.data + v.len - HASH_BYTES, HASH_BYTES);
    return take(&rest, &row->author) && take(&rest, &row->verb) && take(&rest, &row->outcome) && take(&rest, &row->text) && rest.len == 0;
}

/* The verb with what it was about, so that a row says it all: `task sign 410800-task-...`. */
static struct lz_bytes act(struct call *c) {
    static const char *const told[] = { "move", "id", "code", "no", "number", "title", "to", "unit", "verb" };
    char text[FIELD_MAX + 1];
    struct lz_bytes verb = text_clip(c->ask->verb, 64);
    size_t n = verb.len;
    memcpy(text, verb.data, n);
    for (size_t i = 0; i < LZ_COUNT(told); i++) {
        struct lz_bytes value = text_clip(arg_bytes(c, told[i]), 100);
        if (value.len == 0 || n + 1 + value.len > FIELD_MAX) continue;
        text[n++] = ' ';
        memcpy(text + n, value.data, value.len);
        n += value.len;
    }
    const char *copy = arena_copy(c->arena, text, n);
    return lz_bytes_of(copy, copy ? n : 0);
}

void audit_write(struct call *c, enum lz_err outcome) {
    struct key last;
    struct lz_bytes v;
    uint8_t before[HASH_BYTES] = { 0 }, row[AUDIT_BYTES_MAX], *p = row;
    uint64_t sequence = 1;
    if (store_last(c->store, TABLE_audit, &last, &v) && last.len == 8) {
        sequence = lz_get64(last.b) + 1;
        if (v.len >= HASH_BYTES) memcpy(before, v.data + v.len - HASH_BYTES, HASH_BYTES);
    }
    lz_put64(p, c->now.wall_ms);
    p = put(p + 8, text_clip(c->author, AUTHOR_BYTES_MAX));
    p = put(p, act(c));
    p = put(p, lz_bytes_str(lz_err_name(outcome)));
    p = put(p, text_clip(outcome == LZ_ok ? c->answer.text : lz_bytes_str(c->fail->text), FIELD_MAX));
    size_t content = (size_t)(p - row);
    chain(before, sequence, row, content, p);
    store_put(c->store, TABLE_audit, key_u64(sequence), lz_bytes_of(row, content + HASH_BYTES));
}

/* ---- reading ------------------------------------------------------------------------------------------------------------------- */

static void show(struct call *c, uint64_t sequence, const struct audit_row *row, bool good) {
    char hex[2 * HASH_BYTES + 1];
    if (!row_begin(c, "list")) return;
    lz_hex(row->hash, HASH_BYTES, hex);
    hex[16] = 0;
    cell_u64(c, "sequence", sequence);
    cell_time(c, "time", row->time);
    cell_bytes(c, "author", row->author);      /* lent by the store: nothing is written before the answer is encoded */
    cell_bytes(c, "verb", row->verb);
    cell_bytes(c, "outcome", row->outcome);
    cell_bytes(c, "text", row->text);
    cell_text(c, "hash", good ? hex : shown(c, "断链"));
    row_end(c);
}

static bool is_linked(struct call *c, uint64_t sequence, struct lz_bytes v, const struct audit_row *row) {
    uint8_t before[HASH_BYTES] = { 0 }, hash[HASH_BYTES];
    struct lz_bytes earlier;
    if (sequence > 1) {
        if (!store_get(c->store, TABLE_audit, key_u64(sequence - 1), &earlier) || earlier.len < HASH_BYTES) return false;
        memcpy(before, earlier.data + earlier.len - HASH_BYTES, HASH_BYTES);
    }
    chain(before, sequence, v.data, v.len - HASH_BYTES, hash);
    return memcmp(hash, row->hash, HASH_BYTES) == 0;
}

enum lz_err verb_audit(struct call *c) {
    uint32_t limit = 100, given = 0;
    struct key key;
    struct lz_bytes v, after = c->ask->after;
    enum lz_err err = arg_u32(c, "limit", LIMIT_MAX, &limit);
    if (err != LZ_ok) return err;
    if (after.len != 0 && after.len != 12) return lz_refuse(c->fail, LZ_bad_argument, "续查的位置不对；请从头再查");
    uint64_t last = store_last(c->store, TABLE_audit, &key, &v) && key.len == 8 ? lz_get64(key.b) : 0, sequence = last, broken = 0;
    if (after.len) { given = lz_get32(after.data); sequence = lz_get64(after.data + 4); if (sequence > last) sequence = last; }
    for (; sequence > 0 && given < limit; sequence--) {
        struct audit_row row = { 0 };
        bool good = store_get(c->store, TABLE_audit, key_u64(sequence), &v) && parse(v, &row) && is_linked(c, sequence, v, &row);
        if (!good) broken = sequence;
        show(c, sequence, &row, good);
        if (c->cut) break;
        given++;
    }
    if (broken) return lz_refuse(c->fail, LZ_differs, "操作日志第 %llu 条与前后的哈希不符：日志被改动过或存储损坏", (unsigned long long)broken);
    if (c->cut) {
        uint8_t *next = arena_alloc_raw(c->arena, 12);
        if (next) { lz_put32(next, given); lz_put64(next + 4, sequence); c->answer.next = lz_bytes_of(next, 12); }
    }
    say(c, "共 %llu 条，哈希链完好", (unsigned long long)last);
    return LZ_ok;
}
