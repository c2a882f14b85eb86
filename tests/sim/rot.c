/* rot: bits flip in a store while nobody looks. What lies on the disk is changed below the store's own code. */
#include <lmdb.h>
#include <stdio.h>
#include "world.h"

static MDB_env *open_env(const struct node *n) {
    MDB_env *env;
    int rc = mdb_env_create(&env);
    if (rc == 0) rc = mdb_env_set_maxdbs(env, TABLE_COUNT);
    if (rc == 0) rc = mdb_env_set_mapsize(env, 256 << 20);
    if (rc == 0) rc = mdb_env_open(env, n->path, MDB_NOSYNC | MDB_NOLOCK, 0600);
    LZ_ASSERT(rc == 0);
    return env;
}

/* One bit of a value; in_key: of its key, and the value lies there under a name that is not its own. */
static void flip(struct world *w, MDB_txn *txn, MDB_dbi dbi, MDB_val k, MDB_val v, bool in_key) {
    uint8_t key[MDB_MAXKEYSIZE_SEEN], value[1 << 17];
    LZ_ASSERT(k.mv_size <= sizeof key && v.mv_size > 0 && v.mv_size <= sizeof value);
    memcpy(key, k.mv_data, k.mv_size);
    memcpy(value, v.mv_data, v.mv_size);
    MDB_val at = { k.mv_size, key }, new_value = { v.mv_size, value };
    if (in_key) {
        int rc = mdb_del(txn, dbi, &at, NULL);
        LZ_ASSERT(rc == 0);
        key[sim_random(w, k.mv_size)] ^= (uint8_t)(1 << sim_random(w, 8));
    } else value[sim_random(w, v.mv_size)] ^= (uint8_t)(1 << sim_random(w, 8));
    int rc = mdb_put(txn, dbi, &at, &new_value, 0);
    LZ_ASSERT(rc == 0);
}

size_t node_rot(struct world *w, struct node *n, enum table table, uint32_t one_in, bool in_key) {
    enum { MOST = 4096 };
    static MDB_val keys[MOST];
    static uint8_t bytes[MOST][MDB_MAXKEYSIZE_SEEN];
    if (n->up) store_abort(n->store);                    /* between two turns of a daemon that runs */
    MDB_env *env = open_env(n);
    MDB_txn *txn;
    MDB_dbi dbi;
    MDB_cursor *cursor;
    MDB_val k, v;
    size_t chosen = 0;
    int rc = mdb_txn_begin(env, NULL, 0, &txn);
    if (rc == 0) rc = mdb_dbi_open(txn, table_name(table), 0, &dbi);
    if (rc == 0) rc = mdb_cursor_open(txn, dbi, &cursor);
    LZ_ASSERT(rc == 0);
    while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0 && chosen < MOST) {
        if (sim_random(w, one_in) != 0 || v.mv_size == 0) continue;
        memcpy(bytes[chosen], k.mv_data, k.mv_size);
        keys[chosen] = (MDB_val){ k.mv_size, bytes[chosen] };
        chosen++;
    }
    mdb_cursor_close(cursor);
    for (size_t i = 0; i < chosen; i++)
        if (mdb_get(txn, dbi, &keys[i], &v) == 0) flip(w, txn, dbi, keys[i], v, in_key);
    rc = mdb_txn_commit(txn);
    LZ_ASSERT(rc == 0);
    mdb_env_close(env);
    w->faults += chosen;
    world_note(w, "%u rots: %zu of %s", n->code, chosen, table_name(table));
    return chosen;
}

/* As a disk does it: one bit of the file, wherever it lies. */
void node_flip(struct world *w, struct node *n, uint64_t byte, unsigned bit) {
    char path[PATH_BYTES + 16];
    snprintf(path, sizeof path, "%s/data.mdb", n->path);
    LZ_ASSERT(!n->up);
    FILE *f = fopen(path, "r+b");
    LZ_ASSERT(f);
    int rc = fseek(f, 0, SEEK_END);
    uint64_t size = (uint64_t)ftell(f);
    byte %= size;
    rc |= fseek(f, (long)byte, SEEK_SET);
    int c = fgetc(f);
    rc |= fseek(f, (long)byte, SEEK_SET);
    LZ_ASSERT(rc == 0 && c >= 0);
    fputc(c ^ 1 << bit, f);
    fclose(f);
    w->faults++;
    world_note(w, "%u: bit %u of byte %llu flips", n->code, bit, (unsigned long long)byte);
}
