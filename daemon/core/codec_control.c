/* codec_control: asks and answers of the control socket, bytes <-> structs. Both programs use it. */
#include "codec.h"
#include "control.pb-c.h"

enum { ASK_BYTES_MAX = 1024 * 1024, ASK_ARGS_MAX = 64 };

enum lz_err ask_encode(struct arena *arena, const struct ask *ask, struct lz_bytes *packet) {
    Lz__Ask m = LZ__ASK__INIT;
    m.has_seq = 1;
    m.seq = ask->seq;
    CODEC_SET_BYTES(&m, verb, ask->verb);
    CODEC_SET_BYTES(&m, request, ask->request);
    CODEC_SET_BYTES(&m, after, ask->after);
    CODEC_SET_BYTES(&m, data, ask->data);
    CODEC_SET_BYTES(&m, lang, ask->lang == LZ_EN ? lz_bytes_str("en") : (struct lz_bytes){ 0 });
    m.has_program = m.program = ask->program;
    Lz__Arg *args = arena_alloc(arena, (ask->n_args + 1) * sizeof *args);
    m.args = arena_alloc(arena, (ask->n_args + 1) * sizeof *m.args);
    m.drafts = arena_alloc(arena, (ask->n_drafts + 1) * sizeof *m.drafts);
    if (!args || !m.args || !m.drafts) return LZ_too_large;
    for (size_t i = 0; i < ask->n_args; i++) {
        lz__arg__init(&args[i]);
        args[i].has_name = args[i].has_value = 1;
        args[i].name = codec_data(ask->args[i].name);
        args[i].value = codec_data(ask->args[i].value);
        m.args[i] = &args[i];
    }
    m.n_args = ask->n_args;
    for (size_t i = 0; i < ask->n_drafts; i++) m.drafts[i] = codec_data(ask->drafts[i]);
    m.n_drafts = ask->n_drafts;
    return codec_packet(arena, PACKET_ASK, &m.base, packet);
}

enum lz_err ask_decode(struct arena *arena, struct lz_bytes body, struct ask *ask) {
    memset(ask, 0, sizeof *ask);
    if (body.len > ASK_BYTES_MAX) return LZ_too_large;
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__Ask *m = lz__ask__unpack(&allocator, body.len, body.data);
    if (!m || m->n_args > ASK_ARGS_MAX || m->verb.len > 64 || (m->request.len != 0 && m->request.len != 16) || m->after.len > 256) return LZ_bad_packet;
    if (m->n_drafts > ASK_DRAFTS_MAX) return LZ_too_many;
    ask->args = arena_alloc(arena, (m->n_args + 1) * sizeof *ask->args);
    ask->drafts = arena_alloc(arena, (m->n_drafts + 1) * sizeof *ask->drafts);
    if (!ask->args || !ask->drafts) return LZ_too_large;
    for (size_t i = 0; i < m->n_args; i++) {
        ask->args[i] = (struct arg){ codec_bytes(m->args[i]->name), codec_bytes(m->args[i]->value) };
        if (ask->args[i].name.len > 64) return LZ_bad_packet;
        if (ask->args[i].value.len > TEXT_BYTES_MAX) return LZ_too_large;
        if (!lz_text_valid(ask->args[i].name) || !lz_text_valid(ask->args[i].value)) return LZ_bad_utf8;
    }
    for (size_t i = 0; i < m->n_drafts; i++) ask->drafts[i] = codec_bytes(m->drafts[i]);
    ask->n_args = m->n_args;
    ask->n_drafts = m->n_drafts;
    ask->seq = m->seq;
    ask->verb = codec_bytes(m->verb);
    ask->request = codec_bytes(m->request);
    ask->after = codec_bytes(m->after);
    ask->data = codec_bytes(m->data);
    ask->lang = lz_lang_of(codec_bytes(m->lang));
    ask->program = m->program;
    return LZ_ok;
}

static bool rows_fill(struct arena *arena, const struct answer *answer, Lz__Answer *m) {
    Lz__Row *rows = arena_alloc(arena, (answer->n_rows + 1) * sizeof *rows);
    m->rows = arena_alloc(arena, (answer->n_rows + 1) * sizeof *m->rows);
    if (!rows || !m->rows) return false;
    for (size_t i = 0; i < answer->n_rows; i++) {
        const struct row *in = &answer->rows[i];
        lz__row__init(&rows[i]);
        Lz__Cell *cells = arena_alloc(arena, (in->n_cells + 1) * sizeof *cells);
        rows[i].cells = arena_alloc(arena, (in->n_cells + 1) * sizeof *rows[i].cells);
        if (!cells || !rows[i].cells) return false;
        for (size_t j = 0; j < in->n_cells; j++) {
            lz__cell__init(&cells[j]);
            cells[j].has_name = cells[j].has_text = 1;
            cells[j].name = codec_data(in->cells[j].name);
            cells[j].text = codec_data(in->cells[j].text);
            rows[i].cells[j] = &cells[j];
        }
        rows[i].n_cells = in->n_cells;
        m->rows[i] = &rows[i];
    }
    m->n_rows = answer->n_rows;
    return true;
}

static bool refused_fill(struct arena *arena, const struct answer *answer, Lz__Answer *m) {
    Lz__DraftResult *list = arena_alloc(arena, (answer->n_refused + 1) * sizeof *list);
    m->refused = arena_alloc(arena, (answer->n_refused + 1) * sizeof *m->refused);
    if (!list || !m->refused) return false;
    for (size_t i = 0; i < answer->n_refused; i++) {
        lz__draft_result__init(&list[i]);
        list[i].has_index = list[i].has_code = list[i].has_text = 1;
        list[i].index = answer->refused[i].index;
        list[i].code = codec_data(lz_bytes_str(lz_err_name(answer->refused[i].code)));
        list[i].text = codec_data(answer->refused[i].text);
        m->refused[i] = &list[i];
    }
    m->n_refused = answer->n_refused;
    return true;
}

enum lz_err answer_encode(struct arena *arena, const struct answer *answer, struct lz_bytes *packet) {
    Lz__Answer m = LZ__ANSWER__INIT;
    m.has_seq = m.has_code = 1;
    m.seq = answer->seq;
    m.code = codec_data(lz_bytes_str(lz_err_name(answer->code)));
    CODEC_SET_BYTES(&m, text, answer->text);
    CODEC_SET_BYTES(&m, next, answer->next);
    CODEC_SET_BYTES(&m, data, answer->data);
    CODEC_SET(&m, streaming, answer->streaming);
    m.ids = arena_alloc(arena, (answer->n_ids + 1) * sizeof *m.ids);
    if (!m.ids || !rows_fill(arena, answer, &m) || !refused_fill(arena, answer, &m)) return LZ_too_large;
    for (size_t i = 0; i < answer->n_ids; i++) m.ids[i] = codec_data(answer->ids[i]);
    m.n_ids = answer->n_ids;
    return codec_packet(arena, PACKET_ANSWER, &m.base, packet);
}

static enum lz_err code_take(ProtobufCBinaryData code) {
    char name[33] = { 0 };
    if (code.len > 32) return LZ_bad_packet;
    if (code.len) memcpy(name, code.data, code.len);
    return lz_err_from_name(name);
}

enum lz_err answer_decode(struct arena *arena, struct lz_bytes body, struct answer *answer) {
    memset(answer, 0, sizeof *answer);
    if (body.len > ASK_BYTES_MAX) return LZ_too_large;
    ProtobufCAllocator allocator = codec_allocator(arena);
    Lz__Answer *m = lz__answer__unpack(&allocator, body.len, body.data);
    if (!m) return LZ_bad_packet;
    answer->rows = arena_alloc(arena, (m->n_rows + 1) * sizeof *answer->rows);
    answer->ids = arena_alloc(arena, (m->n_ids + 1) * sizeof *answer->ids);
    answer->refused = arena_alloc(arena, (m->n_refused + 1) * sizeof *answer->refused);
    if (!answer->rows || !answer->ids || !answer->refused) return LZ_too_large;
    for (size_t i = 0; i < m->n_rows; i++) {
        struct cell *cells = arena_alloc(arena, (m->rows[i]->n_cells + 1) * sizeof *cells);
        if (!cells) return LZ_too_large;
        for (size_t j = 0; j < m->rows[i]->n_cells; j++)
            cells[j] = (struct cell){ codec_bytes(m->rows[i]->cells[j]->name), codec_bytes(m->rows[i]->cells[j]->text) };
        answer->rows[i] = (struct row){ cells, m->rows[i]->n_cells };
    }
    for (size_t i = 0; i < m->n_ids; i++) answer->ids[i] = codec_bytes(m->ids[i]);
    for (size_t i = 0; i < m->n_refused; i++)
        answer->refused[i] = (struct draft_result){ m->refused[i]->index, code_take(m->refused[i]->code), codec_bytes(m->refused[i]->text) };
    answer->n_rows = m->n_rows;
    answer->n_ids = m->n_ids;
    answer->n_refused = m->n_refused;
    answer->seq = m->seq;
    answer->code = code_take(m->code);
    answer->text = codec_bytes(m->text);
    answer->next = codec_bytes(m->next);
    answer->data = codec_bytes(m->data);
    answer->streaming = m->streaming;
    return LZ_ok;
}
