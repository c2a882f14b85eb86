/* faults: which of them a seed switches on, and when they strike. */
#include "world.h"
#include "history.h"

void faults_draw(struct world *w, const struct mix *mix) {
    double crash[] = { 0, 0.002, 0.01, 0.03 };
    if (mix->crash) { w->odds.crash_before = crash[sim_random(w, 4)]; w->odds.crash_after = crash[sim_random(w, 4)]; }
    w->odds.full = sim_chance(w, 0.3) ? 0.01 : 0;
    w->odds.lose = (double)sim_random(w, 30) / 100;
    w->odds.twice = (double)sim_random(w, 15) / 100;
    w->odds.delay_min_ms = 1 + (uint32_t)sim_random(w, 20);
    w->odds.delay_max_ms = w->odds.delay_min_ms + (uint32_t)sim_random(w, 300);
    w->odds.cut = 0.02;
    w->odds.restart = 0.01;
    w->odds.leave = 0.004;
    if (mix->restore) w->odds.restore = 0.012;
    if (mix->destroy) w->odds.destroy = 0.004;
    if (mix->clock) w->odds.clock = 0.01;
    w->odds.late = sim_chance(w, 0.5);
    w->subscribe = sim_chance(w, 0.5) ? KIND_progress : 0;
}

void faults_step(struct world *w, struct node *n) {
    if (sim_chance(w, w->odds.cut)) {
        int child = (int)sim_random(w, (uint64_t)w->n_nodes);
        w->cut_until[child][sim_random(w, 2)] = w->now_ms + sim_random(w, 5000);
        w->faults++;
    }
    if (n->up && sim_chance(w, w->odds.restart)) { world_note(w, "%u restarts", n->code); node_down(w, n, 100); w->faults++; }
    if (n->up && sim_chance(w, w->odds.leave)) { world_note(w, "%u leaves", n->code); node_down(w, n, 10000 + sim_random(w, 60000)); w->faults++; }
    if (n->up && w->odds.restore > 0 && sim_chance(w, w->odds.restore)) node_copy(w, n);
    if (n->has_backup && sim_chance(w, w->odds.restore / 2)) node_restore(w, n);
    if (sim_chance(w, w->odds.destroy)) node_destroy(w, n);
    if (sim_chance(w, w->odds.clock)) {
        n->clock_offset_ms = (int64_t)sim_random(w, 7200000) - 3600000;
        history_clock(w->history, n->code);
        w->faults++;
    }
    if (!n->enrolled && n->up_index >= 0 && sim_chance(w, 0.03)) node_enrol(w, n);
}
