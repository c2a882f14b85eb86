/* bundle: what is kept about files for each neighbour, and the sessions of those who read and write them. */
#include <stdlib.h>
#include "bundle_room.h"

/* ---- rows -------------------------------------------------------------------------------------------------------------- */

enum { OUT_BYTES = 16, IN_BYTES = 40, SESSION_BYTES = 17 };

void bundle_save_out(struct turn *t, const struct link *l) {
    uint8_t v[OUT_BYTES];
    lz_put64(v, l->bundle.out_serial);
    lz_put64(v + 8, l->bundle.out_wall_ms);
    store_put(t->o.store, TABLE_bundle, key_bundle(l->code, BUNDLE_ROW_OUT, (struct epoch){ { 0 } }), lz_bytes_of(v, sizeof v));
}

void bundle_save_in(struct turn *t, const struct link *l) {
    uint8_t v[IN_BYTES];
    memcpy(v, l->bundle.in_epoch.b, 16);
    lz_put64(v + 16, l->bundle.in_serial);
    lz_put64(v + 24, l->bundle.in_created_ms);
    lz_put64(v + 32, l->bundle.in_wall_ms);
    store_put(t->o.store, TABLE_bundle, key_bundle(l->code, BUNDLE_ROW_IN, (struct epoch){ { 0 } }), lz_bytes_of(v, sizeof v));
}

void bundle_save_asked(struct turn *t, const struct link *l) {
    struct key key = key_bundle(l->code, BUNDLE_ROW_ASKED, (struct epoch){ { 0 } });
    uint8_t v[16 + sizeof l->bundle.asked_after.b];
    if (epoch_none(l->bundle.asked)) { store_delete(t->o.store, TABLE_bundle, key); return; }
    memcpy(v, l->bundle.asked.b, 16);
    memcpy(v + 16, l->bundle.asked_after.b, l->bundle.asked_after.len);
    store_put(t->o.store, TABLE_bundle, key, lz_bytes_of(v, 16 + (size_t)l->bundle.asked_after.len));
}

void bundle_save_session(struct turn *t, const struct link *l) {
    struct key key = key_bundle(l->code, BUNDLE_ROW_SESSION, (struct epoch){ { 0 } });
    uint8_t v[SESSION_BYTES];
    if (epoch_none(l->bundle.session)) { store_delete(t->o.store, TABLE_bundle, key); return; }
    memcpy(v, l->bundle.session.b, 16);
    v[16] = l->bundle.session_closed;
    store_put(t->o.store, TABLE_bundle, key, lz_bytes_of(v, sizeof v));
}

static bool row(struct turn *t, const struct link *l, uint8_t what, struct lz_bytes *v) {
    return store_get(t->o.store, TABLE_bundle, key_bundle(l->code, what, (struct epoch){ { 0 } }), v);
}

void bundle_load(struct turn *t, struct link *l) {
    struct link_bundle *b = &l->bundle;
    struct lz_bytes v;
    *b = (struct link_bundle){ 0 };
    if (row(t, l, BUNDLE_ROW_OUT, &v) && v.len == OUT_BYTES) { b->out_serial = lz_get64(v.data); b->out_wall_ms = lz_get64(v.data + 8); }
    if (row(t, l, BUNDLE_ROW_IN, &v) && v.len == IN_BYTES) {
        memcpy(b->in_epoch.b, v.data, 16);
        b->in_serial = lz_get64(v.data + 16);
        b->in_created_ms = lz_get64(v.data + 24);
        b->in_wall_ms = lz_get64(v.data + 32);
    }
    if (row(t, l, BUNDLE_ROW_ASKED, &v) && v.len >= 16 && v.len - 16 <= sizeof b->asked_after.b) {
        memcpy(b->asked.b, v.data, 16);
        b->asked_after = key_bytes(lz_bytes_of(v.data + 16, v.len - 16));
    }
    if (row(t, l, BUNDLE_ROW_SESSION, &v) && v.len == SESSION_BYTES) { memcpy(b->session.b, v.data, 16); b->session_closed = v.data[16]; }
}

/* What is in memory goes back to its rows, when they were damaged. */
void bundle_save(struct turn *t, const struct link *l) {
    if (l->bundle.out_serial) bundle_save_out(t, l);
    if (!epoch_none(l->bundle.in_epoch) || l->bundle.in_created_ms) bundle_save_in(t, l);
    if (!epoch_none(l->bundle.asked)) bundle_save_asked(t, l);
    if (!epoch_none(l->bundle.session)) bundle_save_session(t, l);
}

/* ---- what a neighbour was heard to be --------------------------------------------------------------------------------------- */

bool bundle_heard(struct turn *t, const struct link *l, struct epoch epoch) {
    return store_has(t->o.store, TABLE_bundle, key_bundle(l->code, BUNDLE_ROW_HEARD, epoch));
}

/* Every run of the neighbour that its lineage tells of: a file of one of them that comes later is an old one. Newest first: the
 * older ones are known with it. */
void bundle_hear(struct turn *t, struct link *l, const struct hello *h) {
    for (size_t i = h->n_lineage; i-- > 0; ) {
        if (bundle_heard(t, l, h->lineage[i].epoch)) break;
        store_put(t->o.store, TABLE_bundle, key_bundle(l->code, BUNDLE_ROW_HEARD, h->lineage[i].epoch), (struct lz_bytes){ 0 });
    }
    if (h->wall_ms <= l->bundle.in_created_ms) return;
    l->bundle.in_created_ms = h->wall_ms;
    bundle_save_in(t, l);
}

void bundle_forget_asked(struct turn *t, struct link *l) {
    if (epoch_none(l->bundle.asked)) return;
    l->bundle.asked = (struct epoch){ { 0 } };
    bundle_save_asked(t, l);
}

/* ---- reclaim through files ----------------------------------------------------------------------------------------------------- */

void bundle_reclaim_opened(struct turn *t, struct link *l) {
    if (epoch_none(l->bundle.session)) return;
    l->bundle.session = (struct epoch){ { 0 } };
    l->bundle.session_closed = false;
    bundle_save_session(t, l);
}

void bundle_reclaim_closed(struct turn *t, struct link *l) {
    if (epoch_none(l->bundle.session)) return;
    l->bundle.session_closed = true;
    bundle_save_session(t, l);
}

/* ---- sessions --------------------------------------------------------------------------------------------------------------------- */

static void session_free(struct bundle_session *s) {
    if (!s) return;
    free(s->buffer);
    sodium_memzero(s, sizeof *s);
    free(s);
}

struct bundle_session *bundle_session(struct turn *t, uint64_t id, enum session_kind kind) {
    for (size_t i = 0; i < BUNDLE_SESSIONS_MAX; i++) {
        struct bundle_session *s = t->bundles[i];
        if (!s || s->id != id || s->kind != kind) continue;
        s->touched_ms = t->now.mono_ms;
        return s;
    }
    return NULL;
}

static bool has_ended(const struct bundle_session *s) { return s->kind == SESSION_EXPORT ? s->of.out.step == STEP_ENDED : s->of.in.taken.done; }

/* A free place: one that has ended, or that nobody has asked for in a minute, gives way, the one that was left longest ago first. */
static size_t place_for(struct turn *t) {
    size_t place = BUNDLE_SESSIONS_MAX;
    for (size_t i = 0; i < BUNDLE_SESSIONS_MAX; i++) {
        struct bundle_session *s = t->bundles[i];
        if (s && t->now.mono_ms >= s->touched_ms + BUNDLE_IDLE_MS) { session_free(s); t->bundles[i] = s = NULL; }
        if (!s) return i;
        if (has_ended(s) && (place == BUNDLE_SESSIONS_MAX || s->touched_ms < t->bundles[place]->touched_ms)) place = i;
    }
    if (place == BUNDLE_SESSIONS_MAX) return place;
    session_free(t->bundles[place]);
    t->bundles[place] = NULL;
    return place;
}

struct bundle_session *bundle_session_make(struct turn *t, uint64_t id, enum session_kind kind, size_t buffer_bytes, struct lz_fail *fail) {
    size_t place = place_for(t);
    LZ_ASSERT(id != 0);
    if (place == BUNDLE_SESSIONS_MAX) { lz_refuse(fail, LZ_too_many, "同时导出和导入的离线包已有 %d 个；请等它们做完再试", BUNDLE_SESSIONS_MAX); return NULL; }
    struct bundle_session *s = calloc(1, sizeof *s);
    uint8_t *buffer = malloc(buffer_bytes);
    if (!s || !buffer) { free(s); free(buffer); lz_refuse(fail, LZ_too_large, "内存不足"); return NULL; }
    *s = (struct bundle_session){ .id = id, .kind = kind, .buffer = buffer, .touched_ms = t->now.mono_ms, .turn = t->counters.turns };
    t->bundles[place] = s;
    return s;
}

static void session_end(struct turn *t, const struct bundle_session *s) {
    for (size_t i = 0; i < BUNDLE_SESSIONS_MAX; i++)
        if (t->bundles[i] == s && s) { session_free(t->bundles[i]); t->bundles[i] = NULL; return; }
}

void turn_bundle_end(struct turn *t, uint64_t id) {
    for (size_t i = 0; i < BUNDLE_SESSIONS_MAX; i++)
        if (t->bundles[i] && t->bundles[i]->id == id) session_end(t, t->bundles[i]);
}

/* A turn that was given up: what it began or fed is gone, and the file's bearer begins again. */
void bundle_turn_failed(struct turn *t) {
    for (size_t i = 0; i < BUNDLE_SESSIONS_MAX; i++)
        if (t->bundles[i] && t->bundles[i]->turn == t->counters.turns) session_end(t, t->bundles[i]);
}

void bundle_close(struct turn *t) {
    for (size_t i = 0; i < BUNDLE_SESSIONS_MAX; i++) session_end(t, t->bundles[i]);
}

const uint8_t *bundle_public_key(const struct turn *t, const struct link *l) {
    const struct child *child = l->is_parent ? NULL : roster_find(t->o.roster, l->code);
    return l->is_parent ? t->o.parent_key : child ? child->key : NULL;
}
