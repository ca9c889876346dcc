"""The marker segments before a JPEG's tables: JFIF, and what is carried over."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

#: Bytes of content in one segment (ITU-T T.81, B.1.1.4): its length has 16 bits and counts itself.
MAX_SEGMENT_BYTES = 65_533

_START = b"\xff\xd8"
_APP0, _APP1, _APP2 = 0xE0, 0xE1, 0xE2
#: Version 1.1, an aspect ratio of 1:1 and no thumbnail (JFIF 1.02).
_JFIF = b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
_XMP_NAME = b"http://ns.adobe.com/xap/1.0/\0"
#: Followed by the segment's number and the number of all (ICC.1:2022, B.4).
_ICC_NAME = b"ICC_PROFILE\0"
_MAX_ICC_SEGMENTS = 255


@dataclass(frozen=True, slots=True)
class Embedded:
    """What is written beside the picture. profile: ICC. exif: with its `Exif` header. xmp: the packet.

    What does not fit into the segments that it may have is left out.
    """

    profile: bytes = b""
    exif: bytes = b""
    xmp: bytes = b""


def segments(embedded: Embedded) -> bytes:
    """The file's beginning, up to its tables."""
    return _START + b"".join(_segments(embedded))


def _segments(embedded: Embedded) -> Iterator[bytes]:
    yield _segment(_APP0, _JFIF)
    if embedded.exif and len(embedded.exif) <= MAX_SEGMENT_BYTES:
        yield _segment(_APP1, embedded.exif)
    if embedded.xmp and len(_XMP_NAME) + len(embedded.xmp) <= MAX_SEGMENT_BYTES:
        yield _segment(_APP1, _XMP_NAME + embedded.xmp)
    room = MAX_SEGMENT_BYTES - len(_ICC_NAME) - 2
    pieces = [embedded.profile[start : start + room] for start in range(0, len(embedded.profile), room)]
    if len(pieces) <= _MAX_ICC_SEGMENTS:
        for number, piece in enumerate(pieces, 1):
            yield _segment(_APP2, _ICC_NAME + bytes((number, len(pieces))) + piece)


def _segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content
