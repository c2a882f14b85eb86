/* replay: power cuts at every operation of a recorded run.
 *
 * At each boundary between two of the node's operations the disk may hold: what was synced, and of what was not, anything.
 * Each choice is an image: the directory is built again, opened with the real store, flow, turn and ctl in a child process, and
 * judged by what had been promised before that boundary: to clerks (answers with their ids), to neighbours (records of ours that
 * they hold on their own disks, and how far we had acknowledged theirs), and by `verify`. Then it must take a new submission.
 *
 * Model of the disk: a write is in the cache until fsync or fdatasync of its file, one through O_DSYNC is on disk when it
 * returns, alone; a new name, a rename and a removal are in the cache until fsync of the directory. Unsynced operations reach
 * the disk in any combination, and a write may be torn at any 512 bytes. With -x syncs are ignored: the disk lies. */
#include "replay.h"
#include "log.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../daemon/wire/wire.h"

enum { NODES = 8, INODES = 256, PENDING_MAX = 4096, WORKERS = 2, SHOWN = 6, LIE_OPS = 60, FIRST_UNIT = 2 };
struct op {
    uint32_t op;
    const char *path, *data;
    size_t path_len, len;
    uint64_t off;
    int inode;                       /* of the file that the name meant when it was done; -1: none */
};
struct inode { uint8_t *data; size_t size, room; };
struct name { char path[160]; int inode; bool there, is_dir; };
struct disk {                        /* what is on disk for certain, and what is on its way there */
    struct inode inodes[INODES];
    int n_inodes;
    struct name names[INODES];       /* durable */
    int n_names;
    struct name live[INODES];        /* as processes see them */
    int n_live;
    const struct op *pending[PENDING_MAX];
    int n_pending;
    uint64_t version;                /* counts what became durable */
};
enum due_kind { DUE_ANSWER, DUE_CHILD, DUE_NO_CHILD, DUE_RECORD, DUE_CURSOR, DUE_KINDS };
struct due {                         /* promised at this place of the log */
    enum due_kind kind;
    size_t at, until;                /* until: where the promise was taken back; 0: never */
    uint8_t request[16];
    struct rec_id ids[80];
    size_t n_ids;
    uint32_t code;
    struct key key;
    struct feed_id feed;
    uint64_t position;
    struct epoch epoch;
};
struct feed_row { uint32_t peer; struct feed_id feed; uint64_t position; struct key key; };   /* of a neighbour, as it was at the end */
struct totals { uint64_t images, bad, points, points_done, losses; int shown; };
struct replay {
    const char *out, *work, *log;
    struct op *ops;
    size_t n_ops;
    char unit_text[16];
    uint32_t unit, parent;
    struct due *dues;
    size_t n_dues, max_dues;
    struct feed_row *rows;
    size_t n_rows;
    struct { uint32_t peer; struct epoch epoch; } epochs[NODES];
    int n_epochs;
    struct units *units;
    struct calendar *calendar;
    uint8_t seal_key[SEAL_KEY_BYTES];
    bool lying, trace;
    uint64_t budget, random;
    struct totals *totals;           /* shared between the workers */
};

/* ---- the log -------------------------------------------------------------------------------------------------------------- */

int power_mark(int argc, char **argv) {
    if (argc < 4) return 2;
    char data[8192];
    int n = snprintf(data, sizeof data, "%s %s %s", argv[3], argc > 5 ? argv[5] : "-", argv[4]);
    struct power_head head = { POWER_MAGIC, OP_ACK, (uint32_t)strlen(argv[2]), (uint32_t)n, 0 };
    char whole[sizeof head + 64 + sizeof data];
    if (n >= (int)sizeof data || head.path_len > 64) return 2;
    memcpy(whole, &head, sizeof head);
    memcpy(whole + sizeof head, argv[2], head.path_len);
    memcpy(whole + sizeof head + head.path_len, data, (size_t)n);
    size_t len = sizeof head + head.path_len + (size_t)n;
    int fd = open(argv[1], O_WRONLY | O_APPEND | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, whole, len) == (ssize_t)len;
    return good ? 0 : 1;
}

static void stop(const char *what) { fprintf(stderr, "replay: %s\n", what); exit(2); }

static void load_log(struct replay *r) {
    char path[700];
    struct stat st;
    snprintf(path, sizeof path, "%s/log", r->out);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size == 0) stop("no log");
    const char *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED) stop("cannot map the log");
    close(fd);
    r->log = bytes;
    size_t at = 0, room = 0, end = (size_t)st.st_size;
    while (at + sizeof(struct power_head) <= end) {
        struct power_head h;
        memcpy(&h, bytes + at, sizeof h);
        if (h.magic != POWER_MAGIC || at + sizeof h + h.path_len + h.len > end) stop("the log is broken");
        if (r->n_ops == room) r->ops = realloc(r->ops, (room = room ? 2 * room : 4096) * sizeof *r->ops);
        if (!r->ops) stop("no memory");
        r->ops[r->n_ops++] = (struct op){ h.op, bytes + at + sizeof h, bytes + at + sizeof h + h.path_len, h.path_len, h.len, h.off, -1 };
        at += sizeof h + h.path_len + h.len;
    }
}

static bool of_unit(const struct op *o, const char *unit) {
    size_t n = strlen(unit);
    return o->op != OP_ACK && o->op != OP_START && o->path_len >= n && memcmp(o->path, unit, n) == 0 && (o->path_len == n || o->path[n] == '/');
}

/* ---- the disk --------------------------------------------------------------------------------------------------------------- */

static struct name *name_of(struct name *names, int n, const char *path, size_t len) {
    for (int i = 0; i < n; i++)
        if (strlen(names[i].path) == len && memcmp(names[i].path, path, len) == 0) return &names[i];
    return NULL;
}
static struct name *name_make(struct name *names, int *n, const char *path, size_t len) {
    struct name *found = name_of(names, *n, path, len);
    if (found) return found;
    if (*n == INODES || len >= sizeof names->path) stop("too many names");
    found = &names[(*n)++];
    *found = (struct name){ .inode = -1 };
    memcpy(found->path, path, len);
    return found;
}

static void set_size(struct inode *f, size_t size) {
    if (size > f->room) {
        size_t room = size + size / 2 + 65536;
        f->data = realloc(f->data, room);
        if (!f->data) stop("no memory");
        f->room = room;
    }
    if (size > f->size) memset(f->data + f->size, 0, size - f->size);
    f->size = size;
}
static void put_bytes(struct inode *f, const struct op *o, size_t from, size_t to) {
    if (from >= to) return;
    if (o->off + to > f->size) set_size(f, o->off + to);
    memcpy(f->data + o->off + from, o->data + from, to - from);
}

static bool is_name_op(const struct op *o) { return o->op == OP_CREATE || o->op == OP_MKDIR || o->op == OP_RENAME || o->op == OP_UNLINK; }

static void apply_name(struct name *names, int *n, const struct op *o) {
    struct name *at;
    switch ((enum power_op)o->op) {
    case OP_CREATE: case OP_MKDIR:
        at = name_make(names, n, o->path, o->path_len);
        at->there = true;
        at->is_dir = o->op == OP_MKDIR;
        at->inode = o->inode;
        break;
    case OP_UNLINK:
        if ((at = name_of(names, *n, o->path, o->path_len))) at->there = false;
        break;
    case OP_RENAME: {
        struct name *from = name_of(names, *n, o->path, o->path_len);
        if (!from || !from->there) return;
        int inode = from->inode;
        from->there = false;
        at = name_make(names, n, o->data, o->len);
        at->there = true;
        at->inode = inode;
        break;
    }
    case OP_WRITE: case OP_DSYNC: case OP_TRUNCATE: case OP_SYNC: case OP_START: case OP_ACK: break;
    }
}

static void apply_data(struct inode *inodes, const struct op *o) {
    if (o->inode < 0) return;
    if (o->op == OP_TRUNCATE) set_size(&inodes[o->inode], o->off);
    else put_bytes(&inodes[o->inode], o, 0, o->len);
}

/* The directory that holds a name. */
static size_t parent_len(const char *path, size_t len) {
    while (len && path[len - 1] != '/') len--;
    return len ? len - 1 : 0;
}

/* Which of the pending operations a sync of this file or directory puts on disk. */
static void make_durable(struct disk *d, const struct op *sync) {
    struct name *at = name_of(d->live, d->n_live, sync->path, sync->path_len);
    int inode = at && at->there && !at->is_dir ? at->inode : -1, kept = 0;
    for (int i = 0; i < d->n_pending; i++) {
        const struct op *o = d->pending[i];
        bool goes = is_name_op(o) ? parent_len(o->path, o->path_len) == sync->path_len && memcmp(o->path, sync->path, sync->path_len) == 0
                                  : inode >= 0 && o->inode == inode;
        if (!goes) { d->pending[kept++] = o; continue; }
        if (is_name_op(o)) apply_name(d->names, &d->n_names, o);
        else apply_data(d->inodes, o);
        d->version++;
    }
    d->n_pending = kept;
}

/* What has been waiting longest: for the lying disk, which gets around to it in the end. */
static void let_through(struct disk *d, int keep) {
    int n = d->n_pending - keep;
    if (n <= 0) return;
    for (int i = 0; i < n; i++) {
        if (is_name_op(d->pending[i])) apply_name(d->names, &d->n_names, d->pending[i]);
        else apply_data(d->inodes, d->pending[i]);
    }
    memmove(d->pending, d->pending + n, (size_t)keep * sizeof d->pending[0]);
    d->n_pending = keep;
    d->version++;
}

static void pend(struct disk *d, const struct op *o) {
    if (d->n_pending == PENDING_MAX) stop("too much is pending");
    d->pending[d->n_pending++] = o;
}

/* Finds what the names of an operation mean, for processes. */
static void resolve(struct disk *d, struct op *o) {
    if (o->op == OP_CREATE) {
        if (d->n_inodes == INODES) stop("too many files");
        o->inode = d->n_inodes++;
    } else if (o->op == OP_WRITE || o->op == OP_DSYNC || o->op == OP_TRUNCATE) {
        struct name *at = name_of(d->live, d->n_live, o->path, o->path_len);
        if (!at || !at->there) stop("a write to a file that is not there");
        o->inode = at->inode;
    }
    apply_name(d->live, &d->n_live, o);
}

static void step(struct disk *d, const struct op *o, bool lying) {
    if (o->op == OP_SYNC) { if (!lying) make_durable(d, o); }
    else if (o->op == OP_DSYNC && !lying) { apply_data(d->inodes, o); d->version++; }
    else if (o->op != OP_ACK && o->op != OP_START) pend(d, o);
    if (lying) let_through(d, LIE_OPS);
}

/* ---- an image --------------------------------------------------------------------------------------------------------------- */

struct image {
    uint8_t keep[PENDING_MAX];       /* of each pending operation: 0 lost, 1 there, 2 its beginning, 3 its end */
    size_t cut;                      /* for the torn one, bytes */
};

static void empty_dir(const char *path) {
    DIR *dir = opendir(path);
    struct dirent *e;
    char sub[1024];
    while (dir && (e = readdir(dir))) {
        if (e->d_name[0] == '.') continue;
        snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
        if (unlink(sub) != 0) { empty_dir(sub); rmdir(sub); }
    }
    if (dir) closedir(dir);
}

static bool parent_there(const struct name *names, int n, const char *path, const char *unit) {
    size_t len = parent_len(path, strlen(path));
    if (len == strlen(unit)) return true;                    /* the node's own directory was there before the first start */
    struct name *up = name_of((struct name *)(uintptr_t)names, n, path, len);
    return up && up->there && parent_there(names, n, up->path, unit);
}

static void write_file(const char *path, const struct inode *f) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || (f->size && write(fd, f->data, f->size) != (ssize_t)f->size)) stop("cannot write an image");
    close(fd);
}

/* work: an inode table to copy into, kept between images so that nothing is allocated for each. */
static void build(const struct disk *d, const struct image *image, const char *unit, struct inode *work, const char *dir) {
    struct name names[INODES];
    int n = d->n_names;
    memcpy(names, d->names, sizeof d->names);
    bool used[INODES] = { 0 };
    for (int i = 0; i < d->n_pending; i++)
        if (image->keep[i] && is_name_op(d->pending[i])) apply_name(names, &n, d->pending[i]);
    for (int i = 0; i < n; i++) {
        if (!names[i].there || names[i].is_dir || names[i].inode < 0 || used[names[i].inode]) continue;
        used[names[i].inode] = true;
        const struct inode *from = &d->inodes[names[i].inode];
        struct inode *to = &work[names[i].inode];
        to->size = 0;
        set_size(to, from->size);
        if (from->size) memcpy(to->data, from->data, from->size);
    }
    for (int i = 0; i < d->n_pending; i++) {
        const struct op *o = d->pending[i];
        if (!image->keep[i] || is_name_op(o) || o->inode < 0 || !used[o->inode]) continue;
        if (image->keep[i] == 1 || o->op == OP_TRUNCATE) apply_data(work, o);
        else if (image->keep[i] == 2) put_bytes(&work[o->inode], o, 0, image->cut < o->len ? image->cut : o->len);
        else put_bytes(&work[o->inode], o, image->cut < o->len ? image->cut : o->len, o->len);
    }
    empty_dir(dir);
    char path[1024];
    for (int pass = 0; pass < 2; pass++)                     /* directories first: there is one level of them */
        for (int i = 0; i < n; i++) {
            if (!names[i].there || names[i].is_dir != (pass == 0) || !parent_there(names, n, names[i].path, unit)) continue;
            snprintf(path, sizeof path, "%s/%s", dir, names[i].path + strlen(unit) + 1);
            if (pass == 0) { if (mkdir(path, 0700) != 0) stop("cannot make a directory"); }
            else if (names[i].inode >= 0 && used[names[i].inode]) {
                /* LMDB changes its lock file through a mapping, which no log shows: after a power cut anything may stand there */
                struct inode *f = &work[names[i].inode];
                bool lock = strstr(path, "/lock.mdb") != NULL && image->cut % 1024 == 512;
                for (size_t at = 0; lock && at < f->size; at++) f->data[at] = (uint8_t)(at * 2654435761u >> 11 ^ at);
                write_file(path, f);
            }
        }
}

/* ---- judging ------------------------------------------------------------------------------------------------------------------ */

static struct rig rig_for(const struct replay *r, const char *dir) {
    struct rig rig = { .unit = r->unit, .parent = r->parent, .tier = units_find(r->units, r->unit)->tier, .units = r->units, .calendar = r->calendar,
                       .now = { 1000000, lz_clock_now().wall_ms } };
    snprintf(rig.dir, sizeof rig.dir, "%s", dir);
    snprintf(rig.store_path, sizeof rig.store_path, "%.500s/store", dir);
    snprintf(rig.roster_path, sizeof rig.roster_path, "%.500s/children", dir);
    memcpy(rig.seal_key, r->seal_key, sizeof rig.seal_key);
    return rig;
}

static bool held(struct store *s, struct key key) {
    struct stored stored;
    return store_record_get(s, key, &stored) && stored.envelope.len > 0;
}

/* The answer that the store would give to the same request again. */
static bool answers_the_same(struct store *s, struct arena *arena, const struct due *due) {
    struct lz_bytes known, body;
    enum packet_type type;
    struct answer answer;
    if (!store_get(s, TABLE_ask, key_ask(lz_bytes_of(due->request, 16), 0xFFFF), &known) || known.len < 16) return false;
    const uint8_t *copy = arena_copy(arena, known.data + 16, known.len - 16);
    if (packet_open(lz_bytes_of(copy, known.len - 16), &type, &body, NULL) != LZ_ok || answer_decode(arena, body, &answer) != LZ_ok) return false;
    if (answer.code != LZ_ok || (due->n_ids && answer.n_ids != due->n_ids)) return false;    /* an import prints no ids */
    for (size_t i = 0; i < answer.n_ids; i++) {
        if (answer.ids[i].len != REC_ID_BYTES) return false;
        struct rec_id id = rec_id_get(answer.ids[i].data);
        if (due->n_ids && (id.origin != due->ids[i].origin || id.kind != due->ids[i].kind || id.stamp != due->ids[i].stamp)) return false;
        if (kind_row(id.kind)->class == CLASS_EVENT && !held(s, key_id(id))) return false;
    }
    return true;
}

static bool cursor_at_least(struct store *s, const struct due *due) {
    struct lz_bytes v;
    return store_get(s, TABLE_cursor, key_cursor(due->code, SIDE_WE_FOLLOW, due->feed), &v) && v.len == 32 && lz_get64(v.data + 16) >= due->position;
}

static bool kept(struct rig *rig, struct arena *arena, const struct due *due) {
    switch (due->kind) {
    case DUE_ANSWER: return answers_the_same(rig->store, arena, due);
    case DUE_CHILD: return roster_find(rig->roster, due->code) != NULL;
    case DUE_NO_CHILD: return roster_find(rig->roster, due->code) == NULL;
    case DUE_RECORD: return held(rig->store, due->key);
    case DUE_CURSOR: return cursor_at_least(rig->store, due);
    case DUE_KINDS: break;
    }
    return false;
}

/* No cursor is ahead of its effects: of each followed feed, what stood there up to the cursor is here. */
static bool effects_there(const struct replay *r, struct store *s, char *why, size_t size) {
    for (size_t i = 0; i < r->n_rows; i++) {
        const struct feed_row *row = &r->rows[i];
        struct lz_bytes v;
        if (!store_get(s, TABLE_cursor, key_cursor(row->peer, SIDE_WE_FOLLOW, row->feed), &v) || v.len != 32) continue;
        bool same_line = false;
        for (int e = 0; e < r->n_epochs; e++) same_line |= r->epochs[e].peer == row->peer && memcmp(r->epochs[e].epoch.b, v.data, 16) == 0;
        if (!same_line || lz_get64(v.data + 16) < row->position || held(s, row->key)) continue;
        struct lz_bytes aside;
        if (store_get(s, TABLE_refused, key_refused(row->peer, row->key), &aside)) continue;
        snprintf(why, size, "the cursor of %06u/%u is at %llu, what stood at %llu is not here", row->peer, row->feed.lane,
                 (unsigned long long)lz_get64(v.data + 16), (unsigned long long)row->position);
        return false;
    }
    return true;
}

static enum lz_err submit_one(struct rig *rig, struct rec_id *id) {
    struct lz_fail fail = { 0 };
    struct record draft = { .kind = KIND_problem };
    draft.of.problem.title = lz_bytes_str("断电之后");
    draft.of.problem.class = 1;
    rig->now.mono_ms += 10;
    rig->now.wall_ms += 10;
    turn_begin(rig->turn, rig->now);
    enum lz_err err = flow_submit(turn_flow(rig->turn), &draft, lz_bytes_str("clerk"), (struct lz_bytes){ 0 }, 0, id, &fail);
    enum lz_err done = turn_commit(rig->turn);
    struct packet packet;
    while (turn_next_send(rig->turn, &packet)) { }
    return err == LZ_ok ? done : err;
}

/* In a child process. 0: good; 1: refused or broken; 2: something promised is not there. why: one line. */
static int judge(const struct replay *r, const char *dir, size_t at, bool thorough, char *why, size_t size) {
    struct rig rig = rig_for(r, dir);
    struct lz_fail fail = { 0 };
    char first[256];
    if (rig_open(&rig, &fail) != LZ_ok) { snprintf(why, size, "does not open: %.300s", fail.text); return 1; }
    struct arena *arena = arena_create(16 << 20);
    for (size_t i = 0; i < r->n_dues && r->dues[i].at < at; i++) {
        if ((r->dues[i].until && r->dues[i].until < at) || kept(&rig, arena, &r->dues[i])) continue;
        static const char *const names[] = { "an answer", "a child", "that a child is gone",
                                             "a record that a neighbour holds", "a cursor that we acknowledged" };
        snprintf(why, size, "lost: %s promised at %zu", names[r->dues[i].kind], r->dues[i].at);
        return 2;
    }
    if (!effects_there(r, rig.store, why, size)) return 2;
    store_abort(rig.store);
    if (rig_verify(&rig, first)) { snprintf(why, size, "verify: %s", first); return 1; }
    struct rec_id id;
    enum lz_err err = submit_one(&rig, &id);
    if (err != LZ_ok) { snprintf(why, size, "takes nothing more: %s", lz_err_name(err)); return 1; }
    if (!thorough) return 0;
    rig_close(&rig);
    if (rig_open(&rig, &fail) != LZ_ok) { snprintf(why, size, "does not open again: %.300s", fail.text); return 1; }
    if (!held(rig.store, key_id(id))) { snprintf(why, size, "the new record did not stay"); return 2; }
    store_abort(rig.store);
    if (rig_verify(&rig, first)) { snprintf(why, size, "verify at the second start: %s", first); return 1; }
    rig_close(&rig);
    return 0;
}

/* In a child of its own: a broken store may end the process. As `judge`; -1: it died. */
static int judged(const struct replay *r, const char *dir, size_t at, bool thorough, char *why, size_t size) {
    int pipe_fd[2];
    if (pipe(pipe_fd) != 0) stop("no pipe");
    pid_t pid = fork();
    if (pid < 0) stop("no fork");
    if (pid == 0) {
        char text[400] = "";
        int null = open("/dev/null", O_WRONLY);
        if (!r->trace) dup2(null, 2);
        alarm(60);
        int verdict = judge(r, dir, at, thorough, text, sizeof text);
        if (write(pipe_fd[1], text, strlen(text)) < 0) { }
        _exit(verdict);
    }
    close(pipe_fd[1]);
    ssize_t n = read(pipe_fd[0], why, size - 1);
    why[n > 0 ? n : 0] = 0;
    close(pipe_fd[0]);
    int status;
    waitpid(pid, &status, 0);
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    snprintf(why, size, "died by signal %d", WTERMSIG(status));
    return -1;
}

static void tell(struct replay *r, size_t at, const char *what, const char *why) {
    if (__atomic_add_fetch(&r->totals->shown, 1, __ATOMIC_RELAXED) > SHOWN) return;
    printf("at operation %zu, %s: %s\n", at, what, why);
    fflush(stdout);
}

static void try_image(struct replay *r, const struct disk *d, const struct image *image, struct inode *work, const char *dir, size_t at, const char *what) {
    build(d, image, r->unit_text, work, dir);
    uint64_t number = __atomic_add_fetch(&r->totals->images, 1, __ATOMIC_RELAXED);
    char why[400];
    int verdict = judged(r, dir, at, number % 16 == 0, why, sizeof why);
    if (verdict == 0) return;
    __atomic_add_fetch(&r->totals->bad, 1, __ATOMIC_RELAXED);
    if (verdict == 2) __atomic_add_fetch(&r->totals->losses, 1, __ATOMIC_RELAXED);
    tell(r, at, what, why);
}

/* ---- what was promised, and what neighbours knew ---------------------------------------------------------------------------------- */

static struct due *due_make(struct replay *r, enum due_kind kind, size_t at) {
    if (r->n_dues == r->max_dues) r->dues = realloc(r->dues, (r->max_dues = r->max_dues ? 2 * r->max_dues : 1024) * sizeof *r->dues);
    if (!r->dues) stop("no memory");
    r->dues[r->n_dues] = (struct due){ .kind = kind, .at = at };
    return &r->dues[r->n_dues++];
}

static void take_ack(struct replay *r, const struct op *o, size_t at) {
    char text[8192], *save = NULL;
    snprintf(text, sizeof text, "%.*s", (int)o->len, o->data);
    if (o->path_len != strlen(r->unit_text) || memcmp(o->path, r->unit_text, o->path_len) != 0) return;
    char *request = strtok_r(text, " ", &save), *child = strtok_r(NULL, " ", &save), *id;
    uint32_t code = 0;
    bool signed_code = child && (child[0] == '-' || child[0] == '!');
    if (!request || !child || (child[1] && !lz_u32_parse(child + signed_code, &code))) stop("an acknowledgement cannot be read");
    for (size_t i = 0; code && child[0] == '-' && i < r->n_dues; i++)
        if (r->dues[i].kind == DUE_CHILD && r->dues[i].code == code) r->dues[i].until = at;
    if (code && child[0] == '-') return;                     /* only asked for yet */
    struct due *due = due_make(r, DUE_ANSWER, at);
    if (!lz_hex_parse(request, due->request, 16)) stop("a request cannot be read");
    bool whole;
    while ((id = strtok_r(NULL, " ", &save)) && due->n_ids < LZ_COUNT(due->ids))
        if (!rec_id_parse(id, &due->ids[due->n_ids++], &whole)) stop("an id cannot be read");
    if (code) due_make(r, child[0] == '!' ? DUE_NO_CHILD : DUE_CHILD, at)->code = code;
}

struct neighbour { uint32_t code; char text[16]; struct disk disk; uint64_t last_stamp; uint64_t acked[2 * LANE_COUNT]; };

/* What a neighbour holds on its disk at this place of the log: records of ours that it lacked before, acknowledgements of ours. */
static void look_at_neighbour(struct replay *r, struct neighbour *n, struct inode *work, size_t at, bool final) {
    static struct image all;
    memset(all.keep, 1, sizeof all.keep);
    char dir[700];
    snprintf(dir, sizeof dir, "%s/n", r->work);
    mkdir(dir, 0700);
    build(&n->disk, &all, n->text, work, dir);
    char path[760];
    snprintf(path, sizeof path, "%s/store", dir);
    struct store *s;
    struct store_options so = { .path = path, .unit = n->code, .map_bytes = RIG_MAP_BYTES, .no_sync = true };
    struct lz_fail fail = { 0 };
    if (store_open(&s, &so, &fail) != LZ_ok) return;         /* not yet born */
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(s, TABLE_record, &key, &v); key = key_after(key)) {
        if (lz_get32(key.b) != r->unit || key.len != REC_ID_BYTES) continue;
        const struct kind_row *kind = kind_row(lz_get16(key.b + 4));
        if (!kind || kind->class != CLASS_EVENT) continue;
        struct rec_id id = rec_id_get(key.b);
        bool known = false;
        for (size_t i = 0; i < r->n_dues && !known; i++) known = r->dues[i].kind == DUE_RECORD && memcmp(r->dues[i].key.b, key.b, REC_ID_BYTES) == 0;
        if (!known) due_make(r, DUE_RECORD, at)->key = key_id(id);
    }
    for (uint8_t lane = 0; lane < LANE_COUNT; lane++)
        for (int k = 0; k < 3; k++) {
            struct feed_id feed = { k == 0 ? (uint32_t)SCOPE_UP : k == 1 ? (uint32_t)SCOPE_ALL : r->unit, lane };
            uint64_t *acked = &n->acked[k == 2 ? LANE_COUNT + lane : lane];
            if (!store_get(s, TABLE_cursor, key_cursor(r->unit, SIDE_THEY_FOLLOW, feed), &v) || v.len != 8) continue;
            uint64_t position = lz_get64(v.data);
            if (position <= *acked) continue;
            *acked = position;
            struct due *due = due_make(r, DUE_CURSOR, at);
            due->code = n->code;
            due->feed = feed;
            due->position = position;
        }
    key = (struct key){ 0 };
    size_t room = r->n_rows;
    for (; final && store_seek(s, TABLE_feed, &key, &v); key = key_after(key)) {
        size_t width = v.len > 1 && v.data[0] ? v.len - 1 : REC_ID_BYTES;
        for (size_t i = 1; i + width <= v.len; i += width) {
            if (r->n_rows == room) r->rows = realloc(r->rows, (room = room ? 2 * room : 1024) * sizeof *r->rows);
            if (!r->rows) stop("no memory");
            r->rows[r->n_rows++] = (struct feed_row){ n->code, { lz_get32(key.b), key.b[4] }, lz_get64(key.b + 5), key_bytes(lz_bytes_of(v.data + i, width)) };
        }
    }
    for (uint32_t e = 0; final && r->n_epochs < NODES && store_get(s, TABLE_lineage, key_u32(e), &v) && v.len == 24; e++) {
        r->epochs[r->n_epochs].peer = n->code;
        memcpy(r->epochs[r->n_epochs++].epoch.b, v.data, 16);
    }
    store_close(&s);
}

static void learn(struct replay *r, const uint32_t *codes, size_t n_codes) {
    struct neighbour *n = calloc(n_codes, sizeof *n);
    struct inode *work = calloc(INODES, sizeof *work);
    size_t data = strlen("/store/data.mdb");
    if (!n || !work) stop("no memory");
    for (size_t k = 0; k < n_codes; k++) { n[k].code = codes[k]; snprintf(n[k].text, sizeof n[k].text, "%u", codes[k]); }
    for (size_t at = 0; at < r->n_ops; at++) {
        struct op *o = &r->ops[at];
        if (o->op == OP_ACK) take_ack(r, o, at);
        for (size_t k = 0; k < n_codes; k++) {
            if (!of_unit(o, n[k].text)) continue;
            resolve(&n[k].disk, o);
            step(&n[k].disk, o, false);
            if (o->op == OP_DSYNC && memcmp(o->path + o->path_len - data, "/store/data.mdb", data) == 0) look_at_neighbour(r, &n[k], work, at, false);
        }
    }
    for (size_t k = 0; k < n_codes; k++) look_at_neighbour(r, &n[k], work, r->n_ops, true);
}

/* ---- every point, every choice ------------------------------------------------------------------------------------------------------ */

static uint64_t mix(uint64_t a, uint64_t b) { uint64_t x[2] = { a, b }; return lz_hash64(29, x, sizeof x); }

struct walk {
    struct replay *r;
    struct inode *work;
    const char *dir;
    uint64_t *seen;                  /* hashes of choices, open addressing */
    size_t n_slots;
    bool counting;
    uint64_t found, of_point;        /* choices that may be tried; that must be */
    double share;                    /* of found, that are tried */
    uint64_t random;
    int worker;
};

/* One choice at one point: counted, or tried if it is chosen and was not yet. The two plain ones are always tried. */
static void offer(struct walk *w, const struct disk *d, const struct image *image, size_t at, const char *what, bool always) {
    uint64_t hash = mix(d->version, 1);
    for (int i = 0; i < d->n_pending; i++)
        if (image->keep[i]) hash = mix(hash, mix((uint64_t)(d->pending[i] - w->r->ops), image->keep[i] > 1 ? image->cut * 4 + image->keep[i] : 1));
    hash |= 1;
    size_t slot = hash % w->n_slots;
    while (w->seen[slot] && w->seen[slot] != hash) slot = (slot + 1) % w->n_slots;
    if (w->seen[slot] && !always) return;
    bool fresh = !w->seen[slot];
    w->seen[slot] = hash;
    if (w->counting) { if (fresh && !always) w->found++; else if (always) w->of_point++; return; }
    if (!always && (double)(mix(hash, w->r->random) % 1000000) >= w->share * 1e6) return;
    if (hash / 7 % WORKERS != (uint64_t)w->worker) return;
    try_image(w->r, d, image, w->work, w->dir, at, what);
}

static void torn(struct walk *w, const struct disk *d, struct image *image, size_t at, int j) {
    size_t sectors = d->pending[j]->len / 512;
    if (sectors < 2) return;
    memset(image->keep, 1, (size_t)d->n_pending);
    for (uint8_t how = 2; how <= 3; how++) {
        w->random = mix(w->random, (uint64_t)j);
        image->cut = (1 + w->random % (sectors - 1)) * 512;
        image->keep[j] = how;
        offer(w, d, image, at, how == 2 ? "one write torn behind" : "one write torn before", false);
    }
}

static void point(struct walk *w, const struct disk *d, size_t at) {
    static struct image image;
    size_t n = (size_t)d->n_pending;
    image.cut = 0;
    memset(image.keep, 0, n);
    offer(w, d, &image, at, "nothing unsynced kept", true);
    if (!n) return;
    memset(image.keep, 1, n);
    offer(w, d, &image, at, "everything kept", true);
    for (size_t j = 0; j < n; j++) {
        memset(image.keep, 0, n);
        image.keep[j] = 1;
        offer(w, d, &image, at, "one write alone", false);
        memset(image.keep, 1, n);
        image.keep[j] = 0;
        offer(w, d, &image, at, "one write missing", false);
        torn(w, d, &image, at, (int)j);
    }
    image.cut = 0;
    for (int k = 0; k < 8 && n > 2; k++) {
        for (size_t j = 0; j < n; j++) { w->random = mix(w->random, at + j); image.keep[j] = w->random >> 17 & 1; }
        offer(w, d, &image, at, "some kept", false);
    }
}

/* One pass over the log. The point before an operation is looked at with that operation under way, if it may be on disk by itself. */
static void pass(struct walk *w) {
    struct replay *r = w->r;
    struct disk *d = calloc(1, sizeof *d);
    if (!d) stop("no memory");
    w->random = r->random;
    memset(w->seen, 0, w->n_slots * sizeof *w->seen);
    uint64_t points = 0;
    for (size_t at = 0; at <= r->n_ops; at++) {
        struct op *o = at < r->n_ops ? &r->ops[at] : NULL;
        if (o && !of_unit(o, r->unit_text)) continue;
        points++;
        if (o) resolve(d, o);
        if (o && o->op == OP_DSYNC && !r->lying) {
            pend(d, o);
            point(w, d, at);
            d->n_pending--;
        } else point(w, d, at);
        if (o) step(d, o, r->lying);
    }
    for (int i = 0; i < d->n_inodes; i++) free(d->inodes[i].data);
    free(d);
    r->totals->points = points;
}

static void seal_key_of(struct replay *r) {
    char path[700], text[KEY_TEXT + 1] = { 0 };
    uint8_t secret[KEY_BYTES];
    snprintf(path, sizeof path, "%s/%s/key", r->out, r->unit_text);
    FILE *f = fopen(path, "r");
    if (!f || fread(text, 1, KEY_TEXT - 1, f) != KEY_TEXT - 1 || !wire_key_parse(text, secret)) stop("no key");
    fclose(f);
    crypto_generichash(r->seal_key, sizeof r->seal_key, (const uint8_t *)"linzhang seal", 13, secret, KEY_BYTES);
}

/* What was recorded, and what was promised in it. WORDS: OUT WORK DIVISIONS UNIT PARENT CHILD... */
static bool prepare(struct replay *r, int n_words, char **words) {
    uint32_t codes[NODES];
    size_t n_codes = 0;
    if (n_words < 5) return false;
    r->out = words[0];
    r->work = words[1];
    snprintf(r->unit_text, sizeof r->unit_text, "%s", words[3]);
    if (!lz_u32_parse(words[3], &r->unit) || !lz_u32_parse(words[4], &r->parent)) return false;
    for (int i = 4; i < n_words && n_codes < NODES; i++)
        if (!lz_u32_parse(words[i], &codes[n_codes])) return false;
        else if (codes[n_codes]) n_codes++;
    r->units = rig_units(words[2]);
    r->calendar = calendar_create();
    load_log(r);
    seal_key_of(r);
    learn(r, codes, n_codes);
    return true;
}

struct replay *replay_open(int n_words, char **words) {
    struct replay *r = calloc(1, sizeof *r);
    if (!r || !prepare(r, n_words, words)) stop("which unit?");
    return r;
}
const char *replay_unit(const struct replay *r) { return r->unit_text; }
int replay_judge(const struct replay *r, const char *dir, size_t at, bool thorough, char *why, size_t size) {
    return judged(r, dir, at, thorough, why, size);
}
size_t replay_place(const struct replay *r, uint64_t bytes) {
    size_t low = 0, high = r->n_ops;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if ((uint64_t)(r->ops[mid].data + r->ops[mid].len - r->log) <= bytes) low = mid + 1; else high = mid;
    }
    return low;
}
size_t replay_promises(const struct replay *r, size_t at) {
    size_t n = 0;
    while (n < r->n_dues && r->dues[n].at < at) n++;
    return n;
}

static int verdict(const struct replay *r, double seconds) {
    const struct totals *t = r->totals;
    size_t by[DUE_KINDS] = { 0 };
    for (size_t i = 0; i < r->n_dues; i++) by[r->dues[i].kind]++;
    printf("%llu images at all %llu crash points%s: %llu bad (%llu with losses); "
           "promised: %zu answers, %zu children, %zu records at neighbours, %zu cursors; %.0f s\n",
           (unsigned long long)t->images, (unsigned long long)t->points, r->lying ? ", syncs ignored" : "", (unsigned long long)t->bad,
           (unsigned long long)t->losses, by[DUE_ANSWER], by[DUE_CHILD] + by[DUE_NO_CHILD], by[DUE_RECORD], by[DUE_CURSOR], seconds);
    if (t->points < 500 || by[DUE_ANSWER] < 6 || by[DUE_RECORD] < 6 || by[DUE_CURSOR] < 6) { printf("the run was too small to prove anything\n"); return 1; }
    if (t->images < r->budget * 9 / 10) { printf("fewer images than asked for: %llu\n", (unsigned long long)r->budget); return 1; }
    if (!r->lying) return t->bad ? 1 : 0;
    if (t->losses * 4 < t->images) { printf("a disk that lies was not found out\n"); return 1; }
    return 0;
}

/* replay [-x] [-t] [-n IMAGES] OUT WORK DIVISIONS UNIT PARENT CHILD... */
int power_replay(int argc, char **argv) {
    struct replay r = { .budget = 24000, .random = 20221 };
    int option;
    while ((option = getopt(argc, argv, "xtn:s:")) != -1) {
        if (option == 'x') r.lying = true;
        else if (option == 't') r.trace = true;
        else if (option == 'n') r.budget = strtoull(optarg, NULL, 10);
        else if (option == 's') r.random = strtoull(optarg, NULL, 10);
        else return 2;
    }
    lz_log_level(LZ_ERROR);
    uint64_t began = lz_clock_now().mono_ms;
    r.totals = mmap(NULL, sizeof *r.totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (r.totals == MAP_FAILED || !prepare(&r, argc - optind, argv + optind)) return 2;
    struct walk w = { .r = &r, .counting = true, .n_slots = 1 << 22 };
    w.seen = calloc(w.n_slots, sizeof *w.seen);
    w.work = calloc(INODES, sizeof *w.work);
    if (!w.seen || !w.work) return 2;
    pass(&w);
    w.share = r.budget > w.of_point && w.found ? (double)(r.budget - w.of_point) / (double)w.found : 0;
    printf("%zu operations, %zu promises; %llu choices of which images are made; %.1f s\n", r.n_ops, r.n_dues, (unsigned long long)(w.found + w.of_point),
           (double)(lz_clock_now().mono_ms - began) / 1000);
    fflush(stdout);
    w.counting = false;
    for (int k = 0; k < WORKERS; k++) {
        char dir[700];
        snprintf(dir, sizeof dir, "%s/%d", r.work, k);
        mkdir(dir, 0700);
        pid_t pid = fork();
        if (pid < 0) return 2;
        if (pid == 0) { w.worker = k; w.dir = dir; pass(&w); _exit(0); }
    }
    int status, failed = 0;
    while (wait(&status) > 0) failed |= status;
    if (failed) { printf("a worker failed\n"); return 1; }
    return verdict(&r, (double)(lz_clock_now().mono_ms - began) / 1000);
}
