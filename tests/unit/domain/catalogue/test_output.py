"""Contract A2: the CSV that is handed back."""

import csv
from collections.abc import Sequence
from io import BytesIO, StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.catalogue.layout import Layout
from imagemill.domain.catalogue.output import ROW_POSITION, OutputCsv, ReplacedCsv
from imagemill.domain.catalogue.rows import Row, read_rows
from imagemill.domain.catalogue.text_lines import BLANK
from imagemill.domain.codes import ImageCode, ProductStatus, RowCode

HEADER = "S. No.,Product Name,Input Image Urls"


def catalogue(data: bytes) -> tuple[Layout, list[Row]]:
    inspection = inspect(BytesIO(data))
    stream = BytesIO(data[inspection.chunk_offsets[0] :])
    return inspection.layout, list(read_rows(stream, inspection.layout, 1))


def only_row(line: str, header: str = HEADER) -> Row:
    _, (row,) = catalogue(f"{header}\n{line}\n".encode())
    return row


def output_row(
    row: Row, output_urls: list[str | None], status: ProductStatus, errors: Sequence[tuple[int, str]]
) -> bytes:
    """As in a file with `HEADER`."""
    layout, _ = catalogue(f"{HEADER}\n1,A,http://x/1\n".encode())
    return OutputCsv(layout).row(row, output_urls, status, errors)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_byte_order_mark_comes_back_when_the_input_had_one(encoding: str):
    layout, _ = catalogue(f"{HEADER}\n1,A,http://x/1\n".encode(encoding))

    assert OutputCsv(layout).header == b"\xef\xbb\xbf" + HEADER.encode() + b",Output Image Urls,Status,Errors\r\n"


def test_headers_are_the_inputs_as_typed_then_ours():
    layout, _ = catalogue('price;"images"; s.no ;NAME\n9;http://x/1;1;A\n'.encode("cp1252"))

    assert OutputCsv(layout).header == b"price;images; s.no ;NAME;Output Image Urls;Status;Errors\r\n"


def test_a_failed_image_leaves_its_slot_empty_so_that_positions_align():
    row = only_row('1,A,"http://x/1,http://x/2,http://x/3"')
    errors = [(2, ImageCode.HTTP_STATUS)]

    line = output_row(row, ["https://o/1", None, "https://o/3"], ProductStatus.PARTIAL, errors)

    assert line == (b'1,A,"http://x/1,http://x/2,http://x/3","https://o/1,,https://o/3",PARTIAL,2:HTTP_STATUS\r\n')


def test_errors_are_separated_by_spaces():
    row = only_row('1,A,"http://x/1,http://x/2"')
    errors = [(1, ImageCode.TIMEOUT), (2, ImageCode.NOT_AN_IMAGE)]

    line = output_row(row, [None, None], ProductStatus.FAILED, errors)

    assert line.endswith(b',",",FAILED,1:TIMEOUT 2:NOT_AN_IMAGE\r\n')


def test_an_error_of_the_row_itself_has_position_zero():
    row = only_row("1,,")
    errors = [(ROW_POSITION, fault.code) for fault in row.faults]

    line = output_row(row, [], ProductStatus.FAILED, errors)

    assert line == b"1,,,,FAILED,0:MISSING_NAME 0:NO_IMAGE_URLS\r\n"


def test_values_are_quoted_only_where_needed():
    row = only_row('1," 5"" ""pipe"", steel\r\nlong",http://x/1')

    line = output_row(row, ["https://o/1"], ProductStatus.COMPLETED, [])

    assert line == b'1," 5"" ""pipe"", steel\r\nlong",http://x/1,https://o/1,COMPLETED,\r\n'


def test_text_of_any_input_encoding_becomes_utf_8():
    _, (row,) = catalogue(f"{HEADER}\n1,Crème brûlée €5,http://x/1\n".encode("cp1252"))

    line = output_row(row, [None], ProductStatus.CANCELLED, [(1, ImageCode.CANCELLED)])

    assert line == "1,Crème brûlée €5,http://x/1,,CANCELLED,1:CANCELLED\r\n".encode()


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;;;", "sep=,", "sep=;\r\nsettings=;2"])
def test_in_place_of_the_input_the_line_that_names_the_delimiter_stays(first: str):
    text = f"\ufeff{first}\r\n{HEADER.replace(',', ';')}\r\n1;Stühle;http://x/1\r\n".encode()
    layout, [row] = catalogue(text)

    output = ReplacedCsv(layout)

    assert output.header + output.row(row, {}) == text


@pytest.mark.parametrize("output_urls", [[], ["https://o/1"], [None] * 3])
def test_output_urls_that_would_not_align_are_refused(output_urls: list[str | None]):
    row = only_row('1,A,"http://x/1,http://x/2"')

    with pytest.raises(ValueError, match="2 images"):
        output_row(row, output_urls, ProductStatus.COMPLETED, [])


def test_an_output_url_with_a_comma_is_refused():
    row = only_row("1,A,http://x/1")

    with pytest.raises(ValueError, match="comma"):
        output_row(row, ["https://o/1,2"], ProductStatus.COMPLETED, [])


#: Any text that CSV can carry: no NUL, no lone surrogate.
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=12)


def is_no_blank_row(values: Sequence[str]) -> bool:
    return any(value.strip(BLANK) for value in values)


@settings(max_examples=100, deadline=None)
@given(
    extra_header=TEXT,
    rows=st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT).filter(is_no_blank_row), min_size=1, max_size=8),
    status=st.sampled_from(ProductStatus),
)
def test_the_inputs_columns_come_back_unchanged_one_row_for_each(
    extra_header: str, rows: list[tuple[str, ...]], status: ProductStatus
):
    header = ("Images", "No", "Product", f"x{extra_header}")
    written = StringIO(newline="")
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows([header, *rows])
    layout, read = catalogue(written.getvalue().encode())

    output = OutputCsv(layout).header + b"".join(
        output_row(row, [None] * len(row.urls), status, [(1, RowCode.MISSING_NAME)]) for row in read
    )

    back = list(csv.reader(StringIO(output.decode(), newline="")))
    assert back[0] == [*header, "Output Image Urls", "Status", "Errors"]
    assert [tuple(values[:4]) for values in back[1:]] == rows
    assert all(len(values) == 7 and values[5] == status for values in back[1:])
