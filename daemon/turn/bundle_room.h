/* Private to the turn room: what bundle.c, bundle_out.c and bundle_in.c share. */
#ifndef LZ_BUNDLE_ROOM_H
#define LZ_BUNDLE_ROOM_H
#include <sodium.h>
#include "bundle.h"
#include "turn_room.h"

enum session_kind { SESSION_EXPORT = 1, SESSION_IMPORT };
enum export_step { STEP_INTRO, STEP_HELLO, STEP_ANSWERS, STEP_BATCHES, STEP_TIPS, STEP_TRAILER, STEP_ENDED };
struct export_feed { struct feed_id feed; uint64_t at, end; };
struct exporting {
    struct bundle_header header;
    struct bundle_key key;
    enum export_step step;
    uint64_t index, max_bytes;
    uint64_t start, have;            /* the buffer holds the file's bytes from start, so many */
    struct export_feed feeds[LINK_FEEDS_MAX];
    size_t n_feeds;
    struct epoch answers;            /* the asking that is answered; none: none */
    struct key after;
    struct bundle_made made;
    bool failed;                     /* no memory, or the store: whoever asks for it is told that it is gone */
};
struct following { struct feed_id feed; uint64_t position; };
struct importing {
    struct bundle_reader reader;
    uint8_t checked_head[BUNDLE_HEADER_BYTES];
    struct bundle_taken taken;
    struct bundle_intro intro;
    uint64_t at, checked_bytes;
    struct following feeds[LINK_FEEDS_MAX];      /* as they would stand */
    size_t n_feeds;
    bool greeted;                    /* the hello is through in this pass */
};
struct bundle_session {
    uint64_t id, touched_ms, turn;   /* turn: the one that last changed it beyond repair */
    uint32_t peer;
    enum session_kind kind;
    uint8_t *buffer;
    union { struct exporting out; struct importing in; } of;
};
enum { EXPORT_BUFFER_BYTES = 2 * BUNDLE_FRAME_MAX };

struct bundle_session *bundle_session(struct turn *t, uint64_t id, enum session_kind kind);
struct bundle_session *bundle_session_make(struct turn *t, uint64_t id, enum session_kind kind, size_t buffer_bytes, struct lz_fail *fail);
void bundle_save_out(struct turn *t, const struct link *l);
void bundle_save_in(struct turn *t, const struct link *l);
void bundle_save_asked(struct turn *t, const struct link *l);
void bundle_save_session(struct turn *t, const struct link *l);
bool bundle_heard(struct turn *t, const struct link *l, struct epoch epoch);
const uint8_t *bundle_public_key(const struct turn *t, const struct link *l);
#endif
