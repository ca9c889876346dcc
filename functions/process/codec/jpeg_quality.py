"""The quality at which a JPEG was saved, read from its quantisation table."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence

#: Luminance table of ITU-T T.81, annex K.1, which libjpeg scales by the quality asked.
_BASE_LUMINANCE = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)


def _coarseness(quality: int) -> int:
    """Sum of the luminance table that libjpeg writes at `quality` (jcparam.c, jpeg_quality_scaling)."""
    percent = 5_000 // quality if quality < 50 else 200 - 2 * quality
    return sum(min(max((step * percent + 50) // 100, 1), 255) for step in _BASE_LUMINANCE)


#: Ascending, as bisection wants it: finer tables have smaller sums.
_NEGATED_COARSENESS = tuple(-_coarseness(quality) for quality in range(1, 101))


def estimate_quality(tables: Mapping[int, Sequence[int]]) -> int | None:
    """Quality on libjpeg's scale, 1–100, or None where there is no table.

    `tables` are Pillow's `JpegImageFile.quantization`. Exact for encoders of the libjpeg family, a hint for
    others: mozjpeg's 50 reads as 34. An estimate never exceeds the true quality of a libjpeg file.
    """
    if not tables:
        return None
    luminance = tables[min(tables)]
    return min(bisect_left(_NEGATED_COARSENESS, -sum(luminance)) + 1, 100)
