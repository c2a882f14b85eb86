/* linzhang: three real daemons, CURVE on, every commit synced, as a system among the others. */
#include <signal.h>
#include <stdio.h>
#include "stations.h"

static struct station tiers[TIERS];
static struct rec_id task;
static char dir[PATH_BYTES];
static struct relay relay = { .ports = 3 };
static struct wire_client *watch;
static uint64_t heard;

static bool installed(void) { return true; }
static struct station *county(void) { return &tiers[COUNTY]; }

static void up(bool cuttable) {
    char to[16];
    fresh_dir(dir, "lz");
    station_make(&tiers[PROVINCE], dir, PROVINCE_CODE, NULL, 0);
    tiers[PROVINCE].all_progress = true;
    relay.to = tiers[PROVINCE].port;
    relay.from = cuttable ? free_ports(3) : relay.to;
    if (cuttable) relay_start(&relay);
    station_make(&tiers[CITY], dir, CITY_CODE, &tiers[PROVINCE], relay.from);
    station_make(&tiers[COUNTY], dir, COUNTY_FIRST, &tiers[CITY], 0);
    for (int i = 0; i < TIERS; i++) {
        if (i > 0) station_enrol(&tiers[i - 1], &tiers[i]);          /* before it knocks, or it waits before it knocks again */
        station_start(&tiers[i]);
    }
    snprintf(to, sizeof to, "%u", tiers[COUNTY].unit);
    task = task_issue(&tiers[CITY], to);
    task_begin(county(), task);
    heard = 0;
}
static void down(void) {
    if (watch) wire_client_close(&watch);
    for (int i = 0; i < TIERS; i++) station_end(&tiers[i], SIGKILL);
    relay_cut(&relay);
    remove_dir(dir);
}
static void post(uint64_t n) {
    double now = now_us();
    for (uint64_t i = 0; i < n && county()->posted + i < TIMED_MAX; i++) timed->posted[county()->posted + i] = now;
    station_post(county(), task, n);
}
static void acked(void) { station_acked(county()); }
static uint64_t stored(int tier) { return station_count(&tiers[tier], task); }
/* Few are shown one by one to who watches the province; of many the province is asked how many it has. */
static void hear(bool each) { if (each) watch = station_watch(&tiers[PROVINCE], "progress"); }
static void listen_for(double ms) {
    uint64_t n = heard;
    while (county()->asks > 0 && station_acks(county(), 0)) { }
    if (watch) n += watch_take(watch, ms < 1 ? 1 : (uint64_t)ms);
    else { nap_ms(ms < 1 ? ms : 1); n = stored(PROVINCE); }
    for (double now = now_us(); heard < n && heard < TIMED_MAX; heard++) timed->arrived[heard] = now;
}
static void end(int tier, int signal_number) { station_end(&tiers[tier], signal_number); }
static void start(int tier) { station_start(&tiers[tier]); }
static pid_t pid_of(int tier) { return tiers[tier].pid; }
static double disk(int tier) {
    char path[PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/store", tiers[tier].dir);
    return dir_bytes(path);
}

const struct system linzhang = { "linzhang", installed, up, down, post, acked, stored, hear, listen_for, end, start, pid_of, disk, &relay, true };
