/* route: which feeds a record enters at this node.
 *
 * A function of the record, what is known of its subject, and the enrolled children. When a standing changes, the caller asks
 * again for all records of the subject; feeds only gain. Nothing that is addressed to one child goes into `all`, and nothing
 * is sent back to the side that it came from. */
#include "core.h"

static void enter(struct route *route, uint32_t scope, uint8_t lane) {
    LZ_ASSERT(route->n_feeds < LZ_COUNT(route->feeds));
    route->feeds[route->n_feeds++] = (struct feed_id){ scope, lane };
}

static bool child_in(const struct child *child, const uint32_t *units, size_t n) {
    /* both ascending: walk them together */
    for (size_t i = 0, j = 0; i < n && j < child->n_subtree; ) {
        if (units[i] == child->subtree[j]) return true;
        if (units[i] < child->subtree[j]) i++; else j++;
    }
    return false;
}

static bool above(uint32_t unit, const struct route_facts *facts, const struct roster *roster) {
    return unit != 0 && unit != facts->unit && !roster_holding(roster, unit);
}

/* Down to the units it names. Each child's own feed, so that a sibling never sees it. */
static void down_to(const uint32_t *units, size_t n, uint32_t not_from, uint8_t lane, const struct roster *roster, struct route *route) {
    for (size_t i = 0; i < roster->n_children; i++) {
        const struct child *child = &roster->children[i];
        if (child_in(child, units, n) && !child_holds(child, not_from)) enter(route, child->code, lane);
    }
}

static void route_down(const struct record *r, const struct route_facts *facts, const struct roster *roster, struct route *route) {
    (void)facts;
    if (roster_holding(roster, r->origin)) return;               /* a subordinate's own order does not come back down */
    if (r->target_all) enter(route, SCOPE_ALL, r->lane);
    else down_to(r->targets, r->n_targets, r->origin, r->lane, roster, route);
}

static void route_up(const struct record *r, const struct route_facts *facts, const struct roster *roster, struct route *route) {
    if (!facts->has_parent || facts->from_parent) return;
    bool up = r->origin == facts->unit || facts->wished;
    uint8_t lane = r->lane;
    switch ((enum reach)r->reach) {
    case REACH_TOP: up = true; break;
    case REACH_ISSUER: up = above(facts->issuer, facts, roster) || facts->wished; break;
    case REACH_PARENT:
        if (r->kind == KIND_problem && facts->parent_knows) up = true;
        break;
    case REACH_LOCAL: case REACH_TARGETS: case REACH_COUNT: up = false; break;
    }
    if (!up) return;
    enter(route, SCOPE_UP, lane);
    /* an escalated problem overtakes the backlog: it stands in the urgent feed as well, the second arrival has no effect */
    if (r->kind == KIND_problem && facts->escalated && lane > LANE_URGENT) enter(route, SCOPE_UP, LANE_URGENT);
}

static void route_move(const struct record *r, const struct route_facts *facts, const struct roster *roster, struct route *route) {
    const struct kind_row *subject = kind_row(r->subject.kind);
    if (!facts->subject_here || !subject) return;                /* waits in the index until its subject arrives */
    uint8_t lane = facts->subject_lane;
    bool up = facts->has_parent && !facts->from_parent;
    switch (subject->machine) {
    case MACHINE_HANDLING:
        if (r->origin != facts->issuer) {                        /* a recipient's: to the issuer, and no further */
            if (up && above(facts->issuer, facts, roster)) enter(route, SCOPE_UP, lane);
        } else if (!roster_holding(roster, facts->issuer)) {     /* a ruling: to whom it concerns */
            if (r->of.move.unit) down_to(&r->of.move.unit, 1, r->origin, lane, roster, route);
            else if (facts->subject_all) enter(route, SCOPE_ALL, lane);
            else down_to(facts->involved, facts->n_involved, r->origin, lane, roster, route);
        }
        break;
    case MACHINE_PROBLEM:
        if (up && facts->parent_knows) enter(route, SCOPE_UP, lane);
        down_to(facts->involved, facts->n_involved, r->origin, lane, roster, route);
        break;
    case MACHINE_EMERGENCY:
        if (up) enter(route, SCOPE_UP, lane);
        break;
    case MACHINE_NONE: case MACHINE_COUNT: break;
    }
}

static void to_neighbours(const struct record *r, const struct route_facts *facts, const struct roster *roster, struct route *route) {
    if (r->reach == REACH_LOCAL) return;
    if (r->kind == KIND_move) { route_move(r, facts, roster, route); return; }
    switch ((enum direction)r->direction) {
    case DIRECTION_DOWN: route_down(r, facts, roster, route); break;
    case DIRECTION_UP:
        route_up(r, facts, roster, route);
        /* a problem assigned to another unit below goes to it in full */
        if (r->kind == KIND_problem) down_to(facts->involved, facts->n_involved, r->origin, facts->subject_lane, roster, route);
        break;
    case DIRECTION_ALONG: case DIRECTION_COUNT: break;
    }
}

void route_record(const struct record *r, const struct route_facts *facts, const struct roster *roster, struct route *route) {
    LZ_ASSERT(r->lane < LANE_COUNT && facts->unit != 0);
    LZ_ASSERT(facts->subject_lane < LANE_COUNT);
    route->n_feeds = 0;
    to_neighbours(r, facts, roster, route);
    if (facts->exporting) enter(route, SCOPE_EXPORT, LANE_BULK);
}
