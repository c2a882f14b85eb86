/* Every maximum of the program has its name here, and a test that reaches it (tests/unit/test_limits.c). */
#ifndef LZ_LIMITS_H
#define LZ_LIMITS_H
#include <assert.h>

enum {
    RECORD_BYTES_MAX     = 64 * 1024,     /* one record, packed                                      */
    BATCH_BYTES_MAX      = 256 * 1024,    /* one protocol message; also ZMQ_MAXMSGSIZE               */
    BATCH_FILL_BYTES     = 184 * 1024,    /* a batch closes here, so that one more record still fits */
    BATCH_RECORDS_MAX    = 4096,          /* records in one batch                                    */
    ENTRY_KEYS_MAX       = 64,            /* event keys in one feed entry                            */
    ENTRY_BYTES_MAX      = 96 * 1024,     /* record bytes behind one feed entry                      */
    ENTRY_BULK_BYTES     = 32 * 1024,     /* ... in the bulk lane: all that an urgent record waits behind on the slowest line */
    REGISTER_KEY_MAX     = 64,            /* bytes in a register's key                               */
    TARGETS_MAX          = 4096,          /* units one directive may name                            */
    UNITS_MAX            = 8192,          /* rows of the divisions file                              */
    CHILDREN_MAX         = 512,           /* enrolled children of one node                           */
    SUBTREE_MAX          = 4096,          /* units below one node                                    */
    PARENT_ENDPOINTS_MAX = 8,             /* addresses tried for the parent                          */
    LINEAGE_SHOWN_MAX    = 1024,          /* epochs told in one hello                                */
    SUBJECT_MOVES_MAX    = 512,           /* moves that concern one subject and unit                 */
    ATTACHMENT_BYTES_MAX = 64 * 1024 * 1024, /* one attached file                                    */
    ATTACHMENT_PIECE     = 31 * 1024,     /* with its head in eight pages; little enough to wait behind on a slow line */
    ATTACHMENT_PIECES_MAX = 4096,         /* pieces of one file                                      */
    ATTACHMENT_NAME_MAX  = 200,           /* bytes in a file's name                                  */
    ATTACHMENT_TYPE_MAX  = 96,            /* bytes in a media type                                   */
    ATTACHMENTS_MAX      = 32,            /* files on one subject                                    */
    ATTACHMENT_SLICE     = 256 * 1024,    /* of a file: hashed, or sent again, in one turn           */
    TEXT_BYTES_MAX       = 32 * 1024,     /* one text field                                          */
    LABEL_BYTES_MAX      = 600,           /* a title or a name                                       */
    NUMBER_BYTES_MAX     = 96,            /* a document number                                       */
    AUTHOR_BYTES_MAX     = 64,
    UNKNOWN_FIELDS_MAX   = 16,            /* fields of a newer version that we carry                 */
    ASK_DRAFTS_MAX       = 1024,          /* records submitted by one ask                            */
    ROWS_PER_ANSWER_MAX  = 512,           /* rows in one answer; the rest follows on request         */
    ANSWER_BYTES_MAX     = 192 * 1024,
    WATCHERS_MAX         = 16,            /* clients that watch at once                              */
    TURN_RECORDS_MAX     = 8192,          /* records applied in one turn                             */
    TURN_BYTES_MAX       = 4 * 1024 * 1024,
    TURN_PACKETS_MAX     = 256,
    TURN_SERVE_BYTES     = 2 * 1024 * 1024, /* repair batches composed in one turn, all followers    */
    TURN_TIMERS_MAX      = 1024,          /* due entries judged in one turn                          */
    WALK_SLICE           = 512,           /* records looked at per turn by a walk                    */
    RECLAIM_SLICE        = 512,           /* records in one reclaim answer                           */
    REPAIR_KEYS_MAX      = 256,           /* damaged records asked of a neighbour at once            */
    SCRUB_SLICE          = 256,           /* values the slow scrub reads a second                    */
    BACKUP_SLICE_BYTES   = 512 * 1024,    /* copied to a backup in one turn                          */
    BUNDLE_SLICE_BYTES   = 128 * 1024,    /* of a bundle's file, read or written at once            */
    BUNDLE_BYTES_MIN     = 1024 * 1024,   /* the least that --max-bytes may say: a batch always fits */
    SERVE_PEERS_MAX      = 8,             /* followers repaired from disk at once                    */
    WINDOW_BYTES         = 2 * 1024 * 1024, /* sent and not yet acknowledged, per feed: at most      */
    WINDOW_BULK_BYTES    = 256 * 1024,    /* the same for what is never in a hurry                   */
    WINDOW_BULK_LATE_MS  = 500,
    WINDOW_FIRST         = 64 * 1024,     /* before anything is known of the line, or after a pause  */
    WINDOW_LEAST         = 32 * 1024,     /* on the slowest line                                     */
    WINDOW_LATE_MS       = 2000,          /* an acknowledgement that takes longer makes it smaller   */
    WINDOW_PAUSE_MS      = 10000,         /* what was known of a line is old by then                 */
    WINDOW_PUSHES        = 64,
    SEND_QUEUE_BYTES     = 8 * 1024 * 1024, /* what one turn may leave to send                       */
    WISH_KINDS_MAX       = 64,
    REFUSED_KEPT_MAX     = 4096,          /* refused records kept as evidence against one neighbour  */
};

static_assert(RECORD_BYTES_MAX + BATCH_FILL_BYTES < BATCH_BYTES_MAX, "a batch always takes one more record");
static_assert(ENTRY_BYTES_MAX + RECORD_BYTES_MAX <= BATCH_FILL_BYTES, "a feed entry always fits in a batch");
static_assert(ENTRY_KEYS_MAX <= BATCH_RECORDS_MAX, "a feed entry always fits in a batch");
static_assert(TEXT_BYTES_MAX < RECORD_BYTES_MAX, "a text fits in a record");
static_assert(TARGETS_MAX * 5 < RECORD_BYTES_MAX - TEXT_BYTES_MAX, "targets and a text fit in a record");
static_assert(ATTACHMENT_PIECE <= ENTRY_BULK_BYTES && ATTACHMENT_BYTES_MAX / ATTACHMENT_PIECE < ATTACHMENT_PIECES_MAX, "a file fits in its pieces");
static_assert(LINEAGE_SHOWN_MAX * 40 < BATCH_BYTES_MAX, "a hello fits in a packet");
static_assert(WINDOW_BYTES >= 2 * BATCH_BYTES_MAX, "the window holds two batches");
#endif
