/* Orders of a block's coefficients, and the quantisation tables that are written. */
#pragma once

#include "jpeg.h"

/* Annex K's tables scaled as libjpeg does (jcparam.c, jpeg_quality_scaling), in zigzag order. quality: 1-100. */
void target_table(uint8_t table[BLOCK], uint32_t quality, bool is_chroma);
