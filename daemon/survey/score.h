/* score: marks by a scheme, from what was read at the cut-off and what was marked by hand. Pure: the same texts give the same bytes on every tier.
 *
 * A scheme's items are lines of words: KEY NAME FULL HOW [MEASURE [PER]]
 *   HOW      auto: by MEASURE; manual: by hand, with a reason; bonus, deduct: by hand, added to or taken off the result.
 *   MEASURE  a share (closed, patrols, problems, letters), of which FULL is earned in proportion; or overdue: FULL less PER for each.
 * An item that does not apply (a share of nothing) is taken out, and the rest is scaled to a hundred (缺项比率计分法).
 * Inputs are lines KEY PART WHOLE; marks are lines KEY MARKS REASON. Marks have at most two decimals. */
#ifndef LZ_SCORE_H
#define LZ_SCORE_H
#include "../base/base.h"

enum { SCORE_ITEMS_MAX = 64, SCORE_WORD_BYTES = 96, SCORE_DETAIL_BYTES = 16384 };
enum score_how { SCORE_AUTO, SCORE_MANUAL, SCORE_BONUS, SCORE_DEDUCT };
struct score_item {
    char key[SCORE_WORD_BYTES], name[SCORE_WORD_BYTES], measure[SCORE_WORD_BYTES];
    int64_t full, per;               /* 0.01 marks */
    enum score_how how;
};
struct scheme { struct score_item items[SCORE_ITEMS_MAX]; size_t n; };
/* Refuses with the line that is wrong. Together the items must be worth something. */
enum lz_err scheme_parse(struct lz_bytes items, struct scheme *scheme, struct lz_fail *fail) LZ_MUST_CHECK;
/* One line of marks that a person gives: the item must be one by hand, the marks no more than it is worth. */
enum lz_err mark_check(const struct scheme *scheme, struct lz_bytes key, struct lz_bytes marks, int64_t *value, struct lz_fail *fail) LZ_MUST_CHECK;
/* The marks text with one line set; out: as long as both and 8 more. Its length. */
size_t mark_set(struct lz_bytes marks, struct lz_bytes key, struct lz_bytes value, struct lz_bytes reason, char *out);
/* 0.01 marks, and a line for each item. Refuses as long as a manual item has no mark, and names it. detail: SCORE_DETAIL_BYTES. */
enum lz_err score_of(const struct scheme *scheme, struct lz_bytes inputs, struct lz_bytes marks, int64_t *score, char *detail,
                     struct lz_fail *fail) LZ_MUST_CHECK;
#endif
