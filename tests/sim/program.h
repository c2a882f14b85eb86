/* program: the daemon's calls as the simulator makes them, twice: the new program and the one before it, which does not know
 * OLD_KINDS (rules.mk builds it from the same sources, less these rows of schema/kinds.def, its names begin with n1_). */
#ifndef SIM_PROGRAM_H
#define SIM_PROGRAM_H
#include "../../daemon/turn/bundle.h"

#define PROGRAM_CALLS(X) \
    X(turn_open) X(turn_close) X(turn_begin) X(turn_has_room) X(turn_feed) X(turn_commit) X(turn_next_send) X(turn_next_deadline) \
    X(turn_parent_event) X(turn_wants_dial) X(turn_child_added) X(turn_child_removed) X(turn_flow) X(turn_may_submit) X(flow_submit) \
    X(turn_export_begin) X(turn_export_read) X(turn_import_begin) X(turn_import_write) X(turn_bundle_end) X(turn_links) X(turn_link_view)
struct program {
#define X(name) __typeof__(name) *name;
    PROGRAM_CALLS(X)
#undef X
};
extern const struct program program_new, program_old;
bool program_knows(const struct program *program, uint32_t kind);
#endif
