/* bundle: the format of the file between neighbours without a network, written and read. */
#include <sodium.h>
#include "bundle.h"

static const char magic[8] = { 'L', 'Z', 'B', 'U', 'N', 'D', 'L', 'E' };
static const char purpose[] = "linzhang bundle 1";
enum { AT_FORMAT = 8, AT_FROM = 12, AT_TO = 16, AT_EPOCH = 20, AT_SERIAL = 36, AT_CONTINUES = 44, AT_CREATED = 52, AT_SALT = 60, AT_CRC = 92 };
static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == (int)BUNDLE_SEAL_BYTES, "the seal of a chunk");
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == (int)BUNDLE_KEY_BYTES, "the key of a file");
static_assert(AT_CRC + 4 == (int)BUNDLE_HEADER_BYTES, "the header is full");

void bundle_header_put(const struct bundle_header *h, uint8_t out[BUNDLE_HEADER_BYTES]) {
    memset(out, 0, BUNDLE_HEADER_BYTES);
    memcpy(out, magic, sizeof magic);
    lz_put16(out + AT_FORMAT, h->format);
    lz_put32(out + AT_FROM, h->from);
    lz_put32(out + AT_TO, h->to);
    memcpy(out + AT_EPOCH, h->epoch.b, sizeof h->epoch.b);
    lz_put64(out + AT_SERIAL, h->serial);
    lz_put64(out + AT_CONTINUES, h->continues);
    lz_put64(out + AT_CREATED, h->created_ms);
    memcpy(out + AT_SALT, h->salt, sizeof h->salt);
    lz_put32(out + AT_CRC, lz_crc32c(0, out, AT_CRC));
}

/* The checksum tells an accident from a bundle for somebody else; against a hand, the key does. */
enum lz_err bundle_header_get(struct lz_bytes bytes, struct bundle_header *h, struct lz_fail *fail) {
    if (bytes.len < BUNDLE_HEADER_BYTES || memcmp(bytes.data, magic, sizeof magic) != 0)
        return lz_refuse(fail, LZ_bundle_altered, "不是离线包文件，或文件开头损坏");
    *h = (struct bundle_header){ .format = lz_get16(bytes.data + AT_FORMAT), .from = lz_get32(bytes.data + AT_FROM), .to = lz_get32(bytes.data + AT_TO),
                                 .serial = lz_get64(bytes.data + AT_SERIAL), .continues = lz_get64(bytes.data + AT_CONTINUES),
                                 .created_ms = lz_get64(bytes.data + AT_CREATED) };
    memcpy(h->epoch.b, bytes.data + AT_EPOCH, sizeof h->epoch.b);
    memcpy(h->salt, bytes.data + AT_SALT, sizeof h->salt);
    if (lz_get32(bytes.data + AT_CRC) != lz_crc32c(0, bytes.data, AT_CRC))
        return lz_refuse(fail, LZ_bundle_altered, "离线包的文件头被改动或损坏（前 %d 字节）", BUNDLE_HEADER_BYTES);
    if (h->format != BUNDLE_FORMAT) return lz_refuse(fail, LZ_bad_version, "离线包的格式是第 %u 版，本程序只认第 %d 版；请升级旧的一方", h->format, BUNDLE_FORMAT);
    if (epoch_none(h->epoch) || h->serial == 0 || h->continues >= h->serial) return lz_refuse(fail, LZ_bundle_altered, "离线包的文件头前后矛盾");
    return LZ_ok;
}

bool bundle_key_make(const uint8_t public_key[BUNDLE_KEY_BYTES], const uint8_t secret_key[BUNDLE_KEY_BYTES],
                     const uint8_t header[BUNDLE_HEADER_BYTES], struct bundle_key *key) {
    uint8_t shared[crypto_box_BEFORENMBYTES], text[sizeof purpose - 1 + BUNDLE_HEADER_BYTES];
    memcpy(text, purpose, sizeof purpose - 1);
    memcpy(text + sizeof purpose - 1, header, BUNDLE_HEADER_BYTES);
    bool good = crypto_box_beforenm(shared, public_key, secret_key) == 0;
    if (good) crypto_generichash(key->b, sizeof key->b, text, sizeof text, shared, sizeof shared);
    sodium_memzero(shared, sizeof shared);
    return good;
}

/* Of a frame's length: it is the last. Changed, it makes another nonce, and the seal fails. */
#define LAST_BIT 0x80000000u

/* The number of the chunk and whether it is the last: a nonce is never used twice, for the key is this file's alone. */
static void nonce_of(uint64_t index, bool last, uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES]) {
    memset(nonce, 0, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);
    lz_put64(nonce, index);
    nonce[8] = last;
}

size_t bundle_seal(const struct bundle_key *key, uint64_t index, enum bundle_kind kind, struct lz_bytes body, uint8_t *out) {
    uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES], *text = out + 4;
    unsigned long long sealed = 0;
    LZ_ASSERT(body.len <= BUNDLE_CHUNK_MAX);
    nonce_of(index, kind == BUNDLE_TRAILER, nonce);
    text[0] = (uint8_t)kind;
    if (body.len) memcpy(text + 1, body.data, body.len);
    crypto_aead_xchacha20poly1305_ietf_encrypt(text, &sealed, text, 1 + body.len, NULL, 0, NULL, nonce, key->b);
    lz_put32(out, (uint32_t)sealed | (kind == BUNDLE_TRAILER ? LAST_BIT : 0));
    return 4 + (size_t)sealed;
}

/* ---- intro and trailer ------------------------------------------------------------------------------------------------- */

enum { INTRO_FIXED = 3 * 16 + 1 };

struct lz_bytes bundle_intro_put(const struct bundle_intro *intro, uint8_t out[160]) {
    LZ_ASSERT(intro->after.len <= sizeof intro->after.b);
    memcpy(out, intro->ask.b, 16);
    memcpy(out + 16, intro->answers.b, 16);
    memcpy(out + 32, intro->closed.b, 16);
    out[48] = intro->after.len;
    memcpy(out + INTRO_FIXED, intro->after.b, intro->after.len);
    return lz_bytes_of(out, INTRO_FIXED + (size_t)intro->after.len);
}

bool bundle_intro_get(struct lz_bytes body, struct bundle_intro *intro) {
    if (body.len < INTRO_FIXED) return false;
    *intro = (struct bundle_intro){ .after.len = body.data[48] };
    if (intro->after.len > sizeof intro->after.b || body.len != INTRO_FIXED + (size_t)intro->after.len) return false;
    memcpy(intro->ask.b, body.data, 16);
    memcpy(intro->answers.b, body.data + 16, 16);
    memcpy(intro->closed.b, body.data + 32, 16);
    memcpy(intro->after.b, body.data + INTRO_FIXED, intro->after.len);
    return true;
}

void bundle_trailer_put(const struct bundle_trailer *trailer, uint8_t out[BUNDLE_TRAILER_BYTES]) {
    lz_put64(out, trailer->packets);
    lz_put64(out + 8, trailer->records);
    lz_put64(out + 16, trailer->bytes);
    out[24] = trailer->more;
}

bool bundle_trailer_get(struct lz_bytes body, struct bundle_trailer *trailer) {
    if (body.len != BUNDLE_TRAILER_BYTES || body.data[24] > 1) return false;
    *trailer = (struct bundle_trailer){ lz_get64(body.data), lz_get64(body.data + 8), lz_get64(body.data + 16), body.data[24] };
    return true;
}

/* ---- reading ------------------------------------------------------------------------------------------------------------- */

void bundle_reader_open(struct bundle_reader *r, uint8_t *frame) { *r = (struct bundle_reader){ .frame = frame, .stage = BUNDLE_AT_HEADER }; }

bool bundle_reader_key(struct bundle_reader *r, const uint8_t public_key[BUNDLE_KEY_BYTES], const uint8_t secret_key[BUNDLE_KEY_BYTES]) {
    LZ_ASSERT(r->stage == BUNDLE_AT_KEY);
    if (!bundle_key_make(public_key, secret_key, r->head, &r->key)) return false;
    r->stage = BUNDLE_AT_FRAME;
    return true;
}

static enum bundle_got bad(struct bundle_reader *r, struct lz_fail *fail) {
    r->stage = BUNDLE_AT_FAULT;
    if (fail) *fail = r->fault;
    return BUNDLE_GOT_BAD;
}

/* Moves input into the frame until it holds `want` bytes. */
static bool gather(struct bundle_reader *r, struct lz_bytes *input, size_t want) {
    size_t n = want - r->have;
    if (n > input->len) n = input->len;
    if (n) memcpy(r->frame + r->have, input->data, n);
    r->have += n;
    *input = lz_bytes_of(input->data + n, input->len - n);
    return r->have == want;
}

static enum bundle_got take_header(struct bundle_reader *r, struct lz_bytes *input, struct lz_fail *fail) {
    if (!gather(r, input, BUNDLE_HEADER_BYTES)) return BUNDLE_GOT_NOTHING;
    memcpy(r->head, r->frame, BUNDLE_HEADER_BYTES);
    if (bundle_header_get(lz_bytes_of(r->head, BUNDLE_HEADER_BYTES), &r->header, &r->fault) != LZ_ok) return bad(r, fail);
    r->at = BUNDLE_HEADER_BYTES;
    r->have = 0;
    r->stage = BUNDLE_AT_KEY;
    return BUNDLE_GOT_HEADER;
}

static enum lz_err check_trailer(struct bundle_reader *r, struct lz_bytes body) {
    if (!bundle_trailer_get(body, &r->trailer) || r->trailer.packets != r->packets || r->trailer.bytes != r->at)
        return lz_refuse(&r->fault, LZ_bundle_altered, "离线包的结尾与内容不符（从第 %llu 字节起）", (unsigned long long)r->at);
    return LZ_ok;
}

/* A whole frame is in hand. */
static enum bundle_got open_frame(struct bundle_reader *r, struct bundle_chunk *chunk, struct lz_fail *fail) {
    uint8_t nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES], *text = r->frame + 4;
    unsigned long long len = 0;
    bool last = lz_get32(r->frame) & LAST_BIT;
    nonce_of(r->index, last, nonce);
    bool good = crypto_aead_xchacha20poly1305_ietf_decrypt(text, &len, NULL, text, r->have - 4, NULL, 0, nonce, r->key.b) == 0;
    if (!good) {
        lz_refuse(&r->fault, LZ_bundle_altered, r->index == 0 ? "离线包第 %llu 段（从第 %llu 字节起）不能解开：文件被改动，或双方登记的密钥不是一对"
                                                              : "离线包第 %llu 段（从第 %llu 字节起）被改动或损坏",
                  (unsigned long long)r->index + 1, (unsigned long long)r->at);
        return bad(r, fail);
    }
    *chunk = (struct bundle_chunk){ (enum bundle_kind)text[0], lz_bytes_of(text + 1, (size_t)len - 1) };
    bool right = last ? chunk->kind == BUNDLE_TRAILER : r->index == 0 ? chunk->kind == BUNDLE_INTRO : chunk->kind == BUNDLE_PACKET;
    if (!right) {
        lz_refuse(&r->fault, LZ_bundle_altered, "离线包第 %llu 段（从第 %llu 字节起）的次序不对", (unsigned long long)r->index + 1, (unsigned long long)r->at);
        return bad(r, fail);
    }
    if (last && check_trailer(r, chunk->body) != LZ_ok) return bad(r, fail);
    r->packets += chunk->kind == BUNDLE_PACKET;
    r->at += r->have;
    r->have = 0;
    r->index++;
    if (last) r->stage = BUNDLE_AT_END;
    return last ? BUNDLE_GOT_END : BUNDLE_GOT_CHUNK;
}

static enum bundle_got take_frame(struct bundle_reader *r, struct lz_bytes *input, struct bundle_chunk *chunk, struct lz_fail *fail) {
    if (r->have < 4 && !gather(r, input, 4)) return BUNDLE_GOT_NOTHING;
    size_t sealed = lz_get32(r->frame) & ~LAST_BIT;
    if (sealed < 1 + BUNDLE_SEAL_BYTES || sealed > BUNDLE_FRAME_MAX - 4) {
        lz_refuse(&r->fault, LZ_bundle_altered, "离线包第 %llu 段（从第 %llu 字节起）的长度不对：文件被改动或损坏", (unsigned long long)r->index + 1,
                  (unsigned long long)r->at);
        return bad(r, fail);
    }
    if (!gather(r, input, 4 + sealed)) return BUNDLE_GOT_NOTHING;
    return open_frame(r, chunk, fail);
}

enum bundle_got bundle_reader_next(struct bundle_reader *r, struct lz_bytes *input, struct bundle_chunk *chunk, struct lz_fail *fail) {
    *chunk = (struct bundle_chunk){ .kind = BUNDLE_PACKET };
    if (r->stage == BUNDLE_AT_FAULT) return bad(r, fail);
    if (input->len == 0) return BUNDLE_GOT_NOTHING;
    if (r->stage == BUNDLE_AT_END) {
        lz_refuse(&r->fault, LZ_bundle_altered, "离线包在第 %llu 字节已经结束，后面还有多余的内容", (unsigned long long)r->at);
        return bad(r, fail);
    }
    if (r->stage == BUNDLE_AT_HEADER) return take_header(r, input, fail);
    LZ_ASSERT(r->stage == BUNDLE_AT_FRAME);
    return take_frame(r, input, chunk, fail);
}

enum lz_err bundle_reader_close(const struct bundle_reader *r, struct lz_fail *fail) {
    if (r->stage == BUNDLE_AT_END) return LZ_ok;
    if (r->stage == BUNDLE_AT_FAULT) { if (fail) *fail = r->fault; return r->fault.code; }
    return lz_refuse(fail, LZ_bundle_torn, "离线包残缺：在第 %llu 字节处中断，没有结尾", (unsigned long long)r->at + r->have);
}
