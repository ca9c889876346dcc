"""The one decision whether an image is transcoded or goes through pixels."""

from __future__ import annotations

from imagemill.domain.options import ImageOptions, OutputFormat

from ..colour import convert
from ..decode import Source
from ..encode import MODES
from ..formats import ImageFormat
from ..metadata import Tags
from .jpeg import Transcoded, transcode
from .refusal import NotTranscodableError, Refusal
from .segments import Embedded

#: Of a JPEG, which is opaque: what it becomes unless another format is named.
STAYS_JPEG = frozenset({OutputFormat.AUTO, OutputFormat.JPEG, OutputFormat.ORIGINAL})


def attempt(
    data: bytes,
    source: Source,
    options: ImageOptions,
    tags: Tags,
    *,
    is_resized: bool,
) -> Transcoded | Refusal | None:
    """A JPEG that becomes a JPEG of the same size, without pixels; why not, or None where that is no question.

    What is embedded is what `encode` would embed. source: with nothing decoded yet.
    """
    stays_jpeg = source.format is ImageFormat.JPEG and options.format in STAYS_JPEG
    if not stays_jpeg or is_resized or source.image.mode not in MODES[ImageFormat.JPEG]:
        return None
    _, profile = convert(source.image, source.profile, MODES[ImageFormat.JPEG], opaque=True)
    try:
        return transcode(
            data,
            options.quality,
            pixels=source.pixels,
            orientation=source.orientation,
            progressive=options.progressive,
            embedded=Embedded(profile or b"", tags.exif, tags.xmp),
        )
    except NotTranscodableError as refused:
        return refused.reason
