/* check_files: forest files with their five ones; boards whose text is older than what it says. */
#include <stdio.h>
#include "survey_room.h"

/* ---- forest files ---- */

static void file(struct check *c, const struct entry *e) {
    static const char *const five[] = { "policy", "technique", "record", "keeper", "officer" };
    char missing[128] = "";
    int64_t review = entry_number(e, "review_on");
    for (size_t i = 0; i < LZ_COUNT(five); i++) {
        if (entry_has(e, five[i])) continue;
        const char *zh = e->form->fields[form_field_find(e->form, lz_bytes_str(five[i]))].zh;
        lz_list_add(c->s->lang, missing, sizeof missing, lz_heading(c->s->lang, zh), "");
    }
    if (missing[0]) check_found(c, FINDING_file_incomplete, e, e->r.origin, entry_number(e, "place"), e->r.of.form.valid_from, missing);
    if (review && review < c->s->day) check_found(c, FINDING_file_review_overdue, e, e->r.origin, entry_number(e, "place"), (uint32_t)review, NULL);
}

/* ---- boards ---- */

/* When something of an entry last became different: the version that made it so; false: it never did since its first. */
struct since { uint32_t day; uint64_t stamp; };
static bool later(struct since a, struct since b) { return a.day != b.day ? a.day > b.day : a.stamp > b.stamp; }

static struct since last_change(const struct check *c, const char *kind, uint32_t unit, struct lz_bytes no, const char *const *fields, size_t n,
                                bool first_too) {
    const struct kind_row *row = kind_by_name(kind);
    struct since since = { 0 };
    struct entry e = { .form = row->form };
    struct key at = { 0 };
    uint64_t was = 0;
    size_t mark = arena_used(c->s->arena);
    for (bool first = true; flow_next_version(c->s->flow, row->number, unit, no, &at, &e.r) && e.r.of.form.valid_from <= c->s->day; first = false) {
        uint64_t now = 1;
        for (size_t i = 0; i < n; i++) now = now * 31 + text_hash(entry_text(&e, fields[i]));
        if (first ? first_too : now != was) since = (struct since){ e.r.of.form.valid_from, e.r.stamp };
        was = now;
        arena_rewind(c->s->arena, mark);
    }
    return since;
}

static void text_of(struct check *c, const struct entry *e) {
    static const char *const said[] = { "name", "post", "phone" }, *const text[] = { "text_version", "chief" };
    struct lz_bytes no = entry_text(e, "chief");
    struct entry chief;
    uint32_t unit = e->r.origin;
    if (no.len == 0) return;
    /* a county's board may name a chief of the city's, if this is the city */
    if (!survey_find(c->s, "chief", unit, no, c->s->day, &chief)) unit = c->s->unit;
    bool there = survey_find(c->s, "chief", unit, no, c->s->day, &chief);
    if (!there || !chief_in_office(&chief, c->s->day)) {
        check_found(c, FINDING_board_chief_gone, e, e->r.origin, entry_number(e, "place"), there ? chief.r.of.form.valid_from : 0,
                    check_text(c, no));
        return;
    }
    struct since changed = last_change(c, "chief", unit, no, said, LZ_COUNT(said), false);
    struct since written = last_change(c, "board", e->r.origin, e->r.of.form.no, text, LZ_COUNT(text), true);
    if (!later(changed, written)) return;
    struct lz_bytes name = entry_text(&chief, "name");
    check_found(c, FINDING_board_text_stale, e, e->r.origin, entry_number(e, "place"), changed.day,
                arena_printf(c->s->arena, "%.*s %.*s", (int)no.len, (const char *)no.data, (int)name.len, (const char *)name.data));
}

static void board(struct check *c, const struct entry *e) {
    int64_t looked = entry_number(e, "checked_on"), set = entry_number(e, "set_on");
    if (entry_aside(e)) return;
    text_of(c, e);
    uint32_t last = (uint32_t)(looked > set ? looked : set ? set : e->r.of.form.valid_from), due = lz_date_add(last, (int)c->s->rules->board_days);
    if (due < c->s->day) check_found(c, FINDING_board_check_overdue, e, e->r.origin, entry_number(e, "place"), due, NULL);
    if (entry_in(e, "damaged")) check_found(c, FINDING_board_damaged, e, e->r.origin, entry_number(e, "place"), e->r.of.form.valid_from, NULL);
}

void check_files(struct check *c) {
    check_each(c, "forest_file", file);
    check_each(c, "board", board);
}
