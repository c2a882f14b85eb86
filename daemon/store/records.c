/* records: records, the feeds they stand in, and what a transaction added to each feed.
 *
 * A feed is an index: position -> record keys. One entry holds all event keys that one transaction put there (up to 64), a
 * register stands alone; so a feed costs one put per 64 events, and the live batch is composed from the bytes in hand. A
 * record's value lists the feeds that it stands in, so that a newer register can take its old entries out, and so that a
 * record is never entered twice. */
#include "store_room.h"

enum { FEED_REF_BYTES = 13, VALUE_HEAD = 2, ENTRY_HEAD = 1, RECORD_KEY_MAX = 6 + REGISTER_KEY_MAX };
static_assert((int)RECORD_KEY_MAX >= (int)REC_ID_BYTES, "an event's key is the shorter one");

/* The width of the keys in a feed entry as it was read; 0: it is none that we wrote. */
static size_t entry_width(struct lz_bytes entry) {
    if (entry.len < ENTRY_HEAD + 6) return 0;
    size_t width = entry.data[0] ? entry.len - ENTRY_HEAD : REC_ID_BYTES;
    return width <= RECORD_KEY_MAX && (entry.len - ENTRY_HEAD) % width == 0 ? width : 0;
}

bool store_record_parse(struct lz_bytes v, struct stored *stored) {
    if (v.len < VALUE_HEAD) return false;
    size_t feeds = (size_t)lz_get16(v.data) * FEED_REF_BYTES;
    if (v.len < VALUE_HEAD + feeds) return false;
    stored->feeds = lz_bytes_of(v.data + VALUE_HEAD, feeds);
    stored->envelope = lz_bytes_of(v.data + VALUE_HEAD + feeds, v.len - VALUE_HEAD - feeds);
    return true;
}

bool store_record_get(struct store *s, struct key key, struct stored *stored) {
    struct lz_bytes v;
    return store_get(s, TABLE_record, key, &v) && store_record_parse(v, stored);
}

size_t store_stored_feeds(const struct stored *stored) { return stored->feeds.len / FEED_REF_BYTES; }

struct feed_id store_stored_feed(const struct stored *stored, size_t index, uint64_t *position) {
    LZ_ASSERT(index < store_stored_feeds(stored));
    const uint8_t *p = stored->feeds.data + index * FEED_REF_BYTES;
    *position = lz_get64(p + 5);
    return (struct feed_id){ lz_get32(p), p[4] };
}

uint64_t store_tip(struct store *s, struct feed_id feed) {
    for (size_t i = 0; i < s->n_fresh; i++)
        if (feed_id_equal(s->fresh[i].feed, feed)) return s->fresh[i].tip;
    struct lz_bytes v;
    return store_get(s, TABLE_tip, key_tip(feed), &v) && v.len == 8 ? lz_get64(v.data) : 0;
}

size_t store_fresh(const struct store *s, const struct fresh_feed **feeds) {
    *feeds = s->fresh;
    return s->n_fresh;
}

void store_forget_fresh(struct store *s) {
    LZ_ASSERT(!s->written);
    s->fresh = NULL;
    s->n_fresh = 0;
}

/* ---- entering feeds ----------------------------------------------------------------------------------------------- */

static struct fresh_feed *fresh_feed(struct store *s, struct feed_id feed) {
    for (size_t i = s->n_fresh; i-- > 0; )
        if (feed_id_equal(s->fresh[i].feed, feed)) return &s->fresh[i];
    if (s->n_fresh == 0) s->fresh = arena_alloc_raw(s->arena, FRESH_FEEDS_MAX * sizeof *s->fresh);
    if (!s->fresh) return NULL;
    LZ_ASSERT(s->n_fresh < FRESH_FEEDS_MAX);
    uint64_t tip = store_tip(s, feed);
    struct fresh_feed *f = &s->fresh[s->n_fresh++];
    *f = (struct fresh_feed){ .feed = feed, .tip_before = tip, .tip = tip };
    return f;
}

static struct fresh_entry *new_entry(struct store *s, struct fresh_feed *f, bool is_register) {
    if (f->n_entries == f->max_entries) {
        size_t max = f->max_entries ? f->max_entries * 2 : 8;
        struct fresh_entry *grown = arena_alloc_raw(s->arena, max * sizeof *grown);
        if (!grown) return NULL;
        if (f->entries) memcpy(grown, f->entries, f->n_entries * sizeof *grown);
        f->entries = grown;
        f->max_entries = max;
    }
    size_t keys = is_register ? 1 : ENTRY_KEYS_MAX;
    struct fresh_entry e = { .position = ++s->meta.position, .is_register = is_register };
    e.envelopes = arena_alloc_raw(s->arena, keys * sizeof *e.envelopes);
    e.keys = arena_alloc_raw(s->arena, keys * sizeof *e.keys);
    if (!e.envelopes || !e.keys) return NULL;
    f->tip = e.position;
    f->entries[f->n_entries] = e;
    return &f->entries[f->n_entries++];
}

/* Puts a record in a feed of this transaction and gives its position; 0 when memory for the turn ran out (an error sticks). */
static uint64_t enter(struct store *s, struct feed_id feed, const struct key *key, struct lz_bytes envelope) {
    struct fresh_feed *f = fresh_feed(s, feed);
    bool is_register = key->is_register;
    size_t bytes_max = feed.lane == LANE_BULK ? ENTRY_BULK_BYTES : ENTRY_BYTES_MAX;
    struct fresh_entry *e = f && f->n_entries ? &f->entries[f->n_entries - 1] : NULL;
    if (f && (!e || is_register || e->is_register || e->n_envelopes == ENTRY_KEYS_MAX || e->bytes + envelope.len > bytes_max))
        e = new_entry(s, f, is_register);
    if (!f || !e) { store_give_up(s); return 0; }
    e->keys[e->n_envelopes] = *key;
    e->envelopes[e->n_envelopes++] = envelope;
    e->bytes += envelope.len;
    return e->position;
}

/* An old entry of a register goes; when it is of this same transaction it has not reached the disk yet. */
static void leave(struct store *s, struct feed_id feed, uint64_t position) {
    for (size_t i = 0; i < s->n_fresh; i++) {
        if (!feed_id_equal(s->fresh[i].feed, feed) || position <= s->fresh[i].tip_before) continue;
        for (size_t j = 0; j < s->fresh[i].n_entries; j++)
            if (s->fresh[i].entries[j].position == position) s->fresh[i].entries[j].n_envelopes = 0;
        return;
    }
    store_delete(s, TABLE_feed, key_feed(feed, position));
}

void store_flush_feeds(struct store *s) {
    for (size_t i = 0; i < s->n_fresh; i++) {
        struct fresh_feed *f = &s->fresh[i];
        for (size_t j = 0; j < f->n_entries; j++) {
            struct fresh_entry *e = &f->entries[j];
            if (e->n_envelopes == 0) continue;
            size_t len = ENTRY_HEAD;
            for (size_t k = 0; k < e->n_envelopes; k++) len += e->keys[k].len;
            struct key key = key_feed(f->feed, e->position);
            uint8_t *out = store_reserve(s, TABLE_feed, &key, len, false, NULL, NULL);
            if (!out) return;
            uint8_t *p = out + CRC_BYTES;
            *p++ = e->is_register;
            for (size_t k = 0; k < e->n_envelopes; k++) { memcpy(p, e->keys[k].b, e->keys[k].len); p += e->keys[k].len; }
            store_seal(&key, out, len);
        }
        uint8_t tip[8];
        lz_put64(tip, f->tip);
        store_put(s, TABLE_tip, key_tip(f->feed), lz_bytes_of(tip, sizeof tip));
    }
}

/* ---- writing ------------------------------------------------------------------------------------------------------- */

static void put_ref(uint8_t *out, struct feed_id feed, uint64_t position) {
    lz_put32(out, feed.scope);
    out[4] = feed.lane;
    lz_put64(out + 5, position);
}

static void write_value(struct store *s, const struct key *key, uint8_t *out, struct lz_bytes envelope, const struct feed_id *feeds, size_t n) {
    uint8_t *p = out + CRC_BYTES;
    lz_put16(p, (uint16_t)n);
    p += VALUE_HEAD;
    for (size_t i = 0; i < n; i++, p += FEED_REF_BYTES) put_ref(p, feeds[i], enter(s, feeds[i], key, envelope));
    memcpy(p, envelope.data, envelope.len);
    store_seal(key, out, VALUE_HEAD + n * FEED_REF_BYTES + envelope.len);
}

enum lz_err store_record_put(struct store *s, struct key key, struct lz_bytes envelope, const struct feed_id *feeds, size_t n, bool replace) {
    LZ_ASSERT(envelope.len > 0 && n < UINT16_MAX);
    size_t len = VALUE_HEAD + n * FEED_REF_BYTES + envelope.len;
    if (replace) {
        struct stored old;
        if (store_record_get(s, key, &old)) {
            size_t n_old = store_stored_feeds(&old);
            const uint8_t *refs = arena_copy(s->arena, old.feeds.data, old.feeds.len + 1);
            if (!refs) { store_give_up(s); return LZ_full; }
            for (size_t i = 0; i < n_old; i++)
                leave(s, (struct feed_id){ lz_get32(refs + i * FEED_REF_BYTES), refs[i * FEED_REF_BYTES + 4] }, lz_get64(refs + i * FEED_REF_BYTES + 5));
        }
    }
    bool exists = false;
    struct lz_bytes old = { 0 };
    uint8_t *out = store_reserve(s, TABLE_record, &key, len, !replace, &exists, &old);
    if (exists && old.len == 0) {                        /* it rotted here and has come again: its bytes heal; an event's effect stands already */
        out = store_reserve(s, TABLE_record, &key, len, false, NULL, NULL);
        if (out) write_value(s, &key, out, envelope, feeds, n);
        return !out ? s->failed : key.is_register ? LZ_ok : LZ_already;
    }
    if (exists) {
        struct stored stored;
        bool same = store_record_parse(old, &stored) && lz_bytes_equal(stored.envelope, envelope);
        return same ? LZ_already : LZ_conflict;
    }
    if (!out) return s->failed;
    write_value(s, &key, out, envelope, feeds, n);
    return LZ_ok;
}

void store_record_enter(struct store *s, struct key key, struct feed_id feed) {
    struct stored stored;
    if (!store_record_get(s, key, &stored)) return;
    size_t n = store_stored_feeds(&stored);
    for (size_t i = 0; i < n; i++) {
        uint64_t position;
        if (feed_id_equal(store_stored_feed(&stored, i, &position), feed)) return;
    }
    /* the value moves when it grows: keep both parts in the arena, where the live batch needs the envelope anyway */
    const uint8_t *envelope = arena_copy(s->arena, stored.envelope.data, stored.envelope.len);
    const uint8_t *refs = arena_copy(s->arena, stored.feeds.data, stored.feeds.len + 1);
    struct lz_bytes bytes = lz_bytes_of(envelope, stored.envelope.len);
    size_t len = VALUE_HEAD + (n + 1) * FEED_REF_BYTES + bytes.len;
    if (!envelope || !refs) { store_give_up(s); return; }
    uint8_t *out = store_reserve(s, TABLE_record, &key, len, false, NULL, NULL);
    if (!out) return;
    uint8_t *p = out + CRC_BYTES;
    lz_put16(p, (uint16_t)(n + 1));
    memcpy(p + VALUE_HEAD, refs, n * FEED_REF_BYTES);
    put_ref(p + VALUE_HEAD + n * FEED_REF_BYTES, feed, enter(s, feed, &key, bytes));
    memcpy(p + VALUE_HEAD + (n + 1) * FEED_REF_BYTES, bytes.data, bytes.len);
    store_seal(&key, out, len);
}

/* ---- reading a feed ------------------------------------------------------------------------------------------------ */

/* Takes the records of one entry; false when they do not fit in what is left. A key whose record rotted is passed over. */
static bool take_entry(struct store *s, struct lz_bytes entry, struct lz_bytes *out, size_t *n, size_t *bytes, size_t bytes_max) {
    size_t width = entry_width(entry), first = *n, before = *bytes;
    for (size_t at = ENTRY_HEAD; width && at + width <= entry.len; at += width) {
        struct stored stored;
        if (!store_record_get(s, key_bytes(lz_bytes_of(entry.data + at, width)), &stored)) continue;
        if (*n == BATCH_RECORDS_MAX || *bytes + stored.envelope.len + 8 > bytes_max) { *n = first; *bytes = before; return false; }
        out[(*n)++] = stored.envelope;
        *bytes += stored.envelope.len + 8;
    }
    return true;
}

size_t store_feed_read(struct store *s, struct arena *arena, struct feed_id feed, uint64_t from, size_t bytes_max,
                       struct lz_bytes **envelopes, uint64_t *to) {
    const size_t entry_max = ENTRY_BYTES_MAX + RECORD_BYTES_MAX;
    struct key prefix = key_tip(feed), key = key_feed(feed, from + 1);
    struct lz_bytes entry;
    size_t n = 0, bytes = 0;
    *to = from;
    *envelopes = arena_alloc_raw(arena, BATCH_RECORDS_MAX * sizeof **envelopes);
    if (!*envelopes) return 0;
    while (store_seek(s, TABLE_feed, &key, &entry) && key_begins(&key, &prefix, prefix.len)) {
        if (!take_entry(s, entry, *envelopes, &n, &bytes, n == 0 && bytes_max < entry_max ? entry_max : bytes_max)) return n;
        *to = lz_get64(key.b + prefix.len);
        key = key_after(key);
    }
    uint64_t tip = store_tip(s, feed);
    if (tip > *to) *to = tip;                            /* entries that were superseded: looked at, nothing there */
    return n;
}

struct backlog store_backlog(struct store *s, struct feed_id feed, uint64_t from) {
    enum { LOOK_MAX = 2048 };
    static const uint64_t BACKLOG_MAX = UINT64_C(1) << 40;
    struct backlog b = { 0 };
    struct key prefix = key_tip(feed), key = key_feed(feed, from + 1);
    struct lz_bytes entry;
    uint64_t tip = store_tip(s, feed), first = from, last = from, sampled = 0, bytes = 0;
    for (int i = 0; i < LOOK_MAX && store_seek(s, TABLE_feed, &key, &entry) && key_begins(&key, &prefix, prefix.len); i++, key = key_after(key)) {
        size_t width = entry_width(entry);
        if (width == 0) continue;
        bool is_register = entry.data[0] != 0;
        b.records += is_register ? 1 : (entry.len - ENTRY_HEAD) / width;
        last = lz_get64(key.b + prefix.len);
        if (sampled == 64 && b.oldest_ms) continue;
        struct stored stored;                            /* a few records give the mean size; the first event its age */
        if (!store_record_get(s, key_bytes(lz_bytes_of(entry.data + ENTRY_HEAD, width)), &stored)) continue;
        sampled++;
        bytes += stored.envelope.len;
        if (!is_register && b.oldest_ms == 0) b.oldest_ms = stamp_wall_ms(lz_get64(entry.data + ENTRY_HEAD + 6));
    }
    if (last > first && last < tip) {
        double estimate = (double)b.records * (double)(tip - first) / (double)(last - first);
        b.records = estimate < (double)BACKLOG_MAX ? (uint64_t)estimate : BACKLOG_MAX;     /* whatever tip a disk makes up */
    }
    b.bytes = sampled ? b.records * bytes / sampled : 0;
    return b;
}

/* ---- making good ----------------------------------------------------------------------------------------------------- */

static bool entry_has(struct lz_bytes entry, size_t width, struct key key) {
    for (size_t at = ENTRY_HEAD; width == key.len && at + width <= entry.len; at += width)
        if (memcmp(entry.data + at, key.b, width) == 0) return true;
    return false;
}

void store_tip_mend(struct store *s, struct feed_id feed) {
    uint8_t tip[8];
    lz_put64(tip, s->meta.position);
    store_put(s, TABLE_tip, key_tip(feed), lz_bytes_of(tip, sizeof tip));
}

bool store_feed_mend(struct store *s, struct key record, struct feed_id feed, uint64_t position) {
    struct lz_bytes old = { 0 };
    struct key at = key_feed(feed, position);
    size_t width = store_get(s, TABLE_feed, at, &old) ? entry_width(old) : 0;
    if (width && entry_has(old, width, record)) {
        if (position <= store_tip(s, feed)) return false;
        store_tip_mend(s, feed);
        return true;
    }
    bool joins = width == record.len && old.data[0] == 0 && !record.is_register && old.len < ENTRY_HEAD + ENTRY_KEYS_MAX * width;
    uint8_t entry[ENTRY_HEAD + ENTRY_KEYS_MAX * REC_ID_BYTES + RECORD_KEY_MAX];
    size_t len = joins ? old.len : ENTRY_HEAD;
    if (joins) memcpy(entry, old.data, old.len);
    else entry[0] = record.is_register;
    memcpy(entry + len, record.b, record.len);
    store_put(s, TABLE_feed, at, lz_bytes_of(entry, len + record.len));
    if (position > store_tip(s, feed)) store_tip_mend(s, feed);
    return true;
}

void store_feeds_prune(struct store *s) {
    struct key key = { 0 };
    struct lz_bytes entry;
    for (; store_seek(s, TABLE_feed, &key, &entry); key = key_after(key)) {
        uint8_t left[ENTRY_HEAD + ENTRY_KEYS_MAX * REC_ID_BYTES + RECORD_KEY_MAX];
        size_t width = entry_width(entry), len = ENTRY_HEAD;
        left[0] = entry.len ? entry.data[0] : 0;
        for (size_t at = ENTRY_HEAD; width && at + width <= entry.len && len + width <= sizeof left; at += width) {
            if (!store_has(s, TABLE_record, key_bytes(lz_bytes_of(entry.data + at, width)))) continue;
            memcpy(left + len, entry.data + at, width);
            len += width;
        }
        if (len == entry.len) continue;
        if (len > ENTRY_HEAD) store_put(s, TABLE_feed, key, lz_bytes_of(left, len));
        else store_delete(s, TABLE_feed, key);
    }
}
