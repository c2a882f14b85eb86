/* clock: preloaded, it sets the wall clock of one process off by CLOCK_OFFSET_S seconds; what measures spans is left alone.
 * The time of the files that such a process writes stays the machine's. */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *at);

int clock_gettime(clockid_t clock, struct timespec *at) {
    long result = syscall(SYS_clock_gettime, clock, at);
    const char *offset = getenv("CLOCK_OFFSET_S");
    if (result == 0 && offset && clock == CLOCK_REALTIME) at->tv_sec += atol(offset);
    return (int)result;
}
