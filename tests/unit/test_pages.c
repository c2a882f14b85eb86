/* pages: a file that LMDB must not be given is told by what is wrong in it, one field at a time; what is only a value's business is let through. */
#include <criterion/criterion.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "../../daemon/store/store_room.h"

enum { UNIT = 410800, MAP = 64 << 20, PAGE = 4096, HEAD = 16, NODE = 8, DB = 48, META = 16 + 24 };
static char dir[64], path[96], name[120];
static uint8_t *whole, *file;            /* as it was written, and as it is being damaged */
static size_t whole_len, len;

static uint64_t get(const uint8_t *p, int n) { uint64_t v = 0; while (n-- > 0) v = v << 8 | p[n]; return v; }
static void put(uint8_t *p, int n, uint64_t v) { for (int i = 0; i < n; i++, v >>= 8) p[i] = (uint8_t)v; }

static void write_file(const uint8_t *data, size_t n) {
    FILE *f = fopen(name, "wb");
    cr_assert(f && (n == 0 || fwrite(data, 1, n, f) == n));
    fclose(f);
}
/* Tables of one leaf and of several levels, values of more than a page, freed pages, a value that is shorter than its checksum. */
static void begin(void) {
    static uint8_t big[20000];
    struct store *store;
    struct lz_fail fail = { 0 };
    snprintf(dir, sizeof dir, "/tmp/linzhang-pages-XXXXXX");
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store", dir);
    snprintf(name, sizeof name, "%s/data.mdb", path);
    struct store_options o = { .path = path, .unit = UNIT, .map_bytes = MAP, .no_sync = true };
    cr_assert_eq(store_open(&store, &o, &fail), LZ_ok, "%s", fail.text);
    for (uint64_t i = 0; i < 4000; i++) store_put(store, TABLE_audit, key_u64(i), lz_bytes_str("what somebody did"));
    for (uint64_t i = 0; i < 20; i++) store_put(store, TABLE_refused, key_u64(i), lz_bytes_of(big, sizeof big - i));
    cr_assert_eq(store_commit(store), LZ_ok);
    for (uint64_t i = 1000; i < 2500; i++) store_delete(store, TABLE_audit, key_u64(i));
    cr_assert_eq(store_commit(store), LZ_ok);
    store_put(store, TABLE_wish, key_u64(1), lz_bytes_str("w"));
    cr_assert_eq(store_commit(store), LZ_ok);
    store_close(&store);
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi due;
    cr_assert(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, TABLE_COUNT) == 0 && mdb_env_set_mapsize(env, MAP) == 0);
    cr_assert(mdb_env_open(env, path, MDB_NOLOCK | MDB_NOSYNC, 0600) == 0 && mdb_txn_begin(env, NULL, 0, &txn) == 0);
    cr_assert_eq(mdb_dbi_open(txn, table_name(TABLE_due), 0, &due), 0);
    MDB_val k = { 8, (void *)(uintptr_t)"12345678" }, v = { 3, (void *)(uintptr_t)"abc" };
    cr_assert(mdb_put(txn, due, &k, &v, 0) == 0 && mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
    FILE *f = fopen(name, "rb");
    cr_assert(f);
    whole = malloc(1 << 24);
    file = malloc(1 << 24);
    whole_len = fread(whole, 1, 1 << 24, f);
    fclose(f);
}
static void end(void) {
    static const char *const files[] = { "data.mdb", "daemon.lock", "lock.mdb" };
    for (size_t i = 0; i < LZ_COUNT(files); i++) {
        snprintf(name, sizeof name, "%s/%s", path, files[i]);
        unlink(name);
    }
    rmdir(path);
    rmdir(dir);
    free(whole);
    free(file);
}
TestSuite(pages, .init = begin, .fini = end);

/* ---- the way to a field ---- */
static uint8_t *head(int i) { return file + i * PAGE + META; }
static int live(void) { return get(head(1) + 2 * DB + 8, 8) > get(head(0) + 2 * DB + 8, 8); }
static uint8_t *free_db(void) { return head(live()); }
static uint8_t *main_db(void) { return head(live()) + DB; }
static uint8_t *last(void) { return head(live()) + 2 * DB; }
static uint8_t *page(uint64_t number) { return file + number * PAGE; }
static uint64_t root(const uint8_t *db) { return get(db + 40, 8); }
static uint8_t *node(uint8_t *of, int i) { return of + get(of + HEAD + 2 * i, 2); }
static uint8_t *leftmost(const uint8_t *db) {
    uint8_t *p = page(root(db));
    for (uint64_t depth = get(db + 6, 2); depth > 1; depth--) p = page(get(node(p, 0), 4));
    return p;
}
static uint8_t *table_node(enum table table) {
    uint8_t *p = page(root(main_db()));
    cr_assert_eq(get(main_db() + 6, 2), 1, "the names of the tables lie in one page");
    for (int i = 0; i < (int)(get(p + 12, 2) - HEAD) / 2; i++) {
        uint8_t *n = node(p, i);
        if (get(n + 6, 2) == strlen(table_name(table)) && memcmp(n + NODE, table_name(table), get(n + 6, 2)) == 0) return n;
    }
    cr_assert(false, "no table %s", table_name(table));
    return NULL;
}
static uint8_t *db_of(enum table table) { uint8_t *n = table_node(table); return n + NODE + get(n + 6, 2); }
static uint8_t *free_list(void) { return node(leftmost(free_db()), 0); }
static uint8_t *list_of(uint8_t *n) { return n + NODE + get(n + 6, 2); }
static void again(void) { memcpy(file, whole, whole_len); len = whole_len; }

static int looks(char *why) {
    static char space[100];
    write_file(file, len);
    return pages_look(name, why ? why : space, 100);
}
/* Damaged as told: it must be refused for this, and not for something else. Then whole again. */
#define REFUSED(reason) do { \
    char said[100] = ""; \
    cr_expect_eq(looks(said), MDB_CORRUPTED, "not refused for %s", reason); \
    cr_expect(strstr(said, reason), "refused, not for %s: %s", reason, said); \
    again(); \
} while (0)

Test(pages, of_a_sound_file) {
    again();
    cr_assert_eq(looks(NULL), 0);
    cr_assert(get(db_of(TABLE_audit) + 6, 2) >= 2 && get(db_of(TABLE_refused) + 24, 8) > 20 && root(free_db()) != UINT64_MAX);
}

Test(pages, that_lead_out_of_the_file) {
    again();
    put(db_of(TABLE_audit) + 40, 8, 1); REFUSED("out of the file");
    put(db_of(TABLE_audit) + 40, 8, get(last(), 8) + 1); REFUSED("out of the file");
    put(node(leftmost(db_of(TABLE_refused)), 0), 4, 0x7fffffff); REFUSED("out of the file");
    len = len / 2; REFUSED("out of the file");
    put(page(root(db_of(TABLE_audit))), 8, 77); REFUSED("another page");
    put(page(root(db_of(TABLE_audit))) + 10, 2, 2); REFUSED("another page");
    put(db_of(TABLE_wish) + 40, 8, root(db_of(TABLE_due))); REFUSED("used twice");
}

Test(pages, that_are_free) {
    again();
    uint64_t n = get(list_of(free_list()), 8), lowest = get(list_of(free_list()) + 8 * n, 8);
    cr_assert(n >= 2 && get(free_list(), 4) == 8 * (n + 1));
    put(free_list(), 4, 4); REFUSED("a list of free pages");
    put(free_list(), 4, 8 * (n + 1) - 1); REFUSED("a list of free pages");
    put(list_of(free_list()), 8, n + 1); REFUSED("a list of free pages");
    put(list_of(free_list()) + 8 * n, 8, 1); REFUSED("a list of free pages");
    put(list_of(free_list()) + 8 * n, 8, get(list_of(free_list()) + 8 * (n - 1), 8)); REFUSED("a list of free pages");
    put(list_of(free_list()) + 8, 8, get(last(), 8) + 1); REFUSED("a list of free pages");
    uint64_t taken = 0;                                              /* any page of the audit table in the place of one that is lower in the list */
    for (uint64_t at = 2; at <= get(last(), 8) && !taken; at++)
        if (get(page(at) + 10, 2) == 2 && at < get(list_of(free_list()) + 8 * (n - 1), 8)) {
            put(list_of(free_list()) + 8 * n, 8, at);
            if (at != lowest && looks(NULL) == MDB_CORRUPTED) taken = at;
            else again();
        }
    cr_assert(taken, "no page in use lies below the free ones");
    REFUSED("free and in use");
}

Test(pages, whose_heads_are_wrong) {
    again();
    uint8_t *leaf = leftmost(db_of(TABLE_audit));
    put(leaf + 12, 2, HEAD); REFUSED("the head of a page");
    put(leaf + 12, 2, get(leaf + 12, 2) + 1); REFUSED("the head of a page");
    put(leaf + 12, 2, get(leaf + 14, 2) + 2); REFUSED("the head of a page");
    put(leaf + 14, 2, PAGE + 2); REFUSED("the head of a page");
    put(leaf + HEAD, 2, get(leaf + 14, 2) - 2); REFUSED("the place of an entry");
    put(leaf + HEAD, 2, get(leaf + HEAD, 2) + 1); REFUSED("the place of an entry");
    put(leaf + HEAD, 2, PAGE - 2); REFUSED("the place of an entry");
}

Test(pages, whose_entries_are_wrong) {
    again();
    uint8_t *leaf = leftmost(db_of(TABLE_audit)), *top = page(root(db_of(TABLE_audit)));
    put(table_node(TABLE_audit) + 4, 2, 0); REFUSED("a table");
    put(table_node(TABLE_audit), 4, DB - 8); REFUSED("a table");
    put(node(leaf, 0) + 6, 2, 0); REFUSED("an entry");
    put(node(leaf, 0), 4, PAGE); REFUSED("an entry");
    put(node(leaf, 0) + 4, 2, 2); REFUSED("an entry");
    put(node(leaf, 0) + 4, 2, 8); REFUSED("an entry");
    put(node(leaf, 0), 4, get(node(leaf, 0), 4) - 2); REFUSED("the length of an entry");
    put(page(get(list_of(node(leftmost(db_of(TABLE_refused)), 0)), 8)) + 12, 4, 9); REFUSED("an overflow page");
    uint64_t first = get(leaf + HEAD, 2);
    put(leaf + HEAD, 2, get(leaf + HEAD + 2, 2));
    put(leaf + HEAD + 2, 2, first); REFUSED("the order of entries");
    put(node(top, 1) + 6, 2, 0); REFUSED("a branch");
    put(node(top, 1) + 6, 2, PAGE); REFUSED("a branch");
    node(top, 1)[NODE] ^= 0x80; REFUSED("the key of a branch");
    memcpy(node(top, 1) + NODE, node(leaf, 0) + NODE, 8); REFUSED("the key of a branch");
    put(db_of(TABLE_audit) + 32, 8, get(db_of(TABLE_audit) + 32, 8) + 1); REFUSED("the count of a table");
    put(db_of(TABLE_audit) + 6, 2, 33); REFUSED("the head of a table");
    put(db_of(TABLE_audit) + 4, 2, 4); REFUSED("the head of a table");
    put(free_db() + 4, 2, 0); REFUSED("the head of a table");
}

Test(pages, of_a_file_whose_head_is_wrong) {
    again();
    put(head(0), 4, 256); REFUSED("the size of a page");
    put(head(0), 4, 131072); REFUSED("the size of a page");
    len = 5000; REFUSED("the size of a page");
    put(last(), 8, 0); REFUSED("the head");
    put(last(), 8, (UINT64_C(1) << 40) + 1); REFUSED("the head");
    put(head(1) + 2 * DB + 8, 8, UINT64_C(1) << 50);
    put(head(1), 4, 8192); REFUSED("the head");
}

/* What LMDB itself refuses, and what is the scrub's business: values that rotted, a whole page of them too. */
Test(pages, that_are_let_through) {
    again();
    len = 600;
    cr_expect_eq(looks(NULL), 0);
    len = 0;
    cr_expect_eq(looks(NULL), 0);
    unlink(name);
    cr_expect_eq(pages_look(name, (char[100]){ 0 }, 100), 0);
    cr_expect_neq(pages_look("/dev/null/data.mdb", (char[100]){ 0 }, 100), 0);
    again();
    uint8_t *leaf = leftmost(db_of(TABLE_audit));
    for (int i = 0; i < (int)(get(leaf + 12, 2) - HEAD) / 2; i++) node(leaf, i)[NODE + 8 + 5] ^= 1;
    cr_expect_eq(looks(NULL), 0);
    struct store *store;
    struct lz_bytes v;
    struct store_options o = { .path = path, .unit = UNIT, .map_bytes = MAP, .no_sync = true };
    cr_assert_eq(store_open(&store, &o, NULL), LZ_ok);
    cr_assert(!store_get(store, TABLE_audit, key_u64(0), &v) && store_get(store, TABLE_audit, key_u64(3000), &v));
    cr_assert(!store_get(store, TABLE_due, key_bytes(lz_bytes_str("12345678")), &v), "shorter than a checksum");
    cr_assert_eq(store_rot(store), 2);
    store_close(&store);
}
