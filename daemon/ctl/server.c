/* server: an ask comes in, its verb runs inside the turn, its answer waits for the commit.
 *
 * Guarantees: the clerk reads "ok" only of what is on disk; a request that was answered is answered the same again, after a
 * crash too, and nothing is done twice; who asks is the uid that the kernel names. A turn that failed answers everything it
 * had in hand with the reason, and the clerk's client asks again with the same request. Leaves to others: what the verbs mean. */
#include <pwd.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include "ctl_room.h"

enum { PRINT_BYTES = 16 };
struct client { uint8_t b[64]; size_t len; };
struct outgoing {
    struct client to;
    uint64_t seq;
    enum lz_lang lang;
    struct lz_bytes packet;          /* in the turn's arena */
};
struct deferred {
    struct client from;
    uint32_t uid;
    size_t len;
    uint8_t *packet;                 /* DEFERRED_BYTES_MAX */
};
struct watcher {
    struct client to;
    uint64_t seq;
    enum lz_lang lang;
    bool program;
    const struct kind_row *kind;     /* NULL: all kinds */
};
struct author { uint32_t uid; char name[AUTHOR_NAME_MAX]; };
struct change { uint32_t code; bool hang_up; };

struct ctl {
    struct ctl_options o;
    struct outgoing *out;            /* ANSWERS_MAX + WATCHERS_MAX */
    size_t n_out, at_out;
    bool flushed;                    /* what is in out was of the turn before */
    struct deferred deferred[DEFERRED_MAX];
    size_t n_deferred;
    struct watcher watchers[WATCHERS_MAX];
    size_t n_watchers;
    struct author authors[AUTHORS_MAX];
    size_t n_authors;
    /* The roster lives in memory and in its file, not in the store: a turn that fails must put it back. */
    struct change changes[CHANGES_MAX];
    size_t n_changes;
    bool restored;                   /* it was put back: the links of `changes` follow in the next turn */
    char *roster_before;             /* ROSTER_TEXT_MAX, as it was when the turn began; valid while n_changes > 0 */
    size_t roster_before_len;
    uint32_t daily;                  /* the day of which all is done that the calendar asks for */
    uint64_t daily_ms;               /* the last look; monotonic */
};

/* ---- the verbs ------------------------------------------------------------------------------------------------------------------ */

#define RUN_READ(handler) verb_##handler
#define RUN_WRITE(handler) verb_##handler
#define RUN_STREAM(handler) verb_##handler
#define RUN_LOCAL(handler) NULL
#define RUN_IMPORT(handler) NULL
static const struct verb_row verbs[] = {
#define X(words, handler, mode, args, help) { words, RUN_##mode(handler), MODE_##mode, args },
#include "../../schema/verbs.def"
    /* between the two programs only */
    { "drafts", verb_drafts, MODE_WRITE, "[--verb WORDS] [--atomic] [--merge] [--columns N] [--to CODES|all] [--due DATE] [--plan NO]" },
    { "export read", verb_export_read, MODE_READ, "[--kind KIND] [--unit CODE] [--since CURSOR] [--limit N]" },
    { "resolve", verb_resolve, MODE_READ, "ID [--kind KIND]" },
    { "bundle read", verb_bundle_read, MODE_READ, "SESSION OFFSET" },
    { "attach piece", verb_attach_piece, MODE_READ, "TO HASH BYTES INDEX [--name NAME] [--type TYPE] [--unit CODE]" },
    { "attachment read", verb_attachment_read, MODE_READ, "HASH ORIGIN PIECE INDEX" },
    { "bundle write", verb_bundle_write, MODE_READ, "SESSION OFFSET [--apply] [--last]" },
};
static const struct { const char *noun; uint32_t kind; } nouns[] = {
#define N(noun, kind) { noun, KIND_##kind },
#include "../../schema/verbs.def"
};

static const struct kind_row *noun_kind(struct lz_bytes word) {
    for (size_t i = 0; i < LZ_COUNT(nouns); i++)
        if (lz_bytes_equal(word, lz_bytes_str(nouns[i].noun))) return kind_row(nouns[i].kind);
    return NULL;
}

/* `NOUN list` is meant by `task list`, for the nouns that are directives; the others have rows of their own. */
static const struct verb_row *verb_find(struct lz_bytes words, const struct kind_row **kind) {
    const uint8_t *space = words.len ? memchr(words.data, ' ', words.len) : NULL;
    size_t first = space ? (size_t)(space - words.data) : words.len;
    struct lz_bytes rest = space ? lz_bytes_of(space, words.len - first) : (struct lz_bytes){ 0 };
    *kind = noun_kind(lz_bytes_of(words.data, first));
    for (size_t i = 0; i < LZ_COUNT(verbs); i++) {
        bool any = strncmp(verbs[i].words, "NOUN ", 5) == 0;
        if (any && *kind && (*kind)->machine == MACHINE_HANDLING && lz_bytes_equal(rest, lz_bytes_str(verbs[i].words + 4))) return &verbs[i];
        if (!any && lz_bytes_equal(words, lz_bytes_str(verbs[i].words))) return &verbs[i];
    }
    return NULL;
}

/* ---- life ------------------------------------------------------------------------------------------------------------------------ */

struct ctl *ctl_create(const struct ctl_options *options) {
    LZ_ASSERT(options->turn && options->roster && options->roster_path && options->software && options->store_path);
    struct ctl *ctl = calloc(1, sizeof *ctl);
    if (!ctl) lz_fatal("out of memory");
    ctl->o = *options;
    ctl->out = calloc(ANSWERS_MAX + WATCHERS_MAX, sizeof *ctl->out);
    ctl->roster_before = malloc(ROSTER_TEXT_MAX);
    if (!ctl->out || !ctl->roster_before) lz_fatal("out of memory");
    for (size_t i = 0; i < DEFERRED_MAX; i++) {
        ctl->deferred[i].packet = malloc(DEFERRED_BYTES_MAX);
        if (!ctl->deferred[i].packet) lz_fatal("out of memory");
    }
    return ctl;
}

void ctl_destroy(struct ctl **ctl_p) {
    struct ctl *ctl = *ctl_p;
    *ctl_p = NULL;
    if (!ctl) return;
    for (size_t i = 0; i < DEFERRED_MAX; i++) free(ctl->deferred[i].packet);
    free(ctl->roster_before);
    free(ctl->out);
    free(ctl);
}

const struct ctl_options *ctl_settings(const struct ctl *ctl) { return &ctl->o; }
bool ctl_has_deferred(const struct ctl *ctl) { return ctl->n_deferred > 0 || ctl->restored; }
bool ctl_has_room(const struct ctl *ctl) { return ctl->flushed || ctl->n_out < ANSWERS_MAX; }
bool ctl_is_watched(const struct ctl *ctl) { return ctl->n_watchers > 0; }

/* The name service may be slow: each uid is looked up once. */
static struct lz_bytes author_of(struct ctl *ctl, uint32_t uid) {
    for (size_t i = 0; i < ctl->n_authors; i++)
        if (ctl->authors[i].uid == uid) return lz_bytes_str(ctl->authors[i].name);
    if (ctl->n_authors == AUTHORS_MAX) ctl->n_authors = 0;
    struct author *author = &ctl->authors[ctl->n_authors++];
    const struct passwd *entry = getpwuid((uid_t)uid);
    author->uid = uid;
    bool fits = entry && strlen(entry->pw_name) < sizeof author->name && lz_text_valid(lz_bytes_str(entry->pw_name));
    if (fits) snprintf(author->name, sizeof author->name, "%s", entry->pw_name);
    else snprintf(author->name, sizeof author->name, "uid%u", uid);
    return lz_bytes_str(author->name);
}

/* ---- answers --------------------------------------------------------------------------------------------------------------------- */

static void begin_answers(struct ctl *ctl) {
    if (!ctl->flushed) return;
    ctl->n_out = ctl->at_out = 0;
    ctl->flushed = false;
}

static void post(struct call *c, uint64_t seq, struct lz_bytes packet) {
    struct ctl *ctl = c->ctl;
    LZ_ASSERT(ctl->n_out < ANSWERS_MAX && c->client_len <= sizeof ctl->out->to.b);
    struct outgoing *out = &ctl->out[ctl->n_out++];
    *out = (struct outgoing){ .to.len = c->client_len, .seq = seq, .lang = c->fail->lang, .packet = packet };
    memcpy(out->to.b, c->client, c->client_len);
}

static bool refusal_encoded(struct arena *arena, uint64_t seq, enum lz_err code, const char *text, struct lz_bytes *packet) {
    struct answer answer = { .seq = seq, .code = code, .text = lz_bytes_str(text) };
    return answer_encode(arena, &answer, packet) == LZ_ok;
}

static void post_refusal(struct call *c, uint64_t seq, enum lz_err code) {
    struct lz_bytes packet;
    if (c->fail->text[0] == 0) lz_refuse(c->fail, code, "%s", said(c, lz_err_zh(code)));
    if (refusal_encoded(c->arena, seq, code, c->fail->text, &packet)) post(c, seq, packet);
}

static struct lz_bytes encode_answer(struct call *c, enum lz_err code) {
    struct answer *answer = &c->answer;
    struct lz_bytes packet = { 0 };
    answer->seq = c->ask->seq;
    answer->code = code;
    if (code != LZ_ok && c->fail->text[0] == 0) lz_refuse(c->fail, code, "%s", said(c, lz_err_zh(code)));
    if (code != LZ_ok) answer->text = lz_bytes_str(c->fail->text);
    answer->rows = c->rows;
    answer->n_rows = c->n_rows;
    if (c->cut && code == LZ_ok && answer->next.len == 0) {
        uint8_t *next = arena_alloc_raw(c->arena, 4);
        if (next) { lz_put32(next, (uint32_t)c->seen); answer->next = lz_bytes_of(next, 4); }
    }
    if (answer_encode(c->arena, answer, &packet) == LZ_ok) return packet;
    store_give_up(c->store);                     /* the turn's memory is used up */
    return packet;
}

void answer_add_id(struct call *c, struct rec_id id) {
    if (!c->answer.ids) c->answer.ids = arena_alloc(c->arena, (ASK_DRAFTS_MAX + TARGETS_MAX) * sizeof *c->answer.ids);
    uint8_t *bytes = arena_alloc_raw(c->arena, REC_ID_BYTES);
    if (!c->answer.ids || !bytes) { store_give_up(c->store); return; }
    LZ_ASSERT(c->answer.n_ids < ASK_DRAFTS_MAX + TARGETS_MAX);
    if (rec_id_none(id)) { c->answer.ids[c->answer.n_ids++] = (struct lz_bytes){ 0 }; return; }
    rec_id_put(id, bytes);
    c->answer.ids[c->answer.n_ids++] = lz_bytes_of(bytes, REC_ID_BYTES);
}

/* Through the gate that a neighbour would use, so that what is written here can be read everywhere. */
enum lz_err submit(struct call *c, struct record *draft, uint32_t index, struct rec_id *id) {
    struct lz_bytes bytes;
    struct record checked;
    if (!flow_has_room(c->flow) || arena_room(c->arena) < SCAN_ARENA_BYTES)
        return lz_refuse(c->fail, LZ_too_many, "一次提交的内容太多，这一条没有写入；请把没有写入的另行提交");
    bool named = draft->request.len == 16;       /* of an import: the row's own, which stays with the record */
    enum lz_err err = draft_encode(c->arena, draft, &bytes, c->fail);
    if (err == LZ_ok) err = draft_decode(c->arena, bytes, &checked, c->fail);
    struct lz_bytes request = named ? draft->request : c->ask->request;
    if (err == LZ_ok) err = flow_submit(c->flow, &checked, c->author, request, named ? 0 : index, id, c->fail);
    return err;
}

bool link_of(struct call *c, uint32_t code, struct link_view *view) {
    for (size_t i = 0; i < turn_links(c->turn); i++) {
        turn_link_view(c->turn, i, view);
        if (view->code == code) return true;
    }
    return false;
}

/* ---- one ask ----------------------------------------------------------------------------------------------------------------------- */

static void hash_bytes(crypto_generichash_state *state, struct lz_bytes bytes) {
    uint8_t len[8];
    lz_put64(len, bytes.len);
    crypto_generichash_update(state, len, sizeof len);
    if (bytes.len) crypto_generichash_update(state, bytes.data, bytes.len);
}

/* What was asked, whatever the order of its options: it is kept with the answer, so that a request id is not taken twice. */
static void print_of_ask(const struct ask *ask, uint8_t print[PRINT_BYTES]) {
    uint64_t sum = 0;
    uint8_t part[PRINT_BYTES];
    crypto_generichash_state all, one;
    for (size_t i = 0; i < ask->n_args; i++) {
        crypto_generichash_init(&one, NULL, 0, PRINT_BYTES);
        hash_bytes(&one, ask->args[i].name);
        hash_bytes(&one, ask->args[i].value);
        crypto_generichash_final(&one, part, PRINT_BYTES);
        sum += lz_get64(part);
    }
    lz_put64(part, sum);
    crypto_generichash_init(&all, NULL, 0, PRINT_BYTES);
    hash_bytes(&all, ask->verb);
    crypto_generichash_update(&all, part, 8);
    for (size_t i = 0; i < ask->n_drafts; i++) hash_bytes(&all, ask->drafts[i]);
    crypto_generichash_final(&all, print, PRINT_BYTES);
}

static void keep_answer(struct call *c, struct lz_bytes packet) {
    uint8_t *kept = arena_alloc_raw(c->arena, PRINT_BYTES + packet.len);
    if (!kept) { store_give_up(c->store); return; }
    print_of_ask(c->ask, kept);
    if (packet.len) memcpy(kept + PRINT_BYTES, packet.data, packet.len);
    store_put(c->store, TABLE_ask, key_ask(c->ask->request, 0xFFFF), lz_bytes_of(kept, PRINT_BYTES + packet.len));
}

/* The answer that was given to this request, if it was; another command under the same id is refused, not answered with it. */
static bool answered(struct call *c) {
    struct lz_bytes known, body, packet;
    uint8_t print[PRINT_BYTES];
    enum packet_type type;
    struct answer answer;
    if (!store_get(c->store, TABLE_ask, key_ask(c->ask->request, 0xFFFF), &known)) {
        if (!store_has(c->store, TABLE_ask, key_ask(c->ask->request, 0xFFFF))) return false;
        lz_refuse(c->fail, LZ_store_corrupt, "这个请求号的答复在存储中损坏，不能确认是否已办理；请先执行 linzhangctl repair，再重试");
        post_refusal(c, c->ask->seq, LZ_store_corrupt);
        return true;
    }
    if (known.len < PRINT_BYTES) return false;
    print_of_ask(c->ask, print);
    if (memcmp(known.data, print, PRINT_BYTES) != 0) {
        lz_refuse(c->fail, LZ_conflict, "这个请求号已用于另一条命令，这一条没有执行；重复执行时命令和参数要与原来完全相同，新的命令请去掉 --request 或换一个");
        post_refusal(c, c->ask->seq, LZ_conflict);
        return true;
    }
    known = lz_bytes_of(known.data + PRINT_BYTES, known.len - PRINT_BYTES);
    const uint8_t *copy = arena_copy(c->arena, known.data, known.len);
    if (!copy || packet_open(lz_bytes_of(copy, known.len), &type, &body, NULL) != LZ_ok || type != PACKET_ANSWER) return false;
    if (answer_decode(c->arena, body, &answer) != LZ_ok) return false;
    answer.seq = c->ask->seq;
    if (answer_encode(c->arena, &answer, &packet) != LZ_ok) return false;
    post(c, answer.seq, packet);
    return true;
}

static bool is_atomic(struct call *c) { return c->verb->run == verb_drafts && arg_flag(c, "atomic"); }

/* These want the store as the last commit left it: an atomic ask undoes what it did by giving up its turn, so nobody else's
 * work may be in it; and what a turn has half done is no difference for verify to find. */
static bool is_alone(struct call *c) {
    bool follows = c->verb->run == verb_export_read && arg_text(c, "since");        /* a tip of this turn is not on disk yet */
    return is_atomic(c) || follows || c->verb->run == verb_verify || c->verb->run == verb_repair || c->verb->run == verb_repair_give_up;
}

static void run(struct call *c) {
    enum lz_err err = args_check(c);
    if (err == LZ_ok) err = c->verb->run(c);
    bool gone = c->verb->mode == MODE_WRITE && err != LZ_ok && is_atomic(c);
    if (gone && !turn_untouched(c->turn)) turn_abandon(c->turn);
    if (c->verb->mode != MODE_WRITE) {
        post(c, c->ask->seq, encode_answer(c, err));
        return;
    }
    bool wrote = store_written(c->store);
    /* what was not understood leaves no row, nor what is refused while the disk is full: the reserve is for what is urgent */
    if (err == LZ_ok || (err != LZ_usage && err != LZ_full && !store_room(c->store).full)) audit_write(c, err);
    struct lz_bytes packet = encode_answer(c, err);
    if (err == LZ_ok && wrote) keep_answer(c, packet);
    post(c, c->ask->seq, packet);
}

static bool defer(struct call *c, uint32_t uid, struct lz_bytes packet) {
    struct ctl *ctl = c->ctl;
    if (turn_untouched(c->turn) && ctl->n_changes == 0) return false;
    for (size_t i = 0; i < ctl->n_deferred; i++)             /* sent again while it waits */
        if (ctl->deferred[i].len == packet.len && memcmp(ctl->deferred[i].packet, packet.data, packet.len) == 0) return true;
    if (ctl->n_deferred == DEFERRED_MAX || packet.len > DEFERRED_BYTES_MAX) {
        lz_refuse(c->fail, LZ_too_many, "正在处理的整批提交和核对太多；请稍后再试");
        post_refusal(c, c->ask->seq, LZ_too_many);
        return true;
    }
    struct deferred *d = &ctl->deferred[ctl->n_deferred++];
    d->uid = uid;
    d->len = packet.len;
    memcpy(d->packet, packet.data, packet.len);
    d->from.len = c->client_len;
    memcpy(d->from.b, c->client, c->client_len);
    return true;
}

static struct call call_make(struct ctl *ctl, const uint8_t *client, size_t client_len, struct ask *ask, struct lz_fail *fail) {
    const struct turn_options *o = turn_settings(ctl->o.turn);
    return (struct call){ .ctl = ctl, .turn = ctl->o.turn, .flow = turn_flow(ctl->o.turn), .store = o->store, .arena = turn_arena(ctl->o.turn),
                          .units = o->units, .roster = ctl->o.roster, .now = turn_now(ctl->o.turn), .unit = o->unit, .ask = ask,
                          .client = client, .client_len = client_len, .fail = fail };
}

static enum lz_err open_ask(struct call *c, struct ask *ask, uint32_t uid, struct lz_bytes packet) {
    enum packet_type type;
    struct lz_bytes body;
    enum lz_err err = packet_open(packet, &type, &body, c->fail);
    if (err == LZ_ok && type != PACKET_ASK) err = lz_refuse(c->fail, LZ_bad_packet, "这里只接受提问");
    if (err == LZ_ok) err = ask_decode(c->arena, body, ask);
    if (err != LZ_ok) return err;
    c->fail->lang = ask->lang;
    c->lang = ask->program ? LZ_ZH : ask->lang;
    if (uid == UINT32_MAX) return lz_refuse(c->fail, LZ_not_allowed, "不能确认是谁在操作；请用本机的 linzhangctl");
    if (!lz_text_valid(ask->verb)) return lz_refuse(c->fail, LZ_bad_utf8, "操作名不是有效的文字");
    c->verb = verb_find(ask->verb, &c->kind);
    if (!c->verb) return lz_refuse(c->fail, LZ_usage, "没有“%.*s”这个操作；请用 linzhangctl help 查看全部操作", (int)ask->verb.len, (const char *)ask->verb.data);
    if (!c->verb->run) return lz_refuse(c->fail, LZ_usage, "“%s”由 linzhangctl 自己完成，守护进程不办理", c->verb->words);
    if (c->verb->mode == MODE_WRITE && ask->request.len != 16) return lz_refuse(c->fail, LZ_usage, "写入的操作要带 16 字节的请求号");
    if (ask->after.len == 4) c->skip = lz_get32(ask->after.data);
    return LZ_ok;
}

static void serve(struct ctl *ctl, const uint8_t *client, size_t client_len, uint32_t uid, struct lz_bytes packet, bool may_defer) {
    struct ask ask = { .seq = 0 };
    struct lz_fail fail = { 0 };
    struct call c = call_make(ctl, client, client_len, &ask, &fail);
    enum lz_err err = open_ask(&c, &ask, uid, packet);
    if (err != LZ_ok) { post_refusal(&c, ask.seq, err); return; }
    LZ_ASSERT(c.verb != NULL);
    c.author = author_of(ctl, uid);
    if (c.verb->mode == MODE_WRITE && answered(&c)) return;
    if (may_defer && is_alone(&c) && defer(&c, uid, packet)) return;
    run(&c);
}

void ctl_serve(struct ctl *ctl, const uint8_t *client, size_t client_len, uint32_t uid, struct lz_bytes packet) {
    begin_answers(ctl);
    if (client_len > sizeof ctl->out->to.b) return;
    /* no room for its answer: as if it had not come; its client will ask again */
    if (!ctl_has_room(ctl)) { lz_log(LZ_WARN, "ask.dropped answers=%zu", ctl->n_out); return; }
    serve(ctl, client, client_len, uid, packet, true);
}

enum { DAILY_MS = 5000 };

void ctl_daily(struct ctl *ctl) {
    struct ask ask = { .seq = 0 };
    struct lz_fail fail = { 0 };
    struct lz_now now = turn_now(ctl->o.turn);
    uint32_t today = lz_date_of(now.wall_ms);
    if (ctl->daily == today || ctl->o.roster->n_children == 0) return;
    if (ctl->daily_ms && now.mono_ms < ctl->daily_ms + DAILY_MS) return;
    ctl->daily_ms = now.mono_ms;
    struct call c = call_make(ctl, NULL, 0, &ask, &fail);
    c.author = flow_daemon_author;
    assess_when_due(&c);
    bool scheduled = ctl->o.bulletin_every && ctl->o.bulletin_every[0];
    if (!scheduled || bulletin_when_due(&c, ctl->o.bulletin_every)) ctl->daily = today;
}

static void settle_restored(struct ctl *ctl) {
    for (size_t i = 0; i < ctl->n_changes; i++) {
        uint32_t code = ctl->changes[i].code;
        if (roster_find(ctl->o.roster, code)) turn_child_added(ctl->o.turn, code);
        else turn_child_removed(ctl->o.turn, code);
    }
    ctl->n_changes = 0;
    ctl->restored = false;
}

bool ctl_serve_deferred(struct ctl *ctl) {
    begin_answers(ctl);
    if (ctl->restored) settle_restored(ctl);
    if (ctl->n_deferred == 0 || !turn_untouched(ctl->o.turn)) return false;
    struct deferred first = ctl->deferred[0];
    serve(ctl, first.from.b, first.from.len, first.uid, lz_bytes_of(first.packet, first.len), false);
    ctl->n_deferred--;
    memmove(&ctl->deferred[0], &ctl->deferred[1], ctl->n_deferred * sizeof first);
    ctl->deferred[ctl->n_deferred].packet = first.packet;
    return true;
}

/* ---- the roster, in memory and in its file -------------------------------------------------------------------------------------------- */

/* before: the roster's text as it was before this change. The first change of a turn keeps it. */
bool roster_may_change(const struct call *c) { return c->ctl->n_changes < CHANGES_MAX && !c->ctl->restored; }

void roster_changed(struct call *c, uint32_t code, bool hang_up, struct lz_bytes before) {
    struct ctl *ctl = c->ctl;
    LZ_ASSERT(roster_may_change(c) && before.len <= ROSTER_TEXT_MAX);
    if (ctl->n_changes == 0) {
        if (before.len) memcpy(ctl->roster_before, before.data, before.len);
        ctl->roster_before_len = before.len;
    }
    ctl->changes[ctl->n_changes++] = (struct change){ code, hang_up };
}

static void restore_roster(struct ctl *ctl) {
    struct lz_fail fail = { 0 };
    enum lz_err err = roster_load(ctl->o.roster, lz_bytes_of(ctl->roster_before, ctl->roster_before_len), &fail);
    if (err != LZ_ok) lz_fatal("the roster cannot be put back: %s", lz_err_name(err));     /* it was printed by the roster itself: no memory */
    err = roster_write(ctl->o.roster_path, lz_bytes_of(ctl->roster_before, ctl->roster_before_len), &fail);
    if (err != LZ_ok) lz_log(LZ_ERROR, "roster.not_restored reason=%s", lz_err_name(err));
    ctl->restored = true;
}

/* ---- after the commit ------------------------------------------------------------------------------------------------------------------- */

enum lz_err watch_add(struct call *c, const struct kind_row *kind) {
    struct ctl *ctl = c->ctl;
    struct watcher *w = NULL;
    for (size_t i = 0; i < ctl->n_watchers && !w; i++)
        if (ctl->watchers[i].to.len == c->client_len && memcmp(ctl->watchers[i].to.b, c->client, c->client_len) == 0) w = &ctl->watchers[i];
    if (!w && ctl->n_watchers == WATCHERS_MAX)
        return lz_refuse(c->fail, LZ_too_many, "同时监视的已有 %d 个；请先结束别的 watch", WATCHERS_MAX);
    if (!w) w = &ctl->watchers[ctl->n_watchers++];
    *w = (struct watcher){ .to.len = c->client_len, .seq = c->ask->seq, .lang = c->ask->lang, .program = c->ask->program, .kind = kind };
    memcpy(w->to.b, c->client, c->client_len);
    c->answer.streaming = true;
    return LZ_ok;
}

static struct lz_bytes summary(const struct record *r) {
    switch ((enum kind)r->kind) {
    case KIND_general_order: case KIND_supervision_letter: case KIND_work_reminder: case KIND_task: case KIND_bulletin: return r->of.directive.title;
    case KIND_problem: return r->of.problem.title;
    case KIND_emergency: return r->of.emergency.title;
    case KIND_duty: return r->of.duty.name;
    case KIND_rollup: return r->of.rollup.label;
    case KIND_ruling: return r->of.ruling.text;
    case KIND_attachment: return r->of.attachment.name;
    case KIND_attachment_wish: case KIND_move: case KIND_progress: case KIND_none: case KIND_MAX: break;
    }
    return (struct lz_bytes){ 0 };
}

/* A move and a progress report are about something: its id and title say what. */
static void cells_landed(struct call *c, const struct record *r) {
    struct record about;
    bool file = r->kind == KIND_attachment || r->kind == KIND_attachment_wish, has = r->kind == KIND_move || r->kind == KIND_progress;
    bool here = has && flow_record(c->flow, r->subject, &about);
    cell_id(c, "subject", has || file ? r->subject : (struct rec_id){ 0 });
    cell_bytes(c, "title", text_clip(summary(here ? &about : r), 200));
    cell_bytes(c, "text", text_clip(r->kind == KIND_move ? r->of.move.text : has ? r->of.progress.text : (struct lz_bytes){ 0 }, 200));
}

static void landed_row(struct call *c, const struct record *r) {
    if (!row_begin(c, "list")) return;
    cell_time(c, "time", r->written_ms);
    cell_id(c, "id", record_id(r));
    cell_kind(c, r->kind);
    cell_unit(c, "origin", r->origin);
    cell_unit_name(c, "name", r->origin);
    cell_word(c, "move_zh", r->kind == KIND_move ? move_zh(r->of.move.move) : "");
    cells_landed(c, r);
    row_end(c);
}

/* Registers are named by their key, which an id does not have: they are not told. */
static struct lz_bytes landed_packet(struct ctl *ctl, const struct watcher *w, const struct rec_id *ids, size_t n) {
    struct ask ask = { .seq = w->seq };
    struct lz_fail fail = { .lang = w->lang };
    struct call c = call_make(ctl, w->to.b, w->to.len, &ask, &fail);
    c.lang = w->program ? LZ_ZH : w->lang;
    for (size_t i = 0; i < n && !c.cut; i++) {
        struct record r;
        if (w->kind && ids[i].kind != w->kind->number) continue;
        size_t mark = arena_used(c.arena);
        if (!flow_record(c.flow, ids[i], &r)) continue;
        if (r.kind != KIND_attachment || r.of.attachment.index == 0) landed_row(&c, &r);      /* a file once, not each of its pieces */
        else arena_rewind(c.arena, mark);
    }
    struct lz_bytes packet = { 0 };
    if (c.n_rows == 0) return packet;
    c.answer.streaming = true;
    if (c.cut) say(&c, "一次生效的记录太多，只显示其中 %zu 条", c.n_rows);
    c.cut = false;
    return encode_answer(&c, LZ_ok);
}

static void tell_watchers(struct ctl *ctl) {
    const struct rec_id *ids;
    size_t n = flow_landed(turn_flow(ctl->o.turn), &ids), kept = 0;
    for (size_t i = 0; i < ctl->n_watchers; i++) {
        struct watcher w = ctl->watchers[i];
        struct lz_bytes packet = n ? landed_packet(ctl, &w, ids, n) : (struct lz_bytes){ 0 };
        bool there = true;
        if (packet.len && ctl->o.wire) there = wire_ask_send(ctl->o.wire, w.to.b, w.to.len, packet);
        else if (packet.len) ctl->out[ctl->n_out++] = (struct outgoing){ w.to, w.seq, w.lang, packet };
        if (there) ctl->watchers[kept++] = w;
    }
    ctl->n_watchers = kept;
}

static void refuse_all(struct ctl *ctl, enum lz_err committed) {
    struct arena *arena = turn_arena(ctl->o.turn);
    const char *text = committed == LZ_full ? "存储空间不足或一次内容太多，什么也没有写入；请检查磁盘和 [store] budget_mib，或分批再试"
                                            : "存储写入失败，这一次什么也没有写入；守护进程将重新启动，请稍后再试";
    for (size_t i = 0; i < ctl->n_out; i++) {
        struct outgoing *out = &ctl->out[i];
        if (!refusal_encoded(arena, out->seq, committed, lz_text(out->lang, text), &out->packet)) out->packet = (struct lz_bytes){ 0 };
    }
}

void ctl_flush(struct ctl *ctl, enum lz_err committed) {
    begin_answers(ctl);
    if (committed != LZ_ok) refuse_all(ctl, committed);
    if (ctl->n_changes > 0 && committed != LZ_ok && !ctl->restored) restore_roster(ctl);
    for (size_t i = 0; i < ctl->n_changes && committed == LZ_ok; i++)
        if (ctl->changes[i].hang_up && ctl->o.wire) wire_hang_up(ctl->o.wire, ctl->changes[i].code);
    if (committed == LZ_ok && !ctl->restored) ctl->n_changes = 0;
    for (size_t i = 0; i < ctl->n_out && ctl->o.wire; i++)
        if (ctl->out[i].packet.len) (void)wire_ask_send(ctl->o.wire, ctl->out[i].to.b, ctl->out[i].to.len, ctl->out[i].packet);
    if (committed == LZ_ok) tell_watchers(ctl);
    ctl->flushed = true;
}

bool ctl_next_answer(struct ctl *ctl, const uint8_t **client, size_t *client_len, struct lz_bytes *packet) {
    while (ctl->at_out < ctl->n_out && ctl->out[ctl->at_out].packet.len == 0) ctl->at_out++;
    if (ctl->at_out == ctl->n_out) return false;
    const struct outgoing *out = &ctl->out[ctl->at_out++];
    *client = out->to.b;
    *client_len = out->to.len;
    *packet = out->packet;
    return true;
}
