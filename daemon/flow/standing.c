/* standing: loaded once per turn, changed in memory, folded and written once by flow_settle.
 *
 * So ten thousand progress reports on one task cost one standing, two rollup rows and one fold. */
#include "flow_room.h"

const struct lz_bytes flow_daemon_author = { (const uint8_t *)"linzhangd", 9 };

/* ---- the turn's cache ---------------------------------------------------------------------------------------------- */

static size_t place(const struct flow *f, enum cache_type type, const uint8_t key[CACHE_KEY]) {
    size_t mask = 2 * f->max_slots - 1, at = lz_hash64(type, key, CACHE_KEY) & mask;
    while (f->index[at] && (f->slots[f->index[at] - 1].type != type || memcmp(f->slots[f->index[at] - 1].key, key, CACHE_KEY) != 0)) at = (at + 1) & mask;
    return at;
}

/* Starts small: most turns touch a handful, and what a turn allocates it must also clear. */
static bool cache_grow(struct flow *f) {
    if (f->slots && f->n_used < f->max_slots) return true;
    size_t max = f->max_slots ? 4 * f->max_slots : CACHE_FIRST;
    struct cache_slot *slots = arena_alloc_raw(f->arena, max * sizeof *slots);
    uint32_t *index = arena_alloc(f->arena, 2 * max * sizeof *index);
    if (!slots || !index) return false;
    if (f->slots) memcpy(slots, f->slots, f->n_used * sizeof *slots);
    f->slots = slots;
    f->index = index;
    f->max_slots = max;
    for (size_t i = 0; i < f->n_used; i++) f->index[place(f, (enum cache_type)slots[i].type, slots[i].key)] = (uint32_t)i + 1;
    return true;
}

bool flow_has_room(const struct flow *f) { return f->n_used < CACHE_ROOM; }

void flow_make_room(struct flow *f) { cache_spill(f); }

void cache_spill(struct flow *f) {
    if (f->n_used >= CACHE_ROOM) cache_flush(f);
}

void cache_flush(struct flow *f) {
    standings_settle(f);
    reroutes_run(f);
    standings_write(f);
    rollups_write(f);
    if (f->n_used) memset(f->index, 0, 2 * f->max_slots * sizeof *f->index);
    f->n_used = 0;
}

/* Finds or makes the entry. NULL when the turn's memory ran out: the store's transaction has then failed, and with it the
 * turn. What one record touches fits above CACHE_ROOM (a directive of TARGETS_MAX units). */
void *cache_find(struct flow *f, enum cache_type type, const struct key *key, size_t size, bool *found) {
    LZ_ASSERT(key->len <= CACHE_KEY);
    if (f->n_used >= CACHE_USED_MAX || !cache_grow(f)) { store_give_up(f->o.store); return NULL; }
    uint8_t padded[CACHE_KEY] = { 0 };
    memcpy(padded, key->b, key->len);
    size_t at = place(f, type, padded);
    *found = f->index[at] != 0;
    if (*found) return f->slots[f->index[at] - 1].value;
    void *value = arena_alloc(f->arena, size);
    if (!value) { store_give_up(f->o.store); return NULL; }
    struct cache_slot *slot = &f->slots[f->n_used++];
    slot->type = (uint8_t)type;
    slot->value = value;
    memcpy(slot->key, padded, CACHE_KEY);
    f->index[at] = (uint32_t)f->n_used;
    return value;
}

/* ---- standings as bytes -------------------------------------------------------------------------------------------- */

enum { STANDING_BYTES = 4 + 8 + 9 * 8 + 5 * 4 + 2 * REC_ID_BYTES + 2 * 4 + 3 * 8 };

static void standing_print(const struct standing *s, uint8_t out[STANDING_BYTES]) {
    uint8_t *p = out;
    *p++ = s->machine; *p++ = s->state; *p++ = s->colour; *p++ = (uint8_t)(s->auto_escalated | s->counted << 7);
    lz_put32(p, s->owner); lz_put32(p + 4, s->handler); p += 8;
    const uint64_t times[] = { s->since_ms, s->delivered_ms, s->signed_ms, s->reported_ms, s->closed_ms, s->due_ms, s->first_due_ms, s->red_since_ms,
            s->judge_ms };
    for (size_t i = 0; i < LZ_COUNT(times); i++, p += 8) lz_put64(p, times[i]);
    const uint32_t counts[] = { s->returns, s->urges, s->effective, s->overtaken, s->urged_on };
    for (size_t i = 0; i < LZ_COUNT(counts); i++, p += 4) lz_put32(p, counts[i]);
    rec_id_put(s->head, p); p += REC_ID_BYTES;
    rec_id_put(s->report, p); p += REC_ID_BYTES;
    lz_put32(p, s->as_of); lz_put32(p + 4, s->n_progress); p += 8;
    lz_put64(p, s->progress_stamp); lz_put64(p + 8, (uint64_t)s->numerator); lz_put64(p + 16, (uint64_t)s->denominator);
    LZ_ASSERT(p + 24 == out + STANDING_BYTES);
}

/* What the gate for records lets through, so that nothing computed from it overflows, whatever lies on the disk. */
static bool in_range(const struct standing *s, uint64_t *const *times, size_t n) {
    static const uint64_t wall_max = UINT64_C(253402300800000);
    static const int64_t share_max = INT64_C(1) << 53;
    for (size_t i = 0; i < n; i++)
        if (*times[i] > wall_max + 366 * (uint64_t)LZ_DAY_MS) return false;       /* a limit may lie behind the last moment there is */
    return s->numerator >= 0 && s->numerator <= share_max && s->denominator >= 0 && s->denominator <= share_max;
}

static bool standing_parse(struct lz_bytes v, struct standing *s) {
    if (v.len != STANDING_BYTES || v.data[0] >= MACHINE_COUNT || v.data[1] >= STATES_MAX || v.data[2] >= COLOUR_COUNT) return false;
    const uint8_t *p = v.data;
    *s = (struct standing){ .machine = p[0], .state = p[1], .colour = p[2], .auto_escalated = p[3] & 1, .counted = p[3] >> 7,
                            .owner = lz_get32(p + 4), .handler = lz_get32(p + 8) };
    p += 12;
    uint64_t *const times[] = { &s->since_ms, &s->delivered_ms, &s->signed_ms, &s->reported_ms, &s->closed_ms, &s->due_ms, &s->first_due_ms,
            &s->red_since_ms, &s->judge_ms };
    for (size_t i = 0; i < LZ_COUNT(times); i++, p += 8) *times[i] = lz_get64(p);
    uint32_t *const counts[] = { &s->returns, &s->urges, &s->effective, &s->overtaken, &s->urged_on };
    for (size_t i = 0; i < LZ_COUNT(counts); i++, p += 4) *counts[i] = lz_get32(p);
    s->head = rec_id_get(p); p += REC_ID_BYTES;
    s->report = rec_id_get(p); p += REC_ID_BYTES;
    s->as_of = lz_get32(p); s->n_progress = lz_get32(p + 4); p += 8;
    s->progress_stamp = lz_get64(p); s->numerator = (int64_t)lz_get64(p + 8); s->denominator = (int64_t)lz_get64(p + 16);
    return in_range(s, times, LZ_COUNT(times));
}

void standing_store(struct flow *f, struct rec_id subject, uint32_t unit, const struct standing *s) {
    uint8_t v[STANDING_BYTES];
    standing_print(s, v);
    store_put(f->o.store, TABLE_standing, key_standing(subject, unit), lz_bytes_of(v, sizeof v));
}

/* The latest by its as-of date counts, whenever it came; all are counted. */
void standing_take_progress(struct standing *s, const struct record *r) {
    const struct progress *p = &r->of.progress;
    s->n_progress++;
    if (p->as_of < s->as_of || (p->as_of == s->as_of && r->stamp <= s->progress_stamp)) return;
    s->as_of = p->as_of;
    s->progress_stamp = r->stamp;
    s->numerator = p->numerator;
    s->denominator = p->denominator;
}

bool standing_load(struct flow *f, struct rec_id subject, uint32_t unit, struct standing *s) {
    struct lz_bytes v;
    return store_get(f->o.store, TABLE_standing, key_standing(subject, unit), &v) && standing_parse(v, s);
}

/* ---- subjects ------------------------------------------------------------------------------------------------------- */

struct cached_subject *subject_of(struct flow *f, struct rec_id id) {
    struct key key = key_id(id);
    bool found;
    struct cached_subject *c = cache_find(f, CACHE_SUBJECT, &key, sizeof *c, &found);
    if (!c || (found && c->here)) return c;
    c->id = id;
    struct record r;
    if (!flow_record(f, id, &r)) return c;
    c->here = true;
    c->lane = r.lane;
    c->target_all = r.target_all;
    c->written_ms = r.written_ms;
    c->hurried = r.lane < kind_row(r.kind)->lane;
    if (kind_is_directive(r.kind)) c->due_ms = r.of.directive.due_ms;
    return c;
}

/* ---- folding -------------------------------------------------------------------------------------------------------- */

/* Folds from the records held; what only progress and deadlines know is kept. False: the subject is not here yet. */
bool fold_again(struct flow *f, struct rec_id subject, uint32_t unit, struct standing *s) {
    struct record r, *moves;
    struct standing folded;
    size_t mark = arena_used(f->arena);              /* decoded moves are many and not kept: nothing below enters the cache */
    if (!flow_record(f, subject, &r)) { arena_rewind(f->arena, mark); return false; }
    size_t n = flow_moves(f, subject, unit, &moves);
    flow_fold(&r, moves, n, unit, &folded, NULL);
    arena_rewind(f->arena, mark);
    folded.colour = s->colour;
    folded.red_since_ms = s->red_since_ms;
    folded.judge_ms = s->judge_ms;
    folded.auto_escalated = s->auto_escalated;
    folded.counted = s->counted;
    folded.as_of = s->as_of;
    folded.n_progress = s->n_progress;
    folded.progress_stamp = s->progress_stamp;
    folded.numerator = s->numerator;
    folded.denominator = s->denominator;
    *s = folded;
    return true;
}

static struct cached_standing *load(struct flow *f, struct rec_id subject, uint32_t unit) {
    struct key key = key_standing(subject, unit);
    bool found;
    struct cached_standing *c = cache_find(f, CACHE_STANDING, &key, sizeof *c, &found);
    if (!c || found) return c;
    c->subject = subject;
    c->unit = unit;
    const struct kind_row *row = kind_row(subject.kind);
    c->now.machine = (uint8_t)(row ? row->machine : MACHINE_NONE);
    /* the recipient counts a directive, the finder a problem or an emergency */
    c->mine = c->now.machine == MACHINE_HANDLING ? unit == f->o.unit : subject.origin == f->o.unit;
    c->there = standing_load(f, subject, unit, &c->now);
    if (c->now.counted) standing_contribution(&c->now, &c->before);
    c->judge_before = c->now.judge_ms;
    return c;
}

struct cached_standing *standing_touch(struct flow *f, struct rec_id subject, uint32_t unit) {
    struct cached_standing *c = load(f, subject, unit);
    if (c) c->refold = c->dirty = true;
    return c;
}

struct cached_standing *standing_of(struct flow *f, struct rec_id subject, uint32_t unit) {
    struct cached_standing *c = load(f, subject, unit);
    if (!c || !c->refold) return c;
    c->refold = false;
    c->judge = true;
    fold_again(f, subject, unit, &c->now);
    return c;
}

bool flow_standing(struct flow *f, struct rec_id subject, uint32_t unit, struct standing *s) {
    struct cached_standing *c = standing_of(f, subject, unit);
    if (!c) return false;
    *s = c->now;
    return c->there || c->dirty;
}

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static void write_one(struct flow *f, struct cached_standing *c) {
    if (!c->dirty) return;
    c->dirty = false;
    if (c->now.judge_ms != c->judge_before) {
        if (c->judge_before) store_delete(f->o.store, TABLE_due, key_due(c->judge_before, DUE_JUDGE, c->subject, c->unit));
        if (c->now.judge_ms) due_put(f, c->now.judge_ms, DUE_JUDGE, c->subject, c->unit);
        c->judge_before = c->now.judge_ms;
    }
    struct counters after = { { 0 } };
    struct cached_subject *subject = c->mine ? subject_of(f, c->subject) : NULL;
    c->now.counted = subject && subject->here;           /* a move on what does not exist here counts nothing */
    if (c->now.counted) standing_contribution(&c->now, &after);
    standing_store(f, c->subject, c->unit, &c->now);
    c->there = true;
    struct rec_id whole = { 0 };
    if (memcmp(&after, &c->before, sizeof after) != 0) {
        if (c->now.machine == MACHINE_HANDLING) rollup_add(f, c->subject.kind, c->subject, &after, &c->before);
        rollup_add(f, c->subject.kind, whole, &after, &c->before);
    }
    c->before = after;
}

void standings_write(struct flow *f) {
    for (size_t i = 0; i < f->n_used; i++) {
        struct cache_slot *slot = &f->slots[i];
        if (slot->type == CACHE_STANDING) write_one(f, slot->value);
    }
}
