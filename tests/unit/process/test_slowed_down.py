"""Being asked to slow down is no try: a product waits in its queue for as long, and ends when patience does."""

from __future__ import annotations

import time

import pytest

import process.pipeline
from imagemill.adapters.store.origins import OriginPaces
from imagemill.adapters.store.results import put_result
from imagemill.domain.codes import ImageCode, ImageStatus, ProductStatus
from imagemill.domain.pace import Pace
from imagemill.domain.product import MAX_PUT_OFF, ProductResult, Receives
from imagemill.domain.web_urls import WebUrl
from process.app import handler
from process.image import SlowedDownError
from process.image_threads import ImageThreads
from tests.support.account import JOB_ID
from tests.support.product_batches import batch, message, result_of
from tests.support.web import Answer

pytestmark = pytest.mark.usefixtures("open_runs")

HOURS = 3_600
BUSY = Answer(503, headers={"retry-after": "120"})


@pytest.fixture
def delays(monkeypatch) -> list[float]:
    """Seconds for which products are put off."""
    seen: list[float] = []
    monkeypatch.setattr(process.pipeline, "send_product_anew", lambda *arguments: seen.append(arguments[-1]))
    return seen


def stored(receives: Receives) -> None:
    put_result(message().key, ProductResult(1, ProductStatus.PROCESSING, 1, receives=receives))


@pytest.mark.parametrize("receive_count", [1, 3])
def test_a_product_goes_back_to_its_queue_for_as_long_as_its_origin_asks(web, delays, context, receive_count):
    if receive_count > 1:
        stored(Receives(seen=receive_count - 1))
    begun = int(time.time())

    answer = handler(batch(message(web.route("/a.jpg", BUSY)), receive_count=receive_count), context)

    assert answer == {"batchItemFailures": []}
    assert delays == [pytest.approx(120, abs=10)]
    receives = result_of().receives
    assert receives
    assert (receives.seen, receives.put_off, receives.tries, list(receives.slowed_since)) == (0, 0, {}, [1])
    assert begun <= receives.slowed_since[1] <= begun + 10


def test_an_image_is_made_when_its_origin_has_calmed_down(aws, web, picture, context):
    url = web.route("/a.jpg", lambda request: Answer(429) if request.number == 1 else picture)

    handler(batch(message(url)), context)

    assert result_of().status is ProductStatus.COMPLETED
    assert aws.rows_sent() == []


def test_an_image_is_given_up_when_patience_ends(aws, web, context):
    stored(Receives(seen=0, slowed_since={1: int(time.time()) - 6 * HOURS}))

    handler(batch(message(web.route("/a.jpg", BUSY))), context)

    [image] = result_of().images
    assert (image.error, image.http_status) == (ImageCode.HTTP_STATUS, 503)
    assert aws.reports() == [f"{JOB_ID}-1"]


@pytest.mark.parametrize(("refused_hours", "is_given_up"), [(0, False), (5, False), (7, True)])
def test_an_image_that_was_never_asked_for_waits_as_long_as_its_origin_answers_others(
    web, delays, context, refused_hours, is_given_up
):
    url = web.route("/a.jpg", BUSY)
    now = time.time()
    since = now - refused_hours * HOURS if refused_hours else 0.0
    pace = Pace(0.1, now, now, 429, refused_since=since, not_before=now + 300)
    OriginPaces().change(WebUrl.parse(url).origin, None, lambda _: pace)
    stored(Receives(seen=0, put_off=MAX_PUT_OFF - 1, slowed_since={1: int(now) - 7 * HOURS}))
    handler(batch(message(url)), context)

    assert web.asked_for("/a.jpg") == []
    result = result_of()
    assert [image.http_status for image in result.images if image.status is ImageStatus.FAILED] == [429] * is_given_up
    assert result.status is (ProductStatus.FAILED if is_given_up else ProductStatus.PROCESSING)


def test_images_behind_many_others_of_a_slow_origin_leave_the_worker(web, delays, context, monkeypatch):
    monkeypatch.setattr(process.pipeline, "FAR_SECONDS", 1.0)
    monkeypatch.setattr(process.pipeline, "LOOK_SECONDS", 0.1)
    urls = [web.route(f"/{number}.jpg", BUSY if number == 0 else Answer(404)) for number in range(30)]

    handler(batch(*[message(url, row=row, ledger_size=30) for row, url in enumerate(urls, 1)]), context)

    assert len(delays) == 30
    assert max(delays) - min(delays) > 10
    assert all(len(web.asked_for(f"/{number}.jpg")) == (number == 0) for number in range(30))


def test_what_is_taken_out_of_an_origins_queue_is_its_end():
    threads = ImageThreads(1, lambda _: 0)
    futures = [threads.submit(f"https://shop.example/{number}.jpg", lambda: None) for number in range(5)]

    assert threads.take_out(lambda _: 2) == [("https://shop.example/", futures[2:])]
    assert threads.take_out(lambda _: 2) == []
    threads.close()


def test_a_refused_connection_is_not_called_a_status():
    assert SlowedDownError(None, None, 0).code is ImageCode.CONNECT_FAILED
