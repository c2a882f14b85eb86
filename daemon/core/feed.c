/* feed: the follower's whole rule.
 *
 * "Nothing is applied on a link before hello; a batch of another epoch than hello showed is dropped and asks for a new hello;
 * from <= cursor: apply, move the cursor to max(cursor, to) in the same commit, then ack; from > cursor: a gap: fetch after
 * the cursor." Everything else that the protocol promises rests on these lines. */
#include "core.h"

enum follow feed_on_batch(const struct cursor *cursor, struct epoch greeted, struct epoch epoch, uint64_t from, uint64_t to) {
    LZ_ASSERT(from <= to);
    if (epoch_none(greeted) || !epoch_equal(greeted, epoch)) return FOLLOW_NEEDS_HELLO;
    /* after hello a cursor always carries the greeted epoch: hello sets it, good or from 0 */
    if (!epoch_equal(cursor->epoch, epoch)) return FOLLOW_NEEDS_HELLO;
    if (from > cursor->position) return FOLLOW_GAP;
    if (to <= cursor->position) return FOLLOW_OLD;
    return FOLLOW_APPLY;
}

void feed_advance(struct cursor *cursor, uint64_t to, uint64_t seen) {
    LZ_ASSERT(to <= seen);
    if (to > cursor->position) cursor->position = to;
    if (seen > cursor->seen) cursor->seen = seen;
}
