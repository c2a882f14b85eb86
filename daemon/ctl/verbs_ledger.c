/* verbs_ledger: the ledgers (台账): what a unit has written of one kind in a year, numbered 1, 2, 3 in the order of its stamps, with what became
 * of each.
 *
 * The number is not stored: it is the place among the records of the same origin, kind and year, so there can be no gap, and every tier that
 * holds all of them counts the same. Where a tier cannot hold all of an origin's (they were not sent here in full), it gives no numbers. */
#include <stdio.h>
#include <stdlib.h>
#include "ctl_room.h"

enum { AFTER_FIXED = 20, ENTRIES_MAX = 65536, MISSING_SHOWN = 8 };
struct ledger {
    const struct kind_row *kind;
    uint32_t unit, year;             /* 0: all */
    bool open;
    /* where the walk is: the same in every answer */
    struct key at;
    uint32_t items, open_items, sequence, sequence_year, sub;
};

static uint32_t year_of(uint64_t stamp) { return lz_date_of(stamp_wall_ms(stamp)) / 10000; }

/* Whether all that the origin has written of the kind is here: its own, and what a child sends in full. */
static bool holds_all(struct call *c, const struct kind_row *kind, uint32_t origin) {
    if (origin == c->unit) return true;
    if (kind_is_directive(kind->number)) return false;               /* only what is addressed to this unit */
    bool sent = kind->reach == REACH_PARENT || kind->reach == REACH_TOP;
    return (sent && roster_find(c->roster, origin)) || (kind->reach == REACH_TOP && roster_holding(c->roster, origin));
}

/* ---- one row ---- */

static void cells_place(struct call *c, const struct ledger *l, const struct record *r) {
    cell_u64(c, "entered", l->sequence_year);
    if (holds_all(c, l->kind, r->origin)) cell_u64(c, "sequence", l->sequence);
    else cell_text(c, "sequence", "");
}

/* Who made the last move of that kind which has effect: the unit and the person. */
static const char *mover(struct call *c, const struct record *r, uint32_t unit, const char *move, enum machine machine) {
    const struct move_row *row = move_by_name(machine, move);
    struct record *moves;
    const struct record *last = NULL;
    size_t n = flow_moves(c->flow, record_id(r), unit, &moves);
    for (size_t i = 0; i < n; i++)
        if (moves[i].of.move.move == row->number && (!last || moves[i].stamp > last->stamp)) last = &moves[i];
    const char *text = last ? arena_printf(c->arena, "%s %.*s", unit_name(c, last->origin), (int)last->author.len, (const char *)last->author.data) : "";
    return text ? text : "";
}

static bool problem_row(struct call *c, const struct ledger *l, const struct record *r) {
    const struct problem *p = &r->of.problem;
    struct standing s = { .machine = MACHINE_PROBLEM };
    (void)flow_standing(c->flow, record_id(r), 0, &s);
    if (l->open && !state_open(MACHINE_PROBLEM, s.state)) return true;
    const char *closer = s.state == PROBLEM_closed ? mover(c, r, 0, "close", MACHINE_PROBLEM) : "";
    if (!row_begin(c, "ledger")) return false;
    cells_place(c, l, r);
    cell_id(c, "id", record_id(r));
    cell_unit(c, "origin", r->origin);
    cell_unit_name(c, "name", r->origin);
    cell_bytes(c, "title", p->title);
    cell_word(c, "class", class_zh(KIND_problem, p->class));
    cell_bytes(c, "place", p->place);
    cell_date(c, "found", p->found_on);
    cell_time(c, "time", r->written_ms);
    cell_state(c, &s);
    cell_unit(c, "owner", s.owner);
    cell_unit(c, "handler", s.handler);
    cell_time(c, "due", s.due_ms);
    cell_u64(c, "returns", s.returns);
    cell_u64(c, "urges", s.urges);
    cell_time(c, "ended", s.state == PROBLEM_closed ? s.closed_ms : 0);
    cell_text(c, "closed_by", closer);
    row_end(c);
    return !c->cut;
}

static bool recipient_row(struct call *c, const struct ledger *l, const struct record *r, uint32_t unit, const struct standing *s) {
    const char *signer = s->signed_ms ? mover(c, r, unit, "sign", MACHINE_HANDLING) : "";
    if (!row_begin(c, "ledger")) return false;
    cells_place(c, l, r);
    cell_bytes(c, "number", r->of.directive.number);
    cell_id(c, "id", record_id(r));
    cell_unit(c, "issuer", r->origin);
    cell_bytes(c, "title", r->of.directive.title);
    cell_time(c, "issued", r->written_ms);
    cell_unit(c, "unit", unit);
    cell_unit_name(c, "name", unit);
    cell_state(c, s);
    cell_time(c, "due", s->due_ms);
    cell_time(c, "delivered", s->delivered_ms);
    cell_time(c, "signed", s->signed_ms);
    cell_text(c, "signed_by", signer);
    cell_time(c, "reported", s->reported_ms);
    cell_time(c, "closed", s->closed_ms);
    cell_u64(c, "returns", s->returns);
    cell_u64(c, "urges", s->urges);
    row_end(c);
    return !c->cut;
}

/* One row a recipient; goes on at l->sub. */
static bool directive_rows(struct call *c, struct ledger *l, const struct record *r) {
    const uint32_t *units;
    size_t n = flow_recipients(c->flow, r, &units);
    for (; l->sub < n; l->sub++) {
        struct standing s = { .machine = MACHINE_HANDLING, .due_ms = r->of.directive.due_ms };
        (void)flow_standing(c->flow, record_id(r), units[l->sub], &s);
        if ((l->unit && units[l->sub] != l->unit) || (l->open && !state_open(MACHINE_HANDLING, s.state))) continue;
        if (c->n_rows > 0 && !call_may_go_on(c)) return false;
        if (!recipient_row(c, l, r, units[l->sub], &s)) return false;
    }
    l->sub = 0;
    return true;
}

static bool is_open(struct call *c, const struct record *r) {
    const uint32_t *units;
    struct standing s;
    enum machine machine = kind_row(r->kind)->machine;
    if (r->kind == KIND_problem) return flow_standing(c->flow, record_id(r), 0, &s) && state_open(machine, s.state);
    size_t n = flow_recipients(c->flow, r, &units);
    for (size_t i = 0; i < n; i++)
        if (!flow_standing(c->flow, record_id(r), units[i], &s) || state_open(machine, s.state)) return true;
    return false;
}

/* ---- events: in the order of their keys ---- */

static bool wanted(const struct ledger *l, const struct record *r) {
    if (l->year && l->sequence_year != l->year) return false;
    return l->unit == 0 || kind_is_directive(r->kind) || r->origin == l->unit;
}

/* False: the answer is full, and the walk stands where it stood. */
static bool take_event(struct call *c, struct ledger *l) {
    struct record r;
    struct rec_id id = rec_id_get(l->at.b);
    uint32_t year = year_of(id.stamp), sequence = l->sequence, sequence_year = l->sequence_year;
    size_t mark = arena_used(c->arena), rows = c->n_rows;
    bool again = l->sub > 0;                             /* the rest of its recipients */
    if (!again) l->sequence = year == sequence_year ? sequence + 1 : 1;
    l->sequence_year = year;
    bool shown = flow_record(c->flow, id, &r) && wanted(l, &r);
    bool whole = !shown || (r.kind == KIND_problem ? problem_row(c, l, &r) : directive_rows(c, l, &r));
    if (!whole && l->sub == 0) { l->sequence = sequence; l->sequence_year = sequence_year; }
    if (whole && (c->n_rows > rows || again)) {
        l->items++;
        l->open_items += is_open(c, &r);
    }
    if (!shown) arena_rewind(c->arena, mark);
    return whole;
}

static bool next_event(struct call *c, struct ledger *l, struct lz_bytes *v) {
    while (store_seek(c->store, TABLE_record, &l->at, v) && l->at.len >= 6) {
        uint32_t origin = lz_get32(l->at.b), kind = lz_get16(l->at.b + 4);
        if (kind == l->kind->number && l->at.len == REC_ID_BYTES) return true;
        if (kind > l->kind->number && origin == UINT32_MAX) return false;
        l->sequence = l->sequence_year = 0;              /* another origin */
        l->at = key_record(kind < l->kind->number ? origin : origin + 1, l->kind->number, (struct lz_bytes){ 0 }, 0, 0);
    }
    return false;
}

static enum lz_err go_on_later(struct call *c, const struct ledger *l) {
    size_t len = AFTER_FIXED + (size_t)l->at.len;
    uint8_t *next = arena_alloc_raw(c->arena, len);
    if (!next) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    lz_put32(next, l->items);
    lz_put32(next + 4, l->open_items);
    lz_put32(next + 8, l->sequence);
    lz_put32(next + 12, l->sequence_year);
    lz_put32(next + 16, l->sub);
    memcpy(next + AFTER_FIXED, l->at.b, l->at.len);
    c->cut = true;
    c->answer.next = lz_bytes_of(next, len);
    return LZ_ok;
}

static void go_on_here(struct call *c, struct ledger *l) {
    struct lz_bytes after = c->ask->after;
    if (after.len <= AFTER_FIXED || after.len - AFTER_FIXED > sizeof l->at.b) {
        l->at = key_record(0, l->kind->number, (struct lz_bytes){ 0 }, 0, 0);
        return;
    }
    l->items = lz_get32(after.data);
    l->open_items = lz_get32(after.data + 4);
    l->sequence = lz_get32(after.data + 8);
    l->sequence_year = lz_get32(after.data + 12);
    l->sub = lz_get32(after.data + 16);
    l->at = key_bytes(lz_bytes_of(after.data + AFTER_FIXED, after.len - AFTER_FIXED));
}

/* ---- what is said of the whole ---- */

/* Document numbers of this unit's that nothing has: 3、5. */
static size_t numbers_missing(struct call *c, const struct ledger *l, char *out, size_t size) {
    uint32_t year = l->year ? l->year : lz_date_of(c->now.wall_ms) / 10000, next = 1;
    struct key at = key_number(c->unit, year, l->kind->number, 0), prefix = at;
    struct lz_bytes v;
    size_t n = 0;
    prefix.len = (uint8_t)(prefix.len - 4);
    for (; store_seek(c->store, TABLE_number, &at, &v) && key_begins(&at, &prefix, prefix.len); at = key_after(at)) {
        uint32_t serial = lz_get32(at.b + prefix.len);
        for (; next < serial; next++) {
            size_t used = strlen(out);
            if (n++ < MISSING_SHOWN) (void)snprintf(out + used, size - used, "%s%u", used ? said(c, "、") : "", next);
        }
        next = serial + 1;
    }
    return n;
}

static void say_ledger(struct call *c, const struct ledger *l) {
    char missing[128] = "", numbers[200] = "", lines[200] = "";
    struct repair_view repair;
    struct link_view v;
    size_t n = kind_is_directive(l->kind->number) ? numbers_missing(c, l, missing, sizeof missing) : 0, silent = 0;
    if (n) snprintf(numbers, sizeof numbers, said(c, "；文号未用：%s%s"), missing, n > MISSING_SHOWN ? said(c, " 等") : "");
    for (size_t i = 0; i < c->roster->n_children && !kind_is_directive(l->kind->number); i++)
        silent += !link_of(c, c->roster->children[i].code, &v) || v.state != LINK_live;
    turn_repair_view(c->turn, &repair);
    if (silent) snprintf(lines, sizeof lines, said(c, "；%zu 个下级未同步，可能还有未收到的"), silent);
    if (repair.n_damaged || turn_recovering(c->turn))
        say(c, "%s台账 %u 件，未办结 %u 件；本机数据正在找回，编号可能还会变%s%s", said(c, l->kind->zh), l->items, l->open_items, numbers, lines);
    else if (kind_is_directive(l->kind->number))
        say(c, "%s台账 %u 件，未办结 %u 件；本单位下发的按年度连续编号，没有缺号%s", said(c, l->kind->zh), l->items, l->open_items, numbers);
    else say(c, "%s台账 %u 件，未办结 %u 件；按年度连续编号，没有缺号%s", said(c, l->kind->zh), l->items, l->open_items, lines);
}

static enum lz_err ledger_of_events(struct call *c, struct ledger *l) {
    struct lz_bytes v;
    go_on_here(c, l);
    for (; next_event(c, l, &v); l->at = key_after(l->at)) {
        bool full = c->n_rows == ROWS_PER_ANSWER_MAX || (c->n_rows > 0 && !call_may_go_on(c));
        if (full || !take_event(c, l)) return go_on_later(c, l);
    }
    say_ledger(c, l);
    return LZ_ok;
}

/* ---- entries of a form: by the stamp of their first version ---- */

struct line { uint32_t unit; uint64_t stamp; struct key entry; uint32_t sequence; };

static int by_unit_and_stamp(const void *a, const void *b) {
    const struct line *x = a, *y = b;
    if (x->unit != y->unit) return x->unit < y->unit ? -1 : 1;
    return (x->stamp > y->stamp) - (x->stamp < y->stamp);
}

static enum lz_err find_entries(struct call *c, const struct ledger *l, struct line **lines_p, size_t *n_p) {
    struct key at = key_version(l->kind->number, 0, (struct lz_bytes){ 0 }, 0, 0, 0), prefix = at;
    struct lz_bytes v;
    struct line *lines = arena_alloc_raw(c->arena, ENTRIES_MAX * sizeof *lines);
    size_t n = 0;
    if (!lines) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    at.len = prefix.len = 2;
    for (; store_seek(c->store, TABLE_version, &at, &v) && key_begins(&at, &prefix, 2); at = key_after(at)) {
        if (at.len != VERSION_BYTES) continue;
        uint64_t stamp = lz_get64(at.b + VERSION_ENTRY_BYTES + 4);
        if (n > 0 && key_begins(&at, &lines[n - 1].entry, VERSION_ENTRY_BYTES)) {
            if (stamp < lines[n - 1].stamp) lines[n - 1].stamp = stamp;
            continue;
        }
        if (n == ENTRIES_MAX) return lz_refuse(c->fail, LZ_too_many, "%s超过 %d 项：请用 list 分单位查询", said(c, l->kind->zh), ENTRIES_MAX);
        lines[n] = (struct line){ .unit = lz_get32(at.b + 2), .stamp = stamp, .entry = at };
        lines[n++].entry.len = VERSION_ENTRY_BYTES;
    }
    if (n) qsort(lines, n, sizeof *lines, by_unit_and_stamp);
    for (size_t i = 0; i < n; i++) {
        bool follows = i > 0 && lines[i - 1].unit == lines[i].unit && year_of(lines[i - 1].stamp) == year_of(lines[i].stamp);
        lines[i].sequence = follows ? lines[i - 1].sequence + 1 : 1;
    }
    *lines_p = lines;
    *n_p = n;
    return LZ_ok;
}

static struct lz_bytes no_of(const struct key *entry) {
    size_t len = FORM_NO_BYTES_MAX;
    while (len > 0 && entry->b[VERSION_NO_AT + len - 1] == 0) len--;
    return lz_bytes_of(entry->b + VERSION_NO_AT, len);
}

static enum lz_err ledger_of_entries(struct call *c, struct ledger *l) {
    struct line *lines = NULL;
    struct record r;
    size_t n = 0;
    enum lz_err err = find_entries(c, l, &lines, &n);
    for (size_t i = 0; i < n && err == LZ_ok && !c->cut; i++) {
        l->sequence = lines[i].sequence;
        l->sequence_year = year_of(lines[i].stamp);
        if ((l->unit && lines[i].unit != l->unit) || (l->year && l->sequence_year != l->year)) continue;
        if (!flow_entry(c->flow, l->kind->number, lines[i].unit, no_of(&lines[i].entry), 0, &r)) continue;
        bool last = l->kind->form->states[r.of.form.state].next == 0;
        if (l->open && last) continue;
        l->items++;
        l->open_items += !last;
        if (!row_begin(c, "ledger")) continue;
        cells_place(c, l, &r);
        form_cells(c, &r);
        row_end(c);
    }
    if (err == LZ_ok && !c->cut) say_ledger(c, l);
    return err;
}

enum lz_err verb_ledger(struct call *c) {
    struct ledger l = { .kind = NULL };
    enum lz_err err = arg_kind(c, "kind", &l.kind);
    if (err == LZ_ok) err = arg_code(c, "unit", &l.unit);
    if (err == LZ_ok) err = arg_u32(c, "year", 9999, &l.year);
    if (err != LZ_ok) return err;
    l.open = arg_flag(c, "open");
    if (l.kind->form) return ledger_of_entries(c, &l);
    if (l.kind->number == KIND_problem || kind_is_directive(l.kind->number)) return ledger_of_events(c, &l);
    return lz_refuse(c->fail, LZ_bad_argument, "%s没有台账；可用 problem reminder letter order task bulletin 和各种登记表", said(c, l.kind->zh));
}
