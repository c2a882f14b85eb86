/* Private to the store room. */
#ifndef LZ_STORE_ROOM_H
#define LZ_STORE_ROOM_H
#include <lmdb.h>
#include "store.h"

enum { FRESH_FEEDS_MAX = CHILDREN_MAX * LANE_COUNT + 2 * LANE_COUNT + 1 };

struct store_meta {                  /* one value in `meta`, written by the commit that changed it */
    uint32_t format, unit;
    uint64_t last_stamp, position;
    uint32_t n_epochs;
};
struct backup;
struct store {
    MDB_env *env;
    MDB_dbi dbi[TABLE_COUNT];
    MDB_txn *txn;
    MDB_cursor *cursors[TABLE_COUNT];
    enum lz_err failed;
    bool written;
    struct store_meta meta, committed;
    struct epoch epoch;
    bool is_new;
    int lock_fd, dir_fd;
    uint64_t budget_bytes, reserve_bytes, map_bytes, rot, rot_unsent;
    struct arena *arena;
    const struct store_faults *faults;
    struct backup *backup;           /* the last one, or the one under way */
    struct fresh_feed *fresh;        /* allocated in the arena at the first entry of a transaction */
    size_t n_fresh;
};
bool store_ready(struct store *s);                       /* opens the transaction; false when an error sticks */
void store_fail(struct store *s, int rc, const char *what);
/* Room for a value of `len` bytes; NULL when an error sticks. The caller fills it and calls store_seal. */
uint8_t *store_reserve(struct store *s, enum table table, const struct key *key, size_t len, bool only_new, bool *exists, struct lz_bytes *old);
void store_seal(const struct key *key, uint8_t *value, size_t len);
void store_flush_feeds(struct store *s);
enum { CRC_BYTES = 4 };
enum lz_err store_open_directory(struct store *s, const char *path, struct lz_fail *fail);     /* and its lock */
/* pages.c: 0: the file may be given to LMDB; MDB_CORRUPTED: it may not, and why; another: it cannot be read. */
int pages_look(const char *path, char *why, size_t why_size);
/* backup.c */
void backup_note(struct store *s, enum table table, const struct key *key);
void backup_settle(struct store *s, bool committed);
void backup_destroy(struct store *s);
#endif
