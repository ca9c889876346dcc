"""The worker: the process function's own handler on real SQS messages, against the codec alone on the same processor.

300 images of 1,600 × 1,200 from an origin that answers after 100 ms, three a product, results into the embedded
stack's S3 and DynamoDB. The messages are in a queue of their own: ten are received and handed in, as Lambda does it,
the rest the handler takes and deletes itself. As on AWS, the handler has one vCPU to itself, the machine's last
processor, and S3, DynamoDB, SQS and the origin are elsewhere, on the others. The codec alone, on one thread, has that
processor in turn. Where the rest of the handler's CPU time goes is not told; that of the others is shown.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from imagemill.domain.catalogue.inspection import CHUNK_ROWS
from imagemill.domain.ids import new_id
from imagemill.domain.options import ImageOptions
from imagemill.domain.product import ProductMessage
from local.stack import ADMINISTRATOR, REGION, Stack, client, free_port, running_stack
from process.image import MEGABYTES_A_VCPU

from .child import Child, on_one_processor, on_other_processors, python_child
from .corpus import shop_images
from .floor import floor_child
from .processes import CpuTimes
from .table import Table
from .timing import LONG_REPETITIONS

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

PORT = 4_710
PRODUCTS, IMAGES_PER_PRODUCT, BATCH_SIZE = 100, 3, 10
IMAGES = PRODUCTS * IMAGES_PER_PRODUCT
LATENCY_SECONDS = 0.1
FUNCTION = "imagemill-local-process"
#: What is made of the images, cheap and dear, and how often: a JPEG that keeps its size needs no pixels.
WORKS = {
    "transcoded": (ImageOptions(), LONG_REPETITIONS),
    "scaled to 1,200 pixels": (ImageOptions(max_width=1_200), 3),
}
#: Until what the handler has deleted no longer counts.
QUEUE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Isolation:
    """The handler with codec processes against the handler that decodes by its own threads, in turns.

    work: what is made of the images. inside, apart: images/s. ratio, cpu_ratio: by wall and by processor time, the
    median of each turn's; above 1 its own processes are the better.
    """

    work: str
    vcpus: int
    inside: float
    apart: float
    ratio: float
    cpu_ratio: float


@dataclass(frozen=True, slots=True)
class Throughput:
    """Medians, over the runs. images/s, and CPU seconds of the 300 images by process; shares of the run's own floor."""

    floor_speed: float
    floor_cpu: float
    speed: float
    share: float
    cpu_share: float
    cpu: Mapping[str, float]


def measure() -> Throughput:
    paths = [str(image.path) for image in shop_images()]
    with ExitStack() as stack:
        with on_other_processors():
            origin = stack.enter_context(python_child("origin", str(LATENCY_SECONDS), *paths))
            running = stack.enter_context(running_stack(free_port(PORT)))
        queue = WorkerQueue(running, int(origin.ask({})["port"]))
        environment = function_environment(running) | {"PRODUCTS_QUEUE": queue.url}
        with on_one_processor():
            floor = stack.enter_context(floor_child(1))
            handler = stack.enter_context(python_child("handler", environment=environment))
        with on_other_processors():
            # The first ones open connections, and import what is imported late.
            queue.worked_off_by(handler)
            floor.ask({"images": IMAGES})
            floors, runs = [], []
            for _ in range(LONG_REPETITIONS):
                floors.append(floor.ask({"images": IMAGES}))
                runs.append(queue.worked_off_by(handler))
    return Throughput(
        floor_speed=statistics.median(IMAGES / alone["seconds"] for alone in floors),
        floor_cpu=statistics.median(alone["cpu_seconds"] for alone in floors),
        speed=statistics.median(IMAGES / seconds for seconds, _ in runs),
        # Each against the floor a moment before: a machine's speed changes while this is measured.
        share=statistics.median(alone["seconds"] / seconds for alone, (seconds, _) in zip(floors, runs, strict=True)),
        cpu_share=statistics.median(
            alone["cpu_seconds"] / cpu["worker"] for alone, (_, cpu) in zip(floors, runs, strict=True)
        ),
        cpu=median_by_role([cpu for _, cpu in runs]),
    )


def measure_isolation() -> list[Isolation]:
    """On one processor, as a vCPU is, and on all of this machine's."""
    paths = [str(image.path) for image in shop_images()]
    with ExitStack() as stack:
        with on_other_processors():
            origin = stack.enter_context(python_child("origin", str(LATENCY_SECONDS), *paths))
            running = stack.enter_context(running_stack(free_port(PORT)))
        queue = WorkerQueue(running, int(origin.ask({})["port"]))
        environment = function_environment(running) | {"PRODUCTS_QUEUE": queue.url}
        return [
            isolation
            for vcpus in (1, min(2, os.cpu_count() or 1))
            for isolation in _isolations(queue, environment, vcpus)
        ]


def _isolations(queue: WorkerQueue, environment: Mapping[str, str], vcpus: int) -> Iterator[Isolation]:
    memory = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(vcpus * MEGABYTES_A_VCPU)}
    with ExitStack() as stack:
        with on_one_processor() if vcpus == 1 else nullcontext():
            inside, apart = (
                stack.enter_context(python_child("handler", *arguments, environment={**environment, **memory}))
                for arguments in (["inside"], [])
            )
        with on_other_processors() if vcpus == 1 else nullcontext():
            for handler in (inside, apart):
                queue.worked_off_by(handler)
            for work, (queue.options, repetitions) in WORKS.items():
                turns = [(queue.worked_off_by(inside), queue.worked_off_by(apart)) for _ in range(repetitions)]
                yield Isolation(
                    work,
                    vcpus,
                    inside=statistics.median(IMAGES / seconds for (seconds, _), _ in turns),
                    apart=statistics.median(IMAGES / seconds for _, (seconds, _) in turns),
                    ratio=statistics.median(one / other for (one, _), (other, _) in turns),
                    cpu_ratio=statistics.median(one["worker"] / other["worker"] for (_, one), (_, other) in turns),
                )


class WorkerQueue:
    """Products without an event source: nobody else takes them."""

    def __init__(self, stack: Stack, origin_port: int) -> None:
        self._sqs: SQSClient = client("sqs", stack.aws_endpoint_url)
        self.url = self._sqs.create_queue(QueueName="bench", Attributes={"VisibilityTimeout": "300"})["QueueUrl"]
        self._origin_port = origin_port
        #: Below which the origin's images are asked for, such as `shop/`: what was made of them before is used again.
        self.folder = ""
        self.options = ImageOptions()

    def worked_off_by(self, handler: Child) -> tuple[float, Mapping[str, float]]:
        """Seconds from the event to the answer, and CPU seconds by process.

        Raises:
            RuntimeError: when the handler gave a message back, or left one.
        """
        cpu = CpuTimes()
        answer = self.answer_of(handler)
        cpu.sample()
        by_role = {role: seconds for role, seconds in cpu.by_role().items() if role in {"emulated AWS", "origin"}}
        return answer["seconds"], {"worker": answer["cpu_seconds"], **by_role}

    def answer_of(self, handler: Child) -> dict[str, Any]:
        """What the handler measured. Raises RuntimeError as above."""
        self._fill()
        event = {"Records": self._received()}
        answer = handler.ask({"events": [event]})
        if answer["failures"] or not self._holds_no_more_than(BATCH_SIZE):
            raise RuntimeError("The handler left messages: what it measured is not a whole run.")
        self._delete(event["Records"])
        return answer

    def _fill(self) -> None:
        bodies = [message.to_json() for message in _messages(self._origin_port, self.folder, self.options)]
        for first in range(0, PRODUCTS, BATCH_SIZE):
            entries: list[Any] = [
                {"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies[first : first + BATCH_SIZE])
            ]
            self._sqs.send_message_batch(QueueUrl=self.url, Entries=entries)

    def _received(self) -> list[dict[str, Any]]:
        """Records of an event, as Lambda makes them of messages."""
        received = self._sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=BATCH_SIZE, MessageSystemAttributeNames=["All"]
        )
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "awsRegion": REGION,
            }
            for message in received["Messages"]
        ]

    def _holds_no_more_than(self, messages: int) -> bool:
        names: list[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        deadline = time.monotonic() + QUEUE_SECONDS
        while time.monotonic() < deadline:
            counts = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
            if sum(int(count) for count in counts.values()) <= messages:
                return True
        return False

    def _delete(self, records: Sequence[Mapping[str, Any]]) -> None:
        """As Lambda does after the answer."""
        for record in records:
            self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])


def _messages(port: int, folder: str, options: ImageOptions) -> list[ProductMessage]:
    job_id = new_id()
    return [
        ProductMessage(
            job_id,
            run=1,
            chunk=0,
            row=row,
            # More than there are: the ledger never fills, so no job is looked for that does not exist.
            ledger_size=CHUNK_ROWS,
            urls=tuple(
                f"http://127.0.0.1:{port}/{folder}{row * IMAGES_PER_PRODUCT + position}.jpg"
                for position in range(IMAGES_PER_PRODUCT)
            ),
            options=options,
            tenant="bench",
            reuse=bool(folder),
        )
        for row in range(1, PRODUCTS + 1)
    ]


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


def table(measured: Throughput) -> Table:
    others = ", ".join(f"{role} {seconds:.2f}" for role, seconds in measured.cpu.items() if role != "worker")
    return Table(
        "Worker",
        (
            f"The process handler on {IMAGES} images of 1.9 MP from an origin with 100 ms latency, into the emulated",
            "S3 and DynamoDB; on one processor, and all else on the others. The codec alone has the same processor.",
            f"Medians of {LONG_REPETITIONS}, in turns; shares are of the floor a moment before. CPU s of all images.",
        ),
        ["", "images/s", "share of floor", "CPU s", "share by CPU", "CPU s of others"],
        [
            ["codec alone, 1 thread", f"{measured.floor_speed:.1f}", "100%", f"{measured.floor_cpu:.2f}", "100%", ""],
            [
                "handler",
                f"{measured.speed:.1f}",
                f"{measured.share:.0%}",
                f"{measured.cpu['worker']:.2f}",
                f"{measured.cpu_share:.0%}",
                others,
            ],
        ],
    )


def isolation_table(measured: Sequence[Isolation]) -> Table:
    alone = {run.work: run for run in measured if run.vcpus == 1}
    return Table(
        "Codec in processes of its own",
        (
            "The process handler on 300 images of 1.9 MP, against one that decodes and encodes by threads of its own",
            f"process; medians of {LONG_REPETITIONS} turns, of what is scaled of 3. On two vCPUs origin and",
            "emulated AWS are on the same processors. Gain of vCPUs: by threads, by processes.",
        ),
        ["images are", "vCPUs", "own threads, images/s", "own processes, images/s", "ratio", "by CPU", "gain of vCPUs"],
        [
            [
                run.work,
                str(run.vcpus),
                f"{run.inside:.1f}",
                f"{run.apart:.1f}",
                f"{run.ratio:.2f}",
                f"{run.cpu_ratio:.2f}",
                f"{run.inside / alone[run.work].inside:.2f}, {run.apart / alone[run.work].apart:.2f}",
            ]
            for run in measured
        ],
    )
