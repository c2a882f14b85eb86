/* count: how many records of each kind this store holds, counted in it; and how many progress reports a directive has. */
#include "ctl_room.h"

static enum lz_err count_progress(struct call *c) {
    struct rec_id subject;
    bool whole = false;
    /* a tier above holds the progress without the directive itself: a whole id is taken as it is */
    if (!rec_id_parse(arg_text(c, "id"), &subject, &whole) || !whole) {
        enum lz_err err = arg_id(c, "id", &subject);
        if (err != LZ_ok) return err;
    }
    struct key prefix = key_id(subject), key = prefix;
    struct lz_bytes v;
    uint64_t n = 0;
    for (; store_seek(c->store, TABLE_standing, &key, &v) && key_begins(&key, &prefix, prefix.len); key = key_after(key)) {
        struct standing s;
        if (flow_standing(c->flow, subject, lz_get32(key.b + prefix.len), &s)) n += s.n_progress;
    }
    if (row_begin(c, "list")) {
        cell_id(c, "id", subject);
        cell_u64(c, "count", n);
        row_end(c);
    }
    return LZ_ok;
}

enum lz_err verb_count(struct call *c) {
    if (arg_text(c, "id")) return count_progress(c);
    uint64_t total[KIND_MAX + 1] = { 0 }, own[KIND_MAX + 1] = { 0 };
    struct key key = { 0 };
    struct lz_bytes v;
    for (; store_seek(c->store, TABLE_record, &key, &v); key = key_after(key)) {
        uint16_t kind = key.len >= 6 ? lz_get16(key.b + 4) : 0;
        if (kind > KIND_MAX) continue;
        total[kind]++;
        own[kind] += lz_get32(key.b) == c->unit;
    }
    for (size_t i = 0; i < kind_count(); i++) {
        const struct kind_row *row = kind_at(i);
        if (total[row->number] == 0 || !row_begin(c, "list")) continue;
        cell_kind(c, row->number);
        cell_u64(c, "total", total[row->number]);
        cell_u64(c, "own", own[row->number]);
        row_end(c);
    }
    return LZ_ok;
}
