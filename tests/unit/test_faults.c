/* Every call to the disk and to memory that store and flow make, made to fail once. After it: what was told as done is there, what was
 * not can be asked again, and both nodes end exactly as they do without faults. The linker puts the functions below in the way. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../daemon/flow/flow.h"

/* ---- the functions in the way ---- */
enum call { MEMORY, GET, PUT, DEL, BEGIN, COMMIT, SEEK_OPEN, SEEK, DBI, CREATE, OPEN, ENV_SYNC, MAXDBS, MAPSIZE,
            FSYNC, SYNCFS, RENAME, UNLINK, MKDIR, OPENFILE, STATFS, STATVFS, FLOCK, CURSOR_DEL, STAT_TABLE, LINK,
            CLOSE, READ, WRITE, FSTAT, MMAP, MALLOC, CALLOC, REALLOC, CALLS };
static struct { enum call call; size_t at; int code; bool for_good; } fault = { .call = CALLS };
static size_t counted[CALLS], told[CALLS];
static bool struck;
static bool strikes(enum call call) {
    size_t n = ++counted[call];
    if (call != fault.call || n < fault.at || (n > fault.at && !fault.for_good)) return false;
    struck = true;
    return true;
}
static void arm(enum call call, size_t at, int code) {
    memset(counted, 0, sizeof counted);
    struck = false;
    fault.call = call, fault.at = at, fault.code = code, fault.for_good = false;
}
static void disarm(void) { fault.call = CALLS; }
static bool strikes_errno(enum call call) {
    if (!strikes(call)) return false;
    errno = fault.code;
    return true;
}

#define WRAP(type, name, parameters, arguments, call) \
    type __real_##name parameters; \
    type __wrap_##name parameters; \
    type __wrap_##name parameters { return strikes(call) ? fault.code : __real_##name arguments; }
WRAP(int, mdb_get, (MDB_txn *t, MDB_dbi d, MDB_val *k, MDB_val *v), (t, d, k, v), GET)
WRAP(int, mdb_put, (MDB_txn *t, MDB_dbi d, MDB_val *k, MDB_val *v, unsigned f), (t, d, k, v, f), PUT)
WRAP(int, mdb_del, (MDB_txn *t, MDB_dbi d, MDB_val *k, MDB_val *v), (t, d, k, v), DEL)
WRAP(int, mdb_txn_begin, (MDB_env *e, MDB_txn *p, unsigned f, MDB_txn **t), (e, p, f, t), BEGIN)
WRAP(int, mdb_cursor_open, (MDB_txn *t, MDB_dbi d, MDB_cursor **c), (t, d, c), SEEK_OPEN)
WRAP(int, mdb_cursor_get, (MDB_cursor *c, MDB_val *k, MDB_val *v, MDB_cursor_op o), (c, k, v, o), SEEK)
WRAP(int, mdb_dbi_open, (MDB_txn *t, const char *n, unsigned f, MDB_dbi *d), (t, n, f, d), DBI)
WRAP(int, mdb_env_create, (MDB_env **e), (e), CREATE)
WRAP(int, mdb_env_open, (MDB_env *e, const char *p, unsigned f, mdb_mode_t m), (e, p, f, m), OPEN)
WRAP(int, mdb_env_sync, (MDB_env *e, int f), (e, f), ENV_SYNC)
WRAP(int, mdb_env_set_maxdbs, (MDB_env *e, MDB_dbi n), (e, n), MAXDBS)
WRAP(int, mdb_env_set_mapsize, (MDB_env *e, size_t n), (e, n), MAPSIZE)
WRAP(int, mdb_cursor_del, (MDB_cursor *c, unsigned f), (c, f), CURSOR_DEL)
WRAP(int, mdb_stat, (MDB_txn *t, MDB_dbi d, MDB_stat *s), (t, d, s), STAT_TABLE)
#undef WRAP
void *__real_arena_alloc_raw(struct arena *a, size_t n);
void *__wrap_arena_alloc_raw(struct arena *a, size_t n);
void *__wrap_arena_alloc_raw(struct arena *a, size_t n) { return __real_arena_alloc_raw(a, strikes(MEMORY) ? SIZE_MAX : n); }
#define WRAP(type, name, parameters, arguments, call, failed) \
    type __real_##name parameters; \
    type __wrap_##name parameters; \
    type __wrap_##name parameters { return strikes_errno(call) ? (failed) : __real_##name arguments; }
WRAP(void *, arena_alloc, (struct arena *a, size_t n), (a, n), MEMORY, __real_arena_alloc_raw(a, SIZE_MAX))
WRAP(void *, arena_copy, (struct arena *a, const void *d, size_t n), (a, d, n), MEMORY, __real_arena_alloc_raw(a, SIZE_MAX))
WRAP(int, fsync, (int fd), (fd), FSYNC, -1)
WRAP(int, syncfs, (int fd), (fd), SYNCFS, -1)
WRAP(int, rename, (const char *a, const char *b), (a, b), RENAME, -1)
WRAP(int, unlink, (const char *a), (a), UNLINK, -1)
WRAP(int, mkdir, (const char *a, mode_t m), (a, m), MKDIR, -1)
WRAP(int, flock, (int fd, int o), (fd, o), FLOCK, -1)
WRAP(int, link, (const char *a, const char *b), (a, b), LINK, -1)
WRAP(ssize_t, read, (int fd, void *b, size_t n), (fd, b, n), READ, -1)
WRAP(int, fstat, (int fd, struct stat *st), (fd, st), FSTAT, -1)
WRAP(void *, mmap, (void *a, size_t n, int p, int f, int fd, off_t o), (a, n, p, f, fd, o), MMAP, MAP_FAILED)
WRAP(void *, malloc, (size_t n), (n), MALLOC, NULL)
WRAP(void *, calloc, (size_t n, size_t size), (n, size), CALLOC, NULL)
WRAP(void *, realloc, (void *p, size_t n), (p, n), REALLOC, NULL)
#undef WRAP
/* It is closed all the same, as Linux does. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd) {
    int rc = __real_close(fd);
    return strikes_errno(CLOSE) ? -1 : rc;
}
/* code 0: the write is short, and no error says why. */
ssize_t __real_write(int fd, const void *data, size_t n);
ssize_t __wrap_write(int fd, const void *data, size_t n);
ssize_t __wrap_write(int fd, const void *data, size_t n) {
    if (!strikes_errno(WRITE)) return __real_write(fd, data, n);
    return fault.code || n == 0 ? -1 : __real_write(fd, data, n - 1);
}
/* LMDB frees a transaction whose commit fails. */
int __real_mdb_txn_commit(MDB_txn *t);
int __wrap_mdb_txn_commit(MDB_txn *t);
int __wrap_mdb_txn_commit(MDB_txn *t) {
    if (!strikes(COMMIT)) return __real_mdb_txn_commit(t);
    mdb_txn_abort(t);
    return fault.code;
}
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    unsigned mode = flags & O_CREAT ? va_arg(args, unsigned) : 0;
    va_end(args);
    return strikes_errno(OPENFILE) ? -1 : __real_open(path, flags, mode);
}
/* code > 1: the answer is a network file system with that magic; else the call fails. */
int __real_statfs(const char *path, struct statfs *fs);
int __wrap_statfs(const char *path, struct statfs *fs);
int __wrap_statfs(const char *path, struct statfs *fs) {
    if (!strikes(STATFS)) return __real_statfs(path, fs);
    if (fault.code <= 1) return -1;
    memset(fs, 0, sizeof *fs);
    fs->f_type = fault.code;
    return 0;
}
static bool disk_full, statvfs_fails;
int __real_fstatvfs(int fd, struct statvfs *fs);
int __wrap_fstatvfs(int fd, struct statvfs *fs);
int __wrap_fstatvfs(int fd, struct statvfs *fs) {
    if (statvfs_fails) return -1;
    int rc = __real_fstatvfs(fd, fs);
    if (disk_full) fs->f_bavail = 0;
    return rc;
}

/* ---- opening ---- */
enum { UNIT = 410800, PARENT = 410000, CHILD = 410802, MAP = 64 << 20 };
static char dir[64];
static struct lz_fail fail;
static struct arena *arena;
static struct lz_bytes str(const char *text) { return lz_bytes_str(text); }
static void begin_dir(void) {
    snprintf(dir, sizeof dir, "/tmp/linzhang-faults-XXXXXX");
    cr_assert(mkdtemp(dir));
    lz_log_level(LZ_ERROR + 1);
    arena = arena_create(64 << 20);
}
static void wipe(const char *path) {
    char command[160];
    snprintf(command, sizeof command, "rm -rf %s", path);
    cr_assert_eq(system(command), 0);
}
static void end_dir(void) {
    disarm();
    arena_destroy(&arena);
    wipe(dir);
}
TestSuite(opening, .init = begin_dir, .fini = end_dir);

static enum lz_err try_store(const char *path, struct store **store) {
    struct store_options o = { .path = path, .unit = UNIT, .map_bytes = MAP };
    return store_open(store, &o, &fail);
}
static bool holds(const char *path) {
    struct store *store;
    struct lz_bytes v;
    cr_assert_eq(try_store(path, &store), LZ_ok, "%s", fail.text);
    bool there = store_get(store, TABLE_audit, key_u64(7), &v) && lz_bytes_equal(v, str("kept"));
    store_close(&store);
    return there;
}
/* True: this call came to pass, and so there may be a later one. */
static bool open_with_fault(enum call call, size_t at, int code, bool anew) {
    char path[96];
    struct store *store = NULL;
    bool done = false;
    snprintf(path, sizeof path, "%s/store", dir);
    if (anew) wipe(path);
    arm(call, at, code);
    enum lz_err err = try_store(path, &store);
    if (err == LZ_ok) {
        store_put(store, TABLE_audit, key_u64(7), str("kept"));
        done = store_commit(store) == LZ_ok;
        store_close(&store);
    } else cr_assert(fail.text[0] && (err == LZ_full || err == LZ_store_io || err == LZ_read_only || err == LZ_store_corrupt || err == LZ_store_busy),
                     "call %d at %zu: %s", (int)call, at, lz_err_name(err));
    disarm();
    bool there = holds(path);
    cr_assert(there || !done, "call %d at %zu: what was committed is not there", (int)call, at);
    return struck;
}
Test(opening, survives_every_failing_call, .timeout = 100) {
    static const struct { enum call call; int codes[4]; } faults[] = {
        { GET, { EIO } }, { PUT, { MDB_MAP_FULL, ENOSPC, MDB_TXN_FULL, EIO } }, { BEGIN, { ENOMEM, MDB_READERS_FULL } },
        { COMMIT, { ENOSPC, EIO, MDB_PANIC, MDB_MAP_FULL } }, { DBI, { MDB_MAP_FULL, ENOSPC, EIO, ENOMEM } }, { CREATE, { ENOMEM } },
        { OPEN, { EACCES, MDB_INVALID, MDB_VERSION_MISMATCH, EROFS } }, { OPEN, { MDB_CORRUPTED, EIO } }, { ENV_SYNC, { EIO, ENOSPC } }, { MAXDBS,
            { EINVAL } },
        { MAPSIZE, { EINVAL } }, { FSYNC, { EIO, ENOSPC, EINTR } }, { RENAME, { EIO } }, { UNLINK, { EACCES, ENOENT } },
        { MKDIR, { EROFS, EACCES, ENOENT } }, { OPENFILE, { EACCES, EROFS, EMFILE } }, { STATFS, { 1, 0x6969, 0x01021997 } }, { FLOCK, { EWOULDBLOCK } },
    };
    size_t tried = 0;
    for (size_t i = 0; i < LZ_COUNT(faults); i++)
        for (size_t k = 0; k < 4 && faults[i].codes[k]; k++)
            for (int anew = 0; anew < 2; anew++)
                for (size_t at = 1; open_with_fault(faults[i].call, at, faults[i].codes[k], anew); at++) tried++;
    cr_assert_gt(tried, 150, "%zu faults", tried);
}
/* The look before the opening: that it could not look is not that something is wrong, but for a head that asks for more than there is. */
int pages_look(const char *path, char *why, size_t why_size);
Test(opening, looks_or_says_why_not) {
    static const struct { enum call call; int code; } faults[] = { { OPENFILE, EMFILE }, { FSTAT, EIO }, { MMAP, ENOMEM } };
    char path[96], data[110], why[100] = "";
    struct store *store;
    snprintf(path, sizeof path, "%s/store", dir);
    snprintf(data, sizeof data, "%s/data.mdb", path);
    cr_assert_eq(try_store(path, &store), LZ_ok);
    store_close(&store);
    cr_assert_eq(pages_look(data, why, sizeof why), 0);
    for (size_t i = 0; i < LZ_COUNT(faults); i++) {
        arm(faults[i].call, 1, faults[i].code);
        int rc = pages_look(data, why, sizeof why);
        disarm();
        cr_assert_eq(rc, faults[i].code, "%zu", i);
        arm(faults[i].call, 1, faults[i].code);
        cr_assert_neq(try_store(path, &store), LZ_ok, "%zu", i);
        disarm();
        cr_assert(struck && fail.text[0]);
    }
    for (int i = 0; i < 2; i++) {                                    /* both heads: the last page is one that no file has */
        FILE *f = fopen(data, "r+b");
        uint8_t last[8] = { [4] = 0xff };
        cr_assert(f && fseek(f, i * 4096 + 16 + 24 + 2 * 48, SEEK_SET) == 0 && fwrite(last, 1, sizeof last, f) == sizeof last);
        fclose(f);
    }
    arm(CALLOC, 1, ENOMEM);
    cr_assert_eq(pages_look(data, why, sizeof why), MDB_CORRUPTED);
    disarm();
    cr_assert(strstr(why, "the head"), "%s", why);
}
/* Made one after the other, until the name of a file in them is longer than the system takes. */
Test(opening, of_a_path_that_leaves_no_room_is_refused) {
    static char deep[5000];
    struct store *store;
    size_t len = (size_t)snprintf(deep, sizeof deep, "%s/", dir);
    for (; len < 4086; len = strlen(deep)) {
        size_t n = 4086 - len > 200 ? 200 : 4086 - len;
        memset(deep + len, 'd', n);
        deep[len + n] = 0;
        if (n < 200) break;
        cr_assert_eq(mkdir(deep, 0700), 0);
        deep[len + n] = '/';
    }
    fail = (struct lz_fail){ 0 };
    cr_assert_eq(try_store(deep, &store), LZ_store_io);
    cr_assert(fail.text[0]);
}
Test(opening, tells_a_full_disk_from_a_dying_one) {
    char path[96];
    struct store *store;
    snprintf(path, sizeof path, "%s/store", dir);
    cr_assert_eq(try_store(path, &store), LZ_ok);
    static const struct { enum call call; bool full, blind; enum lz_err want; int code; } cases[] = {
        { COMMIT, false, false, LZ_store_io, EIO }, { COMMIT, true, false, LZ_full, EIO }, { COMMIT, true, true, LZ_store_io, EIO },
        { PUT, false, false, LZ_store_io, EIO }, { PUT, true, false, LZ_full, EIO }, { DEL, true, false, LZ_full, EIO },
        { DEL, false, false, LZ_store_io, EIO },
        { COMMIT, false, false, LZ_full, ENOSPC }, { COMMIT, false, false, LZ_full, MDB_MAP_FULL }, { COMMIT, true, false, LZ_store_io, MDB_PANIC },
    };
    for (size_t i = 0; i < LZ_COUNT(cases); i++) {
        disk_full = cases[i].full;
        statvfs_fails = cases[i].blind;
        arm(cases[i].call, 1, cases[i].code);
        store_put(store, TABLE_audit, key_u64(i), str("x"));
        store_delete(store, TABLE_audit, key_u64(i));
        cr_assert_eq(store_commit(store), cases[i].want, "case %zu", i);
        disarm();
        cr_assert_eq(store_failed(store), LZ_ok, "the next turn begins anew");
        cr_assert_eq(store_room(store).disk_free_bytes == UINT64_MAX, cases[i].blind);
    }
    disk_full = true;
    cr_assert(store_room(store).exhausted == (store_room(store).reserve_bytes > 7));
    disk_full = statvfs_fails = false;
    store_close(&store);
}

/* ---- reading on, and entering once more, whatever fails in it ---- */
static enum rot_then drop(void *context, enum table table, struct key key, struct lz_bytes raw) {
    (void)context; (void)table; (void)key; (void)raw;
    return ROT_DROP;
}
/* A store with a value that rotted, of a record that a neighbour brings again. */
static struct store *rotten_store(const char *path) {
    static char bytes[1 << 20];
    char data[110];
    struct store *store;
    wipe(path);
    cr_assert_eq(try_store(path, &store), LZ_ok);
    store_set_arena(store, arena);
    struct feed_id up = { SCOPE_UP, LANE_ROUTINE };
    cr_assert_eq(store_record_put(store, key_id((struct rec_id){ UNIT, KIND_task, 1, 1 }), str("this rots"), &up, 1, false), LZ_ok);
    cr_assert_eq(store_record_put(store, key_id((struct rec_id){ UNIT, KIND_task, 2, 1 }), str("this does not"), &up, 1, false), LZ_ok);
    cr_assert_eq(store_commit(store), LZ_ok);
    store_close(&store);
    snprintf(data, sizeof data, "%s/data.mdb", path);
    FILE *f = fopen(data, "r+b");
    size_t n = fread(bytes, 1, sizeof bytes, f);
    for (size_t i = 0; i + 9 < n; i++)
        if (memcmp(bytes + i, "this rots", 9) == 0) { fseek(f, (long)i, SEEK_SET); fputc('T', f); }
    fclose(f);
    cr_assert_eq(try_store(path, &store), LZ_ok);
    store_set_arena(store, arena);
    return store;
}
Test(rotten, is_dropped_or_healed_or_nothing_happens, .init = begin_dir, .fini = end_dir) {
    static const struct { enum call call; int code; } faults[] = { { BEGIN, ENOMEM }, { SEEK_OPEN, ENOMEM }, { SEEK, EIO }, { CURSOR_DEL, EIO }, { PUT, EIO },
        { GET, EIO }, { MEMORY, ENOMEM }, { STAT_TABLE, EIO } };
    struct key one = key_id((struct rec_id){ UNIT, KIND_task, 1, 1 }), two = key_id((struct rec_id){ UNIT, KIND_task, 2, 1 });
    struct feed_id up = { SCOPE_UP, LANE_ROUTINE }, all = { SCOPE_ALL, LANE_ROUTINE };
    char path[96];
    size_t tried = 0;
    snprintf(path, sizeof path, "%s/store", dir);
    for (size_t i = 0; i < LZ_COUNT(faults); i++)
        for (int act = 0; act < 4; act++)
            for (size_t at = 1; ; at++, tried++) {
                arena_reset(arena);
                struct store *store = rotten_store(path);
                struct scrub scrub = { 0 };
                struct store_counts counts = { 0 };
                struct lz_bytes v;
                enum lz_err err = LZ_ok;
                arm(faults[i].call, at, faults[i].code);
                if (act == 0) (void)store_scrub(store, &scrub, SIZE_MAX, drop, NULL);
                else if (act == 1) err = store_record_put(store, one, str("this rots"), &up, 1, false);
                else if (act == 2) store_record_enter(store, two, all);
                else store_count(store, &counts);
                disarm();
                bool failed = store_failed(store) != LZ_ok;
                cr_assert(!struck || failed || act == 3, "%zu %d %zu: it is noticed", i, act, at);
                cr_assert(act != 1 || failed || err == LZ_already, "%zu %zu: %s", i, at, lz_err_name(err));
                cr_assert_eq(store_commit(store) == LZ_ok, !failed);
                if (act == 3) cr_assert(failed || struck || (counts.entries[TABLE_record] == 2 && counts.entries[TABLE_feed] == 1));
                cr_assert_eq(store_has(store, TABLE_record, one), act != 0 || failed);
                cr_assert_eq(store_get(store, TABLE_record, one, &v), act == 1 && !failed);
                cr_assert_eq(store_tip(store, all), act == 2 && !failed ? 2 : 0);
                store_close(&store);
                if (!struck) break;
            }
    cr_assert_gt(tried, 60, "%zu", tried);
}

/* ---- a copy is made, and takes the place of the store ---- */
TestSuite(backup, .init = begin_dir, .fini = end_dir);
static struct store *a_store(const char *path) {
    struct store *store;
    wipe(path);
    cr_assert_eq(try_store(path, &store), LZ_ok, "%s", fail.text);
    for (uint64_t i = 0; i < 300; i++) store_put(store, TABLE_due, key_u64(i), str("falls due"));
    store_put(store, TABLE_audit, key_u64(7), str("kept"));
    cr_assert_eq(store_commit(store), LZ_ok);
    return store;
}
static bool exists(const char *path) { return access(path, F_OK) == 0; }
static bool holds_as_of(const char *path, uint64_t last) {
    struct store *store;
    struct lz_bytes v;
    cr_assert_eq(try_store(path, &store), LZ_ok, "%s: %s", path, fail.text);
    bool there = store_get(store, TABLE_audit, key_u64(7), &v) && store_get(store, TABLE_audit, key_u64(last), &v) &&
                 !store_has(store, TABLE_due, key_u64(0));
    store_close(&store);
    return there;
}
/* A backup beside work that goes on, and one call in it that fails. True: this call came to pass. */
static bool back_up_with_fault(enum call call, size_t at, int code) {
    char path[96], copy[96], partial[110];
    struct backup_view view;
    uint64_t last = 1000;
    snprintf(path, sizeof path, "%s/store", dir);
    snprintf(copy, sizeof copy, "%s/copy", dir);
    snprintf(partial, sizeof partial, "%s.partial", copy);
    struct store *store = a_store(path);
    wipe(copy);
    wipe(partial);
    fail = (struct lz_fail){ 0 };
    arm(call, at, code);
    enum lz_err err = store_backup_begin(store, copy, str("roster"), 5, &fail);
    if (err == LZ_ok) {
        for (; store_backing_up(store) && last < 1100; last++) {
            (void)store_backup_step(store, 2000, 6);
            store_put(store, TABLE_audit, key_u64(last), str("meanwhile"));    /* behind the walk: to be copied again */
            store_delete(store, TABLE_due, key_u64(0));
            if (store_commit(store) != LZ_ok) last--;
        }
        disarm();
        cr_assert(!store_backing_up(store), "call %d at %zu: it ends", (int)call, at);
        store_backup_view(store, &view);
        cr_assert(view.state == BACKUP_DONE || (view.state == BACKUP_FAILED && view.reason[0] && struck), "call %d at %zu", (int)call, at);
        if (view.state == BACKUP_DONE) cr_assert(holds_as_of(copy, last - 2), "call %d at %zu: done, and not whole", (int)call, at);
    } else {
        disarm();
        cr_assert(struck && fail.text[0] && (err == LZ_full || err == LZ_store_io || err == LZ_read_only), "call %d at %zu: %s", (int)call, at,
                  lz_err_name(err));
        cr_assert(!exists(copy) && !store_backing_up(store));
    }
    store_abort(store);
    cr_assert_eq(store_backup_begin(store, copy, str("roster"), 7, &fail), exists(copy) ? LZ_already : LZ_ok, "and another may follow: %s", fail.text);
    store_close(&store);
    cr_assert(!exists(partial) || call == UNLINK, "call %d at %zu: half a copy is left", (int)call, at);
    cr_assert(last == 1000 || holds_as_of(path, last - 1), "call %d at %zu", (int)call, at);
    return struck;
}
Test(backup, survives_every_failing_call, .timeout = 100) {
    static const struct { enum call call; int codes[2]; } faults[] = {
        { GET, { EIO } }, { PUT, { MDB_MAP_FULL, EIO } }, { DEL, { EIO } }, { BEGIN, { ENOMEM } }, { COMMIT, { ENOSPC, EIO } }, { DBI, { ENOSPC } },
        { SEEK_OPEN, { ENOMEM } }, { SEEK, { EIO } }, { CREATE, { ENOMEM } }, { OPEN, { EACCES } }, { ENV_SYNC, { EIO } }, { MAXDBS, { EINVAL } },
        { MAPSIZE, { EINVAL } }, { FSYNC, { EIO } }, { RENAME, { EIO } }, { MKDIR, { EROFS, ENOSPC } }, { OPENFILE, { EMFILE } }, { CLOSE, { EIO } },
        { WRITE, { ENOSPC } }, { REALLOC, { ENOMEM } }, { UNLINK, { EACCES } },
    };
    size_t tried = 0;
    for (size_t i = 0; i < LZ_COUNT(faults); i++)
        for (size_t k = 0; k < 2 && faults[i].codes[k]; k++)
            for (size_t at = 1; back_up_with_fault(faults[i].call, at, faults[i].codes[k]); at += at < 12 ? 1 : at / 4) tried++;
    for (size_t at = 1; back_up_with_fault(WRITE, at, 0); at++) tried++;
    cr_assert_gt(tried, 150, "%zu faults", tried);
}

/* The copy takes the place of a store, or of nothing, and one call in it fails: what stood there stands there. */
static bool restore_with_fault(enum call call, size_t at, int code, bool anew) {
    char path[96], copy[96], kept[200];
    snprintf(path, sizeof path, "%s/store", dir);
    snprintf(copy, sizeof copy, "%s/copy", dir);
    struct store *store = a_store(path);
    store_put(store, TABLE_audit, key_u64(8), str("after the copy"));
    cr_assert_eq(store_commit(store), LZ_ok);
    store_close(&store);
    if (anew) wipe(path);
    fail = (struct lz_fail){ 0 };
    arm(call, at, code);
    enum lz_err err = store_restore(path, copy, 9000, kept, sizeof kept, &fail);
    disarm();
    cr_assert(err == LZ_ok || (struck && fail.text[0]), "call %d at %zu: %s", (int)call, at, lz_err_name(err));
    if (err == LZ_ok) {
        struct lz_bytes v;
        cr_assert_eq(exists(kept), !anew, "call %d at %zu", (int)call, at);
        cr_assert_eq(try_store(path, &store), LZ_ok);
        cr_assert(store_get(store, TABLE_audit, key_u64(7), &v) && !store_has(store, TABLE_audit, key_u64(8)));
        store_close(&store);
        cr_assert(store_restore_undo(path, kept));
    }
    if (call == FSYNC && err != LZ_ok) return struck;                /* its name stands, and whether it will after a power cut nobody knows */
    if (!anew) {
        cr_assert_eq(try_store(path, &store), LZ_ok, "%s", fail.text);
        cr_assert(store_has(store, TABLE_audit, key_u64(8)), "call %d at %zu: what stood there is lost", (int)call, at);
        store_close(&store);
    } else {
        char data[120];
        snprintf(data, sizeof data, "%s/data.mdb", path);
        cr_assert(!exists(data), "call %d at %zu", (int)call, at);
    }
    return struck;
}
Test(backup, takes_a_place_or_leaves_it, .timeout = 100) {
    static const struct { enum call call; int code; } faults[] = {
        { OPENFILE, EACCES }, { FSYNC, EIO }, { LINK, EPERM }, { RENAME, EIO }, { READ, EIO }, { WRITE, ENOSPC }, { WRITE, 0 }, { MALLOC, ENOMEM },
        { MKDIR, EROFS }, { FLOCK, EWOULDBLOCK }, { UNLINK, EACCES },
    };
    char path[96], copy[96];
    snprintf(path, sizeof path, "%s/store", dir);
    snprintf(copy, sizeof copy, "%s/copy", dir);
    struct store *store = a_store(path);
    cr_assert_eq(store_backup_begin(store, copy, str(""), 5, &fail), LZ_ok);
    while (store_backup_step(store, 100000, 6)) store_abort(store);
    store_close(&store);
    size_t tried = 0;
    for (size_t i = 0; i < LZ_COUNT(faults); i++)
        for (int anew = 0; anew < 2; anew++)
            for (size_t at = 1; restore_with_fault(faults[i].call, at, faults[i].code, anew); at++) tried++;
    cr_assert_gt(tried, 20, "%zu faults", tried);
    char deep[PATH_MAX_BYTES + 1], kept[200];
    memset(deep, 'd', sizeof deep - 1);
    deep[0] = '/', deep[sizeof deep - 1] = 0;
    cr_assert_eq(store_restore(path, deep, 9000, kept, sizeof kept, &fail), LZ_bad_argument);
    cr_assert_eq(store_restore(deep, copy, 9000, kept, sizeof kept, &fail), LZ_bad_argument);
    cr_assert_eq(try_store(path, &store), LZ_ok);
    cr_assert_eq(store_backup_begin(store, deep, str(""), 5, &fail), LZ_bad_argument);
    store_close(&store);
}
/* What was kept is put back, or that it was not is said. */
Test(backup, is_undone) {
    char path[96], copy[96], kept[200];
    snprintf(path, sizeof path, "%s/store", dir);
    snprintf(copy, sizeof copy, "%s/copy", dir);
    struct store *store = a_store(copy);
    store_close(&store);
    static const struct { enum call call; bool anew, done; } cases[] = {
        { RENAME, false, false }, { UNLINK, true, false }, { FSYNC, false, false }, { FSYNC, true, false }, { OPENFILE, false, false },
    };
    for (size_t i = 0; i < LZ_COUNT(cases); i++) {
        store = a_store(path);
        store_close(&store);
        if (cases[i].anew) wipe(path);
        cr_assert_eq(store_restore(path, copy, 9000, kept, sizeof kept, &fail), LZ_ok, "%s", fail.text);
        arm(cases[i].call, 1, EIO);
        bool done = store_restore_undo(path, kept);
        disarm();
        cr_assert(struck && done == cases[i].done, "case %zu", i);
    }
}

/* ---- without memory for what it needs at its start a daemon ends, with a word, and touches nothing ---- */
static int ends_with(void (*act)(void), size_t at) {
    pid_t pid = fork();
    if (pid == 0) {
        arm(CALLOC, at, ENOMEM);
        act();
        _exit(77);                                                   /* it went on */
    }
    int status = 0;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
static void act_store(void) {
    char path[96];
    struct store *store;
    snprintf(path, sizeof path, "%s/store", dir);
    (void)try_store(path, &store);
}
static struct store *to_back_up;
static void act_flow(void) {
    struct roster roster = { 0 };
    disarm();
    struct flow_options o = { .unit = UNIT, .store = to_back_up, .roster = &roster, .units = units_create(), .calendar = calendar_create() };
    arm(CALLOC, 1, ENOMEM);
    (void)flow_create(&o);
}
static void act_backup(void) {
    char copy[96];
    snprintf(copy, sizeof copy, "%s/copy", dir);
    (void)!store_backup_begin(to_back_up, copy, str(""), 5, &fail);
}
Test(memory, that_a_start_needs_and_does_not_get_ends_it, .init = begin_dir, .fini = end_dir) {
    char path[96], copy[96];
    snprintf(path, sizeof path, "%s/other", dir);
    snprintf(copy, sizeof copy, "%s/copy.partial", dir);
    to_back_up = a_store(path);
    cr_expect_eq(ends_with(act_store, 1), EXIT_FAILURE);
    cr_expect_eq(ends_with(act_flow, 1), EXIT_FAILURE);
    cr_expect_eq(ends_with(act_backup, 1), EXIT_FAILURE);
    cr_expect(!exists(copy));
    store_close(&to_back_up);
    for (size_t at = 1; at <= 2; at++) {                             /* this one tells its caller */
        arm(CALLOC, at, ENOMEM);
        struct roster *roster = roster_create();
        disarm();
        cr_expect(struck && !roster, "%zu", at);
    }
}

/* ---- a story of two nodes, whatever fails in it ---- */
struct node {
    uint32_t unit, parent;
    struct store *store;
    struct flow *flow;
    struct roster *roster;
};
static struct node city, county;
static struct units *units;
static struct calendar *calendar;
static uint64_t wall;
static const uint64_t T0 = 1650848400000ull;                       /* Monday 2022-04-25 09:00 in China */
static const struct flow_settings settings = { .sign_days = 2, .sign_urgent_hours = 4, .reminder_days = 5, .letter_days = 15, .accept_days = 1,
                                               .handle_days = 15, .blue_days = 3, .yellow_points = 10, .red_points = 30, .urge_after_days = 3,
                                               .offer_after_days = 5, .rollup_interval_ms = 1000 };

static void start(struct node *n, uint32_t unit, uint32_t parent, uint8_t tier) {
    char path[96];
    *n = (struct node){ .unit = unit, .parent = parent, .roster = roster_create() };
    snprintf(path, sizeof path, "%s/%u", dir, unit);
    wipe(path);
    struct store_options so = { .path = path, .unit = unit, .map_bytes = MAP, .no_sync = true };
    cr_assert_eq(store_open(&n->store, &so, &fail), LZ_ok, "%s", fail.text);
    store_set_arena(n->store, arena);
    struct flow_options fo = { .store = n->store, .roster = n->roster, .units = units, .calendar = calendar, .unit = unit, .parent = parent,
                               .tier = tier, .settings = settings };
    n->flow = flow_create(&fo);
    store_begin_epoch(n->store, (struct epoch){ { 1, (uint8_t)tier } });
    cr_assert_eq(store_commit(n->store), LZ_ok);
}
static void stop(struct node *n) {
    flow_destroy(&n->flow);
    store_close(&n->store);
    roster_destroy(&n->roster);
}
static void open_world(void) {
    static char text[64 * 1024];
    begin_dir();
    FILE *f = fopen("deploy/data/divisions-henan.tsv", "rb");
    cr_assert(f, "tests run from the root of the project");
    size_t len = fread(text, 1, sizeof text, f);
    fclose(f);
    units = units_create();
    cr_assert_eq(units_load(units, lz_bytes_of(text, len), &fail), LZ_ok, "%s", fail.text);
    calendar = calendar_create();
}
static void close_world(void) {
    units_destroy(&units);
    calendar_destroy(&calendar);
    end_dir();
}
TestSuite(story, .init = open_world, .fini = close_world);

static void begin(struct node *n) {
    struct node *both[] = { &city, &county };                  /* they share the arena, and what either had fresh lies in it */
    for (size_t i = 0; i < LZ_COUNT(both); i++) {
        if (!both[i]->store) continue;
        store_abort(both[i]->store);
        store_forget_fresh(both[i]->store);
    }
    arena_reset(arena);
    flow_begin(n->flow, (struct lz_now){ wall - T0 + 1000, wall }, arena);
}
/* One turn, again until it is done: a turn that fails leaves nothing, an act that is refused is asked again. */
static void turn(struct node *n, enum lz_err (*act)(struct node *)) {
    for (int round = 0; ; round++) {
        cr_assert_lt(round, 3, "one fault stops one turn, not the next: %s", fail.text);
        begin(n);
        enum lz_err err = act(n);
        flow_settle(n->flow);
        enum lz_err committed = store_commit(n->store);
        if (committed == LZ_ok) flow_committed(n->flow);
        else cr_assert(struck && (committed == LZ_full || committed == LZ_store_io), "%s", lz_err_name(committed));
        flow_forget(n->flow);
        if (committed == LZ_ok && (err == LZ_ok || err == LZ_already)) return;
        cr_assert(struck, "%s: %s", lz_err_name(err), fail.text);
    }
}
static struct rec_id task, problem;
static uint8_t request[16];
static enum lz_err submit(struct node *n, struct record draft, struct rec_id *id) {
    struct rec_id mine;
    request[1] = (uint8_t)draft.kind;
    enum lz_err err = flow_submit(n->flow, &draft, str("clerk"), lz_bytes_of(request, sizeof request), 0, &mine, &fail);
    if (id && (err == LZ_ok || err == LZ_already)) *id = mine;
    return err;
}
static enum lz_err move(struct node *n, struct rec_id subject, const char *name, uint32_t unit) {
    struct record d = { .kind = KIND_move, .subject = subject };
    const struct move_row *row = move_by_name(kind_row(subject.kind)->machine, name);
    cr_assert(row, "%s", name);
    d.of.move = (struct move){ .move = row->number, .unit = unit, .text = str("说明"), .due_ms = wall + 9 * (uint64_t)LZ_DAY_MS };
    if (strcmp(name, "assign") == 0) { d.of.move.unit = 0; d.of.move.to_unit = unit; }
    return submit(n, d, NULL);
}
static enum lz_err do_issue(struct node *n) {
    uint32_t to[] = { CHILD };
    struct record d = { .kind = KIND_task, .targets = to, .n_targets = 1 };
    d.of.directive = (struct directive){ .number = str("焦林长办〔2022〕6号"), .year = 2022, .serial = 6, .title = str("造林"),
                                         .due_ms = T0 + 20 * (uint64_t)LZ_DAY_MS };
    return submit(n, d, &task);
}
static enum lz_err do_sign(struct node *n) { return move(n, task, "sign", 0); }
static enum lz_err do_start(struct node *n) { return move(n, task, "start", 0); }
static enum lz_err do_report(struct node *n) { return move(n, task, "report", 0); }
static enum lz_err do_return(struct node *n) { return move(n, task, "return", CHILD); }
static enum lz_err do_progress(struct node *n) {
    struct record d = { .kind = KIND_progress, .subject = task };
    d.of.progress = (struct progress){ 20220425, 5, 10, str("进展") };
    return submit(n, d, NULL);
}
static enum lz_err do_find(struct node *n) {
    struct record d = { .kind = KIND_problem };
    d.of.problem = (struct problem){ .title = str("毁林"), .class = 4, .severity = 1 };
    return submit(n, d, &problem);
}
static enum lz_err do_escalate(struct node *n) { return move(n, problem, "escalate", 0); }
static enum lz_err do_accept(struct node *n) { return move(n, problem, "accept", 0); }
static enum lz_err do_assign(struct node *n) { return move(n, problem, "assign", CHILD); }
static enum lz_err do_duty(struct node *n) {
    struct record d = { .kind = KIND_duty, .key = str("1") };
    d.of.duty = (struct duty){ .name = str("王"), .post = str(request[0] & 1 ? "林长" : "副林长") };
    return submit(n, d, NULL);
}
static enum lz_err do_wish(struct node *n) {
    uint32_t kinds[] = { KIND_progress, KIND_problem };
    flow_set_wish(n->flow, kinds, 2);
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(n->store, TABLE_record, &key, &v); key = key_after(key)) flow_reroute(n->flow, key, v);
    return LZ_ok;
}
static enum lz_err do_away(struct node *n) { flow_child_part(n->flow, CHILD, false); return LZ_ok; }
static enum lz_err do_back(struct node *n) { flow_child_part(n->flow, CHILD, true); flow_rollups_again(n->flow); return LZ_ok; }
static enum lz_err do_mend(struct node *n) { struct mend mend; flow_mend(n->flow, true, &mend); return LZ_ok; }
static enum lz_err do_nothing(struct node *n) { (void)n; return LZ_ok; }
/* What was read through, as a clerk would. */
static enum lz_err do_read(struct node *n) {
    struct record r, *moves;
    struct standing s;
    struct counters sum;
    const uint32_t *list;
    if (!flow_record(n->flow, task, &r) || !flow_standing(n->flow, task, CHILD, &s)) return LZ_not_found;
    (void)flow_moves(n->flow, task, CHILD, &moves);
    (void)flow_recipients(n->flow, &r, &list);
    (void)flow_rollup(n->flow, KIND_task, (struct rec_id){ 0 }, 0, &sum);
    (void)flow_next_due(n->flow);
    for (uint8_t lane = 0; lane < LANE_COUNT; lane++) (void)store_backlog(n->store, (struct feed_id){ SCOPE_UP, lane }, 0);
    return LZ_ok;
}

/* Everything in one feed lands at the other node; a batch that says that it reached the tip must hold all of it. */
static struct node *sender;
static uint32_t scope;
static enum lz_err land_all(struct node *to) {
    enum lz_err worst = LZ_ok;
    for (uint8_t lane = 0; lane < LANE_COUNT; lane++) {
        struct feed_id feed = { scope, lane };
        struct lz_bytes *list, copies[64];
        uint64_t position = 0;
        size_t n = store_feed_read(sender->store, arena, feed, 0, 1 << 20, &list, &position), m = 0;
        uint64_t tip = store_tip(sender->store, feed);
        cr_assert_lt(n, LZ_COUNT(copies));
        bool failed = store_failed(sender->store) != LZ_ok;
        for (; m < n; m++) {
            uint8_t *copy = malloc(list[m].len);
            memcpy(copy, list[m].data, list[m].len);
            copies[m] = lz_bytes_of(copy, list[m].len);
        }
        store_abort(sender->store);
        if (failed || position < tip) worst = LZ_full;
        for (size_t i = 0; i < n; i++) {
            struct record r;
            enum lz_err err = record_decode(arena, copies[i], &r, &fail);
            if (err == LZ_ok) err = flow_land(to->flow, &r, LAND_PEER);
            else store_give_up(to->store);
            if (err != LZ_ok && err != LZ_already) worst = err;
        }
        for (size_t i = 0; i < n; i++) free((void *)(uintptr_t)copies[i].data);
    }
    return worst;
}
static void carry(struct node *from, uint32_t of, struct node *to) {
    sender = from;
    scope = of;
    turn(to, land_all);
}
static void exchange(void) {
    carry(&city, SCOPE_ALL, &county);
    carry(&city, CHILD, &county);
    carry(&county, SCOPE_UP, &city);
}
static void say(struct node *n, enum lz_err (*act)(struct node *)) {
    request[0]++;                    /* its own request: asked again after a fault it must not be done twice */
    turn(n, act);
}
static void tell_story(void) {
    wall = T0;
    memset(request, 0, sizeof request);
    say(&city, do_issue);
    exchange();
    say(&county, do_sign);
    say(&county, do_start);
    say(&county, do_progress);
    say(&county, do_find);
    say(&county, do_duty);
    say(&county, do_escalate);
    say(&county, do_duty);
    exchange();
    say(&city, do_accept);
    say(&city, do_assign);
    say(&county, do_report);
    exchange();
    say(&city, do_return);
    say(&county, do_wish);
    exchange();
    say(&city, do_read);
    wall += 9 * (uint64_t)LZ_DAY_MS;
    say(&city, do_nothing);
    say(&county, do_nothing);
    exchange();
    say(&city, do_away);
    say(&city, do_back);
    say(&county, do_mend);
    wall += 2000;
    say(&county, do_nothing);
    say(&city, do_nothing);
    exchange();
}
/* The same at every telling: sums, standings, how many of each kind. */
struct ending {
    struct store_counts counts[2];
    struct counters tasks, problems;
    struct standing at_city, at_county, of_problem;
};
static void look(struct node *n, struct store_counts *counts) {
    struct verify v;
    begin(n);
    flow_verify(n->flow, &v);
    cr_assert_eq(v.differences, 0, "at %zu (%d), %u: %.*s", fault.at, fault.code, n->unit, (int)v.first.len, (const char *)v.first.data);
    store_count(n->store, counts);
}
static void read_ending(struct ending *e) {
    memset(e, 0, sizeof *e);
    look(&county, &e->counts[1]);
    cr_assert(flow_standing(county.flow, task, CHILD, &e->at_county));
    look(&city, &e->counts[0]);
    cr_assert(flow_standing(city.flow, task, CHILD, &e->at_city) && flow_standing(city.flow, problem, 0, &e->of_problem));
    cr_assert(flow_rollup(city.flow, KIND_task, (struct rec_id){ 0 }, 0, &e->tasks));
    cr_assert(flow_rollup(city.flow, KIND_problem, (struct rec_id){ 0 }, 0, &e->problems));
}
static void tell(struct ending *e, enum call call, size_t at, int code) {
    start(&city, UNIT, PARENT, TIER_CITY);
    start(&county, CHILD, UNIT, TIER_COUNTY);
    uint32_t subtree[] = { CHILD };
    uint8_t key[32] = { 1 };
    cr_assert_eq(roster_add(city.roster, CHILD, key, subtree, 1, &fail), LZ_ok, "%s", fail.text);
    arm(call, at, code);
    tell_story();
    memcpy(told, counted, sizeof told);
    fault.call = CALLS;
    read_ending(e);
    stop(&city);
    stop(&county);
}
static const char *differs(const struct ending *a, const struct ending *b) {
    static char text[200];
    const enum table tables[] = { TABLE_record, TABLE_standing, TABLE_subject, TABLE_number };
    for (size_t i = 0; i < LZ_COUNT(tables); i++)
        for (int n = 0; n < 2; n++) {
            uint64_t x = a->counts[n].entries[tables[i]], y = b->counts[n].entries[tables[i]];
            snprintf(text, sizeof text, "%s of node %d: %u against %u", table_name(tables[i]), n, (unsigned)x, (unsigned)y);
            if (x != y) return text;
        }
    if (memcmp(&a->tasks, &b->tasks, sizeof a->tasks) != 0) return "sum of tasks";
    if (memcmp(&a->problems, &b->problems, sizeof a->problems) != 0) return "sum of problems";
    if (a->at_city.state != b->at_city.state || a->at_county.state != b->at_county.state || a->of_problem.state != b->of_problem.state) return "state";
    return a->at_city.n_progress != b->at_city.n_progress || a->at_city.effective != b->at_city.effective ? "progress or moves" : NULL;
}
/* Each of the calls, or so many of them spread over all when there are more. */
static void every(enum call call, int code, size_t most) {
    struct ending plain, e;
    tell(&plain, CALLS, 0, 0);
    size_t n = told[call];
    cr_assert(n > 0 && plain.at_city.state == HANDLING_returned && plain.at_city.n_progress == 1, "%zu calls, %u", n, plain.at_city.state);
    size_t step = n > most ? n / most : 1;
    for (size_t at = 1; at <= n; at += step) {
        tell(&e, call, at, code);
        cr_assert(struck, "call %zu of %zu", at, n);
        const char *what = differs(&plain, &e);
        cr_assert(!what, "call %d at %zu of %zu: %s", (int)call, at, n, what);
    }
}
Test(story, is_the_same_whatever_memory_is_refused, .timeout = 110) { every(MEMORY, ENOMEM, 700); }
Test(story, is_the_same_whatever_read_fails, .timeout = 110) { every(GET, EIO, 300); }
Test(story, is_the_same_whatever_search_fails, .timeout = 110) { every(SEEK, EIO, 300); }
Test(story, is_the_same_whatever_search_does_not_begin, .timeout = 110) { every(SEEK_OPEN, ENOMEM, 150); }
Test(story, is_the_same_whatever_write_finds_no_room, .timeout = 110) { every(PUT, MDB_MAP_FULL, 300); }
Test(story, is_the_same_whatever_deletion_fails, .timeout = 110) { every(DEL, EIO, 200); }
Test(story, is_the_same_whatever_turn_cannot_begin, .timeout = 110) { every(BEGIN, ENOMEM, 200); }
Test(story, is_the_same_whatever_commit_finds_no_room, .timeout = 110) { every(COMMIT, ENOSPC, 200); }

/* ---- messages: where memory is refused in the middle, a message is not made, or not read; never half ---- */
TestSuite(messages, .init = begin_dir, .fini = end_dir);
static const struct epoch some = { { 9, 8, 7 } };
static struct lz_bytes body_of(struct lz_bytes packet) {
    enum packet_type type;
    struct lz_bytes body;
    cr_assert_eq(packet_open(packet, &type, &body, &fail), LZ_ok);
    return body;
}
#define ENCODES(what) \
    static enum lz_err encode_##what(const void *in, struct lz_bytes *out) { return what##_encode(arena, in, out); } \
    static enum lz_err decode_##what(struct lz_bytes packet) { struct what out; return what##_decode(arena, body_of(packet), &out); }
ENCODES(hello) ENCODES(batch) ENCODES(tip) ENCODES(fetch) ENCODES(ack) ENCODES(reclaim_ask) ENCODES(reclaim_answer) ENCODES(refusal) ENCODES(ask)
ENCODES(answer)
static enum lz_err encode_repair(const void *in, struct lz_bytes *out) { return repair_encode(arena, PACKET_RECLAIM_ASK, in, out); }
static enum lz_err decode_repair(struct lz_bytes packet) { struct repair out; return repair_decode(arena, body_of(packet), &out); }

static size_t refuse_in_turn(enum lz_err (*encode)(const void *, struct lz_bytes *), enum lz_err (*decode)(struct lz_bytes), const void *in) {
    struct lz_bytes packet, again;
    size_t refused = 0;
    arena_reset(arena);
    cr_assert_eq(encode(in, &packet), LZ_ok);
    uint8_t *copy = malloc(packet.len);
    memcpy(copy, packet.data, packet.len);
    struct lz_bytes kept = lz_bytes_of(copy, packet.len);
    for (size_t at = 1; ; at++, refused++) {
        arena_reset(arena);
        arm(MEMORY, at, ENOMEM);
        enum lz_err err = encode(in, &again);
        disarm();
        if (!struck) { cr_assert(err == LZ_ok && lz_bytes_equal(again, kept)); break; }
        cr_assert_neq(err, LZ_ok, "encoded without its memory at %zu", at);
    }
    for (size_t at = 1; ; at++, refused++) {
        arena_reset(arena);
        arm(MEMORY, at, ENOMEM);
        enum lz_err err = decode(kept);
        disarm();
        if (!struck) { cr_assert_eq(err, LZ_ok); break; }
        cr_assert_neq(err, LZ_ok, "decoded without its memory at %zu", at);
    }
    free(copy);
    return refused;
}
Test(messages, are_whole_or_not_at_all, .timeout = 60) {
    struct lineage_entry line[] = { { some, 0 }, { { { 1 } }, 9 } };
    uint32_t wish[] = { KIND_progress };
    struct feed_id feed = { SCOPE_ALL, LANE_URGENT };
    struct lz_bytes envelopes[] = { str("one"), str("two") }, keys[] = { str("1234567890"), str("abcdefghij") };
    struct hello hello = { .version = 1, .version_min = 1, .software = str("linzhang"), .unit = UNIT, .to = CHILD, .tier = TIER_CITY,
        .lineage = line, .n_lineage = 2,
                           .cursors = { { feed, { some, 4, 5 } } }, .n_cursors = 1, .highest_stamp = 7, .wish = wish, .n_wish = 1, .wall_ms = 5 };
    struct batch batch = { .feed = feed, .epoch = some, .from = 1, .to = 3, .seen = 4, .tip = 4, .envelopes = envelopes, .n_envelopes = 2 };
    struct tip tip = { .epoch = some, .feeds = { { feed, 9 } }, .n_feeds = 1, .next_ms = 1000, .wall_ms = 6, .cause = str("why") };
    struct fetch fetch = { feed, some, 3 };
    struct ack ack = { .epoch = some, .cursors = { { feed, { some, 4, 5 } } }, .n_cursors = 1 };
    struct reclaim_ask reclaim = { some, some, str("1234567"), 7 };
    struct reclaim_answer given = { .asker = some, .answerer = some, .after = str("1234567"), .next = str("1234568"), .envelopes = envelopes,
        .n_envelopes = 2 };
    struct repair repair = { .keys = keys, .envelopes = envelopes, .n_keys = 2, .n_envelopes = 2 };
    struct refusal refusal = { LZ_full, str("no room") };
    struct arg args[] = { { str("to"), str("all") }, { str("title"), str("x") } };
    struct ask ask = { .verb = str("order issue"), .request = str("0123456789abcdef"), .args = args, .n_args = 2, .drafts = envelopes, .n_drafts = 2,
        .after = str("1234"), .seq = 3 };
    struct cell cells[] = { { str("unit"), str("410800") }, { str("n"), str("3") } };
    struct row rows[] = { { cells, 2 }, { cells, 1 } };
    struct draft_result wrong[] = { { 1, LZ_bad_date, str("30 February") } };
    struct answer answer = { .seq = 3, .code = LZ_ok, .text = str("done"), .rows = rows, .n_rows = 2, .ids = envelopes, .n_ids = 2, .refused = wrong,
        .n_refused = 1, .next = str("5678") };
    size_t n = refuse_in_turn(encode_hello, decode_hello, &hello) + refuse_in_turn(encode_batch, decode_batch, &batch) + refuse_in_turn(encode_tip,
        decode_tip, &tip) +
               refuse_in_turn(encode_fetch, decode_fetch, &fetch) + refuse_in_turn(encode_ack, decode_ack, &ack) + refuse_in_turn(encode_reclaim_ask,
                   decode_reclaim_ask, &reclaim) +
               refuse_in_turn(encode_reclaim_answer, decode_reclaim_answer, &given) + refuse_in_turn(encode_repair, decode_repair, &repair) +
               refuse_in_turn(encode_refusal, decode_refusal, &refusal) + refuse_in_turn(encode_ask, decode_ask, &ask) +
                   refuse_in_turn(encode_answer, decode_answer, &answer);
    cr_assert_gt(n, 80, "%zu refusals", n);
}
Test(messages, of_records_too) {
    size_t refused = 0;
    for (size_t i = 0; i < kind_count(); i++) {
        const struct kind_row *row = kind_at(i);
        uint32_t to[] = { CHILD };
        uint8_t name[2 + REC_ID_BYTES] = { 0, KIND_task };
        struct record r = { .origin = UNIT, .kind = row->number, .lane = (uint8_t)row->lane, .direction = (uint8_t)row->direction,
            .reach = (uint8_t)row->reach,
                            .tier = TIER_CITY, .stamp = UINT64_C(1) << 60, .epoch = 3, .author = str("clerk"), .written_ms = 5,
                                .key = lz_bytes_of(name, row->number == KIND_rollup ? sizeof name : row->class == CLASS_REGISTER ? 1 : 0) };
        struct rec_id about = { UNIT, KIND_task, 9, 9 };
        if (kind_is_directive(row->number)) { r.targets = to, r.n_targets = 1; r.of.directive.title = str("t"); }
        else if (row->number == KIND_move) { r.subject = about; r.of.move.move = 1; }
        else if (row->number == KIND_progress) { r.subject = about; r.of.progress = (struct progress){ 20220425, 1, 2, str("x") }; }
        else if (row->number == KIND_problem) r.of.problem = (struct problem){ .title = str("t"), .class = 4, .severity = 1 };
        else if (row->number == KIND_emergency) r.of.emergency = (struct emergency){ .title = str("t"), .class = 1 };
        else if (row->number == KIND_duty) r.of.duty = (struct duty){ .name = str("n"), .post = str("p") };
        else if (row->number == KIND_attachment) {
            r.direction = DIRECTION_DOWN, r.reach = REACH_TARGETS, r.targets = to, r.n_targets = 1, r.subject = about;
            r.of.attachment = (struct attachment){ { 1 }, 4, 4, 0, str("data"), str("n"), str("t"), about };
        } else if (row->number == KIND_attachment_wish) r.of.attachment_wish = (struct attachment_wish){ true, { 1 } };
        else if (row->number == KIND_ruling) {
            r.subject = (struct rec_id){ UNIT, kind_by_name("office")->number, 9, 9 };
            r.of.ruling = (struct ruling){ 1, str("x") };
        }
        else r.of.rollup = (struct rollup){ .kind = KIND_task, .sum = { { 1, 2, 3 } } };
        for (size_t at = 1; ; at++, refused++) {
            struct record out = r;
            arena_reset(arena);
            arm(MEMORY, at, ENOMEM);
            enum lz_err err = record_encode(arena, &out, &fail);
            disarm();
            if (!struck) { cr_assert_eq(err, LZ_ok, "%s: %s", row->name, fail.text); break; }
            cr_assert_neq(err, LZ_ok, "%s encoded at %zu", row->name, at);
        }
        for (size_t at = 1; ; at++, refused++) {
            struct record out = r, in;
            arena_reset(arena);
            cr_assert_eq(record_encode(arena, &out, &fail), LZ_ok);
            arm(MEMORY, at, ENOMEM);
            enum lz_err err = record_decode(arena, out.envelope, &in, &fail);
            disarm();
            if (!struck) { cr_assert(err == LZ_ok && in.kind == r.kind, "%s: %s", row->name, fail.text); break; }
            cr_assert_neq(err, LZ_ok, "%s decoded at %zu", row->name, at);
        }
    }
    cr_assert_gt(refused, 60, "%zu refusals", refused);
}

/* ---- verify: of what is derived, no byte can be changed without its saying so ---- */
static uint64_t differences(struct node *n) {
    struct verify v;
    begin(n);
    flow_verify(n->flow, &v);
    cr_assert(v.differences == 0 || v.first.len > 0);
    store_abort(n->store);
    return v.differences;
}
/* Each value of a table: each byte changed in each of two ways, then cut short. Counts what goes unseen. */
static void tamper(struct node *n, enum table table, size_t *tried, size_t *unseen) {
    struct key key = { 0 };
    struct lz_bytes v;
    for (begin(n); store_seek(n->store, table, &key, &v); key = key_after(key)) {
        static uint8_t was[64 * 1024], bad[64 * 1024];
        size_t len = v.len;
        cr_assert_lt(len, sizeof was);
        memcpy(was, v.data, len);
        for (size_t at = 0; at <= len; at++)
            for (int way = 0; way < 2; way++) {
                memcpy(bad, was, len);
                if (at < len) bad[at] = (uint8_t)(way ? bad[at] ^ 0x80 : bad[at] + 1);
                begin(n);
                store_put(n->store, table, key, lz_bytes_of(bad, at < len ? len : len - (len && !way)));
                cr_assert_eq(store_commit(n->store), LZ_ok);
                ++*tried;
                if (differences(n) == 0) ++*unseen;
            }
        begin(n);
        store_put(n->store, table, key, lz_bytes_of(was, len));
        cr_assert_eq(store_commit(n->store), LZ_ok);
        begin(n);
    }
    store_abort(n->store);
    cr_assert_eq(differences(n), 0, "%s is as it was", table_name(table));
}
/* Told once more, and the two nodes left standing. */
static void stand(void) {
    start(&city, UNIT, PARENT, TIER_CITY);
    start(&county, CHILD, UNIT, TIER_COUNTY);
    uint32_t subtree[] = { CHILD };
    uint8_t key[32] = { 1 };
    cr_assert_eq(roster_add(city.roster, CHILD, key, subtree, 1, &fail), LZ_ok, "%s", fail.text);
    tell_story();
}
Test(story, leaves_nothing_that_could_be_changed_unseen, .timeout = 110) {
    static const struct { enum table table; unsigned unseen_percent; } tables[] = {
        /* colours, when they are judged and what urging did are taken as stored; of a total what its label says */
        { TABLE_standing, 45 }, { TABLE_rollup, 40 }, { TABLE_feed, 10 }, { TABLE_record, 40 },
    };
    stand();
    for (size_t i = 0; i < LZ_COUNT(tables); i++) {
        size_t tried = 0, unseen = 0;
        tamper(&city, tables[i].table, &tried, &unseen);
        cr_assert(tried > 0 && unseen * 100 <= tried * tables[i].unseen_percent, "%s: %zu of %zu unseen", table_name(tables[i].table), unseen, tried);
    }
    stop(&city);
    stop(&county);
}
/* A row that is gone is found as well, in every table that is derived. */
Test(story, leaves_nothing_that_could_be_taken_away_unseen, .timeout = 110) {
    const enum table tables[] = { TABLE_standing, TABLE_rollup, TABLE_feed, TABLE_subject };
    stand();
    for (size_t i = 0; i < LZ_COUNT(tables); i++) {
        struct key key = { 0 };
        struct lz_bytes v;
        for (begin(&city); store_seek(city.store, tables[i], &key, &v); key = key_after(key)) {
            uint8_t was[4096];
            size_t len = v.len;
            memcpy(was, v.data, len);
            static const uint8_t nothing[COUNTER_COUNT * 8];
            if (tables[i] == TABLE_rollup && memcmp(was, nothing, sizeof nothing) == 0) continue;      /* a sum of nothing is no loss */
            store_delete(city.store, tables[i], key);
            cr_assert_eq(store_commit(city.store), LZ_ok);
            char hex[2 * sizeof key.b + 1];
            lz_hex(key.b, key.len, hex);
            cr_assert_gt(differences(&city), 0, "a row of %s is gone: %s", table_name(tables[i]), hex);
            begin(&city);
            store_put(city.store, tables[i], key, lz_bytes_of(was, len));
            cr_assert_eq(store_commit(city.store), LZ_ok);
            begin(&city);
        }
        store_abort(city.store);
        cr_assert_eq(differences(&city), 0);
    }
    stop(&city);
    stop(&county);
}

/* ---- a backup while calls fail: it is whole and there, or it says why not and is not there ---- */
Test(opening, of_a_backup_that_something_stopped, .timeout = 110) {
    static const struct { enum call call; int code; } faults[] = {
        { GET, EIO }, { PUT, MDB_MAP_FULL }, { BEGIN, ENOMEM }, { COMMIT, ENOSPC }, { DBI, ENOMEM }, { CREATE, ENOMEM }, { OPEN, EACCES }, { ENV_SYNC, EIO },
        { MAXDBS, EINVAL }, { MAPSIZE, EINVAL }, { FSYNC, EIO }, { RENAME, EACCES }, { MKDIR, EACCES }, { MKDIR, ENOSPC }, { OPENFILE, EMFILE },
            { SEEK, EIO },
        { SEEK_OPEN, ENOMEM }, { DEL, EIO },
    };
    char path[96], copy[96], kept[200];
    struct store *store;
    snprintf(path, sizeof path, "%s/store", dir);
    snprintf(copy, sizeof copy, "%s/copy", dir);
    cr_assert_eq(try_store(path, &store), LZ_ok, "%s", fail.text);
    store_set_arena(store, arena);
    for (uint64_t i = 0; i < 300; i++) store_put(store, TABLE_audit, key_u64(i), str("kept"));
    cr_assert_eq(store_commit(store), LZ_ok);
    size_t whole = 0, stopped = 0;
    for (size_t i = 0; i < LZ_COUNT(faults); i++)
        for (size_t at = 1; at < 400; at += at < 40 ? 1 : 37) {
            struct backup_view view;
            wipe(copy);
            arena_reset(arena);
            arm(faults[i].call, at, faults[i].code);
            enum lz_err err = store_backup_begin(store, copy, str("children"), 5, &fail);
            for (int slice = 0; err == LZ_ok && slice < 200 && store_backing_up(store); slice++) {
                store_put(store, TABLE_audit, key_u64((uint64_t)slice * 7 % 300), str("kept"));
                store_delete(store, TABLE_audit, key_u64(1000));
                if (store_commit(store) != LZ_ok) store_abort(store);
                (void)store_backup_step(store, 2000, 6);
                store_abort(store);
            }
            disarm();
            (void)store_backup_view(store, &view);
            struct stat st;
            bool there = stat(copy, &st) == 0;
            if (err == LZ_ok && view.state == BACKUP_DONE) { cr_assert(there && view.values >= 300); whole++; }
            else {
                cr_assert(err != LZ_ok || (view.state == BACKUP_FAILED && view.reason[0]), "call %d at %zu", (int)faults[i].call, at);
                stopped++;
            }
            if (!struck) break;
        }
    cr_assert(whole >= LZ_COUNT(faults) / 2 && stopped > 60, "%zu whole, %zu stopped", whole, stopped);
    store_close(&store);
    /* and the way back */
    uint64_t second = 1;
    for (size_t i = 0; i < LZ_COUNT(faults); i++)
        for (size_t at = 1; at < 30; at++) {
            arm(faults[i].call, at, faults[i].code);
            enum lz_err err = store_restore(path, copy, second++ * 1000, kept, sizeof kept, &fail);
            disarm();
            cr_assert(err == LZ_ok || (struck && fail.text[0]));
            cr_assert(holds(path), "whatever failed, a whole store stands there: call %d at %zu", (int)faults[i].call, at);
            if (!struck) break;
        }
}
