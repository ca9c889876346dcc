/* Halving chroma without pixels: the mean of two neighbours, written as a product of matrices over DCT
   coefficients. README.md derives it. */
#pragma once

#include "jpeg.h"
#include "huffman.h"

/* A block of 8 samples halved is 4 coefficients: each of the source's 8 goes into one of them, by a weight.
   The weights include the source's quantiser. */
struct Halving {
    bool h, v;
    float weight[PAST_END + BLOCK]; /* by zigzag index; 0 where nothing is added */
    uint8_t place[PAST_END + BLOCK]; /* in the reduced block, row by row */
    uint32_t floats;                 /* of a reduced block: 16 or 32 */
    /* 1 / target's quantiser, and zigzag index: in the order in which `chroma_row` has the coefficients. */
    _Alignas(64) float scale[BLOCK];
    uint8_t zigzag[BLOCK];
};

/* Reduced blocks of Cb and Cr, of the one or two block rows that make one of the target's. */
struct ChromaRows {
    float *reduced[2][2];
    uint8_t *has_detail[2][2]; /* by block: whether there is anything but a DC */
    uint32_t columns; /* blocks in each */
    uint32_t rows;    /* that have been read: the second may lie beyond the picture */
};

void halving_prepare(struct Halving *halving, bool h, bool v, const uint16_t source[BLOCK], const uint8_t target[BLOCK]);
/* The tokens of one block row of the target. Returns their end; NULL where one is out of range. */
Token *chroma_row(const struct Halving *halving, const struct ChromaRows *rows, int component, uint32_t columns, Token *out);
