"""No secret in any line that a function writes: neither in the usual course nor when something fails."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator
from io import StringIO
from logging import StreamHandler
from typing import Any

import pytest

import api.app
import api.jobs
import deliver.app
import deliver.delivery
import process.app
import process.image
from imagemill.adapters.store.runs import open_run
from imagemill.adapters.store.secrets import signing_secrets
from imagemill.domain.options import ImageOptions
from imagemill.logs import logger, redacted
from tests.support.account import JOB_ID, TENANT
from tests.support.ended_jobs import end_job_with
from tests.support.results import product_message
from tests.support.scripted_web import HEAD_200, fault_of, response, then_close, then_reset
from tests.support.web import Answer

pytest_plugins = ["tests.support.web_fixtures"]

#: Stands in every query, password, path, key and secret of these tests.
SECRET = "hunter2"
#: As urllib3 and others word theirs.
FOREIGN_FAULT = RuntimeError(
    f"Max retries exceeded with url: /a?b={SECRET} of https://u:{SECRET}@shop.example/{SECRET}"
)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        (f"GET https://shop.example/a.jpg?sig={SECRET}&w=1 failed", "GET https://shop.example/… failed"),
        (f"http://user:{SECRET}@shop.example:8080/a.jpg", "http://shop.example:8080/…"),
        (f"http://user:p@{SECRET}@shop.example", "http://shop.example/…"),
        (f"https://hooks.example/services/{SECRET}", "https://hooks.example/…"),
        (f"HTTPS://shop.example?{SECRET}", "HTTPS://shop.example/…"),
        (f'{{"url":"https://shop.example/?a={SECRET}","row":1}}', '{"url":"https://shop.example/…","row":1}'),
        (
            f"Max retries exceeded with url: /{SECRET}?a={SECRET} (Caused by",
            "Max retries exceeded with url: /… (Caused by",
        ),
        (f"asked for '/a.jpg?X-Amz-Signature={SECRET}'", "asked for '/a.jpg?…'"),
        (f"secret whsec_{SECRET}+/abc==", "secret whsec_…"),
        (f'{{\\"x-api-key\\": \\"{SECRET}\\"}}', '{\\"x-api-key\\": \\"…\\"}'),
        (f"{{'Idempotency-Key': '{SECRET}'}}", "{'Idempotency-Key': '…'}"),
        ("Is row 7 done? No: 3 of 4", "Is row 7 done? No: 3 of 4"),
    ],
)
def test_a_line_is_redacted(text, safe):
    assert redacted(text) == safe


class Lines:
    """What was written until now: `ours` by our logger, JSON lines; `others` as pytest sees it, unredacted."""

    def __init__(self, stream: StringIO, caplog: pytest.LogCaptureFixture) -> None:
        self._stream = stream
        self._caplog = caplog

    @property
    def ours(self) -> str:
        written = self._stream.getvalue()
        assert all(json.loads(line)["service"] == "imagemill" for line in written.splitlines())
        return written

    @property
    def others(self) -> str:
        return self._caplog.text


@pytest.fixture
def lines(caplog) -> Iterator[Lines]:
    stream = StringIO()
    handler = logger.registered_handler
    assert isinstance(handler, StreamHandler)
    before = handler.setStream(stream)
    yield Lines(stream, caplog)
    handler.setStream(before)


def products(*urls: str) -> dict[str, Any]:
    message = product_message(JOB_ID, 1, 1, 1, urls, ImageOptions())
    record = {
        "messageId": "message-0",
        "receiptHandle": "handle",
        "body": message.to_json(),
        "attributes": {"ApproximateReceiveCount": "3"},
    }
    return {"Records": [record]}


def test_images_that_fail_in_every_way_leave_no_secret_in_the_log(  # noqa: PLR0917 - fixtures
    aws, context, web, picture, serve_origin, lines, monkeypatch
):
    monkeypatch.setattr(process.image, "FIRST_PAUSE_SECONDS", 0.001)
    open_run(JOB_ID, 1, 1)
    good = web.route("/good.jpg", picture)
    inside = web.route("/inside.jpg", Answer(302, headers={"location": f"http://10.0.0.1/?token={SECRET}"}))
    origins = [
        serve_origin(answer)
        for answer in (
            then_reset(b""),
            then_close(HEAD_200 + b"Content-Length: 9\r\n\r\nabc"),
            then_close(HEAD_200 + f"no field {SECRET}\r\n\r\n<html>{SECRET}".encode()),
            response(200, b"x", content_encoding="gzip"),
            response(302, location=f"http://user:{SECRET}@shop.example/"),
        )
    ]
    urls = [
        *(f"{origin.url}/a.jpg?token={SECRET}" for origin in origins),
        f"{good}?token={SECRET}",
        f"{inside}?token={SECRET}",
        f"{web.url}/missing.jpg?token={SECRET}",
        f"http://user:{SECRET}@127.0.0.1/a.jpg",
        f"http://shop.invalid/a.jpg?token={SECRET}",
        f"https://127.0.0.1:9/{SECRET}.jpg",
    ]
    monkeypatch.setattr(process.image, "put_image", foreign_fault)

    process.app.handler(products(*urls), context)
    process.app.handler(products(*urls[:5]), context)
    process.app.handler({"Records": [products()["Records"][0] | {"body": f"no JSON: {SECRET}"}]}, context)

    assert "Image failed unforeseen" in lines.ours
    assert "Message unreadable" in lines.ours
    assert SECRET not in lines.ours
    assert SECRET not in lines.others.replace(str(FOREIGN_FAULT), "")


def foreign_fault(*_: Any) -> None:
    raise FOREIGN_FAULT


@pytest.mark.parametrize("webhook", ["/hook", "refused", "invalid", "inside"])
def test_webhooks_that_fail_leave_no_secret_in_the_log(aws, context, event, web, lines, webhook):
    url = {
        "/hook": web.route("/hook", Answer(500, body=SECRET.encode(), headers={"location": f"/?{SECRET}"})),
        "refused": "http://127.0.0.1:9/hook",
        "invalid": "http://shop.invalid/hook",
        "inside": "http://10.0.0.1/hook",
    }[webhook]
    end_job_with(f"{url}?token={SECRET}")

    deliver.app.handler(event("deliver"), context)

    assert "Webhook attempt" in lines.ours
    for secret in (SECRET, signing_secrets(TENANT).current):
        assert secret not in lines.ours + lines.others


def test_a_webhook_that_fails_unforeseen_leaves_no_secret_in_its_traceback(aws, context, event, monkeypatch):
    end_job_with(f"http://127.0.0.1:9/hook?token={SECRET}")
    monkeypatch.setattr(deliver.delivery, "put_attempt", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError) as fault:
        deliver.app.handler(event("deliver"), context)

    assert SECRET not in "".join(traceback.format_exception(fault.value))


@pytest.mark.parametrize("fails", [False, True])
def test_a_request_leaves_neither_key_nor_secret_in_the_log(aws, context, event, lines, monkeypatch, fails):
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError(f"x-api-key: {SECRET}, http://shop.example/?token={SECRET}")

    request = event("api_post_jobs_csv")
    request["headers"] |= {"x-api-key": SECRET, "idempotency-key": SECRET}
    request["multiValueHeaders"] |= {"x-api-key": [SECRET], "idempotency-key": [SECRET]}
    request["requestContext"]["identity"] |= {"apiKeyId": TENANT, "apiKey": SECRET}
    query = {"webhook_url": f"https://hooks.example/{SECRET}?token={SECRET}", "client_reference": SECRET}
    request["queryStringParameters"] = query
    request["multiValueQueryStringParameters"] = {name: [value] for name, value in query.items()}
    if fails:
        monkeypatch.setattr(api.jobs, "submit", fail)

    answer = api.app.handler(request, context)

    assert answer["statusCode"] == (500 if fails else 202)
    assert ("Request failed" if fails else "Job accepted") in lines.ours
    assert SECRET not in lines.ours
    assert fails or SECRET not in lines.others


@pytest.mark.parametrize(
    "answer",
    [
        then_reset(b""),
        then_close(b""),
        then_close(SECRET.encode()),
        then_close(f"HTTP/1.1 {SECRET}\r\n\r\n".encode()),
        then_close(HEAD_200 + f"Content-Length: 3, {SECRET}\r\n\r\nabc".encode()),
        then_close(HEAD_200 + f"Transfer-Encoding: chunked\r\n\r\n{SECRET}".encode()),
        response(200, b"\x1f\x8b\x08" + SECRET.encode(), content_encoding="gzip"),
        response(302, location=f"http://{SECRET}:{SECRET}@shop.example/"),
        response(302, location=f"http://[{SECRET}/"),
        response(302, location=f"http://10.0.0.1/?{SECRET}"),
    ],
)
def test_the_traceback_of_a_fault_has_neither_url_nor_answer(serve_origin, web_client, answer):
    origin = serve_origin(answer)

    fault = fault_of(lambda: web_client().fetch(f"{origin.url}/{SECRET}.jpg?token={SECRET}"))

    assert fault.__cause__ is None
    text = "".join(traceback.format_exception(fault))
    assert SECRET not in text


def test_the_logger_redacts_what_it_is_given(lines):
    logger.info("Fetched %s", f"http://shop.example/?{SECRET}", extra={"url": f"http://shop.example/?{SECRET}"})

    line = json.loads(lines.ours)
    assert (line["message"], line["url"]) == ("Fetched http://shop.example/…", "http://shop.example/…")
