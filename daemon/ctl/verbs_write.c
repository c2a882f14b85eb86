/* verbs_write: what clerks submit. Each verb makes drafts of what was typed and hands them to flow, which says what may be. */
#include <stdio.h>
#include <stdlib.h>
#include "ctl_room.h"

static enum lz_err no_memory(struct call *c) {
    store_give_up(c->store);
    return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请分批");
}

/* ---- directives ---------------------------------------------------------------------------------------------------------------- */

static enum lz_err take_targets(struct call *c, struct record *draft) {
    uint32_t *targets = arena_alloc_raw(c->arena, TARGETS_MAX * sizeof *targets);
    if (!targets) return no_memory(c);
    draft->targets = targets;
    return arg_codes(c, "to", targets, TARGETS_MAX, &draft->n_targets, &draft->target_all);
}

static enum lz_err take_lane(struct call *c, struct record *draft) {
    const char *text = arg_text(c, "lane");
    enum lane lane;
    if (!text) return LZ_ok;
    bool known = lane_by_name(text, &lane);
    if (!known || lane == LANE_FLASH) return lz_refuse(c->fail, LZ_bad_argument, "--lane 没有“%.40s”；可用：urgent 紧急、routine 一般", text);
    if (lane > c->kind->lane) return lz_refuse(c->fail, LZ_bad_argument, "%s至少按“%s”传送，不能更缓", said(c, c->kind->zh), said(c, lane_zh(c->kind->lane)));
    draft->lane = (uint8_t)lane;
    return LZ_ok;
}

static enum lz_err take_sensitivity(struct call *c, struct record *draft) {
    const char *text = arg_text(c, "sensitivity");
    if (!text || strcmp(text, "0") == 0 || strcmp(text, "public") == 0 || strcmp(text, "公开") == 0) return LZ_ok;
    draft->sensitivity = 1;
    if (strcmp(text, "1") == 0 || strcmp(text, "internal") == 0 || strcmp(text, "内部") == 0) return LZ_ok;
    return lz_refuse(c->fail, LZ_secret_refused, "本系统只处理 public 公开、internal 内部的内容；“%.40s”不得进入本系统", text);
}

static enum lz_err take_links(struct call *c, struct directive *d) {
    enum lz_err err = arg_id(c, "parent", &d->parent);
    if (err == LZ_ok) err = arg_id(c, "about", &d->about);
    if (err != LZ_ok) return err;
    if (d->holds_parent && rec_id_none(d->parent)) return lz_refuse(c->fail, LZ_bad_argument, "--hold 要与 --parent 同用：分解的是哪一件");
    if (!rec_id_none(d->parent) && !kind_is_directive(d->parent.kind)) return lz_refuse(c->fail, LZ_bad_argument, "--parent 应是一件下发的文件或任务");
    if (!rec_id_none(d->about) && d->about.kind != KIND_problem && d->about.kind != KIND_emergency)
        return lz_refuse(c->fail, LZ_bad_argument, "--about 应是一个问题或突发事件");
    return LZ_ok;
}

/* ---- numbers that are given by themselves ---- */

static bool put_word(char *out, size_t *len, const char *word, size_t n) {
    if (*len + n > NUMBER_BYTES_MAX) return false;
    memcpy(out + *len, word, n);
    *len += n;
    out[*len] = 0;
    return true;
}

struct lz_bytes number_of_pattern(const char *pattern, uint32_t year, uint32_t serial, char out[NUMBER_BYTES_MAX + 1]) {
    char text[2][16];
    size_t len = 0;
    bool fits = true;
    uint32_t read_year = 0, read_serial = 0;
    snprintf(text[0], sizeof text[0], "%u", year);
    snprintf(text[1], sizeof text[1], "%u", serial);
    for (const char *p = pattern; *p && fits;) {
        static const char *const places[] = { "{year}", "{serial}" };
        size_t i = 0;
        while (i < 2 && strncmp(p, places[i], strlen(places[i])) != 0) i++;
        fits = i < 2 ? put_word(out, &len, text[i], strlen(text[i])) : put_word(out, &len, p, 1);
        p += i < 2 ? strlen(places[i]) : 1;
    }
    struct lz_bytes number = lz_bytes_of(out, len);
    bool good = fits && len > 0 && number_parse(number, &read_year, &read_serial) && read_year == year && read_serial == serial;
    return good ? number : (struct lz_bytes){ 0 };
}

/* The next one of the year, behind the last that was ever used: a number that was passed over stays free, and the ledger says so. */
static uint32_t next_serial(struct call *c, uint32_t year) {
    struct key prefix = key_number(c->unit, year, c->kind->number, 0), last;
    prefix.len = (uint8_t)(prefix.len - 4);
    bool any = store_seek_back(c->store, TABLE_number, key_number(c->unit, year, c->kind->number, UINT32_MAX), &last) && key_begins(&last, &prefix, prefix.len);
    return any ? lz_get32(last.b + prefix.len) + 1 : 1;
}

static enum lz_err take_number(struct call *c, struct lz_bytes *number) {
    const char *given = arg_text(c, "number"), *pattern = "";
    bool asked = given && (strcmp(given, "auto") == 0 || strcmp(given, "自动") == 0);
    char text[NUMBER_BYTES_MAX + 1];
    *number = arg_bytes(c, "number");
    if (given && (strcmp(given, "none") == 0 || strcmp(given, "无") == 0)) *number = (struct lz_bytes){ 0 };
    if (given && !asked) return LZ_ok;
    for (size_t i = 0; i < NUMBERED_KINDS; i++)
        if (ctl_settings(c->ctl)->numbers[i].kind == c->kind->number) pattern = ctl_settings(c->ctl)->numbers[i].pattern;
    if (!pattern[0] && asked)
        return lz_refuse(c->fail, LZ_bad_argument, "没有配置%s的文号格式；请在配置 [numbers] %s 中写明，如 焦林长督〔{year}〕{serial}号", said(c, c->kind->zh), c->kind->name);
    *number = (struct lz_bytes){ 0 };
    if (!pattern[0]) return LZ_ok;
    uint32_t year = lz_date_of(c->now.wall_ms) / 10000;
    *number = number_of_pattern(pattern, year, next_serial(c, year), text);
    const uint8_t *copy = number->len ? arena_copy(c->arena, number->data, number->len) : NULL;
    if (!copy) return lz_refuse(c->fail, LZ_too_many, "今年的%s文号已用完，或文号太长；请用 --number 自己编号", said(c, c->kind->zh));
    number->data = copy;
    return LZ_ok;
}

/* Who is named but cannot be reached yet is said at once: nobody waits for a receipt that cannot come. */
static void say_issued(struct call *c, struct rec_id id) {
    struct record r;
    const uint32_t *units;
    char text[REC_ID_TEXT], waiting[128] = "";
    size_t n = flow_record(c->flow, id, &r) ? flow_recipients(c->flow, &r, &units) : 0, not_yet = 0;
    for (size_t i = 0; i < n; i++) not_yet += units[i] != c->unit && !roster_holding(c->roster, units[i]);
    if (not_yet) snprintf(waiting, sizeof waiting, said(c, "；其中 %zu 个单位尚未登记，登记后自动送达"), not_yet);
    rec_id_print(id, text);
    say(c, "已下发：%s 发给 %zu 个单位%s", text, n, waiting);
}

static void done_row(struct call *c, struct rec_id id, struct lz_bytes number) {
    if (!row_begin(c, "done")) return;
    cell_id(c, "id", id);
    cell_kind(c, id.kind);
    if (number.len) cell_bytes(c, "number", number);
    row_end(c);
}

enum lz_err verb_issue(struct call *c) {
    LZ_ASSERT(c->kind && c->kind->machine == MACHINE_HANDLING);
    struct record draft = { .kind = c->kind->number };
    struct directive *d = &draft.of.directive;
    struct rec_id id;
    *d = (struct directive){ .title = arg_bytes(c, "title"), .body = arg_bytes(c, "body"), .signers = arg_bytes(c, "signers"),
                             .lead = arg_bytes(c, "lead"), .responsible = arg_bytes(c, "responsible"), .measure = arg_bytes(c, "measure"),
                             .plan = arg_bytes(c, "plan"),
                             .answer_wanted = arg_flag(c, "answer") || c->kind->number == KIND_supervision_letter,
                             .holds_parent = arg_flag(c, "hold") };
    enum lz_err err = take_number(c, &d->number);
    if (err == LZ_ok) err = take_targets(c, &draft);
    if (err == LZ_ok) err = take_lane(c, &draft);
    if (err == LZ_ok) err = take_sensitivity(c, &draft);
    if (err == LZ_ok) err = arg_end_of_day(c, "due", &d->due_ms);
    if (err == LZ_ok) err = arg_u32(c, "item", 100000, &d->item);
    if (err == LZ_ok) err = take_links(c, d);
    if (err == LZ_ok) err = turn_may_submit(c->turn, draft.lane ? (enum lane)draft.lane : c->kind->lane, c->fail);
    if (err == LZ_ok) err = submit(c, &draft, 0, &id);
    if (err != LZ_ok) return err;
    answer_add_id(c, id);
    done_row(c, id, d->number);
    say_issued(c, id);
    return LZ_ok;
}

/* ---- moves ------------------------------------------------------------------------------------------------------------------------ */

static enum lz_err take_move(struct call *c, struct rec_id *subject, const struct move_row **row) {
    const struct kind_row *noun = NULL;
    const char *name = arg_text(c, "move");
    enum lz_err err = arg_id(c, "id", subject);
    if (err == LZ_ok) err = arg_kind(c, "noun", &noun);
    if (err != LZ_ok) return err;
    const struct kind_row *kind = kind_row(subject->kind);
    if (!kind || kind->machine == MACHINE_NONE) return lz_refuse(c->fail, LZ_bad_argument, "%s没有办理流程", said(c, kind ? kind->zh : "这一种类"));
    if (noun && noun != kind) return lz_refuse(c->fail, LZ_bad_argument, "这一件是%s，不是%s", said(c, kind->zh), said(c, noun->zh));
    *row = name ? move_by_name(kind->machine, name) : NULL;
    if (*row && (*row)->by != BY_DAEMON) return LZ_ok;
    char all[400] = "";
    for (size_t i = 0; i < move_count(); i++)
        if (move_at(i)->machine == kind->machine && move_at(i)->by != BY_DAEMON)
            lz_list_add(c->fail->lang, all, sizeof all, move_at(i)->name, move_at(i)->zh);
    return lz_refuse(c->fail, LZ_usage, "%s没有“%.40s”这种办理；可用：%s", said(c, kind->zh), name ? name : "", all);
}

static void row_moved(struct call *c, struct rec_id id, uint32_t unit, const struct move_row *move, const struct standing *s) {
    if (!row_begin(c, "done")) return;
    cell_id(c, "id", id);
    cell_unit(c, "unit", unit);
    cell_unit_name(c, "name", unit);
    cell_text(c, "move", move->name);
    cell_word(c, "move_zh", move->zh);
    cell_state(c, s);
    row_end(c);
}

/* For whom a move stands: what flow made of the unit that was given. */
static uint32_t unit_of_move(struct call *c, struct rec_id id) {
    struct record r;
    return flow_record(c->flow, id, &r) ? r.of.move.unit : 0;
}

static enum lz_err move_one(struct call *c, struct rec_id subject, const struct move_row *row, struct record *draft) {
    struct rec_id id;
    enum lz_err err = submit(c, draft, 0, &id);
    if (err != LZ_ok) return err;
    struct standing s;
    uint32_t unit = unit_of_move(c, id);
    char text[REC_ID_TEXT];
    bool known = flow_standing(c->flow, subject, unit, &s);
    rec_id_print_short(subject, text);
    answer_add_id(c, id);
    row_moved(c, id, unit, row, known ? &s : NULL);
    say(c, "已%s：%s%s%s，现为“%s”", said(c, row->zh), text, unit ? " " : "", unit ? unit_name(c, unit) : "",
        known ? said(c, state_zh((enum machine)s.machine, s.state)) : "-");
    return LZ_ok;
}

/* For every recipient where it may be; the others are counted, and the first reason is told. */
static enum lz_err move_all(struct call *c, struct rec_id subject, const struct move_row *row, struct record *draft) {
    struct record r;
    const uint32_t *units;
    if (!kind_is_directive(subject.kind) || row->by != BY_ISSUER)
        return lz_refuse(c->fail, LZ_bad_argument, "--unit all 只用于下发单位对全部接收单位的办理（办结、退回、催办、延期等）");
    if (!flow_record(c->flow, subject, &r)) return lz_refuse(c->fail, LZ_not_found, "本单位没有这一件");
    if (r.origin != c->unit) return lz_refuse(c->fail, LZ_not_allowed, "%s只能由下发单位 %s 办理", said(c, row->zh), unit_label(c, r.origin));
    size_t n = flow_recipients(c->flow, &r, &units), done = 0;
    struct lz_fail first = { 0 };
    for (size_t i = 0; i < n; i++) {
        struct rec_id id;
        struct standing s;
        draft->of.move.unit = units[i];
        c->fail->text[0] = 0;
        if (submit(c, draft, (uint32_t)i, &id) != LZ_ok) {
            if (first.text[0] == 0) first = *c->fail;
            continue;
        }
        done++;
        answer_add_id(c, id);
        row_moved(c, id, units[i], row, flow_standing(c->flow, subject, units[i], &s) ? &s : NULL);
    }
    c->cut = false;                              /* the rows of a write are not continued: the counts say it all */
    if (done == 0) {
        if (first.text[0]) *c->fail = first;
        return first.text[0] ? first.code : lz_refuse(c->fail, LZ_not_found, "没有接收单位");
    }
    say(c, "%s：已办理 %zu 个单位，%zu 个此时不能办理%s%s", said(c, row->zh), done, n - done, said(c, first.text[0] ? "，例如：" : ""), first.text);
    return LZ_ok;
}

/* How many of its recipients have not had an own directive closed yet. */
static size_t open_below(struct call *c, const struct record *r) {
    const uint32_t *units;
    size_t n = flow_recipients(c->flow, r, &units), open = 0;
    for (size_t i = 0; i < n; i++) {
        struct standing s;
        open += !flow_standing(c->flow, record_id(r), units[i], &s) || state_open(MACHINE_HANDLING, s.state);
    }
    return open;
}

/* 分解落实: what was passed down comes back before it is reported up, where its issuer said so (--hold). */
static enum lz_err check_passed_down(struct call *c, struct rec_id subject) {
    for (size_t i = 0; i < kind_count(); i++) {
        struct scan scan;
        struct rec_id id;
        if (kind_at(i)->machine != MACHINE_HANDLING || !scan_open(c, kind_at(i)->number, c->unit, &scan)) continue;
        for (uint32_t looked = 0; looked < SCAN_SUBJECT_MAX && scan_next(c, &scan, &id); looked++) {
            struct record r;
            size_t mark = arena_used(c->arena), open;
            char text[REC_ID_TEXT];
            if (!flow_record(c->flow, id, &r)) continue;
            if (!r.of.directive.holds_parent || !rec_id_equal(r.of.directive.parent, subject)) { arena_rewind(c->arena, mark); continue; }
            if ((open = open_below(c, &r)) == 0) continue;
            rec_id_print_short(id, text);
            return lz_refuse(c->fail, LZ_illegal_move, "分解下发的 %s 还有 %zu 个单位没有办结，办结后才能报告这一件（trace 可查；不再需要的可撤回）", text, open);
        }
    }
    return LZ_ok;
}

enum lz_err verb_move(struct call *c) {
    struct rec_id subject = { 0 };
    const struct move_row *row = NULL;
    struct record draft = { .kind = KIND_move };
    struct move *m = &draft.of.move;
    const char *unit = arg_text(c, "unit");
    bool all = unit && (strcmp(unit, "all") == 0 || strcmp(unit, "全部") == 0);
    uint32_t code = 0;
    enum lz_err err = take_move(c, &subject, &row);
    if (err == LZ_ok && !all) err = arg_code(c, "unit", &code);
    if (err == LZ_ok) err = arg_end_of_day(c, "due", &m->due_ms);
    if (err == LZ_ok) err = turn_may_submit(c->turn, LANE_URGENT, c->fail);
    if (err != LZ_ok) return err;
    LZ_ASSERT(row);
    if (row->machine == MACHINE_HANDLING && strcmp(row->name, "report") == 0) err = check_passed_down(c, subject);
    if (err != LZ_ok) return err;
    draft.subject = subject;
    m->move = row->number;
    m->text = arg_bytes(c, "text");
    if (row->machine == MACHINE_HANDLING) m->unit = code; else m->to_unit = code;
    return all ? move_all(c, subject, row, &draft) : move_one(c, subject, row, &draft);
}

/* ---- reports ----------------------------------------------------------------------------------------------------------------------- */

static enum lz_err finish(struct call *c, struct record *draft, enum lane lane, const char *what) {
    struct rec_id id;
    char text[REC_ID_TEXT];
    enum lz_err err = turn_may_submit(c->turn, lane, c->fail);
    if (err == LZ_ok) err = submit(c, draft, 0, &id);
    if (err != LZ_ok) return err;
    rec_id_print(id, text);
    answer_add_id(c, id);
    done_row(c, id, (struct lz_bytes){ 0 });
    say(c, "%s：%s", said(c, what), text);
    return LZ_ok;
}

enum lz_err verb_problem_report(struct call *c) {
    struct record draft = { .kind = KIND_problem };
    struct problem *p = &draft.of.problem;
    int64_t longitude = 0, latitude = 0;
    *p = (struct problem){ .title = arg_bytes(c, "title"), .body = arg_bytes(c, "body"), .place = arg_bytes(c, "place"), .parcel = arg_bytes(c, "parcel"),
                           .found_on = lz_date_of(c->now.wall_ms), .severity = 1 };
    enum lz_err err = arg_class(c, KIND_problem, &p->class);
    if (err == LZ_ok) err = arg_code(c, "place-code", &p->place_code);
    if (err == LZ_ok) err = arg_date(c, "found", &p->found_on);
    if (err == LZ_ok) err = arg_u32(c, "severity", 3, &p->severity);
    if (err == LZ_ok) err = take_finder(c, p);
    if (err == LZ_ok) err = arg_decimal(c, "longitude", 6, &longitude);
    if (err == LZ_ok) err = arg_decimal(c, "latitude", 6, &latitude);
    if (err != LZ_ok) return err;
    if (longitude < -180000000 || longitude > 180000000 || latitude < -90000000 || latitude > 90000000)
        return lz_refuse(c->fail, LZ_bad_argument, "经纬度超出范围；请写十进制度数，如 --longitude 113.24 --latitude 35.21");
    if (p->found_on > lz_date_of(c->now.wall_ms)) return lz_refuse(c->fail, LZ_bad_date, "发现日期 %u 在将来", p->found_on);
    p->longitude_e6 = (int32_t)longitude;
    p->latitude_e6 = (int32_t)latitude;
    return finish(c, &draft, LANE_ROUTINE, "问题已进入清单");
}

/* Whether the tier above can hear of it now: a person must not lean on a line that is down. */
static void say_way_up(struct call *c) {
    struct link_view v;
    uint32_t parent = turn_settings(c->turn)->parent;
    struct lz_bytes so_far = c->answer.text;
    const char *up = parent ? unit_label(c, parent) : "";
    if (!parent) return;
    if (link_of(c, parent, &v) && (v.state == LINK_live || v.state == LINK_syncing))
        say(c, "%.*s；正在上送上级 %s", (int)so_far.len, (const char *)so_far.data, up);
    else say(c, "%.*s；上级 %s 未连接，连上后立即上送；请同时电话报告", (int)so_far.len, (const char *)so_far.data, up);
}

enum lz_err verb_emergency_report(struct call *c) {
    struct record draft = { .kind = KIND_emergency };
    struct emergency *e = &draft.of.emergency;
    int64_t area = 0;
    *e = (struct emergency){ .title = arg_bytes(c, "title"), .body = arg_bytes(c, "body"), .place = arg_bytes(c, "place"), .class = 1,
                             .began_ms = c->now.wall_ms };
    enum lz_err err = arg_class(c, KIND_emergency, &e->class);
    if (err == LZ_ok) err = arg_code(c, "place-code", &e->place_code);
    if (err == LZ_ok) err = arg_moment(c, "began", &e->began_ms);
    if (err == LZ_ok) err = arg_decimal(c, "area-ha", 2, &area);
    if (err == LZ_ok) err = arg_u32(c, "dead", 1000000, &e->dead);
    if (err == LZ_ok) err = arg_u32(c, "injured", 1000000, &e->injured);
    if (err != LZ_ok) return err;
    if (area < 0) return lz_refuse(c->fail, LZ_bad_argument, "面积不能为负");
    e->area_e2 = (uint64_t)area;
    err = finish(c, &draft, LANE_FLASH, "已记录");
    if (err == LZ_ok) say_way_up(c);
    return err;
}

enum lz_err verb_progress_report(struct call *c) {
    struct record draft = { .kind = KIND_progress };
    struct progress *p = &draft.of.progress;
    *p = (struct progress){ .as_of = lz_date_of(c->now.wall_ms), .text = arg_bytes(c, "text") };
    enum lz_err err = arg_id(c, "id", &draft.subject);
    if (err == LZ_ok) err = arg_i64(c, "num", &p->numerator);
    if (err == LZ_ok) err = arg_i64(c, "den", &p->denominator);
    if (err == LZ_ok) err = arg_date(c, "as-of", &p->as_of);
    if (err != LZ_ok) return err;
    return finish(c, &draft, LANE_ROUTINE, "进展已报送");
}

/* What is not given stays as it was: so a new telephone number is one argument. */
static void duty_before(struct call *c, struct lz_bytes no, struct duty *duty) {
    struct stored stored;
    struct record r;
    if (!store_record_get(c->store, key_record(c->unit, KIND_duty, no, 0, 0), &stored)) return;
    const uint8_t *copy = arena_copy(c->arena, stored.envelope.data, stored.envelope.len);
    if (copy && record_decode(c->arena, lz_bytes_of(copy, stored.envelope.len), &r, NULL) == LZ_ok) *duty = r.of.duty;
}

static void replace(struct call *c, const char *name, struct lz_bytes *field) {
    struct lz_bytes value = arg_bytes(c, name);
    if (value.len) *field = value;
}

enum lz_err verb_duty_set(struct call *c) {
    static const char *const shifts[][2] = { { "all", "全天" }, { "day", "白班" }, { "night", "夜班" }, { "holiday", "节假日" } };
    static const char *const states[][2] = { { "on_duty", "在岗" }, { "handed_over", "已交班" }, { "cancelled", "已取消" } };
    struct record draft = { .kind = KIND_duty, .key = arg_bytes(c, "no") };
    struct duty *duty = &draft.of.duty;
    if (draft.key.len > REGISTER_KEY_MAX) return lz_refuse(c->fail, LZ_too_large, "编号超过 %d 字节", REGISTER_KEY_MAX);
    duty_before(c, draft.key, duty);
    replace(c, "name", &duty->name);
    replace(c, "post", &duty->post);
    replace(c, "leader", &duty->leader);
    replace(c, "room", &duty->room);
    replace(c, "phone", &duty->phone);
    enum lz_err err = arg_word(c, "shift", shifts, LZ_COUNT(shifts), &duty->shift);
    if (err == LZ_ok) err = arg_word(c, "state", states, LZ_COUNT(states), &duty->state);
    if (err == LZ_ok) err = arg_date(c, "from", &duty->begins);
    if (err == LZ_ok) err = arg_date(c, "to", &duty->ends);
    if (err != LZ_ok) return err;
    if (duty->ends && duty->ends < duty->begins) return lz_refuse(c->fail, LZ_bad_date, "值班止在值班起之前");
    struct rec_id id;
    err = turn_may_submit(c->turn, LANE_ROUTINE, c->fail);
    if (err == LZ_ok) err = submit(c, &draft, 0, &id);
    if (err != LZ_ok) return err;
    answer_add_id(c, id);
    say(c, "已登记：%.*s %.*s", (int)draft.key.len, (const char *)draft.key.data, (int)duty->name.len, (const char *)duty->name.data);
    return LZ_ok;
}

/* ---- drafts of a file --------------------------------------------------------------------------------------------------------------- */

/* What the command line says of all of them. */
struct common {
    uint32_t *targets;
    size_t n_targets;
    bool target_all;
    uint64_t due_ms;
    struct lz_bytes plan;
    bool merge;                      /* what says nothing new is not written again */
    uint32_t columns;
};

static enum lz_err take_common(struct call *c, struct common *common) {
    *common = (struct common){ .plan = arg_bytes(c, "plan"), .merge = arg_flag(c, "merge") };
    common->targets = arena_alloc_raw(c->arena, TARGETS_MAX * sizeof *common->targets);
    if (!common->targets) return no_memory(c);
    enum lz_err err = arg_codes(c, "to", common->targets, TARGETS_MAX, &common->n_targets, &common->target_all);
    if (err == LZ_ok) err = arg_u32(c, "columns", UINT32_MAX, &common->columns);
    return err == LZ_ok ? arg_end_of_day(c, "due", &common->due_ms) : err;
}

static enum lz_err submit_draft(struct call *c, struct lz_bytes bytes, const struct common *common, uint32_t index, struct rec_id *id) {
    struct record draft;
    enum lz_err err = draft_decode(c->arena, bytes, &draft, c->fail);
    if (err != LZ_ok) return err;
    const struct kind_row *kind = kind_row(draft.kind);
    if (common->merge) err = merge_draft(c, &draft, common->columns);
    else draft.request = (struct lz_bytes){ 0 };
    if (err != LZ_ok) return err;
    if (kind_is_directive(draft.kind)) {
        if (draft.n_targets == 0 && !draft.target_all) {
            draft.targets = arena_copy(c->arena, common->targets, common->n_targets * sizeof *common->targets);
            if (!draft.targets) return no_memory(c);
            draft.n_targets = common->n_targets;
            draft.target_all = common->target_all;
        }
        if (draft.of.directive.due_ms == 0) draft.of.directive.due_ms = common->due_ms;
        if (draft.of.directive.plan.len == 0) draft.of.directive.plan = common->plan;
    }
    err = turn_may_submit(c->turn, draft.kind == KIND_move ? LANE_URGENT : kind->lane, c->fail);
    if (err == LZ_ok) err = submit(c, &draft, index, id);
    if (err == LZ_ok) merge_done(c, draft.request, *id);
    return err;
}

static void refused_add(struct call *c, uint32_t index, enum lz_err code) {
    struct lz_bytes text = text_clip(lz_bytes_str(c->fail->text[0] ? c->fail->text : said(c, lz_err_zh(code))), 160);
    const uint8_t *copy = arena_copy(c->arena, text.data, text.len);
    c->answer.refused[c->answer.n_refused++] = (struct draft_result){ index, code, lz_bytes_of(copy, copy ? text.len : 0) };
}

/* One reason for all that was refused is the answer's: who finds no room need not look at each draft to hear it. */
static enum lz_err why_refused(const struct answer *a) {
    for (size_t i = 1; i < a->n_refused; i++)
        if (a->refused[i].code != a->refused[0].code) return LZ_bad_argument;
    return a->refused[0].code;
}

enum lz_err verb_drafts(struct call *c) {
    const struct ask *ask = c->ask;
    struct common common;
    bool atomic = arg_flag(c, "atomic");
    if (ask->n_drafts == 0) return lz_refuse(c->fail, LZ_usage, "没有要提交的内容");
    c->answer.refused = arena_alloc(c->arena, ask->n_drafts * sizeof *c->answer.refused);
    if (!c->answer.refused) return no_memory(c);
    enum lz_err err = take_common(c, &common);
    if (err != LZ_ok) return err;
    for (size_t i = 0; i < ask->n_drafts; i++) {
        struct rec_id id = { 0 };
        c->fail->text[0] = 0;
        err = submit_draft(c, ask->drafts[i], &common, (uint32_t)i, &id);
        if (err != LZ_ok) { refused_add(c, (uint32_t)i, err); id = (struct rec_id){ 0 }; }
        answer_add_id(c, id);
    }
    size_t unchanged = 0;
    for (size_t i = 0; common.merge && i < c->answer.n_refused; i++) unchanged += c->answer.refused[i].code == LZ_already;
    size_t refused = c->answer.n_refused - unchanged, taken = ask->n_drafts - refused;
    c->fail->text[0] = 0;
    if (atomic && refused > 0) {
        c->answer.n_ids = 0;
        return lz_refuse(c->fail, why_refused(&c->answer), "%zu 条中有 %zu 条不能受理，按整批办理的要求，一条也没有写入；请改正后重新提交", ask->n_drafts, refused);
    }
    if (taken == 0) return lz_refuse(c->fail, why_refused(&c->answer), "%zu 条都不能受理，原因见各条", refused);
    say(c, "受理 %zu 条，拒收 %zu 条", taken, refused);
    return LZ_ok;
}
