"""What the API answers, as JSON: the types of its documents, for editors and type checkers.

A release may add fields; none of these goes away within `/v1`. docs/reference/api.md describes them.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class Columns(TypedDict):
    """The CSV's headers, as they stand in the file."""

    serial: str
    name: str
    urls: list[str]


class Reading(TypedDict):
    """How a CSV was read."""

    encoding: str
    delimiter: str
    feed: str
    columns: Columns


class Fault(TypedDict):
    """What is wrong with a file, a row or a URL. row: from 1, None where it is the file's."""

    row: int | None
    column: str | None
    code: str
    message: str
    line: NotRequired[int]


class Validation(TypedDict):
    """What a dry run says. errors: the first hundred of `total_errors`."""

    valid: bool
    rows: int
    row_errors: int
    skipped: int
    images: int
    csv: Reading
    errors: list[Fault]
    total_errors: int


class ProductCounts(TypedDict):
    total: int
    pending: int
    completed: int
    partial: int
    failed: int
    cancelled: int
    skipped: NotRequired[int]


class ImageCounts(TypedDict):
    total: int
    completed: int
    failed: int
    reused: NotRequired[int]


class ByteCounts(TypedDict):
    input: int
    output: int
    saved: int


class Links(TypedDict):
    self: str
    products: str
    output: str | None


class JobDocument(TypedDict):
    """A job. Times are ISO 8601 in UTC. images and bytes: None until it has ended; csv: until it has been read."""

    job_id: str
    status: str
    source: str
    filename: str
    client_reference: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    options: dict[str, Any]
    products: ProductCounts
    csv: NotRequired[Reading | None]
    images: ImageCounts | None
    bytes: ByteCounts | None
    progress: float
    run: int
    unchanged_since: NotRequired[str | None]
    schedule_id: NotRequired[str | None]
    errors: list[Fault]
    links: Links


class ImageDocument(TypedDict):
    """An image of a product. position: from 1. All that only a stored image has is None for others."""

    position: int
    input_url: str
    output_url: str | None
    status: str
    error: str | None
    http_status: NotRequired[int]
    reason: NotRequired[str]
    input_bytes: int | None
    output_bytes: int | None
    width: int | None
    height: int | None
    format: str | None
    kept: bool | None
    sha256: str | None
    reused: NotRequired[bool]


class ProductDocument(TypedDict):
    """A row of the CSV. row: from 1. error: the code of a row that could not be read."""

    row: int
    serial: str
    name: str
    status: str
    attempts: int
    images: list[ImageDocument]
    error: str | None


class WebhookDocument(TypedDict):
    """A receiver of webhooks. secret: in the answers to its creation and to a rotation alone."""

    id: str
    url: str
    events: list[str]
    enabled: bool
    description: str | None
    created_at: str
    disabled_reason: str | None
    failing_since: str | None
    last_delivery: dict[str, Any] | None
    secret: NotRequired[str]


class ScheduledRun(TypedDict):
    """A run of a schedule. unchanged_since: the job that had the same CSV. errors: codes, where it was rejected."""

    scheduled_at: str
    job_id: str
    status: str
    ended_at: str | None
    unchanged_since: str | None
    errors: list[str]


class ScheduleDocument(TypedDict):
    """A feed that is fetched again and again. timezone: of a cron line. runs: the last five, latest first."""

    id: str
    source_url: str
    every: str
    timezone: str | None
    options: dict[str, Any]
    enabled: bool
    created_at: str
    next_run_at: str | None
    runs: list[ScheduledRun]


class Secret(TypedDict):
    secret: str


class Message(TypedDict):
    message_id: str


class RedeliveredMessage(TypedDict):
    """webhook_id: None for the job's own `webhook_url`."""

    message_id: str
    webhook_id: str | None


class Redelivery(TypedDict):
    messages: list[RedeliveredMessage]


class Attempt(TypedDict):
    """One try to deliver a message. status: the receiver's; None without an answer, and `error` says why."""

    message_id: str
    number: int
    event: str
    at: str
    milliseconds: int
    delivered: bool
    status: int | None
    error: str | None
    retry_after: int | None
    webhook_id: str | None
