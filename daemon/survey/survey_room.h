/* Private to the survey room: a check under way, and what its families share. */
#ifndef LZ_SURVEY_ROOM_H
#define LZ_SURVEY_ROOM_H
#include "survey.h"

struct check {
    const struct survey *s;
    const char *only;                /* one kind; NULL: all */
    survey_take *take;
    void *context;
    size_t n_found;
    struct held *chiefs, *areas;     /* of all units, whatever is surveyed */
    size_t n_chiefs, n_areas;
    struct known *places;            /* what is known to lie below: by unit, then code, each once */
    size_t n_places;
};
/* What is kept of an entry while others are laid beside it; texts as hashes, 0: none. */
struct held {
    uint32_t unit, tier, use, rank;  /* use: a chief's kind, an area's use */
    int64_t place, land;
    uint64_t no, of, post;           /* of: a chief's body, an area's chief */
    bool good;                       /* in office, in force */
};
struct known { uint32_t unit; int64_t code; };

static inline uint64_t text_hash(struct lz_bytes text) { return text.len ? lz_hash64(1, text.data, text.len) | 1 : 0; }
static inline bool is_township(int64_t code) { return code >= 100000000 && code <= 999999999; }
static inline bool is_village(int64_t code) { return code >= 100000000000; }
/* entry NULL: of a unit, or of a place, that has none. text: what exactly; may be NULL. */
void check_found(struct check *check, enum finding_code code, const struct entry *entry, uint32_t unit, int64_t place, uint32_t since, const char *text);
/* A text as a string, in the arena; NULL: no memory. */
const char *check_text(const struct check *check, struct lz_bytes text);
/* Goes through the entries of a kind; what one took of the arena is given back unless something was found with it. */
void check_each(struct check *check, const char *kind, void (*one)(struct check *check, const struct entry *entry));
/* The units that answer here: this one and its enrolled children, those that are surveyed; at most max. */
size_t check_units(const struct check *check, uint32_t *units, size_t max);

void check_chiefs(struct check *check);
void check_areas(struct check *check);
void check_grids(struct check *check);
void check_files(struct check *check);       /* forest files, boards */
void check_offices(struct check *check);     /* offices, rules */
void check_cases(struct check *check);       /* referrals, rangers */
#endif
