/* client_bundle: bundles between a file and the daemon, piece by piece.
 *
 * A file that is written stands under its name only when it is whole and on disk. One that is read goes to the daemon twice, first
 * to be checked. A daemon that was started anew in between is asked from the beginning: what it had applied it passes over. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { PARTS_MAX = 999, AGAIN_MAX = 20, BUSY_MS = 20 };

static struct lz_bytes number_text(struct arena *arena, uint64_t value) {
    char *text = arena_printf(arena, "%016llx", (unsigned long long)value);
    return text ? lz_bytes_str(text) : (struct lz_bytes){ 0 };
}

static enum lz_err refused(const struct answer *answer, struct lz_fail *fail) {
    return lz_refuse(fail, answer->code, "%.*s", (int)(answer->text.len < 400 ? answer->text.len : 400), (const char *)answer->text.data);
}

/* Asks for a session; its name as text. */
static enum lz_err begin(struct session *s, const struct command *command, struct lz_bytes after, struct lz_bytes *id, struct lz_fail *fail) {
    struct ask ask = { .verb = lz_bytes_str(command->words), .args = (struct arg *)(uintptr_t)command->args, .n_args = command->n_args, .data = after };
    struct answer answer;
    uint8_t *request = client_alloc(s->arena, REQUEST_BYTES);
    lz_random(request, REQUEST_BYTES);
    ask.request = lz_bytes_of(request, REQUEST_BYTES);
    enum lz_err err = session_ask(s, &ask, &answer, fail);
    if (err != LZ_ok) return err;
    if (answer.code != LZ_ok) return refused(&answer, fail);
    *id = answer.n_rows ? row_cell(&answer.rows[0], "session") : (struct lz_bytes){ 0 };
    return id->len == 16 ? LZ_ok : lz_refuse(fail, LZ_bad_packet, "守护进程的应答无法读懂：请检查两个程序的版本是否相同");
}

static bool is_done(const struct answer *answer, const char *word) {
    return answer->n_rows == 1 && lz_bytes_equal(row_cell(&answer->rows[0], "bundle"), lz_bytes_str(word));
}

/* ---- export -------------------------------------------------------------------------------------------------------------- */

static bool write_whole(int fd, struct lz_bytes bytes) {
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.data, bytes.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes = lz_bytes_of(bytes.data + n, bytes.len - (size_t)n);
    }
    return true;
}

static bool sync_directory_of(struct arena *arena, const char *path) {
    char *directory = arena_printf(arena, "%s", path), *slash = strrchr(directory, '/');
    if (slash) slash[slash == directory] = 0;
    int fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    return good;
}

static enum lz_err cannot_write(struct lz_fail *fail, const char *path) {
    return lz_refuse(fail, LZ_store_io, "写不了文件 %s：%s", path, errno_told(lz_fail_lang(fail), errno));
}

/* All pieces of one session into fd; the last answer tells what it was. */
static enum lz_err pull(struct session *s, struct lz_bytes id, int fd, const char *path, struct answer *answer, struct lz_fail *fail) {
    for (uint64_t offset = 0; ; ) {
        size_t mark = arena_used(s->arena);
        struct arg args[2] = { { lz_bytes_str("session"), id }, { lz_bytes_str("offset"), number_text(s->arena, offset) } };
        struct ask ask = { .verb = lz_bytes_str("bundle read"), .args = args, .n_args = 2 };
        enum lz_err err = session_ask(s, &ask, answer, fail);
        if (err != LZ_ok) return err;
        if (answer->code != LZ_ok) return refused(answer, fail);
        if (is_done(answer, "done")) return LZ_ok;
        if (!write_whole(fd, answer->data)) return cannot_write(fail, path);
        offset += answer->data.len;
        arena_rewind(s->arena, mark);
    }
}

static enum lz_err export_part(struct session *s, const struct command *command, const char *path, struct lz_bytes after, struct lz_bytes *id,
                               struct answer *answer, struct lz_fail *fail) {
    char *partial = arena_printf(s->arena, "%s.partial", path);
    if (access(path, F_OK) == 0) return lz_refuse(fail, LZ_already, "%s 已经存在，没有改动：请换一个文件名，或先移走它", path);
    int fd = open(partial, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    if (fd < 0) return cannot_write(fail, partial);
    enum lz_err err = begin(s, command, after, id, fail);
    if (err == LZ_ok) err = pull(s, *id, fd, partial, answer, fail);
    if (err == LZ_ok && fsync(fd) != 0) err = cannot_write(fail, partial);
    if (close(fd) != 0 && err == LZ_ok) err = cannot_write(fail, partial);
    if (err == LZ_ok && rename(partial, path) != 0) err = cannot_write(fail, path);
    if (err == LZ_ok && !sync_directory_of(s->arena, path)) err = cannot_write(fail, path);
    if (err != LZ_ok) (void)unlink(partial);
    return err;
}

/* The row of a part, with the file that it is in. */
static struct row named_row(struct arena *arena, const struct row *row, const char *path) {
    struct cell *cells = client_alloc(arena, (row->n_cells + 1) * sizeof *cells);
    memcpy(cells, row->cells, row->n_cells * sizeof *cells);
    cells[row->n_cells] = (struct cell){ lz_bytes_str("path"), lz_bytes_str(path) };
    return (struct row){ cells, row->n_cells + 1 };
}

static char *told(struct arena *arena, enum lz_lang lang, const char *before, const char *path, const struct row *row) {
    struct lz_bytes serial = row_cell(row, "serial"), records = row_cell(row, "records"), bytes = row_cell(row, "bytes");
    return arena_printf(arena, lz_text(lang, "%s%s已写出 %s：第 %.*s 号离线包，记录 %.*s 条，%.*s 字节"), before, before[0] ? "\n" : "", path, (int)serial.len,
                        (const char *)serial.data, (int)records.len, (const char *)records.data, (int)bytes.len, (const char *)bytes.data);
}

enum lz_err bundle_export(struct session *s, const struct command *command, struct answer *answer, struct lz_fail *fail) {
    const struct lz_bytes *file = command_arg(command, "file");
    struct row *rows = client_alloc(s->arena, PARTS_MAX * sizeof *rows);
    char *text = arena_printf(s->arena, "%s", "");
    struct lz_bytes after = { 0 }, id = { 0 };
    size_t n = 0;
    for (bool more = true; more && n < PARTS_MAX; n++) {
        const char *path = n == 0 ? (const char *)file->data : arena_printf(s->arena, "%s.%zu", (const char *)file->data, n + 1);
        uint8_t *last = client_alloc(s->arena, 8);
        enum lz_err err = export_part(s, command, path, after, &id, answer, fail);
        if (err != LZ_ok) return err;
        rows[n] = named_row(s->arena, &answer->rows[0], path);
        more = lz_bytes_equal(row_cell(&rows[n], "more"), lz_bytes_str("1"));
        text = told(s->arena, s->lang, text, path, &rows[n]);
        char hex[17] = "";
        if (id.len != 16) break;                         /* no session: nothing can follow */
        memcpy(hex, id.data, 16);
        if (lz_hex_parse(hex, last, 8)) after = lz_bytes_of(last, 8);
    }
    *answer = (struct answer){ .text = lz_bytes_str(text), .rows = rows, .n_rows = n };
    return LZ_ok;
}

/* ---- import --------------------------------------------------------------------------------------------------------------- */

static void pause_ms(long ms) {
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };
    (void)nanosleep(&pause, NULL);
}

static enum lz_err read_slice(int fd, const char *path, uint8_t *out, size_t *n, struct lz_fail *fail) {
    for (*n = 0; *n < BUNDLE_SLICE_BYTES; ) {
        ssize_t got = read(fd, out + *n, BUNDLE_SLICE_BYTES - *n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return lz_refuse(fail, LZ_store_io, "读不了文件 %s：%s", path, errno_told(lz_fail_lang(fail), errno));
        if (got == 0) break;
        *n += (size_t)got;
    }
    return LZ_ok;
}

/* One piece; a daemon whose turn is full takes it in a later one. */
static enum lz_err push(struct session *s, struct lz_bytes id, bool apply, uint64_t offset, struct lz_bytes bytes, bool last,
                        struct answer *answer, struct lz_fail *fail) {
    for (;;) {
        struct arg args[4] = { { lz_bytes_str("session"), id }, { lz_bytes_str("offset"), number_text(s->arena, offset) } };
        struct ask ask = { .verb = lz_bytes_str("bundle write"), .args = args, .n_args = 2, .data = bytes };
        if (apply) args[ask.n_args++] = (struct arg){ lz_bytes_str("apply"), lz_bytes_str("1") };
        if (last) args[ask.n_args++] = (struct arg){ lz_bytes_str("last"), lz_bytes_str("1") };
        enum lz_err err = session_ask(s, &ask, answer, fail);
        if (err != LZ_ok) return err;
        if (answer->code == LZ_ok) return LZ_ok;
        if (answer->code != LZ_too_many) return refused(answer, fail);
        pause_ms(BUSY_MS);
    }
}

/* The whole file once. */
static enum lz_err pass(struct session *s, struct lz_bytes id, bool apply, int fd, const char *path, struct answer *answer, struct lz_fail *fail) {
    uint8_t *piece = client_alloc(s->arena, BUNDLE_SLICE_BYTES);
    if (lseek(fd, 0, SEEK_SET) != 0) return lz_refuse(fail, LZ_store_io, "读不了文件 %s：%s", path, errno_told(lz_fail_lang(fail), errno));
    for (uint64_t offset = 0; ; ) {
        size_t n, mark = arena_used(s->arena);
        enum lz_err err = read_slice(fd, path, piece, &n, fail);
        bool last = n < BUNDLE_SLICE_BYTES;
        if (err == LZ_ok) err = push(s, id, apply, offset, lz_bytes_of(piece, n), last, answer, fail);
        if (err != LZ_ok || last) return err;
        offset += n;
        arena_rewind(s->arena, mark);
    }
}

static enum lz_err import_once(struct session *s, const struct command *command, int fd, const char *path, struct answer *answer, struct lz_fail *fail) {
    struct lz_bytes id;
    enum lz_err err = begin(s, command, (struct lz_bytes){ 0 }, &id, fail);
    if (err == LZ_ok) err = pass(s, id, false, fd, path, answer, fail);
    if (err == LZ_ok && is_done(answer, "checked")) err = pass(s, id, true, fd, path, answer, fail);
    if (err == LZ_ok && !is_done(answer, "done")) err = lz_refuse(fail, LZ_bad_packet, "守护进程的应答无法读懂：请检查两个程序的版本是否相同");
    return err;
}

enum lz_err bundle_import(struct session *s, const struct command *command, struct answer *answer, struct lz_fail *fail) {
    const char *path = (const char *)command_arg(command, "file")->data;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return lz_refuse(fail, LZ_usage, "打不开文件 %s：%s", path, errno_told(lz_fail_lang(fail), errno));
    enum lz_err err = import_once(s, command, fd, path, answer, fail);
    for (int i = 0; i < AGAIN_MAX && err == LZ_not_found; i++) {          /* another daemon: it passes over what it has */
        pause_ms(BUSY_MS);
        err = import_once(s, command, fd, path, answer, fail);
    }
    close(fd);
    return err;
}
