/* line: a socket with a buffer on both sides, for the peers' protocols. */
#ifndef BENCH_LINE_H
#define BENCH_LINE_H
#include "bench.h"

struct line { int fd; uint8_t *in; size_t in_len, in_at, in_room; uint8_t *out; size_t out_len, out_room; };
void line_open(struct line *line, int port);
void line_close(struct line *line);
void line_put(struct line *line, const void *bytes, size_t n);       /* kept until line_flush, or until there is much */
void line_flush(struct line *line);
/* Waits at most ms for more input; false: nothing came. */
bool line_wait(struct line *line, double ms);
static inline const uint8_t *line_bytes(const struct line *line) { return line->in + line->in_at; }
static inline size_t line_length(const struct line *line) { return line->in_len - line->in_at; }
#endif
