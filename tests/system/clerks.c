/* clerks: everybody who works with the daemons at once, and remembers what they were told.
 *
 *   clerks SEED WORK LEDGER [-p PAUSE_MS] [-b DRAFTS] [-x TEXT_BYTES] [-o OPS] [-t TASK] UNIT...
 *
 * A clerk for each UNIT (named twice: two clerks there) speaks to WORK/UNIT/ctl: counties report progress, problems and fires and sign
 * what comes down; cities and the province issue and rule. An ask that is not answered goes again with the request id
 * that it has, for as long as it takes. LEDGER
 * gets a line per answer, written before the next ask goes out:
 *   ok UNIT REQUEST INDEX ID      part UNIT REQUEST INDEX CODE (one draft refused)      no UNIT REQUEST CODE (all refused)
 * SIGTERM: nothing new is asked, what is under way is asked until it is answered (at most two minutes). SIGUSR1 and SIGUSR2: a rest, and on again.
 * Last line: what was asked. Exit 1 when an ask stayed without an answer. OPS: only these letters (see `acts`).
 * TASK: one that every county has signed already. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>
#include "../../daemon/wire/wire.h"

enum {
    CLERKS_MAX = 32, SUBJECTS_MAX = 200000, ANSWER_MS = 400, DRAIN_MS = 120000, REQUEST_BYTES = 16, CODES_MAX = 64, TASKS = 2, TITLE_MORE = 40,
    DRAFTS_MAX = 512
};

struct clerk {
    uint32_t unit, above[2];             /* its city and province; 0: none */
    char socket[512];
    struct wire_client *client;
    uint64_t random, seq;
    uint64_t free_ms;                    /* asks nothing before */
    /* the ask under way */
    bool busy;
    char act;
    uint8_t request[REQUEST_BYTES];
    uint8_t *packet;
    size_t len;
    uint64_t seq_asked, sent_ms, first_ms;
    struct rec_id about;                 /* what the move is on */
    uint32_t target;
};
/* Something that later asks can be about. */
struct subject { struct rec_id id; uint32_t holder; bool all; };
struct subjects { struct subject *s; size_t n; };

static struct clerk clerks[CLERKS_MAX];
static size_t n_clerks, n_tasks_out;
static struct subjects tasks, signed_tasks, directives, problems, escalated, fires, signed_directives;
static struct arena *arena;
static FILE *book;
static uint64_t pause_ms = 10, asked, answered_ok, refused, resent, records, longest_ms;
static size_t batch = 8, text_bytes = 60;
static const char *only = "";
static uint64_t refusals[CODES_MAX];
static volatile sig_atomic_t ending, resting;

static void on_signal(int n) { if (n == SIGTERM || n == SIGINT) ending = 1; else resting = n == SIGUSR1; }
static void die(const char *what) { fprintf(stderr, "clerks: %s (%s)\n", what, strerror(errno)); exit(2); }
static uint64_t now_ms(void) { return lz_clock_now().mono_ms; }

static uint64_t draw(struct clerk *c, uint64_t below) {
    c->random ^= c->random >> 12;
    c->random ^= c->random << 25;
    c->random ^= c->random >> 27;
    return below ? c->random * 2685821657736338717ull % below : 0;
}

static void remember(struct subjects *list, struct rec_id id, uint32_t holder, bool all) {
    if (!list->s) list->s = malloc(SUBJECTS_MAX * sizeof *list->s);
    if (!list->s) die("memory");
    if (list->n < SUBJECTS_MAX) list->s[list->n++] = (struct subject){ id, holder, all };
}

/* One that this clerk's unit holds, mostly a young one; NULL: none was met. */
static const struct subject *pick(struct clerk *c, const struct subjects *list) {
    for (int i = 0; i < 8 && list->n; i++) {
        size_t reach = list->n < 40 || draw(c, 8) == 0 ? list->n : 40;
        const struct subject *s = &list->s[list->n - 1 - draw(c, reach)];
        if (s->all || s->holder == c->unit) return s;
    }
    return NULL;
}

/* ---- asks ---------------------------------------------------------------------------------------------------------------- */

static struct arg named(const char *name, const char *value) {
    const char *copy = arena_copy(arena, value, strlen(value) + 1);
    if (!copy) die("memory");
    return (struct arg){ lz_bytes_str(name), lz_bytes_str(copy) };
}

static const char *sentence(struct clerk *c, const char *what, size_t more) {
    char *text = arena_alloc(arena, more + 100);
    if (!text) die("memory");
    int n = snprintf(text, 90, "%s %llu", what, (unsigned long long)draw(c, 1000000));
    memset(text + n, '.', more);
    return text;
}

static void keep(struct clerk *c, struct ask *ask, char act) {
    struct lz_bytes packet;
    for (size_t i = 0; i < REQUEST_BYTES; i++) c->request[i] = (uint8_t)draw(c, 256);
    ask->request = lz_bytes_of(c->request, REQUEST_BYTES);
    ask->seq = c->seq_asked = ++c->seq;
    if (ask_encode(arena, ask, &packet) != LZ_ok) die("an ask does not encode");
    c->packet = realloc(c->packet, packet.len);
    if (!c->packet) die("memory");
    memcpy(c->packet, packet.data, packet.len);
    c->len = packet.len;
    c->act = act;
    c->busy = true;
    c->first_ms = now_ms();
    c->sent_ms = 0;
    asked++;
}

static bool ask_verb(struct clerk *c, char act, const char *verb, struct arg *args, size_t n) {
    struct ask ask = { .verb = lz_bytes_str(verb), .args = args, .n_args = n };
    keep(c, &ask, act);
    return true;
}

static bool ask_move(struct clerk *c, char act, const char *move, const struct subject *on, const char *text, uint32_t unit) {
    char id[REC_ID_TEXT], code[16];
    if (!on) return false;
    struct arg args[4];
    size_t n = 0;
    args[n++] = named("move", move);
    rec_id_print(on->id, id);
    snprintf(code, sizeof code, "%u", unit);
    args[n++] = named("id", id);
    if (text) args[n++] = named("text", sentence(c, text, TITLE_MORE));
    if (unit) args[n++] = named("unit", code);
    c->about = on->id;
    return ask_verb(c, act, "move", args, n);
}

static bool ask_issue(struct clerk *c, char act, const char *verb, const char *title, const char *to) {
    struct arg args[2] = { named("title", sentence(c, title, TITLE_MORE)), named("to", to) };
    return ask_verb(c, act, verb, args, 2);
}

static bool ask_progress(struct clerk *c) {
    const struct subject *task = pick(c, &signed_tasks);
    size_t n = 1 + draw(c, batch);
    if (!task) return false;
    struct lz_bytes *drafts = arena_alloc(arena, n * sizeof *drafts);
    for (size_t i = 0; drafts && i < n; i++) {
        struct record d = { .kind = KIND_progress, .subject = task->id };
        const char *text = sentence(c, "第几次上报：", text_bytes);
        d.of.progress = (struct progress){ 20260101 + (uint32_t)draw(c, 28), (int64_t)draw(c, 1000), 1000, lz_bytes_str(text) };
        if (draft_encode(arena, &d, &drafts[i], NULL) != LZ_ok) die("a draft does not encode");
    }
    if (!drafts) die("memory");
    struct arg verb = named("verb", "progress import");
    struct ask ask = { .verb = lz_bytes_str("drafts"), .args = &verb, .n_args = 1, .drafts = drafts, .n_drafts = n };
    keep(c, &ask, 'P');
    return true;
}

static const struct clerk *county(struct clerk *c) {
    for (int i = 0; i < 100; i++) {
        const struct clerk *other = &clerks[draw(c, n_clerks)];
        if (other->above[0] && other->above[1] && (other->above[0] == c->unit || other->above[1] == c->unit)) return other;
    }
    return NULL;
}

static bool ask_down(struct clerk *c, char act, const char *verb, const char *title) {
    char code[16];
    const struct clerk *to = county(c);
    if (!to) return false;
    snprintf(code, sizeof code, "%u", to->unit);
    c->target = to->unit;
    return ask_issue(c, act, verb, title, code);
}

static bool of_county(struct clerk *c) {
    static const char acts[] = "PPPPPPPPRRREFFUSSSO";     /* progress, report, escalate, fire, update, sign, report on an order */
    char act = acts[draw(c, sizeof acts - 1)];
    if (only[0] && !strchr(only, act)) act = only[draw(c, strlen(only))];
    const struct subject *task = pick(c, &tasks);
    bool has = false;
    for (size_t i = 0; i < signed_tasks.n; i++) has |= signed_tasks.s[i].all || signed_tasks.s[i].holder == c->unit;
    if (act == 'P' && !has) return ask_move(c, 'T', "sign", task, NULL, 0);
    switch (act) {
    case 'P': return ask_progress(c);
    case 'R': return ask_verb(c, act, "problem report", (struct arg[]){ named("title", sentence(c, "毁林开垦", TITLE_MORE)) }, 1);
    case 'E': return ask_move(c, act, "escalate", pick(c, &problems), "涉及两县", 0);
    case 'F': return ask_verb(c, act, "emergency report", (struct arg[]){ named("title", sentence(c, "火情", TITLE_MORE)) }, 1);
    case 'U': return ask_move(c, act, "update", pick(c, &fires), "续报", 0);
    case 'S': return ask_move(c, act, "sign", pick(c, &directives), NULL, 0);
    case 'O': return ask_move(c, act, "report", pick(c, &signed_directives), "已办", 0);
    default: return false;
    }
}

static bool of_office(struct clerk *c) {
    bool is_city = c->above[1] != 0 || c->above[0] != 0;
    if (is_city && n_tasks_out < TASKS) return ask_issue(c, 'T', "task issue", "造林任务", "all");
    static const char acts[] = "LLLMMAAEGN";               /* letter, reminder, accept, escalate, general order, urge */
    char act = acts[draw(c, sizeof acts - 1)];
    if (only[0] && !strchr(only, act)) return false;
    const struct subject *mine;
    switch (act) {
    case 'L': return ask_down(c, 'D', "letter issue", "督办");
    case 'M': return ask_down(c, 'D', "reminder issue", "提示");
    case 'A': return ask_move(c, 'A', "accept", pick(c, &escalated), NULL, 0);
    case 'E': return is_city && ask_move(c, 'E', "escalate", pick(c, &escalated), "涉及两市", 0);
    case 'G': c->target = 0; return ask_issue(c, 'D', "order issue", "林长令", "all");
    case 'N': {
        const struct clerk *to = county(c);
        mine = pick(c, &directives);
        return to && mine && mine->id.origin == c->unit && ask_move(c, 'N', "urge", mine, NULL, mine->all ? to->unit : mine->holder);
    }
    default: return false;
    }
}

/* ---- answers -------------------------------------------------------------------------------------------------------------- */

static void learn(struct clerk *c, struct rec_id id) {
    switch (c->act) {
    case 'T':
        if (id.kind == KIND_task) { remember(&tasks, id, 0, true); n_tasks_out++; } else remember(&signed_tasks, c->about, c->unit, false);
        break;
    case 'D': remember(&directives, id, c->target, c->target == 0); break;
    case 'R': remember(&problems, id, c->unit, false); break;
    case 'E': if (c->above[0]) remember(&escalated, c->about, c->above[0], false); break;
    case 'F': remember(&fires, id, c->unit, false); break;
    case 'S': remember(&signed_directives, c->about, c->unit, false); break;
    default: break;
    }
}

static void hex(const struct clerk *c, char out[2 * REQUEST_BYTES + 1]) { lz_hex(c->request, REQUEST_BYTES, out); }

static void good_answer(struct clerk *c, const struct answer *a) {
    char request[2 * REQUEST_BYTES + 1], text[REC_ID_TEXT];
    hex(c, request);
    for (size_t i = 0; i < a->n_ids; i++) {
        struct rec_id id;
        bool whole;
        if (a->ids[i].len == 0) continue;
        if (a->ids[i].len == REC_ID_BYTES) id = rec_id_get(a->ids[i].data);
        else {
            if (a->ids[i].len >= sizeof text) die("an id of an odd length");
            memcpy(text, a->ids[i].data, a->ids[i].len);
            text[a->ids[i].len] = 0;
            if (!rec_id_parse(text, &id, &whole)) die("an id that is none");
        }
        rec_id_print(id, text);
        fprintf(book, "ok %u %s %zu %s\n", c->unit, request, i, text);
        records++;
        if (i == 0 && a->n_ids == 1) learn(c, id);
    }
    for (size_t i = 0; i < a->n_refused; i++) {
        fprintf(book, "part %u %s %u %s\n", c->unit, request, a->refused[i].index, lz_err_name(a->refused[i].code));
        refusals[a->refused[i].code]++;
    }
    answered_ok++;
}

/* True: the ask is over. What is said of a daemon that just starts is no answer yet. */
static bool take_answer(struct clerk *c, const struct answer *a) {
    char request[2 * REQUEST_BYTES + 1];
    enum lz_err why = a->code == LZ_bad_argument && a->n_refused ? a->refused[0].code : a->code;
    if (why == LZ_recovering || why == LZ_store_io) { c->sent_ms = 0; c->free_ms = now_ms() + 50; return false; }
    hex(c, request);
    if (a->code == LZ_ok) good_answer(c, a);
    else {
        fprintf(book, "no %u %s %s\n", c->unit, request, lz_err_name(why));
        refused++;
        refusals[why]++;
        if (why == LZ_full) c->free_ms = now_ms() + 50;
        if (why == LZ_usage || why == LZ_bad_packet) {
            fprintf(stderr, "%.*s\n", (int)a->text.len, (const char *)a->text.data);
            die("the daemon does not understand");
        }
    }
    if (fflush(book) != 0) die("the ledger cannot be written");
    uint64_t took = now_ms() - c->first_ms;
    if (took > longest_ms) longest_ms = took;
    return true;
}

static void send_again(struct clerk *c) {
    if (c->sent_ms) { wire_client_close(&c->client); resent++; }
    c->sent_ms = 0;
    if (!c->client && wire_client_open(&c->client, c->socket, NULL) != LZ_ok) { c->free_ms = now_ms() + 20; return; }
    if (wire_client_send(c->client, lz_bytes_of(c->packet, c->len)) == LZ_ok) c->sent_ms = now_ms();
    else c->free_ms = now_ms() + 20;
}

static void listen_to(struct clerk *c) {
    struct lz_bytes packet, body;
    enum packet_type type;
    struct answer a = { 0 };
    if (!c->client || wire_client_recv(c->client, 0, &packet) != LZ_ok) {
        if (c->sent_ms && now_ms() > c->sent_ms + ANSWER_MS) send_again(c);
        return;
    }
    const uint8_t *copy = arena_copy(arena, packet.data, packet.len);
    if (!copy || packet_open(lz_bytes_of(copy, packet.len), &type, &body, NULL) != LZ_ok || answer_decode(arena, body, &a) != LZ_ok)
        die("an answer that does not decode");
    if (a.seq != c->seq_asked || !c->busy) return;
    if (!take_answer(c, &a)) return;
    c->busy = false;
    uint64_t rest = now_ms() + draw(c, 2 * pause_ms + 1);
    if (rest > c->free_ms) c->free_ms = rest;
}

static bool work(struct clerk *c) {
    bool was = c->busy;
    if (c->busy && c->sent_ms) listen_to(c);
    if (now_ms() < c->free_ms) return was != c->busy;
    if (!c->busy && !ending && !resting) {
        if (!(c->above[1] ? of_county(c) : of_office(c))) c->free_ms = now_ms() + 5;
    }
    if (c->busy && !c->sent_ms) send_again(c);
    return was != c->busy;
}

static void add_clerk(const char *work_dir, const char *code, uint64_t seed) {
    struct clerk *c = &clerks[n_clerks++];
    if (n_clerks > CLERKS_MAX) die("too many units");
    c->unit = (uint32_t)strtoul(code, NULL, 10);
    uint32_t city = c->unit / 100 * 100, province = c->unit / 10000 * 10000;
    if (c->unit != city) { c->above[0] = city; c->above[1] = province; }
    else if (c->unit != province) c->above[0] = province;
    snprintf(c->socket, sizeof c->socket, "%s/%u/ctl", work_dir, c->unit);
    c->random = ((seed * 1000003 + c->unit) * 61 + n_clerks) * 0x9E3779B97F4A7C15ull | 1;
}

static void know_task(const char *text) {
    struct rec_id id;
    bool whole;
    if (!rec_id_parse(text, &id, &whole) || !whole) die(text);
    remember(&signed_tasks, id, 0, true);
}

static size_t at_work(void) {
    size_t n = 0;
    for (size_t i = 0; i < n_clerks; i++) n += clerks[i].busy;
    return n;
}

static int report(void) {
    printf("asked %llu ok %llu refused %llu resent %llu records %llu longest %llu ms unanswered %zu;", (unsigned long long)asked,
           (unsigned long long)answered_ok, (unsigned long long)refused, (unsigned long long)resent, (unsigned long long)records,
           (unsigned long long)longest_ms, at_work());
    for (size_t i = 0; i < CODES_MAX; i++) if (refusals[i]) printf(" %s %llu", lz_err_name((enum lz_err)i), (unsigned long long)refusals[i]);
    printf("\n");
    return at_work() ? 1 : 0;
}

int main(int argc, char **argv) {
    int option;
    if (argc < 5) { fprintf(stderr, "clerks SEED WORK LEDGER [-p PAUSE_MS] [-b DRAFTS] [-x TEXT_BYTES] [-o OPS] [-t TASK] UNIT...\n"); return 2; }
    uint64_t seed = strtoull(argv[1], NULL, 10), end_ms = 0;
    optind = 4;
    while ((option = getopt(argc, argv, "p:b:x:o:t:")) != -1) {
        if (option == 'p') pause_ms = strtoull(optarg, NULL, 10);
        else if (option == 'b') batch = strtoull(optarg, NULL, 10);
        else if (option == 'x') text_bytes = strtoull(optarg, NULL, 10);
        else if (option == 'o') only = optarg;
        else if (option == 't') know_task(optarg);
        else return 2;
    }
    if (batch < 1 || batch > DRAFTS_MAX) die("-b");
    for (int i = optind; i < argc; i++) add_clerk(argv[2], argv[i], seed);
    book = fopen(argv[3], "a");
    static char lines[1 << 20];                                    /* ours: without one glibc takes no notice of the size */
    if (book) (void)setvbuf(book, lines, _IOFBF, sizeof lines);   /* an answer's lines go out in one write: others write this ledger too */
    arena = arena_create((size_t)64 << 20);
    if (!book || !arena) die(argv[3]);
    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    lz_log_level(LZ_ERROR);
    while (!ending || at_work()) {
        bool moved = false;
        arena_reset(arena);
        for (size_t i = 0; i < n_clerks; i++) moved |= work(&clerks[i]);
        if (!moved) usleep(1000);
        if (ending && !end_ms) end_ms = now_ms() + DRAIN_MS;
        if (ending && now_ms() > end_ms) break;
    }
    for (size_t i = 0; i < n_clerks; i++) wire_client_close(&clerks[i].client);
    return report();
}
