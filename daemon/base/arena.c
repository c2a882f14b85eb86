/* arena: the memory of one turn.
 *
 * Guarantees: allocation moves a mark in one reservation and never calls the heap; what arena_alloc gives is zero and
 * 16-byte aligned; pages that busy turns touched go back to the kernel once turns have been small for a while, not after
 * each: giving back and faulting in again costs more than the work of the turn.
 * Leaves to others: a NULL when the reservation is used up, which the caller refuses with LZ_full or LZ_too_large. */
#include "base.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

/* Under AddressSanitizer what was given back may not be touched, nor what lies behind an allocation: the rest of its sixteen bytes, and
 * LZ_ARENA_GUARD more where the build asks for them. */
#ifndef LZ_ARENA_GUARD
#define LZ_ARENA_GUARD 0
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_SANITIZED
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(ARENA_SANITIZED)
#include <sanitizer/asan_interface.h>
static void forbid(const uint8_t *start, size_t bytes) { __asan_poison_memory_region(start, bytes); }
static void allow(const uint8_t *start, size_t bytes) { __asan_unpoison_memory_region(start, bytes); }
#else
static void forbid(const uint8_t *start, size_t bytes) { (void)start; (void)bytes; }
static void allow(const uint8_t *start, size_t bytes) { (void)start; (void)bytes; }
#endif

enum { ALIGN = 16, KEEP_BYTES = 1024 * 1024, PAGE_BYTES = 4096, HEAD_BYTES = 64, QUIET_RESETS = 32 };

/* Lives at the start of its own reservation. */
struct arena {
    size_t map_bytes;
    size_t size;                     /* bytes for the user, behind the head                            */
    size_t used;                     /* <= size, a multiple of ALIGN                                   */
    size_t dirty;                    /* <= size; from here on no byte was handed out since it was zero */
    size_t quiet;                    /* resets since a quarter of what is kept was used                */
    bool refused;                    /* something found no room since the last reset                   */
};
static_assert(sizeof(struct arena) <= HEAD_BYTES, "the head fits in its place");
static_assert(HEAD_BYTES % ALIGN == 0, "the first allocation is aligned");
static_assert(KEEP_BYTES % PAGE_BYTES == 0, "what is kept is whole pages");

static uint8_t *room(const struct arena *arena) { return (uint8_t *)(uintptr_t)arena + HEAD_BYTES; }
static size_t round_up(size_t bytes, size_t to) { return (bytes + to - 1) / to * to; }

struct arena *arena_create(size_t bytes_max) {
    LZ_ASSERT(bytes_max < SIZE_MAX / 2);
    size_t size = round_up(bytes_max, ALIGN);
    size_t map_bytes = round_up(HEAD_BYTES + size, PAGE_BYTES);
    void *map = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (map == MAP_FAILED) lz_fatal("cannot reserve %zu bytes of address space", map_bytes);
    struct arena *arena = map;
    *arena = (struct arena){ .map_bytes = map_bytes, .size = size };
    return arena;
}

void arena_destroy(struct arena **arena_p) {
    struct arena *arena = *arena_p;
    *arena_p = NULL;
    if (!arena) return;
    allow(room(arena), arena->dirty);
    int failed = munmap(arena, arena->map_bytes);
    LZ_ASSERT(!failed);
}

void *arena_alloc_raw(struct arena *arena, size_t bytes) {
    if (bytes > arena->size - arena->used) { arena->refused = true; return NULL; }
    uint8_t *start = room(arena) + arena->used;
    size_t taken = round_up(bytes, ALIGN) + LZ_ARENA_GUARD, left = arena->size - arena->used;
    if (taken > left) taken = left;                      /* the guard gives way at the very end */
    arena->used += taken;
    LZ_ASSERT(arena->used <= arena->size);
    if (arena->used > arena->dirty) arena->dirty = arena->used;
    allow(start, bytes);
    forbid(start + bytes, taken - bytes);
    return start;
}

void *arena_alloc(struct arena *arena, size_t bytes) {
    size_t before = arena->used, dirty = arena->dirty;
    uint8_t *start = arena_alloc_raw(arena, bytes);
    /* Pages that were never handed out are zero already: touching them here would only cost. */
    if (start && dirty > before) memset(start, 0, bytes < dirty - before ? bytes : dirty - before);
    return start;
}

void *arena_copy(struct arena *arena, const void *data, size_t bytes) {
    void *copy = arena_alloc_raw(arena, bytes);
    if (copy && bytes > 0) memcpy(copy, data, bytes);
    return copy;
}

bool arena_refused(const struct arena *arena) { return arena->refused; }
size_t arena_used(const struct arena *arena) { return arena->used; }
size_t arena_room(const struct arena *arena) { return arena->size - arena->used; }

void arena_reset(struct arena *arena) {
    size_t used = arena->used, kept = round_up(HEAD_BYTES + arena->dirty, PAGE_BYTES);
    forbid(room(arena), used);
    arena->used = 0;
    arena->refused = false;
    arena->quiet = used < arena->dirty / 4 ? arena->quiet + 1 : 0;
    if (kept <= KEEP_BYTES || arena->quiet < QUIET_RESETS) return;
    arena->quiet = 0;
    size_t keep = kept / 2 > KEEP_BYTES ? round_up(kept / 2, PAGE_BYTES) : KEEP_BYTES;
    /* If the kernel will not take them back they simply stay dirty, and are zeroed by hand when used again. */
    if (madvise((uint8_t *)arena + keep, kept - keep, MADV_DONTNEED) != 0) return;
    allow((uint8_t *)arena + keep, kept - keep);         /* as new: handed out before it is touched */
    arena->dirty = keep - HEAD_BYTES;
}

char *arena_printf(struct arena *arena, const char *format, ...) {
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc_raw(arena, (size_t)len + 1);
    if (text) vsnprintf(text, (size_t)len + 1, format, again);
    va_end(again);
    return text;
}

void arena_rewind(struct arena *arena, size_t mark) {
    LZ_ASSERT(mark <= arena->used && mark % ALIGN == 0);
    forbid(room(arena) + mark, arena->used - mark);
    arena->used = mark;
}
