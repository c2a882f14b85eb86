/* turn: begin, feed, commit, send. */
#include <stdlib.h>
#include "turn_room.h"

enum { ARENA_BYTES = 192 * 1024 * 1024, TURN_ARENA_BYTES = 12 * 1024 * 1024, ROOM_EVERY_MS = 1000, ACK_WRITE_MS = 5000 };

/* ---- life ------------------------------------------------------------------------------------------------------------- */

static void load_lineage(struct turn *t) {
    t->n_lineage = store_lineage(t->o.store, t->lineage, LINEAGE_SHOWN_MAX, &t->lineage_cut);
    LZ_ASSERT(t->n_lineage > 0);
}

/* All that must be on disk before anything is offered or taken. */
static void write_start(struct turn *t) {
    bool is_new = store_is_new(t->o.store);
    t->start_tried_ms = t->now.mono_ms;
    store_begin_epoch(t->o.store, t->o.epoch);
    if ((is_new || t->o.restored) && t->links) reclaim_open_all(t, NULL, is_new ? "new_store" : "restored");
    links_follow_roster(t);
    follow_try_again(t);
    flow_rollups_again(t->flow);
    flow_settle(t->flow);
}

static void start_is_written(struct turn *t) {
    t->unborn = false;
    pass_on_check(t);
    load_lineage(t);
    links_load(t);
    for (struct link *l = t->links; l; l = l->next)
        if (l->reclaim) t->wait_until_ms = UINT64_MAX;          /* a recovery that an earlier run began */
}

static void forget_turn(struct turn *t);

static enum lz_err first_commit(struct turn *t, struct lz_fail *fail) {
    turn_begin(t, t->now);
    if (t->o.parent) link_make(t, t->o.parent, true);
    for (size_t i = 0; i < t->o.roster->n_children; i++) link_make(t, t->o.roster->children[i].code, false);
    write_start(t);
    enum lz_err err = store_commit(t->o.store);
    if (err == LZ_full && t->o.may_wait) {
        lz_log(LZ_ERROR, "store.waits_for_room used=%llu disk_free=%llu", (unsigned long long)t->room.used_bytes, (unsigned long long)t->room.disk_free_bytes);
        forget_turn(t);
        t->unborn = t->starved = true;
        links_states(t);
    } else if (err != LZ_ok) return lz_refuse(fail, err, "存储不能写入：%s", lz_said(fail, lz_err_zh(err)));
    else {
        flow_forget(t->flow);
        start_is_written(t);
    }
    store_abort(t->o.store);
    t->in_turn = false;
    return LZ_ok;
}

enum lz_err turn_open(struct turn **turn_p, const struct turn_options *o, struct lz_now now, struct lz_fail *fail) {
    LZ_ASSERT(o->unit != 0 && o->parent != o->unit && !epoch_none(o->epoch));
    struct turn *t = calloc(1, sizeof *t);
    if (!t) lz_fatal("out of memory");
    t->o = *o;
    t->now = now;
    t->random = o->seed | 1;
    t->arena = arena_create(ARENA_BYTES);
    t->repairs.damaged = calloc(REPAIR_KEYS_MAX, sizeof *t->repairs.damaged);
    t->lineage = calloc(LINEAGE_SHOWN_MAX, sizeof *t->lineage);
    if (!t->lineage || !t->repairs.damaged) lz_fatal("out of memory");
    store_set_arena(o->store, t->arena);
    struct flow_options flow = { .store = o->store, .roster = o->roster, .units = o->units, .calendar = o->calendar,
                                 .unit = o->unit, .parent = o->parent, .tier = o->tier, .exporting = o->exporting, .settings = o->settings };
    memcpy(flow.seal_key, o->seal_key, sizeof flow.seal_key);
    t->flow = flow_create(&flow);
    t->wants_dial = o->parent != 0 && o->n_parent_endpoints > 0;
    t->tip_interval_ms = o->tip_ms;
    enum lz_err err = first_commit(t, fail);
    if (err != LZ_ok) { turn_close(&t); return err; }
    *turn_p = t;
    return LZ_ok;
}

void turn_close(struct turn **turn_p) {
    struct turn *t = *turn_p;
    *turn_p = NULL;
    if (!t) return;
    store_abort(t->o.store);
    bundle_close(t);
    for (struct link *l = t->links, *next; l; l = next) { next = l->next; free(l); }
    flow_destroy(&t->flow);
    arena_destroy(&t->arena);
    free(t->lineage);
    free(t->repairs.damaged);
    free(t);
}

/* xorshift64*: jitter only; nothing is secret here */
uint64_t turn_random(struct turn *t, uint64_t below) {
    t->random ^= t->random >> 12;
    t->random ^= t->random << 25;
    t->random ^= t->random >> 27;
    return below ? t->random * 2685821657736338717ull % below : 0;
}

/* ---- one turn ----------------------------------------------------------------------------------------------------------- */

void turn_begin(struct turn *t, struct lz_now now) {
    LZ_ASSERT(!t->in_turn);
    store_abort(t->o.store);                       /* a read transaction of the last turn's composing */
    store_forget_fresh(t->o.store);
    arena_reset(t->arena);
    t->now = now;
    t->in_turn = true;
    bool wrote = t->busy;
    t->busy = t->resting = t->tried = t->passed = false;
    t->turn_records = t->turn_bytes = t->turn_packets = 0;
    t->outbox = arena_alloc_raw(t->arena, OUTBOX_MAX * sizeof *t->outbox);
    t->n_outbox = t->at_outbox = t->outbox_bytes = 0;
    flow_begin(t->flow, now, t->arena);
    reclaim_hold_numbers(t);
    if (t->roster_changed && !t->unborn) links_follow_roster(t);
    /* after every write: at full speed what is routine would eat the reserve within the second that an idle node may wait */
    if (wrote || t->room_checked_ms == 0 || now.mono_ms >= t->room_checked_ms + ROOM_EVERY_MS) {
        bool was = t->room.full;
        t->room = store_room(t->o.store);
        t->room_checked_ms = now.mono_ms;
        if (t->room.full != was)
            lz_log(LZ_WARN, "store.%s used=%llu budget=%llu disk_free=%llu", t->room.full ? "full" : "has_room", (unsigned long long)t->room.used_bytes,
                   (unsigned long long)t->room.budget_bytes, (unsigned long long)t->room.disk_free_bytes);
    }
    t->starved = t->starved && t->room.exhausted;
    t->counters.turns++;
    if (!t->unborn) repair_tick(t);
    (void)store_backup_step(t->o.store, BACKUP_SLICE_BYTES, now.wall_ms);
}

bool turn_has_room(const struct turn *t) {
    return t->turn_records < TURN_RECORDS_MAX && t->turn_bytes < TURN_BYTES_MAX && t->turn_packets < TURN_PACKETS_MAX &&
           flow_has_room(t->flow) && arena_used(t->arena) < TURN_ARENA_BYTES;
}

void turn_post(struct turn *t, uint32_t peer, enum channel channel, struct lz_bytes bytes) {
    if (t->mute && peer == t->mute) return;
    /* over the limits a message is dropped: everything on the wire is repeated or fetched */
    if (t->n_outbox == OUTBOX_MAX || t->outbox_bytes + bytes.len > SEND_QUEUE_BYTES) return;
    t->outbox[t->n_outbox++] = (struct packet){ peer, channel, bytes };
    t->outbox_bytes += bytes.len;
}

static void hear(struct turn *t, struct link *l) {
    l->heard_ms = t->now.mono_ms;
    l->heard_wall_ms = t->now.wall_ms;
    l->refused = false;
    if (!l->is_parent) l->connected = true;
}

static void on_refusal(struct link *l, struct lz_bytes body, struct turn *t) {
    struct refusal refusal;
    char text[256];
    if (refusal_decode(t->arena, body, &refusal) != LZ_ok) return;
    l->refused = true;
    lz_text_clip(refusal.text, 60, text, sizeof text);
    link_reason(l, "%s：%s", "对方拒绝", text);
    lz_log(LZ_WARN, "link.refused peer=%06u reason=%s", l->code, lz_log_value(refusal.text, text, sizeof text));
}

void turn_feed(struct turn *t, const struct packet *packet) {
    LZ_ASSERT(t->in_turn);
    t->turn_packets++;
    t->turn_bytes += packet->bytes.len;
    t->counters.packets++;
    struct link *l = link_find(t, packet->peer);
    if (!l || l->gone || t->unborn) return;
    enum packet_type type;
    struct lz_bytes body;
    struct lz_fail fail = { 0 };
    if (packet->bytes.len > BATCH_BYTES_MAX || packet_open(packet->bytes, &type, &body, &fail) != LZ_ok) {
        t->counters.bad_packets++;
        lz_log(LZ_WARN, "packet.bad peer=%06u reason=%s", l->code, lz_err_name(fail.code));
        return;
    }
    hear(t, l);
    switch ((int)type) {
    case PACKET_HELLO: link_on_hello(t, l, body); break;
    case PACKET_BATCH: follow_batch(t, l, body); break;
    case PACKET_TIP: follow_tip(t, l, body); break;
    case PACKET_FETCH: publish_fetch(t, l, body); break;
    case PACKET_ACK: publish_ack(t, l, body); break;
    case PACKET_RECLAIM_ASK: reclaim_on_ask(t, l, body); break;
    case PACKET_RECLAIM_ANSWER: reclaim_on_answer(t, l, body); break;
    case PACKET_RECLAIM_DONE: reclaim_on_done(t, l, body); break;
    case PACKET_REPAIR_ASK: repair_on_ask(t, l, body); break;
    case PACKET_REPAIR_ANSWER: repair_on_answer(t, l, body); break;
    case PACKET_REFUSAL: on_refusal(l, body, t); break;
    default:
        t->counters.bad_packets++;
        lz_log(LZ_WARN, "packet.unknown peer=%06u type=%d", l->code, (int)type);
    }
}

static void forget_turn(struct turn *t) {
    store_abort(t->o.store);
    flow_forget(t->flow);
    bundle_turn_failed(t);
    t->n_outbox = t->at_outbox = 0;
    t->files_more = false;
    t->room_checked_ms = 0;
    for (struct link *l = t->links; l; l = l->next) {
        l->refused_counted = false;
        if (l->greeted_turn != t->counters.turns) continue;
        l->greeted = false;
        l->hello_sent_ms = 0;
    }
    links_load(t);
    walk_load(t);
    if (t->tried) follow_try_all_again(t);
    if (t->passed) pass_on_check(t);
    repair_undo(t);
    store_abort(t->o.store);
}

void turn_abandon(struct turn *t) {
    LZ_ASSERT(t->in_turn && t->turn_packets == 0);
    forget_turn(t);
    flow_begin(t->flow, t->now, t->arena);
}

bool turn_untouched(const struct turn *t) { return t->turn_packets == 0 && !store_written(t->o.store) && t->turn_records == 0; }

bool turn_answers_only(struct turn *t) {
    return t->resting = t->starved || (t->unborn && t->now.mono_ms < t->start_tried_ms + ROOM_EVERY_MS);
}

static void write_what_waits(struct turn *t) {
    if (t->unborn) write_start(t);
    follow_try_again(t);
    pass_on_step(t);
    if (t->walk_active) walk_step(t);
    t->files_more = !t->unborn && !t->room.full && flow_files_step(t->flow, !turn_recovering(t));
    flow_settle(t->flow);
    follow_write_cursors(t);
    if (!store_written(t->o.store) && t->now.mono_ms < t->ack_write_ms + ACK_WRITE_MS) return;
    publish_write_acks(t);
    t->ack_write_ms = t->now.mono_ms;
}

/* The order is the promise: effects, cursors, one synced commit; only then what the commit allows us to say. */
enum lz_err turn_commit(struct turn *t) {
    LZ_ASSERT(t->in_turn);
    bool rest = t->resting && !store_written(t->o.store);
    if (!rest) write_what_waits(t);
    t->busy = store_written(t->o.store);
    enum lz_err err = store_commit(t->o.store);
    t->in_turn = false;
    if (err != LZ_ok) {
        forget_turn(t);
        t->starved = err == LZ_full;
        if (t->starved) links_states(t);
        return err;
    }
    if (t->unborn && !rest) {
        start_is_written(t);
        lz_log(LZ_WARN, "store.has_room_to_start");
    }
    if (!rest) flow_committed(t->flow);
    repair_committed(t);
    t->roster_changed = false;
    if (t->busy) t->counters.commits++;
    links_tick(t);
    publish_live(t);
    publish_acks(t);
    publish_serve(t);
    bundle_compose(t);
    publish_tips(t, false);
    links_states(t);
    return LZ_ok;
}

bool turn_next_send(struct turn *t, struct packet *packet) {
    if (t->at_outbox == t->n_outbox) return false;
    *packet = t->outbox[t->at_outbox++];
    return true;
}

static void sooner(uint64_t *deadline, uint64_t candidate) {
    if (candidate < *deadline) *deadline = candidate;
}

uint64_t turn_next_deadline(const struct turn *t) {
    uint64_t now = t->now.mono_ms, next = now + LZ_MINUTE_MS;
    if (t->unborn) return now + ROOM_EVERY_MS;
    bool slices = t->walk_active || t->files_more || (t->trying && !t->room.full) || !pass_on_waits((struct turn *)(uintptr_t)t);
    if (t->serve_more || slices || t->wants_dial || store_backing_up(t->o.store)) return now;
    uint64_t due = flow_next_due(t->flow);
    if (due != UINT64_MAX) sooner(&next, due > t->now.wall_ms ? now + (due - t->now.wall_ms) : now);
    if (t->links) sooner(&next, t->tip_at_ms);
    sooner(&next, repair_next(t));
    for (const struct link *l = t->links; l; l = l->next) {
        if (l->gone) continue;
        if (!l->greeted && l->connected && !l->diverged) sooner(&next, l->hello_sent_ms + t->o.hello_ms);
        if (l->is_parent && !l->greeted && t->o.n_parent_endpoints > 0) sooner(&next, now + 1000);
        if (l->reclaim && l->greeted) sooner(&next, l->reclaim_next_ms);
        if (l->owes && l->greeted) sooner(&next, l->hello_sent_ms + OWES_AGAIN_MS);
        if (l->greeted && l->state != LINK_stalled) sooner(&next, l->heard_ms + 2 * (uint64_t)l->tip_next_ms + 2000);
    }
    return next > now ? next : now;
}

/* ---- access ------------------------------------------------------------------------------------------------------------- */

struct flow *turn_flow(struct turn *t) { return t->flow; }
struct arena *turn_arena(struct turn *t) { return t->arena; }
const struct turn_options *turn_settings(const struct turn *t) { return &t->o; }
struct lz_now turn_now(const struct turn *t) { return t->now; }
const struct turn_counters *turn_counters(const struct turn *t) { return &t->counters; }

bool turn_recovering(struct turn *t) {
    bool open = false;
    for (struct link *l = t->links; l; l = l->next) {
        if (!l->reclaim || l->gone) continue;
        if (l->reclaim_passed) return false;
        open = true;
    }
    return open && !t->answered && !t->overridden && t->now.mono_ms < t->wait_until_ms;
}

void turn_override_reclaim(struct turn *t) {
    t->overridden = true;
    lz_log(LZ_WARN, "reclaim.overridden");
}

enum lz_err turn_may_submit(struct turn *t, enum lane lane, struct lz_fail *fail) {
    if (t->unborn)
        return lz_refuse(fail, LZ_full, "磁盘没有空间（剩余 %llu MiB），本机启动后还不能开始工作，一律暂不受理；请清理或扩充磁盘，"
                                        "有空间后自动开始，不必重新启动", (unsigned long long)(t->room.disk_free_bytes >> 20));
    if (turn_recovering(t))
        return lz_refuse(fail, LZ_recovering, "本单位的存储是新的或被还原过，正在等邻居交还本单位的数据；连上任一邻居后自动恢复，"
                                              "确认无需等待时管理员可执行 linzhangctl reclaim skip");
    if (t->room.exhausted || (t->room.full && lane >= LANE_ROUTINE))
        return lz_refuse(fail, LZ_full, "存储空间不足（已用 %llu MiB，上限 %llu MiB，磁盘剩余 %llu MiB），暂不受理；请扩充磁盘或调大 [store] budget_mib",
                         (unsigned long long)(t->room.used_bytes >> 20), (unsigned long long)(t->room.budget_bytes >> 20),
                         (unsigned long long)(t->room.disk_free_bytes >> 20));
    return LZ_ok;
}
