/* test_print: linzhangctl without a daemon: words, help, tables, cards, bars, JSON, TSV, and the import against a daemon that
 * this file plays (the session_ functions below), which loses, refuses and forgets as it is told. */
#include "../../daemon/ctl/print.c"
#include "../../daemon/ctl/client_args.c"
#include "../../daemon/ctl/client_help.c"
#include "../../daemon/ctl/client_import.c"
#include "../../daemon/ctl/client_csv.c"
#include <criterion/criterion.h>

enum { ARENA_ROOM = 1 << 30, TEXT_ROOM = 256 * 1024 };

static struct arena *arena;
static char seen[TEXT_ROOM];
static struct printer paper;

static void begin(void) {
    arena = arena_create(ARENA_ROOM);
    memset(seen, 0, sizeof seen);
    paper = (struct printer){ .out = fmemopen(seen, sizeof seen, "w"), .arena = arena };
    setvbuf(paper.out, NULL, _IONBF, 0);
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static struct answer made;
static void made_begin(void) {
    made = (struct answer){ .rows = client_alloc(arena, 64 * sizeof(struct row)) };
}
static void made_row(void) { made.rows[made.n_rows++].cells = client_alloc(arena, 80 * sizeof(struct cell)); }
static void made_cell(const char *name, const char *text) {
    struct row *row = &made.rows[made.n_rows - 1];
    row->cells[row->n_cells++] = (struct cell){ lz_bytes_str(name), lz_bytes_str(text) };
}
static const char *printed(void) {
    print_rows(&paper, made.rows, made.n_rows);
    return seen;
}

static void task_row(const char *id, const char *title, const char *state, const char *state_word, const char *n) {
    made_row();
    made_cell("id", id);
    made_cell("title", title);
    made_cell("state", state);
    made_cell("state_zh", state_word);
    made_cell("recipients", n);
    made_cell("number", "");
}

Test(print, columns_stand_straight, .init = begin) {
    made_begin();
    task_row("410800-task-1", "巡林", "signed", "已签收", "7");
    task_row("1", "a", "issued", "-", "1234");
    cr_assert_str_eq(printed(),
        "编号           标题  状态    接收\n"
        "410800-task-1  巡林  已签收     7\n"
        "1              a     -       1234\n");
}

Test(print, people_see_one_of_a_pair_and_nothing_empty, .init = begin) {
    made_begin();
    task_row("1", "巡林", "signed", "已签收", "7");
    printed();
    cr_assert_null(strstr(seen, "signed"));
    cr_assert_null(strstr(seen, "文号"));
    made_begin();
    made_row();
    made_cell("state", "signed");       /* alone it is all there is */
    printed();
    cr_assert_not_null(strstr(seen, "signed"));
}

Test(print, wide_text_is_clipped_and_ids_are_not, .init = begin) {
    made_begin();
    task_row("410800-task-01M0W7Q0R8000-3KQ2Z7A", "进一步明确林长履职方式方法积极推动林长巡林督查等工作", "signed", "已签收", "7");
    made_cell("due", "2022-04-24 09:05:00");
    paper.width = 90;
    printed();
    cr_assert_not_null(strstr(seen, "410800-task-01M0W7Q0R8000-3KQ2Z7A"));
    cr_assert_not_null(strstr(seen, "2022-04-24 09:05:00"));
    cr_assert_not_null(strstr(seen, "…"));
    cr_assert_null(strstr(seen, "督查等工作"));
    for (char *line = strtok(seen, "\n"); line; line = strtok(NULL, "\n")) cr_assert_leq(width_of(line), 90, "%s", line);
}

Test(print, what_does_not_fit_comes_as_cards, .init = begin) {
    made_begin();
    task_row("410800-task-01M0W7Q0R8000-3KQ2Z7A", "巡林", "signed", "已签收", "7");
    task_row("2", "督查", "signed", "已签收", "8");
    paper.width = 40;
    cr_assert_str_eq(printed(), "编号：410800-task-01M0W7Q0R8000-3KQ2Z7A\n标题：巡林\n状态：已签收\n接收：7\n\n"
        "编号：2\n标题：督查\n状态：已签收\n接收：8\n");
}

/* On a screen; whole where a program or a file takes it. */
Test(print, long_titles_are_clipped_in_lists, .init = begin) {
    static const char title[] = "进一步明确林长履职方式方法积极推动林长巡林督查等工作全面落实";
    made_begin();
    task_row("1", title, "signed", "已签收", "7");
    paper.width = 200;
    printed();
    cr_assert_not_null(strstr(seen, "进一步明确林长履职方式方法积极推动林长…   已签收"), "%s", seen);
    cr_assert_null(strstr(seen, title));
    memset(seen, 0, sizeof seen);
    rewind(paper.out);
    print_json_answer(paper.out, &made);
    cr_assert_not_null(strstr(seen, title));
    memset(seen, 0, sizeof seen);
    rewind(paper.out);
    made_begin();
    made_row();
    made_cell("_section", "card");
    made_cell("item_name", "标题");
    made_cell("value", title);
    cr_assert_not_null(strstr(printed(), title));
}

Test(print, no_limit_when_it_is_no_terminal, .init = begin) {
    made_begin();
    task_row("1", "进一步明确林长履职方式方法积极推动林长巡林督查等工作进一步明确林长履职方式方法积极推动林长巡林督查等工作", "signed", "已签收", "7");
    cr_assert_null(strstr(printed(), "…"));
    cr_assert_eq(printer_for(paper.out, arena, LZ_ZH).width, 0);
    cr_assert_not(printer_for(paper.out, arena, LZ_ZH).colour);
}

Test(print, hostile_text_is_harmless, .init = begin) {
    made_begin();
    made_row();
    made_cell("title", "a\033[2Jb\xE2\x80\xAE" "c\r\n\xFF" "d\x9b");
    made_cell("\033[2J", "x");
    printed();
    for (const char *p = seen; *p; p++) cr_assert(*p == '\n' || (unsigned char)*p >= 0x20);
    cr_assert_not_null(strstr(seen, "a?[2Jb?c? ?d?"));
    cr_assert_null(strstr(seen, "\xE2\x80\xAE"));
}

Test(print, a_card_without_a_text, .init = begin) {
    made_begin();
    made_row();
    made_cell("_section", "card");
    made_cell("item_name", "正文");
    made.rows[0].cells[made.rows[0].n_cells++] = (struct cell){ lz_bytes_str("value"), { 0 } };
    cr_assert_str_eq(printed(), "正文：\n");
}

Test(print, bars, .init = begin) {
    cr_assert_str_eq(bar(arena, lz_bytes_str("0")), "░░░░░░░░░░░░░░░░░░░░");
    cr_assert_str_eq(bar(arena, lz_bytes_str("500")), "██████████░░░░░░░░░░");
    cr_assert_str_eq(bar(arena, lz_bytes_str("1000")), "████████████████████");
    cr_assert_str_eq(bar(arena, lz_bytes_str("99999")), "████████████████████");
    cr_assert_str_eq(bar(arena, lz_bytes_str("x")), "");
    made_begin();
    made_row();
    made_cell("name", "焦作市");
    made_cell("_bar", "250");
    made_cell("percent", "25%");
    made_cell("_hidden", "no");
    cr_assert_str_eq(printed(), "单位                          完成率\n焦作市  █████░░░░░░░░░░░░░░░     25%\n");
}

Test(print, cards_and_sections, .init = begin) {
    made_begin();
    made_row();
    made_cell("_section", "card");
    made_cell("item_name", "标题");
    made_cell("value", "巡林");
    made_row();
    made_cell("_section", "card");
    made_cell("item_name", "承办单位");
    made_cell("value", "第一行\n第二行\n");
    made_row();
    made_cell("_section", "recipients");
    made_cell("name", "焦作市");
    cr_assert_str_eq(printed(), "    标题：巡林\n承办单位：第一行\n          第二行\n\n单位\n焦作市\n");
}

Test(print, a_card_of_one_row_and_its_long_lines, .init = begin) {
    made_begin();
    made_row();
    made_cell("_section", "card");
    made_cell("title", "巡林");
    made_cell("body", "一二三四五六七八九十一二三四五六七八九十");
    paper.width = 26;
    cr_assert_str_eq(printed(), "标题：巡林\n正文：一二三四五六七八九十\n      一二三四五六七八九十\n");
}

Test(print, colours_only_where_wanted, .init = begin) {
    made_begin();
    made_row();
    made_cell("colour", "red");
    made_cell("colour_zh", "红·逾期");
    made_cell("yellow", "3");
    made_cell("blue", "0");
    printed();
    cr_assert_null(strchr(seen, '\033'));
    rewind(paper.out);
    paper.colour = true;
    printed();
    cr_assert_not_null(strstr(seen, "\033[31m红·逾期\033[0m"));
    cr_assert_not_null(strstr(seen, "\033[33m3\033[0m"));
    cr_assert_null(strstr(seen, "\033[34m"));
}

Test(print, more_columns_than_there_is_room_for, .init = begin) {
    static char names[70][8];
    made_begin();
    made_row();
    for (size_t i = 0; i < LZ_COUNT(names); i++) {
        (void)snprintf(names[i], sizeof names[i], "c%zu", i);
        made_cell(names[i], "x");
    }
    printed();
    cr_assert_not_null(strstr(seen, "c63"));
    cr_assert_null(strstr(seen, "c64"));
}

Test(print, refusals_and_ids, .init = begin) {
    print_refusal(&paper, LZ_illegal_move, lz_bytes_str("还没有签收"));
    cr_assert_str_eq(seen, "拒绝（illegal_move）：还没有签收\n");
    uint8_t id[REC_ID_BYTES];
    rec_id_put((struct rec_id){ 410800, KIND_task, 1ULL << 40, 7 }, id);
    struct lz_bytes ids[] = { lz_bytes_of(id, sizeof id) };
    struct answer answer = { .text = lz_bytes_str("已下发"), .ids = ids, .n_ids = 1 };
    print_answer(&paper, &answer);
    cr_assert_not_null(strstr(seen, "已下发\n编号：410800-task-"));
}

/* ---- JSON ---- */

Test(json, numbers_sections_and_hostile_text, .init = begin) {
    made_begin();
    made_row();
    made_cell("number", "123");
    made_cell("recipients", "7");
    made_cell("red", "-");
    made_cell("_bar", "250");
    made_cell("state", "signed");
    made_cell("state_zh", "已签收");
    made_cell("title", "\033\xE2\x80\xAE\x7F\xC2\x9B\"");
    made_row();
    made_cell("_section", "other");
    made_cell("name", "bad \xFF");
    made.text = lz_bytes_str("好");
    print_json_answer(paper.out, &made);
    cr_assert_str_eq(seen, "{\"code\":\"ok\",\"text\":\"好\",\"sections\":{\"list\":[{\"number\":\"123\",\"recipients\":7,\"red\":\"-\",\"_bar\":250,"
        "\"state\":\"signed\",\"state_zh\":\"已签收\",\"title\":\"\\u001B\\u202e\\u007f\\u009b\\\"\"}],\"other\":[{\"name\":\"bad ?\"}]}}\n");
}

Test(json, refused_lines, .init = begin) {
    struct reject rejects[] = { { 3, LZ_bad_date, lz_bytes_str("日期"), lz_bytes_str("x") } };
    struct import_result result = { .imported = 2, .rejects = rejects, .n_rejects = 1 };
    print_json_import(paper.out, LZ_bad_date, lz_bytes_str("t"), &result);
    cr_assert_str_eq(seen, "{\"code\":\"bad_date\",\"text\":\"t\",\"imported\":2,\"refused\":[{\"line\":3,\"code\":\"bad_date\",\"text\":\"日期\"}]}\n");
    rewind(paper.out);
    print_rejects(paper.out, LZ_ZH, &result, true);
    cr_assert_not_null(strstr(seen, "# 行\t代码\t原因\t原文\n3\tbad_date\t日期\tx\n"));
}

/* ---- the command line ---------------------------------------------------------------------------------------------- */

static struct command command;
static struct lz_fail why;
static enum lz_err typed(const char *line) {
    char *argv[64] = { "linzhangctl" }, *copy = arena_printf(arena, "%s", line);
    int argc = 1;
    for (char *word = strtok(copy, " "); word; word = strtok(NULL, " ")) argv[argc++] = word;
    return command_parse(arena, argc, argv, &command, &why);
}
static const char *given(const char *name) {
    const struct lz_bytes *value = command_arg(&command, name);
    return value ? arena_printf(arena, "%.*s", (int)value->len, (const char *)value->data) : NULL;
}
#define REFUSES(line, sentence) \
    do { \
        cr_assert_eq(typed(line), LZ_usage, "%s", line); \
        cr_assert_not_null(strstr(why.text, sentence), "%s: %s", line, why.text); \
    } while (0)

Test(words, verbs_and_nouns, .init = begin) {
    cr_assert_eq(typed("task issue --title 巡林 --to all --answer"), LZ_ok);
    cr_assert_str_eq(command.words, "task issue");
    cr_assert_str_eq(given("title"), "巡林");
    cr_assert_str_eq(given("answer"), "1");
    cr_assert_eq(typed("--to=all task --title=--x issue"), LZ_ok);
    cr_assert_str_eq(given("title"), "--x");
    cr_assert_eq(typed("order show 410800-x --json --timeout 5"), LZ_ok);
    cr_assert_str_eq(given("id"), "410800-x");
    cr_assert(command.json && command.timeout_ms == 5000);
    cr_assert_eq(typed("problem list --class fire"), LZ_ok);
    cr_assert_str_eq(command.verb->words, "problem list");
    cr_assert_eq(typed("工作任务 list"), LZ_ok);
    cr_assert_str_eq(command.words, "task list");
    cr_assert_eq(typed("links resolve 410800"), LZ_ok);
    cr_assert_str_eq(command.words, "links resolve");
    cr_assert_eq(typed("task import - --to all"), LZ_ok);
    cr_assert_eq(command.verb->mode, MODE_IMPORT);
}

Test(words, moves, .init = begin) {
    cr_assert_eq(typed("task sign X1 --text ok"), LZ_ok);
    cr_assert_str_eq(command.words, "move");
    cr_assert_str_eq(given("move"), "sign");
    cr_assert_str_eq(given("noun"), "task");
    cr_assert_str_eq(given("id"), "X1");
    cr_assert_eq(typed("签收 X1"), LZ_ok);
    cr_assert_str_eq(given("move"), "sign");
    cr_assert_null(given("noun"));
    cr_assert_eq(typed("move 办结 X1"), LZ_ok);
    cr_assert_str_eq(given("move"), "close");
    cr_assert_eq(typed("verify"), LZ_ok);
    cr_assert_str_eq(command.words, "verify");
    cr_assert_eq(typed("verify X1"), LZ_ok);
    cr_assert_str_eq(given("move"), "verify");
    cr_assert_eq(typed("problem verify X1"), LZ_ok);
    cr_assert_str_eq(given("noun"), "problem");
}

Test(words, what_is_wrong_is_said, .init = begin) {
    REFUSES("", "缺少命令");
    REFUSES("task", "缺少动作");
    REFUSES("task issue --title x", "缺少 --to");
    REFUSES("task issue --title x --to", "--to 后面缺少内容");
    REFUSES("task issue --title x --to --answer", "--to 后面缺少内容");
    REFUSES("task issue --title x --to all more", "多出了“more”");
    REFUSES("task show", "缺少 ID");
    REFUSES("task accept X", "没有“accept”");
    REFUSES("problem issue --title x --to all", "没有“issue”");
    REFUSES("status --limit 3", "没有 --limit");
    REFUSES("status --nonsense", "没有 --nonsense");
    REFUSES("status -x", "没有 -x");
    REFUSES("status extra", "多出了“extra”");
    REFUSES("audit --limit 1 --limit 2", "给了两次");
    REFUSES("status --json=1", "后面不带内容");
    REFUSES("status --timeout 0", "--timeout");
    REFUSES("status --request 12", "--request");
    REFUSES("move nothing X", "没有“nothing”");
    REFUSES("progress report X --num 1 --den 2 --text @/nonexistent", "打不开文件");
    REFUSES("1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1", "词太多");
}

Test(words, files_keys_and_requests, .init = begin) {
    char path[] = "/tmp/test_print.XXXXXX", line[128];
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, "\xEF\xBB\xBF第一行\r\n第二行\r\n", 25), 25);
    close(fd);
    (void)snprintf(line, sizeof line, "sign X --text @%s", path);
    cr_assert_eq(typed(line), LZ_ok, "%s", why.text);
    cr_assert_str_eq(given("text"), "第一行\n第二行");
    cr_assert_eq(truncate(path, TEXT_BYTES_MAX + 1), 0);
    REFUSES(line, "太大");
    cr_assert_eq(truncate(path, 5), 0);
    REFUSES(line, "UTF-8");
    unlink(path);
    cr_assert_eq(typed("sign X --text @@you"), LZ_ok);
    cr_assert_str_eq(given("text"), "@you");
    REFUSES("sign X --text \xFF", "UTF-8");
    /* a key may begin with any of 85 characters, these too */
    uint8_t public_key[KEY_BYTES], secret_key[KEY_BYTES];
    char key[KEY_TEXT];
    do {
        wire_keypair(public_key, secret_key);
        wire_key_print(public_key, key);
    } while (key[0] != '@');
    (void)snprintf(line, sizeof line, "child add 410800 --key %s", key);
    cr_assert_eq(typed(line), LZ_ok, "%s", why.text);
    cr_assert_str_eq(given("key"), key);
    cr_assert_eq(typed("sign X --request 000102030405060708090a0b0c0d0eff"), LZ_ok);
    cr_assert(command.request_given && command.request[15] == 0xFF && command.request[1] == 1);
}

Test(words, an_option_takes_a_value_everywhere_or_nowhere, .init = begin) {
    struct spec_item item;
    size_t options_seen = 0;
    for (size_t i = 0; i < verbs_known(); i++) {
        cr_assert_not_null(kind_row(KIND_task));
        for (const char *spec = verb_at(i)->spec; spec_next(&spec, &item);) {
            bool takes = false;
            if (!item.option) continue;
            options_seen++;
            cr_assert(option_known(item.name, strlen(item.name), &takes));
            cr_assert_eq(takes, item.value[0] != '\0', "--%s", item.name);
        }
    }
    cr_assert_gt(options_seen, 50);
}

Test(words, specs, .init = begin) {
    const char *spec = "ID [VERB...] --to CODES|all [--answer] [--limit N] --flag [CODE]";
    struct spec_item item;
    cr_assert(spec_next(&spec, &item) && !item.option && item.required && strcmp(item.name, "id") == 0);
    cr_assert(spec_next(&spec, &item) && item.rest && !item.required && strcmp(item.name, "verb") == 0);
    cr_assert(spec_next(&spec, &item) && item.option && item.required && strcmp(item.value, "CODES|all") == 0);
    cr_assert(spec_next(&spec, &item) && item.option && !item.required && !item.value[0] && strcmp(item.name, "answer") == 0);
    cr_assert(spec_next(&spec, &item) && !item.required && strcmp(item.value, "N") == 0);
    cr_assert(spec_next(&spec, &item) && item.required && !item.value[0] && strcmp(item.name, "flag") == 0);
    cr_assert(spec_next(&spec, &item) && !item.option && !item.required && strcmp(item.name, "code") == 0);
    cr_assert_not(spec_next(&spec, &item));
}

Test(words, help_for_everything, .init = begin) {
    cr_assert_eq(typed("task issue --help"), LZ_ok);
    cr_assert(command.verb->mode == MODE_LOCAL && command.n_topic == 2);
    cr_assert(help_print(paper.out, LZ_ZH, command.topic, command.n_topic));
    cr_assert_not_null(strstr(seen, "--title TEXT"));
    for (size_t i = 0; i < verbs_known(); i++) {
        char words[64];
        for (size_t k = 0; k < noun_count(); k++) {
            if (!noun_of_verb(verb_at(i), k, words)) continue;
            char line[80];
            (void)snprintf(line, sizeof line, "help %s", words);
            cr_assert_eq(typed(line), LZ_ok);
            rewind(paper.out);
            cr_assert(help_print(paper.out, LZ_ZH, command.topic, command.n_topic), "%s", words);
        }
    }
    static const char *const wrong[] = { "nothing" };
    cr_assert_not(help_print(paper.out, LZ_ZH, wrong, 1));
    rewind(paper.out);
    cr_assert(help_print(paper.out, LZ_ZH, NULL, 0));
    cr_assert_not_null(strstr(seen, "核查"));
    cr_assert_not(completion_print(paper.out, "fish"));
}

Test(words, only_secret_keys_are_shown, .init = begin) {
    char path[] = "/tmp/test_print.XXXXXX", public_path[64];
    int fd = mkstemp(path);
    cr_assert_eq(key_file_check(path, &why), LZ_ok);
    cr_assert_eq(fchmod(fd, 0644), 0);
    cr_assert_eq(key_file_check(path, &why), LZ_bad_key);
    cr_assert_not_null(strstr(why.text, "chmod 600"));
    (void)snprintf(public_path, sizeof public_path, "%s.pub", path);
    cr_assert_eq(rename(path, public_path), 0);
    cr_assert_eq(fchmod(fd, 0600), 0);
    cr_assert_eq(key_file_check(public_path, &why), LZ_bad_key);
    cr_assert_not_null(strstr(why.text, "公钥文件"));
    unlink(public_path);
    close(fd);
    cr_assert_eq(typed("why"), LZ_ok, "%s", why.text);
}

/* ---- TSV ---------------------------------------------------------------------------------------------------------------- */

Test(tsv, lines_and_fields, .init = begin) {
    struct tsv tsv;
    struct lz_bytes line, fields[3];
    tsv_open(&tsv, lz_bytes_str("\xEF\xBB\xBF# comment\r\na\tb\r\n\n c \t\tx\ty\nlast"));
    cr_assert(tsv_next(&tsv, &line) && tsv.line == 2 && is(line, "a\tb"));
    cr_assert_eq(tsv_split(line, fields, 3), 2);
    cr_assert(is(fields[0], "a") && is(fields[1], "b"));
    cr_assert(tsv_next(&tsv, &line) && tsv.line == 4);
    cr_assert_eq(tsv_split(line, fields, 3), 4);
    cr_assert(is(fields[0], "c") && fields[1].len == 0 && is(fields[2], "x"));
    cr_assert(tsv_next(&tsv, &line) && tsv.line == 5 && is(line, "last"));
    cr_assert_not(tsv_next(&tsv, &line));
}

Test(tsv, titles_from_text, .init = begin) {
    char text[2000] = "";
    cr_assert(is(first_sentence(lz_bytes_str("一句。两句。")), "一句"));
    for (int i = 0; i < 300; i++) strcat(text, "林长");
    struct lz_bytes title = first_sentence(lz_bytes_str(text));
    cr_assert_leq(title.len, LABEL_BYTES_MAX);
    cr_assert(lz_text_valid(title));
    text[599] = 'x';
    title = first_sentence(lz_bytes_str(text));
    cr_assert_leq(title.len, LABEL_BYTES_MAX);
}

/* ---- a daemon for the import ------------------------------------------------------------------------------------------------ */

enum { HEARD_MAX = 64 };
static struct {
    struct ask asks[HEARD_MAX];      /* all that were ever sent */
    size_t n, answered;
    size_t lose;                     /* so many of the first are never answered */
    size_t resolves, reopened;
    bool lost;                       /* the next look finds a new daemon */
    int32_t refuse_index;            /* of every chunk; -1: none */
    enum lz_err refuse_all;
    size_t ids;                      /* as if so many had been submitted the first time; 0: none told */
} fake;

static enum lz_err import_of(const char *verb, const char *more, const char *text, struct import_result *result) {
    char path[] = "/tmp/test_print.XXXXXX", words[256];
    int fd = mkstemp(path);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    (void)snprintf(words, sizeof words, "%s %s %s", verb, path, more);
    cr_assert_eq(typed(words), LZ_ok, "%s", why.text);
    static struct session session;
    session = (struct session){ .arena = arena, .timeout_ms = 60000, .client = NULL };
    enum lz_err err = import_run(&session, &command, result, &why);
    unlink(path);
    return err;
}

void session_touch(struct session *s) { s->until_ms = lz_clock_now().mono_ms + s->timeout_ms; }
enum lz_err session_timeout(const struct session *s, struct lz_fail *fail) { (void)s; return lz_refuse(fail, LZ_unreachable, "timeout"); }
bool session_lost(struct session *s) {
    bool lost = fake.lost;
    (void)s;
    fake.lost = false;
    return lost;
}
enum lz_err session_reopen(struct session *s, struct lz_fail *fail) {
    (void)s;
    (void)fail;
    fake.reopened++;
    return LZ_ok;
}
/* The ask as the daemon would see it, in bytes of its own. */
enum lz_err session_send(struct session *s, const struct ask *ask, struct lz_fail *fail) {
    struct lz_bytes packet, body;
    enum packet_type type;
    (void)s;
    (void)fail;
    cr_assert_lt(fake.n, (size_t)HEARD_MAX);
    cr_assert_eq(ask_encode(arena, ask, &packet), LZ_ok);
    cr_assert_eq(packet_open(packet, &type, &body, NULL), LZ_ok);
    cr_assert_eq(ask_decode(arena, body, &fake.asks[fake.n++]), LZ_ok);
    return LZ_ok;
}
static void fake_resolve(struct arena *room, const struct ask *ask, struct answer *answer) {
    struct cell *cell = client_alloc(room, sizeof *cell);
    char *id = client_alloc(room, REC_ID_TEXT);
    fake.resolves++;
    if (ask->args[0].value.data[0] == 'x') {
        answer->code = LZ_not_found;
        answer->text = lz_bytes_str("没有这项");
        return;
    }
    rec_id_print((struct rec_id){ 410800, KIND_task, 77ULL << 20, 9 }, id);
    *cell = (struct cell){ lz_bytes_str("id"), lz_bytes_str(id) };
    answer->rows = client_alloc(room, sizeof *answer->rows);
    answer->rows[0] = (struct row){ cell, 1 };
    answer->n_rows = 1;
}
enum lz_err session_recv(struct session *s, uint64_t wait_ms, struct arena *room, struct answer *answer) {
    static struct lz_bytes ids[ASK_DRAFTS_MAX];
    (void)s;
    (void)wait_ms;
    if (fake.lose > 0 && fake.n > fake.answered) {
        fake.answered++;
        fake.lose--;
        fake.lost = true;
        return LZ_unreachable;
    }
    if (fake.answered == fake.n) return LZ_unreachable;
    const struct ask *ask = &fake.asks[fake.answered++];
    *answer = (struct answer){ .seq = ask->seq };
    if (lz_bytes_equal(ask->verb, lz_bytes_str("resolve"))) {
        fake_resolve(room, ask, answer);
        return LZ_ok;
    }
    answer->code = fake.refuse_all;
    answer->ids = ids;
    answer->n_ids = fake.ids;
    if (fake.refuse_index < 0) return LZ_ok;
    answer->refused = client_alloc(room, sizeof *answer->refused);
    answer->refused[0] = (struct draft_result){ (uint32_t)fake.refuse_index, LZ_not_allowed, lz_bytes_str("不是本单位的任务") };
    answer->n_refused = 1;
    return LZ_ok;
}
static void begin_import(void) {
    begin();
    memset(&fake, 0, sizeof fake);
    fake.refuse_index = -1;
}
static struct record draft_of(size_t ask, size_t index) {
    struct record draft;
    cr_assert_lt(index, fake.asks[ask].n_drafts);
    cr_assert_eq(draft_decode(arena, fake.asks[ask].drafts[index], &draft, &why), LZ_ok, "%s", why.text);
    return draft;
}

static const char progress_file[] = "# 进展\r\nden\ttask\tas_of\tnum\ttext\r\n"
    "100\t任务一\t2022-05-01\t40\t好\r\n100\t任务一\t2022-05-32\t41\t-\r\n100\tx\t2022-05-02\t42\t-\r\n"
    "100\t任务一\t20220503\t4x\t-\r\n100\t任务一\r\n0\t任务一\t2022-05-03\t1\t-\r\n\xFF\t任务一\t2022-05-03\t1\t-\r\n100\t任务一\t2022-05-04\t43\t-";

Test(import, progress_lines_in_and_rejected, .init = begin_import) {
    struct import_result result;
    fake.refuse_index = 1;
    cr_assert_eq(import_of("progress import", "", progress_file, &result), LZ_ok, "%s", why.text);
    cr_assert_eq(fake.resolves, 2);
    cr_assert_eq(result.imported, 1);
    static const struct { uint32_t line; enum lz_err code; } expected[] = { { 4, LZ_bad_date }, { 5, LZ_not_found }, { 6, LZ_bad_argument },
        { 7, LZ_bad_argument }, { 8, LZ_bad_argument }, { 9, LZ_bad_utf8 }, { 10, LZ_not_allowed } };
    cr_assert_eq(result.n_rejects, LZ_COUNT(expected));
    for (size_t i = 0; i < LZ_COUNT(expected); i++) {
        cr_assert_eq(result.rejects[i].line, expected[i].line);
        cr_assert_eq(result.rejects[i].code, expected[i].code);
    }
    struct record draft = draft_of(2, 0);
    cr_assert_eq(draft.kind, KIND_progress);
    cr_assert_eq(draft.subject.stamp, 77ULL << 20);
    cr_assert_eq(draft.of.progress.numerator, 40);
    cr_assert_eq(draft.of.progress.as_of, 20220501);
    cr_assert(is(draft.of.progress.text, "好"));
}

Test(import, atomic_sends_nothing_when_a_line_is_bad, .init = begin_import) {
    struct import_result result;
    cr_assert_eq(import_of("progress import", "--atomic", progress_file, &result), LZ_ok);
    cr_assert_eq(result.imported, 0);
    cr_assert_eq(result.n_rejects, 6);
    for (size_t i = 0; i < fake.n; i++) cr_assert(lz_bytes_equal(fake.asks[i].verb, lz_bytes_str("resolve")));
}

static char *many_lines(size_t n) {
    char *text = client_alloc(arena, n * 64 + 64);
    size_t used = (size_t)sprintf(text, "task\tas_of\tnum\tden\n");
    for (size_t i = 0; i < n; i++) used += (size_t)sprintf(text + used, "%s\t2022-05-01\t%zu\t100\n", i % 3 ? "a" : "b", i % 100);
    return text;
}

Test(import, chunks_under_way_lost_and_sent_again, .init = begin_import) {
    struct import_result result;
    fake.lose = 5;
    cr_assert_eq(import_of("progress import", "--request 000102030405060708090a0b0c0d0eff", many_lines(3000), &result), LZ_ok, "%s", why.text);
    cr_assert_eq(result.imported, 3000);
    cr_assert_eq(result.n_rejects, 0);
    cr_assert_gt(fake.reopened, 0);
    uint32_t most = 0;
    for (size_t i = 0; i < fake.n; i++) {
        if (fake.asks[i].n_drafts == 0) continue;
        cr_assert_eq(fake.asks[i].request.len, REQUEST_BYTES);
        cr_assert_eq(memcmp(fake.asks[i].request.data, command.request, 12), 0);
        uint32_t chunk = lz_get32(fake.asks[i].request.data + 12);
        cr_assert_leq(fake.asks[i].n_drafts, 512);
        cr_assert_eq(draft_of(i, 0).of.progress.numerator, chunk * 512 % 100);
        if (chunk > most) most = chunk;
    }
    cr_assert_eq(most, 5);
}

Test(import, a_whole_chunk_refused_or_different, .init = begin_import) {
    struct import_result result;
    fake.refuse_all = LZ_recovering;
    cr_assert_eq(import_of("progress import", "", many_lines(3), &result), LZ_ok);
    cr_assert(result.imported == 0 && result.n_rejects == 3 && result.rejects[2].code == LZ_recovering && result.rejects[2].line == 4);
    fake.refuse_all = LZ_ok;
    fake.ids = 2;
    cr_assert_eq(import_of("progress import", "", many_lines(3), &result), LZ_ok);
    cr_assert(result.imported == 0 && result.n_rejects == 3 && result.rejects[0].code == LZ_conflict);
}

Test(import, atomic_has_a_limit, .init = begin_import) {
    struct import_result result;
    cr_assert_eq(import_of("progress import", "--atomic", many_lines(ASK_DRAFTS_MAX + 1), &result), LZ_too_many);
    cr_assert_eq(fake.n, 0);
    cr_assert_eq(import_of("progress import", "--atomic", many_lines(ASK_DRAFTS_MAX), &result), LZ_ok);
    cr_assert_eq(result.imported, ASK_DRAFTS_MAX);
    cr_assert_eq(fake.asks[fake.n - 1].n_drafts, ASK_DRAFTS_MAX);
    fake.refuse_index = 7;
    cr_assert_eq(import_of("progress import", "--atomic", many_lines(10), &result), LZ_ok);
    cr_assert(result.imported == 0 && result.n_rejects == 1 && result.rejects[0].line == 9);
}

Test(import, tasks_with_where_to_send_them, .init = begin_import) {
    struct import_result result;
    cr_assert_eq(import_of("task import", "--to 410800+ --due 2022-12-31 --plan 焦林长办〔2022〕6号",
        "number\tsection\theading_zh\ttext_zh\tlead_units\tresponsible_units\ttitle_en\n"
        "1\t一\t1. 落实\t正文一。\t市林长办\t各县\tx\n16\t二\t-\t首句。次句。\t-\t各县\tx\n-\t二\t-\t-\t-\t-\t-\n", &result), LZ_ok, "%s", why.text);
    cr_assert(result.imported == 2 && result.n_rejects == 1 && result.rejects[0].line == 4);
    const struct ask *ask = &fake.asks[0];
    cr_assert(is(ask->verb, "drafts") && ask->n_args == 3 && is(ask->args[0].name, "to") && is(ask->args[0].value, "410800+"));
    cr_assert(is(ask->args[1].name, "due") && is(ask->args[2].name, "plan"));
    struct record draft = draft_of(0, 0);
    cr_assert(draft.kind == KIND_task && draft.of.directive.item == 1 && is(draft.of.directive.title, "1. 落实") && is(draft.of.directive.lead, "市林长办"));
    draft = draft_of(0, 1);
    cr_assert(draft.of.directive.item == 16 && is(draft.of.directive.title, "首句") && is(draft.of.directive.body, "首句。次句。") && draft.of.directive.lead.len == 0);
}

Test(import, headers, .init = begin_import) {
    struct import_result result;
    cr_assert_eq(import_of("progress import", "", "task\tas_of\tnum\tden\tcolour\tshape\n", &result), LZ_bad_argument);
    cr_assert_not_null(strstr(why.text, "colour shape"));
    cr_assert_eq(import_of("progress import", "", "task\tas_of\tnum\n", &result), LZ_bad_argument);
    cr_assert_not_null(strstr(why.text, "缺少 den"));
    cr_assert_eq(import_of("progress import", "", "task\tas_of\tnum\tden\tnum\n", &result), LZ_bad_argument);
    cr_assert_not_null(strstr(why.text, "两个 num"));
    cr_assert_eq(import_of("progress import", "", "# nothing\n", &result), LZ_bad_argument);
    cr_assert_eq(import_of("progress import", "", "\xD6\xD0\ttask\n", &result), LZ_bad_utf8);
    cr_assert_eq(import_of("progress import", "", "task\tas_of\tnum\tden\n", &result), LZ_ok);
    cr_assert(result.imported == 0 && result.n_rejects == 0 && fake.n == 0);
}
