"""What receivers are told of a job's end, and who they are."""

from __future__ import annotations

from imagemill.adapters.store.messages import WebhookMessage, get_message, put_message
from imagemill.adapters.store.webhooks import list_webhooks
from imagemill.domain.job import Job, ProductCounts, job_document
from imagemill.domain.webhooks.endpoint import MAX_WEBHOOKS
from imagemill.domain.webhooks.message import Delivery, event_of, message_body


def announce(job: Job) -> WebhookMessage:
    """Fix what is told of the run that an ended job is in, before anything may begin another run.

    Returns what is told: all attempts and redeliveries send these bytes. Safe to repeat: the first word stands.
    """
    standing = get_message(job.job_id, job.run)
    if standing is not None:
        return standing
    event = event_of(job.status)
    body = message_body(event, job.ended_at, job_document(job, job.counts or ProductCounts()))
    message = WebhookMessage(job.job_id, job.run, job.tenant, event, body, job.options.webhook_url)
    return put_message(message)


def deliveries_of(job_id: str, run: int) -> list[Delivery]:
    """One delivery a receiver, as the tenant's endpoints are now: the job's own URL, and each that takes the event.

    None when the run has not been announced.
    """
    message = get_message(job_id, run)
    if message is None:
        return []
    takers = [webhook for webhook in list_webhooks(message.tenant) if webhook.takes(message.event)]
    receivers = [None] if message.webhook_url else []
    return [
        Delivery(job_id, run, webhook_id)
        for webhook_id in (*receivers, *(taker.webhook_id for taker in takers[:MAX_WEBHOOKS]))
    ]
