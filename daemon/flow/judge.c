/* judge: entries by what they refer to, and those that the daemon itself judges.
 *
 * The index (`refer`) has the versions of a kind with a FIELD_REFERS by what they are of, in the order of the day that they are about,
 * whenever they came. Whether an entry of a judged kind is good is decided once, when it is written at its unit, by that unit's rules. */
#include "flow_room.h"

enum { NEAR_MAX = 32 };

static const struct form_field *field_with(const struct form_kind *form, uint8_t flag, size_t *at) {
    for (*at = 0; *at < form->n_fields; ++*at)
        if (form->fields[*at].flags & flag) return &form->fields[*at];
    return NULL;
}

/* What an entry refers to and the day it is about; false: nothing. */
static bool refers(const struct form_kind *form, const struct form *v, struct lz_bytes *to, uint32_t *when) {
    size_t at;
    if (!field_with(form, FIELD_REFERS, &at) || !(v->given >> at & 1) || v->of[at].text.len == 0) return false;
    *to = v->of[at].text;
    *when = field_with(form, FIELD_WHEN, &at) && v->given >> at & 1 ? (uint32_t)v->of[at].number : 0;
    return true;
}

bool key_of_refer(const struct record *r, struct key *key) {
    struct lz_bytes to;
    uint32_t when;
    const struct form_kind *form = kind_form(r->kind);
    if (!form || !refers(form, &r->of.form, &to, &when)) return false;
    *key = key_refer(r->kind, r->origin, to, when, r->stamp, r->epoch);
    return true;
}

/* Whether no later version of its entry is held; read off the index, which is cheaper than the version itself. */
static bool is_latest(struct flow *f, const struct record *r) {
    struct key entry = key_version(r->kind, r->origin, r->of.form.no, 0, 0, 0), at;
    entry.len = VERSION_ENTRY_BYTES;
    return version_at(f, &entry, 0, &at) && at.len == VERSION_BYTES && rec_id_equal(key_version_id(&at), record_id(r));
}

bool flow_next_referring(struct flow *f, uint32_t kind, uint32_t unit, struct lz_bytes to, uint32_t from, uint32_t until, struct key *at, struct record *r) {
    const struct form_kind *form = kind_form(kind);
    struct key begin = key_refer(kind, unit, to, from, 0, 0);
    struct lz_bytes v, named;
    uint32_t when;
    if (at->len == 0) { *at = begin; at->len = REFER_WHEN_AT + 4; }
    while (store_seek(f->o.store, TABLE_refer, at, &v) && key_begins(at, &begin, REFER_WHEN_AT) && at->len == REFER_BYTES) {
        struct key found = *at;
        if (lz_get32(found.b + REFER_WHEN_AT) > until) return false;
        *at = key_after(*at);
        if (!flow_record(f, key_refer_id(&found), r) || !form || !refers(form, &r->of.form, &named, &when) || !lz_bytes_equal(named, to)) continue;
        if (is_latest(f, r)) return true;
    }
    return false;
}

/* ---- judging ---- */

/* The entries of the same that lie around it in time, none of them set aside. */
static size_t around(struct flow *f, const struct record *d, const struct form_kind *form, int days, const struct form_value **near) {
    struct lz_bytes to;
    uint32_t when;
    size_t n = 0;
    struct key at = { 0 };
    if (!refers(form, &d->of.form, &to, &when)) return 0;
    while (n < NEAR_MAX) {
        struct record r;
        if (!flow_next_referring(f, d->kind, f->o.unit, to, lz_date_add(when, -days), lz_date_add(when, days), &at, &r)) break;
        if (!(form->states[r.of.form.state].flags & STATE_ASIDE)) near[n++] = r.of.form.of;
    }
    return n;
}

static uint32_t hours_max(const struct form_rules *rules) {
    uint32_t hours = 0;
    for (size_t i = 0; i < PATROL_TIERS; i++) if (rules->patrol[i].hours > hours) hours = rules->patrol[i].hours;
    return hours;
}

/* What was judged stands; a step may set it aside, with a remark. */
static enum lz_err only_a_step(const struct form_kind *form, const struct kind_row *kind, const struct form *v, const struct form *was, struct lz_fail *fail) {
    bool same = v->state != was->state && v->valid_from >= was->valid_from;
    for (size_t i = 0; i < form->n_fields && same; i++) {
        if (form->fields[i].flags & FIELD_REMARK) continue;
        same = (v->given >> i & 1) == (was->given >> i & 1);
        if (same && v->given >> i & 1)
            same = form->fields[i].type == FIELD_TEXT ? lz_bytes_equal(v->of[i].text, was->of[i].text) : v->of[i].number == was->of[i].number;
    }
    if (same) return LZ_ok;
    return lz_refuse(fail, LZ_not_allowed, "%s提交后不能修改；记错了请作废（put %s %.*s --state voided note=原因），再重新登记", lz_said(fail, kind->zh),
                     kind->name, (int)v->no.len, (const char *)v->no.data);
}

enum lz_err form_judge(struct flow *f, struct record *d, struct lz_fail *fail) {
    const struct form_kind *form = kind_form(d->kind);
    struct form *v = &d->of.form;
    const struct form_value *near[NEAR_MAX];
    struct record before;
    if (!form->judge) return LZ_ok;
    if (flow_entry(f, d->kind, f->o.unit, v->no, 0, &before)) return only_a_step(form, kind_row(d->kind), v, &before.of.form, fail);
    struct form_rules rules = f->o.settings.rules;
    rules.today = lz_date_of(f->now.wall_ms);
    struct form_case entry = { .of = v->of, .given = v->given, .near = near };
    entry.n_near = around(f, d, form, (int)(hours_max(&rules) / 24 + 1), near);
    const char *words = form->judge(&rules, &entry);
    if (words) return lz_refuse(fail, LZ_bad_date, "%s", lz_said(fail, words));
    if (v->state != 0 && v->state != entry.state)
        return lz_refuse(fail, LZ_not_allowed, "%s是不是有效由系统按规则判定，不能自己定为“%s”；现在会判为“%s”，请不写 --state",
                         lz_said(fail, kind_row(d->kind)->zh), lz_said(fail, form->states[v->state].zh), lz_said(fail, form->states[entry.state].zh));
    v->state = entry.state;
    v->given = entry.given;
    return LZ_ok;
}
