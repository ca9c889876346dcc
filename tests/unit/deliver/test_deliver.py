"""The deliver function: one attempt of one webhook message, logged."""

import json
from dataclasses import replace

from standardwebhooks import Webhook

from deliver.app import handler
from imagemill import __version__
from imagemill.adapters.store.deliveries import list_attempts
from imagemill.adapters.store.jobs import create_job, get_job
from imagemill.adapters.store.secrets import signing_secrets
from imagemill.domain.codes import JobStatus
from imagemill.domain.job import ProductCounts, job_document
from imagemill.domain.options import JobOptions
from imagemill.kept import forget
from imagemill.steps.webhooks import announce
from tests.support.account import ENVIRONMENT, JOB_ID, TENANT, a_job
from tests.support.ended_jobs import SCHEDULE
from tests.support.web import Answer


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


def test_outside_stage_local_an_inside_address_is_never_called(aws, context, event, web, told, monkeypatch):
    monkeypatch.setenv("STAGE", "prod")
    forget()
    told(Answer(204))

    handler(event("deliver"), context)

    assert web.asked_for("/hook") == []
    assert list_attempts(JOB_ID)[0].error == "BLOCKED_ADDRESS"


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
