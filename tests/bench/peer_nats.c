/* peer_nats: three nats-servers, one JetStream domain each, leaf nodes that dial upward; the city's stream sources the county's, the
 * province's the city's. Its acknowledgement means that the server has the message, not that the disk has it (it syncs every two
 * minutes). The client is ours, so that nothing but the server has to be installed. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "line.h"

enum { WINDOW = 4000, API = 1, ACK = 2, DELIVERY = 3 };
struct client { struct line line; uint64_t acks; char reply[16384]; bool replied; };
static struct server {
    const char *domain, *stream;
    int port, leaf;
    pid_t pid;
    char conf[PATH_BYTES + 8], log[PATH_BYTES + 8], dir[PATH_BYTES];
} servers[TIERS];
static struct client publisher, top;
static struct relay relay = { .ports = 1 };
static uint64_t posted, before;

static bool installed(void) { return program_found("nats-server"); }

static void message(struct client *c, int sid, const uint8_t *bytes, size_t n) {
    if (sid == ACK) {
        if (memmem(bytes, n, "\"error\"", 7)) die("NATS refused: %.*s", (int)n, (const char *)bytes);
        c->acks++;
    } else if (sid == API) {
        snprintf(c->reply, sizeof c->reply, "%.*s", (int)n, (const char *)bytes);
        c->replied = true;
    } else if (n == MESSAGE_BYTES) {
        uint64_t seq;
        memcpy(&seq, bytes, sizeof seq);
        if (seq < TIMED_MAX && timed->arrived[seq] == 0) timed->arrived[seq] = now_us();
    }
}
/* One whole message of the protocol, if it is there. */
static bool parse(struct client *c) {
    const char *text = (const char *)line_bytes(&c->line), *end = memmem(text, line_length(&c->line), "\r\n", 2);
    if (!end) return false;
    size_t head = (size_t)(end - text) + 2, body = 0;
    char first[512];
    snprintf(first, sizeof first, "%.*s", (int)(head - 2), text);
    bool headed = strncmp(first, "HMSG ", 5) == 0;
    if (headed || strncmp(first, "MSG ", 4) == 0) {
        char subject[256];
        int sid = 0;
        size_t headers = 0;
        sscanf(first, "%*s %255s %d", subject, &sid);
        body = strtoul(strrchr(first, ' ') + 1, NULL, 10);
        if (line_length(&c->line) < head + body + 2) return false;
        if (headed) {                                                 /* its length stands before the last blank */
            *strrchr(first, ' ') = '\0';
            headers = strtoul(strrchr(first, ' ') + 1, NULL, 10);
        }
        message(c, sid, (const uint8_t *)text + head + headers, body - headers);
        c->line.in_at += head + body + 2;
        return true;
    }
    c->line.in_at += head;
    if (strcmp(first, "PING") == 0) line_put(&c->line, "PONG\r\n", 6);
    if (strncmp(first, "-ERR", 4) == 0) die("NATS: %s", first);
    return true;
}
static void drain(struct client *c, double ms) {
    line_flush(&c->line);
    while (parse(c)) ms = 0;
    if (line_wait(&c->line, ms)) while (parse(c)) { }
}
static void say(struct client *c, const char *text) { line_put(&c->line, text, strlen(text)); }
static void open_client(struct client *c, int port) {
    memset(c, 0, sizeof *c);
    line_open(&c->line, port);
    say(c, "CONNECT {\"verbose\":false,\"pedantic\":false,\"headers\":true,\"no_responders\":true}\r\nSUB _B.api 1\r\nSUB _B.ack 2\r\nSUB _B.in 3\r\n");
    line_flush(&c->line);
}
/* Several clients on one server would hear each other's replies: only one at a time asks each server. */
static bool api(struct client *c, const char *subject, const char *json) {
    char head[256];
    c->replied = false;
    int n = snprintf(head, sizeof head, "PUB $JS.API.%s _B.api %zu\r\n", subject, strlen(json));
    line_put(&c->line, head, (size_t)n);
    say(c, json);
    say(c, "\r\n");
    for (double end = now_s() + 2; !c->replied && now_s() < end;) drain(c, 50);
    return c->replied && c->reply[0] == '{' && !strstr(c->reply, "\"error\":");
}
static uint64_t messages(struct client *c, const char *stream) {
    char subject[64];
    snprintf(subject, sizeof subject, "STREAM.INFO.%s", stream);
    const char *p = api(c, subject, "") ? strstr(c->reply, "\"messages\":") : NULL;
    return p ? strtoull(p + 11, NULL, 10) : 0;
}
static void create(int tier, const char *what) {
    char subject[64], json[512];
    struct client c;
    open_client(&c, servers[tier].port);
    snprintf(subject, sizeof subject, "STREAM.CREATE.%s", servers[tier].stream);
    snprintf(json, sizeof json, "{\"name\":\"%s\",\"storage\":\"file\",\"retention\":\"limits\",\"num_replicas\":1,%s}", servers[tier].stream, what);
    bool made = false;
    for (int i = 0; i < 50 && !made; i++) if (!(made = api(&c, subject, json))) nap_ms(200);
    if (!made) die("NATS has no stream %s: %.300s", servers[tier].stream, c.reply);
    line_close(&c.line);
}
static void start(int tier) {
    struct server *s = &servers[tier];
    char *argv[] = { "nats-server", "-c", s->conf, NULL };
    s->pid = process_start(s->log, argv);
    if (tier != CITY || posted == 0) wait_for_port(s->port, "nats-server");
}
static void configure(int tier, int up, int advertised) {
    struct server *s = &servers[tier];
    char leaf[300] = "";
    if (tier < COUNTY) snprintf(leaf, sizeof leaf, "host: 127.0.0.1\n  port: %d\n  advertise: \"127.0.0.1:%d\"\n", s->leaf, advertised);
    if (tier > PROVINCE)
        snprintf(leaf + strlen(leaf), sizeof leaf - strlen(leaf), "  reconnect: 1\n  remotes: [ { url: \"nats-leaf://127.0.0.1:%d\" } ]\n", up);
    write_text(s->conf, 0600, "server_name: %s\nhost: 127.0.0.1\nport: %d\n"
            "jetstream { store_dir: \"%s\", domain: %s, max_mem: 256MB, max_file: 16GB }\nleafnodes {\n  %s}\n",
            s->domain, s->port, s->dir, s->domain, leaf);
}
static void post(uint64_t n) {
    uint8_t bytes[MESSAGE_BYTES];
    char head[64];
    int length = snprintf(head, sizeof head, "PUB d.u _B.ack %d\r\n", MESSAGE_BYTES);
    for (uint64_t i = 0; i < n; i++, posted++) {
        while (posted - publisher.acks >= WINDOW) drain(&publisher, 20);
        memset(bytes, (int)(posted % 251), sizeof bytes);
        memcpy(bytes, &posted, sizeof posted);
        if (posted < TIMED_MAX) timed->posted[posted] = now_us();
        line_put(&publisher.line, head, (size_t)length);
        line_put(&publisher.line, bytes, sizeof bytes);
        line_put(&publisher.line, "\r\n", 2);
    }
    drain(&publisher, 0);
}
static void acked(void) { for (double end = now_s() + 60; publisher.acks < posted; drain(&publisher, 20)) if (now_s() > end) die("NATS does not acknowledge"); }
static uint64_t stored(int tier) {
    uint64_t n;
    if (tier == PROVINCE) n = messages(&top, "PROV");
    else {
        struct client c;
        open_client(&c, servers[tier].port);
        n = messages(&c, servers[tier].stream);
        line_close(&c.line);
    }
    return n > before ? n - before : 0;
}
static void up(bool cuttable) {
    static const char *const names[TIERS][2] = { { "province", "PROV" }, { "city", "CITY" }, { "county", "COUNTY" } };
    posted = before = 0;
    for (int i = 0; i < TIERS; i++) {
        struct server *s = &servers[i];
        s->domain = names[i][0];
        s->stream = names[i][1];
        fresh_dir(s->dir, s->domain);
        snprintf(s->conf, sizeof s->conf, "%s.conf", s->dir);
        snprintf(s->log, sizeof s->log, "%s.log", s->dir);
        s->port = free_ports(2);
        s->leaf = s->port + 1;
    }
    relay.to = servers[PROVINCE].leaf;
    relay.from = cuttable ? free_ports(1) : relay.to;
    if (cuttable) relay_start(&relay);
    configure(PROVINCE, 0, relay.from);           /* it tells its leaves where to dial: the relay, or they would go round it */
    configure(CITY, relay.from, servers[CITY].leaf);
    configure(COUNTY, servers[CITY].leaf, 0);
    for (int i = 0; i < TIERS; i++) start(i);
    create(COUNTY, "\"subjects\":[\"d.>\"]");
    nap_ms(1200);
    create(CITY, "\"sources\":[{\"name\":\"COUNTY\",\"external\":{\"api\":\"$JS.county.API\",\"deliver\":\"\"}}]");
    create(PROVINCE, "\"sources\":[{\"name\":\"CITY\",\"external\":{\"api\":\"$JS.city.API\",\"deliver\":\"\"}}]");
    open_client(&publisher, servers[COUNTY].port);
    open_client(&top, servers[PROVINCE].port);
    say(&publisher, "PUB d.w _B.ack 1\r\nw\r\n");                      /* one message opens the chain */
    for (double end = now_s() + 60; publisher.acks < 1; drain(&publisher, 20)) if (now_s() > end) die("NATS takes nothing");
    publisher.acks = 0;
    for (double end = now_s() + 60; messages(&top, "PROV") < 1; nap_ms(20)) if (now_s() > end) die("NATS's chain does not come up");
    before = 1;
}
static void down(void) {
    line_close(&publisher.line);
    line_close(&top.line);
    for (int i = 0; i < TIERS; i++) process_end(&servers[i].pid, SIGKILL);
    relay_cut(&relay);
    for (int i = 0; i < TIERS; i++) remove_dir(servers[i].dir);
}
static void hear(bool each) {
    (void)each;
    if (!api(&top, "CONSUMER.CREATE.PROV", "{\"stream_name\":\"PROV\",\"config\":{"
            "\"deliver_subject\":\"_B.in\",\"deliver_policy\":\"all\",\"ack_policy\":\"none\",\"replay_policy\":\"instant\"}}"))
        die("NATS has no consumer: %.300s", top.reply);
}
static void listen_for(double ms) { drain(&top, ms); drain(&publisher, 0); }
static void end(int tier, int signal_number) { process_end(&servers[tier].pid, signal_number); }
static pid_t pid_of(int tier) { return servers[tier].pid; }
static double disk(int tier) { return dir_bytes(servers[tier].dir); }

const struct system nats = { "nats", installed, up, down, post, acked, stored, hear, listen_for, end, start, pid_of, disk, &relay, true };
