"""One embedded stack for all end-to-end tests, deployed from the template with IAM enforced."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from PIL import Image

from local.stack import DEFAULT_PORT, PROJECT, Stack, free_port, running_stack
from tests.support.shop import Shop
from tests.support.web import Answer, TestWeb

#: Shorter than for people: a killed worker's products come again while a test waits.
PARAMETERS = {
    "ProcessTimeoutSeconds": "20",
    "ProductsVisibilitySeconds": "20",
    # No longer than ingest keeps in reserve: so it continues in a new message after each chunk.
    "IngestTimeoutSeconds": "20",
    "IngestVisibilitySeconds": "20",
    "ReportTimeoutSeconds": "20",
    "ReportVisibilitySeconds": "20",
    "RedeliverySeconds": "1,1",
    # An origin that says 503 for good is given up while a test waits.
    "ThrottlePatienceSeconds": "15",
    "WebhookDelaysSeconds": "0,1,1,1",
    "SecretOverlapSeconds": "15",
    # Tests invoke the sweep themselves: it would set going again what others hold up on purpose.
    "SweepMinutes": "1440",
    "StalledSeconds": "1",
}


@pytest.fixture(scope="session")
def stack(worker_id: str) -> Iterator[Stack]:
    """A stack for each of the processes that share the tests, on a port of its own."""
    worker = int(worker_id.removeprefix("gw")) if worker_id != "master" else 0
    with running_stack(free_port(DEFAULT_PORT + 100 + worker), PARAMETERS) as running:
        yield running


@pytest.fixture
def shop(stack: Stack) -> Shop:
    return Shop(stack, stack.api_key)


@pytest.fixture
def other_shop(stack: Stack) -> Shop:
    return Shop(stack, stack.other_api_key)


def read_photograph() -> bytes:
    return (PROJECT / "samples" / "images" / "coffee-grinder.jpg").read_bytes()


def thumbnail_of(photograph: bytes) -> bytes:
    small = io.BytesIO()
    with Image.open(io.BytesIO(photograph)) as image:
        image.thumbnail((160, 160))
        image.save(small, "JPEG", quality=95)
    return small.getvalue()


@pytest.fixture(scope="session")
def photograph() -> bytes:
    """A real photograph of about 300 kB."""
    return read_photograph()


@pytest.fixture(scope="session")
def thumbnail(photograph: bytes) -> bytes:
    """The same, 160 pixels wide: quick to compress."""
    return thumbnail_of(photograph)


@pytest.fixture
def picture(web: TestWeb, thumbnail: bytes) -> str:
    """The URL of a picture that is always served."""
    return web.route("/picture.jpg", Answer(body=thumbnail, headers={"content-type": "image/jpeg"}))
