"""What is fuzzed: each target takes any bytes and raises only when a promise of the code is broken."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from io import BytesIO, StringIO

from PIL import Image

from imagemill.domain.catalogue.encodings import Encoding
from imagemill.domain.catalogue.faults import Fault
from imagemill.domain.catalogue.feeds import Feed
from imagemill.domain.catalogue.image_urls import (
    ABSOLUTE,
    MAX_URL_CHARACTERS,
    UrlFormat,
    find_urls,
    is_valid_url,
    split_urls,
    with_urls,
)
from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.catalogue.layout import Layout
from imagemill.domain.catalogue.output import OutputCsv, ReplacedCsv
from imagemill.domain.catalogue.reading_options import ReadingOptions
from imagemill.domain.catalogue.rows import read_rows, url_faults
from imagemill.domain.codes import FileCode, ImageCode, ProductStatus
from imagemill.domain.options import ImageOptions, Metadata, OutputFormat
from imagemill.domain.product import ProductMessage
from imagemill.domain.web_urls import WebUrl
from imagemill.errors import CatalogueRefusedError, InvalidUrlError
from process.codec import decode
from process.codec.compress import ImageError, open_image
from process.codec.formats import ImageFormat
from process.codec.peak import Sketch

#: Pixels that the image target lets through: those of the contract would take a second a file.
FUZZED_PIXELS = 1_000_000
CHUNK_ROWS = 2
#: Of a product's message, as its docstring has it.
MAX_BODY_BYTES = 900_000


class Trickle:
    """A stream that gives less than it is asked for, as sockets do."""

    def __init__(self, data: bytes, step: int) -> None:
        self._file = BytesIO(data)
        self._step = step

    def read(self, n: int, /) -> bytes:
        return self._file.read(min(n, self._step))


#: How a file is said to be read, by its length.
READINGS = (
    ReadingOptions(),
    ReadingOptions(feed=Feed.MAGENTO, base_url="https://shop.example/media"),
    ReadingOptions(serial_column="No", urls_column="Images,Photo *", base_url="https://shop.example/?"),
    ReadingOptions(encoding=Encoding.GB18030),
    ReadingOptions(),
)


def fuzz_csv(data: bytes) -> None:
    """Rows or a typed fault with its place; the same whatever the blocks, and once again from the output CSV."""
    reading = READINGS[len(data) % len(READINGS)]
    try:
        inspection = inspect(Trickle(data, len(data) // 3 + 1), reading, chunk_rows=CHUNK_ROWS)
    except CatalogueRefusedError as refused:
        _check_refusal(refused.fault)
        return
    assert inspection == inspect(BytesIO(data), reading, chunk_rows=CHUNK_ROWS)
    layout = inspection.layout
    assert Layout.from_dict(layout.as_dict()) == layout
    rows = list(read_rows(BytesIO(data[inspection.chunk_offsets[0] :]), layout, 1))
    assert len(rows) == inspection.rows
    last = len(inspection.chunk_offsets) - 1
    from_last = list(read_rows(BytesIO(data[inspection.chunk_offsets[last] :]), layout, last * CHUNK_ROWS + 1))
    assert [(row.fields, row.urls, row.faults) for row in from_last] == [
        (row.fields, row.urls, row.faults) for row in rows[last * CHUNK_ROWS :]
    ]
    output, replaced = OutputCsv(layout), ReplacedCsv(layout)
    assert output.header
    written = [replaced.header]
    for row in rows:
        faults = url_faults(row, layout)
        assert all(fault.code is ImageCode.INVALID_URL for fault in faults)
        if not row.faults:
            message = ProductMessage("01K0B3T5Q8ZC4V7XW2N9M6R1DF", 1, 0, row.number, 1, row.urls, ImageOptions())
            body = message.to_json()
            assert len(body.encode()) <= MAX_BODY_BYTES
            sent = ProductMessage.from_json(body).urls
            assert [is_valid_url(url) for url in sent] == [is_valid_url(url) for url in row.urls]
            assert row.is_skipped is not bool(row.urls)
        assert output.row(row, [None] * len(row.urls), ProductStatus.FAILED, [(0, "X")])
        written.append(replaced.row(row, {}))
        made = replaced.row(row, dict.fromkeys(row.urls, "https://images.example/1.jpg"))
        assert not row.urls or b"https://images.example/1.jpg" in made
    text = StringIO(b"".join(written).decode("utf-8-sig"), newline="")
    lines = [tuple(line) for line in csv.reader(text, delimiter=layout.delimiter)][len(layout.preamble) :]
    assert lines[0] == layout.header or layout.header[0].startswith("\ufeff")
    assert lines[1:] == [row.fields for row in rows]


def _check_refusal(fault: Fault) -> None:
    assert isinstance(fault.code, FileCode)
    assert fault.message
    assert (fault.line is not None) == (fault.code is FileCode.MALFORMED_CSV)


def fuzz_urls(data: bytes) -> None:
    """Cut into pieces without surrounding white space, and each a URL to request in pure ASCII or refused."""
    field = data.decode("utf-8", "replace")
    urls = split_urls(field)
    assert all(url and url == url.strip() for url in urls)
    for based in (ABSOLUTE, UrlFormat("https://shop.example/media", ",;"), UrlFormat("https://shop.example")):
        found = split_urls(field, based)
        assert found == tuple(place.url for place in find_urls(field, based))
        assert with_urls(field, based, {}) == field
        made = {url: f"https://images.example/{number}.jpg" for number, url in enumerate(found)}
        assert split_urls(with_urls(field, based, made), based) == tuple(made[url] for url in found)
    for url in urls:
        if is_valid_url(url):
            assert len(url) <= MAX_URL_CHARACTERS
            _check_request(WebUrl.parse(url))
    first, *others = urls or ("https://shop.example/a/b.jpg",)
    try:
        base = WebUrl.parse(first)
    except InvalidUrlError:
        return
    for other in others:
        try:
            _check_request(base.redirected(other))
        except InvalidUrlError:
            continue


def _check_request(url: WebUrl) -> None:
    text = f"{url.origin}{url.target}"
    assert url.origin.scheme in {"http", "https"}
    assert all("!" <= character <= "~" for character in text), text
    assert not {"@", "/", "\\", "?", "#"} & set(url.origin.host)
    assert url.target.startswith("/")
    assert "#" not in url.target
    assert WebUrl.parse(text) == url


def fuzz_image(data: bytes) -> None:
    """The first byte chooses options, the others are the file: an image no larger than asked, or an ImageError."""
    choice, file = data[0] if data else 0, data[1:]
    formats = list(OutputFormat)
    options = ImageOptions(
        format=formats[choice % len(formats)],
        max_width=40 if choice & 0x20 else None,
        metadata=Metadata.KEEP if choice & 0x40 else Metadata.STRIP,
        progressive=bool(choice & 0x80),
    )
    try:
        opened = open_image(file)
        assert Sketch.of_header(opened.header).peak_bytes(options) > 0
        compressed = opened.compress(options)
    except ImageError:
        return
    assert compressed.kept or compressed.data is not file
    if compressed.kept and compressed.data is not file:
        # Without its metadata, or without what is damaged and none of the picture.
        assert options.metadata is Metadata.STRIP or compressed.format in {ImageFormat.PNG, ImageFormat.JPEG}
    with Image.open(BytesIO(compressed.data)) as image:
        assert image.format in {compressed.format.pillow_name, "MPO"}
        image.load()
    if options.max_width and not compressed.kept:
        assert compressed.width <= options.max_width


def bound_images() -> None:
    """For the life of a fuzzing process."""
    decode.MAX_PIXELS = FUZZED_PIXELS


TARGETS: Mapping[str, Callable[[bytes], None]] = {"csv": fuzz_csv, "urls": fuzz_urls, "image": fuzz_image}
