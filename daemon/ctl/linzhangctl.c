/* linzhangctl: the clerk's program.
 *
 * One command a run: read it, ask the daemon, print, leave with 0 done, 1 refused, 2 wrong usage, 3 no daemon. What is for
 * people goes to stdout, refusals to stderr; with --json all goes to stdout as JSON. The file names and layouts are in
 * client.h; the verbs in schema/verbs.def. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, WATCH_SLICE_MS = 2000, BACKUP_LOOK_US = 100 * 1000, KEY_FILE_MAX = 256 };
static const size_t ARENA_BYTES = (size_t)4 << 30, SCRATCH_BYTES = (size_t)64 << 20;

struct client {
    struct arena *arena;
    struct command command;
    struct session session;
    struct printer out, err;
};

static __attribute__((format_arg(2))) const char *told(const struct client *c, const char *zh) { return lz_text(c->command.lang, zh); }

static int refuse(struct client *c, enum lz_err code, struct lz_bytes text) {
    struct answer answer = { .code = code, .text = text };
    if (c->command.json) print_json_answer(stdout, &answer);
    else print_refusal(&c->err, code, text);
    return lz_err_exit(code);
}

static int refuse_fail(struct client *c, const struct lz_fail *fail) { return refuse(c, fail->code, lz_bytes_str(fail->text)); }

/* How to ask again without doing it twice: only for what may have been done already. */
static void add_request(const struct client *c, struct lz_fail *fail) {
    char request[2 * REQUEST_BYTES + 1];
    bool writes = c->command.verb->mode == MODE_WRITE || c->command.verb->mode == MODE_IMPORT;
    size_t used = strlen(fail->text);
    if (fail->code != LZ_unreachable || !writes || !c->session.sent) return;
    lz_hex(c->command.request, REQUEST_BYTES, request);
    (void)snprintf(fail->text + used, sizeof fail->text - used, lz_said(fail, "。结果不明；请加上 --request %s 再次执行同一命令，不会重复生效"), request);
}

static int refuse_unknown(struct client *c, struct lz_fail *fail) {
    add_request(c, fail);
    return refuse_fail(c, fail);
}

/* ---- verbs that need no daemon -------------------------------------------------------------------------------- */

static const char *arg(const struct client *c, const char *name) {
    const struct lz_bytes *value = command_arg(&c->command, name);
    return value ? (const char *)value->data : "";
}

/* A new file with the text and a line end; refuses when there is one of that name. */
static enum lz_err file_create(const char *path, mode_t mode, const char *text, struct lz_fail *fail) {
    char line[KEY_TEXT + 1];
    int length = snprintf(line, sizeof line, "%s\n", text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0 && errno == EEXIST) return lz_refuse(fail, LZ_already, "%s 已经存在，没有改动：请换一个文件名，或先移走它", path);
    if (fd < 0) return lz_refuse(fail, LZ_store_io, "不能建立文件 %s：%s", path, errno_told(lz_fail_lang(fail), errno));
    bool written = fchmod(fd, mode) == 0 && write(fd, line, (size_t)length) == length && fsync(fd) == 0;
    int reason = errno;
    explicit_bzero(line, sizeof line);
    if (close(fd) != 0 || !written) {
        (void)unlink(path);
        return lz_refuse(fail, LZ_store_io, "写不了文件 %s：%s", path, errno_told(lz_fail_lang(fail), reason));
    }
    return LZ_ok;
}

/* Tells a key in the shape of every other answer, so that --json has it too. */
static int tell_key(struct client *c, const uint8_t key[KEY_BYTES]) {
    char text[KEY_TEXT];
    wire_key_print(key, text);
    struct cell cell = { lz_bytes_str("key"), lz_bytes_str(text) };
    struct row row = { &cell, 1 };
    struct answer answer = { .rows = &row, .n_rows = 1 };
    if (c->command.json) print_json_answer(stdout, &answer);
    else printf("%s\n", text);
    return EXIT_DONE;
}

static int local_keygen(struct client *c) {
    const char *path = arg(c, "file");
    char *public_path = arena_printf(c->arena, "%s.pub", path), text[KEY_TEXT];
    uint8_t public_key[KEY_BYTES], secret_key[KEY_BYTES];
    struct lz_fail fail = { .lang = c->command.lang };
    struct stat status;
    if (lstat(public_path, &status) == 0) {
        (void)lz_refuse(&fail, LZ_already, "%s 已经存在，没有改动：请换一个文件名，或先移走它", public_path);
        return refuse_fail(c, &fail);
    }
    wire_keypair(public_key, secret_key);
    wire_key_print(secret_key, text);
    enum lz_err err = file_create(path, 0600, text, &fail);
    explicit_bzero(text, sizeof text);
    explicit_bzero(secret_key, sizeof secret_key);
    if (err) return refuse_fail(c, &fail);
    wire_key_print(public_key, text);
    err = file_create(public_path, 0644, text, &fail);
    return err ? refuse_fail(c, &fail) : tell_key(c, public_key);
}

static int local_key_show(struct client *c) {
    struct lz_bytes file;
    struct lz_fail fail = { .lang = c->command.lang };
    char text[KEY_TEXT] = "";
    uint8_t secret_key[KEY_BYTES], public_key[KEY_BYTES];
    if (key_file_check(arg(c, "file"), &fail)) return refuse_fail(c, &fail);
    if (file_read(c->arena, arg(c, "file"), KEY_FILE_MAX, &file, &fail)) return refuse_fail(c, &fail);
    while (file.len > 0 && (file.data[file.len - 1] == '\n' || file.data[file.len - 1] == '\r')) file.len--;
    if (file.len == KEY_TEXT - 1) memcpy(text, file.data, file.len);
    bool good = wire_key_parse(text, secret_key);
    explicit_bzero(text, sizeof text);
    if (!good) return refuse(c, LZ_bad_key, lz_bytes_str(told(c, "文件中不是私钥：应是 keygen 写下的 40 个字符")));
    wire_key_public(secret_key, public_key);
    explicit_bzero(secret_key, sizeof secret_key);
    return tell_key(c, public_key);
}

static int local_help(struct client *c) {
    if (help_print(stdout, c->command.lang, c->command.topic, c->command.n_topic)) return EXIT_DONE;
    struct lz_fail fail = { .lang = c->command.lang };
    (void)lz_refuse(&fail, LZ_usage, "没有关于“%s”的帮助；linzhangctl help 列出全部", c->command.topic[0]);
    return refuse_fail(c, &fail);
}

static int local_completion(struct client *c) {
    if (completion_print(stdout, arg(c, "shell"))) return EXIT_DONE;
    return refuse(c, LZ_usage, lz_bytes_str(told(c, "只有 bash 的补全脚本：linzhangctl completion bash")));
}

static int local_version(struct client *c) {
    struct answer answer = { .text = lz_bytes_str(CLIENT_SOFTWARE) };
    if (c->command.json) print_json_answer(stdout, &answer);
    else printf("%s\n", CLIENT_SOFTWARE);
    return EXIT_DONE;
}

static const struct { const char *handler; int (*run)(struct client *c); } locals[] = {
#define RUN_READ(handler)
#define RUN_WRITE(handler)
#define RUN_STREAM(handler)
#define RUN_IMPORT(handler)
#define RUN_LOCAL(handler) { #handler, local_##handler },
#define X(words, handler, mode, spec, help) RUN_##mode(handler)
#include "../../schema/verbs.def"
    { "completion", local_completion },
};

static int run_local(struct client *c) {
    for (size_t i = 0; i < LZ_COUNT(locals); i++)
        if (strcmp(locals[i].handler, c->command.verb->handler) == 0) return locals[i].run(c);
    return lz_err_exit(LZ_usage);
}

/* ---- verbs of the daemon ---------------------------------------------------------------------------------------- */

static struct ask ask_of(struct client *c) {
    struct ask ask = { .verb = lz_bytes_str(c->command.words), .args = c->command.args, .n_args = c->command.n_args };
    if (c->command.verb->mode == MODE_WRITE) ask.request = lz_bytes_of(c->command.request, REQUEST_BYTES);
    return ask;
}

static int ask_and_tell(struct client *c, struct ask *ask) {
    struct answer answer;
    struct lz_fail fail = { .lang = c->command.lang };
    if (session_ask(&c->session, ask, &answer, &fail)) return refuse_unknown(c, &fail);
    if (c->command.json) {
        print_json_answer(stdout, &answer);
        return lz_err_exit(answer.code);
    }
    print_answer(&c->out, &answer);
    fflush(stdout);
    if (answer.code != LZ_ok) print_refusal(&c->err, answer.code, answer.text);
    return lz_err_exit(answer.code);
}

/* The rows to a file, the sentence to the person. */
static int ask_and_save(struct client *c, struct ask *ask) {
    struct answer answer;
    struct lz_fail fail = { .lang = c->command.lang };
    struct out_file file;
    if (session_ask(&c->session, ask, &answer, &fail)) return refuse_unknown(c, &fail);
    if (answer.code != LZ_ok) return refuse(c, answer.code, answer.text);
    if (out_open(c->arena, arg(c, "csv"), &file, &fail)) return refuse_fail(c, &fail);
    struct printer printer = c->out;
    printer.out = file.out;
    print_csv(&printer, &answer);
    if (out_close(&file, &fail)) return refuse_fail(c, &fail);
    if (!file.temporary) return EXIT_DONE;
    char *text = arena_printf(c->arena, told(c, "%.*s；已存为 %s，%zu 行"), (int)answer.text.len, answer.text.len ? (const char *)answer.text.data : "", file.path,
                              answer.n_rows);
    if (c->command.json) print_json_answer(stdout, &(struct answer){ .text = lz_bytes_str(text) });
    else printf("%s\n", text);
    return EXIT_DONE;
}

static int run_ask(struct client *c) {
    struct ask ask = ask_of(c);
    const struct kind_row *kind = kind_by_name(arg(c, "kind"));
    if (kind) c->out.form = kind->form;
    return command_arg(&c->command, "csv") ? ask_and_save(c, &ask) : ask_and_tell(c, &ask);
}

static bool is_under_way(const struct answer *answer) {
    for (size_t i = 0; i < answer->n_rows; i++)
        if (lz_bytes_equal(row_cell(&answer->rows[i], "backup"), lz_bytes_str("running"))) return true;
    return false;
}

/* A backup goes on in the daemon by itself; its clerk waits for the end of it. */
static int run_backup(struct client *c) {
    struct ask ask = ask_of(c), after = { .verb = lz_bytes_str("backup status") };
    struct answer answer;
    struct lz_fail fail = { .lang = c->command.lang };
    if (session_ask(&c->session, &ask, &answer, &fail)) return refuse_unknown(c, &fail);
    while (answer.code == LZ_ok) {
        if (session_ask(&c->session, &after, &answer, &fail)) return refuse_unknown(c, &fail);
        if (!is_under_way(&answer)) break;
        usleep(BACKUP_LOOK_US);
    }
    if (c->command.json) print_json_answer(stdout, &answer);
    else if (answer.code != LZ_ok) print_refusal(&c->err, answer.code, answer.text);
    else printf("%.*s\n", (int)answer.text.len, (const char *)answer.text.data);
    return lz_err_exit(answer.code);
}

/* The file is ours to read and write, with the rights of who runs this; what is in it the daemon knows. */
typedef enum lz_err (*run_of_file)(struct session *session, const struct command *command, struct answer *answer, struct lz_fail *fail);
static run_of_file file_run(const char *handler) {
    static const struct { const char *handler; run_of_file run; } runs[] = {
        { "bundle_export", bundle_export }, { "bundle_import", bundle_import }, { "attach", attach_file }, { "attachment_get", attachment_take_out },
    };
    for (size_t i = 0; i < LZ_COUNT(runs); i++)
        if (strcmp(handler, runs[i].handler) == 0) return runs[i].run;
    return NULL;
}

static int run_file(struct client *c, run_of_file run) {
    struct answer answer = { 0 };
    struct lz_fail fail = { .lang = c->command.lang };
    enum lz_err err = run(&c->session, &c->command, &answer, &fail);
    if (err != LZ_ok) return refuse_fail(c, &fail);
    if (c->command.json) print_json_answer(stdout, &answer);
    else printf("%.*s\n", (int)answer.text.len, (const char *)answer.text.data);
    return EXIT_DONE;
}

static int run_put(struct client *c) {
    struct ask ask = ask_of(c);
    struct lz_bytes draft;
    struct lz_fail fail = { .lang = c->command.lang };
    if (form_draft(c->arena, &c->command, &draft, &fail) != LZ_ok) return refuse_fail(c, &fail);
    ask.drafts = &draft;
    ask.n_drafts = 1;
    return ask_and_tell(c, &ask);
}

static int run_write(struct client *c) {
    const char *handler = c->command.verb->handler;
    if (strcmp(handler, "put") == 0) return run_put(c);
    if (strcmp(handler, "backup") == 0) return run_backup(c);
    return file_run(handler) ? run_file(c, file_run(handler)) : run_ask(c);
}

static bool watch_show(struct client *c, const struct answer *answer) {
    for (size_t i = 0; i < answer->n_rows; i++)
        if (c->command.json) print_json_row(stdout, &answer->rows[i]);
        else print_row_line(&c->out, &answer->rows[i]);
    return fflush(stdout) == 0;
}

/* Goes on until the reader or the daemon is gone for good; a daemon that was started anew is asked anew. */
static int run_stream(struct client *c) {
    struct ask ask = ask_of(c);
    struct answer answer;
    struct lz_fail fail = { .lang = c->command.lang };
    struct arena *scratch = arena_create(SCRATCH_BYTES);
    ask.seq = ++c->session.seq;
    if (session_send(&c->session, &ask, &fail)) return refuse_fail(c, &fail);
    for (;;) {
        arena_reset(scratch);
        enum lz_err err = session_recv(&c->session, WATCH_SLICE_MS, scratch, &answer);
        if (err == LZ_ok && answer.code != LZ_ok) return refuse(c, answer.code, answer.text);
        if (err == LZ_ok && (!watch_show(c, &answer) || !answer.streaming)) return EXIT_DONE;
        if (err != LZ_unreachable || !session_lost(&c->session)) continue;
        session_touch(&c->session);
        err = session_reopen(&c->session, &fail);
        if (err == LZ_ok) err = session_send(&c->session, &ask, &fail);
        if (err) return refuse_fail(c, &fail);
    }
}

/* ---- imports ------------------------------------------------------------------------------------------------------ */

/* The reject file is opened before anything is sent: afterwards it would be too late to find that it cannot be. */
static bool rejects_open(struct client *c, FILE **file) {   /* *file stays NULL: they go to stderr */
    const char *path = arg(c, "reject");
    *file = NULL;
    if (!*path) return true;
    *file = fopen(path, "we");
    if (!*file) fprintf(stderr, told(c, "用法不对：不能写 --reject 的文件 %s：%s\n"), path, errno_told(c->command.lang, errno));
    return *file != NULL;
}

static bool rejects_write(struct client *c, FILE *file, const struct import_result *result) {
    if (file || !c->command.json) print_rejects(file ? file : stderr, c->command.lang, result, file != NULL);
    return !file || fclose(file) == 0;
}

static char *counts(struct client *c, const struct import_result *result) {
    if (result->unchanged == 0) return arena_printf(c->arena, told(c, "导入 %u 条，拒绝 %zu 条"), result->imported, result->n_rejects);
    return arena_printf(c->arena, told(c, "导入 %u 条，未变 %u 条，拒绝 %zu 条"), result->imported, result->unchanged, result->n_rejects);
}

/* It could not go on: what is known, what is not, and how to go on. */
static int tell_import_broken(struct client *c, const struct import_result *result, struct lz_fail *fail) {
    char *text = arena_printf(c->arena, told(c, "%s，结果不明 %u 条"), counts(c, result), result->unknown);
    add_request(c, fail);
    if (c->command.json) {
        print_json_import(stdout, fail->code, lz_bytes_str(arena_printf(c->arena, told(c, "%s；%s"), text, fail->text)), result);
        return lz_err_exit(fail->code);
    }
    printf("%s\n", text);
    return refuse_fail(c, fail);
}

static int tell_import(struct client *c, const struct import_result *result) {
    char *text = counts(c, result);
    enum lz_err code = result->n_rejects == 0 ? LZ_ok : result->rejects[0].code;
    if (result->n_rejects > 0 && command_arg(&c->command, "atomic")) text = arena_printf(c->arena, told(c, "%s；因 --atomic，其余各行也没有导入"), text);
    if (c->command.json) print_json_import(stdout, code, lz_bytes_str(text), result);
    else printf("%s\n", text);
    return result->n_rejects == 0 ? EXIT_DONE : EXIT_REFUSED;
}

static bool begun(const struct import_result *r) { return r->imported > 0 || r->unchanged > 0 || r->n_rejects > 0 || r->unknown > 0; }

static int run_manifest_import(struct client *c) {
    struct import_result result;
    struct lz_fail fail = { .lang = c->command.lang };
    const char *said = "";
    enum lz_err err = follow_import(&c->session, &c->command, &result, &said, &fail);
    if (err != LZ_ok) return refuse_fail(c, &fail);
    char *text = arena_printf(c->arena, told(c, "导入 %u 条，未变 %u 条，拒绝 %zu 条"), result.imported, result.unchanged, result.n_rejects);
    struct answer answer = { .text = lz_bytes_str(arena_printf(c->arena, told(c, "%s；%s"), text, said)) };
    if (c->command.json) print_json_import(stdout, LZ_ok, answer.text, &result);
    else printf("%.*s\n", (int)answer.text.len, (const char *)answer.text.data);
    if (!command_arg(&c->command, "reject") && !c->command.json) print_rejects(stderr, c->command.lang, &result, false);
    return result.n_rejects == 0 ? EXIT_DONE : EXIT_REFUSED;
}

/* A table of a spreadsheet: its rejects go to a table, or are told. */
static int run_table_import(struct client *c) {
    struct import_result result;
    struct import_mark mark;
    struct lz_fail fail = { .lang = c->command.lang };
    if (command_arg(&c->command, "manifest")) return run_manifest_import(c);
    enum lz_err err = table_import(&c->session, &c->command, &result, &mark, &fail);
    if (!command_arg(&c->command, "reject") && !c->command.json) print_rejects(stderr, c->command.lang, &result, false);
    if (mark.ignored > 0 && !c->command.json) fprintf(stderr, told(c, "有 %zu 列不在映射文件中，没有导入\n"), mark.ignored);
    if (err == LZ_ok) return tell_import(c, &result);
    return begun(&result) ? tell_import_broken(c, &result, &fail) : refuse_unknown(c, &fail);
}

static int run_table_export(struct client *c) {
    uint32_t n = 0, every = 0;
    struct lz_fail fail = { .lang = c->command.lang };
    bool follows = command_arg(&c->command, "since") != NULL;
    if (command_arg(&c->command, "watch") && (!follows || !lz_u32_parse(arg(c, "watch"), &every) || every == 0))
        return refuse(c, LZ_usage, lz_bytes_str(told(c, "--watch 要一个秒数，并与 --since 同用")));
    bool again = false;
    size_t mark = arena_used(c->arena);
    for (; !ferror(stdout); again = true) {
        enum lz_err err = follows ? follow_export(&c->session, &c->command, again, &n, &fail) : table_export(&c->session, &c->command, &n, &fail);
        if (err != LZ_ok) return refuse_fail(c, &fail);
        if (every == 0) break;
        if (n > 0) printf(told(c, "导出 %u 条\n"), n);
        fflush(stdout);
        arena_rewind(c->arena, mark);
        sleep(every);
    }
    const char *path = follows ? arg(c, "what") : arg(c, "file");
    struct answer answer = { .text = lz_bytes_str(arena_printf(c->arena, told(c, "导出 %u 条到 %s"), n, path)) };
    if (c->command.json) print_json_answer(stdout, &answer);
    else if (strcmp(path, "-") != 0) printf("%.*s\n", (int)answer.text.len, (const char *)answer.text.data);
    return EXIT_DONE;
}

static int run_import(struct client *c) {
    struct import_result result;
    struct lz_fail fail = { .lang = c->command.lang };
    FILE *file;
    if (strcmp(c->command.verb->handler, "table_import") == 0) return run_table_import(c);
    if (strcmp(c->command.verb->handler, "table_export") == 0) return run_table_export(c);
    if (!rejects_open(c, &file)) return lz_err_exit(LZ_usage);
    enum lz_err err = import_run(&c->session, &c->command, &result, &fail);
    bool written = rejects_write(c, file, &result);
    int code = !err ? tell_import(c, &result) : begun(&result) ? tell_import_broken(c, &result, &fail) : refuse_unknown(c, &fail);
    if (written) return code;
    fprintf(stderr, told(c, "拒收清单没有写完整：%s\n"), errno_told(c->command.lang, errno));
    return EXIT_REFUSED;
}

/* ---- */

static int run(struct client *c) {
    struct lz_fail fail = { .lang = c->command.lang };
    if (c->command.verb->mode == MODE_LOCAL) return run_local(c);
    if (!c->command.request_given) lz_random(c->command.request, REQUEST_BYTES);
    c->session = (struct session){ .arena = c->arena, .path = c->command.socket, .timeout_ms = c->command.timeout_ms,
                                   .patient = c->command.timeout_given, .lang = c->command.lang, .program = c->command.json };
    if (session_open(&c->session, &fail)) return refuse_fail(c, &fail);
    int code = EXIT_REFUSED;
    switch (c->command.verb->mode) {
    case MODE_READ: case MODE_WRITE: code = run_write(c); break;
    case MODE_STREAM: code = run_stream(c); break;
    case MODE_IMPORT: code = run_import(c); break;
    case MODE_LOCAL: break;
    }
    session_close(&c->session);
    return code;
}

int main(int argc, char **argv) {
    struct client c = { .arena = arena_create(ARENA_BYTES) };
    struct lz_fail fail = { .lang = lz_lang_wanted() };
    lz_lang_open(NULL);
    enum lz_err err = command_parse(c.arena, argc, argv, &c.command, &fail);
    c.out = printer_for(stdout, c.arena, c.command.lang);
    c.err = printer_for(stderr, c.arena, c.command.lang);
    int code = err ? refuse_fail(&c, &fail) : run(&c);
    if (fflush(stdout) != 0 && code == EXIT_DONE) code = EXIT_REFUSED;
    return code;
}
