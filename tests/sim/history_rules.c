/* history_rules: who must hold what, what asks may leave behind, and what clerks must be shown.
 *
 * The laws of the kinds are stated here a second time, by hand, from the design (sections 3 and 6) and the domain research
 * (section 7, "direction" and "tier above sees"), not read from the daemon's table. */
#include "history_room.h"
#include <stdio.h>
#include <stdlib.h>

/* lanes: 0 flash 1 urgent 2 routine 3 bulk; directions: 0 down 1 up 2 along; reaches: 0 local 1 parent 2 issuer 3 top 4 targets */
static const struct law laws[] = {
    /* An order goes to those it names, through all between; a sibling that it does not name never sees it. */
    { 1, "general_order", LIFE_HANDLING, PLACE_TARGETS, false, 1, 0, 4, 32 },
    { 2, "supervision_letter", LIFE_HANDLING, PLACE_TARGETS, false, 1, 0, 4, 32 },
    { 3, "work_reminder", LIFE_HANDLING, PLACE_TARGETS, false, 1, 0, 4, 32 },
    { 4, "task", LIFE_HANDLING, PLACE_TARGETS, false, 2, 0, 4, 32 },
    { 25, "bulletin", LIFE_HANDLING, PLACE_TARGETS, false, 2, 0, 4, 32 },
    /* Progress answers whoever gave the task, and nobody above unless he wishes it: above that, sums are enough. */
    { PROGRESS, "progress", LIFE_NONE, PLACE_ISSUER, false, 2, 1, 2, 34 },
    /* A problem is shown to the tier above; in full further up only as it is escalated, and down to whom it is assigned. */
    { PROBLEM, "problem", LIFE_PROBLEM, PLACE_PROBLEM, false, 2, 1, 1, 35 },
    /* Fire: "all of it, at once", to every tier above. */
    { EMERGENCY, "emergency", LIFE_EMERGENCY, PLACE_ABOVE, false, 0, 1, 3, 36 },
    /* Who is on duty and sums: the tier above, which makes its own sum of them. */
    { DUTY, "duty", LIFE_NONE, PLACE_PARENT, true, 2, 1, 1, 37 },
    /* A form, for all of them: each version stays, with the tier above as well. */
    { OFFICE, "office", LIFE_NONE, PLACE_PARENT, false, 2, 1, 1, 39 },
    { PATROL, "patrol", LIFE_NONE, PLACE_PARENT, false, 2, 1, 1, 39 },
    { ROLLUP, "rollup", LIFE_NONE, PLACE_PARENT, true, 2, 1, 1, 38 },
    /* A file goes the way of what it belongs to, which each of its pieces says itself: see way_fits. Nothing waits for it. */
    { ATTACHMENT, "attachment", LIFE_NONE, PLACE_HEAD, false, 3, 2, 2, 48 },
    /* Asked of one unit below, through all between. */
    { WISH, "attachment_wish", LIFE_NONE, PLACE_TARGETS, false, 2, 0, 4, 49 },
    /* A move goes where its subject says: see moves_of. */
    { MOVE, "move", LIFE_NONE, PLACE_SUBJECT, false, 2, 2, 2, 33 },
};

const struct law *law_of(uint32_t kind) {
    for (size_t i = 0; i < sizeof laws / sizeof *laws; i++)
        if (laws[i].kind == kind) return &laws[i];
    return NULL;
}

/* "Reach, so that an older relay can forward a kind that it does not know": of a kind that is new here, the head says all. */
static const struct law *law_for(const struct history *h, const struct entry *e) {
    static const struct law newer[] = {
        { .name = "newer", .place = PLACE_PARENT, .reach = 1 }, { .name = "newer", .place = PLACE_ISSUER, .reach = 2 },
        { .name = "newer", .place = PLACE_ABOVE, .reach = 3 }, { .name = "newer", .place = PLACE_TARGETS, .reach = 4 },
    };
    const struct law *law = law_of(e->kind);
    for (size_t i = 0; !law && h->newer && i < sizeof newer / sizeof *newer; i++)
        if (newer[i].reach == e->reach) return &newer[i];
    return law;
}

static enum life life_of_id(const uint8_t id[HISTORY_ID]) {
    const struct law *law = law_of((uint32_t)id[4] << 8 | id[5]);
    return law ? law->life : LIFE_NONE;
}
static uint32_t origin_of_id(const uint8_t id[HISTORY_ID]) { return (uint32_t)id[0] << 24 | (uint32_t)id[1] << 16 | (uint32_t)id[2] << 8 | id[3]; }
static bool author_is(const struct entry *e, const char *who) { return e->author.len == strlen(who) && memcmp(e->author.data, who, e->author.len) == 0; }

/* ---- each record by itself ---------------------------------------------------------------------------------------------------- */

static bool one_of_its_epochs(const struct unit *u, uint32_t epoch) {
    for (size_t i = u->n_epochs; i-- > 0; )
        if (u->epochs[i] == epoch) return true;
    return false;
}

static uint32_t subject_lane(const struct history *h, const struct entry *e, uint32_t otherwise) {
    int32_t s = e->has_subject ? entry_of(h, e->subject) : NONE;
    return s != NONE && h->entries[s].bytes ? h->entries[s].lane : otherwise;
}

/* Down to some units, or up: to one that is named, or as far as a kind goes. */
static bool way_fits(const struct entry *e) {
    struct slice targets = e->targets;
    bool any = target_next(&targets) != 0, more = target_next(&targets) != 0;
    if (e->lane != 3) return false;
    if (e->direction == 0) return e->reach == 4 && (any || e->all);
    if (e->direction != 1 || e->all) return false;
    return e->reach == 2 ? any && !more : !any && e->reach != 4;
}

static void judge_head(struct history *h, const struct entry *e, const struct law *law) {
    char name[96];
    size_t where = set_first(&e->at);
    uint32_t at = h->units[where].code;
    int32_t origin = unit_of(h, e->origin);
    if (origin == NONE) { find(h, "FOREIGN %s at %06u is of a unit that is not in the tree", entry_name(e, name), at); return; }
    const struct unit *u = &h->units[origin];
    if (!one_of_its_epochs(u, e->epoch)) find(h, "FORGED %s at %06u is of an epoch in which %06u never ran", entry_name(e, name), at, e->origin);
    if (e->tier != u->tier) find(h, "HEAD %s at %06u: tier %u, its origin's is %u", entry_name(e, name), at, e->tier, u->tier);
    uint32_t least = e->kind == MOVE ? subject_lane(h, e, law->lane) : law->lane;
    if (e->lane > least) find(h, "HEAD %s at %06u: lane %u is less urgent than %u", entry_name(e, name), at, e->lane, least);
    bool own_way = e->kind == ATTACHMENT && way_fits(e) && e->payload == law->payload;
    if (!own_way && (e->direction != law->direction || e->reach != law->reach || e->payload != law->payload))
        find(h, "HEAD %s at %06u: direction %u, reach %u, payload %u; its kind has %u, %u, %u", entry_name(e, name), at, e->direction, e->reach, e->payload,
             law->direction, law->reach, law->payload);
    if ((e->key.len != 0) != law->is_register) find(h, "HEAD %s at %06u: a key of %zu bytes", entry_name(e, name), at, e->key.len);
    if ((e->kind == MOVE || e->kind == PROGRESS) && !e->has_subject) find(h, "HEAD %s at %06u has no subject", entry_name(e, name), at);
}

/* Of a register the newest stamp is the truth: nobody may be left with an older one. */
static int by_register(const void *one, const void *two) {
    const struct entry *a = *(const struct entry *const *)one, *b = *(const struct entry *const *)two;
    int order = memcmp(a->id, b->id, 6);                 /* origin and kind */
    if (order == 0 && a->key.len != b->key.len) order = a->key.len < b->key.len ? -1 : 1;
    if (order == 0) order = memcmp(a->key.data, b->key.data, a->key.len);
    return order;
}
static int by_age(const void *one, const void *two) {
    const struct entry *a = *(const struct entry *const *)one, *b = *(const struct entry *const *)two;
    int order = by_register(one, two);
    return order ? order : memcmp(a->id + 6, b->id + 6, 12);         /* stamp and epoch */
}

static void judge_registers(struct history *h) {
    const struct entry **list = malloc((h->n_entries + 1) * sizeof *list);
    char name[96];
    size_t n = 0;
    if (!list) abort();
    for (size_t i = 0; i < h->n_entries; i++) {
        const struct entry *e = &h->entries[i];
        int32_t origin = e->bytes && !e->broken ? unit_of(h, e->origin) : NONE;
        struct set at = e->at;
        if (origin != NONE) set_keep(&at, &h->units[origin].above);      /* one that was its parent once is told nothing any more */
        if (e->bytes && !e->broken && e->key.len && !set_none(&at)) list[n++] = e;
    }
    qsort(list, n, sizeof *list, by_age);
    for (size_t i = 0; i + 1 < n; i++)
        if (by_register(&list[i], &list[i + 1]) == 0)
            find(h, "STALE %s stands at %06u, a newer one of %llx at %06u", entry_name(list[i], name), h->units[set_first(&list[i]->at)].code,
                 (unsigned long long)list[i + 1]->stamp, h->units[set_first(&list[i + 1]->at)].code);
    free(list);
}

/* 焦林长督〔2022〕3号: the digits in the first brackets, then the digits behind them. 0: it has none. */
static uint64_t number_of(struct slice s) {
    uint64_t part[2] = { 0, 0 };
    int n = 0;
    for (size_t i = 0; i < s.len && n < 2; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') { if (part[n]) n++; continue; }
        part[n] = part[n] * 10 + (s.data[i] - '0');
    }
    return part[1] ? part[0] << 32 | part[1] : 0;
}

/* A clerk who wrote while his store lacked what it had issued: his daemon says so when that comes back. */
static bool said_twice(struct history *h, const struct entry *e, uint64_t number) {
    bool said = false;
    for (size_t i = 0; i < h->n_twice && !said; i++) said = h->twice[i].unit == e->origin && h->twice[i].kind == e->kind && h->twice[i].number == number;
    said = said && h->units[unit_of(h, e->origin)].losses;
    h->figures.excused += said;
    return said;
}

/* "unique by issuer + year + kind" */
static void judge_number(struct history *h, size_t i) {
    const struct entry *e = &h->entries[i];
    uint64_t number = e->number.len ? number_of(e->number) : 0;
    char name[96], other[96];
    for (size_t j = 0; number && j < i; j++) {
        const struct entry *o = &h->entries[j];
        bool same = o->bytes && o->origin == e->origin && o->kind == e->kind && o->number.len && number_of(o->number) == number && !set_none(&o->at);
        if (same && !said_twice(h, e, number))
            find(h, "NUMBER %s and %s of %06u have the same number %.*s", entry_name(e, name), entry_name(o, other), e->origin, (int)e->number.len,
                 (const char *)e->number.data);
    }
}

void judge_records(struct history *h) {
    char name[96];
    for (size_t i = 0; i < h->n_entries; i++) {
        const struct entry *e = &h->entries[i];
        const struct law *law = law_of(e->kind);
        if (!e->bytes || e->broken || set_none(&e->at)) continue;
        if (!law && h->newer) continue;
        if (!law) { find(h, "KIND %s at %06u is of kind %u, which there is not", entry_name(e, name), h->units[set_first(&e->at)].code, e->kind); continue; }
        judge_head(h, e, law);
        judge_number(h, i);
    }
    judge_registers(h);
}

/* ---- asks and answers ------------------------------------------------------------------------------------------------------------ */

static bool same_text(struct slice a, struct history_text b) { return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0); }

static bool asked_for(const struct history_ask *a, uint32_t unit) {
    for (size_t i = 0; i < a->n_targets; i++)
        if (a->targets[i] == unit) return true;
    return false;
}

/* What a record says that its clerk did not; NULL: it is what he asked for. */
static const char *differs(const struct history *h, const struct entry *e, const struct history_ask *a) {
    enum life life = life_of_id(e->subject);
    if (e->kind != a->kind) return "kind";
    if (e->has_subject ? memcmp(e->subject, a->subject, HISTORY_ID) != 0 : !id_none(a->subject)) return "subject";
    if (!same_text(e->text, a->text)) return "text";
    if (!same_text(e->key, a->key)) return "key";
    if (!same_text(e->number, a->number)) return "number";
    if (e->kind == ATTACHMENT) return NULL;              /* where it goes its subject decides */
    if (e->all != a->all) return "recipients";
    size_t n = 0;
    struct slice targets = e->targets;
    for (uint32_t last = 0, unit; (unit = target_next(&targets)) != 0; last = unit, n++)
        if (!asked_for(a, unit) || unit <= last) return "recipients";
    for (size_t i = 0; i < a->n_targets; i++) {
        bool again = false;
        for (size_t j = 0; j < i; j++) again |= a->targets[j] == a->targets[i];
        n -= !again && !a->all;
    }
    if (n != 0) return "recipients";
    if (e->kind == PROGRESS && (e->as_of != a->as_of || e->numerator != a->numerator || e->denominator != a->denominator)) return "figures";
    if (e->kind == OFFICE && (e->as_of != a->as_of || e->move != a->move || e->unit != a->move_unit || e->numerator != a->numerator)) return "figures";
    if (e->kind != MOVE) return NULL;
    if (e->move != a->move) return "move";
    if (e->move == ASSIGN && e->to_unit != a->to_unit) return "whom it is assigned to";
    int32_t to = e->move == ESCALATE ? unit_of(h, e->to_unit) : NONE, by = unit_of(h, e->origin);
    if (e->move == ESCALATE && (to == NONE || to == by || !set_has(&h->units[by].ever_above, (size_t)to))) return "whom it is escalated to";
    uint32_t unit = life != LIFE_HANDLING ? 0 : origin_of_id(e->subject) == e->origin ? a->move_unit : e->origin;
    return e->unit == unit || (unit == 0 && life == LIFE_HANDLING) ? NULL : "unit";
}

/* What stands without a clerk's request: the daemon's own, of which there are few kinds. */
static bool may_be_by_itself(const struct entry *e) {
    if (e->kind == ATTACHMENT) return author_is(e, "linzhangd");              /* an answer to a wish */
    if (author_is(e, "linzhangd")) return e->kind == ROLLUP || (e->kind == MOVE && (e->move == DELIVER || e->move == URGE || e->move == ESCALATE));
    return e->kind == MOVE && e->move == START;          /* the first progress on a signed task starts it */
}

/* Every record comes from an ask, and says what was asked; an ask leaves one record at most, and none when it was refused. */
static void judge_source(struct history *h, size_t i) {
    struct entry *e = &h->entries[i];
    char name[96];
    uint32_t at = h->units[set_first(&e->at)].code;
    if (e->request.len == 0) {
        if (!may_be_by_itself(e) && !(h->newer && !law_of(e->kind))) find(h, "INVENTED %s at %06u: nobody asked for it", entry_name(e, name), at);
        return;
    }
    int32_t ask = ask_of(h, e->origin, e->request);
    if (ask == NONE) { find(h, "INVENTED %s at %06u: its request is unknown at %06u", entry_name(e, name), at, e->origin); return; }
    bool possible = false;
    for (int32_t a = ask; a != NONE; a = h->asks[a].same) possible |= h->asks[a].answer == ACCEPTED || h->asks[a].answer == UNANSWERED;
    if (!possible) find(h, "REFUSED %s stands at %06u, though %06u refused it", entry_name(e, name), at, e->origin);
    const char *what = differs(h, e, &h->asks[ask].ask);
    if (what) find(h, "CHANGED %s at %06u: its %s is not what was asked for", entry_name(e, name), at, what);
    e->ask = ask;
}

/* The same request twice gives the same answer; that the store which knew it was lost in between is an excuse. */
static void judge_retry(struct history *h, const struct asked *a, size_t losses) {
    char one[96], two[96];
    if (a->answer != ACCEPTED) return;
    for (int32_t o = a->same; o != NONE; o = h->asks[o].same) {
        if (h->asks[o].answer != ACCEPTED || h->asks[o].entry == a->entry) continue;
        if (losses) { h->figures.excused++; continue; }
        find(h, "ANSWER %06u was asked the same again and answered %s, before that %s", a->ask.unit, entry_name(&h->entries[a->entry], one),
             entry_name(&h->entries[h->asks[o].entry], two));
    }
}

static void judge_doubled(struct history *h) {
    char one[96], two[96];
    for (size_t i = 0; i < h->n_entries; i++) {
        struct entry *e = &h->entries[i];
        if (e->ask == NONE) continue;
        struct asked *a = &h->asks[e->ask];              /* the latest of its request: all of one request meet here */
        if (a->entry == NONE || a->entry == (int32_t)i) { a->entry = (int32_t)i; continue; }
        const struct entry *o = &h->entries[a->entry];
        if (o->ask != e->ask || set_none(&o->at)) continue;
        if (h->units[unit_of(h, e->origin)].losses) { h->figures.excused++; continue; }
        find(h, "DOUBLED %06u wrote %s and %s for one request", e->origin, entry_name(o, one), entry_name(e, two));
    }
}

void judge_asks(struct history *h) {
    uint64_t last[HISTORY_UNITS] = { 0 };
    uint32_t epoch[HISTORY_UNITS] = { 0 };
    char name[96];
    for (size_t i = 0; i < h->n_asks; i++) {
        const struct asked *a = &h->asks[i];
        int32_t u = unit_of(h, a->ask.unit);
        h->figures.accepted += a->answer == ACCEPTED;
        h->figures.refused += a->answer == REFUSED;
        h->figures.unanswered += a->answer == UNANSWERED;
        if (a->answer == OPEN || (a->answer == UNANSWERED && h->units[u].deaths == a->deaths))
            find(h, "UNANSWERED an ask of kind %u at %06u, which did not die over it", a->ask.kind, a->ask.unit);
        judge_retry(h, a, h->units[u].losses);
        if (a->answer != ACCEPTED) continue;
        const struct entry *e = &h->entries[a->entry];
        if (e->origin != a->ask.unit || e->kind != a->ask.kind) find(h, "ANSWER %06u gave out %s for kind %u", a->ask.unit, entry_name(e, name), a->ask.kind);
        if (a->same == NONE && e->epoch == epoch[u] && e->stamp <= last[u])
            find(h, "ORDER %06u gave out %s after a higher stamp", a->ask.unit, entry_name(e, name));
        epoch[u] = e->epoch;
        last[u] = e->stamp;
    }
    for (size_t i = 0; i < h->n_entries; i++)
        if (h->entries[i].bytes && !h->entries[i].broken && !set_none(&h->entries[i].at) && unit_of(h, h->entries[i].origin) != NONE) judge_source(h, i);
    judge_doubled(h);
}

/* ---- who holds it ------------------------------------------------------------------------------------------------------------------- */

/* An order to all is for whoever stood below its issuer while it went out: one that has gone to another parent keeps what it has. */
static bool is_recipient(const struct history *h, const struct entry *d, uint32_t unit) {
    int32_t u = unit_of(h, unit), issuer = unit_of(h, d->origin);
    if (d->all) return u != NONE && issuer != NONE && u != issuer && set_has(&h->units[issuer].ever_below, (size_t)u);
    struct slice targets = d->targets;
    for (uint32_t t; (t = target_next(&targets)) != 0; )
        if (t == unit) return true;
    return false;
}

/* From one unit up to (or down from) another, both included; nothing when neither stands above the other. */
static void add_path(const struct history *h, uint32_t high, uint32_t low, struct set *must, struct set *may) {
    int32_t a = unit_of(h, high), b = unit_of(h, low);
    if (a == NONE || b == NONE) return;
    struct set now = h->units[b].above, ever = h->units[b].ever_above;
    set_keep(&now, &h->units[a].below);
    set_keep(&ever, &h->units[a].ever_below);
    if (must) set_join(must, &now);
    set_join(may, &ever);
}

static void add_parent(const struct history *h, int32_t of, struct set *must, struct set *may) {
    if (h->units[of].up != NONE) set_add(must, (size_t)h->units[of].up);
    set_join(may, must);
    for (size_t i = 0; i < h->n_units; i++)              /* one that once stood directly above it */
        if (set_has(&h->units[of].ever_above, i) && !set_has(&h->units[of].above, i)) set_add(may, i);
}

/* Where a problem must be known in full: with its finder and the unit above it; above whoever escalated it; and on the way to
 * whom it was assigned. What has no effect (an escalation that came too late) gives leave, no duty. */
static void places_of_problem(const struct history *h, struct entry *e, int32_t origin) {
    struct in_effect effects;
    struct folded s;
    add_parent(h, origin, &e->must, &e->may);
    fold_effects(h, e, &s, &effects);
    for (size_t i = 0; i < effects.n; i++) {
        const struct entry *m = effects.of[i];
        if (m->move == ESCALATE) add_path(h, m->to_unit, m->origin, &e->must, &e->may);
        if (m->move == ASSIGN) add_path(h, m->origin, m->to_unit, &e->must, &e->may);
    }
    for (int32_t i = e->moves; i != NONE; i = h->entries[i].next_of_subject) {
        const struct entry *m = &h->entries[i];
        if (m->move == ESCALATE && !set_none(&m->at)) add_path(h, m->to_unit, m->origin, NULL, &e->may);
    }
}

static void places_of_move(const struct history *h, struct entry *e) {
    enum life life = life_of_id(e->subject);
    uint32_t issuer = origin_of_id(e->subject);
    int32_t subject = entry_of(h, e->subject);
    const struct entry *s = subject == NONE || !h->entries[subject].bytes ? NULL : &h->entries[subject];
    if (life == LIFE_HANDLING && e->origin != issuer) add_path(h, issuer, e->origin, &e->must, &e->may);      /* to the issuer, and no further */
    else if (life == LIFE_HANDLING && e->unit) add_path(h, issuer, e->unit, &e->must, &e->may);               /* a ruling: to whom it concerns */
    else if (s) {                                        /* with its subject, wherever that is */
        int32_t by = unit_of(h, e->origin), finder = unit_of(h, s->origin);
        bool in_line = set_has(&h->units[by].above, (size_t)finder) || set_has(&h->units[by].below, (size_t)finder);
        if (in_line) set_join(&e->must, &s->must);       /* what one did whom the finder has left stays with those who have it */
        set_join(&e->may, &s->may);
    }
}

static void places_of_file(const struct history *h, struct entry *e, int32_t origin) {
    struct slice targets = e->targets;
    if (e->direction == 1 && e->reach == 1) add_parent(h, origin, &e->must, &e->may);
    if (e->direction == 1 && e->reach == 2) add_path(h, target_next(&targets), e->origin, &e->must, &e->may);
    if (e->direction == 1 && e->reach == 3) { set_join(&e->must, &h->units[origin].above); set_join(&e->may, &h->units[origin].ever_above); }
    if (e->direction == 1) return;
    if (e->all) { set_join(&e->must, &h->units[origin].below); set_join(&e->may, &h->units[origin].ever_below); }
    for (uint32_t t; (t = target_next(&targets)) != 0; ) add_path(h, e->origin, t, &e->must, &e->may);
}

static void places_of(const struct history *h, struct entry *e, const struct law *law, int32_t origin) {
    set_add(&e->must, (size_t)origin);
    set_add(&e->may, (size_t)origin);
    struct slice targets = e->targets;
    switch (law->place) {
    case PLACE_TARGETS:
        if (e->all) { set_join(&e->must, &h->units[origin].below); set_join(&e->may, &h->units[origin].ever_below); }
        for (uint32_t t; (t = target_next(&targets)) != 0; ) add_path(h, e->origin, t, &e->must, &e->may);
        break;
    case PLACE_ISSUER: add_path(h, origin_of_id(e->subject), e->origin, &e->must, &e->may); break;
    case PLACE_ABOVE: set_join(&e->must, &h->units[origin].above); set_join(&e->may, &h->units[origin].ever_above); break;
    case PLACE_PARENT: add_parent(h, origin, &e->must, &e->may); break;
    case PLACE_PROBLEM: places_of_problem(h, e, origin); break;
    case PLACE_SUBJECT: places_of_move(h, e); break;
    case PLACE_HEAD: places_of_file(h, e, origin); break;
    }
    /* One that went to another parent offers it the whole feed that it has for a parent, from the first record on. */
    if (!set_same(&h->units[origin].above, &h->units[origin].ever_above)) set_join(&e->may, &h->units[origin].ever_above);
    if (h->wish == e->kind) { set_join(&e->must, &h->units[origin].above); set_join(&e->may, &h->units[origin].ever_above); }
}

/* A move or a progress whose subject is gone stays where it was written: nobody can say where it belongs. */
static bool subject_gone(const struct history *h, const struct entry *e) {
    int32_t s = e->has_subject ? entry_of(h, e->subject) : NONE;
    return s != NONE && (h->entries[s].gone || !h->entries[s].bytes);
}

/* An older register gives way; only a lost line's higher stamp, with a clock set back, may cover one that came later. */
static bool covered(struct history *h, const struct entry *e) {
    const struct asked *a = NULL;
    const struct entry *by = NULL;
    if (!law_of(e->kind) || !law_of(e->kind)->is_register) return false;
    for (size_t i = 0; i < h->n_asks; i++)
        if (h->asks[i].answer == ACCEPTED && memcmp(h->entries[h->asks[i].entry].id, e->id, HISTORY_ID) == 0) a = &h->asks[i];
    for (size_t i = 0; i < h->n_entries; i++) {
        const struct entry *o = &h->entries[i];
        if (o->kind != e->kind || o->origin != e->origin || o == e || !o->bytes || set_none(&o->at)) continue;
        bool same = a ? same_text(o->key, a->ask.key) : o->key.len == e->key.len && memcmp(o->key.data, e->key.data, e->key.len) == 0;
        if (same && (o->stamp > e->stamp || (o->stamp == e->stamp && o->epoch > e->epoch))) by = o;
    }
    if (!by || !a || by->ask == NONE || h->asks[by->ask].entry == NONE || &h->asks[by->ask] >= a) return by != NULL;
    const struct unit *u = &h->units[unit_of(h, e->origin)];
    h->figures.excused += u->losses && u->clocks;
    return u->losses && u->clocks;
}

/* An older register that is left only where nobody tells its origin's news any more: with one that was its parent once. */
static bool left_behind(struct history *h, const struct entry *e) {
    struct set line = e->at;
    if (!e->key.len) return false;
    set_keep(&line, &h->units[unit_of(h, e->origin)].above);
    return set_none(&line) && covered(h, e);
}

static void judge_place(struct history *h, struct entry *e) {
    char name[96];
    struct set missing = e->must, leaked = e->at;
    set_drop(&missing, &e->at);
    set_drop(&leaked, &e->may);
    bool waits = subject_gone(h, e);
    h->figures.excused += waits;
    if (waits) { memset(&missing, 0, sizeof missing); set_add(&missing, (size_t)unit_of(h, e->origin)); set_drop(&missing, &e->at); }
    if (e->gone || left_behind(h, e)) memset(&missing, 0, sizeof missing);
    if (waits && life_of_id(e->subject) != LIFE_HANDLING) memset(&leaked, 0, sizeof leaked);
    for (size_t i = 0; i < h->n_units; i++) {
        if (set_has(&missing, i)) find(h, "LOST %s%s is not at %06u", entry_name(e, name), e->told ? ", which a clerk was promised," : "", h->units[i].code);
        if (set_has(&leaked, i)) find(h, "LEAK %s is at %06u, where it must not be", entry_name(e, name), h->units[i].code);
    }
}

void judge_places(struct history *h) {
    char name[96];
    for (int pass = 0; pass < 2; pass++)                 /* subjects first: moves go with them */
        for (size_t i = 0; i < h->n_entries; i++) {
            struct entry *e = &h->entries[i];
            const struct law *law = law_for(h, e);
            int32_t origin = unit_of(h, e->origin);
            if (!law || origin == NONE || e->broken || (law->place == PLACE_SUBJECT) != (pass == 1)) continue;
            if (set_none(&e->at)) {
                if (!e->told || covered(h, e)) continue;
                if (e->gone) { h->figures.excused++; continue; }
                find(h, "LOST %s, which a clerk was promised, is nowhere, not even at %06u", entry_name(e, name), e->origin);
                continue;
            }
            places_of(h, e, law, origin);
            judge_place(h, e);
        }
}

/* ---- what clerks are shown -------------------------------------------------------------------------------------------------------------- */

/* A problem is judged late or returned where its finder or its handler stands at or below, and its owner in the same line; elsewhere it is
 * shown as it is, and is nobody's lateness: its owner is another unit's parent now, or it was handed to another. */
static bool is_business_of(const struct history *h, const struct entry *e, const struct folded *s, int32_t at) {
    int32_t origin = unit_of(h, e->origin), owner = unit_of(h, s->owner), handler = s->handler ? unit_of(h, s->handler) : NONE;
    if (law_of(e->kind)->life != LIFE_PROBLEM) return true;
    bool line = owner != NONE && (set_has(&h->units[at].above, (size_t)owner) || set_has(&h->units[at].below, (size_t)owner));
    return line && (set_has(&h->units[origin].above, (size_t)at) || (handler != NONE && set_has(&h->units[handler].above, (size_t)at)));
}

static void judge_row(struct history *h, const struct entry *subject, enum life life, const struct row *row) {
    const struct history_standing *r = &row->row;
    struct folded s;
    char name[96];
    uint32_t at = h->units[row->at].code;
    if (life == LIFE_HANDLING ? !is_recipient(h, subject, r->unit) : r->unit != 0) {
        find(h, "STRANGER %s is shown for %06u at %06u, to whom it was not sent", entry_name(subject, name), r->unit, at);
        return;
    }
    fold(h, subject, r->unit, row->at, &s);
    if (row->state != s.state || r->owner != s.owner || r->handler != s.handler || r->returns != s.returns || r->urges != s.urges)
        find(h, "STANDING %s for %06u at %06u: shown %s, owner %06u, handler %06u, %u returns, %u urges; its moves give %s, %06u, %06u, %u, %u",
             entry_name(subject, name), r->unit, at, r->state, r->owner, r->handler, r->returns, r->urges, state_text(life, s.state), s.owner, s.handler,
             s.returns, s.urges);
    if (life == LIFE_HANDLING && (r->n_progress != s.n_progress || (s.n_progress && (r->numerator != s.numerator || r->denominator != s.denominator))))
        find(h, "PROGRESS %s for %06u at %06u: shown %u, the latest %lld of %lld; the records give %u, %lld of %lld", entry_name(subject, name), r->unit, at,
             r->n_progress, (long long)r->numerator, (long long)r->denominator, s.n_progress, (long long)s.numerator, (long long)s.denominator);
    if (!state_is_open(life, s.state) && r->colour)
        find(h, "COLOUR %s for %06u at %06u is over and shows %u", entry_name(subject, name), r->unit, at, r->colour);
    bool reported = life == LIFE_HANDLING && s.state == 4;
    if (state_is_open(life, s.state) && life != LIFE_EMERGENCY && !reported && s.returns && r->colour < 2 && is_business_of(h, subject, &s, row->at))
        find(h, "COLOUR %s for %06u at %06u was returned and shows %u", entry_name(subject, name), r->unit, at, r->colour);
}

static const struct row *row_at(const struct history *h, const struct entry *subject, uint32_t unit, int32_t at) {
    for (int32_t i = subject->rows; i != NONE; i = h->rows[i].next)
        if (h->rows[i].at == at && h->rows[i].row.unit == unit) return &h->rows[i];
    return NULL;
}

/* A move that is out of reach of its origin, which lost it: a ruling from which the recipient goes on, or what the recipient did and
 * only its issuer still knows. */
static bool move_gone(const struct history *h, const struct entry *d, int32_t u, int32_t issuer) {
    for (int32_t i = d->moves; i != NONE; i = h->entries[i].next_of_subject) {
        const struct entry *m = &h->entries[i];
        bool of_this = m->unit == 0 || m->unit == h->units[u].code;
        if (of_this && m->gone && set_has(&m->at, (size_t)u) != set_has(&m->at, (size_t)issuer)) return true;
    }
    return false;
}

/* A recipient has it delivered, once, and its issuer sees it as it is. */
static void judge_recipient(struct history *h, const struct entry *d, int32_t u) {
    char name[96];
    struct folded all;
    uint32_t unit = h->units[u].code;
    int32_t issuer = unit_of(h, d->origin);
    if (!set_has(&d->at, (size_t)u) || !set_has(&d->at, (size_t)issuer)) return;       /* LOST was said already */
    const struct row *here = row_at(h, d, unit, u), *there = row_at(h, d, unit, issuer);
    if (!here || !there) {
        find(h, "STANDING %s for %06u is not shown at %06u", entry_name(d, name), unit, here ? d->origin : unit);
        return;
    }
    if (here->state == 0) find(h, "DELIVERED %s was never delivered at %06u", entry_name(d, name), unit);
    bool hole = here->state != there->state && move_gone(h, d, u, issuer);
    h->figures.excused += hole;
    if (here->state != there->state && !hole)
        find(h, "STANDING %s for %06u is %s there and %s at its issuer %06u", entry_name(d, name), unit, here->row.state, there->row.state, d->origin);
    fold(h, d, unit, NONE, &all);
    if (all.deliveries < 2) return;
    if (h->units[u].losses) h->figures.excused++;
    else find(h, "DELIVERED %s was delivered %u times at %06u", entry_name(d, name), all.deliveries, unit);
}

/* No problem is lost on its way: whoever must know it shows it, and the unit that it now belongs to is among them. */
static void judge_owner(struct history *h, const struct entry *e) {
    char name[96];
    struct folded s;
    fold(h, e, 0, NONE, &s);
    int32_t owner = unit_of(h, s.owner);
    for (size_t i = 0; i < h->n_units; i++)
        if (set_has(&e->at, i) && !row_at(h, e, 0, (int32_t)i)) find(h, "STANDING %s is not shown at %06u", entry_name(e, name), h->units[i].code);
    if (law_of(e->kind)->life == LIFE_PROBLEM && (owner == NONE || !set_has(&e->at, (size_t)owner)) && !e->gone)
        find(h, "OWNER %s belongs to %06u, which does not have it", entry_name(e, name), s.owner);
}

void judge_standings(struct history *h) {
    for (size_t i = 0; i < h->n_entries; i++) {
        const struct entry *e = &h->entries[i];
        const struct law *law = law_of(e->kind);
        if (!law || law->life == LIFE_NONE || !e->bytes || e->broken) continue;
        for (int32_t r = e->rows; r != NONE; r = h->rows[r].next)
            if (set_has(&e->at, (size_t)h->rows[r].at)) judge_row(h, e, law->life, &h->rows[r]);
        if (law->life != LIFE_HANDLING) { judge_owner(h, e); continue; }
        for (size_t u = 0; u < h->n_units; u++)
            if (set_has(&e->must, u) && is_recipient(h, e, h->units[u].code)) judge_recipient(h, e, (int32_t)u);
    }
}

/* ---- sums -------------------------------------------------------------------------------------------------------------------------------- */

/* 0..15 by state, 16 all, 17..20 green blue yellow red, 21 returns, 22 urges, 23 reporting, 24 numerator, 25 denominator, 26 records */
static void contribution(const struct folded *s, uint32_t colour, int64_t out[HISTORY_COUNTERS]) {
    memset(out, 0, HISTORY_COUNTERS * sizeof *out);
    out[s->state] = out[16] = 1;
    out[17 + (colour < 4 ? colour : 0)] = 1;             /* as its own row shows it: only a judgement changes a colour */
    out[21] = s->returns;
    out[22] = s->urges;
    if (s->n_progress == 0) return;
    out[23] = 1;
    out[24] = s->numerator;
    out[25] = s->denominator;
    out[26] = s->n_progress;
}

struct totals { int64_t of[HISTORY_UNITS][HISTORY_COUNTERS]; };

/* A unit's part counts at itself and at every unit above it. */
static void add(const struct history *h, struct totals *t, int32_t unit, const int64_t part[HISTORY_COUNTERS]) {
    for (int32_t at = unit, depth = 0; at != NONE && depth < 32; at = h->units[at].up, depth++)
        for (size_t c = 0; c < HISTORY_COUNTERS; c++) t->of[at][c] += part[c];
}

static void judge_totals(struct history *h, const struct totals *t, int32_t sums, const char *what) {
    static const int64_t none[HISTORY_COUNTERS];
    struct set shown = { { 0 } };
    for (int32_t i = sums; i != NONE; i = h->sums[i].next) {
        const struct sum *s = &h->sums[i];
        set_add(&shown, (size_t)s->at);
        for (size_t c = 0; c < HISTORY_COUNTERS; c++) {
            if (s->of[c] == t->of[s->at][c]) continue;
            find(h, "SUM of %s at %06u: counter %zu shows %lld, its subtree's records give %lld", what, h->units[s->at].code, c, (long long)s->of[c],
                 (long long)t->of[s->at][c]);
            break;
        }
    }
    for (size_t i = 0; i < h->n_units; i++)
        if (!set_has(&shown, i) && memcmp(t->of[i], none, sizeof none) != 0)
            find(h, "SUM of %s is not shown at %06u, and is not nothing", what, h->units[i].code);
}

static void add_one(struct history *h, const struct entry *e, int32_t u, struct totals *one, struct totals *kind) {
    struct folded s;
    int64_t part[HISTORY_COUNTERS];
    uint32_t unit = law_of(e->kind)->life == LIFE_HANDLING ? h->units[u].code : 0;
    const struct row *row = row_at(h, e, unit, u);
    if (!set_has(&e->at, (size_t)u)) return;
    fold(h, e, unit, u, &s);
    contribution(&s, row ? row->row.colour : 0, part);
    if (one) add(h, one, u, part);
    add(h, kind, u, part);
}

/* ---- offices: "a register in dated versions; the tier above sees set up of planned, posts" ---- */

enum { OFFICE_PLANNED = 0, OFFICE_ENDED = 3, OFFICE_TIERS = 3, ALL = 16, REPORTING = 23, COUNTED = 26, POSTS = 27 };

/* Of an office the version with the latest day holds, then the one written last. All days are past in these worlds. */
static bool holds_after(const struct entry *a, const struct entry *b) {
    if (a->as_of != b->as_of) return a->as_of > b->as_of;
    return a->stamp != b->stamp ? a->stamp > b->stamp : a->epoch > b->epoch;
}

static bool is_latest(const struct history *h, const struct entry *e, int32_t unit) {
    for (size_t i = 0; i < h->n_entries; i++) {
        const struct entry *o = &h->entries[i];
        if (o == e || o->kind != OFFICE || o->origin != e->origin || !o->bytes || o->broken || !set_has(&o->at, (size_t)unit)) continue;
        if (o->number.len == e->number.len && memcmp(o->number.data, e->number.data, e->number.len) == 0 && holds_after(o, e)) return false;
    }
    return true;
}

static void add_office(const struct entry *e, int64_t part[HISTORY_COUNTERS]) {
    part[ALL]++;
    part[e->move < ALL ? e->move : 0]++;
    if (e->move == OFFICE_PLANNED || e->move == OFFICE_ENDED) return;
    part[COUNTED]++;
    part[REPORTING] = 1;
    part[POSTS] += e->numerator;
}

static void judge_offices(struct history *h) {
    static const struct totals zero;
    static struct totals kind, tiers[OFFICE_TIERS];      /* large */
    memcpy(&kind, &zero, sizeof kind);
    for (size_t t = 0; t < OFFICE_TIERS; t++) memcpy(&tiers[t], &zero, sizeof kind);
    for (size_t u = 0; u < h->n_units; u++) {
        int64_t own[HISTORY_COUNTERS] = { 0 }, by_tier[OFFICE_TIERS][HISTORY_COUNTERS] = { { 0 } };
        for (size_t i = 0; i < h->n_entries; i++) {
            const struct entry *e = &h->entries[i];
            if (e->kind != OFFICE || e->origin != h->units[u].code || !e->bytes || e->broken || !set_has(&e->at, u)) continue;
            if (e->unit >= OFFICE_TIERS || !is_latest(h, e, (int32_t)u)) continue;
            add_office(e, own);
            add_office(e, by_tier[e->unit]);
        }
        add(h, &kind, (int32_t)u, own);
        for (size_t t = 0; t < OFFICE_TIERS; t++) add(h, &tiers[t], (int32_t)u, by_tier[t]);
    }
    judge_totals(h, &kind, h->kind_sums[OFFICE], "office");
    for (size_t t = 0; t < OFFICE_TIERS; t++) {
        const uint8_t heading[HISTORY_ID] = { 0, 0, 0, 1, 0, OFFICE, 0x80, 0, 0, (uint8_t)(t + 1) };
        int32_t of = entry_of(h, heading);
        judge_totals(h, &tiers[t], of == NONE ? NONE : h->entries[of].sums, "office of one tier");
    }
}

void judge_sums(struct history *h) {
    static const struct totals zero;
    struct totals one, kind;
    char name[96];
    for (size_t k = 0; k < sizeof laws / sizeof *laws; k++) {
        if (laws[k].life == LIFE_NONE) continue;
        memcpy(&kind, &zero, sizeof kind);
        for (size_t i = 0; i < h->n_entries; i++) {
            const struct entry *e = &h->entries[i];
            if (e->kind != laws[k].kind || !e->bytes || e->broken) continue;
            if (laws[k].life != LIFE_HANDLING) {         /* the finder counts a problem, an emergency */
                int32_t finder = unit_of(h, e->origin);
                if (finder != NONE) add_one(h, e, finder, NULL, &kind);
                continue;
            }
            memset(one.of, 0, h->n_units * sizeof one.of[0]);
            for (size_t u = 0; u < h->n_units; u++)      /* the recipient counts a directive */
                if (set_has(&e->at, u) && h->units[u].code != e->origin && is_recipient(h, e, h->units[u].code)) add_one(h, e, (int32_t)u, &one, &kind);
            judge_totals(h, &one, e->sums, entry_name(e, name));
        }
        judge_totals(h, &kind, h->kind_sums[laws[k].kind], laws[k].name);
    }
    judge_offices(h);
}

/* ---- how far one follows another ----------------------------------------------------------------------------------------------------------- */

/* No more was acknowledged than the one that follows has on its disk. */
void judge_follows(struct history *h) {
    for (size_t i = 0; i < h->n_follows; i++) {
        const struct follow *f = &h->follows[i];
        int32_t a = unit_of(h, f->unit), b = unit_of(h, f->peer);
        if (f->side != HISTORY_IS_FOLLOWED || a == NONE || b == NONE || (h->units[a].up != b && h->units[b].up != a)) continue;
        int32_t other = follow_of(h, f->peer, f->unit, HISTORY_FOLLOWS, f->feed);
        uint64_t there = other == NONE ? 0 : h->follows[other].position;
        if (f->position > there)
            find(h, "ACKNOWLEDGED %llu of feed %llx of %06u by %06u, whose disk says %llu", (unsigned long long)f->position, (unsigned long long)f->feed,
                 f->unit, f->peer, (unsigned long long)there);
    }
}
