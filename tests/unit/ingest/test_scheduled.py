"""Schedules that are due: each starts one job, whatever fires twice, and tells what came of it."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

import ingest.scheduled
from imagemill.adapters.aws.timers import set_timer
from imagemill.adapters.store.jobs import get_job, reject_job
from imagemill.adapters.store.schedules import change_schedule, delete_schedule, get_schedule, note_run, put_schedule
from imagemill.domain.codes import JobSource, JobStatus
from imagemill.domain.ids import created_seconds, job_id_of_run, new_id
from imagemill.domain.ingest_messages import RunSchedule, to_json
from imagemill.domain.options import ImageOptions, JobOptions
from imagemill.domain.schedule import KEPT_RUNS, Schedule, ScheduledRun
from imagemill.errors import UnreadableMessageError
from ingest.app import handler
from tests.support.account import OTHER_TENANT, TENANT

AT = "2026-11-25T03:00:00Z"
OPTIONS = JobOptions(ImageOptions(quality=60), client_reference="nightly")


def a_schedule(schedule_id: str | None = None, *, enabled: bool = True) -> Schedule:
    url = "https://shop.example/feeds/google.csv?token=secret"
    made = "2026-11-24T00:00:00.000Z"
    return Schedule(schedule_id or new_id(), TENANT, url, "google.csv", "PT1H", None, made, OPTIONS, enabled=enabled)


@pytest.fixture
def schedule(aws):
    made = a_schedule()
    put_schedule(made)
    return made


@pytest.fixture
def fire(context):
    def firing(schedule: Schedule, at: str = AT, tenant: str = TENANT) -> None:
        body = to_json(RunSchedule(tenant, schedule.schedule_id, at))
        record = {"messageId": "m", "body": body, "attributes": {"ApproximateReceiveCount": "1"}}
        handler({"Records": [record]}, context)

    return firing


def runs_of(schedule: Schedule) -> tuple[ScheduledRun, ...]:
    kept = get_schedule(schedule.tenant, schedule.schedule_id)
    assert kept
    return kept.runs


def job_of(aws: Any) -> Any:
    [asked] = aws.messages("INGEST_QUEUE")
    return get_job(asked["fetch"]["job_id"])


def test_a_schedule_that_is_due_starts_a_job(aws, schedule, fire):
    fire(schedule)

    job = job_of(aws)
    assert (job.source, job.status, job.tenant) == (JobSource.URL, JobStatus.QUEUED, TENANT)
    assert (job.source_url, job.filename, job.options) == (schedule.source_url, "google.csv", OPTIONS)
    assert job.schedule_id == schedule.schedule_id
    assert runs_of(schedule) == (ScheduledRun(AT, job.job_id),)


def test_a_timer_that_fires_twice_starts_one_job(aws, schedule, fire, caller):
    for at in (AT, AT, "2026-11-25T03:00:00+00:00", "2026-11-25T04:00:00+01:00"):
        fire(schedule, at)

    asked = {message["fetch"]["job_id"] for message in aws.messages("INGEST_QUEUE")}
    assert len(asked) == 1
    assert len(caller.get("/jobs")["jobs"]) == 1
    fire(schedule, "2026-11-25T04:00:00Z")
    assert len(caller.get("/jobs")["jobs"]) == 2


def test_ids_differ_by_schedule_and_time():
    first, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)

    assert len({job_id_of_run(name, at) for name in ("a", "b") for at in (first, second)}) == 4


@pytest.mark.parametrize("why", ["gone", "disabled", "another's"])
def test_what_is_gone_or_disabled_since_starts_nothing(aws, schedule, fire, why):
    if why == "gone":
        delete_schedule(TENANT, schedule.schedule_id)
    if why == "disabled":
        change_schedule(a_schedule(schedule.schedule_id, enabled=False))

    fire(schedule, tenant=OTHER_TENANT if why == "another's" else TENANT)

    assert aws.messages("INGEST_QUEUE") == []
    assert not [item for item in aws.items() if item["sk"] == "JOB"]


@pytest.mark.parametrize("age", [3_600, 2 * 24 * 3_600])
def test_a_timer_that_has_lost_its_schedule_removes_itself_but_not_too_early(aws, fire, monkeypatch, age):
    orphan = a_schedule()
    set_timer(orphan)
    made = created_seconds(orphan.schedule_id)
    monkeypatch.setattr(ingest.scheduled, "created_seconds", lambda _: made - age)

    fire(orphan)

    assert (orphan.schedule_id in aws.timers()) is (age < ingest.scheduled.ORPHANED_SECONDS)


@pytest.mark.parametrize("at", ["<aws.scheduler.scheduled-time>", "", "yesterday", "2026-11-25T03:00:00"])
def test_a_time_that_is_none_ends_as_a_dead_letter(schedule, fire, at):
    with pytest.raises(UnreadableMessageError):
        fire(schedule, at)


def test_the_last_runs_are_told_the_latest_first(aws, schedule, fire, caller, event):
    for hour in range(KEPT_RUNS + 2):
        fire(schedule, f"2026-11-25T{hour:02}:00:00Z")
    rejected = runs_of(schedule)[-1].job_id
    reject_job(rejected, [{"row": None, "column": None, "code": "HTTP_STATUS", "message": "404"}])

    shown = caller.send(event("api_get_schedule") | {"path": f"/schedules/{schedule.schedule_id}"})

    assert [run["scheduled_at"][11:13] for run in shown["runs"]] == ["06", "05", "04", "03", "02"]
    latest = shown["runs"][0]
    assert (latest["job_id"], latest["status"], latest["errors"]) == (rejected, "REJECTED", ["HTTP_STATUS"])
    assert latest["ended_at"]
    assert shown["runs"][1] == {**shown["runs"][1], "status": "QUEUED", "errors": [], "unchanged_since": None}


def test_a_run_that_fails_does_not_stop_the_schedule(aws, schedule, fire):
    fire(schedule)
    reject_job(job_of(aws).job_id, [{"row": None, "column": None, "code": "HTTP_STATUS", "message": "404"}])

    fire(schedule, "2026-11-25T04:00:00Z")

    assert job_of(aws).status is JobStatus.QUEUED


def test_runs_that_are_noted_at_once_are_both_noted(schedule):
    for at in ("2026-11-25T01:00:00Z", "2026-11-25T02:00:00Z", "2026-11-25T02:00:00Z"):
        note_run(schedule, ScheduledRun(at, new_id()) if at[12] == "1" else ScheduledRun(at, "x"))

    assert [run.at[12] for run in runs_of(schedule)] == ["1", "2"]


def test_a_change_of_the_schedule_keeps_its_runs(schedule, fire):
    fire(schedule)

    change_schedule(a_schedule(schedule.schedule_id))

    assert len(runs_of(schedule)) == 1


def test_a_run_of_one_that_was_removed_meanwhile_brings_nothing_back(aws, schedule):
    delete_schedule(TENANT, schedule.schedule_id)

    note_run(schedule, ScheduledRun(AT, new_id()))

    assert aws.items() == []


def test_the_event_is_read(event, context, aws):
    loaded = event("ingest_schedule")
    handler(loaded, context)

    assert json.loads(loaded["Records"][0]["body"])["schedule"]["tenant"] == TENANT
    assert aws.items() == []


def test_no_address_is_in_any_log(schedule, fire, capsys):
    fire(schedule)

    assert "token=secret" not in capsys.readouterr().out
