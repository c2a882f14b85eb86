/* control: FEEDS asks to the daemon's side of the control socket, on the store of a city in the middle of its work: bytes of an ask as
 * they are, and asks built for every verb from its row in schema/verbs.def, with arguments that are right by default; from root, from
 * a clerk, from one whom the kernel cannot name. Turns that find the disk full, and the same ask sent again.
 * ORACLE: each ask is answered once (an atomic one in a later turn), the answer decodes, carries its seq and prints harmless; a write that was
 * answered "ok" is answered the same when it is sent again, and adds no record; a turn that failed answers no "ok" to a write; verify finds nothing. */
#include "fuzz.h"

enum { ASKS_MAX = 12, ARGS = 12 };
static const struct { const char *words, *args; bool writes; } verbs[] = {
#define WRITES_READ false
#define WRITES_WRITE true
#define WRITES_STREAM false
#define WRITES_LOCAL false
#define WRITES_IMPORT false
#define X(words, handler, mode, args, help) { words, args, WRITES_##mode },
#include "../../schema/verbs.def"
    { "drafts", "[--to CODES] [--due DATE] [--plan NO] [--atomic]", true },
    { "resolve", "ID [--kind KIND]", false },
};
static const char *const nouns[] = { "order", "letter", "reminder", "task", "bulletin" };

struct bench {
    struct node node;
    struct pool pool;
    uint64_t seq;
    bool dirty;
    struct arena *answers;
};

static void open_bench(struct bench *b) {
    node_open(&b->node, worked_image(&b->pool));
    b->node.now.wall_ms += 5 * (uint64_t)LZ_DAY_MS;
    bool started = node_start(&b->node, NULL);
    LZ_ASSERT(started);
    b->dirty = false;
}

/* ---- asks ------------------------------------------------------------------------------------------------------------------------ */

static const char *id_text(struct bench *b, struct input *in) {
    struct rec_id id = b->pool.ids[pick(in, b->pool.n)];
    char *text = arena_alloc(fuzz_arena(), REC_ID_TEXT);
    LZ_ASSERT(text);
    if (chance(in, 64)) rec_id_print_short(id, text);
    else rec_id_print(id, text);
    return text;
}

static struct lz_bytes value_for(struct bench *b, struct input *in, const char *what) {
    static const char *const codes[] = { "410802", "all", "410800+", "410803,410804", "410800", "410000", "焦作市", "999999", "410802,410802" };
    static const char *const dates[] = { "2022-05-30", "2022-04-24", "20220501", "2022-02-30", "9999-12-31", "2022-05-30 10:00" };
    static const char *const words[] = { "signed", "已签收", "red", "routine", "flash", "fire", "forest_resource", "task", "move", "internal", "sign",
        "report", "close", "deliver", "return", "withdraw",
                                         "accept", "escalate", "assign", "update", "1", "2" };
    if (strcmp(what, "DIR") == 0) return lz_bytes_str(arena_printf(fuzz_arena(), "%s/backup-%zu", fuzz_directory(), pick(in, 3)));
    if (chance(in, 24)) return take_text(in);
    if (strcmp(what, "ID") == 0) return lz_bytes_str(chance(in, 24) ? "焦林长督〔2022〕3号" : id_text(b, in));
    if (strncmp(what, "CODE", 4) == 0) return lz_bytes_str(codes[pick(in, LZ_COUNT(codes))]);
    if (strcmp(what, "DATE") == 0 || strcmp(what, "TIME") == 0) return lz_bytes_str(dates[pick(in, LZ_COUNT(dates))]);
    if (strcmp(what, "KEY") == 0) return lz_bytes_str("Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID");
    if (strcmp(what, "NO") == 0) return lz_bytes_str(chance(in, 64) ? "焦林长令〔2022〕3号" : "7");
    if (strcmp(what, "N") == 0 || strcmp(what, "HA") == 0 || strcmp(what, "DEG") == 0)
        return lz_bytes_str((const char *const[]){ "3", "0", "-1", "12.5", "99999999999999999999", "113.2" }[pick(in, 6)]);
    if (strcmp(what, "TEXT") == 0) return take_text(in);
    return lz_bytes_str(words[pick(in, LZ_COUNT(words))]);
}

/* Reads the next item of a verb's arguments: its name, what it takes, and whether it must be there. */
static bool next_item(const char **at, char name[40], char what[40], bool *required) {
    char item[100];
    int used = 0;
    while (**at == ' ') (*at)++;
    if (sscanf(*at, **at == '[' ? "[%98[^]]]%n" : **at == '-' ? "%98s%n" : "%98s%n", item, &used) != 1 || used == 0) return false;
    *required = **at != '[';
    *at += used;
    if (*required && item[0] == '-') {                           /* an option and, behind it, its value */
        char value[40] = "";
        int more = 0;
        if (sscanf(*at, " %39s%n", value, &more) == 1 && value[0] != '-' && value[0] != '[') *at += more;
        else value[0] = 0;
        snprintf(name, 40, "%.39s", item + 2);
        snprintf(what, 40, "%.39s", value);
        return true;
    }
    char *space = strchr(item, ' ');
    snprintf(what, 40, "%.39s", item[0] != '-' ? item : space ? space + 1 : "");
    if (space) *space = 0;
    snprintf(name, 40, "%.39s", item[0] == '-' ? item + 2 : item);
    for (char *p = name; *p; p++) if (*p >= 'A' && *p <= 'Z') *p = (char)(*p + 32);
    char *bar = strchr(what, '|');
    if (bar) *bar = 0;
    return true;
}

static struct lz_bytes built_ask(struct bench *b, struct input *in, bool *writes) {
    struct arena *a = fuzz_arena();
    size_t which = pick(in, LZ_COUNT(verbs));
    struct arg *args = arena_alloc(a, ARGS * sizeof *args);
    struct lz_bytes drafts[3], packet = { 0 };
    uint8_t *request = arena_alloc(a, 16);
    LZ_ASSERT(args && request);
    request[0] = (uint8_t)(100 + pick(in, 8));
    struct ask ask = { .args = args, .drafts = drafts, .seq = ++b->seq };
    const char *words = verbs[which].words, *spec = verbs[which].args;
    if (strncmp(words, "NOUN ", 5) == 0) words = arena_printf(a, "%s %s", nouns[pick(in, LZ_COUNT(nouns))], words + 5);
    ask.verb = lz_bytes_str(words);
    *writes = verbs[which].writes;
    if (*writes != chance(in, 8)) ask.request = lz_bytes_of(request, 16);
    char name[40], what[40];
    bool required;
    while (ask.n_args < ARGS && next_item(&spec, name, what, &required)) {
        if (required ? chance(in, 12) : !chance(in, 96)) continue;
        const char *kept = arena_printf(a, "%s", name);
        args[ask.n_args++] = (struct arg){ lz_bytes_str(kept), what[0] ? value_for(b, in, what) : lz_bytes_str("1") };
    }
    for (size_t n = strcmp(words, "drafts") == 0 ? 1 + pick(in, 3) : 0; ask.n_drafts < n; ) {
        struct record draft = make_record(in, a, &b->pool, CITY, b->node.now.wall_ms);
        draft.sensitivity = 0;
        if (draft_encode(a, &draft, &drafts[ask.n_drafts], NULL) != LZ_ok) drafts[ask.n_drafts] = take_bytes(in, 100);
        drafts[ask.n_drafts] = mutated(in, a, drafts[ask.n_drafts]);
        ask.n_drafts++;
    }
    if (chance(in, 16)) ask.after = take_bytes(in, 40);
    if (ask_encode(a, &ask, &packet) != LZ_ok) return (struct lz_bytes){ 0 };
    return mutated(in, a, packet);
}

static struct lz_bytes raw_ask(struct input *in) {
    struct lz_bytes body = take_bytes(in, 4000);
    uint8_t *packet = arena_alloc(fuzz_arena(), PACKET_HEADER_BYTES + body.len);
    LZ_ASSERT(packet);
    memcpy(packet, "LZ1/", 4);
    packet[4] = PACKET_ASK;
    packet[5] = 1;
    lz_put32(packet + 8, (uint32_t)body.len);
    if (body.len) memcpy(packet + PACKET_HEADER_BYTES, body.data, body.len);
    return lz_bytes_of(packet, PACKET_HEADER_BYTES + body.len);
}

/* ---- answers ------------------------------------------------------------------------------------------------------------------------ */

/* The one answer to an ask that was served in this turn; code LZ_ERR_COUNT: none. */
static enum lz_err take_answer(struct bench *b, struct answer *kept) {
    const uint8_t *client;
    size_t len, n = 0;
    struct lz_bytes packet, body;
    enum packet_type type;
    enum lz_err code = LZ_ERR_COUNT;
    while (ctl_next_answer(b->node.ctl, &client, &len, &packet)) {
        struct answer answer;
        must(len == 1 && client[0] == 'c', "an answer to somebody else");
        must(packet_open(packet, &type, &body, NULL) == LZ_ok && type == PACKET_ANSWER, "no answer at all");
        must(answer_decode(b->answers, body, &answer) == LZ_ok, "an answer that does not decode");
        must(answer.code == LZ_ok || answer.text.len || answer.n_refused, "%s without a word", lz_err_name(answer.code));
        if (answer.streaming && n) continue;                     /* what landed, to one who watches */
        must_print_harmless_at(&answer, b->seq % 3 == 0 ? 0 : b->seq % 3 == 1 ? 80 : 121);
        n++;
        code = answer.code;
        *kept = answer;
    }
    must(n <= 1, "%zu answers to one ask", n);
    return code;
}

static uint64_t records(struct bench *b) {
    struct store_counts counts;
    store_count(b->node.store, &counts);
    return counts.entries[TABLE_record];
}

static enum lz_err ask_once(struct bench *b, struct lz_bytes packet, uint32_t uid, struct answer *answer) {
    enum lz_err code = LZ_ERR_COUNT;
    uint8_t *copy = exact(packet);
    for (int turns = 0; turns < 4 && code == LZ_ERR_COUNT; turns++) {
        node_later(&b->node, 10);
        bool full = b->node.full;
        node_begin(&b->node);
        if (turns == 0) ctl_serve(b->node.ctl, (const uint8_t *)"c", 1, uid, lz_bytes_of(copy, packet.len));
        bool wrote = store_written(b->node.store);
        enum lz_err err = node_end(&b->node);
        must(err == LZ_ok || (full && wrote) || err == LZ_full, "a commit failed");
        code = take_answer(b, answer);
        if (err != LZ_ok) must(code != LZ_ok, "ok, and the commit failed");
    }
    must(code != LZ_ERR_COUNT, "no answer to %.40s", (const char *)packet.data + 14);
    free(copy);
    return code;
}

static void again(struct bench *b, struct lz_bytes packet, uint32_t uid, const struct answer *first) {
    struct answer second;
    uint64_t before = records(b);
    enum lz_err code = ask_once(b, packet, uid, &second);
    must(code == first->code && second.n_ids == first->n_ids, "asked again it is %s", lz_err_name(code));
    for (size_t i = 0; i < first->n_ids; i++) must(lz_bytes_equal(first->ids[i], second.ids[i]), "another id");
    store_abort(b->node.store);
    must(records(b) == before, "asked again it wrote %lld records", (long long)(records(b) - before));
}

/* A verb that writes where it is told to: only into our own directory. */
static bool leaves_us(struct bench *b, struct lz_bytes packet) {
    enum packet_type type;
    struct lz_bytes body, ours = lz_bytes_str(fuzz_directory());
    struct ask ask;
    if (packet_open(packet, &type, &body, NULL) != LZ_ok || ask_decode(b->answers, body, &ask) != LZ_ok) return false;
    if (!lz_bytes_equal(ask.verb, lz_bytes_str("backup"))) return false;
    for (size_t i = 0; i < ask.n_args; i++) {
        struct lz_bytes v = ask.args[i].value;
        if (v.len <= ours.len + 1 || memcmp(v.data, ours.data, ours.len) != 0 || memchr(v.data + ours.len + 1, '/', v.len - ours.len - 1)) return true;
    }
    return false;
}

static void one(struct bench *b, struct input *in) {
    static const uint32_t uids[] = { 0, 1000, 0, UINT32_MAX };
    struct answer answer = { 0 };
    bool writes = false;
    uint32_t uid = uids[chance(in, 64) ? pick(in, 4) : 0];
    struct lz_bytes packet = chance(in, 40) ? raw_ask(in) : built_ask(b, in, &writes);
    if (leaves_us(b, packet)) return;
    b->node.full = chance(in, 8);
    enum lz_err code = ask_once(b, packet, uid, &answer);
    must(uid != UINT32_MAX || code != LZ_ok, "a stranger was served");
    if (writes) b->dirty = true;
    if (writes && code == LZ_ok && answer.n_ids && chance(in, 64)) again(b, packet, uid, &answer);
    b->node.full = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct bench b;
    static bool open;
    struct input in = input_of(data, size);
    fuzz_begin();
    if (!b.answers) b.answers = arena_create((size_t)256 << 20);
    if (!open) { open_bench(&b); open = true; }
    for (int i = 0; i < ASKS_MAX && input_left(&in); i++, arena_reset(b.answers)) one(&b, &in);
    if (!b.dirty && !ctl_is_watched(b.node.ctl)) return 0;       /* what only reads can go on with the same store */
    node_verify(&b.node, "after the asks");
    node_close(&b.node);
    open = false;
    return 0;
}
