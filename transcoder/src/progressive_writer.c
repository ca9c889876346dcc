#include "progressive_writer.h"

#include "memory.h"

#define MAX_WRITTEN_SCANS 10
#define LONGEST_RUN 0x7FFF
/* Correction bits that may wait for the end of a run, as libjpeg has it (jcphuff.c, MAX_CORR_BITS). */
#define MAX_WAITING 1000

enum { SIXTEEN_ZEROS = 0xF0 };

/* jcparam.c: what matters first comes first, and chroma is too small for many scans. */
static const struct Scan colour_scans[] = {
    {3, {0, 1, 2}, 0, 0, 0, 1}, {1, {0}, 1, 5, 0, 2},  {1, {2}, 1, 63, 0, 1},      {1, {1}, 1, 63, 0, 1},
    {1, {0}, 6, 63, 0, 2},      {1, {0}, 1, 63, 2, 1}, {3, {0, 1, 2}, 0, 0, 1, 0}, {1, {2}, 1, 63, 1, 0},
    {1, {1}, 1, 63, 1, 0},      {1, {0}, 1, 63, 1, 0},
};
static const struct Scan grey_scans[] = {
    {1, {0}, 0, 0, 0, 1},  {1, {0}, 1, 5, 0, 2}, {1, {0}, 6, 63, 0, 2},
    {1, {0}, 1, 63, 2, 1}, {1, {0}, 0, 0, 1, 0}, {1, {0}, 1, 63, 1, 0},
};

/* Each scan is gone through twice: counting symbols, then writing them. */
struct Pen {
    const struct BlockStore *store;
    const struct Target *target;
    const struct Scan *scan;
    uint32_t *frequencies;        /* 256 a kind; NULL while writing */
    struct EncodingTable *tables; /* of luma and chroma */
    struct Output *output;
    uint64_t plain_bits; /* without a code */
    uint32_t end_of_band_run;
    uint8_t waiting[MAX_WAITING]; /* correction bits, one each, of the blocks of that run and of this one */
    uint32_t waiting_of_run, waiting_of_block;
};

static void put_symbol(struct Pen *pen, uint32_t kind, uint32_t symbol, uint32_t value) {
    if (pen->frequencies) {
        pen->frequencies[256 * kind + symbol]++;
        return;
    }
    uint32_t code = pen->tables[kind].code[symbol];
    output_bits(pen->output, code >> 5 | value, code & 31);
}

static void put_bits(struct Pen *pen, uint32_t value, uint32_t count) {
    if (pen->frequencies) pen->plain_bits += count;
    else output_bits(pen->output, value, count);
}

static uint32_t size_of(uint32_t value) { return value ? 32 - (uint32_t)__builtin_clz(value) : 0; }

static void put_run(struct Pen *pen, uint32_t kind) {
    if (pen->end_of_band_run == 0) return;
    uint32_t size = size_of(pen->end_of_band_run) - 1;
    put_symbol(pen, kind, size << 4, 0);
    put_bits(pen, pen->end_of_band_run & ((1u << size) - 1), size);
    pen->end_of_band_run = 0;
    for (uint32_t i = 0; i < pen->waiting_of_run; i++) put_bits(pen, pen->waiting[i], 1);
    /* Those of the block move to the front. */
    for (uint32_t i = 0; i < pen->waiting_of_block; i++) pen->waiting[i] = pen->waiting[pen->waiting_of_run + i];
    pen->waiting_of_run = 0;
}

static void put_waiting_of_block(struct Pen *pen) {
    for (uint32_t i = 0; i < pen->waiting_of_block; i++) put_bits(pen, pen->waiting[pen->waiting_of_run + i], 1);
    pen->waiting_of_block = 0;
}

/* T.81, G.1.2.2. */
static enum Status put_first_band(struct Pen *pen, uint32_t kind, const Token *tokens) {
    const struct Scan *scan = pen->scan;
    uint32_t next = scan->spectral_start, k;
    for (; (k = token_index(*tokens)) != 0 && k <= scan->spectral_end; tokens++) {
        int32_t value = token_value(*tokens);
        uint32_t size = (uint32_t)(value < 0 ? -value : value);
        if (size > 1023) return DAMAGED;
        size >>= scan->low_bit;
        if (k < next || size == 0) continue;
        put_run(pen, kind);
        uint32_t run = k - next, bits = size_of(size);
        for (; run > 15; run -= 16) put_symbol(pen, kind, SIXTEEN_ZEROS, 0);
        put_symbol(pen, kind, run << 4 | bits, value < 0 ? ~size & ((1u << bits) - 1) : size);
        next = k + 1;
    }
    if (next <= scan->spectral_end && ++pen->end_of_band_run == LONGEST_RUN) put_run(pen, kind);
    return OK;
}

/* T.81, G.1.2.3. */
static enum Status put_refined_band(struct Pen *pen, uint32_t kind, const Token *tokens) {
    const struct Scan *scan = pen->scan;
    /* The last coefficient that is new: no run of 16 zeros is said behind it. */
    uint32_t last_new = 0, k;
    for (const Token *t = tokens; (k = token_index(*t)) != 0; t++) {
        int32_t value = token_value(*t);
        if ((uint32_t)(value < 0 ? -value : value) >> scan->low_bit == 1) last_new = k;
    }
    uint32_t zeros = 0, next = scan->spectral_start;
    for (; (k = token_index(*tokens)) != 0 && k <= scan->spectral_end; tokens++) {
        int32_t value = token_value(*tokens);
        uint32_t size = (uint32_t)(value < 0 ? -value : value) >> scan->low_bit;
        if (size == 0) continue;
        zeros += k - next;
        next = k + 1;
        for (; zeros > 15 && k <= last_new; zeros -= 16) {
            put_run(pen, kind);
            put_symbol(pen, kind, SIXTEEN_ZEROS, 0);
            put_waiting_of_block(pen);
        }
        if (size > 1) {
            pen->waiting[pen->waiting_of_run + pen->waiting_of_block++] = size & 1;
            continue;
        }
        put_run(pen, kind);
        put_symbol(pen, kind, zeros << 4 | 1, value > 0);
        put_waiting_of_block(pen);
        zeros = 0;
    }
    zeros += scan->spectral_end + 1 - next;
    if (zeros || pen->waiting_of_block) {
        pen->end_of_band_run++;
        pen->waiting_of_run += pen->waiting_of_block;
        pen->waiting_of_block = 0;
        if (pen->end_of_band_run == LONGEST_RUN || pen->waiting_of_run > MAX_WAITING - BLOCK) put_run(pen, kind);
    }
    return OK;
}

static enum Status put_ac_scan(struct Pen *pen) {
    uint32_t component = pen->scan->component[0], kind = component > 0;
    for (uint32_t row = 0; row < pen->target->rows[kind]; row++)
        for (uint32_t column = 0; column < pen->target->columns[kind]; column++) {
            const Token *tokens = store_block(pen->store, pen->target, component, row, column) + 1;
            enum Status status =
                pen->scan->high_bit ? put_refined_band(pen, kind, tokens) : put_first_band(pen, kind, tokens);
            if (status) return status;
        }
    put_run(pen, kind);
    return OK;
}

/* tokens: NULL for a block that fills the last MCU, which is as the one before it. */
static void put_dc(struct Pen *pen, uint32_t kind, const Token *tokens, int32_t *prediction) {
    if (pen->scan->high_bit) {
        put_bits(pen, tokens ? ((uint32_t)token_value(*tokens) >> pen->scan->low_bit) & 1 : 0, 1);
        return;
    }
    int32_t value = tokens ? token_value(*tokens) >> pen->scan->low_bit : *prediction;
    int32_t difference = value - *prediction;
    *prediction = value;
    uint32_t bits = size_of((uint32_t)(difference < 0 ? -difference : difference));
    put_symbol(pen, kind, bits, (uint32_t)(difference + (difference >> 31)) & ((1u << bits) - 1));
}

static void put_dc_scan(struct Pen *pen) {
    const struct Target *t = pen->target;
    int32_t prediction[MAX_COMPONENTS] = {0};
    for (uint32_t row = 0; row < t->mcu_rows; row++)
        for (uint32_t column = 0; column < t->mcu_columns; column++)
            for (uint32_t i = 0; i < t->components; i++) {
                uint32_t side = i == 0 && t->components > 1 ? 2 : 1, kind = i > 0;
                for (uint32_t y = row * side; y < (row + 1) * side; y++)
                    for (uint32_t x = column * side; x < (column + 1) * side; x++) {
                        bool is_there = x < t->columns[kind] && y < t->rows[kind];
                        put_dc(pen, kind, is_there ? store_block(pen->store, t, i, y, x) : NULL, &prediction[i]);
                    }
            }
}

static enum Status put_scan(struct Pen *pen) {
    if (pen->scan->spectral_start) return put_ac_scan(pen);
    put_dc_scan(pen);
    return OK;
}

static bool uses_table(const struct Scan *scan, uint32_t kind) {
    if (scan->spectral_start) return (scan->component[0] > 0) == kind;
    return scan->high_bit == 0 && (kind == 0 || scan->components > 1);
}

static struct EncodingTable tables[MAX_WRITTEN_SCANS][2];

/* Count a scan's symbols, make its tables and say how many bits it takes. */
static enum Status prepare_scan(struct Pen *pen, uint64_t *bits) {
    uint32_t frequencies[2 * 256] = {0};
    pen->frequencies = frequencies;
    pen->plain_bits = 0;
    enum Status status = put_scan(pen);
    for (uint32_t kind = 0; kind < 2; kind++) {
        huffman_optimise(&pen->tables[kind], frequencies + 256 * kind);
        for (uint32_t symbol = 0; symbol < 256; symbol++)
            *bits += (uint64_t)frequencies[256 * kind + symbol] * (pen->tables[kind].code[symbol] & 31);
    }
    *bits += pen->plain_bits;
    pen->frequencies = NULL;
    return status;
}

static enum Status write_scan(struct Pen *pen) {
    const struct Scan *scan = pen->scan;
    bool is_ac = scan->spectral_start != 0;
    uint8_t tables_of[MAX_COMPONENTS];
    for (uint32_t kind = 0; kind < 2; kind++)
        if (uses_table(scan, kind)) output_huffman(pen->output, &pen->tables[kind], (uint32_t)is_ac << 4 | kind);
    for (uint32_t i = 0; i < scan->components; i++) {
        uint8_t kind = scan->component[i] > 0;
        tables_of[i] = scan->high_bit && !is_ac ? 0 : is_ac ? kind : (uint8_t)(kind << 4);
    }
    output_scan(pen->output, scan, tables_of);
    enum Status status = put_scan(pen);
    output_flush(pen->output);
    return status;
}

enum Status progressive_write(const struct BlockStore *store, const struct Target *target, struct Output *output) {
    bool is_grey = target->components == 1;
    const struct Scan *scans = is_grey ? grey_scans : colour_scans;
    uint32_t count = is_grey ? sizeof grey_scans / sizeof *scans : sizeof colour_scans / sizeof *scans;
    static struct Pen pen;
    uint64_t bits = 0;
    enum Status status = OK;
    pen = (struct Pen){.store = store, .target = target, .output = output};
    for (uint32_t i = 0; i < count && !status; i++) {
        pen.scan = &scans[i];
        pen.tables = tables[i];
        status = prepare_scan(&pen, &bits);
    }
    if (status) return status;
    output->start = output->next = allocate(output_header_bytes(count) + bits / 4 + 64);
    if (!output->start) return MEMORY;
    output_quantisers(output, target);
    output_frame(output, target, true);
    for (uint32_t i = 0; i < count && !status; i++) {
        pen.scan = &scans[i];
        pen.tables = tables[i];
        status = write_scan(&pen);
    }
    output_end(output);
    return status;
}
