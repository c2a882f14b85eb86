/* check_offices: offices set up and merged with the forestry stations; which rules each unit has. */
#include "survey_room.h"

static void office(struct check *c, const struct entry *e) {
    bool township = entry_is(e, "tier", "township");
    if (entry_in(e, "ended")) return;
    if (entry_in(e, "planned")) check_found(c, FINDING_office_planned, e, e->r.origin, entry_number(e, "place"), e->r.of.form.valid_from, NULL);
    else if (township && entry_is(e, "setting", "own"))
        check_found(c, FINDING_office_not_merged, e, e->r.origin, entry_number(e, "place"), e->r.of.form.valid_from, NULL);
}

/* Each township that is known has an office, if only a planned one. */
static void missing(struct check *c) {
    for (size_t i = 0; i < c->n_places; i++) {
        const struct known *p = &c->places[i];
        size_t mark = arena_used(c->s->arena);
        struct survey own = *c->s;
        struct key at = { 0 };
        struct entry e;
        bool there = false;
        own.of = p->unit;
        if (!is_township(p->code)) continue;
        for (; !there && survey_next(&own, "office", &at, &e); arena_rewind(c->s->arena, mark))
            there = !entry_in(&e, "ended") && entry_number(&e, "place") == p->code;
        if (!there) check_found(c, FINDING_office_missing, NULL, p->unit, p->code, 0, NULL);
    }
}

/* ---- rules ---- */

static const struct form_field *rule_use(void) {
    const struct form_kind *form = kind_by_name("rule")->form;
    return &form->fields[form_field_find(form, lz_bytes_str("use"))];
}

static size_t rules_of(const struct check *c, struct rule_line *lines, size_t max, size_t *n_uses) {
    uint32_t units[CHILDREN_MAX + 1];
    size_t n = check_units(c, units, LZ_COUNT(units)), mark = arena_used(c->s->arena);
    struct key at = { 0 };
    struct entry e;
    for (*n_uses = 0; rule_use()->choices[*n_uses + 1].name && *n_uses < RULE_USES_MAX; ++*n_uses) { }      /* the last one is "other" */
    if (n > max) n = max;
    for (size_t i = 0; i < n; i++) lines[i] = (struct rule_line){ .unit = units[i] };
    for (; survey_next(c->s, "rule", &at, &e); arena_rewind(c->s->arena, mark)) {
        size_t use = (size_t)entry_number(&e, "use");
        for (size_t i = 0; i < n && entry_in(&e, "in_force") && use < *n_uses; i++)
            if (lines[i].unit == e.r.origin) lines[i].has[use] = true;
    }
    return n;
}

size_t survey_rules(const struct survey *survey, struct rule_line *lines, size_t max, size_t *n_uses) {
    struct check c = { .s = survey };
    return rules_of(&c, lines, max, n_uses);
}

static void rules(struct check *c) {
    size_t n_uses, n;
    struct rule_line *lines = arena_alloc(c->s->arena, (CHILDREN_MAX + 1) * sizeof *lines);
    if (!lines) return;
    n = rules_of(c, lines, CHILDREN_MAX + 1, &n_uses);
    for (size_t i = 0; i < n; i++)
        for (size_t use = 0; use < n_uses; use++)
            if (!lines[i].has[use]) check_found(c, FINDING_rule_missing, NULL, lines[i].unit, 0, 0, lz_text(c->s->lang, rule_use()->choices[use].zh));
}

void check_offices(struct check *c) {
    if (!c->only || strcmp(c->only, "office") == 0) {
        missing(c);
        check_each(c, "office", office);
    }
    if (!c->only || strcmp(c->only, "rule") == 0) rules(c);
}
