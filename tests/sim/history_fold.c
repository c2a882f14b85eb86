/* history_fold: what moves mean, written again from the design (section 6) and the life cycles of the domain research (2.1, 2.2).
 *
 * "Every move names the move of its subject that it follows; the fold is causal, and between concurrent moves the higher tier's
 * wins, then the lower code; an overtaken move stays in the trace without effect." */
#include "history_room.h"

enum { SAME = 255, SUBJECT_MOVES = 512 };
enum who { RECIPIENT, ISSUER, OWNER, HANDLER, FINDER, SUPERIOR };
enum { WITH_REPORT = 1 };
struct step { enum life life; uint32_t move; enum who by; uint32_t from; int32_t to; uint32_t with; };
#define IN(s) (1u << (s))

/* A directive for one recipient: 0 issued 1 delivered 2 signed 3 handling 4 reported 5 returned | 6 closed 7 withdrawn.
 * A problem: 0 reported 1 accepted 2 rejected 3 merged 4 assigned 5 handling 6 feedback 7 verified 8 returned 9 escalated
 * 10 referred 11 suspended 12 closed.  An emergency: 0 reported 1 updated 2 ended 3 reviewed. */
static const struct step steps[] = {
    { LIFE_HANDLING, DELIVER, RECIPIENT, IN(0), 1, 0 },                            /* by the recipient's daemon: proof of arrival */
    { LIFE_HANDLING, 2, RECIPIENT, IN(1), 2, 0 },                                  /* sign */
    { LIFE_HANDLING, START, RECIPIENT, IN(2) | IN(5), 3, 0 },
    { LIFE_HANDLING, 4, RECIPIENT, IN(2) | IN(3) | IN(5), 4, 0 },                  /* report */
    { LIFE_HANDLING, 5, ISSUER, IN(4), 5, WITH_REPORT },                           /* return: of the report that it names */
    { LIFE_HANDLING, 6, ISSUER, IN(4) | IN(2), 6, WITH_REPORT },                   /* close: the handler never closes its own */
    { LIFE_HANDLING, 7, RECIPIENT, IN(1) | IN(2) | IN(3) | IN(5), SAME, 0 },       /* ask for time */
    { LIFE_HANDLING, 8, ISSUER, IN(0) | IN(1) | IN(2) | IN(3) | IN(5), SAME, 0 },  /* give it */
    { LIFE_HANDLING, 9, ISSUER, IN(1) | IN(2) | IN(3) | IN(5), SAME, 0 },          /* or not */
    { LIFE_HANDLING, URGE, ISSUER, 0x3F, SAME, 0 },
    { LIFE_HANDLING, 11, ISSUER, 0x3F, SAME, 0 },                                  /* upgrade */
    { LIFE_HANDLING, 12, ISSUER, 0x3F, 7, 0 },                                     /* withdraw */
    { LIFE_PROBLEM, 20, OWNER, IN(0) | IN(9), 1, 0 },                              /* accept */
    { LIFE_PROBLEM, 21, OWNER, IN(0) | IN(9), 2, 0 },                              /* reject */
    { LIFE_PROBLEM, 22, OWNER, IN(1), 3, 0 },                                      /* merge */
    { LIFE_PROBLEM, ASSIGN, OWNER, IN(1) | IN(8) | IN(5), 4, 0 },
    { LIFE_PROBLEM, 24, HANDLER, IN(1) | IN(4) | IN(8) | IN(11), 5, 0 },           /* handle */
    { LIFE_PROBLEM, 25, HANDLER, IN(5), 6, 0 },                                    /* feedback */
    { LIFE_PROBLEM, 26, OWNER, IN(6), 7, 0 },                                      /* verify */
    { LIFE_PROBLEM, 5, OWNER, IN(6) | IN(7), 8, 0 },                               /* return */
    { LIFE_PROBLEM, ESCALATE, OWNER, IN(0) | IN(9) | IN(1) | IN(4) | IN(5) | IN(6) | IN(8), 9, 0 },
    { LIFE_PROBLEM, 28, OWNER, IN(1) | IN(5), 10, 0 },                             /* refer */
    { LIFE_PROBLEM, 29, OWNER, IN(10), 5, 0 },                                     /* answer */
    { LIFE_PROBLEM, 30, OWNER, IN(1) | IN(4) | IN(5), 11, 0 },                     /* suspend */
    { LIFE_PROBLEM, 6, OWNER, IN(7), 12, 0 },                                      /* close */
    { LIFE_PROBLEM, 31, OWNER, IN(12) | IN(2), 1, 0 },                             /* reopen */
    { LIFE_PROBLEM, URGE, SUPERIOR, 0xFF3 & ~IN(12), SAME, 0 },                    /* whatever is open */
    { LIFE_EMERGENCY, 40, FINDER, IN(0) | IN(1), 1, 0 },
    { LIFE_EMERGENCY, 41, FINDER, IN(0) | IN(1), 2, 0 },
    { LIFE_EMERGENCY, 42, FINDER, IN(2), 3, 0 },
};

static const char *const handling_states[] = { "issued", "delivered", "signed", "handling", "reported", "returned", "closed", "withdrawn", NULL };
static const char *const problem_states[] = { "reported", "accepted", "rejected", "merged", "assigned", "handling", "feedback", "verified", "returned",
                                              "escalated", "referred", "suspended", "closed", NULL };
static const char *const emergency_states[] = { "reported", "updated", "ended", "reviewed", NULL };

static const char *const *states_of(enum life life) {
    static const char *const none[] = { NULL };
    return life == LIFE_HANDLING ? handling_states : life == LIFE_PROBLEM ? problem_states : life == LIFE_EMERGENCY ? emergency_states : none;
}

int32_t state_number(enum life life, const char *name) {
    const char *const *names = states_of(life);
    for (int32_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0) return i;
    return NONE;
}

const char *state_text(enum life life, int32_t state) {
    const char *const *names = states_of(life);
    for (int32_t i = 0; names[i]; i++)
        if (i == state) return names[i];
    return "?";
}

bool state_is_open(enum life life, int32_t state) {
    if (life == LIFE_HANDLING) return state < 6;
    if (life == LIFE_PROBLEM) return state != 2 && state != 3 && state != 12;
    return life == LIFE_EMERGENCY && state < 3;
}

/* ---- the fold ------------------------------------------------------------------------------------------------------------ */

static const struct step *step_of(enum life life, uint32_t move) {
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        if (steps[i].life == life && steps[i].move == move) return &steps[i];
    return NULL;
}

static bool may_move(const struct entry *subject, const struct entry *m, const struct folded *s, enum who who, uint32_t unit) {
    switch (who) {
    case RECIPIENT: return m->origin == unit;
    case ISSUER: case FINDER: return m->origin == subject->origin;
    case OWNER: return m->origin == s->owner;
    case HANDLER: return m->origin == s->owner || (s->handler && m->origin == s->handler);
    case SUPERIOR: return m->origin == s->owner || m->tier < subject->tier;
    }
    return false;
}

/* The day in China: a number that is one more each day. */
static uint32_t day_of(uint64_t ms) { return (uint32_t)((ms + 8ull * 3600000) / 86400000); }
static bool by_daemon(const struct entry *m) { return m->author.len == 9 && memcmp(m->author.data, "linzhangd", 9) == 0; }

static bool takes_effect(const struct entry *subject, const struct entry *m, enum life life, uint32_t unit, struct folded *s) {
    const struct step *step = step_of(life, m->move);
    if (!step) return false;
    /* a unit that has another parent now takes its escalation from the one before */
    bool again = m->move == ESCALATE && s->owner != m->origin && s->escalated_by == m->origin && state_is_open(life, s->state);
    if (!again && (!(step->from >> s->state & 1) || !may_move(subject, m, s, step->by, unit))) return false;
    if (step->with & WITH_REPORT && memcmp(m->report, s->report, HISTORY_ID) != 0) return false;
    if (m->move == ESCALATE && (m->to_unit == 0 || m->to_unit == s->owner)) return false;
    if (again && m->to_unit == m->origin) return false;
    if (m->move == URGE) {                               /* a daemon urges once a day, however often a restored one wrote it */
        if (by_daemon(m) && day_of(m->written_ms) == s->urged_on) return false;
        if (by_daemon(m)) s->urged_on = day_of(m->written_ms);
        s->urges++;
    }
    if (m->move == 5) s->returns++;
    if (m->move == 4 && life == LIFE_HANDLING) memcpy(s->report, m->id, HISTORY_ID);
    if (m->move == ASSIGN) s->handler = m->to_unit;
    if (m->move == ESCALATE) { s->owner = m->to_unit; s->handler = 0; s->escalated_by = m->origin; }
    if (step->to != SAME) s->state = step->to;
    s->effective++;
    return true;
}

static bool before(const struct entry *a, const struct entry *b) {
    if (a->tier != b->tier) return a->tier < b->tier;
    if (a->origin != b->origin) return a->origin < b->origin;
    if (a->stamp != b->stamp) return a->stamp < b->stamp;
    return a->epoch < b->epoch;
}

/* All that could stand next stand ready; the first by rank goes, and sets those free that follow it. */
static void run(const struct entry *subject, const struct entry **moves, size_t n, enum life life, uint32_t unit, struct folded *s, struct in_effect *effects) {
    bool done[SUBJECT_MOVES] = { false }, ready[SUBJECT_MOVES];
    for (size_t i = 0; i < n; i++) ready[i] = id_none(moves[i]->follows);
    for (;;) {
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (ready[i] && !done[i] && (best == n || before(moves[i], moves[best]))) best = i;
        if (best == n) return;
        done[best] = true;
        bool effect = takes_effect(subject, moves[best], life, unit, s);
        if (effect && effects) effects->of[effects->n++] = moves[best];
        for (size_t i = 0; i < n; i++) ready[i] |= memcmp(moves[i]->follows, moves[best]->id, HISTORY_ID) == 0;
    }
}

static void fold_moves(const struct history *h, const struct entry *subject, uint32_t unit, int32_t at, struct folded *out, struct in_effect *effects) {
    const struct entry *moves[SUBJECT_MOVES];
    enum life life = law_of(subject->kind)->life;
    size_t n = 0;
    *out = (struct folded){ .owner = life == LIFE_PROBLEM ? subject->origin : 0 };
    for (int32_t i = subject->moves; i != NONE && n < SUBJECT_MOVES; i = h->entries[i].next_of_subject) {
        const struct entry *m = &h->entries[i];
        if ((at != NONE && !set_has(&m->at, (size_t)at)) || (at == NONE && set_none(&m->at))) continue;
        if (life == LIFE_HANDLING && m->unit != unit && m->unit != 0) continue;
        if (m->move == DELIVER && m->origin == unit) out->deliveries++;
        moves[n++] = m;
    }
    run(subject, moves, n, life, unit, out, effects);
}

void fold(const struct history *h, const struct entry *subject, uint32_t unit, int32_t at, struct folded *out) {
    fold_moves(h, subject, unit, at, out, NULL);
    for (int32_t i = subject->progress; i != NONE; i = h->entries[i].next_of_subject) {
        const struct entry *p = &h->entries[i];
        if (p->origin != unit || (at != NONE && !set_has(&p->at, (size_t)at))) continue;
        out->n_progress++;
        if (p->as_of < out->as_of || (p->as_of == out->as_of && p->stamp <= out->progress_stamp)) continue;
        out->as_of = p->as_of;                           /* the latest counts: by the day that it is about, then as it was written */
        out->progress_stamp = p->stamp;
        out->numerator = p->numerator;
        out->denominator = p->denominator;
    }
}

void fold_effects(const struct history *h, const struct entry *subject, struct folded *out, struct in_effect *effects) {
    effects->n = 0;
    fold_moves(h, subject, 0, NONE, out, effects);
}
