"""The sample catalogue and its images."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

from local.origin import CATALOGUE, IMAGES, MISSING_PATH, PAGE_PATH, SAMPLES
from tests.support.sample_catalogue import ALL_PATHS, IMAGE_FILES, paths_of, products

MAX_TOTAL_BYTES = 4_000_000


def compressed_size(path: Path) -> int:
    """Bytes at quality 50, as the contract's `format=auto` has it: JPEG, or WebP with alpha or animation."""
    file = io.BytesIO()
    with Image.open(path) as image:
        frames = [frame.copy() for frame in ImageSequence.Iterator(image)]
        if len(frames) > 1:
            frames[0].save(file, "WEBP", quality=50, save_all=True, append_images=frames[1:])
        elif image.has_transparency_data:
            image.save(file, "WEBP", quality=50)
        else:
            image.convert("RGB").save(file, "JPEG", quality=50)
    return file.tell()


def test_the_catalogue_has_the_contracts_headers_and_one_column_more():
    header = CATALOGUE.read_bytes().split(b"\r\n")[0]

    assert header == b"S. No.,Product Name,Input Image Urls,Category"


def test_the_catalogue_has_twelve_products_of_one_to_four_images():
    image_counts = [len(paths_of(product)) for product in products()]

    assert len(image_counts) == 12
    assert set(image_counts) == {1, 2, 3, 4}


def test_the_catalogue_names_one_product_with_a_comma_and_one_beyond_ascii():
    names = [product["Product Name"] for product in products()]

    assert sum("," in name for name in names) == 1
    assert sum(not name.isascii() for name in names) == 1


def test_every_line_of_the_catalogue_ends_in_crlf():
    text = CATALOGUE.read_bytes()

    assert text.endswith(b"\r\n")
    assert text.count(b"\n") == text.count(b"\r\n") == len(products()) + 1


def test_every_sample_image_is_in_the_catalogue_once_beside_the_two_faults():
    on_disk = [f"/images/{path.name}" for path in IMAGE_FILES]

    assert sorted(ALL_PATHS) == sorted([*on_disk, MISSING_PATH, PAGE_PATH])


def test_no_product_fails_whole_so_the_job_ends_partial():
    faulty = {MISSING_PATH, PAGE_PATH}
    failed_images = [faulty.intersection(paths_of(product)) for product in products()]

    assert all(set(paths_of(product)) - faulty for product in products())
    assert sum(map(bool, failed_images)) == 2


@pytest.mark.parametrize("path", IMAGE_FILES, ids=lambda path: path.name)
def test_every_image_opens_at_600_to_1600_pixels(path: Path):
    with Image.open(path) as image:
        image.load()

        assert 600 <= max(image.size) <= 1600


@pytest.mark.parametrize("path", IMAGE_FILES, ids=lambda path: path.name)
def test_every_image_is_smaller_by_more_than_a_tenth_at_quality_50(path: Path):
    assert compressed_size(path) < 0.9 * path.stat().st_size


def test_there_are_20_to_30_images_of_4_megabytes_together():
    assert 20 <= len(IMAGE_FILES) <= 30
    assert sum(path.stat().st_size for path in IMAGE_FILES) <= MAX_TOTAL_BYTES


def test_the_cutout_is_transparent_around_and_opaque_inside_with_a_soft_edge():
    with Image.open(IMAGES / "serving-bowl-cutout.png") as image:
        alpha = image.getchannel("A")

    assert alpha.getpixel((0, 0)) == 0
    assert alpha.getpixel((alpha.width // 2, alpha.height // 2)) == 255
    assert any(0 < level < 255 and count > 100 for level, count in enumerate(alpha.histogram()))


def test_the_portrait_is_stored_lying_with_exif_orientation_6():
    with Image.open(IMAGES / "beanbag-room.jpg") as image:
        assert image.width > image.height
        assert image.getexif()[0x0112] == 6


def test_the_tour_is_animated():
    with Image.open(IMAGES / "wall-clock-tour.gif") as image:
        assert len(list(ImageSequence.Iterator(image))) == 4


@pytest.mark.parametrize("path", IMAGE_FILES, ids=lambda path: path.name)
def test_the_licences_name_every_image_with_a_licence_that_allows_passing_it_on(path: Path):
    rows = (SAMPLES / "LICENSES.md").read_text(encoding="utf-8").splitlines()

    row = next((row for row in rows if row.startswith(f"| `{path.name}` |")), "")

    assert any(licence in row for licence in ("[CC0-1.0]", "[CC-BY-4.0]", "[CC-BY-SA-4.0]"))
