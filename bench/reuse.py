"""The job of `job` handed in again: unchanged, with 1 % changed, and from an origin that does not tell versions apart.

Through the API on the embedded stack, in turns, each turn with URLs of its own. AWS calls and dollars are those of the
process handler on the same catalogue, counted where its requests leave; prices are list prices of us-east-1. How much
of an unchanged job's time is the origin's latency is told by the same handler with origins near and far.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from imagemill.domain.options import Reuse as JobReuse
from imagemill_client import Client
from local.stack import Stack, client, free_port, running_stack
from process.image import MEGABYTES_A_VCPU

from .child import Child, on_one_processor, on_other_processors, python_child
from .corpus import shop_images
from .job import FUNCTIONS, JobTime, run_job
from .prices import MILLION, PRICES
from .table import Table
from .timing import REPETITIONS
from .worker import IMAGES, IMAGES_PER_PRODUCT, LATENCY_SECONDS, PRODUCTS, WorkerQueue, function_environment

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PORT = 4_730
#: Of the images, one in so many changes.
CHANGED_EVERY = 100
#: An origin beside the worker, one in the same region, and one of a shop as `job` has it.
LATENCIES_SECONDS = (0.0, 0.02, LATENCY_SECONDS)
#: In their order: what is handed in, whether the origin tells versions apart, and how many images have changed.
KINDS = ("first", "unchanged", "1 % changed", "first, silent origin", "unchanged, silent origin")


@dataclass(frozen=True, slots=True)
class Handed:
    """A job, and what it asked of others. stored: image objects written. fetched: bytes of images."""

    time: JobTime
    stored: int
    requests: int
    fetched: int


@dataclass(frozen=True, slots=True)
class Counted:
    """The process handler on one vCPU: seconds, and calls and units by the names that `prices` has for them."""

    seconds: float
    calls: Mapping[str, float]

    @property
    def dollars(self) -> float:
        """For a million images."""
        compute = self.seconds * MEGABYTES_A_VCPU / 1024 * PRICES["GB-seconds"]
        return (compute + sum(PRICES[name] * count for name, count in self.calls.items())) / IMAGES * MILLION


@dataclass(frozen=True, slots=True)
class HandlerTime:
    """The process handler on one vCPU, on a catalogue for the first time and once more."""

    first_seconds: float
    first_cpu_seconds: float
    unchanged_seconds: float
    unchanged_cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Reuse:
    """jobs: of each kind, a turn's each. counted: of each kind. times: by the origin's latency, a turn's each."""

    jobs: Mapping[str, Sequence[Handed]]
    counted: Mapping[str, Counted]
    times: Mapping[float, Sequence[HandlerTime]]


def measure() -> Reuse:
    paths = [str(image.path) for image in shop_images()]
    return Reuse(measure_jobs(paths), measure_calls(paths), measure_latencies(paths))


def measure_latencies(paths: Sequence[str], turns: int = REPETITIONS) -> dict[float, list[HandlerTime]]:
    """Of all turns but one before them: it opens connections, and imports what is imported late."""
    times: dict[float, list[HandlerTime]] = {}
    with ExitStack() as stack:
        with on_other_processors():
            running = stack.enter_context(running_stack(free_port(PORT)))
        for latency in LATENCIES_SECONDS:
            with on_other_processors():
                origin = stack.enter_context(python_child("origin_with_versions", str(latency), *paths))
            queue = WorkerQueue(running, int(origin.ask({})["port"]))
            environment = function_environment(running) | {"PRODUCTS_QUEUE": queue.url}
            with on_one_processor():
                handler = stack.enter_context(python_child("handler", environment=environment))
            with on_other_processors():
                times[latency] = [_first_and_unchanged(queue, handler, turn) for turn in range(turns + 1)][1:]
    return times


def _first_and_unchanged(queue: WorkerQueue, handler: Child, turn: int) -> HandlerTime:
    queue.folder = f"turn{turn}/"
    first, unchanged = (queue.answer_of(handler) for _ in range(2))
    return HandlerTime(first["seconds"], first["cpu_seconds"], unchanged["seconds"], unchanged["cpu_seconds"])


def measure_calls(paths: Sequence[str], turns: int = 2) -> dict[str, Counted]:
    """Of the last turn: the first opens connections, and imports what is imported late."""
    counted = {}
    with ExitStack() as stack:
        with on_other_processors():
            origin = stack.enter_context(python_child("origin_with_versions", str(LATENCY_SECONDS), *paths))
            running = stack.enter_context(running_stack(free_port(PORT)))
        queue = WorkerQueue(running, int(origin.ask({})["port"]))
        environment = function_environment(running) | {"PRODUCTS_QUEUE": queue.url}
        with on_one_processor():
            handler = stack.enter_context(python_child("handler", "counted", environment=environment))
        with on_other_processors():
            for turn in range(turns):
                for kind in KINDS:
                    origin.ask({"every": _every(kind)})
                    queue.folder = f"{_catalogue_name(kind)}w{turn}/"
                    answer = queue.answer_of(handler)
                    counted[kind] = Counted(answer["seconds"], answer["calls"])
    return counted


def measure_jobs(paths: Sequence[str]) -> dict[str, list[Handed]]:
    jobs: dict[str, list[Handed]] = {kind: [] for kind in KINDS}
    with ExitStack() as stack:
        origin = stack.enter_context(python_child("origin_with_versions", str(LATENCY_SECONDS), *paths))
        running = stack.enter_context(running_stack(free_port(PORT)))
        api = Client(running.api_url, running.api_key)
        # Cold functions are none of this benchmark's concern.
        _handed_in(api, running, origin, "cold", 0)
        for turn in range(REPETITIONS):
            for kind in KINDS:
                jobs[kind].append(_handed_in(api, running, origin, f"{_catalogue_name(kind)}{turn}", _every(kind)))
    return jobs


def _every(kind: str) -> int:
    return CHANGED_EVERY if "changed" in kind.split() else 0


def _catalogue_name(kind: str) -> str:
    return "silent" if "silent" in kind else "shop"


def _handed_in(api: Client, running: Stack, origin: Child, name: str, every: int) -> Handed:
    port = int(origin.ask({"every": every})["port"])
    # S3 tells in whole seconds when an object was stored: those of the job before are of an earlier one then.
    time.sleep(1)
    begun = datetime.now(UTC).replace(microsecond=0)
    job = run_job(api, _catalogue(port, name), JobReuse.AUTO)
    told = origin.ask({})
    return Handed(job, _stored_since(running, begun), int(told["requests"]), int(told["bytes"]))


def _catalogue(port: int, name: str) -> bytes:
    lines = ["S. No.,Product Name,Input Image Urls"]
    for row in range(PRODUCTS):
        numbers = range(row * IMAGES_PER_PRODUCT, (row + 1) * IMAGES_PER_PRODUCT)
        urls = ",".join(f"http://127.0.0.1:{port}/{name}/{number}.jpg" for number in numbers)
        lines.append(f'{row},SKU{row},"{urls}"')
    return "\r\n".join(lines).encode()


def _stored_since(running: Stack, moment: datetime) -> int:
    s3: S3Client = client("s3", running.aws_endpoint_url)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=running.image_bucket)
    return sum(item["LastModified"] >= moment for page in pages for item in page.get("Contents", []))


def tables(measured: Reuse) -> list[Table]:
    return [_job_table(measured), _latency_table(measured), _cost_table(measured)]


def _job_table(measured: Reuse) -> Table:
    firsts = measured.jobs[KINDS[0]]
    rows = []
    for kind, jobs in measured.jobs.items():
        ratio = statistics.median(first.time.ended / job.time.ended for first, job in zip(firsts, jobs, strict=True))
        cpu = {role: statistics.median(job.time.cpu.get(role, 0.0) for job in jobs) for role in jobs[0].time.cpu}
        rows.append(
            [
                kind,
                f"{statistics.median(IMAGES / job.time.ended for job in jobs):.0f}",
                f"{ratio:.1f}",
                f"{statistics.median(job.stored for job in jobs):.0f}",
                f"{statistics.median(job.requests for job in jobs):.0f}",
                f"{statistics.median(job.fetched for job in jobs) / MILLION:.1f}",
                ", ".join(
                    f"{role} {cpu.get(role, 0.0):.2f}" for role in ("function process", "emulated AWS", "origin")
                ),
            ]
        )
    return Table(
        "Handed in again",
        (
            f"{PRODUCTS} products × {IMAGES_PER_PRODUCT} images of 1.9 MP through the API, {FUNCTIONS} processing",
            f"functions, origin with 100 ms latency. Medians of {REPETITIONS} turns, ratios to the turn's first job.",
            "Stored: image objects; requests and megabytes at the origin; CPU seconds of all images.",
        ),
        ["job", "images/s", "ratio", "stored", "requests", "MB fetched", "CPU s"],
        rows,
    )


def _latency_table(measured: Reuse) -> Table:
    def middle(times: Sequence[HandlerTime], value: Callable[[HandlerTime], float]) -> float:
        return statistics.median(value(time) for time in times)

    return Table(
        "Handed in again: near origins and far ones",
        (
            "The process handler alone, on one vCPU; CPU seconds of all images, with those of the codec's process.",
            f"Medians of {REPETITIONS} turns, ratios of unchanged to first in the same turn.",
        ),
        ["latency", "first, images/s", "unchanged, images/s", "ratio", "first, CPU s", "unchanged, CPU s", "CPU ratio"],
        [
            [
                f"{latency * 1000:.0f} ms",
                f"{middle(times, lambda time: IMAGES / time.first_seconds):.0f}",
                f"{middle(times, lambda time: IMAGES / time.unchanged_seconds):.0f}",
                f"{middle(times, lambda time: time.first_seconds / time.unchanged_seconds):.1f}",
                f"{middle(times, lambda time: time.first_cpu_seconds):.2f}",
                f"{middle(times, lambda time: time.unchanged_cpu_seconds):.2f}",
                f"{middle(times, lambda time: time.first_cpu_seconds / time.unchanged_cpu_seconds):.1f}",
            ]
            for latency, times in measured.times.items()
        ],
    )


def _cost_table(measured: Reuse) -> Table:
    names = sorted({name for counted in measured.counted.values() for name in counted.calls})
    return Table(
        "Handed in again: AWS calls and dollars",
        (
            "The process handler alone, on one vCPU; for an image, and for a million by list prices of us-east-1",
            "(Lambda arm64, 1,769 MB; DynamoDB on demand). Without ingest, report and what goes over the network.",
        ),
        ["job", *names, "images/s", "dollars a million"],
        [
            [
                kind,
                *(f"{counted.calls.get(name, 0.0) / IMAGES:.2f}" for name in names),
                f"{IMAGES / counted.seconds:.0f}",
                f"{counted.dollars:.2f}",
            ]
            for kind, counted in measured.counted.items()
        ],
    )
