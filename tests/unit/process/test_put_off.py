"""What is not come to in time is put off: another message takes its place, and no receive is used up."""

from threading import Event

import pytest

import process.image
import process.pipeline
from imagemill.adapters.store.results import put_result
from imagemill.domain.codes import ImageCode, ProductStatus
from imagemill.domain.product import MAX_PUT_OFF, MAX_RECEIVE_COUNT, ProductResult, Receives
from process.app import handler
from tests.support.account import JOB_ID
from tests.support.caller import context_of
from tests.support.product_batches import batch, given_back, message, result_of
from tests.support.web import Answer

pytestmark = pytest.mark.usefixtures("open_runs")


def stored(receives: Receives | None, attempts: int = 1) -> None:
    put_result(message().key, ProductResult(1, ProductStatus.PROCESSING, attempts, receives=receives))


@pytest.mark.parametrize("receive_count", [1, MAX_RECEIVE_COUNT])
def test_with_little_time_left_products_are_put_off_unbegun(aws, web, picture, receive_count):
    url = web.route("/a.jpg", picture)
    stored(Receives(seen=receive_count - 1))

    answer = handler(batch(message(url), receive_count=receive_count), context_of(6_000))

    assert answer == {"batchItemFailures": []}
    assert web.asked_for("/a.jpg") == []
    assert aws.rows_sent() == [1]
    assert result_of().receives == Receives(seen=0, put_off=1)


def test_an_origin_that_outlasts_the_invocation_is_not_blamed(aws, web, picture, monkeypatch):
    monkeypatch.setattr(process.image, "MIN_SECONDS", 0.05)
    release = Event()
    url = web.route("/slow.jpg", lambda _: (release.wait(10), picture)[1])

    handler(batch(message(url)), context_of(5_300))
    release.set()

    assert aws.rows_sent() == [1]
    assert result_of().receives == Receives(seen=0, put_off=1)


def test_what_is_done_of_a_product_that_is_put_off_stands(aws, web, picture, monkeypatch, context):
    monkeypatch.setattr(process.image, "MIN_SECONDS", 0.05)
    release = Event()
    urls = [web.route("/a.jpg", picture), web.route("/slow.jpg", lambda _: (release.wait(20), picture)[1])]
    handler(batch(message(*urls)), context_of(10_000))
    release.set()

    handler(batch(message(*urls)), context)

    assert result_of().status is ProductStatus.COMPLETED
    assert len(web.asked_for("/a.jpg")) == 1


def test_an_image_is_given_up_after_its_own_tries_alone(aws, context, web):
    """One was tried twice before, the other never."""
    urls = [web.route(f"/{name}.jpg", Answer(500)) for name in ("old", "new")]
    stored(Receives(seen=0, put_off=2, tries={1: 2}), attempts=3)

    answer = handler(batch(message(*urls)), context)

    assert given_back(answer) == ["message-0"]
    result = result_of()
    assert [(image.position, image.error) for image in result.images] == [(1, ImageCode.HTTP_STATUS)]
    assert result.receives == Receives(seen=1, put_off=2, tries={2: 1})


def test_what_was_tried_least_often_goes_first(aws, context, web, picture, monkeypatch):
    monkeypatch.setattr(process.pipeline, "IMAGES_IN_WORK", 1)
    order: list[str] = []

    def noted(request):
        order.append(request.path)
        return picture

    urls = [web.route(f"/{name}.jpg", noted) for name in ("first", "second")]
    stored(Receives(seen=0, tries={1: 1}))

    handler(batch(message(*urls)), context)

    assert order == ["/second.jpg", "/first.jpg"]


def test_a_message_that_has_no_receive_left_is_followed_by_another_while_images_have_tries(aws, context, web):
    url = web.route("/down.jpg", Answer(500))
    stored(Receives(seen=MAX_RECEIVE_COUNT - 1))

    answer = handler(batch(message(url), receive_count=MAX_RECEIVE_COUNT), context)

    assert answer == {"batchItemFailures": []}
    assert result_of().receives == Receives(seen=0, tries={1: 1})


def test_crashes_are_counted_over_several_messages_and_the_product_is_buried_at_the_last(aws, context, web, picture):
    stored(Receives(seen=0, crashes=2))

    answer = handler(batch(message(web.route("/a.jpg", picture)), receive_count=2), context)

    assert answer == {"batchItemFailures": []}
    assert result_of().images[0].error is ImageCode.PROCESSING_CRASHED
    assert web.asked_for("/a.jpg") == []
    assert aws.reports() == [f"{JOB_ID}-1"]


def test_a_product_that_never_comes_to_its_turn_ends_all_the_same(aws, web, picture):
    stored(Receives(seen=0, put_off=MAX_PUT_OFF))

    handler(batch(message(web.route("/a.jpg", picture))), context_of(6_000))

    assert result_of().images[0].error is ImageCode.TIMEOUT
    assert aws.reports() == [f"{JOB_ID}-1"]


def test_what_the_last_release_wrote_is_read_as_tries_of_every_image(aws, context, web):
    stored(None, attempts=2)

    answer = handler(batch(message(web.route("/down.jpg", Answer(500))), receive_count=3), context)

    assert answer == {"batchItemFailures": []}
    assert result_of().status is ProductStatus.FAILED
