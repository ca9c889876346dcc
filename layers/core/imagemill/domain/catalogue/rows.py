"""A CSV's rows as products, read from any chunk on, with what is wrong with each."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, replace

from imagemill.domain.catalogue.csv_records import read_records
from imagemill.domain.catalogue.encodings import Encoding
from imagemill.domain.catalogue.faults import Fault, excerpt
from imagemill.domain.catalogue.first_release import first_release_urls
from imagemill.domain.catalogue.image_urls import is_valid_url, split_urls
from imagemill.domain.catalogue.layout import FIRST_RULES, Layout
from imagemill.domain.catalogue.structure import structural_faults
from imagemill.domain.catalogue.text_lines import ESCAPED_BYTE, ReadableBytes, decoded_lines
from imagemill.domain.codes import ImageCode, RowCode

MAX_SERIAL_CHARACTERS = 128
MAX_NAME_CHARACTERS = 512
MAX_IMAGES = 100
#: Products of an export whose names are held, for the rows below that have none: they follow one another.
MAX_HELD_NAMES = 1_000


@dataclass(frozen=True, slots=True)
class Row:
    """One product.

    number: data row, from 1. fields: as in the file, one a column, further URLs merged into the URL field.
    serial, name: without surrounding white space; of an export as contract A1 fills them in. urls: in the file's
    order, one that several columns have once; a URL may be invalid. faults: of the row; with any, its product fails
    before an image is tried.
    """

    number: int
    fields: tuple[str, ...]
    serial: str
    name: str
    urls: tuple[str, ...]
    faults: tuple[Fault, ...]

    @property
    def is_skipped(self) -> bool:
        """Whether it is a row of an export that has no image; in any other catalogue that is a fault."""
        return not (self.urls or self.faults)


def read_rows(
    stream: ReadableBytes, layout: Layout, first_row: int, names: MutableMapping[str, str] | None = None
) -> Iterator[Row]:
    """Rows from a chunk's offset to the end of the stream, which may be that of any later chunk.

    names: by serial, of products of an export that are named above.

    Raises:
        CatalogueRefusedError: when the bytes are not those that were inspected.
    """
    held: MutableMapping[str, str] = {} if names is None else names
    with structural_faults():
        as_first = layout.rules == FIRST_RULES
        lines = decoded_lines(stream, layout.encoding, damaged=layout.damaged, keep_end=as_first)
        records = read_records(lines, layout.delimiter, keep_empty=as_first)
        for number, record in enumerate(records, first_row):
            row = _row(number, record.fields, layout)
            yield _filled_in(row, held) if layout.is_export else row


def url_faults(row: Row, layout: Layout) -> tuple[Fault, ...]:
    """INVALID_URL for each image of a row that cannot be tried. It fails alone, the product goes on."""
    return tuple(
        Fault(
            ImageCode.INVALID_URL,
            f"Image {position}: '{excerpt(url)}' is not an absolute http or https URL that can be fetched. "
            f"{_way_out(url, layout)}",
            row=row.number,
            column=layout.header[_column_of(url, row, layout)],
        )
        for position, url in enumerate(row.urls, 1)
        if not is_valid_url(url)
    )


def _way_out(url: str, layout: Layout) -> str:
    if ":" in url or layout.url_format.base_url is not None:
        return "Correct the URL."
    return "Correct the URL, or give the option base_url where it only lacks its host."


def _column_of(url: str, row: Row, layout: Layout) -> int:
    if len(layout.urls) == 1:
        return layout.urls[0]
    having = (index for index in layout.urls if url in split_urls(row.fields[index], layout.url_format))
    return next(having, layout.urls[0])


def _row(number: int, given: list[str], layout: Layout) -> Row:
    fields, surplus = _fitted(given, layout)
    damaged = _damaged_column(fields) if layout.damaged else None
    if damaged is not None:
        fields = tuple(_readable(field, layout.encoding) for field in fields)
    serial = fields[layout.serial].strip()
    name = fields[layout.name].strip()
    if layout.rules == FIRST_RULES:
        urls = first_release_urls(fields, layout)
    elif len(layout.urls) == 1:
        urls = split_urls(fields[layout.urls[0]], layout.url_format)
    else:
        urls = _urls_of_columns(fields, layout)
    row = Row(number, fields, serial, name, urls, ())
    # Nearly always nothing is wrong, which is told at once.
    if (
        0 < len(serial) <= MAX_SERIAL_CHARACTERS
        and 0 < len(name) <= MAX_NAME_CHARACTERS
        and 0 < len(urls) <= MAX_IMAGES
        and damaged is None
        and not surplus
    ):
        return row
    faults = tuple(_row_faults(row, layout, surplus, damaged))
    return Row(number, fields, serial, name, urls, faults) if faults else row


def _urls_of_columns(fields: Sequence[str], layout: Layout) -> tuple[str, ...]:
    """In the columns' order. What an earlier column has already is the same image."""
    urls: list[str] = []
    for index in layout.urls:
        if fields[index]:
            known = frozenset(urls)
            urls += [url for url in split_urls(fields[index], layout.url_format) if url not in known]
    return tuple(urls)


def _filled_in(row: Row, names: MutableMapping[str, str]) -> Row:
    """A row of an export: no serial is its number, no name that of the product above, else the serial."""
    serial = row.serial[:MAX_SERIAL_CHARACTERS] or str(row.number)
    if not row.name:
        return replace(row, serial=serial, name=names.get(serial, serial))
    names.pop(serial, None)
    names[serial] = row.name[:MAX_NAME_CHARACTERS]
    if len(names) > MAX_HELD_NAMES:
        del names[next(iter(names))]
    return row if serial == row.serial else replace(row, serial=serial)


def _damaged_column(fields: Sequence[str]) -> int | None:
    damaged = (index for index, field in enumerate(fields) if not field.isascii() and ESCAPED_BYTE.search(field))
    return next(damaged, None)


def _readable(field: str, encoding: Encoding) -> str:
    """With U+FFFD for bytes that have no meaning, as many as decoders write."""
    if encoding is Encoding.UTF_8:
        return field.encode(errors="surrogateescape").decode(errors="replace")
    return ESCAPED_BYTE.sub("\ufffd", field)


def _fitted(given: list[str], layout: Layout) -> tuple[tuple[str, ...], list[str]]:
    """One field a column, and the fields that no column has. Missing ones at the end are empty."""
    width = len(layout.header)
    if len(given) == width:
        return tuple(given), []
    while len(given) > width and not given[-1].strip():
        given.pop()
    surplus = given[width:]
    if surplus and layout.urls[-1] == width - 1:
        # Tabs do not separate fields any more where they are merged.
        separator = layout.delimiter.replace("\t", "\n")
        return (*given[: width - 1], separator.join(given[width - 1 :])), []
    return (*given[:width], *[""] * (width - len(given))), surplus


def _row_faults(row: Row, layout: Layout, surplus: Sequence[str], damaged: int | None) -> Iterator[Fault]:
    def fault(code: RowCode, message: str, column: int | None = None) -> Fault:
        return Fault(code, message, row.number, None if column is None else layout.header[column])

    is_export = layout.is_export
    if damaged is not None:
        message = (
            f"The row holds bytes that are not {layout.encoding.label.upper()}. Write it anew, or name the encoding."
        )
        yield fault(RowCode.INVALID_ENCODING, message, damaged)
    if not (row.serial or is_export):
        yield fault(RowCode.MISSING_SERIAL, "The serial number is empty. Fill it in.", layout.serial)
    if len(row.serial) > MAX_SERIAL_CHARACTERS and not is_export:
        message = f"The serial number has {len(row.serial):,} characters. Use at most {MAX_SERIAL_CHARACTERS}."
        yield fault(RowCode.SERIAL_TOO_LONG, message, layout.serial)
    if not (row.name or is_export):
        yield fault(RowCode.MISSING_NAME, "The product name is empty. Fill it in.", layout.name)
    if len(row.name) > MAX_NAME_CHARACTERS and (row.urls or not layout.is_export):
        message = f"The product name has {len(row.name):,} characters. Use at most {MAX_NAME_CHARACTERS}."
        yield fault(RowCode.NAME_TOO_LONG, message, layout.name)
    if not (row.urls or is_export):
        yield fault(RowCode.NO_IMAGE_URLS, "No image URL is given. Fill in one or more.", layout.urls[0])
    if len(row.urls) > MAX_IMAGES:
        message = f"{len(row.urls):,} image URLs are given. Use at most {MAX_IMAGES}: split the product."
        yield fault(RowCode.TOO_MANY_IMAGES, message, layout.urls[0])
    if surplus:
        yield fault(
            RowCode.SURPLUS_FIELDS,
            f"{len(surplus):,} more fields than the header has columns, the first being "
            f"'{excerpt(surplus[0])}'. Quote the field that holds the delimiter, or put the URLs last.",
        )
