"""A job's products, in row order: read from the CSV, joined with their results."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from imagemill.adapters.aws.objects import output_url
from imagemill.adapters.store.layouts import get_layout
from imagemill.adapters.store.results import results_of_chunk
from imagemill.domain.catalogue.image_urls import MAX_URL_CHARACTERS
from imagemill.domain.catalogue.layout import Inspection
from imagemill.domain.catalogue.rows import MAX_NAME_CHARACTERS, MAX_SERIAL_CHARACTERS, Row
from imagemill.domain.codes import ImageStatus, JobStatus, ProductStatus
from imagemill.domain.job import Job
from imagemill.domain.product import ImageResult, ProductResult, taken_up
from imagemill.steps.catalogue import rows_of_chunk

from .pagination import PageRoom

#: Chunks looked through for one page of a filtered list, so that an answer takes a second at most. The
#: page may be short; its cursor goes on.
MAX_CHUNKS_A_PAGE = 20
#: Characters of rows looked through for one page, for the same reason: fields may have a megabyte.
MAX_CHARACTERS_A_PAGE = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Page:
    """following: the row after which the next page begins, None at the end."""

    products: list[dict[str, Any]]
    following: int | None


def products_page(job: Job, status: ProductStatus | None, limit: int, after_row: int) -> Page:
    """The products after a row. There are none before the CSV has been read, and none of a rejected one.

    A page ends early where it would become too large, or has taken much reading; it has got on by a row at least.
    Rows and results are read one by one, so that memory holds a row and the page.
    """
    inspection = None if job.status is JobStatus.REJECTED else get_layout(job.job_id)
    products: list[dict[str, Any]] = []
    if inspection is None or after_row >= inspection.rows:
        return Page(products, None)
    room, characters = PageRoom(), MAX_CHARACTERS_A_PAGE
    reached = after_row
    for row, result in _rows_with_results(job, inspection, after_row):
        if characters < 0:
            return Page(products, reached)
        characters -= sum(map(len, row.fields))
        product = _document(row, result)
        if status in {None, ProductStatus(product["status"])}:
            if not room.takes(product):
                return Page(products, reached)
            products.append(product)
        reached = row.number
        if len(products) == limit:
            break
    # A list that did not get on would never end.
    return Page(products, reached if after_row < reached < inspection.rows else None)


def _rows_with_results(job: Job, inspection: Inspection, after_row: int) -> Iterator[tuple[Row, ProductResult | None]]:
    """The rows after one, each with its result as far as it has one, through MAX_CHUNKS_A_PAGE chunks."""
    first = inspection.chunk_of(after_row + 1)
    for chunk in range(first, min(first + MAX_CHUNKS_A_PAGE, len(inspection.chunk_offsets))):
        results = results_of_chunk(job.job_id, chunk)
        result = next(results, None)
        for row in rows_of_chunk(job, inspection, chunk):
            while result and result.row < row.number:
                result = next(results, None)
            if row.number > after_row:
                yield row, _as_of(job.run, result) if result and result.row == row.number else None


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
        # A longer one is none that could be fetched, and may have a megabyte.
        "input_url": input_url[:MAX_URL_CHARACTERS],
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
        "reused": bool(image.reused),
    }
    further = {"http_status": image.http_status, "reason": image.reason}
    return document | {name: value for name, value in further.items() if value is not None}
