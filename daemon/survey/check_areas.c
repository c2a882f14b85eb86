/* check_areas: zones that leave a unit out or cover one twice, as of the day; areas, zones and contact points without a chief. */
#include "survey_room.h"

enum { MEMBERS_MAX = 4096 };
struct zones {
    struct check *c;
    uint32_t unit;
    struct member { int64_t code; uint32_t since; struct lz_bytes zone; } *members;
    size_t n;
    bool townships;                  /* they are made of townships, else of units */
};

/* The codes in a text: 410882、410883 孟州. */
static void add_codes(struct zones *z, const struct entry *e) {
    struct lz_bytes text = entry_text(e, "units");
    for (size_t i = 0; i < text.len; i++) {
        int64_t code = 0;
        size_t digits = 0;
        for (; i + digits < text.len && text.data[i + digits] >= '0' && text.data[i + digits] <= '9' && digits <= 12; digits++)
            code = code * 10 + text.data[i + digits] - '0';
        if ((digits == 6 || digits == 9 || digits == 12) && z->n < MEMBERS_MAX) {
            z->members[z->n++] = (struct member){ code, e->r.of.form.valid_from, e->r.of.form.no };
            z->townships |= digits == 9;
        }
        if (digits) i += digits - 1;
    }
}

static size_t times_in(const struct zones *z, int64_t code, size_t *last) {
    size_t n = 0;
    for (size_t i = 0; i < z->n; i++)
        if (z->members[i].code == code) { n++; *last = i; }
    return n;
}

static void judge(struct zones *z, int64_t code) {
    size_t last = 0, n = times_in(z, code, &last);
    if (n == 0) check_found(z->c, FINDING_zone_leaves_out, NULL, z->unit, code, 0, NULL);
    if (n < 2) return;
    struct lz_bytes first = { 0 }, second = z->members[last].zone;
    for (size_t i = 0; i < last; i++) if (z->members[i].code == code) first = z->members[i].zone;
    check_found(z->c, FINDING_zone_twice, NULL, z->unit, code, z->members[last].since,
                arena_printf(z->c->s->arena, lz_text(z->c->s->lang, "%.*s、%.*s"), (int)first.len, (const char *)first.data, (int)second.len,
                             (const char *)second.data));
}

/* All that lies directly below a unit; which is known of a county by what is registered there. */
static void zones_of(struct check *c, uint32_t unit) {
    struct zones z = { .c = c, .unit = unit, .members = arena_alloc(c->s->arena, MEMBERS_MAX * sizeof *z.members) };
    struct survey own = *c->s;
    struct key at = { 0 };
    struct entry e;
    own.of = unit;
    if (!z.members) return;
    while (survey_next(&own, "area", &at, &e))
        if (!entry_aside(&e) && entry_is(&e, "use", "zone")) add_codes(&z, &e);
    if (z.n == 0) return;                                /* it has none */
    for (size_t i = 0; !z.townships && i < units_count(c->s->units); i++)
        if (units_at(c->s->units, i)->parent == unit) judge(&z, units_at(c->s->units, i)->code);
    for (size_t i = 0; z.townships && i < c->n_places; i++)
        if (c->places[i].unit == unit && is_township(c->places[i].code)) judge(&z, c->places[i].code);
}

static void one(struct check *c, const struct entry *e) {
    uint64_t chief = text_hash(entry_text(e, "chief"));
    bool there = false;
    if (entry_aside(e) || entry_number(e, "use") >= 3) return;      /* bodies: the other way round, see check_chiefs */
    for (size_t i = 0; i < c->n_chiefs && !there; i++) {
        const struct held *h = &c->chiefs[i];
        there = h->good && h->no == chief && (h->unit == e->r.origin || h->unit == c->s->unit);
    }
    struct lz_bytes name = entry_text(e, "name");
    if (!there) check_found(c, FINDING_area_without_chief, e, e->r.origin, entry_number(e, "place"), e->r.of.form.valid_from,
                            check_text(c, name));
}

void check_areas(struct check *c) {
    uint32_t units[CHILDREN_MAX + 1];
    size_t n = check_units(c, units, LZ_COUNT(units));
    check_each(c, "area", one);
    for (size_t i = 0; i < n; i++) {
        size_t mark = arena_used(c->s->arena), before = c->n_found;
        zones_of(c, units[i]);
        if (c->n_found == before) arena_rewind(c->s->arena, mark);
    }
}
