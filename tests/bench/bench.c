/* bench: a three-tier chain of real daemons, CURVE on, every commit synced.
 *
 *   bench LINZHANGD DIVISIONS DIR RESULTS [RECORDS] [ROUNDS]
 *
 * A county's control socket takes 256-byte progress reports; the province (subscribe = progress) has them when its own store
 * says so. Prints a table and writes RESULTS: case, system, median, min, max, unit. Starts what it needs, ends it by pid. */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../../daemon/wire/wire.h"

enum { TIERS = 3, CHUNK = 512, UNDER_WAY = 8, LATENCIES = 2000, ROUNDS_MAX = 9 };
struct station {
    uint32_t unit;
    char dir[512], socket[600], config[600];
    uint8_t secret[32], public[32];
    int port;
    pid_t pid;
    struct wire_client *client;
    uint64_t seq;
};
static struct station tiers[TIERS] = { { .unit = 410000 }, { .unit = 410800 }, { .unit = 410882 } };
static const char *linzhangd, *divisions, *base_dir;
static struct arena *arena;
static struct rec_id task;
static FILE *results;

static double now_s(void) { return (double)lz_clock_now().mono_ms / 1e3; }
static double now_us(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3; }
static void nap_ms(unsigned ms) { usleep(ms * 1000); }

static void stop_all(void) {
    for (int i = 0; i < TIERS; i++) if (tiers[i].pid > 0) kill(tiers[i].pid, SIGKILL);
    for (int i = 0; i < TIERS; i++) if (tiers[i].pid > 0) { waitpid(tiers[i].pid, NULL, 0); tiers[i].pid = 0; }
}
static void die(const char *what) { fprintf(stderr, "bench: %s (%s)\n", what, strerror(errno)); stop_all(); exit(1); }

/* ---- daemons ---------------------------------------------------------------------------------------------------------- */

static void write_text(const char *path, const char *text, mode_t mode) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)) die(path);
    close(fd);
}

static void write_config(int i) {
    struct station *t = &tiers[i];
    char text[8192], key[KEY_TEXT], path[700];
    wire_key_print(t->secret, key);
    snprintf(path, sizeof path, "%s/key", t->dir);
    write_text(path, key, 0600);
    int n = snprintf(text, sizeof text,
        "[node]\nunit = %u\ndivisions = %s\n[store]\npath = %s/store\nmap_mib = 16384\nbudget_mib = 12000\n[keys]\nsecret = %s/key\nchildren = %s/children\n"
        "[control]\npath = %s\n[log]\nlevel = warn\n", t->unit, divisions, t->dir, t->dir, t->dir, t->socket);
    if (i < TIERS - 1) n += snprintf(text + n, sizeof text - (size_t)n, "[listen]\nendpoint = tcp://127.0.0.1:%d\n", t->port);
    if (i == 0) n += snprintf(text + n, sizeof text - (size_t)n, "[feeds]\nsubscribe = progress\n");
    if (i > 0) {
        wire_key_print(tiers[i - 1].public, key);
        snprintf(text + n, sizeof text - (size_t)n, "[parent]\nunit = %u\nkey = %s\nendpoints = tcp://127.0.0.1:%d\n", tiers[i - 1].unit, key,
                tiers[i - 1].port);
    }
    write_text(t->config, text, 0600);
}

static void start(int i) {
    struct station *t = &tiers[i];
    char log[700];
    snprintf(log, sizeof log, "%s/log", t->dir);
    t->pid = fork();
    if (t->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(fd, 2);
        execl(linzhangd, linzhangd, t->config, (char *)NULL);
        _exit(127);
    }
    for (int k = 0; k < 500; k++, nap_ms(10))
        if (wire_client_open(&t->client, t->socket, NULL) == LZ_ok) return;
    die("a daemon did not start; see its log");
}

static void stop(int i, int signal_number) {
    wire_client_close(&tiers[i].client);
    kill(tiers[i].pid, signal_number);
    waitpid(tiers[i].pid, NULL, 0);
    tiers[i].pid = 0;
}

/* ---- asks --------------------------------------------------------------------------------------------------------------- */

static void send_ask(struct station *t, struct ask *ask) {
    struct lz_bytes packet;
    ask->seq = ++t->seq;
    if (ask_encode(arena, ask, &packet) != LZ_ok || wire_client_send(t->client, packet) != LZ_ok) die("cannot ask");
}

static struct answer receive(struct station *t, uint64_t timeout_ms) {
    struct lz_bytes packet, body;
    enum packet_type type;
    struct answer a = { 0 };
    if (wire_client_recv(t->client, timeout_ms, &packet) != LZ_ok) die("no answer");
    const uint8_t *copy = arena_copy(arena, packet.data, packet.len);
    if (packet_open(lz_bytes_of(copy, packet.len), &type, &body, NULL) != LZ_ok || answer_decode(arena, body, &a) != LZ_ok) die("bad answer");
    return a;
}

static struct arg named(const char *name, const char *value) { return (struct arg){ lz_bytes_str(name), lz_bytes_str(value) }; }

static struct answer call(struct station *t, const char *verb, bool writes, struct arg *args, size_t n) {
    uint8_t *request = arena_alloc(arena, 16);
    lz_random(request, 16);
    struct ask ask = { .verb = lz_bytes_str(verb), .request = lz_bytes_of(request, writes ? 16 : 0), .args = args, .n_args = n };
    send_ask(t, &ask);
    return receive(t, 30000);
}

static struct lz_bytes cell_of(const struct answer *a, const char *item) {
    for (size_t i = 0; i < a->n_rows; i++)
        for (size_t j = 0; j + 1 < a->rows[i].n_cells + 1; j++) {
            const struct cell *c = &a->rows[i].cells[j];
            if (lz_bytes_equal(c->text, lz_bytes_str(item)) && j + 1 < a->rows[i].n_cells) return a->rows[i].cells[j + 1].text;
            if (lz_bytes_equal(c->name, lz_bytes_str(item))) return c->text;
        }
    return (struct lz_bytes){ 0 };
}

/* How many progress reports a tier's own store counts for the task. */
static uint64_t count_at(struct station *t) {
    char id[REC_ID_TEXT], digits[24] = { 0 };
    rec_id_print(task, id);
    size_t mark = arena_used(arena);
    struct answer a = call(t, "count", false, (struct arg[]){ named("id", id) }, 1);
    struct lz_bytes value = cell_of(&a, "count");
    if (value.len < sizeof digits) memcpy(digits, value.data, value.len);
    arena_rewind(arena, mark);
    return strtoull(digits, NULL, 10);
}

static void wait_count(struct station *t, uint64_t n, double seconds) {
    for (double end = now_s() + seconds; count_at(t) < n; nap_ms(2))
        if (now_s() > end) die("the records did not arrive in time");
}

/* ---- the chain ------------------------------------------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { (void)st; (void)flag; (void)ftw; return remove(path); }

static void enrol(int parent, int child) {
    char code[16], key[KEY_TEXT];
    snprintf(code, sizeof code, "%u", tiers[child].unit);
    wire_key_print(tiers[child].public, key);
    struct answer a = call(&tiers[parent], "child add", true, (struct arg[]){ named("code", code), named("key", key) }, 2);
    if (a.code != LZ_ok) die("child add was refused");
}

static bool try_move(const char *move) {
    char id[REC_ID_TEXT];
    rec_id_print(task, id);
    struct answer a = call(&tiers[2], "move", true, (struct arg[]){ named("move", move), named("id", id) }, 2);
    return a.code == LZ_ok;
}

static void chain_up(void) {
    nftw(base_dir, remove_one, 32, FTW_DEPTH | FTW_PHYS);
    mkdir(base_dir, 0700);
    int port = 20000 + (int)(getpid() % 9000);
    for (int i = 0; i < TIERS; i++) {
        struct station *t = &tiers[i];
        snprintf(t->dir, sizeof t->dir, "%s/%u", base_dir, t->unit);
        snprintf(t->socket, sizeof t->socket, "%s/ctl", t->dir);
        snprintf(t->config, sizeof t->config, "%s/conf.ini", t->dir);
        mkdir(t->dir, 0700);
        t->port = port + 3 * i;
        wire_keypair(t->public, t->secret);
    }
    for (int i = 0; i < TIERS; i++) write_config(i);
    for (int i = 0; i < TIERS; i++) { start(i); if (i < TIERS - 1) enrol(i, i + 1); }
    struct answer a = { 0 };
    for (int k = 0; k < 100; k++, nap_ms(100)) {                       /* a new store waits for its first neighbour */
        a = call(&tiers[1], "task issue", true, (struct arg[]){ named("title", "造林任务"), named("to", "410882") }, 2);
        if (a.code == LZ_ok) break;
    }
    char id[REC_ID_TEXT] = { 0 };
    struct lz_bytes text = cell_of(&a, "id");
    bool whole;
    if (a.code != LZ_ok || text.len >= sizeof id) die("the task was not issued");
    memcpy(id, text.data, text.len);
    if (!rec_id_parse(id, &task, &whole)) die("the task's id is not one");
    for (int k = 0; k < 100 && !try_move("sign"); k++) nap_ms(100);
    if (!try_move("start")) die("the task could not be started");
}

static struct lz_bytes draft_of(uint64_t n) {
    static char filler[256];
    struct record d = { .kind = KIND_progress, .subject = task };
    int len = snprintf(filler, sizeof filler, "第%llu次上报：完成造林整地、栽植和抚育，", (unsigned long long)n);
    memset(filler + len, '.', sizeof filler - (size_t)len);      /* 174 bytes of text make a record of 256 */
    d.of.progress = (struct progress){ 20260101 + (uint32_t)(n % 28), (int64_t)(n % 1000), 1000, lz_bytes_of(filler, 174) };
    struct lz_bytes out;
    if (draft_encode(arena, &d, &out, NULL) != LZ_ok) die("a draft does not encode");
    return out;
}

static uint64_t submitted;

/* Submits n records, UNDER_WAY asks of CHUNK at a time; returns when the county has acknowledged all: durable there. */
static void submit(uint64_t n) {
    struct station *county = &tiers[2];
    uint64_t sent = 0, under_way = 0;
    while (sent < n || under_way) {
        while (sent < n && under_way < UNDER_WAY) {
            uint64_t k = n - sent < CHUNK ? n - sent : CHUNK;
            size_t mark = arena_used(arena);
            struct lz_bytes *drafts = arena_alloc(arena, k * sizeof *drafts);
            uint8_t request[16];
            lz_random(request, sizeof request);
            for (uint64_t i = 0; i < k; i++) drafts[i] = draft_of(submitted++);
            struct arg verb = named("verb", "progress import");
            struct ask ask = { .verb = lz_bytes_str("drafts"), .request = lz_bytes_of(request, 16), .args = &verb, .n_args = 1, .drafts = drafts,
                    .n_drafts = k };
            send_ask(county, &ask);
            arena_rewind(arena, mark);
            sent += k;
            under_way++;
        }
        size_t mark = arena_used(arena);
        struct answer a = receive(county, 60000);
        if (a.code != LZ_ok || a.n_refused) {
            struct lz_bytes why = a.n_refused ? a.refused[0].text : a.text;
            fprintf(stderr, "bench: %.*s\n", (int)why.len, (const char *)why.data);
            die("the county refused records");
        }
        arena_rewind(arena, mark);
        under_way--;
    }
}

/* ---- figures ----------------------------------------------------------------------------------------------------------------- */

struct series { const char *name, *unit; double v[ROUNDS_MAX]; int n; };
static struct series all[32];
static int n_all;

static void figure(const char *name, const char *unit, double value) {
    int i = 0;
    while (i < n_all && strcmp(all[i].name, name) != 0) i++;
    if (i == n_all) all[n_all++] = (struct series){ .name = name, .unit = unit };
    if (all[i].n < ROUNDS_MAX) all[i].v[all[i].n++] = value;
}

static int by_value(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return (x > y) - (x < y); }

static void report(void) {
    printf("%-28s %12s %12s %12s  %s\n", "case", "median", "min", "max", "unit");
    for (int i = 0; i < n_all; i++) {
        struct series *s = &all[i];
        qsort(s->v, (size_t)s->n, sizeof *s->v, by_value);
        double median = s->n % 2 ? s->v[s->n / 2] : (s->v[s->n / 2 - 1] + s->v[s->n / 2]) / 2;
        printf("%-28s %12.2f %12.2f %12.2f  %s\n", s->name, median, s->v[0], s->v[s->n - 1], s->unit);
        fprintf(results, "%s\tlinzhang\t%.3f\t%.3f\t%.3f\t%s\n", s->name, median, s->v[0], s->v[s->n - 1], s->unit);
    }
}

static double memory_mib(pid_t pid, const char *what) {
    char path[64], line[256];
    double kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) if (strncmp(line, what, strlen(what)) == 0) kib = atof(line + strlen(what) + 1);
    if (f) fclose(f);
    return kib / 1024;
}

static double cpu_s(pid_t pid) {
    char path[64], text[1024] = { 0 };
    unsigned long user = 0, sys = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (f && fgets(text, sizeof text, f)) {
        char *p = strrchr(text, ')');
        if (p) sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys);
    }
    if (f) fclose(f);
    return (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
}

static double cpu_all(void) { return cpu_s(tiers[0].pid) + cpu_s(tiers[1].pid) + cpu_s(tiers[2].pid); }

static void throughput(uint64_t n) {
    double cpu = cpu_all(), t0 = now_us();
    submit(n);
    double acked = now_us();
    wait_count(&tiers[0], submitted, 120);
    double done = now_us();
    figure("throughput", "records/s", (double)n * 1e6 / (done - t0));
    figure("county_ack_rate", "records/s", (double)n * 1e6 / (acked - t0));
    figure("cpu_per_record", "us, three daemons", (cpu_all() - cpu) * 1e6 / (double)n);
}

static void latency(void) {
    static double us[LATENCIES];
    struct wire_client *watch;
    if (wire_client_open(&watch, tiers[0].socket, NULL) != LZ_ok) die("cannot watch");
    struct arg kind = named("kind", "progress");
    struct ask ask = { .seq = 1, .verb = lz_bytes_str("watch"), .args = &kind, .n_args = 1 };
    struct lz_bytes packet;
    if (ask_encode(arena, &ask, &packet) != LZ_ok || wire_client_send(watch, packet) != LZ_ok ||
        wire_client_recv(watch, 5000, &packet) != LZ_ok) die("cannot watch");
    nap_ms(200);
    double t0 = now_us();
    for (int i = 0; i < LATENCIES; i++) {
        size_t mark = arena_used(arena);
        double due = t0 + i * 5000.0, start_us;
        while (now_us() < due) usleep(100);
        start_us = now_us();
        submit(1);
        struct lz_bytes row;
        if (wire_client_recv(watch, 10000, &row) != LZ_ok) die("the province did not show a record");
        us[i] = now_us() - start_us;
        arena_rewind(arena, mark);
    }
    wire_client_close(&watch);
    qsort(us, LATENCIES, sizeof *us, by_value);
    figure("latency_p50", "ms", us[LATENCIES / 2] / 1e3);
    figure("latency_p99", "ms", us[LATENCIES * 99 / 100] / 1e3);
    figure("latency_max", "ms", us[LATENCIES - 1] / 1e3);
}

static void catch_up(uint64_t n) {
    stop(1, SIGTERM);
    submit(n);
    uint64_t before = count_at(&tiers[0]);
    start(1);
    double t0 = now_us();
    while (count_at(&tiers[0]) == before) nap_ms(1);
    double first = now_us();
    wait_count(&tiers[0], submitted, 120);
    double done = now_us();
    figure("catchup_first_record", "s after start", (first - t0) / 1e6);
    figure("catchup", "records/s", (double)n * 1e6 / (done - first));
}

/* What the disk takes for a small commit: eight scattered pages and two syncs, as LMDB writes them. Latency is three of these. */
static void disk(void) {
    enum { PAGES = 8, FILE_PAGES = 2048, ROUNDS = 300 };
    static double us[ROUNDS];
    static const uint8_t page[4096] = { 1 };
    char path[700];
    snprintf(path, sizeof path, "%s/disk", base_dir);
    int fd = open(path, O_RDWR | O_CREAT, 0600), meta = open(path, O_RDWR | O_DSYNC);
    for (int i = 0; i < FILE_PAGES; i++) if (fd < 0 || pwrite(fd, page, sizeof page, (off_t)i * 4096) != sizeof page) die(path);
    fdatasync(fd);
    for (int i = 0; i < ROUNDS; i++) {
        double t0 = now_us();
        for (int k = 0; k < PAGES; k++) if (pwrite(fd, page, sizeof page, (off_t)((i * 131 + k * 251) % FILE_PAGES) * 4096) != sizeof page) die(path);
        if (fdatasync(fd) != 0 || pwrite(meta, page, 120, 16) != 120) die(path);
        us[i] = now_us() - t0;
        usleep(2000);
    }
    close(fd);
    close(meta);
    unlink(path);
    qsort(us, ROUNDS, sizeof *us, by_value);
    figure("disk_commit_8_pages_p50", "ms", us[ROUNDS / 2] / 1e3);
}

static void sizes(void) {
    static const char *const names[TIERS][2] = { { "anon_province", "rss_province" }, { "anon_city", "rss_city" }, { "anon_county", "rss_county" } };
    for (int i = 0; i < TIERS; i++) {
        figure(names[i][0], "MiB", memory_mib(tiers[i].pid, "RssAnon:"));
        figure(names[i][1], "MiB", memory_mib(tiers[i].pid, "VmRSS:"));
    }
    char path[700];
    struct stat st;
    snprintf(path, sizeof path, "%s/store/data.mdb", tiers[1].dir);
    if (stat(path, &st) == 0) figure("store_bytes_per_record", "bytes, city", (double)st.st_blocks * 512 / (double)submitted);
}

int main(int argc, char **argv) {
    if (argc < 5) { fprintf(stderr, "bench LINZHANGD DIVISIONS DIR RESULTS [RECORDS] [ROUNDS]\n"); return 2; }
    linzhangd = argv[1];
    divisions = argv[2];
    base_dir = argv[3];
    results = fopen(argv[4], "w");
    uint64_t n = argc > 5 ? strtoull(argv[5], NULL, 10) : 100000;
    int rounds = argc > 6 ? atoi(argv[6]) : 3;
    if (!results) die(argv[4]);
    arena = arena_create((size_t)256 << 20);
    lz_log_level(LZ_ERROR);
    fprintf(results, "case\tsystem\tmedian\tmin\tmax\tunit\n");
    for (int round = 0; round < rounds && round < ROUNDS_MAX; round++) {
        submitted = 0;
        chain_up();
        figure("anon_county_idle", "MiB", memory_mib(tiers[2].pid, "RssAnon:"));
        throughput(n);
        disk();
        latency();
        catch_up(n);
        sizes();
        stop_all();
        for (int i = 0; i < TIERS; i++) wire_client_close(&tiers[i].client);
    }
    report();
    fclose(results);
    nftw(base_dir, remove_one, 32, FTW_DEPTH | FTW_PHYS);
    return 0;
}
