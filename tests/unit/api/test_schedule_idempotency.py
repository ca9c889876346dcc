"""POST /schedules may be sent again: a key stands for one schedule."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest

from tests.support.account import OTHER_TENANT, TENANT, Account
from tests.support.caller import Caller, multiple

DAILY = {"source_url": "https://cdn.shop.example/feeds/google.csv", "every": "P1D"}

Post = Callable[..., Any]


@pytest.fixture
def post(send: Callable[..., Any]) -> Post:
    def posting(body: Any = DAILY, key: str = "feed-1", tenant: str = TENANT) -> Any:
        headers = {"content-type": "application/json", "Idempotency-Key": key}
        return send("api_post_schedules", body, tenant, headers=headers, multiValueHeaders=multiple(headers))

    return posting


def test_the_same_key_and_content_make_one_schedule_and_its_first_run(
    aws: Account, caller: Caller, post: Post, send: Callable[..., Any]
) -> None:
    first = post()
    again = post(dict(reversed(DAILY.items())))

    assert caller.status == HTTPStatus.CREATED
    assert again == first
    assert send("api_get_schedules")["schedules"] == [first]
    assert len(set(aws.bodies("INGEST_QUEUE"))) == 1


@pytest.mark.parametrize("change", [{"every": "P2D"}, {"options": {"quality": 60}}, {"enabled": False}])
def test_the_same_key_with_other_content_is_refused(caller: Caller, post: Post, change: dict[str, Any]) -> None:
    post()

    assert caller.problem(post({**DAILY, **change})) == (409, "IDEMPOTENCY_CONFLICT")


def test_a_key_is_its_callers_and_no_jobs(caller: Caller, post: Post) -> None:
    csv = b"S. No.,Product Name,Input Image Urls\r\n1,a,https://shop.example/1.jpg\r\n"
    job = caller.post(csv, idempotency_key="feed-1")
    first = post()
    others = post(tenant=OTHER_TENANT)

    assert caller.status == HTTPStatus.CREATED
    assert len({job["job_id"], first["id"], others["id"]}) == 3


@pytest.mark.parametrize("key", ["", "k" * 256])
def test_a_key_of_wrong_length_is_refused(caller: Caller, post: Post, key: str) -> None:
    assert caller.problem(post(key=key)) == (400, "INVALID_HEADER")


def test_what_a_crash_has_left_is_finished_by_who_sends_it_again(
    aws: Account, caller: Caller, post: Post, send: Callable[..., Any]
) -> None:
    point, points = 0, [""]
    while len(points) > point - 1:
        point += 1
        key = f"feed-{point}"
        with aws.crash_at(point) as points:
            post(key=key)
        made = post(key=key)

        assert caller.status == HTTPStatus.CREATED, points
        assert made["id"] in aws.timers(), points
        assert any(made["id"] in message for message in aws.bodies("INGEST_QUEUE")), points
        assert [shown["id"] for shown in send("api_get_schedules")["schedules"]] == [made["id"]], points
        send("api_delete_schedule", path=f"/schedules/{made['id']}")
    assert point > 6
