"""`make dev` as it is met first: the same address, keys and tenants each time; the console at the port; the client."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import urllib3

from imagemill_client import Client
from imagemill_client.cli.app import main
from local.origin import CATALOGUE
from local.stack import DEFAULT_PORT, LOCAL, PROJECT, free_port
from tests.support.shop import eventually


@contextmanager
def dev(port: int) -> Iterator[dict[str, str]]:
    """`make dev`, ended by SIGTERM to make alone; yields its stack file's content."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    # What is installed is left as it is.
    command = ["make", "-o", ".venv/.run", "-o", ".venv-emulator/.installed", "dev", f"PORT={port}"]
    environment["PYTHONUNBUFFERED"] = "1"
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            said = "".join(iter(process.stdout.readline, "Ctrl-C ends it.\n"))
            yield {**json.loads((LOCAL / f"stack-{port}.json").read_text()), "said": said}
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def test_a_second_start_on_a_port_has_the_same_address_and_keys() -> None:
    port = free_port(DEFAULT_PORT + 90)
    with dev(port) as first:
        pass
    with dev(port) as second:
        pass

    assert second == first
    assert not (LOCAL / f"stack-{port}.json").exists()


@contextmanager
def dev_itself(port: int) -> Iterator[subprocess.Popen[str]]:
    """What `make dev` runs, when it is up."""
    command = [sys.executable, "-m", "local.dev", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": "client/src", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        "".join(iter(process.stdout.readline, "Ctrl-C ends it.\n"))
        yield process


def test_dev_ends_and_says_so_when_the_stack_was_killed() -> None:
    port = free_port(DEFAULT_PORT + 92)
    with dev_itself(port) as process:
        for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split():
            os.killpg(int(child), signal.SIGKILL)

        said, _ = process.communicate(timeout=30)

    assert process.returncode == 1
    assert f"http://127.0.0.1:{port} has ended by itself" in said
    assert not (LOCAL / f"stack-{port}.json").exists()


def test_many_signals_at_once_end_it_once() -> None:
    with dev_itself(free_port(DEFAULT_PORT + 93)) as process:
        for _ in range(200):
            process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0


def test_a_signal_ends_a_start_that_does_not_come_to_an_end() -> None:
    port = free_port(DEFAULT_PORT + 94)
    command = [sys.executable, "-m", "local.dev", "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": "client/src"}
    with subprocess.Popen(command, cwd=PROJECT, env=environment) as process:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        [emulator] = eventually(lambda: children.read_text().split(), "the emulator is started")
        os.kill(int(emulator), signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)

        assert process.wait(30) == 0

    assert not Path(f"/proc/{emulator}").exists()


def test_the_samples_run_by_the_client_and_the_port_leads_to_the_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with dev(free_port(DEFAULT_PORT + 91)) as stack:
        tries = stack["said"].split("Try:\n")[1].splitlines()
        assert len(tries) == 4
        page = urllib3.request("GET", f"{stack['aws_endpoint_url']}/")
        assert b"<title>imagemill" in page.data

        monkeypatch.setenv("IMAGEMILL_URL", stack["api_url"])
        monkeypatch.setenv("IMAGEMILL_KEY", stack["api_key"])
        code = main(["submit", str(CATALOGUE), "--wait", "--download", str(tmp_path), "--json"])
        [document] = map(json.loads, capsys.readouterr().out.splitlines())
        products = list(Client().job(document["job_id"]).products())
        [job] = eventually(lambda: list(Client().jobs()), "the job is listed")

    assert (code, document["status"], job.id) == (1, "PARTIAL", document["job_id"])
    stored = [image["sha256"] for product in products for image in product["images"] if image["sha256"]]
    files = [hashlib.sha256(path.read_bytes()).hexdigest() for path in (tmp_path / "images").iterdir()]
    assert len(files) == 27
    assert sorted(files) == sorted(stored)
