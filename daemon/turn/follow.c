/* follow: what the neighbours publish is applied here, with its cursor, once.
 *
 * A record that cannot be applied goes to `refused` with its reason in the commit that moves the cursor: one record never
 * blocks a lane, and nothing is dropped in silence. */
#include "turn_room.h"

/* ---- who may say what -------------------------------------------------------------------------------------------------- */

/* Is a unit above us? By the divisions, and by whom we have as our parent; where these know nothing of our own line, we cannot tell. */
static bool is_above(const struct turn *t, uint32_t unit) {
    const uint32_t from[] = { t->o.parent, t->o.unit };
    bool whole = false;
    for (size_t i = 0; i < LZ_COUNT(from); i++)
        for (const struct unit *u = units_find(t->o.units, from[i]); u; u = u->parent ? units_find(t->o.units, u->parent) : NULL) {
            if (u->code == unit) return unit != t->o.unit;
            whole |= u->parent == 0;
        }
    return unit == t->o.parent || (!whole && !units_find(t->o.units, unit));
}

/* Is it for us or somebody below? A unit that the divisions do not know may be one that will be enrolled. */
static bool is_for_here(const struct turn *t, const struct record *r) {
    if (r->target_all || record_targets_unit(r, t->o.unit)) return true;
    for (size_t i = 0; i < r->n_targets; i++) {
        const struct unit *u = units_find(t->o.units, r->targets[i]);
        if (!u || roster_holding(t->o.roster, r->targets[i])) return true;
        for (; u && u->parent; u = units_find(t->o.units, u->parent))
            if (u->parent == t->o.unit) return true;
    }
    return false;
}

/* What the parent says of directives: issued above us for somebody here, and ruled on by the issuer. Whether the issuer said it can only
 * be known when orders are signed. */
static bool is_order_from_above(const struct turn *t, const struct record *r) {
    bool file = r->kind == KIND_attachment || r->kind == KIND_attachment_wish;
    if (file) return r->direction == DIRECTION_DOWN && r->tier < t->o.tier && is_above(t, r->origin) && is_for_here(t, r);
    if (kind_is_directive(r->kind)) return r->tier < t->o.tier && is_above(t, r->origin) && is_for_here(t, r);
    if (r->kind != KIND_move || !kind_is_directive(r->subject.kind)) return true;
    return r->tier < t->o.tier && r->origin == r->subject.origin && is_above(t, r->origin);
}

/* From a child: what its subtree says, upward. From the parent: what stands outside our subtree, downward. Only a reclaim
 * answer may bring one's own records from a child, or one's own and one's subtree's from the parent. */
static bool may_say(struct turn *t, const struct link *l, const struct record *r, enum land land) {
    /* of a directive, only the recipient it concerns and the issuer move; another's would crowd out theirs */
    if (r->kind == KIND_move && kind_is_directive(r->subject.kind) && r->origin != r->of.move.unit && r->origin != r->subject.origin) return false;
    /* and of an emergency only its finder */
    if (r->kind == KIND_move && r->subject.kind == KIND_emergency && r->origin != r->subject.origin) return false;
    bool own = r->origin == t->o.unit;
    const struct child *holder = roster_holding(t->o.roster, r->origin);
    if (land == LAND_RECLAIM && own) return record_seal_good(r, t->o.seal_key);      /* else a neighbour could speak as ourselves */
    if (land == LAND_RECLAIM) return l->is_parent && holder != NULL;
    if (own) return false;
    if (!l->is_parent && holder && !flow_takes_part(t->flow, r, holder)) return false;
    if (!l->is_parent) return holder && holder->code == l->code && r->direction != DIRECTION_DOWN && r->tier > t->o.tier;
    if (holder || !is_order_from_above(t, r)) return false;
    /* a problem that the parent assigns to a unit here comes down though it travels up */
    return r->direction != DIRECTION_UP || r->kind == KIND_problem;
}

/* A damaged record may come back from whoever could have sent it, or could give it back. */
bool follow_may_heal(struct turn *t, const struct link *l, const struct record *r) {
    return may_say(t, l, r, LAND_RECLAIM) || may_say(t, l, r, LAND_PEER);
}

/* Evidence is kept against a neighbour as long as it can serve a person. A kind to come is none: it is read by a later version. */
static bool keeps_no_more(struct turn *t, struct link *l) {
    if (!l->refused_counted) {
        struct key prefix = key_u32(l->code), key = prefix;
        struct lz_bytes v;
        l->n_refused = 0;
        for (; l->n_refused < REFUSED_KEPT_MAX && store_seek(t->o.store, TABLE_refused, &key, &v) && key_begins(&key, &prefix, 4); key = key_after(key))
            l->n_refused++;
        l->refused_counted = true;
    }
    return l->n_refused == REFUSED_KEPT_MAX;
}

static bool may_keep(struct turn *t, struct link *l, enum lz_err why) {
    if (why == LZ_unknown_kind) return true;
    if (keeps_no_more(t, l)) return false;
    if (++l->n_refused == REFUSED_KEPT_MAX) lz_log(LZ_ERROR, "record.refused_too_often peer=%06u kept=%d", l->code, REFUSED_KEPT_MAX);
    return true;
}

/* A record that is held, and waits for a newer program to take its effect: its row says so, whatever is said of it later. */
static bool is_carried(struct turn *t, struct key row) {
    struct lz_bytes v, name = lz_bytes_str(lz_err_name(LZ_unknown_kind));
    return store_get(t->o.store, TABLE_refused, row, &v) && v.len >= 10 + name.len && lz_get16(v.data + 8) == name.len &&
           memcmp(v.data + 10, name.data, name.len) == 0;
}

static void put_aside(struct turn *t, struct link *l, const struct record *r, enum lz_err why, const char *text) {
    struct key key = r->origin && r->key.len <= REGISTER_KEY_MAX ? key_of(r) : key_u64(lz_hash64(0, r->envelope.data, r->envelope.len));
    /* evidence is kept where there is room for it; of what is secret, nothing */
    size_t kept = r->envelope.len <= RECORD_BYTES_MAX && !t->room.full && why != LZ_secret_refused ? r->envelope.len : 0;
    const char *name = lz_err_name(why);
    size_t n = strlen(name);
    t->counters.refused++;
    if (why == LZ_foreign_origin || why == LZ_wrong_direction) t->counters.forbidden++;
    bool waits = why != LZ_unknown_kind && is_carried(t, key_refused(l->code, key));
    if (!waits && may_keep(t, l, why)) {
        uint8_t *v = arena_alloc_raw(t->arena, 10 + n + kept);
        if (!v) { store_give_up(t->o.store); return; }
        lz_put64(v, t->now.wall_ms);
        lz_put16(v + 8, (uint16_t)n);
        memcpy(v + 10, name, n);                        /* NOLINT(bugprone-not-null-terminated-result): its length stands before it */
        if (kept) memcpy(v + 10 + n, r->envelope.data, kept);
        store_put(t->o.store, TABLE_refused, key_refused(l->code, key), lz_bytes_of(v, 10 + n + kept));
    }
    char escaped[200];
    lz_log(LZ_WARN, "record.refused peer=%06u origin=%06u kind=%u reason=%s text=%s", l->code, r->origin, r->kind, name,
           lz_log_value(lz_bytes_str(text), escaped, sizeof escaped));
}

/* The parent gave back a record of a child's: we had lost it, so the child may have lost it too, and no cursor of ours shows it. */
static void owe_child(struct turn *t, const struct record *r) {
    const struct child *child = roster_holding(t->o.roster, r->origin);
    struct link *l = child ? link_find(t, child->code) : NULL;
    if (!l || l->gone || l->owes) return;
    bundle_forget_asked(t, l);
    store_put(t->o.store, TABLE_owes, key_u32(l->code), (struct lz_bytes){ 0 });
    l->owes = true;
}

/* A move of what only a newer program knows is held, and takes its effect with that. */
static bool subject_known(const struct record *r) { return r->kind != KIND_move || kind_row(r->subject.kind); }

void follow_apply(struct turn *t, struct link *l, struct lz_bytes envelope, enum land land) {
    struct record r;
    struct lz_fail fail = { 0 };
    t->turn_records++;
    flow_make_room(t->flow);
    enum lz_err err = record_decode(t->arena, envelope, &r, &fail);
    if (err != LZ_ok && err != LZ_unknown_kind) { put_aside(t, l, &r, err, fail.text); return; }
    if (!may_say(t, l, &r, land)) { put_aside(t, l, &r, LZ_foreign_origin, "对方无权传送这条记录"); return; }
    if (err == LZ_unknown_kind) {
        if (flow_carry(t->flow, &r) != LZ_ok) return;
        put_aside(t, l, &r, err, fail.text);
        if (land == LAND_RECLAIM && l->is_parent && r.origin != t->o.unit) owe_child(t, &r);
        return;
    }
    err = flow_land(t->flow, &r, land);
    if (err == LZ_ok) {
        t->counters.records++;
        if (!subject_known(&r)) put_aside(t, l, &r, LZ_unknown_kind, "本版本还不认识它所办理的事项");
        if (land == LAND_RECLAIM && l->is_parent && r.origin != t->o.unit) owe_child(t, &r);
        return;
    }
    if (err == LZ_already) { t->counters.duplicates++; return; }
    if (err == LZ_conflict) { t->counters.conflicts++; put_aside(t, l, &r, err, "同一编号，内容不同"); }
    /* anything else is the store's error: it sticks, and the turn is given up as a whole */
}

/* ---- batches ------------------------------------------------------------------------------------------------------------- */

void follow_fetch(struct turn *t, struct link *l, struct in_feed *in) {
    if (in->fetched_ms && t->now.mono_ms < in->fetched_ms + 500) return;
    in->fetched_ms = t->now.mono_ms ? t->now.mono_ms : 1;
    struct fetch fetch = { in->feed, l->epoch, in->cursor.position };
    struct lz_bytes packet;
    if (fetch_encode(t->arena, &fetch, &packet) == LZ_ok) turn_post(t, l->code, CHANNEL_SYNC, packet);
    t->counters.gaps++;
}

static bool may_follow(struct turn *t, struct link *l, struct in_feed *in) {
    if (l->diverged) return false;
    if (l->reclaim && !l->reclaim_passed) {          /* one's own first: else what a feed brings would be answered twice */
        reclaim_ask_peer(t, l);
        return false;
    }
    /* a store that is nearly full stops taking, and so acknowledging: the pressure goes back to the clerk who submits */
    return !(t->room.exhausted || (t->room.full && in->feed.lane >= LANE_ROUTINE));
}

static void apply(struct turn *t, struct link *l, struct in_feed *in, const struct batch *b) {
    for (size_t i = 0; i < b->n_envelopes; i++) follow_apply(t, l, b->envelopes[i], LAND_PEER);
    feed_advance(&in->cursor, b->to, b->seen);
    in->dirty = in->ack = true;
    in->fetched_ms = 0;
    if (b->tip > in->tip) in->tip = b->tip;
}

void follow_batch(struct turn *t, struct link *l, struct lz_bytes body) {
    struct batch b;
    if (batch_decode(t->arena, body, &b) != LZ_ok) {
        t->counters.bad_packets++;
        lz_log(LZ_WARN, "batch.bad peer=%06u bytes=%zu", l->code, body.len);
        return;
    }
    struct in_feed *in = link_in(l, b.feed);
    if (!in) {
        t->counters.forbidden++;
        lz_log(LZ_WARN, "batch.foreign_feed peer=%06u scope=%u", l->code, b.feed.scope);
        return;
    }
    if (!may_follow(t, l, in)) return;
    switch (feed_on_batch(&in->cursor, l->greeted ? l->epoch : (struct epoch){ { 0 } }, b.epoch, b.from, b.to)) {
    case FOLLOW_APPLY: apply(t, l, in, &b); break;
    case FOLLOW_OLD: in->ack = true; break;
    case FOLLOW_GAP: if (b.tip > in->tip) in->tip = b.tip; follow_fetch(t, l, in); break;
    case FOLLOW_NEEDS_HELLO: link_say_hello(t, l, false); break;
    }
}

/* Cut one way: we hear them, they do not hear us. A silence is measured by what we had promised when it began: who has only now said that it
 * will speak often was right to be silent before. */
static uint32_t too_long(const struct turn *t, const struct link *l, uint32_t heard_ms) {
    bool lately = t->now.mono_ms < l->told_changed_ms + 2 * (uint64_t)l->told_next_ms + 2000;
    uint32_t promised = lately && l->told_before_ms > l->told_next_ms ? l->told_before_ms : l->told_next_ms;
    return promised && heard_ms > 2 * (uint64_t)promised + 2000 ? heard_ms : 0;
}

void follow_tip(struct turn *t, struct link *l, struct lz_bytes body) {
    struct tip tip;
    if (tip_decode(t->arena, body, &tip) != LZ_ok) { t->counters.bad_packets++; return; }
    if (!l->greeted || !epoch_equal(tip.epoch, l->epoch)) { link_say_hello(t, l, false); return; }
    l->tip_next_ms = tip.next_ms < 5 * LZ_MINUTE_MS ? tip.next_ms : 5 * LZ_MINUTE_MS;
    l->clock_offset_ms = (int64_t)(tip.wall_ms - t->now.wall_ms);
    l->tip_heard_ms = t->now.mono_ms;
    l->tip_proven = true;
    l->unheard_ms = too_long(t, l, tip.heard_ms);
    size_t n = tip.cause.len < sizeof l->cause ? tip.cause.len : 0;
    if (n) memcpy(l->cause, tip.cause.data, n);
    l->cause[n] = 0;
    for (size_t i = 0; i < tip.n_feeds; i++) {
        struct in_feed *in = link_in(l, tip.feeds[i].feed);
        if (!in) continue;
        in->tip = tip.feeds[i].tip;
        if (in->cursor.position < in->tip && may_follow(t, l, in)) follow_fetch(t, l, in);
    }
}

/* Out of a file: how far the neighbour's feeds went when it was written. It proves nothing of now. */
void follow_filed_tip(struct turn *t, struct link *l, struct lz_bytes body) {
    struct tip tip;
    if (tip_decode(t->arena, body, &tip) != LZ_ok) { t->counters.bad_packets++; return; }
    for (size_t i = 0; i < tip.n_feeds; i++) {
        struct in_feed *in = link_in(l, tip.feeds[i].feed);
        if (in && tip.feeds[i].tip > in->tip) in->tip = tip.feeds[i].tip;
    }
    if (epoch_equal(tip.epoch, l->epoch)) follow_has_seen(l, tip.seen);
}

/* The neighbour had all of its own when its store stood there. We may hold what our cursors have not passed, given back from elsewhere: if
 * its store is ever copied back to before that place, this alone shows it. */
void follow_has_seen(struct link *l, uint64_t position) {
    for (size_t i = 0; i < l->n_in; i++) {
        struct in_feed *in = &l->in[i];
        if (!epoch_equal(in->cursor.epoch, l->epoch) || in->cursor.seen >= position) continue;
        in->cursor.seen = position;
        in->dirty = true;
    }
}

void follow_write_cursors(struct turn *t) {
    for (struct link *l = t->links; l; l = l->next)
        for (size_t i = 0; i < l->n_in; i++) {
            struct in_feed *in = &l->in[i];
            if (!in->dirty) continue;
            in->dirty = false;
            uint8_t v[32];
            memcpy(v, in->cursor.epoch.b, 16);
            lz_put64(v + 16, in->cursor.position);
            lz_put64(v + 24, in->cursor.seen);
            store_put(t->o.store, TABLE_cursor, key_cursor(l->code, SIDE_WE_FOLLOW, in->feed), lz_bytes_of(v, sizeof v));
        }
}

/* ---- at start -------------------------------------------------------------------------------------------------------------- */

static bool is_reason(struct lz_bytes reason, enum lz_err err) { return lz_bytes_equal(reason, lz_bytes_str(lz_err_name(err))); }

static bool may_be_better_now(struct lz_bytes reason) {
    static const enum lz_err reasons[] = { LZ_unknown_kind, LZ_bad_packet, LZ_bad_argument, LZ_bad_date, LZ_bad_utf8, LZ_too_large, LZ_wrong_direction,
                                            LZ_foreign_origin };
    for (size_t i = 0; i < LZ_COUNT(reasons); i++)
        if (is_reason(reason, reasons[i])) return true;
    return false;
}

/* What is carried was let in when it came, maybe as a reclaim, or by a neighbour that is none any more: it is held, and takes its effect. */
static bool might_say(struct turn *t, const struct link *l, const struct record *r, struct lz_bytes reason) {
    struct stored stored;
    if (is_reason(reason, LZ_unknown_kind) && store_record_get(t->o.store, key_of(r), &stored) && lz_bytes_equal(stored.envelope, r->envelope)) return true;
    return l && may_say(t, l, r, LAND_PEER);
}

/* Not all that was refused was kept, and our cursors have passed it: read from the start, the neighbour's feeds bring it once more. */
static void read_again(struct link *l) {
    for (size_t i = 0; i < l->n_in; i++) {
        l->in[i].cursor.position = 0;
        l->in[i].dirty = true;
    }
    lz_log(LZ_WARN, "record.read_again peer=%06u", l->code);
}

static void taken_now(struct turn *t, struct link *l, struct key key, bool all_kept) {
    store_delete(t->o.store, TABLE_refused, key);
    if (l) l->refused_counted = false;
    if (l && !all_kept) read_again(l);
}

/* l: NULL when whoever brought it is no neighbour any more. */
static void try_row(struct turn *t, struct link *l, struct key key, struct lz_bytes v) {
    size_t n = v.len >= 10 ? lz_get16(v.data + 8) : 0;
    if (v.len < 10 + n || !may_be_better_now(lz_bytes_of(v.data + 10, n))) return;
    const uint8_t *copy = arena_copy(t->arena, v.data + 10, v.len - 10);
    if (!copy) { store_give_up(t->o.store); return; }
    struct lz_bytes reason = lz_bytes_of(copy, n), envelope = lz_bytes_of(copy + n, v.len - 10 - n);
    bool foreign = is_reason(reason, LZ_foreign_origin);
    if (envelope.len == 0) {                             /* there was no room for more than its name */
        const struct child *holder = l && key.len >= 8 ? roster_holding(t->o.roster, lz_get32(key.b + 4)) : NULL;
        if (foreign && holder && holder->code == l->code) taken_now(t, l, key, false);
        return;
    }
    struct record r;
    if (record_decode(t->arena, envelope, &r, NULL) != LZ_ok || !subject_known(&r) || !might_say(t, l, &r, reason)) return;
    bool all_kept = !foreign || !l || !keeps_no_more(t, l);
    /* what was only refused may have come since on another way: then it has had its effect */
    enum lz_err err = is_reason(reason, LZ_unknown_kind) ? flow_adopt(t->flow, &r) : flow_land(t->flow, &r, LAND_PEER);
    lz_log(LZ_INFO, "record.taken_now peer=%06u origin=%06u kind=%u result=%s", lz_get32(key.b), r.origin, r.kind, lz_err_name(err));
    if (err == LZ_ok || err == LZ_already) taken_now(t, l, key, all_kept);
}

/* A newer program may read what an older one had to refuse; a child's subtree may be wider than it was when its records came. What
 * still may not be taken stays where it is. From the start, in slices, a turn each. */
void follow_try_all_again(struct turn *t) {
    t->trying = true;
    t->try_at = (struct key){ 0 };
}

void follow_try_again(struct turn *t) {
    struct lz_bytes v;
    if (!t->trying || t->room.full) return;
    t->tried = true;
    for (int i = 0; i < TRY_SLICE && turn_has_room(t); i++, t->try_at = key_after(t->try_at)) {
        t->trying = store_seek(t->o.store, TABLE_refused, &t->try_at, &v);
        if (!t->trying) return;
        struct link *l = link_find(t, lz_get32(t->try_at.b));
        try_row(t, l && !l->gone ? l : NULL, t->try_at, v);
    }
}
