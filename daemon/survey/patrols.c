/* patrols: done against required, by unit and tier.
 *
 * A rule asks for so many in each span (a week, a quarter). A chief owes them who is in office on the span's last day, or today while it
 * runs. What counts is when a patrol was made, not when it came. */
#include <stdlib.h>
#include "survey.h"

enum { VERSIONS_MAX = 64, PATROLS_MAX = 800, VILLAGE = 4 };
/* A chief through time: from each of the days he is, or is not, one who owes patrols of a tier. */
struct office { uint32_t from, tier; bool holds; uint32_t until; };
struct chief {
    uint32_t unit;
    struct lz_bytes no;
    struct office was[VERSIONS_MAX];
    size_t n_was;
    uint32_t days[PATROLS_MAX];      /* of the valid patrols, in their order */
    size_t n_days;
    int64_t invalid, late;
};

static void read_office(const struct survey *s, struct chief *chief) {
    struct key at = { 0 };
    struct entry e = { .form = kind_by_name("chief")->form };
    for (chief->n_was = 0; chief->n_was < VERSIONS_MAX; ) {
        size_t mark = arena_used(s->arena);
        if (!flow_next_version(s->flow, kind_by_name("chief")->number, chief->unit, chief->no, &at, &e.r)) break;
        struct office *now = &chief->was[chief->n_was++];
        uint32_t term_from = (uint32_t)entry_number(&e, "term_from");
        *now = (struct office){ .from = e.r.of.form.valid_from, .tier = (uint32_t)entry_number(&e, "tier"), .until = (uint32_t)entry_number(&e, "term_to") };
        now->holds = !entry_aside(&e) && !entry_is(&e, "kind", "civic");
        if (term_from && (chief->n_was == 1 ? term_from < now->from : term_from > now->from)) now->from = term_from;
        arena_rewind(s->arena, mark);
    }
}

/* In office on that day, and of which tier. */
static bool owes(const struct chief *chief, uint32_t day, uint32_t *tier) {
    const struct office *at = NULL;
    for (size_t i = 0; i < chief->n_was && chief->was[i].from <= day; i++) at = &chief->was[i];
    if (!at || !at->holds || (at->until && at->until < day)) return false;
    *tier = at->tier;
    return true;
}

static bool ever_owes(const struct chief *chief, uint32_t from, uint32_t to) {
    for (size_t i = 0; i < chief->n_was; i++)
        if (chief->was[i].holds && chief->was[i].from <= to && (chief->was[i].until == 0 || chief->was[i].until >= from)) return true;
    return false;
}

/* counted: from which day on the invalid and the late ones are; a week may begin before it. */
static void read_patrols(const struct survey *s, struct chief *chief, uint32_t from, uint32_t counted, uint32_t to) {
    struct key at = { 0 };
    const struct kind_row *kind = kind_by_name("patrol");
    struct entry e = { .form = kind->form };
    chief->n_days = 0;
    chief->invalid = chief->late = 0;
    while (chief->n_days < PATROLS_MAX) {
        size_t mark = arena_used(s->arena);
        if (!flow_next_referring(s->flow, kind->number, chief->unit, chief->no, from, to, &at, &e.r)) break;
        uint32_t day = (uint32_t)entry_number(&e, "day");
        chief->invalid += day >= counted && entry_in(&e, "invalid");
        chief->late += day >= counted && entry_in(&e, "valid") && entry_number(&e, "offline");
        if (entry_in(&e, "valid")) chief->days[chief->n_days++] = day;
        arena_rewind(s->arena, mark);
    }
}

struct count {
    const struct survey *s;
    struct patrol_line *lines;
    size_t n;
    uint32_t from, to;
    int tier;
};

static struct patrol_line *line_of(struct count *t, uint32_t unit, uint32_t tier) {
    for (size_t i = 0; i < t->n; i++)
        if (t->lines[i].unit == unit && t->lines[i].tier == tier) return &t->lines[i];
    if (t->n == PATROL_LINES_MAX) return NULL;
    t->lines[t->n] = (struct patrol_line){ .unit = unit, .tier = tier };
    return &t->lines[t->n++];
}

static int64_t within(const struct chief *chief, uint32_t from, uint32_t to) {
    int64_t n = 0;
    for (size_t i = 0; i < chief->n_days; i++) n += chief->days[i] >= from && chief->days[i] <= to;
    return n;
}

/* What he owed as a chief of one tier; a year in which he rose is counted in both. */
static void count_tier(struct count *t, const struct chief *chief, uint32_t tier) {
    const struct patrol_rule *rule = &t->s->rules->patrol[tier];
    struct patrol_line sum = { 0 };
    uint32_t begin, end = 0, was = 0;
    while (rule->times && span_next(rule->every, t->from, t->to, &begin, &end) && begin <= t->s->today) {
        if (!owes(chief, end < t->s->today ? end : t->s->today, &was) || was != tier) continue;
        int64_t made = within(chief, begin, end);
        sum.required += rule->times;
        sum.done += made < rule->times ? made : rule->times;
    }
    bool now = owes(chief, t->to < t->s->today ? t->to : t->s->today, &was) && was == tier;
    if (!now && sum.required == 0) return;
    struct patrol_line *line = line_of(t, chief->unit, tier);
    if (!line) return;
    sum.chiefs = 1;
    if (now) { sum.valid = within(chief, t->from, t->to); sum.invalid = chief->invalid; sum.late = chief->late; }
    patrol_line_add(line, &sum);
}

void patrol_line_add(struct patrol_line *total, const struct patrol_line *line) {
    total->chiefs += line->chiefs;
    total->required += line->required;
    total->done += line->done;
    total->valid += line->valid;
    total->invalid += line->invalid;
    total->late += line->late;
}

static int by_rate(const void *a, const void *b) {
    const struct patrol_line *x = a, *y = b;
    int64_t left = x->done * (y->required ? y->required : 1), right = y->done * (x->required ? x->required : 1);
    if (!x->required != !y->required) return x->required ? -1 : 1;
    if (left != right) return left < right ? -1 : 1;
    if (x->unit != y->unit) return x->unit < y->unit ? -1 : 1;
    return (x->tier > y->tier) - (x->tier < y->tier);
}

size_t survey_patrols(const struct survey *survey, uint32_t period, int tier, struct patrol_line *lines) {
    struct count t = { .s = survey, .lines = lines, .tier = tier };
    struct survey whole = *survey;
    struct chief *chief = arena_alloc(survey->arena, sizeof *chief);
    struct entry e;
    struct key at = { 0 };
    uint32_t begin, end = 0;
    if (!chief) return 0;
    period_days(period, &t.from, &t.to);
    whole.day = 0;                                       /* whoever was one at any time: his versions say when */
    /* a week that ends in the period may begin before it */
    uint32_t first = t.from;
    (void)span_next(EVERY_WEEK, t.from, t.to, &begin, &end);
    if (begin < first) first = begin;
    for (size_t mark = arena_used(survey->arena); survey_next(&whole, "chief", &at, &e); arena_rewind(survey->arena, mark)) {
        chief->unit = e.r.origin;
        chief->no = e.r.of.form.no;
        read_office(survey, chief);
        if (!ever_owes(chief, t.from, t.to)) continue;
        read_patrols(survey, chief, first, t.from, t.to);
        for (uint32_t i = 0; i <= VILLAGE; i++)
            if (tier < 0 || (uint32_t)tier == i) count_tier(&t, chief, i);
    }
    qsort(lines, t.n, sizeof *lines, by_rate);
    return t.n;
}
