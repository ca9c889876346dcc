"""PNG's chunks: which of them a picture needs, and what they say beside its pixels.

Pillow refuses a picture for any chunk that is damaged or long, and reads texts that nobody asked for. So it
is handed a file of the chunks that matter, checked here (PNG specification, third edition).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from .icc import P3_CHROMATICITIES, SRGB_CHROMATICITIES, grey_profile, rgb_profile
from .png_frames import is_animation

SIGNATURE = b"\x89PNG\r\n\x1a\n"
#: Bytes that a profile, or XMP, may have when inflated: the largest profiles of presses have 3 MB.
MAX_INFLATED_BYTES = 4_194_304
#: gAMA of sRGB, 1/2.2, and how far from it a value still means no more (libpng, PNG_GAMMA_THRESHOLD_FIXED).
_SRGB_GAMMA, _GAMMA_TOLERANCE = 0.45455, 0.05

_CRITICAL = frozenset({b"IHDR", b"PLTE", b"IDAT", b"IEND"})
_ANIMATION = frozenset({b"acTL", b"fcTL", b"fdAT"})
#: What colours mean; kept in a file that keeps its pixels.
_COLOUR = frozenset({b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI", b"sBIT"})
#: Lengths of chunks that have one; any other is damage.
_LENGTHS = {b"gAMA": (4,), b"cHRM": (32,), b"sRGB": (1,), b"cICP": (4,), b"acTL": (8,), b"fcTL": (26,), b"pHYs": (9,)}
_XMP_KEYWORD = b"XML:com.adobe.xmp\0"
#: Primaries and transfer function of sRGB and of Display P3 as cICP codes (ITU-T H.273).
_SRGB_CODES, _P3_CODES = (1, 13), (12, 13)


@dataclass(frozen=True, slots=True)
class PngFile:
    """A PNG for a decoder, and what it says beside its pixels.

    data: the file without chunks that are damaged, or do not concern the pixels. profile: ICC. gamma: the
    exponent from values to light where it is neither sRGB's nor told by a profile. chromaticities: of white,
    red, green and blue, where there is a gamma, too. wide_key: the value of 16 bits a channel, RGB, that is
    transparent. exif and xmp: as found.
    """

    data: bytes
    profile: bytes | None = None
    gamma: float | None = None
    chromaticities: tuple[float, ...] | None = None
    wide_key: tuple[int, int, int] | None = None
    exif: bytes = b""
    xmp: bytes = b""

    def gamma_profile(self, mode: str) -> bytes | None:
        """The profile that `gamma` and `chromaticities` amount to, for pixels of Pillow's `mode`."""
        if self.gamma is None:
            return None
        if mode in {"1", "L", "LA", "I;16"}:
            return grey_profile(self.gamma)
        try:
            return rgb_profile(self.chromaticities or SRGB_CHROMATICITIES, self.gamma)
        except ArithmeticError:
            return rgb_profile(SRGB_CHROMATICITIES, self.gamma)


def read_png(data: bytes) -> PngFile:
    """Sort the chunks of a PNG. What is wrong with the critical ones is for the decoder to say.

    A damaged ancillary chunk is left out, as browsers do; so is all that follows IEND. A file that ends
    without IEND gets one: the pixels tell whether anything is missing.
    """
    chunks = list(_sound(data))
    names = {name for name, _ in chunks}
    needed = _CRITICAL | {b"tRNS"} | (_ANIMATION if b"acTL" in names and is_animation(chunks) else frozenset())
    first: dict[bytes, bytes] = {}
    for name, content in chunks:
        first.setdefault(name, bytes(content) if name != b"IDAT" else b"")
    header = first.get(b"IHDR", b"")
    profile = _profile(first)
    gamma, chromaticities = (None, None) if profile or _says_srgb(first) else _gamma(first)
    return PngFile(
        SIGNATURE + b"".join(_chunk(name, content) for name, content in chunks if name in needed),
        profile,
        gamma,
        chromaticities,
        _wide_key(header, first.get(b"tRNS")),
        first.get(b"eXIf", b""),
        _xmp(content for name, content in chunks if name == b"iTXt"),
    )


def stripped_png(data: bytes, *, keep_profile: bool) -> bytes:
    """The same pixels, and of the rest only what their colours and their animation need."""
    chunks = list(_sound(data))
    kept = _CRITICAL | {b"tRNS"} | _COLOUR
    if any(name == b"acTL" for name, _ in chunks) and is_animation(chunks):
        kept |= _ANIMATION
    if not keep_profile:
        # The other chunks would now say what the profile overruled.
        kept -= _COLOUR
    return SIGNATURE + b"".join(_chunk(name, content) for name, content in chunks if name in kept)


def whole_png(data: bytes) -> bytes:
    """The file, metadata and all; without what is damaged and not of the pixels, where something is."""
    sound = SIGNATURE + b"".join(_chunk(name, content) for name, content in _sound(data))
    return data if data.startswith(sound) else sound


def _sound(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Chunks up to IEND: critical ones as they are, others where their checksum is right; one header."""
    view, place, has_header = memoryview(data), len(SIGNATURE), False
    while place + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, place)
        content = view[place + 8 : place + 8 + length]
        checksum = data[place + 8 + length : place + 12 + length]
        place += 12 + length
        if name == b"IEND":
            break
        is_cut = len(content) < length
        if name == b"IHDR" and has_header:
            continue
        has_header |= name == b"IHDR"
        if name in _CRITICAL or (not is_cut and checksum == _crc(name, content) and _has_its_length(name, content)):
            yield name, content
    yield b"IEND", view[:0]


def _has_its_length(name: bytes, content: memoryview) -> bool:
    return name not in _LENGTHS or len(content) in _LENGTHS[name]


def _crc(name: bytes, content: memoryview | bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(content, zlib.crc32(name)))


def _chunk(name: bytes, content: memoryview | bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + _crc(name, content)


def _inflated(compressed: bytes | memoryview) -> bytes | None:
    """None where it is damaged, or larger than is accepted."""
    inflate = zlib.decompressobj()
    try:
        inflated = inflate.decompress(compressed, MAX_INFLATED_BYTES)
    except zlib.error:
        return None
    return inflated if inflate.eof else None


def _profile(first: dict[bytes, bytes]) -> bytes | None:
    codes = tuple(first.get(b"cICP", b""))
    if codes:
        if codes[:2] == _P3_CODES:
            return rgb_profile(P3_CHROMATICITIES)
        if codes[:2] == _SRGB_CODES:
            return None
    _, separator, compressed = bytes(first.get(b"iCCP", b"")).partition(b"\0")
    return _inflated(compressed[1:]) if separator else None


def _says_srgb(first: dict[bytes, bytes]) -> bool:
    return b"sRGB" in first or tuple(first.get(b"cICP", b""))[:2] == _SRGB_CODES


def _gamma(first: dict[bytes, bytes]) -> tuple[float | None, tuple[float, ...] | None]:
    if b"gAMA" not in first:
        return None, None
    encoding = struct.unpack(">I", first[b"gAMA"])[0] / 100_000
    chromaticities = tuple(number / 100_000 for number in struct.unpack(">8I", first.get(b"cHRM", b"\0" * 32)))
    if not all(chromaticities[1::2]):
        chromaticities = SRGB_CHROMATICITIES
    is_srgb = all(abs(one - other) <= 0.005 for one, other in zip(chromaticities, SRGB_CHROMATICITIES, strict=True))
    is_usual = abs(encoding / _SRGB_GAMMA - 1) <= _GAMMA_TOLERANCE
    if not 0.05 <= encoding <= 5 or (is_usual and is_srgb):
        return None, None
    return 1 / encoding, None if is_srgb else chromaticities


def _wide_key(header: bytes, transparency: bytes | None) -> tuple[int, int, int] | None:
    if transparency is None or len(transparency) != 6 or tuple(header[8:10]) != (16, 2):
        return None
    red, green, blue = struct.unpack(">3H", transparency)
    return red, green, blue


def _xmp(texts: Iterator[memoryview]) -> bytes:
    for text in texts:
        content = bytes(text)
        if content.startswith(_XMP_KEYWORD) and len(content) >= len(_XMP_KEYWORD) + 2:
            is_compressed = content[len(_XMP_KEYWORD)] == 1
            body = content[len(_XMP_KEYWORD) + 2 :].split(b"\0", 2)[-1]
            return (_inflated(body) or b"") if is_compressed else body
    return b""
