"""Products that the process function takes from the queue itself, beyond those that Lambda hands in."""

from __future__ import annotations

from typing import Any

import pytest

import process.intake
import process.pipeline
from imagemill.adapters.aws import clients
from imagemill.adapters.store.ledger import live_counts
from imagemill.adapters.store.runs import open_run
from imagemill.domain.codes import ProductStatus
from imagemill.domain.job import ProductCounts
from imagemill.domain.options import ImageOptions
from imagemill.domain.product import ProductMessage
from process.app import handler
from tests.support.account import ENVIRONMENT, JOB_ID
from tests.support.caller import context_of
from tests.support.results import get_results, product_message
from tests.support.web import Answer

QUEUE = ENVIRONMENT["PRODUCTS_QUEUE"]
ROWS = 25


@pytest.fixture(autouse=True)
def run_of_one_chunk(aws, monkeypatch):
    monkeypatch.setattr(process.image, "FIRST_PAUSE_SECONDS", 0.001)
    open_run(JOB_ID, 1, 1)


def product(row: int, *urls: str, size: int = ROWS) -> ProductMessage:
    return product_message(JOB_ID, 1, row, size, urls, ImageOptions())


def send(*bodies: str) -> None:
    for body in bodies:
        clients.sqs().send_message(QueueUrl=QUEUE, MessageBody=body)


def handed_in(*messages: ProductMessage) -> dict[str, Any]:
    """An event with these; no message of the queue."""
    return {
        "Records": [
            {
                "messageId": f"handed-{message.row}",
                "receiptHandle": "none",
                "body": message.to_json(),
                "attributes": {"ApproximateReceiveCount": "1"},
            }
            for message in messages
        ]
    }


def left() -> dict[str, int]:
    """Messages of the queue: waiting, and hidden."""
    names: list[Any] = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = clients.sqs().get_queue_attributes(QueueUrl=QUEUE, AttributeNames=names)["Attributes"]
    return {name.removeprefix("ApproximateNumberOf"): int(count) for name, count in counts.items()}


NONE_LEFT = {"Messages": 0, "MessagesNotVisible": 0}


def test_one_invocation_works_the_queue_off(aws, context, web, picture):
    urls = [web.route(f"/{row}.jpg", picture) for row in range(1, ROWS + 1)]
    first, *others = (product(row, url) for row, url in enumerate(urls, 1))
    send(*(message.to_json() for message in others))

    answer = handler(handed_in(first), context)

    assert answer == {"batchItemFailures": []}
    assert live_counts(JOB_ID, 1) == ProductCounts(completed=ROWS)
    assert aws.reports() == [f"{JOB_ID}-1"]
    assert left() == NONE_LEFT
    assert len(web.requests) == ROWS


def test_taken_products_are_entered_ten_at_a_time(aws, context, web, picture, monkeypatch):
    monkeypatch.setattr(process.pipeline, "LEDGER_SECONDS", 60)
    monkeypatch.setattr(process.intake, "PAUSE_SECONDS", 60)
    url = web.route("/a.jpg", picture)
    send(*(product(row, f"{url}?{row}", size=99).to_json() for row in range(2, 21)))

    with aws.calls() as calls:
        handler(handed_in(product(1, f"{url}?1", size=99)), context)

    assert calls.count("UpdateItem") == 2
    assert calls.count("DeleteMessageBatch") == 2
    assert calls.count("BatchGetItem") == calls.count("ReceiveMessage")


def test_what_lambda_handed_in_is_left_to_lambda(aws, context, web, picture):
    first = product(1, web.route("/a.jpg", picture))
    send(first.to_json())
    [message] = clients.sqs().receive_message(QueueUrl=QUEUE)["Messages"]
    event = handed_in(first)
    event["Records"][0]["receiptHandle"] = message["ReceiptHandle"]

    handler(event, context)

    assert live_counts(JOB_ID, 1) == ProductCounts(completed=1)
    assert left() == {"Messages": 0, "MessagesNotVisible": 1}


def test_late_in_an_invocation_nothing_is_taken(aws, web, picture, monkeypatch):
    monkeypatch.setattr(process.intake, "TAKING_SHARE", 0.0)
    send(product(2, web.route("/b.jpg", picture)).to_json())

    handler(handed_in(product(1, web.route("/a.jpg", picture))), context_of(30_000))

    assert left() == {"Messages": 1, "MessagesNotVisible": 0}
    assert web.asked_for("/b.jpg") == []


def test_a_taken_product_with_a_transient_fault_stays_in_the_queue(aws, context, web, picture):
    good, down = web.route("/good.jpg", picture), web.route("/down.jpg", Answer(500))
    send(product(2, good).to_json(), product(3, down).to_json())

    answer = handler(handed_in(product(1, good)), context)

    assert answer == {"batchItemFailures": []}
    assert left() == {"Messages": 0, "MessagesNotVisible": 1}
    results = get_results([(JOB_ID, 1, row) for row in (2, 3)])
    assert [results[JOB_ID, 1, row].status for row in (2, 3)] == [ProductStatus.COMPLETED, ProductStatus.PROCESSING]


def test_a_taken_message_that_cannot_be_read_is_left_and_its_neighbours_go_on(aws, context, web, picture):
    url = web.route("/a.jpg", picture)
    send("{}", product(2, url).to_json())

    handler(handed_in(product(1, url)), context)

    assert left() == {"Messages": 0, "MessagesNotVisible": 1}
    assert live_counts(JOB_ID, 1) == ProductCounts(completed=2)


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("ReceiveMessage", {"Messages": 1, "MessagesNotVisible": 0}),
        ("DeleteMessageBatch", {"Messages": 0, "MessagesNotVisible": 1}),
    ],
)
def test_a_queue_that_does_not_answer_spoils_nothing(aws, context, web, picture, operation, expected):
    def refuse(**_: Any) -> None:
        clients.sqs().get_queue_url(QueueName="no-such-queue")

    url = web.route("/a.jpg", picture)
    send(product(2, url).to_json())
    events = clients.sqs().meta.events
    events.register(f"before-call.sqs.{operation}", refuse)
    try:
        answer = handler(handed_in(product(1, url)), context)
    finally:
        events.unregister(f"before-call.sqs.{operation}", refuse)

    assert answer == {"batchItemFailures": []}
    assert get_results([(JOB_ID, 1, 1)])[JOB_ID, 1, 1].status is ProductStatus.COMPLETED
    assert left() == expected


def test_beside_a_suspect_nothing_is_taken(aws, context, web, picture):
    """What crashed its worker once may do so again, and take along what is in hand."""
    url = web.route("/a.jpg", picture)
    send(product(2, url).to_json())
    event = handed_in(product(1, url))
    event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "2"

    handler(event, context)

    assert live_counts(JOB_ID, 1) == ProductCounts(completed=1)
    assert left() == {"Messages": 1, "MessagesNotVisible": 0}


def test_a_taken_suspect_is_made_last_and_alone(aws, context, web, picture: Answer):
    order: list[str] = []

    def noted(request: Any) -> Answer:
        order.append(request.path)
        return picture

    suspect, other = (product(row, web.route(f"/{row}.jpg", noted)) for row in (2, 3))
    send(suspect.to_json())
    clients.sqs().receive_message(QueueUrl=QUEUE, VisibilityTimeout=0)
    send(other.to_json())

    handler(handed_in(product(1, web.route("/a.jpg", picture))), context)

    assert order == ["/3.jpg", "/2.jpg"]
    assert left() == NONE_LEFT
