"""Colour spaces and their profiles: pixels look as they did."""

from io import BytesIO

import pytest
from PIL import Image, ImageCms

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import compress
from tests.support.image_files import (
    RED,
    WHITE,
    cmyk_profile,
    grey_profile,
    mean_difference,
    opened,
    photo,
    rgb_profile,
    saved,
)
from tests.support.pixels import near, rgb_at


def in_srgb(image: Image.Image) -> Image.Image:
    """As a viewer that minds the embedded profile would show it."""
    profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
    shown = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert shown is not None
    return shown


@pytest.mark.parametrize("stored", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("asked", [OutputFormat.AUTO, OutputFormat.WEBP, OutputFormat.AVIF, OutputFormat.ORIGINAL])
def test_a_wide_gamut_profile_goes_with_the_pixels(stored, asked):
    image = photo()
    data = saved(image, stored, icc_profile=rgb_profile(), **({"quality": 95} if stored in {"JPEG", "WEBP"} else {}))

    result = opened(compress(data, ImageOptions(quality=90, format=asked, max_width=319)).data)

    shown, reference = in_srgb(result), in_srgb(opened(data)).resize(result.size)
    assert result.info["icc_profile"] == rgb_profile()
    assert mean_difference(shown, reference) < 5 < mean_difference(result, reference)


def test_cmyk_becomes_rgb_through_its_profile():
    cyan = Image.new("CMYK", (64, 64), (255, 0, 0, 0))
    data = saved(cyan, "JPEG", quality=95, icc_profile=cmyk_profile())

    result = opened(compress(data, ImageOptions()).data)

    assert (result.mode, result.info.get("icc_profile")) == ("RGB", None)
    assert near(result.getpixel((9, 9)), RED, 20)


@pytest.mark.parametrize("profile", [None, b"no profile", rgb_profile(), cmyk_profile()[:200]])
@pytest.mark.parametrize("ink", [((255, 0, 0, 0), (0, 255, 255)), ((0, 0, 0, 0), WHITE), ((0, 0, 0, 255), (0, 0, 0))])
def test_cmyk_without_a_profile_of_use_becomes_rgb_as_it_is(profile, ink):
    inks, colour = ink
    data = saved(Image.new("CMYK", (64, 64), inks), "JPEG", quality=95, icc_profile=profile)

    result = opened(compress(data, ImageOptions(format=OutputFormat.WEBP)).data)

    assert near(result.getpixel((9, 9)), colour)
    assert "icc_profile" not in result.info


def test_a_profile_of_another_colour_space_than_the_pixels_is_dropped():
    data = saved(photo(), "JPEG", quality=92, icc_profile=grey_profile(1.0))

    assert "icc_profile" not in opened(compress(data, ImageOptions()).data).info


def test_a_profile_without_a_profile_s_signature_is_dropped():
    profile = rgb_profile().replace(b"acsp", b"acsq")
    data = saved(photo(), "JPEG", quality=92, icc_profile=profile)

    assert "icc_profile" not in opened(compress(data, ImageOptions()).data).info


def test_grey_stays_grey_with_its_profile():
    data = saved(photo(mode="L"), "JPEG", quality=92, icc_profile=grey_profile(1.0))

    result = opened(compress(data, ImageOptions()).data)

    assert (result.mode, result.info["icc_profile"]) == ("L", grey_profile(1.0))


@pytest.mark.parametrize("mode", ["L", "LA", "L key"])
def test_grey_that_has_to_become_rgb_goes_through_its_profile(mode):
    # Half of the light, which linear grey calls 128, is 188 in sRGB.
    image = Image.new("L", (64, 64), 128)
    if mode == "LA":
        image.putalpha(Image.linear_gradient("L").resize((64, 64)))
    else:
        image.paste(0, (0, 0, 32, 32))
    settings = {"transparency": 0} if mode == "L key" else {}
    data = saved(image, "PNG", icc_profile=grey_profile(1.0), **settings)

    result = opened(compress(data, ImageOptions(format=OutputFormat.WEBP, quality=95)).data)

    assert "icc_profile" not in result.info
    assert near(result.convert("RGB").getpixel((32, 60)), (188, 188, 188))
    assert result.mode == ("RGB" if mode == "L" else "RGBA")


def test_lab_becomes_rgb():
    red = Image.new("LAB", (64, 64), (138, 209, 198))

    result = compress(saved(red, "TIFF"), ImageOptions())

    assert near(rgb_at(result.data, 9, 9), RED, 25)
