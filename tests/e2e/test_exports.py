"""Exports of every platform on the stack: each ends completed, and comes back with other URLs alone."""

from __future__ import annotations

import pytest

from imagemill.domain.catalogue.feeds import Feed
from tests.support.exports import EXPORTS, PICTURES, Export
from tests.support.shop import Shop
from tests.support.web import Answer, TestWeb


@pytest.fixture
def origin(web: TestWeb, thumbnail: bytes) -> str:
    """Has the pictures that exports name."""
    for number in PICTURES:
        web.route(f"/p/{number}.jpg", Answer(body=thumbnail, headers={"content-type": "image/jpeg"}))
    return web.url


@pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.feed)
def test_an_export_ends_completed_and_comes_back_with_other_urls_alone(shop: Shop, origin: str, export: Export) -> None:
    file = export.file(origin)
    options = {"output": "replace"} | ({"base_url": origin} if export.has_paths else {})

    job = shop.ended(shop.client.submit(file, options).id)

    assert (job["status"], job["csv"]["feed"]) == ("COMPLETED", export.feed)
    assert (job["images"]["completed"], job["images"]["failed"]) == (export.images, 0)
    assert job["products"]["skipped"] == export.skipped
    back = b"".join(shop.client.job(job["job_id"]).output_pieces()).decode()
    images = [image for product in shop.products(job["job_id"]) for image in product["images"]]
    assert len(images) == export.images
    for image in images:
        assert image["output_url"] in back
        assert shop.image(image["output_url"])
    for image in images:
        back = back.replace(image["output_url"], image["input_url"])
    assert _without(origin, back) == _without(origin, file.decode())


def _without(origin: str, text: str) -> str:
    """Where paths were completed, what comes back has the host, too."""
    return text.replace(f"{origin}/", "").replace("/p/", "p/")


def test_no_platform_is_left_out() -> None:
    assert {export.feed for export in EXPORTS} == set(Feed) - {Feed.AUTO, Feed.STANDARD}
