/* cases_tree: what only linzhang is asked: many children, an urgent record behind a backlog, a slow child, a large store. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "stations.h"

enum { FEW = 11, ASK_RECORDS = 20, ORDERS = 100, STARTS = 3 };
static const double FAN_IN_RATE = 10000;

static void wait_count(struct station *s, struct rec_id task, uint64_t n, const char *what) {
    for (double end = now_s() + 240; station_count(s, task) < n; nap_ms(2))
        if (now_s() > end) die("%s: %llu of %llu arrived", what, (unsigned long long)station_count(s, task), (unsigned long long)n);
}
static void lost(struct station *s, struct rec_id task, uint64_t n) {
    uint64_t there = station_count(s, task);
    figure("lost", "linzhang", "records, or doubled", there > n ? (double)(there - n) : (double)(n - there));
}

/* A city at the top and n counties, all of them running. */
struct tree { char dir[PATH_BYTES]; struct station city, *counties; uint32_t n; struct rec_id task; };
static void tree_up(struct tree *t, uint32_t n) {
    t->n = n;
    t->counties = calloc(n, sizeof *t->counties);
    if (!t->counties) die("memory");
    fresh_dir(t->dir, "tree");
    station_make(&t->city, t->dir, CITY_CODE, NULL, 0);
    station_start(&t->city);
    for (uint32_t i = 0; i < n; i++) {
        station_make(&t->counties[i], t->dir, COUNTY_FIRST + i, &t->city, 0);
        station_enrol(&t->city, &t->counties[i]);
        station_start(&t->counties[i]);
    }
    t->task = task_issue(&t->city, "all");
    for (uint32_t i = 0; i < n; i++) task_begin(&t->counties[i], t->task);
}
static void tree_down(struct tree *t) {
    for (uint32_t i = 0; i < t->n; i++) station_end(&t->counties[i], SIGKILL);
    station_end(&t->city, SIGKILL);
    free(t->counties);
    remove_dir(t->dir);
}

/* The same records at the same rate from one, from 11 and from 150: what the city pays for each. */
static void fan_in(uint32_t n, uint64_t count, const char *cost, const char *memory) {
    struct tree t;
    tree_up(&t, n);
    nap_ms(500);
    quiet();
    double t0 = now_us(), cpu = cpu_us(t.city.pid);
    uint64_t sent = 0;
    for (uint32_t next = 0; sent < count; next = (next + 1) % n) {
        uint64_t k = count - sent < ASK_RECORDS ? count - sent : ASK_RECORDS;
        double early = t0 + (double)sent * 1e6 / FAN_IN_RATE - now_us();
        if (early > 0) nap_ms(early / 1e3);
        while (t.counties[next].asks > 0 && station_acks(&t.counties[next], 0)) { }
        station_post(&t.counties[next], t.task, k);
        sent += k;
    }
    for (uint32_t i = 0; i < n; i++) station_acked(&t.counties[i]);
    wait_count(&t.city, t.task, count, "fan-in");
    figure(cost, "linzhang", "us, the city's CPU per record", (cpu_us(t.city.pid) - cpu) / (double)count);
    figure(memory, "linzhang", "MiB", memory_mib(t.city.pid, "RssAnon:"));
    lost(&t.city, t.task, count);
    tree_down(&t);
}
void case_fan_in(const struct sizes *z) {
    fan_in(1, z->count / 2, "fanin_cpu_1", "fanin_anon_city_1");
    fan_in(FEW, z->count / 2, "fanin_cpu_11", "fanin_anon_city_11");
    fan_in(z->children, z->count / 2, "fanin_cpu_150", "fanin_anon_city_150");
}

/* One emergency, from the county's socket until the province shows it. */
static void emergency(struct station *county, struct wire_client *watch, const char *name) {
    double t0 = now_us();
    station_emergency(county);
    if (watch_take(watch, 30000) == 0) die("an emergency did not arrive");
    sample(name, "linzhang", (now_us() - t0) / 1e3);
}
/* The whole backlog waits at the county, so that both links are full of it when the emergencies come: behind a city that did not move
 * for a while, then behind a link that was cut. */
void case_urgent(const struct sizes *z) {
    struct station tiers[TIERS];
    struct relay relay = { .ports = 3 };
    char dir[PATH_BYTES];
    fresh_dir(dir, "urgent");
    station_make(&tiers[PROVINCE], dir, PROVINCE_CODE, NULL, 0);
    tiers[PROVINCE].all_progress = true;
    station_make(&tiers[CITY], dir, CITY_CODE, &tiers[PROVINCE], 0);
    relay.to = tiers[CITY].port;
    relay.from = free_ports(3);
    relay_start(&relay);
    station_make(&tiers[COUNTY], dir, COUNTY_FIRST, &tiers[CITY], relay.from);
    for (int i = 0; i < TIERS; i++) {
        if (i > 0) station_enrol(&tiers[i - 1], &tiers[i]);
        station_start(&tiers[i]);
    }
    struct rec_id task = task_issue(&tiers[CITY], "all");
    task_begin(&tiers[COUNTY], task);
    struct wire_client *watch = station_watch(&tiers[PROVINCE], "emergency");
    for (uint64_t i = 0; i < z->latencies / 5; i++, nap_ms(5)) emergency(&tiers[COUNTY], watch, "urgent_alone");
    kill(tiers[CITY].pid, SIGSTOP);                                  /* the link stays up, and all of it piles up at the county */
    station_post(&tiers[COUNTY], task, z->count);
    station_acked(&tiers[COUNTY]);
    kill(tiers[CITY].pid, SIGCONT);
    do emergency(&tiers[COUNTY], watch, "urgent_loaded"); while (station_count(&tiers[PROVINCE], task) < z->count);
    lost(&tiers[PROVINCE], task, z->count);
    relay_cut(&relay);
    nap_ms(300);
    station_post(&tiers[COUNTY], task, z->count);
    station_acked(&tiers[COUNTY]);
    if (station_count(&tiers[CITY], task) != z->count) die("urgent: the link was not cut");
    relay_start(&relay);
    while (station_count(&tiers[CITY], task) == z->count) nap_ms(1);
    emergency(&tiers[COUNTY], watch, "urgent_at_return");            /* the first one, as soon as anything flows again */
    wait_count(&tiers[PROVINCE], task, 2 * z->count, "urgent");
    lost(&tiers[PROVINCE], task, 2 * z->count);
    wire_client_close(&watch);
    for (int i = 0; i < TIERS; i++) station_end(&tiers[i], SIGKILL);
    relay_cut(&relay);
    remove_dir(dir);
}

static void order(struct tree *t, struct wire_client *watch, const char *name) {
    static char body[8001];
    memset(body, 'x', sizeof body - 1);
    size_t mark = arena_used(stations_arena());
    double t0 = now_us();
    struct answer a = station_call(&t->city, "order issue", true,
        (struct arg[]){ named("title", "关于加强巡护的令"), named("to", "all"), named("body", body) }, 3);
    if (a.code != LZ_ok) die("the order was not issued: %.*s", (int)a.text.len, (const char *)a.text.data);
    if (watch_take(watch, 30000) == 0) die("an order did not arrive");
    sample(name, "linzhang", (now_us() - t0) / 1e3);
    arena_rewind(stations_arena(), mark);
}
/* Orders to all, seen at one child, while another takes nothing: as slow as a child can be that is still connected. */
void case_slow_child(const struct sizes *z) {
    struct tree t;
    (void)z;
    tree_up(&t, FEW);
    struct station *slow = &t.counties[FEW - 1];
    struct wire_client *watch = station_watch(&t.counties[0], "general_order"), *behind = station_watch(slow, "general_order");
    size_t seen = 0;
    for (int i = 0; i < ORDERS; i++, nap_ms(3)) order(&t, watch, "slow_child_without");
    for (double end = now_s() + 30; seen < ORDERS && now_s() < end;) seen += watch_take(behind, 100);
    kill(slow->pid, SIGSTOP);
    for (int i = 0; i < ORDERS; i++, nap_ms(3)) order(&t, watch, "slow_child_with");
    figure("slow_child_anon_city", "linzhang", "MiB", memory_mib(t.city.pid, "RssAnon:"));
    kill(slow->pid, SIGCONT);
    double t0 = now_us();
    for (double end = now_s() + 60; seen < 2 * ORDERS; seen += watch_take(behind, 100))
        if (now_s() > end) die("a slow child has %zu orders of %d", seen, 2 * ORDERS);
    figure("slow_child_caught_up", "linzhang", "s", (now_us() - t0) / 1e6);
    wire_client_close(&watch);
    wire_client_close(&behind);
    tree_down(&t);
}

/* A city with a year of records behind it gets a province that has nothing yet; then each of them is killed and started again. */
void case_large(const struct sizes *z) {
    static const char *const names[TIERS] = { "start_up_province", "start_up_city", "start_up_county" };
    struct station tiers[TIERS];
    char dir[PATH_BYTES];
    fresh_dir(dir, "large");
    station_make(&tiers[PROVINCE], dir, PROVINCE_CODE, NULL, 0);
    tiers[PROVINCE].all_progress = true;
    station_make(&tiers[CITY], dir, CITY_CODE, &tiers[PROVINCE], 0);
    station_make(&tiers[COUNTY], dir, COUNTY_FIRST, &tiers[CITY], 0);
    station_start(&tiers[CITY]);
    station_enrol(&tiers[CITY], &tiers[COUNTY]);
    station_start(&tiers[COUNTY]);
    station_call(&tiers[CITY], "reclaim skip", true, NULL, 0);       /* its parent is not there yet: what its administrator says then */
    struct rec_id task = task_issue(&tiers[CITY], "all");
    task_begin(&tiers[COUNTY], task);
    station_post(&tiers[COUNTY], task, z->big);
    station_acked(&tiers[COUNTY]);
    wait_count(&tiers[CITY], task, z->big, "a large store");
    quiet();
    station_start(&tiers[PROVINCE]);
    double t0 = now_us();
    station_enrol(&tiers[PROVINCE], &tiers[CITY]);
    wait_count(&tiers[PROVINCE], task, 1, "first sync");
    double first = now_us();
    wait_count(&tiers[PROVINCE], task, z->big, "first sync");
    figure("first_sync", "linzhang", "records/s", (double)z->big * 1e6 / (now_us() - first));
    figure("first_sync_first", "linzhang", "s", (first - t0) / 1e6);
    figure("first_sync_anon_city", "linzhang", "MiB", memory_mib(tiers[CITY].pid, "RssAnon:"));
    lost(&tiers[PROVINCE], task, z->big);
    for (int k = 0; k < STARTS; k++)
        for (int i = 0; i < TIERS; i++) {
            station_end(&tiers[i], SIGKILL);
            quiet();
            t0 = now_us();
            station_start(&tiers[i]);
            if (station_count(&tiers[i], task) != z->big) die("%u lost records when it was killed", tiers[i].unit);
            figure(names[i], "linzhang", "s", (now_us() - t0) / 1e6);
        }
    for (int i = 0; i < TIERS; i++) station_end(&tiers[i], SIGKILL);
    remove_dir(dir);
}
