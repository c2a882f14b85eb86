/* hostile: the scene, asking it, and judging. */
#include "hostile.h"
#include <dirent.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fflush(stdout);
    fputs("FAILED: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

uint64_t now_ms(void) { return lz_clock_now().mono_ms; }
void nap_ms(unsigned ms) { usleep(ms * 1000); }

void scene_read(struct scene *scene, const char *path) {
    FILE *f = fopen(path, "r");
    if (!f) fail("no scene %s", path);
    char line[2048], key[64], secret[64];
    scene->arena = arena_create((size_t)256 << 20);
    while (fgets(line, sizeof line, f) && scene->n < STATIONS_MAX) {
        struct station *s = &scene->of[scene->n];
        int pid;
        if (sscanf(line, "%u %u %511s %d %d %63s %511s", &s->unit, &s->parent, s->socket, &pid, &s->port, key, s->key_file) != 7) fail("scene: %s", line);
        s->pid = pid;
        FILE *k = fopen(s->key_file, "r");
        if (!k || fscanf(k, "%63s", secret) != 1 || !wire_key_parse(key, s->public_key) || !wire_key_parse(secret, s->secret_key)) fail("keys of %u", s->unit);
        fclose(k);
        scene->n++;
    }
    fclose(f);
}

struct station *station(struct scene *scene, uint32_t unit) {
    for (size_t i = 0; i < scene->n; i++)
        if (scene->of[i].unit == unit) return &scene->of[i];
    fail("%u is not in the scene", unit);
}

/* ---- asking ---- */

struct arg named(const char *name, const char *value) { return (struct arg){ lz_bytes_str(name), lz_bytes_str(value) }; }

struct answer call(struct scene *scene, struct station *at, const char *verb, bool writes, const struct arg *args, size_t n) {
    struct lz_bytes packet, body;
    enum packet_type type;
    struct answer a = { 0 };
    uint8_t request[16];
    struct arg own[8];
    if (n > LZ_COUNT(own)) fail("too many arguments");
    if (n) memcpy(own, args, n * sizeof *args);
    lz_random(request, sizeof request);
    if (!at->client && wire_client_open(&at->client, at->socket, NULL) != LZ_ok) fail("%u: no control socket", at->unit);
    struct ask ask = { .verb = lz_bytes_str(verb), .request = lz_bytes_of(request, writes ? 16 : 0), .args = own, .n_args = n, .seq = ++at->seq };
    if (ask_encode(scene->arena, &ask, &packet) != LZ_ok || wire_client_send(at->client, packet) != LZ_ok) fail("%u: cannot ask", at->unit);
    for (;;) {
        if (wire_client_recv(at->client, 30000, &packet) != LZ_ok) fail("%u: no answer to %s", at->unit, verb);
        const uint8_t *copy = arena_copy(scene->arena, packet.data, packet.len);
        if (!copy || packet_open(lz_bytes_of(copy, packet.len), &type, &body, NULL) != LZ_ok || answer_decode(scene->arena, body,
            &a) != LZ_ok) fail("%u: bad answer", at->unit);
        if (a.seq == at->seq) return a;
    }
}

struct lz_bytes cell_of(const struct answer *a, const char *item, const char *name) {
    for (size_t i = 0; i < a->n_rows; i++) {
        const struct row *row = &a->rows[i];
        bool ours = item == NULL;
        for (size_t j = 0; j < row->n_cells; j++) ours |= item && lz_bytes_equal(row->cells[j].text, lz_bytes_str(item));
        for (size_t j = 0; ours && j < row->n_cells; j++)
            if (lz_bytes_equal(row->cells[j].name, lz_bytes_str(name))) return row->cells[j].text;
    }
    return (struct lz_bytes){ 0 };
}

static uint64_t number_of(struct lz_bytes text) {
    char digits[24] = { 0 };
    if (text.len == 0 || text.len >= sizeof digits) return 0;
    memcpy(digits, text.data, text.len);
    return strtoull(digits, NULL, 10);
}

struct holdings holdings_of(struct scene *scene, struct station *at) {
    struct holdings h = { { 0 } };
    size_t mark = arena_used(scene->arena);
    struct answer a = call(scene, at, "count", false, NULL, 0);
    for (size_t i = 0; i < kind_count(); i++) h.of[kind_at(i)->number] = number_of(cell_of(&a, kind_at(i)->name, "total"));
    arena_rewind(scene->arena, mark);
    return h;
}

uint64_t status_number(struct scene *scene, struct station *at, const char *card, const char *word) {
    char text[512] = { 0 };
    size_t mark = arena_used(scene->arena);
    struct answer a = call(scene, at, "status", false, NULL, 0);
    struct lz_bytes value = cell_of(&a, card, "value");
    if (value.len && value.len < sizeof text) memcpy(text, value.data, value.len);
    arena_rewind(scene->arena, mark);
    const char *p = strstr(text, word);
    if (!p) return UINT64_MAX;
    p += strlen(word);
    while (*p && (*p < '0' || *p > '9')) p++;
    return strtoull(p, NULL, 10);
}

bool verified(struct scene *scene, struct station *at) {
    struct answer a = call(scene, at, "verify", false, NULL, 0);
    return a.code == LZ_ok && lz_bytes_equal(cell_of(&a, NULL, "differences"), lz_bytes_str("0"));
}

bool link_is(struct scene *scene, struct station *at, uint32_t peer, const char *state) {
    char code[16];
    snprintf(code, sizeof code, "%06u", peer);
    size_t mark = arena_used(scene->arena);
    struct answer a = call(scene, at, "links", false, NULL, 0);
    bool is = lz_bytes_equal(cell_of(&a, code, "link"), lz_bytes_str(state));
    arena_rewind(scene->arena, mark);
    return is;
}

/* ---- honest neighbours ---- */

uint64_t round_trip(struct scene *scene, struct station *from, struct station *to, unsigned within_ms) {
    char id[REC_ID_TEXT] = { 0 };
    size_t mark = arena_used(scene->arena);
    uint64_t begin = now_ms();
    struct arg told[] = { named("title", "测时延") };
    struct answer a = call(scene, from, "emergency report", true, told, 1);
    if (a.code != LZ_ok || a.n_ids != 1 || a.ids[0].len != REC_ID_BYTES)
        fail("%u cannot report: %s %.*s", from->unit, lz_err_name(a.code), (int)a.text.len, a.text.data);
    rec_id_print(rec_id_get(a.ids[0].data), id);
    struct arg which[] = { named("id", id) };
    while (now_ms() < begin + within_ms) {
        a = call(scene, to, "emergency show", false, which, 1);
        if (a.code == LZ_ok) {
            arena_rewind(scene->arena, mark);
            return now_ms() - begin;
        }
        arena_rewind(scene->arena, mark);
        nap_ms(1);
    }
    return UINT64_MAX;
}

void latency_add(struct latency *l, uint64_t ms) { if (l->n < SAMPLES_MAX) l->of[l->n++] = ms; }

static int by_number(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

uint64_t latency_at(struct latency *l, double share) {
    if (l->n == 0) return 0;
    qsort(l->of, l->n, sizeof *l->of, by_number);
    size_t at = (size_t)(share * (double)l->n);
    return l->of[at < l->n ? at : l->n - 1];
}

/* ---- processes ---- */

uint64_t allowed_kib(uint64_t plain) {
    const char *factor = getenv("MEMORY_FACTOR");
    return plain * (factor && *factor ? strtoull(factor, NULL, 10) : 1);
}

uint64_t anonymous_kib(pid_t pid) {
    char path[64], line[256];
    unsigned long long kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "RssAnon: %llu", &kib) == 1) break;
    if (f) fclose(f);
    return kib;
}

size_t descriptors(pid_t pid) {
    char path[64];
    size_t n = 0;
    snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
    DIR *d = opendir(path);
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n;
}

bool alive(pid_t pid) { return kill(pid, 0) == 0; }
