"""Jobs that are destroyed half-way through the AWS API, and end all the same."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.shop import Shop, assert_exact, catalogue, eventually
from tests.support.web import Answer, Request, TestWeb


def sweep(shop: Shop) -> dict[str, int]:
    answer = shop.aws("lambda").invoke(FunctionName="imagemill-local-sweep", Payload=b"{}")
    findings: dict[str, int] = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, findings
    return findings


def swept_to_its_end(shop: Shop, job_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        sweep(shop)
        job: dict[str, Any] = shop.get(f"/jobs/{job_id}")
        return job if job["ended_at"] else None

    return eventually(look, f"the sweep brings job {job_id} to its end")


@contextmanager
def stopped(shop: Shop, name: str) -> Iterator[None]:
    """While this lasts, a function takes no messages from its queue."""
    functions = shop.aws("lambda")
    [mapping] = functions.list_event_source_mappings(FunctionName=f"imagemill-local-{name}")["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def waiting(shop: Shop, queue: str) -> int:
    names = ["ApproximateNumberOfMessages"]
    answer: dict[str, Any] = shop.aws("sqs").get_queue_attributes(QueueUrl=shop.queue(queue), AttributeNames=names)
    return int(answer["Attributes"]["ApproximateNumberOfMessages"])


def lose_messages(shop: Shop, queue: str, count: int) -> None:
    eventually(lambda: waiting(shop, queue) == count, f"{count} messages wait in {queue}")
    shop.aws("sqs").purge_queue(QueueUrl=shop.queue(queue))


def test_products_whose_messages_vanished_are_processed_all_the_same(shop: Shop, picture: str) -> None:
    with stopped(shop, "process"):
        job_id = shop.submit(catalogue([[str(row), f"SKU{row}", f"{picture}?{row}"] for row in range(1, 6)]))
        lose_messages(shop, "products", 5)

    job = swept_to_its_end(shop, job_id)

    assert (job["status"], job["products"]["completed"]) == ("COMPLETED", 5)
    assert_exact(shop, job)


def test_a_catalogue_whose_ingest_stopped_is_read_to_its_end(shop: Shop, picture: str) -> None:
    with stopped(shop, "ingest"):
        rows = [[str(row), "SKU" if row % 100 == 0 else "", picture] for row in range(1, 402)]
        job_id = shop.submit(catalogue(rows))
        lose_messages(shop, "ingest", 1)
        # Of three chunks the second was fanned out, and its continuation lost.
        only_the_last = json.dumps({"continue": {"job_id": job_id, "chunk": 2}})
        shop.aws("sqs").send_message(QueueUrl=shop.queue("ingest"), MessageBody=only_the_last)
    eventually(lambda: shop.get(f"/jobs/{job_id}")["products"]["failed"] == 1, "the last chunk is fanned out")

    job = swept_to_its_end(shop, job_id)

    assert (job["status"], job["products"]["completed"], job["products"]["failed"]) == ("PARTIAL", 4, 397)
    assert_exact(shop, job)


def test_an_event_that_was_lost_delays_its_job_only(shop: Shop, picture: str) -> None:
    with stopped(shop, "ingest"):
        job_id = shop.submit(catalogue([["1", "A", picture]]))
        lose_messages(shop, "ingest", 1)

    job = swept_to_its_end(shop, job_id)

    assert job["status"] == "COMPLETED"
    assert_exact(shop, job)


def test_a_job_whose_receivers_could_not_be_called_is_told_by_the_sweep(shop: Shop, web: TestWeb, picture: str) -> None:
    hook = web.route("/hook", Answer(204))
    steps = shop.aws("stepfunctions")
    [machine] = [found["stateMachineArn"] for found in steps.list_state_machines()["stateMachines"]]
    with stopped(shop, "process"):
        job_id = shop.submit(catalogue([["1", "A", picture]]), f"?webhook_url={hook}")
        nothing = json.dumps({"job_id": "no such job", "run": 1})
        execution = steps.start_execution(stateMachineArn=machine, name=f"{job_id}-1", input=nothing)["executionArn"]
        steps.stop_execution(executionArn=execution)
    eventually(lambda: shop.get(f"/jobs/{job_id}")["progress"] == 1.0, "all products have ended")

    job = shop.ended(job_id)

    assert job["status"] == "COMPLETED"
    assert_exact(shop, job)

    def called() -> list[Request]:
        sweep(shop)
        return web.asked_for("/hook")

    [told] = eventually(called, "the webhook is called")
    assert json.loads(told.body)["type"] == "job.completed"


def test_a_job_whose_report_was_lost_ends_all_the_same(shop: Shop, picture: str) -> None:
    with stopped(shop, "report"):
        job_id = shop.submit(catalogue([["1", "A", picture]]))
        lose_messages(shop, "report", 1)

    job = swept_to_its_end(shop, job_id)

    assert job["status"] == "COMPLETED"
    assert_exact(shop, job)


def test_a_catalogue_that_was_never_stored_is_rejected_and_told(shop: Shop, web: TestWeb, picture: str) -> None:
    hook = web.route("/hook", Answer(204))
    with stopped(shop, "ingest"):
        job_id = shop.submit(catalogue([["1", "A", picture]]), f"?webhook_url={hook}")
        shop.aws("s3").delete_object(Bucket=shop.stack.catalogue_bucket, Key=f"uploads/{shop.tenant}/{job_id}.csv")
        lose_messages(shop, "ingest", 1)

    job = swept_to_its_end(shop, job_id)

    assert (job["status"], job["errors"][0]["code"]) == ("REJECTED", "INGEST_FAILED")
    [told] = eventually(lambda: web.asked_for("/hook"), "the webhook is called")
    assert json.loads(told.body)["type"] == "job.rejected"


def test_products_that_are_lost_every_time_end_as_crashed(shop: Shop, picture: str) -> None:
    with stopped(shop, "process"):
        job_id = shop.submit(catalogue([["1", "A", picture], ["2", "", picture]]))

        def look() -> dict[str, Any] | None:
            shop.aws("sqs").purge_queue(QueueUrl=shop.queue("products"))
            sweep(shop)
            job: dict[str, Any] = shop.get(f"/jobs/{job_id}")
            return job if job["ended_at"] else None

        job = eventually(look, "the job is given up")

    assert (job["status"], job["products"]["failed"]) == ("FAILED", 2)
    assert shop.products(job_id)[0]["images"][0]["error"] == "PROCESSING_CRASHED"
    assert_exact(shop, job)


def test_a_job_in_work_is_left_alone_and_then_no_longer_watched(shop: Shop, web: TestWeb, thumbnail: bytes) -> None:
    release = threading.Event()

    def held(_: Request) -> Answer:
        release.wait(15)
        return Answer(body=thumbnail)

    slow = web.route("/slow.jpg", held)
    job_id = shop.submit(catalogue([["1", "A", slow]]))
    eventually(lambda: web.asked_for("/slow.jpg"), "the product is in work")
    eventually(lambda: "WAITING" in sweep(shop), "the sweep has seen it twice")
    release.set()
    job = shop.ended(job_id)

    def watched() -> bool:
        sweep(shop)
        item = shop.aws("dynamodb").get_item(
            TableName=shop.stack.table, Key={"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "JOB"}}
        )
        return "gsi2pk" in item["Item"]

    eventually(lambda: not watched(), "the ended job is taken off the list")
    assert len(web.asked_for("/slow.jpg")) == 1
    assert_exact(shop, job)
