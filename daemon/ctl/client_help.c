/* client_help: help and completion, out of schema/verbs.def and schema/moves.def.
 *
 * Nothing here is said a second time: a verb's line is its row, a move's line is its row. Only the titles of the groups are
 * ours; a group begins at the verb it names. */
#include "client.h"
#include <ctype.h>

enum { WORDS_COLUMNS = 18, MOVE_COLUMNS = 17, ZH_COLUMNS = 10, BY_COLUMNS = 16, LINE_BYTES = 512 };

static const struct { const char *words, *title; } groups[] = {
    { "NOUN issue", "下达与办理" }, { "problem report", "问题" }, { "emergency report", "突发事件" }, { "move", "办理动作" },
    { "progress report", "进展" }, { "duty set", "值班与登记" }, { "board", "看板与查询" }, { "status", "节点与连接" },
    { "child add", "下级登记" }, { "reclaim skip", "维护" }, { "keygen", "本机（不需要守护进程）" },
};

static void put_padded(FILE *out, const char *text, size_t columns) {
    size_t used = lz_text_width(lz_bytes_str(text));
    fputs(text, out);
    do putc(' ', out);
    while (++used < columns);
}

static void put_verb(FILE *out, enum lz_lang lang, const struct verb *verb) {
    fputs("  ", out);
    put_padded(out, verb->words, WORDS_COLUMNS);
    fprintf(out, "%s\n", lz_text(lang, verb->help));
}

/* ---- moves ------------------------------------------------------------------------------------------------------ */

static const char *by_zh(enum move_by by) {
    switch (by) {
    case BY_DAEMON: return "自动";
    case BY_RECIPIENT: return "接收单位";
    case BY_ISSUER: return "下发单位";
    case BY_OWNER: return "承办单位";
    case BY_HANDLER: return "承办或受交办单位";
    case BY_FINDER: return "上报单位";
    case BY_ABOVE: return "上级";
    }
    return "?";
}

static uint16_t open_states(enum machine machine) {
    uint16_t mask = 0;
    for (uint8_t i = 0; i < STATES_MAX; i++)
        if (state_open(machine, i)) mask = (uint16_t)(mask | 1U << i);
    return mask;
}

static void put_states(FILE *out, enum lz_lang lang, const struct move_row *row) {
    const char *before = "";
    if (row->from == open_states(row->machine)) {
        fputs(lz_text(lang, "各未结状态"), out);
        return;
    }
    for (uint8_t i = 0; i < STATES_MAX; i++) {
        if (!(row->from >> i & 1)) continue;
        fprintf(out, "%s%s", before, lz_text(lang, state_zh(row->machine, i)));
        before = lz_text(lang, "、");
    }
}

static void put_needs(FILE *out, const struct move_row *row) {
    if (row->needs & NEEDS_TEXT) fputs("  --text", out);
    if (row->needs & NEEDS_UNIT) fputs("  --unit", out);
    if (row->needs & NEEDS_DUE) fputs("  --due", out);
}

static void put_move(FILE *out, enum lz_lang lang, const struct move_row *row) {
    fputs("  ", out);
    put_padded(out, row->name, MOVE_COLUMNS);
    if (lang == LZ_ZH) put_padded(out, row->zh, ZH_COLUMNS);
    put_padded(out, lz_text(lang, by_zh(row->by)), BY_COLUMNS + 2);
    put_states(out, lang, row);
    if (row->to != STATE_SAME) fprintf(out, " → %s", lz_text(lang, state_zh(row->machine, row->to)));
    put_needs(out, row);
    putc('\n', out);
}

static void put_machine_title(FILE *out, enum lz_lang lang, enum machine machine) {
    const char *before = "\n";
    for (size_t i = 0; i < noun_count(); i++) {
        if (noun_machine(noun_at(i)) != machine) continue;
        fprintf(out, "%s%s %s", before, noun_at(i)->word, lz_text(lang, kind_row(noun_at(i)->kind)->zh));
        before = lz_text(lang, "、");
    }
    fprintf(out, "%s\n  ", lz_text(lang, " 的办理动作"));
    put_padded(out, lz_text(lang, "动作"), lang == LZ_ZH ? MOVE_COLUMNS + ZH_COLUMNS : MOVE_COLUMNS);
    put_padded(out, lz_text(lang, "谁"), BY_COLUMNS + 2);
    fprintf(out, "%s\n", lz_text(lang, "从哪些状态 → 到哪里，必须带的选项"));
}

/* The moves of one machine; with a name, only that one. */
static bool put_moves(FILE *out, enum lz_lang lang, enum machine machine, const char *name) {
    bool any = false;
    for (size_t i = 0; i < move_count(); i++) {
        const struct move_row *row = move_at(i);
        if (row->machine != machine || (name && !lz_word_is(lz_bytes_str(name), row->name, row->zh))) continue;
        if (!any) put_machine_title(out, lang, machine);
        any = true;
        put_move(out, lang, row);
    }
    return any;
}

static bool put_all_moves(FILE *out, enum lz_lang lang, const char *name) {
    bool any = false;
    for (int m = MACHINE_HANDLING; m < MACHINE_COUNT; m++)
        if (put_moves(out, lang, (enum machine)m, name)) any = true;
    return any;
}

/* ---- topics ------------------------------------------------------------------------------------------------------- */

static void put_nouns(FILE *out, enum lz_lang lang) {
    fputs(lz_text(lang, "NOUN 是"), out);
    for (size_t i = 0; i < noun_count(); i++) {
        if (noun_machine(noun_at(i)) != MACHINE_HANDLING) continue;
        fprintf(out, lz_text(lang, " %s（%s）"), noun_at(i)->word, lz_text(lang, kind_row(noun_at(i)->kind)->zh));
    }
    fputs("\n", out);
}

/* One line a text: so each can be aligned in its language. */
static void put_usage(FILE *out, enum lz_lang lang) {
    static const char *const lines[] = {
        "用法：linzhangctl [-s 套接字] [--json] [--lang zh|en] [--timeout 秒] [--request 请求号] 命令 ...",
        "  -s 套接字          守护进程的控制套接字；也可设环境变量 LINZHANG_SOCKET；默认 /run/linzhang/linzhang.sock",
        "  --json             输出 JSON，供程序使用",
        "  --lang zh|en       中文或英文；不写时按环境变量 LC_ALL、LC_MESSAGES、LANG，以 en 开头为英文，其余为中文",
        "  --timeout 秒       等待应答的时间，默认 30；给出时也等守护进程启动",
        "  --request 请求号   32 位十六进制数；用同一请求号重复执行，只生效一次",
        "选项可在任何位置，也可写作 --名称=内容；内容为 @文件 时取文件的内容，以 @@ 开头则是以 @ 开头的文字。",
        "退出码：0 完成，1 被拒绝，2 用法不对，3 连不上守护进程。",
    };
    for (size_t i = 0; i < LZ_COUNT(lines); i++) fprintf(out, "%s\n", lz_text(lang, lines[i]));
}

static void put_title(FILE *out, const char *title) { fprintf(out, "\n%c%s\n", toupper((unsigned char)title[0]), title + 1); }

static void put_all(FILE *out, enum lz_lang lang) {
    put_usage(out, lang);
    for (size_t i = 0; i < verbs_known(); i++) {
        for (size_t g = 0; g < LZ_COUNT(groups); g++)
            if (strcmp(groups[g].words, verb_at(i)->words) == 0) put_title(out, lz_text(lang, groups[g].title));
        put_verb(out, lang, verb_at(i));
    }
    putc('\n', out);
    put_nouns(out, lang);
    put_all_moves(out, lang, NULL);
    fprintf(out, "\n%s\n", lz_text(lang, "一条命令的选项：linzhangctl help task issue；一类事项：linzhangctl help problem"));
}

static void put_items(FILE *out, enum lz_lang lang, const struct verb *verb, bool required) {
    struct spec_item item;
    bool any = false;
    for (const char *spec = verb->spec; spec_next(&spec, &item);) {
        if (!item.option || item.required != required) continue;
        if (!any) fprintf(out, "%s\n", lz_text(lang, required ? "必须有：" : "可以有："));
        any = true;
        fprintf(out, "  --%s%s%s\n", item.name, item.value[0] ? " " : "", item.value);
    }
}

static void put_detail(FILE *out, enum lz_lang lang, const struct verb *verb) {
    fprintf(out, lz_text(lang, "用法：linzhangctl %s%s%s"), verb->words, verb->spec[0] ? " " : "", verb->spec);
    fprintf(out, "\n%s\n", lz_text(lang, verb->help));
    if (strncmp(verb->words, "NOUN", 4) == 0) put_nouns(out, lang);
    put_items(out, lang, verb, true);
    put_items(out, lang, verb, false);
    if (verb->mode == MODE_WRITE || verb->mode == MODE_IMPORT)
        fprintf(out, "%s\n", lz_text(lang, "没有得到应答时，用提示的 --request 再次执行即可，不会重复生效。"));
    if (strcmp(verb->handler, "move") == 0) put_all_moves(out, lang, NULL);
}

/* One word of a topic against one of a verb's. */
static bool word_fits(const char *at, size_t len, const char *typed) {
    const struct noun *noun = noun_find(typed);
    if (len == 4 && memcmp(at, "NOUN", 4) == 0) return strcmp(typed, "NOUN") == 0 || (noun && noun_machine(noun) == MACHINE_HANDLING);
    if (noun) typed = noun->word;
    return strlen(typed) == len && memcmp(at, typed, len) == 0;
}

/* The verb begins with these words; whole: and ends with them. */
static bool verb_fits(const struct verb *verb, const char *const *topic, size_t n_topic, bool *whole) {
    const char *at = verb->words;
    for (size_t i = 0; i < n_topic; i++) {
        size_t len = strcspn(at, " ");
        if (len == 0 || !word_fits(at, len, topic[i])) return false;
        at += len;
        while (*at == ' ') at++;
    }
    *whole = *at == '\0';
    return true;
}

static bool put_topic(FILE *out, enum lz_lang lang, const char *const *topic, size_t n_topic) {
    bool any = false, whole = false;
    for (size_t i = 0; i < verbs_known(); i++) {
        if (!verb_fits(verb_at(i), topic, n_topic, &whole) || !whole) continue;
        if (any) putc('\n', out);
        put_detail(out, lang, verb_at(i));
        any = true;
    }
    for (size_t i = 0; i < verbs_known(); i++) {
        if (!verb_fits(verb_at(i), topic, n_topic, &whole) || whole) continue;
        put_verb(out, lang, verb_at(i));
        any = true;
    }
    return any;
}

static bool put_move_topic(FILE *out, enum lz_lang lang, const char *const *topic, size_t n_topic) {
    const struct noun *noun = noun_find(topic[0]);
    size_t at = noun ? 1 : 0;
    if (n_topic == 1 && noun) return put_moves(out, lang, noun_machine(noun), NULL);
    if (n_topic <= at) return false;
    bool any = noun ? put_moves(out, lang, noun_machine(noun), topic[at]) : put_all_moves(out, lang, topic[at]);
    if (any) fprintf(out, "\n%s %s\n", lz_text(lang, "用法：linzhangctl [NOUN]"), verb_by_handler("move")->spec);
    return any;
}

/* Longer topics that say nothing more (an ID behind a verb) are cut until something is known. */
bool help_print(FILE *out, enum lz_lang lang, const char *const *topic, size_t n_topic) {
    if (n_topic == 0) {
        put_all(out, lang);
        return true;
    }
    for (; n_topic > 0; n_topic--) {
        bool any = put_topic(out, lang, topic, n_topic);
        if (put_move_topic(out, lang, topic, n_topic) || any) return true;
    }
    return false;
}

/* ---- completion ----------------------------------------------------------------------------------------------------- */

static void put_options(FILE *out, const struct verb *verb) {
    struct spec_item item;
    for (const char *spec = verb->spec; spec_next(&spec, &item);)
        if (item.option) fprintf(out, " --%s", item.name);
}

/* All verbs that NOUN stands for, or the one itself: calls for each with its first word and what follows it. */
static bool noun_of_verb(const struct verb *verb, size_t index, char words[64]) {
    bool any = strncmp(verb->words, "NOUN ", 5) == 0;
    if (!any) {
        (void)snprintf(words, 64, "%s", verb->words);
        return index == 0;
    }
    const struct noun *noun = noun_at(index);
    (void)snprintf(words, 64, "%s %s", noun->word, verb->words + 5);
    return noun_machine(noun) == MACHINE_HANDLING;
}

static void put_second_words(FILE *out, const char *first) {
    const struct noun *noun = noun_find(first);
    char words[64];
    size_t len = strlen(first);
    for (size_t i = 0; i < verbs_known(); i++)
        for (size_t k = 0; k < noun_count(); k++)
            if (noun_of_verb(verb_at(i), k, words) && strncmp(words, first, len) == 0 && words[len] == ' ') fprintf(out, " %s", words + len + 1);
    for (size_t i = 0; noun && i < move_count(); i++)
        if (move_at(i)->machine == noun_machine(noun) && move_at(i)->by != BY_DAEMON) fprintf(out, " %s", move_at(i)->name);
}

/* The first word of a verb, where it is the first verb with it. */
static bool new_first_word(size_t index, char word[64]) {
    size_t len = strcspn(verb_at(index)->words, " ");
    (void)snprintf(word, 64, "%.*s", (int)len, verb_at(index)->words);
    if (strcmp(word, "NOUN") == 0 || noun_find(word)) return false;
    for (size_t i = 0; i < index; i++)
        if (strncmp(verb_at(i)->words, word, len) == 0 && strcspn(verb_at(i)->words, " ") == len) return false;
    return true;
}

static void put_first_words(FILE *out) {
    char word[64];
    for (size_t i = 0; i < noun_count(); i++) fprintf(out, " %s", noun_at(i)->word);
    for (size_t i = 0; i < verbs_known(); i++)
        if (new_first_word(i, word)) fprintf(out, " %s", word);
    for (size_t i = 0; i < move_count(); i++)
        if (move_at(i)->by != BY_DAEMON) fprintf(out, " %s", move_at(i)->name);
}

static void put_cases(FILE *out, bool two_words) {
    char words[64];
    for (size_t i = 0; i < verbs_known(); i++)
        for (size_t k = 0; k < noun_count(); k++) {
            if (!noun_of_verb(verb_at(i), k, words) || (strchr(words, ' ') != NULL) != two_words) continue;
            fprintf(out, "    \"%s \"*) list+=\"", words);
            put_options(out, verb_at(i));
            if (!two_words) put_second_words(out, words);
            fputs("\";;\n", out);
        }
}

static void put_first_case(FILE *out, const char *word) {
    fprintf(out, "    \"%s \") list+=\"", word);
    put_second_words(out, word);
    fputs("\";;\n", out);
}

bool completion_print(FILE *out, const char *shell) {
    if (strcmp(shell, "bash") != 0) return false;
    fputs("# source <(linzhangctl completion bash)\n_linzhangctl() {\n"
          "  local cur=${COMP_WORDS[COMP_CWORD]} line= w list='--json --lang --timeout --request --help'\n"
          "  for w in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do [[ $w == -* ]] || line+=\"$w \"; done\n"
          "  case $line in\n    \"\") list+=\"", out);
    put_first_words(out);
    fputs("\";;\n", out);
    put_cases(out, true);
    for (size_t i = 0; i < noun_count(); i++) put_first_case(out, noun_at(i)->word);
    for (size_t i = 0; i < verbs_known(); i++) {
        char word[64];
        if (new_first_word(i, word) && strchr(verb_at(i)->words, ' ')) put_first_case(out, word);
    }
    put_cases(out, false);
    fputs("    *) list+=\"", out);
    put_options(out, verb_by_handler("move"));
    fputs("\";;\n  esac\n  COMPREPLY=($(compgen -W \"$list\" -- \"$cur\"))\n}\ncomplete -o default -F _linzhangctl linzhangctl\n", out);
    return true;
}
