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
from tests.support.exports import EXPORTS, PICTURES
from tests.support.web import Answer, TestWeb


@pytest.fixture
def shop(web: TestWeb, picture: Answer) -> TestWeb:
    for number in PICTURES:
        web.route(f"/p/{number}.jpg", picture)
    return web


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.feed)
def test_an_export_ends_completed_and_comes_back_with_new_urls_alone(aws, caller, context, event, shop, export):
    csv = export.file(shop.url)
    reading = ReadingOptions(base_url=shop.url if export.has_paths else None)
    aws.store_job(csv, JobOptions(reading=reading, output=OutputMode.REPLACE))

    ingest.app.handler(event("ingest_upload"), context)
    answer = process.app.handler({"Records": handed_in(aws.bodies("PRODUCTS_QUEUE"))}, context)
    report.app.handler(event("report_execution"), context)

    job = caller.get(f"/jobs/{JOB_ID}")
    assert answer == {"batchItemFailures": []}
    assert (job["status"], job["images"], job["products"]["skipped"]) == (
        "COMPLETED",
        {"total": export.images, "completed": export.images, "failed": 0, "reused": 0},
        export.skipped,
    )
    replaced = aws.objects(CATALOGUE_BUCKET, "outputs/")[f"outputs/{TENANT}/{JOB_ID}/1.replace.csv"].decode()
    made = [
        (image["output_url"], image["input_url"])
        for product in caller.get(f"/jobs/{JOB_ID}/products", None)["products"]
        for image in product["images"]
    ]
    for output_url, input_url in made:
        replaced = replaced.replace(output_url, input_url)
    assert len(made) == export.images
    assert without(shop.url, replaced) == without(shop.url, csv.decode())
    assert job["csv"]["feed"] == export.feed


def without(origin: str, text: str) -> str:
    """Where paths were completed, what comes back has the host, too."""
    return text.replace(f"{origin}/", "").replace("/p/", "p/")


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
