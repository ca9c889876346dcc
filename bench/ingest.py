"""Ingest: the function's own handler on a catalogue of 100,000 rows, into the embedded stack's S3, SQS and DynamoDB.

Its messages go to a queue without a reader, so that nothing else is at work but the emulated AWS. One row in 500 is
at fault, so that the ledger is written, too. Once in one invocation and once with a continuation every 20,000 rows:
both have to send the same messages and leave the same items.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagemill.domain.catalogue.inspection import CHUNK_ROWS
from imagemill.domain.ids import new_id
from local.stack import Stack, client, free_port, running_stack

from .child import python_child
from .processes import CpuTimes
from .table import Table
from .worker import function_environment

PORT = 4_730
ROWS = 100_000
ROWS_A_FAULT = 500
ROWS_A_CONTINUATION = 20_000
FUNCTION = "imagemill-local-ingest"


class RunsDifferError(Exception):
    """A run with continuations did not do what the run without did, or messages are missing."""


@dataclass(frozen=True, slots=True)
class IngestRun:
    """seconds: from the event to the handler's last return. calls: AWS requests by name, of all invocations."""

    name: str
    rows: int
    seconds: float
    cpu_seconds: float
    emulator_cpu_seconds: float
    invocations: int
    calls: Mapping[str, int]
    peak_bytes: int


def measure() -> list[IngestRun]:
    """Raises RunsDifferError unless both runs have the same results."""
    with tempfile.TemporaryDirectory() as folder, running_stack(free_port(PORT)) as stack:
        csv = Path(folder) / "bench.csv"
        _write_catalogue(csv)
        job_id = new_id()
        answers = [
            _run(stack, name, {"csv": str(csv), "job_id": job_id, "chunks": chunks})
            for name, chunks in (
                ("one invocation", None),
                (f"continued every {ROWS_A_CONTINUATION:,} rows", ROWS_A_CONTINUATION // CHUNK_ROWS),
            )
        ]
    results = [(answer["sent"], answer["messages"], answer["items"]) for _, answer in answers]
    if len(set(results)) != 1 or results[0][0] != ROWS - ROWS // ROWS_A_FAULT:
        raise RunsDifferError(f"Messages in the queue, their digest, and the items: {results}")
    return [run for run, _ in answers]


def _run(stack: Stack, name: str, request: Mapping[str, Any]) -> tuple[IngestRun, dict[str, Any]]:
    """In a process of its own, as the peak of memory is the process's."""
    sqs, s3 = (client(service, stack.aws_endpoint_url) for service in ("sqs", "s3"))
    products, ingest = (sqs.create_queue(QueueName=f"bench-{kind}")["QueueUrl"] for kind in ("products", "ingest"))
    s3.create_bucket(Bucket="bench-catalogue")
    environment = {
        **function_environment(stack, FUNCTION),
        "PRODUCTS_QUEUE": products,
        "INGEST_QUEUE": ingest,
        "CATALOGUE_BUCKET": "bench-catalogue",
    }
    cpu = CpuTimes()
    with python_child("ingest", environment=environment) as child:
        answer = child.ask(request)
    cpu.sample()
    waiting = sqs.get_queue_attributes(QueueUrl=products, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    for queue in (products, ingest):
        sqs.delete_queue(QueueUrl=queue)
    run = IngestRun(
        name,
        ROWS,
        answer["seconds"],
        answer["cpu_seconds"],
        cpu.by_role().get("emulated AWS", 0.0),
        answer["invocations"],
        answer["calls"],
        answer["peak_bytes"],
    )
    return run, {**answer, "sent": int(waiting["ApproximateNumberOfMessages"])}


def _write_catalogue(path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("S. No.,Product Name,Input Image Urls\r\n")
        for row in range(1, ROWS + 1):
            name = "" if row % ROWS_A_FAULT == 0 else f"Chair {row}"
            urls = ",".join(
                f"https://cdn.shop.example/products/{row:07d}/{view}.jpg" for view in ("front", "back", "top")
            )
            file.write(f'{row},{name},"{urls}"\r\n')


def table(runs: Sequence[IngestRun]) -> Table:
    return Table(
        "Ingest",
        (
            f"The ingest handler on a catalogue of {ROWS:,} rows with three URLs each, into the emulated S3, SQS and",
            f"DynamoDB; one row in {ROWS_A_FAULT} is at fault. Both runs sent the same messages and left the same",
            "items. CPU seconds: on AWS the emulated services are other machines.",
        ),
        ["", "rows/s", "rows/CPU s", "CPU s", "peak, MiB", "invocations", "AWS calls"],
        [
            [
                run.name,
                f"{run.rows / run.seconds:,.0f}",
                f"{run.rows / run.cpu_seconds:,.0f}",
                f"ingest {run.cpu_seconds:.1f}, emulated AWS {run.emulator_cpu_seconds:.1f}",
                f"{run.peak_bytes / 2**20:,.0f}",
                str(run.invocations),
                ", ".join(f"{count:,} {name.split('.')[-1]}" for name, count in sorted(run.calls.items())),
            ]
            for run in runs
        ],
    )
