"""Products: how their status follows from their images, and what their messages hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.domain.codes import ImageCode, ImageStatus, ProductStatus, RowCode
from imagemill.domain.options import ImageOptions, OutputFormat
from imagemill.domain.product import ImageResult, ProductMessage, chunk_of, row_fault, settled, status_of
from tests.support.account import JOB_ID
from tests.support.results import product_message

DONE = ImageStatus.COMPLETED
OK = ImageResult(1, DONE)
LOST = ImageResult.failed(2, ImageCode.TIMEOUT)
STOPPED = ImageResult.failed(3, ImageCode.CANCELLED)


@pytest.mark.parametrize(
    ("images", "status"),
    [
        ([OK], ProductStatus.COMPLETED),
        ([OK, LOST], ProductStatus.PARTIAL),
        ([LOST], ProductStatus.FAILED),
        ([STOPPED], ProductStatus.CANCELLED),
        ([OK, STOPPED], ProductStatus.PARTIAL),
        ([LOST, STOPPED], ProductStatus.FAILED),
    ],
)
def test_a_products_status_follows_from_its_images(images, status):
    assert status_of(images) is status


@given(st.permutations([OK, LOST, STOPPED]))
def test_images_are_kept_in_the_order_of_their_positions(images):
    result = settled(7, 2, images)

    assert [image.position for image in result.images] == [1, 2, 3]
    assert (result.row, result.attempts, result.error) == (7, 2, None)
    assert result.by_position[2] == LOST


def test_a_row_at_fault_has_failed_without_attempt_or_image():
    result = row_fault(7, RowCode.NO_IMAGE_URLS)

    assert (result.status, result.attempts, result.images) == (ProductStatus.FAILED, 0, ())
    assert result.error is RowCode.NO_IMAGE_URLS


@pytest.mark.parametrize(("row", "chunk"), [(1, 0), (200, 0), (201, 1), (1_000_000, 4_999)])
def test_rows_count_from_one_and_chunks_from_zero(row, chunk):
    assert chunk_of(row, 200) == chunk


@pytest.mark.parametrize(
    "image",
    [
        ImageResult(1, DONE, "images/a.jpg", None, None, 9, 5, 160, 120, "jpeg", kept=False, sha256="ab"),
        ImageResult.failed(2, ImageCode.HTTP_STATUS, 404),
        ImageResult(3, ImageStatus.PENDING),
    ],
)
def test_an_image_comes_back_from_what_is_kept_of_it(image):
    kept = image.as_dict()

    assert ImageResult.from_dict(kept) == image
    assert None not in kept.values()


@given(urls=st.lists(st.text(), max_size=3), quality=st.integers(1, 95))
def test_a_message_comes_back_from_its_json(urls, quality):
    options = ImageOptions(quality, OutputFormat.AVIF, 100, None, progressive=True)
    message = product_message(JOB_ID, 2, 7, 200, tuple(urls), options)

    assert ProductMessage.from_json(message.to_json()) == message


def test_a_message_is_compact_and_spells_out_other_scripts():
    body = product_message(JOB_ID, 1, 1, 1, ("https://a/grün.jpg",), ImageOptions()).to_json()

    assert "grün" in body
    assert body == json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))
