/* codec: records, drafts, packets, asks and answers; and what the gates keep out. Hostile bytes are made with the generated
 * protobuf code, which the daemon's own encoders would never write. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include "../../daemon/core/core.h"
#include "control.pb-c.h"
#include "record.pb-c.h"
#include "sync.pb-c.h"

static struct arena *arena;
static void open_arena(void) { arena = arena_create(64 << 20); }
static void close_arena(void) { arena_destroy(&arena); }
TestSuite(record, .init = open_arena, .fini = close_arena);
TestSuite(gate, .init = open_arena, .fini = close_arena);
TestSuite(packet, .init = open_arena, .fini = close_arena);
TestSuite(control, .init = open_arena, .fini = close_arena);

static struct lz_bytes str(const char *text) { return lz_bytes_str(text); }
static uint64_t dice_state;
static uint64_t dice(uint64_t below) {
    dice_state ^= dice_state << 13;
    dice_state ^= dice_state >> 7;
    dice_state ^= dice_state << 17;
    return dice_state % below;
}

/* Exactly len bytes, so that a sanitizer sees a read behind them. */
static uint8_t *exact(struct lz_bytes in, size_t len) {
    uint8_t *copy = malloc(len ? len : 1);
    cr_assert(copy);
    if (len) memcpy(copy, in.data, len);
    return copy;
}

/* ---- one of each kind, with every field set ---- */
static const struct rec_id some_task = { 410000, KIND_task, 0x017F000000000001ull, 77 };
static const struct rec_id some_move = { 410802, KIND_move, 0x017F000000000002ull, 78 };

static void fill_payload(struct record *r) {
    switch ((enum kind)r->kind) {
    case KIND_general_order: case KIND_supervision_letter: case KIND_work_reminder: case KIND_task: case KIND_bulletin:
        r->of.directive = (struct directive){ str("焦林长督〔2022〕3号"), 2022, 3, str("题目"), str("正文\n第二行"), str("签发人"), str("牵头"),
                                              str("责任"), str("要求"), 19, str("焦林长办〔2022〕6号"), 1650729600000, true, true, some_task, some_move };
        break;
    case KIND_move: r->of.move = (struct move){ 4, 410802, some_move, some_move, str("已完成"), 1650729600000, 410000 }; break;
    case KIND_progress: r->of.progress = (struct progress){ 20220424, 35, 100, str("进展") }; break;
    case KIND_problem:
        r->of.problem = (struct problem){ 8, 2, str("题目"), str("内容"), str("地点"), str("T-7"), 410821, -113250000, 35200000, 20220424, 3,
                                            str("L-7"), str("P-9") };
        break;
    case KIND_emergency: r->of.emergency = (struct emergency){ 1, str("火情"), str("内容"), str("地点"), 410821, 1650729600000, 1234567, 2, 3 }; break;
    case KIND_duty:
        r->of.duty = (struct duty){ str("王五"), str("科长"), str("赵六"), str("防火值班室"), str("0391-1234567"), 3, 20210101, 20251231, 2 };
        break;
    case KIND_ruling:
        r->subject.kind = (uint16_t)kind_by_name("office")->number;
        r->of.ruling = (struct ruling){ 2, str("面积与年度变更调查不符") };
        break;
    case KIND_rollup:
        r->of.rollup = (struct rollup){ KIND_task, some_task, str("题目"), str("焦林长督〔2022〕3号"), 19, 1650729600000, { { 0 } } };
        for (int i = 0; i < COUNTER_COUNT; i++) r->of.rollup.sum.of[i] = i % 3 ? i * 1000 - 7 : -i;
        break;
    case KIND_attachment:
        r->of.attachment = (struct attachment){ { 1, 2, 3 }, 7, 5, 0, str("12345"), str("现场 1.jpg"), str("image/jpeg"), some_move };
        break;
    case KIND_attachment_wish: r->of.attachment_wish = (struct attachment_wish){ true, { 4, 5, 6 } }; break;
    case KIND_none: case KIND_MAX: cr_assert_fail("kind %u is not in this test", r->kind);
    }
}

/* A rollup is kept under what it sums. */
static struct lz_bytes rollup_key(const struct rollup *r) {
    uint8_t *key = malloc(2 + REC_ID_BYTES);
    cr_assert(key);
    lz_put16(key, (uint16_t)r->kind);
    rec_id_put(r->subject, key + 2);
    return lz_bytes_of(key, 2 + REC_ID_BYTES);
}

static struct record full(uint32_t kind) {
    static uint32_t targets[] = { 410802, 410803, 410882 };
    const struct kind_row *row = kind_row(kind);
    struct record r = {
        .origin = 410800, .kind = (uint16_t)kind, .lane = (uint8_t)row->lane, .direction = (uint8_t)row->direction, .reach = (uint8_t)row->reach,
        .tier = TIER_CITY, .stamp = 0x0180506E9D000005ull, .epoch = 0xDEADBEEF, .author = str("张三"), .request = str("0123456789abcdef"),
        .request_index = 3, .written_ms = 1650729600123, .sensitivity = 1, .subject = some_task, .targets = targets, .n_targets = 3,
    };
    if (row->class == CLASS_REGISTER) r.key = str("键-1");
    fill_payload(&r);
    if (kind == KIND_rollup) r.key = rollup_key(&r.of.rollup);
    if (kind == KIND_attachment) { r.direction = DIRECTION_DOWN; r.reach = REACH_TARGETS; }      /* its subject's way: test_attachment has the others */
    return r;
}

#define SAME(field) cr_assert_eq(a->field, b->field, "kind %u: %s", kind, #field)
#define SAME_TEXT(field) cr_assert(lz_bytes_equal(a->field, b->field), "kind %u: %s", kind, #field)
#define SAME_ID(field) cr_assert(rec_id_equal(a->field, b->field), "kind %u: %s", kind, #field)
static void same_directive(unsigned kind, const struct directive *a, const struct directive *b) {
    SAME_TEXT(number); SAME(year); SAME(serial); SAME_TEXT(title); SAME_TEXT(body); SAME_TEXT(signers); SAME_TEXT(lead); SAME_TEXT(responsible);
    SAME_TEXT(measure); SAME(item); SAME_TEXT(plan); SAME(due_ms); SAME(answer_wanted); SAME(holds_parent); SAME_ID(parent); SAME_ID(about);
}
static void same_move(unsigned kind, const struct move *a, const struct move *b) {
    SAME(move); SAME(unit); SAME_ID(follows); SAME_ID(report); SAME_TEXT(text); SAME(due_ms); SAME(to_unit);
}
static void same_problem(unsigned kind, const struct problem *a, const struct problem *b) {
    SAME(class); SAME(source); SAME_TEXT(title); SAME_TEXT(body); SAME_TEXT(place); SAME_TEXT(parcel); SAME(place_code); SAME(longitude_e6);
    SAME(latitude_e6); SAME(found_on); SAME(severity); SAME_TEXT(finder); SAME_TEXT(patrol);
}
static void same_emergency(unsigned kind, const struct emergency *a, const struct emergency *b) {
    SAME(class); SAME_TEXT(title); SAME_TEXT(body); SAME_TEXT(place); SAME(place_code); SAME(began_ms); SAME(area_e2); SAME(dead); SAME(injured);
}
static void same_duty(unsigned kind, const struct duty *a, const struct duty *b) {
    SAME_TEXT(name); SAME_TEXT(post); SAME_TEXT(leader); SAME_TEXT(room); SAME_TEXT(phone); SAME(shift); SAME(begins); SAME(ends); SAME(state);
}
static void same_rollup(unsigned kind, const struct rollup *a, const struct rollup *b) {
    SAME(kind); SAME_ID(subject); SAME_TEXT(label); SAME_TEXT(number); SAME(item); SAME(due_ms);
    for (int i = 0; i < COUNTER_COUNT; i++) cr_assert_eq(a->sum.of[i], b->sum.of[i], "counter %d", i);
}
static void same_payload(const struct record *a, const struct record *b) {
    switch ((enum kind)a->kind) {
    case KIND_general_order: case KIND_supervision_letter: case KIND_work_reminder: case KIND_task: case KIND_bulletin:
        same_directive(a->kind, &a->of.directive, &b->of.directive); break;
    case KIND_move: same_move(a->kind, &a->of.move, &b->of.move); break;
    case KIND_progress: {
        const struct progress *p = &a->of.progress, *q = &b->of.progress;
        cr_assert(p->as_of == q->as_of && p->numerator == q->numerator && p->denominator == q->denominator && lz_bytes_equal(p->text, q->text));
        break;
    }
    case KIND_problem: same_problem(a->kind, &a->of.problem, &b->of.problem); break;
    case KIND_emergency: same_emergency(a->kind, &a->of.emergency, &b->of.emergency); break;
    case KIND_duty: same_duty(a->kind, &a->of.duty, &b->of.duty); break;
    case KIND_ruling: cr_assert(a->of.ruling.state == b->of.ruling.state && lz_bytes_equal(a->of.ruling.text, b->of.ruling.text)); break;
    case KIND_rollup: same_rollup(a->kind, &a->of.rollup, &b->of.rollup); break;
    case KIND_attachment: {
        const struct attachment *x = &a->of.attachment, *y = &b->of.attachment;
        cr_assert(memcmp(x->hash, y->hash, FILE_HASH_BYTES) == 0 && x->total == y->total && x->piece == y->piece && x->index == y->index);
        cr_assert(lz_bytes_equal(x->data, y->data) && lz_bytes_equal(x->name, y->name) && lz_bytes_equal(x->type, y->type) && rec_id_equal(x->wish, y->wish));
        break;
    }
    case KIND_attachment_wish:
        cr_assert_eq(a->of.attachment_wish.by_hash, b->of.attachment_wish.by_hash);
        cr_assert_eq(memcmp(a->of.attachment_wish.hash, b->of.attachment_wish.hash, FILE_HASH_BYTES), 0);
        break;
    case KIND_none: case KIND_MAX: cr_assert_fail();
    }
}
static void same_record(const struct record *a, const struct record *b) {
    unsigned kind = a->kind;
    SAME(origin); SAME(kind); SAME(lane); SAME(direction); SAME(reach); SAME(tier); SAME_TEXT(key); SAME(stamp); SAME(epoch); SAME_TEXT(author);
    SAME_TEXT(request); SAME(request_index); SAME(written_ms); SAME(sensitivity); SAME_ID(subject); SAME(n_targets); SAME(target_all);
    for (size_t i = 0; i < a->n_targets; i++) SAME(targets[i]);
    same_payload(a, b);
}

static struct lz_bytes encoded(struct record *r) {
    struct lz_fail fail = { 0 };
    cr_assert_eq(record_encode(arena, r, &fail), LZ_ok, "%s", fail.text);
    return r->envelope;
}

/* ---- round trips ---- */
Test(record, of_every_kind_comes_back_as_it_was) {
    for (size_t i = 0; i < kind_count(); i++) {
        struct record a = full(kind_at(i)->number), b;
        struct lz_fail fail = { 0 };
        struct lz_bytes envelope = encoded(&a);
        cr_assert_eq(record_decode(arena, envelope, &b, &fail), LZ_ok, "kind %u: %s", a.kind, fail.text);
        same_record(&a, &b);
    }
}

Test(record, with_only_what_it_must_have_comes_back_too) {
    for (size_t i = 0; i < kind_count(); i++) {
        struct record a = full(kind_at(i)->number), b;
        a.author = a.request = (struct lz_bytes){ 0 };
        a.request_index = 0; a.written_ms = 0; a.sensitivity = 0; a.tier = 0; a.epoch = 0;
        if (a.kind != KIND_ruling) a.subject = (struct rec_id){ 0 };
        a.n_targets = 0;
        a.target_all = true;
        if (kind_is_directive(a.kind)) a.of.directive = (struct directive){ .title = str("题") };
        if (a.kind == KIND_move) a.of.move = (struct move){ .move = 2 };
        if (a.kind == KIND_progress) a.of.progress = (struct progress){ .as_of = 20220424, .denominator = 1 };
        if (a.kind == KIND_problem) a.of.problem = (struct problem){ .title = str("题") };
        if (a.kind == KIND_emergency) a.of.emergency = (struct emergency){ .title = str("题") };
        if (a.kind == KIND_duty) a.of.duty = (struct duty){ .name = str("名") };
        if (a.kind == KIND_attachment) a.of.attachment = (struct attachment){ .total = 1, .piece = 1, .data = str("a"), .name = str("名") };
        if (a.kind == KIND_attachment_wish) a.of.attachment_wish = (struct attachment_wish){ .by_hash = false };
        if (a.kind == KIND_rollup) { a.of.rollup = (struct rollup){ .kind = KIND_task }; a.key = rollup_key(&a.of.rollup); }
        struct lz_fail fail = { 0 };
        cr_assert_eq(record_decode(arena, encoded(&a), &b, &fail), LZ_ok, "kind %u: %s", a.kind, fail.text);
        same_record(&a, &b);
    }
}

Test(record, keeps_the_bytes_it_came_in) {
    for (size_t i = 0; i < kind_count(); i++) {
        struct record a = full(kind_at(i)->number), again = a, b;
        struct lz_bytes envelope = encoded(&a);
        cr_assert(lz_bytes_equal(encoded(&again), envelope), "the same struct gives the same bytes");
        cr_assert_eq(record_decode(arena, envelope, &b, NULL), LZ_ok);
        cr_assert_eq(b.envelope.data, envelope.data, "a relay sends what it was given, not a copy that was packed again");
        cr_assert_eq(b.envelope.len, envelope.len);
        cr_assert(b.bytes.data > envelope.data && b.bytes.data + b.bytes.len == envelope.data + envelope.len);
        cr_assert(lz_bytes_equal(b.bytes, a.bytes));
        struct record c = b;
        c.envelope = c.bytes = (struct lz_bytes){ 0 };
        cr_assert(lz_bytes_equal(encoded(&c), envelope), "kind %u: what was decoded packs to the same bytes", a.kind);
    }
}

Test(record, of_the_largest_size_passes_and_one_byte_more_does_not) {
    static char text[TEXT_BYTES_MAX];
    memset(text, 'a', sizeof text);
    struct record a = full(KIND_task), b;
    a.of.directive.body = lz_bytes_of(text, sizeof text);
    a.of.directive.measure = lz_bytes_of(text, 1000);
    encoded(&a);
    size_t more = RECORD_BYTES_MAX - a.bytes.len;
    a.of.directive.measure.len += more < 32 ? 0 : more - 8;
    encoded(&a);                                           /* length prefixes have grown by now */
    a.of.directive.measure.len += RECORD_BYTES_MAX - a.bytes.len;
    encoded(&a);
    cr_assert_eq(a.bytes.len, RECORD_BYTES_MAX);
    cr_assert_eq(record_decode(arena, a.envelope, &b, NULL), LZ_ok);
    struct lz_fail fail = { 0 };
    a.of.directive.measure.len++;
    cr_assert_eq(record_encode(arena, &a, &fail), LZ_too_large);
    cr_assert(strstr(fail.text, "65536"), "the person is told the limit: %s", fail.text);
    struct lz_bytes draft;
    cr_assert_eq(draft_encode(arena, &a, &draft, &fail), LZ_too_large);
}

Test(record, that_is_cut_anywhere_is_refused) {
    for (size_t i = 0; i < kind_count(); i++) {
        struct record a = full(kind_at(i)->number), b;
        struct lz_bytes envelope = encoded(&a);
        for (size_t len = 0; len < envelope.len; len++) {
            uint8_t *copy = exact(envelope, len);
            enum lz_err err = record_decode(arena, lz_bytes_of(copy, len), &b, NULL);
            if (err == LZ_ok || err == LZ_unknown_kind) cr_assert_fail("kind %u cut to %zu of %zu bytes passes", a.kind, len, envelope.len);
            free(copy);
        }
        /* and the record inside a whole envelope */
        for (size_t len = 0; len < a.bytes.len; len++) {
            uint8_t *copy = malloc(len + 5);
            size_t n = 0;
            copy[n++] = 0x0a;
            if (len >= 0x80) copy[n++] = (uint8_t)(len | 0x80);
            copy[n++] = (uint8_t)(len >= 0x80 ? len >> 7 : len);
            memcpy(copy + n, a.bytes.data, len);
            enum lz_err err = record_decode(arena, lz_bytes_of(copy, n + len), &b, NULL);
            if (err == LZ_ok) cr_assert_fail("kind %u: a record of %zu of %zu bytes passes", a.kind, len, a.bytes.len);
            free(copy);
        }
        arena_reset(arena);
    }
}

/* What the gate let through is what it promises, whatever it was made from. */
static void must_be_sound(const struct record *r) {
    const struct kind_row *row = kind_row(r->kind);
    cr_assert(row && r->origin >= 100000 && r->origin <= 999999 && r->stamp != 0);
    cr_assert((r->kind == KIND_attachment || (r->direction == row->direction && r->reach == row->reach)) && r->lane <= row->lane && r->tier < TIER_COUNT);
    cr_assert_eq(row->class == CLASS_REGISTER, r->key.len != 0);
    cr_assert(r->sensitivity <= 1 && r->author.len <= AUTHOR_BYTES_MAX && lz_text_valid(r->author));
    for (size_t i = 1; i < r->n_targets; i++) cr_assert(r->targets[i - 1] < r->targets[i]);
    if (kind_is_directive(r->kind)) cr_assert(r->of.directive.title.len && lz_text_valid(r->of.directive.title) && lz_text_valid(r->of.directive.body));
    if (r->kind == KIND_progress) cr_assert(r->of.progress.denominator > 0 && lz_date_valid(r->of.progress.as_of));
    if (r->kind == KIND_problem && r->of.problem.found_on) cr_assert(lz_date_valid(r->of.problem.found_on));
    if (r->kind == KIND_duty) cr_assert(r->of.duty.name.len && r->of.duty.state <= 2);
}

/* Bits flipped, bytes replaced, inserted, left out. */
static uint8_t *mutated(struct lz_bytes in, size_t *len) {
    uint8_t *out = malloc(in.len + 64);
    size_t n = in.len;
    memcpy(out, in.data, n);
    for (uint64_t times = 1 + dice(4); times > 0; times--) {
        size_t at = (size_t)dice(n);
        switch (dice(5)) {
        case 0: out[at] ^= (uint8_t)(1u << dice(8)); break;
        case 1: out[at] = (uint8_t)dice(256); break;
        case 2: memmove(out + at + 1, out + at, n - at); out[at] = (uint8_t)dice(256); n++; break;
        case 3: if (n > 1) { memmove(out + at, out + at + 1, n - at - 1); n--; } break;
        default: out[at] = 0xFF;
        }
    }
    *len = n;
    uint8_t *copy = exact(lz_bytes_of(out, n), n);
    free(out);
    return copy;
}

Test(record, that_was_tampered_with_never_crashes) {
    size_t passed = 0;
    dice_state = 20220424;
    for (size_t i = 0; i < kind_count(); i++) {
        struct record a = full(kind_at(i)->number), b;
        struct lz_bytes envelope = encoded(&a);
        uint8_t *original = exact(envelope, envelope.len);
        for (int round = 0; round < 2000; round++) {
            size_t len, inner;
            uint8_t *copy = mutated(lz_bytes_of(original, envelope.len), &len);
            struct lz_fail fail = { 0 };
            enum lz_err err = record_decode(arena, lz_bytes_of(copy, len), &b, &fail);
            if (err == LZ_ok) { must_be_sound(&b); passed++; }
            else if (err != LZ_unknown_kind) cr_assert(fail.code == err && fail.text[0], "a refusal has its sentence");
            /* the record inside, in an envelope that is right */
            uint8_t *bad = mutated(lz_bytes_of(original + 3, envelope.len - 3), &inner);
            (void)!draft_decode(arena, lz_bytes_of(bad, inner), &b, &fail);
            free(copy);
            free(bad);
            arena_reset(arena);
        }
        free(original);
    }
    cr_assert(passed > 100, "some mutations only change a text: %zu", passed);
}

Test(record, too_large_or_empty_is_refused_before_it_is_parsed) {
    static uint8_t zeros[RECORD_BYTES_MAX + 1024];
    struct record r;
    size_t before = arena_used(arena);
    cr_assert_eq(record_decode(arena, lz_bytes_of(zeros, sizeof zeros), &r, NULL), LZ_too_large);
    cr_assert_eq(draft_decode(arena, lz_bytes_of(zeros, RECORD_BYTES_MAX + 1), &r, NULL), LZ_too_large);
    cr_assert_eq(arena_used(arena), before);
    cr_assert_neq(record_decode(arena, lz_bytes_of(NULL, 0), &r, NULL), LZ_ok);
    cr_assert_eq(draft_decode(arena, lz_bytes_of(NULL, 0), &r, NULL), LZ_too_large);
    static const uint8_t nothing_inside[] = { 0x0a, 0x00 };
    cr_assert_neq(record_decode(arena, lz_bytes_of(nothing_inside, 2), &r, NULL), LZ_ok);
}

Test(record, that_finds_no_memory_is_refused) {
    struct record a = full(KIND_task), b;
    struct lz_bytes envelope = encoded(&a), draft;
    struct arena *small = arena_create(64);
    cr_assert_eq(record_decode(small, envelope, &b, NULL), LZ_bad_packet);
    cr_assert_eq(record_encode(small, &a, NULL), LZ_too_large);
    cr_assert_eq(draft_encode(small, &a, &draft, NULL), LZ_too_large);
    arena_destroy(&small);
}

Test(record, as_a_draft_needs_no_origin) {
    for (size_t i = 0; i < kind_count(); i++) {
        struct record a = full(kind_at(i)->number), b;
        a.origin = 0; a.stamp = 0; a.epoch = 0; a.tier = 0;
        struct lz_bytes draft;
        struct lz_fail fail = { 0 };
        cr_assert_eq(draft_encode(arena, &a, &draft, &fail), LZ_ok, "%s", fail.text);
        cr_assert_eq(draft_decode(arena, draft, &b, &fail), LZ_ok, "kind %u: %s", a.kind, fail.text);
        same_record(&a, &b);
        for (size_t len = 0; len < draft.len; len++) {
            uint8_t *copy = exact(draft, len);
            if (draft_decode(arena, lz_bytes_of(copy, len), &b, NULL) == LZ_ok) cr_assert_fail("kind %u cut to %zu", a.kind, len);
            free(copy);
        }
    }
    struct record none = { .kind = 99 };
    struct lz_bytes draft;
    cr_assert_eq(draft_encode(arena, &none, &draft, NULL), LZ_unknown_kind);
}

/* ---- what the gate keeps out ---- */
static Lz__Record *opened(uint32_t kind) {
    struct record r = full(kind);
    encoded(&r);
    Lz__Record *m = lz__record__unpack(NULL, r.bytes.len, r.bytes.data);
    cr_assert(m);
    return m;
}
/* An envelope around bytes, with the extra bytes behind the record field. */
static struct lz_bytes wrapped(struct lz_bytes record, struct lz_bytes extra) {
    Lz__Envelope e = LZ__ENVELOPE__INIT;
    e.has_record = 1;
    e.record = (ProtobufCBinaryData){ record.len, (uint8_t *)(uintptr_t)record.data };
    uint8_t *out = arena_alloc(arena, record.len + extra.len + 16);
    size_t n = lz__envelope__pack(&e, out);
    if (extra.len) memcpy(out + n, extra.data, extra.len);
    return lz_bytes_of(out, n + extra.len);
}
static struct lz_bytes packed(const Lz__Record *m, struct lz_bytes extra) {
    uint8_t *out = arena_alloc(arena, lz__record__get_packed_size(m) + extra.len);
    size_t n = lz__record__pack(m, out);
    if (extra.len) memcpy(out + n, extra.data, extra.len);
    return lz_bytes_of(out, n + extra.len);
}
static struct record judged;
static enum lz_err judge(const Lz__Record *m) {
    struct lz_fail fail = { 0 };
    enum lz_err err = record_decode(arena, wrapped(packed(m, lz_bytes_of(NULL, 0)), lz_bytes_of(NULL, 0)), &judged, &fail);
    cr_assert(err == LZ_ok || fail.text[0]);
    return err;
}
#define SET(field_, value_) (m->has_##field_ = 1, m->field_ = (value_))
#define OF(payload_, field_, value_) (m->payload_->has_##field_ = 1, m->payload_->field_ = (value_))
static ProtobufCBinaryData data(const char *text, size_t len) {
    uint8_t *copy = arena_alloc(arena, len + 1);
    memcpy(copy, text, len);
    return (ProtobufCBinaryData){ len, copy };
}
static ProtobufCBinaryData run_of(char c, size_t len) {
    uint8_t *copy = arena_alloc(arena, len + 1);
    memset(copy, c, len);
    return (ProtobufCBinaryData){ len, copy };
}
#define EXPECT(kind_, code_, ...) \
    do { \
        Lz__Record *m = opened(kind_); \
        __VA_ARGS__; \
        enum lz_err got_ = judge(m); \
        cr_assert_eq(got_, code_, "kind %u, %s: %s, not %s", (unsigned)(kind_), #__VA_ARGS__, lz_err_name(got_), lz_err_name(code_)); \
    } while (0)

Test(gate, the_tools_of_this_test_change_nothing_by_themselves) {
    for (size_t i = 0; i < kind_count(); i++) EXPECT(kind_at(i)->number, LZ_ok, (void)m);
}

Test(gate, of_the_head) {
    EXPECT(KIND_task, LZ_unknown_unit, SET(origin, 0));
    EXPECT(KIND_task, LZ_unknown_unit, SET(origin, 99999));
    EXPECT(KIND_task, LZ_unknown_unit, SET(origin, 1000000));
    EXPECT(KIND_task, LZ_bad_packet, SET(stamp, 0));
    EXPECT(KIND_task, LZ_bad_argument, SET(kind, 256 + KIND_task));
    EXPECT(KIND_task, LZ_unknown_kind, SET(kind, 0));
    EXPECT(KIND_task, LZ_bad_argument, SET(lane, LANE_COUNT));
    EXPECT(KIND_task, LZ_bad_argument, SET(lane, 256));
    EXPECT(KIND_task, LZ_bad_argument, SET(direction, 256));
    EXPECT(KIND_task, LZ_bad_argument, SET(reach, 256 + REACH_TARGETS));
    EXPECT(KIND_task, LZ_bad_argument, SET(tier, TIER_COUNT));
    EXPECT(KIND_task, LZ_secret_refused, SET(sensitivity, 2));
    EXPECT(KIND_task, LZ_secret_refused, SET(sensitivity, 256));
    EXPECT(KIND_task, LZ_ok, SET(sensitivity, 0));
    EXPECT(KIND_task, LZ_bad_argument, SET(written_ms, 253402300800001ull));
    EXPECT(KIND_task, LZ_bad_packet, SET(request, data("0123456789abcde", 15)));
    EXPECT(KIND_task, LZ_bad_packet, SET(request, data("0123456789abcdefg", 17)));
    EXPECT(KIND_task, LZ_bad_argument, SET(subject, run_of('x', REC_ID_BYTES - 1)));
    EXPECT(KIND_task, LZ_bad_argument, SET(subject, run_of('x', REC_ID_BYTES + 1)));
    EXPECT(KIND_task, LZ_bad_argument, SET(subject, run_of(0, REC_ID_BYTES)));
    EXPECT(KIND_task, LZ_too_large, SET(author, run_of('a', AUTHOR_BYTES_MAX + 1)));
    EXPECT(KIND_task, LZ_bad_utf8, SET(author, data("a\0b", 3)));
}

Test(gate, of_registers_and_events) {
    EXPECT(KIND_duty, LZ_bad_packet, m->has_key = 0);
    EXPECT(KIND_rollup, LZ_bad_packet, SET(key, data("", 0)));
    EXPECT(KIND_duty, LZ_too_large, SET(key, run_of('k', REGISTER_KEY_MAX + 1)));
    for (size_t i = 0; i < kind_count(); i++)
        if (kind_at(i)->class == CLASS_EVENT) EXPECT(kind_at(i)->number, LZ_bad_packet, SET(key, data("k", 1)));
}

Test(gate, of_direction_and_reach) {
    for (size_t i = 0; i < kind_count(); i++) {
        const struct kind_row *row = kind_at(i);
        if (row->number == KIND_attachment) continue;
        for (unsigned d = 0; d < DIRECTION_COUNT; d++)
            if (d != row->direction) EXPECT(row->number, LZ_wrong_direction, SET(direction, d));
        for (unsigned reach = 0; reach < REACH_COUNT; reach++)
            if (reach != row->reach) EXPECT(row->number, LZ_wrong_direction, SET(reach, reach));
        for (unsigned lane = 0; lane < LANE_COUNT; lane++)
            EXPECT(row->number, lane <= row->lane ? LZ_ok : LZ_wrong_direction, SET(lane, lane));
    }
}

#define TARGETS(...) do { static uint32_t list_[] = { __VA_ARGS__ }; m->targets = list_; m->n_targets = LZ_COUNT(list_); } while (0)
Test(gate, of_targets) {
    EXPECT(KIND_task, LZ_bad_packet, TARGETS(410803, 410802));
    EXPECT(KIND_task, LZ_bad_packet, TARGETS(410802, 410802));
    EXPECT(KIND_task, LZ_bad_packet, TARGETS(410801, 410802, 410804, 410803));
    EXPECT(KIND_task, LZ_unknown_unit, TARGETS(99999));
    EXPECT(KIND_task, LZ_unknown_unit, TARGETS(410802, 1000000));
    EXPECT(KIND_task, LZ_unknown_unit, TARGETS(0));
    static uint32_t many[TARGETS_MAX + 1];
    for (uint32_t i = 0; i < LZ_COUNT(many); i++) many[i] = 410000 + i;
    EXPECT(KIND_task, LZ_ok, (m->targets = many, m->n_targets = TARGETS_MAX));
    cr_assert_eq(judged.n_targets, TARGETS_MAX);
    EXPECT(KIND_task, LZ_too_many, (m->targets = many, m->n_targets = TARGETS_MAX + 1));
}

Test(gate, of_texts) {
    static const struct { const char *text; size_t len; } bad[] = {
        { "a\0b", 3 }, { "\xFF", 1 }, { "\xC0\xAF", 2 }, { "\xED\xA0\x80", 3 }, { "\xE6\x9E", 2 }, { "\x1B[2J", 4 }, { "\x7F", 1 }, { "a\rb", 3 },
    };
    for (size_t i = 0; i < LZ_COUNT(bad); i++) {
        ProtobufCBinaryData t = data(bad[i].text, bad[i].len);
        EXPECT(KIND_task, LZ_bad_utf8, OF(directive, title, t));
        EXPECT(KIND_task, LZ_bad_utf8, OF(directive, body, t));
        EXPECT(KIND_task, LZ_bad_utf8, OF(directive, signers, t));
        EXPECT(KIND_task, LZ_bad_utf8, OF(directive, lead, t));
        EXPECT(KIND_task, LZ_bad_utf8, OF(directive, responsible, t));
        EXPECT(KIND_task, LZ_bad_utf8, OF(directive, measure, t));
        EXPECT(KIND_task, LZ_bad_utf8, OF(directive, plan, t));
        EXPECT(KIND_task, LZ_bad_utf8, OF(directive, number, t));
        EXPECT(KIND_move, LZ_bad_utf8, OF(move, text, t));
        EXPECT(KIND_progress, LZ_bad_utf8, OF(progress, text, t));
        EXPECT(KIND_problem, LZ_bad_utf8, OF(problem, title, t));
        EXPECT(KIND_problem, LZ_bad_utf8, OF(problem, place, t));
        EXPECT(KIND_problem, LZ_bad_utf8, OF(problem, parcel, t));
        EXPECT(KIND_emergency, LZ_bad_utf8, OF(emergency, body, t));
        EXPECT(KIND_duty, LZ_bad_utf8, OF(duty, name, t));
        EXPECT(KIND_duty, LZ_bad_utf8, OF(duty, phone, t));
        EXPECT(KIND_rollup, LZ_bad_utf8, OF(rollup, label, t));
        EXPECT(KIND_task, LZ_bad_utf8, SET(author, t));
    }
    EXPECT(KIND_task, LZ_ok, OF(directive, title, run_of('a', LABEL_BYTES_MAX)));
    EXPECT(KIND_task, LZ_too_large, OF(directive, title, run_of('a', LABEL_BYTES_MAX + 1)));
    EXPECT(KIND_task, LZ_ok, OF(directive, body, run_of('a', TEXT_BYTES_MAX)));
    EXPECT(KIND_task, LZ_too_large, OF(directive, body, run_of('a', TEXT_BYTES_MAX + 1)));
    EXPECT(KIND_task, LZ_too_large, OF(directive, number, run_of('1', NUMBER_BYTES_MAX + 1)));
    EXPECT(KIND_task, LZ_bad_argument, OF(directive, number, data("第三号", 9)));
    EXPECT(KIND_duty, LZ_too_large, OF(duty, phone, run_of('1', NUMBER_BYTES_MAX + 1)));
}

Test(gate, of_what_a_payload_must_have) {
    EXPECT(KIND_task, LZ_bad_argument, m->directive->has_title = 0);
    EXPECT(KIND_problem, LZ_bad_argument, m->problem->has_title = 0);
    EXPECT(KIND_emergency, LZ_bad_argument, m->emergency->has_title = 0);
    EXPECT(KIND_duty, LZ_bad_argument, m->duty->has_name = 0);
    EXPECT(KIND_task, LZ_bad_packet, m->directive = NULL);
    EXPECT(KIND_move, LZ_bad_packet, m->move = NULL);
    EXPECT(KIND_progress, LZ_bad_packet, m->progress = NULL);
    EXPECT(KIND_problem, LZ_bad_packet, m->problem = NULL);
    EXPECT(KIND_emergency, LZ_bad_packet, m->emergency = NULL);
    EXPECT(KIND_duty, LZ_bad_packet, m->duty = NULL);
    EXPECT(KIND_rollup, LZ_bad_packet, m->rollup = NULL);
    EXPECT(KIND_task, LZ_bad_packet, (m->progress = opened(KIND_progress)->progress, m->directive = NULL));
}

Test(gate, of_dates_and_numbers) {
    static const uint32_t bad[] = { 20220230, 20221301, 20220100, 1, 99999999, UINT32_MAX };
    for (size_t i = 0; i < LZ_COUNT(bad); i++) {
        EXPECT(KIND_progress, LZ_bad_date, OF(progress, as_of, bad[i]));
        EXPECT(KIND_problem, LZ_bad_date, OF(problem, found_on, bad[i]));
        EXPECT(KIND_duty, LZ_bad_date, OF(duty, begins, bad[i]));
        EXPECT(KIND_duty, LZ_bad_date, OF(duty, ends, bad[i]));
    }
    EXPECT(KIND_progress, LZ_bad_date, OF(progress, as_of, 0));
    EXPECT(KIND_progress, LZ_bad_argument, OF(progress, denominator, 0));
    EXPECT(KIND_progress, LZ_bad_argument, OF(progress, denominator, -1));
    EXPECT(KIND_progress, LZ_bad_argument, OF(progress, denominator, INT64_MIN));
    EXPECT(KIND_progress, LZ_bad_argument, OF(progress, numerator, -1));
    EXPECT(KIND_progress, LZ_bad_argument, OF(progress, numerator, INT64_MAX));
    EXPECT(KIND_progress, LZ_ok, OF(progress, numerator, 0));
    EXPECT(KIND_progress, LZ_ok, OF(progress, numerator, 101));
    EXPECT(KIND_task, LZ_bad_argument, OF(directive, due_ms, 253402300800001ull));
    EXPECT(KIND_task, LZ_bad_argument, OF(directive, item, 100001));
    EXPECT(KIND_task, LZ_bad_argument, OF(directive, parent, run_of('x', 17)));
    EXPECT(KIND_move, LZ_bad_argument, OF(move, move, 256));
    EXPECT(KIND_move, LZ_bad_argument, OF(move, unit, 1000000));
    EXPECT(KIND_move, LZ_bad_argument, OF(move, follows, run_of('x', 1)));
    EXPECT(KIND_problem, LZ_bad_argument, OF(problem, severity, 4));
    EXPECT(KIND_problem, LZ_bad_argument, OF(problem, longitude_e6, 180000001));
    EXPECT(KIND_problem, LZ_bad_argument, OF(problem, latitude_e6, -90000001));
    EXPECT(KIND_emergency, LZ_bad_argument, OF(emergency, dead, 1000001));
    EXPECT(KIND_emergency, LZ_bad_argument, OF(emergency, area_e2, UINT64_MAX));
    EXPECT(KIND_duty, LZ_bad_argument, OF(duty, shift, 4));
    EXPECT(KIND_duty, LZ_bad_argument, OF(duty, state, 3));
}

Test(gate, of_a_rollup_under_another_key) { EXPECT(KIND_rollup, LZ_bad_packet, SET(key, data("another key, 20 bytes", 20))); }

Test(gate, of_a_key_of_any_length) {
    static uint8_t key[RECORD_BYTES_MAX / 2];
    struct record a = full(KIND_duty), b;
    a.key = lz_bytes_of(key, sizeof key);
    cr_assert_eq(record_decode(arena, encoded(&a), &b, NULL), LZ_too_large);
    cr_assert_eq(b.key.len, 0, "what is refused is still filed under its key: it must be one");
}

Test(gate, of_a_record_longer_than_its_envelope) {
    static const uint8_t bytes[] = { 0x0a, 0x9e, 0x00, 0x20, 0x00 };       /* found by the fuzzer */
    struct record b;
    cr_assert_neq(record_decode(arena, lz_bytes_of(bytes, sizeof bytes), &b, NULL), LZ_ok);
}

Test(record, sealed_by_its_origin_alone) {
    uint8_t mine[SEAL_KEY_BYTES] = { 1 }, others[SEAL_KEY_BYTES] = { 2 };
    struct record a = full(KIND_problem), b;
    encoded(&a);
    cr_assert(!record_seal_good(&a, mine), "no seal is not a good one");
    record_seal(&a, mine);
    cr_assert_eq(record_decode(arena, a.envelope, &b, NULL), LZ_ok);
    cr_assert(record_seal_good(&b, mine) && !record_seal_good(&b, others));
    cr_assert(lz_bytes_equal(a.bytes, b.bytes));
    uint8_t *forged = exact(a.envelope, a.envelope.len);
    forged[a.envelope.len - 30] ^= 1;                     /* in the record, not in the seal */
    if (record_decode(arena, lz_bytes_of(forged, a.envelope.len), &b, NULL) == LZ_ok) cr_assert(!record_seal_good(&b, mine));
    free(forged);
}

Test(gate, of_rollups) {
    static uint32_t counters[] = { COUNTER_total, COUNTER_COUNT, 4000000, COUNTER_red };
    static int64_t values[] = { 7, 8, 9, -2 };
    EXPECT(KIND_rollup, LZ_ok, (m->rollup->counter = counters, m->rollup->n_counter = 4, m->rollup->value = values, m->rollup->n_value = 4));
    struct counters sum = { { 0 } };
    sum.of[COUNTER_total] = 7;
    sum.of[COUNTER_red] = -2;
    cr_assert_eq(memcmp(&judged.of.rollup.sum, &sum, sizeof sum), 0, "a counter of a newer version is passed over");
    EXPECT(KIND_rollup, LZ_bad_packet, (m->rollup->counter = counters, m->rollup->n_counter = 4, m->rollup->value = values, m->rollup->n_value = 3));
    EXPECT(KIND_rollup, LZ_bad_packet, m->rollup->n_value = 0);
    EXPECT(KIND_rollup, LZ_bad_argument, OF(rollup, kind, 256));
    EXPECT(KIND_rollup, LZ_bad_argument, OF(rollup, subject, run_of('x', 3)));
    static uint32_t many[4 * COUNTER_COUNT + 1];
    static int64_t zeros[4 * COUNTER_COUNT + 1], big[] = { INT64_C(1) << 53, -(INT64_C(1) << 53) }, bigger[] = { 0, (INT64_C(1) << 53) + 1 },
                   smaller[] = { -(INT64_C(1) << 53) - 1, INT64_MAX };
    EXPECT(KIND_rollup, LZ_bad_packet, (m->rollup->counter = many, m->rollup->n_counter = LZ_COUNT(many), m->rollup->value = zeros, m->rollup->n_value =
        LZ_COUNT(many)));
    EXPECT(KIND_rollup, LZ_ok, (m->rollup->counter = counters, m->rollup->n_counter = 2, m->rollup->value = big, m->rollup->n_value = 2));
    EXPECT(KIND_rollup, LZ_bad_argument, (m->rollup->counter = counters, m->rollup->n_counter = 2, m->rollup->value = bigger, m->rollup->n_value = 2));
    EXPECT(KIND_rollup, LZ_bad_argument, (m->rollup->counter = counters, m->rollup->n_counter = 2, m->rollup->value = smaller, m->rollup->n_value = 2));
}

/* Of two things that are wrong the first is said, and nothing behind it makes it right again. */
Test(gate, says_the_first_fault) {
    EXPECT(KIND_move, LZ_bad_utf8, (OF(move, text, data("\xFF", 1)), OF(move, follows, run_of('x', 1)), OF(move, report, run_of('x', 1))));
    EXPECT(KIND_task, LZ_bad_utf8, (OF(directive, title, data("\xFF", 1)), OF(directive, parent, run_of('x', 1)), OF(directive, number, run_of('x', 3))));
    EXPECT(KIND_progress, LZ_bad_argument, (OF(progress, denominator, INT64_MAX), OF(progress, numerator, 0)));
    EXPECT(KIND_task, LZ_bad_argument, (SET(lane, LANE_COUNT), m->directive = NULL));
    static uint8_t no_stamp[REC_ID_BYTES] = { 0, 6, 0x45, 0xb0, 0, KIND_task };
    EXPECT(KIND_ruling, LZ_bad_argument, OF(ruling, state, 4));           /* an office has four states */
    EXPECT(KIND_ruling, LZ_bad_argument, OF(ruling, state, FORM_STATES_MAX));
    EXPECT(KIND_ruling, LZ_bad_utf8, OF(ruling, text, run_of(-1, 2)));
    EXPECT(KIND_ruling, LZ_bad_packet, m->ruling = NULL);
    EXPECT(KIND_move, LZ_bad_argument, SET(subject, data((const char *)no_stamp, sizeof no_stamp)));
}

/* A length that takes more bytes than any record needs; one that goes on to the end; none at all. */
Test(gate, of_the_length_of_an_envelope) {
    static const uint8_t five[] = { 0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00 };
    static const uint8_t open[] = { 0x0a, 0x80, 0x80 }, none[] = { 0x0a, 0x00 }, empty[] = { 0x12, 0x00 };
    struct record r;
    cr_assert_neq(record_decode(arena, lz_bytes_of(five, sizeof five), &r, NULL), LZ_ok);
    cr_assert_neq(record_decode(arena, lz_bytes_of(open, sizeof open), &r, NULL), LZ_ok);
    cr_assert_eq(record_decode(arena, lz_bytes_of(none, sizeof none), &r, NULL), LZ_too_large);
    cr_assert_eq(record_decode(arena, lz_bytes_of(empty, sizeof empty), &r, NULL), LZ_too_large);
    Lz__Envelope e = LZ__ENVELOPE__INIT;                             /* in another order than ours, and longer than any of ours */
    static uint8_t long_record[RECORD_BYTES_MAX + 1];
    e.has_record = e.has_signer = 1;
    e.record = (ProtobufCBinaryData){ sizeof long_record, long_record };
    e.signer = data("s", 1);
    uint8_t *out = arena_alloc(arena, lz__envelope__get_packed_size(&e));
    cr_assert_eq(record_decode(arena, lz_bytes_of(out, lz__envelope__pack(&e, out)), &r, NULL), LZ_too_large);
}

/* A record of zeros, as a draft may be: what is zero is not written, and comes back as zero. */
Test(record, of_nothing_comes_back_as_nothing) {
    for (size_t i = 0; i < kind_count(); i++) {
        struct record a = full(kind_at(i)->number), b;
        struct record none = { .origin = a.origin, .kind = a.kind, .stamp = a.stamp, .lane = a.lane, .direction = a.direction, .reach = a.reach, .key = a.key };
        none.target_all = a.kind == KIND_attachment;         /* it says where it goes */
        if (a.kind == KIND_rollup) {
            uint8_t key[2 + REC_ID_BYTES] = { 0 };
            none.key = lz_bytes_of(key, sizeof key);
            cr_assert_eq(record_encode(arena, &none, NULL), LZ_ok);
            cr_assert_eq(record_decode(arena, none.envelope, &b, NULL), LZ_ok);
            cr_assert(b.of.rollup.kind == 0 && rec_id_none(b.of.rollup.subject));
            continue;
        }
        cr_assert_eq(record_encode(arena, &none, NULL), LZ_ok, "%s", kind_at(i)->name);
        enum lz_err err = record_decode(arena, none.envelope, &b, NULL);
        if (kind_form(a.kind)) { cr_assert(err == LZ_ok && b.of.form.given == 0 && b.of.form.state == 0, "%s", kind_at(i)->name); continue; }
        if (a.kind == KIND_attachment_wish) { cr_assert(err == LZ_ok && !b.of.attachment_wish.by_hash); continue; }
        cr_assert(a.kind == KIND_move ? err == LZ_ok && b.of.move.move == 0 : err == LZ_bad_argument || err == LZ_bad_date, "%s: %s", kind_at(i)->name,
                  lz_err_name(err));
    }
}

/* Fields of a newer version: `n` of them, varints from field 100 on. */
static struct lz_bytes unknown_fields(size_t n) {
    uint8_t *out = arena_alloc(arena, 3 * n + 1), *p = out;
    for (size_t i = 0; i < n; i++) {
        uint32_t tag = (uint32_t)(100 + i) << 3;
        *p++ = (uint8_t)(tag | 0x80);
        *p++ = (uint8_t)(tag >> 7);
        *p++ = 1;
    }
    return lz_bytes_of(out, (size_t)(p - out));
}

Test(gate, of_fields_that_we_do_not_know) {
    const struct lz_bytes none = { 0 };
    struct record r;
    struct lz_bytes envelope = wrapped(packed(opened(KIND_task), unknown_fields(UNKNOWN_FIELDS_MAX)), none);
    cr_assert_eq(record_decode(arena, envelope, &r, NULL), LZ_ok);
    cr_assert(lz_bytes_equal(r.envelope, envelope), "what we do not understand is carried on");
    cr_assert_eq(r.bytes.data + r.bytes.len, envelope.data + envelope.len);
    envelope = wrapped(packed(opened(KIND_task), unknown_fields(UNKNOWN_FIELDS_MAX + 1)), none);
    cr_assert_eq(record_decode(arena, envelope, &r, NULL), LZ_bad_packet);
    /* and beside the record: a signature of a later version */
    envelope = wrapped(packed(opened(KIND_task), none), unknown_fields(UNKNOWN_FIELDS_MAX));
    cr_assert_eq(record_decode(arena, envelope, &r, NULL), LZ_ok);
    cr_assert_eq(r.envelope.data, envelope.data);
    cr_assert_eq(r.envelope.len, envelope.len);
    cr_assert_eq(r.origin, 410800);
    envelope = wrapped(packed(opened(KIND_task), none), unknown_fields(UNKNOWN_FIELDS_MAX + 1));
    cr_assert_eq(record_decode(arena, envelope, &r, NULL), LZ_bad_packet);
}

Test(gate, of_a_signed_envelope) {
    struct record r = full(KIND_task), back;
    encoded(&r);
    Lz__Envelope e = LZ__ENVELOPE__INIT;
    e.has_record = e.has_signer = e.has_signature = 1;
    e.record = (ProtobufCBinaryData){ r.bytes.len, (uint8_t *)(uintptr_t)r.bytes.data };
    for (size_t more = 0; more < 2; more++) {
        e.signer = run_of('s', 64 + more);
        e.signature = run_of('s', 128);
        uint8_t *out = arena_alloc(arena, lz__envelope__get_packed_size(&e));
        size_t n = lz__envelope__pack(&e, out);
        cr_assert_eq(record_decode(arena, lz_bytes_of(out, n), &back, NULL), more ? LZ_bad_packet : LZ_ok);
        if (!more) same_record(&r, &back);
    }
}

Test(gate, of_a_kind_of_a_newer_version) {
    Lz__Record *m = opened(KIND_problem);
    SET(kind, 200);
    m->problem = NULL;
    struct lz_bytes envelope = wrapped(packed(m, unknown_fields(3)), lz_bytes_of(NULL, 0));
    struct record r;
    struct lz_fail fail = { 0 };
    cr_assert_eq(record_decode(arena, envelope, &r, &fail), LZ_unknown_kind);
    struct record known = full(KIND_problem);
    cr_assert(r.kind == 200 && r.origin == known.origin && r.stamp == known.stamp && r.epoch == known.epoch && r.tier == known.tier);
    cr_assert(r.lane == known.lane && r.direction == known.direction && r.reach == known.reach && rec_id_equal(r.subject, known.subject));
    cr_assert(r.n_targets == 3 && r.targets[2] == 410882);
    cr_assert(lz_bytes_equal(r.author, known.author));
    cr_assert_eq(r.envelope.data, envelope.data);
    cr_assert_eq(r.envelope.len, envelope.len);
    SET(lane, 9);
    cr_assert_eq(record_decode(arena, wrapped(packed(m, lz_bytes_of(NULL, 0)), lz_bytes_of(NULL, 0)), &r, &fail), LZ_bad_argument,
                 "the head of an unknown kind passes the gate as well");
    cr_assert_eq(draft_decode(arena, packed(m, lz_bytes_of(NULL, 0)), &r, &fail), LZ_bad_argument);
    SET(lane, 2);
    cr_assert_eq(draft_decode(arena, packed(m, lz_bytes_of(NULL, 0)), &r, &fail), LZ_unknown_kind);
}

Test(gate, of_document_numbers) {
    static const struct { const char *text; uint32_t year, serial; } good[] = {
        { "焦林长督〔2022〕3号", 2022, 3 }, { "焦林长办[2022]6号", 2022, 6 }, { "【2022】17号", 2022, 17 }, { "豫林(2021)100号", 2021, 100 },
        { "豫林（2021）第100号", 2021, 100 }, { "焦林长督〔2022〕3", 2022, 3 }, { "〔1949〕1号", 1949, 1 }, { "x〔9999〕999999号", 9999, 999999 },
        { "(试行)焦林长〔2022〕8号", 2022, 8 }, { "焦林长督〔2022〕003号", 2022, 3 },
    };
    static const char *const bad[] = {
        "", "3号", "〔2022〕", "〔2022〕号", "〔2022〕0号", "〔2022〕1000000号", "〔22〕3号", "〔1948〕3号", "〔2O22〕3号", "〔2022]3号",
        "焦林长督2022年3号", "〔2022〕3号附件", "〔2022〕-3号", "〔2022〕 3号", "〔+202〕3号", "〔 202〕3号",
    };
    uint32_t year = 7, serial = 7;
    for (size_t i = 0; i < LZ_COUNT(bad); i++) cr_assert(!number_parse(str(bad[i]), &year, &serial), "%s", bad[i]);
    cr_assert(year == 7 && serial == 7, "a refusal leaves both alone");
    for (size_t i = 0; i < LZ_COUNT(good); i++) {
        cr_assert(number_parse(str(good[i].text), &year, &serial), "%s", good[i].text);
        cr_assert(year == good[i].year && serial == good[i].serial, "%s: %u %u", good[i].text, year, serial);
    }
    char longest[NUMBER_BYTES_MAX + 2];
    memset(longest, 'a', sizeof longest);
    memcpy(longest + NUMBER_BYTES_MAX - 10, "(2022)0042", 10);
    cr_assert(number_parse(lz_bytes_of(longest, NUMBER_BYTES_MAX), &year, &serial) && serial == 42);
    cr_assert(!number_parse(lz_bytes_of(longest, NUMBER_BYTES_MAX + 1), &year, &serial));
}

/* ---- packets between neighbours ---- */
static struct lz_bytes body_of(struct lz_bytes bytes, enum packet_type want) {
    enum packet_type type;
    struct lz_bytes body;
    struct lz_fail fail = { 0 };
    cr_assert_eq(packet_open(bytes, &type, &body, &fail), LZ_ok, "%s", fail.text);
    cr_assert_eq(type, want);
    cr_assert_eq(body.len, bytes.len - PACKET_HEADER_BYTES);
    return body;
}
static struct epoch epoch_of(uint8_t n) { struct epoch e; memset(e.b, n, sizeof e.b); return e; }

Test(packet, has_a_header_that_is_checked) {
    struct fetch fetch = { { 410802, LANE_ROUTINE }, epoch_of(1), 5 };
    struct lz_bytes good, body;
    enum packet_type type;
    cr_assert_eq(fetch_encode(arena, &fetch, &good), LZ_ok);
    body_of(good, PACKET_FETCH);
    for (size_t len = 0; len < good.len; len++) {
        uint8_t *copy = exact(good, len);
        cr_assert_eq(packet_open(lz_bytes_of(copy, len), &type, &body, NULL), LZ_bad_packet, "%zu bytes", len);
        free(copy);
    }
    uint8_t *copy = exact(good, good.len);
    for (size_t at = 0; at < PACKET_HEADER_BYTES; at++)
        for (unsigned bit = 0; bit < 8; bit++) {
            if (at == 4) continue;                         /* the type: whoever dispatches knows which there are */
            copy[at] ^= (uint8_t)(1u << bit);
            enum lz_err err = packet_open(lz_bytes_of(copy, good.len), &type, &body, NULL);
            if (at == 5) cr_assert_eq(err, copy[5] < PROTOCOL_VERSION_MIN ? LZ_bad_version : LZ_ok, "a newer version is judged by hello");
            else cr_assert_eq(err, LZ_bad_packet, "byte %zu bit %u", at, bit);
            copy[at] ^= (uint8_t)(1u << bit);
        }
    lz_put32(copy + 8, UINT32_MAX);
    cr_assert_eq(packet_open(lz_bytes_of(copy, good.len), &type, &body, NULL), LZ_bad_packet);
    free(copy);
}

static struct hello a_hello(void) {
    static struct lineage_entry lineage[3];
    static uint32_t wish[] = { KIND_problem, KIND_duty };
    for (uint8_t i = 0; i < 3; i++) lineage[i] = (struct lineage_entry){ epoch_of((uint8_t)(i + 1)), i * 100u };
    struct hello h = { .version = 1, .version_min = 1, .software = str("linzhang 1.0"), .unit = 410802, .to = 410800, .tier = TIER_COUNTY, .reply = true,
                       .owes = true, .lineage = lineage, .n_lineage = 3, .lineage_cut = true, .highest_stamp = 0x0180000000000001ull, .wish = wish,
                       .n_wish = 2, .wall_ms = 1650729600000 };
    for (size_t i = 0; i < LINK_FEEDS_MAX; i++)
        h.cursors[h.n_cursors++] = (struct feed_cursor){ { i < 4 ? SCOPE_ALL : 410802, (uint8_t)(i % 4) }, { epoch_of(9), i * 10, i * 10 + 3 } };
    return h;
}

Test(packet, hello_comes_back) {
    struct hello a = a_hello(), b;
    struct lz_bytes bytes;
    cr_assert_eq(hello_encode(arena, &a, &bytes), LZ_ok);
    cr_assert_eq(hello_decode(arena, body_of(bytes, PACKET_HELLO), &b), LZ_ok);
    cr_assert(a.version == b.version && a.version_min == b.version_min && a.unit == b.unit && a.to == b.to && a.tier == b.tier && b.reply && b.owes);
    cr_assert(lz_bytes_equal(a.software, b.software) && a.wall_ms == b.wall_ms && b.lineage_cut);
    cr_assert_eq(a.highest_stamp, b.highest_stamp);
    cr_assert(b.n_lineage == 3 && b.n_wish == 2 && b.wish[1] == KIND_duty);
    for (size_t i = 0; i < 3; i++) cr_assert(epoch_equal(a.lineage[i].epoch, b.lineage[i].epoch) && a.lineage[i].position == b.lineage[i].position);
    cr_assert_eq(b.n_cursors, LINK_FEEDS_MAX);
    for (size_t i = 0; i < LINK_FEEDS_MAX; i++) {
        const struct feed_cursor *x = &a.cursors[i], *y = &b.cursors[i];
        cr_assert(feed_id_equal(x->feed, y->feed) && x->at.position == y->at.position && x->at.seen == y->at.seen && epoch_equal(x->at.epoch, y->at.epoch));
    }
}

static Lz__Hello *opened_hello(void) {
    struct hello h = a_hello();
    struct lz_bytes bytes;
    cr_assert_eq(hello_encode(arena, &h, &bytes), LZ_ok);
    return lz__hello__unpack(NULL, bytes.len - PACKET_HEADER_BYTES, bytes.data + PACKET_HEADER_BYTES);
}
#define HELLO(code_, ...) \
    do { \
        Lz__Hello *m = opened_hello(); \
        __VA_ARGS__; \
        uint8_t *out_ = arena_alloc(arena, lz__hello__get_packed_size(m)); \
        struct hello h_; \
        cr_assert_eq(hello_decode(arena, lz_bytes_of(out_, lz__hello__pack(m, out_)), &h_), code_, "%s", #__VA_ARGS__); \
    } while (0)

Test(packet, hello_that_lies_is_refused) {
    static uint32_t wish[WISH_KINDS_MAX + 1];
    HELLO(LZ_ok, (void)m);
    HELLO(LZ_bad_packet, m->lineage[2]->position = 99);                    /* positions that go back */
    HELLO(LZ_ok, m->lineage[2]->position = 100);
    HELLO(LZ_bad_packet, m->n_lineage = 0);
    HELLO(LZ_bad_packet, m->lineage[1]->epoch.len = 15);
    HELLO(LZ_bad_packet, m->lineage[1]->has_epoch = 0);
    HELLO(LZ_bad_packet, m->lineage[1]->epoch = run_of(0, 16));
    HELLO(LZ_bad_packet, m->cursors[0]->epoch.len = 0);
    HELLO(LZ_bad_packet, m->cursors[3]->lane = LANE_COUNT);
    HELLO(LZ_bad_packet, m->cursors[3]->scope = 1000000);
    HELLO(LZ_bad_packet, SET(tier, TIER_COUNT));
    HELLO(LZ_bad_packet, SET(software, run_of('a', 65)));
    HELLO(LZ_bad_packet, SET(software, data("\x1B[2J", 4)));
    HELLO(LZ_ok, (m->wish = wish, m->n_wish = WISH_KINDS_MAX));
    HELLO(LZ_bad_packet, (m->wish = wish, m->n_wish = WISH_KINDS_MAX + 1));
    Lz__FeedCursor *nine[LINK_FEEDS_MAX + 1];
    HELLO(LZ_bad_packet, for (size_t i = 0; i < LZ_COUNT(nine); i++) nine[i] = m->cursors[0]; m->cursors = nine; m->n_cursors = LZ_COUNT(nine));
}

Test(packet, batch_comes_back) {
    struct record r = full(KIND_task), s = full(KIND_problem);
    struct lz_bytes envelopes[] = { encoded(&r), encoded(&s) }, bytes;
    struct batch a = { { 410802, LANE_URGENT }, epoch_of(3), 10, 20, 25, 20, true, envelopes, 2 }, b;
    cr_assert_eq(batch_encode(arena, &a, &bytes), LZ_ok);
    cr_assert_eq(batch_decode(arena, body_of(bytes, PACKET_BATCH), &b), LZ_ok);
    cr_assert(feed_id_equal(a.feed, b.feed) && epoch_equal(a.epoch, b.epoch) && b.from == 10 && b.to == 20 && b.seen == 25 && b.tip == 20 && b.repair);
    cr_assert_eq(b.n_envelopes, 2);
    for (size_t i = 0; i < 2; i++) cr_assert(lz_bytes_equal(envelopes[i], b.envelopes[i]));
    a.n_envelopes = 0;
    a.repair = false;
    cr_assert_eq(batch_encode(arena, &a, &bytes), LZ_ok);
    cr_assert_eq(batch_decode(arena, body_of(bytes, PACKET_BATCH), &b), LZ_ok);
    cr_assert(b.n_envelopes == 0 && !b.repair);
}

#define BATCH(code_, ...) \
    do { \
        Lz__Batch m_ = LZ__BATCH__INIT, *m = &m_; \
        uint8_t epoch_[16] = { 1 }, *out_; \
        SET(scope, 410802); SET(lane, 2); SET(from, 10); SET(to, 20); SET(seen, 20); SET(tip, 20); \
        SET(epoch, ((ProtobufCBinaryData){ 16, epoch_ })); \
        __VA_ARGS__; \
        out_ = arena_alloc(arena, lz__batch__get_packed_size(m) + 1); \
        struct batch b_; \
        cr_assert_eq(batch_decode(arena, lz_bytes_of(out_, lz__batch__pack(m, out_)), &b_), code_, "%s", #__VA_ARGS__); \
    } while (0)
Test(packet, batch_that_lies_is_refused) {
    static ProtobufCBinaryData many[BATCH_RECORDS_MAX + 1];
    BATCH(LZ_ok, (void)m);
    BATCH(LZ_bad_packet, SET(from, 21));
    BATCH(LZ_bad_packet, SET(to, 21));
    BATCH(LZ_bad_packet, SET(tip, 21));
    BATCH(LZ_bad_packet, SET(seen, 19));
    BATCH(LZ_bad_packet, SET(lane, LANE_COUNT));
    BATCH(LZ_bad_packet, SET(lane, 256));
    BATCH(LZ_bad_packet, SET(scope, 1000000));
    BATCH(LZ_bad_packet, m->epoch.len = 15);
    BATCH(LZ_bad_packet, m->has_epoch = 0);
    BATCH(LZ_ok, (m->envelopes = many, m->n_envelopes = BATCH_RECORDS_MAX));
    BATCH(LZ_too_many, (m->envelopes = many, m->n_envelopes = BATCH_RECORDS_MAX + 1));
}

Test(packet, tip_fetch_and_ack_come_back) {
    struct lz_bytes bytes;
    struct tip t = { .epoch = epoch_of(2), .seen = 99, .next_ms = 1500, .heard_ms = 77, .wall_ms = 1650729600000, .cause = str("与上级不通") }, u;
    for (size_t i = 0; i < LINK_FEEDS_MAX; i++) t.feeds[t.n_feeds++] = (struct tip_entry){ { i < 4 ? SCOPE_UP : 410802, (uint8_t)(i % 4) }, i * 7 };
    cr_assert_eq(tip_encode(arena, &t, &bytes), LZ_ok);
    cr_assert_eq(tip_decode(arena, body_of(bytes, PACKET_TIP), &u), LZ_ok);
    cr_assert(epoch_equal(t.epoch, u.epoch) && u.seen == 99 && u.next_ms == 1500 && u.heard_ms == 77 && u.wall_ms == t.wall_ms && u.n_feeds == LINK_FEEDS_MAX);
    cr_assert(lz_bytes_equal(t.cause, u.cause));
    for (size_t i = 0; i < u.n_feeds; i++) cr_assert(feed_id_equal(t.feeds[i].feed, u.feeds[i].feed) && t.feeds[i].tip == u.feeds[i].tip);
    t.cause = str("\xFF");
    cr_assert_eq(tip_encode(arena, &t, &bytes), LZ_ok);
    cr_assert_eq(tip_decode(arena, body_of(bytes, PACKET_TIP), &u), LZ_bad_packet);
    t.cause = (struct lz_bytes){ run_of('a', 1025).data, 1025 };
    cr_assert_eq(tip_encode(arena, &t, &bytes), LZ_ok);
    cr_assert_eq(tip_decode(arena, body_of(bytes, PACKET_TIP), &u), LZ_bad_packet);
    struct fetch f = { { SCOPE_UP, LANE_FLASH }, epoch_of(3), UINT64_MAX }, g;
    cr_assert_eq(fetch_encode(arena, &f, &bytes), LZ_ok);
    cr_assert_eq(fetch_decode(arena, body_of(bytes, PACKET_FETCH), &g), LZ_ok);
    cr_assert(feed_id_equal(f.feed, g.feed) && epoch_equal(f.epoch, g.epoch) && g.from == UINT64_MAX);
    struct ack a = { .epoch = epoch_of(4), .n_cursors = 2 }, b;
    a.cursors[0] = (struct feed_cursor){ { SCOPE_ALL, LANE_BULK }, { epoch_of(4), 5, 6 } };
    a.cursors[1] = (struct feed_cursor){ { 410802, LANE_FLASH }, { epoch_of(4), 0, 0 } };
    cr_assert_eq(ack_encode(arena, &a, &bytes), LZ_ok);
    cr_assert_eq(ack_decode(arena, body_of(bytes, PACKET_ACK), &b), LZ_ok);
    cr_assert(epoch_equal(a.epoch, b.epoch) && b.n_cursors == 2 && b.cursors[0].at.position == 5 && b.cursors[0].at.seen == 6);
    cr_assert(feed_id_equal(a.cursors[1].feed, b.cursors[1].feed));
}

Test(packet, reclaim_comes_back) {
    struct lz_bytes bytes;
    struct reclaim_ask a = { epoch_of(1), epoch_of(2), str("after"), 77 }, b;
    cr_assert_eq(reclaim_ask_encode(arena, &a, &bytes), LZ_ok);
    cr_assert_eq(reclaim_ask_decode(arena, body_of(bytes, PACKET_RECLAIM_ASK), &b), LZ_ok);
    cr_assert(epoch_equal(a.asker, b.asker) && epoch_equal(a.answerer, b.answerer) && lz_bytes_equal(a.after, b.after) && b.seen == 77);
    a.after = (struct lz_bytes){ 0 };
    cr_assert_eq(reclaim_done_encode(arena, &a, &bytes), LZ_ok);
    cr_assert_eq(reclaim_ask_decode(arena, body_of(bytes, PACKET_RECLAIM_DONE), &b), LZ_ok);
    cr_assert_eq(b.after.len, 0);
    struct record r = full(KIND_task);
    struct lz_bytes envelope = encoded(&r);
    struct reclaim_answer c = { epoch_of(1), epoch_of(2), str("after"), str("next"), true, true, &envelope, 1 }, d;
    cr_assert_eq(reclaim_answer_encode(arena, &c, &bytes), LZ_ok);
    cr_assert_eq(reclaim_answer_decode(arena, body_of(bytes, PACKET_RECLAIM_ANSWER), &d), LZ_ok);
    cr_assert(epoch_equal(c.asker, d.asker) && epoch_equal(c.answerer, d.answerer) && d.ended && d.final && d.n_envelopes == 1);
    cr_assert(lz_bytes_equal(c.after, d.after) && lz_bytes_equal(c.next, d.next) && lz_bytes_equal(envelope, d.envelopes[0]));
    char long_key[6 + REGISTER_KEY_MAX + 1] = "";
    a.after = lz_bytes_of(long_key, sizeof long_key);
    cr_assert_eq(reclaim_ask_encode(arena, &a, &bytes), LZ_ok);
    cr_assert_eq(reclaim_ask_decode(arena, body_of(bytes, PACKET_RECLAIM_ASK), &b), LZ_bad_packet);
    c.next = a.after;
    cr_assert_eq(reclaim_answer_encode(arena, &c, &bytes), LZ_ok);
    cr_assert_eq(reclaim_answer_decode(arena, body_of(bytes, PACKET_RECLAIM_ANSWER), &d), LZ_bad_packet);
}

Test(packet, refusal_comes_back) {
    struct lz_bytes bytes;
    struct refusal a = { LZ_not_enrolled, str("对方未登记") }, b;
    cr_assert_eq(refusal_encode(arena, &a, &bytes), LZ_ok);
    cr_assert_eq(refusal_decode(arena, body_of(bytes, PACKET_REFUSAL), &b), LZ_ok);
    cr_assert(b.code == LZ_not_enrolled && lz_bytes_equal(a.text, b.text));
    static const uint8_t newer[] = { 0x0a, 5, 'n', 'e', 'w', 'e', 'r' }, bad_text[] = { 0x12, 1, 0xFF };
    cr_assert_eq(refusal_decode(arena, lz_bytes_of(newer, sizeof newer), &b), LZ_ok);
    cr_assert_eq(b.code, LZ_ERR_COUNT, "the reason of a newer version");
    cr_assert_eq(refusal_decode(arena, lz_bytes_of(bad_text, sizeof bad_text), &b), LZ_bad_packet);
}

/* Every decoder, on everything. */
static void decode_all(struct lz_bytes body) {
    static union {
        struct hello hello; struct batch batch; struct tip tip; struct fetch fetch; struct ack ack; struct reclaim_ask reclaim_ask;
        struct reclaim_answer reclaim_answer; struct refusal refusal; struct ask ask; struct answer answer;
    } u;
    if (hello_decode(arena, body, &u.hello) == LZ_ok) cr_assert(u.hello.n_lineage > 0 && u.hello.n_cursors <= LINK_FEEDS_MAX);
    if (batch_decode(arena, body, &u.batch) == LZ_ok) cr_assert(u.batch.from <= u.batch.to && u.batch.to <= u.batch.seen);
    if (tip_decode(arena, body, &u.tip) == LZ_ok) cr_assert(u.tip.n_feeds <= LINK_FEEDS_MAX);
    if (fetch_decode(arena, body, &u.fetch) == LZ_ok) cr_assert(u.fetch.feed.lane < LANE_COUNT);
    if (ack_decode(arena, body, &u.ack) == LZ_ok) cr_assert(u.ack.n_cursors <= LINK_FEEDS_MAX);
    (void)!reclaim_ask_decode(arena, body, &u.reclaim_ask);
    (void)!reclaim_answer_decode(arena, body, &u.reclaim_answer);
    (void)!refusal_decode(arena, body, &u.refusal);
    (void)!ask_decode(arena, body, &u.ask);
    (void)!answer_decode(arena, body, &u.answer);
}

Test(packet, that_was_tampered_with_never_crashes) {
    struct record r = full(KIND_task);
    struct lz_bytes envelope = encoded(&r), bytes[6];
    struct hello h = a_hello();
    struct batch b = { { 410802, LANE_URGENT }, epoch_of(3), 10, 20, 25, 20, true, &envelope, 1 };
    struct tip t = { .epoch = epoch_of(2), .n_feeds = 3 };
    struct ack a = { .epoch = epoch_of(4), .n_cursors = 2 };
    struct reclaim_answer c = { epoch_of(1), epoch_of(2), str("after"), str("next"), true, true, &envelope, 1 };
    struct refusal refusal = { LZ_full, str("满") };
    cr_assert_eq(hello_encode(arena, &h, &bytes[0]), LZ_ok);
    cr_assert_eq(batch_encode(arena, &b, &bytes[1]), LZ_ok);
    cr_assert_eq(tip_encode(arena, &t, &bytes[2]), LZ_ok);
    cr_assert_eq(ack_encode(arena, &a, &bytes[3]), LZ_ok);
    cr_assert_eq(reclaim_answer_encode(arena, &c, &bytes[4]), LZ_ok);
    cr_assert_eq(refusal_encode(arena, &refusal, &bytes[5]), LZ_ok);
    dice_state = 41;
    for (size_t i = 0; i < LZ_COUNT(bytes); i++) {
        uint8_t *original = exact(bytes[i], bytes[i].len);
        struct lz_bytes body = lz_bytes_of(original + PACKET_HEADER_BYTES, bytes[i].len - PACKET_HEADER_BYTES);
        size_t mark = arena_used(arena);
        for (size_t len = 0; len <= body.len; len++) {
            uint8_t *copy = exact(body, len);
            decode_all(lz_bytes_of(copy, len));
            free(copy);
            arena_rewind(arena, mark);
        }
        for (int round = 0; round < 2000; round++) {
            size_t len;
            uint8_t *copy = mutated(body, &len);
            decode_all(lz_bytes_of(copy, len));
            free(copy);
            arena_rewind(arena, mark);
        }
        free(original);
    }
}

Test(packet, too_large_is_refused_before_it_is_parsed) {
    static uint8_t zeros[BATCH_BYTES_MAX + 1];
    struct lz_bytes large = lz_bytes_of(zeros, sizeof zeros);
    struct hello h; struct batch b; struct tip t; struct fetch f; struct ack a; struct reclaim_ask q; struct reclaim_answer w; struct refusal r;
    size_t before = arena_used(arena);
    cr_assert_eq(hello_decode(arena, large, &h), LZ_too_large);
    cr_assert_eq(batch_decode(arena, large, &b), LZ_too_large);
    cr_assert_eq(tip_decode(arena, large, &t), LZ_too_large);
    cr_assert_eq(fetch_decode(arena, large, &f), LZ_too_large);
    cr_assert_eq(ack_decode(arena, large, &a), LZ_too_large);
    cr_assert_eq(reclaim_ask_decode(arena, large, &q), LZ_too_large);
    cr_assert_eq(reclaim_answer_decode(arena, large, &w), LZ_too_large);
    cr_assert_eq(refusal_decode(arena, large, &r), LZ_too_large);
    cr_assert_eq(arena_used(arena), before);
}

/* ---- the control socket ---- */
Test(control, ask_comes_back) {
    struct arg args[] = { { str("--to"), str("all") }, { str("--title"), str("题目") }, { str("--answer"), str("") } };
    struct lz_bytes drafts[] = { str("draft one"), str("draft two") }, bytes;
    struct ask a = { str("order issue"), str("0123456789abcdef"), args, 3, drafts, 2, str("after"), 77, str("piece"), LZ_EN, true }, b;
    cr_assert_eq(ask_encode(arena, &a, &bytes), LZ_ok);
    cr_assert_eq(ask_decode(arena, body_of(bytes, PACKET_ASK), &b), LZ_ok);
    cr_assert(b.seq == 77 && lz_bytes_equal(a.verb, b.verb) && lz_bytes_equal(a.request, b.request) && lz_bytes_equal(a.after, b.after));
    cr_assert(lz_bytes_equal(a.data, b.data) && b.lang == LZ_EN && b.program);
    cr_assert(b.n_args == 3 && b.n_drafts == 2);
    for (size_t i = 0; i < 3; i++) cr_assert(lz_bytes_equal(args[i].name, b.args[i].name) && lz_bytes_equal(args[i].value, b.args[i].value));
    for (size_t i = 0; i < 2; i++) cr_assert(lz_bytes_equal(drafts[i], b.drafts[i]));
    struct ask least = { .verb = str("status") };
    cr_assert_eq(ask_encode(arena, &least, &bytes), LZ_ok);
    cr_assert_eq(ask_decode(arena, body_of(bytes, PACKET_ASK), &b), LZ_ok);
    cr_assert(b.n_args == 0 && b.n_drafts == 0 && b.request.len == 0 && b.lang == LZ_ZH && !b.program);
}

static enum lz_err ask_judged(struct ask a) {
    struct lz_bytes bytes;
    struct ask b;
    cr_assert_eq(ask_encode(arena, &a, &bytes), LZ_ok);
    return ask_decode(arena, body_of(bytes, PACKET_ASK), &b);
}

Test(control, ask_that_lies_is_refused) {
    struct lz_bytes text = { run_of('a', TEXT_BYTES_MAX + 1).data, TEXT_BYTES_MAX + 1 };
    struct arg many[65], arg = { str("--text"), text };
    for (size_t i = 0; i < LZ_COUNT(many); i++) many[i] = (struct arg){ str("n"), str("v") };
    static struct lz_bytes drafts[ASK_DRAFTS_MAX + 1];
    cr_assert_eq(ask_judged((struct ask){ .verb = lz_bytes_of(text.data, 65) }), LZ_bad_packet);
    cr_assert_eq(ask_judged((struct ask){ .request = lz_bytes_of(text.data, 15) }), LZ_bad_packet);
    cr_assert_eq(ask_judged((struct ask){ .after = lz_bytes_of(text.data, 257) }), LZ_bad_packet);
    cr_assert_eq(ask_judged((struct ask){ .args = many, .n_args = 64 }), LZ_ok);
    cr_assert_eq(ask_judged((struct ask){ .args = many, .n_args = 65 }), LZ_bad_packet);
    cr_assert_eq(ask_judged((struct ask){ .args = &arg, .n_args = 1 }), LZ_too_large);
    arg.value.len--;
    cr_assert_eq(ask_judged((struct ask){ .args = &arg, .n_args = 1 }), LZ_ok);
    arg = (struct arg){ lz_bytes_of(text.data, 65), str("v") };
    cr_assert_eq(ask_judged((struct ask){ .args = &arg, .n_args = 1 }), LZ_bad_packet);
    arg = (struct arg){ str("\xFF"), str("v") };
    cr_assert_eq(ask_judged((struct ask){ .args = &arg, .n_args = 1 }), LZ_bad_utf8);
    arg = (struct arg){ str("n"), str("\xFF") };
    cr_assert_eq(ask_judged((struct ask){ .args = &arg, .n_args = 1 }), LZ_bad_utf8);
    arg = (struct arg){ str("n"), lz_bytes_of("a\0b", 3) };
    cr_assert_eq(ask_judged((struct ask){ .args = &arg, .n_args = 1 }), LZ_bad_utf8);
    cr_assert_eq(ask_judged((struct ask){ .drafts = drafts, .n_drafts = ASK_DRAFTS_MAX }), LZ_ok);
    cr_assert_eq(ask_judged((struct ask){ .drafts = drafts, .n_drafts = ASK_DRAFTS_MAX + 1 }), LZ_too_many);
    static uint8_t zeros[1024 * 1024 + 1];
    struct ask b;
    cr_assert_eq(ask_decode(arena, lz_bytes_of(zeros, sizeof zeros), &b), LZ_too_large);
}

Test(control, answer_comes_back) {
    struct cell cells[] = { { str("id"), str("410800-task") }, { str("title"), str("题目") } };
    struct row rows[] = { { cells, 2 }, { cells, 0 }, { cells + 1, 1 } };
    struct lz_bytes ids[] = { str("0123456789abcdefgh"), { 0 } }, bytes;
    struct draft_result refused[] = { { 1, LZ_number_used, str("文号已用过") } };
    struct answer a = { 77, LZ_full, str("存储已满"), rows, 3, ids, 2, refused, 1, str("next"), true, str("piece") }, b;
    cr_assert_eq(answer_encode(arena, &a, &bytes), LZ_ok);
    cr_assert_eq(answer_decode(arena, body_of(bytes, PACKET_ANSWER), &b), LZ_ok);
    cr_assert(b.seq == 77 && b.code == LZ_full && lz_bytes_equal(a.text, b.text) && lz_bytes_equal(a.next, b.next) && b.streaming);
    cr_assert(lz_bytes_equal(a.data, b.data));
    cr_assert(b.n_rows == 3 && b.n_ids == 2 && b.n_refused == 1);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(b.rows[i].n_cells, rows[i].n_cells);
        for (size_t j = 0; j < rows[i].n_cells; j++)
            cr_assert(lz_bytes_equal(rows[i].cells[j].name, b.rows[i].cells[j].name) && lz_bytes_equal(rows[i].cells[j].text, b.rows[i].cells[j].text));
    }
    cr_assert(lz_bytes_equal(ids[0], b.ids[0]) && b.ids[1].len == 0);
    cr_assert(b.refused[0].index == 1 && b.refused[0].code == LZ_number_used && lz_bytes_equal(refused[0].text, b.refused[0].text));
    for (size_t i = 0; i < LZ_ERR_COUNT; i++) {
        struct answer one = { .code = (enum lz_err)i };
        cr_assert_eq(answer_encode(arena, &one, &bytes), LZ_ok);
        cr_assert_eq(answer_decode(arena, body_of(bytes, PACKET_ANSWER), &b), LZ_ok);
        cr_assert_eq(b.code, i);
    }
}

/* From a program that is no daemon of ours: a name of an error that is longer than any, more bytes than an answer has. */
Test(control, answer_that_lies_is_refused) {
    Lz__Answer m = LZ__ANSWER__INIT;
    struct answer b;
    m.has_code = 1;
    m.code = run_of('c', 33);
    uint8_t *out = arena_alloc(arena, lz__answer__get_packed_size(&m));
    cr_assert_eq(answer_decode(arena, lz_bytes_of(out, lz__answer__pack(&m, out)), &b), LZ_ok);
    cr_assert_eq(b.code, LZ_bad_packet, "an answer of no known outcome is no good news");
    static uint8_t zeros[1024 * 1024 + 1];
    cr_assert_eq(answer_decode(arena, lz_bytes_of(zeros, sizeof zeros), &b), LZ_too_large);
    cr_assert_eq(answer_decode(arena, str("no answer"), &b), LZ_bad_packet);
}

/* Bodies of the right type with a wrong length or number in one place. */
Test(packet, that_lies_in_one_place_is_refused) {
    Lz__Tip t = LZ__TIP__INIT;
    Lz__Fetch f = LZ__FETCH__INIT;
    Lz__ReclaimAnswer c = LZ__RECLAIM_ANSWER__INIT;
    Lz__TipEntry entry = LZ__TIP_ENTRY__INIT, *entries[LINK_FEEDS_MAX + 1];
    struct tip tip;
    struct fetch fetch;
    struct reclaim_answer answer;
    uint8_t out[1024];
    for (size_t i = 0; i < LZ_COUNT(entries); i++) entries[i] = &entry;
    t.has_epoch = f.has_epoch = f.has_lane = f.has_scope = 1;
    t.feeds = entries;
    for (int wrong = 0; wrong <= 2; wrong++) {
        t.epoch = run_of('e', wrong == 1 ? 15 : 16);
        t.n_feeds = wrong == 2 ? LINK_FEEDS_MAX + 1 : LINK_FEEDS_MAX;
        cr_expect_eq(tip_decode(arena, lz_bytes_of(out, lz__tip__pack(&t, out)), &tip), wrong ? LZ_bad_packet : LZ_ok, "tip %d", wrong);
        f.epoch = run_of('e', wrong == 1 ? 15 : 16);
        f.lane = wrong == 2 ? LANE_COUNT : LANE_URGENT;
        cr_expect_eq(fetch_decode(arena, lz_bytes_of(out, lz__fetch__pack(&f, out)), &fetch), wrong ? LZ_bad_packet : LZ_ok, "fetch %d", wrong);
        c.has_asker = c.has_answerer = c.has_after = c.has_next = 1;
        c.asker = c.answerer = run_of('e', 16);
        c.after = run_of('a', wrong == 1 ? 6 + REGISTER_KEY_MAX + 1 : 6);
        c.next = run_of('n', wrong == 2 ? 6 + REGISTER_KEY_MAX + 1 : 6);
        cr_expect_eq(reclaim_answer_decode(arena, lz_bytes_of(out, lz__reclaim_answer__pack(&c, out)), &answer), wrong ? LZ_bad_packet : LZ_ok, "answer %d",
                     wrong);
    }
}

/* ---- repair, tips and refusals with lengths and numbers that our own encoders never write ---- */
static enum lz_err repair_judged(size_t n_keys, size_t key_len, size_t n_envelopes) {
    static ProtobufCBinaryData keys[REPAIR_KEYS_MAX + 1], envelopes[REPAIR_KEYS_MAX + 1];
    Lz__Repair m = LZ__REPAIR__INIT;
    struct repair back;
    for (size_t i = 0; i < n_keys; i++) keys[i] = run_of('k', key_len);
    for (size_t i = 0; i < n_envelopes; i++) envelopes[i] = run_of('e', 20);
    m.keys = keys; m.n_keys = n_keys;
    m.envelopes = envelopes; m.n_envelopes = n_envelopes;
    uint8_t *bytes = arena_alloc(arena, lz__repair__get_packed_size(&m) + 1);
    enum lz_err err = repair_decode(arena, lz_bytes_of(bytes, lz__repair__pack(&m, bytes)), &back);
    if (err == LZ_ok) cr_assert(back.n_keys == n_keys && back.n_envelopes == n_envelopes);
    return err;
}
Test(packet, a_repair_of_any_length) {
    cr_expect_eq(repair_judged(0, 0, 0), LZ_ok);
    cr_expect_eq(repair_judged(REPAIR_KEYS_MAX, 7, REPAIR_KEYS_MAX), LZ_ok);
    cr_expect_eq(repair_judged(1, 6 + REGISTER_KEY_MAX, 0), LZ_ok);
    cr_expect_eq(repair_judged(REPAIR_KEYS_MAX + 1, 7, 0), LZ_too_many);
    cr_expect_eq(repair_judged(0, 0, REPAIR_KEYS_MAX + 1), LZ_too_many);
    cr_expect_eq(repair_judged(1, 6, 0), LZ_bad_packet);
    cr_expect_eq(repair_judged(1, 6 + REGISTER_KEY_MAX + 1, 0), LZ_bad_packet);
    struct repair back;
    static uint8_t huge[BATCH_BYTES_MAX + 1];
    cr_expect_eq(repair_decode(arena, lz_bytes_of(huge, sizeof huge), &back), LZ_too_large);
}

static enum lz_err refusal_judged(ProtobufCBinaryData code, ProtobufCBinaryData text, struct refusal *back) {
    Lz__Refusal m = LZ__REFUSAL__INIT;
    m.has_code = m.has_text = 1;
    m.code = code; m.text = text;
    uint8_t *bytes = arena_alloc(arena, lz__refusal__get_packed_size(&m) + 1);
    return refusal_decode(arena, lz_bytes_of(bytes, lz__refusal__pack(&m, bytes)), back);
}
Test(packet, a_refusal_of_any_length) {
    struct refusal back;
    cr_expect_eq(refusal_judged(data("too_many", 8), run_of('t', 1024), &back), LZ_ok);
    cr_expect_eq((int)back.code, (int)LZ_too_many);
    cr_expect_eq(back.text.len, 1024);
    cr_expect_eq(refusal_judged(data("", 0), data("", 0), &back), LZ_ok);
    cr_expect_eq(refusal_judged(run_of('c', 32), data("", 0), &back), LZ_ok);
    cr_expect_eq(refusal_judged(run_of('c', 33), data("", 0), &back), LZ_bad_packet);
    cr_expect_eq(refusal_judged(data("full", 4), run_of('t', 1025), &back), LZ_bad_packet);
    cr_expect_eq(refusal_judged(data("full", 4), data("\xff\xfe", 2), &back), LZ_bad_packet);
}
