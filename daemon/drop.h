/* drop: bundles by themselves: what somebody puts into one folder is imported, what a neighbour should get is put into another. */
#ifndef LZ_DROP_H
#define LZ_DROP_H
#include "turn/turn.h"

struct drop_options {
    struct turn *turn;               /* lent for the life of the drop */
    const char *in, *out;            /* folders, made if missing; "": not this way. Lent as well */
    uint64_t every_ms;               /* how often something new is put into `out` for a neighbour without a network */
    uint64_t part_bytes;             /* of one file */
    uint64_t out_bytes;              /* of all in `out` */
};
struct drop;
/* Refuses a folder that cannot be made or used. Both empty: *drop_p is NULL, and everything below does nothing. */
enum lz_err drop_open(struct drop **drop_p, const struct drop_options *options, struct lz_now now, struct lz_fail *fail) LZ_MUST_CHECK;
void drop_close(struct drop **drop_p);
/* In a turn, after everything else: at most one slice of one file each way. */
void drop_turn(struct drop *drop);
/* After the commit: only now is a file that was imported put away. */
void drop_committed(struct drop *drop, enum lz_err committed);
uint64_t drop_next_deadline(const struct drop *drop);          /* mono_ms */
#endif
