"""The numbers behind the dashboard and the alarms, as lines in CloudWatch's embedded metric format (EMF).

CloudWatch extracts them from the log: no call, no waiting. What an invocation counts is added up, and written
at its end as one line for each set of dimensions. Counts are for watching, not for accounting: an invocation that
is killed takes its own with it, and one that is repeated may count again what it did again. The exact numbers are
the job's own (`counts` and `totals`).

Each value of a dimension is a metric of its own with its own price: codes and statuses are fit for one, ids never.
"""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from functools import wraps
from threading import Lock
from typing import Any, TypeVar

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

NAMESPACE = "imagemill"

Answer = TypeVar("Answer")
Handler = Callable[[dict[str, Any], LambdaContext], Answer]


class Metric(StrEnum):
    JOBS_ACCEPTED = "JobsAccepted"
    JOBS_ENDED = "JobsEnded"
    JOBS_GIVEN_UP = "JobsGivenUp"
    PRODUCTS_ENDED = "ProductsEnded"
    IMAGES_COMPLETED = "ImagesCompleted"
    IMAGES_FAILED = "ImagesFailed"
    IMAGES_REUSED = "ImagesReused"
    BYTES_NOT_FETCHED = "BytesNotFetched"
    JPEGS_COMPRESSED = "JpegsCompressed"
    BYTES_IN = "BytesIn"
    BYTES_OUT = "BytesOut"
    FETCH_MILLISECONDS = "FetchMilliseconds"
    COMPRESS_MILLISECONDS = "CompressMilliseconds"
    WEBHOOK_ATTEMPTS = "WebhookAttempts"
    SWEEP_REDRIVES = "SweepRedrives"


#: The dimension that a metric has beside `service`, the stack's name, which all have.
DIMENSIONS = {
    Metric.JOBS_ENDED: "status",
    Metric.PRODUCTS_ENDED: "status",
    Metric.IMAGES_FAILED: "code",
    Metric.JPEGS_COMPRESSED: "way",
    Metric.WEBHOOK_ATTEMPTS: "outcome",
}
#: Those that are no counts.
UNITS = {
    Metric.BYTES_IN: MetricUnit.Bytes,
    Metric.BYTES_OUT: MetricUnit.Bytes,
    Metric.BYTES_NOT_FETCHED: MetricUnit.Bytes,
    Metric.FETCH_MILLISECONDS: MetricUnit.Milliseconds,
    Metric.COMPRESS_MILLISECONDS: MetricUnit.Milliseconds,
}


class _Tally:
    """What has been counted since the last line, by the value of the dimension; None for metrics that have none."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sums: defaultdict[str | None, Counter[Metric]] = defaultdict(Counter)
        self._values: defaultdict[Metric, list[float]] = defaultdict(list)

    def add(self, metric: Metric, amount: int, value: str | None) -> None:
        with self._lock:
            self._sums[value][metric] += amount

    def record(self, metric: Metric, value: float) -> None:
        with self._lock:
            self._values[metric].append(value)

    def take(self) -> dict[tuple[str, str] | None, dict[Metric, list[float]]]:
        """All that was counted, by dimension, and begin anew."""
        with self._lock:
            sums, self._sums = self._sums, defaultdict(Counter)
            values, self._values = self._values, defaultdict(list)
        lines: defaultdict[tuple[str, str] | None, dict[Metric, list[float]]] = defaultdict(dict)
        for value, counter in sums.items():
            for metric, amount in counter.items():
                dimension = None if value is None else (DIMENSIONS[metric], value)
                lines[dimension][metric] = [amount]
        if values:
            lines[None] |= values
        return lines


_tally = _Tally()


def forget_counts() -> None:
    """Drop what has been counted and not yet written."""
    _tally.take()


def count(metric: Metric, amount: int = 1, value: str | None = None) -> None:
    """Add to a metric, from any thread. value: of its dimension, when it has one. Nothing is written for zero.

    Raises:
        ValueError: when the metric has a dimension and no value is given, or the other way round.
    """
    if (metric in DIMENSIONS) is (value is None):
        raise ValueError(f"{metric}: its dimension is {DIMENSIONS.get(metric)}")
    if amount:
        _tally.add(metric, amount, value)


@contextmanager
def timed(metric: Metric) -> Iterator[None]:
    """Record how long the block took, in milliseconds, unless it raises: each by itself, for percentiles."""
    begun = time.monotonic()
    yield
    took(metric, begun)


def took(metric: Metric, begun: float) -> None:
    """Record how long it is since `begun` (monotonic seconds), in milliseconds."""
    _tally.record(metric, round((time.monotonic() - begun) * 1000, 1))


def published(handler: Handler[Answer]) -> Handler[Answer]:
    """Let a handler's invocations write at their end, also when they raise, what they have counted."""

    @wraps(handler)
    def publishing(event: dict[str, Any], context: LambdaContext) -> Answer:
        try:
            return handler(event, context)
        finally:
            _publish(context)

    return publishing


def _publish(context: LambdaContext) -> None:
    for dimension, metrics in _tally.take().items():
        line = EphemeralMetrics(namespace=NAMESPACE)
        line.add_metadata("function_request_id", context.aws_request_id)
        if dimension:
            line.add_dimension(*dimension)
        for metric, values in metrics.items():
            for value in values:
                line.add_metric(metric.value, UNITS.get(metric, MetricUnit.Count), value)
        line.flush_metrics()
