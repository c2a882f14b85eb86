/* guard: no connection holds more of our memory than a neighbour with manners ever would.
 *
 * libzmq bounds a frame and how many messages wait, but neither the frames of one message nor the bytes of them all: one enrolled
 * key can fill the memory with a message that never ends (measured). The kernel counts what came in by each connection; we count
 * what came out of it in whole messages. Guarantees: where the difference grows beyond all that windows allow, the connection is
 * ended; a crash by memory and the wait of other neighbours for it end there. Leaves to others: what a message means. */
#include "wire_room.h"
#include <inttypes.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <stdio.h>

enum { GAP_MAX = 64, TRIM_AFTER_MS = 1000 };
/* Who was cut off waits: what it sent is in our memory until it is taken, and coming back at once it would add as much again. */
enum { SHUT_OUT_MS = 5000 };
/* Four lanes of each of two feeds, each with its window, twice over. */
enum { CONNECTION_BYTES_MAX = 4 * LANE_COUNT * WINDOW_BYTES, FRAME_COST = 64 };

void guard_took(struct guard *guard, zmq_msg_t *message, size_t len, uint32_t code) {
    int fd = zmq_msg_get(message, ZMQ_SRCFD);
    if (fd < 0 || fd >= GUARDED_MAX) return;
    guard->of[fd].taken += len + FRAME_COST;
    guard->of[fd].code = code;
}

static uint32_t port_of(const struct sockaddr_in6 *address) {
    if (address->sin6_family == AF_INET6) return ntohs(address->sin6_port);
    return address->sin6_family == AF_INET ? ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port) : 0;
}

/* Which of our sockets the connection belongs to; GUARD_COUNT: none. */
static size_t place_of(const struct guard *guard, int fd, const struct link *far) {
    struct sockaddr_in6 near = { 0 };
    socklen_t len = sizeof near;
    if (getsockname(fd, (struct sockaddr *)&near, &len) != 0) return GUARD_COUNT;
    uint32_t here = port_of(&near), there = port_of(&far->address);
    for (size_t i = 0; i < GATE_COUNT; i++) {
        if (guard->listen_port && here == guard->listen_port + i) return i;
        if (guard->parent_port && there == guard->parent_port + i) return GATE_COUNT + i;
    }
    return GUARD_COUNT;
}

static uint64_t came_by(int fd) {
    struct tcp_info info = { 0 };
    socklen_t len = sizeof info;
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 ? info.tcpi_bytes_received : 0;
}

enum waiting { QUIET, MUCH_WAITS, TOO_MUCH_WAITS };

static enum waiting judge(struct guarded *at, const struct link *link, bool emptied, uint64_t came) {
    if (!connection_equal(&at->link, link)) *at = (struct guarded){ .link = *link, .taken = at->taken, .code = at->taken ? at->code : 0 };
    if (at->taken) at->passed = emptied || at->passed + at->taken > came ? came : at->passed + at->taken;
    at->taken = 0;
    if (came <= at->passed + WINDOW_BYTES) return QUIET;
    if (came <= at->passed + CONNECTION_BYTES_MAX) return MUCH_WAITS;
    lz_log(LZ_ERROR, "wire.cut_off peer=%06" PRIu32 " bytes=%" PRIu64, at->code, came - at->passed);
    return TOO_MUCH_WAITS;
}

uint64_t guard_patience_ms(const struct guard *guard) { return guard->busy ? GUARD_LOOK_MS : GUARD_IDLE_MS; }

void guard_look(struct guard *guard, struct peers *peers, uint64_t now_ms, struct wire_counters *counters) {
    if (now_ms < guard->look_ms) return;
    guard->look_ms = now_ms + GUARD_LOOK_MS;
    guard->busy = guard->trim_ms != 0;
    if (guard->trim_ms && now_ms >= guard->trim_ms) {          /* what was given back by then goes back to the system */
        guard->trim_ms = 0;
        (void)malloc_trim(0);
    }
    /* descriptors are given out from below: behind a wide gap there are none */
    for (int fd = 0, gap = 0; fd < GUARDED_MAX && gap < GAP_MAX; fd++) {
        struct link link;
        if (!connection_of(fd, &link)) { gap++; continue; }
        gap = 0;
        size_t place = place_of(guard, fd, &link);
        if (place == GUARD_COUNT) continue;
        uint64_t came = came_by(fd);
        if (came != guard->of[fd].came) guard->busy = true;
        enum waiting waiting = judge(&guard->of[fd], &link, guard->emptied[place], came);
        guard->of[fd].came = came;
        if (waiting == QUIET) continue;
        guard->trim_ms = now_ms + TRIM_AFTER_MS;
        if (waiting != TOO_MUCH_WAITS) continue;
        counters->cut_off++;
        (void)shutdown(fd, SHUT_RDWR);
        if (guard->of[fd].code) peers_shut_out(peers, guard->of[fd].code, now_ms + SHUT_OUT_MS);
        guard->of[fd] = (struct guarded){ 0 };
    }
    for (size_t i = 0; i < GUARD_COUNT; i++) guard->emptied[i] = false;
}
