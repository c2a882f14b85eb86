/* check: what must be true once the network has healed, judged from outside: what clerks were told, and the final stores. */
#include "world.h"
#include <stdio.h>

bool world_holds(struct world *w, struct node *n, const struct told *t) {
    struct stored stored;
    (void)w;
    if (!n->store) return false;
    struct key key = key_record(t->id.origin, t->id.kind, lz_bytes_of(t->key, t->key_len), t->id.stamp, t->id.epoch);
    bool held = store_record_get(n->store, key, &stored) && lz_bytes_equal(stored.envelope, lz_bytes_of(t->envelope, t->len));
    store_abort(n->store);
    return held;
}

static const struct told *told_of(const struct world *w, struct rec_id id) {
    for (size_t i = 0; i < w->n_told; i++)
        if (rec_id_equal(w->told[i].id, id)) return &w->told[i];
    return NULL;
}

static uint32_t escalate_number(void) { return move_by_name(MACHINE_PROBLEM, "escalate")->number; }

static bool escalated_by(const struct world *w, struct rec_id subject, uint32_t unit) {
    for (size_t i = 0; i < w->n_told; i++) {
        const struct told *t = &w->told[i];
        if (t->id.kind == KIND_move && rec_id_equal(t->subject, subject) && t->move == escalate_number() && t->id.origin == unit && !t->lost) return true;
    }
    return false;
}

/* A problem goes down in full to the unit that it is assigned to, and to all between. */
static bool assigned_through(const struct world *w, struct rec_id subject, uint32_t unit) {
    uint32_t assign = move_by_name(MACHINE_PROBLEM, "assign")->number;
    for (size_t i = 0; i < w->n_told; i++) {
        const struct told *t = &w->told[i];
        if (t->id.kind != KIND_move || !rec_id_equal(t->subject, subject) || t->move != assign || t->lost) continue;
        if (world_below(w, t->to_unit, unit) && world_below(w, unit, t->id.origin)) return true;
    }
    return false;
}

/* Must node n hold t; may it. By the plan's rules of who sees what, not by the code's routes. */
static void places(const struct world *w, const struct told *t, const struct node *n, bool *must, bool *may) {
    uint32_t o = t->id.origin;
    bool above = world_below(w, o, n->code), self = o == n->code;
    const struct node *origin = node_of((struct world *)(uintptr_t)w, o);
    *must = *may = self;
    if (self) return;
    if (kind_is_directive(t->id.kind)) {
        bool on_path = t->target_all && world_below(w, n->code, o);
        for (size_t i = 0; i < t->n_targets; i++) on_path |= world_below(w, t->targets[i], n->code) && world_below(w, n->code, o);
        *must = *may = on_path;
    } else if (t->id.kind == KIND_emergency) {
        *must = *may = above;
    } else if (t->id.kind == KIND_progress) {
        *must = above && (world_below(w, n->code, t->subject.origin) || (w->subscribe == KIND_progress));
        *may = above;
    } else if (t->id.kind == KIND_chief) {
        *must = *may = origin && n->code == origin->parent;
    } else if (t->id.kind == KIND_problem) {
        const struct node *at = origin;
        *must = false;
        for (bool up = true; at && at->parent && up; ) {
            at = node_of((struct world *)(uintptr_t)w, at->parent);
            if (at == n) *must = true;
            up = at && escalated_by(w, t->id, at->code);
        }
        *must |= assigned_through(w, t->id, n->code);
        *may = above || *must;
    } else if (t->id.kind == KIND_move && kind_is_directive(t->subject.kind)) {
        uint32_t issuer = t->subject.origin;
        if (o == issuer) *must = *may = world_below(w, t->move_unit, n->code) && world_below(w, n->code, issuer);
        else *must = *may = above && world_below(w, n->code, issuer);
    } else if (t->id.kind == KIND_move) {
        const struct told *subject = told_of(w, t->subject);
        if (!subject) return;
        bool held = false, may_hold = false;
        places(w, subject, n, &held, &may_hold);
        *must = held;
        *may = may_hold || world_below(w, n->code, o);
    }
}

/* A register that was rewritten in a turn that died after its commit: the clerk was not told, the newer one stands. */
static bool superseded(struct world *w, const struct told *t) {
    struct node *n = node_of(w, t->id.origin);
    struct stored stored;
    struct record r;
    if (!n->up || !store_record_get(n->store, key_record(t->id.origin, t->id.kind, lz_bytes_of(t->key, t->key_len), 0, 0), &stored)) return false;
    arena_reset(w->arena);
    bool newer = record_decode(w->arena, stored.envelope, &r, NULL) == LZ_ok && r.stamp >= t->id.stamp && r.epoch != t->id.epoch;
    newer |= r.stamp > t->id.stamp;
    store_abort(n->store);
    return newer;
}

/* A newer one was told; or, after a restore with the clock set back, the lost line's higher stamp stands: a fault that is excused. */
static bool covered(const struct world *w, size_t i) {
    const struct told *t = &w->told[i];
    for (size_t j = 0; j < w->n_told; j++) {
        const struct told *o = &w->told[j];
        if (j == i || o->id.origin != t->id.origin || o->id.kind != t->id.kind || o->key_len != t->key_len || memcmp(o->key, t->key, t->key_len) != 0) continue;
        if ((j > i && !o->lost) || (w->restores && o->id.stamp >= t->id.stamp)) return true;
    }
    return false;
}

static void check_told(struct world *w) {
    for (size_t i = 0; i < w->n_told && !w->failed; i++) {
        struct told *t = &w->told[i];
        const struct told *subject = rec_id_none(t->subject) ? NULL : told_of(w, t->subject);
        if (t->lost || (subject && subject->lost) || (t->key_len && (covered(w, i) || superseded(w, t)))) continue;
        for (int k = 0; k < w->n_nodes; k++) {
            bool must, may, has = world_holds(w, &w->nodes[k], t);
            places(w, t, &w->nodes[k], &must, &may);
            char id[REC_ID_TEXT];
            rec_id_print_short(t->id, id);
            if (must && !has) world_fail(w, "LOST %s is not at %u", id, w->nodes[k].code);
            if (has && !may) world_fail(w, "LEAK %s is at %u", id, w->nodes[k].code);
        }
    }
}

/* Every delivered recipient once: a second DELIVERED in effect is a doubled effect (a second record is excused after restores). */
/* A ruling that survives only below a lost middle tier is not taken back from there (that waits for signatures): the recipient has
 * it, its issuer has not. What was lost so is marked at the loss (note_lost). */
static bool ruling_lost(const struct world *w, struct rec_id subject, uint32_t unit) {
    for (size_t i = 0; i < w->n_told; i++) {
        const struct told *t = &w->told[i];
        if (t->lost && t->id.kind == KIND_move && t->id.origin == subject.origin && rec_id_equal(t->subject, subject) &&
            (t->move_unit == unit || t->move_unit == 0)) return true;
    }
    return false;
}

static void check_delivered(struct world *w) {
    for (size_t i = 0; i < w->n_told; i++) {
        struct told *t = &w->told[i];
        if (!kind_is_directive(t->id.kind) || t->lost) continue;
        for (int k = 0; k < w->n_nodes; k++) {
            struct node *n = &w->nodes[k];
            bool target = t->target_all && world_below(w, n->code, t->id.origin) && n->code != t->id.origin;
            for (size_t j = 0; j < t->n_targets; j++) target |= t->targets[j] == n->code;
            if (!target || !n->up) continue;
            struct record *moves;
            size_t delivered = 0;
            arena_reset(w->arena);
            flow_begin(turn_flow(n->turn), (struct lz_now){ w->now_ms, w->now_ms }, w->arena);
            size_t count = flow_moves(turn_flow(n->turn), t->id, n->code, &moves);
            for (size_t m = 0; m < count; m++) delivered += moves[m].of.move.move == move_by_name(MACHINE_HANDLING, "deliver")->number;
            /* one that was withdrawn before it came is not delivered any more */
            struct standing now = { 0 };
            bool withdrawn = flow_standing(turn_flow(n->turn), t->id, n->code, &now) && now.state == HANDLING_withdrawn;
            if (delivered == 0 && !withdrawn) world_fail(w, "order of %u was never delivered at %u", t->id.origin, n->code);
            if (delivered > 1 && !w->restores) world_fail(w, "order of %u was delivered %zu times at %u", t->id.origin, delivered, n->code);
            struct standing here, there;
            struct node *issuer = node_of(w, t->id.origin);
            bool has = flow_standing(turn_flow(n->turn), t->id, n->code, &here);
            flow_begin(turn_flow(issuer->turn), (struct lz_now){ w->now_ms, w->now_ms }, w->arena);
            bool had = issuer->up && flow_standing(turn_flow(issuer->turn), t->id, n->code, &there);
            if (has && had && ruling_lost(w, t->id, n->code)) there = here;
            if (!has || !had || here.state != there.state || here.returns != there.returns || here.urges != there.urges
                    || here.n_progress > there.n_progress + (here.n_progress && !world_below(w, n->code, t->id.origin)))
                world_fail(w, "order of %u to %u: state %u returns %u urges %u progress %u there, %u %u %u %u at the issuer", t->id.origin, n->code,
                           has ? here.state : 99u, here.returns, here.urges, here.n_progress, had ? there.state : 99u, there.returns, there.urges,
                                   there.n_progress);
            store_abort(n->store);
            store_abort(issuer->store);
        }
    }
}

/* For a trace: where a sum stops on its way up. */
static void show_sum(struct world *w, uint16_t kind, struct rec_id subject, size_t counter) {
    for (int k = 0; k < w->n_nodes; k++) {
        struct node *n = &w->nodes[k];
        struct counters all = { { 0 } }, own = { { 0 } }, part = { { 0 } };
        struct node *up = n->up_index < 0 ? NULL : &w->nodes[n->up_index];
        arena_reset(w->arena);
        flow_begin(turn_flow(n->turn), (struct lz_now){ w->now_ms, w->now_ms }, w->arena);
        flow_rollup(turn_flow(n->turn), kind, subject, 0, &all);
        flow_rollup(turn_flow(n->turn), kind, subject, n->code, &own);
        if (up) flow_begin(turn_flow(up->turn), (struct lz_now){ w->now_ms, w->now_ms }, w->arena);
        if (up) flow_rollup(turn_flow(up->turn), kind, subject, n->code, &part);
        printf("     %u: own %lld, total %lld, held above %lld\n", n->code, (long long)own.of[counter], (long long)all.of[counter],
                (long long)part.of[counter]);
    }
}

/* Nothing derived differs from the records, and the top's totals are the sum of what every node contributes itself. */
static void check_sums(struct world *w) {
    for (int k = 0; k < w->n_nodes; k++) {
        struct node *n = &w->nodes[k];
        if (!n->up) { world_fail(w, "%u is down", n->code); return; }
        struct verify v;
        arena_reset(w->arena);
        flow_begin(turn_flow(n->turn), (struct lz_now){ w->now_ms, w->now_ms }, w->arena);
        flow_verify(turn_flow(n->turn), &v);
        if (v.differences) world_fail(w, "VERIFY %u: %llu, first %.*s", n->code, (unsigned long long)v.differences, (int)v.first.len,
                (const char *)v.first.data);
        store_abort(n->store);
    }
    struct node *top = &w->nodes[0];
    struct key key = { 0 };
    struct lz_bytes value;
    arena_reset(w->arena);
    for (; store_seek(top->store, TABLE_rollup, &key, &value); key = key_after(key)) {
        if (lz_get32(key.b + 2 + REC_ID_BYTES) != 0) continue;
        uint16_t kind = lz_get16(key.b);
        struct rec_id subject = rec_id_get(key.b + 2);
        struct counters total, part, sum = { { 0 } };
        arena_reset(w->arena);
        flow_begin(turn_flow(top->turn), (struct lz_now){ w->now_ms, w->now_ms }, w->arena);
        flow_rollup(turn_flow(top->turn), kind, subject, 0, &total);
        for (int k = 0; k < w->n_nodes; k++) {
            arena_reset(w->arena);
            flow_begin(turn_flow(w->nodes[k].turn), (struct lz_now){ w->now_ms, w->now_ms }, w->arena);
            if (!flow_rollup(turn_flow(w->nodes[k].turn), kind, subject, w->nodes[k].code, &part)) continue;
            for (size_t i = 0; i < COUNTER_COUNT; i++) sum.of[i] += part.of[i];
        }
        for (size_t i = 0; i < COUNTER_COUNT; i++)
            if (sum.of[i] != total.of[i]) {
                world_fail(w, "ROLLUP kind %u counter %zu: %lld at the top, %lld in sum", kind, i, (long long)total.of[i], (long long)sum.of[i]);
                if (w->trace) show_sum(w, kind, subject, i);
                break;
            }
    }
    for (int k = 0; k < w->n_nodes; k++) store_abort(w->nodes[k].store);
}

static void check_links(struct world *w) {
    for (int k = 0; k < w->n_nodes; k++) {
        struct node *n = &w->nodes[k];
        for (size_t i = 0; n->up && i < turn_links(n->turn); i++) {
            struct link_view v;
            turn_link_view(n->turn, i, &v);
            struct node *peer = node_of(w, v.code);
            bool filed = w->filed[v.is_parent ? n->index : peer->index];
            if (filed && v.state != LINK_dialling) world_fail(w, "LINK %u to %u is %s, and has no network", n->code, v.code, link_name(v.state));
            if (filed && v.behind_out) world_fail(w, "LINK %u to %u: %llu not confirmed", n->code, v.code, (unsigned long long)v.behind_out);
            if (!filed && v.state != LINK_live) world_fail(w, "LINK %u to %u is %s: %s", n->code, v.code, link_name(v.state), v.reason);
        }
        store_abort(n->store);
    }
}

void world_check(struct world *w) {
    check_links(w);
    check_told(w);
    check_delivered(w);
    check_sums(w);
    witness_judge(w);
}
