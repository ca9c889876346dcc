"""The head of a response: read within bounds, and past the interim responses to the final one."""

from __future__ import annotations

import http.client
from io import BufferedReader
from typing import cast

from imagemill.errors import ImagemillError

#: Of all heads of one exchange, interim ones included. http.client's own bounds, 100 fields of 64 KiB, would
#: let a few dozen downloads fill a worker's memory; browsers and servers take 8 to 256 KiB.
MAX_HEAD_BYTES = 64 * 1024


class HeadTooLongError(ImagemillError, http.client.HTTPException):
    """Status lines and fields go on beyond MAX_HEAD_BYTES."""


class ContradictoryLengthsError(ImagemillError, http.client.HTTPException):
    """Several lengths for one body: the message cannot be told from the next (RFC 9112 section 6.3)."""


class _Head:
    """The lines of a stream, as long as they are a head's."""

    def __init__(self, stream: BufferedReader) -> None:
        self._stream = stream
        self._left = MAX_HEAD_BYTES

    def readline(self, limit: int) -> bytes:
        line = self._stream.readline(min(limit, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise HeadTooLongError
        return line

    def close(self) -> None:
        self._stream.close()


class FinalResponse(http.client.HTTPResponse):
    """The final response to a request; any number of 1xx may precede it (RFC 9110 section 15.2).

    http.client passes over 100 alone, and would take 103 Early Hints for the answer. 101 is final: nothing
    else may follow it, though nobody asked to switch protocols.
    """

    def begin(self) -> None:
        """Raises HeadTooLongError, ContradictoryLengthsError, and what http.client raises."""
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
