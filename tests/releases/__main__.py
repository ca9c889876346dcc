"""`python -m tests.releases [--last 12] [--of <commit>]`: each pair of neighbouring commits that changed the functions.

Of each pair, (1) the functions of one are imported with the layer of the other, as an upgrade would mix them if not
everything called an alias; (2) what one stores and queues at five moments is worked by the other: forwards as an
upgrade does and while `ProductionShift` lasts, backwards as a roll-back does. Exits 1 when a job was lost.

The short form of it is tests/contract/test_stored_state.py, which reads what release 0.1.0 stored.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

from PIL import Image

from tests.support.account import CREDENTIALS, ENVIRONMENT, PROJECT

DRIVER = Path(__file__).with_name("driver.py")
SECONDS = 120
#: Rows 1 to 3 end COMPLETED, 4 and 5 FAILED.
EXPECTED = {"status": "PARTIAL", "products": {"total": 5, "completed": 3, "failed": 2}}


class Shop(BaseHTTPRequestHandler):
    """Three pictures."""

    def do_GET(self) -> None:
        if self.path == "/gone.png":
            self.send_error(404)
            return
        buffer = io.BytesIO()
        Image.new("RGB", (40, 30), (10, 200, 90)).save(buffer, "PNG")
        self.send_response(200)
        self.send_header("Content-Length", str(len(buffer.getvalue())))
        self.end_headers()
        self.wfile.write(buffer.getvalue())

    def log_message(self, *_: Any) -> None:
        pass


def commits(last: int, of: str) -> list[str]:
    """The commits that changed what runs on AWS, oldest first."""
    listed = git("log", "--first-parent", "--format=%h", f"-{last}", of, "--", "layers/core/imagemill", "functions")
    return listed.decode().split()[::-1]


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=PROJECT, check=True, capture_output=True).stdout


def checked_out(commit: str, folder: Path) -> Path:
    target = folder / commit
    if not target.exists():
        with tarfile.open(fileobj=io.BytesIO(git("archive", commit, "layers", "functions"))) as archive:
            archive.extractall(target, filter="data")
    return target


def drive(functions: Path, layer: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **CREDENTIALS, **ENVIRONMENT, "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
    environment["PYTHONPATH"] = f"{layer / 'layers' / 'core'}:{functions / 'functions'}"
    command = [sys.executable, str(DRIVER), *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False)


def last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1][:200]


def handed_over(producer: Path, consumer: Path) -> list[dict[str, Any]]:
    """What each moment came to; an empty list when the consumer did not even start."""
    done = drive(consumer, consumer, "consume", str(producer / "moments"))
    lines = [line.removeprefix("RESULT ") for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    return [json.loads(line) for line in lines] or [{"moment": "start", "fault": last_line(done.stderr)}]


def is_right(outcome: dict[str, Any]) -> bool:
    return all(outcome.get(name) == value for name, value in EXPECTED.items())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.releases")
    parser.add_argument("--last", type=int, default=2, help="so many commits, the newest; 2 by default")
    parser.add_argument("--of", default="HEAD", help="the newest commit")
    chosen = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    shop = f"http://127.0.0.1:{server.server_port}"
    names = commits(chosen.last, chosen.of)
    mixes = broken = moments = swept = lost = 0
    with tempfile.TemporaryDirectory(prefix="imagemill-releases-") as folder:
        trees = {name: checked_out(name, Path(folder)) for name in names}
        for name, tree in trees.items():
            (tree / "moments").mkdir()
            made = drive(tree, tree, "produce", str(tree / "moments"), shop)
            if made.returncode:
                print(f"{name} does not work by itself: {last_line(made.stderr)}")
        for older, newer in pairwise(names):
            for functions, layer in ((older, newer), (newer, older)):
                mixes += 1
                mixed = drive(trees[functions], trees[layer], "import")
                if mixed.returncode:
                    broken += 1
                    print(f"functions of {functions} with the layer of {layer}: {last_line(mixed.stderr)}")
            for producer, consumer in ((older, newer), (newer, older)):
                for outcome in handed_over(trees[producer], trees[consumer]):
                    moments += 1
                    swept += bool(outcome.get("swept"))
                    if not is_right(outcome):
                        lost += 1
                        print(f"{producer} to {consumer}: {json.dumps(outcome)}")
    print(f"{len(names) - 1} pairs: {broken} of {mixes} mixes of functions and layer cannot be imported;")
    print(f"{moments} handovers, {moments - lost} jobs ended right, {swept} of them by the sweep, {lost} lost")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
