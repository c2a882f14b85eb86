/* disk: a disk in memory, seen as the one file `disk` of a FUSE file system, which writes down what it is given (log.h, struct block_head).
 * With a loop device on that file it lies below a real file system, whose journal, order of writes and flushes it then records.
 *
 *   power_disk MOUNTPOINT MIB LOG ABOVE   ABOVE: the log of the daemons on it (shim.c); how long it is then is written down with each operation
 *
 * It stays in the foreground and ends when it is unmounted. The kernel hands a flush down as fsync of the file. */
#define FUSE_USE_VERSION 31
#include <errno.h>
#include <fcntl.h>
#include <fuse3/fuse.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include "log.h"

struct disk {
    unsigned char *bytes;
    size_t size;
    int log;
    const char *above;
};
static const char name[] = "/disk";

static struct disk *self(void) { return fuse_get_context()->private_data; }

/* One thread serves the kernel, so the order of the log is the order in which it was answered. */
static int note(const struct disk *d, enum power_op op, const void *data, size_t len, off_t off) {
    struct stat st;
    struct block_head head = { BLOCK_MAGIC, op, (uint32_t)len, 0, (uint64_t)off, stat(d->above, &st) == 0 ? (uint64_t)st.st_size : 0 };
    struct iovec v[2] = { { &head, sizeof head }, { (void *)(uintptr_t)data, len } };
    return writev(d->log, v, len ? 2 : 1) == (ssize_t)(sizeof head + len) ? 0 : -EIO;
}

static int get_attributes(const char *path, struct stat *st, struct fuse_file_info *file) {
    (void)file;
    bool root = strcmp(path, "/") == 0;
    memset(st, 0, sizeof *st);
    if (!root && strcmp(path, name) != 0) return -ENOENT;
    st->st_mode = root ? S_IFDIR | 0700 : S_IFREG | 0600;
    st->st_nlink = root ? 2 : 1;
    st->st_size = root ? 0 : (off_t)self()->size;
    return 0;
}

static int list(const char *path, void *buffer, fuse_fill_dir_t fill, off_t off, struct fuse_file_info *file, enum fuse_readdir_flags flags) {
    (void)path; (void)off; (void)file; (void)flags;
    return fill(buffer, name + 1, NULL, 0, 0) ? -ENOMEM : 0;
}

static int open_it(const char *path, struct fuse_file_info *file) {
    (void)file;
    return strcmp(path, name) == 0 ? 0 : -ENOENT;
}

static int get(const char *path, char *to, size_t n, off_t off, struct fuse_file_info *file) {
    (void)path; (void)file;
    const struct disk *d = self();
    if (off < 0 || (size_t)off >= d->size) return 0;
    if (n > d->size - (size_t)off) n = d->size - (size_t)off;
    memcpy(to, d->bytes + off, n);
    return (int)n;
}

static int put(const char *path, const char *from, size_t n, off_t off, struct fuse_file_info *file) {
    (void)path; (void)file;
    struct disk *d = self();
    if (off < 0 || (size_t)off > d->size || n > d->size - (size_t)off) return -ENOSPC;
    if (note(d, OP_WRITE, from, n, off) != 0) return -EIO;
    memcpy(d->bytes + off, from, n);
    return (int)n;
}

static int flush(const char *path, int data_only, struct fuse_file_info *file) {
    (void)path; (void)data_only; (void)file;
    return note(self(), OP_SYNC, NULL, 0, 0);
}

int main(int argc, char **argv) {
    if (argc != 5) { fprintf(stderr, "power_disk MOUNTPOINT MIB LOG ABOVE\n"); return 2; }
    struct disk d = { .size = (size_t)strtoul(argv[2], NULL, 10) << 20, .log = open(argv[3], O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600),
                      .above = argv[4] };
    d.bytes = calloc(1, d.size);
    if (!d.bytes || d.log < 0) { perror("power_disk"); return 2; }
    const struct fuse_operations operations = { .getattr = get_attributes, .readdir = list, .open = open_it, .read = get, .write = put, .fsync = flush };
    char *words[] = { argv[0], (char[]){ "-f" }, (char[]){ "-s" }, argv[1], NULL };
    return fuse_main(4, words, &operations, &d);
}
