"""How often an animation plays, at each format's limits."""

import pytest

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import compress
from tests.support.image_files import opened, photo, saved

#: Largest count of plays that a format can say; a GIF says repetitions.
MOST = {"GIF": 65_536, "WEBP": 65_535, "PNG": 2**31 - 1}


def plays_of(data: bytes) -> int:
    image = opened(data)
    loop = image.info.get("loop")
    if image.format != "GIF":
        return loop or 0
    return 0 if loop == 0 else (loop or 0) + 1


@pytest.mark.parametrize("asked", [OutputFormat.AUTO, OutputFormat.WEBP, OutputFormat.ORIGINAL, OutputFormat.AVIF])
@pytest.mark.parametrize("max_width", [None, 40])
@pytest.mark.parametrize(
    ("stored", "loop"),
    [
        ("GIF", 65_535),
        ("GIF", 65_534),
        ("GIF", 1),
        ("WEBP", 65_535),
        ("WEBP", 1),
        ("PNG", 65_536),
        ("PNG", 65_537),
        ("PNG", 2**31 - 1),
        ("PNG", 1),
    ],
)
def test_the_plays_are_kept_up_to_what_a_format_can_say(stored, loop, max_width, asked):
    shots = [photo(96, 64).rotate(angle) for angle in (0, 90, 180)]
    data = saved(shots[0], stored, save_all=True, append_images=shots[1:], duration=100, loop=loop)

    result = compress(data, ImageOptions(format=asked, max_width=max_width))

    written = str(result.format).upper()
    assert getattr(opened(result.data), "n_frames", 1) == 3
    if written in MOST:
        assert plays_of(result.data) == min(plays_of(data), MOST[written])
