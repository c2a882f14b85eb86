/* turn: one pass of the main loop, and the conversation with the neighbours.
 *
 *     turn_begin(turn, now);
 *     ... turn_feed(turn, &packet), or submissions through turn_flow(turn) ...
 *     turn_commit(turn);                         one synced commit for all that the wake-up brought
 *     while (turn_next_send(turn, &packet)) ...  only now does anything leave the process
 *
 * Guarantees: a record's effect and the cursor that says so are in the same commit; nothing is offered, acknowledged or
 * answered before it; `live` is only said of a link when both cursors are proven. It never sees a socket, a clock or a
 * random source: the simulator runs it as it is. */
#ifndef LZ_TURN_H
#define LZ_TURN_H
#include "../flow/flow.h"

struct turn_options {
    struct store *store;             /* all lent for the life of the turn */
    struct roster *roster;
    const struct units *units;
    const struct calendar *calendar;
    uint32_t unit, parent;           /* parent 0: the top */
    uint8_t tier;
    size_t n_parent_endpoints;
    struct flow_settings settings;
    uint32_t subscribe[WISH_KINDS_MAX];            /* kinds wanted in full from below */
    size_t n_subscribe;
    const char *software;
    uint8_t secret_key[32], parent_key[32];        /* CURVE keys: bundles are sealed with them for one neighbour */
    uint8_t seal_key[SEAL_KEY_BYTES];              /* for ever the same at this node */
    struct epoch epoch;              /* random, drawn for this start */
    bool may_wait;                   /* where the disk is too full to begin: for room, answering who only looks; else turn_open refuses */
    bool exporting;                  /* files may follow this store: what lands is entered in a feed for them */
    bool restored;                   /* the store is a backup's: what came after it is asked back of the neighbours */
    uint64_t seed;                   /* for jitter */
    uint32_t tip_ms, tip_idle_ms, hello_ms;
};
struct turn;
/* Commits the new epoch before it returns; opens the reclaims of a new store. With may_wait it may return before that is done: until the
 * disk takes it, nothing is offered, taken or submitted, and every link says so. */
enum lz_err turn_open(struct turn **turn_p, const struct turn_options *options, struct lz_now now, struct lz_fail *fail) LZ_MUST_CHECK;
void turn_close(struct turn **turn_p);

void turn_begin(struct turn *turn, struct lz_now now);
bool turn_has_room(const struct turn *turn);       /* for one more packet or ask in this turn */
void turn_feed(struct turn *turn, const struct packet *packet);
/* LZ_ok; LZ_full: nothing of this turn happened, it will be tried again; LZ_store_io: end the process. */
enum lz_err turn_commit(struct turn *turn) LZ_MUST_CHECK;
/* Gives up what this turn has done so far, as if it had just begun: for an atomic ask that failed, alone in its turn. */
void turn_abandon(struct turn *turn);
/* After questions were answered: true when the last commit found no space and there is none yet. Then feed nothing: this turn leaves
 * what is due where it waits, so that the answers to those who only look do not fall with a commit that cannot be. */
bool turn_answers_only(struct turn *turn);
bool turn_untouched(const struct turn *turn);      /* no packet, nothing written yet */
bool turn_next_send(struct turn *turn, struct packet *packet);
uint64_t turn_next_deadline(const struct turn *turn);   /* mono_ms */

/* What the shell saw of the connection to the parent; and where it should dial now. */
enum parent_event { PARENT_CONNECTED, PARENT_LOST, PARENT_REFUSED };
void turn_parent_event(struct turn *turn, enum parent_event event);
bool turn_wants_dial(struct turn *turn, size_t *endpoint);

/* The roster has changed (the caller changed it): links, sums and feeds follow in this turn. */
void turn_child_added(struct turn *turn, uint32_t code);
void turn_child_removed(struct turn *turn, uint32_t code);

struct flow *turn_flow(struct turn *turn);
struct arena *turn_arena(struct turn *turn);
const struct turn_options *turn_settings(const struct turn *turn);
struct lz_now turn_now(const struct turn *turn);
/* May a clerk submit now? Refuses with the reason while a lost store is being found again, or the store is full. */
enum lz_err turn_may_submit(struct turn *turn, enum lane lane, struct lz_fail *fail);
bool turn_recovering(struct turn *turn);
void turn_override_reclaim(struct turn *turn);     /* an operator says: do not wait for the neighbours */
bool turn_resolve(struct turn *turn, uint32_t peer);   /* an operator says: this peer's present line is the true one */

/* ---- rot: what the disk changed behind our back ----
 * A slow scrub reads the whole store once a day; what it, or any reading, finds damaged is made good: derived rows from the
 * records, records from a neighbour that holds them too. */
struct repair_view {
    uint64_t looked;                 /* values read by the last whole look */
    uint64_t found, made_good;       /* since the start of this process */
    uint64_t scrubbed_wall_ms;       /* when the whole store had last been read; 0: not in this run */
    size_t n_damaged;                /* records that no neighbour has given back yet */
};
/* Reads everything now, makes good what it can, asks the neighbours for the rest. In a turn that has touched nothing. */
void turn_repair(struct turn *turn);
void turn_repair_view(const struct turn *turn, struct repair_view *view);
/* A record that is still damaged: its key; how many neighbours may hold it, and how many of them say that they do not. */
/* An operator says: what no neighbour holds is lost. Its places are cleared, and everything derived is made anew. */
void turn_repair_give_up(struct turn *turn);
struct key turn_damaged(const struct turn *turn, size_t index, uint32_t *asked, uint32_t *absent);

/* ---- what links says ---- */
struct feed_view {
    struct feed_id feed;
    bool ours;                       /* we publish it */
    uint64_t position, tip;          /* applied (or acknowledged), and what there is */
};
struct link_view {
    uint32_t code;
    bool is_parent;
    enum link_state state;
    const char *reason;
    uint64_t since_wall_ms, last_seen_wall_ms;     /* 0: never */
    uint64_t behind_in, behind_out;  /* records' positions not applied here / not confirmed there */
    uint64_t behind_out_records, behind_out_bytes, oldest_out_ms;
    double rate_out, rate_in;        /* positions per second of late */
    struct epoch epoch;
    char software[64];
    char cause[256];                 /* what the peer says of itself */
    int64_t clock_offset_ms;
    bool owes, reclaiming, walking;
    uint64_t file_in_serial, file_in_wall_ms, file_out_serial, file_out_wall_ms;   /* the last bundle imported from there, made for there; 0: none */
    struct feed_view feeds[3 * LANE_COUNT];
    size_t n_feeds;
};
size_t turn_links(struct turn *turn);
void turn_link_view(struct turn *turn, size_t index, struct link_view *view);
/* The view's reason in a language; code: of a link. */
void turn_link_reason(struct turn *turn, uint32_t code, enum lz_lang lang, char *out, size_t size);
struct turn_counters {
    uint64_t turns, commits, packets, records, duplicates, refused, bad_packets, forbidden, gaps, fetches_served, batches_live, batches_repair, conflicts;
    uint64_t limited;                /* asked more often than is answered */
};
const struct turn_counters *turn_counters(const struct turn *turn);
#endif
