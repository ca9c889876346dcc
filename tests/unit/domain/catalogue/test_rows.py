"""Fields too many or too few, and faults of rows (contract A1)."""

from io import BytesIO

import pytest

from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.catalogue.rows import Row, url_faults
from imagemill.domain.codes import ImageCode, RowCode
from tests.support.catalogue_rows import HEADER, read_all, row_of, rows_of


@pytest.mark.parametrize(
    ("delimiter", "line"), [(",", ",,"), ("\t", "\t\t"), (";", " ; ;"), (",", '""'), (",", "\x1a,")]
)
def test_a_row_of_nothing_but_delimiters_is_no_row(delimiter: str, line: str):
    first, last = (delimiter.join([number, "A", "http://x/1"]) for number in "12")

    rows = rows_of("\n".join([HEADER.replace(",", delimiter), line, first, line, line, last, line]))

    assert [(row.number, row.serial) for row in rows] == [(1, "1"), (2, "2")]


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
    inspection, (row,) = read_all(f"{HEADER}\n1,A,http://x/1,http://@x/2,http://x/3,http://\n".encode())

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
