"""The deliver function: one attempt of one webhook message, logged."""

import json
from threading import Event

import pytest
from standardwebhooks import Webhook

import deliver.delivery
from deliver.app import handler
from imagemill import __version__
from imagemill.adapters.deliveries import Attempt, list_attempts, put_attempt
from imagemill.adapters.jobs import create_job, get_job
from imagemill.adapters.secrets import signing_secret
from imagemill.domain import webhook
from imagemill.domain.codes import JobStatus
from imagemill.domain.job import ProductCounts, Totals, job_document
from imagemill.domain.options import JobOptions
from imagemill.settings import settings
from tests.e2e.web import Answer
from tests.unit.conftest import ENVIRONMENT, JOB_ID, TENANT, a_job

SCHEDULE = [int(seconds) for seconds in ENVIRONMENT["WEBHOOK_DELAYS_SECONDS"].split(",")]


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch):
    monkeypatch.setattr(webhook, "random", lambda: 0.0)


@pytest.fixture
def told(aws, web):
    """Answers the webhook of an ended job as the test says."""

    def answering(answer: Answer) -> None:
        options = JobOptions(webhook_url=web.route("/hook", answer), client_reference="Bestellung Grün")
        create_job(a_job(options, status=JobStatus.PARTIAL, ended_at="2025-07-18T13:43:00.000Z", products=3))

    return answering


def test_a_message_is_signed_so_that_a_receiver_can_verify_it(aws, context, event, web, told):
    told(Answer(204))

    answer = handler(event("deliver"), context)

    [request] = web.asked_for("/hook")
    message = Webhook(signing_secret(TENANT)).verify(request.body, dict(request.headers))
    job = get_job(JOB_ID)
    assert job
    document = json.loads(json.dumps(job_document(job, ProductCounts())))
    assert message == {"type": "job.partial", "timestamp": job.ended_at, "data": document}
    assert request.headers["webhook-id"] == event("deliver")["message_id"]
    assert request.headers["user-agent"] == f"imagemill/{__version__}"
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


def test_a_receiver_that_cannot_be_reached_is_tried_again_and_the_log_says_why(aws, context, event, told, web):
    create_job(a_job(JobOptions(webhook_url="http://127.0.0.1:1/hook"), status=JobStatus.COMPLETED))

    answer = handler(event("deliver"), context)

    [attempt] = list_attempts(JOB_ID)
    assert (answer["state"], attempt.status, attempt.error) == ("RETRY", None, "CONNECT_FAILED")


def test_a_receiver_that_does_not_answer_in_time_is_tried_again(aws, context, event, web, monkeypatch):

    monkeypatch.setattr(deliver.delivery, "ANSWER_SECONDS", 0.1)
    release = Event()
    hook = web.route("/hook", lambda _: (release.wait(10), Answer(204))[1])
    create_job(a_job(JobOptions(webhook_url=hook), status=JobStatus.COMPLETED))

    answer = handler(event("deliver"), context)
    release.set()

    [attempt] = list_attempts(JOB_ID)
    assert (answer["state"], attempt.error) == ("RETRY", "TIMEOUT")
    assert attempt.milliseconds >= 100


def test_outside_stage_local_an_inside_address_is_never_called(aws, context, event, web, told, monkeypatch):
    monkeypatch.setenv("STAGE", "prod")
    settings.cache_clear()
    told(Answer(204))

    handler(event("deliver"), context)

    assert web.asked_for("/hook") == []
    assert list_attempts(JOB_ID)[0].error == "BLOCKED_ADDRESS"


def test_attempts_are_listed_in_order(aws, context, event, told):
    told(Answer(500))

    for attempt in (2, 1, 3):
        handler({**event("deliver"), "attempt": attempt}, context)

    assert [attempt.number for attempt in list_attempts(JOB_ID)] == [1, 2, 3]


@pytest.mark.parametrize("exists", [False, True])
def test_a_job_that_is_gone_or_has_no_webhook_is_a_fault(aws, context, event, exists):
    if exists:
        create_job(a_job(status=JobStatus.COMPLETED, totals=Totals()))

    with pytest.raises(LookupError):
        handler(event("deliver"), context)


def test_a_tenants_secret_is_made_once_and_is_its_own(aws):
    first = signing_secret(TENANT)

    assert signing_secret(TENANT) == first
    assert signing_secret("another") != first
