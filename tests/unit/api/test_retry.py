"""POST /jobs/{id}/retry: only what failed is made again, in a new run that ends as exactly as the first."""

import json

import pytest

import ingest.app
import process.app
import report.app
import report.closing
from imagemill.adapters.store.jobs import end_job, get_job, queue_retry
from imagemill.adapters.store.ledger import live_counts
from imagemill.adapters.store.results import results_of_chunk
from imagemill.adapters.store.runs import get_retryable, note_retryable, open_retry
from imagemill.domain.codes import ImageCode, ImageStatus, JobSource, JobStatus, ProductStatus, RowCode
from imagemill.domain.job import Job, ProductCounts, Totals
from imagemill.domain.options import JobOptions
from imagemill.domain.product import ImageResult, ProductResult, row_fault, settled
from imagemill.domain.retryable import Retryable
from imagemill.errors import LostOutcomeError, UnfinishedProductError
from tests.support.account import CATALOGUE_BUCKET, JOB_ID, TENANT
from tests.support.results import put_result

CSV = b"S. No.,Product Name,Input Image Urls\r\n" + b"".join(
    b'%d,%s,"https://cdn.shop.example/%d-1.jpg,https://cdn.shop.example/%d-2.jpg"\r\n'
    % (row, b"" if row == 3 else b"P", row, row)
    for row in range(1, 5)
)


def done(position: int) -> ImageResult:
    key = f"images/00/{position}.jpg"
    return ImageResult(position, ImageStatus.COMPLETED, key=key, input_bytes=9, output_bytes=5, kept=False)


def gone(position: int) -> ImageResult:
    return ImageResult.failed(position, ImageCode.HTTP_STATUS, 404)


@pytest.fixture
def ended(aws, context, event) -> Job:
    """A job that ended PARTIAL: row 1 completed, 2 in part, 3 at fault itself, 4 failed."""
    aws.start_job(CSV)
    for result in (
        settled(1, 1, [done(1), done(2)]),
        settled(2, 2, [done(1), gone(2)]),
        row_fault(3, RowCode.MISSING_NAME),
        settled(4, 3, [gone(1), gone(2)]),
    ):
        put_result(JOB_ID, 1, result)
    report.app.handler(event("report_execution"), context)
    return job_of()


def job_of() -> Job:
    job = get_job(JOB_ID)
    assert job
    return job


def test_a_retry_is_accepted_and_answered_with_the_job_of_the_new_run(aws, caller, event, ended):
    document = caller.send(event("api_post_retry"))

    assert (caller.status, document["status"], document["run"]) == (202, "QUEUED", 2)
    assert (document["started_at"], document["ended_at"]) == (None, None)
    assert (document["images"], document["bytes"], document["links"]["output"]) == (None, None, None)
    assert document["products"] == {
        "total": 4,
        "pending": 2,
        "completed": 1,
        "partial": 0,
        "failed": 1,
        "cancelled": 0,
        "skipped": 0,
    }
    assert document["progress"] == 0.5
    assert caller.problem(caller.get(f"/jobs/{JOB_ID}/output")) == (409, "JOB_NOT_FINISHED")
    [asked] = event("ingest_retry")["Records"]
    assert aws.messages("INGEST_QUEUE") == [json.loads(asked["body"])]


def test_the_failed_products_alone_are_sent_with_their_number_as_ledger_size(aws, caller, context, event, ended):
    caller.send(event("api_post_retry"))

    ingest.app.handler(event("ingest_retry"), context)

    messages = sorted(aws.messages("PRODUCTS_QUEUE"), key=lambda message: message["row"])
    assert [(message["run"], message["row"], message["ledger_size"]) for message in messages] == [(2, 2, 2), (2, 4, 2)]
    assert messages[0]["urls"] == ["https://cdn.shop.example/2-1.jpg", "https://cdn.shop.example/2-2.jpg"]
    assert (job_of().status, job_of().run) == (JobStatus.PROCESSING, 2)
    assert job_of().started_at


def test_a_retry_that_is_fanned_out_again_finds_the_same_products(aws, caller, context, event, ended):
    caller.send(event("api_post_retry"))
    put_result(JOB_ID, 2, settled(2, 1, [done(1), done(2)]))
    put_result(JOB_ID, 2, ProductResult(4, ProductStatus.PROCESSING, 1))

    ingest.app.handler(event("ingest_retry"), context)

    sizes = {message["row"]: message["ledger_size"] for message in aws.messages("PRODUCTS_QUEUE")}
    assert sizes == {2: 2, 4: 2}


def test_products_that_wait_for_their_retry_are_pending_with_what_is_done(aws, caller, event, ended):
    caller.send(event("api_post_retry"))

    products = caller.get(f"/jobs/{JOB_ID}/products")["products"]

    assert [product["status"] for product in products] == ["COMPLETED", "PENDING", "FAILED", "PENDING"]
    assert [image["status"] for image in products[1]["images"]] == ["COMPLETED", "PENDING"]
    assert products[1]["images"][1]["error"] is None
    assert products[1]["images"][0]["output_url"]


def test_a_retried_product_makes_only_the_images_that_failed(aws, context, event, web, picture):
    put_result(JOB_ID, 1, settled(1, 3, [done(1), gone(2)]))
    open_retry(JOB_ID, 2, [0], ProductCounts())
    for path in ("/sku1-front.jpg", "/sku1-back.jpg"):
        web.route(path, picture)

    process.app.handler(event("process_retry", web.url), context)

    [result] = results_of_chunk(JOB_ID, 0)
    assert (result.run, result.status, result.attempts) == (2, ProductStatus.COMPLETED, 1)
    assert result.images[0] == done(1)
    assert (len(web.asked_for("/sku1-front.jpg")), len(web.asked_for("/sku1-back.jpg"))) == (0, 1)
    assert aws.reports() == [f"{JOB_ID}-2"]


def test_the_report_of_a_retry_counts_everything_anew(aws, caller, context, event, ended):
    caller.send(event("api_post_retry"))
    ingest.app.handler(event("ingest_retry"), context)
    put_result(JOB_ID, 2, settled(2, 1, [done(1), done(2)]))
    put_result(JOB_ID, 2, settled(4, 1, [done(1), gone(2)]))

    report.app.handler(event("report_retry"), context)

    job = job_of()
    assert (job.status, job.run, job.output_key) == (JobStatus.PARTIAL, 2, f"outputs/{TENANT}/{JOB_ID}/2.csv")
    assert job.counts == ProductCounts(completed=2, partial=1, failed=1)
    assert job.totals == Totals(images=6, images_completed=5, input_bytes=45, output_bytes=25)
    assert set(aws.objects(CATALOGUE_BUCKET, "outputs/")) == {f"outputs/{TENANT}/{JOB_ID}/{run}.csv" for run in (1, 2)}
    assert get_retryable(JOB_ID, 2) == Retryable((0,), ProductCounts(partial=1))


def test_a_report_that_comes_before_all_are_retried_fails(aws, caller, context, event, ended):
    caller.send(event("api_post_retry"))
    ingest.app.handler(event("ingest_retry"), context)
    put_result(JOB_ID, 2, settled(2, 1, [done(1), done(2)]))

    with pytest.raises(UnfinishedProductError, match="row 4"):
        report.app.handler(event("report_retry"), context)


def test_a_report_repeated_after_a_retry_began_tells_of_its_own_run(aws, caller, context, event):
    aws.start_job(CSV, JobOptions(webhook_url="https://shop.example/hook"))
    for row in range(1, 5):
        put_result(JOB_ID, 1, settled(row, 1, [done(1), gone(2)]))
    first = report.app.handler(event("report_execution"), context)
    caller.send(event("api_post_retry"))

    assert report.app.handler(event("report_execution"), context) == first == {"messages": [event("deliver")]}
    assert job_of().status is JobStatus.QUEUED


@pytest.mark.parametrize(
    ("status", "results"),
    [
        (JobStatus.COMPLETED, [settled(1, 1, [done(1)])]),
        (JobStatus.FAILED, [row_fault(1, RowCode.MISSING_NAME)]),
        (JobStatus.REJECTED, []),
        (JobStatus.CANCELLED, []),
    ],
)
def test_there_may_be_nothing_to_retry(aws, caller, event, context, status, results):
    aws.start_job(CSV[: CSV.index(b"2,P")])
    for result in results:
        put_result(JOB_ID, 1, result)
    if results:
        report.app.handler(event("report_execution"), context)
        assert job_of().status is status
    else:
        aws.reset()
        aws.store_job(CSV, status=status)
    if status is JobStatus.REJECTED:
        # A report had begun, but the job was given up before it came to its end.
        note_retryable(JOB_ID, 1, Retryable((0,), ProductCounts(failed=1)))
    items = aws.items()

    problem = caller.send(event("api_post_retry"))

    assert caller.problem(problem) == (409, "NOTHING_TO_RETRY")
    assert aws.items() == items
    assert aws.messages("INGEST_QUEUE") == []


@pytest.mark.parametrize("status", [JobStatus.AWAITING_UPLOAD, JobStatus.QUEUED, JobStatus.PROCESSING])
def test_a_job_that_runs_cannot_be_retried(aws, caller, event, status):
    aws.store_job(CSV, status=status)

    assert caller.problem(caller.send(event("api_post_retry"))) == (409, "JOB_NOT_FINISHED")
    assert aws.messages("INGEST_QUEUE") == []


def test_a_retry_that_runs_cannot_be_retried(aws, caller, context, event, ended):
    caller.send(event("api_post_retry"))
    ingest.app.handler(event("ingest_retry"), context)

    assert caller.problem(caller.send(event("api_post_retry"))) == (409, "JOB_NOT_FINISHED")
    assert job_of().run == 2


def test_a_retry_that_has_not_begun_is_asked_for_again(aws, caller, event, ended):
    caller.send(event("api_post_retry"))
    items = aws.items()

    document = caller.send(event("api_post_retry"))

    assert (caller.status, document["run"]) == (202, 2)
    assert aws.items() == items
    assert len(aws.messages("INGEST_QUEUE")) == 2


def test_a_crash_at_any_point_is_mended_by_the_next_call(aws, caller, event, ended):
    point = 0
    crashed = True
    while crashed:
        point += 1
        with aws.crash_at(point) as points:
            caller.send(event("api_post_retry"))
        crashed = len(points) == point

    assert (caller.status, job_of().run) == (202, 2)
    assert live_counts(JOB_ID, 2) == ProductCounts(completed=1, failed=1)
    assert aws.messages("INGEST_QUEUE")


def test_only_the_call_that_was_first_starts_the_run(ended):
    assert queue_retry(JOB_ID, 1)
    assert not queue_retry(JOB_ID, 1)
    assert job_of().run == 2


def test_a_retry_of_what_is_no_longer_kept_is_a_fault(aws, context, event):
    with pytest.raises(LostOutcomeError):
        ingest.app.handler(event("ingest_retry"), context)


def test_a_retried_drop_finds_the_new_output_in_its_outbox(aws, caller, context, event):
    aws.start_job(CSV, source=JobSource.DROP, drop_key=f"inbox/{TENANT}/summer.csv")
    for row in range(1, 5):
        put_result(JOB_ID, 1, settled(row, 1, [done(1), gone(2)]))
    report.app.handler(event("report_execution"), context)
    caller.send(event("api_post_retry"))
    ingest.app.handler(event("ingest_retry"), context)
    for row in range(1, 5):
        put_result(JOB_ID, 2, settled(row, 1, [done(1), done(2)]))

    report.app.handler(event("report_retry"), context)

    outbox = aws.objects(CATALOGUE_BUCKET, "outbox/")
    document = json.loads(outbox[f"outbox/{TENANT}/summer.{JOB_ID}.json"])
    assert (document["run"], document["status"]) == (2, "COMPLETED")
    output = aws.objects(CATALOGUE_BUCKET, "outputs/")[f"outputs/{TENANT}/{JOB_ID}/2.csv"]
    assert outbox[f"outbox/{TENANT}/summer.{JOB_ID}.csv"] == output
    assert len(outbox) == 3


def test_a_slow_report_does_not_leave_an_older_run_in_the_outbox(aws, caller, context, event):
    """A whole retry passes between the report's look at the job and its writing of the outbox."""
    aws.start_job(CSV, source=JobSource.DROP, drop_key=f"inbox/{TENANT}/summer.csv")
    for row in range(1, 5):
        put_result(JOB_ID, 1, settled(row, 1, [done(1), gone(2)]))
    begun: list[int] = []

    def retried_meanwhile(point: str) -> None:
        if point == "before CopyObject" and not begun:
            begun.append(1)
            caller.send(event("api_post_retry"))
            ingest.app.handler(event("ingest_retry"), context)
            for row in range(1, 5):
                put_result(JOB_ID, 2, settled(row, 1, [done(1), done(2)]))
            report.app.handler(event("report_retry"), context)

    with aws.watched(retried_meanwhile):
        report.app.handler(event("report_execution"), context)

    outbox = aws.objects(CATALOGUE_BUCKET, "outbox/")
    assert json.loads(outbox[f"outbox/{TENANT}/summer.{JOB_ID}.json"])["run"] == 2


def test_ending_without_the_cancellation_is_refused(aws, caller, event):
    aws.start_job(CSV)
    caller.send(event("api_post_cancel"))

    assert not end_job(JOB_ID, 1, JobStatus.COMPLETED, ProductCounts(), Totals(), "key")
    assert end_job(JOB_ID, 1, JobStatus.CANCELLED, ProductCounts(), Totals(), "key")
