/* codec_form: the payload of forms, by the tables of daemon/kinds/ and the message descriptors that protobuf-c generates.
 *
 * Guarantees: what codec_form_take accepts has texts that are UTF-8 within their limit, numbers that can stand in their fields, a state
 * that its kind has and a day that exists. Which fields are there is `given`; whether enough are is asked where a person can be told. */
#include "codec.h"
#include "record.pb-c.h"

enum { FIXED_FIELDS = 3, FORM_BYTES_MAX = RECORD_BYTES_MAX - 1024 };   /* no, valid_from, state */

static const ProtobufCMessageDescriptor *message_of(uint32_t kind) {
    static const struct { uint32_t kind; const ProtobufCMessageDescriptor *message; } messages[] = {
#define OF_FORM(name, number) { number, &lz__##name##__descriptor },
#define OF_NONE(name, number)
#define OF_HANDLING(name, number)
#define OF_PROBLEM(name, number)
#define OF_EMERGENCY(name, number)
#define X(name, number, zh, class, lane, direction, reach, machine) OF_##machine(name, number)
#include "../../schema/kinds.def"
#undef X
    };
    for (size_t i = 0; i < LZ_COUNT(messages); i++)
        if (messages[i].kind == kind) return messages[i].message;
    return NULL;
}

/* A field of a message that was generated: texts are bytes, all else is sint64, both optional. */
struct place { bool is_text; protobuf_c_boolean *has; ProtobufCBinaryData *text; int64_t *number; };   /* text or number */

static struct place place_of(const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage *message, size_t at) {
    LZ_ASSERT(at < descriptor->n_fields);
    const ProtobufCFieldDescriptor *field = &descriptor->fields[at];
    uint8_t *base = (uint8_t *)message;
    bool text = field->type == PROTOBUF_C_TYPE_BYTES;
    LZ_ASSERT(field->label == PROTOBUF_C_LABEL_OPTIONAL && (text || field->type == PROTOBUF_C_TYPE_SINT64));
    void *value = base + field->offset, *has = base + field->quantifier_offset;
    return (struct place){ text, has, value, value };
}

static void set_number(struct place place, int64_t number) {
    if (number == 0) return;
    *place.has = 1;
    *place.number = number;
}

static void set_text(struct place place, struct lz_bytes text) {
    if (text.len == 0) return;
    *place.has = 1;
    *place.text = codec_data(text);
}

bool codec_form_fill(struct arena *arena, uint32_t kind, const struct form *form, struct lz_bytes *bytes) {
    const ProtobufCMessageDescriptor *descriptor = message_of(kind);
    const struct form_kind *table = kind_form(kind);
    LZ_ASSERT(descriptor && table && descriptor->n_fields == FIXED_FIELDS + table->n_fields);
    ProtobufCMessage *message = arena_alloc(arena, descriptor->sizeof_message);
    if (!message) return false;
    protobuf_c_message_init(descriptor, message);
    set_text(place_of(descriptor, message, 0), form->no);
    set_number(place_of(descriptor, message, 1), form->valid_from);
    set_number(place_of(descriptor, message, 2), form->state);
    for (size_t i = 0; i < table->n_fields; i++) {
        struct place place = place_of(descriptor, message, FIXED_FIELDS + i);
        if (!(form->given >> i & 1)) continue;
        *place.has = 1;
        if (place.is_text) *place.text = codec_data(form->of[i].text);
        else *place.number = form->of[i].number;
    }
    uint8_t *out = arena_alloc_raw(arena, protobuf_c_message_get_packed_size(message) + 1);
    if (!out) return false;
    *bytes = lz_bytes_of(out, protobuf_c_message_pack(message, out));
    return true;
}

static enum lz_err take_text(const char *what, struct lz_bytes text, size_t max, struct lz_fail *fail) {
    if (text.len > max) return lz_refuse(fail, LZ_too_large, "%s %zu 字节，上限 %zu", what, text.len, max);
    if (!lz_text_valid(text)) return lz_refuse(fail, LZ_bad_utf8, "%s不是有效的 UTF-8 文字，或含控制字符", what);
    return LZ_ok;
}

static enum lz_err take_fixed(const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage *message, const struct form_kind *table, struct form *form,
                              struct lz_fail *fail) {
    struct place no = place_of(descriptor, message, 0), from = place_of(descriptor, message, 1), state = place_of(descriptor, message, 2);
    if (*no.has) form->no = codec_bytes(*no.text);
    enum lz_err err = take_text("编号", form->no, FORM_NO_BYTES_MAX, fail);
    if (err != LZ_ok) return err;
    if (*from.has && (*from.number < 0 || *from.number > UINT32_MAX || !lz_date_valid((uint32_t)*from.number)))
        return lz_refuse(fail, LZ_bad_date, "生效日期不存在");
    if (*state.has && (*state.number < 0 || (uint64_t)*state.number >= table->n_states)) return lz_refuse(fail, LZ_bad_argument, "状态超出范围");
    form->valid_from = *from.has ? (uint32_t)*from.number : 0;
    form->state = *state.has ? (uint8_t)*state.number : 0;
    return LZ_ok;
}

enum lz_err codec_form_take(struct arena *arena, uint32_t kind, struct lz_bytes bytes, struct form *form, struct lz_fail *fail) {
    const ProtobufCMessageDescriptor *descriptor = message_of(kind);
    const struct form_kind *table = kind_form(kind);
    LZ_ASSERT(descriptor && table && descriptor->n_fields == FIXED_FIELDS + table->n_fields);
    *form = (struct form){ .of = arena_alloc(arena, table->n_fields * sizeof *form->of) };
    if (bytes.len > FORM_BYTES_MAX) return lz_refuse(fail, LZ_too_large, "内容 %zu 字节，上限 %d", bytes.len, FORM_BYTES_MAX);
    ProtobufCAllocator allocator = codec_allocator(arena);
    ProtobufCMessage *message = protobuf_c_message_unpack(descriptor, &allocator, bytes.len, bytes.data);
    if (!message || !form->of || message->n_unknown_fields > UNKNOWN_FIELDS_MAX) return lz_refuse(fail, LZ_bad_packet, "表的内容不能解析");
    enum lz_err err = take_fixed(descriptor, message, table, form, fail);
    for (size_t i = 0; i < table->n_fields && err == LZ_ok; i++) {
        const struct form_field *field = &table->fields[i];
        struct place place = place_of(descriptor, message, FIXED_FIELDS + i);
        if (!*place.has) continue;
        form->given |= 1u << i;
        if (place.is_text) {
            form->of[i].text = codec_bytes(*place.text);
            err = take_text(field->zh, form->of[i].text, FORM_TEXT_BYTES_MAX, fail);
        } else {
            form->of[i].number = *place.number;
            if (!form_number_valid(field, *place.number)) err = lz_refuse(fail, LZ_bad_argument, "%s的值 %lld 不对", lz_said_field(fail, field->zh),
                        (long long)*place.number);
        }
    }
    return err;
}
