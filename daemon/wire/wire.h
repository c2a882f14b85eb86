/* wire: the sockets. The only room that includes zmq.h.
 *
 * Guarantees: CURVE on every TCP socket, with a ZAP handler bound before any of them and tested at start; every packet
 * handed up is one frame of at most BATCH_BYTES_MAX bytes from a key that is enrolled *now* (looked up per message);
 * no routing id is set or trusted. Leaves to others: what a packet means.
 *
 * A parent binds three ports: sync (ROUTER) at its port, live up (SUB) at port+1, live down (XPUB) at port+2; a child
 * dials the same three. PUB/SUB carries, ROUTER/DEALER proves. One thread; nothing here blocks but wire_wait. */
#ifndef LZ_WIRE_H
#define LZ_WIRE_H
#include "../core/core.h"

struct wire;
enum { KEY_BYTES = 32, KEY_TEXT = 41 };

struct wire_options {
    const char *listen;                        /* tcp://0.0.0.0:7410; NULL or "": this node has no children */
    uint8_t public_key[KEY_BYTES], secret_key[KEY_BYTES];
    const struct roster *roster;               /* lent for the life of the wire; read at every message */
    uint32_t parent;                           /* 0: none */
    uint8_t parent_key[KEY_BYTES];
    const char *parent_endpoints[PARENT_ENDPOINTS_MAX];   /* tcp://host:7410, tried in order */
    size_t n_parent_endpoints;
    const char *control_path;                  /* /run/linzhang/410800.sock; the ipc socket for linzhangctl */
    uint32_t control_mode;                     /* 0660 */
    const char *control_group;                 /* "" or NULL: as it is */
    uint32_t keepalive_ms;                     /* how often the kernel asks on a quiet line; three without an answer end it */
    uint32_t handshake_ms, reconnect_ms, reconnect_max_ms, connect_timeout_ms;
};
/* Options borrowed. On refusal fail says what and where. */
enum lz_err wire_open(struct wire **wire_p, const struct wire_options *options, struct lz_fail *fail) LZ_MUST_CHECK;
void wire_close(struct wire **wire_p);

/* Sleeps until a packet, an ask or an event is there, at most timeout_ms (0: only looks). The only place the daemon sleeps. */
void wire_wait(struct wire *wire, uint64_t timeout_ms);
/* The next packet, lent until the next call. False: none now. Fair between sockets. */
bool wire_recv(struct wire *wire, struct packet *packet);
/* Sends or, when the queue to that peer is full or it is not there, drops and counts. Bytes borrowed. */
void wire_send(struct wire *wire, const struct packet *packet);

/* Connects all three sockets to endpoint `index % n` of the parent, leaving the one before. */
void wire_dial(struct wire *wire, size_t index);
/* Ends every connection of a child that was removed or has a new key. */
void wire_hang_up(struct wire *wire, uint32_t child);

enum wire_event { WIRE_NOTHING, WIRE_PARENT_CONNECTED, WIRE_PARENT_LOST, WIRE_PARENT_REFUSED };
/* What the monitor saw of the sync connection to the parent since the last call; call until WIRE_NOTHING. Hints, not proof. */
enum wire_event wire_next_event(struct wire *wire);

struct wire_counters {
    uint64_t unknown_key, no_identity, oversized, multipart, dropped_send, received, sent, bytes_received, bytes_sent, handshakes_refused, cut_off;
};
const struct wire_counters *wire_counters(const struct wire *wire);
/* Whether the sync connection to the parent is up and takes one more packet. */
bool wire_can_send_ask(const struct wire *wire);

/* ---- the control socket (ipc) ---- */
struct wire_ask {
    uint8_t client[64];                        /* opaque; give it back with the answer */
    size_t client_len;
    uint32_t uid;                              /* of the peer, from the kernel; UINT32_MAX: unknown, to be refused */
    uint32_t pid;
    struct lz_bytes bytes;                     /* lent until the next call */
};
bool wire_ask_recv(struct wire *wire, struct wire_ask *ask);
/* False: the client is gone or its queue is full. */
bool wire_ask_send(struct wire *wire, const uint8_t *client, size_t client_len, struct lz_bytes bytes);

/* ---- a client of a control socket ---- */
struct wire_client;
enum lz_err wire_client_open(struct wire_client **client_p, const char *path, struct lz_fail *fail) LZ_MUST_CHECK;
void wire_client_close(struct wire_client **client_p);
enum lz_err wire_client_send(struct wire_client *client, struct lz_bytes bytes) LZ_MUST_CHECK;
/* bytes lent until the next call; LZ_unreachable when nothing came in time. */
enum lz_err wire_client_recv(struct wire_client *client, uint64_t timeout_ms, struct lz_bytes *bytes) LZ_MUST_CHECK;

/* ---- keys ---- */
void wire_keypair(uint8_t public_key[KEY_BYTES], uint8_t secret_key[KEY_BYTES]);
void wire_key_print(const uint8_t key[KEY_BYTES], char out[KEY_TEXT]);         /* Z85 */
bool wire_key_parse(const char *text, uint8_t key[KEY_BYTES]);
void wire_key_public(const uint8_t secret_key[KEY_BYTES], uint8_t public_key[KEY_BYTES]);
#endif
