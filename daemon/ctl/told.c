/* told: what a node said of a link, in the reader's language.
 *
 * Why a link is as it is, the turn knows and says in either language. What a neighbour said is a sentence that came in Chinese over the wire, or
 * from before: those that have one shape are taken apart and put together again; what is not known stays as it came. */
#include <stdio.h>
#include "ctl_room.h"

enum { TOLD_BYTES = 320, STATE_BYTES = 48 };

/* `对方拒绝：…` and the like hold a neighbour's or the system's own words behind ours. */
const char *retold(struct call *c, enum lz_lang lang, const char *text) {
    static const char sign[] = "：";
    const char *whole = lz_text(lang, text), *colon = strstr(text, sign);
    if (lang == LZ_ZH || whole != text || !colon) return whole;
    char *before = arena_copy(c->arena, text, (size_t)(colon - text) + 1);
    if (!before) return text;
    before[colon - text] = 0;
    const char *told = arena_printf(c->arena, lz_text(lang, "%s：%s"), lz_text(lang, before), lz_text(lang, colon + sizeof sign - 1));
    return told ? told : text;
}

const char *reason_of(struct call *c, enum lz_lang lang, const struct link_view *v) {
    char text[TOLD_BYTES];
    turn_link_reason(c->turn, v->code, lang, text, sizeof text);
    const char *copy = arena_copy(c->arena, text, strlen(text) + 1);
    return lang == LZ_ZH || !copy ? v->reason : retold(c, lang, copy);
}

/* `410800 与上级 410000 连接中：还没有连上上级`, as turn/publish.c makes it. */
const char *cause_of(struct call *c, enum lz_lang lang, const struct link_view *v) {
    unsigned unit = 0, parent = 0;
    int at = 0;
    char state[STATE_BYTES];
    const char *copy = arena_copy(c->arena, v->cause, strlen(v->cause) + 1);
    if (lang == LZ_ZH || !copy) return v->cause;
    const char *colon = sscanf(copy, "%6u 与上级 %6u %n", &unit, &parent, &at) == 2 && at > 0 ? strstr(copy + at, "：") : NULL;
    if (!colon || (size_t)(colon - copy) - (size_t)at >= sizeof state) return copy;
    memcpy(state, copy + at, (size_t)(colon - copy) - (size_t)at);
    state[(size_t)(colon - copy) - (size_t)at] = 0;
    const char *told = arena_printf(c->arena, lz_text(lang, "%06u 与上级 %06u %s：%s"), unit, parent, lz_text(lang, state),
                                    retold(c, lang, colon + strlen("：")));
    return told ? told : copy;
}
