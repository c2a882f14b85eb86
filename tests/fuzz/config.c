/* config: FEEDS a file: the first byte says whether as a configuration (written to a file in memory and read as linzhangd -n does),
 * as a roster, or as a key file. ORACLE: refused with a sentence that names the file or line, or: every value is a valid text and
 * in its range; a roster prints as a text that loads as the same, a refused one changes nothing; a key that was taken is the text
 * of the file. */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
int linzhangd_main(int argc, char **argv);
#define main linzhangd_main
#include "../../daemon/main.c"
#undef main
#include "../../daemon/ctl/client.h"
#include "fuzz.h"

static int file_of(struct lz_bytes text, char path[64]) {
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    LZ_ASSERT(fd >= 0 && write(fd, text.data, text.len) == (ssize_t)text.len && fchmod(fd, 0600) == 0);
    snprintf(path, 64, "/proc/self/fd/%d", fd);
    return fd;
}

static void text_is_good(const char *name, const char *text) { must(lz_text_valid(lz_bytes_str(text)), "%s is no valid text", name); }

static void values_are_good(const struct config *c) {
#define GOOD_TEXT(s, k, lo, hi) text_is_good(#s "." #k, c->s##_##k);
#define GOOD_PATH GOOD_TEXT
#define GOOD_LIST GOOD_TEXT
#define GOOD_PATHS GOOD_TEXT
#define GOOD_ENDPOINT GOOD_TEXT
#define GOOD_ENDPOINTS GOOD_TEXT
#define GOOD_GROUP GOOD_TEXT
#define GOOD_UNIT(s, k, lo, hi) must(c->s##_##k == 0 || (c->s##_##k >= 100000 && c->s##_##k <= 999999), "%u", c->s##_##k);
#define GOOD_NUMBER(s, k, lo, hi) must(c->s##_##k >= (lo) && c->s##_##k <= (hi), "%llu", (unsigned long long)c->s##_##k);
#define GOOD_MODE(s, k, lo, hi) must((c->s##_##k & ~0770u) == 0, "%o", c->s##_##k);
#define X(section, key, type, standard, minimum, maximum, zh) GOOD_##type(section, key, minimum, maximum)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtype-limits"
#include "../../schema/config.def"
#pragma GCC diagnostic pop
#undef X
}

static void as_config(struct lz_bytes text) {
    static struct daemon d;
    struct lz_fail fail = { 0 };
    char path[64];
    int fd = file_of(text, path);
    memset(&d, 0, sizeof d);
    d.units = units_create();
    d.calendar = calendar_create();
    d.roster = roster_create();
    enum lz_err err = config_read(path, &d.config, &fail);
    must(err == LZ_ok || (fail.code == err && strstr(fail.text, path)), "refused without naming the file: %s", fail.text);
    if (err == LZ_ok) {
        values_are_good(&d.config);
        fail = (struct lz_fail){ 0 };
        err = prepare(&d, path, &fail);                          /* all that linzhangd -n looks at */
        must(err == LZ_ok || (fail.code == err && fail.text[0]), "refused without a word");
    }
    lz_log_level((enum lz_level)(LZ_ERROR + 1));
    units_destroy(&d.units);
    calendar_destroy(&d.calendar);
    roster_destroy(&d.roster);
    close(fd);
}

static void as_roster(struct lz_bytes text) {
    static const char before_text[] = "410802\t0100000000000000000000000000000000000000000000000000000000000000\t410802,410804\n";
    struct roster *roster = roster_create(), *again = roster_create();
    struct lz_fail fail = { 0 };
    enum lz_err err = roster_load(roster, lz_bytes_str(before_text), &fail);
    LZ_ASSERT(err == LZ_ok);
    err = roster_load(roster, text, &fail);
    must(err == LZ_ok || strstr(fail.text, "行"), "refused without naming the line: %s", fail.text);
    struct lz_bytes first = roster_print(roster, fuzz_arena());
    if (err != LZ_ok) must(lz_bytes_equal(first, lz_bytes_str(before_text)), "a refused roster changed what was there");
    must(roster_load(again, first, &fail) == LZ_ok, "what was printed is refused: %s", fail.text);
    must(lz_bytes_equal(first, roster_print(again, fuzz_arena())), "it loads as another");
    for (size_t i = 0; i < roster->n_children; i++)
        for (size_t k = 0; k < roster->children[i].n_subtree; k++)
            must(roster_holding(roster, roster->children[i].subtree[k]) == &roster->children[i], "two children hold %u", roster->children[i].subtree[k]);
    roster_destroy(&roster);
    roster_destroy(&again);
}

/* As the daemon reads its own, as `key show` reads it, and as `child add --key` takes one. */
static void as_key(struct lz_bytes text) {
    static struct daemon d;
    struct lz_fail fail = { 0 };
    uint8_t key[KEY_BYTES];
    char path[64], again[KEY_TEXT];
    int fd = file_of(text, path);
    memset(&d, 0, sizeof d);
    strcpy(d.config.keys_secret, path);
    must(key_file_check(path, &fail) == LZ_ok, "%s", fail.text);
    if (load_secret(&d, &fail) == LZ_ok) {
        wire_key_print(d.wire_options.secret_key, again);
        while (text.len && (text.data[text.len - 1] == '\n' || text.data[text.len - 1] == '\r')) text.len--;
        must(lz_bytes_equal(text, lz_bytes_str(again)), "a file of %zu bytes was taken for a key of 40", text.len);
    } else must(fail.code == LZ_bad_key || fail.code == LZ_bad_config, "%s", lz_err_name(fail.code));
    char *typed = arena_alloc(fuzz_arena(), text.len + 1);
    LZ_ASSERT(typed);
    if (text.len) memcpy(typed, text.data, text.len);
    if (wire_key_parse(typed, key)) {
        wire_key_print(key, again);
        must(strcmp(typed, again) == 0, "%s is another key's text", typed);
    }
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const readers[])(struct lz_bytes) = { as_config, as_roster, as_key };
    fuzz_begin();
    if (size == 0) return 0;
    uint8_t *text = exact(lz_bytes_of(data + 1, size - 1));
    readers[data[0] % LZ_COUNT(readers)](lz_bytes_of(text, size - 1));
    free(text);
    return 0;
}
