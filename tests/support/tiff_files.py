"""TIFF files written by hand, in layouts that Pillow reads but does not write (TIFF 6.0)."""

import struct

#: Width and height of values by type: SHORT and LONG.
_FORMATS = {3: "H", 4: "I"}
_LONG_TAGS = {256, 257, 273, 278, 279}


def tiff(
    width: int, height: int, tags: dict[int, tuple[int, ...]], *planes: bytes, order: str = "<", compression: int = 1
) -> bytes:
    """An uncompressed file of a strip for each of `planes`. tags: beside those of size and strips, as SHORTs."""
    given: dict[int, tuple[int, ...]] = {
        256: (width,),
        257: (height,),
        259: (compression,),
        273: tuple(0 for _ in planes),
        278: (height,),
        279: tuple(len(plane) for plane in planes),
        **tags,
    }
    base = 8 + 2 + 12 * len(given) + 4
    out_of_line = {tag: len(values) for tag, values in given.items() if len(_packed(tag, values, order)) > 4}
    pixels = base + sum(len(_packed(tag, given[tag], order)) for tag in out_of_line)
    given[273] = tuple(pixels + sum(len(plane) for plane in planes[:number]) for number in range(len(planes)))
    entries, extra = b"", b""
    for tag in sorted(given):
        packed = _packed(tag, given[tag], order)
        place = packed.ljust(4, b"\0")
        if len(packed) > 4:
            place = struct.pack(order + "I", base + len(extra))
            extra += packed
        entries += struct.pack(order + "HHI", tag, 4 if tag in _LONG_TAGS else 3, len(given[tag])) + place
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + struct.pack(order + "H", len(given)) + entries + b"\0" * 4 + extra + b"".join(planes)


def _packed(tag: int, values: tuple[int, ...], order: str) -> bytes:
    return struct.pack(f"{order}{len(values)}{_FORMATS[4 if tag in _LONG_TAGS else 3]}", *values)
