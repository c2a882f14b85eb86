/* core: what a record is, how it is written as bytes, and the decisions of replication.
 *
 * Pure: time, randomness and state come in as arguments; nothing here reads a clock, a socket, a file or the store,
 * and nothing allocates but from the arena that is handed in (`tests/lint/run` asks the linker). So the simulator
 * runs the very same code, a thousand nodes to a process. Documents: the README's "How it works". */
#ifndef LZ_CORE_H
#define LZ_CORE_H
#include "../kinds/kinds.h"

/* ---- words -------------------------------------------------------------------------------------------------- */
enum lane { LANE_FLASH, LANE_URGENT, LANE_ROUTINE, LANE_BULK, LANE_COUNT };
enum kind_class { CLASS_EVENT, CLASS_REGISTER };
enum direction { DIRECTION_DOWN, DIRECTION_UP, DIRECTION_ALONG, DIRECTION_COUNT };
enum reach { REACH_LOCAL, REACH_PARENT, REACH_ISSUER, REACH_TOP, REACH_TARGETS, REACH_COUNT };
enum machine { MACHINE_NONE, MACHINE_HANDLING, MACHINE_PROBLEM, MACHINE_EMERGENCY, MACHINE_COUNT, MACHINE_FORM = MACHINE_NONE };
/* The kinds that have code of their own; whoever tells them apart tells all of them. */
#define OF_NONE(...) __VA_ARGS__
#define OF_HANDLING(...) __VA_ARGS__
#define OF_PROBLEM(...) __VA_ARGS__
#define OF_EMERGENCY(...) __VA_ARGS__
#define OF_FORM(...)
enum kind {
    KIND_none = 0,
#define X(name, number, zh, class, lane, direction, reach, machine) OF_##machine(KIND_##name = (number),)
#include "../../schema/kinds.def"
#undef X
    KIND_MAX = 255
};
#undef OF_NONE
#undef OF_HANDLING
#undef OF_PROBLEM
#undef OF_EMERGENCY
#undef OF_FORM
struct kind_row {
    const char *name, *zh;
    uint8_t number;
    enum kind_class class;
    enum lane lane;
    enum direction direction;
    enum reach reach;
    enum machine machine;
    const struct form_kind *form;    /* of a FORM, whose machine is NONE: no move acts on it; else NULL */
};
const struct kind_row *kind_row(uint32_t number);            /* NULL: this version does not know it */
const struct kind_row *kind_by_name(const char *name);
size_t kind_count(void);
const struct kind_row *kind_at(size_t index);
const struct form_kind *kind_form(uint32_t number);         /* NULL: it is no form */
const char *lane_name(enum lane lane);
const char *lane_zh(enum lane lane);
bool lane_by_name(const char *name, enum lane *lane);

/* Tiers as the divisions file has them; a smaller number is higher. */
enum tier { TIER_NATION, TIER_PROVINCE, TIER_CITY, TIER_COUNTY, TIER_TOWNSHIP, TIER_COUNT };
const char *tier_name(enum tier tier);

/* ---- ids ------------------------------------------------------------------------------------------------------
 * An event is named by its origin, its kind, its stamp and the first 32 bits of the epoch it was written in: a store
 * that was copied back and a clock that stands still can repeat a stamp, never the pair. */
enum { REC_ID_BYTES = 18, REC_ID_TEXT = 64 };
struct rec_id {
    uint32_t origin;
    uint16_t kind;
    uint64_t stamp;
    uint32_t epoch;
};
static inline bool rec_id_none(struct rec_id id) { return id.origin == 0; }
static inline bool rec_id_equal(struct rec_id a, struct rec_id b) {
    return a.origin == b.origin && a.kind == b.kind && a.stamp == b.stamp && a.epoch == b.epoch;
}
void rec_id_put(struct rec_id id, uint8_t out[REC_ID_BYTES]);
struct rec_id rec_id_get(const uint8_t in[REC_ID_BYTES]);
/* 410800-task-01M0W7Q0R8000-3KQ2Z7A; the last group may be left out where that names only one (epoch is 0 then). */
void rec_id_print(struct rec_id id, char out[REC_ID_TEXT]);
void rec_id_print_short(struct rec_id id, char out[REC_ID_TEXT]);
bool rec_id_parse(const char *text, struct rec_id *id, bool *whole);

struct epoch { uint8_t b[16]; };
static inline bool epoch_equal(struct epoch a, struct epoch b) { return memcmp(a.b, b.b, 16) == 0; }
static inline bool epoch_none(struct epoch e) { return epoch_equal(e, (struct epoch){ { 0 } }); }
static inline uint32_t epoch_short(struct epoch e) { return lz_get32(e.b); }

/* Stamps: 48 bits of milliseconds, 16 of counter. Never 0; strictly increasing at an origin; never advanced by others'. */
static inline uint64_t stamp_next(uint64_t last, uint64_t wall_ms) {
    uint64_t now = wall_ms << 16;
    return now > last ? now : last + 1;
}
static inline uint64_t stamp_wall_ms(uint64_t stamp) { return stamp >> 16; }

/* ---- records ---------------------------------------------------------------------------------------------------- */
struct directive {
    struct lz_bytes number;          /* 焦林长督〔2022〕3号; empty: none */
    uint32_t year, serial;           /* as read from it; unique for issuer, year and kind */
    struct lz_bytes title, body, signers, lead, responsible, measure;
    uint32_t item;                   /* of the plan; 0: none */
    struct lz_bytes plan;            /* 焦林长办〔2022〕6号 */
    uint64_t due_ms;                 /* 0: no limit */
    bool answer_wanted;              /* signing is not enough */
    bool holds_parent;               /* its issuer reports on `parent` when this one is closed everywhere */
    struct rec_id parent;            /* the directive that this one breaks down */
    struct rec_id about;             /* the problem that this one is on */
};
struct move {
    uint32_t move;                   /* number of moves.def */
    uint32_t unit;                   /* the recipient it concerns; 0: the subject itself, or every recipient */
    struct rec_id follows;           /* the move it follows; none: the subject itself */
    struct rec_id report;            /* the report that a ruling answers */
    struct lz_bytes text;
    uint64_t due_ms;
    uint32_t to_unit;                /* assigned to, escalated to */
};
struct problem {
    uint32_t class;                  /* number of classes.def */
    uint32_t source;
    struct lz_bytes title, body, place, parcel;
    uint32_t place_code;
    int32_t longitude_e6, latitude_e6;
    uint32_t found_on;               /* yyyymmdd */
    uint32_t severity;               /* 1 usual, 2 serious, 3 major */
    struct lz_bytes finder, patrol;  /* entries of its unit: the chief who found it, the patrol on which it was found; empty: none */
};
struct emergency {
    uint32_t class;
    struct lz_bytes title, body, place;
    uint32_t place_code;
    uint64_t began_ms;
    uint64_t area_e2;                /* 0.01 ha */
    uint32_t dead, injured;
};
struct progress {
    uint32_t as_of;                  /* yyyymmdd */
    int64_t numerator, denominator;  /* never a percentage */
    struct lz_bytes text;
};
/* Who is on duty at a unit, day and night: the newest is the truth. */
struct duty {
    struct lz_bytes name, post, leader, room, phone;
    uint32_t shift;                  /* 0 day and night, 1 day, 2 night, 3 holiday */
    uint32_t begins, ends;           /* yyyymmdd */
    uint32_t state;                  /* 0 on duty, 1 handed over, 2 cancelled */
};
/* The contribution of a standing, and the sum of many: a small vector of named integers (schema/counters.def). */
enum counter {
#define X(name, number, zh) COUNTER_##name = (number),
#include "../../schema/counters.def"
#undef X
    COUNTER_COUNT
};
struct counters { int64_t of[COUNTER_COUNT]; };
static const int64_t ROLLUP_VALUE_MAX = INT64_C(1) << 53;        /* of one counter in a record: exact also for who reads it as a double */
struct rollup {
    uint32_t kind;                   /* what is summed */
    struct rec_id subject;           /* one directive, or none: the whole kind */
    struct lz_bytes label, number;   /* so that a tier that does not hold the subject can name it */
    uint32_t item;
    uint64_t due_ms;
    struct counters sum;
};

/* What a clerk filled in, of a kind that daemon/kinds/ describes: one version of one entry. */
struct form {
    struct lz_bytes no;              /* names the entry, within its unit and kind */
    uint32_t valid_from;             /* yyyymmdd: from which day this version holds */
    uint8_t state;
    uint32_t given;                  /* a mask: which fields have a value */
    struct form_value *of;           /* by the field's place, all of the kind's */
};

/* A piece of an attached file. total 0: an answer to a wish: this unit does not hold it. */
enum { FILE_HASH_BYTES = 32 };
struct attachment {
    uint8_t hash[FILE_HASH_BYTES];
    uint64_t total;
    uint32_t piece, index;
    struct lz_bytes data, name, type;
    struct rec_id wish;
};
struct attachment_wish {
    bool by_hash;                    /* else all that is attached to the subject */
    uint8_t hash[FILE_HASH_BYTES];
};
static inline uint32_t attachment_pieces(uint64_t total, uint32_t piece) { return piece ? (uint32_t)((total + piece - 1) / piece) : 0; }
static inline uint32_t attachment_length(uint64_t total, uint32_t piece, uint32_t index) {       /* of the piece at index */
    uint64_t left = total - (uint64_t)index * piece;
    return left < piece ? (uint32_t)left : piece;
}

/* What the tier above decides on a version of an entry, the record's subject. */
struct ruling { uint32_t state; struct lz_bytes text; };

struct record {
    uint32_t origin;
    uint16_t kind;
    uint8_t lane, direction, reach, tier;
    struct lz_bytes key;             /* registers: what it is about; events: empty */
    uint64_t stamp;
    uint32_t epoch;
    struct lz_bytes author;
    struct lz_bytes request;         /* 16 bytes or empty */
    uint32_t request_index;
    uint64_t written_ms;
    uint8_t sensitivity;             /* 0 public, 1 internal */
    struct rec_id subject;
    uint32_t *targets;               /* ascending, each once */
    size_t n_targets;
    bool target_all;                 /* everybody below the issuer */
    union {
        struct directive directive;
        struct move move;
        struct problem problem;
        struct emergency emergency;
        struct progress progress;
        struct duty duty;
        struct rollup rollup;
        struct form form;
        struct attachment attachment;
        struct attachment_wish attachment_wish;
        struct ruling ruling;
    } of;                            /* by kind; of an unknown kind: nothing */
    struct lz_bytes envelope;        /* the exact bytes, as they travel and are stored */
    struct lz_bytes bytes;           /* the exact record bytes inside it */
    struct lz_bytes seal;            /* its origin's seal; empty: none */
};
static inline struct rec_id record_id(const struct record *r) {
    return (struct rec_id){ r->origin, r->kind, r->stamp, r->epoch };
}
static inline bool kind_is_directive(uint32_t kind) {
    const struct kind_row *row = kind_row(kind);
    return row && row->machine == MACHINE_HANDLING;
}
bool record_targets_unit(const struct record *r, uint32_t unit);

/* ---- codec: bytes <-> structs; the only user of the generated protobuf code --------------------------------------
 * Every decode is a gate: size before parsing, ranges, enums, UTF-8, dates. What it returns points into the bytes it
 * was given and the arena; it is trusted from there on. */
/* Writes r (without envelope and bytes) as an envelope into the arena and sets r->envelope and r->bytes. */
enum lz_err record_encode(struct arena *arena, struct record *r, struct lz_fail *fail) LZ_MUST_CHECK;
/* The seal of an origin over its own record: a keyed hash (BLAKE2b), with a key that never leaves the node. It says nothing to
 * others; it lets a node that lost its store tell its own records from forged ones when neighbours give them back. Seals an
 * envelope that record_encode has just made, in place. */
enum { SEAL_BYTES = 16, SEAL_KEY_BYTES = 32 };
void record_seal(struct record *r, const uint8_t key[SEAL_KEY_BYTES]);
bool record_seal_good(const struct record *r, const uint8_t key[SEAL_KEY_BYTES]);
/* A kind that this version does not know decodes with LZ_unknown_kind, its head filled in: it can still be carried. */
enum lz_err record_decode(struct arena *arena, struct lz_bytes envelope, struct record *r, struct lz_fail *fail) LZ_MUST_CHECK;
/* A draft is a record as a clerk submits it: kind, subject, targets, key and payload; the daemon adds the rest. */
enum { DRAFT_STATE_GIVEN = 1 };     /* request_index of a form's draft in an import: the row says its state */
enum lz_err draft_encode(struct arena *arena, const struct record *draft, struct lz_bytes *out, struct lz_fail *fail) LZ_MUST_CHECK;
enum lz_err draft_decode(struct arena *arena, struct lz_bytes bytes, struct record *draft, struct lz_fail *fail) LZ_MUST_CHECK;
/* Reads year and serial out of 焦林长督〔2022〕3号 (also [2022], 【2022】, (2022)). */
bool number_parse(struct lz_bytes number, uint32_t *year, uint32_t *serial);

/* ---- protocol messages between neighbours ------------------------------------------------------------------------- */
enum { PROTOCOL_VERSION = 1, PROTOCOL_VERSION_MIN = 1, PACKET_HEADER_BYTES = 12 };
enum packet_type {
    PACKET_HELLO = 1, PACKET_BATCH, PACKET_TIP, PACKET_FETCH, PACKET_ACK,
    PACKET_RECLAIM_ASK, PACKET_RECLAIM_ANSWER, PACKET_RECLAIM_DONE, PACKET_REFUSAL,
    PACKET_REPAIR_ASK, PACKET_REPAIR_ANSWER,
    PACKET_ASK = 32, PACKET_ANSWER
};
enum channel { CHANNEL_LIVE_UP, CHANNEL_LIVE_DOWN, CHANNEL_SYNC };
/* What the wire carries: one frame. peer: from or to whom, proven by its key; 0 on LIVE_DOWN: all children. */
struct packet {
    uint32_t peer;
    enum channel channel;
    struct lz_bytes bytes;
};
/* The fixed header in front of every message: "LZ1/", type, version, 2 zero bytes, body length (32 bits, big endian).
 * Gives the body, or refuses: wrong magic, version, type or length. */
enum lz_err packet_open(struct lz_bytes bytes, enum packet_type *type, struct lz_bytes *body, struct lz_fail *fail) LZ_MUST_CHECK;

/* Feeds: up (to the parent), all (to every child), or a child's code; and one that no neighbour reads, for files (export): all that landed. */
enum { SCOPE_UP = 0, SCOPE_ALL = 1, SCOPE_EXPORT = 2 };
struct feed_id {
    uint32_t scope;
    uint8_t lane;
};
static inline bool feed_id_equal(struct feed_id a, struct feed_id b) { return a.scope == b.scope && a.lane == b.lane; }

struct lineage_entry {
    struct epoch epoch;
    uint64_t position;               /* the store's last position when it began */
};
struct cursor {
    struct epoch epoch;
    uint64_t position;
    uint64_t seen;                   /* the publisher's last position when the newest applied batch was composed */
};
struct feed_cursor {
    struct feed_id feed;
    struct cursor at;
};
enum { LINK_FEEDS_MAX = 2 * LANE_COUNT };
struct hello {
    uint32_t version, version_min;
    struct lz_bytes software;
    uint32_t unit, to;
    uint8_t tier;
    bool reply;
    bool owes;                       /* what you lost I still have to see you take back */
    struct lineage_entry *lineage;   /* oldest first, the last is the present epoch */
    size_t n_lineage;
    bool lineage_cut;                /* older ones exist */
    struct feed_cursor cursors[LINK_FEEDS_MAX];   /* how far the sender has applied the receiver's feeds */
    size_t n_cursors;
    uint64_t highest_stamp;          /* of the receiver's own records that the sender holds */
    uint32_t *wish;                  /* kinds wanted in full; from a parent */
    size_t n_wish;
    uint64_t wall_ms;
};
struct batch {
    struct feed_id feed;
    struct epoch epoch;
    uint64_t from, to, seen, tip;
    bool repair;                     /* read back from the store, not live */
    struct lz_bytes *envelopes;
    size_t n_envelopes;
};
struct tip_entry {
    struct feed_id feed;
    uint64_t tip;
};
struct tip {
    struct epoch epoch;
    uint64_t seen;
    struct tip_entry feeds[LINK_FEEDS_MAX];
    size_t n_feeds;
    uint32_t next_ms;                /* the next one comes within this time */
    uint64_t wall_ms;
    uint32_t heard_ms;               /* how long ago the sender last heard the receiver */
    struct lz_bytes cause;           /* to children: why the sender is not in sync with its own parent; for `why` */
};
struct fetch {
    struct feed_id feed;
    struct epoch epoch;
    uint64_t from;
};
struct ack {
    struct epoch epoch;
    struct feed_cursor cursors[LINK_FEEDS_MAX];
    size_t n_cursors;
};
struct reclaim_ask {
    struct epoch asker;
    struct epoch answerer;
    struct lz_bytes after;           /* record key; empty: from the start */
    uint64_t seen;                   /* done: the asker's last position, at which it had all of its own; 0: it does not say */
};
struct reclaim_answer {
    struct epoch asker, answerer;
    struct lz_bytes after, next;
    bool ended, final;
    struct lz_bytes *envelopes;
    size_t n_envelopes;
};
struct repair {                      /* asked: the keys; answered: the records, and the keys that are not held */
    struct lz_bytes *keys, *envelopes;
    size_t n_keys, n_envelopes;
};
struct refusal {
    uint32_t code;                   /* enum lz_err by name on the wire */
    struct lz_bytes text;
};
enum lz_err hello_encode(struct arena *, const struct hello *, struct lz_bytes *packet) LZ_MUST_CHECK;
enum lz_err hello_decode(struct arena *, struct lz_bytes body, struct hello *) LZ_MUST_CHECK;
enum lz_err batch_encode(struct arena *, const struct batch *, struct lz_bytes *packet) LZ_MUST_CHECK;
enum lz_err batch_decode(struct arena *, struct lz_bytes body, struct batch *) LZ_MUST_CHECK;
enum lz_err tip_encode(struct arena *, const struct tip *, struct lz_bytes *packet) LZ_MUST_CHECK;
enum lz_err tip_decode(struct arena *, struct lz_bytes body, struct tip *) LZ_MUST_CHECK;
enum lz_err fetch_encode(struct arena *, const struct fetch *, struct lz_bytes *packet) LZ_MUST_CHECK;
enum lz_err fetch_decode(struct arena *, struct lz_bytes body, struct fetch *) LZ_MUST_CHECK;
enum lz_err ack_encode(struct arena *, const struct ack *, struct lz_bytes *packet) LZ_MUST_CHECK;
enum lz_err ack_decode(struct arena *, struct lz_bytes body, struct ack *) LZ_MUST_CHECK;
enum lz_err reclaim_ask_encode(struct arena *, const struct reclaim_ask *, struct lz_bytes *packet) LZ_MUST_CHECK;
enum lz_err reclaim_ask_decode(struct arena *, struct lz_bytes body, struct reclaim_ask *) LZ_MUST_CHECK;
enum lz_err reclaim_answer_encode(struct arena *, const struct reclaim_answer *, struct lz_bytes *packet) LZ_MUST_CHECK;
enum lz_err reclaim_answer_decode(struct arena *, struct lz_bytes body, struct reclaim_answer *) LZ_MUST_CHECK;
enum lz_err reclaim_done_encode(struct arena *, const struct reclaim_ask *, struct lz_bytes *packet) LZ_MUST_CHECK;
enum lz_err repair_encode(struct arena *, enum packet_type, const struct repair *, struct lz_bytes *packet) LZ_MUST_CHECK;
enum lz_err repair_decode(struct arena *, struct lz_bytes body, struct repair *) LZ_MUST_CHECK;
enum lz_err refusal_encode(struct arena *, const struct refusal *, struct lz_bytes *packet) LZ_MUST_CHECK;
enum lz_err refusal_decode(struct arena *, struct lz_bytes body, struct refusal *) LZ_MUST_CHECK;

/* ---- control messages (proto/control.proto) ------------------------------------------------------------------------ */
struct arg { struct lz_bytes name, value; };
struct ask {
    struct lz_bytes verb;            /* "order issue" */
    struct lz_bytes request;         /* 16 bytes for a verb that writes; empty otherwise */
    struct arg *args;
    size_t n_args;
    struct lz_bytes *drafts;         /* as draft_encode wrote them */
    size_t n_drafts;
    struct lz_bytes after;           /* continue a long answer here */
    uint64_t seq;                    /* echoed, so that a client may have several asks under way */
    struct lz_bytes data;            /* a piece of a file */
    enum lz_lang lang;               /* of the sentence that answers, and of the words in the rows */
    bool program;                    /* ... but the rows are for a program: their words stay Chinese */
};
struct cell { struct lz_bytes name, text; };      /* name: the JSON key; text: a string or a number */
struct row { struct cell *cells; size_t n_cells; };
struct draft_result { uint32_t index; enum lz_err code; struct lz_bytes text; };
struct answer {
    uint64_t seq;
    enum lz_err code;
    struct lz_bytes text;            /* one sentence for a person */
    struct row *rows;
    size_t n_rows;
    struct lz_bytes *ids;            /* of the records submitted, in order; empty bytes: refused */
    size_t n_ids;
    struct draft_result *refused;
    size_t n_refused;
    struct lz_bytes next;            /* not empty: ask again with after = next */
    bool streaming;                  /* watch: more comes unasked */
    struct lz_bytes data;            /* a piece of a file */
};
enum lz_err ask_encode(struct arena *, const struct ask *, struct lz_bytes *packet) LZ_MUST_CHECK;
enum lz_err ask_decode(struct arena *, struct lz_bytes body, struct ask *) LZ_MUST_CHECK;
enum lz_err answer_encode(struct arena *, const struct answer *, struct lz_bytes *packet) LZ_MUST_CHECK;
enum lz_err answer_decode(struct arena *, struct lz_bytes body, struct answer *) LZ_MUST_CHECK;

/* ---- units: the divisions file ---------------------------------------------------------------------------------------- */
struct unit {
    uint32_t code;
    uint32_t parent;                 /* 0: none */
    uint8_t tier;
    char name[48];
};
struct units;
struct units *units_create(void);                              /* NULL: no memory */
void units_destroy(struct units **units_p);
/* The columns of deploy/data/divisions-*.tsv; may be called for several files, a code given again is refused. */
enum lz_err units_load(struct units *units, struct lz_bytes text, struct lz_fail *fail) LZ_MUST_CHECK;
const struct unit *units_find(const struct units *units, uint32_t code);
size_t units_count(const struct units *units);
const struct unit *units_at(const struct units *units, size_t index);   /* by code, ascending */
/* code and all its descendants, ascending; at most max; gives how many there are. */
size_t units_below(const struct units *units, uint32_t code, bool with_itself, uint32_t *out, size_t max);

/* ---- roster: the enrolled children, and the subtree each speaks for -------------------------------------------------- */
struct child {
    uint32_t code;
    uint8_t key[32];                 /* CURVE public key */
    uint32_t *subtree;               /* ascending, contains code */
    size_t n_subtree;
};
struct roster {
    struct child children[CHILDREN_MAX];
    size_t n_children;
    uint32_t *pool;                  /* SUBTREE_MAX codes, shared by the children */
    size_t n_pool;
};
struct roster *roster_create(void);                            /* NULL: no memory */
void roster_destroy(struct roster **roster_p);
enum lz_err roster_add(struct roster *roster, uint32_t code, const uint8_t key[32], const uint32_t *subtree, size_t n_subtree,
                       struct lz_fail *fail) LZ_MUST_CHECK;     /* replaces a child of that code */
bool roster_remove(struct roster *roster, uint32_t code);
const struct child *roster_find(const struct roster *roster, uint32_t code);
const struct child *roster_by_key(const struct roster *roster, const uint8_t key[32]);
const struct child *roster_holding(const struct roster *roster, uint32_t unit);   /* whose subtree has unit */
bool child_holds(const struct child *child, uint32_t unit);
/* One line a child: code, key (hex), subtree (codes with commas), tab separated. */
enum lz_err roster_load(struct roster *roster, struct lz_bytes text, struct lz_fail *fail) LZ_MUST_CHECK;
struct lz_bytes roster_print(const struct roster *roster, struct arena *arena);

/* ---- feed: the follower's whole rule (design section 4) ---------------------------------------------------------------- */
enum follow { FOLLOW_APPLY, FOLLOW_GAP, FOLLOW_OLD, FOLLOW_NEEDS_HELLO };
/* What to do with a batch that says (from, to] of epoch, at a cursor; greeted: the epoch that hello showed, or none. */
enum follow feed_on_batch(const struct cursor *cursor, struct epoch greeted, struct epoch epoch, uint64_t from, uint64_t to);
void feed_advance(struct cursor *cursor, uint64_t to, uint64_t seen);

/* ---- peer: hello, lineage, the state of a link ------------------------------------------------------------------------- */
enum verdict { VERDICT_FRESH, VERDICT_GOOD, VERDICT_ROLLBACK, VERDICT_RECREATED, VERDICT_CLONE };
/* A cursor against the lineage of the store it follows. It is good when its *seen* is at or below the point where the
 * next epoch began; an epoch that is not in the line is a rollback if the cursor's line and this one share an epoch
 * (shared: the follower knows an older epoch of this line), a re-created store if not. */
enum verdict peer_judge(const struct cursor *cursor, const struct lineage_entry *lineage, size_t n_lineage, bool shared);
const char *verdict_name(enum verdict verdict);

enum link_state {
#define X(name, zh, next_zh) LINK_##name,
#include "../../schema/links.def"
#undef X
    LINK_COUNT
};
const char *link_name(enum link_state state);
const char *link_zh(enum link_state state);
const char *link_next_zh(enum link_state state);                /* what a person can do */

/* ---- route: which feeds a record enters --------------------------------------------------------------------------------- */
struct route_facts {                 /* what the node knows of the record's subject */
    uint32_t unit;                   /* this node */
    bool has_parent;
    bool from_parent;                /* the record came down, or its origin lies outside this node's subtree */
    bool wished;                     /* the parent wants this kind in full */
    bool subject_here;               /* its subject is held, or it has none */
    uint8_t subject_lane;            /* a move goes in its subject's lane, */
    bool escalated;                  /* an escalated problem in the urgent one */
    bool parent_knows;               /* the parent has the problem: found here, escalated from here, or assigned from above */
    uint32_t issuer;                 /* origin of the subject */
    const uint32_t *involved;        /* problem: units below that take part (finder, assignees) */
    size_t n_involved;
    bool subject_all;                /* directive to everybody below */
    bool exporting;                  /* files follow this store */
};
struct route {
    struct feed_id feeds[CHILDREN_MAX + 4];
    size_t n_feeds;
};
/* Decides from the record, the facts and the enrolled children. Feeds only gain: what was entered once stays. */
void route_record(const struct record *r, const struct route_facts *facts, const struct roster *roster, struct route *route);
#endif
