/* rig: one node made of the real store, flow, turn and ctl over a directory, without sockets; shared by replay.c and faults.c. */
#ifndef POWER_RIG_H
#define POWER_RIG_H
#include "../../daemon/ctl/ctl.h"

struct rig {
    uint32_t unit, parent;
    uint8_t tier;
    char dir[600], store_path[640], roster_path[640];
    uint8_t seal_key[SEAL_KEY_BYTES];
    const struct units *units;
    const struct calendar *calendar;
    struct roster *roster;
    struct store *store;
    struct turn *turn;
    struct ctl *ctl;
    struct lz_now now;
    uint32_t starts;
};
enum { RIG_MAP_BYTES = 1 << 30 };
/* As the daemon starts: roster file, store, turn, ctl. */
enum lz_err rig_open(struct rig *rig, struct lz_fail *fail) LZ_MUST_CHECK;
void rig_close(struct rig *rig);
/* Everything derived is computed again. 0: no difference; else first says what. */
uint64_t rig_verify(struct rig *rig, char first[256]);
int power_mark(int argc, char **argv);
int power_replay(int argc, char **argv);
int power_block(int argc, char **argv);
int power_faults(int argc, char **argv);
struct units *rig_units(const char *path);
#endif
