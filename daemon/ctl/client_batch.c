/* client_batch: what an import leaves behind: one version of an entry that says what came from where, so that the tiers above see how fresh
 * each source is. The same file again, with nothing taken from it, leaves nothing. */
#include "client.h"

static void set_text(const struct form_kind *form, struct form *v, const char *field, const char *text) {
    size_t at = form_field_find(form, lz_bytes_str(field));
    LZ_ASSERT(at < form->n_fields && form->fields[at].type == FIELD_TEXT);
    if (!text || !*text) return;
    v->given |= 1u << at;
    v->of[at].text = lz_bytes_str(text);
}

static void set_number(const struct form_kind *form, struct form *v, const char *field, int64_t number) {
    size_t at = form_field_find(form, lz_bytes_str(field));
    LZ_ASSERT(at < form->n_fields && form->fields[at].type != FIELD_TEXT);
    v->given |= 1u << at;
    v->of[at].number = number;
}

const char *batch_no(struct arena *arena, const char *source, const char *kind) {
    const char *no = arena_printf(arena, "%s-%s", source, kind);
    LZ_ASSERT(no && strlen(no) <= FORM_NO_BYTES_MAX);
    return no;
}

bool batch_last(struct session *session, const char *no, const char *field, struct lz_bytes *text) {
    struct arg args[] = { { lz_bytes_str("kind"), lz_bytes_str("import_batch") }, { lz_bytes_str("no"), lz_bytes_str(no) } };
    struct ask ask = { .verb = lz_bytes_str("show"), .args = args, .n_args = LZ_COUNT(args) };
    struct answer answer;
    if (session_ask(session, &ask, &answer, NULL) != LZ_ok || answer.code != LZ_ok || answer.n_rows == 0) return false;
    *text = row_cell(&answer.rows[0], field);
    return true;
}

enum lz_err batch_put(struct session *session, const struct import_mark *mark, const struct import_result *result, struct lz_fail *fail) {
    const struct kind_row *kind = kind_by_name("import_batch");
    LZ_ASSERT(kind && kind->form);
    struct record r = { .kind = kind->number };
    struct form *v = &r.of.form;
    const char *no = batch_no(session->arena, mark->source, mark->kind), *state = result->imported + result->unchanged > 0 ? "applied" : "refused";
    struct lz_bytes last, draft;
    struct answer answer;
    uint8_t request[REQUEST_BYTES];
    bool same = !mark->upto && result->imported == 0 && batch_last(session, no, "hash", &last) && lz_bytes_equal(last, lz_bytes_str(mark->hash));
    if (same) return LZ_ok;
    v->of = client_alloc(session->arena, kind->form->n_fields * sizeof *v->of);
    v->no = lz_bytes_str(no);
    set_text(kind->form, v, "source", mark->source);
    set_text(kind->form, v, "kind", mark->kind);
    set_text(kind->form, v, "file", mark->file);
    set_text(kind->form, v, "hash", mark->hash);
    set_text(kind->form, v, "mapping", mark->mapping);
    set_text(kind->form, v, "upto", mark->upto);
    set_number(kind->form, v, "rows", mark->rows);
    set_number(kind->form, v, "accepted", result->imported);
    set_number(kind->form, v, "unchanged", result->unchanged);
    set_number(kind->form, v, "rejected", (int64_t)result->n_rejects);
    if (mark->newest) set_number(kind->form, v, "newest", mark->newest);
    enum lz_err err = draft_encode(session->arena, &r, &draft, fail);
    if (err != LZ_ok) return err;
    lz_random(request, sizeof request);
    struct arg args[] = { { lz_bytes_str("kind"), lz_bytes_str(kind->name) }, { lz_bytes_str("state"), lz_bytes_str(state) } };
    struct ask ask = { .verb = lz_bytes_str("put"), .request = lz_bytes_of(request, sizeof request), .args = args, .n_args = LZ_COUNT(args), .drafts = &draft,
                       .n_drafts = 1 };
    err = session_ask(session, &ask, &answer, fail);
    if (err != LZ_ok || answer.code == LZ_ok) return err;
    return lz_refuse(fail, answer.code, "导入已完成，但没有记下这一批：%.*s", (int)answer.text.len, answer.text.len ? (const char *)answer.text.data : "");
}
