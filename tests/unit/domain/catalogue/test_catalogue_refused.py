"""Contract A1: which files are refused as a whole, and what is said about them."""

import tracemalloc
from io import BytesIO

import pytest

from imagemill.domain.catalogue import csv_records, text_lines
from imagemill.domain.catalogue.faults import Fault
from imagemill.domain.catalogue.inspection import MAX_ROWS, inspect
from imagemill.domain.catalogue.rows import read_rows
from imagemill.domain.catalogue.text_lines import lines_in, split_lines
from imagemill.domain.codes import FileCode
from imagemill.errors import CatalogueRefusedError

HEADER = "S. No.,Product Name,Input Image Urls"
MIB = 1024 * 1024


class Endless:
    """A gigabyte: `beginning`, then `repeated` over and over. Knows how much of it was read."""

    def __init__(self, beginning: bytes, repeated: bytes, size: int = 1024 * MIB) -> None:
        self._next = beginning
        self._block = repeated * (64 * 1024 // len(repeated))
        self._size = size
        self.bytes_read = 0

    def read(self, n: int, /) -> bytes:
        given, self._next = self._next[:n], self._next[n:] or self._block
        self.bytes_read += len(given)
        return given if self.bytes_read < self._size else b""


def refusal(data: bytes | str, max_rows: int = MAX_ROWS) -> Fault:
    with pytest.raises(CatalogueRefusedError) as refused:
        inspect(BytesIO(data if isinstance(data, bytes) else data.encode()), max_rows=max_rows)
    return refused.value.fault


@pytest.mark.parametrize(
    "data", [b"", b"sep=;\r\n", b"\xef\xbb\xbf", b"\xff\xfe", b" \r\n\t\n", b"\xef\xbb\xbf \r\r\n", b"\n" * MIB]
)
def test_a_file_without_any_text_is_empty(data: bytes):
    assert refusal(data).code == FileCode.EMPTY_FILE


@pytest.mark.parametrize("data", [HEADER, f"{HEADER}\n", f"{HEADER}\r\n \r\n\r\n"])
def test_a_header_alone_has_no_rows(data: str):
    assert refusal(data).code == FileCode.NO_ROWS


def zip_archive(first_name: bytes) -> bytes:
    """The beginning of a ZIP archive: a local file header (APPNOTE.TXT section 4.3.7), and the entry's content."""
    return b"PK\x03\x04" + bytes(22) + bytes([len(first_name), 0, 0, 0]) + first_name


@pytest.mark.parametrize(
    ("data", "what", "way_out"),
    [
        (zip_archive(b"[Content_Types].xml"), "an Excel workbook (XLSX)", "save the sheet as 'CSV UTF-8'"),
        (zip_archive(b"xl/worksheets/sheet1.xml"), "an Excel workbook (XLSX)", "save the sheet as 'CSV UTF-8'"),
        (zip_archive(b"catalogue.csv"), "an Excel workbook (XLSX) or another ZIP archive", "or unpack it"),
        (
            zip_archive(b"mimetype") + b"application/vnd.oasis.opendocument.spreadsheet",
            "an OpenDocument file (ODS)",
            "save the sheet as 'CSV UTF-8'",
        ),
        (zip_archive(b"Index/Document.iwa"), "a Numbers document", "save the sheet as 'CSV UTF-8'"),
        (b"PK\x05\x06" + bytes(18), "an empty ZIP archive", "Unpack it"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel workbook (XLS)", "save the sheet as 'CSV UTF-8'"),
        (b"\x09\x08\x10\x00\x00\x06\x05\x00", "an old Excel workbook (XLS)", "save the sheet as 'CSV UTF-8'"),
        (b"\x1f\x8b\x08\x00", "a gzip archive", "Unpack it"),
        (b"BZh91AY&SY", "a bzip2 archive", "Unpack it"),
        (b"\xfd7zXZ\x00", "an xz archive", "Unpack it"),
        (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "Unpack it"),
        (b"Rar!\x1a\x07\x00", "a RAR archive", "Unpack it"),
        (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "Unpack it"),
        (b"%PDF-1.7\n", "a PDF document", "saved as 'CSV UTF-8'"),
        (b"{\\rtf1\\ansi", "a text document (RTF)", "saved as 'CSV UTF-8'"),
        (b"\x89PNG\r\n\x1a\n", "a PNG image", "saved as 'CSV UTF-8'"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "a JPEG image", "saved as 'CSV UTF-8'"),
        (b"GIF89a\x01\x00", "a GIF image", "saved as 'CSV UTF-8'"),
        (b"GIF87a\x01\x00", "a GIF image", "saved as 'CSV UTF-8'"),
        (b"RIFF\x24\x00\x00\x00WEBPVP8 ", "a WebP image", "saved as 'CSV UTF-8'"),
        (b"\x00\x00\x00\x1cftypavif", "an AVIF or HEIC image", "saved as 'CSV UTF-8'"),
        (b"II*\x00\x08\x00", "a TIFF image", "saved as 'CSV UTF-8'"),
        (b"MM\x00*\x00\x08", "a TIFF image", "saved as 'CSV UTF-8'"),
    ],
)
def test_a_file_of_another_format_is_named_for_what_it_is(data: bytes, what: str, way_out: str):
    fault = refusal(data)

    assert fault.code == FileCode.NOT_TEXT
    assert fault.message.startswith(f"This is {what}")
    assert way_out in fault.message


def test_lines_before_the_header_that_would_not_fit_into_its_item_are_refused():
    fault = refusal(f"settings={',' * 5_000}\n{HEADER}\n1,A,http://x/1\n")

    assert (fault.code, fault.line) == (FileCode.MALFORMED_CSV, 2)
    assert "fields in the lines before it" in fault.message


def test_missing_columns_are_named_with_the_headers_found():
    fault = refusal("Sku;Title;Images\n1;A;http://x/1\n")

    assert fault.code == FileCode.MISSING_COLUMNS
    assert "Missing: S. No., Product Name. Headers found: Sku, Title, Images." in fault.message


def test_a_header_recognised_as_utf_8_alone_is_missing_when_the_file_is_windows_1252():
    data = "No,Name,Image\u00a0Urls\n".encode() + b"1,\xe9\xe9,http://x/1\n"

    assert refusal(data).code == FileCode.MISSING_COLUMNS


def test_missing_columns_show_every_way_out():
    message = refusal("Sku;Title;Photo\n1;A;http://x/1\n").message

    for way in (
        "Serial Number",
        "Image Urls",
        "serial_column",
        "name_column",
        "urls_column",
        "feed",
        "shopify",
        "opencart",
    ):
        assert way in message


def test_every_header_is_listed_within_bounds():
    columns = [f"column {number}" for number in range(300)]

    assert ", ".join(columns) in refusal(",".join(columns)).message
    assert len(refusal(",".join(["x" * 30] * 2_000)).message) < 10_000


def test_a_missing_column_is_noticed_before_the_rest_is_read():
    stream = Endless(b"a,b,c\n", b"1,2,3\n")

    with pytest.raises(CatalogueRefusedError, match="Missing"):
        inspect(stream)

    assert stream.bytes_read < MIB


def test_rows_beyond_the_limit_refuse_the_file():
    data = f"{HEADER}\n" + "1,A,http://x/1\n" * 4

    assert refusal(data, max_rows=3).code == FileCode.TOO_MANY_ROWS
    assert inspect(BytesIO(data.encode()), max_rows=4).rows == 4


def test_lines_of_a_run_of_blank_lines_are_counted_one_by_one():
    data = (
        "\n\r\n" * 50 + f"sep=,\r{HEADER}\r" + " \r\n" * 70 + '1,"' + "\n" * 30 + '",http://x/1\n\n2,"A"b,http://x/2\n'
    )

    # Before the fault: 100 blank lines, 2 lines, 70 blank ones, 31 of a record, 1 blank one.
    assert refusal(data).line == 205


def test_the_way_out_fits_the_fault():
    wide = refusal(HEADER + ",x" * 100_000 + "\n1,A,http://x/1\n").message
    unclosed = refusal(f'{HEADER}\n1,"A,http://x/1\n').message

    assert "Remove columns" in wide
    assert "quotation" not in wide
    assert "quotation mark that is never closed" in unclosed


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (f'{HEADER}\n1,A,http://x/1\n\n"2\nx",B,\n3,"C,http://x/3\n4,D,http://x/4\n', 6),
        (f'{HEADER}\n1,"A"b,http://x/1\n', 2),
        (f'{HEADER}\r1,A,http://x/1\r2,"A" x,http://x/1\r', 3),
        ('S. No.,Product Name,"Input Image Urls\n1,A,http://x/1\n', 1),
        (f"{HEADER}\n1,{'A' * (MIB + 1)},http://x/1\n", 2),
        (f"{HEADER}\n1,A,http://x/1\n" + "," * (4 * MIB + 1), 3),
        (f"{HEADER}\n1,A" + ',"\n"' * (MIB + 1), 2),
        (f"\n{HEADER}{',x' * 16_382}\n1,A,http://x/1\n", 2),
        (f"{HEADER},{'x' * 65_536}\n1,A,http://x/1\n", 1),
    ],
    ids=["unclosed", "text-behind-quote", "cr", "header", "field", "line", "record", "columns", "header-size"],
)
def test_malformed_csv_names_the_line_where_the_record_begins(data: str, line: int):
    fault = refusal(data)

    assert (fault.code, fault.line) == (FileCode.MALFORMED_CSV, line)
    assert f"line {line} " in fault.message


def test_the_largest_field_and_header_are_allowed():
    data = f"{HEADER}{',x' * 16_381}\n1,{'A' * MIB},http://x/1\n".encode()

    inspection = inspect(BytesIO(data))
    (row,) = read_rows(BytesIO(data[inspection.chunk_offsets[0] :]), inspection.layout, 1)

    assert len(row.fields) == 16_384
    assert len(row.name) == MIB


@pytest.mark.parametrize("repeated", [b"2,B,http://x/2\n", b"x", b'","\n'], ids=["lines", "no-end", "records"])
def test_an_unclosed_quote_is_noticed_long_before_the_end_of_a_large_file(repeated: bytes):
    stream = Endless(f'{HEADER}\n1,A,"http://x/1\n'.encode(), repeated)

    with pytest.raises(CatalogueRefusedError) as refused:
        inspect(stream)

    assert (refused.value.fault.code, refused.value.fault.line) == (FileCode.MALFORMED_CSV, 2)
    assert stream.bytes_read < 6 * MIB


@pytest.mark.parametrize(
    "repeated", [b"x", b"xy,", b'"",', b"\xff", b"\r x"], ids=["field", "fields", "quotes", "cp1252", "lines"]
)
def test_a_field_of_a_hundred_megabytes_is_refused_within_flat_memory(repeated: bytes):
    quote = b'"' if b"\r" in repeated else b""
    stream = Endless(f"{HEADER}\n1,A,".encode() + quote, repeated, size=100 * MIB)
    tracemalloc.start()

    with pytest.raises(CatalogueRefusedError) as refused:
        inspect(stream)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (refused.value.fault.code, refused.value.fault.line) == (FileCode.MALFORMED_CSV, 2)
    assert stream.bytes_read < 6 * MIB
    assert peak < 100 * MIB


@pytest.mark.parametrize("blank", ["\n", "\r\n", "  \r\n", "\r", "\v\n"])
def test_blank_lines_cost_no_work_one_by_one(blank: str):
    pieces = list(split_lines(["a\n" + blank * 20_000, blank * 20_000 + "b\n"]))

    assert "".join(pieces) == "a\n" + blank * 40_000 + "b\n"
    assert len(pieces) <= 5
    assert sum(map(lines_in, pieces)) == 40_002


@pytest.mark.parametrize("repeated", ["2,é,http://x/2\r\n".encode(), b" " * 50 + b"\n"], ids=["rows", "blank-lines"])
def test_memory_stays_flat_however_large_the_file(repeated: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(text_lines, "BLOCK_BYTES", 8 * 1024)
    stream = Endless(f"{HEADER}\n1,A,http://x/1\n".encode(), repeated, size=MIB)
    tracemalloc.start()

    inspect(stream)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert stream.bytes_read >= MIB
    assert peak < MIB // 4


@pytest.mark.parametrize("data", [f"{HEADER}\n1,A,http://x/1\n\n\n\n\n", "\n" * 6])
def test_more_lines_than_products_can_need_refuse_the_file(data: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(csv_records, "MAX_LINES", 5)

    assert refusal(data).code == FileCode.MALFORMED_CSV
    assert inspect(BytesIO(f"{HEADER}\n1,A,http://x/1\n\n\n\n".encode())).rows == 1
