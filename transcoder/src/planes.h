/* Coefficients of a whole picture, for scans that have to be collected before anything can be made of them:
   progressive ones, and sequential ones of single components. */
#pragma once

#include "row.h"

/* Bits of 63 AC, by zigzag index. */
typedef uint64_t BandBits;

/* The most bits by which a progression may come later: what encoders use, mozjpeg's search included. */
#define MAX_LATE_BITS 3

/* First scans of AC that one component may have. */
#define MAX_BANDS 8

/* What the first scan of a band told: the values that are not 0, block by block. `nonzero` says whose they are. */
struct Band {
    int16_t *values;
    uint64_t room;
    const int16_t *next; /* of the blocks that have not been taken yet */
};

/* A component's coefficients: no more than what scans told, in the order in which they did. What later scans add
   are single bits, kept as such. So reading a scan passes over 8 bytes a block instead of the cache lines of 64
   numbers, and a picture takes a few times as much memory as its file instead of 2 bytes a coefficient. */
struct Plane {
    int16_t *dc;
    BandBits *nonzero; /* by block, as all that follow */
    struct Band band[MAX_BANDS];
    uint32_t bands;
    uint8_t band_of[BLOCK]; /* by coefficient */
    /* NULL until a scan comes that adds something: */
    BandBits *late, *negative;      /* those not zero since a later scan; which of them are below zero */
    BandBits *added[MAX_LATE_BITS]; /* by their place, from the last bit, the bits of all */
    uint32_t stride;                /* blocks in a row */
    uint64_t blocks;
    int8_t low_bit[BLOCK]; /* to which bit each coefficient is known; NOT_YET before its first scan */
};

#define NOT_YET 127

struct Planes {
    struct Plane plane[MAX_COMPONENTS];
    uint32_t scans;
};

enum Status planes_begin(struct Planes *planes, const struct Frame *frame);
/* Whether every coefficient is known to its last bit. */
bool planes_are_complete(const struct Planes *planes, const struct Frame *frame);
/* The row of the target's MCUs, requantised. To be called for each in turn. */
enum Status planes_row(struct Planes *planes, struct Conversion *c, uint32_t index);
