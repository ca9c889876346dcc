"""What a job costs: its calls, counted, and its functions' time, measured, at AWS's list prices.

A model, not a bill. The calls are those that the code makes (`tests/contract/test_costs.py` holds both together), units
of DynamoDB follow from the sizes of the items, seconds are of the benchmarks and of the round trips that a function
waits for. It takes no account of free tiers, of what CloudFront serves, and of images stored from month to month.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from .prices import MILLION, PAYEES, PRICES
from .table import Table

#: Between which the tables stand in a document.
BEGIN, END = "<!-- written by `python -m bench cost` -->", "<!-- until here -->"
#: Jobs of the table, by their images. A product has three, where there are so many.
JOB_SIZES = (1, 10, 100, 1_000, 10_000, 100_000, MILLION)
IMAGES_PER_PRODUCT = 3

CHUNK_ROWS = 200
BATCH_PRODUCTS = 10
#: Memory of each function, in GB, as template.yaml has it.
MEMORY_GB = {"api": 1.0, "ingest": 1769 / 1024, "process": 1769 / 1024, "report": 1769 / 1024, "deliver": 0.5}

#: Round trips within a region, in seconds: assumed.
TABLE_SECONDS, QUEUE_SECONDS, OBJECT_SECONDS = 0.005, 0.010, 0.030
#: Until an origin has answered, and until a receiver has, in seconds: assumed.
FETCH_SECONDS, RECEIVER_SECONDS = 0.4, 0.2
#: CPU seconds, warm: of an invocation (docs/benchmarks, "Job"), and of a row in ingest (ibid., "Ingest") and in the
#: report (measured as the output of 20,000 rows of three images: 15,900 rows a second).
CPU_SECONDS = {"api": 0.03, "ingest": 0.02, "process": 0.02, "report": 0.02, "deliver": 0.02}
INGEST_ROW_SECONDS, REPORT_ROW_SECONDS = 1 / 4_828, 1 / 15_900
#: An image of 1.9 MP in a worker (ibid., "Worker"). One that has not changed has a request and a HEAD: assumed.
IMAGE_SECONDS, REUSED_IMAGE_SECONDS = 1 / 56.8, 0.003
#: Sizes in bytes: of a product's result and each of its images, of the CSVs' rows in and out.
RESULT_BYTES, RESULT_IMAGE_BYTES = 107, 241
ROW_BYTES, OUTPUT_IMAGE_BYTES = 30, 190
PART_BYTES = 8 * 1024 * 1024
#: Lines of an invocation in the logs: its start and end, ours, and the metrics'.
LOG_BYTES = 1_300
#: State transitions for one receiver that answers at once, and for each further one.
TRANSITIONS, FURTHER_TRANSITIONS = 7, 3
#: Release 0.1 reported in an execution, too: with nobody to call, and with one receiver.
FIRST_TRANSITIONS = (5, 8)


@dataclass(frozen=True, slots=True)
class JobShape:
    """repeated: all images were made by an earlier job, and none has changed. receivers: of its webhook."""

    images: int
    repeated: bool = False
    receivers: int = 0

    @property
    def images_per_product(self) -> int:
        return min(IMAGES_PER_PRODUCT, self.images)

    @property
    def products(self) -> int:
        return ceil(self.images / self.images_per_product)

    @property
    def batches(self) -> int:
        return ceil(self.products / BATCH_PRODUCTS)

    @property
    def chunks(self) -> int:
        return ceil(self.products / CHUNK_ROWS)


def calls(job: JobShape) -> dict[str, Counter[str]]:
    """The AWS calls of each function for one job that comes by the API, as boto3 names them."""
    made = {
        "api": Counter(PutItem=2, PutObject=1, GetItem=1),
        "ingest": Counter(GetItem=4, UpdateItem=2, GetObject=1, SendMessageBatch=job.batches),
        "process": Counter(
            BatchGetItem=job.batches,
            ReceiveMessage=job.batches,
            PutItem=job.products,
            UpdateItem=job.batches + job.chunks,
            SendMessage=1,
        ),
        "report": Counter(
            GetItem=6, GetObject=1, Query=1 + job.chunks, PutObject=1, UpdateItem=3, PutItem=1, PutEvents=1
        ),
        "deliver": Counter(GetItem=2 * job.receivers, UpdateItem=job.receivers, PutItem=job.receivers),
    }
    if job.repeated:
        made["process"]["HeadObject"] = job.images
    else:
        made["process"] += Counter(PutObject=job.images, BatchWriteItem=job.products)
    if job.receivers:
        made["report"]["StartExecution"] = 1
    return {function: +counted for function, counted in made.items() if +counted}


def usage(job: JobShape, *, release_01: bool = False) -> dict[str, float]:
    """What is paid for, in the units of `PRICES`."""
    used: dict[str, float] = dict.fromkeys(PRICES, 0)
    made = calls(job)
    images = job.images_per_product
    result_bytes = RESULT_BYTES + images * RESULT_IMAGE_BYTES
    output_bytes = job.products * (ROW_BYTES + images * OUTPUT_IMAGE_BYTES)
    for counted in made.values():
        used["PUTs"] += counted["PutObject"]
        used["GETs"] += counted["GetObject"] + counted["HeadObject"]
        used["SQS requests"] += counted["SendMessage"] + counted["SendMessageBatch"] + counted["ReceiveMessage"]
    # Lambda's own: it receives and deletes what it hands in. S3 sends the upload's event.
    used["SQS requests"] += 1 + 2 * (1 + job.batches + 1)
    if output_bytes > PART_BYTES:
        used["PUTs"] += ceil(output_bytes / PART_BYTES) + 2
    # The job's item has 1 to 2 KB and is also in an index, whole: 2 + 2 units. It is made, started, ended, noted as
    # reported; its making and its end change the sweep's index as well. Layout, run (twice), and the message (2 KB).
    used["write units"] += 4 * 4 + 2 + 1 + 2 + 2
    used["write units"] += job.products * ceil(result_bytes / 1024) + job.batches + job.chunks
    used["write units"] += 0 if job.repeated else job.images
    used["write units"] += 3 * job.receivers
    used["read units"] += sum(counted["GetItem"] for counted in made.values()) + 1
    # A key each for product and image, and one a batch for a cancellation.
    used["read units"] += job.products + job.images + job.batches
    used["read units"] += ceil(job.products * result_bytes / 4096) + job.chunks
    used["api requests"] += 1
    if job.receivers:
        used["transitions"] += TRANSITIONS + FURTHER_TRANSITIONS * (job.receivers - 1)
    if release_01:
        used["transitions"] = FIRST_TRANSITIONS[bool(job.receivers)] + FURTHER_TRANSITIONS * max(0, job.receivers - 1)
        used["SQS requests"] -= 3
    else:
        used["events"] += 1
    for function, (invocations, seconds) in durations(job).items():
        used["invocations"] += invocations
        used["GB-seconds"] += seconds * MEMORY_GB[function]
        used["log GB"] += invocations * LOG_BYTES / 1e9
    return used


def durations(job: JobShape) -> dict[str, tuple[int, float]]:
    """By function: invocations, and billed seconds of all of them, warm."""
    waiting = {
        function: sum(_round_trip(call) * times for call, times in counted.items())
        for function, counted in calls(job).items()
    }
    # A worker goes on with more products while it has time, so its first fetch alone is waited for: everything else
    # overlaps, and the processor is what is full. Ten products are handed in to each, as long as there are any.
    workers = min(job.batches, 200)
    image = REUSED_IMAGE_SECONDS if job.repeated else IMAGE_SECONDS
    batch = FETCH_SECONDS + TABLE_SECONDS * 3 + QUEUE_SECONDS + OBJECT_SECONDS
    process = workers * (CPU_SECONDS["process"] + batch) + job.images * image
    spent = {
        "api": (1, CPU_SECONDS["api"] + waiting["api"]),
        "ingest": (1, CPU_SECONDS["ingest"] + max(0.07, job.products * INGEST_ROW_SECONDS)),
        "process": (workers, process),
        "report": (1, CPU_SECONDS["report"] + waiting["report"] + job.products * REPORT_ROW_SECONDS),
    }
    if job.receivers:
        each = CPU_SECONDS["deliver"] + RECEIVER_SECONDS + 4 * TABLE_SECONDS
        spent["deliver"] = (job.receivers, job.receivers * each)
    return spent


def _round_trip(call: str) -> float:
    if call in {"PutObject", "GetObject", "HeadObject"}:
        return OBJECT_SECONDS
    waits_for_table = call in {"GetItem", "PutItem", "UpdateItem", "Query", "BatchGetItem", "BatchWriteItem"}
    return TABLE_SECONDS if waits_for_table else QUEUE_SECONDS


def dollars(used: Mapping[str, float]) -> dict[str, float]:
    """By whom it is paid to, the most first."""
    paid: dict[str, float] = {}
    for thing, count in used.items():
        paid[PAYEES[thing]] = paid.get(PAYEES[thing], 0.0) + count * PRICES[thing]
    return dict(sorted(paid.items(), key=lambda share: -share[1]))


def per_million_images(job: JobShape, *, release_01: bool = False) -> dict[str, float]:
    """The same for as many such jobs as have a million images."""
    each = dollars(usage(job, release_01=release_01))
    return {payee: share * MILLION / job.images for payee, share in each.items()}


def tables() -> list[Table]:
    return [_by_size(), _by_payee()]


def _by_size() -> Table:
    rows = []
    for images in JOB_SIZES:
        shapes = [
            JobShape(images, repeated=repeated, receivers=receivers)
            for repeated in (False, True)
            for receivers in (0, 1)
        ]
        sums = [sum(per_million_images(shape).values()) for shape in shapes]
        most, share = next(iter(per_million_images(shapes[0]).items()))
        before = sum(per_million_images(shapes[0], release_01=True).values())
        largest = f"{most} {share / sums[0]:.0%}"
        rows.append([f"{images:,}", *(f"{total:.2f}" for total in sums), largest, f"{before:.2f}"])
    return Table(
        "Cost: a million images, by the size of the jobs",
        [
            "Dollars, warm functions, images of 1.9 MP, three a product.",
            "Again: none has changed since an earlier job.",
            "0.1: with the execution that release 0.1 started for each run.",
        ],
        [
            "images a job",
            "first",
            "… with a webhook",
            "again",
            "… with a webhook",
            "largest part of first",
            "first, 0.1",
        ],
        rows,
    )


def _by_payee() -> Table:
    first = per_million_images(JobShape(MILLION))
    again = per_million_images(JobShape(MILLION, repeated=True))
    small = per_million_images(JobShape(IMAGES_PER_PRODUCT))
    rows = [
        [payee, *(f"{paid.get(payee, 0):.2f}" for paid in (first, again, small))]
        for payee in sorted({*first, *again, *small}, key=lambda payee: -first.get(payee, 0))
    ]
    rows.append(["**all**", *(f"{sum(paid.values()):.2f}" for paid in (first, again, small))])
    return Table(
        "Cost: a million images, by service",
        ["Dollars. One job of a million images, first and again; 333,334 jobs of one product each, first."],
        ["paid to", "one job, first", "one job, again", "jobs of one product"],
        rows,
    )


def write_into(document: Path) -> None:
    """Put the tables between the marks of a document."""
    before, _, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}\n\n{as_markdown()}\n{END}{after}", encoding="utf-8")


def as_markdown() -> str:
    return "\n".join(table.as_markdown().replace("## ", "### ", 1) for table in tables())
