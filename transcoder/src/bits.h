/* Entropy-coded data as bits: byte stuffing undone a window at a time, 64 bits at hand. */
#pragma once

#include "jpeg.h"

/* Unstuffed bytes that are held at once: they stay in the nearest caches. */
#define WINDOW_BYTES 32768
/* More than one MCU can take: 10 blocks of 64 symbols of at most 31 bits, and one read of 8 bytes ahead. */
#define MCU_BYTES 4096
#define WINDOW_ROOM (WINDOW_BYTES + 2 * MCU_BYTES)

/* The window is filled backwards, from its end: so a little-endian load has the bits in their order. */
struct Bits {
    uint64_t bits;       /* the next bits, from the top */
    uint32_t count;      /* how many of them are known; what is below them is what comes at `next`, or 0 */
    const uint8_t *next; /* in the window, behind the next byte */
};

struct BitReader {
    struct Bits bits;
    const uint8_t *source, *end; /* what has not been unstuffed yet */
    uint8_t *window;
    const uint8_t *known_end; /* where what has been unstuffed ends: below `next` */
    bool at_marker;           /* `source` is at a marker or the file's end: nothing more will come */
};

/* Begin at the first byte of an entropy-coded segment. window: WINDOW_ROOM bytes. */
void bits_open(struct BitReader *reader, uint8_t *window, const uint8_t *source, const uint8_t *end);
/* Unstuff more. */
void bits_fill(struct BitReader *reader);
/* Whether more was read than there was. */
bool bits_overrun(const struct BitReader *reader);
/* Whether the segment has been used up to its last byte, and ends at a marker. */
bool bits_finished(struct BitReader *reader);
/* Take the marker RSTn that the segment ends with and begin the next; false where another one is there. */
bool bits_restart(struct BitReader *reader, uint32_t n);

/* To be called before each MCU: lets as much as an MCU may take be read unchecked. */
static inline bool bits_ensure(struct BitReader *reader) {
    if (__builtin_expect(reader->bits.next - reader->known_end < MCU_BYTES, 0)) {
        if (!reader->at_marker) bits_fill(reader);
        return !bits_overrun(reader);
    }
    return true;
}

/* At least 56 bits at hand. */
static inline void bits_refill(struct Bits *b) {
    uint64_t word;
    __builtin_memcpy(&word, b->next - 8, 8);
    b->bits |= word >> b->count;
    b->next -= (63 - b->count) >> 3;
    b->count |= 56;
}

/* At least 32 bits at hand: enough for a code and its value. */
static inline void bits_need_32(struct Bits *b) {
    if (b->count < 32) bits_refill(b);
}

static inline void bits_skip(struct Bits *b, uint32_t n) {
    b->bits <<= n;
    b->count -= n;
}

/* n: 1-16. */
static inline uint32_t bits_take(struct Bits *b, uint32_t n) {
    uint32_t value = (uint32_t)(b->bits >> (64 - n));
    bits_skip(b, n);
    return value;
}

/* The value of a category and its bits (T.81, F.2.2.1 EXTEND). size: 1-16. */
static inline int32_t bits_take_signed(struct Bits *b, uint32_t size) {
    int32_t value = (int32_t)bits_take(b, size);
    return value < (1 << (size - 1)) ? value - (1 << size) + 1 : value;
}
