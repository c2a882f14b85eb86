/* verbs_bundle: files for neighbours without a network. linzhangctl holds the file, the daemon knows what is in it: an export is
 * read from here, an import written to here, piece by piece, each piece a turn. */
#include <stdio.h>
#include "../turn/bundle.h"
#include "ctl_room.h"

static const uint64_t EXPORT_BYTES_MAX = (uint64_t)1 << 40;

static uint64_t fresh_id(void) {
    uint64_t id = 0;
    while (id == 0) lz_random(&id, sizeof id);
    return id;
}

static enum lz_err arg_hex64(struct call *c, const char *name, uint64_t *value) {
    uint8_t bytes[8];
    const char *text = arg_text(c, name);
    if (!text || strlen(text) != 16 || !lz_hex_parse(text, bytes, sizeof bytes)) return lz_refuse(c->fail, LZ_bad_argument, "%s 应为 16 位十六进制数", name);
    *value = lz_get64(bytes);
    return LZ_ok;
}

static void cell_hex64(struct call *c, const char *name, uint64_t value) { cell_format(c, name, "%016llx", (unsigned long long)value); }

static void row_session(struct call *c, uint64_t id) {
    if (!row_begin(c, "bundle")) return;
    cell_hex64(c, "session", id);
    row_end(c);
}

/* ---- export ------------------------------------------------------------------------------------------------------------- */

enum lz_err verb_bundle_export(struct call *c) {
    uint32_t to = 0;
    int64_t max_bytes = (int64_t)EXPORT_BYTES_MAX;
    uint64_t after = 0, id = fresh_id();
    uint8_t salt[BUNDLE_SALT_BYTES];
    enum lz_err err = arg_code(c, "to", &to);
    if (err == LZ_ok) err = arg_i64(c, "max-bytes", &max_bytes);
    if (err == LZ_ok && c->ask->data.len == 8) after = lz_get64(c->ask->data.data);
    if (err == LZ_ok && (max_bytes < BUNDLE_BYTES_MIN || max_bytes > (int64_t)EXPORT_BYTES_MAX))
        err = lz_refuse(c->fail, LZ_bad_argument, "--max-bytes 应为 %d 以上的字节数，如 64000000", BUNDLE_BYTES_MIN);
    if (err != LZ_ok) return err;
    lz_random(salt, sizeof salt);
    err = turn_export_begin(c->turn, to, (uint64_t)max_bytes, after, id, salt, c->fail);
    if (err != LZ_ok) return err;
    row_session(c, id);
    say(c, "开始导出给 %s 的离线包", unit_label(c, to));
    return LZ_ok;
}

static void row_made(struct call *c, const struct bundle_made *made) {
    if (!row_begin(c, "bundle")) return;
    cell_text(c, "bundle", "done");
    cell_u64(c, "serial", made->serial);
    cell_u64(c, "continues", made->continues);
    cell_u64(c, "messages", made->packets);
    cell_u64(c, "records", made->records);
    cell_u64(c, "bytes", made->bytes);
    cell_u64(c, "more", made->more);
    row_end(c);
}

enum lz_err verb_bundle_read(struct call *c) {
    uint64_t id = 0, offset = 0;
    struct bundle_made made;
    enum lz_err err = arg_hex64(c, "session", &id);
    if (err == LZ_ok) err = arg_hex64(c, "offset", &offset);
    if (err != LZ_ok) return err;
    switch (turn_export_read(c->turn, id, offset, &c->answer.data, &made)) {
    case EXPORT_GONE: return lz_refuse(c->fail, LZ_not_found, "这次导出已经中断；请重新导出");
    case EXPORT_WAIT: case EXPORT_BYTES: break;
    case EXPORT_ENDED: row_made(c, &made); break;
    }
    return LZ_ok;
}

/* ---- import -------------------------------------------------------------------------------------------------------------- */

enum lz_err verb_bundle_import(struct call *c) {
    uint64_t id = fresh_id();
    enum lz_err err = turn_import_begin(c->turn, id, c->fail);
    if (err != LZ_ok) return err;
    row_session(c, id);
    say(c, "开始导入离线包");
    return LZ_ok;
}

static void row_taken(struct call *c, const struct bundle_taken *taken) {
    if (!row_begin(c, "bundle")) return;
    cell_text(c, "bundle", taken->done ? "done" : taken->checked ? "checked" : "reading");
    cell_unit(c, "unit", taken->header.from);
    cell_unit_name(c, "name", taken->header.from);
    cell_u64(c, "serial", taken->header.serial);
    cell_time(c, "time", taken->header.created_ms);
    cell_u64(c, "messages", taken->packets);
    cell_u64(c, "records", taken->records);
    cell_u64(c, "news", taken->news);
    cell_u64(c, "more", taken->more);
    cell_u64(c, "gap", taken->gap);
    row_end(c);
}

static void say_taken(struct call *c, const struct bundle_taken *t) {
    say(c, "已导入 %s 的第 %llu 号离线包：记录 %llu 条，其中新的 %llu 条%s%s%s", unit_label(c, t->header.from), (unsigned long long)t->header.serial,
        (unsigned long long)t->records, (unsigned long long)t->news, said(c, t->more ? "；它还有后续，请接着导入下一个" : ""),
        said(c, t->gap ? "；它前面的内容本机没有，未能接上的部分没有生效：请导出一个离线包给对方，对方的下一个就会从本机所到之处开始" : ""),
        said(c, t->waits ? "；本机要先从对方找回自己的数据，其余内容等对方的下一个离线包" : ""));
}

enum lz_err verb_bundle_write(struct call *c) {
    uint64_t id = 0, offset = 0;
    struct bundle_taken taken;
    enum lz_err err = arg_hex64(c, "session", &id);
    if (err == LZ_ok) err = arg_hex64(c, "offset", &offset);
    if (err == LZ_ok) err = turn_import_write(c->turn, id, arg_flag(c, "apply"), offset, c->ask->data, arg_flag(c, "last"), &taken, c->fail);
    bool refused = err != LZ_ok && err != LZ_too_many && err != LZ_not_found && err != LZ_bad_argument;
    if (err == LZ_ok) row_taken(c, &taken);
    if (err == LZ_ok && taken.done) say_taken(c, &taken);
    if (refused || (err == LZ_ok && taken.done)) audit_write(c, err);          /* what came in, or why it did not */
    return err;
}

/* ---- list ----------------------------------------------------------------------------------------------------------------- */

enum lz_err verb_bundle_list(struct call *c) {
    size_t n = turn_links(c->turn);
    for (size_t i = 0; i < n; i++) {
        struct link_view v;
        turn_link_view(c->turn, i, &v);
        if (!row_begin(c, "list")) continue;
        cell_unit(c, "unit", v.code);
        cell_unit_name(c, "name", v.code);
        cell_word(c, "link_zh", link_zh(v.state));
        cell_u64(c, "exported", v.file_out_serial);
        cell_time(c, "exported_time", v.file_out_wall_ms);
        cell_u64(c, "imported", v.file_in_serial);
        cell_time(c, "imported_time", v.file_in_wall_ms);
        cell_u64(c, "behind_records", v.behind_out_records);
        cell_u64(c, "behind_bytes", v.behind_out_bytes);
        row_end(c);
    }
    return LZ_ok;
}
