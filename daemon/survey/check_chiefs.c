/* check_chiefs: who is missing, whose term is over, who hangs on something that is not there. */
#include "survey_room.h"

enum { ADMINISTRATIVE, STATE_FARM, PROTECTED_AREA, CIVIC };      /* the words of a chief's kind */
enum { PROVINCE, CITY, COUNTY, TOWNSHIP, VILLAGE };              /* of his tier */
enum { ANSWERING_MAX = CHILDREN_MAX + 1 };

static uint32_t tier_of(const struct check *c, uint32_t unit) {
    const struct unit *u = units_find(c->s->units, unit);
    return !u || u->tier >= TIER_COUNTY ? COUNTY : u->tier == TIER_CITY ? CITY : PROVINCE;
}

/* Each unit has one of its own tier; each township and village that is known has one of its own. */
static void missing(struct check *c) {
    uint32_t units[ANSWERING_MAX];
    size_t n = check_units(c, units, ANSWERING_MAX);
    for (size_t i = 0; i < n; i++) {
        bool there = false;
        for (size_t k = 0; k < c->n_chiefs && !there; k++) {
            const struct held *h = &c->chiefs[k];
            there = h->good && h->use == ADMINISTRATIVE && h->unit == units[i] && h->tier == tier_of(c, units[i]);
        }
        if (!there) check_found(c, FINDING_chief_missing, NULL, units[i], units[i], 0, NULL);
    }
    for (size_t i = 0; i < c->n_places; i++) {
        const struct known *p = &c->places[i];
        uint32_t tier = is_village(p->code) ? VILLAGE : TOWNSHIP;
        bool there = false;
        for (size_t k = 0; k < c->n_chiefs && !there; k++) {
            const struct held *h = &c->chiefs[k];
            there = h->good && h->use == ADMINISTRATIVE && h->unit == p->unit && h->tier == tier && h->place == p->code;
        }
        if (!there) check_found(c, FINDING_chief_missing, NULL, p->unit, p->code, 0, NULL);
    }
}

/* Another one who holds what he held: the same post where both have one, else the same rank. */
static bool succeeded(const struct check *c, const struct entry *e) {
    uint64_t body = text_hash(entry_text(e, "body")), post = text_hash(entry_text(e, "post")), no = text_hash(e->r.of.form.no);
    for (size_t i = 0; i < c->n_chiefs; i++) {
        const struct held *h = &c->chiefs[i];
        bool same = h->good && h->unit == e->r.origin && h->no != no && h->use == entry_number(e, "kind") && h->tier == entry_number(e, "tier") &&
                    h->place == entry_number(e, "place") && h->of == body;
        if (same && (post && h->post ? h->post == post : h->rank == entry_number(e, "rank"))) return true;
    }
    return false;
}

static bool area_is_there(const struct check *c, const struct entry *e, struct lz_bytes no, bool body) {
    for (size_t i = 0; i < c->n_areas; i++) {
        const struct held *h = &c->areas[i];
        bool near = h->unit == e->r.origin || h->unit == c->s->unit;
        if (h->good && near && h->no == text_hash(no) && (h->use >= 3) == body) return true;     /* the words of a use: bodies come last */
    }
    return false;
}

static void one(struct check *c, const struct entry *e) {
    struct lz_bytes area = entry_text(e, "area"), body = entry_text(e, "body");
    uint32_t unit = e->r.origin, until = (uint32_t)entry_number(e, "term_to");
    if (!chief_in_office(e, c->s->day)) {
        bool was = entry_aside(e) || (until && until < c->s->day);              /* not one who is still to come */
        uint32_t since = until && until < c->s->day ? until : e->r.of.form.valid_from;
        if (was && !entry_is(e, "kind", "civic") && !succeeded(c, e)) check_found(c, FINDING_chief_vacant, e, unit, entry_number(e, "place"), since, NULL);
        return;
    }
    if (area.len && !area_is_there(c, e, area, false))
        check_found(c, FINDING_chief_area_unknown, e, unit, 0, e->r.of.form.valid_from, check_text(c, area));
    bool hangs = entry_is(e, "kind", "state_farm") || entry_is(e, "kind", "protected_area");
    if (hangs && !area_is_there(c, e, body, true))
        check_found(c, FINDING_chief_body_unknown, e, unit, 0, e->r.of.form.valid_from, check_text(c, body));
}

static void body(struct check *c, const struct entry *e) {
    bool farm = entry_is(e, "use", "state_farm"), reserve = entry_is(e, "use", "protected_area"), there = false;
    if (entry_aside(e) || !(farm || reserve)) return;
    for (size_t i = 0; i < c->n_chiefs && !there; i++) {
        const struct held *h = &c->chiefs[i];
        there = h->good && h->unit == e->r.origin && h->of == text_hash(e->r.of.form.no) && h->use == (farm ? STATE_FARM : PROTECTED_AREA);
    }
    if (there) return;
    struct lz_bytes name = entry_text(e, "name");
    check_found(c, FINDING_body_without_chief, e, e->r.origin, entry_number(e, "place"), e->r.of.form.valid_from,
                check_text(c, name));
}

void check_chiefs(struct check *c) {
    missing(c);
    check_each(c, "chief", one);
    check_each(c, "area", body);
}

size_t survey_chiefs(const struct survey *survey, struct chief_line *lines) {
    size_t n = 0, mark = arena_used(survey->arena);
    struct key at = { 0 };
    struct entry e;
    for (; survey_next(survey, "chief", &at, &e); arena_rewind(survey->arena, mark)) {
        uint32_t tier = (uint32_t)entry_number(&e, "tier");
        size_t i = 0;
        if (!chief_in_office(&e, survey->day)) continue;
        while (i < n && (lines[i].unit != e.r.origin || lines[i].tier != tier)) i++;
        if (i == n && n < CHIEF_LINES_MAX) lines[n++] = (struct chief_line){ .unit = e.r.origin, .tier = tier };
        if (i < n) lines[i].of[entry_number(&e, "kind")]++;
    }
    return n;
}
