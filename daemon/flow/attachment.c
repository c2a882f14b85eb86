/* attachment: files that belong to a record, as pieces.
 *
 * A piece is a record like any other: it travels, is acknowledged, comes back and heals as all do, and says in its head where it goes. What
 * is kept beside the records is an index by content (`piece`), by subject (`attached`), and what is known of each file as one unit sent it
 * (`content`). A file is whole when all its pieces are held and together have its hash; that is looked into in slices, between the work of
 * many turns. Of a place that was sent twice the newest piece counts, whatever the order of arrival. */
#include "flow_room.h"

/* ---- what each record says must stand in the index ---- */

static struct lz_bytes set_of(const struct key *piece) { return lz_bytes_of(piece->b, PIECE_SET_BYTES); }
static bool is_of(const struct key *piece, struct lz_bytes set) { return piece->len == PIECE_BYTES && memcmp(piece->b, set.data, PIECE_SET_BYTES) == 0; }
static struct key piece_key(const struct record *r, uint32_t index) {
    const struct attachment *a = &r->of.attachment;
    return key_piece(a->hash, r->origin, a->piece, index, r->stamp, r->epoch);
}

/* Where a piece goes, and of how long a file it is: what is on its way there already need not be sent again. */
uint64_t attachment_way(const struct record *r) {
    uint8_t head[12] = { r->direction, r->reach, r->target_all };
    lz_put64(head + 4, r->of.attachment.total);
    uint64_t way = lz_hash64(r->n_targets, head, sizeof head);
    for (size_t i = 0; i < r->n_targets; i++) {
        lz_put32(head, r->targets[i]);
        way = lz_hash64(way, head, 4);
    }
    return way;
}

static void add(struct derived *rows, size_t *n, enum table table, struct key key) { rows[(*n)++] = (struct derived){ .table = table, .key = key }; }

size_t attachment_rows(const struct record *r, struct derived rows[ATTACHMENT_ROWS]) {
    const struct attachment *a = &r->of.attachment;
    size_t n = 0;
    if (r->kind != KIND_attachment) return 0;
    if (a->total == 0) {
        struct key key = key_attached(a->wish, ATTACHED_NOTHING, r->origin, a->hash);
        lz_put64(key.b + key.len, r->stamp);               /* it is found by nothing else */
        lz_put32(key.b + key.len + 8, r->epoch);
        key.len = NOTHING_BYTES;
        add(rows, &n, TABLE_attached, key);
        return n;
    }
    add(rows, &n, TABLE_piece, piece_key(r, a->index));
    lz_put64(rows[0].value, attachment_way(r));
    rows[0].len = sizeof rows[0].value;
    add(rows, &n, TABLE_attached, key_attached(r->subject, ATTACHED_FILE, r->origin, a->hash));
    if (!rec_id_none(a->wish)) add(rows, &n, TABLE_attached, key_attached(a->wish, ATTACHED_FILE, r->origin, a->hash));
    return n;
}

bool wish_is_for(const struct flow *f, const struct record *r) {
    return r->kind == KIND_attachment_wish && r->origin != f->o.unit && record_targets_unit(r, f->o.unit);
}

/* What goes through states stands in one of them: `rest` of its key is the same in all. False: nothing was to be done. */
bool attachment_state(const struct flow *f, const struct record *r, struct derived *row) {
    uint8_t id[REC_ID_BYTES];
    if (r->kind == KIND_attachment && r->of.attachment.total) {
        struct key piece = piece_key(r, r->of.attachment.index);
        *row = (struct derived){ .table = TABLE_content, .key = key_state(0, set_of(&piece)) };
        return true;
    }
    if (!wish_is_for(f, r)) return false;
    rec_id_put(record_id(r), id);
    *row = (struct derived){ .table = TABLE_wished, .key = key_state(0, lz_bytes_of(id, sizeof id)) };
    return true;
}

size_t states_of(struct flow *f, const struct derived *row, enum file_state *state) {
    struct key key = row->key;
    size_t n = 0;
    for (uint8_t i = FILE_COMING; i <= FILE_AGAIN; i++) {
        key.b[0] = i;
        if (!store_has(f->o.store, row->table, key)) continue;
        *state = (enum file_state)i;
        n++;
    }
    return n;
}

static void set_state(struct flow *f, enum table table, struct key key, enum file_state state) {
    for (uint8_t i = FILE_COMING; i <= FILE_AGAIN; i++) {
        key.b[0] = i;
        if (i != state && store_has(f->o.store, table, key)) store_delete(f->o.store, table, key);
    }
    key.b[0] = (uint8_t)state;
    if (!store_has(f->o.store, table, key)) store_put(f->o.store, table, key, (struct lz_bytes){ 0 });
}

void attachments_look(struct flow *f) {
    f->files.look = true;
    f->files.at = (struct key){ 0 };
}

/* ---- reading ---- */

/* The newest record of a place in a file as one unit sent it. */
static bool newest_at(struct flow *f, struct lz_bytes set, uint32_t index, struct key *at) {
    struct key from = key_bytes(set);
    lz_put32(from.b + PIECE_SET_BYTES, index);
    memset(from.b + PIECE_INDEX_BYTES, 0xff, PIECE_BYTES - PIECE_INDEX_BYTES);
    from.len = PIECE_BYTES;
    return store_seek_back(f->o.store, TABLE_piece, from, at) && at->len == PIECE_BYTES && memcmp(at->b, from.b, PIECE_INDEX_BYTES) == 0;
}

static bool read_piece(struct flow *f, const struct key *at, struct record *r) {
    if (at->len != PIECE_BYTES || !flow_record(f, key_piece_id(at), r) || r->kind != KIND_attachment) return false;
    return memcmp(r->of.attachment.hash, at->b, FILE_HASH_BYTES) == 0;
}

bool flow_piece(struct flow *f, const uint8_t hash[FILE_HASH_BYTES], uint32_t origin, uint32_t piece, uint32_t index, struct record *r) {
    struct key set = key_piece(hash, origin, piece, index, 0, 0), at;
    return newest_at(f, set_of(&set), index, &at) && read_piece(f, &at, r);
}

/* How many places of it are held. */
static uint32_t held_of(struct flow *f, struct lz_bytes set, uint32_t most) {
    struct key key = key_bytes(set);
    struct lz_bytes v;
    uint32_t n = 0;
    while (n < most && store_seek(f->o.store, TABLE_piece, &key, &v) && is_of(&key, set)) {
        n++;
        memset(key.b + PIECE_INDEX_BYTES, 0xff, PIECE_BYTES - PIECE_INDEX_BYTES);     /* behind all of this place */
        key = key_after(key);
    }
    return n;
}

static void take_text(char *out, size_t size, struct lz_bytes text) {
    size_t n = text.len < size ? text.len : size - 1;
    if (n) memcpy(out, text.data, n);
    out[n] = 0;
}

/* What its first piece says of a file, or any that is held; of that subject, if there is one. The arena is as before. */
static bool describe(struct flow *f, struct lz_bytes set, struct rec_id subject, struct flow_file *file) {
    struct key key = key_bytes(set);
    struct lz_bytes v;
    size_t mark = arena_used(f->arena);
    bool found = false, right = false;
    for (; !right && store_seek(f->o.store, TABLE_piece, &key, &v) && is_of(&key, set); key = key_after(key)) {
        struct record r;
        bool first = lz_get32(key.b + PIECE_SET_BYTES) == 0;
        if (found && !first) break;
        if (!read_piece(f, &key, &r)) continue;
        const struct attachment *a = &r.of.attachment;
        right = first && (rec_id_none(subject) || rec_id_equal(r.subject, subject) || rec_id_equal(a->wish, subject));
        found = true;
        file->total = a->total;
        file->pieces = attachment_pieces(a->total, a->piece);
        file->written_ms = r.written_ms;
        file->subject = r.subject;
        take_text(file->name, sizeof file->name, a->name);
        take_text(file->type, sizeof file->type, a->type);
        arena_rewind(f->arena, mark);
    }
    return found;
}

static bool take_set(struct flow *f, const struct key *piece, struct rec_id subject, struct flow_file *best) {
    struct flow_file file = { .from = lz_get32(piece->b + FILE_HASH_BYTES), .piece = lz_get32(piece->b + FILE_HASH_BYTES + 4) };
    struct derived row = { .table = TABLE_content, .key = key_state(0, set_of(piece)) };
    if (!describe(f, set_of(piece), subject, &file)) return false;
    (void)states_of(f, &row, &file.state);
    file.held = file.state == FILE_WHOLE ? file.pieces : held_of(f, set_of(piece), file.pieces);
    bool better = best->pieces == 0 || (file.state == FILE_WHOLE && best->state != FILE_WHOLE) ||
                  (best->state != FILE_WHOLE && (uint64_t)file.held * best->pieces > (uint64_t)best->held * file.pieces);
    memcpy(file.hash, piece->b, FILE_HASH_BYTES);
    if (better) *best = file;
    return better;
}

/* One after another, the files as each unit sent them. */
static bool next_set(struct flow *f, struct key *at, size_t prefix_len) {
    struct key from = *at;
    struct lz_bytes v;
    if (at->len == PIECE_BYTES) {
        memset(from.b + PIECE_SET_BYTES, 0xff, PIECE_BYTES - PIECE_SET_BYTES);
        from = key_after(from);
    }
    struct key key = from;
    return store_seek(f->o.store, TABLE_piece, &key, &v) && key.len == PIECE_BYTES && memcmp(key.b, at->b, prefix_len) == 0 && (*at = key, true);
}

bool flow_file(struct flow *f, const uint8_t hash[FILE_HASH_BYTES], struct flow_file *file) {
    struct key at = key_bytes(lz_bytes_of(hash, FILE_HASH_BYTES));
    struct rec_id any = { 0 };
    *file = (struct flow_file){ 0 };
    while (next_set(f, &at, FILE_HASH_BYTES)) take_set(f, &at, any, file);
    return file->pieces != 0;
}

bool flow_next_attached(struct flow *f, struct rec_id subject, struct key *at, struct flow_file *file) {
    struct key prefix = key_id(subject);
    struct lz_bytes v;
    if (rec_id_none(subject)) prefix.len = 0;
    if (at->len == 0) *at = prefix;
    while (store_seek(f->o.store, TABLE_attached, at, &v) && key_begins(at, &prefix, prefix.len)) {
        struct key found = *at;
        *at = key_after(*at);
        if (found.len != ATTACHED_BYTES && found.len != NOTHING_BYTES) continue;
        struct rec_id of = rec_id_get(found.b);
        if (prefix.len == 0 && of.kind == KIND_attachment_wish) continue;          /* named under its subject too */
        *file = (struct flow_file){ .state = FILE_NOTHING };
        memcpy(file->hash, found.b + ATTACHED_HASH_AT, FILE_HASH_BYTES);
        struct key set = key_bytes(lz_bytes_of(file->hash, FILE_HASH_BYTES));
        while (found.b[REC_ID_BYTES] == ATTACHED_FILE && next_set(f, &set, FILE_HASH_BYTES)) take_set(f, &set, of, file);
        if (found.b[REC_ID_BYTES] == ATTACHED_FILE && file->pieces == 0) continue;
        file->origin = lz_get32(found.b + ATTACHED_ORIGIN_AT);
        if (file->state == FILE_NOTHING || of.kind != KIND_attachment_wish) file->subject = of;
        return true;
    }
    return false;
}

size_t flow_attached(struct flow *f, struct rec_id subject) {
    struct key prefix = key_id(subject), key = prefix;
    struct lz_bytes v;
    size_t n = 0;
    for (; n <= ATTACHMENTS_MAX && store_seek(f->o.store, TABLE_attached, &key, &v) && key_begins(&key, &prefix, prefix.len); key = key_after(key)) n++;
    return n;
}

enum lz_err flow_find_file(struct flow *f, const uint8_t from[FILE_HASH_BYTES], const uint8_t to[FILE_HASH_BYTES], uint8_t hash[FILE_HASH_BYTES]) {
    struct key key = key_bytes(lz_bytes_of(from, FILE_HASH_BYTES));
    struct lz_bytes v;
    if (!store_seek(f->o.store, TABLE_piece, &key, &v) || memcmp(key.b, to, FILE_HASH_BYTES) > 0) return LZ_not_found;
    memcpy(hash, key.b, FILE_HASH_BYTES);
    memset(key.b + FILE_HASH_BYTES, 0xff, PIECE_BYTES - FILE_HASH_BYTES);
    key.len = PIECE_BYTES;
    return store_seek(f->o.store, TABLE_piece, &key, &v) && memcmp(key.b, to, FILE_HASH_BYTES) <= 0 ? LZ_ambiguous : LZ_ok;
}

/* ---- landing ---- */

/* The same bytes again, on another way or for another subject: what is known of the file stays true. */
static bool is_again(struct flow *f, const struct record *r) {
    struct key own = piece_key(r, r->of.attachment.index), at;
    struct record held;
    size_t mark = arena_used(f->arena);
    bool again = newest_at(f, set_of(&own), r->of.attachment.index, &at) && read_piece(f, &at, &held) &&
                 held.of.attachment.total == r->of.attachment.total && lz_bytes_equal(held.of.attachment.data, r->of.attachment.data);
    arena_rewind(f->arena, mark);
    return again;
}

void attachment_index(struct flow *f, const struct record *r) {
    struct derived rows[ATTACHMENT_ROWS], row;
    enum file_state state = FILE_COMING;
    bool has_state = attachment_state(f, r, &row);
    bool known = has_state && row.table == TABLE_content && is_again(f, r) && states_of(f, &row, &state) == 1;
    size_t n = attachment_rows(r, rows);
    for (size_t i = 0; i < n; i++) store_put(f->o.store, rows[i].table, rows[i].key, lz_bytes_of(rows[i].value, rows[i].len));
    if (!has_state || known) return;
    if (f->files.hashing && row.table == TABLE_content && memcmp(f->files.set.b + 1, row.key.b + 1, PIECE_SET_BYTES) == 0) f->files.hashing = false;
    bool was_wrong = row.table == TABLE_content && states_of(f, &row, &state) == 1 && (state == FILE_WRONG || state == FILE_AGAIN);
    set_state(f, row.table, row.key, was_wrong ? FILE_AGAIN : FILE_COMING);
}

/* ---- is it whole ---- */

/* Nothing is counted before the last place is there: pieces come in their order. */
static bool is_complete(struct flow *f, const struct key *content, struct flow_file *file) {
    struct lz_bytes set = lz_bytes_of(content->b + 1, PIECE_SET_BYTES);
    struct rec_id any = { 0 };
    struct key at;
    *file = (struct flow_file){ .piece = lz_get32(set.data + FILE_HASH_BYTES + 4) };
    if (!newest_at(f, set, 0, &at) || !describe(f, set, any, file)) return false;
    return file->pieces && newest_at(f, set, file->pieces - 1, &at) && held_of(f, set, file->pieces) == file->pieces;
}

static void hash_begin(struct flow *f, const struct key *content, const struct flow_file *file) {
    f->files.hashing = true;
    f->files.set = *content;
    f->files.index = 0;
    f->files.pieces = file->pieces;
    crypto_hash_sha256_init(&f->files.sha);
}

static void hash_end(struct flow *f) {
    uint8_t hash[FILE_HASH_BYTES];
    char hex[2 * FILE_HASH_BYTES + 1];
    crypto_hash_sha256_final(&f->files.sha, hash);
    bool right = memcmp(hash, f->files.set.b + 1, FILE_HASH_BYTES) == 0;
    f->files.hashing = false;
    set_state(f, TABLE_content, f->files.set, right ? FILE_WHOLE : FILE_WRONG);
    lz_hex(f->files.set.b + 1, FILE_HASH_BYTES, hex);
    if (right) return;
    lz_log(LZ_ERROR, "attachment.wrong_hash hash=%s origin=%06u", hex, lz_get32(f->files.set.b + 1 + FILE_HASH_BYTES));
}

/* A slice. A piece that cannot be read is damaged: the file is looked at again when it is back. */
static void hash_on(struct flow *f) {
    struct lz_bytes set = lz_bytes_of(f->files.set.b + 1, PIECE_SET_BYTES);
    for (size_t bytes = 0; f->files.index < f->files.pieces && bytes < ATTACHMENT_SLICE; f->files.index++) {
        struct key at;
        struct record r;
        size_t mark = arena_used(f->arena);
        if (!newest_at(f, set, f->files.index, &at) || !read_piece(f, &at, &r)) { f->files.hashing = false; return; }
        crypto_hash_sha256_update(&f->files.sha, r.of.attachment.data.data, r.of.attachment.data.len);
        bytes += r.of.attachment.data.len;
        arena_rewind(f->arena, mark);
    }
    if (f->files.index == f->files.pieces) hash_end(f);
}

/* The next file that is coming in: begun, when all of it is here. False: there is none. */
static bool look_on(struct flow *f) {
    struct lz_bytes v;
    struct flow_file file;
    struct key *at = &f->files.at;
    if (at->len == 0) *at = key_state(FILE_COMING, (struct lz_bytes){ 0 });
    uint8_t of = at->b[0];
    if (!store_seek(f->o.store, TABLE_content, at, &v) || at->b[0] != of) {
        *at = key_state(FILE_AGAIN, (struct lz_bytes){ 0 });
        return of == FILE_COMING;
    }
    if (at->len == 1 + PIECE_SET_BYTES && is_complete(f, at, &file)) hash_begin(f, at, &file);
    *at = key_after(*at);
    return true;
}

bool flow_files_step(struct flow *f, bool may_submit) {
    if (!f->files.look) return false;
    if (may_submit && wishes_step(f)) return true;
    if (f->files.hashing) hash_on(f);
    else if (!look_on(f)) {
        f->files.look = !may_submit;                         /* wishes may be open that wait for that */
        return false;
    }
    return true;
}
