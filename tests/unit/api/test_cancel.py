"""POST /jobs/{id}/cancel: who is answered what, and that the job ends once."""

from typing import Any

import pytest

import ingest.app
import ingest.fan_out
from imagemill.adapters.store.jobs import create_job, get_job, start_job
from imagemill.domain.codes import ImageStatus, JobStatus
from imagemill.domain.job import Job, ProductCounts
from imagemill.domain.options import JobOptions
from imagemill.domain.product import ImageResult, settled
from report.app import handler as report
from tests.support.account import CATALOGUE_BUCKET, JOB_ID, OTHER_TENANT, a_job
from tests.support.results import get_current_results, put_result

CSV = b"S. No.,Product Name,Input Image Urls\r\n1,A,https://a/1.jpg\r\n2,B,https://a/2.jpg\r\n"
DONE = ImageResult(1, ImageStatus.COMPLETED, key="images/00/1.jpg", input_bytes=9, output_bytes=5)


def job_of() -> Job:
    job = get_job(JOB_ID)
    assert job
    return job


def is_cancelled(run: int) -> bool:
    return (JOB_ID, run) in get_current_results([(JOB_ID, run, 1)]).cancelled


def test_a_cancellation_is_accepted_and_answered_with_the_job(aws, caller, event):
    aws.start_job(CSV)

    job = caller.send(event("api_post_cancel"))

    assert (caller.status, job["job_id"], job["status"]) == (202, JOB_ID, "PROCESSING")
    assert job_of().cancelled_at
    assert is_cancelled(1)


def test_cancelling_again_changes_nothing(aws, caller, event):
    aws.start_job(CSV)
    caller.send(event("api_post_cancel"))
    items, moment = aws.items(), job_of().cancelled_at

    caller.send(event("api_post_cancel"))

    assert caller.status == 202
    assert (aws.items(), job_of().cancelled_at) == (items, moment)


@pytest.mark.parametrize("status", [status for status in JobStatus if status.has_ended])
def test_an_ended_job_cannot_be_cancelled(aws, caller, event, status):
    aws.store_job(CSV, status=status, output_key="outputs/1.csv")

    problem = caller.send(event("api_post_cancel"))

    assert caller.problem(problem) == (409, "JOB_ALREADY_ENDED")
    assert not is_cancelled(1)


@pytest.mark.parametrize("action", ["cancel", "retry"])
def test_another_tenants_job_does_not_exist(aws, caller, event, action):
    aws.start_job(CSV)
    items = aws.items()

    for document in (
        caller.send(event(f"api_post_{action}"), tenant=OTHER_TENANT),
        caller.act("01K0000000000000000000000Z", action),
        caller.act("x", action),
    ):
        assert caller.problem(document) == (404, "JOB_NOT_FOUND")
    assert aws.items() == items


def test_a_crash_at_any_point_is_mended_by_the_next_call(aws, caller, event):
    aws.start_job(CSV)
    point = 0
    crashed = True
    while crashed:
        point += 1
        with aws.crash_at(point) as points:
            caller.send(event("api_post_cancel"))
        crashed = len(points) == point

    assert caller.status == 202
    assert is_cancelled(1)


def test_a_job_that_awaits_its_upload_ends_at_once_and_tells(aws, caller, context, event):
    hook = JobOptions(webhook_url="https://shop.example/hook")
    create_job(a_job(hook, status=JobStatus.AWAITING_UPLOAD))

    document = caller.send(event("api_post_cancel"))

    assert (caller.status, document["status"], document["progress"]) == (202, "CANCELLED", 1.0)
    assert document["ended_at"]
    assert document["images"] == {"total": 0, "completed": 0, "failed": 0, "reused": 0}
    assert document["links"]["output"] is None
    assert aws.reports() == [f"{JOB_ID}-1"]
    assert report(event("report_execution"), context) == {"messages": [event("deliver")]}
    assert aws.objects(CATALOGUE_BUCKET) == {}
    assert caller.problem(caller.get(f"/jobs/{JOB_ID}/output")) == (409, "JOB_NOT_FINISHED")
    assert caller.get(f"/jobs/{JOB_ID}/products") == {"products": [], "next_cursor": None}


def test_an_upload_that_comes_after_the_cancellation_is_ignored(aws, caller, context, event):
    aws.store_job(CSV, status=JobStatus.AWAITING_UPLOAD)
    caller.send(event("api_post_cancel"))
    items = aws.items()

    ingest.app.handler(event("ingest_upload"), context)

    assert aws.rows_sent() == []
    assert aws.items() == items


def test_an_upload_whose_ingest_is_under_way_when_the_job_is_cancelled_starts_nothing(
    aws, caller, context, event, monkeypatch
):
    aws.store_job(CSV, status=JobStatus.AWAITING_UPLOAD)

    def cancelled_meanwhile(*given: Any, **named: Any) -> bool:
        caller.send(event("api_post_cancel"))
        return start_job(*given, **named)

    monkeypatch.setattr(ingest.fan_out, "start_job", cancelled_meanwhile)
    ingest.app.handler(event("ingest_upload"), context)

    assert aws.rows_sent() == []
    assert job_of().status is JobStatus.CANCELLED


def test_an_upload_that_was_first_is_cancelled_like_any_job(aws, caller, event, monkeypatch):
    """The call has read the job as awaiting its upload; the write tells it otherwise."""
    aws.store_job(CSV, status=JobStatus.AWAITING_UPLOAD)
    awaited = job_of()
    start_job(JOB_ID, 2)
    monkeypatch.setattr("api.jobs.get_job", lambda _: awaited)

    document = caller.send(event("api_post_cancel"))

    assert (caller.status, document["status"]) == (202, "PROCESSING")
    assert is_cancelled(1)


def test_a_report_that_a_crash_left_out_is_asked_for_by_the_next_call(aws, caller, event):
    create_job(a_job(status=JobStatus.AWAITING_UPLOAD))
    with aws.crash_at(5) as points:
        caller.send(event("api_post_cancel"))
    assert points[-1] == "before SendMessage"
    assert aws.reports() == []

    assert caller.problem(caller.send(event("api_post_cancel"))) == (409, "JOB_ALREADY_ENDED")

    assert aws.reports() == [f"{JOB_ID}-1"]


def test_a_job_cancelled_after_its_last_product_ends_cancelled_all_the_same(aws, caller, context, event):
    aws.start_job(CSV)
    for row in (1, 2):
        put_result(JOB_ID, 1, settled(row, 1, [DONE]))
    caller.send(event("api_post_cancel"))

    report(event("report_execution"), context)

    assert (job_of().status, job_of().counts) == (JobStatus.CANCELLED, ProductCounts(completed=2))


def test_a_cancellation_between_the_reports_look_and_its_last_word_is_heard(aws, caller, context, event):
    aws.start_job(CSV)
    for row in (1, 2):
        put_result(JOB_ID, 1, settled(row, 1, [DONE]))
    told: list[int] = []

    def cancel_before_the_end(point: str) -> None:
        if point == "before UpdateItem" and not told:
            told.append(1)
            caller.send(event("api_post_cancel"))

    with aws.watched(cancel_before_the_end):
        report(event("report_execution"), context)

    assert caller.status == 202
    assert job_of().status is JobStatus.CANCELLED
    assert len(aws.objects(CATALOGUE_BUCKET, "outputs/")) == 1
