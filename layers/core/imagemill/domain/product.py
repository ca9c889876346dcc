"""Products: one row of a catalogue, its images, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import lru_cache
from typing import Any, NamedTuple

from imagemill.domain.codes import ImageCode, ImageStatus, ProductStatus, RowCode
from imagemill.domain.options import ImageOptions
from imagemill.errors import UnreadableMessageError

#: Rows of a chunk where a layout or a message does not say it, for it was written before they did.
ASSUMED_CHUNK_ROWS = 200

#: How often an image is tried, and how often a product's worker may crash (contract A7); the template's
#: maxReceiveCount says the same to SQS of one message.
MAX_RECEIVE_COUNT = 3
#: Receives that are no try: beyond them a product without an end is given up like one that was tried.
MAX_PUT_OFF = 200

#: The terminal statuses that a retry takes up.
RETRYABLE = frozenset({ProductStatus.FAILED, ProductStatus.PARTIAL, ProductStatus.CANCELLED})


class ProductKey(NamedTuple):
    """A product in a run. chunk: from 0, the one that its row (from 1) is accounted in."""

    job_id: str
    run: int
    chunk: int
    row: int


def chunk_of(row: int, chunk_rows: int) -> int:
    """The chunk (from 0) of a data row (from 1), when chunks have so many rows."""
    return (row - 1) // chunk_rows


@dataclass(frozen=True, slots=True)
class ImageResult:
    """What became of one image. Sizes in bytes, width and height in pixels of the output.

    reason: with an error that has kinds, which it is. reused: True for one that an earlier job has made.
    """

    position: int
    status: ImageStatus
    key: str | None = None
    error: ImageCode | None = None
    http_status: int | None = None
    input_bytes: int | None = None
    output_bytes: int | None = None
    width: int | None = None
    height: int | None = None
    format: str | None = None
    kept: bool | None = None
    sha256: str | None = None
    reason: str | None = None
    reused: bool | None = None

    @classmethod
    def failed(
        cls, position: int, code: ImageCode, http_status: int | None = None, reason: str | None = None
    ) -> ImageResult:
        return cls(position, ImageStatus.FAILED, error=code, http_status=http_status, reason=reason)

    def as_dict(self) -> dict[str, Any]:
        """Only the fields that say something, to keep items small."""
        return {name: value for name in _IMAGE_FIELDS if (value := getattr(self, name)) is not None}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ImageResult:
        """The inverse of `as_dict`."""
        counts = ("http_status", "input_bytes", "output_bytes", "width", "height")
        return cls(
            position=values["position"],
            status=ImageStatus(values["status"]),
            key=values.get("key"),
            error=ImageCode(values["error"]) if "error" in values else None,
            format=values.get("format"),
            kept=values.get("kept"),
            sha256=values.get("sha256"),
            reason=values.get("reason"),
            reused=values.get("reused"),
            **{name: values[name] for name in counts if name in values},
        )


_IMAGE_FIELDS = tuple(field.name for field in fields(ImageResult))


@dataclass(frozen=True, slots=True)
class Receives:
    """How a product's receives were used up, as it stands between two of them: its own count, beside SQS's.

    seen: receives of the message at hand that ended with a word; 0 when another message has been sent for it.
    crashes: receives that ended without one. put_off: those that were no try, since the time ran out first.
    tries: by position, how often an image was tried that may be tried again. slowed_since: by position, when an
    image's origin first asked for time, in epoch seconds.
    """

    seen: int
    crashes: int = 0
    put_off: int = 0
    tries: Mapping[int, int] = field(default_factory=dict)
    slowed_since: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProductResult:
    """What became of one product in a run. `error` is set when the row itself was at fault.

    A status of PROCESSING means that an earlier receive left some images done and others to try again,
    one of PENDING that an earlier run did (see `taken_up`). receives: of a product that is to be received
    again. run: the run that wrote it; where it is yet to be written, none. Two results that say the same are
    equal, whichever runs wrote them.
    """

    row: int
    status: ProductStatus
    attempts: int
    images: tuple[ImageResult, ...] = ()
    error: RowCode | None = None
    run: int | None = field(default=None, compare=False)
    receives: Receives | None = None

    @property
    def by_position(self) -> dict[int, ImageResult]:
        return {image.position: image for image in self.images}

    @property
    def settled_images(self) -> dict[int, ImageResult]:
        """By position, the images that are not to be made again."""
        return {image.position: image for image in self.images if image.status is not ImageStatus.PENDING}

    @property
    def is_retryable(self) -> bool:
        """Whether a retry takes the product up: images failed. A fault of the row stays, as the CSV does."""
        return self.error is None and self.status in RETRYABLE


def status_of(images: Sequence[ImageResult]) -> ProductStatus:
    """A product's terminal status as it follows from its images, at least one."""
    if all(image.error is ImageCode.CANCELLED for image in images):
        return ProductStatus.CANCELLED
    completed = sum(image.status is ImageStatus.COMPLETED for image in images)
    if completed == len(images):
        return ProductStatus.COMPLETED
    return ProductStatus.PARTIAL if completed else ProductStatus.FAILED


def settled(row: int, attempts: int, images: Sequence[ImageResult]) -> ProductResult:
    """The terminal result of a product whose images have all been tried."""
    ordered = tuple(sorted(images, key=lambda image: image.position))
    return ProductResult(row, status_of(ordered), attempts, ordered)


def taken_up(earlier: ProductResult) -> ProductResult:
    """A result as a later run begins with it: what was completed stands, the rest is PENDING.

    A pending image keeps its error, for the case that the run is cancelled before it is tried.
    """
    images = tuple(
        image if image.status is ImageStatus.COMPLETED else replace(image, status=ImageStatus.PENDING)
        for image in earlier.images
    )
    return replace(earlier, status=ProductStatus.PENDING, attempts=0, images=images, receives=None)


def cancelled(row: int, images: int, known: ProductResult | None) -> ProductResult:
    """The terminal result of a product whose run was cancelled before it was through.

    images: how many it has. known: what stands of it in this run, or as this run has taken it up. What
    is settled stays, and an image that an earlier run failed keeps its error.
    """
    standing = known.by_position if known else {}
    ended = [
        standing.get(position) or ImageResult.failed(position, ImageCode.CANCELLED) for position in range(1, images + 1)
    ]
    failed = [
        replace(image, status=ImageStatus.FAILED) if image.status is ImageStatus.PENDING else image for image in ended
    ]
    return settled(row, known.attempts if known else 0, failed)


def skipped(row: int) -> ProductResult:
    """The terminal result of a row of an export that has no image. A retry leaves it alone."""
    return ProductResult(row, ProductStatus.SKIPPED, attempts=0)


def row_fault(row: int, code: RowCode) -> ProductResult:
    """The terminal result of a product whose row was refused: none of its images is tried or counted."""
    return ProductResult(row, ProductStatus.FAILED, attempts=0, error=code)


@dataclass(frozen=True, slots=True)
class ProductMessage:
    """The message that asks for one product to be processed.

    chunk: the one that accounts for it, from 0. ledger_size: how many rows of this chunk take part in the
    run, so that whoever finishes the last of them knows. tenant: whose it is; None of a message that release 0.1
    has queued, whose images are made as that release made them. reuse: whether what an earlier job has made of an
    image may be used again.
    """

    job_id: str
    run: int
    chunk: int
    row: int
    ledger_size: int
    urls: tuple[str, ...]
    options: ImageOptions
    tenant: str | None = None
    reuse: bool = True

    @property
    def key(self) -> ProductKey:
        return ProductKey(self.job_id, self.run, self.chunk, self.row)

    def to_json(self) -> str:
        """The message's body. The chunk is left out where a reader that is not told assumes the same."""
        is_assumed = self.chunk == chunk_of(self.row, ASSUMED_CHUNK_ROWS)
        return _ENCODER.encode(
            {
                "job_id": self.job_id,
                "run": self.run,
                **({} if is_assumed else {"chunk": self.chunk}),
                "row": self.row,
                "ledger_size": self.ledger_size,
                "urls": self.urls,
                "options": _options(self.options),
                **({} if self.tenant is None else {"tenant": self.tenant}),
                **({} if self.reuse else {"reuse": False}),
            }
        )

    @classmethod
    def from_json(cls, body: str) -> ProductMessage:
        """The inverse of `to_json`. What later releases may add is passed over. Raises UnreadableMessageError."""
        try:
            values = json.loads(body)
            row = int(values["row"])
            return cls(
                job_id=values["job_id"],
                run=int(values["run"]),
                chunk=int(values.get("chunk", chunk_of(row, ASSUMED_CHUNK_ROWS))),
                row=row,
                ledger_size=int(values["ledger_size"]),
                urls=tuple(values["urls"]),
                options=ImageOptions.from_dict(values["options"]),
                tenant=values.get("tenant"),
                reuse=bool(values.get("reuse", True)),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise UnreadableMessageError("not a product message") from fault


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


@lru_cache(maxsize=16)
def _options(options: ImageOptions) -> dict[str, Any]:
    """All products of a job have the same."""
    return asdict(options)
