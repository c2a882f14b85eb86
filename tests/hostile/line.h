/* line: a neighbour's side of the protocol with real CURVE sockets, and none of its manners. */
#ifndef LINE_H
#define LINE_H
#include "hostile.h"

struct heard {                       /* what the other side has said so far */
    uint64_t hellos, replies, batches, tips, acks, refusals, records, answers, absent;
    uint64_t acked[LANE_COUNT];
    uint64_t foreign;                /* records or feeds that were not for us */
};
struct line {
    struct scene *scene;
    struct station *self, *peer;
    uint32_t sibling;                /* whose records and feeds must never come */
    void *context, *sync, *live_up, *live_down;
    struct epoch own, theirs;
    bool greeted, deaf;
    uint64_t position, at[LANE_COUNT], stamp;
    struct heard heard;
};
/* As a child of peer, with self's key; a new line of records. */
void line_open(struct line *l, struct scene *scene, struct station *self, struct station *peer, uint32_t sibling);
void line_close(struct line *l);
void line_again(struct line *l);     /* another connection, the same line */
void line_new_epoch(struct line *l);
void line_pump(struct line *l, unsigned ms);
bool line_greet(struct line *l, unsigned within_ms);
struct hello line_hello(struct line *l, struct lineage_entry line[1]);
void line_say_hello(struct line *l, const struct hello *h);
void line_post(struct line *l, void *socket, struct lz_bytes packet);
/* A record with the head that its kind wants. */
struct record line_record(struct line *l, uint16_t kind, uint32_t origin, uint8_t tier);
struct lz_bytes line_envelope(struct line *l, struct record *r);
/* The next batch of a lane; waits until it is acknowledged, at most within_ms. */
bool line_offer(struct line *l, uint8_t lane, struct lz_bytes *envelopes, size_t n, unsigned within_ms);
struct lz_bytes line_batch(struct line *l, uint8_t lane, struct lz_bytes *envelopes, size_t n);
void *line_socket(struct line *l, int type, int port_offset, const char *subscribe);
#endif
