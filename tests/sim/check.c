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
        if (t->lost || t->unsure || t->id.kind != KIND_move || !rec_id_equal(t->subject, subject)) continue;
        if (t->move == escalate_number() && t->id.origin == unit) return true;
    }
    return false;
}

/* Trees change: what must be, must be by the tree as it is in the end; what may be, by any that there was. */
typedef bool (*below_fn)(const struct world *w, uint32_t unit, uint32_t of);

/* A problem goes down in full to the unit that it is assigned to, and to all between. */
static bool assigned_through(const struct world *w, struct rec_id subject, uint32_t unit, below_fn below) {
    uint32_t assign = move_by_name(MACHINE_PROBLEM, "assign")->number;
    for (size_t i = 0; i < w->n_told; i++) {
        const struct told *t = &w->told[i];
        if (t->id.kind != KIND_move || !rec_id_equal(t->subject, subject) || t->move != assign) continue;
        if (t->lost || (t->unsure && below == world_below)) continue;
        if (below(w, t->to_unit, unit) && below(w, unit, t->id.origin)) return true;
    }
    return false;
}

/* Its parent, and who is above as far as it was passed up. */
static bool problem_came_up(const struct world *w, const struct told *t, const struct node *n) {
    const struct node *at = node_of((struct world *)(uintptr_t)w, t->id.origin);
    for (bool up = true; at && at->up_index >= 0 && at->enrolled && up; ) {
        at = &w->nodes[at->up_index];
        if (at == n) return true;
        up = escalated_by(w, t->id, at->code);
    }
    return false;
}

static bool concerns_move(const struct world *w, const struct told *t, const struct node *n, below_fn below) {
    uint32_t issuer = t->subject.origin, o = t->id.origin;
    if (o == issuer) return below(w, t->move_unit, n->code) && below(w, n->code, issuer);
    return below(w, o, n->code) && below(w, n->code, issuer);
}

static bool concerns_directive(const struct world *w, const struct told *t, const struct node *n, below_fn below) {
    bool on_path = t->target_all && below(w, n->code, t->id.origin);
    for (size_t i = 0; i < t->n_targets; i++) on_path |= below(w, t->targets[i], n->code) && below(w, n->code, t->id.origin);
    return on_path;
}

static bool in_line(const struct world *w, uint32_t a, uint32_t b) { return world_below(w, a, b) || world_below(w, b, a); }

/* Must node n hold t; may it. By the plan's rules of who sees what, not by the code's routes. */
static void places(const struct world *w, const struct told *t, const struct node *n, bool *must, bool *may) {
    uint32_t o = t->id.origin;
    bool above = world_below(w, o, n->code), was_above = world_was_below(w, o, n->code);
    const struct node *origin = node_of((struct world *)(uintptr_t)w, o);
    *must = *may = o == n->code;
    if (*must) return;
    bool down = t->id.kind == KIND_attachment && t->direction == DIRECTION_DOWN;
    if (kind_is_directive(t->id.kind) || t->id.kind == KIND_attachment_wish || down) {
        *must = concerns_directive(w, t, n, world_below);
        *may = concerns_directive(w, t, n, world_was_below);
    } else if (t->id.kind == KIND_emergency) {
        *must = above;
        *may = was_above;
    } else if (t->id.kind == KIND_attachment && t->reach == REACH_TOP) {
        *must = above;
        *may = was_above;
    } else if (t->id.kind == KIND_attachment && t->reach == REACH_ISSUER) {
        *must = above && world_below(w, n->code, t->targets[0]);
        *may = was_above;
    } else if (t->id.kind == KIND_attachment) {
        *must = t->reach == REACH_PARENT && origin->enrolled && origin->up_index == n->index;
        *may = *must || (t->reach == REACH_PARENT && world_was_parent(w, origin, n));
    } else if (t->id.kind == KIND_progress) {
        *must = above && (world_below(w, n->code, t->subject.origin) || (w->subscribe == KIND_progress));
        *may = was_above;
    } else if (t->id.kind == KIND_duty || kind_form(t->id.kind)) {
        *must = origin->enrolled && origin->up_index == n->index;
        *may = *must || world_was_parent(w, origin, n);
    } else if (t->id.kind == KIND_problem) {
        *must = problem_came_up(w, t, n) || assigned_through(w, t->id, n->code, world_below);
        *may = was_above || assigned_through(w, t->id, n->code, world_was_below);
    } else if (t->id.kind == KIND_move && kind_is_directive(t->subject.kind)) {
        *must = concerns_move(w, t, n, world_below);
        /* a new parent takes the whole of its child's feed, and so learns what that did for others before */
        *may = concerns_move(w, t, n, world_was_below) || (was_above && world_moved(w, o));
    } else if (t->id.kind == KIND_move) {
        const struct told *subject = told_of(w, t->subject);
        if (!subject) return;
        bool held = false, may_hold = false;
        places(w, subject, n, &held, &may_hold);
        /* what one did with it who is no longer above its finder stays with those who have it: nobody is left to pass it on */
        *must = held && in_line(w, o, t->subject.origin);
        *may = may_hold || world_was_below(w, n->code, o);
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

/* A newer one was told; or, after a restore with the clock set back, the lost line's higher stamp stands: excused when its daemon has said
 * that its store went back. */
static bool covered(const struct world *w, size_t i) {
    const struct told *t = &w->told[i];
    for (size_t j = 0; j < w->n_told; j++) {
        const struct told *o = &w->told[j];
        if (j == i || o->unsure || o->id.origin != t->id.origin || o->id.kind != t->id.kind) continue;
        if (o->key_len != t->key_len || memcmp(o->key, t->key, t->key_len) != 0) continue;
        if ((j > i && !o->lost) || (node_of((struct world *)(uintptr_t)w, t->id.origin)->reported_loss && o->id.stamp >= t->id.stamp)) return true;
    }
    return false;
}

static void check_told(struct world *w) {
    for (size_t i = 0; i < w->n_told && !w->failed; i++) {
        struct told *t = &w->told[i];
        const struct told *subject = rec_id_none(t->subject) ? NULL : told_of(w, t->subject);
        if (t->lost || t->unsure || (subject && subject->lost) || (t->key_len && (covered(w, i) || superseded(w, t)))) continue;
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

/* A second DELIVERED is excused when a daemon between the two has said that a store went back. */
static bool loss_reported(const struct world *w, const struct node *from, const struct node *to) {
    for (; from; from = from->up_index < 0 ? NULL : &w->nodes[from->up_index])
        if (from->reported_loss || from == to) return from->reported_loss;
    return false;
}

/* A move of the issuer or of the recipient went with the stores that held it, out of reach of its origin; who still has it shows it. */
static bool move_lost(const struct world *w, const struct told *directive, const struct node *n, const struct node *issuer) {
    bool lost = false;
    for (size_t i = 0; i < w->n_told; i++) {
        const struct told *t = &w->told[i];
        if (t->lost && rec_id_equal(t->subject, directive->id) && (t->move_unit == n->code || t->move_unit == 0 || t->id.kind == KIND_progress)) lost = true;
    }
    return lost && loss_reported(w, n, issuer);
}

static struct flow *look(struct world *w, struct node *n) {
    flow_begin(turn_flow(n->turn), (struct lz_now){ w->now_ms, w->now_ms }, w->arena);
    return turn_flow(n->turn);
}

/* For a trace: the moves of one recipient as each node has them. */
static void show_moves(struct world *w, const struct told *t, const struct node *of) {
    for (int k = 0; k < w->n_nodes && w->trace; k++) {
        struct node *n = &w->nodes[k];
        struct record *moves;
        if (!n->up) continue;
        arena_reset(w->arena);
        size_t count = flow_moves(look(w, n), t->id, of->code, &moves);
        for (size_t m = 0; m < count; m++) {
            char follows[REC_ID_TEXT] = "-", id[REC_ID_TEXT];
            rec_id_print_short(record_id(&moves[m]), id);
            if (!rec_id_none(moves[m].of.move.follows)) rec_id_print_short(moves[m].of.move.follows, follows);
            printf("     at %u: %s %s of unit %u, follows %s\n", n->code, id, move_name(moves[m].of.move.move), moves[m].of.move.unit, follows);
        }
        store_abort(n->store);
    }
}

static void check_recipient(struct world *w, const struct told *t, struct node *n) {
    struct record *moves;
    struct node *issuer = node_of(w, t->id.origin);
    struct standing here = { 0 }, there = { 0 };
    size_t delivered = 0;
    arena_reset(w->arena);
    size_t count = flow_moves(look(w, n), t->id, n->code, &moves);
    for (size_t m = 0; m < count; m++) delivered += moves[m].of.move.move == move_by_name(MACHINE_HANDLING, "deliver")->number;
    /* one that was withdrawn before it came is not delivered any more */
    bool has = flow_standing(turn_flow(n->turn), t->id, n->code, &here), withdrawn = has && here.state == HANDLING_withdrawn;
    if (delivered == 0 && !withdrawn) world_fail(w, "UNDELIVERED order of %u was never delivered at %u", t->id.origin, n->code);
    if (delivered > 1 && !loss_reported(w, n, issuer)) world_fail(w, "TWICE order of %u was delivered %zu times at %u", t->id.origin, delivered, n->code);
    bool had = issuer->up && flow_standing(look(w, issuer), t->id, n->code, &there);
    /* what the issuer's daemon urged by itself before its store went back, and only the recipient still has and goes on from, is out of reach */
    bool urge_lost = has && had && here.urges > there.urges && issuer->reported_loss;
    if (urge_lost || move_lost(w, t, n, issuer)) has = had = true, there = here;
    bool same = has && had && here.state == there.state && here.returns == there.returns && here.urges == there.urges
             && here.n_progress <= there.n_progress + (here.n_progress && !world_below(w, n->code, t->id.origin));
    if (!same) {
        show_moves(w, t, n);
        world_fail(w, "STANDING order of %u to %u: state %u returns %u urges %u progress %u there, %u %u %u %u at the issuer", t->id.origin, n->code,
                   has ? here.state : 99u, here.returns, here.urges, here.n_progress, had ? there.state : 99u, there.returns, there.urges, there.n_progress);
    }
    store_abort(n->store);
    store_abort(issuer->store);
}

/* Every recipient has it once, in effect, and its issuer sees the same of it. Those only who are still below the issuer. */
static void check_delivered(struct world *w) {
    for (size_t i = 0; i < w->n_told && !w->failed; i++) {
        struct told *t = &w->told[i];
        if (!kind_is_directive(t->id.kind) || t->lost || t->unsure) continue;
        for (int k = 0; k < w->n_nodes; k++) {
            struct node *n = &w->nodes[k];
            bool target = t->target_all && n->code != t->id.origin;
            for (size_t j = 0; j < t->n_targets; j++) target |= t->targets[j] == n->code;
            if (target && n->up && world_below(w, n->code, t->id.origin)) check_recipient(w, t, n);
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

/* A file of which all pieces are here is known to be whole, and no wish is left open. */
static void check_files(struct world *w) {
    for (int k = 0; k < w->n_nodes; k++) {
        struct node *n = &w->nodes[k];
        struct key at = { 0 }, open = key_state(FILE_COMING, (struct lz_bytes){ 0 });
        struct rec_id any = { 0 };
        struct flow_file file;
        struct lz_bytes v;
        char id[REC_ID_TEXT];
        if (!n->up) continue;
        arena_reset(w->arena);
        for (struct flow *f = look(w, n); flow_next_attached(f, any, &at, &file); ) {
            rec_id_print_short(file.subject, id);
            if (file.state == FILE_NOTHING || file.held < file.pieces || file.state == FILE_WHOLE) continue;
            world_fail(w, "UNPROVEN a file of %s is held by %u in all its %u pieces, and is in state %d", id, n->code, file.pieces, (int)file.state);
        }
        bool waits = store_seek(n->store, TABLE_wished, &open, &v) && open.b[0] == FILE_COMING;
        if (waits) world_fail(w, "UNGIVEN a wish is still open at %u", n->code);
        store_abort(n->store);
    }
}

/* Nothing derived differs from the records, and the top's totals are the sum of what every node contributes itself. */
static void check_sums(struct world *w) {
    for (int k = 0; k < w->n_nodes; k++) {
        struct node *n = &w->nodes[k];
        if (!n->up) { world_fail(w, "DOWN %u is down", n->code); return; }
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
            if (!world_attached(w, &w->nodes[k])) continue;
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

/* A link of the tree that is not live, or false. Who has been removed tries in vain. */
static bool find_dead_link(struct world *w, struct link_view *v, struct node **at) {
    for (int k = 0; k < w->n_nodes; k++) {
        struct node *n = *at = &w->nodes[k];
        bool dead = !n->up;
        *v = (struct link_view){ .code = n->code, .reason = "" };
        for (size_t i = 0; n->up && i < turn_links(n->turn) && !dead; i++) {
            turn_link_view(n->turn, i, v);
            bool filed = w->filed[v->is_parent ? n->index : node_of(w, v->code)->index];     /* has no network, and confirms by file */
            bool quiet = v->state == LINK_dialling || (w->exchanged && (v->state == LINK_stalled || v->state == LINK_refused));
            dead = filed ? !quiet || v->behind_out : v->state != LINK_live && !(v->is_parent && !n->enrolled);
        }
        if (n->up) store_abort(n->store);
        if (dead) return true;
    }
    return false;
}

bool world_live(struct world *w) {
    struct link_view v;
    struct node *n;
    for (int i = 0; i < w->n_nodes; i++)
        if (!w->nodes[i].up || w->nodes[i].program != &program_new) return false;
    return !find_dead_link(w, &v, &n);
}

static void check_links(struct world *w) {
    struct link_view v;
    struct node *n;
    if (find_dead_link(w, &v, &n)) world_fail(w, "LINK %u to %u is %s: %s", n->code, v.code, n->up ? link_name(v.state) : "down", v.reason);
}

/* What the stores hold in the end is a part of the fingerprint too. */
static void mark_stores(struct world *w) {
    for (int k = 0; k < w->n_nodes; k++) {
        struct node *n = &w->nodes[k];
        if (n->up) world_mark(w, store_position(n->store), store_last_stamp(n->store), (struct lz_bytes){ 0 });
    }
}

/* Each record at each node, as the other asks, is the history's alone where there are thousands of both. */
void world_check_country(struct world *w) {
    mark_stores(w);
    check_links(w);
    if (!w->failed) check_files(w);
    if (!w->failed) check_sums(w);
    if (!w->failed) witness_judge(w);
}

void world_check(struct world *w) {
    mark_stores(w);
    check_links(w);
    if (!w->failed) check_told(w);
    if (!w->failed) check_delivered(w);
    if (!w->failed) check_files(w);
    if (!w->failed) check_sums(w);
    if (!w->failed) witness_judge(w);
}
