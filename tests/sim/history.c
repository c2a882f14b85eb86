/* history: what is told to it, kept: the tree, what befell the nodes, asks and answers, and what the stores hold. */
#include "history_room.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void *more(void *list, size_t n, size_t *max, size_t size) {
    if (n < *max) return list;
    *max = *max ? 2 * *max : 256;
    list = realloc(list, *max * size);
    if (!list) abort();
    return list;
}

struct history *history_create(void) {
    struct history *h = calloc(1, sizeof *h);
    if (!h) abort();
    for (size_t i = 0; i < 256; i++) h->kind_sums[i] = NONE;
    return h;
}

void history_destroy(struct history **history_p) {
    struct history *h = *history_p;
    if (!h) return;
    for (size_t i = 0; i < h->n_entries; i++) free(h->entries[i].bytes);
    for (size_t i = 0; i < h->n_asks; i++) free(h->asks[i].kept);
    for (size_t i = 0; i < h->n_units; i++) free(h->units[i].epochs);
    free(h->entries);
    free(h->asks);
    free(h->rows);
    free(h->sums);
    free(h->follows);
    free(h->by_follow);
    free(h->by_id);
    free(h->by_request);
    free(h->twice);
    free(h);
    *history_p = NULL;
}

void find(struct history *h, const char *format, ...) {
    if (h->n_findings++ >= HISTORY_FINDINGS) return;
    va_list args;
    va_start(args, format);
    vsnprintf(h->findings[h->n_findings - 1], sizeof h->findings[0], format, args);
    va_end(args);
}
const char *history_finding(const struct history *h, size_t index) {
    return index < h->n_findings && index < HISTORY_FINDINGS ? h->findings[index] : "";
}

size_t set_first(const struct set *s) {
    for (int i = 0; i < WORDS; i++)
        if (s->w[i]) return (size_t)i * 64 + (size_t)__builtin_ctzll(s->w[i]);
    return 0;
}

/* ---- the tree ---------------------------------------------------------------------------------------------------------- */

int32_t unit_of(const struct history *h, uint32_t code) {
    size_t at = code * 2654435761u % (4 * HISTORY_UNITS);
    for (; h->by_code[at]; at = (at + 1) % (4 * HISTORY_UNITS))
        if (h->units[h->by_code[at] - 1].code == code) return h->by_code[at] - 1;
    return NONE;
}

static void draw_tree(struct history *h) {
    for (size_t i = 0; i < h->n_units; i++) {
        h->units[i].up = h->units[i].parent ? unit_of(h, h->units[i].parent) : NONE;
        memset(&h->units[i].above, 0, sizeof h->units[i].above);
        memset(&h->units[i].below, 0, sizeof h->units[i].below);
    }
    for (size_t i = 0; i < h->n_units; i++)
        for (int32_t at = (int32_t)i, depth = 0; at != NONE && depth < 32; at = h->units[at].up, depth++) {
            set_add(&h->units[i].above, (size_t)at);
            set_add(&h->units[at].below, i);
            set_add(&h->units[at].ever_below, i);
        }
    for (size_t i = 0; i < h->n_units; i++) set_join(&h->units[i].ever_above, &h->units[i].above);
}

void history_unit(struct history *h, uint32_t code, uint32_t parent, uint32_t tier) {
    int32_t at = unit_of(h, code);
    if (at == NONE) {
        if (h->n_units == HISTORY_UNITS) abort();
        at = (int32_t)h->n_units++;
        size_t slot = code * 2654435761u % (4 * HISTORY_UNITS);
        while (h->by_code[slot]) slot = (slot + 1) % (4 * HISTORY_UNITS);
        h->by_code[slot] = (int16_t)(at + 1);
    }
    h->units[at].moves += h->units[at].code && h->units[at].parent != parent;
    h->units[at].code = code;
    h->units[at].parent = parent;
    h->units[at].tier = tier;
    draw_tree(h);
}

void history_wish(struct history *h, uint32_t kind) { h->wish = kind; }

/* ---- what befalls a node ----------------------------------------------------------------------------------------------- */

static struct unit *node(struct history *h, uint32_t code) {
    int32_t at = unit_of(h, code);
    if (at == NONE) abort();
    return &h->units[at];
}

void history_started(struct history *h, uint32_t unit, const uint8_t epoch[16]) {
    struct unit *u = node(h, unit);
    uint32_t *epochs = realloc(u->epochs, (u->n_epochs + 1) * sizeof *epochs);
    if (!epochs) abort();
    u->epochs = epochs;
    u->epochs[u->n_epochs++] = (uint32_t)epoch[0] << 24 | (uint32_t)epoch[1] << 16 | (uint32_t)epoch[2] << 8 | epoch[3];
}

void history_died(struct history *h, uint32_t unit) { node(h, unit)->deaths++; }
void history_clock(struct history *h, uint32_t unit) { node(h, unit)->clocks++; }
void history_newer(struct history *h) { h->newer = true; }
void history_given_up(struct history *h, uint32_t unit, const uint8_t id[HISTORY_ID]) {
    int32_t e = entry_find(h, id);
    h->entries[e].gone |= h->entries[e].origin == unit;
}
void history_reported(struct history *h, uint32_t unit) { node(h, unit)->reported = true; }

void history_number_twice(struct history *h, uint32_t unit, uint32_t kind, uint32_t year, uint32_t serial) {
    struct twice *twice = realloc(h->twice, (h->n_twice + 1) * sizeof *twice);
    if (!twice) abort();
    h->twice = twice;
    h->twice[h->n_twice++] = (struct twice){ unit, kind, (uint64_t)year << 32 | serial };
}

/* Near a record's origin: those that give it back. Itself and its children hold it on the way down; whoever stands above holds
 * it on the way up, and a reclaim brings "of its subtree" down again, from tier to tier. An ancestor's record held only further
 * below is not taken back from there (anybody below could have invented it) until records are signed. */
static void near_of(const struct history *h, int32_t origin, struct set *near) {
    memset(near, 0, sizeof *near);
    if (origin == NONE) return;
    *near = h->units[origin].above;
    for (size_t i = 0; i < h->n_units; i++)
        if (h->units[i].up == origin) set_add(near, i);
}

void history_lost(struct history *h, uint32_t unit, enum history_loss how) {
    int32_t at = unit_of(h, unit);
    struct unit *u = node(h, unit);
    u->losses++;
    bool alone = u->up == NONE;                          /* then there is nobody to say it to */
    for (size_t i = 0; i < h->n_units; i++) alone = alone && h->units[i].up != at;
    u->must_report = how == HISTORY_RECREATED && !alone;           /* one that had no time to say so, and then had an older store again, has not lost all */
    for (size_t i = 0; i < h->n_entries; i++) {
        struct entry *e = &h->entries[i];
        struct set near;
        int32_t origin = unit_of(h, e->origin);
        near_of(h, origin, &near);
        set_keep(&near, &e->at);
        e->gone |= set_none(&near);
        const struct law *law = law_of(e->kind);
        if (origin == at) e->missed = law && !law->is_register && !set_has(&e->at, (size_t)at);
    }
}

/* ---- clerks ------------------------------------------------------------------------------------------------------------- */

static uint64_t hash_of(const void *data, size_t len) {
    const uint8_t *p = data;
    uint64_t x = 0x9E3779B97F4A7C15ull, part;
    for (; len >= 8; p += 8, len -= 8) {
        memcpy(&part, p, 8);
        x = (x ^ part) * 0xFF51AFD7ED558CCDull;
        x ^= x >> 32;
    }
    for (; len; len--) x = (x ^ *p++) * 0xFF51AFD7ED558CCDull;
    return x ^ x >> 29;
}

static void grow_requests(struct history *h) {
    if (h->n_by_request && h->n_asks * 2 < h->n_by_request) return;
    h->n_by_request = h->n_by_request ? 2 * h->n_by_request : 1024;
    free(h->by_request);
    h->by_request = malloc(h->n_by_request * sizeof *h->by_request);
    if (!h->by_request) abort();
    for (size_t i = 0; i < h->n_by_request; i++) h->by_request[i] = NONE;
    for (size_t i = 0; i < h->n_asks; i++) {
        size_t at = hash_of(h->asks[i].ask.request, HISTORY_REQUEST) % h->n_by_request;
        while (h->by_request[at] != NONE && memcmp(h->asks[h->by_request[at]].ask.request, h->asks[i].ask.request, HISTORY_REQUEST) != 0)
            at = (at + 1) % h->n_by_request;
        h->by_request[at] = (int32_t)i;
    }
}

int32_t ask_of(const struct history *h, uint32_t unit, struct slice request) {
    if (request.len != HISTORY_REQUEST || h->n_by_request == 0) return NONE;
    size_t at = hash_of(request.data, HISTORY_REQUEST) % h->n_by_request;
    while (h->by_request[at] != NONE && memcmp(h->asks[h->by_request[at]].ask.request, request.data, HISTORY_REQUEST) != 0) at = (at + 1) % h->n_by_request;
    int32_t found = h->by_request[at];
    return found != NONE && h->asks[found].ask.unit == unit ? found : NONE;
}

static const void *keep(uint8_t **to, struct history_text text) {
    if (text.len) memcpy(*to, text.data, text.len);
    const void *kept = *to;
    *to += text.len;
    return kept;
}

size_t history_asked(struct history *h, const struct history_ask *ask) {
    h->asks = more(h->asks, h->n_asks, &h->max_asks, sizeof *h->asks);
    grow_requests(h);
    int32_t before = ask_of(h, ask->unit, (struct slice){ ask->request, HISTORY_REQUEST });
    struct asked *a = &h->asks[h->n_asks];
    *a = (struct asked){ .ask = *ask, .entry = NONE, .same = before, .deaths = node(h, ask->unit)->deaths };
    a->kept = malloc(ask->key.len + ask->text.len + ask->number.len + 1);
    if (!a->kept) abort();
    uint8_t *to = a->kept;
    a->ask.key.data = keep(&to, ask->key);
    a->ask.text.data = keep(&to, ask->text);
    a->ask.number.data = keep(&to, ask->number);
    size_t at = hash_of(ask->request, HISTORY_REQUEST) % h->n_by_request;
    while (h->by_request[at] != NONE && memcmp(h->asks[h->by_request[at]].ask.request, ask->request, HISTORY_REQUEST) != 0) at = (at + 1) % h->n_by_request;
    h->by_request[at] = (int32_t)h->n_asks;
    if (before != NONE) h->figures.retried++;
    return h->n_asks++;
}

void history_accepted(struct history *h, size_t ask, const uint8_t id[HISTORY_ID]) {
    h->asks[ask].answer = ACCEPTED;
    h->asks[ask].entry = entry_find(h, id);
    h->entries[h->asks[ask].entry].told = true;
}
void history_refused(struct history *h, size_t ask) { h->asks[ask].answer = REFUSED; }
void history_unanswered(struct history *h, size_t ask) { h->asks[ask].answer = UNANSWERED; }

/* ---- records ------------------------------------------------------------------------------------------------------------ */

static size_t id_place(const struct history *h, const uint8_t id[HISTORY_ID]) {
    size_t at = hash_of(id, HISTORY_ID) % h->n_by_id;
    while (h->by_id[at] != NONE && memcmp(h->entries[h->by_id[at]].id, id, HISTORY_ID) != 0) at = (at + 1) % h->n_by_id;
    return at;
}

int32_t entry_of(const struct history *h, const uint8_t id[HISTORY_ID]) { return h->n_by_id ? h->by_id[id_place(h, id)] : NONE; }

static uint64_t big_endian(const uint8_t *p, size_t n) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) v = v << 8 | p[i];
    return v;
}

int32_t entry_find(struct history *h, const uint8_t id[HISTORY_ID]) {
    if (h->n_entries * 2 >= h->n_by_id) {
        h->n_by_id = h->n_by_id ? 2 * h->n_by_id : 2048;
        free(h->by_id);
        h->by_id = malloc(h->n_by_id * sizeof *h->by_id);
        if (!h->by_id) abort();
        for (size_t i = 0; i < h->n_by_id; i++) h->by_id[i] = NONE;
        for (size_t i = 0; i < h->n_entries; i++) h->by_id[id_place(h, h->entries[i].id)] = (int32_t)i;
    }
    size_t at = id_place(h, id);
    if (h->by_id[at] != NONE) return h->by_id[at];
    h->entries = more(h->entries, h->n_entries, &h->max_entries, sizeof *h->entries);
    struct entry *e = &h->entries[h->n_entries];
    *e = (struct entry){ .ask = NONE, .moves = NONE, .progress = NONE, .rows = NONE, .sums = NONE, .next_of_subject = NONE };
    memcpy(e->id, id, HISTORY_ID);
    e->origin = (uint32_t)big_endian(id, 4);
    e->kind = (uint32_t)big_endian(id + 4, 2);
    e->stamp = big_endian(id + 6, 8);
    e->epoch = (uint32_t)big_endian(id + 14, 4);
    return h->by_id[at] = (int32_t)h->n_entries++;
}

const char *entry_name(const struct entry *e, char out[96]) {
    const struct law *law = law_of(e->kind);
    snprintf(out, 96, "%s %06u-%llx-%08x", law ? law->name : "record", e->origin, (unsigned long long)e->stamp, e->epoch);
    return out;
}

void history_look(struct history *h) {
    for (size_t i = 0; i < h->n_entries; i++) memset(&h->entries[i].at, 0, sizeof h->entries[i].at);
    h->figures.held = 0;
}

/* An event lies under its id, a register under origin, kind and its key. */
static bool lies_right(const struct entry *e, const uint8_t *key, size_t key_len) {
    const struct law *law = law_of(e->kind);
    if (law ? !law->is_register : e->key.len == 0) return key_len == HISTORY_ID && memcmp(key, e->id, HISTORY_ID) == 0;
    return key_len == 6 + e->key.len && memcmp(key, e->id, 6) == 0 && memcmp(key + 6, e->key.data, e->key.len) == 0;
}

void history_holds(struct history *h, uint32_t unit, const void *key, size_t key_len, const void *envelope, size_t len) {
    uint8_t id[HISTORY_ID];
    char name[96];
    int32_t at = unit_of(h, unit);
    h->figures.held++;
    if (at == NONE || !envelope_id(envelope, len, id)) { find(h, "UNREADABLE a record at %06u has no id", unit); return; }
    int32_t known = entry_find(h, id);                   /* the list may move in it */
    struct entry *e = &h->entries[known];
    set_add(&e->at, (size_t)at);
    if (!e->bytes) {
        e->bytes = malloc(len + 1);
        if (!e->bytes) abort();
        memcpy(e->bytes, envelope, len);
        e->len = len;
        const char *wrong = entry_read(e);
        if (wrong) find(h, "UNREADABLE %s at %06u: %s", entry_name(e, name), unit, wrong);
        e->broken = wrong != NULL;
    } else if (e->len != len || memcmp(e->bytes, envelope, len) != 0) {
        find(h, "ALTERED %s has other bytes at %06u than where it was seen first", entry_name(e, name), unit);
    }
    if (!e->broken && !lies_right(e, key, key_len)) find(h, "MISPLACED %s lies under a key at %06u that is not its own", entry_name(e, name), unit);
}

/* ---- what a clerk is shown ------------------------------------------------------------------------------------------------ */

void history_standing(struct history *h, uint32_t at, const struct history_standing *row) {
    int32_t unit = unit_of(h, at), subject = entry_find(h, row->subject);
    if (unit == NONE) abort();
    h->rows = more(h->rows, h->n_rows, &h->max_rows, sizeof *h->rows);
    const struct law *law = law_of(h->entries[subject].kind);
    h->rows[h->n_rows] = (struct row){ *row, unit, state_number(law ? law->life : LIFE_NONE, row->state), h->entries[subject].rows };
    h->entries[subject].rows = (int32_t)h->n_rows++;
}

void history_sum(struct history *h, uint32_t at, uint32_t kind, const uint8_t *subject, const int64_t values[HISTORY_COUNTERS]) {
    int32_t unit = unit_of(h, at);
    if (unit == NONE || kind >= 256) abort();
    bool whole = !subject || id_none(subject);
    int32_t of = whole ? NONE : entry_find(h, subject);
    h->sums = more(h->sums, h->n_sums, &h->max_sums, sizeof *h->sums);
    int32_t *list = whole ? &h->kind_sums[kind] : &h->entries[of].sums;
    struct sum *s = &h->sums[h->n_sums];
    *s = (struct sum){ .kind = kind, .at = unit, .next = *list };
    memcpy(s->of, values, sizeof s->of);
    *list = (int32_t)h->n_sums++;
}

/* ---- how far one follows another --------------------------------------------------------------------------------------------- */

/* What may set a place back: a store of the two that was lost or went back, or a neighbour that came or went. */
static size_t losses_of(const struct history *h, uint32_t unit, uint32_t peer) {
    int32_t a = unit_of(h, unit), b = unit_of(h, peer);
    return (a == NONE ? 0 : h->units[a].losses + h->units[a].moves) + (b == NONE ? 0 : h->units[b].losses + h->units[b].moves);
}

static size_t follow_slot(const struct history *h, uint32_t unit, uint32_t peer, enum history_side side, uint64_t feed) {
    uint64_t key[3] = { (uint64_t)unit << 32 | peer, side, feed };
    size_t at = hash_of(key, sizeof key) % h->n_by_follow;
    for (; h->by_follow[at] != NONE; at = (at + 1) % h->n_by_follow) {
        const struct follow *f = &h->follows[h->by_follow[at]];
        if (f->unit == unit && f->peer == peer && f->side == side && f->feed == feed) break;
    }
    return at;
}

int32_t follow_of(const struct history *h, uint32_t unit, uint32_t peer, enum history_side side, uint64_t feed) {
    return h->n_by_follow ? h->by_follow[follow_slot(h, unit, peer, side, feed)] : NONE;
}

static void grow_follows(struct history *h) {
    if (h->n_by_follow && h->n_follows * 2 < h->n_by_follow) return;
    h->n_by_follow = h->n_by_follow ? 2 * h->n_by_follow : 1024;
    free(h->by_follow);
    h->by_follow = malloc(h->n_by_follow * sizeof *h->by_follow);
    if (!h->by_follow) abort();
    for (size_t i = 0; i < h->n_by_follow; i++) h->by_follow[i] = NONE;
    for (size_t i = 0; i < h->n_follows; i++) {
        const struct follow *f = &h->follows[i];
        h->by_follow[follow_slot(h, f->unit, f->peer, f->side, f->feed)] = (int32_t)i;
    }
}

/* "Acknowledged positions never go back except after a loss that is told." */
void history_place(struct history *h, uint32_t unit, uint32_t peer, enum history_side side, uint64_t feed, uint64_t position) {
    h->figures.places++;
    int32_t known = follow_of(h, unit, peer, side, feed);
    if (known != NONE) {
        struct follow *f = &h->follows[known];
        /* twice for a loss: with the store itself, and, long after it may be, when the two meet and judge */
        bool back = position < f->position, excused = back && f->backs < 2 * losses_of(h, unit, peer);
        if (back && !excused)
            find(h, "BACK %06u, of feed %llx %s %06u: %llu, before that %llu", unit, (unsigned long long)feed,
                 side == HISTORY_FOLLOWS ? "of" : "as acknowledged by", peer, (unsigned long long)position, (unsigned long long)f->position);
        h->figures.excused += excused;
        f->position = position;
        f->backs += back;
        return;
    }
    grow_follows(h);
    h->by_follow[follow_slot(h, unit, peer, side, feed)] = (int32_t)h->n_follows;
    h->follows = more(h->follows, h->n_follows, &h->max_follows, sizeof *h->follows);
    h->follows[h->n_follows++] = (struct follow){ unit, peer, side, feed, position, 0 };
}

/* ---- the verdict ---------------------------------------------------------------------------------------------------------- */

/* Who belongs to what: moves and progress hang on their subject. */
static void chain(struct history *h) {
    size_t n = h->n_entries;                             /* subjects that nobody holds are made while we go */
    for (size_t i = 0; i < n; i++) {
        struct entry *e = &h->entries[i];
        if (!e->bytes || e->broken || !e->has_subject || (e->kind != MOVE && e->kind != PROGRESS)) continue;
        uint8_t id[HISTORY_ID];
        memcpy(id, e->subject, HISTORY_ID);
        int32_t subject = entry_find(h, id);
        e = &h->entries[i];
        int32_t *list = e->kind == MOVE ? &h->entries[subject].moves : &h->entries[subject].progress;
        e->next_of_subject = *list;
        *list = (int32_t)i;
    }
}

size_t history_judge(struct history *h) {
    h->figures.asks = h->n_asks;
    h->figures.records = h->n_entries;
    h->figures.standings = h->n_rows;
    h->figures.sums = h->n_sums;
    chain(h);
    judge_records(h);
    judge_asks(h);
    judge_places(h);
    judge_standings(h);
    judge_sums(h);
    judge_follows(h);
    for (size_t i = 0; i < h->n_entries; i++)            /* what nobody near has kept, nobody can have noticed */
        if (h->entries[i].missed && !h->entries[i].gone) node(h, h->entries[i].origin)->must_report = true;
    for (size_t i = 0; i < h->n_units; i++)
        if (h->units[i].must_report && !h->units[i].reported)
            find(h, "SILENT %06u lost its store, or what others still had of its own, and nobody said so", h->units[i].code);
    return h->n_findings;
}

struct history_figures history_figures(const struct history *h) { return h->figures; }
