"""Whoever has no key, a wrong one or another tenant's learns nothing, from any route."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from api.app import app
from api.openapi.document import described
from api.openapi.operations import OPERATIONS
from tests.support.shop import Shop, catalogue

UNKNOWN_JOB = "01K0000000000000000000000Z"
#: Of an answer, these alone may differ between two requests.
OF_THE_REQUEST = {"x-request-id", "x-amzn-requestid", "x-amz-request-id", "date", "retry-after"}

ROUTES = sorted(app.routes())
KEYED = [route for route in ROUTES if OPERATIONS[described(route)].needs_key]
OF_JOBS = [route for route in ROUTES if "{job_id}" in route[1]]


def seen(answer: Any) -> tuple[int, bytes, dict[str, str]]:
    """All that an answer tells."""
    headers = {name.lower(): value for name, value in answer.headers.items() if name.lower() not in OF_THE_REQUEST}
    return answer.status, answer.data, headers


@pytest.fixture(scope="module")
def job_id(stack: Any) -> str:
    """An ended job of the first tenant."""
    shop = Shop(stack, stack.api_key)
    return str(shop.ended(shop.submit(catalogue([["1", "Confidential", "ftp://a/b.jpg"]])))["job_id"])


@pytest.mark.parametrize(("method", "path"), KEYED)
def test_without_a_good_key_every_route_is_closed(shop: Shop, job_id: str, method: str, path: str) -> None:
    url = shop.stack.api_url + path.replace("{job_id}", job_id)

    answers = [
        seen(shop.http.request(method, url, headers=headers, redirect=False))
        for headers in ({}, {"x-api-key": ""}, {"x-api-key": "wrong"}, {"authorization": f"Bearer {shop.api_key}"})
    ]

    status, body, _ = answers[0]
    assert (status, json.loads(body)["code"]) == (403, "FORBIDDEN")
    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize(("method", "path"), OF_JOBS)
def test_another_tenants_job_is_as_unknown_as_none(
    shop: Shop, other_shop: Shop, job_id: str, method: str, path: str
) -> None:
    foreign = seen(other_shop.call(method, path.replace("{job_id}", job_id)))
    unknown = seen(other_shop.call(method, path.replace("{job_id}", UNKNOWN_JOB)))

    assert foreign == unknown
    assert (foreign[0], json.loads(foreign[1])["code"]) == (404, "JOB_NOT_FOUND")
    for secret in (job_id, shop.tenant, shop.stack.catalogue_bucket):
        assert secret not in f"{foreign}"


@pytest.mark.parametrize("job_id", ["0", "01K0000000000000000000000", "JOB%231", "%2e%2e%2f", "a" * 300, "ü"])
def test_what_is_no_id_is_as_unknown(shop: Shop, job_id: str) -> None:
    assert shop.call("GET", f"/jobs/{job_id}").status == 404


def test_another_tenants_cursor_opens_the_own_list_alone(shop: Shop, other_shop: Shop, job_id: str) -> None:
    newer = shop.submit(catalogue([["1", "A", "ftp://a/b.jpg"]]))
    cursor = shop.get("/jobs?limit=1")["next_cursor"]
    own = {job["job_id"] for job in shop.get("/jobs?limit=200")["jobs"]}
    assert {newer, job_id} <= own

    page = other_shop.get(f"/jobs?limit=200&cursor={cursor}")

    assert not own & {job["job_id"] for job in page["jobs"]}


@pytest.mark.parametrize("path", ["/jobs", "/jobs/{job_id}/products"])
@pytest.mark.parametrize(
    "place", ["TENANT#other", "01K0000000000000000000000Z#", "0", "-1", "1e3", "99999999", "'", "\0", "ü"]
)
def test_a_cursor_that_somebody_made_up_is_refused(shop: Shop, job_id: str, path: str, place: str) -> None:
    cursor = base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")

    answer = shop.call("GET", f"{path.replace('{job_id}', job_id)}?cursor={cursor}")

    assert (answer.status, json.loads(answer.data)["code"]) == (400, "INVALID_CURSOR")


@pytest.mark.parametrize("limit", ["0", "201", "-1", "1.5", "abc", "%D9%A1", "1000"])
def test_a_page_has_1_to_200_entries(shop: Shop, limit: str) -> None:
    answer = shop.call("GET", f"/jobs?limit={limit}")

    assert (answer.status, json.loads(answer.data)["code"]) == (400, "INVALID_PARAMETER")


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("PUT", "/jobs"), ("POST", "/health")])
def test_a_stranger_cannot_tell_routes_from_none(shop: Shop, method: str, path: str) -> None:
    answer = shop.http.request(method, shop.stack.api_url + path)

    assert (answer.status, json.loads(answer.data)["code"]) == (403, "FORBIDDEN")


def test_a_method_that_a_route_does_not_take_is_told_those_that_it_takes(shop: Shop) -> None:
    for method, path in (("PUT", "/jobs"), ("PATCH", "/uploads"), ("DELETE", "/health")):
        answer = shop.call(method, path)

        allowed = ", ".join(sorted(taken for taken, known in ROUTES if known == path))
        assert (answer.status, json.loads(answer.data)["code"]) == (405, "METHOD_NOT_ALLOWED")
        assert answer.headers["allow"] == allowed


def test_a_page_may_read_what_the_gateway_refuses(shop: Shop) -> None:
    origin = {"origin": "https://shop.example"}

    refused = shop.http.request("GET", f"{shop.stack.api_url}/jobs", headers=origin)
    unknown = shop.call("GET", "/nothing", origin)

    for answer in (refused, unknown):
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "x-request-id" in answer.headers["access-control-expose-headers"].lower()


def test_pages_and_document_need_no_key(shop: Shop) -> None:
    for path, kind in (("/", "text/html"), ("/docs", "text/html"), ("/openapi.json", "application/json")):
        answer = shop.http.request("GET", shop.stack.api_url + path)

        assert answer.status == 200
        assert answer.headers["content-type"].startswith(kind)
