/* The target's blocks kept by their place, turned upright on the way: for what cannot be written row by row. */
#pragma once

#include "output.h"
#include "row.h"

struct Turn {
    bool transpose; /* rows and columns exchanged first, then mirrored: */
    bool flip_h, flip_v;
};

/* orientation: as in EXIF, to be undone (EXIF 2.32, 4.6.4 A). */
struct Turn turn_upright(uint32_t orientation);

struct BlockStore {
    Token *tokens; /* of all blocks, each followed by the DC of another */
    uint64_t used, room;
    uint32_t *index[MAX_COMPONENTS]; /* of a block's first token; row by row */
    struct Turn turn;
};

enum Status store_begin(struct BlockStore *store, const struct Target *target, struct Turn turn);
/* Keep a row of the source's picture; index: from 0. c: whose row it is. */
enum Status store_row(struct BlockStore *store, const struct Target *target, const struct Conversion *c, uint32_t index);
/* A row of the target's MCUs as it is written. row: with room for it. */
void store_read_row(const struct BlockStore *store, const struct Target *target, uint32_t index, struct Row *row);

static inline const Token *store_block(
    const struct BlockStore *store, const struct Target *target, uint32_t component, uint32_t row, uint32_t column) {
    return store->tokens + store->index[component][(size_t)row * target->columns[component > 0] + column];
}
