/* line: see line.h. The codec is the daemon's own; the sockets are plain libzmq, so that nothing holds it back. */
#include "line.h"
#include <stdio.h>
#include <string.h>
#include <zmq.h>

void *line_socket(struct line *l, int type, int port_offset, const char *subscribe) {
    char server[KEY_TEXT], public_text[KEY_TEXT], secret_text[KEY_TEXT], endpoint[64];
    int zero = 0, quick = 100;
    void *s = zmq_socket(l->context, type);
    wire_key_print(l->peer->public_key, server);
    wire_key_print(l->self->public_key, public_text);
    wire_key_print(l->self->secret_key, secret_text);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", l->peer->port + port_offset);
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(s, ZMQ_RECONNECT_IVL, &quick, sizeof quick);
    zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, server, KEY_TEXT);
    zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, public_text, KEY_TEXT);
    zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, secret_text, KEY_TEXT);
    if (subscribe) zmq_setsockopt(s, ZMQ_SUBSCRIBE, subscribe, strlen(subscribe));
    if (zmq_connect(s, endpoint) != 0) fail("%s: %s", endpoint, zmq_strerror(zmq_errno()));
    return s;
}

static void sockets_open(struct line *l) {
    l->context = zmq_ctx_new();
    l->sync = line_socket(l, ZMQ_DEALER, 0, NULL);
    l->live_up = line_socket(l, ZMQ_PUB, 1, NULL);
    l->live_down = line_socket(l, ZMQ_SUB, 2, "LZ1/");
}

void line_new_epoch(struct line *l) {
    lz_random(l->own.b, sizeof l->own.b);
    l->position = 0;
    memset(l->at, 0, sizeof l->at);
    memset(l->heard.acked, 0, sizeof l->heard.acked);
    l->greeted = false;
}

void line_open(struct line *l, struct scene *scene, struct station *self, struct station *peer, uint32_t sibling) {
    *l = (struct line){ .scene = scene, .self = self, .peer = peer, .sibling = sibling, .stamp = lz_clock_now().wall_ms << 16 };
    line_new_epoch(l);
    sockets_open(l);
    if (!line_greet(l, 15000)) fail("%u did not greet", peer->unit);
}

void line_close(struct line *l) {
    zmq_close(l->sync);
    zmq_close(l->live_up);
    zmq_close(l->live_down);
    zmq_ctx_term(l->context);
}

void line_again(struct line *l) {
    line_close(l);
    l->greeted = false;
    sockets_open(l);
    if (!line_greet(l, 15000)) fail("%u did not greet again", l->peer->unit);
}

void line_post(struct line *l, void *socket, struct lz_bytes packet) {
    if (zmq_send(socket, packet.data, packet.len, 0) < 0) fail("%u: send: %s", l->self->unit, zmq_strerror(zmq_errno()));
}

struct hello line_hello(struct line *l, struct lineage_entry line[1]) {
    line[0] = (struct lineage_entry){ l->own, 0 };
    return (struct hello){ .version = PROTOCOL_VERSION, .version_min = PROTOCOL_VERSION_MIN, .software = lz_bytes_str("hostile"), .unit = l->self->unit,
                           .to = l->peer->unit, .tier = TIER_COUNTY, .lineage = line, .n_lineage = 1, .wall_ms = lz_clock_now().wall_ms };
}

void line_say_hello(struct line *l, const struct hello *h) {
    struct lz_bytes packet;
    size_t mark = arena_used(l->scene->arena);
    if (hello_encode(l->scene->arena, h, &packet) != LZ_ok) fail("hello");
    line_post(l, l->sync, packet);
    arena_rewind(l->scene->arena, mark);
}

/* ---- hearing ------------------------------------------------------------------------------------------------------------- */

static void records_heard(struct line *l, const struct lz_bytes *envelopes, size_t n) {
    struct record r;
    for (size_t i = 0; i < n; i++) {
        l->heard.records++;
        if (record_decode(l->scene->arena, envelopes[i], &r, NULL) == LZ_ok && r.origin == l->sibling) l->heard.foreign++;
    }
}

static void hello_heard(struct line *l, struct lz_bytes body) {
    struct hello h;
    struct lineage_entry line[1];
    if (hello_decode(l->scene->arena, body, &h) != LZ_ok) fail("the peer's hello");
    l->theirs = h.lineage[h.n_lineage - 1].epoch;
    l->greeted = true;
    l->heard.hellos++;
    l->heard.replies += h.reply;
    if (h.reply || l->deaf) return;
    struct hello mine = line_hello(l, line);
    mine.reply = true;
    line_say_hello(l, &mine);
}

static void packet_heard(struct line *l, struct lz_bytes bytes) {
    struct arena *arena = l->scene->arena;
    enum packet_type type;
    struct lz_bytes body;
    struct batch b;
    struct ack a;
    struct repair repair;
    struct reclaim_answer answer;
    if (packet_open(bytes, &type, &body, NULL) != LZ_ok) return;
    switch ((int)type) {
    case PACKET_HELLO: hello_heard(l, body); break;
    case PACKET_TIP: l->heard.tips++; break;
    case PACKET_REFUSAL: l->heard.refusals++; break;
    case PACKET_BATCH:
        if (batch_decode(arena, body, &b) != LZ_ok) break;
        l->heard.batches++;
        if (b.feed.scope == l->sibling) l->heard.foreign++;
        records_heard(l, b.envelopes, b.n_envelopes);
        break;
    case PACKET_ACK:
        if (ack_decode(arena, body, &a) != LZ_ok) break;
        l->heard.acks++;
        for (size_t i = 0; i < a.n_cursors; i++)
            if (a.cursors[i].at.position > l->heard.acked[a.cursors[i].feed.lane] || a.cursors[i].at.position == l->at[a.cursors[i].feed.lane])
                l->heard.acked[a.cursors[i].feed.lane] = a.cursors[i].at.position;
        break;
    case PACKET_RECLAIM_ANSWER:
        if (reclaim_answer_decode(arena, body, &answer) != LZ_ok) break;
        l->heard.answers++;
        records_heard(l, answer.envelopes, answer.n_envelopes);
        break;
    case PACKET_REPAIR_ANSWER:
        if (repair_decode(arena, body, &repair) != LZ_ok) break;
        l->heard.absent += repair.n_keys;
        records_heard(l, repair.envelopes, repair.n_envelopes);
        break;
    default: break;
    }
}

static bool take_one(struct line *l, void *socket) {
    zmq_msg_t message;
    zmq_msg_init(&message);
    bool got = zmq_msg_recv(&message, socket, ZMQ_DONTWAIT) >= 0;
    size_t mark = arena_used(l->scene->arena);
    if (got) packet_heard(l, lz_bytes_of(zmq_msg_data(&message), zmq_msg_size(&message)));
    arena_rewind(l->scene->arena, mark);
    zmq_msg_close(&message);
    return got;
}

void line_pump(struct line *l, unsigned ms) {
    uint64_t end = now_ms() + ms, now;
    do {
        bool any = take_one(l, l->sync);
        any |= take_one(l, l->live_down);
        now = now_ms();
        if (any || now >= end) continue;
        zmq_pollitem_t items[] = { { .socket = l->sync, .events = ZMQ_POLLIN }, { .socket = l->live_down, .events = ZMQ_POLLIN } };
        zmq_poll(items, 2, (long)(end - now));
    } while (now < end);
}

bool line_greet(struct line *l, unsigned within_ms) {
    struct lineage_entry line[1];
    for (uint64_t end = now_ms() + within_ms; !l->greeted && now_ms() < end; ) {
        struct hello h = line_hello(l, line);
        line_say_hello(l, &h);
        for (int i = 0; i < 20 && !l->greeted; i++) line_pump(l, 30);
    }
    return l->greeted;
}

/* ---- saying --------------------------------------------------------------------------------------------------------------- */

struct record line_record(struct line *l, uint16_t kind, uint32_t origin, uint8_t tier) {
    const struct kind_row *row = kind_row(kind);
    struct record r = { .kind = kind, .origin = origin, .tier = tier, .stamp = ++l->stamp, .epoch = epoch_short(l->own), .author = lz_bytes_str("hostile"),
                        .written_ms = lz_clock_now().wall_ms, .direction = DIRECTION_UP, .reach = REACH_TOP, .lane = LANE_ROUTINE };
    if (row) { r.lane = (uint8_t)row->lane; r.direction = (uint8_t)row->direction; r.reach = (uint8_t)row->reach; }
    return r;
}

struct lz_bytes line_envelope(struct line *l, struct record *r) {
    struct lz_fail why = { 0 };
    if (record_encode(l->scene->arena, r, &why) != LZ_ok) fail("record of kind %u: %s", r->kind, why.text);
    return r->envelope;
}

struct lz_bytes line_batch(struct line *l, uint8_t lane, struct lz_bytes *envelopes, size_t n) {
    struct batch b = { .feed = { SCOPE_UP, lane }, .epoch = l->own, .from = l->at[lane], .to = l->position + n, .seen = l->position + n, .tip = l->position + n,
                       .envelopes = envelopes, .n_envelopes = n };
    struct lz_bytes packet;
    if (batch_encode(l->scene->arena, &b, &packet) != LZ_ok) fail("batch");
    l->position = l->at[lane] = b.to;
    return packet;
}

bool line_offer(struct line *l, uint8_t lane, struct lz_bytes *envelopes, size_t n, unsigned within_ms) {
    line_post(l, l->sync, line_batch(l, lane, envelopes, n));
    for (uint64_t end = now_ms() + within_ms; now_ms() < end && l->heard.acked[lane] != l->at[lane]; ) line_pump(l, 10);
    return l->heard.acked[lane] == l->at[lane];
}
