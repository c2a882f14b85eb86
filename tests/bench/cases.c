/* cases: what every system is asked to do. */
#include "bench.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATIENCE_S = 120, STALLED_US = 12000000 };

static double cpu_all(const struct system *s) { return cpu_us(s->pid(PROVINCE)) + cpu_us(s->pid(CITY)) + cpu_us(s->pid(COUNTY)); }
/* A peer may lose some: when nothing more comes for long, that is the end. */
static double wait_stored(const struct system *s, int tier, uint64_t n, const char *what) {
    uint64_t there = 0;
    double last = now_us();
    for (double end = now_s() + PATIENCE_S; s->stored(tier) < n; nap_ms(2)) {
        if (s->stored(tier) != there) { there = s->stored(tier); last = now_us(); }
        if (s != &linzhang && now_us() - last > STALLED_US) return last;
        if (now_s() > end) die("%s, %s: %llu of %llu arrived", s->name, what, (unsigned long long)s->stored(tier), (unsigned long long)n);
    }
    return now_us();
}
/* What is there is what was posted: no less, and nothing twice. */
static void lost(const struct system *s, uint64_t n) {
    nap_ms(100);
    uint64_t there = s->stored(PROVINCE);
    figure("lost", s->name, "records, or doubled", there > n ? (double)(there - n) : (double)(n - there));
}

struct peak { double anon[TIERS]; };
static void look(const struct system *s, struct peak *p) {
    for (int i = 0; i < TIERS; i++) {
        double mib = memory_mib(s->pid(i), "RssAnon:");
        if (mib > p->anon[i]) p->anon[i] = mib;
    }
}

/* From the first post until the province has all; every commit synced at every tier where the system syncs. */
void case_throughput(const struct system *s, const struct sizes *z) {
    static const char *const busy[TIERS] = { "anon_busy_province", "anon_busy_city", "anon_busy_county" };
    static const char *const idle[TIERS] = { "anon_idle_province", "anon_idle_city", "anon_idle_county" };
    static const char *const disk[TIERS] = { "disk_per_byte_province", "disk_per_byte_city", "disk_per_byte_county" };
    struct peak peak = { { 0 } };
    double bytes[TIERS];
    s->up(false);
    timed_reset();
    nap_ms(500);
    quiet();
    for (int i = 0; i < TIERS; i++) {
        if (s->start) figure(idle[i], s->name, "MiB", memory_mib(s->pid(i), "RssAnon:"));     /* a forked role holds this program's memory too */
        bytes[i] = s->disk ? s->disk(i) : 0;
    }
    double cpu = cpu_all(s), t0 = now_us();
    for (uint64_t left = z->count; left > 0;) {
        uint64_t k = left < 16384 ? left : 16384;
        s->post(k);
        left -= k;
        look(s, &peak);
    }
    s->acked();
    double acked = now_us();
    double done = wait_stored(s, PROVINCE, z->count, "throughput");
    cpu = cpu_all(s) - cpu;
    look(s, &peak);
    figure("throughput", s->name, "records/s", (double)z->count * 1e6 / (done - t0));
    figure("county_ack_rate", s->name, "records/s", (double)z->count * 1e6 / (acked - t0));
    figure("cpu_per_record", s->name, "us, three servers", cpu / (double)z->count);
    for (int i = 0; i < TIERS; i++) {
        if (s->start) figure(busy[i], s->name, "MiB", peak.anon[i]);
        if (s->disk) figure(disk[i], s->name, "bytes on disk per byte", (s->disk(i) - bytes[i]) / (double)z->count / MESSAGE_BYTES);
    }
    lost(s, z->count);
    s->down();
}

static int by_value(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return (x > y) - (x < y); }

/* Posts n at a rate, each at its time, until all have arrived. */
static void paced(const struct system *s, uint64_t n, double rate, bool each, const char *const names[3]) {
    double *ms = calloc(n, sizeof *ms);
    s->up(false);
    timed_reset();
    s->hear(each);
    quiet();
    double t0 = now_us();
    uint64_t sent = 0, seen = 0;
    for (double end = now_s() + (double)n / rate + 30; seen < n;) {
        double now = now_us();
        uint64_t due = (uint64_t)((now - t0) * rate / 1e6) + 1;
        if (due > n) due = n;
        if (due > sent) { s->post(due - sent); sent = due; }
        double wait = sent < n ? (t0 + (double)sent * 1e6 / rate - now_us()) / 1e3 : 5;
        s->listen(wait > 5 ? 5 : wait > 0.02 ? wait : 0.02);
        while (seen < n && timed->arrived[seen] > 0) { ms[seen] = (timed->arrived[seen] - timed->posted[seen]) / 1e3; seen++; }
        if (now_s() > end) die("%s, latency: %llu of %llu arrived", s->name, (unsigned long long)seen, (unsigned long long)n);
    }
    s->acked();
    qsort(ms, n, sizeof *ms, by_value);
    figure(names[0], s->name, "ms", ms[n / 2]);
    figure(names[1], s->name, "ms", ms[n * 99 / 100]);
    figure(names[2], s->name, "ms", ms[n - 1]);
    lost(s, n);
    free(ms);
    s->down();
}
/* Light: 200 a second. Half: half of what the system's own throughput is by now. */
void case_latency(const struct system *s, const struct sizes *z) {
    static const char *const light[3] = { "latency_light_p50", "latency_light_p99", "latency_light_max" };
    static const char *const half[3] = { "latency_half_p50", "latency_half_p99", "latency_half_max" };
    paced(s, z->latencies, 200, true, light);
    double rate = figure_median("throughput", s->name) / 2;
    uint64_t n = (uint64_t)(rate * 2);                          /* two seconds */
    if (n > z->count) n = z->count;
    paced(s, n, rate, false, half);
}

/* The link between city and province is cut, the records pile up at the city, the link comes back. */
void case_catchup(const struct system *s, const struct sizes *z) {
    s->up(true);
    timed_reset();
    relay_cut(s->relay);
    nap_ms(300);
    s->post(z->count);
    s->acked();
    if (s->city_counts) wait_stored(s, CITY, z->count, "before the link's return");
    else nap_ms(2000);
    if (s->stored(PROVINCE) != 0) die("%s: the link was not cut", s->name);
    quiet();
    uint64_t wire = *s->relay->bytes;
    double t0 = now_us(), end = now_s() + PATIENCE_S;
    relay_start(s->relay);
    while (s->stored(PROVINCE) == 0) { if (now_s() > end) die("%s: the link did not come back", s->name); nap_ms(1); }
    double first = now_us(), done = wait_stored(s, PROVINCE, z->count, "catch-up");
    figure("catchup", s->name, "records/s", (double)z->count * 1e6 / (done - first));
    figure("catchup_first", s->name, "s", (first - t0) / 1e6);
    figure("catchup_all", s->name, "s", (done - t0) / 1e6);
    figure("wire_bytes_per_record", s->name, "bytes, city and province", (double)(*s->relay->bytes - wire) / (double)z->count);
    lost(s, z->count);
    s->down();
}

/* A stream; the city is killed -9 at two fifths of it and started half a second later. */
void case_kill(const struct system *s, const struct sizes *z) {
    s->up(false);
    timed_reset();
    double t0 = now_us(), killed = 0, started = 0, flowing = 0;
    uint64_t sent = 0, held = 0;
    for (double end = now_s() + PATIENCE_S; sent < z->count || flowing == 0;) {
        uint64_t due = (uint64_t)((now_us() - t0) * z->kill_rate / 1e6);
        if (due > z->count) due = z->count;
        if (due > sent) { s->post(due - sent); sent = due; }
        if (killed == 0 && sent >= z->count * 2 / 5) { s->end(CITY, SIGKILL); killed = now_us(); }
        if (killed > 0 && started == 0 && now_us() - killed > 5e5) { held = s->stored(PROVINCE); started = now_us(); s->start(CITY); }
        if (started > 0 && flowing == 0 && s->stored(PROVINCE) > held) flowing = now_us();
        if (now_s() > end) die("%s: nothing flows after the city was killed", s->name);
        nap_ms(2);
    }
    s->acked();
    double done = wait_stored(s, PROVINCE, z->count, "after the city was killed");
    figure("recovery_flowing", s->name, "s after the start", (flowing - started) / 1e6);
    figure("recovery_all", s->name, "s after the start", (done - started) / 1e6);
    lost(s, z->count);
    s->down();
}

/* The disk alone: what it takes for a small commit as LMDB writes it, eight scattered pages and two syncs. */
void case_disk(const struct sizes *z) {
    enum { PAGES = 8, FILE_PAGES = 2048, TIMES = 200 };
    static double us[TIMES];
    static const uint8_t page[4096] = { 1 };
    char path[PATH_BYTES + 8], dir[PATH_BYTES];
    (void)z;
    fresh_dir(dir, "disk");
    snprintf(path, sizeof path, "%s/f", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), meta = open(path, O_RDWR | O_DSYNC | O_CLOEXEC);
    for (int i = 0; i < FILE_PAGES; i++) if (fd < 0 || pwrite(fd, page, sizeof page, (off_t)i * 4096) != sizeof page) die("%s", path);
    fdatasync(fd);
    for (int i = 0; i < TIMES; i++) {
        double t0 = now_us();
        for (int k = 0; k < PAGES; k++) if (pwrite(fd, page, sizeof page, (off_t)((i * 131 + k * 251) % FILE_PAGES) * 4096) != sizeof page) die("%s", path);
        if (fdatasync(fd) != 0 || pwrite(meta, page, 120, 16) != 120) die("%s", path);
        us[i] = now_us() - t0;
    }
    close(fd);
    close(meta);
    remove_dir(dir);
    double sum = 0;
    for (int i = 0; i < TIMES; i++) sum += us[i];
    qsort(us, TIMES, sizeof *us, by_value);
    figure("disk_commit_p50", "disk", "ms", us[TIMES / 2] / 1e3);
    figure("disk_commit_p99", "disk", "ms", us[TIMES * 99 / 100] / 1e3);
    figure("disk_commits", "disk", "commits/s", TIMES * 1e6 / sum);
}
