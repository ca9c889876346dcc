/* From one quantiser to another, one coefficient at a time. */
#pragma once

#include "huffman.h"

/* Coefficients, DC and the two lowest, of which a tie goes away from zero. To zero it goes elsewhere: away from it would
   cost 16 % more bytes. These three cost 0.4 to 1.5 %, and are what SSIMULACRA2 sees most of. */
#define TIES_AWAY 3

struct Requantiser {
    /* Of coefficients that a look-up told; at PAST_END and wherever a run may lead beyond the block, 0. */
    _Alignas(64) int16_t small[PAST_END + BLOCK][2 * SMALL_VALUES];
    /* Of any: (2 |v| s1 + s2 - (k >= TIES_AWAY)) / (2 s2), the division by a reciprocal. */
    uint32_t doubled_source[BLOCK], bias[BLOCK], reciprocal[BLOCK];
};

/* source, target: steps in zigzag order. */
void requantiser_prepare(struct Requantiser *r, const uint16_t source[BLOCK], const uint8_t target[BLOCK]);

/* round(value * s1 / s2). Exact for what 8-bit pictures have. */
static inline int32_t requantise(const struct Requantiser *r, uint32_t k, int32_t value) {
    uint32_t size = (uint32_t)(value < 0 ? -value : value);
    uint32_t scaled = size * r->doubled_source[k] + r->bias[k];
    int32_t result = (int32_t)((uint64_t)scaled * r->reciprocal[k] >> 32);
    return value < 0 ? -result : result;
}
