"""A form is good for one upload: what comes under its key after that changes nothing, and is removed (contract A4)."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest

import ingest.app
from imagemill.adapters.aws import clients
from imagemill.adapters.store.items import key
from imagemill.adapters.store.jobs import get_job
from imagemill.adapters.store.layouts import get_layout
from imagemill.domain.codes import JobStatus
from tests.conftest import FIGURES
from tests.support.account import CATALOGUE_BUCKET, ENVIRONMENT, TENANT, Account
from tests.support.caller import Caller
from tests.support.deployment import QUEUES, Deployment
from tests.support.lambda_platform import LambdaPlatform
from tests.support.web import Answer, TestWeb

HEADER = "S. No.,Product Name,Input Image Urls\r\n"
ROWS = 5


@pytest.fixture
def deployment(aws: Account, web: TestWeb, caller: Caller, context: Any, picture: Answer) -> Deployment:
    for row in range(1, ROWS + 1):
        web.route(f"/a{row}.jpg", picture)
        web.route(f"/b{row}.jpg", picture)
    return Deployment(aws, web, caller, LambdaPlatform(aws, context, QUEUES))


def first(deployment: Deployment) -> bytes:
    """Catalogue A. Its third product fails at its origin, so that there is something to retry."""
    rows = "".join(f"{row},A{row},{deployment.web.url}/a{row}.jpg\r\n" for row in range(1, ROWS + 1))
    return (HEADER + rows.replace("/a3.jpg", "/gone.jpg")).encode()


def second(deployment: Deployment) -> bytes:
    """Catalogue B, in another shape: other columns, fewer rows, other places of everything."""
    rows = "".join(f"{deployment.web.url}/b{row}.jpg;B{row};stock;{row}\r\n" for row in range(1, ROWS - 1))
    return ("Image Urls;Name;Stock;No\r\n" + rows).encode()


def announce(deployment: Deployment) -> tuple[str, str]:
    """A job's id, and the key of its form."""
    event = deployment.caller.event("api_post_uploads")
    for headers in (event["headers"], event["multiValueHeaders"]):
        del headers["Idempotency-Key"]
    answer = deployment.caller.send(event)
    return answer["job_id"], answer["upload"]["fields"]["key"]


def post(key: str, body: bytes) -> str:
    """What S3 does with a form; the version that it makes."""
    return str(clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=key, Body=body)["VersionId"])


def versions(key: str) -> list[str]:
    listed = clients.s3().list_object_versions(Bucket=CATALOGUE_BUCKET, Prefix=key)
    return [version["VersionId"] for version in listed.get("Versions", [])]


def arrive(deployment: Deployment, key: str, *of: str) -> None:
    """The events of these versions, in this order."""
    for version in of:
        body = json.dumps({"Records": [{"s3": {"object": {"key": key, "versionId": version}}}]})
        record = {"messageId": "1", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
        ingest.app.handler({"Records": [record]}, deployment.platform._context)


def during(monkeypatch: pytest.MonkeyPatch, operation: str, act: Callable[[], Any]) -> None:
    """Let something happen once, right before an AWS call of the code."""
    events = clients.s3().meta.events if operation == "GetObject" else clients.dynamodb().meta.events

    def once(model: Any, **_: Any) -> None:
        if model.name == operation:
            events.unregister("before-call.*.*", once)
            act()

    events.register("before-call.*.*", once)


def before_ingest(deployment: Deployment, key: str, _: Any) -> None:
    post(key, first(deployment))
    post(key, second(deployment))


def with_its_event_first(deployment: Deployment, key: str, _: Any) -> None:
    one, two = post(key, first(deployment)), post(key, second(deployment))
    arrive(deployment, key, two, one, two)


def while_the_first_is_inspected(deployment: Deployment, key: str, monkeypatch: Any) -> None:
    post(key, first(deployment))
    during(monkeypatch, "GetObject", lambda: post(key, second(deployment)))
    deployment.platform.ingest()


def between_inspection_and_fan_out(deployment: Deployment, key: str, monkeypatch: Any) -> None:
    post(key, first(deployment))
    during(monkeypatch, "PutItem", lambda: post(key, second(deployment)))
    deployment.platform.ingest()


def in_mid_job(deployment: Deployment, key: str, _: Any) -> None:
    post(key, first(deployment))
    deployment.platform.ingest()
    post(key, second(deployment))


def before_the_report(deployment: Deployment, key: str, _: Any) -> None:
    post(key, first(deployment))
    deployment.platform.ingest()
    while deployment.platform._products():
        pass
    post(key, second(deployment))


def after_the_end(deployment: Deployment, key: str, _: Any) -> None:
    post(key, first(deployment))
    deployment.platform.run()
    post(key, second(deployment))


def during_a_retry(deployment: Deployment, key: str, _: Any) -> None:
    post(key, first(deployment))
    deployment.platform.run()
    deployment.caller.act(job_id_of(key), "retry")
    assert deployment.caller.status == 202
    post(key, second(deployment))


MOMENTS = [
    before_ingest,
    with_its_event_first,
    while_the_first_is_inspected,
    between_inspection_and_fan_out,
    in_mid_job,
    before_the_report,
    after_the_end,
    during_a_retry,
]


def job_id_of(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".csv")


def end_of(deployment: Deployment, job_id: str) -> dict[str, Any]:
    """What the caller sees of the ended job, image URLs aside."""
    job = get_job(job_id)
    assert job
    assert job.output_key
    output = clients.s3().get_object(Bucket=CATALOGUE_BUCKET, Key=job.output_key)["Body"].read().decode()
    listed, cursor = [], ""
    for _ in range(2 * ROWS):
        page = deployment.caller.get(
            f"/jobs/{job_id}/products", {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        )
        listed += page["products"]
        cursor = page["next_cursor"] or ""
        if not cursor:
            break
    assert not cursor, "the list never ends"
    return {
        "status": job.status,
        "output": [
            {name: bool(value) if name == "Output Image Urls" else value for name, value in row.items()}
            for row in csv.DictReader(StringIO(output, newline=""))
        ],
        "products": [
            (product["row"], product["name"], product["status"], [image["input_url"] for image in product["images"]])
            for product in listed
        ],
    }


def test_a_form_used_twice_gives_the_first_catalogues_output_whenever_the_second_comes(
    deployment, monkeypatch, record_property
):
    job_id, key = announce(deployment)
    post(key, first(deployment))
    deployment.platform.run()
    expected = end_of(deployment, job_id)
    assert expected["status"] is JobStatus.PARTIAL

    for moment in MOMENTS:
        job_id, key = announce(deployment)
        moment(deployment, key, monkeypatch)
        deployment.platform.run()

        assert end_of(deployment, job_id) == expected, moment.__name__
        layout = get_layout(job_id)
        assert layout
        assert versions(key) == [layout.version], f"{moment.__name__}: what came second is still there"

    record_property(FIGURES, f"{len(MOMENTS)} × the first catalogue's output: {[each.__name__ for each in MOMENTS]}")


def test_what_follows_a_refused_csv_is_removed_too(deployment):
    job_id, key = announce(deployment)
    one = post(key, b"a,b\r\n1,2\r\n")
    two = post(key, first(deployment))

    arrive(deployment, key, two, one, two)

    job = get_job(job_id)
    assert job
    assert job.status is JobStatus.REJECTED
    assert versions(key) == [one]
    assert deployment.aws.rows_sent() == []


def test_nothing_of_the_first_is_sent_again_for_the_second(deployment):
    _, key = announce(deployment)
    arrive(deployment, key, post(key, first(deployment)))
    assert len(deployment.aws.rows_sent()) == ROWS

    arrive(deployment, key, post(key, second(deployment)))

    assert deployment.aws.rows_sent() == []


def test_a_submission_that_is_stored_twice_has_one_version_in_the_end(deployment):
    """The same request, the same key: the bytes are the same, and the job goes on with one of them."""
    for _ in range(2):
        job = deployment.caller.post(first(deployment), {}, idempotency_key="order-1")
    stored = f"uploads/{TENANT}/{job['job_id']}.csv"
    assert len(versions(stored)) == 2

    deployment.platform.run()

    layout = get_layout(job["job_id"])
    assert layout
    assert versions(stored) == [layout.version]
    assert end_of(deployment, job["job_id"])["status"] is JobStatus.PARTIAL


def test_a_job_of_the_last_release_reads_the_latest_as_before(deployment):
    job_id, stored = announce(deployment)
    arrive(deployment, stored, post(stored, first(deployment)))
    clients.dynamodb().update_item(
        TableName=ENVIRONMENT["TABLE_NAME"],
        Key=key(f"JOB#{job_id}", "LAYOUT"),
        UpdateExpression="REMOVE version",
    )

    deployment.platform.run()

    end = end_of(deployment, job_id)
    assert (end["status"], len(end["products"])) == (JobStatus.PARTIAL, ROWS)
