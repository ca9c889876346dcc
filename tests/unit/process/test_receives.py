"""Faults that may pass: products are given back, rest, and come again."""

from threading import Event
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

import process.image
import process.pipeline
from imagemill.adapters.aws import clients
from imagemill.adapters.store.ledger import live_counts
from imagemill.domain.codes import ImageCode, ProductStatus
from imagemill.domain.job import ProductCounts
from imagemill.domain.product import MAX_RECEIVE_COUNT
from process.app import handler
from tests.support.account import JOB_ID
from tests.support.product_batches import batch, given_back, message, result_of
from tests.support.web import Answer

pytestmark = pytest.mark.usefixtures("open_runs")


def test_a_transient_fault_that_passes_is_mended_in_place(aws, context, web, picture):
    url = web.route("/flaky.jpg", lambda request: Answer(500) if request.number < 3 else picture)

    answer = handler(batch(message(url)), context)

    assert answer == {"batchItemFailures": []}
    assert result_of().status is ProductStatus.COMPLETED
    assert len(web.asked_for("/flaky.jpg")) == 3


def test_a_transient_fault_that_stays_gives_its_product_back_alone(aws, context, web, picture):
    good = message(web.route("/good.jpg", picture), row=1, ledger_size=2)
    down = message(web.route("/down.jpg", Answer(500)), row=2, ledger_size=2)

    answer = handler(batch(good, down), context)

    assert given_back(answer) == ["message-1"]
    assert result_of(1).status is ProductStatus.COMPLETED
    assert result_of(2).status is ProductStatus.PROCESSING
    assert live_counts(JOB_ID, 1) == ProductCounts(completed=1)
    assert aws.reports() == []


@pytest.mark.parametrize(("receive_count", "seconds"), [(1, 30), (2, 120)])
def test_a_product_given_back_rests_longer_each_time(aws, context, web, visibility_changes, receive_count, seconds):
    down = message(web.route("/down.jpg", Answer(500)))

    handler(batch(down, receive_count=receive_count), context)

    assert visibility_changes == [seconds]


def test_a_product_given_back_rests_as_long_as_the_origin_asks(aws, context, web, visibility_changes):
    busy = message(web.route("/busy.jpg", Answer(502, headers={"retry-after": "700"})))

    handler(batch(busy), context)

    assert visibility_changes == [700]
    assert len(web.asked_for("/busy.jpg")) == 1


@pytest.mark.parametrize("allowed", [900, 999_999])
def test_an_endless_retry_after_is_cut_to_what_the_stack_and_the_queue_allow(
    aws, context, web, visibility_changes, monkeypatch, allowed
):
    monkeypatch.setenv("MAX_RETRY_AFTER_SECONDS", str(allowed))
    busy = message(web.route("/busy.jpg", Answer(500, headers={"retry-after": "999999"})))

    handler(batch(busy), context)

    assert visibility_changes == [min(allowed, 12 * 3600)]


def test_the_next_receive_tries_only_what_is_missing(aws, context, web, picture):
    good = web.route("/good.jpg", picture)
    flaky = web.route("/flaky.jpg", lambda request: Answer(500) if request.number <= 3 else picture)
    handler(batch(message(good, flaky)), context)
    first_time = result_of()

    handler(batch(message(good, flaky), receive_count=2), context)

    assert [image.position for image in first_time.images] == [1]
    assert len(web.asked_for("/good.jpg")) == 1
    result = result_of()
    assert (result.status, result.attempts) == (ProductStatus.COMPLETED, 2)
    assert result.images[0] == first_time.images[0]
    assert aws.reports() == [f"{JOB_ID}-1"]


def test_the_last_receive_fails_with_the_code_and_ends_the_job(aws, context, web):
    down = message(web.route("/down.jpg", Answer(500)))

    answer = handler(batch(down, receive_count=MAX_RECEIVE_COUNT), context)

    assert answer == {"batchItemFailures": []}
    result = result_of()
    assert (result.status, result.attempts) == (ProductStatus.FAILED, 3)
    assert (result.images[0].error, result.images[0].http_status) == (ImageCode.HTTP_STATUS, 500)
    assert aws.reports() == [f"{JOB_ID}-1"]


@pytest.mark.parametrize("fault", ["AccessDenied", "unreachable"])
def test_an_image_that_cannot_be_stored_is_tried_again_later(aws, context, web, picture, fault):
    def refuse(**_: Any) -> None:
        if fault == "unreachable":
            raise EndpointConnectionError(endpoint_url="https://s3.eu-central-1.amazonaws.com")
        clients.s3().head_bucket(Bucket="no-such-bucket")

    url = web.route("/a.jpg", picture)
    events = clients.s3().meta.events
    events.register("before-call.s3.PutObject", refuse)
    try:
        first = handler(batch(message(url)), context)
        last = handler(batch(message(url), receive_count=3), context)
    finally:
        events.unregister("before-call.s3.PutObject", refuse)

    assert given_back(first) == ["message-0"]
    assert last == {"batchItemFailures": []}
    assert result_of().images[0].error is ImageCode.STORE_FAILED


def test_an_image_has_the_time_that_the_stack_gives_it(aws, context, web, picture, monkeypatch):
    monkeypatch.setattr(process.image, "MIN_SECONDS", 0.05)
    monkeypatch.setenv("IMAGE_TIMEOUT_SECONDS", "0.4")
    release = Event()
    url = web.route("/slow.jpg", lambda _: (release.wait(10), picture)[1])

    answer = handler(batch(message(url), receive_count=MAX_RECEIVE_COUNT), context)
    release.set()

    assert answer == {"batchItemFailures": []}
    assert result_of().images[0].error is ImageCode.TIMEOUT
    # One try: what it took was the whole image's time, not its own.
    assert len(web.asked_for("/slow.jpg")) == 1
