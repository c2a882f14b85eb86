/* referral: a case is handed to police, procurator or court, and the problem that it is about goes with it: referred by the same act, back in
 * hand with the last answer. Both are moves like any other, and the act is refused where they are not legal. */
#include "flow_room.h"

struct act {
    struct flow *f;
    struct record *d;
    const struct form_kind *form;
    struct rec_id problem;
    struct lz_bytes named;           /* the problem, as it is written */
    struct lz_bytes author;
    struct lz_fail *fail;
};

static size_t field(const struct form_kind *form, const char *name) {
    size_t at = form_field_find(form, lz_bytes_str(name));
    LZ_ASSERT(at < form->n_fields);
    return at;
}

static bool has(const struct act *a, const char *name) { return a->d->of.form.given >> field(a->form, name) & 1; }

static void set_date(struct act *a, const char *name, uint32_t day) {
    size_t at = field(a->form, name);
    a->d->of.form.of[at].number = day;
    a->d->of.form.given |= 1u << at;
}

static bool in(const struct record *r, const char *state) { return strcmp(kind_form(r->kind)->states[r->of.form.state].name, state) == 0; }
static bool is_open(const struct record *r) { return !in(r, "answered") && !in(r, "withdrawn"); }

static enum lz_err move_problem(struct act *a, const char *move, const char *text) {
    struct record draft = { .kind = KIND_move, .subject = a->problem };
    struct rec_id id;
    if (!text) return lz_refuse(a->fail, LZ_too_large, "一次处理的内容太多；请分批");
    draft.of.move = (struct move){ .move = move_by_name(MACHINE_PROBLEM, move)->number, .text = lz_bytes_str(text) };
    return submit_checked(a->f, &draft, a->author, (struct lz_bytes){ 0 }, 0, &id, a->fail);
}

/* Another partner has the same problem and has not answered. */
static bool waits_for_another(struct act *a) {
    struct key at = { 0 };
    struct record r;
    bool waits = false;
    for (size_t mark = arena_used(a->f->arena);
         !waits && flow_next_referring(a->f, a->d->kind, a->f->o.unit, a->named, 0, UINT32_MAX, &at, &r); arena_rewind(a->f->arena, mark))
        waits = is_open(&r) && !lz_bytes_equal(r.of.form.no, a->d->of.form.no);
    return waits;
}

static enum lz_err take_problem(struct act *a) {
    bool whole = false;
    struct record problem;
    const char *text = arena_printf(a->f->arena, "%.*s", (int)a->named.len, (const char *)a->named.data);
    if (!text || !rec_id_parse(text, &a->problem, &whole) || !whole || a->problem.kind != KIND_problem)
        return lz_refuse(a->fail, LZ_bad_argument, "problem=%.60s 不是一个问题的编号；problem list 可查", text ? text : "");
    if (flow_record(a->f, a->problem, &problem)) return LZ_ok;
    return lz_refuse(a->fail, LZ_not_found, "本单位没有 %s", text);
}

static enum lz_err refer(struct act *a) {
    struct lz_bytes title = entry_text_of(a->d, "title"), no = a->d->of.form.no;
    size_t partner = field(a->form, "partner");
    const char *zh = a->form->fields[partner].choices[a->d->of.form.of[partner].number].zh;
    return move_problem(a, "refer", arena_printf(a->f->arena, "移送%s：%.*s（%.*s）", zh, (int)title.len, (const char *)title.data, (int)no.len,
                                                 (const char *)no.data));
}

static enum lz_err answer(struct act *a) {
    struct lz_bytes result = entry_text_of(a->d, "result");
    const char *how = in(a->d, "withdrawn") ? "撤回移送" : "移送答复";
    return move_problem(a, "answer", arena_printf(a->f->arena, "%s：%.*s", how, (int)result.len, (const char *)result.data));
}

enum lz_err referral_act(struct flow *f, struct record *d, struct lz_bytes author, struct lz_fail *fail) {
    struct act a = { .f = f, .d = d, .form = kind_form(d->kind), .author = author, .fail = fail };
    struct record before;
    struct standing s;
    if (strcmp(kind_row(d->kind)->name, "referral") != 0) return LZ_ok;
    bool there = flow_entry(f, d->kind, f->o.unit, d->of.form.no, 0, &before);
    if (!there && !has(&a, "answer_due"))
        set_date(&a, "answer_due", lz_date_add((uint32_t)d->of.form.of[field(a.form, "referred_on")].number, (int)f->o.settings.rules.answer_days));
    if (in(d, "answered") && !has(&a, "answered_on")) set_date(&a, "answered_on", lz_date_of(f->now.wall_ms));
    if (in(d, "answered") && entry_text_of(d, "result").len == 0) return lz_refuse(fail, LZ_bad_argument, "答复要写明结果：result=…");
    a.named = entry_text_of(d, "problem");
    if (a.named.len == 0) return LZ_ok;
    bool known = there && lz_bytes_equal(entry_text_of(&before, "problem"), a.named);
    if (known && is_open(d) == is_open(&before)) return LZ_ok;
    if (!known && !is_open(d)) return LZ_ok;             /* written down when it is all over */
    enum lz_err err = take_problem(&a);
    if (err != LZ_ok) return err;
    if (!flow_standing(f, a.problem, 0, &s)) return lz_refuse(fail, LZ_not_found, "这个问题还没有状态；请稍后再试");
    bool referred = s.state == PROBLEM_referred && s.owner == f->o.unit;
    if (is_open(d)) return referred ? LZ_ok : refer(&a);
    return referred && !waits_for_another(&a) ? answer(&a) : LZ_ok;
}
