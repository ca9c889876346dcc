"""A real nginx as shops run it: guards, limits and certificates that are wrong, each with its exact code and reason."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from local.stack import DEFAULT_PORT, Stack, free_port, running_stack
from tests.support.certificates import Authority
from tests.support.nginx import nginx
from tests.support.shop import Shop, assert_exact, catalogue

from .conftest import PARAMETERS

REFERER = "https://shop.example/"
HOTLINK_GUARD = "valid_referers shop.example; if ($invalid_referer) { return 403; }"
ONE_CONNECTION = "limit_conn one 1; limit_rate 200k; "
IMAGES = 12


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stack(authority: Authority) -> Iterator[Stack]:
    """A stack of these tests' own, whose functions trust the authority, and say where they come from."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SSL_CERT_FILE", str(authority.file))
        with running_stack(free_port(DEFAULT_PORT + 160), PARAMETERS | {"Referer": REFERER}) as running:
            yield running


def images_of(shop: Shop, job: dict[str, Any]) -> list[dict[str, Any]]:
    assert_exact(shop, job)
    return [image for product in shop.products(job["job_id"]) for image in product["images"]]


def test_a_hotlink_guard_lets_in_who_says_that_the_shop_sent_them(shop: Shop, thumbnail: bytes, tmp_path: Path) -> None:
    with nginx(tmp_path / "nginx", HOTLINK_GUARD) as origin:
        job = shop.ended(shop.submit(catalogue([["1", "A", origin.put("a.jpg", thumbnail)]])))

    assert job["status"] == "COMPLETED"


def test_one_connection_at_once_and_few_requests_a_connection_cost_no_image(
    shop: Shop, photograph: bytes, tmp_path: Path
) -> None:
    zone = "limit_conn_zone $binary_remote_addr zone=one:1m; keepalive_requests 3;"
    with nginx(tmp_path / "nginx", ONE_CONNECTION, zone) as origin:
        rows = [[str(row), "A", origin.put(f"{row}.jpg", photograph)] for row in range(1, IMAGES + 1)]
        job = shop.ended(shop.submit(catalogue(rows)))

    assert job["images"] == {"total": IMAGES, "completed": IMAGES, "failed": 0, "reused": 0}
    assert_exact(shop, job)


@pytest.mark.parametrize(
    ("reason", "made"),
    [
        (None, {}),
        ("EXPIRED", {"valid": timedelta(hours=-1)}),
        ("WRONG_HOST", {"host": "other.example"}),
        ("SELF_SIGNED", {"is_self_signed": True}),
        ("INCOMPLETE_CHAIN", {"is_chain_whole": False}),
    ],
)
def test_what_is_wrong_with_a_certificate_is_said(
    shop: Shop, authority: Authority, thumbnail: bytes, tmp_path: Path, reason: str | None, made: dict[str, Any]
) -> None:
    certificate = authority.certify(tmp_path / "origin.pem", **made)
    with nginx(tmp_path / "nginx", certificate=certificate) as origin:
        url = origin.put("a.jpg", thumbnail).replace("127.0.0.1", "localhost")
        job = shop.ended(shop.submit(catalogue([["1", "A", url]])))

    [image] = images_of(shop, job)
    assert (image["error"], image.get("reason")) == (("TLS_FAILURE", reason) if reason else (None, None))


def test_what_is_no_image_says_what_it_is(shop: Shop, tmp_path: Path) -> None:
    bodies = {
        "WEB_PAGE": b"<!DOCTYPE html><title>Sign in</title>",
        "EMPTY": b"",
        "JSON": b'{"error": "not found"}',
        "PDF": b"%PDF-1.7\n1 0 obj",
        "COMPRESSED": b"\x1f\x8b\x08\x00" + bytes(20),
        "OTHER": b"Bad gateway",
    }
    with nginx(tmp_path / "nginx") as origin:
        rows = [["1", reason, origin.put(f"{reason}.jpg", body)] for reason, body in bodies.items()]
        job = shop.ended(shop.submit(catalogue(rows)))

    assert [(image["error"], image["reason"]) for image in images_of(shop, job)] == [
        ("NOT_AN_IMAGE", reason) for reason in bodies
    ]
