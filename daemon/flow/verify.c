/* verify: everything derived, computed again from the records by the long way round.
 *
 * What is compared: every record decodes and stands in the feeds it says; every feed entry names a record that is held; every
 * standing is what its moves and progress fold to; every rollup part is the sum of the standings it counts, or what the child
 * last sent; every total is the sum of its parts. Colours are taken as stored: only a judgement changes them. */
#include <stdarg.h>
#include <stdio.h>
#include "flow_room.h"

/* A sum per (kind, subject, unit), in the arena: open addressing, never grows. */
struct tally {
    uint8_t key[CACHE_KEY];
    bool used, seen;
    struct counters sum;
    struct standing s;
};
struct checker {
    struct flow *f;
    struct verify *out;
    enum lz_lang lang;
    struct tally *progress, *own;
    size_t n_slots;
};

static void differ(struct checker *c, const char *format, ...) LZ_PRINTF(2, 3);
static void differ(struct checker *c, const char *format, ...) {
    c->out->differences++;
    if (c->out->first.len) return;
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, lz_text(c->lang, format), args);
    va_end(args);
    const char *copy = arena_copy(c->f->arena, text, strlen(text));
    if (copy) c->out->first = lz_bytes_of(copy, strlen(text));
}

static struct tally *tally_of(struct checker *c, struct tally *table, struct key key) {
    uint8_t padded[CACHE_KEY] = { 0 };
    LZ_ASSERT(key.len <= CACHE_KEY);
    memcpy(padded, key.b, key.len);
    for (size_t at = lz_hash64(7, padded, CACHE_KEY) % c->n_slots; ; at = (at + 1) % c->n_slots) {
        if (table[at].used && memcmp(table[at].key, padded, CACHE_KEY) == 0) return &table[at];
        if (table[at].used) continue;
        memcpy(table[at].key, padded, CACHE_KEY);
        table[at].used = true;
        return &table[at];
    }
}

static const char *name_of(struct key key, char out[2 * sizeof key.b + 1]) { lz_hex(key.b, key.len, out); return out; }

static bool entry_has(struct lz_bytes entry, struct key key) {
    if (entry.len < 1) return false;
    size_t width = entry.data[0] ? entry.len - 1 : REC_ID_BYTES;
    for (size_t at = 1; at + width <= entry.len && width; at += width)
        if (width == key.len && memcmp(entry.data + at, key.b, width) == 0) return true;
    return false;
}

/* A move stands in the index of its subject, and has left its mark in a standing. */
static void check_move(struct checker *c, struct key key, const struct record *r) {
    char hex[200];
    uint32_t unit = move_stands_for(r);
    const struct kind_row *row = kind_row(r->subject.kind);
    struct lz_bytes v;
    if (!row || row->machine == MACHINE_NONE) return;
    if (!store_get(c->f->o.store, TABLE_subject, key_move(r->subject, unit, r->origin, r->stamp, r->epoch), &v))
        differ(c, "办理动作 %s 不在它那一件的目录里", name_of(key, hex));
    if (!store_get(c->f->o.store, TABLE_standing, key_standing(r->subject, unit), &v)) differ(c, "办理动作 %s 没有对应的状态", name_of(key, hex));
}

/* A piece stands in its indexes, a file in one state, a wish that is this unit's to answer too. */
static void check_files_of(struct checker *c, struct key key, const struct record *r) {
    char hex[200];
    struct derived rows[ATTACHMENT_ROWS], row;
    enum file_state state;
    struct lz_bytes v;
    size_t n = attachment_rows(r, rows);
    for (size_t i = 0; i < n; i++)
        if (!store_get(c->f->o.store, rows[i].table, rows[i].key, &v) || v.len != rows[i].len || (v.len && memcmp(v.data, rows[i].value, v.len) != 0))
            differ(c, "附件 %s 不在目录 %s 里，或去向不同", name_of(key, hex), table_name(rows[i].table));
    if (attachment_state(c->f, r, &row) && states_of(c->f, &row, &state) != 1) differ(c, "附件或调取请求 %s 应有一个状态", name_of(key, hex));
}

static void check_record(struct checker *c, struct key key, const struct stored *stored) {
    char hex[200];
    struct record r;
    for (size_t i = 0; i < store_stored_feeds(stored); i++) {
        uint64_t position;
        struct feed_id feed = store_stored_feed(stored, i, &position);
        struct lz_bytes entry;
        if (!store_get(c->f->o.store, TABLE_feed, key_feed(feed, position), &entry) || !entry_has(entry, key))
            differ(c, "记录 %s 说自己在 %u/%u 的 %llu，那里却没有", name_of(key, hex), feed.scope, feed.lane, (unsigned long long)position);
        if (position > store_tip(c->f->o.store, feed)) differ(c, "记录 %s 的位置在末尾之后", name_of(key, hex));
    }
    enum lz_err err = record_decode(c->f->arena, stored->envelope, &r, NULL);
    if (err == LZ_unknown_kind) return;
    if (err != LZ_ok) { differ(c, "记录 %s 不能解析：%s", name_of(key, hex), lz_err_name(err)); return; }
    struct key own = key_of(&r);
    if (own.len != key.len || memcmp(own.b, key.b, key.len) != 0) differ(c, "记录 %s 的键与内容不符", name_of(key, hex));
    if (r.kind == KIND_move) check_move(c, key, &r);
    if (kind_form(r.kind) && !store_has(c->f->o.store, TABLE_version, key_of_version(&r))) differ(c, "记录 %s 不在它那一项的目录里", name_of(key, hex));
    struct key refer;
    if (key_of_refer(&r, &refer) && !store_has(c->f->o.store, TABLE_refer, refer)) differ(c, "记录 %s 不在它所指的那一项的目录里", name_of(key, hex));
    check_files_of(c, key, &r);
    if (r.kind == KIND_rollup && roster_find(c->f->o.roster, r.origin) &&
        !store_has(c->f->o.store, TABLE_rollup, key_rollup((uint16_t)r.of.rollup.kind, r.of.rollup.subject, r.origin)))
        differ(c, "下级 %06u 上报的汇总没有计入", r.origin);
    if (r.kind != KIND_progress || !progress_counts(&r)) return;
    standing_take_progress(&tally_of(c, c->progress, key_standing(r.subject, r.origin))->s, &r);
}

static void check_records(struct checker *c) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(c->f->o.store, TABLE_record, &key, &v); key = key_after(key), c->out->records++) {
        size_t mark = arena_used(c->f->arena);
        struct stored stored;
        uint64_t before = c->out->differences;
        if (store_record_parse(v, &stored)) check_record(c, key, &stored);
        else differ(c, "有一条记录的长度不对");
        if (before == c->out->differences) arena_rewind(c->f->arena, mark);
    }
}

static void check_feeds(struct checker *c) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(c->f->o.store, TABLE_feed, &key, &v); key = key_after(key), c->out->feed_entries++) {
        size_t width = v.len > 1 && v.data[0] ? v.len - 1 : REC_ID_BYTES;
        if (v.len < 2 || width > 6 + REGISTER_KEY_MAX) { differ(c, "传送目录里有一项的长度不对"); continue; }
        for (size_t at = 1; at + width <= v.len; at += width) {
            struct stored stored;
            if (!store_record_get(c->f->o.store, key_bytes(lz_bytes_of(v.data + at, width)), &stored)) differ(c, "传送目录里有一条记录不在库中");
        }
        if (lz_get64(key.b + 5) > store_position(c->f->o.store)) differ(c, "传送目录的位置超过计数");
    }
}

static void check_versions(struct checker *c) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(c->f->o.store, TABLE_version, &key, &v); key = key_after(key)) {
        size_t mark = arena_used(c->f->arena);
        uint64_t before = c->out->differences;
        struct record r;
        struct key own = { 0 };
        if (key.len == VERSION_BYTES && flow_record(c->f, key_version_id(&key), &r) && kind_form(r.kind)) own = key_of_version(&r);
        if (own.len != key.len || memcmp(own.b, key.b, key.len) != 0) differ(c, "项目目录里有一条与记录不符");
        if (before == c->out->differences) arena_rewind(c->f->arena, mark);
    }
}

/* An own entry is in the sums with the version that holds, and the version after it is awaited. */
static void check_entries(struct checker *c) {
    struct key at = { 0 }, entry;
    struct lz_bytes v, any;
    struct rec_id whole = { 0 };
    while (entry_next(c->f, &at, &entry)) {
        struct counters adds;
        struct rec_id group;
        bool grouped;
        uint16_t kind = lz_get16(entry.b);
        size_t mark = arena_used(c->f->arena);
        bool settled = entry_is_settled(c->f, &entry, &adds, &group, &grouped);
        arena_rewind(c->f->arena, mark);
        if (!settled) differ(c, "%s有一项计入汇总的不是当天有效的版本", kind_row(kind) ? kind_row(kind)->zh : "?");
        if (adds.of[COUNTER_total] == 0) continue;       /* all of its versions are to come */
        struct tally *of_kind = tally_of(c, c->own, key_rollup(kind, whole, c->f->o.unit));
        for (size_t i = 0; i < COUNTER_COUNT; i++) of_kind->sum.of[i] += adds.of[i];
        if (!grouped) continue;
        struct tally *of_group = tally_of(c, c->own, key_rollup(kind, group, c->f->o.unit));
        for (size_t i = 0; i < COUNTER_COUNT; i++) of_group->sum.of[i] += adds.of[i];
    }
    for (at = (struct key){ 0 }; store_seek(c->f->o.store, TABLE_entry, &at, &v); at = key_after(at)) {
        entry = at;
        bool fits = at.len == VERSION_ENTRY_BYTES && v.len == VERSION_BYTES - VERSION_ENTRY_BYTES && lz_get32(at.b + 2) == c->f->o.unit;
        if (fits) memcpy(entry.b + VERSION_ENTRY_BYTES, v.data, v.len);
        entry.len = VERSION_BYTES;
        if (!fits || !store_get(c->f->o.store, TABLE_version, entry, &any)) differ(c, "有一项计入汇总的版本不在项目目录里");
    }
}

static void check_refers(struct checker *c) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(c->f->o.store, TABLE_refer, &key, &v); key = key_after(key)) {
        size_t mark = arena_used(c->f->arena);
        uint64_t before = c->out->differences;
        struct record r;
        struct key own = { 0 };
        if (key.len == REFER_BYTES && flow_record(c->f, key_refer_id(&key), &r)) (void)key_of_refer(&r, &own);
        if (own.len != key.len || memcmp(own.b, key.b, key.len) != 0) differ(c, "所指目录里有一条与记录不符");
        if (before == c->out->differences) arena_rewind(c->f->arena, mark);
    }
}

/* ---- attached files: every row has its records ---- */

static bool piece_stands(struct checker *c, const struct key *key) {
    struct record r;
    struct derived rows[ATTACHMENT_ROWS];
    if (key->len != PIECE_BYTES || !flow_record(c->f, key_piece_id(key), &r) || attachment_rows(&r, rows) < 2) return false;
    return rows[0].key.len == key->len && memcmp(rows[0].key.b, key->b, key->len) == 0;
}

static bool says(const struct record *r, const struct key *key) {
    struct derived rows[ATTACHMENT_ROWS];
    size_t n = attachment_rows(r, rows);
    for (size_t i = 0; i < n; i++)
        if (rows[i].table == TABLE_attached && rows[i].key.len == key->len && memcmp(rows[i].key.b, key->b, key->len) == 0) return true;
    return false;
}

static bool attached_stands(struct checker *c, const struct key *key) {
    struct record r;
    struct lz_bytes v;
    uint32_t origin = lz_get32(key->b + ATTACHED_ORIGIN_AT);
    if (key->len == NOTHING_BYTES) {
        struct rec_id id = { origin, KIND_attachment, lz_get64(key->b + ATTACHED_BYTES), lz_get32(key->b + ATTACHED_BYTES + 8) };
        return flow_record(c->f, id, &r) && says(&r, key);
    }
    struct key prefix = key_piece(key->b + ATTACHED_HASH_AT, origin, 0, 0, 0, 0), at = prefix;
    prefix.len = at.len = FILE_HASH_BYTES + 4;
    for (; key->len == ATTACHED_BYTES && store_seek(c->f->o.store, TABLE_piece, &at, &v) && key_begins(&at, &prefix, prefix.len); at = key_after(at)) {
        size_t mark = arena_used(c->f->arena);
        if (at.len == PIECE_BYTES && flow_record(c->f, key_piece_id(&at), &r) && says(&r, key)) return true;
        arena_rewind(c->f->arena, mark);
    }
    return false;
}

static bool content_stands(struct checker *c, const struct key *key) {
    struct key set = key_bytes(lz_bytes_of(key->b + 1, key->len ? key->len - 1u : 0)), at = set;
    struct lz_bytes v;
    struct record r;
    if (key->len != 1 + PIECE_SET_BYTES || !store_seek(c->f->o.store, TABLE_piece, &at, &v) || !key_begins(&at, &set, PIECE_SET_BYTES)) return false;
    if (key->b[0] != FILE_WHOLE) return key->b[0] <= FILE_AGAIN;
    uint32_t origin = lz_get32(set.b + FILE_HASH_BYTES), piece = lz_get32(set.b + FILE_HASH_BYTES + 4), n = 1;
    for (uint32_t i = 0; i < n; i++) {
        size_t mark = arena_used(c->f->arena);
        bool held = flow_piece(c->f, set.b, origin, piece, i, &r);
        if (held && i == 0) n = attachment_pieces(r.of.attachment.total, piece);
        arena_rewind(c->f->arena, mark);
        if (!held) return false;
    }
    return true;
}

static bool wished_stands(struct checker *c, const struct key *key) {
    struct record r;
    return key->len == 1 + REC_ID_BYTES && key->b[0] <= FILE_WHOLE && flow_record(c->f, rec_id_get(key->b + 1), &r) && wish_is_for(c->f, &r);
}

static void check_files(struct checker *c) {
    static const struct { enum table table; bool (*stands)(struct checker *c, const struct key *key); } tables[] = {
        { TABLE_piece, piece_stands }, { TABLE_attached, attached_stands }, { TABLE_content, content_stands }, { TABLE_wished, wished_stands },
    };
    for (size_t i = 0; i < LZ_COUNT(tables); i++) {
        struct key key = { 0 };
        struct lz_bytes v;
        for (; store_seek(c->f->o.store, tables[i].table, &key, &v); key = key_after(key)) {
            char hex[200];
            size_t mark = arena_used(c->f->arena);
            uint64_t before = c->out->differences;
            if (!tables[i].stands(c, &key)) differ(c, "目录 %s 里的 %s 与记录不符", table_name(tables[i].table), name_of(key, hex));
            if (before == c->out->differences) arena_rewind(c->f->arena, mark);
        }
    }
}

static bool same_standing(const struct standing *a, const struct standing *b) {
    return a->machine == b->machine && a->state == b->state && a->owner == b->owner && a->handler == b->handler && a->since_ms == b->since_ms &&
           a->delivered_ms == b->delivered_ms && a->signed_ms == b->signed_ms && a->reported_ms == b->reported_ms && a->closed_ms == b->closed_ms &&
           a->due_ms == b->due_ms && a->returns == b->returns && a->urges == b->urges && a->effective == b->effective &&
           a->overtaken == b->overtaken && rec_id_equal(a->head, b->head) && rec_id_equal(a->report, b->report);
}

static void check_standing(struct checker *c, struct rec_id subject, uint32_t unit, const struct standing *stored) {
    char id[REC_ID_TEXT];
    rec_id_print_short(subject, id);
    struct standing again = *stored;
    if (fold_again(c->f, subject, unit, &again) && !same_standing(&again, stored))
        differ(c, "%s 对 %06u 的状态存的是 %s，重算是 %s", id, unit, state_name((enum machine)stored->machine, stored->state),
                state_name((enum machine)again.machine, again.state));
    struct tally *reported = tally_of(c, c->progress, key_standing(subject, unit));
    const struct standing *p = &reported->s;
    reported->seen = true;
    if (p->n_progress != stored->n_progress || p->as_of != stored->as_of || p->numerator != stored->numerator || p->denominator != stored->denominator)
        differ(c, "%s 对 %06u 的进展存的是 %u 条，重算是 %u 条", id, unit, stored->n_progress, p->n_progress);
    bool mine = stored->machine == MACHINE_HANDLING ? unit == c->f->o.unit : stored->machine != MACHINE_NONE && subject.origin == c->f->o.unit;
    struct stored held;
    if (stored->counted != (mine && store_record_get(c->f->o.store, key_id(subject), &held))) differ(c, "%s 对 %06u 该不该计入汇总弄错了", id, unit);
    if (!stored->counted) return;
    struct counters part;
    struct rec_id whole = { 0 };
    standing_contribution(stored, &part);
    struct tally *of_kind = tally_of(c, c->own, key_rollup(subject.kind, whole, c->f->o.unit));
    for (size_t i = 0; i < COUNTER_COUNT; i++) of_kind->sum.of[i] += part.of[i];
    if (stored->machine != MACHINE_HANDLING) return;
    struct tally *of_subject = tally_of(c, c->own, key_rollup(subject.kind, subject, c->f->o.unit));
    for (size_t i = 0; i < COUNTER_COUNT; i++) of_subject->sum.of[i] += part.of[i];
}

static void check_standings(struct checker *c) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(c->f->o.store, TABLE_standing, &key, &v); key = key_after(key), c->out->standings++) {
        size_t mark = arena_used(c->f->arena);
        uint64_t before = c->out->differences;
        struct rec_id subject = rec_id_get(key.b);
        struct standing stored;
        if (!standing_load(c->f, subject, lz_get32(key.b + REC_ID_BYTES), &stored)) differ(c, "有一条状态不能读取");
        else check_standing(c, subject, lz_get32(key.b + REC_ID_BYTES), &stored);
        if (before == c->out->differences) arena_rewind(c->f->arena, mark);
    }
}

/* What a child last sent, from its register; zero when it is not a child now, or has sent nothing. */
static struct counters sent_by(struct checker *c, uint32_t child, uint16_t kind, struct rec_id subject) {
    struct counters none = { { 0 } };
    struct stored stored;
    struct record r;
    if (!roster_find(c->f->o.roster, child)) return none;
    if (!store_record_get(c->f->o.store, rollup_register_key(child, kind, subject), &stored)) return none;
    return record_decode(c->f->arena, stored.envelope, &r, NULL) == LZ_ok ? r.of.rollup.sum : none;
}

static void check_rollups(struct checker *c) {
    struct key key = { 0 }, of = { 0 };
    struct lz_bytes v;
    struct counters sum = { { 0 } };                    /* the parts behind a total: unit 0 is the first row of each group */
    struct cached_rollup *total = arena_alloc(c->f->arena, sizeof *total), *row = arena_alloc(c->f->arena, sizeof *row);
    if (!total || !row) { store_give_up(c->f->o.store); return; }
    bool open = false;
    char hex[200];
    for (; store_seek(c->f->o.store, TABLE_rollup, &key, &v); key = key_after(key), c->out->rollups++) {
        uint16_t kind = lz_get16(key.b);
        struct rec_id subject = rec_id_get(key.b + 2);
        uint32_t unit = lz_get32(key.b + 2 + REC_ID_BYTES);
        memset(row, 0, sizeof *row);
        if (!rollup_parse(v, unit == 0, row)) { differ(c, "汇总 %s 不能读取", name_of(key, hex)); continue; }
        if (unit == 0) {
            if (open && memcmp(&sum, &total->sum, sizeof sum) != 0) differ(c, "%s之前的合计不等于各单位之和", name_of(key, hex));
            *total = *row;
            open = true;
            of = key;
            memset(&sum, 0, sizeof sum);
            continue;
        }
        if ((!open || !key_begins(&key, &of, 2 + REC_ID_BYTES)) && row->sum.of[COUNTER_total]) differ(c, "汇总 %s 没有合计", name_of(key, hex));
        for (size_t i = 0; i < COUNTER_COUNT; i++) sum.of[i] += row->sum.of[i];
        struct counters truth;
        if (unit == c->f->o.unit) {
            struct tally *t = tally_of(c, c->own, key_rollup(kind, subject, unit));
            truth = t->sum;
            if (kind_form(kind)) truth.of[COUNTER_reporting] = truth.of[COUNTER_records] > 0;
            t->seen = true;
        } else truth = sent_by(c, unit, kind, subject);
        if (memcmp(&truth, &row->sum, sizeof truth) != 0)
            differ(c, "汇总 %s 与重算不同（总数 %lld，重算 %lld）", name_of(key, hex), (long long)row->sum.of[COUNTER_total],
                   (long long)truth.of[COUNTER_total]);
    }
    if (open && memcmp(&sum, &total->sum, sizeof sum) != 0) differ(c, "最后一个合计不等于各单位之和");
    for (size_t i = 0; i < c->n_slots; i++)
        if (c->own[i].used && !c->own[i].seen) differ(c, "有状态没有计入汇总");
    for (size_t i = 0; i < c->n_slots; i++)
        if (c->progress[i].used && !c->progress[i].seen) differ(c, "有进展没有计入状态");
}

void flow_verify(struct flow *f, struct verify *out) { flow_verify_in(f, LZ_ZH, out); }

void flow_verify_in(struct flow *f, enum lz_lang lang, struct verify *out) {
    memset(out, 0, sizeof *out);
    struct store_counts counts;
    store_count(f->o.store, &counts);
    struct checker c = { .f = f, .out = out, .lang = lang };
    c.n_slots = 2 * (counts.entries[TABLE_standing] + counts.entries[TABLE_rollup] + counts.entries[TABLE_entry]) + 1024;
    /* its own memory: a store holds more standings than a turn may touch */
    struct arena *own = arena_create(c.n_slots * 2 * sizeof(struct tally) + (1 << 20));
    c.progress = arena_alloc(own, c.n_slots * sizeof *c.progress);
    c.own = arena_alloc(own, c.n_slots * sizeof *c.own);
    LZ_ASSERT(c.progress && c.own);
    check_records(&c);
    check_feeds(&c);
    check_versions(&c);
    check_refers(&c);
    check_files(&c);
    check_standings(&c);
    check_entries(&c);
    check_rollups(&c);
    arena_destroy(&own);
    if (store_rot(f->o.store)) differ(&c, "有 %llu 个值的校验和不对", (unsigned long long)store_rot(f->o.store));
}
