"""A file without its metadata, with the same pixels bit by bit: what is stored of an input that is kept."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from io import BytesIO
from types import MappingProxyType

from PIL import Image

from .bmff_boxes import stripped_avif
from .formats import ImageFormat
from .gif_blocks import stripped_gif
from .jpeg_segments import stripped_jpeg
from .png_chunks import stripped_png
from .tiff_fields import stripped_tiff
from .webp_chunks import stripped_webp

_NOT_UNDERSTOOD = (ValueError, LookupError, struct.error, OSError)
#: Bytes of a BMP's file header.
_FILE_HEADER = 14
#: A header that may name a profile (BITMAPV5HEADER), and where it does.
_V5_BYTES, _PROFILE_PLACE = 124, 112


def stripped(data: bytes, image_format: ImageFormat, *, keep_profile: bool) -> bytes | None:
    """The file without EXIF, XMP, comments, thumbnails, and bytes that follow its end.

    Colour profiles stay, unless `keep_profile` is false. None where the file's parts cannot be told apart,
    though a decoder made a picture of it: then it must not be stored as it is. Nor where it is not `readable`.
    """
    strip = _BY_FORMAT.get(image_format)
    if strip is None:
        return None
    try:
        return strip(data, keep_profile=keep_profile)
    except _NOT_UNDERSTOOD:
        return None


def readable(bare: bytes, image_format: ImageFormat) -> bool:
    """Whether decoders take what `stripped` left: what they put up with in a file they may not in a part of it."""
    if image_format is ImageFormat.PNG:
        # Made anew of chunks that were read one by one.
        return True
    try:
        with Image.open(BytesIO(bare), formats=[image_format.pillow_name]) as image:
            if image_format is ImageFormat.BMP:
                # Where its pixels end is not marked, and Pillow looks for their beginning where headers lie.
                image.load()
            return True
    except _NOT_UNDERSTOOD:
        return False


def _stripped_bmp(data: bytes, *, keep_profile: bool) -> bytes:
    """A BMP has no metadata, but may be followed by anything."""
    offset, header_bytes = struct.unpack_from("<II", data, 10)
    if header_bytes < 40:
        width, height, _, bits = struct.unpack_from("<HHHH", data, 18)
        compression = stored = 0
    else:
        width, height, _, bits, compression, stored = struct.unpack_from("<iiHHII", data, 18)
    rows = (abs(width) * bits + 31) // 32 * 4 * abs(height)
    offset = max(offset, _FILE_HEADER + header_bytes + _palette_bytes(data, header_bytes, bits))
    # 0 and 3: as they are, and with masks; else runs, whose length the header tells.
    end = offset + (rows if compression in {0, 3, 6} else stored or len(data))
    if header_bytes >= _V5_BYTES and keep_profile:
        begin, size = struct.unpack_from("<II", data, _FILE_HEADER + _PROFILE_PLACE)
        end = max(end, _FILE_HEADER + begin + size if size else 0)
    return data[:end]


def _palette_bytes(data: bytes, header_bytes: int, bits: int) -> int:
    """Some programs leave the palette out of the place that they name for the pixels."""
    if bits > 8 or header_bytes < 40:
        return 0
    (colours,) = struct.unpack_from("<I", data, _FILE_HEADER + 32)
    return 4 * int(min(colours or 1 << bits, 1 << bits))


_BY_FORMAT: Mapping[ImageFormat, Callable[..., bytes]] = MappingProxyType(
    {
        ImageFormat.JPEG: stripped_jpeg,
        ImageFormat.PNG: stripped_png,
        ImageFormat.WEBP: stripped_webp,
        ImageFormat.GIF: stripped_gif,
        ImageFormat.TIFF: stripped_tiff,
        ImageFormat.BMP: _stripped_bmp,
        ImageFormat.AVIF: stripped_avif,
    }
)
