/* form: entries in dated versions.
 *
 * A version is a record like any other, so it is never overwritten and goes where its kind goes; the index (`version`) has all of an entry
 * behind each other by the day from which each holds. Which one holds is read off the index, whatever the order of their arrival. Only
 * the unit that keeps an entry writes its versions. */
#include <stdio.h>
#include "flow_room.h"

struct key key_of_version(const struct record *r) {
    return key_version(r->kind, r->origin, r->of.form.no, r->of.form.valid_from, r->stamp, r->epoch);
}

/* ---- reading ---- */

static bool read_version(struct flow *f, const struct key *key, struct record *r) {
    return key->len == VERSION_BYTES && flow_record(f, key_version_id(key), r) && kind_form(r->kind);
}

static struct key entry_key(uint32_t kind, uint32_t unit, struct lz_bytes no) {
    struct key key = key_version(kind, unit, no, 0, 0, 0);
    key.len = VERSION_ENTRY_BYTES;
    return key;
}

/* The last version of the entry that `entry` begins with, at or before the day. */
bool version_at(struct flow *f, const struct key *entry, uint32_t day, struct key *at) {
    struct key from = *entry;
    from.len = VERSION_BYTES;
    lz_put32(from.b + VERSION_ENTRY_BYTES, day ? day : UINT32_MAX);
    memset(from.b + VERSION_ENTRY_BYTES + 4, 0xff, 12);
    return store_seek_back(f->o.store, TABLE_version, from, at) && key_begins(at, entry, VERSION_ENTRY_BYTES);
}

bool flow_entry(struct flow *f, uint32_t kind, uint32_t unit, struct lz_bytes no, uint32_t day, struct record *r) {
    struct key entry = entry_key(kind, unit, no), at;
    return version_at(f, &entry, day, &at) && read_version(f, &at, r);
}

bool flow_next_entry(struct flow *f, uint32_t kind, uint32_t unit, uint32_t day, struct key *at, struct record *r) {
    struct key prefix = key_version(kind, unit, (struct lz_bytes){ 0 }, 0, 0, 0), held;
    struct lz_bytes v;
    prefix.len = unit ? VERSION_NO_AT : 2;
    if (at->len == 0) *at = prefix;
    while (store_seek(f->o.store, TABLE_version, at, &v) && key_begins(at, &prefix, prefix.len)) {
        struct key entry = *at;
        entry.len = VERSION_ENTRY_BYTES;
        *at = entry;                                     /* behind all of its versions */
        memset(at->b + VERSION_ENTRY_BYTES, 0xff, sizeof at->b - VERSION_ENTRY_BYTES);
        at->len = sizeof at->b;                          /* and of whatever else may stand there: the way leads on in any case */
        if (version_at(f, &entry, day, &held) && read_version(f, &held, r)) return true;
    }
    return false;
}

bool flow_next_version(struct flow *f, uint32_t kind, uint32_t unit, struct lz_bytes no, struct key *at, struct record *r) {
    struct key entry = entry_key(kind, unit, no);
    struct lz_bytes v;
    if (at->len == 0) *at = entry;
    while (store_seek(f->o.store, TABLE_version, at, &v) && key_begins(at, &entry, VERSION_ENTRY_BYTES)) {
        struct key found = *at;
        *at = key_after(*at);
        if (read_version(f, &found, r)) return true;
    }
    return false;
}

struct lz_bytes entry_text_of(const struct record *r, const char *name) {
    size_t at = form_field_find(kind_form(r->kind), lz_bytes_str(name));
    LZ_ASSERT(at < kind_form(r->kind)->n_fields);
    return r->of.form.given >> at & 1 ? r->of.form.of[at].text : (struct lz_bytes){ 0 };
}

/* ---- what a clerk gives ---- */

enum { SERIAL_DIGITS = 4, SERIAL_MAX = 9999 };

/* 20220630-0007: the next of the day. */
static enum lz_err give_number(struct flow *f, struct record *d, struct lz_fail *fail) {
    char text[FORM_NO_BYTES_MAX];
    uint32_t serial = 0, today = lz_date_of(f->now.wall_ms);
    int len = snprintf(text, sizeof text, "%08u-%0*u", (unsigned)today, SERIAL_DIGITS, (unsigned)SERIAL_MAX);
    struct key last = entry_key(d->kind, f->o.unit, lz_bytes_of(text, (size_t)len)), at;
    last.len = VERSION_BYTES;
    memset(last.b + VERSION_ENTRY_BYTES, 0xff, VERSION_BYTES - VERSION_ENTRY_BYTES);
    if (store_seek_back(f->o.store, TABLE_version, last, &at) && at.len == VERSION_BYTES && memcmp(at.b, last.b, VERSION_NO_AT + 9) == 0)
        for (size_t i = VERSION_NO_AT + 9; i < VERSION_NO_AT + 9 + SERIAL_DIGITS && at.b[i] >= '0' && at.b[i] <= '9'; i++) serial = serial * 10 + at.b[i] - '0';
    if (serial >= SERIAL_MAX) return lz_refuse(fail, LZ_too_many, "今天的自动编号已用完；请用 no=编号 自己编号");
    len = snprintf(text, sizeof text, "%08u-%0*u", (unsigned)today, SERIAL_DIGITS, (unsigned)serial + 1);
    const uint8_t *copy = arena_copy(f->arena, text, (size_t)len);
    if (!copy) return lz_refuse(fail, LZ_too_large, "一次处理的内容太多；请分批");
    d->of.form.no = lz_bytes_of(copy, (size_t)len);
    return LZ_ok;
}

static void list_next(const struct form_kind *form, uint8_t state, enum lz_lang lang, char *out, size_t size) {
    out[0] = 0;
    for (size_t i = 0; i < form->n_states; i++) {
        if (form->states[state].next >> i & 1) lz_list_add(lang, out, size, form->states[i].name, form->states[i].zh);
    }
}

static enum lz_err no_step(const struct form_kind *form, uint8_t was, uint8_t to, struct lz_fail *fail) {
    char next[256];
    list_next(form, was, lz_fail_lang(fail), next, sizeof next);
    return lz_refuse(fail, LZ_illegal_move, "现在是“%s”，不能改为“%s”；此时可为：%s", lz_said(fail, form->states[was].zh), lz_said(fail, form->states[to].zh),
                     next[0] ? next : lz_said(fail, "（已是终结）"));
}

/* Into a state that is the tier above's to give, an entry comes by its ruling; where there is no tier above, by the unit itself. */
static enum lz_err check_step(struct flow *f, const struct record *d, const struct form_kind *form, struct lz_fail *fail) {
    struct record before;
    const struct form *v = &d->of.form;
    const struct form_state *to = &form->states[v->state];
    bool first = !flow_entry(f, d->kind, f->o.unit, v->no, v->valid_from, &before);      /* it may begin anywhere in its life */
    if (to->flags & STATE_BY_ABOVE && f->o.parent && d->subject.kind != KIND_ruling && !first && before.of.form.state == v->state)
        return lz_refuse(fail, LZ_not_allowed, "上级已审核为“%s”的内容不能直接修改；请改变状态后重新报送（--state）", lz_said(fail, to->zh));
    if (to->flags & STATE_BY_ABOVE && f->o.parent && d->subject.kind != KIND_ruling)
        return lz_refuse(fail, LZ_not_allowed, "“%s”由上级审核决定：上级用 linzhangctl move %s %.*s --unit %06u --state %s", lz_said(fail, to->zh),
                         kind_row(d->kind)->name, (int)v->no.len, (const char *)v->no.data, f->o.unit, to->name);
    if (first || before.of.form.state == v->state || form->states[before.of.form.state].next >> v->state & 1) return LZ_ok;
    return no_step(form, before.of.form.state, v->state, fail);
}

enum lz_err form_check(struct flow *f, struct record *d, struct lz_fail *fail) {
    const struct form_kind *form = kind_form(d->kind);
    struct form *v = &d->of.form;
    for (size_t i = 0; i < form->n_fields; i++) {
        bool given = v->given >> i & 1 && (form->fields[i].type != FIELD_TEXT || v->of[i].text.len);
        if (form->fields[i].flags & FIELD_NEEDED && !given)
            return lz_refuse(fail, LZ_bad_argument, "缺少%s；请写明 %s=…", lz_said_field(fail, form->fields[i].zh), form->fields[i].name);
    }
    const char *wrong = form->wrong ? form->wrong(v->of, v->given) : NULL;
    if (wrong) return lz_refuse(fail, LZ_bad_argument, "%s", lz_said(fail, wrong));
    uint32_t today = lz_date_of(f->now.wall_ms);
    if (v->valid_from == 0) v->valid_from = today;
    if (v->valid_from / 10000 > today / 10000 + 1) return lz_refuse(fail, LZ_bad_date, "生效日期 %u 太远", v->valid_from);
    if (kind_row(d->kind)->direction == DIRECTION_DOWN) d->target_all = true;      /* what one is measured by is for all to see */
    enum lz_err err = v->no.len ? LZ_ok : give_number(f, d, fail);
    if (err == LZ_ok) err = form_judge(f, d, fail);
    return err == LZ_ok ? check_step(f, d, form, fail) : err;
}

/* ---- what the tier above decides ---- */

enum lz_err form_check_ruling(struct flow *f, struct record *d, struct lz_fail *fail) {
    struct record version;
    uint32_t unit = d->subject.origin;
    if (!flow_record(f, d->subject, &version) || !kind_form(version.kind)) return lz_refuse(fail, LZ_not_found, "本单位没有要审核的这一版");
    const struct form_kind *form = kind_form(version.kind);
    uint8_t was = version.of.form.state, to = (uint8_t)d->of.ruling.state;
    if (!roster_holding(f->o.roster, unit)) return lz_refuse(fail, LZ_not_allowed, "%06u 不是本单位的下级，不能审核它的%s", unit,
                                                            lz_said(fail, kind_row(version.kind)->zh));
    if (to >= form->n_states) return lz_refuse(fail, LZ_bad_argument, "%s没有这个状态", lz_said(fail, kind_row(version.kind)->zh));
    if (!(form->states[to].flags & STATE_BY_ABOVE))
        return lz_refuse(fail, LZ_not_allowed, "“%s”由登记单位 %06u 自己办理，不由上级决定", lz_said(fail, form->states[to].zh), unit);
    if (!(form->states[was].next >> to & 1)) return no_step(form, was, to, fail);
    if (form->states[to].flags & STATE_ASIDE && d->of.ruling.text.len == 0)
        return lz_refuse(fail, LZ_bad_argument, "“%s”要写明理由（--text）", lz_said(fail, form->states[to].zh));
    d->targets = arena_alloc_raw(f->arena, sizeof *d->targets);
    if (!d->targets) return lz_refuse(fail, LZ_too_large, "一次处理的内容太多；请分批");
    d->targets[0] = unit;
    d->n_targets = 1;
    return LZ_ok;
}

void form_on_ruling(struct flow *f, const struct record *r) {
    struct record version, now;
    if (r->subject.origin != f->o.unit || r->origin == f->o.unit || roster_holding(f->o.roster, r->origin)) return;
    if (!flow_record(f, r->subject, &version) || !kind_form(version.kind)) return;
    const struct form *v = &version.of.form;
    /* ruled on an older version: whoever ruled will see the newer one, and rule on that */
    if (!flow_entry(f, version.kind, f->o.unit, v->no, 0, &now) || !rec_id_equal(record_id(&now), r->subject)) {
        lz_log(LZ_INFO, "ruling.overtaken kind=%u by=%06u", version.kind, r->origin);
        return;
    }
    uint32_t today = lz_date_of(f->now.wall_ms);
    struct record draft = { .kind = version.kind, .subject = record_id(r), .of.form = *v };
    draft.of.form.state = (uint8_t)r->of.ruling.state;
    if (draft.of.form.valid_from < today) draft.of.form.valid_from = today;
    struct rec_id id;
    struct lz_fail fail = { 0 };
    if (submit_checked(f, &draft, flow_daemon_author, (struct lz_bytes){ 0 }, 0, &id, &fail) != LZ_ok)
        lz_log(LZ_WARN, "ruling.no_effect kind=%u by=%06u reason=%s", version.kind, r->origin, lz_err_name(fail.code));
}
