"""Which image formats are read and written, and how their first bytes tell them apart."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from imagemill.domain.codes import ImageCode

from .image_fault import ImageError


class ImageFormat(StrEnum):
    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    GIF = "gif"
    TIFF = "tiff"
    BMP = "bmp"
    AVIF = "avif"

    @property
    def pillow_name(self) -> str:
        return self.value.upper()


EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        ImageFormat.JPEG: "jpg",
        ImageFormat.PNG: "png",
        ImageFormat.WEBP: "webp",
        ImageFormat.GIF: "gif",
        ImageFormat.TIFF: "tif",
        ImageFormat.BMP: "bmp",
        ImageFormat.AVIF: "avif",
    }
)
CONTENT_TYPES: Mapping[str, str] = MappingProxyType({name: f"image/{name}" for name in ImageFormat})

#: Formats whose frames are an animation. The pages of a TIFF and the views of an MPO are not.
ANIMATED_FORMATS = frozenset({ImageFormat.GIF, ImageFormat.WEBP, ImageFormat.PNG, ImageFormat.AVIF})

#: Longest side in pixels: libjpeg's JPEG_MAX_DIMENSION, libwebp's WEBP_MAX_DIMENSION.
LONGEST_SIDES: Mapping[ImageFormat, int] = MappingProxyType({ImageFormat.JPEG: 65_500, ImageFormat.WEBP: 16_383})

#: Bytes within which a format must show itself; an SVG may begin with declarations and comments.
_HEAD_BYTES = 4_096

#: Tried in this order at the first byte. BM alone would take text for a bitmap: the size of the header
#: that follows (BITMAPCOREHEADER to BITMAPV5HEADER) has to be one that exists.
_ACCEPTED = (
    (ImageFormat.JPEG, re.compile(rb"\xff\xd8\xff")),
    (ImageFormat.PNG, re.compile(rb"\x89PNG\r\n\x1a\n")),
    (ImageFormat.WEBP, re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    (ImageFormat.GIF, re.compile(rb"GIF8[79]a")),
    (ImageFormat.TIFF, re.compile(rb"II[*+]\0|MM\0[*+]|MM\*\0|II\0\*")),
    (ImageFormat.BMP, re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}", re.DOTALL)),
    (ImageFormat.AVIF, re.compile(rb".{4}ftyp(?:avi[fs]|m[is]f1.{4}(?:.{4}){0,15}?avi[fs])", re.DOTALL)),
)

#: <svg> after declaration, comments and document type. Possessive, lest a page of comments be matched in
#: exponential time.
_SVG = (
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml.*?\?>\s*+|<!--.*?-->\s*+"
    rb"|<!DOCTYPE\s+svg[^>\[]*+(?:\[[^\]]*+\])?\s*+>\s*+)*+<(?:\w+:)?svg[\s>/]"
)
#: What Pillow would open but we do not, and what shops send that it cannot: SVG, PDF, HEIC, JPEG XL.
_RECOGNISED = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        _SVG,
        # PDF, PostScript, Photoshop
        rb"\s*+%PDF-|%!PS|\xc5\xd0\xd3\xc6|8BPS",
        # HEIF, JPEG XL, JPEG 2000
        rb".{4}ftyp(?:hei[cxms]|hev[cxms]|m[is]f1)",
        rb"\xff\x0a|\x00\x00\x00\x0c(?:JXL|jP ) |\xff\x4f\xff\x51",
        # ICO, CUR, ICNS, WMF, EMF, and DIB, a BMP without its first 14 bytes
        rb"\x00\x00[\x01\x02]\x00[^\x00]\x00|icns|\xd7\xcd\xc6\x9a\x00\x00|\x01\x00\x00\x00.{36} EMF",
        rb"[\x0c\x28\x34\x38\x40\x6c\x7c]\x00{3}.{8}\x01\x00",
        # Portable any-map, X bitmaps, IM
        rb"P[1-6][\s#]|P[fF]\s|P7 332|#define\s+\w+_width|/\* XPM \*/|Image type:",
        # PCX, DCX, SGI, Sun, Pixar, Photo CD
        rb"\n[\x00\x02\x03\x05][\x00\x01][\x01\x02\x04\x08]|\xb1\x68\xde\x3a",
        rb"\x01\xda[\x00\x01][\x01\x02]|\x59\xa6\x6a\x95|\x80\xe8\x00\x00|.{2048}PCD_",
        # Textures, paint programs, animations: DDS, QOI, FTEX, BLP, MSP, GIMP brush, FLI, MPEG
        rb"DDS |qoif|FTEX|BLP[12]|DanM|LinS|.{20}GIMP|.{4}[\x11\x12]\xaf|\x00\x00\x01\xb3",
        # Science: FITS, BUFR, GRIB, HDF5, McIDAS
        rb"SIMPLE  =|BUFR|GRIB.{3}\x01|\x89HDF\r\n\x1a\n|\x00{7}\x04",
    )
)
#: A TGA has no signature at its start; version 2 has this footer (Truevision TGA 2.0, section C.6).
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"


def identify(data: bytes) -> ImageFormat:
    """The accepted format that the first bytes announce; whether the rest is sound is not looked at.

    Raises:
        ImageError: UNSUPPORTED_FORMAT for an image of another kind, NOT_AN_IMAGE for anything else.
    """
    head = data[:_HEAD_BYTES]
    for image_format, signature in _ACCEPTED:
        if signature.match(head):
            return image_format
    if any(pattern.match(head) for pattern in _RECOGNISED) or data.endswith(_TGA_FOOTER):
        raise ImageError(ImageCode.UNSUPPORTED_FORMAT)
    raise ImageError(ImageCode.NOT_AN_IMAGE)
