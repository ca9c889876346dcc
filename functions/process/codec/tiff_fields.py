"""TIFF's first directory (TIFF 6.0, and BigTIFF): whether it is sound, and a file without its metadata."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

#: Tags that lay out and colour the pixels: baseline ones, CCITT's, tiles, inks, JPEG's, YCbCr's, the profile.
_LAYOUT = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 266, 273, 277, 278, 279, 280, 281, 284, 292, 293, 301}
    | {317, 318, 319, 320, 322, 323, 324, 325, 332, 334, 336, 338, 339, 340, 341, 347, 529, 530, 531, 532, 34675}
)
#: Tags of JPEG's old coding in TIFF, which points to tables all over the file.
_OLD_JPEG = frozenset(range(512, 522))
_PROFILE = 34_675
_STRIPS, _TILES = (273, 279), (324, 325)
_WIDTH, _HEIGHT, _COMPRESSION = 256, 257, 259
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_NUMBERS = {1: "B", 3: "H", 4: "I", 13: "I", 16: "Q", 18: "Q"}
#: More fields than any writer makes, and more strips than rows.
_MAX_FIELDS, _MAX_STRIPS = 4_096, 1_000_000


@dataclass(frozen=True, slots=True)
class _Field:
    """entry: its bytes in the directory. place, size: of its values, in the entry or elsewhere."""

    tag: int
    type: int
    count: int
    entry: bytes
    place: int
    size: int
    is_inline: bool


@dataclass(frozen=True, slots=True)
class _Directory:
    data: bytes
    order: str
    is_big: bool
    begin: int
    fields: tuple[_Field, ...]

    def numbers(self, tag: int) -> tuple[int, ...]:
        field = next((field for field in self.fields if field.tag == tag), None)
        if field is None or field.type not in _NUMBERS or field.count > _MAX_STRIPS:
            return ()
        return struct.unpack_from(f"{self.order}{field.count}{_NUMBERS[field.type]}", self.data, field.place)


def is_sound_tiff(data: bytes) -> bool:
    """Whether the first directory describes pixels that are all in the file, readable or not."""
    try:
        directory = _read(data)
        has_size = all(min(directory.numbers(tag), default=0) > 0 for tag in (_WIDTH, _HEIGHT))
        ranges = list(_pixels(directory))
    except (struct.error, ValueError, LookupError):
        return False
    return has_size and bool(ranges) and all(begin < end <= len(data) for begin, end in ranges)


def compression(data: bytes) -> int | None:
    """How the first page's pixels are coded (TIFF 6.0, tag 259); None where the directory cannot be read."""
    try:
        return next(iter(_read(data).numbers(_COMPRESSION)), 1)
    except (struct.error, ValueError, LookupError):
        return None


def stripped_tiff(data: bytes, *, keep_profile: bool) -> bytes:
    """The same pixels, of the first page alone, with whatever else was in the file blanked where it stood.

    Offsets stay right since nothing moves; what follows the last byte in use is cut off.

    Raises:
        ValueError, LookupError, struct.error: where the directory or its strips cannot be followed.
    """
    directory = _read(data)
    if any(field.tag in _OLD_JPEG for field in directory.fields):
        raise ValueError("tables that are not told apart")
    kept = [field for field in directory.fields if field.tag in _LAYOUT and (keep_profile or field.tag != _PROFILE)]
    count_format, next_format = ("Q", "Q") if directory.is_big else ("H", "I")
    body = struct.pack(directory.order + count_format, len(kept)) + b"".join(field.entry for field in kept)
    body += struct.pack(directory.order + next_format, 0)
    used = [(0, 16 if directory.is_big else 8), *_pixels(directory)]
    used += [(field.place, field.place + field.size) for field in kept if not field.is_inline]
    if any(end > len(data) for _, end in used):
        raise ValueError("pixels lie outside of the file")
    blanked = bytearray(max(directory.begin + len(body), *(end for _, end in used)))
    for begin, end in used:
        blanked[begin:end] = data[begin:end]
    blanked[directory.begin : directory.begin + len(body)] = body
    return bytes(blanked)


def _read(data: bytes) -> _Directory:
    order = "<" if data[:2] == b"II" else ">"
    is_big = data[2:4] in {b"+\0", b"\0+"}
    (begin,) = struct.unpack_from(order + ("Q" if is_big else "I"), data, 8 if is_big else 4)
    (number,) = struct.unpack_from(order + ("Q" if is_big else "H"), data, begin)
    if not 0 < number <= _MAX_FIELDS:
        raise ValueError("no directory")
    place = begin + (8 if is_big else 2)
    fields = tuple(
        _field(data, place + index * (20 if is_big else 12), order, is_big=is_big) for index in range(number)
    )
    return _Directory(data, order, is_big, begin, fields)


def _field(data: bytes, place: int, order: str, *, is_big: bool) -> _Field:
    tag, kind, count = struct.unpack_from(order + ("HHQ" if is_big else "HHI"), data, place)
    size = _SIZES.get(kind, 0) * count
    value, room = (place + 12, 8) if is_big else (place + 8, 4)
    is_inline = size <= room
    where = value if is_inline else struct.unpack_from(order + ("Q" if is_big else "I"), data, value)[0]
    return _Field(tag, kind, count, data[place : value + room], where, size, is_inline)


def _pixels(directory: _Directory) -> Iterator[tuple[int, int]]:
    """Where strips or tiles lie: begin and end."""
    for offsets_tag, sizes_tag in (_STRIPS, _TILES):
        offsets, sizes = directory.numbers(offsets_tag), directory.numbers(sizes_tag)
        if len(offsets) != len(sizes):
            raise ValueError("strips without a size")
        yield from ((offset, offset + size) for offset, size in zip(offsets, sizes, strict=True))
