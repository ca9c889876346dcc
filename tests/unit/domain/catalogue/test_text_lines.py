"""Encodings, delimiters, line ends and quotes (contract A1)."""

from io import BytesIO

import pytest

from imagemill.domain.catalogue.encodings import Encoding
from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.catalogue.rows import read_rows
from tests.support.catalogue_rows import HEADER, read_all, row_of, rows_of


@pytest.mark.parametrize(
    ("python_codec", "encoding", "bom"),
    [
        ("utf-8", Encoding.UTF_8, False),
        ("utf-8-sig", Encoding.UTF_8, True),
        ("utf-16", Encoding.UTF_16_LE, True),
        ("cp1252", Encoding.WINDOWS_1252, False),
    ],
)
def test_each_encoding_is_recognised(python_codec: str, encoding: Encoding, bom: bool):
    inspection, (row,) = read_all(f"{HEADER},Größe €\n1,Café €5,http://x/1,ü\n".encode(python_codec))

    assert (inspection.layout.encoding, inspection.layout.bom) == (encoding, bom)
    assert inspection.layout.header[3] == "Größe €"
    assert row.name == "Café €5"


def test_big_endian_utf_16_with_characters_beyond_16_bits_is_read():
    data = b"\xfe\xff" + f"{HEADER}\n1,\U0001f6cb,http://x/1\n2,B,http://x/2\n".encode("utf-16-be")

    inspection = inspect(BytesIO(data), chunk_rows=1)
    row = next(read_rows(BytesIO(data[inspection.chunk_offsets[1] :]), inspection.layout, 2))

    assert (inspection.layout.encoding, row.name) == (Encoding.UTF_16_BE, "B")


def test_a_byte_that_is_not_utf_8_makes_a_file_windows_1252_in_which_there_is_less_of_it():
    data = f"{HEADER},é\n".encode() + b"1,A,http://x/1,\n" * 50_000 + b"2,\xe9,http://x/2,\n" * 2

    inspection, rows = read_all(data)

    assert inspection.layout.header[3] == "Ã©"
    assert rows[-1].name == "é"


@pytest.mark.parametrize("tail", [b"\xe9", b"\xe2\x82", b"\xf0\x9f\x9b"])
def test_a_character_cut_at_the_end_of_the_file_is_not_utf_8(tail: bytes):
    inspection, _ = read_all(f"{HEADER}\n1,A,http://x/".encode() + tail)

    assert inspection.layout.encoding == Encoding.WINDOWS_1252


def test_bytes_undefined_in_windows_1252_are_control_characters():
    _, (row,) = read_all(f"{HEADER}\n1,".encode() + b"\x80\x81\x8d\x8f\x90\x9d\xff,http://x/1\n")

    assert row.name == "€\x81\x8d\x8f\x90\x9dÿ"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("last_end", [True, False])
def test_each_delimiter_and_line_end_is_understood(delimiter: str, end: str, last_end: bool):
    lines = [HEADER.replace(",", delimiter), delimiter.join(["1", "A", "http://x/1"]), delimiter.join("2B")]

    rows = rows_of(end.join(lines) + end * last_end)

    assert [row.fields for row in rows] == [("1", "A", "http://x/1"), ("2", "B", "")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_header_may_go_over_several_lines(delimiter: str):
    header = delimiter.join(['"S.\nNo."', '"Product\r\nName"', "Images"])

    inspection, (row,) = read_all(f"{header}\n{delimiter.join(['1', 'A', 'http://x/1'])}\n".encode())

    assert inspection.layout.header == ("S.\nNo.", "Product\r\nName", "Images")
    assert (row.serial, row.name) == ("1", "A")


def test_quoted_fields_may_hold_quotes_delimiters_and_every_line_end():
    row = row_of('1,"a ""b"", c\r\nd\re\nf",http://x/1')

    assert row.name == 'a "b", c\r\nd\re\nf'


def test_other_unicode_line_separators_do_not_end_a_line():
    assert row_of("1,a\u2028b\u2029c\x85d\x0be\x0cf\x1cg,http://x/1").name == "a\u2028b\u2029c\x85d\x0be\x0cf\x1cg"


def test_a_quotation_mark_inside_an_unquoted_field_is_text():
    assert row_of('1,Pipe 5" long,http://x/1').name == 'Pipe 5" long'


def test_blank_lines_are_neither_rows_nor_counted():
    inspection, rows = read_all(f"\n \t\n{HEADER}\n\n1,A,http://x/1\n  \n\t\n2,B,http://x/2\n\n".encode())

    assert inspection.rows == 2
    assert [(row.number, row.serial) for row in rows] == [(1, "1"), (2, "2")]


@pytest.mark.parametrize("blank", ["\n", "\r\n", "\r", " \n", "\n\r", "\r\r\n", "\x0b\x0c \n", "\t\n"])
def test_blank_lines_between_and_inside_of_records_keep_their_place(blank: str):
    runs = blank * 300
    data = f'{runs}{HEADER}\n{runs}1,A,http://x/1\n{runs}2,"B{runs}",http://x/2{runs}3,C,http://x/3\n{runs}'.encode()

    inspection = inspect(BytesIO(data), chunk_rows=1)
    rows = [next(read_rows(BytesIO(data[offset:]), inspection.layout, 1)) for offset in inspection.chunk_offsets]

    assert inspection.rows == 3
    assert [row.fields[1] for row in rows] == ["A", f"B{runs}", "C"]
    assert [data[offset : offset + 1] for offset in inspection.chunk_offsets] == [b"1", b"2", b"3"]


def test_line_ends_may_be_mixed():
    rows = rows_of(f"{HEADER}\r1,A,http://x/1\r\n2,B,http://x/2\n3,C,http://x/3\r\r\n4,D,http://x/4")

    assert [row.fields for row in rows] == [(f"{n}", name, f"http://x/{n}") for n, name in enumerate("ABCD", 1)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize(
    ("first", "delimiter"),
    [
        ("sep=;", ";"),
        ("SEP=,", ","),
        ("sep=\t", "\t"),
        ('"sep=;"', ";"),
        ("sep=;;;", ";"),
        ("\n\nsep=; ", ";"),
        ("sep=;\n\n", ";"),
        # It says what the file is not.
        ("sep=,", ";"),
    ],
)
def test_a_first_line_that_names_the_delimiter_is_no_header(first: str, delimiter: str, encoding: str):
    header, line = HEADER.replace(",", delimiter), delimiter.join(["1", "Stühle", "http://x/1"])

    inspection, (row,) = read_all(f"{first}\r\n{header}\r\n{line}\r\n".encode(encoding))

    assert (inspection.layout.delimiter, inspection.layout.header) == (delimiter, tuple(HEADER.split(",")))
    assert row.fields == ("1", "Stühle", "http://x/1")


@pytest.mark.parametrize(("first", "delimiter"), [("", ","), ("sep=,\n", ","), ("sep=;\n", ";")])
def test_the_delimiter_that_is_named_is_preferred_where_the_header_allows_two(first: str, delimiter: str):
    data = f"{first}No;Name;Images;x,No,Name,Images\n1,2\n".encode()

    assert inspect(BytesIO(data)).layout.delimiter == delimiter
