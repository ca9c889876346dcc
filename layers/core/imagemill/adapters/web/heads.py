"""The head of a response: read within bounds, past what is no field, past the interim responses to the final one."""

from __future__ import annotations

import http.client
import re
from collections import deque
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from io import BufferedReader
from typing import cast

from urllib3.response import HTTPResponse

from imagemill.errors import ImagemillError

#: Of all heads of one exchange, interim ones included. http.client's own bounds, 100 fields of 64 KiB, would
#: let a few dozen downloads fill a worker's memory; browsers and servers take 8 to 256 KiB.
MAX_HEAD_BYTES = 64 * 1024
#: Of one response. Sites behind several proxies send more than http.client's 100; browsers take as many as fit.
MAX_FIELDS = 256

#: What begins as a field does (RFC 9112 section 5): at anything else http.client's parser ends the head, so that
#: Content-Length, if it comes later, is lost and the connection waited on until the deadline.
_FIELD = re.compile(rb"[!-9;-~]+:")
_FOLDED = (b" ", b"\t")
_DELAY_SECONDS = re.compile(r"[0-9]{1,9}")


class HeadTooLongError(ImagemillError, http.client.HTTPException):
    """Status lines and fields go on beyond MAX_HEAD_BYTES."""


class TooManyFieldsError(ImagemillError, http.client.HTTPException):
    """There are more than MAX_FIELDS."""


class ContradictoryLengthsError(ImagemillError, http.client.HTTPException):
    """Several lengths for one body: the message cannot be told from the next (RFC 9112 section 6.3)."""


class _Head:
    """The lines of a stream, as long as they are a head's: a status line, then fields until an empty line.

    All fields come in one piece, which http.client counts as one line. Lines that are none are left out, as browsers
    and curl do.
    """

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self._left = MAX_HEAD_BYTES
        self._is_in_fields = False
        self._ready: deque[bytes] = deque()

    def readline(self, limit: int) -> bytes:
        if not self._is_in_fields:
            self._is_in_fields = True
            return self._line(limit)
        if not self._ready:
            fields, end = self._fields(limit)
            self._ready.extend([fields, end] if fields else [end])
        line = self._ready.popleft()
        self._is_in_fields = bool(self._ready)
        return line

    def close(self) -> None:
        self._stream.close()

    def _fields(self, limit: int) -> tuple[bytes, bytes]:
        """The lines of all fields, and the line that ends them: an empty one, or none where the stream ends."""
        kept: list[bytes] = []
        count, is_kept = 0, False
        while (line := self._line(limit)).strip(b"\r\n"):
            if not line.startswith(_FOLDED):
                is_kept = _FIELD.match(line) is not None
                count += is_kept
            if count > MAX_FIELDS:
                raise TooManyFieldsError
            if is_kept:
                # A lone CR would end the line for the parser, and what follows the head.
                kept.append(line.rstrip(b"\r\n").replace(b"\r", b" ") + b"\r\n")
        return b"".join(kept), line

    def _line(self, limit: int) -> bytes:
        line = self._stream.readline(min(limit, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise HeadTooLongError
        return line


class FinalResponse(http.client.HTTPResponse):
    """The final response to a request; any number of 1xx may precede it (RFC 9110 section 15.2).

    http.client passes over 100 alone, and would take 103 Early Hints for the answer. 101 is final: nothing
    else may follow it, though nobody asked to switch protocols.
    """

    def begin(self) -> None:
        """Raises HeadTooLongError, TooManyFieldsError, ContradictoryLengthsError, and what http.client raises."""
        stream, head = self.fp, _Head(self.fp)
        self.fp = cast("BufferedReader", head)
        try:
            super().begin()
            while 100 <= self.status < 200 and self.status != http.client.SWITCHING_PROTOCOLS:
                # Without fields a response counts as not begun.
                self.headers = self.msg = None  # type: ignore[assignment]
                super().begin()
        finally:
            # None when the status line was none: then the stream is closed.
            if self.fp is not None:
                self.fp = stream
        # urllib3 refuses them too, but leaves the socket to the garbage collector.
        fields = self.headers.get_all("content-length", [])
        if len({length.strip() for field in fields for length in field.split(",")}) > 1:
            raise ContradictoryLengthsError


def retry_after_of(response: HTTPResponse) -> float | None:
    """Seconds to wait by the Retry-After field (RFC 9110 section 10.2.3), None without a readable one."""
    text = response.headers.get("retry-after", "").strip()
    if _DELAY_SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def as_utf8(field: str) -> str:
    """A header field that http.client read as Latin-1: servers put raw UTF-8 into Location."""
    with suppress(UnicodeError):
        return field.encode("latin-1").decode("utf-8")
    return field
