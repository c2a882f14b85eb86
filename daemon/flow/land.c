/* land: a record takes effect here, once.
 *
 * The order is: is it news; which feeds; into the store; what it means. All of it in the turn's one transaction, so a crash
 * leaves either the whole effect with the cursor that says so, or nothing. */
#include "flow_room.h"

/* ---- routes ------------------------------------------------------------------------------------------------------------- */

static void add_involved(uint32_t *list, size_t *n, uint32_t unit) {
    size_t at = 0;
    while (at < *n && list[at] < unit) at++;
    if (unit == 0 || (at < *n && list[at] == unit) || *n == SUBJECT_MOVES_MAX) return;
    memmove(list + at + 1, list + at, (*n - at) * sizeof *list);
    list[at] = unit;
    (*n)++;
}

/* May a unit hand the problem to another: only to one of its own, as far as this node can see. */
static bool may_assign(struct flow *f, uint32_t by, uint32_t to) {
    if (by == f->o.unit) return to == by || roster_holding(f->o.roster, to);
    const struct child *child = roster_holding(f->o.roster, by);
    return !child || child_holds(child, to);
}

/* What the moves of a problem say about where it must be known. An assignment counts when the fold has it in effect: else an
 * illegal one would hand a problem to a sibling. */
static void problem_facts(struct flow *f, struct rec_id id, struct route_facts *facts) {
    struct record subject, *moves;
    uint8_t trace[SUBJECT_MOVES_MAX];
    struct standing s;
    size_t mark = arena_used(f->arena), n_involved = 0;
    const struct move_row *escalate = move_by_name(MACHINE_PROBLEM, "escalate"), *assign = move_by_name(MACHINE_PROBLEM, "assign");
    facts->parent_knows = id.origin == f->o.unit;
    add_involved(f->involved, &n_involved, id.origin);
    size_t n = flow_record(f, id, &subject) ? flow_moves(f, id, 0, &moves) : 0;
    if (n) flow_fold(&subject, moves, n, 0, &s, trace);
    for (size_t i = 0; i < n; i++) {
        const struct move *m = &moves[i].of.move;
        bool from_below = moves[i].origin == f->o.unit || roster_holding(f->o.roster, moves[i].origin);
        if (m->move == escalate->number) {
            facts->escalated = true;
            if (moves[i].origin == f->o.unit) facts->parent_knows = true;
        }
        if (m->move != assign->number || trace[i] != 1 || !may_assign(f, moves[i].origin, m->to_unit)) continue;
        add_involved(f->involved, &n_involved, m->to_unit);
        if (!from_below) facts->parent_knows = true;
    }
    arena_rewind(f->arena, mark);                        /* the decoded moves: nothing above enters the cache */
    facts->involved = f->involved;
    facts->n_involved = n_involved;
    facts->subject_lane = facts->escalated ? LANE_URGENT : LANE_ROUTINE;
}

/* It found the problem, or somebody else has handed it to it: what is handed on sideways is known here, since it went through here. */
bool flow_takes_part(struct flow *f, const struct record *r, const struct child *child) {
    if (r->kind != KIND_move || r->subject.kind != KIND_problem || child_holds(child, r->subject.origin)) return true;
    const struct move_row *assign = move_by_name(MACHINE_PROBLEM, "assign");
    size_t mark = arena_used(f->arena);
    struct record subject, *moves;
    bool part = !flow_record(f, r->subject, &subject);
    size_t n = part ? 0 : flow_moves(f, r->subject, 0, &moves);
    for (size_t i = 0; i < n && !part; i++)
        part = moves[i].of.move.move == assign->number && child_holds(child, moves[i].of.move.to_unit) && !child_holds(child, moves[i].origin);
    arena_rewind(f->arena, mark);
    return part;
}

static bool is_problem(const struct record *r) { return (r->kind == KIND_move ? r->subject.kind : r->kind) == KIND_problem; }

/* problem: what problem_facts found for its subject, when the caller has it; NULL: it is looked up. */
static void facts_of(struct flow *f, const struct record *r, const struct route_facts *problem, struct route_facts *facts) {
    *facts = problem ? *problem : (struct route_facts){ .subject_here = true, .subject_lane = r->lane };
    if (r->kind == KIND_move) {
        struct cached_subject *s = subject_of(f, r->subject);
        facts->subject_here = s && s->here;
        if (s && !problem) { facts->subject_lane = s->lane; facts->subject_all = s->target_all; }
    }
    if (is_problem(r) && !problem) problem_facts(f, r->kind == KIND_move ? r->subject : record_id(r), facts);
    facts->unit = f->o.unit;
    facts->exporting = f->o.exporting;
    facts->has_parent = f->o.parent != 0;
    /* whom it climbs to: of a piece of a file, and of what only a newer version knows, the head says it */
    bool told = r->direction == DIRECTION_UP && r->n_targets == 1 && (r->kind == KIND_attachment || !kind_row(r->kind));
    facts->issuer = told ? r->targets[0] : r->subject.origin;
    facts->from_parent = r->origin != f->o.unit && !roster_holding(f->o.roster, r->origin);
    facts->wished = f->o.parent && flow_wished(f, r->kind);
}

void route_of(struct flow *f, const struct record *r, struct route *route) {
    struct route_facts facts;
    facts_of(f, r, NULL, &facts);
    route_record(r, &facts, f->o.roster, route);
}

static void enter_missing(struct flow *f, const struct record *r) {
    struct route_facts facts;
    facts_of(f, r, NULL, &facts);
    route_record(r, &facts, f->o.roster, &f->route);
    for (size_t i = 0; i < f->route.n_feeds; i++) store_record_enter(f->o.store, key_of(r), f->route.feeds[i]);
}

/* One record of a subject; its decoded form is given back before its bytes are copied for the feed. */
static void reroute_one(struct flow *f, struct rec_id subject, struct rec_id id, const struct route_facts *problem) {
    struct record r;
    struct route_facts facts;
    size_t mark = arena_used(f->arena);
    /* an index that lies must not lead to another subject's move: this one is in the cache already, and nothing new may enter it here */
    bool held = flow_record(f, id, &r) && (rec_id_equal(id, subject) || rec_id_equal(r.subject, subject));
    if (held) {
        facts_of(f, &r, problem, &facts);
        route_record(&r, &facts, f->o.roster, &f->route);
    }
    arena_rewind(f->arena, mark);
    for (size_t i = 0; held && i < f->route.n_feeds; i++) store_record_enter(f->o.store, key_id(id), f->route.feeds[i]);
}

/* All records of a subject again: its standing changed, or it has only now arrived and moves were waiting. */
static void reroute_subject(struct flow *f, struct rec_id subject) {
    struct cached_subject *s = subject_of(f, subject);
    struct route_facts problem = { 0 };
    bool is = subject.kind == KIND_problem;
    if (!s || !s->here) return;
    if (f->o.parent) flow_wished(f, subject.kind);
    if (is) { problem.subject_here = true; problem_facts(f, subject, &problem); }
    reroute_one(f, subject, subject, is ? &problem : NULL);
    struct key prefix = key_id(subject), key = prefix;
    struct lz_bytes v;
    for (; store_seek(f->o.store, TABLE_subject, &key, &v) && key_begins(&key, &prefix, prefix.len); key = key_after(key)) {
        const uint8_t *p = key.b + prefix.len + 4;
        reroute_one(f, subject, (struct rec_id){ lz_get32(p), KIND_move, lz_get64(p + 4), lz_get32(p + 12) }, is ? &problem : NULL);
    }
}

/* Once a turn for each subject that was touched, however many moves came. */
void reroutes_run(struct flow *f) {
    for (size_t i = 0; i < f->n_used; i++) {
        struct cached_subject *s = f->slots[i].value;
        if (f->slots[i].type != CACHE_SUBJECT || !s->reroute) continue;
        s->reroute = false;
        reroute_subject(f, s->id);
    }
}

static void reroute_later(struct flow *f, struct rec_id subject) {
    struct cached_subject *s = subject_of(f, subject);
    if (s) s->reroute = true;
}

void flow_reroute(struct flow *f, struct key key, struct lz_bytes value) {
    struct stored stored;
    struct record r;
    size_t mark = arena_used(f->arena);
    if (!store_record_parse(value, &stored)) return;
    const uint8_t *copy = arena_copy(f->arena, stored.envelope.data, stored.envelope.len);
    if (!copy) { store_give_up(f->o.store); return; }
    enum lz_err err = record_decode(f->arena, lz_bytes_of(copy, stored.envelope.len), &r, NULL);
    if (err != LZ_ok && err != LZ_unknown_kind) return;
    if (r.kind != KIND_attachment) { enter_missing(f, &r); return; }
    route_of(f, &r, &f->route);                          /* large, and its way has asked nothing of the cache: hundreds fit in a slice */
    arena_rewind(f->arena, mark);
    for (size_t i = 0; i < f->route.n_feeds; i++) store_record_enter(f->o.store, key, f->route.feeds[i]);
}

/* ---- what each kind means --------------------------------------------------------------------------------------------------- */

static void deliver(struct flow *f, struct rec_id subject) {
    struct cached_standing *c = standing_of(f, subject, f->o.unit);
    if (!c || c->now.state != HANDLING_issued) return;
    struct record draft = { .kind = KIND_move, .subject = subject };
    draft.of.move = (struct move){ .move = move_by_name(MACHINE_HANDLING, "deliver")->number, .unit = f->o.unit };
    struct rec_id id;
    enum lz_err err = submit_checked(f, &draft, flow_daemon_author, (struct lz_bytes){ 0 }, 0, &id, NULL);
    if (err != LZ_ok) lz_log(LZ_WARN, "directive.not_delivered reason=%s", lz_err_name(err));
}

static void touch_waiting(struct flow *f, struct rec_id subject) {
    struct key prefix = key_id(subject), key = prefix;
    struct lz_bytes v;
    uint32_t last = UINT32_MAX;
    for (; store_seek(f->o.store, TABLE_subject, &key, &v) && key_begins(&key, &prefix, prefix.len); key = key_after(key)) {
        uint32_t unit = lz_get32(key.b + prefix.len);
        cache_spill(f);                                  /* however many wait: our callers hold nothing of the cache */
        if (unit != last) standing_touch(f, subject, unit);
        last = unit;
    }
    if (last != UINT32_MAX) reroute_later(f, subject);
    key = prefix;                                        /* and who has only reported progress */
    for (; store_seek(f->o.store, TABLE_standing, &key, &v) && key_begins(&key, &prefix, prefix.len); key = key_after(key)) {
        cache_spill(f);
        standing_touch(f, subject, lz_get32(key.b + prefix.len));
    }
}

/* Two may have one number: the second was issued while the first was missing from a store that went back. A person has to change one. */
static void take_number(struct flow *f, const struct record *r) {
    const struct directive *d = &r->of.directive;
    struct key key = key_number(r->origin, d->year, r->kind, d->serial);
    struct rec_id id = record_id(r), by;
    struct lz_bytes v;
    uint8_t bytes[REC_ID_BYTES];
    if (d->serial == 0) return;
    if (store_get(f->o.store, TABLE_number, key, &v) && v.len == REC_ID_BYTES && !rec_id_equal(by = rec_id_get(v.data), id)) {
        char one[REC_ID_TEXT], two[REC_ID_TEXT];
        rec_id_print_short(by, one);
        rec_id_print_short(id, two);
        lz_log(LZ_WARN, "number.used_twice kind=%u year=%u serial=%u one=%s two=%s", (unsigned)r->kind, (unsigned)d->year, (unsigned)d->serial, one, two);
    }
    rec_id_put(id, bytes);
    store_put(f->o.store, TABLE_number, key, lz_bytes_of(bytes, sizeof bytes));
}

static void on_directive(struct flow *f, const struct record *r) {
    struct rec_id id = record_id(r);
    struct cached_subject *s = subject_of(f, id);          /* it may have been looked for before it came */
    if (s && !s->here) return;
    if (r->origin == f->o.unit) {
        take_number(f, r);
        /* the issuer watches over every recipient, those too that have never answered */
        const uint32_t *units;
        size_t n = flow_recipients(f, r, &units);
        for (size_t i = 0; i < n; i++) standing_touch(f, id, units[i]);
    }
    touch_waiting(f, id);
    if (r->origin != f->o.unit && record_targets_unit(r, f->o.unit) && !roster_holding(f->o.roster, r->origin)) {
        standing_touch(f, id, f->o.unit);
        deliver(f, id);
    }
}

static void on_move(struct flow *f, const struct record *r) {
    const struct kind_row *row = kind_row(r->subject.kind);
    if (!row || row->machine == MACHINE_NONE) return;
    uint32_t unit = row->machine == MACHINE_HANDLING ? r->of.move.unit : 0;
    standing_touch(f, r->subject, unit);
    if (row->machine == MACHINE_PROBLEM) reroute_later(f, r->subject);
}

/* On a kind that only a newer version knows, too: it is counted by the time that version finds the task among what is carried. */
bool progress_counts(const struct record *r) { return kind_is_directive(r->subject.kind) || !kind_row(r->subject.kind); }

static void on_progress(struct flow *f, const struct record *r) {
    if (!progress_counts(r)) return;
    struct cached_standing *c = standing_of(f, r->subject, r->origin);
    if (!c) return;
    standing_take_progress(&c->now, r);
    c->dirty = c->judge = true;
    if (!c->there) c->refold = true;                     /* its task may come later in this turn */
}

static void take_effect(struct flow *f, const struct record *r) {
    if (kind_form(r->kind) && r->origin == f->o.unit) entry_settle(f, r->kind, r->of.form.no);
    switch ((enum kind)r->kind) {
    case KIND_general_order: case KIND_supervision_letter: case KIND_work_reminder: case KIND_task: case KIND_bulletin: on_directive(f, r); break;
    case KIND_move: on_move(f, r); break;
    case KIND_progress: on_progress(f, r); break;
    case KIND_problem: case KIND_emergency:
        standing_touch(f, record_id(r), 0);
        touch_waiting(f, record_id(r));
        break;
    case KIND_ruling: form_on_ruling(f, r); break;
    case KIND_rollup: rollup_on_child(f, r); break;
    case KIND_attachment: case KIND_attachment_wish: attachments_look(f); break;
    case KIND_duty: case KIND_none: case KIND_MAX: break;
    }
}

/* ---- landing ------------------------------------------------------------------------------------------------------------- */

/* A register's newest stamp is the truth; the epoch breaks a tie of two lives of one store. */
static enum lz_err judge_register(struct flow *f, const struct record *r, struct key key, bool *replace) {
    struct stored stored;
    struct record old;
    *replace = false;
    if (!store_record_get(f->o.store, key, &stored)) return LZ_ok;
    if (lz_bytes_equal(stored.envelope, r->envelope)) return LZ_already;
    *replace = true;
    enum lz_err err = record_decode(f->arena, stored.envelope, &old, NULL);
    if (err != LZ_ok && err != LZ_unknown_kind) return LZ_ok;      /* rot: whatever comes is better */
    if (r->stamp != old.stamp) return r->stamp > old.stamp ? LZ_ok : LZ_already;
    if (r->epoch == old.epoch) return LZ_conflict;
    return r->epoch > old.epoch ? LZ_ok : LZ_already;
}

static void note_landed(struct flow *f, const struct record *r) {
    if (!f->landed) f->landed = arena_alloc_raw(f->arena, LANDED_MAX * sizeof *f->landed);
    if (f->landed && f->n_landed < LANDED_MAX) f->landed[f->n_landed++] = record_id(r);
}

/* Own records that a neighbour gives back bring with them what was derived from them: the answers to their requests. */
static void remember_own(struct flow *f, const struct record *r) {
    store_raise_stamp(f->o.store, r->stamp);
    if (r->request.len != 16) return;
    uint8_t id[REC_ID_BYTES];
    rec_id_put(record_id(r), id);
    store_put(f->o.store, TABLE_ask, key_ask(r->request, (uint16_t)r->request_index), lz_bytes_of(id, sizeof id));
}

/* On a subject of a kind that only a newer version knows: as the move itself says, so that it stands right when that version runs here. */
uint32_t move_stands_for(const struct record *r) {
    return kind_row(r->subject.kind) && !kind_is_directive(r->subject.kind) ? 0 : r->of.move.unit;
}

static void index_move(struct flow *f, const struct record *r) {
    if (r->kind != KIND_move) return;
    store_put(f->o.store, TABLE_subject, key_move(r->subject, move_stands_for(r), r->origin, r->stamp, r->epoch), (struct lz_bytes){ 0 });
}

static void index_form(struct flow *f, const struct record *r) {
    struct key refer;
    if (!kind_form(r->kind)) return;
    store_put(f->o.store, TABLE_version, key_of_version(r), (struct lz_bytes){ 0 });
    if (key_of_refer(r, &refer)) store_put(f->o.store, TABLE_refer, refer, (struct lz_bytes){ 0 });
}

static enum lz_err put(struct flow *f, struct record *r, bool carry) {
    struct key key = key_of(r);
    bool replace = false;
    enum lz_err err = LZ_ok;
    if (r->key.len) err = judge_register(f, r, key, &replace);
    if (err != LZ_ok) return err;
    struct route *route = &f->route;
    route->n_feeds = 0;
    bool later = r->kind == KIND_move && r->subject.kind == KIND_problem;    /* its own arrival may change its routes */
    if (!later) route_of(f, r, route);
    err = store_record_put(f->o.store, key, r->envelope, route->feeds, route->n_feeds, replace);
    if (err == LZ_ok && !carry) { index_move(f, r); index_form(f, r); attachment_index(f, r); }
    return err;
}

enum lz_err flow_land(struct flow *f, struct record *r, enum land land) {
    LZ_ASSERT(r->envelope.len > 0 && kind_row(r->kind));
    enum lz_err err = put(f, r, false);
    if (err != LZ_ok) return err;
    if (land == LAND_RECLAIM && r->origin == f->o.unit) remember_own(f, r);
    take_effect(f, r);
    note_landed(f, r);
    return store_failed(f->o.store);
}

enum lz_err flow_carry(struct flow *f, struct record *r) {
    LZ_ASSERT(r->envelope.len > 0 && !kind_row(r->kind));
    enum lz_err err = put(f, r, true);
    if (err == LZ_ok && r->origin == f->o.unit) remember_own(f, r);      /* of a newer program that ran here before */
    return err;
}

enum lz_err flow_adopt(struct flow *f, struct record *r) {
    LZ_ASSERT(r->envelope.len > 0 && kind_row(r->kind));
    struct stored stands;
    enum lz_err err = put(f, r, false);
    if (err == LZ_already && r->key.len && store_record_get(f->o.store, key_of(r), &stands) && !lz_bytes_equal(stands.envelope, r->envelope))
        return LZ_ok;                                    /* a newer register stands */
    if (err == LZ_already) {                             /* carried: it is held, but meant nothing here yet */
        index_move(f, r);
        index_form(f, r);
        attachment_index(f, r);
        enter_missing(f, r);
        err = LZ_ok;
    }
    if (err != LZ_ok) return err;
    take_effect(f, r);
    note_landed(f, r);
    return store_failed(f->o.store);
}

enum lz_err flow_heal(struct flow *f, struct record *r) {
    bool known = kind_row(r->kind) != NULL;
    enum lz_err err = put(f, r, !known);
    if (err == LZ_already) enter_missing(f, r);          /* a move of a problem knows its ways only when it is here */
    if (err != LZ_ok || !known) return err;
    if (r->origin == f->o.unit) remember_own(f, r);
    take_effect(f, r);
    return store_failed(f->o.store);
}
