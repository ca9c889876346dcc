"""The API's webhook routes (contracts A4 and A6): endpoints, tests, redelivery and signing secrets."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from imagemill.adapters.aws import clients
from imagemill.adapters.store.deliveries import Attempt, put_attempt
from imagemill.adapters.store.jobs import create_job
from imagemill.adapters.store.messages import get_message
from imagemill.adapters.store.secrets import signing_secrets
from imagemill.adapters.store.webhooks import (
    create_webhook,
    disable_webhook,
    get_webhook,
    get_webhook_and_secrets,
    list_webhooks,
    note_failure,
)
from imagemill.domain.codes import JobStatus
from imagemill.domain.ids import new_id
from imagemill.domain.options import JobOptions
from imagemill.domain.webhooks.endpoint import MAX_WEBHOOKS, DisabledReason, Webhook
from imagemill.domain.webhooks.message import EventType, new_secret
from imagemill.kept import forget
from tests.support.account import JOB_ID, OTHER_TENANT, STATE_MACHINE, TENANT, a_job

WEBHOOK_ID = "01K0B4A8W3N6T9Z2C5H7KMQRVX"
URL = "https://shop.example/hooks/imagemill"
#: Every route of one endpoint, by its event.
ROUTES = [
    "api_get_webhook",
    "api_patch_webhook",
    "api_delete_webhook",
    "api_post_webhook_test",
    "api_post_webhook_rotate_secret",
]


def register(**changes: Any) -> tuple[Webhook, str]:
    given: dict[str, Any] = {
        "webhook_id": WEBHOOK_ID,
        "tenant": TENANT,
        "url": URL,
        "events": tuple(EventType),
        "created_at": "2025-07-18T13:00:00.000Z",
    }
    webhook, secret = Webhook(**{**given, **changes}), new_secret()
    create_webhook(webhook, secret)
    return webhook, secret


def deliveries_started(aws: Any) -> list[dict[str, Any]]:
    """The messages of each execution that brings its own, in no order."""
    found = []
    for name in aws.executions():
        execution = f"{STATE_MACHINE.replace(':stateMachine:', ':execution:')}:{name}"
        given = json.loads(clients.step_functions().describe_execution(executionArn=execution)["input"])
        found += given.get("messages", [])
    return found


@pytest.fixture
def send(caller, event) -> Callable[..., Any]:
    """Sends the event of a file, with another body if one is given."""

    def sending(name: str, body: Any = None, tenant: str = TENANT, **changes: Any) -> Any:
        loaded = event(name) | changes
        if body is not None:
            loaded["body"] = body if isinstance(body, str) else json.dumps(body)
        return caller.send(loaded, tenant)

    return sending


def test_an_endpoint_is_registered_and_its_secret_shown_this_once(aws, caller, send):
    made = send("api_post_webhooks")

    assert caller.status == 201
    assert caller.headers["Location"][0].endswith(f"/v1/webhooks/{made['id']}")
    assert caller.headers["Cache-Control"] == ["no-store"]
    secret = made.pop("secret")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 32
    assert made == {
        "id": made["id"],
        "url": URL,
        "events": ["job.completed", "job.partial"],
        "enabled": True,
        "description": "Shop backend",
        "created_at": made["created_at"],
        "disabled_reason": None,
        "failing_since": None,
        "last_delivery": None,
    }
    assert caller.get(f"/webhooks/{made['id']}") == made
    assert send("api_get_webhooks") == {"webhooks": [made]}
    found = get_webhook_and_secrets(TENANT, made["id"])
    assert found
    assert found[1].valid_at(0) == (secret,)


def test_by_default_an_endpoint_takes_every_event(caller, send):
    made = send("api_post_webhooks", {"url": URL})

    assert made["events"] == [
        "job.completed",
        "job.partial",
        "job.failed",
        "job.cancelled",
        "job.rejected",
        "webhook.test",
    ]
    assert (made["enabled"], made["description"]) == (True, None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "url"),
        ({"url": None}, "url"),
        ({"url": 5}, "url"),
        ({"url": ""}, "url"),
        ({"url": "ftp://shop.example/"}, "url"),
        ({"url": "https://user:word@shop.example/"}, "url"),
        ({"url": "https://shop.example/" + "x" * 2048}, "url"),
        ({"url": URL, "events": []}, "events"),
        ({"url": URL, "events": "job.completed"}, "events"),
        ({"url": URL, "events": ["job.exploded"]}, "events"),
        ({"url": URL, "events": [1]}, "events"),
        ({"url": URL, "events": None}, "events"),
        ({"url": URL, "enabled": "yes"}, "enabled"),
        ({"url": URL, "enabled": 1}, "enabled"),
        ({"url": URL, "description": "x" * 257}, "description"),
        ({"url": URL, "description": "a\nb"}, "description"),
        ({"url": URL, "description": ["a"]}, "description"),
        ({"url": URL, "secret": "whsec_mine"}, "secret"),
        ({"url": URL, "\ud800": 1}, "\\ud800"),
    ],
)
def test_a_field_that_is_not_allowed_is_named(aws, caller, send, body, field):
    document = send("api_post_webhooks", body)

    assert caller.problem(document) == (422, "INVALID_WEBHOOK")
    assert f"'{field}'" in document["detail"]
    assert list_webhooks(TENANT) == []


def test_outside_stage_local_an_endpoint_is_https(caller, send, monkeypatch):
    assert send("api_post_webhooks", {"url": "http://shop.example/"})["url"] == "http://shop.example/"
    monkeypatch.setenv("STAGE", "prod")
    forget()

    assert caller.problem(send("api_post_webhooks", {"url": "http://shop.example/"})) == (422, "INVALID_WEBHOOK")


@pytest.mark.parametrize(
    "body", ["", "{", "[]", "null", '"a"', '{"url": NaN', "[" * 100_000, '{"a": 1' + "0" * 5_000 + "}"]
)
def test_a_body_that_is_no_json_object_is_malformed(caller, send, body):
    assert caller.problem(send("api_post_webhooks", body)) == (400, "MALFORMED_REQUEST")


@pytest.mark.parametrize("body", ["====", base64.b64encode(b"\xff\xfe{").decode()])
def test_an_encoded_body_that_cannot_be_read_is_malformed(caller, send, body):
    assert caller.problem(send("api_post_webhooks", body, isBase64Encoded=True)) == (400, "MALFORMED_REQUEST")


def test_an_encoded_body_is_read(caller, send):
    body = base64.b64encode(json.dumps({"url": URL, "description": "Grün"}).encode()).decode()

    assert send("api_post_webhooks", body, isBase64Encoded=True)["description"] == "Grün"


@pytest.mark.parametrize("headers", [None, {}, {"content-type": "text/csv"}, {"Content-Type": "text/json"}])
def test_another_content_type_is_refused(caller, send, headers):
    document = send("api_post_webhooks", headers=headers)

    assert caller.problem(document) == (415, "UNSUPPORTED_MEDIA_TYPE")


def test_a_content_type_may_have_a_charset(caller, send):
    send("api_post_webhooks", headers={"content-type": "application/json; charset=utf-8"})

    assert caller.status == 201


def test_a_tenant_has_a_limited_number_of_endpoints(caller, send):
    for _ in range(MAX_WEBHOOKS):
        send("api_post_webhooks")
        assert caller.status == 201

    assert caller.problem(send("api_post_webhooks")) == (409, "TOO_MANY_WEBHOOKS")
    assert len(list_webhooks(TENANT)) == MAX_WEBHOOKS
    send("api_post_webhooks", tenant=OTHER_TENANT)
    assert caller.status == 201


@pytest.mark.parametrize("route", ROUTES)
def test_another_tenants_endpoint_is_as_unknown_as_none(aws, caller, send, route):
    register()
    before = aws.items()

    assert caller.problem(send(route, tenant=OTHER_TENANT)) == (404, "WEBHOOK_NOT_FOUND")
    for unknown in (new_id(), "x", "x" * 3000):
        path = f"/webhooks/{unknown}" + ("/test" if "test" in route else "/rotate-secret" if "rotate" in route else "")
        assert caller.problem(send(route, path=path)) == (404, "WEBHOOK_NOT_FOUND")
    assert (aws.items(), aws.executions()) == (before, [])
    assert send("api_get_webhooks", tenant=OTHER_TENANT) == {"webhooks": []}


@pytest.mark.parametrize("webhook_id", ["x", "x" * 3000, WEBHOOK_ID.lower(), f"{WEBHOOK_ID}0"])
def test_what_is_no_id_is_not_even_looked_for(aws, caller, webhook_id):
    """DynamoDB refuses keys above 1,024 bytes with a fault."""
    with aws.calls() as calls:
        document = caller.get(f"/webhooks/{webhook_id}")

    assert caller.problem(document) == (404, "WEBHOOK_NOT_FOUND")
    assert calls == []


def test_fields_are_changed_one_by_one(caller, send):
    register(description="old")

    assert send("api_patch_webhook", {"events": ["job.failed"]})["events"] == ["job.failed"]
    assert send("api_patch_webhook", {"url": "https://new.example/"})["url"] == "https://new.example/"
    assert send("api_patch_webhook", {"enabled": False})["enabled"] is False
    changed = send("api_patch_webhook", {"description": None})

    assert caller.status == 200
    assert (changed["url"], changed["events"], changed["enabled"], changed["description"]) == (
        "https://new.example/",
        ["job.failed"],
        False,
        None,
    )
    assert send("api_patch_webhook", {}) == changed
    assert "secret" not in changed


@pytest.mark.parametrize("body", [{"url": "x"}, {"events": []}, {"enabled": None}, {"id": "1"}])
def test_a_change_that_is_not_allowed_changes_nothing(caller, send, body):
    webhook, _ = register()

    assert caller.problem(send("api_patch_webhook", body)) == (422, "INVALID_WEBHOOK")
    assert get_webhook(TENANT, WEBHOOK_ID) == webhook


@pytest.mark.parametrize("change", [{"enabled": True}, {"url": "https://new.example/", "enabled": True}])
def test_enabling_an_endpoint_that_we_disabled_clears_why(caller, send, change):
    webhook, _ = register()
    failed = note_failure(webhook, {}, "2025-07-18T13:00:00.000Z")
    assert failed
    disable_webhook(failed, DisabledReason.FAILING)
    assert send("api_get_webhook")["disabled_reason"] == "FAILING"

    enabled = send("api_patch_webhook", change)

    assert (enabled["enabled"], enabled["disabled_reason"], enabled["failing_since"]) == (True, None, None)


def test_a_new_description_does_not_clear_failures(caller, send):
    webhook, _ = register()
    note_failure(webhook, {}, "2025-07-18T13:00:00.000Z")

    assert send("api_patch_webhook", {"description": "x"})["failing_since"] == "2025-07-18T13:00:00.000Z"
    assert send("api_patch_webhook", {"url": URL})["failing_since"] == "2025-07-18T13:00:00.000Z"
    assert send("api_patch_webhook", {"url": f"{URL}/2"})["failing_since"] is None


def test_a_deleted_endpoint_is_gone(aws, caller, send):
    register()

    assert send("api_delete_webhook") is None
    assert caller.status == 204
    assert list_webhooks(TENANT) == []
    assert caller.problem(send("api_delete_webhook")) == (404, "WEBHOOK_NOT_FOUND")


def test_a_new_secret_is_shown_once_and_the_old_one_signs_on(aws, caller, send):
    _, old = register()

    answer = send("api_post_webhook_rotate_secret")

    assert (caller.status, caller.headers["Cache-Control"]) == (200, ["no-store"])
    assert answer["id"] == WEBHOOK_ID
    found = get_webhook_and_secrets(TENANT, WEBHOOK_ID)
    assert found
    assert found[1].valid_at(0) == (answer["secret"], old)
    assert answer["secret"] not in json.dumps(send("api_get_webhook"))


def test_the_signing_secret_is_rotated_for_its_tenant_alone(aws, caller, send):
    old = send("api_get_signing_secret")["secret"]
    theirs = send("api_get_signing_secret", tenant=OTHER_TENANT)

    new = send("api_post_signing_secret_rotate")["secret"]

    assert (caller.status, caller.headers["Cache-Control"]) == (200, ["no-store"])
    assert new != old
    assert send("api_get_signing_secret") == {"secret": new}
    assert signing_secrets(TENANT).valid_at(0) == (new, old)
    assert send("api_get_signing_secret", tenant=OTHER_TENANT) == theirs


def test_a_signing_secret_can_be_rotated_before_it_was_ever_asked_for(caller, send):
    new = send("api_post_signing_secret_rotate")["secret"]

    assert send("api_get_signing_secret") == {"secret": new}


def test_a_test_message_is_delivered_to_its_endpoint_alone(aws, caller, send):
    register(events=(EventType.JOB_FAILED,))
    register(webhook_id=new_id())

    answer = send("api_post_webhook_test")

    assert caller.status == 202
    [delivery] = deliveries_started(aws)
    assert (delivery["webhook_id"], delivery["attempt"]) == (WEBHOOK_ID, 1)
    assert answer == {"message_id": delivery["message_id"]}
    message = get_message(delivery["job_id"], delivery["run"])
    assert message
    body = json.loads(message.body)
    assert (body["type"], body["data"]["job_id"]) == ("webhook.test", delivery["job_id"])
    assert set(body["data"]) >= {"status", "products", "images", "bytes", "links", "options"}
    assert caller.problem(caller.get(f"/jobs/{delivery['job_id']}")) == (404, "JOB_NOT_FOUND")


def test_a_disabled_endpoint_is_not_tested(aws, caller, send):
    register(enabled=False)

    assert caller.problem(send("api_post_webhook_test")) == (409, "WEBHOOK_DISABLED")
    assert aws.executions() == []


def test_a_redelivery_goes_to_all_who_take_the_event_now_and_counts_on(aws, caller, send):
    create_job(a_job(JobOptions(webhook_url=URL), status=JobStatus.PARTIAL, ended_at="2025-07-18T13:43:00.000Z"))
    register()
    register(webhook_id=new_id(), events=(EventType.JOB_COMPLETED,))
    own, theirs = f"msg_{JOB_ID}_1", f"msg_{JOB_ID}_1_{WEBHOOK_ID}"
    for number in (1, 2):
        at = f"2025-07-18T13:43:0{number}.000Z"
        put_attempt(JOB_ID, Attempt(own, number, "job.partial", at, 5, delivered=False, status=500))

    answer = send("api_post_job_redeliver")

    assert caller.status == 202
    assert answer == {
        "messages": [{"message_id": own, "webhook_id": None}, {"message_id": theirs, "webhook_id": WEBHOOK_ID}]
    }
    started = {delivery["message_id"]: delivery for delivery in deliveries_started(aws)}
    assert {name: (sent["attempt"], sent["first_attempt"]) for name, sent in started.items()} == {
        own: (3, 3),
        theirs: (1, 1),
    }
    message = get_message(JOB_ID, 1)
    assert message
    assert json.loads(message.body)["data"]["job_id"] == JOB_ID


@pytest.mark.parametrize("status", [status for status in JobStatus if not status.has_ended])
def test_nothing_is_redelivered_while_the_job_runs(aws, caller, send, status):
    create_job(a_job(JobOptions(webhook_url=URL), status=status))

    assert caller.problem(send("api_post_job_redeliver")) == (409, "JOB_NOT_FINISHED")
    assert aws.executions() == []


def test_a_redelivery_to_nobody_says_so(aws, caller, send):
    create_job(a_job(status=JobStatus.COMPLETED))
    register(enabled=False)

    document = send("api_post_job_redeliver")

    assert caller.problem(document) == (409, "NO_WEBHOOKS")
    assert "POST /webhooks" in document["detail"]
    assert aws.executions() == []


def test_another_tenants_job_is_not_redelivered(aws, caller, send):
    create_job(a_job(JobOptions(webhook_url=URL), status=JobStatus.COMPLETED))

    assert caller.problem(send("api_post_job_redeliver", tenant=OTHER_TENANT)) == (404, "JOB_NOT_FOUND")
    assert aws.executions() == []


def test_deliveries_name_their_endpoint(aws, send):
    create_job(a_job())
    at = "2025-07-18T13:43:00.000Z"
    attempt = Attempt("msg_1", 1, "job.failed", at, 12, delivered=False, status=503, webhook_id=WEBHOOK_ID)
    put_attempt(JOB_ID, attempt)

    [delivery] = send("api_get_job_deliveries")["deliveries"]

    assert delivery["webhook_id"] == WEBHOOK_ID
    assert set(delivery) >= {"message_id", "number", "at", "status", "milliseconds", "error"}


@pytest.mark.parametrize("route", ["api_post_webhook_test", "api_post_job_redeliver", "api_post_webhook_rotate_secret"])
def test_a_crash_at_any_point_is_mended_by_sending_the_request_again(aws, caller, send, route):
    create_job(a_job(JobOptions(webhook_url=URL), status=JobStatus.COMPLETED))
    _, first = register()
    point, crashed = 0, True
    while crashed:
        point += 1
        with aws.crash_at(point) as points:
            send(route)
        crashed = len(points) == point

    assert caller.status == (200 if "rotate" in route else 202)
    found = get_webhook_and_secrets(TENANT, WEBHOOK_ID)
    assert found
    assert first in found[1].valid_at(0)
