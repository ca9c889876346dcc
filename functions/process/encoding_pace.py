"""How long an origin's images take once they are fetched, so that no more are fetched than can be made in time.

What is fetched and not made by the invocation's end is fetched again by the next one. An origin's images are mostly
alike: large ones that become AVIF take seconds each, and are fetched a few ahead; small ones as fast as they come.
What encoders take ten times as long for, and more, is apart from the rest: it is another origin's for all that is said
here.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Self

from imagemill.domain.options import ImageOptions, OutputFormat

from .image_threads import origin_of

#: For how long an origin's images may wait for the codec, one after the other, in seconds.
AHEAD_SECONDS = 5.0
#: Of an origin: one to work on, and one that is there when it is done. So many, too, until the first tells how long it
#: takes.
LEAST_AHEAD = 2
#: What is appended to an origin whose images become these.
_DEAR = {OutputFormat.AVIF: "#avif", OutputFormat.WEBP: "#webp"}
#: Time that is kept for an image, by what it took those before it: they differ, and others may have the processor.
MARGIN = 3.0
#: With this much of an invocation left, in seconds, an image is begun that waits for none of its origin's.
CHANCE_SECONDS = 15.0
#: Images after which half of what was seen is forgotten.
MEMORY = 32
MOST_ORIGINS = 256


@dataclass(slots=True)
class _Origin:
    """begun: images that are being fetched, or are fetched and have not ended. in_hand: those that the codec has.

    busy: seconds in which it had some, and `made` were made. is_known: whether an image has ended, in whatever way.
    """

    is_dear: bool
    begun: int = 0
    in_hand: int = 0
    busy: float = 0.0
    made: int = 0
    seen_at: float = 0.0
    is_known: bool = False

    @property
    def interval(self) -> float:
        """Seconds for each, whether one after the other or side by side, as far as is known.

        What is in the making has taken its time already.
        """
        busy = self.busy + (time.monotonic() - self.seen_at if self.in_hand else 0.0)
        return max(self.busy / max(self.made, 1), busy / (self.made + 1))

    @property
    def is_to_be_seen(self) -> bool:
        """Whether the first image will tell how long they take."""
        return not self.made and (self.in_hand > 0 or (self.is_dear and not self.is_known))

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

    def at_once(self, origin_and_kind: str) -> float:
        """How many images may be in work together, of an origin and, appended to it, of their `kind_of`."""
        with self._lock:
            origin = self._of(origin_and_kind)
            interval, most = origin.interval, LEAST_AHEAD if origin.is_to_be_seen else float("inf")
        return min(most, max(LEAST_AHEAD, AHEAD_SECONDS // interval)) if interval else most

    def turn(self, url: str, options: ImageOptions) -> ImageTurn:
        """Around all of an image."""
        with self._lock:
            return ImageTurn(self._lock, self._of(origin_of(url) + kind_of(options)))

    def _of(self, key: str) -> _Origin:
        origin = self._origins.get(key)
        if origin is None:
            origin = self._origins[key] = _Origin("#" in key)
        self._origins.move_to_end(key)
        while len(self._origins) > MOST_ORIGINS:
            self._origins.popitem(last=False)
        return origin


def kind_of(options: ImageOptions) -> str:
    """What tells an origin's images that take long from the others: such as #avif, or nothing."""
    return _DEAR.get(options.format, "")


class ImageTurn:
    """One image's place behind those of its origin that were begun before it, from its fetch to its end."""

    def __init__(self, lock: Lock, origin: _Origin) -> None:
        self._lock = lock
        self._origin = origin
        self._ahead = 0

    def __enter__(self) -> Self:
        with self._lock:
            self._ahead = self._origin.begun
            self._origin.begun += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._lock:
            self._origin.begun -= 1
            self._origin.is_known = True

    @property
    def seconds(self) -> float:
        """What is to be kept for the image: it will wait for the codec, and take time itself."""
        with self._lock:
            seconds = MARGIN * self._origin.interval
        return seconds * (self._ahead + 1) if self._ahead else min(seconds, CHANCE_SECONDS)

    @contextmanager
    def making(self) -> Iterator[None]:
        """Around the codec's part of the image, which takes its time also where it fails; not where that ran out."""
        with self._lock:
            self._origin.step(1)
        is_made = True
        try:
            yield
        except TimeoutError:
            is_made = False
            raise
        finally:
            with self._lock:
                self._origin.step(-1, is_made=is_made)
