/* bundle: the file between neighbours without a network: its format, its seal, and what a node makes of it. Real stores and turns;
 * a bundle is bytes in memory. Every bit flipped and every length cut of a small one is refused, with nothing done. */
#include <criterion/criterion.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../../daemon/turn/bundle.h"

enum { TOP = 410000, CITY = 410800, COUNTY = 410802, OTHER = 410803, FILE_MAX = 24 << 20 };
static struct lz_fail fail;

/* ---- the format ---------------------------------------------------------------------------------------------------------- */

static uint8_t public_a[32], secret_a[32], public_b[32], secret_b[32], public_c[32], secret_c[32];
static uint8_t *file;
static size_t file_len;

static void open_keys(void) {
    cr_assert_geq(sodium_init(), 0);
    crypto_box_keypair(public_a, secret_a);
    crypto_box_keypair(public_b, secret_b);
    crypto_box_keypair(public_c, secret_c);
    file = malloc(FILE_MAX);
    lz_log_level((enum lz_level)(LZ_ERROR + 1));
}
static void close_keys(void) { free(file); }
TestSuite(bundle_format, .init = open_keys, .fini = close_keys, .timeout = 60);

static struct bundle_header a_header(void) {
    struct bundle_header h = { .format = BUNDLE_FORMAT, .from = CITY, .to = COUNTY, .serial = 7, .created_ms = 1650848400000ull };
    h.epoch.b[3] = 9;
    memset(h.salt, 5, sizeof h.salt);
    return h;
}
static void put(const struct bundle_key *key, uint64_t index, enum bundle_kind kind, struct lz_bytes body) {
    file_len += bundle_seal(key, index, kind, body, file + file_len);
}
/* From a to b: intro, so many packets of so many bytes, trailer. */
static void make_file(size_t packets, size_t bytes) {
    struct bundle_header h = a_header();
    struct bundle_key key;
    uint8_t text[160], end[BUNDLE_TRAILER_BYTES];
    static uint8_t body[BUNDLE_CHUNK_MAX];
    struct bundle_intro intro = { .after = { 3, { 1, 2, 3 } } };
    memset(body, 'x', sizeof body);
    bundle_header_put(&h, file);
    file_len = BUNDLE_HEADER_BYTES;
    cr_assert(bundle_key_make(public_b, secret_a, file, &key));
    put(&key, 0, BUNDLE_INTRO, bundle_intro_put(&intro, text));
    for (size_t i = 0; i < packets; i++) put(&key, i + 1, BUNDLE_PACKET, lz_bytes_of(body, bytes));
    struct bundle_trailer trailer = { packets, 0, file_len, false };
    bundle_trailer_put(&trailer, end);
    put(&key, packets + 1, BUNDLE_TRAILER, lz_bytes_of(end, sizeof end));
}
/* Reads it as b, in pieces of `piece`; gives what became of it. */
static enum lz_err read_file_with(const uint8_t public_key[32], const uint8_t secret_key[32], size_t len, size_t piece, size_t *packets) {
    static uint8_t frame[BUNDLE_FRAME_MAX];
    struct bundle_reader r;
    struct bundle_chunk chunk;
    bundle_reader_open(&r, frame);
    *packets = 0;
    fail = (struct lz_fail){ 0 };
    for (size_t at = 0; at < len; at += piece) {
        struct lz_bytes in = lz_bytes_of(file + at, at + piece < len ? piece : len - at);
        for (bool more = true; more; ) {
            switch (bundle_reader_next(&r, &in, &chunk, &fail)) {
            case BUNDLE_GOT_NOTHING: more = false; break;
            case BUNDLE_GOT_HEADER: if (!bundle_reader_key(&r, public_key, secret_key)) return LZ_bad_key; break;
            case BUNDLE_GOT_CHUNK: *packets += chunk.kind == BUNDLE_PACKET; break;
            case BUNDLE_GOT_END: break;
            case BUNDLE_GOT_BAD: return fail.code;
            }
        }
    }
    return bundle_reader_close(&r, &fail);
}
static enum lz_err read_file(size_t len, size_t piece, size_t *packets) { return read_file_with(public_a, secret_b, len, piece, packets); }

/* A file whose seals are all good, from one who holds the key, and which is nonsense all the same. */
Test(bundle_format, sealed_nonsense_is_refused) {
    struct bundle_header h = a_header();
    struct bundle_key key;
    struct bundle_intro intro = { .after = { 3, { 1, 2, 3 } } };
    uint8_t text[160], end[BUNDLE_TRAILER_BYTES + 1] = { 0 };
    size_t packets;
    bundle_header_put(&h, file);
    cr_assert(bundle_key_make(public_b, secret_a, file, &key));
    struct lz_bytes first = bundle_intro_put(&intro, text);
    for (int wrong = 0; wrong <= 6; wrong++) {
        file_len = BUNDLE_HEADER_BYTES;
        put(&key, 0, wrong == 1 ? BUNDLE_PACKET : BUNDLE_INTRO, first);
        put(&key, 1, wrong == 2 ? BUNDLE_INTRO : BUNDLE_PACKET, lz_bytes_of(NULL, 0));
        struct bundle_trailer trailer = { wrong == 3 ? 2 : 1, 0, wrong == 4 ? file_len + 1 : file_len, false };
        bundle_trailer_put(&trailer, end);
        if (wrong == 5) end[24] = 2;
        put(&key, 2, BUNDLE_TRAILER, lz_bytes_of(end, wrong == 6 ? sizeof end : BUNDLE_TRAILER_BYTES));
        cr_expect_eq(read_file(file_len, file_len, &packets), wrong ? LZ_bundle_altered : LZ_ok, "%d", wrong);
    }
}

Test(bundle_format, a_header_that_contradicts_itself_is_refused) {
    uint8_t bytes[BUNDLE_HEADER_BYTES];
    for (int wrong = 0; wrong <= 4; wrong++) {
        struct bundle_header h = a_header(), back;
        if (wrong == 1) memset(h.epoch.b, 0, sizeof h.epoch.b);
        if (wrong == 2) h.serial = 0;
        if (wrong == 3) h.continues = h.serial;
        if (wrong == 4) h.continues = h.serial + 1;
        bundle_header_put(&h, bytes);
        cr_expect_eq(bundle_header_get(lz_bytes_of(bytes, sizeof bytes), &back, &fail), wrong ? LZ_bundle_altered : LZ_ok, "%d", wrong);
    }
}

/* What was found wrong is said again, to whoever asks later and whether or not he wants the words. */
Test(bundle_format, a_fault_stays) {
    static uint8_t frame[BUNDLE_FRAME_MAX];
    struct bundle_reader r;
    struct bundle_chunk chunk;
    make_file(1, 100);
    file[0] ^= 1;
    bundle_reader_open(&r, frame);
    struct lz_bytes in = lz_bytes_of(file, file_len);
    cr_assert_eq(bundle_reader_next(&r, &in, &chunk, NULL), BUNDLE_GOT_BAD);
    fail = (struct lz_fail){ 0 };
    cr_assert_eq(bundle_reader_next(&r, &in, &chunk, &fail), BUNDLE_GOT_BAD);
    cr_assert_eq(fail.code, LZ_bundle_altered);
    cr_assert_eq(bundle_reader_close(&r, NULL), LZ_bundle_altered);
    fail = (struct lz_fail){ 0 };
    cr_assert_eq(bundle_reader_close(&r, &fail), LZ_bundle_altered);
    cr_assert_eq(fail.code, LZ_bundle_altered);
}

Test(bundle_format, is_read_in_pieces_of_any_size) {
    static const size_t pieces[] = { 1, 3, 95, 96, 97, 1000, 100000 };
    size_t n;
    make_file(5, 333);
    for (size_t i = 0; i < LZ_COUNT(pieces); i++) {
        cr_assert_eq(read_file(file_len, pieces[i], &n), LZ_ok, "%s", fail.text);
        cr_assert_eq(n, 5);
    }
    make_file(3, BUNDLE_CHUNK_MAX);
    cr_assert_eq(read_file(file_len, BUNDLE_SLICE_BYTES, &n), LZ_ok, "%s", fail.text);
    cr_assert_eq(n, 3);
    make_file(0, 0);
    cr_assert_eq(read_file(file_len, 7, &n), LZ_ok);
}

Test(bundle_format, every_bit_counts) {
    size_t n;
    make_file(3, 40);
    for (size_t i = 0; i < 8 * file_len; i++) {
        file[i / 8] ^= (uint8_t)(1 << i % 8);
        enum lz_err err = read_file(file_len, 4096, &n);
        cr_assert(err == LZ_bundle_altered || err == LZ_bundle_torn || err == LZ_bad_version, "bit %zu: %s", i, lz_err_name(err));
        cr_assert(fail.text[0], "it says why");
        file[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    cr_assert_eq(read_file(file_len, 4096, &n), LZ_ok);
}

Test(bundle_format, every_length_counts) {
    size_t n, whole;
    make_file(3, 40);
    whole = file_len;
    for (size_t len = 0; len < whole; len++) cr_assert_eq(read_file(len, 4096, &n), LZ_bundle_torn, "cut at %zu: %s", len, fail.text);
    cr_assert_eq(read_file(whole, 4096, &n), LZ_ok);
    file[whole] = 0;
    cr_assert_eq(read_file(whole + 1, 4096, &n), LZ_bundle_altered, "something behind the end");
}

Test(bundle_format, chunks_keep_their_places) {
    size_t n, first = BUNDLE_HEADER_BYTES;
    static uint8_t one[100];
    make_file(3, 40);
    first += 4 + lz_get32(file + first);
    size_t frame = 4 + lz_get32(file + first);
    cr_assert_leq(frame, sizeof one);
    memcpy(one, file + first, frame);                             /* two packets change places */
    memmove(file + first, file + first + frame, frame);
    memcpy(file + first + frame, one, frame);
    cr_assert_eq(read_file(file_len, 4096, &n), LZ_bundle_altered);
    make_file(3, 40);                                             /* one is left out */
    memmove(file + first, file + first + frame, file_len - first - frame);
    cr_assert_eq(read_file(file_len - frame, 4096, &n), LZ_bundle_altered);
    make_file(3, 40);                                             /* a length that no frame has: in the middle, and the greatest */
    lz_put32(file + first, 5);
    cr_assert_eq(read_file(file_len, 4096, &n), LZ_bundle_altered);
    lz_put32(file + first, BUNDLE_FRAME_MAX);
    cr_assert_eq(read_file(file_len, 4096, &n), LZ_bundle_altered);
}

/* Only the two that it is for can read it; the clear words in front do not let it be turned round or readdressed. */
Test(bundle_format, is_for_one_neighbour) {
    size_t n;
    make_file(1, 40);
    cr_assert_eq(read_file_with(public_a, secret_c, file_len, 4096, &n), LZ_bundle_altered);
    cr_assert_eq(read_file_with(public_c, secret_b, file_len, 4096, &n), LZ_bundle_altered);
    cr_assert_eq(read_file_with(public_b, secret_a, file_len, 4096, &n), LZ_ok, "the exporter can look at its own");
    cr_assert_eq(read_file_with((const uint8_t[32]){ 0 }, secret_b, file_len, 4096, &n), LZ_bad_key);
    struct bundle_header h = a_header();
    h.serial = 8;
    bundle_header_put(&h, file);                                  /* a good header, and not its own */
    cr_assert_eq(read_file(file_len, 4096, &n), LZ_bundle_altered);
}

Test(bundle_format, refuses_headers_that_cannot_be) {
    uint8_t bytes[BUNDLE_HEADER_BYTES];
    struct bundle_header h = a_header(), back;
    bundle_header_put(&h, bytes);
    cr_assert_eq(bundle_header_get(lz_bytes_of(bytes, sizeof bytes), &back, &fail), LZ_ok);
    cr_assert(back.from == CITY && back.to == COUNTY && back.serial == 7 && back.created_ms == h.created_ms && epoch_equal(back.epoch, h.epoch));
    cr_assert_eq(bundle_header_get(lz_bytes_of(bytes, sizeof bytes - 1), &back, &fail), LZ_bundle_altered);
    h.format = BUNDLE_FORMAT + 1;
    bundle_header_put(&h, bytes);
    cr_assert_eq(bundle_header_get(lz_bytes_of(bytes, sizeof bytes), &back, &fail), LZ_bad_version);
    h = a_header();
    h.serial = 0;
    bundle_header_put(&h, bytes);
    cr_assert_eq(bundle_header_get(lz_bytes_of(bytes, sizeof bytes), &back, &fail), LZ_bundle_altered);
    h = a_header();
    h.continues = h.serial;
    bundle_header_put(&h, bytes);
    cr_assert_eq(bundle_header_get(lz_bytes_of(bytes, sizeof bytes), &back, &fail), LZ_bundle_altered);
}

Test(bundle_format, intros_and_trailers_are_exact) {
    uint8_t text[160], end[BUNDLE_TRAILER_BYTES];
    struct bundle_intro intro = { .ask = { { 1 } }, .answers = { { 2 } }, .closed = { { 3 } }, .after = { 96, { 7 } } }, back;
    struct lz_bytes body = bundle_intro_put(&intro, text);
    cr_assert(bundle_intro_get(body, &back) && epoch_equal(back.ask, intro.ask) && epoch_equal(back.closed, intro.closed) && back.after.len == 96);
    cr_assert_not(bundle_intro_get(lz_bytes_of(text, body.len - 1), &back));
    cr_assert_not(bundle_intro_get(lz_bytes_of(text, 10), &back));
    text[48] = 97;
    cr_assert_not(bundle_intro_get(lz_bytes_of(text, 49 + 97), &back));
    struct bundle_trailer trailer = { 1, 2, 3, true }, again;
    bundle_trailer_put(&trailer, end);
    cr_assert(bundle_trailer_get(lz_bytes_of(end, sizeof end), &again) && again.records == 2 && again.more);
    end[24] = 2;
    cr_assert_not(bundle_trailer_get(lz_bytes_of(end, sizeof end), &again));
    cr_assert_not(bundle_trailer_get(lz_bytes_of(end, 24), &again));
}

/* ---- two nodes and their files ---------------------------------------------------------------------------------------------- */

struct node {
    uint32_t unit, parent;
    uint8_t tier, public_key[32], secret_key[32];
    char path[96];
    struct store *store;
    struct roster *roster;
    struct turn *turn;
};
static struct node top, city, county, other;
static char dir[64];
static struct units *units;
static struct calendar *calendar;
static uint64_t mono, last_id, set_back_ms;
static const uint64_t T0 = 1650848400000ull;

static struct lz_now now(void) { return (struct lz_now){ mono, T0 + mono - set_back_ms }; }
static void boot(struct node *n, const struct node *parent) {
    struct store_options so = { .path = n->path, .unit = n->unit, .map_bytes = 256 << 20, .reserve_bytes = 1 << 20, .no_sync = true };
    cr_assert_eq(store_open(&n->store, &so, &fail), LZ_ok, "%s", fail.text);
    struct turn_options o = {
        .store = n->store, .roster = n->roster, .units = units, .calendar = calendar, .unit = n->unit, .parent = n->parent, .tier = n->tier,
        .n_parent_endpoints = 1, .software = "test", .seed = 7, .tip_ms = 1000, .tip_idle_ms = 5000, .hello_ms = 1000,
        .settings = { .sign_days = 1, .sign_urgent_hours = 2, .reminder_days = 10, .letter_days = 15, .accept_days = 1, .handle_days = 15,
                      .blue_days = 3, .yellow_points = 10, .red_points = 30, .urge_after_days = 3, .offer_after_days = 5, .rollup_interval_ms = 1000 },
    };
    memcpy(o.secret_key, n->secret_key, 32);
    if (parent) memcpy(o.parent_key, parent->public_key, 32);
    lz_put32(o.seal_key, n->unit);
    lz_random(o.epoch.b, sizeof o.epoch.b);
    cr_assert_eq(turn_open(&n->turn, &o, now(), &fail), LZ_ok, "%s", fail.text);
}
static void add(struct node *n, uint32_t unit, uint32_t parent, uint8_t tier) {
    *n = (struct node){ .unit = unit, .parent = parent, .tier = tier, .roster = roster_create() };
    snprintf(n->path, sizeof n->path, "%s/%u", dir, unit);
    crypto_box_keypair(n->public_key, n->secret_key);
}
static void enrol(struct node *parent, const struct node *child) {
    uint32_t subtree[256];
    size_t n = units_below(units, child->unit, true, subtree, LZ_COUNT(subtree));
    cr_assert_eq(roster_add(parent->roster, child->unit, child->public_key, subtree, n, &fail), LZ_ok, "%s", fail.text);
}
static void shut(struct node *n) { turn_close(&n->turn); store_close(&n->store); }
static void open_nodes(void) {
    static char text[64 * 1024];
    open_keys();
    snprintf(dir, sizeof dir, "/tmp/linzhang-bundle-XXXXXX");
    cr_assert(mkdtemp(dir));
    FILE *f = fopen("deploy/data/divisions-henan.tsv", "rb");
    cr_assert(f, "tests run from the root of the project");
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    units = units_create();
    cr_assert_eq(units_load(units, lz_bytes_of(text, len), &fail), LZ_ok, "%s", fail.text);
    calendar = calendar_create();
    mono = 1000;
    add(&top, TOP, 0, TIER_PROVINCE);
    add(&city, CITY, TOP, TIER_CITY);
    add(&county, COUNTY, CITY, TIER_COUNTY);
    add(&other, OTHER, CITY, TIER_COUNTY);
    enrol(&top, &city);
    enrol(&city, &county);
    enrol(&city, &other);
    boot(&top, NULL);
    boot(&city, &top);
    boot(&county, &city);
    boot(&other, &city);
}
static void close_nodes(void) {
    struct node *all[] = { &top, &city, &county, &other };
    char command[96];
    for (size_t i = 0; i < LZ_COUNT(all); i++) { shut(all[i]); roster_destroy(&all[i]->roster); }
    units_destroy(&units);
    calendar_destroy(&calendar);
    snprintf(command, sizeof command, "rm -r %s", dir);
    cr_assert_eq(system(command), 0);
    close_keys();
}
TestSuite(bundles, .init = open_nodes, .fini = close_nodes, .timeout = 120);

static void begin(struct node *n) { mono += 10; turn_begin(n->turn, now()); }
static enum lz_err end(struct node *n) {
    struct packet p;
    enum lz_err err = turn_commit(n->turn);
    while (turn_next_send(n->turn, &p)) cr_assert(false, "%u has no network, and sends", n->unit);
    return err;
}
/* Into `file`. after: the session gone on with. */
static struct bundle_made export_part(struct node *from, uint32_t to, uint64_t max_bytes, uint64_t after) {
    struct bundle_made made = { 0 };
    uint8_t salt[BUNDLE_SALT_BYTES];
    lz_random(salt, sizeof salt);
    lz_random(&last_id, sizeof last_id);
    last_id |= 1;
    begin(from);
    cr_assert_eq(turn_export_begin(from->turn, to, max_bytes, after, last_id, salt, &fail), LZ_ok, "%s", fail.text);
    cr_assert_eq(end(from), LZ_ok);
    file_len = 0;
    for (int i = 0; ; i++) {
        struct lz_bytes bytes;
        begin(from);
        enum export_state state = turn_export_read(from->turn, last_id, file_len, &bytes, &made);
        cr_assert(state != EXPORT_GONE && i < 1000 && file_len + bytes.len <= FILE_MAX);
        cr_assert_leq(bytes.len, BUNDLE_SLICE_BYTES);
        if (bytes.len) memcpy(file + file_len, bytes.data, bytes.len);
        file_len += bytes.len;
        cr_assert_eq(end(from), LZ_ok);
        if (state == EXPORT_ENDED) break;
    }
    cr_assert_eq(made.bytes, file_len);
    return made;
}
static struct bundle_made export_file(struct node *from, uint32_t to) { return export_part(from, to, 1 << 30, 0); }

static enum lz_err import_pass(struct node *n, uint64_t id, bool apply, size_t stop_after, struct bundle_taken *taken) {
    for (size_t at = 0; ; at += BUNDLE_SLICE_BYTES) {
        size_t len = file_len - at < BUNDLE_SLICE_BYTES ? file_len - at : BUNDLE_SLICE_BYTES;
        bool last = at + len == file_len;
        begin(n);
        enum lz_err err = turn_import_write(n->turn, id, apply, at, lz_bytes_of(file + at, len), last, taken, &fail);
        cr_assert_eq(end(n), LZ_ok);
        if (err != LZ_ok || last || at + len >= stop_after) return err;
    }
}
static enum lz_err import_some(struct node *n, size_t stop_after, struct bundle_taken *taken) {
    uint64_t id;
    *taken = (struct bundle_taken){ 0 };
    fail = (struct lz_fail){ 0 };
    lz_random(&id, sizeof id);
    id |= 1;
    begin(n);
    cr_assert_eq(turn_import_begin(n->turn, id, &fail), LZ_ok, "%s", fail.text);
    cr_assert_eq(end(n), LZ_ok);
    enum lz_err err = import_pass(n, id, false, SIZE_MAX, taken);
    if (err == LZ_ok) err = import_pass(n, id, true, stop_after, taken);
    begin(n);
    turn_bundle_end(n->turn, id);
    cr_assert_eq(end(n), LZ_ok);
    return err;
}
static enum lz_err import_file(struct node *n) { struct bundle_taken taken; return import_some(n, SIZE_MAX, &taken); }
static void carry(struct node *from, struct node *to) {
    export_file(from, to->unit);
    cr_assert_eq(import_file(to), LZ_ok, "%u to %u: %s", from->unit, to->unit, fail.text);
}
/* Two new stores tell each other that they have nothing of the other's. */
static void meet(struct node *up, struct node *down) { carry(up, down); carry(down, up); carry(up, down); }

static struct rec_id submit(struct node *n, struct record *draft) {
    struct rec_id id = { 0 };
    begin(n);
    enum lz_err err = flow_submit(turn_flow(n->turn), draft, lz_bytes_str("测试"), (struct lz_bytes){ 0 }, 0, &id, &fail);
    cr_assert_eq(err, LZ_ok, "%s", fail.text);
    cr_assert_eq(end(n), LZ_ok);
    return id;
}
static struct rec_id order_of(struct node *n, const char *title, size_t body_bytes) {
    static char body[RECORD_BYTES_MAX];
    struct record d = { .kind = KIND_general_order, .target_all = true };
    memset(body, 'x', sizeof body);
    d.of.directive.title = lz_bytes_str(title);
    d.of.directive.body = lz_bytes_of(body, body_bytes);
    return submit(n, &d);
}
static struct rec_id problem_of(struct node *n) {
    struct record d = { .kind = KIND_problem };
    d.of.problem.title = lz_bytes_str("毁林");
    return submit(n, &d);
}
static bool holds(struct node *n, struct rec_id id) {
    begin(n);
    bool held = store_has(n->store, TABLE_record, key_id(id));
    cr_assert_eq(end(n), LZ_ok);
    return held;
}
static uint64_t position(struct node *n) { begin(n); uint64_t p = store_position(n->store); cr_assert_eq(end(n), LZ_ok); return p; }
static struct link_view view(struct node *n, uint32_t peer) {
    struct link_view v = { 0 };
    begin(n);
    for (size_t i = 0; i < turn_links(n->turn); i++) { turn_link_view(n->turn, i, &v); if (v.code == peer) break; }
    cr_assert_eq(end(n), LZ_ok);
    cr_assert_eq(v.code, peer);
    return v;
}
static void verified(struct node *n) {
    struct verify v = { 0 };
    begin(n);
    flow_verify(turn_flow(n->turn), &v);
    cr_assert_eq(v.differences, 0, "%.*s", (int)v.first.len, (const char *)v.first.data);
    cr_assert_eq(end(n), LZ_ok);
}

Test(bundles, carry_both_ways_with_receipts) {
    meet(&city, &county);
    struct rec_id order = order_of(&city, "令", 10);
    carry(&city, &county);
    cr_assert(holds(&county, order));
    cr_assert_gt(view(&city, COUNTY).behind_out, 0, "nothing confirms it yet");
    struct rec_id problem = problem_of(&county);
    carry(&county, &city);
    cr_assert(holds(&city, problem));
    cr_assert_eq(view(&city, COUNTY).behind_out, 0, "the receipt came with it");
    struct link_view v = view(&city, COUNTY);
    cr_assert_eq(v.state, LINK_dialling, "no link is live by files");
    cr_assert_gt(v.file_in_serial, 0);
    carry(&city, &county);
    cr_assert_eq(view(&county, CITY).behind_out, 0);
    verified(&city);
    verified(&county);
}

/* Nothing of an altered one takes effect, whichever bit it is; the good one is taken after all of them. */
Test(bundles, are_refused_whole_when_a_bit_is_wrong) {
    meet(&city, &county);
    struct rec_id order = order_of(&city, "令", 10);
    export_file(&city, COUNTY);
    uint64_t before = position(&county);
    for (size_t i = 0; i < file_len; i++) {
        file[i] ^= (uint8_t)(1 << i % 8);
        enum lz_err err = import_file(&county);
        cr_assert(err == LZ_bundle_altered || err == LZ_bundle_torn || err == LZ_bad_version, "byte %zu: %s", i, lz_err_name(err));
        file[i] ^= (uint8_t)(1 << i % 8);
    }
    size_t whole = file_len;
    for (file_len = 0; file_len < whole; file_len++) cr_assert_eq(import_file(&county), LZ_bundle_torn, "cut at %zu: %s", file_len, fail.text);
    cr_assert_eq(position(&county), before);
    cr_assert_not(holds(&county, order));
    file_len = whole;
    cr_assert_eq(import_file(&county), LZ_ok, "%s", fail.text);
    cr_assert(holds(&county, order));
}

Test(bundles, are_refused_when_replayed_foreign_or_old) {
    static uint8_t first[64 * 1024];
    meet(&city, &county);
    order_of(&city, "令", 10);
    export_file(&city, COUNTY);
    size_t first_len = file_len;
    memcpy(first, file, first_len);
    cr_assert_eq(import_file(&county), LZ_ok);
    uint64_t before = position(&county);
    cr_assert_eq(import_file(&county), LZ_bundle_replayed);
    cr_assert_eq(import_file(&other), LZ_bundle_foreign, "it is not for the other county");
    cr_assert_eq(import_file(&city), LZ_bundle_foreign, "nor for its maker");
    export_file(&city, TOP);
    cr_assert_eq(import_file(&county), LZ_bundle_foreign);
    export_file(&city, COUNTY);                                   /* a newer one goes first: the older one says nothing more */
    static uint8_t second[64 * 1024];
    size_t second_len = file_len;
    memcpy(second, file, second_len);
    carry(&city, &county);
    memcpy(file, second, file_len = second_len);
    cr_assert_eq(import_file(&county), LZ_bundle_replayed);
    export_file(&city, COUNTY);
    memcpy(second, file, second_len = file_len);                  /* the last of this run */
    shut(&city);                                                  /* the city starts anew: what its last run made is old once this one was heard, */
    set_back_ms = LZ_HOUR_MS;                                     /* whatever its clock says */
    boot(&city, &top);
    carry(&city, &county);
    memcpy(file, second, file_len = second_len);
    cr_assert_eq(import_file(&county), LZ_bundle_old, "%s", fail.text);
    memcpy(file, first, file_len = first_len);
    cr_assert_eq(import_file(&county), LZ_bundle_old, "%s", fail.text);
    cr_assert_eq(position(&county), before);
    begin(&city);                                                 /* a neighbour that is none any more */
    cr_assert(roster_remove(city.roster, COUNTY));
    turn_child_removed(city.turn, COUNTY);
    cr_assert_eq(end(&city), LZ_ok);
    export_file(&county, CITY);
    cr_assert_eq(import_file(&city), LZ_bundle_foreign);
    uint8_t salt[BUNDLE_SALT_BYTES] = { 0 };
    begin(&city);
    cr_assert_eq(turn_export_begin(city.turn, COUNTY, 1 << 30, 0, 5, salt, &fail), LZ_not_enrolled);
    cr_assert_eq(end(&city), LZ_ok);
}

Test(bundles, go_on_after_an_interruption) {
    struct bundle_taken taken;
    struct rec_id orders[40];
    meet(&city, &county);
    for (size_t i = 0; i < LZ_COUNT(orders); i++) orders[i] = order_of(&city, "令", 30000);
    export_file(&city, COUNTY);
    cr_assert_gt(file_len, 4 * (size_t)BUNDLE_SLICE_BYTES);
    cr_assert_eq(import_some(&county, 3 * BUNDLE_SLICE_BYTES, &taken), LZ_ok);
    cr_assert_not(taken.done);
    cr_assert(holds(&county, orders[0]) && !holds(&county, orders[39]));
    shut(&county);
    boot(&county, &city);
    cr_assert_eq(import_some(&county, SIZE_MAX, &taken), LZ_ok, "%s", fail.text);
    cr_assert(taken.done && taken.news < LZ_COUNT(orders));
    for (size_t i = 0; i < LZ_COUNT(orders); i++) cr_assert(holds(&county, orders[i]), "%zu", i);
    cr_assert_eq(import_file(&county), LZ_bundle_replayed);
    verified(&county);
}

Test(bundles, come_in_parts) {
    static uint8_t *parts[64];
    size_t lens[64], n = 0;
    struct rec_id orders[120];
    meet(&city, &county);
    for (size_t i = 0; i < LZ_COUNT(orders); i++) orders[i] = order_of(&city, "令", 30000);
    uint64_t after = 0, serial = 0;
    for (bool more = true; more; n++) {
        struct bundle_made made = export_part(&city, COUNTY, BUNDLE_BYTES_MIN, after);
        cr_assert_leq(file_len, BUNDLE_BYTES_MIN);
        cr_assert_eq(made.continues, serial);
        serial = made.serial;
        parts[n] = malloc(lens[n] = file_len);
        memcpy(parts[n], file, file_len);
        after = last_id;
        more = made.more;
    }
    cr_assert_geq(n, 4);
    memcpy(file, parts[1], file_len = lens[1]);
    cr_assert_eq(import_file(&county), LZ_bundle_gap, "%s", lz_err_name(fail.code));
    for (size_t i = 0; i < n; i++) {
        memcpy(file, parts[i], file_len = lens[i]);
        cr_assert_eq(import_file(&county), LZ_ok, "part %zu: %s", i, fail.text);
        free(parts[i]);
    }
    for (size_t i = 0; i < LZ_COUNT(orders); i++) cr_assert(holds(&county, orders[i]), "%zu", i);
    uint8_t salt[BUNDLE_SALT_BYTES] = { 0 };
    begin(&city);
    cr_assert_eq(turn_export_begin(city.turn, COUNTY, BUNDLE_BYTES_MIN - 1, 0, 5, salt, &fail), LZ_bad_argument);
    cr_assert_eq(turn_export_begin(city.turn, COUNTY, BUNDLE_BYTES_MIN, 999, 5, salt, &fail), LZ_not_found, "nothing to go on with");
    cr_assert_eq(end(&city), LZ_ok);
}

/* A store that is lost comes back from the other side's file, though both start anew between any two files. */
Test(bundles, give_back_what_a_lost_store_wrote) {
    char command[200];
    meet(&top, &city);                                            /* an answer is the last one only of who waits for nobody else */
    meet(&city, &other);
    meet(&city, &county);
    struct rec_id problem = problem_of(&county), order = order_of(&city, "令", 10);
    carry(&county, &city);
    carry(&city, &county);
    carry(&county, &city);
    shut(&county);
    snprintf(command, sizeof command, "rm -r %s", county.path);
    cr_assert_eq(system(command), 0);
    boot(&county, &city);
    for (int i = 0; i < 3; i++) {
        carry(&county, &city);
        shut(&city);
        boot(&city, &top);
        carry(&city, &county);
        shut(&county);
        boot(&county, &city);
    }
    cr_assert(holds(&county, problem), "its own");
    cr_assert(holds(&county, order), "and what was sent to it");
    cr_assert_not(view(&county, CITY).reclaiming);
    carry(&county, &city);
    cr_assert_not(view(&city, COUNTY).owes);
    carry(&city, &county);
    cr_assert_not(view(&county, CITY).reclaiming, "what was closed stays closed");
    verified(&city);
    verified(&county);
}

Test(bundles, sessions_are_few_and_end) {
    uint8_t salt[BUNDLE_SALT_BYTES] = { 0 };
    struct lz_bytes bytes;
    struct bundle_made made;
    begin(&city);
    for (uint64_t id = 1; id <= BUNDLE_SESSIONS_MAX; id++) cr_assert_eq(turn_export_begin(city.turn, COUNTY, 1 << 30, 0, id, salt, &fail), LZ_ok);
    cr_assert_eq(turn_export_begin(city.turn, COUNTY, 1 << 30, 0, 99, salt, &fail), LZ_too_many);
    cr_assert_eq(turn_import_begin(city.turn, 99, &fail), LZ_too_many);
    cr_assert_eq(turn_export_read(city.turn, 1, 0, &bytes, &made), EXPORT_WAIT, "its serial is not on disk yet");
    cr_assert_eq(end(&city), LZ_ok);
    mono += BUNDLE_IDLE_MS;
    begin(&city);
    cr_assert_eq(turn_import_begin(city.turn, 99, &fail), LZ_ok, "one that nobody asks for gives way");
    cr_assert_eq(turn_export_read(city.turn, 12345, 0, &bytes, &made), EXPORT_GONE);
    cr_assert_eq(end(&city), LZ_ok);
}

Test(bundles, answers_may_be_lost_on_the_way) {
    struct lz_bytes bytes;
    struct bundle_made made;
    struct bundle_taken taken;
    meet(&city, &county);
    order_of(&city, "令", 10);
    export_file(&city, COUNTY);
    begin(&city);
    cr_assert_eq(turn_export_read(city.turn, last_id, file_len, &bytes, &made), EXPORT_ENDED, "asked again, told again");
    cr_assert_eq(turn_export_read(city.turn, last_id, file_len + 1, &bytes, &made), EXPORT_GONE);
    cr_assert_eq(end(&city), LZ_ok);
    begin(&county);
    cr_assert_eq(turn_import_begin(county.turn, 3, &fail), LZ_ok);
    cr_assert_eq(turn_import_write(county.turn, 3, false, 0, lz_bytes_of(file, 100), false, &taken, &fail), LZ_ok);
    cr_assert_eq(turn_import_write(county.turn, 3, false, 0, lz_bytes_of(file, 100), false, &taken, &fail), LZ_ok, "passed over");
    cr_assert_eq(turn_import_write(county.turn, 3, false, 100, lz_bytes_of(file + 100, file_len - 100), true, &taken, &fail), LZ_ok);
    cr_assert(taken.checked && !taken.done);
    cr_assert_eq(turn_import_write(county.turn, 3, false, 100, lz_bytes_of(file + 100, file_len - 100), true, &taken, &fail), LZ_ok);
    cr_assert(taken.checked && !taken.done);
    cr_assert_eq(turn_import_write(county.turn, 3, true, 0, lz_bytes_of(file, file_len), true, &taken, &fail), LZ_ok, "%s", fail.text);
    cr_assert(taken.done);
    cr_assert_eq(turn_import_write(county.turn, 3, true, 0, lz_bytes_of(file, file_len), true, &taken, &fail), LZ_ok);
    cr_assert_eq(end(&county), LZ_ok);
    begin(&county);
    cr_assert_eq(turn_import_begin(county.turn, 4, &fail), LZ_ok);
    cr_assert_eq(turn_import_write(county.turn, 4, false, 7, lz_bytes_of(file, 100), false, &taken, &fail), LZ_bad_argument);
    cr_assert_eq(turn_import_write(county.turn, 4, false, 0, lz_bytes_of(file, 100), false, &taken, &fail), LZ_not_found, "it has ended");
    cr_assert_eq(end(&county), LZ_ok);
}
