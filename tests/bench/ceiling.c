/* ceiling: the parts put together and nothing else. Three processes; ZeroMQ with CURVE between them, protobuf batches of up to 64
 * records of 256 bytes; each takes what has come, writes all of it into an LMDB log and into a table of 100,000 records (chain: at a
 * random place, chain-seq: in order), commits with full sync, and only then sends on. No identity, no replay, no acknowledgement, no
 * derived state: what linzhang is measured against. */
#include <errno.h>
#include <lmdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>
#include "bench.h"
#include "record.pb-c.h"
#include "sync.pb-c.h"

enum { FRAME = 64, GROUP = 4096, TABLE = 100000, WINDOW = 32768, FRAMES = 1024 };
struct shared { volatile uint64_t stored[TIERS]; volatile int ready[TIERS]; };
static struct shared *shared;
static struct { int tier, in, out; char dir[PATH_BYTES]; pid_t pid; } nodes[TIERS];
static char server_public[41], server_secret[41], client_public[41], client_secret[41];
static void *context, *push;
static uint64_t posted;
static bool scattered;                  /* each record at a random place of the table, which dirties a page of its own; or behind the last */

static void must(int rc, const char *what) { if (rc < 0) die("%s: %s", what, zmq_strerror(errno)); }
static void mdb(int rc) { if (rc != 0) die("LMDB: %s", mdb_strerror(rc)); }
static void set(void *socket, int option, int value) { must(zmq_setsockopt(socket, option, &value, sizeof value), "option"); }
static void secure(void *socket, bool server) {
    if (server) set(socket, ZMQ_CURVE_SERVER, 1);
    else must(zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_public, 41), "key");
    must(zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, server ? server_public : client_public, 41), "key");
    must(zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, server ? server_secret : client_secret, 41), "key");
}
static void *opened(void *c, int type, int port, bool binds) {
    char endpoint[64];
    void *s = zmq_socket(c, type);
    if (!s) die("zmq_socket");
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", port);
    set(s, ZMQ_RCVHWM, 2000);
    set(s, ZMQ_SNDHWM, 2000);
    set(s, ZMQ_LINGER, 0);
    secure(s, binds);
    if (type == ZMQ_XPUB) set(s, ZMQ_XPUB_NODROP, 1);
    if (type == ZMQ_SUB) must(zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0), "subscribe");
    must(binds ? zmq_bind(s, endpoint) : zmq_connect(s, endpoint), endpoint);
    return s;
}

/* A bump allocator, reset for each frame: as cheap as unpacking can be. */
static uint8_t pool[1 << 20];
static size_t pool_at;
static void *pool_take(void *d, size_t n) {
    uint8_t *p = pool + pool_at;
    (void)d;
    pool_at += (n + 15) & ~(size_t)15;
    if (pool_at > sizeof pool) die("pool");
    return p;
}
static void pool_give(void *d, void *p) { (void)d; (void)p; }
static ProtobufCAllocator bump = { pool_take, pool_give, NULL };

struct store { MDB_env *env; MDB_dbi log, table; uint64_t seq; };
static void store_open(struct store *s, const char *dir) {
    static uint8_t value[MESSAGE_BYTES];
    MDB_txn *t;
    mdb(mdb_env_create(&s->env));
    mdb(mdb_env_set_maxdbs(s->env, 2));
    mdb(mdb_env_set_mapsize(s->env, (size_t)4 << 30));
    mdb(mdb_env_open(s->env, dir, 0, 0600));
    mdb(mdb_txn_begin(s->env, NULL, 0, &t));
    mdb(mdb_dbi_open(t, "log", MDB_CREATE, &s->log));
    mdb(mdb_dbi_open(t, "table", MDB_CREATE, &s->table));
    for (uint64_t i = 0; i < TABLE; i++) {
        uint64_t key = __builtin_bswap64(i);
        mdb(mdb_put(t, s->table, &(MDB_val){ 8, &key }, &(MDB_val){ sizeof value, value }, MDB_APPEND));
    }
    mdb(mdb_txn_commit(t));
}
static void store_put(struct store *s, MDB_txn *t, const ProtobufCBinaryData *record) {
    uint64_t key = __builtin_bswap64(s->seq), place = __builtin_bswap64(scattered ? (s->seq * UINT64_C(0x9E3779B97F4A7C15) >> 20) % TABLE : s->seq % TABLE);
    Lz__Record *r = lz__record__unpack(&bump, record->len, record->data);            /* a daemon has to look into it */
    if (!r) die("a record does not unpack");
    MDB_val value = { record->len, record->data };
    mdb(mdb_put(t, s->log, &(MDB_val){ 8, &key }, &value, MDB_APPEND));
    mdb(mdb_put(t, s->table, &(MDB_val){ 8, &place }, &value, 0));
    s->seq++;
}
static void node_role(void *argument) {
    int i = *(int *)argument;
    void *c = zmq_ctx_new(), *in = opened(c, i == COUNTY ? ZMQ_PULL : ZMQ_SUB, nodes[i].in, i == COUNTY);
    void *out = nodes[i].out ? opened(c, ZMQ_XPUB, nodes[i].out, true) : NULL;
    static zmq_msg_t frames[FRAMES];
    struct store s = { 0 };
    char subscription[8];
    store_open(&s, nodes[i].dir);
    shared->ready[i] = 1;
    if (out) must(zmq_recv(out, subscription, sizeof subscription, 0), "subscription");
    shared->ready[i] = 2;
    for (;;) {
        MDB_txn *t;
        uint64_t first = s.seq;
        int n = 0;
        mdb(mdb_txn_begin(s.env, NULL, 0, &t));
        for (; n < FRAMES && s.seq - first < GROUP; n++) {
            zmq_msg_init(&frames[n]);
            if (zmq_msg_recv(&frames[n], in, n ? ZMQ_DONTWAIT : 0) < 0) break;
            pool_at = 0;
            Lz__Batch *b = lz__batch__unpack(&bump, zmq_msg_size(&frames[n]), zmq_msg_data(&frames[n]));
            if (!b) die("a frame does not unpack");
            for (size_t k = 0; k < b->n_envelopes; k++) store_put(&s, t, &b->envelopes[k]);
        }
        mdb(mdb_txn_commit(t));
        if (i == PROVINCE) for (double now = now_us(); first < s.seq && first < TIMED_MAX; first++) timed->arrived[first] = now;
        for (int k = 0; k < n; k++) {
            if (!out) zmq_msg_close(&frames[k]);
            else while (zmq_msg_send(&frames[k], out, 0) < 0) if (errno != EAGAIN && errno != EINTR) die("send");
        }
        shared->stored[i] = s.seq;
    }
}

static bool installed(void) { return true; }
static void up(void) {
    static int which[TIERS] = { PROVINCE, CITY, COUNTY };
    static const char *const names[TIERS] = { "chain-province", "chain-city", "chain-county" };
    if (!shared) shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(shared, 0, sizeof *shared);
    posted = 0;
    must(zmq_curve_keypair(server_public, server_secret), "keys");
    must(zmq_curve_keypair(client_public, client_secret), "keys");
    for (int i = 0; i < TIERS; i++) { nodes[i].in = free_ports(1); fresh_dir(nodes[i].dir, names[i]); }
    nodes[COUNTY].out = nodes[CITY].in;
    nodes[CITY].out = nodes[PROVINCE].in;
    nodes[PROVINCE].out = 0;
    for (int i = 0; i < TIERS; i++) nodes[i].pid = process_fork(node_role, &which[i]);
    for (double end = now_s() + 30; shared->ready[PROVINCE] < 2 || shared->ready[CITY] < 2 || shared->ready[COUNTY] < 2; nap_ms(5))
        if (now_s() > end) die("the bare chain does not come up");
    context = zmq_ctx_new();
    push = opened(context, ZMQ_PUSH, nodes[COUNTY].in, false);
    nap_ms(300);
}
static void up_scattered(bool cuttable) { (void)cuttable; scattered = true; up(); }
static void up_in_order(bool cuttable) { (void)cuttable; scattered = false; up(); }
static void down(void) {
    zmq_close(push);
    zmq_ctx_term(context);
    for (int i = 0; i < TIERS; i++) { process_end(&nodes[i].pid, SIGKILL); remove_dir(nodes[i].dir); }
}
static size_t record_of(uint8_t out[2 * MESSAGE_BYTES]) {
    static uint8_t text[MESSAGE_BYTES];
    Lz__Record r = LZ__RECORD__INIT;
    Lz__Progress p = LZ__PROGRESS__INIT;
    r.has_origin = r.has_kind = r.has_stamp = r.has_epoch = r.has_lane = r.has_direction = r.has_reach = r.has_tier = r.has_written_ms = true;
    r.origin = 410801; r.kind = 5; r.stamp = posted; r.epoch = 77; r.lane = 2; r.direction = 1; r.reach = 2; r.tier = 3; r.written_ms = 1700000000000;
    r.has_subject = true;
    r.subject = (ProtobufCBinaryData){ 18, text };
    p.has_as_of = p.has_numerator = p.has_denominator = p.has_text = true;
    p.as_of = 20260101; p.numerator = (int64_t)(posted % 1000); p.denominator = 1000;
    p.text = (ProtobufCBinaryData){ 150, text };
    r.progress = &p;
    while (lz__record__get_packed_size(&r) < MESSAGE_BYTES) p.text.len++;
    return lz__record__pack(&r, out);
}
static void post(uint64_t n) {
    static uint8_t records[FRAME][2 * MESSAGE_BYTES], frame[FRAME * 2 * MESSAGE_BYTES];
    ProtobufCBinaryData envelopes[FRAME];
    while (n > 0) {
        Lz__Batch b = LZ__BATCH__INIT;
        for (; b.n_envelopes < FRAME && n > 0; b.n_envelopes++, n--, posted++) {
            envelopes[b.n_envelopes] = (ProtobufCBinaryData){ record_of(records[b.n_envelopes]), records[b.n_envelopes] };
            if (posted < TIMED_MAX) timed->posted[posted] = now_us();
        }
        b.envelopes = envelopes;
        while (posted - shared->stored[COUNTY] > WINDOW) nap_ms(0.1);
        must(zmq_send(push, frame, lz__batch__pack(&b, frame), 0), "send");
    }
}
static void acked(void) { while (shared->stored[COUNTY] < posted) nap_ms(0.1); }
static uint64_t stored(int tier) { return shared->stored[tier]; }
static void hear(bool each) { (void)each; }
static void listen_for(double ms) { nap_ms(ms); }
static pid_t pid_of(int tier) { return nodes[tier].pid; }
static double disk(int tier) { return dir_bytes(nodes[tier].dir); }

const struct system chain = { "chain", installed, up_scattered, down, post, acked, stored, hear, listen_for, NULL, NULL, pid_of, disk, NULL, true };
const struct system chain_seq = { "chain-seq", installed, up_in_order, down, post, acked, stored, hear, listen_for, NULL, NULL, pid_of, disk, NULL, true };

/* ---- ZeroMQ alone: one publisher, one subscriber, CURVE, 64 records a frame, nothing dropped ---- */
static int zmq_port;
static uint64_t zmq_count;
static void publisher_role(void *argument) {
    static uint8_t frame[FRAME * MESSAGE_BYTES];
    char subscription[8];
    (void)argument;
    void *s = opened(zmq_ctx_new(), ZMQ_XPUB, zmq_port, true);
    must(zmq_recv(s, subscription, sizeof subscription, 0), "subscription");
    for (uint64_t i = 0; i < zmq_count; i += FRAME) while (zmq_send(s, frame, sizeof frame, 0) < 0) if (errno != EAGAIN && errno != EINTR) die("send");
    for (;;) nap_ms(1000);
}
void case_zmq(const struct sizes *z) {
    zmq_port = free_ports(1);
    zmq_count = z->count * 5 / FRAME * FRAME + FRAME;
    must(zmq_curve_keypair(server_public, server_secret), "keys");
    must(zmq_curve_keypair(client_public, client_secret), "keys");
    pid_t pid = process_fork(publisher_role, NULL);
    void *c = zmq_ctx_new(), *s = opened(c, ZMQ_SUB, zmq_port, false);
    zmq_msg_t m;
    zmq_msg_init(&m);
    set(s, ZMQ_RCVTIMEO, 10000);
    double t0 = 0;
    for (uint64_t got = 0; got < zmq_count; got += zmq_msg_size(&m) / MESSAGE_BYTES) {
        must(zmq_msg_recv(&m, s, 0), "ZeroMQ alone");
        if (got == 0) t0 = now_us();
    }
    figure("zeromq_curve", "zeromq", "records/s", (double)(zmq_count - FRAME) * 1e6 / (now_us() - t0));
    zmq_msg_close(&m);
    zmq_close(s);
    zmq_ctx_term(c);
    process_end(&pid, SIGKILL);
}
