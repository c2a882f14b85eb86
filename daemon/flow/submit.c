/* submit: a clerk's draft is checked here and becomes a record of this unit.
 *
 * "When full we refuse at the door, where a person can be told": everything that can be wrong with a draft is said here,
 * with what to do instead. What passes is stamped, encoded and landed; what arrives from elsewhere is never refused for its
 * meaning, only folded without effect. */
#include <stdio.h>
#include <stdlib.h>
#include "flow_room.h"

static int by_code(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static const char *unit_name(struct flow *f, uint32_t code) {
    const struct unit *u = units_find(f->o.units, code);
    return u ? u->name : "未知单位";
}

/* ---- directives ------------------------------------------------------------------------------------------------------------ */

enum lz_err check_targets(struct flow *f, struct record *d, struct lz_fail *fail) {
    if (d->target_all) {
        uint32_t one[1];
        d->n_targets = 0;
        if (units_below(f->o.units, f->o.unit, false, one, 1) || f->o.roster->n_children) return LZ_ok;
        return lz_refuse(fail, LZ_bad_argument, "本单位没有下级，不能向全部下级下发");
    }
    if (d->n_targets == 0) return lz_refuse(fail, LZ_bad_argument, "没有接收单位；请用 --to 代码 指定，或 --to all 发给全部下级");
    qsort(d->targets, d->n_targets, sizeof *d->targets, by_code);
    uint32_t *below = arena_alloc_raw(f->arena, SUBTREE_MAX * sizeof *below);
    if (!below) return lz_refuse(fail, LZ_too_large, "一次处理的内容太多；请分批");
    size_t n = units_below(f->o.units, f->o.unit, false, below, SUBTREE_MAX), kept = 0;
    if (n > SUBTREE_MAX) n = SUBTREE_MAX;
    for (size_t i = 0; i < d->n_targets; i++) {
        uint32_t unit = d->targets[i];
        if (kept && d->targets[kept - 1] == unit) continue;
        if (!bsearch(&unit, below, n, sizeof *below, by_code) && !roster_holding(f->o.roster, unit))
            return lz_refuse(fail, LZ_unknown_unit, "%06u %s 不是本单位的下级，不能向它下发", unit, unit_name(f, unit));
        d->targets[kept++] = unit;
    }
    d->n_targets = kept;
    return LZ_ok;
}

void flow_hold_numbers(struct flow *f, bool hold) { f->numbers_held = hold; }

static enum lz_err check_number(struct flow *f, const struct record *d, struct lz_fail *fail) {
    const struct directive *v = &d->of.directive;
    struct lz_bytes taken;
    if (v->serial != 0 && f->numbers_held)
        return lz_refuse(fail, LZ_recovering, "本单位的存储是新的或被还原过，还有邻居没有交还本单位的数据，其中可能有已用的文号；交还完后即可编号（links 可查），"
                                              "先下发可不编文号，确认不会重号时管理员可执行 linzhangctl reclaim skip");
    if (v->serial == 0 || !store_get(f->o.store, TABLE_number, key_number(f->o.unit, v->year, d->kind, v->serial), &taken)) return LZ_ok;
    char by[REC_ID_TEXT] = "-";
    if (taken.len == REC_ID_BYTES) rec_id_print_short(rec_id_get(taken.data), by);
    return lz_refuse(fail, LZ_number_used, "%u 年%s第 %u 号已用于 %s；请换一个文号", v->year, lz_said(fail, kind_row(d->kind)->zh), v->serial, by);
}

static enum lz_err check_directive(struct flow *f, struct record *d, struct lz_fail *fail) {
    struct directive *v = &d->of.directive;
    enum lz_err err = check_targets(f, d, fail);
    if (err == LZ_ok) err = check_number(f, d, fail);
    if (err == LZ_ok) err = civic_check_signers(f, v->signers, fail);
    if (err != LZ_ok) return err;
    if (d->kind == KIND_work_reminder && v->due_ms == 0) v->due_ms = calendar_add(f->o.calendar, f->now.wall_ms, (int)f->o.settings.reminder_days);
    if (d->kind == KIND_supervision_letter && v->due_ms == 0) v->due_ms = calendar_add(f->o.calendar, f->now.wall_ms, (int)f->o.settings.letter_days);
    if (v->due_ms && v->due_ms <= f->now.wall_ms) return lz_refuse(fail, LZ_bad_date, "办理期限已经过去；请给一个将来的日期");
    return LZ_ok;
}

/* ---- moves ------------------------------------------------------------------------------------------------------------------- */

static enum lz_err illegal(struct flow *f, const struct record *subject, const struct standing *s, uint32_t unit, const char *what, struct lz_fail *fail) {
    char legal[256];
    flow_legal(f, subject, s, unit, lz_fail_lang(fail), legal, sizeof legal);
    return lz_refuse(fail, LZ_illegal_move, "现在是“%s”，不能%s；此时可做：%s", lz_said(fail, state_zh((enum machine)s->machine, s->state)),
                     lz_said(fail, what), legal[0] ? legal : lz_said(fail, "（本单位无）"));
}

static enum lz_err who_may(struct flow *f, const struct record *subject, const struct standing *s, const struct move_row *row, uint32_t unit,
        struct lz_fail *fail) {
    uint32_t self = f->o.unit;
    switch (row->by) {
    case BY_DAEMON: case BY_RECIPIENT:
        if (unit == self && record_targets_unit(subject, self) && subject->origin != self) return LZ_ok;
        return lz_refuse(fail, LZ_not_allowed, "%s由接收单位办理，本单位 %06u 不在接收单位之列", lz_said(fail, row->zh), self);
    case BY_ISSUER:
        if (subject->origin == self) return LZ_ok;
        return lz_refuse(fail, LZ_not_allowed, "%s只能由下发单位 %06u %s 办理", lz_said(fail, row->zh), subject->origin, unit_name(f, subject->origin));
    case BY_FINDER:
        if (subject->origin == self) return LZ_ok;
        return lz_refuse(fail, LZ_not_allowed, "%s只能由报告单位 %06u %s 办理", lz_said(fail, row->zh), subject->origin, unit_name(f, subject->origin));
    case BY_OWNER:
        if (s->owner == self) return LZ_ok;
        return lz_refuse(fail, LZ_not_allowed, "%s由现在的承办单位 %06u %s 办理", lz_said(fail, row->zh), s->owner, unit_name(f, s->owner));
    case BY_HANDLER:
        if (s->owner == self || s->handler == self) return LZ_ok;
        return lz_refuse(fail, LZ_not_allowed, "%s由承办单位 %06u %s 或其交办的单位办理", lz_said(fail, row->zh), s->owner, unit_name(f, s->owner));
    case BY_ABOVE:
        if (s->owner == self || f->o.tier < subject->tier) return LZ_ok;
        return lz_refuse(fail, LZ_not_allowed, "%s只能由上级办理", lz_said(fail, row->zh));
    }
    return LZ_not_allowed;
}

static enum lz_err check_needs(struct flow *f, struct move *m, const struct move_row *row, const struct standing *s, struct lz_fail *fail) {
    if (row->needs & NEEDS_TEXT && m->text.len == 0) return lz_refuse(fail, LZ_bad_argument, "%s要写明理由或结果（--text）", lz_said(fail, row->zh));
    if (row->needs & NEEDS_DUE && m->due_ms <= f->now.wall_ms) return lz_refuse(fail, LZ_bad_date, "%s要给一个将来的期限（--due 2022-06-30）", lz_said(fail, row->zh));
    if (row->needs & NEEDS_UNIT) {
        if (m->to_unit == 0) return lz_refuse(fail, LZ_bad_argument, "%s要指明单位（--unit 代码）", lz_said(fail, row->zh));
        if (m->to_unit != f->o.unit && !roster_holding(f->o.roster, m->to_unit))
            return lz_refuse(fail, LZ_unknown_unit, "%06u %s 不是已登记的下级，不能交办", m->to_unit, unit_name(f, m->to_unit));
    }
    if (strcmp(row->name, "escalate") == 0) {
        if (f->o.parent == 0) return lz_refuse(fail, LZ_illegal_move, "本单位没有上级，不能上交");
        m->to_unit = f->o.parent;
    }
    if ((strcmp(row->name, "extend") == 0 || strcmp(row->name, "ask_extension") == 0) && s->due_ms && m->due_ms <= s->due_ms)
        return lz_refuse(fail, LZ_bad_date, "新的期限应晚于现在的期限");
    if (strcmp(row->name, "ask_extension") == 0 && s->due_ms && f->now.wall_ms >= s->due_ms)
        return lz_refuse(fail, LZ_illegal_move, "期限已过，不能再申请延期；请直接报告并说明原因");
    return LZ_ok;
}

static enum lz_err check_move(struct flow *f, struct record *d, struct lz_bytes author, struct lz_fail *fail) {
    struct move *m = &d->of.move;
    struct record subject;
    const struct kind_row *kind = kind_row(d->subject.kind);
    if (!kind || kind->machine == MACHINE_NONE) return lz_refuse(fail, LZ_bad_argument, "这一种类没有办理流程");
    if (!flow_record(f, d->subject, &subject)) {
        char id[REC_ID_TEXT];
        rec_id_print(d->subject, id);
        return lz_refuse(fail, LZ_not_found, "本单位没有 %s", id);
    }
    const struct move_row *row = move_row(kind->machine, m->move);
    if (!row) return lz_refuse(fail, LZ_bad_argument, "%s没有这种办理动作", lz_said(fail, kind->zh));
    if (kind->machine != MACHINE_HANDLING) m->unit = 0;
    else if (row->by == BY_RECIPIENT || row->by == BY_DAEMON) m->unit = f->o.unit;
    else if (m->unit == 0 && subject.n_targets == 1) m->unit = subject.targets[0];
    else if (m->unit == 0) return lz_refuse(fail, LZ_bad_argument, "有多个接收单位，请用 --unit 代码 指明对哪一个%s（或 --unit all）", lz_said(fail, row->zh));
    /* the last places are kept for the acts that end a matter */
    size_t n = flow_move_count(f, d->subject, m->unit);
    if (n >= SUBJECT_MOVES_MAX - 16 || (n >= SUBJECT_MOVES_MAX - 64 && row->to == STATE_SAME))
        return lz_refuse(fail, LZ_too_many, "这一件已有 %zu 次办理动作，接近 %d 次的上限；请办结或撤回后另行下发", n, SUBJECT_MOVES_MAX);
    struct standing s = { 0 };                           /* without memory for it the turn is given up; nothing of it is read as it lies */
    flow_standing(f, d->subject, m->unit, &s);
    if (s.owner == f->o.unit && flow_is_elsewhere(f, d->subject, &s))
        return lz_refuse(fail, LZ_not_allowed, "报告单位 %06u %s 已不在本单位辖区，这个问题随它转由新的上级承办", d->subject.origin, unit_name(f, d->subject.origin));
    bool on = kind->machine == MACHINE_PROBLEM && s.owner != f->o.unit && s.owner != f->o.parent && fold_again(f, d->subject, 0, &s) &&
              move_passes_on(row, &s, f->o.unit);
    enum lz_err err = on ? LZ_ok : who_may(f, &subject, &s, row, m->unit, fail);
    if (err == LZ_ok) err = civic_check_author(f, row, author, fail);
    if (err != LZ_ok) return err;
    if (kind->machine == MACHINE_HANDLING && !flow_is_recipient(f, &subject, m->unit))
        return lz_refuse(fail, LZ_unknown_unit, "%06u %s 不是接收单位", m->unit, unit_name(f, m->unit));
    if (!on && !(row->from >> s.state & 1)) return illegal(f, &subject, &s, m->unit, row->zh, fail);
    if (strcmp(row->name, "close") == 0 && kind->machine == MACHINE_HANDLING && s.state == HANDLING_signed && subject.of.directive.answer_wanted)
        return illegal(f, &subject, &s, m->unit, "办结（要求报告后才能办结）", fail);
    err = check_needs(f, m, row, &s, fail);
    if (err != LZ_ok) return err;
    m->follows = on ? s.passed : s.head;                 /* what its owner did with it is not known where it goes now */
    m->report = row->needs & NEEDS_REPORT ? s.report : (struct rec_id){ 0 };
    d->lane = subject.lane;
    return LZ_ok;
}

/* ---- progress ---------------------------------------------------------------------------------------------------------------- */

/* The first progress on a signed task starts it: one act for the clerk, two records in the trace. */
static enum lz_err start_first(struct flow *f, struct rec_id subject, struct lz_bytes author, struct lz_fail *fail) {
    struct record draft = { .kind = KIND_move, .subject = subject };
    draft.of.move = (struct move){ .move = move_by_name(MACHINE_HANDLING, "start")->number };
    struct rec_id id;
    return submit_checked(f, &draft, author, (struct lz_bytes){ 0 }, 0, &id, fail);
}

static enum lz_err check_progress(struct flow *f, const struct record *d, struct lz_bytes author, struct lz_fail *fail) {
    if (!kind_is_directive(d->subject.kind)) return lz_refuse(fail, LZ_bad_argument, "进展要指明是哪一项任务");
    struct cached_subject *subject = subject_of(f, d->subject);
    struct cached_standing *c = subject && subject->here ? standing_of(f, d->subject, f->o.unit) : NULL;
    if (!c) {
        char id[REC_ID_TEXT];
        rec_id_print(d->subject, id);
        return lz_refuse(fail, LZ_not_found, "本单位没有 %s", id);
    }
    const struct standing *s = &c->now;
    if (s->state == HANDLING_issued) return lz_refuse(fail, LZ_not_allowed, "本单位不是这项任务的接收单位");
    if (s->state != HANDLING_signed && s->state != HANDLING_handling && s->state != HANDLING_returned) {
        struct record r;
        if (!flow_record(f, d->subject, &r)) return LZ_not_found;
        return illegal(f, &r, s, f->o.unit, "报送进展", fail);
    }
    if (d->of.progress.as_of > lz_date_of(f->now.wall_ms)) return lz_refuse(fail, LZ_bad_date, "截至日期 %u 在将来", d->of.progress.as_of);
    return s->state == HANDLING_handling ? LZ_ok : start_first(f, d->subject, author, fail);
}

/* ---- all of them ------------------------------------------------------------------------------------------------------------- */

static enum lz_err check(struct flow *f, struct record *d, struct lz_bytes author, struct lz_fail *fail) {
    if (kind_form(d->kind)) {
        enum lz_err err = form_check(f, d, fail);
        if (err == LZ_ok) err = civic_check_entry(f, d, fail);
        return err == LZ_ok ? referral_act(f, d, author, fail) : err;
    }
    switch ((enum kind)d->kind) {
    case KIND_general_order: case KIND_supervision_letter: case KIND_work_reminder: case KIND_task: case KIND_bulletin:
        return check_directive(f, d, fail);
    case KIND_move: return check_move(f, d, author, fail);
    case KIND_ruling: return form_check_ruling(f, d, fail);
    case KIND_progress: return check_progress(f, d, author, fail);
    case KIND_problem: case KIND_emergency: case KIND_duty: return LZ_ok;     /* that a duty has a key was looked at with its kind */
    case KIND_attachment: return attachment_check(f, d, fail);
    case KIND_attachment_wish: return wish_check(f, d, fail);
    case KIND_rollup: case KIND_none: case KIND_MAX: break;
    }
    return lz_refuse(fail, LZ_not_allowed, "这一种类由系统自己产生，不能提交");
}

enum lz_err submit_checked(struct flow *f, struct record *d, struct lz_bytes author, struct lz_bytes request, uint32_t index,
                           struct rec_id *id, struct lz_fail *fail) {
    const struct kind_row *row = kind_row(d->kind);
    if (!row) return lz_refuse(fail, LZ_unknown_kind, "不认识的种类 %u", d->kind);
    if ((row->class == CLASS_REGISTER) != (d->key.len != 0)) return lz_refuse(fail, LZ_bad_argument, "%s的键不对：%s", lz_said(fail, row->zh),
            lz_said(fail, row->class == CLASS_REGISTER ? "缺少编号" : "这一种类没有编号"));
    if (d->sensitivity > 1) return lz_refuse(fail, LZ_secret_refused, "本系统不处理涉密内容");
    uint8_t asked = d->lane;
    d->lane = (uint8_t)row->lane;
    if (d->kind != KIND_rollup) {
        enum lz_err err = check(f, d, author, fail);
        if (err != LZ_ok) return err;
    }
    if (asked && asked < d->lane && d->kind != KIND_attachment) d->lane = asked;             /* 0, the zero of a draft, is "as its kind has it" */
    d->origin = f->o.unit;
    d->tier = f->o.tier;
    if (d->kind != KIND_attachment) {                        /* whose way is its subject's */
        d->direction = (uint8_t)row->direction;
        d->reach = (uint8_t)row->reach;
    }
    d->stamp = store_next_stamp(f->o.store, f->now.wall_ms);
    d->epoch = epoch_short(store_epoch(f->o.store));
    d->author = author;
    d->request = request;
    d->request_index = index;
    d->written_ms = f->now.wall_ms;
    enum lz_err err = record_encode(f->arena, d, fail);
    if (err != LZ_ok) return err;
    record_seal(d, f->o.seal_key);
    *id = record_id(d);
    err = flow_land(f, d, LAND_OWN);
    if (err == LZ_ok) return LZ_ok;
    return lz_refuse(fail, err, "不能写入存储：%s", lz_said(fail, lz_err_zh(err)));
}

enum lz_err flow_submit(struct flow *f, struct record *d, struct lz_bytes author, struct lz_bytes request, uint32_t index,
                        struct rec_id *id, struct lz_fail *fail) {
    if (d->kind == KIND_attachment && !rec_id_none(d->of.attachment.wish)) return lz_refuse(fail, LZ_not_allowed, "调取请求由系统自己答复，不能提交");
    if (d->kind == KIND_rollup) return lz_refuse(fail, LZ_not_allowed, "汇总由系统自己产生，不能提交");
    /* the answer may be held already, from a neighbour, when the store that gave it was lost */
    struct lz_bytes known;
    if (request.len == 16 && store_get(f->o.store, TABLE_ask, key_ask(request, (uint16_t)index), &known) && known.len == REC_ID_BYTES) {
        *id = rec_id_get(known.data);
        return LZ_ok;
    }
    if (request.len == 16 && store_has(f->o.store, TABLE_ask, key_ask(request, (uint16_t)index)))
        return lz_refuse(fail, LZ_store_corrupt, "这个请求号的答复在存储中损坏，不能确认是否已办理；请先执行 linzhangctl repair，再重试");
    return submit_checked(f, d, author, request, index, id, fail);
}
