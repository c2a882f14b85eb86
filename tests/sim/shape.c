/* shape: the tree of a world, its divisions and rosters; who is enrolled where, and how that changes. */
#include "world.h"
#include "history.h"
#include <stdio.h>
#include <stdlib.h>

/* ---- codes ------------------------------------------------------------------------------------------------------------------ */

static uint16_t *slot_of(struct world *w, uint32_t code) {
    size_t at = (code * 2654435761u >> 16) % LZ_COUNT(w->index_of);
    while (w->index_of[at] && w->nodes[w->index_of[at] - 1].code != code) at = (at + 1) % LZ_COUNT(w->index_of);
    return &w->index_of[at];
}

struct node *node_of(struct world *w, uint32_t code) {
    uint16_t at = *slot_of(w, code);
    return at ? &w->nodes[at - 1] : NULL;
}

/* Indices rise along a list of children. */
static void put_beside(struct world *w, struct node *n) {
    if (n->up_index < 0) return;
    struct node *up = &w->nodes[n->up_index];
    if (up->last_below < 0) up->first_below = n->index;
    else w->nodes[up->last_below].next_beside = n->index;
    up->last_below = n->index;
}

void shape_kin(struct world *w) {
    for (int i = 0; i < w->n_nodes; i++) w->nodes[i].first_below = w->nodes[i].last_below = w->nodes[i].next_beside = -1;
    for (int i = 0; i < w->n_nodes; i++) put_beside(w, &w->nodes[i]);
}

void world_add(struct world *w, uint32_t code, uint32_t parent, uint8_t tier, bool enrolled) {
    LZ_ASSERT(w->n_nodes < NODES_MAX && !node_of(w, code));
    struct node *n = &w->nodes[w->n_nodes], *up = parent ? node_of(w, parent) : NULL;
    *n = (struct node){ .code = code, .parent = parent, .tier = tier, .index = w->n_nodes, .up_index = up ? up->index : -1, .enrolled = enrolled, .world = w,
                        .first_below = -1, .last_below = -1, .next_beside = -1, .speaks_as = w->n_nodes, .program = &program_new };
    snprintf(n->path, sizeof n->path, "%.120s/%u", w->dir, code);
    snprintf(n->backup, sizeof n->backup, "%.120s/%u.copy", w->dir, code);
    n->roster = roster_create();
    w->n_nodes++;
    *slot_of(w, code) = (uint16_t)w->n_nodes;
    w->n_trees = 1;
    w->trees[0].up[n->index] = (int16_t)n->up_index;
    put_beside(w, n);
}

/* ---- who is below whom ------------------------------------------------------------------------------------------------------- */

static bool below_in(const struct world *w, const struct tree *tree, uint32_t unit, uint32_t of) {
    const struct node *n = node_of((struct world *)(uintptr_t)w, unit), *top = node_of((struct world *)(uintptr_t)w, of);
    if (!n || !top) return false;
    for (int at = n->index; at >= 0; at = tree->up[at])
        if (at == top->index) return true;
    return false;
}

bool world_below(const struct world *w, uint32_t unit, uint32_t of) { return below_in(w, &w->trees[w->n_trees - 1], unit, of); }

bool world_was_below(const struct world *w, uint32_t unit, uint32_t of) {
    for (int i = 0; i < w->n_trees; i++)
        if (below_in(w, &w->trees[i], unit, of)) return true;
    return false;
}

bool world_was_parent(const struct world *w, const struct node *child, const struct node *parent) {
    for (int i = 0; i < w->n_trees; i++)
        if (w->trees[i].up[child->index] == parent->index) return true;
    return false;
}

/* It, or somebody above it, has had more than one parent. */
bool world_moved(const struct world *w, uint32_t unit) {
    for (const struct node *n = node_of((struct world *)(uintptr_t)w, unit); n; n = n->up_index < 0 ? NULL : &w->nodes[n->up_index])
        for (int i = 0; i < w->n_trees; i++)
            if (w->trees[i].up[n->index] >= 0 && w->trees[i].up[n->index] != n->up_index) return true;
    return false;
}

bool world_attached(const struct world *w, const struct node *n) {
    for (; n->up_index >= 0; n = &w->nodes[n->up_index])
        if (!n->enrolled) return false;
    return true;
}

static void tree_changed(struct world *w, int child, int up) {
    LZ_ASSERT(w->n_trees < TREES_MAX);
    w->trees[w->n_trees] = w->trees[w->n_trees - 1];
    w->trees[w->n_trees++].up[child] = (int16_t)up;
    history_unit(w->history, w->nodes[child].code, up < 0 ? 0 : w->nodes[up].code, w->nodes[child].tier);
}

/* ---- divisions and rosters --------------------------------------------------------------------------------------------------- */

void shape_roster_put(struct world *w, struct node *parent, const struct node *child) {
    uint32_t subtree[NODES_MAX];
    size_t count = 0;
    uint8_t key[32], secret[32];
    carry_keys(child->code, key, secret);
    for (int i = 0; i < w->n_nodes; i++)
        if (world_below(w, w->nodes[i].code, child->code)) subtree[count++] = w->nodes[i].code;
    struct lz_fail fail = { 0 };
    enum lz_err err = roster_add(parent->roster, child->code, key, subtree, count, &fail);
    if (err != LZ_ok) { fprintf(stderr, "roster: %s\n", fail.text); abort(); }
}

/* A new edition of the divisions file; a daemon reads it when it starts. */
void world_make_units(struct world *w) {
    size_t size = (size_t)w->n_nodes * 64 + 64;
    char *text = malloc(size);
    LZ_ASSERT(text && w->n_units < UNITS_VERSIONS);
    size_t n = (size_t)snprintf(text, size, "code\tname_zh\ttier\tparent_code\tcode_system\n");
    for (int i = 0; i < w->n_nodes; i++) {
        const struct node *d = &w->nodes[i];
        char parent[16];
        snprintf(parent, sizeof parent, "%u", d->parent);
        n += (size_t)snprintf(text + n, size - n, "%u\tU%u\t%s\t%s\tGB\n", d->code, d->code, tier_name((enum tier)d->tier), d->parent ? parent : "-");
    }
    struct lz_fail fail = { 0 };
    struct units *units = units_create();
    enum lz_err err = units_load(units, lz_bytes_of(text, n), &fail);
    if (err != LZ_ok) { fprintf(stderr, "units: %s\n", fail.text); abort(); }
    w->units[w->n_units++] = units;
    free(text);
}

/* ---- what an administrator does: in a turn of the daemon, as `linzhangctl child` ------------------------------------------------ */

/* The roster file is written first, then the turn is committed; it may die in it. */
static void say_child(struct world *w, struct node *parent, uint32_t code, bool added) {
    if (!parent->up) return;                                     /* it reads its roster when it starts */
    node_begin(w, parent);
    if (added) parent->program->turn_child_added(parent->turn, code);
    else parent->program->turn_child_removed(parent->turn, code);
    node_finish(w, parent);
}

/* A child and its subtree, told anew to its parent and to all above, as far as `top`. */
static void retell(struct world *w, struct node *child, int top) {
    for (; child->up_index >= 0 && child->index != top && child->enrolled; child = &w->nodes[child->up_index]) {
        struct node *parent = &w->nodes[child->up_index];
        shape_roster_put(w, parent, child);
        say_child(w, parent, child->code, true);
    }
}

/* Where it and whoever stands below it have an older edition they start with the new one, each in its own time; until then they refuse the
 * orders of a unit that was not above them before. */
static void hand_out_units(struct world *w, const struct node *n) {
    for (int i = 0; i < w->n_nodes; i++) {
        struct node *to = &w->nodes[i];
        if (to->up && to->edition != w->n_units && world_below(w, to->code, n->code)) node_down(w, to, 200 + sim_random(w, 20000));
    }
}

void node_enrol(struct world *w, struct node *n) {
    struct node *parent = &w->nodes[n->up_index];
    bool back = w->trees[w->n_trees - 1].up[n->index] != n->up_index;
    if (back) tree_changed(w, n->index, n->up_index);
    n->enrolled = true;
    world_note(w, "%u enrolled", n->code);
    shape_roster_put(w, parent, n);
    say_child(w, parent, n->code, true);
    if (back) retell(w, parent, -1);
    hand_out_units(w, n);
}

void node_remove(struct world *w, struct node *n, bool for_good) {
    struct node *parent = &w->nodes[n->up_index];
    world_note(w, "%u removed", n->code);
    net_disconnect(w, n->index);
    n->enrolled = false;
    n->gone = for_good;
    tree_changed(w, n->index, -1);
    roster_remove(parent->roster, n->code);
    say_child(w, parent, n->code, false);
}

static int common_above(const struct world *w, int a, int b) {
    for (int at = a; at >= 0; at = w->nodes[at].up_index)
        for (int other = b; other >= 0; other = w->nodes[other].up_index)
            if (at == other) return at;
    return -1;
}

/* A parent says that it has all of its child's, and has given back all that was the child's. */
static bool says_live(struct node *parent, uint32_t child) {
    bool live = false;
    for (size_t i = 0; parent->up && i < turn_links(parent->turn); i++) {
        struct link_view v;
        turn_link_view(parent->turn, i, &v);
        live |= v.code == child && v.state == LINK_live;
    }
    if (parent->up) store_abort(parent->store);
    return live;
}

/* The old parent removes it, the new one enrols it, all above learn of it in that order; then it starts with its new configuration. */
bool node_move_to(struct world *w, struct node *n, struct node *parent) {
    int top = common_above(w, n->up_index, parent->index), old = n->up_index;
    if (!n->enrolled || w->n_trees + 4 >= TREES_MAX || top < 0 || old == parent->index || world_below(w, parent->code, n->code)) return false;
    for (int at = old; at != top; at = w->nodes[at].up_index)
        if (!w->nodes[at].up || !w->nodes[at].enrolled) return false;     /* an administrator does this while they run */
    for (int at = parent->index; at != top; at = w->nodes[at].up_index)
        if (!w->nodes[at].up || !w->nodes[at].enrolled) return false;
    if (!w->nodes[top].up) return false;
    /* and when all of it has been told: what the old parent escalated and has not passed on yet, it may not say any more */
    for (const struct node *at = n; at->index != top; at = &w->nodes[at->up_index])
        if (!says_live(&w->nodes[at->up_index], at->code)) return false;
    world_note(w, "%u goes from %u to %u", n->code, w->nodes[old].code, parent->code);
    node_remove(w, n, false);
    retell(w, &w->nodes[old], top);
    if (n->up) node_down(w, n, 200);
    n->up_index = parent->index;
    n->parent = parent->code;
    shape_kin(w);
    n->line = (struct line){ .connection = n->line.connection };
    world_make_units(w);
    node_enrol(w, n);
    return true;
}

/* ---- from the seed ------------------------------------------------------------------------------------------------------------ */

static uint8_t next_tier(uint8_t tier) { return (uint8_t)(tier + 1); }

/* Codes as in the real divisions: province 410000, cities +100, counties +1, townships from +21 of their city's hundred. */
static void grow(struct world *w, uint32_t province, uint32_t parent, int cities, int counties, double township, int most, bool late) {
    world_add(w, province, parent, TIER_PROVINCE, true);
    for (int c = 0; c < cities && w->n_nodes < most; c++) {
        uint32_t city = province + 100 * (uint32_t)(c + 1), town = city + 21;
        world_add(w, city, province, TIER_CITY, true);
        int n = counties ? 1 + (int)sim_random(w, (uint64_t)counties) : (int)sim_random(w, 4);
        for (int k = 0; k < n && k < 20 && w->n_nodes < most; k++) {
            uint32_t county = city + 1 + (uint32_t)k;
            world_add(w, county, city, next_tier(TIER_CITY), !(late && sim_chance(w, 0.3)));
            for (int t = 0; t < 3 && w->n_nodes < most && sim_chance(w, township); t++) world_add(w, town++, county, TIER_TOWNSHIP, true);
        }
    }
}

/* Mostly a province of a few; with the nation above it in some, which makes five tiers; in a few of the large ones 200 nodes. */
void shape_make(struct world *w, bool large, bool late) {
    bool nation = large || sim_chance(w, 0.15);
    uint32_t top = nation ? 100000 : 0;
    if (nation) world_add(w, top, 0, TIER_NATION, true);
    if (!large) {
        grow(w, 410000, top, 1 + (int)sim_random(w, 3), 0, 0.2, NODES_MAX, late);
        if (sim_chance(w, 0.5)) world_add(w, 419001, 410000, TIER_COUNTY, true);     /* a county straight under the province */
        if (nation && sim_chance(w, 0.5)) grow(w, 420000, top, 1, 0, 0.2, NODES_MAX, late);
        return;
    }
    int most = 40 + (int)sim_random(w, 161);
    for (uint32_t p = 0; p < 4 && w->n_nodes < most; p++) grow(w, 410000 + 10000 * p, top, 2 + (int)sim_random(w, 7), 7, 0.4, most, late);
}
