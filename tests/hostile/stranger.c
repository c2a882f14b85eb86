/* stranger: somebody on the network who has no key, at the three ports of a city whose children are at work.
 *
 *   stranger SCENE CITY COUNTY TOP CONNECTIONS [SILENT]
 *
 * CONNECTIONS to each port, of the kinds in `tactics`, and SILENT ones that say nothing until they are thrown out. While it goes on
 * the county's reports go to the top, one after the other, and are timed. Judged: nobody was told anything but a greeting (and a
 * WELCOME, which is sealed for the asker's own key), the daemon stays the same process, its memory and descriptors come back,
 * and the reports keep within the bound. */
#include "hostile.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

enum { AT_ONCE = 48, PORTS = 3, OUT_BYTES = 2048, GREETING_BYTES = 64, WAIT_MS = 40, HEARD_MAX = 2 * GREETING_BYTES + 256 };
enum { MEMORY_KIB = 8 * 1024, WITHIN_MS = 10000, BASE_SAMPLES = 25, STRANGERS = 40 };
struct knock {
    int fd, tactic;
    uint8_t out[OUT_BYTES];
    size_t len, sent, heard;
    uint64_t until_ms;
};
static const uint8_t *server_key;

/* ---- what is said ----------------------------------------------------------------------------------------------------- */

static void random_bytes(struct knock *k, size_t least, size_t most) {
    size_t n = least + randombytes_uniform((uint32_t)(most - least + 1));
    randombytes_buf(k->out + k->len, n);
    k->len += n;
}
static void bytes(struct knock *k, const void *data, size_t n) { memcpy(k->out + k->len, data, n); k->len += n; }
static void greeting(struct knock *k, const char *mechanism, uint8_t major, uint8_t as_server) {
    uint8_t g[GREETING_BYTES] = { 0xff, [9] = 0x7f, [10] = major, [11] = 0 };
    memcpy(g + 12, mechanism, strlen(mechanism));
    g[32] = as_server;
    bytes(k, g, sizeof g);
}
static void command(struct knock *k, const char *name, const uint8_t *body, size_t n) {
    uint8_t head[16] = { 0x04, (uint8_t)(1 + strlen(name) + n), (uint8_t)strlen(name) };
    memcpy(head + 3, name, strlen(name));
    bytes(k, head, 3 + strlen(name));
    bytes(k, body, n);
}
/* A HELLO for a server key: version 1.0, 72 zero bytes, our transient key, a nonce and 64 zero bytes in a box. */
static void hello(struct knock *k, const uint8_t key[KEY_BYTES]) {
    uint8_t body[194] = { 1, 0 }, nonce[24] = "CurveZMQHELLO---", zeros[64] = { 0 }, public_key[32], secret_key[32];
    crypto_box_keypair(public_key, secret_key);
    memcpy(body + 74, public_key, 32);
    randombytes_buf(nonce + 16, 8);
    memcpy(body + 106, nonce + 16, 8);
    if (crypto_box_easy(body + 114, zeros, sizeof zeros, nonce, key, secret_key) != 0) fail("no HELLO");
    command(k, "HELLO", body, sizeof body);
}

static void junk(struct knock *k) { random_bytes(k, 1, 600); }
static void junk_like_a_greeting(struct knock *k) { bytes(k, "\xff", 1); random_bytes(k, 63, 900); }
static void http(struct knock *k) { static const char text[] = "GET /status HTTP/1.1\r\nHost: city\r\nConnection: keep-alive\r\n\r\n"; bytes(k, text,
    sizeof text - 1); }
static void tls(struct knock *k) { bytes(k, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11); random_bytes(k, 200, 508); }
static void half_greeting(struct knock *k) { greeting(k, "CURVE", 3, 0); k->len = 1 + randombytes_uniform(GREETING_BYTES - 1); }
static void greeting_then_junk(struct knock *k) { greeting(k, "CURVE", 3, 0); random_bytes(k, 1, 1200); }
static void null_mechanism(struct knock *k) { greeting(k, "NULL", 3, 0); command(k, "READY", (const uint8_t *)"\x0bSocket-Type\0\0\0\6DEALER", 22);
    random_bytes(k, 10, 100); }
static void plain_mechanism(struct knock *k) { greeting(k, "PLAIN", 3, 0); command(k, "HELLO", (const uint8_t *)"\5admin\5admin", 12); }
static void server_too(struct knock *k) { greeting(k, "CURVE", 3, 1); hello(k, server_key); }
static void old_version_1(struct knock *k) { bytes(k, "\x01\x00", 2); random_bytes(k, 100, 700); }
static void old_version_2(struct knock *k) { bytes(k, "\xff\0\0\0\0\0\0\0\1\x7f\1\5\0\0", 14); random_bytes(k, 10, 700); }
static void future_version(struct knock *k) { greeting(k, "CURVE", 200, 0); random_bytes(k, 10, 300); }
static void giant_frame(struct knock *k) { greeting(k, "CURVE", 3, 0); bytes(k, "\x02\x7f\xff\xff\xff\xff\xff\xff\xff", 9); random_bytes(k, 100, 1000); }
static void giant_command(struct knock *k) { greeting(k, "CURVE", 3, 0); bytes(k, "\x06\x00\x00\x00\xff\xff\xff\xff\xff", 9); random_bytes(k, 100, 1000); }
static void unfinished_frames(struct knock *k) { greeting(k, "CURVE", 3, 0); hello(k, server_key); for (int i = 0; i < 40; i++) bytes(k, "\x01\x01z", 3); }
static void initiate_first(struct knock *k) { uint8_t body[250]; randombytes_buf(body, sizeof body); greeting(k, "CURVE", 3, 0); command(k, "INITIATE", body,
    sizeof body - 10); }
static void message_first(struct knock *k) { greeting(k, "CURVE", 3, 0); command(k, "MESSAGE", (const uint8_t *)"12345678901234567890123456789012345", 35); }
static void half_hello(struct knock *k) { greeting(k, "CURVE", 3, 0); hello(k, server_key); k->len -= 1 + randombytes_uniform(150); }
static void wrong_server_key(struct knock *k) {
    uint8_t other[32], secret_key[32];
    crypto_box_keypair(other, secret_key);
    greeting(k, "CURVE", 3, 0);
    hello(k, other);
}
/* The handshake as far as one gets without a key: a good HELLO, then what should have been an INITIATE. */
static void bad_initiate(struct knock *k) {
    uint8_t body[260];
    randombytes_buf(body, sizeof body);
    greeting(k, "CURVE", 3, 0);
    hello(k, server_key);
    command(k, "INITIATE", body, 245);
}
static void hello_twice(struct knock *k) { greeting(k, "CURVE", 3, 0); hello(k, server_key); hello(k, server_key); }

static const struct tactic { const char *name; void (*say)(struct knock *k); size_t answer_max; } tactics[] = {
    { "random bytes", junk, GREETING_BYTES }, { "random bytes behind a signature", junk_like_a_greeting, GREETING_BYTES + 64 },
    { "HTTP", http, GREETING_BYTES }, { "TLS", tls, GREETING_BYTES }, { "half a greeting", half_greeting, GREETING_BYTES },
    { "a greeting, then junk", greeting_then_junk, GREETING_BYTES + 64 }, { "mechanism NULL", null_mechanism, GREETING_BYTES + 64 },
    { "mechanism PLAIN", plain_mechanism, GREETING_BYTES + 64 }, { "says it is the server", server_too, HEARD_MAX },
    { "ZMTP 1.0", old_version_1, GREETING_BYTES + 64 }, { "ZMTP 2.0", old_version_2, GREETING_BYTES + 64 },
    { "a version to come", future_version, GREETING_BYTES + 64 }, { "a frame of 8 EiB", giant_frame, GREETING_BYTES + 64 },
    { "a command of 1 TiB", giant_command, GREETING_BYTES + 64 }, { "frames without end after HELLO", unfinished_frames, HEARD_MAX },
    { "INITIATE first", initiate_first, GREETING_BYTES + 64 }, { "a message first", message_first, GREETING_BYTES + 64 },
    { "half a HELLO", half_hello, GREETING_BYTES + 64 }, { "HELLO for another server", wrong_server_key, GREETING_BYTES + 64 },
    { "a good HELLO, a forged INITIATE", bad_initiate, HEARD_MAX }, { "HELLO twice", hello_twice, HEARD_MAX },
};

/* ---- saying it --------------------------------------------------------------------------------------------------------- */

static int dial(int port) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0 && errno != EINPROGRESS) { close(fd); return -1; }
    return fd;
}

static void hang_up(struct knock *k) {
    struct linger now = { 1, 0 };                            /* no TIME_WAIT: ten thousand of these would eat the ports */
    setsockopt(k->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close(k->fd);
    k->fd = -1;
}

/* One look at a knock: sends what is left, hears what comes. True: it is over. */
static bool go_on(struct knock *k, short events) {
    uint8_t in[4096];
    if (events & (POLLERR | POLLHUP | POLLNVAL)) return true;
    if (k->sent < k->len && (events & POLLOUT)) {
        ssize_t n = send(k->fd, k->out + k->sent, k->len - k->sent, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) return true;
        if (n > 0) k->sent += (size_t)n;
    }
    if (events & POLLIN) {
        ssize_t n = recv(k->fd, in, sizeof in, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) return true;
        if (n > 0) k->heard += (size_t)n;
        if (k->heard > tactics[k->tactic].answer_max) fail("%s was answered with %zu bytes", tactics[k->tactic].name, k->heard);
    }
    return now_ms() >= k->until_ms;
}

/* n knocks at one port, AT_ONCE under way. Gives how many the daemon let connect. */
static unsigned flood(int port, unsigned n) {
    struct knock knocks[AT_ONCE];
    struct pollfd fds[AT_ONCE];
    unsigned begun = 0, over = 0, reached = 0;
    for (size_t i = 0; i < AT_ONCE; i++) knocks[i].fd = -1;
    while (over < n) {
        for (size_t i = 0; i < AT_ONCE; i++) {
            struct knock *k = &knocks[i];
            if (k->fd < 0 && begun < n) {
                *k = (struct knock){ .fd = dial(port), .tactic = (int)(begun % LZ_COUNT(tactics)), .until_ms = now_ms() + WAIT_MS };
                begun++;
                if (k->fd < 0) over++;
                else tactics[k->tactic].say(k);
            }
            fds[i] = (struct pollfd){ k->fd, (short)(POLLIN | (k->fd >= 0 && k->sent < k->len ? POLLOUT : 0)), 0 };
        }
        poll(fds, AT_ONCE, 5);
        for (size_t i = 0; i < AT_ONCE; i++) {
            if (knocks[i].fd < 0 || !go_on(&knocks[i], fds[i].revents)) continue;
            if (knocks[i].sent) reached++;
            hang_up(&knocks[i]);
            over++;
        }
    }
    return reached;
}

/* One byte at a time, a few at each port, until they are thrown out; and real CURVE clients with keys that nobody enrolled. */
static void drip_and_knock(int port) {
    struct knock drips[3 * PORTS];
    void *context = zmq_ctx_new(), *clients[STRANGERS];
    for (size_t i = 0; i < LZ_COUNT(drips); i++) {
        drips[i] = (struct knock){ .fd = dial(port + (int)(i % PORTS)) };
        greeting(&drips[i], "CURVE", 3, 0);
        hello(&drips[i], server_key);
    }
    for (int i = 0; i < STRANGERS; i++) {
        char server[KEY_TEXT], public_text[KEY_TEXT], secret_text[KEY_TEXT], endpoint[64];
        static const int types[PORTS] = { ZMQ_DEALER, ZMQ_PUB, ZMQ_SUB };
        clients[i] = zmq_socket(context, types[i % PORTS]);
        wire_key_print(server_key, server);
        zmq_curve_keypair(public_text, secret_text);
        snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", port + i % PORTS);
        int zero = 0;
        zmq_setsockopt(clients[i], ZMQ_LINGER, &zero, sizeof zero);
        zmq_setsockopt(clients[i], ZMQ_CURVE_SERVERKEY, i % 2 ? server : public_text, KEY_TEXT);
        zmq_setsockopt(clients[i], ZMQ_CURVE_PUBLICKEY, public_text, KEY_TEXT);
        zmq_setsockopt(clients[i], ZMQ_CURVE_SECRETKEY, secret_text, KEY_TEXT);
        if (i % PORTS == 2) zmq_setsockopt(clients[i], ZMQ_SUBSCRIBE, "", 0);
        zmq_connect(clients[i], endpoint);
        if (i % PORTS != 2) zmq_send(clients[i], "LZ1/", 4, ZMQ_DONTWAIT);
    }
    for (size_t byte = 0; byte < drips[0].len; byte++) {
        for (size_t i = 0; i < LZ_COUNT(drips); i++)
            if (drips[i].fd >= 0 && send(drips[i].fd, drips[i].out + byte, 1, MSG_NOSIGNAL) < 0 && errno != EAGAIN) { close(drips[i].fd); drips[i].fd = -1; }
        nap_ms(25);
    }
    for (int i = 0; i < STRANGERS; i++) {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (i % PORTS != 1 && zmq_msg_recv(&message, clients[i], ZMQ_DONTWAIT) >= 0) fail("a stranger was told something");
        zmq_close(clients[i]);
    }
    zmq_ctx_term(context);
    for (size_t i = 0; i < LZ_COUNT(drips); i++) if (drips[i].fd >= 0) close(drips[i].fd);
}

/* Says nothing, with more connections than the daemon has descriptors, until all are thrown out or the time is over. */
static void silence(int port, unsigned n, uint64_t ms) {
    struct pollfd *fds = calloc(n, sizeof *fds);
    unsigned left = n;
    if (!fds) fail("memory");
    for (unsigned i = 0; i < n; i++) fds[i] = (struct pollfd){ dial(port + (int)(i % PORTS)), POLLIN, 0 };
    for (uint64_t end = now_ms() + ms; now_ms() < end && left; ) {
        poll(fds, n, 100);
        for (unsigned i = 0; i < n; i++) {
            char in[256];
            if (fds[i].fd < 0 || !fds[i].revents) continue;
            if (recv(fds[i].fd, in, sizeof in, 0) > 0) continue;
            close(fds[i].fd);
            fds[i].fd = -1;
            left--;
        }
        nap_ms(20);
    }
    for (unsigned i = 0; i < n; i++) if (fds[i].fd >= 0) close(fds[i].fd);
    free(fds);
}

/* ---- judging ------------------------------------------------------------------------------------------------------------- */

static pid_t attack_begins(int port, unsigned n, unsigned silent) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0) return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    unsigned reached = 0;
    if (silent) silence(port, silent, 9000);
    for (int i = 0; i < PORTS && n; i++) reached += flood(port + i, n);
    if (n) drip_and_knock(port);
    if (reached < n) fail("only %u of %u connections said anything", reached, PORTS * n);
    exit(0);
}

static void sample(struct scene *scene, struct station *county, struct station *top, struct latency *l) {
    uint64_t ms = round_trip(scene, county, top, WITHIN_MS);
    if (ms == UINT64_MAX) fail("a report of %u took more than %d ms", county->unit, WITHIN_MS);
    latency_add(l, ms);
}

int main(int argc, char **argv) {
    static struct scene scene;
    static struct latency before, during;
    if (argc < 6 || sodium_init() < 0) return 2;
    scene_read(&scene, argv[1]);
    struct station *city = station(&scene, (uint32_t)atoi(argv[2])), *county = station(&scene, (uint32_t)atoi(argv[3])), *top = station(&scene,
        (uint32_t)atoi(argv[4]));
    unsigned n = (unsigned)atoi(argv[5]), silent = argc > 6 ? (unsigned)atoi(argv[6]) : 0;
    server_key = city->public_key;
    for (int i = 0; i < BASE_SAMPLES; i++) sample(&scene, county, top, &before);
    uint64_t memory = anonymous_kib(city->pid), begin = now_ms(), refused = status_number(&scene, city, "网络拒绝", "未登记的公钥");
    size_t fds = descriptors(city->pid);
    int status;
    pid_t attacker = attack_begins(city->port, n, silent);
    while (waitpid(attacker, &status, WNOHANG) == 0) { sample(&scene, county, top, &during); nap_ms(20); }
    uint64_t took = now_ms() - begin;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("the attack was not what it should be");
    for (uint64_t end = now_ms() + 15000; now_ms() < end && descriptors(city->pid) > fds + 4; ) nap_ms(100);
    if (!alive(city->pid)) fail("the city died");
    if (descriptors(city->pid) > fds + 4) fail("%zu descriptors before, %zu after", fds, descriptors(city->pid));
    uint64_t grown = anonymous_kib(city->pid) > memory ? anonymous_kib(city->pid) - memory : 0;
    if (grown >= allowed_kib(MEMORY_KIB)) fail("memory grew by %llu KiB", (unsigned long long)grown);
    uint64_t half = latency_at(&during, 0.5), most = latency_at(&during, 0.95), base = latency_at(&before, 0.5);
    if (during.n < 5) fail("only %zu reports were timed in %llu ms", during.n, (unsigned long long)took);
    if (half > 100 + 5 * base || most > 1500) fail("reports took %llu ms (95 %%: %llu ms), before: %llu ms", (unsigned long long)half,
        (unsigned long long)most, (unsigned long long)base);
    if (n && status_number(&scene, city, "网络拒绝", "未登记的公钥") < refused + STRANGERS / 2) fail("the strangers' keys are not counted");
    if (!verified(&scene, city)) fail("verify at the city");
    printf("stranger: %u connections of %zu kinds, %u silent, %.1f s; a report p50/p95 %llu/%llu ms, before %llu; memory +%llu KiB\n",
        n ? n * PORTS + STRANGERS : 0,
           LZ_COUNT(tactics), silent, (double)took / 1e3, (unsigned long long)half, (unsigned long long)most, (unsigned long long)base,
               (unsigned long long)grown);
    return 0;
}
