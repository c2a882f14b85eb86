/* stations: real daemons and a clerk at each, for the bench. */
#include "stations.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { CHUNK = 512, WINDOW = 4096, ASKS = 64, TEXT_BYTES = 174 };      /* that much text makes a record of 256 bytes */
static const char *program;
static char divisions[PATH_BYTES + 16];
static struct arena *arena;

struct arena *stations_arena(void) { return arena; }

/* One province, one city, and more counties than any city has. */
void stations_begin(const char *linzhangd) {
    static char text[16384];
    char dir[PATH_BYTES];
    program = linzhangd;
    arena = arena_create((size_t)256 << 20);
    lz_log_level(LZ_ERROR);
    int n = snprintf(text, sizeof text, "code\tname_zh\ttier\tparent_code\tcode_system\n410000\t省\tprovince\t-\tGB\n410800\t市\tcity\t410000\tGB\n");
    for (uint32_t i = 0; i < BENCH_CHILDREN; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%u\t第%u县\tcounty\t410800\tGB\n", COUNTY_FIRST + i, i + 1);
    fresh_dir(dir, "divisions");
    snprintf(divisions, sizeof divisions, "%s/tsv", dir);
    write_text(divisions, 0600, "%s", text);
}

void station_make(struct station *s, const char *dir, uint32_t unit, const struct station *parent, int dialled) {
    memset(s, 0, sizeof *s);
    s->unit = unit;
    s->parent = parent;
    s->port = free_ports(3);
    s->dialled = dialled ? dialled : parent ? parent->port : 0;
    snprintf(s->dir, sizeof s->dir, "%.680s/%u", dir, unit);
    snprintf(s->socket, sizeof s->socket, "%s/ctl", s->dir);
    snprintf(s->config, sizeof s->config, "%s/conf.ini", s->dir);
    snprintf(s->log, sizeof s->log, "%s/log", s->dir);
    if (mkdir(s->dir, 0700) != 0) die("%s", s->dir);
    wire_keypair(s->public, s->secret);
}

static void configure(const struct station *s) {
    char key[KEY_TEXT], path[PATH_BYTES + 8], up[256] = "", listens[64] = "";
    wire_key_print(s->secret, key);
    snprintf(path, sizeof path, "%s/key", s->dir);
    write_text(path, 0600, "%s", key);
    if (s->parent) {
        wire_key_print(s->parent->public, key);
        snprintf(up, sizeof up, "[parent]\nunit = %u\nkey = %s\nendpoints = tcp://127.0.0.1:%d\n", s->parent->unit, key, s->dialled);
    }
    if (s->unit == PROVINCE_CODE || s->unit == CITY_CODE) snprintf(listens, sizeof listens, "[listen]\nendpoint = tcp://127.0.0.1:%d\n", s->port);
    write_text(s->config, 0600, "[node]\nunit = %u\ndivisions = %s\n[store]\npath = %s/store\nmap_mib = 16384\nbudget_mib = 12000\n[keys]\nsecret = %s/key\n"
        "children = %s/children\n[control]\npath = %s\n[log]\nlevel = warn\n%s%s%s", s->unit, divisions, s->dir, s->dir, s->dir, s->socket,
        s->all_progress ? "[feeds]\nsubscribe = progress\n" : "", listens, up);
}

void station_start(struct station *s) {
    char *argv[] = { (char *)program, s->config, NULL };
    configure(s);
    s->pid = process_start(s->log, argv);
    for (int k = 0; k < 10000; k++, nap_ms(2)) if (wire_client_open(&s->client, s->socket, NULL) == LZ_ok) return;
    die("the daemon of %u did not start; see its log", s->unit);
}
void station_end(struct station *s, int signal_number) {
    if (s->client) wire_client_close(&s->client);
    process_end(&s->pid, signal_number);
    s->window = s->asks = 0;
    memset(s->under_way, 0, sizeof s->under_way);
}

/* ---- asks ---- */
static void send_ask(struct station *s, struct ask *ask) {
    struct lz_bytes packet;
    ask->seq = ++s->seq;
    if (ask_encode(arena, ask, &packet) != LZ_ok || wire_client_send(s->client, packet) != LZ_ok) die("%u takes no ask", s->unit);
}
static struct answer opened(struct lz_bytes packet) {
    struct lz_bytes body;
    enum packet_type type;
    struct answer a = { 0 };
    const uint8_t *copy = arena_copy(arena, packet.data, packet.len);
    if (packet_open(lz_bytes_of(copy, packet.len), &type, &body, NULL) != LZ_ok || answer_decode(arena, body, &a) != LZ_ok) die("an answer cannot be read");
    return a;
}
/* An answer to reports that were posted. */
static bool acknowledged(struct station *s, const struct answer *a) {
    for (size_t i = 0; i < ASKS; i++) {
        if (s->under_way[i].seq != a->seq || a->seq == 0) continue;
        if (a->code != LZ_ok || a->n_refused) {
            struct lz_bytes why = a->n_refused ? a->refused[0].text : a->text;
            die("%u refused: %.*s", s->unit, (int)why.len, (const char *)why.data);
        }
        s->window -= s->under_way[i].n;
        s->under_way[i].seq = 0;
        s->asks--;
        return true;
    }
    return false;
}
bool station_acks(struct station *s, uint64_t ms) {
    struct lz_bytes packet;
    size_t mark = arena_used(arena);
    if (wire_client_recv(s->client, ms, &packet) != LZ_ok) return false;
    struct answer a = opened(packet);
    acknowledged(s, &a);
    arena_rewind(arena, mark);
    return true;
}
void station_acked(struct station *s) { while (s->asks > 0) if (!station_acks(s, 60000)) die("%u does not answer", s->unit); }

struct answer station_call(struct station *s, const char *verb, bool writes, struct arg *args, size_t n) {
    uint8_t *request = arena_alloc(arena, 16);
    lz_random(request, 16);
    struct ask ask = { .verb = lz_bytes_str(verb), .request = lz_bytes_of(request, writes ? 16 : 0), .args = args, .n_args = n };
    send_ask(s, &ask);
    for (;;) {
        struct lz_bytes packet;
        if (wire_client_recv(s->client, 60000, &packet) != LZ_ok) die("%u does not answer %s", s->unit, verb);
        struct answer a = opened(packet);
        if (a.seq == ask.seq) return a;
        acknowledged(s, &a);
    }
}

static struct lz_bytes cell_of(const struct answer *a, const char *item) {
    for (size_t i = 0; i < a->n_rows; i++)
        for (size_t j = 0; j < a->rows[i].n_cells; j++) {
            const struct cell *c = &a->rows[i].cells[j];
            if (lz_bytes_equal(c->text, lz_bytes_str(item)) && j + 1 < a->rows[i].n_cells) return a->rows[i].cells[j + 1].text;
            if (lz_bytes_equal(c->name, lz_bytes_str(item))) return c->text;
        }
    return (struct lz_bytes){ 0 };
}

uint64_t station_count(struct station *s, struct rec_id task) {
    char id[REC_ID_TEXT], digits[24] = { 0 };
    rec_id_print(task, id);
    size_t mark = arena_used(arena);
    struct answer a = station_call(s, "count", false, (struct arg[]){ named("id", id) }, 1);
    struct lz_bytes value = cell_of(&a, "count");
    if (value.len == 0 || value.len >= sizeof digits)
        die("%u does not say how many it has: %.*s", s->unit, (int)a.text.len, (const char *)a.text.data);
    memcpy(digits, value.data, value.len);
    arena_rewind(arena, mark);
    return strtoull(digits, NULL, 10);
}

void station_enrol(struct station *parent, const struct station *child) {
    char code[16], key[KEY_TEXT];
    size_t mark = arena_used(arena);
    snprintf(code, sizeof code, "%u", child->unit);
    wire_key_print(child->public, key);
    struct answer a = station_call(parent, "child add", true, (struct arg[]){ named("code", code), named("key", key) }, 2);
    if (a.code != LZ_ok) die("%u does not enrol %u: %.*s", parent->unit, child->unit, (int)a.text.len, (const char *)a.text.data);
    arena_rewind(arena, mark);
}

/* ---- the task that all reports are on ---- */
struct rec_id task_issue(struct station *issuer, const char *to) {
    char id[REC_ID_TEXT] = { 0 };
    struct rec_id task;
    struct answer a = { 0 };
    bool whole;
    size_t mark = arena_used(arena);
    for (int k = 0; k < 300; k++, nap_ms(50)) {                      /* a new store waits for its first neighbour */
        a = station_call(issuer, "task issue", true, (struct arg[]){ named("title", "造林任务"), named("to", to) }, 2);
        if (a.code == LZ_ok) break;
    }
    struct lz_bytes text = cell_of(&a, "id");
    if (a.code != LZ_ok || text.len == 0 || text.len >= sizeof id) 
        die("%u does not issue the task: %.*s", issuer->unit, (int)a.text.len, (const char *)a.text.data);
    memcpy(id, text.data, text.len);
    if (!rec_id_parse(id, &task, &whole)) die("the task's id is not one");
    arena_rewind(arena, mark);
    return task;
}
void task_begin(struct station *county, struct rec_id task) {
    static const char *const moves[] = { "sign", "start" };
    char id[REC_ID_TEXT];
    rec_id_print(task, id);
    for (size_t i = 0; i < LZ_COUNT(moves); i++) {
        size_t mark = arena_used(arena);
        struct answer a = { .code = LZ_unreachable };
        for (double end = now_s() + 60; a.code != LZ_ok && now_s() < end; nap_ms(a.code == LZ_ok ? 0 : 50))
            a = station_call(county, "move", true, (struct arg[]){ named("move", moves[i]), named("id", id) }, 2);
        if (a.code != LZ_ok) die("%u cannot %s the task: %.*s", county->unit, moves[i], (int)a.text.len, (const char *)a.text.data);
        arena_rewind(arena, mark);
    }
}

static struct lz_bytes draft_of(struct rec_id task, uint64_t n) {
    static char filler[256];
    struct record d = { .kind = KIND_progress, .subject = task };
    int len = snprintf(filler, sizeof filler, "第%llu次上报：完成造林整地、栽植和抚育，", (unsigned long long)n);
    memset(filler + len, '.', sizeof filler - (size_t)len);
    d.of.progress = (struct progress){ 20260101 + (uint32_t)(n % 28), (int64_t)(n % 1000), 1000, lz_bytes_of(filler, TEXT_BYTES) };
    struct lz_bytes out;
    if (draft_encode(arena, &d, &out, NULL) != LZ_ok) die("a draft does not encode");
    return out;
}

void station_post(struct station *s, struct rec_id task, uint64_t n) {
    while (n > 0) {
        uint64_t k = n < CHUNK ? n : CHUNK;
        while (s->asks == ASKS || s->window + k > WINDOW) if (!station_acks(s, 60000)) die("%u does not answer", s->unit);
        size_t mark = arena_used(arena), slot = 0;
        struct lz_bytes *drafts = arena_alloc(arena, k * sizeof *drafts);
        uint8_t request[16];
        lz_random(request, sizeof request);
        for (uint64_t i = 0; i < k; i++, s->posted++) drafts[i] = draft_of(task, s->posted);
        struct arg verb = named("verb", "progress import");
        struct ask ask = { .verb = lz_bytes_str("drafts"), .request = lz_bytes_of(request, 16), .args = &verb, .n_args = 1, .drafts = drafts,
                .n_drafts = k };
        send_ask(s, &ask);
        arena_rewind(arena, mark);
        while (s->under_way[slot].seq != 0) slot++;
        s->under_way[slot].seq = ask.seq;
        s->under_way[slot].n = k;
        s->asks++;
        s->window += k;
        n -= k;
    }
}

void station_emergency(struct station *s) {
    char title[64];
    size_t mark = arena_used(arena);
    snprintf(title, sizeof title, "林火 %llu", (unsigned long long)s->seq);
    struct answer a = station_call(s, "emergency report", true, (struct arg[]){ named("title", title) }, 1);
    if (a.code != LZ_ok) die("%u takes no emergency: %.*s", s->unit, (int)a.text.len, (const char *)a.text.data);
    arena_rewind(arena, mark);
}

/* ---- what a tier shows as it lands ---- */
struct wire_client *station_watch(struct station *s, const char *kind) {
    struct wire_client *watch;
    struct arg arg = named("kind", kind);
    struct ask ask = { .seq = 1, .verb = lz_bytes_str("watch"), .args = &arg, .n_args = 1 };
    struct lz_bytes packet;
    size_t mark = arena_used(arena);
    if (wire_client_open(&watch, s->socket, NULL) != LZ_ok || ask_encode(arena, &ask, &packet) != LZ_ok || wire_client_send(watch, packet) != LZ_ok ||
        wire_client_recv(watch, 5000, &packet) != LZ_ok) die("%u cannot be watched", s->unit);
    arena_rewind(arena, mark);
    return watch;
}
size_t watch_take(struct wire_client *watch, uint64_t ms) {
    struct lz_bytes packet;
    size_t mark = arena_used(arena);
    if (wire_client_recv(watch, ms, &packet) != LZ_ok) return 0;
    size_t n = opened(packet).n_rows;
    arena_rewind(arena, mark);
    return n;
}
