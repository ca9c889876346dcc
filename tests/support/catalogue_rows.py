"""Rows of a catalogue that a test spells out."""

from io import BytesIO

from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.catalogue.layout import Inspection
from imagemill.domain.catalogue.rows import Row, read_rows

HEADER = "S. No.,Product Name,Input Image Urls"


def read_all(data: bytes) -> tuple[Inspection, list[Row]]:
    inspection = inspect(BytesIO(data))
    stream = BytesIO(data[inspection.chunk_offsets[0] :])
    return inspection, list(read_rows(stream, inspection.layout, 1))


def rows_of(text: str, encoding: str = "utf-8") -> list[Row]:
    return read_all(text.encode(encoding))[1]


def row_of(line: str, header: str = HEADER) -> Row:
    (row,) = rows_of(f"{header}\n{line}\n")
    return row
