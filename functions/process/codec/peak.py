"""The most memory that compressing an image takes beside its own bytes, told before anything is decoded.

Upper bounds: `bench/peaks.py` measures each decoder with each encoder on the content that it finds hardest, and
`tests/unit/process/codec/test_peak.py` holds these figures to what it wrote.
"""

from __future__ import annotations

from dataclasses import dataclass

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, OutputFormat

from .decode import MAX_FRAMES, MAX_PIXELS, Header
from .encode import MAX_PIXELS_WITHOUT_LOSS, MAX_SOFTENED_PIXELS
from .formats import LOSSLESS_FORMATS, ImageFormat
from .image_fault import ImageError, faults_become
from .transcode.attempt import STAYS_JPEG
from .transcode.sandbox import memory_bytes

#: Bytes for each pixel, by the encoder, whatever was decoded.
_BY_ENCODER = {
    ImageFormat.JPEG: 20,
    ImageFormat.PNG: 20,
    ImageFormat.HEIC: 20,
    ImageFormat.GIF: 20,
    ImageFormat.TIFF: 20,
    ImageFormat.BMP: 20,
    ImageFormat.WEBP: 22,
    ImageFormat.AVIF: 31,
}
#: Where an encoder without loss may be tried: libwebp's took 31, the optimiser of PNG 31, beside what was decoded.
_WITHOUT_LOSS = 36
#: More for what is then tried with fewer shades, too.
_SOFTENED = 9
#: From JPEG to JPEG nothing is converted.
_JPEG_TO_JPEG = 13
#: Of what may be transparent: libwebp keeps it as ARGB, as YUVA and as coefficients.
_TRANSPARENT = {ImageFormat.WEBP: 43, ImageFormat.AVIF: 37}
#: And more, whatever the encoder, by the decoder: libwebp's keeps two frames of its own.
_BY_DECODER = {ImageFormat.WEBP: 9}
#: For all frames of an animation, decoded and on their way into the encoder, by what was decoded.
_ANIMATION = {ImageFormat.GIF: 13, ImageFormat.PNG: 29}
_OTHER_ANIMATION = 12
#: What pictures take whatever their size: tables, and what the allocator takes ahead.
LEAST_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Sketch:
    """What memory and time follow from. pixels: of one frame; all_pixels: of all, as many as there may be where the
    header does not tell."""

    format: ImageFormat
    pixels: int
    may_be_transparent: bool
    is_animated: bool
    all_pixels: int = MAX_PIXELS

    @classmethod
    def of_header(cls, header: Header) -> Sketch:
        """Raises ImageError: CORRUPT_IMAGE, such as for a palette that is missing, or half of a second frame."""
        with faults_become(ImageCode.CORRUPT_IMAGE):
            may_be_transparent, is_animated = header.image.has_transparency_data, header.is_animated
        frames = getattr(header.image, "n_frames", 1) if header.format is ImageFormat.PNG else MAX_FRAMES
        all_pixels = min(header.pixels * frames, MAX_PIXELS)
        return cls(header.format, header.pixels, may_be_transparent, is_animated, all_pixels)

    @classmethod
    def of_webp(cls, data: bytes) -> Sketch:
        """From the first chunk: libwebp's decoder takes memory for two whole frames to tell as much.

        Raises:
            ImageError: CORRUPT_IMAGE, TOO_MANY_PIXELS.
        """
        kind, chunk = data[12:16], data[20:30].ljust(10, b"\0")
        is_animated = False
        match kind:
            case b"VP8X":
                width = 1 + int.from_bytes(chunk[4:7], "little")
                height = 1 + int.from_bytes(chunk[7:10], "little")
                may_be_transparent, is_animated = bool(chunk[0] & 0x10), bool(chunk[0] & 0x02)
            case b"VP8L":
                bits = int.from_bytes(chunk[1:5], "little")
                width, height, may_be_transparent = 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), bool(bits >> 28 & 1)
            case b"VP8 ":
                width = int.from_bytes(chunk[6:8], "little") & 0x3FFF
                height = int.from_bytes(chunk[8:10], "little") & 0x3FFF
                may_be_transparent = False
            case _:
                raise ImageError(ImageCode.CORRUPT_IMAGE)
        if width * height > MAX_PIXELS:
            raise ImageError(ImageCode.TOO_MANY_PIXELS)
        return cls(ImageFormat.WEBP, width * height, may_be_transparent, is_animated)

    def transcoding_bytes(self, options: ImageOptions, longest_side: int, length: int) -> int | None:
        """The same of a file of `length` bytes, as long as no pixel is needed; None where one plainly will be.

        Who gets no more than this may have to ask again: whether a file can be transcoded is known when it has been.
        """
        limits = [limit for limit in (options.max_width, options.max_height) if limit]
        if self.format is not ImageFormat.JPEG or options.format not in STAYS_JPEG:
            return None
        if any(limit < longest_side for limit in limits):
            return None
        return LEAST_BYTES + memory_bytes(length, self.pixels)

    def peak_bytes(self, options: ImageOptions) -> int:
        """Bytes. An animation counts as large as any may be, but a PNG, whose header tells the number of frames."""
        if self.is_animated and options.format is not OutputFormat.JPEG:
            return LEAST_BYTES + self.all_pixels * _ANIMATION.get(self.format, _OTHER_ANIMATION)
        by_encoder = max(self._bytes_a_pixel(encoder) for encoder in self._encoders(options))
        if not self._may_lose_nothing(options):
            return LEAST_BYTES + self.pixels * by_encoder
        softened = min(self.pixels, MAX_SOFTENED_PIXELS) if self.may_be_transparent else 0
        return LEAST_BYTES + self.pixels * max(by_encoder, _WITHOUT_LOSS) + softened * _SOFTENED

    def _may_lose_nothing(self, options: ImageOptions) -> bool:
        stays = options.format in {OutputFormat.AUTO, OutputFormat.ORIGINAL}
        return stays and self.format in LOSSLESS_FORMATS and self.pixels <= MAX_PIXELS_WITHOUT_LOSS

    def _encoders(self, options: ImageOptions) -> set[ImageFormat]:
        """Those that the options and the header leave open."""
        match options.format:
            case OutputFormat.ORIGINAL if self.format is not ImageFormat.HEIC:
                return {self.format}
            case OutputFormat.AUTO if self.format is ImageFormat.JPEG:
                return {ImageFormat.JPEG}
            case OutputFormat.AUTO | OutputFormat.ORIGINAL:
                # Its own format where a side is too long for the others, or where it is only scaled.
                best = {ImageFormat.WEBP} if self.may_be_transparent else set()
                return {ImageFormat.JPEG, self.format} | best
            case _:
                return {ImageFormat(options.format)}

    def _bytes_a_pixel(self, encoder: ImageFormat) -> int:
        if encoder is self.format is ImageFormat.JPEG:
            return _JPEG_TO_JPEG
        encoding = _TRANSPARENT if self.may_be_transparent and encoder in _TRANSPARENT else _BY_ENCODER
        return encoding[encoder] + _BY_DECODER.get(self.format, 0)
