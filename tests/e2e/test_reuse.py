"""A catalogue handed in again, on the stack: what has not changed is not made again."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.support.image_files import photo, saved
from tests.support.shop import Shop, assert_exact, catalogue
from tests.support.web import Answer, Request, TestWeb

NUMBERS = range(1, 13)


@dataclass
class VersionedShop:
    """An origin with pictures that have an ETag, and answers 304 to whoever has them."""

    web: TestWeb
    pictures: dict[str, bytes] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)

    def show(self, name: str, picture: bytes) -> str:
        self.pictures[name] = picture
        return self.web.route(name, self._answer)

    def _answer(self, request: Request) -> Answer:
        name = request.path.partition("?")[0]
        tag = f'"{hashlib.sha256(self.pictures[name]).hexdigest()}"'
        if request.headers.get("if-none-match") == tag:
            return Answer(304, headers={"ETag": tag})
        self.sent.append(name)
        return Answer(200, self.pictures[name], {"ETag": tag, "Content-Type": "image/jpeg"})


def picture_of(number: int) -> bytes:
    return saved(photo(160 + number, 120), "JPEG", quality=95)


def run(shop: Shop, urls: list[str], query: str = "") -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """An ended job of two images a product, and its images by their URL."""
    pairs = zip(urls[::2], urls[1::2], strict=True)
    job = shop.ended(
        shop.submit(catalogue([[str(row), f"P{row}", ",".join(pair)] for row, pair in enumerate(pairs)]), query)
    )
    assert job["status"] == "COMPLETED"
    assert_exact(shop, job)
    images = [image for product in shop.products(job["job_id"]) for image in product["images"]]
    return job, {image["input_url"]: image for image in images}


def stored(shop: Shop) -> dict[str, datetime]:
    """When each image was last stored."""
    pages = shop.aws("s3").get_paginator("list_objects_v2").paginate(Bucket=shop.stack.image_bucket)
    return {item["Key"]: item["LastModified"] for page in pages for item in page.get("Contents", [])}


def test_what_has_not_changed_keeps_its_url_and_is_neither_fetched_nor_stored(shop: Shop, web: TestWeb) -> None:
    origin = VersionedShop(web)
    urls = [origin.show(f"/nightly/{number}.jpg", picture_of(number)) for number in NUMBERS]

    first, before = run(shop, urls)
    objects, origin.sent = stored(shop), []
    second, again = run(shop, urls)

    assert (first["images"]["reused"], second["images"]["reused"]) == (0, len(urls))
    assert origin.sent == []
    assert stored(shop) == objects
    assert second["bytes"] == first["bytes"]
    assert {url: image["output_url"] for url, image in again.items()} == {
        url: image["output_url"] for url, image in before.items()
    }

    changed = urls[4]
    origin.show("/nightly/5.jpg", picture_of(99))
    third, now = run(shop, urls)

    assert third["images"]["reused"] == len(urls) - 1
    assert origin.sent == ["/nightly/5.jpg"]
    assert {url for url in urls if now[url]["output_url"] != before[url]["output_url"]} == {changed}
    for image in (*before.values(), *now.values()):
        assert hashlib.sha256(shop.image(image["output_url"])).hexdigest() == image["sha256"]

    origin.sent = []
    fourth, _ = run(shop, urls, "?reuse=never")

    assert fourth["images"]["reused"] == 0
    assert sorted(origin.sent) == sorted(f"/nightly/{number}.jpg" for number in NUMBERS)


def test_another_tenant_is_told_nothing_of_what_the_first_has(shop: Shop, other_shop: Shop, web: TestWeb) -> None:
    origin = VersionedShop(web)
    urls = [origin.show(f"/shared/{number}.jpg", picture_of(number)) for number in (1, 2)]
    _, ours = run(shop, urls)

    job, theirs = run(other_shop, urls)

    assert job["images"]["reused"] == 0
    assert not {image["output_url"] for image in ours.values()} & {image["output_url"] for image in theirs.values()}
