"""/webhooks: endpoints are registered, changed and deleted (contract A6)."""

import base64
import json

import pytest

from imagemill.adapters.store.webhooks import (
    disable_webhook,
    get_webhook,
    get_webhook_and_secrets,
    list_webhooks,
    note_failure,
)
from imagemill.domain.ids import new_id
from imagemill.domain.webhooks.endpoint import MAX_WEBHOOKS, DisabledReason
from imagemill.kept import forget
from tests.support.account import OTHER_TENANT, TENANT
from tests.support.endpoints import URL, WEBHOOK_ID, register

#: Every route of one endpoint, by its event.
ROUTES = [
    "api_get_webhook",
    "api_patch_webhook",
    "api_delete_webhook",
    "api_post_webhook_test",
    "api_post_webhook_rotate_secret",
]


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
