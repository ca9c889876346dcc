"""The sweep: whatever is lost of a job, the job ends, and its receivers are told."""

import time
from typing import Any

from ulid import ULID

from imagemill.adapters.aws import clients
from imagemill.adapters.store.items import key
from imagemill.adapters.store.jobs import create_job, end_job, reject_job
from imagemill.adapters.store.ledger import live_counts
from imagemill.adapters.store.reports import Checkpoint, advance_checkpoint, open_checkpoint
from imagemill.adapters.store.results import results_of_chunk
from imagemill.adapters.store.watch import note_reported
from imagemill.domain.codes import ImageCode, JobStatus, ProductStatus
from imagemill.domain.job import UPLOAD_GRACE_SECONDS, UPLOAD_SECONDS, ProductCounts, Totals
from imagemill.domain.product import ProductResult
from imagemill.domain.tally import Tally
from imagemill.kept import forget
from imagemill.steps.ledger import finish
from sweep.remedy import MAX_BURIALS, MAX_REDRIVES, MAX_REPEATS
from sweep.round import Finding
from tests.support.account import CATALOGUE_BUCKET, ENVIRONMENT, JOB_ID, a_job
from tests.support.results import finished, put_result
from tests.support.sweep_rounds import (
    DONE,
    STALLED,
    catalogue,
    execute,
    full_run,
    is_watched,
    item_of,
    job_of,
    messages_of,
    settle,
    work,
)

pytest_plugins = ["tests.support.sweep_fixtures"]


def test_an_ended_job_is_watched_until_its_receivers_are_told(aws, clock):
    full_run(aws)
    finish([finished(JOB_ID, 1, 1, ProductStatus.COMPLETED, 1)])
    end_job(JOB_ID, 1, JobStatus.COMPLETED, ProductCounts(completed=1), Totals(), "outputs/x.csv")

    execute(f"{JOB_ID}-1", "RUNNING")
    assert clock.rounds_until_stalled() == {Finding.WAITING: 1}
    settle(f"{JOB_ID}-1", "FAILED")
    assert clock.round(STALLED) == {Finding.REDRIVEN: 1}
    assert is_watched()
    assert aws.reports()[-1] == f"{JOB_ID}-1-r1"
    execute(f"{JOB_ID}-1-r1", "SUCCEEDED")
    assert clock.next_remedy() == {Finding.DONE: 1}

    assert not is_watched()
    assert "sweep" not in item_of()


def test_a_job_that_ended_as_it_should_costs_a_round_four_calls(aws, clock):
    full_run(aws)
    finish([finished(JOB_ID, 1, 1, ProductStatus.COMPLETED, 1)])
    end_job(JOB_ID, 1, JobStatus.COMPLETED, ProductCounts(completed=1), Totals(), "outputs/x.csv")
    execute(f"{JOB_ID}-1", "SUCCEEDED")

    with aws.calls() as calls:
        assert clock.round() == {Finding.DONE: 1}

    assert calls == ["Query", "GetItem", "DescribeExecution", "UpdateItem"]


def test_a_rejection_that_nobody_was_told_of_is_told(aws, clock):
    aws.store_job(catalogue(1))
    reject_job(JOB_ID, [])

    clock.rounds_until_stalled()

    assert aws.reports() == [f"{JOB_ID}-1"]


def test_receivers_that_cannot_be_told_are_given_up(aws, clock):
    aws.store_job(catalogue(1), status=JobStatus.REJECTED)

    for repeat in range(MAX_REPEATS):
        assert clock.next_remedy() == {Finding.REDRIVEN: 1}
        execute(f"{JOB_ID}-1-r{repeat}" if repeat else f"{JOB_ID}-1", "FAILED")

    assert clock.next_remedy() == {Finding.GIVEN_UP: 1}
    assert not is_watched()
    assert len(aws.reports()) == MAX_REPEATS


def test_a_rejection_whose_report_always_fails_is_given_up(aws, clock):
    aws.store_job(catalogue(1), status=JobStatus.REJECTED)

    for _ in range(MAX_REPEATS):
        assert clock.next_remedy() == {Finding.REDRIVEN: 1}

    assert clock.next_remedy() == {Finding.GIVEN_UP: 1}
    assert not is_watched()


def test_a_job_that_was_reported_to_nobody_is_not_looked_at(aws, clock):
    aws.store_job(catalogue(1), status=JobStatus.REJECTED)

    assert note_reported(JOB_ID, 1, JobStatus.REJECTED, is_over=True)

    assert clock.round() == {}
    assert not is_watched()


def test_a_job_whose_executions_are_forgotten_is_let_go(aws, clock):
    """Step Functions keeps them for 90 days."""
    aws.store_job(catalogue(1), status=JobStatus.REJECTED)
    note_reported(JOB_ID, 1, JobStatus.REJECTED, is_over=False)

    assert clock.round() == {Finding.DONE: 1}
    assert not is_watched()


def test_a_report_of_many_parts_is_left_alone_while_it_goes_on(aws, clock):
    full_run(aws)
    open_checkpoint(JOB_ID, 1, {"append": "upload"})

    assert clock.round() == {Finding.MOVING: 1}
    for row in range(2, 9):
        advance_checkpoint(JOB_ID, 1, Checkpoint(row, row, {"append": "upload"}, Tally()))
        assert clock.round(STALLED) == {Finding.MOVING: 1}
    assert clock.next_remedy() == {Finding.REDRIVEN: 1}

    assert aws.reports() == [f"{JOB_ID}-1"]


def test_a_job_that_a_retry_has_begun_meanwhile_stays_on_the_list(aws, clock):
    aws.store_job(catalogue(1), status=JobStatus.FAILED)
    clock.rounds_until_stalled()
    execute(f"{JOB_ID}-1", "SUCCEEDED")

    def retry(point: str) -> None:
        if point == "after DescribeExecution":
            clients.dynamodb().update_item(
                TableName=ENVIRONMENT["TABLE_NAME"],
                Key=key(f"JOB#{JOB_ID}", "JOB"),
                UpdateExpression="SET run = :two",
                ExpressionAttributeValues={":two": {"N": "2"}},
            )

    with aws.watched(retry):
        assert clock.round(2 * STALLED) == {Finding.TAKEN: 1}

    assert is_watched()


def test_a_job_whose_retention_is_over_is_forgotten(aws, clock, monkeypatch):
    aws.store_job(catalogue(1))
    monkeypatch.setenv("RETENTION_DAYS", "90")
    forget()

    assert clock.round() == {Finding.DONE: 1}
    assert not is_watched()


def upload_of_age(seconds: int, **changes: Any) -> str:
    job_id = str(ULID.from_timestamp(time.time() - seconds))
    create_job(a_job(job_id=job_id, status=JobStatus.AWAITING_UPLOAD, **changes))
    return job_id


def test_an_upload_that_never_came_is_rejected_when_it_can_no_longer_come(aws, clock):
    job_id = upload_of_age(0)
    clock.round()

    while clock.moment < time.time() + UPLOAD_SECONDS + UPLOAD_GRACE_SECONDS - STALLED:
        assert clock.round(STALLED) == {Finding.WAITING: 1}
    assert job_of(job_id).status is JobStatus.AWAITING_UPLOAD
    assert clock.next_remedy() == {Finding.REDRIVEN: 1}

    job = job_of(job_id)
    assert (job.status, [error["code"] for error in job.errors]) == (JobStatus.REJECTED, ["UPLOAD_EXPIRED"])
    assert "60 minutes" in job.errors[0]["message"]
    assert job.ended_at
    assert aws.reports() == [f"{job_id}-1"]


def test_a_catalogue_that_was_never_stored_is_rejected(aws, clock):
    create_job(a_job())

    assert clock.rounds_until_stalled() == {Finding.GIVEN_UP: 1}

    job = job_of()
    assert (job.status, [error["code"] for error in job.errors]) == (JobStatus.REJECTED, ["INGEST_FAILED"])
    assert aws.reports() == [f"{JOB_ID}-1"]


def test_a_job_that_ingest_never_takes_is_rejected_in_the_end(aws, clock):
    aws.store_job(catalogue(1))

    for _ in range(MAX_REDRIVES):
        assert clock.next_remedy() == {Finding.REDRIVEN: 1}
    assert clock.next_remedy() == {Finding.GIVEN_UP: 1}

    assert [error["code"] for error in job_of().errors] == ["INGEST_FAILED"]
    assert len(aws.messages("INGEST_QUEUE")) == MAX_REDRIVES
    assert aws.reports() == [f"{JOB_ID}-1"]


def test_products_that_vanish_again_and_again_end_as_crashed(aws, clock, take):
    aws.start_job(catalogue(3))
    work(messages_of(3)[:1])
    put_result(JOB_ID, 1, ProductResult(2, ProductStatus.PROCESSING, 2, (DONE,)))

    for _ in range(MAX_REDRIVES):
        assert clock.next_remedy() == {Finding.REDRIVEN: 1}
        take()
        assert aws.rows_sent() == [2, 3]
    assert clock.next_remedy() == {Finding.GIVEN_UP: 1}
    take()

    results = {result.row: result for result in results_of_chunk(JOB_ID, 0)}
    assert aws.rows_sent() == []
    assert results[2].images == (DONE,)
    assert (results[3].status, results[3].images[0].error) == (ProductStatus.FAILED, ImageCode.PROCESSING_CRASHED)
    assert live_counts(JOB_ID, 1) == ProductCounts(completed=2, failed=1)
    assert aws.reports() == [f"{JOB_ID}-1"]


def test_a_job_whose_catalogue_is_gone_ends_all_the_same(aws, clock):
    aws.start_job(catalogue(3))
    clients.s3().delete_object(Bucket=CATALOGUE_BUCKET, Key=job_of().catalogue_key)

    for _ in range(MAX_REDRIVES):
        assert clock.next_remedy() == {Finding.REDRIVEN: 1}
    for _ in range(MAX_BURIALS):
        assert clock.next_remedy() == {Finding.GIVEN_UP: 1}
    assert clock.next_remedy() == {Finding.GIVEN_UP: 1}

    asked = [message["redrive"]["give_up"] for message in aws.messages("INGEST_QUEUE")]
    assert sorted(asked) == [False] * MAX_REDRIVES + [True] * MAX_BURIALS
    assert (job_of().status, job_of().errors[0]["code"]) == (JobStatus.REJECTED, "INGEST_FAILED")


def test_a_report_that_always_fails_ends_the_job_after_days(aws, clock):
    full_run(aws)
    execute(f"{JOB_ID}-1", "FAILED")
    begun = clock.moment

    for repeat in range(1, MAX_REPEATS + 1):
        assert clock.next_remedy() == {Finding.REDRIVEN: 1}
        execute(f"{JOB_ID}-1-r{repeat}", "FAILED")
    assert clock.next_remedy() == {Finding.GIVEN_UP: 1}

    assert clock.moment - begun > 2 * 24 * 3600
    assert (job_of().status, job_of().errors[0]["code"]) == (JobStatus.REJECTED, "REPORT_FAILED")


def test_pauses_double_until_there_is_progress(aws, clock, take):
    aws.start_job(catalogue(3))
    pauses = []
    for _ in range(MAX_REDRIVES):
        before = clock.moment
        clock.next_remedy()
        pauses.append(clock.moment - before)

    work(messages_of(3)[:1])
    before = clock.moment
    assert clock.next_remedy() == {Finding.REDRIVEN: 1}

    assert pauses == [2 * STALLED, 2 * STALLED, 4 * STALLED]
    assert item_of()["sweep"]["redrives"] == 1
