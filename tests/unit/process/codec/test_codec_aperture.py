"""AVIF's clean aperture: what of the stored pixels is the picture."""

import pytest

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import compress
from tests.support.avif_files import with_clean_aperture
from tests.support.image_files import mean_difference, opened, photo


@pytest.mark.parametrize("asked", list(OutputFormat))
@pytest.mark.parametrize("max_width", [None, 50])
@pytest.mark.parametrize(
    ("numbers", "box"),
    [
        ((200, 1, 100, 1, 0, 1, 0, 1), (60, 70, 260, 170)),
        ((200, 1, 100, 1, -60, 1, -70, 1), (0, 0, 200, 100)),
        ((400, 2, 200, 2, 120, 2, 140, 2), (120, 140, 320, 240)),
    ],
)
def test_only_the_clean_aperture_is_the_picture(numbers, box, max_width, asked):
    data = with_clean_aperture(photo(), *numbers)

    result = compress(data, ImageOptions(format=asked, max_width=max_width, quality=90))

    size = (max_width, 25) if max_width else (200, 100)
    assert (result.width, result.height) == size
    if not result.kept:
        shown = opened(result.data)
        assert shown.size == size
        assert mean_difference(shown, photo().crop(box).resize(size)) < 12


@pytest.mark.parametrize(
    "numbers",
    [
        (0, 1, 100, 1, 0, 1, 0, 1),
        (200, 0, 100, 1, 0, 1, 0, 1),
        (900, 1, 100, 1, 0, 1, 0, 1),
        (200, 1, 100, 1, 999, 1, 0, 1),
        (320, 1, 240, 1, 0, 1, 0, 1),
    ],
)
def test_an_aperture_that_is_none_hides_nothing(numbers):
    result = compress(with_clean_aperture(photo(), *numbers), ImageOptions(format=OutputFormat.JPEG))

    assert (result.width, result.height) == (320, 240)
