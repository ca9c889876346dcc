/* Marker segments: everything in a JPEG but its entropy-coded data. */
#pragma once

#include "huffman.h"

struct Headers {
    const uint8_t *source, *end; /* behind what has been read */
    struct Frame frame;
    bool has_frame, has_scan;
    uint32_t restart_interval;         /* MCUs, 0 for none */
    uint16_t quantiser[MAX_TABLES][BLOCK]; /* in zigzag order */
    bool has_quantiser[MAX_TABLES];
    struct DecodingTable *dc, *ac; /* MAX_TABLES each */
    bool saw_jfif, saw_adobe;
    uint8_t adobe_transform;
    struct Scan scan;
};

/* Read on until a scan begins (`scan` says which) or, with `*ended` set, the image ends. */
enum Status headers_next(struct Headers *headers, bool *ended);
