"""Why an image could not be compressed, as a code of the contract."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from PIL import Image

from imagemill.domain.codes import ImageCode
from imagemill.errors import ImagemillError

#: Fixed sentences: nothing of what a hostile file says reaches a log line or a user.
_MESSAGES: Mapping[ImageCode, str] = {
    ImageCode.NOT_AN_IMAGE: "The bytes are not an image.",
    ImageCode.UNSUPPORTED_FORMAT: "The image is in a format that is not accepted.",
    ImageCode.CORRUPT_IMAGE: "The image is truncated or damaged.",
    ImageCode.TOO_MANY_PIXELS: "The image has more pixels or frames than are accepted.",
    ImageCode.ENCODE_FAILED: "The image could not be encoded.",
    ImageCode.TOO_LARGE_TO_PROCESS: "The image takes more memory than the worker has.",
    ImageCode.PROCESSING_TIMEOUT: "The image takes too long to decode or to encode.",
    ImageCode.PROCESSING_CRASHED: "The image crashed its decoder.",
}


class ImageError(ImagemillError):
    """An image that cannot be compressed. `code` says why; the message holds no text from the image.

    reason: for a code that has kinds, which it is: a word of ours, such as the format's name.
    """

    def __init__(self, code: ImageCode, reason: str | None = None) -> None:
        super().__init__(_MESSAGES[code])
        self.code = code
        self.reason = reason


@contextmanager
def faults_become(code: ImageCode) -> Iterator[None]:
    """Turn whatever the codecs raise inside the block into an ImageError, the cause attached.

    Every exception counts, not a list of them: on hostile bytes Pillow has raised OSError, SyntaxError,
    ValueError, struct.error, zlib.error, OverflowError, MemoryError, AttributeError and more.

    Raises:
        ImageError: TOO_MANY_PIXELS where Pillow suspects a decompression bomb, else `code`.
    """
    try:
        yield
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as fault:
        raise ImageError(ImageCode.TOO_MANY_PIXELS) from fault
    except Exception as fault:
        raise ImageError(code) from fault
