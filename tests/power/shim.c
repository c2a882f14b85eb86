/* shim: preloaded into a daemon, it writes down what the daemon does to the files under POWER_DIR (log.h), or makes one of
 * these calls fail, once or for good.
 *
 *   POWER_DIR=/run/dir                    files below it are looked at; others are left alone
 *   POWER_LOG=file                        the log, appended to
 *   POWER_FAULT=CALL:N:ERRNO:once|forever CALL: open write dsync sync truncate rename mmap statvfs stat mkdir unlink short any alloc
 *   POWER_NOSYNC=1                        syncs are written down and answered, and not done
 *
 * `short` lets the N-th write put only half of its bytes, `dsync` is a write through an O_DSYNC descriptor (LMDB's meta page),
 * `alloc` is malloc, calloc and realloc called from the program itself or from liblmdb: libzmq ends the process by design when
 * it gets no memory, so its calls are left alone. A program that drives faults by itself calls power_arm and power_count. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>
#include "log.h"

enum { FDS = 4096, RANGES = 8 };
#define CALLS_LIST(X) X(none) X(open) X(write) X(dsync) X(sync) X(truncate) X(rename) X(mmap) X(statvfs) X(stat) X(mkdir) X(unlink) X(short) X(any) X(alloc)
#define X(name) CALL_##name,
enum call { CALLS_LIST(X) CALLS };
#undef X
#define X(name) #name,
static const char *const call_names[CALLS] = { CALLS_LIST(X) };
#undef X
static struct { bool known, dsync; char path[PATH_MAX]; } *files;     /* by descriptor */
static int log_fd = -1;
static char dir[PATH_MAX];
static size_t dir_len;
static enum call fault_call;
static long fault_at, count, allocs;
static int fault_errno;
static bool fault_forever, struck, alloc_armed, paused, no_sync;
static struct { uintptr_t from, to; } ranges[RANGES];
static int n_ranges;

static void *next_of(const char *name) { return dlsym(RTLD_NEXT, name); }

/* ---- faults ------------------------------------------------------------------------------------------------------------- */

void power_arm(const char *call, long at, int error, bool forever);
long power_count(void);
bool power_struck(void);
void power_pause(bool paused);

void power_arm(const char *call, long at, int error, bool forever) {
    fault_call = CALL_none;
    for (int i = 0; i < CALLS; i++)
        if (strcmp(call_names[i], call) == 0) fault_call = (enum call)i;
    alloc_armed = fault_call == CALL_alloc;
    fault_at = at;
    fault_errno = error;
    fault_forever = forever;
    struck = false;
    count = allocs = 0;
}
long power_count(void) { return fault_call == CALL_alloc ? allocs : count; }
bool power_struck(void) { return struck; }
void power_pause(bool is) { paused = is; }       /* what is called now is not the node's */

static bool strikes(enum call call) {
    if (fault_call == CALL_none || fault_call == CALL_alloc || paused) return false;
    bool mine = fault_call == call || (fault_call == CALL_any && call != CALL_short) || (fault_call == CALL_short && call == CALL_write);
    if (!mine) return false;
    count++;
    if (fault_at == 0 || (fault_forever ? count < fault_at : count != fault_at)) return false;
    struck = true;
    if (getenv("POWER_TRACE")) dprintf(2, "shim: %s %ld fails\n", call_names[call], count);
    errno = fault_errno;
    return true;
}

/* ---- the log ------------------------------------------------------------------------------------------------------------ */

static int add_range(struct dl_phdr_info *info, size_t size, void *data) {
    (void)size; (void)data;
    bool mine = info->dlpi_name[0] == 0 || strstr(info->dlpi_name, "liblmdb");
    for (int i = 0; mine && i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || !(p->p_flags & PF_X) || n_ranges == RANGES) continue;
        ranges[n_ranges].from = info->dlpi_addr + p->p_vaddr;
        ranges[n_ranges++].to = info->dlpi_addr + p->p_vaddr + p->p_memsz;
    }
    return 0;
}

static void put(enum power_op op, const char *path, uint64_t off, const void *data, size_t len) {
    if (log_fd < 0) return;
    int saved = errno;
    struct power_head head = { POWER_MAGIC, op, (uint32_t)strlen(path), (uint32_t)len, off };
    struct iovec v[3] = { { &head, sizeof head }, { (void *)(uintptr_t)path, head.path_len }, { (void *)(uintptr_t)data, len } };
    ssize_t (*f)(int, const struct iovec *, int) = (ssize_t (*)(int, const struct iovec *, int))next_of("writev");
    if (f(log_fd, v, 3) != (ssize_t)(sizeof head + head.path_len + len)) _exit(98);
    errno = saved;
}

__attribute__((constructor)) static void begin(void) {
    files = mmap(NULL, FDS * sizeof *files, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    const char *d = getenv("POWER_DIR"), *l = getenv("POWER_LOG"), *f = getenv("POWER_FAULT");
    if (d && realpath(d, dir)) dir_len = strlen(dir);
    no_sync = getenv("POWER_NOSYNC") != NULL;
    dl_iterate_phdr(add_range, NULL);
    if (l && dir_len) {
        int (*o)(const char *, int, ...) = (int (*)(const char *, int, ...))next_of("open");
        log_fd = o(l, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        put(OP_START, "", 0, NULL, 0);
    }
    char call[16], mode[16];
    long n;
    int e;
    if (f && sscanf(f, "%15[a-z]:%ld:%d:%15[a-z]", call, &n, &e, mode) == 4) power_arm(call, n, e, strcmp(mode, "forever") == 0);
}
void power_dir(const char *path);
void power_dir(const char *path) { dir_len = realpath(path, dir) ? strlen(dir) : 0; }

/* The name below the directory, or NULL. */
static const char *below(const char *path, char out[PATH_MAX]) {
    if (!dir_len || !path) return NULL;
    if (path[0] != '/') {
        char cwd[PATH_MAX];
        if (!getcwd(cwd, sizeof cwd) || snprintf(out, PATH_MAX, "%s/%s", cwd, path) >= PATH_MAX) return NULL;
    } else if (snprintf(out, PATH_MAX, "%s", path) >= PATH_MAX) return NULL;
    for (size_t n = strlen(out); n > 3 && strcmp(out + n - 3, "/..") == 0; n = strlen(out)) {
        out[n - 3] = 0;
        *strrchr(out, '/') = 0;
    }
    if (strncmp(out, dir, dir_len) != 0) return NULL;
    if (out[dir_len] == 0) return out + dir_len;
    return out[dir_len] == '/' ? out + dir_len + 1 : NULL;
}
static const char *tracked(int fd) { return fd >= 0 && fd < FDS && files && files[fd].known ? files[fd].path : NULL; }

/* ---- the calls ---------------------------------------------------------------------------------------------------------- */

static int open_any(const char *name, const char *path, int flags, mode_t mode) {
    int (*f)(const char *, int, ...) = (int (*)(const char *, int, ...))next_of(name);
    char buffer[PATH_MAX];
    const char *p = below(path, buffer);
    bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_DIRECTORY));
    if (p && strikes(CALL_open)) return -1;
    struct stat st;
    bool was = p && fstatat(AT_FDCWD, path, &st, 0) == 0;
    int fd = f(path, p && no_sync ? flags & ~O_SYNC : flags, mode);   /* O_DSYNC is a part of it */
    if (fd < 0 || fd >= FDS) return fd;
    files[fd].known = false;
    if (!p || !writes) return fd;
    files[fd].known = true;
    files[fd].dsync = (flags & O_DSYNC) != 0;
    snprintf(files[fd].path, PATH_MAX, "%s", p);
    if (!was) put(OP_CREATE, p, 0, NULL, 0);
    else if (flags & O_TRUNC) put(OP_TRUNCATE, p, 0, NULL, 0);
    return fd;
}
#define MODE_OF(flags) mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list a; va_start(a, flags); mode = va_arg(a, mode_t); va_end(a); }
int open(const char *path, int flags, ...) { MODE_OF(flags) return open_any("open", path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags) return open_any("open64", path, flags, mode); }
int close(int fd) {
    if (fd >= 0 && fd < FDS && files) files[fd].known = false;
    return ((int (*)(int))next_of("close"))(fd);
}

static bool write_fails(int fd, size_t *n) {
    enum call call = files[fd].dsync ? CALL_dsync : CALL_write;
    if (fault_call == CALL_short) {
        if (!files[fd].dsync && *n > 1 && strikes(CALL_write)) *n /= 2;
        return false;
    }
    return strikes(call);
}
static void wrote(int fd, uint64_t off, const void *data, ssize_t n) {
    if (n > 0) put(files[fd].dsync ? OP_DSYNC : OP_WRITE, files[fd].path, off, data, (size_t)n);
}
static uint64_t place(int fd) { return (uint64_t)lseek(fd, 0, fcntl(fd, F_GETFL) & O_APPEND ? SEEK_END : SEEK_CUR); }

static ssize_t pwrite_any(const char *name, int fd, const void *data, size_t n, off_t off) {
    ssize_t (*f)(int, const void *, size_t, off_t) = (ssize_t (*)(int, const void *, size_t, off_t))next_of(name);
    if (!tracked(fd)) return f(fd, data, n, off);
    if (write_fails(fd, &n)) return -1;
    ssize_t done = f(fd, data, n, off);
    wrote(fd, (uint64_t)off, data, done);
    return done;
}
ssize_t pwrite(int fd, const void *data, size_t n, off_t off) { return pwrite_any("pwrite", fd, data, n, off); }
ssize_t pwrite64(int fd, const void *data, size_t n, off64_t off) { return pwrite_any("pwrite64", fd, data, n, off); }
ssize_t write(int fd, const void *data, size_t n) {
    ssize_t (*f)(int, const void *, size_t) = (ssize_t (*)(int, const void *, size_t))next_of("write");
    if (!tracked(fd)) return f(fd, data, n);
    if (write_fails(fd, &n)) return -1;
    uint64_t off = place(fd);
    ssize_t done = f(fd, data, n);
    wrote(fd, off, data, done);
    return done;
}

/* A vector is written as one run of bytes; a short one is cut in its middle. */
static ssize_t vector(int fd, const struct iovec *v, int n, uint64_t off, bool at) {
    size_t all = 0, left;
    for (int i = 0; i < n; i++) all += v[i].iov_len;
    left = all;
    if (write_fails(fd, &left)) return -1;
    ssize_t done;
    if (left == all) {
        done = at ? ((ssize_t (*)(int, const struct iovec *, int, off_t))next_of("pwritev"))(fd, v, n, (off_t)off)
                  : ((ssize_t (*)(int, const struct iovec *, int))next_of("writev"))(fd, v, n);
    } else {
        ssize_t (*f)(int, const void *, size_t, off_t) = (ssize_t (*)(int, const void *, size_t, off_t))next_of("pwrite");
        done = 0;
        for (int i = 0; i < n && (size_t)done < left; i++) {
            size_t k = v[i].iov_len < left - (size_t)done ? v[i].iov_len : left - (size_t)done;
            ssize_t m = f(fd, v[i].iov_base, k, (off_t)off + done);
            if (m < 0) break;
            done += m;
        }
    }
    ssize_t rest = done;
    for (int i = 0; i < n && rest > 0; i++) {
        size_t k = v[i].iov_len < (size_t)rest ? v[i].iov_len : (size_t)rest;
        wrote(fd, off, v[i].iov_base, (ssize_t)k);
        off += k;
        rest -= (ssize_t)k;
    }
    return done;
}
ssize_t writev(int fd, const struct iovec *v, int n) {
    if (!tracked(fd)) return ((ssize_t (*)(int, const struct iovec *, int))next_of("writev"))(fd, v, n);
    return vector(fd, v, n, place(fd), false);
}
static ssize_t pwritev_any(const char *name, int fd, const struct iovec *v, int n, off_t off) {
    if (!tracked(fd)) return ((ssize_t (*)(int, const struct iovec *, int, off_t))next_of(name))(fd, v, n, off);
    return vector(fd, v, n, (uint64_t)off, true);
}
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t off) { return pwritev_any("pwritev", fd, v, n, off); }
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t off) { return pwritev_any("pwritev64", fd, v, n, off); }

static int sync_any(const char *name, int fd) {
    const char *p = tracked(fd);
    if (p && strikes(CALL_sync)) return -1;
    int rc = p && no_sync ? 0 : ((int (*)(int))next_of(name))(fd);
    if (p && rc == 0) put(OP_SYNC, p, 0, NULL, 0);
    return rc;
}
int fsync(int fd) { return sync_any("fsync", fd); }
int fdatasync(int fd) { return sync_any("fdatasync", fd); }

static int truncate_any(const char *name, int fd, off_t length) {
    const char *p = tracked(fd);
    if (p && strikes(CALL_truncate)) return -1;
    int rc = ((int (*)(int, off_t))next_of(name))(fd, length);
    if (p && rc == 0) put(OP_TRUNCATE, p, (uint64_t)length, NULL, 0);
    return rc;
}
int ftruncate(int fd, off_t length) { return truncate_any("ftruncate", fd, length); }
int ftruncate64(int fd, off64_t length) { return truncate_any("ftruncate64", fd, length); }

int rename(const char *from, const char *to) {
    char a[PATH_MAX], b[PATH_MAX];
    const char *p = below(from, a), *q = below(to, b);
    if (p && strikes(CALL_rename)) return -1;
    int rc = ((int (*)(const char *, const char *))next_of("rename"))(from, to);
    if (rc == 0 && p && q) put(OP_RENAME, p, 0, q, strlen(q));
    return rc;
}
int unlink(const char *path) {
    char a[PATH_MAX];
    const char *p = below(path, a);
    if (p && strikes(CALL_unlink)) return -1;
    int rc = ((int (*)(const char *))next_of("unlink"))(path);
    if (rc == 0 && p) put(OP_UNLINK, p, 0, NULL, 0);
    return rc;
}
int mkdir(const char *path, mode_t mode) {
    char a[PATH_MAX];
    const char *p = below(path, a);
    if (p && strikes(CALL_mkdir)) return -1;
    int rc = ((int (*)(const char *, mode_t))next_of("mkdir"))(path, mode);
    if (rc == 0 && p) put(OP_MKDIR, p, 0, NULL, 0);
    return rc;
}

/* ---- memory ------------------------------------------------------------------------------------------------------------- */

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
static bool alloc_fails(uintptr_t caller) {
    if (!alloc_armed || paused) return false;
    bool mine = false;
    for (int i = 0; i < n_ranges && !mine; i++) mine = caller >= ranges[i].from && caller < ranges[i].to;
    if (!mine) return false;
    allocs++;
    if (fault_at == 0 || (fault_forever ? allocs < fault_at : allocs != fault_at)) return false;
    struck = true;
    if (getenv("POWER_TRACE")) dprintf(2, "shim: alloc %ld fails\n", allocs);
    errno = ENOMEM;
    return true;
}
/* What the log cannot show must not happen: a daemon that changed its files through a shared mapping would be replayed wrongly. */
static void *mmap_any(const char *name, void *at, size_t n, int prot, int flags, int fd, off_t off) {
    const char *p = tracked(fd);
    if (p && strikes(CALL_mmap)) return MAP_FAILED;
    size_t len = p ? strlen(p) : 0;
    if (p && log_fd >= 0 && (flags & MAP_SHARED) && (prot & PROT_WRITE) && !(len >= 8 && strcmp(p + len - 8, "lock.mdb") == 0)) {
        static const char text[] = "shim: a data file was mapped for writing\n";
        (void)!write(2, text, sizeof text - 1);
        _exit(99);
    }
    return ((void *(*)(void *, size_t, int, int, int, off_t))next_of(name))(at, n, prot, flags, fd, off);
}
void *mmap(void *at, size_t n, int prot, int flags, int fd, off_t off) {
    if (fd < 0 && alloc_fails((uintptr_t)__builtin_return_address(0))) return MAP_FAILED;      /* the arenas */
    if (fd < 0) return ((void *(*)(void *, size_t, int, int, int, off_t))next_of("mmap"))(at, n, prot, flags, fd, off);
    return mmap_any("mmap", at, n, prot, flags, fd, off);
}
void *mmap64(void *at, size_t n, int prot, int flags, int fd, off64_t off) {
    if (fd < 0) return ((void *(*)(void *, size_t, int, int, int, off_t))next_of("mmap"))(at, n, prot, flags, fd, off);
    return mmap_any("mmap64", at, n, prot, flags, fd, off);
}
int fstatvfs(int fd, struct statvfs *out) {
    if (tracked(fd) && strikes(CALL_statvfs)) return -1;
    return ((int (*)(int, struct statvfs *))next_of("fstatvfs"))(fd, out);
}
int fstatvfs64(int fd, struct statvfs64 *out) {
    if (tracked(fd) && strikes(CALL_statvfs)) return -1;
    return ((int (*)(int, struct statvfs64 *))next_of("fstatvfs64"))(fd, out);
}
int fstat(int fd, struct stat *out) {
    if (tracked(fd) && strikes(CALL_stat)) return -1;
    return ((int (*)(int, struct stat *))next_of("fstat"))(fd, out);
}
int __fxstat(int version, int fd, struct stat *out);
int __fxstat(int version, int fd, struct stat *out) {
    if (tracked(fd) && strikes(CALL_stat)) return -1;
    return ((int (*)(int, int, struct stat *))next_of("__fxstat"))(version, fd, out);
}
int fstat64(int fd, struct stat64 *out) {
    if (tracked(fd) && strikes(CALL_stat)) return -1;
    return ((int (*)(int, struct stat64 *))next_of("fstat64"))(fd, out);
}

#ifdef POWER_WRAP
/* Linked into a program that a sanitizer's own malloc serves: the linker sends our objects' calls here (--wrap). */
void *__real_malloc(size_t);
void *__real_calloc(size_t, size_t);
void *__real_realloc(void *, size_t);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n) { return alloc_fails((uintptr_t)__builtin_return_address(0)) ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return alloc_fails((uintptr_t)__builtin_return_address(0)) ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n) { return alloc_fails((uintptr_t)__builtin_return_address(0)) ? NULL : __real_realloc(p, n); }
#else
void *malloc(size_t n) { return alloc_fails((uintptr_t)__builtin_return_address(0)) ? NULL : __libc_malloc(n); }
void *calloc(size_t n, size_t size) { return alloc_fails((uintptr_t)__builtin_return_address(0)) ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t n) { return alloc_fails((uintptr_t)__builtin_return_address(0)) ? NULL : __libc_realloc(p, n); }
#endif
