/* verbs_admin: the node itself: status, links, children, repairs, logs. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include "ctl_room.h"

/* ---- status ----------------------------------------------------------------------------------------------------------------------- */

static void status_store(struct call *c) {
    struct store_room room = store_room(c->store);
    struct store_counts counts;
    char hex[33];
    struct epoch epoch = store_epoch(c->store);
    store_count(c->store, &counts);
    lz_hex(epoch.b, sizeof epoch.b, hex);
    card(c, "存储", "%s", ctl_settings(c->ctl)->store_path);
    card(c, "已用空间", "%llu MiB，上限 %llu MiB，磁盘剩余 %llu MiB%s", (unsigned long long)(room.used_bytes >> 20), (unsigned long long)(room.budget_bytes >> 20),
         (unsigned long long)(room.disk_free_bytes >> 20), shown(c, room.exhausted ? "；已满，停止受理" : room.full ? "；将满，一般记录停止受理" : ""));
    card(c, "记录", "%llu 条", (unsigned long long)counts.entries[TABLE_record]);
    card(c, "状态条数", "%llu 条", (unsigned long long)counts.entries[TABLE_standing]);
    card(c, "被拒收", "%llu 条", (unsigned long long)counts.entries[TABLE_refused]);
    card(c, "校验和不对的值", "%llu", (unsigned long long)store_rot(c->store));
    card(c, "运行号", "%s", hex);
    card(c, "位置", "%llu", (unsigned long long)store_position(c->store));
}

static void status_counters(struct call *c) {
    const struct turn_counters *t = turn_counters(c->turn);
    const struct wire *wire = ctl_settings(c->ctl)->wire;
    card(c, "处理轮次", "%llu，其中写盘 %llu", (unsigned long long)t->turns, (unsigned long long)t->commits);
    card(c, "收到报文", "%llu，其中不能读懂 %llu，过频不答 %llu", (unsigned long long)t->packets, (unsigned long long)t->bad_packets,
         (unsigned long long)t->limited);
    card(c, "收到记录", "%llu，重复 %llu，拒收 %llu，越权 %llu，冲突 %llu", (unsigned long long)t->records, (unsigned long long)t->duplicates,
         (unsigned long long)t->refused, (unsigned long long)t->forbidden, (unsigned long long)t->conflicts);
    card(c, "发现缺口", "%llu，应对方补发 %llu", (unsigned long long)t->gaps, (unsigned long long)t->fetches_served);
    card(c, "发出批次", "即时 %llu，补发 %llu", (unsigned long long)t->batches_live, (unsigned long long)t->batches_repair);
    if (!wire) return;
    const struct wire_counters *w = wire_counters(wire);
    card(c, "网络收发", "收 %llu 个 %llu 字节，发 %llu 个 %llu 字节，未能发出 %llu", (unsigned long long)w->received, (unsigned long long)w->bytes_received,
         (unsigned long long)w->sent, (unsigned long long)w->bytes_sent, (unsigned long long)w->dropped_send);
    card(c, "网络拒绝", "未登记的公钥 %llu，握手失败 %llu，过大 %llu，多帧 %llu，强行断开 %llu", (unsigned long long)w->unknown_key,
         (unsigned long long)w->handshakes_refused, (unsigned long long)w->oversized, (unsigned long long)w->multipart, (unsigned long long)w->cut_off);
}

static const char *tier_zh(uint8_t tier) {
    static const char *const tiers[TIER_COUNT] = { "国家", "省", "市", "县", "乡镇" };
    return tier < TIER_COUNT ? tiers[tier] : "-";
}

static void cells_tier(struct call *c, const struct unit *unit) {
    cell_text(c, "tier", unit ? tier_name((enum tier)unit->tier) : "");
    cell_word(c, "tier_zh", unit ? tier_zh(unit->tier) : "");
}

enum lz_err verb_status(struct call *c) {
    const struct turn_options *o = turn_settings(c->turn);
    const struct ctl_options *ctl = ctl_settings(c->ctl);
    char span[32] = "";
    card(c, "单位", "%s", unit_label(c, c->unit));
    card(c, "层级", "%s", shown(c, tier_zh(o->tier)));
    if (o->parent) card(c, "上级", "%s", unit_label(c, o->parent));
    else card(c, "上级", "无（最上级）");
    card(c, "下级", "%zu 个", c->roster->n_children);
    card(c, "版本", "%s", ctl->software);
    card_time(c, "启动时间", ctl->started_wall_ms);
    if (c->now.wall_ms > ctl->started_wall_ms) lz_span_print(c->lang, c->now.wall_ms - ctl->started_wall_ms, span);
    card(c, "已运行", "%s", span);
    card_time(c, "本机时间", c->now.wall_ms);
    card(c, "数据找回", "%s", shown(c, turn_recovering(c->turn) ? "正在等邻居交还数据，暂不受理" : "无"));
    status_store(c);
    status_counters(c);
    if (turn_recovering(c->turn)) say(c, "正在等邻居交还数据，暂不受理；确认无需等待时可执行 reclaim skip");
    return LZ_ok;
}

/* ---- links -------------------------------------------------------------------------------------------------------------------------- */

/* One word of the state is not true of it at all times: a backlog that stands still does not shrink. */
static const char *link_next(const struct link_view *v) {
    bool moves = (v->behind_out && v->rate_out > 0) || (v->behind_in && v->rate_in > 0);
    return v->state == LINK_syncing && !moves ? "暂无进展，等待对方" : link_next_zh(v->state);
}

static void cell_eta(struct call *c, const struct link_view *v) {
    char text[32] = "";
    double seconds = 0;
    bool stands = (v->behind_out && v->rate_out <= 0) || (v->behind_in && v->rate_in <= 0);
    if (v->behind_out && v->rate_out > 0) seconds = (double)v->behind_out / v->rate_out;
    if (v->behind_in && v->rate_in > 0 && (double)v->behind_in / v->rate_in > seconds) seconds = (double)v->behind_in / v->rate_in;
    if (stands || seconds >= 1e9) strcpy(text, "未知");
    else if (seconds > 0) lz_span_print(c->lang, (uint64_t)(seconds * 1000), text);
    cell_word(c, "eta", text);
}

static void cells_link(struct call *c, const struct link_view *v) {
    cell_text(c, "link", link_name(v->state));
    cell_word(c, "link_zh", link_zh(v->state));
    cell_text(c, "reason", reason_of(c, c->lang, v));
    cell_time(c, "since", v->since_wall_ms);
    cell_time(c, "last_seen", v->last_seen_wall_ms);
    cell_u64(c, "behind_in", v->behind_in);
    cell_u64(c, "behind_out", v->behind_out);
}

/* What was last known of a neighbour; v NULL: it is none. */
static void cells_known(struct call *c, const struct link_view *v) {
    char span[32] = "", hex[33] = "";
    if (v && v->oldest_out_ms && c->now.wall_ms > v->oldest_out_ms) lz_span_print(c->lang, c->now.wall_ms - v->oldest_out_ms, span);
    if (v && !epoch_none(v->epoch)) lz_hex(v->epoch.b, sizeof v->epoch.b, hex);
    hex[8] = 0;
    cell_text(c, "age", span);
    cell_text(c, "epoch", hex);
    cell_text(c, "version", v ? v->software : "");
}

static void row_link(struct call *c, const struct link_view *v) {
    if (!row_begin(c, "list")) return;
    cell_unit(c, "unit", v->code);
    cell_unit_name(c, "name", v->code);
    cell_word(c, "side", v->is_parent ? "上级" : "下级");
    cells_link(c, v);
    cell_u64(c, "behind_records", v->behind_out_records);
    cell_u64(c, "behind_bytes", v->behind_out_bytes);
    cells_known(c, v);
    cell_eta(c, v);
    cell_format(c, "clock", "%+.1f秒", (double)v->clock_offset_ms / 1000.0);
    cell_text(c, "cause", cause_of(c, c->lang, v));
    cell_word(c, "next", link_next(v));
    row_end(c);
}

enum lz_err verb_links(struct call *c) {
    size_t n = turn_links(c->turn), live = 0;
    for (size_t i = 0; i < n; i++) {
        struct link_view v;
        turn_link_view(c->turn, i, &v);
        live += v.state == LINK_live;
        row_link(c, &v);
    }
    if (n == 0) say(c, "没有上级，也没有登记下级；用 child add 登记下级");
    else say(c, "共 %zu 条连接，%zu 条已同步", n, live);
    return LZ_ok;
}

enum lz_err verb_links_resolve(struct call *c) {
    uint32_t code = 0;
    struct link_view v;
    enum lz_err err = arg_code(c, "code", &code);
    if (err != LZ_ok) return err;
    if (!link_of(c, code, &v)) return lz_refuse(c->fail, LZ_not_found, "与 %s 没有连接；links 可查", unit_label(c, code));
    if (!turn_resolve(c->turn, code)) return lz_refuse(c->fail, LZ_illegal_move, "与 %s 的记录没有分叉，无需确认", unit_label(c, code));
    say(c, "已确认 %s 现在的记录线为真；下一次问候后继续同步", unit_label(c, code));
    return LZ_ok;
}

/* All links, each looked at once: a view counts what is behind, which costs reading. */
struct views {
    struct link_view *of;
    size_t n;
};

static bool views_open(struct call *c, struct views *views) {
    views->n = turn_links(c->turn);
    views->of = arena_alloc_raw(c->arena, (views->n + 1) * sizeof *views->of);
    if (!views->of) store_give_up(c->store);
    for (size_t i = 0; i < views->n && views->of; i++) turn_link_view(c->turn, i, &views->of[i]);
    return views->of != NULL;
}

static const struct link_view *views_find(const struct views *views, uint32_t code) {
    for (size_t i = 0; i < views->n; i++)
        if (views->of[i].code == code) return &views->of[i];
    return NULL;
}

static void row_tree(struct call *c, uint32_t code, const struct views *views) {
    const struct unit *unit = units_find(c->units, code);
    const struct child *child = roster_holding(c->roster, code);
    const struct link_view *v = child && child->code == code ? views_find(views, code) : NULL;
    if (!row_begin(c, "list")) return;
    cell_unit(c, "unit", code);
    cell_text(c, "name", unit ? unit->name : "");
    cells_tier(c, unit);
    cell_unit(c, "parent", unit ? unit->parent : 0);
    if (v) {
        cells_link(c, v);
        cell_u64(c, "behind_records", v->behind_out_records);
    } else {
        cell_text(c, "link", child ? "through" : "not_enrolled");
        if (child) cell_format(c, "link_zh", "经 %06u", child->code);
        else cell_word(c, "link_zh", "未登记");
        cell_text(c, "reason", "");
        cell_text(c, "since", "");
        cell_text(c, "last_seen", "");
        cell_text(c, "behind_in", "");
        cell_text(c, "behind_out", "");
        cell_text(c, "behind_records", "");
    }
    cells_known(c, v);
    row_end(c);
}

enum lz_err verb_tree(struct call *c) {
    uint32_t *codes = arena_alloc_raw(c->arena, UNITS_MAX * sizeof *codes);
    struct views views;
    if (!codes || !views_open(c, &views)) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    size_t n = units_below(c->units, c->unit, false, codes, UNITS_MAX);
    for (size_t i = 0; i < n && i < UNITS_MAX; i++) row_tree(c, codes[i], &views);
    for (size_t i = 0; i < c->roster->n_children; i++)
        if (!units_find(c->units, c->roster->children[i].code)) row_tree(c, c->roster->children[i].code, &views);
    say(c, "区划表中下级 %zu 个，直接登记 %zu 个", n, c->roster->n_children);
    return LZ_ok;
}

/* ---- why ------------------------------------------------------------------------------------------------------------------------------ */

static void row_why(struct call *c, uint32_t code, const char *state, const char *reason, const char *next) {
    if (!row_begin(c, "chain")) return;
    cell_unit(c, "unit", code);
    cell_unit_name(c, "name", code);
    cell_word(c, "link_zh", state);
    cell_text(c, "reason", reason);
    cell_word(c, "next", next);
    row_end(c);
}

/* The link on the way to a unit: its own, that of the child it is below, else the one up. */
static uint32_t way_to(struct call *c, uint32_t code) {
    const struct child *child = roster_holding(c->roster, code);
    struct link_view v;
    if (code != c->unit && link_of(c, code, &v)) return code;
    return child ? child->code : turn_settings(c->turn)->parent;
}

static bool is_below(const struct call *c, uint32_t code) {
    const struct unit *unit = units_find(c->units, code);
    while (unit && unit->parent && unit->parent != c->unit) unit = units_find(c->units, unit->parent);
    return unit && unit->parent == c->unit;
}

static void chain_to(struct call *c, uint32_t code, const struct link_view *v) {
    row_why(c, v->code, link_zh(v->state), reason_of(c, c->lang, v), link_next(v));
    if (v->cause[0]) row_why(c, v->code, "对方自述", cause_of(c, c->lang, v), "请在对方机器上执行 why，查它的上级");
    if (code != v->code && code != c->unit) row_why(c, code, v->is_parent ? "在上级那一侧" : "在该下级之下", shown(c, "本机只知道到上面一站为止"), "请在那一站上执行 why");
    const char *via = unit_label(c, v->code), *side = said(c, v->is_parent ? "上级" : "下级");
    if (code == v->code && v->state == LINK_live) say(c, "与 %s 已同步", via);
    else if (code == v->code) say(c, "与 %s %s：%s", via, said(c, link_zh(v->state)), reason_of(c, c->fail->lang, v));
    else if (v->state == LINK_live)
        say(c, "%s 经%s %s 往来：本机与 %s 已同步；从那里到它是否同步，请在 %s 上执行 why", unit_label(c, code), side, via, via, via);
    else say(c, "%s 经%s %s 往来，到不了它：本机与 %s %s，%s", unit_label(c, code), side, via, via, said(c, link_zh(v->state)), reason_of(c, c->fail->lang, v));
}

enum lz_err verb_why(struct call *c) {
    uint32_t code = 0, parent = turn_settings(c->turn)->parent;
    struct link_view v;
    enum lz_err err = arg_code(c, "code", &code);
    if (err != LZ_ok) return err;
    if (code == 0 || code == c->unit) code = parent;
    if (code == 0) { say(c, "本单位是最上级，没有向上的连接"); return LZ_ok; }
    if (code != parent && !units_find(c->units, code) && !roster_holding(c->roster, code))
        return lz_refuse(c->fail, LZ_unknown_unit, "没有单位 %06u：它不在区划表中，也不是上级或已登记的下级；units 可查代码", code);
    uint32_t via = way_to(c, code);
    if (via != code && is_below(c, code) && !roster_holding(c->roster, code)) {
        row_why(c, code, "未登记", shown(c, "这个单位在本级之下，但它和它的上级都没有在本机登记"), "请取得它的公钥，执行 child add");
        say(c, "%s 没有登记", unit_label(c, code));
    } else if (via == 0) say(c, "%s 不在本单位之下，本单位又是最上级：没有通向它的连接", unit_label(c, code));
    else if (link_of(c, via, &v)) chain_to(c, code, &v);
    else return lz_refuse(c->fail, LZ_not_found, "与 %s 没有连接；links 可查", unit_label(c, via));
    return LZ_ok;
}

/* ---- checking, watching ------------------------------------------------------------------------------------------------------------------ */

enum lz_err verb_verify(struct call *c) {
    struct verify v;
    flow_verify_in(c->flow, c->fail->lang, &v);
    if (row_begin(c, "verify")) {
        cell_u64(c, "differences", v.differences);
        cell_bytes(c, "text", v.first);
        row_end(c);
    }
    if (v.differences)
        return lz_refuse(c->fail, LZ_differs, "核对发现 %llu 处差异，第一处：%.*s", (unsigned long long)v.differences, (int)v.first.len,
                         v.first.len ? (const char *)v.first.data : "");
    say(c, "核对无差异：记录 %llu，状态 %llu，汇总 %llu，传送项 %llu", (unsigned long long)v.records, (unsigned long long)v.standings,
        (unsigned long long)v.rollups, (unsigned long long)v.feed_entries);
    return LZ_ok;
}

enum lz_err verb_watch(struct call *c) {
    const struct kind_row *kind = NULL;
    enum lz_err err = arg_kind(c, "kind", &kind);
    if (err == LZ_ok) err = watch_add(c, kind);
    if (err == LZ_ok) say(c, "开始监视%s", kind ? said(c, kind->zh) : "");
    return err;
}

/* ---- children ------------------------------------------------------------------------------------------------------------------------------- */

static enum lz_err write_failed(struct lz_fail *fail, const char *path, int reason) {
    return lz_refuse(fail, reason == ENOSPC ? LZ_full : LZ_store_io, "不能写入下级名册 %s：%s；名册没有改变，请检查目录权限和磁盘", path, strerror(reason));
}

static int write_whole(int fd, struct lz_bytes text) {
    while (text.len > 0) {
        ssize_t n = write(fd, text.data, text.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return errno;
        text = lz_bytes_of(text.data + n, text.len - (size_t)n);
    }
    return fsync(fd) == 0 ? 0 : errno;
}

static int sync_directory_of(const char *path) {
    char directory[4096];
    snprintf(directory, sizeof directory, "%s", path);
    char *slash = strrchr(directory, '/');
    if (!slash) strcpy(directory, ".");
    else slash[slash == directory] = 0;
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
    int reason = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return reason;
}

/* Whole or not at all: a new file takes the old one's name. */
enum lz_err roster_write(const char *path, struct lz_bytes text, struct lz_fail *fail) {
    char fresh[4096];
    if (path[0] == 0) return LZ_ok;
    if ((size_t)snprintf(fresh, sizeof fresh, "%s.new", path) >= sizeof fresh) return write_failed(fail, path, ENAMETOOLONG);
    int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return write_failed(fail, path, errno);
    int reason = write_whole(fd, text);
    if (close(fd) != 0 && reason == 0) reason = errno;
    if (reason == 0 && rename(fresh, path) != 0) reason = errno;
    if (reason == 0) reason = sync_directory_of(path);
    else unlink(fresh);
    return reason == 0 ? LZ_ok : write_failed(fail, path, reason);
}

/* The roster is const to all other verbs. */
static struct roster *roster_of(struct call *c) { return ctl_settings(c->ctl)->roster; }

static enum lz_err keep_roster(struct call *c, struct lz_bytes before) {
    enum lz_err err = roster_write(ctl_settings(c->ctl)->roster_path, roster_print(c->roster, c->arena), c->fail);
    if (err == LZ_ok) return LZ_ok;
    enum lz_err back = roster_load(roster_of(c), before, NULL);
    if (back != LZ_ok) lz_fatal("the roster cannot be put back: %s", lz_err_name(back));
    return err;
}

static enum lz_err roster_ready(struct call *c, struct lz_bytes *before) {
    *before = roster_print(c->roster, c->arena);
    if (roster_may_change(c) && (before->data || c->roster->n_children == 0)) return LZ_ok;
    return lz_refuse(c->fail, LZ_too_many, "名册正在变动；请稍后再试");
}

/* Known, and somewhere else: its records would go to whoever was enrolled for it here. */
static enum lz_err check_below(struct call *c, uint32_t code) {
    if (!units_find(c->units, c->unit) || !units_find(c->units, code) || is_below(c, code)) return LZ_ok;
    return lz_refuse(c->fail, LZ_unknown_unit, "%s 按区划表不在本单位 %s 之下，不能登记在这里；请核对代码", unit_label(c, code), unit_label(c, c->unit));
}

static enum lz_err take_subtree(struct call *c, uint32_t code, uint32_t *subtree, size_t *n) {
    enum lz_err err = arg_codes(c, "subtree", subtree, SUBTREE_MAX, n, NULL);
    if (err != LZ_ok) return err;
    if (*n == 0) *n = units_below(c->units, code, true, subtree, SUBTREE_MAX);
    if (*n > SUBTREE_MAX) return lz_refuse(c->fail, LZ_too_many, "辖区超过 %d 个单位", SUBTREE_MAX);
    if (*n == 0) subtree[(*n)++] = code;
    for (size_t i = 0; i < *n; i++)
        if (subtree[i] == c->unit || subtree[i] == turn_settings(c->turn)->parent)
            return lz_refuse(c->fail, LZ_bad_argument, "本单位和上级不能在下级的辖区里：%06u", subtree[i]);
    for (size_t i = 0; i < *n && err == LZ_ok; i++) err = check_below(c, subtree[i]);
    return err;
}

/* A code that the divisions do not have may be right all the same, and may be a slip: it is taken, and said. */
static void say_child_added(struct call *c, uint32_t code, const char *how, bool new_key) {
    const struct child *child = roster_find(c->roster, code);
    char unknown[160] = "";
    size_t n = 0;
    uint32_t first = units_find(c->units, code) ? 0 : code;
    for (size_t i = 0; i < child->n_subtree; i++) {
        if (units_find(c->units, child->subtree[i])) continue;
        if (!first) first = child->subtree[i];
        n++;
    }
    if (n == 1) snprintf(unknown, sizeof unknown, said(c, "；注意：%06u 不在区划表中，请核对代码"), first);
    else if (n) snprintf(unknown, sizeof unknown, said(c, "；注意：有 %zu 个代码不在区划表中（如 %06u），请核对"), n, first);
    say(c, "%s下级 %s，管辖 %zu 个单位%s%s", said(c, how), unit_label(c, code), child->n_subtree, said(c, new_key ? "，公钥已换" : ""), unknown);
}

enum lz_err verb_child_add(struct call *c) {
    uint32_t code = 0, *subtree = arena_alloc_raw(c->arena, SUBTREE_MAX * sizeof *subtree);
    uint8_t key[KEY_BYTES];
    size_t n = 0;
    struct lz_bytes before;
    const char *text = arg_text(c, "key");
    if (!subtree) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    enum lz_err err = arg_code(c, "code", &code);
    if (err != LZ_ok) return err;
    if (code == c->unit || code == turn_settings(c->turn)->parent) return lz_refuse(c->fail, LZ_bad_argument, "%06u 是本单位或上级，不能登记为下级", code);
    if (!text || !wire_key_parse(text, key)) return lz_refuse(c->fail, LZ_bad_key, "公钥应为 40 个字符（对方 keygen 生成的 .pub 文件的内容，或 key show 所示）");
    err = check_below(c, code);
    if (err == LZ_ok) err = take_subtree(c, code, subtree, &n);
    if (err == LZ_ok) err = roster_ready(c, &before);
    if (err != LZ_ok) return err;
    const struct child *old = roster_find(c->roster, code);
    bool new_key = old && memcmp(old->key, key, sizeof key) != 0, was = old != NULL;
    err = roster_add(roster_of(c), code, key, subtree, n, c->fail);
    if (err == LZ_ok) err = keep_roster(c, before);
    if (err != LZ_ok) return err;
    roster_changed(c, code, new_key, before);
    turn_child_added(c->turn, code);
    say_child_added(c, code, was ? "已更新" : "已登记", new_key);
    return LZ_ok;
}

enum lz_err verb_child_remove(struct call *c) {
    uint32_t code = 0;
    struct lz_bytes before;
    enum lz_err err = arg_code(c, "code", &code);
    if (err == LZ_ok) err = roster_ready(c, &before);
    if (err != LZ_ok) return err;
    if (!roster_remove(roster_of(c), code)) return lz_refuse(c->fail, LZ_not_found, "%s 没有登记；child list 可查", unit_label(c, code));
    err = keep_roster(c, before);
    if (err != LZ_ok) return err;
    roster_changed(c, code, true, before);
    turn_child_removed(c->turn, code);
    say(c, "已注销下级 %s；它上报过的记录保留，汇总中不再计入", unit_label(c, code));
    return LZ_ok;
}

enum lz_err verb_child_list(struct call *c) {
    struct views views;
    if (!views_open(c, &views)) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    for (size_t i = 0; i < c->roster->n_children; i++) {
        const struct child *child = &c->roster->children[i];
        const struct link_view *v = views_find(&views, child->code);
        char key[KEY_TEXT];
        if (!row_begin(c, "list")) continue;
        wire_key_print(child->key, key);
        cell_unit(c, "unit", child->code);
        cell_unit_name(c, "name", child->code);
        cell_text(c, "key", key);
        cell_u64(c, "subtree", child->n_subtree);
        cell_text(c, "link", v ? link_name(v->state) : "");
        cell_word(c, "link_zh", v ? link_zh(v->state) : "");
        cell_time(c, "last_seen", v ? v->last_seen_wall_ms : 0);
        row_end(c);
    }
    say(c, "已登记下级 %zu 个", c->roster->n_children);
    return LZ_ok;
}

/* ---- repairs, lists --------------------------------------------------------------------------------------------------------------------------- */

enum lz_err verb_reclaim_skip(struct call *c) {
    if (!turn_recovering(c->turn)) return lz_refuse(c->fail, LZ_illegal_move, "现在没有在等邻居交还数据");
    turn_override_reclaim(c->turn);
    say(c, "不再等待，立即受理；邻居连上后仍会交还它们持有的数据");
    return LZ_ok;
}

static void row_refused(struct call *c, struct key key, struct lz_bytes v) {
    struct record r = { 0 };
    char name[33] = "";
    size_t n = lz_get16(v.data + 8);
    if (n < sizeof name) memcpy(name, v.data + 10, n);
    struct lz_bytes envelope = lz_bytes_of(arena_copy(c->arena, v.data + 10 + n, v.len - 10 - n), v.len - 10 - n);
    struct lz_fail why = { .lang = c->lang };
    uint64_t time = lz_get64(v.data);
    if (!envelope.data || !row_begin(c, "list")) return;
    enum lz_err code = lz_err_from_name(name);
    (void)!record_decode(c->arena, envelope, &r, &why);
    cell_time(c, "time", time);
    cell_unit(c, "unit", lz_get32(key.b));
    cell_unit_name(c, "name", lz_get32(key.b));
    cell_unit(c, "origin", r.origin);
    cell_word(c, "kind_zh", kind_row(r.kind) ? kind_row(r.kind)->zh : "不认识");
    cell_id(c, "id", r.stamp ? record_id(&r) : (struct rec_id){ 0 });
    cell_text(c, "outcome", name);
    cell_word(c, "cause", lz_err_zh(code));
    cell_text(c, "text", why.text);
    row_end(c);
}

enum lz_err verb_refused(struct call *c) {
    uint32_t limit = LIMIT_MAX;
    struct key key = { 0 };
    struct lz_bytes v;
    enum lz_err err = arg_u32(c, "limit", LIMIT_MAX, &limit);
    if (err != LZ_ok) return err;
    for (uint32_t i = 0; i < limit && !c->cut && store_seek(c->store, TABLE_refused, &key, &v); key = key_after(key), i++) {
        if (c->seen < c->skip) { c->seen++; continue; }
        if (key.len >= 4 && v.len >= 10 && v.len >= 10u + lz_get16(v.data + 8)) row_refused(c, key, v);
    }
    if (c->seen == 0) say(c, "没有被拒收的记录");
    return LZ_ok;
}

enum lz_err verb_units(struct call *c) {
    uint32_t code = 0, *codes = arena_alloc_raw(c->arena, UNITS_MAX * sizeof *codes);
    enum lz_err err = arg_code(c, "code", &code);
    if (err != LZ_ok) return err;
    if (!codes) return lz_refuse(c->fail, LZ_too_large, "一次处理的内容太多；请稍后再试");
    if (code && !units_find(c->units, code)) return lz_refuse(c->fail, LZ_unknown_unit, "%06u 不在区划表中", code);
    size_t n = code ? units_below(c->units, code, true, codes, UNITS_MAX) : units_count(c->units);
    for (size_t i = 0; i < n; i++) {
        const struct unit *unit = code ? units_find(c->units, codes[i]) : units_at(c->units, i);
        if (!row_begin(c, "list")) continue;
        cell_unit(c, "unit", unit->code);
        cell_text(c, "name", unit->name);
        cells_tier(c, unit);
        cell_unit(c, "parent", unit->parent);
        row_end(c);
    }
    say(c, "%zu 个单位", n);
    return LZ_ok;
}

enum lz_err verb_resolve(struct call *c) {
    struct rec_id id = { 0 };
    const struct kind_row *kind = NULL;
    enum lz_err err = arg_kind(c, "kind", &kind);
    if (err != LZ_ok) return err;
    c->kind = kind;
    err = arg_id(c, "id", &id);
    if (err != LZ_ok || !row_begin(c, "list")) return err;
    cell_id(c, "id", id);
    cell_kind(c, id.kind);
    row_end(c);
    return LZ_ok;
}
