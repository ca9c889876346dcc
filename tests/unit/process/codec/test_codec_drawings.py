"""Charts, logos, screenshots and icons: without loss where that is smaller; and what is scaled stays small."""

from itertools import product

import oxipng
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageStat

from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec import graphics
from process.codec.compress import compress
from process.codec.encode import Picture, encode
from process.codec.formats import ImageFormat
from process.codec.graphics import looks_drawn, softened
from tests.support.image_files import mean_difference, opened, photo, saved

SOURCES = ["PNG", "GIF", "BMP", "TIFF"]


def chart(width: int = 900, height: int = 600, mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (width, height), "white")
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(20)
    for row in range(0, height - 30, 50):
        for column in range(0, width - 60, 140):
            pen.text((20 + column, row + 10), f"{row}-{column}", "black", font=font)
        pen.line((10, row + 40, width - 10, row + 40), "gray")
    pen.text((30, height - 40), "SALE -30 %", "#c00", font=font)
    return image.convert(mode) if mode != "P" else image.quantize(32, dither=Image.Dither.NONE)


def logo(side: int = 256) -> Image.Image:
    image = Image.new("RGBA", (side, side))
    pen = ImageDraw.Draw(image)
    for number, colour in enumerate(("#61dafb", "#ff4154", "#1e1e2e")):
        inset = side // 16 + side // 8 * number
        pen.ellipse((inset, inset, side - inset, side - inset), outline=colour, width=side // 25)
    return image


@pytest.mark.parametrize("source", SOURCES)
def test_a_chart_becomes_webp_without_loss(source):
    image = chart()

    result = compress(
        saved(image.quantize(64, dither=Image.Dither.NONE) if source == "GIF" else image, source), ImageOptions()
    )

    assert (result.format, result.kept) == ("webp", False)
    assert mean_difference(opened(result.data), image) < 0.5
    assert len(result.data) < len(saved(image, "JPEG", quality=50, optimize=True))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1"])
def test_charts_of_every_mode_are_without_loss(mode):
    image = chart(mode=mode)

    result = compress(saved(image, "PNG", compress_level=1), ImageOptions())

    assert result.format == "webp"
    assert mean_difference(opened(result.data), image) == 0


def test_a_logo_becomes_the_smaller_webp():
    data = saved(logo(), "PNG")

    result = compress(data, ImageOptions())

    candidates = [saved(logo(), "WEBP", quality=50), saved(logo(), "WEBP", lossless=True, quality=75)]
    assert result.format == "webp"
    assert len(result.data) <= min(map(len, candidates))


@pytest.mark.parametrize("quality", [50, 75, 90])
@pytest.mark.parametrize("source", ["PNG", "TIFF", "WEBP"])
def test_a_logo_with_soft_edges_looks_better_in_fewer_bytes_than_with_loss(source, quality):
    image = logo(1024).resize((256, 256), Image.Resampling.LANCZOS)
    with_loss = saved(image, "WEBP", quality=quality, method=4)
    data = saved(image, source, **({"lossless": True} if source == "WEBP" else {}))

    result = compress(data, ImageOptions(quality=quality))

    backdrop = Image.new("RGBA", image.size, "gray")
    shown, worse, wanted = (
        Image.alpha_composite(backdrop, one) for one in (opened(result.data), opened(with_loss), image)
    )
    assert (result.format, len(result.data) < len(with_loss)) == ("webp", True)
    assert mean_difference(shown, wanted) < mean_difference(worse, wanted)


def test_shades_become_fewer_where_they_change_alone():
    image = Image.new("RGBA", (40, 20), "#13579b")
    image.paste((200, 31, 7, 255), (10, 5, 30, 15))

    assert mean_difference(softened(image, 50).crop((13, 8, 27, 12)), image.crop((13, 8, 27, 12))) == 0
    assert max(ImageStat.Stat(ImageChops.difference(softened(image, 50), image)).median) <= 16
    assert 0 < mean_difference(softened(image, 50), image) < 4


def test_photographs_are_not_tried_without_loss(monkeypatch):
    assert looks_drawn(chart())
    assert looks_drawn(logo())
    assert not looks_drawn(photo(1_000, 800))
    assert not looks_drawn(photo(100, 80))

    monkeypatch.setattr(graphics, "_sample", lambda _: pytest.fail("a JPEG was drawn by nobody"))
    assert compress(saved(photo(), "JPEG", quality=92), ImageOptions()).format == "jpeg"


@pytest.mark.parametrize("source", ["WEBP", "AVIF"])
@pytest.mark.parametrize("options", [ImageOptions(max_width=100), ImageOptions(max_height=99)])
def test_what_is_webp_or_avif_stays_so_when_it_is_scaled(source, options):
    result = compress(saved(photo(), source, quality=90), options)

    assert (result.format, result.kept) == (source.lower(), False)


@pytest.mark.parametrize("source", ["WEBP", "AVIF"])
def test_what_is_webp_or_avif_stays_so_when_it_is_turned(source):
    exif = Image.Exif()
    exif[0x0112] = 6

    result = compress(saved(photo(), source, quality=90, exif=exif), ImageOptions())

    assert (result.format, result.width, result.height) == (source.lower(), 240, 320)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
def test_a_drawing_has_the_filter_that_suits_it_and_a_photograph_need_not(mode):
    drawn, shot = chart(mode=mode), photo(mode=mode if mode != "P" else "RGB")
    asked = ImageOptions(format=OutputFormat.ORIGINAL)
    best, fair = (
        min(
            len(oxipng.optimize_from_memory(saved(image, "PNG"), level=2, filter=(row_filter,), fast_evaluation=False))
            for row_filter in (oxipng.RowFilter.NoOp, oxipng.RowFilter.Bigrams)
        )
        for image in (drawn, shot)
    )

    assert len(compress(saved(drawn, "PNG"), asked).data) <= best * 1.002
    assert len(compress(saved(shot, "PNG"), asked).data) <= fair * 1.01


def test_original_png_is_optimised_without_loss():
    image = chart()
    data = saved(image, "PNG")

    result = compress(data, ImageOptions(format=OutputFormat.ORIGINAL))

    assert (result.kept, len(result.data) < 0.95 * len(saved(image, "PNG", optimize=True))) == (False, True)
    assert mean_difference(opened(result.data), image) == 0


@pytest.mark.parametrize("width", [899, 700, 450, 300, 90])
@pytest.mark.parametrize("asked", [OutputFormat.AUTO, OutputFormat.ORIGINAL])
@pytest.mark.parametrize(
    ("source", "mode"),
    [
        ("PNG", "P"),
        ("PNG", "RGB"),
        ("PNG", "L"),
        ("PNG", "1"),
        ("GIF", "P"),
        ("TIFF", "P"),
        ("BMP", "P"),
        ("BMP", "1"),
        ("WEBP", "RGB"),
    ],
)
def test_what_is_scaled_becomes_no_larger(source, mode, asked, width):
    image = chart(mode=mode)
    data = saved(image, source, **({"lossless": True} if source == "WEBP" else {}))

    result = compress(data, ImageOptions(format=asked, max_width=width))

    assert len(result.data) <= len(data)
    assert mean_difference(opened(result.data), image.convert("RGB").resize((result.width, result.height))) < 12


@pytest.mark.parametrize("asked", [OutputFormat.AUTO, OutputFormat.ORIGINAL])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1"])
@pytest.mark.parametrize("source", ["PNG", "BMP"])
def test_a_pattern_becomes_no_larger_though_mixing_makes_colours(source, mode, asked):
    image = Image.new("RGB", (150, 120))
    pen, colours = ImageDraw.Draw(image), ("navy", "orange", "teal", "white", "black")
    for column, row in product(range(30), range(24)):
        colour = colours[(7 * column * column + 3 * column * row + row // 2) % 5]
        pen.rectangle((5 * column, 5 * row, 5 * column + 4, 5 * row + 4), fill=colour)
    data = saved(image.quantize(5) if mode == "P" else image.convert(mode), source)

    result = compress(data, ImageOptions(format=asked, max_width=133))

    assert (result.width, len(result.data) <= len(data)) == (133, True)


@pytest.mark.parametrize(("colours", "bits"), [(2, 1), (3, 4), (16, 4), (17, 8)])
def test_a_bmp_takes_no_more_bits_than_its_colours(colours, bits):
    stripes = Image.new("P", (51, 3 * colours))
    stripes.putpalette([value for index in range(colours) for value in (index, 255 - index, 7 * index)])
    for index in range(colours):
        stripes.paste(index, (index, 3 * index, 51, 3 * index + 3))

    data = encode(Picture((stripes,)), ImageFormat.BMP, ImageOptions())

    assert int.from_bytes(data[28:30], "little") == bits
    assert mean_difference(opened(data), stripes.convert("RGB")) == 0


@pytest.mark.parametrize("quality", [20, 50, 90])
@pytest.mark.parametrize("source", ["JPEG", "WEBP", "AVIF"])
def test_coarse_photographs_become_no_larger_when_scaled(source, quality):
    data = saved(photo(), source, quality=quality)

    result = compress(data, ImageOptions(max_width=318, quality=80))

    assert (result.width, result.format, len(result.data) <= len(data)) == (318, source.lower(), True)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("max_width", [180, 150, 70])
def test_a_scaled_gif_shares_a_palette_and_becomes_no_larger(max_width, mode):
    shots = []
    for number in range(6):
        shot = Image.new(mode, (200, 150), (0, 0, 0, 0) if mode == "RGBA" else "navy")
        ImageDraw.Draw(shot).ellipse((number * 20, 20, number * 20 + 80, 100), fill="orange")
        shots.append(shot)
    data = saved(shots[0], "GIF", save_all=True, append_images=shots[1:], duration=80, loop=0, disposal=2)

    result = compress(data, ImageOptions(format=OutputFormat.ORIGINAL, max_width=max_width))

    moved = opened(result.data)
    assert (moved.n_frames, len(result.data) <= len(data)) == (6, True)  # type: ignore[attr-defined]
    for number, shot in enumerate(shots):
        moved.seek(number)
        expected = shot.resize(moved.size).convert("RGBA")
        backdrop = Image.new("RGBA", moved.size, "white")
        shown = Image.alpha_composite(backdrop, moved.convert("RGBA"))
        assert mean_difference(shown, Image.alpha_composite(backdrop, expected)) < 8


@pytest.mark.parametrize("max_width", [None, 80])
@pytest.mark.parametrize("stored", ["GIF", "PNG", "PNG bytes"])
def test_a_still_with_a_transparent_palette_keeps_its_colours(stored, max_width):
    image = Image.new("RGBA", (160, 100))
    pen = ImageDraw.Draw(image)
    for box, colour in (((10, 10, 70, 90), "#ffd43b"), ((80, 10, 150, 50), "#306998"), ((80, 55, 150, 90), "#d01c1f")):
        pen.rectangle(box, fill=colour)
    match stored:
        case "GIF":
            data = saved(image, "GIF", comment=b"x" * 2_000)
        case "PNG":
            data = saved(image.quantize(16), "PNG", compress_level=0)
        case _:
            data = saved(
                image.convert("RGB").quantize(16), "PNG", compress_level=0, transparency=bytes(3) + b"\xff" * 9
            )
    before = opened(data).convert("RGBA")

    after = opened(compress(data, ImageOptions(format=OutputFormat.ORIGINAL, max_width=max_width)).data).convert("RGBA")

    for x, y in ((4, 4), (40, 50), (115, 30), (115, 75)):
        place = (x * after.width // 160, y * after.height // 100)
        wanted, got = before.getpixel((x, y)), after.getpixel(place)
        assert isinstance(wanted, tuple)
        assert isinstance(got, tuple)
        assert all(abs(one - other) <= 3 for one, other in zip(wanted, got, strict=True)) or max(wanted[3], got[3]) <= 1
