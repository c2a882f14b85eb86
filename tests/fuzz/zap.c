/* zap: FEEDS the question that libzmq asks about a handshake, its frames made of the input (right ones by default, then too few, too
 * many, too long, another domain, mechanism or key). ORACLE: 200 with the child's own code and key only for a key that is enrolled,
 * asked in the one right form; 300 without a user id for everything else; always one answer of six frames with the request's id. */
#include "../../daemon/wire/wire_room.h"
#include "fuzz.h"

enum { FRAMES_MAX = 12, ANSWER_FRAMES = 6 };
struct fixture {
    void *context, *asker;
    struct zap zap;
    struct wire_counters counters;
    struct roster *roster;
    struct peers *peers;
};

static struct fixture *fixture(void) {
    static struct fixture f;
    static const uint32_t subtree[] = { COUNTY_A };
    uint8_t key[KEY_BYTES] = { 1, 2, 3 };
    if (f.context) return &f;
    f.context = zmq_ctx_new();
    f.roster = roster_create();
    enum lz_err err = roster_add(f.roster, COUNTY_A, key, subtree, 1, NULL);
    f.zap.roster = f.roster;
    f.zap.counters = &f.counters;
    f.zap.peers = f.peers = calloc(1, sizeof *f.peers);
    LZ_ASSERT(f.peers);
    if (err == LZ_ok) err = zap_open(&f.zap, f.context, NULL);
    LZ_ASSERT(err == LZ_ok);
    f.asker = zmq_socket(f.context, ZMQ_DEALER);
    LZ_ASSERT(f.asker && zmq_connect(f.asker, "inproc://zeromq.zap.01") == 0);
    return &f;
}

/* Version, request, domain, address, routing id, mechanism, credentials. */
static struct lz_bytes usual(size_t i) {
    static const uint8_t key[KEY_BYTES] = { 1, 2, 3 };
    static const char *const texts[] = { "1.0", "1", ZAP_DOMAIN, "10.1.2.3", "", "CURVE" };
    return i < LZ_COUNT(texts) ? lz_bytes_str(texts[i]) : lz_bytes_of(key, sizeof key);
}

static size_t make_frames(struct input *in, struct lz_bytes frames[FRAMES_MAX]) {
    static uint8_t keys[FRAMES_MAX][KEY_BYTES];
    size_t n = chance(in, 64) ? 1 + pick(in, FRAMES_MAX) : 7;
    for (size_t i = 0; i < n; i++) {
        frames[i] = usual(i);
        switch (pick(in, 8)) {
        case 1: frames[i] = take_bytes(in, 600); break;
        case 2: if (frames[i].len) frames[i].len = pick(in, frames[i].len); break;
        case 3:
            memcpy(keys[i], usual(6).data, KEY_BYTES);
            keys[i][pick(in, KEY_BYTES)] ^= (uint8_t)take(in, 1);
            frames[i] = lz_bytes_of(keys[i], KEY_BYTES);
            break;
        default: break;
        }
    }
    return n;
}

static bool is_right(const struct lz_bytes *frames, size_t n) {
    for (size_t i = 0; i < 7 && i < n; i++)
        if (frames[i].len > 256 || ((i == 0 || i == 2 || i >= 5) && !lz_bytes_equal(frames[i], usual(i)))) return false;
    return n == 7;
}

static void ask(struct fixture *f, const struct lz_bytes *frames, size_t n) {
    LZ_ASSERT(zmq_send(f->asker, "", 0, ZMQ_SNDMORE) == 0);
    for (size_t i = 0; i < n; i++) {
        uint8_t *copy = exact(frames[i]);
        LZ_ASSERT(zmq_send(f->asker, copy, frames[i].len, i + 1 < n ? ZMQ_SNDMORE : 0) == (int)frames[i].len);
        free(copy);
    }
    zap_pump(&f->zap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_begin();
    struct fixture *f = fixture();
    struct input in = input_of(data, size);
    struct lz_bytes frames[FRAMES_MAX];
    size_t n = make_frames(&in, frames), got = 0;
    char answer[ANSWER_FRAMES + 1][300] = { "" };
    uint64_t refused = f->zap.refused;
    ask(f, frames, n);
    for (int more = 1; more && got <= ANSWER_FRAMES; got++) {
        int len = zmq_recv(f->asker, answer[got], sizeof answer[0] - 1, ZMQ_DONTWAIT);
        size_t more_size = sizeof more;
        must(len >= 0, "%zu frames of an answer", got);
        if (len < 300) answer[got][len] = 0;
        must(zmq_getsockopt(f->asker, ZMQ_RCVMORE, &more, &more_size) == 0, "%s", zmq_strerror(zmq_errno()));
    }
    must(got == ANSWER_FRAMES + 1, "%zu frames", got);              /* with the delimiter */
    must(strcmp(answer[1], "1.0") == 0, "version %s", answer[1]);
    bool right = is_right(frames, n);
    must(strcmp(answer[3], right ? "200" : "300") == 0, "%s for a %s question", answer[3], right ? "right" : "wrong");
    must(right ? strncmp(answer[5], "410802:", 7) == 0 : answer[5][0] == 0, "user id %s", answer[5]);
    must(f->zap.refused == refused + !right, "refusals are not counted");
    return 0;
}
