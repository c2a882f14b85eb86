/* line: a socket with a buffer on both sides. */
#include "line.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MUCH = 1 << 16, READ = 1 << 17 };

void line_open(struct line *l, int port) {
    *l = (struct line){ .fd = -1, .in_room = 2 * READ, .out_room = 2 * MUCH };
    for (double end = now_s() + 20; l->fd < 0 && now_s() < end;) if ((l->fd = dial(port)) < 0) nap_ms(20);
    l->in = malloc(l->in_room);
    l->out = malloc(l->out_room);
    if (l->fd < 0 || !l->in || !l->out) die("cannot connect to port %d", port);
}
void line_close(struct line *l) {
    if (l->in) close(l->fd);
    free(l->in);
    free(l->out);
    *l = (struct line){ .fd = -1 };
}
/* Makes room at the end of the input and reads what is there. */
static bool take(struct line *l) {
    if (l->in_at > 0) { memmove(l->in, l->in + l->in_at, line_length(l)); l->in_len -= l->in_at; l->in_at = 0; }
    if (l->in_len + READ > l->in_room) {
        l->in_room *= 2;
        l->in = realloc(l->in, l->in_room);
        if (!l->in) die("memory");
    }
    ssize_t got = recv(l->fd, l->in + l->in_len, READ, MSG_DONTWAIT);
    if (got > 0) l->in_len += (size_t)got;
    else if (got == 0 || (errno != EAGAIN && errno != EINTR)) die("a peer's server ended the connection");
    return got > 0;
}
void line_flush(struct line *l) {
    size_t at = 0;
    while (at < l->out_len) {
        ssize_t put = send(l->fd, l->out + at, l->out_len - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (put > 0) { at += (size_t)put; continue; }
        if (put < 0 && errno != EAGAIN && errno != EINTR) die("a peer's server ended the connection");
        struct pollfd p = { .fd = l->fd, .events = POLLIN | POLLOUT };        /* it may wait until we read */
        poll(&p, 1, 1000);
        if (p.revents & POLLIN) take(l);
    }
    l->out_len = 0;
}
void line_put(struct line *l, const void *bytes, size_t n) {
    if (l->out_len + n > l->out_room) line_flush(l);
    if (n > l->out_room) die("too long");
    memcpy(l->out + l->out_len, bytes, n);
    l->out_len += n;
    if (l->out_len >= MUCH) line_flush(l);
}
bool line_wait(struct line *l, double ms) {
    if (take(l)) return true;
    struct pollfd p = { .fd = l->fd, .events = POLLIN };
    struct timespec t = { (time_t)(ms / 1e3), (long)((ms - 1e3 * (double)(long)(ms / 1e3)) * 1e6) };
    return ms > 0 && ppoll(&p, 1, &t, NULL) > 0 && take(l);
}
