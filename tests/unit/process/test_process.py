"""The process function: batches of products through download, compression, upload, results and the ledger."""

import pytest

import process.image
import process.pipeline
from imagemill import __version__
from imagemill.adapters.store.ledger import live_counts
from imagemill.domain.codes import ImageCode, ImageStatus, ProductStatus
from imagemill.domain.job import ProductCounts
from imagemill.domain.product import ImageResult, settled
from imagemill.kept import forget
from process.app import handler
from tests.support.account import ENVIRONMENT, JOB_ID, OTHER_JOB_ID
from tests.support.product_batches import batch, given_back, message, result_of
from tests.support.results import put_result
from tests.support.shop import eventually
from tests.support.web import Answer

pytestmark = pytest.mark.usefixtures("open_runs")


def test_products_of_two_jobs_in_one_batch_end_both(aws, context, event, web, picture):
    for path in ("/sku1-front.jpg", "/sku1-back.jpg", "/sku2.jpg"):
        web.route(path, picture)

    answer = handler(event("process_products", web.url), context)

    assert answer == {"batchItemFailures": []}
    assert aws.reports() == [f"{JOB_ID}-1", f"{OTHER_JOB_ID}-1"]
    assert live_counts(JOB_ID, 1) == ProductCounts(completed=1)
    assert live_counts(OTHER_JOB_ID, 1) == ProductCounts(completed=1)


def test_permanent_faults_fail_their_image_alone_and_at_once(aws, context, web, picture):
    urls = [
        web.route("/good.jpg", picture),
        f"{web.url}/missing.jpg",
        web.route("/page.jpg", Answer(body=b"<html>gone</html>")),
        "http://10.0.0.1/inside.jpg",
        "ftp://shop.example/a.jpg",
    ]

    answer = handler(batch(message(*urls)), context)

    result = result_of()
    assert answer == {"batchItemFailures": []}
    assert result.status is ProductStatus.PARTIAL
    assert [(image.position, image.error, image.http_status) for image in result.images] == [
        (1, None, None),
        (2, ImageCode.HTTP_STATUS, 404),
        (3, ImageCode.NOT_AN_IMAGE, None),
        (4, ImageCode.BLOCKED_ADDRESS, None),
        (5, ImageCode.INVALID_URL, None),
    ]
    assert len(web.asked_for("/missing.jpg")) == 1


def test_outside_stage_local_loopback_is_blocked(aws, context, web, picture, monkeypatch):
    monkeypatch.setenv("STAGE", "prod")
    forget()

    handler(batch(message(web.route("/a.jpg", picture))), context)

    assert result_of().images[0].error is ImageCode.BLOCKED_ADDRESS
    assert web.asked_for("/a.jpg") == []


def test_a_product_that_has_ended_is_only_entered_in_the_ledger_again(aws, context, web, picture):
    url = web.route("/a.jpg", picture)
    done = settled(1, 1, [ImageResult(1, ImageStatus.COMPLETED, key="images/00/a.jpg", input_bytes=9, output_bytes=5)])
    put_result(JOB_ID, 1, done)

    answer = handler(batch(message(url), receive_count=2), context)

    assert answer == {"batchItemFailures": []}
    assert web.asked_for("/a.jpg") == []
    assert aws.reports() == [f"{JOB_ID}-1"]
    assert result_of() == done


def test_one_product_twice_in_a_batch_is_counted_once(aws, context, web):
    # Of an image that is missing: moto, unlike S3, breaks when one key is written twice at once.
    product = message(f"{web.url}/missing.jpg")

    answer = handler(batch(product, product), context)

    assert answer == {"batchItemFailures": []}
    assert live_counts(JOB_ID, 1) == ProductCounts(failed=1)
    assert aws.reports() == [f"{JOB_ID}-1"]


def test_a_worker_whose_product_was_ended_meanwhile_reports_what_stands(aws, context, web):
    def buried(_):
        put_result(JOB_ID, 1, settled(1, 3, [ImageResult.failed(1, ImageCode.PROCESSING_CRASHED)]))
        return Answer(500)

    answer = handler(batch(message(web.route("/a.jpg", buried))), context)

    assert answer == {"batchItemFailures": []}
    assert result_of().images[0].error is ImageCode.PROCESSING_CRASHED
    assert live_counts(JOB_ID, 1) == ProductCounts(failed=1)


def test_a_fault_in_the_ledger_leaves_all_messages_of_the_batch(aws, context, web, picture, monkeypatch):
    # Calls are counted: the queue is looked at once.
    monkeypatch.setattr("process.intake.PAUSE_SECONDS", 60)
    url = web.route("/a.jpg", picture)
    event = batch(message(url))

    with aws.crash_at(13) as points:
        handler(event, context)
    assert points[-1] == "before SendMessage"
    assert aws.reports() == []
    handler(event, context)

    assert aws.reports() == [f"{JOB_ID}-1"]
    assert len(web.asked_for("/a.jpg")) == 1


@pytest.mark.parametrize("body", ["", "[]", "null", '{"job_id": "x"}', "\x00"])
def test_an_unreadable_message_is_given_back_and_its_neighbours_go_on(aws, context, web, picture, body):
    good = batch(message(web.route("/a.jpg", picture)))
    unreadable = {**good["Records"][0], "messageId": "unreadable", "body": body}

    answer = handler({"Records": [unreadable, *good["Records"]]}, context)

    assert given_back(answer) == ["unreadable"]
    assert result_of().status is ProductStatus.COMPLETED


def test_a_finished_product_is_counted_before_its_slow_neighbour(aws, context, web, picture, monkeypatch):
    monkeypatch.setattr(process.pipeline, "LEDGER_SECONDS", 0.05)
    seen: list[ProductCounts] = []

    def slow(_):
        eventually(lambda: live_counts(JOB_ID, 1).ended, "the neighbour is counted", 5)
        seen.append(live_counts(JOB_ID, 1))
        return picture

    urls = [web.route("/slow.jpg", slow), web.route("/fast.jpg", picture)]
    handler(batch(*(message(url, row=row, ledger_size=2) for row, url in enumerate(urls, 1))), context)

    assert seen == [ProductCounts(completed=1)]
    assert live_counts(JOB_ID, 1) == ProductCounts(completed=2)


def test_origins_learn_whom_to_ask(aws, context, web, picture):
    handler(batch(message(web.route("/a.jpg", picture))), context)

    [request] = web.asked_for("/a.jpg")
    assert request.headers["user-agent"] == f"imagemill/{__version__} (+{ENVIRONMENT['CONTACT_URL']})"
