"""Whether a PNG's animation is one: what is in disorder is shown as the picture that it has for viewers of stills.

So the PNG specification asks for (third edition, 11.3.2.4 and 13.12), and browsers do; Pillow 13 refuses the file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

_FRAME = struct.Struct(">5I")
_NUMBER = struct.Struct(">I")


def is_animation(chunks: Iterable[tuple[bytes, memoryview]]) -> bool:
    """Whether acTL, fcTL and fdAT are in order, no more frames than were said, each with data, within the picture.

    Frames may be missing at the end: a file that was cut is no still, but corrupt, which is for the decoder to say.

    chunks: in the file's order, each of the length that it must have.
    """
    check = _Check()
    return all(check.takes(name, content) for name, content in chunks) and check.has_frames()


class _Check:
    def __init__(self) -> None:
        self._canvas = (0, 0)
        self._declared = self._frames = self._sequence = 0
        self._has_pixels = self._lacks_data = False

    def takes(self, name: bytes, content: memoryview) -> bool:
        match name:
            case b"IHDR":
                self._canvas = struct.unpack_from(">2I", content) if len(content) >= 8 else (0, 0)
            case b"acTL":
                is_first = not self._declared and not self._has_pixels
                (self._declared,) = _NUMBER.unpack_from(content)
                return is_first and self._declared > 0
            case b"fcTL":
                return self._takes_control(content)
            case b"IDAT":
                self._has_pixels, self._lacks_data = True, False
            case b"fdAT":
                is_due = self._has_pixels and self._frames > 0
                self._lacks_data = False
                return is_due and len(content) >= _NUMBER.size and self._is_next(content)
        return True

    def has_frames(self) -> bool:
        return 0 < self._frames <= self._declared

    def _takes_control(self, content: memoryview) -> bool:
        _, width, height, left, top = _FRAME.unpack_from(content)
        lacked, self._lacks_data = self._lacks_data, True
        self._frames += 1
        is_within = 0 < width <= self._canvas[0] - left and 0 < height <= self._canvas[1] - top
        # The frame that is the still, too, has its size.
        is_whole = (width, height) == self._canvas
        return not lacked and self._is_next(content) and is_within and (is_whole or self._has_pixels)

    def _is_next(self, content: memoryview) -> bool:
        (number,) = _NUMBER.unpack_from(content)
        self._sequence += 1
        return bool(number == self._sequence - 1)
