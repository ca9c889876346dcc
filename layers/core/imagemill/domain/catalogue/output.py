"""The CSV that is handed back (contract A2): UTF-8, the input's delimiter, RFC 4180 quoting, CRLF."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from io import StringIO

from imagemill.domain.catalogue.columns import is_header
from imagemill.domain.catalogue.encodings import Encoding
from imagemill.domain.catalogue.image_urls import with_urls
from imagemill.domain.catalogue.layout import Layout
from imagemill.domain.catalogue.rows import Row
from imagemill.domain.codes import ProductStatus

#: Our columns, and what one is called when the input has another of its name.
OUTPUT_COLUMNS = ("Output Image Urls", "Status", "Errors")
OTHER_OUTPUT_COLUMNS = ("Compressed Image Urls", "Image Status", "Image Errors")

#: Position under which an error of the whole row is listed; images count from 1.
ROW_POSITION = 0


class OutputCsv:
    """Writes one input's output: behind its columns ours, which replace those of an earlier output."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @cached_property
    def header(self) -> bytes:
        """The header line, behind UTF-8's byte order mark unless the input was UTF-8 without one."""
        return _mark(self._layout) + self._line((*self._kept(self._layout.header), *self._names))

    def row(
        self, row: Row, output_urls: Sequence[str | None], status: ProductStatus, errors: Sequence[tuple[int, str]]
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
        return self._line((*self._kept(row.fields), slots, status.value, listed))

    @cached_property
    def _replaced(self) -> frozenset[int]:
        """The columns of earlier outputs: ours beside each other, or else one of each of our names."""
        header = self._layout.header
        earlier = [
            (first, first + 1, first + 2)
            for first in range(len(header) - 2)
            if all(
                is_header(found, ours) or is_header(found, other)
                for found, ours, other in zip(header[first:], OUTPUT_COLUMNS, OTHER_OUTPUT_COLUMNS, strict=False)
            )
        ]
        if earlier:
            return frozenset(index for indexes in earlier for index in indexes)
        named = [[index for index, found in enumerate(header) if is_header(found, ours)] for ours in OUTPUT_COLUMNS]
        return frozenset(indexes[-1] for indexes in named) if all(named) else frozenset()

    @cached_property
    def _names(self) -> tuple[str, ...]:
        standing = list(self._kept(self._layout.header))
        return tuple(
            other if any(is_header(found, ours) for found in standing) else ours
            for ours, other in zip(OUTPUT_COLUMNS, OTHER_OUTPUT_COLUMNS, strict=True)
        )

    def _kept(self, fields: Sequence[str]) -> Iterable[str]:
        if not self._replaced:
            return fields
        return (field for index, field in enumerate(fields) if index not in self._replaced)

    def _line(self, values: Iterable[str]) -> bytes:
        return _line(values, self._layout.delimiter)


class ReplacedCsv:
    """Writes one input anew, with output URLs in place of its input URLs, for where it was exported."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @cached_property
    def header(self) -> bytes:
        """All that stands before the first row."""
        lines = (_line(record, self._layout.delimiter) for record in (*self._layout.preamble, self._layout.header))
        return _mark(self._layout) + b"".join(lines)

    def row(self, row: Row, output_urls: Mapping[str, str]) -> bytes:
        """The line of one product. output_urls: of those of `row.urls` that were made; the others stay."""
        fields = list(row.fields)
        if output_urls:
            for index in self._layout.urls:
                fields[index] = with_urls(fields[index], self._layout.url_format, output_urls)
        return _line(fields, self._layout.delimiter)


def _mark(layout: Layout) -> bytes:
    """Without it, Excel takes UTF-8 for the encoding of its own country."""
    return b"" if layout.encoding is Encoding.UTF_8 and not layout.bom else codecs.BOM_UTF8


def _line(values: Iterable[str], delimiter: str) -> bytes:
    buffer = StringIO(newline="")
    csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n").writerow(values)
    return buffer.getvalue().encode()
