"""No answer passes 6 MB, nor takes the API's memory: a page is shorter then, and its cursor leads on (contract A4)."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import api.app
from api import pagination
from api.deliveries import MIN_ATTEMPT_BYTES
from imagemill.adapters.aws import clients
from imagemill.adapters.store.deliveries import Attempt, put_attempt
from imagemill.adapters.store.jobs import create_job
from imagemill.domain.ids import new_id
from imagemill.domain.options import JobOptions
from tests.support.account import CATALOGUE_BUCKET, JOB_ID, a_job

HEADER = b"S. No.,Product Name,Input Image Urls\r\n"
#: Lambda's quota for what a function answers, in bytes (contract A4: 6 MB).
MOST_BYTES = 6_000_000


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Bytes of each answer of the API, as Lambda hands it on."""
    sizes: list[int] = []
    resolve = api.app.app.resolve

    def measured(*given: Any) -> Any:
        answer = resolve(*given)
        sizes.append(len(json.dumps(answer)))
        return answer

    monkeypatch.setattr(api.app.app, "resolve", measured)
    return sizes


def pages(caller: Any, path: str, name: str, query: dict[str, str] | None = None) -> Iterator[list[Any]]:
    """Pages of a list to its end, which must come."""
    cursor = None
    for _ in range(100):
        page = caller.get(path, (query or {}) | ({"cursor": cursor} if cursor else {}))
        assert caller.status == 200, page
        yield page[name]
        cursor = page["next_cursor"]
        if cursor is None:
            return
    raise AssertionError("the list never ends")


def urls(row: int, count: int, pad: str) -> str:
    return ",".join(f"https://shop.example/{row}-{n}.jpg?{pad}" for n in range(count))


@pytest.mark.parametrize("pad", ["x" * 1_900, "é" * 500, '"' * 900, "😀" * 400], ids=["ascii", "é", "quotes", "😀"])
@pytest.mark.parametrize("query", [{}, {"limit": "200", "status": "PENDING"}])
def test_long_urls_make_shorter_pages_of_products(aws, caller, answers, pad, query):
    rows = 60
    lines = [f'{row},P,"{urls(row, 100, pad.replace(chr(34), chr(34) * 2))}"\r\n' for row in range(1, rows + 1)]
    aws.start_job(HEADER + "".join(lines).encode())

    listed = [
        product["row"] for page in pages(caller, f"/jobs/{JOB_ID}/products", "products", query) for product in page
    ]

    assert listed == list(range(1, rows + 1))
    assert len(answers) > 1
    assert max(answers) <= MOST_BYTES


def test_long_options_make_shorter_pages_of_jobs(aws, caller, answers):
    options = JobOptions(webhook_url="https://a.example/" + "é" * 2_030, client_reference="😀" * 256)
    made = [new_id() for _ in range(250)]
    for job_id in made:
        create_job(a_job(options, job_id=job_id, filename="😀" * 255))

    listed = [job["job_id"] for page in pages(caller, "/jobs", "jobs", {"limit": "200"}) for job in page]

    assert listed == sorted(made, reverse=True)
    assert max(answers) <= MOST_BYTES


def test_a_long_delivery_log_has_pages(aws, caller, answers, monkeypatch):
    monkeypatch.setattr(pagination.PageRoom.__init__, "__defaults__", (10_000,))
    create_job(a_job())
    attempt = Attempt("msg", 1, "job.completed", "2026-11-25T00:00:00.000Z", 5, delivered=False)
    # Of two messages, in turn, some at the same moment.
    made = [
        replace(attempt, message_id=f"msg{n % 2}", number=n // 2 + 1, at=f"2026-11-25T00:00:{n // 3:02}.000Z")
        for n in range(100)
    ]
    for each in made:
        put_attempt(JOB_ID, each)

    listed = [each for page in pages(caller, f"/jobs/{JOB_ID}/deliveries", "deliveries") for each in page]

    assert [(each["message_id"], each["number"]) for each in listed] == [
        (each.message_id, each.number) for each in sorted(made, key=lambda each: each.place)
    ]
    assert len(answers) > 2


def test_an_attempt_is_never_smaller_than_the_page_assumes():
    smallest = Attempt("m", 1, "job.failed", "2026-11-25T00:00:00.000Z", 0, delivered=True)

    assert pagination.encoded_size({name: getattr(smallest, name) for name in smallest.__slots__}) >= MIN_ATTEMPT_BYTES


@pytest.mark.parametrize("query", [{}, {"status": "COMPLETED"}])
def test_rows_of_a_megabyte_take_no_more_memory_than_one_and_the_page(aws, caller, answers, query):
    rows = 50
    row = b"1,P,https://a/1.jpg\xff" + b"x" * 1_000_000 + b"\r\n"
    aws.start_job(HEADER + row * rows)
    caller.get(f"/jobs/{JOB_ID}")
    tracemalloc.start()

    listed = [
        product["row"] for page in pages(caller, f"/jobs/{JOB_ID}/products", "products", query) for product in page
    ]

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert listed == ([] if query else list(range(1, rows + 1)))
    assert max(answers) <= MOST_BYTES
    # The test's own object, whole, which moto holds and sends: 50 MB, and as much again on its way. 50 rows at once,
    # which was the fault, were 1,296 MiB.
    assert peak < 200_000_000


def test_a_csv_that_is_shorter_than_it_was_does_not_make_a_list_without_an_end(aws, caller):
    """What the last release has stored reads the latest version, whatever that is."""
    job = aws.start_job(HEADER + b"1,A,https://a/1.jpg\r\n" * 150)
    shorter = HEADER + b"1,B,https://b/1.jpg\r\n" * 31
    clients.s3().put_object(Bucket=CATALOGUE_BUCKET, Key=job.catalogue_key, Body=shorter)

    listed = [product for page in pages(caller, f"/jobs/{JOB_ID}/products", "products") for product in page]

    assert len(listed) == 31
