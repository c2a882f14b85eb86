/* peer: what a hello proves about a store that may have been copied back, lost or cloned. */
#include "core.h"

/* The *seen* of the cursor decides, not its position: an entry that was passed over because a newer one stood beyond it
 * lives again when the store is copied back to before the newer one, and the position does not show that. */
enum verdict peer_judge(const struct cursor *cursor, const struct lineage_entry *lineage, size_t n_lineage, bool shared) {
    LZ_ASSERT(n_lineage > 0);
    LZ_ASSERT(cursor->position <= cursor->seen);
    if (epoch_none(cursor->epoch)) return VERDICT_FRESH;
    for (size_t i = n_lineage; i-- > 0; ) {
        if (!epoch_equal(lineage[i].epoch, cursor->epoch)) continue;
        if (i + 1 == n_lineage || cursor->seen <= lineage[i + 1].position) return VERDICT_GOOD;
        return VERDICT_ROLLBACK;
    }
    return shared ? VERDICT_ROLLBACK : VERDICT_RECREATED;
}

const char *verdict_name(enum verdict verdict) {
    static const char *const names[] = { "fresh", "good", "rollback", "recreated", "clone" };
    LZ_ASSERT((size_t)verdict < LZ_COUNT(names));
    return names[verdict];
}
