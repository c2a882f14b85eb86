/* peer_mosquitto: three brokers with persistence, bridges upward with QoS 1 and a session that lasts. An acknowledgement means that the
 * broker has the message in memory. A broker keeps nothing for nobody: what the province has is what its durable subscriber got. The
 * client is ours (MQTT 3.1.1), so that nothing but the broker has to be installed. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "line.h"

enum { WINDOW = 1000, CONNECT = 1, PUBLISH = 3, PUBACK = 4, SUBSCRIBE = 8 };
struct client { struct line line; uint64_t acks; bool ready; };
static struct broker { const char *name; int port; pid_t pid; char conf[PATH_BYTES + 8], log[PATH_BYTES + 8], dir[PATH_BYTES]; } brokers[TIERS];
static struct client publisher, top;
static struct relay relay = { .ports = 1 };
static uint64_t posted, received, doubled, openers;
static uint8_t *seen;
static uint16_t packet_id;

static bool installed(void) { return program_found("mosquitto"); }

static void put16(uint8_t *p, size_t v) { p[0] = (uint8_t)(v >> 8); p[1] = (uint8_t)v; }
/* One packet: its first byte, and what follows the length. */
static void packet(struct client *c, uint8_t first, const uint8_t *body, size_t n) {
    uint8_t head[5] = { first };
    size_t k = 1, left = n;
    do { head[k++] = (uint8_t)((left & 127) | (left > 127 ? 128 : 0)); left >>= 7; } while (left > 0);
    line_put(&c->line, head, k);
    line_put(&c->line, body, n);
}
static void publish(struct client *c, const char *topic, const void *bytes, size_t n) {
    uint8_t body[512];
    size_t t = strlen(topic);
    put16(body, t);
    memcpy(body + 2, topic, t);
    if (++packet_id == 0) packet_id = 1;
    put16(body + 2 + t, packet_id);
    memcpy(body + 4 + t, bytes, n);
    packet(c, PUBLISH << 4 | 1 << 1, body, 4 + t + n);
}
static void delivered(const uint8_t *bytes, size_t n) {
    uint64_t seq;
    if (n != MESSAGE_BYTES) { openers++; return; }
    memcpy(&seq, bytes, sizeof seq);
    if (seq >= TIMED_MAX) return;
    if (seen[seq]) { doubled++; return; }
    seen[seq] = 1;
    received++;
    timed->arrived[seq] = now_us();
}
static bool parse(struct client *c) {
    const uint8_t *p = line_bytes(&c->line);
    size_t have = line_length(&c->line), n = 0, k = 1;
    for (unsigned shift = 0; ; shift += 7, k++) {
        if (k >= have) return false;
        n |= (size_t)(p[k] & 127) << shift;
        if (!(p[k] & 128)) break;
    }
    k++;
    if (have < k + n) return false;
    uint8_t kind = p[0] >> 4, qos = p[0] >> 1 & 3;
    const uint8_t *body = p + k;
    if (kind == PUBACK) c->acks++;
    else if (kind == CONNECT + 1 || kind == SUBSCRIBE + 1) {
        if (kind == CONNECT + 1 && (n < 2 || body[1] != 0)) die("Mosquitto refuses");
        c->ready = true;
    } else if (kind == PUBLISH) {
        size_t t = (size_t)body[0] << 8 | body[1], at = 2 + t + (qos ? 2 : 0);
        uint8_t id[2] = { body[2 + t], body[3 + t] };
        delivered(body + at, n - at);
        if (qos) packet(c, PUBACK << 4, id, 2);
    }
    c->line.in_at += k + n;
    return true;
}
static void drain(struct client *c, double ms) {
    line_flush(&c->line);
    while (parse(c)) ms = 0;
    if (line_wait(&c->line, ms)) while (parse(c)) { }
    line_flush(&c->line);
}
static void wait_ready(struct client *c) {
    for (double end = now_s() + 10; !c->ready; drain(c, 20)) if (now_s() > end) die("Mosquitto does not answer");
    c->ready = false;
}
static void open_client(struct client *c, int port, const char *id) {
    uint8_t body[64] = { 0, 4, 'M', 'Q', 'T', 'T', 4, 0, 0, 0 };     /* the session lasts, no keep-alive */
    memset(c, 0, sizeof *c);
    line_open(&c->line, port);
    put16(body + 10, strlen(id));
    memcpy(body + 12, id, strlen(id));
    packet(c, CONNECT << 4, body, 12 + strlen(id));
    wait_ready(c);
}
static void configure(int tier, int up) {
    struct broker *b = &brokers[tier];
    char bridge[400] = "";
    if (up) snprintf(bridge, sizeof bridge, "connection up\naddress 127.0.0.1:%d\ntopic d/# out 1\ncleansession false\nnotifications false\n"
        "restart_timeout 1\nkeepalive_interval 10\nremote_clientid from-%s\nlocal_clientid by-%s\n", up, b->name, b->name);
    write_text(b->conf, 0600, "user root\nlistener %d 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location %s/\nmax_queued_messages 0\n"
        "max_inflight_messages 1000\nset_tcp_nodelay true\nlog_type error\n%s", b->port, b->dir, bridge);
}
static void start(int tier) {
    char *argv[] = { "mosquitto", "-c", brokers[tier].conf, NULL };
    brokers[tier].pid = process_start(brokers[tier].log, argv);
    if (posted == 0) wait_for_port(brokers[tier].port, "mosquitto");
}
static void up(bool cuttable) {
    static const char *const names[TIERS] = { "province", "city", "county" };
    static const uint8_t subscription[] = { 0, 1, 0, 3, 'd', '/', '#', 1 };
    if (!seen) seen = malloc(TIMED_MAX);
    if (!seen) die("memory");
    memset(seen, 0, TIMED_MAX);
    posted = received = doubled = openers = 0;
    for (int i = 0; i < TIERS; i++) {
        struct broker *b = &brokers[i];
        b->name = names[i];
        fresh_dir(b->dir, b->name);
        snprintf(b->conf, sizeof b->conf, "%s.conf", b->dir);
        snprintf(b->log, sizeof b->log, "%s.log", b->dir);
        b->port = free_ports(1);
    }
    relay.to = brokers[PROVINCE].port;
    relay.from = cuttable ? free_ports(1) : relay.to;
    if (cuttable) relay_start(&relay);
    configure(PROVINCE, 0);
    configure(CITY, relay.from);
    configure(COUNTY, brokers[CITY].port);
    start(PROVINCE);
    open_client(&top, brokers[PROVINCE].port, "sink");
    packet(&top, SUBSCRIBE << 4 | 2, subscription, sizeof subscription);
    wait_ready(&top);
    start(CITY);
    start(COUNTY);
    open_client(&publisher, brokers[COUNTY].port, "source");
    uint64_t opened = 0;
    for (double end = now_s() + 60; openers == 0; opened++) {        /* the bridges dial when they like */
        publish(&publisher, "d/w", "w", 1);
        drain(&publisher, 20);
        drain(&top, 200);
        if (now_s() > end) die("Mosquitto's bridges do not come up");
    }
    for (double end = now_s() + 10; publisher.acks < opened; drain(&publisher, 20)) if (now_s() > end) die("Mosquitto does not acknowledge");
    drain(&top, 100);
    publisher.acks = 0;
}
static void down(void) {
    line_close(&publisher.line);
    line_close(&top.line);
    for (int i = 0; i < TIERS; i++) process_end(&brokers[i].pid, SIGKILL);
    relay_cut(&relay);
    for (int i = 0; i < TIERS; i++) remove_dir(brokers[i].dir);
}
static void listen_for(double ms) { drain(&top, ms); drain(&publisher, 0); }
static void post(uint64_t n) {
    uint8_t bytes[MESSAGE_BYTES];
    for (uint64_t i = 0; i < n; i++, posted++) {
        while (posted - publisher.acks >= WINDOW) { drain(&publisher, 0.5); drain(&top, 0); }
        if (posted % 64 == 0) drain(&top, 0);
        memset(bytes, (int)(posted % 251), sizeof bytes);
        memcpy(bytes, &posted, sizeof posted);
        if (posted < TIMED_MAX) timed->posted[posted] = now_us();
        publish(&publisher, "d/u", bytes, sizeof bytes);
    }
    drain(&publisher, 0);
}
static void acked(void) { for (double end = now_s() + 60; publisher.acks < posted; listen_for(0.5)) if (now_s() > end) die("Mosquitto does not acknowledge"); }
/* What came twice counts too. */
static uint64_t stored(int tier) { (void)tier; drain(&top, 0.2); return received + (received == posted ? doubled : 0); }
static void hear(bool each) { (void)each; }
static void end(int tier, int signal_number) { process_end(&brokers[tier].pid, signal_number); }
static pid_t pid_of(int tier) { return brokers[tier].pid; }

const struct system mosquitto = { "mosquitto", installed, up, down, post, acked, stored, hear, listen_for, end, start, pid_of, NULL, &relay, false };
