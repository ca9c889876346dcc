"""Batches of messages, sent to a real HTTP server that notes what it is sent, and can fail."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, NamedTuple

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import ClientError

from imagemill.adapters import aws as clients
from imagemill.adapters import message_batches
from imagemill.adapters.message_batches import send_batch
from tests.unit.conftest import CREDENTIALS, ENVIRONMENT

QUEUE = ENVIRONMENT["PRODUCTS_QUEUE"]
ENTRIES = [{"Id": str(number), "MessageBody": f'{{"url":"ü{number}"}}', "MessageGroupId": "t"} for number in range(2)]
ACCEPTED = {"Successful": [{"Id": "0"}, {"Id": "1"}]}


class Post(NamedTuple):
    headers: Message
    body: bytes

    @property
    def is_boto3(self) -> bool:
        return "amz-sdk-request" in self.headers


class Queues:
    """Answers each request with the next status and body of `answers`, then with success; None hangs up."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.answers: list[tuple[int, bytes] | None] = []
        queues = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                queues.posts.append(Post(self.headers, body))
                answer = queues.answers.pop(0) if queues.answers else (200, json.dumps(ACCEPTED).encode())
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer[0])
                self.send_header("content-type", "application/x-amz-json-1.0")
                self.send_header("content-length", str(len(answer[1])))
                self.end_headers()
                self.wfile.write(answer[1])

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def queues(monkeypatch: pytest.MonkeyPatch) -> Iterator[Queues]:
    running = Queues()
    Thread(target=running.server.serve_forever, daemon=True).start()
    for name, value in (ENVIRONMENT | CREDENTIALS | {"AWS_ENDPOINT_URL": running.url}).items():
        monkeypatch.setenv(name, value)
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    _forget()
    yield running
    service = message_batches._lane()
    if service:
        service.connections.clear()
    running.server.shutdown()
    running.server.server_close()
    _forget()


def _forget() -> None:
    for cached in (clients.sqs, message_batches._lane):
        cached.cache_clear()


def test_a_batch_is_sent_by_one_request(queues: Queues) -> None:
    refused = send_batch(QUEUE, ENTRIES)

    [post] = queues.posts
    assert refused == set()
    assert not post.is_boto3
    assert json.loads(post.body) == {"QueueUrl": QUEUE, "Entries": ENTRIES}


def test_it_is_the_request_that_boto3_would_send(queues: Queues) -> None:
    send_batch(QUEUE, ENTRIES)
    clients.sqs().send_message_batch(QueueUrl=QUEUE, Entries=ENTRIES)  # type: ignore[arg-type]

    ours, boto3s = queues.posts
    assert json.loads(ours.body) == json.loads(boto3s.body)
    for name in ("host", "content-type", "x-amz-target"):
        assert ours.headers[name] == boto3s.headers[name]


def test_the_signature_is_the_one_that_botocore_computes(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "the-role's")

    send_batch(QUEUE, ENTRIES)

    [post] = queues.posts
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


def test_refused_entries_are_named(queues: Queues) -> None:
    answer = {"Successful": [{"Id": "0"}], "Failed": [{"Id": "1", "SenderFault": False, "Code": "InternalError"}]}
    queues.answers = [(200, json.dumps(answer).encode())]

    assert send_batch(QUEUE, ENTRIES) == {"1"}


@pytest.mark.parametrize("answer", [(503, b""), (500, b"{}"), (400, b'{"__type":"Throttled"}'), (200, b"<html>"), None])
def test_boto3_takes_over_whatever_went_wrong(queues: Queues, answer: tuple[int, bytes] | None) -> None:
    queues.answers = [answer]

    assert send_batch(QUEUE, ENTRIES) == set()

    assert [post.is_boto3 for post in queues.posts] == [False, True]
    assert json.loads(queues.posts[-1].body)["Entries"] == ENTRIES


def test_a_refusal_by_boto3_is_raised(queues: Queues) -> None:
    queues.answers = [(400, b'{"__type":"com.amazonaws.sqs#BatchRequestTooLong","message":""}')] * 2

    with pytest.raises(ClientError, match="BatchRequestTooLong"):
        send_batch(QUEUE, ENTRIES)


def test_boto3_alone_speaks_to_a_proxy(queues: Queues, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", queues.url)

    send_batch(QUEUE, ENTRIES)

    assert [post.is_boto3 for post in queues.posts] == [True]


def test_the_address_on_aws_is_that_of_the_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (ENVIRONMENT | CREDENTIALS).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    _forget()

    service = message_batches._lane()

    assert service
    assert (service.url, service.region) == ("https://sqs.eu-central-1.amazonaws.com", "eu-central-1")
    _forget()
