"""Images that are cheap to send and dear to read: each has its code, and another tenant's products notice nothing."""

from __future__ import annotations

from tests.support.bombs import BOMBS, CODES
from tests.support.shop import Shop, catalogue
from tests.support.web import Answer, TestWeb


def test_bombs_end_alone_and_at_once(shop: Shop, other_shop: Shop, web: TestWeb, thumbnail: bytes) -> None:
    bombs = [web.route(f"/{name}", Answer(body=BOMBS[name]())) for name in CODES]
    good = [web.route(f"/{number}.jpg", Answer(body=thumbnail)) for number in range(20)]
    bombed = shop.submit(catalogue([[str(row), "B", url] for row, url in enumerate(bombs, 1)]))
    beside = other_shop.ended(other_shop.submit(catalogue([[str(row), "G", url] for row, url in enumerate(good, 1)])))

    assert (beside["status"], beside["images"]["completed"]) == ("COMPLETED", 20)
    assert {product["attempts"] for product in other_shop.products(beside["job_id"])} == {1}
    shop.ended(bombed)
    products = shop.products(bombed)
    assert [product["images"][0]["error"] for product in products] == list(CODES.values())
    assert {product["attempts"] for product in products} == {1}
