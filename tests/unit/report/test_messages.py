"""What a report has told: one message to each receiver, of the job as it ended."""

import json
from dataclasses import replace

from imagemill.adapters.store.jobs import create_job
from imagemill.adapters.store.messages import WebhookMessage, get_message, put_message
from imagemill.adapters.store.webhooks import create_webhook
from imagemill.domain.clock import now
from imagemill.domain.codes import JobStatus
from imagemill.domain.ids import new_id
from imagemill.domain.job import ProductCounts, job_document
from imagemill.domain.options import JobOptions
from imagemill.domain.webhooks.endpoint import MAX_WEBHOOKS, Webhook
from imagemill.domain.webhooks.message import EventType, new_secret
from report.app import handler
from tests.support.account import JOB_ID, TENANT, a_job
from tests.support.finished_products import CSV, finish_products, job_of

#: As in events/deliver_webhook.json.
WEBHOOK_ID = "01K0B4A8W3N6T9Z2C5H7KMQRVX"
URL = "https://shop.example/all"


def test_a_job_with_a_webhook_returns_its_message(aws, context, event):
    aws.start_job(CSV, JobOptions(webhook_url="https://shop.example/hook"))
    finish_products()

    answer = handler(event("report_execution"), context)

    assert answer == {"messages": [event("deliver")]}


def test_each_endpoint_that_takes_the_event_gets_a_message_too(aws, context, event):
    aws.start_job(CSV, JobOptions(webhook_url="https://shop.example/hook"))
    finish_products()
    for name, events in ((WEBHOOK_ID, (EventType.JOB_PARTIAL,)), (new_id(), (EventType.JOB_COMPLETED,))):
        create_webhook(Webhook(name, TENANT, URL, events, now()), new_secret())

    answer = handler(event("report_execution"), context)

    assert answer == {"messages": [event("deliver"), event("deliver_webhook")]}


def test_what_is_told_is_the_job_as_it_ended(aws, context, event):
    aws.start_job(CSV)
    finish_products()

    handler(event("report_execution"), context)

    message = get_message(JOB_ID, 1)
    assert message
    job = job_of()
    document = json.loads(json.dumps(job_document(job, job.counts or ProductCounts())))
    assert json.loads(message.body) == {"type": "job.partial", "timestamp": job.ended_at, "data": document}
    assert (message.tenant, message.webhook_url) == (TENANT, None)


def test_what_was_told_stands_when_the_report_is_repeated_in_a_later_run(aws, caller, context, event):
    aws.start_job(CSV, JobOptions(webhook_url="https://shop.example/hook"))
    finish_products()
    first = handler(event("report_execution"), context)
    told = get_message(JOB_ID, 1)
    caller.send(event("api_post_retry"))

    assert handler(event("report_execution"), context) == first
    assert get_message(JOB_ID, 1) == told
    assert get_message(JOB_ID, 2) is None


def test_of_two_reports_at_once_the_first_to_tell_is_the_one_that_stands(aws):
    first = WebhookMessage(JOB_ID, 1, TENANT, EventType.JOB_PARTIAL, b"first")

    put_message(first)
    put_message(replace(first, body=b"second"))

    assert get_message(JOB_ID, 1) == first


def test_the_errors_of_a_rejected_job_fit_into_its_message(aws, context, event):
    """A hundred errors as long as they come: the item must stay below DynamoDB's 400 KB."""
    error = {"row": 1_000_000, "column": "c" * 128, "code": "MALFORMED_CSV", "message": "m" * 512}
    create_job(a_job(JobOptions(), status=JobStatus.REJECTED, errors=(error,) * 100))
    create_webhook(Webhook(WEBHOOK_ID, TENANT, URL, (EventType.JOB_REJECTED,), now()), "x")

    answer = handler(event("report_execution"), context)

    assert answer == {"messages": [event("deliver_webhook")]}
    message = get_message(JOB_ID, 1)
    assert message
    assert len(json.loads(message.body)["data"]["errors"]) == 100
    assert len(message.body) < 100_000


def test_what_the_most_receivers_need_is_far_from_the_quota_of_an_execution(aws, context, event):
    """Step Functions: 256 KiB of input or output, 25,000 events. Nine events an attempt, three a retry of ours."""
    aws.start_job(CSV, JobOptions(webhook_url="https://shop.example/hook"))
    finish_products()
    for _ in range(MAX_WEBHOOKS + 5):
        create_webhook(Webhook(new_id(), TENANT, URL, tuple(EventType), now()), new_secret())

    answer = handler(event("report_execution"), context)

    assert answer
    messages = answer["messages"]
    assert len(messages) == MAX_WEBHOOKS + 1
    assert len(json.dumps(messages)) < 16 * 1024
    attempts, retries = 10, 20
    assert len(messages) * attempts * (9 + 3 * retries) < 25_000


def test_a_job_without_webhook_returns_none(aws, context, event):
    aws.start_job(CSV)
    finish_products()

    assert handler(event("report_execution"), context) == {"messages": []}
