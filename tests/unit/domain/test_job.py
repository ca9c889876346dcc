"""Jobs: their ids, their statuses, and how callers see them."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagemill.adapters.store.jobs import create_job, end_job, get_job, reject_job, start_job
from imagemill.domain.clock import now
from imagemill.domain.codes import JobSource, JobStatus, ProductStatus
from imagemill.domain.ids import job_id_of_object, new_id
from imagemill.domain.job import ProductCounts, Totals, final_status, job_document, job_id_of_upload
from imagemill.domain.options import ImageOptions, JobOptions, OutputFormat
from tests.support.account import JOB_ID, a_job

MOMENT = datetime(2025, 7, 18, 13, 42, 9, tzinfo=UTC)
ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")

counts = st.builds(ProductCounts, *[st.integers(0, 1_000)] * 4)


@pytest.mark.parametrize(
    ("products", "status"),
    [
        (ProductCounts(completed=3), JobStatus.COMPLETED),
        (ProductCounts(completed=3, failed=1), JobStatus.PARTIAL),
        (ProductCounts(partial=1), JobStatus.PARTIAL),
        (ProductCounts(partial=1, failed=5), JobStatus.PARTIAL),
        (ProductCounts(failed=5), JobStatus.FAILED),
        (ProductCounts(completed=3, cancelled=1), JobStatus.CANCELLED),
    ],
)
def test_a_jobs_status_follows_from_its_products(products, status):
    assert final_status(products) is status


@given(counts)
def test_a_final_status_is_one_of_the_ended(products):
    assert final_status(products).has_ended


@given(counts, st.sampled_from([status for status in ProductStatus if status.has_ended]))
def test_one_more_product_is_one_more_of_its_status_and_in_all(products, status):
    more = products.plus(status)

    assert more.ended == products.ended + 1
    assert getattr(more, status.value.lower()) == getattr(products, status.value.lower()) + 1


@given(counts, counts)
def test_counts_add_up(one, other):
    assert (one + other).ended == one.ended + other.ended
    assert one + other == other + one


def test_the_time_is_in_utc_to_the_millisecond():
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", now())
    assert abs(datetime.fromisoformat(now()) - datetime.now(UTC)) < timedelta(seconds=5)


def test_new_ids_are_ulids_and_differ():
    ids = {new_id() for _ in range(100)}

    assert len(ids) == 100
    assert all(ULID.fullmatch(job_id) for job_id in ids)


def test_an_object_version_has_one_job_id():
    place = ("bucket", "inbox/t/a.csv", "version", MOMENT)

    assert job_id_of_object(*place) == job_id_of_object(*place)
    assert ULID.fullmatch(job_id_of_object(*place))


@pytest.mark.parametrize(
    ("bucket", "key", "version"),
    [("other", "a.csv", "v"), ("bucket", "b.csv", "v"), ("bucket", "a.csv", "w"), ("bucketa", ".csv", "v")],
)
def test_another_object_has_another_job_id(bucket, key, version):
    assert job_id_of_object(bucket, key, version, MOMENT) != job_id_of_object("bucket", "a.csv", "v", MOMENT)


def test_ids_of_objects_sort_by_age():
    ids = [job_id_of_object("b", "k", str(-day), MOMENT + timedelta(days=day)) for day in range(5)]

    assert ids == sorted(ids)


def test_the_job_can_be_told_from_the_key_of_its_upload():
    assert job_id_of_upload(a_job().catalogue_key) == JOB_ID


def test_the_document_is_the_contracts():
    job = a_job(
        JobOptions(ImageOptions(format=OutputFormat.WEBP), "https://shop.example/hook", "order-1"),
        status=JobStatus.PARTIAL,
        products=4,
        started_at="2025-07-18T13:42:10.000Z",
        ended_at="2025-07-18T13:43:00.000Z",
        totals=Totals(images=6, images_completed=5, input_bytes=1_000, output_bytes=300),
        output_key="outputs/a.csv",
    )
    link = f"{job.api_url}/jobs/{JOB_ID}"

    assert job_document(job, ProductCounts(completed=3, failed=1)) == {
        "job_id": JOB_ID,
        "status": "PARTIAL",
        "source": "api",
        "filename": "products.csv",
        "client_reference": "order-1",
        "created_at": "2025-07-18T13:42:08.417Z",
        "started_at": "2025-07-18T13:42:10.000Z",
        "ended_at": "2025-07-18T13:43:00.000Z",
        "options": {
            "quality": 50,
            "format": "webp",
            "max_width": None,
            "max_height": None,
            "progressive": False,
            "metadata": "strip",
            "webhook_url": "https://shop.example/hook",
            "feed": "auto",
            "serial_column": None,
            "name_column": None,
            "urls_column": None,
            "base_url": None,
            "encoding": None,
            "output": "append",
            "reuse": "auto",
        },
        "csv": None,
        "products": {"total": 4, "pending": 0, "completed": 3, "partial": 0, "failed": 1, "cancelled": 0, "skipped": 0},
        "images": {"total": 6, "completed": 5, "failed": 1, "reused": 0},
        "bytes": {"input": 1_000, "output": 300, "saved": 700},
        "progress": 1.0,
        "run": 1,
        "unchanged_since": None,
        "schedule_id": None,
        "errors": [],
        "links": {"self": link, "products": f"{link}/products", "output": f"{link}/output"},
    }


@pytest.mark.parametrize(
    ("status", "total", "done", "progress"),
    [
        (JobStatus.QUEUED, 0, 0, 0.0),
        (JobStatus.PROCESSING, 1_000, 999, 0.99),
        (JobStatus.PROCESSING, 100, 29, 0.29),
        (JobStatus.PROCESSING, 100, 57, 0.57),
        (JobStatus.PROCESSING, 3, 1, 0.33),
        (JobStatus.REJECTED, 0, 0, 1.0),
    ],
)
def test_progress_is_rounded_down_and_full_only_at_the_end(status, total, done, progress):
    job = a_job(status=status, products=total)

    assert job_document(job, ProductCounts(completed=done))["progress"] == progress


def test_a_job_comes_back_as_it_was_written(aws):
    job = a_job(
        JobOptions(ImageOptions(80, OutputFormat.AVIF, 10, 20, progressive=True), "https://a/hook", "x"),
        products=7,
        drop_key="inbox/t/a.csv",
        source=JobSource.DROP,
        errors=({"row": None, "column": None, "code": "MALFORMED_CSV", "message": "m", "line": 3},),
        ended_at="2025-07-18T13:43:00.000Z",
    )

    assert create_job(job)
    assert get_job(JOB_ID) == job


def test_a_job_is_created_once(aws):
    create_job(a_job())

    assert not create_job(a_job(filename="other.csv"))
    assert get_job(JOB_ID) == a_job()


def test_a_job_that_is_not_there_is_none(aws):
    assert get_job(JOB_ID) is None


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.AWAITING_UPLOAD])
def test_a_waiting_job_can_start_or_be_rejected_once(aws, status):
    started, rejected = new_id(), new_id()
    for job_id in (started, rejected):
        create_job(a_job(job_id=job_id, status=status))

    assert start_job(started, 3)
    assert not start_job(started, 3)
    assert reject_job(rejected, [])
    assert not reject_job(rejected, [])


@pytest.mark.parametrize("status", [JobStatus.COMPLETED, JobStatus.REJECTED, JobStatus.CANCELLED])
def test_an_ended_job_stays_as_it_is(aws, status):
    job = a_job(status=status)
    create_job(job)

    assert not start_job(JOB_ID, 3)
    assert not reject_job(JOB_ID, [])
    assert not end_job(JOB_ID, 1, JobStatus.FAILED, ProductCounts(), Totals(), "key")
    assert get_job(JOB_ID) == job


def test_the_first_end_of_a_run_stands(aws):
    create_job(a_job(status=JobStatus.PROCESSING))
    totals = Totals(1, 1, 9, 5)

    assert end_job(JOB_ID, 1, JobStatus.COMPLETED, ProductCounts(completed=1), totals, "outputs/1.csv")
    ended = get_job(JOB_ID)
    assert not end_job(JOB_ID, 1, JobStatus.FAILED, ProductCounts(failed=1), Totals(), "outputs/2.csv")

    assert ended
    assert get_job(JOB_ID) == ended
    assert ended == replace(
        a_job(status=JobStatus.COMPLETED),
        ended_at=ended.ended_at,
        counts=ProductCounts(completed=1),
        totals=totals,
        output_key="outputs/1.csv",
    )


def test_another_run_than_the_jobs_cannot_end_it(aws):
    create_job(a_job(status=JobStatus.PROCESSING, run=2))

    assert not end_job(JOB_ID, 1, JobStatus.FAILED, ProductCounts(failed=1), Totals(), "outputs/1.csv")
