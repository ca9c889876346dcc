"""A short storm; `make chaos` runs long ones."""

from __future__ import annotations

from tests.support.shop import Shop
from tests.support.web import TestWeb

from .chaos import chaos


def test_a_storm_loses_nothing_and_counts_nothing_twice(
    shop: Shop, other_shop: Shop, web: TestWeb, thumbnail: bytes
) -> None:
    tally = chaos([shop, other_shop], web, thumbnail, seed=1, products=60, storm_seconds=10)

    assert sum(tally.products.values()) == 120
    assert tally.lost == 0
    assert tally.duplicates
