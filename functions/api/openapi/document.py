"""The OpenAPI 3.1 document: the resolver's routes, each with its description."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from imagemill import __version__
from imagemill.domain.codes import JobStatus

from .operations import OPERATIONS, Operation, Route
from .schedules import schedule_schemas
from .schemas import TEXT, ULID, WEBHOOK_EVENTS, record, reference, schemas

API_KEY = "ApiKey"
REQUEST_ID = {"description": "Name it when you report a fault.", "schema": {"type": "string"}}
#: What the gateway, or any route, may answer; with a key only where the route needs one.
EVERYWHERE = {500: ["INTERNAL_ERROR", "GATEWAY_FAULT"], 504: ["GATEWAY_TIMEOUT"]}
EVERYWHERE_WITH_KEY = {403: ["FORBIDDEN"], 413: ["FILE_TOO_LARGE"], 429: ["THROTTLED", "QUOTA_EXCEEDED"]}
#: Codes that belong to no route.
ROUTELESS = ["ROUTE_NOT_FOUND", "METHOD_NOT_ALLOWED", "REQUEST_REFUSED"]
PATH_PARAMETERS = re.compile(r"\{(\w+)\}")


def described(route: Route) -> Route:
    """A route's key in `OPERATIONS`."""
    return route[0], PATH_PARAMETERS.sub("{}", route[1])


def openapi_document(routes: Iterable[Route], api_url: str) -> dict[str, Any]:
    """Describe these routes. api_url: the API's address, for `servers`.

    A route without a description is left out; a unit test sees to it that there is none.
    """
    served = {described(route): route for route in routes}
    paths: dict[str, dict[str, Any]] = {}
    for key, operation in OPERATIONS.items():
        if key in served:
            method, path = served[key]
            paths.setdefault(path, {})[method.lower()] = _operation(operation, PATH_PARAMETERS.findall(path))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "imagemill",
            "version": __version__,
            "description": "A catalogue CSV in, compressed product images and the same CSV with their URLs out.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": api_url}],
        "security": [{API_KEY: []}],
        "tags": [
            {"name": "Jobs"},
            {"name": "Schedules"},
            {"name": "Webhooks"},
            {"name": "Public", "description": "No key is needed."},
        ],
        "paths": paths,
        "webhooks": {event: {"post": _message(event)} for event in WEBHOOK_EVENTS},
        "components": {
            "securitySchemes": {API_KEY: {"type": "apiKey", "in": "header", "name": "x-api-key"}},
            "schemas": {**schemas(problem_codes()), **schedule_schemas()},
        },
    }


def problem_codes() -> Iterator[str]:
    """Every code of a problem that is described."""
    yield from ROUTELESS
    for problems in (EVERYWHERE, EVERYWHERE_WITH_KEY, *(operation.problems for operation in OPERATIONS.values())):
        for codes in problems.values():
            yield from codes


def _operation(operation: Operation, path_parameters: list[str]) -> dict[str, Any]:
    parameters = [{"name": name, "in": "path", "required": True, "schema": ULID} for name in path_parameters]
    document: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.tag],
        "parameters": [*parameters, *operation.parameters],
        "responses": _responses(operation),
    }
    if operation.description:
        document["description"] = operation.description
    if operation.body:
        document["requestBody"] = operation.body
    if not operation.needs_key:
        document["security"] = []
    return document


def _responses(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {
        str(status): {**answer, "headers": {"x-request-id": REQUEST_ID, **answer.get("headers", {})}}
        for status, answer in operation.answers.items()
    }
    common = {**EVERYWHERE, **(EVERYWHERE_WITH_KEY if operation.needs_key else {})}
    for status in sorted({*operation.problems, *common}):
        codes = sorted({*operation.problems.get(status, ()), *common.get(status, ())})
        responses[str(status)] = _problem(status, codes)
    return responses


def _problem(status: int, codes: list[str]) -> dict[str, Any]:
    headers = {"x-request-id": REQUEST_ID}
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers["retry-after"] = {"description": "Seconds to wait.", "schema": {"type": "string"}}
    # The codes are in the description alone: beside a reference, or in an `allOf` with it, they make generators of
    # clients leave such answers out.
    return {
        "description": " or ".join(f"`{code}`" for code in codes),
        "headers": headers,
        "content": {"application/problem+json": {"schema": reference("Problem")}},
    }


def _message(event: str) -> dict[str, Any]:
    """A message of ours to a receiver (Standard Webhooks)."""
    job: dict[str, Any] = reference("Job")
    ended = event.removeprefix("job.").upper()
    if ended in set(JobStatus):
        job = {"allOf": [job, {"properties": {"status": {"const": ended}}}]}
    payload = record({"type": {"type": "string", "const": event}, "timestamp": TEXT, "data": job})
    headers = {
        "webhook-id": "The same over all attempts of a message.",
        "webhook-timestamp": "Of the attempt, in seconds since 1970.",
        "webhook-signature": "`v1,` and the base64 HMAC-SHA256 of `id.timestamp.body`; several after a rotation.",
    }
    return {
        "summary": "A test, asked for." if event == "webhook.test" else f"A job has ended {ended}.",
        "security": [],
        "parameters": [
            {"name": name, "in": "header", "required": True, "description": text, "schema": TEXT}
            for name, text in headers.items()
        ],
        "requestBody": {"required": True, "content": {"application/json": {"schema": payload}}},
        "responses": {
            "2XX": {"description": "Taken. Within 15 seconds; else it is sent again."},
            "410": {"description": "Never again: the endpoint is disabled."},
        },
    }
