#include "turned.h"

#include "memory.h"

#define FIRST_ROOM (1u << 16)
#define MAX_BLOCK_TOKENS BLOCK

struct Turn turn_upright(uint32_t orientation) {
    bool transpose = orientation >= 5;
    return (struct Turn){
        .transpose = transpose,
        .flip_h = orientation == 2 || orientation == 3 || orientation == 6 || orientation == 7,
        .flip_v = orientation == 3 || orientation == 4 || orientation == 7 || orientation == 8,
    };
}

enum Status store_begin(struct BlockStore *store, const struct Target *target, struct Turn turn) {
    store->turn = turn;
    for (uint32_t i = 0; i < target->components; i++) {
        uint64_t blocks = (uint64_t)target->columns[i > 0] * target->rows[i > 0];
        store->index[i] = allocate(blocks * sizeof *store->index[i]);
        if (!store->index[i]) return MEMORY;
    }
    store->used = 0;
    store->room = FIRST_ROOM;
    store->tokens = allocate(store->room * sizeof(Token));
    return store->tokens ? OK : MEMORY;
}

static bool ensure_room(struct BlockStore *store, uint64_t more) {
    if (store->room - store->used >= more) return true;
    uint64_t room = store->room + store->room / 2;
    if (room < store->used + more) room = store->used + more;
    store->tokens = extend_latest(store->tokens, store->room * sizeof(Token), room * sizeof(Token));
    store->room = room;
    return store->tokens != NULL && room < UINT32_MAX;
}

/* One block's tokens, turned; returns what follows them. */
static const Token *turn_block(struct BlockStore *store, const Token *from) {
    struct Turn turn = store->turn;
    Token *out = store->tokens + store->used;
    *out++ = *from++;
    int16_t values[BLOCK];
    uint64_t present = 0;
    uint32_t k;
    for (; (k = token_index(*from)) != 0; from++) {
        int32_t value = token_value(*from);
        uint32_t row = natural_order[k] / 8, column = natural_order[k] % 8;
        if (turn.transpose) {
            uint32_t exchanged = row;
            row = column;
            column = exchanged;
        }
        if (((row & turn.flip_v) ^ (column & turn.flip_h)) & 1) value = -value;
        k = zigzag_order[8 * row + column];
        values[k] = (int16_t)value;
        present |= (uint64_t)1 << k;
    }
    for (; present; present &= present - 1) {
        k = (uint32_t)__builtin_ctzll(present);
        *out++ = token(k, values[k]);
    }
    store->used = (uint64_t)(out - store->tokens);
    return from;
}

static void keep_part(
    struct BlockStore *store, const struct Target *target, uint32_t component, uint32_t row, const Token *from,
    uint32_t columns) {
    struct Turn turn = store->turn;
    uint32_t width = target->columns[component > 0], height = target->rows[component > 0];
    for (uint32_t column = 0; column < columns; column++) {
        uint32_t x = turn.transpose ? row : column, y = turn.transpose ? column : row;
        if (turn.flip_h) x = width - 1 - x;
        if (turn.flip_v) y = height - 1 - y;
        store->index[component][(size_t)y * width + x] = (uint32_t)store->used;
        from = turn_block(store, from);
    }
}

enum Status store_row(
    struct BlockStore *store, const struct Target *target, const struct Conversion *c, uint32_t index) {
    uint64_t blocks = 0;
    for (uint32_t part = 0; part < ROW_PARTS; part++) blocks += c->columns[part >= CB];
    if (!ensure_room(store, blocks * MAX_BLOCK_TOKENS + 1)) return MEMORY;
    uint32_t luma_rows = target->components == 1 ? 1 : 2;
    for (uint32_t part = 0; part < ROW_PARTS; part++) {
        const struct Row *row = &c->row;
        if (row->start[part] == row->end[part]) continue;
        *row->end[part] = token(0, 0);
        uint32_t component = part < CB ? 0 : part - CB + 1;
        uint32_t at = component ? index : index * luma_rows + part;
        keep_part(store, target, component, at, row->start[part], c->columns[component > 0]);
    }
    store->tokens[store->used] = token(0, 0);
    return OK;
}

void store_read_row(const struct BlockStore *store, const struct Target *target, uint32_t index, struct Row *row) {
    row_begin(row);
    uint32_t luma_rows = target->components == 1 ? 1 : 2;
    for (uint32_t part = 0; part < (target->components == 1 ? 1 : ROW_PARTS); part++) {
        uint32_t component = part < CB ? 0 : part - CB + 1, kind = component > 0;
        uint32_t at = component ? index : index * luma_rows + part;
        if (at >= target->rows[kind]) continue;
        for (uint32_t column = 0; column < target->columns[kind]; column++) {
            const Token *from = store_block(store, target, component, at, column);
            do {
                *row->end[part]++ = *from++;
            } while (token_index(*from));
        }
    }
}
