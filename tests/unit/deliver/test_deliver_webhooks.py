"""Deliveries to registered endpoints: their own secrets, their health, and what becomes of them meanwhile."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

import deliver.delivery
from deliver.app import handler
from imagemill.adapters.store import webhooks
from imagemill.adapters.store.deliveries import list_attempts
from imagemill.adapters.store.secrets import signing_secrets
from imagemill.adapters.store.webhooks import change_webhook, create_webhook, delete_webhook, get_webhook, list_webhooks
from imagemill.domain.codes import JobStatus
from imagemill.domain.ids import new_id
from imagemill.domain.webhooks import message as domain
from imagemill.domain.webhooks.endpoint import MAX_FAILING, DisabledReason, Webhook, has_failed_too_long
from imagemill.domain.webhooks.message import Delivery, EventType, new_secret
from imagemill.logs import logger
from imagemill.steps.webhooks import announce, deliveries_of
from tests.support.account import JOB_ID, OTHER_TENANT, TENANT, a_job
from tests.support.web import Answer, Request

WEBHOOK_ID = "01K0B4A8W3N6T9Z2C5H7KMQRVX"
DAY_SECONDS = 86_400
#: Each example of a property makes some AWS calls, on endpoints of its own.
FEW = hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch):
    monkeypatch.setattr(domain, "random", lambda: 0.0)


@dataclass
class Clock:
    """The time that attempts are logged with; no test waits for it."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> str:
        return iso(self.now)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(deliver.delivery, "now", clock)
    return clock


def register(url: str, **changes: Any) -> str:
    """An endpoint of `TENANT`; returns its secret."""
    given: dict[str, Any] = {
        "webhook_id": WEBHOOK_ID,
        "tenant": TENANT,
        "events": tuple(EventType),
        "created_at": "2025-07-18T13:00:00.000Z",
    }
    secret = new_secret()
    create_webhook(Webhook(**{**given, "url": url, **changes}), secret)
    return secret


def end_job() -> None:
    announce(a_job(status=JobStatus.COMPLETED, ended_at="2025-07-18T13:43:00.000Z"))


@pytest.fixture
def told(aws, web):
    """A job that has ended, and an endpoint that answers as the test says; gives its secret."""

    def answering(answer: Answer | Callable[[Request], Answer]) -> str:
        end_job()
        return register(web.route("/hook", answer))

    return answering


def endpoint() -> Webhook:
    webhook = get_webhook(TENANT, WEBHOOK_ID)
    assert webhook
    return webhook


def test_a_message_to_an_endpoint_is_signed_with_its_own_secret(aws, context, event, web, told):
    secret = told(Answer(204))

    answer = handler(event("deliver_webhook"), context)

    [request] = web.asked_for("/hook")
    assert answer["state"] == "DELIVERED"
    assert Receiver(secret).verify(request.body, dict(request.headers))["type"] == "job.completed"
    assert request.headers["webhook-id"] == event("deliver_webhook")["message_id"]
    with pytest.raises(WebhookVerificationError):
        Receiver(signing_secrets(TENANT).current).verify(request.body, dict(request.headers))


def test_the_log_names_the_endpoint_and_the_endpoint_shows_its_last_delivery(aws, context, event, told):
    told(Answer(500))

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


def test_after_a_rotation_both_secrets_sign_until_the_old_one_ends(aws, context, event, web, told, monkeypatch):
    old = told(Answer(500))
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


def test_two_rotations_at_once_leave_both_secrets_known(aws, told, monkeypatch):
    first = told(Answer(204))
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


def test_an_endpoint_that_is_gone_is_disabled(aws, context, event, told):
    told(Answer(410))

    assert handler(event("deliver_webhook"), context)["state"] == "GIVEN_UP"

    assert (endpoint().enabled, endpoint().disabled_reason) == (False, DisabledReason.GONE)


@pytest.mark.parametrize(
    "ending",
    [
        (lambda: delete_webhook(TENANT, WEBHOOK_ID), "WEBHOOK_DELETED"),
        (lambda: change_webhook(TENANT, WEBHOOK_ID, {"enabled": False}), "WEBHOOK_DISABLED"),
    ],
)
def test_what_waits_for_an_endpoint_that_is_deleted_or_disabled_is_given_up_and_logged_so(
    aws, context, event, web, told, ending
):
    meanwhile, error = ending
    told(Answer(500))
    waiting = handler(event("deliver_webhook"), context)

    meanwhile()
    answer = handler(waiting, context)

    assert answer["state"] == "GIVEN_UP"
    assert len(web.asked_for("/hook")) == 1
    last = list_attempts(JOB_ID)[-1]
    assert (last.number, last.error, last.status, last.delivered) == (2, error, None, False)


def test_what_waits_for_an_endpoint_goes_to_its_new_url(aws, context, event, web, told):
    told(Answer(500))
    waiting = handler(event("deliver_webhook"), context)

    change_webhook(TENANT, WEBHOOK_ID, {"url": web.route("/moved", Answer(204))})

    assert handler(waiting, context)["state"] == "DELIVERED"
    first, second = web.asked_for("/hook")[0], web.asked_for("/moved")[0]
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


def test_an_endpoint_deleted_during_the_call_is_not_brought_back(aws, context, event, web, told):
    told(lambda _: (delete_webhook(TENANT, WEBHOOK_ID), Answer(410))[1])

    handler(event("deliver_webhook"), context)

    assert list_webhooks(TENANT) == []
    assert list_attempts(JOB_ID)[0].status == 410


def test_a_410_of_an_old_url_does_not_disable_the_new_one(aws, context, event, web, told):
    told(lambda _: (change_webhook(TENANT, WEBHOOK_ID, {"url": f"{web.url}/new"}), Answer(410))[1])

    handler(event("deliver_webhook"), context)

    assert endpoint().enabled


def test_an_endpoint_is_called_with_its_own_tenants_endpoint_of_that_id_alone(aws, context, event, web):
    end_job()
    register(web.route("/theirs", Answer(204)), tenant=OTHER_TENANT)

    assert handler(event("deliver_webhook"), context)["state"] == "GIVEN_UP"
    assert web.asked_for("/theirs") == []
    assert list_attempts(JOB_ID)[0].error == "WEBHOOK_DELETED"


@FEW
@given(
    attempts=st.lists(
        st.tuples(st.integers(0, 60), st.sampled_from([200, 204, 301, 404, 500, 503])), min_size=1, max_size=8
    )
)
def test_five_days_of_nothing_but_failures_disable_an_endpoint(aws, context, web, clock, attempts):
    """attempts: hours after the one before, and what was answered."""
    statuses: list[int] = []
    webhook_id, job_id = new_id(), new_id()
    announce(a_job(job_id=job_id, status=JobStatus.COMPLETED, ended_at=clock()))
    register(web.route("/hook", lambda _: Answer(statuses[-1])), webhook_id=webhook_id)
    failing_since = None
    enabled = True

    for number, (hours, status) in enumerate(attempts, 1):
        clock.now += timedelta(hours=hours)
        statuses.append(status)
        handler(Delivery(job_id, 1, webhook_id, attempt=number).as_dict(), context)
        if enabled:
            failing_since = None if status < 300 else failing_since or clock.now
            enabled = failing_since is None or clock.now - failing_since < MAX_FAILING

        webhook = get_webhook(TENANT, webhook_id)
        assert webhook
        assert webhook.enabled is enabled
        assert webhook.disabled_reason == (None if enabled else DisabledReason.FAILING)
        assert webhook.failing_since == (failing_since and iso(failing_since))


@given(
    start=st.datetimes(timezones=st.just(UTC), allow_imaginary=False),
    milliseconds=st.integers(0, 10 * DAY_SECONDS * 1000),
)
def test_the_fifth_day_counts_to_the_millisecond(start, milliseconds):
    assume(start.year < 9999)
    start = start.replace(microsecond=start.microsecond // 1000 * 1000)
    at = start + timedelta(milliseconds=milliseconds)

    assert has_failed_too_long(iso(start), iso(at)) is (milliseconds >= 5 * DAY_SECONDS * 1000)


def test_a_success_forgives_all_failures_before_it(aws, context, event, clock, told):
    statuses = iter([500, 200, 500])
    told(lambda _: Answer(next(statuses)))

    handler(event("deliver_webhook"), context)
    clock.now += timedelta(days=4)
    handler({**event("deliver_webhook"), "attempt": 2}, context)
    clock.now += timedelta(days=4)
    handler({**event("deliver_webhook"), "attempt": 3}, context)

    assert endpoint().enabled
    assert endpoint().failing_since == clock()


@pytest.mark.parametrize("status", [204, 410, 500])
def test_a_crash_at_any_point_is_mended_by_the_retry(aws, context, event, told, clock, status):
    told(lambda request: Answer(500 if request.number == 1 else status))
    handler(event("deliver_webhook"), context)
    clock.now += MAX_FAILING
    second = {**event("deliver_webhook"), "attempt": 2}
    point, crashed = 0, True
    while crashed:
        point += 1
        with aws.crash_at(point) as points:
            answer = handler(second, context)
        crashed = len(points) == point

    delivered = status == 204
    # A crash between disabling and logging leaves an endpoint that the retry must not call.
    assert answer["state"] == ("DELIVERED" if delivered else "GIVEN_UP")
    assert [attempt.number for attempt in list_attempts(JOB_ID)] == [1, 2]
    assert list_attempts(JOB_ID)[1].delivered is delivered
    assert endpoint().enabled is delivered
    assert endpoint().disabled_reason == {410: DisabledReason.GONE, 500: DisabledReason.FAILING}.get(status)


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


def test_no_secret_or_url_is_ever_logged(aws, context, event, told, caplog):
    secret = told(Answer(410))

    handler(event("deliver_webhook"), context)

    logged = "".join(logger.registered_handler.format(record) for record in caplog.records)
    assert "Webhook disabled" in logged
    assert secret.removeprefix("whsec_") not in logged
    assert "/hook" not in logged
