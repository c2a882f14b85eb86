/* attach: what may be attached to what, where it goes, and the answer to a wish.
 *
 * A file goes where its subject goes; when the subject is another's, to whoever works on it. It is decided when its first piece is written
 * and stands in the head of every piece, so that a relay need not know. What has to be elsewhere later is fetched: a wish goes down to the
 * unit that is asked, whose daemon sends what it holds up to the asker, as pieces of its own; the hash proves them. */
#include "flow_room.h"

/* ---- where a file goes ---- */

static enum lz_err down_to(struct flow *f, struct place *p, uint32_t a, uint32_t b) {
    uint32_t *targets = arena_alloc_raw(f->arena, 2 * sizeof *targets);
    if (!targets) { store_give_up(f->o.store); return LZ_full; }
    p->direction = DIRECTION_DOWN;
    p->reach = REACH_TARGETS;
    p->targets = targets;
    p->n_targets = 0;
    if (a > b) { uint32_t c = a; a = b; b = c; }
    if (a) targets[p->n_targets++] = a;
    if (b && b != a) targets[p->n_targets++] = b;
    return LZ_ok;
}

static enum lz_err up_to(struct flow *f, struct place *p, uint32_t unit) {
    enum lz_err err = down_to(f, p, unit, 0);
    p->direction = DIRECTION_UP;
    p->reach = REACH_ISSUER;
    return err;
}

static void up(struct place *p, enum reach reach) {
    p->direction = DIRECTION_UP;
    p->reach = (uint8_t)reach;
    p->targets = NULL;
    p->n_targets = 0;
}

static bool is_above(const struct flow *f, uint32_t unit) {
    for (const struct unit *u = units_find(f->o.units, f->o.unit); u && u->parent; u = units_find(f->o.units, u->parent))
        if (u->parent == unit) return true;
    return unit == f->o.parent && unit != 0;
}

/* Toward whoever answers for it now; who does himself, to who found it and who handles it. */
static enum lz_err place_problem(struct flow *f, const struct record *r, struct place *p) {
    struct standing s = { 0 };
    flow_standing(f, record_id(r), 0, &s);
    uint32_t self = f->o.unit, finder = r->origin == self ? 0 : r->origin, handler = s.handler == self ? 0 : s.handler;
    if (s.owner != self && is_above(f, s.owner)) return up_to(f, p, s.owner);
    if (finder && !roster_holding(f->o.roster, finder)) finder = 0;
    if (handler && !roster_holding(f->o.roster, handler)) handler = 0;
    if (finder || handler) return down_to(f, p, finder, handler);
    up(p, REACH_PARENT);
    return LZ_ok;
}

static enum lz_err place_directive(struct flow *f, const struct record *r, struct place *p) {
    if (r->origin != f->o.unit) return roster_holding(f->o.roster, r->origin) ? down_to(f, p, r->origin, 0) : up_to(f, p, r->origin);
    p->direction = DIRECTION_DOWN;
    p->reach = REACH_TARGETS;
    p->targets = r->targets;
    p->n_targets = r->n_targets;
    p->target_all = r->target_all;
    return LZ_ok;
}

/* Its own way, or to the unit below that wrote it. */
static enum lz_err place_upward(struct flow *f, const struct record *r, struct place *p) {
    if (r->origin != f->o.unit) return roster_holding(f->o.roster, r->origin) ? down_to(f, p, r->origin, 0) : up_to(f, p, r->origin);
    if (r->reach == REACH_ISSUER) return up_to(f, p, r->subject.origin);
    up(p, (enum reach)r->reach);
    return LZ_ok;
}

enum lz_err flow_place(struct flow *f, struct rec_id subject, struct place *p, struct lz_fail *fail) {
    struct record r, move = { 0 };
    char id[REC_ID_TEXT];
    *p = (struct place){ .subject = subject };
    bool held = flow_record(f, subject, &r);
    if (held && r.kind == KIND_move) {                       /* what is attached to an act belongs to the matter */
        move = r;
        p->subject = r.subject;
        held = flow_record(f, r.subject, &r);
    }
    rec_id_print(p->subject, id);
    if (!held) return lz_refuse(fail, LZ_not_found, "本单位没有 %s", id);
    if (kind_is_directive(r.kind)) {
        bool one = move.kind && move.origin == f->o.unit && r.origin == f->o.unit && move.of.move.unit;
        return one ? down_to(f, p, move.of.move.unit, 0) : place_directive(f, &r, p);      /* a ruling on one recipient is not the others' */
    }
    if (r.kind == KIND_problem) return place_problem(f, &r, p);
    if (r.kind == KIND_emergency) { up(p, REACH_TOP); return LZ_ok; }
    if (r.kind == KIND_progress || kind_form(r.kind)) return place_upward(f, &r, p);
    return lz_refuse(fail, LZ_bad_argument, "%s不能带附件；可带附件的有：下发的文件、问题、突发事件、进展和登记的各项", lz_said(fail, kind_row(r.kind) ? kind_row(r.kind)->zh : "这一种类"));
}

static void take_place(const struct place *p, struct record *d) {
    d->subject = p->subject;
    d->direction = p->direction;
    d->reach = p->reach;
    d->targets = p->targets;
    d->n_targets = p->n_targets;
    d->target_all = p->target_all;
}

/* ---- what a clerk gives ---- */

/* The first piece that this unit has written of the file, for that subject: the others go the same way. */
static bool first_of(struct flow *f, const struct record *d, struct rec_id subject, struct record *first) {
    const struct attachment *a = &d->of.attachment;
    struct key prefix = key_piece(a->hash, f->o.unit, a->piece, 0, 0, 0), key = prefix;
    struct lz_bytes v;
    for (; store_seek(f->o.store, TABLE_piece, &key, &v) && key.len == PIECE_BYTES && memcmp(key.b, prefix.b, PIECE_INDEX_BYTES) == 0; key = key_after(key)) {
        size_t mark = arena_used(f->arena);
        if (flow_record(f, key_piece_id(&key), first) && rec_id_equal(first->subject, subject) && rec_id_none(first->of.attachment.wish)) return true;
        arena_rewind(f->arena, mark);
    }
    return false;
}

static bool is_wrong(struct flow *f, const struct attachment *a) {
    struct key set = key_piece(a->hash, f->o.unit, a->piece, 0, 0, 0);
    struct lz_bytes of = lz_bytes_of(set.b, PIECE_SET_BYTES);
    return store_has(f->o.store, TABLE_content, key_state(FILE_WRONG, of)) || store_has(f->o.store, TABLE_content, key_state(FILE_AGAIN, of));
}

bool flow_piece_sent(struct flow *f, const struct record *d) {
    const struct attachment *a = &d->of.attachment;
    struct record first;
    struct key prefix = key_piece(a->hash, f->o.unit, a->piece, a->index, 0, 0), key = prefix;
    struct lz_bytes v;
    if (is_wrong(f, a)) return false;                        /* what was sent is not the file: all of it again */
    if (a->index == 0) return first_of(f, d, d->subject, &first) && attachment_way(&first) == attachment_way(d);
    for (; store_seek(f->o.store, TABLE_piece, &key, &v) && key.len == PIECE_BYTES && memcmp(key.b, prefix.b, PIECE_INDEX_BYTES) == 0; key = key_after(key))
        if (v.len == 8 && lz_get64(v.data) == attachment_way(d)) return true;
    return false;
}

enum lz_err flow_attach_way(struct flow *f, struct record *d, struct lz_fail *fail) {
    struct place place;
    struct record first;
    enum lz_err err = flow_place(f, d->subject, &place, fail);
    if (err != LZ_ok) return err;
    if (first_of(f, d, place.subject, &first) && !is_wrong(f, &d->of.attachment)) {           /* begun: it does not change its way in the middle */
        place = (struct place){ first.subject, first.direction, first.reach, first.targets, first.n_targets, first.target_all };
        if (d->of.attachment.index == 0) d->of.attachment.name = first.of.attachment.name;
    }
    take_place(&place, d);
    return LZ_ok;
}

enum lz_err attachment_check(struct flow *f, struct record *d, struct lz_fail *fail) {
    const struct attachment *a = &d->of.attachment;
    if (!rec_id_none(a->wish)) return LZ_ok;                 /* the daemon's own answer: only wishes_step writes one */
    enum lz_err err = flow_attach_way(f, d, fail);
    if (err != LZ_ok) return err;
    if (flow_piece_sent(f, d)) return lz_refuse(fail, LZ_already, "这一片已经在了");
    struct key own = key_attached(d->subject, ATTACHED_FILE, f->o.unit, a->hash);
    bool known = store_has(f->o.store, TABLE_attached, own);
    if (a->index && !known) return lz_refuse(fail, LZ_bad_argument, "附件要从第一片起");
    if (!known && flow_attached(f, d->subject) >= ATTACHMENTS_MAX)
        return lz_refuse(fail, LZ_too_many, "这一件已有 %d 个附件，到了上限；请把几个文件合成一个压缩包", ATTACHMENTS_MAX);
    return LZ_ok;
}

enum lz_err wish_check(struct flow *f, struct record *d, struct lz_fail *fail) {
    if (d->target_all || d->n_targets != 1) return lz_refuse(fail, LZ_bad_argument, "调取附件要指明向哪一个下级单位（--from 代码）");
    if (!d->of.attachment_wish.by_hash && rec_id_none(d->subject)) return lz_refuse(fail, LZ_bad_argument, "调取附件要写附件的哈希，或它所属那一件的编号");
    return check_targets(f, d, fail);
}

/* ---- the answer to a wish ---- */

/* How far an answer has come: the file under way, by its row under the subject, and the next place of it. */
struct giving {
    struct rec_id wish;
    struct record asked;
    struct key file;                 /* TABLE_attached; of a wish by hash, made up */
    uint32_t index;
    size_t bytes;
};
enum { GIVING_HEAD = 4 };

static void giving_load(const struct key *row, struct lz_bytes v, struct giving *g) {
    g->wish = rec_id_get(row->b + 1);
    g->file = (struct key){ 0 };
    g->index = 0;
    g->bytes = 0;
    if (v.len != GIVING_HEAD + ATTACHED_BYTES) return;
    g->index = lz_get32(v.data);
    g->file = key_bytes(lz_bytes_of(v.data + GIVING_HEAD, ATTACHED_BYTES));
}

static void giving_save(struct flow *f, struct key row, const struct giving *g) {
    uint8_t v[GIVING_HEAD + ATTACHED_BYTES];
    lz_put32(v, g->index);
    memcpy(v + GIVING_HEAD, g->file.b, ATTACHED_BYTES);
    store_put(f->o.store, TABLE_wished, row, lz_bytes_of(v, sizeof v));
}

/* The file at or behind the place; false: no more. */
static bool next_file(struct flow *f, struct giving *g) {
    const struct attachment_wish *w = &g->asked.of.attachment_wish;
    struct lz_bytes v;
    if (w->by_hash) {
        bool begun = g->file.len != 0;
        g->file = key_attached(g->asked.subject, ATTACHED_FILE, begun ? UINT32_MAX : f->o.unit, w->hash);
        return !begun;
    }
    struct key prefix = key_attached(g->asked.subject, ATTACHED_FILE, 0, w->hash);
    prefix.len = ATTACHED_ORIGIN_AT;
    struct key at = g->file.len ? key_after(g->file) : prefix;
    if (!store_seek(f->o.store, TABLE_attached, &at, &v) || !key_begins(&at, &prefix, prefix.len) || at.len != ATTACHED_BYTES) return false;
    g->file = at;
    return true;
}

/* A whole file with that hash, as a first piece that is not of what stays at home: persons do not leave because somebody asks. */
static bool source_of(struct flow *f, const uint8_t *hash, struct record *first) {
    struct key prefix = key_state(FILE_WHOLE, lz_bytes_of(hash, FILE_HASH_BYTES)), set = prefix;
    struct lz_bytes v;
    for (; store_seek(f->o.store, TABLE_content, &set, &v) && key_begins(&set, &prefix, prefix.len); set = key_after(set)) {
        struct key from = key_bytes(lz_bytes_of(set.b + 1, PIECE_SET_BYTES)), key;
        lz_put32(from.b + PIECE_SET_BYTES, 0);
        from.len = PIECE_INDEX_BYTES;
        for (key = from; store_seek(f->o.store, TABLE_piece, &key, &v) && key_begins(&key, &from, PIECE_INDEX_BYTES); key = key_after(key)) {
            size_t mark = arena_used(f->arena);
            if (key.len == PIECE_BYTES && flow_record(f, key_piece_id(&key), first) && first->reach != REACH_LOCAL) return true;
            arena_rewind(f->arena, mark);
        }
    }
    return false;
}

static struct record answer_draft(struct flow *f, struct giving *g, uint32_t *asker) {
    struct record d = { .kind = KIND_attachment, .lane = LANE_BULK, .direction = DIRECTION_UP, .reach = REACH_ISSUER, .targets = asker, .n_targets = 1,
                        .subject = g->asked.subject };
    (void)f;
    d.of.attachment.wish = g->wish;
    return d;
}

static bool submit_answer(struct flow *f, struct record *d) {
    struct rec_id id;
    struct lz_fail fail = { 0 };
    enum lz_err err = submit_checked(f, d, flow_daemon_author, (struct lz_bytes){ 0 }, 0, &id, &fail);
    if (err != LZ_ok) lz_log(LZ_WARN, "attachment.not_answered reason=%s", lz_err_name(err));
    return err == LZ_ok;
}

/* One piece, unless it has gone that way before. */
static bool give_piece(struct flow *f, struct giving *g, const struct record *first) {
    const struct attachment *from = &first->of.attachment;
    uint32_t asker = g->asked.origin;
    struct record piece, d = answer_draft(f, g, &asker);
    if (!flow_piece(f, from->hash, first->origin, from->piece, g->index, &piece)) return false;
    d.subject = first->subject;
    d.of.attachment = piece.of.attachment;
    d.of.attachment.wish = g->wish;
    if (g->index == 0) { d.of.attachment.name = from->name; d.of.attachment.type = from->type; }
    bool sent = g->index ? flow_piece_sent(f, &d) : store_has(f->o.store, TABLE_attached, key_attached(g->wish, ATTACHED_FILE, f->o.unit, from->hash));
    g->bytes += sent ? 1024 : d.of.attachment.data.len;
    return sent || submit_answer(f, &d);
}

/* False: the slice is full, or something failed and is tried again. */
static bool give_file(struct flow *f, struct giving *g) {
    struct record first;
    if (!source_of(f, g->file.b + ATTACHED_HASH_AT, &first)) return true;
    uint32_t pieces = attachment_pieces(first.of.attachment.total, first.of.attachment.piece);
    for (; g->index < pieces; g->index++) {
        if (g->bytes >= ATTACHMENT_SLICE) return false;
        if (!give_piece(f, g, &first)) return store_failed(f->o.store) == LZ_ok;      /* a damaged piece: this file is not given, the others are */
    }
    return true;
}

static bool has_given(struct flow *f, const struct giving *g) {
    struct key prefix = key_attached(g->wish, ATTACHED_FILE, f->o.unit, g->asked.of.attachment_wish.hash), key;
    struct lz_bytes v;
    for (uint8_t what = ATTACHED_FILE; what <= ATTACHED_NOTHING; what++) {
        prefix.b[REC_ID_BYTES] = what;
        prefix.len = ATTACHED_HASH_AT;
        key = prefix;
        if (store_seek(f->o.store, TABLE_attached, &key, &v) && key_begins(&key, &prefix, prefix.len)) return true;
    }
    return false;
}

static void give_nothing(struct flow *f, struct giving *g) {
    uint32_t asker = g->asked.origin;
    struct record d = answer_draft(f, g, &asker);
    memcpy(d.of.attachment.hash, g->asked.of.attachment_wish.hash, FILE_HASH_BYTES);
    (void)submit_answer(f, &d);
}

/* A slice of the answer to the oldest wish that is open. False: there is none. */
bool wishes_step(struct flow *f) {
    struct key row = key_state(FILE_COMING, (struct lz_bytes){ 0 });
    struct lz_bytes v;
    struct giving g;
    for (; store_seek(f->o.store, TABLE_wished, &row, &v) && row.b[0] == FILE_COMING; row = key_after(row)) {
        if (row.len != 1 + REC_ID_BYTES) continue;
        giving_load(&row, v, &g);
        if (!flow_record(f, g.wish, &g.asked) || g.asked.kind != KIND_attachment_wish) continue;        /* damaged: answered when it is back */
        bool under_way = g.file.len != 0;
        while (under_way || next_file(f, &g)) {
            if (!under_way) g.index = 0;
            under_way = false;
            if (!give_file(f, &g)) { giving_save(f, row, &g); return true; }
        }
        if (!has_given(f, &g)) give_nothing(f, &g);
        store_delete(f->o.store, TABLE_wished, row);
        row.b[0] = FILE_WHOLE;
        store_put(f->o.store, TABLE_wished, row, (struct lz_bytes){ 0 });
        return true;
    }
    return false;
}
