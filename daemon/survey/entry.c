/* entry: one entry of a form, its fields by their names. */
#include "survey.h"

static const struct kind_row *row_of(const char *kind) {
    const struct kind_row *row = kind_by_name(kind);
    LZ_ASSERT(row && row->form);
    return row;
}

bool survey_next(const struct survey *survey, const char *kind, struct key *at, struct entry *entry) {
    const struct kind_row *row = row_of(kind);
    entry->form = row->form;
    return flow_next_entry(survey->flow, row->number, survey->of, survey->day, at, &entry->r);
}

bool survey_find(const struct survey *survey, const char *kind, uint32_t unit, struct lz_bytes no, uint32_t day, struct entry *entry) {
    const struct kind_row *row = row_of(kind);
    entry->form = row->form;
    return no.len > 0 && no.len <= FORM_NO_BYTES_MAX && flow_entry(survey->flow, row->number, unit, no, day, &entry->r);
}

static const struct form_value *value_of(const struct entry *entry, const char *name, size_t *at) {
    *at = form_field_find(entry->form, lz_bytes_str(name));
    LZ_ASSERT(*at < entry->form->n_fields);
    return entry->r.of.form.given >> *at & 1 ? &entry->r.of.form.of[*at] : NULL;
}

bool entry_has(const struct entry *entry, const char *field) {
    size_t at;
    const struct form_value *value = value_of(entry, field, &at);
    return value && (entry->form->fields[at].type != FIELD_TEXT || value->text.len > 0);
}

struct lz_bytes entry_text(const struct entry *entry, const char *field) {
    size_t at;
    const struct form_value *value = value_of(entry, field, &at);
    return value ? value->text : (struct lz_bytes){ 0 };
}

int64_t entry_number(const struct entry *entry, const char *field) {
    size_t at;
    const struct form_value *value = value_of(entry, field, &at);
    return value ? value->number : 0;
}

bool entry_is(const struct entry *entry, const char *field, const char *word) {
    size_t at;
    const struct form_value *value = value_of(entry, field, &at);
    return value && strcmp(entry->form->fields[at].choices[value->number].name, word) == 0;
}

bool entry_in(const struct entry *entry, const char *state) { return strcmp(entry->form->states[entry->r.of.form.state].name, state) == 0; }
bool entry_aside(const struct entry *entry) { return entry->form->states[entry->r.of.form.state].flags & STATE_ASIDE; }

bool chief_in_office(const struct entry *chief, uint32_t day) {
    int64_t from = entry_number(chief, "term_from"), to = entry_number(chief, "term_to");
    return !entry_aside(chief) && from <= day && (to == 0 || to >= day);
}
