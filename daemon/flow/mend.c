/* mend: what is derived is made again from the records, after a part of it was lost to rot.
 *
 * The caller has dropped what cannot be read. Everything that has gone is found from the records, which say what must stand:
 * their places in feeds, the index of moves, document numbers, the answers to requests, standings; sums are then added up
 * anew. What only judging knows of a standing (its colour, that it was passed up once) is judged again. The same as by the
 * incremental way, and `verify` finds no difference after it. */
#include "flow_room.h"

/* ---- standings ---------------------------------------------------------------------------------------------------------- */

/* Long ago: judged in this turn or, when they are many, in those that follow; and the marks of a standing that nothing has called for
 * yet, or that this mend is making again. */
enum { JUDGE_NOW = 1, NOT_CALLED_FOR = 2, BEING_MADE = 3 };

/* Only what judging knows is kept, so that nothing is urged or passed up a second time. */
static void standings_to_marks(struct flow *f) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(f->o.store, TABLE_standing, &key, &v); key = key_after(key)) {
        struct rec_id subject = rec_id_get(key.b);
        uint32_t unit = lz_get32(key.b + REC_ID_BYTES);
        struct standing s;
        if (!standing_load(f, subject, unit, &s)) { store_delete(f->o.store, TABLE_standing, key); continue; }
        s = (struct standing){ .machine = s.machine, .colour = s.colour, .red_since_ms = s.red_since_ms, .auto_escalated = s.auto_escalated,
                               .judge_ms = NOT_CALLED_FOR };
        standing_store(f, subject, unit, &s);
    }
}

static void marks_go(struct flow *f) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(f->o.store, TABLE_standing, &key, &v); key = key_after(key)) {
        struct standing s;
        if (standing_load(f, rec_id_get(key.b), lz_get32(key.b + REC_ID_BYTES), &s) && s.judge_ms == NOT_CALLED_FOR)
            store_delete(f->o.store, TABLE_standing, key);
    }
}

static void progress_again(struct flow *f, const struct record *r) {
    struct standing s;
    if (!standing_load(f, r->subject, r->origin, &s) || s.judge_ms != BEING_MADE) return;
    standing_take_progress(&s, r);
    standing_store(f, r->subject, r->origin, &s);
}

/* Written as its records say; judged in this turn, for its colour. */
static void expect_standing(struct flow *f, struct rec_id subject, uint32_t unit, struct mend *out) {
    struct standing s;
    const struct kind_row *row = kind_row(subject.kind);
    if (row && row->machine == MACHINE_NONE) return;
    bool there = standing_load(f, subject, unit, &s);
    if (there && s.judge_ms != NOT_CALLED_FOR) return;
    if (!there) s = (struct standing){ .machine = (uint8_t)(row ? row->machine : MACHINE_NONE) };
    s.counted = fold_again(f, subject, unit, &s) && (s.machine == MACHINE_HANDLING ? unit == f->o.unit : subject.origin == f->o.unit);
    s.judge_ms = BEING_MADE;
    standing_store(f, subject, unit, &s);
    out->standings++;
}

static void standings_expected(struct flow *f, const struct record *r, struct mend *out) {
    struct rec_id id = record_id(r);
    if (r->kind == KIND_problem || r->kind == KIND_emergency) expect_standing(f, id, 0, out);
    if (r->kind == KIND_move && kind_row(r->subject.kind)) expect_standing(f, r->subject, move_stands_for(r), out);
    if (r->kind == KIND_progress && progress_counts(r)) expect_standing(f, r->subject, r->origin, out);
    if (!kind_is_directive(r->kind)) return;
    const uint32_t *units;
    size_t n = r->origin == f->o.unit ? flow_recipients(f, r, &units) : 0;
    for (size_t i = 0; i < n; i++) expect_standing(f, id, units[i], out);
    if (r->origin != f->o.unit && record_targets_unit(r, f->o.unit) && !roster_holding(f->o.roster, r->origin)) expect_standing(f, id, f->o.unit, out);
}

/* Rounds over the records: each needs what the one before has made whole. */
enum round { ROUND_ROWS, ROUND_STANDINGS, ROUND_PROGRESS };

/* ---- what each record says must stand --------------------------------------------------------------------------------------- */

static void expect(struct flow *f, enum table table, struct key key, struct lz_bytes value, struct mend *out) {
    if (store_has(f->o.store, table, key)) return;
    store_put(f->o.store, table, key, value);
    out->rows++;
}

static void files_expected(struct flow *f, const struct record *r, struct mend *out) {
    struct derived rows[ATTACHMENT_ROWS], row;
    enum file_state state;
    size_t n = attachment_rows(r, rows);
    for (size_t i = 0; i < n; i++) expect(f, rows[i].table, rows[i].key, lz_bytes_of(rows[i].value, rows[i].len), out);
    if (attachment_state(f, r, &row) && states_of(f, &row, &state) == 0) expect(f, row.table, row.key, (struct lz_bytes){ 0 }, out);
}

static void rows_expected(struct flow *f, const struct record *r, struct mend *out) {
    uint8_t id[REC_ID_BYTES];
    rec_id_put(record_id(r), id);
    struct lz_bytes as_value = lz_bytes_of(id, sizeof id);
    if (r->kind == KIND_move)
        expect(f, TABLE_subject, key_move(r->subject, move_stands_for(r), r->origin, r->stamp, r->epoch), (struct lz_bytes){ 0 }, out);
    struct key refer;
    if (kind_form(r->kind)) expect(f, TABLE_version, key_of_version(r), (struct lz_bytes){ 0 }, out);
    if (key_of_refer(r, &refer)) expect(f, TABLE_refer, refer, (struct lz_bytes){ 0 }, out);
    files_expected(f, r, out);
    if (r->origin != f->o.unit) return;
    if (r->request.len == 16) expect(f, TABLE_ask, key_ask(r->request, (uint16_t)r->request_index), as_value, out);
    if (kind_is_directive(r->kind) && r->of.directive.serial)
        expect(f, TABLE_number, key_number(r->origin, r->of.directive.year, r->kind, r->of.directive.serial), as_value, out);
}

static void take(struct flow *f, enum round round, const struct record *r, struct mend *out) {
    if (round == ROUND_ROWS) rows_expected(f, r, out);
    if (round == ROUND_STANDINGS) standings_expected(f, r, out);
    if (round == ROUND_PROGRESS && r->kind == KIND_progress && progress_counts(r)) progress_again(f, r);
}

static void records_say(struct flow *f, enum round round, struct mend *out) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(f->o.store, TABLE_record, &key, &v); key = key_after(key)) {
        size_t mark = arena_used(f->arena);
        struct stored stored;
        struct record r;
        const uint8_t *copy = arena_copy(f->arena, v.data, v.len);       /* the store's bytes move when something is written */
        if (!copy) { store_give_up(f->o.store); return; }
        if (store_record_parse(lz_bytes_of(copy, v.len), &stored)) {
            enum lz_err err = record_decode(f->arena, stored.envelope, &r, NULL);
            for (size_t i = 0; round == ROUND_ROWS && i < store_stored_feeds(&stored) && (err == LZ_ok || err == LZ_unknown_kind); i++) {
                uint64_t position;
                struct feed_id feed = store_stored_feed(&stored, i, &position);
                out->feed_entries += store_feed_mend(f->o.store, key_of(&r), feed, position);
            }
            if (err == LZ_ok) take(f, round, &r, out);
        }
        arena_rewind(f->arena, mark);
    }
}

/* ---- sums and what falls due ------------------------------------------------------------------------------------------------- */

static void clear(struct flow *f, enum table table) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(f->o.store, table, &key, &v); key = key_after(key)) store_delete(f->o.store, table, key);
}

static void sums_to_zero(struct flow *f) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(f->o.store, TABLE_rollup, &key, &v); key = key_after(key)) {
        if (key.len == 2 + REC_ID_BYTES + 4 && lz_get32(key.b + 2 + REC_ID_BYTES) == 0 && rollup_store_zero(f, key, v)) continue;
        store_delete(f->o.store, TABLE_rollup, key);
    }
}

static void entries_again(struct flow *f, size_t mark) {
    struct key at = { 0 }, entry;
    clear(f, TABLE_entry);
    while (entry_next(f, &at, &entry)) {
        if (!flow_has_room(f)) {
            cache_flush(f);
            flow_forget(f);
            arena_rewind(f->arena, mark);
        }
        entry_settle_key(f, &entry);
    }
}

static void sums_again(struct flow *f) {
    static const struct counters none;
    struct rec_id whole = { 0 };
    struct key key = { 0 };
    struct lz_bytes v;
    sums_to_zero(f);
    cache_flush(f);
    size_t mark = arena_used(f->arena);
    for (; store_seek(f->o.store, TABLE_standing, &key, &v); key = key_after(key)) {
        if (!flow_has_room(f)) {                         /* as cache_spill, and what the rows took is given back: there may be any number */
            cache_flush(f);
            flow_forget(f);                              /* only sums are in it: nothing that a feed still needs */
            arena_rewind(f->arena, mark);
        }
        struct rec_id subject = rec_id_get(key.b);
        struct standing s;
        struct counters part;
        if (!standing_load(f, subject, lz_get32(key.b + REC_ID_BYTES), &s) || !s.counted) continue;
        standing_contribution(&s, &part);
        if (s.machine == MACHINE_HANDLING) rollup_add(f, subject.kind, subject, &part, &none);
        rollup_add(f, subject.kind, whole, &part, &none);
    }
    entries_again(f, mark);
    for (size_t i = 0; i < f->o.roster->n_children; i++) flow_child_part(f, f->o.roster->children[i].code, true);
    cache_flush(f);
}

static void due_again(struct flow *f) {
    struct key key = { 0 };
    struct lz_bytes v;
    clear(f, TABLE_due);
    f->next_due = 0;
    for (key = (struct key){ 0 }; store_seek(f->o.store, TABLE_standing, &key, &v); key = key_after(key)) {
        struct standing s;
        struct rec_id subject = rec_id_get(key.b);
        uint32_t unit = lz_get32(key.b + REC_ID_BYTES);
        if (!standing_load(f, subject, unit, &s)) continue;
        if (s.judge_ms == BEING_MADE) {
            s.judge_ms = JUDGE_NOW;
            standing_store(f, subject, unit, &s);
        }
        if (s.judge_ms) due_put(f, s.judge_ms, DUE_JUDGE, subject, unit);
    }
    struct key at = { 0 }, entry;
    while (entry_next(f, &at, &entry)) entry_settle_key(f, &entry);          /* nothing changes, but the next versions are awaited again */
    for (key = (struct key){ 0 }; f->o.parent && store_seek(f->o.store, TABLE_rollup, &key, &v); key = key_after(key))
        if (lz_get32(key.b + 2 + REC_ID_BYTES) == 0) due_put(f, f->now.wall_ms, DUE_ROLLUP, rec_id_get(key.b + 2), lz_get16(key.b));
}

void flow_mend(struct flow *f, bool anew, struct mend *out) {
    *out = (struct mend){ 0 };
    cache_flush(f);
    if (anew) {
        clear(f, TABLE_subject);
        clear(f, TABLE_version);
        clear(f, TABLE_refer);
        clear(f, TABLE_piece);
        clear(f, TABLE_attached);
        clear(f, TABLE_content);
        standings_to_marks(f);
        store_feeds_prune(f->o.store);
    }
    for (enum round round = ROUND_ROWS; round <= ROUND_PROGRESS; round++) records_say(f, round, out);
    if (anew) marks_go(f);
    sums_again(f);
    due_again(f);
    flow_forget(f);
}
