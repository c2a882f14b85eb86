/* client_import: a TSV file into drafts, and drafts into the daemon.
 *
 * Guarantees: every line of the file is imported or in the reject list with its reason, or the import says how many it does
 * not know of. A chunk is a run of the file's lines, whatever becomes of them, and its request id follows from the base id and
 * its place: the same file with the same --request is imported once, however often it is tried. Memory holds the file, the
 * rejects and four chunks. Leaves to others: what the daemon thinks of a draft. */
#include "client.h"

#include <stdlib.h>

enum {
    FILE_BYTES_MAX = 256 * 1024 * 1024, CHUNK_LINES = 512, CHUNK_TEXT_BYTES = 160 * 1024, UNDER_WAY_MAX = 4,
    FIELDS_MAX = 32, KNOWN_MAX = 8, BUCKETS = 4096, SLICE_MS = 500, RESEND_MS = 5000, BASE_BYTES = 12,
};
static_assert((int)CHUNK_LINES <= (int)ASK_DRAFTS_MAX, "a chunk is one ask");
static const size_t SLOT_BYTES = (size_t)256 << 20, SCRATCH_BYTES = (size_t)64 << 20;

/* ---- TSV -------------------------------------------------------------------------------------------------------- */

void tsv_open(struct tsv *tsv, struct lz_bytes text) {
    *tsv = (struct tsv){ .text = text };
    if (text.len >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0) tsv->at = 3;
}

bool tsv_next(struct tsv *tsv, struct lz_bytes *line) {
    while (tsv->at < tsv->text.len) {
        const uint8_t *start = tsv->text.data + tsv->at;
        const uint8_t *end = memchr(start, '\n', tsv->text.len - tsv->at);
        size_t len = end ? (size_t)(end - start) : tsv->text.len - tsv->at;
        tsv->at += len + (end ? 1 : 0);
        tsv->line++;
        if (len > 0 && start[len - 1] == '\r') len--;
        if (len == 0 || start[0] == '#') continue;
        *line = lz_bytes_of(start, len);
        return true;
    }
    return false;
}

static struct lz_bytes trimmed(struct lz_bytes text) {
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\r')) text = lz_bytes_of(text.data + 1, text.len - 1);
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\r')) text.len--;
    return text;
}

size_t tsv_split(struct lz_bytes line, struct lz_bytes *fields, size_t max) {
    size_t n = 0, at = 0;
    for (;;) {
        const uint8_t *tab = at < line.len ? memchr(line.data + at, '\t', line.len - at) : NULL;
        size_t end = tab ? (size_t)(tab - line.data) : line.len;
        if (n < max) fields[n] = trimmed(lz_bytes_of(line.data + at, end - at));
        n++;
        if (!tab) return n;
        at = end + 1;
    }
}

/* ---- the import ---------------------------------------------------------------------------------------------------- */

struct known { const char *name; bool required, ignored; };
enum { PROGRESS_TASK, PROGRESS_AS_OF, PROGRESS_NUM, PROGRESS_DEN, PROGRESS_TEXT };
enum { TASK_NUMBER, TASK_HEADING, TASK_TEXT, TASK_LEAD, TASK_RESPONSIBLE };
static const struct known progress_columns[KNOWN_MAX] = {
    [PROGRESS_TASK] = { "task", true, false }, [PROGRESS_AS_OF] = { "as_of", true, false }, [PROGRESS_NUM] = { "num", true, false },
    [PROGRESS_DEN] = { "den", true, false }, [PROGRESS_TEXT] = { "text", false, false },
};
static const struct known task_columns[KNOWN_MAX] = {
    [TASK_NUMBER] = { "number", true, false }, [TASK_HEADING] = { "heading_zh", true, false }, [TASK_TEXT] = { "text_zh", true, false },
    [TASK_LEAD] = { "lead_units", false, false }, [TASK_RESPONSIBLE] = { "responsible_units", false, false },
    { "section", false, true }, { "title_en", false, true },
};

struct source { uint32_t line; struct lz_bytes text; };
struct slot {                        /* a chunk being filled, or under way */
    struct arena *arena;             /* its drafts */
    struct lz_bytes drafts[ASK_DRAFTS_MAX];
    struct source sources[ASK_DRAFTS_MAX];
    size_t n, lines, text_bytes;     /* lines, text_bytes: of the file, good ones and bad ones */
    bool busy;
    uint64_t seq, again_ms, step_ms;
    uint8_t request[REQUEST_BYTES];
};
/* A task that was asked for, and what the daemon said. */
struct resolved {
    struct lz_bytes text;
    struct rec_id id;
    struct lz_fail fail;             /* code LZ_ok: id is set */
    struct resolved *next;
};
struct import {
    struct session *session;
    const struct command *command;
    struct import_result *result;
    const struct known *known;
    const struct import_lines *lines;   /* not NULL: instead of the TSV */
    bool is_progress, atomic;
    size_t at[KNOWN_MAX], n_columns; /* at: the field of a known column; SIZE_MAX: not in this file */
    struct tsv tsv;
    struct slot slots[UNDER_WAY_MAX];
    struct arena *scratch;           /* one answer */
    struct resolved *buckets[BUCKETS];
    const struct ask *question;      /* of resolve, under way */
    uint32_t chunks;
};

static void reject(struct import *im, const struct source *source, enum lz_err code, struct lz_bytes text) {
    struct import_result *result = im->result;
    struct arena *arena = im->session->arena;
    if (result->n_rejects == result->rejects_room) {
        size_t room = result->rejects_room ? result->rejects_room * 2 : 64;
        struct reject *rejects = client_alloc(arena, room * sizeof *rejects);
        if (result->n_rejects) memcpy(rejects, result->rejects, result->n_rejects * sizeof *rejects);
        result->rejects = rejects;
        result->rejects_room = room;
    }
    if (text.len == 0) text = lz_bytes_str(lz_text(im->session->lang, lz_err_zh(code)));
    uint8_t *kept = client_alloc(arena, text.len);
    memcpy(kept, text.data, text.len);
    result->rejects[result->n_rejects++] = (struct reject){ source->line, code, lz_bytes_of(kept, text.len), source->text };
}

/* ---- chunks under way ---------------------------------------------------------------------------------------------------- */

static enum lz_err slot_send(struct import *im, struct slot *slot, struct lz_fail *fail) {
    struct arg args[6];
    struct ask ask = { .verb = lz_bytes_str("drafts"), .request = lz_bytes_of(slot->request, REQUEST_BYTES), .args = args,
                       .drafts = slot->drafts, .n_drafts = slot->n, .seq = slot->seq };
    static const char *const passed[] = { "to", "due", "plan", "atomic" };
    for (size_t i = 0; i < LZ_COUNT(passed); i++) {
        const struct lz_bytes *value = command_arg(im->command, passed[i]);
        if (value) args[ask.n_args++] = (struct arg){ lz_bytes_str(passed[i]), *value };
    }
    if (im->lines) {
        args[ask.n_args++] = (struct arg){ lz_bytes_str("merge"), lz_bytes_str("1") };
        args[ask.n_args++] = (struct arg){ lz_bytes_str("columns"), lz_bytes_str(im->lines->columns) };
    }
    slot->again_ms = lz_clock_now().mono_ms + slot->step_ms;
    slot->step_ms *= 2;
    return session_send(im->session, &ask, fail);
}

static void slot_reject_all(struct import *im, const struct slot *slot, enum lz_err code, struct lz_bytes text) {
    for (size_t i = 0; i < slot->n; i++) reject(im, &slot->sources[i], code, text);
}

static void slot_done(struct import *im, struct slot *slot, const struct answer *answer) {
    slot->busy = false;
    /* The daemon tells again what it told the first time: with the same request id it must have been the same lines. */
    if (answer->n_ids > 0 && answer->n_ids != slot->n) {
        slot_reject_all(im, slot, LZ_conflict, lz_bytes_str(lz_text(im->session->lang, "这一批与用同一 --request 首次导入时不同：请用原来的文件，或换一个 --request")));
        return;
    }
    if (answer->code != LZ_ok && answer->n_refused == 0) {
        slot_reject_all(im, slot, answer->code, answer->text);
        return;
    }
    size_t refused = 0, unchanged = 0;
    for (size_t i = 0; i < answer->n_refused; i++) {
        const struct draft_result *r = &answer->refused[i];
        if (r->index >= slot->n) continue;
        if (im->lines && r->code == LZ_already) { unchanged++; continue; }
        reject(im, &slot->sources[r->index], r->code, r->text);
        refused++;
    }
    im->result->unchanged += (uint32_t)unchanged;
    refused += unchanged;
    if (!im->atomic || refused == unchanged) im->result->imported += (uint32_t)(slot->n > refused ? slot->n - refused : 0);
}

static struct slot *slot_by_seq(struct import *im, uint64_t seq) {
    for (size_t i = 0; i < UNDER_WAY_MAX; i++)
        if (im->slots[i].busy && im->slots[i].seq == seq) return &im->slots[i];
    return NULL;
}

/* Nothing came: what is under way goes again, all of it to a new daemon, what is old to the same one. */
static enum lz_err send_again(struct import *im, struct lz_fail *fail) {
    bool lost = session_lost(im->session);
    enum lz_err err = lost ? session_reopen(im->session, fail) : LZ_ok;
    uint64_t now = lz_clock_now().mono_ms;
    for (size_t i = 0; i < UNDER_WAY_MAX && err == LZ_ok; i++)
        if (im->slots[i].busy && (lost || now >= im->slots[i].again_ms)) err = slot_send(im, &im->slots[i], fail);
    if (lost && im->question && err == LZ_ok) err = session_send(im->session, im->question, fail);
    return err;
}

/* Takes one answer, if one comes. A chunk's is dealt with here; another's seq is given back in answer. */
static enum lz_err import_step(struct import *im, struct answer *answer, struct lz_fail *fail) {
    uint64_t now = lz_clock_now().mono_ms;
    answer->seq = 0;
    if (now >= im->session->until_ms) return session_timeout(im->session, fail);
    arena_reset(im->scratch);
    enum lz_err err = session_recv(im->session, SLICE_MS, im->scratch, answer);
    if (err == LZ_unreachable) {
        answer->seq = 0;
        return send_again(im, fail);
    }
    if (err) return lz_refuse(fail, err, "守护进程的应答无法读懂：请检查两个程序的版本是否相同");
    session_touch(im->session);
    struct slot *slot = slot_by_seq(im, answer->seq);
    if (slot) slot_done(im, slot, answer);
    return LZ_ok;
}

/* ---- which task a line is about ----------------------------------------------------------------------------------------------- */

static void resolved_take(struct resolved *r, const struct answer *answer) {
    char text[REC_ID_TEXT] = "";
    bool whole = false;
    if (answer->code != LZ_ok) {
        (void)lz_refuse(&r->fail, answer->code, "%.*s", (int)answer->text.len, answer->text.len ? (const char *)answer->text.data : "");
        return;
    }
    for (size_t i = 0; i < answer->n_rows; i++)
        for (size_t k = 0; k < answer->rows[i].n_cells; k++) {
            const struct cell *cell = &answer->rows[i].cells[k];
            if (!lz_bytes_equal(cell->name, lz_bytes_str("id")) || cell->text.len >= sizeof text) continue;
            memcpy(text, cell->text.data, cell->text.len);
            text[cell->text.len] = '\0';
        }
    if (!rec_id_parse(text, &r->id, &whole) || !whole) (void)lz_refuse(&r->fail, LZ_not_found, "没有找到这项任务");
}

static enum lz_err resolve_ask(struct import *im, struct resolved *r, struct lz_fail *fail) {
    struct arg arg = { lz_bytes_str("id"), r->text };
    struct ask ask = { .verb = lz_bytes_str("resolve"), .args = &arg, .n_args = 1, .seq = ++im->session->seq };
    struct answer answer = { .seq = 0 };
    session_touch(im->session);
    enum lz_err err = session_send(im->session, &ask, fail);
    im->question = &ask;
    while (err == LZ_ok && answer.seq != ask.seq) err = import_step(im, &answer, fail);
    im->question = NULL;
    if (err == LZ_ok) resolved_take(r, &answer);
    return err;
}

/* err: the import cannot go on. Otherwise *found says what is known of this text, asked for at most once. */
static enum lz_err resolve(struct import *im, struct lz_bytes text, const struct resolved **found, struct lz_fail *fail) {
    struct resolved **bucket = &im->buckets[lz_hash64(0, text.data, text.len) % BUCKETS];
    for (struct resolved *r = *bucket; r; r = r->next)
        if (lz_bytes_equal(r->text, text)) {
            *found = r;
            return LZ_ok;
        }
    struct resolved *r = client_alloc(im->session->arena, sizeof *r);
    char whole_text[REC_ID_TEXT] = "";
    bool whole = false;
    *r = (struct resolved){ .text = text, .fail.lang = fail->lang, .next = *bucket };
    if (text.len && text.len < sizeof whole_text) memcpy(whole_text, text.data, text.len);
    enum lz_err err = LZ_ok;
    /* A whole id needs no question: the daemon looks at it when it gets the draft. */
    if (!rec_id_parse(whole_text, &r->id, &whole) || !whole) err = resolve_ask(im, r, fail);
    *bucket = r;
    *found = r;
    return err;
}

/* ---- from a line to a draft ------------------------------------------------------------------------------------------------------- */

static bool is_none(struct lz_bytes text) { return text.len == 0 || lz_bytes_equal(text, lz_bytes_str("-")); }

static struct lz_bytes field(const struct import *im, const struct lz_bytes *fields, size_t column) {
    if (im->at[column] == SIZE_MAX || is_none(fields[im->at[column]])) return (struct lz_bytes){ 0 };
    return fields[im->at[column]];
}

/* The text with an end, for the parsers of base; too long a text becomes empty, which they refuse. */
static const char *ended(struct lz_bytes text, char out[32]) {
    size_t len = text.len < 32 ? text.len : 0;
    if (len) memcpy(out, text.data, len);
    out[len] = '\0';
    return out;
}

static enum lz_err progress_draft(const struct import *im, const struct lz_bytes *fields, struct record *draft, struct lz_fail *fail) {
    struct lz_bytes as_of = field(im, fields, PROGRESS_AS_OF), num = field(im, fields, PROGRESS_NUM), den = field(im, fields, PROGRESS_DEN);
    struct progress *p = &draft->of.progress;
    char room[32];
    draft->kind = KIND_progress;
    p->text = field(im, fields, PROGRESS_TEXT);
    if (!lz_date_parse(ended(as_of, room), &p->as_of))
        return lz_refuse(fail, LZ_bad_date, "as_of 不是日期：“%.*s”；应写作 2022-04-24", (int)as_of.len, as_of.len ? (const char *)as_of.data : "");
    if (!lz_i64_parse(ended(num, room), &p->numerator) || p->numerator < 0)
        return lz_refuse(fail, LZ_bad_argument, "num（完成量）不是非负整数：“%.*s”", (int)num.len, num.len ? (const char *)num.data : "");
    if (!lz_i64_parse(ended(den, room), &p->denominator) || p->denominator <= 0)
        return lz_refuse(fail, LZ_bad_argument, "den（任务量）不是正整数：“%.*s”", (int)den.len, den.len ? (const char *)den.data : "");
    return LZ_ok;
}

/* Up to the first full stop, and at most what a title may have, cut between characters. */
static struct lz_bytes first_sentence(struct lz_bytes text) {
    static const char stop[] = "。";
    const uint8_t *end = text.len ? memmem(text.data, text.len, stop, sizeof stop - 1) : NULL;
    size_t len = end ? (size_t)(end - text.data) : text.len;
    if (len > LABEL_BYTES_MAX) {
        len = LABEL_BYTES_MAX;
        while (len > 0 && (text.data[len] & 0xC0) == 0x80) len--;
    }
    return lz_bytes_of(text.data, len);
}

static enum lz_err task_draft(const struct import *im, const struct lz_bytes *fields, struct record *draft, struct lz_fail *fail) {
    struct directive *d = &draft->of.directive;
    struct lz_bytes number = field(im, fields, TASK_NUMBER);
    char room[32];
    draft->kind = KIND_task;
    d->title = field(im, fields, TASK_HEADING);
    d->body = field(im, fields, TASK_TEXT);
    d->lead = field(im, fields, TASK_LEAD);
    d->responsible = field(im, fields, TASK_RESPONSIBLE);
    if (number.len > 0 && !lz_u32_parse(ended(number, room), &d->item))
        return lz_refuse(fail, LZ_bad_argument, "number（事项号）不是整数：“%.*s”", (int)number.len, (const char *)number.data);
    if (d->title.len == 0) d->title = first_sentence(d->body);
    if (d->title.len == 0) return lz_refuse(fail, LZ_bad_argument, "heading_zh 和 text_zh 都是空的");
    return LZ_ok;
}

static bool line_next(struct import *im, struct source *source) {
    if (im->lines) return im->lines->next(im->lines->context, &source->line, &source->text);
    bool there = tsv_next(&im->tsv, &source->text);
    source->line = im->tsv.line;
    return there;
}

/* What is wrong with the line itself, if anything. */
static enum lz_err line_draft(struct import *im, struct lz_bytes line, struct record *draft, struct lz_bytes *task, struct lz_fail *fail) {
    struct lz_bytes fields[FIELDS_MAX];
    if (im->lines) return im->lines->draft(im->lines->context, draft, task, fail);
    if (!lz_text_valid(line)) return lz_refuse(fail, LZ_bad_utf8, "不是有效的 UTF-8 文字，或含控制字符");
    size_t n = tsv_split(line, fields, FIELDS_MAX);
    if (n != im->n_columns) return lz_refuse(fail, LZ_bad_argument, "有 %zu 列，表头有 %zu 列", n, im->n_columns);
    if (!im->is_progress) return task_draft(im, fields, draft, fail);
    *task = field(im, fields, PROGRESS_TASK);
    if (task->len == 0) return lz_refuse(fail, LZ_bad_argument, "task 是空的：应是任务的编号或文号");
    return progress_draft(im, fields, draft, fail);
}

/* Puts one line of the file into the chunk, or into the reject list. err: the import cannot go on. */
static enum lz_err line_take(struct import *im, struct slot *slot, const struct source *source, struct lz_fail *fail) {
    struct record *draft = client_alloc(slot->arena, sizeof *draft);
    struct lz_bytes task = { 0 };
    struct lz_fail why = { .lang = im->session->lang };
    enum lz_err bad = line_draft(im, source->text, draft, &task, &why);
    slot->lines++;
    slot->text_bytes += source->text.len;
    if (bad == LZ_ok && task.len > 0) {
        const struct resolved *found;
        enum lz_err err = resolve(im, task, &found, fail);
        if (err) return err;
        draft->subject = found->id;
        why = found->fail;
        bad = why.code;
    }
    if (bad == LZ_ok) bad = draft_encode(slot->arena, draft, &slot->drafts[slot->n], &why);
    if (bad) reject(im, source, bad, lz_bytes_str(why.text));
    else slot->sources[slot->n++] = *source;
    return LZ_ok;
}

/* ---- the file, chunk by chunk ---------------------------------------------------------------------------------------------------------- */

static enum lz_err slot_free(struct import *im, struct slot **free_slot, struct lz_fail *fail) {
    struct answer answer;
    for (;;) {
        for (size_t i = 0; i < UNDER_WAY_MAX; i++) {
            struct slot *slot = &im->slots[i];
            if (slot->busy) continue;
            arena_reset(slot->arena);
            slot->n = slot->lines = slot->text_bytes = 0;
            *free_slot = slot;
            return LZ_ok;
        }
        enum lz_err err = import_step(im, &answer, fail);
        if (err) return err;
    }
}

static enum lz_err slot_start(struct import *im, struct slot *slot, struct lz_fail *fail) {
    memcpy(slot->request, im->command->request, BASE_BYTES);
    lz_put32(slot->request + BASE_BYTES, im->chunks++);
    if (slot->n == 0) return LZ_ok;
    slot->seq = ++im->session->seq;
    slot->step_ms = RESEND_MS;
    slot->busy = true;
    session_touch(im->session);
    return slot_send(im, slot, fail);
}

static bool slot_full(const struct slot *slot) { return slot->lines == CHUNK_LINES || slot->text_bytes >= CHUNK_TEXT_BYTES; }

static enum lz_err wait_for_all(struct import *im, struct lz_fail *fail) {
    struct answer answer;
    enum lz_err err = LZ_ok;
    for (size_t i = 0; i < UNDER_WAY_MAX; i++)
        while (err == LZ_ok && im->slots[i].busy) err = import_step(im, &answer, fail);
    return err;
}

static enum lz_err import_chunks(struct import *im, struct lz_fail *fail) {
    struct slot *slot = NULL;
    struct source source;
    enum lz_err err = slot_free(im, &slot, fail);
    while (err == LZ_ok && line_next(im, &source)) {
        err = line_take(im, slot, &source, fail);
        if (err || !slot_full(slot)) continue;
        err = slot_start(im, slot, fail);
        if (err == LZ_ok) err = slot_free(im, &slot, fail);
    }
    if (err == LZ_ok) err = slot_start(im, slot, fail);
    return err ? err : wait_for_all(im, fail);
}

/* All or nothing: one ask, and none when a line is bad. */
static enum lz_err import_atomic(struct import *im, struct lz_fail *fail) {
    struct slot *slot = NULL;
    struct tsv count = im->tsv;
    struct source source;
    size_t lines = 0;
    while (!im->lines && tsv_next(&count, &source.text)) lines++;
    if (lines > ASK_DRAFTS_MAX)
        return lz_refuse(fail, LZ_too_many, "%zu 行：--atomic 一次最多 %d 行；请分成几个文件，或去掉 --atomic", lines, ASK_DRAFTS_MAX);
    enum lz_err err = slot_free(im, &slot, fail);
    while (err == LZ_ok && slot && line_next(im, &source)) {
        if (slot->lines == ASK_DRAFTS_MAX) return lz_refuse(fail, LZ_too_many, "超过 %d 行：--atomic 一次最多这么多；请分成几个文件，或去掉 --atomic", ASK_DRAFTS_MAX);
        err = line_take(im, slot, &source, fail);
    }
    if (err || im->result->n_rejects > 0) return err;
    err = slot_start(im, slot, fail);
    return err ? err : wait_for_all(im, fail);
}

/* ---- the header -------------------------------------------------------------------------------------------------------------------------- */

static size_t known_column(const struct known *known, struct lz_bytes name) {
    for (size_t i = 0; i < KNOWN_MAX && known[i].name; i++)
        if (lz_bytes_equal(name, lz_bytes_str(known[i].name))) return i;
    return SIZE_MAX;
}

static enum lz_err header_missing(const struct import *im, struct lz_fail *fail) {
    for (size_t i = 0; i < KNOWN_MAX && im->known[i].name; i++)
        if (im->known[i].required && im->at[i] == SIZE_MAX)
            return lz_refuse(fail, LZ_bad_argument, "表头缺少 %s 列（第 %u 行）：第一个非注释行应是用制表符分开的列名", im->known[i].name, im->tsv.line);
    return LZ_ok;
}

static enum lz_err header_take(struct import *im, struct lz_fail *fail) {
    struct lz_bytes line, fields[FIELDS_MAX];
    if (!tsv_next(&im->tsv, &line)) return lz_refuse(fail, LZ_bad_argument, "文件是空的：第一个非注释行应是列名");
    if (!lz_text_valid(line)) return lz_refuse(fail, LZ_bad_utf8, "表头不是有效的 UTF-8 文字：请把文件另存为 UTF-8");
    im->n_columns = tsv_split(line, fields, FIELDS_MAX);
    if (im->n_columns > FIELDS_MAX) return lz_refuse(fail, LZ_too_many, "表头有 %zu 列：最多 %d 列", im->n_columns, FIELDS_MAX);
    for (size_t i = 0; i < KNOWN_MAX; i++) im->at[i] = SIZE_MAX;
    char strangers[256] = "";
    for (size_t i = 0; i < im->n_columns; i++) {
        size_t used = strlen(strangers), column = known_column(im->known, fields[i]);
        if (column == SIZE_MAX) {
            (void)snprintf(strangers + used, sizeof strangers - used, " %.*s", (int)(fields[i].len < 40 ? fields[i].len : 40), fields[i].data);
            continue;
        }
        if (im->at[column] != SIZE_MAX) return lz_refuse(fail, LZ_bad_argument, "表头有两个 %s 列", im->known[column].name);
        im->at[column] = i;
    }
    if (strangers[0]) return lz_refuse(fail, LZ_bad_argument, "不认识的列：%s；请删去或改正列名", strangers + 1);
    return header_missing(im, fail);
}

/* ---- */

static int by_line(const void *a, const void *b) {
    const struct reject *x = a, *y = b;
    return (x->line > y->line) - (x->line < y->line);
}

static void import_close(struct import *im) {
    for (size_t i = 0; i < UNDER_WAY_MAX; i++) {
        if (im->slots[i].busy) im->result->unknown += (uint32_t)im->slots[i].n;
        arena_destroy(&im->slots[i].arena);
    }
    arena_destroy(&im->scratch);
    if (im->result->n_rejects) qsort(im->result->rejects, im->result->n_rejects, sizeof *im->result->rejects, by_line);
}

static enum lz_err import_go(struct import *im, struct lz_fail *fail) {
    im->scratch = arena_create(SCRATCH_BYTES);
    for (size_t i = 0; i < UNDER_WAY_MAX; i++) im->slots[i].arena = arena_create(SLOT_BYTES);
    enum lz_err err = im->atomic ? import_atomic(im, fail) : import_chunks(im, fail);
    import_close(im);
    return err;
}

enum lz_err import_lines_run(struct session *session, const struct command *command, const struct import_lines *lines, struct import_result *result,
                             struct lz_fail *fail) {
    struct import *im = client_alloc(session->arena, sizeof *im);
    *result = (struct import_result){ 0 };
    *im = (struct import){ .session = session, .command = command, .result = result, .lines = lines, .atomic = lines->atomic };
    return import_go(im, fail);
}

enum lz_err import_run(struct session *session, const struct command *command, struct import_result *result, struct lz_fail *fail) {
    struct import *im = client_alloc(session->arena, sizeof *im);
    const struct lz_bytes *path = command_arg(command, "file");
    struct lz_bytes text;
    *result = (struct import_result){ 0 };
    *im = (struct import){ .session = session, .command = command, .result = result };
    im->is_progress = strcmp(command->words, "progress import") == 0;
    im->known = im->is_progress ? progress_columns : task_columns;
    im->atomic = command_arg(command, "atomic") != NULL;
    LZ_ASSERT(path);
    enum lz_err err = file_read(session->arena, (const char *)path->data, FILE_BYTES_MAX, &text, fail);
    if (err) return err;
    tsv_open(&im->tsv, text);
    err = header_take(im, fail);
    return err ? err : import_go(im, fail);
}
