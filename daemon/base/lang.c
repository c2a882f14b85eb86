/* lang: what people read, in Chinese or in English.
 *
 * The source is Chinese: a text of the program is its own key in the catalog (schema/po/en.po, through gettext). Which language is meant comes
 * with each call, for one daemon answers clerks of both; nothing about it is kept here. Guarantees: a text without a translation, and a
 * machine without a catalog, give the Chinese. Leaves to others: who wants which language. */
#include "base.h"

#include <libintl.h>
#include <limits.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DOMAIN "linzhang"
enum { HEADING_BYTES = 160 };

enum lz_lang lz_lang_of(struct lz_bytes name) {
    return name.len >= 2 && (name.data[0] | 0x20) == 'e' && (name.data[1] | 0x20) == 'n' ? LZ_EN : LZ_ZH;
}

enum lz_lang lz_lang_wanted(void) {
    static const char *const variables[] = { "LC_ALL", "LC_MESSAGES", "LANG", "LANGUAGE" };
    for (size_t i = 0; i < LZ_COUNT(variables); i++) {
        const char *value = getenv(variables[i]);
        if (value && *value) return lz_lang_of(lz_bytes_str(value));
    }
    return LZ_ZH;
}

/* Beside the program as it is built, or where `make install` puts it: .../bin/linzhangctl, .../share/locale. */
static bool found_beside(char path[PATH_MAX]) {
    char program[PATH_MAX], file[PATH_MAX + 64];
    ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
    if (len <= 0) return false;
    program[len] = 0;
    char *slash = strrchr(program, '/');
    if (!slash) return false;
    *slash = 0;
    static const char *const places[] = { "locale", "../share/locale" };
    for (size_t i = 0; i < LZ_COUNT(places); i++) {
        if (snprintf(path, PATH_MAX, "%s/%s", program, places[i]) >= PATH_MAX) continue;
        (void)snprintf(file, sizeof file, "%s/en/LC_MESSAGES/" DOMAIN ".mo", path);
        if (access(file, R_OK) == 0) return true;
    }
    return false;
}

/* The C library translates only when its own locale is not "C", and then into what LANGUAGE says. C.UTF-8 is on every machine. */
void lz_lang_open(const char *catalogs) {
    char path[PATH_MAX];
    if (!catalogs && !found_beside(path)) return;
    if (setenv("LANGUAGE", "en", 1) != 0 || !setlocale(LC_MESSAGES, "C.UTF-8")) return;
    (void)bindtextdomain(DOMAIN, catalogs ? catalogs : path);
    (void)bind_textdomain_codeset(DOMAIN, "UTF-8");
    (void)dgettext(DOMAIN, "-");             /* reads the file now: a daemon opens none later */
}

const char *lz_text(enum lz_lang lang, const char *zh) { return lang == LZ_EN && *zh ? dgettext(DOMAIN, zh) : zh; }

/* NULL: the catalog has no such text in this context. */
static const char *in_context(const char *context, const char *zh) {
    char key[HEADING_BYTES];
    int len = snprintf(key, sizeof key, "%s\004%s", context, zh);
    if (len <= 0 || (size_t)len >= sizeof key) return NULL;
    const char *found = dgettext(DOMAIN, key);
    return found == key ? NULL : found;
}

const char *lz_heading(enum lz_lang lang, const char *zh) {
    const char *found = lang == LZ_EN && *zh ? in_context("heading", zh) : NULL;
    return found ? found : lz_text(lang, zh);
}

const char *lz_column(enum lz_lang lang, const char *name, const char *zh) {
    const char *found = lang == LZ_EN && strcmp(name, "id") == 0 ? in_context("heading id", zh) : NULL;
    return found ? found : lz_heading(lang, zh);
}

void lz_list_add(enum lz_lang lang, char *out, size_t size, const char *name, const char *zh) {
    size_t used = strlen(out);
    const char *comma = used ? lz_text(lang, "、") : "", *word = lang == LZ_EN ? "" : zh;
    if (used + strlen(comma) + strlen(name) + strlen(word) + 2 > size) return;
    (void)snprintf(out + used, size - used, "%s%s%s%s", comma, name, *word && *name ? " " : "", word);
}
