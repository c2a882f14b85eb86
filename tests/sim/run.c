/* run: one world from a seed, with all of its plan or with a part of it. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "run.h"

void make_dir(char dir[64]) {
    snprintf(dir, 64, "%s/lzsim-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir)) abort();
}

enum { SETTLES_MS = 15000, DUE_JUDGE_BYTE = 1, DUE_WHAT_AT = 8, FALLS_MAX = 200 };

/* A colour that changes by time alone in the last moment would still be on its way up when the world is judged. */
static bool something_falls_due(struct world *w, uint64_t within_ms) {
    bool falls = false;
    for (int i = 0; i < w->n_nodes && !falls; i++) {
        struct node *n = &w->nodes[i];
        struct key key = { 0 };
        struct lz_bytes v;
        uint64_t now = node_now(w, n).wall_ms;
        for (; n->up && !falls && store_seek(n->store, TABLE_due, &key, &v) && lz_get64(key.b) <= now + within_ms; key = key_after(key))
            falls = key.b[DUE_WHAT_AT] == DUE_JUDGE_BYTE && lz_get64(key.b) > now;
        if (n->up) store_abort(n->store);
    }
    return falls;
}

/* Everything is as it should be within a bounded time after the last fault, and says so. */
static void converge(struct world *w, bool files, struct outcome *out) {
    uint64_t began = w->now_ms, end = began + world_bound_ms(w) - SETTLES_MS, step = world_bound_ms(w) / 40;
    world_heal(w);
    while (w->now_ms < end && !w->failed) {
        world_run(w, w->now_ms + step < end ? w->now_ms + step : end);
        for (int i = 0; i < w->n_nodes && !w->failed; i++) node_resolve(w, &w->nodes[i]);
        if (!out->live_ms && world_live(w)) out->live_ms = w->now_ms - began;
    }
    out->bound_ms = world_bound_ms(w);
    bool falls = true;
    for (int i = 0; i < FALLS_MAX && falls && !w->failed; i++) {
        falls = something_falls_due(w, SETTLES_MS);
        world_run(w, w->now_ms + SETTLES_MS);
    }
    if (files && !w->failed) carry_settle(w);
    if (!w->failed) world_check(w);
}

static int tiers_of(const struct world *w) {
    int most = 0;
    for (int i = 0; i < w->n_nodes; i++) {
        int deep = 1;
        for (int at = w->nodes[i].up_index; at >= 0; at = w->nodes[at].up_index) deep++;
        if (deep > most) most = deep;
    }
    return most;
}

void run_world(uint64_t seed, uint32_t families, const struct part *part, bool trace, const char *dir, struct outcome *out) {
    static struct world w;
    struct plan plan;
    *out = (struct outcome){ 0 };
    world_open(&w, seed, dir, trace);
    plan_draw(&plan, &w, families);
    out->n_nodes = w.n_nodes;
    out->tiers = tiers_of(&w);
    world_start(&w);
    uint64_t end = part && part->end_ms ? part->end_ms : plan.end_ms;
    for (size_t i = 0; i < plan.n && !w.failed; i++) {
        const struct event *e = &plan.events[i];
        if (e->at_ms > end || (part && part->keep && !part->keep[i])) continue;
        world_run(&w, e->at_ms);
        if (!w.failed) event_happens(&w, e);
        if (!w.failed && (families >> FAMILY_FILES & 1)) carry_step(&w);
    }
    if (!w.failed) world_run(&w, end);
    if (!w.failed) converge(&w, families >> FAMILY_FILES & 1, out);
    if (!w.failed && part && part->mend) world_mend(&w);
    out->failed = w.failed;
    out->faults = w.faults;
    out->lost_packets = w.lost_packets;
    out->turns = w.turns;
    out->sim_ms = w.now_ms;
    out->fingerprint = w.fingerprint;
    memcpy(out->failure, w.failure, sizeof out->failure);
    plan_free(&plan);
    world_close(&w);
}

void run_apart(uint64_t seed, uint32_t families, const struct part *part, bool trace, struct outcome *out) {
    char dir[64];
    int status = 1;
    struct outcome *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    LZ_ASSERT(shared != MAP_FAILED);
    make_dir(dir);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (!trace && !freopen("/dev/null", "w", stderr)) abort();
        alarm(120);
        run_world(seed, families, part, trace, dir, shared);
        fflush(stdout);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid) abort();
    *out = *shared;
    if (status != 0) {
        out->failed = out->died = true;
        snprintf(out->failure, sizeof out->failure, "DIED the process ended by signal %d", WTERMSIG(status));
    }
    munmap(shared, sizeof *shared);
    remove_tree(dir);
}
