/* verbs_assess: assessing the units below (考核): read at the cut-off, marks by hand with reasons, scores with ranks, sent down; and anybody's
 * recomputation of them. How marks are reckoned is survey/score.h. */
#include <stdio.h>
#include <stdlib.h>
#include "../survey/score.h"
#include "../survey/survey.h"
#include "ctl_room.h"

enum { UNIT_DIGITS = 6 };

/* ---- entries under way ---- */

struct work {
    struct record r;                 /* its fields are `of` */
    struct form_value of[FORM_FIELDS_MAX];
};

static size_t place_of(const struct record *r, const char *field) {
    const struct form_kind *form = kind_form(r->kind);
    size_t at = form_field_find(form, lz_bytes_str(field));
    LZ_ASSERT(at < form->n_fields);
    return at;
}
static void set_text(struct work *w, const char *field, struct lz_bytes text) {
    size_t at = place_of(&w->r, field);
    w->of[at].text = text;
    if (text.len) w->r.of.form.given |= 1u << at;
    else w->r.of.form.given &= ~(1u << at);
}
static void set_number(struct work *w, const char *field, int64_t number) {
    size_t at = place_of(&w->r, field);
    w->of[at].number = number;
    w->r.of.form.given |= 1u << at;
}
static struct lz_bytes text_of(const struct record *r, const char *field) {
    size_t at = place_of(r, field);
    return r->of.form.given >> at & 1 ? r->of.form.of[at].text : (struct lz_bytes){ 0 };
}
static int64_t number_of(const struct record *r, const char *field) {
    size_t at = place_of(r, field);
    return r->of.form.given >> at & 1 ? r->of.form.of[at].number : 0;
}
static void take_up(struct work *w, const struct record *from, uint32_t today) {
    w->r = (struct record){ .kind = from->kind, .of.form = from->of.form };
    memcpy(w->of, from->of.form.of, kind_form(from->kind)->n_fields * sizeof *w->of);
    w->r.of.form.of = w->of;
    if (w->r.of.form.valid_from < today) w->r.of.form.valid_from = today;
}

/* ---- the scheme and its assessments ---- */

struct exam {
    const struct kind_row *kind;     /* assessment */
    struct record scheme_record;
    struct scheme *scheme;
    struct lz_bytes no;              /* of the scheme */
    uint32_t by;                     /* who assesses */
};

static enum lz_err open_exam(struct call *c, uint32_t by, struct lz_bytes no, struct exam *exam) {
    const struct kind_row *kind = kind_by_name("scheme");
    *exam = (struct exam){ .kind = kind_by_name("assessment"), .no = no, .by = by, .scheme = arena_alloc_raw(c->arena, sizeof *exam->scheme) };
    if (!exam->scheme) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    if (no.len > FORM_NO_BYTES_MAX - UNIT_DIGITS - 1 || !flow_entry(c->flow, kind->number, by, no, 0, &exam->scheme_record))
        return lz_refuse(c->fail, LZ_not_found, "没有编号为 %.*s 的考核方案；用 put scheme 登记，list scheme 可查", (int)(no.len < 60 ? no.len : 60),
                         (const char *)no.data);
    return scheme_parse(text_of(&exam->scheme_record, "items"), exam->scheme, c->fail);
}

static enum lz_err take_exam(struct call *c, struct exam *exam) { return open_exam(c, c->unit, arg_bytes(c, "scheme"), exam); }

static struct lz_bytes assessment_no(struct call *c, const struct exam *exam, uint32_t unit) {
    const char *no = arena_printf(c->arena, "%.*s/%06u", (int)exam->no.len, (const char *)exam->no.data, unit);
    return no ? lz_bytes_str(no) : (struct lz_bytes){ 0 };
}

static bool find(struct call *c, const struct exam *exam, uint32_t unit, struct record *r) {
    return flow_entry(c->flow, exam->kind->number, exam->by, assessment_no(c, exam, unit), 0, r);
}

static enum lz_err write(struct call *c, struct work *w, uint32_t *index) {
    struct rec_id id;
    enum lz_err err = turn_may_submit(c->turn, LANE_ROUTINE, c->fail);
    if (err == LZ_ok) err = submit(c, &w->r, (*index)++, &id);
    if (err == LZ_ok) answer_add_id(c, id);
    return err;
}

/* ---- reading at the cut-off ---- */

/* Whose term it is: the general chief in office at the cut-off. */
static struct lz_bytes chief_of(struct call *c, uint32_t unit, uint32_t day) {
    struct survey survey;
    struct entry e;
    struct key at = { 0 };
    const char *found = "";
    (void)take_survey(c, &survey);
    survey.of = unit;
    survey.day = day;
    while (survey_next(&survey, "chief", &at, &e)) {
        if (!chief_in_office(&e, day) || !(entry_is(&e, "rank", "general_chief") || (found[0] == 0 && entry_is(&e, "rank", "first_general_chief")))) continue;
        struct lz_bytes name = entry_text(&e, "name"), no = e.r.of.form.no;
        found = arena_printf(c->arena, "%.*s %.*s %u-%u", (int)no.len, (const char *)no.data, (int)name.len, (const char *)name.data,
                             (uint32_t)entry_number(&e, "term_from"), (uint32_t)entry_number(&e, "term_to"));
        if (!found) return (struct lz_bytes){ 0 };
        if (entry_is(&e, "rank", "general_chief")) break;
    }
    return lz_bytes_str(found);
}

static enum lz_err snapshot(struct call *c, const struct exam *exam, size_t *done) {
    uint32_t today = lz_date_of(c->now.wall_ms), index = 0, cut_off = (uint32_t)number_of(&exam->scheme_record, "cut_off");
    uint32_t year = (uint32_t)number_of(&exam->scheme_record, "year");
    size_t n = 0;
    char version[REC_ID_TEXT];
    *done = 0;
    if (today <= cut_off) return lz_refuse(c->fail, LZ_bad_date, "数据截止日 %u 还没有过去，过后再取数", cut_off);
    struct standing_line *lines = standing_lines(c, year, &n);
    if (!lines) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    rec_id_print(record_id(&exam->scheme_record), version);
    for (size_t i = 0; i < n; i++) {
        const struct standing_line *l = &lines[i];
        struct record before;
        if (find(c, exam, l->unit, &before)) continue;       /* what was read is not read again */
        const char *inputs = arena_printf(c->arena,
            "taken %u 0\nclosed %lld %lld\nletters %lld %lld\nproblems %lld %lld\npatrols %lld %lld\noverdue %lld 0\n",
            today, (long long)l->closed, (long long)l->tasks, (long long)l->letters_closed, (long long)l->letters, (long long)(l->problems - l->problems_open),
            (long long)l->problems, (long long)l->patrolled, (long long)l->required, (long long)l->red);
        struct work w = { .r.kind = exam->kind->number };
        w.r.of.form = (struct form){ .no = assessment_no(c, exam, l->unit), .valid_from = today, .of = w.of };
        if (!inputs || w.r.of.form.no.len == 0) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
        set_number(&w, "unit", l->unit);
        set_number(&w, "year", year);
        set_text(&w, "scheme", exam->no);
        set_text(&w, "scheme_version", lz_bytes_str(version));
        set_text(&w, "chief", chief_of(c, l->unit, cut_off));
        set_text(&w, "inputs", lz_bytes_str(inputs));
        enum lz_err err = write(c, &w, &index);
        if (err != LZ_ok) return err;
        ++*done;
    }
    return LZ_ok;
}

enum lz_err verb_assess_snapshot(struct call *c) {
    struct exam exam;
    size_t done = 0;
    enum lz_err err = take_exam(c, &exam);
    if (err == LZ_ok) err = snapshot(c, &exam, &done);
    if (err == LZ_ok) say(c, "已按截止日取数 %zu 个单位；以前取过的不再改变", done);
    return err;
}

void assess_when_due(struct call *c) {
    const struct kind_row *kind = kind_by_name("scheme");
    struct key at = { 0 };
    struct record r;
    while (flow_next_entry(c->flow, kind->number, c->unit, 0, &at, &r)) {
        struct exam exam;
        size_t done = 0;
        if (kind->form->states[r.of.form.state].flags & STATE_ASIDE || number_of(&r, "cut_off") >= lz_date_of(c->now.wall_ms)) continue;
        enum lz_err err = open_exam(c, c->unit, r.of.form.no, &exam);
        if (err == LZ_ok) err = snapshot(c, &exam, &done);
        if (err != LZ_ok || done) lz_log(err == LZ_ok ? LZ_INFO : LZ_WARN, "assessment.snapshot units=%zu result=%s", done, lz_err_name(err));
    }
}

/* ---- marks, scores, ranks ---- */

enum lz_err verb_assess_mark(struct call *c) {
    struct exam exam;
    struct record now;
    uint32_t unit = 0, index = 0;
    int64_t value;
    struct lz_bytes key = arg_bytes(c, "item"), marks = arg_bytes(c, "marks"), reason = arg_bytes(c, "text");
    enum lz_err err = take_exam(c, &exam);
    if (err == LZ_ok) err = arg_code(c, "unit", &unit);
    if (err == LZ_ok) err = mark_check(exam.scheme, key, marks, &value, c->fail);
    if (err != LZ_ok) return err;
    if (reason.len == 0 || memchr(reason.data, '\n', reason.len)) return lz_refuse(c->fail, LZ_bad_argument, "人工评分要写明理由（--text），写在一行内");
    if (!find(c, &exam, unit, &now)) return lz_refuse(c->fail, LZ_not_found, "%s还没有取数；先执行 assess snapshot", unit_label(c, unit));
    struct lz_bytes before = text_of(&now, "marks");
    char *out = arena_alloc_raw(c->arena, before.len + key.len + marks.len + reason.len + 8);
    struct work w;
    if (!out) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    take_up(&w, &now, lz_date_of(c->now.wall_ms));
    set_text(&w, "marks", lz_bytes_of(out, mark_set(before, key, marks, reason, out)));
    err = write(c, &w, &index);
    if (err == LZ_ok) say(c, "已评分：%s %.*s；全部评完后执行 assess score", unit_label(c, unit), (int)key.len, (const char *)key.data);
    return err;
}

static int64_t grade_of(const struct record *scheme, int64_t score) {
    static const struct { const char *field; int64_t usual; } lines[] = { { "excellent", 90 }, { "good", 80 }, { "pass", 70 } };
    int64_t grade = 0;
    for (size_t i = 0; i < LZ_COUNT(lines); i++, grade++) {
        int64_t line = number_of(scheme, lines[i].field);
        if (score >= (line ? line : lines[i].usual) * 100) return grade;
    }
    return grade;
}

struct scored { uint32_t unit; int64_t score; struct lz_bytes detail; };
static int by_score(const void *a, const void *b) {
    const struct scored *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return (x->unit > y->unit) - (x->unit < y->unit);
}

static enum lz_err score_all(struct call *c, const struct exam *exam, struct scored *out, size_t *n) {
    *n = 0;
    for (size_t i = 0; i < c->roster->n_children; i++) {
        struct record r;
        uint32_t unit = c->roster->children[i].code;
        char *detail = arena_alloc_raw(c->arena, SCORE_DETAIL_BYTES);
        if (!detail) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
        if (!find(c, exam, unit, &r)) continue;
        enum lz_err err = score_of(exam->scheme, text_of(&r, "inputs"), text_of(&r, "marks"), &out[*n].score, detail, c->fail);
        if (err != LZ_ok) return err;
        out[*n].unit = unit;
        out[(*n)++].detail = lz_bytes_str(detail);
    }
    qsort(out, *n, sizeof *out, by_score);
    return *n ? LZ_ok : lz_refuse(c->fail, LZ_not_found, "还没有取数；先执行 assess snapshot");
}

enum lz_err verb_assess_score(struct call *c) {
    enum { SCORED = 1 };
    struct exam exam;
    size_t n = 0;
    uint32_t index = 0, rank = 0;
    char version[REC_ID_TEXT];
    struct scored *all = arena_alloc_raw(c->arena, (c->roster->n_children + 1) * sizeof *all);
    if (!all) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    enum lz_err err = take_exam(c, &exam);
    if (err == LZ_ok) err = score_all(c, &exam, all, &n);
    if (err != LZ_ok) return err;
    rec_id_print(record_id(&exam.scheme_record), version);
    for (size_t i = 0; i < n && err == LZ_ok; i++) {
        struct record now;
        struct work w;
        rank = i && all[i].score == all[i - 1].score ? rank : (uint32_t)i + 1;
        if (!find(c, &exam, all[i].unit, &now)) continue;
        take_up(&w, &now, lz_date_of(c->now.wall_ms));
        w.r.of.form.state = SCORED;
        set_text(&w, "scheme_version", lz_bytes_str(version));
        set_text(&w, "detail", all[i].detail);
        set_number(&w, "score", all[i].score);
        set_number(&w, "rank", rank);
        set_number(&w, "grade", grade_of(&exam.scheme_record, all[i].score));
        err = write(c, &w, &index);
    }
    if (err == LZ_ok) say(c, "已评分 %zu 个单位；核对后执行 assess publish", n);
    return err;
}

enum lz_err verb_assess_publish(struct call *c) {
    enum { SCORED = 1, PUBLISHED };
    struct exam exam;
    uint32_t index = 0;
    enum lz_err err = take_exam(c, &exam);
    for (size_t i = 0; i < c->roster->n_children && err == LZ_ok; i++) {
        struct record now;
        struct work w;
        if (!find(c, &exam, c->roster->children[i].code, &now) || now.of.form.state != SCORED) continue;
        take_up(&w, &now, lz_date_of(c->now.wall_ms));
        w.r.of.form.state = PUBLISHED;
        err = write(c, &w, &index);
    }
    if (err != LZ_ok) return err;
    if (index == 0) return lz_refuse(c->fail, LZ_illegal_move, "没有已评分而未公布的；先执行 assess score");
    say(c, "已公布 %u 个单位的考核结果", index);
    return LZ_ok;
}

/* ---- reading, at every tier ---- */

static void cells_score(struct call *c, const struct record *r, const char *name) {
    int64_t score = number_of(r, "score");
    if (r->of.form.given >> place_of(r, "score") & 1) cell_format(c, name, "%lld.%02d", (long long)(score / 100), (int)(score % 100));
    else cell_text(c, name, "");
}

/* The score again from what the entry says was read and marked, by the version of the scheme that it names: byte by byte. */
static const char *judge_again(struct call *c, const struct record *r) {
    struct rec_id id;
    struct record scheme_record;
    struct lz_bytes version = text_of(r, "scheme_version"), detail = text_of(r, "detail");
    struct scheme *scheme = arena_alloc_raw(c->arena, sizeof *scheme);
    char text[REC_ID_TEXT] = "", *again = arena_alloc_raw(c->arena, SCORE_DETAIL_BYTES);
    int64_t score = 0;
    bool whole = false;
    if (detail.len == 0) return "尚未评分";
    if (version.len > 0 && version.len < sizeof text) memcpy(text, version.data, version.len);
    if (!scheme || !again || !rec_id_parse(text, &id, &whole) || !whole || !flow_record(c->flow, id, &scheme_record)) return "没有所用的方案版本";
    struct lz_fail fail = { 0 };
    if (scheme_parse(text_of(&scheme_record, "items"), scheme, &fail) != LZ_ok) return "方案不能读取";
    if (score_of(scheme, text_of(r, "inputs"), text_of(r, "marks"), &score, again, &fail) != LZ_ok) return "不能重算";
    bool same = score == number_of(r, "score") && lz_bytes_equal(detail, lz_bytes_str(again)) && grade_of(&scheme_record, score) == number_of(r, "grade");
    return same ? "一致" : "不一致";
}

static bool names_chief(const struct record *r, struct lz_bytes chief) {
    struct lz_bytes held = text_of(r, "chief");
    for (size_t i = 0; i + chief.len <= held.len; i++)
        if (memcmp(held.data + i, chief.data, chief.len) == 0) return true;
    return false;
}

enum lz_err verb_assess_list(struct call *c) {
    const struct kind_row *kind = kind_by_name("assessment");
    uint32_t unit = 0, year = 0;
    struct key at = { 0 };
    struct record r;
    struct lz_bytes chief = arg_bytes(c, "chief");
    enum lz_err err = arg_code(c, "unit", &unit);
    if (err == LZ_ok) err = take_period(c, &year);
    if (err != LZ_ok) return err;
    while (!c->cut && flow_next_entry(c->flow, kind->number, 0, 0, &at, &r)) {
        if ((unit && number_of(&r, "unit") != unit) || (year && number_of(&r, "year") != year) || (chief.len && !names_chief(&r, chief))) continue;
        char period[FORM_PRINT_BYTES];
        size_t grade = (size_t)number_of(&r, "grade");
        const struct form_field *field = &kind->form->fields[place_of(&r, "grade")];
        bool graded = r.of.form.given >> place_of(&r, "grade") & 1;
        const char *same = judge_again(c, &r);
        if (!row_begin(c, "assessments")) continue;
        period_print((uint32_t)number_of(&r, "year"), period);
        cell_text(c, "period", period);
        cell_i64(c, "rank", number_of(&r, "rank"));
        cell_unit(c, "unit", (uint32_t)number_of(&r, "unit"));
        cell_unit_name(c, "name", (uint32_t)number_of(&r, "unit"));
        cells_score(c, &r, "score");
        cell_text(c, "grade", graded ? field->choices[grade].name : "");
        cell_word(c, "grade_zh", graded ? field->choices[grade].zh : "");
        cell_text(c, "state", kind->form->states[r.of.form.state].name);
        cell_word(c, "state_zh", kind->form->states[r.of.form.state].zh);
        cell_bytes(c, "chief", text_of(&r, "chief"));
        cell_word(c, "again", same);
        if (arg_flag(c, "full")) cell_bytes(c, "per_item", text_of(&r, "detail"));
        row_end(c);
    }
    if (c->seen == 0) say(c, "没有考核结果");
    return LZ_ok;
}
