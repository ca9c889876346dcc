"""Calls past boto3, sent to a real HTTP server that notes what it is sent, and can fail."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError, SSLError
from hypothesis import given
from hypothesis import strategies as st

from imagemill.adapters.aws import clients
from imagemill.adapters.aws.fast_lane import _plain_success, by_fast_lane, json_lane
from imagemill.kept import forget
from tests.support.account import CREDENTIALS, ENVIRONMENT
from tests.support.aws_listener import AwsListener
from tests.support.certificates import write_certificate

QUEUE = ENVIRONMENT["PRODUCTS_QUEUE"]
TABLE = ENVIRONMENT["TABLE_NAME"]
KEY = {"pk": {"S": "JOB#1#0"}, "sk": {"S": "LEDGER#1"}}
ANSWER = {"Attributes": {"completed": {"NS": ["1", "2"]}}}

#: Every call that takes the fast lane, as its adapter makes it.
CALLS: list[tuple[Callable[[], Any], str, dict[str, Any]]] = [
    (
        clients.sqs,
        "send_message_batch",
        {"QueueUrl": QUEUE, "Entries": [{"Id": "0", "MessageBody": '{"url":"ü"}', "MessageGroupId": "t"}]},
    ),
    (
        clients.sqs,
        "receive_message",
        {
            "QueueUrl": QUEUE,
            "MaxNumberOfMessages": 10,
            "MessageSystemAttributeNames": ["ApproximateReceiveCount"],
        },
    ),
    (clients.sqs, "delete_message_batch", {"QueueUrl": QUEUE, "Entries": [{"Id": "0", "ReceiptHandle": "h"}]}),
    (
        clients.dynamodb,
        "put_item",
        {
            "TableName": TABLE,
            "Item": {**KEY, "run": {"N": "1"}, "images": {"L": [{"M": {"kept": {"BOOL": False}}}]}},
            "ConditionExpression": "attribute_not_exists(pk) OR run < :run",
            "ExpressionAttributeValues": {":run": {"N": "1"}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        },
    ),
    (
        clients.dynamodb,
        "query",
        {
            "TableName": TABLE,
            "KeyConditionExpression": "pk = :partition AND begins_with(sk, :results)",
            "ExpressionAttributeValues": {":partition": KEY["pk"], ":results": {"S": "RESULT#"}},
            "ConsistentRead": True,
            "ExclusiveStartKey": KEY,
        },
    ),
    (clients.dynamodb, "batch_get_item", {"RequestItems": {TABLE: {"Keys": [KEY], "ConsistentRead": True}}}),
    (
        clients.dynamodb,
        "update_item",
        {
            "TableName": TABLE,
            "Key": KEY,
            "UpdateExpression": "ADD #completed :completed",
            "ExpressionAttributeNames": {"#completed": "completed"},
            "ExpressionAttributeValues": {":completed": {"NS": ["1"]}},
            "ReturnValues": "ALL_NEW",
        },
    ),
]
METHODS = [method for _, method, _ in CALLS]
each_call = pytest.mark.parametrize(("client", "method", "request_"), CALLS, ids=METHODS)


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsListener]:
    with _services(monkeypatch) as running:
        yield running


@pytest.fixture
def tls_services(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AwsListener]:
    """Trusted."""
    certificate = write_certificate(tmp_path / "aws.pem", "localhost")
    with _services(monkeypatch, certificate) as running:
        monkeypatch.setenv("AWS_CA_BUNDLE", str(certificate))
        yield running


@contextmanager
def _services(monkeypatch: pytest.MonkeyPatch, certificate: Path | None = None) -> Iterator[AwsListener]:
    with AwsListener(json.dumps(ANSWER).encode(), certificate).listening(monkeypatch) as running:
        _forget()
        yield running
    _forget()


def _forget() -> None:
    forget()
    clients.forget_clients()


def update_item() -> Any:
    client, method, request = CALLS[-1]
    return by_fast_lane(client(), method, **request)


@each_call
def test_it_is_one_request_and_the_one_that_boto3_would_send(
    services: AwsListener, client: Callable[[], Any], method: str, request_: dict[str, Any]
) -> None:
    answer = by_fast_lane(client(), method, **request_)
    getattr(client(), method)(**request_)

    ours, boto3s = services.calls
    assert answer == ANSWER
    assert (ours.is_boto3, boto3s.is_boto3) == (False, True)
    assert json.loads(ours.body) == json.loads(boto3s.body) == request_
    for name in ("host", "content-type", "x-amz-target"):
        assert ours.headers[name] == boto3s.headers[name]


def test_the_signature_is_the_one_that_botocore_computes(
    services: AwsListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the-role's")

    update_item()

    [post] = services.calls
    signed = re.search("SignedHeaders=([^,]+)", post.headers["authorization"])
    assert signed
    names = set(signed[1].split(";"))
    assert names == {
        *("content-type", "host", "x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-target")
    }
    headers = {name: post.headers[name] for name in names - {"host"}}
    again = AWSRequest("POST", f"{services.url}/", headers=headers, data=post.body)
    again.context["timestamp"] = post.headers["x-amz-date"]
    signer = SigV4Auth(ReadOnlyCredentials("testing", "testing", "the-role's", None), "dynamodb", "eu-central-1")
    string_to_sign = signer.string_to_sign(again, signer.canonical_request(again))
    assert post.headers["authorization"].endswith(f"Signature={signer.signature(string_to_sign, again)}")


@pytest.mark.parametrize("answer", [(503, b""), (500, b"{}"), (400, b'{"__type":"Throttled"}'), (200, b"<html>"), None])
def test_boto3_takes_over_whatever_went_wrong(services: AwsListener, answer: tuple[int, bytes] | None) -> None:
    services.answers = [answer]

    assert update_item()["Attributes"] == ANSWER["Attributes"]

    assert [post.is_boto3 for post in services.calls] == [False, True]
    assert len({post.body for post in services.calls}) == 1


def test_a_refusal_by_boto3_is_raised(services: AwsListener) -> None:
    services.answers = [(400, b'{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}')] * 2

    with pytest.raises(ClientError, match="ConditionalCheckFailedException"):
        update_item()


def test_boto3_alone_speaks_to_a_proxy(services: AwsListener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", services.url)

    update_item()

    assert [post.is_boto3 for post in services.calls] == [True]


#: Answers that are no plain success, whatever they are, and the same in plain.
BODY = json.dumps(ANSWER).encode()
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
STRANGE = {
    "other status": b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN,
    "older": PLAIN.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "no length": b"HTTP/1.1 200 OK\r\n\r\n" + BODY,
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n{}",
    "encoded": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "cut short": PLAIN[:-1],
    "no end of head": b"HTTP/1.1 200 OK\r\n" + b"x-filler: 0123456789\r\n" * 4_000,
    "nothing": b"",
}


def test_plain_success_is_read_in_whatever_pieces_it_comes() -> None:
    for cut in range(1, len(PLAIN)):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.sendall(PLAIN[:cut])
            threading.Timer(0.001, theirs.sendall, [PLAIN[cut:]]).start()

            assert _plain_success(ours) == (BODY, True)


@pytest.mark.parametrize("answer", STRANGE.values(), ids=STRANGE)
def test_whatever_else_comes_is_no_plain_success(answer: bytes) -> None:
    def send(other_end: socket.socket) -> None:
        with other_end, suppress(BrokenPipeError):
            other_end.sendall(answer)

    ours, theirs = socket.socketpair()
    with ours:
        threading.Thread(target=send, args=(theirs,)).start()

        assert _plain_success(ours) == (None, False)


@pytest.mark.parametrize(
    "answer",
    [PLAIN.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"), PLAIN + b"HTTP/1.1 200 OK\r\n\r\n"],
    ids=["to be closed", "longer than announced"],
)
def test_a_success_may_be_a_connections_last(answer: bytes) -> None:
    """It is one all the same: to repeat the call would be to do it twice."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)

        assert _plain_success(ours) == (BODY, False)


def test_when_the_other_side_closes_nothing_is_done_twice(services: AwsListener) -> None:
    services.closes_after = 3

    for _ in range(10):
        update_item()

    assert [post.is_boto3 for post in services.calls] == [False] * 10


def test_tls_connections_are_kept(tls_services: AwsListener) -> None:
    for _ in range(10):
        update_item()

    assert [post.is_boto3 for post in tls_services.calls] == [False] * 10
    assert tls_services.connections == 1


def test_nothing_is_sent_to_whom_boto3_would_not_trust(
    tls_services: AwsListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE")

    with pytest.raises(SSLError):
        update_item()

    assert not tls_services.calls


@given(st.binary(max_size=300))
def test_no_answer_breaks_the_lane(answer: bytes) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(answer)
        theirs.shutdown(socket.SHUT_WR)

        assert _plain_success(ours) == (None, False)


@pytest.mark.parametrize("service", ["sqs", "dynamodb"])
def test_the_address_on_aws_is_that_of_the_region(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    for name, value in (ENVIRONMENT | CREDENTIALS).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    _forget()

    lane = json_lane(getattr(clients, service)())

    assert lane
    assert (lane.url, lane.signer.service, lane.signer.region) == (
        f"https://{service}.eu-central-1.amazonaws.com",
        service,
        "eu-central-1",
    )
    _forget()
