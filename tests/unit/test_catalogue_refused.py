"""Contract A1: which files are refused as a whole, and what is said about them."""

import tracemalloc
from io import BytesIO

import pytest

from imagemill.domain import csv_records, text_lines
from imagemill.domain.catalogue import CatalogueRefused, Fault, inspect, read_rows
from imagemill.domain.codes import FileCode

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


def refusal(data: bytes | str, **limits: int) -> Fault:
    with pytest.raises(CatalogueRefused) as refused:
        inspect(BytesIO(data if isinstance(data, bytes) else data.encode()), **limits)
    return refused.value.fault


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"\xff\xfe", b" \r\n\t\n", b"\xef\xbb\xbf \r\r\n", b"\n" * MIB])
def test_a_file_without_any_text_is_empty(data: bytes):
    assert refusal(data).code == FileCode.EMPTY_FILE


@pytest.mark.parametrize("data", [HEADER, f"{HEADER}\n", f"{HEADER}\r\n \r\n\r\n"])
def test_a_header_alone_has_no_rows(data: str):
    assert refusal(data).code == FileCode.NO_ROWS


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"PK\x03\x04\x14\x00\x06\x00", "XLSX"),
        (b"PK\x05\x06" + bytes(18), "ZIP"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "XLS"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "JPEG"),
        (b"GIF89a\x01\x00", "GIF"),
        (b"GIF87a\x01\x00", "GIF"),
    ],
)
def test_a_file_of_another_format_is_named_for_what_it_is(data: bytes, what: str):
    fault = refusal(data)

    assert fault.code == FileCode.NOT_TEXT
    assert what in fault.message
    assert "CSV" in fault.message


@pytest.mark.parametrize(
    "data",
    [
        f"{HEADER}\n1,A,http://x/1\n".encode("utf-16-le"),
        f"{HEADER}\n1,A,http://x/1\n".encode("utf-16-be"),
        f"{HEADER}\n1,A\0,http://x/1\n".encode(),
        f"{HEADER}\n1,A\0,http://x/1\n".encode("utf-16"),
        f"{HEADER}\n1,A,http://x/1\n".encode("utf-32"),
        f"{HEADER}\n1,A,http://x/1\n".encode("utf-16")[:-1],
        b"\xff\xfe" + HEADER.encode("utf-16-le") + b"\x00\xd8\n\x00",
        f"{HEADER}\n1,".encode("utf-8-sig") + b"\xe9,http://x/1\n",
    ],
)
def test_bytes_that_are_no_text_are_refused(data: bytes):
    assert refusal(data).code == FileCode.NOT_TEXT


def test_missing_columns_are_named_with_the_headers_found():
    fault = refusal("Sku;Title;Images\n1;A;http://x/1\n")

    assert fault.code == FileCode.MISSING_COLUMNS
    assert "S. No., Product Name." in fault.message
    assert "Input Image Urls" not in fault.message
    assert "Sku, Title, Images" in fault.message


def test_a_header_recognised_as_utf_8_alone_is_missing_when_the_file_is_windows_1252():
    assert refusal("No,Name,Image\u00a0Urls\n".encode() + b"1,\xe9,http://x/1\n").code == FileCode.MISSING_COLUMNS


def test_headers_found_are_listed_in_part():
    message = refusal(",".join(["x" * 30] * 100)).message

    assert 60 < message.count("x") <= 80


def test_a_missing_column_is_noticed_before_the_rest_is_read():
    stream = Endless(b"a,b,c\n", b"1,2,3\n")

    with pytest.raises(CatalogueRefused, match="Missing"):
        inspect(stream)

    assert stream.bytes_read < MIB


def test_rows_beyond_the_limit_refuse_the_file():
    data = f"{HEADER}\n" + "1,A,http://x/1\n" * 4

    assert refusal(data, max_rows=3).code == FileCode.TOO_MANY_ROWS
    assert inspect(BytesIO(data.encode()), max_rows=4).rows == 4


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (f'{HEADER}\n1,A,http://x/1\n\n"2\nx",B,\n3,"C,http://x/3\n4,D,http://x/4\n', 6),
        (f'{HEADER}\n1,"A"b,http://x/1\n', 2),
        (f'{HEADER}\r1,A,http://x/1\r2,"A" ,http://x/1\r', 3),
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

    with pytest.raises(CatalogueRefused) as refused:
        inspect(stream)

    assert (refused.value.fault.code, refused.value.fault.line) == (FileCode.MALFORMED_CSV, 2)
    assert stream.bytes_read < 6 * MIB


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
