"""The ingest function's handler on one catalogue, from its event to the last continuation.

Its environment is that of the function, but for queues and a bucket that nobody else reads. Answers the time, the
CPU time, the AWS calls by name, and what tells whether two runs did the same: a digest of all messages sent, in
whatever order, and the items of the job.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import patch

import urllib3

from bench.children.answers import apart_from_logs
from bench.children.handler import Context
from bench.children.peak import peak_bytes
from imagemill.adapters.aws.clients import dynamodb, s3, sqs
from imagemill.adapters.aws.fast_lane import FastLane
from imagemill.adapters.store.jobs import create_job
from imagemill.domain.clock import now
from imagemill.domain.codes import JobSource, JobStatus
from imagemill.domain.job import Job
from imagemill.settings import settings
from ingest.app import handler

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

#: More than the handler wants to have left.
AMPLE_MILLISECONDS = 900_000
#: Lambda's own, which the benchmark does in its place.
NOT_INGEST = ("AmazonSQS.ReceiveMessage", "AmazonSQS.DeleteMessage")
#: What differs from run to run in the items of a job.
TIMES = {"created_at", "started_at", "expires_at"}


class CountedContext(Context):
    """Lets an invocation take so many chunks, then says that its time is over. None: as many as there are."""

    def __init__(self, chunks: int | None) -> None:
        super().__init__()
        self._left = chunks

    def get_remaining_time_in_millis(self) -> int:
        if self._left is None:
            return AMPLE_MILLISECONDS
        self._left -= 1
        return AMPLE_MILLISECONDS if self._left > 0 else 0


class Requests:
    """Every request to AWS, counted where boto3 passes, in urllib3, and on the fast lane."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._original = urllib3.HTTPConnectionPool.urlopen
        self._original_try = FastLane.try_once
        self.clear()

    def clear(self) -> None:
        self.calls: Counter[str] = Counter()
        self.messages = 0

    def watch(self) -> None:
        requests = self

        def urlopen(pool: Any, method: str, url: str, body: Any = None, headers: Any = None, **rest: Any) -> Any:
            requests._see(method, body, {name.lower(): value for name, value in (headers or {}).items()})
            return requests._original(pool, method, url, body=body, headers=headers, **rest)

        def try_once(lane: FastLane, method: str, path: str, body: bytes, headers: Any, *rest: Any) -> Any:
            requests._see(method, body, headers)
            return requests._original_try(lane, method, path, body, headers, *rest)

        patch.object(urllib3.HTTPConnectionPool, "urlopen", urlopen).start()
        patch.object(FastLane, "try_once", try_once).start()

    def _see(self, method: str, body: Any, headers: dict[str, Any]) -> None:
        target = headers.get("x-amz-target", f"S3.{method.title()}Object")
        name = (target.decode() if isinstance(target, bytes) else str(target)).replace("DynamoDB_20120810", "DynamoDB")
        digest = 0
        if name == "AmazonSQS.SendMessageBatch":
            sent = body if isinstance(body, bytes) else str(body).encode()
            digest = int.from_bytes(hashlib.sha256(sent).digest())
        with self._lock:
            self.calls[name] += 1
            self.messages = (self.messages + digest) % 2**256


def serve() -> None:
    answers = apart_from_logs()
    requests = Requests()
    requests.watch()
    for line in sys.stdin:
        print(json.dumps(_run(json.loads(line), requests)), file=answers, flush=True)


def _run(request: dict[str, Any], requests: Requests) -> dict[str, Any]:
    """request: `csv` is a path, `job_id`, and how many `chunks` an invocation takes, or null."""
    key = _store(request["job_id"], Path(request["csv"]))
    notification = {"Records": [{"s3": {"object": {"key": key, "versionId": "1"}}}]}
    body: str | None = json.dumps(notification)
    requests.clear()
    invocations = 0
    cpu_begun, begun = time.process_time(), time.perf_counter()
    while body is not None:
        handler(
            {"Records": [{"messageId": "1", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}]},
            cast("LambdaContext", CountedContext(request["chunks"])),
        )
        invocations += 1
        calls, seconds = dict(requests.calls), time.perf_counter() - begun
        cpu_seconds = time.process_time() - cpu_begun
        received = sqs().receive_message(QueueUrl=os.environ["INGEST_QUEUE"]).get("Messages", [])
        body = received[0]["Body"] if received else None
        if received:
            sqs().delete_message(QueueUrl=os.environ["INGEST_QUEUE"], ReceiptHandle=received[0]["ReceiptHandle"])
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "invocations": invocations,
        "calls": {name: count for name, count in calls.items() if name not in NOT_INGEST},
        "messages": f"{requests.messages:064x}",
        "items": _items(request["job_id"]),
        "peak_bytes": peak_bytes(),
    }


def _store(job_id: str, csv: Path) -> str:
    """The job as the API leaves it, without the layout of a job that was inspected before; the key of its CSV."""
    job = Job(job_id, "bench", JobStatus.QUEUED, JobSource.API, csv.name, now(), api_url="")
    create_job(job)
    s3().upload_file(str(csv), settings().catalogue_bucket, job.catalogue_key)
    return job.catalogue_key


def _items(job_id: str) -> str:
    """A digest of the job's items; they are removed, so that the same job may be run again."""
    table = settings().table
    pages = dynamodb().get_paginator("scan").paginate(TableName=table)
    found = [item for page in pages for item in page["Items"] if job_id in item["pk"]["S"]]
    timeless = sorted(
        repr(sorted((name, _plain(value)) for name, value in item.items() if name not in TIMES)) for item in found
    )
    for item in found:
        dynamodb().delete_item(TableName=table, Key={"pk": item["pk"], "sk": item["sk"]})
    return f"{len(found)} items, {hashlib.sha256(''.join(timeless).encode()).hexdigest()}"


def _plain(value: Any) -> str:
    """Sets come in no order."""
    return repr({kind: sorted(held) if kind in {"NS", "SS"} else held for kind, held in value.items()})


if __name__ == "__main__":
    serve()
