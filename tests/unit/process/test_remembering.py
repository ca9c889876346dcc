"""What came of images is written for several products in one call, and before their results."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import process.pipeline
from imagemill.domain.codes import ProductStatus
from process.app import handler
from tests.support.account import TENANT
from tests.support.product_batches import batch, message, result_of
from tests.support.web import Answer, TestWeb

pytestmark = pytest.mark.usefixtures("open_runs")
PRODUCTS = 10


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """However slow the machine: what is due by number is not due by time."""
    monkeypatch.setattr(process.pipeline, "SOURCES_SECONDS", 60)
    monkeypatch.setattr("process.intake.PAUSE_SECONDS", 60)


def products(web: TestWeb, picture: Answer) -> dict[str, Any]:
    urls = [web.route(f"/{row}.jpg", picture) for row in range(1, PRODUCTS + 1)]
    return batch(
        *(replace(message(url, row=row, ledger_size=PRODUCTS), tenant=TENANT) for row, url in enumerate(urls, 1))
    )


def test_one_call_for_all_and_the_last_products_wait_for_nobody(aws, context, web, picture):
    event = products(web, picture)

    with aws.calls() as calls:
        answer = handler(event, context)

    assert answer == {"batchItemFailures": []}
    assert calls.count("BatchWriteItem") == 1
    assert calls.count("PutItem") == PRODUCTS
    assert calls.index("BatchWriteItem") < calls.index("PutItem")


def test_it_is_not_put_off_beyond_what_a_call_takes(aws, context, web, picture, monkeypatch):
    monkeypatch.setattr(process.pipeline, "SOURCES_AT_ONCE", 3)
    event = products(web, picture)

    with aws.calls() as calls:
        handler(event, context)

    assert calls.count("BatchWriteItem") == 4


def test_a_fault_that_nobody_foresaw_costs_no_product(context, web, picture, monkeypatch):
    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("process.reuse.put_sources", fail)

    answer = handler(products(web, picture), context)

    assert answer == {"batchItemFailures": []}
    assert {result_of(row).status for row in range(1, PRODUCTS + 1)} == {ProductStatus.COMPLETED}
