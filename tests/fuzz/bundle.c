/* bundle: FEEDS files to the reader of bundles, in pieces of any size: a whole bundle of chosen packets with edits that the input
 * chooses (bytes flipped, frames dropped, doubled or changed in their order, cut off, added to, sealed by others), or the input as it
 * is behind a good header. ORACLE: the file as it was written is read to its end, chunk for chunk; of every other one nothing is
 * taken for whole, and each chunk that is told is the one that stood at that place. */
#include <sodium.h>
#include "../../daemon/core/bundle.h"
#include "fuzz.h"

enum { PACKETS_MAX = 6, FRAMES = PACKETS_MAX + 2, BODY_MAX = 400, FILE_MAX = BUNDLE_HEADER_BYTES + FRAMES * (BODY_MAX + 64) };
struct pair { uint8_t public_key[BUNDLE_KEY_BYTES], secret_key[BUNDLE_KEY_BYTES]; };
struct file {
    uint8_t bytes[2 * FILE_MAX];
    size_t len, at[FRAMES + 1], n;           /* where each frame begins, and the end */
    struct lz_bytes bodies[FRAMES];
    enum bundle_kind kinds[FRAMES];
};

static struct pair pair_of(uint8_t who) {
    struct pair p;
    uint8_t seed[crypto_box_SEEDBYTES] = { who };
    crypto_box_seed_keypair(p.public_key, p.secret_key, seed);
    return p;
}

static void add(struct file *f, const struct bundle_key *key, enum bundle_kind kind, struct lz_bytes body) {
    f->at[f->n] = f->len;
    f->kinds[f->n] = kind;
    f->bodies[f->n] = body;
    f->len += bundle_seal(key, f->n, kind, body, f->bytes + f->len);
    f->at[++f->n] = f->len;
}

static void write_file(struct input *in, struct file *f, const struct pair *from, const struct pair *to) {
    struct bundle_header header = { .format = BUNDLE_FORMAT, .from = CITY, .to = COUNTY_A, .serial = 1 + pick(in, 3), .created_ms = 1650762000000 };
    struct bundle_key key;
    struct bundle_intro intro = { .after.len = (uint8_t)pick(in, 20) };
    struct bundle_trailer trailer = { .packets = pick(in, PACKETS_MAX + 1), .more = chance(in, 64) };
    static uint8_t intro_bytes[160], trailer_bytes[BUNDLE_TRAILER_BYTES];
    *f = (struct file){ .len = BUNDLE_HEADER_BYTES };
    header.epoch = epoch_of(CITY, 1);
    bundle_header_put(&header, f->bytes);
    must(bundle_key_make(to->public_key, from->secret_key, f->bytes, &key), "no key");
    add(f, &key, BUNDLE_INTRO, bundle_intro_put(&intro, intro_bytes));
    for (uint64_t i = 0; i < trailer.packets; i++) add(f, &key, BUNDLE_PACKET, take_bytes(in, BODY_MAX));
    trailer.bytes = f->len;
    bundle_trailer_put(&trailer, trailer_bytes);
    add(f, &key, BUNDLE_TRAILER, lz_bytes_of(trailer_bytes, sizeof trailer_bytes));
}

static void cut_frame(struct file *f, uint8_t *bytes, size_t *len, size_t i) {
    memmove(bytes + f->at[i], bytes + f->at[i + 1], *len - f->at[i + 1]);
    *len -= f->at[i + 1] - f->at[i];
}

/* One edit; the places are those of the whole file, so only the first edit of frames is exact: the others are edits of bytes. */
static void edit(struct input *in, struct file *f, uint8_t *bytes, size_t *len, bool first) {
    size_t i = pick(in, f->n), place = (size_t)take(in, 2) % *len;
    switch (pick(in, 6)) {
    case 0: bytes[place] ^= (uint8_t)take(in, 1); break;
    case 1: *len = place ? place : 1; break;
    case 2: if (first && *len == f->len) cut_frame(f, bytes, len, i); break;
    case 3: bytes[*len] = (uint8_t)take(in, 1); (*len)++; break;
    case 4:
        if (!first || *len != f->len) break;
        memmove(bytes + f->at[i + 1] + (f->at[i + 1] - f->at[i]), bytes + f->at[i + 1], *len - f->at[i + 1]);      /* doubled */
        memcpy(bytes + f->at[i + 1], bytes + f->at[i], f->at[i + 1] - f->at[i]);
        *len += f->at[i + 1] - f->at[i];
        break;
    default: break;
    }
}

/* Reads the file in pieces; true: it was taken for whole. */
static bool read_file(struct input *in, const struct file *as_written, struct lz_bytes file, const struct pair *from, const struct pair *to) {
    static uint8_t frame[BUNDLE_FRAME_MAX];
    struct bundle_reader r;
    size_t told = 0;
    struct lz_fail fail = { 0 };
    bundle_reader_open(&r, frame);
    for (size_t at = 0; at < file.len; ) {
        size_t piece = chance(in, 128) ? 1 + pick(in, 40) : file.len - at;
        if (piece > file.len - at) piece = file.len - at;
        uint8_t *copy = exact(lz_bytes_of(file.data + at, piece));
        struct lz_bytes left = lz_bytes_of(copy, piece);
        struct bundle_chunk chunk;
        enum bundle_got got;
        at += piece;
        while ((got = bundle_reader_next(&r, &left, &chunk, &fail)) != BUNDLE_GOT_NOTHING && got != BUNDLE_GOT_BAD) {
            if (got == BUNDLE_GOT_HEADER) { must(bundle_reader_key(&r, from->public_key, to->secret_key), "a key of two good keys"); continue; }
            must(as_written && told < as_written->n, "a chunk that nobody sealed, number %zu", told);
            must(chunk.kind == as_written->kinds[told] && lz_bytes_equal(chunk.body, as_written->bodies[told]), "chunk %zu is another one", told);
            told++;
        }
        must(left.len == 0 || got == BUNDLE_GOT_BAD, "%zu bytes left over", left.len);
        free(copy);
    }
    bool whole = bundle_reader_close(&r, &fail) == LZ_ok;
    must(whole || fail.text[0], "refused without a word");
    must(!whole || (as_written && told == as_written->n), "whole after %zu chunks", told);
    return whole;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct file file;
    static uint8_t edited[2 * FILE_MAX];
    fuzz_begin();
    struct input in = input_of(data, size);
    struct pair from = pair_of(1), to = pair_of(2), stranger = pair_of(3);
    size_t way = pick(&in, 8), edits = pick(&in, 4);
    write_file(&in, &file, way == 7 ? &stranger : &from, &to);
    size_t len = file.len;
    memcpy(edited, file.bytes, len);
    if (way == 6) {                                                  /* nothing but the header is ours */
        struct lz_bytes rest = take_bytes(&in, FILE_MAX - BUNDLE_HEADER_BYTES);
        if (rest.len) memcpy(edited + BUNDLE_HEADER_BYTES, rest.data, rest.len);
        len = BUNDLE_HEADER_BYTES + rest.len;
    }
    for (size_t i = 0; i < edits; i++) edit(&in, &file, edited, &len, i == 0);
    bool same = len == file.len && memcmp(edited, file.bytes, len) == 0;
    bool whole = read_file(&in, way == 7 ? NULL : &file, lz_bytes_of(edited, len), &from, &to);
    must(whole == (same && way != 7), "%s, and %s", same ? "as it was written" : "edited", whole ? "taken" : "refused");
    return 0;
}
