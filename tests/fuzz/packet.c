/* packet: FEEDS raw bytes as one frame from a neighbour. ORACLE: the header and the message behind it are refused, or decoded into a
 * struct that can be written again, and that then reads as the same: the second and the third writing are equal byte by byte. */
#include "fuzz.h"

union message {
    struct hello hello;
    struct batch batch;
    struct tip tip;
    struct fetch fetch;
    struct ack ack;
    struct reclaim_ask ask;
    struct reclaim_answer answer;
    struct repair repair;
    struct refusal refusal;
};

static enum lz_err decode(struct arena *a, enum packet_type type, struct lz_bytes body, union message *m) {
    switch ((int)type) {
    case PACKET_HELLO: return hello_decode(a, body, &m->hello);
    case PACKET_BATCH: return batch_decode(a, body, &m->batch);
    case PACKET_TIP: return tip_decode(a, body, &m->tip);
    case PACKET_FETCH: return fetch_decode(a, body, &m->fetch);
    case PACKET_ACK: return ack_decode(a, body, &m->ack);
    case PACKET_RECLAIM_ASK: case PACKET_RECLAIM_DONE: return reclaim_ask_decode(a, body, &m->ask);
    case PACKET_RECLAIM_ANSWER: return reclaim_answer_decode(a, body, &m->answer);
    case PACKET_REPAIR_ASK: case PACKET_REPAIR_ANSWER: return repair_decode(a, body, &m->repair);
    case PACKET_REFUSAL: return refusal_decode(a, body, &m->refusal);
    }
    return LZ_bad_packet;
}

static enum lz_err encode(struct arena *a, enum packet_type type, const union message *m, struct lz_bytes *out) {
    switch ((int)type) {
    case PACKET_HELLO: return hello_encode(a, &m->hello, out);
    case PACKET_BATCH: return batch_encode(a, &m->batch, out);
    case PACKET_TIP: return tip_encode(a, &m->tip, out);
    case PACKET_FETCH: return fetch_encode(a, &m->fetch, out);
    case PACKET_ACK: return ack_encode(a, &m->ack, out);
    case PACKET_RECLAIM_ASK: return reclaim_ask_encode(a, &m->ask, out);
    case PACKET_RECLAIM_DONE: return reclaim_done_encode(a, &m->ask, out);
    case PACKET_RECLAIM_ANSWER: return reclaim_answer_encode(a, &m->answer, out);
    case PACKET_REPAIR_ASK: case PACKET_REPAIR_ANSWER: return repair_encode(a, type, &m->repair, out);
    case PACKET_REFUSAL: return refusal_encode(a, &m->refusal, out);
    }
    return LZ_bad_packet;
}

static void look(struct arena *arena, struct lz_bytes frame) {
    enum packet_type type, again;
    struct lz_bytes body, first, second;
    union message m, back;
    if (packet_open(frame, &type, &body, NULL) != LZ_ok) return;
    must(body.len + PACKET_HEADER_BYTES == frame.len, "the body is not the rest of the frame");
    if (decode(arena, type, body, &m) != LZ_ok) return;
    must(encode(arena, type, &m, &first) == LZ_ok, "type %d was accepted and cannot be written", (int)type);
    must(packet_open(first, &again, &body, NULL) == LZ_ok && again == type, "what was written does not open");
    must(decode(arena, type, body, &back) == LZ_ok, "type %d is not accepted again", (int)type);
    must(encode(arena, type, &back, &second) == LZ_ok && lz_bytes_equal(first, second), "type %d reads as another", (int)type);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_begin();
    uint8_t *frame = exact(lz_bytes_of(data, size));
    look(fuzz_arena(), lz_bytes_of(frame, size));
    free(frame);
    return 0;
}
