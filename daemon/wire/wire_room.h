/* wire_room: what the files of this room share; nobody outside includes it.
 *
 * sockets.c owns struct wire and every TCP socket, zap.c says which keys may connect and whose a message is, peers.c
 * keeps the way back to each child, guard.c ends what takes too much, ipc.c is the control socket, keys.c the keys. */
#ifndef LZ_WIRE_ROOM_H
#define LZ_WIRE_ROOM_H
#include "wire.h"
#include <netinet/in.h>
#include <sys/socket.h>
#include <zmq.h>

#define ZAP_DOMAIN "linzhang"
enum {
    /* ZMQ_MAXMSGSIZE counts the encrypted frame: 33 bytes more than what is inside it. A little more, so that
     * a frame just over the limit is counted by us; a bigger one costs its sender the connection. */
    FRAME_BYTES_MAX = BATCH_BYTES_MAX + 64,
    ASK_BYTES_MAX = 4 * BATCH_BYTES_MAX,   /* an ask may carry many drafts */
    USER_ID_MAX = 64,
};

static inline bool set_int(void *socket, int option, int value) {
    return zmq_setsockopt(socket, option, &value, sizeof value) == 0;
}
static inline bool set_size_max(void *socket, int64_t bytes) {
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes, sizeof bytes) == 0;
}
/* Takes the rest of a message of which `part` is one frame. True: there was more. */
bool drain_parts(void *socket, const zmq_msg_t *part);

/* ---- zap.c ---- */
struct peers;
struct zap {
    void *socket;                    /* REP, polled by the wire's own thread */
    const struct roster *roster;
    struct peers *peers;
    struct wire_counters *counters;
    uint64_t refused;
    bool testing;                    /* the self-test: neither counted nor logged */
};
enum lz_err zap_open(struct zap *zap, void *context, struct lz_fail *fail) LZ_MUST_CHECK;
void zap_pump(struct zap *zap);
/* Proves that an unknown key is asked about and does not get in. */
enum lz_err zap_self_test(struct zap *zap, void *context, struct lz_fail *fail) LZ_MUST_CHECK;

enum identity { IDENTITY_GOOD, IDENTITY_NONE, IDENTITY_STALE };
/* Whose message this is by the key its connection proved, judged by the roster as it is now. */
enum identity zap_identity(const struct roster *roster, zmq_msg_t *message, uint32_t *code);

/* ---- peers.c ---- */
enum gate { GATE_SYNC, GATE_LIVE_UP, GATE_LIVE_DOWN, GATE_COUNT };   /* the parent's three sockets */
enum { LINKS_PER_GATE = 4, ROUTING_ID_MAX = 255 };
struct link {                        /* a connection; address_len 0: none */
    int fd;
    socklen_t address_len;
    struct sockaddr_in6 address;     /* tells whether the descriptor is still that connection */
};
struct peer {
    uint8_t routing_id[ROUTING_ID_MAX];  /* of the newest proven message; only a way back, never an identity */
    size_t routing_id_len;               /* 0: none yet */
    struct link links[GATE_COUNT][LINKS_PER_GATE];
    size_t next_link[GATE_COUNT];
    uint64_t shut_out_until_ms;
};
struct peers {
    uint32_t codes[CHILDREN_MAX];    /* 0: free; side by side so that a search is one sweep */
    struct peer of[CHILDREN_MAX];
};
struct peer *peers_find(struct peers *peers, uint32_t code);
/* Makes room by forgetting a child that is no longer enrolled. */
struct peer *peers_get(struct peers *peers, uint32_t code, const struct roster *roster);
/* Remembers the connection a message came by; with more than LINKS_PER_GATE the oldest is ended. True: a new one. */
bool peers_link(struct peer *peer, enum gate gate, zmq_msg_t *message);
void peers_hang_up(struct peers *peers, uint32_t code);
/* Ends all connections of a child, and lets it make none until then. */
void peers_shut_out(struct peers *peers, uint32_t code, uint64_t until_ms);
bool peers_are_shut_out(struct peers *peers, uint32_t code, uint64_t now_ms);
/* Ends the connection that this message came by. */
void peers_end(zmq_msg_t *message);
/* The far end of fd; false: it is no TCP connection any more. */
bool connection_of(int fd, struct link *link);
bool connection_equal(const struct link *a, const struct link *b);

/* ---- guard.c ---- */
enum { GUARDED_MAX = 4096, GUARD_COUNT = 2 * GATE_COUNT, GUARD_LOOK_MS = 100, GUARD_IDLE_MS = 500 };   /* our three sockets below, and the three above */
struct guarded {
    struct link link;
    uint64_t came;                   /* bytes, at the last look */
    uint64_t passed, taken;          /* bytes that came in up to a whole message; that whole messages took out since the last look */
    uint32_t code;                   /* whose, as far as a message told; 0: not yet */
};
struct guard {
    uint32_t listen_port, parent_port;
    uint64_t look_ms, trim_ms;
    bool busy;                       /* at the last look, something had come in */
    bool emptied[GUARD_COUNT];       /* since the last look, the socket had nothing more to give */
    struct guarded of[GUARDED_MAX];
};
/* A whole message was taken. */
void guard_took(struct guard *guard, zmq_msg_t *message, size_t len, uint32_t code);
/* How long the next look may wait: an idle daemon sleeps. */
uint64_t guard_patience_ms(const struct guard *guard);
/* Ends what holds too much; looks every so often, however often it is called. */
void guard_look(struct guard *guard, struct peers *peers, uint64_t now_ms, struct wire_counters *counters);

/* ---- ipc.c ---- */
enum lz_err control_open(void **socket_p, void *context, const struct wire_options *options, struct lz_fail *fail) LZ_MUST_CHECK;

/* ---- sockets.c ---- */
enum { HOST_MAX = 256, ENDPOINT_MAX = HOST_MAX + 16 };
struct endpoint {
    char host[HOST_MAX];
    uint32_t port;
};
enum source { SOURCE_SYNC_UP, SOURCE_LIVE_UP, SOURCE_SYNC_DOWN, SOURCE_LIVE_DOWN, SOURCE_COUNT };
struct wire {
    void *context;
    struct zap zap;
    struct wire_counters counters;
    const struct roster *roster;
    uint8_t public_key[KEY_BYTES], secret_key[KEY_BYTES], parent_key[KEY_BYTES];
    uint32_t parent;
    struct endpoint parent_endpoints[PARENT_ENDPOINTS_MAX];
    size_t n_parent_endpoints;
    struct endpoint dialled;
    int keepalive_ms, handshake_ms, reconnect_ms, reconnect_max_ms, connect_timeout_ms;

    void *from[SOURCE_COUNT];        /* ROUTER, SUB below us; DEALER, SUB towards the parent; NULL: not there */
    void *live_down;                 /* XPUB, to all children */
    void *live_up;                   /* PUB, to the parent    */
    struct peers peers;
    struct guard guard;

    void *monitor;                   /* PAIR: what happens on the DEALER */
    struct watch { void *monitor; uint64_t down_ms; } watches[2];    /* the same of live up and live down; down_ms: not shaken since; 0: it is */
    uint32_t monitors;               /* made so far; each has its own name */
    bool connected, shaken;          /* the DEALER's TCP connection, and its handshake */

    size_t at, streak;               /* the source read last, and how many messages in a row */
    zmq_msg_t routing_id, held;      /* held: lent with the packet */

    void *control;
    zmq_msg_t ask_client, ask_held;
};
#endif
