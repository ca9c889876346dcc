"""The process function's handler, given the events that it is asked with, one after the other.

Its environment is that of the function. Answers how long the events took together, the CPU time, and which
messages the handler gave back.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from bench.children.answers import apart_from_logs
from bench.children.peak import peak_bytes
from process.app import handler

#: Time that the function has for a batch, in milliseconds; as in stage `local`.
TIMEOUT_MILLISECONDS = 45_000


class Context(LambdaContext):
    """What the handler and its logger read of Lambda's context."""

    def __init__(self) -> None:
        self._function_name = "process"
        self._memory_limit_in_mb = 1_769
        self._invoked_function_arn = "arn:aws:lambda:us-east-1:000000000000:function:process"
        self._aws_request_id = "bench"
        self._deadline = time.monotonic() * 1000 + TIMEOUT_MILLISECONDS

    def get_remaining_time_in_millis(self) -> int:  # type: ignore[override]  # Powertools declares it static: it cannot look at a clock
        return int(self._deadline - time.monotonic() * 1000)


def serve() -> None:
    answers = apart_from_logs()
    for line in sys.stdin:
        events: list[dict[str, Any]] = json.loads(line)["events"]
        cpu_begun, begun = time.process_time(), time.perf_counter()
        failures = [failure for event in events for failure in handler(event, Context())["batchItemFailures"]]
        answer = {
            "seconds": time.perf_counter() - begun,
            "cpu_seconds": time.process_time() - cpu_begun,
            "failures": failures,
            "peak_bytes": peak_bytes(),
        }
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve()
