"""The fault matrix: a process dies before or after each of its AWS calls, and the end is always the same.

Each scenario runs once undisturbed, which counts its points; then once for every point, with a death there. The
platform delivers again what was not answered. So a new call is covered by itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from imagemill.adapters.store.webhooks import create_webhook
from imagemill.domain.webhooks.endpoint import Webhook
from imagemill.domain.webhooks.message import EventType, new_secret
from tests.conftest import FIGURES
from tests.support.account import TENANT, Account
from tests.support.caller import Caller
from tests.support.lambda_platform import FUNCTIONS
from tests.support.web import Answer, TestWeb
from tests.support.world import World, Worlds, end_of

WEBHOOK_ID = "01K0B4A8W3N6T9Z2C5H7KMQRVX"


def job_by_api(world: World) -> None:
    world.submit()
    world.platform.run()


def job_whose_worker_takes_the_rest(world: World) -> None:
    """One product is handed in; the process function takes the others from the queue."""
    world.platform.mortals = frozenset({"process"})
    world.platform.handed_in = 1
    world.submit()
    world.platform.run()


def job_by_drop(world: World) -> None:
    world.platform.mortals = frozenset({"ingest", "report"})
    world.drop(world.rows)
    world.platform.run()


def rejected_drop(world: World) -> None:
    world.drop("S. No.,Product Name\r\n1,A")
    world.platform.run()


def job_by_upload(world: World) -> None:
    world.platform.mortals = frozenset({"api", "ingest"})
    world.upload()
    world.platform.run()


def buried_product(world: World) -> None:
    world.platform.mortals = frozenset({"bury", "report"})
    world.submit()
    world.platform.ingest()
    world.platform.give_up(row=2)
    world.platform.run()


def told_to_an_endpoint_and_again(world: World) -> None:
    """Of a rejected job, for it makes few calls before somebody is told."""
    world.platform.mortals = frozenset({"api", "report", "deliver"})
    webhook = Webhook(WEBHOOK_ID, TENANT, f"{world.web.url}/hook", tuple(EventType), "2025-07-18T13:00:00.000Z")
    create_webhook(webhook, new_secret())
    rejected_drop(world)
    world.redeliver(world.caller.get("/jobs")["jobs"][0]["job_id"])
    world.platform.run()


def cancelled_job(world: World) -> None:
    job_id = world.submit()
    world.call(lambda: world.caller.act(job_id, "cancel"))
    world.platform.run()


def retried_job(world: World) -> None:
    """Deaths from the retry on: those before it are the other scenarios'."""
    world.platform.mortals = frozenset()
    job_id = world.submit()
    world.platform.run()
    world.platform.mortals = FUNCTIONS
    world.call(lambda: world.caller.act(job_id, "retry"))
    world.platform.run()


SCENARIOS = [
    job_by_api,
    job_whose_worker_takes_the_rest,
    job_by_drop,
    job_by_upload,
    rejected_drop,
    buried_product,
    told_to_an_endpoint_and_again,
    cancelled_job,
    retried_job,
]


@pytest.fixture
def worlds(
    aws: Account, web: TestWeb, caller: Caller, context: Any, picture: Answer, monkeypatch: pytest.MonkeyPatch
) -> Worlds:
    return Worlds(aws, web, caller, context, picture, monkeypatch)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_a_death_at_any_point_changes_nothing_in_the_end(
    worlds: Worlds, scenario: Callable[[World], None], record_property: Callable[[str, object], None]
) -> None:
    undisturbed = worlds.new()
    scenario(undisturbed)
    expected, points = end_of(undisturbed), undisturbed.platform.points

    for number, point in enumerate(points, 1):
        disturbed = worlds.new(number)
        scenario(disturbed)
        seen = end_of(disturbed)
        differing = {name: (seen[name], expected[name]) for name in expected if seen[name] != expected[name]}
        assert not differing, f"death at point {number}: {point}"

    by_function = Counter(point.partition(":")[0] for point in points)
    listed = ", ".join(f"{count} in {function}" for function, count in by_function.items())
    record_property(FIGURES, f"{scenario.__name__}: {len(points)} deaths, the same end after each: {listed}")
