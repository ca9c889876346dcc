"""What is delivered twice, or dies half-way, changes nothing in the end."""

from __future__ import annotations

import json
import threading
from typing import Any

from tests.support.shop import Shop, assert_exact, catalogue, eventually
from tests.support.web import Answer, Request, TestWeb

OPTIONS = {
    "quality": 50,
    "format": "auto",
    "max_width": None,
    "max_height": None,
    "progressive": False,
    "metadata": "strip",
}


def product_message(job_id: str, row: int, ledger_size: int, url: str) -> str:
    message = {"job_id": job_id, "run": 1, "row": row, "ledger_size": ledger_size, "urls": [url], "options": OPTIONS}
    return json.dumps(message)


def test_a_product_delivered_twice_is_counted_once(shop: Shop, web: TestWeb, picture: str, thumbnail: bytes) -> None:
    release = threading.Event()

    def held(_: Request) -> Answer:
        release.wait(15)
        return Answer(body=thumbnail)

    slow = web.route("/slow.jpg", held)
    job_id = shop.submit(catalogue([["1", "A", picture], ["2", "B", slow]]))
    eventually(lambda: web.asked_for("/slow.jpg"), "the first delivery is in work")

    for row, url in ((1, picture), (2, slow), (1, picture)):
        shop.aws("sqs").send_message(QueueUrl=shop.queue("products"), MessageBody=product_message(job_id, row, 2, url))
    eventually(lambda: len(web.asked_for("/slow.jpg")) == 2, "a second worker is on the same product")
    release.set()

    job = shop.ended(job_id)
    assert job["products"]["completed"] == 2
    assert_exact(shop, job)


def test_a_product_delivered_after_the_end_changes_nothing(shop: Shop, web: TestWeb, picture: str) -> None:
    job = shop.ended(shop.submit(catalogue([["1", "A", picture]])))
    asked = len(web.asked_for("/picture.jpg"))

    shop.aws("sqs").send_message(
        QueueUrl=shop.queue("products"), MessageBody=product_message(job["job_id"], 1, 1, picture)
    )
    eventually(lambda: queue_is_empty(shop, "products"), "the message is taken")

    assert shop.get(f"/jobs/{job['job_id']}") == job
    assert len(web.asked_for("/picture.jpg")) == asked


def queue_is_empty(shop: Shop, name: str) -> bool:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer: dict[str, Any] = shop.aws("sqs").get_queue_attributes(QueueUrl=shop.queue(name), AttributeNames=names)
    return not any(int(count) for count in answer["Attributes"].values())


def test_workers_killed_in_mid_batch_lose_and_repeat_nothing(shop: Shop, web: TestWeb, photograph: bytes) -> None:
    url = web.route("/photograph.jpg", Answer(body=photograph))
    rows = [[str(row), f"SKU{row}", f"{url}?{row}-front,{url}?{row}-back"] for row in range(1, 41)]
    job_id = shop.submit(catalogue(rows))

    eventually(lambda: len(web.asked_for("/photograph.jpg")) >= 10, "work has begun")
    assert shop.kill_functions("process") > 0

    job = shop.ended(job_id)
    assert (job["status"], job["products"]["completed"], job["images"]["completed"]) == ("COMPLETED", 40, 80)
    assert_exact(shop, job)


def test_ingest_and_report_killed_in_mid_job_are_repeated(shop: Shop, web: TestWeb, picture: str) -> None:
    release = threading.Event()
    held = web.route("/held.jpg", lambda _: (release.wait(15), Answer(404))[1])
    job_id = shop.submit(catalogue([["1", "A", picture], ["2", "B", held]]))
    eventually(lambda: web.asked_for("/held.jpg"), "work has begun")

    shop.kill_functions("ingest")
    shop.kill_functions("report")
    release.set()

    job = shop.ended(job_id)
    assert job["status"] == "PARTIAL"
    assert_exact(shop, job)


def test_a_product_in_the_dead_letter_queue_ends_as_crashed(
    shop: Shop, web: TestWeb, picture: str, thumbnail: bytes
) -> None:
    release = threading.Event()

    def held(_: Request) -> Answer:
        release.wait(15)
        return Answer(body=thumbnail)

    slow = web.route("/slow.jpg", held)
    job_id = shop.submit(catalogue([["1", "A", slow]]))
    eventually(lambda: web.asked_for("/slow.jpg"), "the product is in work")

    shop.aws("sqs").send_message(
        QueueUrl=shop.queue("products-dead-letters"), MessageBody=product_message(job_id, 1, 1, slow)
    )
    job = shop.ended(job_id)
    release.set()

    assert (job["status"], shop.products(job_id)[0]["images"][0]["error"]) == ("FAILED", "PROCESSING_CRASHED")
    # The worker comes too late: what was told first stands.
    eventually(lambda: queue_is_empty(shop, "products"), "the worker has ended")
    assert shop.get(f"/jobs/{job_id}") == job
    assert_exact(shop, job)


def test_a_product_that_crashes_its_worker_is_buried_alone(shop: Shop, web: TestWeb, picture: str) -> None:
    def crash(_: Request) -> Answer:
        shop.kill_functions("process")
        return Answer(404)

    poison = web.route("/poison.jpg", crash)
    rows = [[str(row), f"SKU{row}", poison if row == 4 else picture] for row in range(1, 9)]

    job = shop.ended(shop.submit(catalogue(rows)))

    assert (job["status"], job["products"]["completed"], job["products"]["failed"]) == ("PARTIAL", 7, 1)
    assert shop.products(job["job_id"])[3]["images"][0]["error"] == "PROCESSING_CRASHED"
    assert len(web.asked_for("/poison.jpg")) == 3
    assert_exact(shop, job)
