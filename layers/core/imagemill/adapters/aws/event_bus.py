"""The account's default event bus in EventBridge."""

from __future__ import annotations

from imagemill.adapters.aws.clients import events
from imagemill.errors import EventNotSentError


def put_event(source: str, detail_type: str, detail: str) -> None:
    """Send one event. Repeating sends it twice: whoever listens knows by its detail.

    detail: JSON of 255,000 bytes at most.

    Raises:
        EventNotSentError: when the bus does not take it.
        BotoCoreError, ClientError: after boto3's own retries.
    """
    answer = events().put_events(Entries=[{"Source": source, "DetailType": detail_type, "Detail": detail}])
    for entry in answer["Entries"]:
        if "ErrorCode" in entry:
            raise EventNotSentError(f"{entry['ErrorCode']}: {entry.get('ErrorMessage')}")
