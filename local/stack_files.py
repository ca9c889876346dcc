"""How other programs learn of a running stack (contract A8)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from local.keys import write_once
from local.stack import LOCAL, Stack

ANSWER_SECONDS = 2


@contextmanager
def stack_file(stack: Stack, folder: Path = LOCAL) -> Iterator[Path]:
    """Tell other programs how to reach the stack while it is up; only this user may read the keys.

    `stack-<port>.json` is this stack's own. `stack.json` is that of the first stack: a second one leaves it alone,
    unless the first is gone without having taken it along. Yields `stack.json`, or the stack's own where it has not
    got that. Both go with their stack.
    """
    content = json.dumps(asdict(stack), indent=2) + "\n"
    own = folder / f"stack-{urlsplit(stack.aws_endpoint_url).port}.json"
    own.unlink(missing_ok=True)  # left by one that was killed: nobody else has had this port since
    write_once(own, content)
    shared = folder / "stack.json"
    if not _is_held(shared, stack):
        shared.unlink(missing_ok=True)
        write_once(shared, content)
    try:
        yield shared if _holds(shared, content) else own
    finally:
        for path in (own, shared):
            if _holds(path, content):
                path.unlink()


def _holds(path: Path, content: str) -> bool:
    return path.is_file() and path.read_text() == content


def _is_held(path: Path, stack: Stack) -> bool:
    """Whether another stack that answers has the file."""
    try:
        endpoint = str(json.loads(path.read_text())["aws_endpoint_url"])
        if endpoint == stack.aws_endpoint_url:
            return False
        with urlopen(f"{endpoint}/_ministack/health", timeout=ANSWER_SECONDS):  # noqa: S310 - our own address
            return True
    except (OSError, URLError, ValueError, KeyError, TypeError):
        return False
