/* bundle: what the wire would carry, in files, for neighbours without a network between them.
 *
 * Export: the hello (which holds the receipts: our cursors), what is given back when it was asked for, every batch after what
 * the neighbour has confirmed, flash first, and the tips. It is composed after the commit of each turn, a little ahead of who
 * takes it, so nothing uncommitted leaves, no reader of the store stays open, and a turn stays a turn.
 * Import: the file is given twice. The first time everything is checked and nothing done; the second time its packets go through
 * the same gates as the wire's, cursor and effect in one commit. A crash in the middle is made good by importing it again.
 * A link that only files serve is never `live`: nothing proves now what a file proved then.
 * Leaves to others: files (linzhangctl, daemon/drop.c). */
#ifndef LZ_BUNDLE_H
#define LZ_BUNDLE_H
#include "../core/bundle.h"
#include "turn.h"

enum { BUNDLE_SESSIONS_MAX = 8, BUNDLE_IDLE_MS = 60000 };

struct bundle_made {                 /* an export, when it has ended */
    uint64_t serial, continues, packets, records, bytes;
    bool more;                       /* max_bytes ended it: another part goes on */
};
/* In a turn. id: random, not 0; it names the session until it ends or nobody has asked for a minute. salt: random.
 * after: the session whose bundle is gone on with, which ends; 0: begins after what the neighbour has confirmed. */
enum lz_err turn_export_begin(struct turn *turn, uint32_t to, uint64_t max_bytes, uint64_t after, uint64_t id, const uint8_t salt[BUNDLE_SALT_BYTES],
                              struct lz_fail *fail) LZ_MUST_CHECK;
enum export_state { EXPORT_GONE, EXPORT_WAIT, EXPORT_BYTES, EXPORT_ENDED };
/* The bytes of the file from `offset` on, at most BUNDLE_SLICE_BYTES, lent until the next turn; what is in front of offset is given
 * up. EXPORT_WAIT: composed at the end of this turn. EXPORT_ENDED: offset is the end of the file; made is set. */
enum export_state turn_export_read(struct turn *turn, uint64_t id, uint64_t offset, struct lz_bytes *bytes, struct bundle_made *made);
void turn_bundle_end(struct turn *turn, uint64_t id);          /* either kind; nothing happens when it is not there */

struct bundle_taken {                /* an import, as far as it is */
    bool checked;                    /* the whole file was good: now it comes a second time */
    bool done;
    struct bundle_header header;
    uint64_t packets, records;       /* in it, by its trailer */
    uint64_t news;                   /* of these, records that were new here */
    bool more;                       /* another part follows */
    bool gap;                        /* it begins behind what is here: its hello was taken, not all of its batches */
    bool waits;                      /* this node must first get its own back from that neighbour: the rest was not applied */
};
enum lz_err turn_import_begin(struct turn *turn, uint64_t id, struct lz_fail *fail) LZ_MUST_CHECK;
/* A piece of the file, at most BUNDLE_SLICE_BYTES; given again it is passed over. apply: the second time. last: the file ends
 * here. LZ_too_many: the turn is full, give it again in the next one. Any other refusal ends the session; before `checked` nothing
 * had been done. */
enum lz_err turn_import_write(struct turn *turn, uint64_t id, bool apply, uint64_t offset, struct lz_bytes bytes, bool last,
                              struct bundle_taken *taken, struct lz_fail *fail) LZ_MUST_CHECK;

/* ---- for the folder that does it by itself ---- */
/* What a bundle to that neighbour would say, as a number: the same while there is nothing new to say. 0: it has a network, or it is none. */
uint64_t turn_export_news(struct turn *turn, uint32_t to);
/* How much of what was said is confirmed, as a number. */
uint64_t turn_export_confirmed(struct turn *turn, uint32_t to);
bool turn_exports(const struct turn *turn);                     /* an export is under way */
#endif
