"""A whole job through the API: a catalogue of 100 products × 3 images of 1,600 × 1,200, to its final status.

On the embedded stack, with its two processing functions, from an origin that answers after 100 ms; against the
codec alone on the same images. The first job starts cold functions. Where the time goes is told twice: by the
moments that the job's own document shows, and by the CPU time of every process.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime

from imagemill.domain.options import Reuse
from imagemill_client import Client
from local.stack import free_port, running_stack

from .child import python_child
from .corpus import shop_images
from .floor import floor_child
from .processes import CpuTimes
from .table import Table
from .timing import LONG_REPETITIONS
from .worker import IMAGES, IMAGES_PER_PRODUCT, LATENCY_SECONDS, PRODUCTS, median_by_role

PORT = 4_720
#: Processing functions that stage `local` runs at once, each on one vCPU.
FUNCTIONS = 2
#: Between two looks at the job, which nothing tells us the end of. Each takes a function and the emulated AWS some
#: 30 ms of CPU from the job itself.
POLL_SECONDS = 1.0
JOB_SECONDS = 120.0


class JobFailedError(Exception):
    """The job did not complete, so its time says nothing."""


@dataclass(frozen=True, slots=True)
class JobTime:
    """Seconds since the catalogue was handed in.

    accepted: the API answered. started, ended: as the job's own document says.
    """

    accepted: float
    started: float
    ended: float
    cpu: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class JobThroughput:
    """The floor is the codec alone: seconds, and CPU seconds.

    warm: medians of the jobs after the first. share: of the floor a moment before, as a machine's speed changes.
    """

    floor_seconds: float
    share: float
    floor_cpu: float
    cold: JobTime
    warm: JobTime


def measure() -> JobThroughput:
    paths = [str(image.path) for image in shop_images()]
    with ExitStack() as stack:
        floor = stack.enter_context(floor_child(FUNCTIONS))
        origin = stack.enter_context(python_child("origin", str(LATENCY_SECONDS), *paths))
        catalogue = _catalogue(int(origin.ask({})["port"]))
        running = stack.enter_context(running_stack(free_port(PORT)))
        client = Client(running.api_url, running.api_key)
        floor.ask({"images": IMAGES})
        cold = run_job(client, catalogue)
        warm, floors = [], []
        for _ in range(LONG_REPETITIONS):
            floors.append(floor.ask({"images": IMAGES}))
            warm.append(run_job(client, catalogue))
    return JobThroughput(
        statistics.median(answer["seconds"] for answer in floors),
        statistics.median(answer["seconds"] / job.ended for answer, job in zip(floors, warm, strict=True)),
        statistics.median(answer["cpu_seconds"] for answer in floors),
        cold,
        _median(warm),
    )


def _catalogue(port: int) -> bytes:
    lines = ["S. No.,Product Name,Input Image Urls"]
    for row in range(1, PRODUCTS + 1):
        numbers = range(row * IMAGES_PER_PRODUCT, (row + 1) * IMAGES_PER_PRODUCT)
        urls = ",".join(f"http://127.0.0.1:{port}/{number}.jpg" for number in numbers)
        lines.append(f'{row},SKU{row},"{urls}"')
    return "\r\n".join(lines).encode()


def run_job(client: Client, catalogue: bytes, reuse: Reuse = Reuse.NEVER) -> JobTime:
    """Raises JobFailedError unless every image of the job is done within JOB_SECONDS."""
    cpu = CpuTimes()
    begun = time.time()
    job = client.submit(catalogue, filename="bench.csv", reuse=reuse.value)
    accepted = time.time()
    while time.time() - begun < JOB_SECONDS:
        time.sleep(POLL_SECONDS)
        cpu.sample()
        document = job.refresh().document
        if job.has_ended:
            if job.status != "COMPLETED":
                break
            started, ended = (
                datetime.fromisoformat(str(moment)).timestamp()
                for moment in (document["started_at"], document["ended_at"])
            )
            return JobTime(accepted - begun, started - begun, ended - begun, cpu.by_role())
    raise JobFailedError(f"The job is {job.status} after {time.time() - begun:.0f} s: {job.counts}")


def _median(jobs: Sequence[JobTime]) -> JobTime:
    def middle(moment: Callable[[JobTime], float]) -> float:
        return statistics.median(moment(job) for job in jobs)

    return JobTime(
        middle(lambda job: job.accepted),
        middle(lambda job: job.started),
        middle(lambda job: job.ended),
        median_by_role([job.cpu for job in jobs]),
    )


def tables(measured: JobThroughput) -> list[Table]:
    return [_time_table(measured), _cpu_table(measured)]


def _time_table(measured: JobThroughput) -> Table:
    floor = measured.floor_seconds
    jobs = (
        ("first job, cold functions", measured.cold, floor / measured.cold.ended),
        ("later jobs", measured.warm, measured.share),
    )
    return Table(
        "Job",
        (
            f"{PRODUCTS} products × {IMAGES_PER_PRODUCT} images of 1.9 MP through the API, two processing functions.",
            f"Medians of {LONG_REPETITIONS} jobs but for the first, in turns with the codec alone on the same machine.",
            "Moments are seconds since the catalogue was handed in, by the job's own document.",
        ),
        ["", "images/s", "share of floor", "accepted", "started", "ended"],
        [
            ["codec alone", f"{IMAGES / floor:.1f}", "100%", "", "", f"{floor:.2f}"],
            *(
                [
                    name,
                    f"{IMAGES / job.ended:.1f}",
                    f"{share:.0%}",
                    f"{job.accepted:.2f}",
                    f"{job.started:.2f}",
                    f"{job.ended:.2f}",
                ]
                for name, job, share in jobs
            ),
        ],
    )


def _cpu_table(measured: JobThroughput) -> Table:
    roles = sorted(measured.cold.cpu.keys() | measured.warm.cpu.keys())
    rows = [
        [role, f"{measured.cold.cpu.get(role, 0.0):.2f}", f"{measured.warm.cpu.get(role, 0.0):.2f}"]
        for role in roles
        if role not in {"benchmark", "gone"}
    ]
    return Table(
        "Job: where the CPU time goes",
        (
            "CPU seconds of a job, by process, as the kernel counts them.",
            f"The codec alone takes {measured.floor_cpu:.2f} s for the same images.",
            "On AWS the emulated services and the origin are other machines.",
        ),
        ["process", "first job", "later jobs"],
        rows,
    )
