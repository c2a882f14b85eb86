/* world: many nodes in one process, one seed, virtual time.
 *
 * Each node is the real store (LMDB, unsynced: crashes are ours), flow and turn. The network is ours: a reliable, ordered
 * sync channel per link that loses what is under way when the connection ends, and a live channel that loses, doubles and
 * reorders. A node dies at its storage calls; what it had already given to the network stays sent.
 *
 * Who does what: shape.c the tree and who is enrolled where, node.c the life of a daemon, disk.c its store, net.c what is under
 * way, clerks.c what people do and were told, plan.c what will happen, happen.c each fault, check.c what must be true in the
 * end, shrink.c the shortest way to a failure, sim.c many seeds, scenarios.c the stories. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
#include "program.h"

#ifndef SIM_NODES                   /* as in history.h */
#define SIM_NODES 256
#endif

enum { NODES_MAX = SIM_NODES, PATH_BYTES = 256, COPIES_MAX = 6, TREES_MAX = 24, UNITS_VERSIONS = TREES_MAX, CLERK_TARGETS = 8 };
struct odds {                        /* how a link is, besides what happens to it */
    double lose, twice;                            /* per live packet */
    uint32_t delay_min_ms, delay_max_ms, quantum_ms;       /* quantum: packets come in at its multiples, many to a turn */
    uint64_t bytes_per_s;            /* 0: no limit */
    uint32_t us_per_record;          /* what a daemon takes to take one; 0: no time */
};
/* The link of a child to its parent. Directions: 0 up, 1 down. A direction has two connections, which share what the link takes; the live one
 * keeps so many packets that have not left, and drops what comes then, as a PUB socket does. */
enum { LIVE_KEPT = 256 };
struct line {
    bool connected, heard;           /* heard: the parent knows the way back, since a packet came up on this connection */
    uint64_t connection, connect_at;
    uint64_t cut_until[2], clog_until[2], last_at[2];
    uint64_t busy_until[2][2], live_leaves[2][LIVE_KEPT], ticket[2];         /* by direction; live, sync; ticket: whose turn it is at a busy daemon */
    size_t n_live[2];
    uint64_t lose_until, twice_until, reorder_until, slow_until;
    double lose, twice;
    uint64_t reorder_ms, bytes_per_s;
};
struct node {
    uint32_t code, parent;
    uint8_t tier;
    int index, up_index;
    int first_below, last_below, next_beside;      /* its children, and its siblings, by index; -1: no more */
    struct world *world;
    const struct program *program;   /* the new one, or the one before it */
    bool up, enrolled, hung, gone;   /* gone: removed by its parent, and not to come back */
    int edition;                     /* of the divisions: how many there were when it started */
    int speaks_as;                   /* whose key it has: its own index, but for a swap */
    struct line line;
    bool full;                       /* its disk takes nothing, */
    uint64_t full_until;             /* for so long; 0: until it is told */
    uint8_t dies;                    /* at a commit: 1 before it, 2 after it; 0: not */
    int64_t dies_in;                 /* how many commits go well until then */
    uint8_t put_fails;               /* 1 with an I/O error, 2 for room; 0: not */
    int64_t puts_left;
    char path[PATH_BYTES], backup[PATH_BYTES];
    int n_copies;
    bool has_backup;
    struct store *store;
    struct turn *turn;
    struct roster *roster;
    struct store_faults faults;
    int64_t clock_offset_ms, drift_ppm;
    uint64_t drift_from_ms;
    uint64_t wake_ms, back_ms;       /* when it runs by itself; when it starts again */
    uint64_t starts, crashes, turns;
    uint64_t busy_until, taken, ticket;  /* by records that it takes time for */
    uint32_t false_starts;           /* since the last good one */
    bool lost;                       /* its store went back, and it has not said so yet */
    struct again {                   /* the last command of its clerk, to be given again */
        bool waits;                  /* he had no answer */
        struct record draft;
        uint32_t targets[CLERK_TARGETS];
        uint8_t request[16];
    } again;
    bool reported_loss;              /* its daemon has said in its log that it, or a neighbour, went back in time */
};
struct parcel {                      /* a packet under way */
    uint64_t at_ms, order;
    int from, to, child;
    enum channel channel;
    uint8_t *bytes;
    size_t len;
    uint64_t connection, starts;     /* of the line, and of the receiver: another one, and it is lost */
};
struct stick {                       /* a bundle that is carried */
    int from, to;
    uint8_t *bytes;
    size_t len;
    uint64_t serial;
};
enum { STICKS_MAX = 48 };
/* What a clerk was told: this record is on disk. Kept outside of the nodes; the checker knows nothing else. */
struct told {
    struct rec_id id;
    uint8_t *envelope;
    size_t len;
    struct rec_id subject;
    uint32_t *targets, move_unit;
    size_t n_targets;
    bool target_all, lost, unsure;   /* unsure: its daemon died before it could answer: it may be there */
    uint32_t move, to_unit;
    uint8_t direction, reach;        /* of a piece of a file: as its head says */
    uint8_t key[REGISTER_KEY_MAX];
    size_t key_len;
    size_t event;                    /* of the plan */
};
/* Who stands under whom: a new one each time the tree changes. */
struct tree { int16_t up[NODES_MAX]; };
struct world {
    uint64_t seed, random, now_ms;
    struct odds odds;
    bool healing, trace, restores, planted;    /* planted: a store holds what its daemon would never have written */
    struct units *units[UNITS_VERSIONS];           /* the last is the present one; running daemons have older ones */
    int n_units;
    struct calendar *calendar;
    struct node nodes[NODES_MAX];
    int n_nodes;
    uint16_t index_of[4 * NODES_MAX];              /* code -> index + 1, open addressing */
    struct race *race;               /* who wakes next (world.c) */
    struct tree trees[TREES_MAX];
    int n_trees;
    struct parcel *parcels;          /* a heap by time */
    size_t n_parcels, max_parcels;
    uint64_t orders;
    struct told *told;
    size_t n_told, max_told;
    size_t event;                    /* of the plan, that happens now */
    uint64_t faults, lost_packets, turns, delivered, chaos_ms, live_ms;   /* faults: events that struck; live_ms: from healing to all live */
    uint64_t fingerprint;
    char dir[PATH_BYTES];
    char failure[512];
    bool failed;
    uint32_t subscribe;                  /* a kind that the top wants in full; 0: none */
    uint64_t map_bytes;                  /* of each store */
    uint64_t turns_max;                  /* more, and it does not come to rest; 0: as many as a small world may */
    uint32_t tip_idle_ms;                /* how seldom an idle link proves itself */
    /* What a scenario does to the network: true: this packet is lost. NULL: nothing. */
    bool (*eats)(struct world *w, const struct node *from, const struct node *to, struct lz_bytes bytes);
    void *story;                         /* a scenario's own, for eats and turned */
    void (*turned)(struct world *w, struct node *n);     /* after each turn that was committed; NULL: nothing */
    struct arena *arena;
    bool filed[NODES_MAX];               /* by child: its link to the parent never has a network */
    bool exchanged;                      /* somebody has spoken with another's key: a link that has no network may have heard him */
    struct stick sticks[STICKS_MAX];     /* on the way, or lying about */
    size_t n_sticks;
    uint64_t carried;
    struct history *history;             /* the second opinion: what it was told */
};

/* ---- world.c ---- */
uint64_t sim_random(struct world *w, uint64_t below);
bool sim_chance(struct world *w, double p);
void world_open(struct world *w, uint64_t seed, const char *dir, bool trace);
void world_start(struct world *w);
void world_close(struct world *w);
/* Lets time pass; actions are the caller's. */
void world_run(struct world *w, uint64_t until_ms);
void world_heal(struct world *w);
uint64_t world_bound_ms(const struct world *w);             /* from healing until all must be in place */
void world_fail(struct world *w, const char *format, ...) LZ_PRINTF(2, 3);
void world_note(struct world *w, const char *format, ...) LZ_PRINTF(2, 3);
void world_mark(struct world *w, uint64_t a, uint64_t b, struct lz_bytes bytes);    /* into the fingerprint */
/* ---- shape.c ---- */
void world_add(struct world *w, uint32_t code, uint32_t parent, uint8_t tier, bool enrolled);
void world_make_units(struct world *w);
void shape_kin(struct world *w);                            /* who is whose child, after an up_index has changed */
void shape_make(struct world *w, bool large, bool late);    /* a tree from the seed */
void shape_roster_put(struct world *w, struct node *parent, const struct node *child);
void node_enrol(struct world *w, struct node *n);
void node_remove(struct world *w, struct node *n, bool for_good);
bool node_move_to(struct world *w, struct node *n, struct node *parent);   /* false: it cannot be done now */
struct node *node_of(struct world *w, uint32_t code);
bool world_below(const struct world *w, uint32_t unit, uint32_t of);       /* as the tree is now; itself included */
bool world_was_below(const struct world *w, uint32_t unit, uint32_t of);   /* at any time */
bool world_was_parent(const struct world *w, const struct node *child, const struct node *parent);
bool world_moved(const struct world *w, uint32_t unit);
bool world_attached(const struct world *w, const struct node *n);          /* enrolled, and so is all above it */
/* ---- node.c ---- */
void node_boot(struct world *w, struct node *n);
void node_down(struct world *w, struct node *n, uint64_t for_ms);
void node_close(struct world *w, struct node *n);
void node_run(struct world *w, struct node *n);             /* it wakes by itself */
struct lz_now node_now(const struct world *w, const struct node *n);
void node_set_drift(struct world *w, struct node *n, int64_t ppm);
/* A turn of a scenario's own at one node: between the two it may do what a daemon may. False: it died in it, or was full. */
void node_begin(struct world *w, struct node *n);
bool node_finish(struct world *w, struct node *n);
/* A packet as if it came from that neighbour: what a hostile or a late one says. */
bool node_feed(struct world *w, struct node *n, uint32_t peer, enum channel channel, struct lz_bytes packet);
/* ---- disk.c ---- */
void node_copy(struct world *w, struct node *n);            /* a backup, as it is now */
void node_copy_more(struct world *w, struct node *n);       /* one of several */
bool node_restore_from(struct world *w, struct node *n, int which);        /* false: there is no copy */
void node_restore(struct world *w, struct node *n);
void node_resolve(struct world *w, struct node *n);          /* an administrator decides where a link says `diverged` */
void node_destroy(struct world *w, struct node *n);
/* ---- net.c ---- */
void net_take(struct world *w, struct node *n);             /* what its turn leaves to send */
void net_deliver(struct world *w);                          /* the next of the parcels under way */
void net_disconnect(struct world *w, int child);
bool net_may_connect(const struct world *w, const struct node *child);
void world_cut(struct world *w, struct node *child, bool up, uint64_t for_ms);    /* one way of its link to the parent */
void world_dark(struct world *w, struct node *child, uint64_t for_ms);            /* no connection to the parent at all */
/* ---- clerks.c ---- */
/* Submits in a turn of its own; LZ_ok: the clerk was told. A crash gives LZ_store_io. */
enum lz_err node_submit(struct world *w, struct node *n, struct record *draft, struct rec_id *id);
/* With the same request id as before: he had no answer, or does not trust it. */
void node_ask_again(struct world *w, struct node *n);
/* ---- carry.c: links without a network ---- */
void carry_keys(uint32_t code, uint8_t public_key[32], uint8_t secret_key[32]);
bool carry_export(struct world *w, struct node *from, uint32_t to, struct stick *stick);      /* given: free its bytes */
enum lz_err carry_import(struct world *w, const struct stick *stick);
void carry_draw(struct world *w);                           /* which links have none */
void carry_step(struct world *w);
void carry_settle(struct world *w);                         /* files both ways until all is said */
/* ---- rot.c: flips a bit of one value in `one_in` of a table, or of its key; the node is down, or between two
 * turns. Gives how many. */
enum { MDB_MAXKEYSIZE_SEEN = 128 };
size_t node_rot(struct world *w, struct node *n, enum table table, uint32_t one_in, bool in_key);
void world_mend(struct world *w);                           /* mend.c: derived rows dropped and made again, at each node */
void node_flip(struct world *w, struct node *n, uint64_t byte, unsigned bit);   /* of its file */
/* ---- bits.c: single bits of a city's file flip, one world each; a table of what came of it. Gives the exit code. */
int bits_run(uint64_t first, uint64_t n, uint64_t jobs, bool trace);
void scenario_business(struct world *w);                    /* a whole tree and some of everything (scenarios.c) */
/* ---- witness.c: what happens is told to the history, and what it finds is a failure ---- */
void witness_tree(struct world *w);
void witness_turn(struct world *w, struct node *n);         /* after each turn */
size_t witness_asked(struct world *w, const struct node *n, const struct record *draft, const uint8_t request[16]);
void witness_answered(struct world *w, size_t ask, enum lz_err err, struct rec_id id);    /* LZ_store_io: it died, nobody knows */
void witness_given_up(struct world *w, const struct node *n, struct rec_id id);       /* an operator did, after he was told */
void witness_places(struct world *w, struct node *n);       /* how far its store says that it follows, and is followed; after a crash, and at the end */
void witness_look(struct world *w);                         /* at all stores, whose daemons are up or not */
void witness_judge(struct world *w);
/* ---- check.c: what must be true when the network has healed ---- */
void world_check(struct world *w);
void world_check_country(struct world *w);                 /* the same, for a tree of thousands */
bool world_live(struct world *w);                           /* every link of the tree says that it is live */
bool world_holds(struct world *w, struct node *n, const struct told *t);
/* ---- scenarios.c: one counterexample of the design each. which: a name, "all" or "list". Gives the exit code. */
int scenarios_run(const char *which, bool trace);
/* ---- sim.c ---- */
void remove_tree(const char *path);
#endif
