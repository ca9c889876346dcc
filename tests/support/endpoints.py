"""Registered endpoints, and the time at which they are told."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from imagemill.adapters.store.webhooks import create_webhook, get_webhook
from imagemill.domain.webhooks.endpoint import Webhook
from imagemill.domain.webhooks.message import EventType, new_secret
from tests.support.account import TENANT

WEBHOOK_ID = "01K0B4A8W3N6T9Z2C5H7KMQRVX"
URL = "https://shop.example/hooks/imagemill"


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class FrozenTime:
    """The time that attempts are logged with; no test waits for it."""

    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> str:
        return iso(self.now)


def register(url: str = URL, **changes: Any) -> tuple[Webhook, str]:
    """An endpoint of `TENANT`, unless told otherwise; returns it and its secret."""
    given: dict[str, Any] = {
        "webhook_id": WEBHOOK_ID,
        "tenant": TENANT,
        "events": tuple(EventType),
        "created_at": "2025-07-18T13:00:00.000Z",
    }
    webhook, secret = Webhook(**{**given, "url": url, **changes}), new_secret()
    create_webhook(webhook, secret)
    return webhook, secret


def endpoint() -> Webhook:
    webhook = get_webhook(TENANT, WEBHOOK_ID)
    assert webhook
    return webhook
