"""Waiting on our side is no try: a hanging origin holds its own slots alone, and nobody is blamed for our queues."""

import time
from threading import Event

import pytest

import process.image
import process.image_threads
import process.intake
import process.pipeline
from imagemill.adapters.aws import clients
from imagemill.adapters.web.client import WebClient
from imagemill.adapters.web.faults import NotTriedError
from imagemill.adapters.web.origin_pace import PaceLimits
from imagemill.adapters.web.own_queue import OwnQueue
from imagemill.adapters.web.policy import WebPolicy
from imagemill.domain.codes import ImageCode, ProductStatus
from imagemill.domain.product import Receives
from process.app import handler
from tests.support.account import ENVIRONMENT
from tests.support.caller import context_of
from tests.support.product_batches import batch, message, result_of
from tests.support.shop import eventually
from tests.support.web import TestWeb

pytestmark = pytest.mark.usefixtures("open_runs")


@pytest.fixture
def healthy():
    """Another origin than `web`."""
    with TestWeb().serving() as running:
        yield running


def test_products_on_a_healthy_origin_are_done_while_another_hangs(aws, web, healthy, picture, monkeypatch):
    """More images hang than there are threads, and the healthy product is still in the queue when they begin to."""
    monkeypatch.setattr(process.image_threads, "STUCK_SECONDS", 0.2)
    monkeypatch.setattr(process.pipeline, "LOOK_SECONDS", 0.1)
    monkeypatch.setattr(process.image, "MIN_SECONDS", 0.05)
    monkeypatch.setattr(process.intake, "CHANCE_SECONDS", 0)
    release = Event()
    hanging = [web.route(f"/{number}.jpg", lambda _: (release.wait(30), picture)[1]) for number in range(100)]
    good = message(healthy.route("/good.jpg", picture), row=2)
    clients.sqs().send_message(QueueUrl=ENVIRONMENT["PRODUCTS_QUEUE"], MessageBody=good.to_json())

    handler(batch(message(*hanging, row=1)), context_of(9_000))
    release.set()

    assert result_of(2).status is ProductStatus.COMPLETED
    assert result_of(2).attempts == 1
    # None of them is blamed: its time was not over, or it was not begun.
    assert result_of(1).receives == Receives(seen=0, put_off=1)


def test_an_image_is_given_its_whole_time_after_it_has_waited(aws, context, web, picture, monkeypatch):
    """Of an origin that takes one request at a time, and 0.3 s for each: the last waits longer than it may take."""
    monkeypatch.setattr(process.image, "MIN_SECONDS", 0.05)
    monkeypatch.setenv("IMAGE_TIMEOUT_SECONDS", "0.8")
    monkeypatch.setattr("process.app.WebPolicy", lambda **values: WebPolicy(**values, pace=PaceLimits(1, 1, 1)))
    monkeypatch.setattr("imagemill.adapters.web.client.WebClient.at_once", lambda self, url: 99)

    def slow(_):
        time.sleep(0.3)
        return picture

    urls = [web.route(f"/{number}.jpg", slow) for number in range(8)]

    handler(batch(message(*urls)), context)

    assert result_of().status is ProductStatus.COMPLETED
    assert len(web.requests) == 8


def test_who_waited_in_vain_was_not_tried(web, picture):
    queue = OwnQueue(time.monotonic() + 0.2)
    url = web.route("/a.jpg", picture)

    def refuse(_amount, until):
        time.sleep(max(0, until - time.monotonic()))
        raise TimeoutError

    client = WebClient(WebPolicy(allow_loopback=True))
    with pytest.raises(NotTriedError):
        client.fetch(url, reserve=refuse, queue=queue)
    client.close()

    assert time.monotonic() >= queue.until
    assert queue.seconds > 0


def test_an_image_that_hangs_is_tried_before_it_is_given_up(aws, context, web, picture, monkeypatch):
    monkeypatch.setattr(process.image, "MIN_SECONDS", 0.05)
    monkeypatch.setenv("IMAGE_TIMEOUT_SECONDS", "0.3")
    release = Event()
    urls = [web.route(f"/{number}.jpg", lambda _: (release.wait(10), picture)[1]) for number in range(20)]

    for receive_count in (1, 2, 3):
        handler(batch(message(*urls), receive_count=receive_count), context)
    release.set()

    assert {image.error for image in result_of().images} == {ImageCode.TIMEOUT}
    eventually(lambda: {request.path for request in web.requests} == {f"/{n}.jpg" for n in range(20)}, "each tried", 5)
