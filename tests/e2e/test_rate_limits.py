"""A real nginx that limits how often it is asked: every image is made, soon, and few requests are refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from local.stack import DEFAULT_PORT, Stack, free_port, running_stack
from tests.support.nginx import Nginx, nginx
from tests.support.shop import Shop, assert_exact, catalogue

#: Eight workers. All delays are those of production: that is what is shown.
EIGHT = {"ProcessConcurrency": "8"}
#: Of all requests, how many may be refused. How long it may take is held by tests/unit/domain/test_pace.py, whose
#: clock does not depend on the machine.
MOST_REFUSED = 0.2


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(free_port(DEFAULT_PORT + 140), EIGHT) as running:
        yield running


def submitted(shop: Shop, origin: Nginx, image: bytes, images: int) -> str:
    rows = [[str(row), f"P{row}", origin.put(f"{row}.jpg", image)] for row in range(1, images + 1)]
    return shop.submit(catalogue(rows))


@pytest.mark.parametrize(("rate", "status", "images"), [(2, 503, 40), (10, 429, 100)])
def test_a_limit_costs_no_image_little_time_and_few_refusals(
    shop: Shop, thumbnail: bytes, tmp_path: Path, rate: int, status: int, images: int
) -> None:
    zone = f"limit_req_zone $binary_remote_addr zone=one:1m rate={rate}r/s; limit_req_status {status};"
    with nginx(tmp_path / "nginx", "limit_req zone=one;", zone) as origin:
        job = shop.ended(submitted(shop, origin, thumbnail, images))
        # By the job's own word: whoever waits for it looks every other second.
        begun, ended = (datetime.fromisoformat(job[moment]) for moment in ("created_at", "ended_at"))
        statuses, answering = origin.statuses(), origin.seconds()

    refused = statuses[status] / statuses.total()
    print(  # noqa: T201
        f"{images} images at {rate} r/s: asked for {answering:.1f} s of {images / rate:.0f} s, {refused:.0%} refused, "
        f"job {(ended - begun).total_seconds():.1f} s"
    )
    assert job["images"] == {"total": images, "completed": images, "failed": 0, "reused": 0}
    assert_exact(shop, job)
    assert refused <= MOST_REFUSED
