/* restore: a backup takes the place of the store. */
#ifndef LZ_RESTORE_H
#define LZ_RESTORE_H
#include "turn/turn.h"

struct restore_options {
    const char *backup;              /* the directory that `linzhangctl backup` made */
    const char *children_path;       /* the roster's file; written from the backup only when there is none. "": none */
    struct store_options store;
    struct turn_options turn;        /* but for the store, which is opened here */
};
/* Checks that the backup is this unit's and whole, puts it in place (what stood there is kept under another name), reads every
 * value, recomputes everything derived, draws a new epoch and opens the reclaims, so that the next start asks the neighbours for
 * what came after the backup. Tells on stdout what it did. No daemon may run on the store. */
enum lz_err restore_run(const struct restore_options *options, struct lz_fail *fail) LZ_MUST_CHECK;
#endif
