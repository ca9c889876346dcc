/* A baseline JPEG: symbols noted and counted as rows come, written when the best tables are known. */
#pragma once

#include "output.h"
#include "row.h"

/* What stands in the entropy-coded data: (table * 256 + symbol) << 12 | the bits behind its code.
   Tables: DC and AC of luma, DC and AC of chroma. */
typedef uint32_t Symbol;
#define ENCODING_TABLES 4

struct BaselineWriter {
    Symbol *symbols;
    uint64_t used, room;
    int32_t prediction[MAX_COMPONENTS]; /* DCs of the last blocks */
    uint32_t frequencies[ENCODING_TABLES * 256];
    struct EncodingTable tables[ENCODING_TABLES];
};

enum Status baseline_begin(struct BaselineWriter *w);
/* A row of the target's MCUs. */
enum Status baseline_row(struct BaselineWriter *w, const struct Target *target, const struct Row *row);
/* The whole file from its quantisation tables to its end. */
enum Status baseline_finish(struct BaselineWriter *w, const struct Target *target, struct Output *output);
