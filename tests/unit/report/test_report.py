"""The report function: the output CSV, the totals and the final status of a run, and a drop's outbox."""

import csv
import json
from io import StringIO
from typing import Any

import pytest

from imagemill.adapters.store.jobs import create_job
from imagemill.adapters.store.messages import get_message
from imagemill.adapters.store.runs import keep_outcome
from imagemill.domain.codes import JobSource, JobStatus, ProductStatus
from imagemill.domain.job import ProductCounts, Totals
from imagemill.domain.options import JobOptions
from imagemill.domain.product import ProductResult, settled
from imagemill.errors import UnfinishedProductError
from report.app import handler
from tests.support.account import CATALOGUE_BUCKET, JOB_ID, TENANT, a_job
from tests.support.finished_products import CSV, completed, finish_products, job_of
from tests.support.results import put_result

OUTPUT_KEY = f"outputs/{TENANT}/{JOB_ID}/1.csv"
DROP: dict[str, Any] = {"source": JobSource.DROP, "drop_key": f"inbox/{TENANT}/2025/summer.csv"}


def documents(aws: Any) -> dict[str, Any]:
    return {key: json.loads(body) for key, body in aws.objects(CATALOGUE_BUCKET, "outbox/").items() if "json" in key}


def test_the_output_is_the_input_with_urls_status_and_errors(aws, context, event):
    aws.start_job(CSV)
    finish_products()

    handler(event("report_execution"), context)

    assert aws.objects(CATALOGUE_BUCKET, "outputs/")[OUTPUT_KEY] == (
        b"S. No.,Product Name,Input Image Urls,Note,Output Image Urls,Status,Errors\r\n"
        b'1,A,"https://a/1.jpg,https://a/2.jpg",one,"https://images.shop.example/images/00/1.jpg,",PARTIAL,2:HTTP_STATUS=404\r\n'
        b'2,"B, large",https://a/3.jpg,two,https://images.shop.example/images/00/1.jpg,COMPLETED,\r\n'
        b"3,,https://a/4.jpg,three,,FAILED,0:MISSING_NAME\r\n"
    )


def test_totals_and_counts_are_exact(aws, context, event):
    aws.start_job(CSV)
    finish_products()

    handler(event("report_execution"), context)

    job = job_of()
    assert (job.status, job.output_key) == (JobStatus.PARTIAL, OUTPUT_KEY)
    assert job.counts == ProductCounts(completed=1, partial=1, failed=1)
    assert job.totals == Totals(images=3, images_completed=2, input_bytes=2000, output_bytes=600)
    assert job.ended_at


def test_a_catalogue_of_several_chunks_has_every_row_once_in_order(aws, context, event):
    rows = range(1, 402)
    header = "S. No.,Product Name,Input Image Urls\r\n"
    aws.start_job((header + "".join(f"{row},P{row},https://a/{row}.jpg\r\n" for row in rows)).encode())
    for row in reversed(rows):
        put_result(JOB_ID, 1, settled(row, 1, [completed(1)]))

    handler(event("report_execution"), context)

    output = csv.DictReader(StringIO(aws.objects(CATALOGUE_BUCKET)[OUTPUT_KEY].decode(), newline=""))
    assert [(line["S. No."], line["Status"]) for line in output] == [(str(row), "COMPLETED") for row in rows]
    assert job_of().status is JobStatus.COMPLETED


def test_a_second_call_changes_nothing_and_returns_the_same(aws, context, event):
    aws.start_job(CSV, JobOptions(webhook_url="https://shop.example/hook"))
    finish_products()
    first = handler(event("report_execution"), context)
    items, objects = aws.items(), aws.objects(CATALOGUE_BUCKET)

    second = handler(event("report_execution"), context)

    assert first == second
    assert (aws.items(), aws.objects(CATALOGUE_BUCKET)) == (items, objects)


def test_a_crash_at_any_point_is_mended_by_the_retry(aws, context, event):
    aws.start_job(CSV, JobOptions(webhook_url="https://shop.example/hook"), **DROP)
    finish_products()
    point = 0
    crashed = True
    while crashed:
        point += 1
        with aws.crash_at(point) as points:
            answer = handler(event("report_execution"), context)
        crashed = len(points) == point

    assert answer == {"messages": [event("deliver")]}
    assert get_message(JOB_ID, 1)
    assert job_of().counts == ProductCounts(completed=1, partial=1, failed=1)
    assert sorted(aws.objects(CATALOGUE_BUCKET)) == sorted(
        [
            OUTPUT_KEY,
            f"outbox/{TENANT}/2025/summer.{JOB_ID}.csv",
            f"outbox/{TENANT}/2025/summer.{JOB_ID}.json",
            f"outbox/{TENANT}/2025/summer.{JOB_ID}.replace.csv",
            f"outputs/{TENANT}/{JOB_ID}/1.replace.csv",
            f"uploads/{TENANT}/{JOB_ID}.csv",
        ]
    )


def test_an_unfinished_product_fails_the_report_and_ends_nothing(aws, context, event):
    aws.start_job(CSV)
    finish_products_but_the_last = [settled(row, 1, [completed(1)]) for row in (1, 2)]
    for result in finish_products_but_the_last:
        put_result(JOB_ID, 1, result)

    with pytest.raises(UnfinishedProductError, match="row 3"):
        handler(event("report_execution"), context)

    assert job_of().status is JobStatus.PROCESSING
    assert aws.objects(CATALOGUE_BUCKET, "outputs/") == {}


def test_a_product_still_in_work_fails_the_report(aws, context, event):
    aws.start_job(CSV)
    put_result(JOB_ID, 1, ProductResult(1, ProductStatus.PROCESSING, 1))

    with pytest.raises(UnfinishedProductError, match="row 1"):
        handler(event("report_execution"), context)


def test_a_drop_finds_output_and_job_in_its_outbox(aws, context, event):
    aws.start_job(CSV, **DROP)
    finish_products()

    handler(event("report_execution"), context)

    objects = aws.objects(CATALOGUE_BUCKET)
    assert objects[f"outbox/{TENANT}/2025/summer.{JOB_ID}.csv"] == objects[OUTPUT_KEY]
    [document] = documents(aws).values()
    assert (document["job_id"], document["status"], document["products"]["total"]) == (JOB_ID, "PARTIAL", 3)


def test_a_rejected_drop_finds_its_errors_in_the_outbox_and_no_output(aws, context, event):
    error = {"row": None, "column": None, "code": "NO_ROWS", "message": "No row follows the header."}
    create_job(a_job(status=JobStatus.REJECTED, errors=(error,), **DROP))

    handler(event("report_execution"), context)

    [(key, document)] = aws.objects(CATALOGUE_BUCKET, "outbox/").items()
    assert key == f"outbox/{TENANT}/2025/summer.{JOB_ID}.json"
    assert (json.loads(document)["status"], json.loads(document)["errors"]) == ("REJECTED", [error])


def test_a_report_of_an_earlier_run_does_not_end_the_later_one(aws, context, event):
    aws.start_job(CSV, run=2)
    keep_outcome(a_job(status=JobStatus.PARTIAL))

    assert handler(event("report_execution"), context) == {"messages": []}

    assert job_of().status is JobStatus.PROCESSING


def test_a_report_of_a_run_that_is_not_known_is_a_fault(aws, context, event):
    aws.start_job(CSV, run=2)

    with pytest.raises(LookupError, match="run 1"):
        handler(event("report_execution"), context)


def test_a_job_that_is_gone_is_a_fault(aws, context, event):
    with pytest.raises(LookupError):
        handler(event("report_execution"), context)


def test_a_job_whose_layout_is_gone_is_a_fault(aws, context, event):
    create_job(a_job(status=JobStatus.PROCESSING))

    with pytest.raises(LookupError):
        handler(event("report_execution"), context)
