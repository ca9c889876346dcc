"""The client for hostile URLs: images to be fetched and webhooks to be called (design B6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from typing import NamedTuple

from urllib3.response import HTTPResponse

from imagemill.adapters.web.bodies import READ_BYTES, EncodedBody, codings, decoded, left_on
from imagemill.adapters.web.conditional import STUMBLED, conditions, confirms, validators_of
from imagemill.adapters.web.cookies import ChainCookies
from imagemill.adapters.web.faults import (
    BROKEN_OFF,
    NETWORK_ERRORS,
    SLOW_DOWN,
    FarSlotError,
    FetchError,
    WebCode,
    code_of,
    tls_reason,
)
from imagemill.adapters.web.heads import as_utf8, retry_after_of
from imagemill.adapters.web.own_queue import OwnQueue
from imagemill.adapters.web.pinned_connections import (
    ConnectionPool,
    Deadline,
    Dialer,
    PinnedHTTPConnection,
    Resolver,
    resolve_with_system,
)
from imagemill.adapters.web.policy import WebPolicy
from imagemill.adapters.web.shared_pace import OwnPaces, Paces, SharedPaces, Slot
from imagemill.domain.pace import NotedPace
from imagemill.domain.source import UNKNOWN, Validators
from imagemill.domain.web_urls import DEFAULT_PORTS, Origin, WebUrl
from imagemill.errors import InvalidUrlError

#: Of a body that nobody wants: reading up to that much and that long costs less than a new connection.
MAX_DISCARDED_BYTES = 64 * 1024
MAX_DISCARD_SECONDS = 1.0

#: 300 and 304 name nothing to go to (RFC 9110 section 15.4).
REDIRECTS = frozenset({301, 302, 303, 307, 308})


class Fetched(NamedTuple):
    """What GET brought. body: None when nothing has changed; decoded, or an `EncodedBody` that we cannot decode."""

    body: bytes | None
    validators: Validators


class Streamed(NamedTuple):
    """What GET brings, piece by piece. pieces: None when nothing has changed."""

    pieces: Iterator[bytes] | None
    validators: Validators


@dataclass(frozen=True, slots=True)
class Response:
    """What a webhook answered. retry_after: seconds. elapsed_ms: until the head of the response was there."""

    status: int
    retry_after: float | None
    elapsed_ms: int


class _Answer(NamedTuple):
    """A head that is no redirect's. validators: of the answer, or those that it has confirmed."""

    connection: PinnedHTTPConnection
    response: HTTPResponse
    validators: Validators


class _Request(NamedTuple):
    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes | None


class WebClient:
    """Fetches and calls what strangers name, within a policy. Thread-safe; connections are kept and reused.

    Nothing of the environment is used: no proxy, no .netrc. Cookies live as long as one fetch's redirects.
    paces: of origins that complained, shared with other workers; a client's own without.
    """

    def __init__(self, policy: WebPolicy, resolve: Resolver = resolve_with_system, paces: Paces | None = None) -> None:
        self._policy = policy
        self._dialer = Dialer(
            resolve,
            allow_loopback=policy.allow_loopback,
            connect_timeout_seconds=policy.connect_timeout_seconds,
        )
        self._pool = ConnectionPool(self._dialer, policy.pace)
        self._paces = SharedPaces(paces or OwnPaces())

    @property
    def max_bytes(self) -> int:
        """The most that a body may have."""
        return self._policy.max_bytes

    def at_once(self, url: str) -> int:
        """How many requests the URL's origin takes at once, as far as is known; of no origin, any number.

        Those that wait for their slot are more: they are not under way yet.
        """
        try:
            origin = _origin_of(url)
        except InvalidUrlError:
            return self._policy.pace.most
        at_once = self._pool.at_once(origin)
        return max(at_once, self._policy.pace.first) if self._paces.is_paced(origin) else at_once

    def know(self, paces: Mapping[Origin, NotedPace]) -> None:
        """Learn of origins that complained to other workers."""
        for origin, noted in paces.items():
            self._paces.know(origin, noted)

    def interval(self, url: str) -> float:
        """Seconds between two requests to the URL's origin, 0 where it never complained."""
        try:
            return self._paces.interval(_origin_of(url))
        except InvalidUrlError:
            return 0.0

    def put_off(self, url: str, requests: int) -> list[FarSlotError]:
        """Put off so many requests to the URL's origin: each with the time that it is to stay away."""
        return self._paces.put_off(_origin_of(url), requests)

    @property
    def total_timeout_seconds(self) -> float:
        """What one image may take, retries included (contract A7)."""
        return self._policy.total_timeout_seconds

    def fetch(
        self,
        url: str,
        *,
        timeout_seconds: float | None = None,
        reserve: Callable[[int, float], None] | None = None,
        queue: OwnQueue | None = None,
    ) -> bytes:
        """The body of a 200 response to GET, following redirects; see `get`."""
        return self.get(url, timeout_seconds=timeout_seconds, reserve=reserve, queue=queue).body or b""

    def get(
        self,
        url: str,
        *,
        known: Validators = UNKNOWN,
        timeout_seconds: float | None = None,
        reserve: Callable[[int, float], None] | None = None,
        queue: OwnQueue | None = None,
    ) -> Fetched:
        """What a 200 response to GET holds, following redirects, or a 304 that says that nothing has changed.

        known: of an earlier answer, so that the body comes only if there is another. A 304 that nobody asked for is
        a fault. timeout_seconds: may shorten the policy's total, never lengthen it. reserve: called before a body is
        read, with the most bytes that it can have and the monotonic time until which it may wait for them;
        raises TimeoutError when they cannot be had. queue: lets waiting on our side, for these bytes or for a
        connection, go on beyond the fetch's own time, which it is then not part of.

        Raises:
            NotTriedError: when that waiting came to no end, or would not soon.
            FetchError: for everything else.
        """
        total_seconds = self._policy.total_timeout_seconds
        deadline = Deadline.after(total_seconds)
        if timeout_seconds is not None:
            deadline = deadline.at_most(timeout_seconds)
        own = queue or OwnQueue(deadline.ends_at)
        waited_before = own.seconds

        def own_deadline() -> Deadline:
            """As far off as it was before the waiting, but not beyond the end of that."""
            return Deadline(min(deadline.ends_at + own.seconds - waited_before, own.until))

        with self._final_answer(url, known, own_deadline, own) as (connection, response, validators):
            if response.status != 200:
                return Fetched(None, validators)
            if reserve is not None:
                with own.waiting():
                    reserve(self._largest_body(response), own.until)
                connection.end_at(own_deadline())
            return Fetched(self._body(response, own_deadline()), validators)

    @contextmanager
    def stream(self, url: str, *, known: Validators = UNKNOWN) -> Iterator[Streamed]:
        """As `get`, for bodies that memory does not hold: its pieces can be taken as long as the context lasts.

        Raises:
            FetchError: also from the pieces.
        """
        deadline = Deadline.after(self._policy.total_timeout_seconds)
        with self._final_answer(url, known, lambda: deadline, OwnQueue(deadline.ends_at)) as (_, response, validators):
            pieces = self._pieces(response, deadline) if response.status == 200 else None
            yield Streamed(pieces, validators)

    @contextmanager
    def _final_answer(
        self, url: str, known: Validators, deadline: Callable[[], Deadline], queue: OwnQueue
    ) -> Iterator[_Answer]:
        """The head of what is no redirect: 200, or 304 where something is known."""
        cookies = ChainCookies()
        first = target = self._allowed(url)
        for _ in range(self._policy.max_redirects + 1):
            connection = self._acquired(target, queue)
            asked = conditions(known, target, first)
            request = _Request("GET", target.target, self._fetch_headers | asked | cookies.field(target), None)
            with self._exchange(connection, target, request, deadline, queue) as response:
                if response.status == 200:
                    yield _Answer(connection, response, validators_of(response, target, first))
                    return
                _discard(connection, response, deadline())
                if asked and response.status == 304 and confirms(response.headers, known):
                    yield _Answer(connection, response, known)
                    return
            if asked and response.status in {304, *STUMBLED}:
                known = UNKNOWN
                continue
            location = response.headers.get("location") if response.status in REDIRECTS else None
            if location is None:
                raise FetchError(WebCode.HTTP_STATUS, response.status, self._wait_asked_for(response))
            cookies.keep(target, response.headers.getlist("set-cookie"))
            target = self._allowed(as_utf8(location), base=target)
        raise FetchError(WebCode.TOO_MANY_REDIRECTS)

    @property
    def _fetch_headers(self) -> dict[str, str]:
        headers = {
            "User-Agent": self._policy.user_agent,
            "Accept": self._policy.accept,
            "Accept-Encoding": "identity",
            "Referer": self._policy.referer,
        }
        return {name: value for name, value in headers.items() if value}

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, timeout_seconds: float) -> Response:
        """Call a webhook. Any status is an answer, a redirect too: it is not followed.

        A kept connection that turns out to be dead is replaced and the request sent again, so the receiver
        may, rarely, see it twice.

        Raises:
            FetchError: when there was no answer, by the codes of connections and URLs.
        """
        started = time.monotonic()
        deadline = Deadline.after(timeout_seconds)
        target = self._allowed(url)
        headers = {"User-Agent": self._policy.user_agent} | dict(headers)
        connection = self._acquired(target, OwnQueue(deadline.ends_at))
        request = _Request("POST", target.target, headers, body)
        with self._exchange(connection, target, request, lambda: deadline) as response:
            elapsed_ms = round((time.monotonic() - started) * 1000)
            _discard(connection, response, deadline)
        return Response(response.status, retry_after_of(response), elapsed_ms)

    def close(self) -> None:
        """Close idle connections now, and those in use as their requests end."""
        self._pool.close()
        self._dialer.close()

    def _allowed(self, url: str, base: WebUrl | None = None) -> WebUrl:
        try:
            target = WebUrl.parse(url) if base is None else base.redirected(url)
        except InvalidUrlError:
            raise FetchError(WebCode.INVALID_URL) from None
        if target.origin.port not in DEFAULT_PORTS.values() and not self._policy.allow_loopback:
            raise FetchError(WebCode.BLOCKED_ADDRESS)
        return target

    def _acquired(self, url: WebUrl, queue: OwnQueue) -> PinnedHTTPConnection:
        with queue.waiting():
            return self._pool.acquire(url.origin, Deadline(queue.until))

    @contextmanager
    def _exchange(
        self,
        connection: PinnedHTTPConnection,
        url: WebUrl,
        request: _Request,
        deadline: Callable[[], Deadline],
        queue: OwnQueue | None = None,
    ) -> Iterator[HTTPResponse]:
        """The head of a response; on leaving, its connection is kept if the body has been read to the end.

        queue: to wait in for the request's slot; without one it goes out at once.
        """
        response, is_read_to_the_end, slot = None, False, None
        begun = time.monotonic()
        try:
            is_reused = not connection.is_closed
            if queue is not None and self._paces.is_paced(url.origin):
                connection.open(deadline())
                with queue.waiting():
                    slot = self._paces.wait(url.origin, queue.until)
                is_reused, begun = True, time.monotonic()
            try:
                response = connection.exchange(*request, deadline())
            except BROKEN_OFF:
                # The server closed a kept connection just as we wrote: on a new one this is no fault.
                if not is_reused:
                    raise
                connection.close()
                response = connection.exchange(*request, deadline())
            seconds = time.monotonic() - begun
            if response.status in SLOW_DOWN:
                self._slow_down(url, begun, slot, response.status, self._wait_asked_for(response), queue)
            else:
                self._pool.heard(url.origin)
                self._paces.answered_well(url.origin, slot)
            yield response
            is_read_to_the_end = response.closed
            if response.status in {200, 304}:
                self._pool.answered(url.origin, seconds, has_body=response.status == 200)
        except NETWORK_ERRORS as error:
            code = code_of(error, in_body=response is not None)
            fault = FetchError(code, reason=tls_reason(error) if code is WebCode.TLS_FAILURE else None)
            if response is None and isinstance(error, ConnectionError) and self._pool.is_crowded(url.origin):
                fault.is_crowded = True
                self._slow_down(url, begun, slot, 0, None, queue)
            raise fault from None
        finally:
            # Not by `response.closed` alone: urllib3 closes a response that failed, its rest still to come.
            if not is_read_to_the_end:
                connection.close()
            if response is not None:
                response.close()
            self._pool.release(connection)

    def _slow_down(
        self,
        url: WebUrl,
        begun: float,
        slot: Slot | None,
        status: int,
        retry_after: float | None,
        queue: OwnQueue | None,
    ) -> None:
        """Ask an origin for less at once and, unless it is called without slots, less often. status: 0 for none."""
        self._pool.overloaded(url.origin, begun)
        if queue is not None:
            self._paces.refused(url.origin, slot, status, retry_after)

    def _wait_asked_for(self, response: HTTPResponse) -> float | None:
        asked = retry_after_of(response)
        return None if asked is None else min(asked, self._policy.max_retry_after_seconds)

    def _largest_body(self, response: HTTPResponse) -> int:
        """Bytes: as announced, where the announcement binds; one that is encoded may grow."""
        announced = None if codings(response) else response.length_remaining
        return self._policy.max_bytes if announced is None else min(announced, self._policy.max_bytes)

    def _body(self, response: HTTPResponse, deadline: Deadline) -> bytes:
        body = BytesIO()
        for piece in self._pieces(response, deadline):
            body.write(piece)
        return EncodedBody(body.getvalue()) if left_on(response) else body.getvalue()

    def _pieces(self, response: HTTPResponse, deadline: Deadline) -> Iterator[bytes]:
        """The body, decoded, as long as it is no larger than may be. Raises FetchError beyond."""
        room = self._policy.max_bytes
        if (response.length_remaining or 0) > room:
            raise FetchError(WebCode.TOO_LARGE)
        for piece in decoded(response, deadline):
            room -= len(piece)
            if room < 0:
                raise FetchError(WebCode.TOO_LARGE)
            yield piece


@lru_cache(maxsize=1_024)
def _origin_of(url: str) -> Origin:
    """Of one that is asked for again and again. Raises InvalidUrlError."""
    return WebUrl.parse(url).origin


def _discard(connection: PinnedHTTPConnection, response: HTTPResponse, deadline: Deadline) -> None:
    """Read a small body to its end, so that the connection can be kept; whether it works does not matter."""
    connection.end_at(deadline.at_most(MAX_DISCARD_SECONDS))
    discarded = 0
    try:
        while discarded < MAX_DISCARDED_BYTES and (piece := response.read1(READ_BYTES)):
            discarded += len(piece)
    except NETWORK_ERRORS:
        connection.close()
