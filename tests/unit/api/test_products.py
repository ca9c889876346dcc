"""GET /jobs/{id}/products: products as far as they are, page by page (contract A4)."""

import base64
from typing import Any

import pytest

import api
import api.products
from imagemill.adapters.store.jobs import create_job
from imagemill.domain.codes import ImageCode, ImageStatus, JobStatus, ProductStatus, RowCode
from imagemill.domain.product import ImageResult, ProductResult, row_fault, settled
from tests.support.account import JOB_ID, a_job
from tests.support.results import put_result

HEADER = "S. No.,Product Name,Input Image Urls\r\n"


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
            "reused": False,
        },
        {
            "position": 2,
            "input_url": "https://a/2.jpg",
            "output_url": None,
            "status": "FAILED",
            "error": "HTTP_STATUS",
            "http_status": 404,
            "reused": False,
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
