/* rollup: sums by contribution, exact and incremental.
 *
 * A row is (kind, subject or whole kind, unit): the own code holds what this node's standings contribute, a child's code
 * what that child last sent, unit 0 the total. Every change is new minus old in the commit of its cause, so nothing that
 * arrives twice can count twice. A changed total goes up at most once an interval, as a register. */
#include "flow_room.h"

enum { TOTAL_HEAD = 1 + 8 + 8 + 4 + 2 + 2 };

static struct lz_bytes rollup_print(struct arena *arena, const struct cached_rollup *r) {
    bool total = r->unit == 0;
    size_t len = (size_t)COUNTER_COUNT * 8 + (total ? TOTAL_HEAD + (size_t)r->label_len + r->number_len : 0);
    uint8_t *out = arena_alloc_raw(arena, len), *p = out;
    if (!out) return (struct lz_bytes){ 0 };
    for (size_t i = 0; i < COUNTER_COUNT; i++, p += 8) lz_put64(p, (uint64_t)r->sum.of[i]);
    if (total) {
        *p = r->pending;
        lz_put64(p + 1, r->sent_ms);
        lz_put64(p + 9, r->due_ms);
        lz_put32(p + 17, r->item);
        lz_put16(p + 21, r->label_len);
        lz_put16(p + 23, r->number_len);
        memcpy(p + TOTAL_HEAD, r->label, r->label_len);
        memcpy(p + TOTAL_HEAD + r->label_len, r->number, r->number_len);
    }
    return lz_bytes_of(out, len);
}

/* All or nothing: of a row that cannot be read, *r keeps what it had. */
bool rollup_parse(struct lz_bytes v, bool total, struct cached_rollup *r) {
    static const int64_t SUM_MAX = INT64_C(1) << 60;     /* so that no sum of a few sums overflows */
    size_t head = (size_t)COUNTER_COUNT * 8 + (total ? TOTAL_HEAD : 0);
    struct counters sum;
    if (v.len < head) return false;
    const uint8_t *p = v.data + (size_t)COUNTER_COUNT * 8;
    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        sum.of[i] = (int64_t)lz_get64(v.data + i * 8);
        if (sum.of[i] > SUM_MAX || sum.of[i] < -SUM_MAX) return false;
    }
    uint16_t label_len = total ? lz_get16(p + 21) : 0, number_len = total ? lz_get16(p + 23) : 0;
    if (label_len > sizeof r->label || number_len > sizeof r->number || (total && v.len != head + label_len + number_len)) return false;
    r->sum = sum;
    if (!total) return true;
    r->pending = p[0] != 0;
    r->sent_ms = lz_get64(p + 1);
    r->due_ms = lz_get64(p + 9);
    r->item = lz_get32(p + 17);
    r->label_len = label_len;
    r->number_len = number_len;
    memcpy(r->label, p + TOTAL_HEAD, label_len);
    memcpy(r->number, p + TOTAL_HEAD + label_len, number_len);
    return true;
}

bool rollup_store_zero(struct flow *f, struct key key, struct lz_bytes value) {
    struct cached_rollup total = { 0 };
    if (!rollup_parse(value, true, &total)) return false;
    memset(&total.sum, 0, sizeof total.sum);
    size_t mark = arena_used(f->arena);
    store_put(f->o.store, TABLE_rollup, key, rollup_print(f->arena, &total));
    arena_rewind(f->arena, mark);
    return true;
}

static void label_put(struct cached_rollup *r, struct lz_bytes label, struct lz_bytes number, uint32_t item, uint64_t due_ms) {
    LZ_ASSERT(label.len <= sizeof r->label && number.len <= sizeof r->number);       /* the gate for records lets no more through */
    r->label_len = (uint16_t)label.len;
    r->number_len = (uint16_t)number.len;
    if (r->label_len) memcpy(r->label, label.data, r->label_len);
    if (r->number_len) memcpy(r->number, number.data, r->number_len);
    r->item = item;
    r->due_ms = due_ms;
}

struct cached_rollup *rollup_of(struct flow *f, uint16_t kind, struct rec_id subject, uint32_t unit) {
    struct key key = key_rollup(kind, subject, unit);
    bool found;
    struct cached_rollup *r = cache_find(f, CACHE_ROLLUP, &key, sizeof *r, &found);
    if (!r || found) return r;
    r->kind = kind;
    r->subject = subject;
    r->unit = unit;
    struct lz_bytes v;
    r->there = store_get(f->o.store, TABLE_rollup, key, &v) && rollup_parse(v, unit == 0, r);
    if (unit == 0 && r->label_len == 0 && kind_is_directive(subject.kind)) {      /* its subject may have come after the first of its sums */
        struct record s;
        if (flow_record(f, subject, &s) && kind_is_directive(s.kind))
            label_put(r, s.of.directive.title, s.of.directive.number, s.of.directive.item, s.of.directive.due_ms);
    }
    return r;
}

static void change(struct flow *f, uint16_t kind, struct rec_id subject, uint32_t unit, const struct counters *after, const struct counters *before) {
    struct cached_rollup *r = rollup_of(f, kind, subject, unit);
    if (!r) return;
    for (size_t i = 0; i < COUNTER_COUNT; i++) r->sum.of[i] += after->of[i] - before->of[i];
    r->dirty = true;
}

void rollup_add(struct flow *f, uint16_t kind, struct rec_id subject, const struct counters *after, const struct counters *before) {
    change(f, kind, subject, f->o.unit, after, before);
    change(f, kind, subject, 0, after, before);
}

static void set_part(struct flow *f, uint16_t kind, struct rec_id subject, uint32_t child, const struct counters *sum) {
    struct cached_rollup *part = rollup_of(f, kind, subject, child);
    if (!part) return;
    struct counters before = part->sum;
    part->sum = *sum;
    part->dirty = true;
    change(f, kind, subject, 0, sum, &before);
}

/* What a total is called where its subject is not held: as the child that sums it up calls it. */
static void take_label(struct flow *f, const struct rollup *in) {
    struct cached_rollup *total = rollup_of(f, (uint16_t)in->kind, in->subject, 0);
    if (total && total->label_len == 0) label_put(total, in->label, in->number, in->item, in->due_ms);
}

/* A child's newest sum takes the place of its older one. Whether the register is newer was judged when it landed. */
void rollup_on_child(struct flow *f, const struct record *r) {
    const struct rollup *in = &r->of.rollup;
    if (!roster_find(f->o.roster, r->origin)) return;
    set_part(f, (uint16_t)in->kind, in->subject, r->origin, &in->sum);
    take_label(f, in);
}

void rollups_write(struct flow *f) {
    for (size_t i = 0; i < f->n_used; i++) {
        struct cache_slot *slot = &f->slots[i];
        struct cached_rollup *r = slot->value;
        if (slot->type != CACHE_ROLLUP || !r->dirty) continue;
        r->dirty = false;
        r->there = true;
        if (r->unit == 0 && f->o.parent && !r->pending) {
            r->pending = true;
            uint64_t at = r->sent_ms + f->o.settings.rollup_interval_ms;
            /* after a clock that jumped back, sent_ms lies ahead: never wait longer than one interval */
            if (at > f->now.wall_ms + f->o.settings.rollup_interval_ms) at = f->now.wall_ms + f->o.settings.rollup_interval_ms;
            due_put(f, at > f->now.wall_ms ? at : f->now.wall_ms, DUE_ROLLUP, r->subject, r->kind);
        }
        store_put(f->o.store, TABLE_rollup, key_rollup(r->kind, r->subject, r->unit), rollup_print(f->arena, r));
    }
}

/* ---- going up --------------------------------------------------------------------------------------------------------- */

static struct lz_bytes register_key(uint16_t kind, struct rec_id subject, uint8_t out[2 + REC_ID_BYTES]) {
    lz_put16(out, kind);
    rec_id_put(subject, out + 2);
    return lz_bytes_of(out, 2 + REC_ID_BYTES);
}

struct key rollup_register_key(uint32_t origin, uint16_t kind, struct rec_id subject) {
    uint8_t key[2 + REC_ID_BYTES];
    return key_record(origin, KIND_rollup, register_key(kind, subject, key), 0, 0);
}

/* What a record may hold: children that send absurd figures, each within it, must not stop the sum of all from going up. */
static struct counters sendable(const struct counters *sum) {
    struct counters out = *sum;
    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        if (out.of[i] > ROLLUP_VALUE_MAX) out.of[i] = ROLLUP_VALUE_MAX;
        if (out.of[i] < -ROLLUP_VALUE_MAX) out.of[i] = -ROLLUP_VALUE_MAX;
    }
    return out;
}

static bool sent_already(struct flow *f, const struct cached_rollup *total) {
    struct counters now = sendable(&total->sum);
    struct stored stored;
    struct record r;
    if (!store_record_get(f->o.store, rollup_register_key(f->o.unit, total->kind, total->subject), &stored)) {
        static const struct counters none;
        return memcmp(&total->sum, &none, sizeof none) == 0;
    }
    size_t mark = arena_used(f->arena);
    bool same = record_decode(f->arena, stored.envelope, &r, NULL) == LZ_ok && memcmp(&r.of.rollup.sum, &now, sizeof now) == 0;
    arena_rewind(f->arena, mark);
    return same;
}

void rollup_send(struct flow *f, uint16_t kind, struct rec_id subject) {
    struct cached_rollup *total = rollup_of(f, kind, subject, 0);
    if (!total) return;
    total->pending = false;
    total->sent_ms = f->now.wall_ms;
    struct key key = key_rollup(kind, subject, 0);
    store_put(f->o.store, TABLE_rollup, key, rollup_print(f->arena, total));
    if (!f->o.parent || sent_already(f, total)) return;
    uint8_t bytes[2 + REC_ID_BYTES];
    struct record draft = { .kind = KIND_rollup, .key = register_key(kind, subject, bytes) };
    draft.of.rollup = (struct rollup){ kind, subject, lz_bytes_of(total->label, total->label_len), lz_bytes_of(total->number, total->number_len),
                                       total->item, total->due_ms, sendable(&total->sum) };
    struct rec_id id;
    enum lz_err err = submit_checked(f, &draft, flow_daemon_author, (struct lz_bytes){ 0 }, 0, &id, NULL);
    if (err != LZ_ok) lz_log(LZ_WARN, "rollup.not_sent reason=%s", lz_err_name(err));
}

/* ---- at start, after a reclaim, when children change --------------------------------------------------------------------- */

/* What we once sent of a sum that we do not have now: it came back to us from the parent, its standings did not. */
static void take_back_sent(struct flow *f) {
    struct key prefix = key_record(f->o.unit, KIND_rollup, (struct lz_bytes){ 0 }, 0, 0), key = prefix;
    struct lz_bytes v;
    prefix.len = key.len = 6;
    for (; store_seek(f->o.store, TABLE_record, &key, &v) && key_begins(&key, &prefix, 6); key = key_after(key)) {
        cache_spill(f);
        if (key.len != 6 + 2 + REC_ID_BYTES) continue;
        struct lz_bytes row;
        uint16_t kind = lz_get16(key.b + 6);
        struct rec_id subject = rec_id_get(key.b + 8);
        if (store_get(f->o.store, TABLE_rollup, key_rollup(kind, subject, 0), &row)) continue;
        struct cached_rollup *total = rollup_of(f, kind, subject, 0);
        if (total) total->dirty = true;
    }
}

void flow_rollups_again(struct flow *f) {
    if (!f->o.parent) return;
    take_back_sent(f);
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(f->o.store, TABLE_rollup, &key, &v); key = key_after(key), cache_spill(f)) {
        if (key.len != 2 + REC_ID_BYTES + 4 || lz_get32(key.b + 2 + REC_ID_BYTES) != 0) continue;
        uint16_t kind = lz_get16(key.b);
        struct rec_id subject = rec_id_get(key.b + 2);
        struct cached_rollup row = { 0 };
        row.kind = kind;
        row.subject = subject;
        if (!rollup_parse(v, true, &row) || (!row.pending && sent_already(f, &row))) continue;
        struct cached_rollup *total = rollup_of(f, kind, subject, 0);
        if (!total) return;
        total->pending = false;                          /* its `due` row may lie ahead of a clock that was set back; a second one does no harm */
        total->dirty = true;
    }
}

/* As the store has it, without taking it into the turn's memory: at start all parts are compared, and hardly one differs. */
static bool part_is(struct flow *f, uint16_t kind, struct rec_id subject, uint32_t child, const struct counters *sum) {
    struct lz_bytes v;
    for (size_t i = 0; i < f->n_used; i++)
        if (f->slots[i].type == CACHE_ROLLUP) return false;             /* changed in this turn already: the long way */
    if (!store_get(f->o.store, TABLE_rollup, key_rollup(kind, subject, child), &v) || v.len < (size_t)COUNTER_COUNT * 8) return false;
    for (size_t i = 0; i < COUNTER_COUNT; i++)
        if ((int64_t)lz_get64(v.data + i * 8) != sum->of[i]) return false;
    return true;
}

/* The register's words, kept while its decoded form is given back. */
struct called {
    char label[LABEL_BYTES_MAX], number[NUMBER_BYTES_MAX];
    struct rollup as;
};

static void keep_words(struct called *c, const struct rollup *in) {
    c->as = *in;
    LZ_ASSERT(in->label.len <= sizeof c->label && in->number.len <= sizeof c->number);
    if (c->as.label.len) memcpy(c->label, in->label.data, c->as.label.len);
    if (c->as.number.len) memcpy(c->number, in->number.data, c->as.number.len);
    c->as.label.data = (const uint8_t *)c->label;
    c->as.number.data = (const uint8_t *)c->number;
}

void flow_child_part(struct flow *f, uint32_t child, bool present) {
    static const struct counters none;
    struct key key = key_record(child, KIND_rollup, (struct lz_bytes){ 0 }, 0, 0), prefix = key;
    struct lz_bytes v;
    prefix.len = key.len = 6;
    /* written out before the next one is lent: what is written may move it */
    for (; store_seek(f->o.store, TABLE_record, &key, &v) && key_begins(&key, &prefix, 6); key = key_after(key), cache_spill(f)) {
        struct stored stored;
        struct record r;
        struct called called;
        size_t mark = arena_used(f->arena);
        if (!store_record_parse(v, &stored) || record_decode(f->arena, stored.envelope, &r, NULL) != LZ_ok) continue;
        keep_words(&called, &r.of.rollup);
        struct counters sum = present ? called.as.sum : none;
        uint16_t kind = (uint16_t)called.as.kind;
        arena_rewind(f->arena, mark);
        if (part_is(f, kind, called.as.subject, child, &sum)) continue;
        set_part(f, kind, called.as.subject, child, &sum);
        if (present) take_label(f, &called.as);
    }
}

bool flow_rollup(struct flow *f, uint16_t kind, struct rec_id subject, uint32_t unit, struct counters *sum) {
    struct cached_rollup *r = rollup_of(f, kind, subject, unit);
    if (!r) return false;
    *sum = r->sum;
    return r->there || r->dirty;
}
