"""The lowest qualities: coarse, but the picture, with its transparency, and no larger than at higher ones."""

from itertools import pairwise

import pytest
from PIL import Image, ImageChops, ImageDraw, ImageStat

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import compress
from tests.support.image_files import mean_difference, opened, photo, saved

LOSSY = [OutputFormat.JPEG, OutputFormat.WEBP, OutputFormat.AVIF]
QUALITIES = [1, 5, 20, 50, 95]


def cut_out() -> Image.Image:
    image, mask = photo(300, 200).convert("RGBA"), Image.new("L", (300, 200))
    ImageDraw.Draw(mask).ellipse((40, 20, 260, 180), fill=255)
    image.putalpha(mask)
    return image


@pytest.mark.parametrize("source", ["JPEG", "PNG", "AVIF"])
@pytest.mark.parametrize("asked", LOSSY)
def test_bytes_grow_and_differences_shrink_with_quality(source, asked):
    image = photo(300, 200)
    data = saved(image, source, **({"quality": 95} if source != "PNG" else {}))

    made = [compress(data, ImageOptions(format=asked, quality=quality)) for quality in QUALITIES]

    differences = [mean_difference(opened(result.data), image) for result in made]
    assert all(len(low.data) < len(high.data) for low, high in pairwise(made))
    assert all(low > high for low, high in pairwise(differences))
    assert differences[1] < 20


@pytest.mark.parametrize("asked", [OutputFormat.WEBP, OutputFormat.AVIF])
@pytest.mark.parametrize("quality", [1, 5, 20])
def test_a_cut_out_stays_one(asked, quality):
    image = cut_out()

    shown = opened(compress(saved(image, "PNG"), ImageOptions(format=asked, quality=quality)).data).convert("RGBA")

    alpha = shown.getchannel("A")
    assert ImageStat.Stat(ImageChops.difference(alpha, image.getchannel("A"))).mean[0] < 0.1
    assert (alpha.getpixel((150, 100)), alpha.getpixel((5, 5))) == (255, 0)


@pytest.mark.parametrize("max_width", [None, 120])
def test_an_avif_at_quality_5_stays_the_picture_when_it_is_made_again(max_width):
    image = photo(300, 200)
    once = saved(image, "AVIF", quality=5)

    result = compress(once, ImageOptions(quality=5, max_width=max_width, format=OutputFormat.ORIGINAL))

    shown = opened(result.data)
    wanted = image.resize(shown.size)
    assert (result.format, len(result.data) <= len(once)) == ("avif", True)
    assert (
        mean_difference(shown, wanted) < mean_difference(opened(saved(wanted, "AVIF", quality=5, speed=8)), wanted) + 4
    )
