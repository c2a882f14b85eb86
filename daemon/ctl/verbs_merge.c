/* verbs_merge: drafts of an import, which may come again and again: what is as it was is not written a second time.
 *
 * An entry of a form is known by its number; only a draft that says something else than what holds on its day becomes a new version. An event
 * has no number of its own here: its draft brings a request id made of who it is in the other system and of what it says (8 bytes each),
 * which stays with the record and so comes back with it after a lost store. */
#include <stdio.h>
#include "ctl_room.h"

/* ---- forms ---- */

static bool same_value(const struct form_field *field, const struct form *a, const struct form *b, size_t i) {
    bool in_a = a->given >> i & 1, in_b = b->given >> i & 1;
    if (!in_a || !in_b) return in_a == in_b;
    return field->type == FIELD_TEXT ? lz_bytes_equal(a->of[i].text, b->of[i].text) : a->of[i].number == b->of[i].number;
}

static bool same_entry(const struct form_kind *form, const struct form *a, const struct form *b) {
    bool same = a->state == b->state;
    for (size_t i = 0; i < form->n_fields && same; i++) same = same_value(&form->fields[i], a, b, i);
    return same;
}

/* A column that is there says all of its field, an empty cell too; a field without a column stays as it was. */
static void keep(const struct form_kind *form, const struct form *was, struct form *v, uint32_t columns) {
    for (size_t i = 0; i < form->n_fields; i++) {
        if (v->given >> i & 1 || columns >> i & 1 || !(was->given >> i & 1)) continue;
        v->given |= 1u << i;
        v->of[i] = was->of[i];
    }
}

static enum lz_err merge_form(struct call *c, struct record *draft, uint32_t columns) {
    const struct form_kind *form = kind_form(draft->kind);
    struct form *v = &draft->of.form;
    struct record before;
    if (v->valid_from == 0) v->valid_from = lz_date_of(c->now.wall_ms);
    for (size_t i = 0; i < form->n_fields; i++)
        if (form->fields[i].type == FIELD_TEXT && v->of[i].text.len == 0) v->given &= ~(1u << i);
    if (v->no.len == 0 || !flow_entry(c->flow, draft->kind, c->unit, v->no, v->valid_from, &before)) return LZ_ok;
    if (!(draft->request_index & DRAFT_STATE_GIVEN)) v->state = before.of.form.state;
    keep(form, &before.of.form, v, columns);
    if (!same_entry(form, v, &before.of.form)) return LZ_ok;
    return lz_refuse(c->fail, LZ_already, "没有变化");
}

/* ---- events ---- */

static enum lz_err merge_event(struct call *c, const struct record *draft) {
    struct key wanted, at;
    struct lz_bytes v;
    char id[REC_ID_TEXT] = "-";
    if (draft->stamp) {                                  /* it says itself which record it is */
        struct rec_id known = record_id(draft);
        if (store_has(c->store, TABLE_record, key_id(known))) return lz_refuse(c->fail, LZ_already, "没有变化");
        rec_id_print(known, id);
        if (draft->request.len != 16) return lz_refuse(c->fail, LZ_not_found, "本单位没有 %s；若是另一系统的新记录，请去掉这一列或用映射文件改为对方的编号", id);
    }
    if (draft->request.len != 16) return LZ_ok;
    wanted = at = key_ask(draft->request, 0);
    memset(at.b + 8, 0, at.len - 8u);
    if (!store_seek(c->store, TABLE_ask, &at, &v) || !key_begins(&at, &wanted, 8)) return LZ_ok;
    if (v.len == REC_ID_BYTES) rec_id_print(rec_id_get(v.data), id);
    if (key_begins(&at, &wanted, 16)) return lz_refuse(c->fail, LZ_already, "没有变化");
    return lz_refuse(c->fail, LZ_conflict, "对方的这一条已导入为 %s，现在内容不同：已登记的不改写，请用办理动作说明变化，或由对方另编新号", id);
}

/* ---- */

enum lz_err merge_draft(struct call *c, struct record *draft, uint32_t columns) {
    if (draft->origin && !draft->stamp && draft->origin != c->unit)
        return lz_refuse(c->fail, LZ_not_allowed, "登记单位是 %s：各单位只登记自己的，本单位是 %s", unit_label(c, draft->origin), unit_label(c, c->unit));
    return kind_form(draft->kind) ? merge_form(c, draft, columns) : merge_event(c, draft);
}

void merge_done(struct call *c, struct lz_bytes request, struct rec_id id) {
    uint8_t bytes[REC_ID_BYTES];
    if (request.len != 16) return;
    rec_id_put(id, bytes);
    store_put(c->store, TABLE_ask, key_ask(request, 0), lz_bytes_of(bytes, sizeof bytes));
}
