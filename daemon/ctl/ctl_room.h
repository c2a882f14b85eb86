/* Private to the ctl room: an ask under way, and what its files share. */
#ifndef LZ_CTL_ROOM_H
#define LZ_CTL_ROOM_H
#include "ctl.h"

enum {
    ANSWERS_MAX = TURN_PACKETS_MAX,              /* asks answered in one turn */
    ROW_CELLS_MAX = 96,
    SCAN_RECORDS_MAX = 4096,                     /* records a listing looks at before it answers with what it has */
    SCAN_SUBJECT_MAX = 50000,                    /* records looked at to find a number, or what breaks a directive down */
    SCAN_ARENA_BYTES = 16 * 1024 * 1024,         /* left over for encoding; a listing stops short of it */
    LIMIT_MAX = 1000000,
    DEFERRED_MAX = 4,
    DEFERRED_BYTES_MAX = 1024 * 1024 + PACKET_HEADER_BYTES,
    CHANGES_MAX = 32,                            /* children added or removed in one turn */
    ROSTER_TEXT_MAX = 256 * 1024,
    AUTHORS_MAX = 64,
    AUTHOR_NAME_MAX = 40,
};
static_assert((int)AUTHOR_NAME_MAX < (int)AUTHOR_BYTES_MAX, "an author fits in a record");
static_assert(SUBTREE_MAX * 11 + CHILDREN_MAX * 80 < (int)ROSTER_TEXT_MAX, "the roster as text fits");

/* ---- verbs ---- */
enum verb_mode { MODE_READ, MODE_WRITE, MODE_STREAM, MODE_LOCAL, MODE_IMPORT };
struct call;
struct verb_row {
    const char *words;
    enum lz_err (*run)(struct call *call);       /* NULL: linzhangctl's own */
    enum verb_mode mode;
    const char *args;
};

/* ---- an ask under way; everything in it lives for the turn ---- */
struct call {
    struct ctl *ctl;
    struct turn *turn;
    struct flow *flow;
    struct store *store;
    struct arena *arena;
    const struct units *units;
    const struct roster *roster;
    struct lz_now now;
    uint32_t unit;                               /* this node */
    const struct ask *ask;
    const struct verb_row *verb;
    const struct kind_row *kind;                 /* of the noun; NULL: none */
    struct lz_bytes author;
    const uint8_t *client;
    size_t client_len;
    struct answer answer;
    struct lz_fail *fail;                        /* its lang: of the sentence */
    enum lz_lang lang;                           /* of the words in the rows */
    /* rows: seen counts those of all answers to this question, skip those that earlier ones gave */
    struct row *rows;
    size_t n_rows, bytes, skip, seen;
    bool cut;                                    /* full: the rest is for the next answer */
    struct cell *cells;                          /* of the row being made */
    size_t n_cells, row_bytes;
};

/* rows.c */
bool row_begin(struct call *c, const char *section);     /* false: given before, or for the next answer */
void row_end(struct call *c);
void cell_bytes(struct call *c, const char *name, struct lz_bytes text);
void cell_text(struct call *c, const char *name, const char *text);
void cell_word(struct call *c, const char *name, const char *zh);      /* a word of ours, in the language of the rows */
void cell_format(struct call *c, const char *name, const char *format, ...) LZ_PRINTF(3, 4);
void cell_i64(struct call *c, const char *name, int64_t value);
void cell_u64(struct call *c, const char *name, uint64_t value);
void cell_unit(struct call *c, const char *name, uint32_t code);       /* empty: none */
void cell_unit_name(struct call *c, const char *name, uint32_t code);
void cell_time(struct call *c, const char *name, uint64_t wall_ms);
void cell_date(struct call *c, const char *name, uint32_t date);
void cell_id(struct call *c, const char *name, struct rec_id id);
void cell_kind(struct call *c, uint32_t kind);                         /* kind and kind_zh */
void cell_state(struct call *c, const struct standing *s);             /* state, state_zh, colour, colour_zh; NULL: empty */
void cell_percent(struct call *c, int64_t numerator, int64_t denominator, bool bar);
/* One line of a card; left out when empty. item and format are ours, in Chinese, and translated here. */
void card(struct call *c, const char *item, const char *format, ...) LZ_PRINTF(3, 4);
void card_bytes(struct call *c, const char *item, struct lz_bytes value);
void card_time(struct call *c, const char *item, uint64_t wall_ms);
void say(struct call *c, const char *format, ...) LZ_PRINTF(2, 3);     /* the sentence of a good answer */
/* Words of ours as arguments: in a sentence (say, lz_refuse), in a row (cell_format, card). */
static inline __attribute__((format_arg(2))) const char *said(const struct call *c, const char *zh) { return lz_text(c->fail->lang, zh); }
static inline __attribute__((format_arg(2))) const char *shown(const struct call *c, const char *zh) { return lz_text(c->lang, zh); }
const char *unit_name(const struct call *c, uint32_t code);            /* "" when unknown */
const char *unit_label(const struct call *c, uint32_t code);           /* `410800 焦作市`, or the code alone */
struct lz_bytes text_clip(struct lz_bytes text, size_t max);           /* cut between characters */

/* args.c: from what was typed to values; each refuses with what to type instead */
enum lz_err args_check(struct call *c);
const char *arg_text(struct call *c, const char *name);                /* NULL: not given */
struct lz_bytes arg_bytes(struct call *c, const char *name);
bool arg_flag(struct call *c, const char *name);
enum lz_err arg_code(struct call *c, const char *name, uint32_t *code);            /* each leaves *out when not given */
enum lz_err arg_codes(struct call *c, const char *name, uint32_t *out, size_t max, size_t *n, bool *all);
enum lz_err id_of_text(struct call *c, const char *name, const char *text, struct rec_id *id);   /* as it may be typed; name: of which argument */
enum lz_err arg_id(struct call *c, const char *name, struct rec_id *id);
enum lz_err arg_end_of_day(struct call *c, const char *name, uint64_t *wall_ms);
enum lz_err arg_moment(struct call *c, const char *name, uint64_t *wall_ms);
enum lz_err arg_date(struct call *c, const char *name, uint32_t *date);
enum lz_err arg_u32(struct call *c, const char *name, uint32_t max, uint32_t *value);
enum lz_err arg_i64(struct call *c, const char *name, int64_t *value);
enum lz_err arg_decimal(struct call *c, const char *name, int digits, int64_t *value);
enum lz_err arg_kind(struct call *c, const char *name, const struct kind_row **kind);
enum lz_err arg_class(struct call *c, uint32_t kind, uint32_t *class);
enum lz_err arg_colour(struct call *c, const char *name, int *colour);
enum lz_err arg_state(struct call *c, enum machine machine, int *state);
enum lz_err arg_word(struct call *c, const char *name, const char *const words[][2], size_t n, uint32_t *value);

/* scan.c: records of one kind, whoever wrote them, newest first */
struct scan_line {
    uint32_t origin;
    struct key at;                               /* its newest record not yet given; len 0: none left */
};
struct scan {
    uint16_t kind;
    struct scan_line *lines;
    size_t n_lines;
};
bool scan_open(struct call *c, uint16_t kind, uint32_t origin, struct scan *scan);   /* origin 0: all; false: no memory */
void scan_from(struct call *c, struct scan *scan, struct rec_id after);              /* only what stands behind it */
bool scan_next(struct call *c, struct scan *scan, struct rec_id *id);
bool call_may_go_on(const struct call *c);       /* memory and the flow's cache suffice for another row */
/* A listing goes on by the id of the last record looked at, and how many rows were given. */
struct listing {
    struct scan scan;
    uint32_t limit, given, looked;
    struct rec_id last, done;                    /* looked at; dealt with */
};
enum lz_err listing_open(struct call *c, uint16_t kind, uint32_t origin, struct listing *listing);
bool listing_next(struct call *c, struct listing *listing, struct record *record);   /* false: ended, or the answer is full */
void listing_given(struct call *c, struct listing *listing);             /* after row_end */
void listing_close(struct call *c, struct listing *listing);

/* verbs_read.c */
void row_problem(struct call *c, const char *section, const struct record *r, const struct standing *s);
/* verbs_form.c */
enum detail { IN_SHORT, IN_FULL };
void entry_row(struct call *c, const char *section, const struct record *r, enum detail detail);
/* found.c: who found a problem, and to whom it was handed */
enum lz_err take_source(struct call *c, bool *given, uint32_t *source);
enum lz_err take_finder(struct call *c, struct problem *problem);
void card_finder(struct call *c, const struct record *problem);
void rows_found_on(struct call *c, uint32_t unit, struct lz_bytes patrol);      /* the problems of a patrol */
void problems_of_civic(struct call *c, uint32_t unit, uint64_t *raised, uint64_t *open);      /* which civic chiefs of it have found */
const char *next_of_referred(struct call *c, struct rec_id referral);      /* where its problem stands now, and what may be done */
void row_referred(struct call *c, const struct record *referral);
void rows_referrals(struct call *c, const struct record *problem);
/* verbs_survey.c */
struct survey;
enum lz_err take_survey(struct call *c, struct survey *survey);
struct patrol_line;
/* By tier, from sums, of a child whose own units' entries are not held here; at most PATROL_TIERS. */
size_t patrol_sums(struct call *c, uint32_t period, uint32_t child, struct patrol_line *lines);
/* verbs_form.c */
void form_cells(struct call *c, const struct record *r);        /* all of an entry, within a row */
/* verbs_merge.c: LZ_already: the draft of an import says nothing new. columns: the fields that its file speaks of. */
enum lz_err merge_draft(struct call *c, struct record *draft, uint32_t columns);
void merge_done(struct call *c, struct lz_bytes request, struct rec_id id);
/* verbs_sums.c */
struct heading { uint32_t choice, period; };     /* of sums of a form; 0: all of them */
size_t sums_headings(struct call *c, const struct kind_row *kind, struct heading **out);     /* those that there are, in the arena */
/* What a unit's part (0: the total) of a kind adds up to, within a heading: of a year, its months too. How many headings that were. */
size_t sums_of(struct call *c, const struct kind_row *kind, uint32_t unit, struct heading wanted, struct counters *sum);
bool falls_under(const struct kind_row *kind, struct heading heading, struct heading wanted);
enum lz_err take_heading(struct call *c, const struct kind_row *kind, struct heading *wanted);     /* the options `group` and `period` */
uint32_t units_expected(struct call *c, uint32_t unit);                /* the lowest units below it, by the divisions: the N of "n of N are in" */
enum lz_err take_form_kind(struct call *c, const struct kind_row **kind);      /* the argument `kind`, which must be a form */
enum lz_err take_period(struct call *c, uint32_t *period);             /* the option `period`; left alone when not given */
enum lz_err take_part(struct call *c, uint32_t *by);                   /* the option `by`: a child or this unit */

/* verbs_indicators.c: set 0 the figure reported, 1 that of the beginning of the plan, 2 its target; empty when nobody has given it */
bool indicator_is_rate(const struct form_word *word);
void indicator_figure(const struct kind_row *kind, const struct form_word *word, const struct counters *sum, size_t set, char text[FORM_PRINT_BYTES]);
/* verbs_bulletin.c: how each enrolled unit stands, ranked, in the arena; NULL: no memory */
struct standing_line {
    uint32_t unit, rank;
    int64_t tasks, closed, letters, letters_closed, problems, problems_open, red, yellow, required, patrolled;
};
struct standing_line *standing_lines(struct call *c, uint32_t period, size_t *n);
/* verbs_assess.c: reads the figures of every scheme whose cut-off has passed */
void assess_when_due(struct call *c);
/* verbs_bulletin.c: the last whole month, quarter, half or year before the day */
uint32_t period_before(const char *every, uint32_t today);
/* Issues the bulletin of the last period, if there is none yet. True: nothing is left to do today. */
bool bulletin_when_due(struct call *c, const char *every);

/* audit.c */
void audit_write(struct call *c, enum lz_err outcome);
/* server.c */
enum lz_err submit(struct call *c, struct record *draft, uint32_t index, struct rec_id *id);
void answer_add_id(struct call *c, struct rec_id id);
enum lz_err watch_add(struct call *c, const struct kind_row *kind);
const struct ctl_options *ctl_settings(const struct ctl *ctl);
/* The roster is changed in memory and in its file before the commit: what is noted here is put back if that fails. */
bool roster_may_change(const struct call *c);
void roster_changed(struct call *c, uint32_t code, bool hang_up, struct lz_bytes before);
bool link_of(struct call *c, uint32_t code, struct link_view *view);
/* told.c: why a link is not live, and why a neighbour says that it is not, in the language that is asked for */
const char *reason_of(struct call *c, enum lz_lang lang, const struct link_view *view);
const char *cause_of(struct call *c, enum lz_lang lang, const struct link_view *view);
const char *retold(struct call *c, enum lz_lang lang, const char *text);      /* a sentence of ours that was made in Chinese: as well as it goes */
/* verbs_attach.c */
void rows_attachments(struct call *c, struct rec_id subject);           /* its files */
void rows_entry_files(struct call *c, const struct record *version);    /* those of all versions of an entry */
/* verbs_admin.c */
enum lz_err roster_write(const char *path, struct lz_bytes text, struct lz_fail *fail);   /* "": nowhere */

#define DECLARE_READ(handler) enum lz_err verb_##handler(struct call *c);
#define DECLARE_WRITE(handler) DECLARE_READ(handler)
#define DECLARE_STREAM(handler) DECLARE_READ(handler)
#define DECLARE_LOCAL(handler)
#define DECLARE_IMPORT(handler)
#define X(words, handler, mode, args, help) DECLARE_##mode(handler)
#include "../../schema/verbs.def"
enum lz_err verb_drafts(struct call *c);
enum lz_err verb_resolve(struct call *c);
enum lz_err verb_export_read(struct call *c);
enum lz_err verb_bundle_read(struct call *c);
enum lz_err verb_bundle_write(struct call *c);
enum lz_err verb_attach_piece(struct call *c);
enum lz_err verb_attachment_read(struct call *c);
#endif
