"""The client behind a line that drops one request in ten: one job, all files, and each is what was stored."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from imagemill_client import Client
from imagemill_client.cli.app import main
from local.stack import Stack
from tests.conftest import FIGURES
from tests.support.flaky_proxy import WAYS, flaky
from tests.support.image_files import photo, saved
from tests.support.shop import catalogue
from tests.support.web import Answer, TestWeb

PRODUCTS = 60


def test_a_submission_is_one_job_and_every_file_is_whole(
    stack: Stack,
    web: TestWeb,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> None:
    rows = []
    for row in range(1, PRODUCTS + 1):
        picture = Answer(body=saved(photo(90 + row, 60), "JPEG", quality=95), headers={"content-type": "image/jpeg"})
        rows.append((str(row), f"Product {row}", web.route(f"/{row}.jpg", picture)))
    handed_in = tmp_path / "flaky.csv"
    handed_in.write_bytes(catalogue(rows))
    address = urlsplit(stack.api_url)
    out = tmp_path / "out"

    with flaky(int(address.port or 0)) as proxy:
        # In all that the stack answers its address is the proxy's.
        monkeypatch.setenv("IMAGEMILL_URL", f"http://127.0.0.1:{proxy.server_port}{address.path}")
        monkeypatch.setenv("IMAGEMILL_KEY", stack.api_key)
        code = main(["submit", str(handed_in), "--wait", "--download", str(out), "--json"])
    [job] = map(json.loads, capsys.readouterr().out.splitlines())

    direct = Client(stack.api_url, stack.api_key)
    assert (code, job["status"]) == (0, "COMPLETED")
    assert [each.id for each in direct.jobs() if each.document["filename"] == "flaky.csv"] == [job["job_id"]]
    stored = [image["sha256"] for product in direct.job(job["job_id"]).products() for image in product["images"]]
    files = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (out / "images").iterdir()]
    assert len(files) == PRODUCTS
    assert set(files) == set(stored)
    with (out / "output.csv").open(encoding="utf-8-sig", newline="") as output:
        assert len(list(csv.DictReader(output))) == PRODUCTS
    assert set(proxy.dropped) == set(WAYS)
    record_property(FIGURES, f"{proxy.requests} requests, {proxy.dropped.total()} dropped: {dict(proxy.dropped)}")
