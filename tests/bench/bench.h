/* bench: what the measuring programs share. Each file below tests/bench has one purpose: processes and links (process.c), figures
 * and the table (table.c), one file for each system that is measured, the cases that all of them run (cases.c), those that only
 * linzhang has (cases_tree.c), and the order of it all (run.c). */
#ifndef BENCH_H
#define BENCH_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { PROVINCE, CITY, COUNTY, TIERS };
enum { MESSAGE_BYTES = 256, PATH_BYTES = 700 };

/* ---- process.c: time, processes, links, files ---- */
double now_us(void);
double now_s(void);
void nap_ms(double ms);
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
/* dir: is emptied, and removed by bench_end. From here on whatever is started ends with this process, also when it is interrupted. */
void bench_begin(const char *dir, bool patient);             /* patient: quiet() waits */
void bench_end(void);
void fresh_dir(char path[PATH_BYTES], const char *name);     /* below dir, new and empty */
void remove_dir(const char *path);
void write_text(const char *path, int mode, const char *format, ...) __attribute__((format(printf, 3, 4)));
int free_ports(int n);                                       /* the first of n that follow each other on loopback */
/* argv[0] is the program; what it says goes to log. */
pid_t process_start(const char *log, char *const argv[]);
pid_t process_fork(void (*role)(void *), void *argument);    /* a role written in this program */
void process_end(pid_t *pid, int signal_number);             /* and waits; nothing to do for 0 */
bool program_found(const char *name);
int dial(int port);                                          /* a connected socket; -1: nobody listens */
void wait_for_port(int port, const char *who);
double cpu_us(pid_t pid);                                    /* user and system time of its threads so far */
double memory_mib(pid_t pid, const char *field);             /* of /proc/PID/status: RssAnon */
double dir_bytes(const char *path);                          /* blocks that its files take on the disk */
void quiet(void);                                            /* waits a little until the machine does nothing else */

/* A link that can be cut: a process that passes bytes on and counts them. */
struct relay { int from, to, ports; pid_t pid; volatile uint64_t *bytes; };
void relay_start(struct relay *relay);
void relay_cut(struct relay *relay);

/* ---- table.c: figures ---- */
void figure(const char *name, const char *system, const char *unit, double value);
/* Many values whose percentiles are one figure each over all rounds: NAME_p50, NAME_p99. */
void sample(const char *name, const char *system, double ms);
double figure_median(const char *name, const char *system);  /* NAN: there is none */
bool report(const char *results, const char *const *absent); /* false: a case has no figure, or something was lost */

/* ---- the systems ----
 * All tell the same story: three servers, a publisher at the county, and the province, which has what it has stored. */
struct system {
    const char *name;
    bool (*installed)(void);
    void (*up)(bool cuttable);          /* three tiers; cuttable: a relay between city and province */
    void (*down)(void);
    void (*post)(uint64_t n);           /* hands n more to the county; may wait for room, not for the last acknowledgement */
    void (*acked)(void);                /* waits until the county has acknowledged all */
    uint64_t (*stored)(int tier);       /* how many a tier holds, without what is not of the posts; of those posted since up */
    void (*hear)(bool each);            /* the province's subscriber begins; each: few enough that every one is told alone */
    void (*listen)(double ms);          /* calls arrived() for what comes, at most so long */
    void (*end)(int tier, int signal_number);
    void (*start)(int tier);
    pid_t (*pid)(int tier);
    double (*disk)(int tier);           /* bytes; NULL: it keeps nothing that was passed on */
    struct relay *relay;
    bool city_counts;                   /* stored(CITY) can be asked */
};
extern const struct system chain, chain_seq, nats, mosquitto, linzhang;

/* Times of the messages, by number; shared with forked roles. */
enum { TIMED_MAX = 1 << 21 };
struct timed { double posted[TIMED_MAX], arrived[TIMED_MAX]; };
extern struct timed *timed;
void timed_reset(void);

/* ---- cases.c ---- */
struct sizes { uint64_t count, latencies, big; uint32_t children; double kill_rate; };
void case_throughput(const struct system *s, const struct sizes *z);
void case_latency(const struct system *s, const struct sizes *z);
void case_catchup(const struct system *s, const struct sizes *z);
void case_kill(const struct system *s, const struct sizes *z);
void case_disk(const struct sizes *z);
void case_zmq(const struct sizes *z);
void case_naive(const struct sizes *z);

/* ---- cases_tree.c ---- */
void case_fan_in(const struct sizes *z);
void case_urgent(const struct sizes *z);
void case_slow_child(const struct sizes *z);
void case_large(const struct sizes *z);
#endif
