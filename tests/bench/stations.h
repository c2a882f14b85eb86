/* stations: real daemons and a clerk at each, for the bench. */
#ifndef BENCH_STATIONS_H
#define BENCH_STATIONS_H
#include "../../daemon/wire/wire.h"
#include "bench.h"

enum { BENCH_CHILDREN = 150, PROVINCE_CODE = 410000, CITY_CODE = 410800, COUNTY_FIRST = 410801 };
struct station {
    uint32_t unit;
    const struct station *parent;
    int port, dialled;                  /* of its own, and where it finds its parent: a relay's, or the parent's */
    char dir[PATH_BYTES], socket[PATH_BYTES + 8], config[PATH_BYTES + 16], log[PATH_BYTES + 8];
    uint8_t secret[KEY_BYTES], public[KEY_BYTES];
    pid_t pid;
    struct wire_client *client;
    uint64_t seq, posted, window, asks;  /* window: records handed in and not acknowledged */
    struct { uint64_t seq, n; } under_way[64];
    bool all_progress;                  /* it wants every progress report from below */
};
void stations_begin(const char *linzhangd);                  /* once */
/* Ready to be started, below dir; parent NULL: the top. dialled 0: the parent's own port. */
void station_make(struct station *s, const char *dir, uint32_t unit, const struct station *parent, int dialled);
void station_start(struct station *s);                       /* returns when its control socket answers */
void station_end(struct station *s, int signal_number);
void station_enrol(struct station *parent, const struct station *child);
struct wire_client *station_watch(struct station *s, const char *kind);
size_t watch_take(struct wire_client *watch, uint64_t ms);   /* how many rows came in one packet */
struct answer station_call(struct station *s, const char *verb, bool writes, struct arg *args, size_t n);
static inline struct arg named(const char *name, const char *value) { return (struct arg){ lz_bytes_str(name), lz_bytes_str(value) }; }
/* A task of the city to all below it, signed and begun by each; waits until the line is up. */
struct rec_id task_issue(struct station *issuer, const char *to);
void task_begin(struct station *county, struct rec_id task);
void station_post(struct station *county, struct rec_id task, uint64_t n);     /* progress reports of 256 bytes */
bool station_acks(struct station *s, uint64_t ms);           /* takes one answer, if one comes in time */
void station_acked(struct station *s);
uint64_t station_count(struct station *s, struct rec_id task);
void station_emergency(struct station *county);              /* acknowledged on return */
struct arena *stations_arena(void);
#endif
