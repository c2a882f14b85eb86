/* flow: what a record means here.
 *
 * Landing a record (flow_land) puts it in the store, enters it in its feeds and changes standings and rollups, all in the
 * turn's one transaction; submitting (flow_submit) checks a clerk's draft, makes it a record of this unit and lands it.
 * Guarantees: landing the same record twice has no second effect; a standing is a function of the records held, whatever
 * the order of their arrival (flow_fold). Time comes in with flow_begin; nothing here reads a clock. Leaves to others: who
 * may send what (turn), talking to neighbours (turn), talking to clerks (ctl). */
#ifndef LZ_FLOW_H
#define LZ_FLOW_H
#include "../store/store.h"

/* ---- life cycles as data ---------------------------------------------------------------------------------------- */
enum handling_state {
#define S_HANDLING(name, number, zh, open) HANDLING_##name = (number),
#include "../../schema/states.def"
};
enum problem_state {
#define S_PROBLEM(name, number, zh, open) PROBLEM_##name = (number),
#include "../../schema/states.def"
};
enum emergency_state {
#define S_EMERGENCY(name, number, zh, open) EMERGENCY_##name = (number),
#include "../../schema/states.def"
};
enum { STATES_MAX = 16, STATE_SAME = 255, HANDLING_SAME = STATE_SAME, PROBLEM_SAME = STATE_SAME, EMERGENCY_SAME = STATE_SAME };
enum move_by { BY_DAEMON, BY_RECIPIENT, BY_ISSUER, BY_OWNER, BY_HANDLER, BY_FINDER, BY_ABOVE };
enum move_needs { NEEDS_TEXT = 1, NEEDS_UNIT = 2, NEEDS_DUE = 4, NEEDS_REPORT = 8 };
struct move_row {
    enum machine machine;
    const char *name, *zh;
    uint8_t number, to, needs;
    enum move_by by;
    uint16_t from;                   /* mask of states */
};
const struct move_row *move_row(enum machine machine, uint32_t number);
const struct move_row *move_by_name(enum machine machine, const char *name);
const char *move_zh(uint32_t number);            /* whatever the machine; "?" when unknown */
const char *move_name(uint32_t number);
size_t move_count(void);
const struct move_row *move_at(size_t index);
const char *state_name(enum machine machine, uint8_t state);
const char *state_zh(enum machine machine, uint8_t state);
bool state_open(enum machine machine, uint8_t state);
bool state_by_name(enum machine machine, const char *name, uint8_t *state);
enum colour { COLOUR_GREEN, COLOUR_BLUE, COLOUR_YELLOW, COLOUR_RED, COLOUR_COUNT };
const char *colour_name(enum colour colour);
const char *colour_zh(enum colour colour);
const char *class_zh(uint32_t kind, uint32_t class);
const char *class_name(uint32_t kind, uint32_t class);
bool class_by_name(uint32_t kind, const char *name, uint32_t *class);

/* ---- standings ----------------------------------------------------------------------------------------------------- */
/* The state of a subject for one unit (a directive's recipient), or of the subject itself (unit 0: problem, emergency). */
struct standing {
    uint8_t machine, state, colour;
    uint8_t auto_escalated;          /* this tier's daemon has passed it up once */
    uint8_t counted;                 /* it is in the sums: it is this node's to count, and its subject is held */
    uint32_t owner, handler;         /* problem */
    uint64_t since_ms;               /* of the present state, by the move's own time */
    uint64_t delivered_ms, signed_ms, reported_ms, closed_ms;
    uint64_t due_ms, first_due_ms;   /* now and at first; 0: none */
    uint64_t red_since_ms, judge_ms; /* judge_ms: when the colour is looked at again; 0: never */
    uint32_t returns, urges, effective, overtaken;
    uint32_t urged_on;               /* yyyymmdd of the daemon's last urge */
    struct rec_id head, report;      /* the last move in effect; the last report */
    struct rec_id passed;            /* problem: the escalation by which its owner has it; known after a fold only */
    /* the latest progress by as-of date, then stamp; how many there are */
    uint32_t as_of, n_progress;
    uint64_t progress_stamp;
    int64_t numerator, denominator;
};
/* Folds moves over a subject. moves: any order; the result does not depend on it. Pure.
 * Order: causal (a move stands behind the one it follows); between concurrent ones the higher tier's, then the lower code's
 * comes first. A move that is not legal where it then stands is overtaken: it stays in the trace, without effect. A move whose
 * predecessor is not here waits. trace (may be NULL) gets for each move: 1 in effect, 2 overtaken, 0 waiting. */
void flow_fold(const struct record *subject, const struct record *moves, size_t n_moves, uint32_t unit, struct standing *standing, uint8_t *trace);
void standing_contribution(const struct standing *standing, struct counters *out);

/* ---- the flow of one node -------------------------------------------------------------------------------------------- */
struct flow_settings {
    uint32_t sign_days, sign_urgent_hours, reminder_days, letter_days, accept_days, handle_days;
    uint32_t blue_days, yellow_points, red_points, urge_after_days, offer_after_days;
    uint32_t rollup_interval_ms;
    struct form_rules rules;
};
struct flow_options {
    struct store *store;             /* all lent for the life of the flow */
    const struct roster *roster;
    const struct units *units;
    const struct calendar *calendar;
    uint32_t unit, parent;           /* parent 0: the top */
    uint8_t tier;
    uint8_t seal_key[SEAL_KEY_BYTES];
    bool exporting;                  /* every record that lands enters the feed for files too */
    struct flow_settings settings;
};
/* Whose hand it is when the daemon acts by itself. */
extern const struct lz_bytes flow_daemon_author;
struct flow;
struct flow *flow_create(const struct flow_options *options);
void flow_destroy(struct flow **flow_p);
void flow_begin(struct flow *flow, struct lz_now now, struct arena *arena);
/* Writes what the turn changed: standings, rollups, what is due. Call once before store_commit. */
void flow_settle(struct flow *flow);
void flow_committed(struct flow *flow);          /* after store_commit gave LZ_ok */
void flow_forget(struct flow *flow);             /* after store_abort: what was in memory was never true */
bool flow_has_room(const struct flow *flow);     /* for another packet or ask in this turn */
/* Between two records: when the turn has touched much, writes it out, so that the next one finds room. Nothing may be in hand. */
void flow_make_room(struct flow *flow);
uint64_t flow_next_due(struct flow *flow);       /* wall_ms; UINT64_MAX: nothing */

/* While a neighbour may still give back what this unit once numbered, nothing is numbered anew: a number serves once. */
void flow_hold_numbers(struct flow *flow, bool hold);
/* Makes a record of a draft and lands it. author: who at this unit; request: 16 bytes or empty. id receives its id. */
enum lz_err flow_submit(struct flow *flow, struct record *draft, struct lz_bytes author, struct lz_bytes request, uint32_t index,
                        struct rec_id *id, struct lz_fail *fail) LZ_MUST_CHECK;
/* Has a child's subtree a part in the problem that a move of its is on? Also when the problem is not here to tell, and for every other record. */
bool flow_takes_part(struct flow *flow, const struct record *r, const struct child *child);
enum land { LAND_OWN, LAND_PEER, LAND_RECLAIM };
/* LZ_ok: it took effect. LZ_already: it had, or a newer register stands. LZ_conflict: the same id with other bytes. */
enum lz_err flow_land(struct flow *flow, struct record *record, enum land land) LZ_MUST_CHECK;
/* A record of a kind that this version does not know: kept and passed on by its head. */
enum lz_err flow_carry(struct flow *flow, struct record *record) LZ_MUST_CHECK;
/* Lands a record that an older version of this program could only carry, or had to refuse. */
enum lz_err flow_adopt(struct flow *flow, struct record *record) LZ_MUST_CHECK;
/* A record whose bytes had rotted here has come again: it stands in its feeds anew. LZ_already: what it means stands, or is mended. */
enum lz_err flow_heal(struct flow *flow, struct record *record) LZ_MUST_CHECK;
/* What landed in this turn, for `watch`; lent until flow_begin. */
size_t flow_landed(const struct flow *flow, const struct rec_id **ids);

/* Routes a record again, entering the feeds that it lacks. For walks. */
void flow_reroute(struct flow *flow, struct key key, struct lz_bytes value);
void flow_set_wish(struct flow *flow, const uint32_t *kinds, size_t n);
bool flow_wished(const struct flow *flow, uint32_t kind);
/* A child was removed, or is back: its part leaves, or enters, every sum. */
void flow_child_part(struct flow *flow, uint32_t child, bool present);
void flow_rollups_again(struct flow *flow);      /* after a reclaim, and at start: compare what was sent with what is true */

/* ---- forms: entries that a unit keeps, each in dated versions ---- */
/* The version that held on a day, or the latest (day 0). False: there was none, or it cannot be read. The record is in the turn's arena. */
bool flow_entry(struct flow *flow, uint32_t kind, uint32_t unit, struct lz_bytes no, uint32_t day, struct record *record);
/* The next entry of a kind behind *at, whoever keeps it, as of a day (0: the latest versions); at: zero to begin. unit 0: of all. */
bool flow_next_entry(struct flow *flow, uint32_t kind, uint32_t unit, uint32_t day, struct key *at, struct record *record);
/* The next version of an entry behind *at, oldest first. */
bool flow_next_version(struct flow *flow, uint32_t kind, uint32_t unit, struct lz_bytes no, struct key *at, struct record *record);

/* Sums of a form's kind under one heading, as the subject of flow_rollup: a choice (its place + 1; 0: none) and a period (0: none). */
struct rec_id sums_subject(uint32_t kind, uint32_t choice, uint32_t period);
bool sums_subject_parse(struct rec_id subject, uint32_t *choice, uint32_t *period);     /* false: it is no such heading */
/* The next entry behind *at, as it is now, that refers to `to` and is about a day (or period) within from..until, in their order. */
bool flow_next_referring(struct flow *flow, uint32_t kind, uint32_t unit, struct lz_bytes to, uint32_t from, uint32_t until, struct key *at,
                         struct record *record);

/* ---- attached files ---- */
/* wrong: whole, and its hash is another; again: it was wrong, and is sent anew; nothing: a unit that was asked does not hold it */
enum file_state { FILE_COMING, FILE_WHOLE, FILE_WRONG, FILE_AGAIN, FILE_NOTHING };
struct flow_file {
    uint8_t hash[FILE_HASH_BYTES];
    uint32_t origin;                 /* who attached it, or answered */
    uint32_t from, piece;            /* of what is held best: who sent it, in pieces of which length */
    uint64_t total, written_ms;
    uint32_t pieces, held;           /* pieces 0: nothing is known */
    enum file_state state;
    struct rec_id subject;
    char name[ATTACHMENT_NAME_MAX + 1], type[ATTACHMENT_TYPE_MAX + 1];
};
/* The next file of a subject (none: of all), or answer to a wish, behind *at; zero to begin. */
bool flow_next_attached(struct flow *flow, struct rec_id subject, struct key *at, struct flow_file *file);
size_t flow_attached(struct flow *flow, struct rec_id subject);           /* counted up to one more than ATTACHMENTS_MAX */
bool flow_file(struct flow *flow, const uint8_t hash[FILE_HASH_BYTES], struct flow_file *file);
bool flow_piece(struct flow *flow, const uint8_t hash[FILE_HASH_BYTES], uint32_t origin, uint32_t piece, uint32_t index, struct record *record);
/* The one file whose hash lies in the range. LZ_not_found, LZ_ambiguous. */
enum lz_err flow_find_file(struct flow *flow, const uint8_t from[FILE_HASH_BYTES], const uint8_t to[FILE_HASH_BYTES],
                            uint8_t hash[FILE_HASH_BYTES]) LZ_MUST_CHECK;
/* Where a file goes that this unit attaches to a record; an act's files are its matter's. */
struct place {
    struct rec_id subject;
    uint8_t direction, reach;
    uint32_t *targets;
    size_t n_targets;
    bool target_all;
};
enum lz_err flow_place(struct flow *flow, struct rec_id subject, struct place *place, struct lz_fail *fail) LZ_MUST_CHECK;
/* Fills in the way of a piece's draft: its place, or the one that its file has begun to go. */
enum lz_err flow_attach_way(struct flow *flow, struct record *draft, struct lz_fail *fail) LZ_MUST_CHECK;
bool flow_piece_sent(struct flow *flow, const struct record *draft);      /* is the piece, its way filled in, on its way already */
/* A slice of what waits: answers to wishes, if it may submit; proofs of what has come in. True: there is more. */
bool flow_files_step(struct flow *flow, bool may_submit);

/* ---- reading ---- */
bool flow_standing(struct flow *flow, struct rec_id subject, uint32_t unit, struct standing *standing);
bool flow_record(struct flow *flow, struct rec_id id, struct record *record);     /* decoded into the turn's arena */
size_t flow_moves(struct flow *flow, struct rec_id subject, uint32_t unit, struct record **moves);   /* of one unit and of unit 0 */
size_t flow_move_count(struct flow *flow, struct rec_id subject, uint32_t unit);   /* counted up to SUBJECT_MOVES_MAX of each */
bool flow_rollup(struct flow *flow, uint16_t kind, struct rec_id subject, uint32_t unit, struct counters *sum);
/* Whether the directive is for that unit, as far as this node sees. "All below" is nobody beside or above the issuer, nor itself. */
bool flow_is_recipient(struct flow *flow, const struct record *directive, uint32_t unit);
/* Who the directive is for, as far as this node sees: its whole list at the issuer, its own part below. */
size_t flow_recipients(struct flow *flow, const struct record *directive, const uint32_t **units);
/* What may be done next with a standing by this unit, as Chinese words with the English name. */
void flow_legal(struct flow *flow, const struct record *subject, const struct standing *standing, uint32_t unit, enum lz_lang lang, char *out,
                size_t out_size);

/* A problem that is another line's: its finder does not stand below this unit, or no more, and it is not handed to anybody here; or its finder
 * came to stand below it, and who owned it before has ended it or still has it. Nobody here can act on it, is late with it, or hears more of it. */
bool flow_is_elsewhere(const struct flow *flow, struct rec_id subject, const struct standing *standing);
/* The parent is another than before: the open problems that this unit had passed up, and that the one before still has, are passed to the
 * present one. A slice; *at is where it begins and where the next one does. False: that was the last. */
bool flow_pass_on(struct flow *flow, struct key *at);

/* Red for so many working days that urging has not helped: the issuer is offered to raise the supervision (升级督办). */
bool flow_offers_upgrade(struct flow *flow, const struct standing *standing);

/* ---- verify: everything derived is computed again from the records ---- */
struct verify {
    uint64_t records, standings, rollups, feed_entries, differences;
    struct lz_bytes first;           /* the first difference, in words */
};
void flow_verify(struct flow *flow, struct verify *verify);
void flow_verify_in(struct flow *flow, enum lz_lang lang, struct verify *verify);          /* the words are in that language */

/* ---- mend: what is derived and was lost to rot is made again; in a turn that has touched nothing yet ----
 * anew: records are gone for good: standings and indexes are made from what is left, whatever they were. */
struct mend { uint64_t feed_entries, rows, standings; };         /* what was missing and stands again */
void flow_mend(struct flow *flow, bool anew, struct mend *mend);
#endif
