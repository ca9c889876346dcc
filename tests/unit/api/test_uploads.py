"""`POST /uploads`: a job that awaits its CSV, and the form that lets exactly that CSV in."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import ingest.app
from imagemill.adapters.aws import clients
from imagemill.adapters.aws.objects import MAX_UPLOAD_BYTES
from imagemill.adapters.store.jobs import get_job, start_job
from imagemill.domain.codes import JobStatus
from imagemill.domain.job import job_id_of_upload
from imagemill.domain.options import ImageOptions, JobOptions, OutputFormat
from tests.support.account import CATALOGUE_BUCKET, OTHER_TENANT, TENANT

CSV = b"S. No.,Product Name,Input Image Urls\r\n1,A,https://a/1.jpg\r\n"


@pytest.fixture
def announce(caller, event):
    """Sends `POST /uploads` with a JSON value, or a body, without an idempotency key unless told otherwise."""

    def send(given: Any, idempotency_key: str | None = None, tenant: str = TENANT) -> Any:
        asked = event("api_post_uploads")
        del asked["headers"]["Idempotency-Key"], asked["multiValueHeaders"]["Idempotency-Key"]
        if idempotency_key is not None:
            asked["headers"]["Idempotency-Key"] = idempotency_key
            asked["multiValueHeaders"]["Idempotency-Key"] = [idempotency_key]
        asked["body"] = given if isinstance(given, str) else json.dumps(given)
        return caller.send(asked, tenant)

    return send


def policy_of(answer: Any) -> Any:
    return json.loads(base64.b64decode(answer["upload"]["fields"]["policy"]))


def test_a_job_is_made_that_awaits_its_csv(aws, caller, event):
    answer = caller.send(event("api_post_uploads"))

    assert caller.status == 201
    job = get_job(answer["job_id"])
    assert job
    assert (job.status, job.source, job.filename, job.tenant) == (
        JobStatus.AWAITING_UPLOAD,
        "api",
        "summer.csv",
        TENANT,
    )
    assert job.options == JobOptions(ImageOptions(60, OutputFormat.WEBP), client_reference="order-2025-07-18")
    assert caller.headers["Location"] == [f"{job.api_url}/jobs/{job.job_id}"]
    assert caller.headers["Cache-Control"] == ["no-store"]
    assert aws.objects(CATALOGUE_BUCKET) == {}


def test_the_form_takes_one_csv_at_the_jobs_key_and_nothing_else(caller, event):
    answer = caller.send(event("api_post_uploads"))

    key = f"uploads/{TENANT}/{answer['job_id']}.csv"
    assert answer["upload"]["fields"]["key"] == key
    conditions = policy_of(answer)["conditions"]
    for condition in ({"bucket": CATALOGUE_BUCKET}, {"key": key}, {"Content-Type": "text/csv"}):
        assert condition in conditions
    assert ["content-length-range", 1, MAX_UPLOAD_BYTES] in conditions
    assert MAX_UPLOAD_BYTES == 1024**3
    assert answer["upload"]["fields"]["Content-Type"] == "text/csv"


def test_the_form_holds_for_an_hour(caller, event):
    before = datetime.now(UTC)

    answer = caller.send(event("api_post_uploads"))

    expiry = datetime.fromisoformat(answer["upload"]["expires_at"])
    assert abs(expiry - before - timedelta(hours=1)) < timedelta(minutes=1)
    assert abs(datetime.fromisoformat(policy_of(answer)["expiration"]) - expiry) <= timedelta(seconds=1)


def test_the_csv_that_comes_starts_the_job(aws, announce, event, context):
    job_id = announce({})["job_id"]
    job = get_job(job_id)
    assert job
    assert job_id_of_upload(job.catalogue_key) == job_id
    clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=job.catalogue_key, Body=CSV)

    ingest.app.handler(_arrival(event, job.catalogue_key), context)

    started = get_job(job_id)
    assert started
    assert (started.status, started.products) == (JobStatus.PROCESSING, 1)
    assert aws.rows_sent() == [1]


def test_a_csv_that_cannot_be_read_rejects_the_job(announce, event, context):
    job = get_job(announce({})["job_id"])
    assert job
    clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=job.catalogue_key, Body=b"\r\n")

    ingest.app.handler(_arrival(event, job.catalogue_key), context)

    rejected = get_job(job.job_id)
    assert rejected
    assert rejected.status is JobStatus.REJECTED


def _arrival(event: Any, key: str) -> Any:
    arrived = event("ingest_upload")
    body = json.loads(arrived["Records"][0]["body"])
    body["Records"][0]["s3"]["object"] = {"key": key}
    arrived["Records"][0]["body"] = json.dumps(body)
    return arrived


@pytest.mark.parametrize("given", [{}, {"filename": None}, {"filename": ""}])
def test_without_a_file_name_there_is_a_default(announce, given):
    job = get_job(announce(given)["job_id"])

    assert job
    assert job.filename == "products.csv"


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"quality": 60, "progressive": True}, ImageOptions(quality=60, progressive=True)),
        ({"quality": "60", "progressive": "true"}, ImageOptions(quality=60, progressive=True)),
        ({"quality": None, "max_width": None, "format": None}, ImageOptions()),
    ],
)
def test_options_are_json_values_or_the_text_of_a_form(announce, given, options):
    job = get_job(announce(given)["job_id"])

    assert job
    assert job.options.image == options


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"quality": 96}, "quality"),
        ({"quality": 60.5}, "quality"),
        ({"quality": True}, "quality"),
        ({"quality": [60]}, "quality"),
        ({"progressive": 1}, "progressive"),
        ({"format": "bmp"}, "format"),
        ({"metadata": {}}, "metadata"),
        ({"client_reference": 7}, "client_reference"),
        ({"client_reference": "x" * 257}, "client_reference"),
        ({"webhook_url": "ftp://a"}, "webhook_url"),
        ({"filename": 7}, "filename"),
        ({"colour": "red"}, "colour"),
        ({"colour": {}}, "colour"),
        ({"dry_run": True}, "dry_run"),
    ],
)
def test_an_invalid_option_is_named(aws, caller, announce, given, option):
    document = announce(given)

    assert caller.problem(document) == (422, "INVALID_OPTION")
    assert f"'{option}'" in document["detail"]
    assert aws.items() == []


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "7", "null", '"a"', '{"filename": "\\ud800"}', "[" * 100_000, "9" * 5000]
)
def test_a_body_that_is_no_json_object_is_refused(caller, announce, body):
    assert caller.problem(announce(body)) == (400, "MALFORMED_REQUEST")


def test_the_same_key_and_content_is_the_same_job(aws, caller, announce):
    first = announce({"quality": 60}, "order-1")
    second = announce({"quality": 60}, "order-1")

    assert caller.status == 201
    assert first["job_id"] == second["job_id"]
    assert len([item for item in aws.items() if item["sk"] == "JOB"]) == 1


def test_keys_of_two_tenants_are_apart(announce):
    assert announce({}, "order-1")["job_id"] != announce({}, "order-1", OTHER_TENANT)["job_id"]


@pytest.mark.parametrize("given", [{"quality": 61}, {"filename": "other.csv"}])
def test_the_same_key_for_something_else_is_a_conflict(caller, announce, given):
    announce({}, "order-1")

    assert caller.problem(announce(given, "order-1")) == (409, "IDEMPOTENCY_CONFLICT")


def test_a_key_of_a_submission_is_no_key_of_an_upload(caller, announce):
    caller.post(CSV, idempotency_key="order-1")

    assert caller.problem(announce({}, "order-1")) == (409, "IDEMPOTENCY_CONFLICT")


def test_no_second_form_is_given_to_a_job_that_has_its_csv(caller, announce):
    job_id = announce({}, "order-1")["job_id"]
    start_job(job_id, 1)

    document = announce({}, "order-1")

    assert caller.problem(document) == (409, "IDEMPOTENCY_CONFLICT")
    assert job_id in document["detail"]


def test_a_crash_at_any_point_is_mended_by_sending_the_request_again(aws, caller, event):
    point = 0
    crashed = True
    while crashed:
        point += 1
        aws.reset()
        with aws.crash_at(point) as points:
            caller.send(event("api_post_uploads"))
        crashed = len(points) == point
        answer = caller.send(event("api_post_uploads"))
        assert caller.status == 201
        assert [item["job_id"] for item in aws.items() if item["sk"] == "JOB"] == [answer["job_id"]]

    assert point > 4


def test_the_form_goes_to_the_buckets_own_region(caller, event):
    answer = caller.send(event("api_post_uploads"))

    assert answer["upload"]["url"] == f"https://{CATALOGUE_BUCKET}.s3.eu-central-1.amazonaws.com/"


def test_a_whole_number_may_be_written_with_a_point(announce):
    announced = get_job(announce({"quality": 35.0})["job_id"])

    assert announced
    assert announced.options.image.quality == 35
