/* verbs_export: records as rows for files: every field by its name, as the text (=NAME) or the number (#NAME) that is kept and, where that is
 * something else, as people read it (~NAME). The client makes JSON or CSV of them. */
#include <stdio.h>
#include <stdlib.h>
#include "ctl_room.h"

enum { NAME_BYTES = 48 };

/* ---- cells ---- */

static void value(struct call *c, const char *name, struct lz_bytes text) {
    const char *marked = text.len ? arena_printf(c->arena, "=%s", name) : NULL;
    if (marked) cell_bytes(c, marked, text);
}

static void number(struct call *c, const char *name, int64_t n) {
    const char *marked = arena_printf(c->arena, "#%s", name);
    if (marked) cell_i64(c, marked, n);
}

static void readable(struct call *c, const char *name, const char *text) {
    const char *marked = text[0] ? arena_printf(c->arena, "~%s", name) : NULL;
    if (marked) cell_text(c, marked, text);
}

static void whole(struct call *c, const char *name, int64_t n) {
    if (n) number(c, name, n);
}

static void day(struct call *c, const char *name, uint32_t date) {
    char text[16];
    if (!date) return;
    lz_date_print(date, text);
    number(c, name, date);
    readable(c, name, text);
}

static void moment(struct call *c, const char *name, uint64_t wall_ms) {
    char text[32];
    if (!wall_ms) return;
    lz_time_print(wall_ms, text);
    number(c, name, (int64_t)wall_ms);
    readable(c, name, text);
}

static void word(struct call *c, const char *name, const char *ours, const char *zh) {
    value(c, name, lz_bytes_str(ours));
    readable(c, name, zh);
}

static void unit(struct call *c, const char *name, uint32_t code) {
    if (!code) return;
    number(c, name, code);
    readable(c, name, unit_name(c, code));
}

static void id_of(struct call *c, const char *name, struct rec_id id) {
    char text[REC_ID_TEXT];
    if (rec_id_none(id)) return;
    rec_id_print(id, text);
    const char *copy = arena_copy(c->arena, text, strlen(text));
    if (copy) value(c, name, lz_bytes_of(copy, strlen(text)));
}

/* ---- payloads ---- */

static void cells_form(struct call *c, const struct kind_row *kind, const struct form *v) {
    value(c, "no", v->no);
    word(c, "state", kind->form->states[v->state].name, kind->form->states[v->state].zh);
    day(c, "valid_from", v->valid_from);
    for (size_t i = 0; i < kind->form->n_fields; i++) {
        const struct form_field *field = &kind->form->fields[i];
        char text[FORM_PRINT_BYTES] = "";
        if (!(v->given >> i & 1)) continue;
        if (field->type == FIELD_TEXT) { value(c, field->name, v->of[i].text); continue; }
        form_number_print(field, v->of[i].number, text);
        if (field->type != FIELD_CHOICE) { number(c, field->name, v->of[i].number); readable(c, field->name, text); continue; }
        if (form_number_valid(field, v->of[i].number)) word(c, field->name, text, field->choices[v->of[i].number].zh);
    }
}

static void cells_directive(struct call *c, const struct directive *d) {
    value(c, "number", d->number);
    value(c, "title", d->title);
    value(c, "body", d->body);
    value(c, "signers", d->signers);
    value(c, "lead", d->lead);
    value(c, "responsible", d->responsible);
    value(c, "measure", d->measure);
    value(c, "plan", d->plan);
    whole(c, "item", d->item);
    moment(c, "due", d->due_ms);
    number(c, "answer", d->answer_wanted);
    id_of(c, "parent", d->parent);
    number(c, "hold", d->holds_parent);
    id_of(c, "about", d->about);
}

static void cells_move(struct call *c, const struct move *m) {
    word(c, "move", move_name(m->move), move_zh(m->move));
    unit(c, "unit", m->unit);
    unit(c, "to_unit", m->to_unit);
    value(c, "text", m->text);
    moment(c, "due", m->due_ms);
    id_of(c, "follows", m->follows);
    id_of(c, "report", m->report);
}

static void degrees(struct call *c, const char *name, int32_t e6) {
    static const struct form_field field = { "", "", FIELD_DEGREES, 0, NULL };
    char text[FORM_PRINT_BYTES];
    if (!e6) return;
    form_number_print(&field, e6, text);
    number(c, name, e6);
    readable(c, name, text);
}

static void cells_problem(struct call *c, const struct problem *p) {
    static const char *const sources[32][2] = {
#define P_SOURCE(name, number, zh) [number] = { #name, zh },
#include "../../schema/classes.def"
    };
    value(c, "title", p->title);
    word(c, "class", class_name(KIND_problem, p->class), class_zh(KIND_problem, p->class));
    value(c, "body", p->body);
    value(c, "place", p->place);
    unit(c, "place_code", p->place_code);
    value(c, "parcel", p->parcel);
    day(c, "found", p->found_on);
    static const char *const severities[][2] = { { "none", "未定" }, { "usual", "一般" }, { "serious", "较重" }, { "major", "重大" } };
    if (p->severity < LZ_COUNT(severities)) word(c, "severity", severities[p->severity][0], severities[p->severity][1]);
    degrees(c, "longitude", p->longitude_e6);
    degrees(c, "latitude", p->latitude_e6);
    if (p->source < LZ_COUNT(sources) && sources[p->source][0]) word(c, "source", sources[p->source][0], sources[p->source][1]);
    value(c, "finder", p->finder);
    value(c, "patrol", p->patrol);
}

static void cells_emergency(struct call *c, const struct emergency *e) {
    value(c, "title", e->title);
    word(c, "class", class_name(KIND_emergency, e->class), class_zh(KIND_emergency, e->class));
    value(c, "body", e->body);
    value(c, "place", e->place);
    unit(c, "place_code", e->place_code);
    moment(c, "began", e->began_ms);
    whole(c, "area_e2", (int64_t)e->area_e2);
    whole(c, "dead", e->dead);
    whole(c, "injured", e->injured);
}

static void cells_rollup(struct call *c, const struct rollup *r) {
    static const char *const names[COUNTER_COUNT] = {
#define X(name, number, zh) [number] = #name,
#include "../../schema/counters.def"
#undef X
    };
    const struct kind_row *of = kind_row(r->kind);
    value(c, "of", lz_bytes_str(of ? of->name : "unknown"));
    id_of(c, "subject", r->subject);
    value(c, "label", r->label);
    for (size_t i = 0; i < COUNTER_COUNT; i++)
        if (names[i]) whole(c, names[i], r->sum.of[i]);
}

/* What a piece is of; the file itself is taken out with `attachment get`. */
static void cells_attachment(struct call *c, const struct attachment *a) {
    char hex[2 * FILE_HASH_BYTES + 1];
    lz_hex(a->hash, FILE_HASH_BYTES, hex);
    const char *copy = arena_copy(c->arena, hex, sizeof hex - 1);
    value(c, "sha256", lz_bytes_of(copy, copy ? sizeof hex - 1 : 0));
    value(c, "name", a->name);
    value(c, "type", a->type);
    number(c, "bytes", (int64_t)a->total);
    whole(c, "index", a->index);
}

static void cells_payload(struct call *c, const struct record *r) {
    const struct kind_row *kind = kind_row(r->kind);
    if (!kind) return;
    if (kind->form) { cells_form(c, kind, &r->of.form); return; }
    switch ((enum kind)r->kind) {
    case KIND_general_order: case KIND_supervision_letter: case KIND_work_reminder: case KIND_task: case KIND_bulletin: cells_directive(c,
            &r->of.directive); break;
    case KIND_move: cells_move(c, &r->of.move); break;
    case KIND_problem: cells_problem(c, &r->of.problem); break;
    case KIND_emergency: cells_emergency(c, &r->of.emergency); break;
    case KIND_rollup: cells_rollup(c, &r->of.rollup); break;
    case KIND_ruling:
        id_of(c, "version", r->subject);
        whole(c, "state", r->of.ruling.state);
        value(c, "text", r->of.ruling.text);
        break;
    case KIND_progress:
        id_of(c, "task", r->subject);
        day(c, "as_of", r->of.progress.as_of);
        number(c, "num", r->of.progress.numerator);
        number(c, "den", r->of.progress.denominator);
        value(c, "text", r->of.progress.text);
        break;
    case KIND_duty:
        value(c, "name", r->of.duty.name);
        value(c, "post", r->of.duty.post);
        value(c, "leader", r->of.duty.leader);
        value(c, "room", r->of.duty.room);
        value(c, "phone", r->of.duty.phone);
        whole(c, "shift", r->of.duty.shift);
        day(c, "begins", r->of.duty.begins);
        day(c, "ends", r->of.duty.ends);
        whole(c, "state", r->of.duty.state);
        break;
    case KIND_attachment: cells_attachment(c, &r->of.attachment); break;
    case KIND_attachment_wish: case KIND_none: case KIND_MAX: break;
    }
}

/* False: it did not fit; the answer is full. */
static bool record_row(struct call *c, const struct record *r) {
    const struct kind_row *kind = kind_row(r->kind);
    if (!row_begin(c, "records")) return false;
    cell_id(c, "id", record_id(r));
    cell_text(c, "kind", kind ? kind->name : "unknown");
    cell_unit(c, "origin", r->origin);
    cell_format(c, "stamp", "%llu", (unsigned long long)r->stamp);
    cell_format(c, "epoch", "%08x", (unsigned)r->epoch);
    cell_bytes(c, "author", r->author);
    cell_time(c, "written", r->written_ms);
    cell_bytes(c, "key", lz_text_valid(r->key) ? r->key : (struct lz_bytes){ 0 });
    cell_id(c, "subject", r->subject);
    cells_payload(c, r);
    row_end(c);
    return !c->cut;
}

/* ---- one kind, as it lies in the store: by origin, oldest first ---- */

static bool decoded(struct call *c, struct lz_bytes v, struct record *r) {
    struct stored stored;
    if (!store_record_parse(v, &stored)) return false;
    const uint8_t *copy = arena_copy(c->arena, stored.envelope.data, stored.envelope.len);
    return copy && record_decode(c->arena, lz_bytes_of(copy, stored.envelope.len), r, NULL) == LZ_ok;
}

/* The next record of the kind at or after *key. */
static bool next_of_kind(struct call *c, uint16_t kind, uint32_t only, struct key *key, struct lz_bytes *v) {
    while (store_seek(c->store, TABLE_record, key, v) && key->len >= 6) {
        uint32_t origin = lz_get32(key->b), here = lz_get16(key->b + 4);
        if (only && origin != only) {
            if (origin > only) return false;
            *key = key_record(only, kind, (struct lz_bytes){ 0 }, 0, 0);
        } else if (here == kind) return true;
        else if (here > kind && origin == UINT32_MAX) return false;
        else *key = key_record(here < kind ? origin : origin + 1, kind, (struct lz_bytes){ 0 }, 0, 0);
    }
    return false;
}

static enum lz_err read_kind(struct call *c, uint16_t kind, uint32_t only) {
    struct key key = c->ask->after.len > 4 && c->ask->after.len <= sizeof key.b ? key_bytes(c->ask->after) : key_record(0, kind, (struct lz_bytes){ 0 }, 0, 0);
    struct lz_bytes v;
    key.len = c->ask->after.len > 4 ? key.len : 6;
    for (; next_of_kind(c, kind, only, &key, &v); key = key_after(key)) {
        struct record r;
        bool full = c->n_rows == ROWS_PER_ANSWER_MAX || !call_may_go_on(c);
        if (!full && decoded(c, v, &r)) full = !record_row(c, &r);
        if (!full) continue;
        const uint8_t *next = arena_copy(c->arena, key.b, key.len);
        if (!next) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
        c->cut = true;
        c->answer.next = lz_bytes_of(next, key.len);
        break;
    }
    return LZ_ok;
}

/* ---- all that landed, in the order in which it entered this store ---- */

/* Where a follower stands: the entry it has taken whole, how many records of the next one, and what the store had given out by then. */
struct spot { struct cursor at; uint32_t taken; };

/* The next hexadecimal number behind a dash; false: there is none, or it is too large. */
static bool next_hex(const char **text, uint64_t max, uint64_t *value) {
    char *end = NULL;
    if (**text != '-' || !(((*text)[1] >= '0' && (*text)[1] <= '9') || ((*text)[1] >= 'a' && (*text)[1] <= 'f'))) return false;
    *value = strtoull(*text + 1, &end, 16);
    *text = end;
    return *value <= max;
}

static bool place_parse(const char *text, struct spot *place) {
    static const uint64_t MOST = UINT64_C(1) << 62;
    uint64_t position, taken, seen;
    char hex[33] = "";
    *place = (struct spot){ .taken = 0 };
    if (strcmp(text, "0") == 0) return true;
    if (strlen(text) <= 32) return false;
    memcpy(hex, text, 32);
    const char *rest = text + 32;
    bool good = lz_hex_parse(hex, place->at.epoch.b, sizeof place->at.epoch.b) && next_hex(&rest, MOST, &position) && next_hex(&rest, UINT32_MAX, &taken) &&
                next_hex(&rest, MOST, &seen) && !*rest && position <= seen;
    if (!good) return false;
    place->at.position = position;
    place->at.seen = seen;
    place->taken = (uint32_t)taken;
    return true;
}

static struct lz_bytes place_print(struct call *c, const struct spot *place) {
    struct epoch now = store_epoch(c->store);
    char hex[33];
    lz_hex(now.b, sizeof now.b, hex);
    const char *text = arena_printf(c->arena, "%s-%llx-%x-%llx", hex, (unsigned long long)place->at.position, place->taken,
                                    (unsigned long long)store_position(c->store));
    return text ? lz_bytes_str(text) : (struct lz_bytes){ 0 };
}

/* A store that was restored or made anew since is said to be so: what follows would not join on. */
static enum lz_err judge_place(struct call *c, const struct spot *place) {
    struct lineage_entry *lineage = arena_alloc_raw(c->arena, LINEAGE_SHOWN_MAX * sizeof *lineage);
    bool cut = false;
    if (!lineage) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    size_t n = store_lineage(c->store, lineage, LINEAGE_SHOWN_MAX, &cut);
    enum verdict verdict = peer_judge(&place->at, lineage, n, true);
    if (verdict == VERDICT_FRESH || verdict == VERDICT_GOOD) return LZ_ok;
    return lz_refuse(c->fail, LZ_conflict, "存储在这个游标之后被还原或重建过，接不上：请用 --since 0 写到新的目录，对方系统也从头读起");
}

/* Rows of one entry from place->taken on; false: the answer is full, and place says how far. */
static bool entry_rows(struct call *c, struct spot *place, const struct lz_bytes *envelopes, size_t n) {
    for (; place->taken < n; place->taken++) {
        struct record r;
        enum { ENOUGH = ANSWER_BYTES_MAX - 2 * RECORD_BYTES_MAX };
        if (c->n_rows == ROWS_PER_ANSWER_MAX || (c->n_rows > 0 && (c->bytes > ENOUGH || !call_may_go_on(c)))) return false;
        enum lz_err err = record_decode(c->arena, envelopes[place->taken], &r, NULL);
        if (err != LZ_ok && err != LZ_unknown_kind) continue;
        if (!record_row(c, &r)) return false;
    }
    return true;
}

static enum lz_err read_since(struct call *c, const char *since) {
    const struct feed_id feed = { SCOPE_EXPORT, LANE_BULK };
    struct spot place;
    if (!turn_settings(c->turn)->exporting)
        return lz_refuse(c->fail, LZ_not_allowed, "本守护进程没有为导出保存次序：请在配置中写 [export] enabled = 1 后重启，已有的记录会自动补入");
    if (!place_parse(since, &place)) return lz_refuse(c->fail, LZ_bad_argument, "游标“%.60s”不对：应是上一次给出的那一个，或 0（从头）", since);
    enum lz_err err = judge_place(c, &place);
    if (err != LZ_ok) return err;
    bool more = true;
    while (more) {
        struct lz_bytes *envelopes = NULL;
        uint64_t to = 0;
        size_t n = store_feed_read(c->store, c->arena, feed, place.at.position, 1, &envelopes, &to);
        if (n > 0 && !entry_rows(c, &place, envelopes, n)) break;
        more = to > place.at.position && n > 0 && call_may_go_on(c);
        place.at.position = to;
        place.taken = 0;
    }
    c->cut = false;                                      /* the cursor says where to go on, in words of its own */
    c->answer.data = place_print(c, &place);
    say(c, "%06u", c->unit);
    return LZ_ok;
}

enum lz_err verb_export_read(struct call *c) {
    const struct kind_row *kind = NULL;
    uint32_t only = 0;
    enum lz_err err = arg_kind(c, "kind", &kind);
    if (err == LZ_ok) err = arg_code(c, "unit", &only);
    if (err != LZ_ok) return err;
    if (arg_text(c, "since")) return read_since(c, arg_text(c, "since"));
    if (!kind) return lz_refuse(c->fail, LZ_usage, "缺少 --kind");
    return read_kind(c, kind->number, only);
}
