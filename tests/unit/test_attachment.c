/* attachments: what the gate lets in, where a file goes, when it is whole, what a wish is answered with; and their rows, lost and made again. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include "../../daemon/flow/flow_room.h"

enum { TOP = 410000, CITY = 410800, A = 410802, B = 410803, PIECE = 100 };
struct node {
    uint32_t unit, parent;
    struct store *store;
    struct flow *flow;
    struct roster *roster;
    char path[96];
};
static char dir[64];
static struct arena *arena;
static struct units *units;
static struct calendar *calendar;
static struct node top, city, a, b;
static struct lz_fail fail;
static uint64_t wall = 1650848400000ull;                            /* Monday 2022-04-25 09:00 in China */
static struct lz_bytes str(const char *text) { return lz_bytes_str(text); }

static void enrol(struct node *n, uint32_t code) {
    uint32_t subtree[256];
    uint8_t key[32] = { 1 };
    lz_put32(key + 4, code);
    size_t count = units_below(units, code, true, subtree, LZ_COUNT(subtree));
    cr_assert_eq(roster_add(n->roster, code, key, subtree, count, &fail), LZ_ok, "%s", fail.text);
}
static void start(struct node *n, uint32_t unit, uint32_t parent, uint8_t tier) {
    static uint8_t starts;
    *n = (struct node){ .unit = unit, .parent = parent, .roster = roster_create() };
    snprintf(n->path, sizeof n->path, "%s/%u", dir, unit);
    struct store_options so = { .path = n->path, .unit = unit, .map_bytes = 256 << 20, .no_sync = true };
    cr_assert_eq(store_open(&n->store, &so, &fail), LZ_ok, "%s", fail.text);
    store_set_arena(n->store, arena);
    struct flow_options fo = { .store = n->store, .roster = n->roster, .units = units, .calendar = calendar, .unit = unit, .parent = parent, .tier = tier,
                               .settings = { .accept_days = 1, .handle_days = 15, .blue_days = 3, .yellow_points = 10, .red_points = 30,
                               .rollup_interval_ms = 1000, .sign_days = 2, .sign_urgent_hours = 4, .urge_after_days = 3, .offer_after_days = 5 } };
    n->flow = flow_create(&fo);
    store_begin_epoch(n->store, (struct epoch){ { 1, ++starts } });
    cr_assert_eq(store_commit(n->store), LZ_ok);
}
static void stop(struct node *n) {
    flow_destroy(&n->flow);
    store_close(&n->store);
    roster_destroy(&n->roster);
}
static void begin(struct node *n) {
    store_abort(n->store);
    store_forget_fresh(n->store);
    arena_reset(arena);
    fail = (struct lz_fail){ 0 };
    flow_begin(n->flow, (struct lz_now){ wall - 1650848400000ull + 1000, wall }, arena);
}
static void end(struct node *n) {
    flow_settle(n->flow);
    cr_assert_eq(store_commit(n->store), LZ_ok);
    flow_committed(n->flow);
    store_forget_fresh(n->store);
}
static void open_world(void) {
    static char text[64 * 1024];
    snprintf(dir, sizeof dir, "/tmp/linzhang-attachment-XXXXXX");
    cr_assert(mkdtemp(dir));
    lz_log_level(LZ_ERROR);
    FILE *f = fopen("deploy/data/divisions-henan.tsv", "rb");
    cr_assert(f, "tests run from the root of the project");
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    units = units_create();
    cr_assert_eq(units_load(units, lz_bytes_of(text, len), &fail), LZ_ok, "%s", fail.text);
    calendar = calendar_create();
    arena = arena_create(192 << 20);
    start(&top, TOP, 0, TIER_PROVINCE);
    start(&city, CITY, TOP, TIER_CITY);
    start(&a, A, CITY, TIER_COUNTY);
    start(&b, B, CITY, TIER_COUNTY);
    enrol(&top, CITY);
    enrol(&city, A);
    enrol(&city, B);
}
static void close_world(void) {
    char command[96];
    stop(&top); stop(&city); stop(&a); stop(&b);
    units_destroy(&units);
    calendar_destroy(&calendar);
    arena_destroy(&arena);
    snprintf(command, sizeof command, "rm -r %s", dir);
    cr_assert_eq(system(command), 0);
}
static void open_arena(void) { arena = arena_create(64 << 20); fail = (struct lz_fail){ 0 }; }
static void close_arena(void) { arena_destroy(&arena); }
TestSuite(gate, .init = open_arena, .fini = close_arena);
TestSuite(place, .init = open_world, .fini = close_world);
TestSuite(file, .init = open_world, .fini = close_world);
TestSuite(wish, .init = open_world, .fini = close_world);
TestSuite(rows, .init = open_world, .fini = close_world);

/* ---- the gate ---- */
static struct record piece_record(void) {
    static uint32_t targets[2] = { A, B };
    struct record r = { .origin = CITY, .kind = KIND_attachment, .lane = LANE_BULK, .direction = DIRECTION_DOWN, .reach = REACH_TARGETS,
                        .tier = TIER_CITY, .stamp = 1, .targets = targets, .n_targets = 2, .subject = { CITY, KIND_task, 1, 1 } };
    r.of.attachment = (struct attachment){ .hash = { 7 }, .total = 25, .piece = 10, .data = str("0123456789"), .name = str("图.png") };
    return r;
}
static enum lz_err judged(struct record r) {
    struct record back;
    fail = (struct lz_fail){ 0 };
    cr_assert_eq(record_encode(arena, &r, &fail), LZ_ok, "%s", fail.text);
    enum lz_err err = record_decode(arena, r.envelope, &back, &fail);
    cr_assert(err == LZ_ok || fail.text[0]);
    return err;
}
#define JUDGED(code_, ...) do { struct record r = piece_record(); struct attachment *p = &r.of.attachment; __VA_ARGS__; (void)p; \
        cr_assert_eq(judged(r), code_, "%s: %s", #__VA_ARGS__, fail.text); } while (0)

Test(gate, of_lengths) {
    static uint8_t much[ATTACHMENT_PIECE + 1];
    JUDGED(LZ_ok, (void)0);
    JUDGED(LZ_ok, (p->index = 2, p->data = str("01234"), p->name = str("")));
    JUDGED(LZ_bad_packet, (p->index = 2, p->name = str("")));                      /* the last is shorter */
    JUDGED(LZ_bad_packet, p->data = str("012345678"));
    JUDGED(LZ_bad_packet, p->data = str("0123456789a"));
    JUDGED(LZ_bad_packet, p->data = str(""));
    JUDGED(LZ_bad_packet, (p->index = 3, p->data = str("01234"), p->name = str("")));
    JUDGED(LZ_bad_packet, (p->index = UINT32_MAX, p->name = str("")));
    JUDGED(LZ_bad_packet, p->piece = 0);
    JUDGED(LZ_bad_packet, (p->piece = UINT32_MAX, p->total = UINT32_MAX / 64));
    JUDGED(LZ_ok, (p->piece = ATTACHMENT_PIECE, p->total = ATTACHMENT_BYTES_MAX, p->data = lz_bytes_of(much, ATTACHMENT_PIECE)));
    JUDGED(LZ_bad_packet, (p->piece = ATTACHMENT_PIECE + 1, p->total = 1000000, p->data = lz_bytes_of(much, ATTACHMENT_PIECE + 1)));
    JUDGED(LZ_too_large, (p->piece = ATTACHMENT_PIECE, p->total = ATTACHMENT_BYTES_MAX + 1, p->data = lz_bytes_of(much, ATTACHMENT_PIECE)));
    JUDGED(LZ_too_large, p->total = UINT64_MAX);
    JUDGED(LZ_ok, (p->total = ATTACHMENT_PIECES_MAX, p->piece = 1, p->data = str("0")));
    JUDGED(LZ_bad_packet, (p->total = ATTACHMENT_PIECES_MAX + 1, p->piece = 1, p->data = str("0")));
    JUDGED(LZ_bad_argument, p->total = 0);                                          /* nothing, to nobody */
    JUDGED(LZ_ok, (p->total = 0, p->piece = 0, p->data = str(""), p->name = str(""), p->wish = r.subject));
    JUDGED(LZ_bad_argument, (p->total = 0, p->piece = 0, p->name = str(""), p->wish = r.subject));
}
Test(gate, of_names) {
    static const char *const bad[] = { "a/b", "a\\b", "/", ".", "..", "a\nb", "a\x7f", "\x01", "\xff" };
    static char run[ATTACHMENT_NAME_MAX + 2];
    for (size_t i = 0; i < LZ_COUNT(bad); i++) JUDGED(LZ_bad_utf8, p->name = str(bad[i]));
    memset(run, 'a', ATTACHMENT_NAME_MAX + 1);
    JUDGED(LZ_too_large, p->name = str(run));
    JUDGED(LZ_ok, p->name = lz_bytes_of(run, ATTACHMENT_NAME_MAX));
    JUDGED(LZ_ok, p->name = str(".a"));
    JUDGED(LZ_bad_argument, p->name = str(""));
    JUDGED(LZ_bad_packet, (p->index = 1));                                          /* only the first has one */
    JUDGED(LZ_too_large, p->type = lz_bytes_of(run, ATTACHMENT_TYPE_MAX + 1));
    JUDGED(LZ_ok, p->type = lz_bytes_of(run, ATTACHMENT_TYPE_MAX));
    JUDGED(LZ_bad_utf8, p->type = str("a\x01"));
}
Test(gate, of_ways) {
    JUDGED(LZ_ok, (r.target_all = true, r.n_targets = 0));
    JUDGED(LZ_wrong_direction, r.n_targets = 0);
    JUDGED(LZ_wrong_direction, r.reach = REACH_PARENT);
    JUDGED(LZ_wrong_direction, r.direction = DIRECTION_ALONG);
    for (uint8_t reach = 0; reach < REACH_COUNT; reach++) {
        bool alone = reach == REACH_LOCAL || reach == REACH_PARENT || reach == REACH_TOP;
        JUDGED(alone ? LZ_ok : LZ_wrong_direction, (r.direction = DIRECTION_UP, r.reach = reach, r.n_targets = 0));
        JUDGED(reach == REACH_ISSUER ? LZ_ok : LZ_wrong_direction, (r.direction = DIRECTION_UP, r.reach = reach, r.n_targets = 1));
        JUDGED(LZ_wrong_direction, (r.direction = DIRECTION_UP, r.reach = reach, r.n_targets = 2));
        JUDGED(LZ_wrong_direction, (r.direction = DIRECTION_UP, r.reach = reach, r.n_targets = 0, r.target_all = true));
    }
    for (uint8_t lane = 0; lane < LANE_BULK; lane++) JUDGED(LZ_wrong_direction, r.lane = lane);      /* in no other lane than the last */
}

/* ---- files ---- */
static enum lz_err try(struct node *n, struct record draft, struct rec_id *id) {
    struct rec_id mine = { 0 };
    begin(n);
    enum lz_err err = flow_submit(n->flow, &draft, str("clerk"), (struct lz_bytes){ 0 }, 0, &mine, &fail);
    end(n);
    if (id) *id = mine;
    return err;
}
static struct rec_id must(struct node *n, struct record draft) {
    struct rec_id id;
    cr_assert_eq(try(n, draft, &id), LZ_ok, "%s", fail.text);
    return id;
}
static struct rec_id problem(struct node *n) {
    struct record d = { .kind = KIND_problem };
    d.of.problem = (struct problem){ .title = str("毁林"), .class = 4, .severity = 1 };
    return must(n, d);
}
static struct rec_id task(struct node *n, uint32_t *targets, size_t n_targets) {
    struct record d = { .kind = KIND_task, .targets = targets, .n_targets = n_targets };
    d.of.directive.title = str("造林");
    return must(n, d);
}
static struct rec_id move(struct node *n, struct rec_id subject, const char *name, uint32_t unit) {
    struct record d = { .kind = KIND_move, .subject = subject };
    d.of.move = (struct move){ .move = move_by_name(kind_row(subject.kind)->machine, name)->number, .text = str("说明"), .due_ms = wall + LZ_DAY_MS };
    if (strcmp(name, "assign") == 0) d.of.move.to_unit = unit;
    else d.of.move.unit = unit;
    return must(n, d);
}
static struct rec_id form(struct node *n, const char *kind, uint32_t given) {
    static struct form_value values[FORM_FIELDS_MAX];
    const struct kind_row *row = kind_by_name(kind);
    struct record d = { .kind = row->number };
    for (size_t i = 0; i < row->form->n_fields; i++) {
        enum field_type type = row->form->fields[i].type;
        values[i] = (struct form_value){ type == FIELD_PLACE || type == FIELD_UNIT ? A : type == FIELD_DATE ? 20220401 : 1, str("甲") };
    }
    d.of.form = (struct form){ .no = str("1"), .valid_from = 20220401, .given = given, .of = values };
    return must(n, d);
}

struct some { uint8_t bytes[2000], hash[FILE_HASH_BYTES]; size_t len; };
static struct some make(uint8_t seed, size_t len) {
    struct some f = { .len = len };
    cr_assert_leq(len, sizeof f.bytes);
    for (size_t i = 0; i < len; i++) f.bytes[i] = (uint8_t)(seed + i * 7 + i / 256);
    crypto_hash_sha256(f.hash, f.bytes, len);
    return f;
}
static struct record piece_of(const struct some *f, struct rec_id subject, uint32_t index) {
    struct record d = { .kind = KIND_attachment, .subject = subject };
    struct attachment *p = &d.of.attachment;
    *p = (struct attachment){ .total = f->len, .piece = PIECE, .index = index, .name = str(index ? "" : "图.png") };
    memcpy(p->hash, f->hash, FILE_HASH_BYTES);
    p->data = lz_bytes_of(f->bytes + (size_t)index * PIECE, attachment_length(f->len, PIECE, index));
    return d;
}
static size_t attach(struct node *n, const struct some *f, struct rec_id subject) {
    size_t news = 0;
    for (uint32_t i = 0; i < attachment_pieces(f->len, PIECE); i++) {
        enum lz_err err = try(n, piece_of(f, subject, i), NULL);
        cr_assert(err == LZ_ok || err == LZ_already, "%s", fail.text);
        news += err == LZ_ok;
    }
    return news;
}
/* What waits is done, in as many turns as it takes. */
static int settle(struct node *n) {
    for (int turns = 1; ; turns++) {
        begin(n);
        bool more = flow_files_step(n->flow, true);
        end(n);
        if (!more) return turns;
        cr_assert_lt(turns, 10000, "it never comes to rest");
    }
}
static struct flow_file look(struct node *n, const struct some *f) {
    struct flow_file file = { .state = FILE_NOTHING };
    begin(n);
    if (!flow_file(n->flow, f->hash, &file)) file.state = FILE_NOTHING;
    store_abort(n->store);
    return file;
}
static bool whole(struct node *n, const struct some *f) { settle(n); return look(n, f).state == FILE_WHOLE; }
static uint64_t entries(struct node *n, enum table table) {
    struct store_counts counts;
    store_count(n->store, &counts);
    return counts.entries[table];
}
static uint64_t differences(struct node *n) {
    struct verify v;
    begin(n);
    flow_verify(n->flow, &v);
    if (v.differences) printf("%.*s\n", (int)v.first.len, (const char *)v.first.data);
    store_abort(n->store);
    return v.differences;
}
/* Everything of one feed of a node lands at another; bend: may change or leave out a record. */
static bool (*bend)(struct record *r);
static void carry(struct node *from, uint32_t scope, struct node *to, bool backwards) {
    for (uint8_t lane = 0; lane < LANE_COUNT; lane++) {
        struct lz_bytes *list;
        uint64_t to_position, at = 0;
        do {
            begin(from);
            size_t n = store_feed_read(from->store, arena, (struct feed_id){ scope, lane }, at, 1 << 20, &list, &to_position);
            struct lz_bytes *copies = malloc((n + 1) * sizeof *copies);
            for (size_t i = 0; i < n; i++) {
                uint8_t *bytes = malloc(list[i].len);
                memcpy(bytes, list[i].data, list[i].len);
                copies[i] = lz_bytes_of(bytes, list[i].len);
            }
            store_abort(from->store);
            begin(to);
            for (size_t i = 0; i < n; i++) {
                struct record r;
                cr_assert_eq(record_decode(arena, copies[backwards ? n - 1 - i : i], &r, &fail), LZ_ok, "%s", fail.text);
                if (bend && !bend(&r)) continue;
                enum lz_err err = flow_land(to->flow, &r, LAND_PEER);
                cr_assert(err == LZ_ok || err == LZ_already, "%s", lz_err_name(err));
            }
            end(to);
            for (size_t i = 0; i < n; i++) free((void *)(uintptr_t)copies[i].data);
            free(copies);
            if (to_position == at) break;
            at = to_position;
        } while (true);
    }
}
static void exchange(void) {
    for (int i = 0; i < 3; i++) {
        carry(&top, SCOPE_ALL, &city, false); carry(&top, CITY, &city, false);
        carry(&city, SCOPE_ALL, &a, false); carry(&city, A, &a, false);
        carry(&city, SCOPE_ALL, &b, false); carry(&city, B, &b, false);
        carry(&a, SCOPE_UP, &city, false); carry(&b, SCOPE_UP, &city, false);
        carry(&city, SCOPE_UP, &top, false);
    }
}
static void all_verify(void) {
    struct node *const nodes[] = { &top, &city, &a, &b };
    for (size_t i = 0; i < LZ_COUNT(nodes); i++) cr_assert_eq(differences(nodes[i]), 0, "%u", nodes[i]->unit);
}

/* ---- where it goes ---- */
static struct place place_of(struct node *n, struct rec_id subject) {
    struct place p;
    static uint32_t targets[8];
    begin(n);
    cr_assert_eq(flow_place(n->flow, subject, &p, &fail), LZ_ok, "%s", fail.text);
    cr_assert_leq(p.n_targets, 8);
    for (size_t i = 0; i < p.n_targets; i++) targets[i] = p.targets[i];
    p.targets = targets;
    store_abort(n->store);
    return p;
}
static void goes(const char *what, struct place p, enum direction direction, enum reach reach, size_t n, uint32_t first) {
    cr_assert_eq(p.direction, direction, "%s", what);
    cr_assert_eq(p.reach, reach, "%s: %u", what, p.reach);
    cr_assert_eq(p.n_targets, n, "%s: %zu targets", what, p.n_targets);
    if (n) cr_assert_eq(p.targets[0], first, "%s: to %u", what, p.targets[0]);
}
Test(place, of_what_goes_down) {
    uint32_t targets[] = { A, B }, far[] = { CITY, A };
    struct rec_id own = task(&city, targets, 2), above = task(&top, far, 2);
    exchange();
    goes("an order's", place_of(&city, own), DIRECTION_DOWN, REACH_TARGETS, 2, A);
    goes("the answer of who got it", place_of(&a, own), DIRECTION_UP, REACH_ISSUER, 1, CITY);
    goes("the answer to two tiers above", place_of(&a, above), DIRECTION_UP, REACH_ISSUER, 1, TOP);
    move(&a, own, "sign", 0);
    struct rec_id report = move(&a, own, "report", 0);
    exchange();
    struct rec_id ruling = move(&city, own, "return", A);
    exchange();
    struct place p = place_of(&city, ruling);
    goes("a ruling's, on one of two", p, DIRECTION_DOWN, REACH_TARGETS, 1, A);
    cr_assert(rec_id_equal(p.subject, own), "it belongs to the order");
    goes("a report's", place_of(&a, report), DIRECTION_UP, REACH_ISSUER, 1, CITY);
    goes("what the issuer adds to a report", place_of(&city, report), DIRECTION_DOWN, REACH_TARGETS, 2, A);
}
Test(place, of_a_problem) {
    struct rec_id id = problem(&a);
    exchange();
    goes("the finder's own", place_of(&a, id), DIRECTION_UP, REACH_PARENT, 0, 0);
    goes("from above, to the finder", place_of(&city, id), DIRECTION_DOWN, REACH_TARGETS, 1, A);
    move(&a, id, "escalate", 0);
    exchange();
    goes("the finder's, when it is above", place_of(&a, id), DIRECTION_UP, REACH_ISSUER, 1, CITY);
    move(&city, id, "accept", 0);
    move(&city, id, "assign", B);
    exchange();
    goes("its owner's, to who found and who handles it", place_of(&city, id), DIRECTION_DOWN, REACH_TARGETS, 2, A);
    goes("the handler's", place_of(&b, id), DIRECTION_UP, REACH_ISSUER, 1, CITY);
    struct rec_id other = problem(&a);
    exchange();
    move(&a, other, "escalate", 0);
    exchange();
    move(&city, other, "escalate", 0);
    exchange();
    goes("the finder's, when it is two tiers above", place_of(&a, other), DIRECTION_UP, REACH_ISSUER, 1, TOP);
    goes("in between", place_of(&city, other), DIRECTION_UP, REACH_ISSUER, 1, TOP);
    goes("from above", place_of(&top, other), DIRECTION_DOWN, REACH_TARGETS, 1, A);
    goes("of the top's own", place_of(&top, problem(&top)), DIRECTION_UP, REACH_PARENT, 0, 0);
}
Test(place, of_what_goes_up) {
    struct record fire = { .kind = KIND_emergency }, report = { .kind = KIND_progress };
    fire.of.emergency.title = str("火情");
    struct rec_id id = must(&a, fire);
    goes("an emergency's", place_of(&a, id), DIRECTION_UP, REACH_TOP, 0, 0);
    goes("an entry's", place_of(&a, form(&a, "publicity", 1 | 2 | 4 | 8)), DIRECTION_UP, REACH_PARENT, 0, 0);
    goes("what stays at home", place_of(&a, form(&a, "ranger", 1 | 2 | 4)), DIRECTION_UP, REACH_LOCAL, 0, 0);
    uint32_t far[] = { A };
    report.subject = task(&top, far, 1);
    report.of.progress = (struct progress){ 20220401, 1, 2, str("进展") };
    exchange();
    move(&a, report.subject, "sign", 0);
    struct rec_id progress = must(&a, report);
    exchange();
    goes("a progress report's", place_of(&a, progress), DIRECTION_UP, REACH_ISSUER, 1, TOP);
    goes("from above, to who reported", place_of(&top, id), DIRECTION_UP, REACH_TOP, 0, 0);
    struct rec_id entry = form(&b, "publicity", 1 | 2 | 4 | 8);
    exchange();
    goes("from above, to who keeps the entry", place_of(&city, entry), DIRECTION_DOWN, REACH_TARGETS, 1, B);
}
Test(place, where_there_is_none) {
    struct place p;
    struct rec_id id = problem(&a);
    struct some f = make(1, 50);
    attach(&a, &f, id);
    exchange();
    begin(&b);
    cr_assert_eq(flow_place(b.flow, id, &p, &fail), LZ_not_found);
    begin(&a);
    struct key key = key_piece(f.hash, A, PIECE, 0, 0, 0);
    struct lz_bytes v;
    cr_assert(store_seek(a.store, TABLE_piece, &key, &v));
    cr_assert_eq(flow_place(a.flow, key_piece_id(&key), &p, &fail), LZ_bad_argument, "a file of a file");
    store_abort(a.store);
    store_abort(b.store);
}

/* ---- when it is whole ---- */
Test(file, goes_where_its_record_goes_and_is_whole_there) {
    struct rec_id id = problem(&a);
    struct some f = make(3, 1234), other = make(9, 100);
    cr_assert_eq(attach(&a, &f, id), 13);
    cr_assert_eq(attach(&a, &other, id), 1);
    cr_assert_eq(look(&a, &f).state, FILE_COMING, "nobody has looked yet");
    cr_assert(whole(&a, &f) && whole(&a, &other));
    exchange();
    cr_assert(whole(&city, &f) && whole(&city, &other));
    cr_assert_eq(look(&top, &f).state, FILE_NOTHING);
    cr_assert_eq(look(&b, &f).state, FILE_NOTHING);
    struct key at = { 0 };
    struct flow_file file;
    begin(&city);
    cr_assert(flow_next_attached(city.flow, id, &at, &file) && file.origin == A && file.pieces && file.held == file.pieces);
    cr_assert_str_eq(file.name, "图.png");
    cr_assert(flow_next_attached(city.flow, id, &at, &file) && !flow_next_attached(city.flow, id, &at, &file));
    cr_assert_eq(flow_attached(city.flow, id), 2);
    store_abort(city.store);
    all_verify();
}
static uint32_t skip;
static bool skips(struct record *r) { return r->kind != KIND_attachment || r->of.attachment.index != skip; }
Test(file, comes_in_any_order_and_with_holes) {
    struct rec_id id = problem(&a);
    struct some f = make(3, 1999);
    attach(&a, &f, id);
    bend = skips;
    for (skip = 0; skip < 20; skip += 19) {                          /* the first is missing, and the last */
        carry(&a, SCOPE_UP, skip ? &top : &city, true);
        struct node *n = skip ? &top : &city;
        settle(n);
        struct flow_file file = look(n, &f);
        cr_assert(file.state == FILE_COMING && file.held == 19 && file.pieces == 20, "%u of %u", file.held, file.pieces);
    }
    bend = NULL;
    carry(&a, SCOPE_UP, &city, true);
    cr_assert(whole(&city, &f));
    all_verify();
}
Test(file, with_other_bytes_is_never_whole_until_the_right_ones_come) {
    struct rec_id id = problem(&a);
    struct some f = make(3, 1000), bad = f;
    bad.bytes[555] ^= 1;                                             /* under the hash of the right one */
    cr_assert_eq(attach(&a, &bad, id), 10);
    lz_log_level(LZ_ERROR);
    settle(&a);
    cr_assert_eq(look(&a, &f).state, FILE_WRONG);
    exchange();
    settle(&city);
    cr_assert_eq(look(&city, &f).state, FILE_WRONG);
    all_verify();
    cr_assert_eq(attach(&a, &f, id), 10, "all of it again");
    cr_assert(whole(&a, &f));
    carry(&a, SCOPE_UP, &city, true);                                /* the newest of each place counts, in whatever order */
    cr_assert(whole(&city, &f));
    cr_assert_eq(attach(&a, &f, id), 0);
    all_verify();
}
Test(file, is_not_sent_twice_where_it_is_or_goes_already) {
    uint32_t targets[] = { A }, both[] = { A, B };
    struct rec_id one = problem(&a), two = problem(&a);
    struct some f = make(5, 950);
    cr_assert_eq(attach(&a, &f, one), 10);
    cr_assert_eq(attach(&a, &f, one), 0);
    exchange();
    cr_assert_eq(attach(&a, &f, two), 1, "its first piece says whose it is, the others are on their way");
    cr_assert(whole(&a, &f));
    exchange();
    settle(&city);
    struct key at = { 0 };
    struct flow_file file;
    begin(&city);
    cr_assert(flow_next_attached(city.flow, two, &at, &file) && file.state == FILE_WHOLE && rec_id_equal(file.subject, two));
    store_abort(city.store);
    struct rec_id to_a = task(&city, targets, 1), to_both = task(&city, both, 2);
    cr_assert_eq(attach(&city, &f, to_a), 10, "another unit's are not its own");
    cr_assert_eq(attach(&city, &f, to_both), 10, "it goes to another place");
    exchange();
    cr_assert(whole(&b, &f));
    all_verify();
}
Test(file, stops_at_limits) {
    struct rec_id id = problem(&a);
    struct some f;
    for (unsigned i = 0; i < ATTACHMENTS_MAX; i++) { f = make((uint8_t)i, 10 + i); cr_assert_eq(attach(&a, &f, id), 1); }
    f = make(99, 150);
    cr_assert_eq(try(&a, piece_of(&f, id, 0), NULL), LZ_too_many);
    f = make(3, 13);
    cr_assert_eq(attach(&a, &f, id), 0, "one of them, again");
    struct rec_id other = problem(&a);
    f = make(77, 150);
    cr_assert_eq(try(&a, piece_of(&f, other, 1), NULL), LZ_bad_argument, "the first first");
    struct record answer = piece_of(&f, other, 0);
    answer.of.attachment.wish = id;
    cr_assert_eq(try(&a, answer, NULL), LZ_not_allowed, "a clerk does not answer wishes");
    cr_assert_eq(try(&b, piece_of(&f, id, 0), NULL), LZ_not_found);
}
Test(file, keeps_its_way_when_its_subject_takes_another) {
    struct rec_id id = problem(&a);
    struct some f = make(8, 300);
    exchange();
    cr_assert_eq(try(&a, piece_of(&f, id, 0), NULL), LZ_ok);
    move(&a, id, "escalate", 0);
    exchange();
    move(&city, id, "escalate", 0);
    exchange();
    cr_assert_eq(try(&a, piece_of(&f, id, 1), NULL), LZ_ok);
    cr_assert_eq(try(&a, piece_of(&f, id, 2), NULL), LZ_ok);
    exchange();
    cr_assert(whole(&city, &f));
    cr_assert_eq(look(&top, &f).state, FILE_NOTHING);
    struct some late = make(9, 300);
    attach(&a, &late, id);
    exchange();
    cr_assert(whole(&top, &late), "what comes now goes to who has it now");
}

/* ---- wishes ---- */
static struct rec_id ask(struct node *n, uint32_t of, const struct some *f, struct rec_id subject) {
    static uint32_t targets[1];
    targets[0] = of;
    struct record d = { .kind = KIND_attachment_wish, .targets = targets, .n_targets = 1, .subject = subject };
    d.of.attachment_wish.by_hash = f != NULL;
    if (f) memcpy(d.of.attachment_wish.hash, f->hash, FILE_HASH_BYTES);
    return must(n, d);
}
static struct flow_file answer_to(struct node *n, struct rec_id wish, size_t *count) {
    struct key at = { 0 };
    struct flow_file file = { .pieces = 0 }, next;
    *count = 0;
    begin(n);
    while (flow_next_attached(n->flow, wish, &at, &next)) { file = next; (*count)++; }
    store_abort(n->store);
    return file;
}
Test(wish, brings_a_file_to_who_asks_and_no_further) {
    struct rec_id id = problem(&a);
    struct some f = make(3, 1500), g = make(4, 20);
    attach(&a, &f, id);
    attach(&a, &g, id);
    settle(&a);
    exchange();
    struct rec_id wish = ask(&top, A, &f, (struct rec_id){ 0 });
    exchange();
    settle(&a);
    exchange();
    cr_assert(whole(&top, &f));
    cr_assert_eq(look(&top, &g).state, FILE_NOTHING);
    cr_assert_eq(look(&b, &f).state, FILE_NOTHING);
    size_t n;
    struct flow_file file = answer_to(&top, wish, &n);
    cr_assert(n == 1 && file.state == FILE_WHOLE && file.origin == A && rec_id_equal(file.subject, id));
    uint64_t records = entries(&a, TABLE_record);
    struct rec_id again = ask(&top, A, &f, (struct rec_id){ 0 });
    exchange();
    settle(&a);
    exchange();
    answer_to(&top, again, &n);
    cr_assert(n == 1 && entries(&a, TABLE_record) == records + 2, "only its first piece goes again, and says for what");
    settle(&a);
    cr_assert_eq(entries(&a, TABLE_record), records + 2, "answered once");
    all_verify();
}
Test(wish, for_all_of_a_record) {
    struct rec_id id = problem(&a);
    struct some f = make(3, 350), g = make(4, 20), c = make(5, 200);
    attach(&a, &f, id);
    attach(&a, &g, id);
    exchange();
    attach(&city, &c, id);
    exchange();
    settle(&city);
    struct rec_id wish = ask(&top, CITY, NULL, id);
    exchange();
    settle(&city);
    exchange();
    cr_assert(whole(&top, &f) && whole(&top, &g) && whole(&top, &c));
    size_t n;
    answer_to(&top, wish, &n);
    cr_assert_eq(n, 3);
    all_verify();
}
Test(wish, is_told_when_there_is_nothing_for_it) {
    struct some f = make(3, 350), home = make(4, 120), part = make(6, 300);
    struct rec_id ranger = form(&a, "ranger", 1 | 2 | 4), id = problem(&a);
    attach(&a, &home, ranger);
    cr_assert_eq(try(&a, piece_of(&part, id, 0), NULL), LZ_ok);
    settle(&a);
    exchange();
    const struct some *const asked[] = { &f, &home, &part };
    struct rec_id wishes[3];
    for (size_t i = 0; i < 3; i++) wishes[i] = ask(&city, A, asked[i], (struct rec_id){ 0 });
    exchange();
    settle(&a);
    exchange();
    for (size_t i = 0; i < 3; i++) {
        size_t n;
        struct flow_file file = answer_to(&city, wishes[i], &n);
        cr_assert(n == 1 && file.state == FILE_NOTHING && file.origin == A, "what it does not have, what stays at home, what is not whole: %zu", i);
    }
    cr_assert_eq(look(&city, &home).state, FILE_NOTHING);
    all_verify();
    attach(&a, &home, id);                                           /* a person decides otherwise */
    settle(&a);
    exchange();
    cr_assert(whole(&city, &home));
}
Test(wish, is_answered_in_slices) {
    static uint8_t large[3 * ATTACHMENT_SLICE];
    struct rec_id id = problem(&a);
    struct record d = { .kind = KIND_attachment, .subject = id };
    struct attachment *p = &d.of.attachment;
    uint8_t hash[FILE_HASH_BYTES];
    memset(large, 'x', sizeof large);
    crypto_hash_sha256(hash, large, sizeof large);
    uint32_t pieces = attachment_pieces(sizeof large, ATTACHMENT_PIECE);
    for (uint32_t i = 0; i < pieces; i++) {
        *p = (struct attachment){ .total = sizeof large, .piece = ATTACHMENT_PIECE, .index = i, .name = str(i ? "" : "图") };
        memcpy(p->hash, hash, sizeof hash);
        p->data = lz_bytes_of(large + (size_t)i * ATTACHMENT_PIECE, attachment_length(sizeof large, ATTACHMENT_PIECE, i));
        must(&a, d);
    }
    cr_assert_geq(settle(&a), 3, "hashed in slices");
    exchange();
    struct record w = { .kind = KIND_attachment_wish, .targets = (uint32_t[]){ A }, .n_targets = 1 };
    w.of.attachment_wish.by_hash = true;
    memcpy(w.of.attachment_wish.hash, hash, sizeof hash);
    must(&top, w);
    exchange();
    uint64_t before = entries(&a, TABLE_record);
    begin(&a);
    cr_assert(flow_files_step(a.flow, true));
    end(&a);
    uint64_t given = entries(&a, TABLE_record) - before;
    cr_assert(given > 0 && given * ATTACHMENT_PIECE <= ATTACHMENT_SLICE + ATTACHMENT_PIECE, "%u pieces in a turn", (unsigned)given);
    for (int i = 0; i < 20; i++) {                                   /* not while it may not submit */
        begin(&a);
        (void)flow_files_step(a.flow, false);
        end(&a);
    }
    cr_assert_eq(entries(&a, TABLE_record) - before, given);
    settle(&a);
    cr_assert_eq(entries(&a, TABLE_record) - before, pieces);
    exchange();
    settle(&top);
    struct flow_file file;
    begin(&top);
    cr_assert(flow_file(top.flow, hash, &file) && file.state == FILE_WHOLE);
    store_abort(top.store);
}
Test(wish, that_cannot_be) {
    uint32_t one[] = { A }, two[] = { A, B }, up[] = { TOP };
    struct record d = { .kind = KIND_attachment_wish, .targets = one, .n_targets = 1 };
    cr_assert_eq(try(&city, d, NULL), LZ_bad_argument, "for nothing");
    d.of.attachment_wish.by_hash = true;
    d.targets = two;
    d.n_targets = 2;
    cr_assert_eq(try(&city, d, NULL), LZ_bad_argument, "of two");
    d.targets = up;
    d.n_targets = 1;
    cr_assert_eq(try(&city, d, NULL), LZ_unknown_unit, "of who is above");
    d.targets = NULL;
    d.n_targets = 0;
    d.target_all = true;
    cr_assert_eq(try(&city, d, NULL), LZ_bad_argument, "of all");
}

/* ---- rows ---- */
static void some_rows(struct some *f, struct rec_id *wish) {
    struct rec_id id = problem(&a);
    struct some absent = make(200, 10);
    *f = make(3, 450);
    attach(&a, f, id);
    settle(&a);
    exchange();
    *wish = ask(&city, A, &absent, id);
    exchange();
    settle(&a);
    exchange();
    settle(&city);
}
Test(rows, that_are_lost_are_found_and_made_again) {
    static const enum table tables[] = { TABLE_piece, TABLE_attached, TABLE_content, TABLE_wished };
    struct some f;
    struct rec_id wish;
    some_rows(&f, &wish);
    all_verify();
    struct node *const nodes[] = { &a, &city };
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < LZ_COUNT(tables); i++)
            for (int anew = 0; anew < 2; anew++) {
                struct node *n = nodes[k];
                uint64_t before = entries(n, tables[i]);
                struct mend mend;
                if (before == 0) continue;
                struct key key = { 0 };
                struct lz_bytes v;
                begin(n);
                cr_assert(store_seek(n->store, tables[i], &key, &v));
                store_delete(n->store, tables[i], key);
                end(n);
                cr_assert_gt(differences(n), 0, "%s", table_name(tables[i]));
                begin(n);
                flow_mend(n->flow, anew, &mend);
                end(n);
                cr_assert_eq(entries(n, tables[i]), before, "%s", table_name(tables[i]));
                cr_assert_eq(differences(n), 0, "%s", table_name(tables[i]));
                cr_assert(whole(n, &f));
            }
    size_t n;
    exchange();
    answer_to(&city, wish, &n);
    cr_assert_eq(n, 1, "it was not answered again");
    all_verify();
}
Test(rows, of_nothing_are_found) {
    static const enum table tables[] = { TABLE_piece, TABLE_attached, TABLE_content, TABLE_wished };
    struct some f;
    struct rec_id wish;
    some_rows(&f, &wish);
    for (size_t i = 0; i < LZ_COUNT(tables); i++)
        for (int shape = 0; shape < 3; shape++) {
            struct key key = { 0 }, made;
            struct lz_bytes v;
            begin(&a);
            cr_assert(store_seek(a.store, tables[i], &key, &v));
            made = key;
            if (shape == 0) made.b[key.len - 1] ^= 0x40;             /* of another record */
            if (shape == 1) made.len = 7;
            if (shape == 2) made.b[made.len++] = 1;
            const uint8_t *copy = arena_copy(arena, v.data, v.len);
            store_put(a.store, tables[i], made, lz_bytes_of(copy, v.len));
            end(&a);
            cr_assert_gt(differences(&a), 0, "%s %d", table_name(tables[i]), shape);
            settle(&a);                                              /* and nothing stumbles over it */
            look(&a, &f);
            begin(&a);
            store_delete(a.store, tables[i], made);
            end(&a);
            if (tables[i] == TABLE_content) { begin(&a); struct mend mend; flow_mend(a.flow, true, &mend); end(&a); settle(&a); }
            cr_assert_eq(differences(&a), 0, "%s %d", table_name(tables[i]), shape);
        }
}
