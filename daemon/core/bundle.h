/* bundle: the file that carries to a neighbour what the wire would have carried.
 *
 *     header (clear, 96 bytes), then frames: length (4 bytes, big endian; its highest bit: the last), sealed chunk
 *
 * The header says from whom, to whom, of which run, which serial; a chunk is an intro, one protocol packet, or the trailer. All
 * is sealed for that neighbour: the two nodes' CURVE25519 key pairs give a shared key (crypto_box_beforenm), hashed with the
 * whole header, its salt included, to the key of this one file. So only the neighbour reads it, only the neighbour (or we) can
 * have made it, and a header that was changed opens nothing. Each chunk is sealed by XChaCha20-Poly1305 under its number and
 * whether it is the last: none can be changed, moved, left out or added. No state runs from chunk to chunk and no randomness is
 * drawn in here (crypto_secretstream would do both): the writer is a function of what it is given, like all of core. */
#ifndef LZ_BUNDLE_FILE_H
#define LZ_BUNDLE_FILE_H
#include "core.h"

enum {
    BUNDLE_FORMAT = 1, BUNDLE_HEADER_BYTES = 96, BUNDLE_SALT_BYTES = 32, BUNDLE_KEY_BYTES = 32,
    BUNDLE_SEAL_BYTES = 16,                                            /* of each chunk, after its bytes */
    BUNDLE_CHUNK_MAX = BATCH_BYTES_MAX,                                /* of one chunk, without its kind */
    BUNDLE_FRAME_MAX = 4 + 1 + BUNDLE_CHUNK_MAX + BUNDLE_SEAL_BYTES,
};
enum bundle_kind { BUNDLE_INTRO = 1, BUNDLE_PACKET = 2, BUNDLE_TRAILER = 3 };

struct bundle_header {
    uint16_t format;
    uint32_t from, to;
    struct epoch epoch;              /* of the exporter */
    uint64_t serial;                 /* rises with each bundle to this neighbour, over restarts */
    uint64_t continues;              /* the serial of the part before this one; 0: begins after what the neighbour has confirmed */
    uint64_t created_ms;
    uint8_t salt[BUNDLE_SALT_BYTES]; /* random */
};
void bundle_header_put(const struct bundle_header *header, uint8_t out[BUNDLE_HEADER_BYTES]);
/* Refuses what is no bundle, another format, a header with an error in it. */
enum lz_err bundle_header_get(struct lz_bytes bytes, struct bundle_header *header, struct lz_fail *fail) LZ_MUST_CHECK;

struct bundle_key { uint8_t b[BUNDLE_KEY_BYTES]; };
/* False: the public key is none. */
bool bundle_key_make(const uint8_t public_key[BUNDLE_KEY_BYTES], const uint8_t secret_key[BUNDLE_KEY_BYTES],
                     const uint8_t header[BUNDLE_HEADER_BYTES], struct bundle_key *key);
/* One frame into out (BUNDLE_FRAME_MAX); gives its length. body: at most BUNDLE_CHUNK_MAX. The trailer is the last. */
size_t bundle_seal(const struct bundle_key *key, uint64_t index, enum bundle_kind kind, struct lz_bytes body, uint8_t *out);

/* What the two say to each other about giving back (reclaim); a file's asking has no session on a wire, so it names its own: the
 * asker's epoch when it first asked for this loss, the same over restarts, which may be many while a file is on its way. */
struct bundle_intro {
    struct epoch ask;                /* give me back what is mine, after `after`; none: I want nothing */
    struct key_text { uint8_t len, b[96]; } after;
    struct epoch answers;            /* this bundle answers that asking of yours; none: no answers */
    struct epoch closed;             /* I have taken back all that you gave for this asking of mine */
};
struct lz_bytes bundle_intro_put(const struct bundle_intro *intro, uint8_t out[160]);
bool bundle_intro_get(struct lz_bytes body, struct bundle_intro *intro);
struct bundle_trailer {
    uint64_t packets, records, bytes;    /* bytes: of the file in front of this frame */
    bool more;                           /* another part follows */
};
enum { BUNDLE_TRAILER_BYTES = 25 };
void bundle_trailer_put(const struct bundle_trailer *trailer, uint8_t out[BUNDLE_TRAILER_BYTES]);
bool bundle_trailer_get(struct lz_bytes body, struct bundle_trailer *trailer);

/* ---- reading: bytes in pieces of any size, one chunk at a time --------------------------------------------------- */
enum bundle_got {
    BUNDLE_GOT_NOTHING,              /* all input taken, more is needed */
    BUNDLE_GOT_HEADER,               /* reader->header is there: give the key before going on (bundle_reader_key) */
    BUNDLE_GOT_CHUNK,                /* chunk: lent until the next call */
    BUNDLE_GOT_END,                  /* chunk is the trailer, and agrees with what was read: the bundle is whole */
    BUNDLE_GOT_BAD                   /* fail says what is wrong, and where; for ever */
};
struct bundle_chunk {
    enum bundle_kind kind;
    struct lz_bytes body;
};
struct bundle_reader {
    uint8_t *frame;                  /* BUNDLE_FRAME_MAX, lent by the caller */
    size_t have;
    uint64_t at, index;              /* offset of the frame in hand, number of the next chunk */
    uint8_t head[BUNDLE_HEADER_BYTES];
    struct bundle_header header;
    struct bundle_trailer trailer;
    struct bundle_key key;
    uint64_t packets;
    enum { BUNDLE_AT_HEADER, BUNDLE_AT_KEY, BUNDLE_AT_FRAME, BUNDLE_AT_END, BUNDLE_AT_FAULT } stage;
    struct lz_fail fault;
};
void bundle_reader_open(struct bundle_reader *reader, uint8_t *frame);
/* False: no key can be made of these. */
bool bundle_reader_key(struct bundle_reader *reader, const uint8_t public_key[BUNDLE_KEY_BYTES], const uint8_t secret_key[BUNDLE_KEY_BYTES]);
/* Takes from the front of *input. */
enum bundle_got bundle_reader_next(struct bundle_reader *reader, struct lz_bytes *input, struct bundle_chunk *chunk, struct lz_fail *fail);
/* The input has ended: LZ_ok only when the bundle had ended as well. */
enum lz_err bundle_reader_close(const struct bundle_reader *reader, struct lz_fail *fail) LZ_MUST_CHECK;
#endif
