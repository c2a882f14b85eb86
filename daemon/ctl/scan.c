/* scan: the records of one kind, whoever wrote them, newest first.
 *
 * Records are kept by origin, so a listing merges one line per origin, each read backwards. It looks at a bounded number of
 * records and then answers with what it has; the next answer goes on behind the last record looked at. */
#include "ctl_room.h"

enum { LISTING_AFTER = 4 + REC_ID_BYTES };

/* The newest record of a line at or before a stamp; len 0: none. */
static struct key newest(struct call *c, uint32_t origin, uint16_t kind, uint64_t stamp, uint32_t epoch) {
    struct key key, none = { 0 };
    if (!store_seek_back(c->store, TABLE_record, key_record(origin, kind, (struct lz_bytes){ 0 }, stamp, epoch), &key)) return none;
    if (key.len != REC_ID_BYTES || lz_get32(key.b) != origin || lz_get16(key.b + 4) != kind) return none;
    return key;
}

static struct key before(struct call *c, struct rec_id id) {
    struct key none = { 0 };
    if (id.epoch > 0) return newest(c, id.origin, id.kind, id.stamp, id.epoch - 1);
    return id.stamp > 1 ? newest(c, id.origin, id.kind, id.stamp - 1, UINT32_MAX) : none;
}

static void line_add(struct call *c, struct scan *scan, uint32_t origin) {
    struct key at = newest(c, origin, scan->kind, UINT64_MAX, UINT32_MAX);
    if (at.len && scan->n_lines < UNITS_MAX) scan->lines[scan->n_lines++] = (struct scan_line){ origin, at };
}

/* Leaps from origin to origin: a few seeks each, however many records they have. */
bool scan_open(struct call *c, uint16_t kind, uint32_t origin, struct scan *scan) {
    *scan = (struct scan){ .kind = kind };
    scan->lines = arena_alloc_raw(c->arena, UNITS_MAX * sizeof *scan->lines);
    if (!scan->lines) { store_give_up(c->store); return false; }
    if (origin) { line_add(c, scan, origin); return true; }
    struct key key = { 0 };
    struct lz_bytes v;
    while (store_seek(c->store, TABLE_record, &key, &v) && key.len >= 4) {
        uint32_t here = lz_get32(key.b);
        line_add(c, scan, here);
        if (here == UINT32_MAX) break;
        key = key_u32(here + 1);
    }
    return true;
}

/* Newest first; of two with one stamp the lower origin, then the higher epoch. */
static bool comes_before(struct rec_id a, struct rec_id b) {
    if (a.stamp != b.stamp) return a.stamp > b.stamp;
    if (a.origin != b.origin) return a.origin < b.origin;
    return a.epoch > b.epoch;
}

void scan_from(struct call *c, struct scan *scan, struct rec_id after) {
    for (size_t i = 0; i < scan->n_lines; i++) {
        struct scan_line *line = &scan->lines[i];
        struct key key = newest(c, line->origin, scan->kind, after.stamp, UINT32_MAX);
        while (key.len && !comes_before(after, rec_id_get(key.b))) key = before(c, rec_id_get(key.b));
        line->at = key;
    }
}

bool scan_next(struct call *c, struct scan *scan, struct rec_id *id) {
    struct scan_line *best = NULL;
    for (size_t i = 0; i < scan->n_lines; i++) {
        struct scan_line *line = &scan->lines[i];
        if (line->at.len && (!best || comes_before(rec_id_get(line->at.b), rec_id_get(best->at.b)))) best = line;
    }
    if (!best) return false;
    *id = rec_id_get(best->at.b);
    best->at = before(c, *id);
    return true;
}

bool call_may_go_on(const struct call *c) {
    return arena_room(c->arena) > SCAN_ARENA_BYTES && flow_has_room(c->flow) && store_failed(c->store) == LZ_ok;
}

/* ---- listings -------------------------------------------------------------------------------------------------------------------- */

enum lz_err listing_open(struct call *c, uint16_t kind, uint32_t origin, struct listing *l) {
    *l = (struct listing){ .limit = LIMIT_MAX };
    struct lz_bytes after = c->ask->after;
    enum lz_err err = arg_u32(c, "limit", LIMIT_MAX, &l->limit);
    if (err != LZ_ok) return err;
    if (after.len != 0 && after.len != LISTING_AFTER) return lz_refuse(c->fail, LZ_bad_argument, "续查的位置不对；请从头再查");
    if (!scan_open(c, kind, origin, &l->scan)) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    if (after.len == 0) return LZ_ok;
    l->given = lz_get32(after.data);
    l->done = l->last = rec_id_get(after.data + 4);
    if (!rec_id_none(l->done)) scan_from(c, &l->scan, l->done);
    return LZ_ok;
}

bool listing_next(struct call *c, struct listing *l, struct record *r) {
    struct rec_id id;
    for (;;) {
        if (!c->cut) l->done = l->last;
        if (l->given >= l->limit) return false;
        if (l->looked > 0 && (l->looked >= SCAN_RECORDS_MAX || c->n_rows == ROWS_PER_ANSWER_MAX || !call_may_go_on(c))) c->cut = true;
        if (c->cut || !scan_next(c, &l->scan, &id)) return false;
        l->looked++;
        l->last = id;
        size_t mark = arena_used(c->arena);
        if (flow_record(c->flow, id, r)) return true;
        arena_rewind(c->arena, mark);
    }
}

void listing_given(struct call *c, struct listing *l) { l->given += !c->cut; }

/* A row that did not fit is the first of the next answer. */
void listing_close(struct call *c, struct listing *l) {
    if (!c->cut) return;
    uint8_t *next = arena_alloc_raw(c->arena, LISTING_AFTER);
    if (!next) return;
    lz_put32(next, l->given);
    rec_id_put(l->done, next + 4);
    c->answer.next = lz_bytes_of(next, LISTING_AFTER);
}
