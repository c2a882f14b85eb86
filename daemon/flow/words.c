/* words: the life cycles of schema/ as tables. */
#include "flow.h"

#define H(state) (1u << HANDLING_##state)
#define P(state) (1u << PROBLEM_##state)
#define E(state) (1u << EMERGENCY_##state)
enum {
    H_OPEN = 0
#define S_HANDLING(name, number, zh, open) | ((open) << (number))
#include "../../schema/states.def"
    ,
    P_OPEN = 0
#define S_PROBLEM(name, number, zh, open) | ((open) << (number))
#include "../../schema/states.def"
    ,
    E_OPEN = 0
#define S_EMERGENCY(name, number, zh, open) | ((open) << (number))
#include "../../schema/states.def"
};

static const struct move_row moves[] = {
#define TEXT NEEDS_TEXT
#define UNIT NEEDS_UNIT
#define DUE NEEDS_DUE
#define REPORT NEEDS_REPORT
#define X(machine, name, number, zh, by, from, to, needs) \
    { MACHINE_##machine, #name, zh, number, (uint8_t)(machine##_##to), needs, BY_##by, from },
#include "../../schema/moves.def"
#undef X
#undef TEXT
#undef UNIT
#undef DUE
#undef REPORT
};

size_t move_count(void) { return LZ_COUNT(moves); }

const struct move_row *move_at(size_t index) {
    LZ_ASSERT(index < LZ_COUNT(moves));
    return &moves[index];
}

const struct move_row *move_row(enum machine machine, uint32_t number) {
    for (size_t i = 0; i < LZ_COUNT(moves); i++)
        if (moves[i].machine == machine && moves[i].number == number) return &moves[i];
    return NULL;
}

/* Its own name first: this is asked for each record that is routed, and all that a clerk may call a move is long to compare. */
const struct move_row *move_by_name(enum machine machine, const char *name) {
    for (size_t i = 0; i < LZ_COUNT(moves); i++)
        if (moves[i].machine == machine && strcmp(moves[i].name, name) == 0) return &moves[i];
    for (size_t i = 0; i < LZ_COUNT(moves); i++)
        if (moves[i].machine == machine && lz_word_is(lz_bytes_str(name), moves[i].name, moves[i].zh)) return &moves[i];
    return NULL;
}

const char *move_zh(uint32_t number) {
    for (size_t i = 0; i < LZ_COUNT(moves); i++)
        if (moves[i].number == number) return moves[i].zh;
    return "?";
}

const char *move_name(uint32_t number) {
    for (size_t i = 0; i < LZ_COUNT(moves); i++)
        if (moves[i].number == number) return moves[i].name;
    return "unknown";
}

static const struct { const char *name, *zh; } states[MACHINE_COUNT][STATES_MAX] = {
#define S_HANDLING(name, number, zh, open) [MACHINE_HANDLING][number] = { #name, zh },
#include "../../schema/states.def"
#define S_PROBLEM(name, number, zh, open) [MACHINE_PROBLEM][number] = { #name, zh },
#include "../../schema/states.def"
#define S_EMERGENCY(name, number, zh, open) [MACHINE_EMERGENCY][number] = { #name, zh },
#include "../../schema/states.def"
};

const char *state_name(enum machine machine, uint8_t state) {
    return machine < MACHINE_COUNT && state < STATES_MAX && states[machine][state].name ? states[machine][state].name : "-";
}
const char *state_zh(enum machine machine, uint8_t state) {
    return machine < MACHINE_COUNT && state < STATES_MAX && states[machine][state].zh ? states[machine][state].zh : "-";
}
bool state_open(enum machine machine, uint8_t state) {
    static const unsigned open[MACHINE_COUNT] = { [MACHINE_HANDLING] = H_OPEN, [MACHINE_PROBLEM] = P_OPEN, [MACHINE_EMERGENCY] = E_OPEN };
    return machine < MACHINE_COUNT && state < STATES_MAX && (open[machine] >> state & 1);
}
bool state_by_name(enum machine machine, const char *name, uint8_t *state) {
    for (uint8_t i = 0; i < STATES_MAX; i++)
        if (states[machine][i].name && lz_word_is(lz_bytes_str(name), states[machine][i].name, states[machine][i].zh)) {
            *state = i;
            return true;
        }
    return false;
}

static const char *const colours[COLOUR_COUNT][2] = { { "green", "正常" }, { "blue", "蓝·临期" }, { "yellow", "黄·滞后" }, { "red", "红·逾期" } };
const char *colour_name(enum colour colour) { return colour < COLOUR_COUNT ? colours[colour][0] : "-"; }
const char *colour_zh(enum colour colour) { return colour < COLOUR_COUNT ? colours[colour][1] : "-"; }

static const struct { uint8_t kind; uint8_t number; const char *name, *zh; } classes[] = {
#define P_CLASS(name, number, zh) { KIND_problem, number, #name, zh },
#include "../../schema/classes.def"
#define E_CLASS(name, number, zh) { KIND_emergency, number, #name, zh },
#include "../../schema/classes.def"
};
const char *class_zh(uint32_t kind, uint32_t class) {
    for (size_t i = 0; i < LZ_COUNT(classes); i++)
        if (classes[i].kind == kind && classes[i].number == class) return classes[i].zh;
    return "-";
}
const char *class_name(uint32_t kind, uint32_t class) {
    for (size_t i = 0; i < LZ_COUNT(classes); i++)
        if (classes[i].kind == kind && classes[i].number == class) return classes[i].name;
    return "unknown";
}
bool class_by_name(uint32_t kind, const char *name, uint32_t *class) {
    for (size_t i = 0; i < LZ_COUNT(classes); i++)
        if (classes[i].kind == kind && lz_word_is(lz_bytes_str(name), classes[i].name, classes[i].zh)) {
            *class = classes[i].number;
            return true;
        }
    return false;
}
