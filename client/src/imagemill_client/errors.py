"""Every exception of the client.

    ImagemillError
    ├── MisuseError            what was asked for makes no sense here
    │   └── NoStackError       nobody said which stack, or with which key
    ├── RefusedError           the API's answer to what it cannot take
    ├── UnreachableError       no answer, or none of imagemill's
    ├── StillRunningError      a job has not ended in the time given
    └── DownloadError          a file could not be fetched whole, or not be written

Messages say what has happened and what to do next. They never contain the API key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ImagemillError(Exception):
    """The root of all. `exit_code` is that of the command line (contract A9)."""

    exit_code = 1


class MisuseError(ImagemillError):
    exit_code = 2


class NoStackError(MisuseError):
    pass


class RefusedError(ImagemillError):
    """A problem document (RFC 9457), or what came instead of one.

    status: the HTTP status. code: the API's word, as in docs/reference/errors.md; `HTTP_<status>` where it said
    none. errors: of single rows, `{row, column, code, message}`, the first hundred.
    """

    exit_code = 3

    def __init__(self, status: int, problem: Mapping[str, Any], request_id: str | None = None) -> None:
        self.status = status
        self.code = str(problem.get("code") or f"HTTP_{status}")
        self.detail = str(problem.get("detail") or problem.get("message") or problem.get("title") or "")
        self.errors: list[dict[str, Any]] = [error for error in problem.get("errors") or [] if isinstance(error, dict)]
        self.request_id = request_id
        super().__init__(f"{self.code}: {self.detail}" if self.detail else self.code)


class UnreachableError(ImagemillError):
    exit_code = 4


class StillRunningError(ImagemillError):
    pass


class DownloadError(ImagemillError):
    pass
