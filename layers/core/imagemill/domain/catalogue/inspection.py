"""A shop's CSV, read as contract A1 has it: inspected once as a whole, then read chunk by chunk."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from imagemill.domain.catalogue.columns import ACCEPTED_HEADERS, Column, find_columns
from imagemill.domain.catalogue.csv_records import Record, next_line, read_records
from imagemill.domain.catalogue.image_urls import is_valid_url, split_urls
from imagemill.domain.catalogue.text_lines import (
    Encoding,
    ReadableBytes,
    UndecidedText,
    decoded_lines,
    is_blank,
    lines_in,
)
from imagemill.domain.codes import FileCode, ImageCode, RowCode
from imagemill.domain.product import ASSUMED_CHUNK_ROWS, chunk_of
from imagemill.errors import CatalogueRefusedError, MalformedCsvError, NotTextError

#: Data rows of a file (contract A7).
MAX_ROWS = 1_000_000
#: As many as a sheet has in Excel, which writes them all when somebody typed into the last one.
MAX_COLUMNS = 16_384
#: The header is kept with the job, in one DynamoDB item of at most 400 KB: 256 KiB where each character takes
#: four bytes, 3 bytes for each column beside its name, and 40 KB for the places of 5,000 chunks.
MAX_HEADER_CHARACTERS = 64 * 1024
#: By preference, should a header make sense under several.
DELIMITERS = (",", ";", "\t")
#: Excel's first line that names the delimiter. It is about the file, no row of it.
DELIMITER_LINE = re.compile(r"\"?sep=(?P<delimiter>[,;\t])\"?[,;\t ]*[\r\n]*", re.IGNORECASE)

MAX_SERIAL_CHARACTERS = 128
MAX_NAME_CHARACTERS = 512
MAX_IMAGES = 100

#: Rows of a chunk, in files that are inspected from now on. A set of 200 row numbers is about 1 KB, one write unit.
CHUNK_ROWS = 200

#: Characters of a user's text that a message repeats.
EXCERPT_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a file, a row or an image, as the contract's `errors` list it.

    message: what, where, and the way out, with at most EXCERPT_CHARACTERS of the user's text.
    row: data row, from 1. column: header as in the file. line: of the file, from 1, for MALFORMED_CSV.
    """

    code: FileCode | RowCode | ImageCode
    message: str
    row: int | None = None
    column: str | None = None
    line: int | None = None

    def as_dict(self) -> dict[str, Any]:
        entry = {"row": self.row, "column": self.column, "code": self.code.value, "message": self.message}
        return entry if self.line is None else {**entry, "line": self.line}


@dataclass(frozen=True, slots=True)
class Layout:
    """All that is needed to read on from any chunk's offset.

    header: as in the file. serial, name, urls: indexes into it.
    """

    encoding: Encoding
    bom: bool
    delimiter: str
    header: tuple[str, ...]
    serial: int
    name: int
    urls: int

    def as_dict(self) -> dict[str, Any]:
        return {
            "encoding": self.encoding.value,
            "bom": self.bom,
            "delimiter": self.delimiter,
            "header": list(self.header),
            "serial": self.serial,
            "name": self.name,
            "urls": self.urls,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Layout:
        """The inverse of `as_dict`."""
        return cls(
            encoding=Encoding(values["encoding"]),
            bom=bool(values["bom"]),
            delimiter=values["delimiter"],
            header=tuple(values["header"]),
            serial=values["serial"],
            name=values["name"],
            urls=values["urls"],
        )


@dataclass(frozen=True, slots=True)
class Inspection:
    """rows: data rows. chunk_offsets: byte at which the first record of each chunk begins. chunk_rows: of each but the
    last. Results and ledgers are stored by chunk, so it stays with the job as it was when the file was inspected.
    """

    layout: Layout
    rows: int
    chunk_offsets: tuple[int, ...]
    chunk_rows: int = ASSUMED_CHUNK_ROWS

    def chunk_of(self, row: int) -> int:
        return chunk_of(row, self.chunk_rows)

    def first_row(self, chunk: int) -> int:
        return chunk * self.chunk_rows + 1

    def rows_in(self, chunk: int) -> int:
        return min(self.chunk_rows, self.rows - chunk * self.chunk_rows)


@dataclass(frozen=True, slots=True)
class Row:
    """One product.

    number: data row, from 1. fields: as in the file, one a column, further URLs merged into the URL field.
    serial, name: without surrounding white space. urls: in the file's order; a URL may be invalid.
    faults: of the row; with any, its product fails before an image is tried.
    """

    number: int
    fields: tuple[str, ...]
    serial: str
    name: str
    urls: tuple[str, ...]
    faults: tuple[Fault, ...]


def inspect(stream: ReadableBytes, *, max_rows: int = MAX_ROWS, chunk_rows: int | None = None) -> Inspection:
    """Read a file to its end, once and with flat memory. chunk_rows: CHUNK_ROWS unless given.

    Raises:
        CatalogueRefusedError: for the first structural fault.
    """
    chunk_rows = chunk_rows or CHUNK_ROWS
    with _structural_faults():
        text = UndecidedText(stream)
        delimiter, records = _records(text)
        header = next(records)
        layout = _layout(text, delimiter, header)
        offsets: list[int] = []
        rows = 0
        for rows, record in enumerate(records, 1):
            if rows > max_rows:
                raise CatalogueRefusedError(
                    Fault(FileCode.TOO_MANY_ROWS, f"More than {max_rows:,} data rows. Split the file.")
                )
            if rows % chunk_rows == 1 or chunk_rows == 1:
                offsets.append(record.offset)
        # Only now is the encoding certain, and with it what the header says.
        if text.encoding is not layout.encoding:
            layout = _layout(text, delimiter, header)
    if not rows:
        raise CatalogueRefusedError(Fault(FileCode.NO_ROWS, "No row follows the header. Add one for each product."))
    return Inspection(layout, rows, tuple(offsets), chunk_rows)


def read_rows(stream: ReadableBytes, layout: Layout, first_row: int) -> Iterator[Row]:
    """Rows from a chunk's offset to the end of the stream, which may be that of any later chunk.

    Raises:
        CatalogueRefusedError: when the bytes are not those that were inspected.
    """
    with _structural_faults():
        records = read_records(decoded_lines(stream, layout.encoding), layout.delimiter)
        for number, record in enumerate(records, first_row):
            yield _row(number, record.fields, layout)


def url_faults(row: Row, layout: Layout) -> tuple[Fault, ...]:
    """INVALID_URL for each image of a row that cannot be tried. It fails alone, the product goes on."""
    return tuple(
        Fault(
            ImageCode.INVALID_URL,
            f"Image {position}: '{_excerpt(url)}' is not an absolute http or https URL that can be fetched. "
            "Correct the URL.",
            row=row.number,
            column=layout.header[layout.urls],
        )
        for position, url in enumerate(row.urls, 1)
        if not is_valid_url(url)
    )


@contextmanager
def _structural_faults() -> Iterator[None]:
    try:
        yield
    except NotTextError as fault:
        raise CatalogueRefusedError(Fault(FileCode.NOT_TEXT, str(fault))) from None
    except MalformedCsvError as fault:
        raise CatalogueRefusedError(
            Fault(
                FileCode.MALFORMED_CSV,
                f"The record that begins on line {fault.line} cannot be read: {fault}. {fault.way_out}",
                line=fault.line,
            )
        ) from None


def _records(text: UndecidedText) -> tuple[str, Iterator[Record]]:
    """The file's delimiter, and its records from the header on."""
    lines = text.lines()
    line, offset = 1, text.bom_bytes
    delimiters: Sequence[str] = DELIMITERS
    for first in lines:
        named = DELIMITER_LINE.fullmatch(first) if delimiters is DELIMITERS else None
        if named:
            delimiters = sorted(DELIMITERS, key=named["delimiter"].__ne__)
        elif not is_blank(first):
            break
        line = next_line(line, lines_in(first))
        offset += text.size(first)
    else:
        raise CatalogueRefusedError(Fault(FileCode.EMPTY_FILE, "The file is empty. Export it again."))
    read = [first]
    delimiter = _delimiter(text, read, lines, line, delimiters)
    return delimiter, read_records(chain(read, lines), delimiter, line=line, offset=offset, size=text.size)


def _delimiter(
    text: UndecidedText, read: list[str], lines: Iterator[str], line: int, by_preference: Sequence[str]
) -> str:
    """The delimiter under which the header has the three columns, or else comes nearest.

    Lines taken are added to `read`: the header is read again by whoever asked.
    """

    def from_the_first() -> Iterator[str]:
        yield from tuple(read)
        for taken in lines:
            read.append(taken)
            yield taken

    nearest = by_preference[0]
    most = (0, 0)
    malformed: MalformedCsvError | None = None
    for delimiter in by_preference:
        try:
            fields = next(read_records(from_the_first(), delimiter, line=line)).fields
        except MalformedCsvError as fault:
            malformed = malformed or fault
            continue
        found = len(find_columns([text.text_of(field) for field in fields]))
        if found == len(Column):
            return delimiter
        if (found, len(fields)) > most:
            nearest, most = delimiter, (found, len(fields))
    if malformed and most <= (0, 1):
        raise malformed
    return nearest


def _layout(text: UndecidedText, delimiter: str, record: Record) -> Layout:
    """Raises CatalogueRefusedError for a header that lacks a column, and MalformedCsvError for one too large."""
    if len(record.fields) > MAX_COLUMNS:
        raise MalformedCsvError(
            record.line, f"a header of more than {MAX_COLUMNS:,} columns", "Remove columns without a use."
        )
    if sum(map(len, record.fields)) > MAX_HEADER_CHARACTERS:
        raise MalformedCsvError(
            record.line, f"a header of more than {MAX_HEADER_CHARACTERS:,} characters", "Shorten the columns' names."
        )
    header = tuple(text.text_of(field) for field in record.fields)
    columns = find_columns(header)
    missing = [ACCEPTED_HEADERS[column][0] for column in Column if column not in columns]
    if missing:
        raise CatalogueRefusedError(
            Fault(
                FileCode.MISSING_COLUMNS,
                f"Missing: {', '.join(missing)}. Headers found: {_excerpt(', '.join(header))}. "
                "Add or rename these columns in the file's first row.",
            )
        )
    return Layout(
        text.encoding,
        text.bom_bytes > 0,
        delimiter,
        header,
        columns[Column.SERIAL],
        columns[Column.NAME],
        columns[Column.URLS],
    )


def _row(number: int, given: list[str], layout: Layout) -> Row:
    fields, surplus = _fitted(given, layout)
    serial = fields[layout.serial].strip()
    name = fields[layout.name].strip()
    urls = split_urls(_url_text(fields, layout))
    row = Row(number, fields, serial, name, urls, ())
    faults = tuple(_row_faults(row, layout, surplus))
    return replace(row, faults=faults) if faults else row


def _url_text(fields: Sequence[str], layout: Layout) -> str:
    """The field of the URLs; with those behind it when only nameless columns follow.

    Spreadsheets write such columns when they save an unquoted list again.
    """
    own, *further = fields[layout.urls :]
    if not further or any(name.strip() for name in layout.header[layout.urls + 1 :]):
        return own
    return "\n".join(field for field in (own, *further) if field.strip())


def _fitted(given: list[str], layout: Layout) -> tuple[tuple[str, ...], list[str]]:
    """One field a column, and the fields that no column has. Missing ones at the end are empty."""
    width = len(layout.header)
    if len(given) == width:
        return tuple(given), []
    while len(given) > width and not given[-1].strip():
        given.pop()
    surplus = given[width:]
    if surplus and layout.urls == width - 1:
        # Tabs do not separate URLs inside a field, newlines do.
        separator = layout.delimiter.replace("\t", "\n")
        return (*given[: layout.urls], separator.join(given[layout.urls :])), []
    return (*given[:width], *[""] * (width - len(given))), surplus


def _row_faults(row: Row, layout: Layout, surplus: Sequence[str]) -> Iterator[Fault]:
    def fault(code: RowCode, message: str, column: int | None = None) -> Fault:
        return Fault(code, message, row.number, None if column is None else layout.header[column])

    if not row.serial:
        yield fault(RowCode.MISSING_SERIAL, "The serial number is empty. Fill it in.", layout.serial)
    if len(row.serial) > MAX_SERIAL_CHARACTERS:
        message = f"The serial number has {len(row.serial):,} characters. Use at most {MAX_SERIAL_CHARACTERS}."
        yield fault(RowCode.SERIAL_TOO_LONG, message, layout.serial)
    if not row.name:
        yield fault(RowCode.MISSING_NAME, "The product name is empty. Fill it in.", layout.name)
    if len(row.name) > MAX_NAME_CHARACTERS:
        message = f"The product name has {len(row.name):,} characters. Use at most {MAX_NAME_CHARACTERS}."
        yield fault(RowCode.NAME_TOO_LONG, message, layout.name)
    if not row.urls:
        yield fault(RowCode.NO_IMAGE_URLS, "No image URL is given. Fill in one or more.", layout.urls)
    if len(row.urls) > MAX_IMAGES:
        message = f"{len(row.urls):,} image URLs are given. Use at most {MAX_IMAGES}: split the product."
        yield fault(RowCode.TOO_MANY_IMAGES, message, layout.urls)
    if surplus:
        yield fault(
            RowCode.SURPLUS_FIELDS,
            f"{len(surplus):,} more fields than the header has columns, the first being "
            f"'{_excerpt(surplus[0])}'. Quote the field that holds the delimiter, or put the URLs last.",
        )


def _excerpt(text: str) -> str:
    """On one line, and cut to EXCERPT_CHARACTERS."""
    line = " ".join(text[: 4 * EXCERPT_CHARACTERS].split())
    return line if len(line) <= EXCERPT_CHARACTERS else f"{line[: EXCERPT_CHARACTERS - 1]}…"
