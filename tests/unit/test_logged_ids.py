"""Whoever has an id finds its lines: each line of a function says which job, row, message and request it is about."""

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest

import bury.app
import deliver.app
import ingest.app
import process.app
import report.app
import sweep.app
from imagemill.adapters.aws import clients
from imagemill.adapters.store.runs import open_run
from imagemill.domain.codes import ImageStatus
from imagemill.domain.product import ImageResult, settled
from imagemill.logs import logger
from tests.support.account import ENVIRONMENT, JOB_ID, OTHER_JOB_ID, TENANT
from tests.support.ended_jobs import end_job_with
from tests.support.results import put_result
from tests.support.web import Answer

CSV = b"S. No.,Product Name,Input Image Urls\n1,SKU1,https://shop.example/a.jpg\n"
DONE = ImageResult(1, ImageStatus.COMPLETED, key="images/00/a.jpg", input_bytes=9, output_bytes=5, kept=False)

Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The log as it goes out."""
    stream = StringIO()
    watching = logging.StreamHandler(stream)
    watching.setFormatter(logger.registered_formatter)
    underlying = logging.getLogger(logger.service)
    underlying.addHandler(watching)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    underlying.removeHandler(watching)


def found(lines: Lines, message: str) -> dict[str, Any]:
    [line] = [line for line in lines() if line["message"] == message]
    return line


def test_every_line_has_the_requests_id_that_lambda_gave(lines, aws, context, event):
    open_run(JOB_ID, 1, 1)
    open_run(OTHER_JOB_ID, 1, 1)

    bury.app.handler(event("bury_products"), context)

    assert {line["function_request_id"] for line in lines()} == {context.aws_request_id}
    assert sorted((line["job_id"], line["row"]) for line in lines()) == [(JOB_ID, 1), (OTHER_JOB_ID, 1)]


def test_an_api_request_is_one_line_with_the_gateways_request_id_and_the_tenant(lines, caller, context):
    caller.get(f"/jobs/{JOB_ID}", query={"status": "whsec_secret"})

    line = found(lines, "Request answered")
    assert [line["request_id"]] == caller.headers["x-request-id"]
    assert line["request_id"] != line["function_request_id"] == context.aws_request_id
    assert (line["tenant"], line["job_id"]) == (TENANT, JOB_ID)
    assert (line["method"], line["resource"], line["status"]) == ("GET", "/jobs/{job_id}", 404)
    assert "whsec_secret" not in json.dumps(lines())


def test_a_request_that_fails_is_logged_with_the_same_ids(lines, caller, aws):
    with aws.crash_at(1):
        caller.get(f"/jobs/{JOB_ID}")

    failed, answered = found(lines, "Request failed"), found(lines, "Request answered")
    assert answered["status"] == 500
    assert (failed["request_id"], failed["job_id"]) == (answered["request_id"], JOB_ID)


def test_ingest_names_message_job_and_object(lines, aws, context, event):
    aws.store_job(CSV)
    upload = event("ingest_upload")

    ingest.app.handler(upload, context)

    line = found(lines, "Catalogue fanned out")
    assert line["message_id"] == upload["Records"][0]["messageId"]
    assert line["job_id"] == JOB_ID
    assert line["object_key"] == f"uploads/{TENANT}/{JOB_ID}.csv"


def test_process_names_message_job_and_row_of_what_it_gives_back(lines, context, event, aws, web, monkeypatch):
    monkeypatch.setattr(process.image, "FIRST_PAUSE_SECONDS", 0.001)
    open_run(OTHER_JOB_ID, 1, 1)
    batch = event("process_products", web.url)
    [record] = batch["Records"] = batch["Records"][1:]
    queue = ENVIRONMENT["PRODUCTS_QUEUE"]
    clients.sqs().send_message(QueueUrl=queue, MessageBody=record["body"])
    [received] = clients.sqs().receive_message(QueueUrl=queue)["Messages"]
    record["receiptHandle"] = received["ReceiptHandle"]
    web.route("/sku2.jpg", Answer(500))

    process.app.handler(batch, context)

    line = found(lines, "Product given back")
    assert (line["job_id"], line["row"], line["codes"]) == (OTHER_JOB_ID, 1, ["HTTP_STATUS"])
    assert line["message_id"] == record["messageId"]


def test_process_names_what_it_was_working_on_when_it_was_killed(lines, context, event, aws, web, picture):
    open_run(OTHER_JOB_ID, 1, 1)
    batch = event("process_products", web.url)
    batch["Records"] = batch["Records"][1:]
    batch["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"
    web.route("/sku2.jpg", picture)

    process.app.handler(batch, context)

    line = found(lines, "Last receive ended without a word")
    assert (line["level"], line["job_id"], line["row"], line["receive_count"]) == ("WARNING", OTHER_JOB_ID, 1, 2)


def test_report_says_how_a_run_ended(lines, aws, context, event):
    aws.start_job(CSV)
    put_result(JOB_ID, 1, settled(1, 1, [DONE]))

    report.app.handler(event("report_execution"), context)

    line = found(lines, "Run closed")
    assert (line["job_id"], line["run"], line["status"]) == (JOB_ID, 1, "COMPLETED")


def test_deliver_names_job_message_and_attempt(lines, aws, context, event, web):
    end_job_with(web.route("/hook?token=secret-of-the-receiver", Answer(500)))

    deliver.app.handler(event("deliver"), context)

    line = found(lines, "Webhook attempt")
    assert {name: line[name] for name in ("job_id", "message_id", "attempt")}.items() <= event("deliver").items()
    assert "secret-of-the-receiver" not in json.dumps(lines())


def test_the_sweep_names_the_job_that_it_sets_going(lines, aws, context, event, monkeypatch):
    aws.store_job(CSV)
    monkeypatch.setenv("STALLED_SECONDS", "0")

    sweep.app.handler(event("sweep"), context)

    assert found(lines, "Job stalled")["job_id"] == JOB_ID
