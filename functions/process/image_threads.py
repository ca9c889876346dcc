"""Threads for images, shared among origins: one that hangs holds its own share, and others' images go ahead.

Each origin has a queue of its own, and no more threads than it takes requests at once; the origins take turns. So do
the kinds of an origin's images.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any, TypeAlias
from urllib.parse import urlsplit

#: An origin none of whose images has come to an end for so long keeps us waiting, in seconds.
STUCK_SECONDS = 2.0

_Waiting: TypeAlias = tuple[Future[Any], Callable[[], Any]]


@dataclass(slots=True)
class _Queue:
    """One origin's. moved_at: monotonic seconds of the last end, or of the begin after there was nothing."""

    waiting: deque[_Waiting] = field(default_factory=deque)
    at_work: int = 0
    moved_at: float = field(default_factory=time.monotonic)


class ImageThreads:
    """share: how many threads a URL's origin may have at once. Thread-safe."""

    def __init__(self, threads: int, share: Callable[[str], float]) -> None:
        self._threads = threads
        self._share = share
        self._pool = ThreadPoolExecutor(threads, "image")
        self._lock = Lock()
        self._at_work = 0
        #: In the order of their turns.
        self._queues: OrderedDict[str, _Queue] = OrderedDict()

    def submit(self, url: str, call: Callable[[], Any], kind: str = "") -> Future[Any]:
        """Have the call made when it is its origin's turn. It may be cancelled until then.

        kind: appended to the origin, a URL's fragment.
        """
        future: Future[Any] = Future()
        with self._lock:
            self._queues.setdefault(origin_of(url) + kind, _Queue()).waiting.append((future, call))
        self._begin_what_may()
        return future

    @property
    def moving(self) -> int:
        """Images in hand, without those of origins that keep us waiting."""
        now = time.monotonic()
        with self._lock:
            return sum(
                len(queue.waiting) + queue.at_work
                for queue in self._queues.values()
                if now - queue.moved_at < STUCK_SECONDS
            )

    @property
    def has_room(self) -> bool:
        with self._lock:
            return self._at_work < self._threads

    def take_out(self, most: Callable[[str], float]) -> list[tuple[str, list[Future[Any]]]]:
        """Take out of the queues what waits behind as many as may wait for an origin: URLs, and futures in order.

        Their calls are not made any more; it is the caller who settles them.
        """
        taken = []
        with self._lock:
            for origin, queue in self._queues.items():
                surplus = len(queue.waiting) - most(origin)
                futures = [queue.waiting.pop()[0] for _ in range(max(0, math.ceil(surplus)))] if surplus > 0 else []
                if futures:
                    taken.append((origin, [future for future in reversed(futures) if not future.cancelled()]))
            self._forget_empty()
        return taken

    def close(self) -> None:
        """End the threads when what is at work is done."""
        self._pool.shutdown()

    def _begin_what_may(self) -> None:
        with self._lock:
            while begun := self._next():
                origin, waiting = begun
                self._at_work += 1
                self._queues[origin].at_work += 1
                self._pool.submit(self._work, origin, *waiting)

    def _next(self) -> tuple[str, _Waiting] | None:
        """What the next origin whose turn it is has waiting."""
        if self._at_work >= self._threads:
            return None
        for origin, queue in list(self._queues.items()):
            if queue.waiting and queue.at_work < self._share(origin):
                self._queues.move_to_end(origin)
                return origin, queue.waiting.popleft()
        return None

    def _work(self, origin: str, future: Future[Any], call: Callable[[], Any]) -> None:
        try:
            if future.set_running_or_notify_cancel():
                self._settle(future, call)
        finally:
            with self._lock:
                queue = self._queues[origin]
                queue.at_work -= 1
                self._at_work -= 1
                queue.moved_at = time.monotonic()
                self._forget_empty()
            self._begin_what_may()

    def _forget_empty(self) -> None:
        for origin in [name for name, queue in self._queues.items() if not queue.waiting and not queue.at_work]:
            del self._queues[origin]

    @staticmethod
    def _settle(future: Future[Any], call: Callable[[], Any]) -> None:
        try:
            outcome = call()
        except BaseException as fault:  # noqa: BLE001 - the caller's to look at
            future.set_exception(fault)
        else:
            future.set_result(outcome)


@lru_cache(maxsize=1_024)
def origin_of(url: str) -> str:
    """Scheme, host and port as they stand in the URL; two spellings of one origin have two queues."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}/".lower()
