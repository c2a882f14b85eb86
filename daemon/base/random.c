/* random: bytes that nobody can guess, from libsodium.
 *
 * Guarantees: fills all of out, or stops the process.
 * Leaves to others: who may ask. Only the shell does; the rooms above take random bytes as an argument, so that a
 * seed replays them. */
#include "base.h"

#include <sodium.h>

void lz_random(void *out, size_t len) {
    if (sodium_init() < 0) lz_fatal("libsodium does not start");   /* cheap after the first time */
    randombytes_buf(out, len);
}
