/* sim: random worlds from seeds.  sim [-f FIRST] [-n SEEDS | -l MINUTES] [-j JOBS] [-m MIX]... [-r SEEDS,DAYS,FAULTS] [-d] [-p] [-b] [-x] [-t]
 *   -m  the faults that may be, by family: load crash disk net clock restore destroy tree skew move,
 *       or all; with commas (default: all); given several times, the seeds take turns. part is not in all: a child removed for good, which
 *       the history does not follow yet; neither is files: half of the links never have a network (carry.c)
 *   -l  fresh seeds from FIRST on until the time is over
 *   -r  fails when fewer seeds, simulated days of a network, or faults were reached
 *   -d  derived rows are dropped and made again at the end, and must be as before (mend.c)
 *   -b  single bits of a store's file flip instead: what comes of each (bits.c)
 *   -p  runs each seed twice: the fingerprints must be the same
 *   -x  expects a failure: ends at the first, fails without one       -s NAME  a story of scenarios.c, all, or list
 *   -t  trace            -k I,J,...  these events of the plan only    -e MS  healed at that time       -z SECONDS  to look for a shorter schedule
 * A failure prints its seed, its mix and the shortest schedule found; `sim -f SEED -n 1 -m MIX -t` replays it exactly. */
#include <ftw.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "run.h"

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { (void)st; (void)flag; (void)ftw; return remove(path); }
void remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

enum { JOBS_MAX = 64, FAILURES_MAX = 200, SHRUNK_MAX = 2, MIXES_MAX = 16 };
struct mix { const char *name; uint32_t families; };
struct options {
    uint64_t first, n, jobs, minutes, end_ms, need_seeds, need_days, need_faults;
    struct mix mixes[MIXES_MAX];
    size_t n_mixes;
    unsigned shrink_s;
    bool trace, expect, twice, mend, bits;
    const char *scenario, *keep;
};
struct sum { uint64_t seeds, faults, lost, turns, sim_ms, large, five, worst_live, worst_bound, fingerprint; };
struct failure { uint64_t seed; char text[512]; };
/* Between the workers. Each takes the next seed; one that dies leaves the seed it was at. */
struct common {
    _Atomic uint64_t next, n_failures;
    _Atomic bool stop;
    struct sum sums[JOBS_MAX];
    uint64_t at[JOBS_MAX];
    struct failure failures[FAILURES_MAX];
};

static const struct mix *mix_of(const struct options *o, uint64_t seed) { return &o->mixes[(seed - o->first) % o->n_mixes]; }

static void note_failure(struct common *c, const struct options *o, uint64_t seed, const char *text) {
    uint64_t i = atomic_fetch_add(&c->n_failures, 1);
    if (i >= FAILURES_MAX) return;
    c->failures[i].seed = seed;
    snprintf(c->failures[i].text, sizeof c->failures[i].text, "%s", text);
    printf("seed %llu of %s: %s\n", (unsigned long long)seed, mix_of(o, seed)->name, text);
    fflush(stdout);
}

static void add_up(struct sum *sum, const struct outcome *out) {
    sum->seeds++;
    sum->faults += out->faults;
    sum->lost += out->lost_packets;
    sum->turns += out->turns;
    sum->sim_ms += out->sim_ms;
    sum->large += out->n_nodes >= 40;
    sum->five += out->tiers >= 5;
    sum->fingerprint ^= out->fingerprint;
    if (out->bound_ms && out->live_ms * (sum->worst_bound ? sum->worst_bound : 1) > sum->worst_live * out->bound_ms) {
        sum->worst_live = out->live_ms;
        sum->worst_bound = out->bound_ms;
    }
}

static void one_seed(struct common *c, const struct options *o, int job, uint64_t seed, const char *dir) {
    struct outcome out, again;
    struct part part = { .mend = o->mend };
    uint32_t families = mix_of(o, seed)->families;
    c->at[job] = seed;
    run_world(seed, families, &part, o->trace, dir, &out);
    if (out.failed) note_failure(c, o, seed, out.failure);
    remove_tree(dir);
    if (o->twice) {
        mkdir(dir, 0700);
        run_world(seed, families, &part, o->trace, dir, &again);
        remove_tree(dir);
        if (again.fingerprint != out.fingerprint) note_failure(c, o, seed, "FINGERPRINT another the second time: something is not from the seed");
    }
    add_up(&c->sums[job], &out);
    if (out.failed && o->expect) c->stop = true;
    c->at[job] = 0;
}

static void work(struct common *c, const struct options *o, int job, time_t until) {
    while (!c->stop && (until == 0 || time(NULL) < until)) {
        uint64_t i = atomic_fetch_add(&c->next, 1);
        char dir[64];
        if (i >= o->n) return;
        make_dir(dir);
        one_seed(c, o, job, o->first + i, dir);
    }
}

/* A run that is ended from outside says where it was: a seed that hangs is a failure like any other. */
static struct common *told_at_the_end;
static void say_where(int signal_number) {
    for (int j = 0; j < JOBS_MAX; j++)
        if (told_at_the_end->at[j]) printf("ended by signal %d at seed %llu\n", signal_number, (unsigned long long)told_at_the_end->at[j]);
    fflush(stdout);
    _exit(1);
}

static pid_t begin_worker(struct common *c, const struct options *o, int job, time_t until) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid != 0) return pid;
    signal(SIGTERM, SIG_DFL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    work(c, o, job, until);
    fflush(stdout);
    _exit(0);
}

/* A worker that dies has met an assertion: the seed has failed, and another worker goes on. */
static void run_all(struct common *c, const struct options *o) {
    pid_t pids[JOBS_MAX];
    time_t until = o->minutes ? time(NULL) + (time_t)o->minutes * 60 : 0;
    size_t running = 0;
    for (uint64_t j = 0; j < o->jobs; j++) { pids[j] = begin_worker(c, o, (int)j, until); running++; }
    while (running) {
        int status;
        pid_t pid = wait(&status);
        if (pid < 0) abort();
        for (uint64_t j = 0; j < o->jobs; j++) {
            if (pids[j] != pid) continue;
            running--;
            if (status == 0) continue;
            char text[64];
            snprintf(text, sizeof text, "DIED the process ended by signal %d", WTERMSIG(status));
            note_failure(c, o, c->at[j], text);
            c->sums[j].seeds++;
            if (o->expect) c->stop = true;
            else { pids[j] = begin_worker(c, o, (int)j, until); running++; }
        }
    }
}

static struct sum total(const struct common *c) {
    struct sum t = { 0 };
    for (int j = 0; j < JOBS_MAX; j++) {
        const struct sum *s = &c->sums[j];
        t.seeds += s->seeds; t.faults += s->faults; t.lost += s->lost; t.turns += s->turns; t.sim_ms += s->sim_ms;
        t.large += s->large; t.five += s->five; t.fingerprint ^= s->fingerprint;
        if (s->worst_live * (t.worst_bound ? t.worst_bound : 1) >= t.worst_live * (s->worst_bound ? s->worst_bound : 1)) {
            t.worst_live = s->worst_live;
            t.worst_bound = s->worst_bound;
        }
    }
    return t;
}

static int report(struct common *c, const struct options *o, double seconds) {
    struct sum t = total(c);
    uint64_t failed = c->n_failures, faults = t.faults + t.lost;
    double days = (double)t.sim_ms / LZ_DAY_MS;
    for (uint64_t i = 0; i < failed && i < SHRUNK_MAX && i < FAILURES_MAX && !(o->expect && i); i++)
        if (o->shrink_s) {
            const struct mix *mix = mix_of(o, c->failures[i].seed);
            shrink(c->failures[i].seed, mix->families, mix->name, o->mend, c->failures[i].text, o->shrink_s);
        }
    printf("%llu worlds of 40 to 200 nodes, %llu of five tiers; slowest to be live again: %.0f s of %.0f s; %llu turns; fingerprint %016llx\n",
           (unsigned long long)t.large, (unsigned long long)t.five, (double)t.worst_live / 1000, (double)t.worst_bound / 1000, (unsigned long long)t.turns,
           (unsigned long long)t.fingerprint);
    bool reached = t.seeds >= o->need_seeds && days >= (double)o->need_days && faults >= o->need_faults;
    if (!reached) printf("not reached: %llu seeds, %llu days, %llu faults\n", (unsigned long long)o->need_seeds, (unsigned long long)o->need_days,
                         (unsigned long long)o->need_faults);
    bool years = days > 3650;
    printf("sim: %llu seeds, %llu failed, %.1f network-%s, %llu faults (%llu packets), %.0f seeds/s\n", (unsigned long long)t.seeds, (unsigned long long)failed,
           years ? days / 365 : days, years ? "years" : "days", (unsigned long long)faults, (unsigned long long)t.lost,
           (double)t.seeds / (seconds > 0 ? seconds : 1));
    if (o->expect) return failed ? 0 : 1;
    return failed || !reached ? 1 : 0;
}

/* A part of one plan, as a shortened schedule names it. */
static int replay(const struct options *o) {
    enum { MOST = 100000 };
    static bool keep[MOST];
    struct part part = { o->keep ? keep : NULL, o->end_ms, o->mend };
    struct outcome out;
    for (const char *at = o->keep; at && *at; at += *at == ',') {
        char *end;
        unsigned long i = strtoul(at, &end, 10);
        if (end == at || i >= MOST) return 2;
        keep[i] = true;
        at = end;
    }
    run_apart(o->first, o->mixes[0].families, &part, o->trace, &out);
    printf("seed %llu: %s\n", (unsigned long long)o->first, out.failed ? out.failure : "ok");
    return out.failed ? 1 : 0;
}

static bool add_mix(struct options *o, const char *name) {
    if (o->n_mixes == MIXES_MAX) return false;
    o->mixes[o->n_mixes].name = name;
    return plan_families(name, &o->mixes[o->n_mixes++].families);
}

static bool read_options(int argc, char **argv, struct options *o) {
    int option;
    while ((option = getopt(argc, argv, "f:n:j:m:l:r:s:k:e:z:txdphb")) != -1) {
        switch (option) {
        case 'f': o->first = strtoull(optarg, NULL, 10); break;
        case 'n': o->n = strtoull(optarg, NULL, 10); break;
        case 'j': o->jobs = strtoull(optarg, NULL, 10); break;
        case 'l': o->minutes = strtoull(optarg, NULL, 10); o->n = UINT64_MAX; break;
        case 'm': if (!add_mix(o, optarg)) return false; break;
        case 'r': if (sscanf(optarg, "%lu,%lu,%lu", &o->need_seeds, &o->need_days, &o->need_faults) != 3) return false; break;
        case 's': o->scenario = optarg; break;
        case 'k': o->keep = optarg; break;
        case 'e': o->end_ms = strtoull(optarg, NULL, 10); break;
        case 'z': o->shrink_s = (unsigned)strtoul(optarg, NULL, 10); break;
        case 't': o->trace = true; o->jobs = 1; break;
        case 'x': o->expect = true; break;
        case 'd': o->mend = true; break;
        case 'b': o->bits = true; break;
        case 'p': o->twice = true; break;
        default: return false;
        }
    }
    if (o->n_mixes == 0 && !add_mix(o, "all")) return false;
    if (o->jobs > JOBS_MAX) o->jobs = JOBS_MAX;
    if (o->jobs > o->n) o->jobs = o->n;
    return o->jobs > 0;
}

int main(int argc, char **argv) {
    struct options o = { .first = 1, .n = 20, .jobs = 2, .shrink_s = 60 };
    struct rlimit files;
    if (!read_options(argc, argv, &o)) { fprintf(stderr, "usage: the head of tests/sim/sim.c\n"); return 2; }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
    if (o.scenario) return scenarios_run(o.scenario, o.trace);
    if (o.bits) return bits_run(o.first, o.n, o.jobs, o.trace);
    if (o.keep || o.end_ms) return replay(&o);
    struct common *c = mmap(NULL, sizeof *c, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct timespec from, to;
    if (c == MAP_FAILED) abort();
    clock_gettime(CLOCK_MONOTONIC, &from);
    told_at_the_end = c;
    signal(SIGTERM, say_where);
    run_all(c, &o);
    clock_gettime(CLOCK_MONOTONIC, &to);
    return report(c, &o, (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
}
