/* config: schema/config.def as a reader.
 *
 * Guarantees: every key of the file is known, every value of its type and within its range, no key is given twice; whatever
 * is not given has the table's default. Leaves to others: whether the values fit together (main). */
#include <grp.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include "config.h"

enum type { TYPE_UNIT, TYPE_TEXT, TYPE_PATH, TYPE_PATHS, TYPE_LIST, TYPE_ENDPOINT, TYPE_ENDPOINTS, TYPE_GROUP, TYPE_NUMBER, TYPE_MODE };
/* A node uses the port and the two behind it; the host is as long as the shell of the wire takes it. */
enum { ENDPOINT_PORT_MAX = 65535 - 2, ENDPOINT_HOST_MAX = 200, GROUP_BUFFER = 16 * 1024 };
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

struct paths { const char *config_path; char *out; };

static enum lz_err add_path(void *context, const char *item, struct lz_fail *fail) {
    struct paths *paths = context;
    char path[CONFIG_TEXT_MAX];
    size_t used = strlen(paths->out);
    bool fits = put_path(paths->config_path, item, path) && used + 2 + strlen(path) < CONFIG_TEXT_MAX;
    if (!fits) return lz_refuse(fail, LZ_bad_config, "路径太长");
    sprintf(paths->out + used, "%s%s", used ? ", " : "", path);
    return LZ_ok;
}

static enum lz_err check_endpoint(void *context, const char *text, struct lz_fail *fail) {
    static const char scheme[] = "tcp://";
    const char *colon = strrchr(text, ':');
    ptrdiff_t host = colon ? colon - text - (ptrdiff_t)strlen(scheme) : 0;
    uint32_t port;
    (void)context;
    if (strncmp(text, scheme, strlen(scheme)) != 0 || !colon || host <= 0 || host > ENDPOINT_HOST_MAX)
        return lz_refuse(fail, LZ_bad_config, "应写明协议、地址和端口，如 tcp://10.1.2.3:7410");
    if (!lz_u32_parse(colon + 1, &port) || port == 0 || port > ENDPOINT_PORT_MAX)
        return lz_refuse(fail, LZ_bad_config, "端口应为 1 到 %d（其后两个端口也要用），如 tcp://10.1.2.3:7410", ENDPOINT_PORT_MAX);
    return LZ_ok;
}

static enum lz_err check_group(const char *name, struct lz_fail *fail) {
    char buffer[GROUP_BUFFER];
    struct group group, *found = NULL;
    if (name[0] == 0 || (getgrnam_r(name, &group, buffer, sizeof buffer, &found) == 0 && found)) return LZ_ok;
    return lz_refuse(fail, LZ_bad_config, "没有这个用户组；请先执行 groupadd --system %.60s，或改正组名", name);
}

/* What is a text in the end: checked and copied. */
static enum lz_err put_text(const struct reader *r, enum type type, const char *value, char *out, struct lz_fail *fail) {
    struct paths paths = { r->path, out };
    enum lz_err err = LZ_ok;
    if (strlen(value) >= CONFIG_TEXT_MAX) return lz_refuse(fail, LZ_bad_config, "值太长");
    if (type == TYPE_PATH) return put_path(r->path, value, out) ? LZ_ok : lz_refuse(fail, LZ_bad_config, "路径太长");
    if (type == TYPE_PATHS) {
        out[0] = 0;
        return config_each(value, add_path, &paths, fail);
    }
    if (type == TYPE_ENDPOINT && value[0]) err = check_endpoint(NULL, value, fail);
    if (type == TYPE_ENDPOINTS) err = config_each(value, check_endpoint, NULL, fail);
    if (type == TYPE_GROUP) err = check_group(value, fail);
    if (err == LZ_ok) memcpy(out, value, strlen(value) + 1);
    return err;
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
    case TYPE_PATH: case TYPE_PATHS: case TYPE_TEXT: case TYPE_LIST: case TYPE_ENDPOINT: case TYPE_ENDPOINTS: case TYPE_GROUP:
        return put_text(r, s->type, value, (char *)at, fail);
    }
    return LZ_bad_config;
}

/* ---- the file ------------------------------------------------------------------------------------------------------------- */

static int on_value(void *user, const char *section, const char *key, const char *value) {
    struct reader *r = user;
    struct lz_fail why = { .lang = r->fail->lang };
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
        lz_refuse(r->fail, LZ_bad_config, "%s 第 %d 行：[%s] %s（%s）的值“%.60s”不对，%s", r->path, r->line, section, key, lz_said_field(r->fail, s->zh), value,
                  why.text);
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
    memcpy(copy, list, strlen(list) + 1);
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
