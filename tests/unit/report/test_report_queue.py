"""Messages of the report queue: each run is closed and told of once, however often that is asked."""

import json
from collections.abc import Callable
from itertools import repeat
from typing import Any

import pytest

from imagemill import metrics
from imagemill.adapters.aws import clients
from imagemill.adapters.store.jobs import create_job, end_job, queue_retry, start_job
from imagemill.adapters.store.runs import keep_outcome
from imagemill.adapters.store.webhooks import create_webhook
from imagemill.domain.codes import JobStatus
from imagemill.domain.job import ProductCounts, Totals
from imagemill.domain.options import JobOptions
from imagemill.domain.report_request import ReportRequest
from imagemill.domain.webhooks.endpoint import Webhook
from imagemill.domain.webhooks.message import EventType
from imagemill.errors import UnfinishedProductError, UnreadableMessageError
from report import app, telling
from report.app import handler
from tests.support.account import JOB_ID, STATE_MACHINE, TENANT, a_job
from tests.support.caller import LambdaContext
from tests.support.finished_products import CSV, finish_products, job_of
from tests.support.sweep_rounds import is_watched, settle

HOOK = JobOptions(webhook_url="https://shop.example/hook")


def input_of(execution: str) -> Any:
    arn = f"{STATE_MACHINE.replace(':stateMachine:', ':execution:')}:{execution}"
    return json.loads(clients.step_functions().describe_execution(executionArn=arn)["input"])


def asked(event: Callable[[str], Any], **changes: int) -> Any:
    given = event("report")
    record = given["Records"][0]
    record["body"] = json.dumps(json.loads(record["body"]) | changes)
    return given


def test_a_job_with_nobody_to_tell_ends_without_an_execution_and_leaves_the_list(aws, context, event):
    aws.start_job(CSV)
    finish_products()

    handler(event("report"), context)

    assert (job_of().status, job_of().reported) == (JobStatus.PARTIAL, 1)
    assert aws.executions() == []
    assert not is_watched()


def test_a_job_with_receivers_starts_the_execution_of_its_run_and_stays_on_the_list(aws, context, event):
    aws.start_job(CSV, HOOK)
    finish_products()

    handler(event("report"), context)

    assert aws.executions() == [f"{JOB_ID}-1"]
    assert input_of(f"{JOB_ID}-1") == {"messages": [event("deliver")]}
    assert is_watched()


@pytest.mark.parametrize("options", [None, HOOK])
def test_a_message_that_comes_again_changes_nothing(aws, context, event, options):
    aws.start_job(CSV, options)
    finish_products()
    handler(event("report"), context)
    items, executions = aws.items(), aws.executions()

    with aws.calls() as calls:
        handler(event("report"), context)

    assert (aws.items(), aws.executions()) == (items, executions)
    assert calls == ["GetItem"]


def test_an_execution_that_failed_is_repeated_under_the_name_that_is_asked(aws, context, event):
    aws.start_job(CSV, HOOK)
    finish_products()
    handler(event("report"), context)
    settle(f"{JOB_ID}-1", "FAILED")

    handler(asked(event, repeat=1), context)

    assert aws.executions() == [f"{JOB_ID}-1", f"{JOB_ID}-1-r1"]
    assert input_of(f"{JOB_ID}-1-r1") == input_of(f"{JOB_ID}-1")


@pytest.mark.parametrize("options", [None, HOOK])
def test_a_crash_at_any_point_is_mended_by_the_next_receive(aws, context, event, options):
    aws.start_job(CSV, options)
    finish_products()
    point, crashed = 0, True
    while crashed:
        point += 1
        with aws.crash_at(point) as points:
            handler(event("report"), context)
        # A report that fails still says when to come again.
        crashed = len(points) >= point

    assert (job_of().status, job_of().reported) == (JobStatus.PARTIAL, 1)
    assert aws.executions() == ([f"{JOB_ID}-1"] if options else [])
    assert is_watched() is bool(options)


def test_the_end_is_counted_once(aws, context, event, capsys):
    aws.start_job(CSV)
    finish_products()
    for _ in range(3):
        handler(event("report"), context)
    handler(event("report_execution"), context)

    counted = [line for line in capsys.readouterr().out.splitlines() if '"JobsEnded"' in line]
    assert len(counted) == 1
    metrics.forget_counts()


def test_a_retry_that_has_begun_meanwhile_keeps_its_place_on_the_list(aws, caller, context, event, monkeypatch):
    aws.start_job(CSV)
    finish_products()
    monkeypatch.setattr(telling, "deliveries_of", lambda *_: caller.send(event("api_post_retry")) and [])

    handler(event("report"), context)

    assert (job_of().status, job_of().run, job_of().reported) == (JobStatus.QUEUED, 2, 0)
    assert is_watched()


def test_of_an_earlier_run_is_told_although_the_later_one_is_reported(aws, context, event):
    """Its report died before it told anybody, and comes again when the retry is over."""
    aws.start_job(CSV, HOOK)
    finish_products()
    with aws.watched(_dying_before("StartExecution")), pytest.raises(RuntimeError):
        handler(event("report"), context)
    create_webhook(Webhook("01K0B4A8W3N6T9Z2C5H7KMQRVX", TENANT, "https://a/", (EventType.JOB_FAILED,), ""), "x")
    _finish_a_second_run()

    handler(event("report_retry"), context)
    handler(event("report"), context)

    assert aws.executions() == [f"{JOB_ID}-1", f"{JOB_ID}-2"]


def _dying_before(operation: str) -> Callable[[str], None]:
    def die(point: str) -> None:
        if point == f"before {operation}":
            raise RuntimeError(point)

    return die


def _finish_a_second_run() -> None:
    keep_outcome(job_of())
    assert queue_retry(JOB_ID, 1)
    assert start_job(JOB_ID, 3, 2)
    assert end_job(JOB_ID, 2, JobStatus.PARTIAL, ProductCounts(partial=3), Totals(), "outputs/x.csv")


def test_a_report_that_fails_comes_again_within_its_rest(aws, context, event, monkeypatch):
    aws.start_job(CSV)
    rests = []
    monkeypatch.setattr(app, "show_report_again_after", lambda handle, seconds: rests.append((handle, seconds)))
    for receives in (1, 3, 20):
        given = event("report")
        given["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(receives)
        with pytest.raises(UnfinishedProductError):
            handler(given, context)

    assert {handle for handle, _ in rests} == {event("report")["Records"][0]["receiptHandle"]}
    assert all(0 <= seconds <= most for (_, seconds), most in zip(rests, (2, 8, 300), strict=True))


def test_a_message_that_nobody_of_ours_wrote_is_a_fault(aws, context, event, monkeypatch):
    monkeypatch.setattr(app, "show_report_again_after", lambda *_: None)
    given = event("report")
    for body in ("{}", "no", '{"job_id": 1, "run": 1, "repeat": 0}'):
        given["Records"][0]["body"] = body
        with pytest.raises(UnreadableMessageError):
            handler(given, context)


def test_a_run_that_has_not_ended_is_left_alone(aws, context, event):
    create_job(a_job(status=JobStatus.AWAITING_UPLOAD))

    handler(event("report"), context)

    assert job_of().reported == 0
    assert is_watched()


def test_a_report_whose_time_is_over_asks_for_another(aws, event, monkeypatch):
    monkeypatch.setattr("imagemill.adapters.aws.multipart.PART_BYTES", 1)
    aws.start_job(CSV)
    finish_products()

    out_of_time: Any = LambdaContext(repeat(0))
    handler(event("report"), out_of_time)

    assert [json.loads(body) for body in aws.bodies("REPORT_QUEUE")] == [
        {"job_id": JOB_ID, "run": 1, "repeat": 0},
    ]
    assert ReportRequest.from_json(ReportRequest(JOB_ID, 1, 2).to_json()) == ReportRequest(JOB_ID, 1, 2)
    assert job_of().status is JobStatus.PROCESSING
