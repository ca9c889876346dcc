#include "planes.h"

#include "memory.h"

enum Status planes_begin(struct Planes *planes, const struct Frame *f) {
    planes->scans = 0;
    for (uint32_t i = 0; i < f->components; i++) {
        const struct Component *c = &f->component[i];
        struct Plane *plane = &planes->plane[i];
        uint64_t blocks = (uint64_t)c->padded_columns * c->padded_rows;
        *plane = (struct Plane){.stride = c->padded_columns, .blocks = blocks};
        plane->nonzero = allocate_zeroed(blocks * sizeof *plane->nonzero);
        plane->dc = allocate(blocks * sizeof *plane->dc);
        if (!plane->nonzero || !plane->dc) return MEMORY;
        __builtin_memset(plane->low_bit, NOT_YET, sizeof plane->low_bit);
    }
    return OK;
}

bool planes_are_complete(const struct Planes *planes, const struct Frame *f) {
    for (uint32_t i = 0; i < f->components; i++)
        for (uint32_t k = 0; k < BLOCK; k++)
            if (planes->plane[i].low_bit[k] != 0) return false;
    return true;
}

/* What later scans told of a block. */
struct Late {
    BandBits late, negative, added[MAX_LATE_BITS];
};

static inline struct Late late_of(const struct Plane *plane, size_t index) {
    struct Late l = {0};
    if (!plane->late) return l;
    l.late = plane->late[index];
    l.negative = plane->negative[index];
    for (uint32_t bit = 0; bit < MAX_LATE_BITS; bit++) l.added[bit] = plane->added[bit] ? plane->added[bit][index] : 0;
    return l;
}

/* The value of a block's next AC that is not zero. Of those that are not late none must be left out. */
static inline int32_t next_value(const struct Late *l, struct Plane *plane, uint32_t k) {
    struct Band *band = &plane->band[plane->band_of[k]];
    int32_t is_late = -(int32_t)(l->late >> k & 1), first = *band->next & ~is_late, more = 0;
    band->next += 1 + is_late;
    for (uint32_t bit = 0; bit < MAX_LATE_BITS; bit++) more |= (int32_t)(l->added[bit] >> k & 1) << bit;
    int32_t sign = first >> 31 | -(int32_t)(l->negative >> k & 1);
    return first + ((more ^ sign) - sign);
}

/* For each number of late bits: which coefficients become 0 whatever these are. */
static void find_vanishing(const struct Requantiser *requantiser, BandBits vanishing[MAX_LATE_BITS + 1]) {
    for (uint32_t bits = 0; bits <= MAX_LATE_BITS; bits++) {
        vanishing[bits] = 0;
        for (uint32_t k = 1; k < BLOCK; k++)
            vanishing[bits] |= (BandBits)(requantise(requantiser, k, (1 << bits) - 1) == 0) << k;
    }
}

/* Which of a block's AC may be something else than 0 for the target. */
static inline BandBits lasting(const struct Late *l, BandBits nonzero, const BandBits vanishing[MAX_LATE_BITS + 1]) {
    BandBits late = l->late;
    for (uint32_t bits = MAX_LATE_BITS; bits > 0; bits--) {
        /* Late ones whose highest bit is this. */
        nonzero &= ~(late & l->added[bits - 1] & vanishing[bits]);
        late &= ~l->added[bits - 1];
    }
    return nonzero;
}

static Token *requantised_row(
    struct Plane *plane, const struct Requantiser *requantiser, size_t first, uint32_t columns, Token *out) {
    BandBits vanishing[MAX_LATE_BITS + 1];
    find_vanishing(requantiser, vanishing);
    for (size_t index = first; index < first + columns; index++) {
        int32_t dc = requantise(requantiser, 0, plane->dc[index]);
        if (!is_in_range(dc)) return NULL;
        *out++ = token(0, dc);
        struct Late late = late_of(plane, index);
        for (BandBits left = lasting(&late, plane->nonzero[index], vanishing); left; left &= left - 1) {
            uint32_t k = (uint32_t)__builtin_ctzll(left);
            int32_t value = next_value(&late, plane, k);
            if (value > -SMALL_VALUES && value < SMALL_VALUES) {
                value = requantiser->small[k][value + SMALL_VALUES];
            } else {
                value = requantise(requantiser, k, value);
                if (!is_in_range(value)) return NULL;
            }
            *out = token(k, value);
            out += value != 0;
        }
    }
    return out;
}

static void reduced_row(
    struct Plane *plane, const struct Halving *halving, size_t first, uint32_t columns, float *reduced,
    uint8_t *has_detail) {
    for (size_t index = first; index < first + columns; index++, reduced += halving->floats) {
        *has_detail++ = plane->nonzero[index] != 0;
        __builtin_memset(reduced, 0, halving->floats * sizeof *reduced);
        reduced[0] = (float)plane->dc[index] * halving->weight[0];
        struct Late late = late_of(plane, index);
        for (BandBits left = plane->nonzero[index]; left; left &= left - 1) {
            uint32_t k = (uint32_t)__builtin_ctzll(left);
            reduced[halving->place[k]] += (float)next_value(&late, plane, k) * halving->weight[k];
        }
    }
}

enum Status planes_row(struct Planes *planes, struct Conversion *c, uint32_t index) {
    const struct Frame *f = &c->headers->frame;
    for (uint32_t i = 0; i < f->components; i++) {
        const struct Component *component = &f->component[i];
        struct Plane *plane = &planes->plane[i];
        bool halved = i > 0 && c->halving;
        uint32_t rows = (i == 0 && f->components > 1) || (halved && c->halving->v) ? 2 : 1;
        for (uint32_t part = 0; part < rows; part++) {
            uint32_t row = index * rows + part;
            if (row >= component->rows) continue;
            size_t first = (size_t)row * plane->stride;
            if (halved) {
                reduced_row(
                    plane, c->halving, first, component->columns, c->chroma.reduced[i - 1][part],
                    c->chroma.has_detail[i - 1][part]);
                continue;
            }
            enum RowPart at = i == 0 ? LUMA_ABOVE + part : CB + i - 1;
            Token *end = requantised_row(plane, c->requantiser[i > 0], first, component->columns, c->row.end[at]);
            if (!end) return DAMAGED;
            c->row.end[at] = end;
        }
    }
    return OK;
}
