/* codec_record: records and drafts, bytes <-> structs.
 *
 * Guarantees: whatever record_decode accepts has a known class, lane, direction and reach, a valid origin, dates that exist,
 * texts that are UTF-8 within their limits, and a payload of its kind. Leaves to others: whether the sender may say it
 * (core/peer.c) and whether it makes sense now (flow). protobuf-c's traps that decide the shape: parsing costs thirty times
 * the input, so size is checked first; unknown enum values pass, so each is range-checked; packing a parsed message is
 * not identity, so the received bytes are kept. */
#include <sodium.h>
#include "codec.h"
#include "record.pb-c.h"

static void *allocate(void *arena, size_t size) { return arena_alloc(arena, size); }
static void release(void *arena, void *pointer) { (void)arena; (void)pointer; }

ProtobufCAllocator codec_allocator(struct arena *arena) {
    return (ProtobufCAllocator){ allocate, release, arena };
}

bool codec_id_bytes(struct lz_bytes in, struct rec_id *id) {
    *id = (struct rec_id){ 0 };
    if (in.len == 0) return true;
    if (in.len != REC_ID_BYTES) return false;
    *id = rec_id_get(in.data);
    return id->origin != 0 && id->stamp != 0;
}

struct lz_bytes codec_id_data(struct arena *arena, struct rec_id id) {
    if (rec_id_none(id)) return (struct lz_bytes){ 0 };
    uint8_t *bytes = arena_alloc_raw(arena, REC_ID_BYTES);
    if (!bytes) return (struct lz_bytes){ 0 };
    rec_id_put(id, bytes);
    return lz_bytes_of(bytes, REC_ID_BYTES);
}

/* ---- struct -> bytes ------------------------------------------------------------------------------------------ */

union payload {
    Lz__Directive directive;
    Lz__Move move;
    Lz__Progress progress;
    Lz__Problem problem;
    Lz__Emergency emergency;
    Lz__Duty duty;
    Lz__Rollup rollup;
    Lz__Attachment attachment;
    Lz__AttachmentWish wish;
    Lz__Ruling ruling;
};

static void directive_fill(struct arena *arena, const struct directive *in, Lz__Directive *out) {
    lz__directive__init(out);
    CODEC_SET_BYTES(out, number, in->number);
    CODEC_SET_BYTES(out, title, in->title);
    CODEC_SET_BYTES(out, body, in->body);
    CODEC_SET_BYTES(out, signers, in->signers);
    CODEC_SET_BYTES(out, lead, in->lead);
    CODEC_SET_BYTES(out, responsible, in->responsible);
    CODEC_SET_BYTES(out, measure, in->measure);
    CODEC_SET_BYTES(out, plan, in->plan);
    CODEC_SET(out, item, in->item);
    CODEC_SET(out, due_ms, in->due_ms);
    CODEC_SET(out, answer_wanted, in->answer_wanted);
    CODEC_SET(out, holds_parent, in->holds_parent);
    struct lz_bytes parent = codec_id_data(arena, in->parent), about = codec_id_data(arena, in->about);
    CODEC_SET_BYTES(out, parent, parent);
    CODEC_SET_BYTES(out, about, about);
}

static void move_fill(struct arena *arena, const struct move *in, Lz__Move *out) {
    lz__move__init(out);
    CODEC_SET(out, move, in->move);
    CODEC_SET(out, unit, in->unit);
    struct lz_bytes follows = codec_id_data(arena, in->follows), report = codec_id_data(arena, in->report);
    CODEC_SET_BYTES(out, follows, follows);
    CODEC_SET_BYTES(out, report, report);
    CODEC_SET_BYTES(out, text, in->text);
    CODEC_SET(out, due_ms, in->due_ms);
    CODEC_SET(out, to_unit, in->to_unit);
}

static void progress_fill(const struct progress *in, Lz__Progress *out) {
    lz__progress__init(out);
    CODEC_SET(out, as_of, in->as_of);
    CODEC_SET(out, numerator, in->numerator);
    CODEC_SET(out, denominator, in->denominator);
    CODEC_SET_BYTES(out, text, in->text);
}

static void problem_fill(const struct problem *in, Lz__Problem *out) {
    lz__problem__init(out);
    CODEC_SET(out, class_, in->class);
    CODEC_SET(out, source, in->source);
    CODEC_SET_BYTES(out, title, in->title);
    CODEC_SET_BYTES(out, body, in->body);
    CODEC_SET_BYTES(out, place, in->place);
    CODEC_SET_BYTES(out, parcel, in->parcel);
    CODEC_SET(out, place_code, in->place_code);
    CODEC_SET(out, longitude_e6, in->longitude_e6);
    CODEC_SET(out, latitude_e6, in->latitude_e6);
    CODEC_SET(out, found_on, in->found_on);
    CODEC_SET(out, severity, in->severity);
    CODEC_SET_BYTES(out, finder, in->finder);
    CODEC_SET_BYTES(out, patrol, in->patrol);
}

static void emergency_fill(const struct emergency *in, Lz__Emergency *out) {
    lz__emergency__init(out);
    CODEC_SET(out, class_, in->class);
    CODEC_SET_BYTES(out, title, in->title);
    CODEC_SET_BYTES(out, body, in->body);
    CODEC_SET_BYTES(out, place, in->place);
    CODEC_SET(out, place_code, in->place_code);
    CODEC_SET(out, began_ms, in->began_ms);
    CODEC_SET(out, area_e2, in->area_e2);
    CODEC_SET(out, dead, in->dead);
    CODEC_SET(out, injured, in->injured);
}

static void duty_fill(const struct duty *in, Lz__Duty *out) {
    lz__duty__init(out);
    CODEC_SET_BYTES(out, name, in->name);
    CODEC_SET_BYTES(out, post, in->post);
    CODEC_SET_BYTES(out, leader, in->leader);
    CODEC_SET_BYTES(out, room, in->room);
    CODEC_SET_BYTES(out, phone, in->phone);
    CODEC_SET(out, shift, in->shift);
    CODEC_SET(out, begins, in->begins);
    CODEC_SET(out, ends, in->ends);
    CODEC_SET(out, state, in->state);
}

static bool rollup_fill(struct arena *arena, const struct rollup *in, Lz__Rollup *out) {
    lz__rollup__init(out);
    CODEC_SET(out, kind, in->kind);
    struct lz_bytes subject = codec_id_data(arena, in->subject);
    CODEC_SET_BYTES(out, subject, subject);
    CODEC_SET_BYTES(out, label, in->label);
    CODEC_SET_BYTES(out, number, in->number);
    CODEC_SET(out, item, in->item);
    CODEC_SET(out, due_ms, in->due_ms);
    out->counter = arena_alloc(arena, COUNTER_COUNT * sizeof *out->counter);
    out->value = arena_alloc(arena, COUNTER_COUNT * sizeof *out->value);
    if (!out->counter || !out->value) return false;
    for (uint32_t i = 0; i < COUNTER_COUNT; i++) {
        if (in->sum.of[i] == 0) continue;
        out->counter[out->n_counter++] = i;
        out->value[out->n_value++] = in->sum.of[i];
    }
    return true;
}

static bool payload_fill(struct arena *arena, const struct record *r, Lz__Record *out, union payload *p) {
    if (kind_form(r->kind)) {
        struct lz_bytes form;
        if (!codec_form_fill(arena, r->kind, &r->of.form, &form)) return false;
        out->has_form = 1;                               /* also of a form with nothing in it */
        out->form = codec_data(form);
        return true;
    }
    switch ((enum kind)r->kind) {
    case KIND_general_order: case KIND_supervision_letter: case KIND_work_reminder: case KIND_task: case KIND_bulletin:
        directive_fill(arena, &r->of.directive, &p->directive); out->directive = &p->directive; return true;
    case KIND_move: move_fill(arena, &r->of.move, &p->move); out->move = &p->move; return true;
    case KIND_progress: progress_fill(&r->of.progress, &p->progress); out->progress = &p->progress; return true;
    case KIND_problem: problem_fill(&r->of.problem, &p->problem); out->problem = &p->problem; return true;
    case KIND_emergency: emergency_fill(&r->of.emergency, &p->emergency); out->emergency = &p->emergency; return true;
    case KIND_duty: duty_fill(&r->of.duty, &p->duty); out->duty = &p->duty; return true;
    case KIND_ruling:
        lz__ruling__init(&p->ruling);
        CODEC_SET(&p->ruling, state, r->of.ruling.state);
        CODEC_SET_BYTES(&p->ruling, text, r->of.ruling.text);
        out->ruling = &p->ruling;
        return true;
    case KIND_rollup: out->rollup = &p->rollup; return rollup_fill(arena, &r->of.rollup, &p->rollup);
    case KIND_attachment: codec_attachment_fill(arena, &r->of.attachment, &p->attachment); out->attachment = &p->attachment; return true;
    case KIND_attachment_wish: codec_wish_fill(&r->of.attachment_wish, &p->wish); out->attachment_wish = &p->wish; return true;
    case KIND_none: case KIND_MAX: break;
    }
    return false;
}

static bool record_fill(struct arena *arena, const struct record *r, Lz__Record *out, union payload *payload) {
    lz__record__init(out);
    CODEC_SET(out, origin, r->origin);
    CODEC_SET(out, kind, r->kind);
    CODEC_SET(out, stamp, r->stamp);
    CODEC_SET(out, epoch, r->epoch);
    CODEC_SET_BYTES(out, key, r->key);
    CODEC_SET(out, lane, r->lane);
    CODEC_SET(out, direction, r->direction);
    CODEC_SET(out, reach, r->reach);
    CODEC_SET(out, tier, r->tier);
    CODEC_SET(out, sensitivity, r->sensitivity);
    CODEC_SET(out, written_ms, r->written_ms);
    CODEC_SET_BYTES(out, author, r->author);
    CODEC_SET_BYTES(out, request, r->request);
    CODEC_SET(out, request_index, r->request_index);
    struct lz_bytes subject = codec_id_data(arena, r->subject);
    CODEC_SET_BYTES(out, subject, subject);
    out->targets = r->targets;
    out->n_targets = r->n_targets;
    CODEC_SET(out, target_all, r->target_all);
    return payload_fill(arena, r, out, payload);
}

static size_t varint_put(uint8_t *out, size_t value) {
    size_t n = 0;
    while (value >= 0x80) { out[n++] = (uint8_t)(value | 0x80); value >>= 7; }
    out[n++] = (uint8_t)value;
    return n;
}

/* Envelope.signature, field 3, of SEAL_BYTES. */
enum { SEAL_FIELD = 2 + SEAL_BYTES, SEAL_TAG = 0x1a };

static void seal_of(struct lz_bytes bytes, const uint8_t key[SEAL_KEY_BYTES], uint8_t out[SEAL_BYTES]) {
    int failed = crypto_generichash(out, SEAL_BYTES, bytes.data, bytes.len, key, SEAL_KEY_BYTES);
    LZ_ASSERT(failed == 0);
}

void record_seal(struct record *r, const uint8_t key[SEAL_KEY_BYTES]) {
    LZ_ASSERT(r->seal.len == 0 && r->bytes.data + r->bytes.len == r->envelope.data + r->envelope.len);
    uint8_t *tail = (uint8_t *)(uintptr_t)r->envelope.data + r->envelope.len;
    tail[0] = SEAL_TAG;
    tail[1] = SEAL_BYTES;
    seal_of(r->bytes, key, tail + 2);
    r->seal = lz_bytes_of(tail + 2, SEAL_BYTES);
    r->envelope.len += SEAL_FIELD;
}

bool record_seal_good(const struct record *r, const uint8_t key[SEAL_KEY_BYTES]) {
    uint8_t seal[SEAL_BYTES];
    if (r->seal.len != SEAL_BYTES) return false;
    seal_of(r->bytes, key, seal);
    return sodium_memcmp(seal, r->seal.data, SEAL_BYTES) == 0;
}

/* The envelope's only other field today is `record`, so it is written in front of the record in place: one copy less. */
enum lz_err record_encode(struct arena *arena, struct record *r, struct lz_fail *fail) {
    LZ_ASSERT(r->origin != 0 && r->stamp != 0);
    Lz__Record message;
    union payload payload;
    if (!record_fill(arena, r, &message, &payload)) return lz_refuse(fail, LZ_unknown_kind, "不认识的种类 %u", r->kind);
    size_t size = lz__record__get_packed_size(&message);
    if (size > RECORD_BYTES_MAX)
        return lz_refuse(fail, LZ_too_large, "内容 %zu 字节，超过每条 %d 字节的上限；请缩短正文", size, RECORD_BYTES_MAX);
    uint8_t head[12] = { 0x0a };
    size_t n = 1 + varint_put(head + 1, size);
    uint8_t *out = arena_alloc_raw(arena, n + size + SEAL_FIELD);     /* room for record_seal */
    /* refused on the way: an id may have been left out without a word */
    if (!out || arena_refused(arena)) return lz_refuse(fail, LZ_too_large, "一次处理的内容太多；请分批");
    memcpy(out, head, n);
    size_t packed = lz__record__pack(&message, out + n);
    LZ_ASSERT(packed == size);
    r->envelope = lz_bytes_of(out, n + size);
    r->bytes = lz_bytes_of(out + n, size);
    r->seal = (struct lz_bytes){ 0 };
    return LZ_ok;
}

enum lz_err draft_encode(struct arena *arena, const struct record *draft, struct lz_bytes *out, struct lz_fail *fail) {
    Lz__Record message;
    union payload payload;
    if (!record_fill(arena, draft, &message, &payload)) return lz_refuse(fail, LZ_unknown_kind, "不认识的种类 %u", draft->kind);
    size_t size = lz__record__get_packed_size(&message);
    if (size > RECORD_BYTES_MAX)
        return lz_refuse(fail, LZ_too_large, "内容 %zu 字节，超过每条 %d 字节的上限；请缩短正文", size, RECORD_BYTES_MAX);
    uint8_t *data = arena_alloc_raw(arena, size);
    if (!data || arena_refused(arena)) return lz_refuse(fail, LZ_too_large, "一次处理的内容太多；请分批");
    *out = lz_bytes_of(data, lz__record__pack(&message, data));
    return LZ_ok;
}

/* ---- bytes -> struct ------------------------------------------------------------------------------------------ */

/* The gate remembers its first refusal, so that a list of checks reads straight down. */
struct gate {
    struct lz_fail *fail;
    enum lz_err err;
};

static void gate_text(struct gate *g, const char *what, ProtobufCBinaryData in, size_t max, struct lz_bytes *out) {
    *out = codec_bytes(in);
    if (g->err != LZ_ok) return;
    if (in.len > max) g->err = lz_refuse(g->fail, LZ_too_large, "%s %zu 字节，上限 %zu", lz_said(g->fail, what), in.len, max);
    else if (!lz_text_valid(*out)) g->err = lz_refuse(g->fail, LZ_bad_utf8, "%s不是有效的 UTF-8 文字，或含控制字符", lz_said(g->fail, what));
}

static void gate_range(struct gate *g, const char *what, uint64_t value, uint64_t max) {
    if (g->err == LZ_ok && value > max)
        g->err = lz_refuse(g->fail, LZ_bad_argument, "%s %llu 超出范围（最大 %llu）", lz_said(g->fail, what), (unsigned long long)value, (unsigned long long)max);
}

static void gate_date(struct gate *g, const char *what, uint32_t date) {
    if (g->err == LZ_ok && date != 0 && !lz_date_valid(date)) g->err = lz_refuse(g->fail, LZ_bad_date, "%s %u 不存在", lz_said(g->fail, what), date);
}

static void gate_id(struct gate *g, const char *what, ProtobufCBinaryData in, struct rec_id *id) {
    if (!codec_id_bytes(codec_bytes(in), id) && g->err == LZ_ok) g->err = lz_refuse(g->fail, LZ_bad_argument, "%s编号格式不对", lz_said(g->fail, what));
}

static void gate_unknown(struct gate *g, const ProtobufCMessage *message) {
    if (g->err == LZ_ok && message->n_unknown_fields > UNKNOWN_FIELDS_MAX)
        g->err = lz_refuse(g->fail, LZ_bad_packet, "未知字段 %u 个，上限 %d", message->n_unknown_fields, UNKNOWN_FIELDS_MAX);
}

static const uint64_t wall_max = 253402300800000ull;   /* the year 10000 */

static void directive_take(struct gate *g, const Lz__Directive *in, struct directive *out) {
    gate_unknown(g, &in->base);
    gate_text(g, "文号", in->number, NUMBER_BYTES_MAX, &out->number);
    gate_text(g, "标题", in->title, LABEL_BYTES_MAX, &out->title);
    gate_text(g, "正文", in->body, TEXT_BYTES_MAX, &out->body);
    gate_text(g, "签发人", in->signers, LABEL_BYTES_MAX, &out->signers);
    gate_text(g, "牵头单位", in->lead, LABEL_BYTES_MAX, &out->lead);
    gate_text(g, "责任单位", in->responsible, LABEL_BYTES_MAX, &out->responsible);
    gate_text(g, "要求", in->measure, TEXT_BYTES_MAX, &out->measure);
    gate_text(g, "方案", in->plan, LABEL_BYTES_MAX, &out->plan);
    gate_range(g, "期限", in->due_ms, wall_max);
    gate_range(g, "事项号", in->item, 100000);
    gate_id(g, "上级文件", in->parent, &out->parent);
    gate_id(g, "相关问题", in->about, &out->about);
    out->item = in->item;
    out->due_ms = in->due_ms;
    out->answer_wanted = in->answer_wanted;
    out->holds_parent = in->holds_parent;
    if (g->err == LZ_ok && out->title.len == 0) g->err = lz_refuse(g->fail, LZ_bad_argument, "缺少标题");
    if (g->err == LZ_ok && out->number.len && !number_parse(out->number, &out->year, &out->serial))
        g->err = lz_refuse(g->fail, LZ_bad_argument, "文号应形如 焦林长督〔2022〕3号");
}

static void move_take(struct gate *g, const Lz__Move *in, struct move *out) {
    gate_unknown(g, &in->base);
    gate_text(g, "说明", in->text, TEXT_BYTES_MAX, &out->text);
    gate_range(g, "办理动作", in->move, 255);
    gate_range(g, "期限", in->due_ms, wall_max);
    gate_range(g, "单位", in->unit, 999999);
    gate_range(g, "单位", in->to_unit, 999999);
    gate_id(g, "前一动作", in->follows, &out->follows);
    gate_id(g, "报告", in->report, &out->report);
    out->move = in->move;
    out->unit = in->unit;
    out->to_unit = in->to_unit;
    out->due_ms = in->due_ms;
}

static void progress_take(struct gate *g, const Lz__Progress *in, struct progress *out) {
    gate_unknown(g, &in->base);
    gate_text(g, "进展说明", in->text, TEXT_BYTES_MAX, &out->text);
    gate_date(g, "截至日期", in->as_of);
    out->as_of = in->as_of;
    out->numerator = in->numerator;
    out->denominator = in->denominator;
    if (g->err != LZ_ok) return;
    if (out->as_of == 0) g->err = lz_refuse(g->fail, LZ_bad_date, "缺少截至日期");
    else if (out->denominator <= 0) g->err = lz_refuse(g->fail, LZ_bad_argument, "任务量（分母）必须大于 0");
    else if (out->numerator < 0 || out->numerator > INT64_C(1) << 53 || out->denominator > INT64_C(1) << 53)
        g->err = lz_refuse(g->fail, LZ_bad_argument, "完成量或任务量超出范围");
}

static void problem_take(struct gate *g, const Lz__Problem *in, struct problem *out) {
    gate_unknown(g, &in->base);
    gate_text(g, "标题", in->title, LABEL_BYTES_MAX, &out->title);
    gate_text(g, "内容", in->body, TEXT_BYTES_MAX, &out->body);
    gate_text(g, "地点", in->place, LABEL_BYTES_MAX, &out->place);
    gate_text(g, "图斑", in->parcel, NUMBER_BYTES_MAX, &out->parcel);
    gate_text(g, "发现人", in->finder, FORM_NO_BYTES_MAX, &out->finder);
    gate_text(g, "巡林", in->patrol, FORM_NO_BYTES_MAX, &out->patrol);
    gate_range(g, "类别", in->class_, 255);
    gate_range(g, "来源", in->source, 255);
    gate_range(g, "程度", in->severity, 3);
    gate_range(g, "地点代码", in->place_code, 999999);
    gate_date(g, "发现日期", in->found_on);
    out->class = in->class_;
    out->source = in->source;
    out->severity = in->severity;
    out->place_code = in->place_code;
    out->found_on = in->found_on;
    out->longitude_e6 = in->longitude_e6;
    out->latitude_e6 = in->latitude_e6;
    if (g->err != LZ_ok) return;
    if (out->title.len == 0) g->err = lz_refuse(g->fail, LZ_bad_argument, "缺少标题");
    else if (in->longitude_e6 < -180000000 || in->longitude_e6 > 180000000 || in->latitude_e6 < -90000000 || in->latitude_e6 > 90000000)
        g->err = lz_refuse(g->fail, LZ_bad_argument, "经纬度超出范围");
}

static void emergency_take(struct gate *g, const Lz__Emergency *in, struct emergency *out) {
    gate_unknown(g, &in->base);
    gate_text(g, "标题", in->title, LABEL_BYTES_MAX, &out->title);
    gate_text(g, "内容", in->body, TEXT_BYTES_MAX, &out->body);
    gate_text(g, "地点", in->place, LABEL_BYTES_MAX, &out->place);
    gate_range(g, "类别", in->class_, 255);
    gate_range(g, "地点代码", in->place_code, 999999);
    gate_range(g, "时间", in->began_ms, wall_max);
    gate_range(g, "面积", in->area_e2, UINT64_C(1) << 48);
    gate_range(g, "死亡人数", in->dead, 1000000);
    gate_range(g, "受伤人数", in->injured, 1000000);
    out->class = in->class_;
    out->place_code = in->place_code;
    out->began_ms = in->began_ms;
    out->area_e2 = in->area_e2;
    out->dead = in->dead;
    out->injured = in->injured;
    if (g->err == LZ_ok && out->title.len == 0) g->err = lz_refuse(g->fail, LZ_bad_argument, "缺少标题");
}

static void duty_take(struct gate *g, const Lz__Duty *in, struct duty *out) {
    gate_unknown(g, &in->base);
    gate_text(g, "姓名", in->name, LABEL_BYTES_MAX, &out->name);
    gate_text(g, "职务", in->post, LABEL_BYTES_MAX, &out->post);
    gate_text(g, "带班领导", in->leader, LABEL_BYTES_MAX, &out->leader);
    gate_text(g, "值班地点", in->room, LABEL_BYTES_MAX, &out->room);
    gate_text(g, "电话", in->phone, NUMBER_BYTES_MAX, &out->phone);
    gate_range(g, "班次", in->shift, 3);
    gate_range(g, "状态", in->state, 2);
    gate_date(g, "值班起", in->begins);
    gate_date(g, "值班止", in->ends);
    out->shift = in->shift;
    out->state = in->state;
    out->begins = in->begins;
    out->ends = in->ends;
    if (g->err == LZ_ok && out->name.len == 0) g->err = lz_refuse(g->fail, LZ_bad_argument, "缺少姓名");
}

static void ruling_take(struct gate *g, const Lz__Record *in, struct ruling *out) {
    struct rec_id version = { 0 };
    gate_unknown(g, &in->ruling->base);
    gate_text(g, "审核意见", in->ruling->text, TEXT_BYTES_MAX, &out->text);
    gate_range(g, "状态", in->ruling->state, FORM_STATES_MAX - 1);
    gate_id(g, "审核对象", in->subject, &version);
    out->state = in->ruling->state;
    const struct form_kind *form = kind_form(version.kind);
    if (g->err == LZ_ok && rec_id_none(version)) g->err = lz_refuse(g->fail, LZ_bad_argument, "缺少审核对象");
    if (g->err == LZ_ok && kind_row(version.kind) && (!form || out->state >= form->n_states))
        g->err = lz_refuse(g->fail, LZ_bad_argument, "这一种类没有第 %u 个状态", out->state);
}

static void rollup_take(struct gate *g, const Lz__Rollup *in, struct rollup *out) {
    gate_unknown(g, &in->base);
    gate_text(g, "标题", in->label, LABEL_BYTES_MAX, &out->label);
    gate_text(g, "文号", in->number, NUMBER_BYTES_MAX, &out->number);
    gate_range(g, "种类", in->kind, KIND_MAX);
    gate_range(g, "期限", in->due_ms, wall_max);
    gate_id(g, "汇总对象", in->subject, &out->subject);
    out->kind = in->kind;
    out->item = in->item;
    out->due_ms = in->due_ms;
    if (g->err != LZ_ok) return;
    if (in->n_counter != in->n_value || in->n_counter > 4 * (size_t)COUNTER_COUNT) {
        g->err = lz_refuse(g->fail, LZ_bad_packet, "汇总的计数和数值个数不同");
        return;
    }
    memset(&out->sum, 0, sizeof out->sum);
    /* a counter of a newer version is passed over: this tier cannot add what it does not know */
    for (size_t i = 0; i < in->n_counter; i++)
        if (in->counter[i] < COUNTER_COUNT) out->sum.of[in->counter[i]] = in->value[i];
    for (size_t i = 0; i < in->n_value && g->err == LZ_ok; i++)      /* so that no sum of sums can overflow */
        if (in->value[i] > ROLLUP_VALUE_MAX || in->value[i] < -ROLLUP_VALUE_MAX) g->err = lz_refuse(g->fail, LZ_bad_argument, "汇总的数值超出范围");
}

static void form_take(struct gate *g, struct arena *arena, const Lz__Record *in, struct record *r) {
    if (g->err != LZ_ok) return;
    if (!in->has_form) g->err = lz_refuse(g->fail, LZ_bad_packet, "种类 %u 缺少内容", r->kind);
    else g->err = codec_form_take(arena, r->kind, codec_bytes(in->form), &r->of.form, g->fail);
}

static void payload_take(struct gate *g, struct arena *arena, const Lz__Record *in, struct record *r) {
    const void *payload = NULL;
    if (kind_form(r->kind)) { form_take(g, arena, in, r); return; }
    switch ((enum kind)r->kind) {
    case KIND_general_order: case KIND_supervision_letter: case KIND_work_reminder: case KIND_task: case KIND_bulletin:
        if ((payload = in->directive)) directive_take(g, in->directive, &r->of.directive);
        break;
    case KIND_move: if ((payload = in->move)) move_take(g, in->move, &r->of.move); break;
    case KIND_progress: if ((payload = in->progress)) progress_take(g, in->progress, &r->of.progress); break;
    case KIND_problem: if ((payload = in->problem)) problem_take(g, in->problem, &r->of.problem); break;
    case KIND_emergency: if ((payload = in->emergency)) emergency_take(g, in->emergency, &r->of.emergency); break;
    case KIND_duty: if ((payload = in->duty)) duty_take(g, in->duty, &r->of.duty); break;
    case KIND_ruling: if ((payload = in->ruling)) ruling_take(g, in, &r->of.ruling); break;
    case KIND_rollup: if ((payload = in->rollup)) rollup_take(g, in->rollup, &r->of.rollup); break;
    case KIND_attachment:
        if ((payload = in->attachment) && g->err == LZ_ok) g->err = codec_attachment_take(in->attachment, &r->of.attachment, g->fail);
        break;
    case KIND_attachment_wish:
        if ((payload = in->attachment_wish) && g->err == LZ_ok) g->err = codec_wish_take(in->attachment_wish, &r->of.attachment_wish, g->fail);
        break;
    case KIND_none: case KIND_MAX: break;
    }
    if (!payload && g->err == LZ_ok) g->err = lz_refuse(g->fail, LZ_bad_packet, "种类 %u 缺少内容", r->kind);
}

static int code_order(uint32_t a, uint32_t b) { return (a > b) - (a < b); }

static void targets_take(struct gate *g, const Lz__Record *in, struct record *r) {
    r->targets = in->targets;
    r->n_targets = in->n_targets;
    r->target_all = in->target_all;
    if (g->err != LZ_ok) return;
    if (in->n_targets > TARGETS_MAX) { g->err = lz_refuse(g->fail, LZ_too_many, "接收单位 %zu 个，上限 %d", in->n_targets, TARGETS_MAX); return; }
    for (size_t i = 0; i < in->n_targets && g->err == LZ_ok; i++) {
        if (in->targets[i] < 100000 || in->targets[i] > 999999) g->err = lz_refuse(g->fail, LZ_unknown_unit, "单位代码 %u 不是六位", in->targets[i]);
        else if (i && code_order(in->targets[i - 1], in->targets[i]) >= 0) g->err = lz_refuse(g->fail, LZ_bad_packet, "接收单位未排序或重复");
    }
}

static void head_take(struct gate *g, const Lz__Record *in, struct record *r) {
    gate_unknown(g, &in->base);
    gate_range(g, "急缓", in->lane, LANE_COUNT - 1);
    gate_range(g, "方向", in->direction, DIRECTION_COUNT - 1);
    gate_range(g, "范围", in->reach, REACH_COUNT - 1);
    gate_range(g, "层级", in->tier, TIER_COUNT - 1);
    gate_range(g, "种类", in->kind, KIND_MAX);
    gate_range(g, "时间", in->written_ms, wall_max);
    gate_text(g, "经办人", in->author, AUTHOR_BYTES_MAX, &r->author);
    gate_id(g, "主题", in->subject, &r->subject);
    r->key = codec_bytes(in->key);
    r->request = codec_bytes(in->request);
    if (g->err != LZ_ok) return;
    if (r->key.len > REGISTER_KEY_MAX) {
        g->err = lz_refuse(g->fail, LZ_too_large, "键 %zu 字节，上限 %d", r->key.len, REGISTER_KEY_MAX);
        r->key = (struct lz_bytes){ 0 };                     /* what is refused is still filed under its key */
    } else if (r->request.len != 0 && r->request.len != 16) g->err = lz_refuse(g->fail, LZ_bad_packet, "请求号应为 16 字节");
    else if (in->sensitivity > 1) g->err = lz_refuse(g->fail, LZ_secret_refused, "密级 %u：本系统不处理涉密内容", in->sensitivity);
    r->origin = in->origin;
    r->kind = (uint16_t)in->kind;
    r->stamp = in->stamp;
    r->epoch = in->epoch;
    r->lane = (uint8_t)in->lane;
    r->direction = (uint8_t)in->direction;
    r->reach = (uint8_t)in->reach;
    r->tier = (uint8_t)in->tier;
    r->sensitivity = (uint8_t)in->sensitivity;
    r->written_ms = in->written_ms;
    r->request_index = in->request_index;
    targets_take(g, in, r);
}

/* Envelopes written by this program are one field long; others go the general way. */
static enum lz_err envelope_open(struct arena *arena, struct lz_bytes envelope, struct lz_bytes *bytes, struct lz_bytes *seal, struct lz_fail *fail) {
    if (envelope.len > RECORD_BYTES_MAX + 512) return lz_refuse(fail, LZ_too_large, "记录 %zu 字节，超过上限", envelope.len);
    if (envelope.len >= 2 && envelope.data[0] == 0x0a) {
        size_t at = 1, size = 0;
        for (unsigned shift = 0; at < envelope.len && shift <= 21; shift += 7) {
            uint8_t b = envelope.data[at++];
            size |= (size_t)(b & 0x7f) << shift;
            if (b < 0x80) {
                if (size > envelope.len - at) break;
                size_t rest = envelope.len - at - size;
                const uint8_t *tail = envelope.data + envelope.len - rest;
                if (rest != 0 && !(rest == SEAL_FIELD && tail[0] == SEAL_TAG && tail[1] == SEAL_BYTES)) break;
                *bytes = lz_bytes_of(envelope.data + at, size);
                *seal = lz_bytes_of(tail + 2, rest ? SEAL_BYTES : 0);
                return LZ_ok;
            }
        }
    }
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__Envelope *message = lz__envelope__unpack(&allocator, envelope.len, envelope.data);
    if (!message || message->base.n_unknown_fields > UNKNOWN_FIELDS_MAX || message->signer.len > 64 || message->signature.len > 128)
        return lz_refuse(fail, LZ_bad_packet, "信封格式不对");
    *bytes = codec_bytes(message->record);
    *seal = codec_bytes(message->signature);
    return LZ_ok;
}

/* A rollup is kept under what it sums: another key would let one sum stand in for another. */
static bool rollup_key_fits(const struct record *r) {
    uint8_t key[2 + REC_ID_BYTES];
    lz_put16(key, (uint16_t)r->of.rollup.kind);
    rec_id_put(r->of.rollup.subject, key + 2);
    return lz_bytes_equal(r->key, lz_bytes_of(key, sizeof key));
}

enum lz_err record_decode(struct arena *arena, struct lz_bytes envelope, struct record *r, struct lz_fail *fail) {
    memset(r, 0, sizeof *r);
    r->envelope = envelope;
    enum lz_err err = envelope_open(arena, envelope, &r->bytes, &r->seal, fail);
    if (err != LZ_ok) return err;
    if (r->bytes.len == 0 || r->bytes.len > RECORD_BYTES_MAX) return lz_refuse(fail, LZ_too_large, "记录 %zu 字节，超过上限或为空", r->bytes.len);
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__Record *in = lz__record__unpack(&allocator, r->bytes.len, r->bytes.data);
    if (!in) return lz_refuse(fail, LZ_bad_packet, "记录不能解析");
    struct gate gate = { fail, LZ_ok };
    head_take(&gate, in, r);
    if (gate.err != LZ_ok) return gate.err;
    if (r->origin < 100000 || r->origin > 999999) return lz_refuse(fail, LZ_unknown_unit, "来源代码 %u 不是六位", r->origin);
    if (r->stamp == 0) return lz_refuse(fail, LZ_bad_packet, "记录没有时间戳");
    const struct kind_row *row = kind_row(r->kind);
    if (!row) return lz_refuse(fail, LZ_unknown_kind, "不认识的种类 %u", r->kind);
    if ((row->class == CLASS_REGISTER) != (r->key.len != 0)) return lz_refuse(fail, LZ_bad_packet, "%s的键不对", lz_said(fail, row->zh));
    bool as_its_kind = r->kind == KIND_attachment ? codec_attachment_head(r) : row->direction == r->direction && row->reach == r->reach;
    if (!as_its_kind || r->lane > row->lane)
        return lz_refuse(fail, LZ_wrong_direction, "%s的方向或范围被改动", lz_said(fail, row->zh));
    payload_take(&gate, arena, in, r);
    if (gate.err == LZ_ok && r->kind == KIND_rollup && !rollup_key_fits(r)) return lz_refuse(fail, LZ_bad_packet, "汇总的键与内容不符");
    return gate.err;
}

enum lz_err draft_decode(struct arena *arena, struct lz_bytes bytes, struct record *draft, struct lz_fail *fail) {
    memset(draft, 0, sizeof *draft);
    if (bytes.len == 0 || bytes.len > RECORD_BYTES_MAX)
        return lz_refuse(fail, LZ_too_large, "内容 %zu 字节，超过每条 %d 字节的上限", bytes.len, RECORD_BYTES_MAX);
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__Record *in = lz__record__unpack(&allocator, bytes.len, bytes.data);
    if (!in) return lz_refuse(fail, LZ_bad_packet, "提交的内容不能解析");
    struct gate gate = { fail, LZ_ok };
    head_take(&gate, in, draft);
    if (gate.err != LZ_ok) return gate.err;
    if (!kind_row(draft->kind)) return lz_refuse(fail, LZ_unknown_kind, "不认识的种类 %u", draft->kind);
    payload_take(&gate, arena, in, draft);
    return gate.err;
}
