/* history: a second opinion on a world of nodes, from outside.
 *
 * It knows what clerks asked and what they were answered, what befell each node, and, at the end, the plain bytes that each
 * store holds and the rows that a clerk would be shown. From its own reading of the design (who must hold what, how moves
 * fold, what sums count) it says what should stand there, and names every difference. It takes nothing from the daemon: no
 * header, no table, no generated code; `tests/lint/run` sees to that. What it excuses is only what follows from a loss that
 * was told to it, and that the node concerned has reported itself.
 *
 * Order of calls: the tree; events and asks as they happen; after a store was lost, and at the end: history_look, then
 * history_holds for each record of each store (down or not); then history_lost, or rows and history_judge. */
#ifndef SIM_HISTORY_H
#define SIM_HISTORY_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef SIM_NODES                   /* how many units a world may have: a country is built with more (tests/nation) */
#define SIM_NODES 256
#endif

enum { HISTORY_ID = 18, HISTORY_REQUEST = 16, HISTORY_COUNTERS = 41, HISTORY_UNITS = SIM_NODES, HISTORY_TARGETS = 64, HISTORY_FINDINGS = 40 };
struct history;
struct history_text { const void *data; size_t len; };

struct history *history_create(void);
void history_destroy(struct history **history_p);

/* ---- the tree ---- */
/* parent 0: the top, or taken out of the tree. May be told again when it changes. Higher units have a smaller tier. */
void history_unit(struct history *h, uint32_t code, uint32_t parent, uint32_t tier);
void history_wish(struct history *h, uint32_t kind);                 /* the top wants these in full */

/* ---- what befalls a node ---- */
void history_started(struct history *h, uint32_t unit, const uint8_t epoch[16]);
void history_died(struct history *h, uint32_t unit);
void history_clock(struct history *h, uint32_t unit);                /* somebody set it */
/* Its store went back to an older moment, or was made anew; right before: history_look, history_holds of what is left. */
enum history_loss { HISTORY_RESTORED, HISTORY_RECREATED };
void history_lost(struct history *h, uint32_t unit, enum history_loss how);
void history_reported(struct history *h, uint32_t unit);             /* it, or a neighbour of it, says that it lost something */
/* It says that it has issued two of a kind under one number (its year, then its serial). */
void history_number_twice(struct history *h, uint32_t unit, uint32_t kind, uint32_t year, uint32_t serial);
/* What rotted there and nobody else had is, after it was reported, given up by an operator. */
void history_given_up(struct history *h, uint32_t unit, const uint8_t id[HISTORY_ID]);
void history_newer(struct history *h);                               /* a node of a newer version takes part: kinds may be new here */

/* ---- clerks ---- */
struct history_ask {                 /* as the clerk gave it; what a kind does not use is 0 */
    uint32_t unit;
    uint8_t request[HISTORY_REQUEST];
    uint32_t kind;
    uint8_t subject[HISTORY_ID];     /* of a move or a progress */
    uint32_t move, move_unit, to_unit;                /* of an office: its state and its tier */
    uint32_t targets[HISTORY_TARGETS];
    size_t n_targets;
    bool all;
    struct history_text key, text, number;         /* text: title, reason or name */
    uint32_t as_of;                  /* of an office: the day from which it holds; numerator: its posts */
    int64_t numerator, denominator;
};
size_t history_asked(struct history *h, const struct history_ask *ask);      /* names the ask */
void history_accepted(struct history *h, size_t ask, const uint8_t id[HISTORY_ID]);
void history_refused(struct history *h, size_t ask);
void history_unanswered(struct history *h, size_t ask);              /* only a node that died leaves one so */

/* ---- what there is now ---- */
void history_look(struct history *h);                                /* forgets what was held before */
void history_holds(struct history *h, uint32_t unit, const void *key, size_t key_len, const void *envelope, size_t len);

/* How far a feed of one was followed by the other, as a store at `unit` has it: its own place in a feed of `peer` (HISTORY_FOLLOWS), or what
 * `peer` has acknowledged of a feed of its own (HISTORY_IS_FOLLOWED). feed: any number that both know it by. */
enum history_side { HISTORY_FOLLOWS, HISTORY_IS_FOLLOWED };
void history_place(struct history *h, uint32_t unit, uint32_t peer, enum history_side side, uint64_t feed, uint64_t position);

struct history_standing {            /* a line that a clerk reads at a node */
    uint8_t subject[HISTORY_ID];
    uint32_t unit;                   /* the recipient; 0: a problem or an emergency */
    const char *state;
    uint32_t colour;                 /* 0 green, 1 blue, 2 yellow, 3 red */
    uint32_t owner, handler, returns, urges, n_progress;
    int64_t numerator, denominator;
};
void history_standing(struct history *h, uint32_t at, const struct history_standing *row);
/* A total at a node: of one directive, or (subject NULL) of a kind. */
void history_sum(struct history *h, uint32_t at, uint32_t kind, const uint8_t *subject, const int64_t values[HISTORY_COUNTERS]);

/* ---- the verdict ---- */
size_t history_judge(struct history *h);                             /* how many differences; the first HISTORY_FINDINGS have a text */
const char *history_finding(const struct history *h, size_t index);
struct history_figures { size_t asks, accepted, refused, unanswered, retried, records, held, standings, sums, places, excused; };
struct history_figures history_figures(const struct history *h);
#endif
