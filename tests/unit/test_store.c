/* store: values and their checksums, the transaction, feeds, lineage; and what a store refuses to be opened by. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "../../daemon/store/store.h"

enum { UNIT = 410800, MAP = 64 << 20 };
static char dir[64], path[96];
static struct arena *arena;
static struct store *store;

static struct lz_bytes str(const char *text) { return lz_bytes_str(text); }
static enum lz_err try_open(const char *at, uint32_t unit, uint64_t map, struct lz_fail *fail) {
    enum lz_err err = store_open(&store, &(struct store_options){ .path = at, .unit = unit, .map_bytes = map, .no_sync = true }, fail);
    if (err == LZ_ok) store_set_arena(store, arena);
    return err;
}
static void open_store(void) {
    struct lz_fail fail = { 0 };
    cr_assert_eq(try_open(path, UNIT, MAP, &fail), LZ_ok, "%s", fail.text);
}
static void reopen(void) {
    store_close(&store);
    open_store();
}
static void begin(void) {
    snprintf(dir, sizeof dir, "/tmp/linzhang-store-XXXXXX");
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/store", dir);
    arena = arena_create(64 << 20);
    open_store();
}
static void end(void) {
    char file[128];
    store_close(&store);
    arena_destroy(&arena);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d)); ) {
        snprintf(file, sizeof file, "%s/%.20s", path, e->d_name);
        unlink(file);
    }
    if (d) closedir(d);
    unlink(path);
    rmdir(path);
    rmdir(dir);
}
TestSuite(values, .init = begin, .fini = end);
TestSuite(transaction, .init = begin, .fini = end);
TestSuite(truths, .init = begin, .fini = end);
TestSuite(feeds, .init = begin, .fini = end);
TestSuite(opening, .init = begin, .fini = end);

static void commit(void) { cr_assert_eq(store_commit(store), LZ_ok); }
static bool has(enum table table, struct key key, const char *want) {
    struct lz_bytes v;
    return store_get(store, table, key, &v) && lz_bytes_equal(v, str(want));
}

/* ---- values ---- */
Test(values, are_put_got_and_deleted) {
    struct lz_bytes v;
    cr_assert(!store_get(store, TABLE_audit, key_u64(1), &v));
    cr_assert(!store_written(store));
    store_put(store, TABLE_audit, key_u64(1), str("one"));
    store_put(store, TABLE_audit, key_u64(2), str(""));
    cr_assert(store_written(store));
    cr_assert(has(TABLE_audit, key_u64(1), "one"), "a transaction sees what it wrote");
    commit();
    cr_assert(has(TABLE_audit, key_u64(1), "one") && has(TABLE_audit, key_u64(2), ""));
    cr_assert(!has(TABLE_owes, key_u64(1), "one"), "tables are apart");
    store_put(store, TABLE_audit, key_u64(1), str("another one"));
    store_delete(store, TABLE_audit, key_u64(2));
    store_delete(store, TABLE_audit, key_u64(99));
    commit();
    reopen();
    cr_assert(has(TABLE_audit, key_u64(1), "another one"));
    cr_assert(!store_get(store, TABLE_audit, key_u64(2), &v));
    cr_assert_eq(store_rot(store), 0);
}

Test(values, are_sought_in_the_order_of_their_keys) {
    for (uint64_t i = 10; i <= 50; i += 10) store_put(store, TABLE_audit, key_u64(i), str("v"));
    commit();
    struct key key = { 0 }, found;
    struct lz_bytes v;
    uint64_t seen = 0;
    for (; store_seek(store, TABLE_audit, &key, &v); key = key_after(key)) { seen += 10; cr_assert_eq(lz_get64(key.b), seen); }
    cr_assert_eq(seen, 50);
    key = key_u64(31);
    cr_assert(store_seek(store, TABLE_audit, &key, &v));
    cr_assert_eq(lz_get64(key.b), 40);
    cr_assert(store_seek_back(store, TABLE_audit, key_u64(31), &found));
    cr_assert_eq(lz_get64(found.b), 30);
    cr_assert(store_seek_back(store, TABLE_audit, key_u64(30), &found));
    cr_assert_eq(lz_get64(found.b), 30);
    cr_assert(store_seek_back(store, TABLE_audit, key_u64(999), &found));
    cr_assert_eq(lz_get64(found.b), 50);
    cr_assert(!store_seek_back(store, TABLE_audit, key_u64(9), &found));
    cr_assert(store_last(store, TABLE_audit, &key, &v));
    cr_assert_eq(lz_get64(key.b), 50);
    cr_assert(!store_last(store, TABLE_owes, &key, &v));
    key = (struct key){ 0 };
    cr_assert(!store_seek(store, TABLE_owes, &key, &v));
}

Test(values, have_keys_whose_order_is_their_meaning) {
    struct key a = key_feed((struct feed_id){ 410802, LANE_URGENT }, 255), b = key_feed((struct feed_id){ 410802, LANE_URGENT }, 256);
    cr_assert(a.len == b.len && memcmp(a.b, b.b, a.len) < 0);
    b = key_feed((struct feed_id){ 410802, LANE_ROUTINE }, 1);
    cr_assert(memcmp(a.b, b.b, a.len) < 0);
    struct rec_id id = { UNIT, KIND_task, 0x0102030405060708ull, 9 };
    struct record r = { .origin = UNIT, .kind = KIND_task, .stamp = id.stamp, .epoch = 9 };
    struct key k = key_id(id), l = key_of(&r);
    cr_assert(k.len == REC_ID_BYTES && l.len == k.len && memcmp(k.b, l.b, k.len) == 0);
    r = (struct record){ .origin = UNIT, .kind = KIND_duty, .stamp = 5, .key = str("k1") };
    l = key_of(&r);
    cr_assert(l.len == 6 + 2 && l.is_register && !k.is_register, "a register's key has no stamp: the newest takes the place");
    char longest[REGISTER_KEY_MAX];
    memset(longest, 'k', sizeof longest);
    r.key = lz_bytes_of(longest, sizeof longest);
    l = key_of(&r);
    cr_assert_eq(l.len, 6 + REGISTER_KEY_MAX);
    cr_assert_eq(key_refused(410802, l).len, 10 + REGISTER_KEY_MAX, "it still fits where a peer's code stands in front");
    cr_assert(key_begins(&l, &k, 4) && !key_begins(&l, &k, 6) && !key_begins(&k, &l, l.len));
}

/* Flips bits in the file of a closed store, everywhere that a value's text stands. */
static size_t damage(const char *needle, uint8_t flip) {
    char file[128];
    snprintf(file, sizeof file, "%s/data.mdb", path);
    int fd = open(file, O_RDWR);
    struct stat st;
    cr_assert(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t *all = malloc((size_t)st.st_size);
    cr_assert_eq(pread(fd, all, (size_t)st.st_size, 0), st.st_size);
    size_t n = strlen(needle), hits = 0;
    for (size_t i = 0; i + n <= (size_t)st.st_size; i++) {
        if (memcmp(all + i, needle, n) != 0) continue;
        uint8_t bad = all[i + n / 2] ^ flip;
        cr_assert_eq(pwrite(fd, &bad, 1, (off_t)(i + n / 2)), 1);
        hits++;
    }
    free(all);
    close(fd);
    return hits;
}

Test(values, that_rotted_are_not_returned) {
    for (uint64_t i = 0; i < 100; i++) {
        char text[64];
        snprintf(text, sizeof text, "a value of number %03u, with a tail", (unsigned)i);
        store_put(store, TABLE_audit, key_u64(i), str(text));
    }
    commit();
    store_close(&store);
    cr_assert_geq(damage("a value of number 041, with a tail", 0x04), 1);
    cr_assert_geq(damage("a value of number 099, with a tail", 0x80), 1);
    open_store();
    struct lz_bytes v;
    cr_assert(!store_get(store, TABLE_audit, key_u64(41), &v));
    cr_assert_eq(store_rot(store), 1);
    cr_assert(has(TABLE_audit, key_u64(40), "a value of number 040, with a tail"));
    struct key key = { 0 };
    size_t n = 0;
    for (; store_seek(store, TABLE_audit, &key, &v); key = key_after(key), n++) {
        char text[64];
        snprintf(text, sizeof text, "a value of number %03u, with a tail", (unsigned)lz_get64(key.b));
        cr_assert(lz_bytes_equal(v, str(text)));
    }
    cr_assert_eq(n, 98, "the rest is read on");
    cr_assert(store_last(store, TABLE_audit, &key, &v));
    cr_assert_eq(lz_get64(key.b), 98, "the last one that is whole");
    store_put(store, TABLE_audit, key_u64(41), str("written again"));
    commit();
    cr_assert(has(TABLE_audit, key_u64(41), "written again"));
}

/* Every byte of the data pages, one at a time: the store may refuse to open or to read, it never returns another value. Each in
 * a child, because LMDB itself may abort on a page whose structure is broken. */
Test(values, are_never_wrong_whatever_byte_flips, .timeout = 120) {
    for (uint64_t i = 0; i < 20; i++) store_put(store, TABLE_audit, key_u64(i), str("the text that was written"));
    commit();
    store_close(&store);
    char file[128];
    snprintf(file, sizeof file, "%s/data.mdb", path);
    int fd = open(file, O_RDWR);
    struct stat st;
    cr_assert(fd >= 0 && fstat(fd, &st) == 0);
    unsigned random = 4711, looked = 0;
    for (int round = 0; round < 150; round++) {
        random = random * 1103515245u + 12345u;
        off_t at = (off_t)((random >> 8) % (unsigned)st.st_size);
        uint8_t was, bad;
        cr_assert_eq(pread(fd, &was, 1, at), 1);
        bad = (uint8_t)(was ^ (1u << (round % 8)));
        cr_assert_eq(pwrite(fd, &bad, 1, at), 1);
        pid_t pid = fork();
        if (pid == 0) {
            int null = open("/dev/null", O_WRONLY), wrong = 0;
            dup2(null, 2);
            if (try_open(path, UNIT, MAP, NULL) != LZ_ok) _exit(0);
            struct lz_bytes v;
            for (uint64_t i = 0; i < 20; i++)
                if (store_get(store, TABLE_audit, key_u64(i), &v) && !lz_bytes_equal(v, str("the text that was written"))) wrong = 1;
            _exit(wrong);
        }
        int status = 0;
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status)) { cr_assert_eq(WEXITSTATUS(status), 0, "a wrong value after byte %ld", (long)at); looked++; }
        cr_assert_eq(pwrite(fd, &was, 1, at), 1);
    }
    close(fd);
    cr_assert_gt(looked, 100);
}

/* ---- the transaction ---- */
Test(transaction, given_up_leaves_nothing) {
    struct lz_bytes v;
    store_put(store, TABLE_audit, key_u64(1), str("kept"));
    commit();
    uint64_t position = store_position(store), stamp = store_last_stamp(store);
    store_put(store, TABLE_audit, key_u64(1), str("lost"));
    store_put(store, TABLE_audit, key_u64(2), str("lost"));
    store_delete(store, TABLE_audit, key_u64(1));
    store_next_stamp(store, 1650729600000);
    struct feed_id feed = { SCOPE_UP, LANE_ROUTINE };
    cr_assert_eq(store_record_put(store, key_id((struct rec_id){ UNIT, KIND_task, 5, 1 }), str("envelope"), &feed, 1, false), LZ_ok);
    store_abort(store);
    cr_assert(!store_written(store));
    cr_assert(has(TABLE_audit, key_u64(1), "kept") && !store_get(store, TABLE_audit, key_u64(2), &v));
    cr_assert(store_position(store) == position && store_last_stamp(store) == stamp && store_tip(store, feed) == 0);
    const struct fresh_feed *feeds;
    cr_assert_eq(store_fresh(store, &feeds), 0);
}

Test(transaction, that_ran_out_of_memory_cannot_be_committed) {
    store_put(store, TABLE_audit, key_u64(1), str("lost"));
    store_give_up(store);
    store_put(store, TABLE_audit, key_u64(2), str("not even tried"));
    cr_assert_eq(store_failed(store), LZ_full);
    struct lz_bytes v;
    cr_assert(!store_get(store, TABLE_audit, key_u64(1), &v), "after the first error calls do nothing");
    cr_assert_eq(store_commit(store), LZ_full);
    cr_assert_eq(store_failed(store), LZ_ok);
    cr_assert(!store_get(store, TABLE_audit, key_u64(1), &v));
    store_put(store, TABLE_audit, key_u64(3), str("goes on"));
    commit();
    cr_assert(has(TABLE_audit, key_u64(3), "goes on"));
}

Test(transaction, with_nothing_to_write_is_no_commit) {
    struct lz_bytes v;
    store_get(store, TABLE_audit, key_u64(1), &v);
    cr_assert(!store_written(store));
    commit();
    cr_assert_eq(store_failed(store), LZ_ok);
}

static enum store_point strike_at = STORE_FULL;
static int strikes_left;
static bool strikes(void *context, enum store_point point) { (void)context; return point == strike_at && strikes_left-- > 0; }
Test(transaction, dies_before_or_after_its_commit) {
    struct store_faults faults = { strikes, NULL };
    for (int after = 0; after < 2; after++) {
        store_close(&store);
        struct store_options o = { .path = path, .unit = UNIT, .map_bytes = MAP, .no_sync = true, .faults = &faults };
        cr_assert_eq(store_open(&store, &o, NULL), LZ_ok);
        strike_at = after ? STORE_AFTER_COMMIT : STORE_BEFORE_COMMIT;
        strikes_left = 1;
        store_put(store, TABLE_audit, key_u64(7), str("x"));
        cr_assert_eq(store_commit(store), LZ_store_io);
        reopen();
        struct lz_bytes v;
        cr_assert_eq(store_get(store, TABLE_audit, key_u64(7), &v), after == 1);
    }
    store_close(&store);
    struct store_options o = { .path = path, .unit = UNIT, .map_bytes = MAP, .no_sync = true, .faults = &faults };
    cr_assert_eq(store_open(&store, &o, NULL), LZ_ok);
    strike_at = STORE_FULL;
    strikes_left = 1;
    store_put(store, TABLE_audit, key_u64(8), str("x"));
    cr_assert_eq(store_commit(store), LZ_full);
    store_put(store, TABLE_audit, key_u64(9), str("x"));
    commit();
    cr_assert(!has(TABLE_audit, key_u64(8), "x") && has(TABLE_audit, key_u64(9), "x"));
}

Test(transaction, that_finds_the_map_full_is_refused_and_the_store_goes_on) {
    store_close(&store);
    char small[112];
    snprintf(small, sizeof small, "%s/small", dir);
    cr_assert_eq(try_open(small, UNIT, 1 << 20, NULL), LZ_ok);
    static char block[32 * 1024];
    uint64_t written = 0;
    enum lz_err err = LZ_ok;
    while (err == LZ_ok && written < 100) {
        for (int i = 0; i < 2; i++) store_put(store, TABLE_audit, key_u64(written + (uint64_t)i), lz_bytes_of(block, sizeof block));
        err = store_commit(store);
        if (err == LZ_ok) written += 2;
    }
    cr_assert_eq(err, LZ_full);
    cr_assert(written >= 4 && written < 32, "%u", (unsigned)written);
    cr_assert_eq(store_failed(store), LZ_ok);
    struct lz_bytes v;
    cr_assert(store_get(store, TABLE_audit, key_u64(written - 1), &v) && v.len == sizeof block);
    cr_assert(!store_get(store, TABLE_audit, key_u64(written), &v), "all of a transaction or nothing");
    struct store_room room = store_room(store);
    cr_assert(room.map_bytes == 1 << 20 && room.used_bytes > room.budget_bytes);
    store_put(store, TABLE_owes, key_u32(1), str("small things still fit"));
    err = store_commit(store);
    cr_assert(err == LZ_ok || err == LZ_full);
    for (uint64_t i = 0; i < written; i++) {                        /* once there is room again it takes more */
        store_delete(store, TABLE_audit, key_u64(i));
        err = store_commit(store);
        if (err != LZ_ok) break;
    }
    cr_assert_eq(err, LZ_ok);
    store_put(store, TABLE_audit, key_u64(1000), lz_bytes_of(block, sizeof block));
    commit();
    store_close(&store);
    char command[160];
    snprintf(command, sizeof command, "rm -r %s", small);
    cr_assert_eq(system(command), 0);
    open_store();
}

/* ---- what is true of the whole store ---- */
static struct epoch epoch_of(uint32_t n) {
    struct epoch e = { { 1 } };
    lz_put32(e.b + 12, n);
    return e;
}

Test(truths, position_and_stamp_outlive_the_process) {
    struct feed_id feed = { SCOPE_ALL, LANE_FLASH };
    uint64_t stamp = store_next_stamp(store, 1650729600000);
    cr_assert_eq(stamp_wall_ms(stamp), 1650729600000);
    cr_assert_eq(store_next_stamp(store, 1650729600000), stamp + 1);
    cr_assert_eq(store_next_stamp(store, 1000), stamp + 2, "a clock that was set back does not give a stamp twice");
    for (uint64_t i = 1; i <= 5; i++) {
        cr_assert_eq(store_record_put(store, key_id((struct rec_id){ UNIT, KIND_task, i, 1 }), str("e"), &feed, 1, false), LZ_ok);
        commit();
        store_forget_fresh(store);
    }
    cr_assert_eq(store_position(store), 5);
    reopen();
    cr_assert(store_position(store) == 5 && store_last_stamp(store) == stamp + 2 && store_tip(store, feed) == 5);
    store_raise_stamp(store, stamp + 100);
    store_raise_stamp(store, 7);
    commit();
    reopen();
    cr_assert_eq(store_last_stamp(store), stamp + 100);
    cr_assert_eq(store_next_stamp(store, 0), stamp + 101);
}

Test(truths, lineage_grows_by_one_at_each_start) {
    struct lineage_entry line[8];
    bool cut;
    cr_assert(store_is_new(store));
    cr_assert(epoch_none(store_epoch(store)));
    struct feed_id feed = { SCOPE_ALL, LANE_FLASH };
    for (uint32_t i = 0; i < 4; i++) {
        store_begin_epoch(store, epoch_of(i));
        cr_assert_eq(store_record_put(store, key_id((struct rec_id){ UNIT, KIND_task, i + 1, i }), str("e"), &feed, 1, false), LZ_ok);
        commit();
        cr_assert(epoch_equal(store_epoch(store), epoch_of(i)));
        reopen();
        cr_assert(!store_is_new(store));
        cr_assert_eq(store_lineage(store, line, 8, &cut), i + 1);
        cr_assert(!cut);
        for (uint32_t k = 0; k <= i; k++) cr_assert(epoch_equal(line[k].epoch, epoch_of(k)) && line[k].position == k);
    }
}

Test(truths, lineage_that_is_too_long_keeps_its_first_and_its_newest) {
    struct lineage_entry line[8];
    bool cut;
    for (uint32_t i = 0; i < 8; i++) store_begin_epoch(store, epoch_of(i));
    commit();
    cr_assert_eq(store_lineage(store, line, 8, &cut), 8);
    cr_assert(!cut);
    for (uint32_t i = 8; i < 20; i++) store_begin_epoch(store, epoch_of(i));
    commit();
    cr_assert_eq(store_lineage(store, line, 8, &cut), 8);
    cr_assert(cut);
    cr_assert(epoch_equal(line[0].epoch, epoch_of(0)));
    for (uint32_t i = 1; i < 8; i++) cr_assert(epoch_equal(line[i].epoch, epoch_of(12 + i)));
}

Test(truths, tables_are_counted) {
    struct store_counts counts;
    store_put(store, TABLE_audit, key_u64(1), str("a"));
    store_put(store, TABLE_audit, key_u64(2), str("a"));
    commit();
    store_count(store, &counts);
    cr_assert(counts.entries[TABLE_audit] == 2 && counts.entries[TABLE_meta] == 0 && counts.entries[TABLE_record] == 0);
    for (int i = 0; i < TABLE_COUNT; i++) cr_assert(table_name((enum table)i)[0]);
}

/* ---- records and feeds ---- */
static const struct feed_id up = { SCOPE_UP, LANE_ROUTINE }, all = { SCOPE_ALL, LANE_ROUTINE }, child = { 410802, LANE_ROUTINE };
static struct key event(uint64_t n) { return key_id((struct rec_id){ UNIT, KIND_task, n, 1 }); }
static struct key duty(const char *name) { return key_record(UNIT, KIND_duty, str(name), 0, 0); }
static struct lz_bytes event_text(unsigned n) { return str(arena_printf(arena, "event %u", n)); }
static void put_event(uint64_t n, const struct feed_id *feeds, size_t n_feeds) {
    cr_assert_eq(store_record_put(store, event(n), event_text((unsigned)n), feeds, n_feeds, false), LZ_ok);
}
static void put_duty(const char *name, const char *envelope, bool replace) {
    cr_assert_eq(store_record_put(store, duty(name), str(envelope), &up, 1, replace), LZ_ok);
}
static size_t read_feed(struct feed_id feed, uint64_t from, struct lz_bytes **list, uint64_t *to) {
    return store_feed_read(store, arena, feed, from, BATCH_FILL_BYTES, list, to);
}
static uint64_t entries(enum table table) {
    struct store_counts counts;
    store_count(store, &counts);
    return counts.entries[table];
}

Test(feeds, hold_64_events_to_an_entry) {
    for (uint64_t i = 1; i <= 2 * ENTRY_KEYS_MAX + 1; i++) put_event(i, &up, 1);
    cr_assert_eq(store_position(store), 3);
    cr_assert_eq(store_tip(store, up), 3, "the tip of this transaction");
    const struct fresh_feed *fresh;
    commit();
    cr_assert_eq(store_fresh(store, &fresh), 1);
    cr_assert(feed_id_equal(fresh->feed, up) && fresh->tip_before == 0 && fresh->tip == 3 && fresh->n_entries == 3);
    cr_assert(fresh->entries[0].n_envelopes == ENTRY_KEYS_MAX && fresh->entries[2].n_envelopes == 1);
    cr_assert(lz_bytes_equal(fresh->entries[1].envelopes[0], str("event 65")));
    cr_assert(entries(TABLE_feed) == 3 && entries(TABLE_record) == 129 && entries(TABLE_tip) == 1);
    struct lz_bytes *list;
    uint64_t to;
    cr_assert_eq(read_feed(up, 0, &list, &to), 129);
    cr_assert_eq(to, 3);
    for (unsigned i = 0; i < 129; i++) cr_assert(lz_bytes_equal(list[i], event_text(i + 1)), "in the order in which they came");
}

Test(feeds, begin_a_new_entry_with_each_transaction_and_at_its_size) {
    static char block[60 * 1024];
    put_event(1, &up, 1);
    commit();
    store_forget_fresh(store);
    cr_assert_eq(store_record_put(store, event(2), lz_bytes_of(block, sizeof block), &up, 1, false), LZ_ok);
    cr_assert_eq(store_record_put(store, event(3), lz_bytes_of(block, sizeof block), &up, 1, false), LZ_ok);
    put_event(4, &up, 1);
    commit();
    cr_assert_eq(store_tip(store, up), 3, "two of 60 KiB are more than ENTRY_BYTES_MAX");
    struct lz_bytes *list;
    uint64_t to;
    cr_assert_eq(store_feed_read(store, arena, up, 0, ENTRY_BYTES_MAX + RECORD_BYTES_MAX, &list, &to), 4);
    cr_assert_eq(to, 3);
}

Test(feeds, hold_a_register_alone) {
    put_event(1, &up, 1);
    put_duty("a", "duty a", false);
    put_duty("b", "duty b", false);
    put_event(2, &up, 1);
    put_event(3, &up, 1);
    cr_assert_eq(store_position(store), 4, "event, a, b, events");
    commit();
    struct lz_bytes *list;
    uint64_t to;
    cr_assert_eq(read_feed(up, 0, &list, &to), 5);
    static const char *const want[] = { "event 1", "duty a", "duty b", "event 2", "event 3" };
    for (size_t i = 0; i < 5; i++) cr_assert(lz_bytes_equal(list[i], str(want[i])));
}

Test(feeds, lose_the_old_entry_of_a_newer_register) {
    put_duty("a", "duty a, old", false);
    put_duty("b", "duty b", false);
    commit();
    store_forget_fresh(store);
    put_duty("a", "duty a, new", true);
    commit();
    store_forget_fresh(store);
    cr_assert_eq(store_tip(store, up), 3);
    cr_assert_eq(entries(TABLE_feed), 2);
    struct lz_bytes *list;
    uint64_t to, position;
    cr_assert_eq(read_feed(up, 0, &list, &to), 2);
    cr_assert(lz_bytes_equal(list[0], str("duty b")) && lz_bytes_equal(list[1], str("duty a, new")));
    struct stored stored;
    cr_assert(store_record_get(store, duty("a"), &stored));
    cr_assert_eq(store_stored_feeds(&stored), 1);
    cr_assert(feed_id_equal(store_stored_feed(&stored, 0, &position), up) && position == 3);
    /* twice in one transaction: the first has not reached the disk and never does */
    put_duty("a", "duty a, third", true);
    put_duty("a", "duty a, fourth", true);
    commit();
    const struct fresh_feed *fresh;
    cr_assert_eq(store_fresh(store, &fresh), 1);
    cr_assert(fresh->n_entries == 2 && fresh->entries[0].n_envelopes == 0 && fresh->entries[1].n_envelopes == 1);
    cr_assert_eq(entries(TABLE_feed), 2);
    cr_assert_eq(read_feed(up, 0, &list, &to), 2);
    cr_assert(lz_bytes_equal(list[1], str("duty a, fourth")));
    cr_assert_eq(to, 5);
    /* and the last entry superseded: whoever reads goes to the tip, and finds nothing there */
    store_forget_fresh(store);
    cr_assert_eq(store_record_put(store, duty("a"), str("goes nowhere"), NULL, 0, true), LZ_ok);
    commit();
    cr_assert_eq(read_feed(up, 2, &list, &to), 0);
    cr_assert_eq(to, 5);
}

Test(feeds, take_a_record_once) {
    put_event(1, &up, 1);
    cr_assert_eq(store_record_put(store, event(1), str("event 1"), &up, 1, false), LZ_already);
    cr_assert_eq(store_record_put(store, event(1), str("event 1 forged"), &up, 1, false), LZ_conflict);
    commit();
    cr_assert_eq(store_record_put(store, event(1), str("event 1"), &all, 1, false), LZ_already);
    cr_assert_eq(store_record_put(store, event(1), str("other"), &up, 1, false), LZ_conflict);
    cr_assert_eq(entries(TABLE_feed), 1);
    struct stored stored;
    cr_assert(store_record_get(store, event(1), &stored));
    cr_assert(lz_bytes_equal(stored.envelope, str("event 1")) && store_stored_feeds(&stored) == 1);
}

Test(feeds, are_entered_later_and_only_once) {
    static const struct feed_id both[] = { { SCOPE_UP, LANE_ROUTINE }, { SCOPE_ALL, LANE_ROUTINE } };
    put_event(1, both, 2);
    put_event(2, NULL, 0);
    commit();
    store_forget_fresh(store);
    uint64_t position = store_position(store);
    store_record_enter(store, event(1), up);
    store_record_enter(store, event(1), all);
    store_record_enter(store, event(77), up);
    cr_assert(!store_written(store), "it stands there already, or is not here");
    store_record_enter(store, event(1), child);
    store_record_enter(store, event(1), child);
    store_record_enter(store, event(2), child);
    commit();
    cr_assert_eq(store_position(store), position + 1);
    struct stored stored;
    uint64_t at, to;
    cr_assert(store_record_get(store, event(1), &stored));
    cr_assert(store_stored_feeds(&stored) == 3 && lz_bytes_equal(stored.envelope, str("event 1")));
    cr_assert(feed_id_equal(store_stored_feed(&stored, 2, &at), child) && at == position + 1);
    struct lz_bytes *list;
    cr_assert_eq(read_feed(child, 0, &list, &to), 2);
    cr_assert(lz_bytes_equal(list[0], str("event 1")) && lz_bytes_equal(list[1], str("event 2")));
    store_forget_fresh(store);
    store_record_enter(store, event(1), child);
    cr_assert(!store_written(store));
    reopen();
    cr_assert_eq(read_feed(child, 0, &list, &to), 2);
}

Test(feeds, are_read_in_whole_entries) {
    static char block[60 * 1024];
    for (uint64_t i = 1; i <= 9; i++) {                             /* one entry each */
        memset(block, (int)('0' + i), sizeof block);
        cr_assert_eq(store_record_put(store, event(i), lz_bytes_of(arena_copy(arena, block, sizeof block), sizeof block), &up, 1, false), LZ_ok);
        commit();
        store_forget_fresh(store);
    }
    put_event(10, &child, 1);
    commit();
    store_forget_fresh(store);
    uint64_t from = 0, to;
    unsigned total = 0;
    struct lz_bytes *list;
    for (int round = 0; round < 9 && from < 9; round++) {
        size_t n = store_feed_read(store, arena, up, from, BATCH_FILL_BYTES, &list, &to);
        cr_assert(n >= 1 && n <= 3, "184 KiB take three of 60 KiB");
        for (size_t i = 0; i < n; i++) cr_assert_eq(list[i].data[0], '1' + total + i);
        total += (unsigned)n;
        cr_assert_eq(to, total, "the last position that was looked at");
        from = to;
    }
    cr_assert_eq(total, 9);
    cr_assert_eq(read_feed(up, 9, &list, &to), 0);
    cr_assert_eq(to, 9, "the tip of this feed, not of the store");
    cr_assert_eq(read_feed(all, 0, &list, &to), 0);
    cr_assert_eq(to, 0);
    cr_assert_eq(read_feed(up, 100, &list, &to), 0);
    cr_assert_eq(to, 100, "never behind where one asked from");
    cr_assert_eq(read_feed(child, 0, &list, &to), 1);
    cr_assert_eq(to, 10);
}

Test(feeds, do_not_split_an_entry_over_two_batches) {
    for (uint64_t i = 1; i <= BATCH_RECORDS_MAX + 10; i++) put_event(i, &up, 1);
    commit();
    store_forget_fresh(store);
    struct lz_bytes *list;
    uint64_t to;
    size_t n = store_feed_read(store, arena, up, 0, 1 << 20, &list, &to);
    cr_assert_eq(n, BATCH_RECORDS_MAX);
    cr_assert_eq(to, BATCH_RECORDS_MAX / ENTRY_KEYS_MAX);
    cr_assert_eq(store_feed_read(store, arena, up, to, 1 << 20, &list, &to), 10);
    /* the limit in the middle of an entry: the entry waits */
    static char block[1024];
    for (uint64_t i = 1; i <= 5 * ENTRY_KEYS_MAX; i++)
        cr_assert_eq(store_record_put(store, event(10000 + i), lz_bytes_of(block, sizeof block), &child, 1, false), LZ_ok);
    commit();
    uint64_t first = store_position(store) - 5;
    cr_assert_eq(read_feed(child, 0, &list, &to), 2 * ENTRY_KEYS_MAX, "184 KiB take two entries of 64 KiB, not two and a half");
    cr_assert_eq(to, first + 2);
    cr_assert_eq(read_feed(child, to, &list, &to), 2 * ENTRY_KEYS_MAX);
    cr_assert_eq(read_feed(child, to, &list, &to), ENTRY_KEYS_MAX);
    cr_assert_eq(to, first + 5);
}

Test(feeds, pass_over_a_record_that_rotted) {
    for (uint64_t i = 1; i <= 3; i++) put_event(100 + i, &up, 1);
    commit();
    store_close(&store);
    cr_assert_geq(damage("event 102", 1), 1);
    open_store();
    struct lz_bytes *list;
    uint64_t to;
    cr_assert_eq(read_feed(up, 0, &list, &to), 2);
    cr_assert(lz_bytes_equal(list[1], str("event 103")) && to == 1);
    cr_assert_eq(store_rot_unsent(store), 1, "and it is not forgotten: no link may say live over it");
    store_forget_fresh(store);
    cr_assert_eq(store_record_put(store, event(102), str("event 102"), &up, 1, false), LZ_already, "it comes again: the bytes heal, its effect stands");
    commit();
    store_forget_fresh(store);
    cr_assert_eq(read_feed(up, 0, &list, &to), 4, "the two, and the healed one in its old place and its new one");
}

Test(feeds, entries_of_no_known_shape_are_passed_over) {
    static const uint8_t wide[200] = { 1 }, odd[20] = { 0 };
    struct lz_bytes *list;
    uint64_t to;
    put_event(201, &up, 1);
    commit();
    uint64_t at = store_tip(store, up);
    store_put(store, TABLE_feed, key_feed(up, at + 1), lz_bytes_of(wide, sizeof wide));     /* a checksum says nothing of the shape */
    store_put(store, TABLE_feed, key_feed(up, at + 2), lz_bytes_of(odd, sizeof odd));
    store_put(store, TABLE_feed, key_feed(up, at + 3), lz_bytes_of(odd, 0));
    commit();
    cr_assert_eq(read_feed(up, 0, &list, &to), 1);
    cr_assert_eq(to, at + 3);
    cr_assert_eq(store_backlog(store, up, 0).records, 1);
}

Test(feeds, tell_their_backlog) {
    uint64_t ms = 1650729600000;
    for (uint64_t i = 0; i < 10; i++) {
        struct key key = key_id((struct rec_id){ UNIT, KIND_task, (ms + i) << 16, 1 });
        cr_assert_eq(store_record_put(store, key, str("0123456789"), &up, 1, false), LZ_ok);
        commit();
        store_forget_fresh(store);
    }
    struct backlog b = store_backlog(store, up, 0);
    cr_assert(b.records == 10 && b.bytes == 100 && b.oldest_ms == ms);
    b = store_backlog(store, up, 7);
    cr_assert(b.records == 3 && b.bytes == 30 && b.oldest_ms == ms + 7);
    b = store_backlog(store, up, 10);
    cr_assert(b.records == 0 && b.bytes == 0 && b.oldest_ms == 0);
    uint8_t tip[8];                                                /* a disk that lies: any number may stand there */
    memset(tip, 0xff, sizeof tip);
    store_put(store, TABLE_tip, key_tip(up), lz_bytes_of(tip, sizeof tip));
    b = store_backlog(store, up, 0);
    cr_assert(b.records >= 10 && b.records <= UINT64_C(1) << 40 && b.bytes == 10 * b.records, "%llu", (unsigned long long)b.records);
    store_abort(store);
}

/* ---- who may open it ---- */
Test(opening, twice_is_refused) {
    struct store *first = store;
    struct lz_fail fail = { 0 };
    store = NULL;
    cr_assert_eq(try_open(path, UNIT, MAP, &fail), LZ_store_busy);
    cr_assert(strstr(fail.text, path) && store == NULL);
    pid_t pid = fork();
    if (pid == 0) _exit(try_open(path, UNIT, MAP, NULL) == LZ_store_busy ? 0 : 1);
    int status = 1;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "another process");
    store_close(&first);
    open_store();
}

Test(opening, by_another_unit_is_refused) {
    store_begin_epoch(store, epoch_of(1));
    commit();
    store_close(&store);
    struct lz_fail fail = { 0 };
    cr_assert_eq(try_open(path, 410802, MAP, &fail), LZ_store_foreign);
    cr_assert(strstr(fail.text, "410800") && strstr(fail.text, "410802"), "%s", fail.text);
    open_store();
}

static void craft_meta(uint32_t format, size_t len, uint64_t stamp, uint64_t position) {
    uint8_t v[64] = { 0 };
    store_begin_epoch(store, epoch_of(1));
    commit();
    lz_put32(v, format);
    lz_put32(v + 4, UNIT);
    lz_put64(v + 8, stamp);
    lz_put64(v + 16, position);
    store_put(store, TABLE_meta, key_bytes(str("store")), lz_bytes_of(v, len));
    commit();
    store_close(&store);
}
Test(opening, of_a_newer_format_is_refused) {
    struct lz_fail fail = { 0 };
    craft_meta(2, 28, 0, 0);
    cr_assert_eq(try_open(path, UNIT, MAP, &fail), LZ_store_newer);
    cr_assert(fail.text[0]);
}
Test(opening, with_a_short_head_is_refused) {
    craft_meta(1, 20, 0, 0);
    cr_assert_eq(try_open(path, UNIT, MAP, NULL), LZ_store_corrupt);
}

Test(opening, with_a_stamp_that_has_no_next_is_refused) {
    craft_meta(1, 28, UINT64_MAX, 0);
    cr_assert_eq(try_open(path, UNIT, MAP, NULL), LZ_store_corrupt);
}
Test(opening, with_a_position_that_has_no_next_is_refused) {
    craft_meta(1, 28, 0, UINT64_MAX);
    cr_assert_eq(try_open(path, UNIT, MAP, NULL), LZ_store_corrupt);
}

Test(opening, where_a_file_stands_is_refused) {
    char file[128];
    struct lz_fail fail = { 0 };
    store_close(&store);
    snprintf(file, sizeof file, "%s/file", dir);
    fclose(fopen(file, "w"));
    enum lz_err err = try_open(file, UNIT, MAP, &fail);
    cr_assert(err == LZ_store_io || err == LZ_read_only, "%s", lz_err_name(err));
    cr_assert(fail.text[0]);
    unlink(file);
    snprintf(file, sizeof file, "%s/no/such/place", dir);
    cr_assert_eq(try_open(file, UNIT, MAP, &fail), LZ_store_io);
    open_store();
}

Test(opening, read_only_is_refused) {
    store_close(&store);
    cr_assert_eq(chmod(path, 0500), 0);
    if (geteuid() != 0) {                                           /* root may write everywhere */
        struct lz_fail fail = { 0 };
        char fresh[128];
        snprintf(fresh, sizeof fresh, "%s/below", path);
        cr_assert_eq(try_open(fresh, UNIT, MAP, &fail), LZ_read_only);
        cr_assert(fail.text[0]);
    }
    cr_assert_eq(chmod(path, 0700), 0);
    open_store();
}

Test(opening, of_what_is_no_store_is_refused) {
    char file[128];
    struct lz_fail fail = { 0 };
    store_close(&store);
    snprintf(file, sizeof file, "%s/data.mdb", path);
    FILE *f = fopen(file, "w");
    for (int i = 0; i < 4096; i++) fputs("this is no store", f);
    fclose(f);
    cr_assert_eq(try_open(path, UNIT, MAP, &fail), LZ_store_corrupt);
    cr_assert(fail.text[0]);
}

Test(values, register_of_a_newer_kind_in_an_entry) {
    struct key reg = key_record(UNIT, 200, str("k1"), 0, 0);
    put_event(1, &up, 1);
    cr_assert_eq(store_record_put(store, reg, str("register of kind 200"), &up, 1, false), LZ_ok);
    put_event(2, &up, 1);
    commit();
    struct lz_bytes *list; uint64_t to;
    size_t n = read_feed(up, 0, &list, &to);
    cr_expect_eq(n, 3, "%zu of 3 records are read back, to=%u", n, (unsigned)to);
    store_forget_fresh(store);
    cr_assert_eq(store_record_put(store, reg, str("register of kind 200, newer"), &up, 1, true), LZ_ok);
    commit();
    n = read_feed(up, 0, &list, &to);
    cr_expect_eq(n, 3, "after a newer one: %zu of 3", n);
}

/* ---- backup -------------------------------------------------------------------------------------------------------------- */

TestSuite(backup, .init = begin, .fini = end, .timeout = 60);

static uint64_t dice = 1;
static uint64_t roll(uint64_t below) {
    dice = dice * 6364136223846793005ull + 1442695040888963407ull;
    return (dice >> 33) % below;
}
static enum table any_table(void) {
    static const enum table tables[] = { TABLE_due, TABLE_number, TABLE_audit, TABLE_ask };
    return tables[roll(LZ_COUNT(tables))];
}
static void scribble(size_t n) {
    for (size_t i = 0; i < n; i++) {
        char text[400];
        enum table table = any_table();
        struct key key = key_u64(roll(3000));
        memset(text, 'a' + (int)roll(26), sizeof text);
        if (roll(3) == 0) store_delete(store, table, key);
        else store_put(store, table, key, lz_bytes_of((const uint8_t *)text, roll(sizeof text)));
    }
}
/* Everything in both, value for value. */
static void same_stores(const char *copy_path) {
    struct store *mine = store, *copy;
    struct lz_fail fail = { 0 };
    cr_assert_eq(try_open(copy_path, UNIT, MAP, &fail), LZ_ok, "%s", fail.text);
    copy = store;
    store = mine;
    for (int table = 0; table < TABLE_COUNT; table++) {
        struct key a = { 0 }, b = { 0 };
        struct lz_bytes va, vb;
        for (size_t n = 0; ; n++, a = key_after(a), b = key_after(b)) {
            bool more = store_seek(mine, (enum table)table, &a, &va), also = store_seek(copy, (enum table)table, &b, &vb);
            cr_assert_eq(more, also, "%s: %zu values, and no more in one of them", table_name((enum table)table), n);
            if (!more) break;
            cr_assert(lz_bytes_equal(key_view(&a), key_view(&b)) && lz_bytes_equal(va, vb), "%s differs at value %zu", table_name((enum table)table), n);
        }
    }
    cr_assert_eq(store_rot(copy), 0);
    store_close(&copy);
}
static void remove_copy(const char *at) {
    char file[160];
    static const char *const files[] = { "data.mdb", "children.tsv", "backup.ini", "daemon.lock", "lock.mdb" };
    for (size_t i = 0; i < LZ_COUNT(files); i++) { snprintf(file, sizeof file, "%s/%s", at, files[i]); unlink(file); }
    rmdir(at);
}

Test(backup, is_the_store_as_the_last_commit_left_it) {
    char at[128];
    struct lz_fail fail = { 0 };
    struct backup_view v;
    for (int round = 0; round < 20; round++) {
        snprintf(at, sizeof at, "%s/copy", dir);
        store_begin_epoch(store, (struct epoch){ { (uint8_t)(round + 1) } });
        scribble(4000);
        commit();
        cr_assert_eq(store_backup_begin(store, at, str("roster"), 5, &fail), LZ_ok, "%s", fail.text);
        cr_assert_eq(store_backup_begin(store, at, str("roster"), 5, &fail), LZ_already);
        size_t slices = 0;
        while (store_backup_step(store, 1 + roll(20000), 7)) {
            slices++;
            scribble(roll(60));
            if (roll(4) == 0) store_abort(store);                     /* a turn that was given up leaves nothing in the copy */
            else commit();
        }
        cr_assert_str_eq(store_backup_view(store, &v), at);
        cr_assert(v.state == BACKUP_DONE && v.ended_wall_ms == 7 && slices > 20, "%s", v.reason);
        store_abort(store);
        same_stores(at);
        remove_copy(at);
    }
}

Test(backup, takes_so_much_in_one_turn) {
    char at[128];
    struct lz_fail fail = { 0 };
    static uint8_t big[60000];
    snprintf(at, sizeof at, "%s/copy", dir);
    for (uint64_t i = 0; i < 40; i++) store_put(store, TABLE_audit, key_u64(i), lz_bytes_of(big, sizeof big));
    commit();
    cr_assert_eq(store_backup_begin(store, at, str(""), 5, &fail), LZ_ok, "%s", fail.text);
    struct backup_view v;
    cr_assert(store_backup_step(store, BACKUP_SLICE_BYTES, 7));
    store_abort(store);
    store_backup_view(store, &v);
    cr_assert(v.bytes >= BACKUP_SLICE_BYTES && v.bytes < BACKUP_SLICE_BYTES + sizeof big + 100, "%llu", (unsigned long long)v.bytes);
    store_close(&store);                                                /* a daemon that stops leaves no half copy */
    char partial[160];
    snprintf(partial, sizeof partial, "%s.partial", at);
    cr_assert(access(at, F_OK) != 0 && access(partial, F_OK) != 0);
    open_store();
}

Test(backup, refuses_what_it_cannot_write) {
    struct lz_fail fail = { 0 };
    char at[128];
    snprintf(at, sizeof at, "%s/no/such/place", dir);
    cr_assert_eq(store_backup_begin(store, at, str(""), 5, &fail), LZ_read_only);
    cr_assert_eq(store_backup_begin(store, "relative", str(""), 5, &fail), LZ_bad_argument);
    cr_assert_eq(store_backup_begin(store, dir, str(""), 5, &fail), LZ_already);
    cr_assert(!store_backing_up(store) && !store_backup_step(store, 100, 1));
}

Test(backup, takes_the_place_of_a_store) {
    char at[128], kept[200];
    struct lz_fail fail = { 0 };
    snprintf(at, sizeof at, "%s/copy", dir);
    store_put(store, TABLE_audit, key_u64(1), str("before"));
    commit();
    cr_assert_eq(store_backup_begin(store, at, str(""), 5, &fail), LZ_ok);
    while (store_backup_step(store, 100, 7)) store_abort(store);
    store_abort(store);
    store_put(store, TABLE_audit, key_u64(1), str("after"));
    commit();
    cr_assert_eq(store_restore(path, at, 9000, kept, sizeof kept, &fail), LZ_store_busy);
    store_close(&store);
    cr_assert_eq(store_restore(path, at, 9000, kept, sizeof kept, &fail), LZ_ok, "%s", fail.text);
    cr_assert(access(kept, F_OK) == 0, "what stood there is kept");
    open_store();
    cr_assert(has(TABLE_audit, key_u64(1), "before"));
    store_close(&store);
    cr_assert_eq(store_restore(path, dir, 9001, kept, sizeof kept, &fail), LZ_store_io, "no copy there");
    open_store();
    cr_assert(has(TABLE_audit, key_u64(1), "before"), "and nothing was changed");
    remove_copy(at);
}

/* ---- what only a disk can bring: shapes that we never write, with checksums that are right or none at all ---- */
/* Puts bytes into the file as they are, behind the back of the store. */
static void put_raw(enum table table, const void *key, size_t key_len, const void *value, size_t len) {
    MDB_env *env;
    MDB_txn *txn;
    MDB_dbi dbi;
    store_close(&store);
    cr_assert(mdb_env_create(&env) == 0 && mdb_env_set_maxdbs(env, TABLE_COUNT) == 0 && mdb_env_set_mapsize(env, MAP) == 0);
    cr_assert(mdb_env_open(env, path, MDB_NOLOCK | MDB_NOSYNC, 0600) == 0 && mdb_txn_begin(env, NULL, 0, &txn) == 0);
    cr_assert_eq(mdb_dbi_open(txn, table_name(table), 0, &dbi), 0);
    MDB_val k = { key_len, (void *)(uintptr_t)key }, v = { len, (void *)(uintptr_t)value };
    cr_assert(mdb_put(txn, dbi, &k, &v, 0) == 0 && mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
}
static enum rot_then keep_rot(void *context, enum table table, struct key key, struct lz_bytes raw) {
    (void)table; (void)key; (void)raw;
    ++*(size_t *)context;
    return ROT_KEEP;
}
/* In the closed file; how often it stood there. */
static size_t replace_in_file(const char *was, const char *is, size_t len) {
    char name[128];
    size_t n = 0, size;
    static char bytes[8 << 20];
    snprintf(name, sizeof name, "%s/data.mdb", path);
    FILE *f = fopen(name, "r+b");
    cr_assert(f);
    size = fread(bytes, 1, sizeof bytes, f);
    for (size_t i = 0; i + len <= size; i++)
        if (memcmp(bytes + i, was, len) == 0) {
            cr_assert(fseek(f, (long)i, SEEK_SET) == 0 && fwrite(is, 1, len, f) == len);
            n++;
        }
    fclose(f);
    return n;
}
static void wipe_files(void) {
    char name[128];
    snprintf(name, sizeof name, "%s/data.mdb", path);
    unlink(name);
}
static enum rot_then drop_rot(void *context, enum table table, struct key key, struct lz_bytes raw) {
    (void)table; (void)key;
    *(size_t *)context += 1 + 1000 * raw.len;
    return ROT_DROP;
}
Test(values, shorter_than_their_checksum_are_rot) {
    size_t told = 0;
    struct lz_bytes v;
    put_raw(TABLE_due, "12345678", 8, "abc", 3);
    open_store();
    cr_assert(!store_get(store, TABLE_due, key_bytes(str("12345678")), &v) && store_has(store, TABLE_due, key_bytes(str("12345678"))));
    cr_assert_eq(store_rot(store), 1);
    struct scrub at = { 0 };
    cr_assert(!store_scrub(store, &at, 1000, drop_rot, &told));
    cr_assert_eq(told, 1, "told once, without bytes");
    commit();
    cr_assert(!store_has(store, TABLE_due, key_bytes(str("12345678"))), "and dropped as it was asked to be");
    store_rot_forget(store);
    cr_assert_eq(store_rot(store), 0);
}
Test(values, with_keys_longer_than_ours_end_a_search) {
    static char key[120];
    memset(key, 'k', sizeof key);
    struct key at = { 0 };
    struct lz_bytes v;
    size_t told = 0;
    store_put(store, TABLE_due, key_u64(1), str("ours"));
    store_put(store, TABLE_number, key_u64(1), str("ours"));
    commit();
    put_raw(TABLE_due, key, sizeof key, "12345678", 8);
    open_store();
    cr_assert(store_seek(store, TABLE_due, &at, &v));
    at = key_after(at);
    cr_assert(!store_seek(store, TABLE_due, &at, &v) && !store_last(store, TABLE_due, &at, &v));
    struct scrub scrub = { 0 };
    cr_assert(!store_scrub(store, &scrub, 1000, keep_rot, &told), "the scrub ends, and sees the other tables");
    cr_assert(told == 0 && scrub.looked == 2);
}
/* A key that changes where it lies breaks the order of its page: a scrub in small steps comes to its end all the same, and meets it
 * unless a step begins there. */
Test(values, whose_order_is_broken_are_scrubbed_to_the_end, .timeout = 60) {
    enum { ENTRIES = 60 };
    static const uint8_t to[] = { 0, ENTRIES / 2, 0xff };
    size_t untold = 0;
    for (int i = 0; i < ENTRIES; i++)
        for (size_t k = 0; k < LZ_COUNT(to); k++) {
            char was[16], is[16];
            for (uint64_t n = 0; n < ENTRIES; n++) store_put(store, TABLE_number, key_u64(UINT64_C(0x4b45594b45590000) + n), str("value"));
            commit();
            store_close(&store);
            memcpy(was, "KEYKEY\0", 7), memcpy(is, was, 7);
            was[7] = (char)i, is[7] = (char)to[k];
            size_t n = replace_in_file(was, is, 8);
            struct lz_fail fail = { 0 };
            cr_assert(n > 0 && try_open(path, UNIT, MAP, &fail) == LZ_ok,
                      "the key stood in the file, and the look before the opening lets it pass");
            struct scrub at = { 0 };
            size_t told = 0, steps = 0;
            while (store_scrub(store, &at, 7, keep_rot, &told)) cr_assert(++steps < 4 * ENTRIES, "it goes in a circle");
            cr_assert(at.looked <= 2 * ENTRIES, "key %d to %u: %u looked at", i, to[k], (unsigned)at.looked);
            untold += told == 0 && (uint8_t)i != to[k];
            store_close(&store);
            wipe_files();
            open_store();
        }
    cr_assert_lt(untold, ENTRIES * LZ_COUNT(to) / 7, "%zu were not met", untold);
}
Test(opening, with_a_head_that_rotted_is_refused) {
    struct lz_fail fail = { 0 };
    store_begin_epoch(store, epoch_of(1));
    commit();
    put_raw(TABLE_meta, "store", 5, "neither a checksum nor a head", 29);
    cr_assert_eq(try_open(path, UNIT, MAP, &fail), LZ_store_corrupt);
    cr_assert(fail.text[0]);
}
Test(opening, with_more_starts_than_can_be_is_refused) {
    uint8_t v[28] = { 0 };
    store_begin_epoch(store, epoch_of(1));
    lz_put32(v, 1);
    lz_put32(v + 4, UNIT);
    lz_put32(v + 24, UINT32_MAX / 2 + 1);
    commit();
    store_put(store, TABLE_meta, key_bytes(str("store")), lz_bytes_of(v, sizeof v));
    commit();
    store_close(&store);
    cr_assert_eq(try_open(path, UNIT, MAP, NULL), LZ_store_corrupt);
}
Test(truths, lineage_without_a_row_that_rotted) {
    struct lineage_entry line[8];
    bool cut;
    for (uint32_t i = 0; i < 4; i++) store_begin_epoch(store, epoch_of(i));
    store_put(store, TABLE_lineage, key_u32(1), str("too short"));
    store_delete(store, TABLE_lineage, key_u32(2));
    commit();
    cr_assert_eq(store_lineage(store, line, 8, &cut), 2);
    cr_assert(!cut && epoch_equal(line[0].epoch, epoch_of(0)) && epoch_equal(line[1].epoch, epoch_of(3)));
}
Test(transaction, that_failed_does_nothing_more) {
    struct store_counts counts;
    uint64_t stamp = store_last_stamp(store);
    store_put(store, TABLE_audit, key_u64(1), str("lost"));
    store_give_up(store);
    store_give_up(store);
    store_raise_stamp(store, stamp + 5);
    store_count(store, &counts);
    cr_assert(counts.entries[TABLE_audit] == 0 && !store_has(store, TABLE_audit, key_u64(1)));
    store_delete(store, TABLE_audit, key_u64(1));
    struct scrub at = { 0 };
    size_t told = 0;
    cr_assert(!store_scrub(store, &at, 10, keep_rot, &told) && at.looked == 0);
    cr_assert_eq(store_commit(store), LZ_full);
    cr_assert_eq(store_last_stamp(store), stamp);
}
Test(feeds, with_a_tip_of_no_known_shape_begin_at_nothing) {
    put_event(1, &up, 1);
    commit();
    store_forget_fresh(store);
    store_put(store, TABLE_tip, key_tip(up), str("short"));
    cr_assert_eq(store_tip(store, up), 0);
    store_abort(store);
    cr_assert_eq(store_tip(store, up), 1);
    commit();
    put_raw(TABLE_tip, key_tip(up).b, key_tip(up).len, "no checksum", 11);
    open_store();
    cr_assert(store_tip(store, up) == 0 && store_rot_unsent(store) == 1);
}
Test(feeds, records_of_no_known_shape_are_not_served) {
    struct stored stored;
    cr_assert(!store_record_parse(str("x"), &stored) && !store_record_parse(str("\1\0 one hundred feeds"), &stored));
    put_event(1, &up, 1);
    commit();
    store_forget_fresh(store);
    store_put(store, TABLE_record, event(1), str("x"));
    cr_assert(!store_record_get(store, event(1), &stored));
    store_record_enter(store, event(1), all);
    cr_assert_eq(store_tip(store, all), 0);
    cr_assert_eq(store_record_put(store, event(1), str("event 1"), &up, 1, false), LZ_conflict);
}
Test(feeds, are_left_in_the_transaction_that_entered_them) {
    struct lz_bytes *list;
    uint64_t to;
    put_duty("a", "duty a", false);
    put_duty("b", "duty b", false);
    put_duty("a", "duty a, newer", true);
    commit();
    cr_assert_eq(read_feed(up, 0, &list, &to), 2);
    cr_assert(lz_bytes_equal(list[0], str("duty b")) && lz_bytes_equal(list[1], str("duty a, newer")) && to == 3);
}
/* A register's feeds that come again after its value rotted, and its bytes in no transaction's way. */
Test(feeds, take_a_register_again_that_rotted) {
    struct lz_bytes *list;
    uint64_t to;
    put_duty("a", "duty a", false);
    commit();
    put_raw(TABLE_record, duty("a").b, duty("a").len, "no checksum", 11);
    open_store();
    cr_assert_eq(read_feed(up, 0, &list, &to), 0);
    cr_assert_eq(store_record_put(store, duty("a"), str("duty a"), &up, 1, false), LZ_ok);
    commit();
    cr_assert_eq(read_feed(up, 1, &list, &to), 1);
}
Test(feeds, are_mended_from_what_a_record_says) {
    struct lz_bytes *list, v;
    uint64_t to;
    put_event(1, &up, 1);
    put_event(2, &up, 1);
    put_duty("a", "duty a", false);
    commit();
    store_forget_fresh(store);
    cr_assert(!store_feed_mend(store, event(1), up, 1) && !store_feed_mend(store, duty("a"), up, 2), "nothing is wrong");
    /* an entry that is gone, one that lacks an event, one of another width, one of no shape, a tip that is behind */
    store_delete(store, TABLE_feed, key_feed(up, 1));
    cr_assert(store_feed_mend(store, event(1), up, 1) && store_feed_mend(store, event(2), up, 1));
    cr_assert_eq(read_feed(up, 0, &list, &to), 3);
    store_put(store, TABLE_feed, key_feed(up, 2), str(""));
    cr_assert(store_feed_mend(store, duty("a"), up, 2));
    cr_assert_eq(read_feed(up, 0, &list, &to), 3);
    struct key longer = key_record(UNIT, KIND_duty, str("longer name"), 0, 0);
    cr_assert(store_feed_mend(store, longer, up, 2), "what stands there is of another width: it gives way");
    cr_assert(store_feed_mend(store, duty("a"), up, 2));
    uint8_t tip[8] = { 0 };
    store_put(store, TABLE_tip, key_tip(up), lz_bytes_of(tip, sizeof tip));
    cr_assert(store_feed_mend(store, event(1), up, 1) && store_tip(store, up) == store_position(store));
    /* an entry that is full takes no more: what comes stands alone */
    uint8_t full[1 + ENTRY_KEYS_MAX * REC_ID_BYTES] = { 0 };
    for (uint64_t i = 0; i < ENTRY_KEYS_MAX; i++) memcpy(full + 1 + i * REC_ID_BYTES, event(100 + i).b, REC_ID_BYTES);
    store_put(store, TABLE_feed, key_feed(up, 1), lz_bytes_of(full, sizeof full));
    cr_assert(store_feed_mend(store, event(1), up, 1));
    cr_assert(store_get(store, TABLE_feed, key_feed(up, 1), &v) && v.len == 1 + REC_ID_BYTES);
    commit();
}
Test(feeds, are_pruned_of_what_is_not_held) {
    struct lz_bytes v, *list;
    uint64_t to;
    static uint8_t huge[1 + 100 * REC_ID_BYTES];
    put_event(1, &up, 1);
    put_event(2, &up, 1);
    commit();
    store_forget_fresh(store);
    put_event(3, &all, 1);
    commit();
    store_forget_fresh(store);
    store_delete(store, TABLE_record, event(1));
    store_delete(store, TABLE_record, event(3));
    store_put(store, TABLE_feed, key_feed(child, 1), str(""));                            /* of no shape: nothing in them is held */
    store_put(store, TABLE_feed, key_feed(child, 2), str("x"));
    for (size_t i = 0; i < 100; i++) memcpy(huge + 1 + i * REC_ID_BYTES, event(2).b, REC_ID_BYTES);
    store_put(store, TABLE_feed, key_feed(child, 3), lz_bytes_of(huge, sizeof huge));     /* more keys than an entry has */
    store_feeds_prune(store);
    cr_assert(store_get(store, TABLE_feed, key_feed(up, 1), &v) && v.len == 1 + REC_ID_BYTES && memcmp(v.data + 1, event(2).b, REC_ID_BYTES) == 0);
    cr_assert(!store_has(store, TABLE_feed, key_feed(all, 2)) && !store_has(store, TABLE_feed, key_feed(child, 1)));
    cr_assert(store_get(store, TABLE_feed, key_feed(child, 3), &v) && v.len <= 1 + ENTRY_KEYS_MAX * REC_ID_BYTES + REC_ID_BYTES + REGISTER_KEY_MAX);
    commit();
    cr_assert_eq(read_feed(up, 0, &list, &to), 1);
}
Test(feeds, tell_a_long_backlog_by_what_they_saw, .timeout = 60) {
    char name[16];
    for (int i = 0; i < 3000; i++) {
        snprintf(name, sizeof name, "%d", i);
        put_duty(name, "0123456789", false);
    }
    commit();
    struct backlog b = store_backlog(store, up, 0);
    cr_assert(b.records == 3000 && b.bytes == 30000 && b.oldest_ms == 0,
              "%llu records, %llu bytes", (unsigned long long)b.records, (unsigned long long)b.bytes);
    store_forget_fresh(store);
    uint64_t ms = 1650729600000;
    for (uint64_t i = 0; i < 200; i++) {
        cr_assert_eq(store_record_put(store, key_id((struct rec_id){ UNIT, KIND_task, (ms + i) << 16, 1 }), str("0123456789"), &all, 1, false), LZ_ok);
        commit();
        store_forget_fresh(store);
    }
    b = store_backlog(store, all, 0);
    cr_assert(b.records == 200 && b.bytes == 2000 && b.oldest_ms == ms);
}
Test(backup, is_synced_on_its_way, .timeout = 60) {
    char at[128];
    struct lz_fail fail = { 0 };
    static uint8_t big[60000];
    struct backup_view v;
    snprintf(at, sizeof at, "%s/copy", dir);
    for (uint64_t i = 0; i < 200; i++) store_put(store, TABLE_audit, key_u64(i), lz_bytes_of(big, sizeof big));
    for (uint64_t i = 0; i < 600; i++) store_put(store, TABLE_ask, key_u64(i), str("asked"));
    commit();
    cr_assert_eq(store_backup_begin(store, at, str(""), 5, &fail), LZ_ok, "%s", fail.text);
    for (uint64_t slices = 0; store_backup_step(store, 200000, 7); slices++) {
        cr_assert_lt(slices, 1000);
        for (uint64_t i = 0; i < 600; i++) store_put(store, TABLE_ask, key_u64(i), str("asked again"));     /* all behind the walk */
        cr_assert(!store_backup_step(store, 200000, 7), "not in the middle of a turn");
        commit();
    }
    store_backup_view(store, &v);
    cr_assert(v.state == BACKUP_DONE && v.bytes > 12000000);
    store_abort(store);
    same_stores(at);
    remove_copy(at);
}

/* ---- what lies in the file ---- */
static void change(int fd, off_t at, uint8_t mask) {
    uint8_t c;
    cr_assert(pread(fd, &c, 1, at) == 1);
    c ^= mask;
    cr_assert(pwrite(fd, &c, 1, at) == 1);
}
/* Several levels, values of more than a page, freed pages: every place that the look before the opening has an eye on. */
static void fill_all_sorts(void) {
    static uint8_t big[20000];
    for (uint64_t i = 0; i < 4000; i++) {
        store_put(store, TABLE_audit, key_u64(i), str("what somebody did"));
        if (i % 100 == 0) store_put(store, TABLE_refused, key_u64(i), lz_bytes_of(big, sizeof big - i));
        if (i % 500 == 0) commit();
    }
    for (uint64_t i = 1000; i < 2500; i++) store_delete(store, TABLE_audit, key_u64(i));
    commit();
}
Test(opening, with_any_bit_changed_is_refused_or_reads_on, .timeout = 60) {
    enum { FLIPS = 12000, PAGE = 4096 };
    char name[128];
    struct lz_fail fail = { 0 };
    size_t refused = 0, rotten = 0, vanished = 0;
    uint64_t random = 88172645463325252u, looked = 0;
    fill_all_sorts();
    struct scrub scrub = { 0 };
    (void)store_scrub(store, &scrub, SIZE_MAX, keep_rot, &rotten);
    looked = scrub.looked;
    cr_assert(rotten == 0 && looked > 2000);
    store_close(&store);
    snprintf(name, sizeof name, "%s/data.mdb", path);
    int fd = open(name, O_RDWR | O_CLOEXEC);
    off_t pages = lseek(fd, 0, SEEK_END) / PAGE;
    for (int i = 0; i < FLIPS; i++) {
        random ^= random << 13; random ^= random >> 7; random ^= random << 17;
        /* half of them in the heads of pages, where they hurt */
        off_t at = (off_t)(random >> 32) % pages * PAGE + (off_t)(random >> 8 & 0xffff) % (i % 2 ? PAGE : 64);
        uint8_t bit = (uint8_t)(1 << (random & 7));
        if (at < 2 * PAGE && (at % PAGE) >= 16 + 24 + 96 + 8 && (at % PAGE) < 16 + 24 + 96 + 16) continue;    /* the number of a commit: an older one counts */
        change(fd, at, bit);
        if (try_open(path, UNIT, MAP, &fail) == LZ_ok) {
            scrub = (struct scrub){ 0 };
            size_t before = rotten;
            (void)store_scrub(store, &scrub, SIZE_MAX, keep_rot, &rotten);
            vanished += scrub.looked != looked && rotten == before && store_failed(store) == LZ_ok;
            store_close(&store);
        } else refused += fail.code == LZ_store_corrupt;
        change(fd, at, bit);
    }
    close(fd);
    cr_assert(refused > FLIPS / 20 && rotten > FLIPS / 20, "%zu refused, %zu rotten", refused, rotten);
    cr_assert_eq(vanished, 0);
    open_store();
}
