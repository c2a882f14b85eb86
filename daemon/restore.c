/* restore: a backup takes the place of the store.
 *
 * The order is: is it ours and whole; into place; read every value, recompute everything; a new epoch and open reclaims, in one
 * commit. A process that dies in between leaves a store that went back, which the neighbours recognise by themselves. */
#include "restore.h"
#include <errno.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct manifest { unsigned long long format, unit, values, wall_ms; };

static int on_value(void *context, const char *section, const char *name, const char *value) {
    struct manifest *m = context;
    const struct { const char *name; unsigned long long *to; } fields[] = {
        { "format", &m->format }, { "unit", &m->unit }, { "values", &m->values }, { "wall_ms", &m->wall_ms },
    };
    (void)section;
    for (size_t i = 0; i < LZ_COUNT(fields); i++)
        if (strcmp(fields[i].name, name) == 0) *fields[i].to = strtoull(value, NULL, 10);
    return 1;
}

static enum lz_err read_manifest(const struct restore_options *o, struct manifest *m, struct lz_fail *fail) {
    char path[PATH_MAX_BYTES + 32], when[32];
    if (strlen(o->backup) >= PATH_MAX_BYTES) return lz_refuse(fail, LZ_bad_argument, "备份目录的路径太长");
    snprintf(path, sizeof path, "%s/backup.ini", o->backup);
    *m = (struct manifest){ 0 };
    if (ini_parse(path, on_value, m) != 0) return lz_refuse(fail, LZ_not_found, "%s 不是完整的备份：没有可读的 backup.ini；备份用 linzhangctl backup 制作", o->backup);
    if (m->unit != o->store.unit) return lz_refuse(fail, LZ_store_foreign, "%s 是 %06llu 的备份，本机配置的单位是 %06u", o->backup, m->unit, o->store.unit);
    lz_time_print(m->wall_ms, when);
    printf(lz_said(fail, "备份：%s，制作于 %s，%llu 个值\n"), o->backup, when, m->values);
    return LZ_ok;
}

static enum rot_then count_rotten(void *context, enum table table, struct key key, struct lz_bytes raw) {
    (void)table; (void)key; (void)raw;
    ++*(uint64_t *)context;
    return ROT_KEEP;
}

/* Every value is read; what the copy lacks, or has damaged, is said before anybody relies on it. */
static enum lz_err check_values(struct store *store, const struct manifest *m, struct lz_fail *fail) {
    struct scrub all = { 0 };
    uint64_t rotten = 0;
    (void)store_scrub(store, &all, SIZE_MAX, count_rotten, &rotten);
    /* the walk counts what it came upon; what was added behind it while it went on is more */
    if (store_failed(store) != LZ_ok || all.looked < m->values / 2) return lz_refuse(fail, LZ_store_corrupt, "备份残缺：应有约 %llu 个值，只读到 %llu 个", m->values,
            (unsigned long long)all.looked);
    printf(lz_said(fail, "检查：%llu 个值，损坏 %llu 个%s\n"), (unsigned long long)all.looked, (unsigned long long)rotten,
           lz_said(fail, rotten ? "；启动后自动修复，linzhangctl repair status 可查" : ""));
    return LZ_ok;
}

static void restore_children(const struct restore_options *o, const struct lz_fail *fail) {
    char from[PATH_MAX_BYTES + 32], buffer[4096];
    if (o->children_path[0] == 0 || access(o->children_path, F_OK) == 0) return;
    snprintf(from, sizeof from, "%s/children.tsv", o->backup);
    FILE *in = fopen(from, "re"), *out = in ? fopen(o->children_path, "wxe") : NULL;
    size_t n;
    bool good = out != NULL;
    while (good && (n = fread(buffer, 1, sizeof buffer, in)) > 0) good = fwrite(buffer, 1, n, out) == n;
    if (out) good = fflush(out) == 0 && fsync(fileno(out)) == 0 && good;
    if (out) good = fclose(out) == 0 && good;
    if (in) fclose(in);
    if (good) printf(lz_said(fail, "下级名册：原文件不在，已从备份写入 %s\n"), o->children_path);
    else if (in) printf(lz_said(fail, "下级名册：不能写入 %s（%s）；请从备份的 children.tsv 手工复制\n"), o->children_path, strerror(errno));
}

enum lz_err restore_run(const struct restore_options *o, struct lz_fail *fail) {
    struct manifest m = { 0 };
    struct lz_now now = lz_clock_now();
    char kept[PATH_MAX_BYTES + 64] = "";
    struct turn_options to = o->turn;
    struct turn *turn = NULL;
    struct verify verify = { 0 };
    enum lz_err err = read_manifest(o, &m, fail);
    if (err == LZ_ok) err = store_restore(o->store.path, o->backup, now.wall_ms, kept, sizeof kept, fail);
    if (err != LZ_ok) return err;
    if (kept[0]) printf(lz_said(fail, "原来的存储保留为 %s；确认无误后可以删除\n"), kept);
    err = store_open(&to.store, &o->store, fail);
    if (err == LZ_ok) err = check_values(to.store, &m, fail);
    if (err == LZ_ok) {
        store_abort(to.store);
        to.restored = true;
        err = turn_open(&turn, &to, now, fail);
    }
    if (err == LZ_ok) {
        restore_children(o, fail);
        turn_begin(turn, now);
        flow_verify_in(turn_flow(turn), lz_fail_lang(fail), &verify);
        if (verify.differences) printf(lz_said(fail, "核对：%llu 处差异，第一处：%.*s\n"), (unsigned long long)verify.differences, (int)verify.first.len,
                (const char *)verify.first.data);
        else printf(lz_said(fail, "核对：记录 %llu 条，派生数据无差异\n"), (unsigned long long)verify.records);
        printf(lz_said(fail, "已还原，换了新的运行号；启动后先从邻居找回备份之后的记录，找回之前暂不受理提交\n"));
    }
    turn_close(&turn);
    store_close(&to.store);
    if (err == LZ_ok) return LZ_ok;
    if (store_restore_undo(o->store.path, kept)) printf(lz_said(fail, "备份不能使用，原来的存储已放回\n"));
    else printf(lz_said(fail, "备份不能使用；请把 %s 改名为 data.mdb\n"), kept);
    return err;
}
