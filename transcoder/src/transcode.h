/* JPEG to JPEG of another quality, from coefficients to coefficients. */
#pragma once

#include "jpeg.h"

struct Result {
    const uint8_t *data; /* from the quantisation tables to the end of image */
    uint64_t size;
    uint32_t width, height; /* upright */
};

/* Uses memory.h's memory; what `result` points to holds until it is reset. */
enum Status transcode(const uint8_t *data, size_t size, const struct Request *request, struct Result *result);
