/* peer_zmq: the naive chain: PUB and SUB with their usual limits, a plain buffered file as the store, no acknowledgement, no replay, nothing
 * synced. What is too much is dropped, so only what arrived is counted, and how much did not. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zmq.h>
#include "bench.h"

static struct { volatile uint64_t stored[TIERS]; } *shared;
static struct { int in, out; pid_t pid; } nodes[2];
static char dir[PATH_BYTES];

static void *opened(void *c, int type, int port, bool binds) {
    char endpoint[64];
    void *s = zmq_socket(c, type);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", port);
    if (!s || (type == ZMQ_SUB && zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0) != 0)) die("naive ZeroMQ");
    if ((binds ? zmq_bind(s, endpoint) : zmq_connect(s, endpoint)) != 0) die("naive ZeroMQ: %s", zmq_strerror(zmq_errno()));
    return s;
}
static void role(void *argument) {
    int i = *(int *)argument;
    void *c = zmq_ctx_new(), *in = opened(c, ZMQ_SUB, nodes[i].in, false), *out = i == CITY ? opened(c, ZMQ_PUB, nodes[i].out, true) : NULL;
    char path[PATH_BYTES + 16], bytes[MESSAGE_BYTES];
    snprintf(path, sizeof path, "%s/%d", dir, i);
    FILE *f = fopen(path, "w");
    if (!f) die("%s", path);
    for (;;) {
        if (zmq_recv(in, bytes, sizeof bytes, 0) != sizeof bytes) continue;
        if (fwrite(bytes, sizeof bytes, 1, f) != 1) die("%s", path);
        if (out) zmq_send(out, bytes, sizeof bytes, 0);
        shared->stored[i]++;
    }
}
/* Rate of what arrives when the county sends as fast as it can, and the share that does not. */
void case_naive(const struct sizes *z) {
    static int which[2] = { PROVINCE, CITY };
    char bytes[MESSAGE_BYTES] = { 0 };
    if (!shared) shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) die("mmap");
    memset((void *)shared, 0, sizeof *shared);
    fresh_dir(dir, "naive");
    nodes[CITY].in = free_ports(2);
    nodes[CITY].out = nodes[PROVINCE].in = nodes[CITY].in + 1;
    for (int i = 0; i < 2; i++) nodes[i].pid = process_fork(role, &which[i]);
    void *c = zmq_ctx_new(), *s = opened(c, ZMQ_PUB, nodes[CITY].in, true);
    double end = now_s() + 10;
    for (; shared->stored[PROVINCE] == 0; nap_ms(20)) {               /* until both have subscribed */
        if (now_s() > end) die("the naive chain does not come up");
        zmq_send(s, bytes, sizeof bytes, 0);
    }
    nap_ms(300);
    uint64_t before = shared->stored[PROVINCE], last = before;
    double t0 = now_us(), at = t0, cpu = cpu_us(nodes[0].pid) + cpu_us(nodes[1].pid);
    for (uint64_t i = 0; i < z->count; i++) zmq_send(s, bytes, sizeof bytes, 0);
    while (now_us() - at < 5e5 && shared->stored[PROVINCE] - before < z->count) {
        if (shared->stored[PROVINCE] != last) { last = shared->stored[PROVINCE]; at = now_us(); }
        nap_ms(1);
    }
    uint64_t arrived = shared->stored[PROVINCE] - before;
    at = now_us() - at > 4e5 ? at : now_us();
    figure("throughput", "naive", "records/s, of those that arrived", (double)arrived * 1e6 / (at - t0));
    figure("cpu_per_record", "naive", "us, two servers", (cpu_us(nodes[0].pid) + cpu_us(nodes[1].pid) - cpu) / (double)(arrived ? arrived : 1));
    figure("lost", "naive", "records, or doubled", (double)(z->count - arrived));
    int none = 0;
    zmq_setsockopt(s, ZMQ_LINGER, &none, sizeof none);
    zmq_close(s);
    zmq_ctx_term(c);
    for (int i = 0; i < 2; i++) process_end(&nodes[i].pid, SIGKILL);
    remove_dir(dir);
}
