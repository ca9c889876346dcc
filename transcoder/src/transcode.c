#include "transcode.h"

#include "baseline_writer.h"
#include "memory.h"
#include "planes.h"
#include "progressive_writer.h"
#include "scan_reader.h"
#include "sequential.h"
#include "tables.h"
#include "turned.h"

/* What is too large for a stack, or not to be cleared for each call. */
static struct DecodingTable dc_tables[MAX_TABLES], ac_tables[MAX_TABLES];
static struct Requantiser requantisers[2];
static struct Halving halving;
static struct BaselineWriter baseline;
static uint8_t window[WINDOW_ROOM];

static bool may_turn(const struct Target *target, struct Turn turn) {
    uint32_t mcu = target->components == 1 ? 8 : 16;
    return !(turn.flip_h && target->width % mcu) && !(turn.flip_v && target->height % mcu);
}

static enum Status prepare_target(
    struct Target *t, const struct Frame *f, const struct Request *request, struct Turn turn) {
    uint32_t mcu = f->components == 1 ? 8 : 16;
    t->width = turn.transpose ? f->height : f->width;
    t->height = turn.transpose ? f->width : f->height;
    t->components = f->components;
    t->mcu_columns = ceil_div(t->width, mcu);
    t->mcu_rows = ceil_div(t->height, mcu);
    t->columns[0] = ceil_div(t->width, 8);
    t->rows[0] = ceil_div(t->height, 8);
    t->columns[1] = ceil_div(t->width, 16);
    t->rows[1] = ceil_div(t->height, 16);
    target_table(t->quantiser[0], request->quality, false);
    target_table(t->quantiser[1], request->quality, true);
    return may_turn(t, turn) ? OK : ORIENTATION;
}

/* The target's steps as the source's coefficients lie: with rows and columns exchanged where these are later. */
static void lying_table(uint8_t lying[BLOCK], const uint8_t table[BLOCK], struct Turn turn) {
    for (uint32_t k = 0; k < BLOCK; k++) {
        uint32_t natural = natural_order[k], exchanged = natural % 8 * 8 + natural / 8;
        lying[k] = table[turn.transpose ? zigzag_order[exchanged] : k];
    }
}

static enum Status prepare_conversion(
    struct Conversion *c, struct Headers *h, const struct Target *target, struct Turn turn) {
    const struct Frame *f = &h->frame;
    c->headers = h;
    c->mcu_rows = ceil_div(f->height, f->components == 1 ? 8 : 16);
    for (uint32_t kind = 0; kind < 2; kind++) {
        c->columns[kind] = turn.transpose ? target->rows[kind] : target->columns[kind];
        c->rows[kind] = turn.transpose ? target->columns[kind] : target->rows[kind];
        c->requantiser[kind] = &requantisers[kind];
    }
    for (uint32_t i = 0; i < (f->components == 1 ? 1 : 2); i++) {
        uint8_t lying[BLOCK];
        const uint16_t *source = h->quantiser[f->component[i].quantiser];
        lying_table(lying, target->quantiser[i], turn);
        requantiser_prepare(&requantisers[i], source, lying);
        if (i == 0) continue;
        /* One weight serves both. */
        const uint16_t *of_cr = h->quantiser[f->component[2].quantiser];
        if (__builtin_memcmp(source, of_cr, BLOCK * sizeof *source)) return TABLES;
        const struct Component *chroma = &f->component[1];
        bool halve_h = chroma->h == f->max_h, halve_v = chroma->v == f->max_v;
        if (!halve_h && !halve_v) continue;
        halving_prepare(&halving, halve_h, halve_v, source, lying);
        c->halving = &halving;
    }
    for (uint32_t part = 0; part < (f->components == 1 ? 1 : ROW_PARTS); part++) {
        /* A block's tokens are written before it is known whether it lies in the picture; and one more ends them. */
        c->row.start[part] = allocate(((uint64_t)c->columns[part >= CB] + 3) * BLOCK * sizeof(Token));
        if (!c->row.start[part]) return MEMORY;
    }
    if (!c->halving) return OK;
    c->chroma.columns = f->component[1].columns;
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t blocks = f->component[1].padded_columns;
        float *reduced = c->chroma.reduced[i / 2][i % 2] = allocate(blocks * halving.floats * sizeof(float));
        uint8_t *has_detail = c->chroma.has_detail[i / 2][i % 2] = allocate(blocks);
        if (!reduced || !has_detail) return MEMORY;
    }
    return OK;
}

static enum Status halve_chroma(struct Conversion *c, uint32_t index) {
    if (!c->halving) return OK;
    uint32_t rows = c->halving->v ? 2 : 1, there = c->headers->frame.component[1].rows - index * rows;
    c->chroma.rows = there < rows ? there : rows;
    for (int i = 0; i < 2; i++) {
        Token *end = chroma_row(c->halving, &c->chroma, i, c->columns[1], c->row.start[CB + i]);
        if (!end) return DAMAGED;
        c->row.end[CB + i] = end;
    }
    return OK;
}

/* Where the rows come from: planes, or the only scan. */
struct Source {
    struct Planes *planes;
    struct Sequential sequential;
};

static enum Status next_row(struct Source *source, struct Conversion *c, uint32_t index) {
    row_begin(&c->row);
    enum Status status = OK;
    if (source->planes) {
        status = planes_row(source->planes, c, index);
    } else {
        uint32_t rows = source_rows(c);
        for (uint32_t i = 0; i < rows && !status && index * rows + i < c->headers->frame.mcu_rows; i++)
            status = sequential_row(&source->sequential, c, index * rows + i);
    }
    return status ? status : halve_chroma(c, index);
}

/* A sequential scan has no more data than its blocks, and nothing but the end may follow it. */
static enum Status finish_sequential(struct Sequential *s, struct Headers *h) {
    bool ended;
    if (!bits_finished(&s->reader)) return DAMAGED;
    h->source = s->reader.source;
    enum Status status = headers_next(h, &ended);
    return status ? status : ended ? OK : SCANS;
}

static enum Status read_planes(struct Planes *planes, struct Headers *h) {
    bool ended = false;
    enum Status status = planes_begin(planes, &h->frame);
    while (!status && !ended) {
        status = scan_read(planes, h, window);
        if (!status) status = headers_next(h, &ended);
    }
    if (status) return status;
    return planes_are_complete(planes, &h->frame) ? OK : SCANS;
}

static enum Status write_by_rows(
    struct Source *source, struct Conversion *c, const struct Target *target, struct Output *output) {
    enum Status status = baseline_begin(&baseline);
    for (uint32_t index = 0; index < c->mcu_rows && !status; index++) {
        status = next_row(source, c, index);
        if (!status) status = baseline_row(&baseline, target, &c->row);
    }
    if (!status && !source->planes) status = finish_sequential(&source->sequential, c->headers);
    return status ? status : baseline_finish(&baseline, target, output);
}

static enum Status write_stored(
    struct Source *source, struct Conversion *c, const struct Target *target, struct Turn turn, bool progressive,
    struct Output *output) {
    struct BlockStore store;
    enum Status status = store_begin(&store, target, turn);
    for (uint32_t index = 0; index < c->mcu_rows && !status; index++) {
        status = next_row(source, c, index);
        if (!status) status = store_row(&store, target, c, index);
    }
    if (!status && !source->planes) status = finish_sequential(&source->sequential, c->headers);
    if (status) return status;
    if (progressive) return progressive_write(&store, target, output);
    /* Turned, a row may be longer. */
    struct Row row = {0};
    for (uint32_t part = 0; part < (target->components == 1 ? 1 : ROW_PARTS); part++) {
        row.start[part] = allocate(((uint64_t)target->columns[part >= CB] + 1) * BLOCK * sizeof(Token));
        if (!row.start[part]) return MEMORY;
    }
    status = baseline_begin(&baseline);
    for (uint32_t index = 0; index < target->mcu_rows && !status; index++) {
        store_read_row(&store, target, index, &row);
        status = baseline_row(&baseline, target, &row);
    }
    return status ? status : baseline_finish(&baseline, target, output);
}

static bool has_tables(const struct Headers *h) {
    for (uint32_t i = 0; i < h->frame.components; i++) {
        const struct Component *c = &h->frame.component[i];
        if (!h->dc[c->dc_table].defined || !h->ac[c->ac_table].defined) return false;
    }
    return true;
}

enum Status transcode(const uint8_t *data, size_t size, const struct Request *request, struct Result *result) {
    if (size < 4 || data[0] != 0xFF || data[1] != 0xD8) return MALFORMED;
    struct Headers headers = {.source = data + 2, .end = data + size, .dc = dc_tables, .ac = ac_tables};
    for (uint32_t i = 0; i < MAX_TABLES; i++) dc_tables[i].defined = ac_tables[i].defined = false;
    bool ended;
    enum Status status = headers_next(&headers, &ended);
    if (status) return status;
    struct Turn turn = turn_upright(request->orientation);
    struct Target target;
    status = prepare_target(&target, &headers.frame, request, turn);
    if (status) return status;
    struct Conversion conversion = {0};
    status = prepare_conversion(&conversion, &headers, &target, turn);
    if (status) return status;
    struct Planes planes;
    struct Source source = {0};
    const struct Scan *scan = &headers.scan;
    if (!headers.frame.progressive && scan->components == headers.frame.components) {
        if (scan->spectral_start != 0 || scan->spectral_end != BLOCK - 1 || scan->high_bit || scan->low_bit) return SCANS;
        if (!has_tables(&headers)) return MALFORMED;
        sequential_begin(&source.sequential, &headers, window);
    } else {
        source.planes = &planes;
        status = read_planes(&planes, &headers);
        if (status) return status;
    }
    struct Output output = {0};
    if (request->orientation == 1 && !request->progressive)
        status = write_by_rows(&source, &conversion, &target, &output);
    else
        status = write_stored(&source, &conversion, &target, turn, request->progressive, &output);
    if (status) return status;
    *result = (struct Result){output.start, (uint64_t)(output.next - output.start), target.width, target.height};
    return OK;
}
