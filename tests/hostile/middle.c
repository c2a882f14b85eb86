/* middle: somebody who holds the line between a county and its city, and has no key.
 *
 *   middle SCENE CITY COUNTY ELSEWHERE PORT
 *
 * The county dials PORT and the two behind it; what comes there goes to the city's three, after what `modes` does to it. The whole
 * of the first connections is recorded and played again later: to the city's ports, to others of its ports, and to the county as
 * if it were the city. Meanwhile the county reports problems. Judged after each mode: every report is at the city, once, as many
 * as were made; nothing was refused or found in conflict (so nothing altered ever came up); the link is live again; and at the
 * end both verify. ELSEWHERE is a daemon with another key, to which the county is led astray. */
#include "hostile.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORTS = 3, LINES_MAX = 200, CHUNK = 4096, TAPE_BYTES = 1 << 20, TAPES_MAX = 16, MODE_MS = 1200, LIVE_MS = 30000 };
enum act { PASS, DELAY, FLIP, CUT, DOUBLE, DROP, SWAP, INSERT, DEAF_UP, DEAF_DOWN, WRONG_PORTS, ELSEWHERE, GHOST, ACT_COUNT };
struct tape { size_t port, len[2]; uint8_t *bytes[2]; };                 /* of one connection: what the county said, what the city said */
struct line { int end[2]; size_t port; struct tape *tape; uint8_t held[2][CHUNK]; size_t n_held[2], passed[2]; };
static struct {
    struct line lines[LINES_MAX];
    struct tape tapes[TAPES_MAX];
    size_t n_tapes;
    int listening[PORTS], city_port, other_port;
    volatile int act, recording, sever, stop;
    volatile unsigned hurt, refused;                                    /* chunks that were tampered with; connections that were not to be */
    unsigned random;
} m;

static int dial(int port) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) { if (fd >= 0) close(fd); return -1; }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

static int listen_at(int port) {
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 64) != 0) fail("port %d: %s", port, strerror(errno));
    return fd;
}

static bool chance(unsigned one_in) { return (unsigned)rand_r(&m.random) % one_in == 0; }
static void all(int fd, const uint8_t *bytes, size_t n) {
    while (n > 0) {
        ssize_t done = send(fd, bytes, n, MSG_NOSIGNAL);
        if (done <= 0) return;
        bytes += done;
        n -= (size_t)done;
    }
}

static void hang_up(struct line *l) {
    for (int i = 0; i < 2; i++) { if (l->end[i] >= 0) close(l->end[i]); l->end[i] = -1; }
    l->tape = NULL;
}

/* ---- the line --------------------------------------------------------------------------------------------------------------- */

static const struct tape *tape_of(size_t port) {
    for (size_t i = 0; i < m.n_tapes; i++) if (m.tapes[i].port == port && m.tapes[i].len[1] > 300) return &m.tapes[i];
    return NULL;
}

static void take(size_t port) {
    int county = accept4(m.listening[port], NULL, NULL, SOCK_CLOEXEC), act = m.act, one = 1;
    if (county < 0) return;
    setsockopt(county, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    struct line *l = NULL;
    for (size_t i = 0; i < LINES_MAX && !l; i++) if (m.lines[i].end[0] < 0) l = &m.lines[i];
    if (!l) { close(county); return; }
    memset(l, 0, sizeof *l);
    l->port = port;
    l->end[0] = county;
    int to = act == ELSEWHERE ? m.other_port + (int)port : m.city_port + (int)(act == WRONG_PORTS ? (port + 1) % PORTS : port);
    l->end[1] = act == GHOST ? dup(county) : dial(to);
    if (l->end[1] < 0) { hang_up(l); return; }
    if (act == GHOST && tape_of(port)) {                          /* what the city once said to it, word for word */
        all(county, tape_of(port)->bytes[1], tape_of(port)->len[1]);
        m.refused++;
    }
    if (act == WRONG_PORTS || act == ELSEWHERE) m.refused++;
    if (m.recording && m.n_tapes < TAPES_MAX) {
        l->tape = &m.tapes[m.n_tapes++];
        *l->tape = (struct tape){ .port = port, .bytes = { malloc(TAPE_BYTES), malloc(TAPE_BYTES) } };
    }
}

static void record(struct line *l, int from, const uint8_t *bytes, size_t n) {
    struct tape *t = l->tape;
    if (!t || t->len[from] + n > TAPE_BYTES) return;
    memcpy(t->bytes[from] + t->len[from], bytes, n);
    t->len[from] += n;
}

/* A chunk that came from one end goes to the other, or what is left of it. */
static void carry(struct line *l, int from, uint8_t *bytes, size_t n) {
    int to = l->end[1 - from], act = m.act;
    bool strikes = chance(6);
    record(l, from, bytes, n);
    if (act != PASS && act != WRONG_PORTS && act != ELSEWHERE && strikes) m.hurt++;
    if (l->n_held[from] && act != SWAP) { all(to, l->held[from], l->n_held[from]); l->n_held[from] = 0; }
    switch ((enum act)act) {
    case DELAY: usleep(30000); m.hurt++; break;
    case FLIP: if (strikes) bytes[(unsigned)rand_r(&m.random) % n] ^= (uint8_t)(1u << (unsigned)rand_r(&m.random) % 8); break;
    case CUT: if (strikes) { all(to, bytes, n / 2); hang_up(l); return; } break;
    case DOUBLE: if (strikes) all(to, bytes, n); break;
    case DROP: if (strikes) return; break;
    case INSERT: if (strikes) all(to, (const uint8_t *)"\x00\x09LZ1/\x02\x01\x00\x00\x00", 11); break;
    case SWAP:
        if (l->n_held[from]) { all(to, bytes, n); all(to, l->held[from], l->n_held[from]); l->n_held[from] = 0; return; }
        if (strikes) { memcpy(l->held[from], bytes, n); l->n_held[from] = n; return; }
        break;
    case DEAF_UP: m.hurt++; if (from == 0) return; break;
    case DEAF_DOWN: m.hurt++; if (from == 1) return; break;
    case GHOST: return;
    case PASS: case WRONG_PORTS: case ELSEWHERE: case ACT_COUNT: break;
    }
    all(to, bytes, n);
}

static void *run(void *unused) {
    static struct pollfd fds[PORTS + 2 * LINES_MAX];
    static uint8_t chunk[CHUNK];
    (void)unused;
    while (!m.stop) {
        nfds_t n = 0;
        for (size_t i = 0; i < PORTS; i++) fds[n++] = (struct pollfd){ m.listening[i], POLLIN, 0 };
        for (size_t i = 0; i < LINES_MAX; i++)
            for (int end = 0; end < 2; end++) fds[n++] = (struct pollfd){ m.lines[i].end[end], POLLIN, 0 };
        int ready = poll(fds, n, 50);
        if (m.sever) {
            for (size_t i = 0; i < LINES_MAX; i++) hang_up(&m.lines[i]);
            m.sever = 0;
            continue;
        }
        if (ready <= 0) continue;
        for (size_t i = 0; i < PORTS; i++) if (fds[i].revents) take(i);
        for (size_t i = 0; i < LINES_MAX; i++)
            for (int end = 0; end < 2; end++) {
                struct line *l = &m.lines[i];
                if (l->end[0] < 0 || fds[PORTS + 2 * i + (size_t)end].fd != l->end[end] || !fds[PORTS + 2 * i + (size_t)end].revents) continue;
                ssize_t got = recv(l->end[end], chunk, sizeof chunk, MSG_DONTWAIT);
                if (got > 0) carry(l, end, chunk, (size_t)got);
                else if (got == 0 || errno != EAGAIN) hang_up(l);
            }
    }
    return NULL;
}

/* ---- what was recorded, again ------------------------------------------------------------------------------------------------- */

/* All that the county said in its connections, to each port of the city: fast, and slowly enough to be answered. */
static unsigned replay(void) {
    unsigned played = 0;
    for (size_t i = 0; i < m.n_tapes; i++)
        for (int port = 0; port < PORTS; port++)
            for (int slow = 0; slow < 2; slow++) {
                const struct tape *t = &m.tapes[i];
                int fd = dial(m.city_port + port);
                if (fd < 0) fail("the city takes no connection");
                for (size_t at = 0; at < t->len[0]; ) {
                    size_t n = slow && at < 600 ? 64 : 1000;
                    if (n > t->len[0] - at) n = t->len[0] - at;
                    all(fd, t->bytes[0] + at, n);
                    at += n;
                    if (slow && at < 1000) nap_ms(8);
                }
                nap_ms(20);
                close(fd);
                played++;
            }
    return played;
}

/* ---- judging --------------------------------------------------------------------------------------------------------------------- */

static const struct { enum act act; const char *name; bool parts; } modes[] = {
    { DELAY, "every chunk 30 ms late", false }, { FLIP, "bits flipped", false }, { CUT, "cut in the middle of a chunk", false }, { DOUBLE, "chunks said twice",
        false },
    { DROP, "chunks left out", false }, { SWAP, "chunks in another order", false }, { INSERT, "a packet put in between", false },
    { DEAF_UP, "the city does not hear the county", true }, { DEAF_DOWN, "the county does not hear the city", true },
    { WRONG_PORTS, "each port led to the next", true }, { ELSEWHERE, "led to another daemon", true }, { GHOST, "the city's words of yesterday", true },
};

static void report(struct scene *scene, struct station *county, uint64_t *made) {
    char title[64];
    size_t mark = arena_used(scene->arena);
    snprintf(title, sizeof title, "第 %llu 个问题", (unsigned long long)++*made);
    struct arg args[] = { named("title", title) };
    struct answer a = call(scene, county, "problem report", true, args, 1);
    if (a.code != LZ_ok) fail("the county cannot report: %.*s", (int)a.text.len, a.text.data);
    arena_rewind(scene->arena, mark);
}

/* Reports between counties and city are of reach parent: the city has each found here. */
static void arrived(struct scene *scene, struct station *city, struct station *county, uint64_t made, const char *after) {
    uint64_t end = now_ms() + LIVE_MS, there = 0;
    while (now_ms() < end) {
        there = holdings_of(scene, city).of[KIND_problem];
        if (there == made && link_is(scene, county, city->unit, "live") && link_is(scene, city, county->unit, "live")) return;
        if (there > made) break;
        nap_ms(50);
    }
    fail("%s: %llu reports were made, %llu are at the city; the link is %slive", after, (unsigned long long)made, (unsigned long long)there,
         link_is(scene, county, city->unit, "live") ? "" : "not ");
}

static void untouched(struct scene *scene, struct station *s, const char *after) {
    static const char *const words[] = { "拒收", "越权", "冲突" };
    for (size_t i = 0; i < LZ_COUNT(words); i++)
        if (status_number(scene, s, "收到记录", words[i]) != 0) fail("%s: %s at %u is not nought", after, words[i], s->unit);
    if (status_number(scene, s, "收到报文", "不能读懂") != 0) fail("%s: something that was altered came up at %u", after, s->unit);
}

int main(int argc, char **argv) {
    static struct scene scene;
    pthread_t thread;
    if (argc != 6) return 2;
    scene_read(&scene, argv[1]);
    struct station *city = station(&scene, (uint32_t)atoi(argv[2])), *county = station(&scene, (uint32_t)atoi(argv[3])), *other = station(&scene,
        (uint32_t)atoi(argv[4]));
    m.city_port = city->port;
    m.other_port = other->port;
    m.random = 7;
    m.recording = 1;
    for (size_t i = 0; i < LINES_MAX; i++) m.lines[i].end[0] = m.lines[i].end[1] = -1;
    for (int i = 0; i < PORTS; i++) m.listening[i] = listen_at(atoi(argv[5]) + i);
    if (pthread_create(&thread, NULL, run, NULL) != 0) fail("thread");
    uint64_t made = holdings_of(&scene, city).of[KIND_problem];
    arrived(&scene, city, county, made, "in the beginning");
    for (int i = 0; i < 20; i++) report(&scene, county, &made);
    arrived(&scene, city, county, made, "through the middle");
    m.recording = 0;
    for (size_t i = 0; i < LZ_COUNT(modes); i++) {
        m.hurt = m.refused = 0;
        m.act = modes[i].act;
        for (m.sever = modes[i].parts; m.sever; ) nap_ms(5);         /* it begins where a connection begins */
        bool was_live = true;
        uint64_t end = now_ms() + (modes[i].parts ? 2 * MODE_MS : MODE_MS);
        while (now_ms() < end || (m.hurt + m.refused == 0 && now_ms() < end + 10 * MODE_MS)) {       /* a busy machine says little in a second */
            report(&scene, county, &made);
            was_live = link_is(&scene, county, city->unit, "live");
            nap_ms(40);
        }
        if (m.hurt + m.refused == 0) fail("%s: nothing was done to the line", modes[i].name);
        if (modes[i].parts && was_live) fail("%s: and the county says that it is in sync", modes[i].name);
        m.act = PASS;
        arrived(&scene, city, county, made, modes[i].name);
        untouched(&scene, city, modes[i].name);
        untouched(&scene, county, modes[i].name);
        printf("ok     %s: %u times; all of %llu reports are there, once\n", modes[i].name, m.hurt + m.refused, (unsigned long long)made);
    }
    uint64_t packets = status_number(&scene, city, "网络拒绝", "握手失败");
    unsigned played = replay();
    arrived(&scene, city, county, made, "the county's words of yesterday");
    untouched(&scene, city, "the county's words of yesterday");
    (void)packets;
    m.stop = 1;
    pthread_join(thread, NULL);
    if (!verified(&scene, city) || !verified(&scene, county)) fail("verify");
    printf("middle: %zu ways to hurt a line, %u recordings played again; %llu reports, each there once, nothing altered came up\n", LZ_COUNT(modes), played,
           (unsigned long long)made);
    return 0;
}
