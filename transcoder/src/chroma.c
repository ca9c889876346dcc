#include "chroma.h"

typedef float Four __attribute__((vector_size(16)));
typedef int32_t FourInts __attribute__((vector_size(16)));

/* cos(k π / 16), k = 0-8. */
static const float cosine[9] = {
    1.0f,         0.98078528f, 0.92387953f, 0.83146961f, 0.70710678f, 0.55557023f, 0.38268343f, 0.19509032f, 0.0f,
};
#define SQRT_HALF 0.70710678f
/* Just below a half, so that ties go to zero. */
#define HALF 0.49999997f

/* The DCT of 8 points, odd rows, over the DCTs of 4 of its two halves: sum over i of
   1/2 cos((2i+1)(2j+1)π/16) * (k ? 1/√2 : 1/2) cos((2i+1)kπ/8). */
static const float odd_rows[4][4] = {
    {0.64072886f, 0.29396890f, -0.05279106f, 0.01618378f},
    {-0.22499406f, 0.55936749f, 0.36294375f, -0.06897484f},
    {0.15033622f, -0.24921480f, 0.54318370f, 0.34675996f},
    {-0.12744889f, 0.19642374f, -0.26539858f, 0.61215855f},
};

void halving_prepare(struct Halving *halving, bool h, bool v, const uint16_t source[BLOCK], const uint8_t target[BLOCK]) {
    __builtin_memset(halving, 0, sizeof *halving);
    halving->h = h;
    halving->v = v;
    halving->floats = h && v ? 16 : 32;
    uint32_t stride = h ? 4 : 8;
    for (uint32_t k = 0; k < BLOCK; k++) {
        uint32_t row = natural_order[k] / 8, column = natural_order[k] % 8;
        float weight = source[k];
        for (int axis = 0; axis < 2; axis++) {
            uint32_t *index = axis ? &column : &row;
            if (!(axis ? h : v)) continue;
            /* cos(kπ/16) for k < 4, -sin(kπ/16) for what folds back onto 8 - k; 4 averages out. */
            if (*index < 4) {
                weight *= SQRT_HALF * cosine[*index];
            } else {
                uint32_t folded = 8 - *index;
                weight *= folded == 4 ? 0 : -SQRT_HALF * cosine[8 - folded];
                *index = folded & 3;
            }
        }
        halving->weight[k] = weight;
        halving->place[k] = (uint8_t)(row * stride + column);
        /* Halved in width, the coefficients come out with rows and columns exchanged. */
        uint32_t natural = natural_order[k], place = h ? natural % 8 * 8 + natural / 8 : natural;
        halving->scale[place] = 1.0f / (float)target[k];
        halving->zigzag[place] = (uint8_t)k;
    }
}

/* From 4 coefficients each of two neighbours to the 8 of both. */
static void join(const Four a[4], const Four b[4], uint32_t step, Four out[8], uint32_t out_step) {
    Four difference[4];
    for (uint32_t k = 0; k < 4; k++) {
        Four one = a[k * step], other = b[k * step];
        if (k & 1) other = -other;
        out[2 * k * out_step] = (one + other) * SQRT_HALF;
        difference[k] = one - other;
    }
    for (uint32_t j = 0; j < 4; j++)
        out[(2 * j + 1) * out_step] = difference[0] * odd_rows[j][0] + difference[1] * odd_rows[j][1] +
                                      difference[2] * odd_rows[j][2] + difference[3] * odd_rows[j][3];
}

/* The neighbour that is the mirror image: what lies beyond the picture's edge. */
static void mirror(const Four a[4], uint32_t step, Four out[4]) {
    for (uint32_t k = 0; k < 4; k++) out[k * step] = k & 1 ? -a[k * step] : a[k * step];
}

/* 8 rows of 4 to 4 rows of 8. */
static void transpose(const Four in[8], Four out[8]) {
    for (int half = 0; half < 2; half++) {
        Four a = in[4 * half], b = in[4 * half + 1], c = in[4 * half + 2], d = in[4 * half + 3];
        Four ab_low = __builtin_shufflevector(a, b, 0, 4, 1, 5), ab_high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
        Four cd_low = __builtin_shufflevector(c, d, 0, 4, 1, 5), cd_high = __builtin_shufflevector(c, d, 2, 6, 3, 7);
        out[half] = __builtin_shufflevector(ab_low, cd_low, 0, 1, 4, 5);
        out[2 + half] = __builtin_shufflevector(ab_low, cd_low, 2, 3, 6, 7);
        out[4 + half] = __builtin_shufflevector(ab_high, cd_high, 0, 1, 4, 5);
        out[6 + half] = __builtin_shufflevector(ab_high, cd_high, 2, 3, 6, 7);
    }
}

/* A column of the source's blocks, joined from top to bottom where height is halved: 8 rows. */
static void joined_column(
    const struct Halving *halving, const struct ChromaRows *rows, int component, uint32_t column, Four *out) {
    uint32_t width = halving->h ? 1 : 2;
    const Four *above = (const Four *)(rows->reduced[component][0] + (size_t)column * halving->floats);
    if (!halving->v) {
        for (uint32_t i = 0; i < 8 * width; i++) out[i] = above[i];
        return;
    }
    const Four *below = (const Four *)(rows->reduced[component][1] + (size_t)column * halving->floats);
    Four mirrored[8];
    if (rows->rows < 2) {
        for (uint32_t part = 0; part < width; part++) mirror(above + part, width, mirrored + part);
        below = mirrored;
    }
    for (uint32_t part = 0; part < width; part++) join(above + part, below + part, width, out + part, width);
}

static void joined_block(
    const struct Halving *halving, const struct ChromaRows *rows, int component, uint32_t column, Four out[16]) {
    if (!halving->h) {
        joined_column(halving, rows, component, column, out);
        return;
    }
    Four column_left[8], column_right[8], left[8], right[8];
    joined_column(halving, rows, component, 2 * column, column_left);
    transpose(column_left, left);
    if (2 * column + 1 < rows->columns) {
        joined_column(halving, rows, component, 2 * column + 1, column_right);
        transpose(column_right, right);
    } else {
        for (uint32_t part = 0; part < 2; part++) mirror(left + part, 2, right + part);
    }
    for (uint32_t part = 0; part < 2; part++) join(left + part, right + part, 2, out + part, 2);
}

/* Four quantised values. */
static inline FourInts quantise(Four values, Four scale) {
    Four scaled = values * scale;
    FourInts negative = scaled < 0.0f;
    FourInts size = __builtin_convertvector((Four)((FourInts)scaled & 0x7FFFFFFF) + HALF, FourInts);
    return (size ^ negative) - negative;
}

static inline bool is_any(FourInts values) {
    uint64_t halves[2];
    __builtin_memcpy(halves, &values, sizeof halves);
    return (halves[0] | halves[1]) != 0;
}

static Token *block_tokens(const struct Halving *halving, const Four block[16], Token *out) {
    const Four *scale = (const Four *)halving->scale;
    int32_t ordered[BLOCK];
    uint64_t nonzero = 0;
    for (uint32_t i = 0; i < 16; i++) {
        FourInts values = quantise(block[i], scale[i]);
        if (!is_any(values)) continue;
        for (uint32_t lane = 0; lane < 4; lane++) {
            uint32_t k = halving->zigzag[4 * i + lane];
            ordered[k] = values[lane];
            nonzero |= (uint64_t)(values[lane] != 0) << k;
        }
    }
    if (!(nonzero & 1)) *out++ = token(0, 0);
    for (; nonzero; nonzero &= nonzero - 1) {
        uint32_t k = (uint32_t)__builtin_ctzll(nonzero);
        if (!is_in_range(ordered[k])) return NULL;
        *out++ = token(k, ordered[k]);
    }
    return out;
}

/* Whether the blocks that make one of the target's are of one and the same colour: its reduced DC. */
static bool is_plain(
    const struct Halving *halving, const struct ChromaRows *rows, int component, uint32_t column, float *dc) {
    uint32_t first = halving->h ? 2 * column : column, last = halving->h && first + 1 < rows->columns ? first + 1 : first;
    *dc = rows->reduced[component][0][(size_t)first * halving->floats];
    for (uint32_t row = 0; row < rows->rows; row++)
        for (uint32_t i = first; i <= last; i++)
            if (rows->has_detail[component][row][i] || rows->reduced[component][row][(size_t)i * halving->floats] != *dc)
                return false;
    return true;
}

Token *chroma_row(
    const struct Halving *halving, const struct ChromaRows *rows, int component, uint32_t columns, Token *out) {
    /* Each halving has multiplied the DC by 1/√2; the mean of equals is each of them. */
    float scale = halving->scale[0] * (halving->h ? 2 * SQRT_HALF : 1) * (halving->v ? 2 * SQRT_HALF : 1);
    for (uint32_t column = 0; column < columns; column++) {
        float dc;
        if (is_plain(halving, rows, component, column, &dc)) {
            FourInts values = quantise((Four){dc}, (Four){scale});
            if (!is_in_range(values[0])) return NULL;
            *out++ = token(0, values[0]);
            continue;
        }
        Four block[16];
        joined_block(halving, rows, component, column, block);
        out = block_tokens(halving, block, out);
        if (!out) return NULL;
    }
    return out;
}
