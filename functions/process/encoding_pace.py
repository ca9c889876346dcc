"""How long an origin's images take once they are fetched, so that no more are fetched than can be made in time.

What is fetched and not made by the invocation's end is fetched again by the next one. An origin's images are mostly
alike: large ones that become AVIF take seconds each, and are fetched a few ahead; small ones as fast as they come.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

from .image_threads import origin_of

#: For how long an origin's images may wait for the codec, one after the other, in seconds.
AHEAD_SECONDS = 10.0
#: Of an origin: one to work on, and one that is there when it is done.
LEAST_AHEAD = 2
#: With this much of an invocation left, in seconds, an image is begun that waits for none of its origin's.
CHANCE_SECONDS = 7.0
#: Images after which half of what was seen is forgotten.
MEMORY = 32
MOST_ORIGINS = 256


@dataclass(slots=True)
class _Origin:
    """in_hand: images that are fetched and not made. busy: seconds in which there were some, and `made` were made."""

    in_hand: int = 0
    busy: float = 0.0
    made: int = 0
    seen_at: float = 0.0

    @property
    def interval(self) -> float:
        """Seconds for each, whether one after the other or side by side, as far as is known."""
        return self.busy / max(self.made, 1)

    def step(self, change: int, *, is_made: bool = False) -> None:
        now = time.monotonic()
        if self.in_hand:
            self.busy += now - self.seen_at
        self.seen_at = now
        self.in_hand += change
        self.made += is_made
        if self.made >= MEMORY:
            self.made, self.busy = self.made // 2, self.busy / 2


class EncodingPace:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._origins: OrderedDict[str, _Origin] = OrderedDict()

    def at_once(self, url: str) -> float:
        """How many images of a URL's origin may be in work together."""
        with self._lock:
            interval = self._of(url).interval
        return max(LEAST_AHEAD, AHEAD_SECONDS // interval) if interval else float("inf")

    def seconds(self, url: str) -> float:
        """What a further image would wait for, and take itself."""
        with self._lock:
            origin = self._of(url)
            if not origin.in_hand:
                return min(origin.interval, CHANCE_SECONDS)
            return origin.interval * (origin.in_hand + 1)

    @contextmanager
    def making(self, url: str) -> Iterator[None]:
        """Around the codec's part of an image, which takes its time also where it fails; not where that ran out."""
        with self._lock:
            origin = self._of(url)
            origin.step(1)
        is_made = True
        try:
            yield
        except TimeoutError:
            is_made = False
            raise
        finally:
            with self._lock:
                origin.step(-1, is_made=is_made)

    def _of(self, url: str) -> _Origin:
        key = origin_of(url)
        origin = self._origins.setdefault(key, _Origin())
        self._origins.move_to_end(key)
        while len(self._origins) > MOST_ORIGINS:
            self._origins.popitem(last=False)
        return origin
