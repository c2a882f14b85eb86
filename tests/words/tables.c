/* tables: every Chinese word of the tables, as a template for translators (a .pot on stdout). The tables are the program's own, so
 * a row that is added is here by itself. Headings have the context `heading`; the same words elsewhere have none. */
#include "../../daemon/ctl/client.h"

static void put_text(const char *key, const char *text) {
    printf("%s \"", key);
    for (const char *p = text; *p; p++) {
        if (*p == '"' || *p == '\\') putchar('\\');
        if (*p == '\n') fputs("\\n", stdout);
        else putchar(*p);
    }
    puts("\"");
}

static void entry(const char *where, const char *name, const char *context, const char *zh) {
    if (!zh || !*zh || strcmp(zh, "-") == 0) return;
    printf("#. %s%s%s\n", where, name ? ": " : "", name ? name : "");
    if (context) put_text("msgctxt", context);
    put_text("msgid", zh);
    puts("msgstr \"\"\n");
}
static void word(const char *where, const char *name, const char *zh) { entry(where, name, NULL, zh); }
static void heading(const char *where, const char *name, const char *zh) { entry(where, name, "heading", zh); }

static void put_form(const struct kind_row *kind) {
    for (size_t i = 0; i < kind->form->n_fields; i++) {
        const struct form_field *field = &kind->form->fields[i];
        heading(kind->name, field->name, field->zh);
        for (const struct form_word *choice = field->choices; choice && choice->name; choice++) word(kind->name, choice->name, choice->zh);
    }
    for (size_t i = 0; i < kind->form->n_states; i++) word(kind->name, kind->form->states[i].name, kind->form->states[i].zh);
}

static void put_kinds(void) {
    for (size_t i = 0; i < kind_count(); i++) {
        const struct kind_row *kind = kind_at(i);
        word("kind", kind->name, kind->zh);
        if (kind->form) put_form(kind);
        for (uint32_t k = 0; k < 256; k++)
            if (strcmp(class_name(kind->number, k), "unknown") != 0) word("class", class_name(kind->number, k), class_zh(kind->number, k));
    }
}

static void put_machines(void) {
    for (size_t i = 0; i < move_count(); i++) word("move", move_at(i)->name, move_at(i)->zh);
    for (int m = 0; m < MACHINE_COUNT; m++)
        for (uint8_t i = 0; i < STATES_MAX; i++) word("state", state_name((enum machine)m, i), state_zh((enum machine)m, i));
    for (int i = 0; i < COLOUR_COUNT; i++) word("colour", colour_name((enum colour)i), colour_zh((enum colour)i));
    for (int i = 0; i < LANE_COUNT; i++) word("lane", lane_name((enum lane)i), lane_zh((enum lane)i));
    for (int i = 0; i < LINK_COUNT; i++) {
        word("link", link_name((enum link_state)i), link_zh((enum link_state)i));
        word("link: what to do", link_name((enum link_state)i), link_next_zh((enum link_state)i));
    }
    for (int i = 0; i < LZ_ERR_COUNT; i++) word("error", lz_err_name((enum lz_err)i), lz_err_zh((enum lz_err)i));
}

static void put_columns(void) {
    static const struct { const char *name, *heading; } columns[] = {
#define X(name, heading, align) { #name, heading },
#include "../../schema/columns.def"
#undef X
    };
    for (size_t i = 0; i < LZ_COUNT(columns); i++) 
        entry("column", columns[i].name, strcmp(columns[i].name, "id") == 0 ? "heading id" : "heading", columns[i].heading);
    heading("card", "_bar", "进度");
}

static void put_settings(void) {
    static const struct { const char *section, *key, *zh; } settings[] = {
#define X(section, key, type, standard, minimum, maximum, zh) { #section, #key, zh },
#include "../../schema/config.def"
#undef X
    };
    for (size_t i = 0; i < LZ_COUNT(settings); i++) heading(settings[i].section, settings[i].key, settings[i].zh);
}

static void put_findings(void) {
    static const struct { const char *code, *zh, *next; } findings[] = {
#define X(code, kind, zh, next) { #code, zh, next },
#include "../../schema/findings.def"
#undef X
    };
    for (size_t i = 0; i < LZ_COUNT(findings); i++) {
        word("finding", findings[i].code, findings[i].zh);
        word("finding: what to do", findings[i].code, findings[i].next);
    }
}

int main(void) {
    puts("msgid \"\"\nmsgstr \"Content-Type: text/plain; charset=UTF-8\\n\"\n");
    put_kinds();
    put_machines();
    put_columns();
    put_settings();
    put_findings();
    for (size_t i = 0; i < verbs_known(); i++) word("help", verb_at(i)->words, verb_at(i)->help);
    return 0;
}
