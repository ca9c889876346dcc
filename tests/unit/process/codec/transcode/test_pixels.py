"""What the files look like that come out: read by libjpeg, against the source and against what Pillow would make."""

from collections.abc import Mapping
from typing import Any

import pytest
from PIL import Image

from process.codec.metadata import TRANSPOSITIONS
from process.codec.transcode.jpeg import transcode
from process.codec.transcode.segments import MAX_SEGMENT_BYTES, Embedded
from tests.support.image_files import mean_difference, opened, oriented, photo, rgb_profile, saved

SIZES = [(320, 240), (333, 241), (1, 1), (7, 300), (17, 17)]
KINDS: Mapping[str, dict[str, Any]] = {
    "4:2:0": {"subsampling": "4:2:0"},
    "4:2:2": {"subsampling": "4:2:2"},
    "4:4:4": {"subsampling": "4:4:4"},
    "progressive": {"progressive": True},
    "progressive 4:4:4": {"progressive": True, "subsampling": "4:4:4"},
    "restarts": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_it_shows_the_source_as_well_as_pillows_does(size, kind, mode):
    data = saved(
        photo(*size).convert(mode) if min(size) > 1 else Image.new(mode, size), "JPEG", quality=90, **KINDS[kind]
    )
    source = opened(data)

    made = opened(transcode(data, 50, pixels=size[0] * size[1]).data)

    assert made.size == size
    assert made.mode == mode
    by_pillow = opened(saved(source, "JPEG", quality=50))
    assert mean_difference(made, source) <= mean_difference(by_pillow, source) * 1.05 + 0.3


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("quality", [1, 25, 50, 75, 95])
def test_the_tables_are_libjpegs_for_that_quality(quality, progressive):
    data = saved(photo(), "JPEG", quality=96)

    made = opened(transcode(data, quality, pixels=320 * 240, progressive=progressive).data)

    by_pillow = opened(saved(photo(), "JPEG", quality=quality))
    assert made.quantization == by_pillow.quantization  # type: ignore[attr-defined]
    assert made.info.get("progressive", 0) == progressive


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
@pytest.mark.parametrize("progressive", [False, True])
def test_it_is_upright(orientation, subsampling, progressive):
    picture = photo(64, 48)
    data = oriented(picture, orientation, "JPEG", quality=92, subsampling=subsampling)

    made = transcode(data, 60, pixels=64 * 48, orientation=orientation, progressive=progressive)

    stored = opened(data)
    upright = stored.transpose(TRANSPOSITIONS[orientation]) if orientation > 1 else stored
    assert (made.width, made.height) == upright.size == picture.size
    by_pillow = opened(saved(upright, "JPEG", quality=60))
    assert mean_difference(opened(made.data), upright) <= mean_difference(by_pillow, upright) * 1.05 + 0.3


def test_what_is_embedded_is_read_and_nothing_else():
    exif = Image.Exif()
    exif[0x010E] = "a cup"
    data = saved(photo(), "JPEG", quality=90, comment=b"gone", exif=exif, dpi=(300, 300))
    embedded = Embedded(rgb_profile(), exif.tobytes(), b"<x:xmpmeta/>")

    bare = opened(transcode(data, 50, pixels=320 * 240).data)
    kept = opened(transcode(data, 50, pixels=320 * 240, embedded=embedded).data)

    assert not {"icc_profile", "exif", "xmp", "comment", "dpi"} & set(bare.info)
    assert kept.info["icc_profile"] == rgb_profile()
    assert dict(kept.getexif()) == dict(exif)
    assert kept.info["xmp"] == b"<x:xmpmeta/>"


def test_a_long_profile_takes_several_segments_and_long_metadata_is_left_out():
    data = saved(photo(), "JPEG", quality=90)
    profile = rgb_profile() + bytes(200_000)
    embedded = Embedded(profile, b"Exif\0\0" + bytes(MAX_SEGMENT_BYTES), bytes(MAX_SEGMENT_BYTES))

    made = opened(transcode(data, 50, pixels=320 * 240, embedded=embedded).data)

    assert made.info["icc_profile"] == profile
    assert not {"exif", "xmp"} & set(made.info)


def test_an_area_of_one_colour_stays_that_colour():
    data = saved(Image.new("RGB", (40, 40), (200, 30, 90)), "JPEG", quality=95, subsampling="4:4:4")
    wanted = opened(data).getpixel((20, 20))
    made = opened(transcode(data, 90, pixels=1_600).data)
    assert isinstance(wanted, tuple)
    for place in ((0, 0), (20, 20), (39, 39)):
        found = made.getpixel(place)
        assert isinstance(found, tuple)
        assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= 3
