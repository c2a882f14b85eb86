/* ctl: the daemon's side of a verb.
 *
 * An ask is decoded, its verb runs inside the turn, and its answer waits until the turn has committed: only then does the
 * clerk read "ok". A verb that writes carries a request id; its answer is stored in the same commit, so asked again, after a
 * crash too, it gives the same answer and writes nothing. Who asks is what the kernel says (the peer's uid). */
#ifndef LZ_CTL_H
#define LZ_CTL_H
#include "../turn/turn.h"
#include "../wire/wire.h"

/* 焦林长督〔{year}〕{serial}号 with its two numbers; empty: it has no place for one of them, or is no number then, or too long. */
struct lz_bytes number_of_pattern(const char *pattern, uint32_t year, uint32_t serial, char out[NUMBER_BYTES_MAX + 1]);
enum { NUMBERED_KINDS = 5 };
struct ctl_options {
    struct { uint32_t kind; const char *pattern; } numbers[NUMBERED_KINDS];     /* "": not given by itself */
    struct turn *turn;               /* all lent for the life of the ctl */
    struct roster *roster;
    struct wire *wire;               /* NULL in tests that have no sockets */
    const char *roster_path;         /* "" in tests: the roster is not written */
    const char *software;
    const char *store_path;
    uint64_t started_wall_ms;
    const char *bulletin_every;      /* month, quarter, half, year; "" or NULL: only when somebody asks for it */
    uint32_t stale_days;             /* of a source of imports; 0: as usual */
};
struct ctl;
struct ctl *ctl_create(const struct ctl_options *options);
void ctl_destroy(struct ctl **ctl_p);
/* What the calendar asks for: the periodic bulletin. Call once a turn, when what came has been served. */
void ctl_daily(struct ctl *ctl);
/* For one more ask in this turn; one that is served without room is dropped, and its client asks again. */
bool ctl_has_room(const struct ctl *ctl);
/* Runs one ask in the present turn. client: opaque, where its answer goes. */
void ctl_serve(struct ctl *ctl, const uint8_t *client, size_t client_len, uint32_t uid, struct lz_bytes packet);
/* An atomic ask waits for a turn of its own: call at the beginning of a turn, before anything else. True: it ran. */
bool ctl_serve_deferred(struct ctl *ctl);
bool ctl_has_deferred(const struct ctl *ctl);
/* After the commit: sends the answers (to a failed turn: refusals), then what landed to those who watch. */
void ctl_flush(struct ctl *ctl, enum lz_err committed);
bool ctl_is_watched(const struct ctl *ctl);
/* For tests: the next answer that ctl_flush would send, without a wire; lent until the turn ends. */
bool ctl_next_answer(struct ctl *ctl, const uint8_t **client, size_t *client_len, struct lz_bytes *packet);
#endif
