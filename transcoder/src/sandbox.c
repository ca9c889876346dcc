/* What the WebAssembly module shows: room for a file, and the one call. It imports nothing. */
#include "memory.h"
#include "transcode.h"

#define EXPORT(name) __attribute__((export_name(name)))

/* Five numbers of 32 bits, as functions/process/codec/transcode/sandbox.py reads them. */
static struct {
    uint32_t status, data, size, width, height;
} answer;

/* Forget the last call and make room for a file. Returns where it is to be put, 0 where there is no room. */
EXPORT("reserve") uint8_t *reserve(uint32_t size) {
    memory_reset();
    return allocate(size);
}

/* Returns where the answer is. */
EXPORT("transcode")
void *run(const uint8_t *data, uint32_t size, uint32_t quality, uint32_t orientation, uint32_t progressive) {
    struct Request request = {quality, orientation, progressive != 0};
    struct Result result = {0};
    answer.status = transcode(data, size, &request, &result);
    answer.data = (uint32_t)(uintptr_t)result.data;
    answer.size = (uint32_t)result.size;
    answer.width = result.width;
    answer.height = result.height;
    return &answer;
}
