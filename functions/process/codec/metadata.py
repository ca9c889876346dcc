"""EXIF and XMP: which way up a picture is, and what is kept of them when the caller asks for it."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from PIL import ExifTags, Image

#: Ways in which Pillow gives up on damaged EXIF. A good picture is not refused for it.
_UNREADABLE = (
    *(SyntaxError, ValueError, TypeError, LookupError, AttributeError),
    *(OSError, ArithmeticError, struct.error, RuntimeError),
)

#: Orientation as stored (EXIF 2.32, 4.6.4 A) to the transposition that undoes it.
TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: Orientations that exchange width and height.
QUARTER_TURNS = frozenset({5, 6, 7, 8})

#: Tags that say how a TIFF lays out its own pixels, up to SubIFDs and colour; wrong in any other file.
#: 700, 33723, 34377 and 34675 are XMP, IPTC, Photoshop and ICC, which have places of their own.
_LAYOUT_TAGS = frozenset(
    {254, 255, *range(256, 267), 273, *range(277, 282), *range(284, 296), 297, 301, *range(317, 348)}
    | {*range(512, 533), 559, 700, 33723, 34377, 34675, 37724}
)
#: Where Pillow keeps XMP.
_XMP_NAMES = ("xmp", "XML:com.adobe.xmp")
_XMP_ORIENTATION = re.compile(rb'(tiff:Orientation(?:="|>))[2-8]')


@dataclass(frozen=True, slots=True)
class Tags:
    """Metadata to store. exif: with its `Exif` header; xmp: the packet; empty where there is none."""

    exif: bytes = b""
    xmp: bytes = b""


NO_TAGS = Tags()


def orientation(image: Image.Image) -> int:
    """1–8; 1, upright, also where the tag is absent, damaged or out of range.

    EXIF alone counts, as in browsers: where it says nothing Pillow would obey XMP, which those who turn
    pictures leave as it was. A TIFF must not have been loaded yet: loading turns it.
    """
    xmp = {name: image.info.pop(name) for name in _XMP_NAMES if name in image.info}
    try:
        stored = _exif(image).get(ExifTags.Base.Orientation, 1)
    except _UNREADABLE:
        return 1
    finally:
        image.info.update(xmp)
    return stored if isinstance(stored, int) and stored in TRANSPOSITIONS else 1


def tags_to_keep(image: Image.Image, width: int, height: int) -> Tags:
    """EXIF and XMP of a loaded image, made true for upright pixels of `width` × `height`.

    The orientation becomes 1, the pixel dimensions the new ones. The embedded thumbnail goes, since it would
    still show the picture unturned. Damaged EXIF is left out.
    """
    try:
        exif = _upright_exif(image, width, height)
    except _UNREADABLE:
        exif = b""
    xmp = image.info.get("xmp")
    return Tags(exif, _XMP_ORIENTATION.sub(rb"\g<1>1", xmp) if isinstance(xmp, bytes) else b"")


def _exif(image: Image.Image) -> Image.Exif:
    """Past a PNG's own method, which decodes the picture to look for EXIF behind it.

    Pillow 13 says only once that pixels are damaged: caught here, the picture would be taken for whole.
    """
    return Image.Image.getexif(image)


def _upright_exif(image: Image.Image, width: int, height: int) -> bytes:
    exif = _exif(image)
    for tag in _LAYOUT_TAGS.intersection(exif):
        del exif[tag]
    if not exif:
        return b""
    exif[ExifTags.Base.Orientation] = 1
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    for tag, pixels in ((ExifTags.Base.ExifImageWidth, width), (ExifTags.Base.ExifImageHeight, height)):
        if tag in camera:
            camera[tag] = pixels
    # Written by Pillow without the second directory (IFD1), the one with the thumbnail.
    return exif.tobytes()
