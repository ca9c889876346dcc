"""Files of accepted formats in codings that are not read: nothing is damaged in them, and the refusal says so."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import Image, TiffImagePlugin

from imagemill.domain.codes import ImageCode

from .bmff_boxes import item_types
from .formats import ImageFormat
from .image_fault import ImageError
from .jpeg_segments import is_foreign
from .tiff_fields import compression, is_sound_tiff

#: Codings of pixels that the HEIF and AVIF decoders know, as item types.
_READ_ITEMS = {ImageFormat.HEIC: {b"hvc1"}, ImageFormat.AVIF: {b"av01"}}
#: Bits of a pixel and compressions of a BMP that Pillow reads.
_BMP_BITS, _BMP_COMPRESSIONS = frozenset({1, 4, 8, 16, 24, 32}), frozenset({0, 1, 2, 3})
#: Compressions that Pillow names and its wheels' libtiff lacks, or hands over in no mode of Pillow's: Thunderscan's,
#: SGI's, WebP.
_UNREAD_COMPRESSIONS = frozenset({32_809, 34_676, 34_677, 50_001})


@contextmanager
def naming_what_is_not_read(data: bytes, image_format: ImageFormat, *, is_open: bool) -> Iterator[None]:
    """Tell a coding that is not read from damage, when Pillow fails inside the block.

    is_open: whether the header has been read before, and the pixels are what failed.

    Raises:
        ImageError: UNSUPPORTED_FORMAT.
    """
    try:
        yield
    except (ImageError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise
    except Exception as fault:
        if _is_not_read(data, image_format, is_open=is_open):
            raise ImageError(ImageCode.UNSUPPORTED_FORMAT, image_format.name) from fault
        raise


def _is_not_read(data: bytes, image_format: ImageFormat, *, is_open: bool) -> bool:
    match image_format:
        case ImageFormat.JPEG:
            return is_foreign(data)
        case ImageFormat.TIFF:
            coding = compression(data)
            is_unread = coding in _UNREAD_COMPRESSIONS or coding not in TiffImagePlugin.COMPRESSION_INFO
            return is_sound_tiff(data) and (is_unread or not is_open)
        case ImageFormat.BMP:
            return not is_open and _is_foreign_bmp(data)
        case ImageFormat.HEIC | ImageFormat.AVIF:
            items = item_types(data)
            return bool(items) and not items & _READ_ITEMS[image_format]
        case _:
            return False


def _is_foreign_bmp(data: bytes) -> bool:
    try:
        header_bytes = struct.unpack_from("<I", data, 14)[0]
        if header_bytes < 40:
            return False
        bits, compressed_by = struct.unpack_from("<HI", data, 28)
    except struct.error:
        return False
    return bits not in _BMP_BITS or compressed_by not in _BMP_COMPRESSIONS
