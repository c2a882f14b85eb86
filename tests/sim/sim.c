/* sim: random worlds from seeds.  sim [-f FIRST] [-n SEEDS] [-j JOBS] [-m MIX] [-t] [-x]
 *   -m  crash (default), restore, destroy, all: what may happen     -t  trace     -x  expect at least one failure
 *   -s  all, list or a name: the scripted scenarios of scenarios.c instead of seeds
 * A failure prints the seed; `sim -f SEED -n 1 -t` replays it exactly. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "world.h"

struct mix { bool crash, restore, destroy, clock; };

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { (void)st; (void)flag; (void)ftw; return remove(path); }
void remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

/* ---- shapes and odds, from the seed -------------------------------------------------------------------------------------- */

static void make_shape(struct world *w) {
    world_add(w, 410000, 0, TIER_PROVINCE, true);
    int cities = 1 + (int)sim_random(w, 3);
    for (int c = 0; c < cities; c++) {
        uint32_t city = 410100 + 100 * (uint32_t)c;
        world_add(w, city, 410000, TIER_CITY, true);
        int counties = (int)sim_random(w, 4);
        for (int k = 0; k < counties; k++) {
            uint32_t county = city + 1 + (uint32_t)k;
            world_add(w, county, city, TIER_COUNTY, !(w->odds.late && sim_chance(w, 0.3)));
            if (sim_chance(w, 0.2)) world_add(w, city + 50 + (uint32_t)k, county, TIER_TOWNSHIP, true);
        }
    }
    if (sim_chance(w, 0.5)) world_add(w, 419001, 410000, TIER_COUNTY, true);    /* a county straight under the province */
}

static void draw_odds(struct world *w, const struct mix *mix) {
    double crash[] = { 0, 0.002, 0.01, 0.03 };
    if (mix->crash) { w->odds.crash_before = crash[sim_random(w, 4)]; w->odds.crash_after = crash[sim_random(w, 4)]; }
    w->odds.full = sim_chance(w, 0.3) ? 0.01 : 0;
    w->odds.lose = (double)sim_random(w, 30) / 100;
    w->odds.twice = (double)sim_random(w, 15) / 100;
    w->odds.delay_min_ms = 1 + (uint32_t)sim_random(w, 20);
    w->odds.delay_max_ms = w->odds.delay_min_ms + (uint32_t)sim_random(w, 300);
    w->odds.cut = 0.02;
    w->odds.restart = 0.01;
    w->odds.leave = 0.004;
    if (mix->restore) w->odds.restore = 0.012;
    if (mix->destroy) w->odds.destroy = 0.004;
    if (mix->clock) w->odds.clock = 0.01;
    w->odds.late = sim_chance(w, 0.5);
    w->subscribe = sim_chance(w, 0.5) ? KIND_progress : 0;
}

/* ---- what clerks do --------------------------------------------------------------------------------------------------------- */

static void issue(struct world *w, struct node *n) {
    static const uint16_t kinds[] = { KIND_general_order, KIND_supervision_letter, KIND_work_reminder, KIND_task, KIND_bulletin };
    uint32_t targets[8];
    struct record d = { .kind = kinds[sim_random(w, 5)], .targets = targets };
    struct rec_id id;
    if (sim_chance(w, 0.4)) d.target_all = true;
    else
        for (int i = 0; i < 3; i++) {
            uint32_t unit = w->nodes[sim_random(w, (uint64_t)w->n_nodes)].code;
            if (unit != n->code && world_below(w, unit, n->code)) targets[d.n_targets++] = unit;
        }
    d.of.directive.title = lz_bytes_str("林长制工作");
    node_submit(w, n, &d, &id);
}

static const struct told *pick(struct world *w, bool directive) {
    for (int i = 0; i < 20 && w->n_told; i++) {
        const struct told *t = &w->told[sim_random(w, w->n_told)];
        if (directive ? kind_is_directive(t->id.kind) : t->id.kind == KIND_problem) return t;
    }
    return NULL;
}

static void move(struct world *w, struct node *n) {
    const struct told *t = pick(w, sim_chance(w, 0.6));
    if (!t) return;
    bool directive = kind_is_directive(t->id.kind);
    const struct move_row *row = move_at(sim_random(w, move_count()));
    if (row->machine != kind_row(t->id.kind)->machine) return;
    struct record d = { .kind = KIND_move, .subject = t->id };
    d.of.move = (struct move){ .move = row->number, .text = lz_bytes_str("说明"), .due_ms = 1682298000000ull };
    if (directive && t->id.origin == n->code) {
        if (t->n_targets) d.of.move.unit = t->targets[sim_random(w, t->n_targets)];
        else d.of.move.unit = w->nodes[sim_random(w, (uint64_t)w->n_nodes)].code;
    }
    if (row->needs & NEEDS_UNIT) return;               /* assigning is exercised by its own scenario */
    struct rec_id id;
    node_submit(w, n, &d, &id);
}

static void progress(struct world *w, struct node *n) {
    const struct told *t = pick(w, true);
    if (!t) return;
    struct record d = { .kind = KIND_progress, .subject = t->id };
    d.of.progress = (struct progress){ 20220401 + (uint32_t)sim_random(w, 20), (int64_t)sim_random(w, 100), 100, lz_bytes_str("进展") };
    struct rec_id id;
    node_submit(w, n, &d, &id);
}

static void other(struct world *w, struct node *n) {
    struct rec_id id;
    struct record d = { 0 };
    if (sim_chance(w, 0.5)) {
        d.kind = KIND_problem;
        d.of.problem.title = lz_bytes_str("毁林");
    } else if (sim_chance(w, 0.3)) {
        d.kind = KIND_emergency;
        d.of.emergency.title = lz_bytes_str("火情");
    } else {
        d.kind = KIND_chief;
        d.key = lz_bytes_str(sim_chance(w, 0.5) ? "a" : "b");
        d.of.chief.name = lz_bytes_str("张三");
    }
    node_submit(w, n, &d, &id);
}

/* ---- what happens to them -------------------------------------------------------------------------------------------------- */

static void mishap(struct world *w, struct node *n) {
    if (sim_chance(w, w->odds.cut)) {
        int child = (int)sim_random(w, (uint64_t)w->n_nodes);
        w->cut_until[child][sim_random(w, 2)] = w->now_ms + sim_random(w, 5000);
        w->faults++;
    }
    if (n->up && sim_chance(w, w->odds.restart)) { world_note(w, "%u restarts", n->code); node_down(w, n, 100); w->faults++; }
    if (n->up && sim_chance(w, w->odds.leave)) { world_note(w, "%u leaves", n->code); node_down(w, n, 10000 + sim_random(w, 60000)); w->faults++; }
    if (n->up && w->odds.restore > 0 && sim_chance(w, w->odds.restore)) node_copy(w, n);
    if (n->has_backup && sim_chance(w, w->odds.restore / 2)) node_restore(w, n);
    if (sim_chance(w, w->odds.destroy)) node_destroy(w, n);
    if (sim_chance(w, w->odds.clock)) { n->clock_offset_ms = (int64_t)sim_random(w, 7200000) - 3600000; w->faults++; }
    if (!n->enrolled && n->up_index >= 0 && sim_chance(w, 0.03)) node_enrol(w, n);
}

static void one_world(struct world *w, uint64_t seed, const char *dir, const struct mix *mix, bool trace) {
    world_open(w, seed, dir, trace);
    draw_odds(w, mix);
    make_shape(w);
    world_start(w);
    int steps = 150 + (int)sim_random(w, 350);
    for (int i = 0; i < steps && !w->failed; i++) {
        struct node *n = &w->nodes[sim_random(w, (uint64_t)w->n_nodes)];
        uint64_t what = sim_random(w, 100);
        if (what < 12) issue(w, n);
        else if (what < 50) move(w, n);
        else if (what < 65) progress(w, n);
        else if (what < 78) other(w, n);
        mishap(w, n);
        world_run(w, w->now_ms + sim_random(w, 400));
    }
    world_heal(w);
    world_run(w, w->now_ms + 150000);
    if (!w->failed) world_check(w);
}

/* ---- many of them ------------------------------------------------------------------------------------------------------------ */

struct result { uint64_t seeds, failed, faults, turns, sim_ms; };

static struct result run_range(uint64_t first, uint64_t n, uint64_t step, const struct mix *mix, bool trace) {
    struct result r = { 0 };
    static struct world w;
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    for (uint64_t i = 0; i < n; i += step) {
        char dir[64];
        snprintf(dir, sizeof dir, "%s/lzsim-XXXXXX", base);
        if (!mkdtemp(dir)) abort();
        one_world(&w, first + i, dir, mix, trace);
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
    bool trace = false, expect = false;
    const char *scenario = NULL;
    int option;
    while ((option = getopt(argc, argv, "f:n:j:m:s:tx")) != -1) {
        if (option == 'f') first = strtoull(optarg, NULL, 10);
        else if (option == 'n') n = strtoull(optarg, NULL, 10);
        else if (option == 'j') jobs = strtoull(optarg, NULL, 10);
        else if (option == 'm') {
            mix.restore = strstr(optarg, "restore") || strstr(optarg, "all");
            mix.destroy = strstr(optarg, "destroy") || strstr(optarg, "all");
        } else if (option == 't') trace = true;
        else if (option == 's') scenario = optarg;
        else if (option == 'x') expect = true;
        else return 2;
    }
    lz_log_level(trace ? LZ_DEBUG : (enum lz_level)(LZ_ERROR + 1));
    if (scenario) return scenarios_run(scenario, trace);
    if (jobs > n) jobs = n;
    struct result sum = { 0 };
    int pipes[64][2];
    for (uint64_t j = 0; j < jobs && j < 64; j++) {
        if (pipe(pipes[j]) != 0) abort();
        fflush(stdout);
        if (fork() == 0) {
            struct result r = run_range(first + j, n - j, jobs, &mix, trace);
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
