/* backup: a copy of the whole store, made beside the work.
 *
 * A long read transaction would keep LMDB from using freed pages again, and a copy of the file would have to stop the daemon.
 * So the copy walks the tables in slices, each read within one turn; what a later transaction changes in the part that has been
 * copied is copied once more. When the walk ends, the copy is the store as the last commit left it. Extra space: one copy. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store_room.h"

enum { SYNC_EVERY_BYTES = 4 << 20, AGAIN_FIRST = 256 };
struct again {                       /* changed behind the walk: copied once more */
    enum table table;
    struct key key;
};
struct backup {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi[TABLE_COUNT];
    struct scrub at;                 /* where the walk is: everything before it is in the copy */
    struct again *again;
    size_t n_again, committed_again, max_again;
    uint64_t unsynced;
    char path[PATH_MAX_BYTES], partial[PATH_MAX_BYTES + 16];
    struct backup_view view;
};

static void fail_as(struct backup *b, const char *what, int rc) {
    b->view.state = BACKUP_FAILED;
    snprintf(b->view.reason, sizeof b->view.reason, "%s：%s", what, mdb_strerror(rc));
    lz_log(LZ_ERROR, "backup.failed what=%s error=%s", what, mdb_strerror(rc));
}

static void close_copy(struct backup *b) {
    if (b->txn) mdb_txn_abort(b->txn);
    b->txn = NULL;
    if (b->env) mdb_env_close(b->env);
    b->env = NULL;
    free(b->again);
    b->again = NULL;
    b->n_again = b->committed_again = b->max_again = 0;
}

static void remove_partial(struct backup *b) {
    static const char *const files[] = { "data.mdb", "children.tsv", "backup.ini" };
    char file[sizeof b->partial + 16];
    for (size_t i = 0; i < LZ_COUNT(files); i++) {
        snprintf(file, sizeof file, "%s/%s", b->partial, files[i]);
        unlink(file);
    }
    rmdir(b->partial);
}

void backup_destroy(struct store *s) {
    if (!s->backup) return;
    bool unfinished = s->backup->env != NULL;
    close_copy(s->backup);
    if (unfinished) remove_partial(s->backup);
    free(s->backup);
    s->backup = NULL;
}

/* ---- beginning ---------------------------------------------------------------------------------------------------------- */

static int write_file(const char *directory, const char *name, struct lz_bytes text) {
    char file[PATH_MAX_BYTES + 64];
    snprintf(file, sizeof file, "%s/%s", directory, name);
    int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) return errno;
    int rc = write(fd, text.data ? (const char *)text.data : "", text.len) == (ssize_t)text.len && fsync(fd) == 0 ? 0 : errno ? errno : EIO;
    if (close(fd) != 0 && rc == 0) rc = errno;
    return rc;
}

static int open_copy(struct store *s, struct backup *b) {
    int rc = mdb_env_create(&b->env);
    if (rc == 0) rc = mdb_env_set_maxdbs(b->env, TABLE_COUNT);
    if (rc == 0) rc = mdb_env_set_mapsize(b->env, s->map_bytes);
    /* nobody reads it before it is whole, and it is synced then */
    if (rc == 0) rc = mdb_env_open(b->env, b->partial, MDB_NOSYNC | MDB_NOLOCK | MDB_NOTLS, 0600);
    if (rc == 0) rc = mdb_txn_begin(b->env, NULL, 0, &b->txn);
    for (int i = 0; rc == 0 && i < TABLE_COUNT; i++) rc = mdb_dbi_open(b->txn, table_name((enum table)i), MDB_CREATE, &b->dbi[i]);
    return rc;
}

enum lz_err store_backup_begin(struct store *s, const char *path, struct lz_bytes children, uint64_t wall_ms, struct lz_fail *fail) {
    if (s->backup && s->backup->view.state == BACKUP_RUNNING) return lz_refuse(fail, LZ_already, "正在备份到 %s；backup status 可查", s->backup->path);
    if (path[0] != '/' || strlen(path) >= PATH_MAX_BYTES) return lz_refuse(fail, LZ_bad_argument, "备份目录要写绝对路径，如 /var/backups/linzhang/2022-05-01");
    backup_destroy(s);
    struct backup *b = calloc(1, sizeof *b);
    if (!b) lz_fatal("out of memory");
    snprintf(b->path, sizeof b->path, "%s", path);
    snprintf(b->partial, sizeof b->partial, "%s.partial", path);
    remove_partial(b);                                   /* what a daemon that died in the middle of one left there */
    struct stat st;
    int rc = lstat(path, &st) == 0 ? EEXIST : mkdir(b->partial, 0700) != 0 ? errno : 0;
    if (rc != 0) {
        enum lz_err err = rc == EEXIST ? LZ_already : rc == ENOSPC ? LZ_full : LZ_read_only;
        if (rc == EEXIST) lz_refuse(fail, err, "%s（或 %s）已经存在，没有改动；请换一个目录名", path, b->partial);
        else lz_refuse(fail, err, "不能建立备份目录 %s：%s；请检查上级目录和守护进程的权限", b->partial, strerror(rc));
        free(b);
        return err;
    }
    b->view = (struct backup_view){ .state = BACKUP_RUNNING, .began_wall_ms = wall_ms };
    rc = open_copy(s, b);
    if (rc == 0 && children.len) rc = write_file(b->partial, "children.tsv", children);
    if (rc != 0) {
        close_copy(b);
        remove_partial(b);
        free(b);
        return lz_refuse(fail, rc == ENOSPC ? LZ_full : LZ_store_io, "不能写备份目录 %s：%s", path, mdb_strerror(rc));
    }
    s->backup = b;
    return LZ_ok;
}

/* ---- what changes meanwhile ------------------------------------------------------------------------------------------------ */

/* Called for each key that a transaction writes or deletes. What the walk has not come to yet it will find by itself. */
void backup_note(struct store *s, enum table table, const struct key *key) {
    struct backup *b = s->backup;
    if (!b || b->view.state != BACKUP_RUNNING || table > b->at.table) return;
    if (table == b->at.table && lz_bytes_compare(key_view(key), key_view(&b->at.key)) >= 0) return;
    if (b->n_again == b->max_again) {
        size_t max = b->max_again ? 2 * b->max_again : AGAIN_FIRST;
        struct again *grown = realloc(b->again, max * sizeof *grown);
        if (!grown) { fail_as(b, "内存不足", ENOMEM); return; }
        b->again = grown;
        b->max_again = max;
    }
    b->again[b->n_again++] = (struct again){ table, *key };
}

void backup_settle(struct store *s, bool committed) {
    struct backup *b = s->backup;
    if (!b) return;
    if (committed) b->committed_again = b->n_again;
    else b->n_again = b->committed_again;
}

/* ---- copying ------------------------------------------------------------------------------------------------------------------ */

/* As it lies there, with its checksum: what has rotted is not made to look whole. */
static int copy_one(struct store *s, struct backup *b, enum table table, MDB_val k) {
    MDB_val v;
    int rc = mdb_get(s->txn, s->dbi[table], &k, &v);
    if (rc == MDB_NOTFOUND) {
        rc = mdb_del(b->txn, b->dbi[table], &k, NULL);
        return rc == MDB_NOTFOUND ? 0 : rc;
    }
    if (rc == 0) rc = mdb_put(b->txn, b->dbi[table], &k, &v, 0);
    b->unsynced += k.mv_size + v.mv_size;
    return rc;
}

static int copy_again(struct store *s, struct backup *b) {
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->committed_again; i++)
        rc = copy_one(s, b, b->again[i].table, (MDB_val){ b->again[i].key.len, b->again[i].key.b });
    b->n_again = b->committed_again = 0;
    return rc;
}

/* One table from the walk's place on; *bytes: what is left of the slice. Leaves the walk behind what it has copied. */
static int copy_table(struct store *s, struct backup *b, size_t *bytes, bool *ended) {
    MDB_cursor *cursor;
    MDB_val k = { b->at.key.len, b->at.key.b }, v;
    int rc = mdb_cursor_open(s->txn, s->dbi[b->at.table], &cursor);
    if (rc != 0) return rc;
    rc = mdb_cursor_get(cursor, &k, &v, b->at.key.len ? MDB_SET_RANGE : MDB_FIRST);
    while (rc == 0 && *bytes > 0) {
        rc = mdb_put(b->txn, b->dbi[b->at.table], &k, &v, 0);
        if (rc != 0) break;
        size_t size = k.mv_size + v.mv_size;
        b->unsynced += size;
        b->view.bytes += size;
        b->view.values++;
        *bytes -= size < *bytes ? size : *bytes;
        b->at.key = key_after(key_bytes(lz_bytes_of(k.mv_data, k.mv_size)));
        rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    *ended = rc == MDB_NOTFOUND;
    return rc == MDB_NOTFOUND ? 0 : rc;
}

/* Small steps to the disk, so that the last one is no longer than the others. */
static int commit_slice(struct backup *b, bool last) {
    int rc = mdb_txn_commit(b->txn);
    b->txn = NULL;
    if (rc == 0 && (last || b->unsynced >= SYNC_EVERY_BYTES)) { rc = mdb_env_sync(b->env, 1); b->unsynced = 0; }
    if (rc == 0 && !last) rc = mdb_txn_begin(b->env, NULL, 0, &b->txn);
    return rc;
}

static int sync_path(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
    int rc = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return rc;
}

static int finish(struct store *s, struct backup *b, uint64_t wall_ms) {
    char text[512], epoch[33], parent[PATH_MAX_BYTES];
    lz_hex(s->epoch.b, sizeof s->epoch.b, epoch);
    int n = snprintf(text, sizeof text, "; a backup of linzhang: linzhangd --restore puts it back\n"
                     "format = %u\nunit = %06u\nepoch = %s\nposition = %llu\nvalues = %llu\nwall_ms = %llu\n",
                     s->committed.format, s->committed.unit, epoch, (unsigned long long)s->committed.position, (unsigned long long)b->view.values,
                     (unsigned long long)wall_ms);
    snprintf(parent, sizeof parent, "%s", b->path);
    char *slash = strrchr(parent, '/');
    slash[slash == parent] = 0;
    int rc = write_file(b->partial, "backup.ini", lz_bytes_of((const uint8_t *)text, (size_t)n));
    if (rc == 0) rc = sync_path(b->partial);
    if (rc == 0 && rename(b->partial, b->path) != 0) rc = errno;
    if (rc == 0) rc = sync_path(parent);
    return rc;
}

/* Between turns: nothing is half done. */
bool store_backup_step(struct store *s, size_t bytes, uint64_t wall_ms) {
    struct backup *b = s->backup;
    if (!b || b->view.state != BACKUP_RUNNING || s->written || !store_ready(s)) return false;
    bool ended = true;
    int rc = copy_again(s, b);
    while (rc == 0 && b->at.table < TABLE_COUNT && bytes > 0) {
        rc = copy_table(s, b, &bytes, &ended);
        if (rc == 0 && ended) { b->at.table++; b->at.key = (struct key){ 0 }; }
    }
    bool last = b->at.table == TABLE_COUNT;
    if (rc == 0) rc = commit_slice(b, last);
    if (rc == 0 && last) {
        close_copy(b);
        rc = finish(s, b, wall_ms);
        if (rc == 0) b->view.state = BACKUP_DONE;
        b->view.ended_wall_ms = wall_ms;
    }
    if (rc != 0) {
        fail_as(b, "不能写备份", rc);
        close_copy(b);
        remove_partial(b);
    }
    if (last && rc == 0) lz_log(LZ_INFO, "backup.done path=%s values=%llu bytes=%llu", b->path, (unsigned long long)b->view.values,
            (unsigned long long)b->view.bytes);
    return b->view.state == BACKUP_RUNNING;
}

bool store_backing_up(const struct store *s) { return s->backup && s->backup->view.state == BACKUP_RUNNING; }

const char *store_backup_view(const struct store *s, struct backup_view *view) {
    *view = s->backup ? s->backup->view : (struct backup_view){ .state = BACKUP_NONE };
    return s->backup ? s->backup->path : "";
}

/* ---- the way back ---------------------------------------------------------------------------------------------------------------- */

static int copy_file(const char *from, const char *to) {
    int in = open(from, O_RDONLY | O_CLOEXEC), out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int rc = in < 0 || out < 0 ? errno : 0;
    uint8_t *buffer = rc == 0 ? malloc(1 << 20) : NULL;
    ssize_t n = 0;
    if (rc == 0 && !buffer) rc = ENOMEM;
    while (rc == 0 && (n = read(in, buffer, 1 << 20)) > 0) rc = write(out, buffer, (size_t)n) == n ? 0 : errno ? errno : ENOSPC;
    if (n < 0) rc = errno;
    if (rc == 0 && fsync(out) != 0) rc = errno;
    free(buffer);
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    return rc;
}

enum lz_err store_restore(const char *path, const char *backup, uint64_t wall_ms, char *kept, size_t kept_size, struct lz_fail *fail) {
    struct store s = { .lock_fd = -1, .dir_fd = -1 };
    char from[PATH_MAX_BYTES + 16], fresh[PATH_MAX_BYTES + 16], data[PATH_MAX_BYTES + 16];
    enum lz_err err = strlen(path) >= PATH_MAX_BYTES || strlen(backup) >= PATH_MAX_BYTES ? lz_refuse(fail, LZ_bad_argument,
            "路径太长") : store_open_directory(&s, path, fail);
    if (err == LZ_ok) {
        snprintf(from, sizeof from, "%s/data.mdb", backup);
        snprintf(fresh, sizeof fresh, "%s/data.mdb.new", path);
        snprintf(data, sizeof data, "%s/data.mdb", path);
        snprintf(kept, kept_size, "%s.before-restore-%llu", data, (unsigned long long)(wall_ms / 1000));
        int rc = copy_file(from, fresh);
        if (rc != 0) unlink(fresh);
        /* a second name, and the copy takes the first: at no moment, and after no failure, does nothing stand there */
        if (rc == 0 && link(data, kept) != 0) { if (errno == ENOENT) kept[0] = 0; else rc = errno; }
        if (rc == 0 && rename(fresh, data) != 0) {
            rc = errno;
            if (kept[0]) unlink(kept);
        }
        if (rc == 0 && fsync(s.dir_fd) != 0) rc = errno;
        if (rc != 0) err = lz_refuse(fail, rc == ENOSPC ? LZ_full : LZ_store_io, "不能从 %s 还原到 %s：%s；原来的存储没有改动", backup, path, strerror(rc));
    }
    if (s.lock_fd >= 0) close(s.lock_fd);
    if (s.dir_fd >= 0) close(s.dir_fd);
    return err;
}

bool store_restore_undo(const char *path, const char *kept) {
    char data[PATH_MAX_BYTES + 16];
    snprintf(data, sizeof data, "%s/data.mdb", path);
    return (kept[0] ? rename(kept, data) == 0 : unlink(data) == 0) && sync_path(path) == 0;
}
