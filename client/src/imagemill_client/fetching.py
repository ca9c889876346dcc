"""One file, from its URL to its final name: resumed, checked, and never half-written under that name."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
from urllib3.exceptions import HTTPError

from imagemill_client.errors import DownloadError
from imagemill_client.transport import (
    ATTEMPTS,
    CHUNK_BYTES,
    LONGEST_RETRY_AFTER_SECONDS,
    TRANSIENT_STATUSES,
    NoAnswerError,
    Transport,
    backoff,
    retry_after,
)


class StoppedError(Exception):
    """The download was stopped from outside."""


@dataclass(frozen=True, slots=True)
class Target:
    """A file to be had.

    url: tells where it is, anew at each attempt, as presigned ones expire. sha256: hexadecimal; None where it is
    not known: then what an earlier process has left is not gone on with.
    """

    url: Callable[[], str]
    path: Path
    sha256: str | None = None

    @property
    def part(self) -> Path:
        return self.path.with_name(f".{self.path.name}.part")

    @property
    def is_there(self) -> bool:
        return self.sha256 is not None and self.path.is_file() and digest(self.path) == self.sha256


def fetch(transport: Transport, target: Target, stop: threading.Event) -> bool:
    """Fetch a file unless it is there; whether anything had to be fetched.

    Raises: DownloadError when it cannot be had whole; StoppedError; OSError of the disk.
    """
    if target.is_there:
        return False
    target.path.parent.mkdir(parents=True, exist_ok=True)
    if target.sha256 is None:
        target.part.unlink(missing_ok=True)
    attempt, wrong, tag = 0, 0, None
    while True:
        had = _size(target.part)
        try:
            tag = _go_on(transport, target, tag, stop)
        except _LaterError as later:
            attempt = attempt + 1 if _size(target.part) <= had else 1
            if attempt >= ATTEMPTS:
                raise DownloadError(f"{target.path.name}: {later.reason}") from later
            if stop.wait(backoff(attempt) if later.after is None else later.after):
                raise StoppedError from None
            continue
        if target.sha256 is None or digest(target.part) == target.sha256:
            target.part.replace(target.path)
            return True
        target.part.unlink()
        wrong += 1
        if wrong == 2:
            raise DownloadError(f"{target.path.name}: what its address serves is not what the job stored (SHA-256).")


class _LaterError(Exception):
    """This attempt did not bring the whole file; `after` says when another may, in seconds, if anyone said it."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        self.reason = reason
        self.after = after


def _go_on(transport: Transport, target: Target, tag: str | None, stop: threading.Event) -> str | None:
    """Fetch what the part lacks, all of it; returns the file's strong ETag. Raises _LaterError."""
    had = _size(target.part)
    headers = {"accept-encoding": "identity"}
    if had:
        headers["range"] = f"bytes={had}-"
        if tag is not None:
            headers["if-range"] = tag
    try:
        answer = transport.open("GET", target.url(), headers=headers)
    except NoAnswerError as failed:
        raise _LaterError(failed.reason) from failed
    with answer:
        if answer.status_code == 416:  # the part is longer than the file, or whole: its digest will tell
            if target.sha256 is None:
                target.part.unlink()
                raise _LaterError("it has changed while it was fetched")
            return tag
        _require_file(answer, target)
        goes_on = answer.status_code == 206 and answer.headers.get("content-range", "").startswith(f"bytes {had}-")
        with target.part.open("ab" if goes_on else "wb") as file:
            for chunk in _chunks(answer):
                if stop.is_set():
                    raise StoppedError
                file.write(chunk)
        found = answer.headers.get("etag")
        return found if found and found.startswith('"') else None


def _require_file(answer: requests.Response, target: Target) -> None:
    """Raise what an answer without the file means: DownloadError, or _LaterError."""
    if answer.status_code in {200, 206}:
        return
    asked = retry_after(answer)
    if answer.status_code in TRANSIENT_STATUSES and (asked is None or asked <= LONGEST_RETRY_AFTER_SECONDS):
        raise _LaterError(f"HTTP {answer.status_code}", asked)
    raise DownloadError(f"{target.path.name}: {_gone(answer.status_code)}")


def _chunks(answer: requests.Response) -> Iterator[bytes]:
    """The body's pieces. Raises _LaterError when it ends early."""
    while True:
        try:
            # What has come before a cut is kept: `iter_content` would lose an unfinished piece.
            piece = answer.raw.read1(CHUNK_BYTES)
        except (HTTPError, OSError) as error:
            raise _LaterError("the connection was cut within the file") from error
        if not piece:
            return
        yield piece


def _gone(status: int) -> str:
    if status in {403, 404, 410}:
        return f"it is no longer there (HTTP {status}). Results are kept for a while only; submit the CSV again."
    return f"HTTP {status}."


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
