/* run: every system and every case, interleaved, so that a noisy moment hits all alike.
 *
 *   run LINZHANGD DIR RESULTS [COUNT] [ROUNDS] [PEER,... [CASE,...]]
 *
 * DIR is on the disk that is to be measured; it is emptied and removed. RESULTS: case, system, median, min, max, unit. Ends with 1 when a
 * case of linzhang has no figure, or a record was lost. PEER: of the peers only these are measured; `none`: no peer.
 * With a COUNT below 10,000 it is a trial: fewer children, and nothing waits until the machine is quiet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "stations.h"

static const struct system *const systems[] = { &linzhang, &chain, &chain_seq, &nats, &mosquitto };
enum { SYSTEMS = sizeof systems / sizeof *systems };

/* only: a list with commas; NULL or empty: all. */
static bool listed(const char *only, const char *name) {
    size_t n = strlen(name);
    for (const char *p = only; p && (p = strstr(p, name)); p += n)
        if ((p == only || p[-1] == ',') && (p[n] == '\0' || p[n] == ',')) return true;
    return !only || !*only;
}
static bool is_peer(const struct system *s) { return s == &nats || s == &mosquitto; }
static bool wanted(const struct system *s, const char *peers) { return !is_peer(s) || (listed(peers, s->name) && s->installed()); }

/* One case of all systems that have it. */
typedef void case_of(const struct system *, const struct sizes *);
static bool can(const struct system *s, case_of *each) {
    return each == case_catchup ? s->relay != NULL : each == case_kill ? s->start != NULL : true;
}
static const struct { const char *name; case_of *each; void (*once)(const struct sizes *); bool in_first; } cases[] = {
    { "disk", NULL, case_disk, false }, { "zeromq", NULL, case_zmq, false }, { "throughput", case_throughput, NULL, false },
    { "latency", case_latency, NULL, false }, { "catchup", case_catchup, NULL, false }, { "kill", case_kill, NULL, false },
    { "naive", NULL, case_naive, false }, { "fan-in", NULL, case_fan_in, false }, { "urgent", NULL, case_urgent, false },
    { "slow-child", NULL, case_slow_child, false }, { "large", NULL, case_large, true },     /* takes as long as a round */
};

static void one_round(int round, const struct sizes *z, const char *peers, const char *only) {
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        double t0 = now_s();
        if (!listed(only, cases[k].name) || (cases[k].in_first && round > 0)) continue;
        if (cases[k].once) cases[k].once(z);
        else for (int i = 0; i < SYSTEMS; i++) if (wanted(systems[i], peers) && can(systems[i], cases[k].each)) cases[k].each(systems[i], z);
        fprintf(stderr, "bench: round %d, %s: %.1f s\n", round + 1, cases[k].name, now_s() - t0);
    }
}

int main(int argc, char **argv) {
    if (argc < 4) { fprintf(stderr, "run LINZHANGD DIR RESULTS [COUNT] [ROUNDS] [PEER,... [CASE,...]]\n"); return 2; }
    struct sizes z = { .count = argc > 4 ? strtoull(argv[4], NULL, 10) : 100000, .kill_rate = 20000 };
    int rounds = argc > 5 ? atoi(argv[5]) : 5;
    const char *peers = argc > 6 ? argv[6] : NULL, *only = argc > 7 ? argv[7] : NULL, *absent[SYSTEMS + 1] = { NULL };
    size_t n_absent = 0;
    if (z.count < 1000 || z.count > TIMED_MAX || rounds < 1) { fprintf(stderr, "run: COUNT 1000 to %d, ROUNDS 1 or more\n", TIMED_MAX); return 2; }
    z.latencies = z.count / 100 < 100 ? 100 : z.count / 100 > 1000 ? 1000 : z.count / 100;
    z.big = z.count * 10 > 1000000 ? 1000000 : z.count * 10;
    z.children = z.count < 10000 ? 20 : 150;
    bench_begin(argv[2], z.count >= 10000);
    stations_begin(argv[1]);
    for (int i = 0; i < SYSTEMS; i++) if (!wanted(systems[i], peers)) absent[n_absent++] = systems[i]->name;
    for (int round = 0; round < rounds; round++) one_round(round, &z, peers, only);
    bool good = report(argv[3], absent) || (only && *only);              /* of some cases there are not all figures */
    bench_end();
    return good ? 0 : 1;
}
