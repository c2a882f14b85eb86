/* history_read: from the bytes of an envelope to what is judged, by the field numbers of proto/record.proto.
 *
 * A reader of the wire format of its own, so that the verdict does not hang on the daemon's codec. */
#include "history_room.h"

struct reader { const uint8_t *at, *end; bool bad; };
struct field { uint32_t number, wire; uint64_t value; struct slice bytes; };

static uint64_t varint(struct reader *r) {
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (r->at == r->end) break;
        uint8_t b = *r->at++;
        v |= (uint64_t)(b & 0x7F) << shift;
        if (b < 0x80) return v;
    }
    r->bad = true;
    return 0;
}

static uint64_t fixed(struct reader *r, size_t width) {
    uint64_t v = 0;
    if ((size_t)(r->end - r->at) < width) { r->bad = true; return 0; }
    for (size_t i = 0; i < width; i++) v |= (uint64_t)r->at[i] << (8 * i);
    r->at += width;
    return v;
}

static bool next(struct reader *r, struct field *f) {
    if (r->bad || r->at == r->end) return false;
    uint64_t tag = varint(r);
    *f = (struct field){ .number = (uint32_t)(tag >> 3), .wire = (uint32_t)(tag & 7) };
    switch (f->wire) {
    case 0: f->value = varint(r); break;
    case 1: f->value = fixed(r, 8); break;
    case 5: f->value = fixed(r, 4); break;
    case 2: {
        uint64_t len = varint(r);
        if (r->bad || len > (uint64_t)(r->end - r->at)) { r->bad = true; return false; }
        f->bytes = (struct slice){ r->at, (size_t)len };
        r->at += len;
        break;
    }
    default: r->bad = true;
    }
    return !r->bad;
}

static int64_t zigzag(uint64_t v) { return (int64_t)(v >> 1) ^ -(int64_t)(v & 1); }
static bool take_id(const struct field *f, uint8_t out[HISTORY_ID]) {
    if (f->wire != 2 || f->bytes.len != HISTORY_ID) return false;
    memcpy(out, f->bytes.data, HISTORY_ID);
    return true;
}

static bool read_move(struct entry *e, const struct field *f) {
    switch (f->number) {
    case 1: e->move = (uint32_t)f->value; return true;
    case 2: e->unit = (uint32_t)f->value; return true;
    case 3: return take_id(f, e->follows);
    case 4: return take_id(f, e->report);
    case 5: e->text = f->bytes; return true;
    case 6: e->due_ms = f->value; return true;
    case 7: e->to_unit = (uint32_t)f->value; return true;
    default: return false;
    }
}

static void read_progress(struct entry *e, const struct field *f) {
    if (f->number == 1) e->as_of = (uint32_t)f->value;
    if (f->number == 2) e->numerator = zigzag(f->value);
    if (f->number == 3) e->denominator = zigzag(f->value);
    if (f->number == 4) e->text = f->bytes;
}

/* An office: its number, the day from which this holds, its state, its tier and how many posts it has. */
static void read_office(struct entry *e, const struct field *f) {
    if (f->number == 1) e->number = f->bytes;
    if (f->number == 2) e->as_of = (uint32_t)zigzag(f->value);
    if (f->number == 3) e->move = (uint32_t)zigzag(f->value);
    if (f->number == 6) e->unit = (uint32_t)zigzag(f->value);
    if (f->number == 8) e->numerator = zigzag(f->value);
}

/* The payloads' field that carries the words that a clerk gave: title, reason or name. */
static uint32_t text_field(uint32_t payload) {
    switch (payload) {
    case 32: return 2;
    case 35: return 3;
    case 36: return 2;
    case 37: return 1;
    case 39: return 4;
    case 48: return 6;
    default: return 0;
    }
}

static bool read_payload(struct entry *e, struct slice bytes) {
    struct reader r = { bytes.data, bytes.data + bytes.len, false };
    struct field f;
    while (next(&r, &f)) {
        if (e->payload == 33 && !read_move(e, &f)) return false;
        if (e->payload == 34) read_progress(e, &f);
        if (e->payload == 39) read_office(e, &f);
        if (f.number == text_field(e->payload)) e->text = f.bytes;
        if (e->payload == 32 && f.number == 1) e->number = f.bytes;
        if (e->payload == 32 && f.number == 10) e->due_ms = f.value;
    }
    return !r.bad;
}

static const char *read_head(struct entry *e, const struct field *f) {
    switch (f->number) {
    case 1: return f->value == e->origin ? NULL : "its head names another origin";
    case 2: return f->value == e->kind ? NULL : "its head names another kind";
    case 3: return f->value == e->stamp ? NULL : "its head names another stamp";
    case 4: return f->value == e->epoch ? NULL : "its head names another epoch";
    case 5: e->key = f->bytes; return NULL;
    case 6: e->lane = (uint32_t)f->value; return NULL;
    case 7: e->direction = (uint32_t)f->value; return NULL;
    case 8: e->reach = (uint32_t)f->value; return NULL;
    case 9: e->tier = (uint32_t)f->value; return NULL;
    case 10: return f->value <= 1 ? NULL : "it is secret";
    case 11: e->written_ms = f->value; return NULL;
    case 12: e->author = f->bytes; return NULL;
    case 13: e->request = f->bytes; return NULL;
    case 14: e->index = (uint32_t)f->value; return NULL;
    case 15: return (e->has_subject = take_id(f, e->subject)) ? NULL : "its subject is no id";
    case 16: e->targets = f->bytes; return f->wire == 2 ? NULL : "its targets are not packed";
    case 17: e->all = f->value != 0; return NULL;
    default: break;
    }
    bool payload = (f->number >= 32 && f->number <= 39) || f->number == 48 || f->number == 49;
    if (!payload || f->wire != 2) return "its head has a field that it must not have";
    if (e->payload) return "it has two payloads";
    e->payload = f->number;
    return read_payload(e, f->bytes) ? NULL : "its payload cannot be read";
}

const char *entry_read(struct entry *e) {
    struct reader outer = { e->bytes, e->bytes + e->len, false };
    struct field f;
    struct slice record = { NULL, 0 };
    while (next(&outer, &f)) {
        if (f.number > 3 || f.wire != 2 || (f.number == 1 && record.data)) return "its envelope has a field that it must not have";
        if (f.number == 1) record = f.bytes;
    }
    if (outer.bad || !record.data) return "its envelope cannot be read";
    struct reader r = { record.data, record.data + record.len, false };
    const char *wrong = NULL;
    while (!wrong && next(&r, &f)) wrong = read_head(e, &f);
    if (!wrong && r.bad) wrong = "its record cannot be read";
    return wrong;
}

bool envelope_id(const void *envelope, size_t len, uint8_t id[HISTORY_ID]) {
    struct reader r = { envelope, (const uint8_t *)envelope + len, false };
    struct field f;
    uint64_t part[5] = { 0 };
    if (!next(&r, &f) || f.number != 1 || f.wire != 2) return false;
    r = (struct reader){ f.bytes.data, f.bytes.data + f.bytes.len, false };
    while (next(&r, &f) && f.number <= 4)
        if (f.wire != 2) part[f.number] = f.value;
    static const struct { int field, width; } laid[] = { { 1, 4 }, { 2, 2 }, { 3, 8 }, { 4, 4 } };
    for (size_t i = 0, at = 0; i < 4; i++)
        for (int b = laid[i].width - 1; b >= 0; b--) id[at++] = (uint8_t)(part[laid[i].field] >> (8 * b));
    return part[1] != 0 && part[2] != 0;
}

uint32_t target_next(struct slice *targets) {
    struct reader r = { targets->data, targets->data + targets->len, false };
    if (targets->len == 0) return 0;
    uint32_t v = (uint32_t)varint(&r);
    targets->len = r.bad ? 0 : (size_t)(r.end - r.at);
    targets->data = r.at;
    return v;
}
