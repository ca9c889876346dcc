"""Jobs: one catalogue on its way, as it is kept and as the caller sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from imagemill.domain.catalogue.reading_options import ReadingOptions
from imagemill.domain.codes import JobSource, JobStatus, ProductStatus
from imagemill.domain.options import ImageOptions, JobOptions, OutputMode, Reuse

#: Life of a presigned upload, in seconds.
UPLOAD_SECONDS = 60 * 60
#: An upload that began within that time may take as long again: 1 GiB at 2.5 Mbit/s.
UPLOAD_GRACE_SECONDS = 60 * 60


@dataclass(frozen=True, slots=True)
class ProductCounts:
    completed: int = 0
    partial: int = 0
    failed: int = 0
    cancelled: int = 0
    skipped: int = 0

    @property
    def ended(self) -> int:
        return self.completed + self.partial + self.failed + self.cancelled + self.skipped

    def __add__(self, other: ProductCounts) -> ProductCounts:
        return ProductCounts(
            self.completed + other.completed,
            self.partial + other.partial,
            self.failed + other.failed,
            self.cancelled + other.cancelled,
            self.skipped + other.skipped,
        )

    def __sub__(self, other: ProductCounts) -> ProductCounts:
        return ProductCounts(
            self.completed - other.completed,
            self.partial - other.partial,
            self.failed - other.failed,
            self.cancelled - other.cancelled,
            self.skipped - other.skipped,
        )

    def plus(self, status: ProductStatus) -> ProductCounts:
        """One more product that ended with `status`."""
        name = status.value.lower()
        return replace(self, **{name: getattr(self, name) + 1})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ProductCounts:
        """Counts of release 0.1 have no `skipped`: none was."""
        return cls(**{counted.name: values.get(counted.name, 0) for counted in fields(cls)})


@dataclass(frozen=True, slots=True)
class Totals:
    """What a job's images came to. Exact, for they are counted from the products' own rows at the end."""

    images: int = 0
    images_completed: int = 0
    input_bytes: int = 0
    output_bytes: int = 0
    images_reused: int = 0

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Totals:
        """Totals of release 0.1 have no `images_reused`: none was."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Job:
    """api_url: the API's public address when the job was made, for links in what we send by ourselves.

    drop_key: the inbox key the catalogue came by, for source `drop`. products: how many, once known.
    csv: how the catalogue was read, once it has been (see `Layout.described`).
    source_url: where the catalogue is fetched, for source `url`. unchanged_since: the job that did what this one would
    have done, where that address had the same catalogue. schedule_id: of the schedule that made it.
    run: from 1, one more with each retry. started_at and all that tells how the job ended are its run's,
    as is cancelled_at: when the run's cancellation was accepted. reported: the run of which all was told last, or
    handed over to be told.
    """

    job_id: str
    tenant: str
    status: JobStatus
    source: JobSource
    filename: str
    created_at: str
    api_url: str
    options: JobOptions = field(default_factory=JobOptions)
    run: int = 1
    products: int = 0
    started_at: str | None = None
    cancelled_at: str | None = None
    ended_at: str | None = None
    errors: tuple[Mapping[str, Any], ...] = ()
    counts: ProductCounts | None = None
    totals: Totals | None = None
    output_key: str | None = None
    drop_key: str | None = None
    csv: Mapping[str, Any] | None = None
    source_url: str | None = None
    unchanged_since: str | None = None
    schedule_id: str | None = None
    reported: int = 0

    @property
    def catalogue_key(self) -> str:
        """Where the CSV is kept; the job's id can be read back from it by `job_id_of_upload`."""
        return f"uploads/{self.tenant}/{self.job_id}.csv"


def job_id_of_upload(key: str) -> str:
    return key.rsplit("/", 1)[-1].removesuffix(".csv")


def final_status(counts: ProductCounts, *, cancelled: bool = False) -> JobStatus:
    """How a job ended, as it follows from how its products ended and from whether its run was cancelled.

    An accepted cancellation is kept, also when it came too late for any product. Rows that were skipped had nothing
    to be done: the job is COMPLETED when every other one is, and so when there is no other.
    """
    if cancelled or counts.cancelled:
        return JobStatus.CANCELLED
    if counts.completed + counts.skipped == counts.ended:
        return JobStatus.COMPLETED
    return JobStatus.PARTIAL if counts.completed or counts.partial else JobStatus.FAILED


def job_document(job: Job, counts: ProductCounts) -> dict[str, Any]:
    """The job as callers and webhook receivers see it (contract A4). `counts` are live or final."""
    link = f"{job.api_url}/jobs/{job.job_id}"
    total = job.products
    totals = job.totals
    return {
        "job_id": job.job_id,
        "status": job.status.value,
        "source": job.source.value,
        "filename": job.filename,
        "client_reference": job.options.client_reference,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "options": shown_options(job.options),
        "csv": job.csv and dict(job.csv),
        "products": {"total": total, "pending": max(0, total - counts.ended), **asdict(counts)},
        "images": totals
        and {
            "total": totals.images,
            "completed": totals.images_completed,
            "failed": totals.images - totals.images_completed,
            "reused": totals.images_reused,
        },
        "bytes": totals
        and {
            "input": totals.input_bytes,
            "output": totals.output_bytes,
            "saved": totals.input_bytes - totals.output_bytes,
        },
        "progress": 1.0 if job.status.has_ended else _share(counts.ended, total),
        "run": job.run,
        "unchanged_since": job.unchanged_since,
        "schedule_id": job.schedule_id,
        "errors": [dict(error) for error in job.errors],
        "links": {
            "self": link,
            "products": f"{link}/products",
            "output": f"{link}/output" if job.output_key else None,
        },
    }


def shown_options(options: JobOptions) -> dict[str, Any]:
    """All options but `client_reference`, which stands beside them."""
    return {
        **options.image.as_dict(),
        "webhook_url": options.webhook_url,
        **options.reading.as_dict(),
        "output": options.output.value,
        "reuse": options.reuse.value,
    }


def _share(part: int, whole: int) -> float:
    """A progress that reaches 1.0 only when all is done."""
    return int(100 * part / whole) / 100 if whole else 0.0


def options_as_dict(options: JobOptions) -> dict[str, Any]:
    """What is new since release 0.1 is left out where it is the default: requests remembered then say the same."""
    kept: dict[str, Any] = {
        "image": options.image.as_dict(),
        "webhook_url": options.webhook_url,
        "client_reference": options.client_reference,
    }
    if options.reading != ReadingOptions():
        kept["reading"] = options.reading.as_dict()
    if options.output is not OutputMode.APPEND:
        kept["output"] = options.output.value
    if options.reuse is not Reuse.AUTO:
        kept["reuse"] = options.reuse.value
    return kept


def options_from_dict(values: Mapping[str, Any]) -> JobOptions:
    reading = values.get("reading")
    return JobOptions(
        ImageOptions.from_dict(values["image"]),
        values["webhook_url"],
        values["client_reference"],
        ReadingOptions.from_dict({**ReadingOptions().as_dict(), **reading}) if reading else ReadingOptions(),
        OutputMode(values.get("output", OutputMode.APPEND)),
        Reuse(values.get("reuse", Reuse.AUTO)),
    )
