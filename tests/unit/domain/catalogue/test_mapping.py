"""Columns that the options name (contract A1, way 1), and what is said when they do not fit."""

from io import BytesIO

import pytest

from imagemill.domain.catalogue.feeds import Feed
from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.catalogue.reading_options import ReadingOptions
from imagemill.domain.catalogue.rows import read_rows
from imagemill.domain.codes import FileCode
from imagemill.errors import CatalogueRefusedError

HEADER = "Artikel;Titel;IMAGE2;IMAGE1;IMAGE;Fotos (x,y);Name *;2_photo"


def urls_of(option: str, header: str = HEADER) -> list[str]:
    reading = ReadingOptions(serial_column="Artikel", name_column="Titel", urls_column=option)
    layout = inspect(BytesIO(f"{header}\n1;A;;;;;;\n".encode()), reading).layout
    assert layout.feed == "mapped"
    return [layout.header[index] for index in layout.urls]


@pytest.mark.parametrize(
    ("option", "found"),
    [
        ("IMAGE", ["IMAGE"]),
        ("IMAGE*", ["IMAGE2", "IMAGE1"]),
        ("image1, Image2", ["IMAGE2", "IMAGE1"]),
        ("Fotos (x,y)", ["Fotos (x,y)"]),
        ("IMAGE,Fotos (x,y),IMAGE*", ["IMAGE2", "IMAGE1", "IMAGE", "Fotos (x,y)"]),
        ("Name *", ["Name *"]),
        ("*photo", ["2_photo"]),
    ],
)
def test_columns_of_urls_are_named_as_they_stand_in_the_file(option: str, found: list[str]):
    assert urls_of(option) == found


def test_two_columns_of_one_name_are_both_meant():
    assert urls_of("IMAGE", "Artikel;Titel;IMAGE;x;IMAGE") == ["IMAGE", "IMAGE"]


@pytest.mark.parametrize(
    ("reading", "option"),
    [
        (ReadingOptions(urls_column="Photo"), "urls_column"),
        (ReadingOptions(urls_column="IMAGE,Photo"), "urls_column"),
        (ReadingOptions(urls_column="IMAGE,IMAGE"), "urls_column"),
        (ReadingOptions(serial_column="Nummer", urls_column="IMAGE"), "serial_column"),
        (ReadingOptions(serial_column="Artikel", name_column="Artikel", urls_column="IMAGE"), "serial_column"),
    ],
)
def test_a_name_that_fits_no_column_or_one_twice_is_refused_with_the_headers(reading: ReadingOptions, option: str):
    with pytest.raises(CatalogueRefusedError) as refused:
        inspect(BytesIO(f"{HEADER}\n1;A;;;;;;\n".encode()), reading)

    fault = refused.value.fault
    assert fault.code is FileCode.INVALID_OPTION
    assert option in fault.message
    assert ", ".join(HEADER.split(";")) in fault.message


def test_what_is_not_named_is_found_by_its_standard_header():
    reading = ReadingOptions(urls_column="Foto")
    data = b"No,Name,Foto\n1,A,http://x/1\n,,\n2,,\n"

    inspection = inspect(BytesIO(data), reading)
    rows = list(read_rows(BytesIO(data[inspection.chunk_offsets[0] :]), inspection.layout, 1))

    assert [(row.serial, row.name, row.is_skipped) for row in rows] == [("1", "A", False), ("2", "2", True)]


def test_a_feed_that_is_named_and_does_not_fit_says_what_it_lacks():
    with pytest.raises(CatalogueRefusedError) as refused:
        inspect(BytesIO(b"Handle,Image Src\na,http://x/1\n"), ReadingOptions(feed=Feed.SHOPIFY))

    assert refused.value.fault.code is FileCode.MISSING_COLUMNS
    assert "Missing: Title." in refused.value.fault.message


def test_feed_standard_takes_no_export():
    with pytest.raises(CatalogueRefusedError):
        inspect(BytesIO(b"Handle,Title,Image Src\na,A,http://x/1\n"), ReadingOptions(feed=Feed.STANDARD))
