"""Encodings that are named, and files that are damaged (contract A1)."""

import codecs
from io import BytesIO

import pytest

from imagemill.domain.catalogue.encodings import ENCODING_NAMES, Encoding, encoding_of
from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.catalogue.layout import Layout
from imagemill.domain.catalogue.reading_options import ReadingOptions
from imagemill.domain.catalogue.rows import Row, read_rows

HEADER = "No,Name,Images"


def read(data: bytes, encoding: Encoding | None = None) -> tuple[Layout, list[Row]]:
    inspection = inspect(BytesIO(data), ReadingOptions(encoding=encoding), chunk_rows=1)
    whole = list(read_rows(BytesIO(data[inspection.chunk_offsets[0] :]), inspection.layout, 1))
    for offset, row in zip(inspection.chunk_offsets, whole, strict=True):
        assert next(read_rows(BytesIO(data[offset:]), inspection.layout, row.number)) == row
    return inspection.layout, whole


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("GBK", "红色衬衫"),
        ("gb18030", "㐀 衬衫"),
        ("big5", "紅色襯衫"),
        ("Shift_JIS", "ソ表十シャツ"),
        ("euc-jp", "シャツ"),
        ("euc-kr", "셔츠 똠"),
        ("windows-1251", "Рубашка"),
        ("koi8-r", "Рубашка"),
        ("iso-8859-2", "Košile"),
        ("latin1", "Chemise €"),
        ("utf-16le", "Größe"),
        ("utf-16be", "Größe"),
        ("macintosh", "Größe"),
    ],
)
def test_a_file_is_read_in_the_encoding_that_is_named(label: str, name: str):
    encoding = encoding_of(label)
    assert encoding

    layout, rows = read(f'{HEADER}\n1,"{name}, ""x""",http://x/1\n2,{name},http://x/2\n'.encode(encoding), encoding)

    assert [row.name for row in rows] == [f'{name}, "x"', name]
    assert layout.described()["encoding"] == encoding.label
    assert not any(row.faults for row in rows)


def test_a_byte_order_mark_says_it_better_than_an_option():
    assert read(f"{HEADER}\n1,é,http://x/1\n".encode("utf-8-sig"), Encoding.WINDOWS_1252)[1][0].name == "é"


def test_every_encoding_has_a_codec_and_a_name_of_its_own():
    assert len(set(ENCODING_NAMES)) == len(Encoding)
    for encoding in Encoding:
        assert codecs.lookup(encoding)
        assert encoding_of(encoding.label.upper()) is encoding
    assert encoding_of("iso-2022-jp") is None


@pytest.mark.parametrize("bad", [b"\xc3", b"\xff", b"\xe2\x82", b"\xed\xa0\x80", b"\x80"])
@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_damaged_rows_of_a_utf_8_file_fail_alone_and_all_else_is_untouched(bad: bytes, mark: bytes):
    good = "Café “Ø 8” €"
    lines = [f"1,{good},http://x/é.jpg".encode(), b"2,Caf" + bad + b",http://x/2", f"3,{good},http://x/3".encode()]

    layout, rows = read(mark + HEADER.encode() + b"\n" + b"\n".join(lines) + b"\n")

    assert layout.encoding is Encoding.UTF_8
    assert [[fault.code.value for fault in row.faults] for row in rows] == [[], ["INVALID_ENCODING"], []]
    assert rows[1].faults[0].column == "Name"
    assert rows[1].name == b"Caf".decode() + bad.decode(errors="replace")
    assert [row.name for row in rows if not row.faults] == [good, good]
    assert rows[0].urls == ("http://x/é.jpg",)


def test_a_damaged_character_may_lie_between_two_blocks():
    data = f"{HEADER}\n".encode() + "1,éé,http://x/1\n".encode() * 20_000 + b"2,\xc3,http://x/2\n"

    layout, rows = read_few(data)

    assert layout.encoding is Encoding.UTF_8
    assert [fault.code.value for fault in rows[-1].faults] == ["INVALID_ENCODING"]


def read_few(data: bytes) -> tuple[Layout, list[Row]]:
    inspection = inspect(BytesIO(data))
    return inspection.layout, list(read_rows(BytesIO(data[inspection.chunk_offsets[-1] :]), inspection.layout, 1))


def test_a_file_that_is_windows_1252_stays_so():
    layout, rows = read(f"{HEADER}\n1,Käse „Spaß“ 5€,http://x/1\n2,Öl,http://x/2\n".encode("cp1252"))

    assert layout.encoding is Encoding.WINDOWS_1252
    assert [row.name for row in rows] == ["Käse „Spaß“ 5€", "Öl"]


def test_damage_in_an_encoding_that_is_named_is_the_rows_own():
    data = f"{HEADER}\n1,红,http://x/1\n".encode("gb18030") + b"2,\xff,http://x/2\n"

    _, rows = read(data, Encoding.GB18030)

    assert [(row.name, len(row.faults)) for row in rows] == [("红", 0), ("\ufffd", 1)]


@pytest.mark.parametrize("end", ["\x1a", "\n\x1a", "\n\x1a\x1a\x1a", "\r\n\x1a\r\n", "\n\n\x1a"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_the_end_of_file_of_dos_is_no_row_and_part_of_none(end: str, encoding: str):
    _, rows = read(f"{HEADER}\n1,é,http://x/1{end}".encode(encoding))

    assert [row.fields for row in rows] == [("1", "é", "http://x/1")]
