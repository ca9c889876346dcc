#include "scan_reader.h"

#include "memory.h"

#define FIRST_ROOM (1u << 14)

struct ScanReader {
    struct BitReader reader;
    const struct Headers *headers;
    const struct Scan *scan;
    int32_t prediction[MAX_COMPONENTS];
    uint32_t until_restart, next_restart, end_of_band_run;
    int16_t *out; /* in the band that a first scan fills */
};

/* Room for what a scan adds to the AC of a plane. */
static bool ensure_added(struct Plane *plane, uint32_t bit) {
    if (!plane->late) plane->late = allocate_zeroed(plane->blocks * sizeof(BandBits));
    if (!plane->negative) plane->negative = allocate_zeroed(plane->blocks * sizeof(BandBits));
    if (!plane->added[bit]) plane->added[bit] = allocate_zeroed(plane->blocks * sizeof(BandBits));
    return plane->late && plane->negative && plane->added[bit];
}

/* A band for the values of a first scan, the latest piece of memory. */
static bool begin_band(struct ScanReader *r, struct Plane *plane) {
    struct Band *band = &plane->band[plane->bands];
    for (uint32_t k = r->scan->spectral_start; k <= r->scan->spectral_end; k++) plane->band_of[k] = (uint8_t)plane->bands;
    plane->bands++;
    *band = (struct Band){.values = allocate(FIRST_ROOM * sizeof(int16_t)), .room = FIRST_ROOM};
    r->out = band->values;
    return band->values != NULL;
}

/* Room for a row of blocks' values, and for one that is read in vain behind the last. */
static bool ensure_row(struct ScanReader *r, struct Plane *plane, const struct Component *c) {
    struct Band *band = &plane->band[plane->bands - 1];
    uint64_t used = (uint64_t)(r->out - band->values), needed = used + (uint64_t)c->columns * (BLOCK - 1) + 1;
    if (needed > band->room) {
        uint64_t room = band->room + band->room / 2;
        if (room < needed) room = needed;
        band->values = extend_latest(band->values, band->room * sizeof(int16_t), room * sizeof(int16_t));
        if (!band->values) return false;
        band->room = room;
        r->out = band->values + used;
    }
    return true;
}

/* Whether the scan says of its coefficients what comes next (T.81, G.1.1.1), and has the tables for it. */
static enum Status check_scan(struct Planes *planes, const struct Headers *h) {
    const struct Scan *s = &h->scan;
    bool progressive = h->frame.progressive;
    if (++planes->scans > MAX_SCANS) return SCANS;
    if (s->spectral_start > s->spectral_end || s->spectral_end >= BLOCK || s->low_bit > 13) return SCANS;
    if (s->high_bit != 0 && s->high_bit != s->low_bit + 1) return SCANS;
    if (progressive ? (s->spectral_start == 0) != (s->spectral_end == 0)
                    : s->spectral_start != 0 || s->spectral_end != BLOCK - 1 || s->high_bit != 0 || s->low_bit != 0)
        return SCANS;
    /* Sequential scans of two out of three components: no encoder is known to write them. */
    if (!progressive && s->components != 1) return SCANS;
    if (s->spectral_start != 0 && (s->components != 1 || s->low_bit > MAX_LATE_BITS)) return SCANS;
    for (uint32_t i = 0; i < s->components; i++) {
        int8_t *low_bit = planes->plane[s->component[i]].low_bit;
        for (uint32_t k = s->spectral_start; k <= s->spectral_end; k++) {
            if (low_bit[k] != (s->high_bit ? s->high_bit : NOT_YET)) return SCANS;
            /* AC before DC is nothing that any decoder shows. */
            if (k > 0 && low_bit[0] == NOT_YET) return SCANS;
            low_bit[k] = (int8_t)s->low_bit;
        }
        const struct Component *c = &h->frame.component[s->component[i]];
        bool needs_dc = s->spectral_start == 0 && s->high_bit == 0, needs_ac = s->spectral_end > 0;
        if ((needs_dc && !h->dc[c->dc_table].defined) || (needs_ac && !h->ac[c->ac_table].defined)) return MALFORMED;
    }
    return OK;
}

/* Take up restarts, and make sure of the next MCU's bytes. */
static inline enum Status next_mcu(struct ScanReader *r) {
    if (r->headers->restart_interval) {
        if (r->until_restart == 0) {
            if (r->end_of_band_run || !bits_finished(&r->reader) || !bits_restart(&r->reader, r->next_restart))
                return DAMAGED;
            r->next_restart = (r->next_restart + 1) & 7;
            r->until_restart = r->headers->restart_interval;
            __builtin_memset(r->prediction, 0, sizeof r->prediction);
        }
        r->until_restart--;
    }
    return bits_ensure(&r->reader) ? OK : TRUNCATED;
}

/* Whether there may be something for `next_mcu` to do. */
static inline bool must_stop(const struct ScanReader *r, const struct Bits *bits) {
    return r->headers->restart_interval || bits->next - r->reader.known_end < MCU_BYTES;
}

static inline bool read_dc(
    struct ScanReader *r, struct Bits *bits, const struct DecodingTable *table, uint32_t component, int16_t *dc) {
    bits_need_32(bits);
    if (r->scan->high_bit) {
        /* Two's complement: a bit more of it, whatever the sign. */
        *dc = (int16_t)(*dc | (int32_t)bits_take(bits, 1) << r->scan->low_bit);
        return true;
    }
    if (!huffman_decode_dc(table, bits, &r->prediction[component])) return false;
    int32_t value = r->prediction[component] * (1 << r->scan->low_bit);
    *dc = (int16_t)value;
    return value >= -32768 && value <= 32767;
}

/* The first look at a band of one block, or all AC of a sequential one. */
static inline bool read_band(
    struct ScanReader *r, struct Bits *bits, const struct DecodingTable *table, BandBits *nonzero) {
    uint32_t k = r->scan->spectral_start ? r->scan->spectral_start : 1, last = r->scan->spectral_end;
    int32_t scale = 1 << r->scan->low_bit;
    BandBits found = 0;
    while (k <= last) {
        bits_need_32(bits);
        WholeSymbol whole = table->whole[bits->bits >> (64 - LOOKUP_BITS)];
        int32_t value;
        if (__builtin_expect(whole != 0, 1)) {
            bits_skip(bits, whole & 0xFF);
            k += whole >> 8 & 0xFF;
            value = (int32_t)(whole >> 16) - SMALL_VALUES;
            if (k >= PAST_END) break;
            if (k > last) return false;
            if (value == 0) {
                k++;
                continue;
            }
        } else {
            int32_t symbol = huffman_decode(table, bits);
            if (symbol < 0) return false;
            uint32_t run = (uint32_t)symbol >> 4, size = (uint32_t)symbol & 15;
            if (size == 0 && run == 15) {
                k += 16;
                continue;
            }
            if (size == 0) {
                if (run && !r->headers->frame.progressive) return false;
                r->end_of_band_run = (1u << run) - 1 + (run ? bits_take(bits, run) : 0);
                break;
            }
            k += run;
            if (k > last || size > 10) return false;
            value = bits_take_signed(bits, size);
        }
        value *= scale;
        *r->out++ = (int16_t)value;
        found |= (BandBits)1 << k;
        k++;
    }
    *nonzero |= found;
    return true;
}

/* A bit for each of `members`, in their order. Mostly there is one or none: no branch is spent on that. */
static inline BandBits read_bits_of(struct Bits *bits, BandBits members) {
    bits_need_32(bits);
    BandBits set = (members & -members) & -(BandBits)(bits->bits >> 63);
    bits_skip(bits, members != 0);
    for (members &= members - 1; members; members &= members - 1) {
        bits_need_32(bits);
        set |= (members & -members) & -(BandBits)(bits->bits >> 63);
        bits_skip(bits, 1);
    }
    return set;
}

/* What refining scans are made of: the end of the band, 16 zeros, or a run and a new coefficient. */
struct Refinement {
    uint32_t run;
    BandBits is_new, is_negative;
};

static inline bool read_refinement(
    struct ScanReader *r, struct Bits *bits, const struct DecodingTable *table, struct Refinement *next) {
    bits_need_32(bits);
    WholeSymbol whole = table->whole[bits->bits >> (64 - LOOKUP_BITS)];
    if (__builtin_expect(whole != 0, 1)) {
        bits_skip(bits, whole & 0xFF);
        int32_t value = (int32_t)(whole >> 16) - SMALL_VALUES;
        next->run = whole >> 8 & 0xFF;
        next->is_new = value & 1;
        next->is_negative = value < 0;
        r->end_of_band_run = next->run == PAST_END;
        return value >= -1 && value <= 1;
    }
    int32_t symbol = huffman_decode(table, bits);
    uint32_t run = (uint32_t)symbol >> 4, size = (uint32_t)symbol & 15;
    if (symbol < 0 || size > 1) return false;
    *next = (struct Refinement){.run = run, .is_new = size};
    if (size) next->is_negative = !bits_take(bits, 1);
    else if (run < 15) r->end_of_band_run = (1u << run) + (run ? bits_take(bits, run) : 0);
    return true;
}

/* A further bit of a band of one block (T.81, G.1.2.3). */
static inline bool refine_band(
    struct ScanReader *r, struct Bits *bits, const struct DecodingTable *table, struct Plane *plane, size_t index) {
    const struct Scan *s = r->scan;
    BandBits band = (~(BandBits)0 >> (63 - s->spectral_end)) & (~(BandBits)0 << s->spectral_start);
    BandBits known = plane->nonzero[index] & band, zero = band & ~known, found = 0, negative = 0, added = 0;
    while (band && r->end_of_band_run == 0) {
        struct Refinement next;
        if (!read_refinement(r, bits, table, &next)) return false;
        if (r->end_of_band_run) break;
        uint32_t run = next.run;
        if (!zero) return false;
        uint32_t k = (uint32_t)__builtin_ctzll(zero);
        if (known & ((BandBits)0xFFFF << k)) {
            /* The run is of zeros alone: those that are none do not count. */
            for (; run; run--) zero &= zero - 1;
            if (!zero) return false;
            k = (uint32_t)__builtin_ctzll(zero);
        } else {
            k += run;
            if (k > s->spectral_end) return false;
            zero &= ~(BandBits)0 << k;
        }
        zero &= zero - 1;
        BandBits passed = ((BandBits)1 << k) - 1;
        added |= read_bits_of(bits, known & passed);
        known &= ~passed;
        found |= next.is_new << k;
        negative |= next.is_negative << k;
        band &= ~passed & ~((BandBits)1 << k);
    }
    if (r->end_of_band_run) {
        added |= read_bits_of(bits, known);
        r->end_of_band_run--;
    }
    added |= found;
    if (added) plane->added[s->low_bit][index] |= added;
    if (found) {
        plane->nonzero[index] |= found;
        plane->late[index] |= found;
        plane->negative[index] |= negative;
    }
    return true;
}

/* A scan of one component's AC: a block after the other, row by row. */
static inline enum Status read_ac_scan(struct ScanReader *r, struct Plane *plane, const struct Component *c, bool refines) {
    const struct DecodingTable *table = &r->headers->ac[c->ac_table];
    bool may_skip = !refines && r->headers->restart_interval == 0;
    struct Bits bits = r->reader.bits;
    for (uint32_t row = 0; row < c->rows; row++) {
        if (!refines && !ensure_row(r, plane, c)) return MEMORY;
        size_t first = (size_t)row * plane->stride;
        for (uint32_t column = 0; column < c->columns; column++) {
            if (r->end_of_band_run && may_skip) {
                uint32_t skipped = r->end_of_band_run, left = c->columns - column;
                if (skipped > left) skipped = left;
                r->end_of_band_run -= skipped;
                column += skipped - 1;
                continue;
            }
            if (__builtin_expect(must_stop(r, &bits), 0)) {
                r->reader.bits = bits;
                enum Status status = next_mcu(r);
                if (status) return status;
                bits = r->reader.bits;
            }
            size_t index = first + column;
            bool sound = true;
            if (refines) sound = refine_band(r, &bits, table, plane, index);
            else if (r->end_of_band_run) r->end_of_band_run--;
            else sound = read_band(r, &bits, table, plane->nonzero + index);
            if (!sound) return DAMAGED;
        }
    }
    r->reader.bits = bits;
    return r->end_of_band_run ? DAMAGED : OK;
}

static enum Status read_first_scan(struct ScanReader *r, struct Plane *plane, const struct Component *c) {
    return read_ac_scan(r, plane, c, false);
}

static enum Status read_refining_scan(struct ScanReader *r, struct Plane *plane, const struct Component *c) {
    return read_ac_scan(r, plane, c, true);
}

static inline bool read_block(
    struct ScanReader *r, struct Bits *bits, struct Plane *plane, uint32_t component, size_t index) {
    const struct Component *c = &r->headers->frame.component[component];
    if (!read_dc(r, bits, &r->headers->dc[c->dc_table], component, plane->dc + index)) return false;
    if (r->scan->spectral_end == 0) return true;
    return read_band(r, bits, &r->headers->ac[c->ac_table], plane->nonzero + index);
}

/* A scan of one component that begins with DC: its MCU is a block. */
static enum Status read_single(struct ScanReader *r, struct Planes *planes, uint32_t component) {
    const struct Component *c = &r->headers->frame.component[component];
    struct Plane *plane = &planes->plane[component];
    bool has_ac = r->scan->spectral_end > 0;
    for (uint32_t row = 0; row < c->rows; row++) {
        if (has_ac && !ensure_row(r, plane, c)) return MEMORY;
        for (uint32_t column = 0; column < c->columns; column++) {
            enum Status status = next_mcu(r);
            if (status) return status;
            struct Bits bits = r->reader.bits;
            if (!read_block(r, &bits, plane, component, (size_t)row * plane->stride + column)) return DAMAGED;
            r->reader.bits = bits;
        }
    }
    return OK;
}

static enum Status read_interleaved(struct ScanReader *r, struct Planes *planes) {
    const struct Frame *f = &r->headers->frame;
    struct Bits bits = r->reader.bits;
    for (uint32_t row = 0; row < f->mcu_rows; row++)
        for (uint32_t column = 0; column < f->mcu_columns; column++) {
            if (__builtin_expect(must_stop(r, &bits), 0)) {
                r->reader.bits = bits;
                enum Status status = next_mcu(r);
                if (status) return status;
                bits = r->reader.bits;
            }
            for (uint32_t i = 0; i < r->scan->components; i++) {
                uint32_t component = r->scan->component[i];
                const struct Component *c = &f->component[component];
                struct Plane *plane = &planes->plane[component];
                for (uint32_t v = 0; v < c->v; v++)
                    for (uint32_t h = 0; h < c->h; h++) {
                        size_t index = (size_t)(row * c->v + v) * plane->stride + column * c->h + h;
                        if (!read_block(r, &bits, plane, component, index)) return DAMAGED;
                    }
            }
        }
    r->reader.bits = bits;
    return OK;
}

enum Status scan_read(struct Planes *planes, struct Headers *h, uint8_t *window) {
    enum Status status = check_scan(planes, h);
    if (status) return status;
    struct ScanReader r = {.headers = h, .scan = &h->scan, .until_restart = h->restart_interval};
    bits_open(&r.reader, window, h->source, h->end);
    uint32_t first = h->scan.component[0];
    struct Plane *plane = &planes->plane[first];
    const struct Component *component = &h->frame.component[first];
    if (h->scan.spectral_end > 0) {
        if (!h->scan.high_bit && plane->bands == MAX_BANDS) return SCANS;
        if (!(h->scan.high_bit ? ensure_added(plane, h->scan.low_bit) : begin_band(&r, plane))) return MEMORY;
    }
    if (h->scan.spectral_start)
        status = (h->scan.high_bit ? read_refining_scan : read_first_scan)(&r, plane, component);
    else if (h->scan.components == 1) status = read_single(&r, planes, first);
    else status = read_interleaved(&r, planes);
    if (status) return status;
    if (bits_overrun(&r.reader)) return TRUNCATED;
    if (!bits_finished(&r.reader)) return DAMAGED;
    if (r.out) plane->band[plane->bands - 1].next = plane->band[plane->bands - 1].values;
    h->source = r.reader.source;
    return OK;
}

