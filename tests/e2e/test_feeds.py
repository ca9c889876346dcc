"""Feeds by address, on the stack: fetched by ingest, recognised when unchanged, refused by the guard, on a schedule."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from imagemill_client import RefusedError
from tests.support.shop import DEADLINE_SECONDS, Shop, assert_exact, catalogue, eventually
from tests.support.web import Answer, Request, TestWeb


class Feed:
    """A CSV with an ETag, at an address of the shop's."""

    def __init__(self, web: TestWeb, picture: str) -> None:
        self._picture = picture
        self.version = 1
        self.statuses: list[int] = []
        self.url = web.route("/feeds/products.csv", self._answer)

    def _answer(self, request: Request) -> Answer:
        tag = f'"{self.version}"'
        known = request.headers.get("if-none-match") == tag
        self.statuses.append(304 if known else 200)
        rows = [[str(row), f"SKU{row}", f"{self._picture}?{row}"] for row in range(1, self.version + 2)]
        return Answer(304, b"", {"ETag": tag}) if known else Answer(200, catalogue(rows), {"ETag": tag})


@pytest.fixture
def feed(web: TestWeb, picture: str) -> Feed:
    return Feed(web, picture)


def told(web: TestWeb) -> list[Any]:
    return [json.loads(request.body)["data"] for request in web.asked_for("/hook")]


def test_a_feed_is_made_once_and_again_when_it_has_changed(shop: Shop, feed: Feed) -> None:
    first = shop.client.submit_url(feed.url).wait(DEADLINE_SECONDS).document
    assert (first["status"], first["source"], first["filename"]) == ("COMPLETED", "url", "products.csv")
    assert_exact(shop, first)

    second = shop.client.submit_url(feed.url).wait(DEADLINE_SECONDS).document
    assert (second["status"], second.get("unchanged_since")) == ("COMPLETED", first["job_id"])
    assert (second["products"], feed.statuses) == (first["products"], [200, 304])
    assert shop.output(second["job_id"]) == shop.output(first["job_id"])
    assert shop.products(second["job_id"]) == shop.products(first["job_id"])

    feed.version = 2
    third = shop.client.submit_url(feed.url).wait(DEADLINE_SECONDS).document
    assert (third.get("unchanged_since"), third["products"]["total"]) == (None, 3)
    assert_exact(shop, third)


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/gone.csv", "HTTP_STATUS"),
        ("/inside.csv", "BLOCKED_ADDRESS"),
        ("/picture.jpg", "NOT_TEXT"),
        ("/empty.csv", "EMPTY_FILE"),
    ],
)
def test_what_is_no_feed_is_rejected_with_its_code_and_told(
    shop: Shop, web: TestWeb, picture: str, path: str, code: str
) -> None:
    web.route("/inside.csv", Answer(302, b"", {"Location": "http://169.254.169.254/latest/meta-data/feed.csv"}))
    web.route("/empty.csv", Answer(200))
    hook = web.route("/hook", Answer(204))

    job = shop.client.submit_url(web.url + path, webhook_url=hook).wait(DEADLINE_SECONDS).document

    assert (job["status"], [error["code"] for error in job["errors"]]) == ("REJECTED", [code])
    message = eventually(lambda: next(iter(told(web)), None), "the receiver is told")
    assert (message["job_id"], message["errors"][0]["code"]) == (job["job_id"], code)


def test_a_schedule_runs_at_once_and_when_its_timer_fires(
    shop: Shop, other_shop: Shop, web: TestWeb, feed: Feed
) -> None:
    hook = web.route("/hook", Answer(204))
    made = shop.client.add_schedule(feed.url, "PT1H", options={"webhook_url": hook, "client_reference": "nightly"})
    try:
        first = eventually(lambda: ended_runs(shop, made["id"], 1), "the first run has ended")[0]
        assert (first["status"], first["unchanged_since"]) == ("COMPLETED", None)

        fire_now(shop, made["id"])
        second = eventually(lambda: ended_runs(shop, made["id"], 2), "the timer's run has ended")[0]

        assert (second["status"], second["unchanged_since"]) == ("COMPLETED", first["job_id"])
        messages = eventually(lambda: told(web) if len(told(web)) == 2 else None, "the receiver is told of both")
        assert {message["schedule_id"] for message in messages} == {made["id"]}
        assert [message["unchanged_since"] for message in messages] == [None, first["job_id"]]
        with pytest.raises(RefusedError, match="SCHEDULE_NOT_FOUND"):
            other_shop.client.schedule(made["id"])
        assert shop.client.change_schedule(made["id"], enabled=False)["next_run_at"] is None
    finally:
        shop.client.remove_schedule(made["id"])

    assert made["id"] not in {schedule["id"] for schedule in shop.client.schedules()}
    assert made["id"] not in {timer["Name"] for timer in shop.aws("scheduler").list_schedules()["Schedules"]}


def test_a_cron_line_is_read_in_its_time_zone(shop: Shop, feed: Feed) -> None:
    # The emulator looks every ten seconds, and counts from its first look.
    due = datetime.now(ZoneInfo("Asia/Kolkata")) + timedelta(seconds=75)
    made = shop.client.add_schedule(feed.url, f"{due.minute} {due.hour} * * *", "Asia/Kolkata")
    try:
        [run] = eventually(lambda: ended_runs(shop, made["id"], 1), "the line's run has ended", 120)
    finally:
        shop.client.remove_schedule(made["id"])

    assert run["status"] == "COMPLETED"
    assert run["scheduled_at"] >= made["next_run_at"]


def ended_runs(shop: Shop, schedule_id: str, count: int) -> list[Any] | None:
    """The schedule's runs, the latest first, when there are so many and all have ended."""
    runs = shop.client.schedule(schedule_id)["runs"]
    return list(runs) if len(runs) == count and all(run["ended_at"] for run in runs) else None


def fire_now(shop: Shop, schedule_id: str) -> None:
    """Let the timer fire at the emulator's next look, within ten seconds: an hour is too long for a test."""
    scheduler = shop.aws("scheduler")
    timer = scheduler.get_schedule(Name=schedule_id, GroupName="imagemill-local")
    kept = {name: timer[name] for name in ("Name", "GroupName", "FlexibleTimeWindow", "Target", "State")}
    scheduler.update_schedule(**kept, ScheduleExpression="at(2026-01-01T00:00:00)")
