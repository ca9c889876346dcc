/* The file that is written: marker segments, and bits with byte stuffing. */
#pragma once

#include "huffman.h"

/* The picture as it is written. Colour is 4:2:0. */
struct Target {
    uint32_t width, height, components;
    uint32_t mcu_columns, mcu_rows;
    uint32_t columns[2], rows[2]; /* blocks of luma and chroma with something of the picture in them */
    uint8_t quantiser[2][BLOCK];  /* in zigzag order */
};

struct Output {
    uint8_t *start, *next;
    uint64_t bits; /* the last `count` ones wait */
    uint32_t count;
};

void output_byte(struct Output *o, uint32_t value);
void output_quantisers(struct Output *o, const struct Target *target);
void output_frame(struct Output *o, const struct Target *target, bool progressive);
/* number: is_ac << 4 | slot. */
void output_huffman(struct Output *o, const struct EncodingTable *table, uint32_t number);
/* tables: for each component of the scan, DC's slot << 4 | AC's. */
void output_scan(struct Output *o, const struct Scan *scan, const uint8_t tables[MAX_COMPONENTS]);
void output_end(struct Output *o);
/* Most bytes that the marker segments of a file with so many scans take. */
uint64_t output_header_bytes(uint32_t scans);

/* Every 0xFF is followed by 0 (T.81, F.1.2.3). */
static inline void output_stuffed(struct Output *o, uint32_t value) {
    if (__builtin_expect(((~value - 0x01010101u) & value & 0x80808080u) == 0, 1)) {
        uint32_t swapped = __builtin_bswap32(value);
        __builtin_memcpy(o->next, &swapped, 4);
        o->next += 4;
        return;
    }
    for (int shift = 24; shift >= 0; shift -= 8) {
        uint8_t byte = (uint8_t)(value >> shift);
        *o->next++ = byte;
        if (byte == 0xFF) *o->next++ = 0;
    }
}

/* n: 0-32. */
static inline void output_bits(struct Output *o, uint32_t value, uint32_t n) {
    o->bits = o->bits << n | value;
    o->count += n;
    if (o->count >= 32) {
        o->count -= 32;
        output_stuffed(o, (uint32_t)(o->bits >> o->count));
    }
}

/* Fill the last byte with ones. */
void output_flush(struct Output *o);
