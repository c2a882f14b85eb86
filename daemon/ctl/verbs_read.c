/* verbs_read: what has been written, listed and shown. The state of a thing is asked of flow; nothing here decides it. */
#include <stdio.h>
#include <stdlib.h>
#include "ctl_room.h"

/* ---- listing directives ----------------------------------------------------------------------------------------------------------- */

struct filter {
    uint32_t unit, issuer, class, source;
    int state, colour;               /* -1: any */
    bool open, by_class, by_source;
};
/* What the recipients of a directive have done. */
struct tally {
    size_t recipients, delivered, signed_, reported, closed, open;
    size_t colours[COLOUR_COUNT];
    int64_t numerator, denominator;
    bool matches;                    /* one of those asked about is as the filter wants */
    struct standing shown;           /* of the unit asked about, else of this one */
    bool is_shown;
};

static bool fits(const struct filter *f, const struct standing *s) {
    if (f->state >= 0 && s->state != f->state) return false;
    if (f->colour >= 0 && s->colour != f->colour) return false;
    return !f->open || state_open((enum machine)s->machine, s->state);
}

static void tally_one(struct tally *t, const struct standing *s) {
    bool closed = s->state == HANDLING_closed;
    t->recipients++;
    t->delivered += s->delivered_ms != 0 || (s->state >= HANDLING_delivered && s->state != HANDLING_withdrawn);
    t->signed_ += s->signed_ms != 0;
    t->reported += s->reported_ms != 0;
    t->closed += closed;
    t->open += state_open((enum machine)s->machine, s->state);
    t->colours[s->colour]++;
    t->numerator += s->numerator;
    t->denominator += s->denominator;
}

static void tally_directive(struct call *c, const struct record *r, const struct filter *f, struct tally *t) {
    const uint32_t *units;
    size_t n = flow_recipients(c->flow, r, &units);
    *t = (struct tally){ .matches = false };
    for (size_t i = 0; i < n; i++) {
        struct standing s;
        if (!flow_standing(c->flow, record_id(r), units[i], &s)) { s = (struct standing){ .machine = MACHINE_HANDLING, .due_ms = r->of.directive.due_ms }; }
        tally_one(t, &s);
        if (units[i] == (f->unit ? f->unit : c->unit)) { t->shown = s; t->is_shown = true; }
        if ((f->unit == 0 || f->unit == units[i]) && fits(f, &s)) t->matches = true;
    }
    if (n == 0) t->matches = f->unit == 0 && f->state < 0 && f->colour < 0 && !f->open;
}

static void cells_tally(struct call *c, const struct tally *t) {
    cell_u64(c, "recipients", t->recipients);
    cell_u64(c, "n_delivered", t->delivered);
    cell_u64(c, "n_signed", t->signed_);
    cell_u64(c, "n_reported", t->reported);
    cell_u64(c, "n_closed", t->closed);
    cell_i64(c, "numerator", t->numerator);
    cell_i64(c, "denominator", t->denominator);
    cell_percent(c, t->numerator, t->denominator, false);
    cell_u64(c, "red", t->colours[COLOUR_RED]);
}

static void row_directive(struct call *c, const char *section, const struct record *r, const struct tally *t) {
    const struct directive *d = &r->of.directive;
    if (!row_begin(c, section)) return;
    cell_id(c, "id", record_id(r));
    cell_bytes(c, "number", d->number);
    cell_bytes(c, "title", d->title);
    cell_unit(c, "issuer", r->origin);
    cell_unit_name(c, "name", r->origin);
    cell_time(c, "issued", r->written_ms);
    cell_time(c, "due", t->is_shown && t->shown.due_ms ? t->shown.due_ms : d->due_ms);
    cell_state(c, t->is_shown ? &t->shown : NULL);
    cells_tally(c, t);
    if (d->item) cell_u64(c, "item", d->item);
    else cell_text(c, "item", "");
    row_end(c);
}

/* ---- listing problems and emergencies --------------------------------------------------------------------------------------------------- */

static uint32_t class_of(const struct record *r) { return r->kind == KIND_problem ? r->of.problem.class : r->of.emergency.class; }
static struct lz_bytes title_of(const struct record *r) {
    if (kind_is_directive(r->kind)) return r->of.directive.title;
    return r->kind == KIND_problem ? r->of.problem.title : r->of.emergency.title;
}
static struct lz_bytes place_of(const struct record *r) { return r->kind == KIND_problem ? r->of.problem.place : r->of.emergency.place; }

void row_problem(struct call *c, const char *section, const struct record *r, const struct standing *s) {
    char age[32] = "";
    if (!row_begin(c, section)) return;
    cell_id(c, "id", record_id(r));
    cell_bytes(c, "title", title_of(r));
    cell_word(c, "class", class_zh(r->kind, class_of(r)));
    cell_bytes(c, "place", place_of(r));
    cell_unit(c, "origin", r->origin);
    cell_unit_name(c, "name", r->origin);
    if (r->kind == KIND_problem) cell_date(c, "found", r->of.problem.found_on);
    else cell_time(c, "began", r->of.emergency.began_ms);
    cell_state(c, s);
    if (r->kind == KIND_problem) {
        cell_unit(c, "owner", s->owner);
        cell_unit(c, "handler", s->handler);
    }
    if (c->now.wall_ms > r->written_ms) lz_span_print(c->lang, c->now.wall_ms - r->written_ms, age);
    cell_text(c, "elapsed", age);
    row_end(c);
}

static bool problem_fits(struct call *c, const struct filter *f, const struct record *r, const struct standing *s) {
    bool ours = r->origin == c->unit || roster_holding(c->roster, r->origin);
    if (f->open && !ours && flow_is_elsewhere(c->flow, record_id(r), s)) return false;                    /* it went with its finder */
    if (f->by_class && class_of(r) != f->class) return false;
    if (f->by_source && (r->kind != KIND_problem || r->of.problem.source != f->source)) return false;
    if (f->unit && r->origin != f->unit && s->owner != f->unit && s->handler != f->unit) return false;
    return fits(f, s);
}

static bool list_one(struct call *c, const struct record *r, const struct filter *f) {
    if (kind_is_directive(r->kind)) {
        struct tally t;
        tally_directive(c, r, f, &t);
        if (!t.matches) return false;
        row_directive(c, "list", r, &t);
        return true;
    }
    struct standing s;
    flow_standing(c->flow, record_id(r), 0, &s);
    if (!problem_fits(c, f, r, &s)) return false;
    row_problem(c, "list", r, &s);
    return true;
}

enum lz_err verb_list(struct call *c) {
    LZ_ASSERT(c->kind && c->kind->machine != MACHINE_NONE);
    struct filter f = { .state = -1, .colour = -1, .open = arg_flag(c, "open"), .by_class = arg_text(c, "class") != NULL };
    struct listing l;
    struct record r;
    enum lz_err err = arg_code(c, "unit", &f.unit);
    if (err == LZ_ok) err = arg_code(c, "issuer", &f.issuer);
    if (err == LZ_ok) err = arg_state(c, c->kind->machine, &f.state);
    if (err == LZ_ok) err = arg_colour(c, "colour", &f.colour);
    if (err == LZ_ok) err = arg_class(c, c->kind->number, &f.class);
    if (err == LZ_ok) err = take_source(c, &f.by_source, &f.source);
    if (err == LZ_ok) err = listing_open(c, c->kind->number, f.issuer, &l);
    if (err != LZ_ok) return err;
    while (listing_next(c, &l, &r))
        if (list_one(c, &r, &f)) listing_given(c, &l);
    listing_close(c, &l);
    if (l.given == 0 && !c->cut) say(c, "没有符合条件的%s", said(c, c->kind->zh));
    return LZ_ok;
}

/* ---- progress, who is on duty --------------------------------------------------------------------------------------------------------------------- */

static void row_progress(struct call *c, const struct record *r) {
    struct record task;
    bool here = flow_record(c->flow, r->subject, &task) && kind_is_directive(task.kind);
    if (!row_begin(c, "progress")) return;
    cell_time(c, "time", r->written_ms);
    cell_date(c, "as_of", r->of.progress.as_of);
    cell_unit(c, "unit", r->origin);
    cell_unit_name(c, "name", r->origin);
    cell_i64(c, "numerator", r->of.progress.numerator);
    cell_i64(c, "denominator", r->of.progress.denominator);
    cell_percent(c, r->of.progress.numerator, r->of.progress.denominator, true);
    cell_bytes(c, "title", here ? task.of.directive.title : (struct lz_bytes){ 0 });
    cell_bytes(c, "text", r->of.progress.text);
    cell_bytes(c, "author", r->author);
    cell_id(c, "task", r->subject);
    row_end(c);
}

enum lz_err verb_progress_list(struct call *c) {
    struct rec_id task = { 0 };
    uint32_t unit = 0;
    struct listing l;
    struct record r;
    enum lz_err err = arg_id(c, "task", &task);
    if (err == LZ_ok) err = arg_code(c, "unit", &unit);
    if (err == LZ_ok) err = listing_open(c, KIND_progress, unit, &l);
    if (err != LZ_ok) return err;
    for (size_t mark = arena_used(c->arena); listing_next(c, &l, &r); mark = arena_used(c->arena)) {
        if (!rec_id_none(task) && !rec_id_equal(r.subject, task)) { arena_rewind(c->arena, mark); continue; }
        row_progress(c, &r);
        listing_given(c, &l);
    }
    listing_close(c, &l);
    if (l.given == 0 && !c->cut) say(c, "没有符合条件的进展；下级的进展要在 [feeds] subscribe 中写 progress 才会全文上送");
    return LZ_ok;
}

static void row_duty(struct call *c, const struct record *r) {
    static const char *const shifts[] = { "全天", "白班", "夜班", "节假日" }, *const states[] = { "在岗", "已交班", "已取消" };
    const struct duty *duty = &r->of.duty;
    char from[16] = "", to[16] = "";
    if (!row_begin(c, "list")) return;
    if (duty->begins) lz_date_print(duty->begins, from);
    if (duty->ends) lz_date_print(duty->ends, to);
    cell_bytes(c, "no", r->key);
    cell_bytes(c, "person", duty->name);
    cell_bytes(c, "post", duty->post);
    cell_bytes(c, "phone", duty->phone);
    cell_bytes(c, "leader", duty->leader);
    cell_bytes(c, "room", duty->room);
    cell_word(c, "shift", shifts[duty->shift < LZ_COUNT(shifts) ? duty->shift : 0]);
    cell_format(c, "term", "%s%s%s", from, shown(c, from[0] || to[0] ? " 至 " : ""), to);
    cell_word(c, "state_zh", states[duty->state < LZ_COUNT(states) ? duty->state : 0]);
    cell_unit(c, "unit", r->origin);
    cell_unit_name(c, "name", r->origin);
    row_end(c);
}

/* Who is on duty at one unit, in the order of their numbers. */
static void duties_of(struct call *c, uint32_t unit, uint32_t limit) {
    struct key key = key_record(unit, KIND_duty, (struct lz_bytes){ 0 }, 0, 0), prefix;
    struct lz_bytes v;
    key.len = 6;
    prefix = key;
    for (; !c->cut && c->seen < limit && store_seek(c->store, TABLE_record, &key, &v) && key_begins(&key, &prefix, prefix.len); key = key_after(key)) {
        struct stored stored;
        struct record r;
        if (c->seen < c->skip) { c->seen++; continue; }
        if (!store_record_parse(v, &stored)) continue;
        const uint8_t *copy = arena_copy(c->arena, stored.envelope.data, stored.envelope.len);
        if (copy && record_decode(c->arena, lz_bytes_of(copy, stored.envelope.len), &r, NULL) == LZ_ok) row_duty(c, &r);
    }
}

enum lz_err verb_duty_list(struct call *c) {
    uint32_t unit = 0, limit = LIMIT_MAX;
    enum lz_err err = arg_code(c, "unit", &unit);
    if (err == LZ_ok) err = arg_u32(c, "limit", LIMIT_MAX, &limit);
    if (err != LZ_ok) return err;
    struct key key = { 0 };
    struct lz_bytes v;
    if (unit) duties_of(c, unit, limit);
    while (!unit && !c->cut && c->seen < limit && store_seek(c->store, TABLE_record, &key, &v) && key.len >= 4) {
        uint32_t origin = lz_get32(key.b);
        duties_of(c, origin, limit);
        if (origin == UINT32_MAX) break;
        key = key_u32(origin + 1);
    }
    if (c->seen == 0) say(c, "没有登记值班电话");
    return LZ_ok;
}

/* ---- the trace of one subject ------------------------------------------------------------------------------------------------------------------ */

enum { TRACE_MAX = 16384 };
/* What is needed to put moves in order; their texts are read again when a row is made of them. */
struct traced {
    uint64_t time;
    struct rec_id id;
    uint32_t unit;
    uint8_t effect;
};
struct trace { struct traced *of; size_t n; };

static int by_time(const void *a, const void *b) {
    const struct traced *x = a, *y = b;
    if (x->time != y->time) return x->time < y->time ? -1 : 1;
    if (x->id.stamp != y->id.stamp) return x->id.stamp < y->id.stamp ? -1 : 1;
    return (x->id.origin > y->id.origin) - (x->id.origin < y->id.origin);
}

/* flow_moves and flow_fold touch no cache, so what they took of the arena can be given back. */
static void trace_unit(struct call *c, const struct record *subject, uint32_t unit, struct trace *trace) {
    size_t mark = arena_used(c->arena);
    struct record *moves;
    struct standing s;
    uint8_t effects[SUBJECT_MOVES_MAX];
    size_t n = flow_moves(c->flow, record_id(subject), unit, &moves);
    if (n) flow_fold(subject, moves, n, unit, &s, effects);
    for (size_t i = 0; i < n && trace->n < TRACE_MAX; i++)
        trace->of[trace->n++] = (struct traced){ moves[i].written_ms, record_id(&moves[i]), moves[i].of.move.unit, effects[i] };
    arena_rewind(c->arena, mark);
}

static void row_traced(struct call *c, const struct traced *t) {
    static const char *const effects[] = { "等待", "有效", "被超越" };
    struct record r;
    if (c->cut || c->seen < c->skip) { (void)row_begin(c, "moves"); return; }
    if (!flow_record(c->flow, t->id, &r) || !row_begin(c, "moves")) return;
    cell_time(c, "time", t->time);
    cell_unit(c, "unit", t->unit);
    cell_unit_name(c, "name", t->unit);
    cell_unit(c, "origin", r.origin);
    cell_unit_name(c, "origin_name", r.origin);
    cell_bytes(c, "author", r.author);
    cell_text(c, "move", move_name(r.of.move.move));
    const struct kind_row *of = kind_row(r.subject.kind);      /* one number is 办结 for a task and 销号 for a problem */
    const struct move_row *row = of ? move_row(of->machine, r.of.move.move) : NULL;
    cell_word(c, "move_zh", row ? row->zh : move_zh(r.of.move.move));
    cell_word(c, "effect", effects[t->effect < LZ_COUNT(effects) ? t->effect : 0]);
    cell_bytes(c, "text", r.of.move.text);
    if (r.of.move.to_unit) cell_format(c, "handler", "%06u", r.of.move.to_unit);
    else cell_text(c, "handler", "");
    cell_time(c, "due", r.of.move.due_ms);
    row_end(c);
}

static void rows_trace(struct call *c, const struct record *subject) {
    struct trace trace = { arena_alloc_raw(c->arena, TRACE_MAX * sizeof *trace.of), 0 };
    const uint32_t *units = NULL;
    if (!trace.of) { store_give_up(c->store); return; }
    bool handling = kind_is_directive(subject->kind);
    size_t n = handling ? flow_recipients(c->flow, subject, &units) : 0;
    for (size_t i = 0; i < n; i++) trace_unit(c, subject, units[i], &trace);
    if (!handling) trace_unit(c, subject, 0, &trace);
    qsort(trace.of, trace.n, sizeof *trace.of, by_time);
    for (size_t i = 0; i < trace.n; i++) row_traced(c, &trace.of[i]);
}

/* ---- show -------------------------------------------------------------------------------------------------------------------------------------- */

static const char *signer_of(struct call *c, const struct record *r, uint32_t unit, size_t mark, char out[AUTHOR_BYTES_MAX + 1]) {
    struct record *moves;
    const struct move_row *sign = move_by_name(MACHINE_HANDLING, "sign");
    size_t n = flow_moves(c->flow, record_id(r), unit, &moves);
    out[0] = 0;
    for (size_t i = 0; i < n; i++) {
        if (moves[i].of.move.move != sign->number || moves[i].author.len > AUTHOR_BYTES_MAX) continue;
        if (moves[i].author.len) memcpy(out, moves[i].author.data, moves[i].author.len);
        out[moves[i].author.len] = 0;
        break;
    }
    arena_rewind(c->arena, mark);
    return out;
}

static void row_recipient(struct call *c, const struct record *r, uint32_t unit) {
    struct standing s;
    char signer[AUTHOR_BYTES_MAX + 1] = "";
    if (c->cut || c->seen < c->skip) { (void)row_begin(c, "recipients"); return; }
    if (!flow_standing(c->flow, record_id(r), unit, &s)) s = (struct standing){ .machine = MACHINE_HANDLING, .due_ms = r->of.directive.due_ms };
    if (s.signed_ms) signer_of(c, r, unit, arena_used(c->arena), signer);
    if (!row_begin(c, "recipients")) return;
    cell_unit(c, "unit", unit);
    cell_unit_name(c, "name", unit);
    cell_state(c, &s);
    cell_time(c, "due", s.due_ms);
    cell_time(c, "delivered", s.delivered_ms);
    cell_time(c, "signed", s.signed_ms);
    cell_text(c, "signed_by", signer);
    cell_time(c, "reported", s.reported_ms);
    cell_time(c, "closed", s.closed_ms);
    cell_u64(c, "returns", s.returns);
    cell_u64(c, "urges", s.urges);
    cell_i64(c, "numerator", s.numerator);
    cell_i64(c, "denominator", s.denominator);
    cell_percent(c, s.numerator, s.denominator, true);
    cell_word(c, "offer", r->origin == c->unit && flow_offers_upgrade(c->flow, &s) ? "升级督办 upgrade" : "");
    row_end(c);
}

static void card_id(struct call *c, const char *item, struct rec_id id) {
    char text[REC_ID_TEXT];
    if (rec_id_none(id)) return;
    rec_id_print(id, text);
    card(c, item, "%s", text);
}

static void card_head(struct call *c, const struct record *r) {
    card_id(c, "编号", record_id(r));
    card(c, "种类", "%s", shown(c, kind_row(r->kind)->zh));
    card_bytes(c, "标题", title_of(r));
    card(c, kind_is_directive(r->kind) ? "下发单位" : "报告单位", "%s", unit_label(c, r->origin));
    card_bytes(c, "经办人", r->author);
    card_time(c, "时间", r->written_ms);
    card(c, "急缓", "%s", shown(c, lane_zh((enum lane)r->lane)));
    card(c, "密级", "%s", shown(c, r->sensitivity ? "内部" : "公开"));
}

static void card_directive(struct call *c, const struct record *r) {
    const struct directive *d = &r->of.directive;
    const uint32_t *units;
    size_t n = flow_recipients(c->flow, r, &units);
    card_bytes(c, "文号", d->number);
    card_bytes(c, "签发人", d->signers);
    card_time(c, "期限", d->due_ms);
    card(c, "接收单位", r->target_all ? "全部下级（本机所知 %zu 个）" : "%zu 个", n);
    card(c, "要求报告", "%s", shown(c, d->answer_wanted ? "是" : "否"));
    if (d->item) card(c, "事项", "%u", d->item);
    card_bytes(c, "方案", d->plan);
    card_bytes(c, "牵头单位", d->lead);
    card_bytes(c, "责任单位", d->responsible);
    card_bytes(c, "要求", d->measure);
    card_id(c, "分解自", d->parent);
    card_id(c, "关于", d->about);
    card_bytes(c, "正文", d->body);
}

static void card_place(struct call *c, uint32_t place_code, struct lz_bytes place) {
    if (place_code) card(c, "所在单位", "%s", unit_label(c, place_code));
    card_bytes(c, "地点", place);
}

static void card_problem(struct call *c, const struct record *r) {
    static const char *const severities[] = { "", "一般", "较重", "重大" };
    const struct problem *p = &r->of.problem;
    char day[16];
    lz_date_print(p->found_on, day);
    card(c, "类别", "%s", shown(c, class_zh(r->kind, p->class)));
    card(c, "程度", "%s", shown(c, severities[p->severity < LZ_COUNT(severities) ? p->severity : 0]));
    card(c, "发现日期", "%s", day);
    card_place(c, p->place_code, p->place);
    if (p->longitude_e6 || p->latitude_e6) card(c, "经纬度", "%.6f, %.6f", p->longitude_e6 / 1e6, p->latitude_e6 / 1e6);
    card_finder(c, r);
    card_bytes(c, "图斑", p->parcel);
    card_bytes(c, "内容", p->body);
}

static void card_emergency(struct call *c, const struct record *r) {
    const struct emergency *e = &r->of.emergency;
    card(c, "类别", "%s", shown(c, class_zh(r->kind, e->class)));
    card_time(c, "开始时间", e->began_ms);
    card_place(c, e->place_code, e->place);
    if (e->area_e2) card(c, "面积", "%llu.%02llu 公顷", (unsigned long long)(e->area_e2 / 100), (unsigned long long)(e->area_e2 % 100));
    if (e->dead || e->injured) card(c, "伤亡", "死亡 %u 人，受伤 %u 人", e->dead, e->injured);
    card_bytes(c, "内容", e->body);
}

/* The state: of this node's own part in a directive, or of the subject itself. */
static void card_standing(struct call *c, const struct record *r) {
    bool handling = kind_is_directive(r->kind);
    uint32_t unit = handling ? c->unit : 0;
    struct standing s;
    char legal[512];
    if (handling && !record_targets_unit(r, c->unit) && r->n_targets == 1) unit = r->targets[0];
    if (!flow_standing(c->flow, record_id(r), unit, &s)) return;
    bool one = !handling || unit != c->unit || record_targets_unit(r, c->unit);
    if (!one || (handling && r->target_all && r->origin == c->unit)) return;
    card(c, "状态", "%s", shown(c, state_zh((enum machine)s.machine, s.state)));
    card(c, "灯", "%s", shown(c, colour_zh((enum colour)s.colour)));
    if (s.owner) card(c, "承办单位", "%s", unit_label(c, s.owner));
    if (flow_is_elsewhere(c->flow, record_id(r), &s)) card(c, "说明", "%s", shown(c, "报告单位换了上级，由另一上级承办，本单位不再收到其办理情况"));
    if (s.handler) card(c, "交办单位", "%s", unit_label(c, s.handler));
    if (s.due_ms && (!handling || s.due_ms != r->of.directive.due_ms)) card_time(c, handling ? "延期至" : "期限", s.due_ms);
    if (s.returns) card(c, "退回", "%u 次", s.returns);
    if (s.urges) card(c, "催办", "%u 次", s.urges);
    if (s.denominator) card(c, "完成", "%lld / %lld", (long long)s.numerator, (long long)s.denominator);
    flow_legal(c->flow, r, &s, unit, c->lang, legal, sizeof legal);
    card(c, "可办理", "%s", legal);
}

static enum lz_err open_subject(struct call *c, struct record *r) {
    struct rec_id id = { 0 };
    *r = (struct record){ 0 };
    enum lz_err err = arg_id(c, "id", &id);
    if (err != LZ_ok) return err;
    const struct kind_row *kind = kind_row(id.kind);
    if (!kind || kind->machine == MACHINE_NONE) return lz_refuse(c->fail, LZ_bad_argument, "%s没有办理过程可看", said(c, kind ? kind->zh : "这一种类"));
    if (!flow_record(c->flow, id, r)) return lz_refuse(c->fail, LZ_store_corrupt, "这一件在存储中不能读取；请执行 verify");
    return LZ_ok;
}

enum lz_err verb_show(struct call *c) {
    struct record r;
    const uint32_t *units;
    enum lz_err err = open_subject(c, &r);
    if (err != LZ_ok) return err;
    card_head(c, &r);
    card_standing(c, &r);
    if (kind_is_directive(r.kind)) card_directive(c, &r);
    else if (r.kind == KIND_problem) card_problem(c, &r);
    else card_emergency(c, &r);
    size_t n = kind_is_directive(r.kind) ? flow_recipients(c->flow, &r, &units) : 0;
    for (size_t i = 0; i < n; i++) row_recipient(c, &r, units[i]);
    rows_attachments(c, record_id(&r));
    if (r.kind == KIND_problem) rows_referrals(c, &r);
    rows_trace(c, &r);
    return LZ_ok;
}

/* ---- trace ---------------------------------------------------------------------------------------------------------------------------------------- */

enum { CHAIN_MAX = 8 };

static void row_chain(struct call *c, const struct record *r) {
    struct filter any = { .state = -1, .colour = -1 };
    /* a directive to everybody takes much of the flow's cache: the next one waits for the next answer */
    if (c->n_rows > 0 && !call_may_go_on(c)) c->cut = true;
    if (c->cut || c->seen < c->skip) { (void)row_begin(c, "chain"); return; }
    if (kind_is_directive(r->kind)) {
        struct tally t;
        tally_directive(c, r, &any, &t);
        row_directive(c, "chain", r, &t);
    } else {
        struct standing s;
        if (!flow_standing(c->flow, record_id(r), 0, &s)) s = (struct standing){ .machine = (uint8_t)kind_row(r->kind)->machine };
        row_problem(c, "chain", r, &s);
    }
}

/* From the top down to what this one breaks down, or is about. */
static void rows_above(struct call *c, const struct record *r) {
    struct record above[CHAIN_MAX];
    size_t n = 0;
    struct rec_id up = { 0 };
    if (kind_is_directive(r->kind)) up = rec_id_none(r->of.directive.parent) ? r->of.directive.about : r->of.directive.parent;
    while (n < CHAIN_MAX && flow_record(c->flow, up, &above[n])) {
        const struct record *a = &above[n++];
        if (!kind_is_directive(a->kind)) break;
        up = rec_id_none(a->of.directive.parent) ? a->of.directive.about : a->of.directive.parent;
    }
    while (n-- > 0) row_chain(c, &above[n]);
}

/* What breaks this one down, or is about it, of one kind. */
static void rows_below(struct call *c, uint16_t kind, struct rec_id id) {
    struct scan scan;
    struct rec_id other;
    if (!scan_open(c, kind, 0, &scan)) return;
    for (uint32_t i = 0; i < SCAN_SUBJECT_MAX && !c->cut && scan_next(c, &scan, &other); i++) {
        size_t mark = arena_used(c->arena);
        struct record r;
        if (flow_record(c->flow, other, &r) && (rec_id_equal(r.of.directive.parent, id) || rec_id_equal(r.of.directive.about, id))) row_chain(c, &r);
        else arena_rewind(c->arena, mark);
    }
}

/* The newest progress on a task; what this node holds of it. */
static void rows_progress(struct call *c, struct rec_id task) {
    enum { PROGRESS_SHOWN = 100 };
    struct scan scan;
    struct rec_id id;
    size_t given = 0;
    if (!scan_open(c, KIND_progress, 0, &scan)) return;
    for (uint32_t i = 0; i < SCAN_SUBJECT_MAX && given < PROGRESS_SHOWN && !c->cut && scan_next(c, &scan, &id); i++) {
        size_t mark = arena_used(c->arena);
        struct record r;
        if (flow_record(c->flow, id, &r) && rec_id_equal(r.subject, task)) { row_progress(c, &r); given++; }
        else arena_rewind(c->arena, mark);
    }
}

enum lz_err verb_trace(struct call *c) {
    struct record r;
    enum lz_err err = open_subject(c, &r);
    if (err != LZ_ok) return err;
    rows_above(c, &r);
    row_chain(c, &r);
    for (size_t i = 0; i < kind_count(); i++)
        if (kind_at(i)->machine == MACHINE_HANDLING) rows_below(c, kind_at(i)->number, record_id(&r));
    rows_trace(c, &r);
    if (kind_is_directive(r.kind)) rows_progress(c, record_id(&r));
    return LZ_ok;
}
