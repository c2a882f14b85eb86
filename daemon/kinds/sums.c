/* sums: what an entry adds to the sums of its kind, and under which heading. Pure; who adds them up is flow. */
#include "kinds.h"

static bool adds(const struct form_field *field) { return field->flags & (FIELD_QUANTITY | FIELD_PRESENT); }

const struct form_field *form_sum_field(const struct form_kind *form, size_t n) {
    for (size_t i = 0; i < form->n_fields; i++)
        if (adds(&form->fields[i]) && n-- == 0) return &form->fields[i];
    return NULL;
}

size_t form_sums(const struct form_kind *form, const struct form_value *of, uint32_t given, int64_t out[FORM_SUMS_MAX]) {
    size_t n = 0;
    for (size_t i = 0; i < form->n_fields; i++) {
        const struct form_field *field = &form->fields[i];
        if (!adds(field)) continue;
        LZ_ASSERT(n < FORM_SUMS_MAX);
        bool has = given >> i & 1;
        out[n++] = !has ? 0 : field->flags & FIELD_PRESENT ? of[i].text.len > 0 : of[i].number;
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
