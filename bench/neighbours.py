"""Whether products get what is theirs beside origins that hang and images that take long, on the embedded stack.

Many large images that become AVIF, in one product and in ten; an origin that never answers beside one that does;
an origin that answers in 20 s. While the large images are made, the slow origin's are fetched on the same stack, and
on a stack of its own, with `ImageTimeoutSeconds` 6, every image of the origin that hangs is tried until it is given up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from typing import Any

from local.stack import free_port, running_stack
from tests.support.image_files import photo, saved
from tests.support.shop import Shop, catalogue, eventually
from tests.support.web import Answer, Request, TestWeb

from .table import Table

PORT = 4_740
#: So that images of an origin that hangs are tried three times and given up in minutes.
IMPATIENT = {"ImageTimeoutSeconds": "6", "RedeliverySeconds": "1,1"}
HANGING_PRODUCTS, HANGING_IMAGES, HEALTHY_PRODUCTS = 30, 20, 5
GIVEN_UP_PRODUCTS = 10
SLOW_SECONDS, SLOW_IMAGES = 20.0, 120
#: A picture of 24 MP.
WIDTH, HEIGHT = 6_000, 4_000
JOB_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Course:
    """How a job went. statuses: products by status, images by error. attempts: the most of a product.

    requests: of an image at its origin, the fewest and the most. seconds: from submission to end.
    """

    job: str
    statuses: str
    errors: str
    attempts: int
    requests: tuple[int, int]
    seconds: float


def measure() -> list[Course]:
    with ExitStack() as stack:
        over = Event()
        hanging, healthy = (stack.enter_context(TestWeb().serving()) for _ in range(2))
        stack.callback(over.set)

        def hang(_: Request) -> Answer:
            over.wait(JOB_SECONDS)
            return Answer(503)

        def answer_late(_: Request) -> Answer:
            over.wait(SLOW_SECONDS)
            return Answer(body=small)

        small, large = saved(photo(160, 120), "JPEG"), saved(photo(WIDTH, HEIGHT), "JPEG", quality=85)
        hanging.route("/hangs.jpg", hang)
        hanging.route("/late.jpg", answer_late)
        healthy.route("/small.jpg", Answer(body=small))
        healthy.route("/large.jpg", Answer(body=large))
        running, impatient = (
            stack.enter_context(running_stack(free_port(PORT + number), parameters))
            for number, parameters in enumerate(({}, IMPATIENT))
        )
        one, other = Shop(running, running.api_key), Shop(running, running.other_api_key)
        courses = _beside_an_origin_that_hangs(one, other, hanging, healthy)
        with ThreadPoolExecutor(2) as threads:
            impatient_shop = Shop(impatient, impatient.api_key)
            names = _many("given-up", GIVEN_UP_PRODUCTS, HANGING_IMAGES)
            given_up = threads.submit(_course, "origin hangs, until given up", impatient_shop, hanging, "hangs", names)
            name, names = f"origin answers in {SLOW_SECONDS:.0f} s", _many("late", SLOW_IMAGES // 4, 4)
            late = threads.submit(_course, name, other, hanging, "late", names)
            for products, images in ((1, 40), (10, 10)):
                name, names = f"24 MP to AVIF, {products} × {images}", _many(f"large-{products}", products, images)
                courses.append(_course(name, one, healthy, "large", names, "?format=avif"))
            courses += [late.result(), given_up.result()]
        return courses


def _beside_an_origin_that_hangs(one: Shop, other: Shop, hanging: TestWeb, healthy: TestWeb) -> list[Course]:
    """Of its own tenant, and of another one."""
    job_id = one.submit(_catalogue(hanging, "hangs", _many("hanging", HANGING_PRODUCTS, HANGING_IMAGES)))
    eventually(lambda: len(hanging.requests) >= 8, "the origin is asked")
    courses = [
        _course(f"origin answers, {whose} hangs", shop, healthy, "small", _many(whose, HEALTHY_PRODUCTS, 3))
        for whose, shop in (("another tenant's", other), ("one's own", one))
    ]
    one.cancel(job_id)
    return courses


def _many(name: str, products: int, images: int) -> list[list[str]]:
    """What tells images apart, by product."""
    prefix = name.partition("'")[0].replace(" ", "-")
    return [[f"{prefix}-{product}-{image}" for image in range(images)] for product in range(products)]


def _catalogue(web: TestWeb, path: str, names: Sequence[Sequence[str]]) -> bytes:
    return catalogue(
        [
            [str(row), "P", ",".join(f"{web.url}/{path}.jpg?{name}" for name in of_product)]
            for row, of_product in enumerate(names, 1)
        ]
    )


def _course(job: str, shop: Shop, web: TestWeb, path: str, names: Sequence[Sequence[str]], asked: str = "") -> Course:
    job_id = shop.submit(_catalogue(web, path, names), asked)
    document = shop.ended(job_id, JOB_SECONDS)
    products = shop.products(job_id)
    requests = Counter(request.path.partition("?")[2] for request in list(web.requests))
    asked_for = [requests[name] for of_product in names for name in of_product]
    return Course(
        job,
        _counted(product["status"] for product in products),
        _counted(image["error"] or "done" for product in products for image in product["images"]),
        max(product["attempts"] for product in products),
        (min(asked_for), max(asked_for)),
        _seconds(document),
    )


def _counted(words: Iterable[str]) -> str:
    return ", ".join(f"{count} {word}" for word, count in Counter(words).most_common())


def _seconds(job: Mapping[str, Any]) -> float:
    begun, ended = (datetime.fromisoformat(job[name]) for name in ("created_at", "ended_at"))
    return (ended - begun).total_seconds()


def table(measured: Sequence[Course]) -> Table:
    return Table(
        "Neighbours",
        (
            f"{HANGING_PRODUCTS} products × {HANGING_IMAGES} images of an origin that never answers, beside",
            f"{HEALTHY_PRODUCTS} products × 3 of one that does; then the others at the same time on two stacks, the",
            "origin that hangs with 6 s for an image. Requests: at the origin for an image, the fewest and the most.",
        ),
        ["job", "products", "images", "attempts", "requests", "s"],
        [
            [
                one.job,
                one.statuses,
                one.errors,
                str(one.attempts),
                "–".join(str(number) for number in sorted(set(one.requests))),
                f"{one.seconds:.1f}",
            ]
            for one in measured
        ],
    )
