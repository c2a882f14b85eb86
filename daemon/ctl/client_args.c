/* client_args: from the words that were typed to a verb and its arguments.
 *
 * Guarantees: what schema/verbs.def does not list is refused with a sentence that says what would do, before anything is sent;
 * options may stand anywhere, for an option takes a value in every verb or in none (tests/unit/test_print.c asks).
 * Leaves to others: whether a value makes sense (the daemon). */
#include "client.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TIMEOUT_MS = 30 * 1000, TIMEOUT_SECONDS_MAX = 24 * 3600, READ_STEP = 64 * 1024 };

static const struct verb verbs[] = {
#define X(words, handler, mode, spec, help) { words, #handler, MODE_##mode, spec, help },
#include "../../schema/verbs.def"
    { "completion", "completion", MODE_LOCAL, "SHELL", "输出命令补全脚本：source <(linzhangctl completion bash)" },
};
static const struct noun nouns[] = {
#define N(word, kind) { word, KIND_##kind },
#include "../../schema/verbs.def"
};

size_t verbs_known(void) { return LZ_COUNT(verbs); }
const struct verb *verb_at(size_t index) {
    LZ_ASSERT(index < LZ_COUNT(verbs));
    return &verbs[index];
}
const struct verb *verb_by_handler(const char *handler) {
    for (size_t i = 0; i < LZ_COUNT(verbs); i++)
        if (strcmp(verbs[i].handler, handler) == 0) return &verbs[i];
    return NULL;
}
size_t noun_count(void) { return LZ_COUNT(nouns); }
const struct noun *noun_at(size_t index) {
    LZ_ASSERT(index < LZ_COUNT(nouns));
    return &nouns[index];
}
const struct noun *noun_find(const char *word) {
    const struct kind_row *kind = kind_by_name(word);
    for (size_t i = 0; i < LZ_COUNT(nouns); i++)
        if (strcmp(nouns[i].word, word) == 0 || (kind && kind->number == nouns[i].kind)) return &nouns[i];
    return NULL;
}
enum machine noun_machine(const struct noun *noun) { return kind_row(noun->kind)->machine; }

void *client_alloc(struct arena *arena, size_t bytes) {
    void *room = arena_alloc(arena, bytes);
    if (!room) {
        fprintf(stderr, "%s\n", lz_text(lz_lang_wanted(), "内存不足：请缩小范围，例如加上 --limit"));
        exit(1);
    }
    return room;
}

/* ---- specs ---------------------------------------------------------------------------------------------------- */

/* Copies the next word of a spec, without brackets; false at the end. */
static bool spec_word(const char **at, char out[CLIENT_WORD_BYTES], bool *opens, bool *closes) {
    const char *p = *at;
    while (*p == ' ') p++;
    size_t len = strcspn(p, " ");
    if (len == 0) return false;
    *at = p + len;
    *opens = *p == '[';
    if (*opens) p++, len--;
    *closes = len > 0 && p[len - 1] == ']';
    if (*closes) len--;
    LZ_ASSERT(len > 0 && len < CLIENT_WORD_BYTES);
    memcpy(out, p, len);
    out[len] = '\0';
    return true;
}

static void spec_positional(struct spec_item *item) {
    size_t len = strlen(item->name);
    item->rest = len > 3 && strcmp(item->name + len - 3, "...") == 0;
    if (item->rest) item->name[len - 3] = '\0';
    for (char *p = item->name; *p; p++) *p = (char)tolower((unsigned char)*p);
}

bool spec_next(const char **at, struct spec_item *item) {
    bool opens, closes;
    *item = (struct spec_item){ .required = true };
    if (!spec_word(at, item->name, &opens, &closes)) return false;
    item->required = !opens;
    item->option = strncmp(item->name, "--", 2) == 0;
    if (!item->option) {
        spec_positional(item);
        return true;
    }
    memmove(item->name, item->name + 2, strlen(item->name + 2) + 1);
    bool more = opens ? !closes : **at == ' ' && strncmp(*at, " --", 3) != 0 && strncmp(*at, " [", 2) != 0;
    if (more) LZ_ASSERT(spec_word(at, item->value, &opens, &closes));
    return true;
}

static bool spec_find(const char *spec, const char *option, size_t len, struct spec_item *item) {
    while (spec_next(&spec, item))
        if (item->option && strlen(item->name) == len && memcmp(item->name, option, len) == 0) return true;
    return false;
}

static const struct { const char *name; bool takes; } own_options[] = {
    { "json", false }, { "help", false }, { "timeout", true }, { "request", true }, { "lang", true },
};

/* Whether an option of this name exists anywhere, and takes a value. */
static bool option_known(const char *name, size_t len, bool *takes) {
    struct spec_item item;
    for (size_t i = 0; i < LZ_COUNT(own_options); i++)
        if (strlen(own_options[i].name) == len && memcmp(own_options[i].name, name, len) == 0) {
            *takes = own_options[i].takes;
            return true;
        }
    for (size_t i = 0; i < LZ_COUNT(verbs); i++)
        if (spec_find(verbs[i].spec, name, len, &item)) {
            *takes = item.value[0] != '\0';
            return true;
        }
    return false;
}

/* ---- files ------------------------------------------------------------------------------------------------------ */

const char *errno_told(enum lz_lang lang, int reason) {
    switch (reason) {
    case ENOENT: return lz_text(lang, "没有这个文件或目录");
    case EACCES: case EPERM: return lz_text(lang, "没有权限");
    case EISDIR: return lz_text(lang, "这是一个目录");
    case ENOTDIR: return lz_text(lang, "路径中有一段不是目录");
    case ENOSPC: return lz_text(lang, "磁盘已满");
    case EROFS: return lz_text(lang, "文件系统只读");
    default: return strerror(reason);        /* not our enum: errno has many more */
    }
}

static enum lz_err read_all(struct arena *arena, int fd, const char *path, size_t max, struct lz_bytes *bytes, struct lz_fail *fail) {
    size_t room = READ_STEP, len = 0;
    uint8_t *data = client_alloc(arena, room);
    for (;;) {
        ssize_t got = read(fd, data + len, room - len);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return lz_refuse(fail, LZ_usage, "读不了文件 %s：%s", path, errno_told(lz_fail_lang(fail), errno));
        len += (size_t)got;
        if (len > max) return lz_refuse(fail, LZ_usage, "文件 %s 太大：最多 %zu 字节", path, max);
        if (got == 0) break;
        if (len < room) continue;
        uint8_t *more = client_alloc(arena, room *= 2);
        memcpy(more, data, len);
        data = more;
    }
    *bytes = lz_bytes_of(data, len);
    return LZ_ok;
}

enum lz_err file_read(struct arena *arena, const char *path, size_t max, struct lz_bytes *bytes, struct lz_fail *fail) {
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return lz_refuse(fail, LZ_usage, "打不开文件 %s：%s", path, errno_told(lz_fail_lang(fail), errno));
    enum lz_err err = read_all(arena, fd, path, max, bytes, fail);
    if (!is_stdin) close(fd);
    return err;
}

/* Any 40 characters look like a secret key, a public one too: what it would print then is a key that nobody has. */
enum lz_err key_file_check(const char *path, struct lz_fail *fail) {
    size_t len = strlen(path);
    struct stat status;
    if (len > 4 && strcmp(path + len - 4, ".pub") == 0)
        return lz_refuse(fail, LZ_bad_key, "%s 是公钥文件：它的内容就是公钥，用 cat 查看即可；key show 要私钥文件（没有 .pub 的那个）", path);
    if (strcmp(path, "-") == 0 || stat(path, &status) != 0 || !S_ISREG(status.st_mode) || (status.st_mode & 077) == 0) return LZ_ok;
    return lz_refuse(fail, LZ_bad_key, "%s 的权限是 %04o，别人可以读到：若是私钥，请执行 chmod 600 %s 后再试，并考虑换新密钥；若是公钥，它的内容就是公钥，无需 key show",
                     path, (unsigned)(status.st_mode & 0777), path);
}

/* A text file as one value: without mark and last line end, lines ended as on this system. */
static struct lz_bytes text_of_file(struct arena *arena, struct lz_bytes file) {
    if (file.len >= 3 && memcmp(file.data, "\xEF\xBB\xBF", 3) == 0) file = lz_bytes_of(file.data + 3, file.len - 3);
    uint8_t *out = client_alloc(arena, file.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < file.len; i++) {
        if (file.data[i] == '\r' && i + 1 < file.len && file.data[i + 1] == '\n') continue;
        out[len++] = file.data[i];
    }
    if (len > 0 && out[len - 1] == '\n') len--;
    return lz_bytes_of(out, len);
}

/* One key in 85 begins with @, and some with two dashes: a key is never a file's name or an option. */
static bool is_key(const char *text) {
    uint8_t key[KEY_BYTES];
    return wire_key_parse(text, key);
}

enum lz_err client_value(struct arena *arena, const char *name, const char *given, struct lz_bytes *value, struct lz_fail *fail) {
    *value = lz_bytes_str(given);
    if (given[0] == '@' && given[1] == '@' && !is_key(given)) *value = lz_bytes_str(given + 1);
    else if (given[0] == '@' && !is_key(given)) {
        enum lz_err err = file_read(arena, given + 1, TEXT_BYTES_MAX, value, fail);
        if (err) return err;
        *value = text_of_file(arena, *value);
    }
    if (value->len > TEXT_BYTES_MAX) return lz_refuse(fail, LZ_usage, "%s 太长：最多 %d 字节", name, TEXT_BYTES_MAX);
    if (!lz_text_valid(*value)) return lz_refuse(fail, LZ_usage, "%s 的内容不是有效的 UTF-8 文字，或含控制字符", name);
    return LZ_ok;
}

/* ---- words and options apart --------------------------------------------------------------------------------------- */

struct typed {
    const char *words[CLIENT_WORDS_MAX];
    size_t n_words;
    struct { const char *name, *value; size_t name_len; } options[CLIENT_ARGS_MAX];
    size_t n_options;
    bool help;
};

static bool named(const char *option, size_t len, const char *name) { return strlen(name) == len && memcmp(option, name, len) == 0; }

/* The options that no verb has; false: it is one of a verb. */
static bool own_option(struct command *c, struct typed *t, const char *name, size_t len, const char *value, enum lz_err *err, struct lz_fail *fail) {
    uint32_t seconds = 0;
    *err = LZ_ok;
    if (named(name, len, "json")) c->json = true;
    else if (named(name, len, "help")) t->help = true;
    else if (named(name, len, "timeout")) {
        if (!lz_u32_parse(value, &seconds) || seconds == 0 || seconds > TIMEOUT_SECONDS_MAX)
            *err = lz_refuse(fail, LZ_usage, "--timeout 要一个秒数（1 到 %d），而不是“%s”", TIMEOUT_SECONDS_MAX, value);
        c->timeout_ms = seconds * 1000ULL;
        c->timeout_given = true;
    } else if (named(name, len, "lang")) {
        LZ_ASSERT(value);                                /* it takes one */
        if (strcmp(value, "zh") != 0 && strcmp(value, "en") != 0) *err = lz_refuse(fail, LZ_usage, "--lang 是 zh（中文）或 en（英文），而不是“%s”", value);
        c->lang = fail->lang = lz_lang_of(lz_bytes_str(value));
    } else if (named(name, len, "request")) {
        if (!lz_hex_parse(value, c->request, REQUEST_BYTES)) *err = lz_refuse(fail, LZ_usage, "--request 要 32 位十六进制数，而不是“%s”", value);
        c->request_given = true;
    } else return false;
    return true;
}

static enum lz_err long_option(struct command *c, struct typed *t, int argc, char *const *argv, int *i, struct lz_fail *fail) {
    const char *name = argv[*i] + 2;
    size_t len = strcspn(name, "=");
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    bool takes = false;
    enum lz_err err;
    if (!option_known(name, len, &takes)) return lz_refuse(fail, LZ_usage, "没有 --%.*s 这个选项；linzhangctl help 列出全部命令", (int)len, name);
    if (!takes && value) return lz_refuse(fail, LZ_usage, "--%.*s 后面不带内容", (int)len, name);
    if (takes && !value) {
        bool is_option = *i + 1 < argc && strncmp(argv[*i + 1], "--", 2) == 0 && !is_key(argv[*i + 1]);
        if (*i + 1 >= argc || is_option)
            return lz_refuse(fail, LZ_usage, "--%.*s 后面缺少内容（内容以 -- 开头时写作 --%.*s=内容）", (int)len, name, (int)len, name);
        value = argv[++*i];
    }
    if (own_option(c, t, name, len, value, &err, fail)) return err;
    for (size_t k = 0; k < t->n_options; k++)
        if (t->options[k].name_len == len && memcmp(t->options[k].name, name, len) == 0)
            return lz_refuse(fail, LZ_usage, "--%.*s 给了两次", (int)len, name);
    if (t->n_options == CLIENT_ARGS_MAX) return lz_refuse(fail, LZ_usage, "选项太多");
    t->options[t->n_options].name = name;
    t->options[t->n_options].name_len = len;
    t->options[t->n_options++].value = takes ? value : "1";
    return LZ_ok;
}

/* A file named "-" is a word; a negative number is one too. */
static bool is_word(const char *text) { return text[0] != '-' || text[1] == '\0' || isdigit((unsigned char)text[1]); }

static enum lz_err take_apart(struct command *c, struct typed *t, int argc, char *const *argv, struct lz_fail *fail) {
    bool ended = false;
    for (int i = 1; i < argc; i++) {
        if (ended || is_word(argv[i])) {
            if (t->n_words == CLIENT_WORDS_MAX) return lz_refuse(fail, LZ_usage, "命令的词太多；含空格的内容请加引号");
            t->words[t->n_words++] = argv[i];
        } else if (strcmp(argv[i], "--") == 0) ended = true;
        else if (strcmp(argv[i], "-h") == 0) t->help = true;
        else if (strcmp(argv[i], "-s") == 0) {
            if (i + 1 >= argc) return lz_refuse(fail, LZ_usage, "-s 后面缺少守护进程套接字的路径");
            c->socket = argv[++i];
        } else if (argv[i][1] == '-') {
            enum lz_err err = long_option(c, t, argc, argv, &i, fail);
            if (err) return err;
        } else return lz_refuse(fail, LZ_usage, "没有 %s 这个选项；linzhangctl help 列出全部命令", argv[i]);
    }
    return LZ_ok;
}

/* ---- which verb -------------------------------------------------------------------------------------------------------- */

/* How many of the words make up this verb; 0: it is another one. NOUN is any noun of a directive. */
static size_t verb_match(const struct verb *verb, const char *const *words, size_t n_words, char out[64]) {
    const char *at = verb->words;
    size_t n = 0, used = 0;
    for (; *at; n++) {
        size_t len = strcspn(at, " ");
        bool any = len == 4 && memcmp(at, "NOUN", 4) == 0;
        if (n == n_words) return 0;
        const struct noun *noun = noun_find(words[n]);
        const struct kind_row *kind = n == 0 && !noun ? kind_by_name(words[n]) : NULL;
        const char *word = noun ? noun->word : kind && kind->machine != MACHINE_FORM ? kind->name : words[n];
        if (any && (!noun || noun_machine(noun) != MACHINE_HANDLING)) return 0;
        if (!any && (strlen(word) != len || memcmp(word, at, len) != 0)) return 0;
        int printed = snprintf(out + used, 64 - used, "%s%s", n ? " " : "", word);
        if (printed < 0 || used + (size_t)printed >= 64) return 0;
        used += (size_t)printed;
        at += len;
        while (*at == ' ') at++;
    }
    return n;
}

static const struct move_row *move_find(const struct noun *noun, const char *name) {
    for (size_t i = 0; i < move_count(); i++) {
        const struct move_row *row = move_at(i);
        if (noun && row->machine != noun_machine(noun)) continue;
        if (lz_word_is(lz_bytes_str(name), row->name, row->zh)) return row;
    }
    return NULL;
}

struct found {
    size_t taken;                    /* words of the verb; the others are positional */
    const struct noun *noun;         /* of a move */
    const struct move_row *move;
};

static const struct verb *verb_find(const struct typed *t, struct command *c, struct found *found) {
    const struct verb *best = NULL;
    char words[64];
    for (size_t i = 0; i < LZ_COUNT(verbs); i++) {
        size_t n = verb_match(&verbs[i], t->words, t->n_words, words);
        if (n <= found->taken) continue;
        found->taken = n;
        best = &verbs[i];
        memcpy(c->words, words, sizeof words);
    }
    return best;
}

/* `NOUN MOVE ID` and `MOVE ID`. Two words are a verb and a move: `verify` is the verb, `verify ID` the move. */
static const struct verb *move_verb(const struct typed *t, struct command *c, struct found *found) {
    const struct noun *noun = t->n_words > 0 ? noun_find(t->words[0]) : NULL;
    size_t at = noun ? 1 : 0;
    const struct move_row *move = t->n_words > at ? move_find(noun, t->words[at]) : NULL;
    if (!move) return NULL;
    *found = (struct found){ at + 1, noun, move };
    snprintf(c->words, sizeof c->words, "move");
    return verb_by_handler("move");
}

static bool takes_words(const struct verb *verb) {
    struct spec_item item;
    for (const char *spec = verb->spec; spec_next(&spec, &item);)
        if (!item.option) return true;
    return false;
}

static enum lz_err unknown_verb(const struct typed *t, struct lz_fail *fail) {
    char list[400] = "";
    const struct noun *noun = noun_find(t->words[0]);
    if (!noun) return lz_refuse(fail, LZ_usage, "没有“%s”这条命令；linzhangctl help 列出全部", t->words[0]);
    for (size_t i = 0; i < move_count(); i++) {
        size_t used = strlen(list);
        if (move_at(i)->machine == noun_machine(noun) && move_at(i)->by != BY_DAEMON && used + 64 < sizeof list)
            (void)snprintf(list + used, sizeof list - used, " %s", move_at(i)->name);
    }
    if (t->n_words < 2)
        return lz_refuse(fail, LZ_usage, "%s 后面缺少动作：可以是 list、show 等命令，或办理动作%s；见 linzhangctl help %s", noun->word, list, noun->word);
    return lz_refuse(fail, LZ_usage, "%s 没有“%s”这个动作；办理动作有%s；见 linzhangctl help %s", noun->word, t->words[1], list, noun->word);
}

/* ---- arguments ----------------------------------------------------------------------------------------------------------- */

static void arg_add(struct command *c, struct lz_bytes name, struct lz_bytes value) {
    LZ_ASSERT(c->n_args < CLIENT_ARGS_MAX);
    c->args[c->n_args++] = (struct arg){ name, value };
}

static struct lz_bytes kept_name(struct arena *arena, const char *name) {
    char *copy = arena_copy(arena, name, strlen(name) + 1);
    LZ_ASSERT(copy);
    return lz_bytes_str(copy);
}

static enum lz_err positionals(struct arena *arena, struct command *c, const char *const *words, size_t n_words, struct lz_fail *fail) {
    struct spec_item item;
    size_t at = 0;
    for (const char *spec = c->verb->spec; spec_next(&spec, &item);) {
        if (item.option) continue;
        if (item.rest) {
            for (; at < n_words; at++) {
                if (!lz_text_valid(lz_bytes_str(words[at]))) return lz_refuse(fail, LZ_usage, "有一个词不是有效的 UTF-8 文字");
                c->topic[c->n_topic++] = words[at];
            }
            continue;
        }
        if (at == n_words) {
            if (!item.required) continue;
            for (char *p = item.name; *p; p++) *p = (char)toupper((unsigned char)*p);
            return lz_refuse(fail, LZ_usage, "缺少 %s；用法见 linzhangctl help %s", item.name, c->words);
        }
        if (!lz_text_valid(lz_bytes_str(words[at]))) return lz_refuse(fail, LZ_usage, "“%s”不是有效的 UTF-8 文字", item.name);
        arg_add(c, kept_name(arena, item.name), lz_bytes_str(words[at++]));
    }
    if (at < n_words) return lz_refuse(fail, LZ_usage, "多出了“%s”（含空格的内容请加引号）；用法见 linzhangctl help %s", words[at], c->words);
    return LZ_ok;
}

static enum lz_err options(struct arena *arena, struct command *c, const struct typed *t, struct lz_fail *fail) {
    struct spec_item item;
    for (size_t i = 0; i < t->n_options; i++) {
        struct lz_bytes value = lz_bytes_str(t->options[i].value);
        if (!spec_find(c->verb->spec, t->options[i].name, t->options[i].name_len, &item))
            return lz_refuse(fail, LZ_usage, "%s 没有 --%.*s 这个选项；用法见 linzhangctl help %s", c->words, (int)t->options[i].name_len,
                             t->options[i].name, c->words);
        enum lz_err err = item.value[0] ? client_value(arena, item.name, t->options[i].value, &value, fail) : LZ_ok;
        if (err) return err;
        arg_add(c, kept_name(arena, item.name), value);
    }
    for (const char *spec = c->verb->spec; spec_next(&spec, &item);)
        if (item.option && item.required && !command_arg(c, item.name))
            return lz_refuse(fail, LZ_usage, "缺少 --%s %s；用法见 linzhangctl help %s", item.name, item.value, c->words);
    return LZ_ok;
}

const struct lz_bytes *command_arg(const struct command *c, const char *name) {
    for (size_t i = 0; i < c->n_args; i++)
        if (lz_bytes_equal(c->args[i].name, lz_bytes_str(name))) return &c->args[i].value;
    return NULL;
}

static void ask_for_help(struct command *c, const struct typed *t) {
    c->verb = verb_by_handler("help");
    snprintf(c->words, sizeof c->words, "help");
    for (size_t i = t->n_words > 0 && strcmp(t->words[0], "help") == 0 ? 1 : 0; i < t->n_words; i++) c->topic[c->n_topic++] = t->words[i];
}

/* A move's words as the verb `move` would have them: its English name, then what followed. */
static enum lz_err bind(struct arena *arena, struct command *c, const struct typed *t, const struct found *found, struct lz_fail *fail) {
    const char *words[CLIENT_WORDS_MAX + 1];
    size_t n = 0;
    if (found->move) words[n++] = found->move->name;
    for (size_t i = found->taken; i < t->n_words; i++) words[n++] = t->words[i];
    const struct kind_row *entry = n > 0 ? kind_by_name(words[0]) : NULL;
    if (!found->move && strcmp(c->verb->handler, "move") == 0 && entry && entry->form) {      /* `move indicator NO ...` */
        c->verb = verb_by_handler("form_move");
        snprintf(c->words, sizeof c->words, "move entry");
    } else if (!found->move && strcmp(c->verb->handler, "move") == 0 && n > 0) {
        const struct move_row *move = move_find(NULL, words[0]);
        if (!move) return lz_refuse(fail, LZ_usage, "没有“%s”这个办理动作；linzhangctl help move 列出全部", words[0]);
        words[0] = move->name;
    }
    if (found->noun) arg_add(c, lz_bytes_str("noun"), lz_bytes_str(found->noun->word));
    enum lz_err err = positionals(arena, c, words, n, fail);
    return err ? err : options(arena, c, t, fail);
}

enum lz_err command_parse(struct arena *arena, int argc, char *const *argv, struct command *c, struct lz_fail *fail) {
    struct typed t = { .n_words = 0 };
    struct found found = { .taken = 0 };
    *c = (struct command){ .timeout_ms = TIMEOUT_MS, .socket = getenv("LINZHANG_SOCKET"), .lang = fail->lang };
    if (!c->socket || !*c->socket) c->socket = CLIENT_SOCKET;
    enum lz_err err = take_apart(c, &t, argc, argv, fail);
    if (err) return err;
    if (t.help || (t.n_words > 0 && strcmp(t.words[0], "help") == 0)) {
        ask_for_help(c, &t);
        return LZ_ok;
    }
    if (t.n_words == 0) return lz_refuse(fail, LZ_usage, "缺少命令；linzhangctl help 列出全部");
    c->verb = verb_find(&t, c, &found);
    const struct verb *move = NULL;
    if (!c->verb || (t.n_words > found.taken && !takes_words(c->verb))) move = move_verb(&t, c, &found);
    if (move) c->verb = move;
    return c->verb ? bind(arena, c, &t, &found, fail) : unknown_verb(&t, fail);
}
