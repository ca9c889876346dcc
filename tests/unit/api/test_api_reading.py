"""The API function: what a caller reads of jobs, products, outputs and deliveries (contract A4)."""

import base64
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

import api
import api.products
from api.jobs import download_name
from imagemill.adapters.store import jobs
from imagemill.adapters.store.deliveries import Attempt, put_attempt
from imagemill.adapters.store.jobs import create_job, end_job, reject_job
from imagemill.adapters.store.results import put_result
from imagemill.domain.codes import ImageCode, ImageStatus, JobStatus, ProductStatus, RowCode
from imagemill.domain.ids import new_id
from imagemill.domain.job import ProductCounts, Totals
from imagemill.domain.product import ImageResult, ProductResult, row_fault, settled
from imagemill.steps.ledger import Finished, finish
from tests.support.account import JOB_ID, OTHER_TENANT, TENANT, a_job

CURSOR = base64.urlsafe_b64encode(JOB_ID.encode()).decode().rstrip("=")
#: The same place with other bits where base64 has some to spare.
SPELT_OTHERWISE = CURSOR[:-1] + chr(ord(CURSOR[-1]) + 1)
HEADER = "S. No.,Product Name,Input Image Urls\r\n"
GOOD = f"{HEADER}1,A,https://a/1.jpg\r\n".encode()


def test_a_job_in_work_shows_live_counts(aws, caller, event):
    aws.start_job((HEADER + "1,A,https://a/1.jpg\r\n" * 3).encode())
    finish([Finished(JOB_ID, 1, 1, ProductStatus.COMPLETED, 3), Finished(JOB_ID, 1, 2, ProductStatus.FAILED, 3)])

    job = caller.send(event("api_get_job"))

    assert caller.status == 200
    assert job["products"] == {"total": 3, "pending": 1, "completed": 1, "partial": 0, "failed": 1, "cancelled": 0}
    assert job["progress"] == 0.66


def test_an_ended_job_shows_its_totals(aws, caller, event):
    end_a_job(aws)

    job = caller.send(event("api_get_job"))

    assert (job["status"], job["progress"]) == ("PARTIAL", 1.0)
    assert job["images"] == {"total": 3, "completed": 2, "failed": 1}
    assert job["bytes"] == {"input": 2000, "output": 600, "saved": 1400}
    assert job["links"]["output"] == f"{job['links']['self']}/output"


def end_a_job(aws: Any) -> None:
    job = aws.start_job(GOOD)
    counts = ProductCounts(completed=1, failed=1)
    end_job(job.job_id, 1, JobStatus.PARTIAL, counts, Totals(3, 2, 2000, 600), f"outputs/{TENANT}/{JOB_ID}/1.csv")


def test_a_rejected_job_shows_its_errors(aws, caller, event):
    aws.store_job(GOOD)
    reject_job(JOB_ID, [{"row": None, "column": None, "code": "NO_ROWS", "message": "No row."}])

    job = caller.send(event("api_get_job"))

    assert (job["status"], [error["code"] for error in job["errors"]]) == ("REJECTED", ["NO_ROWS"])


@pytest.mark.parametrize("route", ["", "/products", "/output", "/deliveries"])
def test_another_tenants_job_is_as_unknown_as_none(aws, caller, route):
    end_a_job(aws)

    foreign = caller.get(f"/jobs/{JOB_ID}{route}", tenant=OTHER_TENANT)
    assert caller.problem(foreign) == (404, "JOB_NOT_FOUND")
    for unknown in (new_id(), "x", "x" * 2000):
        assert caller.get(f"/jobs/{unknown}{route}") == foreign


def test_an_unknown_route_is_not_found(caller):
    assert caller.problem(caller.get("/nothing")) == (404, "ROUTE_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [("PUT", "/jobs", "GET, POST"), ("POST", "/health", "GET"), ("DELETE", f"/jobs/{JOB_ID}", "GET")],
)
def test_a_method_that_a_route_does_not_take_is_told_those_that_it_takes(caller, event, method, path, allowed):
    document = caller.send(event("api_get_job") | {"path": path, "httpMethod": method})

    assert caller.problem(document) == (405, "METHOD_NOT_ALLOWED")
    assert caller.headers["Allow"] == [allowed]


def test_jobs_are_listed_newest_first_in_pages(aws, caller):
    ids = [f"01K0B3T5Q8ZC4V7XW2N9M6R1{number:02d}" for number in range(5)]
    for job_id in ids:
        create_job(a_job(job_id=job_id))
    create_job(a_job(job_id=new_id(), tenant=OTHER_TENANT))

    first = caller.get("/jobs", {"limit": "2"})
    second = caller.get("/jobs", {"limit": "200", "cursor": first["next_cursor"]})

    assert [job["job_id"] for job in first["jobs"] + second["jobs"]] == ids[::-1]
    assert second["next_cursor"] is None


def test_jobs_can_be_filtered_by_status_across_pages(aws, caller):
    ids = [f"01K0B3T5Q8ZC4V7XW2N9M6R1{number:02d}" for number in range(6)]
    for number, job_id in enumerate(ids):
        create_job(a_job(job_id=job_id, status=JobStatus.REJECTED if number % 3 == 0 else JobStatus.QUEUED))

    page = caller.get("/jobs", {"status": "rejected", "limit": "1"})
    following = caller.get("/jobs", {"status": "REJECTED", "limit": "2", "cursor": page["next_cursor"]})

    assert [job["job_id"] for job in page["jobs"] + following["jobs"]] == [ids[3], ids[0]]


def test_a_filtered_page_looks_through_a_bounded_number_of_jobs(aws, caller, monkeypatch):
    monkeypatch.setattr(jobs, "MAX_SCANNED_JOBS", 3)
    for number in range(5):
        create_job(a_job(job_id=f"01K0B3T5Q8ZC4V7XW2N9M6R1{number:02d}"))

    page = caller.get("/jobs", {"status": "FAILED", "limit": "3"})

    assert page["jobs"] == []
    assert caller.get("/jobs", {"status": "FAILED", "cursor": page["next_cursor"]}) == {"jobs": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"limit": "0"}, "INVALID_PARAMETER"),
        ({"limit": "201"}, "INVALID_PARAMETER"),
        ({"limit": "-1"}, "INVALID_PARAMETER"),
        ({"limit": "²"}, "INVALID_PARAMETER"),
        ({"limit": "9" * 5000}, "INVALID_PARAMETER"),
        ({"status": "DONE"}, "INVALID_PARAMETER"),
        ({"cursor": "abc"}, "INVALID_CURSOR"),
        ({"cursor": "😀"}, "INVALID_CURSOR"),
        ({"cursor": base64.urlsafe_b64encode(b"TENANT#other").decode()}, "INVALID_CURSOR"),
        ({"cursor": SPELT_OTHERWISE}, "INVALID_CURSOR"),
    ],
)
@pytest.mark.parametrize("route", ["/jobs", f"/jobs/{JOB_ID}/products"])
def test_a_bad_parameter_is_refused(aws, caller, route, query, code):
    create_job(a_job())

    assert caller.problem(caller.get(route, query)) == (400, code)


def products_job(aws: Any) -> None:
    rows = (
        '1,A,"https://a/1.jpg,https://a/2.jpg"\r\n2,,https://a/3.jpg\r\n3,C,https://a/4.jpg\r\n4,D,https://a/5.jpg\r\n'
    )
    aws.start_job((HEADER + rows).encode())
    done = ImageResult(
        1, ImageStatus.COMPLETED, "images/00/1.jpg", None, None, 9, 5, 160, 120, "jpeg", kept=False, sha256="ab"
    )
    put_result(JOB_ID, 1, settled(1, 1, [done, ImageResult.failed(2, ImageCode.HTTP_STATUS, 404)]))
    put_result(JOB_ID, 1, row_fault(2, RowCode.MISSING_NAME))
    put_result(JOB_ID, 1, ProductResult(3, ProductStatus.PROCESSING, 1))


def test_products_are_shown_as_far_as_they_are(aws, caller):
    products_job(aws)

    page = caller.get(f"/jobs/{JOB_ID}/products")

    assert page["next_cursor"] is None
    assert [
        (product["row"], product["status"], product["attempts"], product["error"]) for product in page["products"]
    ] == [
        (1, "PARTIAL", 1, None),
        (2, "FAILED", 0, "MISSING_NAME"),
        (3, "PROCESSING", 1, None),
        (4, "PENDING", 0, None),
    ]
    assert [len(product["images"]) for product in page["products"]] == [2, 0, 1, 1]


def test_an_image_is_shown_in_full(aws, caller):
    products_job(aws)

    [product] = caller.get(f"/jobs/{JOB_ID}/products", {"limit": "1"})["products"]

    assert product["images"] == [
        {
            "position": 1,
            "input_url": "https://a/1.jpg",
            "output_url": "https://images.shop.example/images/00/1.jpg",
            "status": "COMPLETED",
            "error": None,
            "input_bytes": 9,
            "output_bytes": 5,
            "width": 160,
            "height": 120,
            "format": "jpeg",
            "kept": False,
            "sha256": "ab",
        },
        {
            "position": 2,
            "input_url": "https://a/2.jpg",
            "output_url": None,
            "status": "FAILED",
            "error": "HTTP_STATUS",
            "http_status": 404,
            **dict.fromkeys(("input_bytes", "output_bytes", "width", "height", "format", "kept", "sha256")),
        },
    ]


def test_products_come_in_pages_over_chunks(aws, caller):
    aws.start_job((HEADER + "".join(f"{row},P{row},https://a/{row}.jpg\r\n" for row in range(1, 412))).encode())
    rows: list[int] = []
    query: dict[str, str] = {"limit": "150"}
    pages = 0
    while pages == 0 or "cursor" in query:
        page = caller.get(f"/jobs/{JOB_ID}/products", query)
        rows += [product["row"] for product in page["products"]]
        query = {"limit": "150"} | ({"cursor": page["next_cursor"]} if page["next_cursor"] else {})
        pages += 1

    assert rows == list(range(1, 412))
    assert pages == 3


def test_products_can_be_filtered_by_status(aws, caller):
    products_job(aws)

    page = caller.get(f"/jobs/{JOB_ID}/products", {"status": "pending"})

    assert [product["row"] for product in page["products"]] == [4]


def test_a_filtered_page_looks_through_a_bounded_number_of_chunks(aws, caller, monkeypatch):
    monkeypatch.setattr(api.products, "MAX_CHUNKS_A_PAGE", 1)
    aws.start_job((HEADER + "".join(f"{row},P{row},https://a/{row}.jpg\r\n" for row in range(1, 251))).encode())

    page = caller.get(f"/jobs/{JOB_ID}/products", {"status": "FAILED"})
    following = caller.get(f"/jobs/{JOB_ID}/products", {"status": "FAILED", "cursor": page["next_cursor"]})

    assert page["products"] == []
    assert following == {"products": [], "next_cursor": None}


def test_a_cursor_behind_the_end_finds_nothing(aws, caller):
    products_job(aws)
    cursor = base64.urlsafe_b64encode(b"9999999").decode().rstrip("=")

    assert caller.get(f"/jobs/{JOB_ID}/products", {"cursor": cursor}) == {"products": [], "next_cursor": None}


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.REJECTED])
def test_a_job_that_has_not_been_read_has_no_products(aws, caller, status):
    create_job(a_job(status=status))

    assert caller.get(f"/jobs/{JOB_ID}/products") == {"products": [], "next_cursor": None}


def test_the_output_is_a_redirect_to_a_download_of_fifteen_minutes(aws, caller):
    end_a_job(aws)

    caller.get(f"/jobs/{JOB_ID}/output")

    assert caller.status == 302
    [location] = caller.headers["Location"]
    query = parse_qs(urlsplit(location).query)
    assert urlsplit(location).path.endswith(f"/outputs/{TENANT}/{JOB_ID}/1.csv")
    assert query["X-Amz-Expires"] == ["900"]
    assert query["response-content-disposition"] == [f'attachment; filename="products.{JOB_ID}.csv"']
    assert caller.headers["Cache-Control"] == ["no-store"]


@pytest.mark.parametrize(
    ("filename", "stem"),
    [("summer.csv", "summer"), ("Größe 2025.csv", "Gr-e-2025"), ('a"b\r\nc.csv', "a-b-c"), ("日本.csv", "catalogue")],
)
def test_the_output_is_saved_under_the_catalogues_name(filename, stem):
    assert download_name(a_job(filename=filename)) == f"{stem}.{JOB_ID}.csv"


def test_a_page_may_ask_for_the_outputs_address_instead(aws, caller):
    end_a_job(aws)

    answer = caller.get(f"/jobs/{JOB_ID}/output", {"redirect": "false"})

    assert caller.status == 200
    assert urlsplit(answer["url"]).path.endswith(f"/outputs/{TENANT}/{JOB_ID}/1.csv")


@pytest.mark.parametrize("status", [JobStatus.QUEUED, JobStatus.PROCESSING, JobStatus.REJECTED])
def test_there_is_no_output_before_the_end_nor_of_a_rejected_job(aws, caller, status):
    create_job(a_job(status=status))

    document = caller.get(f"/jobs/{JOB_ID}/output")

    assert caller.problem(document) == (409, "JOB_NOT_FINISHED")
    assert status.value.lower() in document["detail"].lower()


def test_deliveries_are_listed(aws, caller):
    create_job(a_job())
    attempt = Attempt(
        "msg_1", 1, "job.failed", "2025-07-18T13:43:00.000Z", 12, delivered=False, status=503, error="HTTP_STATUS"
    )
    put_attempt(JOB_ID, attempt)

    [delivery] = caller.get(f"/jobs/{JOB_ID}/deliveries")["deliveries"]

    assert (delivery["number"], delivery["status"], delivery["error"], delivery["delivered"]) == (
        1,
        503,
        "HTTP_STATUS",
        False,
    )


def test_each_tenant_has_a_signing_secret_of_its_own(caller):
    first = caller.get("/signing-secret")["secret"]

    assert first.startswith("whsec_")
    assert caller.get("/signing-secret")["secret"] == first
    assert caller.get("/signing-secret", tenant=OTHER_TENANT)["secret"] != first
