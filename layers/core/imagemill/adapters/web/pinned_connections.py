"""Connections that lead only where the address filter lets them, and that end when their time is over.

The address that was checked is the very one connected to, so a name that resolves differently a moment later
(DNS rebinding) changes nothing; TLS and the Host field still go by the name.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Condition, Lock
from typing import TypeAlias, cast

import botocore
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse

from imagemill.adapters.web.heads import FinalResponse
from imagemill.adapters.web.origin_pace import FIRST_ANSWER_SECONDS, OriginPace, PaceLimits
from imagemill.domain.addresses import may_be_called
from imagemill.domain.web_urls import Origin
from imagemill.errors import AddressRefusedError, NameResolutionError

#: Lookups at once, one for each fetching thread: `getaddrinfo` cannot be interrupted, and keeps its thread.
RESOLVER_THREADS = 32
#: Connections kept open over all origins; Lambda gives a process 1,024 file descriptors.
MAX_IDLE_CONNECTIONS = 64
#: Origins whose pace is remembered; beyond, those with nothing under way begin anew.
MAX_REMEMBERED_ORIGINS = 1_000

#: No such host exists, and asking for one tells strangers or takes long (RFC 6761 section 6.4).
NO_HOSTS = ".invalid"

#: One entry of what `socket.getaddrinfo` returns.
AddressInfo: TypeAlias = tuple[
    socket.AddressFamily,
    socket.SocketKind,
    int,
    str,
    tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes],
]
#: Looks up (host, port) as `socket.getaddrinfo` does, and raises OSError as it does.
Resolver: TypeAlias = Callable[[str, int], Sequence[AddressInfo]]


# They write header lines that they cannot parse, and the URL with its query, into the log: hostile text and secrets.
for _name in ("urllib3.connection", "urllib3.response"):
    logging.getLogger(_name).setLevel(logging.ERROR)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment of the monotonic clock, in seconds."""

    ends_at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(time.monotonic() + seconds)

    def at_most(self, seconds: float) -> Deadline:
        """This deadline, or `seconds` from now when that is sooner."""
        return Deadline(min(self.ends_at, time.monotonic() + seconds))

    def remaining(self) -> float:
        """Seconds left, more than zero.

        Raises:
            TimeoutError: when none are.
        """
        seconds = self.ends_at - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("deadline passed")
        return seconds


class DeadlineSocket(socket.socket):
    """A socket whose reads and writes share one deadline.

    A socket timeout begins anew with every byte that drips in; this does not.
    """

    deadline: Deadline

    def recv_into(self, buffer: bytearray | memoryview, nbytes: int = 0, flags: int = 0) -> int:  # type: ignore[override]
        self.settimeout(self.deadline.remaining())
        return super().recv_into(buffer, nbytes, flags)

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        self.settimeout(self.deadline.remaining())
        super().sendall(data, flags)


class DeadlineTlsSocket(ssl.SSLSocket):
    """As `DeadlineSocket`, for TLS; `sendall` of SSLSocket is a loop over `send`."""

    deadline: Deadline

    def recv_into(  # type: ignore[override]
        self, buffer: bytearray | memoryview, nbytes: int | None = None, flags: int = 0
    ) -> int:
        self.settimeout(self.deadline.remaining())
        return super().recv_into(buffer, nbytes, flags)

    def send(self, data: bytes, flags: int = 0) -> int:  # type: ignore[override]
        self.settimeout(self.deadline.remaining())
        return super().send(data, flags)


def resolve_with_system(host: str, port: int) -> Sequence[AddressInfo]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)


def verifying_tls_context() -> ssl.SSLContext:
    """TLS 1.2 or newer, host name and chain verified against the system's authorities.

    Where the system has none, those that botocore brings along, so that no image ever runs unverified.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = DeadlineTlsSocket
    paths = ssl.get_default_verify_paths()
    has_directory = paths.capath is not None and any(Path(paths.capath).iterdir())
    if context.cert_store_stats()["x509_ca"] == 0 and not has_directory:
        context.load_verify_locations(Path(botocore.__file__).with_name("cacert.pem"))
    return context


class Dialer:
    """Looks up, checks and connects. Shared by all connections of a client; thread-safe."""

    def __init__(self, resolve: Resolver, *, allow_loopback: bool, connect_timeout_seconds: float) -> None:
        self._resolve = resolve
        self._allow_loopback = allow_loopback
        self._connect_timeout_seconds = connect_timeout_seconds
        self._lookups = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="resolve")

    def dial(self, origin: Origin, deadline: Deadline) -> DeadlineSocket:
        """Connect to the first address that answers.

        The socket's timeout is what is left of the connect timeout, for the TLS handshake.

        Raises:
            AddressRefusedError: when any of the addresses may not be called, also where another might.
            NameResolutionError, TimeoutError, OSError: by what went wrong.
        """
        addresses = self._checked_addresses(origin, deadline)
        connect_deadline = deadline.at_most(self._connect_timeout_seconds)
        last_fault = OSError("no address")
        for position, info in enumerate(addresses):
            # A share of the time only: the first address may be a black hole (IPv6 without a route).
            share_seconds = connect_deadline.remaining() / (len(addresses) - position)
            try:
                return self._connected(info, connect_deadline, share_seconds)
            except OSError as fault:
                last_fault = fault
        raise last_fault

    def close(self) -> None:
        self._lookups.shutdown(wait=False, cancel_futures=True)

    def _checked_addresses(self, origin: Origin, deadline: Deadline) -> Sequence[AddressInfo]:
        if f".{origin.host}".endswith(NO_HOSTS):
            raise NameResolutionError
        lookup = self._lookups.submit(self._resolve, origin.host, origin.port)
        try:
            addresses = lookup.result(deadline.remaining())
        except TimeoutError:
            lookup.cancel()
            raise
        except (OSError, UnicodeError) as error:
            raise NameResolutionError from error
        if not addresses:
            raise NameResolutionError
        for *_, sockaddr in addresses:
            if not may_be_called(str(sockaddr[0]), allow_loopback=self._allow_loopback):
                raise AddressRefusedError
        return addresses

    @staticmethod
    def _connected(info: AddressInfo, connect_deadline: Deadline, timeout_seconds: float) -> DeadlineSocket:
        family, kind, protocol, _, sockaddr = info
        connection = DeadlineSocket(family, kind, protocol)
        try:
            connection.deadline = connect_deadline
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.settimeout(timeout_seconds)
            connection.connect(sockaddr)
            connection.settimeout(connect_deadline.remaining())
        except BaseException:
            connection.close()
            raise
        return connection


class PinnedHTTPConnection(HTTPConnection):
    """One connection to one origin, dialled again whenever it is closed."""

    response_class = FinalResponse

    def __init__(self, origin: Origin, dialer: Dialer, **tls: ssl.SSLContext) -> None:
        super().__init__(origin.host, origin.port, **tls)  # type: ignore[arg-type]
        self.origin = origin
        self._dialer = dialer
        self._deadline = Deadline(0)
        self._wire: DeadlineSocket | DeadlineTlsSocket | None = None

    def _new_conn(self) -> socket.socket:
        return self._dialer.dial(self.origin, self._deadline)

    def exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None, deadline: Deadline
    ) -> HTTPResponse:
        """Send a request and read the head of its response; the body is to be read, or the connection closed.

        Everything ends at the deadline. Raises what `Dialer.dial`, http.client and urllib3 raise.
        """
        self.open(deadline)
        self.end_at(deadline)
        self.timeout = deadline.remaining()
        self.request(method, target, body, headers, preload_content=False, decode_content=False)
        return self.getresponse()

    def open(self, deadline: Deadline) -> None:
        """Connect, unless it is; so that a request that has to wait for its moment goes out at it."""
        self._deadline = deadline
        if not self.is_connected:
            self.close()
            self.connect()
            self._wire = cast("DeadlineSocket | DeadlineTlsSocket", self.sock)

    def end_at(self, deadline: Deadline) -> None:
        """Let what is left of this exchange end at another deadline."""
        if self._wire is not None:
            self._wire.deadline = deadline


class PinnedHTTPSConnection(PinnedHTTPConnection, HTTPSConnection):
    """As `PinnedHTTPConnection`, with TLS; the certificate is verified for the origin's host name."""


@dataclass(slots=True)
class _Place:
    """One origin's: its connections in use, who waits for one, and how many it may have."""

    pace: OriginPace
    changed: Condition
    in_use: int = 0
    waiting: int = 0

    @property
    def is_quiet(self) -> bool:
        return not self.in_use and not self.waiting


class ConnectionPool:
    """Open connections, kept for the next request to their origin. Thread-safe.

    limits: how many connections to one origin there are at once; who comes later waits.
    """

    def __init__(self, dialer: Dialer, limits: PaceLimits) -> None:
        self._dialer = dialer
        self._limits = limits
        self._lock = Lock()
        self._places: dict[Origin, _Place] = {}
        #: Oldest first: the one that goes when there are too many.
        self._idle: list[PinnedHTTPConnection] = []
        self._is_closed = False

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Loading some hundred authorities takes a good 20 ms; a client that meets no https need not wait for it.
        return verifying_tls_context()

    def acquire(self, origin: Origin, deadline: Deadline) -> PinnedHTTPConnection:
        """An idle connection to the origin, or a new one, not yet connected.

        Raises:
            TimeoutError: when all connections that the origin may have stayed in use until the deadline.
        """
        with self._lock:
            place = self._place_of(origin)
            self._wait_for_turn(place, deadline)
            place.in_use += 1
            place.pace.asked(time.monotonic())
            for index in range(len(self._idle) - 1, -1, -1):
                if self._idle[index].origin == origin:
                    return self._idle.pop(index)
        if origin.scheme == "https":
            return PinnedHTTPSConnection(origin, self._dialer, ssl_context=self._tls)
        return PinnedHTTPConnection(origin, self._dialer)

    def at_once(self, origin: Origin) -> int:
        """How many connections the origin may have at once."""
        with self._lock:
            place = self._places.get(origin)
            return place.pace.at_once if place else self._limits.first

    def heard(self, origin: Origin) -> None:
        """Note an answer of a connection in use that is no refusal for now (see `OriginPace`)."""
        with self._lock:
            self._places[origin].pace.heard()

    def answered(self, origin: Origin, seconds: float, *, has_body: bool) -> None:
        """Note that it was a good one."""
        with self._lock:
            self._places[origin].pace.answered(seconds, has_body=has_body)

    def is_crowded(self, origin: Origin) -> bool:
        """Whether an origin that answers has several connections of ours at once, one of them in use by the caller."""
        with self._lock:
            place = self._places[origin]
            return place.in_use > 1 and place.pace.has_answered

    def overloaded(self, origin: Origin, begun: float) -> None:
        """Note that an origin has too much to do (see `OriginPace`), of a connection in use."""
        with self._lock:
            self._places[origin].pace.overloaded(begun)

    def release(self, connection: PinnedHTTPConnection) -> None:
        """Take back a connection: open, its response read to the end, or closed."""
        surplus = None
        with self._lock:
            place = self._places[connection.origin]
            place.in_use -= 1
            # No more are woken than find a connection free: each costs the time of a turn.
            place.changed.notify(max(0, place.pace.admitted(time.monotonic()) - place.in_use))
            if self._is_closed:
                surplus = connection
            elif not connection.is_closed:
                self._idle.append(connection)
                surplus = self._idle.pop(0) if len(self._idle) > MAX_IDLE_CONNECTIONS else None
        if surplus is not None:
            surplus.close()

    def close(self) -> None:
        """Close what is idle now, and the others as they are released."""
        with self._lock:
            self._is_closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _place_of(self, origin: Origin) -> _Place:
        if origin not in self._places:
            if len(self._places) >= MAX_REMEMBERED_ORIGINS:
                self._places = {known: place for known, place in self._places.items() if not place.is_quiet}
            self._places[origin] = _Place(OriginPace(self._limits), Condition(self._lock))
        return self._places[origin]

    @staticmethod
    def _wait_for_turn(place: _Place, deadline: Deadline) -> None:
        place.waiting += 1
        try:
            while place.in_use >= place.pace.admitted(time.monotonic()):
                # Nobody wakes who waits for a first answer that does not come.
                pause = deadline.remaining()
                place.changed.wait(pause if place.pace.has_answered else min(pause, FIRST_ANSWER_SECONDS))
        except TimeoutError:
            # This may have been the one that was woken.
            place.changed.notify()
            raise
        finally:
            place.waiting -= 1
