"""Which column is which (contract A1)."""

import pytest

from imagemill.domain.catalogue.rows import Row
from tests.support.catalogue_rows import read_all, row_of


@pytest.mark.parametrize(
    "serial", ["S. No.", "S.No", "Serial Number", "Sr No", "No", "s_no", "SERIAL  NUMBER", "s.\u00a0no", "\ufeffNo"]
)
@pytest.mark.parametrize("name", ["Product Name", "Product", "Name", "product_name", "PRODUCT.NAME "])
@pytest.mark.parametrize("urls", ["Input Image Urls", "Input Image URL", "Image Urls", "Images", "image_urls"])
def test_columns_are_found_by_any_accepted_header_in_any_order(serial: str, name: str, urls: str):
    row = row_of("http://x/1,7,extra,Chair", header=f"{urls},{serial},Price,{name}")

    assert (row.serial, row.name, row.urls) == ("7", "Chair", ("http://x/1",))


def test_the_header_named_first_by_the_contract_is_preferred_for_serial_and_name():
    row = row_of("n,p,Chair,9,7,http://x/1", "Name,Product,Product Name,No,S.No,Images")

    assert (row.serial, row.name) == ("7", "Chair")


def test_all_columns_that_may_be_the_urls_are_in_their_order():
    row = row_of('1,Chair,http://x/1,z,"http://x/3,http://x/1",http://x/4', "No,Name,Images,Price,Image Urls,images")

    assert row.urls == ("http://x/1", "http://x/3", "http://x/4")


def test_the_first_of_two_equal_headers_is_taken():
    assert row_of("1,Chair,Table,http://x/1", "No,Name,Name,Images").name == "Chair"


def test_headers_and_fields_stay_as_they_are_in_the_file():
    inspection, (row,) = read_all(b" s_no ,NAME,Images\n 1 , A ,http://x/1 \n")

    assert inspection.layout.header == (" s_no ", "NAME", "Images")
    assert row == Row(1, (" 1 ", " A ", "http://x/1 "), "1", "A", ("http://x/1",), ())
