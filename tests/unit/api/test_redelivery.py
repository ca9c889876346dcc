"""Tests of endpoints, and redelivery of what a job had to say (contract A6)."""

import json
from typing import Any

import pytest

from imagemill.adapters.aws import clients
from imagemill.adapters.store.deliveries import Attempt, put_attempt
from imagemill.adapters.store.jobs import create_job
from imagemill.adapters.store.messages import get_message
from imagemill.adapters.store.webhooks import get_webhook_and_secrets
from imagemill.domain.codes import JobStatus
from imagemill.domain.ids import new_id
from imagemill.domain.options import JobOptions
from imagemill.domain.webhooks.message import EventType
from tests.support.account import JOB_ID, OTHER_TENANT, STATE_MACHINE, TENANT, a_job
from tests.support.endpoints import URL, WEBHOOK_ID, register


def deliveries_started(aws: Any) -> list[dict[str, Any]]:
    """The messages of each execution that brings its own, in no order."""
    found = []
    for name in aws.executions():
        execution = f"{STATE_MACHINE.replace(':stateMachine:', ':execution:')}:{name}"
        given = json.loads(clients.step_functions().describe_execution(executionArn=execution)["input"])
        found += given.get("messages", [])
    return found


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
