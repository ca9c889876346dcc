"""Bodies of product messages: within SQS's quota, of characters that SQS takes, whatever the catalogue holds."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.adapters.aws.queues import BATCH_BYTES, product_body
from imagemill.domain.catalogue.image_urls import is_hopeless, is_valid_url
from imagemill.domain.options import ImageOptions
from imagemill.domain.product import ProductMessage
from tests.support.account import JOB_ID
from tests.support.results import product_message

#: Characters that a message may hold (SendMessage, MessageBody), but for tab and line ends, which no URL has.
SENDABLE = re.compile("[\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*")

ANY_URL = st.text() | st.text("\x00\x1f\x85\u2028\ufffd\ufffe\uffff/a", max_size=4) | st.just("a" * 2_049)


@given(urls=st.lists(ANY_URL, min_size=1, max_size=3))
def test_a_url_that_no_message_may_hold_is_sent_as_another_invalid_one(urls):
    body = product_body(product_message(JOB_ID, 1, 7, 200, tuple(urls), ImageOptions()))

    sent = ProductMessage.from_json(body).urls
    assert SENDABLE.fullmatch(body)
    assert [url or None for url in sent] == [None if is_hopeless(url) else url or None for url in urls]
    assert [is_valid_url(url) for url in sent] == [is_valid_url(url) for url in urls]


@pytest.mark.parametrize("character", ["a", '"', "\U0001f6cb", "\x01", "\uffff"])
@pytest.mark.parametrize("length", [2_048, 100_000])
def test_the_largest_message_is_within_sqs_quota(character, length):
    urls = ("https://a/" + character * (length - 10),) * 100

    body = product_body(product_message(JOB_ID, 1, 1_000_000, 200, urls, ImageOptions()))

    assert len(body.encode()) <= 900_000 < BATCH_BYTES
