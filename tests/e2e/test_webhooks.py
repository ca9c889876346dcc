"""Webhooks, checked by the independent `standardwebhooks` package as a receiver would (contract A6)."""

from __future__ import annotations

from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.support.shop import Shop, catalogue, eventually
from tests.support.web import Answer, Request, TestWeb


def verified(shop: Shop, request: Request) -> dict[str, Any]:
    receiver = Webhook(shop.get("/signing-secret")["secret"])
    message: dict[str, Any] = receiver.verify(request.body, dict(request.headers))
    return message


def test_an_ended_job_is_told_signed(shop: Shop, web: TestWeb, picture: str) -> None:
    hook = web.route("/hook", Answer(204))

    job = shop.ended(shop.submit(catalogue([["1", "A", picture]]), f"?webhook_url={hook}"))

    [request] = eventually(lambda: web.asked_for("/hook"), "the webhook is called")
    message = verified(shop, request)
    assert message == {"type": "job.completed", "timestamp": job["ended_at"], "data": job}
    assert request.headers["user-agent"].startswith("imagemill/")
    with pytest.raises(WebhookVerificationError):
        verified(shop, Request("POST", "/hook", request.headers, request.body + b" ", 1))


def test_a_receiver_that_fails_is_called_again_under_the_same_id(shop: Shop, web: TestWeb, picture: str) -> None:
    hook = web.route("/hook", lambda request: Answer(503 if request.number < 3 else 200))

    job = shop.ended(shop.submit(catalogue([["1", "A", picture]]), f"?webhook_url={hook}"))

    eventually(lambda: len(web.asked_for("/hook")) == 3, "three attempts")
    requests = web.asked_for("/hook")
    assert len({request.headers["webhook-id"] for request in requests}) == 1
    assert len({request.body for request in requests}) == 1
    assert [verified(shop, request)["data"]["job_id"] for request in requests] == [job["job_id"]] * 3

    def log() -> list[dict[str, Any]] | None:
        attempts: list[dict[str, Any]] = shop.get(f"/jobs/{job['job_id']}/deliveries")["deliveries"]
        return attempts if len(attempts) == 3 else None

    attempts = eventually(log, "three attempts logged")
    assert [(attempt["status"], attempt["delivered"]) for attempt in attempts] == [
        (503, False),
        (503, False),
        (200, True),
    ]


def test_a_receiver_that_never_answers_is_given_up(shop: Shop, web: TestWeb, picture: str) -> None:
    hook = web.route("/hook", Answer(302, headers={"location": picture}))

    job = shop.ended(shop.submit(catalogue([["1", "A", picture]]), f"?webhook_url={hook}"))

    def given_up() -> bool:
        machine = shop.aws("stepfunctions").list_state_machines()["stateMachines"][0]["stateMachineArn"]
        executions = shop.aws("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
        return any(
            execution["name"] == f"{job['job_id']}-1" and execution["status"] == "SUCCEEDED" for execution in executions
        )

    eventually(given_up, "the completion ends")
    attempts = shop.get(f"/jobs/{job['job_id']}/deliveries")["deliveries"]
    assert [(attempt["status"], attempt["error"]) for attempt in attempts] == [(302, "HTTP_STATUS")] * 4
    assert len(web.asked_for("/hook")) == 4


def test_a_rejected_drop_is_told_too(shop: Shop, web: TestWeb) -> None:
    hook = web.route("/hook", Answer(200))

    shop.drop("empty.csv", b"\n\n", {"webhook-url": hook})

    [request] = eventually(lambda: web.asked_for("/hook"), "the webhook is called")
    message = verified(shop, request)
    assert (message["type"], message["data"]["errors"][0]["code"]) == ("job.rejected", "EMPTY_FILE")
