"""JPEG's segments (ITU-T T.81, annex B): a file without its metadata, and with its end."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

_SOI, EOI = b"\xff\xd8", b"\xff\xd9"
#: The marker that ends entropy-coded data: neither a stuffed byte nor a restart.
_DATA_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
#: Any marker, with what may fill the space before it (B.1.1.2).
_MARKER = re.compile(rb"\xff+[^\x00\xff]")
_APP0, _APP2, _APP14, _APP15, _COM = 0xE0, 0xE2, 0xEE, 0xEF, 0xFE
SOS, _EOI = 0xDA, 0xD9
#: Frames by their marker (DHT, JPG and DAC lie between them).
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Lossless and hierarchical coding, which libjpeg does not know.
_FOREIGN_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF})
#: Bytes of a marker and its segment's length, and of what tells an application's segment, JFIF's numbers included.
_HEAD_BYTES, _NAME_BYTES = 4, 12


@dataclass(frozen=True, slots=True)
class Segment:
    """One marker segment. begin, end: its bytes, marker included; of a scan, its entropy-coded data, too."""

    marker: int
    begin: int
    end: int


def segments(data: bytes) -> Iterator[Segment]:
    """Every segment up to EOI, which is the last where there is one.

    Raises:
        ValueError, struct.error: where no segment follows another.
    """
    place = len(_SOI)
    while place < len(data):
        found = _MARKER.match(data, place)
        if not found:
            raise ValueError("no marker begins here")
        marker = data[found.end() - 1]
        if marker == _EOI:
            yield Segment(marker, place, found.end())
            return
        (length,) = struct.unpack_from(">H", data, found.end())
        end = found.end() + length
        if marker == SOS:
            after = _DATA_END.search(data, end)
            end = after.start() if after else len(data)
        yield Segment(marker, place, end)
        place = end


def has_scan_of(data: bytes, length: int) -> bool:
    """Whether the first scan has so many bytes of entropy-coded data, of which no more are looked at."""
    place = len(_SOI)
    while found := _MARKER.match(data, place):
        if len(data) < found.end() + 2:
            break
        place = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
        if data[found.end() - 1] == SOS:
            return len(data) - place >= length and not _DATA_END.search(data, place, place + length + 1)
    return False


def stripped_jpeg(data: bytes, *, keep_profile: bool) -> bytes:
    """Without EXIF, XMP, comments, thumbnails, further pictures, and what follows the end.

    What says how colours are coded stays: JFIF's segment, without its thumbnail, Adobe's, and the profile's.
    """
    # Views: nearly all of the file is one scan, which is to be copied once.
    view = memoryview(data)
    kept: list[bytes | memoryview] = [_SOI]
    for segment in segments(data):
        content = _without_fill(view, segment)
        body = bytes(content[_HEAD_BYTES : _HEAD_BYTES + _NAME_BYTES])
        match segment.marker:
            case 0xE0:
                if body.startswith(b"JFIF\0"):
                    kept.append(b"\xff\xe0\0\x10" + body.ljust(_NAME_BYTES, b"\0") + b"\0\0")
            case 0xE2:
                if keep_profile and body.startswith(b"ICC_PROFILE\0"):
                    kept.append(content)
            case 0xEE:
                if body.startswith(b"Adobe"):
                    kept.append(content)
            case marker if _APP0 <= marker <= _APP15 or marker == _COM:
                continue
            case 0xD9:
                break
            case _:
                kept.append(content)
    return b"".join(kept) + EOI


def _without_fill(view: memoryview, segment: Segment) -> memoryview:
    """The segment with a single byte 0xFF before its marker."""
    begin = segment.begin
    while view[begin + 1] == 0xFF:
        begin += 1
    return view[begin : segment.end]


def ended_jpeg(data: bytes) -> bytes | None:
    """The file with an end, where it has none; None where it has one, or is no JPEG that can be followed.

    Whether its last row is there is another question (see jpeg_rows).
    """
    if data.endswith(EOI):
        return None
    try:
        *_, last = segments(data)
    except (ValueError, struct.error):
        return None
    if last.marker != SOS:
        return None
    return data.rstrip(b"\xff") + EOI


def is_foreign(data: bytes) -> bool:
    """Whether its coding is sound but not read: lossless, hierarchical, or of more than eight bits."""
    try:
        frame = next(segment for segment in segments(data) if segment.marker in FRAMES)
    except (StopIteration, ValueError, struct.error):
        return False
    start = data.index(b"\xff", frame.begin) + 1
    precision = data[start + 3 : start + 4]
    return frame.marker in _FOREIGN_FRAMES or precision not in {b"\x08", b""}
