/* mend: what is derived, made again from the records, against what the incremental way had made of them.
 *
 * At the end of a world each node drops derived rows (a third of them, all, or all of standings anew), mends, and settles; every
 * row must then be as before. Nothing of it is committed. What may differ, since only judging knows it or nobody depends on it:
 * of a standing its colour, since when it is red, when it is judged again, and that it was passed up once; of a sum the colours
 * in it, and when it last went up; a sum of nothing may be missing; `due` follows the standings; a feed's tip may be higher; `ask`
 * has a row for each record that was asked for, instead of the whole answers. */
#include <stdio.h>
#include <stdlib.h>
#include "world.h"

struct taken { struct key key; uint8_t *value; size_t len; };
struct rows { struct taken *of; size_t n, max; };
static const enum table derived[] = { TABLE_standing, TABLE_subject, TABLE_rollup, TABLE_version, TABLE_entry, TABLE_number, TABLE_feed, TABLE_tip,
                                      TABLE_ask };

static void take_rows(struct node *n, enum table table, struct rows *rows) {
    struct key key = { 0 };
    struct lz_bytes v;
    rows->n = 0;
    for (; store_seek(n->store, table, &key, &v); key = key_after(key)) {
        if (rows->n == rows->max) {
            rows->max = rows->max ? 2 * rows->max : 256;
            rows->of = realloc(rows->of, rows->max * sizeof *rows->of);
            LZ_ASSERT(rows->of);
        }
        uint8_t *copy = malloc(v.len + 1);
        LZ_ASSERT(copy);
        if (v.len) memcpy(copy, v.data, v.len);
        rows->of[rows->n++] = (struct taken){ key, copy, v.len };
    }
}

static void forget_rows(struct rows *rows) {
    for (size_t i = 0; i < rows->n; i++) free(rows->of[i].value);
    free(rows->of);
    *rows = (struct rows){ 0 };
}

static const struct taken *row_of(const struct rows *rows, const struct key *key) {
    size_t low = 0, high = rows->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = lz_bytes_compare(key_view(&rows->of[middle].key), key_view(key));
        if (order == 0) return &rows->of[middle];
        if (order < 0) low = middle + 1; else high = middle;
    }
    return NULL;
}

/* ---- what is compared ------------------------------------------------------------------------------------------------------ */

enum { STANDING_COLOUR = 2, STANDING_FLAGS = 3, STANDING_RED = 12 + 7 * 8, STANDING_JUDGED_END = 12 + 9 * 8, TOTAL_SENT = 9 };

static void mask_sum(uint8_t *v, size_t len, bool total) {
    for (size_t i = 0; i < COLOUR_COUNT; i++) memset(v + (COUNTER_green + i) * 8, 0, 8);
    if (total && len >= COUNTER_COUNT * 8 + TOTAL_SENT) memset(v + COUNTER_COUNT * 8, 0, TOTAL_SENT);
}

static bool is_nothing(const struct taken *r) {
    for (size_t i = 0; i < COUNTER_COUNT * 8 && i < r->len; i++)
        if (r->value[i]) return false;
    return true;
}

static int by_bytes(const void *a, const void *b) { return memcmp(a, b, REC_ID_BYTES); }

static void mask(enum table table, struct taken *r) {
    if (table == TABLE_feed && r->len > REC_ID_BYTES && r->value[0] == 0)             /* its events, in whatever order */
        qsort(r->value + 1, (r->len - 1) / REC_ID_BYTES, REC_ID_BYTES, by_bytes);
    if (table == TABLE_standing && r->len > STANDING_JUDGED_END) {
        r->value[STANDING_COLOUR] = 0;
        r->value[STANDING_FLAGS] &= 0x80;
        memset(r->value + STANDING_RED, 0, STANDING_JUDGED_END - STANDING_RED);
    }
    if (table == TABLE_rollup) mask_sum(r->value, r->len, lz_get32(r->key.b + 20) == 0);
}

static void differs(struct world *w, const struct node *n, const char *how, enum table table, const struct taken *r, const char *what, size_t at) {
    char hex[2 * sizeof r->key.b + 1];
    lz_hex(r->key.b, r->key.len, hex);
    world_fail(w, "MEND (%s) at %u: row %s of %s %s (byte %zu)", how, n->code, hex, table_name(table), what, at);
}

/* A whole answer as it was given is in no record, and a register that was written again names its last request only. */
static bool names_held(struct node *n, const struct taken *r) {
    struct stored stored;
    return lz_get16(r->key.b + 16) != 0xFFFF && r->len == REC_ID_BYTES && store_record_get(n->store, key_id(rec_id_get(r->value)), &stored);
}

/* Of a feed's entry, what its records still say of it: a register has moved on, and what came again from a neighbour stands there twice. */
static void only_claimed(struct node *n, const struct rows *rows) {
    for (size_t i = 0; i < rows->n; i++) {
        struct taken *r = &rows->of[i];
        size_t width = r->len < 2 ? 1 : r->value[0] ? r->len - 1 : REC_ID_BYTES, len = 1;
        for (size_t at = 1; at + width <= r->len; at += width) {
            struct stored stored;
            bool claimed = false;
            size_t feeds = store_record_get(n->store, key_bytes(lz_bytes_of(r->value + at, width)), &stored) ? store_stored_feeds(&stored) : 0;
            for (size_t k = 0; k < feeds; k++) {
                uint64_t position;
                struct key place = key_feed(store_stored_feed(&stored, k, &position), 0);
                claimed |= position == lz_get64(r->key.b + 5) && memcmp(place.b, r->key.b, 5) == 0;
            }
            if (!claimed) continue;
            memmove(r->value + len, r->value + at, width);
            len += width;
        }
        r->len = len;
    }
}

/* The word for a sum whose subject is not held here came with a child's register; a child that was restored may not know it any more. */
static void unname(struct node *n, const struct taken *a, const struct taken *b) {
    enum { NAMED = COUNTER_COUNT * 8 + TOTAL_SENT, HEAD = NAMED + 8 + 4 + 2 + 2 };
    struct stored stored;
    if (a->len < HEAD || b->len != HEAD || store_record_get(n->store, key_id(rec_id_get(a->key.b + 2)), &stored)) return;
    ((struct taken *)(uintptr_t)a)->len = HEAD;
    memset(a->value + NAMED, 0, HEAD - NAMED);
    memset(b->value + NAMED, 0, HEAD - NAMED);
}

/* An order to all watches over whom the edition of the divisions named that was in force then; one who has left since, and never
 * answered, is in no record. */
static bool left_unheard(const struct world *w, const struct taken *r) {
    enum { EFFECTIVE_AT = 12 + 9 * 8 + 2 * 4 };
    uint32_t unit = lz_get32(r->key.b + REC_ID_BYTES);
    return w->n_units > 1 && r->len > EFFECTIVE_AT + 4 && lz_get32(r->value + EFFECTIVE_AT) == 0 && node_of((struct world *)(uintptr_t)w, unit) &&
           world_moved(w, unit);
}

static bool may_miss(const struct world *w, struct node *n, enum table table, const struct taken *r) {
    if (table == TABLE_standing) return left_unheard(w, r);
    if (table == TABLE_rollup) return is_nothing(r);
    if (table == TABLE_ask) return !names_held(n, r);
    return table == TABLE_feed && r->len == 1;
}

static void compare(struct world *w, struct node *n, const char *how, enum table table, const struct rows *before, const struct rows *after) {
    if (table == TABLE_feed) { only_claimed(n, before); only_claimed(n, after); }
    for (size_t i = 0; i < before->n && !w->failed; i++) {
        const struct taken *a = &before->of[i], *b = row_of(after, &a->key);
        if (!b && may_miss(w, n, table, a)) continue;
        if (!b) { differs(w, n, how, table, a, "is missing", 0); return; }
        size_t at = 0;
        if (table == TABLE_rollup && w->restores) unname(n, a, b);
        while (at < a->len && at < b->len && a->value[at] == b->value[at]) at++;
        if (table == TABLE_tip ? lz_get64(b->value) >= lz_get64(a->value) : at == a->len && a->len == b->len) continue;
        differs(w, n, how, table, a, "is another", at);
    }
    for (size_t i = 0; i < after->n && !w->failed && table != TABLE_ask; i++)
        if (!row_of(before, &after->of[i].key) && !may_miss(w, n, table, &after->of[i])) differs(w, n, how, table, &after->of[i], "is more", 0);
}

/* ---- dropping ---------------------------------------------------------------------------------------------------------------- */

static void drop(struct world *w, struct node *n, uint32_t one_in) {
    static struct rows rows;
    for (int table = 0; table < TABLE_COUNT; table++) {
        bool is = table == TABLE_due;
        for (size_t i = 0; i < LZ_COUNT(derived); i++) is |= derived[i] == (enum table)table;
        if (!is) continue;
        take_rows(n, (enum table)table, &rows);
        for (size_t i = 0; i < rows.n; i++) {
            if (sim_random(w, one_in) == 0) store_delete(n->store, (enum table)table, rows.of[i].key);
            free(rows.of[i].value);
        }
    }
}

static void mend_one(struct world *w, struct node *n, const char *how, uint32_t one_in, bool anew) {
    struct rows before[LZ_COUNT(derived)] = { { 0 } }, after = { 0 };
    struct mend mend;
    struct verify verify;
    node_begin(w, n);
    flow_settle(turn_flow(n->turn));
    for (size_t i = 0; i < LZ_COUNT(derived); i++) {
        take_rows(n, derived[i], &before[i]);
        for (size_t k = 0; k < before[i].n; k++) mask(derived[i], &before[i].of[k]);
    }
    if (one_in) drop(w, n, one_in);
    flow_mend(turn_flow(n->turn), anew, &mend);
    flow_verify(turn_flow(n->turn), &verify);
    if (verify.differences) world_fail(w, "MEND (%s) at %u: verify finds %.*s", how, n->code, (int)verify.first.len, (const char *)verify.first.data);
    flow_settle(turn_flow(n->turn));
    if (store_failed(n->store) != LZ_ok) world_fail(w, "MEND (%s) at %u fails", how, n->code);
    for (size_t i = 0; i < LZ_COUNT(derived) && !w->failed; i++) {
        take_rows(n, derived[i], &after);
        for (size_t k = 0; k < after.n; k++) mask(derived[i], &after.of[k]);
        compare(w, n, how, derived[i], &before[i], &after);
        forget_rows(&after);
    }
    for (size_t i = 0; i < LZ_COUNT(derived); i++) forget_rows(&before[i]);
    turn_abandon(n->turn);
    node_finish(w, n);
}

/* An open standing is urged from nine in the morning on, and mending judges it at once: the day's urges are made before that. */
static void urge_first(struct world *w, struct node *n) {
    enum { CHINA_MS = 8 * 3600000, TEN_MS = 10 * 3600000, TURNS = 100 };
    int64_t of_day = (int64_t)((node_now(w, n).wall_ms + CHINA_MS) % LZ_DAY_MS);
    if (of_day < TEN_MS) n->clock_offset_ms += TEN_MS - of_day;
    for (int i = 0; i < TURNS && n->up; i++) node_run(w, n);
}

void world_mend(struct world *w) {
    if (w->planted) return;
    for (int i = 0; i < w->n_nodes && !w->failed; i++) {
        struct node *n = &w->nodes[i];
        if (!n->up) continue;
        urge_first(w, n);
        mend_one(w, n, "nothing", 0, false);
        for (int round = 0; round < 3 && !w->failed; round++) mend_one(w, n, "a third", 3, false);
        if (!w->failed) mend_one(w, n, "a few", 20, false);
        if (!w->failed) mend_one(w, n, "all", 1, false);
        if (!w->failed) mend_one(w, n, "anew", 0, true);
    }
}
