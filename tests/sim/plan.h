/* plan: all that will happen in a world, drawn from its seed before it begins.
 *
 * A list, so that a failure can be told in the fewest events: any of them may be left out, and the rest is the same. */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H
#include "world.h"

enum family { FAMILY_ACT, FAMILY_LOAD, FAMILY_CRASH, FAMILY_DISK, FAMILY_NET, FAMILY_CLOCK, FAMILY_RESTORE, FAMILY_DESTROY, FAMILY_TREE, FAMILY_SKEW,
              FAMILY_MOVE, FAMILY_PART, FAMILY_FILES, FAMILY_COUNT };
enum what {
#define X(name, family, most, words) EVENT_##name,
#include "events.def"
#undef X
    EVENT_COUNT
};
struct event {
    uint64_t at_ms, for_ms, seed;    /* seed: for what it draws when it happens */
    enum what what;
    int node, other;                 /* indices; other: -1 or a second node */
    int64_t amount;
    size_t index, about;             /* its place in the whole plan; the event whose record it is about */
};
struct plan {
    uint64_t seed, end_ms;
    uint32_t families;               /* a mask */
    struct event *events;
    size_t n, max;
};
bool plan_families(const char *list, uint32_t *mask);       /* "crash,net", "all", and the old mixes */
/* Makes the shape of the world and the plan; both depend on the seed and the families alone. */
void plan_draw(struct plan *plan, struct world *w, uint32_t families);
void plan_free(struct plan *plan);
void plan_print(const struct world *w, const struct event *e);
enum family event_family(enum what what);
const char *event_name(enum what what);
/* ---- clerks.c ---- */
void clerk_acts(struct world *w, const struct event *e);
/* ---- happen.c ---- */
void event_happens(struct world *w, const struct event *e);
#endif
