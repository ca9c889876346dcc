"""The process function's handler, given the events that it is asked with, one after the other.

`handler [inside] [counted]`.

inside: images are decoded and encoded by threads of the handler's own process, not by processes of their own.

counted: the answer has the requests to AWS by what they are charged as, in calls and units.

Its environment is that of the function. Answers how long the events took together, the CPU time, and which
messages the handler gave back.
"""

from __future__ import annotations

import json
import sys
import time
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Any, cast

import process.image
from bench.children.answers import apart_from_logs
from bench.children.charges import Charges
from bench.children.peak import peak_bytes
from bench.processes import descendants
from imagemill import metrics
from imagemill.domain.options import ImageOptions
from imagemill.metrics import Metric
from process.app import handler
from process.budget import MemoryReservation
from process.codec.compress import Compressed, open_image
from process.codec.peak import Sketch
from process.codec_pool import CodecPool

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

#: Time that the function has for a batch, in milliseconds; as in stage `local`.
TIMEOUT_MILLISECONDS = 45_000


class Context:
    """What the handler and its logger read of Lambda's context."""

    def __init__(self) -> None:
        self.function_name = "process"
        self.memory_limit_in_mb = 1_769
        self.invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:process"
        self.aws_request_id = "bench"
        self._deadline = time.monotonic() * 1000 + TIMEOUT_MILLISECONDS

    def get_remaining_time_in_millis(self) -> int:
        return int(self._deadline - time.monotonic() * 1000)


class InsidePool(CodecPool):
    """As it was before: as many at once as there are vCPUs, with memory reserved by their headers, and counted."""

    def start(self) -> None:
        self._places = BoundedSemaphore(self.vcpus)

    def compress(self, data: bytes, options: ImageOptions, deadline: float) -> Compressed:
        memory = MemoryReservation(self._memory)
        with self._places:
            image = open_image(data)
            memory.take(Sketch.of_header(image.header).peak_bytes(options), deadline)
            try:
                with metrics.timed(Metric.COMPRESS_MILLISECONDS):
                    compressed = image.compress(options)
            finally:
                memory.release()
        if compressed.way:
            metrics.count(Metric.JPEGS_COMPRESSED, value=compressed.way)
        return compressed


def cpu_seconds() -> float:
    """Of this process and of those below it."""
    return time.process_time() + sum(seconds for _, seconds in descendants().values())


def serve(charges: Charges | None = None) -> None:
    answers = apart_from_logs()
    if charges:
        charges.watch()
    for line in sys.stdin:
        events: list[dict[str, Any]] = json.loads(line)["events"]
        cpu_begun, begun = cpu_seconds(), time.perf_counter()
        answered = [handler(event, cast("LambdaContext", Context())) for event in events]
        answer = {
            "seconds": time.perf_counter() - begun,
            "cpu_seconds": cpu_seconds() - cpu_begun,
            "failures": [failure for answer in answered for failure in answer["batchItemFailures"]],
            "peak_bytes": peak_bytes(),
        }
        if charges:
            answer["calls"] = charges.taken()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    if "inside" in sys.argv[1:]:
        vars(process.image)["CodecPool"] = InsidePool
    serve(Charges() if "counted" in sys.argv[1:] else None)
