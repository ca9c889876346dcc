"""Product exports that are recognised by their headers: one table, and where each row of it is from.

`<n>` in a header stands for a number, `<any>` for any text. Headers are compared as in `columns.py`: case, spaces,
dots and underscores do not count. `docs/reference/csv.md` shows the table; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Feed(StrEnum):
    AUTO = "auto"
    STANDARD = "standard"
    SHOPIFY = "shopify"
    WOOCOMMERCE = "woocommerce"
    MAGENTO = "magento"
    GOOGLE = "google"
    ETSY = "etsy"
    WIX = "wix"
    PRESTASHOP = "prestashop"
    BIGCOMMERCE = "bigcommerce"
    SQUARESPACE = "squarespace"
    AMAZON = "amazon"
    EBAY = "ebay"
    OPENCART = "opencart"


#: What a job says of a file whose columns its options name.
MAPPED = "mapped"


@dataclass(frozen=True, slots=True)
class FeedColumns:
    """One export of a platform.

    serial, name: headers by preference, the first that a file has. urls: every header that a file has of these.
    marks: further headers that tell the export from others when `feed=auto`; all must be there.
    path_separators: characters that separate paths without a host; full URLs separate by themselves.
    no_image: what stands where there is no image.
    source: public documentation, or a public program that writes or reads this export.
    """

    feed: Feed
    serial: tuple[str, ...]
    name: tuple[str, ...]
    urls: tuple[str, ...]
    source: str
    marks: tuple[str, ...] = ()
    path_separators: str = ""
    no_image: frozenset[str] = frozenset()


#: For `feed=auto` in this order: first those whose headers nobody else has.
FEEDS = (
    FeedColumns(
        Feed.SHOPIFY,
        ("Handle", "URL handle"),
        ("Title",),
        ("Image Src", "Product image URL", "Image source", "Variant Image", "Variant image URL"),
        "https://striveformats.com/guides/shopify/shopify-product-csv-template-explained; those with 'URL handle' from "
        "public exporters' source",
    ),
    FeedColumns(
        Feed.ETSY,
        ("SKU",),
        ("TITLE",),
        ("IMAGE<n>",),
        "public importers' source (TITLE, DESCRIPTION, PRICE, CURRENCY_CODE, QUANTITY, TAGS, SKU, IMAGE1, IMAGE2 …)",
        marks=("IMAGE1",),
    ),
    FeedColumns(
        Feed.MAGENTO,
        ("sku",),
        ("name",),
        ("base_image", "small_image", "thumbnail_image", "swatch_image", "additional_images"),
        "https://docs.magento.com/m2/ce/user_guide/system/data-attributes-product.html",
        marks=("base_image",),
        path_separators=",",
        no_image=frozenset({"no_selection"}),
    ),
    FeedColumns(
        Feed.AMAZON,
        ("item_sku", "sku"),
        ("item_name",),
        ("main_image_url", "other_image_url<n>", "swatch_image_url"),
        "https://www.gregorygascon.com/blog/2016/10/29/amazon-flat-file-item-attribute-guide; "
        "http://naeemrajani.com/?p=1240",
        marks=("main_image_url",),
    ),
    FeedColumns(
        Feed.AMAZON,
        ("contribution_sku<any>",),
        ("item_name<any>",),
        (
            "main_product_image_locator<any>",
            "other_product_image_locator<any>",
            "swatch_product_image_locator<any>",
        ),
        "public importers' source (main_product_image_locator[marketplace_id=…]#1.media_location)",
    ),
    FeedColumns(
        Feed.AMAZON,
        ("seller-sku",),
        ("item-name",),
        ("image-url",),
        "public importers' source (report GET_MERCHANT_LISTINGS_ALL_DATA: item-name, …, seller-sku, …, image-url)",
    ),
    FeedColumns(
        Feed.GOOGLE,
        ("id", "g:id"),
        ("title", "g:title"),
        (
            "image link",
            "g:image_link",
            "additional image link",
            "additional image link<n>",
            "g:additional_image_link",
            "lifestyle image link",
            "image[<n>].url",
        ),
        "https://support.google.com/merchants/answer/7052112; Meta's catalogue has the same columns, and image[0].url",
    ),
    FeedColumns(
        Feed.GOOGLE,
        ("merchant_product_id", "aw_product_id", "product_id"),
        ("product_name",),
        (
            "merchant_image_url",
            "image_url",
            "large_image",
            "alternate_image",
            "alternate_image_two",
            "alternate_image_three",
            "alternate_image_four",
        ),
        "https://help.awin.com/developers/docs/hosting-feeds (Awin)",
    ),
    FeedColumns(
        Feed.GOOGLE,
        ("merchant_product_id", "aw_product_id"),
        ("product_name",),
        ("aw_image_url",),
        "https://help.awin.com/developers/docs/hosting-feeds (Awin, without the shop's own addresses)",
    ),
    FeedColumns(
        Feed.WIX,
        ("handleId",),
        ("name",),
        ("productImageUrl",),
        "https://wixsync.com/blog/wix-csv-import-format/ (handleId, fieldType, name, productImageUrl)",
        path_separators=";",
    ),
    FeedColumns(
        Feed.WIX,
        ("handle",),
        ("name",),
        ("media",),
        "https://sheetimagedownloader.com/wix-stores-media-url-csv-import-prep (handle, fieldType, media)",
        marks=("fieldType",),
        path_separators=";",
    ),
    FeedColumns(
        Feed.BIGCOMMERCE,
        ("Product ID", "Product Code/SKU"),
        ("Product Name",),
        ("Product Image URL - <n>",),
        "https://support.bigcommerce.com/articles/Public/Importing-Exporting-Products (template with image URLs)",
    ),
    FeedColumns(
        Feed.BIGCOMMERCE,
        ("Product ID", "Product Code/SKU"),
        ("Product Name",),
        ("Product Image File - <n>",),
        "https://support.bigcommerce.com/articles/Public/Importing-Exporting-Products (bulk edit template)",
    ),
    FeedColumns(
        Feed.BIGCOMMERCE,
        ("ID", "SKU"),
        ("Name",),
        ("Variant Image URL", "Internal Image URL (Export)", "Image URL (Import)"),
        "https://support.bigcommerce.com/articles/en_US/Knowledge/Supported-Product-Fields",
    ),
    FeedColumns(
        Feed.SQUARESPACE,
        ("Product ID [Non Editable]", "SKU"),
        ("Title",),
        ("Hosted Image URLs",),
        "https://support.squarespace.com/hc/en-us/articles/115000378108",
    ),
    FeedColumns(
        Feed.EBAY,
        ("Custom label (SKU)", "CustomLabel", "*CustomLabel", "Item number"),
        ("Title", "*Title"),
        ("Item photo URL", "PicURL", "*PicURL"),
        "https://docslib.org/doc/5625165/file-exchange-basic-template-instructions-copyright-statement; "
        "'Item photo URL' of Seller Hub's templates from public exporters' source",
    ),
    FeedColumns(
        Feed.PRESTASHOP,
        ("Product ID", "ID", "Reference #", "Reference"),
        ("Name *", "Name"),
        ("Image URLs (x,y,z...)", "Image URLs", "Images URL"),
        "https://github.com/PrestaShop/PrestaShop (controllers/admin/AdminImportController.php)",
        path_separators=",",
    ),
    FeedColumns(
        Feed.PRESTASHOP,
        ("Product ID", "Reference"),
        ("Name",),
        ("Image",),
        "https://docs.prestashop-project.org (export of the product list in the back office)",
        marks=("Product ID", "Reference"),
        path_separators=",",
    ),
    FeedColumns(
        Feed.OPENCART,
        ("product_id",),
        ("name", "name(<any>)"),
        ("image_name", "image", "additional_image<n>", "additional_images"),
        "public exporters' source (Export/Import Tool: product_id, name(en-gb), …, model, …, image_name)",
        marks=("model",),
        path_separators=",;|",
    ),
    FeedColumns(
        Feed.OPENCART,
        ("_ID_", "_MODEL_", "_SKU_"),
        ("_NAME_",),
        ("_IMAGE_", "_IMAGES_"),
        "http://ocmod.costaslabs.com/en/csv-price-pro-import-export/csv-field-description (CSV Price Pro)",
        marks=("_MODEL_",),
        path_separators=",;|",
    ),
    FeedColumns(
        Feed.WOOCOMMERCE,
        ("ID", "SKU"),
        ("Name",),
        ("Images",),
        "https://github.com/woocommerce/woocommerce/wiki/Product-CSV-Import-Schema",
        path_separators=",",
    ),
)
