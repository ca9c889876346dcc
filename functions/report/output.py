"""The outputs of a run, written row by row in parts, by one invocation or several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Protocol

from imagemill.adapters.aws import multipart
from imagemill.adapters.aws.objects import open_catalogue, output_url, put_catalogue
from imagemill.adapters.store.layouts import get_layout
from imagemill.adapters.store.reports import (
    Checkpoint,
    advance_checkpoint,
    forget_checkpoint,
    get_checkpoint,
    open_checkpoint,
)
from imagemill.adapters.store.results import results_of_chunk
from imagemill.domain.catalogue.layout import Inspection
from imagemill.domain.catalogue.output import ROW_POSITION, OutputCsv, ReplacedCsv
from imagemill.domain.catalogue.rows import Row, read_rows
from imagemill.domain.job import Job
from imagemill.domain.options import OutputMode
from imagemill.domain.product import ImageResult, ProductResult
from imagemill.domain.tally import Tally
from imagemill.errors import LostUploadError, ReportUnfinishedError, UnfinishedProductError

CONTENT_TYPE = "text/csv; charset=utf-8"
#: When less time than this remains after a part, in milliseconds, the next is left to another invocation. A part of
#: rows without images takes the longest, half a minute: 700 chunks are read for it.
RESERVED_MILLISECONDS = 90_000


def output_key(job: Job, mode: OutputMode) -> str:
    suffix = ".replace.csv" if mode is OutputMode.REPLACE else ".csv"
    return f"outputs/{job.tenant}/{job.job_id}/{job.run}{suffix}"


def write_outputs(job: Job, modes: Sequence[OutputMode], remaining_milliseconds: Callable[[], int]) -> Tally:
    """Write the outputs of a job's run from what stands of its products; returns what these came to.

    Small ones are one object each, written at the end. Larger ones are uploaded in parts, all cut behind the same
    row, and noted part by part. Safe to repeat, and to run twice at once: the same rows give the same parts.

    Raises:
        ReportUnfinishedError: when the time is short. Another invocation goes on from the last part.
        LostUploadError: when uploads were cleared away half-way. Another invocation begins anew.
        UnfinishedProductError: when a product has no terminal result; the ledger rules that out.
    """
    inspection = get_layout(job.job_id)
    if inspection is None:
        raise LookupError(f"layout of job {job.job_id} is gone")
    writer = _Writer(job, inspection, modes, get_checkpoint(job.job_id, job.run))
    try:
        for row, result in _rows_with_results(job, inspection, writer.next_row):
            if writer.add(row, result) and remaining_milliseconds() < RESERVED_MILLISECONDS:
                raise ReportUnfinishedError(f"job {job.job_id} from row {writer.next_row}")
        writer.finish()
    except LostUploadError:
        forget_checkpoint(job.job_id, job.run, writer.uploads)
        raise
    return writer.tally


class _Csv(Protocol):
    @property
    def header(self) -> bytes: ...

    def line(self, row: Row, result: ProductResult) -> bytes: ...


@dataclass(frozen=True, slots=True)
class _Appended:
    """The input with columns of ours."""

    output: OutputCsv

    @property
    def header(self) -> bytes:
        return self.output.header

    def line(self, row: Row, result: ProductResult) -> bytes:
        urls = _output_urls(result)
        errors = [(image.position, _error_word(image)) for image in result.images if image.error]
        if result.error:
            errors.insert(0, (ROW_POSITION, result.error.value))
        slots = [urls.get(position) for position in range(1, len(row.urls) + 1)]
        return self.output.row(row, slots, result.status, errors)


@dataclass(frozen=True, slots=True)
class _Replaced:
    """The input with output URLs in place of its own."""

    output: ReplacedCsv

    @property
    def header(self) -> bytes:
        return self.output.header

    def line(self, row: Row, result: ProductResult) -> bytes:
        urls = _output_urls(result)
        made = {url: urls[position] for position, url in enumerate(row.urls, 1) if position in urls}
        return self.output.row(row, made)


@dataclass(slots=True)
class _Output:
    key: str
    csv: _Csv
    #: What is in no part yet.
    rest: bytearray = field(default_factory=bytearray)


class _Writer:
    """Takes rows in order, from `next_row` on. tally: of all rows before, too. uploads: none before the first part."""

    def __init__(
        self, job: Job, inspection: Inspection, modes: Sequence[OutputMode], standing: Checkpoint | None
    ) -> None:
        begun = standing or Checkpoint(1, 0, {}, Tally())
        self.next_row = begun.next_row
        self.tally = begun.tally
        self.uploads: Mapping[str, str] = begun.uploads
        self._parts = begun.parts
        self._job = job
        self._inspection = inspection
        self._outputs = {mode.value: _Output(output_key(job, mode), _csv(mode, inspection)) for mode in modes}
        if not self._parts:
            for output in self._outputs.values():
                output.rest += output.csv.header

    def add(self, row: Row, result: ProductResult) -> bool:
        """Whether a part was full with this row, and is uploaded."""
        self.tally.add(self._inspection.chunk_of(row.number), result)
        self.next_row = row.number + 1
        smallest = multipart.PART_BYTES
        for output in self._outputs.values():
            output.rest += output.csv.line(row, result)
            smallest = min(smallest, len(output.rest))
        if smallest < multipart.PART_BYTES:
            return False
        self._upload()
        return True

    def finish(self) -> None:
        """Make the objects."""
        if not self.uploads:
            for output in self._outputs.values():
                put_catalogue(output.key, bytes(output.rest), CONTENT_TYPE)
            return
        if any(output.rest for output in self._outputs.values()):
            self._upload()
        for mode, output in self._outputs.items():
            multipart.complete_upload(output.key, self.uploads[mode])

    def _upload(self) -> None:
        if not self.uploads:
            begun = {mode: multipart.begin_upload(output.key, CONTENT_TYPE) for mode, output in self._outputs.items()}
            self.uploads = open_checkpoint(self._job.job_id, self._job.run, begun)
        self._parts += 1
        for mode, output in self._outputs.items():
            multipart.put_part(output.key, self.uploads[mode], self._parts, bytes(output.rest))
            output.rest.clear()
        reached = Checkpoint(self.next_row, self._parts, self.uploads, replace(self.tally))
        advance_checkpoint(self._job.job_id, self._job.run, reached)


def _csv(mode: OutputMode, inspection: Inspection) -> _Csv:
    if mode is OutputMode.REPLACE:
        return _Replaced(ReplacedCsv(inspection.layout))
    return _Appended(OutputCsv(inspection.layout))


def _output_urls(result: ProductResult) -> dict[int, str]:
    return {image.position: output_url(image.key) for image in result.images if image.key}


def _error_word(image: ImageResult) -> str:
    """An image's code; that of an origin's answer with its number."""
    code = image.error.value if image.error else ""
    return code if image.http_status is None else f"{code}={image.http_status}"


def _rows_with_results(job: Job, inspection: Inspection, first_row: int) -> Iterator[tuple[Row, ProductResult]]:
    if first_row > inspection.rows:
        return
    first_chunk = inspection.chunk_of(first_row)
    stream = open_catalogue(job.catalogue_key, inspection.chunk_offsets[first_chunk], version=inspection.version)
    rows = read_rows(stream, inspection.layout, inspection.first_row(first_chunk))
    for chunk in range(first_chunk, len(inspection.chunk_offsets)):
        results = {result.row: result for result in results_of_chunk(job.job_id, chunk)}
        for row in islice(rows, inspection.chunk_rows):
            if row.number < first_row:
                continue
            result = results.get(row.number)
            if result is None or not result.status.has_ended or (result.is_retryable and result.run != job.run):
                raise UnfinishedProductError(f"job {job.job_id} row {row.number}")
            yield row, result
