/* found: who found a problem, and on which patrol: both are entries of the unit that reports it. */
#include <stdio.h>
#include "../survey/survey.h"
#include "ctl_room.h"

static const char *const sources[][2] = {
#define P_SOURCE(name, number, zh) [number] = { #name, zh },
#include "../../schema/classes.def"
};
enum {
#define P_SOURCE(name, number, zh) SOURCE_##name = (number),
#include "../../schema/classes.def"
};

enum lz_err take_source(struct call *c, bool *given, uint32_t *source) {
    *given = arg_text(c, "source") != NULL;
    return arg_word(c, "source", sources, LZ_COUNT(sources), source);
}

enum lz_err take_finder(struct call *c, struct problem *p) {
    struct survey survey;
    struct entry chief, patrol;
    bool given;
    enum lz_err err = take_survey(c, &survey);
    if (err == LZ_ok) err = take_source(c, &given, &p->source);
    if (err != LZ_ok) return err;
    p->patrol = arg_bytes(c, "patrol");
    p->finder = arg_bytes(c, "chief");
    if (p->patrol.len && !survey_find(&survey, "patrol", c->unit, p->patrol, 0, &patrol))
        return lz_refuse(c->fail, LZ_not_found, "没有编号为 %.*s 的巡林；先用 put patrol 登记，list patrol 可查", (int)p->patrol.len, (const char *)p->patrol.data);
    if (p->patrol.len && entry_in(&patrol, "voided")) return lz_refuse(c->fail, LZ_bad_argument, "这次巡林已作废；请用重新登记的那一次");
    if (p->patrol.len && p->finder.len == 0) p->finder = entry_text(&patrol, "chief");
    else if (p->finder.len && !survey_find(&survey, "chief", c->unit, p->finder, survey.day, &chief))
        return lz_refuse(c->fail, LZ_not_found, "没有编号为 %.*s 的林长；先用 put chief 登记，list chief 可查", (int)p->finder.len, (const char *)p->finder.data);
    else if (p->finder.len && !chief_in_office(&chief, survey.day)) return lz_refuse(c->fail, LZ_bad_argument, "这位林长已不在任");
    if (given) return LZ_ok;
    bool civic = p->finder.len && p->patrol.len == 0 && entry_is(&chief, "kind", "civic");
    p->source = p->patrol.len ? SOURCE_patrol : civic ? SOURCE_civic : SOURCE_unsaid;
    return LZ_ok;
}

void card_finder(struct call *c, const struct record *r) {
    const struct problem *p = &r->of.problem;
    struct survey survey;
    struct entry chief;
    struct lz_bytes name = { 0 };
    if (take_survey(c, &survey) == LZ_ok && survey_find(&survey, "chief", r->origin, p->finder, 0, &chief)) name = entry_text(&chief, "name");
    if (p->source && p->source < LZ_COUNT(sources)) card(c, "问题来源", "%s", sources[p->source][1]);
    if (p->finder.len) card(c, "发现人", "%.*s %.*s", (int)p->finder.len, (const char *)p->finder.data, (int)name.len, (const char *)name.data);
    card_bytes(c, "巡林编号", p->patrol);
}

void rows_found_on(struct call *c, uint32_t unit, struct lz_bytes patrol) {
    struct scan scan;
    struct rec_id id;
    if (!scan_open(c, KIND_problem, unit, &scan)) return;
    for (uint32_t i = 0; i < SCAN_SUBJECT_MAX && !c->cut && scan_next(c, &scan, &id); i++) {
        size_t mark = arena_used(c->arena);
        struct record r;
        struct standing s;
        bool found = flow_record(c->flow, id, &r) && lz_bytes_equal(r.of.problem.patrol, patrol) && flow_standing(c->flow, id, 0, &s);
        if (found) row_problem(c, "problems", &r, &s);
        else arena_rewind(c->arena, mark);
    }
}

/* The problem that a case is about, and where it stands. */
static bool problem_of(struct call *c, const struct record *referral, struct record *problem, struct standing *s) {
    struct entry entry = { *referral, kind_form(referral->kind) };
    struct lz_bytes named = entry_text(&entry, "problem");
    char text[REC_ID_TEXT] = "";
    struct rec_id id;
    bool whole;
    if (named.len && named.len < sizeof text) memcpy(text, named.data, named.len);
    return rec_id_parse(text, &id, &whole) && id.kind == KIND_problem && flow_record(c->flow, id, problem) && flow_standing(c->flow, id, 0, s);
}

void row_referred(struct call *c, const struct record *referral) {
    struct record problem;
    struct standing s;
    if (problem_of(c, referral, &problem, &s)) row_problem(c, "problems", &problem, &s);
}

const char *next_of_referred(struct call *c, struct rec_id id) {
    struct record referral, problem;
    struct standing s;
    char legal[256];
    if (!flow_record(c->flow, id, &referral) || !problem_of(c, &referral, &problem, &s)) return "";
    flow_legal(c->flow, &problem, &s, 0, c->fail->lang, legal, sizeof legal);
    return arena_printf(c->arena, said(c, "；问题现在是“%s”，可办理：%s"), said(c, state_zh(MACHINE_PROBLEM, s.state)), legal);
}

void rows_referrals(struct call *c, const struct record *problem) {
    char text[REC_ID_TEXT];
    uint32_t units[CHILDREN_MAX + 1] = { c->unit };
    size_t n = 1;
    rec_id_print(record_id(problem), text);
    for (size_t i = 0; i < c->roster->n_children; i++) units[n++] = c->roster->children[i].code;
    for (size_t i = 0; i < n && !c->cut; i++) {
        struct key at = { 0 };
        struct record r;
        while (flow_next_referring(c->flow, kind_by_name("referral")->number, units[i], lz_bytes_str(text), 0, UINT32_MAX, &at, &r))
            entry_row(c, "referrals", &r, IN_SHORT);
    }
}

void problems_of_civic(struct call *c, uint32_t unit, uint64_t *raised, uint64_t *open) {
    struct scan scan;
    struct rec_id id;
    if (!scan_open(c, KIND_problem, unit, &scan)) return;
    for (uint32_t i = 0; i < SCAN_SUBJECT_MAX && scan_next(c, &scan, &id); i++) {
        size_t mark = arena_used(c->arena);
        struct record r;
        struct standing s;
        bool civic = flow_record(c->flow, id, &r) && r.of.problem.source == SOURCE_civic;
        *raised += civic;
        if (civic && flow_standing(c->flow, id, 0, &s)) *open += state_open(MACHINE_PROBLEM, s.state);
        else arena_rewind(c->arena, mark);
    }
}
