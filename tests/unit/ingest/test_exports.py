"""Exports from their ingest to the file that is imported again, through the functions' own handlers and real HTTP."""

from typing import Any

import pytest

import ingest.app
import process.app
import report.app
from imagemill.adapters.aws import clients
from imagemill.domain.catalogue.reading_options import ReadingOptions
from imagemill.domain.options import JobOptions, OutputMode
from tests.support.account import CATALOGUE_BUCKET, ENVIRONMENT, JOB_ID, TENANT
from tests.support.web import Answer, TestWeb

SHOPIFY = "Handle,Title,Image Src,Variant Image\r\nmug,Mug,@/1.jpg,@/1.jpg\r\nmug,,@/2.jpg,@/1.jpg\r\nmug,,,\r\n"
WOOCOMMERCE = 'ID,Type,SKU,Name,Images\r\n44,variable,h,Hoodie,"@/1.jpg, @/2.jpg"\r\n45,variation,,Red,\r\n'
MAGENTO = 'sku,name,base_image,thumbnail_image,additional_images\r\n1,Bag,/1.jpg,/1.jpg,"/2.jpg,/3.jpg"\r\n2,B,,,\r\n'
GOOGLE = "id\ttitle\timage link\tadditional image link\r\n1\tShoe\t@/1.jpg\t@/2.jpg,@/3.jpg\r\n"
ETSY = f'TITLE,PRICE,IMAGE1,IMAGE2,SKU\r\nRing,30,@/1.jpg,@/2.jpg,"{",".join(["RING-0001"] * 40)}"\r\n'


@pytest.fixture
def shop(web: TestWeb, picture: Answer) -> TestWeb:
    for number in (1, 2, 3):
        web.route(f"/{number}.jpg", picture)
    return web


@pytest.mark.parametrize(
    "case",
    [(SHOPIFY, 3, 1), (WOOCOMMERCE, 2, 1), (MAGENTO, 3, 1), (GOOGLE, 3, 0), (ETSY, 2, 0)],
    ids=["shopify", "woocommerce", "magento", "google", "etsy"],
)
def test_an_export_ends_completed_and_comes_back_with_new_urls_alone(aws, caller, context, event, shop, case):
    export, images, skipped = case
    csv = export.replace("@", shop.url)
    aws.store_job(csv.encode(), JobOptions(reading=ReadingOptions(base_url=shop.url), output=OutputMode.REPLACE))

    ingest.app.handler(event("ingest_upload"), context)
    answer = process.app.handler({"Records": handed_in(aws.bodies("PRODUCTS_QUEUE"))}, context)
    report.app.handler(event("report_execution"), context)

    job = caller.get(f"/jobs/{JOB_ID}")
    assert answer == {"batchItemFailures": []}
    assert (job["status"], job["images"], job["products"]["skipped"]) == (
        "COMPLETED",
        {"total": images, "completed": images, "failed": 0, "reused": 0},
        skipped,
    )
    replaced = aws.objects(CATALOGUE_BUCKET, "outputs/")[f"outputs/{TENANT}/{JOB_ID}/1.replace.csv"].decode()
    made = [
        (image["output_url"], image["input_url"])
        for product in caller.get(f"/jobs/{JOB_ID}/products", None)["products"]
        for image in product["images"]
    ]
    for output_url, input_url in made:
        replaced = replaced.replace(output_url, input_url)
    assert len(made) == images
    assert replaced.replace(shop.url, "") == csv.replace(shop.url, "")


def handed_in(bodies: list[str]) -> list[dict[str, Any]]:
    """Records of a batch, as Lambda hands them in."""
    queue = ENVIRONMENT["PRODUCTS_QUEUE"]
    records: list[dict[str, Any]] = []
    for body in bodies:
        clients.sqs().send_message(QueueUrl=queue, MessageBody=body)
        [message] = clients.sqs().receive_message(QueueUrl=queue, VisibilityTimeout=1800)["Messages"]
        records.append(
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
            }
        )
    return records
