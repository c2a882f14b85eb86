/* zap: who may connect. libzmq asks here, over an inproc socket, about the key of every handshake.
 *
 * Guarantees: only a key that is enrolled at that moment gets in, and every message of its connection then carries
 * a User-Id `code:key` that the other side cannot choose. All others get 300, not 400: a client that was told 400
 * never tries again, even after it was enrolled. Without this socket libzmq would let everybody in, so the self-test
 * at start is not for show. Leaves to others: ending connections that were let in earlier. */
#include "wire_room.h"
#include <inttypes.h>
#include <stdio.h>

enum zap_frame { FRAME_VERSION, FRAME_REQUEST, FRAME_DOMAIN, FRAME_ADDRESS, FRAME_ROUTING_ID, FRAME_MECHANISM, FRAME_KEY, FRAME_COUNT };
enum { ZAP_FRAME_BYTES = 256, ZAP_PUMP_MAX = 64, CODE_DIGITS_MIN = 6, CODE_DIGITS_MAX = 9 };
enum { SELF_TEST_MS = 3000, SELF_TEST_GRACE_MS = 50 };

struct zap_request {
    uint8_t frames[FRAME_COUNT][ZAP_FRAME_BYTES];
    size_t len[FRAME_COUNT];
    bool well_formed;                /* all frames there, none too long, none too many */
};

enum lz_err zap_open(struct zap *zap, void *context, struct lz_fail *fail) {
    zap->socket = zmq_socket(context, ZMQ_REP);
    if (!zap->socket || !set_int(zap->socket, ZMQ_LINGER, 0) || zmq_bind(zap->socket, "inproc://zeromq.zap.01") != 0)
        return lz_refuse(fail, LZ_wire, "不能建立密钥验证（ZAP）：%s", zmq_strerror(zmq_errno()));
    return LZ_ok;
}

static bool zap_read(void *socket, struct zap_request *request) {
    *request = (struct zap_request){ .well_formed = true };
    size_t n = 0;
    for (int more = 1; more; n++) {
        uint8_t rest[ZAP_FRAME_BYTES];
        int len = zmq_recv(socket, n < FRAME_COUNT ? request->frames[n] : rest, ZAP_FRAME_BYTES, ZMQ_DONTWAIT);
        if (len < 0) return false;
        if (n >= FRAME_COUNT || len > ZAP_FRAME_BYTES) request->well_formed = false;
        else request->len[n] = (size_t)len;
        size_t more_size = sizeof more;
        if (zmq_getsockopt(socket, ZMQ_RCVMORE, &more, &more_size) != 0) return false;
    }
    if (n != FRAME_COUNT) request->well_formed = false;
    return true;
}

static bool frame_is(const struct zap_request *request, enum zap_frame frame, const char *text) {
    return lz_bytes_equal(lz_bytes_of(request->frames[frame], request->len[frame]), lz_bytes_str(text));
}

static const struct child *zap_judge(const struct zap *zap, const struct zap_request *request) {
    if (!request->well_formed || !frame_is(request, FRAME_VERSION, "1.0") || !frame_is(request, FRAME_DOMAIN, ZAP_DOMAIN) ||
        !frame_is(request, FRAME_MECHANISM, "CURVE") || request->len[FRAME_KEY] != KEY_BYTES) return NULL;
    return roster_by_key(zap->roster, request->frames[FRAME_KEY]);
}

static void zap_answer(void *socket, const struct zap_request *request, const char *status, const char *text, const char *user_id) {
    const int more = ZMQ_SNDMORE | ZMQ_DONTWAIT;
    /* a part that fails fails because the asking session is gone, and then nobody waits for the rest */
    if (zmq_send(socket, "1.0", 3, more) < 0) return;
    if (zmq_send(socket, request->frames[FRAME_REQUEST], request->len[FRAME_REQUEST], more) < 0) return;
    if (zmq_send(socket, status, strlen(status), more) < 0) return;
    if (zmq_send(socket, text, strlen(text), more) < 0) return;
    if (zmq_send(socket, user_id, strlen(user_id), more) < 0) return;
    (void)zmq_send(socket, "", 0, ZMQ_DONTWAIT);
}

static void zap_note_refusal(struct zap *zap, const struct zap_request *request) {
    zap->refused++;
    if (zap->testing) return;
    zap->counters->handshakes_refused++;
    if (!request->well_formed || request->len[FRAME_KEY] != KEY_BYTES) return;
    zap->counters->unknown_key++;
    char key[KEY_TEXT], address[ZAP_FRAME_BYTES];
    wire_key_print(request->frames[FRAME_KEY], key);
    lz_log(LZ_WARN, "wire.unknown_key key=%s addr=%s", key,
           lz_log_value(lz_bytes_of(request->frames[FRAME_ADDRESS], request->len[FRAME_ADDRESS]), address, sizeof address));
}

void zap_pump(struct zap *zap) {
    struct zap_request request;
    for (int i = 0; i < ZAP_PUMP_MAX && zap_read(zap->socket, &request); i++) {
        const struct child *child = zap_judge(zap, &request);
        if (!child) {
            zap_note_refusal(zap, &request);
            zap_answer(zap->socket, &request, "300", "not enrolled", "");
            continue;
        }
        if (peers_are_shut_out(zap->peers, child->code, lz_clock_now().mono_ms)) {
            zap->counters->handshakes_refused++;
            zap_answer(zap->socket, &request, "300", "wait", "");
            continue;
        }
        char user_id[USER_ID_MAX], key[KEY_TEXT];
        wire_key_print(child->key, key);
        (void)snprintf(user_id, sizeof user_id, "%06" PRIu32 ":%s", child->code, key);
        zap_answer(zap->socket, &request, "200", "", user_id);
    }
}

/* The code before the colon, or 0. */
static uint32_t user_id_code(const char *user_id, size_t digits) {
    if (digits < CODE_DIGITS_MIN || digits > CODE_DIGITS_MAX) return 0;
    uint32_t code = 0;
    for (size_t i = 0; i < digits; i++) code = code * 10 + (uint32_t)(user_id[i] - '0');
    return code;
}

enum identity zap_identity(const struct roster *roster, zmq_msg_t *message, uint32_t *code) {
    const char *user_id = zmq_msg_gets(message, "User-Id");
    if (!user_id) return IDENTITY_NONE;
    size_t digits = strspn(user_id, "0123456789");
    *code = user_id_code(user_id, digits);
    if (*code == 0 || user_id[digits] != ':') return IDENTITY_NONE;
    const struct child *child = roster_find(roster, *code);
    if (!child) return IDENTITY_STALE;
    char key[KEY_TEXT];
    wire_key_print(child->key, key);
    return strcmp(user_id + digits + 1, key) == 0 ? IDENTITY_GOOD : IDENTITY_STALE;
}

/* ---- self-test ---- */

static bool test_server(void *socket, char public_text[KEY_TEXT], char *endpoint, size_t endpoint_size) {
    char secret_text[KEY_TEXT];
    if (zmq_curve_keypair(public_text, secret_text) != 0) return false;
    return set_int(socket, ZMQ_LINGER, 0) && set_size_max(socket, FRAME_BYTES_MAX) && set_int(socket, ZMQ_CURVE_SERVER, 1) &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_text, KEY_TEXT) == 0 &&
           zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, ZAP_DOMAIN, strlen(ZAP_DOMAIN)) == 0 &&
           zmq_bind(socket, "tcp://127.0.0.1:*") == 0 &&
           zmq_getsockopt(socket, ZMQ_LAST_ENDPOINT, endpoint, &endpoint_size) == 0;
}

static bool test_client(void *socket, const char *server_public, const char *endpoint) {
    char public_text[KEY_TEXT], secret_text[KEY_TEXT];
    if (zmq_curve_keypair(public_text, secret_text) != 0) return false;
    return set_int(socket, ZMQ_LINGER, 0) && zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, server_public, KEY_TEXT) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public_text, KEY_TEXT) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret_text, KEY_TEXT) == 0 &&
           zmq_connect(socket, endpoint) == 0 && zmq_send(socket, "probe", 5, ZMQ_DONTWAIT) == 5;
}

/* Answers questions until the stranger was refused and a little longer, or got through. True: got through. */
static bool test_watch(struct zap *zap, void *server) {
    uint64_t now = lz_clock_now().mono_ms, until = now + SELF_TEST_MS;
    bool refused = false;
    for (; now < until; now = lz_clock_now().mono_ms) {
        zmq_pollitem_t items[] = { { .socket = zap->socket, .events = ZMQ_POLLIN }, { .socket = server, .events = ZMQ_POLLIN } };
        (void)zmq_poll(items, (int)LZ_COUNT(items), (long)(until - now));
        if (items[1].revents & ZMQ_POLLIN) return true;
        zap_pump(zap);
        if (zap->refused == 0 || refused) continue;
        refused = true;
        until = lz_clock_now().mono_ms + SELF_TEST_GRACE_MS;
    }
    return false;
}

enum lz_err zap_self_test(struct zap *zap, void *context, struct lz_fail *fail) {
    char endpoint[ENDPOINT_MAX], public_text[KEY_TEXT];
    enum lz_err err = LZ_ok;
    void *server = zmq_socket(context, ZMQ_ROUTER), *client = zmq_socket(context, ZMQ_DEALER);
    zap->testing = true;
    if (!server || !client || !test_server(server, public_text, endpoint, sizeof endpoint) ||
        !test_client(client, public_text, endpoint)) {
        err = lz_refuse(fail, LZ_wire, "密钥验证自检不能进行：%s；请检查本机 127.0.0.1 是否可用", zmq_strerror(zmq_errno()));
    } else if (test_watch(zap, server)) {
        err = lz_refuse(fail, LZ_wire, "密钥验证自检未通过：未登记的密钥竟能连入；已停止，请勿使用此版本的 libzmq");
    } else if (zap->refused == 0) {
        err = lz_refuse(fail, LZ_wire, "密钥验证自检未通过：%d 毫秒内没有收到验证请求；请检查本机 127.0.0.1 是否可用", SELF_TEST_MS);
    }
    if (client) zmq_close(client);
    if (server) zmq_close(server);
    zap_pump(zap);                   /* a late retry of the stranger is not to be counted either */
    zap->testing = false;
    return err;
}
