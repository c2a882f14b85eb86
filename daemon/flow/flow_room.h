/* Private to the flow room: the flow's inside, and what its files share. */
#ifndef LZ_FLOW_ROOM_H
#define LZ_FLOW_ROOM_H
#include <sodium.h>
#include "flow.h"

/* What a turn has touched, in memory until flow_settle writes it once. */
struct cached_standing {
    struct rec_id subject;
    uint32_t unit;
    struct standing now;
    struct counters before;          /* what it contributes as the store has it */
    uint64_t judge_before;
    bool mine, refold, dirty, there, judge;   /* judge: its colour is to be looked at in this turn */
};
struct cached_rollup {
    uint16_t kind;
    struct rec_id subject;
    uint32_t unit;
    struct counters sum;
    /* the total's row (unit 0) only */
    bool pending;                    /* a `due` row stands for it */
    uint64_t sent_ms, due_ms;
    uint32_t item;
    char label[LABEL_BYTES_MAX], number[NUMBER_BYTES_MAX];
    uint16_t label_len, number_len;
    bool dirty, there;
};
struct cached_subject {
    struct rec_id id;
    bool here, target_all, reroute;
    bool hurried;                    /* sent in a more urgent lane than its kind's */
    uint8_t lane;
    uint64_t due_ms, written_ms;
};
enum cache_type { CACHE_STANDING = 1, CACHE_ROLLUP, CACHE_SUBJECT };
enum { CACHE_USED_MAX = 12000, CACHE_FIRST = 64, CACHE_ROOM = 4000, CACHE_KEY = 24, LANDED_MAX = TURN_RECORDS_MAX };
struct cache_slot {
    uint8_t type, key[CACHE_KEY];
    void *value;
};
/* What is looked into between turns: which files are whole, which wishes are open. In memory only; from the start after an abort. */
struct files {
    bool look, hashing;
    struct key at, set;              /* TABLE_content: the next to look at; the one being hashed */
    uint32_t index, pieces;
    crypto_hash_sha256_state sha;
};
struct flow {
    struct flow_options o;
    struct lz_now now;
    struct arena *arena;
    struct cache_slot *slots;        /* in order of first use: iteration never depends on hashes */
    uint32_t *index;                 /* open addressing: slot + 1, 0 empty; twice as many as slots */
    size_t n_used, max_slots;
    uint32_t wish[WISH_KINDS_MAX];
    size_t n_wish;
    bool wish_read;
    uint64_t next_due;               /* 0: not known */
    struct rec_id *landed;
    size_t n_landed;
    bool clock_went_back, numbers_held;
    struct files files;
    /* scratch of one routing, never kept over a call: on the arena it would cost 6 KiB a record */
    struct route route;
    uint32_t involved[SUBJECT_MOVES_MAX + 1];
};
enum due_what { DUE_JUDGE = 1, DUE_ROLLUP = 2, DUE_ENTRY = 3 };

/* standing.c */
struct cached_standing *standing_of(struct flow *f, struct rec_id subject, uint32_t unit);    /* folded, NULL out of memory */
struct cached_standing *standing_touch(struct flow *f, struct rec_id subject, uint32_t unit); /* to be folded again */
void standing_store(struct flow *f, struct rec_id subject, uint32_t unit, const struct standing *s);
void standing_take_progress(struct standing *s, const struct record *r);
bool standing_load(struct flow *f, struct rec_id subject, uint32_t unit, struct standing *s);
struct cached_subject *subject_of(struct flow *f, struct rec_id id);
void *cache_find(struct flow *f, enum cache_type type, const struct key *key, size_t size, bool *found);
void standings_settle(struct flow *f);     /* folds and judges what was touched */
void standings_write(struct flow *f);
void cache_flush(struct flow *f);          /* writes out and empties; nothing found before is valid after */
void cache_spill(struct flow *f);          /* the same, when it has grown large */
bool fold_again(struct flow *f, struct rec_id subject, uint32_t unit, struct standing *s);
/* rollup.c */
void rollup_add(struct flow *f, uint16_t kind, struct rec_id subject, const struct counters *after, const struct counters *before);
void rollup_on_child(struct flow *f, const struct record *r);
void rollups_write(struct flow *f);
void rollup_send(struct flow *f, uint16_t kind, struct rec_id subject);
struct cached_rollup *rollup_of(struct flow *f, uint16_t kind, struct rec_id subject, uint32_t unit);
struct key rollup_register_key(uint32_t origin, uint16_t kind, struct rec_id subject);
bool rollup_store_zero(struct flow *f, struct key key, struct lz_bytes value);   /* a total, its labels kept; false: it is none */
bool rollup_parse(struct lz_bytes value, bool total, struct cached_rollup *r);
/* fold.c */
/* Whoever passed a problem up may pass it to another, in any open state, as long as the one it went to has not passed it on itself. */
bool move_passes_on(const struct move_row *row, const struct standing *s, uint32_t origin);
/* deadline.c */
void deadline_judge(struct flow *f, struct cached_standing *c);
void due_put(struct flow *f, uint64_t time, enum due_what what, struct rec_id subject, uint32_t unit);
void due_run(struct flow *f);
/* submit.c */
enum lz_err submit_checked(struct flow *f, struct record *draft, struct lz_bytes author, struct lz_bytes request, uint32_t index,
                           struct rec_id *id, struct lz_fail *fail);
enum lz_err check_targets(struct flow *f, struct record *d, struct lz_fail *fail);         /* units below, sorted, each once */
/* attachment.c */
struct derived { enum table table; struct key key; uint8_t value[8]; size_t len; };
enum { ATTACHMENT_ROWS = 3, NOTHING_BYTES = ATTACHED_BYTES + 12 };
uint64_t attachment_way(const struct record *piece);
size_t attachment_rows(const struct record *r, struct derived rows[ATTACHMENT_ROWS]);    /* what must stand for a record */
bool attachment_state(const struct flow *f, const struct record *r, struct derived *row);   /* what must stand in one of its states; false: nothing */
size_t states_of(struct flow *f, const struct derived *row, enum file_state *state);       /* in how many it stands */
bool wish_is_for(const struct flow *f, const struct record *r);
void attachment_index(struct flow *f, const struct record *r);
void attachments_look(struct flow *f);
/* attach.c */
enum lz_err attachment_check(struct flow *f, struct record *draft, struct lz_fail *fail);
enum lz_err wish_check(struct flow *f, struct record *draft, struct lz_fail *fail);
bool wishes_step(struct flow *f);
/* land.c */
uint32_t move_stands_for(const struct record *move);     /* the unit whose standing a move is one of; 0: the subject's own */
/* ---- form.c ---- */
struct key key_of_version(const struct record *r);
/* What can be wrong with a version that a clerk gives; fills in its number and its day. */
enum lz_err form_check(struct flow *f, struct record *draft, struct lz_fail *fail);
/* Whether this unit, above the one whose version is the subject, may decide so on it; fills in whom it goes to. */
enum lz_err form_check_ruling(struct flow *f, struct record *draft, struct lz_fail *fail);
/* A ruling on an own entry makes its next version, as long as what was ruled on is still how the entry stands. */
void form_on_ruling(struct flow *f, const struct record *r);

/* The last version of the entry (a version's key, cut to VERSION_ENTRY_BYTES) at or before the day; 0: of all. */
bool version_at(struct flow *f, const struct key *entry, uint32_t day, struct key *at);
/* ---- entry.c ---- */
/* An own entry changed, or its day has come: the version that holds today takes the place in the sums of the one that was there. */
void entry_settle(struct flow *f, uint32_t kind, struct lz_bytes no);
void entry_due(struct flow *f, struct rec_id version);
/* The next own entry behind *at; at: zero to begin. */
bool entry_next(struct flow *f, struct key *at, struct key *entry);
void entry_settle_key(struct flow *f, const struct key *entry);
/* Whether what stands in the sums is a version as it holds, and the next one is awaited; what it adds, as the records say. */
bool entry_is_settled(struct flow *f, const struct key *entry, struct counters *adds, struct rec_id *group, bool *grouped);
/* A text field of an entry by its name; empty: not given. */
struct lz_bytes entry_text_of(const struct record *r, const char *name);
/* ---- civic.c: who commands nothing ---- */
enum lz_err civic_check_signers(struct flow *f, struct lz_bytes signers, struct lz_fail *fail);
enum lz_err civic_check_author(struct flow *f, const struct move_row *move, struct lz_bytes author, struct lz_fail *fail);
enum lz_err civic_check_entry(struct flow *f, const struct record *draft, struct lz_fail *fail);
/* ---- referral.c: the moves of the problem that a case is about ---- */
enum lz_err referral_act(struct flow *f, struct record *draft, struct lz_bytes author, struct lz_fail *fail);
/* ---- judge.c ---- */
bool key_of_refer(const struct record *r, struct key *key);    /* false: it refers to nothing */
enum lz_err form_judge(struct flow *f, struct record *draft, struct lz_fail *fail);

bool progress_counts(const struct record *progress);     /* in the standing of its subject and origin */
void reroutes_run(struct flow *f);
void route_of(struct flow *f, const struct record *r, struct route *route);
#endif
