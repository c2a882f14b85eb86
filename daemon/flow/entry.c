/* entry: which version of an own entry is in the sums.
 *
 * An entry counts with the version that holds today: its state, and, unless that state sets it aside, what its fields add. `entry` has, for
 * each own entry, the version that is in the sums now, so a change is new minus old in the commit of its cause; a version from a later day
 * comes in by a `due` row of that day. Only the unit that keeps an entry counts it: upward its sums go as everybody's do. */
#include "flow_room.h"

enum {
    HELD_BYTES = 16,                 /* the end of the version's key */
    NO_UNIT = 1,                     /* no record has the id of a heading */
};

/* Sums are of the whole kind and, where its form says so, of each group. */
static const uint64_t HEADING = UINT64_C(1) << 63;       /* an id's stamp is never 0, not even where nothing is said */
struct rec_id sums_subject(uint32_t kind, uint32_t choice, uint32_t period) {
    return (struct rec_id){ NO_UNIT, (uint16_t)kind, HEADING | (uint64_t)choice << 32 | period, 0 };
}

bool sums_subject_parse(struct rec_id subject, uint32_t *choice, uint32_t *period) {
    *choice = (uint32_t)((subject.stamp & ~HEADING) >> 32);
    *period = (uint32_t)subject.stamp;
    return subject.origin == NO_UNIT && subject.epoch == 0 && (subject.stamp & HEADING);
}

struct share {
    bool any;                        /* there is a version */
    bool grouped;
    struct rec_id group;
    struct counters of;
};

static void share_of(struct flow *f, const struct key *version, struct share *share) {
    struct record r;
    uint32_t choice, period;
    size_t mark = arena_used(f->arena);
    *share = (struct share){ .any = false };
    if (version->len == VERSION_BYTES && flow_record(f, key_version_id(version), &r) && kind_form(r.kind)) {
        const struct form_kind *form = kind_form(r.kind);
        const struct form *v = &r.of.form;
        share->any = true;
        share->grouped = form_group(form, v->of, v->given, &choice, &period);
        share->group = sums_subject(r.kind, choice, period);
        share->of.of[COUNTER_total] = share->of.of[COUNTER_state_0 + v->state] = 1;
        if (!(form->states[v->state].flags & STATE_ASIDE)) {
            share->of.of[COUNTER_records] = 1;
            (void)form_sums(form, v->of, v->given, share->of.of + COUNTER_sum_0);
        }
    }
    arena_rewind(f->arena, mark);
}

/* A unit reports on a heading as long as an entry of it counts there. */
static void add(struct flow *f, uint32_t kind, struct rec_id subject, const struct counters *after, const struct counters *before) {
    static const struct counters none;
    struct counters reporting = none;
    rollup_add(f, (uint16_t)kind, subject, after, before);
    struct cached_rollup *own = rollup_of(f, (uint16_t)kind, subject, f->o.unit);
    if (!own) return;
    reporting.of[COUNTER_reporting] = (own->sum.of[COUNTER_records] > 0) - own->sum.of[COUNTER_reporting];
    if (reporting.of[COUNTER_reporting]) rollup_add(f, (uint16_t)kind, subject, &reporting, &none);
}

static void replace(struct flow *f, uint32_t kind, const struct share *now, const struct share *was) {
    static const struct counters none;
    struct rec_id whole = { 0 };
    add(f, kind, whole, &now->of, &was->of);
    if (now->any && was->any && rec_id_equal(now->group, was->group)) {
        if (now->grouped) add(f, kind, now->group, &now->of, &was->of);
        return;
    }
    if (was->grouped) add(f, kind, was->group, &none, &was->of);
    if (now->grouped) add(f, kind, now->group, &now->of, &none);
}

static uint64_t day_begins(const struct key *version) { return lz_date_start_ms(lz_get32(version->b + VERSION_ENTRY_BYTES)); }

/* The first version behind *at in the same entry. */
static bool version_after(struct flow *f, struct key at, const struct key *entry, struct key *next) {
    struct lz_bytes v;
    *next = key_after(at);
    return store_seek(f->o.store, TABLE_version, next, &v) && key_begins(next, entry, VERSION_ENTRY_BYTES) && next->len == VERSION_BYTES;
}

static struct key version_of_held(const struct key *entry, struct lz_bytes held) {
    struct key version = *entry;
    if (held.len != HELD_BYTES) return (struct key){ 0 };
    memcpy(version.b + VERSION_ENTRY_BYTES, held.data, HELD_BYTES);
    version.len = VERSION_BYTES;
    return version;
}

/* The one that is to hold after `now` comes in by itself when its day begins. */
static void await_next(struct flow *f, const struct key *entry, struct key now) {
    struct key next;
    if (now.len == 0) now = *entry;
    if (version_after(f, now, entry, &next)) due_put(f, day_begins(&next), DUE_ENTRY, key_version_id(&next), 0);
}

void entry_settle(struct flow *f, uint32_t kind, struct lz_bytes no) {
    struct key entry = key_version(kind, f->o.unit, no, 0, 0, 0), now = { 0 };
    struct lz_bytes held;
    struct share is, was;
    entry.len = VERSION_ENTRY_BYTES;
    if (!version_at(f, &entry, lz_date_of(f->now.wall_ms), &now)) now.len = 0;
    struct key before = { 0 };
    if (store_get(f->o.store, TABLE_entry, entry, &held)) before = version_of_held(&entry, held);
    await_next(f, &entry, now);
    if (before.len == now.len && memcmp(before.b, now.b, now.len) == 0) return;
    share_of(f, &before, &was);
    share_of(f, &now, &is);
    replace(f, kind, &is, &was);
    if (now.len) store_put(f->o.store, TABLE_entry, entry, lz_bytes_of(now.b + VERSION_ENTRY_BYTES, HELD_BYTES));
    else store_delete(f->o.store, TABLE_entry, entry);
}

void entry_due(struct flow *f, struct rec_id version) {
    struct record r;
    if (version.origin == f->o.unit && flow_record(f, version, &r) && kind_form(r.kind)) entry_settle(f, r.kind, r.of.form.no);
}

/* ---- for verify and mend --------------------------------------------------------------------------------------------------- */

bool entry_next(struct flow *f, struct key *at, struct key *entry) {
    struct lz_bytes v;
    struct key from = *at;
    while (store_seek(f->o.store, TABLE_version, &from, &v)) {
        uint32_t kind = from.len < VERSION_NO_AT ? 0 : lz_get16(from.b), unit = from.len < VERSION_NO_AT ? f->o.unit : lz_get32(from.b + 2);
        if (unit != f->o.unit) {                         /* past what the others keep, by leaps */
            if (unit > f->o.unit && kind++ == UINT16_MAX) return false;
            from = key_version(kind, f->o.unit, (struct lz_bytes){ 0 }, 0, 0, 0);
            from.len = VERSION_NO_AT;
            continue;
        }
        if (from.len != VERSION_BYTES) { from = key_after(from); continue; }
        *entry = from;
        entry->len = VERSION_ENTRY_BYTES;
        *at = from;
        memset(at->b + VERSION_ENTRY_BYTES, 0xff, sizeof at->b - VERSION_ENTRY_BYTES);
        at->len = sizeof at->b;
        return true;
    }
    return false;
}

void entry_settle_key(struct flow *f, const struct key *entry) {
    size_t len = FORM_NO_BYTES_MAX;
    while (len > 0 && entry->b[VERSION_NO_AT + len - 1] == 0) len--;
    uint8_t no[FORM_NO_BYTES_MAX];
    memcpy(no, entry->b + VERSION_NO_AT, len);
    entry_settle(f, lz_get16(entry->b), lz_bytes_of(no, len));
}

bool entry_is_settled(struct flow *f, const struct key *entry, struct counters *adds, struct rec_id *group, bool *grouped) {
    struct lz_bytes held, v;
    struct key now = { 0 }, last, next;
    struct share share;
    if (store_get(f->o.store, TABLE_entry, *entry, &held)) now = version_of_held(entry, held);
    share_of(f, &now, &share);
    *adds = share.of;
    *group = share.group;
    *grouped = share.grouped;
    if (now.len && (!version_at(f, entry, lz_get32(now.b + VERSION_ENTRY_BYTES), &last) || memcmp(last.b, now.b, VERSION_BYTES) != 0)) return false;
    if (!version_after(f, now.len ? now : *entry, entry, &next)) return true;
    return store_get(f->o.store, TABLE_due, key_due(day_begins(&next), DUE_ENTRY, key_version_id(&next), 0), &v);
}
