/* Memory of one call: handed out piece by piece, taken back as a whole. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Take everything back. What was handed out before is no longer to be used. */
void memory_reset(void);
/* `size` bytes of any content, aligned to 64; NULL when there are no more. */
void *allocate(uint64_t size);
void *allocate_zeroed(uint64_t size);
/* The latest piece, made longer; it may have moved. NULL when there is no more memory. */
void *extend_latest(void *latest, uint64_t old_size, uint64_t new_size);
