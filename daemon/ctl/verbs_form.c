/* verbs_form: the verbs of every kind that is a form: put, list, show, history. What the fields are the kind's table says. */
#include <stdio.h>
#include "ctl_room.h"

/* ---- which entry ---- */

static enum lz_err take_no(struct call *c, struct lz_bytes *no) {
    *no = arg_bytes(c, "no");
    return no->len <= FORM_NO_BYTES_MAX ? LZ_ok : lz_refuse(c->fail, LZ_too_large, "编号超过 %d 字节", FORM_NO_BYTES_MAX);
}

static enum lz_err take_state(struct call *c, const struct kind_row *kind, const char *text, uint8_t *state) {
    if (form_state_find(kind->form, lz_bytes_str(text), state)) return LZ_ok;
    return lz_refuse(c->fail, LZ_bad_argument, "%s没有“%.40s”这个状态；linzhangctl kinds %s 可查", said(c, kind->zh), text, kind->name);
}

static enum lz_err not_found(struct call *c, const struct kind_row *kind, uint32_t unit, struct lz_bytes no) {
    return lz_refuse(c->fail, LZ_not_found, "%s没有编号为 %.*s 的%s；linzhangctl list %s 可查", unit_label(c, unit), (int)no.len, (const char *)no.data,
                     said(c, kind->zh), kind->name);
}

/* ---- rows ---- */

static void cell_named(struct call *c, const struct form_field *field, const char *ending, const char *text) {
    const char *name = arena_printf(c->arena, "%s%s", field->name, ending);
    if (name) cell_text(c, name, text);
}

static void cell_field(struct call *c, const struct form_field *field, const struct form_value *value, bool given) {
    char text[FORM_PRINT_BYTES] = "";
    if (field->type == FIELD_TEXT) { cell_bytes(c, field->name, given ? value->text : (struct lz_bytes){ 0 }); return; }
    if (given) form_number_print(field, value->number, text);
    if (field->type == FIELD_FLAG) cell_word(c, field->name, text);
    else cell_text(c, field->name, text);
    bool chosen = field->type == FIELD_CHOICE && given && form_number_valid(field, value->number);
    if (field->type == FIELD_CHOICE) cell_named(c, field, "_zh", chosen ? shown(c, field->choices[value->number].zh) : "");
    if (field->type == FIELD_UNIT) cell_named(c, field, "_zh", given ? unit_label(c, (uint32_t)value->number) : "");
}

/* Who above decided that it is so, and why. */
static void cells_ruling(struct call *c, const struct record *r) {
    struct record ruling;
    bool is = r->subject.kind == KIND_ruling && flow_record(c->flow, r->subject, &ruling);
    cell_unit(c, "ruled_by", is ? ruling.origin : 0);
    cell_bytes(c, "ruled_text", is ? ruling.of.ruling.text : (struct lz_bytes){ 0 });
    cell_bytes(c, "ruled_author", is ? ruling.author : (struct lz_bytes){ 0 });
}

/* In short: what an entry cannot be without, and its quantities. */
static void entry_cells(struct call *c, const struct record *r, enum detail detail) {
    const struct kind_row *kind = kind_row(r->kind);
    const struct form *v = &r->of.form;
    cell_text(c, "_kind", kind->name);
    cell_bytes(c, "no", v->no);
    cell_unit(c, "origin", r->origin);
    cell_unit_name(c, "origin_name", r->origin);
    cell_text(c, "state", kind->form->states[v->state].name);
    cell_word(c, "state_zh", kind->form->states[v->state].zh);
    cell_date(c, "valid_from", v->valid_from);
    for (size_t i = 0; i < kind->form->n_fields; i++) {
        const struct form_field *field = &kind->form->fields[i];
        if (detail == IN_FULL || field->flags & (FIELD_NEEDED | FIELD_QUANTITY | FIELD_GROUP | FIELD_WHEN)) cell_field(c, field, &v->of[i], v->given >> i & 1);
    }
    if (detail == IN_FULL) {
        cell_time(c, "time", r->written_ms);
        cell_bytes(c, "author", r->author);
        cell_id(c, "version_id", record_id(r));
        cells_ruling(c, r);
    }
}

void form_cells(struct call *c, const struct record *r) { entry_cells(c, r, IN_FULL); }

void entry_row(struct call *c, const char *section, const struct record *r, enum detail detail) {
    if (!row_begin(c, section)) return;
    entry_cells(c, r, detail);
    row_end(c);
}

/* ---- reading ---- */

struct filter { uint32_t unit, day, limit; int state; struct heading heading; };

static enum lz_err take_filter(struct call *c, const struct kind_row *kind, struct filter *filter) {
    uint8_t state = 0;
    const char *text = arg_text(c, "state");
    *filter = (struct filter){ .day = lz_date_of(c->now.wall_ms), .limit = LIMIT_MAX, .state = -1 };
    enum lz_err err = arg_code(c, "unit", &filter->unit);
    if (err == LZ_ok) err = arg_date(c, "on", &filter->day);
    if (err == LZ_ok) err = arg_u32(c, "limit", LIMIT_MAX, &filter->limit);
    if (err == LZ_ok) err = take_heading(c, kind, &filter->heading);
    if (err != LZ_ok || !text) return err;
    err = take_state(c, kind, text, &state);
    filter->state = state;
    return err;
}

static bool wanted(const struct kind_row *kind, const struct filter *filter, const struct record *r) {
    struct heading heading = { 0 };
    if (filter->state >= 0 && r->of.form.state != filter->state) return false;
    if (filter->heading.choice == 0 && filter->heading.period == 0) return true;
    return form_group(kind->form, r->of.form.of, r->of.form.given, &heading.choice, &heading.period) && falls_under(kind, heading, filter->heading);
}

/* A long list goes on behind the last entry given, and not from the beginning: how many there were, and the index's key. */
static void go_on(struct call *c, struct key *at) {
    struct lz_bytes after = c->ask->after;
    if (after.len <= 4 || after.len > 4 + sizeof at->b) return;
    c->seen = lz_get32(after.data);
    *at = key_bytes(lz_bytes_of(after.data + 4, after.len - 4));
}

static void go_on_from(struct call *c, const struct key *before) {
    uint8_t *next = arena_alloc_raw(c->arena, 4u + before->len);
    if (!next || before->len == 0) return;
    lz_put32(next, (uint32_t)c->seen);
    memcpy(next + 4, before->b, before->len);
    c->answer.next = lz_bytes_of(next, 4u + before->len);
}

enum lz_err verb_form_list(struct call *c) {
    const struct kind_row *kind = NULL;
    struct filter filter;
    enum lz_err err = take_form_kind(c, &kind);
    if (err == LZ_ok) err = take_filter(c, kind, &filter);
    if (err != LZ_ok) return err;
    struct key at = { 0 }, before = { 0 };
    struct record r;
    go_on(c, &at);
    while (!c->cut && c->seen < filter.limit) {
        size_t mark = arena_used(c->arena);
        before = at;
        if (!flow_next_entry(c->flow, kind->number, filter.unit, filter.day, &at, &r)) break;
        if (wanted(kind, &filter, &r)) entry_row(c, "entries", &r, arg_flag(c, "full") ? IN_FULL : IN_SHORT);
        else arena_rewind(c->arena, mark);
    }
    if (c->cut) go_on_from(c, &before);
    if (c->seen == 0) say(c, "没有登记%s", said(c, kind->zh));
    return LZ_ok;
}

/* What else is known of an entry: of a patrol, the problems found on it; of a case, the problem that it is about. */
static void rows_of_entry(struct call *c, const struct kind_row *kind, uint32_t unit, struct lz_bytes no, const struct record *r) {
    if (strcmp(kind->name, "patrol") == 0) rows_found_on(c, unit, no);
    if (strcmp(kind->name, "referral") == 0) row_referred(c, r);
}

enum lz_err verb_form_show(struct call *c) {
    const struct kind_row *kind = NULL;
    struct filter filter;
    struct lz_bytes no;
    struct record r;
    enum lz_err err = take_form_kind(c, &kind);
    if (err == LZ_ok) err = take_filter(c, kind, &filter);
    if (err == LZ_ok) err = take_no(c, &no);
    if (err != LZ_ok) return err;
    uint32_t unit = filter.unit ? filter.unit : c->unit;
    if (!flow_entry(c->flow, kind->number, unit, no, filter.day, &r)) return not_found(c, kind, unit, no);
    entry_row(c, "entry", &r, IN_FULL);
    rows_of_entry(c, kind, unit, no, &r);
    rows_entry_files(c, &r);
    return LZ_ok;
}

enum lz_err verb_form_history(struct call *c) {
    const struct kind_row *kind = NULL;
    struct filter filter;
    struct lz_bytes no;
    struct record r;
    struct key at = { 0 };
    enum lz_err err = take_form_kind(c, &kind);
    if (err == LZ_ok) err = take_filter(c, kind, &filter);
    if (err == LZ_ok) err = take_no(c, &no);
    if (err != LZ_ok) return err;
    uint32_t unit = filter.unit ? filter.unit : c->unit;
    while (!c->cut && flow_next_version(c->flow, kind->number, unit, no, &at, &r)) entry_row(c, "versions", &r, IN_FULL);
    return c->seen ? LZ_ok : not_found(c, kind, unit, no);
}

/* ---- what there is to fill in ---- */

static const char *type_zh(enum field_type type) {
    static const char *const words[FIELD_TYPE_COUNT] = {
        [FIELD_TEXT] = "文字", [FIELD_NUMBER] = "数", [FIELD_AREA] = "面积，公顷或亩", [FIELD_VOLUME] = "立方米或万立方米", [FIELD_LENGTH] = "千米或米",
        [FIELD_MONEY] = "元或万元", [FIELD_PERCENT] = "百分数", [FIELD_DEGREES] = "度", [FIELD_DATE] = "日期", [FIELD_TIME] = "时刻", [FIELD_CHOICE] = "选一个",
        [FIELD_UNIT] = "单位代码", [FIELD_PLACE] = "行政区划代码", [FIELD_FLAG] = "是或否", [FIELD_PERIOD] = "期别，如 2022、2022Q2、2022-06",
    };
    return words[type];
}

static void field_row(struct call *c, const struct form_field *field) {
    char words[400] = "";
    for (const struct form_word *word = field->choices; word && word->name; word++) lz_list_add(c->lang, words, sizeof words, word->name, word->zh);
    if (!row_begin(c, "fields")) return;
    cell_text(c, "field", field->name);
    cell_text(c, "field_name", lz_heading(c->lang, field->zh));
    cell_word(c, "type", type_zh(field->type));
    cell_word(c, "needed", field->flags & FIELD_NEEDED ? "是" : "");
    cell_text(c, "words", words);
    row_end(c);
}

static void state_row(struct call *c, const struct form_kind *form, size_t at) {
    char next[300] = "";
    for (size_t i = 0; i < form->n_states; i++) {
        if (!(form->states[at].next >> i & 1)) continue;
        if (c->lang == LZ_EN) lz_list_add(c->lang, next, sizeof next, form->states[i].name, "");
        else lz_list_add(c->lang, next, sizeof next, "", form->states[i].zh);
    }
    if (!row_begin(c, "states")) return;
    cell_text(c, "state", form->states[at].name);
    cell_word(c, "state_zh", form->states[at].zh);
    cell_text(c, "legal", next);
    row_end(c);
}

enum lz_err verb_kinds(struct call *c) {
    const struct kind_row *kind = NULL;
    if (arg_text(c, "kind")) {
        enum lz_err err = take_form_kind(c, &kind);
        for (size_t i = 0; err == LZ_ok && i < kind->form->n_fields; i++) field_row(c, &kind->form->fields[i]);
        for (size_t i = 0; err == LZ_ok && i < kind->form->n_states; i++) state_row(c, kind->form, i);
        return err;
    }
    for (size_t i = 0; i < kind_count(); i++) {
        if (!(kind = kind_at(i))->form || !row_begin(c, "kinds")) continue;
        cell_kind(c, kind->number);
        cell_u64(c, "count", kind->form->n_fields);
        row_end(c);
    }
    return LZ_ok;
}

/* ---- writing ---- */

/* What is not given stays as it was; a text that is given empty goes. */
static enum lz_err take_before(struct call *c, struct record *draft) {
    const struct form_kind *form = kind_form(draft->kind);
    struct form *v = &draft->of.form;
    struct record before;
    if (v->no.len == 0 || !flow_entry(c->flow, draft->kind, c->unit, v->no, v->valid_from, &before)) return LZ_ok;
    const struct form *was = &before.of.form;
    v->state = was->state;
    for (size_t i = 0; i < form->n_fields; i++) {
        bool cleared = v->given >> i & 1 && form->fields[i].type == FIELD_TEXT && v->of[i].text.len == 0;
        if (cleared) v->given &= ~(1u << i);
        if (v->given >> i & 1 || cleared || !(was->given >> i & 1)) continue;
        v->given |= 1u << i;
        v->of[i] = was->of[i];
    }
    return LZ_ok;
}

/* A problem may be named in short; it is kept by its whole id. */
static enum lz_err take_problem(struct call *c, struct record *draft) {
    struct form *v = &draft->of.form;
    const struct form_kind *form = kind_form(draft->kind);
    size_t at = form_field_find(form, lz_bytes_str("problem"));
    struct rec_id id;
    char text[REC_ID_TEXT];
    if (at == form->n_fields || !(v->given >> at & 1) || v->of[at].text.len == 0) return LZ_ok;
    const char *typed = arena_printf(c->arena, "%.*s", (int)v->of[at].text.len, (const char *)v->of[at].text.data);
    enum lz_err err = typed ? id_of_text(c, "problem", typed, &id) : LZ_too_large;
    if (err != LZ_ok) return err;
    rec_id_print(id, text);
    v->of[at].text = lz_bytes_of(arena_copy(c->arena, text, strlen(text)), strlen(text));
    return v->of[at].text.data ? LZ_ok : LZ_too_large;
}

/* What was decided about it, and what is to do now. */
static void say_put(struct call *c, const struct kind_row *kind, const struct form *v, struct rec_id id) {
    char text[REC_ID_TEXT], day[16];
    const char *because = "", *next = "";
    rec_id_print(id, text);
    lz_date_print(v->valid_from, day);
    size_t at = form_field_find(kind->form, lz_bytes_str("invalid_because"));
    if (at < kind->form->n_fields && v->given >> at & 1)
        because = arena_printf(c->arena, said(c, "（%s）"), said(c, kind->form->fields[at].choices[v->of[at].number].zh));
    at = form_field_find(kind->form, lz_bytes_str("found"));
    if (at < kind->form->n_fields && v->given >> at & 1 && v->of[at].text.len)
        next = arena_printf(c->arena, said(c, "；发现的问题请上报：problem report --patrol %.*s --title …"), (int)v->no.len, (const char *)v->no.data);
    if (strcmp(kind->name, "referral") == 0) next = next_of_referred(c, id);
    say(c, "已登记%s %.*s，%s%s，自 %s 起：%s%s", said(c, kind->zh), (int)v->no.len, (const char *)v->no.data, said(c, kind->form->states[v->state].zh),
        because ? because : "", day, text, next ? next : "");
}

enum lz_err verb_put(struct call *c) {
    const struct kind_row *kind = NULL;
    struct record draft;
    struct rec_id id;
    const char *state = arg_text(c, "state");
    enum lz_err err = take_form_kind(c, &kind);
    if (err != LZ_ok) return err;
    if (c->ask->n_drafts != 1) return lz_refuse(c->fail, LZ_usage, "put 要带一份填好的表");
    err = draft_decode(c->arena, c->ask->drafts[0], &draft, c->fail);
    if (err == LZ_ok && draft.kind != kind->number) err = lz_refuse(c->fail, LZ_bad_argument, "表的种类与命令不同");
    if (err != LZ_ok) return err;
    struct form *v = &draft.of.form;
    if (v->valid_from == 0) v->valid_from = lz_date_of(c->now.wall_ms);
    err = arg_date(c, "from", &v->valid_from);
    if (err == LZ_ok) err = take_before(c, &draft);
    if (err == LZ_ok && state) err = take_state(c, kind, state, &v->state);
    if (err == LZ_ok) err = take_problem(c, &draft);
    if (err == LZ_ok) err = turn_may_submit(c->turn, kind->lane, c->fail);
    if (err == LZ_ok) err = submit(c, &draft, 0, &id);
    if (err != LZ_ok) return err;
    answer_add_id(c, id);
    if (flow_record(c->flow, id, &draft)) v = &draft.of.form;      /* its number may have been given just now */
    say_put(c, kind, v, id);
    return LZ_ok;
}

/* ---- the next step of an entry ---- */

static enum lz_err put_state(struct call *c, const struct record *now, uint8_t state, struct record *draft) {
    uint32_t today = lz_date_of(c->now.wall_ms);
    *draft = (struct record){ .kind = now->kind, .of.form = now->of.form };
    draft->of.form.state = state;
    if (draft->of.form.valid_from < today) draft->of.form.valid_from = today;
    return turn_may_submit(c->turn, kind_row(now->kind)->lane, c->fail);
}

/* Of an own entry: its next version. Of one below: a ruling, on which its unit writes the next version. */
enum lz_err verb_form_move(struct call *c) {
    const struct kind_row *kind = NULL;
    struct lz_bytes no;
    struct record now, draft;
    struct rec_id id;
    uint32_t unit = c->unit;
    uint8_t state = 0;
    enum lz_err err = take_form_kind(c, &kind);
    if (err == LZ_ok) err = take_no(c, &no);
    if (err == LZ_ok) err = take_state(c, kind, arg_text(c, "state"), &state);
    if (err == LZ_ok) err = arg_code(c, "unit", &unit);
    if (err != LZ_ok) return err;
    if (!flow_entry(c->flow, kind->number, unit, no, 0, &now)) return not_found(c, kind, unit, no);
    if (unit == c->unit) err = put_state(c, &now, state, &draft);
    else {
        draft = (struct record){ .kind = KIND_ruling, .subject = record_id(&now), .of.ruling = { state, arg_bytes(c, "text") } };
        err = turn_may_submit(c->turn, kind_row(KIND_ruling)->lane, c->fail);
    }
    if (err == LZ_ok) err = submit(c, &draft, 0, &id);
    if (err != LZ_ok) return err;
    answer_add_id(c, id);
    const char *zh = said(c, kind->zh), *now_is = said(c, kind->form->states[state].zh);
    if (unit == c->unit) say(c, "%s %.*s 已改为“%s”", zh, (int)no.len, (const char *)no.data, now_is);
    else say(c, "已审核%s %.*s：“%s”，送 %s 生效", zh, (int)no.len, (const char *)no.data, now_is, unit_label(c, unit));
    return LZ_ok;
}
