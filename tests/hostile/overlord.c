/* overlord: a city whose key fell into the wrong hands, between the province and its counties.
 *
 *   overlord SCENE CITY COUNTY TOP OTHER_CITY LETTER TASK PORT
 *
 * Upward it speaks with the province as its city, downward (PORT and the two behind it) with a real county as its parent. LETTER is
 * the province's letter to the county, which the county holds already. The table says of each forgery what becomes of it today:
 * REFUSED where the receiver can tell; KNOWN where it has no effect because the truth is there already; and SIGNATURES where only a
 * signature of the origin over its own bytes will tell: these are taken today, and the test holds it against us, in so many words. */
#include "line.h"
#include "../../daemon/flow/flow.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

enum { SIBLING = 410883, OTHER_COUNTY = 410902 };
enum fate { REFUSED, CONFLICT, KNOWN, SIGNATURES };
static const char *const fates[] = { "refused", "conflict, kept as evidence", "without effect", "TAKEN: waits for signatures" };

/* ---- downward: the parent's three sockets, with the city's key ---------------------------------------------------------------- */

struct lord {
    struct scene scene;
    struct station *city, *county, *top;
    struct line up;
    void *context, *sync, *live_up, *live_down;
    uint8_t id[256];
    size_t n_id;
    struct epoch own, theirs;
    bool greeted;
    uint64_t position, at[2][LANE_COUNT], acked, asks;
    struct rec_id letter, task;
    struct arena *arena;
};

static void *bound(struct lord *d, int type, int port) {
    char secret[KEY_TEXT], endpoint[64];
    int zero = 0, one = 1;
    void *s = zmq_socket(d->context, type);
    wire_key_print(d->city->secret_key, secret);
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", port);
    zmq_setsockopt(s, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(s, ZMQ_CURVE_SERVER, &one, sizeof one);
    zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, secret, KEY_TEXT);
    if (type == ZMQ_SUB) zmq_setsockopt(s, ZMQ_SUBSCRIBE, "", 0);
    if (zmq_bind(s, endpoint) != 0) fail("%s: %s", endpoint, zmq_strerror(zmq_errno()));
    return s;
}

static void say(struct lord *d, struct lz_bytes packet) {
    if (d->n_id == 0) return;
    zmq_send(d->sync, d->id, d->n_id, ZMQ_SNDMORE);
    zmq_send(d->sync, packet.data, packet.len, 0);
}

static void greet(struct lord *d, bool reply, bool owes) {
    struct lineage_entry line[1] = { { d->own, 0 } };
    struct hello h = { .version = PROTOCOL_VERSION, .version_min = PROTOCOL_VERSION_MIN, .software = lz_bytes_str("hostile"), .unit = d->city->unit,
                       .to = d->county->unit, .tier = TIER_CITY, .reply = reply, .owes = owes, .lineage = line, .n_lineage = 1,
                           .wall_ms = lz_clock_now().wall_ms };
    struct lz_bytes packet;
    if (hello_encode(d->arena, &h, &packet) != LZ_ok) fail("hello");
    say(d, packet);
}

/* The county asks for its own back: it gets nothing, and that this is all. */
static void give_nothing(struct lord *d, struct lz_bytes body) {
    struct reclaim_ask ask;
    struct lz_bytes packet;
    if (reclaim_ask_decode(d->arena, body, &ask) != LZ_ok) return;
    d->asks++;
    struct reclaim_answer a = { .asker = ask.asker, .answerer = d->own, .after = ask.after, .ended = true, .final = true };
    if (reclaim_answer_encode(d->arena, &a, &packet) != LZ_ok) fail("answer");
    say(d, packet);
}

static void hear(struct lord *d, struct lz_bytes bytes) {
    enum packet_type type;
    struct lz_bytes body;
    struct hello h;
    struct ack a;
    if (packet_open(bytes, &type, &body, NULL) != LZ_ok) return;
    if (type == PACKET_HELLO && hello_decode(d->arena, body, &h) == LZ_ok) {
        d->theirs = h.lineage[h.n_lineage - 1].epoch;
        d->greeted = true;
        if (!h.reply) greet(d, true, false);
    }
    if (type == PACKET_RECLAIM_ASK) give_nothing(d, body);
    if (type == PACKET_ACK && ack_decode(d->arena, body, &a) == LZ_ok)
        for (size_t i = 0; i < a.n_cursors; i++) if (a.cursors[i].at.position > d->acked) d->acked = a.cursors[i].at.position;
}

static void pump(struct lord *d, unsigned ms) {
    for (uint64_t end = now_ms() + ms; now_ms() < end; ) {
        zmq_msg_t id, message;
        zmq_pollitem_t item = { .socket = d->sync, .events = ZMQ_POLLIN };
        if (zmq_poll(&item, 1, 20) <= 0) continue;
        zmq_msg_init(&id);
        zmq_msg_init(&message);
        if (zmq_msg_recv(&id, d->sync, ZMQ_DONTWAIT) > 0 && zmq_msg_size(&id) <= sizeof d->id && zmq_msg_recv(&message, d->sync, ZMQ_DONTWAIT) >= 0) {
            d->n_id = zmq_msg_size(&id);
            memcpy(d->id, zmq_msg_data(&id), d->n_id);
            hear(d, lz_bytes_of(zmq_msg_data(&message), zmq_msg_size(&message)));
        }
        zmq_msg_close(&id);
        zmq_msg_close(&message);
    }
}

/* A record over the county's own feed; true: it was acknowledged. */
static bool offer(struct lord *d, struct lz_bytes envelope, uint8_t lane) {
    struct batch b = { .feed = { d->county->unit, lane }, .epoch = d->own, .from = d->at[1][lane], .to = d->position + 1, .seen = d->position + 1,
                       .tip = d->position + 1, .envelopes = &envelope, .n_envelopes = 1 };
    struct lz_bytes packet;
    d->at[1][lane] = ++d->position;
    if (batch_encode(d->arena, &b, &packet) != LZ_ok) fail("batch");
    say(d, packet);
    for (int i = 0; i < 100 && d->acked < d->position; i++) pump(d, 30);
    return d->acked >= d->position;
}

/* ---- forgeries ---------------------------------------------------------------------------------------------------------------------- */

static struct record head(struct lord *d, uint16_t kind, uint32_t origin, uint8_t tier) { return line_record(&d->up, kind, origin, tier); }
static struct record order(struct lord *d, uint32_t origin, uint8_t tier, const uint32_t *targets, size_t n) {
    struct record r = head(d, KIND_general_order, origin, tier);
    r.targets = (uint32_t *)(uintptr_t)targets;
    r.n_targets = n;
    r.target_all = n == 0;
    r.of.directive.title = lz_bytes_str("冒充的命令");
    return r;
}
static struct record move(struct lord *d, uint32_t origin, uint8_t tier, struct rec_id subject, const char *name, uint32_t unit) {
    struct record r = head(d, KIND_move, origin, tier);
    r.subject = subject;
    r.lane = LANE_URGENT;
    r.of.move = (struct move){ .move = move_by_name(kind_row(subject.kind)->machine, name)->number, .unit = unit, .text = lz_bytes_str("说明") };
    return r;
}
static struct record problem(struct lord *d, uint32_t origin) {
    struct record r = head(d, KIND_problem, origin, TIER_COUNTY);
    r.of.problem.title = lz_bytes_str("冒充的问题");
    return r;
}
static struct record progress(struct lord *d, uint32_t origin) {
    struct record r = head(d, KIND_progress, origin, TIER_COUNTY);
    r.subject = d->task;
    r.of.progress = (struct progress){ 20260102, 99, 100, lz_bytes_str("已完成") };
    return r;
}
static struct record fire(struct lord *d, uint32_t origin) {
    struct record r = head(d, KIND_emergency, origin, TIER_COUNTY);
    r.of.emergency.title = lz_bytes_str("谎报的火情");
    return r;
}
static struct record duty(struct lord *d, uint32_t origin, uint8_t tier) {
    struct record r = head(d, KIND_duty, origin, tier);
    r.key = lz_bytes_str("1");
    r.of.duty.name = lz_bytes_str("冒充的值班员");
    return r;
}
static struct record rollup(struct lord *d, uint32_t origin, uint8_t tier) {
    static uint8_t key[2 + REC_ID_BYTES];
    struct record r = head(d, KIND_rollup, origin, tier);
    lz_put16(key, KIND_problem);
    r.key = lz_bytes_of(key, sizeof key);
    r.of.rollup.kind = KIND_problem;
    r.of.rollup.sum.of[0] = 1000000;
    return r;
}
/* The province's own letter, with something changed: same id, other bytes. The letter's own bytes are asked of nobody: forged anew. */
static struct record letter_changed(struct lord *d, bool widened) {
    static const uint32_t both[] = { 410882, 410883 }, one[] = { 410882 };
    struct record r = head(d, KIND_supervision_letter, d->letter.origin, TIER_PROVINCE);
    r.stamp = d->letter.stamp;
    r.epoch = d->letter.epoch;
    r.targets = (uint32_t *)(uintptr_t)(widened ? both : one);
    r.n_targets = widened ? 2 : 1;
    r.of.directive.title = lz_bytes_str(widened ? "省督办函" : "改过的省督办函");
    return r;
}

#define P d->top->unit
#define C d->city->unit
#define K d->county->unit
static const uint32_t to_other[] = { 410900 }, to_sibling[] = { SIBLING }, to_county[] = { 410882 };
#define FORGERY(name, expression) static struct record name(struct lord *d) { return expression; }
/* downward */
FORGERY(order_of_province, order(d, P, TIER_PROVINCE, NULL, 0))
FORGERY(order_of_province_here, order(d, P, TIER_PROVINCE, to_county, 1))
FORGERY(order_of_other_city, order(d, 410900, TIER_CITY, NULL, 0))
FORGERY(order_of_sibling, order(d, SIBLING, TIER_CITY, to_county, 1))
FORGERY(order_of_county, order(d, K, TIER_CITY, to_county, 1))
FORGERY(order_of_nobody, order(d, 999999, TIER_PROVINCE, to_county, 1))
FORGERY(order_of_low_tier, order(d, P, TIER_COUNTY, to_county, 1))
FORGERY(order_elsewhere, order(d, P, TIER_PROVINCE, to_other, 1))
FORGERY(order_for_sibling, order(d, P, TIER_PROVINCE, to_sibling, 1))
FORGERY(letter_altered, letter_changed(d, false))
FORGERY(letter_widened, letter_changed(d, true))
FORGERY(progress_down, progress(d, SIBLING))
FORGERY(fire_down, fire(d, SIBLING))
FORGERY(duty_down, duty(d, C, TIER_CITY))
FORGERY(rollup_down, rollup(d, C, TIER_CITY))
FORGERY(ruling_of_province, move(d, P, TIER_PROVINCE, d->letter, "urge", K))
FORGERY(ruling_of_city, move(d, C, TIER_CITY, d->letter, "withdraw", K))
FORGERY(ruling_of_other, move(d, 410900, TIER_CITY, d->letter, "withdraw", K))
FORGERY(sign_of_county, move(d, K, TIER_COUNTY, d->letter, "sign", K))
FORGERY(sign_of_sibling, move(d, SIBLING, TIER_COUNTY, d->letter, "sign", SIBLING))
FORGERY(ruling_low_tier, move(d, P, TIER_TOWNSHIP, d->letter, "withdraw", K))
FORGERY(problem_down, problem(d, SIBLING))
/* upward */
FORGERY(progress_up, progress(d, K))
FORGERY(problem_up, problem(d, SIBLING))
FORGERY(fire_up, fire(d, K))
FORGERY(sign_up, move(d, K, TIER_COUNTY, d->letter, "sign", K))
FORGERY(duty_up, duty(d, K, TIER_COUNTY))
FORGERY(progress_of_other, progress(d, OTHER_COUNTY))
FORGERY(problem_of_other_city, problem(d, 410900))
FORGERY(fire_of_province, fire(d, P))
FORGERY(order_up, order(d, C, TIER_CITY, NULL, 0))
FORGERY(order_of_province_up, order(d, P, TIER_PROVINCE, NULL, 0))
FORGERY(rollup_of_other, rollup(d, 410900, TIER_CITY))
FORGERY(close_up, move(d, P, TIER_PROVINCE, d->letter, "close", K))
FORGERY(close_as_city, move(d, C, TIER_CITY, d->letter, "close", K))

static const struct forgery { const char *name; struct record (*make)(struct lord *d); enum fate fate; bool up, again; } forgeries[] = {
    { "an order of the province that it never gave", order_of_province, SIGNATURES, false, false },
    { "... addressed to this county", order_of_province_here, SIGNATURES, false, false },
    { "... the same bytes a second time", order_of_province_here, KNOWN, false, true },
    { "an order of another city", order_of_other_city, REFUSED, false, false },
    { "an order of a sibling", order_of_sibling, REFUSED, false, false },
    { "an order of the county itself", order_of_county, REFUSED, false, false },
    { "an order of a unit that does not exist", order_of_nobody, REFUSED, false, false },
    { "an order of the province that says it is a county's", order_of_low_tier, REFUSED, false, false },
    { "an order for another city", order_elsewhere, REFUSED, false, false },
    { "an order for the sibling", order_for_sibling, REFUSED, false, false },
    { "the province's letter with other words", letter_altered, CONFLICT, false, false },
    { "the province's letter with other recipients", letter_widened, CONFLICT, false, false },
    { "progress, downward", progress_down, REFUSED, false, false },
    { "an emergency, downward", fire_down, REFUSED, false, false },
    { "a duty phone, downward", duty_down, REFUSED, false, false },
    { "sums, downward", rollup_down, REFUSED, false, false },
    { "a ruling of the province on its letter", ruling_of_province, SIGNATURES, false, false },
    { "a ruling of the city on the province's letter", ruling_of_city, REFUSED, false, false },
    { "a ruling of another city on it", ruling_of_other, REFUSED, false, false },
    { "the county's own signature on it", sign_of_county, REFUSED, false, false },
    { "the sibling's signature on it", sign_of_sibling, REFUSED, false, false },
    { "a ruling of the province that says it is a township's", ruling_low_tier, REFUSED, false, false },
    { "a problem of the sibling, as if handed to this county", problem_down, SIGNATURES, false, false },
    { "progress of its county", progress_up, SIGNATURES, true, false },
    { "a fire of its county", fire_up, SIGNATURES, true, false },
    { "its county's signature on the province's letter", sign_up, SIGNATURES, true, false },
    { "a problem of its county", problem_up, SIGNATURES, true, false },
    { "a duty phone of its county", duty_up, SIGNATURES, true, false },
    { "progress of another city's county", progress_of_other, REFUSED, true, false },
    { "a problem of another city", problem_of_other_city, REFUSED, true, false },
    { "a fire of the province", fire_of_province, REFUSED, true, false },
    { "an order of the city, upward", order_up, REFUSED, true, false },
    { "an order of the province, upward", order_of_province_up, REFUSED, true, false },
    { "sums of another city", rollup_of_other, REFUSED, true, false },
    { "closes the province's letter in its name", close_up, REFUSED, true, false },
    { "closes it in its own name", close_as_city, REFUSED, true, false },
};

/* ---- judging ------------------------------------------------------------------------------------------------------------------------- */

static uint64_t held(struct lord *d, struct station *s) {
    struct holdings h = holdings_of(&d->scene, s);
    uint64_t n = 0;
    for (size_t i = 0; i < kind_count(); i++) n += h.of[kind_at(i)->number];
    return n;
}

static void run(struct lord *d, const struct forgery *f, struct lz_bytes *last) {
    struct station *judge = f->up ? d->top : d->county;
    arena_reset(d->arena);
    uint64_t refused = status_number(&d->scene, judge, "收到记录", "拒收"), forbidden = status_number(&d->scene, judge, "收到记录", "越权");
    uint64_t conflicts = status_number(&d->scene, judge, "收到记录", "冲突"), taken = status_number(&d->scene, judge, "收到记录", ""), before = held(d, judge);
    struct record r = f->make(d);
    struct lz_bytes envelope = f->again ? *last : line_envelope(&d->up, &r);
    static uint8_t kept[RECORD_BYTES_MAX];
    bool heard = f->up ? line_offer(&d->up, r.lane, &envelope, 1, 5000) : offer(d, envelope, r.lane);
    if (!heard) fail("%s: not acknowledged: it blocks the lane", f->name);
    if (!f->again) { memcpy(kept, envelope.data, envelope.len); *last = lz_bytes_of(kept, envelope.len); }
    refused = status_number(&d->scene, judge, "收到记录", "拒收") - refused;
    forbidden = status_number(&d->scene, judge, "收到记录", "越权") - forbidden;
    conflicts = status_number(&d->scene, judge, "收到记录", "冲突") - conflicts;
    taken = status_number(&d->scene, judge, "收到记录", "") - taken;
    bool grew = held(d, judge) != before;
    bool right = f->fate == REFUSED ? refused == 1 && forbidden == 1 && taken == 0 && !grew : f->fate == CONFLICT ? refused == 1 && conflicts == 1 &&
        taken == 0 && !grew
               : f->fate == KNOWN ? refused == 0 && taken == 0 && !grew : taken == 1 && refused == 0 && grew;
    if (!right) fail("%s: should be %s; taken %llu, refused %llu, forbidden %llu, conflicts %llu, held %s", f->name, fates[f->fate], (unsigned long long)taken,
                     (unsigned long long)refused, (unsigned long long)forbidden, (unsigned long long)conflicts, grew ? "more" : "as before");
    printf("%-6s %-56s %s\n", f->up ? "up" : "down", f->name, fates[f->fate]);
}

/* The parent's word that we lost something closes the door until it has answered: it never does. An operator opens it. */
static void false_claim(struct lord *d) {
    struct arg said[] = { named("title", "门是否开着") };
    greet(d, false, true);
    uint64_t asks = d->asks;
    pump(d, 1500);
    if (d->asks == asks) fail("the county did not ask for what it was said to have lost");
    struct answer a = call(&d->scene, d->county, "problem report", true, said, 1);
    if (a.code != LZ_ok) fail("after its parent has given what it had, the county does not open");
    printf("down   %-56s %s\n", "\"you lost something\"", "asks, gets nothing, goes on");
}

int main(int argc, char **argv) {
    static struct lord lord;
    struct lord *d = &lord;
    struct lz_bytes last = { 0 };
    bool whole;
    if (argc != 9) return 2;
    scene_read(&d->scene, argv[1]);
    d->arena = d->scene.arena;
    d->city = station(&d->scene, (uint32_t)atoi(argv[2]));
    d->county = station(&d->scene, (uint32_t)atoi(argv[3]));
    d->top = station(&d->scene, (uint32_t)atoi(argv[4]));
    if (!rec_id_parse(argv[6], &d->letter, &whole) || !rec_id_parse(argv[7], &d->task, &whole)) fail("ids");
    lz_random(d->own.b, sizeof d->own.b);
    d->context = zmq_ctx_new();
    d->sync = bound(d, ZMQ_ROUTER, atoi(argv[8]));
    d->live_up = bound(d, ZMQ_SUB, atoi(argv[8]) + 1);
    d->live_down = bound(d, ZMQ_XPUB, atoi(argv[8]) + 2);
    line_open(&d->up, &d->scene, d->city, d->top, OTHER_COUNTY);
    for (int i = 0; i < 200 && !d->greeted; i++) pump(d, 100);
    if (!d->greeted) fail("the county does not come");
    pump(d, 2500);                                               /* it has seen that our line is a new one, and asked for its own */
    size_t n[4] = { 0 };
    for (size_t i = 0; i < LZ_COUNT(forgeries); i++) { run(d, &forgeries[i], &last); n[forgeries[i].fate]++; }
    false_claim(d);
    line_close(&d->up);
    zmq_close(d->sync);
    zmq_close(d->live_up);
    zmq_close(d->live_down);
    zmq_ctx_term(d->context);
    if (!verified(&d->scene, d->county) || !verified(&d->scene, d->top)) fail("verify");
    printf("overlord: %zu forgeries: %zu refused, %zu kept as conflicts, %zu without effect, %zu taken until orders and reports are signed\n",
        LZ_COUNT(forgeries),
           n[REFUSED], n[CONFLICT], n[KNOWN], n[SIGNATURES]);
    return 0;
}
