"""Whether all of a JPEG's picture is there (ITU-T T.81, annex G): no decoder says so, but the transcoder."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageChops, JpegImagePlugin

from .jpeg_segments import EOI, FRAMES, SOS, segments

_DRI = 0xDD
_RESTART = re.compile(rb"\xff[\xd0-\xd7]")
_PROGRESSIVE = frozenset({0xC2, 0xCA})
#: Segments that say something of scans.
_TOLD = FRAMES | {_DRI, SOS}
#: What decoders take for Huffman codes where data was expected, and each of the two for something else.
_PROBES = (b"\xa5\x5a\x96\x3c", b"\x5b\x6d\xd4\x19")
#: Bytes that a decoder takes in advance when its last block is complete, and those that it is offered, one by one.
_IN_ADVANCE, _OFFERED = 9, _PROBES[0] * 6
#: Rows that are compared at a time, and pixels by which the smoothing of chroma reaches beyond a block.
_STRIP_ROWS, _SMOOTHED_PIXELS = 256, 2


@dataclass(frozen=True, slots=True)
class _Scan:
    """components: their ids. first, last: of the coefficients. shift: bits still to come. body: after its length."""

    components: bytes
    first: int
    last: int
    shift: int
    body: bytes
    end: int

    def holds(self, index: int) -> bool:
        return self.first <= index <= self.last


@dataclass(frozen=True, slots=True)
class Scans:
    """What a file says of its scans. frame: the segment after its length. restart_interval: of the last one."""

    all: tuple[_Scan, ...] = ()
    frame: bytes = b""
    is_progressive: bool = False
    restart_interval: int = 0

    @classmethod
    def of(cls, data: bytes) -> Scans:
        """None, where its segments cannot be followed."""
        try:
            return cls._read(data)
        except (ValueError, LookupError, struct.error):
            return cls()

    @classmethod
    def _read(cls, data: bytes) -> Scans:
        frame, is_progressive, interval, scans = b"", False, 0, []
        for segment in segments(data):
            if segment.marker not in _TOLD:
                continue
            body = data[segment.begin : segment.end].lstrip(b"\xff")[3:]
            if segment.marker == _DRI:
                interval = int.from_bytes(body[:2], "big")
            elif segment.marker == SOS:
                number = body[0]
                first, last, bits = body[1 + 2 * number : 4 + 2 * number]
                scans.append(_Scan(body[1 : 1 + 2 * number : 2], first, last, bits & 15, body, segment.end))
            else:
                frame, is_progressive = body, segment.marker in _PROGRESSIVE
        return cls(tuple(scans), frame, is_progressive, interval)

    @property
    def lack_some(self) -> bool:
        """Whether a progressive file, or one of a scan for each component, ends before all were refined."""
        if not self.frame:
            return False
        components = {component for scan in self.all for component in scan.components}
        if len(components) < self.frame[5]:
            return True
        return self.is_progressive and any(
            not all(
                any(component in scan.components and scan.holds(index) and not scan.shift for scan in self.all)
                for index in range(64)
            )
            for component in components
        )

    @property
    def lack_restarts(self) -> bool:
        """Whether there are fewer restart intervals in the last scan than its blocks call for.

        Between two of them decoders begin anew, and would not reach a probe.
        """
        if not self.restart_interval or not self.all or not self.frame:
            return False
        restarts = -(-_units(self.frame, self.all[-1]) // self.restart_interval) - 1
        return len(_RESTART.findall(self.all[-1].body)) < restarts


def _units(frame: bytes, scan: _Scan) -> int:
    """How many blocks a scan of one component has, or groups of blocks one of several (A.2)."""
    height, width = (int.from_bytes(frame[place : place + 2], "big") for place in (1, 3))
    samplings = {frame[place]: frame[place + 1] for place in range(6, 6 + 3 * frame[5], 3)}
    most_across = max(byte >> 4 for byte in samplings.values())
    most_down = max(byte & 15 for byte in samplings.values())
    if len(scan.components) > 1:
        return -(-width // (8 * most_across)) * -(-height // (8 * most_down))
    own = samplings[scan.components[0]]
    across, down = -(-width * (own >> 4) // most_across), -(-height * (own & 15) // most_down)
    return -(-across // 8) * -(-down // 8)


def load_scans(image: JpegImagePlugin.JpegImageFile, data: bytes, scans: Scans) -> bool:
    """Load an image of several scans if the last one is whole; whether it is. One of a single scan is not loaded.

    The decoder is stopped where the last scan's data ends, and offered a few bytes. If it has all blocks it throws each
    away, as it does with what stands between segments; if not it cannot go on by one, and leaves it unread. That takes
    no longer than loading the image does. What is missing of the last few blocks may pass unseen.
    """
    if len(scans.all) < 2 or len(image.tile) != 1:
        return True
    if scans.lack_restarts:
        return False
    end = scans.all[-1].end
    while data[end - 1] == 0xFF:
        end -= 1
    [tile] = image.tile
    image.load_prepare()
    # As ImageFile.Parser does, which has no draft.
    decoder = Image._getdecoder(image.mode, tile.codec_name, tile.args, image.decoderconfig)  # noqa: SLF001
    try:
        decoder.setimage(image.im, tile.extents)
        # A view, since this is nearly the whole file.
        left = memoryview(data)[:end]
        for number, byte in enumerate(_OFFERED):
            taken, _ = decoder.decode(left)
            if taken < 0:
                # Damaged in another way, or of a coding that cannot be stopped: as it is read without all this.
                return True
            left = left[taken:]
            if left and number > _IN_ADVANCE:
                return False
            left = memoryview(bytes(left) + bytes((byte,)))
        # The rest as it is: there may be more than an end, and at fault.
        taken, fault = decoder.decode(bytes(left) + data[end:])
    finally:
        decoder.cleanup()
    if taken < 0 <= fault:
        # As Pillow leaves an image that it has read.
        image.tile = []
    return True


def has_every_row(data: bytes, scale: int = 1) -> bool:
    """Whether the entropy-coded data of a file with an end reaches the last block.

    Decoders fill up with grey what is missing and say no more. So other bytes are put where the data ends:
    where a decoder has all it needs it never reads them, and else they change the picture. The last block
    itself may be incomplete.

    scale: 1, or 8 for looking at an eighth of the size, which is enough to see blocks that are missing.

    Raises:
        Exception: whatever Pillow raises on a damaged file.
    """
    scans = Scans.of(data)
    if not scans.all or scans.lack_restarts:
        return False
    head = data[: scans.all[-1].end].rstrip(b"\xff")
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


def ends_in_grey(image: Image.Image) -> bool:
    """Whether the last pixel looks as decoders fill up what is missing: luminance exactly half, hardly a colour."""
    pixel = image.getpixel((image.width - 1, image.height - 1))
    if image.mode == "CMYK" and isinstance(pixel, tuple):
        return abs(pixel[3] - 128) <= 2
    channels = pixel if isinstance(pixel, tuple) else (pixel,) * 3
    red, green, blue = (float(channel or 0) for channel in channels[:3])
    luminance = 0.299 * red + 0.587 * green + 0.114 * blue
    return abs(luminance - 128) <= 2 and max(abs(channel - 128) for channel in (red, green, blue)) <= 60
