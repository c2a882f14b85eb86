/* client_attach: attached files between a file and the daemon, piece by piece.
 *
 * A file is read twice: first for its hash, which names it, then for the pieces that the daemon does not have yet. One that is taken out
 * stands under its name only when all of it is on disk and has its hash. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { HEX_BYTES = 2 * FILE_HASH_BYTES + 1, PIECES_AT_ONCE = 2, READ_BYTES = 64 * 1024, BUSY_US = 20 * 1000, BEGIN_BYTES = FILE_HASH_BYTES + 8 };

struct sending {
    struct session *s;
    const struct command *command;
    const char *path;
    int fd;
    uint64_t total;
    uint8_t hash[FILE_HASH_BYTES];
    struct lz_bytes to, name;
    uint32_t piece, pieces;
    struct lz_bytes there;           /* a bit for each piece that the daemon has */
};

static enum lz_err refused(const struct answer *answer, struct lz_fail *fail) {
    return lz_refuse(fail, answer->code, "%.*s", (int)(answer->text.len < 400 ? answer->text.len : 400), (const char *)answer->text.data);
}

static enum lz_err unreadable(struct lz_fail *fail) { return lz_refuse(fail, LZ_bad_packet, "守护进程的应答无法读懂：请检查两个程序的版本是否相同"); }

static bool cell_number(const struct row *row, const char *name, uint32_t *value) {
    struct lz_bytes text = row_cell(row, name);
    char copy[16] = "";
    if (text.len == 0 || text.len >= sizeof copy) return false;
    memcpy(copy, text.data, text.len);
    return lz_u32_parse(copy, value);
}

static char *decimal(struct arena *arena, uint64_t value) {
    char *text = arena_printf(arena, "%llu", (unsigned long long)value);
    return text ? text : client_alloc(arena, 1);
}

/* ---- sending ---- */

static enum lz_err read_at(const struct sending *g, uint64_t offset, uint8_t *out, size_t n, struct lz_fail *fail) {
    for (size_t have = 0; have < n; ) {
        ssize_t got = pread(g->fd, out + have, n - have, (off_t)(offset + have));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return lz_refuse(fail, LZ_store_io, "读不了文件 %s：%s", g->path, errno_told(lz_fail_lang(fail), errno));
        if (got == 0) return lz_refuse(fail, LZ_conflict, "文件 %s 在发送中变短了；请等它写完后重新附上", g->path);
        have += (size_t)got;
    }
    return LZ_ok;
}

static enum lz_err hash_file(struct sending *g, uint8_t hash[FILE_HASH_BYTES], struct lz_fail *fail) {
    crypto_hash_sha256_state state;
    size_t mark = arena_used(g->s->arena);
    uint8_t *buffer = client_alloc(g->s->arena, READ_BYTES);
    enum lz_err err = LZ_ok;
    crypto_hash_sha256_init(&state);
    for (uint64_t at = 0; at < g->total && err == LZ_ok; at += READ_BYTES) {
        size_t n = g->total - at < READ_BYTES ? (size_t)(g->total - at) : READ_BYTES;
        err = read_at(g, at, buffer, n, fail);
        crypto_hash_sha256_update(&state, buffer, n);
    }
    crypto_hash_sha256_final(&state, hash);
    arena_rewind(g->s->arena, mark);
    return err;
}

static enum lz_err open_file(struct sending *g, struct lz_fail *fail) {
    struct stat status;
    g->fd = open(g->path, O_RDONLY | O_CLOEXEC);
    if (g->fd < 0 || fstat(g->fd, &status) != 0) return lz_refuse(fail, LZ_usage, "打不开文件 %s：%s", g->path, errno_told(lz_fail_lang(fail), errno));
    if (!S_ISREG(status.st_mode)) return lz_refuse(fail, LZ_usage, "%s 不是普通文件", g->path);
    g->total = (uint64_t)status.st_size;
    if (g->total == 0) return lz_refuse(fail, LZ_bad_argument, "文件 %s 是空的，没有附上", g->path);
    if (g->total > ATTACHMENT_BYTES_MAX)
        return lz_refuse(fail, LZ_too_large, "文件 %s 有 %llu 字节，附件上限 %d MiB；请压缩或拆成几个", g->path, (unsigned long long)g->total, ATTACHMENT_BYTES_MAX >> 20);
    return hash_file(g, g->hash, fail);
}

static size_t common_args(const struct sending *g, struct arg *args) {
    static const char *const passed[] = { "type", "unit" };
    size_t n = 0;
    args[n++] = (struct arg){ lz_bytes_str("to"), g->to };
    args[n++] = (struct arg){ lz_bytes_str("name"), g->name };
    for (size_t i = 0; i < LZ_COUNT(passed); i++) {
        const struct lz_bytes *value = command_arg(g->command, passed[i]);
        if (value) args[n++] = (struct arg){ lz_bytes_str(passed[i]), *value };
    }
    return n;
}

static enum lz_err begin(struct sending *g, struct answer *answer, struct lz_fail *fail) {
    struct arg args[8];
    uint8_t *request = client_alloc(g->s->arena, REQUEST_BYTES), *data = client_alloc(g->s->arena, BEGIN_BYTES);
    struct ask ask = { .verb = lz_bytes_str("attach"), .args = args, .n_args = common_args(g, args) };
    args[ask.n_args++] = (struct arg){ lz_bytes_str("file"), lz_bytes_str(g->path) };
    lz_random(request, REQUEST_BYTES);                       /* whether it goes on is asked anew each time */
    memcpy(data, g->hash, FILE_HASH_BYTES);
    lz_put64(data + FILE_HASH_BYTES, g->total);
    ask.request = lz_bytes_of(request, REQUEST_BYTES);
    ask.data = lz_bytes_of(data, BEGIN_BYTES);
    enum lz_err err = session_ask(g->s, &ask, answer, fail);
    if (err != LZ_ok) return err;
    if (answer->code != LZ_ok) return refused(answer, fail);
    const struct row *row = answer->rows;
    if (answer->n_rows != 1 || !cell_number(row, "_piece", &g->piece) || !cell_number(row, "_pieces", &g->pieces)) return unreadable(fail);
    if (g->piece == 0 || g->piece > ATTACHMENT_PIECE || g->pieces != attachment_pieces(g->total, g->piece)) return unreadable(fail);
    if (answer->data.len < g->pieces / 8 + 1) return unreadable(fail);
    g->there = answer->data;
    g->to = row_cell(&answer->rows[0], "id");                 /* from here on no version of an entry or number can come between */
    return LZ_ok;
}

static bool is_there(const struct sending *g, uint32_t index) { return g->there.data[index / 8] >> index % 8 & 1; }

/* Some pieces in a row; a daemon whose turn is full takes them in a later one. */
static enum lz_err push(struct sending *g, uint32_t index, struct lz_bytes data, struct lz_fail *fail) {
    char hex[HEX_BYTES];
    lz_hex(g->hash, FILE_HASH_BYTES, hex);
    for (;;) {
        struct arg args[8];
        struct answer answer;
        struct ask ask = { .verb = lz_bytes_str("attach piece"), .args = args, .n_args = common_args(g, args), .data = data };
        args[ask.n_args++] = (struct arg){ lz_bytes_str("hash"), lz_bytes_str(hex) };
        args[ask.n_args++] = (struct arg){ lz_bytes_str("bytes"), lz_bytes_str(decimal(g->s->arena, g->total)) };
        args[ask.n_args++] = (struct arg){ lz_bytes_str("index"), lz_bytes_str(decimal(g->s->arena, index)) };
        enum lz_err err = session_ask(g->s, &ask, &answer, fail);
        if (err != LZ_ok) return err;
        if (answer.code == LZ_ok) return LZ_ok;
        if (answer.code != LZ_too_many || answer.text.len == 0 || index == 0) return refused(&answer, fail);
        usleep(BUSY_US);
    }
}

static enum lz_err send_pieces(struct sending *g, struct lz_fail *fail) {
    uint8_t *buffer = client_alloc(g->s->arena, (size_t)PIECES_AT_ONCE * g->piece);
    enum lz_err err = LZ_ok;
    for (uint32_t index = 0; index < g->pieces && err == LZ_ok; ) {
        uint32_t n = 0;
        size_t bytes = 0, mark = arena_used(g->s->arena);
        for (; n < PIECES_AT_ONCE && index + n < g->pieces && !is_there(g, index + n); n++) bytes += attachment_length(g->total, g->piece, index + n);
        if (n == 0) { index++; continue; }
        err = read_at(g, (uint64_t)index * g->piece, buffer, bytes, fail);
        if (err == LZ_ok) err = push(g, index, lz_bytes_of(buffer, bytes), fail);
        index += n;
        arena_rewind(g->s->arena, mark);
    }
    return err;
}

/* A file that was changed meanwhile is not the one that its hash names: said here, and no unit will call it whole. */
static enum lz_err still_the_same(struct sending *g, struct lz_fail *fail) {
    uint8_t hash[FILE_HASH_BYTES];
    struct stat status;
    enum lz_err err = hash_file(g, hash, fail);
    bool same = err == LZ_ok && fstat(g->fd, &status) == 0 && (uint64_t)status.st_size == g->total && memcmp(hash, g->hash, sizeof hash) == 0;
    return same ? LZ_ok : lz_refuse(fail, LZ_conflict, "文件 %s 在发送中被改动，附件作废；请等它写完后重新附上", g->path);
}

enum lz_err attach_file(struct session *s, const struct command *command, struct answer *answer, struct lz_fail *fail) {
    const struct lz_bytes *file = command_arg(command, "file"), *name = command_arg(command, "name"), *to = command_arg(command, "to");
    struct sending g = { .s = s, .command = command, .path = (const char *)file->data, .fd = -1, .to = *to };
    const char *base = strrchr(g.path, '/');
    char hex[HEX_BYTES];
    g.name = name ? *name : lz_bytes_str(base ? base + 1 : g.path);
    enum lz_err err = open_file(&g, fail);
    if (err == LZ_ok) err = begin(&g, answer, fail);
    struct row *rows = answer->rows;
    size_t n_rows = err == LZ_ok ? answer->n_rows : 0;
    if (err == LZ_ok) err = send_pieces(&g, fail);
    if (err == LZ_ok) err = still_the_same(&g, fail);
    if (g.fd >= 0) close(g.fd);
    if (err != LZ_ok) return err;
    lz_hex(g.hash, FILE_HASH_BYTES, hex);
    char *text = arena_printf(s->arena, lz_text(s->lang, "已附上 %.*s：%llu 字节，哈希 %s；属于 %.*s"), (int)g.name.len, (const char *)g.name.data,
                              (unsigned long long)g.total, hex, (int)g.to.len, (const char *)g.to.data);
    *answer = (struct answer){ .text = lz_bytes_str(text ? text : ""), .rows = rows, .n_rows = n_rows };
    return LZ_ok;
}

/* ---- taking out ---- */

struct taking { struct session *s; const char *path; char hash[HEX_BYTES]; uint32_t from, piece, pieces; int fd; };

static enum lz_err cannot_write(struct lz_fail *fail, const char *path) {
    return lz_refuse(fail, LZ_store_io, "写不了文件 %s：%s", path, errno_told(lz_fail_lang(fail), errno));
}

static bool write_whole(int fd, struct lz_bytes bytes) {
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.data, bytes.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes = lz_bytes_of(bytes.data + n, bytes.len - (size_t)n);
    }
    return true;
}

static enum lz_err pull(struct taking *g, crypto_hash_sha256_state *state, uint32_t index, struct lz_fail *fail) {
    struct answer answer;
    struct arena *a = g->s->arena;
    struct arg args[4] = { { lz_bytes_str("hash"), lz_bytes_str(g->hash) }, { lz_bytes_str("origin"), lz_bytes_str(decimal(a, g->from)) },
                           { lz_bytes_str("piece"), lz_bytes_str(decimal(a, g->piece)) }, { lz_bytes_str("index"), lz_bytes_str(decimal(a, index)) } };
    struct ask ask = { .verb = lz_bytes_str("attachment read"), .args = args, .n_args = LZ_COUNT(args) };
    enum lz_err err = session_ask(g->s, &ask, &answer, fail);
    if (err != LZ_ok) return err;
    if (answer.code != LZ_ok) return refused(&answer, fail);
    if (answer.data.len == 0) return unreadable(fail);
    crypto_hash_sha256_update(state, answer.data.data, answer.data.len);
    return write_whole(g->fd, answer.data) ? LZ_ok : cannot_write(fail, g->path);
}

static enum lz_err pull_all(struct taking *g, struct lz_fail *fail) {
    crypto_hash_sha256_state state;
    uint8_t hash[FILE_HASH_BYTES], wanted[FILE_HASH_BYTES];
    enum lz_err err = LZ_ok;
    crypto_hash_sha256_init(&state);
    for (uint32_t i = 0; i < g->pieces && err == LZ_ok; i++) {
        size_t mark = arena_used(g->s->arena);
        err = pull(g, &state, i, fail);
        arena_rewind(g->s->arena, mark);
    }
    if (err != LZ_ok) return err;
    crypto_hash_sha256_final(&state, hash);
    bool same = lz_hex_parse(g->hash, wanted, sizeof wanted) && memcmp(hash, wanted, sizeof hash) == 0;
    return same ? LZ_ok : lz_refuse(fail, LZ_differs, "附件的内容与它的哈希不符，没有取出；请让来源单位重新附上");
}

static bool sync_directory_of(struct arena *arena, const char *path) {
    char *directory = arena_printf(arena, "%s", path), *slash = directory ? strrchr(directory, '/') : NULL;
    if (slash) slash[slash == directory] = 0;
    int fd = open(slash ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0) close(fd);
    return good;
}

static enum lz_err take_out(struct taking *g, struct lz_fail *fail) {
    char *partial = arena_printf(g->s->arena, "%s.partial", g->path);
    if (!partial) return lz_refuse(fail, LZ_too_large, "文件名太长");
    if (access(g->path, F_OK) == 0) return lz_refuse(fail, LZ_already, "%s 已经存在，没有改动：请换一个文件名，或先移走它", g->path);
    (void)unlink(partial);                                   /* of one that was broken off */
    g->fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (g->fd < 0) return cannot_write(fail, partial);
    enum lz_err err = pull_all(g, fail);
    if (err == LZ_ok && fsync(g->fd) != 0) err = cannot_write(fail, partial);
    if (close(g->fd) != 0 && err == LZ_ok) err = cannot_write(fail, partial);
    if (err == LZ_ok && rename(partial, g->path) != 0) err = cannot_write(fail, g->path);
    if (err == LZ_ok && !sync_directory_of(g->s->arena, g->path)) err = cannot_write(fail, g->path);
    if (err != LZ_ok) (void)unlink(partial);
    return err;
}

enum lz_err attachment_take_out(struct session *s, const struct command *command, struct answer *answer, struct lz_fail *fail) {
    struct ask ask = { .verb = lz_bytes_str(command->words), .args = (struct arg *)(uintptr_t)command->args, .n_args = command->n_args };
    struct taking g = { .s = s, .path = (const char *)command_arg(command, "file")->data, .fd = -1 };
    enum lz_err err = session_ask(s, &ask, answer, fail);
    if (err != LZ_ok) return err;
    if (answer->code != LZ_ok) return refused(answer, fail);
    struct row *row = answer->rows;
    struct lz_bytes hash = answer->n_rows == 1 ? row_cell(row, "_sha256") : (struct lz_bytes){ 0 };
    if (hash.len != HEX_BYTES - 1 || !cell_number(row, "_from", &g.from) || !cell_number(row, "_piece", &g.piece) || !cell_number(row, "_pieces", &g.pieces))
        return unreadable(fail);
    memcpy(g.hash, hash.data, hash.len);
    err = take_out(&g, fail);
    if (err != LZ_ok) return err;
    struct lz_bytes name = row_cell(row, "file"), bytes = row_cell(row, "bytes");
    char *text = arena_printf(s->arena, lz_text(s->lang, "已取出 %.*s 到 %s：%.*s 字节，哈希核对无误"), (int)name.len, (const char *)name.data, g.path, (int)bytes.len,
                              (const char *)bytes.data);
    answer->text = lz_bytes_str(text ? text : "");
    return LZ_ok;
}
