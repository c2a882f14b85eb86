/* sim: random worlds from seeds.  sim [-f FIRST] [-n SEEDS] [-j JOBS] [-m MIX] [-t] [-x] [-d] [-b]
 *   -m  crash (default), restore, destroy, all: what may happen     -t  trace     -x  expect at least one failure
 *       files: half of the links never have a network (carry.c)
 *   -d  derived rows are dropped and made again at the end, and must be as before (mend.c)
 *   -b  single bits of a store's file flip instead: what comes of each (bits.c)
 *   -s  all, list or a name: the scripted scenarios of scenarios.c instead of seeds
 * A failure prints the seed; `sim -f SEED -n 1 -t` replays it exactly. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "world.h"


static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { (void)st; (void)flag; (void)ftw; return remove(path); }
void remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static void one_world(struct world *w, uint64_t seed, const char *dir, const struct mix *mix, bool trace, bool mend) {
    world_open(w, seed, dir, trace);
    faults_draw(w, mix);
    shape_make(w);
    if (mix->files) carry_draw(w);
    world_start(w);
    int steps = 150 + (int)sim_random(w, 350);
    for (int i = 0; i < steps && !w->failed; i++) {
        struct node *n = &w->nodes[sim_random(w, (uint64_t)w->n_nodes)];
        clerk_acts(w, n);
        faults_step(w, n);
        if (mix->files) carry_step(w);
        world_run(w, w->now_ms + sim_random(w, 400));
    }
    world_heal(w);
    world_run(w, w->now_ms + 150000);
    if (mix->files && !w->failed) carry_settle(w);
    if (!w->failed) world_check(w);
    if (mend && !w->failed) world_mend(w);
}

/* ---- many of them ------------------------------------------------------------------------------------------------------------ */

struct result { uint64_t seeds, failed, faults, turns, sim_ms; };

static struct result run_range(uint64_t first, uint64_t n, uint64_t step, const struct mix *mix, bool trace, bool mend) {
    struct result r = { 0 };
    static struct world w;
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    for (uint64_t i = 0; i < n; i += step) {
        char dir[64];
        snprintf(dir, sizeof dir, "%s/lzsim-XXXXXX", base);
        if (!mkdtemp(dir)) abort();
        one_world(&w, first + i, dir, mix, trace, mend);
        r.seeds++;
        r.faults += w.faults;
        r.turns += w.turns;
        r.sim_ms += w.now_ms;
        if (w.failed) { r.failed++; printf("seed %llu: %s\n", (unsigned long long)(first + i), w.failure); fflush(stdout); }
        world_close(&w);
        remove_tree(dir);
    }
    return r;
}

int main(int argc, char **argv) {
    uint64_t first = 1, n = 20, jobs = 2;
    struct mix mix = { .crash = true, .clock = true };
    bool trace = false, expect = false, mend = false, bits = false;
    const char *scenario = NULL;
    int option;
    while ((option = getopt(argc, argv, "f:n:j:m:s:txdb")) != -1) {
        if (option == 'f') first = strtoull(optarg, NULL, 10);
        else if (option == 'n') n = strtoull(optarg, NULL, 10);
        else if (option == 'j') jobs = strtoull(optarg, NULL, 10);
        else if (option == 'm') {
            mix.restore = strstr(optarg, "restore") || strstr(optarg, "all");
            mix.destroy = strstr(optarg, "destroy") || strstr(optarg, "all");
            mix.files = strstr(optarg, "files");
            mix.clock = !mix.files;                              /* which of two lost lines is the later one, only a clock tells */
        } else if (option == 't') trace = true;
        else if (option == 's') scenario = optarg;
        else if (option == 'x') expect = true;
        else if (option == 'd') mend = true;
        else if (option == 'b') bits = true;
        else return 2;
    }
    lz_log_level(trace ? LZ_DEBUG : (enum lz_level)(LZ_ERROR + 1));
    if (scenario) return scenarios_run(scenario, trace);
    if (jobs > n) jobs = n;
    if (bits) return bits_run(first, n, jobs, trace);
    struct result sum = { 0 };
    int pipes[64][2];
    for (uint64_t j = 0; j < jobs && j < 64; j++) {
        if (pipe(pipes[j]) != 0) abort();
        fflush(stdout);
        if (fork() == 0) {
            struct result r = run_range(first + j, n - j, jobs, &mix, trace, mend);
            ssize_t done = write(pipes[j][1], &r, sizeof r);
            fflush(stdout);
            _exit(done == sizeof r ? 0 : 1);
        }
    }
    for (uint64_t j = 0; j < jobs && j < 64; j++) {
        struct result r;
        close(pipes[j][1]);
        if (read(pipes[j][0], &r, sizeof r) != sizeof r) { printf("a simulator process died\n"); r = (struct result){ .seeds = 1, .failed = 1 }; }
        sum.seeds += r.seeds; sum.failed += r.failed; sum.faults += r.faults; sum.turns += r.turns; sum.sim_ms += r.sim_ms;
    }
    while (wait(NULL) > 0) { }
    printf("sim: %llu seeds, %llu failed, %.1f simulated hours, %llu faults, %llu turns\n", (unsigned long long)sum.seeds, (unsigned long long)sum.failed,
           (double)sum.sim_ms / 3.6e6, (unsigned long long)sum.faults, (unsigned long long)sum.turns);
    if (expect) return sum.failed ? 0 : 1;
    return sum.failed ? 1 : 0;
}
