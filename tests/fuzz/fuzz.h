/* fuzz: what the targets share. Each target is one file with LLVMFuzzerTestOneInput that begins with what it feeds and what must
 * hold (its oracle); `must` is how an oracle speaks. Three helpers: input.c reads the fuzzer's bytes as choices and makes valid
 * messages of them, node.c is a whole node on a store in memory, shown.c looks at what would reach a terminal. */
#ifndef FUZZ_H
#define FUZZ_H
#include <stdio.h>
#include <stdlib.h>
#include "../../daemon/ctl/ctl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process with a finding, in words. */
#define must(condition, ...) ((condition) ? (void)0 : fuzz_found(#condition, __FILE__, __LINE__, __VA_ARGS__))
void fuzz_found(const char *condition, const char *file, int line, const char *format, ...) LZ_PRINTF(4, 5) __attribute__((noreturn));

/* ---- input.c: bytes as choices ---- */
struct input {
    const uint8_t *data;
    size_t len, at;
};
struct input input_of(const uint8_t *data, size_t len);
bool input_left(const struct input *in);
uint64_t take(struct input *in, size_t bytes);               /* big endian; what is missing is 0, so that short inputs mean the usual */
size_t pick(struct input *in, size_t n);                     /* below n */
bool chance(struct input *in, unsigned of_256);              /* false when the input has ended */
struct lz_bytes take_bytes(struct input *in, size_t max);    /* a length (1 or 2 bytes) and so many of the rest */
/* A copy of exactly that length on the heap, so that a sanitizer sees one byte too many; the caller frees data. */
uint8_t *exact(struct lz_bytes bytes);
/* A copy in the arena, with a few bytes changed when the input says so. */
struct lz_bytes mutated(struct input *in, struct arena *arena, struct lz_bytes bytes);

/* What a grammar may speak of: the units of the small province, the ids of records that are there. */
enum { PROVINCE = 410000, CITY = 410800, COUNTY_A = 410802, COUNTY_B = 410803, COUNTY_C = 410882, OTHER_CITY = 410100, STRANGER = 999999 };
enum { POOL_MAX = 64 };
struct pool {
    struct rec_id ids[POOL_MAX];
    struct lz_bytes envelopes[POOL_MAX];         /* on the heap; of ids[i] */
    size_t n;
};
void pool_add(struct pool *pool, struct rec_id id, struct lz_bytes envelope);       /* the oldest goes when it is full */
void pool_clear(struct pool *pool);
extern const uint32_t fuzz_units[];
enum { FUZZ_UNITS = 9 };
uint32_t take_unit(struct input *in);
struct lz_bytes take_text(struct input *in);
/* A record that the gate accepts unless the input chose a value out of range; all of it lives in the arena. */
struct record make_record(struct input *in, struct arena *arena, const struct pool *pool, uint32_t origin, uint64_t wall_ms);

/* ---- node.c: a node on a store in memory ---- */
struct node {
    char directory[96], roster_path[128];
    struct store *store;
    struct roster *roster;
    struct turn *turn;
    struct ctl *ctl;
    struct store_faults faults;
    bool full;                       /* the next commit finds no room */
    struct lz_now now;
    uint64_t starts;
};
struct arena *fuzz_arena(void);      /* for messages; reset by fuzz_begin */
void fuzz_begin(void);               /* once at the head of every run */
const char *fuzz_directory(void);    /* of this process, in memory where there is /dev/shm; removed at exit */
const struct units *fuzz_small_units(void);
/* A fresh city with two children: empty when image has no bytes, else on that data file. */
void node_open(struct node *n, struct lz_bytes image);
void node_close(struct node *n);
bool node_start(struct node *n, struct lz_fail *fail);       /* store, turn and ctl, on what is in the directory; false: refused */
void node_stop(struct node *n);
struct lz_bytes node_image(const struct node *n);            /* the data file as it is; on the heap */
void node_later(struct node *n, uint64_t ms);
void node_begin(struct node *n);
enum lz_err node_end(struct node *n);                        /* commit and flush; what it sends is left to the caller */
enum lz_err node_feed(struct node *n, uint32_t peer, struct lz_bytes packet);       /* in a turn of its own, sends dropped */
void node_verify(struct node *n, const char *when);          /* nothing derived differs */
/* The usual words of a neighbour, good ones. generation: which of its epochs. */
struct epoch epoch_of(uint32_t peer, uint8_t generation);
struct lz_bytes hello_from(const struct node *n, uint32_t peer, uint8_t generation, uint64_t position);
struct lz_bytes reclaim_end_from(const struct node *n, uint32_t peer, uint8_t generation);
/* A city in the middle of its work: orders, tasks, a problem, an emergency, rows of every table. Made once; ids of what it holds. */
struct lz_bytes worked_image(struct pool *pool);

/* ---- shown.c ---- */
struct answer;
void must_be_harmless(struct lz_bytes text, bool colour, const char *where);
void must_print_harmless(const struct answer *answer);       /* as tables, cards, lines and JSON, narrow and wide, in colour too */
void must_print_harmless_at(const struct answer *answer, size_t width);      /* one of them, quickly; 0: no terminal, odd: in colour */
#endif
