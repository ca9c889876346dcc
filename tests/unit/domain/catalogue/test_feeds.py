"""The exports of platforms (contract A1): recognised, read to the last image, and handed back for the platform."""

import csv
from io import BytesIO, StringIO

import pytest

from imagemill.domain.catalogue.feeds import FEEDS, Feed
from imagemill.domain.catalogue.inspection import inspect
from imagemill.domain.catalogue.layout import Inspection
from imagemill.domain.catalogue.output import OUTPUT_COLUMNS, OutputCsv, ReplacedCsv
from imagemill.domain.catalogue.reading_options import ReadingOptions
from imagemill.domain.catalogue.rows import Row, read_rows
from imagemill.domain.codes import ProductStatus

U = "https://cdn.example/"
BASE = "https://shop.example/media"

#: The beginning of each export, with a row that has images and one that has none.
EXPORTS = {
    "shopify": (
        Feed.SHOPIFY,
        f"Handle,Title,Image Src,Variant Image\nmug,Mug,{U}1.jpg,\nmug,,{U}2.jpg,{U}1.jpg\nmug,,,\n",
        2,
    ),
    "shopify-new": (
        Feed.SHOPIFY,
        f"Title,URL handle,Product image URL,Image position,Variant image URL\nMug,mug,{U}1.jpg,1,{U}2.jpg\n,mug,,,\n",
        2,
    ),
    "woocommerce": (
        Feed.WOOCOMMERCE,
        f'ID,Type,SKU,Name,Images\n44,simple,h,Hoodie,"{U}1.jpg, {U}2.jpg"\n45,variation,,Red,\n',
        2,
    ),
    "magento": (
        Feed.MAGENTO,
        'sku,name,base_image,small_image,additional_images\n1,Bag,/m/1.jpg,/m/1.jpg,"/m/2.jpg,/m/3.jpg"\n2,B,no_selection,,\n',
        3,
    ),
    "google": (
        Feed.GOOGLE,
        f"id\ttitle\timage link\tadditional image link\n1\tShoe\t{U}1.jpg\t{U}2.jpg,{U}3.jpg\n2\tBoot\t\t\n",
        3,
    ),
    "meta": (Feed.GOOGLE, f"id,title,image[0].url,image[1].url\n1,Shoe,{U}1.jpg,{U}2.jpg\n2,Boot,,\n", 2),
    "awin": (
        Feed.GOOGLE,
        f"aw_product_id,product_name,merchant_image_url,aw_image_url\n1,Shoe,{U}1.jpg,{U}p.jpg\n2,Boot,,\n",
        1,
    ),
    "etsy": (Feed.ETSY, f"TITLE,PRICE,IMAGE1,IMAGE2,IMAGE10,SKU\nRing,30,{U}1.jpg,,{U}2.jpg,R\nBand,5,,,,\n", 2),
    "wix": (Feed.WIX, "handleId,fieldType,name,productImageUrl\na,Product,Mug,1.jpg;2~mv2.jpg\na,Variant,,\n", 2),
    "wix-new": (Feed.WIX, f"handle,fieldType,name,media\na,PRODUCT,Mug,\na,MEDIA,,{U}1.jpg\n", 1),
    "prestashop": (
        Feed.PRESTASHOP,
        f'Product ID;Active (0/1);Name *;Image URLs (x,y,z...)\n1;1;Mug;"{U}1.jpg,{U}2.jpg"\n2;1;Cup;\n',
        2,
    ),
    "bigcommerce": (
        Feed.BIGCOMMERCE,
        "Product ID,Product Name,Product Image File - 1,Product Image File - 2\n1,Mug,a/1.jpg,b/2.jpg\n2,Cup,,\n",
        2,
    ),
    "bigcommerce-new": (
        Feed.BIGCOMMERCE,
        (
            "Item,ID,Name,SKU,Internal Image URL (Export),Image URL (Import)\n"
            "Product,1,Mug,m,,\n"
            f"Image,2,,,{U}1.jpg,{U}1.jpg\n"
        ),
        1,
    ),
    "squarespace": (
        Feed.SQUARESPACE,
        f'Product ID [Non Editable],Title,SKU,Hosted Image URLs\n1,Mug,m,"{U}1.jpg {U}2.jpg\n{U}3.jpg"\n,,n,\n',
        3,
    ),
    "amazon": (
        Feed.AMAZON,
        (
            f"TemplateType=fptcustom\tVersion=2021\t\t\nSeller SKU\tName\tMain\tOther\n"
            f"item_sku\titem_name\tmain_image_url\tother_image_url1\n1\tMug\t{U}1.jpg\t{U}2.jpg\n2\tCup\t\t\n"
        ),
        2,
    ),
    "amazon-new": (
        Feed.AMAZON,
        (
            "contribution_sku#1.value,item_name[language_tag=en]#1.value,"
            f"main_product_image_locator[marketplace_id=A]#1.media_location\n1,Mug,{U}1.jpg\n2,Cup,\n"
        ),
        1,
    ),
    "ebay": (
        Feed.EBAY,
        (
            f"#INFO,Version=0.0.2,,\n#INFO,,,\nAction(SiteID=US),Custom label (SKU),Title,Item photo URL\n"
            f"Add,1,Mug,{U}1.jpg|{U}2.jpg\nAdd,2,Cup,\n"
        ),
        2,
    ),
    "ebay-exchange": (Feed.EBAY, f"*Action,CustomLabel,*Title,PicURL\nAdd,1,Mug,{U}1.jpg|{U}2.jpg\nAdd,2,Cup,\n", 2),
    "opencart": (Feed.OPENCART, "product_id,name(en-gb),model,image_name\n1,Mug,m,catalog/1.jpg\n2,Cup,c,\n", 1),
}


def read(data: bytes, reading: ReadingOptions | None = None) -> tuple[Inspection, list[Row]]:
    inspection = inspect(BytesIO(data), reading)
    return inspection, list(read_rows(BytesIO(data[inspection.chunk_offsets[0] :]), inspection.layout, 1))


def cells(data: bytes, delimiter: str) -> list[list[str]]:
    return list(csv.reader(StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter))


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_is_recognised_and_every_image_of_it_found(name: str):
    feed, text, images = EXPORTS[name]

    inspection, rows = read(text.encode(), ReadingOptions(base_url=BASE))

    assert inspection.layout.feed == feed
    assert len({url for row in rows for url in row.urls}) == images
    assert all(url.startswith("https://") for row in rows for url in row.urls)
    assert any(row.is_skipped for row in rows)
    assert not any(row.faults for row in rows)
    assert all(row.serial and row.name for row in rows)


@pytest.mark.parametrize("name", EXPORTS)
def test_the_feed_that_is_named_is_the_one_that_is_found(name: str):
    feed, text, _ = EXPORTS[name]

    found = inspect(BytesIO(text.encode()))

    assert inspect(BytesIO(text.encode()), ReadingOptions(feed=feed)) == found


@pytest.mark.parametrize("name", EXPORTS)
def test_the_file_to_import_again_differs_in_urls_alone(name: str):
    _, text, _ = EXPORTS[name]
    inspection, rows = read(text.encode(), ReadingOptions(base_url=BASE))
    output = ReplacedCsv(inspection.layout)
    made = {
        url: f"https://images.example/{number}.jpg" for number, url in enumerate({u for row in rows for u in row.urls})
    }

    kept = output.header + b"".join(output.row(row, {}) for row in rows)
    replaced = output.header + b"".join(output.row(row, made) for row in rows)

    delimiter = inspection.layout.delimiter
    assert cells(kept, delimiter) == cells(text.encode(), delimiter)
    changed = {
        column
        for before, after in zip(cells(kept, delimiter), cells(replaced, delimiter), strict=True)
        for column, (old, new) in enumerate(zip(before, after, strict=True))
        if old != new
    }
    assert changed <= set(inspection.layout.urls)
    again, rows_again = read(replaced, ReadingOptions(base_url=BASE))
    assert again.layout.feed == inspection.layout.feed
    assert [row.urls for row in rows_again] == [tuple(dict.fromkeys(made[url] for url in row.urls)) for row in rows]


@pytest.mark.parametrize("name", EXPORTS)
def test_an_output_handed_in_again_gets_no_second_set_of_columns(name: str):
    _, text, _ = EXPORTS[name]
    data = text.encode()

    for _ in range(3):
        inspection, rows = read(data, ReadingOptions(base_url=BASE))
        output = OutputCsv(inspection.layout)
        data = output.header + b"".join(
            output.row(row, [None] * len(row.urls), ProductStatus.FAILED, [(1, "TIMEOUT")]) for row in rows
        )

    header = cells(data, inspection.layout.delimiter)[0]
    assert [header.count(column) for column in OUTPUT_COLUMNS] == [1, 1, 1]


def test_every_platform_has_an_example_here():
    assert {feed for feed, _, _ in EXPORTS.values()} == {row.feed for row in FEEDS}
    assert {row.feed for row in FEEDS} == set(Feed) - {Feed.AUTO, Feed.STANDARD}


def test_rows_of_an_export_take_what_they_lack_from_where_the_contract_says():
    text = f"Handle,Title,Image Src\nmug,Mug,{U}1\nmug,,{U}2\ncup,,{U}3\n,,{U}4\n{'x' * 200},Long,{U}5\nmug,,{U}6\n"

    _, rows = read(text.encode())

    assert [(row.serial, row.name) for row in rows] == [
        ("mug", "Mug"),
        ("mug", "Mug"),
        ("cup", "cup"),
        ("4", "4"),
        ("x" * 128, "Long"),
        ("mug", "Mug"),
    ]


def test_a_chunk_that_begins_within_a_product_knows_where_it_is_named():
    text = f"Handle,Title,Image Src\nmug,Mug,{U}1\nmug,,{U}2\nmug,,{U}3\nmug,,{U}4\ncup,Cup,{U}5\n".encode()

    inspection = inspect(BytesIO(text), chunk_rows=2)

    assert [text[offset:][:7] for offset in inspection.name_offsets] == [b"Handle,", b"mug,Mug", b"Handle,"]
    assert inspect(BytesIO(text[:60]), chunk_rows=2).name_offsets == ()


def test_standard_headers_go_before_those_of_a_platform():
    inspection, (row,) = read(f"No,ID,SKU,Name,Type,Images\n7,8,9,Mug,x,{U}1\n".encode())

    assert (inspection.layout.feed, row.serial) == ("standard", "7")
