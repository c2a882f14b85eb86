/* growth RECORDS TSV: nothing may grow faster than the work. Real stores, turns and packets in the simulator's world; what is counted is the
 * processor's time of this process, so that others on the machine do not matter; the disk's own time is in `make bench`.
 *   records   one county sends problems to its city: cost of a record, start of the city, idle cost, memory, disk, at 10^3 ... RECORDS held
 *   children  1 ... 300 counties below one city, the same records in all: cost of a record, idle cost and memory of each node, an order to all
 *   tiers     a fire from the lowest of 1 ... 5 tiers to the top: cost at each tier
 * Writes a row for each point (series, x, figure, value, unit) and exits with 1 when a figure grew by more than is allowed. */
#include <ftw.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include "../sim/world.h"

enum { ROWS_MAX = 256, TURN = 20, STEP_MS = 40, IDLE_S = 60, CHILD_RECORDS = 6000, TIER_RECORDS = 3000 };
struct point { const char *series, *figure, *unit; double x, value; };
struct points { struct point of[ROWS_MAX]; size_t n; };
/* A figure at the largest x may be so many times that at the smallest, and so much more: what a measurement of microseconds may be off. */
struct law { const char *series, *figure; double times, more; bool by_work; };   /* by_work: it may grow as x does */
static const struct law laws[] = {
    { "records", "cost", 3, 0, false },             /* the depth of a tree of pages, and pages that no longer lie in the processor's cache */
    { "records", "start", 3, 3000, true },   /* every page is read once, so that nothing that the disk changed is ever followed */
    { "records", "idle", 3, 300, false },           /* the scrub reads so many values a second at most */
    { "records", "memory", 1, 16384, false },
    { "records", "disk", 2, 0, false },
    { "children", "cost", 3.5, 0, false },
    { "children", "idle", 2, 100, false },
    { "children", "memory", 1, 1024, false },
    { "children", "order", 1, 100, false },
    { "tiers", "cost", 2, 30, false },
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { (void)st; (void)flag; (void)ftw; return remove(path); }
void remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static double processor_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static double anonymous_kib(void) {
    char line[256];
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    LZ_ASSERT(f);
    while (fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %llu", &kib) == 1) break;
    fclose(f);
    return (double)kib;
}

static void add(struct points *t, const char *series, double x, const char *figure, double value, const char *unit) {
    LZ_ASSERT(t->n < ROWS_MAX);
    t->of[t->n++] = (struct point){ series, figure, unit, x, value };
    printf("%-9s %9.0f  %-7s %10.2f %s\n", series, x, figure, value, unit);
    fflush(stdout);
}

/* ---- a world ------------------------------------------------------------------------------------------------------------------- */

static struct world w;
static char dir[64];

static void begin(void) {
    snprintf(dir, sizeof dir, "%s/lzgrowth-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(dir)) abort();
    world_open(&w, 1, dir, false);
    w.tip_idle_ms = 30000;
    w.turns_max = UINT64_MAX;
    w.map_bytes = UINT64_C(16) << 30;
    w.odds = (struct odds){ .delay_min_ms = 1, .delay_max_ms = 2 };
}

static void start(void) {
    world_start(&w);
    world_run(&w, w.now_ms + 5000);
    if (!world_live(&w)) world_fail(&w, "the links do not become live");
}

static void end(void) {
    if (w.failed) { printf("FAILED %s\n", w.failure); exit(1); }
    world_close(&w);
    remove_tree(dir);
}

static uint64_t requests;

/* So many in one turn, as a clerk's import does; each is its own ask. */
static void submit(struct node *n, uint32_t kind, size_t count) {
    struct rec_id id;
    struct lz_fail fail = { 0 };
    node_begin(&w, n);
    for (size_t i = 0; i < count; i++) {
        struct record d = { .kind = (uint16_t)kind };
        uint8_t request[16] = { 0 };
        lz_put64(request, ++requests);
        if (kind == KIND_problem) {
            d.of.problem.title = lz_bytes_str("林地内堆放建筑垃圾");
            d.of.problem.body = lz_bytes_str("巡护中发现林地边缘倾倒建筑垃圾约二十立方米，已拍照，当场未见责任人。");
        } else {
            d.of.emergency.title = lz_bytes_str("山火");
        }
        enum lz_err err = flow_submit(turn_flow(n->turn), &d, lz_bytes_str("clerk"), lz_bytes_of(request, 16), 0, &id, &fail);
        if (err != LZ_ok) { world_fail(&w, "%u refuses: %s", n->code, fail.text); break; }
    }
    if (!node_finish(&w, n)) world_fail(&w, "%u could not commit", n->code);
}

static size_t held(struct node *n, enum table table) {
    struct store_counts counts;
    store_count(n->store, &counts);
    store_abort(n->store);
    return (size_t)counts.entries[table];
}

static double idle_us(void) {
    world_run(&w, w.now_ms + 120000);                    /* what there was to say is said, and tips have become rare */
    double from = processor_us();
    world_run(&w, w.now_ms + IDLE_S * 1000);
    return (processor_us() - from) / IDLE_S / w.n_nodes;
}

/* ---- records ------------------------------------------------------------------------------------------------------------------- */

static void send(struct node *county, size_t count) {
    for (; count > 0 && !w.failed; count -= count < TURN ? count : TURN) {
        submit(county, KIND_problem, count < TURN ? count : TURN);
        world_run(&w, w.now_ms + STEP_MS);
    }
}

static double start_us(struct node *n) {
    double least = INFINITY;
    for (int i = 0; i < 3 && !w.failed; i++) {
        node_close(&w, n);
        double from = processor_us();
        node_boot(&w, n);
        double took = processor_us() - from;
        if (took < least) least = took;
        if (!n->up) world_fail(&w, "%u does not start", n->code);
        world_run(&w, w.now_ms + 5000);
    }
    return least;
}

static void grow_records(struct points *t, size_t most) {
    begin();
    world_add(&w, 410000, 0, TIER_PROVINCE, true);
    world_add(&w, 410800, 410000, TIER_CITY, true);
    world_add(&w, 410802, 410800, TIER_COUNTY, true);
    start();
    struct node *city = node_of(&w, 410800), *county = node_of(&w, 410802);
    for (size_t x = 1000, sent = 0; x <= most && !w.failed; x *= 10) {
        size_t last = x / 2 < 5000 ? x / 2 : 5000;
        send(county, x - sent - last);
        double from = processor_us();
        send(county, last);
        world_run(&w, w.now_ms + 2000);
        add(t, "records", (double)x, "cost", (processor_us() - from) / (double)last, "us/record");
        sent = x;
        if (held(city, TABLE_record) < x) world_fail(&w, "the city has %zu of %zu records", held(city, TABLE_record), x);
        char file[PATH_BYTES + 16];
        struct stat st = { 0 };
        snprintf(file, sizeof file, "%s/data.mdb", city->path);
        stat(file, &st);
        add(t, "records", (double)x, "disk", (double)st.st_blocks * 512 / (double)x, "B/record");
        add(t, "records", (double)x, "start", start_us(city), "us");
        add(t, "records", (double)x, "idle", idle_us(), "us/s");
        add(t, "records", (double)x, "memory", anonymous_kib(), "KiB");
    }
    end();
}

/* ---- children and tiers ---------------------------------------------------------------------------------------------------------- */

static double order_us(int children) {
    struct record d = { .kind = KIND_general_order, .target_all = true };
    struct rec_id id;
    d.of.directive.title = lz_bytes_str("关于切实做好春季森林防火工作的令");
    double from = processor_us();
    if (node_submit(&w, &w.nodes[0], &d, &id) != LZ_ok) world_fail(&w, "the order is refused");
    world_run(&w, w.now_ms + 5000);
    double took = (processor_us() - from) / children;
    struct standing s;
    for (int i = 1; i < w.n_nodes && !w.failed; i++) {
        arena_reset(w.arena);
        flow_begin(turn_flow(w.nodes[0].turn), node_now(&w, &w.nodes[0]), w.arena);
        if (!flow_standing(turn_flow(w.nodes[0].turn), id, w.nodes[i].code, &s) || s.state != HANDLING_delivered)
            world_fail(&w, "the order is not known to be delivered at %u", w.nodes[i].code);
        store_abort(w.nodes[0].store);
    }
    return took;
}

static void grow_children(struct points *t, int children) {
    double before = anonymous_kib();
    begin();
    world_add(&w, 410800, 0, TIER_CITY, true);
    for (int i = 0; i < children; i++) world_add(&w, 410801 + (uint32_t)i, 410800, TIER_COUNTY, true);
    start();
    double from = processor_us();
    for (int i = 0; i < CHILD_RECORDS / TURN && !w.failed; i++) {
        submit(&w.nodes[1 + i % children], KIND_problem, TURN);
        world_run(&w, w.now_ms + STEP_MS);
    }
    add(t, "children", children, "cost", (processor_us() - from) / CHILD_RECORDS, "us/record");
    add(t, "children", children, "order", order_us(children), "us/child");
    add(t, "children", children, "idle", idle_us(), "us/s");
    add(t, "children", children, "memory", (anonymous_kib() - before) / w.n_nodes, "KiB/node");
    if (held(&w.nodes[0], TABLE_record) < CHILD_RECORDS) world_fail(&w, "the city has not got all");
    end();
}

static void grow_tiers(struct points *t, int tiers) {
    static const uint32_t codes[] = { 100000, 410000, 410800, 410802, 410821 };
    begin();
    for (int i = 0; i < tiers; i++) world_add(&w, codes[i], i ? codes[i - 1] : 0, (uint8_t)(TIER_NATION + i), true);
    start();
    struct node *lowest = &w.nodes[tiers - 1];
    double from = processor_us();
    for (int i = 0; i < TIER_RECORDS / TURN && !w.failed; i++) {
        submit(lowest, KIND_emergency, TURN);
        world_run(&w, w.now_ms + STEP_MS);
    }
    world_run(&w, w.now_ms + 1000);
    add(t, "tiers", tiers, "cost", (processor_us() - from) / TIER_RECORDS / tiers, "us/record and tier");
    if (held(&w.nodes[0], TABLE_record) < TIER_RECORDS) world_fail(&w, "the top has not got all");
    end();
}

/* ---- the verdict ----------------------------------------------------------------------------------------------------------------- */

static bool judge(const struct points *t) {
    bool good = true;
    size_t judged = 0;
    for (size_t i = 0; i < LZ_COUNT(laws); i++) {
        const struct point *least = NULL, *most = NULL;
        for (size_t k = 0; k < t->n; k++) {
            const struct point *r = &t->of[k];
            if (strcmp(r->series, laws[i].series) != 0 || strcmp(r->figure, laws[i].figure) != 0) continue;
            if (!least || r->x < least->x) least = r;
            if (!most || r->x > most->x) most = r;
        }
        if (!least || most == least) {
            printf("FAILED nothing measured of %s %s\n", laws[i].series, laws[i].figure);
            good = false;
            continue;
        }
        judged++;
        double times = laws[i].times * (laws[i].by_work ? most->x / least->x : 1);
        if (most->value <= least->value * times + laws[i].more) continue;
        printf("FAILED %s: %s is %.1f %s at %.0f and %.1f at %.0f; allowed are %.1f times and %.0f\n", laws[i].series, laws[i].figure,
               least->value, least->unit, least->x, most->value, most->x, times, laws[i].more);
        good = false;
    }
    printf("growth: %zu points, %zu figures%s\n", t->n, judged, good ? ", none grows faster than the work" : "");
    return good;
}

static bool write_table(const struct points *t, const char *path) {
    FILE *f = fopen(path, "w");
    if (!f) return false;
    fprintf(f, "series\tx\tfigure\tvalue\tunit\n");
    for (size_t i = 0; i < t->n; i++) {
        const struct point *r = &t->of[i];
        fprintf(f, "%s\t%.0f\t%s\t%.3f\t%s\n", r->series, r->x, r->figure, r->value, r->unit);
    }
    return fclose(f) == 0;
}

int main(int argc, char **argv) {
    static const int children[] = { 1, 3, 10, 30, 100, 300 };
    static struct points points;
    struct rlimit files;
    size_t most = argc == 3 ? strtoull(argv[1], NULL, 10) : 0;
    if (most < 10000) { fprintf(stderr, "usage: growth RECORDS TSV (at least 10000)\n"); return 2; }
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
    for (size_t i = 0; i < LZ_COUNT(children); i++) grow_children(&points, children[i]);
    for (int tiers = 1; tiers <= 5; tiers++) grow_tiers(&points, tiers);
    grow_records(&points, most);
    if (!write_table(&points, argv[2])) { fprintf(stderr, "cannot write %s\n", argv[2]); return 2; }
    return judge(&points) ? 0 : 1;
}
