"""Small product exports of invented shops, one of each platform, with what each is to end as."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO

#: Pictures that an origin has to serve, as `/p/<number>.jpg`.
PICTURES = range(1, 7)


def at(base: str, *numbers: int, separator: str = ",") -> str:
    return separator.join(f"{base}/p/{number}.jpg" for number in numbers)


@dataclass(frozen=True, slots=True)
class Export:
    """text: with CRLF, `@` stands for the origin. images: to be made; a row's URL counts once, however often it is
    there. has_paths: whether its URLs have no host, so that `base_url` has to be said. skipped: rows without an image.
    """

    feed: str
    text: str
    images: int
    skipped: int = 0
    has_paths: bool = False

    def file(self, origin: str) -> bytes:
        return self.text.replace("@", origin).encode()


def _export(
    feed: str,
    rows: Sequence[Mapping[str, object]],
    images: int,
    *,
    skipped: int = 0,
    delimiter: str = ",",
    before: str = "",
    also: Sequence[str] = (),
) -> Export:
    """before: lines that the platform writes first. also: columns that are there, and empty."""
    columns = [*dict.fromkeys(name for row in rows for name in row), *also]
    text = StringIO(newline="")
    text.write(before)
    writer = csv.DictWriter(text, columns, delimiter=delimiter, restval="", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return Export(feed, text.getvalue(), images, skipped, has_paths="@" not in text.getvalue())


EXPORTS = (
    # A row for each image or variant; the first of a product has its name, and some have no image.
    _export(
        "shopify",
        [
            {"Handle": "jug", "Title": "Jug, large", "Body (HTML)": "<p>Two\r\nlines</p>", "Image Src": at("@", 1)},
            {"Handle": "jug", "Image Src": at("@", 2), "Variant Image": at("@", 1)},
            {"Handle": "jug", "Image Src": at("@", 2), "Variant Image": at("@", 2)},
            {"Handle": "jug"},
            {"Handle": "bowl", "Title": "Bowl “Ø 20”", "Image Src": at("@", 3)},
        ],
        images=5,
        skipped=1,
    ),
    # `, ` between images; a variation has none of its own.
    _export(
        "woocommerce",
        [
            {"ID": 7, "Type": "variable", "Name": "Scarf", "Images": at("@", 1, 2, 3, separator=", ")},
            {"ID": 8, "Type": "variation", "Name": "Scarf - Red", "Images": at("@", 4), "Parent": "scarf"},
            {"ID": 9, "Type": "variation", "Name": "Scarf - Blue", "Parent": "scarf"},
        ],
        images=4,
        skipped=1,
    ),
    # Paths, the same one in several columns, and a word where there is no image.
    _export(
        "magento",
        [
            {
                "sku": "B-1",
                "name": "Bag",
                "base_image": "/p/1.jpg",
                "small_image": "/p/1.jpg",
                "thumbnail_image": "no_selection",
                "additional_images": "/p/2.jpg,/p/3.jpg",
            },
            {"sku": "B-2", "name": "Belt", "base_image": "/p/4.jpg"},
        ],
        images=4,
    ),
    _export(
        "google",
        [
            {"id": "S1", "title": "Shoe", "image link": at("@", 1), "additional image link": at("@", 2, 3)},
            {"id": "S2", "title": "Boot", "image link": at("@", 4)},
        ],
        images=4,
        delimiter="\t",
        also=("price", "availability"),
    ),
    # SKU is a list, too long for a serial.
    _export(
        "etsy",
        [
            {
                "TITLE": "Ring",
                "IMAGE1": at("@", 1),
                "IMAGE2": at("@", 2),
                "IMAGE10": at("@", 3),
                "SKU": "RING-01," * 40,
            },
            {"TITLE": "Pin", "IMAGE1": at("@", 4), "SKU": ""},
        ],
        images=4,
        also=("VARIATION 1 TYPE",),
    ),
    # Names of files, `;` between them; variants have none.
    _export(
        "wix",
        [
            {"handleId": "w1", "fieldType": "Product", "name": "Lamp", "productImageUrl": "p/1.jpg;p/2.jpg"},
            {"handleId": "w1", "fieldType": "Variant"},
            {"handleId": "w2", "fieldType": "Product", "name": "Shade", "productImageUrl": "p/3.jpg"},
        ],
        images=3,
        skipped=1,
    ),
    # Excel's line that names the delimiter, as modules for it write.
    _export(
        "prestashop",
        [
            {"Product ID": 1, "Name *": "Vase", "Image URLs (x,y,z...)": at("@", 1, 2)},
            {"Product ID": 2, "Name *": "Pot", "Image URLs (x,y,z...)": at("@", 3)},
        ],
        images=3,
        delimiter=";",
        before="sep=;\r\n",
    ),
    _export(
        "bigcommerce",
        [
            {
                "Product ID": 5,
                "Product Name": "Rug",
                "Product Image URL - 1": at("@", 1),
                "Product Image URL - 2": at("@", 2),
            }
        ],
        images=2,
    ),
    # White space between images.
    _export(
        "squarespace",
        [{"SKU": "SQ1", "Title": "Print", "Hosted Image URLs": at("@", 1, 2, separator=" ")}, {"SKU": "SQ1-A4"}],
        images=2,
        skipped=1,
    ),
    _export(
        "amazon",
        [{"item_sku": "A1", "item_name": "Kettle", "main_image_url": at("@", 1), "other_image_url1": at("@", 2)}],
        images=2,
        before="TemplateType=home,Version=2026,\r\nSKU,Name,Main image,Other image\r\n",
    ),
    _export(
        "ebay",
        [{"*CustomLabel": "E1", "*Title": "Clock", "PicURL": at("@", 1, 2, separator="|")}],
        images=2,
        before="Info,Version=1.0.0,Template=fx_category\r\n",
    ),
    _export(
        "opencart",
        [
            {"product_id": 3, "name(en-gb)": "Fan", "model": "F3", "image_name": at("@", 1)},
            {"product_id": 4, "name(en-gb)": "Fan, small", "model": "F4"},
        ],
        images=1,
        skipped=1,
    ),
)
