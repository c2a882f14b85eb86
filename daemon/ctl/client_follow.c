/* client_follow: other systems follow the store through files, and its files come in on the other side.
 *
 * Each run writes what landed since the cursor to files that are whole when they have their name, then the manifest that lists them with their
 * checksums and says where to go on; who believes the manifest alone never reads half a file. Coming in, all checksums are looked at before
 * anything of a delivery is applied, files are taken in order and once, and a hole in the chain is said instead of jumped. */
#include "client.h"

#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_ROWS_MAX = 50000, MANIFEST_BYTES_MAX = 64 * 1024 * 1024, MANIFEST_VERSION = 1, KINDS_AT_ONCE = 64 };
static const char format_name[] = "linzhang-export";

/* ---- JSON from rows ---------------------------------------------------------------------------------------------------------- */

static json_t *json_of(struct lz_bytes text) { return json_stringn(text.len ? (const char *)text.data : "", text.len); }

static json_t *number_of(struct lz_bytes text) {
    char room[32] = "";
    int64_t value = 0;
    if (text.len && text.len < sizeof room) memcpy(room, text.data, text.len);
    return lz_i64_parse(room, &value) ? json_integer(value) : json_of(text);
}

static json_t *record_of(const struct row *row) {
    json_t *record = json_object(), *payload = json_object(), *text = json_object();
    for (size_t i = 0; i < row->n_cells; i++) {
        struct lz_bytes name = row->cells[i].name, value = row->cells[i].text;
        char key[64] = "";
        if (name.len < 2 || name.len >= sizeof key) continue;
        memcpy(key, name.data, name.len);
        if (key[0] == '=') (void)json_object_set_new(payload, key + 1, json_of(value));
        else if (key[0] == '#') (void)json_object_set_new(payload, key + 1, number_of(value));
        else if (key[0] == '~') (void)json_object_set_new(text, key + 1, json_of(value));
        else if (key[0] != '_' && value.len) (void)json_object_set_new(record, key, json_of(value));
    }
    (void)json_object_set_new(record, "payload", payload);
    (void)json_object_set_new(record, "text", text);
    return record;
}

/* ---- one run of an export ------------------------------------------------------------------------------------------------------ */

struct part { const char *kind, *name; struct out_file file; struct csv_out csv; struct table_kind of; bool table; uint32_t rows; };
struct run {
    struct session *session;
    const char *folder, *from, *chain;       /* from: where reading goes on; chain: up to where there are files */
    const struct lz_bytes *kinds;
    bool csv, zh, local;
    json_t *manifest;
    struct part parts[KINDS_AT_ONCE];
    size_t n_parts;
    uint64_t number;                 /* of the files being written */
    uint32_t rows, all_rows;
};

static const char *path_in(const struct run *run, const char *name) {
    const char *path = arena_printf(run->session->arena, "%s/%s", run->folder, name);
    LZ_ASSERT(path);
    return path;
}

/* `--kind problem,grid`: these only. What does not leave its unit (rangers' persons) goes to a file only when asked for. */
static bool is_wanted(const struct run *run, struct lz_bytes kind) {
    char name[64] = "";
    if (kind.len && kind.len < sizeof name) memcpy(name, kind.data, kind.len);
    const struct kind_row *row = kind_by_name(name);
    if (!run->kinds) return !row || row->reach != REACH_LOCAL || run->local;
    for (size_t at = 0; at < run->kinds->len;) {
        const uint8_t *data = run->kinds->data + at, *end = memchr(data, ',', run->kinds->len - at);
        size_t len = end ? (size_t)(end - data) : run->kinds->len - at;
        if (lz_bytes_equal(lz_bytes_of(data, len), kind)) return true;
        at += len + 1;
    }
    return false;
}

static enum lz_err part_open(struct run *run, const char *kind, struct part **part_p, struct lz_fail *fail) {
    for (size_t i = 0; i < run->n_parts; i++)
        if (strcmp(run->parts[i].kind, kind) == 0) { *part_p = &run->parts[i]; return LZ_ok; }
    if (run->n_parts == KINDS_AT_ONCE) return lz_refuse(fail, LZ_too_many, "种类太多：请用 --kind 分开导出");
    struct part *part = &run->parts[run->n_parts];
    *part = (struct part){ .kind = kind };
    part->name = run->csv ? arena_printf(run->session->arena, "%09llu-%s.csv", (unsigned long long)run->number, kind)
                          : arena_printf(run->session->arena, "%09llu.jsonl", (unsigned long long)run->number);
    LZ_ASSERT(part->name);
    enum lz_err err = out_open(run->session->arena, path_in(run, part->name), &part->file, fail);
    if (err != LZ_ok) return err;
    run->n_parts++;
    *part_p = part;
    if (!run->csv) return LZ_ok;
    csv_begin(&part->csv, part->file.out);
    part->table = table_kind_find(kind, &part->of) && part->of.kind->number != KIND_progress;
    if (part->table) table_head(&part->csv, &part->of, run->zh);
    else {
        static const char *const columns[] = { "id", "origin", "written", "subject", "payload" };
        for (size_t i = 0; i < LZ_COUNT(columns); i++) csv_value(&part->csv, lz_bytes_str(columns[i]));
        csv_end_row(&part->csv);
    }
    return LZ_ok;
}

static void put_plain(struct part *part, const struct row *row) {
    static const char *const columns[] = { "id", "origin", "written", "subject" };
    json_t *record = record_of(row);
    char *payload = json_dumps(json_object_get(record, "payload"), JSON_COMPACT | JSON_SORT_KEYS);
    LZ_ASSERT(payload);
    for (size_t i = 0; i < LZ_COUNT(columns); i++) csv_value(&part->csv, row_cell(row, columns[i]));
    csv_text(&part->csv, lz_bytes_str(payload));
    csv_end_row(&part->csv);
    free(payload);
    json_decref(record);
}

static enum lz_err put_record(struct run *run, const struct row *row, struct lz_fail *fail) {
    struct lz_bytes kind = row_cell(row, "kind");
    struct part *part = NULL;
    if (!is_wanted(run, kind)) return LZ_ok;
    const char *name = run->csv ? arena_printf(run->session->arena, "%.*s", (int)kind.len, (const char *)kind.data) : "";
    LZ_ASSERT(name);
    enum lz_err err = part_open(run, name, &part, fail);
    if (err != LZ_ok) return err;
    part->rows++;
    run->rows++;
    run->all_rows++;
    if (run->csv && part->table) table_record(run->session->arena, &part->csv, &part->of, row, run->zh);
    else if (run->csv) put_plain(part, row);
    else {
        json_t *record = record_of(row);
        (void)json_dumpf(record, part->file.out, JSON_COMPACT);
        (void)putc('\n', part->file.out);
        json_decref(record);
    }
    return LZ_ok;
}

/* ---- the manifest ---- */

static const char *word_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static enum lz_err hash_file(struct arena *arena, const char *path, char hash[65], size_t *bytes, struct lz_fail *fail) {
    struct lz_bytes file;
    uint8_t sum[crypto_hash_sha256_BYTES];
    size_t mark = arena_used(arena);
    enum lz_err err = file_read(arena, path, TABLE_FILE_BYTES_MAX, &file, fail);
    if (err != LZ_ok) return err;
    crypto_hash_sha256(sum, file.data, file.len);
    lz_hex(sum, sizeof sum, hash);
    *bytes = file.len;
    arena_rewind(arena, mark);
    return LZ_ok;
}

static enum lz_err manifest_write(struct run *run, struct lz_fail *fail) {
    struct out_file file;
    enum lz_err err = out_open(run->session->arena, path_in(run, "manifest.json"), &file, fail);
    if (err != LZ_ok) return err;
    if (json_dumpf(run->manifest, file.out, JSON_INDENT(1) | JSON_PRESERVE_ORDER) != 0) {
        out_drop(&file);
        return lz_refuse(fail, LZ_store_io, "写不了清单 manifest.json");
    }
    return out_close(&file, fail);
}

static enum lz_err manifest_read(struct arena *arena, const char *folder, bool *there, json_t **manifest, struct lz_fail *fail) {
    const char *path = arena_printf(arena, "%s/manifest.json", folder);
    struct lz_bytes file;
    json_error_t why;
    struct stat st;
    LZ_ASSERT(path);
    *there = stat(path, &st) == 0;
    if (!*there) return LZ_ok;
    enum lz_err err = file_read(arena, path, MANIFEST_BYTES_MAX, &file, fail);
    if (err != LZ_ok) return err;
    *manifest = json_loadb((const char *)file.data, file.len, JSON_REJECT_DUPLICATES, &why);
    bool good = *manifest && strcmp(word_of(*manifest, "format"), format_name) == 0 && json_is_array(json_object_get(*manifest, "files"));
    if (!good) return lz_refuse(fail, LZ_bad_argument, "%s 不是导出清单", path);
    if (json_integer_value(json_object_get(*manifest, "version")) == MANIFEST_VERSION) return LZ_ok;
    return lz_refuse(fail, LZ_bad_version, "%s 是另一版本的清单：请升级本程序", path);
}

/* The files of this round get their names, then the manifest gets them. */
static enum lz_err round_end(struct run *run, const char *to, struct lz_fail *fail) {
    json_t *files = json_object_get(run->manifest, "files");
    enum lz_err err = LZ_ok;
    for (size_t i = 0; i < run->n_parts && err == LZ_ok; i++) {
        struct part *part = &run->parts[i];
        char hash[65] = "";
        size_t bytes = 0;
        err = out_close(&part->file, fail);
        if (err == LZ_ok) err = hash_file(run->session->arena, path_in(run, part->name), hash, &bytes, fail);
        json_t *entry = json_pack("{s:s, s:s, s:i, s:I, s:s, s:s, s:s}", "name", part->name, "kind", run->csv ? part->kind : "*", "rows", (int)part->rows,
                                  "bytes", (json_int_t)bytes, "sha256", hash, "from", run->chain, "to", to);
        LZ_ASSERT(entry);
        (void)json_array_append_new(files, entry);
    }
    if (err != LZ_ok) return err;
    run->number += run->n_parts > 0;
    (void)json_object_set_new(run->manifest, "next", json_string(to));
    (void)json_object_set_new(run->manifest, "next_number", json_integer((json_int_t)run->number));
    if (run->n_parts > 0) run->chain = to;
    run->from = to;
    run->n_parts = 0;
    run->rows = 0;
    return manifest_write(run, fail);
}

static enum lz_err run_begin(struct run *run, const char *since, struct lz_fail *fail) {
    bool there = false;
    bool last = strcmp(since, "last") == 0 || strcmp(since, "续") == 0;
    if (mkdir(run->folder, 0750) != 0 && errno != EEXIST)
        return lz_refuse(fail, LZ_usage, "不能建立目录 %s：%s", run->folder, errno_told(lz_fail_lang(fail), errno));
    enum lz_err err = manifest_read(run->session->arena, run->folder, &there, &run->manifest, fail);
    if (err != LZ_ok) return err;
    if (there && !last && strcmp(since, word_of(run->manifest, "next")) != 0)
        return lz_refuse(fail, LZ_conflict, "%s 里已有到 %s 为止的导出，接不上 --since %s：请用 --since last 续写，或写到新的目录", run->folder,
                         word_of(run->manifest, "next"), since);
    if (there && strcmp(word_of(run->manifest, "files_are"), run->csv ? "csv" : "jsonl") != 0)
        return lz_refuse(fail, LZ_conflict, "%s 里已有的是 %s 格式：请用同一格式，或写到新的目录", run->folder, word_of(run->manifest, "files_are"));
    if (!there) run->manifest = json_pack("{s:s, s:i, s:s, s:s, s:s, s:[]}", "format", format_name, "version", MANIFEST_VERSION, "files_are",
                                          run->csv ? "csv" : "jsonl", "from", last ? "0" : since, "next", last ? "0" : since, "files");
    LZ_ASSERT(run->manifest);
    run->from = word_of(run->manifest, "next");
    run->number = (uint64_t)json_integer_value(json_object_get(run->manifest, "next_number"));
    if (run->number == 0) run->number = 1;
    const char *kept = arena_printf(run->session->arena, "%s", run->from);
    LZ_ASSERT(kept);
    run->from = kept;
    const json_t *files = json_object_get(run->manifest, "files");
    size_t n = json_array_size(files);
    const char *chain = arena_printf(run->session->arena, "%s", n ? word_of(json_array_get(files, n - 1), "to") : word_of(run->manifest, "from"));
    LZ_ASSERT(chain);
    run->chain = chain;
    return LZ_ok;
}

static enum lz_err ask_since(struct run *run, const char *cursor, struct answer *answer, struct lz_fail *fail) {
    struct arg arg = { lz_bytes_str("since"), lz_bytes_str(cursor) };
    struct ask ask = { .verb = lz_bytes_str("export read"), .args = &arg, .n_args = 1 };
    enum lz_err err = session_ask(run->session, &ask, answer, fail);
    if (err != LZ_ok || answer->code == LZ_ok) return err;
    return lz_refuse(fail, answer->code, "%.*s", (int)answer->text.len, answer->text.len ? (const char *)answer->text.data : "");
}

static enum lz_err run_records(struct run *run, struct lz_fail *fail) {
    const char *cursor = run->from;
    struct answer answer;
    enum lz_err err = LZ_ok;
    do {
        err = ask_since(run, cursor, &answer, fail);
        if (err != LZ_ok) break;
        for (size_t i = 0; i < answer.n_rows && err == LZ_ok; i++) err = put_record(run, &answer.rows[i], fail);
        (void)json_object_set_new(run->manifest, "unit", json_of(answer.text));
        const char *to = arena_printf(run->session->arena, "%.*s", (int)answer.data.len, answer.data.len ? (const char *)answer.data.data : "");
        LZ_ASSERT(to);
        cursor = to;
        bool full = run->rows >= FILE_ROWS_MAX, last = answer.n_rows == 0;
        if (err == LZ_ok && (full || (last && (run->n_parts > 0 || run->all_rows == 0)))) err = round_end(run, cursor, fail);
    } while (err == LZ_ok && answer.n_rows > 0);
    for (size_t i = 0; i < run->n_parts && err != LZ_ok; i++) out_drop(&run->parts[i].file);
    return err;
}

enum lz_err follow_export(struct session *session, const struct command *command, bool again, uint32_t *n, struct lz_fail *fail) {
    const struct lz_bytes *folder = command_arg(command, "what"), *since = command_arg(command, "since"), *format = command_arg(command, "format");
    const struct lz_bytes *headings = command_arg(command, "headings");
    struct run *run = client_alloc(session->arena, sizeof *run);
    *run = (struct run){ .session = session, .folder = (const char *)folder->data, .from = "0", .chain = "0", .kinds = command_arg(command, "kind") };
    run->csv = format && lz_bytes_equal(*format, lz_bytes_str("csv"));
    run->zh = headings && lz_bytes_equal(*headings, lz_bytes_str("zh"));
    run->local = command_arg(command, "local") != NULL;
    if (format && !run->csv && !lz_bytes_equal(*format, lz_bytes_str("jsonl"))) return lz_refuse(fail, LZ_usage, "--format 可用 jsonl 或 csv");
    enum lz_err err = run_begin(run, again ? "last" : (const char *)since->data, fail);
    if (err == LZ_ok) err = run_records(run, fail);
    *n = run->all_rows;
    json_decref(run->manifest);
    return err;
}

/* ---- coming in ---------------------------------------------------------------------------------------------------------------------- */

struct delivery {
    struct session *session;
    const struct command *command;
    const char *folder, *source, *last;      /* last: up to where it was applied; "": never */
    json_t *manifest;
    struct import_result *result;
    struct import_mark mark;
    size_t applied, skipped, ignored;
};

static enum lz_err check_sum(struct delivery *d, const json_t *entry, struct lz_fail *fail) {
    const char *name = word_of(entry, "name"), *path = arena_printf(d->session->arena, "%s/%s", d->folder, name);
    char hash[65] = "";
    size_t bytes = 0;
    LZ_ASSERT(path);
    if (!name[0] || strchr(name, '/') || name[0] == '.') return lz_refuse(fail, LZ_bad_argument, "清单中的文件名“%.60s”不对", name);
    enum lz_err err = hash_file(d->session->arena, path, hash, &bytes, fail);
    if (err != LZ_ok) return lz_refuse(fail, LZ_bundle_gap, "清单中的 %s 不在目录里或读不了：请补齐后再导入，这一次什么也没有导入", name);
    if (strcmp(hash, word_of(entry, "sha256")) == 0) return LZ_ok;
    return lz_refuse(fail, LZ_bundle_altered, "%s 与清单的校验和不符，残缺或被改动：请重新取一份，这一次什么也没有导入", name);
}

/* Where in the list to begin: behind what was applied last. */
static enum lz_err find_begin(struct delivery *d, size_t *begin, struct lz_fail *fail) {
    const json_t *files = json_object_get(d->manifest, "files");
    const char *first = word_of(json_array_get(files, 0), "from"), *expected = d->last[0] ? d->last : first;
    size_t n = json_array_size(files);
    *begin = n;
    for (size_t i = n; i-- > 0;) {
        const json_t *entry = json_array_get(files, i);
        if (d->last[0] && strcmp(word_of(entry, "to"), d->last) == 0) break;
        *begin = i;
    }
    if (*begin == n || n == 0) return LZ_ok;
    if (!d->last[0] && strcmp(first, "0") != 0)
        return lz_refuse(fail, LZ_bundle_gap, "清单从 %s 开始，前面的没有导入过：请先导入从头（0）开始的那一份", first);
    const char *from = word_of(json_array_get(files, *begin), "from");
    if (strcmp(from, expected) != 0)
        return lz_refuse(fail, LZ_bundle_gap, "缺一段：上次导入到 %s，这份清单接着的是 %s；请补上中间的文件，或换一个 --source 从头导入", d->last, from);
    return LZ_ok;
}

static enum lz_err check_chain(struct delivery *d, size_t begin, struct lz_fail *fail) {
    const json_t *files = json_object_get(d->manifest, "files");
    for (size_t i = begin; i < json_array_size(files); i++) {
        const json_t *entry = json_array_get(files, i), *before = i > begin ? json_array_get(files, i - 1) : NULL;
        bool joins = !before || strcmp(word_of(entry, "from"), word_of(before, "to")) == 0 ||
                     (strcmp(word_of(entry, "from"), word_of(before, "from")) == 0 && strcmp(word_of(entry, "to"), word_of(before, "to")) == 0);
        if (!joins) return lz_refuse(fail, LZ_bundle_gap, "清单中 %s 与前一个文件接不上：缺一段，这一次什么也没有导入", word_of(entry, "name"));
        enum lz_err err = check_sum(d, entry, fail);
        if (err != LZ_ok) return err;
    }
    return LZ_ok;
}

static void add_result(struct arena *arena, struct import_result *all, const struct import_result *one) {
    size_t n = all->n_rejects + one->n_rejects;
    if (one->n_rejects) {
        struct reject *rejects = client_alloc(arena, n * sizeof *rejects);
        if (all->n_rejects) memcpy(rejects, all->rejects, all->n_rejects * sizeof *rejects);
        memcpy(rejects + all->n_rejects, one->rejects, one->n_rejects * sizeof *rejects);
        all->rejects = rejects;
        all->n_rejects = all->rejects_room = n;
    }
    all->imported += one->imported;
    all->unchanged += one->unchanged;
    all->unknown += one->unknown;
}

static enum lz_err apply_table(struct delivery *d, const char *kind, const char *name, struct lz_bytes text, struct lz_fail *fail) {
    struct import_result one;
    struct import_mark mark = { .source = d->source, .file = name };
    enum lz_err err = table_apply(d->session, d->command, kind, text, &one, &mark, fail);
    add_result(d->session->arena, d->result, &one);
    d->mark.rows += mark.rows;
    if (mark.newest > d->mark.newest) d->mark.newest = mark.newest;
    return err;
}

/* A line of JSON as the cells of a row, so that the one way in is the tables' way. */
static void put_line(struct csv_out *csv, const struct table_kind *of, const json_t *record) {
    const json_t *payload = json_object_get(record, "payload"), *text = json_object_get(record, "text");
    bool form = of->kind->form != NULL;
    csv_text(csv, lz_bytes_str(form ? word_of(payload, "no") : word_of(record, "id")));
    csv_value(csv, lz_bytes_str(word_of(record, "origin")));
    for (size_t i = 0; i < of->n_fields; i++) {
        const struct form_field *field = &of->fields[i];
        const json_t *value = json_object_get(payload, field->name);
        char number[32] = "";
        const char *shown = json_is_string(value) ? json_string_value(value) : "";
        if (json_is_integer(value)) (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        if (number[0]) shown = word_of(text, field->name)[0] && field->type != FIELD_UNIT ? word_of(text, field->name) : number;
        if (number[0] && field->type == FIELD_FLAG) shown = number[0] == '1' ? "是" : "否";
        if (field->type == FIELD_DATE && strlen(shown) > 10) csv_value(csv, lz_bytes_of(shown, 10));
        else if (field->type == FIELD_TEXT) csv_text(csv, lz_bytes_str(shown));
        else csv_value(csv, lz_bytes_str(shown));
    }
    if (form) csv_value(csv, lz_bytes_str(word_of(payload, "state")));
    if (form) csv_value(csv, lz_bytes_str(word_of(text, "valid_from")));
    csv_value(csv, lz_bytes_str(word_of(record, "written")));
    csv_end_row(csv);
}

struct sorted { struct table_kind of; struct csv_out csv; char *text; size_t size; };

static enum lz_err sort_line(struct delivery *d, struct sorted *sorted, size_t *n, struct lz_bytes line, const char *name, uint32_t at, struct lz_fail *fail) {
    json_error_t why;
    json_t *record = json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, &why);
    struct table_kind of;
    size_t i = 0;
    if (!json_is_object(record)) {
        json_decref(record);
        return lz_refuse(fail, LZ_bad_argument, "%s 第 %u 行不是 JSON 对象", name, at);
    }
    if (!table_kind_find(word_of(record, "kind"), &of) || of.kind->number == KIND_progress || kind_is_directive(of.kind->number)) d->ignored++;
    else {
        while (i < *n && sorted[i].of.kind != of.kind) i++;
        if (i == *n && *n < KINDS_AT_ONCE) {
            sorted[(*n)++] = (struct sorted){ .of = of };
            csv_begin(&sorted[i].csv, open_memstream(&sorted[i].text, &sorted[i].size));
            table_head(&sorted[i].csv, &of, false);
        }
        if (i < *n) put_line(&sorted[i].csv, &of, record);
    }
    json_decref(record);
    return LZ_ok;
}

static enum lz_err apply_lines(struct delivery *d, const char *name, struct lz_bytes file, struct lz_fail *fail) {
    struct sorted *sorted = client_alloc(d->session->arena, KINDS_AT_ONCE * sizeof *sorted);
    size_t n = 0;
    uint32_t at = 0;
    enum lz_err err = LZ_ok;
    for (size_t i = 0; i < file.len && err == LZ_ok;) {
        const uint8_t *end = memchr(file.data + i, '\n', file.len - i);
        size_t len = end ? (size_t)(end - file.data) - i : file.len - i;
        at++;
        if (len > 1) err = sort_line(d, sorted, &n, lz_bytes_of(file.data + i, len), name, at, fail);
        i += len + 1;
    }
    for (size_t i = 0; i < n; i++) {
        (void)fclose(sorted[i].csv.out);
        if (err == LZ_ok) err = apply_table(d, sorted[i].of.kind->name, name, lz_bytes_of(sorted[i].text, sorted[i].size), fail);
    }
    return err;                                      /* the texts live as long as the rejects that point into them */
}

static enum lz_err apply_file(struct delivery *d, const json_t *entry, struct lz_fail *fail) {
    const char *name = word_of(entry, "name"), *kind = word_of(entry, "kind"), *path = arena_printf(d->session->arena, "%s/%s", d->folder, name);
    struct lz_bytes file;
    struct table_kind of;
    LZ_ASSERT(path);
    enum lz_err err = file_read(d->session->arena, path, TABLE_FILE_BYTES_MAX, &file, fail);
    if (err != LZ_ok) return err;
    if (strcmp(kind, "*") == 0) return apply_lines(d, name, file, fail);
    if (table_kind_find(kind, &of) && of.kind->number != KIND_progress && !kind_is_directive(of.kind->number)) return apply_table(d, kind, name, file, fail);
    d->ignored++;
    return LZ_ok;
}

/* Files of one stretch belong together; what was applied is remembered when all of them are. */
static enum lz_err apply_all(struct delivery *d, size_t begin, struct lz_fail *fail) {
    const json_t *files = json_object_get(d->manifest, "files");
    size_t n = json_array_size(files);
    enum lz_err err = LZ_ok;
    d->skipped = begin;
    for (size_t i = begin; i < n && err == LZ_ok; i++) {
        const json_t *entry = json_array_get(files, i), *next = json_array_get(files, i + 1);
        err = apply_file(d, entry, fail);
        if (err != LZ_ok) break;
        d->applied++;
        if (next && strcmp(word_of(next, "to"), word_of(entry, "to")) == 0) continue;
        struct import_result told = { .imported = d->result->imported, .unchanged = d->result->unchanged };
        d->mark.upto = word_of(entry, "to");
        d->mark.file = word_of(entry, "name");
        (void)snprintf(d->mark.hash, sizeof d->mark.hash, "%s", word_of(entry, "sha256"));
        err = batch_put(d->session, &d->mark, &told, fail);
    }
    return err;
}

enum lz_err follow_import(struct session *session, const struct command *command, struct import_result *result, const char **said, struct lz_fail *fail) {
    const struct lz_bytes *folder = command_arg(command, "manifest"), *source = command_arg(command, "source");
    struct delivery d = { .session = session, .command = command, .folder = (const char *)folder->data, .result = result, .last = "" };
    bool there = false;
    size_t begin = 0;
    struct lz_bytes last = { 0 };
    *result = (struct import_result){ 0 };
    *said = "";
    enum lz_err err = manifest_read(session->arena, d.folder, &there, &d.manifest, fail);
    if (err == LZ_ok && !there) err = lz_refuse(fail, LZ_not_found, "%s 里没有清单 manifest.json", d.folder);
    if (err != LZ_ok) return err;
    d.source = source ? (const char *)source->data : word_of(d.manifest, "source");
    if (!d.source[0]) d.source = arena_printf(session->arena, "linzhang-%s", word_of(d.manifest, "unit"));
    LZ_ASSERT(d.source);
    if (strlen(d.source) > SOURCE_BYTES_MAX) return lz_refuse(fail, LZ_too_large, "来源名称应有 1 到 %d 字节", SOURCE_BYTES_MAX);
    d.mark = (struct import_mark){ .source = d.source, .kind = "manifest" };
    if (batch_last(session, batch_no(session->arena, d.source, "manifest"), "upto", &last)) d.last = arena_printf(session->arena, "%.*s", (int)last.len,
            (const char *)last.data);
    LZ_ASSERT(d.last);
    err = find_begin(&d, &begin, fail);
    if (err == LZ_ok) err = check_chain(&d, begin, fail);
    if (err == LZ_ok) err = apply_all(&d, begin, fail);
    *said = arena_printf(session->arena, lz_text(lz_fail_lang(fail), "文件 %zu 个，先前已导入 %zu 个，不能导入的种类 %zu 条"), d.applied, d.skipped, d.ignored);
    return err;
}
