"""Bounds on a file's structure, looked at before a decoder is: what is cheap to send and dear to read.

Each bound lies far above what real files have, and is checked in time linear in the bytes that are looked at.
"""

from __future__ import annotations

import re
import struct

from imagemill.domain.codes import ImageCode

from .formats import ImageFormat, identify
from .image_fault import ImageError
from .peak import Sketch

#: Marker segments of a JPEG. An ICC profile has 255 at most, extended XMP of 1 MB 16; Pillow's time grows with
#: their square where they are EXIF.
MAX_SEGMENTS = 1_000
#: Scans of a progressive JPEG: jpegtran's scripts have 10, and libjpeg-turbo's own fuzzers give up at 500.
MAX_SCANS = 100
#: Pixels that all scans of a JPEG may pass over together: each scan is decoded for the whole picture.
MAX_SCANNED_PIXELS = 2_000_000_000
#: Bytes from the scan that shows a whole picture on. 250,000 segments, the worst that they can be, take half a second.
MAX_REST_BYTES = 1_000_000
#: Entries of a TIFF's directory, and values of one of them: a strip a row of the tallest picture that is sane.
MAX_TAGS, MAX_TAG_VALUES = 1_000, 65_536
#: Chunks of a PNG, 8 KiB of pixels each in the worst of real files.
MAX_CHUNKS = 100_000
#: Chunks of a PNG that are no pixels: Pillow keeps each.
MAX_OTHER_CHUNKS = 5_000

#: Processor time that one image may take: what any takes, and for each megapixel. Measured: 45 MP to AVIF 0.15 s a
#: megapixel, transparent WebP 0.25; four times that, as processors differ.
BASE_SECONDS, SECONDS_A_MEGAPIXEL = 6.0, 0.8
#: The same for reading a header, and for each megabyte of the file.
HEADER_SECONDS, HEADER_SECONDS_A_MEGABYTE = 2.0, 0.1
_MEGA = 1e6
#: Pixels of all frames of an animation, of which the header does not tell the number.
_ANIMATION_MEGAPIXELS = 90.0

#: A marker with a segment, or the end: no stuffed byte of entropy-coded data, no fill byte, no restart.
_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_SEQUENTIAL = frozenset({0xC0, 0xC1})
_START_OF_FRAME = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})


def cpu_seconds(image: Sketch) -> float:
    """Processor time after which an image is given up: it grows with the pixels to be decoded and encoded."""
    megapixels = _ANIMATION_MEGAPIXELS if image.is_animated else image.pixels / _MEGA
    return BASE_SECONDS + SECONDS_A_MEGAPIXEL * megapixels


def header_seconds(length: int) -> float:
    """The same for reading the header of a file of `length` bytes."""
    return HEADER_SECONDS + HEADER_SECONDS_A_MEGABYTE * length / _MEGA


def check_structure(data: bytes) -> None:
    """Refuse what would keep a decoder busy out of all proportion to what it shows.

    Raises:
        ImageError: PROCESSING_TIMEOUT or TOO_LARGE_TO_PROCESS, by what it would cost; and as `identify`. A damaged
            structure raises nothing: whoever decodes it says so.
    """
    match identify(data):
        case ImageFormat.JPEG:
            _check_jpeg(data)
        case ImageFormat.TIFF:
            _check_tiff(data)
        case ImageFormat.PNG:
            _check_png(data)
        case _:
            pass


def _check_jpeg(data: bytes) -> None:
    """Of the first picture alone: an MPO's other views are not decoded. Nor is what follows a first scan of all."""
    position, segments, scans, pixels, single = 2, 0, 0, 0, b""
    while found := _MARKER.search(data, position):
        position, marker = found.start(), data[found.start() + 1]
        if marker == _END_OF_IMAGE:
            return
        length = int.from_bytes(data[position + 2 : position + 4], "big")
        if marker in _START_OF_FRAME and not pixels:
            height, width = struct.unpack(">HH", data[position + 5 : position + 9].ljust(4, b"\0"))
            pixels = height * width
            single = data[position + 9 : position + 10] if marker in _SEQUENTIAL else b""
        shows_all = marker == _START_OF_SCAN and data[position + 4 : position + 5] == single
        if shows_all and len(data) - position <= MAX_REST_BYTES:
            # libjpeg is through with it, and no other reader takes long for so short a rest.
            return
        segments += 1
        scans += marker == _START_OF_SCAN
        if scans > MAX_SCANS or scans * pixels > MAX_SCANNED_PIXELS or segments - scans > MAX_SEGMENTS:
            raise ImageError(ImageCode.PROCESSING_TIMEOUT)
        position += 2 + max(length, 2)


def _check_tiff(data: bytes) -> None:
    """Of the first directory, which is the only one that is decoded; of a BigTIFF too."""
    order = "<" if data[:2] == b"II" else ">"
    is_big = 43 in {data[2], data[3]}
    offset_format, count_format, entry_bytes = ("Q", "Q", 20) if is_big else ("L", "H", 12)
    try:
        (offset,) = struct.unpack_from(order + offset_format, data, 8 if is_big else 4)
        (count,) = struct.unpack_from(order + count_format, data, offset)
        if count > MAX_TAGS:
            raise ImageError(ImageCode.PROCESSING_TIMEOUT)
        first = offset + struct.calcsize(order + count_format)
        for entry in range(count):
            tag, kind, values = struct.unpack_from(order + "HH" + offset_format, data, first + entry * entry_bytes)
            if values > MAX_TAG_VALUES and kind in _TIFF_NUMBERS and tag in _TIFF_LAYOUT:
                raise ImageError(ImageCode.TOO_LARGE_TO_PROCESS)
    except struct.error:
        return


#: Types whose values Pillow makes a Python object of each (TIFF 6.0 section 2; BigTIFF's 16 to 18).
_TIFF_NUMBERS = frozenset({3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 16, 17, 18})
#: Offsets and byte counts of strips and tiles.
_TIFF_LAYOUT = frozenset({273, 279, 324, 325})


def _check_png(data: bytes) -> None:
    position, chunks, others = 8, 0, 0
    while position + 8 <= len(data):
        length = int.from_bytes(data[position : position + 4], "big")
        kind = data[position + 4 : position + 8]
        if kind == b"IEND":
            return
        chunks += 1
        others += kind not in {b"IDAT", b"fdAT", b"fcTL"}
        if chunks > MAX_CHUNKS or others > MAX_OTHER_CHUNKS:
            raise ImageError(ImageCode.PROCESSING_TIMEOUT)
        position += length + 12
