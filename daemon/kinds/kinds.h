/* kinds: what a clerk fills in, kind by kind, as tables.
 *
 * A form is a record that is described and not programmed: named fields, states and the steps between them. Each version of it is a
 * record of its own with the day from which it holds, so nothing is overwritten and what held on a given day can be asked. Adding one is
 * a row in schema/kinds.def, a message in proto/record.proto and a file here (tests/unit/test_kinds.c counts the places). Guarantees:
 * pure tables and conversions between values and what people type. Leaves to others: bytes (core), what may be written when (flow). */
#ifndef LZ_KINDS_H
#define LZ_KINDS_H
#include "../base/base.h"

enum field_type {
    FIELD_TEXT,                      /* bytes */
    FIELD_NUMBER,                    /* all others: an integer */
    FIELD_AREA,                      /* m2; typed in 公顷 or 亩 */
    FIELD_VOLUME,                    /* 0.01 m3; typed in m3 or 万m3 */
    FIELD_LENGTH,                    /* m; typed in km or m */
    FIELD_MONEY,                     /* 0.01 yuan; typed in 元 or 万元 */
    FIELD_PERCENT,                   /* 0.01 %; never summed */
    FIELD_DEGREES,                   /* 0.000001 degrees */
    FIELD_DATE,                      /* yyyymmdd */
    FIELD_TIME,                      /* minutes of the day */
    FIELD_CHOICE,                    /* the place in `choices` */
    FIELD_UNIT,                      /* a division code of six digits */
    FIELD_PLACE,                     /* six to twelve digits: a township, a village */
    FIELD_FLAG,                      /* 是, 否 */
    FIELD_PERIOD,                    /* a year, half, quarter or month: yyyy00, yyyy31 and 32, yyyy21 to 24, yyyymm */
    FIELD_TYPE_COUNT
};
enum field_flag {
    FIELD_NEEDED = 1,
    FIELD_QUANTITY = 2,              /* added up over units and tiers, and shown in lists */
    FIELD_PERSONAL = 4,              /* of a person: only in kinds that never leave their unit (reach LOCAL) */
    FIELD_PRESENT = 8,               /* a text: how many entries have it is added up */
    FIELD_GROUP = 16,                /* a choice, at most one: sums are kept for each of its values too */
    FIELD_WHEN = 32,                 /* a date or a period, at most one: and for each month, or each period */
    FIELD_REFERS = 64,               /* a text, at most one: what it is of or about; entries are found by it, in the order of their FIELD_WHEN */
    FIELD_REMARK = 128,              /* may be written where nothing else of an entry may be changed any more */
    FIELD_EACH = 256,                /* a choice: how many entries have each of its words is added up, a sum a word */
};
enum state_flag {
    STATE_ASIDE = 1,                 /* a draft, void, ended: counted by its state only, nothing of it is added up */
    STATE_BY_ABOVE = 2,              /* only the tier above brings an entry here; at the top its own unit does */
};
enum { FORM_FIELDS_MAX = 24, FORM_STATES_MAX = 16, FORM_CHOICES_MAX = 24, FORM_NO_BYTES_MAX = 48, FORM_TEXT_BYTES_MAX = 16384 };
struct form_word { const char *name, *zh; };     /* a program's word, and people's */
struct form_field {
    const char *name, *zh;           /* the name is the message's field of that name */
    enum field_type type;
    uint16_t flags;
    const struct form_word *choices; /* FIELD_CHOICE: ends with a NULL name */
};
struct form_state {
    const char *name, *zh;
    uint16_t next;                   /* a mask: which states may follow; staying is always allowed */
    uint8_t flags;
};
struct form_value { int64_t number; struct lz_bytes text; };
/* What the settings say, for the kinds that are judged and for what is looked after. */
enum every { EVERY_YEAR, EVERY_HALF, EVERY_QUARTER, EVERY_MONTH, EVERY_WEEK, EVERY_COUNT };
struct patrol_rule {
    uint32_t times;                  /* how often, in each span; 0: as they like */
    enum every every;
    uint32_t minutes, metres, hours; /* what makes one count: how long, how far, how long after another one */
};
enum { PATROL_TIERS = 6 };           /* as the words of a patrol's tier: province, city, county, township, village, ranger */
struct form_rules {
    struct patrol_rule patrol[PATROL_TIERS];
    uint32_t today, answer_days, board_days, online_percent;
};
/* A new entry in the hands of its kind: state and values are what it is made to. */
struct form_case {
    struct form_value *of;
    uint32_t given;
    uint8_t state;
    const struct form_value *const *near;    /* those not set aside that refer to the same and lie around it in time */
    size_t n_near;
};
struct form_kind {
    const struct form_field *fields;
    const struct form_state *states; /* the first is where an entry begins */
    size_t n_fields, n_states;
    /* What cannot be right between the fields of one entry, in words, or NULL; given: a mask. May be NULL itself. */
    const char *(*wrong)(const struct form_value *of, uint32_t given);
    /* Whether a new entry is good is not its writer's to say: decides its state. Words: it cannot be taken at all. May be NULL. What was
     * judged is never changed, only set aside by a step of its own. */
    const char *(*judge)(const struct form_rules *rules, struct form_case *entry);
};
#define FORM_JUDGED(fields, states, wrong, judge) \
    { fields, states, sizeof(fields) / sizeof(fields)[0], sizeof(states) / sizeof(states)[0], wrong, judge }
#define FORM_WITH(fields, states, wrong) FORM_JUDGED(fields, states, wrong, NULL)
#define FORM(fields, states) FORM_JUDGED(fields, states, NULL, NULL)
#define CHOICES(...) (const struct form_word[]) { __VA_ARGS__, { NULL, NULL } }
#define TO(state) (uint16_t)(1u << (state))

/* One per row of schema/kinds.def whose machine is FORM, each in its own file. */
#define KIND_IS_FORM(name) extern const struct form_kind form_##name;
#define KIND_IS_NONE(name)
#define KIND_IS_HANDLING(name)
#define KIND_IS_PROBLEM(name)
#define KIND_IS_EMERGENCY(name)
#define X(name, number, zh, class, lane, direction, reach, machine) KIND_IS_##machine(name)
#include "../../schema/kinds.def"
#undef X
#undef KIND_IS_FORM
#undef KIND_IS_NONE
#undef KIND_IS_HANDLING
#undef KIND_IS_PROBLEM
#undef KIND_IS_EMERGENCY

/* The place of a field; n_fields: there is none. By its name or its Chinese. */
size_t form_field_find(const struct form_kind *form, struct lz_bytes name);
bool form_state_find(const struct form_kind *form, struct lz_bytes name, uint8_t *state);
/* What was typed, as a number: 12.5亩, 3公顷, 2022-06-30, 是, a choice's word. Refuses with what would be right. FIELD_TEXT is taken as it is. */
enum lz_err form_number_parse(const struct form_field *field, struct lz_bytes text, int64_t *value, struct lz_fail *fail) LZ_MUST_CHECK;
/* For people and for files; what is printed can be typed again. out: FORM_PRINT_BYTES. */
enum { FORM_PRINT_BYTES = 64 };
void form_number_print(const struct form_field *field, int64_t value, char out[FORM_PRINT_BYTES]);
/* The measure that is meant and printed when none is written; NULL: it has none, or it is printed with the number. */
const char *form_measure(const struct form_field *field, enum lz_lang lang);
/* Whether a number that came from elsewhere can stand in this field. */
bool form_number_valid(const struct form_field *field, int64_t value);

/* ---- what is added up ----
 * The sums of a kind are its fields with FIELD_QUANTITY or FIELD_PRESENT, and the words of those with FIELD_EACH, in their order. */
enum { FORM_SUMS_MAX = 14 };
/* The field that the n-th sum adds up; NULL: there are not so many. */
const struct form_field *form_sum_field(const struct form_kind *form, size_t n);
/* The word that the n-th sum counts, of a field with FIELD_EACH; else NULL. */
const struct form_word *form_sum_word(const struct form_kind *form, size_t n);
/* The place of the sum that counts a word of a field with FIELD_EACH. */
size_t form_sum_of_word(const struct form_kind *form, const char *word);
/* How much an entry adds to each sum; n: how many there are. */
size_t form_sums(const struct form_kind *form, const struct form_value *of, uint32_t given, int64_t out[FORM_SUMS_MAX]);
/* Sums are kept apart by the value of the kind's group field and by the period of its FIELD_WHEN. Each 0: the kind has no such field, or it
 * is not given; choice: the place of the word + 1. False: the kind has neither field. */
bool form_group(const struct form_kind *form, const struct form_value *of, uint32_t given, uint32_t *choice, uint32_t *period);
const struct form_field *form_group_field(const struct form_kind *form);       /* NULL: none */
const struct form_field *form_when_field(const struct form_kind *form);
/* 2022, 2022-06, 2022Q2, 2022H1; 2022年, 2022年6月, 2022年第二季度, 2022年上半年. */
bool period_valid(uint32_t period);
bool period_parse(struct lz_bytes text, uint32_t *period);
void period_print(uint32_t period, char out[FORM_PRINT_BYTES]);
/* Whether the one lies within the other, or is it: 202205 in 202221, in 202231 and in 202200. */
bool period_within(uint32_t period, uint32_t whole);
void period_days(uint32_t period, uint32_t *from, uint32_t *to);    /* its first and its last day */
/* The spans of a kind whose last day lies within from..until, one after the other: *begin, *end are its days; *end 0 to begin with. */
bool span_next(enum every every, uint32_t from, uint32_t until, uint32_t *begin, uint32_t *end);
#endif
