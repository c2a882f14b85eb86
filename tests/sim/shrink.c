/* shrink: the shortest schedule that still fails in the same way.
 *
 * First whole kinds of fault are left out, then the end comes earlier, then runs of events, ever shorter ones, until no event
 * can go. Each try is the same seed, so the shape and every other event stay as they were. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "run.h"

struct search {
    uint64_t seed;
    uint32_t families;
    char kind[32];                   /* the first word of the failure */
    struct plan plan;
    bool *keep;
    uint64_t end_ms;
    const char *mix;
    bool mend;
    time_t until;
    unsigned tries;
};

static void kind_of(const char *failure, char kind[32]) {
    size_t n = strcspn(failure, " ");
    if (n > 31) n = 31;
    memcpy(kind, failure, n);
    kind[n] = 0;
}

static bool out_of_time(const struct search *s) { return time(NULL) >= s->until; }

static bool still_fails(struct search *s, const bool *keep, uint64_t end_ms) {
    struct part part = { keep, end_ms, s->mend };
    struct outcome out;
    char kind[32];
    s->tries++;
    run_apart(s->seed, s->families, &part, false, &out);
    kind_of(out.failure, kind);
    return out.failed && strcmp(kind, s->kind) == 0;
}

static size_t kept(const struct search *s) {
    size_t n = 0;
    for (size_t i = 0; i < s->plan.n; i++) n += s->keep[i];
    return n;
}

static bool try_without(struct search *s, bool *without) {
    if (!still_fails(s, without, s->end_ms)) return false;
    memcpy(s->keep, without, s->plan.n * sizeof *without);
    return true;
}

static void drop_kinds(struct search *s, bool *without) {
    for (int what = 0; what < EVENT_COUNT && !out_of_time(s); what++) {
        size_t n = 0;
        memcpy(without, s->keep, s->plan.n * sizeof *without);
        for (size_t i = 0; i < s->plan.n; i++)
            if (without[i] && s->plan.events[i].what == (enum what)what) { without[i] = false; n++; }
        if (n) try_without(s, without);
    }
}

static void drop_end(struct search *s) {
    uint64_t low = 2000, high = s->end_ms;
    for (int i = 0; i < 12 && high > low + 500 && !out_of_time(s); i++) {
        uint64_t middle = low + (high - low) / 2;
        if (still_fails(s, s->keep, middle)) high = middle; else low = middle;
    }
    s->end_ms = high;
    for (size_t i = 0; i < s->plan.n; i++)
        if (s->plan.events[i].at_ms > high) s->keep[i] = false;
}

/* Delta debugging: runs of half, a quarter ... of what is left; single events until a whole round finds none. */
static void drop_runs(struct search *s, bool *without) {
    for (size_t run = kept(s) / 2; run >= 1 && !out_of_time(s); ) {
        bool any = false;
        for (size_t at = 0; at < s->plan.n && !out_of_time(s); ) {
            size_t n = 0, i = at;
            memcpy(without, s->keep, s->plan.n * sizeof *without);
            for (; i < s->plan.n && n < run; i++)
                if (without[i]) { without[i] = false; n++; }
            if (n && try_without(s, without)) any = true;
            at = i;
        }
        if (run == 1 && !any) return;
        run = run > 1 ? (run + 1) / 2 : 1;
    }
}

static void search_open(struct search *s, uint64_t seed, uint32_t families, const char *failure) {
    static struct world w;
    char dir[64];
    *s = (struct search){ .seed = seed, .families = families };
    kind_of(failure, s->kind);
    make_dir(dir);
    world_open(&w, seed, dir, false);
    plan_draw(&s->plan, &w, families);
    world_close(&w);
    remove_tree(dir);
    s->keep = malloc(s->plan.n * sizeof *s->keep);
    LZ_ASSERT(s->keep);
    memset(s->keep, true, s->plan.n * sizeof *s->keep);
    s->end_ms = s->plan.end_ms;
}

static void show(const struct search *s, size_t before) {
    static struct world w;
    struct part part = { s->keep, s->end_ms, s->mend };
    struct outcome out;
    struct plan plan;
    char dir[64];
    run_apart(s->seed, s->families, &part, false, &out);
    printf("shortest schedule of seed %llu: %zu of %zu events, healed at %.3f s, %d nodes (%u tries):\n", (unsigned long long)s->seed, kept(s), before,
           (double)s->end_ms / 1000, out.n_nodes, s->tries);
    make_dir(dir);
    world_open(&w, s->seed, dir, false);
    plan_draw(&plan, &w, s->families);
    for (size_t i = 0; i < plan.n; i++)
        if (s->keep[i]) plan_print(&w, &plan.events[i]);
    plan_free(&plan);
    world_close(&w);
    remove_tree(dir);
    printf("  then: %s\nreplay: sim -f %llu -m %s%s -t -k ", out.failure, (unsigned long long)s->seed, s->mix, s->mend ? " -d" : "");
    for (size_t i = 0, n = 0; i < s->plan.n; i++)
        if (s->keep[i]) printf("%s%zu", n++ ? "," : "", i);
    printf(" -e %llu\n", (unsigned long long)s->end_ms);
    fflush(stdout);
}

void shrink(uint64_t seed, uint32_t families, const char *mix, bool mend, const char *failure, unsigned seconds) {
    struct search s;
    search_open(&s, seed, families, failure);
    s.mend = mend;
    s.mix = mix;
    s.until = time(NULL) + seconds;
    bool *without = malloc(s.plan.n * sizeof *without);
    LZ_ASSERT(without);
    if (!still_fails(&s, s.keep, s.end_ms)) printf("seed %llu did not fail again in the same way: it is not deterministic\n", (unsigned long long)seed);
    else {
        drop_kinds(&s, without);
        drop_end(&s);
        drop_runs(&s, without);
        show(&s, s.plan.n);
    }
    free(without);
    free(s.keep);
    plan_free(&s.plan);
}
