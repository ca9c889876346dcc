"""The worker: the process function's own handler on SQS events, against the codec alone on the same images.

300 images of 1,600 × 1,200 from an origin that answers after 100 ms, 10 products a batch, results into the
embedded stack's S3 and DynamoDB. With 3 images a product, ten batches of 30 images; with 30, one batch of 300: the
difference is what the batches' heads cost, in which nothing has arrived yet. Once with one handler process, once
with two that share the batches, as stage `local` runs them; each has the encoders of one vCPU, so the floor has a
thread for each handler. Stack, origin and worker share this machine's processors: what the first two take is not
the worker's to give, so their CPU time is shown.
"""

from __future__ import annotations

import statistics
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from imagemill.domain.job import new_job_id
from imagemill.domain.options import ImageOptions
from imagemill.domain.product import CHUNK_ROWS, ProductMessage
from local.stack import ADMINISTRATOR, REGION, Stack, client, free_port, running_stack

from .child import Child, python_child
from .corpus import shop_images
from .floor import floor_child
from .processes import CpuTimes
from .table import Table
from .timing import REPETITIONS

PORT = 4_710
PRODUCTS, IMAGES_PER_PRODUCT, BATCH_SIZE = 100, 3, 10
IMAGES = PRODUCTS * IMAGES_PER_PRODUCT
LATENCY_SECONDS = 0.1
#: Processes of the handler: one alone, and as many as stage `local` runs at once.
HANDLERS = (1, 2)
FUNCTION = "imagemill-local-process"


@dataclass(frozen=True, slots=True)
class Load:
    """So many images of so many products, shared by so many handlers."""

    handlers: int
    images_per_product: int

    @property
    def name(self) -> str:
        plural = "" if self.handlers == 1 else "s"
        return f"{self.handlers} handler{plural}, {BATCH_SIZE * self.images_per_product} images a batch"


LOADS = (Load(1, IMAGES_PER_PRODUCT), Load(2, IMAGES_PER_PRODUCT), Load(1, IMAGES // BATCH_SIZE))


@dataclass(frozen=True, slots=True)
class Throughput:
    """Medians. speed: images/s. cpu: CPU seconds of the 300 images, by process."""

    name: str
    speed: float
    share_of_floor: float
    cpu: Mapping[str, float]


def measure() -> list[Throughput]:
    paths = [str(image.path) for image in shop_images()]
    with ExitStack() as stack:
        floors = {count: stack.enter_context(floor_child(count)) for count in HANDLERS}
        origin = stack.enter_context(python_child("origin", str(LATENCY_SECONDS), *paths))
        port = int(origin.ask({})["port"])
        running = stack.enter_context(running_stack(free_port(PORT)))
        handlers = [
            stack.enter_context(python_child("handler", environment=function_environment(running)))
            for _ in range(max(HANDLERS))
        ]
        # The first events open connections and import what is imported late.
        _run(handlers, port, IMAGES_PER_PRODUCT)
        for floor in floors.values():
            floor.ask({"images": IMAGES})
        alone: dict[int, list[Mapping[str, float]]] = {count: [] for count in HANDLERS}
        runs: dict[Load, list[tuple[float, Mapping[str, float]]]] = {load: [] for load in LOADS}
        for _ in range(REPETITIONS):
            for load in LOADS:
                alone[load.handlers].append(floors[load.handlers].ask({"images": IMAGES}))
                runs[load].append(_run(handlers[: load.handlers], port, load.images_per_product))
    return [row for count in HANDLERS for row in _throughputs(count, alone[count], runs)]


def _throughputs(
    count: int, alone: Sequence[Mapping[str, float]], runs: Mapping[Load, Sequence[tuple[float, Mapping[str, float]]]]
) -> list[Throughput]:
    floor = statistics.median(answer["seconds"] for answer in alone)
    floor_cpu = statistics.median(answer["cpu_seconds"] for answer in alone)
    plural = "" if count == 1 else "s"
    throughputs = [Throughput(f"codec alone, {count} thread{plural}", IMAGES / floor, 1.0, {"codec": floor_cpu})]
    for load, samples in runs.items():
        if load.handlers == count:
            seconds = statistics.median(seconds for seconds, _ in samples)
            cpu = median_by_role([cpu for _, cpu in samples])
            throughputs.append(Throughput(load.name, IMAGES / seconds, floor / seconds, cpu))
    return throughputs


def median_by_role(samples: Sequence[Mapping[str, float]]) -> dict[str, float]:
    roles = {role for sample in samples for role in sample}
    return {role: statistics.median(sample.get(role, 0.0) for sample in samples) for role in sorted(roles)}


def function_environment(stack: Stack, function: str = FUNCTION) -> dict[str, str]:
    """The variables that a deployed function has, and an administrator's credentials."""
    functions = client("lambda", stack.aws_endpoint_url)
    configuration = functions.get_function_configuration(FunctionName=function)
    return {
        **configuration["Environment"]["Variables"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        **ADMINISTRATOR,
        "AWS_ENDPOINT_URL": stack.aws_endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "POWERTOOLS_LOG_LEVEL": "WARNING",
    }


def _run(handlers: Sequence[Child], port: int, images_per_product: int) -> tuple[float, Mapping[str, float]]:
    """Seconds from the first event to the last answer, and CPU seconds by process.

    Raises:
        RuntimeError: when the handler gave a message back.
    """
    events = _events(port, images_per_product)
    cpu = CpuTimes()
    with ThreadPoolExecutor(len(handlers)) as pool:
        requests = [{"events": events[first :: len(handlers)]} for first in range(len(handlers))]
        answers = list(pool.map(lambda handler, request: handler.ask(request), handlers, requests))
    cpu.sample()
    if any(answer["failures"] for answer in answers):
        raise RuntimeError("The handler gave messages back: what it measured is not a whole run.")
    by_role = {role: seconds for role, seconds in cpu.by_role().items() if role in {"emulated AWS", "origin"}}
    worker = sum(answer["cpu_seconds"] for answer in answers)
    return max(answer["seconds"] for answer in answers), {"worker": worker, **by_role}


def _events(port: int, images_per_product: int) -> list[dict[str, Any]]:
    job_id = new_job_id()
    products = IMAGES // images_per_product
    messages = [
        ProductMessage(
            job_id,
            run=1,
            row=row,
            # More than there are: the ledger never fills, so no job is looked for that does not exist.
            ledger_size=CHUNK_ROWS,
            urls=tuple(
                f"http://127.0.0.1:{port}/{row * images_per_product + position}.jpg"
                for position in range(images_per_product)
            ),
            options=ImageOptions(),
        )
        for row in range(1, products + 1)
    ]
    return [
        {"Records": [_record(message) for message in messages[first : first + BATCH_SIZE]]}
        for first in range(0, products, BATCH_SIZE)
    ]


def _record(message: ProductMessage) -> dict[str, Any]:
    return {
        "messageId": str(uuid.uuid4()),
        "receiptHandle": "bench",
        "body": message.to_json(),
        "attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "0", "ApproximateFirstReceiveTimestamp": "0"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "awsRegion": REGION,
    }


def table(throughputs: Sequence[Throughput]) -> Table:
    return Table(
        "Worker",
        (
            f"The process handler on {IMAGES} images of 1.9 MP from an origin with 100 ms latency, into the emulated",
            f"S3 and DynamoDB. Medians of {REPETITIONS}, in turns with the codec alone on the same processors.",
            "CPU seconds: of the 300 images.",
        ),
        ["", "images/s", "share of floor", "CPU s"],
        [
            [
                throughput.name,
                f"{throughput.speed:.1f}",
                f"{throughput.share_of_floor:.0%}",
                ", ".join(f"{role} {seconds:.2f}" for role, seconds in throughput.cpu.items()),
            ]
            for throughput in throughputs
        ],
    )
