/* history_room: what the files of the history share. Includes nothing of the daemon. */
#ifndef SIM_HISTORY_ROOM_H
#define SIM_HISTORY_ROOM_H
#include "history.h"
#include <string.h>

enum { WORDS = HISTORY_UNITS / 64, NONE = -1 };
struct set { uint64_t w[WORDS]; };                 /* of units, by their place in the tree's list */
static inline bool set_has(const struct set *s, size_t i) { return s->w[i / 64] >> (i % 64) & 1; }
static inline void set_add(struct set *s, size_t i) { s->w[i / 64] |= 1ull << (i % 64); }
static inline void set_join(struct set *s, const struct set *o) { for (int i = 0; i < WORDS; i++) s->w[i] |= o->w[i]; }
static inline void set_keep(struct set *s, const struct set *o) { for (int i = 0; i < WORDS; i++) s->w[i] &= o->w[i]; }
static inline void set_drop(struct set *s, const struct set *o) { for (int i = 0; i < WORDS; i++) s->w[i] &= ~o->w[i]; }
static inline bool set_none(const struct set *s) { for (int i = 0; i < WORDS; i++) if (s->w[i]) return false; return true; }
static inline bool set_same(const struct set *s, const struct set *o) { return memcmp(s, o, sizeof *s) == 0; }
size_t set_first(const struct set *s);

/* ---- the kinds, stated a second time (judge.c says why each is so) ---- */
enum life { LIFE_NONE, LIFE_HANDLING, LIFE_PROBLEM, LIFE_EMERGENCY };
enum place { PLACE_TARGETS, PLACE_ISSUER, PLACE_PROBLEM, PLACE_ABOVE, PLACE_PARENT, PLACE_SUBJECT, PLACE_HEAD };
enum { DELIVER = 1, START = 3, URGE = 10, ASSIGN = 23, ESCALATE = 27 };
enum { PROGRESS = 5, PROBLEM = 6, EMERGENCY = 8, DUTY = 10, PATROL = 9, OFFICE = 11, MOVE = 40, ROLLUP = 41, ATTACHMENT = 43, WISH = 44 };
struct law {
    uint32_t kind;
    const char *name;
    enum life life;
    enum place place;
    bool is_register;
    uint32_t lane, direction, reach, payload;      /* as the head must say, and the number of its payload */
};
const struct law *law_of(uint32_t kind);

struct slice { const uint8_t *data; size_t len; };

/* A record: known because a clerk was told its id, or because some store held it. */
struct entry {
    uint8_t id[HISTORY_ID];
    uint32_t origin, kind, epoch;
    uint64_t stamp;
    struct set at;                   /* who holds it, at the last look */
    struct set must, may;            /* who should, who is allowed to */
    uint8_t *bytes;                  /* the envelope, as it was first seen; NULL: never */
    size_t len;
    bool broken, told;
    bool gone, missed;               /* when a store was lost: nobody near its origin had it any more; its origin lacked it */
    int32_t ask, moves, progress, rows, sums, next_of_subject;
    /* the head */
    uint32_t lane, direction, reach, tier, index;
    uint64_t written_ms;
    struct slice key, author, request, targets;    /* targets: still packed */
    bool all, has_subject;
    uint8_t subject[HISTORY_ID];
    uint32_t payload;                /* its field number */
    /* the payload, as far as it is judged */
    struct slice text, number;
    uint32_t move, unit, to_unit, as_of;
    uint8_t follows[HISTORY_ID], report[HISTORY_ID];
    int64_t numerator, denominator;
    uint64_t due_ms;
};
/* Fills the entry from its envelope; NULL, or what is wrong with it. */
const char *entry_read(struct entry *e);
bool envelope_id(const void *envelope, size_t len, uint8_t id[HISTORY_ID]);    /* the id that its head names; false: none */
uint32_t target_next(struct slice *targets);       /* takes one off; 0: no more */

struct unit {
    uint32_t code, tier, parent;
    int32_t up;
    struct set above, below, ever_above, ever_below;         /* with itself */
    uint32_t *epochs;
    size_t n_epochs, deaths, losses, clocks, moves;
    bool must_report, reported;
};
struct asked {
    struct history_ask ask;
    uint8_t *kept;                   /* its texts */
    enum { OPEN, ACCEPTED, REFUSED, UNANSWERED } answer;
    int32_t entry, same;             /* same: the one before with this request */
    size_t deaths;
};
struct row { struct history_standing row; int32_t at, state, next; };
struct follow {                      /* the place in one feed, as one store has it */
    uint32_t unit, peer;
    enum history_side side;
    uint64_t feed, position;
    size_t backs;                    /* how often it went back */
};
struct sum { int64_t of[HISTORY_COUNTERS]; uint32_t kind; int32_t at, next; };

struct twice { uint32_t unit, kind; uint64_t number; };

struct history {
    struct unit units[HISTORY_UNITS];
    size_t n_units;
    int16_t by_code[4 * HISTORY_UNITS];            /* 1 + the place in units; 0: free */
    uint32_t wish;
    bool newer;
    struct entry *entries;
    struct asked *asks;
    struct row *rows;
    struct sum *sums;
    struct follow *follows;
    size_t n_follows, max_follows;
    int32_t *by_follow;              /* open addressing; NONE: free */
    size_t n_by_follow;
    size_t n_entries, max_entries, n_asks, max_asks, n_rows, max_rows, n_sums, max_sums;
    struct twice *twice;             /* numbers that were said to be used twice */
    size_t n_twice;
    int32_t *by_id, *by_request, kind_sums[256];
    size_t n_by_id, n_by_request;
    char findings[HISTORY_FINDINGS][320];
    size_t n_findings;
    struct history_figures figures;
};
int32_t follow_of(const struct history *h, uint32_t unit, uint32_t peer, enum history_side side, uint64_t feed);      /* NONE: none */
int32_t unit_of(const struct history *h, uint32_t code);
int32_t entry_of(const struct history *h, const uint8_t id[HISTORY_ID]);             /* NONE: not known */
int32_t entry_find(struct history *h, const uint8_t id[HISTORY_ID]);           /* makes it; pointers to entries are then void */
int32_t ask_of(const struct history *h, uint32_t unit, struct slice request);        /* the latest with this request */
void find(struct history *h, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *entry_name(const struct entry *e, char out[96]);
static inline bool id_none(const uint8_t id[HISTORY_ID]) { static const uint8_t none[HISTORY_ID]; return memcmp(id, none, HISTORY_ID) == 0; }

/* ---- fold.c ---- */
struct folded {
    int32_t state;
    uint32_t owner, escalated_by, handler, returns, urges, urged_on, effective, deliveries, n_progress, as_of;
    int64_t numerator, denominator;
    uint64_t progress_stamp;
    uint8_t report[HISTORY_ID];
};
/* Over the moves that a unit holds (at NONE: that anybody holds). In effect: those moves, at most max. */
void fold(const struct history *h, const struct entry *subject, uint32_t unit, int32_t at, struct folded *out);
struct in_effect { const struct entry *of[512]; size_t n; };
void fold_effects(const struct history *h, const struct entry *subject, struct folded *out, struct in_effect *effects);
int32_t state_number(enum life life, const char *name);
const char *state_text(enum life life, int32_t state);
bool state_is_open(enum life life, int32_t state);
/* ---- rules.c ---- */
void judge_records(struct history *h);
void judge_asks(struct history *h);
void judge_places(struct history *h);
void judge_standings(struct history *h);
void judge_sums(struct history *h);
void judge_follows(struct history *h);
#endif
