/* walk: a new child, another subtree or a new wish of the parent: the records held are routed once more, in slices.
 *
 * Durable, so that a crash in the middle loses nothing: a row per peer says for which subtree or wish the walk was done, the
 * row of unit 0 where the walk under way goes on. A link is not `live` before its walk has ended. */
#include "turn_room.h"

enum { ROW_BYTES = 9 };

static uint64_t fingerprint(const uint32_t *codes, size_t n) {
    uint64_t hash = n;
    for (size_t i = 0; i < n; i++) {
        uint8_t b[4];
        lz_put32(b, codes[i]);
        hash = lz_hash64(hash, b, sizeof b);
    }
    return hash;
}

static void row_put(struct turn *t, uint32_t peer, bool done, uint64_t hash) {
    uint8_t v[ROW_BYTES];
    v[0] = done;
    lz_put64(v + 1, hash);
    store_put(t->o.store, TABLE_walk, key_u32(peer), lz_bytes_of(v, sizeof v));
}

static bool row_get(struct turn *t, uint32_t peer, bool *done, uint64_t *hash) {
    struct lz_bytes v;
    if (!store_get(t->o.store, TABLE_walk, key_u32(peer), &v) || v.len != ROW_BYTES) return false;
    *done = v.data[0];
    *hash = lz_get64(v.data + 1);
    return true;
}

static bool need(struct turn *t, struct link *l, uint64_t hash) {
    bool done;
    uint64_t old;
    if (row_get(t, l->code, &done, &old) && old == hash) { l->walking = !done; return !done; }
    row_put(t, l->code, false, hash);
    l->walking = true;
    store_put(t->o.store, TABLE_walk, key_u32(0), (struct lz_bytes){ 0 });      /* from the start */
    return true;
}

/* Files began to follow this store, or do again: what landed while they did not is entered now. */
static bool need_export(struct turn *t) {
    bool done = false;
    uint64_t hash;
    bool known = row_get(t, SCOPE_EXPORT, &done, &hash);
    t->walk_export = t->o.exporting && !(known && done);
    if (!t->o.exporting && known) store_delete(t->o.store, TABLE_walk, key_u32(SCOPE_EXPORT));
    if (!t->o.exporting || known) return t->walk_export;
    row_put(t, SCOPE_EXPORT, false, 0);
    store_put(t->o.store, TABLE_walk, key_u32(0), (struct lz_bytes){ 0 });      /* from the start */
    return true;
}

void walk_check(struct turn *t) {
    bool any = need_export(t);
    for (struct link *l = t->links; l; l = l->next) {
        const struct child *child = l->is_parent ? NULL : roster_find(t->o.roster, l->code);
        if (child) any |= need(t, l, fingerprint(child->subtree, child->n_subtree));
        if (!l->is_parent) continue;
        uint32_t kinds[KIND_MAX];
        size_t n = 0;
        for (size_t i = 0; i < kind_count(); i++)
            if (flow_wished(t->flow, kind_at(i)->number)) kinds[n++] = kind_at(i)->number;
        any |= need(t, l, fingerprint(kinds, n));
    }
    t->walk_active = any;
}

/* After a turn that was given up: what is under way is what the store says. */
void walk_load(struct turn *t) {
    bool exported = false;
    uint64_t none;
    t->walk_export = t->walk_active = t->o.exporting && row_get(t, SCOPE_EXPORT, &exported, &none) && !exported;
    for (struct link *l = t->links; l; l = l->next) {
        bool done = true;
        uint64_t hash;
        l->walking = row_get(t, l->code, &done, &hash) && !done;
        t->walk_active |= l->walking;
    }
}

static void finish(struct turn *t) {
    if (t->walk_export) row_put(t, SCOPE_EXPORT, true, 0);
    t->walk_export = false;
    for (struct link *l = t->links; l; l = l->next) {
        bool done;
        uint64_t hash;
        if (!l->walking) continue;
        l->walking = false;
        if (row_get(t, l->code, &done, &hash)) row_put(t, l->code, true, hash);
        lz_log(LZ_INFO, "walk.done peer=%06u", l->code);
    }
    store_delete(t->o.store, TABLE_walk, key_u32(0));
    t->walk_active = false;
}

void walk_step(struct turn *t) {
    struct lz_bytes v;
    struct key key = { 0 };
    if (store_get(t->o.store, TABLE_walk, key_u32(0), &v) && v.len <= 6 + REGISTER_KEY_MAX + 1) key = key_bytes(v);
    size_t before = arena_used(t->arena);
    for (int i = 0; i < WALK_SLICE; i++) {
        if (arena_used(t->arena) > before + TURN_BYTES_MAX) break;       /* pieces of files are large, and each that enters a feed is written anew */
        if (!flow_has_room(t->flow) || arena_room(t->arena) < (size_t)16 << 20) break;
        if (!store_seek(t->o.store, TABLE_record, &key, &v)) { finish(t); return; }
        flow_reroute(t->flow, key, v);
        key = key_after(key);
    }
    store_put(t->o.store, TABLE_walk, key_u32(0), key_view(&key));
}

/* ---- another parent ------------------------------------------------------------------------------------------------------- */

/* Whose child we were when all that was to be passed on to it had been. */
static struct key parent_key(void) { return key_bytes(lz_bytes_str("parent")); }

void pass_on_check(struct turn *t) {
    struct lz_bytes v;
    bool same = store_get(t->o.store, TABLE_meta, parent_key(), &v) && v.len == 4 && lz_get32(v.data) == t->o.parent;
    t->passing = t->o.parent != 0 && !same;
    t->pass_at = (struct key){ 0 };
}

/* First comes what is ours: a store that went back may have passed it on already. */
bool pass_on_waits(struct turn *t) { return !t->passing || t->room.full || turn_recovering(t); }

void pass_on_step(struct turn *t) {
    uint8_t code[4];
    if (pass_on_waits(t)) return;
    t->passed = true;
    t->passing = flow_pass_on(t->flow, &t->pass_at);
    if (t->passing) return;
    lz_put32(code, t->o.parent);
    store_put(t->o.store, TABLE_meta, parent_key(), lz_bytes_of(code, sizeof code));
}
