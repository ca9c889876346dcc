"""Compress one image: bytes in, bytes out, by the rules of contract A3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from itertools import count

from PIL import Image, ImageChops

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, Metadata, OutputFormat

from .colour import is_opaque
from .decode import ROUGH_PIXELS, Header, Source, open_header, open_source, still
from .encode import INDEXED_MODES, MAX_PIXELS_WITHOUT_LOSS, MAX_SOFTENED_PIXELS, Picture, encode, optimised_png
from .fit import fitted
from .formats import CONTENT_TYPES, EXTENSIONS, LONGEST_SIDES, LOSSLESS_FORMATS, ImageFormat
from .graphics import looks_drawn, softened
from .icc import says_srgb
from .image_fault import ImageError, faults_become
from .jpeg_segments import has_scan_of
from .pictures import INDEXED_FORMATS, Painter, Size
from .png_chunks import stripped_png, whole_png
from .strip import readable, stripped
from .transcode.attempt import attempt
from .transcode.jpeg import Transcoded
from .transcode.refusal import ENDS_EARLY, TRANSCODED, Refusal

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
#: Pixels of all frames of an animation that is made coarser lest it be larger than its source: three of each are held.
_MAX_FITTED_PIXELS = 45_000_000
#: Formats that a scaled or turned picture keeps under `auto`: what shows it can show them.
_MODERN_FORMATS = frozenset({ImageFormat.WEBP, ImageFormat.AVIF})


@dataclass(frozen=True, slots=True)
class Compressed:
    """An image to store. width, height: pixels of the upright picture. kept: they are the input's, bit by bit.

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
    """What is to become of one source: the upright size, and whether that alone calls for a new file.

    names_a_format: whether that is one which the caller asked for, and the source has not.
    """

    size: Size
    is_scaled: bool
    is_demanded: bool
    names_a_format: bool


@dataclass(frozen=True, slots=True)
class _Choice:
    """A way to write the picture. rough: makes others, for where all of these are larger than the source."""

    format: ImageFormat
    picture: Picture
    lossless: bool | None = None
    rough: Callable[[], list[_Choice]] | None = None


@dataclass(frozen=True, slots=True)
class OpenedImage:
    """An image whose header has been read, to be compressed once. data: the whole file."""

    data: bytes
    header: Header

    def compress(self, options: ImageOptions, refusal: str | None = None) -> Compressed:
        """See `compress`. refusal: why `transcode` has not done it, where that was asked.

        Raises:
            ImageError: CORRUPT_IMAGE, TOO_MANY_PIXELS or ENCODE_FAILED.
        """
        with faults_become(ImageCode.CORRUPT_IMAGE):
            source = open_source(self.header)
            plan = _plan(source, options)
            profile = source.profile
            made = None if plan.is_demanded else _optimised(self.data, source, options)
            tried = refusal if made or refusal else self._transcoded(source, plan, options)
            made = tried if isinstance(tried, Compressed) else made
            may_be_cut = isinstance(tried, str) and tried in ENDS_EARLY
            choices = [] if made else list(_choices(source, plan, options, may_be_cut=may_be_cut))
        with faults_become(ImageCode.ENCODE_FAILED):
            if made is None:
                way = tried if isinstance(tried, str) else None
                made = replace(self._smallest(choices, source, plan, options), way=way)
        return made if plan.is_demanded else self._or_kept(made, source, profile, options)

    def transcode(self, options: ImageOptions) -> Compressed | Refusal | None:
        """The same without pixels; why not, or None where that was no question.

        The image can be compressed afterwards. Raises as `compress`.
        """
        with faults_become(ImageCode.CORRUPT_IMAGE):
            source = open_source(self.header)
            plan = _plan(source, options)
            tried = self._transcoded(source, plan, options)
        if not isinstance(tried, Compressed) or plan.is_demanded:
            return tried
        return self._or_kept(tried, source, source.profile, options)

    def _transcoded(self, source: Source, plan: _OutputPlan, options: ImageOptions) -> Compressed | Refusal | None:
        """As `attempt`, but for what would be larger than its source, which pixels can make smaller."""
        tags = Painter.of(source, plan.size, options).tags
        tried = attempt(source.data, source, options, tags, is_resized=plan.is_scaled)
        if not isinstance(tried, Transcoded):
            return tried
        if plan.is_demanded and len(tried.data) > len(self.data):
            return None
        return Compressed(tried.data, ImageFormat.JPEG, tried.width, tried.height, kept=False, way=TRANSCODED)

    def _smallest(self, choices: list[_Choice], source: Source, plan: _OutputPlan, options: ImageOptions) -> Compressed:
        for choice in choices:
            pixels = plan.size.width * plan.size.height * len(choice.picture.frames)
            if choice.format is ImageFormat.AVIF and pixels > MAX_AVIF_PIXELS:
                raise ImageError(ImageCode.TOO_MANY_PIXELS)
        made = [
            (encode(choice.picture, choice.format, options, lossless=choice.lossless), choice.format)
            for choice in choices
        ]
        encoded, image_format = min(made, key=lambda one: len(one[0]))
        exact = next((choice for choice in choices if choice.lossless and len(choice.picture.frames) == 1), None)
        is_small = exact is not None and plan.size.width * plan.size.height <= MAX_SOFTENED_PIXELS
        if exact and is_small and exact.format is image_format and encoded != made[choices.index(exact)][0]:
            # A logo with soft edges: lossy WebP wins by bytes alone, which fewer shades do, too, at a better picture.
            frame = softened(exact.picture.frames[0], options.quality)
            near = encode(replace(exact.picture, frames=(frame,)), image_format, options, lossless=True)
            encoded = min(encoded, near, key=len)
        frames = choices[0].picture.frames
        fits_memory = len(frames) == 1 or plan.size.width * plan.size.height * len(frames) <= _MAX_FITTED_PIXELS
        if len(encoded) > len(self.data) and plan.is_demanded and not plan.names_a_format and fits_memory:
            all_choices = choices + [rough for choice in choices if choice.rough for rough in choice.rough()]
            ways = [(choice.picture, choice.format, choice.lossless) for choice in all_choices]
            again = fitted(ways, options, len(self.data), source.jpeg_quality)
            encoded, image_format = min((encoded, image_format), again, key=lambda one: len(one[0]))
        return Compressed(encoded, image_format, plan.size.width, plan.size.height, kept=False)

    def _mended(self, source: Source) -> bytes:
        """The file, metadata and all: what else is damaged than its picture, others may not read as we do."""
        if source.format is ImageFormat.PNG:
            return whole_png(self.data)
        return source.data if source.is_ended_here else self.data

    def _or_kept(self, made: Compressed, source: Source, profile: bytes | None, options: ImageOptions) -> Compressed:
        """The input, without its metadata where that was not asked for, unless `made` is a tenth smaller."""
        data: bytes | None = self._mended(source)
        if source.format is ImageFormat.JPEG and has_scan_of(
            source.data, len(made.data) * 100 // WORTHWHILE_PERCENT + 1
        ):
            # Its pixels alone are larger, whatever else there is to be stripped.
            return made
        if options.metadata is Metadata.STRIP:
            # A PNG is read from its own file; a JPEG may have had to be given its end.
            file = self.data if source.format is ImageFormat.PNG else source.data
            data = stripped(file, source.format, keep_profile=not (profile and says_srgb(profile)))
        if data is None:
            return made
        if data == self.data:
            # The very object: nobody need store it apart from the input.
            data = self.data
        is_worthwhile = len(made.data) * 100 <= len(data) * WORTHWHILE_PERCENT
        # A GIF that stays one may have more colours in all than one palette holds.
        is_gif = source.format is made.format is ImageFormat.GIF
        if is_worthwhile and not is_gif:
            return made
        if data is not self.data and not readable(data, source.format):
            return made
        if is_worthwhile and _shows_the_same(made.data, data):
            return made
        return Compressed(data, source.format, source.width, source.height, kept=True, way=made.way)


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

    The input's picture is returned as it is (`kept`) when the result would not be 10 % smaller, unless the
    caller named another format, or the picture had to be resized or turned, or came as HEIC, which is not
    written. Where `metadata` is `strip` it loses its metadata, without loss to the picture.

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
    size = Size(max(1, round(source.width * ratio)), max(1, round(source.height * ratio)))
    is_scaled = size != Size(source.width, source.height)
    names_a_format = (
        options.format not in {OutputFormat.AUTO, OutputFormat.ORIGINAL} and options.format.value != source.format.value
    )
    is_demanded = is_scaled or source.orientation != 1 or names_a_format or source.format is ImageFormat.HEIC
    return _OutputPlan(size, is_scaled, is_demanded, names_a_format)


def _output_format(source: Source, plan: _OutputPlan, asked: OutputFormat, *, has_transparency: bool) -> ImageFormat:
    """The format to write. Where `auto` meets a side that its choice cannot express, the source's own."""
    own = source.format if source.format is not ImageFormat.HEIC else ImageFormat.PNG
    match asked:
        case OutputFormat.ORIGINAL if source.format is not ImageFormat.HEIC:
            return own
        case OutputFormat.AUTO | OutputFormat.ORIGINAL:
            if plan.is_demanded and source.format in _MODERN_FORMATS:
                return own
            keeps_more = has_transparency or source.is_animated
            best = ImageFormat.WEBP if keeps_more else ImageFormat.JPEG
            return best if max(plan.size.width, plan.size.height) <= LONGEST_SIDES[best] else own
        case OutputFormat.JPEG | OutputFormat.WEBP | OutputFormat.AVIF:
            return ImageFormat(asked)


def _optimised(data: bytes, source: Source, options: ImageOptions) -> Compressed | None:
    """A still PNG that stays one, at its own depth of bits; None for anything else."""
    is_still_png = source.format is ImageFormat.PNG and not source.is_animated
    if options.format is not OutputFormat.ORIGINAL or not is_still_png or source.pixels > MAX_PIXELS_WITHOUT_LOSS:
        return None
    profile = source.profile
    keeps_profile = not (profile and says_srgb(profile))
    # Decoded by Pillow, too, which refuses what the optimiser might not.
    source.image.load()
    is_kept = options.metadata is Metadata.KEEP
    file = whole_png(data) if is_kept else stripped_png(data, keep_profile=keeps_profile)
    return Compressed(optimised_png(file, source.image), ImageFormat.PNG, source.width, source.height, kept=False)


def _shows_the_same(one: bytes, other: bytes) -> bool:
    first, second = (Image.open(BytesIO(data), formats=["GIF"]) for data in (one, other))
    for number in count():
        is_over = []
        for image in (first, second):
            try:
                image.seek(number)
                is_over.append(False)
            except EOFError:
                is_over.append(True)
        if any(is_over):
            return all(is_over)
        difference = ImageChops.difference(first.convert("RGBA"), second.convert("RGBA"))
        if first.info.get("duration") != second.info.get("duration") or difference.getbbox(alpha_only=False):
            return False
    raise AssertionError("a file has an end")


def _choices(
    source: Source, plan: _OutputPlan, options: ImageOptions, *, may_be_cut: bool = False
) -> Iterator[_Choice]:
    """The format's own way to write the picture, and where `auto` may choose and it was drawn, one without loss."""
    stays_webp = options.format is OutputFormat.ORIGINAL and source.format is ImageFormat.WEBP
    may_be_lossless = (options.format is OutputFormat.AUTO or stays_webp) and source.format in LOSSLESS_FORMATS
    if source.is_animated and options.format is not OutputFormat.JPEG:
        image_format = _output_format(source, plan, options.format, has_transparency=False)
        painter = Painter.of(source, plan.size, options)
        picture = painter.animation(image_format)
        is_small = source.pixels * len(picture.frames) <= ROUGH_PIXELS
        may_be_rough = plan.is_scaled and source.format in LOSSLESS_FORMATS and is_small
        yield _Choice(
            image_format, picture, rough=partial(_rough_animation, painter, image_format) if may_be_rough else None
        )
        if may_be_lossless and image_format is ImageFormat.WEBP and looks_drawn(picture.frames[0]):
            yield _Choice(image_format, picture, lossless=True)
        return
    pixels = still(source, plan.size.width, plan.size.height, may_be_cut=may_be_cut)
    painter = Painter.of(source, plan.size, options)
    opaque = is_opaque(pixels)
    image_format = _output_format(source, plan, options.format, has_transparency=not opaque)
    picture = painter.still(pixels, image_format, opaque=opaque)
    is_small = plan.size.width * plan.size.height <= MAX_PIXELS_WITHOUT_LOSS
    fits = is_small and max(plan.size.width, plan.size.height) <= LONGEST_SIDES[ImageFormat.WEBP]
    if may_be_lossless and fits and image_format is not ImageFormat.AVIF and looks_drawn(picture.frames[0]):
        exact = painter.still(pixels, ImageFormat.WEBP, opaque=opaque)
        yield _Choice(ImageFormat.WEBP, exact, lossless=True)
    is_small_source = source.format in LOSSLESS_FORMATS and source.pixels <= ROUGH_PIXELS
    may_be_rough = pixels.mode in INDEXED_MODES or is_small_source
    keeps_source = may_be_rough or pixels is source.image or picture.frames[0] is source.image
    if not keeps_source:
        # Its pixels are no longer needed, and encoding wants the memory.
        source.image.close()
    stays = image_format in INDEXED_FORMATS
    rough = None
    if plan.is_scaled and may_be_rough and (stays or fits):
        rough_format = image_format if stays else ImageFormat.WEBP
        rough = partial(_rough_still, painter, pixels, rough_format, opaque=opaque)
    yield _Choice(image_format, picture, rough=rough)


def _rough_still(painter: Painter, pixels: Image.Image, image_format: ImageFormat, *, opaque: bool) -> list[_Choice]:
    picture = painter.rough(pixels, image_format, opaque=opaque)
    return [_Choice(image_format, picture, lossless=True if image_format is ImageFormat.WEBP else None)]


def _rough_animation(painter: Painter, image_format: ImageFormat) -> list[_Choice]:
    """In the source's own format, too: a frame takes 32 bytes of a WebP whatever it shows, and 20 of a GIF."""
    return [
        _Choice(each, painter.animation(each, is_rough=True), lossless=True if each is ImageFormat.WEBP else None)
        for each in {image_format: None, painter.source.format: None}
    ]
