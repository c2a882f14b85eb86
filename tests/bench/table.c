/* table: figures of all rounds, their medians, and how they stand to each other and to the targets. */
#include "bench.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct series { const char *name, *system, *unit; bool pooled; double *v; size_t n, room; };
static struct series all[512];
static size_t n_all;

static struct series *series_of(const char *name, const char *system) {
    for (size_t i = 0; i < n_all; i++) if (strcmp(all[i].name, name) == 0 && strcmp(all[i].system, system) == 0) return &all[i];
    return NULL;
}
static void add(const char *name, const char *system, const char *unit, bool pooled, double value) {
    struct series *s = series_of(name, system);
    if (!s) {
        if (n_all == sizeof all / sizeof *all) die("too many figures");
        s = &all[n_all++];
        *s = (struct series){ .name = name, .system = system, .unit = unit, .pooled = pooled };
    }
    if (s->n == s->room) {
        s->room = s->room ? s->room * 2 : 16;
        s->v = realloc(s->v, s->room * sizeof *s->v);
        if (!s->v) die("memory");
    }
    s->v[s->n++] = value;
}
void figure(const char *name, const char *system, const char *unit, double value) { add(name, system, unit, false, value); }
void sample(const char *name, const char *system, double ms) { add(name, system, "ms", true, ms); }

static int by_value(const void *a, const void *b) { double x = *(const double *)a, y = *(const double *)b; return (x > y) - (x < y); }
static double share(const struct series *s, double part) {
    double at = part * (double)(s->n - 1);
    size_t i = (size_t)at;
    return i + 1 < s->n ? s->v[i] + (s->v[i + 1] - s->v[i]) * (at - (double)i) : s->v[i];
}
double figure_median(const char *name, const char *system) {
    double part = 0.5;
    char base[80];
    struct series *s = series_of(name, system);
    if (!s) {                                                         /* of a pool: its name and _p99 */
        snprintf(base, sizeof base, "%.70s", name);
        char *tail = strrchr(base, '_');
        if (!tail) return NAN;
        part = strcmp(tail, "_p99") == 0 ? 0.99 : 0.5;
        *tail = '\0';
        s = series_of(base, system);
        if (!s || !s->pooled) return NAN;
    }
    if (s->n == 0) return NAN;
    qsort(s->v, s->n, sizeof *s->v, by_value);
    return share(s, part);
}

static void write_series(FILE *out, const char *separator, const struct series *s, const char *tail, double part) {
    char name[96];
    snprintf(name, sizeof name, "%s%s", s->name, tail);
    if (*separator == '\t') fprintf(out, "%s\t%s\t%.4g\t%.4g\t%.4g\t%s\n", name, s->system, share(s, part), s->v[0], s->v[s->n - 1], s->unit);
    else fprintf(out, "%-26s %-11s %12.5g %12.5g %12.5g  %s\n", name, s->system, share(s, part), s->v[0], s->v[s->n - 1], s->unit);
}
static void write_all(FILE *out, const char *separator) {
    for (size_t i = 0; i < n_all; i++) {
        struct series *s = &all[i];
        qsort(s->v, s->n, sizeof *s->v, by_value);
        write_series(out, separator, s, s->pooled ? "_p50" : "", 0.5);
        if (s->pooled) write_series(out, separator, s, "_p99", 0.99);
    }
}

/* ---- the targets ---- */
enum sense { AT_LEAST, AT_MOST, NO_TARGET };
struct target {
    const char *what, *ours, *other, *whose;       /* whose: NULL: a figure by itself */
    enum sense sense;
    double bound, or_ours;                         /* or_ours: it is also met when our figure is at most this */
};
static const struct target targets[] = {
    { "throughput, to NATS",                 "throughput",        "throughput",        "nats",      AT_LEAST, 2.0, 0 },
    { "throughput, to the bare synced chain", "throughput",       "throughput",        "chain",     AT_LEAST, 0.4, 0 },
    { "throughput, to it with a table in order", "throughput",    "throughput",        "chain-seq", AT_LEAST, 0.4, 0 },
    { "throughput, to Mosquitto",            "throughput",        "throughput",        "mosquitto", NO_TARGET, 0, 0 },
    { "throughput, to naive ZeroMQ",         "throughput",        "throughput",        "naive",     NO_TARGET, 0, 0 },
    { "latency at 200/s, p50, to the chain", "latency_light_p50", "latency_light_p50", "chain",     AT_MOST, 1.5, 0 },
    { "latency at 200/s, p99, to the chain", "latency_light_p99", "latency_light_p99", "chain",     AT_MOST, 2.0, 0 },
    { "latency at 200/s, p50, to it in order", "latency_light_p50", "latency_light_p50", "chain-seq", AT_MOST, 1.5, 0 },
    { "latency at 200/s, p99, to it in order", "latency_light_p99", "latency_light_p99", "chain-seq", AT_MOST, 2.0, 0 },
    { "latency at 200/s, p50, to NATS",      "latency_light_p50", "latency_light_p50", "nats",      NO_TARGET, 0, 0 },
    { "latency at half load, p50, to chain", "latency_half_p50",  "latency_half_p50",  "chain",     NO_TARGET, 0, 0 },
    { "latency at half load, p99, to chain", "latency_half_p99",  "latency_half_p99",  "chain",     NO_TARGET, 0, 0 },
    { "latency at half load, p99, to NATS",  "latency_half_p99",  "latency_half_p99",  "nats",      NO_TARGET, 0, 0 },
    { "catch-up after an outage, to NATS",   "catchup",           "catchup",           "nats",      AT_LEAST, 1.0, 0 },
    { "catch-up, first record, s",           "catchup_first",     NULL,                NULL,        AT_MOST, 0.5, 0 },
    { "kill -9 of the city: flowing, s",     "recovery_flowing",  NULL,                NULL,        AT_MOST, 1.0, 0 },
    { "kill -9 of the city: all there, to NATS", "recovery_all",  "recovery_all",      "nats",      NO_TARGET, 0, 0 },
    { "fan-in of 11, city's CPU per record", "fanin_cpu_11",      "fanin_cpu_1",       "linzhang",  AT_MOST, 1.3, 0 },
    { "fan-in of 150, city's CPU per record", "fanin_cpu_150",    "fanin_cpu_1",       "linzhang",  AT_MOST, 1.3, 0 },
    { "urgent through a backlog, p99 (or 20 ms)", "urgent_loaded_p99", "urgent_alone_p50", "linzhang", AT_MOST, 3.0, 20 },
    { "urgent as a cut link returns, p50, ms", "urgent_at_return_p50", NULL,            NULL,        NO_TARGET, 0, 0 },
    { "one slow child: order to others, p99", "slow_child_with_p99", "slow_child_without_p99", "linzhang", NO_TARGET, 0, 0 },
    { "first sync, to the catch-up",         "first_sync",        "catchup",           "linzhang",  NO_TARGET, 0, 0 },
    { "start with a large store, city, s",   "start_up_city",         NULL,                NULL,        NO_TARGET, 0, 0 },
    { "CPU per record, 3 servers, to NATS",  "cpu_per_record",    "cpu_per_record",    "nats",      AT_MOST, 0.5, 0 },
    { "CPU per record, to the chain",        "cpu_per_record",    "cpu_per_record",    "chain",     NO_TARGET, 0, 0 },
    { "bytes on the wire per record, to NATS", "wire_bytes_per_record", "wire_bytes_per_record", "nats", NO_TARGET, 0, 0 },
    { "anonymous memory, idle county, MiB",  "anon_idle_county",  NULL,                NULL,        AT_MOST, 8, 0 },
    { "anonymous memory, busy city, MiB",    "anon_busy_city",    NULL,                NULL,        AT_MOST, 32, 0 },
    { "anonymous memory, busy province, MiB", "anon_busy_province", NULL,              NULL,        AT_MOST, 32, 0 },
    { "store bytes per record's byte, county", "disk_per_byte_county", NULL,           NULL,        AT_MOST, 2.0, 0 },
    { "store bytes per record's byte, city", "disk_per_byte_city", NULL,               NULL,        AT_MOST, 2.0, 0 },
    { "store bytes per record's byte, province", "disk_per_byte_province", NULL,       NULL,        AT_MOST, 2.0, 0 },
};

static const char *standing(const struct target *t, double ours, double ratio) {
    if (isnan(ratio)) return "no figure";
    if (t->sense == NO_TARGET) return "";
    if (t->or_ours > 0 && ours <= t->or_ours) return "met";
    return (t->sense == AT_LEAST ? ratio >= t->bound : ratio <= t->bound) ? "met" : "MISSED";
}

bool report(const char *results, const char *const *absent) {
    FILE *out = fopen(results, "w");
    bool good = true;
    if (!out) die("%s", results);
    fprintf(out, "case\tsystem\tmedian\tmin\tmax\tunit\n");
    write_all(out, "\t");
    fclose(out);
    printf("%-26s %-11s %12s %12s %12s  %s\n", "case", "system", "median", "min", "max", "unit");
    write_all(stdout, " ");
    printf("\n%-42s %11s %11s %8s  %-8s %s\n", "ratios of this run", "linzhang", "other", "ratio", "target", "");
    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        const struct target *t = &targets[i];
        bool is_absent = false;
        for (size_t k = 0; absent[k]; k++) is_absent |= t->whose && strcmp(absent[k], t->whose) == 0;
        double ours = figure_median(t->ours, "linzhang"), other = t->other ? figure_median(t->other, t->whose) : 1, ratio = ours / other;
        char target[16] = "-", theirs[16] = "", text[16] = "";
        if (t->sense != NO_TARGET) snprintf(target, sizeof target, "%s %.3g", t->sense == AT_LEAST ? ">=" : "<=", t->bound);
        if (t->other) { snprintf(theirs, sizeof theirs, "%.4g", other); snprintf(text, sizeof text, "%.2f", ratio); }
        if (is_absent) printf("%-42s %11.4g %11s %8s  %-8s\n", t->what, ours, "not installed", "", target);
        else printf("%-42s %11.4g %11s %8s  %-8s %s\n", t->what, ours, theirs, text, target, standing(t, ours, ratio));
        if (isnan(ours) || (!is_absent && isnan(ratio))) good = false;
    }
    for (size_t i = 0; i < n_all; i++) {
        if (strcmp(all[i].name, "lost") != 0 || all[i].v[all[i].n - 1] == 0) continue;      /* sorted: the worst round */
        printf("%s: lost %.0f in a round\n", all[i].system, all[i].v[all[i].n - 1]);
        if (strcmp(all[i].system, "linzhang") == 0) good = false;
    }
    printf("bench: %zu figures, %s; %.0f records/s, p50 %.2f ms\n", n_all, good ? "of every case, none lost" : "some are missing, or records lost",
        figure_median("throughput", "linzhang"), figure_median("latency_light_p50", "linzhang"));
    return good;
}
