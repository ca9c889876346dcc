"""A job's products, in row order: read from the CSV, joined with their results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imagemill.adapters.aws.objects import output_url
from imagemill.adapters.store.layouts import get_layout
from imagemill.adapters.store.results import results_of_chunk
from imagemill.domain.catalogue.rows import MAX_NAME_CHARACTERS, MAX_SERIAL_CHARACTERS, Row
from imagemill.domain.codes import ImageStatus, JobStatus, ProductStatus
from imagemill.domain.job import Job
from imagemill.domain.product import ImageResult, ProductResult, taken_up
from imagemill.steps.catalogue import rows_of_chunk

#: Chunks looked through for one page of a filtered list, so that an answer takes a second at most. The
#: page may be short; its cursor goes on.
MAX_CHUNKS_A_PAGE = 20


@dataclass(frozen=True, slots=True)
class Page:
    """following: the row after which the next page begins, None at the end."""

    products: list[dict[str, Any]]
    following: int | None


def products_page(job: Job, status: ProductStatus | None, limit: int, after_row: int) -> Page:
    """The products after a row. There are none before the CSV has been read, and none of a rejected one."""
    inspection = None if job.status is JobStatus.REJECTED else get_layout(job.job_id)
    products: list[dict[str, Any]] = []
    if inspection is None or after_row >= inspection.rows:
        return Page(products, None)
    first = inspection.chunk_of(after_row + 1)
    for chunk in range(first, min(first + MAX_CHUNKS_A_PAGE, len(inspection.chunk_offsets))):
        results = {result.row: _as_of(job.run, result) for result in results_of_chunk(job.job_id, chunk)}
        for row in rows_of_chunk(job, inspection, chunk):
            if row.number <= after_row:
                continue
            after_row = row.number
            product = _document(row, results.get(row.number))
            if status in {None, ProductStatus(product["status"])}:
                products.append(product)
            if len(products) == limit:
                return Page(products, after_row if after_row < inspection.rows else None)
    return Page(products, after_row if after_row < inspection.rows else None)


def _as_of(run: int, result: ProductResult) -> ProductResult:
    """A result as the job's run sees it: what an earlier run failed waits for its turn in a retry."""
    return taken_up(result) if result.run != run and result.is_retryable else result


def _document(row: Row, result: ProductResult | None) -> dict[str, Any]:
    """A product as the contract shows it (A4)."""
    settled = result.settled_images if result else {}
    refused = result is not None and result.error is not None
    return {
        "row": row.number,
        # A row at fault may hold a megabyte where a name should be.
        "serial": row.serial[:MAX_SERIAL_CHARACTERS],
        "name": row.name[:MAX_NAME_CHARACTERS],
        "status": (result.status if result else ProductStatus.PENDING).value,
        "attempts": result.attempts if result else 0,
        "images": []
        if refused or row.faults
        else [
            _image(settled.get(position) or ImageResult(position, ImageStatus.PENDING), url)
            for position, url in enumerate(row.urls, 1)
        ],
        "error": result.error.value if result and result.error else None,
    }


def _image(image: ImageResult, input_url: str) -> dict[str, Any]:
    document = {
        "position": image.position,
        "input_url": input_url,
        "output_url": output_url(image.key) if image.key else None,
        "status": image.status.value,
        "error": image.error.value if image.error else None,
        "input_bytes": image.input_bytes,
        "output_bytes": image.output_bytes,
        "width": image.width,
        "height": image.height,
        "format": image.format,
        "kept": image.kept,
        "sha256": image.sha256,
    }
    return document if image.http_status is None else {**document, "http_status": image.http_status}
