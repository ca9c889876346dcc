"""Webhook endpoints: receivers that a tenant registers once, for all jobs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from imagemill.domain.webhooks.message import EventType

#: Endpoints of one tenant: each job's end is delivered to all of them side by side in one execution.
MAX_WEBHOOKS = 20
MAX_DESCRIPTION_CHARACTERS = 256
#: After so long with nothing but failures an endpoint is disabled (contract A6).
MAX_FAILING = timedelta(days=5)


class DisabledReason(StrEnum):
    """Why we disabled an endpoint; none when its owner did."""

    GONE = "GONE"
    FAILING = "FAILING"


@dataclass(frozen=True, slots=True)
class Webhook:
    """An endpoint, without its secrets.

    failing_since: of the first failed attempt after the last success, ISO 8601. last_delivery: the latest
    attempt, as in the delivery log.
    """

    webhook_id: str
    tenant: str
    url: str
    events: tuple[EventType, ...]
    created_at: str
    enabled: bool = True
    description: str | None = None
    disabled_reason: DisabledReason | None = None
    failing_since: str | None = None
    last_delivery: Mapping[str, Any] | None = None

    def takes(self, event: EventType) -> bool:
        return self.enabled and event in self.events


def has_failed_too_long(failing_since: str, at: str) -> bool:
    """Whether an attempt that failed at `at` ends the patience with an endpoint. Both times are ISO 8601."""
    return datetime.fromisoformat(at) - datetime.fromisoformat(failing_since) >= MAX_FAILING


def webhook_document(webhook: Webhook) -> dict[str, Any]:
    """The endpoint as its owner sees it. Its secret is shown at creation and rotation alone."""
    return {
        "id": webhook.webhook_id,
        "url": webhook.url,
        "events": [event.value for event in webhook.events],
        "enabled": webhook.enabled,
        "description": webhook.description,
        "created_at": webhook.created_at,
        "disabled_reason": webhook.disabled_reason and webhook.disabled_reason.value,
        "failing_since": webhook.failing_since,
        "last_delivery": webhook.last_delivery,
    }
