/* import: FEEDS a file that a person brings: the first byte says whether as progress or tasks to import (through all of linzhangctl's
 * import, with a daemon that this file plays: it answers, refuses lines, loses what was sent), as a divisions file or as holidays.
 * ORACLE: every line that is no comment is imported or stands among the rejects with a reason, each once, in order; the daemon's gate
 * takes every draft that was sent; with --atomic nothing is sent when a line is bad. A divisions file that was taken has no circle and
 * no unit twice, one that was refused changes nothing; working days come to an end. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "../../daemon/ctl/client.h"
#include "fuzz.h"

/* ---- the daemon ---- */

enum { HEARD_MAX = 16 };
static struct {
    uint64_t seq[HEARD_MAX];
    bool is_resolve[HEARD_MAX], unknown_task[HEARD_MAX];
    size_t n, answered, drafts, sent_drafts;
    uint8_t mood;                    /* bits: loses the first ask, refuses a line, refuses a whole chunk */
    bool lost;
} daemon_;

void session_touch(struct session *s) { s->until_ms = UINT64_MAX; }
enum lz_err session_timeout(const struct session *s, struct lz_fail *fail) { (void)s; return lz_refuse(fail, LZ_unreachable, "timeout"); }
bool session_lost(struct session *s) { (void)s; bool lost = daemon_.lost; daemon_.lost = false; return lost; }
enum lz_err session_reopen(struct session *s, struct lz_fail *fail) { (void)s; (void)fail; return LZ_ok; }

enum lz_err session_send(struct session *s, const struct ask *ask, struct lz_fail *fail) {
    struct lz_bytes packet, body;
    struct ask heard;
    enum packet_type type;
    struct record draft;
    enum lz_err err = ask_encode(s->arena, ask, &packet);
    LZ_ASSERT(err == LZ_ok);
    must(packet_open(packet, &type, &body, NULL) == LZ_ok && ask_decode(s->arena, body, &heard) == LZ_ok, "the daemon would not read this ask");
    for (size_t i = 0; i < heard.n_drafts; i++)
        must(draft_decode(s->arena, heard.drafts[i], &draft, fail) == LZ_ok || fail->code == LZ_too_large || fail->code == LZ_bad_argument,
             "draft %zu: %s", i, fail->text);
    size_t at = daemon_.n++ % HEARD_MAX;
    daemon_.seq[at] = ask->seq;
    daemon_.is_resolve[at] = ask->n_drafts == 0;
    daemon_.unknown_task[at] = ask->n_args && ask->args[0].value.len && ask->args[0].value.data[0] == 'x';
    daemon_.sent_drafts += ask->n_drafts;
    return LZ_ok;
}

static void answer_resolve(struct arena *room, bool unknown, struct answer *answer) {
    struct cell *cell = client_alloc(room, sizeof *cell);
    char *id = client_alloc(room, REC_ID_TEXT);
    if (unknown) { answer->code = LZ_not_found; answer->text = lz_bytes_str("没有这项"); return; }
    rec_id_print((struct rec_id){ CITY, KIND_task, 77ull << 20, 9 }, id);
    *cell = (struct cell){ lz_bytes_str("id"), lz_bytes_str(id) };
    answer->rows = client_alloc(room, sizeof *answer->rows);
    answer->rows[0] = (struct row){ cell, 1 };
    answer->n_rows = 1;
}

enum lz_err session_recv(struct session *s, uint64_t wait_ms, struct arena *room, struct answer *answer) {
    (void)s; (void)wait_ms;
    if (daemon_.answered == daemon_.n) return LZ_unreachable;
    size_t at = daemon_.answered++ % HEARD_MAX;
    if (daemon_.mood & 1) { daemon_.mood &= (uint8_t)~1u; daemon_.lost = true; return LZ_unreachable; }
    *answer = (struct answer){ .seq = daemon_.seq[at] };
    if (daemon_.is_resolve[at]) { answer_resolve(room, daemon_.unknown_task[at], answer); return LZ_ok; }
    if (daemon_.mood & 4) { answer->code = LZ_full; return LZ_ok; }
    if (!(daemon_.mood & 2)) return LZ_ok;
    answer->refused = client_alloc(room, sizeof *answer->refused);
    answer->refused[0] = (struct draft_result){ 0, LZ_not_allowed, lz_bytes_str("不是本单位的任务") };
    answer->n_refused = 1;
    return LZ_ok;
}

/* ---- an import ---- */

static size_t lines_of(struct lz_bytes text) {
    struct tsv tsv;
    struct lz_bytes line;
    size_t n = 0;
    for (tsv_open(&tsv, text); tsv_next(&tsv, &line); n++) must(line.len > 0 && line.data[0] != '#' && !memchr(line.data, '\n', line.len), "line %u", tsv.line);
    return n;
}

static void import_one(struct lz_bytes text, bool tasks, uint8_t mood) {
    char path[64];
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    LZ_ASSERT(fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool atomic = mood & 8;
    char *progress_words[] = { "linzhangctl", "progress", "import", path, "--atomic", NULL };
    char *task_words[] = { "linzhangctl", "task", "import", path, "--to", "all", "--atomic", NULL };
    struct session session = { .arena = fuzz_arena(), .timeout_ms = 60000 };
    struct command command;
    struct import_result result;
    struct lz_fail fail = { 0 };
    memset(&daemon_, 0, sizeof daemon_);
    daemon_.mood = mood;
    enum lz_err err = command_parse(session.arena, (tasks ? 6 : 4) + atomic, tasks ? task_words : progress_words, &command, &fail);
    LZ_ASSERT(err == LZ_ok);
    err = import_run(&session, &command, &result, &fail);
    close(fd);
    if (err != LZ_ok) { must(fail.code == err && fail.text[0], "refused without a word"); return; }
    size_t lines = lines_of(text) - 1;
    if (atomic && result.n_rejects) must(result.imported == 0, "%u imported of what is all or nothing", result.imported);
    else must(result.imported + result.unknown + result.n_rejects == lines, "%u + %u + %zu of %zu lines", result.imported, result.unknown,
        result.n_rejects, lines);
    for (size_t i = 0; i < result.n_rejects; i++) {
        must(result.rejects[i].text.len > 0 && result.rejects[i].code != LZ_ok, "a reject without a reason");
        must(i == 0 || result.rejects[i].line > result.rejects[i - 1].line, "line %u twice or out of order", result.rejects[i].line);
    }
}

/* ---- divisions, holidays ---- */

static void divisions(struct lz_bytes text, uint8_t mood) {
    struct units *units = units_create();
    struct lz_fail fail = { 0 };
    static const char earlier[] = "code\tname_zh\ttier\tparent_code\tcode_system\n410000\t河南省\tprovince\t-\tGB\n";
    enum lz_err err = mood & 1 ? units_load(units, lz_bytes_str(earlier), &fail) : LZ_ok;
    LZ_ASSERT(err == LZ_ok);
    size_t before = units_count(units);
    err = units_load(units, text, &fail);
    must(err == LZ_ok || (fail.code == err && fail.text[0]), "refused without a word");
    must(err == LZ_ok || units_count(units) == before, "a refused file left %zu units", units_count(units));
    uint32_t below[64];
    for (size_t i = 0; i < units_count(units); i++) {
        const struct unit *u = units_at(units, i);
        must(i == 0 || u->code > units_at(units, i - 1)->code, "%u twice or out of order", u->code);
        must(lz_text_valid(lz_bytes_str(u->name)) && u->name[0], "the name of %u", u->code);
        const struct unit *up = u->parent ? units_find(units, u->parent) : NULL;
        must(u->parent == 0 || (up && up->tier < u->tier), "%u under %u", u->code, u->parent);
        if (i < 64) must(units_below(units, u->code, true, below, LZ_COUNT(below)) >= 1, "%u is not below itself", u->code);
    }
    units_destroy(&units);
}

static void holidays(struct lz_bytes text, uint8_t mood) {
    struct calendar *calendar = calendar_create();
    struct lz_fail fail = { 0 };
    enum lz_err err = calendar_load(calendar, text, &fail);
    must(err == LZ_ok || (fail.code == err && strstr(fail.text, "行")), "refused without naming the line: %s", fail.text);
    if (err == LZ_ok) {
        uint64_t from = 1650848400000ull, to = calendar_add(calendar, from, mood % 40), back = calendar_add(calendar, to, -(mood % 40));
        must(to >= from && back <= to, "%u working days", mood % 40);
    }
    calendar_destroy(&calendar);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_begin();
    if (size < 2) return 0;
    uint8_t way = data[0] % 4, mood = data[1];
    uint8_t *copy = exact(lz_bytes_of(data + 2, size - 2));
    struct lz_bytes text = lz_bytes_of(copy, size - 2);
    if (way == 2) divisions(text, mood);
    else if (way == 3) holidays(text, mood);
    else import_one(text, way == 1, mood);
    free(copy);
    return 0;
}
