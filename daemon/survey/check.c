/* check: the registers laid side by side, family by family. */
#include <stdlib.h>
#include "survey_room.h"

struct words { const char *name, *kind, *zh, *next; };
static const struct words findings[FINDING_COUNT] = {
#define X(code, kind, zh, next) [FINDING_##code] = { #code, #kind, zh, next },
#include "../../schema/findings.def"
#undef X
};
const char *finding_name(enum finding_code code) { return findings[code].name; }
const char *finding_kind(enum finding_code code) { return findings[code].kind; }
const char *finding_zh(enum finding_code code) { return findings[code].zh; }
const char *finding_next(enum finding_code code) { return findings[code].next; }

void check_found(struct check *c, enum finding_code code, const struct entry *entry, uint32_t unit, int64_t place, uint32_t since, const char *text) {
    struct finding finding = { .code = code, .unit = unit, .since = since, .place = place, .text = text };
    if (c->only && strcmp(c->only, findings[code].kind) != 0) return;
    if (c->s->of && unit != c->s->of) return;
    if (entry) finding.no = entry->r.of.form.no;
    if (c->take(c->context, &finding)) c->n_found++;
}

const char *check_text(const struct check *c, struct lz_bytes text) { return arena_printf(c->s->arena, "%.*s", (int)text.len, (const char *)text.data); }

void check_each(struct check *c, const char *kind, void (*one)(struct check *, const struct entry *)) {
    struct key at = { 0 };
    struct entry entry;
    for (;;) {
        size_t mark = arena_used(c->s->arena), before = c->n_found;
        if (!survey_next(c->s, kind, &at, &entry)) return;
        one(c, &entry);
        if (c->n_found == before) arena_rewind(c->s->arena, mark);
    }
}

size_t check_units(const struct check *c, uint32_t *units, size_t max) {
    size_t n = 0;
    if (!c->s->of || c->s->of == c->s->unit) units[n++] = c->s->unit;
    for (size_t i = 0; i < c->s->roster->n_children && n < max; i++)
        if (!c->s->of || c->s->of == c->s->roster->children[i].code) units[n++] = c->s->roster->children[i].code;
    return n;
}

/* ---- what is held of chiefs, areas and places ---- */

static struct held chief_held(const struct survey *s, const struct entry *e) {
    return (struct held){ .unit = e->r.origin, .tier = (uint32_t)entry_number(e, "tier"), .use = (uint32_t)entry_number(e, "kind"),
                          .rank = (uint32_t)entry_number(e, "rank"), .place = entry_number(e, "place"), .no = text_hash(e->r.of.form.no),
                          .of = text_hash(entry_text(e, "body")), .post = text_hash(entry_text(e, "post")), .good = chief_in_office(e, s->day) };
}

static struct held area_held(const struct survey *s, const struct entry *e) {
    (void)s;
    return (struct held){ .unit = e->r.origin, .use = (uint32_t)entry_number(e, "use"), .place = entry_number(e, "place"), .land = entry_number(e, "land"),
                          .no = text_hash(e->r.of.form.no), .of = text_hash(entry_text(e, "chief")), .good = !entry_aside(e) };
}

static size_t how_many(const struct survey *s, const char *kind) {
    size_t n = 0, mark = arena_used(s->arena);
    struct key at = { 0 };
    struct entry e;
    for (; survey_next(s, kind, &at, &e); n++) arena_rewind(s->arena, mark);
    return n;
}

static struct held *hold(const struct survey *s, const char *kind, struct held (*of)(const struct survey *, const struct entry *), size_t *n) {
    size_t max = how_many(s, kind);
    struct held *list = arena_alloc(s->arena, (max + 1) * sizeof *list);
    struct key at = { 0 };
    struct entry e;
    size_t mark = arena_used(s->arena);
    for (*n = 0; list && *n < max && survey_next(s, kind, &at, &e); arena_rewind(s->arena, mark)) list[(*n)++] = of(s, &e);
    return list;
}

static const char *const with_places[] = { "grid", "area", "forest_file", "office", "board" };

static int by_unit_and_code(const void *a, const void *b) {
    const struct known *x = a, *y = b;
    if (x->unit != y->unit) return x->unit < y->unit ? -1 : 1;
    return (x->code > y->code) - (x->code < y->code);
}

/* Townships and villages stand in no table of divisions here: those are known in which something is registered. */
static void gather_places(struct check *c) {
    size_t max = 0, n = 0, kept = 0;
    for (size_t k = 0; k < LZ_COUNT(with_places); k++) max += how_many(c->s, with_places[k]);
    c->places = arena_alloc(c->s->arena, (max + 1) * sizeof *c->places);
    for (size_t k = 0; c->places && k < LZ_COUNT(with_places); k++) {
        struct key at = { 0 };
        struct entry e;
        for (size_t mark = arena_used(c->s->arena); n < max && survey_next(c->s, with_places[k], &at, &e); arena_rewind(c->s->arena, mark)) {
            int64_t code = entry_number(&e, "place");
            if (!entry_aside(&e) && (is_township(code) || is_village(code))) c->places[n++] = (struct known){ e.r.origin, code };
        }
    }
    if (n) qsort(c->places, n, sizeof *c->places, by_unit_and_code);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || by_unit_and_code(&c->places[kept - 1], &c->places[i]) != 0) c->places[kept++] = c->places[i];
    c->n_places = kept;
}

void survey_check(const struct survey *survey, const char *kind, survey_take *take, void *context) {
    struct survey whole = *survey;
    struct check c = { .s = survey, .only = kind, .take = take, .context = context };
    whole.of = 0;
    c.chiefs = hold(&whole, "chief", chief_held, &c.n_chiefs);
    c.areas = hold(&whole, "area", area_held, &c.n_areas);
    gather_places(&c);
    if (!c.chiefs || !c.areas || !c.places) return;
    check_chiefs(&c);
    check_areas(&c);
    check_grids(&c);
    check_files(&c);
    check_offices(&c);
    check_cases(&c);
}
