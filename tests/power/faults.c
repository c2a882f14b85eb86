/* faults: each call of one scenario made to fail, once and for good.
 *
 * A city and its county, made of the real store, flow, turn and ctl, carry each other's packets by hand; only the city's calls
 * can fail (shim.c is preloaded). For each N a child process runs the scenario with the N-th call failing. It may refuse with a
 * reason, or end as the daemon ends (exit 1, after closing everything); it may not die by a signal, hang, or say "ok" of what
 * does not stay. Then another child process runs the same scenario again over the same two directories without faults, with the
 * same requests: whatever was acknowledged must be answered as before, the rest must now be done, both nodes must be `live`,
 * `verify` must find nothing, and each must hold as many records of each kind as after a run without faults: nothing twice.
 * Exit codes of a child: 0 went through, 1 lz_fatal or refused at start or ended after a failed commit, others: findings. */
#include "rig.h"
#include "log.h"
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CITY = 410800, COUNTY = 410882, STEPS = 64, PACKETS = 512, PUMP_MAX = 600, TRIES = 4, EXIT_ENDED = 1, EXIT_WRONG = 9, SHOWN = 8, WORKERS = 2 };
#ifdef POWER_WRAP
enum { CALLS_MIN = 25 };             /* of our own objects only: what liblmdb allocates is not seen */
#else
enum { CALLS_MIN = 200 };
#endif
struct step_result { bool done; uint8_t n_ids; struct rec_id ids[8]; };
struct shared {                      /* survives the child */
    struct step_result steps[STEPS];
    uint64_t counts[2][KIND_MAX];
    char why[400];
    long calls;
    bool struck;
    bool opened;
};
struct parcel { bool to_city; enum channel channel; uint8_t *bytes; size_t len; };
struct world {
    struct rig city, county;
    struct parcel parcels[PACKETS];
    size_t n_parcels;
    struct arena *arena;
    struct shared *shared;
    const char *units_text;
    size_t units_len;
    struct units *units;
    struct calendar *calendar;
    bool answered_ok;
    struct step_result answer;
    enum lz_err code;
    char said[300];
    bool again;                      /* the run after the fault: everything must be done */
};
static void (*arm)(const char *call, long at, int error, bool forever);
static long (*calls_made)(void);
static bool (*was_struck)(void);
static void (*pause_faults)(bool paused);
static void (*fault_dir)(const char *path);

static void wrong(struct world *w, const char *format, ...) LZ_PRINTF(2, 3) __attribute__((noreturn));
static void wrong(struct world *w, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(w->shared->why, sizeof w->shared->why, format, args);
    va_end(args);
    _exit(EXIT_WRONG);
}

/* As the daemon ends when there is no way on. */
static void end_city(struct world *w) __attribute__((noreturn));
static void end_city(struct world *w) {
    rig_close(&w->city);
    pause_faults(true);
    w->shared->calls = calls_made();
    w->shared->struck = was_struck();
    _exit(EXIT_ENDED);
}

/* ---- one turn of a node ---------------------------------------------------------------------------------------------------- */

static void post(struct world *w, bool to_city, const struct packet *p) {
    if (w->n_parcels == PACKETS) return;                     /* as a full queue: it is repeated or fetched */
    uint8_t *bytes = malloc(p->bytes.len + 1);
    if (!bytes) wrong(w, "the driver has no memory");
    memcpy(bytes, p->bytes.data, p->bytes.len);
    w->parcels[w->n_parcels++] = (struct parcel){ to_city, p->channel, bytes, p->bytes.len };
}

static void take_answer(struct world *w, struct lz_bytes packet) {
    enum packet_type type;
    struct lz_bytes body;
    struct answer answer;
    arena_reset(w->arena);
    if (packet_open(packet, &type, &body, NULL) != LZ_ok || type != PACKET_ANSWER || answer_decode(w->arena, body, &answer) != LZ_ok)
        wrong(w, "an answer cannot be read");
    w->code = answer.code;
    w->answered_ok = answer.code == LZ_ok;
    snprintf(w->said, sizeof w->said, "%.*s", (int)(answer.text.len < 280 ? answer.text.len : 280), (const char *)answer.text.data);
    if (!w->answered_ok && answer.text.len == 0) wrong(w, "a refusal without a reason: %s", lz_err_name(answer.code));
    w->answer = (struct step_result){ .done = w->answered_ok };
    for (size_t i = 0; i < answer.n_ids && w->answer.n_ids < LZ_COUNT(w->answer.ids); i++)
        if (answer.ids[i].len == REC_ID_BYTES) w->answer.ids[w->answer.n_ids++] = rec_id_get(answer.ids[i].data);
}

/* The daemon's one_turn, with the packets that wait for this node and at most one ask. */
static void one_turn(struct world *w, struct rig *r, struct lz_bytes ask) {
    bool city = r == &w->city;
    struct packet packet;
    const uint8_t *client;
    size_t client_len, endpoint, kept = 0, n = w->n_parcels;
    struct lz_bytes answer;
    static struct parcel mine[PACKETS];
    size_t n_mine = 0;
    for (size_t i = 0; i < n; i++)
        if (w->parcels[i].to_city == city) mine[n_mine++] = w->parcels[i];
        else w->parcels[kept++] = w->parcels[i];
    w->n_parcels = kept;
    if (city) pause_faults(false);
    turn_begin(r->turn, r->now);
    if (!(ctl_has_deferred(r->ctl) && ctl_serve_deferred(r->ctl))) {
        if (ask.len) ctl_serve(r->ctl, (const uint8_t *)"cli", 3, 0, ask);
        for (size_t i = 0; i < n_mine; i++) {
            struct packet in = { city ? COUNTY : CITY, mine[i].channel, lz_bytes_of(mine[i].bytes, mine[i].len) };
            turn_feed(r->turn, &in);
        }
    }
    enum lz_err err = turn_commit(r->turn);
    pause_faults(true);
    while (turn_next_send(r->turn, &packet)) post(w, !city, &packet);
    if (city) pause_faults(false);
    ctl_flush(r->ctl, err);
    pause_faults(true);
    while (ctl_next_answer(r->ctl, &client, &client_len, &answer)) take_answer(w, answer);
    turn_wants_dial(r->turn, &endpoint);
    for (size_t i = 0; i < n_mine; i++) free(mine[i].bytes);
    if (err == LZ_ok || err == LZ_full) return;
    if (!city) wrong(w, "the county failed: %s", lz_err_name(err));
    if (w->answered_ok && ask.len) wrong(w, "said ok of a commit that failed");
    pause_faults(false);
    end_city(w);
}

static void pass_time(struct world *w, uint64_t ms) {
    w->city.now.mono_ms += ms;
    w->city.now.wall_ms += ms;
    w->county.now = w->city.now;
}

static bool is_live(struct rig *r) {
    struct link_view view;
    bool live = turn_links(r->turn) > 0;
    for (size_t i = 0; i < turn_links(r->turn); i++) {
        turn_link_view(r->turn, i, &view);
        live &= view.state == LINK_live && view.behind_out == 0 && view.behind_in == 0;
    }
    store_abort(r->store);
    return live;
}

/* Until both say live and nothing is under way; gives up where a fault that stays keeps them from it. */
static bool pump(struct world *w) {
    for (int i = 0; i < PUMP_MAX; i++) {
        size_t before = w->n_parcels;
        one_turn(w, &w->city, (struct lz_bytes){ 0 });
        one_turn(w, &w->county, (struct lz_bytes){ 0 });
        if (w->n_parcels == 0 && i > 3 && is_live(&w->city) && is_live(&w->county)) return true;
        pass_time(w, before || w->n_parcels ? 10 : 500);
    }
    fprintf(stderr, "the pump gave up\n");
    return false;
}

/* ---- clerks ------------------------------------------------------------------------------------------------------------------- */

static bool same_ids(const struct step_result *a, const struct step_result *b) {
    bool same = a->n_ids == b->n_ids;
    for (size_t i = 0; i < a->n_ids && same; i++) same = rec_id_equal(a->ids[i], b->ids[i]);
    return same;
}

/* One ask, with the request id of its step, repeated as linzhangctl repeats it. pairs: name=value. Gives whether it was done. */
static bool clerk(struct world *w, struct rig *r, int step, const char *verb, const char *const *pairs) {
    struct arg args[12];
    uint8_t request[16] = { 0xAA };
    lz_put32(request + 4, (uint32_t)step);
    struct ask ask = { .verb = lz_bytes_str(verb), .request = lz_bytes_of(request, 16), .args = args, .seq = (uint64_t)step };
    for (; pairs[ask.n_args]; ask.n_args++) {
        const char *equals = strchr(pairs[ask.n_args], '=');
        args[ask.n_args] = (struct arg){ lz_bytes_of(pairs[ask.n_args], (size_t)(equals - pairs[ask.n_args])), lz_bytes_str(equals + 1) };
    }
    struct step_result *result = &w->shared->steps[step];
    for (int i = 0; i < TRIES; i++) {
        struct lz_bytes packet;
        arena_reset(w->arena);
        if (ask_encode(w->arena, &ask, &packet) != LZ_ok) wrong(w, "step %d cannot be asked", step);
        uint8_t *copy = malloc(packet.len);
        if (!copy) wrong(w, "the driver has no memory");
        memcpy(copy, packet.data, packet.len);
        w->answered_ok = false;
        w->code = LZ_ERR_COUNT;
        pass_time(w, 10);
        one_turn(w, r, lz_bytes_of(copy, packet.len));
        for (int k = 0; k < 3 && w->code == LZ_ERR_COUNT; k++) one_turn(w, r, (struct lz_bytes){ 0 });
        free(copy);
        fprintf(stderr, "step %d %s: %s %s\n", step, verb, w->code < LZ_ERR_COUNT ? lz_err_name(w->code) : "no answer", w->said);
        if (w->answered_ok) break;
        pass_time(w, 1100);
    }
    /* The roster is a file: a removal that was never acknowledged may have happened all the same, and says so when repeated. */
    if (w->code == LZ_not_found && w->again && strcmp(verb, "child remove") == 0 && !result->done) {
        result->done = true;
        return true;
    }
    if (!w->answered_ok && w->again) wrong(w, "step %d (%s) is refused afterwards: %s %s", step, verb, lz_err_name(w->code), w->said);
    if (!w->answered_ok) return false;
    if (result->done && !same_ids(result, &w->answer))
        wrong(w, "step %d (%s) was acknowledged and is answered otherwise now", step, verb);
    for (size_t i = 0; i < w->answer.n_ids; i++) {
        struct stored stored;
        bool is_event = kind_row(w->answer.ids[i].kind)->class == CLASS_EVENT;
        if (is_event && !store_record_get(r->store, key_id(w->answer.ids[i]), &stored)) wrong(w, "step %d (%s) was acknowledged and is not there", step, verb);
    }
    store_abort(r->store);
    *result = w->answer;
    return true;
}
#define ASK(rig, step, verb, ...) clerk(w, rig, step, verb, (const char *const[]){ __VA_ARGS__, NULL })

static const char *id_of(const struct world *w, int step, char out[REC_ID_TEXT + 4]) {
    strcpy(out, "id=");
    if (w->shared->steps[step].n_ids == 0) return NULL;
    rec_id_print(w->shared->steps[step].ids[0], out + 3);
    return out;
}

/* ---- the scenario ----------------------------------------------------------------------------------------------------------------- */

static void start_city(struct world *w) {
    struct lz_fail fail = { 0 };
    pause_faults(false);
    enum lz_err err = rig_open(&w->city, &fail);
    if (err != LZ_ok) {
        if (w->again) { pause_faults(true); wrong(w, "does not open afterwards: %.300s", fail.text); }
        if (fail.text[0] == 0) wrong(w, "does not open, without a reason: %s", lz_err_name(err));
        end_city(w);
    }
    pause_faults(true);
    w->shared->opened = true;
    if (w->county.turn) { turn_parent_event(w->county.turn, PARENT_LOST); turn_parent_event(w->county.turn, PARENT_CONNECTED); }
}

static void start_county(struct world *w) {
    struct lz_fail fail = { 0 };
    if (rig_open(&w->county, &fail) != LZ_ok) wrong(w, "the county does not open: %.300s", fail.text);
    turn_parent_event(w->county.turn, PARENT_CONNECTED);
}

static void first_half(struct world *w) {
    char id[REC_ID_TEXT + 4];
    ASK(&w->city, 1, "child add", "code=410882", "key=rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
    ASK(&w->city, 2, "duty set", "no=1", "name=值班一", "post=市长");
    ASK(&w->city, 3, "task issue", "title=抚育", "to=410882", "due=2030-12-31");
    pump(w);
    if (id_of(w, 3, id)) {
        ASK(&w->county, 20, "move", "move=sign", id, "noun=task");
        ASK(&w->county, 21, "move", "move=start", id, "noun=task");
        ASK(&w->county, 22, "progress report", id, "num=3", "den=40", "as-of=2025-12-01");
        ASK(&w->county, 23, "move", "move=report", id, "noun=task", "text=已完成");
    }
    ASK(&w->county, 24, "problem report", "title=毁林", "place=常平乡");
    if (id_of(w, 24, id)) ASK(&w->county, 25, "move", "move=escalate", id, "text=涉及两县");
    pump(w);
    if (id_of(w, 24, id)) ASK(&w->city, 4, "move", "move=accept", id);
    if (id_of(w, 3, id)) ASK(&w->city, 5, "move", "move=return", id, "noun=task", "unit=410882", "text=缺少台账");
    ASK(&w->city, 6, "duty set", "no=1", "name=值班二", "post=书记");
}

/* More of the same, so that the files grow and pages are used again: from step 32 on, the odd ones at the county. */
static void many(struct world *w, int from, int to) {
    char id[REC_ID_TEXT + 4], text[32], num[16], title[32];
    for (int i = from; i < to; i++) {
        snprintf(text, sizeof text, "text=第%d次", i);
        snprintf(num, sizeof num, "num=%d", i);
        snprintf(title, sizeof title, "title=问题%d", i);
        if (i % 2 == 0) ASK(&w->city, i, "problem report", title, "place=林场", "body=毁林开垦，涉及多处，需要上级协调");
        else if (id_of(w, 3, id)) ASK(&w->county, i, "progress report", id, num, "den=100", "as-of=2025-12-06", text);
        if (i % 8 == 7) pump(w);
    }
}

static void second_half(struct world *w) {
    char id[REC_ID_TEXT + 4];
    ASK(&w->city, 7, "letter issue", "title=督办函", "to=410882", "number=焦林长督〔2026〕3号", "due=2030-11-30");
    ASK(&w->city, 8, "emergency report", "title=火情", "place=林场");
    pump(w);
    if (id_of(w, 7, id)) ASK(&w->county, 26, "move", "move=sign", id, "noun=letter");
    if (id_of(w, 3, id)) ASK(&w->county, 27, "progress report", id, "num=9", "den=40", "as-of=2025-12-05");
    pump(w);
    if (id_of(w, 7, id)) ASK(&w->city, 9, "move", "move=urge", id, "noun=letter", "unit=410882", "text=请加快");
    ASK(&w->city, 10, "child remove", "code=410882");
    ASK(&w->city, 11, "task issue", "title=造林", "to=410882", "due=2030-12-31");      /* what is addressed to it meanwhile waits for it */
    ASK(&w->city, 12, "child add", "code=410882", "key=rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
    pump(w);
    if (id_of(w, 11, id)) ASK(&w->county, 28, "move", "move=sign", id, "noun=task");
}

static void count_records(struct rig *r, uint64_t counts[KIND_MAX]) {
    struct key key = { 0 };
    struct lz_bytes v;
    memset(counts, 0, KIND_MAX * sizeof *counts);
    for (; store_seek(r->store, TABLE_record, &key, &v); key = key_after(key)) counts[lz_get16(key.b + 4) % KIND_MAX]++;
    store_abort(r->store);
}

static void scenario(struct world *w) {
    char first[256];
    struct lz_fail fail = { 0 };
    pause_faults(false);
    w->units = units_create();
    if (!w->units) lz_fatal("out of memory");
    if (units_load(w->units, lz_bytes_of(w->units_text, w->units_len), &fail) != LZ_ok) wrong(w, "units: %.300s", fail.text);
    w->calendar = calendar_create();
    pause_faults(true);
    w->city.units = w->county.units = w->units;
    w->city.calendar = w->county.calendar = w->calendar;
    start_city(w);
    start_county(w);
    first_half(w);
    pause_faults(false);
    rig_close(&w->city);
    start_city(w);
    pump(w);
    many(w, 32, 48);
    second_half(w);
    many(w, 48, STEPS);
    bool live = pump(w);
    if (w->again && !live) wrong(w, "not live afterwards");
    pass_time(w, 2000);
    if (w->again) pump(w);
    if (rig_verify(&w->county, first)) wrong(w, "verify at the county: %s", first);
    if (w->again && rig_verify(&w->city, first)) wrong(w, "verify: %s", first);
    count_records(&w->city, w->shared->counts[0]);
    count_records(&w->county, w->shared->counts[1]);
    rig_close(&w->county);
    pause_faults(false);
    rig_close(&w->city);
    pause_faults(true);
    w->shared->calls = calls_made();
    w->shared->struck = was_struck();
}

/* ---- every call --------------------------------------------------------------------------------------------------------------------- */

struct plan { const char *call; int error; bool forever; const char *name; };
struct run { const char *work, *units_text; size_t units_len; struct shared *shared; bool trace; };
struct tally { uint64_t runs, through, ended, refused, bad; int shown; };

static void empty_dir(const char *path) {
    DIR *dir = opendir(path);
    struct dirent *e;
    char sub[1024];
    while (dir && (e = readdir(dir))) {
        if (e->d_name[0] == '.') continue;
        snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
        if (unlink(sub) != 0) { empty_dir(sub); rmdir(sub); }
    }
    if (dir) closedir(dir);
}

static struct rig rig_at(const char *work, const char *name, uint32_t unit, uint32_t parent, enum tier tier) {
    struct rig r = { .unit = unit, .parent = parent, .tier = (uint8_t)tier, .now = { 1000000, 1767150000000ull } };
    snprintf(r.dir, sizeof r.dir, "%.500s/%s", work, name);
    snprintf(r.store_path, sizeof r.store_path, "%.560s/store", r.dir);
    snprintf(r.roster_path, sizeof r.roster_path, "%.560s/children", r.dir);
    lz_put32(r.seal_key, unit);
    mkdir(r.dir, 0700);
    return r;
}

/* Runs the scenario in a child; gives its wait status. */
static int child_run(struct run *run, const struct plan *plan, long at, bool again) {
    fflush(stdout);
    pid_t pid = fork();
    if (pid < 0) exit(2);
    if (pid == 0) {
        static struct world w;
        alarm(60);
        if (!run->trace && !freopen("/dev/null", "w", stderr)) _exit(3);
        w.shared = run->shared;
        w.units_text = run->units_text;
        w.units_len = run->units_len;
        w.again = again;
        w.arena = arena_create(8 << 20);
        w.city = rig_at(run->work, "city", CITY, 0, TIER_CITY);
        w.county = rig_at(run->work, "county", COUNTY, CITY, TIER_COUNTY);
        if (again) pass_time(&w, 600 * 1000);
        fault_dir(w.city.dir);
        pause_faults(true);
        arm(plan ? plan->call : "none", at, plan ? plan->error : 0, plan && plan->forever);
        scenario(&w);
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    return status;
}

static void finding(struct tally *t, const struct plan *p, long at, const char *what, const char *why) {
    t->bad++;
    if (t->shown++ < SHOWN) printf("%s, call %ld: %s%s\n", p->name, at, what, why);
}

static void one_fault(struct run *run, const struct plan *p, long at, const uint64_t expected[2][KIND_MAX], struct tally *t) {
    char text[64];
    empty_dir(run->work);
    memset(run->shared, 0, sizeof *run->shared);
    int status = child_run(run, p, at, false);
    t->runs++;
    if (WIFSIGNALED(status)) {
        snprintf(text, sizeof text, "died by signal %d", WTERMSIG(status));
        finding(t, p, at, text, "");
    } else if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != EXIT_ENDED) {
        finding(t, p, at, "", run->shared->why);
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) t->through++;
    else if (run->shared->opened) t->ended++;
    else t->refused++;
    status = child_run(run, NULL, 0, true);
    if (WIFSIGNALED(status)) {
        snprintf(text, sizeof text, "afterwards died by signal %d", WTERMSIG(status));
        finding(t, p, at, text, "");
    } else if (WEXITSTATUS(status) != 0) finding(t, p, at, "afterwards: ", run->shared->why);
    else
        for (int n = 0; n < 2; n++)
            for (int k = 0; k < KIND_MAX; k++)
                if (run->shared->counts[n][k] != expected[n][k]) {
                    snprintf(text, sizeof text, "%llu of %s at the %s, not %llu", (unsigned long long)run->shared->counts[n][k],
                             kind_row((uint32_t)k) ? kind_row((uint32_t)k)->name : "?", n ? "county" : "city", (unsigned long long)expected[n][k]);
                    finding(t, p, at, text, "");
                    n = 1;
                    break;
                }
}

static const struct plan io_plans[] = {
    { "any", EIO, false, "EIO once" }, { "any", EIO, true, "EIO for good" }, { "any", ENOSPC, false, "ENOSPC once" },
    { "any", ENOSPC, true, "ENOSPC for good" }, { "short", 0, false, "a short write once" }, { "short", 0, true, "short writes for good" },
};
static const struct plan alloc_plans[] = { { "alloc", ENOMEM, false, "no memory once" }, { "alloc", ENOMEM, true, "no memory for good" } };

static bool find_shim(void) {
    *(void **)&arm = dlsym(RTLD_DEFAULT, "power_arm");
    *(void **)&calls_made = dlsym(RTLD_DEFAULT, "power_count");
    *(void **)&was_struck = dlsym(RTLD_DEFAULT, "power_struck");
    *(void **)&pause_faults = dlsym(RTLD_DEFAULT, "power_pause");
    *(void **)&fault_dir = dlsym(RTLD_DEFAULT, "power_dir");
    return arm && calls_made && was_struck && pause_faults && fault_dir;
}

static bool worker(struct run *run, const struct plan *plans, size_t n_plans, int number, long step, long only, struct tally *sum) {
    static uint64_t expected[2][KIND_MAX];
    for (size_t i = 0; i < n_plans; i++) {
        struct tally t = { 0 };
        empty_dir(run->work);
        memset(run->shared, 0, sizeof *run->shared);
        /* without a fault: how many calls there are, and what is held in the end when it is run once more */
        if (child_run(run, &plans[i], 0, false) != 0) { printf("%s: without a fault: %s\n", plans[i].name, run->shared->why); return false; }
        long calls = run->shared->calls;
        if (child_run(run, NULL, 0, true) != 0) { printf("%s: without a fault, again: %s\n", plans[i].name, run->shared->why); return false; }
        memcpy(expected, run->shared->counts, sizeof expected);
        for (int s = 1; s < STEPS; s = s == 12 ? 20 : s == 28 ? 32 : s + 1)
            if (!run->shared->steps[s].done) { printf("step %d was not done without a fault\n", s); return false; }
        for (long at = only ? only : 1 + number * step; at <= calls; at += only ? calls : WORKERS * step)
            one_fault(run, &plans[i], at, (const uint64_t (*)[KIND_MAX])expected, &t);
        if (calls < CALLS_MIN) { printf("%s: only %ld calls\n", plans[i].name, calls); return false; }
        printf("%s: %ld calls, %llu tried by worker %d: %llu went through, %llu ended, %llu not started, %llu bad\n", plans[i].name, calls,
               (unsigned long long)t.runs, number, (unsigned long long)t.through, (unsigned long long)t.ended, (unsigned long long)t.refused,
               (unsigned long long)t.bad);
        sum->runs += t.runs;
        sum->bad += t.bad;
    }
    return true;
}

/* faults [-t] [-s STEP] [-c CALL] io|alloc WORK DIVISIONS */
int power_faults(int argc, char **argv) {
    struct run run = { 0 };
    long step = 1;
    int option;
    long only = 0;
    while ((option = getopt(argc, argv, "ts:c:")) != -1) {
        if (option == 't') run.trace = true;
        else if (option == 's') step = strtol(optarg, NULL, 10);
        else if (option == 'c') only = strtol(optarg, NULL, 10);
        else return 2;
    }
    if (argc - optind != 3 || step < 1) return 2;
    if (!find_shim()) { fprintf(stderr, "faults: the shim is not preloaded\n"); return 2; }
    bool io = strcmp(argv[optind], "io") == 0;
    const struct plan *plans = io ? io_plans : alloc_plans;
    size_t n_plans = io ? LZ_COUNT(io_plans) : LZ_COUNT(alloc_plans);
    static char text[1 << 20];
    FILE *f = fopen(argv[optind + 2], "r");
    if (!f) return 2;
    run.units_text = text;
    run.units_len = fread(text, 1, sizeof text, f);
    fclose(f);
    struct tally *sums = mmap(NULL, WORKERS * sizeof *sums, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (sums == MAP_FAILED) return 2;
    for (int k = 0; k < (only ? 1 : WORKERS); k++) {
        pid_t pid = fork();
        if (pid < 0) return 2;
        if (pid > 0) continue;
        char work[700];
        snprintf(work, sizeof work, "%s/f%d", argv[optind + 1], k);
        mkdir(work, 0700);
        run.work = work;
        run.shared = mmap(NULL, sizeof *run.shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (run.shared == MAP_FAILED) _exit(2);
        bool good = worker(&run, plans, n_plans, k, step, only, &sums[k]);
        fflush(stdout);
        _exit(good ? 0 : 1);
    }
    int status, failed = 0;
    while (wait(&status) > 0) failed |= status;
    uint64_t runs = 0, bad = 0;
    for (int k = 0; k < WORKERS; k++) { runs += sums[k].runs; bad += sums[k].bad; }
    printf("%llu calls made to fail (%s), %llu findings\n", (unsigned long long)runs, io ? "files" : "memory", (unsigned long long)bad);
    return failed || bad || runs == 0 ? 1 : 0;
}
