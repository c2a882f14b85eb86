/* linzhangd: options, rooms, the loop.
 *
 * Startup goes through one ladder and closes through it again. Everything that can be refused is refused before the store is
 * opened for writing, in words that say what to do; after that the loop runs until a signal or until there is no way on, and
 * then the process ends: the service manager starts it again and the store is the truth. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "config.h"
#include "ctl/ctl.h"
#include "drop.h"
#include "restore.h"

#define LZ_VERSION "0.1.0"
enum { FILE_BYTES_MAX = 16 * 1024 * 1024, WAIT_MAX_MS = 1000 };

struct daemon {
    struct config config;
    struct units *units;
    struct calendar *calendar;
    struct roster *roster;
    struct store *store;
    struct turn *turn;
    struct wire *wire;
    struct ctl *ctl;
    struct drop *drop;
    struct turn_options turn_options;
    struct wire_options wire_options;
    char endpoints[PARENT_ENDPOINTS_MAX][256];
};

static volatile sig_atomic_t stopping;
static void on_signal(int signal_number) { stopping = signal_number; }

/* ---- files ------------------------------------------------------------------------------------------------------------------ */

/* The whole file, given to the caller (free it); a missing one is empty when may_miss. */
static enum lz_err read_file(const char *path, bool may_miss, struct lz_bytes *out, struct lz_fail *fail) {
    *out = (struct lz_bytes){ 0 };
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && may_miss) return LZ_ok;
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_BYTES_MAX) {
        if (fd >= 0) close(fd);
        return lz_refuse(fail, LZ_bad_config, "不能读取 %s：%s", path, lz_said(fail, fd < 0 ? strerror(errno) : "不是普通文件或太大"));
    }
    uint8_t *data = malloc((size_t)st.st_size + 1);
    ssize_t n = data ? read(fd, data, (size_t)st.st_size) : -1;
    close(fd);
    if (n < 0) { free(data); return lz_refuse(fail, LZ_bad_config, "不能读取 %s", path); }
    *out = lz_bytes_of(data, (size_t)n);
    return LZ_ok;
}

static enum lz_err load_units(void *context, const char *path, struct lz_fail *fail) {
    struct lz_bytes text;
    enum lz_err err = read_file(path, false, &text, fail);
    struct lz_fail why = { .lang = lz_fail_lang(fail) };
    if (err == LZ_ok && (err = units_load(context, text, &why)) != LZ_ok) lz_refuse(fail, LZ_bad_config, "区划表 %s：%.300s", path, why.text);
    free((void *)(uintptr_t)text.data);
    return err;
}

static enum lz_err load_holidays(void *context, const char *path, struct lz_fail *fail) {
    struct lz_bytes text;
    enum lz_err err = read_file(path, false, &text, fail);
    struct lz_fail why = { .lang = lz_fail_lang(fail) };
    if (err == LZ_ok && (err = calendar_load(context, text, &why)) != LZ_ok) lz_refuse(fail, LZ_bad_config, "节假日文件 %s：%.300s", path, why.text);
    free((void *)(uintptr_t)text.data);
    return err;
}

static enum lz_err load_roster(struct daemon *d, struct lz_fail *fail) {
    struct lz_bytes text;
    const char *path = d->config.keys_children;
    struct stat st;
    if (!path[0]) return LZ_ok;
    if (stat(path, &st) == 0 && (st.st_mode & S_IWOTH))          /* whoever writes there enrols a key of his own */
        return lz_refuse(fail, LZ_bad_config, "下级登记文件 %s 任何人都能改动；请执行 chmod 640 %s", path, path);
    enum lz_err err = read_file(d->config.keys_children, true, &text, fail);
    struct lz_fail why = { .lang = lz_fail_lang(fail) };
    if (err == LZ_ok && text.len && (err = roster_load(d->roster, text, &why)) != LZ_ok)
        lz_refuse(fail, LZ_bad_config, "下级登记文件 %s：%.300s", d->config.keys_children, why.text);
    free((void *)(uintptr_t)text.data);
    return err;
}

/* Whoever can put another file in its place speaks for the unit, too. */
static bool may_be_replaced(const char *path) {
    char dir[PATH_MAX];
    struct stat st;
    const char *slash = strrchr(path, '/');
    (void)snprintf(dir, sizeof dir, "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    return stat(dir[0] ? dir : "/", &st) != 0 || ((st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX));
}

/* The secret key speaks for the unit: whoever else can read it could too. */
static enum lz_err load_secret(struct daemon *d, struct lz_fail *fail) {
    const char *path = d->config.keys_secret;
    struct stat st;
    struct lz_bytes text;
    if (lstat(path, &st) != 0) return lz_refuse(fail, LZ_bad_key, "没有私钥文件 %s；请执行 linzhangctl keygen %s 生成", path, path);
    if (S_ISLNK(st.st_mode)) return lz_refuse(fail, LZ_bad_key, "私钥 %s 是符号链接；请直接写私钥文件的路径", path);
    if (!S_ISREG(st.st_mode)) return lz_refuse(fail, LZ_bad_key, "私钥 %s 不是普通文件", path);
    if (st.st_mode & 077) return lz_refuse(fail, LZ_bad_key, "私钥文件 %s 的权限是 %04o，别人可以读到；请执行 chmod 600 %s", path, st.st_mode & 0777, path);
    if (st.st_uid != geteuid() && geteuid() != 0) return lz_refuse(fail, LZ_bad_key, "私钥文件 %s 不属于运行本程序的用户", path);
    if (may_be_replaced(path)) return lz_refuse(fail, LZ_bad_key, "私钥文件 %s 所在的目录任何人都能改动；请执行 chmod o-w", path);
    enum lz_err err = read_file(path, false, &text, fail);
    if (err != LZ_ok) return err;
    char key[KEY_TEXT] = { 0 };
    while (text.len > 0 && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r')) text.len--;
    if (text.len == KEY_TEXT - 1) memcpy(key, text.data, text.len);            /* anything else is no key of ours, whatever it begins with */
    free((void *)(uintptr_t)text.data);
    if (!wire_key_parse(key, d->wire_options.secret_key)) return lz_refuse(fail, LZ_bad_key, "私钥文件 %s 的内容不是密钥", path);
    wire_key_public(d->wire_options.secret_key, d->wire_options.public_key);
    return LZ_ok;
}

/* ---- from configuration to options --------------------------------------------------------------------------------------------- */

static enum lz_err take_kind(void *context, const char *name, struct lz_fail *fail) {
    struct turn_options *o = context;
    const struct kind_row *row = kind_by_name(name);
    if (!row) return lz_refuse(fail, LZ_bad_config, "[feeds] subscribe：没有“%s”这一种类", name);
    if (o->n_subscribe == WISH_KINDS_MAX) return lz_refuse(fail, LZ_bad_config, "[feeds] subscribe 太多");
    o->subscribe[o->n_subscribe++] = row->number;
    return LZ_ok;
}

static enum lz_err take_endpoint(void *context, const char *endpoint, struct lz_fail *fail) {
    struct daemon *d = context;
    struct wire_options *o = &d->wire_options;
    if (o->n_parent_endpoints == PARENT_ENDPOINTS_MAX) return lz_refuse(fail, LZ_bad_config, "[parent] endpoints 最多 %d 个", PARENT_ENDPOINTS_MAX);
    if (strncmp(endpoint, "tcp://", 6) != 0 || strlen(endpoint) >= sizeof d->endpoints[0])
        return lz_refuse(fail, LZ_bad_config, "[parent] endpoints：“%s”应形如 tcp://10.1.2.3:7410", endpoint);
    memcpy(d->endpoints[o->n_parent_endpoints], endpoint, strlen(endpoint) + 1);
    o->parent_endpoints[o->n_parent_endpoints] = d->endpoints[o->n_parent_endpoints];
    o->n_parent_endpoints++;
    return LZ_ok;
}

static enum lz_err take_tier(struct daemon *d, struct lz_fail *fail) {
    const struct unit *u = units_find(d->units, d->config.node_unit);
    for (int i = 0; i < TIER_COUNT && d->config.node_tier[0]; i++)
        if (strcmp(tier_name((enum tier)i), d->config.node_tier) == 0) { d->turn_options.tier = (uint8_t)i; return LZ_ok; }
    if (d->config.node_tier[0]) return lz_refuse(fail, LZ_bad_config, "[node] tier：没有“%s”这一层级", d->config.node_tier);
    if (!u) return lz_refuse(fail, LZ_bad_config, "[node] unit %06u 不在区划表中；请补充区划表，或写明 [node] tier", d->config.node_unit);
    d->turn_options.tier = u->tier;
    return LZ_ok;
}

static enum lz_err take_log_level(const char *name, struct lz_fail *fail) {
    static const char *const names[] = { "debug", "info", "warn", "error" };
    for (size_t i = 0; i < LZ_COUNT(names); i++)
        if (strcmp(names[i], name) == 0) { lz_log_level((enum lz_level)i); return LZ_ok; }
    return lz_refuse(fail, LZ_bad_config, "[log] level：没有“%s”这一级", name);
}

/* "1/quarter" */
static enum lz_err take_times(const char *key, const char *text, struct patrol_rule *rule, struct lz_fail *fail) {
    static const char *const spans[EVERY_COUNT] = { "year", "half", "quarter", "month", "week" };
    const char *slash = strchr(text, '/');
    char number[8] = "";
    bool good = slash ? (size_t)(slash - text) < sizeof number : strcmp(text, "0") == 0;
    if (good && slash) memcpy(number, text, (size_t)(slash - text));
    if (good && slash) good = lz_u32_parse(number, &rule->times) && rule->times >= 1 && rule->times <= 31;
    for (rule->every = EVERY_YEAR; good && slash && rule->every < EVERY_COUNT && strcmp(slash + 1, spans[rule->every]) != 0; rule->every++) { }
    if (good && rule->every < EVERY_COUNT) return LZ_ok;
    return lz_refuse(fail, LZ_bad_config, "[patrol] %s 的值“%.40s”不对：应写如 1/quarter（year、half、quarter、month、week），或 0", key, text);
}

static enum lz_err take_rules(struct daemon *d, struct lz_fail *fail) {
    const struct config *c = &d->config;
    struct form_rules *rules = &d->turn_options.settings.rules;
    *rules = (struct form_rules){ .answer_days = (uint32_t)c->registers_answer_days, .board_days = (uint32_t)c->registers_board_days,
                                  .online_percent = (uint32_t)c->registers_online_percent };
#define RULE(at, tier) \
    rules->patrol[at].minutes = (uint32_t)c->patrol_##tier##_minutes; \
    rules->patrol[at].metres = (uint32_t)c->patrol_##tier##_metres; \
    rules->patrol[at].hours = (uint32_t)c->patrol_##tier##_hours;
    RULE(0, province) RULE(1, city) RULE(2, county) RULE(3, township) RULE(4, village) RULE(5, ranger)
#undef RULE
    const char *const times[] = { c->patrol_province_times, c->patrol_city_times, c->patrol_county_times, c->patrol_township_times, c->patrol_village_times };
    static const char *const keys[] = { "province_times", "city_times", "county_times", "township_times", "village_times" };
    enum lz_err err = LZ_ok;
    for (size_t i = 0; i < LZ_COUNT(times) && err == LZ_ok; i++) err = take_times(keys[i], times[i], &rules->patrol[i], fail);
    return err;
}

static void take_numbers(struct daemon *d) {
    const struct config *c = &d->config;
    struct turn_options *o = &d->turn_options;
    o->unit = c->node_unit;
    o->parent = c->parent_unit;
    o->software = "linzhangd " LZ_VERSION;
    o->tip_ms = (uint32_t)c->feeds_tip_ms;
    o->tip_idle_ms = (uint32_t)(c->feeds_tip_idle_ms > c->feeds_tip_ms ? c->feeds_tip_idle_ms : c->feeds_tip_ms);
    o->hello_ms = 1000;
    o->exporting = c->export_enabled != 0;
    o->settings = (struct flow_settings){
        .sign_days = (uint32_t)c->deadline_sign_days, .sign_urgent_hours = (uint32_t)c->deadline_sign_urgent_hours,
        .reminder_days = (uint32_t)c->deadline_reminder_days, .letter_days = (uint32_t)c->deadline_letter_days,
        .accept_days = (uint32_t)c->deadline_accept_days, .handle_days = (uint32_t)c->deadline_handle_days,
        .blue_days = (uint32_t)c->deadline_blue_days, .yellow_points = (uint32_t)c->deadline_yellow_points, .red_points = (uint32_t)c->deadline_red_points,
        .urge_after_days = (uint32_t)c->deadline_urge_after_days, .offer_after_days = (uint32_t)c->deadline_offer_after_days,
        .rollup_interval_ms = (uint32_t)c->feeds_rollup_ms,
    };
}

#define NUMBERS_OF(c) .numbers = { { KIND_general_order, (c)->numbers_general_order }, { KIND_supervision_letter, (c)->numbers_supervision_letter }, \
    { KIND_work_reminder, (c)->numbers_work_reminder }, { KIND_task, (c)->numbers_task }, { KIND_bulletin, (c)->numbers_bulletin } }

static enum lz_err check_schedule(const struct config *c, struct lz_fail *fail) {
    static const char *const good[] = { "", "month", "quarter", "half", "year" };
    for (size_t i = 0; i < LZ_COUNT(good); i++)
        if (strcmp(c->bulletin_schedule, good[i]) == 0) return LZ_ok;
    return lz_refuse(fail, LZ_bad_config, "[bulletin] schedule 没有“%.40s”；可用：month、quarter、half、year，或留空", c->bulletin_schedule);
}

static enum lz_err check_numbers(const struct config *c, struct lz_fail *fail) {
    const struct ctl_options o = { NUMBERS_OF(c) };
    char text[NUMBER_BYTES_MAX + 1];
    for (size_t i = 0; i < NUMBERED_KINDS; i++)
        if (o.numbers[i].pattern[0] && number_of_pattern(o.numbers[i].pattern, 2099, 99999, text).len == 0)
            return lz_refuse(fail, LZ_bad_config, "[numbers] %s 的“%.90s”不是文号格式；应有 {year} 和 {serial}，如 焦林长督〔{year}〕{serial}号", kind_row(o.numbers[i].kind)->name,
                             o.numbers[i].pattern);
    return LZ_ok;
}

static enum lz_err check_whole(struct daemon *d, struct lz_fail *fail) {
    const struct config *c = &d->config;
    enum lz_err err = check_numbers(c, fail);
    if (err == LZ_ok) err = check_schedule(c, fail);
    if (err != LZ_ok) return err;
    if (!c->node_unit) return lz_refuse(fail, LZ_bad_config, "缺少 [node] unit");
    if (!c->store_path[0]) return lz_refuse(fail, LZ_bad_config, "缺少 [store] path");
    if (!c->control_path[0]) return lz_refuse(fail, LZ_bad_config, "缺少 [control] path");
    if (!c->keys_secret[0]) return lz_refuse(fail, LZ_bad_config, "缺少 [keys] secret");
    if (c->listen_endpoint[0] && !c->keys_children[0]) return lz_refuse(fail, LZ_bad_config, "有 [listen] 就要有 [keys] children，登记下级的文件");
    if (c->parent_unit && (!c->parent_key[0] || !c->parent_endpoints[0])) return lz_refuse(fail, LZ_bad_config, "有 [parent] unit 就要有它的 key 和 endpoints");
    if (c->parent_unit == c->node_unit) return lz_refuse(fail, LZ_bad_config, "上级不能是自己");
    if (c->store_budget_mib > c->store_map_mib) return lz_refuse(fail, LZ_bad_config, "[store] budget_mib 不能大于 map_mib");
    if (c->store_reserve_mib >= c->store_budget_mib) return lz_refuse(fail, LZ_bad_config, "[store] reserve_mib 应小于 budget_mib");
    return LZ_ok;
}

static void take_wire(struct daemon *d) {
    const struct config *c = &d->config;
    struct wire_options *o = &d->wire_options;
    o->listen = c->listen_endpoint;
    o->roster = d->roster;
    o->parent = c->parent_unit;
    o->control_path = c->control_path;
    o->control_mode = c->control_mode;
    o->control_group = c->control_group;
    o->keepalive_ms = (uint32_t)c->parent_heartbeat_ms;
    o->handshake_ms = 5000;
    o->reconnect_ms = 100;
    o->reconnect_max_ms = 400;
    o->connect_timeout_ms = 2000;
}

static enum lz_err prepare(struct daemon *d, const char *path, struct lz_fail *fail) {
    enum lz_err err = config_read(path, &d->config, fail);
    if (err == LZ_ok) err = take_log_level(d->config.log_level, fail);
    if (err == LZ_ok) err = check_whole(d, fail);
    if (err == LZ_ok) err = config_each(d->config.node_divisions, load_units, d->units, fail);
    if (err == LZ_ok) err = config_each(d->config.node_holidays, load_holidays, d->calendar, fail);
    if (err == LZ_ok) err = take_tier(d, fail);
    if (err == LZ_ok) err = config_each(d->config.feeds_subscribe, take_kind, &d->turn_options, fail);
    if (err == LZ_ok) err = config_each(d->config.parent_endpoints, take_endpoint, d, fail);
    if (err == LZ_ok && d->config.parent_unit && !wire_key_parse(d->config.parent_key, d->wire_options.parent_key))
        err = lz_refuse(fail, LZ_bad_config, "[parent] key 不是公钥（40 个字符）");
    if (err == LZ_ok) err = load_roster(d, fail);
    if (err == LZ_ok) err = load_secret(d, fail);
    if (err != LZ_ok) return err;
    take_numbers(d);
    take_wire(d);
    return take_rules(d, fail);
}

/* ---- start, loop, end ------------------------------------------------------------------------------------------------------------ */

static struct store_options store_options(const struct config *c) {
    return (struct store_options){ .path = c->store_path, .unit = c->node_unit, .map_bytes = c->store_map_mib << 20,
                                   .budget_bytes = c->store_budget_mib << 20, .reserve_bytes = c->store_reserve_mib << 20 };
}

/* What the turn is told besides its numbers: all but the store. */
static void take_rooms(struct daemon *d) {
    struct turn_options *o = &d->turn_options;
    o->roster = d->roster;
    o->units = d->units;
    o->calendar = d->calendar;
    o->n_parent_endpoints = d->wire_options.n_parent_endpoints;
    crypto_generichash(o->seal_key, sizeof o->seal_key, (const uint8_t *)"linzhang seal", 13, d->wire_options.secret_key, KEY_BYTES);
    memcpy(o->secret_key, d->wire_options.secret_key, sizeof o->secret_key);
    memcpy(o->parent_key, d->wire_options.parent_key, sizeof o->parent_key);
    lz_random(o->epoch.b, sizeof o->epoch.b);
    lz_random(&o->seed, sizeof o->seed);
}

static enum lz_err start(struct daemon *d, struct lz_fail *fail) {
    const struct config *c = &d->config;
    struct lz_now now = lz_clock_now();
    struct store_options store = store_options(c);
    struct turn_options *o = &d->turn_options;
    enum lz_err err = store_open(&d->store, &store, fail);
    if (err != LZ_ok) return err;
    take_rooms(d);
    o->store = d->store;
    o->may_wait = true;
    err = wire_open(&d->wire, &d->wire_options, fail);
    if (err == LZ_ok) err = turn_open(&d->turn, o, now, fail);
    if (err != LZ_ok) return err;
    d->ctl = ctl_create(&(struct ctl_options){ NUMBERS_OF(c), .stale_days = (uint32_t)c->import_stale_days, .bulletin_every = c->bulletin_schedule,
                                              .turn = d->turn, .roster = d->roster,
                                              .wire = d->wire, .roster_path = c->keys_children,
                                               .software = o->software, .store_path = c->store_path, .started_wall_ms = now.wall_ms });
    struct drop_options drop = { .turn = d->turn, .in = c->bundle_in, .out = c->bundle_out, .every_ms = c->bundle_every_s * 1000,
                                 .part_bytes = c->bundle_part_mib << 20, .out_bytes = c->bundle_out_mib << 20 };
    return drop_open(&d->drop, &drop, now, fail);
}

static void take_events(struct daemon *d) {
    for (;;) {
        switch (wire_next_event(d->wire)) {
        case WIRE_PARENT_CONNECTED: turn_parent_event(d->turn, PARENT_CONNECTED); break;
        case WIRE_PARENT_LOST: turn_parent_event(d->turn, PARENT_LOST); break;
        case WIRE_PARENT_REFUSED: turn_parent_event(d->turn, PARENT_REFUSED); break;
        case WIRE_NOTHING: return;
        }
    }
}

static void take_input(struct daemon *d) {
    struct wire_ask ask;
    struct packet packet;
    bool asked = false;
    if (ctl_has_deferred(d->ctl) && ctl_serve_deferred(d->ctl)) {             /* alone in its turn */
        (void)turn_answers_only(d->turn);
        return;
    }
    take_events(d);
    for (; turn_has_room(d->turn) && ctl_has_room(d->ctl) && wire_ask_recv(d->wire, &ask); asked = true)
        ctl_serve(d->ctl, ask.client, ask.client_len, ask.uid, ask.bytes);
    if (asked && turn_answers_only(d->turn)) return;
    while (turn_has_room(d->turn) && wire_recv(d->wire, &packet)) turn_feed(d->turn, &packet);
}

static enum lz_err one_turn(struct daemon *d) {
    struct packet packet;
    size_t endpoint;
    uint64_t now = lz_clock_now().mono_ms, deadline = turn_next_deadline(d->turn);
    if (drop_next_deadline(d->drop) < deadline) deadline = drop_next_deadline(d->drop);
    uint64_t wait = deadline > now ? deadline - now : 0;
    if (ctl_has_deferred(d->ctl)) wait = 0;
    wire_wait(d->wire, wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS);                /* the only place we sleep          */
    turn_begin(d->turn, lz_clock_now());                                       /* the only place we read the clock */
    take_input(d);
    ctl_daily(d->ctl);
    drop_turn(d->drop);
    enum lz_err err = turn_commit(d->turn);
    while (turn_next_send(d->turn, &packet)) wire_send(d->wire, &packet);
    ctl_flush(d->ctl, err);                                                    /* only now does the clerk read "ok" */
    drop_committed(d->drop, err);
    if (turn_wants_dial(d->turn, &endpoint)) wire_dial(d->wire, endpoint);
    if (err == LZ_full) usleep(100 * 1000);                                    /* a full disk does not get better by asking */
    return err == LZ_full ? LZ_ok : err;
}

static void end(struct daemon *d) {
    drop_close(&d->drop);
    ctl_destroy(&d->ctl);
    turn_close(&d->turn);
    wire_close(&d->wire);
    store_close(&d->store);
    roster_destroy(&d->roster);
    calendar_destroy(&d->calendar);
    units_destroy(&d->units);
}

static int usage(FILE *out, enum lz_lang lang) {
    static const char *const lines[] = {
        "用法：linzhangd [-n] [--restore 备份目录] 配置文件",
        "  -n, --check          只检查配置，不启动；没有问题时退出码为 0",
        "  -R, --restore 目录   用 linzhangctl backup 做的备份换下存储，检查后退出；守护进程须先停止",
        "  -V, --version        版本",
        "配置样例见 deploy/examples；操作用 linzhangctl。",
    };
    for (size_t i = 0; i < LZ_COUNT(lines); i++) fprintf(out, "%s\n", lz_text(lang, lines[i]));
    return out == stderr ? 2 : 0;
}

static int refused(const struct lz_fail *fail) {
    char text[2 * sizeof fail->text];                                          /* it may quote a path or a file: nothing that a terminal obeys */
    (void)lz_text_clip(lz_bytes_str(fail->text), SIZE_MAX, text, sizeof text);
    fprintf(stderr, lz_text(fail->lang, "linzhangd：%s（%s）\n"), text, lz_err_name(fail->code));
    return 1;
}

static int restore(struct daemon *d, const char *backup, enum lz_lang lang) {
    struct lz_fail fail = { .lang = lang };
    take_rooms(d);
    struct restore_options o = { .backup = backup, .children_path = d->config.keys_children, .store = store_options(&d->config), .turn = d->turn_options };
    return restore_run(&o, &fail) == LZ_ok ? 0 : refused(&fail);
}

static int run(struct daemon *d, const char *path, bool check_only, const char *backup, enum lz_lang lang) {
    struct lz_fail fail = { .lang = lang };
    enum lz_err err = prepare(d, path, &fail);
    if (err == LZ_ok && check_only) { printf(lz_text(lang, "%s：配置没有问题\n"), path); return 0; }
    if (err == LZ_ok && backup) return restore(d, backup, lang);
    if (err == LZ_ok) err = start(d, &fail);
    if (err != LZ_ok) return refused(&fail);
    lz_log(LZ_INFO, "daemon.started unit=%06u software=%s store=%s", d->config.node_unit, LZ_VERSION, d->config.store_path);
    while (!stopping && err == LZ_ok) err = one_turn(d);
    if (err != LZ_ok) lz_log(LZ_ERROR, "daemon.no_way_on reason=%s", lz_err_name(err));
    lz_log(LZ_INFO, "daemon.stopped signal=%d", (int)stopping);
    return err == LZ_ok ? 0 : 1;
}

int main(int argc, char **argv) {
    static const struct option options[] = {
        { "check", no_argument, NULL, 'n' }, { "restore", required_argument, NULL, 'R' }, { "version", no_argument, NULL, 'V' },
        { "help", no_argument, NULL, 'h' }, { 0 },
    };
    bool check_only = false;
    const char *backup = NULL;
    int option;
    enum lz_lang lang = lz_lang_wanted();
    lz_lang_open(NULL);
    while ((option = getopt_long(argc, argv, "nR:Vh", options, NULL)) != -1) {
        if (option == 'n') check_only = true;
        else if (option == 'R') backup = optarg;
        else if (option == 'V') { puts("linzhangd " LZ_VERSION); return 0; }
        else return usage(option == 'h' ? stdout : stderr, lang);
    }
    if (optind + 1 != argc) return usage(stderr, lang);
    struct sigaction action = { .sa_handler = on_signal };
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    umask(027);
    static struct daemon d;
    d.units = units_create();
    d.calendar = calendar_create();
    d.roster = roster_create();
    if (!d.units || !d.roster) lz_fatal("out of memory");
    int code = run(&d, argv[optind], check_only, backup, lang);
    end(&d);
    return code;
}
