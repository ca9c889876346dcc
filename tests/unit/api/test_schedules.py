"""/schedules: feeds are registered, changed and removed (contract A4)."""

import json
from datetime import UTC, datetime

import pytest

import api.schedules
from imagemill.adapters.aws import clients, timers
from imagemill.adapters.store.schedules import delete_schedule, get_schedule
from imagemill.domain.ids import created_seconds
from imagemill.domain.recurrence import Interval
from imagemill.domain.schedule import MAX_SCHEDULES
from tests.support.account import ENVIRONMENT, OTHER_TENANT, TENANT

URL = "https://cdn.shop.example/feeds/google.csv"
DAILY = {"source_url": URL, "every": "P1D"}


@pytest.fixture
def made(send):
    """The schedule of the event: by a cron line."""
    return send("api_post_schedules")


@pytest.fixture
def act(send):
    """PATCH, GET or DELETE of a schedule."""

    def acting(verb, schedule, body=None, tenant=TENANT):
        return send(f"api_{verb}_schedule", body, tenant, path=f"/schedules/{schedule['id']}")

    return acting


def test_a_feed_is_registered_with_a_timer(aws, caller, send, made):
    assert caller.status == 201
    assert caller.headers["Location"][0].endswith(f"/v1/schedules/{made['id']}")
    assert (made["source_url"], made["every"], made["timezone"]) == (URL, "0 3 * * *", "Europe/Berlin")
    assert (made["enabled"], made["runs"]) == (True, [])
    assert (made["options"]["quality"], made["options"]["client_reference"]) == (60, "nightly")
    assert made["next_run_at"][11:] in {"01:00:00Z", "02:00:00Z"}
    timer = aws.timers()[made["id"]]
    assert (timer["ScheduleExpression"], timer["ScheduleExpressionTimezone"]) == ("cron(0 3 * * ? *)", "Europe/Berlin")
    assert (timer["State"], timer["GroupName"]) == ("ENABLED", ENVIRONMENT["SCHEDULE_GROUP"])
    target = timer["Target"]
    assert (target["Arn"], target["RoleArn"]) == (ENVIRONMENT["SCHEDULE_TARGET"], ENVIRONMENT["SCHEDULE_ROLE"])
    assert json.loads(target["Input"]) == {
        "schedule": {"tenant": TENANT, "schedule_id": made["id"], "at": "<aws.scheduler.scheduled-time>"}
    }
    assert aws.messages("INGEST_QUEUE") == []
    assert send("api_get_schedules") == {"schedules": [made]}
    assert send("api_get_schedule", path=f"/schedules/{made['id']}") == made


def test_by_a_duration_the_first_run_is_at_once_and_the_timer_begins_with_the_second(aws, send):
    made = send("api_post_schedules", DAILY)

    [asked] = aws.messages("INGEST_QUEUE")
    begun = created_seconds(made["id"])
    assert datetime.fromisoformat(asked["schedule"]["at"]).timestamp() == begun
    timer = aws.timers()[made["id"]]
    assert timer["ScheduleExpression"] == "rate(1440 minutes)"
    assert datetime.fromisoformat(made["next_run_at"]).timestamp() == begun + 86_400
    assert float(timer["StartDate"].timestamp()) == begun + 86_400


def test_one_that_is_made_disabled_does_not_run(aws, send):
    made = send("api_post_schedules", {**DAILY, "enabled": False})

    assert (made["enabled"], made["next_run_at"]) == (False, None)
    assert aws.timers()[made["id"]]["State"] == "DISABLED"
    assert aws.messages("INGEST_QUEUE") == []


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({}, "source_url"),
        ({"source_url": URL}, "every"),
        ({"every": "P1D"}, "source_url"),
        ({**DAILY, "source_url": "ftp://shop.example/"}, "source_url"),
        ({**DAILY, "every": "PT1M"}, "every"),
        ({**DAILY, "every": "0 3 * * *"}, "timezone"),
        ({**DAILY, "every": "0 3 * * *", "timezone": "Mars"}, "timezone"),
        ({**DAILY, "timezone": "Europe/Berlin"}, "timezone"),
        ({**DAILY, "options": {"quality": 0}}, "quality"),
        ({**DAILY, "options": {"size": 1}}, "size"),
        ({**DAILY, "options": []}, "options"),
        ({**DAILY, "enabled": "yes"}, "enabled"),
        ({**DAILY, "quality": 60}, "quality"),
        ({**DAILY, "\ud800": 1}, "\\ud800"),
    ],
)
def test_what_is_not_allowed_is_refused_by_its_name(aws, caller, send, body, name):
    problem = send("api_post_schedules", body)

    assert caller.problem(problem) == (422, "INVALID_OPTION")
    assert f"'{name}'" in problem["detail"]
    assert (aws.items(), aws.timers()) == ([], {})


@pytest.mark.parametrize("body", ["[]", "{", '"P1D"'])
def test_what_is_no_object_is_refused(caller, send, body):
    assert caller.problem(send("api_post_schedules", body)) == (400, "MALFORMED_REQUEST")


def test_a_schedule_is_changed_and_its_timer_with_it(aws, act, made):
    body = {"every": "30 5 * * mon", "source_url": "https://shop.example/new.csv?key=1", "options": {}}
    changed = act("patch", made, body)

    assert (changed["every"], changed["timezone"]) == ("30 5 * * mon", "Europe/Berlin")
    assert (changed["source_url"], changed["options"]["quality"]) == ("https://shop.example/new.csv?key=1", 50)
    assert changed == act("get", made)
    assert aws.timers()[made["id"]]["ScheduleExpression"] == "cron(30 5 ? * 2 *)"
    kept = get_schedule(TENANT, made["id"])
    assert kept
    assert kept.filename == "new.csv"


def test_a_line_may_become_a_duration_and_be_disabled(aws, act, made):
    assert act("patch", made, {"every": "PT6H"})["timezone"] is None
    assert act("patch", made, {"enabled": False})["enabled"] is False

    timer = aws.timers()[made["id"]]
    assert (timer["State"], timer["ScheduleExpression"]) == ("DISABLED", "rate(360 minutes)")


def test_a_change_that_is_refused_changes_nothing(aws, caller, act, made):
    before = aws.items(), aws.timers()

    assert caller.problem(act("patch", made, {"every": "* * * * *"})) == (422, "INVALID_OPTION")
    assert caller.problem(act("patch", made, {"timezone": "Mars"})) == (422, "INVALID_OPTION")
    assert (aws.items(), aws.timers()) == before


def test_a_schedule_is_removed_with_its_timer(aws, caller, act, made):
    act("delete", made)

    assert caller.status == 204
    assert (aws.items(), aws.timers()) == ([], {})
    assert caller.problem(act("get", made)) == (404, "SCHEDULE_NOT_FOUND")


@pytest.mark.parametrize("verb", ["get", "patch", "delete"])
def test_anothers_schedule_is_not_there(aws, caller, send, act, made, verb):
    assert caller.problem(act(verb, made, {} if verb == "patch" else None, OTHER_TENANT)) == (404, "SCHEDULE_NOT_FOUND")
    assert send("api_get_schedules", tenant=OTHER_TENANT) == {"schedules": []}
    assert made["id"] in aws.timers()


def test_there_are_so_many_at_most(aws, caller, send, monkeypatch):
    monkeypatch.setattr(api.schedules, "MAX_SCHEDULES", 2)
    for _ in range(2):
        send("api_post_schedules", DAILY)

    assert caller.problem(send("api_post_schedules", DAILY)) == (409, "TOO_MANY_SCHEDULES")
    assert len(aws.timers()) == 2
    assert MAX_SCHEDULES >= 2


def test_of_several_at_once_none_remains_above_the_limit(aws, caller, send, monkeypatch):
    monkeypatch.setattr(api.schedules, "MAX_SCHEDULES", 1)
    send("api_post_schedules", DAILY)
    counted = iter([[], [1, 2]])
    monkeypatch.setattr(api.schedules, "list_schedules", lambda _: next(counted))

    assert caller.problem(send("api_post_schedules", DAILY)) == (409, "TOO_MANY_SCHEDULES")
    assert len(aws.timers()) == 1


def test_a_change_during_another_ends_with_the_last_ones_timer(aws, act, made, monkeypatch):
    set_timer = timers.set_timer
    calls = []

    def interrupted(schedule):
        calls.append(schedule.every)
        if len(calls) == 1:
            act("patch", made, {"every": "PT3H"})
        set_timer(schedule)

    monkeypatch.setattr(api.schedules, "set_timer", interrupted)

    shown = act("patch", made, {"every": "PT2H"})

    assert shown["every"] == "PT3H"
    assert aws.timers()[made["id"]]["ScheduleExpression"] == "rate(180 minutes)"
    assert calls == ["PT2H", "PT3H", "PT3H"]


def test_one_that_is_removed_during_a_change_has_no_timer(aws, caller, act, made, monkeypatch):
    set_timer = timers.set_timer

    def removed(schedule):
        delete_schedule(TENANT, schedule.schedule_id)
        set_timer(schedule)

    monkeypatch.setattr(api.schedules, "set_timer", removed)

    assert caller.problem(act("patch", made, {"every": "PT2H"})) == (404, "SCHEDULE_NOT_FOUND")
    assert aws.timers() == {}


def test_a_timer_that_was_lost_is_made_again_by_any_change(aws, act, made):
    clients.scheduler().delete_schedule(Name=made["id"], GroupName=ENVIRONMENT["SCHEDULE_GROUP"])

    act("patch", made, {"enabled": True})

    assert made["id"] in aws.timers()


def test_a_timer_keeps_its_beat_when_the_schedule_is_changed(send, act):
    made = send("api_post_schedules", DAILY)

    changed = act("patch", made, {"enabled": True})

    assert changed["next_run_at"] == made["next_run_at"]
    begun = datetime.fromtimestamp(created_seconds(made["id"]), UTC)
    assert Interval(1440).next_after(begun, begun).timestamp() == begun.timestamp() + 86_400


def test_no_address_is_in_any_log(send, capsys):
    send("api_post_schedules", {**DAILY, "source_url": URL + "?token=secret"})

    assert "token=secret" not in capsys.readouterr().out
