/* client_files: tables out of the daemon and into it, and files that are there whole or not at all. */
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- files ---- */

enum lz_err out_open(struct arena *arena, const char *path, struct out_file *file, struct lz_fail *fail) {
    *file = (struct out_file){ .path = path, .out = stdout };
    if (strcmp(path, "-") == 0) return LZ_ok;
    file->temporary = arena_printf(arena, "%s.tmp%ld", path, (long)getpid());
    LZ_ASSERT(file->temporary);
    file->out = fopen(file->temporary, "we");
    return file->out ? LZ_ok : lz_refuse(fail, LZ_usage, "不能写文件 %s：%s", path, errno_told(lz_fail_lang(fail), errno));
}

/* The name is on disk when its folder is. */
static bool sync_folder(const char *path) {
    char folder[4096];
    const char *slash = strrchr(path, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path) + 1 : 1, slash ? path : ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    bool good = fsync(fd) == 0;
    return close(fd) == 0 && good;
}

enum lz_err out_close(struct out_file *file, struct lz_fail *fail) {
    if (!file->temporary) return fflush(file->out) == 0 ? LZ_ok : lz_refuse(fail, LZ_store_io, "写不了标准输出：%s", errno_told(lz_fail_lang(fail), errno));
    bool good = fflush(file->out) == 0 && !ferror(file->out) && fsync(fileno(file->out)) == 0;
    int reason = errno;
    if (fclose(file->out) != 0) good = false;
    if (good && (rename(file->temporary, file->path) != 0 || !sync_folder(file->path))) {
        good = false;
        reason = errno;
    }
    if (good) return LZ_ok;
    (void)unlink(file->temporary);
    return lz_refuse(fail, LZ_store_io, "写不了文件 %s：%s", file->path, errno_told(lz_fail_lang(fail), reason));
}

void out_drop(struct out_file *file) {
    if (!file->temporary) return;
    (void)fclose(file->out);
    (void)unlink(file->temporary);
}

/* ---- export of a kind ---- */

static struct lz_bytes marked_cell(struct arena *arena, const struct row *row, char mark, const char *name) {
    const char *marked = arena_printf(arena, "%c%s", mark, name);
    return marked ? row_cell(row, marked) : (struct lz_bytes){ 0 };
}

static void put_value(struct arena *arena, struct csv_out *csv, const struct form_field *field, const struct row *row, bool form, bool zh) {
    size_t mark = arena_used(arena);
    struct lz_bytes kept = form ? row_cell(row, field->name) : marked_cell(arena, row, '=', field->name), read;
    if (!form && kept.len == 0) kept = marked_cell(arena, row, '#', field->name);
    read = kept;
    const char *zh_name = arena_printf(arena, "%s_zh", field->name);
    if (form && field->type == FIELD_CHOICE && zh && zh_name) read = row_cell(row, zh_name);
    else if (!form && field->type != FIELD_UNIT && (field->type != FIELD_CHOICE || zh)) read = marked_cell(arena, row, '~', field->name);
    if (read.len == 0) read = kept;
    if (!form && field->type == FIELD_FLAG) read = lz_bytes_str(lz_bytes_equal(kept, lz_bytes_str("1")) ? "是" : "否");
    if (!form && field->type == FIELD_DATE && read.len > 10) read.len = 10;
    bool coded = field->type == FIELD_TEXT || (field->type == FIELD_PLACE && read.len > 9) || (field->type == FIELD_PERIOD && read.len > 4);
    if (coded) csv_text(csv, read);
    else csv_value(csv, read);
    arena_rewind(arena, mark);
}

static void put_entry(struct arena *arena, struct csv_out *csv, const struct table_kind *of, const struct row *row, bool zh) {
    bool form = of->kind->form != NULL;
    csv_text(csv, row_cell(row, form ? "no" : "id"));
    csv_value(csv, row_cell(row, "origin"));
    for (size_t i = 0; i < of->n_fields; i++) put_value(arena, csv, &of->fields[i], row, form, zh);
    if (form) csv_value(csv, row_cell(row, zh ? "state_zh" : "state"));
    if (form) csv_value(csv, row_cell(row, "valid_from"));
    csv_value(csv, row_cell(row, form ? "time" : "written"));
    csv_end_row(csv);
}

void table_record(struct arena *arena, struct csv_out *csv, const struct table_kind *of, const struct row *row, bool zh) {
    bool form = of->kind->form != NULL;
    csv_text(csv, form ? marked_cell(arena, row, '=', "no") : row_cell(row, "id"));
    csv_value(csv, row_cell(row, "origin"));
    for (size_t i = 0; i < of->n_fields; i++) put_value(arena, csv, &of->fields[i], row, false, zh);
    if (form) csv_value(csv, marked_cell(arena, row, zh ? '~' : '=', "state"));
    if (form) csv_value(csv, marked_cell(arena, row, '~', "valid_from"));
    csv_value(csv, row_cell(row, "written"));
    csv_end_row(csv);
}

static bool wants_zh(const struct command *command, bool *zh) {
    const struct lz_bytes *headings = command_arg(command, "headings");
    *zh = !headings || lz_bytes_equal(*headings, lz_bytes_str("zh"));
    return *zh || lz_bytes_equal(*headings, lz_bytes_str("en"));
}

static enum lz_err ask_rows(struct session *session, const struct command *command, const struct table_kind *of, struct answer *answer, struct lz_fail *fail) {
    static const char *const passed[] = { "unit", "on", "state" };
    struct arg args[8] = { { lz_bytes_str("kind"), lz_bytes_str(of->kind->name) } };
    struct ask ask = { .verb = lz_bytes_str(of->kind->form ? "list" : "export read"), .args = args, .n_args = 1 };
    if (of->kind->form) args[ask.n_args++] = (struct arg){ lz_bytes_str("full"), lz_bytes_str("1") };
    for (size_t i = 0; i < LZ_COUNT(passed); i++) {
        const struct lz_bytes *value = command_arg(command, passed[i]);
        if (!value) continue;
        if (i > 0 && !of->kind->form) return lz_refuse(fail, LZ_usage, "%s不能用 --%s", lz_said(fail, of->kind->zh), passed[i]);
        args[ask.n_args++] = (struct arg){ lz_bytes_str(passed[i]), *value };
    }
    enum lz_err err = session_ask(session, &ask, answer, fail);
    if (err != LZ_ok || answer->code == LZ_ok) return err;
    return lz_refuse(fail, answer->code, "%.*s", (int)answer->text.len, answer->text.len ? (const char *)answer->text.data : "");
}

enum lz_err table_export(struct session *session, const struct command *command, uint32_t *n, struct lz_fail *fail) {
    const struct lz_bytes *kind = command_arg(command, "what"), *path = command_arg(command, "file");
    struct table_kind of;
    struct answer answer = { .n_rows = 0 };
    struct out_file file;
    struct csv_out csv;
    bool zh;
    if (!kind || !path) return lz_refuse(fail, LZ_usage, "请写明种类和文件：linzhangctl export grid 网格.csv");
    if (!table_kind_find((const char *)kind->data, &of))
        return lz_refuse(fail, LZ_bad_argument, "“%.60s”不是可导入导出的种类；linzhangctl kinds 列出登记表，另有 problem、progress 和各种下发件", (const char *)kind->data);
    if (!wants_zh(command, &zh)) return lz_refuse(fail, LZ_usage, "--headings 可用 zh（中文列名）或 en（字段名）");
    enum lz_err err = ask_rows(session, command, &of, &answer, fail);
    if (err == LZ_ok) err = out_open(session->arena, (const char *)path->data, &file, fail);
    if (err != LZ_ok) return err;
    csv_begin(&csv, file.out);
    table_head(&csv, &of, zh);
    for (size_t i = 0; i < answer.n_rows; i++) put_entry(session->arena, &csv, &of, &answer.rows[i], zh);
    *n = (uint32_t)answer.n_rows;
    return out_close(&file, fail);
}

/* ---- import of a table ---- */

struct feed {
    struct csv_table table;
    struct csv_row row;
    struct arena *arena;             /* of the session: rows live until their chunk is answered */
    uint32_t rows;
};

static bool feed_next(void *context, uint32_t *line, struct lz_bytes *raw) {
    struct feed *f = context;
    if (!csv_next(&f->table.csv, f->arena, &f->row)) return false;
    *line = f->row.line;
    *raw = f->row.raw;
    f->rows++;
    return true;
}

static enum lz_err feed_draft(void *context, struct record *draft, struct lz_bytes *task, struct lz_fail *fail) {
    struct feed *f = context;
    return table_draft(&f->table, f->arena, &f->row, draft, task, fail);
}

static bool is_told(struct lz_bytes heading) {
    return lz_bytes_equal(heading, lz_bytes_str("行号")) || lz_bytes_equal(heading, lz_bytes_str("拒收原因"));
}

/* The row as it was, and behind it where it stood and why; those of an earlier list go. */
static void put_reject(struct arena *arena, struct csv_out *csv, const struct csv_table *table, const struct reject *reject) {
    struct csv_in in = { .text = reject->original, .separator = table->csv.separator };
    struct csv_row row;
    size_t mark = arena_used(arena);
    char line[16];
    if (!csv_next(&in, arena, &row) || !row.whole) csv_again(csv, reject->original);
    else
        for (size_t i = 0; i < row.n && i < CSV_FIELDS_MAX; i++)
            if (i >= table->head.n || !is_told(table->head.fields[i])) csv_again(csv, row.fields[i]);
    (void)snprintf(line, sizeof line, "%u", reject->line);
    csv_value(csv, lz_bytes_str(line));
    csv_text(csv, reject->text);
    csv_end_row(csv);
    arena_rewind(arena, mark);
}

static enum lz_err put_rejects(struct arena *arena, const char *path, const struct csv_table *table, const struct import_result *result, struct lz_fail *fail) {
    struct out_file file;
    struct csv_out csv;
    enum lz_err err = out_open(arena, path, &file, fail);
    if (err != LZ_ok) return err;
    csv_begin(&csv, file.out);
    for (size_t i = 0; i < table->head.n; i++)
        if (!is_told(table->head.fields[i])) csv_again(&csv, table->head.fields[i]);
    csv_value(&csv, lz_bytes_str("行号"));
    csv_value(&csv, lz_bytes_str("拒收原因"));
    csv_end_row(&csv);
    for (size_t i = 0; i < result->n_rejects; i++) put_reject(arena, &csv, table, &result->rejects[i]);
    return out_close(&file, fail);
}

static void hash_of(struct lz_bytes file, char out[65]) {
    uint8_t hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, file.data, file.len);
    lz_hex(hash, sizeof hash, out);
}

static enum lz_err source_of(const struct command *command, const struct map *map, const char **source, struct lz_fail *fail) {
    const struct lz_bytes *given = command_arg(command, "source");
    const char *named = map_word(map, "name");
    *source = given ? (const char *)given->data : named ? named : "表格";
    size_t len = strlen(*source);
    return len > 0 && len <= SOURCE_BYTES_MAX ? LZ_ok : lz_refuse(fail, LZ_too_large, "来源名称应有 1 到 %d 字节", SOURCE_BYTES_MAX);
}

static enum lz_err apply(struct session *session, const struct command *command, struct feed *feed, struct import_result *result, struct import_mark *mark,
                         struct lz_fail *fail) {
    char columns[16];
    feed->arena = session->arena;
    (void)snprintf(columns, sizeof columns, "%u", feed->table.present);
    struct import_lines lines = { feed_next, feed_draft, feed, columns, command_arg(command, "atomic") != NULL };
    enum lz_err err = import_lines_run(session, command, &lines, result, fail);
    mark->rows = feed->rows;
    mark->newest = feed->table.newest;
    mark->ignored = feed->table.ignored;
    return err;
}

static enum lz_err tell_rejects(struct session *session, const char *path, const struct feed *feed, const struct import_result *result, enum lz_err err,
                                struct lz_fail *fail) {
    struct lz_fail why = { .lang = lz_fail_lang(fail) };
    if (result->n_rejects == 0) return err;
    enum lz_err written = put_rejects(session->arena, path, &feed->table, result, err == LZ_ok ? fail : &why);
    return err == LZ_ok ? written : err;
}

enum lz_err table_apply(struct session *session, const struct command *command, const char *kind, struct lz_bytes file, struct import_result *result,
                        struct import_mark *mark, struct lz_fail *fail) {
    const struct lz_bytes *map_path = command_arg(command, "map"), *reject = command_arg(command, "reject");
    struct feed *feed = client_alloc(session->arena, sizeof *feed);
    struct map *map = NULL;
    struct lz_bytes text;
    *result = (struct import_result){ 0 };
    enum lz_err err = map_path ? map_read(session->arena, (const char *)map_path->data, &map, fail) : LZ_ok;
    if (err == LZ_ok) err = csv_decode(session->arena, file, &text, fail);
    if (err == LZ_ok) err = table_open(&feed->table, session->arena, kind, map, mark->source, text, fail);
    if (err != LZ_ok) return err;
    struct command own = *command;                   /* each table's asks are its own: what is there already is known by what it says */
    lz_random(own.request, sizeof own.request);
    feed->table.foreign = true;
    err = apply(session, &own, feed, result, mark, fail);
    const char *path = reject ? arena_printf(session->arena, "%s.%s-%s.csv", (const char *)reject->data, mark->file, kind) : NULL;
    return path ? tell_rejects(session, path, feed, result, err, fail) : err;
}

enum lz_err table_import(struct session *session, const struct command *command, struct import_result *result, struct import_mark *mark, struct lz_fail *fail) {
    const struct lz_bytes *kind = command_arg(command, "what"), *path = command_arg(command, "file"), *map_path = command_arg(command, "map");
    const struct lz_bytes *reject = command_arg(command, "reject");
    struct feed *feed = client_alloc(session->arena, sizeof *feed);
    struct map *map = NULL;
    struct lz_bytes file, text;
    *result = (struct import_result){ 0 };
    *mark = (struct import_mark){ 0 };
    if (!kind || !path) return lz_refuse(fail, LZ_usage, "请写明种类和文件：linzhangctl import grid 网格.csv");
    enum lz_err err = map_path ? map_read(session->arena, (const char *)map_path->data, &map, fail) : LZ_ok;
    if (err == LZ_ok) err = source_of(command, map, &mark->source, fail);
    if (err == LZ_ok) err = file_read(session->arena, (const char *)path->data, TABLE_FILE_BYTES_MAX, &file, fail);
    if (err == LZ_ok) err = csv_decode(session->arena, file, &text, fail);
    if (err == LZ_ok) err = table_open(&feed->table, session->arena, (const char *)kind->data, map, mark->source, text, fail);
    if (err != LZ_ok) return err;
    hash_of(file, mark->hash);
    mark->kind = feed->table.of.kind->name;
    mark->mapping = map_word(map, "version");
    mark->file = strrchr((const char *)path->data, '/') ? strrchr((const char *)path->data, '/') + 1 : (const char *)path->data;
    err = apply(session, command, feed, result, mark, fail);
    bool kept = !command_arg(command, "atomic") || result->n_rejects == 0;
    if (err == LZ_ok && kept && result->imported + result->unchanged + result->n_rejects > 0) err = batch_put(session, mark, result, fail);
    return reject ? tell_rejects(session, (const char *)reject->data, feed, result, err, fail) : err;
}
