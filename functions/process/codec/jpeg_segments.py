"""JPEG's segments (ITU-T T.81, annex B): a file without its metadata, and whether one is whole."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageChops

_SOI, EOI = b"\xff\xd8", b"\xff\xd9"
#: The marker that ends entropy-coded data: neither a stuffed byte nor a restart.
_DATA_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
#: Any marker, with what may fill the space before it (B.1.1.2).
_MARKER = re.compile(rb"\xff+[^\x00\xff]")
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_APP0, _APP2, _APP14, _APP15, _COM = 0xE0, 0xE2, 0xEE, 0xEF, 0xFE
_SOS, _DRI, _EOI = 0xDA, 0xDD, 0xD9
#: Frames by their marker: progressive ones, and all there are (DHT, JPG and DAC lie between them).
_PROGRESSIVE = frozenset({0xC2, 0xCA})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
#: Lossless and hierarchical coding, which libjpeg does not know.
_FOREIGN_FRAMES = frozenset({0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF})
#: Bytes of a marker and its segment's length, and of what tells an application's segment, JFIF's numbers included.
_HEAD_BYTES, _NAME_BYTES = 4, 12
#: What decoders take for Huffman codes where data was expected, and each of the two for something else.
_PROBES = (b"\xa5\x5a\x96\x3c", b"\x5b\x6d\xd4\x19")
#: Rows that are compared at a time, and pixels by which the smoothing of chroma reaches beyond a block.
_STRIP_ROWS, _SMOOTHED_PIXELS = 256, 2


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
        if marker == _SOS:
            after = _DATA_END.search(data, end)
            end = after.start() if after else len(data)
        yield Segment(marker, place, end)
        place = end


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

    Whether its last row is there is another question (see `has_every_row`).
    """
    if data.endswith(EOI):
        return None
    try:
        *_, last = segments(data)
    except (ValueError, struct.error):
        return None
    if last.marker != _SOS:
        return None
    return data.rstrip(b"\xff") + EOI


def is_foreign(data: bytes) -> bool:
    """Whether its coding is sound but not read: lossless, hierarchical, or of more than eight bits."""
    try:
        frame = next(segment for segment in segments(data) if segment.marker in _FRAMES)
    except (StopIteration, ValueError, struct.error):
        return False
    start = data.index(b"\xff", frame.begin) + 1
    precision = data[start + 3 : start + 4]
    return frame.marker in _FOREIGN_FRAMES or precision not in {b"\x08", b""}


def lacks_scans(data: bytes) -> bool:
    """Whether a progressive file, or one of a scan for each component, ends before all were refined."""
    try:
        frame, scans = _scans(data)
    except (ValueError, LookupError, struct.error):
        return False
    if frame is None:
        return False
    components = {component for scan in scans for component in scan.components}
    if len(components) < frame.components:
        return True
    return frame.is_progressive and any(
        not all(
            any(component in scan.components and scan.holds(index) and not scan.shift for scan in scans)
            for index in range(64)
        )
        for component in components
    )


@dataclass(frozen=True, slots=True)
class _Frame:
    components: int
    is_progressive: bool


@dataclass(frozen=True, slots=True)
class _Scan:
    """components: their ids. first, last: of the coefficients. shift: bits still to come."""

    components: tuple[int, ...]
    first: int
    last: int
    shift: int

    def holds(self, index: int) -> bool:
        return self.first <= index <= self.last


def _scans(data: bytes) -> tuple[_Frame | None, list[_Scan]]:
    frame, scans = None, []
    for segment in segments(data):
        body = data[segment.begin : segment.end].lstrip(b"\xff")[3:] if segment.marker in {*_FRAMES, _SOS} else b""
        if segment.marker in _FRAMES:
            frame = _Frame(body[5], segment.marker in _PROGRESSIVE)
        elif segment.marker == _SOS:
            number = body[0]
            first, last, bits = body[1 + 2 * number : 4 + 2 * number]
            scans.append(_Scan(tuple(body[1 : 1 + 2 * number : 2]), first, last, bits & 15))
    return frame, scans


def has_every_row(data: bytes, scale: int = 1) -> bool:
    """Whether the entropy-coded data of a file with an end reaches the last block.

    Decoders fill up with grey what is missing and say no more. So other bytes are put where the data ends:
    where a decoder has all it needs it never reads them, and else they change the picture. The last block
    itself may be incomplete.

    scale: 1, or 8 for looking at an eighth of the size, which is enough to see blocks that are missing.

    Raises:
        Exception: whatever Pillow raises on a damaged file.
    """
    ends = [segment.end for segment in segments(data) if segment.marker == _SOS]
    if not ends or _lacks_restarts(data):
        return False
    head = data[: ends[-1]].rstrip(b"\xff")
    whole = _decoded(head + EOI, scale)
    # As many bytes as there were: the whole rest of the picture could be missing.
    return all(
        _is_alike(whole, _decoded(head + probe * (len(head) // len(probe)) + EOI, scale), scale) for probe in _PROBES
    )


def _decoded(data: bytes, scale: int) -> Image.Image:
    image = Image.open(BytesIO(data), formats=["JPEG"])
    image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))
    image.load()
    return image


def _is_alike(one: Image.Image, other: Image.Image, scale: int) -> bool:
    """Whether two pictures differ in their last block at most, of 16 × 16 pixels."""
    across, down = (max(0, side - 16 // scale - _SMOOTHED_PIXELS) for side in one.size)
    for top in range(0, one.height, _STRIP_ROWS):
        strip = (0, top, one.width, min(top + _STRIP_ROWS, one.height))
        box = ImageChops.difference(one.crop(strip), other.crop(strip)).getbbox(alpha_only=False)
        if box and (box[0] < across or top + box[1] < down):
            return False
    return True


def _lacks_restarts(data: bytes) -> bool:
    """Whether there are fewer restart intervals than a single scan's blocks call for.

    Between two of them decoders begin anew, and would not reach a probe.
    """
    interval, frame, scans = 0, b"", []
    for segment in segments(data):
        body = data[segment.begin : segment.end].lstrip(b"\xff")
        if segment.marker == _DRI:
            (interval,) = struct.unpack_from(">H", body, 3)
        elif segment.marker in _FRAMES:
            frame = body[3:]
        elif segment.marker == _SOS:
            scans.append((body[3], body))
    if not interval or len(scans) != 1 or scans[0][0] != frame[5]:
        return False
    height, width, components = struct.unpack_from(">HHB", frame, 1)
    samplings = frame[7 : 6 + 3 * components : 3]
    across, down = max(byte >> 4 for byte in samplings), max(byte & 15 for byte in samplings)
    if components == 1:
        across = down = 1
    blocks = -(-width // (8 * across)) * -(-height // (8 * down))
    restarts: int = -(-blocks // interval) - 1
    return len(_RESTART.findall(scans[0][1])) < restarts


def ends_in_grey(image: Image.Image) -> bool:
    """Whether the last pixel looks as decoders fill up what is missing: luminance exactly half, hardly a colour."""
    pixel = image.getpixel((image.width - 1, image.height - 1))
    if image.mode == "CMYK" and isinstance(pixel, tuple):
        return abs(pixel[3] - 128) <= 2
    channels = pixel if isinstance(pixel, tuple) else (pixel,) * 3
    red, green, blue = (float(channel or 0) for channel in channels[:3])
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    return abs(luminance - 128) <= 2 and max(abs(channel - 128) for channel in (red, green, blue)) <= 60
