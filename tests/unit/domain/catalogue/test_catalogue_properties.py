"""Contract A1, for any file: what is written reads back, in whole and in chunks; nothing else escapes."""

import csv
import sys
from contextlib import suppress
from io import BytesIO, StringIO
from itertools import pairwise
from types import FrameType
from typing import Literal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.catalogue.layout import Inspection
from imagemill.domain.catalogue.output import OUTPUT_COLUMNS, OutputCsv
from imagemill.domain.catalogue.rows import Row, read_rows, url_faults
from imagemill.domain.catalogue.text_lines import BLANK
from imagemill.domain.codes import FileCode, ProductStatus
from imagemill.errors import CatalogueRefusedError

HEADER = "S. No.,Product Name,Input Image Urls"


class Trickle:
    """A stream that gives less than it is asked for, as sockets do."""

    def __init__(self, data: bytes, step: int) -> None:
        self._file = BytesIO(data)
        self._step = step

    def read(self, n: int, /) -> bytes:
        return self._file.read(min(n, self._step))


def read_all(data: bytes) -> tuple[Inspection, list[Row]]:
    inspection = inspect(BytesIO(data))
    stream = BytesIO(data[inspection.chunk_offsets[0] :])
    return inspection, list(read_rows(stream, inspection.layout, 1))


#: Any text that CSV can carry, line ends and delimiters often: no NUL, no lone surrogate.
TEXT = st.text(
    st.sampled_from(' ,;\t\r\n"é€\x85\u2028') | st.characters(codec="utf-8", exclude_characters="\0"), max_size=10
)


QUOTE = '"'
Values = tuple[str, str, str, str]
Written = tuple[bytes, list[Values]]


def _kept(codec: str, text: str) -> str:
    return text.encode(codec, "ignore").decode(codec)


@st.composite
def written_catalogues(draw: st.DrawFn) -> Written:
    """A CSV as Python writes it, in any of our encodings and dialects, and the values in it.

    Blank lines and rows of empty fields come between any two records, Excel's line that names the delimiter may come
    first, spaces behind quotation marks, and the end of file of DOS last.
    """
    codec = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"]))
    quotings: list[Literal[0, 1, 2]] = [csv.QUOTE_ALL, csv.QUOTE_MINIMAL, csv.QUOTE_NONNUMERIC]
    quoting = draw(st.sampled_from(quotings))
    # Python before 3.13 leaves a CR unquoted where lines end with LF, and the reverse.
    ends = ["\r\n"] if quoting == csv.QUOTE_MINIMAL else ["\n", "\r\n", "\r"]
    end, delimiter = draw(st.sampled_from(ends)), draw(st.sampled_from(",;\t"))
    values: list[Values] = draw(st.lists(st.tuples(TEXT, TEXT, TEXT, TEXT), min_size=1, max_size=9))
    values.append(("last", "", "", ""))
    if codec == "cp1252":
        values = [(_kept(codec, a), _kept(codec, b), _kept(codec, c), _kept(codec, d)) for a, b, c, d in values]
        # A lone é is not UTF-8; without many of them the text might happen to be.
        values.append(("é" * 99, "", "", ""))
    file = StringIO(newline="")
    file.write("\ufeff" if codec == "utf-16-be" else "")
    file.write(draw(st.sampled_from(["", f"sep={delimiter}{end}"])))
    writer = csv.writer(file, delimiter=delimiter, quoting=quoting, lineterminator=end)
    empty = delimiter * 3
    for row in [("Name", "extra", "Images", "No"), *values]:
        file.write(
            draw(st.sampled_from(["", "", end, f" {end}", f"{end}\v{end}" * 3, f"{empty}{end}", f" {empty}\f{end}"]))
        )
        if quoting == csv.QUOTE_ALL:
            spaces = draw(st.sampled_from(["", "", " ", " \v \f"]))
            quoted = [f'"{value.replace(QUOTE, 2 * QUOTE)}"{spaces}' for value in row]
            file.write(delimiter.join(quoted) + end)
        else:
            writer.writerow(row)
    file.write(draw(st.sampled_from(["", end, f" {end}", "\x1a", f"\x1a{end}", empty])))
    return file.getvalue().encode(codec), [row for row in values if any(value.strip(BLANK) for value in row)]


@settings(max_examples=150, deadline=None)
@given(written_catalogues())
def test_whatever_csv_can_write_reads_back_the_same(written: Written):
    data, values = written

    inspection, rows = read_all(data)

    assert inspection.rows == len(values)
    assert [row.fields for row in rows] == values
    assert [(row.name, row.serial) for row in rows] == [(name.strip(), no.strip()) for name, _, _, no in values]


@settings(max_examples=150, deadline=None)
@given(written=written_catalogues(), chunk_rows=st.integers(1, 4), step=st.integers(1, 40))
def test_each_chunk_is_read_from_its_own_bytes(written: Written, chunk_rows: int, step: int):
    data, values = written

    inspection = inspect(Trickle(data, step), chunk_rows=chunk_rows)

    chunks = [
        list(read_rows(Trickle(data[begin:end], step), inspection.layout, 1 + index * chunk_rows))
        for index, (begin, end) in enumerate(pairwise((*inspection.chunk_offsets, len(data))))
    ]
    assert all(len(chunk) == chunk_rows for chunk in chunks[:-1])
    assert [row.fields for chunk in chunks for row in chunk] == values
    assert [row.number for chunk in chunks for row in chunk] == list(range(1, len(values) + 1))


@settings(max_examples=150, deadline=None)
@given(written_catalogues())
def test_the_output_gives_back_every_column_and_value_and_is_a_catalogue_itself(written: Written):
    data, values = written
    inspection, rows = read_all(data)

    output = OutputCsv(inspection.layout).header + b"".join(
        OutputCsv(inspection.layout).row(row, [None] * len(row.urls), ProductStatus.FAILED, [(0, "X")]) for row in rows
    )

    text = StringIO(output.decode("utf-8-sig"), newline="")
    header, *lines = csv.reader(text, delimiter=inspection.layout.delimiter)
    assert header == ["Name", "extra", "Images", "No", *OUTPUT_COLUMNS]
    assert [tuple(line[:4]) for line in lines] == values
    again = read_all(output)[1]
    assert [row.fields[:4] for row in again] == values
    assert [row.urls for row in again] == [row.urls for row in rows]


class ProductProgress:
    """Counts the calls that reading makes, into Python and into C: its time, on any machine."""

    def __init__(self, data: bytes) -> None:
        self.calls = 0
        sys.setprofile(self._seen)
        try:
            with suppress(CatalogueRefusedError):
                read_all(data)
        finally:
            sys.setprofile(None)

    def _seen(self, _frame: FrameType, event: str, _argument: object) -> None:
        self.calls += event in {"call", "c_call"}


#: What makes readers look twice.
TOKENS = st.sampled_from(
    [*b',;\t\r\n" a\xe9\xff', b"\r\n", b'""', b'","', b"http://x/1.jpg,", b"?a=1,", b"://", b"/a,b"]
)
HARD_BYTES = st.lists(TOKENS, min_size=1, max_size=5).map(
    lambda tokens: b"".join(token if isinstance(token, bytes) else bytes([token]) for token in tokens)
)


@settings(max_examples=150, deadline=None)
@given(beginning=st.sampled_from([b"", b"1,A,", b'1,A,"', b"1,A,http://x/?"]), repeated=HARD_BYTES)
def test_twice_the_bytes_are_at_most_twice_the_work(beginning: bytes, repeated: bytes):
    head = HEADER.encode() + b"\n" + beginning

    once, twice = ProductProgress(head + repeated * 300), ProductProgress(head + repeated * 600)

    assert twice.calls <= 2 * once.calls + 200


@settings(max_examples=300, deadline=None)
@given(
    beginning=st.sampled_from([b"", HEADER.encode() + b"\n", b"No\tName\tImages\r", b"\xff\xfe", b"\xef\xbb\xbf"]),
    rest=st.binary(max_size=200) | st.text(' ,;\t\r\n"aé', max_size=60).map(str.encode),
)
@example(beginning=b"", rest=b"\xff\xfe\x00\xd8")
def test_any_bytes_are_rows_or_refused(beginning: bytes, rest: bytes):
    data = beginning + rest
    try:
        inspection = inspect(BytesIO(data))
    except CatalogueRefusedError as refused:
        fault = refused.fault
        is_malformed = fault.code is FileCode.MALFORMED_CSV
        # pytest.raises would want a refusal each time.
        if (fault.line is not None) is not is_malformed or not isinstance(fault.code, FileCode):
            raise
        return

    rows = list(read_rows(BytesIO(data[inspection.chunk_offsets[0] :]), inspection.layout, 1))

    assert len(rows) == inspection.rows
    assert all(len(row.fields) == len(inspection.layout.header) for row in rows)
    assert all(url_faults(row, inspection.layout) is not None for row in rows)
