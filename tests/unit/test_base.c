/* base: bytes, errors, the arena, time, the calendar, text, digits, log lines. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The source and not the library's object, because the two checksums inside it are compared with each other. */
#include "../../daemon/base/bytes.c"

static struct lz_bytes str(const char *text) { return lz_bytes_str(text); }

/* The whole of a small file. */
static struct lz_bytes read_all(const char *path, char *buffer, size_t size) {
    FILE *file = fopen(path, "rb");
    cr_assert(file, "%s: tests run from the root of the project", path);
    size_t len = fread(buffer, 1, size, file);
    cr_assert(len < size && !ferror(file));
    fclose(file);
    return lz_bytes_of(buffer, len);
}

/* ---- errors ---- */
Test(errors, every_code_has_its_words) {
    for (unsigned i = 0; i < LZ_ERR_COUNT; i++) {
        enum lz_err err = (enum lz_err)i;
        cr_assert_eq(lz_err_from_name(lz_err_name(err)), err);
        cr_assert(lz_text_valid(str(lz_err_zh(err))));
        cr_assert(lz_err_exit(err) >= 0 && lz_err_exit(err) <= 3);
    }
    cr_assert_eq(lz_err_exit(LZ_ok), 0);
    cr_assert_eq(lz_err_exit(LZ_usage), 2);
    cr_assert_eq(lz_err_exit(LZ_unreachable), 3);
    cr_assert_eq(lz_err_from_name("of a newer version"), LZ_ERR_COUNT);
    cr_assert_str_eq(lz_err_name(LZ_ERR_COUNT), "unknown");
    cr_assert_eq(lz_err_exit(LZ_ERR_COUNT), 1);
}

Test(errors, a_refusal_is_told_and_cut_between_characters) {
    struct lz_fail fail = { 0 };
    cr_assert_eq(lz_refuse(&fail, LZ_full, "满 %d", 7), LZ_full);
    cr_assert_eq(fail.code, LZ_full);
    cr_assert_str_eq(fail.text, "满 7");
    cr_assert_eq(lz_refuse(NULL, LZ_full, "nobody listens"), LZ_full);
    char longer[3 * 400 + 1] = "";
    for (size_t i = 0; i < 400; i++) memcpy(longer + 3 * i, "林", 4);
    (void)lz_refuse(&fail, LZ_full, "%s", longer);
    cr_assert(strlen(fail.text) > 500);
    cr_assert(lz_text_valid(str(fail.text)));
}

/* ---- bytes ---- */
Test(bytes, order_is_that_of_keys) {
    cr_assert_eq(lz_bytes_compare(str("a"), str("a")), 0);
    cr_assert_eq(lz_bytes_compare(str("a"), str("ab")), -1);
    cr_assert_eq(lz_bytes_compare(str("b"), str("ab")), 1);
    cr_assert_eq(lz_bytes_compare(str("\xFF"), str("\x01")), 1);
    cr_assert_eq(lz_bytes_compare(lz_bytes_of(NULL, 0), str("")), 0);
    cr_assert_eq(lz_bytes_compare(lz_bytes_of(NULL, 0), str("x")), -1);
}

Test(bytes, crc32c_of_the_known_vector) {
    cr_assert_eq(lz_crc32c(0, "123456789", 9), 0xE3069283u);
    cr_assert_eq(lz_crc32c(0, "", 0), 0u);
    cr_assert_eq(lz_crc32c(lz_crc32c(0, "1234", 4), "56789", 5), 0xE3069283u);
    uint8_t zeros[32] = { 0 };                             /* RFC 3720, B.4 */
    cr_assert_eq(lz_crc32c(0, zeros, 32), 0x8A9136AAu);
}

Test(bytes, processor_and_table_agree) {
    uint8_t data[300];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 151 + 7);
    for (size_t start = 0; start < 9; start++)
        for (size_t len = 0; start + len <= sizeof data; len += 1) {
            uint32_t by_table = crc_by_table(0x1234567u, data + start, len);
            if (processor_has_crc()) cr_assert_eq(crc_by_processor(0x1234567u, data + start, len), by_table);
        }
}

Test(bytes, hash_tells_apart) {
    cr_assert_eq(lz_hash64(1, "feed", 4), lz_hash64(1, "feed", 4));
    cr_assert_neq(lz_hash64(1, "feed", 4), lz_hash64(2, "feed", 4));
    cr_assert_neq(lz_hash64(1, "\0", 1), lz_hash64(1, "\0\0", 2));
    cr_assert_neq(lz_hash64(1, "12345678", 8), lz_hash64(1, "12345678\0", 9));
    cr_assert_neq(lz_hash64(0, NULL, 0), lz_hash64(1, NULL, 0));
}

/* ---- arena ---- */
Test(arena, gives_zeroed_aligned_memory_until_it_is_used_up) {
    struct arena *arena = arena_create(1000);              /* rounded up to 1008 */
    uint8_t *a = arena_alloc(arena, 1), *b = arena_alloc(arena, 100);
    cr_assert_eq((uintptr_t)a % 16, 0);
    cr_assert_eq(b - a, 16);
    cr_assert_eq(arena_used(arena), 128);
    cr_assert_eq(arena_room(arena), 1008 - 128);
    cr_assert_null(arena_alloc(arena, 1008 - 128 + 1));
    cr_assert_null(arena_alloc_raw(arena, SIZE_MAX));
    cr_assert_null(arena_alloc(arena, SIZE_MAX - 8));
    cr_assert_eq(arena_used(arena), 128, "a refusal takes nothing");
    cr_assert_not_null(arena_alloc(arena, 1008 - 128));
    cr_assert_null(arena_alloc(arena, 1));
    cr_assert_null(arena_copy(arena, "x", 1));
    cr_assert_null(arena_printf(arena, "%d", 1));
    arena_destroy(&arena);
    cr_assert_null(arena);
    arena_destroy(&arena);
}

Test(arena, is_zero_again_after_a_reset) {
    enum { BIG = 5 * 1024 * 1024 };
    struct arena *arena = arena_create(BIG);
    for (int round = 0; round < 3; round++) {
        size_t size = round == 1 ? BIG : BIG / 50;         /* below and above what a reset gives back */
        memset(arena_alloc_raw(arena, size), 0xA5, size);
        arena_reset(arena);
        cr_assert_eq(arena_used(arena), 0);
        uint8_t *p = arena_alloc(arena, BIG);
        cr_assert_not_null(p);
        for (size_t i = 0; i < BIG; i++)
            if (p[i] != 0) cr_assert_fail("round %d: byte %zu is not zero", round, i);
        arena_reset(arena);
    }
    arena_destroy(&arena);
}

Test(arena, copies_and_prints) {
    struct arena *arena = arena_create(4096);
    char *copy = arena_copy(arena, "林长", 7);
    cr_assert_str_eq(copy, "林长");
    cr_assert_not_null(arena_copy(arena, NULL, 0));
    cr_assert_str_eq(arena_printf(arena, "%s=%d", "n", 12), "n=12");
    arena_destroy(&arena);
}

/* ---- time ---- */
Test(time, dates_that_exist) {
    cr_assert(lz_date_valid(20200229));
    cr_assert(lz_date_valid(20000229));
    cr_assert(!lz_date_valid(21000229));
    cr_assert(!lz_date_valid(20220229));
    cr_assert(!lz_date_valid(20220230));
    cr_assert(!lz_date_valid(20220431));
    cr_assert(!lz_date_valid(20221301));
    cr_assert(!lz_date_valid(20220001));
    cr_assert(!lz_date_valid(20220100));
    cr_assert(!lz_date_valid(0));
    cr_assert(lz_date_valid(19700101));
    cr_assert(!lz_date_valid(19691231));
    cr_assert(lz_date_valid(99991231));
    cr_assert(!lz_date_valid(100000101));
}

Test(time, dates_are_parsed_strictly) {
    uint32_t date = 7;
    static const char *const bad[] = { "", "2022-02-30", "20220230", "2022-4-24", "2022/04/24", "2022-04-24 ", " 20220424",
                                       "2022-0a-24", "+2220424", "20220424x", "-0220424" };
    for (size_t i = 0; i < LZ_COUNT(bad); i++) cr_assert(!lz_date_parse(bad[i], &date), "%s", bad[i]);
    cr_assert_eq(date, 7, "a refusal leaves the date alone");
    cr_assert(lz_date_parse("2022-04-24", &date));
    cr_assert_eq(date, 20220424);
    cr_assert(lz_date_parse("20200229", &date));
    cr_assert_eq(date, 20200229);
}

Test(time, days_are_counted) {
    cr_assert_eq(lz_date_add(20200228, 1), 20200229);
    cr_assert_eq(lz_date_add(20200228, 2), 20200301);
    cr_assert_eq(lz_date_add(20220228, 1), 20220301);
    cr_assert_eq(lz_date_add(20230101, -1), 20221231);
    cr_assert_eq(lz_date_add(20220424, 366 + 365 + 365), 20250424);
    cr_assert_eq(lz_date_add(99991231, 1), 0);
    cr_assert_eq(lz_date_add(19700101, -1), 0);
    cr_assert_eq(lz_date_add(0, 5), 0);
    cr_assert_eq(lz_date_weekday(20220424), 6);            /* a Sunday, worked */
    cr_assert_eq(lz_date_weekday(20261124), 1);
    uint32_t date = 19700101;
    size_t days = 1;
    for (int weekday = 3; date != 99991231; days++, weekday = (weekday + 1) % 7) {
        if (!lz_date_valid(date) || lz_date_weekday(date) != weekday) cr_assert_fail("%u", date);
        date = lz_date_add(date, 1);
    }
    cr_assert_eq(days, 2932897);
}

Test(time, a_day_is_a_day_in_china) {
    cr_assert_eq(lz_date_start_ms(20220424), 1650729600000u);     /* 2022-04-23T16:00:00Z */
    cr_assert_eq(lz_date_of(1650729600000u), 20220424);
    cr_assert_eq(lz_date_of(1650729600000u - 1), 20220423);
    cr_assert_eq(lz_date_start_ms(0), 0);
    cr_assert_eq(lz_date_start_ms(19700101), 0);
    cr_assert_eq(lz_date_of(0), 19700101);
    cr_assert_eq(lz_date_of(UINT64_MAX), 99991231);
    cr_assert_eq(lz_date_of(lz_date_start_ms(99991231)), 99991231);
}

Test(time, is_printed_for_people) {
    char out[32];
    lz_date_print(20220424, out);
    cr_assert_str_eq(out, "2022-04-24");
    lz_date_print(0, out);
    cr_assert_str_eq(out, "-");
    lz_time_print(1650729600000u + 9 * LZ_HOUR_MS + 5 * LZ_MINUTE_MS + 999, out);
    cr_assert_str_eq(out, "2022-04-24 09:05:00");
    lz_time_print(0, out);
    cr_assert_str_eq(out, "-");
    lz_time_print(UINT64_MAX, out);
    cr_assert_str_eq(out, "9999-12-31 23:59:59");
    static const struct {
        uint64_t ms;
        const char *text;
    } spans[] = {
        { 0, "0秒" }, { 999, "0秒" }, { 12000, "12秒" }, { 60000, "1分" }, { 61000, "1分1秒" },
        { 3 * (uint64_t)LZ_DAY_MS + 4 * LZ_HOUR_MS + 5, "3天4小时" }, { 3 * (uint64_t)LZ_DAY_MS + 59 * LZ_MINUTE_MS, "3天" },
        { 2 * LZ_HOUR_MS, "2小时" }, { UINT64_MAX, "213503982334天14小时" },
    };
    for (size_t i = 0; i < LZ_COUNT(spans); i++) {
        lz_span_print(LZ_ZH, spans[i].ms, out);
        cr_assert_str_eq(out, spans[i].text);
    }
}

Test(time, the_clock_goes_on) {
    struct lz_now a = lz_clock_now(), b = lz_clock_now();
    cr_assert(b.mono_ms >= a.mono_ms);
    cr_assert(a.wall_ms > lz_date_start_ms(20240101));
}

/* ---- calendar ---- */
static struct calendar *calendar_2022(void) {
    static char buffer[8192];
    struct calendar *calendar = calendar_create();
    struct lz_fail fail = { .code = LZ_ok };
    struct lz_bytes text = read_all("deploy/data/holidays-2022.txt", buffer, sizeof buffer);
    cr_assert_eq(calendar_load(calendar, text, &fail), LZ_ok, "%s", fail.text);
    return calendar;
}

Test(calendar, knows_weekends_and_exceptions) {
    struct calendar *calendar = calendar_2022();
    cr_assert(calendar_works(calendar, 20220425));         /* Monday */
    cr_assert(!calendar_works(calendar, 20220423));        /* Saturday */
    cr_assert(calendar_works(calendar, 20220424));         /* Sunday, 调休 */
    cr_assert(!calendar_works(calendar, 20220504));        /* Wednesday, 劳动节 */
    cr_assert(calendar_works(calendar, 20220507));
    cr_assert(!calendar_works(calendar, 20220508));
    cr_assert(!calendar_works(calendar, 20260228), "a Saturday, and 2026 is not loaded");
    static char buffer[8192];
    cr_assert_eq(calendar_load(calendar, read_all("deploy/data/holidays-2026.txt", buffer, sizeof buffer), NULL), LZ_ok);
    cr_assert(calendar_works(calendar, 20260228));
    cr_assert(!calendar_works(calendar, 20260223));
    cr_assert(!calendar_works(calendar, 20220504), "a second file adds");
    /* Each year has the working days that its notice leaves. */
    int worked = 0;
    for (uint32_t date = 20220101; date <= 20221231; date = lz_date_add(date, 1)) worked += calendar_works(calendar, date);
    cr_assert_eq(worked, 249);
    calendar_destroy(&calendar);
    cr_assert_null(calendar);
}

Test(calendar, adds_working_days) {
    struct calendar *calendar = calendar_2022();
    uint64_t nine = 9 * (uint64_t)LZ_HOUR_MS;
    uint64_t friday = lz_date_start_ms(20220429) + nine;
    cr_assert_eq(calendar_add(calendar, friday, 0), friday);
    cr_assert_eq(calendar_add(calendar, friday, 1), lz_date_start_ms(20220505) + nine, "across 劳动节");
    cr_assert_eq(calendar_add(calendar, friday, 3), lz_date_start_ms(20220507) + nine, "a worked Saturday counts");
    cr_assert_eq(calendar_add(calendar, lz_date_start_ms(20220505) + nine, -1), friday);
    cr_assert_eq(calendar_add(calendar, lz_date_start_ms(20220502), -2), lz_date_start_ms(20220428), "from a holiday");
    cr_assert_eq(calendar_add(calendar, lz_date_start_ms(20220425) + nine, -1), lz_date_start_ms(20220424) + nine);
    /* The hours between midnight in China and midnight in Greenwich belong to the day in China. */
    uint64_t early = lz_date_start_ms(20220425) + 1;
    cr_assert_eq(calendar_add(calendar, early, 1), lz_date_start_ms(20220426) + 1);
    uint64_t late = lz_date_start_ms(20220426) - 1;
    cr_assert_eq(calendar_add(calendar, late, 1), lz_date_start_ms(20220427) - 1);
    cr_assert_eq(lz_date_of(calendar_add(calendar, friday, INT32_MAX)), 99991231, "ends at the end of all dates");
    cr_assert_eq(lz_date_of(calendar_add(calendar, friday, INT32_MIN)), 19700101);
    calendar_destroy(&calendar);
}

Test(calendar, refuses_a_bad_file_whole) {
    struct calendar *calendar = calendar_create();
    struct lz_fail fail = { 0 };
    static const struct {
        const char *text;
        enum lz_err err;
        const char *line;
    } bad[] = {
        { "2022-05-04 off\n2022-02-30 off\n", LZ_bad_date, "第 2 行" },
        { "# c\n\n2022-05-04 rest\n", LZ_bad_argument, "第 3 行" },
        { "2022-05-04\n", LZ_bad_date, "第 1 行" },
        { "2022-05-04off\n", LZ_bad_argument, "第 1 行" },
        { "2022-05-04  off\n", LZ_bad_argument, "第 1 行" },
        { "2022-05-04 off\n2022-05-04 work\n", LZ_already, "第 2 行" },
        { "20220504 off\n", LZ_bad_date, "第 1 行" },
    };
    for (size_t i = 0; i < LZ_COUNT(bad); i++) {
        cr_assert_eq(calendar_load(calendar, str(bad[i].text), &fail), bad[i].err, "%s", bad[i].text);
        cr_assert_not_null(strstr(fail.text, bad[i].line), "%s", fail.text);
        cr_assert(calendar_works(calendar, 20220504), "nothing of a refused file stays");
    }
    cr_assert_eq(calendar_load(calendar, str("2022-05-04 off # 劳动节\r\n  \n#\n2022-05-07 work"), &fail), LZ_ok);
    cr_assert(!calendar_works(calendar, 20220504));
    cr_assert(calendar_works(calendar, 20220507));
    cr_assert_eq(calendar_load(calendar, lz_bytes_of(NULL, 0), &fail), LZ_ok);
    calendar_destroy(&calendar);
}

Test(calendar, has_a_maximum) {
    struct calendar *calendar = calendar_create();
    struct lz_fail fail = { 0 };
    static char text[4097 * 16];
    size_t len = 0;
    uint32_t date = 20220101;
    for (int i = 0; i < 4097; i++, date = lz_date_add(date, 1)) {
        lz_date_print(date, text + len);
        memcpy(text + len + 10, " off\n", 5);
        len += 15;
    }
    cr_assert_eq(calendar_load(calendar, lz_bytes_of(text, len), &fail), LZ_too_many);
    cr_assert_eq(calendar_load(calendar, lz_bytes_of(text, len - 15), &fail), LZ_ok);
    calendar_destroy(&calendar);
}

/* ---- random ---- */
Test(random, is_not_twice_the_same) {
    uint8_t a[32] = { 0 }, b[32] = { 0 };
    lz_random(a, sizeof a);
    lz_random(b, sizeof b);
    cr_assert_neq(memcmp(a, b, 32), 0);
    lz_random(a, 0);
}

/* ---- text ---- */
Test(text, only_well_formed_utf8_is_valid) {
    static const char *const good[] = { "", "plain", "a\n\tb", "焦林长督〔2022〕3号", "\xC2\xA0", "\xDF\xBF", "\xE0\xA0\x80",
                                        "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF", "𠮷" };
    for (size_t i = 0; i < LZ_COUNT(good); i++) cr_assert(lz_text_valid(str(good[i])), "good %zu", i);
    static const char *const bad[] = {
        "\x80", "\xBF", "\xC0\x80", "\xC1\xBF",                    /* lone tails, overlong two   */
        "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80", "\xF0\x8F\xBF\xBF", /* overlong      */
        "\xED\xA0\x80", "\xED\xBF\xBF",                            /* surrogates                 */
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF8\x88\x80\x80\x80", "\xFF", "\xFE",
        "\xE6\x9E", "\xE6", "\xF0\x9F\x98", "\xE6\x9E(", "a\xC3",     /* cut                        */
        "\x01", "a\rb", "\x1B[31m", "\x7F", "\xC2\x80", "\xC2\x9F",  /* control                    */
    };
    for (size_t i = 0; i < LZ_COUNT(bad); i++) cr_assert(!lz_text_valid(str(bad[i])), "bad %zu", i);
    cr_assert(!lz_text_valid(lz_bytes_of("a\0b", 3)), "NUL");
    cr_assert(lz_text_valid(lz_bytes_of(NULL, 0)));
}

Test(text, width_is_in_columns) {
    cr_assert_eq(lz_text_width(str("焦林长督〔2022〕3号")), 4 * 2 + 2 + 4 + 2 + 1 + 2);
    cr_assert_eq(lz_text_width(str("abc")), 3);
    cr_assert_eq(lz_text_width(str("e\u0301")), 1);
    cr_assert_eq(lz_text_width(str("が")), 2);
    cr_assert_eq(lz_text_width(str("か\u3099")), 2);
    cr_assert_eq(lz_text_width(str("，。（）“")), 4 * 2 + 1);
    cr_assert_eq(lz_text_width(str("𠮷한ｶ")), 2 + 2 + 1);
    cr_assert_eq(lz_text_width(str("🌲")), 2);
    cr_assert_eq(lz_text_width(str("\x1B\xFF\u202E")), 3, "each is shown as one '?'");
    cr_assert_eq(lz_text_width(str("")), 0);
}

Test(text, clip_cuts_between_characters) {
    char out[64];
    cr_assert_eq(lz_text_clip(str("林长制"), 6, out, sizeof out), 6);
    cr_assert_str_eq(out, "林长制");
    cr_assert_eq(lz_text_clip(str("林长制"), 5, out, sizeof out), 4);
    cr_assert_str_eq(out, "林长");
    cr_assert_eq(lz_text_clip(str("林长制"), 6, out, 7), 4, "room for two characters and the NUL");
    cr_assert_str_eq(out, "林长");
    cr_assert_eq(lz_text_clip(str("林"), 6, out, 1), 0);
    cr_assert_str_eq(out, "");
    cr_assert_eq(lz_text_clip(str("ab"), 0, out, sizeof out), 0);
    cr_assert_str_eq(out, "");
    cr_assert_eq(lz_text_clip(str("ae\u0301b"), 2, out, sizeof out), 2);
    cr_assert_str_eq(out, "ae\u0301", "the mark stays with its letter");
    cr_assert_eq(lz_text_clip(str("a\x1B[2J\u202Eb\n\xFF"), 20, out, sizeof out), 9);
    cr_assert_str_eq(out, "a?[2J?b??");
    out[0] = 'x';
    cr_assert_eq(lz_text_clip(str("a"), 5, out, 0), 0);
    cr_assert_eq(out[0], 'x');
}

/* ---- digits ---- */
Test(digits, base32_goes_there_and_back) {
    char out[16];
    uint64_t value = 0;
    lz_base32(0, 3, out);
    cr_assert_str_eq(out, "000");
    lz_base32(1023, 2, out);
    cr_assert_str_eq(out, "ZZ");
    lz_base32(1024, 2, out);
    cr_assert_str_eq(out, "00", "the low bits");
    lz_base32(UINT64_MAX, 13, out);
    cr_assert_str_eq(out, "FZZZZZZZZZZZZ");
    cr_assert(lz_base32_parse(out, 13, &value));
    cr_assert_eq(value, UINT64_MAX);
    for (uint64_t x = 1; x != 0; x <<= 1) {
        lz_base32(x, 13, out);
        cr_assert(lz_base32_parse(out, 13, &value) && value == x);
    }
    cr_assert(lz_base32_parse("oIl0-rest", 4, &value));
    cr_assert_eq(value, 1 << 10 | 1 << 5);
    cr_assert(lz_base32_parse("zz", 2, &value) && value == 1023);
    cr_assert(!lz_base32_parse("GZZZZZZZZZZZZ", 13, &value), "65 bits");
    cr_assert(!lz_base32_parse("10000000000000", 14, &value));
    cr_assert(!lz_base32_parse("0U", 2, &value));
    cr_assert(!lz_base32_parse("0", 2, &value), "ended early");
    cr_assert(!lz_base32_parse("", 0, &value));
    cr_assert_eq(value, 1023);
}

Test(digits, hex_is_whole) {
    uint8_t bytes[4] = { 0 };
    char out[9];
    cr_assert(lz_hex_parse("00fFA510", bytes, 4));
    cr_assert_arr_eq(bytes, ((uint8_t[]){ 0x00, 0xFF, 0xA5, 0x10 }), 4);
    lz_hex(bytes, 4, out);
    cr_assert_str_eq(out, "00ffa510");
    cr_assert(!lz_hex_parse("00ffa51", bytes, 4));
    cr_assert(!lz_hex_parse("00ffa5100", bytes, 4));
    cr_assert(!lz_hex_parse("00ffa51g", bytes, 4));
    cr_assert_eq(bytes[3], 0x10);
    cr_assert(lz_hex_parse("", bytes, 0));
}

Test(digits, numbers_are_in_range) {
    uint32_t u = 7;
    int64_t i = 7;
    cr_assert(lz_u32_parse("4294967295", &u) && u == UINT32_MAX);
    cr_assert(lz_u32_parse("007", &u) && u == 7);
    static const char *const bad[] = { "", "-1", "+1", " 1", "1 ", "4294967296", "99999999999999999999999", "0x10", "1.0" };
    for (size_t k = 0; k < LZ_COUNT(bad); k++) cr_assert(!lz_u32_parse(bad[k], &u), "%s", bad[k]);
    cr_assert_eq(u, 7);
    cr_assert(lz_i64_parse("9223372036854775807", &i) && i == INT64_MAX);
    cr_assert(lz_i64_parse("-9223372036854775808", &i) && i == INT64_MIN);
    cr_assert(lz_i64_parse("-0", &i) && i == 0);
    cr_assert(lz_i64_parse("-42", &i) && i == -42);
    cr_assert(!lz_i64_parse("9223372036854775808", &i));
    cr_assert(!lz_i64_parse("-9223372036854775809", &i));
    cr_assert(!lz_i64_parse("-", &i));
    cr_assert(!lz_i64_parse("--1", &i));
    cr_assert(!lz_i64_parse("", &i));
    cr_assert_eq(i, -42);
}

/* ---- log ---- */
Test(log, values_are_escaped) {
    char out[64];
    cr_assert_str_eq(lz_log_value(str("焦作 ok"), out, sizeof out), "焦作 ok");
    cr_assert_str_eq(lz_log_value(str("a\nb\x1B\\"), out, sizeof out), "a\\x0Ab\\x1B\\x5C");
    cr_assert_str_eq(lz_log_value(str("\xFF" "林\u202E"), out, sizeof out), "\\xFF林\\xE2\\x80\\xAE");
    cr_assert_str_eq(lz_log_value(str("林长"), out, 6), "林", "no half characters");
    cr_assert_str_eq(lz_log_value(str("\n\n"), out, 8), "\\x0A");
}

Test(log, a_line_is_one_line_and_told_once_a_minute) {
    static char got[4096];
    int ends[2], saved = dup(STDERR_FILENO);
    cr_assert_eq(pipe(ends), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    dup2(ends[1], STDERR_FILENO);
    for (int i = 0; i < 100; i++) lz_log(LZ_WARN, "link.quiet peer=%d", 410800);
    lz_log(LZ_WARN, "link.quiet peer=%d", 410802);
    lz_log(LZ_DEBUG, "not.shown");
    lz_log(LZ_INFO, "forged text=%s", "a\n2026 error b");
    for (int i = 0; i < 40; i++) lz_log(LZ_INFO, "crowd n=%d", i);   /* more lines than the table has places */
    dup2(saved, STDERR_FILENO);
    ssize_t len = read(ends[0], got, sizeof got - 1);
    cr_assert(len > 0);
    char *first = strstr(got, " warn link.quiet peer=410800\n");
    cr_assert_not_null(first, "%s", got);
    cr_assert_eq(first - got, 25, "2026-11-24T06:12:00+08:00");
    cr_assert_eq(got[10], 'T');
    cr_assert_eq(memcmp(got + 19, "+08:00", 6), 0);
    cr_assert_null(strstr(first + 1, " warn link.quiet peer=410800\n"), "told once");
    cr_assert_not_null(strstr(got, " warn link.quiet peer=410802\n"));
    cr_assert_null(strstr(got, "not.shown"));
    cr_assert_not_null(strstr(got, "forged text=a?2026 error b\n"));
    cr_assert_not_null(strstr(got, "crowd n=39\n"));
    cr_assert_not_null(strstr(got, " warn link.quiet peer=410800 repeated=99\n"), "told when its place was needed: %s", got);
}

Test(log, a_flood_does_not_fill_the_disk) {
    enum { MANY = 3000, MOST = 700 };
    static char got[512 * 1024];
    char path[] = "/tmp/linzhang-log-XXXXXX";
    int file = mkstemp(path), saved = dup(STDERR_FILENO);
    cr_assert_geq(file, 0);
    unlink(path);
    dup2(file, STDERR_FILENO);
    for (int i = 0; i < MANY; i++) lz_log(LZ_WARN, "wire.unknown_key key=%d", i);
    for (int i = 0; i < 20; i++) lz_log(LZ_ERROR, "link.clone peer=%d", i);
    dup2(saved, STDERR_FILENO);
    ssize_t len = pread(file, got, sizeof got - 1, 0);
    cr_assert(len > 0 && (size_t)len < sizeof got - 1);
    size_t warnings = 0, errors = 0;
    for (const char *p = got; (p = strstr(p, " warn wire.unknown_key")) != NULL; p++) warnings++;
    for (const char *p = got; (p = strstr(p, " error link.clone")) != NULL; p++) errors++;
    cr_assert(warnings > 100 && warnings < MOST, "%zu", warnings);
    cr_assert_eq(errors, 20, "errors are told");
    close(file);
}
