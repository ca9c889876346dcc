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
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from imagemill.domain.codes import ImageCode

from .formats import ANIMATED_FORMATS, ImageFormat, identify
from .image_fault import ImageError
from .jpeg_quality import estimate_quality
from .metadata import QUARTER_TURNS, TRANSPOSITIONS, orientation

#: Each registers its format when it is imported. Image.init() would import some thirty more, in 77 ms, and
#: with them the parsers of formats that are not accepted.
PLUGINS = (
    AvifImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    JpegImagePlugin,
    MpoImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)
# Image.open() does this on its first call: better in the init phase than in the first image's time.
Image.preinit()

#: Frames of one animation: a frame of one pixel takes 14 bytes of a GIF, and pixels alone would not bound them.
MAX_FRAMES = 1_000
#: Pixels of one image, or of all frames of an animation together (contract A7).
MAX_PIXELS = Image.MAX_IMAGE_PIXELS or 89_478_485


@dataclass(frozen=True, slots=True)
class Header:
    """An image whose header has been read, and what is told from it alone."""

    image: ImageFile.ImageFile
    format: ImageFormat

    @property
    def pixels(self) -> int:
        """Of a frame."""
        return self.image.width * self.image.height

    @property
    def is_animated(self) -> bool:
        return self.format in ANIMATED_FORMATS and bool(getattr(self.image, "is_animated", False))


@dataclass(frozen=True, slots=True)
class Source(Header):
    """An image of which it is known which way up it is. `width` and `height` are those of the upright picture."""

    orientation: int
    width: int
    height: int

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
    image = Image.open(BytesIO(data), formats=[image_format.pillow_name])
    # Pillow itself only warns from here to twice the limit, and filters of warnings are not per thread.
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(ImageCode.TOO_MANY_PIXELS)
    if min(image.size) < 1:
        raise ImageError(ImageCode.CORRUPT_IMAGE)
    return Header(image, image_format)


def open_source(header: Header) -> Source:
    """Which way up the picture is. Raises whatever Pillow raises on a damaged file."""
    image = header.image
    if header.format is ImageFormat.PNG:
        # Its EXIF may follow the pixels.
        image.load()
    turn = orientation(image)
    width, height = image.size
    # A TIFF reports the size that it will have once loading has turned it.
    if turn in QUARTER_TURNS and header.format is not ImageFormat.TIFF:
        width, height = height, width
    return Source(image, header.format, turn, width, height)


def check_is_complete(source: Source) -> None:
    """Decode a JPEG at an eighth of its size, which is enough to find its data cut short.

    Raises:
        OSError: when it is. Damaged bits inside the scan go unnoticed, as in most decoders.
    """
    source.image.draft(None, (1, 1))
    source.image.load()


def still(source: Source, width: int, height: int) -> Image.Image:
    """The upright first frame or page, at `width` × `height` or larger.

    A JPEG wanted at half its size or less is decoded at a half, quarter or eighth: 12–37 % less time.
    """
    if source.format is ImageFormat.JPEG:
        stored = (height, width) if source.orientation in QUARTER_TURNS else (width, height)
        source.image.draft(None, stored)
    source.image.load()
    return _upright(source, source.image)


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
        image.load()
        # A conversion to the same mode copies, which is wanted: the next frame is drawn over this one.
        picture = image.convert("RGBA" if image.has_transparency_data else "RGB")
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
    if source.format is ImageFormat.TIFF or source.orientation not in TRANSPOSITIONS:
        return image
    return image.transpose(TRANSPOSITIONS[source.orientation])
