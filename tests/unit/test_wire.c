/* test_wire: real sockets on loopback. Every wait has a deadline; every test has its own ports and directory. */
#include "../../daemon/wire/wire.h"
#include <criterion/criterion.h>
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <zmq.h>

enum { PARENT = 410800, CHILD = 410881, SECOND = 410882, WITHIN_MS = 8000, QUIET_MS = 300 };

struct key { uint8_t public_key[KEY_BYTES], secret_key[KEY_BYTES]; };
struct pair {
    struct roster *roster, *no_children;
    struct wire *parent, *child;
    struct key parent_key, child_key;
    uint32_t port;
    char listen[64];
};

static struct key key_make(void) {
    struct key key;
    wire_keypair(key.public_key, key.secret_key);
    return key;
}

static struct wire_options options_make(const struct key *key, const struct roster *roster) {
    struct wire_options options = { .roster = roster, .keepalive_ms = 500, .handshake_ms = 1000,
                                    .reconnect_ms = 50, .reconnect_max_ms = 200, .connect_timeout_ms = 500, .control_mode = 0660 };
    memcpy(options.public_key, key->public_key, KEY_BYTES);
    memcpy(options.secret_key, key->secret_key, KEY_BYTES);
    return options;
}

static void enroll(struct roster *roster, uint32_t code, const struct key *key) {
    struct lz_fail fail = { 0 };
    cr_assert_eq(roster_add(roster, code, key->public_key, &code, 1, &fail), LZ_ok);
}

/* Random ports below the ephemeral range; another test may have them, then others. */
static void parent_open(struct pair *pair) {
    struct lz_fail fail = { 0 };
    for (int i = 0; i < 50 && !pair->parent; i++) {
        uint32_t random;
        lz_random(&random, sizeof random);
        pair->port = 20000 + random % 3333 * 3;
        (void)snprintf(pair->listen, sizeof pair->listen, "tcp://127.0.0.1:%" PRIu32, pair->port);
        struct wire_options options = options_make(&pair->parent_key, pair->roster);
        options.listen = pair->listen;
        enum lz_err err = wire_open(&pair->parent, &options, &fail);
        cr_assert(err == LZ_ok || err == LZ_wire, "%s", fail.text);
    }
    cr_assert_not_null(pair->parent, "%s", fail.text);
}

static struct wire *child_open(const struct pair *pair, const struct key *key) {
    struct lz_fail fail = { 0 };
    struct wire *wire;
    struct wire_options options = options_make(key, pair->no_children);
    options.parent = PARENT;
    memcpy(options.parent_key, pair->parent_key.public_key, KEY_BYTES);
    options.parent_endpoints[0] = pair->listen;
    options.n_parent_endpoints = 1;
    cr_assert_eq(wire_open(&wire, &options, &fail), LZ_ok, "%s", fail.text);
    wire_dial(wire, 0);
    return wire;
}

static struct pair pair_open(bool enrolled) {
    struct pair pair = { .roster = roster_create(), .no_children = roster_create(), .parent_key = key_make(), .child_key = key_make() };
    if (enrolled) enroll(pair.roster, CHILD, &pair.child_key);
    parent_open(&pair);
    pair.child = child_open(&pair, &pair.child_key);
    return pair;
}

static void pair_close(struct pair *pair) {
    wire_close(&pair->child);
    wire_close(&pair->parent);
    cr_assert_null(pair->parent);
    roster_destroy(&pair->roster);
    roster_destroy(&pair->no_children);
}

static void send_text(struct wire *wire, uint32_t peer, enum channel channel, const char *text) {
    struct packet packet = { .peer = peer, .channel = channel, .bytes = lz_bytes_str(text) };
    wire_send(wire, &packet);
}

/* The next packet at `to`, while both sides are kept turning. */
static bool next_packet(struct wire *to, struct wire *other, uint64_t within_ms, struct packet *packet) {
    uint64_t until = lz_clock_now().mono_ms + within_ms;
    do {
        if (wire_recv(to, packet)) return true;
        wire_wait(to, 5);
        if (other) wire_wait(other, 0);
    } while (lz_clock_now().mono_ms < until);
    return false;
}

/* Sends again and again until it arrives: the sockets may drop, and before they are connected they do. */
static bool gets_through(struct wire *from, struct wire *to, uint32_t peer, enum channel channel, const char *text,
                         uint64_t within_ms, struct packet *packet) {
    uint64_t until = lz_clock_now().mono_ms + within_ms;
    do {
        send_text(from, peer, channel, text);
        while (next_packet(to, from, 20, packet))
            if (packet->channel == channel && lz_bytes_equal(packet->bytes, lz_bytes_str(text))) return true;
    } while (lz_clock_now().mono_ms < until);
    return false;
}

static void connect_all(struct pair *pair) {
    struct packet packet;
    cr_assert(gets_through(pair->child, pair->parent, PARENT, CHANNEL_SYNC, "LZ1/first", WITHIN_MS, &packet));
    cr_assert(gets_through(pair->child, pair->parent, PARENT, CHANNEL_LIVE_UP, "LZ1/first", WITHIN_MS, &packet));
    cr_assert(gets_through(pair->parent, pair->child, 0, CHANNEL_LIVE_DOWN, "LZ1/first", WITHIN_MS, &packet));
}

static void drain(struct wire *wire, struct wire *other) {
    struct packet packet;
    while (next_packet(wire, other, 100, &packet)) { }
}

static bool event_comes(struct wire *wire, struct wire *other, enum wire_event wanted, uint64_t within_ms) {
    uint64_t until = lz_clock_now().mono_ms + within_ms;
    do {
        struct packet packet;
        for (enum wire_event event; (event = wire_next_event(wire)) != WIRE_NOTHING;)
            if (event == wanted) return true;
        while (wire_recv(wire, &packet)) { }
        while (other && wire_recv(other, &packet)) { }
        wire_wait(wire, 5);
        if (other) wire_wait(other, 0);
    } while (lz_clock_now().mono_ms < until);
    return false;
}

/* ---- packets ---- */

Test(wire, both_ways_on_all_channels, .timeout = 40) {
    struct pair pair = pair_open(true);
    struct packet packet;
    cr_assert(gets_through(pair.child, pair.parent, PARENT, CHANNEL_SYNC, "LZ1/sync up", WITHIN_MS, &packet));
    cr_assert_eq(packet.peer, CHILD);
    cr_assert(gets_through(pair.parent, pair.child, CHILD, CHANNEL_SYNC, "LZ1/sync down", WITHIN_MS, &packet));
    cr_assert_eq(packet.peer, PARENT);
    cr_assert(gets_through(pair.child, pair.parent, PARENT, CHANNEL_LIVE_UP, "LZ1/live up", WITHIN_MS, &packet));
    cr_assert_eq(packet.peer, CHILD);
    cr_assert(gets_through(pair.parent, pair.child, 0, CHANNEL_LIVE_DOWN, "LZ1/live down", WITHIN_MS, &packet));
    cr_assert_eq(packet.peer, PARENT);
    cr_assert_gt(wire_counters(pair.parent)->received, 1);
    cr_assert_gt(wire_counters(pair.child)->bytes_sent, 10);
    pair_close(&pair);
    cr_assert_null(pair.child);
}

Test(wire, the_largest_packet_passes, .timeout = 40) {
    struct pair pair = pair_open(true);
    connect_all(&pair);
    drain(pair.parent, pair.child);
    static uint8_t bytes[BATCH_BYTES_MAX] = "LZ1/";
    memset(bytes + 4, 7, sizeof bytes - 4);
    for (int channel = CHANNEL_LIVE_UP; channel <= CHANNEL_SYNC; channel++) {
        struct wire *from = channel == CHANNEL_LIVE_DOWN ? pair.parent : pair.child, *to = from == pair.parent ? pair.child : pair.parent;
        drain(to, from);
        struct packet packet, sent = { .peer = from == pair.child ? PARENT : 0, .channel = (enum channel)channel, .bytes = { bytes, sizeof bytes } };
        wire_send(from, &sent);
        cr_assert(next_packet(to, from, WITHIN_MS, &packet));
        cr_assert(lz_bytes_equal(packet.bytes, sent.bytes));
    }
    pair_close(&pair);
}

Test(wire, sources_take_turns, .timeout = 40) {
    struct pair pair = pair_open(true);
    connect_all(&pair);
    drain(pair.parent, pair.child);
    for (int i = 0; i < 200; i++) send_text(pair.child, PARENT, CHANNEL_LIVE_UP, "LZ1/many");
    for (int i = 0; i < 50; i++) send_text(pair.child, PARENT, CHANNEL_SYNC, "LZ1/few");
    usleep(300 * 1000);
    size_t live = 0, sync = 0;
    struct packet packet;
    for (int i = 0; i < 64 && next_packet(pair.parent, NULL, 1000, &packet); i++) packet.channel == CHANNEL_SYNC ? sync++ : live++;
    cr_assert_geq(live, 16);
    cr_assert_geq(sync, 16);
    pair_close(&pair);
}

Test(wire, drops_instead_of_waiting, .timeout = 40) {
    struct pair pair = pair_open(false);
    send_text(pair.child, PARENT, CHANNEL_SYNC, "LZ1/nobody there");
    send_text(pair.parent, CHILD, CHANNEL_SYNC, "LZ1/never seen");
    send_text(pair.child, CHILD, CHANNEL_LIVE_DOWN, "LZ1/no such socket");
    cr_assert_eq(wire_counters(pair.child)->dropped_send, 2);
    cr_assert_eq(wire_counters(pair.parent)->dropped_send, 1);
    cr_assert_not(wire_can_send_ask(pair.child));
    pair_close(&pair);
}

/* A parent that reads nothing: the child's queue fills and the rest is counted, quickly. */
Test(wire, a_full_queue_drops, .timeout = 40) {
    struct pair pair = pair_open(true);
    connect_all(&pair);
    cr_assert(wire_can_send_ask(pair.child));
    static uint8_t bytes[BATCH_BYTES_MAX] = "LZ1/";
    struct packet packet = { .peer = PARENT, .channel = CHANNEL_SYNC, .bytes = { bytes, 64 * 1024 } };
    uint64_t start = lz_clock_now().mono_ms;
    for (int i = 0; i < 4000; i++) wire_send(pair.child, &packet);
    cr_assert_lt(lz_clock_now().mono_ms - start, 5000);
    cr_assert_gt(wire_counters(pair.child)->dropped_send, 100);
    pair_close(&pair);
}

/* ---- keys ---- */

Test(wire, an_unknown_key_waits_until_enrolled, .timeout = 40) {
    struct pair pair = pair_open(false);
    struct packet packet;
    cr_assert_not(gets_through(pair.child, pair.parent, PARENT, CHANNEL_SYNC, "LZ1/let me in", 800, &packet));
    cr_assert_not(gets_through(pair.child, pair.parent, PARENT, CHANNEL_LIVE_UP, "LZ1/let me in", QUIET_MS, &packet));
    cr_assert_not(gets_through(pair.parent, pair.child, 0, CHANNEL_LIVE_DOWN, "LZ1/secret", QUIET_MS, &packet));
    cr_assert_gt(wire_counters(pair.parent)->unknown_key, 0);
    cr_assert_gt(wire_counters(pair.parent)->handshakes_refused, 0);
    cr_assert_eq(wire_counters(pair.parent)->received, 0);
    cr_assert(event_comes(pair.child, pair.parent, WIRE_PARENT_REFUSED, WITHIN_MS));
    enroll(pair.roster, CHILD, &pair.child_key);
    connect_all(&pair);
    cr_assert(event_comes(pair.child, pair.parent, WIRE_PARENT_CONNECTED, WITHIN_MS));
    pair_close(&pair);
}

Test(wire, a_removed_child_is_dropped_and_cut_off, .timeout = 40) {
    struct pair pair = pair_open(true);
    connect_all(&pair);
    cr_assert(event_comes(pair.child, pair.parent, WIRE_PARENT_CONNECTED, WITHIN_MS));
    uint64_t before = wire_counters(pair.parent)->unknown_key;
    drain(pair.parent, pair.child);
    cr_assert(roster_remove(pair.roster, CHILD));
    struct packet packet;
    send_text(pair.child, PARENT, CHANNEL_SYNC, "LZ1/after removal");
    cr_assert_not(next_packet(pair.parent, pair.child, QUIET_MS, &packet));
    cr_assert_gt(wire_counters(pair.parent)->unknown_key, before);
    cr_assert(event_comes(pair.child, pair.parent, WIRE_PARENT_LOST, WITHIN_MS));
    cr_assert_not(gets_through(pair.child, pair.parent, PARENT, CHANNEL_SYNC, "LZ1/again", QUIET_MS, &packet));
    pair_close(&pair);
}

/* Hanging up reaches all three connections, also the one by which the child only listens. */
Test(wire, hang_up_ends_listening_too, .timeout = 40) {
    struct pair pair = pair_open(true);
    connect_all(&pair);
    cr_assert(event_comes(pair.child, pair.parent, WIRE_PARENT_CONNECTED, WITHIN_MS));
    drain(pair.parent, pair.child);
    drain(pair.child, pair.parent);
    cr_assert(roster_remove(pair.roster, CHILD));
    wire_hang_up(pair.parent, CHILD);
    cr_assert(event_comes(pair.child, pair.parent, WIRE_PARENT_LOST, WITHIN_MS));
    drain(pair.child, pair.parent);
    struct packet packet;
    cr_assert_not(gets_through(pair.parent, pair.child, 0, CHANNEL_LIVE_DOWN, "LZ1/not for you", QUIET_MS, &packet));
    cr_assert_not(gets_through(pair.parent, pair.child, CHILD, CHANNEL_SYNC, "LZ1/not for you", QUIET_MS, &packet));
    enroll(pair.roster, CHILD, &pair.child_key);
    connect_all(&pair);
    pair_close(&pair);
}

/* Same code, new key: what the old key's connection sends from then on is nobody's. */
Test(wire, a_replaced_key_ends_the_old_one, .timeout = 40) {
    struct pair pair = pair_open(true);
    connect_all(&pair);
    drain(pair.parent, pair.child);
    struct key fresh = key_make();
    enroll(pair.roster, CHILD, &fresh);
    struct packet packet;
    cr_assert_not(gets_through(pair.child, pair.parent, PARENT, CHANNEL_SYNC, "LZ1/old key", QUIET_MS, &packet));
    cr_assert_not(gets_through(pair.child, pair.parent, PARENT, CHANNEL_LIVE_UP, "LZ1/old key", QUIET_MS, &packet));
    cr_assert_gt(wire_counters(pair.parent)->unknown_key, 0);
    struct wire *renewed = child_open(&pair, &fresh);
    cr_assert(gets_through(renewed, pair.parent, PARENT, CHANNEL_SYNC, "LZ1/new key", WITHIN_MS, &packet));
    cr_assert_eq(packet.peer, CHILD);
    cr_assert(gets_through(pair.parent, renewed, CHILD, CHANNEL_SYNC, "LZ1/answer", WITHIN_MS, &packet));
    wire_close(&renewed);
    pair_close(&pair);
}

Test(wire, answers_go_to_whom_they_are_for, .timeout = 40) {
    struct pair pair = pair_open(true);
    struct key other_key = key_make();
    enroll(pair.roster, SECOND, &other_key);
    struct wire *other = child_open(&pair, &other_key);
    struct packet packet;
    cr_assert(gets_through(pair.child, pair.parent, PARENT, CHANNEL_SYNC, "LZ1/one", WITHIN_MS, &packet));
    cr_assert(gets_through(other, pair.parent, PARENT, CHANNEL_SYNC, "LZ1/two", WITHIN_MS, &packet));
    cr_assert_eq(packet.peer, SECOND);
    cr_assert(gets_through(pair.parent, other, SECOND, CHANNEL_SYNC, "LZ1/for two", WITHIN_MS, &packet));
    cr_assert_not(next_packet(pair.child, pair.parent, QUIET_MS, &packet));
    wire_close(&other);
    pair_close(&pair);
}

Test(wire, a_parent_with_another_key_is_refused, .timeout = 40) {
    struct pair pair = pair_open(true);
    wire_close(&pair.child);
    struct key right = pair.parent_key;
    pair.parent_key = key_make();
    pair.child = child_open(&pair, &pair.child_key);
    pair.parent_key = right;
    cr_assert(event_comes(pair.child, pair.parent, WIRE_PARENT_REFUSED, WITHIN_MS));
    cr_assert_not(event_comes(pair.child, pair.parent, WIRE_PARENT_CONNECTED, QUIET_MS));
    pair_close(&pair);
}

Test(wire, the_next_endpoint_and_a_lost_parent, .timeout = 40) {
    struct pair pair = pair_open(true);
    struct lz_fail fail = { 0 };
    struct wire_options options = options_make(&pair.child_key, pair.no_children);
    options.parent = PARENT;
    memcpy(options.parent_key, pair.parent_key.public_key, KEY_BYTES);
    options.parent_endpoints[0] = "tcp://127.0.0.1:1";
    options.parent_endpoints[1] = pair.listen;
    options.n_parent_endpoints = 2;
    wire_close(&pair.child);
    cr_assert_eq(wire_open(&pair.child, &options, &fail), LZ_ok);
    wire_dial(pair.child, 0);
    cr_assert_not(event_comes(pair.child, pair.parent, WIRE_PARENT_CONNECTED, QUIET_MS));
    wire_dial(pair.child, 3);
    cr_assert(event_comes(pair.child, pair.parent, WIRE_PARENT_CONNECTED, WITHIN_MS));
    connect_all(&pair);
    wire_close(&pair.parent);
    cr_assert(event_comes(pair.child, NULL, WIRE_PARENT_LOST, WITHIN_MS));
    wire_close(&pair.child);
    roster_destroy(&pair.roster);
    roster_destroy(&pair.no_children);
}

/* ---- what a peer should not send: an enrolled key, libzmq directly ---- */

struct raw { void *context, *socket; };

static struct raw raw_open(const struct pair *pair, const struct key *key, int type, uint32_t offset) {
    struct raw raw = { .context = zmq_ctx_new() };
    raw.socket = zmq_socket(raw.context, type);
    int zero = 0;
    char endpoint[64];
    (void)snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%" PRIu32, pair->port + offset);
    zmq_setsockopt(raw.socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(raw.socket, ZMQ_CURVE_SERVERKEY, pair->parent_key.public_key, KEY_BYTES);
    zmq_setsockopt(raw.socket, ZMQ_CURVE_PUBLICKEY, key->public_key, KEY_BYTES);
    zmq_setsockopt(raw.socket, ZMQ_CURVE_SECRETKEY, key->secret_key, KEY_BYTES);
    cr_assert_eq(zmq_connect(raw.socket, endpoint), 0);
    return raw;
}

static void raw_close(struct raw *raw) {
    zmq_close(raw->socket);
    zmq_ctx_term(raw->context);
}

Test(wire, oversized_and_multipart_are_dropped, .timeout = 40) {
    struct pair pair = pair_open(true);
    struct raw raw = raw_open(&pair, &pair.child_key, ZMQ_DEALER, 0);
    static uint8_t bytes[BATCH_BYTES_MAX + 4096] = "LZ1/";
    const struct wire_counters *counters = wire_counters(pair.parent);
    struct packet packet;
    zmq_send(raw.socket, "a", 1, ZMQ_SNDMORE);
    zmq_send(raw.socket, "b", 1, ZMQ_SNDMORE);
    zmq_send(raw.socket, "c", 1, 0);
    zmq_send(raw.socket, bytes, BATCH_BYTES_MAX + 1, 0);
    zmq_send(raw.socket, "LZ1/good", 8, 0);
    cr_assert(next_packet(pair.parent, NULL, WITHIN_MS, &packet));
    cr_assert(lz_bytes_equal(packet.bytes, lz_bytes_str("LZ1/good")));
    cr_assert_eq(counters->multipart, 1);
    cr_assert_eq(counters->oversized, 1);
    zmq_send(raw.socket, bytes, sizeof bytes, 0);        /* far over: costs the connection, and never comes up */
    cr_assert_not(next_packet(pair.parent, NULL, QUIET_MS, &packet));
    cr_assert_eq(counters->received, 1);
    raw_close(&raw);
    pair_close(&pair);
}

Test(wire, multipart_on_live_up_is_dropped, .timeout = 40) {
    struct pair pair = pair_open(true);
    struct raw raw = raw_open(&pair, &pair.child_key, ZMQ_PUB, 1);
    const struct wire_counters *counters = wire_counters(pair.parent);
    struct packet packet;
    uint64_t until = lz_clock_now().mono_ms + WITHIN_MS;
    while (counters->multipart == 0 && lz_clock_now().mono_ms < until) {
        zmq_send(raw.socket, "LZ1/a", 5, ZMQ_SNDMORE);
        zmq_send(raw.socket, "b", 1, 0);
        cr_assert_not(next_packet(pair.parent, NULL, 20, &packet));
    }
    cr_assert_gt(counters->multipart, 0);
    raw_close(&raw);
    pair_close(&pair);
}

/* A routing id and properties of the client's own choice do not make it another child. */
/* No high-water mark counts the frames of one message, and no limit of size bounds it. */
Test(wire, a_message_without_end_is_cut_off, .timeout = 40) {
    enum { FRAMES = 2000, FRAME = 60000 };
    struct pair pair = pair_open(true);
    struct raw raw = raw_open(&pair, &pair.child_key, ZMQ_DEALER, 0);
    static uint8_t bytes[FRAME] = "LZ1/";
    const struct wire_counters *counters = wire_counters(pair.parent);
    struct packet packet;
    zmq_send(raw.socket, "LZ1/good", 8, 0);
    cr_assert(next_packet(pair.parent, NULL, WITHIN_MS, &packet));
    for (int i = 0; i < FRAMES; i++) zmq_send(raw.socket, bytes, sizeof bytes, i + 1 < FRAMES ? ZMQ_SNDMORE : 0);
    uint64_t until = lz_clock_now().mono_ms + WITHIN_MS;
    while (counters->cut_off == 0 && lz_clock_now().mono_ms < until) cr_assert_not(next_packet(pair.parent, NULL, 20, &packet));
    cr_assert_gt(counters->cut_off, 0, "it goes on");
    cr_assert_eq(counters->multipart, 0, "nothing of it came up");
    raw_close(&raw);
    uint64_t cut_ms = lz_clock_now().mono_ms;
    raw = raw_open(&pair, &pair.child_key, ZMQ_DEALER, 0);
    zmq_send(raw.socket, "LZ1/good", 8, 0);
    cr_assert(next_packet(pair.parent, NULL, WITHIN_MS, &packet), "it is let in again");
    cr_assert_gt(lz_clock_now().mono_ms, cut_ms + 3000, "after a while");
    raw_close(&raw);
    pair_close(&pair);
}

/* libzmq 4.3.4 ends the process for a ping that is due, or is to be answered, on a connection that failed while its input stood still. */
static void reset_all(uint32_t port) {
    for (int fd = 3; fd < 256; fd++) {
        struct sockaddr_in far;
        socklen_t len = sizeof far;
        const struct linger at_once = { 1, 0 };
        if (getpeername(fd, (struct sockaddr *)&far, &len) == 0 && far.sin_family == AF_INET && ntohs(far.sin_port) == port)
            (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
}
static void reset_after_backlog(const struct pair *pair) {
    enum { ROUNDS = 48, MESSAGES = 4000 };
    for (int round = 0; round < ROUNDS; round++) {
        struct raw raw = raw_open(pair, &pair->child_key, ZMQ_DEALER, 0);
        struct packet packet;
        int none = 0, ping_ms = 1, patient = WITHIN_MS;
        zmq_disconnect(raw.socket, pair->listen);
        zmq_setsockopt(raw.socket, ZMQ_SNDHWM, &none, sizeof none);
        zmq_setsockopt(raw.socket, ZMQ_HEARTBEAT_IVL, &ping_ms, sizeof ping_ms);
        zmq_setsockopt(raw.socket, ZMQ_HEARTBEAT_TIMEOUT, &patient, sizeof patient);
        zmq_connect(raw.socket, pair->listen);
        zmq_send(raw.socket, "LZ1/here", 8, 0);
        cr_assert(next_packet(pair->parent, NULL, WITHIN_MS, &packet));
        for (int i = 0; i < MESSAGES; i++) {
            (void)zmq_send(raw.socket, "LZ1/one of many", 15, ZMQ_DONTWAIT);
            if (i % 100 == 0) usleep(500);
        }
        usleep(20000);                                             /* the parent is busy: nothing is taken meanwhile */
        reset_all(pair->port);
        raw_close(&raw);
        usleep(20000);
        while (wire_recv(pair->parent, &packet)) { }
    }
}
Test(wire, a_reset_line_with_a_backlog_ends_nobody, .timeout = 60) {
    struct pair pair = { .roster = roster_create(), .no_children = roster_create(), .parent_key = key_make(), .child_key = key_make() };
    enroll(pair.roster, CHILD, &pair.child_key);
    parent_open(&pair);
    reset_after_backlog(&pair);
    pair.child = child_open(&pair, &pair.child_key);
    connect_all(&pair);
    pair_close(&pair);
}

Test(wire, a_claimed_name_is_nothing, .timeout = 40) {
    struct pair pair = pair_open(true);
    struct key other_key = key_make();
    enroll(pair.roster, SECOND, &other_key);
    struct raw raw = raw_open(&pair, &other_key, ZMQ_DEALER, 0);
    zmq_disconnect(raw.socket, pair.listen);
    cr_assert_eq(zmq_setsockopt(raw.socket, ZMQ_ROUTING_ID, "410881", 6), 0);
    zmq_connect(raw.socket, pair.listen);
    zmq_send(raw.socket, "LZ1/i am 410881", 15, 0);
    struct packet packet;
    cr_assert(next_packet(pair.parent, NULL, WITHIN_MS, &packet));
    cr_assert_eq(packet.peer, SECOND);
    raw_close(&raw);
    pair_close(&pair);
}

Test(wire, a_subscription_to_something_else_is_ended, .timeout = 40) {
    struct pair pair = pair_open(true);
    struct raw raw = raw_open(&pair, &pair.child_key, ZMQ_SUB, 2);
    int events = ZMQ_EVENT_DISCONNECTED;
    cr_assert_eq(zmq_socket_monitor(raw.socket, "inproc://seen", events), 0);
    void *seen = zmq_socket(raw.context, ZMQ_PAIR);
    cr_assert_eq(zmq_connect(seen, "inproc://seen"), 0);
    zmq_setsockopt(raw.socket, ZMQ_SUBSCRIBE, "", 0);
    struct packet packet;
    char event[64];
    bool ended = false;
    uint64_t until = lz_clock_now().mono_ms + WITHIN_MS;
    while (!ended && lz_clock_now().mono_ms < until) {
        cr_assert_not(next_packet(pair.parent, NULL, 20, &packet));
        ended = zmq_recv(seen, event, sizeof event, ZMQ_DONTWAIT) > 0;
    }
    cr_assert(ended);
    zmq_close(seen);
    raw_close(&raw);
    pair_close(&pair);
}

static int junk_connect(uint32_t port) {
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (fd >= 0) (void)connect(fd, (const struct sockaddr *)&address, sizeof address);
    return fd;
}

Test(wire, junk_connections_do_not_disturb, .timeout = 60) {
    enum { JUNK = 1000 };
    struct pair pair = pair_open(true);
    connect_all(&pair);
    static int fds[JUNK];
    static const char *const junk[] = { "GET / HTTP/1.1\r\n\r\n", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x03\x01NULL", "", "\0\0\0" };
    struct packet packet;
    for (int i = 0; i < JUNK; i++) {
        fds[i] = junk_connect(pair.port + (uint32_t)i % 3);
        if (i % 50 == 0) wire_wait(pair.parent, 2);
    }
    for (int i = 0; i < JUNK; i++) (void)send(fds[i], junk[i % 4], strlen(junk[i % 4]), MSG_NOSIGNAL);
    cr_assert(gets_through(pair.child, pair.parent, PARENT, CHANNEL_SYNC, "LZ1/still here", WITHIN_MS, &packet));
    wire_dial(pair.child, 0);
    connect_all(&pair);
    for (int i = 0; i < JUNK; i++) close(fds[i]);
    cr_assert(gets_through(pair.child, pair.parent, PARENT, CHANNEL_SYNC, "LZ1/and after", WITHIN_MS, &packet));
    cr_assert_eq(wire_counters(pair.parent)->unknown_key, 0);
    pair_close(&pair);
}

/* ---- refusals at start ---- */

Test(wire, a_busy_port_is_named, .timeout = 40) {
    struct pair pair = pair_open(true);
    struct lz_fail fail = { 0 };
    struct wire *second;
    struct wire_options options = options_make(&pair.parent_key, pair.roster);
    options.listen = pair.listen;
    cr_assert_eq(wire_open(&second, &options, &fail), LZ_wire);
    cr_assert_null(second);
    char port[16];
    (void)snprintf(port, sizeof port, "%" PRIu32, pair.port);
    cr_assert(strstr(fail.text, port) && strstr(fail.text, "已被占用"), "%s", fail.text);
    pair_close(&pair);
}

Test(wire, bad_endpoints_are_refused, .timeout = 40) {
    static const char *const bad[] = { "7410", "tcp://", "tcp://:7410", "tcp://0.0.0.0", "tcp://0.0.0.0:0", "tcp://0.0.0.0:65534",
                                       "tcp://0.0.0.0:74x", "ipc:///tmp/x:7410" };
    struct roster *roster = roster_create();
    struct key key = key_make();
    for (size_t i = 0; i < LZ_COUNT(bad); i++) {
        struct lz_fail fail = { 0 };
        struct wire *wire;
        struct wire_options options = options_make(&key, roster);
        options.listen = bad[i];
        cr_assert_eq(wire_open(&wire, &options, &fail), LZ_bad_config, "%s", bad[i]);
        options.listen = NULL;
        options.parent = PARENT;
        cr_assert_eq(wire_open(&wire, &options, &fail), LZ_bad_config, "no endpoint");
        options.parent_endpoints[0] = bad[i];
        options.n_parent_endpoints = 1;
        cr_assert_eq(wire_open(&wire, &options, &fail), LZ_bad_config, "%s", bad[i]);
    }
    roster_destroy(&roster);
}

/* ---- control ---- */

struct control {
    char directory[64], path[96];
    struct roster *roster;
    struct key key;
    struct wire_options options;
    struct wire *wire;
};

static void control_make(struct control *control) {
    *control = (struct control){ .directory = "/tmp/lz_wire_XXXXXX", .roster = roster_create(), .key = key_make() };
    cr_assert_not_null(mkdtemp(control->directory));
    (void)snprintf(control->path, sizeof control->path, "%s/control.sock", control->directory);
    control->options = options_make(&control->key, control->roster);
    control->options.control_path = control->path;
}

static void control_end(struct control *control) {
    wire_close(&control->wire);
    roster_destroy(&control->roster);
    unlink(control->path);
    cr_assert_eq(rmdir(control->directory), 0);
}

static bool next_ask(struct wire *wire, struct wire_ask *ask) {
    for (uint64_t until = lz_clock_now().mono_ms + WITHIN_MS; lz_clock_now().mono_ms < until;) {
        if (wire_ask_recv(wire, ask)) return true;
        wire_wait(wire, 20);
    }
    return false;
}

Test(wire, an_ask_and_its_answer, .timeout = 40) {
    struct control control;
    struct lz_fail fail = { 0 };
    control_make(&control);
    cr_assert_eq(wire_open(&control.wire, &control.options, &fail), LZ_ok, "%s", fail.text);
    struct stat status;
    cr_assert_eq(stat(control.path, &status), 0);
    cr_assert_eq(status.st_mode & 0777, 0660);
    struct wire_client *client;
    cr_assert_eq(wire_client_open(&client, control.path, &fail), LZ_ok, "%s", fail.text);
    static uint8_t large[4 * BATCH_BYTES_MAX];
    cr_assert_eq(wire_client_send(client, lz_bytes_str("question")), LZ_ok);
    cr_assert_eq(wire_client_send(client, lz_bytes_of(large, sizeof large)), LZ_ok);
    struct wire_ask ask;
    cr_assert(next_ask(control.wire, &ask));
    cr_assert(lz_bytes_equal(ask.bytes, lz_bytes_str("question")));
    cr_assert_eq(ask.uid, getuid());
    cr_assert_eq(ask.pid, (uint32_t)getpid());
    cr_assert(wire_ask_send(control.wire, ask.client, ask.client_len, lz_bytes_str("answer")));
    struct lz_bytes answer;
    cr_assert_eq(wire_client_recv(client, WITHIN_MS, &answer), LZ_ok);
    cr_assert(lz_bytes_equal(answer, lz_bytes_str("answer")));
    cr_assert(next_ask(control.wire, &ask));
    cr_assert_eq(ask.bytes.len, sizeof large);
    cr_assert_eq(wire_client_recv(client, 50, &answer), LZ_unreachable);
    wire_client_close(&client);
    cr_assert_null(client);
    bool gone = false;
    for (int i = 0; i < 200 && !gone; i++) {
        gone = !wire_ask_send(control.wire, ask.client, ask.client_len, lz_bytes_str("too late"));
        wire_wait(control.wire, 10);
    }
    cr_assert(gone);
    control_end(&control);
}

Test(wire, a_client_that_does_not_read_is_seen, .timeout = 40) {
    struct control control;
    struct lz_fail fail = { 0 };
    control_make(&control);
    cr_assert_eq(wire_open(&control.wire, &control.options, &fail), LZ_ok, "%s", fail.text);
    struct wire_client *client;
    cr_assert_eq(wire_client_open(&client, control.path, &fail), LZ_ok);
    cr_assert_eq(wire_client_send(client, lz_bytes_str("watch")), LZ_ok);
    struct wire_ask ask;
    cr_assert(next_ask(control.wire, &ask));
    static uint8_t bytes[8192];
    bool full = false;
    for (int i = 0; i < 20000 && !full; i++) full = !wire_ask_send(control.wire, ask.client, ask.client_len, lz_bytes_of(bytes, sizeof bytes));
    cr_assert(full);
    wire_client_close(&client);
    control_end(&control);
}

Test(wire, a_second_server_is_refused, .timeout = 40) {
    struct control control;
    struct lz_fail fail = { 0 };
    control_make(&control);
    cr_assert_eq(wire_open(&control.wire, &control.options, &fail), LZ_ok);
    struct wire *second;
    cr_assert_eq(wire_open(&second, &control.options, &fail), LZ_already);
    cr_assert(strstr(fail.text, control.path), "%s", fail.text);
    struct wire_client *client;
    cr_assert_eq(wire_client_open(&client, control.path, &fail), LZ_ok, "the first still answers");
    wire_client_close(&client);
    control_end(&control);
}

Test(wire, a_stale_socket_is_replaced_a_file_is_not, .timeout = 40) {
    struct control control;
    struct lz_fail fail = { 0 };
    control_make(&control);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    memcpy(address.sun_path, control.path, strlen(control.path));
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    cr_assert_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    close(fd);
    cr_assert_eq(wire_open(&control.wire, &control.options, &fail), LZ_ok, "%s", fail.text);
    wire_close(&control.wire);
    unlink(control.path);
    FILE *file = fopen(control.path, "w");
    cr_assert_not_null(file);
    fclose(file);
    cr_assert_eq(wire_open(&control.wire, &control.options, &fail), LZ_bad_config);
    cr_assert_eq(access(control.path, F_OK), 0, "the file is still there");
    unlink(control.path);
    control.options.control_group = "no such group here";
    cr_assert_eq(wire_open(&control.wire, &control.options, &fail), LZ_bad_config, "%s", fail.text);
    control_end(&control);
}

Test(wire, no_daemon_is_unreachable, .timeout = 40) {
    struct lz_fail fail = { 0 };
    struct wire_client *client;
    cr_assert_eq(wire_client_open(&client, "/tmp/lz_no_such_directory/control.sock", &fail), LZ_unreachable);
    cr_assert_null(client);
    cr_assert(strstr(fail.text, "/tmp/lz_no_such_directory/control.sock") && strstr(fail.text, "是否在运行"), "%s", fail.text);
}

/* ---- keys as text ---- */

Test(wire, keys_as_text, .timeout = 20) {
    struct key key = key_make();
    uint8_t again[KEY_BYTES];
    char text[KEY_TEXT];
    wire_key_public(key.secret_key, again);
    cr_assert_arr_eq(again, key.public_key, KEY_BYTES);
    wire_key_print(key.public_key, text);
    cr_assert(wire_key_parse(text, again));
    cr_assert_arr_eq(again, key.public_key, KEY_BYTES);
    text[39] = '\0';
    cr_assert_not(wire_key_parse(text, again));
    cr_assert_not(wire_key_parse("", again));
    cr_assert_not(wire_key_parse("########################################", again), "more than 32 bits in a group");
    cr_assert_not(wire_key_parse("0123456789012345678901234567890123456 89", again));
    cr_assert_not(wire_key_parse("01234567890123456789012345678901234567汉", again));
}
