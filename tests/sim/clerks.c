/* clerks: what people submit, and what they were told. */
#include "world.h"
#include <stdlib.h>

static void tell(struct world *w, const struct record *r) {
    if (w->n_told == w->max_told) {
        w->max_told = w->max_told ? 2 * w->max_told : 256;
        w->told = realloc(w->told, w->max_told * sizeof *w->told);
        LZ_ASSERT(w->told);
    }
    struct told *t = &w->told[w->n_told++];
    *t = (struct told){ .id = record_id(r), .len = r->envelope.len, .subject = r->subject, .n_targets = r->n_targets, .target_all = r->target_all };
    t->envelope = malloc(t->len);
    t->targets = malloc((t->n_targets + 1) * sizeof *t->targets);
    LZ_ASSERT(t->envelope && t->targets);
    memcpy(t->envelope, r->envelope.data, t->len);
    if (t->n_targets) memcpy(t->targets, r->targets, t->n_targets * sizeof *t->targets);
    t->key_len = r->key.len;
    if (r->key.len) memcpy(t->key, r->key.data, r->key.len);
    if (r->kind == KIND_move) { t->move = r->of.move.move; t->move_unit = r->of.move.unit; t->to_unit = r->of.move.to_unit; }
}

/* As the control server does it: a request that was answered is answered again, out of the store. */
static enum lz_err serve(struct node *n, struct record *draft, const uint8_t request[16], struct rec_id *id) {
    struct lz_fail fail = { 0 };
    struct lz_bytes known, asked = lz_bytes_of(request, 16);
    struct key kept = key_ask(asked, 0xFFFF);
    if (store_get(n->store, TABLE_ask, kept, &known) && known.len == REC_ID_BYTES) { *id = rec_id_get(known.data); return LZ_ok; }
    enum lz_err err = turn_may_submit(n->turn, LANE_ROUTINE, &fail);
    if (err == LZ_ok) err = flow_submit(turn_flow(n->turn), draft, lz_bytes_str("clerk"), asked, 0, id, &fail);
    uint8_t bytes[REC_ID_BYTES];
    rec_id_put(*id, bytes);
    if (err == LZ_ok) store_put(n->store, TABLE_ask, kept, lz_bytes_of(bytes, sizeof bytes));
    return err;
}

static enum lz_err submit(struct world *w, struct node *n, struct record *draft, const uint8_t request[16], struct rec_id *id) {
    if (!n->up) return LZ_unreachable;
    size_t ask = witness_asked(w, n, draft, request);
    *id = (struct rec_id){ 0 };
    turn_begin(n->turn, node_now(w, n));
    enum lz_err err = serve(n, draft, request, id);
    if (err != LZ_ok) {                                          /* he is told so, unless the daemon dies over something else of this turn */
        node_finish(w, n);
        witness_answered(w, ask, err, *id);
        return err;
    }
    struct record copy = *draft;                                 /* the arena is reset at the next turn */
    bool wrote = draft->envelope.len != 0;
    uint8_t *bytes = malloc(draft->envelope.len + 1);
    LZ_ASSERT(bytes);
    if (wrote) memcpy(bytes, draft->envelope.data, draft->envelope.len);
    copy.envelope = lz_bytes_of(bytes, draft->envelope.len);
    err = node_finish(w, n) ? LZ_ok : n->up ? LZ_full : LZ_store_io;
    witness_answered(w, ask, err, *id);
    if (err == LZ_ok && wrote) { tell(w, &copy); world_note(w, "%u submitted kind %u", n->code, draft->kind); }
    free(bytes);
    return err == LZ_full ? LZ_store_io : err;
}

enum lz_err node_submit(struct world *w, struct node *n, struct record *draft, struct rec_id *id) {
    struct again *again = &n->again;
    for (int i = 0; i < 4; i++) lz_put32(again->request + 4 * i, (uint32_t)sim_random(w, UINT32_MAX));
    again->draft = *draft;
    for (size_t i = 0; i < draft->n_targets && i < CLERK_TARGETS; i++) again->targets[i] = draft->targets[i];
    enum lz_err err = submit(w, n, draft, again->request, id);
    again->waits = err == LZ_store_io && draft->n_targets <= CLERK_TARGETS;
    return err;
}

/* With the same request id: he had no answer, or does not trust it. */
static void ask_again(struct world *w, struct node *n) {
    struct record draft = n->again.draft;
    uint32_t targets[CLERK_TARGETS];
    struct rec_id id;
    if (draft.kind == KIND_none || draft.n_targets > CLERK_TARGETS) return;
    memcpy(targets, n->again.targets, sizeof targets);
    draft.targets = targets;
    enum lz_err err = submit(w, n, &draft, n->again.request, &id);
    if (err != LZ_unreachable) n->again.waits = err == LZ_store_io;
}

/* ---- what they do, from the seed ---------------------------------------------------------------------------------------- */

static void issue(struct world *w, struct node *n) {
    static const uint16_t kinds[] = { KIND_general_order, KIND_supervision_letter, KIND_work_reminder, KIND_task, KIND_bulletin };
    static const char *const numbers[] = { "林长〔2022〕1号", "林长〔2022〕2号", "林长〔2022〕3号", "林长〔2022〕4号", "林长〔2022〕5号", "林长〔2023〕5号" };
    uint32_t targets[CLERK_TARGETS];
    struct record d = { .kind = kinds[sim_random(w, 5)], .targets = targets };
    struct rec_id id;
    if (sim_chance(w, 0.4)) d.target_all = true;
    else
        for (int i = 0; i < 3; i++) {
            uint32_t unit = w->nodes[sim_random(w, (uint64_t)w->n_nodes)].code;
            if (unit != n->code && world_below(w, unit, n->code)) targets[d.n_targets++] = unit;
        }
    d.of.directive.title = lz_bytes_str("林长制工作");
    if (sim_chance(w, 0.3)) {                              /* few numbers: some are in use already */
        d.of.directive.number = lz_bytes_str(numbers[sim_random(w, LZ_COUNT(numbers))]);
        number_parse(d.of.directive.number, &d.of.directive.year, &d.of.directive.serial);
    }
    node_submit(w, n, &d, &id);
}

static const struct told *pick(struct world *w, bool directive) {
    for (int i = 0; i < 20 && w->n_told; i++) {
        const struct told *t = &w->told[sim_random(w, w->n_told)];
        if (directive ? kind_is_directive(t->id.kind) : t->id.kind == KIND_problem) return t;
    }
    return NULL;
}

static void move(struct world *w, struct node *n) {
    const struct told *t = pick(w, sim_chance(w, 0.6));
    if (!t) return;
    bool directive = kind_is_directive(t->id.kind);
    const struct move_row *row = move_at(sim_random(w, move_count()));
    if (row->machine != kind_row(t->id.kind)->machine) return;
    struct record d = { .kind = KIND_move, .subject = t->id };
    d.of.move = (struct move){ .move = row->number, .text = lz_bytes_str("说明"), .due_ms = 1682298000000ull };
    if (directive && t->id.origin == n->code) {
        if (t->n_targets) d.of.move.unit = t->targets[sim_random(w, t->n_targets)];
        else d.of.move.unit = w->nodes[sim_random(w, (uint64_t)w->n_nodes)].code;
    }
    if (row->needs & NEEDS_UNIT) return;               /* assigning is exercised by its own scenario */
    struct rec_id id;
    node_submit(w, n, &d, &id);
}

static void progress(struct world *w, struct node *n) {
    const struct told *t = pick(w, true);
    if (!t) return;
    struct record d = { .kind = KIND_progress, .subject = t->id };
    d.of.progress = (struct progress){ 20220401 + (uint32_t)sim_random(w, 20), (int64_t)sim_random(w, 100), 100, lz_bytes_str("进展") };
    struct rec_id id;
    node_submit(w, n, &d, &id);
}

static void other(struct world *w, struct node *n) {
    struct rec_id id;
    struct record d = { 0 };
    if (sim_chance(w, 0.5)) {
        d.kind = KIND_problem;
        d.of.problem.title = lz_bytes_str("毁林");
    } else if (sim_chance(w, 0.3)) {
        d.kind = KIND_emergency;
        d.of.emergency.title = lz_bytes_str("火情");
    } else {
        d.kind = KIND_chief;
        d.key = lz_bytes_str(sim_chance(w, 0.5) ? "a" : "b");
        d.of.chief.name = lz_bytes_str("张三");
    }
    node_submit(w, n, &d, &id);
}

void clerk_acts(struct world *w, struct node *n) {
    if (sim_chance(w, n->again.waits ? 0.5 : 0.03)) { ask_again(w, n); return; }
    uint64_t what = sim_random(w, 100);
    if (what < 12) issue(w, n);
    else if (what < 50) move(w, n);
    else if (what < 65) progress(w, n);
    else if (what < 78) other(w, n);
}
