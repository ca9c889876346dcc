"""The CSV that is handed back (contract A2): UTF-8, comma, RFC 4180 quoting, CRLF."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Sequence
from io import StringIO

from imagemill.domain.catalogue.inspection import Layout, Row
from imagemill.domain.codes import ProductStatus

OUTPUT_COLUMNS = ("Output Image Urls", "Status", "Errors")

#: Position under which an error of the whole row is listed; images count from 1.
ROW_POSITION = 0


def output_header(layout: Layout) -> bytes:
    """The header line, behind UTF-8's byte order mark when the input had one in its encoding."""
    mark = codecs.BOM_UTF8 if layout.bom else b""
    return mark + _line((*layout.header, *OUTPUT_COLUMNS))


def output_row(
    row: Row, output_urls: Sequence[str | None], status: ProductStatus, errors: Sequence[tuple[int, str]]
) -> bytes:
    """The line of one product, its input as it was given.

    output_urls: one for each of `row.urls`, None where the image failed. They hold no comma.
    errors: position (from 1, or ROW_POSITION) and code.

    Raises:
        ValueError: when the output URLs would not stand beside their input URLs.
    """
    if len(output_urls) != len(row.urls):
        raise ValueError(f"Row {row.number}: {len(output_urls)} output URLs for {len(row.urls)} images")
    slots = ",".join(url or "" for url in output_urls)
    if slots.count(",") > max(len(output_urls) - 1, 0):
        raise ValueError(f"Row {row.number}: an output URL holds a comma")
    listed = " ".join(f"{position}:{code}" for position, code in errors)
    return _line((*row.fields, slots, status.value, listed))


def _line(values: Iterable[str]) -> bytes:
    buffer = StringIO(newline="")
    csv.writer(buffer, lineterminator="\r\n").writerow(values)
    return buffer.getvalue().encode()
