/* seeds: writes the first corpus of each target into DIR/TARGET/, real messages made through the codec and the project's own files; what
 * a run finds beyond them is kept by `make fuzz-merge`. Run from the root of the project: build/fuzz/seeds DIR. */
#include <sys/stat.h>
#include "fuzz.h"

static const char *into;

static void write_seed(const char *target, const char *name, const void *head, size_t n_head, struct lz_bytes bytes) {
    char path[600];
    snprintf(path, sizeof path, "%s/%s", into, target);
    mkdir(path, 0777);
    snprintf(path, sizeof path, "%s/%s/%s", into, target, name);
    FILE *f = fopen(path, "wb");
    LZ_ASSERT(f && fwrite(head, 1, n_head, f) == n_head && fwrite(bytes.data, 1, bytes.len, f) == bytes.len);
    fclose(f);
}

static struct lz_bytes file_of(const char *path, size_t max) {
    FILE *f = fopen(path, "rb");
    LZ_ASSERT(f);
    uint8_t *text = arena_alloc(fuzz_arena(), max);
    LZ_ASSERT(text);
    size_t len = fread(text, 1, max, f);
    fclose(f);
    while (len == max && len > 0 && text[len - 1] != '\n') len--;
    return lz_bytes_of(text, len);
}

/* The node's own words in a conversation, and those of its neighbours. */
static void packets(void) {
    struct node n;
    struct pool pool;
    struct lz_bytes frame;
    struct arena *a = fuzz_arena();
    node_open(&n, worked_image(&pool));
    bool started = node_start(&n, NULL);
    LZ_ASSERT(started);
    write_seed("packet", "hello", "", 0, hello_from(&n, COUNTY_A, 0, 0));
    write_seed("packet", "reclaim_answer", "", 0, reclaim_end_from(&n, COUNTY_A, 0));
    struct batch b = { .feed = { SCOPE_UP, LANE_ROUTINE }, .epoch = epoch_of(COUNTY_A, 0), .to = 3, .seen = 4, .tip = 3, .envelopes = pool.envelopes,
        .n_envelopes = 3 };
    if (batch_encode(a, &b, &frame) == LZ_ok) write_seed("packet", "batch", "", 0, frame);
    struct tip t = { .epoch = b.epoch, .seen = 4, .feeds = { { b.feed, 3 } }, .n_feeds = 1, .next_ms = 1000, .cause = lz_bytes_str("与上级的连接断开") };
    if (tip_encode(a, &t, &frame) == LZ_ok) write_seed("packet", "tip", "", 0, frame);
    struct fetch f = { b.feed, b.epoch, 2 };
    if (fetch_encode(a, &f, &frame) == LZ_ok) write_seed("packet", "fetch", "", 0, frame);
    struct ack k = { .epoch = b.epoch, .cursors = { { b.feed, { b.epoch, 3, 4 } } }, .n_cursors = 1 };
    if (ack_encode(a, &k, &frame) == LZ_ok) write_seed("packet", "ack", "", 0, frame);
    struct reclaim_ask ask = { b.epoch, store_epoch(n.store), lz_bytes_str("key of a record"), 9 };
    if (reclaim_ask_encode(a, &ask, &frame) == LZ_ok) write_seed("packet", "reclaim_ask", "", 0, frame);
    if (reclaim_done_encode(a, &ask, &frame) == LZ_ok) write_seed("packet", "reclaim_done", "", 0, frame);
    struct rec_id held = pool.ids[0];
    struct key key = key_id(held);
    struct lz_bytes keys[] = { key_view(&key), key_view(&key) };
    struct repair repair = { .keys = keys, .n_keys = 2, .envelopes = pool.envelopes, .n_envelopes = 2 };
    if (repair_encode(a, PACKET_REPAIR_ASK, &repair, &frame) == LZ_ok) write_seed("packet", "repair_ask", "", 0, frame);
    if (repair_encode(a, PACKET_REPAIR_ANSWER, &repair, &frame) == LZ_ok) write_seed("packet", "repair_answer", "", 0, frame);
    struct refusal refusal = { LZ_bad_version, lz_bytes_str("协议版本不兼容") };
    if (refusal_encode(a, &refusal, &frame) == LZ_ok) write_seed("packet", "refusal", "", 0, frame);
    for (size_t i = 0; i < pool.n; i++) {
        char name[40];
        struct record r;
        snprintf(name, sizeof name, "story_%02zu", i);
        write_seed("record", name, "", 0, pool.envelopes[i]);
        if (record_decode(a, pool.envelopes[i], &r, NULL) != LZ_ok) continue;
        snprintf(name, sizeof name, "draft_%02zu", i);
        write_seed("record", name, "", 0, r.bytes);
    }
    node_close(&n);
}

/* Bytes that choose: mostly the usual, now and then something else. */
static struct lz_bytes choices(uint32_t seed, size_t len, unsigned rare) {
    uint8_t *out = arena_alloc(fuzz_arena(), len);
    LZ_ASSERT(out);
    for (size_t i = 0; i < len; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = (uint8_t)(seed >> 24);
        if (out[i] > 200 && (seed >> 8) % 100 >= rare) out[i] = (uint8_t)(out[i] % 16);
    }
    return lz_bytes_of(out, len);
}

static void programs(void) {
    char name[40];
    for (uint32_t i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "choices_%02u", i);
        uint8_t head[] = { (uint8_t)(i % 3), 0 };
        write_seed("session", name, head, sizeof head, choices(i, 60 + 20 * i, 10));
        write_seed("print", name, head, 1, choices(i + 100, 20 + 10 * i, 50));
        write_seed("zap", name, "", 0, choices(i + 200, 4 + 2 * i, 50));
        uint8_t bundle[] = { (uint8_t)(i % 8), (uint8_t)(i / 8), 0, 3, 0, 4 };
        write_seed("bundle", name, bundle, sizeof bundle, choices(i + 300, 10 + 20 * i, 50));
    }
    /* a new store: the parent greets, and gives back a record in our name that we never wrote */
    const uint8_t forged[] = { 0, 0xff, 4, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 1, 0, 0, 0, 0, 0, 0xff, 0, 0, 0, 0xff, 1, 0, 0, 0 };
    write_seed("session", "given_back_forged", "", 0, lz_bytes_of(forged, sizeof forged));
    for (uint8_t verb = 0; verb < 64; verb++) {
        uint8_t head[] = { 0, 0, verb, 3, 0, 0 };
        snprintf(name, sizeof name, "verb_%02u", verb);
        write_seed("control", name, head, sizeof head, choices(verb, 24, 30));
    }
    for (uint8_t table = 0; table < TABLE_COUNT; table++)
        for (uint8_t way = 0; way < 5; way++) {
            uint8_t head[] = { 0, table, way, 0, 0, way };
            snprintf(name, sizeof name, "%s_%u", table_name((enum table)table), way);
            write_seed("values", name, head, sizeof head, choices(table * 8u + way, 16, 50));
        }
}

static void files(void) {
    const uint8_t config = 0, roster = 1, key = 2, progress[] = { 0, 0 }, tasks[] = { 1, 0 }, divisions[] = { 2, 0 }, holidays[] = { 3, 5 };
    write_seed("config", "province", &config, 1, file_of("deploy/examples/province.ini", 8192));
    write_seed("config", "city", &config, 1, file_of("deploy/examples/city.ini", 8192));
    write_seed("config", "county", &config, 1, file_of("deploy/examples/county.ini", 8192));
    write_seed("config", "roster", &roster, 1, lz_bytes_str("410802\t0100000000000000000000000000000000000000000000000000000000000000\t410802,410804\n"
                                                            "# 备注\n410803\t0200000000000000000000000000000000000000000000000000000000000000\t410803\n"));
    write_seed("config", "key", &key, 1, lz_bytes_str("Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\n"));
    write_seed("import", "progress", progress, 2,
        lz_bytes_str("# 进展\r\nden\ttask\tas_of\tnum\ttext\r\n100\t任务一\t2022-05-01\t40\t好\r\n100\tx\t2022-05-02\t42\t-\r\n"
                                                               "100\t410800-task-01M0W7Q0R8000-3KQ2Z7A\t20220503\t4x\t-\r\n0\t任务一\t2022-05-03\t1\t-\n"));
    write_seed("import", "tasks", tasks, 2, file_of("deploy/data/jiaozuo-2022-tasks.tsv", 3000));
    write_seed("import", "divisions", divisions, 2, file_of("deploy/data/divisions-henan.tsv", 3000));
    write_seed("import", "holidays", holidays, 2, file_of("deploy/data/holidays-2022.txt", 4000));
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    into = argv[1];
    mkdir(into, 0777);
    fuzz_begin();
    packets();
    programs();
    files();
    return 0;
}
