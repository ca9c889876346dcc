"""The process function: batches of products through download, compression, upload, results and the ledger."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

import process.image
import process.pipeline
from imagemill import __version__
from imagemill.adapters.aws import clients
from imagemill.adapters.store.ledger import live_counts, open_run
from imagemill.adapters.store.results import get_results, put_result
from imagemill.adapters.web.client import WebClient, WebPolicy
from imagemill.domain.codes import ImageCode, ImageStatus, ProductStatus
from imagemill.domain.ids import new_id
from imagemill.domain.job import ProductCounts
from imagemill.domain.options import ImageOptions, OutputFormat
from imagemill.domain.product import MAX_RECEIVE_COUNT, ImageResult, ProductMessage, ProductResult, settled
from imagemill.kept import forget
from process.app import handler
from process.image import OutputSlot, WorkerResources, image_key
from tests.support.account import ENVIRONMENT, IMAGE_BUCKET, JOB_ID, OTHER_JOB_ID
from tests.support.caller import context_of
from tests.support.shop import eventually
from tests.support.web import Answer

PRODUCTS_QUEUE = "PRODUCTS_QUEUE"


@pytest.fixture(autouse=True)
def open_runs(aws, monkeypatch):
    """Runs of one chunk, and pauses between tries too short to notice."""
    monkeypatch.setattr(process.image, "FIRST_PAUSE_SECONDS", 0.001)
    for job_id in (JOB_ID, OTHER_JOB_ID):
        open_run(job_id, 1, 1)


def message(*urls: str, job_id: str = JOB_ID, row: int = 1, ledger_size: int = 1) -> ProductMessage:
    return ProductMessage(job_id, 1, row, ledger_size, urls, ImageOptions())


def batch(*messages: ProductMessage, receive_count: int = 1) -> dict[str, Any]:
    """As the queue delivers it: the messages are really in flight."""
    records = []
    for number, body in enumerate(messages):
        queue = clients.sqs().get_queue_url(QueueName="imagemill-prod-products")["QueueUrl"]
        clients.sqs().send_message(QueueUrl=queue, MessageBody=body.to_json())
        [received] = clients.sqs().receive_message(QueueUrl=queue, VisibilityTimeout=1800)["Messages"]
        records.append(
            {
                "messageId": f"message-{number}",
                "receiptHandle": received["ReceiptHandle"],
                "body": received["Body"],
                "attributes": {"ApproximateReceiveCount": str(receive_count)},
            }
        )
    return {"Records": records}


def result_of(row: int = 1, job_id: str = JOB_ID) -> ProductResult:
    return get_results([(job_id, 1, row)])[job_id, 1, row]


def given_back(answer: dict[str, Any]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


@pytest.fixture
def visibility_changes(aws) -> Iterator[list[int]]:
    """Seconds after which messages that were given back come again."""
    changes: list[int] = []

    def seen(params: dict[str, Any], **_: Any) -> None:
        changes.append(json.loads(params["body"])["VisibilityTimeout"])

    events = clients.sqs().meta.events
    events.register("before-call.sqs.ChangeMessageVisibility", seen)
    yield changes
    events.unregister("before-call.sqs.ChangeMessageVisibility", seen)


def test_products_of_two_jobs_in_one_batch_end_both(aws, context, event, web, picture):
    for path in ("/sku1-front.jpg", "/sku1-back.jpg", "/sku2.jpg"):
        web.route(path, picture)

    answer = handler(event("process_products", web.url), context)

    assert answer == {"batchItemFailures": []}
    assert aws.executions() == [f"{JOB_ID}-1", f"{OTHER_JOB_ID}-1"]
    assert live_counts(JOB_ID, 1) == ProductCounts(completed=1)
    assert live_counts(OTHER_JOB_ID, 1) == ProductCounts(completed=1)


def test_an_image_is_stored_as_its_result_says(aws, context, web, picture):
    url = web.route("/img/caf%C3%A9%20front.jpg", picture)

    handler(batch(message(url)), context)

    [(key, stored)] = aws.objects(IMAGE_BUCKET).items()
    [image] = result_of().images
    spread = hashlib.sha256(f"{JOB_ID}/1".encode()).hexdigest()[:2]
    assert key == image.key
    assert key.startswith(f"images/{spread}/{JOB_ID}/1/1-caf")
    assert (image.input_bytes, image.output_bytes) == (len(picture.body), len(stored))
    assert image.sha256 == hashlib.sha256(stored).hexdigest()
    assert (image.width, image.height, image.format, image.kept) == (160, 120, "jpeg", False)
    assert len(stored) < len(picture.body)


def test_a_stored_image_has_its_type_and_never_changes(aws, context, web, picture):
    handler(batch(message(web.route("/a.jpg", picture))), context)

    head = clients.s3().head_object(Bucket=IMAGE_BUCKET, Key=result_of().images[0].key or "")
    assert head["ContentType"] == "image/jpeg"
    assert head["CacheControl"] == "public, max-age=31536000, immutable"


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


def test_a_transient_fault_that_passes_is_mended_in_place(aws, context, web, picture):
    url = web.route("/flaky.jpg", lambda request: Answer(503) if request.number < 3 else picture)

    answer = handler(batch(message(url)), context)

    assert answer == {"batchItemFailures": []}
    assert result_of().status is ProductStatus.COMPLETED
    assert len(web.asked_for("/flaky.jpg")) == 3


def test_a_transient_fault_that_stays_gives_its_product_back_alone(aws, context, web, picture):
    good = message(web.route("/good.jpg", picture), row=1, ledger_size=2)
    down = message(web.route("/down.jpg", Answer(503)), row=2, ledger_size=2)

    answer = handler(batch(good, down), context)

    assert given_back(answer) == ["message-1"]
    assert result_of(1).status is ProductStatus.COMPLETED
    assert result_of(2).status is ProductStatus.PROCESSING
    assert live_counts(JOB_ID, 1) == ProductCounts(completed=1)
    assert aws.executions() == []


@pytest.mark.parametrize(("receive_count", "seconds"), [(1, 30), (2, 120)])
def test_a_product_given_back_rests_longer_each_time(aws, context, web, visibility_changes, receive_count, seconds):
    down = message(web.route("/down.jpg", Answer(500)))

    handler(batch(down, receive_count=receive_count), context)

    assert visibility_changes == [seconds]


def test_a_product_given_back_rests_as_long_as_the_origin_asks(aws, context, web, visibility_changes):
    busy = message(web.route("/busy.jpg", Answer(429, headers={"retry-after": "700"})))

    handler(batch(busy), context)

    assert visibility_changes == [700]
    assert len(web.asked_for("/busy.jpg")) == 1


@pytest.mark.parametrize("allowed", [900, 999_999])
def test_an_endless_retry_after_is_cut_to_what_the_stack_and_the_queue_allow(
    aws, context, web, visibility_changes, monkeypatch, allowed
):
    monkeypatch.setenv("MAX_RETRY_AFTER_SECONDS", str(allowed))
    busy = message(web.route("/busy.jpg", Answer(503, headers={"retry-after": "999999"})))

    handler(batch(busy), context)

    assert visibility_changes == [min(allowed, 12 * 3600)]


def test_the_next_receive_tries_only_what_is_missing(aws, context, web, picture):
    good = web.route("/good.jpg", picture)
    flaky = web.route("/flaky.jpg", lambda request: Answer(503) if request.number <= 3 else picture)
    handler(batch(message(good, flaky)), context)
    first_time = result_of()

    handler(batch(message(good, flaky), receive_count=2), context)

    assert [image.position for image in first_time.images] == [1]
    assert len(web.asked_for("/good.jpg")) == 1
    result = result_of()
    assert (result.status, result.attempts) == (ProductStatus.COMPLETED, 2)
    assert result.images[0] == first_time.images[0]
    assert aws.executions() == [f"{JOB_ID}-1"]


def test_the_last_receive_fails_with_the_code_and_ends_the_job(aws, context, web):
    down = message(web.route("/down.jpg", Answer(503)))

    answer = handler(batch(down, receive_count=MAX_RECEIVE_COUNT), context)

    assert answer == {"batchItemFailures": []}
    result = result_of()
    assert (result.status, result.attempts) == (ProductStatus.FAILED, 3)
    assert (result.images[0].error, result.images[0].http_status) == (ImageCode.HTTP_STATUS, 503)
    assert aws.executions() == [f"{JOB_ID}-1"]


def test_with_little_time_left_products_are_given_back_unbegun_and_at_once(aws, web, picture, visibility_changes):
    url = web.route("/a.jpg", picture)

    answer = handler(batch(message(url)), context_of(6_000))

    assert given_back(answer) == ["message-0"]
    assert web.asked_for("/a.jpg") == []
    assert visibility_changes == [0]


def test_an_origin_that_outlasts_the_invocation_is_not_blamed(aws, web, picture, visibility_changes, monkeypatch):
    monkeypatch.setattr(process.image, "MIN_SECONDS", 0.05)
    release = Event()
    url = web.route("/slow.jpg", lambda _: (release.wait(10), picture)[1])

    answer = handler(batch(message(url)), context_of(5_300))
    release.set()

    assert given_back(answer) == ["message-0"]
    assert visibility_changes == [0]


def test_a_product_that_has_ended_is_only_entered_in_the_ledger_again(aws, context, web, picture):
    url = web.route("/a.jpg", picture)
    done = settled(1, 1, [ImageResult(1, ImageStatus.COMPLETED, key="images/00/a.jpg", input_bytes=9, output_bytes=5)])
    put_result(JOB_ID, 1, done)

    answer = handler(batch(message(url), receive_count=2), context)

    assert answer == {"batchItemFailures": []}
    assert web.asked_for("/a.jpg") == []
    assert aws.executions() == [f"{JOB_ID}-1"]
    assert result_of() == done


def test_one_product_twice_in_a_batch_is_counted_once(aws, context, web):
    # Of an image that is missing: moto, unlike S3, breaks when one key is written twice at once.
    product = message(f"{web.url}/missing.jpg")

    answer = handler(batch(product, product), context)

    assert answer == {"batchItemFailures": []}
    assert live_counts(JOB_ID, 1) == ProductCounts(failed=1)
    assert aws.executions() == [f"{JOB_ID}-1"]


def test_a_worker_whose_product_was_ended_meanwhile_reports_what_stands(aws, context, web):
    def buried(_):
        put_result(JOB_ID, 1, settled(1, 3, [ImageResult.failed(1, ImageCode.PROCESSING_CRASHED)]))
        return Answer(503)

    answer = handler(batch(message(web.route("/a.jpg", buried))), context)

    assert answer == {"batchItemFailures": []}
    assert result_of().images[0].error is ImageCode.PROCESSING_CRASHED
    assert live_counts(JOB_ID, 1) == ProductCounts(failed=1)


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


def test_a_fault_in_the_ledger_leaves_all_messages_of_the_batch(aws, context, web, picture):
    url = web.route("/a.jpg", picture)
    event = batch(message(url))

    with aws.crash_at(13) as points:
        handler(event, context)
    assert points[-1] == "before StartExecution"
    assert aws.executions() == []
    handler(event, context)

    assert aws.executions() == [f"{JOB_ID}-1"]
    assert len(web.asked_for("/a.jpg")) == 1


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://a/img/front.JPG?v=2", "3-front.webp"),
        ("https://a/", "3-image.webp"),
        ("https://a/%2e%2e%2fsecret", "3-secret.webp"),
        ("https://a/über straße.png", "3-ber-stra-e.webp"),
        ("https://a/" + "x" * 200 + ".png", f"3-{'x' * 80}.webp"),
        ("https://a/...", "3-image.webp"),
    ],
)
def test_keys_are_named_after_the_url_in_plain_characters(url, name):
    key = image_key(url, OutputSlot(JOB_ID, 7, 3), "webp")

    spread = hashlib.sha256(f"{JOB_ID}/7".encode()).hexdigest()[:2]
    assert key == f"images/{spread}/{JOB_ID}/7/{name}"


def test_no_two_products_share_a_key():
    jobs = [new_id(), new_id()]
    places = [OutputSlot(job, row, position) for job in jobs for row in (1, 11) for position in (1, 2)]

    assert len({image_key("https://a/same.jpg", place, "jpg") for place in places}) == len(places)


def test_an_image_that_several_products_show_is_fetched_once_and_stored_for_each(aws, context, web, picture):
    url = web.route("/same.jpg", picture)

    handler(batch(message(url, url, row=1, ledger_size=2), message(url, row=2, ledger_size=2)), context)

    keys = [str(image.key) for row in (1, 2) for image in result_of(row).images]
    assert len(web.asked_for("/same.jpg")) == 1
    assert sorted(aws.objects(IMAGE_BUCKET)) == sorted(keys)
    assert len(set(keys)) == 3


def test_a_fault_of_a_shared_image_is_each_products_own(aws, context, web, picture):
    gone = f"{web.url}/gone.jpg"
    good = web.route("/a.jpg", picture)

    handler(batch(message(good, gone, row=1, ledger_size=2), message(gone, row=2, ledger_size=2)), context)

    assert [(image.position, image.error) for image in result_of(1).images] == [(1, None), (2, ImageCode.HTTP_STATUS)]
    assert result_of(2).status is ProductStatus.FAILED


def test_the_same_url_with_other_options_is_another_image(aws, context, web, picture):
    url = web.route("/same.jpg", picture)
    other = replace(message(url, row=2, ledger_size=2), options=ImageOptions(format=OutputFormat.WEBP))

    handler(batch(message(url, row=1, ledger_size=2), other), context)

    assert [result_of(row).images[0].format for row in (1, 2)] == ["jpeg", "webp"]


@pytest.mark.parametrize(
    ("memory_megabytes", "processors", "vcpus"), [(512, 2, 1), (1769, 2, 1), (3538, 2, 2), (10240, 6, 6), (3538, 1, 1)]
)
def test_as_many_images_are_compressed_at_once_as_there_are_vcpus(memory_megabytes, processors, vcpus):
    web = WebClient(WebPolicy())

    assert WorkerResources(web, memory_megabytes, processors).vcpus == vcpus
    web.close()


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


def test_origins_learn_whom_to_ask(aws, context, web, picture):
    handler(batch(message(web.route("/a.jpg", picture))), context)

    [request] = web.asked_for("/a.jpg")
    assert request.headers["user-agent"] == f"imagemill/{__version__} (+{ENVIRONMENT['CONTACT_URL']})"
