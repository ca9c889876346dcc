"""Reading an image of unknown origin: what it claims to be, within limits, and upright."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import count

from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from imagemill.domain.codes import ImageCode
from imagemill.kept import kept

from .bmff_boxes import clean_aperture
from .colour import inverted_deep, merged_key, native_deep, unchanged
from .formats import ANIMATED_FORMATS, ImageFormat, identify
from .image_fault import ImageError
from .jpeg_quality import estimate_quality
from .jpeg_rows import Scans, ends_in_grey, has_every_row, load_scans
from .jpeg_segments import ended_jpeg
from .metadata import QUARTER_TURNS, TRANSPOSITIONS, orientation
from .png_chunks import PngFile, read_png
from .unsupported import naming_what_is_not_read
from .vips import LEAST_PIXELS, read_png_pixels

#: Each registers its format when it is imported. Image.init() would import some thirty more, in 77 ms, and
#: with them the parsers of formats that are not accepted.
PLUGINS = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
# Pillow 13's own reader of uncompressed TIFF takes planes of 16 bits for planes of 8, and YCbCr's shared colour
# samples for one a pixel: noise, reported as a picture. libtiff, by which it reads compressed files, is right.
TiffImagePlugin.READ_LIBTIFF = True
# Of white-is-zero grey of 16 bits it knows one order of bytes; either is turned round here (`_levelled`).
TiffImagePlugin.OPEN_INFO.setdefault((b"MM", 0, (1,), 1, (16,), ()), ("I;16B", "I;16B"))
# Image.open() does this on its first call: better in the init phase than in the first image's time.
Image.preinit()

#: Frames of one animation: a frame of one pixel takes 14 bytes of a GIF, and pixels alone would not bound them.
MAX_FRAMES = 1_000
#: Pixels of a source without loss up to which it is scaled by the nearest pixel where every other way makes it larger:
#: what grows when its colours are mixed is small, and its pixels are held for it.
ROUGH_PIXELS = 1_000_000
#: Raw modes of PNGs that libvips reads as Pillow does, in two thirds of the time, and what else would matter.
_PLAIN_PNG, _MORE_THAN_PLAIN = frozenset({"RGB", "RGBA"}), frozenset({"interlace", "transparency"})
#: Raw mode that reads the second byte of each channel of a big-endian file.
_LOWER_BYTES = "RGB;16L"
#: Pixels of one image, or of all frames of an animation together (contract A7).
MAX_PIXELS = Image.MAX_IMAGE_PIXELS or 89_478_485


@dataclass(frozen=True, slots=True)
class Header:
    """An image whose header has been read, and what is told from it alone.

    data: the file as a decoder gets it. png: what a PNG says beside its pixels. is_ended_here: whether a
    JPEG lacked its end and has got it from us.
    """

    image: ImageFile.ImageFile
    format: ImageFormat
    data: bytes
    png: PngFile | None = None
    is_ended_here: bool = False

    @property
    def pixels(self) -> int:
        """Of a frame."""
        return self.image.width * self.image.height

    @property
    def is_animated(self) -> bool:
        return self.format in ANIMATED_FORMATS and bool(getattr(self.image, "is_animated", False))


@dataclass(frozen=True, slots=True)
class Source(Header):
    """An image of which it is known which way up it is. `width` and `height` are those of the upright picture.

    crop: what of the stored pixels is the picture: left, top, right, bottom; None for all.
    """

    orientation: int = 1
    width: int = 0
    height: int = 0
    crop: tuple[int, int, int, int] | None = None

    @property
    def profile(self) -> bytes | None:
        profile = self.image.info.get("icc_profile")
        return profile if isinstance(profile, bytes) else None

    @property
    def jpeg_quality(self) -> int | None:
        """Quality at which a JPEG was saved (see `estimate_quality`), None for anything else."""
        if not isinstance(self.image, JpegImagePlugin.JpegImageFile):
            return None
        return estimate_quality(self.image.quantization)

    @property
    def plays(self) -> int:
        """How often an animation is shown; 0 for without end.

        GIF counts repetitions after the first showing and says nothing for once; WebP and PNG count
        showings. AVIF's count is not told by Pillow: without end.
        """
        loop = self.image.info.get("loop")
        if self.format is not ImageFormat.GIF:
            return loop or 0
        return 0 if loop == 0 else (loop or 0) + 1


@dataclass(frozen=True, slots=True)
class Frame:
    """One upright picture of an animation, shown for `milliseconds`."""

    image: Image.Image
    milliseconds: int


def open_header(data: bytes) -> Header:
    """Read the header, by the one plug-in that the first bytes call for, and nothing else.

    Raises:
        ImageError: NOT_AN_IMAGE, UNSUPPORTED_FORMAT, TOO_MANY_PIXELS.
        Exception: whatever Pillow raises on a damaged file.
    """
    image_format = identify(data)
    png = read_png(data) if image_format is ImageFormat.PNG else None
    ended = ended_jpeg(data) if image_format is ImageFormat.JPEG else None
    decoded = png.data if png else ended or data
    with naming_what_is_not_read(data, image_format, is_open=False):
        image = _opened(decoded, image_format)
    # Pillow itself only warns from here to twice the limit, and filters of warnings are not per thread.
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(ImageCode.TOO_MANY_PIXELS)
    if min(image.size) < 1:
        raise ImageError(ImageCode.CORRUPT_IMAGE)
    if png:
        given = {"icc_profile": png.profile, "exif": png.exif and b"Exif\0\0" + png.exif, "xmp": png.xmp}
        image.info |= {name: value for name, value in given.items() if value}
    return Header(image, image_format, decoded, png, ended is not None)


def _opened(data: bytes, image_format: ImageFormat) -> ImageFile.ImageFile:
    if image_format is ImageFormat.JPEG:
        # Past Image.open(), which would read the index of an MPO, too, whose first view is all that is wanted.
        return JpegImagePlugin.JpegImageFile(BytesIO(data))
    if image_format is ImageFormat.HEIC:
        _register_heif()
    return Image.open(BytesIO(data), formats=[image_format.pillow_name])


@kept
def _register_heif() -> None:
    """HEIF's reader, loaded when it is first of use. As many images are decoded at once as there are processors."""
    import pillow_heif  # noqa: PLC0415 - 30 ms that most images need not wait for

    pillow_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False, decode_threads=1)


def open_source(header: Header) -> Source:
    """Which way up the picture is. Raises whatever Pillow raises on a damaged file."""
    image = header.image
    turn = orientation(image)
    width, height = image.size
    crop = clean_aperture(header.data, width, height) if header.format is ImageFormat.AVIF else None
    if crop:
        width, height = crop[2] - crop[0], crop[3] - crop[1]
    # A TIFF reports the size that it will have once loading has turned it.
    if turn in QUARTER_TURNS and header.format is not ImageFormat.TIFF:
        width, height = height, width
    return Source(image, header.format, header.data, header.png, header.is_ended_here, turn, width, height, crop)


def still(source: Source, width: int, height: int, *, may_be_cut: bool = False) -> Image.Image:
    """The upright first frame or page, at `width` × `height` or larger.

    A JPEG wanted at half its size or less is decoded at a half, quarter or eighth: 12–37 % less time. A large PNG
    without transparency is scaled while it is read. may_be_cut: whether somebody has found a JPEG's data to end early.

    Raises:
        ImageError: CORRUPT_IMAGE, UNSUPPORTED_FORMAT.
        Exception: whatever Pillow raises on a damaged file.
    """
    image = source.image
    if source.format is ImageFormat.PNG and _is_plain(image):
        is_scaled_at_once = image.mode == "RGB" and source.orientation == 1 and source.pixels > ROUGH_PIXELS
        pixels = read_png_pixels(source.data, image, (width, height) if is_scaled_at_once else image.size)
        if pixels and pixels.size != image.size:
            pixels.info = dict(image.info)
            return pixels
        if pixels:
            # As Pillow leaves an image that it has read.
            image.im, image.tile = pixels.im, []
    scans = Scans()
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        scans = Scans.of(source.data)
        stored = (height, width) if source.orientation in QUARTER_TURNS else (width, height)
        image.draft(None, stored)
        may_be_cut = may_be_cut or not load_scans(image, source.data, scans)
    with naming_what_is_not_read(source.data, source.format, is_open=True):
        image.load()
    match source.format:
        case ImageFormat.JPEG:
            _check_rows(source, scans, may_be_cut=may_be_cut)
        case ImageFormat.TIFF:
            return _levelled(source)
        case ImageFormat.PNG if source.png and source.png.wide_key:
            return _upright(source, _with_wide_key(source.data, image, source.png.wide_key))
    return _upright(source, image)


def _is_plain(image: ImageFile.ImageFile) -> bool:
    """Whether a PNG has 8 bits a channel, colours, and nothing that is to be done beside reading them."""
    is_large = image.width * image.height >= LEAST_PIXELS
    is_one = len(image.tile) == 1 and not getattr(image, "is_animated", False)
    return is_large and is_one and image.tile[0].args in _PLAIN_PNG and not image.info.keys() & _MORE_THAN_PLAIN


def _check_rows(source: Source, scans: Scans, *, may_be_cut: bool) -> None:
    """Refuse a JPEG with rows missing, of which no decoder says anything. Few files need a closer look.

    Raises:
        ImageError: CORRUPT_IMAGE.
    """
    if source.is_ended_here or may_be_cut:
        is_whole = not scans.lack_some and has_every_row(source.data)
    elif scans.lack_some:
        is_whole = has_every_row(source.data)
    else:
        is_whole = not ends_in_grey(source.image) or has_every_row(source.data, scale=8)
    if not is_whole:
        raise ImageError(ImageCode.CORRUPT_IMAGE)


def _levelled(source: Source) -> Image.Image:
    """A TIFF's picture with grey of more than eight bits as Pillow 13 leaves to its callers: 0 black, 65,535 white."""
    tags = getattr(source.image, "tag_v2", {})
    image = native_deep(source.image, bits=max(tags.get(TiffImagePlugin.BITSPERSAMPLE, (16,))))
    is_white_zero = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0
    return inverted_deep(image) if is_white_zero else image


def _with_wide_key(data: bytes, image: Image.Image, key: tuple[int, int, int]) -> Image.Image:
    """RGB of 16 bits with its transparent colour, of which Pillow 13 compares 16 bits with the upper eight.

    Asked for the other byte order its decoder gives the lower eight.
    """
    lower = Image.open(BytesIO(data), formats=[ImageFormat.PNG.pillow_name])
    lower.tile = [tile._replace(args=_LOWER_BYTES) for tile in lower.tile]
    lower.load()
    return merged_key(image, lower, key)


def frames(source: Source) -> Iterator[Frame]:
    """Every frame of an animation, each whole, upright and in RGB or RGBA.

    Raises:
        ImageError: TOO_MANY_PIXELS above MAX_FRAMES frames or MAX_PIXELS pixels in all frames together.
        Exception: whatever Pillow raises on a damaged file.
    """
    image = source.image
    pixels = 0
    for index, number in enumerate(_frame_numbers(source)):
        try:
            image.seek(number)
        except EOFError:
            # The end of a GIF; of another format, whose header has told the number of frames, a loss.
            if source.format is ImageFormat.GIF:
                return
            raise
        pixels += image.width * image.height
        if index >= MAX_FRAMES or pixels > MAX_PIXELS:
            raise ImageError(ImageCode.TOO_MANY_PIXELS)
        with naming_what_is_not_read(source.data, source.format, is_open=True):
            image.load()
        # A conversion to the same mode copies, which is wanted: the next frame is drawn over this one.
        picture = unchanged(image).convert("RGBA" if image.has_transparency_data else "RGB")
        yield Frame(_upright(source, picture), round(image.info.get("duration", 0)))


def _frame_numbers(source: Source) -> Iterable[int]:
    if source.format is ImageFormat.GIF:
        # Its n_frames would walk through the whole file first, however many frames there are.
        return count()
    # An APNG may begin with a picture for viewers that know no animation (APNG specification, fcTL).
    first = 1 if source.image.info.get("default_image") else 0
    number_of_frames: int = getattr(source.image, "n_frames", 1)
    return range(first, number_of_frames)


def _upright(source: Source, image: Image.Image) -> Image.Image:
    if source.crop:
        image = image.crop(source.crop)
    if source.format is ImageFormat.TIFF or source.orientation not in TRANSPOSITIONS:
        return image
    return image.transpose(TRANSPOSITIONS[source.orientation])
