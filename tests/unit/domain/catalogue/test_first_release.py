"""What release 0.1 has inspected and numbered is read by its rules (contract: a stack is updated in mid-job)."""

from io import BytesIO

import pytest

from imagemill.domain.catalogue.layout import FIRST_RULES, Layout
from imagemill.domain.catalogue.rows import Row, read_rows

#: As the release kept it.
STORED = {
    "encoding": "utf-8",
    "bom": False,
    "delimiter": ",",
    "header": ["No", "Name", "Images"],
    "serial": 0,
    "name": 1,
    "urls": 2,
}


def rows_of(data: bytes, **changes: object) -> list[Row]:
    return list(read_rows(BytesIO(data), Layout.from_dict({**STORED, **changes}), 1))


def test_a_layout_without_rules_has_the_first_ones():
    layout = Layout.from_dict(STORED)

    assert (layout.rules, layout.urls, layout.is_export) == (FIRST_RULES, (2,), False)


def test_rows_of_delimiters_and_the_end_of_file_of_dos_are_rows():
    rows = rows_of(b"1,A,http://x/1\n,,\n\n2,B,http://x/2\n\x1a")

    assert [row.number for row in rows] == [1, 2, 3, 4]
    assert [row.serial for row in rows] == ["1", "", "2", "\x1a"]


@pytest.mark.parametrize(
    ("field", "urls"),
    [
        ("http://x/1.jpg,2.jpg", ("http://x/1.jpg", "2.jpg")),
        ("http://x/1;b", ("http://x/1", "b")),
        ("http://x/1 http://x/2", ("http://x/1 http://x/2",)),
        ("http://x/w_1,h_2/1.jpg,http://x/?a=1,2", ("http://x/w_1,h_2/1.jpg", "http://x/?a=1,2")),
        ("http://x/?a=1&amp;b", ("http://x/?a=1&amp", "b")),
    ],
)
def test_urls_are_numbered_as_its_results_are(field: str, urls: tuple[str, ...]):
    [row] = rows_of(f'1,A,"{field}"\n'.encode())

    assert row.urls == urls


def test_nameless_columns_behind_the_urls_hold_urls():
    [row] = rows_of(b"1,A,http://x/1,,http://x/3\n", header=["No", "Name", "Images", "", ""])

    assert row.urls == ("http://x/1", "http://x/3")
