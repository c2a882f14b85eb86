/* nation [-f SEED] [-p PROVINCE] [-2] DIVISIONS
 * A working day of the whole country (-p: of one province, in an hour) in one process; -2: twice, and both must be the same. Exits with 1 when
 * a promise was broken, an order did not come through, or the two days differ. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "../sim/history.h"
#include "nation.h"

static const uint64_t MINUTE = 60000;
enum { LOOK_AGAIN_MS = 200, SETTLES_MS = 60000, BYTES_MAX = 8 << 20 };
struct options { uint64_t seed; uint32_t province; bool twice; const char *divisions; };
struct result { bool failed; uint64_t fingerprint; };

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { (void)st; (void)flag; (void)ftw; return remove(path); }
void remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* In KiB, of this process. */
static uint64_t status_of(const char *name) {
    char line[256];
    uint64_t value = 0;
    FILE *f = fopen("/proc/self/status", "r");
    LZ_ASSERT(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, name, strlen(name)) == 0) value = strtoull(line + strlen(name), NULL, 10);
    fclose(f);
    return value;
}

/* ---- the tree ------------------------------------------------------------------------------------------------------------------ */

static struct units *read_units(const char *path) {
    char *text = malloc(BYTES_MAX);
    struct lz_fail fail = { 0 };
    FILE *f = fopen(path, "r");
    if (!f || !text) { fprintf(stderr, "cannot read %s\n", path); exit(2); }
    size_t len = fread(text, 1, BYTES_MAX, f);
    fclose(f);
    struct units *units = units_create();
    if (units_load(units, lz_bytes_of(text, len), &fail) != LZ_ok) { fprintf(stderr, "%s\n", fail.text); exit(2); }
    free(text);
    return units;
}

static bool is_below(const struct units *units, const struct unit *u, uint32_t of) {
    for (; u; u = u->parent ? units_find(units, u->parent) : NULL)
        if (u->code == of) return true;
    return false;
}

/* The divisions begin with the provinces. The tiers have a nation above them, and so the country is one tree; one province stands for itself. */
static void plant(struct world *w, const struct options *o) {
    struct units *units = read_units(o->divisions);
    uint32_t top = o->province ? 0 : TOP_CODE;
    if (top) world_add(w, top, 0, TIER_NATION, true);
    for (uint8_t tier = TIER_PROVINCE; tier <= TIER_COUNTY; tier++)
        for (size_t i = 0; i < units_count(units); i++) {
            const struct unit *u = units_at(units, i);
            if (u->tier != tier || (o->province && !is_below(units, u, o->province))) continue;
            world_add(w, u->code, u->parent ? u->parent : top, tier, true);
        }
    units_destroy(&units);
    if (w->n_nodes < 3) { fprintf(stderr, "no province %u\n", o->province); exit(2); }
}

/* The province with the most below it goes down, the next one's line; of one province itself, and a city's line. */
static void choose(struct nation *n) {
    struct world *w = n->w;
    int most[2] = { -1, -1 };
    size_t size[2] = { 0, 0 };
    if (n->small) { n->down = 0; n->dark = w->nodes[0].first_below; return; }
    for (int i = w->nodes[0].first_below; i >= 0; i = w->nodes[i].next_beside) {
        size_t below = 0;
        for (int k = 0; k < w->n_nodes; k++) below += world_below(w, w->nodes[k].code, w->nodes[i].code);
        if (below > size[0]) { size[1] = size[0]; most[1] = most[0]; size[0] = below; most[0] = i; }
        else if (below > size[1]) { size[1] = below; most[1] = i; }
    }
    n->down = most[0];
    n->dark = most[1];
}

/* ---- the day ------------------------------------------------------------------------------------------------------------------- */

static void run_to(struct nation *n, uint64_t until) {
    while (n->w->now_ms < until && !n->w->failed) {
        uint64_t next = measure_waits(n->measure) && n->w->now_ms + LOOK_AGAIN_MS < until ? n->w->now_ms + LOOK_AGAIN_MS : until;
        world_run(n->w, next);
        if (measure_waits(n->measure)) measure_poll(n->measure);
    }
}

static void work(struct nation *n) {
    struct deed deed;
    uint64_t hour = n->w->now_ms;
    while (load_next(n, &deed) && deed.at_ms < n->end_ms && !n->w->failed) {
        run_to(n, deed.at_ms);
        load_do(n, &deed);
        if (n->small || n->w->now_ms < hour) continue;
        fprintf(stderr, "  %02llu:%02llu, %.1f million packets, RssAnon %llu MiB\n", (unsigned long long)((n->w->now_ms - n->day_ms) / 3600000 + 8),
                (unsigned long long)((n->w->now_ms - n->day_ms) / 60000 % 60), (double)n->w->orders / 1e6, (unsigned long long)status_of("RssAnon:") >> 10);
        hour += 60 * MINUTE;
    }
    run_to(n, n->end_ms);
}

/* After six: all that was signed is known at the top, all links are live, and nothing is under way. */
static void end_day(struct nation *n) {
    struct world *w = n->w;
    uint64_t end = w->now_ms + world_bound_ms(w);
    world_heal(w);
    while (w->now_ms < end && !w->failed && !world_live(w)) run_to(n, w->now_ms + 5000);
    run_to(n, w->now_ms + SETTLES_MS);
}

/* What the top counts of the patrols is what the counties' clerks were told. */
static void count_patrols(struct nation *n) {
    struct counters sum = { { 0 } };
    struct node *top = &n->w->nodes[0];
    arena_reset(n->w->arena);
    flow_begin(turn_flow(top->turn), node_now(n->w, top), n->w->arena);
    flow_rollup(turn_flow(top->turn), kind_by_name("patrol")->number, (struct rec_id){ 0 }, 0, &sum);
    store_abort(top->store);
    enum { ALL = 16 };
    if ((uint64_t)sum.of[ALL] != n->tally[ACT_PATROL].accepted)
        world_fail(n->w, "SUM the top counts %lld patrols, clerks were told of %llu", (long long)sum.of[ALL],
                   (unsigned long long)n->tally[ACT_PATROL].accepted);
}

/* ---- the report ---------------------------------------------------------------------------------------------------------------- */

struct sizes { uint64_t records, bytes, turns, most_turns; uint32_t busiest; };
static struct sizes sizes_of(struct world *w) {
    struct sizes s = { 0 };
    for (int i = 0; i < w->n_nodes; i++) {
        struct store_counts counts;
        struct stat st;
        char file[PATH_BYTES + 16];
        snprintf(file, sizeof file, "%s/data.mdb", w->nodes[i].path);
        store_count(w->nodes[i].store, &counts);
        store_abort(w->nodes[i].store);
        s.records += counts.entries[TABLE_record];
        if (stat(file, &st) == 0) s.bytes += (uint64_t)st.st_blocks * 512;
        s.turns += w->nodes[i].turns;
        if (w->nodes[i].turns > s.most_turns) { s.most_turns = w->nodes[i].turns; s.busiest = w->nodes[i].code; }
    }
    return s;
}

static void say_load(const struct nation *n) {
    static const char *const names[] = { "patrols", "problems", "moves of problems", "fires", "orders of the top", "tasks of provinces", "letters of cities",
                                         "reminders of cities", "signatures", "progress" };
    for (size_t i = 0; i < LZ_COUNT(names); i++) {
        const struct tally *t = &n->tally[i];
        printf("%s%llu %s%s", i ? ", " : "load: ", (unsigned long long)t->accepted, names[i], i + 1 == LZ_COUNT(names) ? "\n" : "");
        if (t->refused) printf(" (%llu refused)", (unsigned long long)t->refused);
    }
}

struct clock { double began, started, ended, checked; uint64_t before_kib, morning_kib, peak_kib; };
static bool say(struct nation *n, const struct clock *c, const struct sizes *s) {
    struct world *w = n->w;
    double day = (double)(n->end_ms - n->day_ms) / 1000, wall = c->ended - c->started;
    struct history_figures f = history_figures(w->history);
    say_load(n);
    bool good = measure_print(n->measure);
    printf("time: %.1f h of work in %.0f s of wall time, %.0f times as fast; %.0f s to start all, %.0f s to check\n", day / 3600, wall,
           (double)w->now_ms / 1000 / wall, c->started - c->began, c->checked - c->ended);
    printf("memory: RssAnon at most %llu MiB, %llu KiB a node with all that the simulator keeps, %llu KiB before work began; stores %llu MiB, "
           "%llu KiB a node\n",
           (unsigned long long)c->peak_kib >> 10, (unsigned long long)(c->peak_kib - c->before_kib) / (unsigned)w->n_nodes,
           (unsigned long long)(c->morning_kib - c->before_kib) / (unsigned)w->n_nodes, (unsigned long long)s->bytes >> 20,
           (unsigned long long)(s->bytes >> 10) / (unsigned)w->n_nodes);
    printf("work: %llu records held, %llu packets (%llu lost), %llu turns, %.2f a second and node; busiest %u with %.1f a second\n",
           (unsigned long long)s->records, (unsigned long long)w->orders, (unsigned long long)w->lost_packets, (unsigned long long)s->turns,
           (double)s->turns / w->n_nodes / ((double)w->now_ms / 1000), s->busiest, (double)s->most_turns / ((double)w->now_ms / 1000));
    printf("judged: %zu asks, %zu records in %zu places, %zu standings, %zu sums, %zu cursors\n", f.asks, f.records, f.held, f.standings, f.sums, f.places);
    return good;
}

static void open_day(struct nation *n, const struct options *o, const char *dir) {
    struct world *w = n->w;
    world_open(w, o->seed, dir, false);
    n->die = o->seed * 0x9E3779B97F4A7C15ull + 7;
    n->small = o->province != 0;
    w->tip_idle_ms = 30000;                              /* as the daemon's own configuration has it */
    w->turns_max = UINT64_MAX;
    w->odds = (struct odds){ .lose = 0.001, .twice = 0.0005, .delay_min_ms = 15, .delay_max_ms = 60, .bytes_per_s = 1250000, .us_per_record = 100 };
    plant(w, o);
    choose(n);
    n->day_ms = n->small ? 2 * MINUTE : 10 * MINUTE;
    n->end_ms = n->day_ms + (n->small ? 60 : 600) * MINUTE;
    /* the world begins at nine */
    for (int i = 0; i < w->n_nodes; i++) w->nodes[i].clock_offset_ms = -(int64_t)(n->day_ms + 60 * MINUTE);
    n->measure = measure_create(n);
}

static struct result run_day(const struct options *o, bool quiet) {
    static struct world w;
    struct nation n = { .w = &w };
    char dir[64];
    struct clock c = { .began = seconds(), .before_kib = status_of("RssAnon:") };
    snprintf(dir, sizeof dir, "%s/lznation-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir)) abort();
    open_day(&n, o, dir);
    world_start(&w);
    while (w.now_ms < n.day_ms && !w.failed) run_to(&n, w.now_ms + 10000 < n.day_ms ? w.now_ms + 10000 : n.day_ms);
    if (!w.failed && !world_live(&w)) world_fail(&w, "LINK not all links are live when the day begins");
    c.started = seconds();
    c.morning_kib = status_of("RssAnon:");
    load_day(&n);
    work(&n);
    if (!w.failed) end_day(&n);
    c.ended = seconds();
    c.peak_kib = status_of("RssAnon:");
    struct sizes s = { 0 };
    if (!w.failed) s = sizes_of(&w);
    if (!w.failed) count_patrols(&n);
    if (!w.failed) world_check_country(&w);
    c.checked = seconds();
    bool good = quiet || w.failed || say(&n, &c, &s);
    if (w.failed) printf("FAILED %s\n", w.failure);
    struct result r = { w.failed || !good, w.fingerprint };
    if (!quiet) printf("nation: seed %llu, %d units, %s, fingerprint %016llx\n", (unsigned long long)o->seed, w.n_nodes,
                       r.failed ? "FAILED" : "every promise kept", (unsigned long long)r.fingerprint);
    measure_destroy(&n.measure);
    free(n.deeds);
    world_close(&w);
    remove_tree(dir);
    return r;
}

int main(int argc, char **argv) {
    struct options o = { .seed = 1 };
    struct rlimit files;
    int option;
    while ((option = getopt(argc, argv, "f:p:2")) != -1) {
        if (option == 'f') o.seed = strtoull(optarg, NULL, 10);
        else if (option == 'p') o.province = (uint32_t)strtoul(optarg, NULL, 10);
        else if (option == '2') o.twice = true;
        else { fprintf(stderr, "usage: the head of tests/nation/nation.c\n"); return 2; }
    }
    if (optind + 1 != argc) { fprintf(stderr, "usage: the head of tests/nation/nation.c\n"); return 2; }
    o.divisions = argv[optind];
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
    struct result once = run_day(&o, false), again = once;
    if (o.twice && !once.failed) again = run_day(&o, true);
    if (again.fingerprint != once.fingerprint) printf("FAILED the same seed gave another day: %016llx\n", (unsigned long long)again.fingerprint);
    else if (o.twice && !once.failed) printf("the same seed gave the same day twice: %016llx\n", (unsigned long long)once.fingerprint);
    return once.failed || again.failed || again.fingerprint != once.fingerprint;
}
