/* hostile: what the attackers share: the daemons that they attack, what these say of themselves, and how an attack is judged.
 *
 * The daemons are real and started by a script; a "scene" file tells of each: unit, control socket, pid, port, public key,
 * secret key file. Everything that is judged is asked of the daemons through their control sockets, as an administrator would. */
#ifndef HOSTILE_H
#define HOSTILE_H
#include "../../daemon/wire/wire.h"
#include <sys/types.h>

enum { STATIONS_MAX = 8, SAMPLES_MAX = 4096, STATION_PATH_BYTES = 512 };
struct station {
    uint32_t unit, parent;
    char socket[STATION_PATH_BYTES], key_file[STATION_PATH_BYTES];
    pid_t pid;
    int port;
    uint8_t public_key[KEY_BYTES], secret_key[KEY_BYTES];
    struct wire_client *client;
    uint64_t seq;
};
struct scene {
    struct station of[STATIONS_MAX];
    size_t n;
    struct arena *arena;
};
void fail(const char *format, ...) LZ_PRINTF(1, 2) __attribute__((noreturn));
void scene_read(struct scene *scene, const char *path);
struct station *station(struct scene *scene, uint32_t unit);
uint64_t now_ms(void);
void nap_ms(unsigned ms);

/* ---- as a clerk or an administrator ---- */
struct answer call(struct scene *scene, struct station *at, const char *verb, bool writes, const struct arg *args, size_t n);
struct arg named(const char *name, const char *value);
/* The first cell of that name in a row where some cell says `item` (NULL: any row); empty: none. */
struct lz_bytes cell_of(const struct answer *a, const char *item, const char *name);
/* How many records of each kind a store holds. */
struct holdings { uint64_t of[KIND_MAX + 1]; };
struct holdings holdings_of(struct scene *scene, struct station *at);
/* A number of `status`: the first behind `word` in the card `card`. UINT64_MAX: not there. */
uint64_t status_number(struct scene *scene, struct station *at, const char *card, const char *word);
bool verified(struct scene *scene, struct station *at);
bool link_is(struct scene *scene, struct station *at, uint32_t peer, const char *state);

/* ---- neighbours that are honest ----
 * A report of an emergency at one station until it can be shown at the other, in ms; UINT64_MAX: not within the time given. */
uint64_t round_trip(struct scene *scene, struct station *from, struct station *to, unsigned within_ms);
struct latency { uint64_t of[SAMPLES_MAX]; size_t n; };
void latency_add(struct latency *l, uint64_t ms);
uint64_t latency_at(struct latency *l, double share);        /* 0.5: the median; 1: the worst */

/* ---- what a process uses ---- */
uint64_t anonymous_kib(pid_t pid);
uint64_t allowed_kib(uint64_t plain);                       /* times MEMORY_FACTOR, which a suite sets that runs sanitized daemons */
size_t descriptors(pid_t pid);
bool alive(pid_t pid);
#endif
