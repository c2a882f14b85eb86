#include "rig.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A missing file is empty; one that cannot be read is not. */
static bool read_small(const char *path, char *text, size_t room, size_t *n) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *n = 0;
    if (fd < 0) return errno == ENOENT;
    ssize_t got = read(fd, text, room);
    close(fd);
    *n = got > 0 ? (size_t)got : 0;
    return got >= 0;
}

struct units *rig_units(const char *path) {
    enum { SIZE = 1 << 20 };
    char *text = malloc(SIZE);
    size_t n;
    struct lz_fail fail = { 0 };
    struct units *units = units_create();
    if (!text || !read_small(path, text, SIZE, &n) || units_load(units, lz_bytes_of(text, n), &fail) != LZ_ok) {
        fprintf(stderr, "%s: %s\n", path, fail.text[0] ? fail.text : "cannot be read");
        exit(2);
    }
    free(text);
    return units;
}

enum lz_err rig_open(struct rig *r, struct lz_fail *fail) {
    static char text[1 << 20];
    size_t n = 0;
    r->roster = roster_create();
    if (!r->roster) lz_fatal("out of memory");
    if (!read_small(r->roster_path, text, sizeof text, &n)) return lz_refuse(fail, LZ_bad_config, "不能读取 %s", r->roster_path);
    if (n) {
        enum lz_err err = roster_load(r->roster, lz_bytes_of(text, n), fail);
        if (err != LZ_ok) return err;
    }
    struct store_options so = { .path = r->store_path, .unit = r->unit,
                                .map_bytes = RIG_MAP_BYTES, .budget_bytes = RIG_MAP_BYTES / 2, .reserve_bytes = 1 << 20 };
    enum lz_err err = store_open(&r->store, &so, fail);
    if (err != LZ_ok) return err;
    struct turn_options o = {
        .store = r->store, .roster = r->roster, .units = r->units, .calendar = r->calendar, .unit = r->unit, .parent = r->parent, .tier = r->tier,
        .n_parent_endpoints = r->parent ? 1 : 0, .software = "power", .seed = 11 + r->starts, .tip_ms = 1000, .tip_idle_ms = 8000, .hello_ms = 1000,
        .settings = { .sign_days = 1, .sign_urgent_hours = 2, .reminder_days = 10, .letter_days = 15, .accept_days = 1, .handle_days = 15, .blue_days = 3,
                      .yellow_points = 10, .red_points = 30, .urge_after_days = 3, .offer_after_days = 5, .rollup_interval_ms = 50 },
    };
    memcpy(o.seal_key, r->seal_key, sizeof o.seal_key);
    lz_random(o.epoch.b, sizeof o.epoch.b);
    r->starts++;
    err = turn_open(&r->turn, &o, r->now, fail);
    if (err != LZ_ok) return err;
    r->ctl = ctl_create(&(struct ctl_options){ .turn = r->turn, .roster = r->roster, .roster_path = r->roster_path, .software = "power",
                                               .store_path = r->store_path, .started_wall_ms = r->now.wall_ms });
    return LZ_ok;
}

void rig_close(struct rig *r) {
    ctl_destroy(&r->ctl);
    turn_close(&r->turn);
    store_close(&r->store);
    roster_destroy(&r->roster);
}

uint64_t rig_verify(struct rig *r, char first[256]) {
    struct verify v;
    turn_begin(r->turn, r->now);
    flow_verify(turn_flow(r->turn), &v);
    snprintf(first, 256, "%.*s", (int)(v.first.len < 240 ? v.first.len : 240), (const char *)v.first.data);
    uint64_t differences = v.differences;
    enum lz_err err = turn_commit(r->turn);
    struct packet packet;
    while (turn_next_send(r->turn, &packet)) { }
    if (err != LZ_ok && !differences) { snprintf(first, 256, "commit: %s", lz_err_name(err)); return 1; }
    return differences;
}
