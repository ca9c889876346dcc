/* A progressive JPEG, in the scans that libjpeg's jpeg_simple_progression chooses. */
#pragma once

#include "output.h"
#include "turned.h"

/* The whole file from its quantisation tables to its end. */
enum Status progressive_write(const struct BlockStore *store, const struct Target *target, struct Output *output);
