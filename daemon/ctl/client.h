/* client: what the files of linzhangctl share.
 *
 * linzhangctl reads words (client_args.c), asks the daemon (client_ask.c, client_import.c) and prints (print.c, client_help.c).
 * It decides nothing about forests: what may be done is the daemon's to say. Memory comes from one arena that is never given
 * back before exit, but for the import, whose chunks have arenas of their own. */
#ifndef LZ_CLIENT_H
#define LZ_CLIENT_H
#include "../flow/flow.h"
#include "../wire/wire.h"
#include <stdio.h>

enum { CLIENT_ARGS_MAX = 48, CLIENT_WORDS_MAX = 40, CLIENT_WORD_BYTES = 40, REQUEST_BYTES = 16 };
#ifndef LZ_VERSION
#define LZ_VERSION "0.1.0"
#endif
#define CLIENT_SOFTWARE "linzhangctl " LZ_VERSION
#define CLIENT_SOCKET "/run/linzhang/linzhang.sock"

/* As arena_alloc, but never NULL: without memory there is nothing that a client could still do. */
void *client_alloc(struct arena *arena, size_t bytes);

/* ---- the tables (schema/verbs.def) ---------------------------------------------------------------------------- */
enum verb_mode { MODE_READ, MODE_WRITE, MODE_STREAM, MODE_LOCAL, MODE_IMPORT };
struct verb {
    const char *words, *handler;
    enum verb_mode mode;
    const char *spec, *help;
};
struct noun {
    const char *word;
    uint32_t kind;
};
size_t verbs_known(void);
const struct verb *verb_at(size_t index);
const struct verb *verb_by_handler(const char *handler);
size_t noun_count(void);
const struct noun *noun_at(size_t index);
const struct noun *noun_find(const char *word);                 /* by word, or by any name of the kind; NULL: none */
enum machine noun_machine(const struct noun *noun);

/* One item of a verb's argument spec. */
struct spec_item {
    char name[CLIENT_WORD_BYTES];    /* without dashes and brackets; a positional one in lower case */
    char value[CLIENT_WORD_BYTES];   /* what an option takes; empty: it is a flag */
    bool option, required, rest;     /* rest: takes all words that are left */
};
bool spec_next(const char **at, struct spec_item *item);

/* ---- the command line -------------------------------------------------------------------------------------------- */
struct command {
    const struct verb *verb;
    char words[64];                  /* the verb as it is sent: NOUN replaced */
    struct arg args[CLIENT_ARGS_MAX];
    size_t n_args;
    const char *topic[CLIENT_WORDS_MAX];     /* help: the words it is asked about */
    size_t n_topic;
    const char *socket;
    uint64_t timeout_ms;
    enum lz_lang lang;               /* by the environment, or --lang */
    bool json, timeout_given, request_given;
    uint8_t request[REQUEST_BYTES];
};
/* Everything that refuses is LZ_usage with a sentence. What was read before is set then too (json, verb). */
enum lz_err command_parse(struct arena *arena, int argc, char *const *argv, struct command *command, struct lz_fail *fail) LZ_MUST_CHECK;
const struct lz_bytes *command_arg(const struct command *command, const char *name);    /* NULL: not given */
/* The whole file, "-" for stdin; refuses more than max bytes. */
enum lz_err file_read(struct arena *arena, const char *path, size_t max, struct lz_bytes *bytes, struct lz_fail *fail) LZ_MUST_CHECK;

/* A secret key's file: not a .pub, and nobody else's to read. */
enum lz_err key_file_check(const char *path, struct lz_fail *fail) LZ_MUST_CHECK;

const char *errno_told(enum lz_lang lang, int reason);

/* ---- help ---------------------------------------------------------------------------------------------------------- */
/* False: there is no such topic. */
bool help_print(FILE *out, enum lz_lang lang, const char *const *topic, size_t n_topic);
bool completion_print(FILE *out, const char *shell);

/* ---- asking -------------------------------------------------------------------------------------------------------- */
struct session {
    struct arena *arena;             /* answers are decoded into it */
    const char *path;
    uint64_t timeout_ms;             /* without any answer */
    enum lz_lang lang;               /* of the answers */
    bool program;                    /* rows are for a program: their words stay Chinese */
    bool patient;                    /* waits for a daemon that is not there yet */
    bool sent;                       /* something reached a daemon: what came of it may be unknown */
    struct wire_client *client;
    uint64_t seq, until_ms;
    uint64_t socket_is[3];           /* which file the socket was when we connected: a new daemon makes a new one */
};
enum lz_err session_open(struct session *session, struct lz_fail *fail) LZ_MUST_CHECK;
void session_close(struct session *session);
/* Sends; the ask keeps the seq that it has, so that it can be sent again. */
enum lz_err session_send(struct session *session, const struct ask *ask, struct lz_fail *fail) LZ_MUST_CHECK;
/* The next answer to anything, decoded into arena. LZ_unreachable: none within wait_ms. */
enum lz_err session_recv(struct session *session, uint64_t wait_ms, struct arena *arena, struct answer *answer) LZ_MUST_CHECK;
bool session_lost(struct session *session);      /* the daemon we were connected to is gone */
void session_touch(struct session *session);     /* something came: the time to wait begins again */
enum lz_err session_timeout(const struct session *session, struct lz_fail *fail);   /* says that it is over */
/* Connects again and again until `until_ms`; what was under way must be sent again. */
enum lz_err session_reopen(struct session *session, struct lz_fail *fail) LZ_MUST_CHECK;
/* One ask and all pages of its answer, rows joined. Sends again when the daemon was lost; a write also when no answer came. */
enum lz_err session_ask(struct session *session, struct ask *ask, struct answer *answer, struct lz_fail *fail) LZ_MUST_CHECK;

/* `@FILE` is what the file says; `@@...` is a text that begins with @. */
enum lz_err client_value(struct arena *arena, const char *name, const char *given, struct lz_bytes *value, struct lz_fail *fail) LZ_MUST_CHECK;

/* ---- forms (client_form.c) ---- */
/* The words behind `put KIND` as a draft. */
enum lz_err form_draft(struct arena *arena, const struct command *command, struct lz_bytes *draft, struct lz_fail *fail) LZ_MUST_CHECK;

/* ---- bundles (client_bundle.c) ---- */
/* One file after another, each whole or not there; rows of answer: one a file. */
enum lz_err bundle_export(struct session *session, const struct command *command, struct answer *answer, struct lz_fail *fail) LZ_MUST_CHECK;
enum lz_err bundle_import(struct session *session, const struct command *command, struct answer *answer, struct lz_fail *fail) LZ_MUST_CHECK;

/* ---- tables of spreadsheets (client_csv.c) ---- */
enum { CSV_FIELDS_MAX = 64 };
struct csv_row {
    struct lz_bytes fields[CSV_FIELDS_MAX], raw;
    size_t n;                        /* more than CSV_FIELDS_MAX: what is beyond is not kept */
    uint32_t line;                   /* where it begins */
    bool whole;                      /* false: its quotes are broken, and there is only the raw line */
};
struct csv_in {
    struct lz_bytes text;
    size_t at;
    uint32_t lines;                  /* behind us */
    char separator;
};
struct csv_out { FILE *out; size_t n; };
/* Of whatever encoding, as UTF-8. What cannot be read becomes a byte that lz_text_valid refuses. */
enum lz_err csv_decode(struct arena *arena, struct lz_bytes file, struct lz_bytes *text, struct lz_fail *fail) LZ_MUST_CHECK;
void csv_open(struct csv_in *csv, struct lz_bytes text);
bool csv_next(struct csv_in *csv, struct arena *arena, struct csv_row *row);     /* passes over empty rows; false: the end */
void csv_begin(struct csv_out *csv, FILE *out);
void csv_text(struct csv_out *csv, struct lz_bytes text);       /* what people wrote */
void csv_value(struct csv_out *csv, struct lz_bytes text);      /* what a program made: a number, a date, a word of ours */
void csv_again(struct csv_out *csv, struct lz_bytes field);     /* a field as it was read */
void csv_end_row(struct csv_out *csv);
bool csv_is_risky(struct lz_bytes text);                        /* a spreadsheet would make something else of it */
struct lz_bytes csv_plain(struct lz_bytes field);               /* without the apostrophe that csv_text put there */

/* ---- what the columns of a table mean (client_table.c, client_map.c) ---- */
struct map;                          /* what a mapping file says; see client_map.c */
enum lz_err map_read(struct arena *arena, const char *path, struct map **map, struct lz_fail *fail) LZ_MUST_CHECK;
const char *map_column(const struct map *map, struct lz_bytes theirs);                      /* our name, "-": not wanted, NULL: not said */
struct lz_bytes map_value(const struct map *map, const char *field, struct lz_bytes theirs); /* our word, or theirs */
const char *map_constant(const struct map *map, size_t index, struct lz_bytes *value);      /* the field; NULL: there are no more */
const char *map_word(const struct map *map, const char *name);                              /* of [source]; NULL: not said */
enum { TABLE_FIELDS_MAX = 24 };
struct table_kind {                  /* a kind as a table: a form, or one of the kinds that have code of their own */
    const struct kind_row *kind;
    const struct form_field *fields;
    size_t n_fields;
};
bool table_kind_find(const char *name, struct table_kind *table);
struct csv_table {
    struct table_kind of;
    const struct map *map;
    const char *source;              /* whose data it is: with their key it names a row for good */
    struct csv_in csv;
    struct arena *arena;             /* for what lives as long as the import */
    struct csv_row head;
    struct { int field; const char *measure; } columns[CSV_FIELDS_MAX];
    uint32_t present;                /* fields that have a column or a constant: an empty cell there clears */
    size_t ignored, constants;
    bool foreign;                    /* ids are of the store that wrote it: a key, unless that is this one */
    uint32_t newest;                 /* the newest day in the data, yyyymmdd */
    void *repeats;                   /* rows without a key, met before */
};
enum lz_err table_open(struct csv_table *table, struct arena *arena, const char *kind, const struct map *map, const char *source, struct lz_bytes text,
                       struct lz_fail *fail) LZ_MUST_CHECK;
/* A row as a draft; *task: what a progress report is about, for the daemon to find. */
enum lz_err table_draft(struct csv_table *table, struct arena *arena, const struct csv_row *row, struct record *draft, struct lz_bytes *task,
                        struct lz_fail *fail) LZ_MUST_CHECK;
void table_head(struct csv_out *csv, const struct table_kind *of, bool zh);

/* ---- files that come whole or not at all (client_files.c) ---- */
struct out_file { FILE *out; const char *path, *temporary; };        /* "-": stdout */
enum lz_err out_open(struct arena *arena, const char *path, struct out_file *file, struct lz_fail *fail) LZ_MUST_CHECK;
enum lz_err out_close(struct out_file *file, struct lz_fail *fail) LZ_MUST_CHECK;    /* on disk, under its name */
void out_drop(struct out_file *file);
/* A row that the daemon gave of a record, as a row of its kind's table. */
void table_record(struct arena *arena, struct csv_out *csv, const struct table_kind *of, const struct row *row, bool zh);
enum { TABLE_FILE_BYTES_MAX = 256 * 1024 * 1024 };
/* All entries or events of a kind as a table. *n: how many. */
enum lz_err table_export(struct session *session, const struct command *command, uint32_t *n, struct lz_fail *fail) LZ_MUST_CHECK;
/* ---- attached files (client_attach.c) ---- */
enum lz_err attach_file(struct session *session, const struct command *command, struct answer *answer, struct lz_fail *fail) LZ_MUST_CHECK;
enum lz_err attachment_take_out(struct session *session, const struct command *command, struct answer *answer, struct lz_fail *fail) LZ_MUST_CHECK;

/* ---- importing ------------------------------------------------------------------------------------------------------ */
struct tsv {
    struct lz_bytes text;
    size_t at;
    uint32_t line;                   /* of the last one given, from 1 */
};
void tsv_open(struct tsv *tsv, struct lz_bytes text);
bool tsv_next(struct tsv *tsv, struct lz_bytes *line);          /* without line end; skips empty lines and comments */
/* Cuts at tabs, at most max; gives how many there are. */
size_t tsv_split(struct lz_bytes line, struct lz_bytes *fields, size_t max);

struct reject {
    uint32_t line;
    enum lz_err code;
    struct lz_bytes text, original;
};
struct import_result {
    uint32_t imported, unknown;      /* unknown: sent, and no answer came */
    uint32_t unchanged;              /* had been imported before, and are as they were */
    struct reject *rejects;          /* by line */
    size_t n_rejects, rejects_room;
};
/* Where other lines than those of a TSV come from: the rows of a table. */
struct import_lines {
    bool (*next)(void *context, uint32_t *line, struct lz_bytes *raw);
    enum lz_err (*draft)(void *context, struct record *draft, struct lz_bytes *task, struct lz_fail *fail);     /* of the line just given */
    void *context;
    const char *columns;             /* which fields they speak of, as a number */
    bool atomic;
};
enum lz_err import_lines_run(struct session *session, const struct command *command, const struct import_lines *lines, struct import_result *result,
                             struct lz_fail *fail) LZ_MUST_CHECK;
/* A file of a table into the daemon; the rejects go to --reject. mark: what is told of the batch. */
enum { SOURCE_BYTES_MAX = 27 };      /* a name, in Chinese nine characters */
struct import_mark {
    const char *source, *kind, *file, *mapping, *upto;      /* each may be NULL but the first two */
    uint32_t rows, newest;
    size_t ignored;
    char hash[65];
};
/* client_batch.c: tells the daemon of a batch that is new in any way; what the last one of that number said. */
const char *batch_no(struct arena *arena, const char *source, const char *kind);
bool batch_last(struct session *session, const char *no, const char *field, struct lz_bytes *text);
enum lz_err batch_put(struct session *session, const struct import_mark *mark, const struct import_result *result, struct lz_fail *fail) LZ_MUST_CHECK;
enum lz_err table_import(struct session *session, const struct command *command, struct import_result *result, struct import_mark *mark,
                         struct lz_fail *fail) LZ_MUST_CHECK;
/* A table that is in hand, without its batch; mark: source and file are given. */
enum lz_err table_apply(struct session *session, const struct command *command, const char *kind, struct lz_bytes file, struct import_result *result,
                        struct import_mark *mark, struct lz_fail *fail) LZ_MUST_CHECK;
/* client_follow.c: `export DIR --since`, `import --manifest DIR`. said: a sentence more. */
/* again: go on where the last run ended, whatever --since says. */
enum lz_err follow_export(struct session *session, const struct command *command, bool again, uint32_t *n, struct lz_fail *fail) LZ_MUST_CHECK;
enum lz_err follow_import(struct session *session, const struct command *command, struct import_result *result, const char **said,
                          struct lz_fail *fail) LZ_MUST_CHECK;
/* LZ_ok: every line is either in or among the rejects. */
enum lz_err import_run(struct session *session, const struct command *command, struct import_result *result, struct lz_fail *fail) LZ_MUST_CHECK;

/* ---- printing -------------------------------------------------------------------------------------------------------- */
struct printer {
    FILE *out;
    struct arena *arena;             /* scratch; as it was after each call */
    size_t width;                    /* columns of the terminal; 0: no limit */
    bool colour;
    const struct form_kind *form;    /* whose fields the rows have; NULL: of none */
    enum lz_lang lang;               /* of headings, labels and what is said around a refusal */
};
struct printer printer_for(FILE *out, struct arena *arena, enum lz_lang lang);
void print_rows(const struct printer *printer, const struct row *rows, size_t n_rows);
/* The rows of an answer as a table for spreadsheets: the columns that people see, one section behind the other. */
void print_csv(const struct printer *printer, const struct answer *answer);
void print_answer(const struct printer *printer, const struct answer *answer);
void print_row_line(const struct printer *printer, const struct row *row);      /* watch */
void print_text(const struct printer *printer, struct lz_bytes text);           /* made harmless, newlines kept */
void print_refusal(const struct printer *printer, enum lz_err code, struct lz_bytes text);
struct lz_bytes row_cell(const struct row *row, const char *name);              /* empty: it has none */
void print_json_answer(FILE *out, const struct answer *answer);
void print_json_row(FILE *out, const struct row *row);
void print_json_import(FILE *out, enum lz_err code, struct lz_bytes text, const struct import_result *result);
void print_rejects(FILE *out, enum lz_lang lang, const struct import_result *result, bool with_head);  /* TSV */
#endif
