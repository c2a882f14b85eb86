/* keys: the one place where keys are built. Fixed width, big endian, so that the order of bytes is the order of meaning and
 * what one origin writes arrives in sequence (ten times cheaper than scattered, measured). */
#include "store.h"

struct builder { struct key key; };
static void b8(struct builder *b, uint8_t v) { b->key.b[b->key.len++] = v; }
static void b16(struct builder *b, uint16_t v) { lz_put16(b->key.b + b->key.len, v); b->key.len = (uint8_t)(b->key.len + 2); }
static void b32(struct builder *b, uint32_t v) { lz_put32(b->key.b + b->key.len, v); b->key.len = (uint8_t)(b->key.len + 4); }
static void b64(struct builder *b, uint64_t v) { lz_put64(b->key.b + b->key.len, v); b->key.len = (uint8_t)(b->key.len + 8); }
static void braw(struct builder *b, const void *data, size_t len) {
    LZ_ASSERT(b->key.len + len <= sizeof b->key.b);
    if (len) memcpy(b->key.b + b->key.len, data, len);
    b->key.len = (uint8_t)(b->key.len + len);
}
static void bid(struct builder *b, struct rec_id id) { b32(b, id.origin); b16(b, id.kind); b64(b, id.stamp); b32(b, id.epoch); }

struct key key_record(uint32_t origin, uint16_t kind, struct lz_bytes register_key, uint64_t stamp, uint32_t epoch) {
    struct builder b = { 0 };
    b32(&b, origin);
    b16(&b, kind);
    b.key.is_register = register_key.len != 0;
    if (register_key.len) braw(&b, register_key.data, register_key.len);
    else { b64(&b, stamp); b32(&b, epoch); }
    return b.key;
}
struct key key_of(const struct record *r) { return key_record(r->origin, r->kind, r->key, r->stamp, r->epoch); }
struct key key_id(struct rec_id id) { struct builder b = { 0 }; bid(&b, id); return b.key; }
struct key key_bytes(struct lz_bytes bytes) { struct builder b = { 0 }; braw(&b, bytes.data, bytes.len); return b.key; }
struct key key_feed(struct feed_id f, uint64_t position) { struct builder b = { 0 }; b32(&b, f.scope); b8(&b, f.lane); b64(&b, position); return b.key; }
struct key key_tip(struct feed_id f) { struct builder b = { 0 }; b32(&b, f.scope); b8(&b, f.lane); return b.key; }
struct key key_cursor(uint32_t peer, uint8_t side, struct feed_id f) {
    struct builder b = { 0 };
    b32(&b, peer); b8(&b, side); b32(&b, f.scope); b8(&b, f.lane);
    return b.key;
}
struct key key_standing(struct rec_id subject, uint32_t unit) { struct builder b = { 0 }; bid(&b, subject); b32(&b, unit); return b.key; }
struct key key_rollup(uint16_t kind, struct rec_id subject, uint32_t unit) {
    struct builder b = { 0 };
    b16(&b, kind); bid(&b, subject); b32(&b, unit);
    return b.key;
}
struct key key_due(uint64_t time, uint8_t what, struct rec_id subject, uint32_t unit) {
    struct builder b = { 0 };
    b64(&b, time); b8(&b, what); bid(&b, subject); b32(&b, unit);
    return b.key;
}
struct key key_move(struct rec_id subject, uint32_t unit, uint32_t origin, uint64_t stamp, uint32_t epoch) {
    struct builder b = { 0 };
    bid(&b, subject); b32(&b, unit); b32(&b, origin); b64(&b, stamp); b32(&b, epoch);
    return b.key;
}
struct key key_u32(uint32_t value) { struct builder b = { 0 }; b32(&b, value); return b.key; }
struct key key_u64(uint64_t value) { struct builder b = { 0 }; b64(&b, value); return b.key; }
struct key key_left(uint32_t peer, struct epoch epoch) { struct builder b = { 0 }; b32(&b, peer); braw(&b, epoch.b, sizeof epoch.b); return b.key; }
struct key key_bundle(uint32_t peer, uint8_t what, struct epoch epoch) {
    struct builder b = { 0 };
    b32(&b, peer); b8(&b, what); braw(&b, epoch.b, sizeof epoch.b);
    return b.key;
}
struct key key_ask(struct lz_bytes request, uint16_t index) {
    struct builder b = { 0 };
    LZ_ASSERT(request.len == 16);
    braw(&b, request.data, request.len); b16(&b, index);
    return b.key;
}
struct key key_number(uint32_t issuer, uint32_t year, uint16_t kind, uint32_t serial) {
    struct builder b = { 0 };
    b32(&b, issuer); b16(&b, (uint16_t)year); b16(&b, kind); b32(&b, serial);
    return b.key;
}
struct key key_version(uint32_t kind, uint32_t unit, struct lz_bytes no, uint32_t valid_from, uint64_t stamp, uint32_t epoch) {
    struct builder b = { 0 };
    static const uint8_t padding[FORM_NO_BYTES_MAX];
    LZ_ASSERT(no.len <= FORM_NO_BYTES_MAX);
    b16(&b, (uint16_t)kind); b32(&b, unit); braw(&b, no.data, no.len); braw(&b, padding, FORM_NO_BYTES_MAX - no.len);
    b32(&b, valid_from); b64(&b, stamp); b32(&b, epoch);
    return b.key;
}
struct rec_id key_version_id(const struct key *key) {
    LZ_ASSERT(key->len == VERSION_BYTES);
    const uint8_t *p = key->b + VERSION_ENTRY_BYTES + 4;
    return (struct rec_id){ lz_get32(key->b + 2), lz_get16(key->b), lz_get64(p), lz_get32(p + 8) };
}
struct key key_refer(uint32_t kind, uint32_t unit, struct lz_bytes to, uint32_t when, uint64_t stamp, uint32_t epoch) {
    struct builder b = { 0 };
    b16(&b, (uint16_t)kind); b32(&b, unit); b64(&b, lz_hash64(1, to.data, to.len)); b32(&b, when); b64(&b, stamp); b32(&b, epoch);
    return b.key;
}
struct rec_id key_refer_id(const struct key *key) {
    LZ_ASSERT(key->len == REFER_BYTES);
    const uint8_t *p = key->b + REFER_WHEN_AT + 4;
    return (struct rec_id){ lz_get32(key->b + 2), lz_get16(key->b), lz_get64(p), lz_get32(p + 8) };
}
struct key key_piece(const uint8_t hash[FILE_HASH_BYTES], uint32_t origin, uint32_t piece, uint32_t index, uint64_t stamp, uint32_t epoch) {
    struct builder b = { 0 };
    braw(&b, hash, FILE_HASH_BYTES); b32(&b, origin); b32(&b, piece); b32(&b, index); b64(&b, stamp); b32(&b, epoch);
    return b.key;
}
struct rec_id key_piece_id(const struct key *key) {
    LZ_ASSERT(key->len == PIECE_BYTES);
    const uint8_t *p = key->b + PIECE_INDEX_BYTES;
    return (struct rec_id){ lz_get32(key->b + FILE_HASH_BYTES), KIND_attachment, lz_get64(p), lz_get32(p + 8) };
}
struct key key_attached(struct rec_id subject, uint8_t what, uint32_t origin, const uint8_t hash[FILE_HASH_BYTES]) {
    struct builder b = { 0 };
    bid(&b, subject); b8(&b, what); b32(&b, origin); braw(&b, hash, FILE_HASH_BYTES);
    return b.key;
}
struct key key_state(uint8_t state, struct lz_bytes rest) { struct builder b = { 0 }; b8(&b, state); braw(&b, rest.data, rest.len); return b.key; }
struct key key_refused(uint32_t peer, struct key record) { struct builder b = { 0 }; b32(&b, peer); braw(&b, record.b, record.len); return b.key; }

struct key key_after(struct key key) {
    LZ_ASSERT(key.len < sizeof key.b);
    key.b[key.len++] = 0;
    return key;
}
