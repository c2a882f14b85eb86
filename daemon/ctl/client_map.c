/* client_map: how another system's columns and words are called here: an INI file that people write once.
 *
 *     [source]             name = 林业一张图        version = 2026-03        (whose data it is; which edition of this file)
 *     [columns]            小班号 = no              备注 = -                 (their column = our field; - is not wanted)
 *     [values fire_danger] 高 = first                                        (their word = our word, for that field)
 *     [constants]          year = 2026                                       (what no column says)
 *     [key]                no = 小班号                                       (the same as a line of [columns]; for events: id = their number)
 *
 * Leaves to others: whether the fields exist (client_table.c). */
#include "client.h"

#include <ini.h>
#include <stdlib.h>

struct entry { const char *section, *name, *value; struct entry *next; };
struct map { struct arena *arena; struct entry *first, **last; struct lz_fail *fail; const char *path; int line; };

static const char *kept(struct arena *arena, const char *text) {
    char *copy = arena_copy(arena, text, strlen(text) + 1);
    LZ_ASSERT(copy);
    return copy;
}

static bool known_section(const char *section) {
    return strcmp(section, "source") == 0 || strcmp(section, "columns") == 0 || strcmp(section, "constants") == 0 || strcmp(section, "key") == 0 ||
           (strncmp(section, "values ", 7) == 0 && section[7]);
}

static int on_value(void *user, const char *section, const char *name, const char *value) {
    struct map *map = user;
    if (!lz_text_valid(lz_bytes_str(section)) || !lz_text_valid(lz_bytes_str(name)) || !lz_text_valid(lz_bytes_str(value))) {
        (void)lz_refuse(map->fail, LZ_bad_utf8, "%s 不是有效的 UTF-8 文字：请另存为 UTF-8", map->path);
        return 0;
    }
    if (!known_section(section)) {
        (void)lz_refuse(map->fail, LZ_bad_argument, "%s：没有 [%.60s] 这一节；可用 [source]、[columns]、[values 字段]、[constants]、[key]", map->path, section);
        return 0;
    }
    struct entry *entry = client_alloc(map->arena, sizeof *entry);
    *entry = (struct entry){ kept(map->arena, section), kept(map->arena, name), kept(map->arena, value), NULL };
    if (strcmp(section, "key") == 0) *entry = (struct entry){ "columns", entry->value, entry->name, NULL };
    *map->last = entry;
    map->last = &entry->next;
    return 1;
}

enum lz_err map_read(struct arena *arena, const char *path, struct map **map_p, struct lz_fail *fail) {
    enum { MAP_BYTES_MAX = 1024 * 1024 };
    struct map *map = client_alloc(arena, sizeof *map);
    struct lz_bytes file;
    *map = (struct map){ .arena = arena, .last = &map->first, .fail = fail, .path = path };
    enum lz_err err = file_read(arena, path, MAP_BYTES_MAX, &file, fail);
    if (err != LZ_ok) return err;
    char *text = client_alloc(arena, file.len + 1);
    if (file.len) memcpy(text, file.data, file.len);
    if (strlen(text) != file.len) return lz_refuse(fail, LZ_bad_utf8, "%s 不是文字文件", path);
    fail->code = LZ_ok;
    int rc = ini_parse_string(text, on_value, map);
    if (rc != 0) return fail->code != LZ_ok ? fail->code : lz_refuse(fail, LZ_bad_argument, "%s 第 %d 行：不是“对方的写法 = 本系统的写法”，或字太多", path, rc);
    *map_p = map;
    return LZ_ok;
}

static const char *find(const struct map *map, const char *section, struct lz_bytes name) {
    for (const struct entry *e = map ? map->first : NULL; e; e = e->next)
        if (strcmp(e->section, section) == 0 && lz_bytes_equal(lz_bytes_str(e->name), name)) return e->value;
    return NULL;
}

const char *map_column(const struct map *map, struct lz_bytes theirs) { return find(map, "columns", theirs); }
const char *map_word(const struct map *map, const char *name) { return find(map, "source", lz_bytes_str(name)); }

struct lz_bytes map_value(const struct map *map, const char *field, struct lz_bytes theirs) {
    char section[80];
    (void)snprintf(section, sizeof section, "values %s", field);
    const char *ours = find(map, section, theirs);
    return ours ? lz_bytes_str(ours) : theirs;
}

const char *map_constant(const struct map *map, size_t index, struct lz_bytes *value) {
    for (const struct entry *e = map ? map->first : NULL; e; e = e->next) {
        if (strcmp(e->section, "constants") != 0 || index-- > 0) continue;
        *value = lz_bytes_str(e->value);
        return e->name;
    }
    return NULL;
}
