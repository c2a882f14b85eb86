/* load: who does what, and when, on a working day. By the workloads of the field: a province like Henan has 60,000 chiefs, 5,000 patrols
 * and 120 problems a day in 158 counties, so a county 32 patrols and 3 problems in four days; three of a hundred problems go up.
 * What depends on another's doing (signing, progress, the steps of a problem) is added when that has happened. */
#include <stdio.h>
#include <stdlib.h>
#include "nation.h"

static const uint64_t MINUTE = 60000;
enum { PATROLS = 32, PROBLEMS_PERCENT = 76, TRIES = 6, BEFORE = 2 };

uint64_t load_roll(struct nation *n, uint64_t below) {
    n->die ^= n->die >> 12;
    n->die ^= n->die << 25;
    n->die ^= n->die >> 27;
    return below ? (n->die * 2685821657736338717ull >> 16) % below : 0;
}

/* ---- the heap ---- */

static bool sooner(const struct deed *a, const struct deed *b) { return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order; }
static void swap(struct deed *a, struct deed *b) { struct deed d = *a; *a = *b; *b = d; }

void load_add(struct nation *n, enum act act, uint64_t at_ms, int node, uint32_t step, struct rec_id about) {
    if (n->n_deeds == n->max_deeds) {
        n->max_deeds = n->max_deeds ? 2 * n->max_deeds : 4096;
        n->deeds = realloc(n->deeds, n->max_deeds * sizeof *n->deeds);
        LZ_ASSERT(n->deeds);
    }
    size_t at = n->n_deeds++;
    n->deeds[at] = (struct deed){ at_ms, n->orders++, act, node, step, about };
    for (; at > 0 && sooner(&n->deeds[at], &n->deeds[(at - 1) / 2]); at = (at - 1) / 2) swap(&n->deeds[at], &n->deeds[(at - 1) / 2]);
}

bool load_next(struct nation *n, struct deed *deed) {
    if (n->n_deeds == 0) return false;
    *deed = n->deeds[0];
    n->deeds[0] = n->deeds[--n->n_deeds];
    for (size_t at = 0;;) {
        size_t best = at;
        for (size_t k = 2 * at + 1; k <= 2 * at + 2 && k < n->n_deeds; k++)
            if (sooner(&n->deeds[k], &n->deeds[best])) best = k;
        if (best == at) return true;
        swap(&n->deeds[at], &n->deeds[best]);
        at = best;
    }
}

/* ---- the morning ---- */

static uint64_t some_time(struct nation *n) { return n->day_ms + load_roll(n, n->end_ms - n->day_ms); }

void load_day(struct nation *n) {
    const struct rec_id none = { 0 };
    uint64_t day = n->end_ms - n->day_ms;
    for (int i = 0; i < n->w->n_nodes; i++) {
        uint8_t tier = n->w->nodes[i].tier;
        if (tier == TIER_COUNTY) {
            for (uint64_t k = load_roll(n, 2 * PATROLS + 1); k > 0; k--) load_add(n, ACT_PATROL, some_time(n), i, 0, none);
            if (load_roll(n, 100) < PROBLEMS_PERCENT) load_add(n, ACT_PROBLEM, some_time(n), i, 0, none);
            if (load_roll(n, 200) == 0) load_add(n, ACT_EMERGENCY, some_time(n), i, 0, none);
        }
        if (tier == TIER_CITY && load_roll(n, 3) == 0) load_add(n, ACT_LETTER, some_time(n), i, 0, none);
        if (tier == TIER_CITY && load_roll(n, 2) == 0) load_add(n, ACT_REMINDER, some_time(n), i, 0, none);
        if (tier == TIER_PROVINCE && n->w->nodes[i].first_below >= 0) load_add(n, ACT_TASK, n->day_ms + day / 20 + load_roll(n, day / 4), i, 0, none);
    }
    load_add(n, ACT_ORDER, n->day_ms + day / 10, 0, 0, none);                        /* at nine */
    load_add(n, ACT_DOWN, n->day_ms + day / 5, n->down, 0, none);                    /* at ten a daemon goes, for an hour and a half */
    load_add(n, ACT_ORDER, n->day_ms + day / 5 + day / 20, 0, 0, none);              /* the top does not wait for it */
    load_add(n, ACT_DARK, n->day_ms + day * 6 / 10, n->dark, 0, none);               /* at two a line goes, for an hour */
}

/* ---- what a clerk gives ---- */

static bool give(struct nation *n, enum act act, struct node *at, struct record *d, struct rec_id *id) {
    if (!at->up) return false;                           /* he sees that nothing runs, and comes again */
    n->tally[act].asked++;
    bool ok = node_submit(n->w, at, d, id) == LZ_ok;
    if (ok) n->tally[act].accepted++;
    else n->tally[act].refused++;
    return ok;
}

static bool patrol(struct nation *n, struct node *at) {
    enum { CHIEF, TIER, AREA, DAY, BEGIN, END, LENGTH, POINTS, WEATHER, FOUND, PROBLEMS };
    struct form_value of[FORM_FIELDS_MAX] = { { 0 } };
    char no[32], chief[16];
    struct record d = { .kind = kind_by_name("patrol")->number };
    struct rec_id id;
    uint64_t begin = 8 * 60 + load_roll(n, 500);
    snprintf(no, sizeof no, "x%llu", (unsigned long long)++n->numbers);
    snprintf(chief, sizeof chief, "c%llu", (unsigned long long)load_roll(n, 300));
    of[CHIEF].text = lz_bytes_str(chief);
    of[TIER].number = 3 + (int64_t)load_roll(n, 3);
    of[AREA].text = lz_bytes_str("北坡林区");
    of[DAY].number = 20220424;
    of[BEGIN].number = (int64_t)begin;
    of[END].number = (int64_t)(begin + 30 + load_roll(n, 90));
    of[LENGTH].number = 1000 + (int64_t)load_roll(n, 6000);
    of[WEATHER].text = lz_bytes_str("晴");
    of[FOUND].text = lz_bytes_str("未见异常");
    d.of.form = (struct form){ .no = lz_bytes_str(no), .valid_from = 20220424, .of = of,
                               .given = 1u << CHIEF | 1u << TIER | 1u << AREA | 1u << DAY | 1u << BEGIN | 1u << END | 1u << LENGTH | 1u << WEATHER |
                                        1u << FOUND };
    bool ok = give(n, ACT_PATROL, at, &d, &id);
    at->again = (struct again){ 0 };                     /* its values end here */
    return ok;
}

static bool problem(struct nation *n, struct node *at) {
    struct record d = { .kind = KIND_problem };
    struct rec_id id;
    d.of.problem.title = lz_bytes_str("林地内堆放建筑垃圾");
    d.of.problem.body = lz_bytes_str("巡护中发现林地边缘倾倒建筑垃圾约二十立方米，已拍照，当场未见责任人。");
    if (!give(n, ACT_PROBLEM, at, &d, &id)) return false;
    load_add(n, ACT_STEP, n->w->now_ms + MINUTE * (5 + load_roll(n, 40)), at->index, 0, id);
    return true;
}

static bool emergency(struct nation *n, struct node *at) {
    struct record d = { .kind = KIND_emergency };
    struct rec_id id;
    d.of.emergency.title = lz_bytes_str("山火");
    return give(n, ACT_EMERGENCY, at, &d, &id);
}

/* Each in its time; three in a hundred go up instead. */
static bool step(struct nation *n, struct node *at, const struct deed *deed) {
    static const char *const steps[] = { "accept", "handle", "feedback", "verify", "close" };
    bool up = deed->step == 1 && load_roll(n, 100) < 3;
    struct record d = { .kind = KIND_move, .subject = deed->about };
    struct rec_id id;
    d.of.move = (struct move){ .move = move_by_name(MACHINE_PROBLEM, up ? "escalate" : steps[deed->step])->number, .text = lz_bytes_str("按规定办理") };
    if (!give(n, ACT_STEP, at, &d, &id)) return false;
    if (!up && deed->step + 1 < LZ_COUNT(steps)) load_add(n, ACT_STEP, n->w->now_ms + MINUTE * (10 + load_roll(n, 60)), at->index, deed->step + 1, deed->about);
    return true;
}

/* ---- from above ---- */

static void to_sign(struct nation *n, struct rec_id id, int at, uint64_t within) {
    load_add(n, ACT_SIGN, n->w->now_ms + MINUTE + load_roll(n, within), at, 0, id);
}

static bool issue(struct nation *n, enum act act, struct node *at, uint32_t kind, bool all, const char *title) {
    struct record d = { .kind = (uint16_t)kind, .target_all = all };
    uint32_t targets[3];
    struct rec_id id;
    d.targets = targets;
    for (int i = at->first_below; !all && i >= 0 && d.n_targets < LZ_COUNT(targets); i = n->w->nodes[i].next_beside)
        if (load_roll(n, 3) == 0) targets[d.n_targets++] = n->w->nodes[i].code;
    if (!all && d.n_targets == 0 && at->first_below >= 0) targets[d.n_targets++] = n->w->nodes[at->first_below].code;
    if (!all && d.n_targets == 0) return true;
    d.of.directive.title = lz_bytes_str(title);
    d.of.directive.body = lz_bytes_str("请各单位结合实际抓好落实，按时反馈进展情况。");
    d.of.directive.due_ms = node_now(n->w, at).wall_ms + 10 * (uint64_t)LZ_DAY_MS;
    if (!give(n, act, at, &d, &id)) return false;
    if (act == ACT_ORDER) measure_order(n->measure, id, n->tally[act].accepted == 1 ? "first order" : "second order");
    for (size_t i = 0; i < d.n_targets; i++) to_sign(n, id, node_of(n->w, targets[i])->index, 60 * MINUTE);
    for (int i = 0; all && i < n->w->n_nodes; i++)
        if (i != at->index && world_below(n->w, n->w->nodes[i].code, at->code)) to_sign(n, id, i, n->small ? 5 * MINUTE : 50 * MINUTE);
    return true;
}

static bool sign(struct nation *n, struct node *at, const struct deed *deed) {
    struct record d = { .kind = KIND_move, .subject = deed->about };
    struct rec_id id;
    d.of.move = (struct move){ .move = move_by_name(MACHINE_HANDLING, "sign")->number };
    if (!give(n, ACT_SIGN, at, &d, &id)) return false;
    measure_signed(n->measure, deed->about, at);
    if (deed->about.kind == KIND_task && at->tier == TIER_COUNTY)
        load_add(n, ACT_PROGRESS, n->w->now_ms + MINUTE * (5 + load_roll(n, 120)), at->index, 0, deed->about);
    return true;
}

static bool progress(struct nation *n, struct node *at, const struct deed *deed) {
    struct record d = { .kind = KIND_progress, .subject = deed->about };
    struct rec_id id;
    d.of.progress = (struct progress){ 20220424, (int64_t)load_roll(n, 100), 100, lz_bytes_str("已完成放线、整地，苗木到位。") };
    return give(n, ACT_PROGRESS, at, &d, &id);
}

static void fail(struct nation *n, struct node *at, bool down) {
    uint64_t day = n->end_ms - n->day_ms, for_ms = down ? day * 15 / 100 : day / 10;
    if (down) { node_down(n->w, at, for_ms); n->down_at = n->w->now_ms; n->back_at = n->w->now_ms + for_ms; }
    else { world_dark(n->w, at, for_ms); n->dark_at = n->w->now_ms; n->light_at = n->w->now_ms + for_ms; }
    n->w->faults++;
    load_add(n, ACT_PROBE, n->w->now_ms + for_ms - 1000, at->index, BEFORE, (struct rec_id){ 0 });
    load_add(n, ACT_PROBE, n->w->now_ms + for_ms, at->index, down, (struct rec_id){ 0 });
}

void load_do(struct nation *n, const struct deed *deed) {
    struct node *at = &n->w->nodes[deed->node];
    bool done = true;
    switch (deed->act) {
    case ACT_PATROL: done = patrol(n, at); break;
    case ACT_PROBLEM: done = problem(n, at); break;
    case ACT_STEP: done = step(n, at, deed); break;
    case ACT_EMERGENCY: done = emergency(n, at); break;
    case ACT_ORDER: done = issue(n, ACT_ORDER, at, KIND_general_order, true, "关于切实做好春季森林防火和造林绿化工作的令"); break;
    case ACT_TASK: done = issue(n, ACT_TASK, at, KIND_task, true, "春季造林任务"); break;
    case ACT_LETTER: done = issue(n, ACT_LETTER, at, KIND_supervision_letter, false, "关于毁林图斑整改的督办函"); break;
    case ACT_REMINDER: done = issue(n, ACT_REMINDER, at, KIND_work_reminder, false, "关于按时报送巡林数据的提示"); break;
    case ACT_SIGN: done = sign(n, at, deed); break;
    case ACT_PROGRESS: done = progress(n, at, deed); break;
    case ACT_DOWN: fail(n, at, true); break;
    case ACT_DARK: fail(n, at, false); break;
    case ACT_PROBE:
        if (deed->step == BEFORE) measure_dark(n->measure, deed->node);
        else measure_back(n->measure, deed->node, deed->step ? "daemon" : "line");
        break;
    }
    bool later = deed->act == ACT_SIGN || deed->act == ACT_PROGRESS || !at->up;
    if (!done && later && deed->step < TRIES) {
        uint64_t wait = (n->end_ms - n->day_ms) / 20;
        load_add(n, deed->act, n->w->now_ms + wait, deed->node, deed->act == ACT_STEP ? deed->step : deed->step + 1, deed->about);
    }
}
