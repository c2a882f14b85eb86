/* power: power cuts, failing disks and failing memory for the real store. `power mark`, `power replay`, `power block`,
 * `power faults`. */
#include "rig.h"
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    if (argc >= 2 && strcmp(argv[1], "mark") == 0) return power_mark(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "replay") == 0) return power_replay(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "block") == 0) return power_block(argc - 1, argv + 1);
    if (argc >= 2 && strcmp(argv[1], "faults") == 0) return power_faults(argc - 1, argv + 1);
    fprintf(stderr, "power mark|replay|block|faults ...\n");
    return 2;
}
