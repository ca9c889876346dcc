"""Registered webhooks, checked by the independent `standardwebhooks` package as a receiver would (contract A6)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from tests.support.shop import Shop, catalogue, eventually
from tests.support.web import Answer, Request, TestWeb


def call(shop: Shop, method: str, path: str, document: Any = None) -> Any:
    """The answer's document; a test that expects a fault looks at `shop.call` itself."""
    headers = {} if document is None else {"content-type": "application/json"}
    body = None if document is None else json.dumps(document).encode()
    answer = shop.call(method, path, headers, body=body)
    assert answer.status in {200, 201, 202, 204}, answer.data
    return json.loads(answer.data) if answer.data else None


def verifies(secret: str, request: Request) -> bool:
    try:
        Webhook(secret).verify(request.body, dict(request.headers))
    except WebhookVerificationError:
        return False
    return True


def told(web: TestWeb, path: str, times: int = 1) -> list[Request]:
    """The requests of a path, once it has been called so often."""
    return eventually(
        lambda: requests if len(requests := web.asked_for(path)) >= times else None, f"{path} is called {times} times"
    )


def log_of(shop: Shop, job_id: str, attempts: int) -> list[dict[str, Any]]:
    def look() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = shop.get(f"/jobs/{job_id}/deliveries")["deliveries"]
        return found if len(found) >= attempts else None

    return eventually(look, f"{attempts} attempts logged")


Register = Callable[..., dict[str, Any]]


@pytest.fixture
def register() -> Iterator[Register]:
    """Registers endpoints, and deletes them after the test: other tests' jobs are none of its business."""
    made: list[tuple[Shop, str]] = []

    def registering(shop: Shop, url: str, **fields: Any) -> dict[str, Any]:
        webhook: dict[str, Any] = call(shop, "POST", "/webhooks", {"url": url, **fields})
        made.append((shop, webhook["id"]))
        return webhook

    yield registering
    for shop, webhook_id in made:
        shop.call("DELETE", f"/webhooks/{webhook_id}")


def test_an_ended_job_is_told_to_its_url_and_to_each_endpoint_that_takes_the_event(
    shop: Shop, other_shop: Shop, web: TestWeb, picture: str, register: Register
) -> None:
    own = web.route("/own", Answer(204))
    all_events = register(shop, web.route("/all", Answer(204)))
    register(shop, web.route("/failed", Answer(204)), events=["job.failed"])
    register(shop, web.route("/disabled", Answer(204)), enabled=False)
    register(other_shop, web.route("/stranger", Answer(204)))

    job = shop.ended(shop.submit(catalogue([["1", "A", picture]]), f"?webhook_url={own}"))

    [to_all], [to_own] = told(web, "/all"), told(web, "/own")
    assert Webhook(all_events["secret"]).verify(to_all.body, dict(to_all.headers))["data"] == job
    assert verifies(shop.get("/signing-secret")["secret"], to_own)
    assert not verifies(all_events["secret"], to_own)
    assert to_own.body == to_all.body
    assert to_own.headers["webhook-id"] != to_all.headers["webhook-id"]
    log = log_of(shop, job["job_id"], 2)
    assert {attempt["webhook_id"] for attempt in log} == {None, all_events["id"]}
    assert not [path for path in ("/failed", "/disabled", "/stranger") if web.asked_for(path)]


def test_the_secret_is_shown_at_creation_alone_and_to_its_tenant_alone(
    shop: Shop, other_shop: Shop, web: TestWeb, register: Register
) -> None:
    webhook = register(shop, f"{web.url}/hook", description="Mine")
    path = f"/webhooks/{webhook['id']}"

    shown = shop.get(path)
    listed = [entry for entry in shop.get("/webhooks")["webhooks"] if entry["id"] == webhook["id"]]

    assert webhook["secret"].startswith("whsec_")
    assert shown == {name: value for name, value in webhook.items() if name != "secret"}
    assert listed == [shown]
    assert webhook["id"] not in json.dumps(other_shop.get("/webhooks"))
    for method, route in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/test"), ("POST", "/rotate-secret")]:
        answer = other_shop.call(method, path + route)
        assert (answer.status, json.loads(answer.data)["code"]) == (404, "WEBHOOK_NOT_FOUND"), (method, route)


def test_a_test_message_reaches_the_endpoint_and_shows_in_it(shop: Shop, web: TestWeb, register: Register) -> None:
    webhook = register(shop, web.route("/hook", lambda request: Answer(500 if request.number < 3 else 204)))

    sent = call(shop, "POST", f"/webhooks/{webhook['id']}/test")

    requests = told(web, "/hook", 3)
    assert {request.headers["webhook-id"] for request in requests} == {sent["message_id"]}
    message = Webhook(webhook["secret"]).verify(requests[2].body, dict(requests[2].headers))
    assert (message["type"], message["data"]["status"]) == ("webhook.test", "COMPLETED")

    def delivered() -> dict[str, Any] | None:
        last: dict[str, Any] | None = shop.get(f"/webhooks/{webhook['id']}")["last_delivery"]
        return last if last and last["delivered"] else None

    last = eventually(delivered, "the endpoint shows its last delivery")
    assert (last["message_id"], last["number"], last["status"]) == (sent["message_id"], 3, 204)
    assert last["event"] == "webhook.test"


def test_a_receiver_that_fails_twice_has_three_attempts_in_the_log(
    shop: Shop, web: TestWeb, picture: str, register: Register
) -> None:
    webhook = register(shop, web.route("/hook", lambda request: Answer(503 if request.number < 3 else 200)))

    job_id = shop.submit(catalogue([["1", "A", picture]]))

    log = log_of(shop, job_id, 3)
    assert [(attempt["number"], attempt["status"], attempt["error"], attempt["delivered"]) for attempt in log] == [
        (1, 503, "HTTP_STATUS", False),
        (2, 503, "HTTP_STATUS", False),
        (3, 200, None, True),
    ]
    assert {attempt["webhook_id"] for attempt in log} == {webhook["id"]}
    assert [attempt["at"] for attempt in log] == sorted({attempt["at"] for attempt in log})
    assert all(attempt["milliseconds"] >= 0 for attempt in log)
    assert len({request.body for request in told(web, "/hook", 3)}) == 1


@pytest.mark.parametrize("kind", ["endpoint", "signing secret"])
def test_after_a_rotation_the_old_secret_verifies_for_a_while_and_then_no_more(
    shop: Shop, web: TestWeb, picture: str, register: Register, kind: str
) -> None:
    hook = web.route("/hook", Answer(204))
    if kind == "endpoint":
        webhook = register(shop, hook)
        old = webhook["secret"]
        path = f"/webhooks/{webhook['id']}"
        new = call(shop, "POST", f"{path}/rotate-secret")["secret"]
    else:
        job_id = shop.submit(catalogue([["1", "A", picture]]), f"?webhook_url={hook}")
        log_of(shop, job_id, 1)
        old = shop.get("/signing-secret")["secret"]
        path = f"/jobs/{job_id}"
        new = call(shop, "POST", "/signing-secret/rotate")["secret"]
        assert shop.get("/signing-secret") == {"secret": new}

    def send() -> Request:
        before = len(web.asked_for("/hook"))
        call(shop, "POST", f"{path}/test" if kind == "endpoint" else f"{path}/redeliver")
        return told(web, "/hook", before + 1)[-1]

    first = send()
    assert new != old
    assert verifies(new, first)
    assert verifies(old, first)

    def refused() -> Request | None:
        request = send()
        return None if verifies(old, request) else request

    assert verifies(new, eventually(refused, "the old secret signs no more"))


def test_a_redelivery_repeats_the_message_and_counts_on(
    shop: Shop, web: TestWeb, picture: str, register: Register
) -> None:
    hook = web.route("/hook", lambda request: Answer(500 if request.number <= 4 else 204))
    job_id = shop.submit(catalogue([["1", "A", picture]]), f"?webhook_url={hook}")
    log_of(shop, job_id, 4)
    late = register(shop, web.route("/late", Answer(204)))

    answer = call(shop, "POST", f"/jobs/{job_id}/redeliver")

    requests = told(web, "/hook", 5)
    assert len({(request.headers["webhook-id"], request.body) for request in requests}) == 1
    [to_late] = told(web, "/late")
    assert verifies(late["secret"], to_late)
    assert {message["message_id"] for message in answer["messages"]} == {
        request.headers["webhook-id"] for request in (requests[0], to_late)
    }
    log = log_of(shop, job_id, 6)
    assert [attempt["number"] for attempt in log if attempt["webhook_id"] is None] == [1, 2, 3, 4, 5]


def test_a_job_that_runs_or_has_no_receiver_is_not_redelivered(shop: Shop, web: TestWeb, picture: str) -> None:
    job_id = shop.submit(catalogue([["1", "A", web.route("/slow.jpg", Answer(503))]]))
    running = shop.call("POST", f"/jobs/{job_id}/redeliver")
    shop.ended(job_id)
    ended = shop.call("POST", f"/jobs/{job_id}/redeliver")

    assert [(answer.status, json.loads(answer.data)["code"]) for answer in (running, ended)] == [
        (409, "JOB_NOT_FINISHED"),
        (409, "NO_WEBHOOKS"),
    ]


def test_an_endpoint_that_is_gone_is_disabled_until_it_is_enabled_again(
    shop: Shop, web: TestWeb, register: Register
) -> None:
    webhook = register(shop, web.route("/hook", lambda request: Answer(410 if request.number == 1 else 204)))
    path = f"/webhooks/{webhook['id']}"
    call(shop, "POST", f"{path}/test")

    def disabled() -> dict[str, Any] | None:
        shown: dict[str, Any] = shop.get(path)
        return None if shown["enabled"] else shown

    assert eventually(disabled, "the endpoint is disabled")["disabled_reason"] == "GONE"
    refused = shop.call("POST", f"{path}/test")
    assert (refused.status, json.loads(refused.data)["code"]) == (409, "WEBHOOK_DISABLED")

    enabled = call(shop, "PATCH", path, {"enabled": True})
    assert (enabled["enabled"], enabled["disabled_reason"], enabled["failing_since"]) == (True, None, None)
    call(shop, "POST", f"{path}/test")
    told(web, "/hook", 2)


def test_a_waiting_message_follows_its_endpoint_to_a_new_url_and_ends_with_it(
    shop: Shop, web: TestWeb, picture: str, register: Register
) -> None:
    """Retry-After keeps the message waiting while the endpoint is changed."""
    busy = Answer(503, headers={"retry-after": "3"})
    moving = register(shop, web.route("/moving", busy))
    ending = register(shop, web.route("/ending", busy))
    job_id = shop.submit(catalogue([["1", "A", picture]]))
    log_of(shop, job_id, 2)

    call(shop, "PATCH", f"/webhooks/{moving['id']}", {"url": web.route("/moved", Answer(204))})
    assert call(shop, "DELETE", f"/webhooks/{ending['id']}") is None

    [request] = told(web, "/moved")
    assert verifies(moving["secret"], request)
    last = {attempt["webhook_id"]: attempt for attempt in log_of(shop, job_id, 4)}
    assert (last[moving["id"]]["delivered"], last[ending["id"]]["error"]) == (True, "WEBHOOK_DELETED")


def test_a_rejected_drop_is_told_to_endpoints_too(shop: Shop, web: TestWeb, register: Register) -> None:
    webhook = register(shop, web.route("/hook", Answer(200)), events=["job.rejected"])

    shop.drop("empty-too.csv", b"\n\n")

    [request] = told(web, "/hook")
    message = Webhook(webhook["secret"]).verify(request.body, dict(request.headers))
    assert (message["type"], message["data"]["errors"][0]["code"]) == ("job.rejected", "EMPTY_FILE")


def test_a_message_that_cannot_be_tried_fails_the_execution_and_leaves_the_others_alone(
    shop: Shop, web: TestWeb, register: Register
) -> None:
    """The deployed state machine without its retries, which would take hours, and with a delivery that deliver
    cannot read."""
    webhook = register(shop, web.route("/hook", lambda request: Answer(500 if request.number == 1 else 204)))
    call(shop, "POST", f"/webhooks/{webhook['id']}/test")
    told(web, "/hook", 2)
    machines = shop.aws("stepfunctions")
    [deployed] = [
        machines.describe_state_machine(stateMachineArn=machine["stateMachineArn"])
        for machine in machines.list_state_machines()["stateMachines"]
        if machine["name"].endswith("-completion")
    ]
    definition = json.loads(deployed["definition"])
    del definition["States"]["DeliverMessages"]["ItemProcessor"]["States"]["Deliver"]["Retry"]
    impatient = machines.create_state_machine(
        name="impatient", definition=json.dumps(definition), roleArn=deployed["roleArn"]
    )["stateMachineArn"]
    message_id = web.asked_for("/hook")[0].headers["webhook-id"]
    _, job_id, run, webhook_id = message_id.split("_")
    again = {"job_id": job_id, "run": int(run), "webhook_id": webhook_id, "attempt": 3, "first_attempt": 3}

    execution = machines.start_execution(
        stateMachineArn=impatient, input=json.dumps({"messages": [{"unreadable": True}, again]})
    )["executionArn"]

    def ended() -> dict[str, Any] | None:
        described: dict[str, Any] = machines.describe_execution(executionArn=execution)
        return described if described["status"] != "RUNNING" else None

    described = eventually(ended, "the execution ends")
    machines.delete_state_machine(stateMachineArn=impatient)
    assert (described["status"], described["error"]) == ("FAILED", "CouldNotTry")
    assert len(web.asked_for("/hook")) == 3
