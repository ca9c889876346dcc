"""The ingest function: catalogues that have arrived are fanned out, one message a product."""

import json
import tracemalloc
from collections.abc import Collection
from io import BytesIO

import pytest

from imagemill.adapters.aws import clients
from imagemill.adapters.aws.queues import send_products
from imagemill.adapters.store.jobs import create_job, get_job, reject_job
from imagemill.adapters.store.ledger import live_counts
from imagemill.adapters.store.results import results_of_chunk
from imagemill.adapters.store.runs import open_run
from imagemill.domain.catalogue.inspection import CHUNK_ROWS, inspect
from imagemill.domain.catalogue.rows import read_rows
from imagemill.domain.codes import JobStatus, ProductStatus, RowCode
from imagemill.domain.job import Job, ProductCounts
from imagemill.domain.options import ImageOptions, JobOptions, OutputFormat
from imagemill.domain.product import row_fault
from imagemill.errors import NoSuchJobError
from ingest.app import handler
from ingest.fan_out import _start_products
from tests.support.account import CATALOGUE_BUCKET, JOB_ID, TENANT, a_job
from tests.support.caller import context_of
from tests.support.results import put_result

HEADER = b"S. No.,Product Name,Input Image Urls\r\n"


def catalogue(rows: int) -> bytes:
    return HEADER + b"".join(b"%d,SKU%d,https://a/%d.jpg\r\n" % (row, row, row) for row in range(1, rows + 1))


def mostly_faulty(rows: int, good: Collection[int]) -> bytes:
    """A catalogue in which only some rows become messages."""
    return HEADER + b"".join(
        b"%d,%s,https://a/%d.jpg\r\n" % (row, b"SKU" if row in good else b"", row) for row in range(1, rows + 1)
    )


def job_of(job_id: str = JOB_ID) -> Job:
    job = get_job(job_id)
    assert job
    return job


def test_an_upload_becomes_one_message_a_product(aws, context, event):
    options = JobOptions(ImageOptions(quality=70, format=OutputFormat.WEBP))
    aws.store_job(HEADER + b'1,A,"https://a/1.jpg,https://a/2.jpg"\r\n2,B,https://a/3.jpg\r\n', options)

    handler(event("ingest_upload"), context)

    expected = {"job_id": JOB_ID, "run": 1, "ledger_size": 2, "options": options.image.as_dict(), "tenant": TENANT}
    assert sorted(aws.messages("PRODUCTS_QUEUE"), key=lambda message: message["row"]) == [
        {**expected, "row": 1, "urls": ["https://a/1.jpg", "https://a/2.jpg"]},
        {**expected, "row": 2, "urls": ["https://a/3.jpg"]},
    ]
    assert (job_of().status, job_of().products) == (JobStatus.PROCESSING, 2)
    assert job_of().started_at
    assert aws.reports() == []


def test_a_catalogue_that_nobody_has_inspected_is_inspected_first(aws, context, event):
    """That of a drop: its copy is the first that is read of it."""
    job = a_job()
    create_job(job)
    clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=job.catalogue_key, Body=catalogue(3))

    handler(event("ingest_upload"), context)

    assert aws.rows_sent() == [1, 2, 3]
    assert job_of().products == 3


def test_every_message_says_how_many_rows_its_chunk_has(aws, context, event):
    aws.store_job(mostly_faulty(201, good={1, 200, 201}))

    handler(event("ingest_upload"), context)

    sizes = {message["row"]: message["ledger_size"] for message in aws.messages("PRODUCTS_QUEUE")}
    assert sizes == {1: 200, 200: 200, 201: 1}


@pytest.mark.parametrize(
    "line", [b"%d,A,https://a/%s\r\n", b"%d,,https://a/1.jpg,%s\r\n", b"%d,%s,https://a/1.jpg\r\n"]
)
def test_the_rows_of_a_chunk_are_not_held_together(aws, line):
    csv = HEADER + b"".join(line % (row, b"x" * 150_000) for row in range(1, 81))
    inspection = inspect(BytesIO(csv))
    rows = read_rows(BytesIO(csv[inspection.chunk_offsets[0] :]), inspection.layout, 1)
    job = a_job()
    open_run(JOB_ID, job.run, 1)
    # Clients are made before memory is counted.
    put_result(JOB_ID, job.run, row_fault(100, RowCode.MISSING_NAME))
    send_products([], TENANT)
    tracemalloc.start()

    _start_products(job, 0, rows, CHUNK_ROWS)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(csv) / 2


def test_rows_at_fault_fail_at_once_and_the_others_go_on(aws, context, event):
    aws.store_job(HEADER + b"1,,https://a/1.jpg\r\n2,B,https://a/2.jpg\r\n,C,\r\n")

    handler(event("ingest_upload"), context)

    failed = list(results_of_chunk(JOB_ID, 0))
    assert [(result.row, result.status, result.error) for result in failed] == [
        (1, ProductStatus.FAILED, RowCode.MISSING_NAME),
        (3, ProductStatus.FAILED, RowCode.MISSING_SERIAL),
    ]
    assert live_counts(JOB_ID, 1) == ProductCounts(failed=2)
    assert aws.rows_sent() == [2]


def test_a_catalogue_of_faulty_rows_alone_ends_at_once(aws, context, event):
    aws.store_job(HEADER + b"1,,https://a/1.jpg\r\n2,B,\r\n")

    handler(event("ingest_upload"), context)

    assert aws.rows_sent() == []
    assert aws.reports() == [f"{JOB_ID}-1"]


def test_a_crash_at_any_point_is_mended_by_the_redelivery(aws, context, event):
    csv = HEADER + b"1,,https://a/1.jpg\r\n2,B,\r\n"
    aws.store_job(csv)
    handler(event("ingest_upload"), context)
    undisturbed = aws.items()

    point = 0
    crashed = True
    while crashed:
        point += 1
        aws.reset()
        aws.store_job(csv)
        with aws.crash_at(point) as points:
            handler(event("ingest_upload"), context)
        crashed = len(points) == point
        handler(event("ingest_upload"), context)
        assert aws.items() == undisturbed

    assert point > 20
    assert aws.reports() == [f"{JOB_ID}-1"]


def test_running_again_writes_the_same(aws, context, event):
    aws.store_job(HEADER + b"1,,https://a/1.jpg\r\n2,B,https://a/2.jpg\r\n")
    handler(event("ingest_upload"), context)
    once = aws.items()

    handler(event("ingest_upload"), context)

    assert aws.items() == once
    assert aws.rows_sent() == [2, 2]


def test_when_time_is_short_the_rest_is_left_to_a_continuation_with_identical_results(aws, context, event):
    csv = mostly_faulty(402, good={1, 200, 201, 402})
    aws.store_job(csv)
    handler(event("ingest_upload"), context)
    in_one_go = (aws.items(), aws.rows_sent())
    aws.reset()
    aws.store_job(csv)

    handler(event("ingest_upload"), context_of(19_999))
    [continuation] = aws.messages("INGEST_QUEUE")
    first_part = aws.rows_sent()
    handler(event("ingest_continue"), context)

    assert first_part == [1, 200]
    assert continuation == json.loads(event("ingest_continue")["Records"][0]["body"])
    assert (aws.items(), first_part + aws.rows_sent()) == in_one_go


def test_however_short_the_time_an_invocation_gets_a_chunk_further(aws, event):
    aws.store_job(mostly_faulty(201, good={1, 201}))

    handler(event("ingest_upload"), context_of(0))

    assert aws.messages("INGEST_QUEUE") == [{"continue": {"job_id": JOB_ID, "chunk": 1}}]
    assert aws.rows_sent() == [1]


def test_a_continuation_behind_the_end_has_nothing_to_do(aws, context, event):
    aws.store_job(catalogue(2))

    handler(event("ingest_continue"), context)

    assert aws.rows_sent() == []


@pytest.mark.parametrize(
    ("csv", "code"), [(b"", "EMPTY_FILE"), (HEADER, "NO_ROWS"), (b"a,b\r\n1,2\r\n", "MISSING_COLUMNS")]
)
def test_a_refused_catalogue_ends_its_job_with_the_error(aws, context, event, csv, code):
    job = a_job()
    create_job(job)
    clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=job.catalogue_key, Body=csv)

    handler(event("ingest_upload"), context)

    rejected = job_of()
    assert (rejected.status, [error["code"] for error in rejected.errors]) == (JobStatus.REJECTED, [code])
    assert rejected.ended_at
    assert aws.reports() == [f"{JOB_ID}-1"]
    assert aws.rows_sent() == []


def test_a_malformed_line_is_kept_as_a_number(aws, context, event):
    job = a_job()
    create_job(job)
    clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=job.catalogue_key, Body=catalogue(1) + b'2,"A"b,x\r\n')

    handler(event("ingest_upload"), context)

    assert [(error["code"], error["line"]) for error in job_of().errors] == [("MALFORMED_CSV", 3)]


def test_a_rejection_whose_completion_was_not_started_starts_it_when_it_comes_again(aws, context, event):
    aws.store_job(catalogue(1))
    reject_job(JOB_ID, [{"code": "NO_ROWS", "message": "", "row": None, "column": None}])

    handler(event("ingest_upload"), context)

    assert aws.reports() == [f"{JOB_ID}-1"]
    assert aws.rows_sent() == []


def test_an_ended_job_is_left_alone(aws, context, event):
    aws.store_job(catalogue(1), status=JobStatus.COMPLETED)

    handler(event("ingest_upload"), context)

    assert aws.rows_sent() == []
    assert aws.reports() == []


def test_an_upload_of_no_job_is_a_fault(aws, context, event):
    with pytest.raises(NoSuchJobError):
        handler(event("ingest_upload"), context)


def test_the_test_event_of_a_new_bucket_is_nothing(aws, context, event):
    with aws.calls() as calls:
        handler(event("ingest_s3_test_event"), context)

    assert calls == []


@pytest.mark.parametrize(("rows", "status"), [(3, JobStatus.PROCESSING), (4, JobStatus.REJECTED)])
def test_a_catalogue_of_too_many_rows_is_rejected_whole(aws, context, event, monkeypatch, rows, status):
    monkeypatch.setitem(inspect.__kwdefaults__, "max_rows", 3)
    job = a_job()
    create_job(job)
    clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=job.catalogue_key, Body=catalogue(rows))

    handler(event("ingest_upload"), context)

    assert job_of().status is status
    assert [error["code"] for error in job_of().errors] == ["TOO_MANY_ROWS"] * (rows - 3)
    assert len(aws.rows_sent()) == (3 if status is JobStatus.PROCESSING else 0)
