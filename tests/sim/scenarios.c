/* scenarios: one story for each way in which replication was found to break, told in the simulator.
 *
 * The design was tried as an executable model before it was built; each rule of it stands against one story below (the rule's
 * name is the scenario's). A story here is exact: no dice but the seed's jitter. What a clerk was told and what the stores
 * hold in the end is judged by check.c; what only this story knows is judged by `expect`. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "world.h"
#include "history.h"

enum { P = 410000, C1 = 410800, K11 = 410802, K12 = 410803, T = 410851, C2 = 410900, K21 = 410902 };
enum { SECOND = 1000, MINUTE = 60 * SECOND, BIG_BYTES = 32000, HELLO_ANSWERS_MAX = 45 };
static const struct rec_id no_id = { 0 };

/* ---- telling ------------------------------------------------------------------------------------------------------------ */

static void expect(struct world *w, bool holds, const char *format, ...) LZ_PRINTF(3, 4);
static void expect(struct world *w, bool holds, const char *format, ...) {
    if (holds) return;
    char text[300];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    world_fail(w, "%s", text);
}

/* A story that has gone wrong is not told to its end. */
static void run_for(struct world *w, uint64_t ms) { if (!w->failed) world_run(w, w->now_ms + ms); }

/* Two cities; the first has two counties, one of them with a township. */
static void whole_tree(struct world *w) {
    world_add(w, P, 0, TIER_PROVINCE, true);
    world_add(w, C1, P, TIER_CITY, true);
    world_add(w, K11, C1, TIER_COUNTY, true);
    world_add(w, K12, C1, TIER_COUNTY, true);
    world_add(w, T, K11, TIER_TOWNSHIP, true);
    world_add(w, C2, P, TIER_CITY, true);
    world_add(w, K21, C2, TIER_COUNTY, true);
    world_start(w);
    run_for(w, 5 * SECOND);
}

/* A province, a city and one county: where nobody else could help. */
static void one_line(struct world *w) {
    world_add(w, P, 0, TIER_PROVINCE, true);
    world_add(w, C1, P, TIER_CITY, true);
    world_add(w, K12, C1, TIER_COUNTY, true);
    world_start(w);
    run_for(w, 5 * SECOND);
}

static void heal_and_check(struct world *w) {
    if (w->failed) return;
    w->eats = NULL;
    w->odds.lose = 0;
    world_heal(w);
    run_for(w, MINUTE);
    if (!w->failed) world_check(w);
}

/* ---- what clerks do ------------------------------------------------------------------------------------------------------- */

static struct rec_id submit(struct world *w, uint32_t unit, struct record *draft) {
    struct rec_id id = no_id;
    enum lz_err err = node_submit(w, node_of(w, unit), draft, &id);
    expect(w, err == LZ_ok, "%u could not submit kind %u: %s", unit, draft->kind, lz_err_name(err));
    return id;
}

/* to 0: everybody below */
static struct rec_id issue(struct world *w, uint32_t from, uint32_t to, uint16_t kind, uint64_t due_ms) {
    uint32_t targets[1] = { to };
    struct record d = { .kind = kind, .targets = targets, .n_targets = to ? 1 : 0, .target_all = to == 0 };
    d.of.directive.title = lz_bytes_str("林长制工作");
    d.of.directive.due_ms = due_ms;
    return submit(w, from, &d);
}
static struct rec_id order(struct world *w, uint32_t from, uint32_t to) { return issue(w, from, to, KIND_general_order, 0); }

static struct rec_id problem(struct world *w, uint32_t unit) {
    struct record d = { .kind = KIND_problem };
    d.of.problem.title = lz_bytes_str("毁林");
    return submit(w, unit, &d);
}

static struct rec_id big_problem(struct world *w, uint32_t unit) {
    static char body[BIG_BYTES];
    memset(body, 'x', sizeof body);
    struct record d = { .kind = KIND_problem };
    d.of.problem.title = lz_bytes_str("毁林");
    d.of.problem.body = lz_bytes_of(body, sizeof body);
    return submit(w, unit, &d);
}

static struct rec_id fire(struct world *w, uint32_t unit) {
    struct record d = { .kind = KIND_emergency };
    d.of.emergency.title = lz_bytes_str("火情");
    return submit(w, unit, &d);
}

static struct rec_id duty(struct world *w, uint32_t unit, const char *name) {
    struct record d = { .kind = KIND_duty, .key = lz_bytes_str("1") };
    d.of.duty.name = lz_bytes_str(name);
    return submit(w, unit, &d);
}

static struct rec_id act(struct world *w, uint32_t unit, struct rec_id subject, const char *name, uint32_t to_unit) {
    const struct kind_row *kind = kind_row(subject.kind);
    if (!kind) return no_id;                                  /* the story has failed already */
    struct record d = { .kind = KIND_move, .subject = subject };
    d.of.move = (struct move){ .move = move_by_name(kind->machine, name)->number, .text = lz_bytes_str("说明"), .to_unit = to_unit };
    return submit(w, unit, &d);
}

static struct rec_id progress(struct world *w, uint32_t unit, struct rec_id task, int64_t done, size_t text_bytes) {
    static char text[BIG_BYTES];
    memset(text, 'x', sizeof text);
    struct record d = { .kind = KIND_progress, .subject = task };
    d.of.progress = (struct progress){ 20220420, done, 100, lz_bytes_of(text, text_bytes) };
    return submit(w, unit, &d);
}

/* ---- looking ---------------------------------------------------------------------------------------------------------------- */

static const struct told *told_of(const struct world *w, struct rec_id id) {
    for (size_t i = 0; i < w->n_told; i++)
        if (rec_id_equal(w->told[i].id, id)) return &w->told[i];
    return NULL;
}

static bool holds(struct world *w, uint32_t unit, struct rec_id id) {
    const struct told *t = told_of(w, id);
    return t && world_holds(w, node_of(w, unit), t);
}

/* The flow of a node between its turns, at its own clock. Nothing of it is committed. */
static struct flow *look(struct world *w, uint32_t unit) {
    struct node *n = node_of(w, unit);
    arena_reset(w->arena);
    if (!n->up) return NULL;
    flow_begin(turn_flow(n->turn), node_now(w, n), w->arena);
    return turn_flow(n->turn);
}
static void look_away(struct world *w, uint32_t unit) { store_abort(node_of(w, unit)->store); }

static struct standing standing_at(struct world *w, uint32_t unit, struct rec_id subject, uint32_t of) {
    struct standing s = { .state = 99 };
    struct flow *f = look(w, unit);
    if (f && !flow_standing(f, subject, of, &s)) s.state = 99;
    if (f) look_away(w, unit);
    return s;
}

struct counted { size_t n, days; uint64_t first_ms; };

/* Moves of one name and origin that a node holds, on how many different days, and the first one's time. */
static struct counted moves_at(struct world *w, uint32_t unit, struct rec_id subject, uint32_t of, const char *name, uint32_t origin) {
    struct counted c = { .first_ms = UINT64_MAX };
    struct record *moves;
    uint32_t days[64];
    struct flow *f = look(w, unit);
    size_t n = f ? flow_moves(f, subject, of, &moves) : 0;
    const struct move_row *row = move_by_name(kind_row(subject.kind)->machine, name);
    for (size_t i = 0; i < n; i++) {
        if (moves[i].of.move.move != row->number || moves[i].origin != origin) continue;
        uint32_t day = lz_date_of(moves[i].written_ms);
        bool known = false;
        for (size_t k = 0; k < c.days; k++) known |= days[k] == day;
        if (!known && c.days < LZ_COUNT(days)) days[c.days++] = day;
        if (moves[i].written_ms < c.first_ms) c.first_ms = moves[i].written_ms;
        c.n++;
    }
    if (f) look_away(w, unit);
    return c;
}

static int64_t sum_at(struct world *w, uint32_t unit, uint16_t kind, uint32_t of, enum counter counter) {
    struct counters sum = { { 0 } };
    struct flow *f = look(w, unit);
    if (f) { flow_rollup(f, kind, no_id, of, &sum); look_away(w, unit); }
    return sum.of[counter];
}

static bool link_at(struct world *w, uint32_t unit, uint32_t peer, struct link_view *v) {
    struct node *n = node_of(w, unit);
    bool found = false;
    for (size_t i = 0; n->up && i < turn_links(n->turn) && !found; i++) {
        turn_link_view(n->turn, i, v);
        found = v->code == peer;
    }
    if (n->up) store_abort(n->store);
    return found;
}

static enum link_state state_at(struct world *w, uint32_t unit, uint32_t peer) {
    struct link_view v;
    return link_at(w, unit, peer, &v) ? v.state : LINK_COUNT;
}

/* What a node has put aside of a peer for a reason; the envelope kept of the last one goes to kept (w->arena). */
static size_t refused_at(struct world *w, uint32_t unit, uint32_t peer, const char *reason, struct lz_bytes *kept) {
    struct node *n = node_of(w, unit);
    struct key prefix = key_u32(peer), key = prefix;
    struct lz_bytes v;
    size_t count = 0, len = strlen(reason);
    for (; store_seek(n->store, TABLE_refused, &key, &v) && key_begins(&key, &prefix, 4); key = key_after(key)) {
        if (v.len < 10 + len || lz_get16(v.data + 8) != len || memcmp(v.data + 10, reason, len) != 0) continue;
        count++;
        if (kept) *kept = lz_bytes_of(arena_copy(w->arena, v.data + 10 + len, v.len - 10 - len), v.len - 10 - len);
    }
    store_abort(n->store);
    return count;
}

static const struct turn_counters *counters_at(struct world *w, uint32_t unit) { return turn_counters(node_of(w, unit)->turn); }

static bool is_batch_of(struct world *w, struct lz_bytes bytes, struct feed_id feed) {
    enum packet_type type;
    struct lz_bytes body;
    struct batch b;
    if (packet_open(bytes, &type, &body, NULL) != LZ_ok || type != PACKET_BATCH) return false;
    arena_reset(w->arena);
    return batch_decode(w->arena, body, &b) == LZ_ok && feed_id_equal(b.feed, feed);
}

static bool is_type(struct lz_bytes bytes, enum packet_type wanted) {
    enum packet_type type;
    struct lz_bytes body;
    return packet_open(bytes, &type, &body, NULL) == LZ_ok && type == wanted;
}

/* ---- what a broken or hostile daemon does ---------------------------------------------------------------------------------------- */

/* A record put straight into a store and offered by it. as_kind: the kind that it then claims, 0: its own; over: in the place
 * of another one. */
static struct rec_id plant(struct world *w, uint32_t at, struct record *r, uint8_t as_kind, struct feed_id feed, bool over) {
    w->planted = true;
    struct node *n = node_of(w, at);
    const struct kind_row *row = kind_row(r->kind);
    node_begin(w, n);
    r->direction = (uint8_t)row->direction;
    r->reach = (uint8_t)row->reach;
    r->lane = (uint8_t)row->lane;
    r->written_ms = node_now(w, n).wall_ms;
    if (!r->stamp) r->stamp = r->written_ms << 16 | 7;
    r->author = lz_bytes_str("forger");
    enum lz_err err = record_encode(turn_arena(n->turn), r, NULL);
    expect(w, err == LZ_ok, "cannot encode: %s", lz_err_name(err));
    uint8_t *bytes = (uint8_t *)(uintptr_t)r->bytes.data;
    if (as_kind) {                                           /* origin: 1 + 4 bytes; then the kind: its tag, one byte */
        LZ_ASSERT(bytes[5] == 0x10 && bytes[6] == r->kind && as_kind < 128);
        bytes[6] = as_kind;
        r->kind = as_kind;
    }
    err = store_record_put(n->store, key_of(r), r->envelope, &feed, 1, over);
    expect(w, err == LZ_ok, "cannot plant: %s", lz_err_name(err));
    struct rec_id id = record_id(r);
    node_finish(w, n);
    return id;
}

static bool has_id(struct world *w, uint32_t unit, struct rec_id id) {
    struct stored stored;
    struct node *n = node_of(w, unit);
    bool has = store_record_get(n->store, key_id(id), &stored);
    store_abort(n->store);
    return has;
}

/* ---- late children, wishes --------------------------------------------------------------------------------------------------------- */

/* An order that names a county which is not enrolled yet enters no feed; its enrolment must put it there. */
static void enrol(struct world *w) {
    world_add(w, P, 0, TIER_PROVINCE, true);
    world_add(w, C1, P, TIER_CITY, true);
    world_add(w, K12, C1, TIER_COUNTY, false);
    world_start(w);
    run_for(w, 5 * SECOND);
    struct rec_id id = order(w, P, K12);
    run_for(w, 5 * SECOND);
    expect(w, holds(w, C1, id) && !holds(w, K12, id), "the order waits at the city");
    node_enrol(w, node_of(w, K12));
    run_for(w, 5 * SECOND);
    expect(w, holds(w, K12, id), "the order has not come to the late county");
    heal_and_check(w);
}

/* A county works for a while before anybody above knows it: everything flows, both ways, once it is enrolled. */
static bool batches_to_the_late_one(struct world *w, const struct node *from, const struct node *to, struct lz_bytes bytes) {
    (void)w;
    return from->code == C1 && to->code == K12 && bytes.data[4] == PACKET_BATCH;
}

static void late_child(struct world *w) {
    world_add(w, P, 0, TIER_PROVINCE, true);
    world_add(w, C1, P, TIER_CITY, true);
    world_add(w, K11, C1, TIER_COUNTY, true);
    world_add(w, K12, C1, TIER_COUNTY, false);
    world_start(w);
    run_for(w, 5 * SECOND);
    turn_override_reclaim(node_of(w, K12)->turn);            /* a new store waits for its neighbours; it has none */
    struct rec_id all = order(w, P, 0), burning = fire(w, K12), found = problem(w, K12);
    duty(w, K12, "张三");
    duty(w, K12, "李四");
    run_for(w, 20 * SECOND);
    w->eats = batches_to_the_late_one;
    node_enrol(w, node_of(w, K12));
    run_for(w, 10 * SECOND);
    expect(w, !holds(w, K12, all) && state_at(w, C1, K12) != LINK_live, "the city says `live` of one that has nothing yet");
    w->eats = NULL;
    run_for(w, 10 * SECOND);
    expect(w, holds(w, K12, all), "the order to all has not come down");
    expect(w, holds(w, P, burning) && holds(w, C1, found), "what the county wrote has not gone up");
    heal_and_check(w);
}

/* The province wants progress in full from now on: what is held below is filled in, through the city's own wish. */
static void wish(struct world *w) {
    whole_tree(w);
    struct rec_id task = issue(w, K11, T, KIND_task, 0);
    run_for(w, 3 * SECOND);
    act(w, T, task, "sign", 0);
    struct rec_id before = progress(w, T, task, 10, 10);
    run_for(w, 5 * SECOND);
    expect(w, holds(w, K11, before) && !holds(w, C1, before), "progress goes to its issuer");
    w->subscribe = KIND_progress;
    node_down(w, node_of(w, P), 200);                        /* configured anew */
    run_for(w, 20 * SECOND);
    struct rec_id after = progress(w, T, task, 20, 10);
    run_for(w, 5 * SECOND);
    expect(w, holds(w, P, before), "what was held before the wish has not come");
    expect(w, holds(w, P, after), "what came after the wish has not come");
    heal_and_check(w);
}

/* ---- stores that went back ------------------------------------------------------------------------------------------------------------ */

struct first_batch { struct feed_id feed; bool passed; };
static bool all_but_first_batch(struct world *w, const struct node *from, const struct node *to, struct lz_bytes bytes) {
    struct first_batch *s = w->story;
    if (from->code != K21 || to->code != C2) return false;
    if (s->passed) return true;
    s->passed = is_batch_of(w, bytes, s->feed);
    return false;
}

/* A register stands at a position; it is written again beyond the copy; the city reads the range with the hole. After the
 * restore the old one stands there again: the city's position looks good, only what it has *seen* shows that it is not. */
static void seen(struct world *w) {
    world_add(w, P, 0, TIER_PROVINCE, true);
    world_add(w, C2, P, TIER_CITY, true);
    world_add(w, K21, C2, TIER_COUNTY, true);
    world_start(w);
    run_for(w, 5 * SECOND);
    node_down(w, node_of(w, C2), 6 * SECOND);
    struct rec_id first = duty(w, K21, "张三");
    for (int i = 0; i < 5; i++) big_problem(w, K21);         /* a batch takes five of these and not six */
    run_for(w, 3 * SECOND);
    node_copy(w, node_of(w, K21));
    big_problem(w, K21);
    struct rec_id second = duty(w, K21, "李四");
    struct first_batch story = { { SCOPE_UP, LANE_ROUTINE }, false };
    w->story = &story;
    w->eats = all_but_first_batch;
    run_for(w, 6 * SECOND);
    expect(w, story.passed && !holds(w, C2, first) && !holds(w, C2, second), "the city has read past the hole");
    w->eats = NULL;
    node_restore(w, node_of(w, K21));
    run_for(w, 15 * SECOND);
    expect(w, holds(w, K21, first) && holds(w, C2, first), "the duty that stands again has not come to the city");
    heal_and_check(w);
}

/* A fire of the county is known at the province; then county and city both lose their stores, so neither has a cursor that
 * could show it. dark_ms: for how long the city then does not reach the province. */
static struct rec_id two_lost(struct world *w, uint64_t dark_ms) {
    one_line(w);
    struct rec_id id = fire(w, K12);
    run_for(w, 5 * SECOND);
    expect(w, holds(w, P, id), "the fire has come to the province");
    node_destroy(w, node_of(w, C1));
    node_destroy(w, node_of(w, K12));
    if (dark_ms) world_dark(w, node_of(w, C1), dark_ms);
    return id;
}

/* A clerk who writes at once: the new record's stamp is above all that was lost, so no stamp can show the loss either. */
static enum lz_err write_at_once(struct world *w, uint32_t unit) {
    struct record d = { .kind = KIND_problem };
    struct rec_id id;
    d.of.problem.title = lz_bytes_str("毁林");
    return node_submit(w, node_of(w, unit), &d, &id);
}

/* A new store asks for its own at once, and has its clerks wait: nobody could tell it. */
static void newrec(struct world *w) {
    struct rec_id id = two_lost(w, 0);
    enum lz_err err = write_at_once(w, K12);
    run_for(w, 20 * SECOND);
    expect(w, holds(w, C1, id) && holds(w, K12, id), "the fire has not come back to the county");
    expect(w, err == LZ_recovering, "a clerk of the new store was told %s", lz_err_name(err));
    heal_and_check(w);
}

/* The county asks the city while the city has not got its own back: that answer must not be the last. */
static void final(struct world *w) {
    struct rec_id id = two_lost(w, 10 * SECOND);
    run_for(w, 8 * SECOND);
    expect(w, !holds(w, C1, id), "the city has nothing yet");
    expect(w, write_at_once(w, K12) == LZ_ok, "one neighbour has answered: the clerks may work");
    run_for(w, 15 * SECOND);
    expect(w, holds(w, C1, id) && holds(w, K12, id), "the fire has not come back to the county");
    heal_and_check(w);
}

/* The same, and the county dies while it waits: that it waits must be on its disk. */
static void persist(struct world *w) {
    struct rec_id id = two_lost(w, 10 * SECOND);
    run_for(w, 5 * SECOND);
    expect(w, write_at_once(w, K12) == LZ_ok, "one neighbour has answered: the clerks may work");
    node_down(w, node_of(w, K12), 500);
    run_for(w, 20 * SECOND);
    expect(w, holds(w, C1, id) && holds(w, K12, id), "the fire has not come back to the county");
    heal_and_check(w);
}

static bool batches_of_the_county(struct world *w, const struct node *from, const struct node *to, struct lz_bytes bytes) {
    (void)w;
    return from->code == K12 && to->code == C1 && bytes.data[4] == PACKET_BATCH;
}

/* The city loses its store and gets the county's fire back from above; before it follows the county again, the county's store is copied
 * back by hand to before the fire, and its clerk writes: the city's cursor is fresh, and the newest stamp that it names is below the
 * county's own. That the county once said it had all is the only evidence. (Found by the model of the lineage with two faults.) */
static void two_one_after_another(struct world *w) {
    one_line(w);
    node_copy(w, node_of(w, K12));
    struct rec_id id = fire(w, K12);
    run_for(w, 5 * SECOND);
    expect(w, holds(w, P, id), "the fire has come to the province");
    w->eats = batches_of_the_county;
    node_destroy(w, node_of(w, C1));
    run_for(w, 15 * SECOND);
    expect(w, holds(w, C1, id), "the city has the fire back from above");
    node_restore(w, node_of(w, K12));
    world_dark(w, node_of(w, K12), 5 * SECOND);
    run_for(w, 2 * SECOND);
    expect(w, !holds(w, K12, id), "the county's store is as it was before");
    expect(w, write_at_once(w, K12) == LZ_ok, "its clerk can write");
    w->eats = NULL;
    run_for(w, 20 * SECOND);
    expect(w, holds(w, K12, id), "the fire has not come back to the county");
    heal_and_check(w);
}

static struct lz_bytes late_batch(struct world *w, struct epoch epoch, struct feed_id feed, uint64_t from) {
    struct batch b = { .feed = feed, .epoch = epoch, .from = from, .to = from + 50, .seen = from + 60, .tip = from + 50 };
    struct lz_bytes packet = { 0 };
    arena_reset(w->arena);
    enum lz_err err = batch_encode(w->arena, &b, &packet);
    expect(w, err == LZ_ok, "cannot encode a batch");
    return packet;
}

/* A batch of the line that was left comes late, after the hello of the new one: it must not move the cursor. */
static void gate(struct world *w) {
    one_line(w);
    struct node *county = node_of(w, K12), *city = node_of(w, C1);
    problem(w, K12);
    run_for(w, 3 * SECOND);
    struct epoch old = store_epoch(county->store);
    node_copy(w, county);
    problem(w, K12);
    run_for(w, 3 * SECOND);
    node_restore(w, county);
    run_for(w, 15 * SECOND);
    expect(w, state_at(w, C1, K12) == LINK_live, "the link is live again");
    struct link_view v;
    struct feed_id routine = { SCOPE_UP, LANE_ROUTINE };
    link_at(w, C1, K12, &v);
    for (size_t i = 0; i < v.n_feeds; i++)
        if (!v.feeds[i].ours && feed_id_equal(v.feeds[i].feed, routine)) node_feed(w, city, K12, CHANNEL_LIVE_UP, late_batch(w, old, routine,
                v.feeds[i].position));
    struct rec_id id = problem(w, K12);
    run_for(w, 15 * SECOND);
    expect(w, holds(w, C1, id), "a late batch of another line has moved the cursor: the next record is not at the city");
    heal_and_check(w);
}

static bool all_of_the_city_to_the_county(struct world *w, const struct node *from, const struct node *to, struct lz_bytes bytes) {
    (void)w; (void)bytes;
    return from->code == C1 && to->code == K12;
}

/* The city sees that the county went back and resets its cursor; its word is lost, and the city starts again. The cursor
 * that it then shows is good: only `owes` on its disk still knows. */
static void owes(struct world *w) {
    one_line(w);
    struct node *county = node_of(w, K12);
    run_for(w, 5 * SECOND);
    node_copy(w, county);
    struct rec_id id = problem(w, K12);
    run_for(w, 5 * SECOND);
    w->eats = all_of_the_city_to_the_county;
    node_restore(w, county);
    expect(w, write_at_once(w, K12) == LZ_ok, "nobody has told it yet");   /* so the stamp that hello names does not show the loss */
    run_for(w, 2 * SECOND);
    struct link_view v;
    expect(w, link_at(w, C1, K12, &v) && v.owes && !holds(w, K12, id), "the city has seen it, the county does not know");
    node_down(w, node_of(w, C1), 300);
    w->eats = NULL;
    run_for(w, 30 * SECOND);
    expect(w, holds(w, K12, id), "the county has not got its own back");
    expect(w, link_at(w, C1, K12, &v) && !v.owes, "the city still owes");
    heal_and_check(w);
}

/* The county loses its store. Its order and its DELIVERED wait at the city: the order must not be followed first, or it would
 * be answered a second time. */
static void order_first(struct world *w) {
    one_line(w);
    struct rec_id id = order(w, P, K12);
    run_for(w, 5 * SECOND);
    node_destroy(w, node_of(w, K12));
    run_for(w, 20 * SECOND);
    expect(w, holds(w, K12, id), "the order has come again");
    size_t here = moves_at(w, K12, id, K12, "deliver", K12).n, there = moves_at(w, P, id, K12, "deliver", K12).n;
    expect(w, here == 1 && there == 1, "DELIVERED %zu times at the county, %zu at the province", here, there);
    heal_and_check(w);
}

/* A clock that stands still: after the restore the very same stamp is given a second time. Both records are true. */
static void tag(struct world *w) {
    one_line(w);
    struct node *county = node_of(w, K12);
    run_for(w, 5 * SECOND);
    node_copy(w, county);
    uint64_t then = w->now_ms;
    struct rec_id a = problem(w, K12);
    run_for(w, 5 * SECOND);
    expect(w, holds(w, C1, a), "the first is at the city");
    county->clock_offset_ms = (int64_t)then - (int64_t)w->now_ms;
    node_restore(w, county);
    struct rec_id b = big_problem(w, K12);                   /* other bytes, the same moment */
    expect(w, a.stamp == b.stamp, "the story: the same stamp twice");
    run_for(w, 30 * SECOND);
    expect(w, holds(w, C1, a) && holds(w, C1, b), "the city does not have both");
    expect(w, holds(w, K12, a) && holds(w, K12, b), "the county does not have both");
    heal_and_check(w);
}

/* A register written with the clock an hour ahead is lost with the store; what is written next, by the right clock, must not
 * be covered by it. */
static void stamp(struct world *w) {
    one_line(w);
    struct node *county = node_of(w, K12);
    duty(w, K12, "张三");
    run_for(w, 5 * SECOND);
    node_copy(w, county);
    county->clock_offset_ms = (int64_t)LZ_HOUR_MS;
    duty(w, K12, "李四");
    run_for(w, 5 * SECOND);
    county->clock_offset_ms = 0;
    node_restore(w, county);
    run_for(w, 15 * SECOND);
    struct rec_id id = duty(w, K12, "王五");
    run_for(w, 10 * SECOND);
    expect(w, holds(w, K12, id) && holds(w, C1, id), "the newest on duty does not stand");
    heal_and_check(w);
}

static bool the_fire_but_not_its_sum(struct world *w, const struct node *from, const struct node *to, struct lz_bytes bytes) {
    if (from->code != K12 || to->code != C1) return false;
    return is_type(bytes, PACKET_TIP) || is_batch_of(w, bytes, (struct feed_id){ SCOPE_UP, LANE_FLASH });
}

/* The sum that counts a fire reached the city, the fire itself did not; then the county goes back to before it. What it once
 * sent comes back to it, what it had counted does not: it must say so. */
static void rollfix(struct world *w) {
    one_line(w);
    struct node *county = node_of(w, K12);
    run_for(w, 5 * SECOND);
    node_copy(w, county);
    w->eats = the_fire_but_not_its_sum;
    struct rec_id id = fire(w, K12);
    run_for(w, 4 * SECOND);
    expect(w, !holds(w, C1, id) && sum_at(w, C1, KIND_emergency, K12, COUNTER_total) == 1, "the sum came and the fire did not");
    w->eats = NULL;
    node_restore(w, county);
    run_for(w, 20 * SECOND);
    expect(w, sum_at(w, C1, KIND_emergency, K12, COUNTER_total) == 0, "the city still counts a fire that nobody has");
    heal_and_check(w);
}

/* Every tier in turn loses its whole store and is only started: it gets its own back, with no command. */
static void every_tier_deleted(struct world *w) {
    static const uint32_t units[] = { P, C1, K11, T };
    whole_tree(w);
    struct rec_id all = order(w, P, 0);
    struct rec_id found = problem(w, T), city = order(w, C1, 0), county = order(w, K11, T);
    duty(w, T, "张三"); duty(w, K11, "李四"); duty(w, C1, "王五");
    fire(w, T);
    problem(w, K11);
    problem(w, C1);
    run_for(w, 5 * SECOND);
    act(w, T, found, "escalate", 0);
    act(w, T, all, "sign", 0);
    act(w, T, county, "sign", 0);
    act(w, K11, city, "sign", 0);
    run_for(w, 5 * SECOND);
    act(w, K11, found, "accept", 0);
    run_for(w, 20 * SECOND);
    for (size_t i = 0; i < LZ_COUNT(units); i++) {
        node_destroy(w, node_of(w, units[i]));
        run_for(w, 40 * SECOND);
        for (size_t k = 0; k < w->n_told; k++) {
            const struct told *t = &w->told[k];
            expect(w, !t->lost, "the story: every record has a neighbour that holds it");
            expect(w, t->id.origin != units[i] || holds(w, units[i], t->id), "%u has not got a record of kind %u of its own back", units[i], t->id.kind);
        }
    }
    heal_and_check(w);
}

static struct lz_bytes hello_of(struct world *w, uint32_t child, uint32_t parent, bool reply, bool owes);

static enum lz_err numbered(struct world *w, uint32_t unit, uint32_t serial) {
    char number[32];
    struct rec_id id;
    struct record d = { .kind = KIND_bulletin, .target_all = true };
    snprintf(number, sizeof number, "林长〔2022〕%u号", (unsigned)serial);
    d.of.directive.title = lz_bytes_str("通报");
    d.of.directive.number = lz_bytes_str(number);
    d.of.directive.year = 2022;
    d.of.directive.serial = serial;
    return node_submit(w, node_of(w, unit), &d, &id);
}

/* The city loses its store while the county that alone has its numbered bulletin is dark. The province answers, so the clerks may work; but
 * a number is given only when all have answered: it serves once. What only a county claims closes this for seconds, not for ever. */
static void numbers_wait(struct world *w) {
    one_line(w);
    expect(w, numbered(w, C1, 5) == LZ_ok, "the first");
    run_for(w, 5 * SECOND);
    node_destroy(w, node_of(w, C1));
    world_dark(w, node_of(w, K12), 30 * SECOND);
    run_for(w, 10 * SECOND);
    enum lz_err err = numbered(w, C1, 5);
    expect(w, err == LZ_recovering, "the number again: %s", lz_err_name(err));
    (void)order(w, C1, K12);
    run_for(w, 40 * SECOND);
    err = numbered(w, C1, 5);
    expect(w, err == LZ_number_used, "the number is back, and then it was told %s", lz_err_name(err));
    expect(w, numbered(w, C1, 6) == LZ_ok, "the next number");
    run_for(w, 5 * SECOND);
    arena_reset(w->arena);
    node_feed(w, node_of(w, C1), K12, CHANNEL_SYNC, hello_of(w, K12, C1, true, true));
    world_dark(w, node_of(w, K12), 40 * SECOND);
    err = numbered(w, C1, 7);
    expect(w, err == LZ_recovering, "after a claim: %s", lz_err_name(err));
    run_for(w, 15 * SECOND);
    err = numbered(w, C1, 7);
    expect(w, err == LZ_ok, "a county holds the numbers for ever: %s", lz_err_name(err));
    run_for(w, 40 * SECOND);
    heal_and_check(w);
}

/* An operator does not wait for the county, and the number is given again: when the first comes back, the daemon says so. */
static void number_twice(struct world *w) {
    one_line(w);
    expect(w, numbered(w, C1, 5) == LZ_ok, "the first");
    run_for(w, 5 * SECOND);
    node_destroy(w, node_of(w, C1));
    world_dark(w, node_of(w, K12), 30 * SECOND);
    run_for(w, 10 * SECOND);
    node_begin(w, node_of(w, C1));
    turn_override_reclaim(node_of(w, C1)->turn);
    expect(w, node_finish(w, node_of(w, C1)), "the city's turn");
    enum lz_err err = numbered(w, C1, 5);
    expect(w, err == LZ_ok, "the number again, as the operator wants: %s", lz_err_name(err));
    run_for(w, 40 * SECOND);
    heal_and_check(w);                                       /* NUMBER, unless the daemon has said it */
}

/* City and county are copied, go on, and are both put back at the same time. */
static struct rec_id two_restored(struct world *w, bool writes_at_once) {
    whole_tree(w);
    order(w, C1, 0);
    run_for(w, 10 * SECOND);
    node_copy(w, node_of(w, C1));
    node_copy(w, node_of(w, K12));
    order(w, P, 0);
    order(w, C1, K12);
    problem(w, K12);
    problem(w, K11);
    struct rec_id id = fire(w, K12);
    run_for(w, 10 * SECOND);
    expect(w, holds(w, P, id), "the fire has come to the province");
    node_restore(w, node_of(w, C1));
    node_restore(w, node_of(w, K12));
    world_dark(w, node_of(w, C1), 5 * SECOND);               /* the county meets the city before that has its own back */
    if (writes_at_once) { enum lz_err err = write_at_once(w, K12); expect(w, err == LZ_ok, "nobody has told it: %s", lz_err_name(err)); }
    run_for(w, 40 * SECOND);
    return id;
}

static void two_neighbours_restored(struct world *w) {
    two_restored(w, false);
    heal_and_check(w);
}

/* The county's own fire is then at the province and the city; the county, which nobody told, must have it too. */
static void two_restored_own(struct world *w) {
    struct rec_id id = two_restored(w, false);
    expect(w, holds(w, C1, id), "the fire has not come back to the city");
    expect(w, holds(w, K12, id), "the fire has not come back to the county that reported it");
    heal_and_check(w);
}

/* The same, and the county's clerk writes before it has met anybody. The newest stamp that the city names is then below
 * the county's own; but the city was given back a record of the county's, and owes it until the county has taken it back. */
static void two_restored_busy(struct world *w) {
    struct rec_id id = two_restored(w, true);
    expect(w, holds(w, C1, id), "the fire has not come back to the city");
    expect(w, holds(w, K12, id), "the fire has not come back to the county that reported it");
    heal_and_check(w);
}

static void resolve(struct world *w, uint32_t unit, uint32_t peer) {
    struct node *n = node_of(w, unit);
    node_begin(w, n);
    expect(w, turn_resolve(n->turn, peer), "there was nothing to resolve");
    node_finish(w, n);
}

/* Two machines run the same store: a line that the city has left speaks again. Nothing of it counts until a person decides. */
/* A follower that went back has not what it once acknowledged. */
static void live_restored(struct world *w) {
    one_line(w);
    node_copy(w, node_of(w, K12));
    struct rec_id id = order(w, C1, K12);
    run_for(w, 5 * SECOND);
    expect(w, state_at(w, C1, K12) == LINK_live, "the order is there and acknowledged");
    w->eats = batches_to_the_late_one;
    node_restore(w, node_of(w, K12));
    run_for(w, 10 * SECOND);
    expect(w, !holds(w, K12, id) && state_at(w, C1, K12) != LINK_live, "the city says `live` by an acknowledgement of a store that is gone");
    w->eats = NULL;
    run_for(w, 10 * SECOND);
    expect(w, state_at(w, C1, K12) == LINK_live, "it has been sent again");
    heal_and_check(w);
}

static void clone(struct world *w) {
    one_line(w);
    struct node *county = node_of(w, K12);
    problem(w, K12);
    run_for(w, 5 * SECOND);
    node_copy(w, county);
    node_down(w, county, 200);
    run_for(w, 3 * SECOND);
    problem(w, K12);
    run_for(w, 5 * SECOND);
    char first[PATH_BYTES];
    memcpy(first, county->backup, sizeof first);
    snprintf(county->backup, sizeof county->backup, "%.200s.second", first);
    node_copy(w, county);
    char second[PATH_BYTES];
    memcpy(second, county->backup, sizeof second);
    memcpy(county->backup, first, sizeof first);
    node_restore(w, county);                                 /* the city leaves the line of the second copy */
    run_for(w, 15 * SECOND);
    expect(w, state_at(w, C1, K12) == LINK_live, "a store that went back is taken up again");
    memcpy(county->backup, second, sizeof second);
    node_restore(w, county);
    struct rec_id id = problem(w, K12);
    run_for(w, 20 * SECOND);
    expect(w, state_at(w, C1, K12) == LINK_diverged, "the link says %s", link_name(state_at(w, C1, K12)));
    expect(w, !holds(w, C1, id), "a record of the clone was applied");
    uint64_t turns = node_of(w, C1)->turns;
    run_for(w, 20 * SECOND);
    expect(w, node_of(w, C1)->turns < turns + 200, "the city has no rest while it waits for a person: %llu turns in 20 s",
           (unsigned long long)(node_of(w, C1)->turns - turns));
    resolve(w, C1, K12);
    run_for(w, 20 * SECOND);
    expect(w, holds(w, C1, id), "the resolved line's record has not come");
    heal_and_check(w);
}

/* ---- gaps, cuts and backlogs ------------------------------------------------------------------------------------------------------------- */

/* The last batch is lost and nothing follows that would show the gap: the tip does. Upward and downward. */
static void tip(struct world *w) {
    one_line(w);
    w->odds.lose = 1;
    struct rec_id up = duty(w, K12, "张三");                /* adds to no sum: nothing else goes up */
    run_for(w, 200);
    w->odds.lose = 0;
    run_for(w, 10 * SECOND);
    expect(w, holds(w, C1, up), "what was lost last has not gone up");
    w->odds.lose = 1;
    struct rec_id down = order(w, P, 0);
    run_for(w, 200);
    w->odds.lose = 0;
    run_for(w, 10 * SECOND);
    expect(w, holds(w, K12, down), "what was lost last has not come down");
    heal_and_check(w);
}

struct lanes { unsigned routine_first; bool urgent; };
static bool watch_lanes(struct world *w, const struct node *from, const struct node *to, struct lz_bytes bytes) {
    struct lanes *s = w->story;
    if (from->code != C1 || to->code != P) return false;
    if (is_batch_of(w, bytes, (struct feed_id){ SCOPE_UP, LANE_URGENT })) s->urgent = true;
    else if (!s->urgent && is_batch_of(w, bytes, (struct feed_id){ SCOPE_UP, LANE_ROUTINE })) s->routine_first++;
    return false;
}

/* Megabytes of progress wait for the province when a problem is escalated: the problem and its moves come first. */
static void overtake(struct world *w) {
    one_line(w);
    struct rec_id task = issue(w, P, C1, KIND_task, 0), found = problem(w, K12);
    run_for(w, 5 * SECOND);
    act(w, C1, task, "sign", 0);
    act(w, K12, found, "escalate", 0);
    run_for(w, 5 * SECOND);
    expect(w, !holds(w, P, found), "the story: the province does not know it");
    world_dark(w, node_of(w, C1), 20 * SECOND);
    for (int i = 0; i < 150; i++) { progress(w, C1, task, i, BIG_BYTES); run_for(w, 10); }
    struct rec_id move = act(w, C1, found, "escalate", 0);
    struct lanes story = { 0, false };
    w->story = &story;
    w->eats = watch_lanes;
    for (int i = 0; i < 30000 && !(holds(w, P, move) && holds(w, P, found)); i++) run_for(w, 1);
    struct link_view v;
    expect(w, standing_at(w, P, found, 0).owner == P, "the escalation has not come");
    expect(w, story.routine_first == 0 && link_at(w, P, C1, &v) && v.behind_in > 0, "the escalation came behind the backlog");
    heal_and_check(w);
}

/* Fire in a township while the middle link is cut: the county and the city know at once, the province as soon as it can. */
static void emergency(struct world *w) {
    whole_tree(w);
    world_cut(w, node_of(w, C1), true, 30 * SECOND);
    world_cut(w, node_of(w, C1), false, 30 * SECOND);
    struct rec_id id = fire(w, T);
    run_for(w, 2 * SECOND);
    expect(w, holds(w, K11, id) && holds(w, C1, id) && !holds(w, P, id), "up to the cut");
    struct rec_id more = act(w, T, id, "update", 0);
    run_for(w, 40 * SECOND);
    expect(w, holds(w, P, id) && holds(w, P, more), "the province has it");
    expect(w, !holds(w, C2, id) && !holds(w, K12, id), "nobody beside has it");
    heal_and_check(w);
}

/* A county without a line for a week: its clerks and its deadlines go on; then both sides become one again. */
static void dark_week(struct world *w) {
    w->tip_idle_ms = MINUTE;
    whole_tree(w);
    struct rec_id before = order(w, P, K12);
    run_for(w, 5 * SECOND);
    expect(w, holds(w, K12, before), "the order came before the dark");
    world_dark(w, node_of(w, K12), 7 * LZ_DAY_MS);
    struct rec_id found = problem(w, K12), during = issue(w, C1, K12, KIND_general_order, node_now(w, node_of(w, C1)).wall_ms + LZ_DAY_MS);
    for (int day = 0; day < 7; day++) {
        run_for(w, LZ_DAY_MS - MINUTE);
        duty(w, K12, day % 2 ? "张三" : "李四");
        if (day == 1) act(w, K12, before, "sign", 0);
        if (day == 3) fire(w, K12);
        if (day == 4) order(w, P, 0);
    }
    expect(w, moves_at(w, K12, found, 0, "escalate", K12).n == 1, "the county's own deadline fired in the dark");
    expect(w, moves_at(w, C1, during, K12, "urge", C1).n >= 1, "the city has urged");
    expect(w, !holds(w, C1, found) && !holds(w, K12, during) && state_at(w, C1, K12) != LINK_live && state_at(w, K12, C1) != LINK_live, "it is dark");
    run_for(w, 20 * MINUTE);
    expect(w, holds(w, C1, found) && holds(w, K12, during), "the week has not been made up");
    expect(w, moves_at(w, K12, during, K12, "urge", C1).n == moves_at(w, C1, during, K12, "urge", C1).n, "the urging came down");
    heal_and_check(w);
}

/* While one way of a link is cut neither side may call it live, and after it never while a record is missing. */
static void silence(struct world *w, bool up, bool busy) {
    one_line(w);
    run_for(w, 30 * SECOND);
    expect(w, state_at(w, C1, K12) == LINK_live && state_at(w, K12, C1) == LINK_live, "live before the cut");
    world_cut(w, node_of(w, K12), up, MINUTE);
    uint64_t cut_at = w->now_ms, bound = 2 * w->tip_idle_ms + 3 * SECOND;
    struct rec_id id = no_id;
    if (busy) id = up ? duty(w, K12, "张三") : order(w, C1, K12);
    uint32_t from = up ? K12 : C1, to = up ? C1 : K12;
    for (int i = 0; i < 2 * MINUTE / 100 && !w->failed; i++) {
        run_for(w, 100);
        bool here = state_at(w, from, to) == LINK_live, there = state_at(w, to, from) == LINK_live;
        bool dark = w->now_ms > cut_at + bound && w->now_ms < cut_at + MINUTE;
        expect(w, !(dark && there), "%u hears nothing of %u for %llu s and says live", to, from, (unsigned long long)(w->now_ms - cut_at) / 1000);
        bool told_so = w->now_ms > cut_at + bound + w->tip_idle_ms + SECOND;  /* the deaf side's next word has come */
        expect(w, !(dark && here && told_so), "%u is not heard by %u for %llu s and says live", from, to, (unsigned long long)(w->now_ms - cut_at) / 1000);
        bool missing = busy && !holds(w, to, id);
        expect(w, !(missing && here && w->now_ms > cut_at + 200), "%u says live and its record is missing at %u", from, to);
        expect(w, !(missing && there && w->now_ms > cut_at + bound), "%u says live and misses a record of %u", to, from);
    }
    expect(w, !busy || holds(w, to, id), "the record has come");
    heal_and_check(w);
}
static void live_up(struct world *w) { silence(w, true, true); }
static void live_down(struct world *w) { silence(w, false, true); }
/* Nothing is under way, so the side that still hears has nothing that waits for an answer: the tips tell it that it is not heard. */
static void live_idle(struct world *w) { silence(w, true, false); }

/* One county reports after a long silence, so the city tells all its links that it will speak often: the idle ones of its other counties are
 * as live as before. */
static void live_beside(struct world *w) {
    w->tip_idle_ms = MINUTE;
    whole_tree(w);
    run_for(w, 10 * MINUTE);
    for (int round = 0; round < 3; round++) {
        run_for(w, 3 * MINUTE + (uint64_t)round * 20 * SECOND);
        expect(w, state_at(w, C1, K11) == LINK_live && state_at(w, K11, C1) == LINK_live, "live before");
        (void)problem(w, K12);
        for (int i = 0; i < 1200 && !w->failed; i++) {
            run_for(w, 100);
            expect(w, state_at(w, C1, K11) != LINK_stalled && state_at(w, K11, C1) != LINK_stalled, "stalled %d ms after another has reported", 100 * i);
        }
    }
    heal_and_check(w);
}

static bool live_batches_and_tips(struct world *w, const struct node *from, const struct node *to, struct lz_bytes bytes) {
    (void)w;
    return from->code == K12 && to->code == C1 && (is_type(bytes, PACKET_BATCH) || is_type(bytes, PACKET_TIP));
}

/* A connection comes up again and its first tip has not come: hello alone proves nothing. */
static void live_proof(struct world *w) {
    one_line(w);
    run_for(w, 30 * SECOND);
    uint64_t heard_until = w->now_ms + 2 * w->tip_idle_ms + 3 * SECOND;   /* so long it may take to be noticed */
    world_dark(w, node_of(w, K12), 40 * SECOND);
    struct rec_id id = duty(w, K12, "张三");
    w->eats = live_batches_and_tips;
    for (int i = 0; i < 900 && !w->failed; i++) {
        run_for(w, 100);
        expect(w, state_at(w, C1, K12) != LINK_live || w->now_ms < heard_until || holds(w, C1, id), "the city says live and misses a record");
        expect(w, state_at(w, K12, C1) != LINK_live || holds(w, C1, id), "the county says live and its record is missing");
    }
    heal_and_check(w);
}

/* The middle tier dies in the very commit of what it takes, before it and after it: nothing is lost, nothing counts twice. */
static void crash(struct world *w) {
    whole_tree(w);
    for (uint8_t when = 1; when <= 2; when++) {
        static const uint32_t units[] = { C1, P, K12 };
        for (size_t i = 0; i < LZ_COUNT(units); i++) {
            struct rec_id up = fire(w, K11);
            duty(w, K12, when == 1 ? "张三" : "李四");
            struct rec_id down = order(w, P, K12);
            node_of(w, units[i])->dies = when;
            run_for(w, 20 * SECOND);
            expect(w, node_of(w, units[i])->crashes > 0 && holds(w, P, up) && holds(w, K12, down), "%u died in its commit and something is missing", units[i]);
        }
    }
    heal_and_check(w);
}

static void disk_full(struct world *w) {
    whole_tree(w);
    struct node *city = node_of(w, C1);
    struct rec_id before = order(w, P, 0);
    run_for(w, 20);
    city->full = true;
    struct rec_id found = problem(w, K11), burning = fire(w, T), down = order(w, P, K12);
    struct record refused = { .kind = KIND_problem };
    refused.of.problem.title = lz_bytes_str("毁林");
    struct rec_id id;
    enum lz_err err = node_submit(w, city, &refused, &id);
    expect(w, err != LZ_ok, "a clerk was told ok by a full store");
    run_for(w, 20 * SECOND);
    duty(w, K12, "张三");
    run_for(w, 20 * SECOND);
    expect(w, city->up && !holds(w, C1, found) && !holds(w, P, burning) && !holds(w, K12, down), "nothing goes through a full store, which runs on");
    city->full = false;
    run_for(w, 20 * SECOND);
    expect(w, holds(w, C1, found) && holds(w, P, burning) && holds(w, K12, down) && holds(w, K12, before), "with room again all has come");
    heal_and_check(w);
}

/* A full disk at the start: the daemon runs, answers who looks, says why it takes nothing, and begins by itself when there is room. What
 * has no epoch on disk is offered to nobody. */
static void starts_full(struct world *w) {
    whole_tree(w);
    struct rec_id before = order(w, P, K12);
    run_for(w, 5 * SECOND);
    struct node *city = node_of(w, C1);
    city->full = true;
    node_down(w, city, 100);
    struct rec_id down = order(w, P, K12), burning = fire(w, T);
    run_for(w, 20 * SECOND);
    expect(w, city->up && turn_next_deadline(city->turn) > w->now_ms, "it does not run, or runs in circles");
    expect(w, state_at(w, C1, P) == LINK_blocked && state_at(w, C1, K12) == LINK_blocked, "its links say %s", link_name(state_at(w, C1, P)));
    expect(w, state_at(w, P, C1) != LINK_live && state_at(w, K12, C1) != LINK_live, "a neighbour says live");
    struct record fires = { .kind = KIND_emergency };
    fires.of.emergency.title = lz_bytes_str("火情");
    struct rec_id id;
    enum lz_err err = node_submit(w, city, &fires, &id);
    expect(w, err == LZ_full, "even a fire was told %s", lz_err_name(err));
    expect(w, holds(w, C1, before) && !holds(w, C1, down) && !holds(w, C1, burning), "what it had it has, what it cannot write it has not");
    node_begin(w, city);
    expect(w, turn_answers_only(city->turn), "whoever only looks is not answered");
    expect(w, node_finish(w, city), "a turn that only answers falls");
    city->full = false;
    run_for(w, 20 * SECOND);
    expect(w, holds(w, C1, down) && holds(w, P, burning) && holds(w, K12, down), "with room again all has not come");
    expect(w, state_at(w, C1, P) == LINK_live, "its link says %s", link_name(state_at(w, C1, P)));
    heal_and_check(w);
}

/* ---- problems and deadlines --------------------------------------------------------------------------------------------------------------- */

/* Ruled at the province, which is dark when it is escalated: the answer comes down to everybody on the problem's path. */
static void ruled_above(struct world *w) {
    whole_tree(w);
    struct rec_id id = problem(w, T);
    run_for(w, 2 * SECOND);
    act(w, T, id, "escalate", 0);
    run_for(w, 2 * SECOND);
    act(w, K11, id, "escalate", 0);
    run_for(w, 2 * SECOND);
    world_dark(w, node_of(w, C1), 15 * SECOND);
    act(w, C1, id, "escalate", 0);
    run_for(w, 20 * SECOND);
    act(w, P, id, "accept", 0);
    act(w, P, id, "handle", 0);
    act(w, P, id, "feedback", 0);
    act(w, P, id, "verify", 0);
    act(w, P, id, "close", 0);
    run_for(w, 5 * SECOND);
    static const uint32_t path[] = { P, C1, K11, T };
    for (size_t i = 0; i < LZ_COUNT(path); i++) expect(w, standing_at(w, path[i], id, 0).state == PROBLEM_closed, "%u does not see it closed", path[i]);
    expect(w, !holds(w, K12, id) && !holds(w, C2, id), "nobody beside the path has it");
    heal_and_check(w);
}

/* Given to a county of another city: it gets the problem in full, with what was done before, and its moves come back. */
static void assign(struct world *w) {
    whole_tree(w);
    struct rec_id id = problem(w, K11);
    run_for(w, 2 * SECOND);
    act(w, K11, id, "escalate", 0);
    run_for(w, 2 * SECOND);
    struct rec_id early = act(w, C1, id, "escalate", 0);
    run_for(w, 2 * SECOND);
    act(w, P, id, "accept", 0);
    act(w, P, id, "assign", K21);
    run_for(w, 3 * SECOND);
    expect(w, holds(w, C2, id) && holds(w, K21, id) && holds(w, K21, early), "the problem is in full at the county that has to deal with it");
    act(w, K21, id, "handle", 0);
    struct rec_id late = act(w, K21, id, "feedback", 0);
    run_for(w, 3 * SECOND);
    expect(w, holds(w, P, late) && holds(w, K11, late), "what it did has come back to the province and the finder");
    act(w, P, id, "verify", 0);
    act(w, P, id, "close", 0);
    run_for(w, 3 * SECOND);
    static const uint32_t units[] = { P, C1, K11, C2, K21 };
    for (size_t i = 0; i < LZ_COUNT(units); i++) expect(w, standing_at(w, units[i], id, 0).state == PROBLEM_closed, "%u does not see it closed", units[i]);
    heal_and_check(w);
}

static void expect_whole(struct world *w, uint32_t unit);

/* A county goes to another city. */
static void goes_to(struct world *w, uint32_t unit, uint32_t parent) {
    expect(w, node_move_to(w, node_of(w, unit), node_of(w, parent)), "%u cannot go to %u", unit, parent);
    run_for(w, 20 * SECOND);
    expect(w, state_at(w, parent, unit) == LINK_live && state_at(w, unit, parent) == LINK_live, "%u is not in sync with %u", unit, parent);
}

static struct rec_id escalated(struct world *w, uint32_t unit) {
    struct rec_id id = problem(w, unit);
    run_for(w, SECOND);
    act(w, unit, id, "escalate", 0);
    run_for(w, 2 * SECOND);
    return id;
}

static void expect_owner(struct world *w, uint32_t at, struct rec_id id, uint32_t owner, uint8_t state) {
    struct standing s = standing_at(w, at, id, 0);
    expect(w, s.owner == owner && s.state == state, "at %u it is %s of %u, not %s of %u", at, state_name(MACHINE_PROBLEM, s.state), s.owner,
           state_name(MACHINE_PROBLEM, state), owner);
}

static bool elsewhere_at(struct world *w, uint32_t unit, struct rec_id id) {
    struct standing s;
    struct flow *f = look(w, unit);
    bool elsewhere = f && flow_standing(f, id, 0, &s) && flow_is_elsewhere(f, id, &s);
    if (f) look_away(w, unit);
    return elsewhere;
}

static enum lz_err may_act(struct world *w, uint32_t unit, struct rec_id id, const char *name) {
    struct record d = { .kind = KIND_move, .subject = id };
    struct rec_id move;
    d.of.move = (struct move){ .move = move_by_name(MACHINE_PROBLEM, name)->number, .text = lz_bytes_str("说明") };
    return node_submit(w, node_of(w, unit), &d, &move);
}

/* The open problems of a county that goes to another city go with it, wherever the old one had got with them; what the province has stays
 * with the province, what is ended is ended, and the old city is late with none of it. Then the county comes back. */
static void problems_go_along(struct world *w) {
    w->tip_idle_ms = MINUTE;
    whole_tree(w);
    struct rec_id fresh = problem(w, K12), sent = escalated(w, K12), taken = escalated(w, K12), checked = escalated(w, K12), above = escalated(w, K12),
                  ended = escalated(w, K12);
    static const char *const steps[] = { "accept", "handle", "feedback", "verify", "close" };
    act(w, C1, taken, "accept", 0);
    for (int i = 0; i < 4; i++) act(w, C1, checked, steps[i], 0);
    for (int i = 0; i < 5; i++) act(w, C1, ended, steps[i], 0);
    act(w, C1, above, "escalate", 0);
    run_for(w, 5 * SECOND);
    expect_owner(w, K12, checked, C1, PROBLEM_verified);
    expect_owner(w, P, above, P, PROBLEM_escalated);
    goes_to(w, K12, C2);
    const struct rec_id go[] = { sent, taken, checked };
    for (size_t i = 0; i < LZ_COUNT(go); i++) {
        expect_owner(w, K12, go[i], C2, PROBLEM_escalated);
        expect_owner(w, C2, go[i], C2, PROBLEM_escalated);
        expect(w, !elsewhere_at(w, C2, go[i]) && elsewhere_at(w, C1, go[i]), "problem %zu is not the new city's alone", i);
        enum lz_err err = may_act(w, C1, go[i], i ? "escalate" : "accept");
        expect(w, err == LZ_not_allowed, "the old city may still act on problem %zu: %s", i, lz_err_name(err));
        size_t n = moves_at(w, K12, go[i], 0, "escalate", K12).n;
        expect(w, n == 2, "problem %zu was passed up %zu times", i, n);
    }
    expect_owner(w, C2, fresh, K12, PROBLEM_reported);
    expect_owner(w, K12, ended, C1, PROBLEM_closed);
    expect(w, elsewhere_at(w, C2, ended), "what the old city has ended is open for the new one");
    act(w, C2, taken, "accept", 0);
    act(w, P, above, "accept", 0);
    run_for(w, 5 * SECOND);
    expect_owner(w, K12, taken, C2, PROBLEM_accepted);
    expect_owner(w, K12, above, P, PROBLEM_accepted);
    run_for(w, 5 * LZ_DAY_MS);
    for (size_t i = 0; i < LZ_COUNT(go); i++)
        expect(w, moves_at(w, C1, go[i], 0, "escalate", C1).n == 0 && standing_at(w, C1, go[i], 0).colour != COLOUR_RED, "the old city is late with %zu", i);
    expect(w, moves_at(w, C2, sent, 0, "escalate", C2).n == 1, "the new city was not late with what it had not accepted");
    expect_owner(w, P, sent, P, PROBLEM_escalated);
    goes_to(w, K12, C1);
    expect_owner(w, C1, taken, C1, PROBLEM_escalated);
    expect_owner(w, K12, taken, C1, PROBLEM_escalated);
    expect(w, elsewhere_at(w, C2, taken) && !elsewhere_at(w, C1, taken), "it has not come back with the county");
    expect_owner(w, K12, sent, P, PROBLEM_escalated);
    static const uint32_t units[] = { P, C1, C2, K12 };
    for (size_t i = 0; i < LZ_COUNT(units); i++) expect_whole(w, units[i]);
}

static uint64_t wall(const struct world *w, uint32_t unit) { return node_now(w, node_of((struct world *)(uintptr_t)w, unit)).wall_ms; }
static void run_to_wall(struct world *w, uint32_t unit, uint64_t wall_ms) { if (wall_ms > wall(w, unit)) run_for(w, wall_ms - wall(w, unit)); }

/* Nobody accepts a problem in time: its owner passes it up, once at each tier, not before its time, whoever restarts. */
static void deadline_escalates(struct world *w) {
    w->tip_idle_ms = MINUTE;
    one_line(w);
    struct rec_id id = problem(w, K12);
    uint64_t limit = calendar_add(w->calendar, wall(w, K12), 1);
    run_to_wall(w, K12, limit - 2 * SECOND);
    expect(w, moves_at(w, K12, id, 0, "escalate", K12).n == 0, "passed up before its time");
    node_of(w, K12)->dies = 2;                               /* after the commit that passes it up */
    run_for(w, 10 * SECOND);
    struct counted first = moves_at(w, K12, id, 0, "escalate", K12);
    expect(w, first.n == 1 && first.first_ms >= limit && first.first_ms < limit + 10 * SECOND, "passed up %zu times at its time", first.n);
    limit = calendar_add(w->calendar, first.first_ms, 1);
    run_to_wall(w, C1, limit - 2 * SECOND);
    expect(w, moves_at(w, C1, id, 0, "escalate", C1).n == 0, "the city passed it up before its time");
    for (int day = 0; day < 4; day++) {
        run_for(w, LZ_DAY_MS);
        node_down(w, node_of(w, K12), 100);
        node_down(w, node_of(w, C1), 100);
        run_for(w, 5 * SECOND);
    }
    size_t county = moves_at(w, P, id, 0, "escalate", K12).n, city = moves_at(w, P, id, 0, "escalate", C1).n;
    expect(w, county == 1 && city == 1, "passed up %zu times by the county, %zu by the city", county, city);
    expect(w, standing_at(w, P, id, 0).owner == P, "the province owns it");
    heal_and_check(w);
}

/* An order that is not signed: red at its time, urged after some working days, once a day, however often the issuer starts. */
static void deadline_urges(struct world *w) {
    w->tip_idle_ms = MINUTE;
    one_line(w);
    struct rec_id id = order(w, P, K12);
    run_for(w, 5 * SECOND);
    uint64_t delivered = standing_at(w, P, id, K12).delivered_ms, red = calendar_add(w->calendar, delivered, 1);
    expect(w, delivered != 0, "delivered");
    run_to_wall(w, P, red - 2 * SECOND);
    expect(w, standing_at(w, P, id, K12).colour != COLOUR_RED, "red before its time");
    run_for(w, MINUTE);
    expect(w, standing_at(w, P, id, K12).colour == COLOUR_RED, "not red at its time");
    uint64_t from = calendar_add(w->calendar, standing_at(w, P, id, K12).red_since_ms, 3);
    for (int half = 0; half < 24; half++) {
        run_for(w, LZ_DAY_MS / 2);
        if (half % 3 == 1) node_down(w, node_of(w, P), 100);
        run_for(w, 5 * SECOND);
    }
    struct counted urges = moves_at(w, P, id, K12, "urge", P);
    expect(w, urges.n >= 3, "urged %zu times in twelve days", urges.n);
    expect(w, urges.first_ms >= from, "urged before its time");
    expect(w, urges.n == urges.days, "urged %zu times on %zu days", urges.n, urges.days);
    expect(w, moves_at(w, K12, id, K12, "urge", P).n == urges.n, "the urging has come down");
    heal_and_check(w);
}

/* ---- who may say what ------------------------------------------------------------------------------------------------------------------- */

struct overheard { struct feed_id feed; size_t n; };
static bool listen(struct world *w, const struct node *from, const struct node *to, struct lz_bytes bytes) {
    struct overheard *s = w->story;
    if (from->code == C1 && to->code == K11 && is_batch_of(w, bytes, s->feed)) s->n++;
    return false;
}

/* A county asks for the feed of its sibling. */
static void sibling_fetch(struct world *w) {
    whole_tree(w);
    struct rec_id id = order(w, C1, K12);
    run_for(w, 5 * SECOND);
    struct overheard story = { { K12, LANE_URGENT }, 0 };
    w->story = &story;
    w->eats = listen;
    struct fetch fetch = { story.feed, store_epoch(node_of(w, C1)->store), 0 };
    struct lz_bytes packet = { 0 };
    arena_reset(w->arena);
    enum lz_err err = fetch_encode(w->arena, &fetch, &packet);
    expect(w, err == LZ_ok, "cannot encode a fetch");
    uint64_t forbidden = counters_at(w, C1)->forbidden;
    node_feed(w, node_of(w, C1), K11, CHANNEL_SYNC, packet);
    expect(w, counters_at(w, C1)->forbidden == forbidden + 1, "it was not noted as forbidden");
    run_for(w, 5 * SECOND);
    expect(w, story.n == 0 && !holds(w, K11, id), "a sibling's order was handed out");
    heal_and_check(w);
}

/* A county speaks for its sibling; a city speaks for its county to the county. Refused, and kept with the reason. */
static void foreign_origin(struct world *w) {
    whole_tree(w);
    struct record r = { .kind = KIND_problem, .origin = K12, .tier = TIER_COUNTY };
    r.of.problem.title = lz_bytes_str("假");
    struct rec_id up = plant(w, K11, &r, 0, (struct feed_id){ SCOPE_UP, LANE_ROUTINE }, false);
    uint32_t targets[1] = { K12 };
    struct record d = { .kind = KIND_general_order, .origin = K12, .tier = TIER_COUNTY, .targets = targets, .n_targets = 1 };
    d.of.directive.title = lz_bytes_str("假");
    struct rec_id down = plant(w, C1, &d, 0, (struct feed_id){ K12, LANE_URGENT }, false);
    run_for(w, 10 * SECOND);
    expect(w, !has_id(w, C1, up) && !has_id(w, P, up), "a county spoke for its sibling");
    expect(w, refused_at(w, C1, K11, "foreign_origin", NULL) == 1, "it is not in `refused`");
    expect(w, !has_id(w, K12, down), "a city spoke for its county");
    expect(w, refused_at(w, K12, C1, "foreign_origin", NULL) == 1, "it is not in `refused` of the county");
    struct rec_id next = problem(w, K11);
    run_for(w, 5 * SECOND);
    expect(w, holds(w, C1, next), "the lane is not blocked");
    expect(w, state_at(w, C1, K11) == LINK_live && state_at(w, K12, C1) == LINK_live, "the links go on");
}

/* The same id comes with other bytes: the first stays, the second is kept as evidence. */
static void conflict(struct world *w) {
    one_line(w);
    struct rec_id id = problem(w, K12);
    run_for(w, 5 * SECOND);
    struct record r = { .kind = KIND_problem, .origin = K12, .tier = TIER_COUNTY, .stamp = id.stamp, .epoch = id.epoch };
    r.of.problem.title = lz_bytes_str("改过的");
    plant(w, K12, &r, 0, (struct feed_id){ SCOPE_UP, LANE_ROUTINE }, true);
    run_for(w, 10 * SECOND);
    expect(w, holds(w, C1, id), "the first bytes were overwritten");
    arena_reset(w->arena);
    struct lz_bytes kept = { 0 };
    expect(w, refused_at(w, C1, K12, "conflict", &kept) == 1 && counters_at(w, C1)->conflicts == 1, "the conflict is not named");
    struct record evidence;
    enum lz_err err = record_decode(w->arena, kept, &evidence, NULL);
    expect(w, err == LZ_ok && lz_bytes_equal(evidence.of.problem.title, lz_bytes_str("改过的")), "the other bytes are not kept");
    struct rec_id next = problem(w, K12);
    run_for(w, 5 * SECOND);
    expect(w, holds(w, C1, next), "the lane is not blocked");
}

/* Kinds of a newer version, one going up and one down: a middle tier that does not know them passes them on by their head. */
static void unknown_kind(struct world *w) {
    whole_tree(w);
    history_newer(w->history);
    struct record r = { .kind = KIND_emergency, .origin = T, .tier = TIER_TOWNSHIP };
    r.of.emergency.title = lz_bytes_str("新的种类");
    struct rec_id up = plant(w, T, &r, 99, (struct feed_id){ SCOPE_UP, LANE_FLASH }, false);
    struct record d = { .kind = KIND_bulletin, .origin = P, .tier = TIER_PROVINCE, .target_all = true };
    d.of.directive.title = lz_bytes_str("新的种类");
    struct rec_id down = plant(w, P, &d, 98, (struct feed_id){ SCOPE_ALL, LANE_ROUTINE }, false);
    run_for(w, 10 * SECOND);
    expect(w, has_id(w, K11, up) && has_id(w, C1, up) && has_id(w, P, up) && !has_id(w, K12, up), "the one that goes up has not gone up");
    expect(w, has_id(w, C1, down) && has_id(w, K11, down) && has_id(w, T, down) && has_id(w, K21, down), "the one that comes down has not come down");
    expect(w, refused_at(w, C1, K11, "unknown_kind", NULL) == 1, "it is not noted that its meaning was not applied");
    expect(w, counters_at(w, C1)->forbidden == 0, "it is not forbidden");
    heal_and_check(w);
}

/* While a city takes its own back, a county answers with an order of the city's that the city never gave: it has no seal. */
static void forged_own(struct world *w) {
    one_line(w);
    run_for(w, 5 * SECOND);
    struct node *city = node_of(w, C1);
    node_destroy(w, city);
    struct link_view v = { 0 };
    for (int i = 0; i < 2000 && !(v.code == K12 && v.reclaiming && !epoch_none(v.epoch)); i++) {
        run_for(w, 5);
        for (size_t k = 0; k < turn_links(city->turn) && v.code != K12; k++) turn_link_view(city->turn, k, &v);
        if (v.code == K12 && (!v.reclaiming || epoch_none(v.epoch))) v.code = 0;
    }
    expect(w, v.code == K12, "the city never asked the county");
    arena_reset(w->arena);
    struct record r = { .kind = KIND_general_order, .origin = C1, .tier = TIER_CITY, .stamp = UINT64_C(1) << 56, .target_all = true, .lane = LANE_URGENT,
                        .direction = DIRECTION_DOWN, .reach = REACH_TARGETS };
    r.of.directive.title = lz_bytes_str("冒充的命令");
    enum lz_err err = record_encode(w->arena, &r, NULL);
    struct reclaim_answer a = { .asker = store_epoch(city->store), .answerer = v.epoch, .envelopes = &r.envelope, .n_envelopes = 1 };
    a.next = lz_bytes_of("x", 1);
    struct lz_bytes packet = { 0 };
    expect(w, err == LZ_ok && reclaim_answer_encode(w->arena, &a, &packet) == LZ_ok, "the forger's packet");
    node_feed(w, city, K12, CHANNEL_SYNC, packet);
    run_for(w, 10 * SECOND);
    expect(w, !has_id(w, C1, record_id(&r)) && !has_id(w, K12, record_id(&r)), "a county gave an order in the city's name");
    expect(w, refused_at(w, C1, K12, "foreign_origin", NULL) == 1, "the forgery is not kept as evidence");
    heal_and_check(w);
}

/* ---- an enrolled neighbour without manners ------------------------------------------------------------------------------- */

/* What a city sends while a story goes on: answers to hello, and asks to be given back its own. */
struct answered { unsigned hellos, asks, sent_bytes; };
static bool count_answers(struct world *w, const struct node *from, const struct node *to, struct lz_bytes bytes) {
    struct answered *story = w->story;
    enum packet_type type;
    struct lz_bytes body;
    if (from->code != C1 || packet_open(bytes, &type, &body, NULL) != LZ_ok) return false;
    story->hellos += type == PACKET_HELLO && to->code == K12;
    story->asks += type == PACKET_RECLAIM_ASK && to->code == P;
    if (to->code == K12) story->sent_bytes += (unsigned)bytes.len;
    return false;
}

static struct lz_bytes hello_of(struct world *w, uint32_t child, uint32_t parent, bool reply, bool owes) {
    struct lineage_entry *line = arena_alloc(w->arena, sizeof *line);
    struct lz_bytes packet = { 0 };
    line->epoch = store_epoch(node_of(w, child)->store);
    struct hello h = { .version = PROTOCOL_VERSION, .version_min = PROTOCOL_VERSION_MIN, .software = lz_bytes_str("forger"), .unit = child, .to = parent,
                       .tier = TIER_COUNTY, .reply = reply, .owes = owes, .lineage = line, .n_lineage = 1, .wall_ms = node_now(w, node_of(w, child)).wall_ms };
    expect(w, hello_encode(w->arena, &h, &packet) == LZ_ok, "cannot encode a hello");
    return packet;
}

/* Hello costs the one who answers it more than the one who says it: it is answered as often as needed, not as often as said. */
static void hello_flood(struct world *w) {
    one_line(w);
    struct answered story = { 0 };
    w->story = &story;
    w->eats = count_answers;
    uint64_t limited = counters_at(w, C1)->limited;
    for (int i = 0; i < 2000; i++) {
        arena_reset(w->arena);
        node_feed(w, node_of(w, C1), K12, CHANNEL_SYNC, hello_of(w, K12, C1, i % 4 == 3, false));
        if (i % 4 == 0) run_for(w, 1);
    }
    expect(w, story.hellos <= HELLO_ANSWERS_MAX, "%u of 2000 hellos in half a second were answered", story.hellos);
    expect(w, counters_at(w, C1)->limited >= limited + 1900, "it was not counted");
    run_for(w, 30 * SECOND);
    struct rec_id id = problem(w, K12);
    run_for(w, 5 * SECOND);
    expect(w, holds(w, C1, id) && state_at(w, C1, K12) == LINK_live, "the link does not go on");
    heal_and_check(w);
}

/* ---- floods and slow links: what the others' records take from the clerk to their tier --------------------------------------------------- */

/* The slowest of a few, with so many reports of `noisy` on that task meanwhile, every ten milliseconds. */
static uint64_t slowest(struct world *w, uint32_t noisy, struct rec_id task, int reports, size_t bytes, struct rec_id (*say)(struct world *w, uint32_t unit),
                        uint32_t unit, uint32_t at) {
    enum { PROBES = 10, STEP_MS = 10, PATIENCE_MS = 120000 };
    uint64_t slowest = 0;
    for (int i = 0; i < PROBES && !w->failed; i++) {
        struct rec_id id = say(w, unit);
        uint64_t began = w->now_ms;
        while (!w->failed && !holds(w, at, id) && w->now_ms < began + PATIENCE_MS) {
            for (int k = 0; k < reports && w->now_ms < began + SECOND; k++) progress(w, noisy, task, k, bytes);
            run_for(w, STEP_MS);
        }
        if (w->now_ms - began > slowest) slowest = w->now_ms - began;
        while (!w->failed && w->now_ms < began + SECOND) {
            for (int k = 0; k < reports; k++) progress(w, noisy, task, k, bytes);
            run_for(w, STEP_MS);
        }
    }
    return slowest;
}

/* One county reports five times what its city can take in a second; the city's other county is served in turn. */
static void flood(struct world *w) {
    whole_tree(w);
    struct rec_id task = issue(w, C1, K11, KIND_task, 0);
    run_for(w, 5 * SECOND);
    act(w, K11, task, "sign", 0);
    run_for(w, 5 * SECOND);
    w->odds.us_per_record = 2000;
    uint64_t calm = slowest(w, K11, task, 0, 0, problem, K12, C1), flooded = slowest(w, K11, task, 25, 100, problem, K12, C1);
    printf("     flood: %llu ms without, %llu ms with it\n", (unsigned long long)calm, (unsigned long long)flooded);
    expect(w, flooded <= calm + 2000, "a sibling's problem takes %llu ms instead of %llu", (unsigned long long)flooded, (unsigned long long)calm);
    w->odds.us_per_record = 0;
    run_for(w, 2 * MINUTE);
    heal_and_check(w);
}

/* The city's line takes 20,000 bytes a second, and one county brings it for the province what takes five minutes: a fire of the other overtakes all but
 * what is on its way. */
static void slow_link(struct world *w) {
    whole_tree(w);
    struct rec_id task = issue(w, P, K11, KIND_task, 0);
    run_for(w, 5 * SECOND);
    act(w, K11, task, "sign", 0);
    run_for(w, 5 * SECOND);
    node_of(w, C1)->line.bytes_per_s = 20000;
    node_of(w, C1)->line.slow_until = w->now_ms + 10 * MINUTE;
    uint64_t calm = slowest(w, K11, task, 0, 0, fire, K12, P), flooded = slowest(w, K11, task, 3, 2000, fire, K12, P);
    printf("     slow link: %llu ms without, %llu ms with a backlog\n", (unsigned long long)calm, (unsigned long long)flooded);
    expect(w, flooded <= calm + 15 * SECOND, "a fire takes %llu ms instead of %llu", (unsigned long long)flooded, (unsigned long long)calm);
    heal_and_check(w);
}

/* "You lost something": believed, and after a few times not again so soon. Who has lost something is told until it has it back. */
static void claim_flood(struct world *w) {
    one_line(w);
    struct answered story = { 0 };
    w->story = &story;
    w->eats = count_answers;
    for (int i = 0; i < 100; i++) {
        arena_reset(w->arena);
        node_feed(w, node_of(w, C1), K12, CHANNEL_SYNC, hello_of(w, K12, C1, true, true));
        run_for(w, 200);
    }
    expect(w, story.asks > 0 && story.asks <= 12, "the city asked the province %u times in 20 seconds", story.asks);
    run_for(w, 30 * SECOND);
    (void)order(w, C1, K12);
    run_for(w, 5 * SECOND);
    expect(w, state_at(w, C1, P) == LINK_live && state_at(w, C1, K12) == LINK_live, "the links do not go on");
    heal_and_check(w);
}

/* A fetch sends again what was sent: who never acknowledges is sent the same ever more seldom. */
static void fetch_flood(struct world *w) {
    one_line(w);
    for (int i = 0; i < 20; i++) { (void)order(w, C1, K12); (void)big_problem(w, C1); }
    run_for(w, 10 * SECOND);
    struct answered story = { 0 };
    w->story = &story;
    w->eats = count_answers;
    for (int i = 0; i < 1000; i++) {
        struct fetch fetch = { { K12, LANE_URGENT }, store_epoch(node_of(w, C1)->store), 0 };
        struct lz_bytes packet = { 0 };
        arena_reset(w->arena);
        expect(w, fetch_encode(w->arena, &fetch, &packet) == LZ_ok, "cannot encode a fetch");
        node_feed(w, node_of(w, C1), K12, CHANNEL_SYNC, packet);
        run_for(w, 10);
    }
    expect(w, counters_at(w, C1)->fetches_served < 20, "%llu of 1000 fetches in 10 seconds were served", (unsigned long long)counters_at(w,
        C1)->fetches_served);
    expect(w, counters_at(w, C1)->limited > 900, "it was not counted");
    heal_and_check(w);
}

/* A county acts on its sibling's problem: not its own. When the city has handed it the problem, it is. */
static void others_problem(struct world *w) {
    whole_tree(w);
    struct rec_id id = problem(w, K12);
    run_for(w, 5 * SECOND);
    struct record r = { .kind = KIND_move, .origin = K11, .tier = TIER_COUNTY, .subject = id };
    r.of.move = (struct move){ .move = move_by_name(MACHINE_PROBLEM, "escalate")->number, .text = lz_bytes_str("假"), .to_unit = C1 };
    struct rec_id forged = plant(w, K11, &r, 0, (struct feed_id){ SCOPE_UP, LANE_ROUTINE }, false);
    run_for(w, 10 * SECOND);
    expect(w, !has_id(w, C1, forged), "a county acted on its sibling's problem");
    expect(w, refused_at(w, C1, K11, "foreign_origin", NULL) == 1, "it is not in `refused`");
    (void)act(w, K12, id, "escalate", 0);
    run_for(w, 5 * SECOND);
    (void)act(w, C1, id, "accept", 0);
    (void)act(w, C1, id, "assign", K11);
    run_for(w, 10 * SECOND);
    struct rec_id handled = act(w, K11, id, "handle", 0);
    run_for(w, 10 * SECOND);
    expect(w, holds(w, C1, handled) && holds(w, K12, handled), "a county that was handed the problem may not act on it");
}

/* A city forges orders downward. From another city, from below, for others: refused. In the province's name and for this county: that
 * waits for signatures, and here it says so. */
static void forged_orders(struct world *w) {
    whole_tree(w);
    static const struct { uint32_t origin; uint8_t tier; uint32_t to; bool refused; } orders[] = {
        { C2, TIER_CITY, K12, true }, { K21, TIER_CITY, K12, true }, { P, TIER_COUNTY, K12, true }, { P, TIER_PROVINCE, K11, true },
        { P, TIER_PROVINCE, C2, true }, { P, TIER_PROVINCE, K12, false },
    };
    size_t refused = 0;
    for (size_t i = 0; i < LZ_COUNT(orders); i++) {
        uint32_t targets[1] = { orders[i].to };
        struct record d = { .kind = KIND_general_order, .origin = orders[i].origin, .tier = orders[i].tier, .targets = targets, .n_targets = 1 };
        d.of.directive.title = lz_bytes_str("假");
        struct rec_id id = plant(w, C1, &d, 0, (struct feed_id){ K12, LANE_URGENT }, false);
        run_for(w, 5 * SECOND);
        refused += orders[i].refused;
        expect(w, has_id(w, K12, id) != orders[i].refused, "order %zu", i);
        expect(w, refused_at(w, K12, C1, "foreign_origin", NULL) == refused, "order %zu is not in `refused`", i);
    }
    struct rec_id own = order(w, P, K12);
    struct record r = { .kind = KIND_move, .origin = C1, .tier = TIER_CITY, .subject = own };
    r.of.move = (struct move){ .move = move_by_name(MACHINE_HANDLING, "withdraw")->number, .unit = K12, .text = lz_bytes_str("假") };
    run_for(w, 5 * SECOND);
    struct rec_id ruling = plant(w, C1, &r, 0, (struct feed_id){ K12, LANE_URGENT }, false);
    run_for(w, 5 * SECOND);
    expect(w, holds(w, K12, own) && !has_id(w, K12, ruling), "a city ruled on the province's order");
    expect(w, state_at(w, K12, C1) == LINK_live, "the link does not go on");
}

/* Evidence against one neighbour does not fill the store of all. */
static void evidence_ends(struct world *w) {
    whole_tree(w);
    enum { MANY = REFUSED_KEPT_MAX + 200, A_BATCH = 100 };
    uint64_t refused = counters_at(w, C1)->refused;
    for (unsigned i = 0; i < MANY / A_BATCH; i++) {
        struct lz_bytes list[A_BATCH], packet = { 0 };
        arena_reset(w->arena);
        for (unsigned k = 0; k < A_BATCH; k++) {
            struct record r = { .kind = KIND_problem, .origin = K12, .tier = TIER_COUNTY, .stamp = 1 + i * A_BATCH + k, .epoch = 1, .lane = LANE_ROUTINE,
                                .direction = DIRECTION_UP, .reach = REACH_PARENT };
            r.of.problem.title = lz_bytes_str("假");
            expect(w, record_encode(w->arena, &r, NULL) == LZ_ok, "cannot encode");
            list[k] = r.envelope;
        }
        uint64_t from = 1000 + i * A_BATCH;
        struct batch b = { .feed = { SCOPE_UP, LANE_BULK }, .epoch = store_epoch(node_of(w, K11)->store), .from = i ? from : 0, .to = from + A_BATCH,
                           .seen = from + A_BATCH, .tip = from + A_BATCH, .envelopes = list, .n_envelopes = A_BATCH };
        expect(w, batch_encode(w->arena, &b, &packet) == LZ_ok, "cannot encode a batch");
        node_feed(w, node_of(w, C1), K11, CHANNEL_SYNC, packet);
    }
    expect(w, counters_at(w, C1)->refused == refused + MANY / A_BATCH * A_BATCH, "not all were counted");
    expect(w, refused_at(w, C1, K11, "foreign_origin", NULL) == REFUSED_KEPT_MAX, "%zu are kept", refused_at(w, C1, K11, "foreign_origin", NULL));
    node_down(w, node_of(w, C1), 100);
    run_for(w, 5 * SECOND);
    expect(w, state_at(w, C1, K12) == LINK_live, "the sibling's link does not go on");
}

static void note_refused(struct world *w, uint32_t at, uint32_t by, struct rec_id id, enum lz_err err) {
    struct node *n = node_of(w, at);
    struct stored stored;
    uint8_t value[4096] = { 0 };
    expect(w, store_record_get(n->store, key_id(id), &stored), "%u does not hold it", at);
    if (w->failed) return;
    size_t len = stored.envelope.len;
    const char *why = lz_err_name(err);
    lz_put16(value + 8, (uint16_t)strlen(why));
    memcpy(value + 10, why, strlen(why));
    memcpy(value + 10 + strlen(why), stored.envelope.data, len);
    store_abort(n->store);
    node_begin(w, n);
    bool whole = err != LZ_unknown_kind || id.origin == at;      /* one's own is in one's sums: it stays */
    if (!whole) store_delete(n->store, TABLE_standing, key_standing(id, 0));
    store_put(n->store, TABLE_refused, key_refused(by, key_id(id)), lz_bytes_of(value, 10 + strlen(why) + len));
    node_finish(w, n);
    expect(w, refused_at(w, at, by, why, NULL) == 1, "the scene is not set");
}

/* As an older program left a record that a neighbour brought: held, noted as of an unknown kind, and without effect. */
static void carried_by(struct world *w, uint32_t at, uint32_t by, struct rec_id id) { note_refused(w, at, by, id, LZ_unknown_kind); }

/* A report that was refused once, and has come since on another way, is not counted a second time when what was refused is tried again. */
static void refused_and_held(struct world *w) {
    one_line(w);
    struct rec_id task = issue(w, P, K12, KIND_task, 0);
    run_for(w, 5 * SECOND);
    act(w, K12, task, "sign", 0);
    struct rec_id id = progress(w, K12, task, 10, 10);
    run_for(w, 5 * SECOND);
    note_refused(w, C1, K12, id, LZ_foreign_origin);
    node_down(w, node_of(w, C1), 100);
    run_for(w, 5 * SECOND);
    expect(w, refused_at(w, C1, K12, "foreign_origin", NULL) == 0, "it is still refused");
    expect(w, standing_at(w, C1, task, K12).n_progress == 1, "it is counted %u times", standing_at(w, C1, task, K12).n_progress);
    heal_and_check(w);
}

static void expect_tried(struct world *w, uint32_t at, uint32_t by, struct rec_id id) {
    struct lz_bytes v;
    expect(w, refused_at(w, at, by, "unknown_kind", NULL) == 0, "it is still refused at %u", at);
    if (w->failed) return;
    expect(w, store_get(node_of(w, at)->store, TABLE_standing, key_standing(id, 0), &v), "it has no standing at %u", at);
    store_abort(node_of(w, at)->store);
}

/* What an older program could only carry or had to refuse is tried again at the next start, and then has its effect. */
static void tried_again(struct world *w) {
    one_line(w);
    struct rec_id id = problem(w, K12);
    run_for(w, 5 * SECOND);
    carried_by(w, C1, K12, id);
    node_down(w, node_of(w, C1), 100);
    run_for(w, 5 * SECOND);
    expect_tried(w, C1, K12, id);
    heal_and_check(w);
}

/* The same when it came as a reclaim, to a city from its parent and to a county its own: who might only give it back may not say it anew. */
static void tried_again_after_a_loss(struct world *w) {
    one_line(w);
    struct rec_id id = problem(w, K12), burning = fire(w, K12);
    run_for(w, 5 * SECOND);
    carried_by(w, K12, C1, id);
    carried_by(w, C1, P, burning);
    node_down(w, node_of(w, C1), 100);
    node_down(w, node_of(w, K12), 100);
    run_for(w, 5 * SECOND);
    expect_tried(w, K12, C1, id);
    expect_tried(w, C1, P, burning);
    heal_and_check(w);
}

/* And when whoever brought it is no neighbour any more: it is held, and nobody else will bring it. */
static void tried_again_after_a_move(struct world *w) {
    one_line(w);
    struct rec_id burning = fire(w, K12);
    run_for(w, 5 * SECOND);
    carried_by(w, P, K21, burning);
    node_down(w, node_of(w, P), 100);
    run_for(w, 5 * SECOND);
    expect_tried(w, P, K21, burning);
    heal_and_check(w);
}

/* A move on a directive of a kind that only a newer version knows stands in the index where that version will look for it: it is one unit's
 * answer, not everybody's. */
static void move_of_a_new_kind(struct world *w) {
    one_line(w);
    struct rec_id subject = { P, 98, UINT64_C(1650762000000) << 16, 1 };
    struct record r = { .kind = KIND_move, .origin = K12, .tier = TIER_COUNTY, .subject = subject };
    r.of.move = (struct move){ .move = move_by_name(MACHINE_HANDLING, "sign")->number, .unit = K12 };
    struct rec_id id = plant(w, K12, &r, 0, (struct feed_id){ SCOPE_UP, LANE_URGENT }, false);
    run_for(w, 5 * SECOND);
    struct store *city = node_of(w, C1)->store;
    bool own = store_has(city, TABLE_subject, key_move(subject, K12, id.origin, id.stamp, id.epoch));
    bool all = store_has(city, TABLE_subject, key_move(subject, 0, id.origin, id.stamp, id.epoch));
    store_abort(city);
    expect(w, has_id(w, C1, id) && own && !all, "the county's answer stands for everybody");
    node_down(w, node_of(w, C1), 100);
    run_for(w, 5 * SECOND);
    expect(w, refused_at(w, C1, K12, "unknown_kind", NULL) == 1, "it is not kept for the version that will know its subject");
}

/* Progress on a task of a kind that only a newer version knows is counted when that version runs here. */
static void progress_before_its_kind(struct world *w) {
    one_line(w);
    struct node *city = node_of(w, C1);
    struct rec_id subject = { P, 98, UINT64_C(1650762000000) << 16, 1 }, task = issue(w, P, K12, KIND_task, 0);
    run_for(w, 5 * SECOND);
    act(w, K12, task, "sign", 0);
    for (int i = 0; i < 3; i++) progress(w, K12, task, i, 10);
    run_for(w, 5 * SECOND);
    expect(w, standing_at(w, C1, task, K12).n_progress == 3 && standing_at(w, C1, task, K12).state == HANDLING_handling, "the story");
    struct lz_bytes v;
    uint8_t row[512];
    expect(w, store_get(city->store, TABLE_standing, key_standing(task, K12), &v) && v.len <= sizeof row, "there is no row");
    if (w->failed) return;
    size_t len = v.len;
    memcpy(row, v.data, len);
    row[0] = MACHINE_NONE;                                   /* as an older program leaves it, which knows no life cycle of the kind */
    row[1] = 0;
    store_abort(city->store);
    carried_by(w, C1, P, task);
    node_begin(w, city);
    store_put(city->store, TABLE_standing, key_standing(task, K12), lz_bytes_of(row, len));
    node_finish(w, city);
    node_down(w, city, 100);
    run_for(w, 5 * SECOND);
    expect(w, standing_at(w, C1, task, K12).n_progress == 3 && standing_at(w, C1, task, K12).state == HANDLING_handling, "it is not taken up");
    heal_and_check(w);
    struct record r = { .kind = KIND_progress, .origin = K12, .tier = TIER_COUNTY, .subject = subject };
    r.of.progress = (struct progress){ 20220420, 30, 100, lz_bytes_str("进展") };
    struct rec_id id = plant(w, K12, &r, 0, (struct feed_id){ SCOPE_UP, LANE_ROUTINE }, false);
    run_for(w, 5 * SECOND);
    struct standing kept = standing_at(w, C1, subject, K12);
    expect(w, has_id(w, C1, id) && kept.n_progress == 1 && kept.numerator == 30, "nothing of it is kept for the version to come");
    node_begin(w, city);
    turn_repair(city->turn);
    node_finish(w, city);
    run_for(w, 5 * SECOND);
    expect(w, standing_at(w, C1, subject, K12).n_progress == 1, "repair counts it otherwise");
    expect_whole(w, C1);
}

/* The city enrols a county anew, for itself alone or for its township too. */
static void enrol_for(struct world *w, bool township_too) {
    struct node *city = node_of(w, C1);
    uint32_t subtree[2] = { K11, T };
    uint8_t key[32], secret[32];
    carry_keys(K11, key, secret);
    enum lz_err err = roster_add(city->roster, K11, key, subtree, township_too ? 2 : 1, NULL);
    expect(w, err == LZ_ok, "cannot enrol: %s", lz_err_name(err));
    node_begin(w, city);
    turn_child_added(city->turn, K11);
    expect(w, node_finish(w, city), "the city's turn");
}

/* A county is enrolled without its township, and then put right: what had been refused meanwhile comes, though its cursor has passed it. */
static void wider_subtree(struct world *w) {
    whole_tree(w);
    enrol_for(w, false);
    struct rec_id burning = fire(w, T);
    run_for(w, 10 * SECOND);
    expect(w, holds(w, K11, burning) && !holds(w, C1, burning), "the story: the city refused it");
    expect(w, refused_at(w, C1, K11, "foreign_origin", NULL) > 0, "it is not in `refused`");
    enrol_for(w, true);
    run_for(w, 10 * SECOND);
    expect(w, holds(w, C1, burning) && holds(w, P, burning), "it has not come");
    expect(w, refused_at(w, C1, K11, "foreign_origin", NULL) == 0, "it is still refused");
    heal_and_check(w);
}

static size_t held_of(struct world *w, uint32_t unit, uint32_t origin, uint16_t kind) {
    struct key prefix = key_record(origin, kind, (struct lz_bytes){ 0 }, 0, 0), key;
    struct store *store = node_of(w, unit)->store;
    struct lz_bytes v;
    size_t n = 0;
    prefix.len = 6;
    for (key = prefix; store_seek(store, TABLE_record, &key, &v) && key_begins(&key, &prefix, 6); key = key_after(key)) n++;
    store_abort(store);
    return n;
}

/* The same with more of it than is kept as evidence: the county's feeds are read again. */
static void much_wider_subtree(struct world *w) {
    enum { MANY = REFUSED_KEPT_MAX + 200 };
    whole_tree(w);
    enrol_for(w, false);
    struct node *county = node_of(w, K11);
    struct feed_id up = { SCOPE_UP, LANE_ROUTINE };
    w->planted = true;
    node_begin(w, county);
    for (unsigned i = 0; i < MANY; i++) {
        struct record r = { .kind = KIND_problem, .origin = T, .tier = TIER_TOWNSHIP, .stamp = 1 + i, .epoch = 1, .lane = LANE_ROUTINE,
                            .direction = DIRECTION_UP, .reach = REACH_PARENT };
        r.of.problem.title = lz_bytes_str("毁林");
        expect(w, record_encode(turn_arena(county->turn), &r, NULL) == LZ_ok, "cannot encode");
        expect(w, store_record_put(county->store, key_of(&r), r.envelope, &up, 1, false) == LZ_ok, "cannot plant");
    }
    expect(w, node_finish(w, county), "the county's turn");
    run_for(w, 30 * SECOND);
    expect(w, refused_at(w, C1, K11, "foreign_origin", NULL) == REFUSED_KEPT_MAX && held_of(w, C1, T, KIND_problem) == 0, "the story: all were refused");
    enrol_for(w, true);
    run_for(w, MINUTE);
    size_t n = held_of(w, C1, T, KIND_problem);
    expect(w, n == MANY, "%zu of %d have come", n, (int)MANY);
}

/* What is offered to a county: whose own, and whatever is said. Nothing of what the county says comes to the city. */
struct offered { uint32_t to; unsigned addressed; };
static bool deaf_to_it(struct world *w, const struct node *from, const struct node *to, struct lz_bytes bytes) {
    struct offered *s = w->story;
    if (from->code == C1 && to->code == s->to && is_batch_of(w, bytes, (struct feed_id){ s->to, LANE_URGENT })) s->addressed++;
    return from->code == s->to && to->code == C1;
}

/* Two counties' keys are exchanged while the city runs: the machine that now has the one's key says that it is the other. What is
 * addressed to the one is not sent to it, also when it had been greeted before; and to the right one as soon as that is back. */
static void wrong_hello(struct world *w) {
    whole_tree(w);
    run_for(w, 10 * SECOND);
    expect(w, state_at(w, C1, K12) == LINK_live, "live before");
    struct offered story = { K12, 0 };
    w->story = &story;
    w->eats = deaf_to_it;
    arena_reset(w->arena);
    node_feed(w, node_of(w, C1), K12, CHANNEL_SYNC, hello_of(w, K11, C1, false, false));
    struct rec_id id = order(w, C1, K12);
    run_for(w, 10 * SECOND);
    expect(w, story.addressed == 0, "an order for one county went to the machine of another, %u times", story.addressed);
    expect(w, state_at(w, C1, K12) != LINK_live, "the link says live");
    w->eats = NULL;
    run_for(w, 20 * SECOND);
    expect(w, holds(w, K12, id) && state_at(w, C1, K12) == LINK_live, "the right machine is back and has not got it");
    heal_and_check(w);
}

/* ---- all of them ---------------------------------------------------------------------------------------------------------------------------- */

/* ---- rot ------------------------------------------------------------------------------------------------------------------ */

static void some_business(struct world *w) {
    struct rec_id task = issue(w, P, 0, KIND_task, 0), o = order(w, P, 0), found = problem(w, K12);
    run_for(w, 5 * SECOND);
    static const uint32_t reporting[] = { K12, K11, C1 };
    for (size_t i = 0; i < LZ_COUNT(reporting); i++) {
        act(w, reporting[i], task, "sign", 0);
        act(w, reporting[i], task, "start", 0);
        progress(w, reporting[i], task, (int64_t)(3 + i), 100);
    }
    act(w, K12, o, "sign", 0);
    act(w, C1, o, "sign", 0);
    act(w, K12, found, "escalate", 0);
    duty(w, K12, "张三");
    duty(w, C1, "李四");
    fire(w, K11);
    order(w, C1, K12);
    run_for(w, 5 * SECOND);
}

void scenario_business(struct world *w) {
    whole_tree(w);
    some_business(w);
}

static void expect_whole(struct world *w, uint32_t unit) {
    struct node *n = node_of(w, unit);
    struct repair_view v;
    struct verify verify;
    if (w->failed || !n->up) return;
    turn_repair_view(n->turn, &v);
    expect(w, v.n_damaged == 0, "%u still lacks %zu records", unit, v.n_damaged);
    node_begin(w, n);
    flow_verify(turn_flow(n->turn), &verify);
    expect(w, verify.differences == 0, "%u: verify finds %.*s", unit, (int)verify.first.len, (const char *)verify.first.data);
    node_finish(w, n);
}

/* One table after the other rots at every tier: derived rows are made again, records come back from a neighbour. */
static void rot_heals(struct world *w, bool in_key) {
    static const uint32_t units[] = { P, C1, K12 };
    size_t damaged = 0;
    whole_tree(w);
    some_business(w);
    for (size_t i = 0; i < LZ_COUNT(units) && !w->failed; i++)
        for (int table = 0; table < TABLE_COUNT && !w->failed; table++) {
            struct node *n = node_of(w, units[i]);
            if (table == TABLE_meta || table == TABLE_audit) continue;
            node_down(w, n, 1000);
            damaged += node_rot(w, n, (enum table)table, 2, in_key);
            run_for(w, 20 * SECOND);
            expect_whole(w, units[i]);
            if (w->failed) printf("after rot in table %s:\n", table_name((enum table)table));
        }
    expect(w, damaged > 100, "only %zu values rotted", damaged);
    heal_and_check(w);
}
static void rot_in_values(struct world *w) { rot_heals(w, false); }
static void rot_in_keys(struct world *w) { rot_heals(w, true); }

static bool everything(struct world *w, const struct node *from, const struct node *to, struct lz_bytes bytes) {
    (void)w; (void)from; (void)to; (void)bytes;
    return true;
}

/* What nobody else holds is lost, is said, and is given up by an operator: then everything is consistent again. */
static void rot_given_up(struct world *w) {
    one_line(w);
    struct node *county = node_of(w, K12);
    struct repair_view v;
    order(w, P, 0);
    run_for(w, 5 * SECOND);
    world_dark(w, county, MINUTE);
    struct rec_id lost = problem(w, K12);
    run_for(w, SECOND);
    node_down(w, county, 1000);
    node_rot(w, county, TABLE_record, 1, false);
    w->eats = everything;
    run_for(w, 30 * SECOND);
    expect(w, state_at(w, K12, C1) != LINK_live, "nothing is said to be in sync");
    uint32_t asked = 0, absent = 0;
    turn_repair_view(county->turn, &v);
    if (v.n_damaged) (void)turn_damaged(county->turn, 0, &asked, &absent);
    expect(w, v.n_damaged > 1 && asked == 1 && absent == 0, "the city is away, and may have it all the same");
    w->eats = NULL;
    run_for(w, 2 * MINUTE);
    turn_repair_view(county->turn, &v);
    struct key key = v.n_damaged ? turn_damaged(county->turn, 0, &asked, &absent) : (struct key){ 0 }, what = key_id(lost);
    expect(w, v.n_damaged == 1 && lz_bytes_equal(key_view(&key), key_view(&what)), "the order came back, %zu records did not", v.n_damaged);
    expect(w, asked == 1 && absent == 1 && state_at(w, K12, C1) == LINK_blocked, "the city says that it does not have it");
    struct lz_bytes twice[] = { key_view(&what), key_view(&what) }, packet;
    struct repair again = { .keys = twice, .n_keys = LZ_COUNT(twice) };
    struct arena *own = arena_create(1 << 20);
    enum lz_err err = repair_encode(own, PACKET_REPAIR_ANSWER, &again, &packet);
    for (int i = 0; err == LZ_ok && i < 3; i++) node_feed(w, county, C1, CHANNEL_SYNC, packet);
    arena_destroy(&own);
    (void)turn_damaged(county->turn, 0, &asked, &absent);
    expect(w, err == LZ_ok && absent <= asked, "one neighbour counts as %u of %u", absent, asked);
    for (size_t i = 0; i < w->n_told; i++)
        if (rec_id_equal(w->told[i].id, lost)) w->told[i].lost = true;
    witness_given_up(w, county, lost);
    node_begin(w, county);
    turn_repair_give_up(county->turn);
    node_finish(w, county);
    expect_whole(w, K12);
    heal_and_check(w);
    expect(w, state_at(w, K12, C1) == LINK_live, "what is lost is given up: the rest is in sync");
}

static size_t rot_everywhere(struct world *w, struct node *n, uint32_t one_in) {
    size_t damaged = 0;
    for (int table = 0; table < TABLE_COUNT; table++)
        if (table != TABLE_meta && table != TABLE_audit) damaged += node_rot(w, n, (enum table)table, one_in, false);
    return damaged;
}

/* Records and what is derived from them, in one look: what is made again lacks the damaged records, until they are back. */
static void rot_together(struct world *w) {
    whole_tree(w);
    some_business(w);
    for (int round = 0; round < 6 && !w->failed; round++) {
        struct node *n = node_of(w, round % 2 ? K12 : C1);
        if (round < 4) node_down(w, n, 1000);
        expect(w, rot_everywhere(w, n, 3) > 20, "hardly anything rotted");
        run_for(w, 1500);
        if (round >= 4) { node_begin(w, n); turn_repair(n->turn); node_finish(w, n); }
        run_for(w, 60 * SECOND);
        expect_whole(w, n->code);
    }
    heal_and_check(w);
}

/* Single values: what rotted may be written over before anybody looks, and then stands on less than its records say. */
static void rot_singly(struct world *w) {
    whole_tree(w);
    some_business(w);
    for (int round = 0; round < 40 && !w->failed; round++) {
        static const enum table tables[] = { TABLE_standing, TABLE_rollup, TABLE_subject, TABLE_record, TABLE_feed };
        struct node *n = node_of(w, round % 2 ? K12 : C1);
        bool down = round % 4 < 2;
        if (down) node_down(w, n, 1000);
        (void)node_rot(w, n, tables[round % 5], 8, false);
        if (!down) { duty(w, n->code, "王五"); problem(w, n->code); }
        run_for(w, MINUTE);
        node_begin(w, n);
        turn_repair(n->turn);
        node_finish(w, n);
        run_for(w, 20 * SECOND);
        expect_whole(w, n->code);
    }
    heal_and_check(w);
}

/* A turn that makes good is given up: nothing of it happened, so it is not believed to have. */
static void rot_aborted(struct world *w) {
    struct repair_view v;
    whole_tree(w);
    some_business(w);
    struct node *n = node_of(w, C1);
    expect(w, rot_everywhere(w, n, 2) > 20, "hardly anything rotted");
    n->full = true;
    node_begin(w, n);
    turn_repair(n->turn);
    bool done = node_finish(w, n);
    turn_repair_view(n->turn, &v);
    expect(w, !done && v.made_good == 0, "%llu are said to be made good", (unsigned long long)v.made_good);
    run_for(w, 2 * SECOND);
    n->full = false;
    run_for(w, 2 * MINUTE);
    expect_whole(w, C1);
    heal_and_check(w);
}

/* ---- files instead of a network (carry.c) ------------------------------------------------------------------------------------ */

/* Province, city, county; the county, or the city too, never has a network. */
static void offline_line(struct world *w, bool city_too) {
    world_add(w, P, 0, TIER_PROVINCE, true);
    world_add(w, C1, P, TIER_CITY, true);
    world_add(w, K12, C1, TIER_COUNTY, true);
    w->filed[1] = city_too;
    w->filed[2] = true;
    world_start(w);
    run_for(w, 5 * SECOND);
    carry_settle(w);
}

static enum lz_err carry(struct world *w, uint32_t from, uint32_t to) {
    struct stick s;
    if (w->failed || !carry_export(w, node_of(w, from), to, &s)) return LZ_not_found;
    enum lz_err err = carry_import(w, &s);
    free(s.bytes);
    return err;
}

static struct stick made(struct world *w, uint32_t from, uint32_t to) {
    struct stick s = { 0 };
    expect(w, carry_export(w, node_of(w, from), to, &s), "%u could not make a bundle for %u", from, to);
    return s;
}

static void expect_taken(struct world *w, const struct stick *s, enum lz_err wanted) {
    if (w->failed) return;
    enum lz_err err = carry_import(w, s);
    expect(w, err == wanted, "bundle %u was %s, not %s", (unsigned)s->serial, lz_err_name(err), lz_err_name(wanted));
}

static void settle_and_check(struct world *w) {
    if (w->failed) return;
    world_heal(w);
    run_for(w, MINUTE);
    carry_settle(w);
    if (!w->failed) world_check(w);
}

/* Nothing but files, through two tiers: orders down, problems up, receipts both ways, and nobody says `live`. */
static void files_only(struct world *w) {
    offline_line(w, true);
    struct rec_id id = order(w, P, 0), up = problem(w, K12);
    expect(w, !holds(w, C1, id), "there is a network");
    expect(w, carry(w, P, C1) == LZ_ok && carry(w, C1, K12) == LZ_ok, "the order does not go down");
    expect(w, holds(w, K12, id) && state_at(w, K12, C1) == LINK_dialling, "the county does not have it, or says too much");
    act(w, K12, id, "sign", 0);
    expect(w, carry(w, K12, C1) == LZ_ok && carry(w, C1, P) == LZ_ok, "the answer does not go up");
    expect(w, holds(w, C1, up) && moves_at(w, P, id, K12, "sign", K12).n == 1, "the signing is not at the province");
    settle_and_check(w);
}

/* It dies before and after each of the commits of an import, and the file is imported again: everything once. */
static void files_crash(struct world *w) {
    offline_line(w, false);
    struct rec_id ids[40];
    for (int i = 0; i < 40; i++) ids[i] = big_problem(w, K12);
    struct stick s = made(w, K12, C1);
    for (int i = 0; i < 12 && !w->failed; i++) {
        node_of(w, C1)->dies = i % 2 ? 1 : 2;
        enum lz_err err = carry_import(w, &s);
        expect(w, err == LZ_store_io || err == LZ_bundle_replayed, "it did not die: %s", lz_err_name(err));
        run_for(w, 10 * SECOND);
    }
    enum lz_err err = w->failed ? LZ_ok : carry_import(w, &s);
    expect(w, err == LZ_ok || err == LZ_bundle_replayed, "the file does not go on: %s", lz_err_name(err));
    for (int i = 0; i < 40; i++) expect(w, holds(w, C1, ids[i]), "problem %d is not at the city", i);
    expect_taken(w, &s, LZ_bundle_replayed);
    free(s.bytes);
    settle_and_check(w);
}

/* The disk is full in the middle: nothing half, and it goes on when there is room. */
static void files_full(struct world *w) {
    offline_line(w, false);
    struct rec_id id = problem(w, K12);
    struct stick s = made(w, K12, C1);
    node_of(w, C1)->full = true;
    enum lz_err err = w->failed ? LZ_full : carry_import(w, &s);
    expect(w, err != LZ_ok && !holds(w, C1, id), "a full disk took it: %s", lz_err_name(err));
    node_of(w, C1)->full = false;
    run_for(w, 2 * SECOND);
    expect_taken(w, &s, LZ_ok);
    expect(w, holds(w, C1, id), "it did not go on");
    free(s.bytes);
    settle_and_check(w);
}

/* A lost store comes back through files alone, though both start anew on every day that a file is under way. */
static void files_lost_store(struct world *w) {
    offline_line(w, false);
    struct rec_id up = problem(w, K12), down = order(w, C1, K12);
    carry_settle(w);
    node_destroy(w, node_of(w, K12));
    for (int i = 0; i < 4 && !w->failed; i++) {
        carry(w, K12, C1);
        node_down(w, node_of(w, C1), 100);
        run_for(w, 5 * SECOND);
        struct stick answer = made(w, C1, K12), another;
        node_down(w, node_of(w, K12), 100);
        run_for(w, 5 * SECOND);
        another = made(w, K12, C1);                              /* it asks again, by a stick that is lost, before the answer comes */
        free(another.bytes);
        expect_taken(w, &answer, LZ_ok);
        free(answer.bytes);
    }
    expect(w, holds(w, K12, up) && holds(w, K12, down), "the county does not have its own back");
    settle_and_check(w);
}

/* Both went back at once: each begins behind what the other has. Their hellos must be heard all the same. */
static void files_both_restored(struct world *w) {
    offline_line(w, false);
    for (int i = 0; i < 3; i++) { problem(w, K12); order(w, C1, K12); }
    carry_settle(w);
    node_copy(w, node_of(w, K12));
    for (int i = 0; i < 3; i++) { problem(w, K12); order(w, C1, K12); }
    carry_settle(w);
    node_copy(w, node_of(w, C1));                                /* so each of the two copies knows of more than the other holds */
    node_restore(w, node_of(w, C1));
    node_restore(w, node_of(w, K12));
    settle_and_check(w);
}

/* A stick that was made before the store was lost comes after one that was made since: it is old, and does no harm. */
static void files_late_stick(struct world *w) {
    offline_line(w, false);
    node_copy(w, node_of(w, K12));
    node_down(w, node_of(w, K12), 100);
    run_for(w, 2 * SECOND);
    problem(w, K12);
    struct stick lost = made(w, K12, C1);
    run_for(w, MINUTE);
    node_restore(w, node_of(w, K12));
    expect(w, carry(w, K12, C1) == LZ_ok, "the store that went back is not heard");
    expect_taken(w, &lost, LZ_bundle_old);
    struct rec_id after = problem(w, K12);
    expect(w, carry(w, K12, C1) == LZ_ok && holds(w, C1, after), "the late stick did harm");
    expect_taken(w, &lost, LZ_bundle_old);
    free(lost.bytes);
    settle_and_check(w);
}

/* An older backup is copied back, and then a newer one: as on the wire this may be two machines with one store, so a person decides, and
 * is told so; it is no old file. After that the files go on. */
static void files_restored_twice(struct world *w) {
    offline_line(w, false);
    struct node *county = node_of(w, K12);
    char older[PATH_BYTES], newer[PATH_BYTES];
    node_copy(w, county);
    memcpy(older, county->backup, sizeof older);
    snprintf(newer, sizeof newer, "%.200s.newer", older);
    node_down(w, county, 100);
    run_for(w, 2 * SECOND);
    problem(w, K12);
    expect(w, carry(w, K12, C1) == LZ_ok, "the second run is not heard");
    memcpy(county->backup, newer, sizeof newer);
    node_copy(w, county);
    struct stick lost = made(w, K12, C1);
    run_for(w, SECOND);
    memcpy(county->backup, older, sizeof older);
    node_restore(w, county);
    expect(w, carry(w, K12, C1) == LZ_ok, "the store that went back is not heard");
    expect_taken(w, &lost, LZ_bundle_old);
    expect(w, state_at(w, C1, K12) != LINK_diverged, "a late file set the link at odds");
    run_for(w, SECOND);
    memcpy(county->backup, newer, sizeof newer);
    node_restore(w, county);
    struct rec_id id = problem(w, K12);
    expect(w, carry(w, K12, C1) == LZ_not_allowed && !holds(w, C1, id), "nobody had to decide");
    expect(w, state_at(w, C1, K12) == LINK_diverged, "the link says %s", link_name(state_at(w, C1, K12)));
    resolve(w, C1, K12);
    expect(w, carry(w, K12, C1) == LZ_ok && carry(w, C1, K12) == LZ_ok && carry(w, K12, C1) == LZ_ok, "it does not go on");
    expect(w, holds(w, C1, id), "its record has not come");
    free(lost.bytes);
    settle_and_check(w);
}

/* Files beside a network that works: they bring nothing new, and the link stays what it is. */
static void files_beside_network(struct world *w) {
    one_line(w);
    run_for(w, 20 * SECOND);
    struct rec_id id = problem(w, K12);
    struct stick s = made(w, K12, C1), later;
    run_for(w, 20 * SECOND);
    struct link_view before, after;
    expect(w, link_at(w, C1, K12, &before) && before.state == LINK_live, "not live");
    expect_taken(w, &s, LZ_ok);
    expect_taken(w, &s, LZ_bundle_replayed);
    expect(w, link_at(w, C1, K12, &after) && after.state == LINK_live && after.since_wall_ms == before.since_wall_ms, "a file disturbed a live link");
    later = made(w, K12, C1);
    node_down(w, node_of(w, K12), 100);
    run_for(w, 20 * SECOND);                                    /* the county runs anew, and the wire has said so */
    expect_taken(w, &later, LZ_bundle_old);
    expect(w, link_at(w, C1, K12, &after) && after.state == LINK_live && holds(w, C1, id), "an old file disturbed a live link");
    world_dark(w, node_of(w, K12), 10 * MINUTE);
    run_for(w, 2 * MINUTE);
    struct rec_id dark = problem(w, K12);
    expect(w, carry(w, K12, C1) == LZ_ok && holds(w, C1, dark), "a dark county is not helped by a file");
    expect(w, state_at(w, C1, K12) != LINK_live, "a file made a dark link live");
    free(s.bytes);
    free(later.bytes);
    run_for(w, 9 * MINUTE);
    heal_and_check(w);
}

struct scenario {
    const char *name;
    void (*tell)(struct world *w);
    bool known;                      /* shows a fault that is not mended yet: run by its name only */
};
static const struct scenario scenarios[] = {
    { "tip", tip, false },
    { "enrol", enrol, false },
    { "late_child", late_child, false },
    { "wish", wish, false },
    { "emergency", emergency, false },
    { "ruled_above", ruled_above, false },
    { "assign", assign, false },
    { "overtake", overtake, false },
    { "seen", seen, false },
    { "newrec", newrec, false },
    { "final", final, false },
    { "persist", persist, false },
    { "two_one_after_another", two_one_after_another, false },
    { "gate", gate, false },
    { "owes", owes, false },
    { "order", order_first, false },
    { "tag", tag, false },
    { "stamp", stamp, false },
    { "rollfix", rollfix, false },
    { "every_tier_deleted", every_tier_deleted, false },
    { "numbers_wait", numbers_wait, false },
    { "two_neighbours_restored", two_neighbours_restored, false },
    { "two_restored_own", two_restored_own, false },
    { "two_restored_busy", two_restored_busy, false },
    { "clone", clone, false },
    { "live_up", live_up, false },
    { "live_down", live_down, false },
    { "live_idle", live_idle, false },
    { "live_beside", live_beside, false },
    { "live_proof", live_proof, false },
    { "live_restored", live_restored, false },
    { "crash", crash, false },
    { "disk_full", disk_full, false },
    { "starts_full", starts_full, false },
    { "sibling_fetch", sibling_fetch, false },
    { "foreign_origin", foreign_origin, false },
    { "conflict", conflict, false },
    { "unknown_kind", unknown_kind, false },
    { "forged_own", forged_own, false },
    { "hello_flood", hello_flood, false },
    { "flood", flood, false },
    { "slow_link", slow_link, false },
    { "claim_flood", claim_flood, false },
    { "fetch_flood", fetch_flood, false },
    { "others_problem", others_problem, false },
    { "evidence_ends", evidence_ends, false },
    { "forged_orders", forged_orders, false },
    { "number_twice", number_twice, false },
    { "tried_again", tried_again, false },
    { "tried_again_after_a_loss", tried_again_after_a_loss, false },
    { "refused_and_held", refused_and_held, false },
    { "tried_again_after_a_move", tried_again_after_a_move, false },
    { "move_of_a_new_kind", move_of_a_new_kind, false },
    { "progress_before_its_kind", progress_before_its_kind, false },
    { "wider_subtree", wider_subtree, false },
    { "much_wider_subtree", much_wider_subtree, false },
    { "wrong_hello", wrong_hello, false },
    { "deadline_escalates", deadline_escalates, false },
    { "deadline_urges", deadline_urges, false },
    { "problems_go_along", problems_go_along, false },
    { "dark_week", dark_week, false },
    { "rot_in_values", rot_in_values, false },
    { "rot_in_keys", rot_in_keys, false },
    { "rot_given_up", rot_given_up, false },
    { "rot_together", rot_together, false },
    { "rot_singly", rot_singly, false },
    { "rot_aborted", rot_aborted, false },
    { "files_only", files_only, false },
    { "files_crash", files_crash, false },
    { "files_full", files_full, false },
    { "files_lost_store", files_lost_store, false },
    { "files_both_restored", files_both_restored, false },
    { "files_late_stick", files_late_stick, false },
    { "files_restored_twice", files_restored_twice, false },
    { "files_beside_network", files_beside_network, false },
};

/* In a process of its own: one that dies by an assertion is one that failed. */
static bool tell_one(const struct scenario *s, bool trace) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        static struct world w;
        char dir[64];
        snprintf(dir, sizeof dir, "%s/lzsim-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (!mkdtemp(dir)) abort();
        world_open(&w, 1, dir, trace);
        w.odds.delay_min_ms = 10;
        w.odds.delay_max_ms = 40;
        s->tell(&w);
        if (!w.failed) world_mend(&w);
        if (w.failed) printf("FAILED %s: %s\n", s->name, w.failure);
        else printf("ok %s\n", s->name);
        fflush(stdout);
        bool failed = w.failed;
        world_close(&w);
        remove_tree(dir);
        _exit(failed ? 1 : 0);
    }
    int status = 1;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) abort();
    if (WIFSIGNALED(status)) printf("FAILED %s: died of signal %d\n", s->name, WTERMSIG(status));
    return status == 0;
}

int scenarios_run(const char *which, bool trace) {
    unsigned ok = 0, failed = 0;
    bool all = strcmp(which, "all") == 0, list = strcmp(which, "list") == 0;
    for (size_t i = 0; i < LZ_COUNT(scenarios); i++) {
        const struct scenario *s = &scenarios[i];
        if (list) { printf("%s%s\n", s->name, s->known ? " (known fault)" : ""); continue; }
        if (all ? s->known : strcmp(which, s->name) != 0) continue;
        if (tell_one(s, trace)) ok++; else failed++;
    }
    if (list) return 0;
    if (ok + failed == 0) { printf("no scenario %s\n", which); return 2; }
    printf("scenarios: %u ok, %u failed\n", ok, failed);
    return failed ? 1 : 0;
}
