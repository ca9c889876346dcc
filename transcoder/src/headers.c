#include "headers.h"

enum Marker {
    SOF0 = 0xC0, SOF1 = 0xC1, SOF2 = 0xC2, DHT = 0xC4, JPG = 0xC8, DAC = 0xCC, SOF15 = 0xCF,
    RST0 = 0xD0, RST7 = 0xD7, SOI = 0xD8, EOI = 0xD9, SOS = 0xDA, DQT = 0xDB, DNL = 0xDC, DRI = 0xDD,
    DHP = 0xDE, EXP = 0xDF, APP0 = 0xE0, APP14 = 0xEE, JPG0 = 0xF0, COM = 0xFE, TEM = 0x01,
};

struct Segment {
    const uint8_t *at, *end;
};

static uint32_t left(const struct Segment *s) { return (uint32_t)(s->end - s->at); }
static uint32_t byte(struct Segment *s) { return *s->at++; }
static uint32_t word(struct Segment *s) {
    uint32_t value = (uint32_t)s->at[0] << 8 | s->at[1];
    s->at += 2;
    return value;
}

static enum Status read_quantisers(struct Headers *h, struct Segment s) {
    if (h->has_scan) return TABLES;
    while (left(&s)) {
        uint32_t head = byte(&s), precision = head >> 4, slot = head & 15;
        if (slot >= MAX_TABLES || precision > 1) return MALFORMED;
        if (left(&s) < (uint32_t)BLOCK << precision) return MALFORMED;
        for (uint32_t k = 0; k < BLOCK; k++) {
            uint32_t step = precision ? word(&s) : byte(&s);
            if (step == 0 || step > 255) return TABLES;
            h->quantiser[slot][k] = (uint16_t)step;
        }
        h->has_quantiser[slot] = true;
    }
    return OK;
}

static enum Status read_huffman(struct Headers *h, struct Segment s) {
    while (left(&s)) {
        if (left(&s) < 17) return MALFORMED;
        uint32_t head = byte(&s), is_ac = head >> 4, slot = head & 15, total = 0;
        if (is_ac > 1 || slot >= MAX_TABLES) return MALFORMED;
        const uint8_t *lengths = s.at;
        s.at += 16;
        for (int i = 0; i < 16; i++) total += lengths[i];
        if (total > 256 || left(&s) < total) return MALFORMED;
        struct DecodingTable *table = is_ac ? &h->ac[slot] : &h->dc[slot];
        if (!huffman_prepare(table, lengths, s.at, !is_ac)) return MALFORMED;
        s.at += total;
    }
    return OK;
}

/* The rules of libjpeg (jdapimin.c, default_decompress_parms), by which the picture would be shown. */
static bool is_ycbcr(const struct Headers *h) {
    const struct Component *c = h->frame.component;
    if (h->saw_jfif) return true;
    if (h->saw_adobe) return h->adobe_transform != 0;
    return !(c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B');
}

static enum Status check_sampling(const struct Frame *f) {
    if (f->components == 1) return OK;
    const struct Component *y = &f->component[0], *cb = &f->component[1], *cr = &f->component[2];
    if (cb->h != cr->h || cb->v != cr->v) return SAMPLING;
    if (y->h > 2 || y->v > 2 || cb->h > y->h || cb->v > y->v) return SAMPLING;
    return OK;
}

static enum Status read_frame(struct Headers *h, struct Segment s, bool progressive) {
    if (h->has_frame) return CODING_PROCESS;
    if (left(&s) < 6) return MALFORMED;
    struct Frame *f = &h->frame;
    uint32_t precision = byte(&s);
    f->progressive = progressive;
    f->height = word(&s);
    f->width = word(&s);
    f->components = byte(&s);
    if (left(&s) != 3 * f->components) return MALFORMED;
    if (precision != 8) return CODING_PROCESS;
    if (f->height == 0) return CODING_PROCESS;
    if (f->width == 0) return MALFORMED;
    if (f->components != 1 && f->components != 3) return COLOUR_SPACE;
    if (f->width > MAX_SIDE || f->height > MAX_SIDE) return MEMORY;
    if ((uint64_t)f->width * f->height > MAX_PIXELS) return MEMORY;
    for (uint32_t i = 0; i < f->components; i++) {
        struct Component *c = &f->component[i];
        c->id = (uint8_t)byte(&s);
        uint32_t sampling = byte(&s);
        c->h = (uint8_t)(sampling >> 4);
        c->v = sampling & 15;
        c->quantiser = (uint8_t)byte(&s);
        if (c->h < 1 || c->h > 4 || c->v < 1 || c->v > 4 || c->quantiser >= MAX_TABLES) return MALFORMED;
        for (uint32_t j = 0; j < i; j++)
            if (f->component[j].id == c->id) return MALFORMED;
    }
    enum Status status = check_sampling(f);
    if (status) return status;
    /* The factors of a single component say nothing: its MCU is a block (T.81, A.2.2). */
    if (f->components == 1) f->component[0].h = f->component[0].v = 1;
    f->max_h = f->component[0].h;
    f->max_v = f->component[0].v;
    f->mcu_columns = ceil_div(f->width, 8 * f->max_h);
    f->mcu_rows = ceil_div(f->height, 8 * f->max_v);
    for (uint32_t i = 0; i < f->components; i++) {
        struct Component *c = &f->component[i];
        c->columns = ceil_div(ceil_div(f->width * c->h, f->max_h), 8);
        c->rows = ceil_div(ceil_div(f->height * c->v, f->max_v), 8);
        c->padded_columns = f->mcu_columns * c->h;
        c->padded_rows = f->mcu_rows * c->v;
    }
    h->has_frame = true;
    return OK;
}

static enum Status read_scan(struct Headers *h, struct Segment s) {
    struct Scan *scan = &h->scan;
    if (!h->has_frame || left(&s) < 1) return MALFORMED;
    if (h->frame.components == 3 && !is_ycbcr(h)) return COLOUR_SPACE;
    scan->components = byte(&s);
    if (scan->components < 1 || scan->components > h->frame.components) return MALFORMED;
    if (left(&s) != 2 * scan->components + 3) return MALFORMED;
    int32_t before = -1;
    uint32_t blocks = 0;
    for (uint32_t i = 0; i < scan->components; i++) {
        uint32_t id = byte(&s), tables = byte(&s);
        int32_t index = 0;
        while (index < (int32_t)h->frame.components && h->frame.component[index].id != id) index++;
        if (index == (int32_t)h->frame.components) return MALFORMED;
        if (index <= before) return SCANS;
        struct Component *c = &h->frame.component[index];
        c->dc_table = (uint8_t)(tables >> 4);
        c->ac_table = tables & 15;
        if (c->dc_table >= MAX_TABLES || c->ac_table >= MAX_TABLES) return MALFORMED;
        if (!h->has_quantiser[c->quantiser]) return MALFORMED;
        scan->component[i] = (uint8_t)index;
        blocks += (uint32_t)c->h * c->v;
        before = index;
    }
    if (scan->components > 1 && blocks > MAX_MCU_BLOCKS) return MALFORMED;
    scan->spectral_start = (uint8_t)byte(&s);
    scan->spectral_end = (uint8_t)byte(&s);
    uint32_t approximation = byte(&s);
    scan->high_bit = (uint8_t)(approximation >> 4);
    scan->low_bit = approximation & 15;
    h->has_scan = true;
    return OK;
}

static void read_application(struct Headers *h, uint32_t marker, struct Segment s) {
    if (marker == APP0 && left(&s) >= 14 && !__builtin_memcmp(s.at, "JFIF", 5)) h->saw_jfif = true;
    if (marker == APP14 && left(&s) >= 12 && !__builtin_memcmp(s.at, "Adobe", 5)) {
        h->saw_adobe = true;
        h->adobe_transform = s.at[11];
    }
}

static enum Status read_segment(struct Headers *h, uint32_t marker, struct Segment s) {
    switch (marker) {
    case DQT: return read_quantisers(h, s);
    case DHT: return read_huffman(h, s);
    case SOF0:
    case SOF1: return read_frame(h, s, false);
    case SOF2: return read_frame(h, s, true);
    case SOS: return read_scan(h, s);
    case DNL:
    case DAC:
    case DHP:
    case EXP: return CODING_PROCESS;
    case DRI:
        if (left(&s) != 2) return MALFORMED;
        h->restart_interval = word(&s);
        return OK;
    default:
        if (marker >= SOF0 && marker <= SOF15) return CODING_PROCESS;
        read_application(h, marker, s);
        return OK;
    }
}

enum Status headers_next(struct Headers *h, bool *ended) {
    *ended = false;
    for (;;) {
        if (h->end - h->source < 2) return TRUNCATED;
        if (*h->source != 0xFF) return MALFORMED;
        while (h->source < h->end && *h->source == 0xFF) h->source++;
        if (h->source == h->end) return TRUNCATED;
        uint32_t marker = *h->source++;
        if (marker == EOI) {
            *ended = true;
            return h->has_scan ? OK : MALFORMED;
        }
        if (marker == TEM) continue;
        /* Reserved ones included: libjpeg knows none of them. */
        if (marker <= 0xBF || (marker >= RST0 && marker <= SOI) || (marker >= JPG0 && marker != COM)) return MALFORMED;
        if (h->end - h->source < 2) return TRUNCATED;
        uint32_t length = (uint32_t)h->source[0] << 8 | h->source[1];
        if (length < 2) return MALFORMED;
        if (h->end - h->source < (ptrdiff_t)length) return TRUNCATED;
        struct Segment segment = {h->source + 2, h->source + length};
        h->source += length;
        enum Status status = read_segment(h, marker, segment);
        if (status || marker == SOS) return status;
    }
}
