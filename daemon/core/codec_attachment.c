/* codec_attachment: the pieces of attached files, and the wish for one.
 *
 * Guarantees: what attachment_take accepts says which file, has an index that the file has and exactly the bytes that belong there, and a
 * name that is one in any folder. That all pieces together are the file only its hash shows, when they are all here (flow/attach.c). */
#include "codec.h"
#include "record.pb-c.h"

/* ---- struct -> bytes ---- */

void codec_attachment_fill(struct arena *arena, const struct attachment *in, Lz__Attachment *out) {
    struct lz_bytes hash = lz_bytes_of(in->hash, FILE_HASH_BYTES), wish = codec_id_data(arena, in->wish);
    lz__attachment__init(out);
    CODEC_SET_BYTES(out, hash, hash);
    CODEC_SET(out, total, in->total);
    CODEC_SET(out, piece, in->piece);
    CODEC_SET(out, index, in->index);
    CODEC_SET_BYTES(out, data, in->data);
    CODEC_SET_BYTES(out, name, in->name);
    CODEC_SET_BYTES(out, type, in->type);
    CODEC_SET_BYTES(out, wish, wish);
}

void codec_wish_fill(const struct attachment_wish *in, Lz__AttachmentWish *out) {
    struct lz_bytes hash = lz_bytes_of(in->hash, in->by_hash ? FILE_HASH_BYTES : 0);
    lz__attachment_wish__init(out);
    CODEC_SET_BYTES(out, hash, hash);
}

/* ---- bytes -> struct ---- */

static bool is_file_name(struct lz_bytes name) {
    for (size_t i = 0; i < name.len; i++)
        if (name.data[i] < 0x20 || name.data[i] == 0x7f || name.data[i] == '/' || name.data[i] == '\\') return false;
    return lz_text_valid(name) && !(name.len <= 2 && name.len && name.data[0] == '.' && name.data[name.len - 1] == '.');
}

static enum lz_err take_names(const struct attachment *a, struct lz_fail *fail) {
    if (a->name.len > ATTACHMENT_NAME_MAX) return lz_refuse(fail, LZ_too_large, "文件名 %zu 字节，上限 %d；请用 --name 另起一个", a->name.len, ATTACHMENT_NAME_MAX);
    if (!is_file_name(a->name)) return lz_refuse(fail, LZ_bad_utf8, "文件名不能含斜线、控制字符或无效的 UTF-8 文字；请用 --name 另起一个");
    if (a->type.len > ATTACHMENT_TYPE_MAX) return lz_refuse(fail, LZ_too_large, "文件类型 %zu 字节，上限 %d", a->type.len, ATTACHMENT_TYPE_MAX);
    if (!lz_text_valid(a->type)) return lz_refuse(fail, LZ_bad_utf8, "文件类型不是有效的 UTF-8 文字，或含控制字符");
    if (a->index == 0 && a->total && a->name.len == 0) return lz_refuse(fail, LZ_bad_argument, "附件缺少文件名");
    if (a->index != 0 && (a->name.len || a->type.len)) return lz_refuse(fail, LZ_bad_packet, "文件名只在附件的第一片");
    return LZ_ok;
}

/* Lengths that agree with each other: nothing is worked out from one that does not. */
static enum lz_err take_lengths(const struct attachment *a, struct lz_fail *fail) {
    if (a->total > ATTACHMENT_BYTES_MAX)
        return lz_refuse(fail, LZ_too_large, "附件 %llu 字节，上限 %d MiB；请压缩或拆开", (unsigned long long)a->total, ATTACHMENT_BYTES_MAX >> 20);
    if (a->total == 0) {
        if (a->piece || a->index || a->data.len || rec_id_none(a->wish)) return lz_refuse(fail, LZ_bad_argument, "附件是空的");
        return LZ_ok;
    }
    if (a->piece == 0 || a->piece > ATTACHMENT_PIECE || attachment_pieces(a->total, a->piece) > ATTACHMENT_PIECES_MAX)
        return lz_refuse(fail, LZ_bad_packet, "附件每片 %u 字节，与总长不符", a->piece);
    if (a->index >= attachment_pieces(a->total, a->piece) || a->data.len != attachment_length(a->total, a->piece, a->index))
        return lz_refuse(fail, LZ_bad_packet, "附件第 %u 片 %zu 字节，与总长不符", a->index, a->data.len);
    return LZ_ok;
}

enum lz_err codec_attachment_take(const Lz__Attachment *in, struct attachment *out, struct lz_fail *fail) {
    if (in->base.n_unknown_fields > UNKNOWN_FIELDS_MAX) return lz_refuse(fail, LZ_bad_packet, "未知字段太多");
    if (in->hash.len != FILE_HASH_BYTES) return lz_refuse(fail, LZ_bad_packet, "附件的哈希应为 %d 字节", FILE_HASH_BYTES);
    if (!codec_id_bytes(codec_bytes(in->wish), &out->wish)) return lz_refuse(fail, LZ_bad_argument, "调取请求的编号格式不对");
    memcpy(out->hash, in->hash.data, FILE_HASH_BYTES);
    out->total = in->total;
    out->piece = in->piece;
    out->index = in->index;
    out->data = codec_bytes(in->data);
    out->name = codec_bytes(in->name);
    out->type = codec_bytes(in->type);
    enum lz_err err = take_lengths(out, fail);
    return err == LZ_ok ? take_names(out, fail) : err;
}

enum lz_err codec_wish_take(const Lz__AttachmentWish *in, struct attachment_wish *out, struct lz_fail *fail) {
    if (in->base.n_unknown_fields > UNKNOWN_FIELDS_MAX) return lz_refuse(fail, LZ_bad_packet, "未知字段太多");
    if (in->hash.len != 0 && in->hash.len != FILE_HASH_BYTES) return lz_refuse(fail, LZ_bad_packet, "附件的哈希应为 %d 字节", FILE_HASH_BYTES);
    out->by_hash = in->hash.len != 0;
    if (out->by_hash) memcpy(out->hash, in->hash.data, FILE_HASH_BYTES);
    return LZ_ok;
}

/* ---- the head ---- */

bool codec_attachment_head(const struct record *r) {
    if (r->lane != LANE_BULK) return false;
    switch ((enum direction)r->direction) {
    case DIRECTION_DOWN: return r->reach == REACH_TARGETS && (r->n_targets || r->target_all);
    case DIRECTION_UP:
        if (r->target_all) return false;
        if (r->reach == REACH_ISSUER) return r->n_targets == 1;
        return r->n_targets == 0 && (r->reach == REACH_LOCAL || r->reach == REACH_PARENT || r->reach == REACH_TOP);
    case DIRECTION_ALONG: case DIRECTION_COUNT: break;
    }
    return false;
}
