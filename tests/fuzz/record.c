/* record: FEEDS raw bytes as an envelope and as a draft. ORACLE: refused, or: the id prints and parses as itself; writing what was
 * read gives bytes that read as the same (second and third writing equal); the key is one that the store takes; and the gate for
 * drafts, which a clerk's record passes before it becomes one, accepts what the gate for records accepts. */
#include "fuzz.h"

static void id_is_itself(const struct record *r) {
    char text[REC_ID_TEXT];
    struct rec_id back;
    bool whole;
    rec_id_print(record_id(r), text);
    must(rec_id_parse(text, &back, &whole) && whole && rec_id_equal(back, record_id(r)), "%s", text);
    struct key key = key_of(r);
    must(key.len >= 6 && key.len < sizeof key.b - REC_ID_BYTES, "a key of %u bytes", key.len);
}

static void envelope(struct arena *arena, struct lz_bytes in) {
    struct record r, again, third;
    struct lz_fail fail = { 0 };
    enum lz_err err = record_decode(arena, in, &r, &fail);
    must(err == LZ_ok || fail.text[0] != 0, "refused without a word");
    if (err != LZ_ok) return;
    id_is_itself(&r);
    must(lz_bytes_equal(r.envelope, in), "the envelope is not what came");
    struct record copy = r;
    if (record_encode(arena, &copy, &fail) != LZ_ok) return;     /* the encoder may need more bytes than a foreign packing */
    must(record_decode(arena, copy.envelope, &again, &fail) == LZ_ok, "not accepted again: %s", fail.text);
    third = again;
    must(record_encode(arena, &third, &fail) == LZ_ok && lz_bytes_equal(third.bytes, copy.bytes), "it reads as another");
    struct lz_bytes draft;
    struct record d;
    must(draft_encode(arena, &r, &draft, &fail) == LZ_ok, "no draft: %s", fail.text);
    must(draft_decode(arena, draft, &d, &fail) == LZ_ok, "the draft is refused: %s", fail.text);
    must(d.kind == r.kind && d.n_targets == r.n_targets && lz_bytes_equal(d.key, r.key), "the draft is another");
}

static void draft(struct arena *arena, struct lz_bytes in) {
    struct record d, again;
    struct lz_bytes first, second;
    struct lz_fail fail = { 0 };
    if (draft_decode(arena, in, &d, &fail) != LZ_ok) return;
    if (draft_encode(arena, &d, &first, &fail) != LZ_ok) return;
    must(draft_decode(arena, first, &again, &fail) == LZ_ok, "not accepted again: %s", fail.text);
    must(draft_encode(arena, &again, &second, &fail) == LZ_ok && lz_bytes_equal(first, second), "it reads as another");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_begin();
    uint8_t *bytes = exact(lz_bytes_of(data, size));
    envelope(fuzz_arena(), lz_bytes_of(bytes, size));
    draft(fuzz_arena(), lz_bytes_of(bytes, size));
    free(bytes);
    return 0;
}
