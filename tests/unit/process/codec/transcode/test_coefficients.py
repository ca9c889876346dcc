"""Whatever kind of JPEG comes in, each coefficient that goes out is the source's, requantised."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from process.codec.transcode.jpeg import transcode
from tests.support.jpeg_pictures import ZIGZAG, expected, pictures
from tests.support.jpeg_reader import read_jpeg
from tests.support.jpeg_writer import Picture, written
from tests.support.libjpeg_tables import scaled_tables

#: Floats have 24 bits, of which sums of 64 products lose some.
TOLERANCE = 0.002
#: A picture has up to a hundred blocks of 64 numbers: on a busy machine that takes a while.
SLOW_TO_DRAW = [HealthCheck.too_slow]
QUALITIES = st.sampled_from((1, 30, 50, 75, 95))


def requantised(value: int, step: int, k: int) -> int:
    """To the nearest; ties to zero, but for DC and the two lowest."""
    size = (2 * abs(value) + step - (k >= 3)) // (2 * step)
    return size if value > 0 else -size


def check(picture: Picture, quality: int, orientation: int, *, progressive: bool) -> None:
    made = transcode(
        written(picture),
        quality,
        pixels=picture.width * picture.height,
        orientation=orientation,
        progressive=progressive,
    )
    jpeg = read_jpeg(made.data)
    size = (picture.width, picture.height)
    assert (jpeg.width, jpeg.height) == (made.width, made.height) == (size[::-1] if orientation >= 5 else size)
    assert jpeg.progressive == progressive
    assert jpeg.unused_symbols == 0
    steps_of = scaled_tables(quality)
    for index, (plane, wanted) in enumerate(zip(jpeg.planes, expected(picture, orientation), strict=True)):
        assert jpeg.quantisers[plane.slot] == steps_of[index > 0]
        for y in range(plane.rows):
            for x in range(plane.columns):
                for k, (value, step) in enumerate(zip(plane.blocks[y][x], steps_of[index > 0], strict=True)):
                    exact = wanted.blocks[y][x][ZIGZAG[k] // 8][ZIGZAG[k] % 8]
                    if wanted.is_exact:
                        assert value == requantised(int(exact), step, k)
                    else:
                        assert abs(value - exact / step) <= 0.5 + TOLERANCE


@given(pictures(), QUALITIES, st.booleans())
@settings(deadline=None, max_examples=60, suppress_health_check=SLOW_TO_DRAW)
def test_each_coefficient_is_requantised(picture, quality, progressive):
    check(picture, quality, 1, progressive=progressive)


@given(pictures(side=16), QUALITIES, st.integers(1, 8), st.booleans())
@settings(deadline=None, max_examples=40, suppress_health_check=SLOW_TO_DRAW)
def test_a_picture_of_whole_mcus_is_turned_by_its_coefficients(picture, quality, orientation, progressive):
    check(picture, quality, orientation, progressive=progressive)
