"""Outputs of several parts: a report goes on from the last one, after its time was over, a crash, or beside another."""

from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any

import pytest
from moto.s3 import models as moto_s3
from moto.s3.exceptions import NoSuchUpload

from imagemill.adapters.aws import clients, multipart
from imagemill.adapters.store.reports import rows_reported
from imagemill.adapters.store.runs import get_retryable
from imagemill.domain.catalogue import inspection
from imagemill.domain.codes import ImageCode, JobSource, JobStatus
from imagemill.domain.job import Job
from imagemill.domain.options import JobOptions, OutputMode
from imagemill.domain.product import ImageResult, settled
from imagemill.errors import LostUploadError, ReportUnfinishedError
from imagemill.kept import forget
from report.app import handler
from tests.support.account import CATALOGUE_BUCKET, JOB_ID, TENANT
from tests.support.caller import LambdaContext
from tests.support.finished_products import completed, job_of
from tests.support.results import put_result

ROWS = 20
CSV = b"S. No.,Product Name,Input Image Urls\r\n" + b"".join(
    b"%d,SKU%d,https://a/%d.jpg\r\n" % (row, row, row) for row in range(1, ROWS + 1)
)
OUTPUTS = (f"outputs/{TENANT}/{JOB_ID}/1.csv", f"outputs/{TENANT}/{JOB_ID}/1.replace.csv")
DROP: dict[str, Any] = {"source": JobSource.DROP, "drop_key": f"inbox/{TENANT}/summer.csv"}


@pytest.fixture(autouse=True)
def small_parts(aws, monkeypatch):
    """A part has two or three rows, a chunk three."""
    monkeypatch.setattr(inspection, "CHUNK_ROWS", 3)
    monkeypatch.setattr(multipart, "PART_BYTES", 100)
    monkeypatch.setattr(moto_s3, "S3_UPLOAD_PART_MIN_SIZE", 1)
    upload_part = moto_s3.S3Backend.upload_part

    def as_s3(self: Any, bucket_name: str, multipart_id: str, part_id: int, value: bytes) -> Any:
        """moto falls over a part of an upload that is gone."""
        if multipart_id not in self.get_bucket(bucket_name).multiparts:
            raise NoSuchUpload(upload_id=multipart_id)
        return upload_part(self, bucket_name, multipart_id, part_id, value)

    monkeypatch.setattr(moto_s3.S3Backend, "upload_part", as_s3)


def started(aws: Any, options: JobOptions | None = None, **changes: Any) -> Job:
    """A job whose products have all ended, every third without its image."""
    job: Job = aws.start_job(CSV, options, **changes)
    for row in range(1, ROWS + 1):
        image = completed(1) if row % 3 else ImageResult.failed(1, ImageCode.TIMEOUT)
        put_result(JOB_ID, 1, settled(row, 1, [image]))
    return job


def context_of(milliseconds: Iterator[int]) -> Any:
    return LambdaContext(milliseconds)


def in_one_go(aws: Any, monkeypatch: pytest.MonkeyPatch, **changes: Any) -> tuple[Any, dict[str, bytes]]:
    """How the job ends when its outputs are of one part."""
    monkeypatch.setattr(multipart, "PART_BYTES", 10**6)
    started(aws, **changes)
    handler({"job_id": JOB_ID, "run": 1}, context_of(repeat(300_000)))
    seen = end_of(aws)
    aws.reset()
    monkeypatch.setattr(multipart, "PART_BYTES", 100)
    return seen


def end_of(aws: Any) -> tuple[Any, dict[str, bytes]]:
    job = job_of()
    objects = {key: body for key, body in aws.objects(CATALOGUE_BUCKET).items() if key.endswith(".csv")}
    return (job.status, job.counts, job.totals, job.output_key, get_retryable(JOB_ID, 1)), objects


@pytest.mark.parametrize(
    "changes", [{}, DROP, {**DROP, "options": JobOptions(output=OutputMode.REPLACE)}], ids=["api", "drop", "replacing"]
)
def test_a_report_whose_time_runs_out_after_every_part_comes_to_the_same_end(aws, monkeypatch, changes):
    expected = in_one_go(aws, monkeypatch, **changes)
    started(aws, **changes)
    invocations, reported = 0, [0]

    while job_of().status is JobStatus.PROCESSING:
        invocations += 1
        try:
            handler({"job_id": JOB_ID, "run": 1}, context_of(repeat(0)))
        except ReportUnfinishedError:
            assert rows_reported(JOB_ID, 1) > reported[-1]
            reported.append(rows_reported(JOB_ID, 1))

    assert end_of(aws) == expected
    assert invocations > ROWS // 4
    assert uploads_left() == []


def test_each_row_is_read_once_by_whoever_goes_on(aws):
    """But for those of the chunk in the middle of which the one before had to end."""
    started(aws)
    with aws.calls() as calls, pytest.raises(ReportUnfinishedError):
        handler({"job_id": JOB_ID, "run": 1}, context_of(chain([300_000] * 3, repeat(0))))
    first = calls.count("Query")

    with aws.calls() as calls:
        handler({"job_id": JOB_ID, "run": 1}, context_of(repeat(300_000)))

    chunks = -(-ROWS // 3)
    assert first > 2
    assert first + calls.count("Query") - 1 <= chunks + 1  # the last query is for the tenant's endpoints


def test_a_crash_at_any_point_is_gone_on_from(aws, monkeypatch):
    expected = in_one_go(aws, monkeypatch, **DROP)
    point, crashed = 0, True
    while crashed:
        point += 1
        aws.reset()
        started(aws, **DROP)
        with aws.crash_at(point) as points:
            handler({"job_id": JOB_ID, "run": 1}, context_of(repeat(300_000)))
        crashed = len(points) == point
        handler({"job_id": JOB_ID, "run": 1}, context_of(repeat(300_000)))
        assert end_of(aws) == expected, f"death at point {point}: {points[-1]}"

    assert point > 2 * ROWS


@pytest.mark.parametrize("point", range(1, 60, 7))
def test_two_reports_at_once_write_the_same(aws, monkeypatch, point):
    expected = in_one_go(aws, monkeypatch, **DROP)
    started(aws, **DROP)
    points = 0

    def another(_: str) -> None:
        nonlocal points
        points += 1
        if points == point:
            handler({"job_id": JOB_ID, "run": 1}, context_of(repeat(300_000)))

    with aws.watched(another):
        try:
            handler({"job_id": JOB_ID, "run": 1}, context_of(repeat(300_000)))
        except LostUploadError:
            handler({"job_id": JOB_ID, "run": 1}, context_of(repeat(300_000)))

    assert end_of(aws) == expected


def test_an_upload_that_was_cleared_away_is_begun_anew(aws, monkeypatch):
    expected = in_one_go(aws, monkeypatch)
    started(aws)
    with pytest.raises(ReportUnfinishedError):
        handler({"job_id": JOB_ID, "run": 1}, context_of(repeat(0)))
    for upload in uploads_left():
        clients.s3().abort_multipart_upload(Bucket=CATALOGUE_BUCKET, Key=upload["Key"], UploadId=upload["UploadId"])

    with pytest.raises(LostUploadError):
        handler({"job_id": JOB_ID, "run": 1}, context_of(repeat(300_000)))
    assert rows_reported(JOB_ID, 1) == 0
    handler({"job_id": JOB_ID, "run": 1}, context_of(repeat(300_000)))

    assert end_of(aws) == expected


def test_an_upload_that_was_cleared_away_at_its_end_is_begun_anew(aws):
    started(aws)

    def clear(point: str) -> None:
        if point == "before ListParts":
            for upload in uploads_left():
                keys = {"Bucket": CATALOGUE_BUCKET, "Key": upload["Key"], "UploadId": upload["UploadId"]}
                clients.s3().abort_multipart_upload(**keys)

    with aws.watched(clear), pytest.raises(LostUploadError):
        handler({"job_id": JOB_ID, "run": 1}, context_of(repeat(300_000)))
    handler({"job_id": JOB_ID, "run": 1}, context_of(repeat(300_000)))

    assert job_of().status is JobStatus.PARTIAL


def test_a_small_output_is_one_object_without_a_checkpoint(aws, monkeypatch, context):
    monkeypatch.setattr(multipart, "PART_BYTES", 10**6)
    started(aws)

    with aws.calls() as calls:
        handler({"job_id": JOB_ID, "run": 1}, context)

    assert calls.count("PutObject") == 1
    assert "CreateMultipartUpload" not in calls
    assert not [item for item in aws.items() if item["sk"].startswith("REPORT#")]


def test_a_fault_of_s3_that_is_no_lost_upload_is_raised_as_it_is(aws, monkeypatch):
    monkeypatch.setenv("CATALOGUE_BUCKET", "none")
    forget()

    with pytest.raises(clients.s3().exceptions.NoSuchBucket):
        multipart.complete_upload("outputs/none.csv", "some")
    with pytest.raises(clients.s3().exceptions.NoSuchBucket):
        multipart.put_part("outputs/none.csv", "some", 1, b"")


def uploads_left() -> list[Any]:
    return list(clients.s3().list_multipart_uploads(Bucket=CATALOGUE_BUCKET).get("Uploads", []))
