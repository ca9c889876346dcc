"""The ingest, products and report queues."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from imagemill.adapters.aws.clients import sqs
from imagemill.adapters.aws.fast_lane import by_fast_lane
from imagemill.domain.catalogue.image_urls import is_hopeless
from imagemill.domain.ingest_messages import IngestRequest, to_json
from imagemill.domain.product import ProductMessage
from imagemill.domain.report_request import ReportRequest
from imagemill.errors import MessagesNotSentError

#: SendMessageBatch: at most 10 entries and 1 MiB together (SQS quotas); less is asked, as headers count too.
BATCH_ENTRIES = 10
BATCH_BYTES = 1_000_000
#: Batches in flight at once: half a chunk's. More would only queue for the interpreter.
PARALLEL_SENDS = 10
#: SQS answers single entries with a fault of its own now and then; each is sent again this often.
SEND_ATTEMPTS = 5
#: The longest that a message may stay hidden, and that a new one may be held back (SQS quotas), in seconds.
MAX_VISIBILITY_SECONDS, MAX_DELAY_SECONDS = 12 * 3600, 900
#: What a message group may be (SQS API reference, SendMessage); a tenant's name by drop is any folder's.
MESSAGE_GROUP = re.compile(r"[A-Za-z0-9!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}")


def send_products(messages: Iterable[ProductMessage], tenant: str) -> None:
    """Send one message a product, in parallel batches. Returns when all are accepted.

    The tenant's message group keeps a large job from starving another tenant's (fair queues).
    Repeating sends them twice, which workers tolerate.

    Raises:
        MessagesNotSentError: after `SEND_ATTEMPTS` refusals.
    """
    queue, group = os.environ["PRODUCTS_QUEUE"], message_group(tenant)
    with ThreadPoolExecutor(PARALLEL_SENDS) as pool:
        for _ in pool.map(lambda batch: _send(queue, batch, group), list(_batches(messages))):
            pass


def message_group(tenant: str) -> str:
    """The tenant's message group: its name, or where SQS would refuse that, 64 hex digits that stand for it.

    Always the same for a tenant: all its jobs are of one group.
    """
    return tenant if MESSAGE_GROUP.fullmatch(tenant) else hashlib.sha256(tenant.encode()).hexdigest()


def _batches(messages: Iterable[ProductMessage]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for body in map(product_body, messages):
        body_size = len(body.encode())
        if batch and (len(batch) == BATCH_ENTRIES or size + body_size > BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(body)
        size += body_size
    if batch:
        yield batch


def product_body(message: ProductMessage) -> str:
    """A message as it is sent, of at most 900,000 bytes: 100 URLs of 2,048 characters, four bytes each.

    A URL that is invalid for its length or its characters is sent empty, which is invalid, too: SQS takes
    neither more than 1 MiB nor every character, and would refuse the message for ever.
    """
    if any(map(is_hopeless, message.urls)):
        message = replace(message, urls=tuple("" if is_hopeless(url) else url for url in message.urls))
    return message.to_json()


def _send(queue: str, bodies: Sequence[str], group: str) -> None:
    entries: list[Any] = [
        {"Id": str(index), "MessageBody": body, "MessageGroupId": group} for index, body in enumerate(bodies)
    ]
    for _ in range(SEND_ATTEMPTS):
        answer = by_fast_lane(sqs(), "send_message_batch", QueueUrl=queue, Entries=entries)
        refused = {failure["Id"] for failure in answer.get("Failed", [])}
        entries = [entry for entry in entries if entry["Id"] in refused]
        if not entries:
            return
    raise MessagesNotSentError(f"{len(entries)} messages refused {SEND_ATTEMPTS} times")


def ask_ingest(request: IngestRequest) -> None:
    """Put a request into the ingest queue. Repeating asks twice, which ingest tolerates."""
    sqs().send_message(QueueUrl=os.environ["INGEST_QUEUE"], MessageBody=to_json(request))


def ask_report(request: ReportRequest) -> None:
    """Put a request into the report queue. Repeating asks twice, which the report tolerates."""
    by_fast_lane(sqs(), "send_message", QueueUrl=os.environ["REPORT_QUEUE"], MessageBody=request.to_json())


def queues_are_idle() -> bool:
    """Whether no message waits, is in work or rests, in the queues of ingest and of products.

    The counts are approximate and up to a minute late (GetQueueAttributes API reference).
    """
    return not any(_messages(os.environ[queue]) for queue in ("INGEST_QUEUE", "PRODUCTS_QUEUE"))


def _messages(queue: str) -> int:
    counts = sqs().get_queue_attributes(
        QueueUrl=queue,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ],
    )["Attributes"]
    return sum(int(count) for count in counts.values())


@dataclass(frozen=True, slots=True)
class ReceivedMessage:
    """handle: of this receive. receive_count: how often it has been received, this time included.

    group: the tenant's, for fair queues; None of a message that has none.
    """

    message_id: str
    handle: str
    body: str
    receive_count: int
    group: str | None = None


def receive_products() -> list[ReceivedMessage]:
    """At most ten messages of the products queue, hidden for the queue's own time; none when SQS finds none at once."""
    answer = by_fast_lane(
        sqs(),
        "receive_message",
        QueueUrl=os.environ["PRODUCTS_QUEUE"],
        MaxNumberOfMessages=BATCH_ENTRIES,
        MessageSystemAttributeNames=["ApproximateReceiveCount", "MessageGroupId"],
    )
    return [
        ReceivedMessage(
            message["MessageId"],
            message["ReceiptHandle"],
            message["Body"],
            int(message["Attributes"]["ApproximateReceiveCount"]),
            message["Attributes"].get("MessageGroupId"),
        )
        for message in answer.get("Messages", [])
    ]


def delete_products(handles: Sequence[str]) -> None:
    """Delete messages of the products queue. Repeating changes nothing; single ones that SQS refuses come again."""
    for first in range(0, len(handles), BATCH_ENTRIES):
        entries: list[Any] = [
            {"Id": str(index), "ReceiptHandle": handle}
            for index, handle in enumerate(handles[first : first + BATCH_ENTRIES])
        ]
        by_fast_lane(sqs(), "delete_message_batch", QueueUrl=os.environ["PRODUCTS_QUEUE"], Entries=entries)


def show_again_after(receipt_handle: str, seconds: float) -> None:
    """Let a products message that is given back come again after `seconds`, not after the queue's own time."""
    _show_again_after("PRODUCTS_QUEUE", receipt_handle, seconds)


def show_report_again_after(receipt_handle: str, seconds: float) -> None:
    """The same for a message of the report queue."""
    _show_again_after("REPORT_QUEUE", receipt_handle, seconds)


def _show_again_after(queue: str, receipt_handle: str, seconds: float) -> None:
    sqs().change_message_visibility(
        QueueUrl=os.environ[queue],
        ReceiptHandle=receipt_handle,
        VisibilityTimeout=min(MAX_VISIBILITY_SECONDS, max(0, round(seconds))),
    )


def send_product_anew(message: ProductMessage, receipt_handle: str, group: str | None, seconds: float) -> None:
    """Put a product back into its queue as a new message, which has all its receives before it, for the old one.

    It is held back for `seconds`, `MAX_DELAY_SECONDS` at most, and does not count as in flight meanwhile. Sent first,
    deleted then: a crash in between leaves both, which workers tolerate.
    """
    grouped: Any = {} if group is None else {"MessageGroupId": group}
    delay = min(MAX_DELAY_SECONDS, max(0, round(seconds)))
    queue = os.environ["PRODUCTS_QUEUE"]
    sqs().send_message(QueueUrl=queue, MessageBody=product_body(message), DelaySeconds=delay, **grouped)
    sqs().delete_message(QueueUrl=queue, ReceiptHandle=receipt_handle)
