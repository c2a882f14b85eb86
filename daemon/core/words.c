/* words: the tables of schema/ as data, and ids as text. */
#include <stdio.h>
#include <stdlib.h>
#include "core.h"

#define EVENT CLASS_EVENT
#define REGISTER CLASS_REGISTER
#define FORM_OF_FORM(name) &form_##name
#define FORM_OF_NONE(name) NULL
#define FORM_OF_HANDLING(name) NULL
#define FORM_OF_PROBLEM(name) NULL
#define FORM_OF_EMERGENCY(name) NULL
static const struct kind_row kinds[] = {
#define X(name, number, zh, class, lane, direction, reach, machine) \
    { #name, zh, number, class, LANE_##lane, DIRECTION_##direction, REACH_##reach, MACHINE_##machine, FORM_OF_##machine(name) },
#include "../../schema/kinds.def"
#undef X
};
#undef EVENT
#undef REGISTER

size_t kind_count(void) { return LZ_COUNT(kinds); }

const struct kind_row *kind_at(size_t index) {
    LZ_ASSERT(index < LZ_COUNT(kinds));
    return &kinds[index];
}

/* Asked for several times a record, so not searched for. */
const struct kind_row *kind_row(uint32_t number) {
    enum {
#define X(name, number, zh, class, lane, direction, reach, machine) AT_##name,
#include "../../schema/kinds.def"
#undef X
    };
    static const uint8_t places[KIND_MAX + 1] = {
#define X(name, number, zh, class, lane, direction, reach, machine) [number] = AT_##name + 1,
#include "../../schema/kinds.def"
#undef X
    };
    return number <= KIND_MAX && places[number] ? &kinds[places[number] - 1] : NULL;
}

const struct form_kind *kind_form(uint32_t number) {
    const struct kind_row *row = kind_row(number);
    return row ? row->form : NULL;
}

/* Its own name first: all that a clerk may call a kind is long to compare. */
const struct kind_row *kind_by_name(const char *name) {
    for (size_t i = 0; i < LZ_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0) return &kinds[i];
    for (size_t i = 0; i < LZ_COUNT(kinds); i++)
        if (lz_word_is(lz_bytes_str(name), kinds[i].name, kinds[i].zh)) return &kinds[i];
    return NULL;
}

static const char *const lanes[LANE_COUNT][2] = { { "flash", "特急" }, { "urgent", "紧急" }, { "routine", "一般" }, { "bulk", "大件" } };
const char *lane_name(enum lane lane) { LZ_ASSERT(lane < LANE_COUNT); return lanes[lane][0]; }
const char *lane_zh(enum lane lane) { LZ_ASSERT(lane < LANE_COUNT); return lanes[lane][1]; }

bool lane_by_name(const char *name, enum lane *lane) {
    for (size_t i = 0; i < LANE_COUNT; i++)
        if (lz_word_is(lz_bytes_str(name), lanes[i][0], lanes[i][1])) { *lane = (enum lane)i; return true; }
    return false;
}

const char *tier_name(enum tier tier) {
    static const char *const names[TIER_COUNT] = { "nation", "province", "city", "county", "township" };
    return tier < TIER_COUNT ? names[tier] : "-";
}

static const struct { const char *name, *zh, *next; } links[] = {
#define X(name, zh, next_zh) { #name, zh, next_zh },
#include "../../schema/links.def"
#undef X
};
static_assert(LZ_COUNT(links) == LINK_COUNT, "one row per state");
const char *link_name(enum link_state s) { LZ_ASSERT(s < LINK_COUNT); return links[s].name; }
const char *link_zh(enum link_state s) { LZ_ASSERT(s < LINK_COUNT); return links[s].zh; }
const char *link_next_zh(enum link_state s) { LZ_ASSERT(s < LINK_COUNT); return links[s].next; }

/* ---- ids ------------------------------------------------------------------------------------------------------ */

void rec_id_put(struct rec_id id, uint8_t out[REC_ID_BYTES]) {
    lz_put32(out, id.origin);
    lz_put16(out + 4, id.kind);
    lz_put64(out + 6, id.stamp);
    lz_put32(out + 14, id.epoch);
}

struct rec_id rec_id_get(const uint8_t in[REC_ID_BYTES]) {
    return (struct rec_id){ lz_get32(in), lz_get16(in + 4), lz_get64(in + 6), lz_get32(in + 14) };
}

enum { STAMP_DIGITS = 13, EPOCH_DIGITS = 7 };

void rec_id_print_short(struct rec_id id, char out[REC_ID_TEXT]) {
    const struct kind_row *row = kind_row(id.kind);
    char stamp[STAMP_DIGITS + 1];
    if (rec_id_none(id)) { memcpy(out, "-", 2); return; }
    lz_base32(id.stamp, STAMP_DIGITS, stamp);
    snprintf(out, REC_ID_TEXT, "%06u-%s-%s", id.origin % 1000000, row ? row->name : "unknown", stamp);
}

void rec_id_print(struct rec_id id, char out[REC_ID_TEXT]) {
    char epoch[EPOCH_DIGITS + 1];
    rec_id_print_short(id, out);
    if (rec_id_none(id)) return;
    lz_base32(id.epoch, EPOCH_DIGITS, epoch);
    size_t n = strlen(out);
    snprintf(out + n, REC_ID_TEXT - n, "-%s", epoch);
}

bool rec_id_parse(const char *text, struct rec_id *id, bool *whole) {
    char copy[REC_ID_TEXT], *part[4] = { 0 };
    if (strlen(text) >= sizeof copy) return false;
    memcpy(copy, text, strlen(text) + 1);
    size_t n = 0;
    for (char *p = copy; n < 4; ) {
        part[n++] = p;
        p = strchr(p, '-');
        if (!p) break;
        *p++ = 0;
        if (n == 4) return false;
    }
    if (n < 3) return false;
    const struct kind_row *row = kind_by_name(part[1]);
    uint32_t origin;
    uint64_t stamp, epoch = 0;
    if (!row || !lz_u32_parse(part[0], &origin) || origin < 100000 || origin > 999999) return false;
    if (strlen(part[2]) != STAMP_DIGITS || !lz_base32_parse(part[2], STAMP_DIGITS, &stamp) || stamp == 0) return false;
    if (n == 4 && (strlen(part[3]) != EPOCH_DIGITS || !lz_base32_parse(part[3], EPOCH_DIGITS, &epoch) || epoch > UINT32_MAX)) return false;
    *whole = n == 4;
    *id = (struct rec_id){ origin, row->number, stamp, (uint32_t)epoch };
    return true;
}

bool record_targets_unit(const struct record *r, uint32_t unit) {
    if (r->target_all) return true;
    size_t lo = 0, hi = r->n_targets;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (r->targets[mid] == unit) return true;
        if (r->targets[mid] < unit) lo = mid + 1; else hi = mid;
    }
    return false;
}

/* The year stands between any pair of brackets; the serial is the number behind the closing one, before 号 if there is one. */
bool number_parse(struct lz_bytes number, uint32_t *year, uint32_t *serial) {
    char text[NUMBER_BYTES_MAX + 1];
    if (number.len > NUMBER_BYTES_MAX) return false;
    memcpy(text, number.data, number.len);
    text[number.len] = 0;
    static const char *const open[] = { "〔", "【", "[", "(", "（" }, *const close[] = { "〕", "】", "]", ")", "）" };
    for (size_t i = 0; i < LZ_COUNT(open); i++) {
        char *a = strstr(text, open[i]);
        char *b = a ? strstr(a, close[i]) : NULL;
        if (!b) continue;
        char *digits = a + strlen(open[i]), *end;
        if (b - digits != 4) continue;
        unsigned long y = strtoul(digits, &end, 10);
        if (end != b || y < 1949 || y > 9999) continue;
        char *s = b + strlen(close[i]);
        if (strncmp(s, "第", 3) == 0) s += 3;
        if (*s < '0' || *s > '9') continue;
        unsigned long n = strtoul(s, &end, 10);
        if (n == 0 || n > 999999 || (*end && strcmp(end, "号") != 0)) continue;
        *year = (uint32_t)y;
        *serial = (uint32_t)n;
        return true;
    }
    return false;
}
