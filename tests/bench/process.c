/* process: what is started, ended, cut and weighed. */
#include "bench.h"
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PROCESSES_MAX = 512 };
static volatile pid_t processes[PROCESSES_MAX];
static pid_t owner;
static char base[PATH_BYTES];
static bool impatient;
struct timed *timed;

double now_us(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3; }
double now_s(void) { return now_us() / 1e6; }
void nap_ms(double ms) {
    struct timespec t = { (time_t)(ms / 1e3), (long)((ms - 1e3 * (double)(long)(ms / 1e3)) * 1e6) };
    if (ms > 0) while (nanosleep(&t, &t) < 0 && errno == EINTR) { }
}

static void kill_all(void) { for (int i = 0; i < PROCESSES_MAX; i++) if (processes[i] > 0) kill(processes[i], SIGKILL); }
static void interrupted(int signal_number) { if (getpid() == owner) kill_all(); _exit(128 + signal_number); }

void die(const char *format, ...) {
    va_list list;
    va_start(list, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, list);
    fprintf(stderr, " (%s)\n", strerror(errno));
    va_end(list);
    if (getpid() == owner) kill_all();
    _exit(1);
}

/* ---- files ---- */
static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw) { (void)st; (void)flag; (void)ftw; return remove(path); }
void remove_dir(const char *path) { nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS); }
static double weighed;
static int weigh(const char *path, const struct stat *st, int flag) { (void)path; if (flag == FTW_F) weighed += (double)st->st_blocks * 512; return 0; }
double dir_bytes(const char *path) { weighed = 0; ftw(path, weigh, 16); return weighed; }

void bench_begin(const char *dir, bool patient) {
    impatient = !patient;
    owner = getpid();
    remove_dir(dir);
    char *whole = mkdir(dir, 0700) == 0 ? realpath(dir, NULL) : NULL;
    if (!whole) die("%s", dir);
    snprintf(base, sizeof base, "%s", whole);
    free(whole);
    timed = mmap(NULL, sizeof *timed, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (timed == MAP_FAILED) die("mmap");
    struct rlimit files;                                              /* 150 daemons are talked to at once */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) { files.rlim_cur = files.rlim_max; setrlimit(RLIMIT_NOFILE, &files); }
    signal(SIGINT, interrupted);
    signal(SIGTERM, interrupted);
    signal(SIGHUP, interrupted);
    signal(SIGPIPE, SIG_IGN);
}
void bench_end(void) {
    kill_all();
    for (int i = 0; i < PROCESSES_MAX; i++) if (processes[i] > 0) waitpid(processes[i], NULL, 0);
    remove_dir(base);
}
void timed_reset(void) { madvise(timed, sizeof *timed, MADV_REMOVE); }
void fresh_dir(char path[PATH_BYTES], const char *name) {
    static int n;
    snprintf(path, PATH_BYTES, "%.600s/%s-%d", base, name, n++);
    if (mkdir(path, 0700) != 0) die("%s", path);
}
void write_text(const char *path, int mode, const char *format, ...) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);
    va_list list;
    va_start(list, format);
    if (fd < 0 || vdprintf(fd, format, list) < 0) die("%s", path);
    va_end(list);
    close(fd);
}

/* ---- ports: below those that the kernel gives to outgoing connections ---- */
static struct sockaddr_in loopback(int port) {
    return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}
static bool is_free(int port) {
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in a = loopback(port);
    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    bool is = bind(s, (struct sockaddr *)&a, sizeof a) == 0;
    close(s);
    return is;
}
int free_ports(int n) {
    static int next;
    if (!next) next = 16000 + (int)(getpid() * 37 % 12000);
    for (int tries = 0; tries < 4000; tries++) {
        int first = next, k = 0;
        while (k < n && is_free(first + k)) k++;
        next = first + k + 1 > 31000 ? 16000 : first + (k < n ? k + 1 : n);
        if (k == n) return first;
    }
    die("no free port");
}
int dial(int port) {
    int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in a = loopback(port);
    if (connect(s, (struct sockaddr *)&a, sizeof a) != 0) { close(s); return -1; }
    setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return s;
}
void wait_for_port(int port, const char *who) {
    for (double end = now_s() + 20; now_s() < end; nap_ms(10)) {
        int s = dial(port);
        if (s >= 0) { close(s); return; }
    }
    die("%s did not start", who);
}

/* ---- processes ---- */
static void enter(pid_t pid) {
    for (int i = 0; i < PROCESSES_MAX; i++) if (processes[i] == 0) { processes[i] = pid; return; }
    die("too many processes");
}
static void child_begins(void) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != owner) _exit(1);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
}
pid_t process_start(const char *log, char *const argv[]) {
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid == 0) {
        child_begins();
        signal(SIGPIPE, SIG_DFL);
        int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), in = open("/dev/null", O_RDONLY);
        if (out >= 0) { dup2(out, 1); dup2(out, 2); }
        if (in >= 0) dup2(in, 0);
        execvp(argv[0], argv);
        _exit(127);
    }
    enter(pid);
    return pid;
}
pid_t process_fork(void (*role)(void *), void *argument) {
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) die("fork");
    if (pid == 0) { child_begins(); role(argument); _exit(0); }
    enter(pid);
    return pid;
}
void process_end(pid_t *pid, int signal_number) {
    if (*pid <= 0) return;
    kill(*pid, signal_number);
    for (int i = 0; i < 3000; i++, nap_ms(5)) {
        if (i == 2000) kill(*pid, SIGKILL);
        if (waitpid(*pid, NULL, WNOHANG) != 0) break;
    }
    for (int i = 0; i < PROCESSES_MAX; i++) if (processes[i] == *pid) processes[i] = 0;
    *pid = 0;
}
bool program_found(const char *name) {
    char path[PATH_BYTES], places[4096];
    snprintf(places, sizeof places, "%.4000s:/usr/sbin", getenv("PATH") ? getenv("PATH") : "");
    for (char *rest = NULL, *p = strtok_r(places, ":", &rest); p; p = strtok_r(NULL, ":", &rest)) {
        snprintf(path, sizeof path, "%.600s/%s", p, name);
        if (access(path, X_OK) == 0) return true;
    }
    return false;
}

/* ---- what they cost ---- */
/* To the nanosecond, of all its threads. */
double cpu_us(pid_t pid) {
    char path[400];
    double ns = 0, one;
    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *threads = opendir(path);
    for (struct dirent *d; threads && (d = readdir(threads));) {
        if (d->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", (int)pid, d->d_name);
        FILE *f = fopen(path, "r");
        if (f && fscanf(f, "%lf", &one) == 1) ns += one;
        if (f) fclose(f);
    }
    if (threads) closedir(threads);
    return ns / 1e3;
}
double memory_mib(pid_t pid, const char *field) {
    char path[64], line[256];
    double kib = 0;
    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f)) if (strncmp(line, field, strlen(field)) == 0) kib = atof(line + strlen(field) + 1);
    if (f) fclose(f);
    return kib / 1024;
}
static double busy_share(void) {
    unsigned long long v[2][8] = { { 0 } };
    for (int k = 0; k < 2; k++) {
        FILE *f = fopen("/proc/stat", "r");
        unsigned long long *t = v[k];
        if (!f || fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", t, t + 1, t + 2, t + 3, t + 4, t + 5, t + 6, t + 7) != 8) t[3] = (unsigned)k;
        if (f) fclose(f);
        if (k == 0) nap_ms(150);
    }
    double idle = (double)(v[1][3] + v[1][4] - v[0][3] - v[0][4]), all = 0;
    for (int i = 0; i < 8; i++) all += (double)(v[1][i] - v[0][i]);
    return all > 0 ? 1 - idle / all : 0;
}
void quiet(void) { for (double end = now_s() + 3; !impatient && busy_share() > 0.2 && now_s() < end;) { } }

/* ---- a link that can be cut ---- */
enum { LINKS_MAX = 1024, PIECE = 1 << 16 };
struct pump { int from, to; size_t at, len; uint8_t bytes[PIECE]; };

static void pump_close(struct pump *p) { if (p->from >= 0) { shutdown(p->from, SHUT_RDWR); close(p->from); } p->from = -1; }
/* Two pumps a connection, one beside the other: ways to and fro. Each owns the socket that it reads. */
static void serve_pumps(struct pump *pumps, int n, struct pollfd *polls, volatile uint64_t *bytes) {
    for (int i = 0; i < n; i++) {
        struct pump *p = &pumps[i], *back = &pumps[i ^ 1];
        if (p->from < 0) continue;
        bool dead = false;
        if (p->len == p->at && polls[i].revents & (POLLIN | POLLHUP | POLLERR)) {
            ssize_t got = recv(p->from, p->bytes, PIECE, MSG_DONTWAIT);
            if (got > 0) { p->at = 0; p->len = (size_t)got; __sync_fetch_and_add(bytes, (uint64_t)got); }
            else if (got == 0 || (errno != EAGAIN && errno != EINTR)) dead = true;
        }
        if (p->len > p->at) {
            ssize_t put = send(p->to, p->bytes + p->at, p->len - p->at, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (put > 0) p->at += (size_t)put;
            else if (put < 0 && errno != EAGAIN && errno != EINTR) dead = true;
        }
        if (dead) { pump_close(p); pump_close(back); }
    }
}
static void accept_one(int listener, int target, struct pump *pumps, int *n) {
    int one = 1, here = accept4(listener, NULL, NULL, SOCK_CLOEXEC), there = here >= 0 ? dial(target) : -1;
    if (there < 0) { if (here >= 0) close(here); return; }
    setsockopt(here, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int slot = 0;
    while (slot < *n && (pumps[slot].from >= 0 || pumps[slot + 1].from >= 0)) slot += 2;
    if (slot == 2 * LINKS_MAX) { close(here); close(there); return; }
    if (slot == *n) *n += 2;
    pumps[slot].from = pumps[slot + 1].to = here;
    pumps[slot + 1].from = pumps[slot].to = there;
    pumps[slot].at = pumps[slot].len = pumps[slot + 1].at = pumps[slot + 1].len = 0;
}
static void relay_role(void *argument) {
    struct relay *r = argument;
    struct pump *pumps = calloc((size_t)2 * LINKS_MAX, sizeof *pumps);
    struct pollfd *polls = calloc((size_t)2 * LINKS_MAX + 8, sizeof *polls);
    int listeners[8], n = 0, one = 1;
    for (int i = 0; i < r->ports; i++) {
        struct sockaddr_in a = loopback(r->from + i);
        listeners[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        setsockopt(listeners[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        if (bind(listeners[i], (struct sockaddr *)&a, sizeof a) != 0 || listen(listeners[i], 64) != 0) _exit(1);
    }
    for (;;) {
        for (int i = 0; i < n; i++) {
            struct pump *p = &pumps[i];
            bool full = p->len > p->at;
            polls[i] = (struct pollfd){ .fd = p->from < 0 ? -1 : full ? p->to : p->from, .events = full ? POLLOUT : POLLIN };
        }
        for (int i = 0; i < r->ports; i++) polls[n + i] = (struct pollfd){ .fd = listeners[i], .events = POLLIN };
        if (poll(polls, (nfds_t)(n + r->ports), -1) < 0) continue;
        int before = n;
        for (int i = 0; i < r->ports; i++) if (polls[before + i].revents & POLLIN) accept_one(listeners[i], r->to + i, pumps, &n);
        serve_pumps(pumps, before, polls, r->bytes);
    }
}
void relay_start(struct relay *r) {
    if (!r->bytes) {
        r->bytes = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (r->bytes == MAP_FAILED) die("mmap");
    }
    r->pid = process_fork(relay_role, r);
}
void relay_cut(struct relay *r) { process_end(&r->pid, SIGKILL); }
