/* The log of a power-cut run: what a daemon did to its files, in order, and what clerks were told, in between.
 * Written by shim.c (inside the daemons) and by `power mark`; read by replay.c. One record is one write(2), appended. */
#ifndef POWER_LOG_H
#define POWER_LOG_H
#include <stdint.h>

enum power_op {
    OP_CREATE = 'C',                 /* a name came into being: open(O_CREAT) of a file that was not there; data: empty */
    OP_MKDIR = 'M',
    OP_WRITE = 'W',                  /* in the page cache when it returned */
    OP_DSYNC = 'D',                  /* through an O_DSYNC or O_SYNC descriptor: on disk when it returned, it alone */
    OP_TRUNCATE = 'T',               /* off: the new length */
    OP_SYNC = 'S',                   /* fsync or fdatasync of a file, or of a directory: its names */
    OP_RENAME = 'R',                 /* data: the new name */
    OP_UNLINK = 'U',
    OP_START = 'B',                  /* a daemon began to use its files */
    OP_ACK = 'A'                     /* path: the unit; data: request, a space, ids with spaces between */
};
enum { POWER_MAGIC = 0x504f5752 };
struct power_head {
    uint32_t magic, op, path_len, len;
    uint64_t off;
};
/* What a disk below them was given (disk.c), in order; read by block.c. `told`: how long the log above was when this came. */
enum { BLOCK_MAGIC = 0x424c4f43 };
struct block_head {
    uint32_t magic, op, len, pad;    /* op: OP_WRITE, followed by its bytes; OP_SYNC: all before it is on disk when it is answered */
    uint64_t off, told;
};
#endif
