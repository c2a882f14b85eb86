/* check_grids: no hole, no overlap; each with its four roles; where the split and the merged ones went.
 *
 * What there is to cover is a place's 责任区 with its land. Parcels stay in the county's own maps; here grids are measured: one grid for the
 * place, or several whose land adds up to it within one per cent. */
#include <stdio.h>
#include "survey_room.h"

enum { USE_AREA = 0 };                                   /* the word of an area's use: 责任区 */
struct grid { uint32_t unit; int64_t place, land; uint64_t name; bool good; };
struct grids {
    struct check *c;
    struct grid *of;
    size_t n, max;
};

static bool take_grids(struct check *c, struct grids *g) {
    struct key at = { 0 };
    struct entry e;
    size_t mark = arena_used(c->s->arena);
    for (g->max = 0; survey_next(c->s, "grid", &at, &e); g->max++) arena_rewind(c->s->arena, mark);
    g->of = arena_alloc(c->s->arena, (g->max + 1) * sizeof *g->of);
    if (!g->of) return false;
    at = (struct key){ 0 };
    for (mark = arena_used(c->s->arena); g->n < g->max && survey_next(c->s, "grid", &at, &e); arena_rewind(c->s->arena, mark))
        g->of[g->n++] = (struct grid){ e.r.origin, entry_number(&e, "place"), entry_number(&e, "land"), text_hash(entry_text(&e, "name")), !entry_aside(&e) };
    return true;
}

/* What the unit says there is of that place; 0: it does not say. */
static int64_t land_of(const struct check *c, uint32_t unit, int64_t place) {
    int64_t land = 0;
    for (size_t i = 0; i < c->n_areas; i++) {
        const struct held *h = &c->areas[i];
        if (h->good && h->use == USE_AREA && h->unit == unit && h->place == place) land += h->land;
    }
    return land;
}

static bool has_area(const struct check *c, uint32_t unit, int64_t place) {
    for (size_t i = 0; i < c->n_areas; i++) {
        const struct held *h = &c->areas[i];
        if (h->good && h->use == USE_AREA && h->unit == unit && h->place == place) return true;
    }
    return false;
}

static void measure(struct grids *g, uint32_t unit, int64_t place) {
    struct check *c = g->c;
    int64_t land = land_of(c, unit, place), sum = 0;
    size_t n = 0;
    char text[96];
    for (size_t i = 0; i < g->n; i++)
        if (g->of[i].good && g->of[i].unit == unit && g->of[i].place == place) { sum += g->of[i].land; n++; }
    /* a township whose villages have the grids is covered by them */
    for (size_t i = 0; n == 0 && i < g->n; i++)
        if (g->of[i].good && g->of[i].unit == unit && is_township(place) && g->of[i].place / 1000 == place) return;
    if (n == 0 && has_area(c, unit, place)) { check_found(c, FINDING_grid_missing, NULL, unit, place, 0, NULL); return; }
    if (n > 1 && land == 0) check_found(c, FINDING_grid_unmeasured, NULL, unit, place, 0, NULL);
    if (n == 0 || land == 0) return;
    (void)snprintf(text, sizeof text, lz_text(c->s->lang, "%lld.%02lld / %lld.%02lld 公顷"), (long long)(sum / 10000), (long long)(sum / 100 % 100),
                   (long long)(land / 10000),
                   (long long)(land / 100 % 100));
    if (sum < land - land / 100) check_found(c, FINDING_grid_hole, NULL, unit, place, 0, text);
    if (sum > land + land / 100) check_found(c, FINDING_grid_overlap, NULL, unit, place, 0, text);
}

static void names_of(struct check *c, const struct grids *g, const struct entry *e) {
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) n += g->of[i].good && g->of[i].unit == e->r.origin && g->of[i].name == text_hash(entry_text(e, "name"));
    struct lz_bytes name = entry_text(e, "name");
    if (n > 1) check_found(c, FINDING_grid_name_twice, e, e->r.origin, entry_number(e, "place"), e->r.of.form.valid_from,
                           check_text(c, name));
}

static void roles_of(struct check *c, const struct entry *e) {
    static const char *const roles[] = { "ranger", "manager", "technician", "officer" };
    char missing[96] = "";
    for (size_t i = 0; i < LZ_COUNT(roles); i++) {
        if (entry_has(e, roles[i])) continue;
        const char *zh = e->form->fields[form_field_find(e->form, lz_bytes_str(roles[i]))].zh;
        lz_list_add(c->s->lang, missing, sizeof missing, lz_heading(c->s->lang, zh), "");
    }
    if (missing[0]) check_found(c, FINDING_grid_lacks_role, e, e->r.origin, entry_number(e, "place"), e->r.of.form.valid_from, missing);
    struct entry ranger;
    struct lz_bytes no = entry_text(e, "ranger");
    if (e->r.origin != c->s->unit || no.len == 0) return;      /* rangers are known to their own unit alone */
    if (survey_find(c->s, "ranger", e->r.origin, no, c->s->day, &ranger) && !entry_aside(&ranger)) return;
    check_found(c, FINDING_grid_ranger_unknown, e, e->r.origin, entry_number(e, "place"), e->r.of.form.valid_from,
                check_text(c, no));
}

/* Split: two at least stand in its place; merged: one does. */
static void successors_of(struct check *c, const struct entry *e) {
    size_t n = 0, wanted = entry_in(e, "split") ? 2 : 1, mark = arena_used(c->s->arena);
    struct survey own = *c->s;
    struct key at = { 0 };
    struct entry other;
    own.of = e->r.origin;
    for (; n < wanted && survey_next(&own, "grid", &at, &other); arena_rewind(c->s->arena, mark))
        n += lz_text_lists(entry_text(&other, "instead_of"), e->r.of.form.no);
    if (n < wanted) check_found(c, FINDING_grid_no_successor, e, e->r.origin, entry_number(e, "place"), e->r.of.form.valid_from, NULL);
}

void check_grids(struct check *c) {
    struct grids g = { .c = c };
    struct key at = { 0 };
    struct entry e;
    if ((c->only && strcmp(c->only, "grid") != 0) || !take_grids(c, &g)) return;
    for (size_t i = 0; i < c->n_places; i++)
        if (!c->s->of || c->s->of == c->places[i].unit) measure(&g, c->places[i].unit, c->places[i].code);
    for (;;) {
        size_t mark = arena_used(c->s->arena), before = c->n_found;
        if (!survey_next(c->s, "grid", &at, &e)) return;
        if (!entry_aside(&e)) { names_of(c, &g, &e); roles_of(c, &e); }
        else if (entry_in(&e, "split") || entry_in(&e, "merged")) successors_of(c, &e);
        if (c->n_found == before) arena_rewind(c->s->arena, mark);
    }
}
