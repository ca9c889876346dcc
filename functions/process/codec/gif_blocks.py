"""GIF's blocks (GIF89a specification): a file without its comments, its pixels bit by bit, and its frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

_EXTENSION, _IMAGE, _TRAILER = 0x21, 0x2C, 0x3B
_GRAPHIC_CONTROL, _APPLICATION = 0xF9, 0xFF
#: Applications whose blocks tell how often an animation is shown, or hold a profile.
_LOOPS, _PROFILE = frozenset({b"NETSCAPE2.0", b"ANIMEXTS1.0"}), b"ICCRGBG1012"
_TABLE_FLAG, _TABLE_SIZE = 0x80, 0x07
#: In a frame's head: its rows are interlaced. In its control block: it has a clear colour.
_INTERLACE_FLAG, _CLEAR_FLAG = 0x40, 1


@dataclass(frozen=True, slots=True)
class Frame:
    """box: left, top, width and height as they stand in the file. data: compressed, in codes that begin at `code_bits`.

    palette: three bytes a colour. transparent: index of what is clear. delay: hundredths of a second.
    """

    box: bytes
    palette: bytes
    transparent: int | None
    disposal: int
    delay: int
    is_interlaced: bool
    code_bits: int
    data: bytes

    @property
    def width(self) -> int:
        return int.from_bytes(self.box[4:6], "little")

    @property
    def height(self) -> int:
        return int.from_bytes(self.box[6:], "little")


def stripped_gif(data: bytes, *, keep_profile: bool) -> bytes:
    """Without comments, XMP, texts, blocks of unknown applications, and what follows the trailer.

    A file that ends without a trailer gets one.

    Raises:
        ValueError, IndexError: where the blocks cannot be told apart.
    """
    kept = [data[: _first(data)]]
    for block in _blocks(data):
        is_control = block[0] == _IMAGE or block[1] == _GRAPHIC_CONTROL
        if is_control or _application(block) in _LOOPS or (keep_profile and _application(block) == _PROFILE):
            kept.append(block)
    return b"".join(kept) + bytes((_TRAILER,))


def with_clear_colours(data: bytes, index: int) -> bytes:
    """The file with a clear colour in each frame that has a control block: `index` where it had none and needs none.

    When a frame is cleared, Pillow's reader puts the file's background in its place unless the frame has one. Raises
    as `stripped_gif`.
    """
    kept = [data[: _first(data)]]
    for block in _blocks(data):
        lacks_it = block[1] == _GRAPHIC_CONTROL and block[0] == _EXTENSION and not block[3] & _CLEAR_FLAG
        head = block[:3] + bytes((block[3] | _CLEAR_FLAG,)) + block[4:6]
        kept.append(head + bytes((index,)) + block[7:] if lacks_it else block)
    return b"".join(kept) + bytes((_TRAILER,))


def plays_and_frames(data: bytes) -> tuple[bytes, list[Frame]]:
    """The block that tells how often an animation is shown, empty where there is none, and what is shown.

    Raises:
        ValueError, IndexError: where the blocks cannot be told apart.
    """
    palette = data[13 : _first(data)]
    plays, control, frames = b"", bytes(8), []
    for block in _blocks(data):
        if block[0] == _IMAGE:
            frames.append(_frame(block, control, palette))
            control = bytes(8)
        elif block[1] == _GRAPHIC_CONTROL:
            control = block
        elif _application(block) in _LOOPS:
            plays = block
    return plays, frames


def _frame(block: bytes, control: bytes, palette: bytes) -> Frame:
    packed, begin = block[9], 10 + _table_bytes(block[9])
    return Frame(
        block[1:9],
        block[10:begin] or palette,
        control[6] if control[3] & _CLEAR_FLAG else None,
        control[3] >> 2 & 7,
        int.from_bytes(control[4:6], "little"),
        bool(packed & _INTERLACE_FLAG),
        block[begin],
        b"".join(_sub_blocks(block, begin + 1)),
    )


def _first(data: bytes) -> int:
    """Where the first block begins."""
    return 13 + _table_bytes(data[10])


def _blocks(data: bytes) -> Iterator[bytes]:
    """Frames and extensions. Raises ValueError, IndexError."""
    place = _first(data)
    while place < len(data) and data[place] != _TRAILER:
        begin = place
        if data[place] == _IMAGE:
            place = _after_blocks(data, place + 11 + _table_bytes(data[place + 9]))
            yield data[begin:place]
        elif data[place] == _EXTENSION:
            place = _after_blocks(data, place + 2)
            yield data[begin:place]
        elif data[place] == 0:
            # A stray block terminator, which decoders step over.
            place += 1
        else:
            raise ValueError("no block begins here")


def _application(block: bytes) -> bytes:
    """Its name; empty of any other block."""
    return block[3:14] if block[0] == _EXTENSION and block[1] == _APPLICATION else b""


def _table_bytes(packed: int) -> int:
    return 3 << ((packed & _TABLE_SIZE) + 1) if packed & _TABLE_FLAG else 0


def _after_blocks(data: bytes, place: int) -> int:
    while data[place]:
        place += 1 + data[place]
    return place + 1


def _sub_blocks(block: bytes, place: int) -> Iterator[bytes]:
    while block[place]:
        yield block[place + 1 : place + 1 + block[place]]
        place += 1 + block[place]
