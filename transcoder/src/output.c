#include "output.h"

void output_byte(struct Output *o, uint32_t value) { *o->next++ = (uint8_t)value; }

static void output_word(struct Output *o, uint32_t value) {
    output_byte(o, value >> 8);
    output_byte(o, value);
}

static void output_segment(struct Output *o, uint32_t marker, uint32_t length) {
    output_word(o, 0xFF00 | marker);
    output_word(o, length + 2);
}

void output_quantisers(struct Output *o, const struct Target *target) {
    for (uint32_t slot = 0; slot < (target->components == 1 ? 1 : 2); slot++) {
        output_segment(o, 0xDB, 1 + BLOCK);
        output_byte(o, slot);
        for (uint32_t k = 0; k < BLOCK; k++) output_byte(o, target->quantiser[slot][k]);
    }
}

void output_frame(struct Output *o, const struct Target *target, bool progressive) {
    output_segment(o, progressive ? 0xC2 : 0xC0, 6 + 3 * target->components);
    output_byte(o, 8);
    output_word(o, target->height);
    output_word(o, target->width);
    output_byte(o, target->components);
    for (uint32_t i = 0; i < target->components; i++) {
        output_byte(o, i + 1);
        output_byte(o, i == 0 && target->components > 1 ? 0x22 : 0x11);
        output_byte(o, i != 0);
    }
}

void output_huffman(struct Output *o, const struct EncodingTable *table, uint32_t number) {
    output_segment(o, 0xC4, 17 + table->count);
    output_byte(o, number);
    for (uint32_t i = 0; i < 16; i++) output_byte(o, table->lengths[i]);
    for (uint32_t i = 0; i < table->count; i++) output_byte(o, table->symbols[i]);
}

void output_scan(struct Output *o, const struct Scan *scan, const uint8_t tables[MAX_COMPONENTS]) {
    output_segment(o, 0xDA, 4 + 2 * scan->components);
    output_byte(o, scan->components);
    for (uint32_t i = 0; i < scan->components; i++) {
        output_byte(o, scan->component[i] + 1u);
        output_byte(o, tables[i]);
    }
    output_byte(o, scan->spectral_start);
    output_byte(o, scan->spectral_end);
    output_byte(o, (uint32_t)scan->high_bit << 4 | scan->low_bit);
}

void output_end(struct Output *o) { output_word(o, 0xFFD9); }

uint64_t output_header_bytes(uint32_t scans) { return 2 * (5 + BLOCK) + 32 + scans * (16 + 4 * (21 + 256)) + 64; }

void output_flush(struct Output *o) {
    if (o->count & 7) {
        uint32_t fill = 8 - (o->count & 7);
        o->bits = o->bits << fill | ((1u << fill) - 1);
        o->count += fill;
    }
    while (o->count) {
        o->count -= 8;
        uint8_t byte = (uint8_t)(o->bits >> o->count);
        *o->next++ = byte;
        if (byte == 0xFF) *o->next++ = 0;
    }
    o->bits = 0;
}
