"""Deliveries to registered endpoints: who is told, signed with which secret, and what becomes of what waits."""

import json

import pytest
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from deliver.app import handler
from imagemill.adapters.store import webhooks
from imagemill.adapters.store.deliveries import list_attempts
from imagemill.adapters.store.secrets import signing_secrets
from imagemill.adapters.store.webhooks import change_webhook, delete_webhook
from imagemill.domain.codes import JobStatus
from imagemill.domain.ids import new_id
from imagemill.domain.webhooks.message import Delivery, EventType, new_secret
from imagemill.logs import logger
from imagemill.steps.webhooks import announce, deliveries_of
from tests.support.account import JOB_ID, OTHER_TENANT, TENANT, a_job
from tests.support.ended_jobs import end_job
from tests.support.endpoints import WEBHOOK_ID, endpoint, register
from tests.support.web import Answer

DAY_SECONDS = 86_400


def test_a_message_to_an_endpoint_is_signed_with_its_own_secret(aws, context, event, web, told_endpoint):
    secret = told_endpoint(Answer(204))

    answer = handler(event("deliver_webhook"), context)

    [request] = web.asked_for("/hook")
    assert answer["state"] == "DELIVERED"
    assert Receiver(secret).verify(request.body, dict(request.headers))["type"] == "job.completed"
    assert request.headers["webhook-id"] == event("deliver_webhook")["message_id"]
    with pytest.raises(WebhookVerificationError):
        Receiver(signing_secrets(TENANT).current).verify(request.body, dict(request.headers))


def test_the_log_names_the_endpoint_and_the_endpoint_shows_its_last_delivery(aws, context, event, told_endpoint):
    told_endpoint(Answer(500))

    handler(event("deliver_webhook"), context)

    [attempt] = list_attempts(JOB_ID)
    assert (attempt.webhook_id, attempt.status) == (WEBHOOK_ID, 500)
    shown = endpoint().last_delivery
    assert shown
    assert json.loads(json.dumps(shown)) == {
        "message_id": attempt.message_id,
        "number": 1,
        "event": "job.completed",
        "at": attempt.at,
        "milliseconds": attempt.milliseconds,
        "delivered": False,
        "status": 500,
        "error": "HTTP_STATUS",
    }


def test_after_a_rotation_both_secrets_sign_until_the_old_one_ends(
    aws, context, event, web, told_endpoint, monkeypatch
):
    old = told_endpoint(Answer(500))
    new = webhooks.rotate_webhook_secret(TENANT, WEBHOOK_ID, DAY_SECONDS)
    assert new

    handler(event("deliver_webhook"), context)
    [request] = web.asked_for("/hook")
    for secret in (old, new):
        assert Receiver(secret).verify(request.body, dict(request.headers))

    rotated_away = new
    newest = webhooks.rotate_webhook_secret(TENANT, WEBHOOK_ID, 0)
    assert newest
    handler({**event("deliver_webhook"), "attempt": 2}, context)
    second = web.asked_for("/hook")[1]
    assert Receiver(newest).verify(second.body, dict(second.headers))
    with pytest.raises(WebhookVerificationError):
        Receiver(rotated_away).verify(second.body, dict(second.headers))


def test_two_rotations_at_once_leave_both_secrets_known(aws, told_endpoint, monkeypatch):
    first = told_endpoint(Answer(204))
    others: list[str] = []

    def meanwhile() -> str:
        if not others:
            others.append("")
            others[0] = str(webhooks.rotate_webhook_secret(TENANT, WEBHOOK_ID, DAY_SECONDS))
        return new_secret()

    monkeypatch.setattr("imagemill.adapters.store.secrets.new_secret", meanwhile)
    newest = webhooks.rotate_webhook_secret(TENANT, WEBHOOK_ID, DAY_SECONDS)

    found = webhooks.get_webhook_and_secrets(TENANT, WEBHOOK_ID)
    assert found
    assert found[1].valid_at(0) == (newest, others[0], first)


@pytest.mark.parametrize(
    "ending",
    [
        (lambda: delete_webhook(TENANT, WEBHOOK_ID), "WEBHOOK_DELETED"),
        (lambda: change_webhook(TENANT, WEBHOOK_ID, {"enabled": False}), "WEBHOOK_DISABLED"),
    ],
)
def test_what_waits_for_an_endpoint_that_is_deleted_or_disabled_is_given_up_and_logged_so(
    aws, context, event, web, told_endpoint, ending
):
    meanwhile, error = ending
    told_endpoint(Answer(500))
    waiting = handler(event("deliver_webhook"), context)

    meanwhile()
    answer = handler(waiting, context)

    assert answer["state"] == "GIVEN_UP"
    assert len(web.asked_for("/hook")) == 1
    last = list_attempts(JOB_ID)[-1]
    assert (last.number, last.error, last.status, last.delivered) == (2, error, None, False)


def test_what_waits_for_an_endpoint_goes_to_its_new_url(aws, context, event, web, told_endpoint):
    told_endpoint(Answer(500))
    waiting = handler(event("deliver_webhook"), context)

    change_webhook(TENANT, WEBHOOK_ID, {"url": web.route("/moved", Answer(204))})

    assert handler(waiting, context)["state"] == "DELIVERED"
    first, second = web.asked_for("/hook")[0], web.asked_for("/moved")[0]
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_an_endpoint_is_called_with_its_own_tenants_endpoint_of_that_id_alone(aws, context, event, web):
    end_job()
    register(web.route("/theirs", Answer(204)), tenant=OTHER_TENANT)

    assert handler(event("deliver_webhook"), context)["state"] == "GIVEN_UP"
    assert web.asked_for("/theirs") == []
    assert list_attempts(JOB_ID)[0].error == "WEBHOOK_DELETED"


@pytest.mark.parametrize("status", [status for status in JobStatus if status.has_ended])
def test_an_event_goes_to_each_enabled_endpoint_whose_filter_takes_it(aws, status):
    taking = EventType(f"job.{status.value.lower()}")
    others = tuple(event for event in EventType if event is not taking)
    ids = {name: new_id() for name in ("all", "this", "others", "disabled", "theirs")}
    register("https://a.example/", webhook_id=ids["all"])
    register("https://b.example/", webhook_id=ids["this"], events=(taking,))
    register("https://c.example/", webhook_id=ids["others"], events=others)
    register("https://d.example/", webhook_id=ids["disabled"], enabled=False)
    register("https://e.example/", webhook_id=ids["theirs"], tenant=OTHER_TENANT)

    announce(a_job(status=status))

    assert {delivery.webhook_id for delivery in deliveries_of(JOB_ID, 1)} == {ids["all"], ids["this"]}


def test_every_receiver_of_every_run_has_a_message_id_of_its_own(aws):
    deliveries = [
        Delivery(job_id, run, webhook_id)
        for job_id in (new_id(), new_id())
        for run in (1, 2, 11)
        for webhook_id in (None, new_id(), new_id())
    ]

    assert len({delivery.message_id for delivery in deliveries}) == len(deliveries)
    assert all(Delivery.from_dict(delivery.as_dict()) == delivery for delivery in deliveries)


def test_no_secret_or_url_is_ever_logged(aws, context, event, told_endpoint, caplog):
    secret = told_endpoint(Answer(410))

    handler(event("deliver_webhook"), context)

    logged = "".join(logger.registered_handler.format(record) for record in caplog.records)
    assert "Webhook disabled" in logged
    assert secret.removeprefix("whsec_") not in logged
    assert "/hook" not in logged
