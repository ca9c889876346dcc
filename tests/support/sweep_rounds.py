"""Rounds of the sweep over time, and what is left of jobs between them."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from moto.stepfunctions.models import stepfunctions_backends

from imagemill.adapters.aws import clients
from imagemill.adapters.aws.completion import start_deliveries
from imagemill.adapters.store.items import from_item, key
from imagemill.adapters.store.jobs import get_job
from imagemill.adapters.store.ledger import add_rows
from imagemill.adapters.store.runs import close_chunk
from imagemill.domain.codes import ImageStatus, ProductStatus
from imagemill.domain.job import Job
from imagemill.domain.product import ImageResult, ProductMessage, settled
from imagemill.steps.ledger import finish
from sweep.round import Finding, Round
from tests.support.account import ENVIRONMENT, JOB_ID, TENANT
from tests.support.results import finished, product_message, put_result

HEADER = b"S. No.,Product Name,Input Image Urls\r\n"
STALLED = 900
DONE = ImageResult(1, ImageStatus.COMPLETED, key="images/00/a.jpg", input_bytes=9, output_bytes=5, kept=False)


def catalogue(rows: int) -> bytes:
    return HEADER + b"".join(b"%d,SKU%d,https://a/%d.jpg\r\n" % (row, row, row) for row in range(1, rows + 1))


def mostly_faulty(rows: int, good: Sequence[int]) -> bytes:
    return HEADER + b"".join(
        b"%d,%s,https://a/%d.jpg\r\n" % (row, b"SKU" if row in good else b"", row) for row in range(1, rows + 1)
    )


class Clock:
    """Rounds of the sweep over time, with the queues as they are."""

    def __init__(self, aws: Any) -> None:
        self.aws = aws
        self.moment = int(time.time())
        self.are_idle = True

    def round(self, later: int = 0) -> dict[Finding, int]:
        self.moment += later
        return dict(Round(self.moment, STALLED, self.are_idle).over_due_jobs(lambda: 300_000))

    def rounds_until_stalled(self) -> dict[Finding, int]:
        """A first look, and one after the job has been without progress for long enough."""
        assert self.round() == {Finding.MOVING: 1}
        return self.round(STALLED)

    def next_remedy(self) -> dict[Finding, int]:
        """The next round in which there is something to do, after any pause."""
        for _ in range(200):
            found = self.round(STALLED)
            if set(found) & {Finding.REDRIVEN, Finding.GIVEN_UP, Finding.DONE}:
                return found
        raise AssertionError("nothing was done")


def job_of(job_id: str = JOB_ID) -> Job:
    job = get_job(job_id)
    assert job
    return job


def item_of(job_id: str = JOB_ID) -> dict[str, Any]:
    found = clients.dynamodb().get_item(TableName=ENVIRONMENT["TABLE_NAME"], Key=key(f"JOB#{job_id}", "JOB"))
    return from_item(found["Item"])


def is_watched(job_id: str = JOB_ID) -> bool:
    return "gsi2pk" in item_of(job_id)


def execute(name: str, status: str) -> None:
    """An execution that has come to a status."""
    start_deliveries(name, [])
    settle(name, status)


def settle(name: str, status: str) -> None:
    """Let an execution end."""
    [machine] = stepfunctions_backends["123456789012"]["eu-central-1"].state_machines
    [execution] = [execution for execution in machine.executions if execution.name == name]
    execution.status = status


def work(messages: Sequence[dict[str, Any]]) -> None:
    """What a worker does with products' messages."""
    for message in messages:
        product = ProductMessage.from_json(json.dumps(message))
        result = put_result(product.job_id, product.run, settled(product.row, 1, [DONE]))
        finish([finished(product.job_id, product.run, product.row, result.status, product.ledger_size)])


def messages_of(rows: int) -> list[dict[str, Any]]:
    options = job_of().options.image
    messages = [product_message(JOB_ID, 1, row, rows, (f"https://a/{row}.jpg",), options) for row in range(1, rows + 1)]
    return [json.loads(replace(message, tenant=TENANT).to_json()) for message in messages]


def full_run(aws: Any) -> None:
    aws.start_job(catalogue(1))
    put_result(JOB_ID, 1, settled(1, 1, [DONE]))
    close_chunk(JOB_ID, 1, 0, add_rows(JOB_ID, 1, 0, {ProductStatus.COMPLETED: [1]}))
