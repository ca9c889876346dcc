"""Estimates of memory are upper bounds of what `bench/peaks.py` measured, and tell giants from what fits."""

import csv
import struct

import pytest

from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions, OutputFormat
from process.codec.compress import ImageError, open_image
from process.codec.formats import ImageFormat
from process.codec.peak import Sketch
from tests.support.account import PROJECT
from tests.support.image_files import photo, saved

MEASURED = PROJECT / "docs" / "benchmarks" / "peaks.csv"
#: What the default worker has for pictures.
BUDGET_BYTES = 1_430_000_000
#: Of the pictures that were measured, and which of them may be transparent (bench/peaks.py).
PIXELS = 2_400 * 1_600
CLEAR = {"PNG RGBA", "PNG RGBA turned", "PNG LA", "PNG indexed", "WebP RGBA", "WebP RGBA without loss", "GIF"} | {
    "TIFF RGBA deflated",
    "AVIF RGBA",
}
#: Of a sampled peak, and of a table that is rounded.
TOLERANCE_BYTES_A_PIXEL = 0.1


def test_no_pair_of_decoder_and_encoder_takes_more_than_is_estimated():
    with MEASURED.open() as file:
        pairs = list(csv.DictReader(file))

    assert len(pairs) > 145
    for pair in pairs:
        measured, estimated = float(pair["bytes_a_pixel"]), float(pair["estimated_bytes_a_pixel"])
        assert measured <= estimated + TOLERANCE_BYTES_A_PIXEL, pair


def test_what_is_estimated_now_is_as_much_as_was_measured():
    with MEASURED.open() as file:
        pairs = [pair for pair in csv.DictReader(file) if "animated" not in pair["decoder"]]

    assert len(pairs) > 140
    for pair in pairs:
        decoder, content = pair["decoder"], pair["content"]
        # The one palette without a clear entry is that of what was drawn.
        is_clear = decoder in CLEAR and (decoder, content) != ("PNG indexed", "drawn")
        image_format = ImageFormat(decoder.split()[0].lower())
        sketch = Sketch(image_format, PIXELS, may_be_transparent=is_clear, is_animated=False)
        asked, _, scaled = pair["encoder"].partition(", ")
        options = ImageOptions(format=OutputFormat(asked), max_width=1_800 if scaled else None)
        measured = float(pair["bytes_a_pixel"])
        assert measured <= sketch.peak_bytes(options) / PIXELS + TOLERANCE_BYTES_A_PIXEL, pair


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP"])
def test_an_animation_counts_with_all_its_frames(image_format):
    name = f"{'WebP' if image_format == 'WEBP' else image_format} animated"
    with MEASURED.open() as file:
        measured = max(float(pair["bytes_a_pixel"]) for pair in csv.DictReader(file) if pair["decoder"] == name)
    data = saved(photo(), image_format, save_all=True, append_images=[photo().rotate(90)], duration=80)
    sketch = Sketch.of_webp(data) if image_format == "WEBP" else Sketch.of_header(open_image(data).header)

    # Per pixel measured on 11.5 MP, in which what any picture takes is a good part.
    assert sketch.is_animated
    assert sketch.peak_bytes(ImageOptions()) >= 2 * 320 * 240 * measured
    assert 15_000_000 + sketch.all_pixels * (measured - 1.4) <= sketch.peak_bytes(ImageOptions())


@pytest.mark.parametrize(
    ("sketch", "asked", "fits"),
    [
        (Sketch(ImageFormat.JPEG, 89_400_000, may_be_transparent=False, is_animated=False), "auto", True),
        (Sketch(ImageFormat.JPEG, 45_000_000, may_be_transparent=False, is_animated=False), "avif", True),
        (Sketch(ImageFormat.PNG, 30_000_000, may_be_transparent=True, is_animated=False), "auto", True),
        (Sketch(ImageFormat.PNG, 89_400_000, may_be_transparent=True, is_animated=False), "auto", False),
        (Sketch(ImageFormat.WEBP, 10_000, may_be_transparent=True, is_animated=True), "auto", True),
    ],
)
def test_what_the_default_worker_holds(sketch, asked, fits):
    assert (sketch.peak_bytes(ImageOptions(format=OutputFormat(asked))) <= BUDGET_BYTES) is fits


@pytest.mark.parametrize(
    ("mode", "settings"),
    [
        ("RGB", {}),
        ("RGBA", {}),
        ("RGB", {"lossless": True}),
        ("RGBA", {"lossless": True}),
        ("RGB", {"exif": b"Exif\0\0"}),
    ],
)
def test_a_webp_is_told_without_its_decoder(mode, settings):
    image = photo(70, 41, mode)
    if mode == "RGBA":
        image.putalpha(100)
    data = saved(image, "WEBP", **settings)

    sketch, header = Sketch.of_webp(data), open_image(data).header

    assert (sketch.pixels, sketch.is_animated) == (header.pixels, header.is_animated)
    assert sketch.may_be_transparent is header.image.has_transparency_data is (mode == "RGBA")


def test_an_animated_webp_is_told_without_its_decoder():
    data = saved(photo(70, 41), "WEBP", save_all=True, append_images=[photo(70, 41, "L").convert("RGB")])

    assert Sketch.of_webp(data).is_animated


def test_a_webp_that_claims_too_many_pixels_is_refused_unseen():
    canvas = struct.pack("<L", 0) + (16_382).to_bytes(3, "little") * 2
    data = b"RIFF\x1e\0\0\0WEBPVP8X" + struct.pack("<L", 10) + canvas

    with pytest.raises(ImageError) as refused:
        Sketch.of_webp(data)
    assert refused.value.code is ImageCode.TOO_MANY_PIXELS


def test_a_webp_of_no_known_kind_is_damaged():
    with pytest.raises(ImageError) as refused:
        Sketch.of_webp(b"RIFF\x1e\0\0\0WEBPVP9 ")
    assert refused.value.code is ImageCode.CORRUPT_IMAGE
