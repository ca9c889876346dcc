"""The pace of an origin in the table: many change it at once, and none undoes another's change."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

from imagemill.adapters.aws import clients
from imagemill.adapters.store.origins import OriginPaces, origin_key
from imagemill.domain.pace import Pace
from imagemill.domain.web_urls import Origin
from imagemill.errors import OriginNotKeptError
from imagemill.settings import settings

ORIGIN = Origin("https", "shop.example", 443)


def begun(_: Pace | None = None) -> Pace:
    return Pace.begun(time.time(), 503, None)


def joined(pace: Pace | None) -> Pace:
    return pace or begun()


def refused(pace: Pace | None) -> Pace:
    pace = joined(pace)
    return pace.refused(time.time(), pace.era, 503, None)


def test_what_one_worker_writes_another_reads(aws):
    written, was_late = OriginPaces().change(ORIGIN, None, begun)

    read = OriginPaces().read(ORIGIN)

    assert read
    assert (read.version, was_late) == (written.version, False)
    assert read.pace.rate == written.pace.rate
    assert read.pace.last_slot == pytest.approx(written.pace.last_slot, abs=1e-5)


def test_the_pace_of_a_release_that_noted_less_is_read(aws):
    written, _ = OriginPaces().change(ORIGIN, None, begun)
    clients.dynamodb().update_item(
        TableName=settings().table,
        Key=origin_key(ORIGIN),
        UpdateExpression="REMOVE fell_at, ceiling_before, unpaced_at",
    )

    read = OriginPaces().read(ORIGIN)

    assert read
    assert (read.pace.rate, read.pace.fell_at, read.pace.ceiling_before, read.pace.unpaced_at) == (
        written.pace.rate,
        0,
        0,
        0,
    )


def test_an_origin_that_never_complained_has_no_item(aws):
    assert OriginPaces().read(ORIGIN) is None


def test_who_did_not_know_it_joins_the_pace_that_stands(aws):
    first, _ = OriginPaces().change(ORIGIN, None, begun)

    second, was_late = OriginPaces().change(ORIGIN, None, joined)

    assert was_late
    assert second.version == first.version


def test_a_change_builds_upon_the_one_that_was_first(aws):
    known, _ = OriginPaces().change(ORIGIN, None, begun)
    ahead, _ = OriginPaces().change(ORIGIN, known, refused)

    behind, was_late = OriginPaces().change(ORIGIN, known, refused)

    assert was_late
    assert behind.pace.rate == pytest.approx(ahead.pace.rate / 2)


def test_what_does_not_change_is_not_written(aws, monkeypatch):
    known, _ = OriginPaces().change(ORIGIN, None, begun)
    monkeypatch.setattr(OriginPaces, "_put", None)

    assert OriginPaces().change(ORIGIN, known, joined) == (known, False)


def test_eight_workers_at_once_lease_no_slot_twice(aws):
    now = time.time()
    OriginPaces().change(ORIGIN, None, lambda _: Pace.begun(now - 1, 503, None))
    taken: list[float] = []

    def work(_: int) -> None:
        known = None
        for _ in range(3):
            slots: tuple[float, ...] = ()

            def lease(pace: Pace | None) -> Pace:
                nonlocal slots
                changed, slots = (pace or begun()).leased(time.time(), 1)
                return changed

            try:
                known, _late = OriginPaces().change(ORIGIN, known, lease)
            except OriginNotKeptError:
                continue
            taken.extend(slots)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))

    assert taken
    assert all(
        later - earlier >= 1 / 1.8 - 1e-5 for earlier, later in zip(sorted(taken), sorted(taken)[1:], strict=False)
    )


def test_an_item_that_ttl_has_yet_to_remove_counts_as_gone(aws):
    long_ago = time.time() - 7_200
    OriginPaces().change(ORIGIN, None, lambda _: Pace.begun(long_ago, 503, None))

    assert OriginPaces().read(ORIGIN) is None
    fresh, _ = OriginPaces().change(ORIGIN, None, begun)
    assert fresh.version == 1
    assert OriginPaces().read(ORIGIN) is not None


def test_a_table_that_does_not_answer_is_an_error_of_ours(aws, monkeypatch):
    def refuse(**_):
        raise ClientError({"Error": {"Code": "ThrottlingException"}}, "PutItem")

    monkeypatch.setattr(clients.dynamodb(), "put_item", refuse)

    with pytest.raises(OriginNotKeptError):
        OriginPaces().change(ORIGIN, None, begun)
