/* survey: what the entries that are held here say when they are laid side by side.
 *
 * Patrols done against required; what is missing, wrong or stale in the registers. Guarantees: reads, and changes nothing; the same entries
 * on the same day give the same answer in the same order, at every tier that holds them. Leaves to others: what an entry is (kinds), which
 * version of it holds (flow), how it is shown (ctl). Kinds and fields are found by their names, as people know them. */
#ifndef LZ_SURVEY_H
#define LZ_SURVEY_H
#include "../flow/flow.h"

struct survey {
    struct flow *flow;
    struct arena *arena;             /* the turn's; what is read for one entry is given back */
    const struct units *units;
    const struct roster *roster;
    const struct form_rules *rules;
    uint32_t unit;                   /* this node */
    uint32_t of;                     /* only what this unit keeps; 0: all */
    uint32_t day;                    /* as of which day */
    uint32_t today;
    enum lz_lang lang;               /* of the details */
};

/* ---- entries ---- */
/* An entry with its fields by name. */
struct entry {
    struct record r;
    const struct form_kind *form;
};
/* The next entry of a kind, of the units surveyed, as of the survey's day. What the last one took of the arena is given back by entry_done. */
bool survey_next(const struct survey *survey, const char *kind, struct key *at, struct entry *entry);
/* The entry of that number, at a unit, as of a day (0: the latest). */
bool survey_find(const struct survey *survey, const char *kind, uint32_t unit, struct lz_bytes no, uint32_t day, struct entry *entry);
bool entry_has(const struct entry *entry, const char *field);
struct lz_bytes entry_text(const struct entry *entry, const char *field);     /* empty: not given */
int64_t entry_number(const struct entry *entry, const char *field);           /* 0: not given */
bool entry_is(const struct entry *entry, const char *field, const char *word); /* a choice */
bool entry_in(const struct entry *entry, const char *state);
bool entry_aside(const struct entry *entry);
/* A chief who is in office on a day: not ended, and within the term. */
bool chief_in_office(const struct entry *chief, uint32_t day);

/* ---- patrols ---- */
enum { PATROL_LINES_MAX = 2048 };
struct patrol_line {
    uint32_t unit, tier;             /* who keeps them; of which tier the chiefs are, as a patrol's words */
    int64_t chiefs;                  /* who owe patrols in the period */
    int64_t required, done;          /* done: by each chief in each span, no more than required: a patrol too many makes up for nobody */
    int64_t valid, invalid, late;    /* all of the period, however many; late: sent afterwards, counted for when they were made */
};
/* Worst first. tier -1: all. The number of lines, at most PATROL_LINES_MAX. */
size_t survey_patrols(const struct survey *survey, uint32_t period, int tier, struct patrol_line *lines);
/* The share that a line, or many added up, has done; so a tier that only has sums can say the same of them. */
void patrol_line_add(struct patrol_line *total, const struct patrol_line *line);

/* ---- what is missing, wrong or stale (schema/findings.def) ---- */
enum finding_code {
#define X(code, kind, zh, next) FINDING_##code,
#include "../../schema/findings.def"
#undef X
    FINDING_COUNT
};
struct finding {
    enum finding_code code;
    uint32_t unit, since;            /* since when, as far as it is known; 0: not known */
    int64_t place;                   /* a division's code of up to twelve digits; 0: none */
    struct lz_bytes no;              /* the entry; empty: it is that there is none */
    const char *text;                /* what exactly; may be NULL. Lent until the take returns, or while the turn lasts when it says that it keeps it */
};
const char *finding_name(enum finding_code code);
const char *finding_kind(enum finding_code code);
const char *finding_zh(enum finding_code code);
const char *finding_next(enum finding_code code);
/* True: what was found is kept until the turn ends. */
typedef bool survey_take(void *context, const struct finding *finding);
/* In the order of the table, then of the entries. kind: only findings on that kind; NULL: all. */
void survey_check(const struct survey *survey, const char *kind, survey_take *take, void *context);

/* ---- which rules a unit has ---- */
enum { RULE_USES_MAX = 8 };
struct rule_line { uint32_t unit; bool has[RULE_USES_MAX]; };        /* by the word of a rule's use */
/* This unit and its enrolled children, by code. How many words there are is *n_uses; "other" is not among them. */
size_t survey_rules(const struct survey *survey, struct rule_line *lines, size_t max, size_t *n_uses);

/* ---- chiefs in office, by unit and tier ---- */
enum { CHIEF_KINDS = 4, CHIEF_TIERS = 5, CHIEF_LINES_MAX = (CHILDREN_MAX + 1) * CHIEF_TIERS };
struct chief_line { uint32_t unit, tier; uint64_t of[CHIEF_KINDS]; };     /* by the words of a chief's tier and kind */
size_t survey_chiefs(const struct survey *survey, struct chief_line *lines);
#endif
