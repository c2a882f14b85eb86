/* peers: for each child the way back on the ROUTER and the connections it holds, so that they can be ended.
 *
 * libzmq 4.3.4 has no call that ends one connection; shutdown() on its descriptor does (measured), and the ZAP
 * handler then refuses the return. Guarantees: a descriptor that meanwhile belongs to another connection is left
 * alone. Leaves to others: who a child is. */
#include "wire_room.h"
#include <arpa/inet.h>
#include <unistd.h>

struct peer *peers_find(struct peers *peers, uint32_t code) {
    LZ_ASSERT(code != 0);
    for (size_t i = 0; i < CHILDREN_MAX; i++)
        if (peers->codes[i] == code) return &peers->of[i];
    return NULL;
}

struct peer *peers_get(struct peers *peers, uint32_t code, const struct roster *roster) {
    struct peer *peer = peers_find(peers, code);
    if (peer) return peer;
    size_t place = 0;
    while (place < CHILDREN_MAX && peers->codes[place] != 0 && roster_find(roster, peers->codes[place])) place++;
    LZ_ASSERT(place < CHILDREN_MAX);     /* the roster holds no more, and this child is one of them */
    if (peers->codes[place] != 0) peers_hang_up(peers, peers->codes[place]);
    peers->codes[place] = code;
    return &peers->of[place];
}

bool connection_of(int fd, struct link *link) {
    *link = (struct link){ .fd = fd, .address_len = sizeof link->address };
    return fd >= 0 && getpeername(fd, (struct sockaddr *)&link->address, &link->address_len) == 0 &&
           link->address_len > 0 && link->address_len <= sizeof link->address;
}

bool connection_equal(const struct link *a, const struct link *b) {
    return a->fd == b->fd && a->address_len == b->address_len && memcmp(&a->address, &b->address, a->address_len) == 0;
}

static void link_end(struct link *link) {
    struct link now;
    if (link->address_len > 0 && connection_of(link->fd, &now) && connection_equal(link, &now)) (void)shutdown(link->fd, SHUT_RDWR);
    *link = (struct link){ 0 };
}

bool peers_link(struct peer *peer, enum gate gate, zmq_msg_t *message) {
    struct link link, *links = peer->links[gate];
    if (!connection_of(zmq_msg_get(message, ZMQ_SRCFD), &link)) return false;   /* gone already: nothing to end later */
    for (size_t i = 0; i < LINKS_PER_GATE; i++)
        if (connection_equal(&links[i], &link)) return false;
    struct link *place = &links[peer->next_link[gate]];
    peer->next_link[gate] = (peer->next_link[gate] + 1) % LINKS_PER_GATE;
    link_end(place);
    *place = link;
    return true;
}

static void links_end(struct peer *peer) {
    for (size_t gate = 0; gate < GATE_COUNT; gate++)
        for (size_t i = 0; i < LINKS_PER_GATE; i++) link_end(&peer->links[gate][i]);
}

void peers_hang_up(struct peers *peers, uint32_t code) {
    struct peer *peer = peers_find(peers, code);
    if (!peer) return;
    links_end(peer);
    *peer = (struct peer){ 0 };
    peers->codes[peer - peers->of] = 0;
}

void peers_shut_out(struct peers *peers, uint32_t code, uint64_t until_ms) {
    struct peer *peer = peers_find(peers, code);
    if (!peer) return;
    links_end(peer);
    peer->shut_out_until_ms = until_ms;
}

bool peers_are_shut_out(struct peers *peers, uint32_t code, uint64_t now_ms) {
    const struct peer *peer = peers_find(peers, code);
    return peer && now_ms < peer->shut_out_until_ms;
}

void peers_end(zmq_msg_t *message) {
    struct link link;
    if (!connection_of(zmq_msg_get(message, ZMQ_SRCFD), &link)) return;
    /* the message may have waited while its descriptor went to another connection: the host at least must agree */
    const char *address = zmq_msg_gets(message, "Peer-Address");
    char host[INET6_ADDRSTRLEN] = "";
    const void *bytes = link.address.sin6_family == AF_INET ? (const void *)&((const struct sockaddr_in *)(const void *)&link.address)->sin_addr
                                                            : (const void *)&link.address.sin6_addr;
    if (!inet_ntop(link.address.sin6_family, bytes, host, sizeof host)) return;
    size_t len = strlen(host);
    if (!address || strncmp(address, host, len) != 0 || (address[len] != '\0' && address[len] != '%')) return;
    (void)shutdown(link.fd, SHUT_RDWR);
}
