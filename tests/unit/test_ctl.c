/* test_ctl: asks as bytes, a turn, a commit, answers as bytes; no sockets. Two nodes where a recipient is needed: their packets
 * are carried by hand. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "../../daemon/ctl/ctl.h"
#include "../../daemon/config.c"

enum { CITY = 410800, COUNTY = 410802, COUNTIES = 11, ARGS_MAX = 24 };
static const uint64_t start_ms = 1650762300000ull;              /* 2022-04-24 09:05 in China */

struct node {
    uint64_t budget;                 /* of the store; 0: plenty */
    char directory[64], roster_path[96];
    struct store *store;
    struct roster *roster;
    struct units *units;
    struct calendar *calendar;
    struct turn *turn;
    struct ctl *ctl;
    struct arena *arena;                       /* asks and decoded answers */
    struct lz_now now;
    uint32_t unit, parent, uid;
    uint8_t request[16];                       /* of the last write */
    uint64_t seq;
    struct answer answer;                      /* the last one */
    struct lz_fail fail;
};

/* ---- nodes -------------------------------------------------------------------------------------------------------------------- */

static struct lz_bytes read_all(const char *path) {
    enum { SIZE = 256 * 1024 };
    static char buffer[SIZE];
    FILE *file = fopen(path, "rb");
    cr_assert(file, "%s", path);
    size_t len = fread(buffer, 1, SIZE, file);
    fclose(file);
    return lz_bytes_of(buffer, len);
}

static void open_turn(struct node *n) {
    struct store_options store = { .path = n->directory, .unit = n->unit, .map_bytes = 256 << 20, .budget_bytes = n->budget ? n->budget : 200 << 20,
                                   .reserve_bytes = 1 << 20, .no_sync = true };
    cr_assert_eq(store_open(&n->store, &store, &n->fail), LZ_ok, "%s", n->fail.text);
    struct turn_options o = { .store = n->store, .roster = n->roster, .units = n->units, .calendar = n->calendar, .unit = n->unit, .parent = n->parent,
                              .tier = n->parent ? TIER_COUNTY : TIER_CITY, .n_parent_endpoints = n->parent ? 1 : 0, .software = "test 1", .seed = 7,
                              .tip_ms = 1000, .tip_idle_ms = 30000, .hello_ms = 1000 };
    o.settings = (struct flow_settings){ .sign_days = 1, .sign_urgent_hours = 2, .reminder_days = 10, .letter_days = 15, .accept_days = 1,
                                         .handle_days = 15, .blue_days = 3,
                                         .yellow_points = 10, .red_points = 30, .urge_after_days = 3, .offer_after_days = 5, .rollup_interval_ms = 10,
                                         .rules = { .answer_days = 30, .board_days = 180, .online_percent = 90 } };
    o.settings.rules.patrol[2] = (struct patrol_rule){ 1, EVERY_QUARTER, 0, 0, 0 };
    o.settings.rules.patrol[3] = (struct patrol_rule){ 1, EVERY_MONTH, 10, 1000, 24 };
    o.settings.rules.patrol[4] = (struct patrol_rule){ 1, EVERY_WEEK, 10, 0, 0 };
    lz_random(&o.epoch, sizeof o.epoch);
    cr_assert_eq(turn_open(&n->turn, &o, n->now, &n->fail), LZ_ok, "%s", n->fail.text);
    n->ctl = ctl_create(&(struct ctl_options){ .turn = n->turn, .roster = n->roster, .roster_path = n->roster_path, .software = "test 1",
                                               .store_path = n->directory,
                                               .started_wall_ms = n->now.wall_ms });
}

static struct node *node_open(uint32_t unit, uint32_t parent) {
    struct node *n = calloc(1, sizeof *n);
    cr_assert(n);
    strcpy(n->directory, "/tmp/test-ctl-XXXXXX");
    cr_assert(mkdtemp(n->directory));
    snprintf(n->roster_path, sizeof n->roster_path, "%s/children", n->directory);
    n->unit = unit;
    n->parent = parent;
    n->uid = 0;
    n->now = (struct lz_now){ 1000, start_ms };
    n->roster = roster_create();
    n->units = units_create();
    cr_assert_eq(units_load(n->units, read_all("deploy/data/divisions-henan.tsv"), &n->fail), LZ_ok, "%s", n->fail.text);
    n->calendar = calendar_create();
    n->arena = arena_create(256 << 20);
    open_turn(n);
    return n;
}

static void close_turn(struct node *n) {
    ctl_destroy(&n->ctl);
    turn_close(&n->turn);
    store_close(&n->store);
}

static void node_close(struct node *n) {
    char command[128];
    close_turn(n);
    roster_destroy(&n->roster);
    units_destroy(&n->units);
    calendar_destroy(&n->calendar);
    arena_destroy(&n->arena);
    snprintf(command, sizeof command, "rm -rf %s", n->directory);
    cr_assert_eq(system(command), 0);
    free(n);
}

static void later(struct node *n, uint64_t ms) {
    n->now.mono_ms += ms;
    n->now.wall_ms += ms;
}

/* ---- asking ------------------------------------------------------------------------------------------------------------------------ */

static void begin(struct node *n) {
    later(n, 10);
    turn_begin(n->turn, n->now);
    (void)ctl_serve_deferred(n->ctl);
}

static void end(struct node *n) {
    enum lz_err err = turn_commit(n->turn);
    cr_assert_eq(err, LZ_ok, "%s", lz_err_name(err));
    ctl_flush(n->ctl, err);
}

static bool next_answer(struct node *n) {
    const uint8_t *client;
    size_t len;
    struct lz_bytes packet, body;
    enum packet_type type;
    if (!ctl_next_answer(n->ctl, &client, &len, &packet)) return false;
    cr_assert(len == 3 && memcmp(client, "cli", 3) == 0);
    packet.data = arena_copy(n->arena, packet.data, packet.len);
    cr_assert_eq(packet_open(packet, &type, &body, &n->fail), LZ_ok);
    cr_assert_eq(type, PACKET_ANSWER);
    cr_assert_eq(answer_decode(n->arena, body, &n->answer), LZ_ok);
    return true;
}

/* text: `name=value` pairs, each its own argument, ended by NULL. */
static struct ask make_ask(struct node *n, const char *verb, const char *const *pairs) {
    struct arg *args = arena_alloc(n->arena, ARGS_MAX * sizeof *args);
    struct ask ask = { .verb = lz_bytes_str(verb), .args = args, .seq = ++n->seq };
    for (; pairs && pairs[ask.n_args]; ask.n_args++) {
        const char *pair = pairs[ask.n_args], *equals = strchr(pair, '=');
        cr_assert(equals && ask.n_args < ARGS_MAX);
        args[ask.n_args] = (struct arg){ lz_bytes_of(pair, (size_t)(equals - pair)), lz_bytes_str(equals + 1) };
    }
    return ask;
}

static void serve(struct node *n, const struct ask *ask) {
    struct lz_bytes packet;
    cr_assert_eq(ask_encode(n->arena, ask, &packet), LZ_ok);
    ctl_serve(n->ctl, (const uint8_t *)"cli", 3, n->uid, packet);
}

static enum lz_err ask_in_turn(struct node *n, const struct ask *ask) {
    begin(n);
    serve(n, ask);
    end(n);
    cr_assert(next_answer(n));
    cr_assert_eq(n->answer.seq, ask->seq);
    return n->answer.code;
}

static enum lz_err read_with(struct node *n, const char *verb, const char *const *pairs) {
    struct ask ask = make_ask(n, verb, pairs);
    return ask_in_turn(n, &ask);
}

static enum lz_err write_with(struct node *n, const char *verb, const char *const *pairs) {
    struct ask ask = make_ask(n, verb, pairs);
    lz_random(n->request, sizeof n->request);
    ask.request = lz_bytes_of(n->request, sizeof n->request);
    return ask_in_turn(n, &ask);
}
#define READ(n, verb, ...) read_with(n, verb, (const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL })
#define WRITE(n, verb, ...) write_with(n, verb, (const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL })
#define GOOD(expression) do { enum lz_err err_ = (expression); cr_assert_eq(err_, LZ_ok, "%s: %s", lz_err_name(err_), said(n)); } while (0)
#define REFUSED(n, code_, expression) do { enum lz_err err_ = (expression); cr_assert_eq(err_, code_, "%s: %s", lz_err_name(err_), said(n)); \
                                           cr_assert_gt(n->answer.text.len, 0); } while (0)

static const char *text_of(struct node *n, struct lz_bytes b) {
    char *text = arena_alloc(n->arena, b.len + 1);
    if (b.len) memcpy(text, b.data, b.len);
    return text;
}
static const char *said(struct node *n) { return text_of(n, n->answer.text); }

static const char *cell_in(struct node *n, const struct row *row, const char *name) {
    for (size_t i = 0; i < row->n_cells; i++)
        if (lz_bytes_equal(row->cells[i].name, lz_bytes_str(name))) return text_of(n, row->cells[i].text);
    return NULL;
}

/* The row-th row of a section. */
static const struct row *row_of(struct node *n, const char *section, size_t index) {
    for (size_t i = 0; i < n->answer.n_rows; i++)
        if (strcmp(cell_in(n, &n->answer.rows[i], "_section"), section) == 0 && index-- == 0) return &n->answer.rows[i];
    return NULL;
}
static const char *cell_of(struct node *n, const char *section, size_t index, const char *name) {
    const struct row *row = row_of(n, section, index);
    cr_assert(row, "no row %zu of %s", index, section);
    const char *text = cell_in(n, row, name);
    cr_assert(text, "no cell %s in %s", name, section);
    return text;
}
static size_t rows_of(struct node *n, const char *section) {
    size_t count = 0;
    while (row_of(n, section, count)) count++;
    return count;
}
static const char *card_of(struct node *n, const char *item) {
    for (size_t i = 0; row_of(n, "card", i); i++)
        if (strcmp(cell_of(n, "card", i, "item_name"), item) == 0) return cell_of(n, "card", i, "value");
    return NULL;
}
static const char *arg(struct node *n, const char *name, const char *value) { return arena_printf(n->arena, "%s=%s", name, value); }
static const char *issue(struct node *n, const char *verb, const char *title, const char *to) {
    GOOD(WRITE(n, verb, arg(n, "title", title), arg(n, "to", to)));
    return cell_of(n, "done", 0, "id");
}

/* ---- two nodes ------------------------------------------------------------------------------------------------------------------------ */

static void carry(struct node *from, struct node *to) {
    struct packet packet;
    size_t count = 0;
    struct { enum channel channel; struct lz_bytes bytes; } packets[256];
    while (turn_next_send(from->turn, &packet)) {
        if (packet.peer != 0 && packet.peer != to->unit) continue;
        cr_assert_lt(count, 256);
        packets[count].channel = packet.channel;
        packets[count++].bytes = lz_bytes_of(arena_copy(to->arena, packet.bytes.data, packet.bytes.len), packet.bytes.len);
    }
    begin(to);
    for (size_t i = 0; i < count; i++) turn_feed(to->turn, &(struct packet){ from->unit, packets[i].channel, packets[i].bytes });
    end(to);
}

static void exchange(struct node *city, struct node *county, int rounds) {
    for (int i = 0; i < rounds; i++) {
        later(city, 300);
        later(county, 300);
        carry(city, county);
        carry(county, city);
    }
}

static void link_up(struct node *n, struct node *county) {
    char key[KEY_TEXT];
    uint8_t public_key[KEY_BYTES], secret_key[KEY_BYTES];
    wire_keypair(public_key, secret_key);
    wire_key_print(public_key, key);
    GOOD(WRITE(n, "child add", "code=410802", arg(n, "key", key)));
    begin(county);
    turn_parent_event(county->turn, PARENT_CONNECTED);
    end(county);
    exchange(n, county, 20);
}

/* ---- asking at all --------------------------------------------------------------------------------------------------------------------- */

Test(ctl, unknown_verb_and_arguments) {
    struct node *n = node_open(CITY, 0);
    REFUSED(n, LZ_usage, READ(n, "dance"));
    REFUSED(n, LZ_usage, READ(n, "help"));
    REFUSED(n, LZ_usage, READ(n, "task list", "nonsense=1"));
    REFUSED(n, LZ_usage, READ(n, "task show"));
    REFUSED(n, LZ_usage, READ(n, "task list", "open=1", "open=1"));
    REFUSED(n, LZ_usage, WRITE(n, "task issue", "title=x"));
    cr_assert(strstr(said(n), "to"));
    struct ask ask = make_ask(n, "task issue", (const char *const[]){ "title=x", "to=all", NULL });
    REFUSED(n, LZ_usage, ask_in_turn(n, &ask));
    n->uid = UINT32_MAX;
    REFUSED(n, LZ_not_allowed, READ(n, "status"));
    node_close(n);
}

Test(ctl, garbage_is_answered) {
    struct node *n = node_open(CITY, 0);
    begin(n);
    ctl_serve(n->ctl, (const uint8_t *)"cli", 3, 0, lz_bytes_str("nonsense"));
    end(n);
    cr_assert(next_answer(n));
    cr_assert_eq(n->answer.code, LZ_bad_packet);
    REFUSED(n, LZ_usage, READ(n, ""));
    node_close(n);
}

Test(ctl, more_asks_than_fit_wait) {
    struct node *n = node_open(CITY, 0);
    struct ask ask = make_ask(n, "status", NULL);
    begin(n);
    for (int i = 0; i < TURN_PACKETS_MAX + 20; i++) serve(n, &ask);
    end(n);
    int count = 0;
    while (next_answer(n)) count++;
    cr_assert_eq(count, TURN_PACKETS_MAX);
    node_close(n);
}

/* ---- issuing ---------------------------------------------------------------------------------------------------------------------------- */

Test(ctl, issue_and_list_and_show) {
    struct node *n = node_open(CITY, 0);
    GOOD(WRITE(n, "letter issue", "title=关于加快造林的督办函", "to=410802,武陟县", "number=焦林长督〔2022〕3号", "due=2022-06-30", "body=请抓紧办理。", "answer=1"));
    cr_assert(strstr(said(n), "2 个单位"), "%s", said(n));
    cr_assert_eq(n->answer.n_ids, 1);
    const char *id = cell_of(n, "done", 0, "id");
    GOOD(READ(n, "letter list"));
    cr_assert_eq(rows_of(n, "list"), 1);
    cr_assert_str_eq(cell_of(n, "list", 0, "id"), id);
    cr_assert_str_eq(cell_of(n, "list", 0, "due"), "2022-06-30 23:59:59");
    cr_assert_str_eq(cell_of(n, "list", 0, "recipients"), "2");
    cr_assert_str_eq(cell_of(n, "list", 0, "n_signed"), "0");
    GOOD(READ(n, "letter show", "id=焦林长督【2022】3号"));
    cr_assert_str_eq(card_of(n, "编号"), id);
    cr_assert_str_eq(card_of(n, "正文"), "请抓紧办理。");
    cr_assert_eq(rows_of(n, "recipients"), 2);
    cr_assert_str_eq(cell_of(n, "recipients", 0, "state"), "issued");
    REFUSED(n, LZ_bad_argument, READ(n, "task show", arg(n, "id", id)));
    REFUSED(n, LZ_not_found, READ(n, "letter show", "id=焦林长督〔2022〕4号"));
    REFUSED(n, LZ_number_used, WRITE(n, "letter issue", "title=又一件", "to=410802", "number=焦林长督〔2022〕3号"));
    GOOD(READ(n, "letter list", "state=delivered"));
    cr_assert_eq(rows_of(n, "list"), 0);
    GOOD(READ(n, "letter list", "state=已下发", "unit=武陟县", "open=1"));
    cr_assert_eq(rows_of(n, "list"), 1);
    node_close(n);
}

Test(ctl, recipients_as_lists) {
    struct node *n = node_open(CITY, 0);
    GOOD(WRITE(n, "task issue", "title=一", "to=all"));
    GOOD(WRITE(n, "task issue", "title=二", "to=410800+"));
    cr_assert(strstr(said(n), arena_printf(n->arena, "%d 个单位", COUNTIES)), "%s", said(n));
    GOOD(WRITE(n, "task issue", "title=三", "to=410802，410803"));
    cr_assert(strstr(said(n), "2 个单位"), "%s", said(n));
    REFUSED(n, LZ_unknown_unit, WRITE(n, "task issue", "title=四", "to=410102"));
    REFUSED(n, LZ_unknown_unit, WRITE(n, "task issue", "title=四", "to=火星区"));
    REFUSED(n, LZ_bad_argument, WRITE(n, "task issue", "title=四", "to=,"));
    node_close(n);
}

Test(ctl, conversions_are_refused_with_reasons) {
    struct node *n = node_open(CITY, 0);
    REFUSED(n, LZ_bad_date, WRITE(n, "task issue", "title=一", "to=all", "due=2022-02-30"));
    REFUSED(n, LZ_bad_date, WRITE(n, "task issue", "title=一", "to=all", "due=2022-06-30T25:00"));
    REFUSED(n, LZ_bad_date, WRITE(n, "task issue", "title=一", "to=all", "due=2022-01-01"));
    REFUSED(n, LZ_secret_refused, WRITE(n, "task issue", "title=一", "to=all", "sensitivity=机密"));
    REFUSED(n, LZ_bad_argument, WRITE(n, "task issue", "title=一", "to=all", "lane=bulk"));
    REFUSED(n, LZ_bad_argument, WRITE(n, "task issue", "title=一", "to=all", "number=三号"));
    REFUSED(n, LZ_bad_argument, WRITE(n, "problem report", "title=一", "class=无"));
    REFUSED(n, LZ_bad_argument, WRITE(n, "problem report", "title=一", "longitude=1.2.3"));
    REFUSED(n, LZ_bad_argument, WRITE(n, "problem report", "title=一", "longitude=190"));
    REFUSED(n, LZ_bad_argument, READ(n, "task list", "state=dancing"));
    REFUSED(n, LZ_bad_argument, READ(n, "task list", "colour=紫"));
    REFUSED(n, LZ_bad_argument, READ(n, "task list", "limit=many"));
    GOOD(WRITE(n, "task issue", "title=一", "to=all", "due=2022-06-30T18:00", "lane=紧急", "sensitivity=内部"));
    GOOD(READ(n, "task show", arg(n, "id", cell_of(n, "done", 0, "id"))));
    cr_assert_str_eq(card_of(n, "期限"), "2022-06-30 18:00:00");
    cr_assert_str_eq(card_of(n, "急缓"), "紧急");
    cr_assert_str_eq(card_of(n, "密级"), "内部");
    node_close(n);
}

Test(ctl, short_ids_and_resolve) {
    struct node *n = node_open(CITY, 0);
    const char *id = issue(n, "task issue", "一", "all");
    char *brief = arena_printf(n->arena, "%s", id);
    *strrchr(brief, '-') = 0;
    GOOD(READ(n, "resolve", arg(n, "id", brief)));
    cr_assert_str_eq(cell_of(n, "list", 0, "id"), id);
    GOOD(READ(n, "resolve", arg(n, "id", id), "kind=task"));
    REFUSED(n, LZ_bad_argument, READ(n, "resolve", arg(n, "id", id), "kind=problem"));
    REFUSED(n, LZ_not_found, READ(n, "resolve", "id=410800-task-0000000000001"));
    node_close(n);
}

Test(ctl, a_number_of_two_kinds_is_ambiguous) {
    struct node *n = node_open(CITY, 0);
    GOOD(WRITE(n, "order issue", "title=令", "to=all", "number=焦林长〔2022〕1号"));
    GOOD(WRITE(n, "bulletin issue", "title=报", "to=all", "number=焦林长〔2022〕1号"));
    REFUSED(n, LZ_ambiguous, READ(n, "trace", "id=焦林长〔2022〕1号"));
    cr_assert_eq(rows_of(n, "candidates"), 2);
    GOOD(READ(n, "order show", "id=焦林长〔2022〕1号"));
    node_close(n);
}

Test(ctl, long_lists_go_on) {
    enum { MANY = 700 };
    struct node *n = node_open(CITY, 0);
    for (int i = 0; i < MANY; i++) {
        if (i % 100 == 0) { arena_reset(n->arena); n->answer = (struct answer){ 0 }; }
        GOOD(WRITE(n, "problem report", arg(n, "title", arena_printf(n->arena, "问题%d", i))));
    }
    struct ask ask = make_ask(n, "problem list", NULL);
    char last[64] = "";
    size_t seen = 0;
    for (;;) {
        GOOD(ask_in_turn(n, &ask));
        cr_assert_leq(n->answer.n_rows, ROWS_PER_ANSWER_MAX);
        for (size_t i = 0; i < n->answer.n_rows; i++) {
            const char *id = cell_of(n, "list", i, "id");
            cr_assert(last[0] == 0 || strcmp(id, last) < 0, "newest first, each once: %s %s", last, id);
            snprintf(last, sizeof last, "%s", id);
        }
        seen += n->answer.n_rows;
        if (n->answer.next.len == 0) break;
        ask.after = n->answer.next;
    }
    cr_assert_eq(seen, MANY);
    GOOD(READ(n, "problem list", "limit=3"));
    cr_assert_eq(rows_of(n, "list"), 3);
    cr_assert_eq(n->answer.next.len, 0);
    ask.after = lz_bytes_str("x");
    REFUSED(n, LZ_bad_argument, ask_in_turn(n, &ask));
    node_close(n);
}

Test(ctl, long_rows_fill_an_answer_first) {
    enum { MANY = 500 };
    struct node *n = node_open(CITY, 0);
    char title[LABEL_BYTES_MAX + 1];
    memset(title, 'x', sizeof title - 1);
    title[sizeof title - 1] = 0;
    for (int i = 0; i < MANY; i++) {
        if (i % 100 == 0) { arena_reset(n->arena); n->answer = (struct answer){ 0 }; }
        GOOD(WRITE(n, "problem report", arg(n, "title", title)));
    }
    struct ask ask = make_ask(n, "problem list", NULL);
    GOOD(ask_in_turn(n, &ask));
    cr_assert_lt(n->answer.n_rows, (size_t)MANY, "%zu rows of %d bytes", n->answer.n_rows, LABEL_BYTES_MAX);
    cr_assert_leq(n->answer.n_rows * LABEL_BYTES_MAX, (size_t)ANSWER_BYTES_MAX);
    cr_assert_gt(n->answer.next.len, 0);
    node_close(n);
}

/* ---- once only --------------------------------------------------------------------------------------------------------------------------------- */

Test(ctl, the_same_request_writes_once) {
    struct node *n = node_open(CITY, 0);
    struct ask ask = make_ask(n, "task issue", (const char *const[]){ "title=一", "to=all", NULL });
    lz_random(n->request, sizeof n->request);
    ask.request = lz_bytes_of(n->request, sizeof n->request);
    GOOD(ask_in_turn(n, &ask));
    const char *first = cell_of(n, "done", 0, "id");
    ask.seq = ++n->seq;
    GOOD(ask_in_turn(n, &ask));
    cr_assert_str_eq(cell_of(n, "done", 0, "id"), first);
    close_turn(n);                                          /* a restart */
    open_turn(n);
    ask.seq = ++n->seq;
    GOOD(ask_in_turn(n, &ask));
    cr_assert_str_eq(cell_of(n, "done", 0, "id"), first);
    begin(n);                                               /* twice in one turn */
    lz_random(n->request, sizeof n->request);
    serve(n, &ask);
    serve(n, &ask);
    end(n);
    cr_assert(next_answer(n) && n->answer.code == LZ_ok && next_answer(n) && n->answer.code == LZ_ok && !next_answer(n));
    GOOD(READ(n, "task list"));
    cr_assert_eq(rows_of(n, "list"), 2);
    node_close(n);
}

Test(ctl, a_failed_turn_is_refused_and_can_be_asked_again) {
    struct node *n = node_open(CITY, 0);
    struct ask ask = make_ask(n, "task issue", (const char *const[]){ "title=一", "to=all", NULL });
    lz_random(n->request, sizeof n->request);
    ask.request = lz_bytes_of(n->request, sizeof n->request);
    begin(n);
    serve(n, &ask);
    store_give_up(n->store);
    enum lz_err err = turn_commit(n->turn);
    cr_assert_eq(err, LZ_full);
    ctl_flush(n->ctl, err);
    cr_assert(next_answer(n));
    cr_assert_eq(n->answer.code, LZ_full);
    GOOD(READ(n, "task list"));
    cr_assert_eq(rows_of(n, "list"), 0);
    ask.seq = ++n->seq;
    GOOD(ask_in_turn(n, &ask));
    GOOD(READ(n, "task list"));
    cr_assert_eq(rows_of(n, "list"), 1);
    node_close(n);
}

/* A script that uses one id for two commands must not read the answer to the first as one to the second. */
Test(ctl, a_request_id_is_for_one_command) {
    struct node *n = node_open(CITY, 0);
    uint8_t request[16];
    struct ask ask = make_ask(n, "task issue", (const char *const[]){ "title=一", "to=all", NULL });
    lz_random(request, sizeof request);
    ask.request = lz_bytes_of(request, sizeof request);
    GOOD(ask_in_turn(n, &ask));
    const char *first = cell_of(n, "done", 0, "id");
    struct ask swapped = make_ask(n, "task issue", (const char *const[]){ "to=all", "title=一", NULL });
    struct ask others[] = { make_ask(n, "task issue", (const char *const[]){ "title=二", "to=all", NULL }),
                            make_ask(n, "task issue", (const char *const[]){ "title=一", "to=all", "item=1", NULL }),
                            make_ask(n, "order issue", (const char *const[]){ "title=一", "to=all", NULL }),
                            make_ask(n, "problem report", (const char *const[]){ "title=一", NULL }),
                            make_ask(n, "task issue", (const char *const[]){ "title=一t", "o=all", NULL }) };
    for (size_t i = 0; i < LZ_COUNT(others); i++) {
        others[i].request = ask.request;
        REFUSED(n, LZ_conflict, ask_in_turn(n, &others[i]));
        cr_assert(strstr(said(n), "这个请求号已用于另一条命令"), "%s", said(n));
    }
    swapped.request = ask.request;
    GOOD(ask_in_turn(n, &swapped));
    cr_assert_str_eq(cell_of(n, "done", 0, "id"), first);
    GOOD(READ(n, "task list"));
    cr_assert_eq(rows_of(n, "list"), 1);
    node_close(n);
}

/* ---- drafts -------------------------------------------------------------------------------------------------------------------------------------- */

static struct ask make_drafts(struct node *n, size_t count, size_t bad, const char *const *pairs) {
    struct ask ask = make_ask(n, "drafts", pairs);
    ask.drafts = arena_alloc(n->arena, count * sizeof *ask.drafts);
    for (size_t i = 0; i < count; i++) {
        struct record r = { .kind = KIND_task };
        r.of.directive.title = lz_bytes_str(i == bad ? "" : arena_printf(n->arena, "任务%zu", i));
        cr_assert_eq(draft_encode(n->arena, &r, &ask.drafts[i], &n->fail), LZ_ok);
    }
    ask.n_drafts = count;
    lz_random(n->request, sizeof n->request);
    ask.request = lz_bytes_of(n->request, sizeof n->request);
    return ask;
}

Test(ctl, a_request_id_is_for_the_same_drafts) {
    struct node *n = node_open(CITY, 0);
    struct ask ask = make_drafts(n, 3, SIZE_MAX, (const char *const[]){ "to=all", NULL });
    uint8_t request[16];
    memcpy(request, n->request, sizeof request);
    struct ask fewer = make_drafts(n, 2, SIZE_MAX, (const char *const[]){ "to=all", NULL });
    struct ask other = make_drafts(n, 3, 2, (const char *const[]){ "to=all", NULL });
    ask.request = fewer.request = other.request = lz_bytes_of(request, sizeof request);
    GOOD(ask_in_turn(n, &ask));
    REFUSED(n, LZ_conflict, ask_in_turn(n, &fewer));
    REFUSED(n, LZ_conflict, ask_in_turn(n, &other));
    ask.seq = ++n->seq;
    GOOD(ask_in_turn(n, &ask));
    cr_assert_eq(n->answer.n_ids, 3);
    node_close(n);
}

/* ---- what an import brings, again and again ---- */

static struct ask merging(struct node *n, struct record *draft) {
    struct ask ask = make_ask(n, "drafts", (const char *const[]){ "merge=1", "columns=1", NULL });      /* the file has a column for the first field */
    ask.drafts = arena_alloc(n->arena, sizeof *ask.drafts);
    cr_assert_eq(draft_encode(n->arena, draft, &ask.drafts[0], &n->fail), LZ_ok, "%s", n->fail.text);
    ask.n_drafts = 1;
    lz_random(n->request, sizeof n->request);
    ask.request = lz_bytes_of(n->request, sizeof n->request);
    return ask;
}
static enum lz_err merged(struct node *n, struct record *draft) {
    struct ask ask = merging(n, draft);
    enum lz_err err = ask_in_turn(n, &ask);
    return n->answer.n_refused ? n->answer.refused[0].code : err;
}

Test(ctl, an_entry_that_says_nothing_new_is_not_written_again) {
    struct node *n = node_open(CITY, 0);
    const struct kind_row *kind = kind_by_name("member_unit");
    const struct form_kind *form = kind->form;
    struct record r = { .kind = kind->number };
    size_t phone = form_field_find(form, lz_bytes_str("phone")), name = form_field_find(form, lz_bytes_str("name"));
    size_t class = form_field_find(form, lz_bytes_str("class"));
    cr_assert(name == 0 && phone < form->n_fields);
    r.of.form = (struct form){ .no = lz_bytes_str("1"), .given = 1u << name | 1u << phone | 1u << class, .of = arena_alloc(n->arena,
            form->n_fields * sizeof(struct form_value)) };
    r.of.form.of[name].text = lz_bytes_str("公安局");
    r.of.form.of[phone].text = lz_bytes_str("110");
    GOOD(merged(n, &r));
    cr_assert_eq(merged(n, &r), LZ_already);
    r.of.form.given &= ~(1u << phone);                     /* no column says it: it stays, and so nothing is new */
    cr_assert_eq(merged(n, &r), LZ_already);
    r.of.form.of[name].text = lz_bytes_str("市公安局");
    GOOD(merged(n, &r));
    GOOD(READ(n, "show", "kind=member_unit", "no=1"));
    cr_assert_str_eq(cell_of(n, "entry", 0, "phone"), "110");
    GOOD(READ(n, "history", "kind=member_unit", "no=1"));
    cr_assert_eq(rows_of(n, "versions"), 2);
    r.origin = 410802;
    cr_assert_eq(merged(n, &r), LZ_not_allowed);
    node_close(n);
}

Test(ctl, an_event_is_known_by_who_it_is_elsewhere) {
    struct node *n = node_open(CITY, 0);
    uint8_t request[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 1 };
    struct record r = { .kind = KIND_problem, .request = lz_bytes_of(request, sizeof request) };
    r.of.problem = (struct problem){ .title = lz_bytes_str("火"), .found_on = 20220630, .severity = 1 };
    GOOD(merged(n, &r));
    cr_assert_eq(merged(n, &r), LZ_already);
    request[8] = 2;                                        /* the same one says something else */
    cr_assert_eq(merged(n, &r), LZ_conflict);
    request[7] = 9;                                        /* another one */
    GOOD(merged(n, &r));
    GOOD(READ(n, "problem list"));
    cr_assert_eq(rows_of(n, "list"), 2);
    GOOD(READ(n, "ledger", "kind=problem"));
    cr_assert_str_eq(cell_of(n, "ledger", 1, "sequence"), "2");
    struct record again = r;                               /* by its own id */
    struct rec_id known = { 0 };
    bool whole = false;
    cr_assert(rec_id_parse(cell_of(n, "ledger", 0, "id"), &known, &whole) && whole);
    again.request = (struct lz_bytes){ 0 };
    again.origin = known.origin; again.stamp = known.stamp; again.epoch = known.epoch;
    cr_assert_eq(merged(n, &again), LZ_already);
    again.stamp++;
    cr_assert_eq(merged(n, &again), LZ_not_found);
    node_close(n);
}

Test(ctl, drafts_one_by_one) {
    struct node *n = node_open(CITY, 0);
    struct ask ask = make_drafts(n, 22, 5, (const char *const[]){ "to=all", "due=2022-12-31", "plan=焦林长办〔2022〕6号", NULL });
    GOOD(ask_in_turn(n, &ask));
    cr_assert_eq(n->answer.n_ids, 22);
    cr_assert_eq(n->answer.ids[5].len, 0);
    cr_assert_eq(n->answer.ids[6].len, REC_ID_BYTES);
    cr_assert_eq(n->answer.n_refused, 1);
    cr_assert_eq(n->answer.refused[0].index, 5);
    GOOD(READ(n, "task list"));
    cr_assert_eq(rows_of(n, "list"), 21);
    cr_assert_str_eq(cell_of(n, "list", 0, "due"), "2022-12-31 23:59:59");
    ask.seq = ++n->seq;
    GOOD(ask_in_turn(n, &ask));
    cr_assert_eq(n->answer.n_refused, 1);
    GOOD(READ(n, "task list"));
    cr_assert_eq(rows_of(n, "list"), 21);
    node_close(n);
}

Test(ctl, more_drafts_than_a_turn_holds_are_told) {
    struct node *n = node_open(CITY, 0);
    struct ask ask = make_drafts(n, ASK_DRAFTS_MAX, SIZE_MAX, (const char *const[]){ "to=all", NULL });
    GOOD(ask_in_turn(n, &ask));
    cr_assert_gt(n->answer.n_refused, 0);
    cr_assert_eq(n->answer.refused[0].code, LZ_too_many);
    size_t taken = n->answer.n_ids - n->answer.n_refused;
    GOOD(READ(n, "verify"));
    struct ask list = make_ask(n, "task list", NULL);
    size_t seen = 0;
    do {
        GOOD(ask_in_turn(n, &list));
        seen += n->answer.n_rows;
        list.after = n->answer.next;
    } while (list.after.len);
    cr_assert_eq(seen, taken);
    node_close(n);
}

/* What all drafts are refused for is said of the whole; when they differ, each says its own. */
Test(ctl, drafts_refused_for_one_reason) {
    struct node *n = node_open(CITY, 0);
    struct ask empty = make_drafts(n, 1, 0, (const char *const[]){ "to=all", NULL });
    REFUSED(n, LZ_bad_argument, ask_in_turn(n, &empty));
    struct ask stranger = make_drafts(n, 2, SIZE_MAX, (const char *const[]){ "to=110000", NULL });
    REFUSED(n, LZ_unknown_unit, ask_in_turn(n, &stranger));
    struct ask both = make_drafts(n, 2, 1, (const char *const[]){ "to=110000", NULL });
    REFUSED(n, LZ_bad_argument, ask_in_turn(n, &both));
    cr_assert(n->answer.n_refused == 2 && n->answer.refused[0].code == LZ_unknown_unit && n->answer.refused[1].code == LZ_bad_argument);
    close_turn(n);
    n->budget = 64 << 10;                                   /* less than the reserve: nothing routine is taken */
    open_turn(n);
    struct ask full = make_drafts(n, 3, SIZE_MAX, (const char *const[]){ "to=all", NULL });
    struct ask all = make_drafts(n, 3, SIZE_MAX, (const char *const[]){ "to=all", "atomic=1", NULL });
    REFUSED(n, LZ_full, ask_in_turn(n, &full));
    cr_assert(n->answer.n_refused == 3 && strstr(said(n), "3 条都不能受理"), "%s", said(n));
    all.seq = ++n->seq;
    REFUSED(n, LZ_full, ask_in_turn(n, &all));
    node_close(n);
}

Test(ctl, atomic_drafts_all_or_none) {
    struct node *n = node_open(CITY, 0);
    struct ask bad = make_drafts(n, 10, 3, (const char *const[]){ "to=all", "atomic=1", NULL });
    REFUSED(n, LZ_bad_argument, ask_in_turn(n, &bad));
    cr_assert(strstr(said(n), "一条也没有写入"));
    cr_assert_eq(n->answer.n_refused, 1);
    GOOD(READ(n, "task list"));
    cr_assert_eq(rows_of(n, "list"), 0);
    /* behind another's work it waits for a turn of its own, and undoes only itself */
    bad.seq = ++n->seq;
    struct ask other = make_ask(n, "problem report", (const char *const[]){ "title=盗伐", NULL });
    uint8_t request[16];
    lz_random(request, sizeof request);
    other.request = lz_bytes_of(request, sizeof request);
    begin(n);
    serve(n, &other);
    serve(n, &bad);
    serve(n, &bad);
    end(n);
    cr_assert(next_answer(n) && n->answer.seq == other.seq && n->answer.code == LZ_ok);
    cr_assert(!next_answer(n));
    cr_assert(ctl_has_deferred(n->ctl));
    begin(n);
    end(n);
    cr_assert(!ctl_has_deferred(n->ctl));
    cr_assert(next_answer(n) && n->answer.seq == bad.seq && n->answer.code == LZ_bad_argument && !next_answer(n));
    struct ask good = make_drafts(n, 10, SIZE_MAX, (const char *const[]){ "to=all", "atomic=1", NULL });
    GOOD(ask_in_turn(n, &good));
    GOOD(READ(n, "task list"));
    cr_assert_eq(rows_of(n, "list"), 10);
    GOOD(READ(n, "problem list"));
    cr_assert_eq(rows_of(n, "list"), 1);
    node_close(n);
}

/* Behind a write verify waits for a turn of its own: what is half done is no difference. */
Test(ctl, verify_waits_for_the_commit) {
    struct node *n = node_open(CITY, 0);
    struct ask write = make_drafts(n, 3, SIZE_MAX, (const char *const[]){ "to=all", NULL }), verify = make_ask(n, "verify", NULL);
    begin(n);
    serve(n, &write);
    serve(n, &verify);
    end(n);
    cr_assert(next_answer(n) && n->answer.seq == write.seq && !next_answer(n));
    begin(n);
    end(n);
    cr_assert(next_answer(n) && n->answer.seq == verify.seq);
    cr_assert_eq(n->answer.code, LZ_ok, "%s", said(n));
    cr_assert(!ctl_has_deferred(n->ctl));
    node_close(n);
}

Test(ctl, not_everything_can_wait) {
    enum { WAIT = 4 };
    struct node *n = node_open(CITY, 0);
    struct ask write = make_drafts(n, 1, SIZE_MAX, (const char *const[]){ "to=all", NULL });
    uint8_t request[16];
    memcpy(request, n->request, sizeof request);
    write.request = lz_bytes_of(request, sizeof request);
    begin(n);
    serve(n, &write);
    for (int i = 0; i < WAIT + 1; i++) {
        struct ask ask = make_drafts(n, 1, SIZE_MAX, (const char *const[]){ "to=all", "atomic=1", NULL });
        serve(n, &ask);
    }
    end(n);
    cr_assert(next_answer(n) && n->answer.code == LZ_ok && next_answer(n) && n->answer.code == LZ_too_many && !next_answer(n));
    for (int i = 0; i < WAIT; i++) {
        cr_assert(ctl_has_deferred(n->ctl));
        begin(n);
        end(n);
        cr_assert(next_answer(n) && n->answer.code == LZ_ok && !next_answer(n));
    }
    cr_assert(!ctl_has_deferred(n->ctl));
    GOOD(READ(n, "task list"));
    cr_assert_eq(rows_of(n, "list"), WAIT + 1);
    node_close(n);
}

/* ---- problems, emergencies, duty ------------------------------------------------------------------------------------------------------------------ */

Test(ctl, a_problem_from_report_to_close) {
    struct node *n = node_open(CITY, 0);
    GOOD(WRITE(n, "problem report", "title=非法占用林地", "class=森林防火", "place=某村", "place-code=410802", "severity=2",
               "longitude=113.241", "latitude=35.21", "found=2022-04-20"));
    const char *id = cell_of(n, "done", 0, "id");
    GOOD(WRITE(n, "move", "move=accept", arg(n, "id", id), "noun=problem"));
    cr_assert_str_eq(cell_of(n, "done", 0, "state"), "accepted");
    GOOD(WRITE(n, "move", "move=处理", arg(n, "id", id)));
    REFUSED(n, LZ_illegal_move, WRITE(n, "move", "move=close", arg(n, "id", id)));
    REFUSED(n, LZ_bad_argument, WRITE(n, "move", "move=feedback", arg(n, "id", id)));
    GOOD(WRITE(n, "move", "move=feedback", arg(n, "id", id), "text=已拆除"));
    GOOD(WRITE(n, "move", "move=verify", arg(n, "id", id)));
    GOOD(WRITE(n, "move", "move=close", arg(n, "id", id)));
    GOOD(READ(n, "problem show", arg(n, "id", id)));
    cr_assert_eq(rows_of(n, "moves"), 5);
    cr_assert_str_eq(cell_of(n, "moves", 2, "text"), "已拆除");
    cr_assert_str_eq(cell_of(n, "moves", 4, "effect"), "有效");
    cr_assert_str_eq(card_of(n, "状态"), "已销号");
    cr_assert_str_eq(card_of(n, "经纬度"), "113.241000, 35.210000");
    REFUSED(n, LZ_usage, WRITE(n, "move", "move=dance", arg(n, "id", id)));
    REFUSED(n, LZ_bad_argument, WRITE(n, "move", "move=reopen", arg(n, "id", id), "noun=task"));
    GOOD(READ(n, "problem list", "open=1"));
    cr_assert_eq(rows_of(n, "list"), 0);
    GOOD(READ(n, "problem list", "class=fire_prevention"));
    cr_assert_eq(rows_of(n, "list"), 1);
    GOOD(READ(n, "board"));
    cr_assert_str_eq(cell_of(n, "problems", 0, "state"), "closed");
    node_close(n);
}

Test(ctl, an_emergency) {
    struct node *n = node_open(CITY, 0);
    GOOD(WRITE(n, "emergency report", "title=火情", "area-ha=12.5", "began=2022-04-24T08:30", "injured=1"));
    GOOD(WRITE(n, "move", "move=update", arg(n, "id", cell_of(n, "done", 0, "id")), "text=明火已灭"));
    GOOD(READ(n, "emergency list"));
    cr_assert_str_eq(cell_of(n, "list", 0, "state"), "updated");
    cr_assert_str_eq(cell_of(n, "list", 0, "class"), "森林火情");
    GOOD(READ(n, "emergency show", arg(n, "id", cell_of(n, "list", 0, "id"))));
    cr_assert_str_eq(card_of(n, "面积"), "12.50 公顷");
    cr_assert_str_eq(card_of(n, "开始时间"), "2022-04-24 08:30:00");
    node_close(n);
}

/* ---- forms: FIELD=VALUE pairs as linzhangctl makes a draft of them, then arguments of the verb -------------------------------------------- */

static enum lz_err put_with(struct node *n, const char *kind_name, const char *no, const char *const *fields, const char *const *pairs) {
    const struct kind_row *kind = kind_by_name(kind_name);
    struct ask ask = make_ask(n, "put", pairs);
    ask.args[ask.n_args++] = (struct arg){ lz_bytes_str("kind"), lz_bytes_str(kind_name) };
    struct record r = { .kind = kind->number };
    struct lz_bytes draft;
    r.of.form = (struct form){ .no = lz_bytes_str(no), .of = arena_alloc(n->arena, kind->form->n_fields * sizeof *r.of.form.of) };
    for (; *fields; fields++) {
        const char *equals = strchr(*fields, '=');
        size_t at = form_field_find(kind->form, lz_bytes_of(*fields, (size_t)(equals - *fields)));
        cr_assert_lt(at, kind->form->n_fields, "%s", *fields);
        r.of.form.given |= 1u << at;
        if (kind->form->fields[at].type == FIELD_TEXT) r.of.form.of[at].text = lz_bytes_str(equals + 1);
        else cr_assert_eq(form_number_parse(&kind->form->fields[at], lz_bytes_str(equals + 1), &r.of.form.of[at].number, &n->fail), LZ_ok, "%s", n->fail.text);
    }
    cr_assert_eq(draft_encode(n->arena, &r, &draft, &n->fail), LZ_ok);
    ask.drafts = &draft;
    ask.n_drafts = 1;
    lz_random(n->request, sizeof n->request);
    ask.request = lz_bytes_of(n->request, sizeof n->request);
    return ask_in_turn(n, &ask);
}
#define FIELDS(...) (const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL }
#define PUT(n, kind, no, fields, ...) put_with(n, kind, no, fields, (const char *const[]){ __VA_ARGS__ __VA_OPT__(,) NULL })

Test(form, has_versions_and_steps) {
    struct node *n = node_open(CITY, 0);
    GOOD(PUT(n, "office", "01", FIELDS("name=林长办", "place=410800", "tier=city", "setting=单设", "quota=5", "head=李四"), "from=2022-01-01"));
    GOOD(PUT(n, "office", "01", FIELDS("staff=3"), "state=set_up", "from=2022-02-01"));
    GOOD(PUT(n, "office", "01", FIELDS("quota=8", "head="), "from=2022-03-01"));
    GOOD(PUT(n, "office", "02", FIELDS("name=别的", "place=410800", "tier=city", "setting=merged"), "state=人员到位"));
    GOOD(READ(n, "show", "kind=office", "no=01"));
    cr_assert_str_eq(cell_of(n, "entry", 0, "quota"), "8");
    cr_assert_str_eq(cell_of(n, "entry", 0, "staff"), "3");
    cr_assert_str_eq(cell_of(n, "entry", 0, "head"), "");
    cr_assert_str_eq(cell_of(n, "entry", 0, "state"), "set_up");
    GOOD(READ(n, "show", "kind=林长办公室", "no=01", "on=2022-02-15"));
    cr_assert_str_eq(cell_of(n, "entry", 0, "quota"), "5");
    cr_assert_str_eq(cell_of(n, "entry", 0, "head"), "李四");
    GOOD(READ(n, "show", "kind=office", "no=01", "on=2022-01-31"));
    cr_assert_str_eq(cell_of(n, "entry", 0, "state"), "planned");
    REFUSED(n, LZ_not_found, READ(n, "show", "kind=office", "no=01", "on=2021-12-31"));
    REFUSED(n, LZ_not_found, READ(n, "show", "kind=office", "no=03"));
    REFUSED(n, LZ_not_found, READ(n, "history", "kind=office", "no=01", "unit=410802"));
    GOOD(READ(n, "history", "kind=office", "no=01"));
    cr_assert_eq(rows_of(n, "versions"), 3);
    GOOD(READ(n, "list", "kind=office"));
    cr_assert_eq(rows_of(n, "entries"), 2);
    GOOD(READ(n, "list", "kind=office", "state=staffed", "full=1", "unit=410800", "limit=1"));
    cr_assert_eq(rows_of(n, "entries"), 1);
    cr_assert_str_eq(cell_of(n, "entries", 0, "setting_zh"), "与林业站合署");
    GOOD(READ(n, "list", "kind=office", "on=2022-01-15"));
    cr_assert_eq(rows_of(n, "entries"), 1);
    GOOD(READ(n, "list", "kind=grid"));
    cr_assert_eq(rows_of(n, "entries"), 0);
    REFUSED(n, LZ_illegal_move, PUT(n, "office", "01", FIELDS("quota=9"), "state=planned"));
    GOOD(READ(n, "verify"));
    node_close(n);
}

Test(form, says_what_is_wrong) {
    struct node *n = node_open(CITY, 0);
    char no[FORM_NO_BYTES_MAX + 2];
    memset(no, 'a', sizeof no);
    no[sizeof no - 1] = 0;
    const char *long_no = arena_printf(n->arena, "no=%s", no);
    REFUSED(n, LZ_bad_argument, PUT(n, "office", "01", FIELDS("name=没有其他")));
    REFUSED(n, LZ_bad_argument, PUT(n, "office", "01", FIELDS("name=", "place=410800", "tier=city", "setting=own")));
    REFUSED(n, LZ_bad_argument, PUT(n, "rule", "1", FIELDS("title=x", "use=patrol"), "state=nowhere"));
    REFUSED(n, LZ_bad_date, PUT(n, "rule", "1", FIELDS("title=x", "use=patrol"), "from=2030-01-01"));
    REFUSED(n, LZ_bad_date, PUT(n, "rule", "1", FIELDS("title=x", "use=patrol"), "from=2022-02-30"));
    REFUSED(n, LZ_bad_argument, READ(n, "list", "kind=task"));
    REFUSED(n, LZ_bad_argument, READ(n, "list", "kind=nothing"));
    REFUSED(n, LZ_bad_argument, READ(n, "list", "kind=rule", "state=nowhere"));
    REFUSED(n, LZ_too_large, READ(n, "show", "kind=rule", long_no));
    REFUSED(n, LZ_bad_argument, READ(n, "kinds", "kind=task"));
    REFUSED(n, LZ_usage, WRITE(n, "put", "kind=rule"));
    GOOD(PUT(n, "rule", "1", FIELDS("title=x", "use=patrol"), "state=repealed"));
    REFUSED(n, LZ_illegal_move, PUT(n, "rule", "1", FIELDS("title=y"), "state=draft"));
    GOOD(READ(n, "kinds"));
    cr_assert_geq(rows_of(n, "kinds"), 18);
    GOOD(READ(n, "kinds", "kind=office"));
    cr_assert_eq(rows_of(n, "fields"), 12);
    cr_assert_eq(rows_of(n, "states"), 4);
    node_close(n);
}

Test(form, gives_numbers_by_the_day) {
    struct node *n = node_open(CITY, 0);
    for (int i = 0; i < 3; i++) GOOD(PUT(n, "meeting", "", FIELDS("title=例会", "use=chiefs", "day=2022-04-25")));
    GOOD(READ(n, "list", "kind=meeting"));
    cr_assert_eq(rows_of(n, "entries"), 3);
    const char *first = cell_of(n, "entries", 0, "no");
    cr_assert(strlen(first) == 13 && strcmp(first + 8, "-0001") == 0, "%s", first);
    cr_assert_str_eq(cell_of(n, "entries", 2, "no") + 8, "-0003");
    GOOD(PUT(n, "meeting", arena_printf(n->arena, "%.9s9999", first), FIELDS("title=例会", "use=chiefs", "day=2022-04-25")));
    REFUSED(n, LZ_too_many, PUT(n, "meeting", "", FIELDS("title=例会", "use=chiefs", "day=2022-04-25")));
    later(n, 86400000);
    GOOD(PUT(n, "meeting", "", FIELDS("title=例会", "use=chiefs", "day=2022-04-25")));
    node_close(n);
}

/* ---- patrols ---- */

static const char *state_of_patrol(struct node *n, const char *no) {
    GOOD(READ(n, "show", "kind=patrol", arena_printf(n->arena, "no=%s", no)));
    return arena_printf(n->arena, "%s %s", cell_of(n, "entry", 0, "state"), cell_of(n, "entry", 0, "invalid_because"));
}

Test(patrol, is_judged_when_it_is_written) {
    struct node *n = node_open(CITY, 0);
    static const struct { const char *no, *day, *begin, *end, *length, *state; } rows[] = {
        { "1", "day=2022-03-01", "begin=8:00", "end=8:10", "length=1km", "valid " },
        { "2", "day=2022-03-02", "begin=8:00", "end=8:09", "length=1km", "invalid too_short" },
        { "3", "day=2022-03-02", "begin=8:00", "end=9:00", "length=999m", "invalid too_near" },
        { "4", "day=2022-03-02", "begin=8:09", "end=9:00", "length=1km", "invalid too_soon" },
        { "5", "day=2022-02-28", "begin=7:30", "end=8:01", "length=1km", "invalid too_soon" },      /* late, and too near to the one after it */
        { "6", "day=2022-02-28", "begin=7:30", "end=8:00", "length=1km", "valid " },
        { "7", "day=2022-03-02", "begin=8:10", "end=9:00", "length=5km", "valid " },
        { "8", "day=2022-03-20", "begin=8:00", "end=9:00", "weather=晴", "invalid no_length" },
        { "9", "day=2022-03-20", "weather=晴", "found=毁林", "length=3km", "invalid no_time" },
    };
    for (size_t i = 0; i < LZ_COUNT(rows); i++) {
        GOOD(PUT(n, "patrol", rows[i].no, FIELDS("chief=T1", "tier=township", rows[i].day, rows[i].begin, rows[i].end, rows[i].length)));
        cr_assert_str_eq(state_of_patrol(n, rows[i].no), rows[i].state, "%s", rows[i].no);
    }
    /* another's are no hindrance; a tier without rules */
    GOOD(PUT(n, "patrol", "20", FIELDS("chief=T2", "tier=township", "day=2022-03-01", "begin=8:00", "end=9:00", "length=2km")));
    cr_assert_str_eq(state_of_patrol(n, "20"), "valid ");
    GOOD(PUT(n, "patrol", "21", FIELDS("chief=K1", "tier=county", "day=2022-03-01")));
    cr_assert_str_eq(state_of_patrol(n, "21"), "valid ");
    GOOD(READ(n, "verify"));
    node_close(n);
}

Test(patrol, is_not_for_the_clerk_to_judge_nor_to_change) {
    struct node *n = node_open(CITY, 0);
    REFUSED(n, LZ_not_allowed, PUT(n, "patrol", "1", FIELDS("chief=T1", "tier=township", "day=2022-03-01"), "state=valid"));
    REFUSED(n, LZ_not_allowed, PUT(n, "patrol", "1", FIELDS("chief=T1", "tier=township", "day=2022-03-01"), "state=voided"));
    REFUSED(n, LZ_bad_date, PUT(n, "patrol", "1", FIELDS("chief=T1", "tier=county", "day=2022-04-25")));
    REFUSED(n, LZ_bad_argument, PUT(n, "patrol", "1", FIELDS("chief=T1", "tier=county", "day=2022-04-01", "begin=8:00")));
    REFUSED(n, LZ_bad_argument, PUT(n, "patrol", "1", FIELDS("chief=T1", "tier=county", "day=2022-04-01", "begin=8:00", "end=8:00")));
    GOOD(PUT(n, "patrol", "1", FIELDS("chief=T1", "tier=township", "day=2022-03-01", "found=毁林", "invalid_because=too_soon")));
    cr_assert(strstr(said(n), "problem report --patrol 1") && strstr(said(n), "未填起止时间"), "%s", said(n));
    REFUSED(n, LZ_not_allowed, PUT(n, "patrol", "1", FIELDS("length=3km")));
    REFUSED(n, LZ_not_allowed, PUT(n, "patrol", "1", FIELDS("note=再看")));
    REFUSED(n, LZ_not_allowed, PUT(n, "patrol", "1", FIELDS("length=3km"), "state=voided"));
    REFUSED(n, LZ_not_allowed, PUT(n, "patrol", "1", FIELDS("chief=T1", "tier=township", "day=2022-03-01"), "state=voided", "from=2022-04-01"));
    GOOD(PUT(n, "patrol", "1", FIELDS("note=记错"), "state=voided"));
    REFUSED(n, LZ_not_allowed, PUT(n, "patrol", "1", FIELDS("note=再看")));
    REFUSED(n, LZ_illegal_move, PUT(n, "patrol", "1", FIELDS("note=再看"), "state=valid"));
    node_close(n);
}

static const char *patrols_of(struct node *n, size_t row) {
    return arena_printf(n->arena, "%s %s %s/%s %s %s %s", cell_of(n, "patrols", row, "tier"), cell_of(n, "patrols", row, "chiefs"),
                        cell_of(n, "patrols", row, "patrolled"), cell_of(n, "patrols", row, "required"), cell_of(n, "patrols", row, "valid"),
                        cell_of(n, "patrols", row, "invalid"), cell_of(n, "patrols", row, "late"));
}

/* Two chiefs of townships, one of them from the middle of February; one of a village; one of the people, who owes nothing. */
static void some_chiefs(struct node *n) {
    GOOD(PUT(n, "chief", "T1", FIELDS("name=张三", "rank=林长", "tier=township", "kind=administrative", "term_from=2021-01-01")));
    GOOD(PUT(n, "chief", "T2", FIELDS("name=李四", "rank=林长", "tier=township", "kind=administrative", "term_from=2022-02-15"), "from=2022-02-15"));
    GOOD(PUT(n, "chief", "V1", FIELDS("name=王五", "rank=林长", "tier=village", "kind=state_farm", "term_from=2021-01-01", "term_to=2022-03-13")));
    GOOD(PUT(n, "chief", "M1", FIELDS("name=赵六", "rank=林长", "tier=village", "kind=civic", "term_from=2021-01-01")));
}

Test(patrol, done_is_set_against_required) {
    struct node *n = node_open(CITY, 0);
    some_chiefs(n);
    static const char *const days[] = { "day=2022-01-05", "day=2022-01-10", "day=2022-03-01" };
    for (size_t i = 0; i < LZ_COUNT(days); i++)
        GOOD(PUT(n, "patrol", "", FIELDS("chief=T1", "tier=township", days[i], "begin=8:00", "end=9:00", "length=2km", i ? "offline=是" : "offline=否")));
    GOOD(PUT(n, "patrol", "", FIELDS("chief=T2", "tier=township", "day=2022-03-09", "begin=8:00", "end=8:01", "length=2km")));
    GOOD(PUT(n, "patrol", "V", FIELDS("chief=V1", "tier=village", "day=2022-02-27", "begin=8:00", "end=9:00")));
    GOOD(READ(n, "patrols", "period=2022Q1"));
    cr_assert_eq(rows_of(n, "patrols"), 2);
    /* weeks that end on 2 January to 13 March; two in January make up for no February */
    cr_assert_str_eq(patrols_of(n, 0), "village 1 1/11 0 0 0");
    cr_assert_str_eq(patrols_of(n, 1), "township 2 2/5 3 1 2");
    GOOD(READ(n, "patrols", "period=2022-01", "tier=乡级"));
    cr_assert_str_eq(patrols_of(n, 0), "township 1 1/1 2 0 1");
    GOOD(READ(n, "patrols", "period=2022-03", "tier=village"));
    cr_assert_str_eq(patrols_of(n, 0), "village 1 0/2 0 0 0");
    GOOD(READ(n, "patrols", "tier=township"));                       /* this year, until now: April runs */
    cr_assert_str_eq(patrols_of(n, 0), "township 2 2/7 3 1 2");
    GOOD(PUT(n, "patrol", "V", FIELDS("note=记错"), "state=voided"));
    GOOD(READ(n, "patrols", "period=2022Q1", "tier=village"));
    cr_assert_str_eq(patrols_of(n, 0), "village 1 0/11 0 0 0");
    GOOD(READ(n, "patrols", "period=2021-12", "unit=410802"));
    cr_assert_eq(rows_of(n, "patrols"), 0);
    REFUSED(n, LZ_bad_date, READ(n, "patrols", "period=2022Q5"));
    node_close(n);
}

Test(patrol, what_is_found_is_a_problem) {
    struct node *n = node_open(CITY, 0);
    some_chiefs(n);
    GOOD(PUT(n, "patrol", "P", FIELDS("chief=T1", "tier=township", "day=2022-03-09", "begin=8:00", "end=9:00", "length=2km", "found=毁林")));
    GOOD(WRITE(n, "problem report", "title=毁林", "patrol=P"));
    const char *id = arena_printf(n->arena, "id=%s", cell_of(n, "done", 0, "id"));
    GOOD(WRITE(n, "problem report", "title=垃圾", "chief=M1"));
    GOOD(WRITE(n, "problem report", "title=其他", "source=群众举报"));
    GOOD(READ(n, "show", "kind=patrol", "no=P"));
    cr_assert_eq(rows_of(n, "problems"), 1);
    cr_assert_str_eq(cell_of(n, "problems", 0, "title"), "毁林");
    GOOD(READ(n, "problem list", "source=民间林长反映"));
    cr_assert_eq(rows_of(n, "list"), 1);
    cr_assert_str_eq(cell_of(n, "list", 0, "title"), "垃圾");
    GOOD(READ(n, "problem list", "source=patrol"));
    cr_assert_eq(rows_of(n, "list"), 1);
    GOOD(READ(n, "problem show", id));
    cr_assert_str_eq(card_of(n, "发现人"), "T1 张三");
    cr_assert_str_eq(card_of(n, "巡林编号"), "P");
    REFUSED(n, LZ_not_found, WRITE(n, "problem report", "title=x", "patrol=Q"));
    REFUSED(n, LZ_not_found, WRITE(n, "problem report", "title=x", "chief=Q"));
    REFUSED(n, LZ_bad_argument, WRITE(n, "problem report", "title=x", "chief=V1"));
    GOOD(PUT(n, "patrol", "P", FIELDS("note=记错"), "state=voided"));
    REFUSED(n, LZ_bad_argument, WRITE(n, "problem report", "title=x", "patrol=P"));
    node_close(n);
}

/* ---- what is missing, wrong or stale ---- */

/* How often something is found; *no: of which entry, the last. */
static size_t found(struct node *n, const char *code, const char *on, const char **no) {
    size_t times = 0;
    if (on) GOOD(READ(n, "check", on));
    else GOOD(READ(n, "check"));
    for (size_t i = 0; i < rows_of(n, "findings"); i++) {
        if (strcmp(cell_of(n, "findings", i, "finding"), code) != 0) continue;
        times++;
        if (no) *no = cell_of(n, "findings", i, "entry");
        cr_assert(cell_of(n, "findings", i, "finding_zh")[0] && cell_of(n, "findings", i, "next")[0] && cell_of(n, "findings", i, "unit")[0]);
    }
    return times;
}
#define FOUND(times, code) cr_assert_eq(found(n, code, NULL, NULL), times, "%s: %zu", code, found(n, code, NULL, NULL))

Test(check, chiefs_who_are_missing) {
    struct node *n = node_open(CITY, 0);
    const char *no = "";
    FOUND(1, "chief_missing");
    GOOD(PUT(n, "chief", "C1", FIELDS("name=甲", "rank=general_chief", "tier=city", "kind=administrative", "post=市长", "area=A1")));
    FOUND(0, "chief_missing");
    FOUND(1, "chief_area_unknown");
    GOOD(PUT(n, "area", "A1", FIELDS("name=全市", "use=责任区", "chief=C1")));
    FOUND(0, "chief_area_unknown");
    GOOD(PUT(n, "area", "A1", FIELDS("name=全市"), "state=ended"));
    FOUND(1, "chief_area_unknown");
    GOOD(PUT(n, "area", "A1", FIELDS("place=410802100"), "state=in_force"));
    FOUND(1, "chief_missing");                                        /* of the township that is known now */
    GOOD(PUT(n, "chief", "T1", FIELDS("name=乙", "rank=chief", "tier=township", "kind=administrative", "place=410802100", "term_to=2022-04-24")));
    FOUND(0, "chief_missing");
    FOUND(0, "chief_vacant");
    cr_assert_eq(found(n, "chief_vacant", "on=2022-04-25", &no), 1);
    cr_assert_str_eq(no, "T1");
    GOOD(PUT(n, "chief", "T2", FIELDS("name=丙", "rank=chief", "tier=township", "kind=administrative", "place=410802101", "term_from=2022-04-20")));
    cr_assert_eq(found(n, "chief_vacant", "on=2022-04-25", NULL), 1, "of another township");
    GOOD(PUT(n, "chief", "T2", FIELDS("place=410802100")));
    cr_assert_eq(found(n, "chief_vacant", "on=2022-04-25", NULL), 0);
    GOOD(PUT(n, "chief", "C1", FIELDS("name=甲"), "state=ended"));
    FOUND(1, "chief_vacant");
    GOOD(PUT(n, "chief", "C2", FIELDS("name=丁", "rank=general_chief", "tier=city", "kind=administrative", "post=书记")));
    FOUND(1, "chief_vacant");                                         /* another post */
    GOOD(PUT(n, "chief", "C2", FIELDS("post=市长")));
    FOUND(0, "chief_vacant");
    node_close(n);
}

Test(check, bodies_and_areas_without_a_chief) {
    struct node *n = node_open(CITY, 0);
    GOOD(PUT(n, "area", "F1", FIELDS("name=林场", "use=国有林场", "land=3万亩")));
    FOUND(1, "body_without_chief");
    FOUND(0, "area_without_chief");
    GOOD(PUT(n, "chief", "L1", FIELDS("name=甲", "rank=chief", "tier=city", "kind=state_farm", "body=F2")));
    FOUND(1, "body_without_chief");
    FOUND(1, "chief_body_unknown");
    GOOD(PUT(n, "chief", "L1", FIELDS("body=F1")));
    FOUND(0, "body_without_chief");
    FOUND(0, "chief_body_unknown");
    GOOD(PUT(n, "area", "P1", FIELDS("name=常平联系点", "use=联系点")));
    FOUND(1, "area_without_chief");
    GOOD(PUT(n, "area", "P1", FIELDS("chief=L1")));
    FOUND(0, "area_without_chief");
    GOOD(PUT(n, "chief", "L1", FIELDS("body=F1"), "state=ended"));
    FOUND(1, "area_without_chief");
    FOUND(1, "body_without_chief");
    node_close(n);
}

Test(check, zones_that_leave_out_or_cover_twice_as_of_the_day) {
    struct node *n = node_open(CITY, 0);
    const char *zone = "units=410802、410803 中站区,410804 410811，410821、410822、410823、410825、410871、410882";
    FOUND(0, "zone_leaves_out");                                      /* it has no zones */
    GOOD(PUT(n, "area", "Z1", FIELDS("name=一区", "use=督导分区", zone), "from=2022-01-01"));
    FOUND(1, "zone_leaves_out");
    GOOD(PUT(n, "area", "Z2", FIELDS("name=二区", "use=督导分区", "units=410883,410882"), "from=2022-03-01"));
    FOUND(0, "zone_leaves_out");
    FOUND(1, "zone_twice");
    cr_assert_eq(found(n, "zone_leaves_out", "on=2022-02-01", NULL), 1, "a change has a date");
    cr_assert_eq(found(n, "zone_twice", "on=2022-02-01", NULL), 0);
    GOOD(PUT(n, "area", "Z2", FIELDS("units=410883"), "from=2022-04-01"));
    FOUND(0, "zone_twice");
    node_close(n);
}

Test(check, grids_without_hole_or_overlap) {
    struct node *n = node_open(CITY, 0);
    const char *no = "";
    GOOD(PUT(n, "area", "A1", FIELDS("name=常平乡", "use=责任区", "place=410802100", "land=1000亩")));
    FOUND(1, "grid_missing");
    GOOD(PUT(n, "grid", "G1", FIELDS("name=一号", "place=410802100", "land=600亩", "manager=李", "technician=王")));
    FOUND(0, "grid_missing");
    FOUND(1, "grid_hole");
    FOUND(1, "grid_lacks_role");
    GOOD(PUT(n, "grid", "G2", FIELDS("name=一号", "place=410802100", "land=420亩", "ranger=R1", "manager=李", "technician=王", "officer=赵")));
    FOUND(0, "grid_hole");
    FOUND(1, "grid_overlap");
    FOUND(2, "grid_name_twice");
    FOUND(1, "grid_ranger_unknown");
    GOOD(PUT(n, "ranger", "R1", FIELDS("name=张三", "trained_on=2022-04-01")));
    GOOD(PUT(n, "grid", "G2", FIELDS("name=二号", "land=395亩")));
    FOUND(0, "grid_overlap");
    FOUND(0, "grid_hole");                                            /* 995 of 1000: within one per cent */
    FOUND(0, "grid_name_twice");
    FOUND(0, "grid_ranger_unknown");
    GOOD(PUT(n, "grid", "G1", FIELDS("ranger=R1", "officer=赵")));
    FOUND(0, "grid_lacks_role");
    GOOD(PUT(n, "grid", "G1", FIELDS("name=一号"), "state=split"));
    cr_assert_eq(found(n, "grid_no_successor", NULL, &no), 1);
    cr_assert_str_eq(no, "G1");
    GOOD(PUT(n, "grid", "G3", FIELDS("name=三号", "place=410802100", "land=300亩", "instead_of=G1")));
    FOUND(1, "grid_no_successor");
    GOOD(PUT(n, "grid", "G4", FIELDS("name=四号", "place=410802100", "land=300亩", "instead_of=G0、G1")));
    FOUND(0, "grid_no_successor");
    GOOD(PUT(n, "area", "A1", FIELDS("name=常平乡"), "state=ended"));
    FOUND(1, "grid_unmeasured");
    GOOD(PUT(n, "ranger", "R1", FIELDS("name=张三"), "state=left"));
    FOUND(1, "grid_ranger_unknown");
    node_close(n);
}

Test(check, files_and_boards) {
    struct node *n = node_open(CITY, 0);
    GOOD(PUT(n, "forest_file", "1", FIELDS("name=林", "place=410800", "policy=策", "technique=技", "record=档", "keeper=员", "review_on=2022-04-23")));
    FOUND(1, "file_incomplete");
    FOUND(1, "file_review_overdue");
    GOOD(PUT(n, "forest_file", "1", FIELDS("officer=警", "review_on=2022-04-24")));
    FOUND(0, "file_incomplete");
    FOUND(0, "file_review_overdue");
    GOOD(PUT(n, "chief", "C1", FIELDS("name=甲", "rank=chief", "tier=city", "kind=administrative", "phone=1"), "from=2022-01-01"));
    GOOD(PUT(n, "board", "B1", FIELDS("place=410800", "tier=city", "position=路口", "chief=C1", "text_version=1", "set_on=2022-01-10"),
             "from=2022-01-10", "state=set"));
    FOUND(0, "board_text_stale");
    GOOD(PUT(n, "chief", "C1", FIELDS("assisting_unit=林业局"), "from=2022-02-01"));
    FOUND(0, "board_text_stale");                                     /* no board says that */
    GOOD(PUT(n, "chief", "C1", FIELDS("phone=2"), "from=2022-03-01"));
    FOUND(1, "board_text_stale");
    cr_assert_eq(found(n, "board_text_stale", "on=2022-02-20", NULL), 0);
    GOOD(PUT(n, "board", "B1", FIELDS("checked_on=2022-03-02"), "from=2022-03-02", "state=checked"));
    FOUND(1, "board_text_stale");                                     /* looked at is not written anew */
    GOOD(PUT(n, "board", "B1", FIELDS("text_version=2"), "from=2022-03-10"));
    FOUND(0, "board_text_stale");
    FOUND(0, "board_check_overdue");
    cr_assert_eq(found(n, "board_check_overdue", "on=2022-09-01", NULL), 1);
    GOOD(PUT(n, "board", "B1", FIELDS("text_version=2"), "from=2022-03-20", "state=damaged"));
    FOUND(1, "board_damaged");
    GOOD(PUT(n, "board", "B1", FIELDS("text_version=2"), "from=2022-03-21", "state=repaired"));
    FOUND(0, "board_damaged");
    GOOD(PUT(n, "chief", "C1", FIELDS("phone=2"), "from=2022-04-01", "state=ended"));
    FOUND(1, "board_chief_gone");
    node_close(n);
}

Test(check, offices_rules_cases_and_rangers) {
    struct node *n = node_open(CITY, 0);
    FOUND(6, "rule_missing");
    GOOD(PUT(n, "rule", "1", FIELDS("title=巡林制度", "use=patrol")));
    FOUND(6, "rule_missing");                                         /* a draft */
    GOOD(PUT(n, "rule", "1", FIELDS("title=巡林制度"), "state=in_force"));
    FOUND(5, "rule_missing");
    GOOD(READ(n, "matrix", "kind=rule"));
    cr_assert(cell_of(n, "matrix", 0, "rule_patrol")[0] && !cell_of(n, "matrix", 0, "rule_meeting")[0]);
    REFUSED(n, LZ_bad_argument, READ(n, "matrix", "kind=grid"));
    GOOD(PUT(n, "area", "A1", FIELDS("name=常平乡", "use=责任区", "place=410802100")));
    FOUND(1, "office_missing");
    GOOD(PUT(n, "office", "1", FIELDS("name=常平乡林长办", "place=410802100", "tier=township", "setting=own")));
    FOUND(0, "office_missing");
    FOUND(1, "office_planned");
    GOOD(PUT(n, "office", "1", FIELDS("staff=2"), "state=set_up"));
    FOUND(0, "office_planned");
    FOUND(1, "office_not_merged");
    GOOD(PUT(n, "office", "1", FIELDS("setting=merged")));
    FOUND(0, "office_not_merged");
    GOOD(PUT(n, "referral", "1", FIELDS("title=盗伐", "partner=police", "lead=现场", "referred_on=2022-03-25")));
    FOUND(0, "referral_overdue");
    cr_assert_eq(found(n, "referral_overdue", "on=2022-04-25", NULL), 1, "30 days by the setting");
    GOOD(PUT(n, "referral", "1", FIELDS("answer_due=2022-04-23")));
    FOUND(1, "referral_overdue");
    GOOD(PUT(n, "referral", "1", FIELDS("title=盗伐"), "state=received"));
    GOOD(PUT(n, "referral", "1", FIELDS("title=盗伐"), "state=not_filed"));
    FOUND(1, "referral_no_reason");
    GOOD(PUT(n, "referral", "1", FIELDS("result=证据不足")));
    FOUND(0, "referral_no_reason");
    GOOD(PUT(n, "referral", "1", FIELDS("answered_on=2022-04-24"), "state=answered"));
    FOUND(0, "referral_overdue");
    GOOD(PUT(n, "ranger", "R1", FIELDS("name=张三", "contract_until=2022-04-23", "device=是", "online=是")));
    FOUND(1, "ranger_contract_over");
    FOUND(1, "ranger_untrained");
    FOUND(0, "rangers_offline");
    GOOD(PUT(n, "ranger", "R2", FIELDS("name=李四", "trained=是", "device=是")));
    FOUND(1, "rangers_offline");
    FOUND(1, "ranger_untrained");
    GOOD(PUT(n, "ranger", "R2", FIELDS("name=李四"), "state=left"));
    FOUND(0, "rangers_offline");
    node_close(n);
}

Test(check, is_narrowed_and_counted) {
    struct node *n = node_open(CITY, 0);
    GOOD(PUT(n, "rule", "1", FIELDS("title=巡林制度", "use=patrol"), "state=in_force"));
    GOOD(READ(n, "check", "kind=rule"));
    cr_assert_eq(rows_of(n, "findings"), 5);
    GOOD(READ(n, "check", "kind=rule", "limit=2"));
    cr_assert_eq(rows_of(n, "findings"), 2);
    GOOD(READ(n, "check", "kind=grid"));
    cr_assert_eq(rows_of(n, "findings"), 0);
    GOOD(READ(n, "check", "unit=410802"));
    cr_assert_eq(rows_of(n, "findings"), 0);
    GOOD(READ(n, "check", "count=1"));
    cr_assert_eq(rows_of(n, "counts"), 2);
    cr_assert_str_eq(cell_of(n, "counts", 1, "finding"), "rule_missing");
    cr_assert_str_eq(cell_of(n, "counts", 1, "count"), "5");
    REFUSED(n, LZ_bad_argument, READ(n, "check", "kind=nothing"));
    node_close(n);
}

/* ---- civic chiefs, cases ---- */

Test(civic, chiefs_report_and_command_nothing) {
    struct node *n = node_open(CITY, 0);
    some_chiefs(n);
    GOOD(PUT(n, "chief", "M2", FIELDS("name=张三", "rank=林长", "tier=village", "kind=民间林长")));
    REFUSED(n, LZ_not_allowed, WRITE(n, "order issue", "title=令", "to=all", "signers=赵六"));
    REFUSED(n, LZ_not_allowed, WRITE(n, "letter issue", "title=函", "to=410802", "signers=王某、M1"));
    REFUSED(n, LZ_not_allowed, WRITE(n, "task issue", "title=任务", "to=410802", "signers=李四，赵六"));
    REFUSED(n, LZ_not_allowed, WRITE(n, "reminder issue", "title=单", "to=410802", "signers=M2"));
    GOOD(WRITE(n, "order issue", "title=令", "to=all", "signers=张三、李四"));            /* a chief of a township has that name too */
    GOOD(WRITE(n, "order issue", "title=令", "to=all", "signers=赵六六"));
    REFUSED(n, LZ_not_allowed, PUT(n, "area", "Z", FIELDS("name=一区", "use=zone", "chief=M1")));
    GOOD(PUT(n, "area", "Z", FIELDS("name=一区", "use=zone", "chief=T1")));
    GOOD(WRITE(n, "problem report", "title=垃圾", "chief=M1"));
    GOOD(READ(n, "chiefs"));
    cr_assert_eq(rows_of(n, "chiefs"), 2);
    cr_assert_str_eq(cell_of(n, "chiefs", 0, "civic"), "2");
    cr_assert_str_eq(cell_of(n, "chiefs", 1, "administrative"), "2");
    cr_assert_str_eq(cell_of(n, "raised", 0, "raised"), "1");
    GOOD(PUT(n, "chief", "M1", FIELDS("name=赵六"), "state=ended"));
    GOOD(WRITE(n, "order issue", "title=令", "to=all", "signers=赵六"));
    node_close(n);
}

static const char *state_of_problem(struct node *n, const char *id) {
    GOOD(READ(n, "problem list"));
    for (size_t i = 0; i < rows_of(n, "list"); i++)
        if (strcmp(cell_of(n, "list", i, "id"), id) == 0) return arena_printf(n->arena, "%s", cell_of(n, "list", i, "state"));
    return "";
}

Test(referral, takes_its_problem_along_and_brings_it_back) {
    struct node *n = node_open(CITY, 0);
    GOOD(WRITE(n, "problem report", "title=盗伐"));
    const char *id = arena_printf(n->arena, "%s", cell_of(n, "done", 0, "id")), *problem = arena_printf(n->arena, "problem=%s", id);
    const char *of_move = arena_printf(n->arena, "id=%s", id);
    /* not accepted yet: it cannot be handed on, and nothing is written */
    REFUSED(n, LZ_illegal_move, PUT(n, "referral", "1", FIELDS("title=盗伐", "partner=公安机关", "lead=现场", "referred_on=2022-04-20", problem)));
    REFUSED(n, LZ_not_found, READ(n, "show", "kind=referral", "no=1"));
    GOOD(WRITE(n, "move", "move=accept", of_move));
    GOOD(PUT(n, "referral", "1", FIELDS("title=盗伐", "partner=公安机关", "lead=现场", "referred_on=2022-04-20", problem)));
    cr_assert_str_eq(state_of_problem(n, id), "referred");
    GOOD(READ(n, "show", "kind=referral", "no=1"));
    cr_assert_str_eq(cell_of(n, "entry", 0, "answer_due"), "2022-05-20");
    cr_assert_str_eq(cell_of(n, "problems", 0, "id"), id);
    GOOD(READ(n, "problem show", of_move));
    cr_assert_str_eq(cell_of(n, "referrals", 0, "no"), "1");
    /* two partners: it is back with the last answer */
    GOOD(PUT(n, "referral", "2", FIELDS("title=盗伐", "partner=检察机关", "lead=现场", "referred_on=2022-04-21", problem)));
    GOOD(PUT(n, "referral", "1", FIELDS("title=盗伐"), "state=received"));
    GOOD(PUT(n, "referral", "1", FIELDS("title=盗伐"), "state=filed"));
    GOOD(PUT(n, "referral", "1", FIELDS("title=盗伐"), "state=concluded"));
    REFUSED(n, LZ_bad_argument, PUT(n, "referral", "1", FIELDS("title=盗伐"), "state=answered"));
    GOOD(PUT(n, "referral", "1", FIELDS("result=罚款"), "state=answered"));
    cr_assert_str_eq(state_of_problem(n, id), "referred");
    GOOD(READ(n, "show", "kind=referral", "no=1"));
    cr_assert_str_eq(cell_of(n, "entry", 0, "answered_on"), "2022-04-24");
    GOOD(PUT(n, "referral", "2", FIELDS("title=盗伐"), "state=withdrawn"));
    cr_assert(strstr(said(n), "反馈"), "the next step is offered: %s", said(n));
    cr_assert_str_eq(state_of_problem(n, id), "handling");
    /* what is not there, and what was over when it was written down */
    REFUSED(n, LZ_not_found, PUT(n, "referral", "3", FIELDS("title=盗伐", "partner=court", "lead=x", "referred_on=2022-04-21", "problem=没有")));
    GOOD(PUT(n, "referral", "4", FIELDS("title=旧案", "partner=court", "lead=x", "referred_on=2021-04-21", "result=判决", problem), "state=answered"));
    cr_assert_str_eq(state_of_problem(n, id), "handling");
    GOOD(READ(n, "verify"));
    node_close(n);
}

Test(ctl, duties_keep_what_is_not_given) {
    struct node *n = node_open(CITY, 0);
    GOOD(WRITE(n, "duty set", "no=001", "name=张三", "post=科长", "phone=1", "shift=夜班", "from=2022-01-01"));
    GOOD(WRITE(n, "duty set", "no=001", "name=张三", "phone=2"));
    GOOD(WRITE(n, "duty set", "no=002", "name=李四"));
    GOOD(READ(n, "duty list"));
    cr_assert_eq(rows_of(n, "list"), 2);
    cr_assert_str_eq(cell_of(n, "list", 0, "phone"), "2");
    cr_assert_str_eq(cell_of(n, "list", 0, "post"), "科长");
    cr_assert_str_eq(cell_of(n, "list", 0, "term"), "2022-01-01 至 ");
    cr_assert_str_eq(cell_of(n, "list", 0, "shift"), "夜班");
    REFUSED(n, LZ_bad_date, WRITE(n, "duty set", "no=003", "name=王", "from=2022-01-01", "to=2021-01-01"));
    GOOD(READ(n, "duty list", "limit=1"));
    cr_assert_eq(rows_of(n, "list"), 1);
    node_close(n);
}

/* ---- two nodes ---------------------------------------------------------------------------------------------------------------------------------------- */

Test(ctl, a_task_goes_down_and_comes_back) {
    struct node *n = node_open(CITY, 0), *county = node_open(COUNTY, CITY);
    REFUSED(county, LZ_recovering, WRITE(county, "problem report", "title=早了"));
    link_up(n, county);
    GOOD(READ(n, "links"));
    cr_assert_str_eq(cell_of(n, "list", 0, "link"), "live", "%s", cell_of(n, "list", 0, "reason"));
    GOOD(WRITE(n, "task issue", "title=造林", "to=410802,410803", "item=7", "due=2022-12-31"));
    const char *id = cell_of(n, "done", 0, "id");
    exchange(n, county, 6);
    GOOD(READ(n, "task list", "unit=410802", "state=已送达"));
    cr_assert_eq(rows_of(n, "list"), 1);
    struct node *city = n;
    n = county;
    id = arena_printf(n->arena, "%s", id);
    GOOD(WRITE(n, "move", "move=sign", arg(n, "id", id), "noun=task"));
    GOOD(WRITE(n, "progress report", arg(n, "id", id), "num=5", "den=20", "as-of=2022-04-24", "text=已开工"));
    REFUSED(n, LZ_bad_argument, WRITE(n, "progress report", arg(n, "id", id), "num=5.5", "den=20"));
    GOOD(WRITE(n, "move", "move=report", arg(n, "id", id), "text=完成"));
    REFUSED(n, LZ_not_allowed, WRITE(n, "move", "move=close", arg(n, "id", id), "unit=410802"));
    GOOD(READ(n, "progress list", arg(n, "task", id)));
    cr_assert_eq(rows_of(n, "progress"), 1);
    cr_assert_str_eq(cell_of(n, "progress", 0, "percent"), "25.0");
    exchange(city, county, 6);
    n = city;
    GOOD(READ(n, "board"));
    cr_assert_str_eq(cell_of(n, "board", 0, "title"), "造林");
    cr_assert_str_eq(cell_of(n, "board", 0, "item"), "7");
    cr_assert_str_eq(cell_of(n, "board", 0, "percent"), "25.0");
    cr_assert_str_eq(cell_of(n, "board", 0, "_bar"), "250");
    cr_assert_str_eq(cell_of(n, "parts", 0, "unit"), "410802");
    cr_assert_str_eq(cell_of(n, "parts", 0, "n_reported"), "1");
    GOOD(READ(n, "board", "by=410802"));
    cr_assert_str_eq(cell_of(n, "board", 0, "total"), "1");
    REFUSED(n, LZ_not_found, READ(n, "board", "by=410803"));
    REFUSED(n, LZ_bad_argument, WRITE(n, "move", "move=close", arg(n, "id", id)));
    GOOD(WRITE(n, "move", "move=close", arg(n, "id", id), "unit=all"));
    cr_assert(strstr(said(n), "已办理 1 个单位，1 个此时不能办理"), "%s", said(n));
    GOOD(WRITE(n, "task issue", "title=分解", "to=410802", arg(n, "parent", id)));
    const char *child = cell_of(n, "done", 0, "id");
    GOOD(READ(n, "trace", arg(n, "id", id)));
    cr_assert_eq(rows_of(n, "chain"), 2);
    cr_assert_str_eq(cell_of(n, "chain", 1, "title"), "分解");
    cr_assert_eq(rows_of(n, "moves"), 5);                   /* deliver, sign, start, report, close */
    GOOD(READ(n, "trace", arg(n, "id", child)));
    cr_assert_str_eq(cell_of(n, "chain", 0, "title"), "造林");
    GOOD(READ(n, "task show", arg(n, "id", id)));
    cr_assert_str_eq(cell_of(n, "recipients", 0, "state"), "closed");
    cr_assert_str_neq(cell_of(n, "recipients", 0, "signed_by"), "");
    GOOD(READ(n, "verify"));
    exchange(city, county, 6);
    GOOD(READ(n, "why", "code=410802"));
    cr_assert(strstr(said(n), "已同步"), "%s", said(n));
    GOOD(READ(n, "tree"));
    cr_assert_eq(rows_of(n, "list"), COUNTIES);
    cr_assert_str_eq(cell_of(n, "list", 0, "link"), "live");
    cr_assert_str_eq(cell_of(n, "list", 1, "link"), "not_enrolled");
    GOOD(READ(n, "why", "code=410803"));
    cr_assert(strstr(said(n), "没有登记"));
    node_close(county);
    node_close(city);
}

/* ---- children -------------------------------------------------------------------------------------------------------------------------------------------- */

static const char *new_key(struct node *n) {
    uint8_t public_key[KEY_BYTES], secret_key[KEY_BYTES];
    char *text = arena_alloc(n->arena, KEY_TEXT);
    wire_keypair(public_key, secret_key);
    wire_key_print(public_key, text);
    return text;
}

Test(ctl, children_are_kept_in_the_file) {
    struct node *n = node_open(CITY, 0);
    const char *key = new_key(n);
    REFUSED(n, LZ_bad_key, WRITE(n, "child add", "code=410802", "key=abc"));
    REFUSED(n, LZ_bad_argument, WRITE(n, "child add", "code=410800", arg(n, "key", key)));
    GOOD(WRITE(n, "child add", "code=410802", arg(n, "key", key)));
    GOOD(WRITE(n, "child add", "code=410881", arg(n, "key", new_key(n)), "subtree=410881,410882"));
    REFUSED(n, LZ_already, WRITE(n, "child add", "code=410803", arg(n, "key", key)));
    GOOD(READ(n, "child list"));
    cr_assert_eq(rows_of(n, "list"), 2);
    cr_assert_str_eq(cell_of(n, "list", 0, "key"), key);
    cr_assert_str_eq(cell_of(n, "list", 1, "subtree"), "2");
    struct roster *again = roster_create();
    cr_assert_eq(roster_load(again, read_all(n->roster_path), &n->fail), LZ_ok, "%s", n->fail.text);
    cr_assert_eq(again->n_children, 2);
    GOOD(WRITE(n, "child remove", "code=410802"));
    REFUSED(n, LZ_not_found, WRITE(n, "child remove", "code=410802"));
    cr_assert_eq(roster_load(again, read_all(n->roster_path), &n->fail), LZ_ok);
    cr_assert_eq(again->n_children, 1);
    roster_destroy(&again);
    node_close(n);
}

/* What a child has sent up. */
static void sum_from_below(struct node *n, uint32_t child, uint32_t kind, struct rec_id subject, const struct counters *sum) {
    uint8_t key[2 + REC_ID_BYTES] = { 0, (uint8_t)kind };
    if (!rec_id_none(subject)) rec_id_put(subject, key + 2);
    struct record r = { .origin = child, .kind = KIND_rollup, .stamp = UINT64_C(1) << 60, .epoch = 1, .lane = LANE_ROUTINE, .direction = DIRECTION_UP,
                        .reach = REACH_PARENT, .tier = TIER_COUNTY, .key = lz_bytes_of(key, sizeof key) };
    r.of.rollup = (struct rollup){ .kind = kind, .subject = subject, .sum = *sum };
    begin(n);
    cr_assert_eq(record_encode(turn_arena(n->turn), &r, &n->fail), LZ_ok, "%s", n->fail.text);
    cr_assert_eq(flow_land(turn_flow(n->turn), &r, LAND_PEER), LZ_ok);
    end(n);
}
static void days_pass(struct node *n, uint64_t ms) {
    later(n, ms);
    begin(n);
    ctl_daily(n->ctl);
    end(n);
}

/* "Lanzhou's grassland cover of 2022 was 54.94 %, the plain mean of its seven counties' figures 53.33 %": seven counties with that mean, of
 * which the one that has most grassland is the greenest, are 54.94 %. One more without grassland changes nothing. */
Test(ctl, a_rate_is_never_the_mean_of_rates) {
    static const struct { uint32_t unit; int64_t part, whole; const char *rate; } counties[] = {
        { 410802, 42100000, 100000000, "42.10%" }, { 410803, 46550000, 100000000, "46.55%" }, { 410804, 50200000, 100000000, "50.20%" },
        { 410811, 53800000, 100000000, "53.80%" }, { 410821, 57660000, 100000000, "57.66%" }, { 410822, 60400000, 100000000, "60.40%" },
        { 410823, 154703380, 247130000, "62.60%" }, { 410825, 0, 0, "" },
    };
    enum { GRASSLAND_COVER = 3 };
    struct node *n = node_open(CITY, 0);
    const struct kind_row *kind = kind_by_name("indicator");
    char code[16];
    for (size_t i = 0; i < LZ_COUNT(counties); i++) {
        struct counters sum = { { 0 } };
        sum.of[COUNTER_total] = sum.of[COUNTER_records] = sum.of[COUNTER_reporting] = 1;
        sum.of[COUNTER_sum_0] = counties[i].part;
        sum.of[COUNTER_sum_0 + 1] = counties[i].whole;
        snprintf(code, sizeof code, "code=%u", counties[i].unit);
        GOOD(WRITE(n, "child add", code, arg(n, "key", new_key(n))));
        sum_from_below(n, counties[i].unit, kind->number, sums_subject(kind->number, GRASSLAND_COVER, 202200), &sum);
    }
    struct counters absurd = { { 0 } };                  /* a child names its headings itself */
    absurd.of[COUNTER_total] = absurd.of[COUNTER_records] = 1;
    sum_from_below(n, 410802, kind->number, sums_subject(kind->number, GRASSLAND_COVER, 999999), &absurd);
    GOOD(READ(n, "indicators"));                         /* of the latest period that is one */
    cr_assert_eq(rows_of(n, "indicators"), 1 + LZ_COUNT(counties));
    cr_assert_str_eq(cell_of(n, "indicators", 0, "actual"), "54.94%");
    cr_assert_str_eq(cell_of(n, "indicators", 0, "reporting"), "8");
    int64_t hundredths = 0;
    for (size_t i = 0; i < LZ_COUNT(counties); i++) {
        const char *rate = cell_of(n, "indicators", i + 1, "actual");
        cr_assert_str_eq(rate, counties[i].rate);
        char *point = NULL;
        if (*rate) hundredths += strtol(rate, &point, 10) * 100 + strtol(point + 1, NULL, 10);
    }
    cr_assert_eq((hundredths + 3) / 7, 5333, "the plain mean of the seven would be another figure");
    node_close(n);
}

/* By the calendar, once a month, however often it is looked at; nothing as long as there is nothing to tell. */
Test(ctl, a_bulletin_is_made_by_the_calendar) {
    struct node *n = node_open(CITY, 0);
    GOOD(WRITE(n, "child add", "code=410802", arg(n, "key", new_key(n))));
    ctl_destroy(&n->ctl);
    n->ctl = ctl_create(&(struct ctl_options){ .turn = n->turn, .roster = n->roster, .roster_path = n->roster_path, .software = "", .store_path = "",
                                               .bulletin_every = "month" });
    days_pass(n, LZ_DAY_MS);
    GOOD(READ(n, "bulletin list"));
    cr_assert_eq(n->answer.n_rows, 0, "nothing to tell");
    struct counters two = { { 0 } };
    two.of[COUNTER_total] = 2;
    two.of[COUNTER_state_0 + HANDLING_closed] = 1;
    sum_from_below(n, 410802, KIND_task, (struct rec_id){ 0 }, &two);
    for (int i = 0; i < 4; i++) days_pass(n, LZ_DAY_MS / 3);
    GOOD(READ(n, "bulletin list"));
    cr_assert_eq(rows_of(n, "list"), 1);
    GOOD(WRITE(n, "bulletin make"));
    GOOD(READ(n, "bulletin list"));
    cr_assert_eq(rows_of(n, "list"), 1, "a clerk asks for the same one");
    for (int i = 0; i < 2; i++) days_pass(n, UINT64_C(31) * LZ_DAY_MS);
    for (int i = 0; i < 2; i++) days_pass(n, LZ_DAY_MS / 3);
    GOOD(READ(n, "bulletin list"));
    cr_assert_eq(rows_of(n, "list"), 3, "the next months");
    GOOD(READ(n, "bulletin draft", "period=2022"));
    cr_assert_eq(rows_of(n, "ranking"), 1);
    REFUSED(n, LZ_bad_date, READ(n, "bulletin draft", "period=never"));
    node_close(n);
}

Test(ctl, a_child_is_not_added_when_the_file_cannot_be_written) {
    struct node *n = node_open(CITY, 0);
    snprintf(n->roster_path, sizeof n->roster_path, "%s/nowhere/children", n->directory);
    ctl_destroy(&n->ctl);
    n->ctl = ctl_create(&(struct ctl_options){ .turn = n->turn, .roster = n->roster, .roster_path = n->roster_path, .software = "", .store_path = "" });
    REFUSED(n, LZ_store_io, WRITE(n, "child add", "code=410802", arg(n, "key", new_key(n))));
    cr_assert_eq(n->roster->n_children, 0);
    GOOD(READ(n, "links"));
    cr_assert_eq(n->answer.n_rows, 0);
    node_close(n);
}

Test(ctl, a_child_is_put_back_when_the_turn_fails) {
    struct node *n = node_open(CITY, 0);
    GOOD(WRITE(n, "child add", "code=410802", arg(n, "key", new_key(n))));
    struct ask add = make_ask(n, "child add", (const char *const[]){ "code=410803", arg(n, "key", new_key(n)), NULL });
    struct ask gone = make_ask(n, "child remove", (const char *const[]){ "code=410802", NULL });
    uint8_t one[16], two[16];
    lz_random(one, sizeof one);
    lz_random(two, sizeof two);
    add.request = lz_bytes_of(one, 16);
    gone.request = lz_bytes_of(two, 16);
    begin(n);
    serve(n, &add);
    serve(n, &gone);
    cr_assert_eq(n->roster->n_children, 1);
    store_give_up(n->store);
    ctl_flush(n->ctl, turn_commit(n->turn));
    cr_assert(next_answer(n) && n->answer.code == LZ_full && next_answer(n) && n->answer.code == LZ_full);
    cr_assert(roster_find(n->roster, 410802) && !roster_find(n->roster, 410803));
    cr_assert(ctl_has_deferred(n->ctl));
    GOOD(READ(n, "links"));
    cr_assert_eq(n->answer.n_rows, 1);
    cr_assert_str_eq(cell_of(n, "list", 0, "unit"), "410802");
    gone.seq = ++n->seq;
    GOOD(ask_in_turn(n, &gone));
    node_close(n);
}

/* ---- the node --------------------------------------------------------------------------------------------------------------- */

Test(ctl, status_units_and_the_like) {
    struct node *n = node_open(CITY, 0);
    GOOD(READ(n, "status"));
    cr_assert_str_eq(card_of(n, "单位"), "410800 焦作市");
    cr_assert(card_of(n, "运行号") && card_of(n, "已用空间"));
    GOOD(READ(n, "links"));
    GOOD(READ(n, "units", "code=焦作市"));
    cr_assert_eq(rows_of(n, "list"), COUNTIES + 1);
    GOOD(READ(n, "units"));
    cr_assert_eq(rows_of(n, "list"), 176);
    GOOD(READ(n, "refused"));
    GOOD(READ(n, "verify"));
    GOOD(READ(n, "why", "code=410000"));
    REFUSED(n, LZ_illegal_move, WRITE(n, "reclaim skip"));
    REFUSED(n, LZ_not_found, WRITE(n, "links resolve", "code=410802"));
    node_close(n);
}

Test(ctl, every_write_is_in_the_chain) {
    struct node *n = node_open(CITY, 0);
    issue(n, "task issue", "一", "all");
    REFUSED(n, LZ_unknown_unit, WRITE(n, "task issue", "title=二", "to=410102"));
    GOOD(WRITE(n, "problem report", "title=三"));
    GOOD(READ(n, "audit"));
    cr_assert_eq(rows_of(n, "list"), 3);
    cr_assert_str_eq(cell_of(n, "list", 0, "verb"), "problem report 三");
    cr_assert_str_eq(cell_of(n, "list", 1, "outcome"), "unknown_unit");
    cr_assert_str_eq(cell_of(n, "list", 0, "sequence"), "3");
    struct key key = key_u64(2);
    struct lz_bytes v;
    begin(n);
    cr_assert(store_get(n->store, TABLE_audit, key, &v));
    uint8_t *copy = arena_copy(n->arena, v.data, v.len);
    copy[20] ^= 1;
    store_put(n->store, TABLE_audit, key, lz_bytes_of(copy, v.len));
    end(n);
    REFUSED(n, LZ_differs, READ(n, "audit"));
    node_close(n);
}

Test(ctl, watching) {
    struct node *n = node_open(CITY, 0);
    GOOD(READ(n, "watch", "kind=problem"));
    cr_assert(n->answer.streaming && ctl_is_watched(n->ctl));
    uint64_t seq = n->answer.seq;
    issue(n, "task issue", "不看这个", "all");
    cr_assert(!next_answer(n));
    GOOD(WRITE(n, "problem report", "title=看这个"));
    cr_assert(next_answer(n));
    cr_assert_eq(n->answer.seq, seq);
    cr_assert_str_eq(cell_of(n, "list", 0, "title"), "看这个");
    node_close(n);
}

/* The first client watches already: of WATCHERS_MAX more the last is refused. */
Test(ctl, not_everybody_can_watch) {
    struct node *n = node_open(CITY, 0);
    GOOD(READ(n, "watch"));
    for (int i = 0; i < WATCHERS_MAX; i++) {
        struct ask ask = make_ask(n, "watch", NULL);
        struct answer answer;
        enum packet_type type;
        struct lz_bytes packet, body;
        const uint8_t *to;
        size_t len;
        char client[2] = { 'w', (char)('a' + i) };
        cr_assert_eq(ask_encode(n->arena, &ask, &packet), LZ_ok);
        begin(n);
        ctl_serve(n->ctl, (const uint8_t *)client, 2, 0, packet);
        end(n);
        cr_assert(ctl_next_answer(n->ctl, &to, &len, &packet) && len == 2 && memcmp(to, client, 2) == 0);
        cr_assert_eq(packet_open(packet, &type, &body, &n->fail), LZ_ok);
        cr_assert_eq(answer_decode(n->arena, body, &answer), LZ_ok);
        cr_assert_eq(answer.code, i < WATCHERS_MAX - 1 ? LZ_ok : LZ_too_many);
    }
    node_close(n);
}

/* Every cell that an answer has can be printed: it is a row of columns.def. */
Test(ctl, cells_are_columns) {
    static const char *const columns[] = {
#define X(name, heading, align) #name,
#include "../../schema/columns.def"
    };
    static const char *const asked[] = { "task list", "problem list", "emergency list", "board", "links", "tree", "status", "audit",
                                          "units", "duty list", "child list" };
    struct node *n = node_open(CITY, 0);
    const char *id = issue(n, "task issue", "一", "all");
    GOOD(WRITE(n, "problem report", "title=三"));
    GOOD(WRITE(n, "emergency report", "title=三"));
    GOOD(WRITE(n, "duty set", "no=1", "name=三"));
    GOOD(WRITE(n, "child add", "code=410802", arg(n, "key", new_key(n))));
    for (size_t i = 0; i < LZ_COUNT(asked) + 2; i++) {
        if (i < LZ_COUNT(asked)) GOOD(READ(n, asked[i]));
        else GOOD(READ(n, i == LZ_COUNT(asked) ? "task show" : "trace", arg(n, "id", id)));
        cr_assert_gt(n->answer.n_rows, 0);
        for (size_t r = 0; r < n->answer.n_rows; r++)
            for (size_t k = 0; k < n->answer.rows[r].n_cells; k++) {
                const char *name = text_of(n, n->answer.rows[r].cells[k].name);
                bool known = name[0] == '_';
                for (size_t j = 0; j < LZ_COUNT(columns); j++) known |= strcmp(columns[j], name) == 0;
                cr_assert(known, "%s", name);
            }
    }
    node_close(n);
}

/* ---- what a user review found -------------------------------------------------------------------------------------------------- */

/* For programs every item of a card has an English name. */
static void fields_are_ascii(struct node *n) {
    cr_assert_gt(rows_of(n, "card"), 0);
    for (size_t i = 0; row_of(n, "card", i); i++)
        for (const char *p = cell_of(n, "card", i, "_field"); *p; p++)
            cr_assert((*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9') || *p == '_', "%s", cell_of(n, "card", i, "item_name"));
}

Test(ctl, cards_have_english_fields) {
    struct node *n = node_open(CITY, 0), *county = node_open(COUNTY, CITY);
    GOOD(READ(n, "status"));
    fields_are_ascii(n);
    size_t states = 0;
    for (size_t i = 0; row_of(n, "card", i); i++) states += strcmp(cell_of(n, "card", i, "_field"), "state_zh") == 0;
    cr_assert_eq(states, 0, "the number of standings is no state");
    GOOD(WRITE(n, "order issue", "title=令", "to=all", "number=焦林长〔2022〕1号"));
    GOOD(WRITE(n, "letter issue", "title=函", "to=410802", "number=焦林长督〔2022〕3号", "body=正文", "signers=甲", "due=2022-06-30", "item=3", "plan=方案",
               "lead=林长办", "responsible=各县", "measure=要求", "answer=1", "parent=焦林长〔2022〕1号"));
    const char *id = cell_of(n, "done", 0, "id");
    GOOD(WRITE(n, "move", "move=extend", arg(n, "id", id), "due=2022-07-30"));
    GOOD(READ(n, "letter show", arg(n, "id", id)));
    cr_assert(card_of(n, "延期至") && card_of(n, "分解自") && card_of(n, "签发人"));
    fields_are_ascii(n);
    GOOD(WRITE(n, "problem report", "title=三", "class=森林防火", "body=内容", "place=某村", "place-code=410802", "severity=2", "longitude=113.2",
               "latitude=35.2", "parcel=7"));
    id = cell_of(n, "done", 0, "id");
    GOOD(READ(n, "problem show", arg(n, "id", id)));
    fields_are_ascii(n);
    GOOD(WRITE(n, "task issue", "title=整改", "to=410802", arg(n, "about", id)));
    GOOD(READ(n, "task show", arg(n, "id", cell_of(n, "done", 0, "id"))));
    cr_assert(card_of(n, "关于"));
    fields_are_ascii(n);
    GOOD(WRITE(n, "emergency report", "title=火", "area-ha=1", "dead=1", "body=内容"));
    GOOD(READ(n, "emergency show", arg(n, "id", cell_of(n, "done", 0, "id"))));
    fields_are_ascii(n);
    struct node *city = n;
    n = county;
    GOOD(READ(n, "status"));
    fields_are_ascii(n);
    node_close(county);
    node_close(city);
}

Test(ctl, an_emergency_says_whether_it_can_go_up) {
    struct node *n = node_open(CITY, 0), *county = node_open(COUNTY, CITY), *city = n;
    GOOD(WRITE(n, "emergency report", "title=火情"));
    cr_assert(strstr(said(n), "已记录：") && !strstr(said(n), "上级"), "%s", said(n));
    link_up(n, county);
    n = county;
    GOOD(WRITE(n, "emergency report", "title=火情"));
    cr_assert(strstr(said(n), "已记录：") && strstr(said(n), "；正在上送上级 410800 焦作市"), "%s", said(n));
    cr_assert(!strstr(said(n), "未连接"));
    GOOD(READ(n, "links"));                     /* the city has not answered yet: nothing shrinks */
    cr_assert_str_eq(cell_of(n, "list", 0, "link"), "syncing");
    cr_assert_str_eq(cell_of(n, "list", 0, "next"), "暂无进展，等待对方");
    cr_assert_str_eq(cell_of(n, "list", 0, "eta"), "未知");
    begin(n);
    turn_parent_event(n->turn, PARENT_LOST);
    end(n);
    GOOD(WRITE(n, "emergency report", "title=又一起"));
    cr_assert(strstr(said(n), "上级 410800 焦作市 未连接，连上后立即上送；请同时电话报告"), "%s", said(n));
    GOOD(READ(n, "links"));
    cr_assert_str_eq(cell_of(n, "list", 0, "eta"), "未知");
    cr_assert(!strstr(cell_of(n, "list", 0, "next"), "积压在减少"));
    node_close(county);
    node_close(city);
}

Test(ctl, children_stand_below) {
    struct node *n = node_open(CITY, 0);
    REFUSED(n, LZ_unknown_unit, WRITE(n, "child add", "code=410102", arg(n, "key", new_key(n))));
    REFUSED(n, LZ_unknown_unit, WRITE(n, "child add", "code=410802", arg(n, "key", new_key(n)), "subtree=410802,410102"));
    cr_assert(strstr(said(n), "410102"), "%s", said(n));
    cr_assert_eq(n->roster->n_children, 0);
    GOOD(WRITE(n, "child add", "code=410802", arg(n, "key", new_key(n))));
    cr_assert(!strstr(said(n), "区划表"), "%s", said(n));
    GOOD(WRITE(n, "child add", "code=419999", arg(n, "key", new_key(n))));
    cr_assert(strstr(said(n), "下级 419999，") && strstr(said(n), "419999 不在区划表中"), "%s", said(n));
    GOOD(WRITE(n, "child add", "code=410803", arg(n, "key", new_key(n)), "subtree=410803,410898,410899"));
    cr_assert(strstr(said(n), "有 2 个代码不在区划表中（如 410898）"), "%s", said(n));
    GOOD(READ(n, "why", "code=419999"));
    GOOD(WRITE(n, "child remove", "code=419999"));
    cr_assert(strstr(said(n), "下级 419999；"), "%s", said(n));
    REFUSED(n, LZ_unknown_unit, READ(n, "why", "code=419999"));
    node_close(n);
}

Test(ctl, why_is_about_the_unit_asked) {
    struct node *n = node_open(CITY, 0), *county = node_open(COUNTY, CITY), *city = n;
    GOOD(READ(n, "why"));
    cr_assert(strstr(said(n), "最上级"), "%s", said(n));
    REFUSED(n, LZ_unknown_unit, READ(n, "why", "code=123456"));
    GOOD(READ(n, "why", "code=410102"));
    cr_assert(strstr(said(n), "410102"), "%s", said(n));
    link_up(n, county);
    n = county;
    GOOD(READ(n, "why"));
    cr_assert_str_eq(said(n), "与 410800 焦作市 已同步");
    GOOD(READ(n, "why", "code=410102"));
    cr_assert(strncmp(said(n), "410102 ", 7) == 0 && strstr(said(n), "经上级 410800 焦作市"), "%s", said(n));
    node_close(county);
    node_close(city);
}

Test(ctl, parents_are_found_by_number) {
    struct node *n = node_open(CITY, 0);
    GOOD(WRITE(n, "order issue", "title=令", "to=all", "number=焦林长〔2022〕1号"));
    const char *order = cell_of(n, "done", 0, "id");
    GOOD(WRITE(n, "task issue", "title=任务", "to=all", "parent=焦林长〔2022〕1号"));
    GOOD(READ(n, "task show", arg(n, "id", cell_of(n, "done", 0, "id"))));
    cr_assert_str_eq(card_of(n, "分解自"), order);
    REFUSED(n, LZ_bad_argument, WRITE(n, "task issue", "title=任务", "to=all", "about=焦林长〔2022〕1号"));
    REFUSED(n, LZ_not_found, READ(n, "task show", "id=焦林长〔2022〕1号"));
    node_close(n);
}

Test(ctl, the_board_counts_and_does_not_average) {
    struct node *n = node_open(CITY, 0), *county = node_open(COUNTY, CITY);
    link_up(n, county);
    GOOD(WRITE(n, "task issue", "title=造林", "to=410802,410803"));
    cr_assert(strstr(said(n), "其中 1 个单位尚未登记，登记后自动送达"), "%s", said(n));
    GOOD(WRITE(n, "task issue", "title=巡林", "to=410802"));
    cr_assert(!strstr(said(n), "尚未登记"), "%s", said(n));
    GOOD(WRITE(n, "problem report", "title=问题"));
    GOOD(WRITE(n, "emergency report", "title=火情"));
    exchange(n, county, 20);
    GOOD(READ(n, "board"));
    const char *two = cell_of(n, "board", 0, "recipients"), *one = cell_of(n, "board", 1, "recipients");
    if (strcmp(cell_of(n, "board", 0, "title"), "造林") != 0) { const char *swap = two; two = one; one = swap; }
    cr_assert(strcmp(two, "2") == 0 && strcmp(one, "1") == 0, "%s %s", two, one);
    const struct row *part = row_of(n, "parts", 0);
    cr_assert(part && !cell_in(n, part, "percent") && !cell_in(n, part, "_bar") && cell_in(n, part, "reporting") && cell_in(n, part, "n_reported"));
    cr_assert_gt(rows_of(n, "emergencies"), 0);
    GOOD(READ(n, "board", "kind=problem"));
    cr_assert_eq(rows_of(n, "problems"), n->answer.n_rows);
    cr_assert_eq(n->answer.n_rows, 1);
    cr_assert_str_eq(said(n), "问题 1 个，红灯 0");
    node_close(county);
    node_close(n);
}

Test(ctl, lists_name_what_they_show) {
    struct node *n = node_open(CITY, 0), *county = node_open(COUNTY, CITY), *city = n;
    GOOD(WRITE(n, "duty set", "no=001", "name=张三"));
    GOOD(READ(n, "duty list"));
    cr_assert_str_eq(cell_of(n, "list", 0, "no"), "001");
    cr_assert_str_eq(cell_of(n, "list", 0, "person"), "张三");
    GOOD(WRITE(n, "problem report", "title=问题"));
    later(n, 60000);
    GOOD(READ(n, "problem list"));
    cr_assert_str_neq(cell_of(n, "list", 0, "elapsed"), "");
    GOOD(WRITE(n, "emergency report", "title=火情", "began=2022-04-24T08:30"));
    GOOD(READ(n, "emergency list"));
    cr_assert_str_eq(cell_of(n, "list", 0, "began"), "2022-04-24 08:30:00");
    link_up(n, county);
    GOOD(READ(n, "tree"));
    cr_assert_str_eq(cell_of(n, "list", 0, "tier"), "county");
    cr_assert_str_eq(cell_of(n, "list", 0, "tier_zh"), "县");
    cr_assert_str_eq(cell_of(n, "list", 0, "version"), "test 1");
    cr_assert_str_neq(cell_of(n, "list", 0, "epoch"), "");
    cr_assert_str_eq(cell_of(n, "list", 1, "behind_records"), "");
    const char *id = issue(n, "task issue", "造林", "410802");
    GOOD(READ(n, "tree"));
    cr_assert_str_neq(cell_of(n, "list", 0, "behind_records"), "0");
    cr_assert_str_neq(cell_of(n, "list", 0, "age"), "");
    exchange(city, county, 6);
    n = county;
    id = arena_printf(n->arena, "%s", id);
    GOOD(WRITE(n, "move", "move=sign", arg(n, "id", id)));
    GOOD(WRITE(n, "progress report", arg(n, "id", id), "num=1", "den=2"));
    GOOD(READ(n, "progress list"));
    cr_assert_str_eq(cell_of(n, "progress", 0, "task"), id);
    exchange(city, county, 6);
    n = city;
    GOOD(WRITE(n, "move", "move=urge", arg(n, "id", id)));
    GOOD(READ(n, "trace", arg(n, "id", id)));
    size_t last = rows_of(n, "moves") - 1;
    cr_assert_str_eq(cell_of(n, "moves", last, "unit"), "410802");
    cr_assert_str_eq(cell_of(n, "moves", last, "name"), "解放区");
    cr_assert_str_eq(cell_of(n, "moves", last, "origin"), "410800");
    cr_assert_str_eq(cell_of(n, "moves", last, "origin_name"), "焦作市");
    node_close(county);
    node_close(city);
}

Test(ctl, refusals_name_what_was_typed) {
    struct node *n = node_open(CITY, 0);
    REFUSED(n, LZ_usage, WRITE(n, "task issue", "title=", "to=all"));
    cr_assert(strncmp(said(n), "标题不能为空", strlen("标题不能为空")) == 0, "%s", said(n));
    REFUSED(n, LZ_usage, WRITE(n, "letter issue", "to=all"));
    cr_assert(strstr(said(n), "--title") && strstr(said(n), "用法：letter issue") && !strstr(said(n), "NOUN"), "%s", said(n));
    REFUSED(n, LZ_bad_argument, WRITE(n, "emergency report", "title=火", "class=无"));
    cr_assert(strstr(said(n), "fire 森林火情、flood 洪涝"), "%s", said(n));
    REFUSED(n, LZ_bad_argument, READ(n, "problem list", "class=无"));
    cr_assert_eq(rows_of(n, "candidates"), 14);
    cr_assert_str_eq(cell_of(n, "candidates", 13, "value"), "林业有害生物防治");
    cr_assert(lz_text_valid(n->answer.text) && strstr(said(n), " 等"), "%s", said(n));
    node_close(n);
}

Test(ctl, a_watched_move_says_of_what) {
    struct node *n = node_open(CITY, 0);
    GOOD(WRITE(n, "problem report", "title=盗伐"));
    const char *id = cell_of(n, "done", 0, "id");
    GOOD(READ(n, "watch"));
    GOOD(WRITE(n, "move", "move=accept", arg(n, "id", id), "text=已派人"));
    cr_assert(next_answer(n));
    cr_assert_str_eq(cell_of(n, "list", 0, "subject"), id);
    cr_assert_str_eq(cell_of(n, "list", 0, "title"), "盗伐");
    cr_assert_str_eq(cell_of(n, "list", 0, "text"), "已派人");
    node_close(n);
}

/* ---- the configuration ------------------------------------------------------------------------------------------------------------- */

static enum lz_err config_of(struct config *config, const char *text, struct lz_fail *fail) {
    char folder[] = "/tmp/test-config-XXXXXX", path[64];
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/c.ini", folder);
    FILE *file = fopen(path, "w");
    fputs(text, file);
    fclose(file);
    enum lz_err err = config_read(path, config, fail);
    unlink(path);
    rmdir(folder);
    return err;
}

Test(config, paths_of_a_list_are_from_the_file) {
    static struct config c;
    struct lz_fail fail = { 0 };
    cr_assert_eq(config_of(&c, "[node]\ndivisions = ../data/a.tsv, /etc/b.tsv ,c.tsv\n[control]\ngroup = root\n", &fail), LZ_ok, "%s", fail.text);
    const char *rest = strstr(c.node_divisions, "/../data/a.tsv, /etc/b.tsv, /tmp/test-config-");
    cr_assert(strncmp(c.node_divisions, "/tmp/test-config-", 17) == 0 && rest && strstr(rest, "/c.tsv"), "%s", c.node_divisions);
    cr_assert_str_eq(c.node_holidays, "");
}

Test(config, endpoints_and_groups_are_checked_in_their_line) {
    static const char *const bad[] = { "tcp://10.1.2.3", "tcp://10.1.2.3:", "tcp://10.1.2.3:0", "tcp://10.1.2.3:65534", "10.1.2.3:7410", "tcp://:7410", "tcp" };
    static struct config c;
    struct lz_fail fail = { 0 };
    char text[256];
    for (size_t i = 0; i < LZ_COUNT(bad); i++) {
        snprintf(text, sizeof text, "[listen]\n; x\nendpoint = %s\n", bad[i]);
        cr_assert_eq(config_of(&c, text, &fail), LZ_bad_config, "%s", bad[i]);
        cr_assert(strstr(fail.text, "c.ini 第 3 行"), "%s", fail.text);
        snprintf(text, sizeof text, "[parent]\nendpoints = tcp://10.1.2.3:7410, %s\n", bad[i]);
        cr_assert_eq(config_of(&c, text, &fail), LZ_bad_config, "%s", bad[i]);
        cr_assert(strstr(fail.text, "c.ini 第 2 行"), "%s", fail.text);
    }
    cr_assert_eq(config_of(&c, "[listen]\nendpoint = tcp://[::]:65533\n[parent]\nendpoints = tcp://a:1,tcp://b:2\n", &fail), LZ_ok, "%s", fail.text);
    cr_assert_eq(config_of(&c, "[control]\ngroup = no-such-group\n", &fail), LZ_bad_config);
    cr_assert(strstr(fail.text, "c.ini 第 2 行") && strstr(fail.text, "没有这个用户组"), "%s", fail.text);
}
