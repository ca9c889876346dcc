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
    #: Read, never written.
    HEIC = "heic"

    @property
    def pillow_name(self) -> str:
        return "HEIF" if self is ImageFormat.HEIC else self.value.upper()


EXTENSIONS: Mapping[str, str] = MappingProxyType(
    {
        ImageFormat.JPEG: "jpg",
        ImageFormat.PNG: "png",
        ImageFormat.WEBP: "webp",
        ImageFormat.GIF: "gif",
        ImageFormat.TIFF: "tif",
        ImageFormat.BMP: "bmp",
        ImageFormat.AVIF: "avif",
        ImageFormat.HEIC: "heic",
    }
)
CONTENT_TYPES: Mapping[str, str] = MappingProxyType({name: f"image/{name}" for name in ImageFormat})

#: Formats whose frames are an animation. The pages of a TIFF and the views of an MPO are not.
ANIMATED_FORMATS = frozenset({ImageFormat.GIF, ImageFormat.WEBP, ImageFormat.PNG, ImageFormat.AVIF})

#: Formats whose pictures may have been drawn, and never coded with loss.
LOSSLESS_FORMATS = frozenset({ImageFormat.PNG, ImageFormat.GIF, ImageFormat.BMP, ImageFormat.TIFF, ImageFormat.WEBP})
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
    (ImageFormat.HEIC, re.compile(rb".{4}ftyp(?:he[iv][cxms]|m[is]f1)", re.DOTALL)),
)

#: <svg> after declaration, comments and document type. Possessive, lest a page of comments be matched in
#: exponential time.
_SVG = (
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml.*?\?>\s*+|<!--.*?-->\s*+"
    rb"|<!DOCTYPE\s+svg[^>\[]*+(?:\[[^\]]*+\])?\s*+>\s*+)*+<(?:\w+:)?svg[\s>/]"
)
#: What Pillow would open but we do not, and what shops send that it cannot, by the name that a refusal gives.
_RECOGNISED = tuple(
    (name, re.compile(pattern, re.DOTALL))
    for name, pattern in (
        ("SVG", _SVG),
        ("POSTSCRIPT", rb"%!PS|\xc5\xd0\xd3\xc6"),
        ("PHOTOSHOP", rb"8BPS"),
        ("JPEG_XL", rb"\xff\x0a|\x00\x00\x00\x0cJXL "),
        ("JPEG_2000", rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51"),
        ("JPEG_XR", rb"II\xbc"),
        ("ICO", rb"\x00\x00[\x01\x02]\x00[^\x00]\x00"),
        ("ICNS", rb"icns"),
        ("WINDOWS_METAFILE", rb"\xd7\xcd\xc6\x9a\x00\x00|\x01\x00\x00\x00.{36} EMF"),
        # A BMP without its first 14 bytes.
        ("DIB", rb"[\x0c\x28\x34\x38\x40\x6c\x7c]\x00{3}.{8}\x01\x00"),
        ("PORTABLE_ANYMAP", rb"P[1-6][\s#]|P[fF]\s|P7 332"),
        ("X_BITMAP", rb"#define\s+\w+_width|/\* XPM \*/"),
        ("IM", rb"Image type:"),
        ("PCX", rb"\n[\x00\x02\x03\x05][\x00\x01][\x01\x02\x04\x08]|\xb1\x68\xde\x3a"),
        ("SGI", rb"\x01\xda[\x00\x01][\x01\x02]"),
        ("SUN_RASTER", rb"\x59\xa6\x6a\x95"),
        ("PIXAR", rb"\x80\xe8\x00\x00"),
        ("PHOTO_CD", rb".{2048}PCD_"),
        # Textures and paint programs
        ("TEXTURE", rb"DDS |FTEX|BLP[12]"),
        ("QOI", rb"qoif"),
        ("PAINT", rb"DanM|LinS|.{20}GIMP"),
        ("FLI", rb".{4}[\x11\x12]\xaf"),
        # FITS, BUFR, GRIB, HDF5, McIDAS
        ("SCIENTIFIC", rb"SIMPLE  =|BUFR|GRIB.{3}\x01|\x89HDF\r\n\x1a\n|\x00{7}\x04"),
    )
)
#: What may stand before a page's first tag.
_PROLOGUE = rb"(?:\xef\xbb\xbf)?\s*+(?:<\?xml.*?\?>\s*+|<!--.*?-->\s*+)*+"
#: What comes in place of an image, by the kind that a refusal gives (contract A4).
_NO_IMAGES = tuple(
    (name, re.compile(pattern, re.DOTALL | re.IGNORECASE))
    for name, pattern in (
        ("EMPTY", rb"[\s\x00]*+\Z"),
        (
            "WEB_PAGE",
            _PROLOGUE + rb"<(?:!doctype\s+html|html|head|body|title|meta|script|div|p|h1|a|center)\b",
        ),
        ("JSON", rb"(?:\xef\xbb\xbf)?\s*+(?:\{\s*+[\"}]|\[\s*+[\[\]{\"\d])"),
        ("PDF", rb"\s*+%PDF-"),
        (
            "VIDEO",
            rb".{4}ftyp|\x1a\x45\xdf\xa3|RIFF.{4}AVI |FLV\x01|OggS|\0\0\x01[\xb3\xba]|\x30\x26\xb2\x75\x8e\x66\xcf\x11",
        ),
        ("COMPRESSED", rb"\x1f\x8b\x08|\x28\xb5\x2f\xfd|BZh[1-9]|\xfd7zXZ\x00"),
    )
)
#: Every kind that a refusal of what is no image gives.
NO_IMAGE_REASONS = (*(name for name, _ in _NO_IMAGES), "OTHER")
#: A TGA has no signature at its start; version 2 has this footer (Truevision TGA 2.0, section C.6).
_TGA_FOOTER = b"TRUEVISION-XFILE.\0"


def identify(data: bytes) -> ImageFormat:
    """The accepted format that the first bytes announce; whether the rest is sound is not looked at.

    Raises:
        ImageError: UNSUPPORTED_FORMAT for an image of another kind, with its format; NOT_AN_IMAGE for anything
            else, with what it seems to be, or OTHER.
    """
    head = data[:_HEAD_BYTES]
    for image_format, signature in _ACCEPTED:
        if signature.match(head):
            return image_format
    for name, pattern in _RECOGNISED:
        if pattern.match(head):
            raise ImageError(ImageCode.UNSUPPORTED_FORMAT, name)
    if data.endswith(_TGA_FOOTER):
        raise ImageError(ImageCode.UNSUPPORTED_FORMAT, "TGA")
    kind = next((name for name, pattern in _NO_IMAGES if pattern.match(head)), "OTHER")
    raise ImageError(ImageCode.NOT_AN_IMAGE, kind)
