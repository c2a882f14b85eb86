/* bits: one bit of a city's file flips while its daemon is down, anywhere: in a value, a key, the head of a page, a free page.
 *
 * Each flip is a world and a process of its own. Afterwards the daemon either refuses the store with words, or runs; then every
 * record that a clerk was told of is held with its bytes, or is named as damaged; nothing that it serves is another. What a
 * daemon that dies by a signal has lost is nothing, but it would be started again for ever: it is counted, and not allowed. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#include "world.h"
#include "history.h"

enum outcome { WHOLE, HEALED, DAMAGED, REFUSED, SILENT, WRONG, UNCLEAN, SIGNAL, ENDLESS, OUTCOMES };
static const char *const words[] = { "no effect", "healed", "damage told", "refused with words",
                                      "SILENT LOSS", "WRONG RECORD", "VERIFY DIFFERS", "SIGNAL", "ENDLESS" };
enum { CITY = 410800, LONGEST_S = 20 };

static bool is_named(struct node *n, const struct told *t) {
    struct repair_view v;
    uint32_t asked, absent;
    struct key key = key_record(t->id.origin, t->id.kind, lz_bytes_of(t->key, t->key_len), t->id.stamp, t->id.epoch);
    turn_repair_view(n->turn, &v);
    for (size_t i = 0; i < v.n_damaged; i++) {
        struct key damaged = turn_damaged(n->turn, i, &asked, &absent);
        if (lz_bytes_equal(key_view(&damaged), key_view(&key))) return true;
    }
    return false;
}

/* What was held before, and is not now. */
static enum outcome judge_told(struct world *w, struct node *n, const bool *held) {
    enum outcome worst = WHOLE;
    for (size_t i = 0; i < w->n_told; i++) {
        const struct told *t = &w->told[i];
        struct stored stored;
        if (!held[i] || world_holds(w, n, t)) continue;
        struct key key = key_record(t->id.origin, t->id.kind, lz_bytes_of(t->key, t->key_len), t->id.stamp, t->id.epoch);
        bool other = store_record_get(n->store, key, &stored) && t->key_len == 0;
        store_abort(n->store);
        enum outcome now = other ? WRONG : is_named(n, t) ? DAMAGED : SILENT;
        if (now > worst) worst = now;
    }
    return worst;
}

static enum outcome one_flip(struct world *w, uint64_t seed) {
    static bool held[4096];
    struct verify verify;
    struct repair_view v;
    struct node *n;
    scenario_business(w);
    n = node_of(w, CITY);
    LZ_ASSERT(!w->failed && w->n_told < LZ_COUNT(held));
    for (size_t i = 0; i < w->n_told; i++) held[i] = world_holds(w, n, &w->told[i]);
    node_down(w, n, 1000);
    w->random = seed * 2654435761u | 1;
    for (int i = 0; i < 8; i++) (void)sim_random(w, 2);
    node_flip(w, n, sim_random(w, UINT64_C(1) << 60), (unsigned)sim_random(w, 8));
    world_run(w, w->now_ms + 40000);
    if (w->failed || !n->up) return REFUSED;
    enum outcome told = judge_told(w, n, held);
    if (told != WHOLE) return told;
    node_begin(w, n);
    turn_repair(n->turn);
    node_finish(w, n);
    world_run(w, w->now_ms + 10000);
    told = judge_told(w, n, held);
    if (told != WHOLE) return told;
    node_begin(w, n);
    flow_verify(turn_flow(n->turn), &verify);
    node_finish(w, n);
    if (verify.differences) { printf("seed %llu: %.*s\n", (unsigned long long)seed, (int)verify.first.len, (const char *)verify.first.data); return UNCLEAN; }
    turn_repair_view(n->turn, &v);
    return v.found ? HEALED : WHOLE;
}

static enum outcome in_a_child(uint64_t seed, bool trace) {
    char dir[64];
    snprintf(dir, sizeof dir, "%s/lzsim-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir)) abort();
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        static struct world w;
        alarm(LONGEST_S);
        if (!trace && !freopen("/dev/null", "w", stderr)) abort();
        world_open(&w, 1, dir, trace);
        w.odds.delay_min_ms = 10;
        w.odds.delay_max_ms = 40;
        enum outcome outcome = one_flip(&w, seed);
        if (outcome == REFUSED && trace) printf("seed %llu: %s\n", (unsigned long long)seed, w.failure);
        fflush(stdout);
        _exit(outcome);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) abort();
    remove_tree(dir);
    if (WIFSIGNALED(status)) return WTERMSIG(status) == SIGALRM ? ENDLESS : SIGNAL;
    return WEXITSTATUS(status) < OUTCOMES ? (enum outcome)WEXITSTATUS(status) : SIGNAL;
}

int bits_run(uint64_t first, uint64_t n, uint64_t jobs, bool trace) {
    uint64_t sum[OUTCOMES] = { 0 }, bad = 0;
    int pipes[64][2];
    for (uint64_t j = 0; j < jobs && j < 64; j++) {
        if (pipe(pipes[j]) != 0) abort();
        fflush(stdout);
        if (fork() != 0) { close(pipes[j][1]); continue; }
        uint64_t mine[OUTCOMES] = { 0 };
        for (uint64_t i = j; i < n; i += jobs) {
            enum outcome outcome = in_a_child(first + i, trace);
            mine[outcome]++;
            if (outcome >= SILENT) printf("seed %llu: %s\n", (unsigned long long)(first + i), words[outcome]);
        }
        fflush(stdout);
        _exit(write(pipes[j][1], mine, sizeof mine) == sizeof mine ? 0 : 1);
    }
    for (uint64_t j = 0; j < jobs && j < 64; j++) {
        uint64_t theirs[OUTCOMES];
        if (read(pipes[j][0], theirs, sizeof theirs) != sizeof theirs) { bad++; continue; }
        for (int i = 0; i < OUTCOMES; i++) sum[i] += theirs[i];
    }
    while (wait(NULL) > 0) { }
    printf("bits: %llu flips:", (unsigned long long)n);
    for (int i = 0; i < OUTCOMES; i++) {
        printf(" %s %llu%s", words[i], (unsigned long long)sum[i], i + 1 < OUTCOMES ? "," : "\n");
        if (i >= SILENT) bad += sum[i];
    }
    return bad ? 1 : 0;
}
