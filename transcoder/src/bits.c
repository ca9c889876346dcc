#include "bits.h"

void bits_open(struct BitReader *reader, uint8_t *window, const uint8_t *source, const uint8_t *end) {
    reader->window = window;
    reader->source = source;
    reader->end = end;
    reader->bits = (struct Bits){0, 0, window + WINDOW_ROOM};
    reader->known_end = window + WINDOW_ROOM;
    reader->at_marker = false;
    bits_fill(reader);
}

/* Whether any of 8 bytes is 0xFF. */
static bool has_ff(uint64_t word) {
    uint64_t inverse = ~word;
    return ((inverse - 0x0101010101010101u) & ~inverse & 0x8080808080808080u) != 0;
}

void bits_fill(struct BitReader *reader) {
    uint8_t *write = reader->window + WINDOW_ROOM;
    const uint8_t *read = reader->bits.next;
    reader->bits.next = write;
    while (read > reader->known_end) *--write = *--read;
    const uint8_t *source = reader->source, *end = reader->end;
    const uint8_t *full = reader->window + WINDOW_ROOM - WINDOW_BYTES;
    while (write > full) {
        if (end - source >= 8) {
            uint64_t word;
            __builtin_memcpy(&word, source, 8);
            if (!has_ff(word)) {
                word = __builtin_bswap64(word);
                write -= 8;
                __builtin_memcpy(write, &word, 8);
                source += 8;
                continue;
            }
        }
        /* The next 8 bytes one by one. */
        for (int i = 0; i < 8; i++) {
            if (source == end) goto at_marker;
            if (*source != 0xFF) {
                *--write = *source++;
                continue;
            }
            if (end - source >= 2 && source[1] == 0) {
                *--write = 0xFF;
                source += 2;
                continue;
            }
            goto at_marker;
        }
    }
    reader->source = source;
    reader->known_end = write;
    return;
at_marker:
    reader->at_marker = true;
    reader->source = source;
    reader->known_end = write;
    /* What is read beyond the end is 0, and found out by bits_overrun. */
    __builtin_memset(write - MCU_BYTES, 0, MCU_BYTES);
}

static ptrdiff_t unread_bytes(const struct BitReader *reader) {
    return reader->bits.next - reader->known_end + (ptrdiff_t)(reader->bits.count / 8);
}

bool bits_overrun(const struct BitReader *reader) { return unread_bytes(reader) < 0; }

bool bits_finished(struct BitReader *reader) {
    if (!reader->at_marker) bits_fill(reader);
    return reader->at_marker && unread_bytes(reader) == 0;
}

bool bits_restart(struct BitReader *reader, uint32_t n) {
    const uint8_t *source = reader->source;
    /* Any number of fill bytes may come before a marker (T.81, B.1.1.2). */
    while (reader->end - source >= 2 && source[0] == 0xFF && source[1] == 0xFF) source++;
    if (reader->end - source < 2 || source[1] != 0xD0 + n) return false;
    bits_open(reader, reader->window, source + 2, reader->end);
    return true;
}
