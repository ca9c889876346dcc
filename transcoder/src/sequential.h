/* Sequential scans of all components: decoded, requantised and handed over row by row, with no coefficients kept. */
#pragma once

#include "row.h"

struct Sequential {
    struct BitReader reader;
    int32_t prediction[MAX_COMPONENTS];
    uint32_t until_restart, next_restart;
};

void sequential_begin(struct Sequential *s, const struct Headers *headers, uint8_t *window);
/* One row of the source's MCUs, added to the conversion's row. index: from 0. */
enum Status sequential_row(struct Sequential *s, struct Conversion *c, uint32_t index);
