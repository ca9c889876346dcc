/* What all parts share: statuses, limits, and the shapes that a JPEG is read into. Names follow ITU-T T.81. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK 64
#define MAX_COMPONENTS 3
#define MAX_TABLES 4
/* Blocks of one MCU (T.81, B.2.3). */
#define MAX_MCU_BLOCKS 10
/* libjpeg's JPEG_MAX_DIMENSION; pixels as contract A7 has them. */
#define MAX_SIDE 65500u
#ifndef MAX_PIXELS
#define MAX_PIXELS 89478485u
#endif
/* An image needs ten or so; each one may cost a look at every block. */
#define MAX_SCANS 64

/* Answers. The same numbers, in the same order, as in functions/process/codec/transcode/refusal.py. */
enum Status {
    OK = 0,
    MALFORMED,      /* a marker segment that contradicts itself or the format */
    TRUNCATED,      /* the file or a scan ends before its time */
    DAMAGED,        /* entropy-coded data or coefficients that no encoder writes */
    CODING_PROCESS, /* arithmetic, lossless, hierarchical, 12 bits, DNL, more than one frame */
    COLOUR_SPACE,   /* neither grey nor YCbCr */
    SAMPLING,       /* chroma that halving cannot bring to 4:2:0 */
    SCANS,          /* an order or a number of scans that is not supported, or an incomplete progression */
    TABLES,         /* quantisers of 16 bits or 0, or tables that change between scans */
    ORIENTATION,    /* a partial MCU would come to lie at the upper or left edge */
    MEMORY,         /* more of it than there is, or a picture larger than is allowed */
};

/* Zigzag order to row-major order. */
extern const uint8_t natural_order[BLOCK];
/* Row-major order to zigzag order. */
extern const uint8_t zigzag_order[BLOCK];

/* A requantised coefficient: zigzag index << 16 | value. A block is its DC's token (index 0, an absolute value),
   always there, and a token for each AC that is not zero, in zigzag order. The next DC ends it. */
typedef uint32_t Token;

static inline Token token(uint32_t index, int32_t value) { return index << 16 | (uint16_t)value; }
static inline uint32_t token_index(Token t) { return t >> 16; }
static inline int32_t token_value(Token t) { return (int16_t)t; }

/* What baseline coding can hold: DC differences of 11 bits, AC of 10. */
static inline bool is_in_range(int32_t value) { return value >= -1023 && value <= 1023; }

struct Component {
    uint8_t id, h, v, quantiser;
    /* Huffman tables of the scan that is being read. */
    uint8_t dc_table, ac_table;
    /* Blocks that hold samples of the picture, and blocks with those that fill the last MCU. */
    uint32_t columns, rows, padded_columns, padded_rows;
};

struct DecodingTable; /* huffman.h */

struct Frame {
    uint32_t width, height;
    bool progressive;
    uint32_t components;
    struct Component component[MAX_COMPONENTS];
    uint32_t max_h, max_v;
    uint32_t mcu_columns, mcu_rows;
};

struct Scan {
    uint32_t components;
    uint8_t component[MAX_COMPONENTS]; /* indices into the frame's */
    uint8_t spectral_start, spectral_end, high_bit, low_bit;
};

/* What is asked for. orientation: 1-8 as in EXIF, to be undone. */
struct Request {
    uint32_t quality, orientation;
    bool progressive;
};

static inline uint32_t ceil_div(uint32_t a, uint32_t b) { return (a + b - 1) / b; }
