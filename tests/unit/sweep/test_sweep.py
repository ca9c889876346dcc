"""The sweep: a healthy job is left alone, and what is missing in a stalled one is started again."""

import time

import pytest
from ulid import ULID

from imagemill.adapters.aws import clients
from imagemill.adapters.aws.queues import queues_are_idle
from imagemill.adapters.store.items import key
from imagemill.adapters.store.jobs import create_job
from imagemill.adapters.store.ledger import add_rows, live_counts
from imagemill.adapters.store.watch import due_jobs
from imagemill.domain.codes import JobStatus, ProductStatus
from imagemill.domain.job import ProductCounts
from imagemill.domain.product import ProductResult, settled
from imagemill.errors import JobsNotSweptError
from imagemill.steps.ledger import finish
from ingest.app import handler as ingest
from sweep.app import handler
from sweep.round import Finding, Round
from tests.support.account import ENVIRONMENT, JOB_ID, OTHER_JOB_ID, a_job
from tests.support.caller import context_of
from tests.support.emf import emf_lines
from tests.support.results import finished, put_result
from tests.support.sweep_rounds import (
    DONE,
    STALLED,
    catalogue,
    execute,
    full_run,
    item_of,
    job_of,
    messages_of,
    mostly_faulty,
    work,
)

pytest_plugins = ["tests.support.sweep_fixtures"]


def test_a_job_that_makes_progress_is_left_alone(aws, clock):
    aws.start_job(catalogue(20))

    for row in range(1, 20):
        put_result(JOB_ID, 1, settled(row, 1, [DONE]))
        finish([finished(JOB_ID, 1, row, ProductStatus.COMPLETED, 20)])
        assert clock.round(10 * STALLED) == {Finding.MOVING: 1}

    assert aws.messages("INGEST_QUEUE") == []
    assert aws.reports() == []


def test_a_job_is_not_looked_at_before_it_is_due(aws, clock):
    aws.start_job(catalogue(2))
    clock.round()

    assert clock.round(STALLED - 1) == {}


def test_a_backlog_is_no_stall_until_it_has_lasted_twelve_times_as_long(aws, clock):
    aws.start_job(catalogue(2))
    clock.are_idle = False
    clock.round()

    waiting = [clock.round(STALLED) for _ in range(11)]

    assert waiting == [{Finding.WAITING: 1}] * 11
    assert aws.messages("INGEST_QUEUE") == []
    assert clock.round(STALLED) == {Finding.REDRIVEN: 1}


@pytest.mark.parametrize("queue", ["INGEST_QUEUE", "PRODUCTS_QUEUE"])
@pytest.mark.parametrize("state", ["waiting", "in work", "resting"])
def test_queues_are_idle_when_nothing_waits_is_in_work_or_rests(aws, queue, state):
    assert queues_are_idle()

    url = ENVIRONMENT[queue]
    clients.sqs().send_message(QueueUrl=url, MessageBody="{}", DelaySeconds=60 if state == "resting" else 0)
    if state == "in work":
        clients.sqs().receive_message(QueueUrl=url)

    assert not queues_are_idle()


def test_a_completion_that_runs_is_waited_for(aws, clock):
    """One of release 0.1, whose executions report."""
    full_run(aws)
    execute(f"{JOB_ID}-1", "RUNNING")

    clock.rounds_until_stalled()

    assert clock.round(STALLED * 50) == {Finding.WAITING: 1}
    assert aws.reports() == []


def test_a_catalogue_whose_event_was_lost_is_fanned_out(aws, clock, take):
    aws.store_job(catalogue(3))

    assert clock.rounds_until_stalled() == {Finding.REDRIVEN: 1}
    take()

    assert aws.rows_sent() == [1, 2, 3]
    assert job_of().status is JobStatus.PROCESSING


def test_an_upload_whose_event_was_lost_is_fanned_out(aws, clock, take):
    aws.store_job(catalogue(3), status=JobStatus.AWAITING_UPLOAD)

    clock.rounds_until_stalled()
    take()

    assert aws.rows_sent() == [1, 2, 3]


def test_an_ingest_that_stopped_goes_on(aws, clock, take, event):
    aws.store_job(mostly_faulty(402, good=[1, 200, 201, 402]))
    ingest(event("ingest_upload"), context_of(0))
    work(aws.messages("PRODUCTS_QUEUE"))
    aws.messages("INGEST_QUEUE")  # the continuation is lost

    clock.rounds_until_stalled()
    take()

    sent = aws.messages("PRODUCTS_QUEUE")
    assert sorted(message["row"] for message in sent) == [201, 402]
    assert live_counts(JOB_ID, 1) == ProductCounts(completed=2, failed=398)
    work(sent)
    assert aws.reports() == [f"{JOB_ID}-1"]
    assert live_counts(JOB_ID, 1) == ProductCounts(completed=4, failed=398)


def test_a_redrive_that_is_short_of_time_goes_on_in_a_new_message(aws, clock, event, take):
    aws.store_job(mostly_faulty(402, good=[1, 201, 402]))
    ingest(event("ingest_upload"), context_of(0))
    aws.messages("PRODUCTS_QUEUE")
    aws.messages("INGEST_QUEUE")

    ingest(event("ingest_redrive"), context_of(0))

    assert aws.rows_sent() == [1]
    [continuation] = aws.messages("INGEST_QUEUE")
    assert continuation == {"redrive": {"job_id": JOB_ID, "run": 1, "chunk": 1, "give_up": False}}


def test_of_messages_that_vanished_only_the_missing_are_sent_again(aws, clock, take, context, event):
    aws.store_job(catalogue(5))
    ingest(event("ingest_upload"), context)
    work([message for message in aws.messages("PRODUCTS_QUEUE") if message["row"] in {2, 4}])
    put_result(JOB_ID, 1, ProductResult(5, ProductStatus.PROCESSING, 1))

    clock.rounds_until_stalled()
    asked = take()

    assert asked == [{"redrive": {"job_id": JOB_ID, "run": 1, "chunk": 0, "give_up": False}}]
    again = sorted(aws.messages("PRODUCTS_QUEUE"), key=lambda message: message["row"])
    assert again == [message for message in messages_of(5) if message["row"] in {1, 3, 5}]


def test_results_that_never_came_into_the_ledger_are_entered(aws, clock, take):
    aws.start_job(catalogue(3))
    for row in (1, 2, 3):
        put_result(JOB_ID, 1, settled(row, 1, [DONE]))

    clock.rounds_until_stalled()
    take()

    assert aws.rows_sent() == []
    assert live_counts(JOB_ID, 1) == ProductCounts(completed=3)
    assert aws.reports() == [f"{JOB_ID}-1"]


def test_a_full_chunk_that_its_run_does_not_know_of_is_closed(aws, clock, take):
    aws.start_job(catalogue(3))
    for row in (1, 2, 3):
        put_result(JOB_ID, 1, settled(row, 1, [DONE]))
    add_rows(JOB_ID, 1, 0, {ProductStatus.COMPLETED: [1, 2, 3]})

    clock.rounds_until_stalled()
    take()

    assert aws.reports() == [f"{JOB_ID}-1"]
    assert live_counts(JOB_ID, 1) == ProductCounts(completed=3)


def test_a_full_run_whose_completion_never_started_is_completed(aws, clock):
    full_run(aws)

    assert clock.rounds_until_stalled() == {Finding.REDRIVEN: 1}

    assert aws.reports() == [f"{JOB_ID}-1"]
    assert aws.messages("INGEST_QUEUE") == []


@pytest.mark.parametrize("status", ["FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"])
def test_a_completion_that_ended_without_ending_the_job_is_repeated_under_another_name(aws, clock, status):
    full_run(aws)
    execute(f"{JOB_ID}-1", status)

    assert clock.rounds_until_stalled() == {Finding.REDRIVEN: 1}

    assert aws.reports() == [f"{JOB_ID}-1-r1"]
    execute(f"{JOB_ID}-1-r1", "RUNNING")
    assert clock.round(20 * STALLED) == {Finding.WAITING: 1}


def test_of_two_rounds_at_once_one_redrives(aws, clock):
    aws.store_job(catalogue(1))
    clock.round()
    clock.moment += STALLED
    [entry] = due_jobs(clock.moment)
    watch = Round(clock.moment, STALLED, are_idle=True)

    findings = [watch.look_after(entry), watch.look_after(entry)]

    assert findings == [Finding.REDRIVEN, Finding.TAKEN]
    assert len(aws.messages("INGEST_QUEUE")) == 1


def test_a_round_that_crashes_at_any_point_is_made_up_for_by_the_next(aws, clock, take):
    crashed, point = True, 0
    while crashed:
        point += 1
        aws.reset()
        aws.messages("INGEST_QUEUE")
        aws.store_job(catalogue(1))
        clock.round()
        clock.moment += STALLED
        with aws.crash_at(point) as points:
            for entry in due_jobs(clock.moment):
                Round(clock.moment, STALLED, are_idle=True).look_after(entry)
        crashed = len(points) == point
        asked = aws.messages("INGEST_QUEUE")
        if not asked:
            assert clock.next_remedy() == {Finding.REDRIVEN: 1}
            asked = aws.messages("INGEST_QUEUE")
        assert len(asked) == 1

    assert point > 5


def test_a_job_that_cannot_be_swept_stops_no_other_and_is_behind_them_in_the_next_round(aws, context, event, caplog):
    aws.store_job(catalogue(1))
    aws.store_job(catalogue(1), job_id=OTHER_JOB_ID)
    clients.dynamodb().update_item(
        TableName=ENVIRONMENT["TABLE_NAME"],
        Key=key(f"JOB#{JOB_ID}", "JOB"),
        UpdateExpression="SET sweep = :note",
        ExpressionAttributeValues={":note": {"M": {"of": {"S": "another version"}}}},
    )

    with pytest.raises(JobsNotSweptError, match="1 jobs"):
        handler(event("sweep"), context)

    assert [vars(record)["job_id"] for record in caplog.records if record.levelname == "ERROR"] == [JOB_ID]
    assert item_of(OTHER_JOB_ID)["sweep"]["status"] == "QUEUED"
    assert item_of(JOB_ID)["gsi2sk"] >= item_of(OTHER_JOB_ID)["gsi2sk"]


def test_what_there_is_no_time_for_comes_first_in_the_next_round(aws, event):
    ids = [str(ULID.from_timestamp(time.time() - age)) for age in range(5)]
    for job_id in ids:
        aws.store_job(catalogue(1), job_id=job_id)

    first = handler(event("sweep"), context_of(300_000, 300_000, 29_999))
    second = handler(event("sweep"), context_of(*[300_000] * 10))

    assert (first, second) == ({"MOVING": 2}, {"MOVING": 3})


def test_jobs_that_are_given_up_are_counted_for_the_alarm(aws, context, event, monkeypatch, template, capsys):
    create_job(a_job())
    monkeypatch.setenv("STALLED_SECONDS", "0")

    assert handler(event("sweep"), context) == {"GIVEN_UP": 1}

    [line] = emf_lines(capsys.readouterr().out)
    alarm = template["Resources"]["JobsGivenUpAlarm"]["Properties"]
    assert (line.namespace, line.values[alarm["MetricName"]]) == (alarm["Namespace"], [1])
    assert list(line.dimensions) == [dimension["Name"] for dimension in alarm["Dimensions"]]


def test_redrives_are_counted_for_the_alarm(aws, context, event, monkeypatch, template, capsys):
    aws.store_job(catalogue(1))
    monkeypatch.setenv("STALLED_SECONDS", "0")

    assert handler(event("sweep"), context) == {"REDRIVEN": 1}

    [line] = emf_lines(capsys.readouterr().out)
    alarm = template["Resources"]["SweepRedrivesAlarm"]["Properties"]
    assert (line.namespace, line.values[alarm["MetricName"]]) == (alarm["Namespace"], [1])
