"""Reading a job's catalogue by chunks."""

from __future__ import annotations

from imagemill.adapters.aws.objects import open_catalogue
from imagemill.domain.catalogue.inspection import Inspection, Row, read_rows
from imagemill.domain.job import Job


def rows_of_chunk(job: Job, inspection: Inspection, chunk: int) -> list[Row]:
    """The rows of one chunk (from 0), read with one ranged GET."""
    offsets = inspection.chunk_offsets
    end = offsets[chunk + 1] if chunk + 1 < len(offsets) else None
    stream = open_catalogue(job.catalogue_key, offsets[chunk], end)
    return list(read_rows(stream, inspection.layout, inspection.first_row(chunk)))
