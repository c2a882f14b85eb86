/* latency: how long an emergency takes from the socket of a unit until another shows it to one who watches.
 *
 *   latency SOCKET WATCHED COUNT PAUSE_MS [FILE]
 *
 * Submits COUNT at SOCKET, PAUSE_MS between two, never two at once, or until there is a FILE; prints `p50 p99 max n`, in microseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "../../daemon/wire/wire.h"

enum { COUNT_MAX = 100000, WAIT_MS = 20000 };
static struct arena *arena;

static void die(const char *what) { fprintf(stderr, "latency: %s\n", what); exit(1); }
static double now_us(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3; }
static int by_value(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return (x > y) - (x < y); }

static struct wire_client *watching(const char *path) {
    struct wire_client *client;
    struct lz_bytes packet;
    struct arg kind = { lz_bytes_str("kind"), lz_bytes_str("emergency") };
    struct ask ask = { .seq = 1, .verb = lz_bytes_str("watch"), .args = &kind, .n_args = 1 };
    if (wire_client_open(&client, path, NULL) != LZ_ok || ask_encode(arena, &ask, &packet) != LZ_ok || wire_client_send(client, packet) != LZ_ok ||
        wire_client_recv(client, WAIT_MS, &packet) != LZ_ok) die("cannot watch");
    return client;
}

/* The whole way of one: until the watcher shows a row with its title. */
static double once(struct wire_client *from, struct wire_client *to, int n) {
    char title[40];
    struct lz_bytes draft, packet, body;
    struct lz_fail fail = { 0 };
    struct record d = { .kind = KIND_emergency };
    uint8_t request[16];
    snprintf(title, sizeof title, "emergency %d %d", (int)getpid(), n);
    d.of.emergency.title = lz_bytes_str(title);
    lz_random(request, sizeof request);
    if (draft_encode(arena, &d, &draft, &fail) != LZ_ok) die(fail.text);
    struct ask ask = { .seq = (uint64_t)n + 2, .verb = lz_bytes_str("drafts"), .request = lz_bytes_of(request, sizeof request), .drafts = &draft,
                       .n_drafts = 1 };
    if (ask_encode(arena, &ask, &packet) != LZ_ok) die("cannot ask");
    double start = now_us(), end = 0;
    if (wire_client_send(from, packet) != LZ_ok) die("cannot send");
    while (end == 0) {
        if (wire_client_recv(to, WAIT_MS, &packet) != LZ_ok) die("it did not come");
        if (memmem(packet.data, packet.len, title, strlen(title))) end = now_us();
    }
    struct answer answer = { 0 };
    enum packet_type type;
    while (answer.seq != ask.seq)
        if (wire_client_recv(from, WAIT_MS, &packet) != LZ_ok || packet_open(packet, &type, &body, NULL) != LZ_ok ||
            answer_decode(arena, body, &answer) != LZ_ok) die("no answer");
    if (answer.code != LZ_ok || answer.n_ids != 1) die("refused");
    return end - start;
}

int main(int argc, char **argv) {
    if (argc != 5 && argc != 6) die("SOCKET WATCHED COUNT PAUSE_MS [FILE]");
    int count = atoi(argv[3]), pause_ms = atoi(argv[4]);
    if (count < 1 || count > COUNT_MAX) die("COUNT");
    double *us = calloc((size_t)count, sizeof *us);
    arena = arena_create(64 << 20);
    struct wire_client *from, *to = watching(argv[2]);
    if (!us || wire_client_open(&from, argv[1], NULL) != LZ_ok) die("cannot connect");
    int n = 0;
    for (; n < count && (n == 0 || argc == 5 || access(argv[5], F_OK) != 0); n++) {
        size_t mark = arena_used(arena);
        us[n] = once(from, to, n);
        arena_rewind(arena, mark);
        usleep((unsigned)pause_ms * 1000);
    }
    qsort(us, (size_t)n, sizeof *us, by_value);
    printf("%.0f %.0f %.0f %d\n", us[n / 2], us[n - 1 - n / 100], us[n - 1], n);
    wire_client_close(&from);
    wire_client_close(&to);
    return 0;
}
