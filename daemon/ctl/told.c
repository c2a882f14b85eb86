/* told: what a node said of a link, in the reader's language.
 *
 * Why a link is as it is, the turn knows and says in either language. What a neighbour said is a sentence that came in Chinese over the wire, or
 * from before: those that have one shape are taken apart and put together again; what is not known stays as it came. */
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

/* Six digits and what stands behind them; false: something else does. */
static bool take_unit(const char **at, const char *behind, uint32_t *unit) {
    char digits[7] = "";
    if (strlen(*at) < 6) return false;
    memcpy(digits, *at, 6);
    if (!lz_u32_parse(digits, unit) || strncmp(*at + 6, behind, strlen(behind)) != 0) return false;
    *at += 6 + strlen(behind);
    return true;
}

/* `410800 与上级 410000 连接中：还没有连上上级`, as turn/publish.c makes it. */
const char *cause_of(struct call *c, enum lz_lang lang, const struct link_view *v) {
    uint32_t unit = 0, parent = 0;
    char state[STATE_BYTES] = "";
    const char *copy = arena_copy(c->arena, v->cause, strlen(v->cause) + 1), *at = copy;
    if (lang == LZ_ZH || !copy) return v->cause;
    if (!take_unit(&at, " 与上级 ", &unit) || !take_unit(&at, " ", &parent)) return copy;
    const char *colon = strstr(at, "：");
    if (!colon || (size_t)(colon - at) >= sizeof state) return copy;
    memcpy(state, at, (size_t)(colon - at));
    const char *told = arena_printf(c->arena, lz_text(lang, "%06u 与上级 %06u %s：%s"), unit, parent, lz_text(lang, state),
                                    retold(c, lang, colon + strlen("：")));
    return told ? told : copy;
}
