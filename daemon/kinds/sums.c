/* sums: what an entry adds to the sums of its kind, and under which heading. Pure; who adds them up is flow. */
#include "kinds.h"

static size_t words_of(const struct form_field *field) {
    size_t n = 0;
    while (field->choices && field->choices[n].name) n++;
    return n;
}

/* How many sums a field has. */
static size_t sums_in(const struct form_field *field) {
    return field->flags & FIELD_EACH ? words_of(field) : (field->flags & (FIELD_QUANTITY | FIELD_PRESENT)) != 0;
}

const struct form_field *form_sum_field(const struct form_kind *form, size_t n) {
    for (size_t i = 0; i < form->n_fields; n -= sums_in(&form->fields[i]), i++)
        if (n < sums_in(&form->fields[i])) return &form->fields[i];
    return NULL;
}

const struct form_word *form_sum_word(const struct form_kind *form, size_t n) {
    for (size_t i = 0; i < form->n_fields; n -= sums_in(&form->fields[i]), i++)
        if (n < sums_in(&form->fields[i])) return form->fields[i].flags & FIELD_EACH ? &form->fields[i].choices[n] : NULL;
    return NULL;
}

size_t form_sum_of_word(const struct form_kind *form, const char *word) {
    size_t n = 0;
    for (; form_sum_field(form, n); n++) {
        const struct form_word *counted = form_sum_word(form, n);
        if (counted && strcmp(counted->name, word) == 0) break;
    }
    return n;
}

size_t form_sums(const struct form_kind *form, const struct form_value *of, uint32_t given, int64_t out[FORM_SUMS_MAX]) {
    size_t n = 0;
    for (size_t i = 0; i < form->n_fields; i++) {
        const struct form_field *field = &form->fields[i];
        size_t more = sums_in(field);
        bool has = given >> i & 1;
        LZ_ASSERT(n + more <= FORM_SUMS_MAX);
        if (field->flags & FIELD_EACH)
            for (size_t word = 0; word < more; word++) out[n++] = has && of[i].number == (int64_t)word;
        else if (more) out[n++] = !has ? 0 : field->flags & FIELD_PRESENT ? of[i].text.len > 0 : of[i].number;
    }
    return n;
}

static const struct form_field *flagged(const struct form_kind *form, enum field_flag flag) {
    for (size_t i = 0; i < form->n_fields; i++)
        if (form->fields[i].flags & flag) return &form->fields[i];
    return NULL;
}

const struct form_field *form_group_field(const struct form_kind *form) { return flagged(form, FIELD_GROUP); }
const struct form_field *form_when_field(const struct form_kind *form) { return flagged(form, FIELD_WHEN); }

bool form_group(const struct form_kind *form, const struct form_value *of, uint32_t given, uint32_t *choice, uint32_t *period) {
    bool any = false;
    *choice = *period = 0;
    for (size_t i = 0; i < form->n_fields; i++) {
        const struct form_field *field = &form->fields[i];
        bool has = given >> i & 1 && form_number_valid(field, of[i].number);
        if (field->flags & (FIELD_GROUP | FIELD_WHEN)) any = true;
        if (field->flags & FIELD_GROUP && has) *choice = (uint32_t)of[i].number + 1;
        if (field->flags & FIELD_WHEN && has) *period = (uint32_t)(field->type == FIELD_DATE ? of[i].number / 100 : of[i].number);
    }
    return any;
}
