#include "huffman.h"

/* The value that `bits`, the `size` bits behind a code, stand for. */
static int32_t extended(uint32_t bits, uint32_t size) {
    return bits < (1u << (size - 1)) ? (int32_t)bits - (1 << size) + 1 : (int32_t)bits;
}

static void enter_whole(struct DecodingTable *table, uint32_t code, uint32_t length, uint8_t symbol) {
    uint32_t size = symbol & 15, run = symbol >> 4, bits = length + size;
    uint32_t first = code << (LOOKUP_BITS - length), end = (code + 1) << (LOOKUP_BITS - length);
    /* Symbols without a value: end of block, and 16 zeros. Others are a progressive scan's, and decoded apart. */
    if (size == 0 && run != 0 && run != 15) return;
    if (size > 5 || bits > LOOKUP_BITS) return;
    for (uint32_t index = first; index < end; index++) {
        int32_t value = 0;
        if (size) value = extended((index >> (LOOKUP_BITS - bits)) & ((1u << size) - 1), size);
        uint32_t step = symbol == 0 ? PAST_END : run;
        table->whole[index] = (uint32_t)(value + SMALL_VALUES) << 16 | step << 8 | bits;
    }
}

static void enter_whole_dc(struct DecodingTable *table, uint32_t code, uint32_t length, uint8_t size) {
    uint32_t bits = length + size;
    if (size > 11 || bits > LOOKUP_BITS) return;
    uint32_t first = code << (LOOKUP_BITS - length), end = (code + 1) << (LOOKUP_BITS - length);
    for (uint32_t index = first; index < end; index++) {
        int32_t value = size ? extended((index >> (LOOKUP_BITS - bits)) & ((1u << size) - 1), size) : 0;
        table->whole[index] = (uint32_t)value << 16 | bits;
    }
}

bool huffman_prepare(struct DecodingTable *table, const uint8_t lengths[16], const uint8_t *symbols, bool is_dc) {
    __builtin_memset(table, 0, sizeof *table);
    uint32_t code = 0, used = 0;
    for (uint32_t length = 1; length <= MAX_CODE_BITS; length++) {
        table->offset[length] = (int32_t)used - (int32_t)code;
        for (uint32_t i = 0; i < lengths[length - 1]; i++, code++, used++) {
            if (code >= 1u << length || used > 255) return false;
            uint8_t symbol = symbols[used];
            if (is_dc && symbol > 15) return false;
            table->symbols[used] = symbol;
            if (length > LOOKUP_BITS) continue;
            uint32_t first = code << (LOOKUP_BITS - length), end = (code + 1) << (LOOKUP_BITS - length);
            for (uint32_t index = first; index < end; index++) table->code[index] = (uint16_t)(length << 8 | symbol);
            (is_dc ? enter_whole_dc : enter_whole)(table, code, length, symbol);
        }
        table->limit[length] = code << (MAX_CODE_BITS - length);
        code <<= 1;
    }
    table->defined = true;
    return true;
}

/* Code lengths of Huffman's algorithm, in no order, without a bound: T.81's figures K.1. */
static void unbounded_lengths(const uint32_t frequencies[256], uint32_t lengths_used[64]) {
    uint32_t weight[257];
    int32_t next[257], length[257], tree[257];
    uint32_t count = 0;
    for (uint32_t symbol = 0; symbol < 256; symbol++)
        if (frequencies[symbol]) weight[count++] = frequencies[symbol];
    /* One more, so that no symbol's code is all ones; it must be the rarest. */
    weight[count++] = 1;
    for (uint32_t i = 0; i < count; i++) {
        next[i] = -1;
        length[i] = 0;
        tree[i] = (int32_t)i;
    }
    for (uint32_t roots = count; roots > 1; roots--) {
        /* The two lightest trees; of equals the later ones. */
        uint32_t least = 0, second = 1;
        if (weight[tree[second]] <= weight[tree[least]]) least = 1, second = 0;
        for (uint32_t i = 2; i < roots; i++) {
            if (weight[tree[i]] <= weight[tree[least]]) {
                second = least;
                least = i;
            } else if (weight[tree[i]] <= weight[tree[second]]) {
                second = i;
            }
        }
        int32_t into = tree[least], from = tree[second];
        weight[into] += weight[from];
        int32_t last = into;
        length[last]++;
        while (next[last] >= 0) length[last = next[last]]++;
        next[last] = from;
        for (int32_t i = from; i >= 0; i = next[i]) length[i]++;
        tree[second] = tree[roots - 1];
    }
    for (uint32_t i = 0; i < count; i++) lengths_used[length[i] < 63 ? length[i] : 63]++;
}

/* No code longer than 16 bits (T.81, figure K.3), and none for the symbol that was added. */
static void bound(uint32_t count[64]) {
    for (uint32_t length = 63; length > MAX_CODE_BITS; length--)
        while (count[length] > 0) {
            uint32_t shorter = length - 2;
            while (count[shorter] == 0) shorter--;
            count[length] -= 2;
            count[length - 1]++;
            count[shorter + 1] += 2;
            count[shorter]--;
        }
    uint32_t longest = MAX_CODE_BITS;
    while (longest > 0 && count[longest] == 0) longest--;
    count[longest]--;
}

/* Symbols that occur, the most frequent first; of equals the smaller one. Returns how many. */
static uint32_t by_frequency(const uint32_t frequencies[256], uint8_t symbols[256]) {
    uint32_t count = 0;
    for (uint32_t symbol = 0; symbol < 256; symbol++) {
        if (!frequencies[symbol]) continue;
        uint32_t place = count++;
        for (; place > 0 && frequencies[symbols[place - 1]] < frequencies[symbol]; place--)
            symbols[place] = symbols[place - 1];
        symbols[place] = (uint8_t)symbol;
    }
    return count;
}

void huffman_optimise(struct EncodingTable *table, const uint32_t frequencies[256]) {
    uint32_t count[64] = {0};
    __builtin_memset(table, 0, sizeof *table);
    table->count = by_frequency(frequencies, table->symbols);
    if (table->count == 0) {
        /* A scan without a symbol still has to name a table. */
        table->count = 1;
        count[1] = 1;
    } else {
        unbounded_lengths(frequencies, count);
        bound(count);
    }
    uint32_t code = 0, place = 0;
    for (uint32_t length = 1; length <= MAX_CODE_BITS; length++, code <<= 1) {
        table->lengths[length - 1] = (uint8_t)count[length];
        for (uint32_t i = 0; i < count[length]; i++, code++) {
            uint8_t symbol = table->symbols[place++];
            uint32_t size = symbol & 15u;
            table->code[symbol] = (code << size) << 5 | (length + size);
        }
    }
}
