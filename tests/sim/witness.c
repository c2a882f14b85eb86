/* witness: tells the history (history.h) what happens, and what there is at the end. It only reports; the verdict is not its. */
#include "world.h"
#include "history.h"

static void put_id(struct rec_id id, uint8_t out[HISTORY_ID]) {
    if (rec_id_none(id)) memset(out, 0, HISTORY_ID);
    else rec_id_put(id, out);
}
static struct history_text text_of(struct lz_bytes b) { return (struct history_text){ b.data, b.len }; }

void witness_tree(struct world *w) {
    w->history = history_create();
    for (int i = 0; i < w->n_nodes; i++) history_unit(w->history, w->nodes[i].code, w->nodes[i].parent, w->nodes[i].tier);
    if (w->subscribe) history_wish(w->history, w->subscribe);
}

void witness_turn(struct world *w, struct node *n) {
    for (size_t i = 0; n->lost && i < turn_links(n->turn); i++) {
        struct link_view v;
        turn_link_view(n->turn, i, &v);
        if (!v.reclaiming) continue;
        history_reported(w->history, n->code);           /* `links` and `why` say so from now on */
        n->lost = false;
    }
}

void witness_given_up(struct world *w, const struct node *n, struct rec_id id) {
    uint8_t bytes[HISTORY_ID];
    put_id(id, bytes);
    history_given_up(w->history, n->code, bytes);
}

/* ---- clerks --------------------------------------------------------------------------------------------------------- */

static struct lz_bytes words_of(const struct record *d) {
    if (kind_form(d->kind)) return d->of.form.of[0].text;
    switch ((enum kind)d->kind) {
    case KIND_general_order: case KIND_supervision_letter: case KIND_work_reminder: case KIND_task: case KIND_bulletin: return d->of.directive.title;
    case KIND_move: return d->of.move.text;
    case KIND_progress: return d->of.progress.text;
    case KIND_problem: return d->of.problem.title;
    case KIND_emergency: return d->of.emergency.title;
    case KIND_duty: return d->of.duty.name;
    case KIND_attachment: return d->of.attachment.name;
    case KIND_attachment_wish: case KIND_ruling: case KIND_rollup: case KIND_none: case KIND_MAX: break;
    }
    return (struct lz_bytes){ 0 };
}

size_t witness_asked(struct world *w, const struct node *n, const struct record *d, const uint8_t request[16]) {
    struct history_ask a = { .unit = n->code, .kind = d->kind, .n_targets = d->n_targets, .all = d->target_all, .key = text_of(d->key),
                             .text = text_of(words_of(d)) };
    LZ_ASSERT(d->n_targets <= HISTORY_TARGETS);
    memcpy(a.request, request, HISTORY_REQUEST);
    put_id(d->subject, a.subject);
    for (size_t i = 0; i < d->n_targets; i++) a.targets[i] = d->targets[i];
    if (kind_is_directive(d->kind)) a.number = text_of(d->of.directive.number);
    if (d->kind == KIND_move) {
        a.move = d->of.move.move;
        a.move_unit = d->of.move.unit;
        a.to_unit = d->of.move.to_unit;
    }
    if (d->kind == KIND_progress) {
        a.as_of = d->of.progress.as_of;
        a.numerator = d->of.progress.numerator;
        a.denominator = d->of.progress.denominator;
    }
    if (kind_form(d->kind)) {                            /* an office: clerks write no other form */
        a.number = text_of(d->of.form.no);
        a.as_of = d->of.form.valid_from;
        a.move = d->of.form.state;
        a.move_unit = (uint32_t)d->of.form.of[2].number;
        a.numerator = d->of.form.of[4].number;
    }
    return history_asked(w->history, &a);
}

void witness_answered(struct world *w, size_t ask, enum lz_err err, struct rec_id id) {
    uint8_t bytes[HISTORY_ID];
    put_id(id, bytes);
    if (err == LZ_ok) history_accepted(w->history, ask, bytes);
    else if (err == LZ_store_io) history_unanswered(w->history, ask);
    else history_refused(w->history, ask);
}

/* ---- what there is ---------------------------------------------------------------------------------------------------- */

void witness_places(struct world *w, struct node *n) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(n->store, TABLE_cursor, &key, &v); key = key_after(key)) {
        uint64_t feed = (uint64_t)lz_get32(key.b + 5) << 8 | key.b[9];
        if (key.b[4] == SIDE_WE_FOLLOW && v.len == 32) history_place(w->history, n->code, lz_get32(key.b), HISTORY_FOLLOWS, feed, lz_get64(v.data + 16));
        if (key.b[4] == SIDE_THEY_FOLLOW && v.len == 8) history_place(w->history, n->code, lz_get32(key.b), HISTORY_IS_FOLLOWED, feed, lz_get64(v.data));
    }
    store_abort(n->store);
}

static void look_at(struct world *w, struct node *n) {
    struct key key = { 0 };
    struct lz_bytes value;
    struct stored stored;
    for (; store_seek(n->store, TABLE_record, &key, &value); key = key_after(key))
        if (store_record_parse(value, &stored)) history_holds(w->history, n->code, key.b, key.len, stored.envelope.data, stored.envelope.len);
    store_abort(n->store);
}

void witness_look(struct world *w) {
    history_look(w->history);
    for (int i = 0; i < w->n_nodes; i++)
        if (w->nodes[i].store) look_at(w, &w->nodes[i]);
}

static struct flow *fresh_flow(struct world *w, struct node *n) {
    arena_reset(w->arena);
    flow_begin(turn_flow(n->turn), (struct lz_now){ w->now_ms, w->now_ms }, w->arena);
    return turn_flow(n->turn);
}

static void show_standings(struct world *w, struct node *n) {
    struct key key = { 0 };
    struct lz_bytes value;
    struct standing s;
    struct flow *flow = fresh_flow(w, n);
    for (size_t i = 1; store_seek(n->store, TABLE_standing, &key, &value); key = key_after(key), i++) {
        struct rec_id subject = rec_id_get(key.b);
        if (i % 64 == 0) flow = fresh_flow(w, n);
        if (key.len != REC_ID_BYTES + 4 || !flow_standing(flow, subject, lz_get32(key.b + REC_ID_BYTES), &s)) continue;
        struct history_standing row = { .unit = lz_get32(key.b + REC_ID_BYTES), .state = state_name((enum machine)s.machine, s.state), .colour = s.colour,
                                        .owner = s.owner, .handler = s.handler, .returns = s.returns, .urges = s.urges, .n_progress = s.n_progress,
                                        .numerator = s.numerator, .denominator = s.denominator };
        rec_id_put(subject, row.subject);
        history_standing(w->history, n->code, &row);
    }
}

static void show_sums(struct world *w, struct node *n) {
    struct key key = { 0 };
    struct lz_bytes value;
    struct counters sum;
    struct flow *flow = fresh_flow(w, n);
    static_assert((int)COUNTER_COUNT == (int)HISTORY_COUNTERS, "the history counts what rollups count");
    for (size_t i = 1; store_seek(n->store, TABLE_rollup, &key, &value); key = key_after(key), i++) {
        if (i % 64 == 0) flow = fresh_flow(w, n);
        if (key.len != 2 + REC_ID_BYTES + 4 || lz_get32(key.b + 2 + REC_ID_BYTES) != 0) continue;
        if (flow_rollup(flow, lz_get16(key.b), rec_id_get(key.b + 2), 0, &sum)) history_sum(w->history, n->code, lz_get16(key.b), key.b + 2, sum.of);
    }
}

void witness_judge(struct world *w) {
    if (w->subscribe) history_wish(w->history, w->subscribe);     /* a wish that came later is filled from what is held */
    witness_look(w);
    for (int i = 0; i < w->n_nodes; i++) {
        struct node *n = &w->nodes[i];
        if (!n->up) continue;
        witness_places(w, n);
        show_standings(w, n);
        show_sums(w, n);
        store_abort(n->store);
    }
    size_t found = history_judge(w->history);
    for (size_t i = 0; i < found && i < HISTORY_FINDINGS; i++) world_fail(w, "%s", history_finding(w->history, i));
}
