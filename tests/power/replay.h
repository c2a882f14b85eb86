/* replay: what a recorded run (scenario) had promised at each place of its log, and whether a directory keeps that. */
#ifndef POWER_REPLAY_H
#define POWER_REPLAY_H
#include "rig.h"

struct replay;
/* The run seen from one unit. WORDS: OUT WORK DIVISIONS UNIT PARENT CHILD...; WORK: a directory for its own use. Ends the program when it cannot. */
struct replay *replay_open(int n_words, char **words);
const char *replay_unit(const struct replay *r);
/* How many operations of the log lie wholly in its first bytes; how many promises were made before that many operations. */
size_t replay_place(const struct replay *r, uint64_t bytes);
size_t replay_promises(const struct replay *r, size_t at);
/* Starts the unit over `dir` in a child process, asks for all that was promised before operation `at`, verifies, submits; thorough: starts it again.
 * 0: good; 1: refused or broken; 2: something promised is not there; -1: it died. why: one line. */
int replay_judge(const struct replay *r, const char *dir, size_t at, bool thorough, char *why, size_t size);
#endif
