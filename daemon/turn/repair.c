/* repair: what rotted on the disk is found and made good.
 *
 * A slow scrub reads a slice a second, and rests a day when it has seen everything. What it finds, or what any reading has
 * come upon, starts a whole look: rows that are derived are dropped and made again from the records; a record is asked of the
 * neighbours that hold it too, until one has given it back. Who may give it back is who could have sent it: a record of this
 * node must carry its seal. A link does not say `live` while something that should have been sent cannot be read. */
#include "turn_room.h"

enum { STEP_MS = 1000, REST_MS = 24 * LZ_HOUR_MS, LOOK_AGAIN_MS = 10 * LZ_MINUTE_MS, ASK_AGAIN_MS = 5000 };

/* ---- what a turn that is given up takes back ----------------------------------------------------------------------------- */

/* Before the first change of a turn. */
static void remember(struct turn *t) {
    struct repairs *p = &t->repairs;
    if (p->changed) return;
    p->changed = true;
    p->before = p->view;
}

/* The list stays: what it names is damaged still. All is looked at once more when the disk may have recovered. */
void repair_undo(struct turn *t) {
    struct repairs *p = &t->repairs;
    if (!p->changed) return;
    size_t n = p->listed ? p->view.n_damaged : p->before.n_damaged;
    p->view = p->before;
    p->view.n_damaged = n;
    p->changed = p->listed = p->good = false;
    p->again_ms = t->now.mono_ms + ASK_AGAIN_MS;
}

void repair_committed(struct turn *t) {
    struct repairs *p = &t->repairs;
    if (p->good) store_rot_forget(t->o.store);
    p->changed = p->listed = p->good = false;
}

/* ---- looking ------------------------------------------------------------------------------------------------------------ */

static void note_damage(struct turn *t, struct key key) {
    struct repairs *p = &t->repairs;
    for (size_t i = 0; i < p->view.n_damaged; i++)
        if (lz_bytes_equal(key_view(&p->damaged[i].key), key_view(&key))) return;
    if (p->view.n_damaged == REPAIR_KEYS_MAX) { p->more = true; return; }
    p->damaged[p->view.n_damaged++] = (struct damage){ .key = key };
}

/* A bit that flipped in the key itself: the value says what it is, and its checksum proves it. */
static bool is_astray(struct turn *t, struct lz_bytes raw, struct astray *out) {
    struct stored stored;
    struct record r;
    size_t mark = arena_used(t->arena);
    const uint8_t *copy = raw.len ? arena_copy(t->arena, raw.data - sizeof(uint32_t), raw.len + sizeof(uint32_t)) : NULL;
    out->value = lz_bytes_of(copy + (copy ? sizeof(uint32_t) : 0), copy ? raw.len : 0);
    bool whole = copy && store_record_parse(out->value, &stored);
    enum lz_err err = whole ? record_decode(t->arena, stored.envelope, &r, NULL) : LZ_bad_packet;
    if (err == LZ_ok || err == LZ_unknown_kind) out->key = key_of(&r);
    whole = (err == LZ_ok || err == LZ_unknown_kind) && store_raw_good(out->key, out->value);
    if (!whole) arena_rewind(t->arena, mark);
    return whole;
}

/* What a whole look does with each damaged value. Evidence stays (audit); a record's place is kept for it; the rest is derived,
 * or is told again by the neighbours, or is written again from memory (hold_on). */
static enum rot_then met(void *context, enum table table, struct key key, struct lz_bytes raw) {
    struct turn *t = context;
    struct repairs *p = &t->repairs;
    char hex[2 * sizeof key.b + 1];
    lz_hex(key.b, key.len, hex);
    lz_log(LZ_ERROR, "repair.damaged table=%s key=%s", table_name(table), hex);
    p->view.found++;
    if (table == TABLE_meta || table == TABLE_audit) return ROT_KEEP;
    if (table != TABLE_record) { p->derived = true; return ROT_DROP; }
    struct astray astray;
    if (is_astray(t, raw, &astray)) {
        if (p->n_astray == ASTRAY_MAX) { p->more = true; return ROT_KEEP; }
        p->astray[p->n_astray++] = astray;
        p->derived = true;
        return ROT_DROP;
    }
    if (key.len < 7 || key.len > 6 + REGISTER_KEY_MAX) return ROT_DROP;       /* no key of ours: what it was comes back by its true one, or is lost */
    note_damage(t, key);
    return ROT_KEEP;
}

/* What is told in no record, and is in memory: it goes back to its rows. */
static void hold_on(struct turn *t) {
    for (struct link *l = t->links; l; l = l->next) {
        if (l->gone) continue;
        for (size_t i = 0; i < l->n_in; i++) l->in[i].dirty = !epoch_none(l->in[i].cursor.epoch);
        for (size_t i = 0; i < l->n_out; i++) l->out[i].ack_dirty = true;
        reclaim_save(t, l);
        bundle_save(t, l);
        if (l->is_parent && l->greeted) { l->hello_sent_ms = 0; link_say_hello(t, l, false); }       /* it tells its wish again */
    }
    follow_write_cursors(t);
    publish_write_acks(t);
    walk_check(t);
}

static void all_is_good(struct turn *t) {
    if (t->repairs.view.n_damaged == 0 && !t->repairs.more) t->repairs.good = true;
}

/* Back under its own key, unless it has been written again meanwhile: a register may be newer than what went astray. */
static void bring_home(struct turn *t) {
    struct repairs *p = &t->repairs;
    struct stored stored;
    for (size_t i = 0; i < p->n_astray; i++)
        if (!store_record_get(t->o.store, p->astray[i].key, &stored)) store_put(t->o.store, TABLE_record, p->astray[i].key, p->astray[i].value);
}

static void ask_neighbours(struct turn *t);

void turn_repair(struct turn *t) {
    LZ_ASSERT(t->in_turn && !store_written(t->o.store));
    struct repairs *p = &t->repairs;
    struct scrub all = { 0 };
    uint64_t found = p->view.found;
    bool met_before = store_rot(t->o.store) > 0;         /* what could not be read may have been written over, with less than its records say */
    remember(t);
    p->listed = true;
    p->again_ms = 0;
    p->view.n_damaged = p->n_astray = 0;
    p->more = p->derived = false;
    (void)store_scrub(t->o.store, &all, SIZE_MAX, met, t);
    bring_home(t);
    if (p->derived || met_before) {
        struct mend mend;
        flow_mend(t->flow, met_before, &mend);
        hold_on(t);
        p->view.made_good += p->view.found - found - p->view.n_damaged;
        lz_log(LZ_WARN, "repair.mended feed_entries=%llu rows=%llu standings=%llu", (unsigned long long)mend.feed_entries,
               (unsigned long long)mend.rows, (unsigned long long)mend.standings);
    }
    p->view.looked = all.looked;
    p->view.scrubbed_wall_ms = t->now.wall_ms;
    p->at = (struct scrub){ 0 };
    p->looked_ms = p->step_ms = t->now.mono_ms;
    p->step_ms += REST_MS;
    p->ask_ms = 0;
    all_is_good(t);
    if (p->view.n_damaged) ask_neighbours(t);
    else if (p->more) p->again_ms = t->now.mono_ms + STEP_MS;
}

static enum rot_then notice(void *context, enum table table, struct key key, struct lz_bytes raw) {
    (void)key; (void)raw;
    if (table != TABLE_meta && table != TABLE_audit) *(bool *)context = true;
    return ROT_KEEP;
}

void repair_tick(struct turn *t) {
    struct repairs *p = &t->repairs;
    uint64_t now = t->now.mono_ms;
    if (store_written(t->o.store)) return;               /* the turn has begun with what the last one lost (links_follow_roster): the next one */
    bool found = store_rot(t->o.store) > 0 && p->view.n_damaged == 0 && now >= p->looked_ms + LOOK_AGAIN_MS;
    if (p->looked_ms == 0) found = store_rot(t->o.store) > 0;
    if (p->again_ms) found = now >= p->again_ms;
    if (!found && now >= p->step_ms) {
        bool more = store_scrub(t->o.store, &p->at, SCRUB_SLICE, notice, &found);
        p->step_ms = now + STEP_MS;
        if (!more) {
            p->view.looked = p->at.looked;
            p->view.scrubbed_wall_ms = t->now.wall_ms;
            p->at = (struct scrub){ 0 };
            p->step_ms = now + REST_MS;
        }
    }
    if (found) turn_repair(t);
    else if (p->view.n_damaged && now >= p->ask_ms) ask_neighbours(t);
}

uint64_t repair_next(const struct turn *t) {
    const struct repairs *p = &t->repairs;
    uint64_t next = p->view.n_damaged && p->ask_ms < p->step_ms ? p->ask_ms : p->step_ms;
    return p->again_ms && p->again_ms < next ? p->again_ms : next;
}

/* ---- asking the neighbours ------------------------------------------------------------------------------------------------ */

/* Whoever could have it: of one's own, everybody; of the subtree's, the child and the parent; the rest came from the parent. */
static bool may_have(struct turn *t, const struct link *l, struct key key) {
    uint32_t origin = lz_get32(key.b);
    const struct child *holder = roster_holding(t->o.roster, origin);
    return l->is_parent || origin == t->o.unit || (holder && holder->code == l->code);
}

static void ask_neighbours(struct turn *t) {
    struct repairs *p = &t->repairs;
    p->ask_ms = t->now.mono_ms + ASK_AGAIN_MS;
    for (size_t i = 0; i < p->view.n_damaged; i++) p->damaged[i].asked = p->damaged[i].absent = p->damaged[i].absent_at = 0;
    for (struct link *l = t->links; l; l = l->next) {
        l->repair_asked = false;
        if (l->gone) continue;
        struct lz_bytes *keys = arena_alloc_raw(t->arena, REPAIR_KEYS_MAX * sizeof *keys), packet;
        struct repair ask = { .keys = keys };
        for (size_t i = 0; keys && i < p->view.n_damaged; i++) {
            if (!may_have(t, l, p->damaged[i].key)) continue;
            keys[ask.n_keys++] = key_view(&p->damaged[i].key);
            p->damaged[i].asked++;                       /* one that is away may have it all the same: nothing is given up behind its back */
        }
        if (ask.n_keys == 0 || !l->greeted || repair_encode(t->arena, PACKET_REPAIR_ASK, &ask, &packet) != LZ_ok) continue;
        turn_post(t, l->code, CHANNEL_SYNC, packet);
        l->repair_asked = true;
    }
}

/* A child gets back what it wrote, or what stands in a feed that it follows; the parent what it sent us, or has been sent. */
static bool may_give(struct turn *t, const struct link *l, uint32_t origin, const struct stored *stored) {
    const struct child *holder = roster_holding(t->o.roster, origin);
    if (l->is_parent && origin != t->o.unit && !holder) return true;
    if (!l->is_parent && holder && holder->code == l->code) return true;
    for (size_t i = 0; i < store_stored_feeds(stored); i++) {
        uint64_t position;
        struct feed_id feed = store_stored_feed(stored, i, &position);
        if (link_out((struct link *)(uintptr_t)l, feed)) return true;
    }
    return false;
}

void repair_on_ask(struct turn *t, struct link *l, struct lz_bytes body) {
    struct repair ask, answer = { 0 };
    struct lz_bytes packet;
    if (repair_decode(t->arena, body, &ask) != LZ_ok) { t->counters.bad_packets++; return; }
    if (!l->greeted || (l->repaired_ms && t->now.mono_ms < l->repaired_ms + ASK_AGAIN_MS / 2)) return;
    l->repaired_ms = t->now.mono_ms ? t->now.mono_ms : 1;
    answer.keys = arena_alloc_raw(t->arena, (ask.n_keys + 1) * sizeof *answer.keys);
    answer.envelopes = arena_alloc_raw(t->arena, (ask.n_keys + 1) * sizeof *answer.envelopes);
    if (!answer.keys || !answer.envelopes) return;
    size_t bytes = 0;
    for (size_t i = 0; i < ask.n_keys; i++) {
        struct stored stored;
        bool held = store_record_get(t->o.store, key_bytes(ask.keys[i]), &stored) && may_give(t, l, lz_get32(ask.keys[i].data), &stored);
        if (held && bytes + stored.envelope.len > BATCH_FILL_BYTES) break;       /* the rest when it is asked again */
        if (!held) { answer.keys[answer.n_keys++] = ask.keys[i]; continue; }
        const uint8_t *copy = arena_copy(t->arena, stored.envelope.data, stored.envelope.len);
        if (!copy) return;
        answer.envelopes[answer.n_envelopes++] = lz_bytes_of(copy, stored.envelope.len);
        bytes += stored.envelope.len + 8;
    }
    if (repair_encode(t->arena, PACKET_REPAIR_ANSWER, &answer, &packet) == LZ_ok) turn_post(t, l->code, CHANNEL_SYNC, packet);
}

/* ---- what comes back --------------------------------------------------------------------------------------------------------- */

static struct damage *damage_of(struct turn *t, struct lz_bytes key) {
    for (size_t i = 0; i < t->repairs.view.n_damaged; i++)
        if (lz_bytes_equal(key_view(&t->repairs.damaged[i].key), key)) return &t->repairs.damaged[i];
    return NULL;
}

/* Only what is damaged here is taken, and only from whom it could have come. */
static bool heal(struct turn *t, struct link *l, struct lz_bytes envelope) {
    struct record r;
    enum lz_err err = record_decode(t->arena, envelope, &r, NULL);
    if (err != LZ_ok && err != LZ_unknown_kind) return false;
    struct key key = key_of(&r);
    struct damage *d = damage_of(t, key_view(&key));
    if (!d || !follow_may_heal(t, l, &r)) return false;
    t->turn_records++;
    flow_make_room(t->flow);
    err = flow_heal(t->flow, &r);
    if (err != LZ_ok && err != LZ_already) return false;
    remember(t);
    struct damage healed = *d, *last = &t->repairs.damaged[--t->repairs.view.n_damaged];
    *d = *last;                                          /* and it stays behind the list, for a turn that is given up */
    *last = healed;
    t->repairs.view.made_good++;
    return true;
}

void repair_on_answer(struct turn *t, struct link *l, struct lz_bytes body) {
    struct repair answer;
    if (repair_decode(t->arena, body, &answer) != LZ_ok) { t->counters.bad_packets++; return; }
    if (!l->greeted || t->repairs.view.n_damaged == 0) return;
    size_t healed = 0;
    for (size_t i = 0; i < answer.n_envelopes; i++) healed += heal(t, l, answer.envelopes[i]);
    for (size_t i = 0; l->repair_asked && i < answer.n_keys; i++) {       /* no neighbour speaks for two, nor twice */
        struct damage *d = damage_of(t, answer.keys[i]);
        if (!d || !may_have(t, l, d->key) || d->absent_at == l->code) continue;
        d->absent_at = l->code;
        d->absent++;
    }
    l->repair_asked = false;
    if (healed) lz_log(LZ_WARN, "repair.healed peer=%06u records=%zu left=%zu", l->code, healed, t->repairs.view.n_damaged);
    if (healed && t->repairs.view.n_damaged && answer.n_keys + answer.n_envelopes < t->repairs.view.n_damaged) t->repairs.ask_ms = 0;
    if (healed && t->repairs.view.n_damaged == 0) {       /* what was made again meanwhile lacked them */
        struct mend mend;
        flow_mend(t->flow, true, &mend);
        hold_on(t);
        if (t->repairs.more) t->repairs.again_ms = t->now.mono_ms + STEP_MS;       /* there was more than the list holds: look again */
    }
    all_is_good(t);
}

/* ---- views ---------------------------------------------------------------------------------------------------------------------- */

void turn_repair_view(const struct turn *t, struct repair_view *view) { *view = t->repairs.view; }

struct key turn_damaged(const struct turn *t, size_t index, uint32_t *asked, uint32_t *absent) {
    LZ_ASSERT(index < t->repairs.view.n_damaged);
    const struct damage *d = &t->repairs.damaged[index];
    *asked = d->asked;
    *absent = d->absent;
    return d->key;
}

static enum rot_then give_up(void *context, enum table table, struct key key, struct lz_bytes raw) {
    (void)raw;
    return table == TABLE_record && damage_of(context, key_view(&key)) ? ROT_DROP : ROT_KEEP;
}

void turn_repair_give_up(struct turn *t) {
    struct scrub all = { .table = TABLE_record };
    remember(t);
    (void)store_scrub(t->o.store, &all, SIZE_MAX, give_up, t);
    lz_log(LZ_WARN, "repair.given_up records=%zu", t->repairs.view.n_damaged);
    t->repairs.view.n_damaged = 0;
    struct mend mend;
    flow_mend(t->flow, true, &mend);                     /* what they meant goes with them */
    hold_on(t);
    all_is_good(t);
}
