/* ledger: what was acknowledged against what the closed stores hold, record by record.
 *
 *   ledger LEDGER WORK [-w] [-d] UNIT...     the daemons are stopped; WORK/UNIT/store is each one's store
 *   -w: the province wishes for progress; -d: clocks were set, so that deadlines passed and daemons urged and escalated by themselves
 *
 * Knows the rules of where a record must be, and nothing of how it gets there:
 *   - what was answered `ok` is at its origin under that request, once; what was refused, or never asked, is not there;
 *   - what a daemon writes by itself (delivered, started) is there once for each directive and recipient, no more and no less;
 *   - no unit holds a record that its origin does not have with the same bytes;
 *   - progress and fires are at every tier above; a problem at the next, and at each to which it was escalated, with all its moves;
 *     a directive at every recipient and on the way; each move on the way between its issuer and the recipient.
 * Prints each fault (at most 20), and as the last line the counts: what `board` at the province must say. Exit 1 on any fault. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../../daemon/flow/flow.h"

enum { LEDGER_UNITS = 32, REQUEST_HEX = 32, FAULTS_SHOWN = 20, TASKS_MAX = 64 };

struct item {
    struct rec_id id, subject;
    uint64_t bytes_hash, request_hash;
    bool has_request, target_all, acknowledged;
    uint32_t index, move, move_unit, to_unit, as_of;
    int64_t num, den;
    uint32_t targets[16];
    size_t n_targets;
    uint32_t top;                        /* of a problem: the highest unit it was escalated to */
    uint8_t *receipts;                   /* of a directive: three for each unit: delivered, started, reported */
};
struct node { uint32_t unit, parent; struct item *items; size_t n, room; };

static struct node nodes[LEDGER_UNITS];
static size_t n_nodes;
static bool wished, deadlines;
static uint64_t faults, acknowledged, checked, units_reported;
static uint32_t move_deliver, move_start, move_escalate, move_urge, move_report;

static void fault(const char *format, ...) LZ_PRINTF(1, 2);
static void fault(const char *format, ...) {
    va_list args;
    if (faults++ >= FAULTS_SHOWN) return;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}
static void die(const char *what) { fprintf(stderr, "ledger: %s\n", what); exit(2); }

static struct node *node_of(uint32_t unit) {
    for (size_t i = 0; i < n_nodes; i++) if (nodes[i].unit == unit) return &nodes[i];
    return NULL;
}

static int by_id(const void *a, const void *b) {
    const struct rec_id *x = &((const struct item *)a)->id, *y = &((const struct item *)b)->id;
    if (x->origin != y->origin) return x->origin < y->origin ? -1 : 1;
    if (x->kind != y->kind) return x->kind < y->kind ? -1 : 1;
    if (x->stamp != y->stamp) return x->stamp < y->stamp ? -1 : 1;
    return (x->epoch > y->epoch) - (x->epoch < y->epoch);
}

static struct item *find(const struct node *n, struct rec_id id) {
    struct item key = { .id = id };
    return n && n->n ? bsearch(&key, n->items, n->n, sizeof key, by_id) : NULL;
}

static const char *name(struct rec_id id) {
    static char text[4][REC_ID_TEXT];
    static int at;
    at = (at + 1) % 4;
    rec_id_print(id, text[at]);
    return text[at];
}

/* ---- reading ----------------------------------------------------------------------------------------------------------------- */

static void take(struct node *n, const struct record *r) {
    if (n->n == n->room) {
        n->room = n->room ? 2 * n->room : 4096;
        n->items = realloc(n->items, n->room * sizeof *n->items);
        if (!n->items) die("memory");
    }
    struct item *i = &n->items[n->n++];
    *i = (struct item){ .id = record_id(r), .subject = r->subject, .bytes_hash = lz_hash64(1, r->envelope.data, r->envelope.len),
                        .has_request = r->request.len != 0, .request_hash = lz_hash64(2, r->request.data, r->request.len), .index = r->request_index,
                        .target_all = r->target_all };
    if (r->kind == KIND_move) { i->move = r->of.move.move; i->move_unit = r->of.move.unit; i->to_unit = r->of.move.to_unit; }
    if (r->kind == KIND_progress) { i->as_of = r->of.progress.as_of; i->num = r->of.progress.numerator; i->den = r->of.progress.denominator; }
    if (r->n_targets > LZ_COUNT(i->targets)) die("more targets than this program counts");
    for (size_t k = 0; k < r->n_targets; k++) i->targets[i->n_targets++] = r->targets[k];
}

static void read_store(struct node *n, const char *work) {
    char path[600];
    struct store *store;
    struct lz_fail fail = { 0 };
    struct key key = { 0 };
    struct lz_bytes value;
    struct stored stored;
    struct arena *arena = arena_create((size_t)16 << 20);
    snprintf(path, sizeof path, "%s/%u/store", work, n->unit);
    struct store_options options = { .path = path, .unit = n->unit, .map_bytes = (uint64_t)4096 << 20 };
    if (store_open(&store, &options, &fail) != LZ_ok) die(fail.text);
    store_set_arena(store, arena);
    for (; store_seek(store, TABLE_record, &key, &value); key = key_after(key)) {
        struct record r;
        arena_reset(arena);
        if (!store_record_parse(value, &stored) || record_decode(arena, stored.envelope, &r, NULL) != LZ_ok) fault("%u: a value that is no record", n->unit);
        else if (r.key.len == 0) take(n, &r);
    }
    if (store_rot(store)) fault("%u: %llu values do not match their checksum", n->unit, (unsigned long long)store_rot(store));
    store_close(&store);
    arena_destroy(&arena);
    if (n->n) qsort(n->items, n->n, sizeof *n->items, by_id);
    for (size_t i = 1; i < n->n; i++) if (by_id(&n->items[i - 1], &n->items[i]) == 0) fault("%u holds %s twice", n->unit, name(n->items[i].id));
}

/* Every `ok` line names a record that is at its origin; what is left there without such a line is found by at_origin. */
static void read_book(const char *path) {
    char line[400], word[8], request[REQUEST_HEX + 2], what[REC_ID_TEXT + 8];
    uint32_t unit, index;
    FILE *f = fopen(path, "r");
    if (!f) die(path);
    while (fgets(line, sizeof line, f)) {
        uint8_t bytes[REQUEST_HEX / 2];
        struct rec_id id;
        bool whole;
        if (sscanf(line, "%7s", word) != 1 || strcmp(word, "ok") != 0) continue;
        if (sscanf(line, "%7s %u %33s %u %70s", word, &unit, request, &index, what) != 5 || !lz_hex_parse(request, bytes, sizeof bytes) ||
            !rec_id_parse(what, &id, &whole) || !whole)
            die(line);
        acknowledged++;
        struct item *i = find(node_of(unit), id);
        if (!i) fault("lost: %s was acknowledged by %u and is not there", what, unit);
        else if (i->acknowledged) fault("%s was acknowledged for two requests", what);
        else if (id.origin != unit || i->index != index || i->request_hash != lz_hash64(2, bytes, sizeof bytes))
            fault("%s is not what request %s asked for", what, request);
        else i->acknowledged = true;
    }
    fclose(f);
}

/* ---- judging ------------------------------------------------------------------------------------------------------------------ */

static bool is_above(uint32_t unit, uint32_t below) {
    for (const struct node *n = node_of(below); n && n->parent; n = node_of(n->parent)) if (n->parent == unit) return true;
    return false;
}
static bool targets(const struct item *d, uint32_t unit) {
    for (size_t i = 0; i < d->n_targets; i++) if (d->targets[i] == unit) return true;
    return d->target_all && is_above(d->id.origin, unit);
}

static void must_be(const struct item *i, uint32_t unit) {
    checked++;
    if (node_of(unit) && !find(node_of(unit), i->id)) fault("missing: %s is not at %u", name(i->id), unit);
}
/* At both ends and at every unit between; one end is above the other. */
static void must_be_along(const struct item *i, uint32_t low, uint32_t high) {
    for (const struct node *n = node_of(low); n; n = node_of(n->parent)) {
        must_be(i, n->unit);
        if (n->unit == high || !n->parent) break;
    }
}

/* How far up a problem went: its moves tell, wherever they were written. */
static void climb(void) {
    for (size_t k = 0; k < n_nodes; k++)
        for (size_t i = 0; i < nodes[k].n; i++) {
            const struct item *m = &nodes[k].items[i];
            if (m->id.kind != KIND_move || m->move != move_escalate || m->id.origin != nodes[k].unit) continue;
            struct item *problem = find(node_of(m->subject.origin), m->subject);
            if (problem && (!problem->top || is_above(m->to_unit, problem->top))) problem->top = m->to_unit;
        }
}
static uint32_t highest(const struct item *problem) {
    uint32_t parent = node_of(problem->id.origin)->parent;
    return problem->top && is_above(problem->top, parent) ? problem->top : parent;
}

static void where(const struct item *i) {
    uint32_t origin = i->id.origin;
    struct item *subject = i->subject.origin ? find(node_of(i->subject.origin), i->subject) : NULL;
    if (i->subject.origin && !subject) { fault("%s is about %s, which its origin does not have", name(i->id), name(i->subject)); return; }
    if (i->id.kind == KIND_progress) must_be_along(i, origin, wished ? 0 : i->subject.origin);
    else if (i->id.kind == KIND_emergency || (i->id.kind == KIND_move && i->subject.kind == KIND_emergency)) must_be_along(i, origin, 0);
    else if (i->id.kind == KIND_problem) must_be_along(i, origin, highest(i));
    else if (i->id.kind == KIND_move && i->subject.kind == KIND_problem) must_be_along(i, i->subject.origin, highest(subject));
    else if (i->id.kind == KIND_move && kind_is_directive(i->subject.kind)) must_be_along(i, i->move_unit, i->subject.origin);
    else if (kind_is_directive(i->id.kind)) {
        for (size_t k = 0; k < n_nodes; k++) if (targets(i, nodes[k].unit)) must_be_along(i, nodes[k].unit, origin);
    }
}

static bool by_itself(const struct item *i) {
    if (deadlines && i->id.kind == KIND_move && (i->move == move_escalate || i->move == move_urge)) return true;
    return i->id.kind == KIND_move && kind_is_directive(i->subject.kind) && (i->move == move_deliver || i->move == move_start);
}

static int by_request(const void *a, const void *b) {
    const struct item *x = *(const struct item *const *)a, *y = *(const struct item *const *)b;
    if (x->request_hash != y->request_hash) return x->request_hash < y->request_hash ? -1 : 1;
    return (x->index > y->index) - (x->index < y->index);
}

/* At its origin: every record has its acknowledgement, every request its one effect. */
static void at_origin(struct node *n) {
    const struct item **own = malloc((n->n + 1) * sizeof *own);
    size_t k = 0;
    for (size_t i = 0; own && i < n->n; i++) {
        struct item *r = &n->items[i];
        if (r->id.origin != n->unit) continue;
        where(r);
        if (r->has_request) own[k++] = r;
        if (r->has_request && !r->acknowledged) fault("%s took effect, and nobody was told", name(r->id));
        if (!r->has_request && !by_itself(r)) fault("%s was written for no request", name(r->id));
    }
    if (!own) die("memory");
    if (k) qsort(own, k, sizeof *own, by_request);
    for (size_t i = 1; i < k; i++)
        if (by_request(&own[i - 1], &own[i]) == 0) fault("doubled: %s and %s are of one request", name(own[i - 1]->id), name(own[i]->id));
    free(own);
}

static void elsewhere(const struct node *n) {
    for (size_t i = 0; i < n->n; i++) {
        const struct item *r = &n->items[i], *first = find(node_of(r->id.origin), r->id);
        if (r->id.origin == n->unit || !node_of(r->id.origin)) continue;
        if (!first) fault("%u holds %s, which its origin does not have", n->unit, name(r->id));
        else if (first->bytes_hash != r->bytes_hash) fault("%u holds %s with other bytes", n->unit, name(r->id));
    }
}

/* One receipt for each recipient of each directive, and at most one start. */
static void count_receipts(size_t k) {
    for (size_t i = 0; i < nodes[k].n; i++) {
        const struct item *m = &nodes[k].items[i];
        if (m->id.origin != nodes[k].unit || m->id.kind != KIND_move || (m->move != move_deliver && m->move != move_start && m->move != move_report)) continue;
        struct item *d = find(node_of(m->subject.origin), m->subject);
        if (!d || !kind_is_directive(d->id.kind)) continue;
        if (!d->receipts && !(d->receipts = calloc(LEDGER_UNITS, 3))) die("memory");
        uint8_t *count = &d->receipts[3 * k + (m->move == move_start ? 1u : m->move == move_report ? 2u : 0u)];
        if (*count < 255) (*count)++;
    }
}
static void receipts(const struct node *issuer) {
    for (size_t i = 0; i < issuer->n; i++) {
        const struct item *d = &issuer->items[i];
        if (!kind_is_directive(d->id.kind) || d->id.origin != issuer->unit) continue;
        for (size_t k = 0; k < n_nodes; k++) {
            int delivered = d->receipts ? d->receipts[3 * k] : 0, started = d->receipts ? d->receipts[3 * k + 1] : 0;
            units_reported += d->receipts && d->receipts[3 * k + 2];
            if (delivered != targets(d, nodes[k].unit)) fault("%u wrote %d receipts for %s", nodes[k].unit, delivered, name(d->id));
            if (started > 1) fault("%u started %s %d times", nodes[k].unit, name(d->id), started);
        }
    }
}

struct last { struct rec_id task; uint32_t as_of; uint64_t stamp; int64_t num, den; };
struct recount { uint64_t n[KIND_MAX], receivers, signs, num, den; };

static void latest(struct last *last, size_t *n_last, const struct item *r) {
    size_t at = 0;
    while (at < *n_last && !rec_id_equal(last[at].task, r->subject)) at++;
    if (at == TASKS_MAX) die("more tasks than this program counts");
    if (at == *n_last) last[(*n_last)++] = (struct last){ .task = r->subject };
    if (r->as_of < last[at].as_of || (r->as_of == last[at].as_of && r->id.stamp <= last[at].stamp)) return;
    last[at] = (struct last){ r->subject, r->as_of, r->id.stamp, r->num, r->den };
}

/* The plain recount: records by kind; receivers, signatures, and units that reported, of directives; of each task and unit the latest figures, added up. */
static void recount(const struct node *n, struct recount *sum) {
    struct last last[TASKS_MAX];
    size_t n_last = 0;
    for (size_t i = 0; i < n->n; i++) {
        const struct item *r = &n->items[i];
        if (r->id.origin != n->unit || r->id.kind >= KIND_MAX) continue;
        sum->n[r->id.kind]++;
        if (r->id.kind == KIND_progress) latest(last, &n_last, r);
        if (kind_is_directive(r->id.kind)) for (size_t k = 0; k < n_nodes; k++) sum->receivers += targets(r, nodes[k].unit);
        if (r->id.kind != KIND_move || !kind_is_directive(r->subject.kind)) continue;
        sum->signs += r->move == move_by_name(MACHINE_HANDLING, "sign")->number;
    }
    for (size_t i = 0; i < n_last; i++) { sum->num += (uint64_t)last[i].num; sum->den += (uint64_t)last[i].den; }
}

static void sums(void) {
    struct recount s = { 0 };
    for (size_t i = 0; i < n_nodes; i++) recount(&nodes[i], &s);
    printf("ledger: acknowledged %llu placed %llu faults %llu progress %llu problem %llu emergency %llu receivers %llu signs %llu reports %llu "
           "done %llu of %llu\n",
           (unsigned long long)acknowledged, (unsigned long long)checked, (unsigned long long)faults, (unsigned long long)s.n[KIND_progress],
           (unsigned long long)s.n[KIND_problem], (unsigned long long)s.n[KIND_emergency], (unsigned long long)s.receivers, (unsigned long long)s.signs,
           (unsigned long long)units_reported, (unsigned long long)s.num, (unsigned long long)s.den);
}

int main(int argc, char **argv) {
    if (argc < 4) { fprintf(stderr, "ledger LEDGER WORK [-w] [-d] UNIT...\n"); return 2; }
    lz_log_level(LZ_ERROR);
    move_deliver = move_by_name(MACHINE_HANDLING, "deliver")->number;
    move_start = move_by_name(MACHINE_HANDLING, "start")->number;
    move_escalate = move_by_name(MACHINE_PROBLEM, "escalate")->number;
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "-w") == 0) { wished = true; continue; }
        if (strcmp(argv[i], "-d") == 0) { deadlines = true; continue; }
        if (n_nodes == LEDGER_UNITS) die("too many units");
        nodes[n_nodes++].unit = (uint32_t)strtoul(argv[i], NULL, 10);
    }
    move_report = move_by_name(MACHINE_HANDLING, "report")->number;
    move_urge = move_by_name(MACHINE_HANDLING, "urge")->number;
    for (size_t i = 0; i < n_nodes; i++) {
        uint32_t unit = nodes[i].unit, city = unit / 100 * 100, province = unit / 10000 * 10000;
        nodes[i].parent = unit != city && node_of(city) ? city : unit != province && node_of(province) ? province : 0;
        read_store(&nodes[i], argv[2]);
    }
    read_book(argv[1]);
    if (acknowledged == 0) fault("nothing was acknowledged: nothing was tested");
    climb();
    for (size_t i = 0; i < n_nodes; i++) count_receipts(i);
    for (size_t i = 0; i < n_nodes; i++) { at_origin(&nodes[i]); elsewhere(&nodes[i]); receipts(&nodes[i]); }
    sums();
    return faults ? 1 : 0;
}
