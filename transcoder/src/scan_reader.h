/* Scans into planes. */
#pragma once

#include "planes.h"

/* Read the scan that `headers` are at, to its end. window: WINDOW_ROOM bytes. */
enum Status scan_read(struct Planes *planes, struct Headers *headers, uint8_t *window);
