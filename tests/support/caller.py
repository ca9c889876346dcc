"""Who calls the functions: Lambda, with its context, and a shop's engineer, by way of API Gateway."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import api.app
from tests.support.account import TENANT


@dataclass
class LambdaContext:
    """What Lambda hands a handler. remaining_milliseconds: the answers to the question, in order."""

    remaining_milliseconds: Iterator[int]
    function_name: str = "imagemill-prod"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:123456789012:function:imagemill-prod"
    aws_request_id: str = "6bc28136-xmpl-4365-b021-0ce6b2e64ab0"

    def get_remaining_time_in_millis(self) -> int:
        return next(self.remaining_milliseconds)


def context_of(*remaining_milliseconds: int) -> Any:
    """A context that gives these answers, in order."""
    return LambdaContext(iter(remaining_milliseconds))


def multiple(values: Mapping[str, str] | None) -> dict[str, list[str]] | None:
    return None if values is None else {name: [value] for name, value in values.items()}


class Caller:
    """Sends the event of `GET /jobs/{id}` or `POST /jobs`, changed as a test wants; keeps the last answer."""

    def __init__(self, event: Any, context: Any) -> None:
        self.event = event
        self._context = context
        self.status = 0
        self.headers: dict[str, list[str]] = {}

    def send(self, event: dict[str, Any], tenant: str = TENANT) -> Any:
        event["requestContext"]["identity"]["apiKeyId"] = tenant
        answer = api.app.handler(event, self._context)
        self.status = answer["statusCode"]
        self.headers = answer["multiValueHeaders"]
        assert self.headers["x-request-id"] == [event["requestContext"]["requestId"]]
        return json.loads(answer["body"]) if answer.get("body") else None

    def get(self, path: str, query: dict[str, str] | None = None, tenant: str = TENANT) -> Any:
        event = self.event("api_get_job")
        event["path"] = path
        event["queryStringParameters"] = query
        event["multiValueQueryStringParameters"] = multiple(query)
        return self.send(event, tenant)

    def post(self, body: bytes, query: dict[str, str] | None = None, **headers: str) -> Any:
        event = self.event("api_post_jobs_csv")
        event["headers"] = {
            name.replace("_", "-"): value for name, value in {"content_type": "text/csv", **headers}.items()
        }
        event["multiValueHeaders"] = multiple(event["headers"])
        event["queryStringParameters"] = query
        event["multiValueQueryStringParameters"] = multiple(query)
        event["body"] = base64.b64encode(body).decode()
        return self.send(event)

    def act(self, job_id: str, action: str, tenant: str = TENANT) -> Any:
        """POST /jobs/{id}/cancel or retry."""
        event = self.event(f"api_post_{action}")
        event["path"] = f"/jobs/{job_id}/{action}"
        return self.send(event, tenant)

    def problem(self, document: Any) -> tuple[int, str]:
        """The status and code of an error, which is an RFC 9457 document."""
        assert self.headers["Content-Type"] == ["application/problem+json"]
        assert {"type", "title", "status", "detail", "code"} <= set(document)
        assert document["status"] == self.status
        return self.status, document["code"]
