/* carry: links that never have a network, and people who carry files between their two ends: late, twice, torn, in any order, or
 * not at all. A bundle is bytes in hand; each piece of it is a turn, and a node may die in any. */
#include "world.h"
#include "../../daemon/turn/bundle.h"
#include <sodium.h>
#include <stdlib.h>

enum { READS_MAX = 100000, SETTLE_ROUNDS = 40, PART_BYTES = 1 << 30 };

/* For ever the same at a node, as its unit is. */
void carry_keys(uint32_t code, uint8_t public_key[32], uint8_t secret_key[32]) {
    uint8_t seed[crypto_box_SEEDBYTES] = { 7 };
    lz_put32(seed + 8, code);
    LZ_ASSERT(crypto_box_seed_keypair(public_key, secret_key, seed) == 0);
}

static uint64_t fresh_id(struct world *w) { return (sim_random(w, UINT32_MAX) << 16) | 1; }

/* A bundle as it is now. False: the node died over it, or refused. */
bool carry_export(struct world *w, struct node *from, uint32_t to, struct stick *s) {
    uint8_t salt[BUNDLE_SALT_BYTES];
    uint64_t id = fresh_id(w);
    struct bundle_made made;
    struct lz_fail fail = { 0 };
    *s = (struct stick){ .from = from->index, .to = node_of(w, to)->index };
    for (size_t i = 0; i < sizeof salt; i++) salt[i] = (uint8_t)sim_random(w, 256);
    if (!from->up) return false;
    node_begin(w, from);
    enum lz_err err = from->program->turn_export_begin(from->turn, to, PART_BYTES, 0, id, salt, &fail);
    if (!node_finish(w, from) || err != LZ_ok) return false;
    for (int i = 0; i < READS_MAX; i++) {
        struct lz_bytes bytes;
        node_begin(w, from);
        enum export_state state = from->program->turn_export_read(from->turn, id, s->len, &bytes, &made);
        if (bytes.len) {
            s->bytes = realloc(s->bytes, s->len + bytes.len);
            LZ_ASSERT(s->bytes);
            memcpy(s->bytes + s->len, bytes.data, bytes.len);
            s->len += bytes.len;
        }
        if (!node_finish(w, from) && !from->up) break;
        if (state == EXPORT_GONE) break;
        if (state != EXPORT_ENDED) continue;
        s->serial = made.serial;
        return true;
    }
    free(s->bytes);
    *s = (struct stick){ 0 };
    return false;
}

static enum lz_err pass(struct world *w, struct node *n, uint64_t id, bool apply, const struct stick *s, struct bundle_taken *taken) {
    struct lz_fail fail = { 0 };
    enum { PIECE = 3000 };                                       /* small, so that there are turns to die in */
    for (size_t at = 0; ; at += PIECE) {
        size_t len = s->len - at < PIECE ? s->len - at : PIECE;
        bool last = at + len == s->len;
        if (!n->up) return LZ_store_io;
        node_begin(w, n);
        enum lz_err err = n->program->turn_import_write(n->turn, id, apply, at, lz_bytes_of(s->bytes + at, len), last, taken, &fail);
        if (err != LZ_ok && err != LZ_not_found) world_note(w, "%u refuses %u of %u: %s", n->code, (unsigned)s->serial, w->nodes[s->from].code, fail.text);
        if (!node_finish(w, n)) return n->up ? LZ_full : LZ_store_io;
        if (err != LZ_ok || last) return err;
    }
}

/* LZ_store_io: it died in the middle. */
enum lz_err carry_import(struct world *w, const struct stick *s) {
    struct node *n = &w->nodes[s->to];
    struct bundle_taken taken;
    struct lz_fail fail = { 0 };
    uint64_t id = fresh_id(w);
    if (!n->up) return LZ_store_io;
    node_begin(w, n);
    enum lz_err err = n->program->turn_import_begin(n->turn, id, &fail);
    if (!node_finish(w, n)) return n->up ? LZ_full : LZ_store_io;
    if (err == LZ_ok) err = pass(w, n, id, false, s, &taken);
    if (err == LZ_ok) err = pass(w, n, id, true, s, &taken);
    if (!n->up) return LZ_store_io;
    node_begin(w, n);
    n->program->turn_bundle_end(n->turn, id);
    node_finish(w, n);
    world_note(w, "%u takes %u of %u: %s", n->code, (unsigned)s->serial, w->nodes[s->from].code, lz_err_name(err));
    return err;
}

/* ---- the carriers of a random world ------------------------------------------------------------------------------------------ */

void carry_draw(struct world *w) {
    for (int i = 0; i < w->n_nodes; i++) w->filed[i] = w->nodes[i].up_index >= 0 && sim_chance(w, 0.5);
}

static bool pick_link(struct world *w, int *child) {
    *child = (int)sim_random(w, (uint64_t)w->n_nodes);
    return w->filed[*child] && w->nodes[*child].enrolled;
}

static void drop_stick(struct world *w, size_t at) {
    free(w->sticks[at].bytes);
    w->sticks[at] = w->sticks[--w->n_sticks];
}

static void make_stick(struct world *w) {
    int child;
    if (!pick_link(w, &child)) return;
    struct node *a = &w->nodes[child], *b = &w->nodes[a->up_index];
    if (sim_chance(w, 0.5)) { struct node *other = a; a = b; b = other; }
    if (w->n_sticks == STICKS_MAX) drop_stick(w, sim_random(w, STICKS_MAX));            /* one is lost on the way */
    if (carry_export(w, a, b->code, &w->sticks[w->n_sticks])) w->n_sticks++;
}

/* What was done to it on the way must be seen, and do nothing. */
static void take_damaged(struct world *w, const struct stick *good) {
    struct stick s = *good;
    s.bytes = malloc(s.len);
    LZ_ASSERT(s.bytes);
    memcpy(s.bytes, good->bytes, s.len);
    if (sim_chance(w, 0.5)) s.len = sim_random(w, s.len);
    else s.bytes[sim_random(w, s.len)] ^= (uint8_t)(1 + sim_random(w, 255));
    enum lz_err err = carry_import(w, &s);
    bool seen = err == LZ_bundle_altered || err == LZ_bundle_torn || err == LZ_bad_version || err == LZ_store_io || err == LZ_full || err == LZ_bundle_old ||
                err == LZ_bundle_replayed || err == LZ_bundle_gap || err == LZ_bundle_foreign || err == LZ_not_found || err == LZ_not_allowed;
    if (!seen) world_fail(w, "a damaged bundle of %u was taken: %s", w->nodes[s.from].code, lz_err_name(err));
    w->faults++;
    free(s.bytes);
}

static void take_stick(struct world *w) {
    if (w->n_sticks == 0) return;
    size_t at = sim_random(w, w->n_sticks);
    if (sim_chance(w, 0.2)) { take_damaged(w, &w->sticks[at]); return; }
    enum lz_err err = carry_import(w, &w->sticks[at]);
    w->carried += err == LZ_ok;
    if (sim_chance(w, 0.6)) drop_stick(w, at);
    else w->faults++;                                            /* it lies about, and comes again one day */
}

void carry_step(struct world *w) {
    if (sim_chance(w, 0.25)) make_stick(w);
    if (sim_chance(w, 0.3)) take_stick(w);
}

/* ---- the end --------------------------------------------------------------------------------------------------------------------- */

static bool is_quiet(struct world *w) {
    bool quiet = true;
    for (int i = 0; i < w->n_nodes; i++) {
        struct node *n = &w->nodes[i];
        if (!n->up) return false;
        for (size_t k = 0; k < n->program->turn_links(n->turn); k++) {
            struct link_view v;
            n->program->turn_link_view(n->turn, k, &v);
            bool said = v.behind_out == 0 && v.behind_in == 0 && !v.owes && !v.reclaiming && !v.walking;
            if (!said) world_note(w, "%u to %u: %s out %llu in %llu owes %d reclaiming %d walking %d", n->code, v.code, link_name(v.state),
                                  (unsigned long long)v.behind_out, (unsigned long long)v.behind_in, v.owes, v.reclaiming, v.walking);
            quiet = quiet && said;
        }
        store_abort(n->store);
    }
    return quiet;
}

/* Every filed link is walked both ways, until nobody has anything left to say. */
void carry_settle(struct world *w) {
    int rounds = 0, quiet = 0;
    while (w->n_sticks) drop_stick(w, 0);
    for (; rounds < SETTLE_ROUNDS && quiet < 2 && !w->failed; rounds++) {
        for (int i = 0; i < w->n_nodes; i++) {
            struct node *child = &w->nodes[i];
            if (!w->filed[i]) continue;
            for (int way = 0; way < 2; way++) {
                struct stick s;
                struct node *from = way ? &w->nodes[child->up_index] : child, *to = way ? child : &w->nodes[child->up_index];
                if (!carry_export(w, from, to->code, &s)) continue;
                enum lz_err err = carry_import(w, &s);
                free(s.bytes);
                if (err == LZ_bundle_old || err == LZ_bundle_replayed || err == LZ_bundle_altered || err == LZ_bundle_torn || err == LZ_bundle_foreign)
                    world_fail(w, "%u refuses a fresh bundle of %u: %s", to->code, from->code, lz_err_name(err));
            }
        }
        world_run(w, w->now_ms + 10000);
        for (int i = 0; i < w->n_nodes; i++) node_resolve(w, &w->nodes[i]);      /* a file may show two lines of one store: a person decides */
        quiet = is_quiet(w) ? quiet + 1 : 0;
    }
    if (quiet < 2) world_fail(w, "files went to and fro %d times, and there is still something to say", rounds);
}
