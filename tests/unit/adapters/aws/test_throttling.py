"""AWS that is busy or refuses: a throttled call is tried again after a pause, a refused one ends in a visible state."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from tests.support.account import IMAGE_BUCKET, Account, event_systems
from tests.support.caller import Caller
from tests.support.deployment import Deployments, end_of
from tests.support.web import Answer, TestWeb

#: How each service says that it is asked too much (their API references).
THROTTLES: dict[str, tuple[int, str]] = {
    "dynamodb": (
        400,
        json.dumps({"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}),
    ),
    "sqs": (400, json.dumps({"__type": "com.amazonaws.sqs#RequestThrottled"})),
    "eventbridge": (400, json.dumps({"__type": "ThrottlingException"})),
    "sfn": (400, json.dumps({"__type": "ThrottlingException"})),
    "s3": (503, "<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"),
}
#: Fewer than botocore's tries: the next one is answered.
REFUSALS = 2


@pytest.fixture
def deployments(
    aws: Account, web: TestWeb, caller: Caller, context: Any, picture: Answer, monkeypatch: pytest.MonkeyPatch
) -> Deployments:
    return Deployments(aws, web, caller, context, picture, monkeypatch)


class _Raw:
    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self._body


@contextmanager
def answering(answer: Callable[..., Any]) -> Iterator[None]:
    """Let `answer` answer a request in moto's place, or leave it to moto by None.

    moto acts on what is answered, too: such a call has been made though its caller was told otherwise, which
    is the worst that a fault can do.
    """
    systems = event_systems()
    for events in systems:
        events.register_first("before-send.*.*", answer)
    try:
        yield
    finally:
        for events in systems:
            events.unregister("before-send.*.*", answer)


def response(url: str, status: int, body: str) -> AWSResponse:
    return AWSResponse(url, status, HTTPHeaders(), cast("Any", _Raw(body.encode())))


def test_throttling_of_every_call_changes_nothing_in_the_end(
    deployments: Deployments, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed = deployments.new()
    undisturbed.submit()
    undisturbed.platform.run()
    expected, calls = end_of(undisturbed), len(undisturbed.platform.points) // 2
    sent: Counter[str] = Counter()
    pauses: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time.sleep", pauses.append)

    def throttle(request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        """Two of three tries of each operation, but of receives: what one hides in vain is shown after half an hour."""
        service, operation = event_name.split(".")[1:]
        if operation == "ReceiveMessage":
            return None
        sent[operation] += 1
        code, text = THROTTLES[service]
        return None if sent[operation] % (REFUSALS + 1) == 0 else response(request.url, code, text)

    throttled = deployments.new()
    with answering(throttle):
        throttled.submit()
        throttled.platform.run()

    assert end_of(throttled) == expected
    assert len(pauses) > REFUSALS * calls
    assert min(pauses) >= 0


def test_images_that_s3_refuses_fail_as_not_stored(deployments: Deployments) -> None:
    def refuse(request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        if not event_name.endswith(".PutObject") or IMAGE_BUCKET not in request.url:
            return None
        return response(request.url, 403, "<Error><Code>AccessDenied</Code><Message>No.</Message></Error>")

    deployment = deployments.new()
    with answering(refuse):
        job_id = deployment.submit()
        deployment.platform.run()

    job = deployment.caller.get(f"/jobs/{job_id}")
    assert (job["status"], job["images"]) == ("FAILED", {"total": 5, "completed": 0, "failed": 5, "reused": 0})
    products = deployment.caller.get(f"/jobs/{job_id}/products")["products"]
    errors = [[image["error"] for image in product["images"]] for product in products]
    stored = "STORE_FAILED"
    assert errors == [[stored], [stored, "HTTP_STATUS", stored], [], ["INVALID_URL"]]
