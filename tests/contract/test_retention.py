"""A job and its objects vanish together; secrets and the images that shops show do not."""

import time
from typing import Any

import pytest
from ulid import ULID

from deliver.app import handler as deliver
from imagemill.adapters.aws import clients
from imagemill.adapters.store.idempotency import REMEMBERED_SECONDS, Claim, claim_key
from imagemill.adapters.store.items import SECONDS_A_DAY, from_item
from imagemill.adapters.store.jobs import create_job, get_job, list_jobs
from imagemill.adapters.store.secrets import signing_secrets
from imagemill.domain.codes import JobStatus
from imagemill.domain.options import JobOptions
from imagemill.kept import forget
from ingest.app import handler as ingest
from report.app import handler as report
from tests.support.account import ENVIRONMENT, JOB_ID, TENANT, a_job
from tests.support.web import Answer

RETENTION_DAYS = 90


@pytest.fixture(autouse=True)
def retention(aws, monkeypatch):
    monkeypatch.setenv("RETENTION_DAYS", str(RETENTION_DAYS))
    forget()


def job_id_of_age(days: float) -> str:
    return str(ULID.from_timestamp(time.time() - days * SECONDS_A_DAY))


def stored_items() -> list[dict[str, Any]]:
    return [from_item(item) for item in clients.dynamodb().scan(TableName=ENVIRONMENT["TABLE_NAME"])["Items"]]


def test_all_items_of_a_job_expire_together_however_late_they_were_written(aws, context, event, web, monkeypatch):
    monkeypatch.setenv("RETENTION_DAYS", "36500")
    forget()
    options = JobOptions(webhook_url=web.route("/hook", Answer(204)))
    aws.store_job(b"S. No.,Product Name,Input Image Urls\r\n1,,https://a/1.jpg\r\n", options)

    ingest(event("ingest_upload"), context)
    report(event("report_execution"), context)
    deliver(event("deliver"), context)

    of_the_job = [item for item in stored_items() if item["pk"].startswith(f"JOB#{JOB_ID}")]
    assert {item["sk"].partition("#")[0] for item in of_the_job} == {
        "JOB",
        "LAYOUT",
        "RUN",
        "LEDGER",
        "RESULT",
        "MESSAGE",
        "DELIVERY",
    }
    made = int(ULID.from_str(JOB_ID).timestamp)
    assert {int(item["expires_at"]) for item in of_the_job} == {made + 36500 * SECONDS_A_DAY}


def test_a_job_is_gone_when_its_retention_is_over_though_its_items_are_still_there(aws):
    young, old = job_id_of_age(RETENTION_DAYS - 0.1), job_id_of_age(RETENTION_DAYS + 0.1)
    for job_id in (young, old):
        create_job(a_job(job_id=job_id))

    assert get_job(old) is None
    assert get_job(young) is not None


@pytest.mark.parametrize("status", [None, JobStatus.QUEUED])
@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_a_list_ends_before_expired_jobs(aws, status, limit):
    ages = (1, 2, 89, 91, 92)
    for age in ages:
        create_job(a_job(job_id=job_id_of_age(age)))

    listed: list[str] = []
    before = None
    for _ in ages:
        jobs, before = list_jobs(TENANT, status, limit, before)
        listed += [job.job_id for job in jobs]
        if before is None:
            break

    assert before is None
    assert len(listed) == 3
    assert listed == sorted(listed, reverse=True)


def test_a_list_does_not_read_on_behind_the_first_expired_job(aws):
    for age in (1, 91, 92, 93, 94, 95):
        create_job(a_job(job_id=job_id_of_age(age)))

    with aws.calls() as calls:
        list_jobs(TENANT, None, 1, None)

    assert calls == ["Query"]


def test_an_expired_job_is_answered_as_unknown(aws, caller):
    job_id = job_id_of_age(RETENTION_DAYS + 1)
    create_job(a_job(job_id=job_id))

    for path in ("", "/products", "/output", "/deliveries"):
        answer = caller.get(f"/jobs/{job_id}{path}")
        assert caller.problem(answer) == (404, "JOB_NOT_FOUND"), path


def test_an_idempotency_key_is_remembered_for_a_day_and_a_secret_for_ever(aws):
    begun = int(time.time())
    claim_key(TENANT, "order-1", Claim(JOB_ID, "content"))
    signing_secrets(TENANT)

    kept = {item["sk"].partition("#")[0]: item.get("expires_at") for item in stored_items()}
    assert kept["SIGNING_SECRET"] is None
    remembered = kept["IDEMPOTENCY"]
    assert remembered is not None
    assert 0 <= int(remembered) - begun - REMEMBERED_SECONDS < 60


def rules_of(template: dict[str, Any], bucket: str) -> Any:
    return template["Resources"][bucket]["Properties"]["LifecycleConfiguration"]


def test_a_jobs_objects_are_kept_as_long_as_its_items_and_leave_nothing_behind(template):
    expire, *old, markers = rules_of(template, "CatalogueBucket")["Rules"]

    assert expire["ExpirationInDays"] == {"Ref": "RetentionDays"}
    assert {rule["Prefix"] for rule in old} == {"uploads/", "outputs/", "inbox/", "outbox/"}
    assert expire["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 1}
    assert markers["ExpiredObjectDeleteMarker"] is True
    for rule in (expire, markers):
        assert rule["Status"] == "Enabled"
        assert not {"Prefix", "Filter", "TagFilters"} & set(rule), "uploads, outputs, inbox and outbox alike"
    assert template["Resources"]["Table"]["Properties"]["TimeToLiveSpecification"] == {
        "AttributeName": "expires_at",
        "Enabled": True,
    }


def test_images_outlive_their_job_once_over_unless_a_deployer_keeps_them_for_ever(template):
    condition, rules, none = rules_of(template, "ImageBucket")["Fn::If"]

    days = template["Parameters"]["RetentionDays"]["Default"]
    assert template["Parameters"]["ImageRetentionDays"]["Default"] == 2 * days
    assert template["Conditions"][condition] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "ImageRetentionDays"}, 0]}]}
    assert rules["Rules"] == [{"Id": "expire", "Status": "Enabled", "ExpirationInDays": {"Ref": "ImageRetentionDays"}}]
    assert none == {"Ref": "AWS::NoValue"}
