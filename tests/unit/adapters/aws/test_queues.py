"""The queues: batches within SQS's quotas, single refusals sent again, tenants as message groups."""

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from botocore.stub import Stubber

from imagemill.adapters.aws import clients
from imagemill.adapters.aws.queues import (
    BATCH_BYTES,
    MAX_VISIBILITY_SECONDS,
    SEND_ATTEMPTS,
    ask_ingest,
    message_group,
    send_products,
    show_again_after,
)
from imagemill.domain.ingest_messages import ContinueIngest
from imagemill.domain.options import ImageOptions
from imagemill.domain.product import ProductMessage
from imagemill.errors import MessagesNotSentError
from local.aws_limits import MESSAGE_GROUP
from tests.support.account import ENVIRONMENT, JOB_ID, TENANT
from tests.support.results import product_message


def message(row: int, url: str = "https://a/1.jpg") -> ProductMessage:
    return product_message(JOB_ID, 1, row, 200, (url,), ImageOptions())


@pytest.fixture
def batches(aws):
    """The entries of each batch that is sent."""
    sent = []

    def seen(params, **_):
        sent.append(json.loads(params["body"])["Entries"])

    events = clients.sqs().meta.events
    events.register("before-call.sqs.SendMessageBatch", seen)
    yield sent
    events.unregister("before-call.sqs.SendMessageBatch", seen)


def test_ten_messages_make_a_batch(aws, batches):
    send_products(map(message, range(1, 26)), TENANT)

    assert sorted(len(batch) for batch in batches) == [5, 10, 10]
    assert aws.rows_sent() == list(range(1, 26))


def test_a_batch_is_cut_before_it_grows_too_large(aws, batches):
    urls = ("https://a/" + "ü" * 2_000,) * 60

    send_products((replace(message(row), urls=urls) for row in range(1, 8)), TENANT)

    sizes = [sum(len(entry["MessageBody"].encode()) for entry in batch) for batch in batches]
    assert len(batches) > 1
    assert max(sizes) <= BATCH_BYTES
    smallest_message = min(len(entry["MessageBody"].encode()) for batch in batches for entry in batch)
    assert all(one + other + smallest_message > BATCH_BYTES for one, other in pairwise(sizes))
    assert aws.rows_sent() == list(range(1, 8))


def test_no_messages_make_no_batch(aws, batches):
    send_products([], TENANT)

    assert batches == []


def test_the_tenant_is_the_message_group(aws, batches):
    send_products([message(1)], TENANT)

    assert [entry["MessageGroupId"] for entry in batches[0]] == [TENANT]


@pytest.mark.parametrize("tenant", ["My Shop", "Müller", "o" * 129, "one\ntwo", "\u3042", "\x7f", "shop\n"])
def test_a_name_that_is_no_message_group_has_one_that_stands_for_it(aws, batches, tenant):
    send_products([message(1)], tenant)

    [entry] = batches[0]
    assert MESSAGE_GROUP.fullmatch(entry["MessageGroupId"])
    assert entry["MessageGroupId"] == message_group(tenant) != message_group(tenant + "x")


@pytest.mark.parametrize("tenant", ["a", "o" * 128, "shop.example", "a/b:c", "".join(map(chr, range(33, 127)))])
def test_a_name_that_is_a_message_group_is_the_group(tenant):
    assert message_group(tenant) == tenant
    assert MESSAGE_GROUP.fullmatch(tenant)


def test_a_message_says_all_that_a_worker_needs(aws):
    sent = message(7, "https://a/grün.jpg?x=1,2")

    send_products([sent], TENANT)

    [received] = aws.messages("PRODUCTS_QUEUE")
    assert ProductMessage.from_json(json.dumps(received)) == sent


def refusing(*ids: str) -> dict[str, Any]:
    failed = [{"Id": name, "SenderFault": False, "Code": "InternalError"} for name in ids]
    return {"Failed": failed, "Successful": []}


def test_entries_that_sqs_refuses_are_sent_again_alone(aws):
    entries = [
        {"Id": str(index), "MessageBody": message(index + 1).to_json(), "MessageGroupId": TENANT} for index in range(3)
    ]
    with Stubber(clients.sqs()) as stub:
        queue = ENVIRONMENT["PRODUCTS_QUEUE"]
        stub.add_response("send_message_batch", refusing("1"), {"QueueUrl": queue, "Entries": entries})
        stub.add_response("send_message_batch", refusing(), {"QueueUrl": queue, "Entries": [entries[1]]})

        send_products(map(message, (1, 2, 3)), TENANT)

        stub.assert_no_pending_responses()


def test_an_entry_that_stays_refused_is_a_fault(aws):
    with Stubber(clients.sqs()) as stub:
        for _ in range(SEND_ATTEMPTS):
            stub.add_response("send_message_batch", refusing("0"))

        with pytest.raises(MessagesNotSentError):
            send_products([message(1)], TENANT)

        stub.assert_no_pending_responses()


def test_a_continuation_is_what_ingest_is_called_with(aws, event):
    ask_ingest(ContinueIngest(JOB_ID, 1))

    assert aws.messages("INGEST_QUEUE") == [json.loads(event("ingest_continue")["Records"][0]["body"])]


@pytest.mark.parametrize(
    ("asked", "set_to"), [(0, 0), (-5, 0), (29.6, 30), (1e9, MAX_VISIBILITY_SECONDS), (float(43_200), 43_200)]
)
def test_the_time_out_of_sight_is_whole_seconds_within_the_quota(aws, asked, set_to):
    with Stubber(clients.sqs()) as stub:
        expected = {
            "QueueUrl": ENVIRONMENT["PRODUCTS_QUEUE"],
            "ReceiptHandle": "handle",
            "VisibilityTimeout": set_to,
        }
        stub.add_response("change_message_visibility", {}, expected)

        show_again_after("handle", asked)

        stub.assert_no_pending_responses()
