/* values: FEEDS a store of a city in the middle of its work in which some values, in any table, were changed and carry a right checksum
 * (a disk that lies well, an older or a newer program, a person with a tool). ORACLE: whoever reads it (start, every verb that reads,
 * verify, a neighbour who fetches, acknowledges and asks for its own, time that passes, a new submission) refuses it or goes on;
 * never an assertion, a crash or a turn that does not end; what is printed is harmless. Nothing is promised of what the figures say. */
#include "fuzz.h"

enum { CHANGES_MAX = 6, ENTRIES_MAX = 64 };

static struct lz_bytes changed(struct input *in, struct lz_bytes old) {
    struct arena *a = fuzz_arena();
    uint8_t *copy = arena_alloc(a, old.len + 256);
    LZ_ASSERT(copy);
    if (old.len) memcpy(copy, old.data, old.len);
    size_t len = old.len;
    switch (pick(in, 5)) {
    case 0:                                                      /* some bytes */
        for (size_t n = 1 + pick(in, 4); n > 0 && len; n--) copy[take(in, 2) % len] = (uint8_t)take(in, 1);
        break;
    case 1: len = len ? pick(in, 256) % len : 0; break;          /* cut */
    case 2: { struct lz_bytes more = take_bytes(in, 255); if (more.len) memcpy(copy + len, more.data, more.len); len += more.len; break; }
    case 3: { struct lz_bytes other = take_bytes(in, 255); if (other.len) memcpy(copy, other.data, other.len); len = other.len; break; }
    default:                                                     /* a whole number */
        if (len >= 8) memset(copy + take(in, 2) % (len - 7), pick(in, 2) ? 0xff : 0x7f, 8);
        break;
    }
    return lz_bytes_of(copy, len);
}

static void change_one(struct input *in, struct store *store) {
    enum table table = (enum table)pick(in, TABLE_COUNT);
    struct key key = { 0 }, chosen = { 0 };
    struct lz_bytes value, old = { 0 };
    size_t at = pick(in, ENTRIES_MAX), n = 0;
    for (; store_seek(store, table, &key, &value); key = key_after(key), n++) { }
    if (n) {
        at %= n;
        key = (struct key){ 0 };
        for (; store_seek(store, table, &key, &value); key = key_after(key))
            if (at-- == 0) { chosen = key; old = value; break; }
    }
    if (n == 0 || chance(in, 24)) {                              /* a row that was never there, or a key of another shape */
        struct lz_bytes other = take_bytes(in, 90);
        if (other.len == 0) other = lz_bytes_of("\x00\x06\x44\xd0", 4);
        chosen = key_bytes(other);
    }
    if (chance(in, 16)) { store_delete(store, table, chosen); return; }
    store_put(store, table, chosen, changed(in, old));
}

static bool tamper(struct input *in, struct node *n) {
    struct store *store;
    struct store_options options = { .path = n->directory, .unit = CITY, .map_bytes = 32 << 20, .no_sync = true };
    enum lz_err err = store_open(&store, &options, NULL);
    LZ_ASSERT(err == LZ_ok);
    store_set_arena(store, fuzz_arena());
    for (size_t i = 1 + pick(in, CHANGES_MAX - 1); i > 0; i--) change_one(in, store);
    err = store_commit(store);
    store_close(&store);
    return err == LZ_ok;
}

/* One answer of each run is printed as well, which costs more than all the asking. */
struct reader { struct node *n; size_t asked, printed; };

static void ask(struct reader *r, const char *verb, const char *name, const char *value, uint8_t request) {
    struct node *n = r->n;
    bool prints = r->asked++ == r->printed;
    static struct arena *answers;
    if (!answers) answers = arena_create((size_t)256 << 20);
    arena_reset(answers);
    struct arg args[] = { { lz_bytes_str(name ? name : ""), lz_bytes_str(value ? value : "") } };
    uint8_t id[16] = { request };
    struct ask asked = { .verb = lz_bytes_str(verb), .args = args, .n_args = name ? 1 : 0, .seq = 1 };
    if (request) asked.request = lz_bytes_of(id, sizeof id);
    struct lz_bytes packet, body;
    enum packet_type type;
    enum lz_err err = ask_encode(answers, &asked, &packet);
    LZ_ASSERT(err == LZ_ok);
    for (int turns = 0; turns < 2; turns++) {
        const uint8_t *client;
        size_t len;
        node_begin(n);
        if (turns == 0) ctl_serve(n->ctl, (const uint8_t *)"c", 1, 0, packet);
        (void)node_end(n);
        while (ctl_next_answer(n->ctl, &client, &len, &body)) {
            struct answer answer;
            must(packet_open(body, &type, &body, NULL) == LZ_ok && answer_decode(answers, body, &answer) == LZ_ok, "the answer to %s does not decode", verb);
            if (prints) must_print_harmless_at(&answer, 80);
        }
        if (!ctl_has_deferred(n->ctl)) break;
    }
}

static void read_all(struct reader *n, const struct pool *pool) {
    static const char *const plain[] = { "status", "links", "tree", "why", "board", "refused", "audit", "count", "task list", "letter list",
        "problem list", "emergency list",
                                         "duty list", "progress list", "child list", "verify" };
    char id[REC_ID_TEXT];
    for (size_t i = 0; i < LZ_COUNT(plain); i++) ask(n, plain[i], NULL, NULL, 0);
    for (size_t i = 0; i < pool->n; i++) {
        const struct kind_row *row = kind_row(pool->ids[i].kind);
        if (!row || row->machine == MACHINE_NONE) continue;
        rec_id_print(pool->ids[i], id);
        ask(n, "trace", "id", id, 0);
        ask(n, row->machine == MACHINE_PROBLEM ? "problem show" : row->machine == MACHINE_EMERGENCY ? "emergency show" : pool->ids[i].kind == KIND_task
            ? "task show" : "letter show",
            "id", id, 0);
    }
    ask(n, "letter show", "id", "焦林长督〔2022〕3号", 0);
    ask(n, "reclaim skip", NULL, NULL, 1);                       /* the request of the story's first submission */
    ask(n, "problem report", "title", "又一个", 9);
}

static void feed(struct node *n, uint32_t peer, enum lz_err err, struct lz_bytes packet) {
    if (err == LZ_ok) (void)node_feed(n, peer, packet);
}

static void talk(struct node *n) {
    static const uint32_t peers[] = { COUNTY_A, PROVINCE };
    for (size_t i = 0; i < LZ_COUNT(peers); i++) {
        struct lz_bytes packet;
        enum lz_err err;
        feed(n, peers[i], LZ_ok, hello_from(n, peers[i], 0, 0));
        for (uint8_t lane = 0; lane < LANE_COUNT; lane++) {
            struct fetch f = { { peers[i] == PROVINCE ? SCOPE_UP : SCOPE_ALL, lane }, store_epoch(n->store), 0 };
            err = fetch_encode(fuzz_arena(), &f, &packet);
            feed(n, peers[i], err, packet);
            struct ack a = { .epoch = store_epoch(n->store), .n_cursors = 1, .cursors = { { f.feed, { store_epoch(n->store), 3, 3 } } } };
            err = ack_encode(fuzz_arena(), &a, &packet);
            feed(n, peers[i], err, packet);
        }
        struct reclaim_ask ask = { epoch_of(peers[i], 0), store_epoch(n->store), { 0 }, 0 };
        err = reclaim_ask_encode(fuzz_arena(), &ask, &packet);
        feed(n, peers[i], err, packet);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct node n;
    struct pool pool;
    struct lz_fail fail = { 0 };
    struct input in = input_of(data, size);
    fuzz_begin();
    node_open(&n, worked_image(&pool));
    n.now.wall_ms += 5 * (uint64_t)LZ_DAY_MS;
    if (tamper(&in, &n) && node_start(&n, &fail)) {
        talk(&n);
        struct reader reader = { &n, 0, pick(&in, 40) };
        read_all(&reader, &pool);
        static const uint64_t later[] = { 2000, LZ_DAY_MS, 20 * (uint64_t)LZ_DAY_MS };
        for (size_t i = 0; i < LZ_COUNT(later); i++) { node_later(&n, later[i]); node_begin(&n); (void)node_end(&n); }
        ask(&reader, "board", NULL, NULL, 0);
        node_stop(&n);
    } else if (fail.code) must(fail.text[0] != 0, "refused without a word");
    roster_destroy(&n.roster);
    return 0;
}
