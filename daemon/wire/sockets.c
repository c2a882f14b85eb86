/* sockets: opening, closing, reading and writing the TCP sockets, and the one wait of the daemon.
 *
 * Guarantees: what it hands up is one frame within the limit, below us from a key enrolled at this moment, above us
 * from the holder of the pinned key; nothing is sent that would have to wait. Leaves to others: when to dial, and
 * which endpoint; what is lost here is asked for again by the protocol above.
 *
 * The parent's live-down socket is an XPUB, not a PUB: a PUB never tells who listens, and a child that is removed
 * would go on listening. */
#include "wire_room.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { LIVE_HWM = 256, SYNC_HWM = 256, SYNC_HWM_PARENT = 1024, BACKLOG = 1024 };
enum { REOPEN_MS = 10000, STREAK_MAX = 16, DROPS_MAX = 256, SUBSCRIPTIONS_MAX = 64 };
enum { PORT_SYNC = 0, PORT_LIVE_UP = 1, PORT_LIVE_DOWN = 2, PORT_MAX = 65535 - PORT_LIVE_DOWN };
enum { KEEPALIVE_PROBES = 3 };
static const char live_prefix[] = "LZ1/";

/* ---- endpoints ---- */

static bool endpoint_parse(const char *text, struct endpoint *endpoint) {
    static const char scheme[] = "tcp://";
    const char *colon = strrchr(text, ':');
    if (strncmp(text, scheme, strlen(scheme)) != 0) return false;
    const char *host = text + strlen(scheme);
    if (!colon || colon <= host || (size_t)(colon - host) >= HOST_MAX) return false;
    memcpy(endpoint->host, host, (size_t)(colon - host));
    endpoint->host[colon - host] = '\0';
    return lz_u32_parse(colon + 1, &endpoint->port) && endpoint->port > 0 && endpoint->port <= PORT_MAX;
}

static void endpoint_print(const struct endpoint *endpoint, uint32_t offset, char out[ENDPOINT_MAX]) {
    int len = snprintf(out, ENDPOINT_MAX, "tcp://%s:%" PRIu32, endpoint->host, endpoint->port + offset);
    LZ_ASSERT(len > 0 && len < ENDPOINT_MAX);
}

static bool endpoint_is_v6(const struct endpoint *endpoint) { return strchr(endpoint->host, '[') != NULL; }

/* ---- options of sockets: all set before bind or connect ---- */

/* No heartbeats of ZMTP, and no limit to the messages that wait inside libzmq for us: 4.3.4 ends the whole process (out_event asserts
 * !_io_error) where a ping falls due, or is answered, on a connection that failed while its input stood still before a full queue. A
 * backlog and one reset are enough (measured), and so is a neighbour that means harm. So input never stands still: the guard bounds what
 * waits. A line that is gone is noticed by the kernel, a neighbour that says nothing by the turn. */
static bool set_common(const struct wire *wire, void *socket, int hwm, bool v6) {
    int keepalive_s = wire->keepalive_ms < 1000 ? 1 : wire->keepalive_ms / 1000;
    return set_int(socket, ZMQ_LINGER, 0) && set_size_max(socket, FRAME_BYTES_MAX) && set_int(socket, ZMQ_IPV6, v6) &&
           set_int(socket, ZMQ_SNDHWM, hwm) && set_int(socket, ZMQ_RCVHWM, 0) && set_int(socket, ZMQ_HANDSHAKE_IVL, wire->handshake_ms) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE, 1) && set_int(socket, ZMQ_TCP_KEEPALIVE_IDLE, keepalive_s) &&
           set_int(socket, ZMQ_TCP_KEEPALIVE_INTVL, keepalive_s) && set_int(socket, ZMQ_TCP_KEEPALIVE_CNT, KEEPALIVE_PROBES) &&
           set_int(socket, ZMQ_TCP_MAXRT, KEEPALIVE_PROBES * wire->keepalive_ms);
}

static bool set_server(const struct wire *wire, void *socket, int hwm, bool v6) {
    return set_common(wire, socket, hwm, v6) && set_int(socket, ZMQ_BACKLOG, BACKLOG) && set_int(socket, ZMQ_CURVE_SERVER, 1) &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, wire->secret_key, KEY_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN)) == 0;
}

static bool set_client(const struct wire *wire, void *socket, int hwm, bool v6) {
    uint32_t jitter;                 /* so that a parent that comes back is not met by all children at once */
    lz_random(&jitter, sizeof jitter);
    int reconnect_ms = wire->reconnect_ms + (int)(jitter % ((uint32_t)wire->reconnect_ms / 2 + 1));
    return set_common(wire, socket, hwm, v6) && zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, wire->parent_key, KEY_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, wire->public_key, KEY_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, wire->secret_key, KEY_BYTES) == 0 &&
           set_int(socket, ZMQ_RECONNECT_IVL, reconnect_ms) && set_int(socket, ZMQ_RECONNECT_IVL_MAX, wire->reconnect_max_ms) &&
           set_int(socket, ZMQ_CONNECT_TIMEOUT, wire->connect_timeout_ms);
}

static bool subscribe(void *socket) { return zmq_setsockopt(socket, ZMQ_SUBSCRIBE, live_prefix, strlen(live_prefix)) == 0; }

/* ---- the parent's side ---- */

static enum lz_err bind_at(void *socket, const struct endpoint *listen, uint32_t offset, struct lz_fail *fail) {
    char text[ENDPOINT_MAX];
    endpoint_print(listen, offset, text);
    if (zmq_bind(socket, text) == 0) return LZ_ok;
    int reason = zmq_errno();
    uint32_t port = listen->port + offset;
    if (reason == EADDRINUSE)
        return lz_refuse(fail, LZ_wire, "端口 %" PRIu32 " 已被占用（%s）：请停掉占用它的程序（ss -ltnp 可查），或换一个 listen 端口", port, text);
    if (reason == EACCES) return lz_refuse(fail, LZ_wire, "无权使用端口 %" PRIu32 "（%s）：请换一个 1024 以上的 listen 端口", port, text);
    if (reason == EADDRNOTAVAIL || reason == ENODEV)
        return lz_refuse(fail, LZ_wire, "本机没有地址 %s：请改正配置中的 listen，或写 0.0.0.0", listen->host);
    return lz_refuse(fail, LZ_wire, "不能在 %s 监听：%s；请检查配置中的 listen", text, zmq_strerror(reason));
}

static enum lz_err open_below(struct wire *wire, const char *listen_text, struct lz_fail *fail) {
    struct endpoint listen;
    if (!endpoint_parse(listen_text, &listen))
        return lz_refuse(fail, LZ_bad_config, "listen = %s 不对：应如 tcp://0.0.0.0:7410，端口不大于 %d", listen_text, PORT_MAX);
    enum lz_err err = zap_self_test(&wire->zap, wire->context, fail);
    if (err) return err;
    bool v6 = endpoint_is_v6(&listen);
    wire->guard.listen_port = listen.port;
    void *sync = wire->from[SOURCE_SYNC_UP] = zmq_socket(wire->context, ZMQ_ROUTER);
    void *live_up = wire->from[SOURCE_LIVE_UP] = zmq_socket(wire->context, ZMQ_SUB);
    void *live_down = wire->live_down = zmq_socket(wire->context, ZMQ_XPUB);
    if (!sync || !live_up || !live_down || !set_server(wire, sync, SYNC_HWM_PARENT, v6) || !set_server(wire, live_up, LIVE_HWM, v6) ||
        !set_server(wire, live_down, LIVE_HWM, v6) || !set_int(sync, ZMQ_ROUTER_MANDATORY, 1) || !subscribe(live_up) ||
        !set_int(live_down, ZMQ_XPUB_VERBOSE, 1))
        return lz_refuse(fail, LZ_wire, "不能建立网络套接字：%s", zmq_strerror(zmq_errno()));
    err = bind_at(sync, &listen, PORT_SYNC, fail);
    if (!err) err = bind_at(live_up, &listen, PORT_LIVE_UP, fail);
    if (!err) err = bind_at(live_down, &listen, PORT_LIVE_DOWN, fail);
    return err;
}

/* ---- open and close ---- */

static int milliseconds(uint32_t ms) { return ms < INT32_MAX / 4 ? (int)ms : INT32_MAX / 4; }

static enum lz_err take_options(struct wire *wire, const struct wire_options *options, struct lz_fail *fail) {
    wire->roster = wire->zap.roster = options->roster;
    wire->zap.counters = &wire->counters;
    wire->zap.peers = &wire->peers;
    memcpy(wire->public_key, options->public_key, KEY_BYTES);
    memcpy(wire->secret_key, options->secret_key, KEY_BYTES);
    memcpy(wire->parent_key, options->parent_key, KEY_BYTES);
    wire->keepalive_ms = milliseconds(options->keepalive_ms);
    wire->handshake_ms = milliseconds(options->handshake_ms);
    wire->reconnect_ms = milliseconds(options->reconnect_ms);
    wire->reconnect_max_ms = milliseconds(options->reconnect_max_ms);
    wire->connect_timeout_ms = milliseconds(options->connect_timeout_ms);
    wire->parent = options->parent;
    if (options->parent == 0) return LZ_ok;
    if (options->n_parent_endpoints == 0 || options->n_parent_endpoints > PARENT_ENDPOINTS_MAX)
        return lz_refuse(fail, LZ_bad_config, "上级 %06" PRIu32 " 的地址须有 1 至 %d 个，现有 %zu 个", options->parent, PARENT_ENDPOINTS_MAX,
                         options->n_parent_endpoints);
    for (size_t i = 0; i < options->n_parent_endpoints; i++)
        if (!endpoint_parse(options->parent_endpoints[i], &wire->parent_endpoints[i]))
            return lz_refuse(fail, LZ_bad_config, "上级的地址 %s 不对：应如 tcp://10.1.2.3:7410，端口不大于 %d", options->parent_endpoints[i],
                             PORT_MAX);
    wire->n_parent_endpoints = options->n_parent_endpoints;
    return LZ_ok;
}

static enum lz_err open_all(struct wire *wire, const struct wire_options *options, struct lz_fail *fail) {
    enum lz_err err = take_options(wire, options, fail);
    if (err) return err;
    wire->context = zmq_ctx_new();
    if (!wire->context || zmq_ctx_set(wire->context, ZMQ_IO_THREADS, 1) != 0)
        return lz_refuse(fail, LZ_wire, "不能启动 libzmq：%s", zmq_strerror(zmq_errno()));
    err = zap_open(&wire->zap, wire->context, fail);      /* before every other socket: without it all keys are let in */
    if (!err && options->listen && *options->listen) err = open_below(wire, options->listen, fail);
    if (!err && options->control_path && *options->control_path) err = control_open(&wire->control, wire->context, options, fail);
    return err;
}

enum lz_err wire_open(struct wire **wire_p, const struct wire_options *options, struct lz_fail *fail) {
    LZ_ASSERT(options->roster);
    *wire_p = NULL;
    struct wire *wire = calloc(1, sizeof *wire);
    if (!wire) return lz_refuse(fail, LZ_wire, "内存不足");
    zmq_msg_init(&wire->routing_id);
    zmq_msg_init(&wire->held);
    zmq_msg_init(&wire->ask_client);
    zmq_msg_init(&wire->ask_held);
    enum lz_err err = open_all(wire, options, fail);
    if (err) wire_close(&wire);
    *wire_p = wire;
    return err;
}

static void close_socket(void **socket_p) {
    if (*socket_p) zmq_close(*socket_p);
    *socket_p = NULL;
}

static void close_watched(void **socket_p, void **monitor_p) {
    if (*socket_p) (void)zmq_socket_monitor(*socket_p, NULL, 0);
    close_socket(monitor_p);
    close_socket(socket_p);
}

static void close_above(struct wire *wire) {
    close_watched(&wire->from[SOURCE_SYNC_DOWN], &wire->monitor);
    close_watched(&wire->live_up, &wire->watches[0].monitor);
    close_watched(&wire->from[SOURCE_LIVE_DOWN], &wire->watches[1].monitor);
    wire->connected = wire->shaken = false;
}

void wire_close(struct wire **wire_p) {
    struct wire *wire = *wire_p;
    if (!wire) return;
    zmq_msg_close(&wire->routing_id);
    zmq_msg_close(&wire->held);
    zmq_msg_close(&wire->ask_client);
    zmq_msg_close(&wire->ask_held);
    close_above(wire);
    close_socket(&wire->from[SOURCE_SYNC_UP]);
    close_socket(&wire->from[SOURCE_LIVE_UP]);
    close_socket(&wire->live_down);
    close_socket(&wire->control);
    close_socket(&wire->zap.socket);
    while (wire->context && zmq_ctx_term(wire->context) != 0 && zmq_errno() == EINTR) { }
    explicit_bzero(wire->secret_key, sizeof wire->secret_key);
    free(wire);
    *wire_p = NULL;
}

/* ---- the child's side ---- */

static bool open_monitor(struct wire *wire, void *socket, void **monitor_p) {
    char name[64];                   /* a new one each time: the old one's end is not waited for */
    (void)snprintf(name, sizeof name, "inproc://wire.monitor.%" PRIu32, wire->monitors++);
    const int events = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                       ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH;
    if (zmq_socket_monitor(socket, name, events) != 0) return false;
    *monitor_p = zmq_socket(wire->context, ZMQ_PAIR);
    return *monitor_p && set_int(*monitor_p, ZMQ_LINGER, 0) && zmq_connect(*monitor_p, name) == 0;
}

static bool connect_at(void *socket, const struct endpoint *endpoint, uint32_t offset) {
    char text[ENDPOINT_MAX];
    endpoint_print(endpoint, offset, text);
    return zmq_connect(socket, text) == 0;
}

/* IMMEDIATE: with no connection nothing queues up, to come out stale when there is one again. */
static bool open_live_up(struct wire *wire, const struct endpoint *endpoint) {
    void *socket = wire->live_up = zmq_socket(wire->context, ZMQ_PUB);
    wire->watches[0].down_ms = lz_clock_now().mono_ms | 1;
    return socket && set_client(wire, socket, LIVE_HWM, endpoint_is_v6(endpoint)) && set_int(socket, ZMQ_IMMEDIATE, 1) &&
           open_monitor(wire, socket, &wire->watches[0].monitor) && connect_at(socket, endpoint, PORT_LIVE_UP);
}

static bool open_live_down(struct wire *wire, const struct endpoint *endpoint) {
    void *socket = wire->from[SOURCE_LIVE_DOWN] = zmq_socket(wire->context, ZMQ_SUB);
    wire->watches[1].down_ms = lz_clock_now().mono_ms | 1;
    return socket && set_client(wire, socket, LIVE_HWM, endpoint_is_v6(endpoint)) && subscribe(socket) &&
           open_monitor(wire, socket, &wire->watches[1].monitor) && connect_at(socket, endpoint, PORT_LIVE_DOWN);
}

static bool open_above(struct wire *wire, const struct endpoint *endpoint) {
    void *sync = wire->from[SOURCE_SYNC_DOWN] = zmq_socket(wire->context, ZMQ_DEALER);
    return sync && set_client(wire, sync, SYNC_HWM, endpoint_is_v6(endpoint)) && set_int(sync, ZMQ_IMMEDIATE, 1) &&
           open_monitor(wire, sync, &wire->monitor) && connect_at(sync, endpoint, PORT_SYNC) && open_live_up(wire, endpoint) &&
           open_live_down(wire, endpoint);
}

void wire_dial(struct wire *wire, size_t index) {
    LZ_ASSERT(wire->parent != 0 && wire->n_parent_endpoints > 0);
    const struct endpoint *endpoint = &wire->parent_endpoints[index % wire->n_parent_endpoints];
    char text[ENDPOINT_MAX], value[2 * ENDPOINT_MAX];
    endpoint_print(endpoint, PORT_SYNC, text);
    close_above(wire);
    wire->guard.parent_port = endpoint->port;
    wire->dialled = *endpoint;
    if (open_above(wire, endpoint)) return;
    lz_log(LZ_ERROR, "wire.dial_failed addr=%s reason=%d", lz_log_value(lz_bytes_str(text), value, sizeof value), zmq_errno());
    close_above(wire);
}

void wire_hang_up(struct wire *wire, uint32_t child) { peers_hang_up(&wire->peers, child); }

/* ---- what happens on the way to the parent ---- */

static bool monitor_read(void *monitor, uint16_t *event, uint32_t *value) {
    uint8_t frame[6];                /* event and value, in the machine's byte order; the address frame follows */
    if (!monitor || zmq_recv(monitor, frame, sizeof frame, ZMQ_DONTWAIT) != (int)sizeof frame) return false;
    memcpy(event, frame, sizeof *event);
    memcpy(value, frame + sizeof *event, sizeof *value);
    uint8_t address[ENDPOINT_MAX];
    (void)zmq_recv(monitor, address, sizeof address, ZMQ_DONTWAIT);
    return true;
}

/* A parent that does not know our key (yet) just ends the connection: that too is a refusal. */
static enum wire_event monitor_judge(struct wire *wire, uint16_t event, uint32_t value) {
    if (event == ZMQ_EVENT_CONNECTED) {
        wire->connected = true;
        wire->shaken = false;
        return WIRE_NOTHING;
    }
    if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
        wire->shaken = true;
        return WIRE_PARENT_CONNECTED;
    }
    bool was_connected = wire->connected, was_shaken = wire->shaken;
    wire->connected = wire->shaken = false;
    if (event == ZMQ_EVENT_DISCONNECTED && was_shaken) return WIRE_PARENT_LOST;
    if (!was_connected) return WIRE_NOTHING;   /* the end of a connection that was already told to be refused */
    lz_log(LZ_WARN, "wire.parent_refused parent=%06" PRIu32 " event=0x%x value=0x%x", wire->parent, event,
           event == ZMQ_EVENT_DISCONNECTED ? 0 : value);
    return WIRE_PARENT_REFUSED;
}

enum wire_event wire_next_event(struct wire *wire) {
    uint16_t event;
    uint32_t value;
    while (monitor_read(wire->monitor, &event, &value)) {
        enum wire_event told = monitor_judge(wire, event, value);
        if (told != WIRE_NOTHING) return told;
    }
    return WIRE_NOTHING;
}

/* A connection that ended by something that is no ZMTP, or no CURVE, is not made again by libzmq: whoever flips one bit on the way
 * would end the live channel for good. So a live socket that stays down while the sync connection is up is made anew; the sync
 * connection itself is dialled again by the turn. */
static void tend_watches(struct wire *wire, uint64_t now_ms) {
    for (size_t i = 0; i < LZ_COUNT(wire->watches); i++) {
        struct watch *watch = &wire->watches[i];
        uint16_t event;
        uint32_t value;
        while (monitor_read(watch->monitor, &event, &value)) {
            if (event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) watch->down_ms = 0;
            else if (watch->down_ms == 0 && event != ZMQ_EVENT_CONNECTED) watch->down_ms = now_ms | 1;
        }
        if (!watch->monitor || !wire->shaken || watch->down_ms == 0 || now_ms < watch->down_ms + REOPEN_MS) continue;
        lz_log(LZ_WARN, "wire.live_again socket=%s", i == 0 ? "up" : "down");
        close_watched(i == 0 ? &wire->live_up : &wire->from[SOURCE_LIVE_DOWN], &watch->monitor);
        if (!(i == 0 ? open_live_up(wire, &wire->dialled) : open_live_down(wire, &wire->dialled))) lz_log(LZ_ERROR, "wire.live_failed reason=%d", zmq_errno());
    }
}

/* ---- receiving ---- */

bool drain_parts(void *socket, const zmq_msg_t *part) {
    if (!zmq_msg_more(part)) return false;
    zmq_msg_t rest;
    zmq_msg_init(&rest);
    while (zmq_msg_recv(&rest, socket, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&rest)) { }
    zmq_msg_close(&rest);
    return true;
}

/* The enrolled child this message is from, or 0: counted, and the connection of a key that is not enrolled any more ended. */
static uint32_t prove(struct wire *wire, zmq_msg_t *message) {
    uint32_t code = 0;
    switch (zap_identity(wire->roster, message, &code)) {
        case IDENTITY_GOOD: return code;
        case IDENTITY_NONE: wire->counters.no_identity++; return 0;
        case IDENTITY_STALE: break;
    }
    wire->counters.unknown_key++;
    lz_log(LZ_WARN, "wire.revoked_key peer=%06" PRIu32, code);
    peers_end(message);
    return 0;
}

/* XPUB tells each subscription and whose it is: so we know the connection, and that it asks for our one prefix. */
static void tend_live_down(struct wire *wire) {
    if (!wire->live_down) return;
    zmq_msg_t message;
    zmq_msg_init(&message);
    for (int i = 0; i < SUBSCRIPTIONS_MAX; i++) {
        if (zmq_msg_recv(&message, wire->live_down, ZMQ_DONTWAIT) < 0) {
            wire->guard.emptied[GATE_LIVE_DOWN] = true;
            break;
        }
        bool multipart = drain_parts(wire->live_down, &message);
        uint32_t code = prove(wire, &message);
        if (code == 0) continue;
        guard_took(&wire->guard, &message, zmq_msg_size(&message), code);
        struct lz_bytes bytes = lz_bytes_of(zmq_msg_data(&message), zmq_msg_size(&message));
        bool whole = !multipart && bytes.len == sizeof live_prefix && memcmp(bytes.data + 1, live_prefix, bytes.len - 1) == 0;
        if (whole && bytes.data[0] == 1) {
            (void)peers_link(peers_get(&wire->peers, code, wire->roster), GATE_LIVE_DOWN, &message);
        } else if (!whole || bytes.data[0] != 0) {
            lz_log(LZ_WARN, "wire.bad_subscription peer=%06" PRIu32, code);
            peers_end(&message);
        }
    }
    zmq_msg_close(&message);
}

/* The work that is nobody's packet. */
static void tend(struct wire *wire) {
    zap_pump(&wire->zap);
    tend_live_down(wire);
    uint64_t now_ms = lz_clock_now().mono_ms;
    guard_look(&wire->guard, &wire->peers, now_ms, &wire->counters);
    tend_watches(wire, now_ms);
}

void wire_wait(struct wire *wire, uint64_t timeout_ms) {
    void *const sockets[] = { wire->zap.socket, wire->live_down, wire->monitor, wire->control, wire->from[SOURCE_SYNC_UP],
                              wire->from[SOURCE_LIVE_UP], wire->from[SOURCE_SYNC_DOWN], wire->from[SOURCE_LIVE_DOWN] };
    zmq_pollitem_t items[LZ_COUNT(sockets)];
    int n = 0;
    for (size_t i = 0; i < LZ_COUNT(sockets); i++)
        if (sockets[i]) items[n++] = (zmq_pollitem_t){ .socket = sockets[i], .events = ZMQ_POLLIN };
    /* a signal ends the wait early, and the caller looks at its clock either way; what never becomes a message wakes nobody, so
     * the guard looks by itself */
    uint64_t now = lz_clock_now().mono_ms, end = timeout_ms < UINT64_MAX - now ? now + timeout_ms : UINT64_MAX;
    for (bool more = true; more; ) {
        uint64_t left = end > now ? end - now : 0;
        uint64_t patience = guard_patience_ms(&wire->guard);
        more = zmq_poll(items, n, (long)(left < patience ? left : patience)) == 0 && left > patience;
        tend(wire);
        now = lz_clock_now().mono_ms;
    }
}

enum taken { TAKEN, TAKEN_AND_DROPPED, TAKEN_NOTHING };

static const enum channel source_channel[SOURCE_COUNT] = { [SOURCE_SYNC_UP] = CHANNEL_SYNC,
                                                           [SOURCE_LIVE_UP] = CHANNEL_LIVE_UP,
                                                           [SOURCE_SYNC_DOWN] = CHANNEL_SYNC,
                                                           [SOURCE_LIVE_DOWN] = CHANNEL_LIVE_DOWN };

/* From whom, 0: to be dropped. Below us that is by the key of each message; above us by the one key we dial. */
static uint32_t sender(struct wire *wire, enum source source) {
    if (source == SOURCE_SYNC_DOWN || source == SOURCE_LIVE_DOWN) return wire->parent;
    uint32_t code = prove(wire, &wire->held);
    if (code == 0) return 0;
    struct peer *peer = peers_get(&wire->peers, code, wire->roster);
    (void)peers_link(peer, source == SOURCE_SYNC_UP ? GATE_SYNC : GATE_LIVE_UP, &wire->held);
    if (source != SOURCE_SYNC_UP) return code;
    peer->routing_id_len = zmq_msg_size(&wire->routing_id);
    LZ_ASSERT(peer->routing_id_len > 0 && peer->routing_id_len <= ROUTING_ID_MAX);
    memcpy(peer->routing_id, zmq_msg_data(&wire->routing_id), peer->routing_id_len);
    return code;
}

static enum taken nothing(struct wire *wire, enum source source) {
    static const size_t places[SOURCE_COUNT] = { [SOURCE_SYNC_UP] = GATE_SYNC, [SOURCE_LIVE_UP] = GATE_LIVE_UP,
                                                 [SOURCE_SYNC_DOWN] = GATE_COUNT + GATE_SYNC, [SOURCE_LIVE_DOWN] = GATE_COUNT + GATE_LIVE_DOWN };
    wire->guard.emptied[places[source]] = true;
    return TAKEN_NOTHING;
}

static enum taken take(struct wire *wire, enum source source, struct packet *packet) {
    void *socket = wire->from[source];
    if (!socket) return TAKEN_NOTHING;
    if (source == SOURCE_SYNC_UP) {
        if (zmq_msg_recv(&wire->routing_id, socket, ZMQ_DONTWAIT) < 0) return nothing(wire, source);
        if (!zmq_msg_more(&wire->routing_id)) return TAKEN_AND_DROPPED;
    }
    /* the proof is read from this frame: after a poll libzmq 4.3.4 leaves the routing id's without (measured) */
    if (zmq_msg_recv(&wire->held, socket, ZMQ_DONTWAIT) < 0) return nothing(wire, source);
    bool multipart = drain_parts(socket, &wire->held);
    size_t len = zmq_msg_size(&wire->held);
    uint32_t peer = sender(wire, source);
    if (peer == 0) return TAKEN_AND_DROPPED;
    guard_took(&wire->guard, &wire->held, len, peer);
    if (multipart) wire->counters.multipart++;
    else if (len > BATCH_BYTES_MAX) wire->counters.oversized++;
    if (multipart || len > BATCH_BYTES_MAX) {
        lz_log(LZ_WARN, "wire.%s peer=%06" PRIu32, multipart ? "multipart" : "oversized", peer);
        return TAKEN_AND_DROPPED;
    }
    *packet = (struct packet){ .peer = peer, .channel = source_channel[source], .bytes = { zmq_msg_data(&wire->held), len } };
    wire->counters.received++;
    wire->counters.bytes_received += len;
    return TAKEN;
}

bool wire_recv(struct wire *wire, struct packet *packet) {
    int drops = 0;
    for (int empty = 0; empty < SOURCE_COUNT && drops < DROPS_MAX;) {
        if (wire->streak >= STREAK_MAX) {
            wire->at = (wire->at + 1) % SOURCE_COUNT;
            wire->streak = 0;
            tend(wire);
        }
        enum taken taken = take(wire, (enum source)wire->at, packet);
        wire->streak = taken == TAKEN_NOTHING ? 0 : wire->streak + 1;
        if (taken == TAKEN) return true;
        if (taken == TAKEN_AND_DROPPED) {
            drops++;
            continue;
        }
        wire->at = (wire->at + 1) % SOURCE_COUNT;
        empty++;
    }
    tend(wire);
    return false;
}

/* ---- sending ---- */

static bool put(void *socket, struct lz_bytes bytes, int flags) {
    if (!socket) return false;
    if (zmq_send(socket, bytes.data, bytes.len, flags | ZMQ_DONTWAIT) >= 0) return true;
    /* libzmq looks at its mail only every so often; before we call it full or gone, make it look */
    int events = 0;
    size_t size = sizeof events;
    (void)zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size);
    return (events & ZMQ_POLLOUT) && zmq_send(socket, bytes.data, bytes.len, flags | ZMQ_DONTWAIT) >= 0;
}

static bool put_to_child(struct wire *wire, uint32_t code, struct lz_bytes bytes) {
    const struct peer *peer = code ? peers_find(&wire->peers, code) : NULL;
    if (!peer || peer->routing_id_len == 0 || !roster_find(wire->roster, code)) return false;
    void *sync = wire->from[SOURCE_SYNC_UP];
    /* MANDATORY: the first part fails when that connection is gone or its queue full, so the second need not be tried */
    return put(sync, lz_bytes_of(peer->routing_id, peer->routing_id_len), ZMQ_SNDMORE) && put(sync, bytes, 0);
}

void wire_send(struct wire *wire, const struct packet *packet) {
    LZ_ASSERT(packet->bytes.len <= BATCH_BYTES_MAX);
    bool sent = false;
    switch (packet->channel) {
        case CHANNEL_LIVE_UP: sent = put(wire->live_up, packet->bytes, 0); break;
        case CHANNEL_LIVE_DOWN: sent = put(wire->live_down, packet->bytes, 0); break;
        case CHANNEL_SYNC:
            sent = packet->peer != 0 && packet->peer == wire->parent ? put(wire->from[SOURCE_SYNC_DOWN], packet->bytes, 0)
                                                                     : put_to_child(wire, packet->peer, packet->bytes);
            break;
    }
    if (sent) {
        wire->counters.sent++;
        wire->counters.bytes_sent += packet->bytes.len;
    } else {
        wire->counters.dropped_send++;
    }
}

bool wire_can_send_ask(const struct wire *wire) {
    int events = 0;
    size_t size = sizeof events;
    void *sync = wire->from[SOURCE_SYNC_DOWN];
    return sync && zmq_getsockopt(sync, ZMQ_EVENTS, &events, &size) == 0 && (events & ZMQ_POLLOUT);
}

const struct wire_counters *wire_counters(const struct wire *wire) { return &wire->counters; }
