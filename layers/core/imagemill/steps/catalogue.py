"""Reading a job's catalogue by chunks."""

from __future__ import annotations

from collections.abc import Iterator

from imagemill.adapters.aws.objects import open_catalogue
from imagemill.domain.catalogue.csv_records import MAX_RECORD_CHARACTERS
from imagemill.domain.catalogue.layout import Inspection
from imagemill.domain.catalogue.rows import Row, read_rows
from imagemill.domain.job import Job

#: A record of which the beginning names a product: it is read no further than that.
MAX_RECORD_BYTES = 4 * MAX_RECORD_CHARACTERS


def rows_of_chunk(job: Job, inspection: Inspection, chunk: int) -> Iterator[Row]:
    """The rows of one chunk (from 0), read with one ranged GET, or two where the first product is named above it.

    One by one: 200 rows may have 800 MiB.
    """
    offsets = inspection.chunk_offsets
    end = offsets[chunk + 1] if chunk + 1 < len(offsets) else None
    stream = open_catalogue(job.catalogue_key, offsets[chunk], end, inspection.version)
    first = inspection.first_row(chunk)
    return read_rows(stream, inspection.layout, first, _named_above(job, inspection, chunk))


def _named_above(job: Job, inspection: Inspection, chunk: int) -> dict[str, str]:
    """By serial, the name of the product that a chunk goes on with."""
    offset = inspection.name_offsets[chunk] if inspection.name_offsets else 0
    if not offset:
        return {}
    end = min(offset + MAX_RECORD_BYTES, inspection.chunk_offsets[chunk])
    stream = open_catalogue(job.catalogue_key, offset, end, inspection.version)
    naming = next(read_rows(stream, inspection.layout, 1), None)
    return {naming.serial: naming.name} if naming else {}
