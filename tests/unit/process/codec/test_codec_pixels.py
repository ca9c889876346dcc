"""What comes out of `compress` looks as what went in: turned, coloured, flattened, animated as it was."""

from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import pytest
from PIL import Image, ImageCms

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import compress
from tests.support.image_files import (
    BLUE,
    GREEN,
    ORIENTATION,
    RED,
    WHITE,
    cmyk_profile,
    corner_patch,
    grey_profile,
    mean_difference,
    opened,
    oriented,
    photo,
    rgb_profile,
    saved,
)

#: Difference of one channel, 0–255, that lossy coding of flat areas may make.
TOLERANCE = 12


def near(colour: object, expected: tuple[int, ...], tolerance: int = TOLERANCE) -> bool:
    assert isinstance(colour, tuple)
    return all(abs(one - other) <= tolerance for one, other in zip(colour, expected, strict=True))


def rgb_at(data: bytes, x: int, y: int) -> object:
    return opened(data).convert("RGB").getpixel((x, y))


def in_srgb(image: Image.Image) -> Image.Image:
    """As a viewer that minds the embedded profile would show it."""
    profile = ImageCms.ImageCmsProfile(BytesIO(image.info["icc_profile"]))
    shown = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    assert shown is not None
    return shown


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_the_patch_in_the_upper_left_stays_there_however_the_pixels_were_stored(image_format, orientation):
    data = oriented(corner_patch(), orientation, image_format)

    result = compress(data, ImageOptions(format=OutputFormat.JPEG if image_format != "JPEG" else OutputFormat.WEBP))

    assert (result.width, result.height) == opened(result.data).size == (96, 64)
    assert near(rgb_at(result.data, 8, 8), RED, 20)
    assert near(rgb_at(result.data, 88, 8), WHITE, 20)
    assert near(rgb_at(result.data, 8, 56), WHITE, 20)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_turned_jpeg_that_stays_one_is_upright_and_says_so(orientation):
    result = compress(oriented(corner_patch(), orientation, "JPEG"), ImageOptions(max_width=48))

    assert (result.width, result.height, result.kept) == (48, 32, False)
    assert near(rgb_at(result.data, 4, 4), RED, 20)
    assert opened(result.data).getexif().get(ORIENTATION, 1) == 1


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


def transparent(mode: str) -> tuple[Image.Image, dict[str, Any]]:
    """Blue, or dark grey, with a patch in the upper left that lets all light through."""
    alpha = Image.new("L", (64, 64), 255)
    alpha.paste(0, (0, 0, 32, 32))
    match mode:
        case "RGBA" | "LA":
            image = Image.new("RGBA", (64, 64), BLUE)
            image.putalpha(alpha)
            return image.convert(mode), {}
        case "P" | "P bytes":
            image = alpha.point([0] * 255 + [1]).convert("P")
            image.putpalette([255, 0, 255, 0, 0, 255])
            return image, {"transparency": 0 if mode == "P" else b"\0\xff"}
        case "I;16 key":
            image = Image.new("I;16", (64, 64), 29 * 257)
            image.paste(0, (0, 0, 32, 32))
        case "1 key":
            image = alpha.convert("1")
        case _:
            image = Image.composite(Image.new("RGB", (64, 64), BLUE), Image.new("RGB", (64, 64)), alpha)
            image = image.convert(mode.removesuffix(" key"))
    return image, {"transparency": (0, 0, 0) if mode == "RGB key" else 0}


TRANSPARENT = ["RGBA", "LA", "P", "P bytes", "RGB key", "L key", "I;16 key", "1 key"]
SHOWN = {"LA": (29, 29, 29), "L key": (29, 29, 29), "I;16 key": (29, 29, 29), "1 key": WHITE}


@pytest.mark.parametrize("mode", TRANSPARENT)
@pytest.mark.parametrize("max_width", [None, 32])
def test_transparency_goes_onto_white_in_a_jpeg(mode, max_width):
    image, settings = transparent(mode)

    result = compress(saved(image, "PNG", **settings), ImageOptions(format=OutputFormat.JPEG, max_width=max_width))

    assert near(rgb_at(result.data, 5, 5), WHITE)
    assert near(rgb_at(result.data, result.width - 4, result.height - 4), SHOWN.get(mode, BLUE), 20)


def test_a_transparent_value_of_16_bits_is_kept_with_them():
    image, settings = transparent("I;16 key")
    data = saved(image, "PNG", compress_level=0, **settings)

    result = compress(data, ImageOptions(format=OutputFormat.ORIGINAL))

    assert (result.kept, opened(result.data).info["transparency"]) == (False, 0)


@pytest.mark.parametrize("mode", [mode for mode in TRANSPARENT if mode != "I;16 key"])
@pytest.mark.parametrize("asked", [OutputFormat.WEBP, OutputFormat.AVIF, OutputFormat.ORIGINAL])
@pytest.mark.parametrize("max_width", [None, 32])
def test_transparency_stays_where_the_format_has_it(mode, asked, max_width):
    image, settings = transparent(mode)

    result = compress(saved(image, "PNG", **settings), ImageOptions(format=asked, max_width=max_width, quality=95))

    shown = opened(result.data).convert("RGBA")
    clear, solid = shown.getpixel((5, 5)), shown.getpixel((result.width - 4, result.height - 4))
    assert isinstance(clear, tuple)
    assert clear[3] <= 5
    assert near(solid, (*SHOWN.get(mode, BLUE), 255), 20)


@pytest.mark.parametrize("mode", ["LA", "P", "L key", "I;16 key"])
def test_auto_sees_transparency_of_every_kind(mode):
    image, settings = transparent(mode)
    data = saved(image.resize((640, 640), Image.Resampling.NEAREST), "PNG", compress_level=0, **settings)

    assert compress(data, ImageOptions()).format == "webp"


def test_a_palette_whose_every_entry_is_opaque_counts_as_opaque():
    data = saved(photo(mode="P"), "PNG", transparency=b"\xff" * 256)

    result = compress(data, ImageOptions(quality=90, max_width=300))

    assert result.format == "jpeg"
    assert mean_difference(opened(result.data), photo(mode="P").convert("RGB").resize((300, 225))) < 12


@pytest.mark.parametrize("mode", ["LA", "L key", "1 key", "I;16 key"])
def test_transparent_grey_stays_grey_in_a_png(mode):
    image, settings = transparent(mode)

    options = ImageOptions(format=OutputFormat.ORIGINAL, max_width=32)
    result = opened(compress(saved(image, "PNG", **settings), options).data)

    assert result.mode == "LA"


def test_half_transparent_pixels_mix_with_white():
    image = Image.new("RGBA", (64, 64), (0, 0, 0, 128))

    result = compress(saved(image, "PNG"), ImageOptions(format=OutputFormat.JPEG))

    assert near(rgb_at(result.data, 9, 9), (127, 127, 127), 3)


@pytest.mark.parametrize("image_format", ["PNG", "TIFF"])
@pytest.mark.parametrize("level", [0, 64, 128, 255])
def test_16_bit_grey_is_scaled_and_not_clipped(image_format, level):
    data = saved(Image.new("I;16", (64, 64), level * 257), image_format)

    result = opened(compress(data, ImageOptions(format=OutputFormat.JPEG, quality=95)).data)

    assert (result.mode, result.getpixel((9, 9))) == ("L", level)


@pytest.mark.parametrize(
    ("mode", "white", "grey"),
    [("I", 65_535, 32_768), ("I", 2_000_000, 1_000_000), ("F", 1.0, 0.5), ("F", 255.0, 128.0), ("F", 4e9, 2e9)],
)
def test_32_bit_grey_is_scaled_by_the_range_it_uses(mode, white, grey):
    image = Image.new(mode, (64, 64), grey)
    image.paste(white, (0, 0, 32, 64))

    result = opened(compress(saved(image, "TIFF"), ImageOptions(format=OutputFormat.JPEG, quality=95)).data)

    assert near((result.getpixel((8, 8)), result.getpixel((56, 8))), (255, 128), 3)


def test_lab_becomes_rgb():
    red = Image.new("LAB", (64, 64), (138, 209, 198))

    result = compress(saved(red, "TIFF"), ImageOptions())

    assert near(rgb_at(result.data, 9, 9), RED, 25)


def test_bilevel_becomes_grey_in_a_jpeg():
    image = Image.new("1", (64, 64), 1)
    image.paste(0, (0, 0, 32, 64))

    result = opened(compress(saved(image, "PNG"), ImageOptions(format=OutputFormat.JPEG)).data)

    assert (result.mode, result.getpixel((8, 8)), result.getpixel((56, 8))) == ("L", 0, 255)


@pytest.mark.parametrize("mode", ["1", "P"])
def test_bits_and_palettes_are_scaled_with_shades_between(mode):
    lines = Image.new("1", (200, 200), 1)
    for x in range(0, 200, 2):
        lines.paste(0, (x, 0, x + 1, 200))

    options = ImageOptions(format=OutputFormat.ORIGINAL, max_width=100)
    result = opened(compress(saved(lines.convert(mode), "PNG"), options).data)

    assert near(result.convert("RGB").getpixel((50, 50)), (128, 128, 128), 20)


def test_the_first_page_of_a_tiff_is_the_picture():
    pages = [Image.new("RGB", (64, 64), colour) for colour in (RED, GREEN)]
    data = saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])

    result = compress(data, ImageOptions(format=OutputFormat.WEBP))

    assert near(rgb_at(result.data, 9, 9), RED)
    assert getattr(opened(result.data), "n_frames", 1) == 1


@pytest.mark.parametrize("asked", [OutputFormat.AUTO, OutputFormat.WEBP])
def test_the_first_view_of_an_mpo_is_the_picture(asked):
    views = [photo(), Image.new("RGB", (320, 240), GREEN)]
    data = saved(views[0], "MPO", save_all=True, append_images=views[1:], quality=92)

    result = compress(data, ImageOptions(format=asked, quality=90))

    assert opened(data).format == "MPO"
    assert result.format == ("jpeg" if asked is OutputFormat.AUTO else "webp")
    assert getattr(opened(result.data), "n_frames", 1) == 1
    assert mean_difference(opened(result.data), views[0]) < 6


DURATIONS = [100, 250, 40]
LOSSLESS: dict[str, dict[str, Any]] = {"WEBP": {"lossless": True}, "GIF": {"disposal": 2}, "AVIF": {"quality": 100}}


def animation(image_format: str, mode: str = "RGB", **settings) -> bytes:
    shots = [Image.new(mode, (64, 48), colour) for colour in (RED, GREEN, BLUE)]
    if mode == "RGBA":
        for x, shot in enumerate(shots):
            shot.paste((0, 0, 0, 0), (x * 16, 0, x * 16 + 16, 48))
    return saved(shots[0], image_format, save_all=True, append_images=shots[1:], duration=DURATIONS, **settings)


def frames_of(data: bytes) -> tuple[list[Image.Image], list[int]]:
    image = Image.open(BytesIO(data))
    shots, durations = [], []
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        image.load()
        shots.append(image.convert("RGBA"))
        durations.append(round(image.info["duration"]))
    return shots, durations


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("max_width", [None, 32])
@pytest.mark.parametrize("asked", [OutputFormat.WEBP, OutputFormat.ORIGINAL, OutputFormat.AVIF])
@pytest.mark.parametrize("stored", ["GIF", "PNG", "WEBP", "AVIF"])
def test_an_animation_keeps_its_frames_and_their_times(stored, asked, max_width, mode):
    settings = LOSSLESS.get(stored, {})

    result = compress(animation(stored, mode, **settings), ImageOptions(format=asked, max_width=max_width, quality=90))

    shots, durations = frames_of(result.data)
    assert durations == DURATIONS
    for number, (shot, colour) in enumerate(zip(shots, (RED, GREEN, BLUE), strict=True)):
        assert shot.size == (result.width, result.height)
        assert near(shot.getpixel((result.width - 2, 5)), (*colour, 255), 40)
        inside = shot.getpixel(((number * 16 + 8) * result.width // 64, 20))
        assert isinstance(inside, tuple)
        assert (inside[3] < 20) is (mode == "RGBA")


@pytest.mark.parametrize("asked", [OutputFormat.WEBP, OutputFormat.ORIGINAL])
@pytest.mark.parametrize(
    ("stored", "loop", "plays"),
    [("GIF", None, 1), ("GIF", 0, 0), ("GIF", 2, 3), ("PNG", 0, 0), ("PNG", 2, 2), ("WEBP", 3, 3)],
)
def test_an_animation_is_shown_as_often_as_before(stored, loop, plays, asked):
    data = animation(stored, **({} if loop is None else {"loop": loop}))

    result = opened(compress(data, ImageOptions(format=asked, max_width=32)).data)

    gif_loop = {0: 0, 1: None}.get(plays, plays - 1)
    assert result.info.get("loop") == (gif_loop if result.format == "GIF" else plays)


@pytest.mark.parametrize("stored", ["GIF", "PNG", "WEBP", "AVIF"])
def test_a_jpeg_of_an_animation_is_its_first_frame(stored):
    result = compress(animation(stored), ImageOptions(format=OutputFormat.JPEG))

    assert near(rgb_at(result.data, 9, 9), RED, 40)


def test_the_still_that_an_apng_holds_for_old_viewers_is_no_frame_of_it():
    shots = [Image.new("RGB", (64, 48), colour) for colour in (WHITE, RED, GREEN, BLUE)]
    data = saved(shots[0], "PNG", save_all=True, append_images=shots[1:], default_image=True, duration=DURATIONS)

    shots, durations = frames_of(compress(data, ImageOptions(format=OutputFormat.WEBP)).data)

    assert (len(shots), durations) == (3, DURATIONS)
    assert near(shots[0].getpixel((9, 9)), (*RED, 255), 40)


def test_a_turned_animation_is_upright_in_every_frame():
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    lying = [corner_patch().transpose(Image.Transpose.ROTATE_90), Image.new("RGB", (64, 96), BLUE)]
    data = saved(lying[0], "WEBP", save_all=True, append_images=lying[1:], duration=100, exif=exif)

    shots, _ = frames_of(compress(data, ImageOptions()).data)

    assert [shot.size for shot in shots] == [(96, 64), (96, 64)]
    assert near(shots[0].getpixel((8, 8)), (*RED, 255), 40)


def test_two_threads_get_what_one_gets():
    images = [
        saved(photo(mode=mode), image_format, **settings)
        for mode, image_format, settings in (
            ("RGB", "JPEG", {"quality": 92, "icc_profile": rgb_profile()}),
            ("CMYK", "JPEG", {"quality": 92, "icc_profile": cmyk_profile()}),
            ("RGBA", "PNG", {}),
            ("L", "TIFF", {}),
        )
    ] + [animation("GIF"), transparent_png()]
    alone = [compress(data, ImageOptions()) for data in images]

    with ThreadPoolExecutor(2) as threads:
        together = list(threads.map(lambda data: compress(data, ImageOptions()), images * 4))

    assert together == alone * 4


def transparent_png() -> bytes:
    return saved(transparent("RGBA")[0].resize((320, 320)), "PNG")
