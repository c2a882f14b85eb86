/* node: a city on a store in memory, and the words of its neighbours. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include "fuzz.h"

enum { MAP_BYTES = 32 << 20, ARENA_BYTES = 256 << 20, IMAGE_MAX = 32 << 20 };
static const uint64_t start_ms = 1650848400000ull;              /* 2022-04-25 09:00 in China */
static char directory[64];

/* ---- this process ---- */

static void remove_directory(const char *path) {
    char file[512];
    DIR *dir = opendir(path);
    for (struct dirent *e; dir && (e = readdir(dir)); ) {
        snprintf(file, sizeof file, "%s/%s", path, e->d_name);
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 && unlink(file) != 0) remove_directory(file);
    }
    if (dir) closedir(dir);
    rmdir(path);
}

static void at_end(void) { remove_directory(directory); }

const char *fuzz_directory(void) {
    if (directory[0]) return directory;
    const char *given = getenv("FUZZ_DIR");
    snprintf(directory, sizeof directory, "%.40s/lz-fuzz-XXXXXX", given ? given : access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    LZ_ASSERT(mkdtemp(directory));
    atexit(at_end);
    return directory;
}

struct arena *fuzz_arena(void) {
    static struct arena *arena;
    if (!arena) arena = arena_create(ARENA_BYTES);
    return arena;
}

void fuzz_begin(void) {
    lz_log_level((enum lz_level)(LZ_ERROR + 1));
    arena_reset(fuzz_arena());
}

const struct units *fuzz_small_units(void) {
    static struct units *units;
    static const char text[] = "code\tname_zh\ttier\tparent_code\tcode_system\n410000\t河南省\tprovince\t-\tGB\n410100\t郑州市\tcity\t410000\tGB\n"
                               "410102\t中原区\tcounty\t410100\tGB\n410800\t焦作市\tcity\t410000\tGB\n410802\t解放区\tcounty\t410800\tGB\n"
                               "410803\t中站区\tcounty\t410800\tGB\n410804\t马村区\tcounty\t410800\tGB\n410882\t沁阳市\tcounty\t410800\tGB\n";
    if (units) return units;
    units = units_create();
    enum lz_err err = units_load(units, lz_bytes_str(text), NULL);
    LZ_ASSERT(err == LZ_ok);
    return units;
}

static const struct calendar *calendar(void) {
    static struct calendar *made;
    if (!made) made = calendar_create();
    return made;
}

/* ---- the node ---- */

static bool strikes(void *context, enum store_point point) {
    struct node *n = context;
    bool now = point == STORE_FULL && n->full;
    if (now) n->full = false;
    return now;
}

static void enrol(struct node *n, uint32_t code, const uint32_t *subtree, size_t count) {
    uint8_t key[32] = { 1 };
    lz_put32(key + 4, code);
    enum lz_err err = roster_add(n->roster, code, key, subtree, count, NULL);
    LZ_ASSERT(err == LZ_ok);
}

struct epoch epoch_of(uint32_t peer, uint8_t generation) {
    struct epoch e = { { 0 } };
    lz_put32(e.b, peer);
    lz_put32(e.b + 4, (uint32_t)generation + 1);
    return e;
}

bool node_start(struct node *n, struct lz_fail *fail) {
    n->faults = (struct store_faults){ strikes, n };
    struct store_options store = { .path = n->directory, .unit = CITY, .map_bytes = MAP_BYTES, .budget_bytes = MAP_BYTES - (4 << 20), .reserve_bytes = 1 << 20,
                                   .no_sync = true, .faults = &n->faults };
    if (store_open(&n->store, &store, fail) != LZ_ok) return false;
    struct turn_options o = { .store = n->store, .roster = n->roster, .units = fuzz_small_units(), .calendar = calendar(), .unit = CITY, .parent = PROVINCE,
                              .tier = TIER_CITY, .n_parent_endpoints = 1, .software = "fuzz", .seed = 7, .tip_ms = 1000, .tip_idle_ms = 5000, .hello_ms = 1000,
                              .settings = { .sign_days = 1, .sign_urgent_hours = 2, .reminder_days = 10, .letter_days = 15, .accept_days = 1, .handle_days = 15,
                                            .blue_days = 3, .yellow_points = 10, .red_points = 30, .urge_after_days = 3, .offer_after_days = 5,
                                            .rollup_interval_ms = 1000 },
                              .epoch = epoch_of(CITY, (uint8_t)n->starts++) };
    memset(o.seal_key, 0x5a, sizeof o.seal_key);
    if (turn_open(&n->turn, &o, n->now, fail) != LZ_ok) { store_close(&n->store); return false; }
    n->ctl = ctl_create(&(struct ctl_options){ .turn = n->turn, .roster = n->roster, .roster_path = n->roster_path, .software = "fuzz",
                                               .store_path = n->directory, .started_wall_ms = n->now.wall_ms });
    return true;
}

void node_stop(struct node *n) {
    n->full = false;
    ctl_destroy(&n->ctl);
    turn_close(&n->turn);
    store_close(&n->store);
}

static const char *data_file(const struct node *n, char out[160]) { snprintf(out, 160, "%s/data.mdb", n->directory); return out; }

void node_open(struct node *n, struct lz_bytes image) {
    static const uint32_t of_a[] = { COUNTY_A, 410804 }, of_b[] = { COUNTY_B };
    char file[160];
    *n = (struct node){ .now = { 100000, start_ms }, .starts = image.len ? 100 : 0 };
    snprintf(n->directory, sizeof n->directory, "%s/city", fuzz_directory());
    snprintf(n->roster_path, sizeof n->roster_path, "%s/children", fuzz_directory());
    mkdir(n->directory, 0700);
    unlink(data_file(n, file));
    if (image.len) {
        int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        LZ_ASSERT(fd >= 0 && write(fd, image.data, image.len) == (ssize_t)image.len);
        close(fd);
    }
    n->roster = roster_create();
    enrol(n, COUNTY_A, of_a, LZ_COUNT(of_a));
    enrol(n, COUNTY_B, of_b, LZ_COUNT(of_b));
}

void node_close(struct node *n) {
    node_stop(n);
    roster_destroy(&n->roster);
}

struct lz_bytes node_image(const struct node *n) {
    char file[160];
    uint8_t *data = malloc(IMAGE_MAX);
    int fd = open(data_file(n, file), O_RDONLY | O_CLOEXEC);
    LZ_ASSERT(data && fd >= 0);
    ssize_t len = read(fd, data, IMAGE_MAX);
    LZ_ASSERT(len > 0 && len < IMAGE_MAX);
    close(fd);
    return lz_bytes_of(data, (size_t)len);
}

void node_later(struct node *n, uint64_t ms) {
    n->now.mono_ms += ms;
    n->now.wall_ms += ms;
}

void node_begin(struct node *n) {
    turn_begin(n->turn, n->now);
    (void)ctl_serve_deferred(n->ctl);
}

enum lz_err node_end(struct node *n) {
    enum lz_err err = turn_commit(n->turn);
    must(err == LZ_ok || err == LZ_full, "a commit gave %s", lz_err_name(err));
    ctl_flush(n->ctl, err);
    return err;
}

enum lz_err node_feed(struct node *n, uint32_t peer, struct lz_bytes packet) {
    uint8_t *copy = exact(packet);
    node_begin(n);
    turn_feed(n->turn, &(struct packet){ peer, CHANNEL_SYNC, lz_bytes_of(copy, packet.len) });
    enum lz_err err = node_end(n);
    free(copy);
    return err;
}

void node_verify(struct node *n, const char *when) {
    struct verify v;
    turn_begin(n->turn, n->now);
    flow_verify(turn_flow(n->turn), &v);
    must(v.differences == 0, "%s: verify finds %llu differences, first: %.*s", when, (unsigned long long)v.differences, (int)v.first.len,
        (const char *)v.first.data);
    (void)node_end(n);
}

/* ---- what a good neighbour says ---- */

struct lz_bytes hello_from(const struct node *n, uint32_t peer, uint8_t generation, uint64_t position) {
    struct lineage_entry lineage[1] = { { epoch_of(peer, generation), position } };
    struct hello h = { .version = 1, .version_min = 1, .software = lz_bytes_str("fuzz"), .unit = peer, .to = CITY, .tier = peer == PROVINCE
        ? TIER_PROVINCE : TIER_COUNTY,
                       .reply = true, .lineage = lineage, .n_lineage = 1, .wall_ms = n->now.wall_ms };
    struct lz_bytes packet;
    enum lz_err err = hello_encode(fuzz_arena(), &h, &packet);
    LZ_ASSERT(err == LZ_ok);
    return packet;
}

struct lz_bytes reclaim_end_from(const struct node *n, uint32_t peer, uint8_t generation) {
    struct reclaim_answer a = { .asker = store_epoch(n->store), .answerer = epoch_of(peer, generation), .ended = true, .final = true };
    struct lz_bytes packet;
    enum lz_err err = reclaim_answer_encode(fuzz_arena(), &a, &packet);
    LZ_ASSERT(err == LZ_ok);
    return packet;
}

/* ---- a city in the middle of its work ---- */

struct story { struct node *n; struct pool *pool; uint64_t position[2]; };

static struct rec_id submit(struct story *s, struct record draft, uint8_t request) {
    struct node *n = s->n;
    struct rec_id id = { 0 };
    struct lz_fail fail = { 0 };
    uint8_t asked[16] = { request };
    node_later(n, 1000);
    node_begin(n);
    enum lz_err err = flow_submit(turn_flow(n->turn), &draft, lz_bytes_str("clerk"), lz_bytes_of(asked, sizeof asked), 0, &id, &fail);
    must(err == LZ_ok, "the story: %s", fail.text);
    err = node_end(n);
    LZ_ASSERT(err == LZ_ok);
    return id;
}

/* One record of a neighbour in a batch of its own. */
static struct rec_id say(struct story *s, uint32_t peer, struct record r) {
    struct node *n = s->n;
    const struct kind_row *row = kind_row(r.kind);
    bool down = peer == PROVINCE;
    uint64_t *position = &s->position[down];
    r.lane = (uint8_t)row->lane;
    r.direction = (uint8_t)row->direction;
    r.reach = (uint8_t)row->reach;
    r.tier = down ? TIER_PROVINCE : TIER_COUNTY;
    r.origin = peer;
    node_later(n, 1000);
    r.stamp = n->now.wall_ms << 16;
    r.epoch = peer;
    r.written_ms = n->now.wall_ms;
    r.author = lz_bytes_str("clerk");
    enum lz_err err = record_encode(fuzz_arena(), &r, NULL);
    LZ_ASSERT(err == LZ_ok);
    struct batch b = { .feed = { down ? SCOPE_ALL : SCOPE_UP, r.lane }, .epoch = epoch_of(peer, 0), .to = ++*position, .seen = *position, .tip = *position,
                       .envelopes = &r.envelope, .n_envelopes = 1 };
    struct lz_bytes packet;
    err = batch_encode(fuzz_arena(), &b, &packet);
    LZ_ASSERT(err == LZ_ok);
    (void)node_feed(n, peer, packet);
    return record_id(&r);
}

static struct record directive(enum kind kind, const char *title, uint32_t *targets, size_t n_targets) {
    struct record d = { .kind = (uint16_t)kind, .targets = targets, .n_targets = n_targets, .target_all = n_targets == 0 };
    d.of.directive.title = lz_bytes_str(title);
    d.of.directive.item = 3;
    return d;
}

static struct record move_of(struct rec_id subject, enum machine machine, const char *name, uint32_t unit) {
    struct record d = { .kind = KIND_move, .subject = subject };
    d.of.move = (struct move){ .move = move_by_name(machine, name)->number, .unit = unit, .text = lz_bytes_str("说明") };
    return d;
}

static void tell_story(struct story *s) {
    uint32_t to_a[] = { COUNTY_A }, to_us[] = { CITY };
    struct record letter = directive(KIND_supervision_letter, "关于加快造林的督办函", to_a, 1);
    letter.of.directive.number = lz_bytes_str("焦林长督〔2022〕3号");
    letter.of.directive.due_ms = s->n->now.wall_ms + 20 * (uint64_t)LZ_DAY_MS;
    (void)submit(s, letter, 1);
    struct rec_id task = submit(s, directive(KIND_task, "完成整地", NULL, 0), 2);
    struct record deliver = move_of(task, MACHINE_HANDLING, "deliver", COUNTY_A);
    struct rec_id delivered = say(s, COUNTY_A, deliver);
    struct record sign = move_of(task, MACHINE_HANDLING, "sign", COUNTY_A);
    sign.of.move.follows = delivered;
    (void)say(s, COUNTY_A, sign);
    struct record progress = { .kind = KIND_progress, .subject = task, .of.progress = { 20220425, 12, 40, lz_bytes_str("完成整地") } };
    (void)say(s, COUNTY_A, progress);
    uint8_t key[2 + REC_ID_BYTES] = { 0 };
    lz_put16(key, KIND_task);
    rec_id_put(task, key + 2);
    struct record rollup = { .kind = KIND_rollup, .key = lz_bytes_of(key, sizeof key), .of.rollup = { .kind = KIND_task, .subject = task,
        .label = lz_bytes_str("完成整地") } };
    rollup.of.rollup.sum.of[COUNTER_total] = 1;
    (void)say(s, COUNTY_A, rollup);
    struct rec_id order = say(s, PROVINCE, directive(KIND_general_order, "总林长令", to_us, 1));
    (void)submit(s, move_of(order, MACHINE_HANDLING, "sign", CITY), 3);
    struct record problem = { .kind = KIND_problem, .of.problem = { .class = 4, .title = lz_bytes_str("毁林开垦"), .place_code = COUNTY_B, .found_on = 20220420 } };
    struct rec_id found = submit(s, problem, 4);
    (void)submit(s, move_of(found, MACHINE_PROBLEM, "accept", 0), 5);
    struct record emergency = { .kind = KIND_emergency, .of.emergency = { .class = 1, .title = lz_bytes_str("火情"), .area_e2 = 120 } };
    (void)submit(s, emergency, 6);
    struct record duty = { .kind = KIND_duty, .key = lz_bytes_str("1"), .of.duty = { .name = lz_bytes_str("王"), .post = lz_bytes_str("市长") } };
    (void)submit(s, duty, 7);
    struct record foreign = directive(KIND_task, "越权", to_us, 1);
    (void)say(s, COUNTY_A, foreign);                            /* a county gives no orders: refused, and kept as evidence */
}

static void ask_of_story(struct node *n) {
    uint8_t request[16] = { 8 };
    struct arg args[] = { { lz_bytes_str("title"), lz_bytes_str("通报") }, { lz_bytes_str("to"), lz_bytes_str("all") } };
    struct ask ask = { .verb = lz_bytes_str("bulletin issue"), .request = lz_bytes_of(request, sizeof request), .args = args, .n_args = 2, .seq = 1 };
    struct lz_bytes packet;
    enum lz_err err = ask_encode(fuzz_arena(), &ask, &packet);
    LZ_ASSERT(err == LZ_ok);
    node_begin(n);
    ctl_serve(n->ctl, (const uint8_t *)"c", 1, 0, packet);
    (void)node_end(n);
}

struct lz_bytes worked_image(struct pool *pool) {
    static struct pool kept;
    static struct lz_bytes image;
    struct node n;
    if (image.len == 0) {
        node_open(&n, (struct lz_bytes){ 0 });
        struct story story = { .n = &n, .pool = &kept };
        bool started = node_start(&n, NULL);
        LZ_ASSERT(started);
        static const uint32_t peers[] = { PROVINCE, COUNTY_A, COUNTY_B };
        for (size_t i = 0; i < LZ_COUNT(peers); i++) {
            (void)node_feed(&n, peers[i], hello_from(&n, peers[i], 0, 0));
            if (peers[i] != COUNTY_B) (void)node_feed(&n, peers[i], reclaim_end_from(&n, peers[i], 0));
        }
        tell_story(&story);
        ask_of_story(&n);
        node_later(&n, 3 * (uint64_t)LZ_DAY_MS);
        node_begin(&n);
        (void)node_end(&n);
        struct key key = { 0 };
        struct lz_bytes value;
        node_begin(&n);
        for (; store_seek(n.store, TABLE_record, &key, &value); key = key_after(key)) {
            struct stored stored;
            struct record r;
            if (store_record_parse(value, &stored) && record_decode(fuzz_arena(), stored.envelope, &r, NULL) == LZ_ok) pool_add(&kept, record_id(&r),
                stored.envelope);
        }
        (void)node_end(&n);
        node_verify(&n, "the story");
        node_stop(&n);
        image = node_image(&n);
        node_close(&n);
    }
    if (pool) *pool = kept;
    return image;
}
