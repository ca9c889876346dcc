"""A shop's CSV inspected once as a whole (contract A1): its structure, its columns and where its chunks begin."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

from imagemill.domain.catalogue.columns import ACCEPTED_HEADERS, Column, Columns, find_columns
from imagemill.domain.catalogue.csv_records import Record, next_line, read_records
from imagemill.domain.catalogue.faults import EXCERPT_CHARACTERS, Fault
from imagemill.domain.catalogue.feeds import FEEDS, Feed
from imagemill.domain.catalogue.image_urls import UrlFormat
from imagemill.domain.catalogue.layout import Inspection, Layout
from imagemill.domain.catalogue.reading_options import ReadingOptions
from imagemill.domain.catalogue.rows import MAX_HELD_NAMES
from imagemill.domain.catalogue.structure import structural_faults
from imagemill.domain.catalogue.text_lines import ReadableBytes, UndecidedText, is_blank, lines_in
from imagemill.domain.codes import FileCode
from imagemill.errors import CatalogueRefusedError, InvalidOptionError, MalformedCsvError

#: Rows of a chunk, in files that are inspected from now on. A set of 200 row numbers is about 1 KB, one write unit.
CHUNK_ROWS = 200
#: Data rows of a file (contract A7).
MAX_ROWS = 1_000_000
#: As many as a sheet has in Excel, which writes them all when somebody typed into the last one.
MAX_COLUMNS = 16_384
#: Far more than the images that a product may have.
MAX_URL_COLUMNS = 500
#: The header is kept with the job, in one DynamoDB item of at most 400 KB: 256 KiB where each character takes
#: four bytes, 3 bytes for each column beside its name, and 80 KB for the places of 5,000 chunks and their names.
MAX_HEADER_CHARACTERS = 64 * 1024
#: By preference, should a header make sense under several.
DELIMITERS = (",", ";", "\t")
#: Excel's first line that names the delimiter. It is about the file, no row of it.
DELIMITER_LINE = re.compile(r"\"?sep=(?P<delimiter>[,;\t])\"?[,;\t ]*[\r\n]*", re.IGNORECASE)
#: What begins a file whose header comes later: Amazon's templates and eBay's.
PREAMBLE = re.compile(r"\s*(?:TemplateType=|settings=|#?INFO\b)", re.IGNORECASE)
MAX_PREAMBLE_RECORDS = 8
#: All of them together. They are kept with the header, in the same item.
MAX_PREAMBLE_FIELDS = 4_096
#: Of the headers that a message repeats.
MAX_LISTED_CHARACTERS = 8_000


def inspect(
    stream: ReadableBytes,
    reading: ReadingOptions | None = None,
    *,
    max_rows: int = MAX_ROWS,
    chunk_rows: int | None = None,
) -> Inspection:
    """Read a file to its end, once and with flat memory. chunk_rows: CHUNK_ROWS unless given.

    Raises:
        CatalogueRefusedError: for the first structural fault, or when the options name no column of it.
    """
    reading = reading or ReadingOptions()
    chunk_rows = chunk_rows or CHUNK_ROWS
    with structural_faults():
        text = UndecidedText(stream, reading.encoding)
        delimiter, naming_delimiter, records = _records(text, reading)
        head = _head(records, text.text_of, reading, naming_delimiter)
        layout = _layout(text, delimiter, head, reading)
        naming = _NamingRecords(layout)
        is_export = layout.is_export
        offsets: list[int] = []
        rows = 0
        for rows, record in enumerate(chain(head.following, records), 1):
            if rows > max_rows:
                raise CatalogueRefusedError(
                    Fault(FileCode.TOO_MANY_ROWS, f"More than {max_rows:,} data rows. Split the file.")
                )
            if rows % chunk_rows == 1 or chunk_rows == 1:
                offsets.append(record.offset)
                if is_export:
                    naming.begin_chunk(record)
            if is_export:
                naming.take(record)
        # Only now is the encoding certain, and with it what the header says.
        certain = _layout(text, delimiter, head, reading)
    if not rows:
        raise CatalogueRefusedError(Fault(FileCode.NO_ROWS, "No row follows the header. Add one for each product."))
    return Inspection(certain, rows, tuple(offsets), chunk_rows, naming.offsets(certain))


class _NamingRecords:
    """Of an export, where the record is that names the product with which a chunk begins (see `Inspection`)."""

    def __init__(self, layout: Layout) -> None:
        self._columns = (layout.serial, layout.name)
        self._by_serial: dict[str, int] = {}
        self._of_chunks: list[int] = []

    def begin_chunk(self, record: Record) -> None:
        serial, name = self._fields(record)
        self._of_chunks.append(0 if name else self._by_serial.get(serial, 0))

    def take(self, record: Record) -> None:
        serial, name = self._fields(record)
        if name and serial:
            self._by_serial.pop(serial, None)
            self._by_serial[serial] = record.offset
            if len(self._by_serial) > MAX_HELD_NAMES:
                del self._by_serial[next(iter(self._by_serial))]

    def offsets(self, layout: Layout) -> tuple[int, ...]:
        """None when the header has turned out to say something else, or when no chunk needs any."""
        is_right = (layout.serial, layout.name) == self._columns and any(self._of_chunks)
        return tuple(self._of_chunks) if is_right else ()

    def _fields(self, record: Record) -> tuple[str, str]:
        serial, name = (record.fields[index].strip() if index < len(record.fields) else "" for index in self._columns)
        return serial, name


def _records(text: UndecidedText, reading: ReadingOptions) -> tuple[str, Sequence[Record], Iterator[Record]]:
    """The file's delimiter, the record that names one, and the file's records from the first on."""
    lines = text.lines()
    line, offset = 1, text.bom_bytes
    delimiters: Sequence[str] = DELIMITERS
    naming: list[str] = []
    for first in lines:
        named = DELIMITER_LINE.fullmatch(first) if delimiters is DELIMITERS else None
        if named:
            delimiters = sorted(DELIMITERS, key=named["delimiter"].__ne__)
            naming = [first]
        elif not is_blank(first):
            break
        line = next_line(line, lines_in(first))
        offset += text.size(first)
    else:
        raise _empty_file()
    read = [first]
    delimiter = _delimiter(text, read, lines, line, delimiters, reading)
    records = read_records(chain(read, lines), delimiter, line=line, offset=offset, size=text.size)
    return delimiter, list(read_records(iter(naming), delimiter)), records


def _delimiter(
    text: UndecidedText,
    read: list[str],
    lines: Iterator[str],
    line: int,
    by_preference: Sequence[str],
    reading: ReadingOptions,
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
            head = _head(read_records(from_the_first(), delimiter, line=line), text.text_of, reading)
        except MalformedCsvError as fault:
            malformed = malformed or fault
            continue
        if head.found == len(Column):
            return delimiter
        if (head.found, len(head.record.fields)) > most:
            nearest, most = delimiter, (head.found, len(head.record.fields))
    if malformed and most <= (0, 1):
        raise malformed
    return nearest


@dataclass(frozen=True, slots=True)
class _Head:
    """record: the header. preamble: the records before it. following: those taken behind it. found: columns."""

    record: Record
    preamble: Sequence[Record]
    following: Sequence[Record]
    found: int


def _head(
    records: Iterator[Record],
    text_of: Callable[[str], str],
    reading: ReadingOptions,
    naming_delimiter: Sequence[Record] = (),
) -> _Head:
    """The first record, or where that begins a preamble, the record near it that has the most columns.

    naming_delimiter: what stands before all of them.

    Raises:
        CatalogueRefusedError: when there is no record.
    """
    first = next(records, None)
    if first is None:
        raise _empty_file()
    taken = [first]
    best, most = 0, _found(first, text_of, reading)
    if PREAMBLE.match(first.fields[0] if first.fields else ""):
        for record in islice(records, MAX_PREAMBLE_RECORDS):
            taken.append(record)
            found = _found(record, text_of, reading)
            if found > most:
                best, most = len(taken) - 1, found
            if most == len(Column):
                break
    return _Head(taken[best], (*naming_delimiter, *taken[:best]), taken[best + 1 :], most)


def _found(record: Record, text_of: Callable[[str], str], reading: ReadingOptions) -> int:
    try:
        return len(find_columns([text_of(field) for field in record.fields], reading).indexes)
    except InvalidOptionError:
        return 0


def _layout(text: UndecidedText, delimiter: str, head: _Head, reading: ReadingOptions) -> Layout:
    """Raises CatalogueRefusedError for a header that lacks a column, and MalformedCsvError for one too large."""
    record = head.record
    if len(record.fields) > MAX_COLUMNS:
        raise MalformedCsvError(
            record.line, f"a header of more than {MAX_COLUMNS:,} columns", "Remove columns without a use."
        )
    if sum(map(len, chain(record.fields, *(before.fields for before in head.preamble)))) > MAX_HEADER_CHARACTERS:
        raise MalformedCsvError(
            record.line, f"a header of more than {MAX_HEADER_CHARACTERS:,} characters", "Shorten the columns' names."
        )
    if sum(len(before.fields) for before in head.preamble) > MAX_PREAMBLE_FIELDS:
        fault = f"more than {MAX_PREAMBLE_FIELDS:,} fields in the lines before it"
        raise MalformedCsvError(record.line, fault, "Remove these lines, or their empty fields.")
    header = tuple(text.text_of(field) for field in record.fields)
    columns = _columns(header, reading)
    [serial], [name] = columns.indexes[Column.SERIAL], columns.indexes[Column.NAME]
    urls = _with_nameless(columns.indexes[Column.URLS], header)
    if len(urls) > MAX_URL_COLUMNS:
        raise MalformedCsvError(
            record.line, f"more than {MAX_URL_COLUMNS} columns of image URLs", "Remove columns without a use."
        )
    return Layout(
        text.encoding,
        text.bom_bytes > 0,
        delimiter,
        header,
        serial,
        name,
        urls,
        columns.feed,
        UrlFormat(reading.base_url, columns.path_separators, columns.no_image),
        text.may_be_damaged,
        tuple(tuple(text.text_of(field) for field in before.fields) for before in head.preamble),
    )


def _columns(header: Sequence[str], reading: ReadingOptions) -> Columns:
    try:
        columns = find_columns(header, reading)
    except InvalidOptionError as unfit:
        message = f"{unfit} Headers found: {_listed(header)}."
        raise CatalogueRefusedError(Fault(FileCode.INVALID_OPTION, message)) from None
    if columns.missing:
        raise CatalogueRefusedError(Fault(FileCode.MISSING_COLUMNS, _what_is_missing(header, columns, reading)))
    return columns


def _what_is_missing(header: Sequence[str], columns: Columns, reading: ReadingOptions) -> str:
    accepted: dict[Column, Sequence[str]] = dict(ACCEPTED_HEADERS)
    expecting = "Accepted are"
    if reading.feed not in {Feed.AUTO, Feed.STANDARD}:
        feed = next(feed for feed in FEEDS if feed.feed is reading.feed)
        accepted = {Column.SERIAL: feed.serial, Column.NAME: feed.name, Column.URLS: feed.urls}
        expecting = f"An export of {reading.feed} has"
    lacking = ", ".join(accepted[column][0] for column in columns.missing)
    headers = "; ".join(f"for {column.value}: {', '.join(names)}" for column, names in accepted.items())
    platforms = ", ".join(feed for feed in Feed if feed not in {Feed.AUTO, Feed.STANDARD})
    return (
        f"Missing: {lacking}. Headers found: {_listed(header)}. {expecting} {headers}. Add or rename these columns in "
        "the file's first row; or name yours in the options serial_column, name_column and urls_column; or hand in the "
        f"export of a platform as it is, which the option feed may name: {platforms}."
    )


def _listed(header: Sequence[str]) -> str:
    """Every header, on one line."""
    listed = ", ".join(" ".join(name[:EXCERPT_CHARACTERS].split()) for name in header)
    return listed if len(listed) <= MAX_LISTED_CHARACTERS else f"{listed[: MAX_LISTED_CHARACTERS - 1]}…"


def _with_nameless(urls: Sequence[int], header: Sequence[str]) -> tuple[int, ...]:
    """The columns of URLs, and those behind when these have no name: spreadsheets make them of an unquoted list."""
    behind = range(urls[-1] + 1, len(header))
    return (*urls, *behind) if not any(header[index].strip() for index in behind) else tuple(urls)


def _empty_file() -> CatalogueRefusedError:
    return CatalogueRefusedError(Fault(FileCode.EMPTY_FILE, "The file is empty. Export it again."))
