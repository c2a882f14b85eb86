/* world: many nodes in one process, one seed, virtual time.
 *
 * Each node is the real store (LMDB, unsynced: crashes are ours), flow and turn. The network is ours: a reliable, ordered
 * sync channel per link that loses what is under way when the connection ends, and a live channel that loses, doubles and
 * reorders. A node dies at its storage calls with a set chance; what it had already given to the network stays sent. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H
#include "../../daemon/turn/turn.h"

enum { NODES_MAX = 64, PATH_BYTES = 256, CLERK_TARGETS = 8 };
struct odds {                        /* drawn from the seed */
    double crash_before, crash_after, full;        /* per commit */
    double lose, twice;                            /* per live packet */
    uint32_t delay_min_ms, delay_max_ms;
    double cut, restart, leave, restore, destroy, clock;   /* per action */
    bool late;
};
struct node {
    uint32_t code, parent;
    uint8_t tier;
    int index, up_index;
    struct world *world;
    bool up, enrolled, connected, hung;
    bool full;                       /* its disk takes nothing */
    uint8_t dies;                    /* at the next commit: 1 before it, 2 after it; 0: not */
    char path[PATH_BYTES], backup[PATH_BYTES];
    bool has_backup;
    struct store *store;
    struct turn *turn;
    struct roster *roster;
    struct store_faults faults;
    int64_t clock_offset_ms;
    uint64_t wake_ms, back_ms;       /* when it runs by itself; when it starts again */
    uint64_t starts, crashes;
    bool lost;                       /* its store went back, and it has not said so yet */
    struct again {                   /* the last command of its clerk, to be given again */
        bool waits;                  /* he had no answer */
        struct record draft;
        uint32_t targets[CLERK_TARGETS];
        uint8_t request[16];
    } again;
};
struct parcel {                      /* a packet under way */
    uint64_t at_ms, order;
    int from, to;
    enum channel channel;
    uint8_t *bytes;
    size_t len;
    uint64_t connection;
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
    bool target_all, lost;
    uint32_t move, to_unit;
    uint8_t key[REGISTER_KEY_MAX];
    size_t key_len;
};
struct world {
    uint64_t seed, random, now_ms;
    struct odds odds;
    bool healing, trace, restores, planted;    /* planted: a store holds what its daemon would never have written */
    struct units *units;
    struct calendar *calendar;
    struct node nodes[NODES_MAX];
    int n_nodes;
    struct parcel *parcels;
    size_t n_parcels, max_parcels;
    uint64_t orders;
    uint64_t cut_until[NODES_MAX][2];    /* per link (by child): up, down */
    uint64_t connection[NODES_MAX], connect_at[NODES_MAX];
    struct told *told;
    size_t n_told, max_told;
    uint64_t faults, turns, delivered;
    char dir[PATH_BYTES];
    char failure[512];
    bool failed;
    uint32_t subscribe;                  /* a kind that the top wants in full; 0: none */
    uint32_t tip_idle_ms;                /* how seldom an idle link proves itself */
    /* What a scenario does to the network: true: this packet is lost. NULL: nothing. */
    bool (*eats)(struct world *w, const struct node *from, const struct node *to, struct lz_bytes bytes);
    void *story;                         /* a scenario's own, for eats */
    struct arena *arena;
    bool filed[NODES_MAX];               /* by child: its link to the parent never has a network */
    struct stick sticks[STICKS_MAX];     /* on the way, or lying about */
    size_t n_sticks;
    uint64_t carried;
    struct history *history;             /* the second opinion: what it was told */
};
uint64_t sim_random(struct world *w, uint64_t below);
bool sim_chance(struct world *w, double p);
void world_open(struct world *w, uint64_t seed, const char *dir, bool trace);
void world_add(struct world *w, uint32_t code, uint32_t parent, uint8_t tier, bool enrolled);
void world_start(struct world *w);
void world_close(struct world *w);
/* Lets time pass; actions are the caller's. */
void world_run(struct world *w, uint64_t until_ms);
void world_heal(struct world *w);
void node_boot(struct world *w, struct node *n);
void node_down(struct world *w, struct node *n, uint64_t for_ms);
void node_copy(struct world *w, struct node *n);            /* a backup, as it is now */
void node_restore(struct world *w, struct node *n);
void node_destroy(struct world *w, struct node *n);
void node_enrol(struct world *w, struct node *n);
struct node *node_of(struct world *w, uint32_t code);
struct lz_now node_now(const struct world *w, const struct node *n);
/* A turn of a scenario's own at one node: between the two it may do what a daemon may. False: it died in it, or was full. */
void node_begin(struct world *w, struct node *n);
bool node_finish(struct world *w, struct node *n);
/* A packet as if it came from that neighbour: what a hostile or a late one says. */
bool node_feed(struct world *w, struct node *n, uint32_t peer, enum channel channel, struct lz_bytes packet);
void world_cut(struct world *w, struct node *child, bool up, uint64_t for_ms);    /* one way of its link to the parent */
void world_dark(struct world *w, struct node *child, uint64_t for_ms);            /* no connection to the parent at all */
/* Submits in a turn of its own; LZ_ok: the clerk was told. A crash gives LZ_store_io. */
enum lz_err node_submit(struct world *w, struct node *n, struct record *draft, struct rec_id *id);
void world_fail(struct world *w, const char *format, ...) LZ_PRINTF(2, 3);
void world_note(struct world *w, const char *format, ...) LZ_PRINTF(2, 3);
bool world_below(const struct world *w, uint32_t unit, uint32_t of);   /* itself included */
/* ---- shape.c ---- */
void shape_make(struct world *w);                           /* a tree from the seed */
void shape_roster_put(struct world *w, struct node *parent, const struct node *child);
void world_make_units(struct world *w);
/* ---- node.c ---- */
void node_close(struct world *w, struct node *n);
void node_run(struct world *w, struct node *n);             /* it wakes by itself */
/* ---- net.c ---- */
void net_take(struct world *w, struct node *n);             /* what its turn leaves to send */
size_t net_next(const struct world *w);                     /* of the parcels under way */
void net_deliver(struct world *w, size_t at);
void net_drop(struct world *w, int index);                  /* what is under way to a node */
void net_disconnect(struct world *w, int child);
/* ---- clerks.c ---- */
void clerk_acts(struct world *w, struct node *n);           /* one act from the seed */
/* ---- faults.c ---- */
/* ---- carry.c: links without a network ---- */
void carry_keys(uint32_t code, uint8_t public_key[32], uint8_t secret_key[32]);
bool carry_export(struct world *w, struct node *from, uint32_t to, struct stick *stick);      /* given: free its bytes */
enum lz_err carry_import(struct world *w, const struct stick *stick);
void carry_draw(struct world *w);                           /* which links have none */
void carry_step(struct world *w);
void carry_settle(struct world *w);                         /* files both ways until all is said */
struct mix { bool files, crash, restore, destroy, clock; };
void faults_draw(struct world *w, const struct mix *mix);
void faults_step(struct world *w, struct node *n);
/* rot.c: flips a bit of one value in `one_in` of a table, or of its key; the node is down, or between two turns. Gives how many. */
enum { MDB_MAXKEYSIZE_SEEN = 128 };
size_t node_rot(struct world *w, struct node *n, enum table table, uint32_t one_in, bool in_key);
void world_mend(struct world *w);                           /* mend.c: derived rows dropped and made again, at each node */
void node_flip(struct world *w, struct node *n, uint64_t byte, unsigned bit);   /* of its file */
/* bits.c: single bits of a city's file flip, one world each; a table of what came of it. Gives the exit code. */
int bits_run(uint64_t first, uint64_t n, uint64_t jobs, bool trace);
void scenario_business(struct world *w);                    /* a whole tree and some of everything (scenarios.c) */
/* witness.c: what happens is told to the history, and what it finds is a failure. */
void witness_tree(struct world *w);
void witness_turn(struct world *w, struct node *n);         /* after each turn */
size_t witness_asked(struct world *w, const struct node *n, const struct record *draft, const uint8_t request[16]);
void witness_answered(struct world *w, size_t ask, enum lz_err err, struct rec_id id);    /* LZ_store_io: it died, nobody knows */
void witness_given_up(struct world *w, const struct node *n, struct rec_id id);       /* an operator did, after he was told */
void witness_look(struct world *w);                         /* at all stores, whose daemons are up or not */
void witness_judge(struct world *w);
/* check.c: what must be true when the network has healed. */
void world_check(struct world *w);
bool world_holds(struct world *w, struct node *n, const struct told *t);
/* scenarios.c: one counterexample of the design each. which: a name, "all" or "list". Gives the exit code. */
int scenarios_run(const char *which, bool trace);
/* sim.c */
void remove_tree(const char *path);
#endif
