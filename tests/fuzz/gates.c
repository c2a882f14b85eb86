/* gates: libFuzzer over every gate of core: whatever comes, it is refused or it is a struct that keeps its promises.
 *
 * The first byte chooses the gate, so that one corpus serves all. What a gate accepts is encoded or printed again: a struct behind
 * the gate is trusted, so it must be fit for that. `make fuzz SECONDS=n` runs it under ASan and UBSan. */
#include <stdlib.h>
#include "../../daemon/flow/flow.h"

static struct arena *arena;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void record_gate(struct lz_bytes in) {
    struct record r, again;
    struct lz_fail fail = { 0 };
    if (record_decode(arena, in, &r, &fail) != LZ_ok) return;
    char id[REC_ID_TEXT];
    rec_id_print(record_id(&r), id);
    struct rec_id back;
    bool whole;
    LZ_ASSERT(rec_id_parse(id, &back, &whole) && whole && rec_id_equal(back, record_id(&r)));
    struct record copy = r;                                   /* what was accepted can be written, and read again as the same */
    if (record_encode(arena, &copy, &fail) != LZ_ok) return;
    LZ_ASSERT(record_decode(arena, copy.envelope, &again, &fail) == LZ_ok);
    LZ_ASSERT(again.kind == r.kind && again.stamp == r.stamp && again.n_targets == r.n_targets);
    struct key key = key_of(&r);
    LZ_ASSERT(key.len >= 6);
}

static void draft_gate(struct lz_bytes in) {
    struct record r;
    struct lz_bytes out;
    if (draft_decode(arena, in, &r, NULL) == LZ_ok) LZ_ASSERT(draft_encode(arena, &r, &out, NULL) == LZ_ok || r.n_targets > 0);
}

static void packet_gate(struct lz_bytes in) {
    enum packet_type type;
    struct lz_bytes body, out;
    if (packet_open(in, &type, &body, NULL) != LZ_ok) return;
    union {
        struct hello hello; struct batch batch; struct tip tip; struct fetch fetch; struct ack ack;
        struct reclaim_ask ask; struct reclaim_answer answer; struct refusal refusal;
    } m;
    switch ((int)type) {
    case PACKET_HELLO: if (hello_decode(arena, body, &m.hello) == LZ_ok) LZ_ASSERT(hello_encode(arena, &m.hello, &out) == LZ_ok); break;
    case PACKET_BATCH: if (batch_decode(arena, body, &m.batch) == LZ_ok) LZ_ASSERT(batch_encode(arena, &m.batch, &out) == LZ_ok); break;
    case PACKET_TIP: if (tip_decode(arena, body, &m.tip) == LZ_ok) LZ_ASSERT(tip_encode(arena, &m.tip, &out) == LZ_ok); break;
    case PACKET_FETCH: (void)!fetch_decode(arena, body, &m.fetch); break;
    case PACKET_ACK: if (ack_decode(arena, body, &m.ack) == LZ_ok) LZ_ASSERT(ack_encode(arena, &m.ack, &out) == LZ_ok); break;
    case PACKET_RECLAIM_ASK: case PACKET_RECLAIM_DONE: (void)!reclaim_ask_decode(arena, body, &m.ask); break;
    case PACKET_RECLAIM_ANSWER: (void)!reclaim_answer_decode(arena, body, &m.answer); break;
    case PACKET_REFUSAL: (void)!refusal_decode(arena, body, &m.refusal); break;
    }
}

static void control_gate(struct lz_bytes in) {
    struct ask ask;
    struct answer answer;
    struct lz_bytes out;
    if (ask_decode(arena, in, &ask) == LZ_ok) LZ_ASSERT(ask_encode(arena, &ask, &out) == LZ_ok);
    if (answer_decode(arena, in, &answer) == LZ_ok) LZ_ASSERT(answer_encode(arena, &answer, &out) == LZ_ok);
}

static void file_gate(struct lz_bytes in) {
    struct lz_fail fail = { 0 };
    struct units *units = units_create();
    struct calendar *calendar = calendar_create();
    struct roster *roster = roster_create();
    (void)!units_load(units, in, &fail);
    (void)!calendar_load(calendar, in, &fail);
    if (roster_load(roster, in, &fail) == LZ_ok) roster_print(roster, arena);
    units_destroy(&units);
    calendar_destroy(&calendar);
    roster_destroy(&roster);
}

static void text_gate(struct lz_bytes in) {
    char text[256], out[512];
    uint32_t year, serial, date;
    struct rec_id id;
    bool whole;
    size_t width = lz_text_width(in);
    size_t clipped = lz_text_clip(in, 40, out, sizeof out);
    LZ_ASSERT(clipped <= 40 && clipped <= width);
    LZ_ASSERT(lz_text_valid(lz_bytes_str(out)) || strchr(out, '\n') || strchr(out, '\t'));
    lz_log_value(in, out, sizeof out);
    if (in.len <= NUMBER_BYTES_MAX) (void)number_parse(in, &year, &serial);
    size_t n = in.len < sizeof text - 1 ? in.len : sizeof text - 1;
    memcpy(text, in.data, n);
    text[n] = 0;
    if (rec_id_parse(text, &id, &whole)) { rec_id_print(id, out); }
    if (lz_date_parse(text, &date)) LZ_ASSERT(lz_date_valid(date));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const gates[])(struct lz_bytes) = { record_gate, draft_gate, packet_gate, control_gate, file_gate, text_gate };
    if (size == 0) return 0;
    if (!arena) arena = arena_create((size_t)256 << 20);
    arena_reset(arena);
    uint8_t *exact = malloc(size);                            /* so that a sanitizer sees one byte too many */
    if (!exact) return 0;
    memcpy(exact, data + 1, size - 1);
    gates[data[0] % LZ_COUNT(gates)](lz_bytes_of(exact, size - 1));
    free(exact);
    return 0;
}
