"""Contract A1: how a shop's CSV is read."""

import json
from decimal import Decimal
from io import BytesIO

import pytest

from imagemill.domain.catalogue.inspection import Fault, Inspection, Layout, Row, inspect, read_rows, url_faults
from imagemill.domain.catalogue.text_lines import Encoding
from imagemill.domain.codes import FileCode, ImageCode, RowCode
from imagemill.domain.product import CHUNK_ROWS
from imagemill.errors import CatalogueRefusedError

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


# Columns


@pytest.mark.parametrize(
    "serial", ["S. No.", "S.No", "Serial Number", "Sr No", "No", "s_no", "SERIAL  NUMBER", "s.\u00a0no", "\ufeffNo"]
)
@pytest.mark.parametrize("name", ["Product Name", "Product", "Name", "product_name", "PRODUCT.NAME "])
@pytest.mark.parametrize("urls", ["Input Image Urls", "Input Image URL", "Image Urls", "Images", "image_urls"])
def test_columns_are_found_by_any_accepted_header_in_any_order(serial: str, name: str, urls: str):
    row = row_of("http://x/1,7,extra,Chair", header=f"{urls},{serial},Price,{name}")

    assert (row.serial, row.name, row.urls) == ("7", "Chair", ("http://x/1",))


def test_the_header_named_first_by_the_contract_is_preferred():
    row = row_of("n,p,Chair,9,7,i,http://x/1", "Name,Product,Product Name,No,S.No,Images,Image Urls")

    assert (row.serial, row.name, row.urls) == ("7", "Chair", ("http://x/1",))


def test_the_first_of_two_equal_headers_is_taken():
    assert row_of("1,Chair,Table,http://x/1", "No,Name,Name,Images").name == "Chair"


def test_headers_and_fields_stay_as_they_are_in_the_file():
    inspection, (row,) = read_all(b" s_no ,NAME,Images\n 1 , A ,http://x/1 \n")

    assert inspection.layout.header == (" s_no ", "NAME", "Images")
    assert row == Row(1, (" 1 ", " A ", "http://x/1 "), "1", "A", ("http://x/1",), ())


# Encodings, delimiters, line ends


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


def test_one_byte_that_is_not_utf_8_makes_the_whole_file_windows_1252():
    data = f"{HEADER},é\n".encode() + b"1,A,http://x/1,\n" * 50_000 + b"2,\xe9,http://x/2,\n"

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


@pytest.mark.parametrize(("delimiter", "line"), [(",", ",,"), ("\t", "\t\t"), (";", " ; ;"), (",", '""')])
def test_a_row_of_nothing_but_delimiters_is_a_row(delimiter: str, line: str):
    row = row_of(line, HEADER.replace(",", delimiter))

    assert [fault.code for fault in row.faults] == ["MISSING_SERIAL", "MISSING_NAME", "NO_IMAGE_URLS"]


# Surplus and missing fields


@pytest.mark.parametrize(
    ("delimiter", "merged"),
    [(",", "http://x/1,http://x/2"), (";", "http://x/1;http://x/2"), ("\t", "http://x/1\nhttp://x/2")],
)
def test_surplus_fields_behind_the_url_column_are_further_urls(delimiter: str, merged: str):
    line = delimiter.join(["1", "A", "http://x/1", "http://x/2", "", " "])

    row = row_of(line, HEADER.replace(",", delimiter))

    assert (row.fields, row.urls, row.faults) == (("1", "A", merged), ("http://x/1", "http://x/2"), ())


def test_a_comma_in_the_query_of_an_unquoted_url_list_stays_part_of_the_url():
    assert row_of("1,A,http://x/?a=1,2,http://x/2").urls == ("http://x/?a=1,2", "http://x/2")


def test_urls_in_nameless_columns_behind_the_urls_are_further_urls():
    row = row_of("1,A,http://x/1,,http://x/3", f"{HEADER},,")

    assert row.urls == ("http://x/1", "http://x/3")
    assert row.fields == ("1", "A", "http://x/1", "", "http://x/3")


def test_a_named_column_behind_the_urls_holds_none():
    assert row_of("1,A,http://x/1,,http://x/3", f"{HEADER},,Link").urls == ("http://x/1",)


def test_empty_surplus_fields_are_dropped():
    row = row_of("1,http://x/1,A,, ,", "No,Images,Name")

    assert (row.fields, row.faults) == (("1", "http://x/1", "A"), ())


def test_a_filled_surplus_field_is_a_fault_when_the_urls_are_not_last():
    row = row_of("1,http://x/1,A,,b", "No,Images,Name")

    assert len(row.fields) == 3
    assert [fault.code for fault in row.faults] == [RowCode.SURPLUS_FIELDS]


# Row faults


@pytest.mark.parametrize(
    ("line", "code", "column"),
    [
        (" ,A,http://x/1", RowCode.MISSING_SERIAL, "S. No."),
        (f"{'9' * 129},A,http://x/1", RowCode.SERIAL_TOO_LONG, "S. No."),
        ("1,\u00a0,http://x/1", RowCode.MISSING_NAME, "Product Name"),
        (f"1,{'é' * 513},http://x/1", RowCode.NAME_TOO_LONG, "Product Name"),
        ("1,A,", RowCode.NO_IMAGE_URLS, "Input Image Urls"),
        ('1,A," , ;|"', RowCode.NO_IMAGE_URLS, "Input Image Urls"),
        ("1,A", RowCode.NO_IMAGE_URLS, "Input Image Urls"),
        ("1,A" + ",http://x/1" * 101, RowCode.TOO_MANY_IMAGES, "Input Image Urls"),
    ],
)
def test_a_row_fault_names_code_row_and_column(line: str, code: RowCode, column: str):
    _, row = rows_of(f"{HEADER}\n0,A,http://x/0\n{line}\n")

    (fault,) = row.faults
    assert (fault.code, fault.row, fault.column, fault.line) == (code, 2, column, None)


@pytest.mark.parametrize(
    "line", [f"{'9' * 128},A,http://x/1", f"1,{'é' * 512},http://x/1", "1,A" + ",http://x/1" * 100]
)
def test_limits_themselves_are_allowed(line: str):
    assert row_of(line).faults == ()


def test_all_faults_of_a_row_are_reported():
    row = row_of(f",http://x/1,{'A' * 513},surplus", "No,Images,Name")

    assert [fault.code for fault in row.faults] == ["MISSING_SERIAL", "NAME_TOO_LONG", "SURPLUS_FIELDS"]


def test_invalid_urls_are_faults_of_single_images():
    inspection, (row,) = read_all(f"{HEADER}\n1,A,http://x/1,none,http://x/3,ftp://x\n".encode())

    faults = url_faults(row, inspection.layout)

    assert row.faults == ()
    assert [(fault.code, fault.row, fault.column) for fault in faults] == [
        (ImageCode.INVALID_URL, 1, "Input Image Urls")
    ] * 2
    assert [fault.message.split(":")[0] for fault in faults] == ["Image 2", "Image 4"]


def test_messages_repeat_little_of_the_users_text():
    layout = inspect(BytesIO(f"{HEADER}\n1,A,http://x/1\n".encode())).layout
    row = Row(1, (), "1", "A", ("x" * 1_000_000,), ())

    messages = [
        url_faults(row, layout)[0].message,
        row_of(f"1,http://x/1,A,{'x' * 1000}", "No,Images,Name").faults[0].message,
    ]

    assert all(50 < message.count("x") <= 85 and "\n" not in message for message in messages)


# What is handed on


def test_a_layout_survives_json_and_dynamodb():
    layout = read_all(f"{HEADER}\n1,A,http://x/1\n".encode("utf-16"))[0].layout

    stored = json.loads(json.dumps(layout.as_dict()), parse_int=Decimal)

    assert Layout.from_dict(stored) == layout


def test_a_fault_lists_its_line_only_when_it_has_one():
    fault = Fault(RowCode.MISSING_NAME, "m", row=2, column="Name")

    assert fault.as_dict() == {"row": 2, "column": "Name", "code": "MISSING_NAME", "message": "m"}
    assert Fault(FileCode.MALFORMED_CSV, "m", line=3).as_dict()["line"] == 3


def test_bytes_other_than_those_inspected_are_refused_when_read():
    layout = inspect(BytesIO(f"{HEADER}\n1,é,http://x/1\n".encode())).layout

    for other in (b"1,\xe9,http://x/1\n", b'1,"A,http://x/1\n'):
        with pytest.raises(CatalogueRefusedError):
            list(read_rows(BytesIO(other), layout, 1))


def test_chunks_have_two_hundred_rows():
    data = f"{HEADER}\n".encode() + b"1,A,http://x/1\n" * (2 * CHUNK_ROWS)

    inspection = inspect(BytesIO(data))

    assert CHUNK_ROWS == 200
    assert inspection.chunk_offsets == (len(HEADER) + 1, len(HEADER) + 1 + 200 * 15)
