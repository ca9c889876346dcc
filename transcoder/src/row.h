/* What a reader hands over: one row of the target's MCUs at a time, requantised. */
#pragma once

#include "chroma.h"
#include "headers.h"
#include "requantise.h"

/* Block rows of a row of the target's MCUs: two of luma, Cb, Cr. Of grey pictures there is the first alone. */
enum RowPart { LUMA_ABOVE, LUMA_BELOW, CB, CR, ROW_PARTS };

struct Row {
    /* The blocks' tokens from left to right, those that fill the last MCU left out. An empty part is a block row
       beyond the picture's last. */
    Token *start[ROW_PARTS], *end[ROW_PARTS];
};

/* From source to target: all that does not change from row to row. */
struct Conversion {
    struct Headers *headers;
    /* Of luma and chroma. Chroma that has to be halved has weights instead of the second. */
    struct Requantiser *requantiser[2];
    bool halve_h, halve_v;
    struct Halving *halving; /* NULL where chroma is 4:2:0 already */
    uint32_t columns[2], rows[2]; /* of the target's blocks of luma and chroma, before it is turned */
    uint32_t mcu_rows;
    struct Row row;
    struct ChromaRows chroma;
};

static inline void row_begin(struct Row *row) {
    for (int part = 0; part < ROW_PARTS; part++) row->end[part] = row->start[part];
}

/* The source's MCU rows that make one of the target's. */
static inline uint32_t source_rows(const struct Conversion *c) {
    const struct Frame *f = &c->headers->frame;
    return f->components == 1 || f->max_v == 2 ? 1 : 2;
}
