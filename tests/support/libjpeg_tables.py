"""Quantisation tables as libjpeg itself scales them."""

from functools import cache

from PIL import Image

from tests.support.image_files import opened, saved


@cache
def scaled_tables(quality: int) -> tuple[list[int], list[int]]:
    """Of luma and chroma, in zigzag order."""
    tables = opened(saved(Image.new("RGB", (8, 8)), "JPEG", quality=quality)).quantization  # type: ignore[attr-defined]
    order = sorted(range(64), key=lambda n: (n // 8 + n % 8, (n // 8 if (n // 8 + n % 8) % 2 else n % 8)))
    return [tables[0][place] for place in order], [tables[1][place] for place in order]
