/* bundle_in: a bundle is checked as a whole, and then fed.
 *
 * What a file may do is less than what the wire may: it is from some time ago. Its hello counts for what it proves whenever it
 * comes (receipts only rise within one run of the neighbour; another run is judged as on the wire, unless it is known to be an
 * old one), and says nothing about now. */
#include "bundle_room.h"

enum lz_err turn_import_begin(struct turn *t, uint64_t id, struct lz_fail *fail) {
    LZ_ASSERT(t->in_turn);
    if (t->unborn) return turn_may_submit(t, LANE_FLASH, fail);
    struct bundle_session *s = bundle_session_make(t, id, SESSION_IMPORT, BUNDLE_FRAME_MAX, fail);
    if (!s) return fail ? fail->code : LZ_too_many;
    s->turn = 0;                                                 /* nothing that a turn could undo */
    bundle_reader_open(&s->of.in.reader, s->buffer);
    return LZ_ok;
}

/* ---- may it be taken ------------------------------------------------------------------------------------------------------------ */

static enum lz_err check_header(struct turn *t, struct bundle_session *s, struct lz_fail *fail) {
    const struct bundle_header *h = &s->of.in.reader.header;
    struct link *l = link_find(t, h->from);
    if (h->to != t->o.unit) return lz_refuse(fail, LZ_bundle_foreign, "这个离线包是 %06u 给 %06u 的，不是给本单位 %06u 的", h->from, h->to, t->o.unit);
    if (!l || l->gone) return lz_refuse(fail, LZ_bundle_foreign, "这个离线包来自 %06u，它不是本单位的上级，也不是已登记的下级", h->from);
    const uint8_t *public_key = bundle_public_key(t, l);
    s->peer = h->from;
    s->of.in.taken.header = *h;
    if (!public_key || !bundle_reader_key(&s->of.in.reader, public_key, t->o.secret_key)) return lz_refuse(fail, LZ_bad_key, "%06u 登记的公钥不能用", h->from);
    return LZ_ok;
}

static struct epoch epoch_known(const struct link *l) { return l->n_in ? l->in[0].cursor.epoch : (struct epoch){ { 0 } }; }

static bool in_lineage(const struct hello *h, struct epoch epoch) {
    for (size_t i = 0; i < h->n_lineage; i++)
        if (epoch_equal(h->lineage[i].epoch, epoch)) return true;
    return false;
}

/* Of a line that was left. Made before the neighbour was last heard, it is the file that was on its way meanwhile; made since, that line goes
 * on: as on the wire, a person decides whether two machines run one store, or a newer backup was copied back after an older one. */
static enum lz_err check_left_line(struct link *l, uint64_t created_ms, struct lz_fail *fail) {
    if (created_ms <= l->bundle.in_created_ms)
        return lz_refuse(fail, LZ_bundle_old, "这个离线包来自 %06u 已经离开的记录线（它的存储后来被还原过），不再采用；若它确是新导出的，请核对对方的时钟，"
                                              "查明没有两台机器用同一份存储后执行 links resolve", l->code);
    link_is_clone(l);
    return lz_refuse(fail, LZ_not_allowed, "%06u 已经离开的记录线又出现了：或者先后还原过两份备份，或者有两台机器用同一份存储；请查明并执行 links resolve，再导入", l->code);
}

/* A run that is not the last one heard of. Clocks decide nothing but this: of two lines that do not know each other, a file that the
 * neighbour made before it was last heard, by its own clock, is of the one that was lost. */
static enum lz_err check_other_run(struct turn *t, struct link *l, const struct hello *h, uint64_t created_ms, struct lz_fail *fail) {
    struct epoch e = h->lineage[h->n_lineage - 1].epoch, known = epoch_known(l);
    if (link_has_network(t, l)) return lz_refuse(fail, LZ_bundle_old, "与 %06u 的网络连接正在使用，这个离线包是它另一次运行时制作的；不需要导入", l->code);
    bool left = false;
    for (size_t i = 0; i < h->n_lineage && !left; i++) left = store_has(t->o.store, TABLE_left, key_left(l->code, h->lineage[i].epoch));
    if (left) return check_left_line(l, created_ms, fail);
    if (bundle_heard(t, l, e)) return lz_refuse(fail, LZ_bundle_old, "%06u 制作这个离线包之后又启动过，并已用更新的记录与本机核对过；请用它新导出的离线包", l->code);
    if (!epoch_none(known) && !in_lineage(h, known) && created_ms <= l->bundle.in_created_ms)
        return lz_refuse(fail, LZ_bundle_old, "%06u 的存储像是被还原过，而这个离线包是还原之前制作的（按它自己的时钟）；请用它新导出的离线包", l->code);
    return LZ_ok;
}

static enum lz_err check_hello(struct turn *t, struct bundle_session *s, struct link *l, const struct hello *h, struct lz_fail *fail) {
    const struct bundle_header *head = &s->of.in.reader.header;
    struct epoch e = h->n_lineage ? h->lineage[h->n_lineage - 1].epoch : (struct epoch){ { 0 } };
    if (h->unit != head->from || h->to != head->to || !epoch_equal(e, head->epoch)) return lz_refuse(fail, LZ_bundle_altered, "离线包的问候与文件头不符");
    if (h->version < PROTOCOL_VERSION_MIN || h->version_min > PROTOCOL_VERSION) return lz_refuse(fail, LZ_bad_version, "协议版本不兼容，请升级旧的一方");
    if (l->diverged) return lz_refuse(fail, LZ_not_allowed, "与 %06u 的记录线已分叉；请先查明并执行 links resolve", l->code);
    if (epoch_equal(e, l->bundle.in_epoch) && head->serial <= l->bundle.in_serial)
        return lz_refuse(fail, LZ_bundle_replayed, "%06u 的第 %llu 号离线包已经导入过（最近一次是第 %llu 号），没有再次生效", l->code,
                         (unsigned long long)head->serial, (unsigned long long)l->bundle.in_serial);
    bool same = epoch_equal(e, epoch_known(l)) && !(link_has_network(t, l) && !epoch_equal(e, l->epoch));
    return same ? LZ_ok : check_other_run(t, l, h, head->created_ms, fail);
}

/* Where our cursors would stand after this hello. */
static void foresee(struct turn *t, struct importing *in, const struct link *l, const struct hello *h) {
    bool shared = link_shares_line(t, l, h);
    in->n_feeds = l->n_in;
    for (size_t i = 0; i < l->n_in; i++) {
        enum verdict v = peer_judge(&l->in[i].cursor, h->lineage, h->n_lineage, shared);
        in->feeds[i] = (struct following){ l->in[i].feed, v == VERDICT_GOOD ? l->in[i].cursor.position : 0 };
    }
}

/* It goes on with a part that was not imported. Any other gap is one of stores that went back: what the hello says is taken (two that
 * went back would else never hear of it), the batches wait for a bundle that begins where we are. */
static bool lacks_part(struct turn *t, const struct bundle_session *s) {
    const struct link *l = link_find(t, s->peer);
    const struct bundle_header *h = &s->of.in.reader.header;
    return h->continues && !(l && epoch_equal(l->bundle.in_epoch, h->epoch) && l->bundle.in_serial >= h->continues);
}

static enum lz_err check_batch(struct turn *t, struct bundle_session *s, struct lz_bytes body, struct lz_fail *fail) {
    struct importing *in = &s->of.in;
    struct batch b;
    if (batch_decode(t->arena, body, &b) != LZ_ok || !epoch_equal(b.epoch, in->reader.header.epoch)) return lz_refuse(fail, LZ_bundle_altered, "离线包中有读不懂的批次");
    struct following *f = NULL;
    for (size_t i = 0; i < in->n_feeds && !f; i++)
        if (feed_id_equal(in->feeds[i].feed, b.feed)) f = &in->feeds[i];
    if (!f) return lz_refuse(fail, LZ_bundle_altered, "离线包中有不属于本单位的传送目录");
    if (b.from > f->position && lacks_part(t, s))
        return lz_refuse(fail, LZ_bundle_gap, "这是接续的离线包：请先导入 %06u 的第 %llu 号", s->peer, (unsigned long long)in->reader.header.continues);
    if (b.from > f->position) in->taken.gap = true;
    else if (b.to > f->position) f->position = b.to;
    return LZ_ok;
}

/* The first pass: everything is looked at, nothing is done. */
static enum lz_err check_packet(struct turn *t, struct bundle_session *s, enum packet_type type, struct lz_bytes body, struct lz_fail *fail) {
    struct importing *in = &s->of.in;
    struct link *l = link_find(t, s->peer);
    struct hello h;
    if (!in->greeted) {
        if (type != PACKET_HELLO || hello_decode(t->arena, body, &h) != LZ_ok || h.n_lineage == 0) return lz_refuse(fail, LZ_bundle_altered, "离线包不是以问候开始的");
        enum lz_err err = check_hello(t, s, l, &h, fail);
        if (err == LZ_ok) foresee(t, in, l, &h);
        in->greeted = err == LZ_ok;
        return err;
    }
    if (type == PACKET_BATCH) return check_batch(t, s, body, fail);
    if (type == PACKET_TIP || type == PACKET_RECLAIM_ANSWER) return LZ_ok;
    return lz_refuse(fail, LZ_bundle_altered, "离线包中有不该有的报文");
}

/* ---- taking it ------------------------------------------------------------------------------------------------------------------- */

/* The other side of giving back: what the neighbour asks for, and that it has all. Each bundle says all of it anew. */
static void take_intro(struct turn *t, struct link *l, const struct bundle_intro *intro) {
    if (l->owes && !epoch_none(intro->closed) && epoch_equal(intro->closed, l->bundle.asked)) {
        l->owes = false;
        store_delete(t->o.store, TABLE_owes, key_u32(l->code));
    }
    l->bundle.asked = intro->ask;
    l->bundle.asked_after = key_bytes(lz_bytes_of(intro->after.b, intro->after.len));
    bundle_save_asked(t, l);
}

static bool take_packet(struct turn *t, struct bundle_session *s, struct link *l, enum packet_type type, struct lz_bytes body) {
    struct importing *in = &s->of.in;
    struct hello h;
    if (type == PACKET_HELLO) {
        if (in->greeted || hello_decode(t->arena, body, &h) != LZ_ok) return false;
        bool given = !epoch_none(in->intro.answers) && epoch_equal(in->intro.answers, l->bundle.session) && l->bundle.session_closed;
        if (given) h.owes = false;                               /* what it gives back here was taken already */
        link_take_filed_hello(t, l, &h);
        take_intro(t, l, &in->intro);
        return in->greeted = true;
    }
    if (!in->greeted) return false;
    if (type == PACKET_BATCH) follow_batch(t, l, body);
    else if (type == PACKET_RECLAIM_ANSWER) reclaim_on_filed_answer(t, l, body);
    else if (type == PACKET_TIP) follow_filed_tip(t, l, body);
    return true;
}

/* The same gates as on the wire. Without a network there is nobody to answer: what this would make us say is left out, the next
 * bundle says it. */
static bool feed(struct turn *t, struct bundle_session *s, enum packet_type type, struct lz_bytes body) {
    struct link *l = link_find(t, s->peer);
    if (!l || l->gone || l->diverged) return false;
    bool live = link_has_network(t, l), greeted = l->greeted;
    if (live && !epoch_equal(l->epoch, s->of.in.reader.header.epoch)) return false;
    struct epoch was = l->epoch;
    uint64_t hello_sent_ms = l->hello_sent_ms, reclaim_next_ms = l->reclaim_next_ms;
    uint32_t hello_tries = l->hello_tries;
    if (!live) t->mute = l->code;
    if (!live && s->of.in.greeted) l->greeted = true;
    if (l->reclaim && !l->reclaim_passed && type == PACKET_BATCH) s->of.in.taken.waits = true;
    bool good = take_packet(t, s, l, type, body);
    if (!live) {                                                 /* a session of another run is over; nothing was said */
        l->greeted = greeted && epoch_equal(was, s->of.in.reader.header.epoch);
        l->hello_sent_ms = hello_sent_ms;
        l->reclaim_next_ms = reclaim_next_ms;
        l->hello_tries = hello_tries;
    }
    t->mute = 0;
    t->counters.packets++;
    return good;
}

static void applied(struct turn *t, struct bundle_session *s) {
    struct link *l = link_find(t, s->peer);
    const struct bundle_header *h = &s->of.in.reader.header;
    if (!l) return;
    if (!s->of.in.taken.gap) {                                   /* else it may come again: not all of it was taken */
        l->bundle.in_epoch = h->epoch;
        l->bundle.in_serial = h->serial;
    }
    l->bundle.in_wall_ms = t->now.wall_ms;
    if (h->created_ms > l->bundle.in_created_ms) l->bundle.in_created_ms = h->created_ms;
    bundle_save_in(t, l);
    lz_log(LZ_INFO, "bundle.imported peer=%06u serial=%llu packets=%llu records=%llu gap=%d", l->code, (unsigned long long)h->serial,
           (unsigned long long)s->of.in.reader.trailer.packets, (unsigned long long)s->of.in.reader.trailer.records, s->of.in.taken.gap);
}

/* ---- both passes -------------------------------------------------------------------------------------------------------------------- */

static enum lz_err on_chunk(struct turn *t, struct bundle_session *s, const struct bundle_chunk *chunk, struct lz_fail *fail) {
    struct importing *in = &s->of.in;
    enum packet_type type;
    struct lz_bytes body;
    if (chunk->kind == BUNDLE_INTRO) return bundle_intro_get(chunk->body, &in->intro) ? LZ_ok : lz_refuse(fail, LZ_bundle_altered, "离线包的引言不对");
    if (packet_open(chunk->body, &type, &body, fail) != LZ_ok) return lz_refuse(fail, LZ_bundle_altered, "离线包中有读不懂的报文");
    if (!in->taken.checked) return check_packet(t, s, type, body, fail);
    uint64_t before = t->counters.records;
    s->turn = t->counters.turns;
    if (!feed(t, s, type, body)) return lz_refuse(fail, LZ_bundle_old, "导入期间情况有变（连接、登记或对方的记录线），没有导完；请重新导入");
    in->taken.news += t->counters.records - before;
    return LZ_ok;
}

static enum lz_err on_header(struct turn *t, struct bundle_session *s, struct lz_fail *fail) {
    struct importing *in = &s->of.in;
    if (in->taken.checked && memcmp(in->checked_head, in->reader.head, BUNDLE_HEADER_BYTES) != 0)
        return lz_refuse(fail, LZ_bundle_altered, "检查之后文件变了，没有导入；请重新导入");
    memcpy(in->checked_head, in->reader.head, BUNDLE_HEADER_BYTES);
    return check_header(t, s, fail);
}

static enum lz_err take_bytes(struct turn *t, struct bundle_session *s, struct lz_bytes bytes, struct lz_fail *fail) {
    struct importing *in = &s->of.in;
    struct bundle_chunk chunk;
    for (enum lz_err err = LZ_ok; ; ) {
        enum bundle_got got = bundle_reader_next(&in->reader, &bytes, &chunk, fail);
        if (got == BUNDLE_GOT_NOTHING) return LZ_ok;
        if (got == BUNDLE_GOT_BAD) return in->reader.fault.code;
        if (got == BUNDLE_GOT_HEADER) err = on_header(t, s, fail);
        if (got == BUNDLE_GOT_CHUNK) err = on_chunk(t, s, &chunk, fail);
        if (got == BUNDLE_GOT_END && !in->greeted) err = lz_refuse(fail, LZ_bundle_altered, "离线包中没有问候");
        if (err != LZ_ok) return err;
    }
}

static enum lz_err end_of_pass(struct turn *t, struct bundle_session *s, struct lz_fail *fail) {
    struct importing *in = &s->of.in;
    enum lz_err err = bundle_reader_close(&in->reader, fail);
    if (err != LZ_ok) return err;
    in->taken.packets = in->reader.trailer.packets;
    in->taken.records = in->reader.trailer.records;
    in->taken.more = in->reader.trailer.more;
    if (!in->taken.checked) {
        in->taken.checked = true;
        in->checked_bytes = in->at;
        in->at = 0;
        in->greeted = false;
        bundle_reader_open(&in->reader, s->buffer);
        return LZ_ok;
    }
    applied(t, s);
    s->turn = t->counters.turns;
    in->taken.done = true;
    return LZ_ok;
}

static enum lz_err import_write(struct turn *t, struct bundle_session *s, bool apply, uint64_t offset, struct lz_bytes bytes, bool last,
                                struct lz_fail *fail) {
    struct importing *in = &s->of.in;
    if (last && !apply && in->taken.checked && offset + bytes.len == in->checked_bytes) return LZ_ok;      /* the answer was lost */
    bool again = offset != in->at && offset + bytes.len == in->at;            /* so was that of another piece */
    if (apply != in->taken.checked || bytes.len > BUNDLE_SLICE_BYTES || (offset != in->at && !again))
        return lz_refuse(fail, LZ_bad_argument, "离线包的字节次序不对；请重新导入");
    if (!turn_has_room(t) || arena_room(t->arena) < (size_t)32 << 20) return lz_refuse(fail, LZ_too_many, "正忙，请稍后再试");
    enum lz_err err = again ? LZ_ok : take_bytes(t, s, bytes, fail);
    if (err == LZ_ok && !again) in->at += bytes.len;
    if (err == LZ_ok && last && !again) err = end_of_pass(t, s, fail);
    return err;
}

enum lz_err turn_import_write(struct turn *t, uint64_t id, bool apply, uint64_t offset, struct lz_bytes bytes, bool last, struct bundle_taken *taken,
                              struct lz_fail *fail) {
    struct bundle_session *s = bundle_session(t, id, SESSION_IMPORT);
    LZ_ASSERT(t->in_turn);
    if (!s) return lz_refuse(fail, LZ_not_found, "这次导入已经中断（守护进程重新启动过，或存储写不下）；请重新导入，会从断开处继续");
    enum lz_err err = s->of.in.taken.done ? LZ_ok : import_write(t, s, apply, offset, bytes, last, fail);
    *taken = s->of.in.taken;
    if (err != LZ_ok && err != LZ_too_many) turn_bundle_end(t, id);
    return err;
}
