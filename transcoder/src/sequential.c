#include "sequential.h"

/* Symbols that can be looked up before bits run short: 56 bits are at hand. */
#define FOR_LOOKED_UP _Pragma("clang loop unroll(full)") for (int i = 0; i < 56 / LOOKUP_BITS; i++)

/* One block of a component, as it lies in the MCU. */
struct McuBlock {
    const struct DecodingTable *dc, *ac;
    uint32_t component, column, columns_of_mcu;
    bool is_beyond; /* its row has nothing of the picture */
    Token **out;    /* NULL for chroma that is halved */
    float *reduced;
    uint8_t *has_detail;
};

void sequential_begin(struct Sequential *s, const struct Headers *headers, uint8_t *window) {
    *s = (struct Sequential){.until_restart = headers->restart_interval};
    bits_open(&s->reader, window, headers->source, headers->end);
}

/* A symbol that `whole` has not told. Steps over its run; value: 0 at the end of a block and for 16 zeros. */
static inline bool decode_ac(struct Bits *bits, const struct DecodingTable *table, uint32_t *k, int32_t *value) {
    int32_t symbol = huffman_decode(table, bits);
    if (symbol < 0) return false;
    uint32_t run = (uint32_t)symbol >> 4, size = (uint32_t)symbol & 15;
    *value = 0;
    if (size == 0) {
        if (run != 0 && run != 15) return false;
        *k += run ? 15 : PAST_END;
        return true;
    }
    *k += run;
    if (*k >= BLOCK || size > 10) return false;
    *value = bits_take_signed(bits, size);
    return true;
}

/* Whether a block ended where one may: with its last coefficient, or by its end's code. */
static inline bool is_end(uint32_t k) { return k == BLOCK || k > PAST_END; }

static inline bool decode_tokens(
    struct Bits *bits, const struct McuBlock *block, const struct Requantiser *requantiser, int32_t *prediction) {
    bits_refill(bits);
    if (!huffman_decode_dc(block->dc, bits, prediction)) return false;
    int32_t dc = requantise(requantiser, 0, *prediction);
    if (!is_in_range(dc)) return false;
    Token *out = *block->out;
    *out++ = token(0, dc);
    uint32_t k = 1;
    do {
        bits_refill(bits);
        WholeSymbol whole = 0;
        FOR_LOOKED_UP {
            whole = block->ac->whole[bits->bits >> (64 - LOOKUP_BITS)];
            if (__builtin_expect(whole == 0, 0)) break;
            bits_skip(bits, whole & 0xFF);
            k += whole >> 8 & 0xFF;
            /* Without a branch: most values become 0, but who knows which. */
            int32_t value = requantiser->small[k][whole >> 16];
            *out = token(k, value);
            out += value != 0;
            if (++k >= BLOCK) break;
        }
        if (__builtin_expect(whole != 0, 1)) continue;
        int32_t value;
        bits_need_32(bits);
        if (!decode_ac(bits, block->ac, &k, &value)) return false;
        if (value) {
            value = requantise(requantiser, k, value);
            if (!is_in_range(value)) return false;
            *out = token(k, value);
            out += value != 0;
        }
        k++;
    } while (k < BLOCK);
    if (block->column < block->columns_of_mcu && !block->is_beyond) *block->out = out;
    return is_end(k);
}

static inline bool decode_reduced(
    struct Bits *bits, const struct McuBlock *block, const struct Halving *halving, int32_t *prediction) {
    bits_refill(bits);
    if (!huffman_decode_dc(block->dc, bits, prediction)) return false;
    float *reduced = block->reduced + (size_t)block->column * halving->floats;
    __builtin_memset(reduced, 0, halving->floats * sizeof *reduced);
    reduced[0] = (float)*prediction * halving->weight[0];
    uint32_t k = 1;
    do {
        bits_refill(bits);
        WholeSymbol whole = 0;
        FOR_LOOKED_UP {
            whole = block->ac->whole[bits->bits >> (64 - LOOKUP_BITS)];
            if (__builtin_expect(whole == 0, 0)) break;
            bits_skip(bits, whole & 0xFF);
            k += whole >> 8 & 0xFF;
            reduced[halving->place[k]] += (float)((int32_t)(whole >> 16) - SMALL_VALUES) * halving->weight[k];
            if (++k >= BLOCK) break;
        }
        if (__builtin_expect(whole != 0, 1)) continue;
        int32_t value;
        bits_need_32(bits);
        if (!decode_ac(bits, block->ac, &k, &value)) return false;
        reduced[halving->place[k]] += (float)value * halving->weight[k];
        k++;
    } while (k < BLOCK);
    block->has_detail[block->column] = k != 1 + PAST_END + 1;
    return is_end(k);
}

/* The blocks of an MCU of row `index`, in the scan's order. */
static uint32_t mcu_blocks(struct Conversion *c, uint32_t index, struct McuBlock blocks[MAX_MCU_BLOCKS]) {
    struct Headers *h = c->headers;
    struct Frame *f = &h->frame;
    uint32_t count = 0, first = source_rows(c) == 2 ? index % 2 : 0;
    for (uint32_t i = 0; i < f->components; i++) {
        const struct Component *component = &f->component[i];
        for (uint32_t v = 0; v < component->v; v++)
            for (uint32_t x = 0; x < component->h; x++) {
                struct McuBlock *block = &blocks[count++];
                *block = (struct McuBlock){
                    .dc = &h->dc[component->dc_table],
                    .ac = &h->ac[component->ac_table],
                    .component = i,
                    .column = x,
                    .columns_of_mcu = component->columns,
                    .is_beyond = index * component->v + v >= component->rows,
                };
                if (i == 0) block->out = &c->row.end[LUMA_ABOVE + first + v];
                else if (!c->halving) block->out = &c->row.end[CB + i - 1];
                else {
                    block->reduced = c->chroma.reduced[i - 1][first + v];
                    block->has_detail = c->chroma.has_detail[i - 1][first + v];
                }
            }
    }
    return count;
}

static bool restart(struct Sequential *s, const struct Headers *h) {
    if (!bits_finished(&s->reader) || !bits_restart(&s->reader, s->next_restart)) return false;
    s->next_restart = (s->next_restart + 1) & 7;
    s->until_restart = h->restart_interval;
    __builtin_memset(s->prediction, 0, sizeof s->prediction);
    return true;
}

enum Status sequential_row(struct Sequential *s, struct Conversion *c, uint32_t index) {
    const struct Headers *h = c->headers;
    struct McuBlock blocks[MAX_MCU_BLOCKS];
    uint32_t count = mcu_blocks(c, index, blocks);
    const struct Halving *halving = c->halving;
    for (uint32_t mcu = 0; mcu < h->frame.mcu_columns; mcu++) {
        if (h->restart_interval) {
            if (s->until_restart == 0 && !restart(s, h)) return DAMAGED;
            s->until_restart--;
        }
        if (!bits_ensure(&s->reader)) return TRUNCATED;
        struct Bits bits = s->reader.bits;
        for (uint32_t i = 0; i < count; i++) {
            struct McuBlock *block = &blocks[i];
            int32_t *prediction = &s->prediction[block->component];
            bool sound = block->out ? decode_tokens(&bits, block, c->requantiser[block->component != 0], prediction)
                                    : decode_reduced(&bits, block, halving, prediction);
            if (!sound) return DAMAGED;
            block->column += h->frame.component[block->component].h;
        }
        s->reader.bits = bits;
    }
    return bits_overrun(&s->reader) ? TRUNCATED : OK;
}
