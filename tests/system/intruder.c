/* intruder: a county with a good key that wants more than its own.
 *
 *   intruder SECRET_KEY_FILE UNIT PARENT PARENT_KEY ENDPOINT SIBLING
 *
 * It greets its parent as it should, then asks for its sibling's feeds and reports a problem in its sibling's name. Prints what it
 * got: "refusals N leaked M". The test asks the parent what it made of it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../../daemon/wire/wire.h"

static struct arena *arena;
static struct wire *wire;
static uint32_t unit, parent, sibling;
static struct lineage_entry line[1];
static int refusals, leaked;
static bool greeted;
static struct epoch theirs;

static void die(const char *what) { fprintf(stderr, "intruder: %s\n", what); exit(1); }
static void post(enum channel channel, struct lz_bytes bytes) { wire_send(wire, &(struct packet){ parent, channel, bytes }); }

static void say_hello(bool reply) {
    struct hello h = { .version = PROTOCOL_VERSION, .version_min = PROTOCOL_VERSION_MIN, .software = lz_bytes_str("intruder"), .unit = unit, .to = parent,
                       .tier = TIER_COUNTY, .reply = reply, .lineage = line, .n_lineage = 1, .wall_ms = lz_clock_now().wall_ms };
    struct lz_bytes packet;
    if (hello_encode(arena, &h, &packet) != LZ_ok) die("hello");
    post(CHANNEL_SYNC, packet);
}

static void take(const struct packet *packet) {
    enum packet_type type;
    struct lz_bytes body;
    struct hello h;
    struct batch b;
    if (packet_open(packet->bytes, &type, &body, NULL) != LZ_ok) return;
    if (type == PACKET_HELLO && hello_decode(arena, body, &h) == LZ_ok) {
        theirs = h.lineage[h.n_lineage - 1].epoch;
        greeted = true;
        if (!h.reply) say_hello(true);
    }
    if (type == PACKET_REFUSAL) refusals++;
    if (type == PACKET_BATCH && batch_decode(arena, body, &b) == LZ_ok && b.feed.scope == sibling) leaked++;
}

static void run_for(uint64_t ms) {
    struct packet packet;
    for (uint64_t end = lz_clock_now().mono_ms + ms; lz_clock_now().mono_ms < end; ) {
        wire_wait(wire, 20);
        while (wire_next_event(wire) != WIRE_NOTHING) { }
        while (wire_recv(wire, &packet)) take(&packet);
    }
}

static void ask_for_siblings_feeds(void) {
    for (uint8_t lane = 0; lane < LANE_COUNT; lane++) {
        struct fetch fetch = { { sibling, lane }, theirs, 0 };
        struct lz_bytes packet;
        if (fetch_encode(arena, &fetch, &packet) != LZ_ok) die("fetch");
        post(CHANNEL_SYNC, packet);
    }
}

static void speak_for_sibling(void) {
    struct record r = { .kind = KIND_problem, .origin = sibling, .tier = TIER_COUNTY, .stamp = lz_clock_now().wall_ms << 16, .lane = LANE_ROUTINE,
                        .direction = DIRECTION_UP, .reach = REACH_PARENT };
    r.of.problem.title = lz_bytes_str("冒充邻县上报");
    struct lz_bytes packet;
    if (record_encode(arena, &r, NULL) != LZ_ok) die("record");
    struct batch b = { .feed = { SCOPE_UP, LANE_ROUTINE }, .epoch = line[0].epoch, .from = 0, .to = 1, .seen = 1, .tip = 1,
                       .envelopes = &r.envelope, .n_envelopes = 1 };
    if (batch_encode(arena, &b, &packet) != LZ_ok) die("batch");
    post(CHANNEL_SYNC, packet);
    post(CHANNEL_LIVE_UP, packet);
}

int main(int argc, char **argv) {
    if (argc != 7) { fprintf(stderr, "intruder SECRET UNIT PARENT PARENT_KEY ENDPOINT SIBLING\n"); return 2; }
    char key[KEY_TEXT + 2] = { 0 }, control[128];
    FILE *f = fopen(argv[1], "r");
    if (!f || !fgets(key, sizeof key, f)) die(argv[1]);
    key[strcspn(key, "\n")] = 0;
    unit = (uint32_t)atoi(argv[2]);
    parent = (uint32_t)atoi(argv[3]);
    sibling = (uint32_t)atoi(argv[6]);
    snprintf(control, sizeof control, "/tmp/intruder-%d", (int)getpid());
    struct roster *roster = roster_create();
    struct wire_options o = { .roster = roster, .parent = parent, .parent_endpoints = { argv[5] }, .n_parent_endpoints = 1, .control_path = control,
                              .control_mode = 0600, .keepalive_ms = 1000, .handshake_ms = 5000, .reconnect_ms = 100,
                              .reconnect_max_ms = 400, .connect_timeout_ms = 2000 };
    struct lz_fail fail = { 0 };
    if (!wire_key_parse(key, o.secret_key) || !wire_key_parse(argv[4], o.parent_key)) die("keys");
    wire_key_public(o.secret_key, o.public_key);
    if (wire_open(&wire, &o, &fail) != LZ_ok) die(fail.text);
    arena = arena_create((size_t)64 << 20);
    lz_random(line[0].epoch.b, sizeof line[0].epoch.b);
    wire_dial(wire, 0);
    for (int i = 0; i < 20 && !greeted; i++) { say_hello(false); run_for(300); }
    if (!greeted) die("the parent did not greet");
    ask_for_siblings_feeds();
    speak_for_sibling();
    run_for(2500);
    printf("refusals %d leaked %d\n", refusals, leaked);
    wire_close(&wire);
    roster_destroy(&roster);
    arena_destroy(&arena);
    unlink(control);
    return leaked ? 1 : 0;
}
