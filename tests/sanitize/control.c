/* control: what each sanitizer must find, one fault by name. tests/sanitize/t_control demands a report for each, so that a build
 * without sanitizers, or options that send their reports nowhere, cannot pass for clean. */
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int shared;

static void *count_up(void *n) {
    for (int i = 0; i < *(int *)n; i++) shared++;
    return NULL;
}

static int race(int n) {
    pthread_t other;
    if (pthread_create(&other, NULL, count_up, &n) != 0) return 2;
    count_up(&n);
    return pthread_join(other, NULL);
}

int main(int argc, char **argv) {
    const char *fault = argc > 1 ? argv[1] : "";
    if (strcmp(fault, "none") == 0) return 0;
    if (strcmp(fault, "race") == 0) return race(1000 * argc);
    if (strcmp(fault, "overflow") == 0) {
        volatile int most = INT_MAX;
        most = most + argc;
        return most > 0;
    }
    char *volatile block = malloc((size_t)argc + 6);
    if (!block) return 2;
    if (strcmp(fault, "leak") == 0) {
        block = NULL;
        return 0;
    }
    if (strcmp(fault, "beyond") == 0) block[argc + 6] = 'x';
    char *volatile stale = block;
    free(block);
    if (strcmp(fault, "freed") == 0) return stale[0];
    return 0;
}
