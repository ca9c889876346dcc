"""Messages of the ingest queue that come too late, or for the last time."""

from typing import Any
from unittest.mock import Mock

import pytest

from imagemill.adapters.aws import clients
from imagemill.adapters.store.items import key
from imagemill.adapters.store.jobs import start_job
from imagemill.domain.codes import JobStatus
from ingest.app import MAX_INGEST_RECEIVE_COUNT
from ingest.app import handler as ingest
from tests.support.account import CATALOGUE_BUCKET, ENVIRONMENT, JOB_ID, CrashError
from tests.support.sweep_rounds import catalogue, job_of


@pytest.mark.parametrize("changes", [{"status": JobStatus.COMPLETED}, {"run": 2}, {"status": JobStatus.REJECTED}])
def test_a_redrive_of_a_run_that_is_over_does_nothing(aws, context, event, changes):
    aws.start_job(catalogue(1)) if not changes.get("status") else aws.store_job(catalogue(1), **changes)
    if "run" in changes:
        clients.dynamodb().update_item(
            TableName=ENVIRONMENT["TABLE_NAME"],
            Key=key(f"JOB#{JOB_ID}", "JOB"),
            UpdateExpression="SET run = :run",
            ExpressionAttributeValues={":run": {"N": "2"}},
        )

    ingest(event("ingest_redrive"), context)

    assert aws.rows_sent() == []


def last_receive(event: Any, name: str) -> Any:
    arrival = event(name)
    arrival["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(MAX_INGEST_RECEIVE_COUNT)
    return arrival


def test_a_catalogue_that_becomes_a_dead_letter_is_explained_by_its_job(aws, context, event, monkeypatch):
    aws.store_job(catalogue(1))
    monkeypatch.setenv("PRODUCTS_QUEUE", "https://sqs.eu-central-1.amazonaws.com/123456789012/gone")
    monkeypatch.setattr("ingest.fan_out.start_job", lambda *_, **__: False)
    failing = event("ingest_upload")

    with pytest.raises(Exception, match="NonExistentQueue"):
        ingest(failing, context)
    assert job_of().status is JobStatus.QUEUED
    with pytest.raises(Exception, match="NonExistentQueue"):
        ingest(last_receive(event, "ingest_upload"), context)

    assert (job_of().status, [error["code"] for error in job_of().errors]) == (JobStatus.REJECTED, ["INGEST_FAILED"])
    assert aws.reports() == [f"{JOB_ID}-1"]


def test_a_job_that_has_begun_is_left_to_the_sweep_when_its_ingest_becomes_a_dead_letter(aws, context, event):
    aws.store_job(catalogue(1))
    start_job(JOB_ID, 1)
    clients.s3().delete_object(Bucket=CATALOGUE_BUCKET, Key=job_of().catalogue_key)

    for name in ("ingest_upload", "ingest_redrive"):
        with pytest.raises(Exception, match=r"NoSuchKey|^01K0"):
            ingest(last_receive(event, name), context)

    assert job_of().status is JobStatus.PROCESSING


def test_a_retry_is_not_rejected_for_a_letter_of_its_first_run(aws, context, event, monkeypatch):
    aws.store_job(catalogue(1), run=2)
    monkeypatch.setattr("ingest.app.fan_out", Mock(side_effect=CrashError))

    with pytest.raises(CrashError):
        ingest(last_receive(event, "ingest_upload"), context)

    assert job_of().status is JobStatus.QUEUED


def test_a_dead_letter_of_no_job_stays_what_it_is(aws, context, event):
    for name in ("ingest_upload", "ingest_drop"):
        with pytest.raises(Exception, match=r"01K0|404|Not Found"):
            ingest(last_receive(event, name), context)

    assert aws.reports() == []
