"""The most memory that compressing an image takes beside its own bytes, told from its header.

Upper bounds: `bench/peaks.py` measures each decoder with each encoder on the content that it finds hardest, and
`tests/unit/process/codec/test_peak.py` holds these figures to what it wrote.
"""

from __future__ import annotations

from imagemill.domain.options import ImageOptions, OutputFormat

from .decode import MAX_PIXELS, Header
from .formats import ImageFormat

#: Bytes for each pixel, by the encoder. To WebP of what may be transparent libwebp keeps the picture as ARGB, as
#: YUVA and as coefficients.
JPEG_BYTES, PNG_BYTES, GIF_BYTES, TIFF_BYTES, BMP_BYTES = 13, 19, 19, 19, 19
WEBP_BYTES, TRANSPARENT_WEBP_BYTES, AVIF_BYTES = 19, 42, 30
#: And for all frames of an animation, decoded and on their way into the encoder.
ANIMATION_BYTES = 8
#: What small pictures take whatever their size.
LEAST_BYTES = 8_000_000

_BY_ENCODER = {
    ImageFormat.JPEG: JPEG_BYTES,
    ImageFormat.PNG: PNG_BYTES,
    ImageFormat.GIF: GIF_BYTES,
    ImageFormat.TIFF: TIFF_BYTES,
    ImageFormat.BMP: BMP_BYTES,
    ImageFormat.WEBP: WEBP_BYTES,
    ImageFormat.AVIF: AVIF_BYTES,
}


def peak_bytes(header: Header, options: ImageOptions) -> int:
    """Bytes. An animation counts as large as any may be: its header does not tell the number of frames."""
    if header.is_animated and options.format is not OutputFormat.JPEG:
        return MAX_PIXELS * ANIMATION_BYTES
    return LEAST_BYTES + header.pixels * max(_bytes_a_pixel(header, encoder) for encoder in _encoders(header, options))


def _encoders(header: Header, options: ImageOptions) -> set[ImageFormat]:
    """Those that the options and the header leave open."""
    match options.format:
        case OutputFormat.ORIGINAL:
            return {header.format}
        case OutputFormat.AUTO if header.format is ImageFormat.JPEG:
            return {ImageFormat.JPEG}
        case OutputFormat.AUTO:
            return {ImageFormat.JPEG, ImageFormat.WEBP} if _may_be_transparent(header) else {ImageFormat.JPEG}
        case _:
            return {ImageFormat(options.format)}


def _may_be_transparent(header: Header) -> bool:
    return header.image.has_transparency_data


def _bytes_a_pixel(header: Header, encoder: ImageFormat) -> int:
    if encoder is ImageFormat.WEBP and _may_be_transparent(header):
        return TRANSPARENT_WEBP_BYTES
    if encoder is ImageFormat.JPEG and header.format is not ImageFormat.JPEG:
        # Decoded, made opaque or grey, and only then encoded.
        return PNG_BYTES
    return _BY_ENCODER[encoder]
