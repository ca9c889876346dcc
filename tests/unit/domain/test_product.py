"""Products: how their status follows from their images, and what their messages hold."""

import json
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.adapters.aws.queues import BATCH_BYTES
from imagemill.domain.catalogue.image_urls import is_hopeless, is_valid_url
from imagemill.domain.codes import ImageCode, ImageStatus, ProductStatus, RowCode
from imagemill.domain.options import ImageOptions, OutputFormat
from imagemill.domain.product import CHUNK_ROWS, ImageResult, ProductMessage, chunk_of, row_fault, settled, status_of
from tests.support.account import JOB_ID

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


@pytest.mark.parametrize(("row", "chunk"), [(1, 0), (CHUNK_ROWS, 0), (CHUNK_ROWS + 1, 1), (1_000_000, 4_999)])
def test_rows_count_from_one_and_chunks_from_zero(row, chunk):
    assert chunk_of(row) == chunk


@pytest.mark.parametrize(
    "image",
    [
        ImageResult(1, DONE, "images/a.jpg", None, None, 9, 5, 160, 120, "jpeg", kept=False, sha256="ab"),
        ImageResult.failed(2, ImageCode.HTTP_STATUS, 404),
        ImageResult(3, ImageStatus.PENDING),
    ],
)
def test_an_image_comes_back_from_what_is_kept_of_it(image):
    kept = {name: Decimal(value) if type(value) is int else value for name, value in image.as_dict().items()}

    assert ImageResult.from_dict(kept) == image
    assert None not in kept.values()


#: Characters that a message may hold (SendMessage, MessageBody), but for tab and line ends, which no URL has.
SENDABLE = re.compile("[\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")

ANY_URL = st.text() | st.text("\x00\x1f\x85\u2028\ufffd\ufffe\uffff/a", max_size=4) | st.just("a" * 2_049)


@given(urls=st.lists(ANY_URL, min_size=1, max_size=3))
def test_a_url_that_no_message_may_hold_is_sent_as_another_invalid_one(urls):
    body = ProductMessage(JOB_ID, 1, 7, 200, tuple(urls), ImageOptions()).to_json()

    sent = ProductMessage.from_json(body).urls
    assert SENDABLE.fullmatch(body)
    assert [url or None for url in sent] == [None if is_hopeless(url) else url or None for url in urls]
    assert [is_valid_url(url) for url in sent] == [is_valid_url(url) for url in urls]


@pytest.mark.parametrize("character", ["a", '"', "\U0001f6cb", "\x01", "\uffff"])
@pytest.mark.parametrize("length", [2_048, 100_000])
def test_the_largest_message_is_within_sqs_quota(character, length):
    urls = ("https://a/" + character * (length - 10),) * 100

    body = ProductMessage(JOB_ID, 1, 1_000_000, 200, urls, ImageOptions()).to_json()

    assert len(body.encode()) <= 900_000 < BATCH_BYTES


@given(urls=st.lists(st.text().filter(lambda url: not is_hopeless(url)), max_size=3), quality=st.integers(1, 95))
def test_a_message_comes_back_from_its_json(urls, quality):
    options = ImageOptions(quality, OutputFormat.AVIF, 100, None, progressive=True)
    message = ProductMessage(JOB_ID, 2, 7, 200, tuple(urls), options)

    assert ProductMessage.from_json(message.to_json()) == message


def test_a_message_is_compact_and_spells_out_other_scripts():
    body = ProductMessage(JOB_ID, 1, 1, 1, ("https://a/grün.jpg",), ImageOptions()).to_json()

    assert "grün" in body
    assert body == json.dumps(json.loads(body), ensure_ascii=False, separators=(",", ":"))
