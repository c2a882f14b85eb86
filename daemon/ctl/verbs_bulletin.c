/* verbs_bulletin: the periodic bulletin (定期调度通报), written by the daemon from its own store: how each unit below stands, patrols, indicators.
 *
 * It is sent down as a bulletin like any other, so that who has read it is who has signed it. One is made for a period, once: its request id is
 * its period's, also when a clerk and the calendar ask for it at the same time, and when a lost store has come back. */
#include <inttypes.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "../survey/survey.h"
#include "ctl_room.h"

/* ---- how a unit stands ---- */

static struct counters whole_of(struct call *c, uint16_t kind, uint32_t unit) {
    struct counters sum;
    if (!flow_rollup(c->flow, kind, (struct rec_id){ 0 }, unit, &sum)) memset(&sum, 0, sizeof sum);
    return sum;
}

static void take_directives(struct call *c, struct standing_line *line, uint16_t kind, int64_t *total, int64_t *closed) {
    struct counters s = whole_of(c, kind, line->unit);
    *total += s.of[COUNTER_total] - s.of[COUNTER_state_0 + HANDLING_withdrawn];
    *closed += s.of[COUNTER_state_0 + HANDLING_closed];
    line->red += s.of[COUNTER_red];
    line->yellow += s.of[COUNTER_yellow];
}

static void take_line(struct call *c, uint32_t period, uint32_t unit, const struct patrol_line *patrols, size_t n, struct standing_line *line) {
    *line = (struct standing_line){ .unit = unit };
    take_directives(c, line, KIND_task, &line->tasks, &line->closed);
    take_directives(c, line, KIND_supervision_letter, &line->letters, &line->letters_closed);
    struct counters s = whole_of(c, KIND_problem, unit);
    line->problems = s.of[COUNTER_total];
    line->problems_open = s.of[COUNTER_total] - s.of[COUNTER_state_0 + PROBLEM_closed] - s.of[COUNTER_state_0 + PROBLEM_rejected] -
                          s.of[COUNTER_state_0 + PROBLEM_merged];
    line->red += s.of[COUNTER_red];
    line->yellow += s.of[COUNTER_yellow];
    const struct child *child = roster_find(c->roster, unit);
    if (child && child->n_subtree > 1) {
        struct patrol_line by_tier[PATROL_TIERS];
        size_t n_tiers = patrol_sums(c, period, unit, by_tier);
        for (size_t i = 0; i < n_tiers; i++) { line->required += by_tier[i].required; line->patrolled += by_tier[i].done; }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (patrols[i].unit != unit) continue;
        line->required += patrols[i].required;
        line->patrolled += patrols[i].done;
    }
}

/* Fewer overdue first, then the larger share closed; who is equal shares a rank. */
static int by_standing(const void *a, const void *b) {
    const struct standing_line *x = a, *y = b;
    if (x->red != y->red) return x->red < y->red ? -1 : 1;
    int64_t left = (x->closed + x->letters_closed) * (y->tasks + y->letters + 1), right = (y->closed + y->letters_closed) * (x->tasks + x->letters + 1);
    return left == right ? 0 : left > right ? -1 : 1;
}
static int by_rank_and_code(const void *a, const void *b) {
    const struct standing_line *x = a, *y = b;
    int order = by_standing(a, b);
    return order ? order : (x->unit > y->unit) - (x->unit < y->unit);
}

struct standing_line *standing_lines(struct call *c, uint32_t period, size_t *n) {
    struct survey survey;
    *n = c->roster->n_children;
    struct standing_line *lines = arena_alloc(c->arena, (*n + 1) * sizeof *lines);
    struct patrol_line *patrols = arena_alloc_raw(c->arena, PATROL_LINES_MAX * sizeof *patrols);
    if (!lines || !patrols) return NULL;
    (void)take_survey(c, &survey);
    survey.of = 0;
    size_t n_patrols = survey_patrols(&survey, period, -1, patrols);
    for (size_t i = 0; i < *n; i++) take_line(c, period, c->roster->children[i].code, patrols, n_patrols, &lines[i]);
    qsort(lines, *n, sizeof *lines, by_rank_and_code);
    for (size_t i = 0; i < *n; i++) lines[i].rank = i && by_standing(&lines[i - 1], &lines[i]) == 0 ? lines[i - 1].rank : (uint32_t)i + 1;
    return lines;
}

/* ---- as text ---- */

struct text { char *data; size_t len, max; };
static void put(struct text *t, const char *format, ...) LZ_PRINTF(2, 3);
static void put(struct text *t, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int n = vsnprintf(t->data + t->len, t->max - t->len, format, args);
    va_end(args);
    if (n > 0 && (size_t)n < t->max - t->len) t->len += (size_t)n;
    else t->data[t->len] = 0;                            /* what does not fit whole is left out */
}

static void put_share(struct text *t, int64_t part, int64_t whole) {
    int64_t permille = whole > 0 ? (part * 1000 + whole / 2) / whole : 0;
    if (whole > 0) put(t, "%" PRId64 "/%" PRId64 "（%" PRId64 ".%d%%）", part, whole, permille / 10, (int)(permille % 10));
    else put(t, "无");
}

static void put_overall(struct text *t, const struct standing_line *lines, size_t n) {
    struct standing_line all = { 0 };
    for (size_t i = 0; i < n; i++) {
        all.tasks += lines[i].tasks; all.closed += lines[i].closed; all.letters += lines[i].letters; all.letters_closed += lines[i].letters_closed;
        all.problems += lines[i].problems; all.problems_open += lines[i].problems_open; all.red += lines[i].red; all.yellow += lines[i].yellow;
        all.required += lines[i].required; all.patrolled += lines[i].patrolled;
    }
    put(t, "一、总体情况\n任务办结 ");
    put_share(t, all.closed, all.tasks);
    put(t, "；督办函办结 ");
    put_share(t, all.letters_closed, all.letters);
    put(t, "；问题 %" PRId64 " 个，未结 %" PRId64 " 个；逾期（红灯）%" PRId64 " 件，滞后（黄灯）%" PRId64 " 件；巡林 ", all.problems, all.problems_open, all.red, all.yellow);
    put_share(t, all.patrolled, all.required);
    put(t, "。\n");
}

static void put_ranking(struct call *c, struct text *t, const struct standing_line *lines, size_t n) {
    put(t, "二、各单位排名（逾期少的在前，逾期相同的办结比例高的在前）\n");
    for (size_t i = 0; i < n; i++) {
        const struct standing_line *l = &lines[i];
        put(t, "%u. %s：逾期 %" PRId64 " 件，滞后 %" PRId64 " 件，办结 ", l->rank, unit_name(c, l->unit), l->red, l->yellow);
        put_share(t, l->closed + l->letters_closed, l->tasks + l->letters);
        put(t, "，未结问题 %" PRId64 " 个，巡林 ", l->problems_open);
        put_share(t, l->patrolled, l->required);
        put(t, "\n");
    }
}

static void put_indicators(struct call *c, struct text *t) {
    const struct kind_row *kind = kind_by_name("indicator");
    const struct form_field *group = form_group_field(kind->form);
    struct heading *headings;
    size_t n = sums_headings(c, kind, &headings), shown = 0;
    for (uint32_t choice = 1; group->choices[choice - 1].name; choice++) {
        struct heading heading = { choice, 0 };
        char figure[FORM_PRINT_BYTES], target[FORM_PRINT_BYTES], period[FORM_PRINT_BYTES];
        for (size_t i = 0; i < n; i++)
            if (headings[i].choice == choice && headings[i].period > heading.period) heading.period = headings[i].period;
        struct counters sum;
        if (!heading.period || !sums_of(c, kind, 0, heading, &sum) || sum.of[COUNTER_records] == 0) continue;
        if (shown++ == 0) put(t, "三、约束性指标\n");
        indicator_figure(kind, &group->choices[choice - 1], &sum, 0, figure);
        indicator_figure(kind, &group->choices[choice - 1], &sum, 2, target);
        period_print(heading.period, period);
        put(t, "%s（%s）：%s，目标 %s，%" PRId64 "/%u 个单位已计入\n", group->choices[choice - 1].zh, period, figure, target[0] ? target : "未定",
            sum.of[COUNTER_reporting], units_expected(c, c->unit));
    }
}

static struct lz_bytes compose(struct call *c, const struct standing_line *lines, size_t n) {
    struct text t = { arena_alloc_raw(c->arena, TEXT_BYTES_MAX), 0, TEXT_BYTES_MAX };
    if (!t.data) return (struct lz_bytes){ 0 };
    t.data[0] = 0;
    put_overall(&t, lines, n);
    put_ranking(c, &t, lines, n);
    put_indicators(c, &t);
    return lz_bytes_of(t.data, t.len);
}

/* ---- the verbs ---- */

uint32_t period_before(const char *every, uint32_t today) {
    uint32_t year = today / 10000, month = today / 100 % 100;
    if (strcmp(every, "year") == 0) return (year - 1) * 100;
    if (strcmp(every, "half") == 0) return month > 6 ? year * 100 + 31 : (year - 1) * 100 + 32;
    if (strcmp(every, "quarter") == 0) return month > 3 ? year * 100 + 20 + (month - 1) / 3 : (year - 1) * 100 + 24;
    return month > 1 ? year * 100 + month - 1 : (year - 1) * 100 + 12;
}

static enum lz_err take_ranking(struct call *c, uint32_t *period, struct standing_line **lines, size_t *n) {
    *period = period_before("month", lz_date_of(c->now.wall_ms));
    enum lz_err err = take_period(c, period);
    if (err != LZ_ok) return err;
    if (c->roster->n_children == 0) return lz_refuse(c->fail, LZ_not_allowed, "本单位没有已登记的下级，没有可通报的");
    *lines = standing_lines(c, *period, n);
    return *lines ? LZ_ok : lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
}

enum lz_err verb_bulletin_draft(struct call *c) {
    uint32_t period;
    struct standing_line *lines = NULL;
    size_t n = 0;
    enum lz_err err = take_ranking(c, &period, &lines, &n);
    for (size_t i = 0; err == LZ_ok && i < n; i++) {
        const struct standing_line *l = &lines[i];
        if (!row_begin(c, "ranking")) continue;
        cell_u64(c, "rank", l->rank);
        cell_unit(c, "unit", l->unit);
        cell_unit_name(c, "name", l->unit);
        cell_i64(c, "red", l->red);
        cell_i64(c, "yellow", l->yellow);
        cell_i64(c, "tasks", l->tasks);
        cell_i64(c, "n_closed", l->closed);
        cell_i64(c, "letters", l->letters);
        cell_i64(c, "letters_closed", l->letters_closed);
        cell_i64(c, "problems", l->problems);
        cell_i64(c, "problems_open", l->problems_open);
        cell_i64(c, "required", l->required);
        cell_i64(c, "patrolled", l->patrolled);
        row_end(c);
    }
    if (err == LZ_ok && !arg_text(c, "csv")) card_bytes(c, "正文", compose(c, lines, n));
    return err;
}

/* The same for the same period, whoever asks. */
static struct lz_bytes request_of(struct call *c, uint32_t period) {
    char text[40];
    uint8_t *request = arena_alloc_raw(c->arena, 16);
    int len = snprintf(text, sizeof text, "bulletin %06u %u", c->unit, period);
    if (!request) return (struct lz_bytes){ 0 };
    crypto_generichash(request, 16, (const uint8_t *)text, (unsigned long long)len, NULL, 0);
    return lz_bytes_of(request, 16);
}

static bool made_before(struct call *c, struct lz_bytes request, struct rec_id *id) {
    struct lz_bytes known;
    if (request.len == 0 || !store_get(c->store, TABLE_ask, key_ask(request, 0), &known) || known.len != REC_ID_BYTES) return false;
    *id = rec_id_get(known.data);
    return true;
}

static enum lz_err make(struct call *c, uint32_t period, const struct standing_line *lines, size_t n, struct rec_id *id) {
    char name[FORM_PRINT_BYTES];
    struct lz_bytes request = request_of(c, period);
    period_print(period, name);
    const char *title = arena_printf(c->arena, "%s%s工作调度通报", unit_name(c, c->unit), name);
    struct record draft = { .kind = KIND_bulletin, .target_all = true };
    if (!title || request.len == 0) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    draft.of.directive.title = lz_bytes_str(title);
    draft.of.directive.body = compose(c, lines, n);
    enum lz_err err = turn_may_submit(c->turn, LANE_ROUTINE, c->fail);
    if (err == LZ_ok) err = flow_submit(c->flow, &draft, c->author, request, 0, id, c->fail);
    if (err == LZ_ok) merge_done(c, request, *id);
    return err;
}

enum lz_err verb_bulletin_make(struct call *c) {
    uint32_t period;
    struct standing_line *lines = NULL;
    size_t n = 0;
    struct rec_id id = { 0 };
    char name[FORM_PRINT_BYTES], text[REC_ID_TEXT];
    enum lz_err err = take_ranking(c, &period, &lines, &n);
    if (err != LZ_ok) return err;
    bool before = made_before(c, request_of(c, period), &id);
    if (!before) err = make(c, period, lines, n, &id);
    if (err != LZ_ok) return err;
    answer_add_id(c, id);
    period_print(period, name);
    rec_id_print(id, text);
    if (row_begin(c, "done")) {
        cell_id(c, "id", id);
        cell_text(c, "period", name);
        row_end(c);
    }
    if (before) say(c, "%s 的通报已经下发过：%s", name, text);
    else say(c, "%s 的通报已下发，签收即为已读：%s", name, text);
    return LZ_ok;
}

/* A unit that has nothing to tell of yet tells nothing. */
static bool is_empty(const struct standing_line *lines, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (lines[i].tasks || lines[i].letters || lines[i].problems || lines[i].required) return false;
    return true;
}

bool bulletin_when_due(struct call *c, const char *every) {
    uint32_t period = period_before(every, lz_date_of(c->now.wall_ms));
    struct rec_id id;
    size_t n = 0;
    if (c->roster->n_children == 0 || made_before(c, request_of(c, period), &id)) return true;
    struct standing_line *lines = standing_lines(c, period, &n);
    if (!lines || is_empty(lines, n)) return lines != NULL;
    enum lz_err err = make(c, period, lines, n, &id);
    lz_log(err == LZ_ok ? LZ_INFO : LZ_WARN, "bulletin.made period=%u units=%zu result=%s", period, n, lz_err_name(err));
    return false;                                        /* made, unless the turn fails: seen at the next look */
}
