/* config: one INI file, read once, strict. */
#ifndef LZ_CONFIG_H
#define LZ_CONFIG_H
#include "base/base.h"

enum { CONFIG_TEXT_MAX = 1024 };
struct config {
#define TEXT_FIELD(section, key) char section##_##key[CONFIG_TEXT_MAX];
#define CONFIG_UNIT(section, key) uint32_t section##_##key;
#define CONFIG_TEXT(section, key) TEXT_FIELD(section, key)
#define CONFIG_PATH(section, key) TEXT_FIELD(section, key)
#define CONFIG_LIST(section, key) TEXT_FIELD(section, key)
#define CONFIG_PATHS(section, key) TEXT_FIELD(section, key)
#define CONFIG_ENDPOINT(section, key) TEXT_FIELD(section, key)
#define CONFIG_ENDPOINTS(section, key) TEXT_FIELD(section, key)
#define CONFIG_GROUP(section, key) TEXT_FIELD(section, key)
#define CONFIG_NUMBER(section, key) uint64_t section##_##key;
#define CONFIG_MODE(section, key) uint32_t section##_##key;
#define X(section, key, type, standard, minimum, maximum, zh) CONFIG_##type(section, key)
#include "../schema/config.def"
#undef X
#undef TEXT_FIELD
#undef CONFIG_UNIT
#undef CONFIG_TEXT
#undef CONFIG_PATH
#undef CONFIG_LIST
#undef CONFIG_PATHS
#undef CONFIG_ENDPOINT
#undef CONFIG_ENDPOINTS
#undef CONFIG_GROUP
#undef CONFIG_NUMBER
#undef CONFIG_MODE
};
/* On refusal fail names file and line, and what is allowed there. Relative paths are taken from the file's own folder. */
enum lz_err config_read(const char *path, struct config *config, struct lz_fail *fail) LZ_MUST_CHECK;
/* Calls take for each item of a comma separated list, blanks trimmed; stops at the first refusal. */
enum lz_err config_each(const char *list, enum lz_err (*take)(void *context, const char *item, struct lz_fail *fail), void *context,
        struct lz_fail *fail) LZ_MUST_CHECK;
#endif
