/* block: power cuts below the file system. What the disk under a recorded run was given (disk.c) is put on a fresh one up to a random place;
 * of what came behind the last flush, nothing, everything, a part. The file system is mounted by the kernel, which replays its journal, or
 * repaired by e2fsck before; then each unit is started over its directory, and judged by what had been promised before (replay.c).
 *
 * Model of the disk: what was written before a flush that was answered is there; of what was written later any 4096 bytes may be there or
 * not. With -x flushes do nothing: the disk lies. With -l losses must be found: in a run of daemons that did not sync.
 *
 * Mounts are made below WORK in the caller's mount namespace, which should be a private one; loop devices let go by themselves. */
#include "replay.h"
#include "log.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { UNITS = 8, WORKERS = 2, SECTOR = 4096, PENDING_MAX = 65536, SHOWN = 6, LIE_PIECES = 100 };
struct block_op {
    enum power_op op;
    const uint8_t *data;
    uint32_t len;
    uint64_t off, told;
};
struct piece { const uint8_t *data; uint64_t off; uint32_t len, of; };   /* within one sector; of: which operation */
enum choice { NOTHING, EVERYTHING, PART, ONE_MISSING, ONE_ALONE, THE_FIRST, CHOICES };
static const char *const choice_names[CHOICES] = { "nothing kept", "everything kept", "a part kept", "one piece missing", "one piece alone",
                                                   "the first ones kept" };
struct sums { uint64_t images, dropped, repaired, starts, asked, bad, losses; int shown, failed; };
struct cuts {
    const char *work;
    struct block_op *ops;
    size_t n_ops, first, last;       /* cuts from the first start of a daemon to the end of the last */
    uint64_t disk_bytes;
    struct replay *units[UNITS];
    int n_units;
    uint64_t count, random;
    bool lying, losing;              /* flushes do nothing; losses are expected */
    struct sums *sums;               /* shared between the workers */
};
struct worker {
    const struct cuts *c;
    char dir[600], image[640], mount[640];
    uint8_t *durable;
    bool *used;                      /* by sector */
    struct piece pending[PENDING_MAX];
    bool keep[PENDING_MAX];
    size_t n_pending;
};

static void stop(const char *what) { fprintf(stderr, "block: %s: %s\n", what, strerror(errno)); exit(2); }
static uint64_t draw(const struct cuts *c, uint64_t a, uint64_t b) { uint64_t x[3] = { c->random, a, b }; return lz_hash64(31, x, sizeof x); }
static void add(uint64_t *sum, uint64_t n) { __atomic_add_fetch(sum, n, __ATOMIC_RELAXED); }

/* ---- the log ---------------------------------------------------------------------------------------------------------------- */

static void load(struct cuts *c, const char *path, uint64_t end_of_story) {
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) stop(path);
    const uint8_t *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) stop(path);
    close(fd);
    size_t room = 0;
    for (size_t at = 0, end = (size_t)st.st_size; at < end;) {
        struct block_head h;
        if (at + sizeof h > end) stop("the log ends in its middle");
        memcpy(&h, bytes + at, sizeof h);
        at += sizeof h;
        if (h.magic != BLOCK_MAGIC || h.len > end - at || (h.op != OP_WRITE && h.op != OP_SYNC) || h.off + h.len > c->disk_bytes) stop("the log is broken");
        if (c->n_ops == room) c->ops = realloc(c->ops, (room = room ? 2 * room : 4096) * sizeof *c->ops);
        if (!c->ops) stop("no memory");
        if (h.told == 0) c->first = c->n_ops + 1;
        if (h.told < end_of_story) c->last = c->n_ops + 1;
        c->ops[c->n_ops++] = (struct block_op){ (enum power_op)h.op, bytes + at, h.len, h.off, h.told };
        at += h.len;
    }
}

/* ---- the disk --------------------------------------------------------------------------------------------------------------- */

static void settle(struct worker *w, size_t n) {             /* the first n pieces reach the disk */
    for (size_t i = 0; i < n; i++) {
        memcpy(w->durable + w->pending[i].off, w->pending[i].data, w->pending[i].len);
        w->used[w->pending[i].off / SECTOR] = true;
    }
    memmove(w->pending, w->pending + n, (w->n_pending - n) * sizeof w->pending[0]);
    w->n_pending -= n;
}

static void step(struct worker *w, size_t at) {
    const struct block_op *o = &w->c->ops[at];
    for (uint32_t from = 0, len; o->op == OP_WRITE && from < o->len; from += len) {
        len = SECTOR - (uint32_t)((o->off + from) % SECTOR);
        if (len > o->len - from) len = o->len - from;
        if (w->n_pending == PENDING_MAX) stop("too much is pending");
        w->pending[w->n_pending++] = (struct piece){ o->data + from, o->off + from, len, (uint32_t)at };
    }
    if (w->c->lying) { if (w->n_pending > LIE_PIECES) settle(w, w->n_pending - LIE_PIECES); }
    else if (o->op == OP_SYNC) settle(w, w->n_pending);
}

static enum choice choose(struct worker *w, uint64_t number) {
    const struct cuts *c = w->c;
    enum choice choice = (enum choice)(draw(c, number, 1) % (CHOICES + 2));
    if (choice >= CHOICES) choice = choice == CHOICES ? NOTHING : PART;
    size_t n = w->n_pending, one = n ? draw(c, number, 2) % n : 0;
    for (size_t i = 0; i < n; i++)
        w->keep[i] = choice == EVERYTHING || (choice == PART && draw(c, number, 3 + i) >> 20 & 1) || (choice == ONE_MISSING && i != one)
                     || (choice == ONE_ALONE && i == one) || (choice == THE_FIRST && i < one);
    return choice;
}

static void put(int fd, const void *data, size_t len, uint64_t off) {
    if (pwrite(fd, data, len, (off_t)off) != (ssize_t)len) stop("cannot write an image");
}

static void build(struct worker *w) {
    int fd = open(w->image, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)w->c->disk_bytes) != 0) stop(w->image);
    size_t sectors = (size_t)(w->c->disk_bytes / SECTOR);
    for (size_t i = 0, run; i < sectors; i += run) {
        for (run = 0; i + run < sectors && w->used[i + run]; run++) { }
        if (run) put(fd, w->durable + i * SECTOR, run * SECTOR, i * SECTOR);
        else run = 1;
    }
    for (size_t i = 0; i < w->n_pending; i++)
        if (w->keep[i]) put(fd, w->pending[i].data, w->pending[i].len, w->pending[i].off);
    close(fd);
}

/* ---- mounting ----------------------------------------------------------------------------------------------------------------- */

/* A loop device over the image that lets go when nobody uses it any more: the device, and a descriptor that holds it. */
static int attach(const char *image, char device[32]) {
    int fd = open(image, O_RDWR | O_CLOEXEC), control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), loop = -1;
    if (fd < 0 || control < 0) stop("no loop device");
    for (int i = 0; i < 100 && loop < 0; i++) {              /* somebody else may take the free one before we do */
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0) stop("no free loop device");
        snprintf(device, 32, "/dev/loop%d", number);
        struct loop_config config = { .fd = (uint32_t)fd, .info = { .lo_flags = LO_FLAGS_AUTOCLEAR } };
        loop = open(device, O_RDWR | O_CLOEXEC);
        if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) == 0) break;
        if (loop >= 0) close(loop);
        loop = -1;
        usleep(10000);
    }
    if (loop < 0) stop("no loop device can be had");
    close(fd);
    close(control);
    return loop;
}

static bool mounted(struct worker *w, char *why, size_t size) {
    char device[32];
    int loop = attach(w->image, device);
    bool good = mount(device, w->mount, "ext4", 0, "") == 0;
    if (!good) snprintf(why, size, "cannot be mounted: %s", strerror(errno));
    close(loop);
    return good;
}

static void unmounted(struct worker *w) {
    for (int i = 0; umount2(w->mount, UMOUNT_NOFOLLOW) != 0; i++) {
        if (i == 100) stop("cannot be unmounted");
        usleep(20000);
    }
}

static bool repaired(struct worker *w, char *why, size_t size) {
    pid_t pid = fork();
    if (pid < 0) stop("no fork");
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0); dup2(null, 1); dup2(null, 2);
        execlp("e2fsck", "e2fsck", "-fy", w->image, (char *)NULL);
        _exit(127);
    }
    int status;
    waitpid(pid, &status, 0);
    bool good = WIFEXITED(status) && WEXITSTATUS(status) < 4;
    if (!good) snprintf(why, size, "e2fsck ends with %d", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return good;
}

/* ---- judging -------------------------------------------------------------------------------------------------------------------- */

/* The folder of the run: the only one beside lost+found; before it reached the disk, one is made as an installer would. */
static bool folder(struct worker *w, char *path, size_t size) {
    DIR *dir = opendir(w->mount);
    struct dirent *e;
    snprintf(path, size, "%s/none", w->mount);
    while (dir && (e = readdir(dir)))
        if (strncmp(e->d_name, "linzhang-", 9) == 0) snprintf(path, size, "%s/%s", w->mount, e->d_name);
    if (dir) closedir(dir);
    return mkdir(path, 0700) == 0 || errno == EEXIST;
}

static int judge(struct worker *w, size_t at, bool thorough, char *why, size_t size) {
    const struct cuts *c = w->c;
    char tree[1000], path[1100], what[400] = "";
    if (!folder(w, tree, sizeof tree)) { snprintf(why, size, "no folder: %s", strerror(errno)); return 1; }
    for (int u = 0; u < c->n_units; u++) {
        size_t place = replay_place(c->units[u], c->ops[at].told);
        snprintf(path, sizeof path, "%s/%s", tree, replay_unit(c->units[u]));
        if (mkdir(path, 0700) != 0 && errno != EEXIST) { snprintf(why, size, "no folder of %s: %s", replay_unit(c->units[u]), strerror(errno)); return 1; }
        add(&c->sums->starts, 1);
        add(&c->sums->asked, replay_promises(c->units[u], place));
        int verdict = replay_judge(c->units[u], path, place, thorough, what, sizeof what);
        if (verdict == 0) continue;
        snprintf(why, size, "%s: %s", replay_unit(c->units[u]), what);
        return verdict;
    }
    return 0;
}

static void cut(struct worker *w, size_t at, uint64_t number) {
    const struct cuts *c = w->c;
    char why[600] = "";
    enum choice choice = choose(w, number);
    size_t kept = 0;
    for (size_t i = 0; i < w->n_pending; i++) kept += w->keep[i];
    build(w);
    add(&c->sums->images, 1);
    if (kept < w->n_pending) add(&c->sums->dropped, 1);
    bool by_fsck = number % 8 == 5, good = !by_fsck || repaired(w, why, sizeof why);
    if (by_fsck) add(&c->sums->repaired, 1);
    int verdict = 1;
    if (good && mounted(w, why, sizeof why)) {
        verdict = judge(w, at, number % 4 == 0, why, sizeof why);
        unmounted(w);
    }
    if (verdict == 0) return;
    add(&c->sums->bad, 1);
    if (verdict == 2) add(&c->sums->losses, 1);
    if (__atomic_add_fetch(&c->sums->shown, 1, __ATOMIC_RELAXED) > SHOWN) return;
    printf("cut %llu at block operation %zu, %s (%zu of %zu): %s\n", (unsigned long long)number, at, choice_names[choice], kept, w->n_pending, why);
    fflush(stdout);
}

/* Every WORKERS-th of the cuts, one in each part of the story. */
static void work(const struct cuts *c, int self) {
    struct worker *w = calloc(1, sizeof *w);
    if (!w) stop("no memory");
    w->c = c;
    snprintf(w->dir, sizeof w->dir, "%.500s/%d", c->work, self);
    snprintf(w->image, sizeof w->image, "%s/image", w->dir);
    snprintf(w->mount, sizeof w->mount, "%s/mount", w->dir);
    w->durable = calloc(1, c->disk_bytes);
    w->used = calloc(c->disk_bytes / SECTOR, sizeof *w->used);
    if (!w->durable || !w->used) stop("no memory");
    if (mkdir(w->dir, 0700) != 0 || mkdir(w->mount, 0700) != 0) stop(w->mount);
    size_t at = 0, span = c->last - c->first;
    for (uint64_t k = 0; k < c->count; k++) {
        size_t from = c->first + (size_t)(k * span / c->count), to = c->first + (size_t)((k + 1) * span / c->count);
        size_t here = from + (to > from ? (size_t)(draw(c, k, 0) % (to - from)) : 0);
        if (k % WORKERS != (uint64_t)self) continue;
        for (; at < here; at++) step(w, at);
        cut(w, here, k);
    }
}

static int verdict(const struct cuts *c, double seconds) {
    const struct sums *s = c->sums;
    size_t writes = 0, flushes = 0;
    for (size_t i = c->first; i < c->last; i++) (*(c->ops[i].op == OP_SYNC ? &flushes : &writes))++;
    printf("%llu power cuts in %zu block writes and %zu flushes%s, %llu with writes lost: %llu bad (%llu with losses); %llu repaired before the mount; "
           "%llu starts, %llu promises asked for; %.0f s, %.1f/s\n",
           (unsigned long long)s->images, writes, flushes, c->lying ? " that did nothing" : "", (unsigned long long)s->dropped,
           (unsigned long long)s->bad, (unsigned long long)s->losses, (unsigned long long)s->repaired, (unsigned long long)s->starts,
           (unsigned long long)s->asked, seconds, (double)s->images / seconds);
    bool small = s->images != c->count || (!c->losing && (writes < 1000 || flushes < 300 || s->dropped * 4 < s->images || s->asked < 50 * s->images));
    if (small) { printf("the run was too small to prove anything\n"); return 1; }
    if (!c->losing) return s->bad ? 1 : 0;
    if (s->bad * 2 < s->images || !s->losses) { printf("that nothing was synced was not found out\n"); return 1; }
    return 0;
}

/* block [-x | -l] [-n CUTS] [-s SEED] [-m MIB] OUT WORK DIVISIONS "UNIT PARENT CHILD..."...   OUT: gets scenario's files, and the disk's log as `disk` */
int power_block(int argc, char **argv) {
    struct cuts c = { .count = 300, .random = 20221, .disk_bytes = 64 << 20 };
    int option;
    while ((option = getopt(argc, argv, "xln:s:m:")) != -1) {
        if (option == 'x') c.lying = c.losing = true;
        else if (option == 'l') c.losing = true;
        else if (option == 'n') c.count = strtoull(optarg, NULL, 10);
        else if (option == 's') c.random = strtoull(optarg, NULL, 10);
        else if (option == 'm') c.disk_bytes = strtoull(optarg, NULL, 10) << 20;
        else return 2;
    }
    if (c.disk_bytes % SECTOR || argc - optind < 4 || argc - optind - 3 > UNITS || !c.count) return 2;
    lz_log_level(LZ_ERROR);
    c.work = argv[optind + 1];
    c.sums = mmap(NULL, sizeof *c.sums, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (c.sums == MAP_FAILED) return 2;
    for (int i = optind + 3; i < argc; i++) {
        char *words[16] = { argv[optind], argv[optind + 1], argv[optind + 2] }, *save = NULL;
        int n = 3;
        for (char *word = strtok_r(argv[i], " ", &save); word && n < 16; word = strtok_r(NULL, " ", &save)) words[n++] = word;
        c.units[c.n_units++] = replay_open(n, words);
    }
    char path[700];
    struct stat st;
    snprintf(path, sizeof path, "%s/log", argv[optind]);
    if (stat(path, &st) != 0) stop(path);
    snprintf(path, sizeof path, "%s/disk", argv[optind]);
    load(&c, path, (uint64_t)st.st_size);
    if (c.last <= c.first) stop("no daemon wrote to this disk");
    uint64_t began = lz_clock_now().mono_ms;
    for (int k = 0; k < WORKERS; k++) {
        pid_t pid = fork();
        if (pid < 0) return 2;
        if (pid == 0) { work(&c, k); _exit(0); }
    }
    int status, failed = 0;
    while (wait(&status) > 0) failed |= status;
    if (failed) { printf("a worker failed\n"); return 1; }
    return verdict(&c, (double)(lz_clock_now().mono_ms - began + 1) / 1000);
}
