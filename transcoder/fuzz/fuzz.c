/* The transcoder outside its sandbox, under AddressSanitizer and UndefinedBehaviorSanitizer: any bytes are a
   status, and what it writes it also reads. The first byte chooses what is asked for, the others are the file. */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "transcode.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    static const uint32_t qualities[] = {50, 1, 95, 30};
    if (size < 1) return 0;
    uint8_t choice = bytes[0];
    struct Request request = {qualities[choice >> 4 & 3], 1 + (choice & 7), choice >> 3 & 1};
    struct Result result = {0};
    /* Copied, so that reading a byte too many is seen. */
    uint8_t *file = malloc(size - 1 + (size == 1));
    memcpy(file, bytes + 1, size - 1);
    memory_reset();
    enum Status status = transcode(file, size - 1, &request, &result);
    free(file);
    if (status != OK) return 0;
    uint8_t *again = malloc(result.size + 2);
    memcpy(again, "\xFF\xD8", 2);
    memcpy(again + 2, result.data, result.size);
    struct Request upright = {request.quality, 1, false};
    struct Result second = {0};
    uint32_t width = result.width, height = result.height;
    size_t length = result.size + 2;
    memory_reset();
    status = transcode(again, length, &upright, &second);
    free(again);
    if (status != OK || second.width != width || second.height != height) abort();
    return 0;
}
