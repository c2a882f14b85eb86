/* store: the node's own records, on disk. The only room that includes lmdb.h.
 *
 * One write transaction per turn, opened by the first call that needs it. The first error of a transaction sticks: later
 * calls do nothing, store_commit reports it; call sites read straight down. Every value carries a CRC-32C over its key and
 * itself; a value that fails it is not returned and counts as rot. Bytes that are returned are lent until the next write.
 * Leaves to others: what a value means. */
#ifndef LZ_STORE_H
#define LZ_STORE_H
#include "../core/core.h"

enum table {
#define X(name, key, value) TABLE_##name,
#include "../../schema/tables.def"
#undef X
    TABLE_COUNT
};
const char *table_name(enum table table);

/* Where a test may make a process die, or a write fail (the disk's error, no room): asked at each point; true: it happens. */
enum store_point { STORE_BEFORE_COMMIT, STORE_AFTER_COMMIT, STORE_FULL, STORE_PUT_IO, STORE_PUT_FULL };
struct store_faults {
    bool (*happens)(void *context, enum store_point point);
    void *context;
};
struct store_options {
    const char *path;                /* a directory; made if missing */
    uint32_t unit;
    uint64_t map_bytes;              /* address space; fixed for life */
    uint64_t budget_bytes;           /* what the store may grow to; 0: half of the map */
    uint64_t reserve_bytes;          /* kept for urgent records and moves when the budget is reached */
    bool no_sync;                    /* the simulator, whose crashes are its own; never a daemon */
    const struct store_faults *faults;   /* NULL but in tests; lent for the life of the store */
};
struct store;
/* Refuses: another daemon on it, another unit's, a newer format, read-only, a network file system. */
enum lz_err store_open(struct store **store_p, const struct store_options *options, struct lz_fail *fail) LZ_MUST_CHECK;
void store_close(struct store **store_p);

/* ---- the transaction ---- */
/* LZ_ok: on disk, synced (or there was nothing to write). LZ_full: nothing was written, try again when there is room.
 * LZ_store_io: no way on; the caller ends the process. */
enum lz_err store_commit(struct store *store) LZ_MUST_CHECK;
void store_abort(struct store *store);
enum lz_err store_failed(const struct store *store);      /* the error that sticks, or LZ_ok */
void store_give_up(struct store *store);                  /* the turn ran out of memory: nothing of it may be committed */
bool store_written(const struct store *store);            /* something would be committed */

/* ---- keys: fixed-width big-endian, built only here ---- */
struct key {
    uint8_t len;
    bool is_register;                /* of a record: what its kind says, or, where this version does not know the kind, that it has a key */
    uint8_t b[96];
};
struct key key_record(uint32_t origin, uint16_t kind, struct lz_bytes register_key, uint64_t stamp, uint32_t epoch);
struct key key_of(const struct record *r);
struct key key_id(struct rec_id id);
struct key key_bytes(struct lz_bytes bytes);
struct key key_feed(struct feed_id feed, uint64_t position);
struct key key_tip(struct feed_id feed);
enum { SIDE_WE_FOLLOW = 0, SIDE_THEY_FOLLOW = 1 };
struct key key_cursor(uint32_t peer, uint8_t side, struct feed_id feed);
struct key key_standing(struct rec_id subject, uint32_t unit);
struct key key_rollup(uint16_t kind, struct rec_id subject, uint32_t unit);
struct key key_due(uint64_t time, uint8_t what, struct rec_id subject, uint32_t unit);
struct key key_move(struct rec_id subject, uint32_t unit, uint32_t origin, uint64_t stamp, uint32_t epoch);
struct key key_u32(uint32_t value);                       /* lineage, reclaim, owes, walk, wish */
struct key key_left(uint32_t peer, struct epoch epoch);
enum { BUNDLE_ROW_OUT, BUNDLE_ROW_IN, BUNDLE_ROW_HEARD, BUNDLE_ROW_ASKED, BUNDLE_ROW_SESSION };
struct key key_bundle(uint32_t peer, uint8_t what, struct epoch epoch);
struct key key_ask(struct lz_bytes request, uint16_t index);
struct key key_number(uint32_t issuer, uint32_t year, uint16_t kind, uint32_t serial);
/* A version of an entry. The number is padded, so that entries stand in its order and the versions of one behind each other. */
struct key key_version(uint32_t kind, uint32_t unit, struct lz_bytes no, uint32_t valid_from, uint64_t stamp, uint32_t epoch);
struct rec_id key_version_id(const struct key *key);
enum { VERSION_NO_AT = 6, VERSION_ENTRY_BYTES = VERSION_NO_AT + FORM_NO_BYTES_MAX, VERSION_BYTES = VERSION_ENTRY_BYTES + 16 };
/* A version by what its entry refers to, in the order of time. */
struct key key_refer(uint32_t kind, uint32_t unit, struct lz_bytes to, uint32_t when, uint64_t stamp, uint32_t epoch);
struct rec_id key_refer_id(const struct key *key);
enum { REFER_WHEN_AT = 14, REFER_BYTES = REFER_WHEN_AT + 16 };
struct key key_piece(const uint8_t hash[FILE_HASH_BYTES], uint32_t origin, uint32_t piece, uint32_t index, uint64_t stamp, uint32_t epoch);
/* of its key: the file as one unit sent it; a place in it */
enum { PIECE_SET_BYTES = FILE_HASH_BYTES + 8, PIECE_INDEX_BYTES = PIECE_SET_BYTES + 4, PIECE_BYTES = PIECE_INDEX_BYTES + 12 };
struct rec_id key_piece_id(const struct key *key);
enum { ATTACHED_FILE, ATTACHED_NOTHING };
struct key key_attached(struct rec_id subject, uint8_t what, uint32_t origin, const uint8_t hash[FILE_HASH_BYTES]);
enum { ATTACHED_ORIGIN_AT = REC_ID_BYTES + 1, ATTACHED_HASH_AT = ATTACHED_ORIGIN_AT + 4, ATTACHED_BYTES = ATTACHED_HASH_AT + FILE_HASH_BYTES };
struct key key_state(uint8_t state, struct lz_bytes rest);     /* content, wished */
struct key key_refused(uint32_t peer, struct key record);
struct key key_u64(uint64_t value);                       /* audit */
static inline struct lz_bytes key_view(const struct key *key) { return lz_bytes_of(key->b, key->len); }
static inline bool key_begins(const struct key *key, const struct key *prefix, size_t n) {
    return key->len >= n && memcmp(key->b, prefix->b, n) == 0;
}

/* ---- values ---- */
bool store_get(struct store *store, enum table table, struct key key, struct lz_bytes *value);
void store_put(struct store *store, enum table table, struct key key, struct lz_bytes value);
void store_delete(struct store *store, enum table table, struct key key);
/* The first entry at or after *key; *key becomes its key. For the next one, call key_after first. */
bool store_seek(struct store *store, enum table table, struct key *key, struct lz_bytes *value);
struct key key_after(struct key key);
/* The last key at or before `from`. */
bool store_seek_back(struct store *store, enum table table, struct key from, struct key *key);
bool store_last(struct store *store, enum table table, struct key *key, struct lz_bytes *value);

/* Whether something stands there, readable or not: to tell what rotted from what never was. */
bool store_has(struct store *store, enum table table, struct key key);

/* ---- rot ---- */
/* Where a scrub goes on. All zero: at the beginning. */
struct scrub {
    enum table table;
    struct key key;
    uint64_t looked;
};
enum rot_then { ROT_KEEP, ROT_DROP };            /* what becomes of a value whose checksum fails */
typedef enum rot_then (*rot_met)(void *context, enum table table, struct key key, struct lz_bytes raw);
/* Reads on, at most so many entries, and tells each value whose checksum fails. False: everything has been read.
 * raw: the value as it lies there, without its checksum. */
bool store_scrub(struct store *store, struct scrub *at, size_t entries, rot_met met, void *context);
/* Whether a value found under a damaged key is whole under this one. raw: as store_scrub told it. */
bool store_raw_good(struct key key, struct lz_bytes raw);
/* A record says that it stands in a feed: makes it so, in the entry and in the tip. True: it was not. */
bool store_feed_mend(struct store *store, struct key record, struct feed_id feed, uint64_t position);
void store_tip_mend(struct store *store, struct feed_id feed);    /* at least the last position given out */
void store_feeds_prune(struct store *store);     /* takes the keys of records that are not held out of all feeds */
void store_rot_forget(struct store *store);      /* all that rotted has been made good */

/* ---- backup: a whole copy, made in slices beside the work; and the way back ---- */
enum { PATH_MAX_BYTES = 2048 };
enum backup_state { BACKUP_NONE, BACKUP_RUNNING, BACKUP_DONE, BACKUP_FAILED };
struct backup_view {
    enum backup_state state;
    uint64_t values, bytes, began_wall_ms, ended_wall_ms;
    char reason[200];                /* why it failed */
};
/* path: absolute, must not exist; it is there only when the copy is whole and synced. children: text of the roster, kept with it. */
enum lz_err store_backup_begin(struct store *store, const char *path, struct lz_bytes children, uint64_t wall_ms, struct lz_fail *fail) LZ_MUST_CHECK;
bool store_backup_step(struct store *store, size_t bytes, uint64_t wall_ms);   /* between turns; false: none is under way any more */
bool store_backing_up(const struct store *store);
const char *store_backup_view(const struct store *store, struct backup_view *view);   /* and its path */
/* The copy in `backup` takes the place of the store in `path`, which no daemon may have open; what stood there is kept under
 * the name that `kept` receives ("": nothing stood there). What the copy is worth is for the caller to see: opening, scrub. */
enum lz_err store_restore(const char *path, const char *backup, uint64_t wall_ms, char *kept, size_t kept_size, struct lz_fail *fail) LZ_MUST_CHECK;

/* Puts back what store_restore has kept, when its copy turned out to be of no use. False: by hand, then. */
bool store_restore_undo(const char *path, const char *kept);

/* ---- what is true of the whole store ---- */
struct epoch store_epoch(const struct store *store);      /* of this run; none before store_begin_epoch */
void store_begin_epoch(struct store *store, struct epoch epoch);   /* a new lineage entry, in this transaction */
uint64_t store_position(const struct store *store);       /* the last position given out */
uint64_t store_last_stamp(const struct store *store);
void store_raise_stamp(struct store *store, uint64_t stamp);       /* never down */
uint64_t store_next_stamp(struct store *store, uint64_t wall_ms);
bool store_is_new(const struct store *store);             /* no epoch before this one */
/* The lineage, oldest first: the first entry and the newest max-1. Returns how many; *cut when some are left out. */
size_t store_lineage(struct store *store, struct lineage_entry *out, size_t max, bool *cut);

/* ---- records and feeds ---- */
struct stored {
    struct lz_bytes envelope;
    struct lz_bytes feeds;           /* packed; see store_stored_feed */
};
bool store_record_get(struct store *store, struct key key, struct stored *stored);
bool store_record_parse(struct lz_bytes value, struct stored *stored);   /* a value met while seeking */
size_t store_stored_feeds(const struct stored *stored);
struct feed_id store_stored_feed(const struct stored *stored, size_t index, uint64_t *position);
/* Writes a record with the feeds it enters. LZ_already: it is there with the same bytes; LZ_conflict: with others (an event);
 * for a register `replace` says that the caller has judged it newer. The envelope must live until store_commit. */
enum lz_err store_record_put(struct store *store, struct key key, struct lz_bytes envelope, const struct feed_id *feeds, size_t n_feeds, bool replace);
/* Enters a record that is held in one more feed; nothing happens when it stands there already. */
void store_record_enter(struct store *store, struct key key, struct feed_id feed);
uint64_t store_tip(struct store *store, struct feed_id feed);

/* What this transaction added to feeds, for live batches: valid after store_commit until the next write. */
struct fresh_entry {
    uint64_t position;
    struct lz_bytes *envelopes;
    size_t n_envelopes, bytes;
    bool is_register;
    struct key *keys;
};
struct fresh_feed {
    struct feed_id feed;
    uint64_t tip_before, tip;
    struct fresh_entry *entries;
    size_t n_entries, max_entries;
};
size_t store_fresh(const struct store *store, const struct fresh_feed **feeds);
void store_forget_fresh(struct store *store);                       /* before the arena is reset */

/* Reads a feed after `from`: fills envelopes (lent; arena for the list) until bytes_max or records_max; *to is the last
 * position looked at, the tip when all was read. Every entry is taken whole or not; the first one, whatever bytes_max says. */
size_t store_feed_read(struct store *store, struct arena *arena, struct feed_id feed, uint64_t from, size_t bytes_max,
                       struct lz_bytes **envelopes, uint64_t *to);

/* What stands in a feed after a position; beyond a few thousand entries it is an estimate. oldest_ms: the first one's stamp. */
struct backlog { uint64_t records, bytes, oldest_ms; };
struct backlog store_backlog(struct store *store, struct feed_id feed, uint64_t from);

/* ---- room ---- */
struct store_room {
    uint64_t used_bytes, budget_bytes, reserve_bytes, disk_free_bytes, map_bytes;
    bool full;                       /* routine work is refused at the door */
    bool exhausted;                  /* the reserve is gone too */
};
struct store_room store_room(struct store *store);        /* a statvfs; call it now and then, not per record */
uint64_t store_rot(const struct store *store);            /* values refused by their CRC since the start */
uint64_t store_rot_unsent(const struct store *store);     /* of these, in records and feeds: what may not have been offered */
void store_set_arena(struct store *store, struct arena *arena);   /* where fresh entries live; the turn's */
struct store_counts { uint64_t entries[TABLE_COUNT]; };
void store_count(struct store *store, struct store_counts *counts);
#endif
