"""Writing a picture in one of the formats, with the settings that speed and size were measured at."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import IO, Any

import oxipng
from PIL import ExifTags, Image, ImageChops, PngImagePlugin

from imagemill.domain.options import ImageOptions

from .bmp_bits import bmp_of_few_colours, holds_few_colours
from .formats import ImageFormat
from .gif_blocks import with_clear_colours
from .graphics import looks_drawn
from .metadata import NO_TAGS, Tags

#: Effort of libwebp, 0–6, its own default. 2 takes half the time for 6 % more bytes.
WEBP_METHOD = 4
#: Speed of the AV1 encoder, 0–10. 6 takes 3.5 times as long for 13 % fewer bytes. Giants are encoded faster, lest
#: a product of a hundred take a worker's whole time.
AVIF_SPEED, AVIF_SPEED_OF_GIANTS = 8, 10
AVIF_GIANT_PIXELS = 25_000_000
#: How coarse the alpha of an AVIF may be. At the quality of its colours, 20 and less, cut-outs had holes and veils; so
#: they are exact, for 1 % of the bytes.
_AVIF_ALPHA_LEVEL = 10
#: Effort of libwebp without loss, 0–100. 100 takes twice as long for the same bytes.
WEBP_LOSSLESS_EFFORT = 75
#: Filters of rows that are tried for a PNG. One suits drawings, the other photographs; the other seven take twice
#: as long for another half per cent.
_PNG_FILTERS = (oxipng.RowFilter.NoOp, oxipng.RowFilter.Bigrams)
#: Effort of the optimiser, 0–6. Against Pillow's `optimize` it takes 2.5 times as long on a chart for 20 % fewer bytes.
#: 3 takes twice as long for a half per cent. For photographs 1 and a single filter take two thirds of the time for
#: 0.4 % more.
_PNG_LEVEL, _PNG_LEVEL_OF_PHOTOGRAPHS = 2, 1
#: Modes of which it is worth asking whether a picture was drawn.
_PHOTOGRAPHIC_MODES = frozenset({"L", "LA", "RGB", "RGBA"})
#: Larger outputs are neither tried as WebP without loss nor optimised as PNG: either takes 31 bytes a pixel at its
#: peak, and a function of one vCPU has memory for no more.
MAX_PIXELS_WITHOUT_LOSS = 36_000_000
#: Larger ones are not tried with fewer shades, either, for which the picture is held once more.
MAX_SOFTENED_PIXELS = 4_000_000
#: Largest counts of an animation's plays that a format can say: 16 bits, of repetitions in a GIF; 31 in a PNG.
_MOST_PLAYS = {ImageFormat.GIF: 65_536, ImageFormat.WEBP: 65_535, ImageFormat.PNG: 2**31 - 1}
#: What becomes of a GIF's frame before the next one is shown (GIF89a specification, 23).
_LEFT, _CLEARED = 1, 2
#: Bytes in a JPEG segment, and what of them XMP's name takes (XMP specification part 3, 1.1.3).
_SEGMENT_BYTES, _XMP_NAME_BYTES = 65_533, 29

#: Pillow modes that each format holds as they are.
MODES: Mapping[ImageFormat, frozenset[str]] = MappingProxyType(
    {
        ImageFormat.JPEG: frozenset({"L", "RGB"}),
        ImageFormat.PNG: frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}),
        ImageFormat.WEBP: frozenset({"RGB", "RGBA"}),
        ImageFormat.GIF: frozenset({"1", "L", "P", "RGB", "RGBA"}),
        ImageFormat.TIFF: frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}),
        ImageFormat.BMP: frozenset({"1", "L", "P", "RGB", "RGBA"}),
        ImageFormat.AVIF: frozenset({"L", "RGB", "RGBA"}),
        ImageFormat.HEIC: frozenset(),
    }
)
#: Modes that would be resized by taking the nearest pixel: indices and bits have no values between.
INDEXED_MODES = frozenset({"1", "P"})

#: First-directory tags that a TIFF gets: text and resolution. libtiff's encoder cannot be handed the
#: directories of camera and GPS, and tags of unknown type are not worth the risk.
_TIFF_TAGS = frozenset({270, 271, 272, 274, 282, 283, 296, 305, 306, 315, 316, 33432})


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels ready to be written, and what is written with them.

    frames: one, or an animation's, of one size and mode. milliseconds: one for each frame. plays: 0 for
    without end. profile: ICC, None for sRGB.
    """

    frames: tuple[Image.Image, ...]
    milliseconds: tuple[int, ...] = ()
    plays: int = 0
    profile: bytes | None = None
    tags: Tags = NO_TAGS

    @property
    def size(self) -> tuple[int, int]:
        return self.frames[0].size


def encode(
    picture: Picture, image_format: ImageFormat, options: ImageOptions, *, lossless: bool | None = None
) -> bytes:
    """The file. lossless: for WebP, false unless said; for TIFF, true unless said.

    Metadata that the format has no room for is left out: all of it for GIF and BMP, more than
    64 KiB of it for JPEG, camera and GPS for TIFF.

    Raises:
        Exception: whatever Pillow raises, such as for a side that the format cannot express.
    """
    first, *others = picture.frames
    if image_format is ImageFormat.BMP and holds_few_colours(first):
        return bmp_of_few_colours(first)
    settings = _settings(picture, image_format, options, lossless=lossless) | _embedded(picture, image_format)
    if others:
        settings |= _timing(picture, image_format) | {"save_all": True, "append_images": others}
    with _scratch_file() as file:
        first.save(file, image_format.pillow_name, **settings)
        file.seek(0)
        encoded = file.read()
    if settings.get("disposal") == _CLEARED:
        # Pillow leaves it out of frames that have no such pixel.
        return with_clear_colours(encoded, first.info["transparency"])
    return optimised_png(encoded, first) if _is_optimised(picture, image_format) else encoded


def _is_optimised(picture: Picture, image_format: ImageFormat) -> bool:
    """Whether it is a PNG that is optimised after Pillow has written it: still, and with memory for its pixels."""
    is_still_png = image_format is ImageFormat.PNG and len(picture.frames) == 1
    return is_still_png and picture.size[0] * picture.size[1] <= MAX_PIXELS_WITHOUT_LOSS


def optimised_png(data: bytes, image: Image.Image) -> bytes:
    """The same pixels and chunks in fewer bytes; the file as it is where the optimiser cannot read it.

    image: what it shows.
    """
    is_drawn = image.mode not in _PHOTOGRAPHIC_MODES or looks_drawn(image)
    try:
        optimised: bytes = oxipng.optimize_from_memory(
            data,
            level=_PNG_LEVEL if is_drawn else _PNG_LEVEL_OF_PHOTOGRAPHS,
            filter=_PNG_FILTERS if is_drawn else _PNG_FILTERS[1:],
            fast_evaluation=True,
            # Interlacing costs bytes for a coarse picture while the file loads.
            interlace=oxipng.Interlacing.Off,
        )
    except oxipng.PngError:
        return data
    except BaseException as fault:
        # A panic in Rust is no Exception (pyo3), and would end the process.
        if type(fault).__name__ != "PanicException":
            raise
        return data
    return optimised


def _settings(
    picture: Picture, image_format: ImageFormat, options: ImageOptions, *, lossless: bool | None
) -> dict[str, Any]:
    match image_format:
        case ImageFormat.JPEG:
            # Huffman tables of its own: 9 % fewer bytes for a third more time.
            return {"quality": options.quality, "optimize": True, "progressive": options.progressive}
        case ImageFormat.WEBP:
            quality = WEBP_LOSSLESS_EFFORT if lossless else options.quality
            return {"lossless": bool(lossless), "quality": quality, "method": WEBP_METHOD}
        case ImageFormat.AVIF:
            # The caller compresses as many images at once as there are processors.
            width, height = picture.size
            speed = AVIF_SPEED if width * height <= AVIF_GIANT_PIXELS else AVIF_SPEED_OF_GIANTS
            settings: dict[str, Any] = {"quality": options.quality, "speed": speed, "max_threads": 1}
            if picture.frames[0].mode == "RGBA":
                # libaom's quantiser of the alpha plane, 0–63, by libavif's scale no coarser than quality's own.
                level = min(_AVIF_ALPHA_LEVEL, (100 - options.quality) * 63 // 100)
                settings["advanced"] = {"a:cq-level": str(level)}
            return settings
        case ImageFormat.PNG | ImageFormat.GIF:
            # Interlaced, as Pillow's GIFs are unless told otherwise, they are a tenth larger.
            is_packed_later = _is_optimised(picture, image_format)
            return {"compress_level": 1} if is_packed_later else {"optimize": True, "interlace": False}
        case ImageFormat.TIFF:
            without_loss = "group4" if picture.frames[0].mode == "1" else "tiff_adobe_deflate"
            lossy = {"compression": "jpeg", "quality": options.quality}
            return lossy if lossless is False else {"compression": without_loss}
    return {}


def _embedded(picture: Picture, image_format: ImageFormat) -> dict[str, Any]:
    # Said even when there is none: some writers would take it from the source otherwise.
    profile = {"icc_profile": picture.profile or b""}
    exif, xmp = picture.tags.exif, picture.tags.xmp
    match image_format:
        case ImageFormat.JPEG:
            exif = exif if len(exif) <= _SEGMENT_BYTES else b""
            xmp = xmp if len(xmp) <= _SEGMENT_BYTES - _XMP_NAME_BYTES else b""
            return profile | {"exif": exif, "xmp": xmp}
        case ImageFormat.WEBP | ImageFormat.AVIF:
            return profile | {"exif": exif, "xmp": xmp}
        case ImageFormat.PNG:
            text = PngImagePlugin.PngInfo()
            if xmp:
                text.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "replace"))
            return profile | {"exif": exif, "pnginfo": text}
        case ImageFormat.TIFF:
            return profile | {"exif": _tiff_tags(picture.tags)}
        case ImageFormat.GIF | ImageFormat.BMP | ImageFormat.HEIC:
            return {}


def _tiff_tags(tags: Tags) -> Image.Exif:
    given, kept = Image.Exif(), Image.Exif()
    given.load(tags.exif)
    for tag in _TIFF_TAGS.intersection(given):
        kept[tag] = given[tag]
    if tags.xmp:
        kept[ExifTags.Base.XMLPacket] = tags.xmp
    return kept


def _timing(picture: Picture, image_format: ImageFormat) -> dict[str, Any]:
    timing: dict[str, Any] = {"duration": list(picture.milliseconds)}
    plays = min(picture.plays, _MOST_PLAYS.get(image_format, picture.plays))
    match image_format:
        case ImageFormat.GIF:
            # No pixel could become transparent again otherwise. Where none does, what stays need not be drawn again.
            timing["disposal"] = _CLEARED if _becomes_clear(picture.frames) else _LEFT
            # GIF counts repetitions after the first showing, and says nothing for a single one.
            if plays != 1:
                timing["loop"] = max(plays - 1, 0)
        case ImageFormat.PNG:
            timing |= {
                "loop": plays,
                "disposal": PngImagePlugin.Disposal.OP_NONE,
                "blend": PngImagePlugin.Blend.OP_SOURCE,
            }
        case _:
            timing["loop"] = plays
    return timing


def _becomes_clear(frames: tuple[Image.Image, ...]) -> bool:
    """Whether a pixel of a GIF's frames, all of one palette, that showed something shows nothing later."""
    clear = frames[0].info.get("transparency")
    if clear is None:
        return False
    masks = (frame.point([255 * (index == clear) for index in range(256)], "L") for frame in frames)
    return any(ImageChops.subtract(after, before).getbbox() for before, after in pairwise(masks))


def _scratch_file() -> IO[bytes]:
    """A file with a descriptor, in memory where the system can.

    Pillow lets other threads run while it encodes into a descriptor, not while it does into a BytesIO: two
    threads do 1.9 times the work of one, against 1.0 to 1.3.
    """
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("encoded", os.MFD_CLOEXEC), "w+b")
    return tempfile.TemporaryFile()
