/* config: schema/config.def as a reader.
 *
 * Guarantees: every key of the file is known, every value of its type and within its range, no key is given twice; whatever
 * is not given has the table's default. Leaves to others: whether the values fit together (main). */
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include "config.h"

enum type { TYPE_UNIT, TYPE_TEXT, TYPE_PATH, TYPE_LIST, TYPE_NUMBER, TYPE_MODE };
struct setting {
    const char *section, *key, *standard, *zh;
    enum type type;
    uint64_t minimum, maximum;
    size_t offset;
};
static const struct setting settings[] = {
#define X(section, key, type, standard, minimum, maximum, zh) \
    { #section, #key, standard, zh, TYPE_##type, minimum, maximum, offsetof(struct config, section##_##key) },
#include "../schema/config.def"
#undef X
};

struct reader {
    const char *path;
    FILE *file;
    int line;
    struct config *config;
    struct lz_fail *fail;
    bool given[LZ_COUNT(settings)];
};

/* ---- one value ---------------------------------------------------------------------------------------------------------- */

/* A relative path is meant from where the file stands, so that a sample works wherever it is copied to. */
static bool put_path(const char *config_path, const char *value, char out[CONFIG_TEXT_MAX]) {
    const char *slash = strrchr(config_path, '/');
    int n;
    if (value[0] == 0 || value[0] == '/' || !slash) n = snprintf(out, CONFIG_TEXT_MAX, "%s", value);
    else n = snprintf(out, CONFIG_TEXT_MAX, "%.*s/%s", (int)(slash - config_path), config_path, value);
    return n >= 0 && n < CONFIG_TEXT_MAX;
}

static enum lz_err put(struct reader *r, const struct setting *s, const char *value, struct lz_fail *fail) {
    uint8_t *at = (uint8_t *)r->config + s->offset;
    char *end;
    switch (s->type) {
    case TYPE_UNIT:
        if (value[0] == 0) { *(uint32_t *)at = 0; return LZ_ok; }
        if (!lz_u32_parse(value, (uint32_t *)at) || *(uint32_t *)at < 100000 || *(uint32_t *)at > 999999)
            return lz_refuse(fail, LZ_bad_config, "应为六位单位代码，如 410882");
        return LZ_ok;
    case TYPE_NUMBER: {
        int64_t number;
        if (!lz_i64_parse(value, &number) || number < 0 || (uint64_t)number < s->minimum || (uint64_t)number > s->maximum)
            return lz_refuse(fail, LZ_bad_config, "应为 %llu 到 %llu 之间的整数", (unsigned long long)s->minimum, (unsigned long long)s->maximum);
        *(uint64_t *)at = (uint64_t)number;
        return LZ_ok;
    }
    case TYPE_MODE: {
        unsigned long mode = strtoul(value, &end, 8);
        if (*end || end == value || mode > 0777) return lz_refuse(fail, LZ_bad_config, "应为八进制权限，如 0660");
        if (mode & 07) return lz_refuse(fail, LZ_bad_config, "控制套接字不得对所有人开放（末位应为 0）");
        *(uint32_t *)at = (uint32_t)mode;
        return LZ_ok;
    }
    case TYPE_PATH:
        return put_path(r->path, value, (char *)at) ? LZ_ok : lz_refuse(fail, LZ_bad_config, "路径太长");
    case TYPE_TEXT: case TYPE_LIST:
        if (strlen(value) >= CONFIG_TEXT_MAX) return lz_refuse(fail, LZ_bad_config, "值太长");
        strcpy((char *)at, value);
        return LZ_ok;
    }
    return LZ_bad_config;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------- */

static int on_value(void *user, const char *section, const char *key, const char *value) {
    struct reader *r = user;
    struct lz_fail why = { 0 };
    if (!lz_text_valid(lz_bytes_str(value))) {
        lz_refuse(r->fail, LZ_bad_config, "%s 第 %d 行：不是有效的 UTF-8 文字", r->path, r->line);
        return 0;
    }
    for (size_t i = 0; i < LZ_COUNT(settings); i++) {
        const struct setting *s = &settings[i];
        if (strcmp(s->section, section) != 0 || strcmp(s->key, key) != 0) continue;
        if (r->given[i]) { lz_refuse(r->fail, LZ_bad_config, "%s 第 %d 行：[%s] %s 出现了两次", r->path, r->line, section, key); return 0; }
        r->given[i] = true;
        if (put(r, s, value, &why) == LZ_ok) return 1;
        lz_refuse(r->fail, LZ_bad_config, "%s 第 %d 行：[%s] %s（%s）的值“%.60s”不对，%s", r->path, r->line, section, key, s->zh, value, why.text);
        return 0;
    }
    lz_refuse(r->fail, LZ_bad_config, "%s 第 %d 行：没有 [%.40s] %.40s 这一项；请对照 deploy/examples 检查拼写", r->path, r->line, section, key);
    return 0;
}

/* libinih asks for one line at a time: counting the calls gives the line of each value. */
static char *next_line(char *text, int size, void *stream) {
    struct reader *r = stream;
    char *line = fgets(text, size, r->file);
    if (line) r->line++;
    return line;
}

enum lz_err config_read(const char *path, struct config *config, struct lz_fail *fail) {
    struct reader r = { .path = path, .config = config, .fail = fail };
    memset(config, 0, sizeof *config);
    for (size_t i = 0; i < LZ_COUNT(settings); i++) {
        enum lz_err err = put(&r, &settings[i], settings[i].standard, NULL);
        LZ_ASSERT(err == LZ_ok);
    }
    r.file = fopen(path, "re");
    if (!r.file) return lz_refuse(fail, LZ_bad_config, "不能打开配置文件 %s", path);
    fail->code = LZ_ok;
    int rc = ini_parse_stream(next_line, &r, on_value, &r);
    fclose(r.file);
    if (rc == 0) return LZ_ok;
    if (fail->code != LZ_ok) return fail->code;
    return lz_refuse(fail, LZ_bad_config, "%s 第 %d 行：不是“键 = 值”或 [节]", path, rc > 0 ? rc : 0);
}

enum lz_err config_each(const char *list, enum lz_err (*take)(void *, const char *, struct lz_fail *), void *context, struct lz_fail *fail) {
    char copy[CONFIG_TEXT_MAX], *rest = copy, *item;
    LZ_ASSERT(strlen(list) < sizeof copy);
    strcpy(copy, list);
    while ((item = strsep(&rest, ","))) {
        while (*item == ' ' || *item == '\t') item++;
        char *end = item + strlen(item);
        while (end > item && (end[-1] == ' ' || end[-1] == '\t')) *--end = 0;
        if (*item == 0) continue;
        enum lz_err err = take(context, item, fail);
        if (err != LZ_ok) return err;
    }
    return LZ_ok;
}
