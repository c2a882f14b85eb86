/* flow: the life of a turn here, and reading. */
#include <stdlib.h>
#include "flow_room.h"

struct flow *flow_create(const struct flow_options *options) {
    LZ_ASSERT(options->unit != 0 && options->store && options->roster && options->units && options->calendar);
    struct flow *f = calloc(1, sizeof *f);
    if (!f) lz_fatal("out of memory");
    f->o = *options;
    attachments_look(f);
    return f;
}

void flow_destroy(struct flow **flow_p) {
    free(*flow_p);
    *flow_p = NULL;
}

static void forget_turn(struct flow *f) {
    f->slots = NULL;
    f->index = NULL;
    f->n_used = f->max_slots = 0;
    f->landed = NULL;
    f->n_landed = 0;
    f->wish_read = false;
    f->next_due = 0;
}

/* What was hashed may have been of the turn that is given up. */
void flow_forget(struct flow *f) {
    forget_turn(f);
    f->files.hashing = false;
    attachments_look(f);
}

void flow_begin(struct flow *f, struct lz_now now, struct arena *arena) {
    uint64_t next_due = f->next_due;
    forget_turn(f);
    f->next_due = next_due;
    if (now.wall_ms + LZ_MINUTE_MS / 60 < f->now.wall_ms) f->clock_went_back = true;
    f->now = now;
    f->arena = arena;
}

/* A move may make another (a red item urges, an order is delivered), so folding and judging go round until nothing is left to
 * do; each step is bounded by its life cycle, and the number of rounds by four. */
void standings_settle(struct flow *f) {
    for (int round = 0; round < 4; round++) {
        bool again = false;
        for (size_t i = 0; i < f->n_used; i++) {
            struct cache_slot *slot = &f->slots[i];
            if (slot->type != CACHE_STANDING) continue;
            struct cached_standing *c = slot->value;
            if (c->refold) { c->refold = false; c->judge = true; fold_again(f, c->subject, c->unit, &c->now); again = true; }
            if (c->judge) { c->judge = false; deadline_judge(f, c); again = true; }
        }
        if (!again) break;
    }
}

void flow_settle(struct flow *f) {
    if (f->clock_went_back) flow_rollups_again(f);       /* what was to go up within a second must not wait for an hour to come again */
    if (flow_next_due(f) <= f->now.wall_ms) due_run(f);
    standings_settle(f);
    reroutes_run(f);
    standings_write(f);
    rollups_write(f);
}

void flow_committed(struct flow *f) { f->clock_went_back = false; }

size_t flow_landed(const struct flow *f, const struct rec_id **ids) {
    *ids = f->landed;
    return f->n_landed;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------ */

bool flow_record(struct flow *f, struct rec_id id, struct record *r) {
    struct stored stored;
    if (rec_id_none(id) || !store_record_get(f->o.store, key_id(id), &stored)) return false;
    const uint8_t *copy = arena_copy(f->arena, stored.envelope.data, stored.envelope.len);
    if (!copy) { store_give_up(f->o.store); return false; }
    return record_decode(f->arena, lz_bytes_of(copy, stored.envelope.len), r, NULL) == LZ_ok;
}

static size_t count_moves(struct flow *f, struct rec_id subject, uint32_t unit) {
    struct key prefix = key_standing(subject, unit), key = prefix;
    struct lz_bytes v;
    size_t n = 0;
    for (; n < SUBJECT_MOVES_MAX && store_seek(f->o.store, TABLE_subject, &key, &v) && key_begins(&key, &prefix, prefix.len); key = key_after(key)) n++;
    return n;
}

static size_t add_moves(struct flow *f, struct rec_id subject, uint32_t unit, struct record *moves, size_t n, size_t max) {
    struct key prefix = key_standing(subject, unit), key = prefix;
    struct lz_bytes v;
    for (; n < max && store_seek(f->o.store, TABLE_subject, &key, &v) && key_begins(&key, &prefix, prefix.len); key = key_after(key)) {
        const uint8_t *p = key.b + prefix.len;
        struct rec_id id = { lz_get32(p), KIND_move, lz_get64(p + 4), lz_get32(p + 12) };
        if (flow_record(f, id, &moves[n])) n++;
    }
    return n;
}

size_t flow_moves(struct flow *f, struct rec_id subject, uint32_t unit, struct record **moves) {
    size_t max = count_moves(f, subject, unit) + (unit ? count_moves(f, subject, 0) : 0);
    if (max > SUBJECT_MOVES_MAX) max = SUBJECT_MOVES_MAX;
    *moves = arena_alloc_raw(f->arena, (max + 1) * sizeof **moves);
    if (!*moves) { store_give_up(f->o.store); return 0; }
    size_t n = add_moves(f, subject, unit, *moves, 0, max);
    return unit ? add_moves(f, subject, 0, *moves, n, max) : n;
}

size_t flow_move_count(struct flow *f, struct rec_id subject, uint32_t unit) {
    return count_moves(f, subject, unit) + (unit ? count_moves(f, subject, 0) : 0);
}

/* By the divisions, enrolled or not: the N of "n of N" does not depend on who is connected. */
static bool is_below(struct flow *f, uint32_t unit) {
    for (const struct unit *u = units_find(f->o.units, unit); u && u->parent; u = units_find(f->o.units, u->parent))
        if (u->parent == f->o.unit) return true;
    return roster_holding(f->o.roster, unit) != NULL;
}

bool flow_is_recipient(struct flow *f, const struct record *d, uint32_t unit) {
    if (!record_targets_unit(d, unit) || unit == d->origin) return false;
    return !d->target_all || unit == f->o.unit || is_below(f, unit);
}

size_t flow_recipients(struct flow *f, const struct record *d, const uint32_t **units) {
    uint32_t *out = arena_alloc_raw(f->arena, TARGETS_MAX * sizeof *out);
    size_t n = 0;
    *units = out;
    if (!out) { store_give_up(f->o.store); return 0; }
    if (d->target_all) {
        n = units_below(f->o.units, f->o.unit, d->origin != f->o.unit, out, TARGETS_MAX);
        return n < TARGETS_MAX ? n : TARGETS_MAX;
    }
    LZ_ASSERT(d->n_targets <= TARGETS_MAX);
    for (size_t i = 0; i < d->n_targets; i++)
        if (d->origin == f->o.unit || d->targets[i] == f->o.unit || is_below(f, d->targets[i])) out[n++] = d->targets[i];
    return n;
}

/* By the divisions, as far as these know it. */
static bool is_beside(const struct flow *f, uint32_t unit) {
    if (unit == f->o.unit || unit == f->o.parent || roster_holding(f->o.roster, unit) || !units_find(f->o.units, unit)) return false;
    for (const struct unit *u = units_find(f->o.units, f->o.parent); u; u = u->parent ? units_find(f->o.units, u->parent) : NULL)
        if (u->code == unit) return false;
    return units_find(f->o.units, f->o.parent) != NULL;
}

bool flow_is_elsewhere(const struct flow *f, struct rec_id subject, const struct standing *s) {
    if (s->machine != MACHINE_PROBLEM) return false;
    bool ours = subject.origin == f->o.unit || roster_holding(f->o.roster, subject.origin);
    bool handed = s->handler == f->o.unit || (s->handler && roster_holding(f->o.roster, s->handler));
    return ours ? is_beside(f, s->owner) : s->owner == f->o.unit || !handed;
}

static bool may(struct flow *f, const struct record *subject, const struct standing *s, const struct move_row *row, uint32_t unit) {
    uint32_t self = f->o.unit;
    if (flow_is_elsewhere(f, record_id(subject), s)) return false;
    switch (row->by) {
    case BY_DAEMON: return false;
    case BY_RECIPIENT: return unit == self;
    case BY_ISSUER: case BY_FINDER: return subject->origin == self;
    case BY_OWNER: return s->owner == self;
    case BY_HANDLER: return s->owner == self || s->handler == self;
    case BY_ABOVE: return s->owner == self || f->o.tier < subject->tier;
    }
    return false;
}

void flow_legal(struct flow *f, const struct record *subject, const struct standing *s, uint32_t unit, enum lz_lang lang, char *out, size_t out_size) {
    out[0] = 0;
    for (size_t i = 0; i < move_count(); i++) {
        const struct move_row *row = move_at(i);
        if (row->machine != (enum machine)s->machine || !(row->from >> s->state & 1) || !may(f, subject, s, row, unit)) continue;
        if (lang == LZ_EN) lz_list_add(lang, out, out_size, row->name, "");
        else lz_list_add(lang, out, out_size, row->zh, row->name);
    }
}

/* ---- the parent's wish ---------------------------------------------------------------------------------------------------- */

static void read_wish(struct flow *f) {
    struct lz_bytes v;
    f->wish_read = true;
    f->n_wish = 0;
    if (!store_get(f->o.store, TABLE_wish, key_u32(f->o.parent), &v)) return;
    for (size_t i = 0; i + 4 <= v.len && f->n_wish < WISH_KINDS_MAX; i += 4) f->wish[f->n_wish++] = lz_get32(v.data + i);
}

bool flow_wished(const struct flow *f, uint32_t kind) {
    if (!f->wish_read) read_wish((struct flow *)(uintptr_t)f);
    for (size_t i = 0; i < f->n_wish; i++)
        if (f->wish[i] == kind) return true;
    return false;
}

void flow_set_wish(struct flow *f, const uint32_t *kinds, size_t n) {
    uint8_t v[WISH_KINDS_MAX * 4];
    LZ_ASSERT(n <= WISH_KINDS_MAX);
    for (size_t i = 0; i < n; i++) lz_put32(v + i * 4, kinds[i]);
    store_put(f->o.store, TABLE_wish, key_u32(f->o.parent), lz_bytes_of(v, n * 4));
    f->wish_read = false;
}
