/* Private to the codec files: what their three halves share. */
#ifndef LZ_CODEC_H
#define LZ_CODEC_H
#include <protobuf-c/protobuf-c.h>
#include "core.h"

ProtobufCAllocator codec_allocator(struct arena *arena);
static inline struct lz_bytes codec_bytes(ProtobufCBinaryData b) { return lz_bytes_of(b.data, b.len); }
static inline ProtobufCBinaryData codec_data(struct lz_bytes b) {
    return (ProtobufCBinaryData){ b.len, (uint8_t *)(uintptr_t)b.data };
}
/* Sets an optional bytes field when there is something to say. */
#define CODEC_SET_BYTES(message, field, bytes_) \
    ((bytes_).len ? (void)((message)->has_##field = 1, (message)->field = codec_data(bytes_)) : (void)0)
#define CODEC_SET(message, field, value_) \
    ((value_) ? (void)((message)->has_##field = 1, (message)->field = (value_)) : (void)0)
/* Packs a message behind the fixed header, into the arena. */
enum lz_err codec_packet(struct arena *arena, enum packet_type type, const ProtobufCMessage *message, struct lz_bytes *packet);
bool codec_id_bytes(struct lz_bytes in, struct rec_id *id);       /* empty: none; another length than 18: false */
struct lz_bytes codec_id_data(struct arena *arena, struct rec_id id);
/* A form's own message, in bytes. take: the gate of a form; what it gives points into bytes and arena. */
bool codec_form_fill(struct arena *arena, uint32_t kind, const struct form *form, struct lz_bytes *bytes);
enum lz_err codec_form_take(struct arena *arena, uint32_t kind, struct lz_bytes bytes, struct form *form, struct lz_fail *fail);
/* A piece of a file, and a wish for one (codec_attachment.c). */
struct Lz__Attachment;
struct Lz__AttachmentWish;
void codec_attachment_fill(struct arena *arena, const struct attachment *in, struct Lz__Attachment *out);
void codec_wish_fill(const struct attachment_wish *in, struct Lz__AttachmentWish *out);
enum lz_err codec_attachment_take(const struct Lz__Attachment *in, struct attachment *out, struct lz_fail *fail);
enum lz_err codec_wish_take(const struct Lz__AttachmentWish *in, struct attachment_wish *out, struct lz_fail *fail);
bool codec_attachment_head(const struct record *r);              /* a way that an attachment may go, in the bulk lane */
bool codec_epoch(ProtobufCBinaryData in, struct epoch *epoch);    /* exactly 16 bytes */
#endif
