/* clerks: what people submit, and what they were told. */
#include <stdio.h>
#include <stdlib.h>
#include <sodium.h>
#include "plan.h"

static void tell(struct world *w, const struct record *r) {
    if (w->n_told == w->max_told) {
        w->max_told = w->max_told ? 2 * w->max_told : 256;
        w->told = realloc(w->told, w->max_told * sizeof *w->told);
        LZ_ASSERT(w->told);
    }
    struct told *t = &w->told[w->n_told++];
    *t = (struct told){ .id = record_id(r), .len = r->envelope.len, .subject = r->subject, .n_targets = r->n_targets,
                        .target_all = r->target_all, .direction = r->direction, .reach = r->reach, .event = w->event };
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
    enum lz_err err = n->program->turn_may_submit(n->turn, LANE_ROUTINE, &fail);
    if (err == LZ_ok) err = n->program->flow_submit(n->program->turn_flow(n->turn), draft, lz_bytes_str("clerk"), asked, 0, id, &fail);
    uint8_t bytes[REC_ID_BYTES];
    rec_id_put(*id, bytes);
    if (err == LZ_ok) store_put(n->store, TABLE_ask, kept, lz_bytes_of(bytes, sizeof bytes));
    return err;
}

static enum lz_err submit(struct world *w, struct node *n, struct record *draft, const uint8_t request[16], struct rec_id *id) {
    if (!n->up) return LZ_unreachable;
    size_t ask = witness_asked(w, n, draft, request);
    *id = (struct rec_id){ 0 };
    node_begin(w, n);
    enum lz_err err = serve(n, draft, request, id);
    if (err != LZ_ok) {                                          /* he is told so, unless the daemon dies over something else of this turn */
        node_finish(w, n);
        witness_answered(w, ask, err, *id);
        return err;
    }
    struct record copy = *draft;                                 /* the arena is reset at the next turn */
    bool wrote = draft->envelope.len != 0;
    uint8_t *bytes = malloc(draft->envelope.len + 1);
    uint32_t *targets = malloc((draft->n_targets + 1) * sizeof *targets);            /* of a file they are in the arena too */
    LZ_ASSERT(bytes && targets);
    if (draft->n_targets) memcpy(targets, draft->targets, draft->n_targets * sizeof *targets);
    copy.targets = targets;
    if (wrote) memcpy(bytes, draft->envelope.data, draft->envelope.len);
    copy.envelope = lz_bytes_of(bytes, draft->envelope.len);
    err = node_finish(w, n) ? LZ_ok : n->up ? LZ_full : LZ_store_io;
    witness_answered(w, ask, err, *id);
    if (err == LZ_store_io && wrote) { tell(w, &copy); w->told[w->n_told - 1].unsure = true; }
    if (err == LZ_ok && wrote) { tell(w, &copy); world_note(w, "%u submitted kind %u", n->code, draft->kind); }
    free(bytes);
    free(targets);
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

void node_ask_again(struct world *w, struct node *n) {
    struct record draft = n->again.draft;
    uint32_t targets[CLERK_TARGETS];
    struct rec_id id;
    if (draft.kind == KIND_none || draft.n_targets > CLERK_TARGETS) return;
    memcpy(targets, n->again.targets, sizeof targets);
    draft.targets = targets;
    enum lz_err err = submit(w, n, &draft, n->again.request, &id);
    if (err != LZ_unreachable) n->again.waits = err == LZ_store_io;
}

/* ---- what they do, as planned ------------------------------------------------------------------------------------------ */

/* The die of one act: the same whatever else happens. */
static uint64_t roll(uint64_t *die, uint64_t below) {
    *die ^= *die >> 12;
    *die ^= *die << 25;
    *die ^= *die >> 27;
    return below ? (*die * 2685821657736338717ull >> 16) % below : 0;
}

static void issue(struct world *w, struct node *n, uint64_t die) {
    static const uint16_t kinds[] = { KIND_general_order, KIND_supervision_letter, KIND_work_reminder, KIND_task, KIND_bulletin };
    static const char *const numbers[] = { "林长〔2022〕1号", "林长〔2022〕2号", "林长〔2022〕3号", "林长〔2022〕4号", "林长〔2022〕5号", "林长〔2023〕5号" };
    uint32_t targets[CLERK_TARGETS];
    struct record d = { .kind = kinds[roll(&die, 5)], .targets = targets };
    struct rec_id id;
    if (roll(&die, 10) < 4) d.target_all = true;
    else
        for (int i = 0; i < 9 && d.n_targets < 3; i++) {
            uint32_t unit = w->nodes[roll(&die, (uint64_t)w->n_nodes)].code;
            if (unit != n->code && world_below(w, unit, n->code)) targets[d.n_targets++] = unit;
        }
    d.of.directive.title = lz_bytes_str("林长制工作");
    if (roll(&die, 10) < 3) {                              /* few numbers: some are in use already */
        d.of.directive.number = lz_bytes_str(numbers[roll(&die, LZ_COUNT(numbers))]);
        number_parse(d.of.directive.number, &d.of.directive.year, &d.of.directive.serial);
    }
    if (roll(&die, 4) == 0) d.of.directive.due_ms = node_now(w, n).wall_ms + 1000 + roll(&die, 3 * LZ_DAY_MS);
    if (program_knows(n->program, d.kind)) node_submit(w, n, &d, &id);
}

static const struct told *told_by_event(const struct world *w, size_t event) {
    for (size_t i = w->n_told; i > 0; i--)
        if (w->told[i - 1].event == event && !w->told[i - 1].unsure && w->told[i - 1].id.kind != KIND_move) return &w->told[i - 1];
    return NULL;
}

/* Somebody whom the subject concerns. */
static struct node *concerned(struct world *w, const struct told *t, uint64_t *die) {
    struct node *n = node_of(w, t->id.origin);
    if (kind_is_directive(t->id.kind)) {
        if (roll(die, 10) < 4) return n;
        return t->n_targets ? node_of(w, t->targets[roll(die, t->n_targets)]) : &w->nodes[roll(die, (uint64_t)w->n_nodes)];
    }
    while (n->up_index >= 0 && roll(die, 2)) n = &w->nodes[n->up_index];
    return n;
}

/* One of a few small files, in pieces of a size of their own; the same one comes up again, on the same subject and on others. */
enum { FILES = 6, FILE_PIECE = 64, FILE_BYTES_MAX = 200 };
static void attach(struct world *w, struct node *n, struct rec_id subject, uint64_t die) {
    static uint8_t files[FILES][FILE_BYTES_MAX];             /* what a command says outlives it: it may be given again */
    size_t which = roll(&die, FILES), len = 20 + which * 36;
    struct record d = { .kind = KIND_attachment, .subject = subject };
    struct attachment *a = &d.of.attachment;
    struct rec_id id;
    enum lz_err err = LZ_ok;
    for (size_t i = 0; i < len; i++) files[which][i] = (uint8_t)(which * 31 + i);
    *a = (struct attachment){ .total = len, .piece = FILE_PIECE };
    crypto_hash_sha256(a->hash, files[which], len);
    for (a->index = 0; a->index < attachment_pieces(len, FILE_PIECE) && n->up && (err == LZ_ok || err == LZ_already); a->index++) {
        d.subject = subject;
        d.targets = NULL;
        d.n_targets = 0;
        d.target_all = false;
        d.envelope = (struct lz_bytes){ 0 };
        a->name = lz_bytes_str(a->index ? "" : "现场.jpg");
        a->data = lz_bytes_of(files[which] + (size_t)a->index * FILE_PIECE, attachment_length(len, FILE_PIECE, a->index));
        err = node_submit(w, n, &d, &id);
    }
}

/* Somebody above asks for all that is attached to it, of a unit that may have it. */
static void wish(struct world *w, struct node *n, const struct told *t, uint64_t die) {
    uint32_t targets[1] = { t->n_targets && roll(&die, 2) ? t->targets[roll(&die, t->n_targets)] : t->id.origin };
    struct record d = { .kind = KIND_attachment_wish, .subject = t->id, .targets = targets, .n_targets = 1 };
    struct rec_id id;
    while (n->up_index >= 0 && roll(&die, 3)) n = &w->nodes[n->up_index];
    if (n->code != targets[0] && world_below(w, targets[0], n->code) && n->up) node_submit(w, n, &d, &id);
}

/* Tries a few of its moves, from a random one on, until one is legal now. */
static void act(struct world *w, const struct event *e) {
    uint64_t die = e->seed;
    const struct told *t = told_by_event(w, e->about);
    if (!t || !kind_row(t->id.kind)) return;
    struct node *n = roll(&die, 10) < 8 ? concerned(w, t, &die) : &w->nodes[e->node];
    struct rec_id subject = t->id, id;
    uint32_t unit = t->n_targets ? t->targets[roll(&die, t->n_targets)] : w->nodes[roll(&die, (uint64_t)w->n_nodes)].code;
    bool ruling = kind_is_directive(subject.kind) && subject.origin == n->code;
    size_t first = roll(&die, move_count());
    if (!program_knows(n->program, subject.kind)) return;
    if (e->seed % 16 == 5) { attach(w, n, subject, e->seed); return; }
    if (e->seed % 32 == 3) { wish(w, n, t, e->seed); return; }
    for (size_t i = 0, tries = 0; i < move_count() && tries < 5; i++) {
        const struct move_row *row = move_at((first + i) % move_count());
        if (row->machine != kind_row(subject.kind)->machine) continue;
        if (row->needs & NEEDS_UNIT && !(world_below(w, unit, n->code) && unit != n->code)) continue;
        struct record d = { .kind = KIND_move, .subject = subject };
        d.of.move = (struct move){ .move = row->number, .text = lz_bytes_str("说明"), .due_ms = node_now(w, n).wall_ms + LZ_DAY_MS + roll(&die, LZ_DAY_MS) };
        if (ruling) d.of.move.unit = unit;
        if (row->needs & NEEDS_UNIT) d.of.move.to_unit = unit;
        tries++;
        if (!n->up || node_submit(w, n, &d, &id) == LZ_ok) return;
    }
}

static void progress(struct world *w, const struct event *e) {
    uint64_t die = e->seed;
    const struct told *t = told_by_event(w, e->about);
    if (!t || !kind_is_directive(t->id.kind)) return;
    struct node *n = roll(&die, 10) < 8 ? concerned(w, t, &die) : &w->nodes[e->node];
    struct record d = { .kind = KIND_progress, .subject = t->id };
    d.of.progress = (struct progress){ 20220401 + (uint32_t)roll(&die, 20), (int64_t)roll(&die, 100), 100, lz_bytes_str("进展") };
    struct rec_id id;
    if (program_knows(n->program, t->id.kind)) node_submit(w, n, &d, &id);
}

static void problem(struct world *w, struct node *n, size_t bytes) {
    static char body[2000];
    memset(body, 'x', sizeof body);
    struct record d = { .kind = KIND_problem };
    struct rec_id id;
    d.of.problem.title = lz_bytes_str("毁林");
    d.of.problem.body = lz_bytes_of(body, bytes);
    node_submit(w, n, &d, &id);
}

static void emergency(struct world *w, struct node *n) {
    struct record d = { .kind = KIND_emergency };
    struct rec_id id;
    d.of.emergency.title = lz_bytes_str("火情");
    if (program_knows(n->program, d.kind)) node_submit(w, n, &d, &id);
}

/* A version of one of two offices, from a day of long ago: no clock jumps before it. Its values outlive the command, which may be given again. */
#define OFFICE(name, tier, quota) \
    { { 0, { (const uint8_t *)(name), sizeof(name) - 1 } }, { 410802, { NULL, 0 } }, { tier, { NULL, 0 } }, [4] = { quota, { NULL, 0 } }, \
      [FORM_FIELDS_MAX - 1] = { 0, { NULL, 0 } } }
static void office(struct world *w, struct node *n, uint64_t die) {
    static const struct form_value offices[][FORM_FIELDS_MAX] = { OFFICE("张三的林长办", 0, 1), OFFICE("李四的林长办", 1, 2),
                                                               OFFICE("王五的林长办", 2, 3) };
    struct record d = { .kind = kind_by_name("office")->number };
    struct rec_id id;
    d.of.form = (struct form){ .no = lz_bytes_str(roll(&die, 2) ? "a" : "b"), .valid_from = 20110101 + 10000 * (uint32_t)roll(&die, 2),
                               .given = 1 | 2 | 4 | 8 | 16, .state = (uint8_t)roll(&die, 3),
                               .of = (struct form_value *)(uintptr_t)offices[roll(&die, LZ_COUNT(offices))] };
    if (program_knows(n->program, d.kind)) node_submit(w, n, &d, &id);
}

static void duty(struct world *w, struct node *n, uint64_t die) {
    static const char *const names[] = { "张三", "李四", "王五", "赵六", "钱七", "孙八", "周九", "吴十" };
    if (roll(&die, 2)) { office(w, n, die); return; }
    struct record d = { .kind = KIND_duty, .key = lz_bytes_str(roll(&die, 2) ? "a" : "b") };
    struct rec_id id;
    d.of.duty.name = lz_bytes_str(names[roll(&die, LZ_COUNT(names))]);
    if (program_knows(n->program, d.kind)) node_submit(w, n, &d, &id);
}

void clerk_acts(struct world *w, const struct event *e) {
    struct node *n = &w->nodes[e->node];
    w->event = e->index;
    switch ((int)e->what) {
    case EVENT_issue: issue(w, n, e->seed); break;
    case EVENT_act: act(w, e); break;
    case EVENT_progress: progress(w, e); break;
    case EVENT_problem: problem(w, n, 10); break;
    case EVENT_emergency: emergency(w, n); break;
    case EVENT_duty: duty(w, n, e->seed); break;
    case EVENT_again: node_ask_again(w, n); break;
    case EVENT_burst: for (int64_t i = 0; i < e->amount && n->up; i++) problem(w, n, 2000); break;
    default: LZ_ASSERT(!"an act"); break;
    }
}
