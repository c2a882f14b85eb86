/* client_ask: one ask and its answer, through daemons that stop and start.
 *
 * Guarantees: an ask is sent again to a new daemon, and a write also when no answer comes, always with the request id that it
 * had: the daemon answers it as it did the first time and writes nothing twice. Late answers to other asks are passed over.
 * Leaves to others: what to tell a person when the time is over (linzhangctl.c). */
#include "client.h"

#include <sys/stat.h>
#include <time.h>

enum { SLICE_MS = 500, PAUSE_MS = 100, RESEND_MS = 5000 };

static void sleep_ms(long ms) {
    struct timespec pause = { ms / 1000, ms % 1000 * 1000000L };
    (void)nanosleep(&pause, NULL);
}

/* A daemon makes its socket anew, so another file under the name is another daemon. */
static bool socket_file(const char *path, uint64_t is[3]) {
    struct stat status;
    if (stat(path, &status) != 0) return false;
    is[0] = (uint64_t)status.st_dev;
    is[1] = (uint64_t)status.st_ino;
    is[2] = (uint64_t)status.st_mtim.tv_sec * 1000000000U + (uint64_t)status.st_mtim.tv_nsec;
    return true;
}

void session_touch(struct session *s) { s->until_ms = lz_clock_now().mono_ms + s->timeout_ms; }

static enum lz_err connect_once(struct session *s, struct lz_fail *fail) {
    wire_client_close(&s->client);
    /* Looked at first: if the daemon changes in between, we find out and connect again. */
    memset(s->socket_is, 0, sizeof s->socket_is);
    (void)socket_file(s->path, s->socket_is);
    return wire_client_open(&s->client, s->path, fail);
}

enum lz_err session_reopen(struct session *s, struct lz_fail *fail) {
    for (;;) {
        enum lz_err err = connect_once(s, fail);
        if (err != LZ_unreachable || lz_clock_now().mono_ms >= s->until_ms) return err;
        sleep_ms(PAUSE_MS);
    }
}

enum lz_err session_open(struct session *s, struct lz_fail *fail) {
    session_touch(s);
    return s->patient ? session_reopen(s, fail) : connect_once(s, fail);
}

void session_close(struct session *s) { wire_client_close(&s->client); }

bool session_lost(struct session *s) {
    uint64_t is[3];
    struct wire_client *probe = NULL;
    if (!socket_file(s->path, is) || memcmp(is, s->socket_is, sizeof is) != 0) return true;
    enum lz_err err = wire_client_open(&probe, s->path, NULL);
    wire_client_close(&probe);
    return err != LZ_ok;
}

/* A full queue is no reason to give up: no answer will come, and then it is sent again. */
enum lz_err session_send(struct session *s, const struct ask *ask, struct lz_fail *fail) {
    struct lz_bytes packet;
    struct ask told = *ask;
    told.lang = s->lang;
    told.program = s->program;
    size_t mark = arena_used(s->arena);
    enum lz_err err = ask_encode(s->arena, &told, &packet);
    if (err == LZ_ok) err = wire_client_send(s->client, packet);
    arena_rewind(s->arena, mark);
    s->sent = s->sent || err == LZ_ok;
    if (err == LZ_ok || err == LZ_unreachable) return LZ_ok;
    return lz_refuse(fail, err, "一次提交的内容太多：请分批，或缩短正文");
}

enum lz_err session_recv(struct session *s, uint64_t wait_ms, struct arena *arena, struct answer *answer) {
    struct lz_bytes packet, body;
    enum packet_type type;
    enum lz_err err = wire_client_recv(s->client, wait_ms, &packet);
    if (err) return err;
    err = packet_open(packet, &type, &body, NULL);
    if (err == LZ_ok && type != PACKET_ANSWER) err = LZ_bad_packet;
    return err ? err : answer_decode(arena, body, answer);
}

enum lz_err session_timeout(const struct session *s, struct lz_fail *fail) {
    return lz_refuse(fail, LZ_unreachable, "守护进程 %llu 秒没有应答", (unsigned long long)(s->timeout_ms / 1000));
}

struct wait { uint64_t again_ms, step_ms; };

/* Nothing came for a while: to a new daemon, and with a write now and then to the same one, the ask goes again. */
static enum lz_err ask_again(struct session *s, const struct ask *ask, struct wait *wait, struct lz_fail *fail) {
    uint64_t now = lz_clock_now().mono_ms;
    if (session_lost(s)) {
        enum lz_err err = session_reopen(s, fail);
        if (err) return err;
    } else if (ask->request.len == 0 || now < wait->again_ms) return LZ_ok;
    wait->again_ms = now + (wait->step_ms *= 2);
    return session_send(s, ask, fail);
}

static enum lz_err ask_page(struct session *s, struct ask *ask, struct answer *answer, struct lz_fail *fail) {
    ask->seq = ++s->seq;
    session_touch(s);
    struct wait wait = { lz_clock_now().mono_ms + RESEND_MS, RESEND_MS };
    enum lz_err err = session_send(s, ask, fail);
    while (err == LZ_ok) {
        uint64_t now = lz_clock_now().mono_ms;
        if (now >= s->until_ms) return session_timeout(s, fail);
        uint64_t left = s->until_ms - now;
        enum lz_err got = session_recv(s, left < SLICE_MS ? left : SLICE_MS, s->arena, answer);
        if (got == LZ_ok && answer->seq == ask->seq) return LZ_ok;
        if (got == LZ_unreachable) err = ask_again(s, ask, &wait, fail);
        else if (got != LZ_ok) return lz_refuse(fail, got, "守护进程的应答无法读懂：请检查两个程序的版本是否相同");
    }
    return err;
}

/* Rows of all pages in one array, which doubles: at most as much again is left behind in the arena. */
static void rows_join(struct arena *arena, struct answer *all, size_t *room, const struct answer *page) {
    if (all->n_rows + page->n_rows > *room) {
        *room = 2 * (all->n_rows + page->n_rows);
        struct row *rows = client_alloc(arena, *room * sizeof *rows);
        if (all->n_rows) memcpy(rows, all->rows, all->n_rows * sizeof *rows);
        all->rows = rows;
    }
    if (page->n_rows) memcpy(all->rows + all->n_rows, page->rows, page->n_rows * sizeof *page->rows);
    all->n_rows += page->n_rows;
}

enum lz_err session_ask(struct session *s, struct ask *ask, struct answer *answer, struct lz_fail *fail) {
    struct answer page = { 0 };
    enum lz_err err = ask_page(s, ask, answer, fail);
    if (err || answer->next.len == 0) return err;
    size_t room = answer->n_rows;
    for (ask->after = answer->next; ask->after.len > 0; ask->after = page.next) {
        err = ask_page(s, ask, &page, fail);
        if (err) return err;
        rows_join(s->arena, answer, &room, &page);
        answer->code = page.code;
        if (page.text.len) answer->text = page.text;
        if (page.code != LZ_ok) break;
    }
    answer->next = (struct lz_bytes){ 0 };
    return LZ_ok;
}
