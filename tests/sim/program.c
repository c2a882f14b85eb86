#include "program.h"

#define X(name) extern __typeof__(name) n1_##name;
PROGRAM_CALLS(X)
#undef X
extern __typeof__(kind_row) n1_kind_row;

const struct program program_new = {
#define X(name) name,
    PROGRAM_CALLS(X)
#undef X
};
const struct program program_old = {
#define X(name) n1_##name,
    PROGRAM_CALLS(X)
#undef X
};
bool program_knows(const struct program *program, uint32_t kind) { return (program == &program_old ? n1_kind_row(kind) : kind_row(kind)) != NULL; }
