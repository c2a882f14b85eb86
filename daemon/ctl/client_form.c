/* client_form: FIELD=VALUE words as a draft of a form. What a value means is the same here and in the daemon: one table, one parser. */
#include "client.h"

#define WIDE_EQUALS "＝"

/* `name=值`, `body=@文件`; the field by its name or its Chinese. */
static enum lz_err take_word(struct arena *arena, const struct kind_row *kind, struct form *form, const char *word, struct lz_fail *fail) {
    const char *sign = word + strcspn(word, "="), *wide = strstr(word, WIDE_EQUALS);
    if (wide && wide < sign) sign = wide;
    struct lz_bytes name = lz_bytes_of(word, (size_t)(sign - word)), value;
    if (!*sign) return lz_refuse(fail, LZ_usage, "“%.60s”不是 字段=内容 的形式；linzhangctl kinds %s 列出字段", word, kind->name);
    enum lz_err err = client_value(arena, word, sign + (*sign == '=' ? 1 : strlen(WIDE_EQUALS)), &value, fail);
    if (err != LZ_ok) return err;
    if (lz_word_is(name, "no", "编号")) { form->no = value; return LZ_ok; }
    size_t at = form_field_find(kind->form, name);
    if (at == kind->form->n_fields)
        return lz_refuse(fail, LZ_bad_argument, "%s没有字段“%.*s”；linzhangctl kinds %s 列出字段", lz_said(fail, kind->zh), (int)name.len, (const char *)name.data,
                         kind->name);
    if (form->given >> at & 1) return lz_refuse(fail, LZ_usage, "%s 给了两次", kind->form->fields[at].name);
    form->given |= 1u << at;
    if (kind->form->fields[at].type == FIELD_TEXT) { form->of[at].text = value; return LZ_ok; }
    return form_number_parse(&kind->form->fields[at], value, &form->of[at].number, fail);
}

enum lz_err form_draft(struct arena *arena, const struct command *command, struct lz_bytes *draft, struct lz_fail *fail) {
    const struct lz_bytes *name = command_arg(command, "kind");
    const struct kind_row *kind = name ? kind_by_name((const char *)name->data) : NULL;
    if (!kind || !kind->form) return lz_refuse(fail, LZ_bad_argument, "“%s”不是可登记的种类；linzhangctl kinds 列出全部", name ? (const char *)name->data : "");
    struct record r = { .kind = kind->number };
    r.of.form.of = client_alloc(arena, kind->form->n_fields * sizeof *r.of.form.of);
    size_t first = 0;
    if (command->n_topic && !strchr(command->topic[0], '=') && !strstr(command->topic[0], WIDE_EQUALS)) r.of.form.no = lz_bytes_str(command->topic[first++]);
    enum lz_err err = LZ_ok;
    for (size_t i = first; i < command->n_topic && err == LZ_ok; i++) err = take_word(arena, kind, &r.of.form, command->topic[i], fail);
    return err == LZ_ok ? draft_encode(arena, &r, draft, fail) : err;
}
