"""A release reads what the one before it stored and queued: a job in mid-work, and an ended one with a retry asked for.

stored/<release>-<moment>.json holds the table's items, the catalogue bucket's objects and the queues' messages as that
release wrote them. The shop's server is at a port of five digits there, so that the CSV keeps its length.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

import ingest.app
import process.app
import process.image
import report.app
from imagemill.adapters.aws import clients
from imagemill.kept import forget
from tests.support.account import CATALOGUE_BUCKET, ENVIRONMENT, TENANT, Account
from tests.support.web import Answer, TestWeb

STORED = Path(__file__).parent / "stored"
ORIGIN = "http://127.0.0.1:00000"
NAMELESS = range(1, 191)
GOOD = [row for row in range(191, 203) if row not in {196, 197}]


@pytest.fixture
def shop(web: TestWeb, picture: Answer) -> TestWeb:
    """All images but two are there; one of these comes back with the retry."""
    for row in range(191, 203):
        web.route(f"/{row}.jpg", picture)
    web.route("/196-later.jpg", picture)
    web.route("/197-gone.jpg", Answer(404))
    return web


class Restored:
    """An account that holds what another release left, and the messages that it left to be handled."""

    def __init__(self, moment: str, shop: TestWeb, aws: Account, context: Any) -> None:
        port = int(shop.url.rsplit(":", 1)[1])
        text = (STORED / f"{moment}.json").read_text("utf-8").replace(ORIGIN, f"http://127.0.0.1:{port:05d}")
        held = json.loads(text)
        for item in held["items"]:
            clients.dynamodb().put_item(TableName=ENVIRONMENT["TABLE_NAME"], Item=_with_bytes(item))
        for key, body in held["objects"].items():
            clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=key, Body=body.encode())
        self.job_id = next(item["job_id"]["S"] for item in held["items"] if item["sk"] == {"S": "JOB"})
        self.queues: dict[str, list[str]] = held["queues"]
        self._aws, self._context = aws, context

    def ingest(self) -> None:
        for body in self.queues["ingest"]:
            record = {"messageId": "ingest", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
            ingest.app.handler({"Records": [record]}, self._context)

    def process(self, bodies: list[str]) -> None:
        """Hand products in, as Lambda does; none of these is to come again."""
        queue = ENVIRONMENT["PRODUCTS_QUEUE"]
        records = []
        for body in bodies:
            clients.sqs().send_message(QueueUrl=queue, MessageBody=body)
            [message] = clients.sqs().receive_message(QueueUrl=queue, VisibilityTimeout=1800)["Messages"]
            records.append(
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": body,
                    "attributes": {"ApproximateReceiveCount": "2"},
                }
            )
        assert process.app.handler({"Records": records}, self._context) == {"batchItemFailures": []}

    def report(self, run: int) -> None:
        assert f"{self.job_id}-{run}" in self._aws.reports()
        report.app.handler({"job_id": self.job_id, "run": run}, self._context)


def _with_bytes(item: dict[str, Any]) -> dict[str, Any]:
    """JSON holds binary attributes in base64."""
    if set(item) == {"B"}:
        return {"B": base64.b64decode(item["B"])}
    return {name: _with_bytes(value) if isinstance(value, dict) else value for name, value in item.items()}


@pytest.fixture(autouse=True)
def _long_retention(monkeypatch):
    """The stored jobs are of 2026, whenever the tests run."""
    monkeypatch.setenv("RETENTION_DAYS", "36500")
    monkeypatch.setattr(process.image, "FIRST_PAUSE_SECONDS", 0.001)
    forget()


def test_a_job_in_mid_work_goes_on_and_ends_exactly(aws, context, caller, shop):
    job = Restored("0.1.0-mid-job", shop, aws, context)
    assert caller.get(f"/jobs/{job.job_id}")["products"]["failed"] == len(NAMELESS)

    job.ingest()
    job.process(job.queues["products"] + aws.bodies("PRODUCTS_QUEUE"))
    job.report(1)

    ended = caller.get(f"/jobs/{job.job_id}")
    assert ended["status"] == "PARTIAL"
    assert (ended["products"]["completed"], ended["products"]["partial"]) == (len(GOOD) + 1, 1)
    assert ended["images"] == {"total": 14, "completed": 13, "failed": 1, "reused": 0}
    products = caller.get(f"/jobs/{job.job_id}/products", {"limit": "20", "cursor": ""})["products"]
    assert {product["error"] for product in products} == {"MISSING_NAME"}
    output = aws.objects(CATALOGUE_BUCKET, "outputs/")[f"outputs/{TENANT}/{job.job_id}/1.csv"].decode()
    assert [line.split(",")[0] for line in output.splitlines()[1:]] == [str(row) for row in range(1, 203)]


def test_the_images_that_it_had_made_are_not_fetched_again(aws, context, caller, shop):
    job = Restored("0.1.0-mid-job", shop, aws, context)

    job.process([body for body in job.queues["products"] if json.loads(body)["row"] == 196])

    assert [request.path for request in shop.requests] == ["/196-later.jpg"]


def test_a_retry_that_was_asked_for_runs_and_ends(aws, context, caller, shop):
    job = Restored("0.1.0-retry-asked", shop, aws, context)

    job.ingest()
    taken = aws.bodies("PRODUCTS_QUEUE")
    job.process(taken)
    job.report(2)

    assert sorted(json.loads(body)["row"] for body in taken) == [196, 197]
    assert sorted(request.path for request in shop.requests) == ["/196-later.jpg", "/197-gone.jpg"]
    ended = caller.get(f"/jobs/{job.job_id}")
    assert (ended["status"], ended["run"], ended["products"]["completed"]) == ("PARTIAL", 2, len(GOOD) + 1)


def test_deliveries_and_endpoints_are_listed(aws, context, caller, shop):
    job = Restored("0.1.0-retry-asked", shop, aws, context)

    attempts = caller.get(f"/jobs/{job.job_id}/deliveries")["deliveries"]
    webhooks = caller.get("/webhooks")["webhooks"]

    assert [attempt["delivered"] for attempt in attempts] == [True, True]
    assert [webhook["last_delivery"]["status"] for webhook in webhooks] == [204]
