"""Compress one image: bytes in, bytes out, by the rules of contract A3."""

from __future__ import annotations

from dataclasses import dataclass, replace

from PIL import Image

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, Metadata, OutputFormat

from .colour import convert, is_opaque
from .decode import Header, Source, check_is_complete, frames, open_header, open_source, still
from .encode import INDEXED_MODES, MODES, Picture, encode
from .formats import CONTENT_TYPES, EXTENSIONS, LONGEST_SIDES, ImageFormat
from .image_fault import ImageError, faults_become
from .metadata import NO_TAGS, Tags, tags_to_keep
from .transcode.attempt import attempt
from .transcode.jpeg import Transcoded
from .transcode.refusal import TRANSCODED

__all__ = [
    "CONTENT_TYPES",
    "EXTENSIONS",
    "Compressed",
    "ImageError",
    "ImageFormat",
    "OpenedImage",
    "compress",
    "open_image",
]

#: A result larger than this part of the input is not worth the loss of quality (contract A3).
WORTHWHILE_PERCENT = 90
#: The AV1 encoder peaks at 28 bytes for each pixel of the output (contract A7).
MAX_AVIF_PIXELS = 45_000_000
#: Samples beyond this many output pixels from the centre change nothing visible (Pillow's documentation).
_REDUCING_GAP = 3.0


@dataclass(frozen=True, slots=True)
class Compressed:
    """An image to store. width, height: pixels of the upright picture. kept: `data` is the input itself.

    way: of a JPEG that stays one, TRANSCODED, or why it went through pixels; None where that is no question.
    """

    data: bytes
    format: ImageFormat
    width: int
    height: int
    kept: bool
    way: str | None = None


@dataclass(frozen=True, slots=True)
class _OutputPlan:
    """What is to become of one source: the upright size, and whether that alone calls for a new file."""

    width: int
    height: int
    is_resized: bool
    is_demanded: bool


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """An image whose header has been read, to be compressed once. data: the whole file."""

    data: bytes
    header: Header

    def compress(self, options: ImageOptions) -> Compressed:
        """See `compress`. Raises ImageError: CORRUPT_IMAGE, TOO_MANY_PIXELS or ENCODE_FAILED."""
        with faults_become(ImageCode.CORRUPT_IMAGE):
            source = open_source(self.header)
            plan = _plan(source, options)
            kept = Compressed(self.data, source.format, source.width, source.height, kept=True)
            if not plan.is_demanded and _is_compressed_enough(source, options.quality):
                check_is_complete(source)
                return kept
            tried = attempt(self.data, source, options, _tags(source, plan, options), is_resized=plan.is_resized)
            if isinstance(tried, Transcoded):
                made = Compressed(tried.data, ImageFormat.JPEG, tried.width, tried.height, kept=False, way=TRANSCODED)
                return made if plan.is_demanded or self._is_worthwhile(made.data) else replace(kept, way=TRANSCODED)
            image_format, picture = _prepare(source, plan, options)
        width, height = picture.size
        if image_format is ImageFormat.AVIF and width * height * len(picture.frames) > MAX_AVIF_PIXELS:
            raise ImageError(ImageCode.TOO_MANY_PIXELS)
        with faults_become(ImageCode.ENCODE_FAILED):
            encoded = encode(picture, image_format, options)
        if not plan.is_demanded and not self._is_worthwhile(encoded):
            return replace(kept, way=tried)
        return Compressed(encoded, image_format, width, height, kept=False, way=tried)

    def _is_worthwhile(self, made: bytes) -> bool:
        return len(made) * 100 <= len(self.data) * WORTHWHILE_PERCENT


def open_image(data: bytes) -> OpenedImage:
    """Read an image's header, with nothing decoded.

    Raises:
        ImageError: NOT_AN_IMAGE, UNSUPPORTED_FORMAT, CORRUPT_IMAGE or TOO_MANY_PIXELS.
    """
    with faults_become(ImageCode.CORRUPT_IMAGE):
        return OpenedImage(data, open_header(data))


def compress(data: bytes, options: ImageOptions) -> Compressed:
    """Compress an image as `options` ask. Pure, repeatable, and safe to call from several threads.

    The result is upright whatever its EXIF said. A TIFF gives its first page, an MPO its first view. Quality
    does not concern PNG, GIF, TIFF and BMP, which `original` writes without loss, GIF but for its palette.

    The input is returned unchanged (`kept`) when the result would not be 10 % smaller, or when a JPEG was
    already saved at the quality asked or a lower one, unless the caller named another format, or the
    picture had to be resized or turned. Unchanged means unchanged: EXIF and GPS stay in it, also where
    `metadata` is `strip`.

    Raises:
        ImageError: NOT_AN_IMAGE, UNSUPPORTED_FORMAT, CORRUPT_IMAGE, TOO_MANY_PIXELS or ENCODE_FAILED. Bit
            rot inside a JPEG's scan raises nothing, since no decoder in use notices it.
    """
    return open_image(data).compress(options)


def _plan(source: Source, options: ImageOptions) -> _OutputPlan:
    ratio = min(
        1.0,
        (options.max_width or source.width) / source.width,
        (options.max_height or source.height) / source.height,
    )
    width, height = max(1, round(source.width * ratio)), max(1, round(source.height * ratio))
    names_a_format = options.format not in {OutputFormat.AUTO, OutputFormat.ORIGINAL}
    is_resized = (width, height) != (source.width, source.height)
    is_demanded = (
        is_resized or source.orientation != 1 or (names_a_format and options.format.value != source.format.value)
    )
    return _OutputPlan(width, height, is_resized, is_demanded)


def _is_compressed_enough(source: Source, quality: int) -> bool:
    """Whether a JPEG is already as coarse as is asked: a second loss would save next to nothing.

    Not so for CMYK, which becomes smaller for having three channels instead of four.
    """
    saved_at = source.jpeg_quality
    return source.image.mode != "CMYK" and saved_at is not None and saved_at <= quality


def _output_format(source: Source, plan: _OutputPlan, asked: OutputFormat, *, has_transparency: bool) -> ImageFormat:
    """The format to write. Where `auto` meets a side that its choice cannot express, the source's own."""
    match asked:
        case OutputFormat.ORIGINAL:
            return source.format
        case OutputFormat.AUTO:
            keeps_more = has_transparency or source.is_animated
            best = ImageFormat.WEBP if keeps_more else ImageFormat.JPEG
            return best if max(plan.width, plan.height) <= LONGEST_SIDES[best] else source.format
        case OutputFormat.JPEG | OutputFormat.WEBP | OutputFormat.AVIF:
            return ImageFormat(asked)


def _prepare(source: Source, plan: _OutputPlan, options: ImageOptions) -> tuple[ImageFormat, Picture]:
    if source.is_animated and options.format is not OutputFormat.JPEG:
        image_format = _output_format(source, plan, options.format, has_transparency=False)
        return image_format, _animation(source, plan, options)
    pixels = still(source, plan.width, plan.height)
    tags = _tags(source, plan, options)
    opaque = is_opaque(pixels)
    image_format = _output_format(source, plan, options.format, has_transparency=not opaque)
    modes = MODES[image_format]
    if pixels.size != (plan.width, plan.height):
        modes -= INDEXED_MODES
    pixels, profile = convert(pixels, source.profile, modes, opaque=opaque)
    pixels = _detached(source, _resized(pixels, plan))
    return image_format, Picture((pixels,), profile=profile, tags=tags)


def _animation(source: Source, plan: _OutputPlan, options: ImageOptions) -> Picture:
    shots = []
    profile = source.profile
    for frame in frames(source):
        pixels, profile = convert(frame.image, source.profile, {"RGB", "RGBA"}, opaque=is_opaque(frame.image))
        pixels = _resized(pixels, plan)
        pixels.info = {}
        shots.append((pixels, frame.milliseconds))
    mode = "RGBA" if any(pixels.mode == "RGBA" for pixels, _ in shots) else "RGB"
    return Picture(
        tuple(pixels if pixels.mode == mode else pixels.convert(mode) for pixels, _ in shots),
        tuple(milliseconds for _, milliseconds in shots),
        source.plays,
        profile,
        _tags(source, plan, options),
    )


def _tags(source: Source, plan: _OutputPlan, options: ImageOptions) -> Tags:
    if options.metadata is Metadata.STRIP:
        return NO_TAGS
    return tags_to_keep(source.image, plan.width, plan.height)


def _resized(image: Image.Image, plan: _OutputPlan) -> Image.Image:
    size = (plan.width, plan.height)
    if image.size == size:
        return image
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=_REDUCING_GAP)


def _detached(source: Source, pixels: Image.Image) -> Image.Image:
    """The pixels without what else the source said: writers of JPEG, PNG and TIFF would copy some of it."""
    if pixels is not source.image:
        # Its pixels are no longer needed, and encoding wants the memory.
        source.image.close()
    elif source.format is ImageFormat.TIFF:
        pixels = source.image.copy()
    transparency = pixels.info.get("transparency")
    pixels.info = {} if transparency is None else {"transparency": transparency}
    return pixels
