#include "memory.h"

#include <stdbool.h>

#if defined(__wasm__)

#define PAGE 65536u
#define ALIGNMENT 64u

/* Where the linker puts the end of static data: all behind it is ours. */
extern uint8_t __heap_base;
static uintptr_t next;

void *memset(void *target, int value, size_t size) {
    uint8_t *byte = target;
    while (size--) *byte++ = (uint8_t)value;
    return target;
}

void *memcpy(void *restrict target, const void *restrict source, size_t size) {
    uint8_t *to = target;
    const uint8_t *from = source;
    while (size--) *to++ = *from++;
    return target;
}

void *memmove(void *target, const void *source, size_t size) {
    __builtin_memmove(target, source, size);
    return target;
}

int memcmp(const void *a, const void *b, size_t size) {
    const uint8_t *one = a, *other = b;
    for (; size--; one++, other++)
        if (*one != *other) return *one < *other ? -1 : 1;
    return 0;
}

static bool reserve(uint64_t end) {
    uint64_t have = (uint64_t)__builtin_wasm_memory_size(0) * PAGE;
    if (end <= have) return true;
    if (end > UINT32_MAX - PAGE) return false;
    return __builtin_wasm_memory_grow(0, (size_t)((end - have + PAGE - 1) / PAGE)) != (size_t)-1;
}

void memory_reset(void) { next = ((uintptr_t)&__heap_base + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1); }

void *allocate(uint64_t size) {
    uint64_t end = (uint64_t)next + ((size + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1));
    if (size > UINT32_MAX || !reserve(end)) return NULL;
    void *piece = (void *)next;
    next = (uintptr_t)end;
    return piece;
}

void *allocate_zeroed(uint64_t size) {
    void *piece = allocate(size);
    if (piece) __builtin_memset(piece, 0, (size_t)size);
    return piece;
}

void *extend_latest(void *latest, uint64_t old_size, uint64_t new_size) {
    (void)old_size;
    uint64_t end = (uint64_t)(uintptr_t)latest + ((new_size + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1));
    if (new_size > UINT32_MAX || !reserve(end)) return NULL;
    next = (uintptr_t)end;
    return latest;
}

#else /* Outside the sandbox each piece is an allocation of its own, for AddressSanitizer to watch. */

#include <stdlib.h>
#include <string.h>

#define MAX_PIECES 256
static void *pieces[MAX_PIECES];
static size_t used;

void memory_reset(void) {
    while (used) free(pieces[--used]);
}

void *allocate(uint64_t size) {
    if (used == MAX_PIECES || size > UINT32_MAX) return NULL;
    void *piece = aligned_alloc(64, ((size_t)size + 63) & ~(size_t)63);
    if (piece) pieces[used++] = piece;
    return piece;
}

void *allocate_zeroed(uint64_t size) {
    void *piece = allocate(size);
    if (piece) memset(piece, 0, (size_t)size);
    return piece;
}

void *extend_latest(void *latest, uint64_t old_size, uint64_t new_size) {
    if (!used || pieces[used - 1] != latest || new_size > UINT32_MAX) return NULL;
    void *piece = aligned_alloc(64, ((size_t)new_size + 63) & ~(size_t)63);
    if (!piece) return NULL;
    memcpy(piece, latest, (size_t)old_size);
    free(latest);
    return pieces[used - 1] = piece;
}

#endif
