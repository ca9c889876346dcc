"""A profile that says sRGB need not be said; any other stays."""

import io

import pytest
from PIL import Image, ImageCms

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import compress
from process.codec.icc import P3_CHROMATICITIES, SRGB_CHROMATICITIES, grey_profile, rgb_profile, says_srgb
from tests.support.image_files import mean_difference, opened, photo, saved
from tests.support.image_files import rgb_profile as adobe_rgb


def lcms_srgb() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def renamed(profile: bytes) -> bytes:
    """With other words in its description, and as many."""
    return profile.replace("sRGB".encode("utf-16-be"), "Wide".encode("utf-16-be"))


SRGB = {
    "lcms": lcms_srgb(),
    "padded to Photoshop's length": lcms_srgb().ljust(3_144, b"\0"),
    "by another name": renamed(lcms_srgb()),
    "by its chromaticities": rgb_profile(SRGB_CHROMATICITIES),
}
OTHERS = {
    "Adobe RGB": adobe_rgb(),
    "Display P3": rgb_profile(P3_CHROMATICITIES),
    "gamma 2.2": rgb_profile(SRGB_CHROMATICITIES, 2.2),
    "gamma 1.8": rgb_profile(SRGB_CHROMATICITIES, 1.8),
    "linear": rgb_profile(SRGB_CHROMATICITIES, 1.0),
}
STORED = ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"]
SETTINGS = {"JPEG": {"quality": 92}, "WEBP": {"quality": 92}, "AVIF": {"quality": 92}}


@pytest.mark.parametrize("asked", list(OutputFormat))
@pytest.mark.parametrize("max_width", [None, 100])
@pytest.mark.parametrize("profile", SRGB)
@pytest.mark.parametrize("stored", STORED)
def test_srgb_is_not_said(stored, profile, max_width, asked):
    data = saved(photo(), stored, icc_profile=SRGB[profile], **SETTINGS.get(stored, {}))

    result = compress(data, ImageOptions(format=asked, max_width=max_width, quality=90))

    assert not opened(result.data).info.get("icc_profile")
    assert mean_difference(opened(result.data), photo().resize((result.width, result.height))) < 8


@pytest.mark.parametrize("asked", list(OutputFormat))
@pytest.mark.parametrize("profile", OTHERS)
@pytest.mark.parametrize("stored", STORED)
def test_any_other_profile_stays(stored, profile, asked):
    data = saved(photo(), stored, icc_profile=OTHERS[profile], **SETTINGS.get(stored, {}))

    result = compress(data, ImageOptions(format=asked, max_width=100, quality=90))

    assert opened(result.data).info["icc_profile"] == OTHERS[profile]


def test_grey_of_srgb_s_curve_is_not_said_and_another_is():
    assert not says_srgb(grey_profile(2.2))
    assert says_srgb(b"".join((lcms_srgb()[:16], b"RGB ", lcms_srgb()[20:])))


@pytest.mark.parametrize("damage", [slice(128, 140), slice(36, 40), slice(132, 400), slice(0, 0)])
def test_a_damaged_profile_says_nothing(damage):
    profile = bytearray(lcms_srgb())
    profile[damage] = b"\xff" * (damage.stop - damage.start)

    assert isinstance(says_srgb(bytes(profile[:300])), bool)
    assert not says_srgb(bytes(profile[:300]))


def test_profiles_made_here_are_read_by_the_colour_engine():
    linear = ImageCms.ImageCmsProfile(io.BytesIO(rgb_profile(SRGB_CHROMATICITIES, 1.0)))

    shown = ImageCms.profileToProfile(
        Image.new("RGB", (2, 2), (55, 55, 55)), linear, ImageCms.createProfile("sRGB"), outputMode="RGB"
    )

    assert shown is not None
    assert shown.getpixel((0, 0)) == (128, 128, 128)
