/* member: an enrolled county whose key fell into the wrong hands, at its city.
 *
 *   member SCENE CITY COUNTY SIBLING TOP LETTER PROBLEM CITY_LOG [ATTACK...]
 *
 * LETTER went from the city to both counties, PROBLEM is the sibling's. The table below says what each attack sends and what must
 * hold; besides, after each one: the city is the same process, the sibling's reports reach the top within the bound, nothing that
 * the table does not name was stored at the city or the top, the standings of the letter and the problem are what they were, nothing
 * of the sibling's was told to the attacker, memory is within the bound. At the end everything verifies. */
#include "line.h"
#include "../../daemon/flow/flow.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

enum { WITHIN_MS = 15000, HALF_MS = 400, MEMORY_KIB = 64 * 1024, PEAK_KIB = 192 * 1024, FLOOD_MS = 1500, SHUT_OUT_MS = 5500 };
enum { CITY2_COUNTY = 410902, NOBODY = 999999 };
/* What an administrator can see of an attack: a counter of `status` goes up, or the log has a line. */
enum seen { UNSEEN = 0, REFUSED = 1, FORBIDDEN = 2, UNREADABLE = 4, CONFLICT = 8, FRAMES = 16, CUT_OFF = 32, LIMITED = 64 };
struct den {
    struct scene scene;
    struct station *city, *own, *sibling, *top;
    struct rec_id letter, problem;
    char letter_text[REC_ID_TEXT], problem_text[REC_ID_TEXT];
    const char *log;
    struct line l;
    struct arena *arena;
    struct rec_id mine;                                  /* a problem of our own, honestly reported */
    uint64_t foreign;
    const char *wrong;                                   /* what an attack itself found amiss */
};
struct attack {
    const char *name, *sends;
    void (*run)(struct den *d);
    unsigned seen;
    const char *logged;                                  /* a line that the log must have gained */
    uint16_t lands;                                      /* a kind of its own that it may store; 0: none */
    uint64_t most;                                       /* how many of them at the most; and at least one */
};

/* ---- saying things ------------------------------------------------------------------------------------------------------- */

static struct record problem_of(struct den *d, uint32_t origin, uint8_t tier, const char *title) {
    struct record r = line_record(&d->l, KIND_problem, origin, tier);
    r.of.problem.title = lz_bytes_str(title);
    return r;
}
static struct record move_of(struct den *d, uint32_t origin, struct rec_id subject, const char *name, uint32_t unit) {
    struct record r = line_record(&d->l, KIND_move, origin, TIER_COUNTY);
    r.subject = subject;
    r.of.move = (struct move){ .move = move_by_name(kind_row(subject.kind)->machine, name)->number, .unit = unit, .text = lz_bytes_str("说明") };
    return r;
}
static struct record order_of(struct den *d, uint32_t origin, uint8_t tier) {
    struct record r = line_record(&d->l, KIND_general_order, origin, tier);
    r.target_all = true;
    r.of.directive.title = lz_bytes_str("冒充的命令");
    return r;
}
static void offer(struct den *d, struct record *r) {
    struct lz_bytes envelope = line_envelope(&d->l, r);
    if (!line_offer(&d->l, r->lane, &envelope, 1, 5000)) d->wrong = "its batch was not acknowledged: a bad record blocks the lane";
}
static void put(struct den *d, struct lz_bytes packet) { line_post(&d->l, d->l.sync, packet); }
static struct hello hello(struct den *d, struct lineage_entry line[1]) { return line_hello(&d->l, line); }
static void say(struct den *d, const struct hello *h) { line_say_hello(&d->l, h); }
static void pump(struct den *d, unsigned ms) { line_pump(&d->l, ms); }

/* ---- in another's name ------------------------------------------------------------------------------------------------- */

static void as_sibling(struct den *d) { struct record r = problem_of(d, d->sibling->unit, TIER_COUNTY, "冒充邻县"); offer(d, &r); }
static void as_city(struct den *d) { struct record r = problem_of(d, d->city->unit, TIER_CITY, "冒充本市"); offer(d, &r); }
static void as_province(struct den *d) { struct record r = problem_of(d, d->top->unit, TIER_PROVINCE, "冒充本省"); offer(d, &r); }
static void as_other_city(struct den *d) { struct record r = problem_of(d, CITY2_COUNTY, TIER_COUNTY, "冒充别市"); offer(d, &r); }
static void as_nobody(struct den *d) { struct record r = problem_of(d, NOBODY, TIER_COUNTY, "无此单位"); offer(d, &r); }
static void as_higher_tier(struct den *d) { struct record r = problem_of(d, d->own->unit, TIER_PROVINCE, "自称省级"); offer(d, &r); }
static void fire_of_sibling(struct den *d) {
    struct record r = line_record(&d->l, KIND_emergency, d->sibling->unit, TIER_COUNTY);
    r.of.emergency.title = lz_bytes_str("谎报邻县火情");
    offer(d, &r);
}
static void duty_of_sibling(struct den *d) {
    struct record r = line_record(&d->l, KIND_duty, d->sibling->unit, TIER_COUNTY);
    r.key = lz_bytes_str("1");
    r.of.duty.name = lz_bytes_str("冒充的值班员");
    offer(d, &r);
}
static void rollup_of(struct den *d, uint32_t origin, uint8_t tier) {
    uint8_t key[2 + REC_ID_BYTES];
    struct record r = line_record(&d->l, KIND_rollup, origin, tier);
    lz_put16(key, KIND_problem);
    rec_id_put((struct rec_id){ 0 }, key + 2);
    r.key = lz_bytes_of(key, sizeof key);
    r.of.rollup.kind = KIND_problem;
    r.of.rollup.sum.of[0] = 1000000;
    offer(d, &r);
}
static void rollup_of_sibling(struct den *d) { rollup_of(d, d->sibling->unit, TIER_COUNTY); }
static void rollup_of_city(struct den *d) { rollup_of(d, d->city->unit, TIER_CITY); }
static void over_live(struct den *d) {
    struct record r = problem_of(d, d->sibling->unit, TIER_COUNTY, "冒充邻县，走即时通道");
    struct lz_bytes envelope = line_envelope(&d->l, &r);
    line_post(&d->l, d->l.live_up, line_batch(&d->l, r.lane, &envelope, 1));
    pump(d, 1000);
}

/* ---- what does not travel upward --------------------------------------------------------------------------------------------- */

static void order_upward(struct den *d) { struct record r = order_of(d, d->own->unit, TIER_COUNTY); offer(d, &r); }
static void order_of_province(struct den *d) { struct record r = order_of(d, d->top->unit, TIER_PROVINCE); offer(d, &r); }
static void order_turned(struct den *d) { struct record r = order_of(d, d->own->unit, TIER_COUNTY); r.direction = DIRECTION_UP; offer(d, &r); }
static void task_for_sibling(struct den *d) {
    uint32_t targets[1] = { d->sibling->unit };
    struct record r = line_record(&d->l, KIND_task, d->own->unit, TIER_COUNTY);
    r.targets = targets;
    r.n_targets = 1;
    r.of.directive.title = lz_bytes_str("给邻县派活");
    offer(d, &r);
}
static void reach_widened(struct den *d) { struct record r = problem_of(d, d->own->unit, TIER_COUNTY, "范围被改大"); r.reach = REACH_TOP; offer(d, &r); }
static void lane_jumped(struct den *d) { struct record r = problem_of(d, d->own->unit, TIER_COUNTY, "冒充特急"); r.lane = LANE_FLASH; offer(d, &r); }
static void unknown_of_sibling(struct den *d) {
    struct record r = problem_of(d, d->sibling->unit, TIER_COUNTY, "新种类");
    struct lz_bytes envelope = line_envelope(&d->l, &r);
    uint8_t *b = (uint8_t *)(uintptr_t)r.bytes.data;
    for (size_t i = 0; i + 1 < r.bytes.len; i++)                 /* field 2, kind: 6 becomes 66 */
        if (b[i] == 0x10 && b[i + 1] == KIND_problem) { b[i + 1] = 66; break; }
    if (!line_offer(&d->l, LANE_ROUTINE, &envelope, 1, 5000)) d->wrong = "an unknown kind blocks the lane";
}
static void secret(struct den *d) { struct record r = problem_of(d, d->own->unit, TIER_COUNTY, "涉密"); r.sensitivity = 2; offer(d, &r); }

/* ---- moves that are not one's own ----------------------------------------------------------------------------------------------- */

static void close_own(struct den *d) { struct record r = move_of(d, d->own->unit, d->letter, "close", d->own->unit); offer(d, &r); }
static void close_siblings(struct den *d) { struct record r = move_of(d, d->own->unit, d->letter, "close", d->sibling->unit); offer(d, &r); }
static void sign_for_sibling(struct den *d) { struct record r = move_of(d, d->sibling->unit, d->letter, "sign", d->sibling->unit); offer(d, &r); }
static void rule_as_city(struct den *d) { struct record r = move_of(d, d->city->unit, d->letter, "withdraw", d->own->unit); offer(d, &r); }
static void accept_siblings(struct den *d) { struct record r = move_of(d, d->own->unit, d->problem, "accept", 0); offer(d, &r); }
static void escalate_siblings(struct den *d) { struct record r = move_of(d, d->own->unit, d->problem, "escalate", 0); r.of.move.to_unit = d->city->unit;
    offer(d, &r); }
static void assign_to_itself(struct den *d) { struct record r = move_of(d, d->own->unit, d->problem, "assign", 0); r.of.move.to_unit = d->own->unit; offer(d,
    &r); }
static void many_moves(struct den *d, struct rec_id subject, const char *name, uint32_t unit) {
    enum { MANY = SUBJECT_MOVES_MAX + 100 };
    struct lz_bytes *list = arena_alloc(d->arena, MANY * sizeof *list);
    for (size_t i = 0; i < MANY; i++) {
        struct record r = move_of(d, d->own->unit, subject, name, unit);
        list[i] = line_envelope(&d->l, &r);
    }
    if (!line_offer(&d->l, LANE_ROUTINE, list, MANY, 10000)) d->wrong = "not acknowledged";
}
static void crowd_siblings_problem(struct den *d) { many_moves(d, d->problem, "verify", 0); }
static void crowd_own_letter(struct den *d) { many_moves(d, d->letter, "deliver", d->own->unit); }
static void orphan_move(struct den *d) {
    struct record r = move_of(d, d->own->unit, (struct rec_id){ d->city->unit, KIND_task, 77, 7 }, "sign", d->own->unit);
    offer(d, &r);
}

/* ---- lies about places -------------------------------------------------------------------------------------------------------- */

static void lying_cursors(struct den *d, uint64_t position, uint64_t seen, struct epoch epoch, unsigned times) {
    struct lineage_entry line[1];
    for (unsigned i = 0; i < times; i++) {
        struct hello h = hello(d, line);
        for (uint8_t lane = 0; lane < LANE_COUNT; lane++) {
            h.cursors[h.n_cursors++] = (struct feed_cursor){ { SCOPE_ALL, lane }, { epoch, position, seen } };
            h.cursors[h.n_cursors++] = (struct feed_cursor){ { d->own->unit, lane }, { epoch, position, seen } };
        }
        say(d, &h);
        pump(d, 20);
    }
    pump(d, 250);
}
static void cursors_ahead(struct den *d) { lying_cursors(d, 1000000, 1000000, d->l.theirs, 3); }
static void cursors_huge(struct den *d) { lying_cursors(d, UINT64_MAX, UINT64_MAX, d->l.theirs, 3); }
static void cursors_unseen(struct den *d) { lying_cursors(d, UINT64_MAX, 1, d->l.theirs, 3); }
static void cursors_behind(struct den *d) { lying_cursors(d, 0, 0, d->l.theirs, 3); }
static void cursors_of_another_line(struct den *d) { struct epoch e; lz_random(e.b, sizeof e.b); lying_cursors(d, 5, 5, e, 40); }
static void acks_of(struct den *d, struct epoch epoch, uint32_t scope, uint64_t position) {
    struct ack a = { .epoch = epoch };
    struct lz_bytes packet;
    for (uint8_t lane = 0; lane < LANE_COUNT; lane++) a.cursors[a.n_cursors++] = (struct feed_cursor){ { scope, lane }, { epoch, position, position } };
    if (ack_encode(d->arena, &a, &packet) != LZ_ok) fail("ack");
    put(d, packet);
    pump(d, 300);
}
static void acks_ahead(struct den *d) { acks_of(d, d->l.theirs, d->own->unit, UINT64_MAX - 1); }
static void acks_for_sibling(struct den *d) { acks_of(d, d->l.theirs, d->sibling->unit, 1); }
static void acks_of_another_epoch(struct den *d) { acks_of(d, d->l.own, d->own->unit, 1); }
static void fetch_of(struct den *d, uint32_t scope, uint64_t from, unsigned times) {
    struct lz_bytes packet;
    for (uint8_t lane = 0; lane < LANE_COUNT; lane++) {
        struct fetch f = { { scope, lane }, d->l.theirs, from };
        if (fetch_encode(d->arena, &f, &packet) != LZ_ok) fail("fetch");
        for (unsigned i = 0; i < times; i++) put(d, packet);
    }
    pump(d, 250);
}
static void fetch_siblings(struct den *d) {
    uint64_t refusals = d->l.heard.refusals;
    fetch_of(d, d->sibling->unit, 0, 1);
    if (d->l.heard.refusals == refusals) d->wrong = "it was not told that it may not";
}
static void fetch_up(struct den *d) { fetch_of(d, SCOPE_UP, 0, 1); }
static void fetch_beyond(struct den *d) { fetch_of(d, d->own->unit, UINT64_MAX - 1, 1); }
static void tips_of(struct den *d, uint64_t tip, unsigned times) {
    struct tip t = { .epoch = d->l.own, .seen = tip, .next_ms = UINT32_MAX, .wall_ms = UINT64_MAX >> 17, .heard_ms = UINT32_MAX,
        .cause = lz_bytes_str("\xe2\x80\xae 谎") };
    struct lz_bytes packet;
    for (uint8_t lane = 0; lane < LANE_COUNT; lane++) t.feeds[t.n_feeds++] = (struct tip_entry){ { SCOPE_UP, lane }, tip };
    if (tip_encode(d->arena, &t, &packet) != LZ_ok) fail("tip");
    for (unsigned i = 0; i < times; i++) put(d, packet);
    pump(d, 250);
}
static void tips_unreachable(struct den *d) { tips_of(d, UINT64_MAX, 3); if (link_is(&d->scene, d->city, d->own->unit,
    "live")) d->wrong = "the city says that it is in sync"; }
/* What the daemon's own encoder would not write is written by hand. */
static void raw_varint(uint8_t **p, unsigned field, uint64_t value) {
    *(*p)++ = (uint8_t)(field << 3);
    for (; value > 0x7f; value >>= 7) *(*p)++ = (uint8_t)(value | 0x80);
    *(*p)++ = (uint8_t)value;
}
static void raw_bytes(uint8_t **p, unsigned field, const void *bytes, size_t n) {
    *(*p)++ = (uint8_t)(field << 3 | 2);
    *(*p)++ = (uint8_t)n;
    memcpy(*p, bytes, n);
    *p += n;
}
static void raw_put(struct den *d, enum packet_type type, uint8_t *packet, uint8_t *end) {
    memcpy(packet, "LZ1/", 4);
    packet[4] = (uint8_t)type;
    packet[5] = PROTOCOL_VERSION;
    packet[6] = packet[7] = 0;
    lz_put32(packet + 8, (uint32_t)(end - packet - PACKET_HEADER_BYTES));
    put(d, lz_bytes_of(packet, (size_t)(end - packet)));
}
static void batches_out_of_order(struct den *d) {
    static const uint64_t ranges[][3] = { { 10, 5, 20 }, { 0, UINT64_MAX, 3 }, { 7, 9, 8 }, { UINT64_MAX - 1, UINT64_MAX, UINT64_MAX }, { 0, UINT64_MAX,
        UINT64_MAX } };
    for (size_t i = 0; i < LZ_COUNT(ranges); i++) {
        uint8_t packet[256], *p = packet + PACKET_HEADER_BYTES;
        raw_varint(&p, 1, SCOPE_UP);
        raw_varint(&p, 2, LANE_BULK);
        raw_bytes(&p, 3, d->l.own.b, 16);
        for (unsigned k = 0; k < 3; k++) raw_varint(&p, 4 + k, ranges[i][k]);
        raw_varint(&p, 7, ranges[i][2]);
        raw_put(d, PACKET_BATCH, packet, p);
    }
    pump(d, 250);
}
static void batches_of_other_feeds(struct den *d) {
    const uint32_t scopes[] = { SCOPE_ALL, d->own->unit, d->sibling->unit, NOBODY };
    struct record r = problem_of(d, d->own->unit, TIER_COUNTY, "从别的目录来");
    struct lz_bytes envelope = line_envelope(&d->l, &r), packet;
    for (size_t i = 0; i < LZ_COUNT(scopes); i++) {
        struct batch b = { .feed = { scopes[i], LANE_ROUTINE }, .epoch = d->l.own, .from = 0, .to = 1, .seen = 1, .tip = 1, .envelopes = &envelope,
            .n_envelopes = 1 };
        if (batch_encode(d->arena, &b, &packet) != LZ_ok) fail("batch");
        put(d, packet);
    }
    pump(d, 250);
}

/* ---- lies about lines ------------------------------------------------------------------------------------------------------------ */

/* how: 0 as it should be; 1 positions go back; 2 epochs of three bytes */
static void lineage_of(struct den *d, size_t n, struct epoch last, int how) {
    uint8_t *packet = arena_alloc(d->arena, n * 40 + 256), *p = packet + PACKET_HEADER_BYTES, code[4], entry[40];
    raw_varint(&p, 1, PROTOCOL_VERSION);
    raw_varint(&p, 2, PROTOCOL_VERSION_MIN);
    raw_bytes(&p, 3, "hostile", 7);
    for (unsigned k = 0; k < 2; k++) {                            /* fixed32: unit, to */
        uint32_t unit = k ? d->city->unit : d->own->unit;
        for (unsigned b = 0; b < 4; b++) code[b] = (uint8_t)(unit >> 8 * b);
        *p++ = (uint8_t)((4 + k) << 3 | 5);
        memcpy(p, code, 4);
        p += 4;
    }
    raw_varint(&p, 6, TIER_COUNTY);
    for (size_t i = 0; i < n; i++) {
        struct epoch e;
        uint8_t *q = entry;
        lz_random(e.b, 16);
        if (i + 1 == n) e = last;
        raw_bytes(&q, 1, e.b, how == 2 ? 3 : 16);
        raw_varint(&q, 2, how == 1 ? n - i : i);
        raw_bytes(&p, 9, entry, (size_t)(q - entry));
    }
    raw_put(d, PACKET_HELLO, packet, p);
    pump(d, 250);
}
static void epoch_of_the_city(struct den *d) { lineage_of(d, 1, d->l.theirs, 0); }
static void epoch_of_nothing(struct den *d) { lineage_of(d, 1, (struct epoch){ { 0 } }, 0); }
static void lineage_long(struct den *d) { lineage_of(d, LINEAGE_SHOWN_MAX, d->l.own, 0); }
static void lineage_too_long(struct den *d) { lineage_of(d, LINEAGE_SHOWN_MAX + 1000, d->l.own, 0); }
static void lineage_empty(struct den *d) { lineage_of(d, 0, d->l.own, 0); }
static void lineage_backwards(struct den *d) { lineage_of(d, 50, d->l.own, 1); }
static void lineage_cut_short(struct den *d) { lineage_of(d, 5, d->l.own, 2); }
static void lines_left(struct den *d) {                          /* a line that forks again and again: each fork is remembered */
    struct lineage_entry line[2] = { { d->l.own, 0 }, { d->l.own, 1 } }, one[1];
    for (int i = 0; i < 200; i++) {
        struct hello h = hello(d, one);
        lz_random(line[1].epoch.b, 16);
        h.lineage = line;
        h.n_lineage = 2;
        say(d, &h);
        pump(d, 2);
    }
    pump(d, 250);
}
static void unit_of_another(struct den *d) { struct lineage_entry line[1]; struct hello h = hello(d, line); h.unit = d->sibling->unit; say(d, &h); pump(d,
    500); }
static void version_of_another_age(struct den *d) { struct lineage_entry line[1]; struct hello h = hello(d, line); h.version = h.version_min = 99; say(d, &h);
    pump(d, 250); }
static void stamp_far_ahead(struct den *d) { struct lineage_entry line[1]; struct hello h = hello(d, line); h.highest_stamp = UINT64_MAX; say(d, &h); pump(d,
    500); }
static uint64_t logged(const struct den *d, const char *word);
static void claims(struct den *d) {
    uint64_t before = logged(d, "reclaim.open");
    struct lineage_entry line[1];
    for (int i = 0; i < 100; i++) {
        struct hello h = hello(d, line);
        h.owes = true;
        say(d, &h);
        pump(d, 20);
    }
    pump(d, 250);
    if (logged(d, "reclaim.open") > before + 1) d->wrong = "each claim is believed anew";
}
static void claims_by_stamp(struct den *d) {
    uint64_t before = logged(d, "reclaim.open");
    struct lineage_entry line[1];
    for (int i = 0; i < 60; i++) {
        struct hello h = hello(d, line);
        h.highest_stamp = (lz_clock_now().wall_ms + 600000 + (uint64_t)i * 1000) << 16;
        say(d, &h);
        pump(d, 20);
    }
    pump(d, 250);
    if (logged(d, "reclaim.open") > before + 1) d->wrong = "each claim is believed anew";
}

/* ---- taking back, repairing ---------------------------------------------------------------------------------------------------------- */

static void reclaim_after_sibling(struct den *d) {
    uint8_t key[6];
    lz_put32(key, d->sibling->unit - 1);
    lz_put16(key + 4, UINT16_MAX);
    struct reclaim_ask ask = { d->l.own, d->l.theirs, lz_bytes_of(key, sizeof key), 0 };
    struct lz_bytes packet;
    if (reclaim_ask_encode(d->arena, &ask, &packet) != LZ_ok) fail("reclaim ask");
    put(d, packet);
    pump(d, 250);
}
static void gives_back_unasked(struct den *d) {
    struct record r = order_of(d, d->city->unit, TIER_CITY), s = problem_of(d, d->sibling->unit, TIER_COUNTY, "冒充的归还");
    struct lz_bytes list[2] = { line_envelope(&d->l, &r), line_envelope(&d->l, &s) }, packet;
    struct reclaim_answer a = { .asker = d->l.theirs, .answerer = d->l.own, .ended = true, .final = true, .envelopes = list, .n_envelopes = 2 };
    if (reclaim_answer_encode(d->arena, &a, &packet) != LZ_ok) fail("reclaim answer");
    put(d, packet);
    struct reclaim_ask done = { d->l.own, d->l.theirs, { 0 }, UINT64_MAX };
    if (reclaim_done_encode(d->arena, &done, &packet) != LZ_ok) fail("reclaim done");
    put(d, packet);
    pump(d, 250);
}
/* The city believes once that it lost something, and asks: what comes back in its name bears no seal of its own. */
static void gives_back_forged(struct den *d) {
    struct lineage_entry line[1];
    struct hello h = hello(d, line);
    h.owes = true;
    say(d, &h);
    pump(d, 300);
    gives_back_unasked(d);
}
static void repair_of_siblings(struct den *d) {
    struct lz_bytes keys[2], packet;
    uint8_t k[2][REC_ID_BYTES];
    rec_id_put(d->problem, k[0]);
    rec_id_put((struct rec_id){ d->sibling->unit, KIND_move, 1, 1 }, k[1]);
    for (int i = 0; i < 2; i++) keys[i] = lz_bytes_of(k[i], REC_ID_BYTES);
    struct repair ask = { .keys = keys, .n_keys = 2 };
    uint64_t absent = d->l.heard.absent;
    if (repair_encode(d->arena, PACKET_REPAIR_ASK, &ask, &packet) != LZ_ok) fail("repair");
    pump(d, 3000);                                               /* one ask in a while is answered */
    put(d, packet);
    pump(d, 250);
    if (d->l.heard.absent != absent + 2) d->wrong = "it does not say that it has not got them";
}
static void repairs_unasked(struct den *d) {
    struct record r = order_of(d, d->city->unit, TIER_CITY);
    struct lz_bytes envelope = line_envelope(&d->l, &r), packet;
    struct repair answer = { .envelopes = &envelope, .n_envelopes = 1 };
    if (repair_encode(d->arena, PACKET_REPAIR_ANSWER, &answer, &packet) != LZ_ok) fail("repair");
    put(d, packet);
    pump(d, 250);
}

/* ---- time, and again ---------------------------------------------------------------------------------------------------------------- */

static void stamps_of_the_future(struct den *d) {
    struct record r = problem_of(d, d->own->unit, TIER_COUNTY, "公元一万年"), s = r;
    r.stamp = UINT64_MAX - 5;
    s.stamp = (lz_clock_now().wall_ms + 400 * (uint64_t)LZ_DAY_MS) << 16;
    offer(d, &r);
    offer(d, &s);
}
static void stamps_of_the_past(struct den *d) { struct record r = problem_of(d, d->own->unit, TIER_COUNTY, "公元一九七〇年"); r.stamp = 1; offer(d, &r); }
static void progress_of_the_future(struct den *d) {
    struct record r = line_record(&d->l, KIND_progress, d->own->unit, TIER_COUNTY);
    r.subject = d->letter;
    r.of.progress = (struct progress){ 99991231, INT64_C(1) << 53, 1, lz_bytes_str("已完成") };
    offer(d, &r);
}
static void replays(struct den *d) {
    struct record r = problem_of(d, d->own->unit, TIER_COUNTY, "一遍又一遍");
    struct lz_bytes envelope = line_envelope(&d->l, &r), packet = line_batch(&d->l, LANE_ROUTINE, &envelope, 1);
    d->mine = record_id(&r);
    for (int i = 0; i < 500; i++) put(d, packet);
    pump(d, 250);
    for (int i = 0; i < 50; i++) if (!line_offer(&d->l, LANE_ROUTINE, &envelope, 1, 2000)) d->wrong = "not acknowledged";
}
static void other_bytes(struct den *d) {
    struct record r = problem_of(d, d->own->unit, TIER_COUNTY, "改过的");
    r.stamp = d->mine.stamp;
    r.epoch = d->mine.epoch;
    offer(d, &r);
}

/* ---- what is no message ----------------------------------------------------------------------------------------------------------------- */

static void junk_packets(struct den *d) {
    uint8_t bytes[512];
    for (int i = 0; i < 3000; i++) {
        lz_random(bytes, sizeof bytes);
        size_t n = 1 + bytes[0];
        if (i % 2) { memcpy(bytes, "LZ1/", 4); bytes[4] = (uint8_t)(i % 40); bytes[5] = 1; bytes[6] = bytes[7] = 0; lz_put32(bytes + 8,
            (uint32_t)(n < 12 ? 0 : n - 12)); if (n < 12) n = 12; }
        put(d, lz_bytes_of(bytes, n));
    }
    pump(d, 250);
}
static void control_ask(struct den *d) {
    uint8_t request[16] = { 1 };
    struct ask ask = { .verb = lz_bytes_str("child remove"), .request = lz_bytes_of(request, 16), .seq = 1 };
    struct lz_bytes packet;
    if (ask_encode(d->arena, &ask, &packet) != LZ_ok) fail("ask");
    put(d, packet);
    pump(d, 250);
}
static void many_frames(struct den *d) {
    for (int i = 0; i < 20; i++) {
        zmq_send(d->l.sync, "LZ1/", 4, ZMQ_SNDMORE);
        zmq_send(d->l.sync, "x", 1, 0);
        zmq_send(d->l.live_up, "LZ1/", 4, ZMQ_SNDMORE);
        zmq_send(d->l.live_up, "x", 1, 0);
    }
    pump(d, 250);
}
static void giant_frames(struct den *d) {
    enum { GIANT = 8 << 20 };
    static uint8_t bytes[GIANT];
    for (int i = 0; i < 5; i++) {
        put(d, lz_bytes_of(bytes, BATCH_BYTES_MAX + 20));
        pump(d, 100);
        zmq_send(d->l.sync, bytes, GIANT, ZMQ_DONTWAIT);
        zmq_send(d->l.live_up, bytes, GIANT, ZMQ_DONTWAIT);
        pump(d, 300);
    }
    line_again(&d->l);
}

/* ---- floods: at full speed in a thread of their own, on a socket of their own, while the sibling's reports are timed --------------------------- */

struct flood { struct den *d; void (*pour)(struct flood *f, void *socket); int type, port; volatile bool stop; uint64_t sent; void *context; };

static void *flooding(void *argument) {
    struct flood *f = argument;
    struct line own = f->d->l;
    own.context = f->context;
    void *socket = line_socket(&own, f->type, f->port, NULL);
    int ms = 200;
    zmq_setsockopt(socket, ZMQ_SNDTIMEO, &ms, sizeof ms);
    nap_ms(300);
    f->pour(f, socket);
    zmq_close(socket);
    return NULL;
}

static void flood(struct den *d, void (*pour)(struct flood *f, void *socket), int type, int port) {
    struct flood f = { .d = d, .pour = pour, .type = type, .port = port, .context = zmq_ctx_new() };
    struct latency l = { .n = 0 };
    uint64_t worst_kib = 0, before = anonymous_kib(d->city->pid), cut_off = status_number(&d->scene, d->city, "网络拒绝", "强行断开");
    pthread_t thread;
    if (pthread_create(&thread, NULL, flooding, &f) != 0) fail("thread");
    for (uint64_t end = now_ms() + FLOOD_MS; now_ms() < end; ) {
        uint64_t ms = round_trip(&d->scene, d->sibling, d->top, WITHIN_MS), kib = anonymous_kib(d->city->pid);
        if (ms == UINT64_MAX) fail("a report of the sibling took more than %d ms", WITHIN_MS);
        latency_add(&l, ms);
        if (kib > worst_kib) worst_kib = kib;
        pump(d, 10);
    }
    f.stop = true;
    pthread_join(thread, NULL);
    zmq_ctx_term(f.context);
    for (int i = 0; i < 20 && anonymous_kib(d->city->pid) > before + allowed_kib(MEMORY_KIB) / 2; i++) pump(d, 200);
    if (status_number(&d->scene, d->city, "网络拒绝", "强行断开") > cut_off) pump(d, SHUT_OUT_MS);
    if (worst_kib > before + allowed_kib(PEAK_KIB)) d->wrong = "memory";
    if (latency_at(&l, 0.5) > HALF_MS) d->wrong = "the sibling had to wait";
    printf("       %llu messages; a report p50/worst %llu/%llu ms of %zu; memory at most %+lld KiB\n", (unsigned long long)f.sent,
        (unsigned long long)latency_at(&l, 0.5),
           (unsigned long long)latency_at(&l, 1), l.n, (long long)worst_kib - (long long)before);
}

static void pour_packet(struct flood *f, void *socket, struct lz_bytes packet) {
    while (!f->stop) if (zmq_send(socket, packet.data, packet.len, 0) >= 0) f->sent++;
}
#define PACKET_FLOOD(name, type, ...) \
    static void pour_##name(struct flood *f, void *socket) { \
        struct arena *arena = arena_create(1 << 20); \
        struct den *d = f->d; \
        struct lz_bytes packet; \
        struct lineage_entry line[1] = { { d->l.own, 0 } }; \
        (void)line; \
        struct type message = __VA_ARGS__; \
        if (type##_encode(arena, &message, &packet) != LZ_ok) fail("flood"); \
        pour_packet(f, socket, packet); \
        arena_destroy(&arena); \
    } \
    static void flood_##name(struct den *d) { flood(d, pour_##name, ZMQ_DEALER, 0); }
PACKET_FLOOD(hellos, hello, { .version = 1, .version_min = 1, .software = lz_bytes_str("hostile"), .unit = d->own->unit, .to = d->city->unit,
    .tier = TIER_COUNTY,
                                 .lineage = line, .n_lineage = 1 })
PACKET_FLOOD(hello_replies, hello, { .version = 1, .version_min = 1, .software = lz_bytes_str("hostile"), .unit = d->own->unit, .to = d->city->unit,
    .tier = TIER_COUNTY,
                                        .lineage = line, .n_lineage = 1, .reply = true })
PACKET_FLOOD(fetches, fetch, { { d->own->unit, LANE_URGENT }, d->l.theirs, 0 })
PACKET_FLOOD(acks, ack, { .epoch = d->l.theirs, .cursors = { { { d->own->unit, LANE_URGENT }, { d->l.theirs, 1, 1 } } }, .n_cursors = 1 })
PACKET_FLOOD(tips, tip, { .epoch = d->l.own, .seen = 1u << 30, .feeds = { { { SCOPE_UP, LANE_BULK }, 1u << 30 } }, .n_feeds = 1, .next_ms = 1 })
PACKET_FLOOD(reclaims, reclaim_ask, { d->l.own, d->l.theirs, { 0 }, 0 })

static void pour_records(struct flood *f, void *socket) {
    enum { A_BATCH = 1000 };
    struct arena *arena = arena_create((size_t)8 << 20);
    struct line own = f->d->l;
    struct scene scene = { .arena = arena };
    struct lz_bytes list[A_BATCH];
    own.scene = &scene;
    while (!f->stop) {
        arena_reset(arena);
        for (size_t i = 0; i < A_BATCH; i++) {
            struct record r = line_record(&own, KIND_progress, own.self->unit, TIER_COUNTY);
            r.subject = f->d->letter;
            r.of.progress = (struct progress){ 20260101, 1, 100, { 0 } };
            list[i] = line_envelope(&own, &r);
        }
        struct lz_bytes packet = line_batch(&own, LANE_ROUTINE, list, A_BATCH);
        while (!f->stop && zmq_send(socket, packet.data, packet.len, 0) < 0) { }
        f->sent++;
    }
    f->d->l.position = own.position;                             /* our own lane goes on from there */
    f->d->l.stamp = own.stamp;
    memcpy(f->d->l.at, own.at, sizeof own.at);
    arena_destroy(&arena);
}
static void flood_records(struct den *d) { flood(d, pour_records, ZMQ_DEALER, 0); }
/* Forged records by the thousand: evidence is kept, and not without end. */
static void pour_forged(struct flood *f, void *socket) {
    enum { A_BATCH = 60, TEXT = 2000 };
    static uint8_t body[TEXT];
    struct arena *arena = arena_create((size_t)8 << 20);
    struct line own = f->d->l;
    struct scene scene = { .arena = arena };
    struct lz_bytes list[A_BATCH];
    own.scene = &scene;
    memset(body, 'x', sizeof body);
    while (!f->stop) {
        arena_reset(arena);
        for (size_t i = 0; i < A_BATCH; i++) {
            struct record r = line_record(&own, KIND_problem, own.sibling, TIER_COUNTY);
            r.of.problem.title = lz_bytes_str("冒充");
            r.of.problem.body = lz_bytes_of(body, sizeof body);
            list[i] = line_envelope(&own, &r);
        }
        struct lz_bytes packet = line_batch(&own, LANE_ROUTINE, list, A_BATCH);
        while (!f->stop && zmq_send(socket, packet.data, packet.len, 0) < 0) { }
        f->sent++;
    }
    f->d->l.position = own.position;
    f->d->l.stamp = own.stamp;
    memcpy(f->d->l.at, own.at, sizeof own.at);
    arena_destroy(&arena);
}
static void flood_forged(struct den *d) {
    flood(d, pour_forged, ZMQ_DEALER, 0);
    uint64_t kept = status_number(&d->scene, d->city, "被拒收", "");
    if (kept > 5000) d->wrong = "evidence is kept without end";
}
/* Each in another name, so that no two lines of the log are the same. */
static void every_name(struct den *d) {
    enum { NAMES = 8000, A_BATCH = 1000 };
    struct lz_bytes list[A_BATCH];
    struct stat before, after;
    if (stat(d->log, &before) != 0) fail("%s", d->log);
    for (uint32_t i = 0; i < NAMES; i += A_BATCH) {
        size_t mark = arena_used(d->arena);
        for (uint32_t k = 0; k < A_BATCH; k++) {
            struct record r = problem_of(d, 420000 + i + k, TIER_COUNTY, "冒充");
            list[k] = line_envelope(&d->l, &r);
        }
        if (!line_offer(&d->l, LANE_ROUTINE, list, A_BATCH, 5000)) d->wrong = "not acknowledged";
        arena_rewind(d->arena, mark);
    }
    if (stat(d->log, &after) != 0 || after.st_size > before.st_size + 300000) d->wrong = "the log fills the disk";
}
/* Messages of three thousand frames: no high-water mark counts these, no size bounds them. */
static void pour_frames(struct flood *f, void *socket) {
    enum { FRAMES_MANY = 3000 };
    static uint8_t frame[60000] = "LZ1/";
    while (!f->stop)
        for (int i = 0; i <= FRAMES_MANY && (!f->stop || i); i++) {
            bool last = i == FRAMES_MANY || f->stop;
            f->sent += zmq_send(socket, frame, sizeof frame, last ? ZMQ_DONTWAIT : ZMQ_SNDMORE) >= 0;
            if (last) break;
        }
}
static void flood_frames_sync(struct den *d) { flood(d, pour_frames, ZMQ_DEALER, 0); }
static void flood_frames_live(struct den *d) { flood(d, pour_frames, ZMQ_PUB, 1); }
static void pour_big(struct flood *f, void *socket) {
    static uint8_t frame[BATCH_BYTES_MAX];
    pour_packet(f, socket, lz_bytes_of(frame, sizeof frame));
}
static void flood_big(struct den *d) { flood(d, pour_big, ZMQ_DEALER, 0); }
static void pour_topics(struct flood *f, void *socket) {
    char topic[64];
    for (; !f->stop && f->sent < 50000; f->sent++) {
        snprintf(topic, sizeof topic, "LZ1/%llu", (unsigned long long)f->sent);
        zmq_setsockopt(socket, ZMQ_SUBSCRIBE, topic, strlen(topic));
    }
    while (!f->stop) nap_ms(20);
}
static void flood_topics(struct den *d) { flood(d, pour_topics, ZMQ_SUB, 2); }
static void pour_everything(struct flood *f, void *socket) {
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
    while (!f->stop) nap_ms(20);
}
static void flood_everything(struct den *d) { flood(d, pour_everything, ZMQ_SUB, 2); }
static void pour_connections(struct flood *f, void *socket) {
    struct line own = f->d->l;
    own.context = f->context;
    (void)socket;
    while (!f->stop) {
        void *s = line_socket(&own, ZMQ_DEALER, 0, NULL);
        zmq_send(s, "LZ1/", 4, 0);
        nap_ms(2);
        zmq_close(s);
        f->sent++;
    }
}
static void flood_connections(struct den *d) { flood(d, pour_connections, ZMQ_DEALER, 0); }

/* ---- the table --------------------------------------------------------------------------------------------------------------------------- */

static const struct attack attacks[] = {
    { "sibling", "a problem in the sibling's name", as_sibling, REFUSED | FORBIDDEN, "foreign_origin", 0, 0 },
    { "city", "a problem in its city's name", as_city, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "province", "a problem in the province's name", as_province, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "other-city", "a problem in the name of another city's county", as_other_city, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "nobody", "a problem of a unit that does not exist", as_nobody, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "tier", "its own problem as a province's", as_higher_tier, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "fire", "an emergency in the sibling's name", fire_of_sibling, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "duty", "the sibling's duty phone", duty_of_sibling, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "rollup", "the sums of the sibling", rollup_of_sibling, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "rollup-city", "the sums of the city", rollup_of_city, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "live", "a forged origin over PUB", over_live, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "order-up", "an order of its own, upward", order_upward, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "order-province", "an order of the province, upward", order_of_province, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "order-turned", "an order whose direction says up", order_turned, REFUSED, "wrong_direction", 0, 0 },
    { "task-sibling", "a task for its sibling", task_for_sibling, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "reach", "a problem whose reach says top", reach_widened, REFUSED, NULL, 0, 0 },
    { "lane", "a problem in the flash lane (its own may be more urgent: no harm)", lane_jumped, UNSEEN, NULL, KIND_problem, 1 },
    { "unknown-kind", "an unknown kind in the sibling's name", unknown_of_sibling, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "secret", "a record marked secret", secret, REFUSED, "secret_refused", 0, 0 },
    { "close-own", "closes the city's letter for itself: kept, without effect", close_own, UNSEEN, NULL, KIND_move, 1 },
    { "close-sibling", "closes the city's letter for the sibling", close_siblings, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "sign-sibling", "signs for the sibling", sign_for_sibling, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "rule-city", "withdraws the letter in the city's name", rule_as_city, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "accept-sibling", "accepts the sibling's problem", accept_siblings, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "escalate-sibling", "escalates the sibling's problem", escalate_siblings, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "assign-itself", "assigns the sibling's problem to itself, to be told of it", assign_to_itself, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "crowd", "600 moves on the sibling's problem, to crowd out its own", crowd_siblings_problem, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "crowd-own", "600 moves on its own part of the letter: kept, the issuer's rulings still count", crowd_own_letter, UNSEEN, NULL, KIND_move,
        SUBJECT_MOVES_MAX + 100 },
    { "orphan", "a move on a task that nobody issued: waits", orphan_move, UNSEEN, NULL, KIND_move, 1 },
    { "cursor-ahead", "cursors ahead of the city's tips", cursors_ahead, UNSEEN, NULL, 0, 0 },
    { "cursor-huge", "cursors at the end of the numbers", cursors_huge, UNSEEN, NULL, 0, 0 },
    { "cursor-unseen", "cursors above what they have seen", cursors_unseen, UNSEEN, NULL, 0, 0 },
    { "cursor-behind", "cursors at nought", cursors_behind, UNSEEN, NULL, 0, 0 },
    { "cursor-line", "40 times cursors of a line that the city never had", cursors_of_another_line, LIMITED, NULL, 0, 0 },
    { "ack-ahead", "acknowledgements ahead of the tips", acks_ahead, UNREADABLE, NULL, 0, 0 },
    { "ack-sibling", "acknowledgements of the sibling's feeds", acks_for_sibling, UNREADABLE, NULL, 0, 0 },
    { "ack-epoch", "acknowledgements of another epoch", acks_of_another_epoch, UNSEEN, NULL, 0, 0 },
    { "fetch-sibling", "fetches the sibling's feeds", fetch_siblings, FORBIDDEN, "fetch.forbidden", 0, 0 },
    { "fetch-up", "fetches what the city tells the province", fetch_up, FORBIDDEN, NULL, 0, 0 },
    { "fetch-beyond", "fetches behind the end", fetch_beyond, UNREADABLE, NULL, 0, 0 },
    { "tips", "tips that nobody can reach", tips_unreachable, UNSEEN, NULL, 0, 0 },
    { "ranges", "batches that end before they begin, or at the end of the numbers", batches_out_of_order, UNSEEN, NULL, 0, 0 },
    { "feeds", "batches of feeds that are not its own", batches_of_other_feeds, FORBIDDEN, "batch.foreign_feed", 0, 0 },
    { "epoch-city", "the city's epoch as its own", epoch_of_the_city, UNSEEN, NULL, 0, 0 },
    { "epoch-none", "no epoch", epoch_of_nothing, UNREADABLE, NULL, 0, 0 },
    { "lineage-long", "a lineage of 1,024 starts", lineage_long, UNSEEN, NULL, 0, 0 },
    { "lineage-too-long", "a lineage of 2,024 starts", lineage_too_long, UNREADABLE, NULL, 0, 0 },
    { "lineage-empty", "no lineage", lineage_empty, UNREADABLE, NULL, 0, 0 },
    { "lineage-backwards", "a lineage that goes back", lineage_backwards, UNREADABLE, NULL, 0, 0 },
    { "lineage-short", "epochs of three bytes", lineage_cut_short, UNREADABLE, NULL, 0, 0 },
    { "forks", "200 forks of its line", lines_left, LIMITED, NULL, 0, 0 },
    { "unit", "hello in the sibling's name", unit_of_another, UNSEEN, "hello.refused", 0, 0 },
    { "version", "a protocol of another age", version_of_another_age, UNSEEN, "bad_version", 0, 0 },
    { "stamp", "says it holds the city's records of the year 10889", stamp_far_ahead, UNSEEN, "link.stamp_ahead", 0, 0 },
    { "claims", "100 times: you lost something", claims, LIMITED, NULL, 0, 0 },
    { "claims-stamp", "60 times: I hold newer records of yours", claims_by_stamp, LIMITED, NULL, 0, 0 },
    { "give-back", "gives back, unasked, orders of the city and problems of the sibling", gives_back_unasked, UNSEEN, NULL, 0, 0 },
    { "give-back-forged", "gives back, asked, forged ones", gives_back_forged, UNSEEN, NULL, 0, 0 },
    { "reclaim-sibling", "asks to be given back from the sibling's on", reclaim_after_sibling, UNSEEN, NULL, 0, 0 },
    { "repair-sibling", "asks for the sibling's records as damaged", repair_of_siblings, UNSEEN, NULL, 0, 0 },
    { "repair-unasked", "repairs, unasked, with an order of the city", repairs_unasked, UNSEEN, NULL, 0, 0 },
    { "future", "its own records of the year 10889 and of next year: its own lie", stamps_of_the_future, UNSEEN, NULL, KIND_problem, 2 },
    { "past", "its own record of 1970", stamps_of_the_past, UNSEEN, NULL, KIND_problem, 1 },
    { "progress-future", "progress as of the year 9999: its own lie", progress_of_the_future, UNSEEN, NULL, KIND_progress, 1 },
    { "replay", "a batch 500 times, its record 50 times more: counts once", replays, UNSEEN, NULL, KIND_problem, 1 },
    { "equivocation", "other bytes under an id that was used", other_bytes, REFUSED | CONFLICT, "conflict", 0, 0 },
    { "junk", "3,000 packets of random bytes", junk_packets, UNREADABLE, "packet.bad", 0, 0 },
    { "control", "a request of the control socket", control_ask, UNREADABLE, NULL, 0, 0 },
    { "frames", "messages of two frames", many_frames, FRAMES, "wire.multipart", 0, 0 },
    { "giants", "frames over the limit, and of 8 MiB", giant_frames, UNSEEN, NULL, 0, 0 },
    { "flood-hello", "hello at full speed", flood_hellos, LIMITED, NULL, 0, 0 },
    { "flood-reply", "answers to hello at full speed", flood_hello_replies, LIMITED, NULL, 0, 0 },
    { "flood-fetch", "fetches at full speed", flood_fetches, LIMITED, NULL, 0, 0 },
    { "flood-ack", "acknowledgements at full speed", flood_acks, UNSEEN, NULL, 0, 0 },
    { "flood-tip", "tips at full speed", flood_tips, UNSEEN, NULL, 0, 0 },
    { "flood-reclaim", "asks to be given back at full speed", flood_reclaims, LIMITED, NULL, 0, 0 },
    { "flood-big", "packets of 256 KiB of nothing at full speed", flood_big, UNREADABLE, NULL, 0, 0 },
    { "flood-forged", "forged records at full speed", flood_forged, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "every-name", "8,000 records, each in another unit's name", every_name, REFUSED | FORBIDDEN, NULL, 0, 0 },
    { "flood-frames", "messages of 3,000 frames of 60 kB", flood_frames_sync, CUT_OFF, "wire.cut_off", 0, 0 },
    { "flood-frames-live", "the same to the live port", flood_frames_live, CUT_OFF, NULL, 0, 0 },
    { "flood-topics", "50,000 subscriptions", flood_topics, UNSEEN, "wire.bad_subscription", 0, 0 },
    { "everything", "subscribes to everything", flood_everything, UNSEEN, NULL, 0, 0 },
    { "flood-connect", "connections of its own key at full speed", flood_connections, UNREADABLE, NULL, 0, 0 },
    { "flood-records", "its own records at full speed", flood_records, UNSEEN, NULL, KIND_progress, 100000000 },
};

/* ---- judging --------------------------------------------------------------------------------------------------------------------------------- */

struct state { struct holdings city, top; uint64_t of[8], logged, kib; char standing[400]; };

static uint64_t logged(const struct den *d, const char *word) {
    static char line[4096];
    uint64_t n = 0;
    FILE *f = fopen(d->log, "r");
    while (word && f && fgets(line, sizeof line, f)) n += strstr(line, word) != NULL;
    if (f) fclose(f);
    return n;
}

static void append(char *out, size_t size, struct lz_bytes text) {
    size_t n = strlen(out);
    snprintf(out + n, size - n, "%.*s;", (int)text.len, (const char *)text.data);
}

static void state_of(struct den *d, const struct attack *a, struct state *s) {
    static const struct { const char *card, *word; } counters[] = { { "收到记录", "拒收" }, { "收到记录", "越权" }, { "收到报文", "不能读懂" }, { "收到记录", "冲突" },
                                                                    { "网络拒绝", "多帧" }, { "网络拒绝", "强行断开" }, { "收到报文", "过频" } };
    struct arg letter[] = { named("id", d->letter_text) }, problem[] = { named("id", d->problem_text) };
    char own[16], sibling[16];
    memset(s, 0, sizeof *s);
    s->city = holdings_of(&d->scene, d->city);
    s->top = holdings_of(&d->scene, d->top);
    for (size_t i = 0; i < LZ_COUNT(counters); i++) s->of[i] = status_number(&d->scene, d->city, counters[i].card, counters[i].word);
    s->logged = logged(d, a->logged);
    s->kib = anonymous_kib(d->city->pid);
    snprintf(own, sizeof own, "%06u", d->own->unit);
    snprintf(sibling, sizeof sibling, "%06u", d->sibling->unit);
    struct answer shown = call(&d->scene, d->city, "letter show", false, letter, 1);
    append(s->standing, sizeof s->standing, cell_of(&shown, own, "state"));
    append(s->standing, sizeof s->standing, cell_of(&shown, sibling, "state"));
    shown = call(&d->scene, d->city, "problem show", false, problem, 1);
    append(s->standing, sizeof s->standing, cell_of(&shown, "状态", "value"));
    append(s->standing, sizeof s->standing, cell_of(&shown, "承办单位", "value"));
}

/* What the city and the top hold may only have grown by what the table allows, by the sibling's timed reports, and by sums. */
static void judge_holdings(const struct attack *a, const struct state *was, const struct state *is) {
    for (size_t i = 0; i < kind_count(); i++) {
        const struct kind_row *k = kind_at(i);
        uint64_t grown = is->city.of[k->number] - was->city.of[k->number];
        if (k->number == KIND_rollup || k->number == KIND_emergency) continue;
        if (k->number == a->lands && a->lands) {
            if (grown < 1 || grown > a->most) fail("%s: %llu of kind %s were stored at the city", a->name, (unsigned long long)grown, k->name);
            continue;
        }
        if (grown) fail("%s: %llu of kind %s were stored at the city", a->name, (unsigned long long)grown, k->name);
        if (is->top.of[k->number] != was->top.of[k->number]) fail("%s: kind %s reached the top", a->name, k->name);
    }
    uint64_t fires_city = is->city.of[KIND_emergency] - was->city.of[KIND_emergency], fires_top = is->top.of[KIND_emergency] - was->top.of[KIND_emergency];
    if (fires_city != fires_top) fail("%s: emergencies: %llu at the city, %llu at the top", a->name, (unsigned long long)fires_city,
        (unsigned long long)fires_top);
}

static void run(struct den *d, const struct attack *a) {
    static struct state was, is;
    arena_reset(d->arena);
    d->scene.arena = d->arena;
    state_of(d, a, &was);
    d->wrong = NULL;
    uint64_t begin = now_ms();
    a->run(d);
    uint64_t ms = round_trip(&d->scene, d->sibling, d->top, WITHIN_MS);
    if (!alive(d->city->pid)) fail("%s: the city died", a->name);
    if (ms == UINT64_MAX) fail("%s: the sibling's report does not arrive", a->name);
    if (d->wrong) fail("%s: %s", a->name, d->wrong);
    state_of(d, a, &is);
    judge_holdings(a, &was, &is);
    for (size_t i = 0; i < 7; i++)
        if (a->seen & 1u << i && (is.of[i] == UINT64_MAX || is.of[i] <= was.of[i])) fail("%s: counter %zu of status does not show it (%llu)", a->name, i,
            (unsigned long long)is.of[i]);
    if (a->logged && is.logged == 0) fail("%s: the log does not say %s", a->name, a->logged);
    if (strcmp(was.standing, is.standing) != 0) fail("%s: standings were %s and are %s", a->name, was.standing, is.standing);
    if (d->l.heard.foreign) fail("%s: the attacker was told something of its sibling", a->name);
    if (is.kib > was.kib + allowed_kib(MEMORY_KIB)) fail("%s: memory grew by %llu KiB", a->name, (unsigned long long)(is.kib - was.kib));
    printf("ok     %-18s %5llu ms  %s\n", a->name, (unsigned long long)(now_ms() - begin), a->sends);
    fflush(stdout);
}

static bool wanted(int argc, char **argv, const char *name) {
    for (int i = 9; i < argc; i++) if (strcmp(argv[i], name) == 0) return true;
    return argc <= 9;
}

int main(int argc, char **argv) {
    static struct den d;
    bool whole;
    if (argc < 9) return 2;
    scene_read(&d.scene, argv[1]);
    d.arena = d.scene.arena;
    d.city = station(&d.scene, (uint32_t)atoi(argv[2]));
    d.own = station(&d.scene, (uint32_t)atoi(argv[3]));
    d.sibling = station(&d.scene, (uint32_t)atoi(argv[4]));
    d.top = station(&d.scene, (uint32_t)atoi(argv[5]));
    snprintf(d.letter_text, sizeof d.letter_text, "%s", argv[6]);
    snprintf(d.problem_text, sizeof d.problem_text, "%s", argv[7]);
    if (!rec_id_parse(argv[6], &d.letter, &whole) || !rec_id_parse(argv[7], &d.problem, &whole)) fail("ids");
    d.log = argv[8];
    line_open(&d.l, &d.scene, d.own, d.city, d.sibling->unit);
    size_t done = 0;
    for (size_t i = 0; i < LZ_COUNT(attacks); i++) {
        if (!wanted(argc, argv, attacks[i].name)) continue;
        line_new_epoch(&d.l);                                    /* each attack begins a line of its own, with nothing owed */
        if (!line_greet(&d.l, 15000)) fail("%s: the city does not greet any more", attacks[i].name);
        line_pump(&d.l, 60);
        run(&d, &attacks[i]);
        if (attacks[i].seen & LIMITED) line_pump(&d.l, 1500);    /* until the city hears us out again */
        done++;
    }
    line_close(&d.l);
    if (!verified(&d.scene, d.city) || !verified(&d.scene, d.top) || !verified(&d.scene, d.sibling)) fail("verify");
    printf("member: %zu attacks of %zu, each refused or harmless, seen by the administrator, and the sibling served\n", done, LZ_COUNT(attacks));
    return 0;
}
