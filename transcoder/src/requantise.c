#include "requantise.h"

void requantiser_prepare(struct Requantiser *r, const uint16_t source[BLOCK], const uint8_t target[BLOCK]) {
    __builtin_memset(r, 0, sizeof *r);
    for (uint32_t k = 0; k < BLOCK; k++) {
        r->doubled_source[k] = 2u * source[k];
        r->bias[k] = target[k] - (k >= TIES_AWAY);
        /* Rounded up: exact for numerators below 2^32 / (2 s2). */
        r->reciprocal[k] = (uint32_t)((((uint64_t)1 << 32) + 2u * target[k] - 1) / (2u * target[k]));
        for (int32_t value = -SMALL_VALUES + 1; value < SMALL_VALUES; value++)
            r->small[k][value + SMALL_VALUES] = (int16_t)requantise(r, k, value);
    }
}
