/* store: the environment, the transaction, values with their checksum.
 *
 * Guarantees: LZ_ok from store_commit means synced by LMDB's default two flushes; a process that dies at any line leaves
 * the state of the last such commit. What LMDB 0.9.24 does not do, done here: a second daemon is kept out by our own lock,
 * a new store is synced with its directory before it is used, every value has a checksum. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include "store_room.h"

enum { FORMAT = 1 };

static const char *const table_names[] = {
#define X(name, key, value) #name,
#include "../../schema/tables.def"
#undef X
};
const char *table_name(enum table table) { LZ_ASSERT(table < TABLE_COUNT); return table_names[table]; }

/* ---- opening ---------------------------------------------------------------------------------------------------- */

static enum lz_err refuse_network_disk(const char *path, struct lz_fail *fail) {
    static const struct { long magic; const char *name; } remote[] = {
        { 0x6969, "NFS" }, { 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB2" }, { 0x01021997, "9p" }, { 0x00c36400, "Ceph" },
    };
    struct statfs fs;
    if (statfs(path, &fs) != 0) return LZ_ok;
    for (size_t i = 0; i < LZ_COUNT(remote); i++)
        if ((long)fs.f_type == remote[i].magic)
            return lz_refuse(fail, LZ_store_io, "%s 在网络文件系统 %s 上，断电时不能保证数据完整；请改用本地磁盘", path, remote[i].name);
    return LZ_ok;
}

enum lz_err store_open_directory(struct store *s, const char *path, struct lz_fail *fail) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        enum lz_err err = errno == EROFS || errno == EACCES ? LZ_read_only : LZ_store_io;
        return lz_refuse(fail, err, "不能建立存储目录 %s：%s", path, strerror(errno));
    }
    enum lz_err err = refuse_network_disk(path, fail);
    if (err != LZ_ok) return err;
    char lock[4096];
    snprintf(lock, sizeof lock, "%s/daemon.lock", path);
    s->dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (s->dir_fd < 0 || s->lock_fd < 0) {
        err = errno == EROFS || errno == EACCES ? LZ_read_only : LZ_store_io;
        return lz_refuse(fail, err, "存储 %s 不可写：%s；请检查目录权限和磁盘", path, strerror(errno));
    }
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0)
        return lz_refuse(fail, LZ_store_busy, "另一个 linzhangd 正在使用 %s；一个存储只能由一个守护进程打开", path);
    return LZ_ok;
}

/* LMDB writes the first two pages of a new file in place, and a power cut between them leaves what it refuses ever after. So a
 * new file is written aside and synced, and takes its name whole. */
static int bear(const char *path) {
    char name[4096], fresh[4096];
    MDB_env *env = NULL;
    if ((size_t)snprintf(name, sizeof name, "%s/data.mdb", path) >= sizeof name - 4) return ENAMETOOLONG;
    if (access(name, F_OK) == 0) return 0;
    snprintf(fresh, sizeof fresh, "%s/data.new", path);
    if (unlink(fresh) != 0 && errno != ENOENT) return errno;
    int rc = mdb_env_create(&env);
    if (rc != 0) return rc;
    rc = mdb_env_open(env, fresh, MDB_NOSUBDIR | MDB_NOLOCK, 0600);
    if (rc == 0) rc = mdb_env_sync(env, 1);
    mdb_env_close(env);
    if (rc == 0 && rename(fresh, name) != 0) rc = errno;
    return rc;
}

static enum lz_err open_env(struct store *s, const struct store_options *o, struct lz_fail *fail) {
    char name[4096], why[100];
    snprintf(name, sizeof name, "%s/data.mdb", o->path);
    int rc = pages_look(name, why, sizeof why);
    if (rc == MDB_CORRUPTED)
        return lz_refuse(fail, LZ_store_corrupt, "%s 的页结构损坏（%s），不能使用；请移开它后重新启动，数据会从邻居找回，有备份的先用 linzhangd --restore 还原",
                         name, why);
    if (rc == 0) rc = o->no_sync ? 0 : bear(o->path);
    if (rc == 0) rc = mdb_env_create(&s->env);
    if (rc == 0) rc = mdb_env_set_maxdbs(s->env, TABLE_COUNT);
    if (rc == 0) rc = mdb_env_set_mapsize(s->env, o->map_bytes);
    /* our own lock keeps other processes out and there is one thread: LMDB's reader table is not needed, MDB_NOTLS lets the
     * simulator open thousands of stores. Sync flags stay at their defaults for a daemon: acknowledged means on disk. */
    unsigned flags = MDB_NOTLS | (o->no_sync ? MDB_NOSYNC | MDB_NOLOCK : 0);
    if (rc == 0) rc = mdb_env_open(s->env, o->path, flags, 0600);
    if (rc == EACCES || rc == EROFS) return lz_refuse(fail, LZ_read_only, "存储 %s 不可写：%s", o->path, strerror(rc));
    if (rc == MDB_INVALID || rc == MDB_VERSION_MISMATCH || rc == MDB_CORRUPTED)
        return lz_refuse(fail, LZ_store_corrupt, "%s/data.mdb 不是可用的存储（%s）；请移开它后重新启动，数据会从邻居找回", o->path, mdb_strerror(rc));
    if (rc != 0) return lz_refuse(fail, LZ_store_io, "不能打开存储 %s：%s", o->path, mdb_strerror(rc));
    return LZ_ok;
}

/* On disk: the names of the files in the directory, and the directory's own name in the one above, which may be new too. */
static int sync_names(const struct store *s, const char *path) {
    char above[4096];
    snprintf(above, sizeof above, "%s/..", path);
    int fd = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fsync(s->dir_fd);
    if (rc == 0) rc = fd >= 0 ? fsync(fd) : syncfs(s->dir_fd);       /* one that we may not read */
    int reason = rc == 0 ? 0 : errno;
    if (fd >= 0) close(fd);
    return reason;
}

static enum lz_err open_tables(struct store *s, const struct store_options *o, struct lz_fail *fail) {
    MDB_txn *txn;
    int rc = mdb_txn_begin(s->env, NULL, 0, &txn);
    for (int i = 0; rc == 0 && i < TABLE_COUNT; i++) rc = mdb_dbi_open(txn, table_names[i], MDB_CREATE, &s->dbi[i]);
    if (rc != 0) return lz_refuse(fail, rc == MDB_MAP_FULL || rc == ENOSPC || rc == EIO ? LZ_full : LZ_store_io, "不能建立存储的表：%s", mdb_strerror(rc));
    rc = mdb_txn_commit(txn);
    if (rc == 0 && !o->no_sync) rc = mdb_env_sync(s->env, 1);
    if (rc == 0 && !o->no_sync) rc = sync_names(s, o->path);
    if (rc != 0) return lz_refuse(fail, rc == ENOSPC || rc == EIO ? LZ_full : LZ_store_io, "不能写入存储 %s：%s", o->path, mdb_strerror(rc));
    return LZ_ok;
}

enum { META_BYTES = 28 };
static const uint64_t STAMP_WALL_MAX = UINT64_C(253402300800000);
static struct key meta_key(void) { return key_bytes(lz_bytes_str("store")); }

static enum lz_err read_meta(struct store *s, const struct store_options *o, struct lz_fail *fail) {
    struct lz_bytes v;
    if (!store_get(s, TABLE_meta, meta_key(), &v)) {
        if (s->rot) return lz_refuse(fail, LZ_store_corrupt, "存储 %s 的首部损坏；请移开它后重新启动，数据会从邻居找回", o->path);
        s->meta = (struct store_meta){ .format = FORMAT, .unit = o->unit };
        s->is_new = true;
        return LZ_ok;
    }
    if (v.len < META_BYTES) return lz_refuse(fail, LZ_store_corrupt, "存储 %s 的首部长度不对", o->path);
    s->meta = (struct store_meta){ lz_get32(v.data), lz_get32(v.data + 4), lz_get64(v.data + 8), lz_get64(v.data + 16), lz_get32(v.data + 24) };
    if (s->meta.format > FORMAT)
        return lz_refuse(fail, LZ_store_newer, "存储 %s 的格式是 %u，本程序只认识到 %d；请用新版本的 linzhangd", o->path, s->meta.format, FORMAT);
    /* a stamp behind the year 9999, a position or a number of starts that no store reaches: the next one would be none at all */
    if (stamp_wall_ms(s->meta.last_stamp) > STAMP_WALL_MAX || s->meta.position > UINT64_MAX / 2 || s->meta.n_epochs > UINT32_MAX / 2)
        return lz_refuse(fail, LZ_store_corrupt, "存储 %s 的首部损坏；请移开它后重新启动，数据会从邻居找回", o->path);
    if (s->meta.unit != o->unit)
        return lz_refuse(fail, LZ_store_foreign, "存储 %s 属于 %06u，配置却是 %06u；请检查 [node] unit 和 store", o->path, s->meta.unit, o->unit);
    s->is_new = s->meta.n_epochs == 0;
    return LZ_ok;
}

enum lz_err store_open(struct store **store_p, const struct store_options *o, struct lz_fail *fail) {
    LZ_ASSERT(o->unit != 0 && o->map_bytes >= 1 << 20);
    struct store *s = calloc(1, sizeof *s);
    if (!s) lz_fatal("out of memory");
    s->lock_fd = s->dir_fd = -1;
    s->map_bytes = o->map_bytes;
    s->budget_bytes = o->budget_bytes ? o->budget_bytes : o->map_bytes / 2;
    s->reserve_bytes = o->reserve_bytes;
    s->faults = o->faults;
    enum lz_err err = store_open_directory(s, o->path, fail);
    if (err == LZ_ok) err = open_env(s, o, fail);
    if (err == LZ_ok) err = open_tables(s, o, fail);
    if (err == LZ_ok) err = read_meta(s, o, fail);
    s->committed = s->meta;
    if (err != LZ_ok) { store_close(&s); return err; }
    store_abort(s);
    *store_p = s;
    return LZ_ok;
}

void store_close(struct store **store_p) {
    struct store *s = *store_p;
    *store_p = NULL;
    if (!s) return;
    store_abort(s);
    backup_destroy(s);
    if (s->env) mdb_env_close(s->env);
    if (s->lock_fd >= 0) close(s->lock_fd);
    if (s->dir_fd >= 0) close(s->dir_fd);
    free(s);
}

/* ---- the transaction -------------------------------------------------------------------------------------------- */

void store_fail(struct store *s, int rc, const char *what) {
    if (s->failed != LZ_ok) return;
    s->failed = rc == MDB_MAP_FULL || rc == ENOSPC || rc == MDB_TXN_FULL ? LZ_full : LZ_store_io;
    lz_log(LZ_ERROR, "store.failed what=%s error=%s", what, mdb_strerror(rc));
}

static bool strikes(struct store *s, enum store_point point) {
    return s->faults && s->faults->happens(s->faults->context, point);
}

/* A write that a test makes fail, as LMDB would tell it. */
static int put_strikes(struct store *s) {
    return strikes(s, STORE_PUT_IO) ? EIO : strikes(s, STORE_PUT_FULL) ? MDB_MAP_FULL : 0;
}

bool store_ready(struct store *s) {
    if (s->failed != LZ_ok) return false;
    if (s->txn) return true;
    int rc = mdb_txn_begin(s->env, NULL, 0, &s->txn);
    if (rc == 0) return true;
    s->txn = NULL;
    store_fail(s, rc, "begin");
    return false;
}

static void forget_transaction(struct store *s) {
    s->txn = NULL;
    memset(s->cursors, 0, sizeof s->cursors);          /* LMDB closes the cursors of a write transaction with it */
    s->failed = LZ_ok;
    s->written = false;
}

void store_abort(struct store *s) {
    if (s->txn) mdb_txn_abort(s->txn);
    forget_transaction(s);
    backup_settle(s, false);
    s->meta = s->committed;
    s->fresh = NULL;
    s->n_fresh = 0;
}

static void write_meta(struct store *s) {
    const struct store_meta *a = &s->meta, *b = &s->committed;
    if (a->last_stamp == b->last_stamp && a->position == b->position && a->n_epochs == b->n_epochs) return;       /* the rest never changes */
    uint8_t v[META_BYTES];
    lz_put32(v, s->meta.format);
    lz_put32(v + 4, s->meta.unit);
    lz_put64(v + 8, s->meta.last_stamp);
    lz_put64(v + 16, s->meta.position);
    lz_put32(v + 24, s->meta.n_epochs);
    store_put(s, TABLE_meta, meta_key(), lz_bytes_of(v, sizeof v));
}

/* A full disk shows itself as EIO on some file systems (a short write); only the free space tells it from a dying disk. */
static bool disk_is_full(const struct store *s) {
    struct statvfs fs;
    if (fstatvfs(s->dir_fd, &fs) != 0) return false;
    return (uint64_t)fs.f_bavail * fs.f_frsize <= (s->reserve_bytes > 1 << 20 ? s->reserve_bytes : 1 << 20);
}

enum lz_err store_commit(struct store *s) {
    if (s->written && s->failed == LZ_ok && strikes(s, STORE_FULL)) s->failed = LZ_full;
    if (s->written && strikes(s, STORE_BEFORE_COMMIT)) { store_abort(s); return LZ_store_io; }
    if (s->written && s->failed == LZ_ok) {
        store_flush_feeds(s);
        write_meta(s);
        /* whoever was refused memory on the way may have left something out without a word */
        if (s->arena && arena_refused(s->arena)) store_give_up(s);
    }
    if (s->failed != LZ_ok) {
        enum lz_err err = s->failed == LZ_store_io && disk_is_full(s) ? LZ_full : s->failed;
        store_abort(s);
        return err;
    }
    if (!s->written) {
        if (s->txn) mdb_txn_abort(s->txn);
        forget_transaction(s);
        s->n_fresh = 0;
        return LZ_ok;
    }
    int rc = mdb_txn_commit(s->txn);
    forget_transaction(s);
    backup_settle(s, rc == 0);
    if (rc == 0) {
        s->committed = s->meta;
        return strikes(s, STORE_AFTER_COMMIT) ? LZ_store_io : LZ_ok;
    }
    lz_log(LZ_ERROR, "store.commit_failed error=%s", mdb_strerror(rc));
    s->meta = s->committed;
    s->n_fresh = 0;
    if (rc == MDB_PANIC) return LZ_store_io;
    return rc == ENOSPC || rc == MDB_MAP_FULL || (rc == EIO && disk_is_full(s)) ? LZ_full : LZ_store_io;
}

enum lz_err store_failed(const struct store *s) { return s->failed; }
void store_give_up(struct store *s) { if (s->failed == LZ_ok) s->failed = LZ_full; }
bool store_written(const struct store *s) { return s->written; }
void store_set_arena(struct store *s, struct arena *arena) { s->arena = arena; }
uint64_t store_rot(const struct store *s) { return s->rot; }
uint64_t store_rot_unsent(const struct store *s) { return s->rot_unsent; }
void store_rot_forget(struct store *s) { s->rot = s->rot_unsent = 0; }

/* ---- values ------------------------------------------------------------------------------------------------------ */

static MDB_val val(const struct key *key) { return (MDB_val){ key->len, (void *)(uintptr_t)key->b }; }

static uint32_t checksum(const struct key *key, const uint8_t *data, size_t len) {
    return lz_crc32c(lz_crc32c(0, key->b, key->len), data, len);
}

/* The gate of the store: outside bytes too, since disks lie. */
static bool open_value(struct store *s, enum table table, const struct key *key, MDB_val v, struct lz_bytes *out) {
    const uint8_t *data = v.mv_data;
    if (v.mv_size >= CRC_BYTES && lz_get32(data) == checksum(key, data + CRC_BYTES, v.mv_size - CRC_BYTES)) {
        *out = lz_bytes_of(data + CRC_BYTES, v.mv_size - CRC_BYTES);
        return true;
    }
    char hex[2 * sizeof key->b + 1];
    lz_hex(key->b, key->len, hex);
    s->rot++;
    if (table == TABLE_record || table == TABLE_feed || table == TABLE_tip) s->rot_unsent++;
    lz_log(LZ_ERROR, "store.rot table=%s key=%s", table_names[table], hex);
    return false;
}

bool store_get(struct store *s, enum table table, struct key key, struct lz_bytes *value) {
    if (!store_ready(s)) return false;
    MDB_val k = val(&key), v;
    int rc = mdb_get(s->txn, s->dbi[table], &k, &v);
    if (rc == 0) return open_value(s, table, &key, v, value);
    if (rc != MDB_NOTFOUND) store_fail(s, rc, "get");
    return false;
}

uint8_t *store_reserve(struct store *s, enum table table, const struct key *key, size_t len, bool only_new, bool *exists, struct lz_bytes *old) {
    if (!store_ready(s)) return NULL;
    MDB_val k = val(key), v = { CRC_BYTES + len, NULL };
    int rc = put_strikes(s);
    if (rc == 0) rc = mdb_put(s->txn, s->dbi[table], &k, &v, MDB_RESERVE | (only_new ? MDB_NOOVERWRITE : 0u));
    if (rc == MDB_KEYEXIST) {
        LZ_ASSERT(only_new && exists && old);            /* no other put says so */
        *exists = true;
        if (!open_value(s, table, key, v, old)) *old = (struct lz_bytes){ 0 };
        return NULL;
    }
    if (rc != 0) { store_fail(s, rc, table_names[table]); return NULL; }
    s->written = true;
    backup_note(s, table, key);
    return v.mv_data;
}

void store_seal(const struct key *key, uint8_t *value, size_t len) {
    lz_put32(value, checksum(key, value + CRC_BYTES, len));
}

void store_put(struct store *s, enum table table, struct key key, struct lz_bytes value) {
    uint8_t *out = store_reserve(s, table, &key, value.len, false, NULL, NULL);
    if (!out) return;
    if (value.len) memcpy(out + CRC_BYTES, value.data, value.len);
    store_seal(&key, out, value.len);
}

void store_delete(struct store *s, enum table table, struct key key) {
    if (!store_ready(s)) return;
    MDB_val k = val(&key);
    int rc = put_strikes(s);
    if (rc == 0) rc = mdb_del(s->txn, s->dbi[table], &k, NULL);
    if (rc == 0) { s->written = true; backup_note(s, table, &key); }
    else if (rc != MDB_NOTFOUND) store_fail(s, rc, "delete");
}

static bool cursor_step(struct store *s, enum table table, MDB_cursor_op op, struct key *key, struct lz_bytes *value) {
    if (!store_ready(s)) return false;
    if (!s->cursors[table]) {
        int rc = mdb_cursor_open(s->txn, s->dbi[table], &s->cursors[table]);
        if (rc != 0) { store_fail(s, rc, "cursor"); return false; }
    }
    MDB_val k = val(key), v;
    for (;;) {
        int rc = mdb_cursor_get(s->cursors[table], &k, &v, op);
        if (rc == MDB_NOTFOUND) return false;
        if (rc != 0) { store_fail(s, rc, "seek"); return false; }
        if (k.mv_size > sizeof key->b) return false;
        key->len = (uint8_t)k.mv_size;
        memcpy(key->b, k.mv_data, k.mv_size);
        if (open_value(s, table, key, v, value)) return true;
        op = op == MDB_LAST || op == MDB_PREV ? MDB_PREV : MDB_NEXT;      /* pass over rot: it is counted and logged */
    }
}

bool store_seek(struct store *s, enum table table, struct key *key, struct lz_bytes *value) {
    return cursor_step(s, table, key->len ? MDB_SET_RANGE : MDB_FIRST, key, value);
}

bool store_last(struct store *s, enum table table, struct key *key, struct lz_bytes *value) {
    *key = (struct key){ 0 };
    return cursor_step(s, table, MDB_LAST, key, value);
}

bool store_seek_back(struct store *s, enum table table, struct key from, struct key *key) {
    struct lz_bytes v;
    *key = from;
    if (cursor_step(s, table, MDB_SET_RANGE, key, &v)) {
        if (key->len == from.len && memcmp(key->b, from.b, from.len) == 0) return true;
        return cursor_step(s, table, MDB_PREV, key, &v);
    }
    return store_last(s, table, key, &v);
}

/* ---- rot --------------------------------------------------------------------------------------------------------- */

bool store_has(struct store *s, enum table table, struct key key) {
    if (!store_ready(s)) return false;
    MDB_val k = val(&key), v;
    int rc = mdb_get(s->txn, s->dbi[table], &k, &v);
    if (rc != 0 && rc != MDB_NOTFOUND) store_fail(s, rc, "has");
    return rc == 0;
}

/* raw is the value behind its checksum's place, so the checksum stands in front of it. */
bool store_raw_good(struct key key, struct lz_bytes raw) {
    return lz_get32(raw.data - CRC_BYTES) == checksum(&key, raw.data, raw.len);
}

/* One table, from a key on; false: its end. A bit that flips in a key may break the order of a page: what then comes before the
 * place that was sought is not looked at twice. */
static bool scrub_table(struct store *s, struct scrub *at, size_t *entries, rot_met met, void *context) {
    MDB_cursor *cursor;
    MDB_val k = val(&at->key), v;
    int rc = store_ready(s) ? mdb_cursor_open(s->txn, s->dbi[at->table], &cursor) : EINVAL;
    if (rc != 0) { store_fail(s, rc, "scrub"); return false; }
    struct key from = at->key;
    rc = mdb_cursor_get(cursor, &k, &v, at->key.len ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0 && *entries > 0 && k.mv_size < sizeof at->key.b) {
        at->key = key_bytes(lz_bytes_of(k.mv_data, k.mv_size));
        (*entries)--;
        at->looked++;
        const uint8_t *data = v.mv_data;
        bool good = v.mv_size >= CRC_BYTES && lz_get32(data) == checksum(&at->key, data + CRC_BYTES, v.mv_size - CRC_BYTES);
        struct lz_bytes raw = v.mv_size >= CRC_BYTES ? lz_bytes_of(data + CRC_BYTES, v.mv_size - CRC_BYTES) : (struct lz_bytes){ 0 };
        if (!good && met(context, at->table, at->key, raw) == ROT_DROP) {
            if ((rc = mdb_cursor_del(cursor, 0)) != 0) break;
            s->written = true;
            backup_note(s, at->table, &at->key);
        }
        rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc != 0 && rc != MDB_NOTFOUND) store_fail(s, rc, "scrub");
    bool more = rc == 0 && *entries == 0 && lz_bytes_compare(key_view(&at->key), key_view(&from)) >= 0;
    if (more) at->key = key_after(at->key);
    return more;
}

bool store_scrub(struct store *s, struct scrub *at, size_t entries, rot_met met, void *context) {
    while (at->table < TABLE_COUNT && s->failed == LZ_ok) {
        if (scrub_table(s, at, &entries, met, context)) return true;
        at->table++;
        at->key = (struct key){ 0 };
    }
    return false;
}

/* ---- what is true of the whole store --------------------------------------------------------------------------- */

struct epoch store_epoch(const struct store *s) { return s->epoch; }
uint64_t store_position(const struct store *s) { return s->meta.position; }
uint64_t store_last_stamp(const struct store *s) { return s->meta.last_stamp; }
bool store_is_new(const struct store *s) { return s->is_new; }

void store_raise_stamp(struct store *s, uint64_t stamp) {
    if (stamp <= s->meta.last_stamp) return;
    s->meta.last_stamp = stamp;
    if (store_ready(s)) s->written = true;
}

uint64_t store_next_stamp(struct store *s, uint64_t wall_ms) {
    s->meta.last_stamp = stamp_next(s->meta.last_stamp, wall_ms);
    return s->meta.last_stamp;
}

enum { LINEAGE_BYTES = 24 };

void store_begin_epoch(struct store *s, struct epoch epoch) {
    uint8_t v[LINEAGE_BYTES];
    memcpy(v, epoch.b, sizeof epoch.b);
    lz_put64(v + 16, s->meta.position);
    store_put(s, TABLE_lineage, key_u32(s->meta.n_epochs++), lz_bytes_of(v, sizeof v));
    s->epoch = epoch;
}

size_t store_lineage(struct store *s, struct lineage_entry *out, size_t max, bool *cut) {
    LZ_ASSERT(max >= 2);
    size_t n = 0;
    *cut = s->meta.n_epochs > max;
    for (uint32_t i = 0; i < s->meta.n_epochs; i++) {
        LZ_ASSERT(n < max);
        if (*cut && i == 1) i = s->meta.n_epochs - (uint32_t)(max - 1);
        struct lz_bytes v;
        if (!store_get(s, TABLE_lineage, key_u32(i), &v) || v.len != LINEAGE_BYTES) continue;
        memcpy(out[n].epoch.b, v.data, 16);
        out[n++].position = lz_get64(v.data + 16);
    }
    return n;
}

struct store_room store_room(struct store *s) {
    struct store_room room = { .budget_bytes = s->budget_bytes, .reserve_bytes = s->reserve_bytes, .map_bytes = s->map_bytes };
    MDB_envinfo info;
    MDB_stat stat;
    mdb_env_info(s->env, &info);
    mdb_env_stat(s->env, &stat);
    room.used_bytes = (info.me_last_pgno + 1) * stat.ms_psize;
    struct statvfs fs;
    room.disk_free_bytes = fstatvfs(s->dir_fd, &fs) == 0 ? (uint64_t)fs.f_bavail * fs.f_frsize : UINT64_MAX;
    uint64_t left = room.used_bytes < room.budget_bytes ? room.budget_bytes - room.used_bytes : 0;
    if (room.disk_free_bytes < left) left = room.disk_free_bytes;
    room.full = left < room.reserve_bytes;
    room.exhausted = left < room.reserve_bytes / 8;
    return room;
}

void store_count(struct store *s, struct store_counts *counts) {
    memset(counts, 0, sizeof *counts);
    for (int i = 0; store_ready(s) && i < TABLE_COUNT; i++) {
        MDB_stat stat;
        if (mdb_stat(s->txn, s->dbi[i], &stat) == 0) counts->entries[i] = stat.ms_entries;
    }
}
