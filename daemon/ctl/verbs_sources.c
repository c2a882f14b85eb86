/* verbs_sources: how fresh what came from other systems is, by source and unit: of the units below too, for their batches go to the top. */
#include "ctl_room.h"

enum { STALE_DAYS = 7 };

static struct lz_bytes text_of(const struct record *r, const char *field) {
    size_t at = form_field_find(kind_form(r->kind), lz_bytes_str(field));
    return r->of.form.given >> at & 1 ? r->of.form.of[at].text : (struct lz_bytes){ 0 };
}

static int64_t number_of(const struct record *r, const char *field) {
    size_t at = form_field_find(kind_form(r->kind), lz_bytes_str(field));
    return r->of.form.given >> at & 1 ? r->of.form.of[at].number : 0;
}

static void row_source(struct call *c, const struct record *r, uint64_t age_days, bool stale) {
    const struct form_state *state = &kind_form(r->kind)->states[r->of.form.state];
    if (!row_begin(c, "sources")) return;
    cell_unit(c, "unit", r->origin);
    cell_unit_name(c, "name", r->origin);
    cell_bytes(c, "source_system", text_of(r, "source"));
    cell_bytes(c, "data_kind", text_of(r, "kind"));
    cell_text(c, "state", state->name);
    cell_word(c, "state_zh", state->zh);
    cell_time(c, "batch_time", r->written_ms);
    cell_u64(c, "age_days", age_days);
    cell_date(c, "newest", (uint32_t)number_of(r, "newest"));
    cell_i64(c, "rows_given", number_of(r, "rows"));
    cell_i64(c, "accepted", number_of(r, "accepted"));
    cell_i64(c, "unchanged", number_of(r, "unchanged"));
    cell_i64(c, "rejected", number_of(r, "rejected"));
    cell_text(c, "colour", colour_name(stale ? COLOUR_RED : COLOUR_GREEN));
    cell_word(c, "colour_zh", colour_zh(stale ? COLOUR_RED : COLOUR_GREEN));
    row_end(c);
}

enum lz_err verb_sources(struct call *c) {
    const struct kind_row *kind = kind_by_name("import_batch");
    uint32_t unit = 0, days = ctl_settings(c->ctl)->stale_days ? ctl_settings(c->ctl)->stale_days : STALE_DAYS;
    size_t n = 0, n_stale = 0;
    struct key at = { 0 };
    struct record r;
    LZ_ASSERT(kind && kind->form);
    enum lz_err err = arg_code(c, "unit", &unit);
    if (err == LZ_ok) err = arg_u32(c, "days", 36500, &days);
    if (err != LZ_ok) return err;
    while (!c->cut && flow_next_entry(c->flow, kind->number, unit, 0, &at, &r)) {
        uint64_t age = c->now.wall_ms > r.written_ms ? (c->now.wall_ms - r.written_ms) / LZ_DAY_MS : 0;
        bool stale = c->now.wall_ms > r.written_ms + (uint64_t)days * LZ_DAY_MS;
        n++;
        n_stale += stale;
        row_source(c, &r, age, stale);
    }
    if (n == 0) say(c, "还没有从其他系统导入过");
    else say(c, "来源 %zu 个，其中 %zu 个超过 %u 天没有新数据", n, n_stale, days);
    return LZ_ok;
}
