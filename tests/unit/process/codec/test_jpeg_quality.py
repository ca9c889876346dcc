"""The quality at which a JPEG was saved, read from its tables."""

import pytest
from PIL import Image

from process.codec.jpeg_quality import estimate_quality
from tests.support.image_files import opened, saved


@pytest.mark.parametrize("quality", range(1, 101))
def test_the_quality_of_a_jpeg_is_read_exactly(quality):
    tables = opened(saved(Image.new("L", (8, 8)), "JPEG", quality=quality)).quantization  # type: ignore[attr-defined]

    again = opened(saved(Image.new("L", (8, 8)), "JPEG", quality=estimate_quality(tables))).quantization  # type: ignore[attr-defined]

    assert again == tables
    assert (estimate_quality(tables) or 0) <= quality


def test_a_jpeg_without_tables_has_no_quality():
    assert estimate_quality({}) is None
