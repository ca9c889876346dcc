"""The deliver function: one attempt of one webhook message, logged."""

import json
from dataclasses import replace
from threading import Event
from typing import Any

import pytest
from standardwebhooks import Webhook

import deliver.delivery
from deliver.app import handler
from imagemill import __version__
from imagemill.adapters.store.deliveries import Attempt, list_attempts, put_attempt
from imagemill.adapters.store.jobs import create_job, get_job
from imagemill.adapters.store.secrets import signing_secrets
from imagemill.domain.codes import JobStatus
from imagemill.domain.job import ProductCounts, job_document
from imagemill.domain.options import JobOptions
from imagemill.domain.webhooks import message as webhook
from imagemill.domain.webhooks.message import MAX_RETRY_AFTER_SECONDS
from imagemill.kept import forget
from imagemill.steps.webhooks import announce
from tests.support.account import ENVIRONMENT, JOB_ID, TENANT, a_job
from tests.support.scripted_web import ScriptedOrigin, drip, response, say_nothing, then_close, then_reset
from tests.support.web import Answer

SCHEDULE = [int(seconds) for seconds in ENVIRONMENT["WEBHOOK_DELAYS_SECONDS"].split(",")]


def end_job_with(url: str | None, **changes: Any) -> None:
    """A job that has ended and is to be told to `url`."""
    options = JobOptions(webhook_url=url, client_reference="Bestellung Grün")
    changes = {"status": JobStatus.PARTIAL, "ended_at": "2025-07-18T13:43:00.000Z", "products": 3, **changes}
    job = a_job(options, **changes)
    create_job(job)
    announce(job)


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch):
    monkeypatch.setattr(webhook, "random", lambda: 0.0)


@pytest.fixture
def told(aws, web):
    """Answers the webhook of an ended job as the test says."""

    def answering(answer: Answer) -> None:
        end_job_with(web.route("/hook", answer))

    return answering


def test_a_message_is_signed_so_that_a_receiver_can_verify_it(aws, context, event, web, told):
    told(Answer(204))

    answer = handler(event("deliver"), context)

    [request] = web.asked_for("/hook")
    message = Webhook(signing_secrets(TENANT).current).verify(request.body, dict(request.headers))
    job = get_job(JOB_ID)
    assert job
    document = json.loads(json.dumps(job_document(job, ProductCounts())))
    assert message == {"type": "job.partial", "timestamp": job.ended_at, "data": document}
    assert request.headers["webhook-id"] == event("deliver")["message_id"]
    assert request.headers["user-agent"] == f"imagemill/{__version__} (+{ENVIRONMENT['CONTACT_URL']})"
    assert request.headers["content-type"] == "application/json"
    assert (answer["state"], answer["wait_seconds"]) == ("DELIVERED", 0)


def test_an_attempt_is_logged_without_the_receivers_body(aws, context, event, told):
    told(Answer(200, body=b"secret of the receiver"))

    handler(event("deliver"), context)

    [attempt] = list_attempts(JOB_ID)
    assert (attempt.number, attempt.event, attempt.status, attempt.delivered) == (1, "job.partial", 200, True)
    assert attempt.error is None
    assert attempt.milliseconds >= 0
    assert "secret of the receiver" not in str(aws.items())


def test_a_logged_attempt_is_not_made_again(aws, context, event, web, told):
    told(Answer(500))

    first = handler(event("deliver"), context)
    second = handler(event("deliver"), context)

    assert first == second
    assert len(web.asked_for("/hook")) == 1


def test_an_attempt_that_died_before_its_log_is_made_again_under_the_same_id(aws, context, event, web, told):
    told(Answer(204))

    # Reads the log, the message and the secret, calls, and logs.
    with aws.crash_at(7) as points:
        handler(event("deliver"), context)
    assert points[-1] == "before PutItem"
    handler(event("deliver"), context)

    requests = web.asked_for("/hook")
    assert len(requests) == 2
    assert len({request.headers["webhook-id"] for request in requests}) == 1
    assert len({request.body for request in requests}) == 1


@pytest.mark.parametrize("status", [301, 400, 404, 500])
def test_anything_but_success_is_tried_again_by_the_schedule(aws, context, event, told, status):
    told(Answer(status, headers={"location": "https://shop.example/", "retry-after": "900"}))

    answer = handler(event("deliver"), context)

    assert answer == {**event("deliver"), "attempt": 2, "state": "RETRY", "wait_seconds": SCHEDULE[1]}
    [attempt] = list_attempts(JOB_ID)
    assert (attempt.status, attempt.error, attempt.delivered) == (status, "HTTP_STATUS", False)


def test_a_receiver_that_is_gone_is_given_up_at_once(aws, context, event, told):
    told(Answer(410))

    answer = handler(event("deliver"), context)

    assert answer["state"] == "GIVEN_UP"
    assert list_attempts(JOB_ID)[0].status == 410


@pytest.mark.parametrize(
    ("error", "state"), [("BLOCKED_ADDRESS", "GIVEN_UP"), ("INVALID_URL", "GIVEN_UP"), ("TIMEOUT", "RETRY")]
)
def test_a_url_that_no_attempt_can_reach_is_given_up_at_once(aws, context, event, told, error, state):
    told(Answer(200))
    message_id, at = event("deliver")["message_id"], "2026-11-23T00:00:00.000Z"
    put_attempt(JOB_ID, Attempt(message_id, 1, "job.completed", at, 5, delivered=False, error=error))

    assert handler(event("deliver"), context)["state"] == state


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_receivers_retry_after_is_obeyed(aws, context, event, told, status):
    told(Answer(status, headers={"retry-after": "900"}))

    answer = handler(event("deliver"), context)

    assert (answer["state"], answer["wait_seconds"]) == ("RETRY", 900)
    assert handler(event("deliver"), context) == answer


def test_a_busy_receiver_that_names_no_time_is_tried_by_the_schedule(aws, context, event, told):
    told(Answer(503))

    assert handler(event("deliver"), context)["wait_seconds"] == SCHEDULE[1]


def test_after_the_last_attempt_a_message_is_given_up(aws, context, event, told):
    told(Answer(500))

    answer = handler({**event("deliver"), "attempt": len(SCHEDULE)}, context)

    assert (answer["state"], answer["wait_seconds"]) == ("GIVEN_UP", 0)


def test_a_receiver_that_cannot_be_reached_is_tried_again_and_the_log_says_why(aws, context, event):
    end_job_with("http://127.0.0.1:1/hook")

    answer = handler(event("deliver"), context)

    [attempt] = list_attempts(JOB_ID)
    assert (answer["state"], attempt.status, attempt.error) == ("RETRY", None, "CONNECT_FAILED")


def test_a_receiver_that_does_not_answer_in_time_is_tried_again(aws, context, event, web, monkeypatch):

    monkeypatch.setattr(deliver.delivery, "ANSWER_SECONDS", 0.1)
    release = Event()
    hook = web.route("/hook", lambda _: (release.wait(10), Answer(204))[1])
    end_job_with(hook)

    answer = handler(event("deliver"), context)
    release.set()

    [attempt] = list_attempts(JOB_ID)
    assert (answer["state"], attempt.error) == ("RETRY", "TIMEOUT")
    assert attempt.milliseconds >= 100


def test_outside_stage_local_an_inside_address_is_never_called(aws, context, event, web, told, monkeypatch):
    monkeypatch.setenv("STAGE", "prod")
    forget()
    told(Answer(204))

    handler(event("deliver"), context)

    assert web.asked_for("/hook") == []
    assert list_attempts(JOB_ID)[0].error == "BLOCKED_ADDRESS"


def test_attempts_are_listed_in_the_order_in_which_they_were_made(aws):
    times = {1: "2026-11-23T00:00:00.000Z", 2: "2026-11-23T00:00:05.000Z", 10: "2026-11-25T00:00:00.000Z"}
    attempts = [
        Attempt(message_id, number, "job.failed", at, 5, delivered=False, status=500)
        for number, at in times.items()
        for message_id in ("msg_1", "msg_2")
    ]
    for attempt in reversed(attempts):
        put_attempt(JOB_ID, attempt)

    assert list_attempts(JOB_ID) == attempts


def test_a_message_that_is_no_longer_kept_is_given_up_and_calls_nobody(aws, context, event, web):
    hook = web.route("/hook", Answer(204))
    create_job(a_job(JobOptions(webhook_url=hook), status=JobStatus.COMPLETED))

    assert handler(event("deliver"), context)["state"] == "GIVEN_UP"
    assert web.asked_for("/hook") == []


def test_a_message_speaks_of_the_run_that_ended_also_when_another_has_begun(aws, context, event, web, told):
    told(Answer(500))
    handler(event("deliver"), context)

    job = get_job(JOB_ID)
    assert job
    announce(replace(job, run=2, status=JobStatus.COMPLETED, ended_at="2025-07-19T00:00:00.000Z"))
    handler({**event("deliver"), "attempt": 2}, context)
    handler({**event("deliver"), "run": 2}, context)

    first, second, other_run = web.asked_for("/hook")
    assert first.body == second.body
    assert (json.loads(other_run.body)["type"], json.loads(other_run.body)["data"]["run"]) == ("job.completed", 2)
    assert other_run.headers["webhook-id"] != first.headers["webhook-id"] == second.headers["webhook-id"]


def test_a_redelivery_counts_on_and_begins_the_schedule_anew(aws, context, event, told):
    told(Answer(500))
    last = {**event("deliver"), "attempt": len(SCHEDULE)}
    assert handler(last, context)["state"] == "GIVEN_UP"

    following = len(SCHEDULE) + 1
    answer = handler({**last, "attempt": following, "first_attempt": following}, context)

    assert (answer["state"], answer["wait_seconds"]) == ("RETRY", SCHEDULE[1])
    assert (answer["attempt"], answer["first_attempt"]) == (following + 1, following)
    assert [attempt.number for attempt in list_attempts(JOB_ID)] == [len(SCHEDULE), following]


def test_a_delivery_that_wakes_up_after_a_redelivery_came_through_calls_no_more(aws, context, event, web, told):
    told(Answer(204))
    handler({**event("deliver"), "attempt": 2, "first_attempt": 2}, context)

    answer = handler({**event("deliver"), "attempt": 2, "first_attempt": 1}, context)

    assert answer["state"] == "DELIVERED"
    assert len(web.asked_for("/hook")) == 1


def test_of_two_attempts_at_once_the_log_keeps_the_one_that_came_through(aws):
    message_id, at = f"msg_{JOB_ID}_1", "2026-11-23T00:00:00.000Z"
    delivered = Attempt(message_id, 1, "job.completed", at, 5, delivered=True, status=204)
    failed = Attempt(message_id, 1, "job.completed", at, 5, delivered=False, error="TIMEOUT")

    assert put_attempt(JOB_ID, failed) == failed
    assert put_attempt(JOB_ID, delivered) == delivered
    assert put_attempt(JOB_ID, failed) == delivered
    assert list_attempts(JOB_ID) == [delivered]


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("0", SCHEDULE[1]),
        ("999999999", MAX_RETRY_AFTER_SECONDS),
        ("99999999999999999999", SCHEDULE[1]),
        ("-900", SCHEDULE[1]),
        ("soon", SCHEDULE[1]),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER_SECONDS),
        ("Thu, 01 Jan 1970 00:00:00 GMT", SCHEDULE[1]),
        ("Fri, 99 Dec 9999 23:59:59 GMT", SCHEDULE[1]),
    ],
)
def test_a_retry_after_may_be_a_date_or_nonsense_and_never_waits_over_a_day(
    aws, context, event, told, retry_after, seconds
):
    told(Answer(429, headers={"retry-after": retry_after}))

    answer = handler(event("deliver"), context)

    assert (answer["state"], answer["wait_seconds"]) == ("RETRY", seconds)


@pytest.mark.parametrize(
    "case",
    [
        (say_nothing, "TIMEOUT", None),
        (drip(b"HTTP/1.1 200 OK\r\n", b"x-slow: 1\r\n"), "TIMEOUT", None),
        (then_reset(b"HTTP/1.1 2"), "CONNECT_FAILED", None),
        (then_close(b""), "CONNECT_FAILED", None),
        (then_close(b"not HTTP at all\r\n\r\n"), "CONNECT_FAILED", None),
        (response(301, location="https://shop.example/hook"), "HTTP_STATUS", 301),
        (response(308, location="/hook"), "HTTP_STATUS", 308),
    ],
)
def test_a_receiver_that_hangs_drips_breaks_off_or_redirects_has_failed(aws, context, event, monkeypatch, case):
    answer, error, status = case
    monkeypatch.setattr(deliver.delivery, "ANSWER_SECONDS", 0.3)
    with ScriptedOrigin(answer) as origin:
        end_job_with(f"{origin.url}/hook")

        state = handler(event("deliver"), context)["state"]

    [attempt] = list_attempts(JOB_ID)
    assert (state, attempt.delivered, attempt.error, attempt.status) == ("RETRY", False, error, status)


def test_a_head_that_came_is_success_whatever_its_body_does(aws, context, event, monkeypatch):
    monkeypatch.setattr(deliver.delivery, "ANSWER_SECONDS", 0.3)
    endless = drip(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x")
    with ScriptedOrigin(endless) as origin:
        end_job_with(f"{origin.url}/hook")

        assert handler(event("deliver"), context)["state"] == "DELIVERED"


def test_a_crash_at_any_point_is_mended_by_the_retry(aws, context, event, web, told):
    told(Answer(204))
    point, crashed = 0, True
    while crashed:
        point += 1
        with aws.crash_at(point) as points:
            handler(event("deliver"), context)
        crashed = len(points) == point

    assert handler(event("deliver"), context)["state"] == "DELIVERED"
    [attempt] = list_attempts(JOB_ID)
    assert attempt.delivered
    assert len({request.headers["webhook-id"] for request in web.asked_for("/hook")}) == 1


def test_a_tenants_secret_is_made_once_and_is_its_own(aws):
    first = signing_secrets(TENANT)

    assert signing_secrets(TENANT) == first
    assert signing_secrets("another") != first


def test_secrets_are_in_no_text_of_their_values(aws):
    assert signing_secrets(TENANT).current not in repr(signing_secrets(TENANT))
