/* nation: a working day of a country, or of one province, in one process: the real units of the divisions file as nodes of the
 * simulator (tests/sim/world.h), their load by the figures of the field, two outages, orders from the top; and what it took.
 *
 * Who does what: nation.c the tree, the day and the report; load.c what people do and when; measure.c how long an order takes. */
#ifndef NATION_H
#define NATION_H
#include "../sim/world.h"

enum { TOP_CODE = 100000, ORDERS_MAX = 8, SAMPLES_MAX = 4 * NODES_MAX };

/* ---- load.c ---- */
enum act { ACT_PATROL, ACT_PROBLEM, ACT_STEP, ACT_EMERGENCY, ACT_ORDER, ACT_TASK, ACT_LETTER, ACT_REMINDER, ACT_SIGN, ACT_PROGRESS,
           ACT_DOWN, ACT_DARK, ACT_PROBE };
struct deed {                        /* something that will happen; more come as it goes on */
    uint64_t at_ms, order;
    enum act act;
    int node;
    uint32_t step;                   /* of a problem; of an act: how often it was tried */
    struct rec_id about;
};
struct tally { uint64_t asked, accepted, refused; };
struct nation {
    struct world *w;
    struct deed *deeds;              /* a heap by time */
    size_t n_deeds, max_deeds;
    uint64_t orders, die, day_ms, end_ms;           /* when the working day begins and ends */
    struct tally tally[ACT_PROBE + 1];
    uint64_t numbers;
    struct measure *measure;
    int down, dark;                  /* the two that fail */
    uint64_t down_at, back_at, dark_at, light_at;
    bool small;                      /* one province, whose day is an hour */
};
void load_day(struct nation *n);                            /* what is known in the morning */
bool load_next(struct nation *n, struct deed *deed);        /* takes the next one */
void load_do(struct nation *n, const struct deed *deed);
void load_add(struct nation *n, enum act act, uint64_t at_ms, int node, uint32_t step, struct rec_id about);
uint64_t load_roll(struct nation *n, uint64_t below);

/* ---- measure.c ---- */
struct spread { uint64_t p50, p99, most; size_t n; };
struct measure *measure_create(struct nation *n);
void measure_destroy(struct measure **measure_p);
void measure_order(struct measure *m, struct rec_id id, const char *name);     /* issued now, to all */
void measure_signed(struct measure *m, struct rec_id id, const struct node *by);
void measure_back(struct measure *m, int node, const char *name);              /* it, or its line, has come back now */
void measure_dark(struct measure *m, int node);              /* nobody may say that he is in step with it now */
void measure_poll(struct measure *m);
bool measure_waits(const struct measure *m);                /* for something to be well again: look often */
bool measure_print(const struct measure *m);                /* false: somebody never had an order, or the outage did not end */
#endif
