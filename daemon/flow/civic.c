/* civic: a civic chief (民间林长) is named by a tier, may report what he finds, and commands nothing: he signs no order, signs for none,
 * closes none, and answers for no area. */
#include "flow_room.h"

static bool holds(const struct record *chief) { return !(kind_form(chief->kind)->states[chief->of.form.state].flags & STATE_ASIDE); }

static bool is_civic(const struct record *chief) {
    const struct form_kind *form = kind_form(chief->kind);
    size_t at = form_field_find(form, lz_bytes_str("kind"));
    LZ_ASSERT(at < form->n_fields);
    return strcmp(form->fields[at].choices[chief->of.form.of[at].number].name, "civic") == 0;
}

static bool next_chief(struct flow *f, struct key *at, struct record *chief) {
    while (flow_next_entry(f, kind_by_name("chief")->number, f->o.unit, lz_date_of(f->now.wall_ms), at, chief))
        if (holds(chief)) return true;
    return false;
}

/* Another one of that name, who does command. */
static bool shared(struct flow *f, struct lz_bytes name) {
    struct key at = { 0 };
    struct record chief;
    for (size_t mark = arena_used(f->arena); next_chief(f, &at, &chief); arena_rewind(f->arena, mark))
        if (!is_civic(&chief) && lz_bytes_equal(entry_text_of(&chief, "name"), name)) return true;
    return false;
}

static bool names_civic(struct flow *f, struct lz_bytes text, struct record *chief) {
    struct key at = { 0 };
    while (text.len && next_chief(f, &at, chief)) {
        if (!is_civic(chief)) continue;
        struct lz_bytes name = entry_text_of(chief, "name");
        if (lz_text_lists(text, chief->of.form.no) || (lz_text_lists(text, name) && !shared(f, name))) return true;
    }
    return false;
}

enum lz_err civic_check_signers(struct flow *f, struct lz_bytes signers, struct lz_fail *fail) {
    struct record chief;
    if (!names_civic(f, signers, &chief)) return LZ_ok;
    struct lz_bytes name = entry_text_of(&chief, "name");
    return lz_refuse(fail, LZ_not_allowed, "%.*s是民间林长，可以反映问题，不能签发文件；请写签发的总林长、林长", (int)name.len, (const char *)name.data);
}

enum lz_err civic_check_author(struct flow *f, const struct move_row *move, struct lz_bytes author, struct lz_fail *fail) {
    struct record chief;
    if ((strcmp(move->name, "sign") != 0 && strcmp(move->name, "close") != 0) || !names_civic(f, author, &chief)) return LZ_ok;
    struct lz_bytes name = entry_text_of(&chief, "name");
    return lz_refuse(fail, LZ_not_allowed, "%.*s是民间林长，可以反映问题，不能签收或办结；请由林长办办理", (int)name.len, (const char *)name.data);
}

enum lz_err civic_check_entry(struct flow *f, const struct record *d, struct lz_fail *fail) {
    struct record chief;
    struct lz_bytes no = strcmp(kind_row(d->kind)->name, "area") == 0 ? entry_text_of(d, "chief") : (struct lz_bytes){ 0 };
    bool named = no.len && no.len <= FORM_NO_BYTES_MAX && flow_entry(f, kind_by_name("chief")->number, f->o.unit, no, lz_date_of(f->now.wall_ms), &chief);
    if (!named || !is_civic(&chief)) return LZ_ok;
    struct lz_bytes name = entry_text_of(&chief, "name");
    return lz_refuse(fail, LZ_not_allowed, "%.*s是民间林长，不能做责任区、督导分区或联系点的林长；请写在任的林长编号 chief=…", (int)name.len, (const char *)name.data);
}
