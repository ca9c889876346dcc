"""Whole jobs over the API."""

from __future__ import annotations

import io
import json
import threading

from PIL import Image

from tests.support.shop import Shop, assert_exact, catalogue, eventually
from tests.support.web import Answer, Request, TestWeb


def test_every_image_of_a_good_catalogue_comes_back_smaller_and_in_place(
    shop: Shop, web: TestWeb, photograph: bytes
) -> None:
    urls = [web.route(f"/{name}.jpg", Answer(body=photograph)) for name in ("front", "back", "side")]
    rows = [[str(number), f"SKU{number}", ",".join(urls), "blue"] for number in range(1, 6)]

    job = shop.ended(shop.submit(catalogue(rows, ("S. No.", "Product Name", "Input Image Urls", "Colour"))))

    assert (job["status"], job["images"]["completed"]) == ("COMPLETED", 15)
    assert_exact(shop, job)
    output = shop.output(job["job_id"])
    assert [[*row.values()][:4] for row in output] == rows
    with Image.open(io.BytesIO(photograph)) as original:
        size = original.size
    for row in output:
        stored = row["Output Image Urls"].split(",")
        assert ["front" in stored[0], "back" in stored[1], "side" in stored[2]] == [True, True, True]
        for url in stored:
            body = shop.image(url)
            with Image.open(io.BytesIO(body)) as image:
                image.load()
                assert (image.format, image.size) == ("JPEG", size)
            assert len(body) < 0.6 * len(photograph)


def test_a_catalogue_with_faults_ends_partial_and_says_where(shop: Shop, web: TestWeb, picture: str) -> None:
    page = web.route("/page.jpg", Answer(body=b"<!doctype html><p>Sorry</p>", headers={"content-type": "text/html"}))
    rows = [
        ["1", "Good", picture],
        ["2", "Some missing", f"{picture},{web.url}/missing.jpg,{picture}"],
        ["3", "No image", page],
        ["4", "", picture],
        ["5", "Bad URL", f"not-a-url,{picture}"],
        ["6", "Not for us", "http://10.0.0.1/private.jpg"],
    ]

    job = shop.ended(shop.submit(catalogue(rows)))

    assert job["status"] == "PARTIAL"
    assert_exact(shop, job)
    output = shop.output(job["job_id"])
    assert [(row["Status"], row["Errors"]) for row in output] == [
        ("COMPLETED", ""),
        ("PARTIAL", "2:HTTP_STATUS=404"),
        ("FAILED", "1:NOT_AN_IMAGE"),
        ("FAILED", "0:MISSING_NAME"),
        ("PARTIAL", "1:INVALID_URL"),
        ("FAILED", "1:BLOCKED_ADDRESS"),
    ]
    assert [bool(url) for url in output[1]["Output Image Urls"].split(",")] == [True, False, True]
    missing = shop.products(job["job_id"])[1]["images"][1]
    assert (missing["error"], missing["http_status"]) == ("HTTP_STATUS", 404)


def test_a_catalogue_with_nothing_good_ends_failed_with_an_output(shop: Shop, web: TestWeb) -> None:
    job = shop.ended(shop.submit(catalogue([["1", "A", f"{web.url}/gone.jpg"], ["", "B", f"{web.url}/gone.jpg"]])))

    assert job["status"] == "FAILED"
    assert_exact(shop, job)
    assert [row["Errors"] for row in shop.output(job["job_id"])] == ["1:HTTP_STATUS=404", "0:MISSING_SERIAL"]


def test_a_form_with_options_is_taken_and_the_options_are_followed(shop: Shop, web: TestWeb, photograph: bytes) -> None:
    url = web.route("/photograph.jpg", Answer(body=photograph))
    sizes = {}
    for quality in ("20", "80"):
        fields = {
            "file": ("spring.csv", catalogue([["1", "A", url]]), "text/csv"),
            "quality": quality,
            "client_reference": "order 7",
        }
        answer = shop.call("POST", "/jobs", fields=fields)
        assert answer.status == 202, answer.data
        accepted = json.loads(answer.data)
        assert answer.headers["location"] == accepted["links"]["self"]
        job = shop.ended(accepted["job_id"])
        assert (job["filename"], job["client_reference"]) == ("spring.csv", "order 7")
        sizes[quality] = job["bytes"]["output"]

    assert sizes["20"] < 0.6 * sizes["80"]


def test_an_origin_that_fails_for_a_moment_costs_nothing(shop: Shop, web: TestWeb, thumbnail: bytes) -> None:
    """Five failures: more than the tries in place, so the product must be delivered again."""

    def recover(request: Request) -> Answer:
        return Answer(500) if request.number <= 5 else Answer(body=thumbnail)

    job = shop.ended(shop.submit(catalogue([["1", "A", web.route("/flaky.jpg", recover)]])))

    assert job["status"] == "COMPLETED"
    assert shop.products(job["job_id"])[0]["attempts"] == 2
    assert len(web.asked_for("/flaky.jpg")) == 6


def test_images_done_in_an_earlier_receive_are_not_fetched_again(
    shop: Shop, web: TestWeb, picture: str, thumbnail: bytes
) -> None:
    def recover(request: Request) -> Answer:
        return Answer(500) if request.number <= 3 else Answer(body=thumbnail)

    job = shop.ended(shop.submit(catalogue([["1", "A", f"{picture},{web.route('/flaky.jpg', recover)}"]])))

    assert job["status"] == "COMPLETED"
    assert len(web.asked_for("/picture.jpg")) == 1


def test_an_origin_that_stays_down_fails_the_product_with_its_code(shop: Shop, web: TestWeb, picture: str) -> None:
    down = web.route("/down.jpg", Answer(500))

    job = shop.ended(shop.submit(catalogue([["1", "A", down], ["2", "B", picture]])))

    assert (job["status"], job["products"]["failed"]) == ("PARTIAL", 1)
    failed = shop.products(job["job_id"])[0]
    assert (failed["attempts"], failed["images"][0]["error"], failed["images"][0]["http_status"]) == (
        3,
        "HTTP_STATUS",
        500,
    )


def test_a_large_job_ends_with_exact_counts(shop: Shop, web: TestWeb, picture: str) -> None:
    """500 products in three chunks, every seventh of them missing its image, every fiftieth its name."""
    rows = [
        [str(row), "" if row % 50 == 0 else f"SKU{row}", f"{web.url}/missing.jpg" if row % 7 == 0 else picture]
        for row in range(1, 501)
    ]

    job = shop.ended(shop.submit(catalogue(rows)))

    failed = sum(row % 50 == 0 or row % 7 == 0 for row in range(1, 501))
    assert job["status"] == "PARTIAL"
    assert job["products"] == {
        "total": 500,
        "pending": 0,
        "completed": 500 - failed,
        "partial": 0,
        "failed": failed,
        "cancelled": 0,
        "skipped": 0,
    }
    assert_exact(shop, job)


def test_counts_are_live_while_a_job_is_in_work(shop: Shop, web: TestWeb, picture: str, thumbnail: bytes) -> None:
    release = threading.Event()

    def held(_: Request) -> Answer:
        release.wait(15)
        return Answer(body=thumbnail)

    slow = web.route("/slow.jpg", held)
    # One batch: none of the ten waits for its slow neighbour to be counted.
    job_id = shop.submit(catalogue([*[[str(row), "A", picture] for row in range(1, 10)], ["10", "B", slow]]))

    try:
        job = eventually(
            lambda: (seen := shop.get(f"/jobs/{job_id}"))["products"]["completed"] == 9 and seen, "nine are done"
        )
    finally:
        release.set()

    assert (job["status"], job["products"]["pending"], job["progress"]) == ("PROCESSING", 1, 0.9)
    assert (job["images"], job["bytes"], job["links"]["output"]) == (None, None, None)
    assert shop.ended(job_id)["progress"] == 1.0
