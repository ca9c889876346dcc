"""Receivers that are busy, slow, gone or broken: when they are tried again."""

from threading import Event

import pytest

import deliver.delivery
from deliver.app import handler
from imagemill.adapters.store.deliveries import Attempt, list_attempts, put_attempt
from imagemill.domain.webhooks.message import MAX_RETRY_AFTER_SECONDS
from tests.support.account import JOB_ID
from tests.support.ended_jobs import SCHEDULE, end_job_with
from tests.support.scripted_web import ScriptedOrigin, drip, response, say_nothing, then_close, then_reset
from tests.support.web import Answer


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
