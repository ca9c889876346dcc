"""The API function: every route of contract A4 that there is, called as API Gateway calls it."""

import base64
import importlib
import json
import sys
import time
from types import SimpleNamespace
from typing import Any

import pytest

import api
import api.products
from api.app import handler
from imagemill import __version__
from imagemill.adapters.aws import clients
from imagemill.adapters.store.jobs import get_job, reject_job
from imagemill.domain.options import ImageOptions, JobOptions, OutputFormat
from tests.support.account import CATALOGUE_BUCKET, OTHER_TENANT, TENANT

HEADER = "S. No.,Product Name,Input Image Urls\r\n"
GOOD = f"{HEADER}1,A,https://a/1.jpg\r\n".encode()


def form(*parts: tuple[str, str], boundary: str = "boundary") -> bytes:
    """Parts of a form: the rest of the Content-Disposition, and the content."""
    text = "".join(
        f"--{boundary}\r\nContent-Disposition: form-data; {name}\r\n\r\n{value}\r\n" for name, value in parts
    )
    return f"{text}--{boundary}--\r\n".encode()


def test_a_raw_csv_is_accepted_as_a_job(aws, caller, event):
    job = caller.send(event("api_post_jobs_csv"))

    assert caller.status == 202
    assert (job["status"], job["source"], job["filename"]) == ("QUEUED", "api", "products.csv")
    assert job["products"] == {"total": 2, "pending": 2, "completed": 0, "partial": 0, "failed": 0, "cancelled": 0}
    assert (job["options"]["quality"], job["client_reference"]) == (60, "order-2025-07-18")
    assert (job["images"], job["bytes"], job["progress"], job["links"]["output"]) == (None, None, 0.0, None)
    link = f"https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/v1/jobs/{job['job_id']}"
    assert caller.headers["Location"] == [link]
    assert job["links"]["self"] == link


def test_the_csv_is_kept_as_it_came(aws, caller, event):
    posted = event("api_post_jobs_csv")

    job = caller.send(posted)

    assert aws.objects(CATALOGUE_BUCKET) == {f"uploads/{TENANT}/{job['job_id']}.csv": base64.b64decode(posted["body"])}


def test_a_form_is_accepted_with_its_file_name_and_options(aws, caller, event):
    job = caller.send(event("api_post_jobs_form"))

    assert caller.status == 202
    assert job["filename"] == "summer.csv"
    stored = get_job(job["job_id"])
    assert stored
    assert stored.options == JobOptions(ImageOptions(quality=60, format=OutputFormat.WEBP))


def test_an_invalid_parameter_is_refused_also_where_a_form_field_goes_before_it(caller, event):
    posted = event("api_post_jobs_form")
    posted |= {"queryStringParameters": {"quality": "96"}, "multiValueQueryStringParameters": {"quality": ["96"]}}

    assert caller.problem(caller.send(posted)) == (422, "INVALID_OPTION")


def test_a_body_that_the_gateway_did_not_encode_is_read_as_text(caller, event):
    posted = event("api_post_jobs_csv")
    posted |= {"body": GOOD.decode(), "isBase64Encoded": False}

    assert caller.send(posted)["products"]["total"] == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (r"C:\\catalogues\\summer.csv", "summer.csv"),
        ("../../etc/passwd", "passwd"),
        ("", "products.csv"),
        ("a\tb.csv", "ab.csv"),
        ("x" * 300 + ".csv", "x" * 251 + ".csv"),
    ],
)
def test_a_file_name_is_kept_without_path_and_bounded(caller, given, kept):
    body = form((f'name="file"; filename="{given}"', GOOD.decode()))

    job = caller.post(body, content_type="multipart/form-data; boundary=boundary")

    assert job["filename"] == kept


@pytest.mark.parametrize(
    ("csv", "code"),
    [
        (b"", "EMPTY_FILE"),
        (b"\x00\x01\x02\x03", "NOT_TEXT"),
        (b"a,b\r\n1,2\r\n", "MISSING_COLUMNS"),
        (HEADER.encode(), "NO_ROWS"),
        (GOOD + b'2,"A"b,x\r\n', "MALFORMED_CSV"),
    ],
)
def test_a_refused_catalogue_says_why_and_starts_nothing(aws, caller, csv, code):
    document = caller.post(csv)

    assert caller.problem(document) == (422, code)
    assert [error["code"] for error in document["errors"]] == [code]
    assert document["total_errors"] == 1
    assert (aws.items(), aws.objects(CATALOGUE_BUCKET)) == ([], {})


def test_an_unknown_option_is_named_with_those_that_are_known(caller):
    document = caller.post(GOOD, {"colour": "red"})

    assert caller.problem(document) == (422, "INVALID_OPTION")
    assert "colour" in document["detail"]
    assert "max_width" in document["detail"]


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        ("application/json", b"{}", (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("", GOOD, (415, "UNSUPPORTED_MEDIA_TYPE")),
        ("multipart/form-data; boundary=boundary", form(('name="quality"', "60")), (400, "MISSING_FILE")),
        ("multipart/form-data", form(('name="quality"', "60")), (400, "MALFORMED_REQUEST")),
        ("multipart/form-data; boundary=other", form(('name="quality"', "60")), (400, "MALFORMED_REQUEST")),
        (
            "multipart/form-data; boundary=boundary",
            form(('name="file"; filename="a.csv"', "x"), ('name="file"; filename="b.csv"', "x")),
            (400, "MISSING_FILE"),
        ),
    ],
)
def test_a_request_that_cannot_be_read_is_refused(caller, content_type, body, expected):
    document = caller.post(body, content_type=content_type)

    assert caller.problem(document) == expected


def test_a_body_that_is_not_base64_is_refused(caller, event):
    posted = event("api_post_jobs_csv") | {"body": "not base64!"}

    assert caller.problem(caller.send(posted)) == (400, "MALFORMED_REQUEST")


def test_a_csv_over_four_mebibytes_is_sent_elsewhere(caller):
    document = caller.post(GOOD + b"\n" * 4 * 1024 * 1024)

    assert caller.problem(document) == (413, "FILE_TOO_LARGE")
    assert "POST /uploads" in document["detail"]


def test_a_csv_of_exactly_four_mebibytes_is_taken(caller):
    full_row = b"2,A,https://a/2.jpg?" + b"x" * 2000 + b"\r\n"
    full_rows, left = divmod(4 * 1024 * 1024 - len(GOOD), len(full_row))

    caller.post(GOOD + full_row * full_rows + b" " * left)

    assert caller.status == 202


def test_a_dry_run_lists_every_fault_and_starts_nothing(aws, caller):
    rows = ",A,https://a/1.jpg\r\n2,,\r\n3,C,ftp://a/3.jpg\r\n4,D,https://a/4.jpg\r\n"

    report = caller.post(f"{HEADER}{rows}".encode(), {"dry_run": "true"})

    assert caller.status == 200
    assert (report["valid"], report["rows"], report["row_errors"], report["total_errors"]) == (False, 4, 3, 4)
    assert [(error["row"], error["code"]) for error in report["errors"]] == [
        (1, "MISSING_SERIAL"),
        (2, "MISSING_NAME"),
        (2, "NO_IMAGE_URLS"),
        (3, "INVALID_URL"),
    ]
    assert (aws.items(), aws.objects(CATALOGUE_BUCKET)) == ([], {})


def test_a_dry_run_lists_the_first_hundred_faults_and_counts_all(caller):
    report = caller.post((HEADER + ",A,https://a/1.jpg\r\n" * 150).encode(), {"dry_run": "TRUE"})

    assert (len(report["errors"]), report["total_errors"], report["row_errors"]) == (100, 150, 150)


def test_a_dry_run_of_a_faultless_catalogue_is_valid(caller):
    assert caller.post(GOOD, {"dry_run": "true"})["valid"] is True


def test_dry_run_is_true_or_false(caller):
    assert caller.problem(caller.post(GOOD, {"dry_run": "yes"})) == (400, "INVALID_PARAMETER")


def test_the_same_key_and_content_is_the_same_job(aws, caller):
    first = caller.post(GOOD, idempotency_key="order-1")
    second = caller.post(GOOD, Idempotency_Key="order-1")

    assert caller.status == 202
    assert first == second
    assert len(aws.objects(CATALOGUE_BUCKET)) == 1


def test_the_same_key_finds_its_job_in_whatever_state_it_is(caller):
    first = caller.post(GOOD, idempotency_key="order-1")
    reject_job(first["job_id"], [])

    second = caller.post(GOOD, idempotency_key="order-1")

    assert (second["job_id"], second["status"]) == (first["job_id"], "REJECTED")


@pytest.mark.parametrize(("csv", "query"), [(GOOD + b"2,B,https://a/2.jpg\r\n", None), (GOOD, {"quality": "60"})])
def test_the_same_key_for_something_else_is_a_conflict(caller, csv, query):
    caller.post(GOOD, idempotency_key="order-1")

    document = caller.post(csv, query, idempotency_key="order-1")

    assert caller.problem(document) == (409, "IDEMPOTENCY_CONFLICT")


def test_keys_of_two_tenants_are_apart(caller, event):
    first = caller.send(event("api_post_jobs_csv"))
    second = caller.send(event("api_post_jobs_csv"), OTHER_TENANT)

    assert first["job_id"] != second["job_id"]


def test_a_key_is_forgotten_after_a_day(caller, monkeypatch):
    first = caller.post(GOOD, idempotency_key="order-1")
    tomorrow = time.time() + 24 * 3600 + 2
    monkeypatch.setattr("imagemill.adapters.store.idempotency.time", SimpleNamespace(time=lambda: tomorrow))

    second = caller.post(GOOD + b"2,B,https://a/2.jpg\r\n", idempotency_key="order-1")

    assert caller.status == 202
    assert first["job_id"] != second["job_id"]


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_has_1_to_255_characters(caller, key):
    assert caller.problem(caller.post(GOOD, idempotency_key=key)) == (400, "INVALID_HEADER")


def test_a_crash_at_any_point_is_mended_by_sending_the_request_again(aws, caller, event):
    job_ids = set()
    point = 0
    crashed = True
    while crashed:
        point += 1
        aws.reset()
        posted = event("api_post_jobs_csv")
        with aws.crash_at(point) as points:
            caller.send(posted)
        crashed = len(points) == point
        job_ids.add(caller.send(posted)["job_id"])
        assert caller.status == 202
        assert len([item for item in aws.items() if item["sk"] == "JOB"]) == 1
        assert len(aws.objects(CATALOGUE_BUCKET)) == 1

    assert len(job_ids) == point > 8


def test_a_fault_of_ours_is_a_500_that_tells_nothing(caller, event):
    clients.s3().delete_bucket(Bucket=CATALOGUE_BUCKET)

    document = caller.send(event("api_post_jobs_csv"))

    assert caller.problem(document) == (500, "INTERNAL_ERROR")
    assert "NoSuchBucket" not in json.dumps(document)


def test_health_needs_no_key(caller, event):
    asked = event("api_get_job") | {"path": "/health"}
    asked["requestContext"]["identity"]["apiKeyId"] = None

    assert caller.send(asked) == {"status": "ok", "version": __version__}


@pytest.fixture
def handler_with_origins(monkeypatch):
    """The function as it starts with origins allowed."""
    monkeypatch.setenv("CORS_ORIGINS", "https://shop.example, https://admin.example")
    monkeypatch.setattr(api, "app", api.app)
    monkeypatch.delitem(sys.modules, "api.app")
    return importlib.import_module("api.app").handler


def preflight(event: Any, origin: str) -> dict[str, Any]:
    asked: dict[str, Any] = event("api_get_job") | {"httpMethod": "OPTIONS"}
    asked["headers"] = {"origin": origin, "access-control-request-method": "POST"}
    asked["multiValueHeaders"] = {name: [value] for name, value in asked["headers"].items()}
    return asked


@pytest.mark.parametrize("origin", ["https://shop.example", "https://admin.example"])
def test_an_origin_that_is_named_may_call(aws, event, context, handler_with_origins, origin):
    answer = handler_with_origins(preflight(event, origin), context)

    assert answer["statusCode"] == 204
    assert answer["multiValueHeaders"]["Access-Control-Allow-Origin"] == [origin]
    allowed = answer["multiValueHeaders"]["Access-Control-Allow-Headers"][0].lower()
    assert {"content-type", "x-api-key", "idempotency-key"} <= set(allowed.split(","))


def test_another_origin_may_not_call(aws, event, context, handler_with_origins):
    answer = handler_with_origins(preflight(event, "https://evil.example"), context)

    assert "Access-Control-Allow-Origin" not in answer["multiValueHeaders"]


def test_by_default_no_origin_may_call(aws, event, context):
    answer = handler(preflight(event, "https://shop.example"), context)

    assert "Access-Control-Allow-Origin" not in answer["multiValueHeaders"]
