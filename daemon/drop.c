/* drop: the folders that carry bundles by themselves.
 *
 * In: a file named *.lzb that nobody has touched for a moment is imported, those of one neighbour in the order of their serials, and
 * put away in done/, or in refused/ with the reason beside it. One that only waits for an earlier one stays where it is.
 * Out: FROM-to-TO-SERIAL.lzb (both codes, for a folder at the other end may hold files of several neighbours), written when there is
 * something new to say to a neighbour without a network. Each begins after what is confirmed, so a newer one takes the place of
 * the older ones. A file stands under its name only when it is whole and synced; syncing goes along, a few MiB at a time.
 * Leaves to others: what is in a bundle, and who may import it (turn/bundle). */
#include "drop.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "turn/bundle.h"

enum {
    SCAN_MS = 2000, SETTLE_MS = 2000,            /* a file that is still copied is left alone */
    WAIT_MS = 20000, COPY_S = 20,                /* so is one that ends too early, for a while */
    WAITING_MAX = 64, NAME_BYTES = 128, FILES_MAX = 4096, DONE_MAX = 200,
    SYNC_BYTES = 4 << 20,
};

struct reading {                     /* a file out of `in` */
    int fd;
    char name[NAME_BYTES];
    uint64_t id, offset;
    bool apply, ended;
    enum lz_err err;                 /* when it has ended */
    struct lz_fail fail;
    struct bundle_taken taken;
};
struct writing {                     /* a file for `out` */
    int fd;
    uint32_t to;
    uint64_t id, offset, unsynced, first, news, confirmed;
};
struct neighbour {
    uint32_t code;
    uint64_t news, next_ms;
    bool cut;                        /* there was no room for all of it: what is left is written when of what was written something is confirmed */
    uint64_t confirmed;
};
struct waiting { uint64_t name, until_ms; };
struct drop {
    struct drop_options o;
    int in, done, refused, out;      /* directories; -1: none */
    struct reading r;
    struct writing w;
    uint64_t scan_ms, out_full_ms;
    struct neighbour neighbours[CHILDREN_MAX + 1];
    size_t n_neighbours, next;
    struct waiting waiting[WAITING_MAX];
    size_t n_waiting;
    uint8_t slice[BUNDLE_SLICE_BYTES];
};

/* ---- folders -------------------------------------------------------------------------------------------------------------- */

static enum lz_err open_folder(int at, const char *name, const char *shown, int *fd, struct lz_fail *fail) {
    if (mkdirat(at, name, 0770) != 0 && errno != EEXIST) return lz_refuse(fail, LZ_bad_config, "[bundle] 不能建立目录 %s：%s", shown, strerror(errno));
    *fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd >= 0 && faccessat(*fd, ".", W_OK, 0) == 0) return LZ_ok;
    return lz_refuse(fail, LZ_bad_config, "[bundle] 不能使用目录 %s：%s", shown, strerror(errno));
}

enum lz_err drop_open(struct drop **drop_p, const struct drop_options *options, struct lz_now now, struct lz_fail *fail) {
    *drop_p = NULL;
    if (options->in[0] == 0 && options->out[0] == 0) return LZ_ok;
    struct drop *d = calloc(1, sizeof *d);
    if (!d) return lz_refuse(fail, LZ_bad_config, "内存不足");
    d->o = *options;
    d->in = d->done = d->refused = d->out = d->r.fd = d->w.fd = -1;
    d->scan_ms = now.mono_ms;
    enum lz_err err = LZ_ok;
    if (options->in[0]) err = open_folder(AT_FDCWD, options->in, options->in, &d->in, fail);
    if (err == LZ_ok && options->in[0]) err = open_folder(d->in, "done", "done", &d->done, fail);
    if (err == LZ_ok && options->in[0]) err = open_folder(d->in, "refused", "refused", &d->refused, fail);
    if (err == LZ_ok && options->out[0]) err = open_folder(AT_FDCWD, options->out, options->out, &d->out, fail);
    *drop_p = d;
    if (err != LZ_ok) drop_close(drop_p);
    return err;
}

static void close_fd(int *fd) {
    if (*fd >= 0) close(*fd);
    *fd = -1;
}

void drop_close(struct drop **drop_p) {
    struct drop *d = *drop_p;
    *drop_p = NULL;
    if (!d) return;
    int *all[] = { &d->in, &d->done, &d->refused, &d->out, &d->r.fd, &d->w.fd };
    for (size_t i = 0; i < LZ_COUNT(all); i++) close_fd(all[i]);
    free(d);
}

/* Calls for each name in a folder, so many at most; a name that does not fit is nobody's of ours. */
static void each_name(int folder, void (*take)(struct drop *d, const char *name, void *context), struct drop *d, void *context) {
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;
    if (!list) { close_fd(&fd); return; }
    const struct dirent *entry;
    for (int i = 0; i < FILES_MAX && (entry = readdir(list)); i++)
        if (entry->d_name[0] != '.' && strlen(entry->d_name) < NAME_BYTES - 16) take(d, entry->d_name, context);
    closedir(list);
}

static bool ends_with(const char *name, const char *end) {
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

static uint64_t fresh_id(void) {
    uint64_t id = 0;
    while (id == 0) lz_random(&id, sizeof id);
    return id;
}

/* ---- in --------------------------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const char *name) { return lz_hash64(7, name, strlen(name)); }

static bool is_waiting(const struct drop *d, const char *name, uint64_t now_ms) {
    for (size_t i = 0; i < d->n_waiting; i++)
        if (d->waiting[i].name == hash_of(name) && now_ms < d->waiting[i].until_ms) return true;
    return false;
}

static void wait_with(struct drop *d, const char *name, uint64_t now_ms) {
    size_t i = 0;
    while (i < d->n_waiting && d->waiting[i].name != hash_of(name)) i++;
    if (i == WAITING_MAX) i = hash_of(name) % WAITING_MAX;
    d->waiting[i] = (struct waiting){ hash_of(name), now_ms + WAIT_MS };
    if (i == d->n_waiting) d->n_waiting++;
}

struct choice { char name[NAME_BYTES]; uint32_t from; uint64_t serial; };

/* Of each neighbour the lowest serial first. A file that is no bundle comes before all: it is refused. */
static void choose(struct drop *d, const char *name, void *context) {
    struct choice *best = context;
    struct bundle_header h = { .from = 0 };
    struct stat st;
    uint8_t head[BUNDLE_HEADER_BYTES];
    struct lz_now now = turn_now(d->o.turn);
    if (!ends_with(name, ".lzb") || is_waiting(d, name, now.mono_ms)) return;
    int fd = openat(d->in, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) return;
    bool file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    uint64_t touched_ms = file ? (uint64_t)st.st_ctim.tv_sec * 1000 + (uint64_t)st.st_ctim.tv_nsec / 1000000 : 0;
    bool settled = file && (touched_ms > now.wall_ms + SETTLE_MS || touched_ms + SETTLE_MS <= now.wall_ms);     /* nobody is still copying it */
    ssize_t n = settled ? pread(fd, head, sizeof head, 0) : -1;
    close(fd);
    if (n < 0) return;
    if (n != (ssize_t)sizeof head || bundle_header_get(lz_bytes_of(head, sizeof head), &h, NULL) != LZ_ok) h = (struct bundle_header){ .from = 0 };
    if (best->name[0] && (h.from > best->from || (h.from == best->from && h.serial >= best->serial))) return;
    best->from = h.from;
    best->serial = h.serial;
    snprintf(best->name, sizeof best->name, "%s", name);
}

static void begin_reading(struct drop *d, const char *name) {
    struct reading *r = &d->r;
    *r = (struct reading){ .fd = openat(d->in, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), .id = fresh_id() };
    snprintf(r->name, sizeof r->name, "%s", name);
    if (r->fd >= 0 && turn_import_begin(d->o.turn, r->id, &r->fail) == LZ_ok) return;
    wait_with(d, name, turn_now(d->o.turn).mono_ms);
    close_fd(&r->fd);
}

static void read_slice(struct drop *d) {
    struct reading *r = &d->r;
    ssize_t n = pread(r->fd, d->slice, sizeof d->slice, (off_t)r->offset);
    bool last = n >= 0 && (size_t)n < sizeof d->slice;
    if (n < 0) r->err = lz_refuse(&r->fail, LZ_store_io, "读不了文件：%s", strerror(errno));
    else r->err = turn_import_write(d->o.turn, r->id, r->apply, r->offset, lz_bytes_of(d->slice, (size_t)n), last, &r->taken, &r->fail);
    if (r->err == LZ_too_many) return;                           /* the turn is full: once more in the next */
    r->ended = r->err != LZ_ok || r->taken.done;
    r->offset += r->ended ? 0 : (size_t)n;
    if (last && !r->ended) { r->apply = true; r->offset = 0; }
}

static void write_reason(struct drop *d, const struct reading *r) {
    char name[NAME_BYTES + 16];
    snprintf(name, sizeof name, "%s.reason", r->name);
    int fd = openat(d->refused, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) return;
    dprintf(fd, "%s（%s）：%s\n", lz_err_zh(r->err), lz_err_name(r->err), r->fail.text);
    close(fd);
}

struct oldest { char name[NAME_BYTES]; struct timespec time; size_t n; };

static void take_oldest(struct drop *d, const char *name, void *context) {
    struct oldest *o = context;
    struct stat st;
    if (fstatat(d->done, name, &st, AT_SYMLINK_NOFOLLOW) != 0) return;
    o->n++;
    bool older = st.st_ctim.tv_sec < o->time.tv_sec || (st.st_ctim.tv_sec == o->time.tv_sec && st.st_ctim.tv_nsec < o->time.tv_nsec);
    if (o->name[0] && !older) return;
    snprintf(o->name, sizeof o->name, "%s", name);
    o->time = st.st_ctim;
}

static void put_away(struct drop *d, int folder) {
    struct oldest oldest = { .n = 0 };
    if (renameat(d->in, d->r.name, folder, d->r.name) != 0) {
        lz_log(LZ_ERROR, "drop.not_moved reason=%s", strerror(errno));
        wait_with(d, d->r.name, turn_now(d->o.turn).mono_ms);
    }
    (void)fsync(folder);
    (void)fsync(d->in);
    if (folder != d->done) return;
    each_name(d->done, take_oldest, d, &oldest);
    if (oldest.n > DONE_MAX) (void)unlinkat(d->done, oldest.name, 0);
}

/* What the file waits for may come: an earlier one, room on the disk, a turn that does not fail, the rest of a slow copy. */
static bool may_be_better_later(const struct drop *d) {
    enum lz_err err = d->r.err;
    struct stat st;
    uint64_t now_s = turn_now(d->o.turn).wall_ms / 1000;
    bool fresh = err == LZ_bundle_torn && fstatat(d->in, d->r.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && (uint64_t)st.st_ctim.tv_sec + COPY_S > now_s;
    return fresh || err == LZ_bundle_gap || err == LZ_full || err == LZ_not_found || err == LZ_store_io;
}

void drop_committed(struct drop *d, enum lz_err committed) {
    if (!d || d->r.fd < 0 || !d->r.ended) return;
    struct reading *r = &d->r;
    char name[2 * NAME_BYTES];
    if (committed != LZ_ok) { r->err = committed; lz_refuse(&r->fail, committed, "%s", lz_said(&r->fail, lz_err_zh(committed))); }
    close_fd(&r->fd);
    turn_bundle_end(d->o.turn, r->id);
    lz_log_value(lz_bytes_str(r->name), name, sizeof name);
    if (r->err == LZ_ok) {
        lz_log(LZ_INFO, "drop.imported file=%s peer=%06u serial=%llu news=%llu", name, r->taken.header.from, (unsigned long long)r->taken.header.serial,
               (unsigned long long)r->taken.news);
        put_away(d, d->done);
        d->n_waiting = 0;
    } else if (may_be_better_later(d)) {
        lz_log(LZ_INFO, "drop.waits file=%s reason=%s", name, lz_err_name(r->err));
        wait_with(d, r->name, turn_now(d->o.turn).mono_ms);
    } else {
        lz_log(LZ_WARN, "drop.refused file=%s reason=%s", name, lz_err_name(r->err));
        write_reason(d, r);
        put_away(d, d->refused);
    }
    d->scan_ms = turn_now(d->o.turn).mono_ms;                  /* the next one at once */
}

/* ---- out -------------------------------------------------------------------------------------------------------------------- */

static void name_of(const struct drop *d, uint32_t to, uint64_t serial, const char *end, char out[NAME_BYTES]) {
    snprintf(out, NAME_BYTES, "%06u-to-%06u-%08llu.lzb%s", turn_settings(d->o.turn)->unit, to, (unsigned long long)serial, end);
}

struct sweep { uint32_t to; uint64_t before, bytes; };           /* to 0: only counts and takes away what was not finished */

/* Of our files: those for one neighbour below a serial go. */
static void sweep_one(struct drop *d, const char *name, void *context) {
    struct sweep *s = context;
    unsigned from, to;
    unsigned long long serial;
    int end = 0;
    struct stat st;
    /* NOLINTNEXTLINE(cert-err34-c): the widths bound the numbers, and %n says that all of it was read */
    if (sscanf(name, "%6u-to-%6u-%20llu.lzb%n", &from, &to, &serial, &end) != 3 || end == 0 || from != turn_settings(d->o.turn)->unit) return;
    bool partial = strcmp(name + end, ".partial") == 0;
    if (name[end] != 0 && !partial) return;
    if ((s->to == 0 && partial) || (s->to && to == s->to && serial < s->before)) { (void)unlinkat(d->out, name, 0); return; }
    if (fstatat(d->out, name, &st, AT_SYMLINK_NOFOLLOW) == 0) s->bytes += (uint64_t)st.st_size;
}

static void sweep(struct drop *d, struct sweep *s) { each_name(d->out, sweep_one, d, s); }

static uint64_t room_left(struct drop *d) {
    struct sweep all = { 0 };
    sweep(d, &all);
    return all.bytes < d->o.out_bytes ? d->o.out_bytes - all.bytes : 0;
}

/* A part for that neighbour, as long as there is room for; after: the one that it goes on with. */
static bool begin_writing(struct drop *d, uint32_t to, uint64_t after) {
    struct writing *w = &d->w;
    struct lz_fail fail = { 0 };
    uint8_t salt[BUNDLE_SALT_BYTES];
    uint64_t id = fresh_id(), left = room_left(d), most = d->o.part_bytes < left ? d->o.part_bytes : left;
    lz_random(salt, sizeof salt);
    enum lz_err err = turn_export_begin(d->o.turn, to, most, after, id, salt, &fail);
    char text[256];
    if (err != LZ_ok) { lz_log(LZ_WARN, "drop.not_exported peer=%06u reason=%s", to, lz_log_value(lz_bytes_str(fail.text), text, sizeof text)); return false; }
    w->id = id;
    w->to = to;
    w->offset = w->unsynced = 0;
    w->fd = openat(d->out, "writing.partial", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (w->fd >= 0) return true;
    lz_log(LZ_ERROR, "drop.not_written reason=%s", strerror(errno));
    turn_bundle_end(d->o.turn, id);
    return false;
}

static void give_up_writing(struct drop *d, const char *why) {
    lz_log(LZ_ERROR, "drop.not_written peer=%06u reason=%s", d->w.to, why);
    turn_bundle_end(d->o.turn, d->w.id);
    close_fd(&d->w.fd);
    (void)unlinkat(d->out, "writing.partial", 0);
}

static void note_written(struct drop *d, bool cut) {
    for (size_t i = 0; i < d->n_neighbours; i++) {
        struct neighbour *who = &d->neighbours[i];
        if (who->code != d->w.to) continue;
        who->news = d->w.news;
        who->cut = cut;
        who->confirmed = d->w.confirmed;
    }
}

/* A part is whole: it gets its name, and either the next one begins or the older ones go. */
static void finish_part(struct drop *d, const struct bundle_made *made) {
    struct writing *w = &d->w;
    char name[NAME_BYTES];
    name_of(d, w->to, made->serial, "", name);
    bool good = fdatasync(w->fd) == 0 && renameat(d->out, "writing.partial", d->out, name) == 0 && fsync(d->out) == 0;
    if (!good) { give_up_writing(d, strerror(errno)); return; }
    close_fd(&w->fd);
    if (w->first == 0) w->first = made->serial;
    lz_log(LZ_INFO, "drop.exported peer=%06u serial=%llu records=%llu bytes=%llu more=%d", w->to, (unsigned long long)made->serial,
           (unsigned long long)made->records, (unsigned long long)made->bytes, made->more);
    if (made->more && room_left(d) >= BUNDLE_BYTES_MIN && begin_writing(d, w->to, w->id)) return;
    turn_bundle_end(d->o.turn, w->id);
    note_written(d, made->more);
    struct sweep older = { w->to, w->first, 0 };
    sweep(d, &older);
}

static void write_slice(struct drop *d) {
    struct writing *w = &d->w;
    struct lz_bytes bytes;
    struct bundle_made made;
    switch (turn_export_read(d->o.turn, w->id, w->offset, &bytes, &made)) {
    case EXPORT_GONE: give_up_writing(d, "the export has ended"); return;
    case EXPORT_WAIT: return;
    case EXPORT_ENDED: finish_part(d, &made); return;
    case EXPORT_BYTES: break;
    }
    if (pwrite(w->fd, bytes.data, bytes.len, (off_t)w->offset) != (ssize_t)bytes.len) { give_up_writing(d, strerror(errno)); return; }
    w->offset += bytes.len;
    w->unsynced += bytes.len;
    if (w->unsynced < SYNC_BYTES) return;
    w->unsynced = 0;
    if (fdatasync(w->fd) != 0) give_up_writing(d, strerror(errno));
}

static struct neighbour *neighbour_of(struct drop *d, uint32_t code, uint64_t now_ms) {
    for (size_t i = 0; i < d->n_neighbours; i++)
        if (d->neighbours[i].code == code) return &d->neighbours[i];
    if (d->n_neighbours == LZ_COUNT(d->neighbours)) d->n_neighbours = 0;       /* children came and went: begin anew */
    struct neighbour *n = &d->neighbours[d->n_neighbours++];
    *n = (struct neighbour){ .code = code, .next_ms = now_ms + d->o.every_ms };
    return n;
}

/* What is there for this neighbour itself makes room: the new one holds all of it that is not confirmed. */
static bool out_is_full(struct drop *d, uint32_t to, uint64_t now_ms) {
    struct sweep older = { to, UINT64_MAX, 0 };
    if (room_left(d) >= BUNDLE_BYTES_MIN) return false;
    sweep(d, &older);
    if (room_left(d) >= BUNDLE_BYTES_MIN) return false;
    if (now_ms >= d->out_full_ms) lz_log(LZ_WARN, "drop.out_full left=%llu limit=%llu", (unsigned long long)room_left(d), (unsigned long long)d->o.out_bytes);
    d->out_full_ms = now_ms + LZ_HOUR_MS;
    return true;
}

/* The next neighbour for whom it is time, and to whom there is something new to say. One that has a network again needs no files. */
static void look_out(struct drop *d, uint64_t now_ms) {
    const struct turn_options *o = turn_settings(d->o.turn);
    size_t n = o->roster->n_children + (o->parent != 0);
    for (size_t i = 0; i < n; i++) {
        size_t at = (d->next + i) % n;
        uint32_t code = at < o->roster->n_children ? o->roster->children[at].code : o->parent;
        struct neighbour *who = neighbour_of(d, code, now_ms);
        if (now_ms < who->next_ms) continue;
        uint64_t news = turn_export_news(d->o.turn, code), confirmed = turn_export_confirmed(d->o.turn, code);
        bool rest = who->cut && who->confirmed != confirmed;
        who->next_ms = now_ms + d->o.every_ms;
        if (news == 0 && who->news) { struct sweep all = { code, UINT64_MAX, 0 }; sweep(d, &all); who->news = 0; }
        if (news == 0 || (news == who->news && !rest) || out_is_full(d, code, now_ms)) continue;
        d->w = (struct writing){ .fd = -1, .news = news, .confirmed = confirmed };
        d->next = at + 1;
        (void)begin_writing(d, code, 0);
        return;
    }
}

/* ---- turns -------------------------------------------------------------------------------------------------------------------- */

void drop_turn(struct drop *d) {
    if (!d) return;
    uint64_t now_ms = turn_now(d->o.turn).mono_ms;
    if (d->r.fd >= 0 && !d->r.ended) read_slice(d);
    if (d->w.fd >= 0) write_slice(d);
    if (now_ms < d->scan_ms) return;
    d->scan_ms = now_ms + SCAN_MS;
    struct choice choice = { .name = "" };
    if (d->in >= 0 && d->r.fd < 0) each_name(d->in, choose, d, &choice);
    if (choice.name[0]) begin_reading(d, choice.name);
    if (d->out >= 0 && d->w.fd < 0) look_out(d, now_ms);
}

uint64_t drop_next_deadline(const struct drop *d) { return !d ? UINT64_MAX : d->r.fd >= 0 || d->w.fd >= 0 ? 0 : d->scan_ms; }
