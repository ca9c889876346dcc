"""Who a message goes to, as it is at the moment of an attempt, and what an attempt means for an endpoint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from imagemill.adapters.store.deliveries import Attempt
from imagemill.adapters.store.messages import WebhookMessage
from imagemill.adapters.store.secrets import signing_secrets
from imagemill.adapters.store.webhooks import disable_webhook, get_webhook_and_secrets, note_failure, note_success
from imagemill.domain.webhooks.endpoint import DisabledReason, Webhook, has_failed_too_long
from imagemill.domain.webhooks.signing_secrets import SigningSecrets
from imagemill.logs import logger


class NoReceiver(StrEnum):
    """Why there is nobody to call any more."""

    WEBHOOK_DELETED = "WEBHOOK_DELETED"
    WEBHOOK_DISABLED = "WEBHOOK_DISABLED"


@dataclass(frozen=True, slots=True)
class Receiver:
    """webhook: the endpoint, None for a job's own `webhook_url`."""

    url: str
    secrets: SigningSecrets
    webhook: Webhook | None = None


def find_receiver(message: WebhookMessage, webhook_id: str | None) -> Receiver | NoReceiver:
    """The receiver with the URL and the secrets that it has now, however long the message has waited."""
    if webhook_id is None:
        if message.webhook_url is None:
            return NoReceiver.WEBHOOK_DELETED
        return Receiver(message.webhook_url, signing_secrets(message.tenant))
    found = get_webhook_and_secrets(message.tenant, webhook_id)
    if found is None:
        return NoReceiver.WEBHOOK_DELETED
    webhook, secrets = found
    return Receiver(webhook.url, secrets, webhook) if webhook.enabled else NoReceiver.WEBHOOK_DISABLED


def note(webhook: Webhook, attempt: Attempt) -> None:
    """Let the endpoint bear what came of an attempt: 410 disables it, and so do five days of failures (contract A6).

    Safe to repeat, and without effect on an endpoint that was changed meanwhile.
    """
    if attempt.delivered:
        note_success(webhook, _shown(attempt))
        return
    failed = note_failure(webhook, _shown(attempt), attempt.at)
    if failed is None or failed.failing_since is None:
        return
    if attempt.status == HTTPStatus.GONE:
        _disable(failed, DisabledReason.GONE)
    elif has_failed_too_long(failed.failing_since, attempt.at):
        _disable(failed, DisabledReason.FAILING)


def _disable(webhook: Webhook, reason: DisabledReason) -> None:
    disable_webhook(webhook, reason)
    logger.warning("Webhook disabled", extra={"webhook_id": webhook.webhook_id, "reason": reason.value})


def _shown(attempt: Attempt) -> Mapping[str, Any]:
    """An attempt as the endpoint's document shows it."""
    return {name: value for name, value in asdict(attempt).items() if name not in {"webhook_id", "retry_after"}}
