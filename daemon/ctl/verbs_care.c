/* verbs_care: the store is looked after: what rotted is made good, and copies of it are made. */
#include "ctl_room.h"

static void row_damaged(struct call *c, struct key key, uint32_t asked, uint32_t absent) {
    uint16_t kind = lz_get16(key.b + 4);
    bool event = key.len == REC_ID_BYTES;
    if (!row_begin(c, "list")) return;
    cell_id(c, "id", event ? rec_id_get(key.b) : (struct rec_id){ 0 });
    cell_kind(c, kind);
    cell_unit(c, "origin", lz_get32(key.b));
    cell_unit_name(c, "origin_name", lz_get32(key.b));
    cell_time(c, "time", event ? stamp_wall_ms(lz_get64(key.b + 6)) : 0);
    cell_u64(c, "asked", asked);
    cell_u64(c, "absent", absent);
    cell_word(c, "next", asked == 0 ? "等邻居连上后要回" : absent < asked ? "正在向邻居要回"
                                                             : "邻居都没有：从备份恢复，或执行 repair give-up 放弃");
    row_end(c);
}

static void say_repair(struct call *c, const struct repair_view *v) {
    if (v->n_damaged)
        say(c, "有 %zu 条记录损坏，正在向邻居要回；repair status 可查", v->n_damaged);
    else if (v->found == 0) say(c, "检查了 %llu 个值，没有损坏", (unsigned long long)v->looked);
    else say(c, "检查了 %llu 个值；启动以来发现损坏 %llu 个，已全部处理", (unsigned long long)v->looked, (unsigned long long)v->found);
}

static void rows_damaged(struct call *c) {
    struct repair_view v;
    turn_repair_view(c->turn, &v);
    for (size_t i = 0; i < v.n_damaged; i++) {
        uint32_t asked, absent;
        struct key key = turn_damaged(c->turn, i, &asked, &absent);
        row_damaged(c, key, asked, absent);
    }
    say_repair(c, &v);
}

enum lz_err verb_repair(struct call *c) {
    turn_repair(c->turn);
    rows_damaged(c);
    return store_failed(c->store);
}

enum lz_err verb_repair_status(struct call *c) {
    struct repair_view v;
    turn_repair_view(c->turn, &v);
    card_time(c, "上次全面检查", v.scrubbed_wall_ms);
    card(c, "检查的值", "%llu 个", (unsigned long long)v.looked);
    card(c, "损坏与修复", "启动以来发现 %llu 个，已修复 %llu 个，尚缺记录 %zu 条", (unsigned long long)v.found,
         (unsigned long long)v.made_good, v.n_damaged);
    rows_damaged(c);
    return LZ_ok;
}

enum lz_err verb_repair_give_up(struct call *c) {
    struct repair_view v;
    turn_repair_view(c->turn, &v);
    if (v.n_damaged == 0) return lz_refuse(c->fail, LZ_illegal_move, "没有损坏的记录需要放弃");
    for (size_t i = 0; i < v.n_damaged; i++) {
        uint32_t asked, absent;
        (void)turn_damaged(c->turn, i, &asked, &absent);
        if (asked == 0 || absent < asked)
            return lz_refuse(c->fail, LZ_illegal_move, "还有邻居没有答复是否持有这些记录；请等全部邻居连上并答复后再放弃（repair status 可查）");
    }
    turn_repair_give_up(c->turn);
    say(c, "已放弃 %zu 条记录，派生数据已按余下的记录重做", v.n_damaged);
    return store_failed(c->store);
}

/* ---- backup ------------------------------------------------------------------------------------------------------------ */

enum lz_err verb_backup(struct call *c) {
    const char *path = arg_text(c, "dir");
    enum lz_err err = store_backup_begin(c->store, path ? path : "", roster_print(c->roster, c->arena), c->now.wall_ms, c->fail);
    if (err == LZ_ok) say(c, "开始备份到 %s；backup status 可查", path);
    return err;
}

enum lz_err verb_backup_status(struct call *c) {
    static const char *const states[] = { "none", "running", "done", "failed" };
    struct backup_view v;
    const char *path = store_backup_view(c->store, &v);
    if (row_begin(c, "list")) {
        cell_text(c, "backup", states[v.state]);
        cell_text(c, "path", path);
        cell_u64(c, "values", v.values);
        cell_u64(c, "bytes", v.bytes);
        cell_time(c, "began", v.began_wall_ms);
        cell_time(c, "ended", v.ended_wall_ms);
        cell_text(c, "reason", retold(c, c->lang, v.reason));
        row_end(c);
    }
    switch (v.state) {
    case BACKUP_NONE: say(c, "本次启动以来没有做过备份"); break;
    case BACKUP_RUNNING: say(c, "正在备份到 %s，已复制 %llu 个值", path, (unsigned long long)v.values); break;
    case BACKUP_DONE: say(c, "已备份到 %s：%llu 个值，%llu KiB", path, (unsigned long long)v.values, (unsigned long long)(v.bytes >> 10)); break;
    case BACKUP_FAILED: return lz_refuse(c->fail, LZ_store_io, "备份到 %s 没有成功：%s；没有留下残缺的备份", path, retold(c, c->fail->lang, v.reason));
    }
    return LZ_ok;
}
