/* Private to the turn room: links and what its files share. */
#ifndef LZ_TURN_ROOM_H
#define LZ_TURN_ROOM_H
#include "turn.h"

/* A feed that the peer follows here. */
struct out_feed {
    struct feed_id feed;
    uint64_t tip, sent, acked;       /* sent: contiguous up to here on this connection */
    uint64_t pushed[WINDOW_PUSHES];  /* `to` of what is under way, oldest first */
    uint32_t pushed_bytes[WINDOW_PUSHES];
    uint64_t pushed_ms[WINDOW_PUSHES], pushed_last_ms;
    uint32_t window;                 /* how much may be under way: by how long acknowledgements take; 0: nothing is known yet */
    uint32_t n_pushed, under_way;    /* bytes */
    bool ack_dirty;
    uint64_t fetch_at_ms;            /* mono: another fetch is served from then on */
    uint32_t fetch_wait_ms;
};
/* A feed of the peer that we follow. */
struct in_feed {
    struct feed_id feed;
    struct cursor cursor;
    uint64_t tip;                    /* as the peer told last */
    uint64_t fetched_ms;             /* mono; 0: no fetch under way */
    bool dirty, ack;
};
/* Files from and to the neighbour (bundle.c), mirrored from the store. */
struct link_bundle {
    uint64_t out_serial, out_wall_ms;
    struct epoch in_epoch;           /* of the last bundle that was wholly applied */
    uint64_t in_serial, in_wall_ms;
    uint64_t in_created_ms;          /* the neighbour's clock when it was last heard, by wire or file */
    struct epoch asked;              /* by file: give me back what is mine; none: nothing is asked */
    struct key asked_after;
    struct epoch session;            /* our own asking; none: not asked by file */
    bool session_closed;
};
struct bundle_session;
struct link {
    struct link *next;
    uint32_t code;
    bool is_parent, gone;
    /* this conversation */
    bool connected, greeted, refused, diverged;
    struct epoch epoch;              /* theirs, as hello showed */
    uint64_t hello_sent_ms, heard_ms, heard_wall_ms, tip_heard_ms, connected_ms;
    uint64_t greeted_turn;           /* the turn that took their hello: if it is given up, so is the hello */
    uint32_t hello_tries, tip_next_ms, unheard_ms;                 /* unheard: for how long the peer has not heard us, when that is too long */
    uint32_t told_next_ms, told_before_ms;                         /* when our next tip comes, as we said last, and before that changed */
    uint64_t told_changed_ms;
    bool tip_proven;                 /* a tip of the present epoch came since hello */
    char software[64], cause[256], reason[160];
    int64_t clock_offset_ms;
    /* reclaim, mirrored from the store */
    bool reclaim, reclaim_passed, owes;
    struct key reclaim_after;
    uint64_t reclaim_next_ms;        /* when it is asked again */
    uint64_t repaired_ms;            /* when we last looked for what the peer has damaged */
    bool repair_asked;               /* it owes us an answer on what we have damaged */
    /* what costs us more to answer than the peer to ask */
    uint64_t hello_at_ms, claim_at_ms;
    uint64_t gave_turn;              /* the turn of the last reclaim answers, */
    uint32_t gave;                   /* and how many it gave */
    uint32_t n_refused;              /* pieces of evidence kept against it, once counted */
    bool refused_counted;
    bool walking;
    struct link_bundle bundle;
    struct in_feed in[2 * LANE_COUNT];
    struct out_feed out[2 * LANE_COUNT];
    size_t n_in, n_out;
    enum link_state state;
    uint64_t since_wall_ms;
    double rate_in, rate_out;
    uint64_t rate_at_ms, rate_in_from, rate_out_from;
};
/* How often a neighbour may say what is dear to answer: BURST at once, then one in EVERY ms. Whoever needs an answer asks again. */
enum { HELLO_EVERY_MS = 200, HELLO_BURST = 32, CLAIM_EVERY_MS = 20000, CLAIM_BURST = 3, RECLAIMS_A_TURN = 2, FETCH_WAIT_MS = 500, FETCH_WAIT_MAX_MS = 8000 };
enum { OUTBOX_MAX = 8192, OWES_AGAIN_MS = 10000, RECLAIM_WAIT_MS = 1000, RECLAIM_AGAIN_MS = 10000, CLAIM_WAIT_MS = 10000, TRY_SLICE = 512 };
/* A whole record found under a key that it does not have. */
struct astray {
    struct key key;
    struct lz_bytes value;
};
enum { ASTRAY_MAX = 64 };
/* A record whose stored value does not match its checksum: its bytes are somewhere else too, or lost. */
struct damage {
    struct key key;
    uint32_t asked, absent;          /* neighbours that may have it, away or not; that say they have not, each once a round */
    uint32_t absent_at;              /* the last that said it has none: a key said twice in one answer is one */
};
struct repairs {
    struct astray astray[ASTRAY_MAX];
    size_t n_astray;
    struct scrub at;
    uint64_t step_ms, looked_ms, ask_ms;           /* mono: next slice; the last whole look; when to ask again */
    struct repair_view view;
    struct damage *damaged;          /* REPAIR_KEYS_MAX */
    bool more, derived;              /* more are damaged than are listed; a derived row was dropped */
    bool changed, listed, good;      /* in this turn: anything; a list was made; all that rotted is good, once it is committed */
    struct repair_view before;       /* as it was when this turn began to change it */
    uint64_t again_ms;               /* mono: a look that must be repeated; 0: none */
};
struct turn {
    struct turn_options o;
    struct repairs repairs;
    struct flow *flow;
    struct arena *arena;
    struct lz_now now;
    struct link *links;              /* the parent first, then children by code */
    struct packet *outbox;           /* in the arena */
    size_t n_outbox, at_outbox, outbox_bytes;
    size_t turn_records, turn_bytes, turn_packets;
    bool answered;                   /* in this recovery, one neighbour has given all that it had */
    uint64_t wait_until_ms;          /* how long submissions wait for that; what only a child claims closes the door for seconds */
    bool unborn;                     /* what a start writes is not on disk yet: there was no room for it */
    uint64_t start_tried_ms;
    bool in_turn, serve_more, walk_more, overridden, busy;
    bool starved, resting;           /* the last commit found no space; this turn leaves what waits where it waits */
    uint64_t tip_at_ms, tip_interval_ms, room_checked_ms, ack_write_ms;
    struct store_room room;
    size_t endpoint, dial_rounds;
    bool wants_dial;
    uint64_t dialled_ms;
    bool walk_active, walk_export;   /* walk_export: for the feed of files */
    bool files_more;                 /* files to look into, or to send to who asked for them */
    bool passing, passed;            /* problems to another parent, from pass_at on; passed: in this turn */
    struct key pass_at;
    bool trying, tried;              /* refused records again, from try_at on; tried: in this turn */
    struct key try_at;
    bool roster_changed;             /* and no commit has followed yet: if its turn is given up, the next one does it */
    uint64_t random;
    struct lineage_entry *lineage;   /* ours, LINEAGE_SHOWN_MAX, fixed for a run */
    size_t n_lineage;
    bool lineage_cut;
    struct turn_counters counters;
    size_t serve_from;               /* round robin over links */
    struct bundle_session *bundles[8];             /* BUNDLE_SESSIONS_MAX */
    uint32_t mute;                   /* nothing is sent to this neighbour: it speaks by file; 0: none */
};

/* link.c */
struct link *link_find(struct turn *t, uint32_t code);
struct link *link_make(struct turn *t, uint32_t code, bool is_parent);
void links_load(struct turn *t);                /* cursors and flags from the store: at start and after an abort */
void link_say_hello(struct turn *t, struct link *l, bool reply);
void link_on_hello(struct turn *t, struct link *l, struct lz_bytes body);
void links_tick(struct turn *t);
void links_states(struct turn *t);
struct in_feed *link_in(struct link *l, struct feed_id feed);
struct out_feed *link_out(struct link *l, struct feed_id feed);
bool link_allows(struct turn *t, uint64_t *at_ms, uint32_t every_ms, uint32_t burst);
void link_reason(struct link *l, const char *format, ...) LZ_PRINTF(2, 3);
size_t wish_of(struct turn *t, uint32_t *kinds);
bool link_has_network(const struct turn *t, const struct link *l);
bool link_compose_hello(struct turn *t, struct link *l, bool reply, struct lz_bytes *packet);
bool link_shares_line(struct turn *t, const struct link *l, const struct hello *h);
void link_is_clone(struct link *l);              /* nothing of it counts until a person has decided */
void link_take_filed_hello(struct turn *t, struct link *l, const struct hello *h);
void links_follow_roster(struct turn *t);       /* sums and walks are those of the children enrolled now */
/* follow.c */
void follow_batch(struct turn *t, struct link *l, struct lz_bytes body);
void follow_tip(struct turn *t, struct link *l, struct lz_bytes body);
void follow_fetch(struct turn *t, struct link *l, struct in_feed *in);
void follow_apply(struct turn *t, struct link *l, struct lz_bytes envelope, enum land land);
void follow_write_cursors(struct turn *t);
void follow_filed_tip(struct turn *t, struct link *l, struct lz_bytes body);
/* That its store once stood there is evidence. */
void follow_has_seen(struct link *l, uint64_t position);
void follow_try_all_again(struct turn *t);      /* what an older program, or a narrower roster, had to refuse; */
void follow_try_again(struct turn *t);          /* a slice of it */
/* publish.c */
void publish_fetch(struct turn *t, struct link *l, struct lz_bytes body);
void publish_ack(struct turn *t, struct link *l, struct lz_bytes body);
void publish_live(struct turn *t);
void publish_serve(struct turn *t);
void publish_acks(struct turn *t);
void publish_tips(struct turn *t, bool now);
void publish_write_acks(struct turn *t);
void out_reset(struct out_feed *out, uint64_t position);
bool publish_compose_tip(struct turn *t, struct link *l, uint32_t next_ms, struct lz_bytes *packet);
void publish_receipt(struct out_feed *out, uint64_t position, uint64_t now_ms);     /* acknowledged up to there, never less than before */
/* reclaim.c */
/* by: who showed that we lost something; NULL: we know it ourselves. */
void reclaim_open_all(struct turn *t, const struct link *by, const char *why);
void reclaim_hold_numbers(struct turn *t);      /* while a row is open */
void reclaim_ask_peer(struct turn *t, struct link *l);
void reclaim_on_ask(struct turn *t, struct link *l, struct lz_bytes body);
void reclaim_on_answer(struct turn *t, struct link *l, struct lz_bytes body);
void reclaim_on_done(struct turn *t, struct link *l, struct lz_bytes body);
bool reclaim_compose(struct turn *t, struct link *l, struct epoch asker, struct lz_bytes after, struct reclaim_answer *a, struct lz_bytes *packet);
void reclaim_on_filed_answer(struct turn *t, struct link *l, struct lz_bytes body);
void reclaim_load(struct turn *t, struct link *l);
void reclaim_save(struct turn *t, struct link *l);       /* what reclaim_load reads, when its rows were damaged */
/* repair.c */
void repair_tick(struct turn *t);               /* at the beginning of a turn */
uint64_t repair_next(const struct turn *t);      /* mono_ms */
void repair_undo(struct turn *t);               /* the turn was given up */
void repair_committed(struct turn *t);
void repair_on_ask(struct turn *t, struct link *l, struct lz_bytes body);
void repair_on_answer(struct turn *t, struct link *l, struct lz_bytes body);
/* follow.c, too */
bool follow_may_heal(struct turn *t, const struct link *l, const struct record *r);
/* bundle.c, bundle_out.c */
void bundle_load(struct turn *t, struct link *l);
void bundle_save(struct turn *t, const struct link *l);
void bundle_hear(struct turn *t, struct link *l, const struct hello *h);
void bundle_forget_asked(struct turn *t, struct link *l);          /* it has lost more since it asked */
void bundle_reclaim_opened(struct turn *t, struct link *l);
void bundle_reclaim_closed(struct turn *t, struct link *l);
void bundle_compose(struct turn *t);                               /* after the commit */
void bundle_turn_failed(struct turn *t);
void bundle_close(struct turn *t);
/* walk.c */
void walk_check(struct turn *t);                /* who needs one: a new child, another subtree, another wish */
void walk_step(struct turn *t);
void walk_load(struct turn *t);
void pass_on_check(struct turn *t);             /* is the parent another than before */
void pass_on_step(struct turn *t);
bool pass_on_waits(struct turn *t);
/* turn.c */
void turn_post(struct turn *t, uint32_t peer, enum channel channel, struct lz_bytes bytes);
uint64_t turn_random(struct turn *t, uint64_t below);
#endif
