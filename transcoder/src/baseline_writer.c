#include "baseline_writer.h"

#include "memory.h"

/* Symbols of one block: 63 coefficients, and either three runs of 16 zeros or the end of block, and the DC. */
#define MAX_BLOCK_SYMBOLS 68
#define FIRST_ROOM (1u << 16)

enum { DC, AC, TABLES_OF_KIND };
enum { END_OF_BLOCK = 0x00, SIXTEEN_ZEROS = 0xF0 };

enum Status baseline_begin(struct BaselineWriter *w) {
    __builtin_memset(w->frequencies, 0, sizeof w->frequencies);
    __builtin_memset(w->prediction, 0, sizeof w->prediction);
    w->used = 0;
    w->room = FIRST_ROOM;
    w->symbols = allocate(w->room * sizeof(Symbol));
    return w->symbols ? OK : MEMORY;
}

static bool ensure_room(struct BaselineWriter *w, uint64_t more) {
    if (w->room - w->used >= more) return true;
    uint64_t room = w->room + w->room / 2;
    if (room < w->used + more) room = w->used + more;
    w->symbols = extend_latest(w->symbols, w->room * sizeof(Symbol), room * sizeof(Symbol));
    w->room = room;
    return w->symbols != NULL;
}

static inline Symbol *note(uint32_t *frequencies, Symbol *out, uint32_t table, uint32_t symbol, uint32_t bits) {
    uint32_t place = table << 8 | symbol;
    frequencies[place]++;
    *out = place << 12 | bits;
    return out + 1;
}

/* Bits that a value takes: 0 for 0 (T.81, table F.1). */
static inline uint32_t size_of(int32_t value) {
    return value ? 32 - (uint32_t)__builtin_clz((uint32_t)(value < 0 ? -value : value)) : 0;
}

/* Those bits: of a negative value less one. */
static inline uint32_t bits_of(int32_t value, uint32_t size) {
    return (uint32_t)(value + (value >> 31)) & ((1u << size) - 1);
}

struct Pen {
    uint32_t *frequencies;
    Symbol *out;
    uint32_t large; /* sizes of AC values or-ed: above 10 bits there is no code for them */
};

static inline void note_dc(struct Pen *pen, uint32_t kind, int32_t difference) {
    uint32_t size = size_of(difference);
    pen->out = note(pen->frequencies, pen->out, kind * TABLES_OF_KIND + DC, size, bits_of(difference, size));
}

/* One block; returns what follows its tokens. */
static inline const Token *note_block(struct Pen *pen, uint32_t kind, const Token *tokens, int32_t *prediction) {
    int32_t dc = token_value(*tokens++);
    note_dc(pen, kind, dc - *prediction);
    *prediction = dc;
    uint32_t table = kind * TABLES_OF_KIND + AC, last = 0, k;
    while ((k = token_index(*tokens)) != 0) {
        int32_t value = token_value(*tokens++);
        uint32_t run = k - last - 1, size = size_of(value);
        last = k;
        for (; run > 15; run -= 16) pen->out = note(pen->frequencies, pen->out, table, SIXTEEN_ZEROS, 0);
        pen->large |= size > 10;
        size &= 15;
        pen->out = note(pen->frequencies, pen->out, table, run << 4 | size, bits_of(value, size) & 0xFFF);
    }
    if (last != BLOCK - 1) pen->out = note(pen->frequencies, pen->out, table, END_OF_BLOCK, 0);
    return tokens;
}

/* A block that fills the last MCU: as its neighbour, without detail. */
static inline void note_filling(struct Pen *pen, uint32_t kind) {
    note_dc(pen, kind, 0);
    pen->out = note(pen->frequencies, pen->out, kind * TABLES_OF_KIND + AC, END_OF_BLOCK, 0);
}

enum Status baseline_row(struct BaselineWriter *w, const struct Target *target, const struct Row *row) {
    uint32_t blocks = target->components == 1 ? 1 : 6;
    if (!ensure_room(w, (uint64_t)target->mcu_columns * blocks * MAX_BLOCK_SYMBOLS)) return MEMORY;
    struct Pen pen = {w->frequencies, w->symbols + w->used, 0};
    const Token *next[ROW_PARTS];
    for (int part = 0; part < ROW_PARTS; part++) {
        next[part] = row->start[part];
        /* As another DC, which ends the last block. */
        if (row->start[part]) *row->end[part] = token(0, 0);
    }
    int32_t *prediction = w->prediction;
    for (uint32_t mcu = 0; mcu < target->mcu_columns; mcu++) {
        if (target->components == 1) {
            next[LUMA_ABOVE] = note_block(&pen, 0, next[LUMA_ABOVE], &prediction[0]);
            continue;
        }
        for (uint32_t part = LUMA_ABOVE; part <= LUMA_BELOW; part++)
            for (uint32_t column = 2 * mcu; column < 2 * mcu + 2; column++) {
                bool is_there = column < target->columns[0] && row->end[part] != row->start[part];
                if (is_there) next[part] = note_block(&pen, 0, next[part], &prediction[0]);
                else note_filling(&pen, 0);
            }
        next[CB] = note_block(&pen, 1, next[CB], &prediction[1]);
        next[CR] = note_block(&pen, 1, next[CR], &prediction[2]);
    }
    w->used = (uint64_t)(pen.out - w->symbols);
    return pen.large ? DAMAGED : OK;
}

enum Status baseline_finish(struct BaselineWriter *w, const struct Target *target, struct Output *output) {
    static const uint8_t tables_of[MAX_COMPONENTS] = {0x00, 0x11, 0x11};
    uint32_t kinds = target->components == 1 ? 1 : 2;
    uint64_t bits = 0;
    for (uint32_t table = 0; table < kinds * TABLES_OF_KIND; table++) {
        const uint32_t *frequencies = w->frequencies + 256 * table;
        huffman_optimise(&w->tables[table], frequencies);
        for (uint32_t symbol = 0; symbol < 256; symbol++)
            bits += (uint64_t)frequencies[symbol] * (w->tables[table].code[symbol] & 31);
    }
    /* Twice the bytes: each may be 0xFF, and stuffed. */
    output->start = output->next = allocate(output_header_bytes(1) + bits / 4 + 64);
    if (!output->start) return MEMORY;
    output_quantisers(output, target);
    output_frame(output, target, false);
    for (uint32_t table = 0; table < kinds * TABLES_OF_KIND; table++)
        output_huffman(output, &w->tables[table], (table % TABLES_OF_KIND) << 4 | table / TABLES_OF_KIND);
    struct Scan scan = {.components = target->components, .component = {0, 1, 2}, .spectral_end = BLOCK - 1};
    output_scan(output, &scan, tables_of);
    uint32_t codes[ENCODING_TABLES * 256];
    for (uint32_t table = 0; table < ENCODING_TABLES; table++)
        __builtin_memcpy(codes + 256 * table, w->tables[table].code, sizeof w->tables[table].code);
    struct Output local = *output;
    for (const Symbol *symbol = w->symbols, *end = symbol + w->used; symbol < end; symbol++) {
        uint32_t code = codes[*symbol >> 12];
        output_bits(&local, code >> 5 | (*symbol & 0xFFF), code & 31);
    }
    output_flush(&local);
    output_end(&local);
    *output = local;
    return OK;
}
