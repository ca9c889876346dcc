"""What can be read of encoded bytes."""

from process.codec.jpeg_quality import estimate_quality
from tests.support.image_files import opened


def quality_of(data: bytes) -> int | None:
    return estimate_quality(opened(data).quantization)  # type: ignore[attr-defined]


def encoded_as(data: bytes) -> str:
    return str(opened(data).format).lower()
