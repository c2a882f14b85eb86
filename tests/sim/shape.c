/* shape: the tree of a world, its divisions and rosters; who is enrolled where. */
#include "world.h"
#include <stdio.h>
#include <stdlib.h>

void shape_roster_put(struct world *w, struct node *parent, const struct node *child) {
    uint32_t subtree[NODES_MAX];
    size_t count = 0;
    uint8_t key[32], secret[32];
    carry_keys(child->code, key, secret);
    for (int i = 0; i < w->n_nodes; i++)
        if (world_below(w, w->nodes[i].code, child->code)) subtree[count++] = w->nodes[i].code;
    enum lz_err err = roster_add(parent->roster, child->code, key, subtree, count, NULL);
    LZ_ASSERT(err == LZ_ok);
}

void world_make_units(struct world *w) {
    char text[NODES_MAX * 64];
    size_t n = (size_t)snprintf(text, sizeof text, "code\tname_zh\ttier\tparent_code\tcode_system\n");
    for (int i = 0; i < w->n_nodes; i++) {
        const struct node *d = &w->nodes[i];
        char parent[16];
        snprintf(parent, sizeof parent, "%u", d->parent);
        n += (size_t)snprintf(text + n, sizeof text - n, "%u\tU%u\t%s\t%s\tGB\n", d->code, d->code, tier_name((enum tier)d->tier), d->parent ? parent : "-");
    }
    struct lz_fail fail;
    w->units = units_create();
    enum lz_err err = units_load(w->units, lz_bytes_of(text, n), &fail);
    if (err != LZ_ok) { fprintf(stderr, "units: %s\n", fail.text); abort(); }
}

void node_enrol(struct world *w, struct node *n) {
    struct node *parent = &w->nodes[n->up_index];
    n->enrolled = true;
    world_note(w, "%u enrolled", n->code);
    shape_roster_put(w, parent, n);
    if (!parent->up) return;
    turn_begin(parent->turn, node_now(w, parent));
    turn_child_added(parent->turn, n->code);
    enum lz_err err = turn_commit(parent->turn);
    struct packet packet;
    while (err == LZ_ok && turn_next_send(parent->turn, &packet)) { }
    if (err != LZ_ok) { parent->crashes++; node_down(w, parent, 300); }
}

void shape_make(struct world *w) {
    world_add(w, 410000, 0, TIER_PROVINCE, true);
    int cities = 1 + (int)sim_random(w, 3);
    for (int c = 0; c < cities; c++) {
        uint32_t city = 410100 + 100 * (uint32_t)c;
        world_add(w, city, 410000, TIER_CITY, true);
        int counties = (int)sim_random(w, 4);
        for (int k = 0; k < counties; k++) {
            uint32_t county = city + 1 + (uint32_t)k;
            world_add(w, county, city, TIER_COUNTY, !(w->odds.late && sim_chance(w, 0.3)));
            if (sim_chance(w, 0.2)) world_add(w, city + 50 + (uint32_t)k, county, TIER_TOWNSHIP, true);
        }
    }
    if (sim_chance(w, 0.5)) world_add(w, 419001, 410000, TIER_COUNTY, true);    /* a county straight under the province */
}

