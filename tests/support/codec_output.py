"""What can be read of encoded bytes, and of refusals."""

import pytest

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions
from process.codec.compress import ImageError, compress
from process.codec.jpeg_quality import estimate_quality
from tests.support.image_files import opened


def quality_of(data: bytes) -> int | None:
    return estimate_quality(opened(data).quantization)  # type: ignore[attr-defined]


def encoded_as(data: bytes) -> str:
    return str(opened(data).format).lower()


def refusal_of(data: bytes, options: ImageOptions | None = None) -> ImageError:
    with pytest.raises(ImageError) as raised:
        compress(data, options or ImageOptions())
    return raised.value


def fault_of(data: bytes, options: ImageOptions | None = None) -> ImageCode:
    return refusal_of(data, options).code
