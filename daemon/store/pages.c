/* pages: is the file sound enough to be opened at all.
 *
 * LMDB has no checksums: it follows a damaged page wherever it points, out of the map (a signal, at each start again) or past
 * entries that are then gone in silence. So before it opens the file every page in use is looked at: it is what its parent
 * takes it for, its nodes lie within it, branches lead where their keys say, each table has as many entries as it counts, no
 * page is used twice or is free as well. Values are not looked at: they have their checksums (scrub). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include "store_room.h"

/* The file format of LMDB 0.9 on a machine of 64 bits, little endian. */
enum { HEAD = 16, NODE = 8, META_AT = 16, DB_BYTES = 48, DEPTH_MAX = 32 };
enum { IS_BRANCH = 1, IS_LEAF = 2, IS_OVERFLOW = 4, BIG = 1, SUB = 2 };
static const uint64_t NO_PAGE = UINT64_MAX;

struct pages {
    const uint8_t *map;
    uint64_t size, page, last;       /* bytes of the file and of a page; the last page that may be in use */
    uint8_t *used;                   /* a bit a page */
    const char *why;
    uint64_t at;                     /* the page where it was found */
};
struct tree { uint64_t entries, branches, leaves, overflow; };
struct span { struct lz_bytes first, last; };            /* the keys below a page */

static uint16_t le16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static uint64_t le(const uint8_t *p, int n) { uint64_t v = 0; while (n-- > 0) v = v << 8 | p[n]; return v; }

static bool wrong(struct pages *p, uint64_t at, const char *why) {
    p->why = why;
    p->at = at;
    return false;
}

static const uint8_t *page_of(struct pages *p, uint64_t number, uint64_t n, unsigned flags) {
    if (number < 2 || number > p->last || n > p->last - number + 1 || (number + n) * p->page > p->size) { wrong(p, number, "out of the file"); return NULL; }
    const uint8_t *at = p->map + number * p->page;
    if (le(at, 8) != number || le16(at + 10) != flags) { wrong(p, number, "another page"); return NULL; }
    for (uint64_t i = number; i < number + n; i++) {
        if (p->used[i / 8] >> (i % 8) & 1) { wrong(p, i, "used twice"); return NULL; }
        p->used[i / 8] |= (uint8_t)(1 << (i % 8));
    }
    return at;
}

/* Whether a value's checksum bears out its key: if not, it is the key that rotted, and the scrub's business. */
static bool bears_out(struct lz_bytes key, const uint8_t *value, size_t len) {
    return len >= CRC_BYTES && lz_get32(value) == lz_crc32c(lz_crc32c(0, key.data, key.len), value + CRC_BYTES, len - CRC_BYTES);
}

static bool walk(struct pages *p, const uint8_t *db, bool is_free, bool is_main);

static bool free_list(struct pages *p, uint64_t at, const uint8_t *value, uint64_t len) {
    uint64_t n = len >= 8 ? le(value, 8) : 0;
    if (len < 8 || len % 8 || n != len / 8 - 1) return wrong(p, at, "a list of free pages");
    for (uint64_t i = 1, before = p->last + 1; i <= n; i++) {
        uint64_t number = le(value + 8 * i, 8);
        if (number < 2 || number >= before) return wrong(p, at, "a list of free pages");
        if (p->used[number / 8] >> (number % 8) & 1) return wrong(p, number, "free and in use");
        before = number;
    }
    return true;
}

/* A table whose name rotted would not be found, and a new and empty one made in its place. */
static bool is_table(struct lz_bytes name) {
    for (int i = 0; i < TABLE_COUNT; i++)
        if (lz_bytes_equal(name, lz_bytes_str(table_name((enum table)i)))) return true;
    return false;
}

/* One entry of a leaf; *good: its key is what was written. */
static bool entry(struct pages *p, uint64_t at, const uint8_t *node, uint64_t room, bool is_free, bool is_main, struct tree *seen,
                  struct span *key, bool *good) {
    uint64_t len = le(node, 4), key_len = le16(node + 6);
    unsigned flags = le16(node + 4);
    bool big = flags & BIG;
    const uint8_t *value = node + NODE + key_len;
    if (NODE + key_len + (big ? 8 : len) > room || key_len == 0 || (flags & ~(unsigned)(BIG | SUB)) || (flags & SUB && !is_main))
        return wrong(p, at, "an entry");
    key->first = lz_bytes_of(node + NODE, key_len);
    if (big) {
        uint64_t n = (HEAD + len + p->page - 1) / p->page, number = le(value, 8);
        const uint8_t *over = page_of(p, number, n, IS_OVERFLOW);
        if (!over) return false;
        if (le(over + 12, 4) != n) return wrong(p, number, "an overflow page");
        seen->overflow += n;
        value = over + HEAD;
    }
    seen->entries++;
    *good = is_free || is_main || bears_out(key->first, value, len);
    if (is_free) return free_list(p, at, value, len);
    if (!is_main) return true;
    if (!(flags & SUB) || len != DB_BYTES || !is_table(key->first)) return wrong(p, at, "a table");
    return walk(p, value, false, false);
}

/* What a branch says of a page below it: nothing in it comes before its key, nothing in the one before it after. */
static bool page(struct pages *p, uint64_t number, unsigned depth, bool is_free, bool is_main, struct tree *seen, struct span *span) {
    bool leaf = depth == 1;
    const uint8_t *at = page_of(p, number, 1, leaf ? IS_LEAF : IS_BRANCH);
    if (!at) return false;
    uint64_t lower = le16(at + 12), upper = le16(at + 14), n = (lower - HEAD) / 2;
    if (lower < HEAD + 2 || lower % 2 || lower > upper || upper > p->page) return wrong(p, number, "the head of a page");
    *(leaf ? &seen->leaves : &seen->branches) += 1;
    struct lz_bytes before = { 0 };
    uint64_t taken = 0;                                  /* nodes lie side by side: a length that is not so shows itself here */
    for (uint64_t i = 0; i < n; i++) {
        uint64_t offset = le16(at + HEAD + 2 * i);
        if (offset < upper || offset % 2 || offset + NODE > p->page) return wrong(p, number, "the place of an entry");
        const uint8_t *node = at + offset;
        taken += (NODE + le16(node + 6) + (!leaf ? 0 : le16(node + 4) & BIG ? 8 : le(node, 4)) + 1) & ~UINT64_C(1);
        struct span below = { 0 };
        if (leaf) {
            bool good = false;
            if (!entry(p, number, node, p->page - offset, is_free, is_main, seen, &below, &good)) return false;
            if (!good) continue;
            if (!is_free && before.len && lz_bytes_compare(before, below.first) >= 0) return wrong(p, number, "the order of entries");
            below.last = below.first;
        } else {
            struct lz_bytes key = lz_bytes_of(node + NODE, le16(node + 6));
            if (offset + NODE + key.len > p->page || (i > 0 && key.len == 0)) return wrong(p, number, "a branch");
            if (!page(p, le(node, 4) | (uint64_t)le16(node + 4) << 32, depth - 1, is_free, is_main, seen, &below)) return false;
            if (is_free || below.first.len == 0) continue;
            if (i > 0 && (lz_bytes_compare(key, below.first) > 0 || (before.len && lz_bytes_compare(before, key) >= 0)))
                return wrong(p, number, "the key of a branch");
        }
        before = below.last;
        if (span->first.len == 0) span->first = below.first;
        span->last = below.last;
    }
    if (taken != p->page - upper) return wrong(p, number, "the length of an entry");
    return true;
}

static bool walk(struct pages *p, const uint8_t *db, bool is_free, bool is_main) {
    unsigned depth = le16(db + 6);
    uint64_t root = le(db + 40, 8), at = root == NO_PAGE ? 0 : root;
    struct tree seen = { 0 };
    struct span span = { 0 };
    unsigned flags = le16(db + 4);                       /* of the free pages: that keys are numbers, and above it how the file was first opened */
    if ((is_free ? flags & 0xff : flags) != (is_free ? 8u : 0u) || depth > DEPTH_MAX || (root == NO_PAGE) != (depth == 0))
        return wrong(p, at, "the head of a table");
    if (depth && !page(p, root, depth, is_free, is_main, &seen, &span)) return false;
    if (seen.branches != le(db + 8, 8) || seen.leaves != le(db + 16, 8) || seen.overflow != le(db + 24, 8) || seen.entries != le(db + 32, 8))
        return wrong(p, at, "the count of a table");
    return true;
}

/* The younger of the two heads counts, as LMDB has it; whether they are heads of its own it sees itself. */
static bool look(struct pages *p) {
    const uint8_t *heads[2];
    if (p->size < (size_t)2 * 512) return true;
    p->page = le(p->map + META_AT + 24, 4);
    if (p->page < 512 || p->page > 65536 || p->size < (size_t)2 * p->page) return wrong(p, 0, "the size of a page");
    heads[0] = p->map + META_AT;
    heads[1] = p->map + p->page + META_AT;
    const uint8_t *head = heads[le(heads[1] + 24 + (size_t)2 * DB_BYTES + 8, 8) > le(heads[0] + 24 + (size_t)2 * DB_BYTES + 8, 8)];
    p->last = le(head + 24 + (size_t)2 * DB_BYTES, 8);
    if (le(head + 24, 4) != p->page || p->last < 1 || p->last > UINT64_C(1) << 40) return wrong(p, 0, "the head");
    p->used = calloc(1, p->last / 8 + 1);
    if (!p->used && p->last <= p->size / p->page) lz_fatal("out of memory");
    if (!p->used) return wrong(p, 0, "the head");
    return walk(p, head + 24 + DB_BYTES, false, true) && walk(p, head + 24, true, false);
}

int pages_look(const char *path, char *why, size_t why_size) {
    struct pages p = { 0 };
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? 0 : errno;      /* there is none yet */
    int rc = fstat(fd, &st) == 0 ? 0 : errno;
    p.size = rc == 0 ? (uint64_t)st.st_size : 0;
    void *map = p.size ? mmap(NULL, p.size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
    if (map == MAP_FAILED) { rc = errno; map = NULL; }
    p.map = map;
    if (map && !look(&p)) {
        snprintf(why, why_size, "page %llu: %s", (unsigned long long)p.at, p.why);
        rc = MDB_CORRUPTED;
    }
    if (map) munmap(map, p.size);
    close(fd);
    free(p.used);
    return rc;
}
