"""The API's answers to good, bad and foreign requests."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.shop import Shop, catalogue

GOOD = catalogue([["1", "A", "http://127.0.0.1:9/a.jpg"]])
UNKNOWN_JOB = "01K0000000000000000000000Z"


def problem(answer: Any, status: int) -> dict[str, Any]:
    """An error is an RFC 9457 problem under its own media type, and carries the request's id."""
    assert answer.status == status, answer.data
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    document: dict[str, Any] = json.loads(answer.data)
    assert document["status"] == status
    assert {"type", "title", "detail", "code"} <= set(document)
    return document


@pytest.mark.parametrize(
    ("body", "code", "place"),
    [
        (b"", "EMPTY_FILE", ""),
        (b"PK\x03\x04\x14\x00\x06\x00" + bytes(100), "NOT_TEXT", "XLSX"),
        (b"S. No.,Product Name,Title\r\n1,A,B\r\n", "MISSING_COLUMNS", "Title"),
        (b"S. No.,Product Name,Input Image Urls\r\n", "NO_ROWS", ""),
        (GOOD + b'2,"A', "MALFORMED_CSV", "3"),
    ],
)
def test_a_structural_fault_refuses_the_file_and_says_where(shop: Shop, body: bytes, code: str, place: str) -> None:
    answer = shop.post_csv(body)

    document = problem(answer, 422)
    assert document["code"] == code
    assert [error["code"] for error in document["errors"]] == [code]
    assert document["total_errors"] == 1
    assert place in document["detail"]


def test_malformed_csv_names_its_line(shop: Shop) -> None:
    document = problem(shop.post_csv(GOOD + b'2,"A"b,x\r\n'), 422)

    assert (document["code"], document["errors"][0]["line"]) == ("MALFORMED_CSV", 3)


@pytest.mark.parametrize(
    ("query", "option"),
    [
        ("quality=96", "quality"),
        ("format=bmp", "format"),
        ("colour=red", "colour"),
        ("webhook_url=ftp://a", "webhook_url"),
    ],
)
def test_an_invalid_option_is_named(shop: Shop, query: str, option: str) -> None:
    document = problem(shop.post_csv(GOOD, f"?{query}"), 422)

    assert document["code"] == "INVALID_OPTION"
    assert option in document["detail"]


def test_a_form_without_file_is_refused(shop: Shop) -> None:
    document = problem(shop.call("POST", "/jobs", fields={"quality": "50"}), 400)

    assert document["code"] == "MISSING_FILE"


def test_another_content_type_is_refused(shop: Shop) -> None:
    document = problem(shop.call("POST", "/jobs", {"content-type": "application/json"}, body=b"{}"), 415)

    assert document["code"] == "UNSUPPORTED_MEDIA_TYPE"


def test_a_csv_over_four_mebibytes_is_sent_elsewhere(shop: Shop) -> None:
    document = problem(shop.post_csv(GOOD + b"2,A,http://a/b.jpg\r\n" * 210_000), 413)

    assert document["code"] == "FILE_TOO_LARGE"
    assert "POST /uploads" in document["detail"]


def test_a_dry_run_lists_every_fault_and_starts_nothing(shop: Shop) -> None:
    jobs_before = shop.get("/jobs")["jobs"]

    answer = shop.post_csv(
        catalogue([["", "A", "http://a/b.jpg"], ["2", "B", "ftp://a/b.jpg"], ["3", "C", ""]]), "?dry_run=true"
    )

    assert answer.status == 200
    document = json.loads(answer.data)
    assert (document["valid"], document["rows"], document["row_errors"]) == (False, 3, 3)
    assert [(error["row"], error["column"], error["code"]) for error in document["errors"]] == [
        (1, "S. No.", "MISSING_SERIAL"),
        (2, "Input Image Urls", "INVALID_URL"),
        (3, "Input Image Urls", "NO_IMAGE_URLS"),
    ]
    assert shop.get("/jobs")["jobs"] == jobs_before


def test_a_request_sent_twice_with_its_idempotency_key_makes_one_job(shop: Shop, picture: str) -> None:
    body = catalogue([["1", "A", picture]])
    key = {"idempotency-key": "order-1"}

    first, second = (shop.post_csv(body, headers=key) for _ in range(2))

    assert (first.status, second.status) == (202, 202)
    job_id = json.loads(first.data)["job_id"]
    assert json.loads(second.data)["job_id"] == job_id
    assert shop.ended(job_id)["products"]["completed"] == 1
    document = problem(shop.post_csv(body + b"2,B,http://a/b.jpg\r\n", headers=key), 409)
    assert document["code"] == "IDEMPOTENCY_CONFLICT"


@pytest.mark.parametrize("key", [None, "wrong"])
def test_no_key_or_an_unknown_one_opens_nothing(shop: Shop, key: str | None) -> None:
    headers = {"x-api-key": key} if key else {}

    answer = shop.http.request("GET", f"{shop.stack.api_url}/jobs", headers=headers)

    assert problem(answer, 403)["code"] == "FORBIDDEN"


def test_another_tenants_job_is_as_unknown_as_none(shop: Shop, other_shop: Shop, picture: str) -> None:
    job = shop.ended(shop.submit(catalogue([["1", "A", picture]])))

    for route in ("", "/products", "/output", "/deliveries"):
        foreign = problem(other_shop.call("GET", f"/jobs/{job['job_id']}{route}"), 404)
        unknown = problem(other_shop.call("GET", f"/jobs/{UNKNOWN_JOB}{route}"), 404)
        assert foreign == unknown
    assert job["job_id"] not in {listed["job_id"] for listed in other_shop.get("/jobs")["jobs"]}
    assert shop.get("/signing-secret") != other_shop.get("/signing-secret")


def test_lists_come_in_pages_newest_first(shop: Shop, picture: str) -> None:
    rows = [[str(row), f"P{row}", picture] for row in range(1, 8)]
    jobs = [shop.ended(shop.submit(catalogue(rows))) for _ in range(3)]

    page = shop.get("/jobs?limit=2")
    following = shop.get(f"/jobs?limit=1&cursor={page['next_cursor']}")
    listed = [*page["jobs"], *following["jobs"]]

    assert [job["job_id"] for job in listed] == [job["job_id"] for job in reversed(jobs)]
    assert listed[0] == jobs[-1]
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        products = shop.get(f"/jobs/{jobs[0]['job_id']}/products?limit=3" + (cursor and f"&cursor={cursor}"))
        names += [product["name"] for product in products["products"]]
        cursor = products["next_cursor"]
    assert names == [f"P{row}" for row in range(1, 8)]


def test_lists_can_be_filtered_by_status(shop: Shop, web: Any, picture: str) -> None:
    rows = [["1", "A", picture], ["2", "B", f"{web.url}/missing.jpg"], ["3", "C", picture]]
    job = shop.ended(shop.submit(catalogue(rows)))

    failed = shop.products(job["job_id"], "&status=FAILED")
    partial_jobs = shop.get("/jobs?status=PARTIAL&limit=200")["jobs"]

    assert [product["row"] for product in failed] == [2]
    assert job["job_id"] in {listed["job_id"] for listed in partial_jobs}
    assert {listed["status"] for listed in partial_jobs} == {"PARTIAL"}


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/jobs?limit=0", "INVALID_PARAMETER"),
        ("/jobs?status=DONE", "INVALID_PARAMETER"),
        ("/jobs?cursor=abc", "INVALID_CURSOR"),
        ("/jobs?cursor=%F0%9F%98%80", "INVALID_CURSOR"),
    ],
)
def test_a_bad_parameter_is_named(shop: Shop, path: str, code: str) -> None:
    assert problem(shop.call("GET", path), 400)["code"] == code


def test_an_unknown_route_is_not_found(shop: Shop) -> None:
    assert problem(shop.call("GET", "/nothing"), 404)["code"] == "ROUTE_NOT_FOUND"


def test_health_and_preflight_need_no_key(shop: Shop) -> None:
    health = shop.http.request("GET", f"{shop.stack.api_url}/health")
    asked = {"origin": "https://shop.example", "access-control-request-method": "POST"}
    preflight = shop.http.request("OPTIONS", f"{shop.stack.api_url}/jobs", headers=asked)

    assert (health.status, json.loads(health.data)["status"]) == (200, "ok")
    assert preflight.status in {200, 204}
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert "x-api-key" in preflight.headers["access-control-allow-headers"].lower()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("as_form", [True, False])
def test_a_csv_arrives_in_any_encoding_as_its_very_bytes(
    shop: Shop, picture: str, encoding: str, as_form: bool
) -> None:
    body = catalogue([["1", "Käse – groß", picture]]).decode().encode(encoding)

    if as_form:
        answer = shop.call("POST", "/jobs", fields={"file": ("käse.csv", body, "text/csv")})
    else:
        answer = shop.post_csv(body)

    assert answer.status == 202, answer.data
    job = shop.ended(json.loads(answer.data)["job_id"])
    assert shop.products(job["job_id"])[0]["name"] == "Käse – groß"
    assert shop.output(job["job_id"])[0]["Product Name"] == "Käse – groß"
