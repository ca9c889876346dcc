/* Huffman tables: to decode by (T.81, annex C and F.2.2.3), and the best ones to encode by (annex K.2). */
#pragma once

#include "bits.h"

/* Bits that are looked up at once: most codes with their values fit. */
#define LOOKUP_BITS 10
#define MAX_CODE_BITS 16
/* Values that the look-up tells are smaller than this. */
#define SMALL_VALUES 32
/* Coefficients that an end of block steps over: more than there are, and told from any run. */
#define PAST_END 128

/* A whole symbol: 0 where it does not fit, else of AC
   (value + SMALL_VALUES) << 16 | coefficients to step over << 8 | bits of code and value,
   and of DC value << 16 | bits of code and value. */
typedef uint32_t WholeSymbol;

struct DecodingTable {
    bool defined;
    WholeSymbol whole[1 << LOOKUP_BITS];
    /* Length << 8 | symbol of codes of up to LOOKUP_BITS; 0 for longer ones. */
    uint16_t code[1 << LOOKUP_BITS];
    /* Longer codes: the first code of each length above, left-aligned in 16 bits, and where its symbols begin. */
    uint32_t limit[MAX_CODE_BITS + 2];
    int32_t offset[MAX_CODE_BITS + 1];
    uint8_t symbols[256];
};

/* lengths: the number of codes of 1-16 bits; symbols: in order of their codes. False when codes run out. */
bool huffman_prepare(struct DecodingTable *table, const uint8_t lengths[16], const uint8_t *symbols, bool is_dc);

/* The next symbol; -1 for bits that are no code. At least 16 bits must be at hand. */
static inline int32_t huffman_decode(const struct DecodingTable *table, struct Bits *bits) {
    uint32_t entry = table->code[bits->bits >> (64 - LOOKUP_BITS)];
    if (__builtin_expect(entry != 0, 1)) {
        bits_skip(bits, entry >> 8);
        return (int32_t)(entry & 0xFF);
    }
    uint32_t ahead = (uint32_t)(bits->bits >> (64 - MAX_CODE_BITS));
    for (uint32_t length = LOOKUP_BITS + 1; length <= MAX_CODE_BITS; length++)
        if (ahead < table->limit[length]) {
            bits_skip(bits, length);
            return table->symbols[((int32_t)(ahead >> (MAX_CODE_BITS - length)) + table->offset[length]) & 0xFF];
        }
    return -1;
}

/* Add a DC difference (T.81, F.2.2.1); false for what no encoder writes. At least 32 bits must be at hand. */
static inline bool huffman_decode_dc(const struct DecodingTable *table, struct Bits *bits, int32_t *prediction) {
    WholeSymbol whole = table->whole[bits->bits >> (64 - LOOKUP_BITS)];
    if (__builtin_expect(whole != 0, 1)) {
        bits_skip(bits, whole & 0xFF);
        *prediction += (int32_t)whole >> 16;
    } else {
        int32_t size = huffman_decode(table, bits);
        if (size < 0 || size > 11) return false;
        if (size) *prediction += bits_take_signed(bits, (uint32_t)size);
    }
    return *prediction >= -32768 && *prediction <= 32767;
}

struct EncodingTable {
    uint8_t lengths[16];
    uint8_t symbols[256];
    uint32_t count; /* of symbols */
    /* By symbol: the code followed by room for the value's bits, << 5 | the bits of both. */
    uint32_t code[256];
};

/* The table that takes the fewest bits for symbols of these frequencies. The value that follows a symbol has as
   many bits as the symbol's lower half says. */
void huffman_optimise(struct EncodingTable *table, const uint32_t frequencies[256]);
