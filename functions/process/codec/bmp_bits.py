"""BMPs of one or four bits a pixel, which Pillow 13 reads and does not write: it takes eight for any palette."""

from __future__ import annotations

import struct

from PIL import Image

#: Colours from which a palette needs more than four bits.
MOST_COLOURS = 16
_FILE_HEADER, _INFO_HEADER = struct.Struct("<2sIHHI"), struct.Struct("<IiiHHIIiiII")


def holds_few_colours(image: Image.Image) -> bool:
    """Whether its indices fit into four bits."""
    return image.mode == "P" and _last_index(image) < MOST_COLOURS


def _last_index(image: Image.Image) -> int:
    return max(index for index, count in enumerate(image.histogram()) if count)


def bmp_of_few_colours(image: Image.Image) -> bytes:
    """The file (BITMAPINFOHEADER, not compressed). image: one that `holds_few_colours`."""
    bits = 1 if _last_index(image) < 2 else 4
    colours = 1 << bits
    palette = (image.getpalette("RGB") or [])[: 3 * colours]
    palette += [0] * (3 * colours - len(palette))
    entries = b"".join(bytes((*reversed(palette[place : place + 3]), 0)) for place in range(0, 3 * colours, 3))
    packed, row = image.tobytes("raw", f"P;{bits}"), -(-image.width * bits // 8)
    # From the bottom up, each row in whole units of four bytes.
    rows = [packed[begin : begin + row].ljust(-(-row // 4) * 4, b"\0") for begin in range(0, len(packed), row)]
    pixels = b"".join(reversed(rows))
    place = _FILE_HEADER.size + _INFO_HEADER.size + len(entries)
    info = _INFO_HEADER.pack(
        _INFO_HEADER.size, image.width, image.height, 1, bits, 0, len(pixels), 0, 0, colours, colours
    )
    return _FILE_HEADER.pack(b"BM", place + len(pixels), 0, 0, place) + info + entries + pixels
