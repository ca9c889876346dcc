"""Rows of an export that have no image: they end at once, are counted, and nobody takes them up again."""

import json

import pytest

import ingest.app
import report.app
from api.products import products_page
from imagemill.adapters.aws import clients
from imagemill.adapters.store.jobs import get_job
from imagemill.adapters.store.layouts import get_layout
from imagemill.domain.codes import ImageStatus, JobStatus, ProductStatus
from imagemill.domain.ingest_messages import RedriveRun, to_json
from imagemill.domain.job import Job, ProductCounts, final_status
from imagemill.domain.options import JobOptions, OutputMode
from imagemill.domain.product import ImageResult, settled
from tests.support.account import CATALOGUE_BUCKET, JOB_ID, TENANT, a_job
from tests.support.results import put_result

EXPORT = b"Handle,Title,Image Src\r\nmug,Mug,https://a/1.jpg\r\nmug,,\r\nmug,,https://a/2.jpg\r\n"
BARE = b"Handle,Title,Image Src\r\nmug,Mug,\r\ncup,Cup,\r\n"


def job_of() -> Job:
    job = get_job(JOB_ID)
    assert job
    return job


def done(position: int) -> ImageResult:
    return ImageResult(
        position, ImageStatus.COMPLETED, key=f"images/00/{position}.jpg", input_bytes=9, output_bytes=5, kept=False
    )


def test_a_row_without_an_image_is_skipped_and_no_message_is_sent(aws, context, event):
    aws.store_job(EXPORT)

    ingest.app.handler(event("ingest_upload"), context)

    assert aws.rows_sent() == [1, 3]
    results = {item["row"]: item["status"] for item in aws.items() if item["sk"].startswith("RESULT#")}
    assert results == {2: "SKIPPED"}
    [ledger] = [item for item in aws.items() if item["sk"].startswith("LEDGER#")]
    assert ledger["skipped"] == {2}


def test_a_job_of_skipped_rows_alone_ends_by_its_ingest(aws, context, event):
    aws.store_job(BARE)

    ingest.app.handler(event("ingest_upload"), context)
    report.app.handler(event("report_execution"), context)

    assert aws.reports() == [f"{JOB_ID}-1"]
    assert (job_of().status, job_of().counts) == (JobStatus.COMPLETED, ProductCounts(skipped=2))


def test_skipped_rows_neither_fail_a_job_nor_are_retried(aws, caller, context, event):
    aws.start_job(EXPORT)
    ingest.app.handler(event("ingest_upload"), context)
    put_result(JOB_ID, 1, settled(1, 1, [done(1)]))
    put_result(JOB_ID, 1, settled(3, 1, [done(1)]))

    report.app.handler(event("report_execution"), context)

    assert (job_of().status, job_of().counts) == (JobStatus.COMPLETED, ProductCounts(completed=2, skipped=1))
    assert caller.problem(caller.send(event("api_post_retry"))) == (409, "NOTHING_TO_RETRY")
    output = aws.objects(CATALOGUE_BUCKET, "outputs/")[f"outputs/{TENANT}/{JOB_ID}/1.csv"].decode()
    assert output.splitlines()[2] == "mug,,,,SKIPPED,"
    job = caller.send(event("api_get_job"))
    assert job["products"] == {
        "total": 3,
        "pending": 0,
        "completed": 2,
        "partial": 0,
        "failed": 0,
        "cancelled": 0,
        "skipped": 1,
    }
    assert job["csv"]["columns"] == {"serial": "Handle", "name": "Title", "urls": ["Image Src"]}


def test_a_redrive_ends_what_was_to_be_skipped(aws, context):
    aws.start_job(BARE)

    ingest.app.handler(
        {
            "Records": [
                {
                    "messageId": "m",
                    "body": to_json(RedriveRun(JOB_ID, 1)),
                    "attributes": {"ApproximateReceiveCount": "1"},
                }
            ]
        },
        context,
    )

    assert aws.reports() == [f"{JOB_ID}-1"]


def test_skipped_products_are_listed_and_found_by_their_status(aws, context, event):
    aws.store_job(EXPORT)
    ingest.app.handler(event("ingest_upload"), context)

    page = products_page(job_of(), ProductStatus.SKIPPED, 10, 0)

    assert [(product["row"], product["name"], product["images"], product["error"]) for product in page.products] == [
        (2, "Mug", [], None)
    ]


def test_a_chunk_that_goes_on_with_a_product_shows_its_name(aws):
    rows = b"".join(b"mug,,https://a/%d.jpg\r\n" % number for number in range(2, 250))
    aws.store_job(b"Handle,Title,Image Src\r\nmug,Mug,https://a/1.jpg\r\n" + rows)
    inspection = get_layout(JOB_ID)
    assert inspection

    page = products_page(job_of(), None, 3, 200)

    assert len(inspection.name_offsets) == 2
    assert [(product["row"], product["name"]) for product in page.products] == [
        (201, "Mug"),
        (202, "Mug"),
        (203, "Mug"),
    ]


@pytest.mark.parametrize("mode", OutputMode)
def test_the_output_is_what_was_asked_for(aws, context, event, mode):
    aws.start_job(EXPORT, JobOptions(output=mode))
    ingest.app.handler(event("ingest_upload"), context)
    put_result(JOB_ID, 1, settled(1, 1, [done(1)]))
    put_result(JOB_ID, 1, settled(3, 1, [done(1)]))

    report.app.handler(event("report_execution"), context)

    [(key, output)] = aws.objects(CATALOGUE_BUCKET, "outputs/").items()
    assert key == job_of().output_key
    if mode is OutputMode.REPLACE:
        url = b"https://images.shop.example/images/00/1.jpg"
        assert output == EXPORT.replace(b"https://a/1.jpg", url).replace(b"https://a/2.jpg", url)
    else:
        assert output.splitlines()[0] == b"Handle,Title,Image Src,Output Image Urls,Status,Errors"


def test_a_catalogue_that_comes_by_itself_is_read_as_its_job_says(aws, context, event):
    """That of an upload: the options are read again with the job."""
    options = JobOptions()
    job = a_job(options)
    clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=job.catalogue_key, Body=EXPORT)
    aws.store_job(EXPORT)

    ingest.app.handler(event("ingest_upload"), context)

    assert job_of().csv == {
        "encoding": "utf-8",
        "delimiter": ",",
        "feed": "shopify",
        "columns": {"serial": "Handle", "name": "Title", "urls": ["Image Src"]},
    }
    assert json.dumps(job_of().csv)


@pytest.mark.parametrize(
    ("counts", "status"),
    [
        (ProductCounts(completed=2, skipped=1), JobStatus.COMPLETED),
        (ProductCounts(skipped=3), JobStatus.COMPLETED),
        (ProductCounts(completed=1, failed=1, skipped=1), JobStatus.PARTIAL),
        (ProductCounts(failed=1, skipped=2), JobStatus.FAILED),
        (ProductCounts(cancelled=1, skipped=2), JobStatus.CANCELLED),
    ],
)
def test_skipped_rows_count_neither_as_done_nor_as_failed(counts, status):
    assert final_status(counts) is status
