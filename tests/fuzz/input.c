/* input: the fuzzer's bytes as choices, and records made of them. */
#include <stdarg.h>
#include "fuzz.h"

void fuzz_found(const char *condition, const char *file, int line, const char *format, ...) {
    va_list args;
    fprintf(stderr, "fuzz: %s:%d: %s\nfuzz: ", file, line, condition);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}

struct input input_of(const uint8_t *data, size_t len) { return (struct input){ data, len, 0 }; }
bool input_left(const struct input *in) { return in->at < in->len; }

uint64_t take(struct input *in, size_t bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < bytes; i++) value = value << 8 | (in->at < in->len ? in->data[in->at++] : 0);
    return value;
}

size_t pick(struct input *in, size_t n) { return n <= 256 ? take(in, 1) % n : take(in, 2) % n; }
bool chance(struct input *in, unsigned of_256) { return input_left(in) && take(in, 1) >= 256 - of_256; }

struct lz_bytes take_bytes(struct input *in, size_t max) {
    size_t len = take(in, 1), left;
    if (len >= 0xF0) len = (len & 15) << 8 | take(in, 1);
    left = in->len - in->at;
    if (len > left) len = left;
    if (len > max) len = max;
    struct lz_bytes out = lz_bytes_of(in->data + in->at, len);
    in->at += len;
    return out;
}

uint8_t *exact(struct lz_bytes bytes) {
    uint8_t *copy = malloc(bytes.len ? bytes.len : 1);
    LZ_ASSERT(copy);
    if (bytes.len) memcpy(copy, bytes.data, bytes.len);
    return copy;
}

struct lz_bytes mutated(struct input *in, struct arena *arena, struct lz_bytes bytes) {
    if (!chance(in, 32) || bytes.len == 0) return bytes;
    uint8_t *copy = arena_alloc_raw(arena, bytes.len);
    LZ_ASSERT(copy);
    memcpy(copy, bytes.data, bytes.len);
    for (size_t n = 1 + pick(in, 3); n > 0; n--) copy[take(in, 2) % bytes.len] ^= (uint8_t)(1 + pick(in, 255));
    if (chance(in, 64)) bytes.len = take(in, 2) % bytes.len;
    return lz_bytes_of(copy, bytes.len);
}

/* ---- what there is to speak of ---- */

const uint32_t fuzz_units[FUZZ_UNITS] = { CITY, COUNTY_A, COUNTY_B, PROVINCE, COUNTY_C, OTHER_CITY, 410102, 410804, STRANGER };
uint32_t take_unit(struct input *in) { return fuzz_units[pick(in, FUZZ_UNITS)]; }

void pool_add(struct pool *pool, struct rec_id id, struct lz_bytes envelope) {
    for (size_t i = 0; i < pool->n; i++)
        if (rec_id_equal(pool->ids[i], id)) return;
    if (pool->n == POOL_MAX) {
        free((void *)(uintptr_t)pool->envelopes[0].data);
        memmove(pool->ids, pool->ids + 1, (POOL_MAX - 1) * sizeof *pool->ids);
        memmove(pool->envelopes, pool->envelopes + 1, (POOL_MAX - 1) * sizeof *pool->envelopes);
        pool->n--;
    }
    pool->ids[pool->n] = id;
    pool->envelopes[pool->n++] = lz_bytes_of(exact(envelope), envelope.len);
}

void pool_clear(struct pool *pool) {
    for (size_t i = 0; i < pool->n; i++) free((void *)(uintptr_t)pool->envelopes[i].data);
    pool->n = 0;
}

static struct rec_id take_id(struct input *in, const struct pool *pool) {
    size_t which = pick(in, 8);
    if (which == 7 || !pool || pool->n == 0) {
        if (which < 6) return (struct rec_id){ 0 };
        return (struct rec_id){ take_unit(in), (uint16_t)(pick(in, 2) ? KIND_task : KIND_problem), UINT64_C(1650848400000) << 16 | pick(in, 4),
            (uint32_t)pick(in, 2) };
    }
    if (which == 6) return (struct rec_id){ 0 };
    return pool->ids[pool->n - 1 - pick(in, pool->n)];           /* 0: the newest */
}

struct lz_bytes take_text(struct input *in) {
    static const char *const texts[] = { "巡林", "", "关于加快造林的督办函", "a", "焦林长督〔2022〕3号", "\033[2J\xE2\x80\xAE", "一\n二\t三", "完成整地", "\xFF\xFE" };
    size_t which = pick(in, 12);
    return which < LZ_COUNT(texts) ? lz_bytes_str(texts[which]) : take_bytes(in, 700);
}

static uint64_t take_moment(struct input *in, uint64_t wall_ms) {
    switch (pick(in, 6)) {
    case 1: return wall_ms + (take(in, 2) << 16);
    case 2: return wall_ms - (take(in, 2) << 16);
    case 3: return wall_ms + take(in, 2);
    case 4: return take(in, 8);
    default: return 0;
    }
}

static int64_t take_number(struct input *in) {
    switch (pick(in, 5)) {
    case 1: return (int64_t)take(in, 2);
    case 2: return (INT64_C(1) << 53) - (int64_t)take(in, 1);
    case 3: return -(int64_t)take(in, 2);
    case 4: return (int64_t)take(in, 8);
    default: return 40;
    }
}

static uint32_t take_date(struct input *in) {
    static const uint32_t dates[] = { 20220424, 20220425, 20220501, 20220101, 99991231, 20220230, 0 };
    return dates[pick(in, LZ_COUNT(dates))];
}

/* ---- records ---- */

static const uint16_t record_kinds[] = { KIND_task, KIND_move, KIND_progress, KIND_problem, KIND_rollup, KIND_general_order, KIND_supervision_letter,
                                         KIND_work_reminder, KIND_emergency, KIND_duty, KIND_bulletin, KIND_attachment, KIND_attachment_wish };

static void make_directive(struct input *in, const struct pool *pool, struct directive *d, uint64_t wall_ms) {
    d->title = chance(in, 64) ? take_text(in) : lz_bytes_str("任务");
    d->number = chance(in, 64) ? lz_bytes_str("焦林长督〔2022〕3号") : (struct lz_bytes){ 0 };
    d->body = take_text(in);
    if (chance(in, 64)) d->signers = take_text(in);
    if (chance(in, 64)) d->lead = take_text(in);
    d->item = (uint32_t)pick(in, 3);
    d->due_ms = take_moment(in, wall_ms);
    d->answer_wanted = chance(in, 128);
    d->holds_parent = chance(in, 64);
    if (chance(in, 32)) d->parent = take_id(in, pool);
    if (chance(in, 32)) d->about = take_id(in, pool);
}

static void make_move(struct input *in, const struct pool *pool, struct record *r, uint64_t wall_ms) {
    struct move *m = &r->of.move;
    const struct move_row *row = move_at(pick(in, move_count()));
    m->move = chance(in, 16) ? (uint32_t)take(in, 1) : row->number;
    r->subject = take_id(in, pool);
    m->unit = kind_is_directive(r->subject.kind) ? (chance(in, 64) ? take_unit(in) : r->origin) : chance(in, 16) ? take_unit(in) : 0;
    m->follows = take_id(in, pool);
    if (chance(in, 64)) m->report = take_id(in, pool);
    m->text = take_text(in);
    m->due_ms = take_moment(in, wall_ms);
    m->to_unit = chance(in, 128) ? take_unit(in) : 0;
}

static void make_rollup(struct input *in, const struct pool *pool, struct record *r, struct arena *arena) {
    struct rollup *u = &r->of.rollup;
    uint8_t *key = arena_alloc(arena, 2 + REC_ID_BYTES);
    LZ_ASSERT(key);
    u->kind = record_kinds[pick(in, LZ_COUNT(record_kinds))];
    if (chance(in, 128)) u->subject = take_id(in, pool);
    u->label = take_text(in);
    for (size_t n = pick(in, 4); n > 0; n--) u->sum.of[pick(in, COUNTER_COUNT)] = take_number(in);
    lz_put16(key, (uint16_t)u->kind);
    rec_id_put(u->subject, key + 2);
    r->key = lz_bytes_of(key, 2 + REC_ID_BYTES);
}

static void make_targets(struct input *in, struct arena *arena, struct record *r);

/* Mostly a piece that fits its file; few files, so that pieces meet; a way that an attachment may go, or not. */
static void make_attachment(struct input *in, struct arena *arena, const struct pool *pool, struct record *r) {
    struct attachment *a = &r->of.attachment;
    static const uint8_t bytes[256];
    r->subject = take_id(in, pool);
    a->hash[0] = (uint8_t)pick(in, 3);
    a->piece = chance(in, 16) ? (uint32_t)take(in, 4) : 8u << pick(in, 4);
    a->total = chance(in, 16) ? take(in, 8) : 1 + pick(in, 150);
    a->index = chance(in, 16) ? (uint32_t)take(in, 4) : a->piece ? (uint32_t)pick(in, (size_t)(a->total / a->piece % 64) + 1) : 0;
    bool fits = a->piece && a->piece <= sizeof bytes && a->index < attachment_pieces(a->total, a->piece) && !chance(in, 16);
    a->data = fits ? lz_bytes_of(bytes, attachment_length(a->total, a->piece, a->index)) : take_bytes(in, 100);
    a->name = a->index == 0 ? lz_bytes_str("图.png") : (struct lz_bytes){ 0 };
    if (chance(in, 16)) a->name = take_text(in);
    if (chance(in, 16)) a->type = take_text(in);
    if (chance(in, 32)) a->wish = take_id(in, pool);
    if (chance(in, 16)) return;
    static const uint8_t reaches[] = { REACH_PARENT, REACH_TOP, REACH_LOCAL, REACH_ISSUER };
    size_t way = pick(in, LZ_COUNT(reaches) + 1);
    r->direction = (uint8_t)(way == LZ_COUNT(reaches) ? DIRECTION_DOWN : DIRECTION_UP);
    r->reach = (uint8_t)(way == LZ_COUNT(reaches) ? REACH_TARGETS : reaches[way]);
    if (r->direction == DIRECTION_DOWN) make_targets(in, arena, r);
    if (r->reach != REACH_ISSUER) return;
    r->targets = arena_alloc(arena, sizeof *r->targets);
    LZ_ASSERT(r->targets);
    r->targets[0] = take_unit(in);
    r->n_targets = 1;
}

static void make_payload(struct input *in, struct arena *arena, const struct pool *pool, struct record *r, uint64_t wall_ms) {
    switch ((int)r->kind) {
    case KIND_move: make_move(in, pool, r, wall_ms); break;
    case KIND_progress:
        r->subject = take_id(in, pool);
        r->of.progress = (struct progress){ take_date(in), take_number(in), chance(in, 64) ? take_number(in) : 100, take_text(in) };
        break;
    case KIND_problem:
        r->of.problem = (struct problem){ .class = (uint32_t)pick(in, 14), .title = lz_bytes_str("毁林开垦"), .body = take_text(in), .place = take_text(in),
                                          .place_code = take_unit(in), .longitude_e6 = (int32_t)take(in, 4), .found_on = take_date(in),
                                              .severity = (uint32_t)pick(in, 5) };
        break;
    case KIND_emergency:
        r->of.emergency = (struct emergency){ .class = (uint32_t)pick(in, 4), .title = lz_bytes_str("火情"), .body = take_text(in), .place_code = take_unit(in),
                                              .began_ms = take_moment(in, wall_ms), .area_e2 = take(in, 4), .dead = (uint32_t)pick(in, 3) };
        break;
    case KIND_duty:
        r->key = chance(in, 32) ? take_bytes(in, 80) : lz_bytes_str("1");
        r->of.duty = (struct duty){ .name = chance(in, 64) ? take_text(in) : lz_bytes_str("王"), .post = take_text(in), .shift = (uint32_t)pick(in, 5),
                                      .begins = take_date(in), .state = (uint32_t)pick(in, 4) };
        break;
    case KIND_rollup: make_rollup(in, pool, r, arena); break;
    case KIND_attachment: make_attachment(in, arena, pool, r); break;
    case KIND_attachment_wish:
        if (chance(in, 128)) r->subject = take_id(in, pool);
        r->of.attachment_wish = (struct attachment_wish){ chance(in, 192), { (uint8_t)pick(in, 3) } };
        break;
    default: make_directive(in, pool, &r->of.directive, wall_ms); break;
    }
}

static void make_targets(struct input *in, struct arena *arena, struct record *r) {
    if (chance(in, 96)) { r->target_all = true; return; }
    r->targets = arena_alloc(arena, FUZZ_UNITS * sizeof *r->targets);
    LZ_ASSERT(r->targets);
    static const uint32_t ascending[FUZZ_UNITS] = { PROVINCE, OTHER_CITY, 410102, CITY, COUNTY_A, COUNTY_B, 410804, COUNTY_C, STRANGER };
    unsigned mask = input_left(in) ? (unsigned)take(in, 2) : 0x38;
    for (size_t i = 0; i < FUZZ_UNITS; i++)
        if (mask >> i & 1) r->targets[r->n_targets++] = ascending[i];
}

struct record make_record(struct input *in, struct arena *arena, const struct pool *pool, uint32_t origin, uint64_t wall_ms) {
    struct record r = { .origin = origin, .kind = record_kinds[pick(in, LZ_COUNT(record_kinds))] };
    const struct kind_row *row = kind_row(r.kind);
    r.lane = (uint8_t)row->lane;
    r.direction = (uint8_t)row->direction;
    r.reach = (uint8_t)row->reach;
    r.tier = (uint8_t)(origin % 10000 == 0 ? TIER_PROVINCE : origin % 100 == 0 ? TIER_CITY : TIER_COUNTY);
    r.stamp = wall_ms << 16 | take(in, 1);
    r.epoch = 1;
    r.written_ms = wall_ms;
    if (chance(in, 24)) r.lane = (uint8_t)pick(in, 5);
    if (chance(in, 16)) r.direction = (uint8_t)pick(in, 4);
    if (chance(in, 16)) r.reach = (uint8_t)pick(in, 6);
    if (chance(in, 16)) r.tier = (uint8_t)pick(in, 6);
    if (chance(in, 16)) r.sensitivity = (uint8_t)pick(in, 4);
    if (chance(in, 16)) r.stamp = take(in, 8);
    if (chance(in, 16)) r.epoch = (uint32_t)take(in, 4);
    if (chance(in, 32)) r.author = take_text(in);
    if (chance(in, 32)) { r.request = take_bytes(in, 16); r.request_index = (uint32_t)pick(in, 3); }
    make_payload(in, arena, pool, &r, wall_ms);
    if (kind_is_directive(r.kind) || r.kind == KIND_attachment_wish) make_targets(in, arena, &r);
    if (r.stamp == 0) r.stamp = 1;
    return r;
}
