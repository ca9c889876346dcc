"""A GIF in fewer bytes (GIF89a specification): what Pillow 13 spends beside the pixels is most of a small file.

Pillow writes nine bits for the first codes however few the colours, a palette for each frame, and interlaced rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .gif_blocks import Frame, plays_and_frames

#: Largest code of LZW, and colours of a palette.
_MOST_CODES, _MOST_COLOURS = 4_096, 256
_SUB_BLOCK_BYTES = 255
#: Rows of an interlaced frame: first, step (appendix E).
_PASSES = ((0, 8), (4, 8), (2, 4), (1, 2))

Colour = bytes


@dataclass(frozen=True, slots=True)
class _Painted:
    """A frame with its colours by name: an index stands for one of `colours`, or for nothing (None) where clear."""

    frame: Frame
    indices: bytes
    colours: tuple[Colour | None, ...]


def packed_gif(data: bytes) -> bytes:
    """The same frames, delays and plays, by one palette of the colours in use where they fit into one.

    Everything but frames and the count of plays is dropped. Not meant for large files: it takes about a second for
    two million pixels.

    Raises:
        ValueError, LookupError: of a file that is damaged.
    """
    plays, frames = plays_and_frames(data)
    painted = [_painted(frame) for frame in frames]
    common = _in_use(painted)
    table = common if len(common) <= _MOST_COLOURS else []
    packed = [_header(data, table), plays]
    for one in painted:
        packed.extend(_written(one, table))
    return b"".join(packed) + b";"


def _painted(frame: Frame) -> _Painted:
    colours: list[Colour | None] = [frame.palette[place : place + 3] for place in range(0, len(frame.palette), 3)]
    if frame.transparent is not None:
        colours += [None] * (frame.transparent + 1 - len(colours))
        colours[frame.transparent] = None
    indices = _decompressed(frame.data, frame.code_bits, frame.width * frame.height)
    return _Painted(frame, _in_order(indices, frame) if frame.is_interlaced else indices, tuple(colours))


def _in_order(indices: bytes, frame: Frame) -> bytes:
    width = frame.width
    rows = [row for first, step in _PASSES for row in range(first, frame.height, step)]
    stored = dict(zip(rows, range(0, len(indices), width), strict=True))
    return b"".join(indices[stored[row] : stored[row] + width] for row in range(frame.height))


def _in_use(painted: list[_Painted]) -> list[Colour | None]:
    """Colours of all frames, each once, in the order of their first use; None also for what is cleared by no pixel."""
    seen: dict[Colour | None, None] = {}
    for one in painted:
        for index in dict.fromkeys(one.indices):
            seen.setdefault(one.colours[index])
    if any(one.frame.disposal > 1 and one.frame.transparent is not None for one in painted):
        seen.setdefault(None)
    return list(seen)


def _header(file: bytes, table: list[Colour | None]) -> bytes:
    """The logical screen, with the common palette where there is one."""
    packed = 0x80 | _table_bits(table) - 1 if table else 0
    return b"GIF89a" + file[6:10] + bytes((0x70 | packed, 0, 0)) + _table(table)


def _table_bits(table: list[Colour | None]) -> int:
    return max(1, (len(table) - 1).bit_length())


def _table(table: list[Colour | None]) -> bytes:
    if not table:
        return b""
    return b"".join(colour or bytes(3) for colour in table).ljust(3 << _table_bits(table), b"\0")


def _written(painted: _Painted, common: list[Colour | None]) -> Iterator[bytes]:
    frame = painted.frame
    table = common or _in_use([painted])
    place = {colour: number for number, colour in enumerate(table)}
    indices = painted.indices.translate(bytes(place.get(colour, 0) for colour in painted.colours).ljust(256, b"\0"))
    is_clear = None in painted.colours and None in place
    if is_clear or frame.delay or frame.disposal > 1:
        packed = frame.disposal << 2 | is_clear
        yield b"\x21\xf9\x04" + bytes((packed,)) + frame.delay.to_bytes(2, "little")
        yield bytes((place[None] if is_clear else 0, 0))
    # Smaller codes than the palette's where the frame uses only its beginning.
    bits = max(2, max(indices).bit_length())
    yield b"," + frame.box + bytes((0 if common else 0x80 | _table_bits(table) - 1,))
    yield (b"" if common else _table(table)) + bytes((bits,))
    compressed = _compressed(indices, bits)
    for begin in range(0, len(compressed), _SUB_BLOCK_BYTES):
        block = compressed[begin : begin + _SUB_BLOCK_BYTES]
        yield bytes((len(block),)) + block
    yield b"\0"


def _decompressed(data: bytes, bits: int, length: int) -> bytes:
    """Indices by LZW (appendix F)."""
    clear = 1 << bits
    roots = [bytes((index,)) for index in range(clear)] + [b"", b""]
    strings, width, before = list(roots), bits + 1, b""
    held = shift = 0
    found = bytearray()
    for byte in data:
        held |= byte << shift
        shift += 8
        while shift >= width:
            code, held, shift = held & (1 << width) - 1, held >> width, shift - width
            if code == clear:
                strings, width, before = list(roots), bits + 1, b""
                continue
            if code == clear + 1 and len(found) == length:
                return bytes(found)
            string = strings[code] if code < len(strings) else before + before[:1]
            found += string
            if before and len(strings) < _MOST_CODES:
                strings.append(before + string[:1])
                if len(strings) == 1 << width and width < 12:
                    width += 1
            before = string
    raise ValueError("a frame has no end, or not where its last pixel is")


def _compressed(indices: bytes, bits: int) -> bytes:
    clear = 1 << bits
    packed = bytearray()
    held, shift, width = clear, bits + 1, bits + 1
    # A string is known by the code of all but its last index, and that index.
    codes: dict[int, int] = {}
    following, string = clear + 2, indices[0]
    for index in indices[1:]:
        key = string << 8 | index
        longer = codes.get(key)
        if longer is not None:
            string = longer
            continue
        held |= string << shift
        shift += width
        while shift >= 8:
            packed.append(held & 255)
            held >>= 8
            shift -= 8
        string = index
        if following < _MOST_CODES:
            codes[key] = following
            if following == 1 << width:
                width += 1
            following += 1
        else:
            held |= clear << shift
            shift += width
            codes, following, width = {}, clear + 2, bits + 1
    held |= string << shift
    shift += width
    # The decoder's table has grown by the string that was written last.
    if following == 1 << width and width < 12:
        width += 1
    held |= (clear + 1) << shift
    shift += width
    return bytes(packed) + held.to_bytes(-(-shift // 8), "little")
