"""Catalogues dropped into the bucket's inbox (contract A5): which become a job, and under what name."""

import json
from urllib.parse import quote_plus

import pytest
from botocore.exceptions import ClientError

from imagemill.adapters.aws import clients
from imagemill.adapters.store.jobs import get_job, reject_job
from imagemill.domain.codes import JobStatus
from imagemill.domain.job import Job
from imagemill.domain.options import ImageOptions, JobOptions
from ingest import drop
from ingest.app import handler
from tests.support.account import CATALOGUE_BUCKET, TENANT

DROP_KEY = f"inbox/{TENANT}/summer 2025/café & bar.csv"


def catalogue(rows: int) -> bytes:
    lines = [b"%d,SKU%d,https://a/%d.jpg\r\n" % (row, row, row) for row in range(1, rows + 1)]
    return b"S. No.,Product Name,Input Image Urls\r\n" + b"".join(lines)


def _job(job_id: str) -> Job:
    job = get_job(job_id)
    assert job
    return job


class Drop:
    """A catalogue put into the inbox, and the event of its arrival."""

    def __init__(self, event, csv: bytes = b"", key: str = DROP_KEY, **metadata: str) -> None:
        answer = clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=key, Body=csv, Metadata=metadata)
        self.event = event("ingest_drop")
        notification = json.loads(self.event["Records"][0]["body"])
        described = notification["Records"][0]["s3"]["object"]
        described["versionId"] = answer["VersionId"]
        # As S3 writes keys in events.
        described["key"] = self.key = quote_plus(key)
        self.event["Records"][0]["body"] = json.dumps(notification)

    def rename(self, key: str) -> None:
        body = self.event["Records"][0]["body"]
        self.event["Records"][0]["body"] = body.replace(self.key, quote_plus(key))


def dropped_jobs(aws) -> list[Job]:
    ids = sorted({item["job_id"] for item in aws.items() if item["sk"] == "JOB"})
    return [_job(job_id) for job_id in ids]


def test_a_drop_becomes_a_job_whose_catalogue_is_copied_to_the_uploads(aws, context, event):
    arrival = Drop(event, catalogue(2), **{"quality": "70", "client-reference": "summer"})

    handler(arrival.event, context)

    [job] = dropped_jobs(aws)
    assert (job.status, job.source, job.tenant, job.filename) == (JobStatus.QUEUED, "drop", TENANT, "café & bar.csv")
    assert job.drop_key == DROP_KEY
    assert job.options == JobOptions(ImageOptions(quality=70), client_reference="summer")
    assert aws.objects(CATALOGUE_BUCKET, "uploads/") == {f"uploads/{TENANT}/{job.job_id}.csv": catalogue(2)}


def test_the_same_object_event_twice_starts_one_job(aws, context, event):
    arrival = Drop(event, catalogue(2))

    handler(arrival.event, context)
    handler(arrival.event, context)

    assert len(dropped_jobs(aws)) == 1


def test_a_new_version_of_the_object_starts_a_new_job(aws, context, event):
    handler(Drop(event, catalogue(2)).event, context)
    handler(Drop(event, catalogue(3)).event, context)

    jobs = dropped_jobs(aws)
    sizes = sorted(len(body) for body in aws.objects(CATALOGUE_BUCKET, "uploads/").values())
    assert len(jobs) == 2
    assert sizes == [len(catalogue(2)), len(catalogue(3))]


def test_an_old_version_is_read_as_it_was(aws, context, event):
    first = Drop(event, catalogue(2))
    Drop(event, catalogue(3))

    handler(first.event, context)

    assert list(aws.objects(CATALOGUE_BUCKET, "uploads/").values()) == [catalogue(2)]


def test_without_versions_the_content_tells_objects_apart(aws, context, event):
    arrival = Drop(event, catalogue(2))
    notification = json.loads(arrival.event["Records"][0]["body"])
    del notification["Records"][0]["s3"]["object"]["versionId"]
    arrival.event["Records"][0]["body"] = json.dumps(notification)

    handler(arrival.event, context)

    [job] = dropped_jobs(aws)
    assert list(aws.objects(CATALOGUE_BUCKET, "uploads/")) == [job.catalogue_key]


def test_a_drop_that_has_begun_is_not_copied_again(aws, context, event):
    arrival = Drop(event, catalogue(2))
    handler(arrival.event, context)
    [job] = dropped_jobs(aws)
    reject_job(job.job_id, [])
    clients.s3().delete_object(Bucket=CATALOGUE_BUCKET, Key=job.catalogue_key)

    handler(arrival.event, context)

    assert aws.objects(CATALOGUE_BUCKET, "uploads/") == {}


def test_a_drop_with_an_invalid_option_is_rejected_and_told(aws, context, event):
    arrival = Drop(event, catalogue(2), quality="96")

    handler(arrival.event, context)

    [job] = dropped_jobs(aws)
    assert (job.status, [error["code"] for error in job.errors]) == (JobStatus.REJECTED, ["INVALID_OPTION"])
    assert "quality" in job.errors[0]["message"]
    assert job.ended_at == job.created_at
    assert aws.reports() == [f"{job.job_id}-1"]
    assert aws.objects(CATALOGUE_BUCKET, "uploads/") == {}


LONGEST_NAME = "ü" * ((drop.MAX_KEY_BYTES - len(f"inbox/{TENANT}/.csv")) // 2)


@pytest.mark.parametrize(
    "key",
    [
        "inbox/shop.csv",
        "inbox//shop.csv",
        f"inbox/{TENANT}/",
        f"inbox/{TENANT}/shop.xlsx",
        f"inbox/{TENANT}/shop.csv.part",
        f"inbox/{TENANT}/{LONGEST_NAME}ü.csv",
    ],
)
def test_what_is_no_catalogue_in_a_tenants_inbox_is_left_alone_with_a_warning(aws, context, event, key, caplog):
    arrival = Drop(event, catalogue(1), key)

    with aws.calls() as calls:
        handler(arrival.event, context)

    assert calls == []
    assert dropped_jobs(aws) == []
    assert [(record.levelname, "inbox/<tenant>/<name>.csv" in record.message) for record in caplog.records] == [
        ("WARNING", True)
    ]


@pytest.mark.parametrize(
    ("name", "filename"),
    [
        ("a b+c%20d.csv", "a b+c%20d.csv"),
        ("Möbel & Stühle/日本/é.csv", "é.csv"),
        ("2025/07/shop.CSV", "shop.CSV"),
        (".csv", ".csv"),
        ("'quote\"?#[x]*.csv", "'quote\"?#[x]*.csv"),
        (f"{LONGEST_NAME}.csv", f"{LONGEST_NAME}.csv"),
    ],
)
def test_a_drop_may_have_any_name(aws, context, event, name, filename):
    arrival = Drop(event, catalogue(2), f"inbox/{TENANT}/{name}")

    handler(arrival.event, context)

    [job] = dropped_jobs(aws)
    assert (job.tenant, job.filename, job.drop_key) == (TENANT, filename, f"inbox/{TENANT}/{name}")
    assert list(aws.objects(CATALOGUE_BUCKET, "uploads/").values()) == [catalogue(2)]
    outbox = f"outbox/{TENANT}/{name[: -len('.csv')]}.{job.job_id}.json"
    assert len(outbox.encode()) <= 1_024


@pytest.mark.parametrize("excess", [0, 1])
def test_a_drop_of_the_largest_size_is_taken(aws, context, event, monkeypatch, excess):
    monkeypatch.setattr(drop, "MAX_DROP_BYTES", len(catalogue(10)) - excess)

    handler(Drop(event, catalogue(10)).event, context)

    [job] = dropped_jobs(aws)
    assert [error["code"] for error in job.errors] == ["FILE_TOO_LARGE"] * excess
    assert len(aws.objects(CATALOGUE_BUCKET, "uploads/")) == 1 - excess


def test_a_drop_that_is_gone_is_a_fault(aws, context, event):
    arrival = Drop(event, catalogue(1))
    arrival.rename(f"inbox/{TENANT}/gone.csv")

    with pytest.raises(ClientError):
        handler(arrival.event, context)
