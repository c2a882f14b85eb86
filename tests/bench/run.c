/* run: every system and every case, interleaved, so that a noisy moment hits all alike.
 *
 *   run LINZHANGD DIR RESULTS [COUNT] [ROUNDS] [SYSTEM,...]
 *
 * DIR is on the disk that is to be measured; it is emptied and removed. RESULTS: case, system, median, min, max, unit. Ends with 1 when a
 * case of linzhang has no figure, or a record was lost. SYSTEM: of the peers only these are measured; `none`: no peer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "stations.h"

static const struct system *const systems[] = { &linzhang, &chain, &chain_seq, &nats };
enum { SYSTEMS = sizeof systems / sizeof *systems };

static bool wanted(const struct system *s, const char *only) {
    return s == &linzhang || s == &chain || s == &chain_seq || ((!only || strstr(only, s->name)) && s->installed());
}

int main(int argc, char **argv) {
    if (argc < 4) { fprintf(stderr, "run LINZHANGD DIR RESULTS [COUNT] [ROUNDS] [SYSTEM,...]\n"); return 2; }
    struct sizes z = { .count = argc > 4 ? strtoull(argv[4], NULL, 10) : 100000, .kill_rate = 20000 };
    int rounds = argc > 5 ? atoi(argv[5]) : 5;
    const char *absent[SYSTEMS + 1] = { NULL };
    size_t n_absent = 0;
    if (z.count < 1000 || z.count > TIMED_MAX || rounds < 1) { fprintf(stderr, "run: COUNT 1000 to %d, ROUNDS 1 or more\n", TIMED_MAX); return 2; }
    z.latencies = z.count / 100 < 200 ? 200 : z.count / 100 > 1000 ? 1000 : z.count / 100;
    z.big = z.count * 10 > 1000000 ? 1000000 : z.count * 10;
    bench_begin(argv[2]);
    stations_begin(argv[1]);
    for (int i = 0; i < SYSTEMS; i++) if (!wanted(systems[i], argc > 6 ? argv[6] : NULL)) absent[n_absent++] = systems[i]->name;
    for (int round = 0; round < rounds; round++) {
        double t0 = now_s();
        case_disk();
        case_zmq(&z);
        for (int i = 0; i < SYSTEMS; i++) if (wanted(systems[i], argc > 6 ? argv[6] : NULL)) case_throughput(systems[i], &z);
        for (int i = 0; i < SYSTEMS; i++) if (wanted(systems[i], argc > 6 ? argv[6] : NULL)) case_latency(systems[i], &z);
        for (int i = 0; i < SYSTEMS; i++) if (systems[i]->relay && wanted(systems[i], argc > 6 ? argv[6] : NULL)) case_catchup(systems[i], &z);
        for (int i = 0; i < SYSTEMS; i++) if (systems[i]->start && wanted(systems[i], argc > 6 ? argv[6] : NULL)) case_kill(systems[i], &z);
        fprintf(stderr, "bench: round %d of %d took %.0f s\n", round + 1, rounds, now_s() - t0);
    }
    bool good = report(argv[3], absent);
    bench_end();
    return good ? 0 : 1;
}
