/* verbs_attach: files on a record. linzhangctl holds the file and sends it here in pieces, each an answer after its commit; one that was
 * broken off goes on with what is not here yet. Of a file that is held it reads the pieces, and proves the whole by its hash. */
#include <stdio.h>
#include "ctl_room.h"

enum { SHORT_HASH = 16, HASH_TYPED_LEAST = 8, HEX_BYTES = 2 * FILE_HASH_BYTES + 1, BEGIN_BYTES = FILE_HASH_BYTES + 8 };

/* ---- which record ---- */

/* office/01, office 01: the newest version of an entry. */
static enum lz_err entry_of(struct call *c, const char *text, struct rec_id *id, bool *is) {
    char name[40];
    size_t n = strcspn(text, "/ ");
    struct record r;
    uint32_t unit = c->unit;
    *is = n < sizeof name && text[n] != 0;
    if (!*is) return LZ_ok;
    memcpy(name, text, n);
    name[n] = 0;
    const struct kind_row *kind = kind_by_name(name);
    *is = kind && kind->form;
    if (!*is) return LZ_ok;
    enum lz_err err = arg_code(c, "unit", &unit);
    if (err != LZ_ok) return err;
    if (!flow_entry(c->flow, kind->number, unit, lz_bytes_str(text + n + 1), 0, &r))
        return lz_refuse(c->fail, LZ_not_found, "%s没有编号为 %.60s 的%s；linzhangctl list %s 可查", unit_label(c, unit), text + n + 1, said(c, kind->zh), kind->name);
    *id = record_id(&r);
    return LZ_ok;
}

static enum lz_err arg_record(struct call *c, const char *name, struct rec_id *id) {
    const char *text = arg_text(c, name);
    bool is = false;
    if (!text) return LZ_ok;
    enum lz_err err = entry_of(c, text, id, &is);
    return err != LZ_ok || is ? err : arg_id(c, name, id);
}

/* ---- a file by its hash ---- */

static bool is_hex(const char *text) { return text[strspn(text, "0123456789abcdefABCDEF")] == 0; }

static enum lz_err bad_hash(struct call *c) {
    return lz_refuse(c->fail, LZ_bad_argument, "附件的哈希是 64 位十六进制数，可只写前 %d 位以上；linzhangctl attachments 可查", HASH_TYPED_LEAST);
}

static enum lz_err arg_whole_hash(struct call *c, const char *name, uint8_t hash[FILE_HASH_BYTES]) {
    const char *text = arg_text(c, name);
    return text && strlen(text) == HEX_BYTES - 1 && lz_hex_parse(text, hash, FILE_HASH_BYTES) ? LZ_ok : bad_hash(c);
}

/* The first digits are enough where they name one. */
static enum lz_err find_file(struct call *c, struct flow_file *file) {
    const char *text = arg_text(c, "hash");
    char low[HEX_BYTES], high[HEX_BYTES];
    uint8_t from[FILE_HASH_BYTES], to[FILE_HASH_BYTES], hash[FILE_HASH_BYTES];
    size_t n = text ? strlen(text) : 0;
    if (n < HASH_TYPED_LEAST || n >= HEX_BYTES || !is_hex(text)) return bad_hash(c);
    memset(low, '0', sizeof low);
    memset(high, 'f', sizeof high);
    for (size_t i = 0; i < n; i++) low[i] = high[i] = text[i];
    low[HEX_BYTES - 1] = high[HEX_BYTES - 1] = 0;
    if (!lz_hex_parse(low, from, sizeof from) || !lz_hex_parse(high, to, sizeof to)) return bad_hash(c);
    enum lz_err err = flow_find_file(c->flow, from, to, hash);
    if (err == LZ_ambiguous) return lz_refuse(c->fail, err, "以 %s 开头的附件不止一个；请多写几位", text);
    if (err == LZ_ok && flow_file(c->flow, hash, file)) return LZ_ok;
    return lz_refuse(c->fail, LZ_not_found, "本机没有哈希为 %s 的附件；在下级那里的可用 linzhangctl attachment fetch 哈希 --from 代码 调取", text);
}

/* ---- rows ---- */

static const char *whole_zh(const struct flow_file *f) {
    if (f->state == FILE_NOTHING) return "对方没有";
    if (f->state == FILE_WHOLE) return "完整";
    if (f->state == FILE_WRONG) return "内容与哈希不符";
    return f->held < f->pieces ? "接收中" : "核对中";
}

static void row_file(struct call *c, const char *section, const struct flow_file *f) {
    static const char *const states[] = { "coming", "whole", "wrong", "again", "nothing" };
    char hex[HEX_BYTES];
    lz_hex(f->hash, FILE_HASH_BYTES, hex);
    if (!row_begin(c, section)) return;
    cell_text(c, "file", f->name);
    cell_u64(c, "bytes", f->total);
    cell_format(c, "hash", "%.*s", SHORT_HASH, hex);
    cell_format(c, "held", "%u/%u", f->held, f->pieces);
    cell_word(c, "whole", whole_zh(f));
    cell_unit(c, "origin", f->origin);
    cell_unit_name(c, "origin_name", f->origin);
    cell_time(c, "time", f->written_ms);
    cell_text(c, "_sha256", hex);
    cell_text(c, "_state", states[f->state]);
    cell_text(c, "_type", f->type);
    cell_id(c, "_subject", f->subject);
    cell_format(c, "_from", "%06u", f->from);
    cell_format(c, "_piece", "%u", f->piece);
    cell_format(c, "_pieces", "%u", f->pieces);
    row_end(c);
}

void rows_attachments(struct call *c, struct rec_id subject) {
    struct key at = { 0 };
    struct flow_file file = { .pieces = 0 };
    while (!c->cut && flow_next_attached(c->flow, subject, &at, &file)) row_file(c, "attachments", &file);
}

/* An entry's files are those of all its versions. */
void rows_entry_files(struct call *c, const struct record *r) {
    struct key at = { 0 };
    struct record version;
    struct lz_bytes no = r->of.form.no;
    while (!c->cut && flow_next_version(c->flow, r->kind, r->origin, no, &at, &version)) {
        size_t mark = arena_used(c->arena), rows = c->n_rows;
        rows_attachments(c, record_id(&version));
        if (rows == c->n_rows) arena_rewind(c->arena, mark);
    }
}

enum lz_err verb_attachments(struct call *c) {
    struct rec_id id = { 0 };
    struct record r;
    enum lz_err err = arg_record(c, "id", &id);
    if (err != LZ_ok) return err;
    bool held = !rec_id_none(id) && flow_record(c->flow, id, &r);
    if (held && r.kind == KIND_move) rows_attachments(c, r.subject);
    else if (held && kind_form(r.kind)) rows_entry_files(c, &r);
    else rows_attachments(c, id);
    if (c->seen == 0) say(c, rec_id_none(id) ? "本机没有附件" : "这一件没有附件；别处有的可用 linzhangctl attachment fetch 编号 --from 代码 调取");
    return LZ_ok;
}

/* ---- sending ---- */

static enum lz_err take_draft(struct call *c, struct record *d) {
    struct attachment *a = &d->of.attachment;
    *d = (struct record){ .kind = KIND_attachment };
    enum lz_err err = turn_may_submit(c->turn, LANE_BULK, c->fail);
    if (err == LZ_ok) err = arg_record(c, "to", &d->subject);
    a->name = arg_bytes(c, "name");
    a->type = arg_bytes(c, "type");
    a->piece = ATTACHMENT_PIECE;
    return err;
}

static enum lz_err check_total(struct call *c, uint64_t total) {
    if (total == 0) return lz_refuse(c->fail, LZ_bad_argument, "文件是空的，没有附上");
    if (total <= ATTACHMENT_BYTES_MAX) return LZ_ok;
    return lz_refuse(c->fail, LZ_too_large, "文件 %llu 字节，附件上限 %d MiB；请压缩或拆成几个", (unsigned long long)total, ATTACHMENT_BYTES_MAX >> 20);
}

/* Everything that can be wrong is said before the first piece. Answers which pieces are on their way already, a bit each. */
static enum lz_err begin(struct call *c, struct record *d) {
    struct attachment *a = &d->of.attachment;
    uint32_t pieces = attachment_pieces(a->total, a->piece), held = 0;
    uint8_t *there = arena_alloc(c->arena, pieces / 8 + 1);
    if (!there) { store_give_up(c->store); return LZ_full; }
    for (a->index = 0; a->index < pieces; a->index++) {
        size_t mark = arena_used(c->arena);
        if (flow_piece_sent(c->flow, d)) { there[a->index / 8] |= (uint8_t)(1u << a->index % 8); held++; }
        arena_rewind(c->arena, mark);
    }
    bool known = store_has(c->store, TABLE_attached, key_attached(d->subject, ATTACHED_FILE, c->unit, a->hash));
    if (!known && flow_attached(c->flow, d->subject) >= ATTACHMENTS_MAX)
        return lz_refuse(c->fail, LZ_too_many, "这一件已有 %d 个附件，到了上限；请把几个文件合成一个压缩包", ATTACHMENTS_MAX);
    c->answer.data = lz_bytes_of(there, pieces / 8 + 1);
    if (!row_begin(c, "attach")) return LZ_ok;
    cell_format(c, "_piece", "%u", a->piece);
    cell_format(c, "_pieces", "%u", pieces);
    cell_format(c, "held", "%u/%u", held, pieces);
    cell_id(c, "id", d->subject);
    row_end(c);
    say(c, "%.*s：%llu 字节，已有 %u/%u 片", (int)a->name.len, (const char *)a->name.data, (unsigned long long)a->total, held, pieces);
    return LZ_ok;
}

/* data: the hash and the length; the file itself comes by `attach piece`. */
enum lz_err verb_attach(struct call *c) {
    struct record d, checked;
    struct lz_bytes bytes;
    if (c->ask->data.len != BEGIN_BYTES) return lz_refuse(c->fail, LZ_usage, "附件由 linzhangctl attach 发送");
    enum lz_err err = take_draft(c, &d);
    if (err != LZ_ok) return err;
    struct attachment *a = &d.of.attachment;
    memcpy(a->hash, c->ask->data.data, FILE_HASH_BYTES);
    a->total = lz_get64(c->ask->data.data + FILE_HASH_BYTES);
    err = check_total(c, a->total);
    /* its names go through the gate, with a first piece made up for it */
    uint8_t *made_up = err == LZ_ok ? arena_alloc(c->arena, attachment_length(a->total, a->piece, 0)) : NULL;
    if (err == LZ_ok && !made_up) err = LZ_full;
    a->data = lz_bytes_of(made_up, made_up ? attachment_length(a->total, a->piece, 0) : 0);
    if (err == LZ_ok) err = draft_encode(c->arena, &d, &bytes, c->fail);
    if (err == LZ_ok) err = draft_decode(c->arena, bytes, &checked, c->fail);
    if (err == LZ_ok) err = flow_attach_way(c->flow, &d, c->fail);
    return err == LZ_ok ? begin(c, &d) : err;
}

/* One piece or some in a row, from index on; those that are here already are passed over. */
enum lz_err verb_attach_piece(struct call *c) {
    struct record d;
    struct rec_id id;
    uint32_t index = 0;
    int64_t total = 0;
    struct lz_bytes data = c->ask->data;
    enum lz_err err = take_draft(c, &d);
    if (err == LZ_ok) err = arg_whole_hash(c, "hash", d.of.attachment.hash);
    if (err == LZ_ok) err = arg_i64(c, "bytes", &total);
    if (err == LZ_ok) err = arg_u32(c, "index", ATTACHMENT_PIECES_MAX, &index);
    if (err == LZ_ok) err = check_total(c, (uint64_t)total);
    struct rec_id subject = d.subject;
    for (; err == LZ_ok && data.len > 0; index++) {
        struct attachment *a = &d.of.attachment;
        size_t n = (uint64_t)index * a->piece < (uint64_t)total ? attachment_length((uint64_t)total, a->piece, index) : 0;
        if (n == 0 || n > data.len) return lz_refuse(c->fail, LZ_bad_argument, "附件的片与它的长度不符");
        a->total = (uint64_t)total;
        a->index = index;
        a->data = lz_bytes_of(data.data, n);
        a->name = index == 0 ? arg_bytes(c, "name") : (struct lz_bytes){ 0 };
        a->type = index == 0 ? arg_bytes(c, "type") : (struct lz_bytes){ 0 };
        d.subject = subject;
        err = submit(c, &d, 0, &id);
        if (err == LZ_already) err = LZ_ok;
        data = lz_bytes_of(data.data + n, data.len - n);
    }
    if (err == LZ_ok) c->fail->text[0] = 0;
    return err;
}

/* ---- taking out ---- */

enum lz_err verb_attachment_get(struct call *c) {
    struct flow_file file = { .pieces = 0 };
    enum lz_err err = find_file(c, &file);
    if (err != LZ_ok) return err;
    row_file(c, "attachments", &file);
    if (file.state == FILE_WRONG) return lz_refuse(c->fail, LZ_differs, "这个附件的内容与它的哈希不符，没有取出；请让 %s 重新附上", unit_label(c, file.from));
    if (file.held < file.pieces)
        return lz_refuse(c->fail, LZ_not_found, "这个附件还缺 %u 片（共 %u 片），没有取出；正在来的请稍候，也可用 attachment fetch 调取", file.pieces - file.held, file.pieces);
    return LZ_ok;
}

enum lz_err verb_attachment_read(struct call *c) {
    uint8_t hash[FILE_HASH_BYTES];
    uint32_t origin = 0, piece = 0, index = 0;
    struct record r;
    enum lz_err err = arg_whole_hash(c, "hash", hash);
    if (err == LZ_ok) err = arg_u32(c, "origin", 999999, &origin);
    if (err == LZ_ok) err = arg_u32(c, "piece", ATTACHMENT_PIECE, &piece);
    if (err == LZ_ok) err = arg_u32(c, "index", ATTACHMENT_PIECES_MAX, &index);
    if (err != LZ_ok) return err;
    if (!flow_piece(c->flow, hash, origin, piece, index, &r)) return lz_refuse(c->fail, LZ_not_found, "附件的第 %u 片不在本机", index + 1);
    c->answer.data = r.of.attachment.data;
    return LZ_ok;
}

/* ---- asking for one ---- */

enum lz_err verb_attachment_fetch(struct call *c) {
    uint32_t unit = 0;
    struct record d = { .kind = KIND_attachment_wish, .targets = &unit, .n_targets = 1 };
    struct attachment_wish *w = &d.of.attachment_wish;
    struct rec_id id;
    struct flow_file file = { .pieces = 0 };
    const char *what = arg_text(c, "what");
    char text[REC_ID_TEXT];
    bool by_hash = what && strlen(what) == HEX_BYTES - 1 && is_hex(what);
    enum lz_err err = arg_code(c, "from", &unit);
    if (err == LZ_ok && by_hash) err = arg_whole_hash(c, "what", w->hash);
    else if (err == LZ_ok) err = arg_record(c, "what", &d.subject);
    w->by_hash = by_hash;
    if (err == LZ_ok && by_hash && flow_file(c->flow, w->hash, &file) && file.state == FILE_WHOLE)
        err = lz_refuse(c->fail, LZ_already, "本机已有这个附件，不必调取；请用 linzhangctl attachment get 取出");
    if (err == LZ_ok) err = turn_may_submit(c->turn, LANE_ROUTINE, c->fail);
    if (err == LZ_ok) err = submit(c, &d, 0, &id);
    if (err != LZ_ok) return err;
    answer_add_id(c, id);
    rec_id_print(id, text);
    say(c, "已向 %s 调取；到了没有，看 linzhangctl attachment wishes：%s", unit_label(c, unit), text);
    return LZ_ok;
}

static void row_wish(struct call *c, const struct record *r) {
    char hex[HEX_BYTES];
    struct key at = { 0 };
    struct flow_file file = { .pieces = 0 };
    size_t files = 0, whole = 0, nothing = 0;
    while (flow_next_attached(c->flow, record_id(r), &at, &file)) {
        files += file.state != FILE_NOTHING;
        whole += file.state == FILE_WHOLE;
        nothing += file.state == FILE_NOTHING;
    }
    lz_hex(r->of.attachment_wish.hash, FILE_HASH_BYTES, hex);
    if (!row_begin(c, "list")) return;
    cell_time(c, "time", r->written_ms);
    cell_unit(c, "unit", r->n_targets ? r->targets[0] : 0);
    cell_unit_name(c, "name", r->n_targets ? r->targets[0] : 0);
    cell_format(c, "hash", "%.*s", r->of.attachment_wish.by_hash ? SHORT_HASH : 0, hex);
    cell_id(c, "subject", r->subject);
    cell_format(c, "held", "%zu/%zu", whole, files);
    cell_word(c, "whole", nothing ? "对方没有" : files == 0 ? "尚未答复" : whole < files ? "接收中" : "已收到");
    cell_id(c, "id", record_id(r));
    row_end(c);
}

enum lz_err verb_attachment_wishes(struct call *c) {
    struct listing l;
    struct record r;
    enum lz_err err = listing_open(c, KIND_attachment_wish, c->unit, &l);
    if (err != LZ_ok) return err;
    while (listing_next(c, &l, &r)) {
        row_wish(c, &r);
        listing_given(c, &l);
    }
    listing_close(c, &l);
    if (l.given == 0 && !c->cut) say(c, "没有调取过附件");
    return LZ_ok;
}
