"""A schedule and its timer, which no write makes both: what a death between them leaves, and how it mends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import ingest.scheduled
from api.schedules import change, register, remove
from imagemill.adapters.store.schedules import get_schedule, list_schedules
from imagemill.domain.ingest_messages import RunSchedule
from imagemill.domain.schedule import Schedule
from imagemill.errors import ImagemillError
from ingest.scheduled import start_run
from tests.support.account import TENANT, Account

FIELDS = {"source_url": "https://shop.example/feed.csv", "every": "PT2H"}


def deaths(aws: Account, begin: Callable[[], Any], act: Callable[[Any], object]) -> Iterator[tuple[Any, str]]:
    """Each point of an act at which it died, after what it was to act on."""
    for point in range(1, 100):
        aws.reset()
        begun = begin()
        with aws.crash_at(point) as passed:
            act(begun)
        if len(passed) < point:
            assert point > 4
            return
        yield begun, passed[-1]
    raise AssertionError("it never ends")


def let_orphans_fire(aws: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Days later."""
    monkeypatch.setattr(ingest.scheduled, "ORPHANED_SECONDS", -60)
    for schedule_id in aws.timers():
        start_run(RunSchedule(TENANT, schedule_id, "2026-11-25T03:00:00Z"))


def test_no_schedule_is_made_without_a_timer_and_none_is_left_without_a_schedule(aws, monkeypatch):
    for _, point in deaths(aws, lambda: None, lambda _: register(TENANT, FIELDS)):
        made = {schedule.schedule_id for schedule in list_schedules(TENANT)}
        assert made <= set(aws.timers()), point

        let_orphans_fire(aws, monkeypatch)

        assert set(aws.timers()) == made, point


def test_what_is_removed_by_half_is_removed_in_the_end(aws, monkeypatch):
    for _, point in deaths(aws, lambda: register(TENANT, FIELDS), remove):
        made = {schedule.schedule_id for schedule in list_schedules(TENANT)}
        assert made <= set(aws.timers()), point

        let_orphans_fire(aws, monkeypatch)

        assert set(aws.timers()) == made, point


@pytest.mark.parametrize("changes", [{"every": "PT5H"}, {"enabled": False}])
def test_a_change_that_is_sent_again_is_whole(aws, changes):
    for schedule, point in deaths(aws, lambda: register(TENANT, FIELDS), lambda made: change(made, changes)):
        kept = get_schedule(TENANT, schedule.schedule_id)
        assert isinstance(kept, Schedule)

        changed = change(kept, changes)

        timer = aws.timers()[schedule.schedule_id]
        assert changed.enabled is (timer["State"] == "ENABLED"), point
        assert (timer["ScheduleExpression"] == "rate(300 minutes)") is ("every" in changes), point


def test_a_change_never_brings_back_what_is_removed(aws):
    made = register(TENANT, FIELDS)
    remove(made)

    with pytest.raises(ImagemillError):
        change(made, {"enabled": True})

    assert (aws.items(), aws.timers()) == ([], {})
