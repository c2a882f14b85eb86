/* tunnel: the wide area between network namespaces, in user space, with every fault that it may have.
 *
 *   tunnel SEED NAMESPACE:ADDRESS...      each namespace has a TUN device `wan0`, set up by the caller
 *
 * Packets go from device to device by their destination. Steered by lines on stdin; A and B are places in the list, from 0; * is all:
 *   set A B loss|dup|corrupt|forge PERCENT    corrupt: a bit flips; forge: the same, and the TCP checksum is made right again
 *   set A B delay|jitter MS                   jitter reorders: each packet is late by delay +- jitter
 *   set A B rate KBIT                         0: as fast as it comes; what would wait more than two seconds is dropped
 *   set A B cut 0|1                           from A to B only
 *   heal                                      no fault anywhere
 *   reset A B                                 both ends of each TCP connection between the two get a RST
 *   address A ADDRESS                         the host has moved
 *   quit                                      prints what was done to how many packets
 * Prints "ready", and "done" after each line. Everything random comes from SEED and the packets' order. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

enum { HOSTS_MAX = 16, QUEUE_MAX = 65536, PACKET_MAX = 2048, FLOWS_MAX = 512, IP_HEAD = 20, TCP_HEAD = 20, BURST = 64, WAIT_MAX_MS = 2000 };

struct pair { double loss, dup, corrupt, forge, delay, jitter, rate, free_at; bool cut; };
struct packet { double at; uint64_t order; int to, len; uint8_t *bytes; };
/* One direction of a connection: where its next byte stands, as far as we have seen. */
struct flow { int from, to; uint32_t source, destination; uint16_t source_port, destination_port; uint32_t next; bool used; };
struct counters { unsigned long packets, cut, lost, duplicated, corrupted, forged, late, resets; };

static struct pair pairs[HOSTS_MAX][HOSTS_MAX];
static struct packet queue[QUEUE_MAX];
static struct flow flows[FLOWS_MAX];
static struct counters count;
static int devices[HOSTS_MAX], n_hosts, n_queue, next_flow;
static uint32_t addresses[HOSTS_MAX];
static uint64_t state, order;

static void die(const char *what) { fprintf(stderr, "tunnel: %s: %s\n", what, strerror(errno)); exit(1); }
static double now_s(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec + (double)t.tv_nsec / 1e9; }
static double draw(void) { state ^= state << 13; state ^= state >> 7; state ^= state << 17; return (double)(state >> 11) / 9007199254740992.0; }
static bool happens(double percent) { return percent > 0 && draw() * 100 < percent; }

/* ---- the queue: a heap by time ---------------------------------------------------------------------------------------------- */

static bool sooner(const struct packet *a, const struct packet *b) { return a->at != b->at ? a->at < b->at : a->order < b->order; }
static void swap(int a, int b) { struct packet x = queue[a]; queue[a] = queue[b]; queue[b] = x; }

static void push(double at, int to, const uint8_t *bytes, int len) {
    if (n_queue == QUEUE_MAX) { count.late++; return; }
    uint8_t *copy = malloc((size_t)len);
    if (!copy) die("memory");
    memcpy(copy, bytes, (size_t)len);
    queue[n_queue] = (struct packet){ at, order++, to, len, copy };
    for (int i = n_queue++; i > 0 && sooner(&queue[i], &queue[(i - 1) / 2]); i = (i - 1) / 2) swap(i, (i - 1) / 2);
}

static void pop_and_write(void) {
    struct packet first = queue[0];
    queue[0] = queue[--n_queue];
    for (int i = 0; ; ) {
        int least = i;
        for (int k = 2 * i + 1; k <= 2 * i + 2 && k < n_queue; k++) if (sooner(&queue[k], &queue[least])) least = k;
        if (least == i) break;
        swap(i, least);
        i = least;
    }
    if (write(devices[first.to], first.bytes, (size_t)first.len) != first.len) count.late++;
    free(first.bytes);
}

/* ---- packets ------------------------------------------------------------------------------------------------------------------ */

static uint32_t get32(const uint8_t *p) { return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]; }
static void put32(uint8_t *p, uint32_t v) { p[0] = (uint8_t)(v >> 24); p[1] = (uint8_t)(v >> 16); p[2] = (uint8_t)(v >> 8); p[3] = (uint8_t)v; }
static uint32_t sum16(const uint8_t *p, int len, uint32_t sum) {
    for (; len > 1; p += 2, len -= 2) sum += (uint32_t)p[0] << 8 | p[1];
    return len ? sum + ((uint32_t)p[0] << 8) : sum;
}
static void put_sum(uint8_t *at, uint32_t sum) {
    while (sum >> 16) sum = (sum & 0xFFFF) + (sum >> 16);
    at[0] = (uint8_t)(~sum >> 8);
    at[1] = (uint8_t)~sum;
}
static bool is_tcp(const uint8_t *b, int len) { return len >= IP_HEAD + TCP_HEAD && b[0] == 0x45 && b[9] == 6; }
static void tcp_checksum(uint8_t *b, int len) {
    b[IP_HEAD + 16] = b[IP_HEAD + 17] = 0;
    put_sum(&b[IP_HEAD + 16], sum16(b + IP_HEAD, len - IP_HEAD, sum16(b + 12, 8, 6 + (uint32_t)(len - IP_HEAD))));
}

static void follow(int from, int to, const uint8_t *b, int len) {
    struct flow *f = NULL;
    const uint8_t *tcp = b + IP_HEAD;
    uint16_t source = (uint16_t)(tcp[0] << 8 | tcp[1]), destination = (uint16_t)(tcp[2] << 8 | tcp[3]);
    for (int i = 0; i < FLOWS_MAX && !f; i++)
        if (flows[i].used && flows[i].from == from && flows[i].to == to && flows[i].source_port == source &&
            flows[i].destination_port == destination) f = &flows[i];
    if (!f) f = &flows[next_flow++ % FLOWS_MAX];
    uint32_t bytes = (uint32_t)(len - IP_HEAD - (tcp[12] >> 4) * 4) + (tcp[13] & 2 ? 1 : 0) + (tcp[13] & 1 ? 1 : 0);
    *f = (struct flow){ from, to, get32(b + 12), get32(b + 16), source, destination, get32(tcp + 4) + bytes, true };
}

static void reset(int a, int c) {
    for (int i = 0; i < FLOWS_MAX; i++) {
        struct flow *f = &flows[i];
        if (!f->used || !((f->from == a && f->to == c) || (f->from == c && f->to == a))) continue;
        uint8_t b[IP_HEAD + TCP_HEAD] = { 0x45, 0, 0, IP_HEAD + TCP_HEAD, 0, 0, 0, 0, 64, 6 };
        put32(b + 12, f->source);
        put32(b + 16, f->destination);
        put_sum(b + 10, sum16(b, IP_HEAD, 0));
        b[20] = (uint8_t)(f->source_port >> 8); b[21] = (uint8_t)f->source_port;
        b[22] = (uint8_t)(f->destination_port >> 8); b[23] = (uint8_t)f->destination_port;
        put32(b + 24, f->next);
        b[32] = 0x50;
        b[33] = 4;
        tcp_checksum(b, sizeof b);
        push(now_s(), f->to, b, sizeof b);
        count.resets++;
        f->used = false;
    }
}

static void flip(uint8_t *b, int len, bool right_sum) {
    int from = is_tcp(b, len) && len > IP_HEAD + TCP_HEAD + 12 ? IP_HEAD + TCP_HEAD + 12 : IP_HEAD;      /* behind the usual options */
    b[from + (int)(draw() * (len - from))] ^= (uint8_t)(1 << (int)(draw() * 8));
    if (right_sum && is_tcp(b, len)) tcp_checksum(b, len);
}

static void carry(int from, uint8_t *b, int len) {
    int to = -1;
    if (len < IP_HEAD || b[0] >> 4 != 4) return;
    for (int i = 0; i < n_hosts; i++) if (addresses[i] == get32(b + 16)) to = i;
    if (to < 0 || get32(b + 12) != addresses[from]) { count.cut++; return; }        /* nobody is there any more */
    struct pair *p = &pairs[from][to];
    double now = now_s(), at;
    count.packets++;
    if (is_tcp(b, len)) follow(from, to, b, len);
    if (p->cut) { count.cut++; return; }
    if (happens(p->loss)) { count.lost++; return; }
    if (len > IP_HEAD + TCP_HEAD && happens(p->corrupt)) { flip(b, len, false); count.corrupted++; }
    if (len > IP_HEAD + TCP_HEAD + 12 && happens(p->forge)) { flip(b, len, true); count.forged++; }
    at = now;
    if (p->rate > 0) {
        at = p->free_at > now ? p->free_at : now;
        if ((at - now) * 1000 > WAIT_MAX_MS) { count.late++; return; }
        p->free_at = at += len * 8 / (p->rate * 1000);
    }
    push(at + (p->delay + p->jitter * (2 * draw() - 1)) / 1000, to, b, len);
    if (!happens(p->dup)) return;
    push(at + (p->delay + p->jitter * (2 * draw() - 1)) / 1000, to, b, len);
    count.duplicated++;
}

/* ---- steering ------------------------------------------------------------------------------------------------------------------- */

static void set(int a, int c, const char *what, double value) {
    struct pair *p = &pairs[a][c];
    double *field = !strcmp(what, "loss") ? &p->loss : !strcmp(what, "dup") ? &p->dup : !strcmp(what, "corrupt") ? &p->corrupt :
                    !strcmp(what, "forge") ? &p->forge : !strcmp(what, "delay") ? &p->delay : !strcmp(what, "jitter") ? &p->jitter :
                    !strcmp(what, "rate") ? &p->rate : NULL;
    if (field) *field = value;
    else if (!strcmp(what, "cut")) p->cut = value != 0;
    else { errno = EINVAL; die(what); }
}

static void set_all(const char *a, const char *c, const char *what, double value) {
    for (int i = 0; i < n_hosts; i++)
        for (int k = 0; k < n_hosts; k++)
            if ((*a == '*' || atoi(a) == i) && (*c == '*' || atoi(c) == k)) set(i, k, what, value);
}

static bool steer(char *line) {
    char a[64], b[64], what[32];
    double value;
    if (sscanf(line, "set %63s %63s %31s %lf", a, b, what, &value) == 4) set_all(a, b, what, value);
    else if (sscanf(line, "reset %63s %63s", a, b) == 2) reset(atoi(a), atoi(b));
    else if (sscanf(line, "address %63s %63s", a, b) == 2) addresses[atoi(a)] = ntohl(inet_addr(b));
    else if (!strncmp(line, "heal", 4)) memset(pairs, 0, sizeof pairs);
    else if (!strncmp(line, "quit", 4)) return false;
    else { errno = EINVAL; die(line); }
    puts("done");
    return true;
}

static bool read_lines(void) {
    static char text[4096];
    static size_t len;
    ssize_t n = read(0, text + len, sizeof text - 1 - len);
    if (n <= 0) return false;
    len += (size_t)n;
    text[len] = 0;
    for (char *end; (end = strchr(text, '\n')); ) {
        *end = 0;
        if (!steer(text)) return false;
        len -= (size_t)(end + 1 - text);
        memmove(text, end + 1, len + 1);
    }
    return true;
}

static void attach(const char *spec, int self) {
    char path[128], name[64];
    const char *colon = strchr(spec, ':');
    if (!colon || n_hosts == HOSTS_MAX || (size_t)(colon - spec) >= sizeof name) { errno = EINVAL; die(spec); }
    snprintf(name, sizeof name, "%.*s", (int)(colon - spec), spec);
    snprintf(path, sizeof path, "/run/netns/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) die(path);
    struct ifreq device = { .ifr_flags = IFF_TUN | IFF_NO_PI };
    strcpy(device.ifr_name, "wan0");
    devices[n_hosts] = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (devices[n_hosts] < 0 || ioctl(devices[n_hosts], TUNSETIFF, &device) != 0) die("/dev/net/tun");
    addresses[n_hosts++] = ntohl(inet_addr(colon + 1));
    close(fd);
    if (setns(self, CLONE_NEWNET) != 0) die("the way back");
}

int main(int argc, char **argv) {
    if (argc < 4) { fprintf(stderr, "tunnel SEED NAMESPACE:ADDRESS NAMESPACE:ADDRESS...\n"); return 2; }
    setvbuf(stdout, NULL, _IOLBF, 0);
    state = strtoull(argv[1], NULL, 10) * 0x9E3779B97F4A7C15ull | 1;
    int self = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    for (int i = 2; i < argc; i++) attach(argv[i], self);
    puts("ready");
    for (;;) {
        struct pollfd ready[HOSTS_MAX + 1];
        uint8_t bytes[PACKET_MAX];
        for (int i = 0; i < n_hosts; i++) ready[i] = (struct pollfd){ devices[i], POLLIN, 0 };
        ready[n_hosts] = (struct pollfd){ 0, POLLIN, 0 };
        double wait = n_queue ? (queue[0].at - now_s()) * 1000 : 1000;
        (void)poll(ready, (nfds_t)n_hosts + 1, wait <= 0 ? 0 : (int)wait + 1);
        for (int i = 0; i < n_hosts; i++)
            for (int k = 0; k < BURST && ready[i].revents & POLLIN; k++) {
                ssize_t n = read(devices[i], bytes, sizeof bytes);
                if (n <= 0) break;
                carry(i, bytes, (int)n);
            }
        while (n_queue && queue[0].at <= now_s()) pop_and_write();
        if (ready[n_hosts].revents & (POLLIN | POLLHUP) && !read_lines()) break;
    }
    printf("packets %lu cut %lu lost %lu duplicated %lu corrupted %lu forged %lu late %lu resets %lu\n", count.packets, count.cut, count.lost,
           count.duplicated, count.corrupted, count.forged, count.late, count.resets);
    return 0;
}
