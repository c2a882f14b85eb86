/* run: one world from a seed, with all of its plan or with a part of it. */
#ifndef SIM_RUN_H
#define SIM_RUN_H
#include "plan.h"

struct part {                        /* of a plan; NULL: all of it */
    const bool *keep;                /* by index */
    uint64_t end_ms;                 /* the network heals then; 0: as planned */
    bool mend;                       /* and then derived rows are made again */
};
struct outcome {
    bool failed, died;
    uint64_t faults, lost_packets, turns, sim_ms, live_ms, bound_ms, fingerprint;
    int n_nodes, tiers;
    char failure[512];
};
/* In this process. dir: an empty directory. */
void run_world(uint64_t seed, uint32_t families, const struct part *part, bool trace, const char *dir, struct outcome *out);
/* In a process of its own: one that dies by an assertion is one that failed. */
void run_apart(uint64_t seed, uint32_t families, const struct part *part, bool trace, struct outcome *out);
void make_dir(char dir[64]);
/* shrink.c: prints the shortest schedule it can find within so many seconds that fails in the same way. */
void shrink(uint64_t seed, uint32_t families, const char *mix, bool mend, const char *failure, unsigned seconds);
#endif
