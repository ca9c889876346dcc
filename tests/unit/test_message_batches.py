"""Batches of messages, sent to a real HTTP server that notes what it is sent, and can fail."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError

from imagemill.adapters import aws as clients
from imagemill.adapters import message_batches
from imagemill.adapters.message_batches import send_batch
from tests.unit.aws_listener import AwsListener
from tests.unit.conftest import CREDENTIALS, ENVIRONMENT

QUEUE = ENVIRONMENT["PRODUCTS_QUEUE"]
ENTRIES = [{"Id": str(number), "MessageBody": f'{{"url":"ü{number}"}}', "MessageGroupId": "t"} for number in range(2)]
ACCEPTED = {"Successful": [{"Id": "0"}, {"Id": "1"}]}


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsListener]:
    with AwsListener(json.dumps(ACCEPTED).encode()).listening(monkeypatch) as running:
        _forget()
        yield running
        lane = message_batches._lane()
        if lane:
            lane.connections.clear()
    _forget()


def _forget() -> None:
    for cached in (clients.sqs, message_batches._lane):
        cached.cache_clear()


def test_a_batch_is_sent_by_one_request(queues: AwsListener) -> None:
    refused = send_batch(QUEUE, ENTRIES)

    [post] = queues.calls
    assert refused == set()
    assert not post.is_boto3
    assert json.loads(post.body) == {"QueueUrl": QUEUE, "Entries": ENTRIES}


def test_it_is_the_request_that_boto3_would_send(queues: AwsListener) -> None:
    send_batch(QUEUE, ENTRIES)
    clients.sqs().send_message_batch(QueueUrl=QUEUE, Entries=ENTRIES)  # type: ignore[arg-type]

    ours, boto3s = queues.calls
    assert json.loads(ours.body) == json.loads(boto3s.body)
    for name in ("host", "content-type", "x-amz-target"):
        assert ours.headers[name] == boto3s.headers[name]


def test_the_signature_is_the_one_that_botocore_computes(queues: AwsListener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the-role's")

    send_batch(QUEUE, ENTRIES)

    [post] = queues.calls
    signed = re.search("SignedHeaders=([^,]+)", post.headers["authorization"])
    assert signed
    names = set(signed[1].split(";"))
    assert names == {"content-type", "host", "x-amz-date", "x-amz-security-token", "x-amz-target"}
    headers = {name: post.headers[name] for name in names - {"host"}}
    again = AWSRequest("POST", f"{queues.url}/", headers=headers, data=post.body)
    again.context["timestamp"] = post.headers["x-amz-date"]
    signer = SigV4Auth(ReadOnlyCredentials("testing", "testing", "the-role's", None), "sqs", "eu-central-1")
    string_to_sign = signer.string_to_sign(again, signer.canonical_request(again))
    assert post.headers["authorization"].endswith(f"Signature={signer.signature(string_to_sign, again)}")


def test_refused_entries_are_named(queues: AwsListener) -> None:
    answer = {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "SenderFault": False, "Code": "InternalError"}]}
    queues.answers = [(200, json.dumps(answer).encode())]

    assert send_batch(QUEUE, ENTRIES) == {"1"}


@pytest.mark.parametrize("answer", [(503, b""), (500, b"{}"), (400, b'{"__type":"Throttled"}'), (200, b"<html>"), None])
def test_boto3_takes_over_whatever_went_wrong(queues: AwsListener, answer: tuple[int, bytes] | None) -> None:
    queues.answers = [answer]

    assert send_batch(QUEUE, ENTRIES) == set()

    assert [post.is_boto3 for post in queues.calls] == [False, True]
    assert json.loads(queues.calls[-1].body)["Entries"] == ENTRIES


def test_a_refusal_by_boto3_is_raised(queues: AwsListener) -> None:
    queues.answers = [(400, b'{"__type":"com.amazonaws.sqs#BatchRequestTooLong","message":""}')] * 2

    with pytest.raises(ClientError, match="BatchRequestTooLong"):
        send_batch(QUEUE, ENTRIES)


def test_boto3_alone_speaks_to_a_proxy(queues: AwsListener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", queues.url)

    send_batch(QUEUE, ENTRIES)

    assert [post.is_boto3 for post in queues.calls] == [True]


def test_the_address_on_aws_is_that_of_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (ENVIRONMENT | CREDENTIALS).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    _forget()

    service = message_batches._lane()

    assert service
    assert (service.url, service.region) == ("https://sqs.eu-central-1.amazonaws.com", "eu-central-1")
    _forget()
