/* check_cases: what was handed to police, procurator and court and is not answered; rangers, who are known to their own unit alone. */
#include <stdio.h>
#include "survey_room.h"

static void referral(struct check *c, const struct entry *e) {
    bool open = !entry_in(e, "answered") && !entry_in(e, "withdrawn");
    struct lz_bytes title = entry_text(e, "title");
    uint32_t due = (uint32_t)entry_number(e, "answer_due");
    if (due == 0) due = lz_date_add((uint32_t)entry_number(e, "referred_on"), (int)c->s->rules->answer_days);
    const char *text = check_text(c, title);
    if (open && due < c->s->day) check_found(c, FINDING_referral_overdue, e, e->r.origin, 0, due, text);
    if (entry_in(e, "not_filed") && !entry_has(e, "result")) check_found(c, FINDING_referral_no_reason, e, e->r.origin, 0, e->r.of.form.valid_from, text);
}

static void ranger(struct check *c, const struct entry *e) {
    int64_t until = entry_number(e, "contract_until");
    if (entry_aside(e)) return;
    if (until && until < c->s->day) check_found(c, FINDING_ranger_contract_over, e, e->r.origin, 0, (uint32_t)until, NULL);
    if (!entry_has(e, "trained_on") && !entry_number(e, "trained")) check_found(c, FINDING_ranger_untrained, e, e->r.origin, 0, e->r.of.form.valid_from, NULL);
}

/* Of those with a device, how many are seen on the net; counted by their unit, so no name is in it. */
static void online(struct check *c) {
    int64_t online = 0, devices = 0;
    char text[64];
    struct key at = { 0 };
    struct entry e;
    for (size_t mark = arena_used(c->s->arena); survey_next(c->s, "ranger", &at, &e); arena_rewind(c->s->arena, mark)) {
        if (entry_aside(&e) || !entry_number(&e, "device")) continue;
        devices++;
        online += entry_number(&e, "online") != 0;
    }
    if (devices == 0 || online * 100 >= devices * c->s->rules->online_percent) return;
    (void)snprintf(text, sizeof text, "%lld / %lld", (long long)online, (long long)devices);
    check_found(c, FINDING_rangers_offline, NULL, c->s->unit, 0, 0, text);
}

void check_cases(struct check *c) {
    check_each(c, "referral", referral);
    check_each(c, "ranger", ranger);
    online(c);
}
