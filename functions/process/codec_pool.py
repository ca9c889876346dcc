"""Who decodes and encodes next, in which process, with how much memory and for how long.

As many images are worked on at once as there are vCPUs. One that takes long steps aside: it goes on at a lower
priority, and another one takes its place, so that no image holds up its neighbours for longer than `SLOW_SECONDS`.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Lock
from types import TracebackType
from typing import Any, Self

from imagemill import metrics
from imagemill.domain.codes import ImageCode
from imagemill.domain.options import ImageOptions
from imagemill.errors import ImagemillError
from imagemill.logs import logger
from imagemill.metrics import Metric

from .budget import SMALL_SHARE, Budget, MemoryReservation
from .children import ChildLostError, CodecChild
from .codec.bounds import header_seconds
from .codec.compress import Compressed, ImageError, ImageFormat
from .codec.peak import LEAST_BYTES
from .codec.transcode.refusal import ALARMING, WAYS

#: After which an image steps aside, its header included: several times what one of 10 MP takes, and no more than a
#: neighbour may lose.
SLOW_SECONDS = 0.9
#: Images that have stepped aside at once; one more keeps its place.
SLOW_AT_ONCE = 6
#: What a child has of private memory before it has seen an image, the allocators' reserve included (see the
#: template's MALLOC_TOP_PAD_), and for reading a header, in bytes; and how many copies of the file it makes of it.
CHILD_BYTES, HEADER_BYTES, FILE_COPIES = 160_000_000, 64_000_000, 2
#: What an image may take before its header has been read, where it can be had at once: most are within it, such as
#: JPEGs of 10 MP that are transcoded and PNGs of 2 MP.
GRANTED_BYTES = 96_000_000
#: Private memory by what is held of it: encoders ask for more than they touch.
RESERVED_SHARE = 1.15
#: Of the memory that a child holds, what it held before it had seen an image: the worker's share is cut for that.
RESTING_BYTES = 48_000_000
#: An image is not begun with less time than this left, in seconds.
MIN_SECONDS = 1.0
#: What comes of reading an answer that a decoder wrote which was taken over.
_NO_SENSE = (LookupError, TypeError, ValueError, ChildLostError)
_FORMATS = {image_format.value: image_format for image_format in ImageFormat}


@dataclass(slots=True)
class _Held:
    """A child at rest or at work. memory: what it keeps of its last image, for the next one."""

    child: CodecChild
    memory: MemoryReservation = field(repr=False)
    has_worked: bool = False


class CodecPool:
    """The children, and the memory that their images take together.

    vcpus: images worked on at once. memory_bytes: what all of them may hold beside the files' own bytes.
    """

    def __init__(self, vcpus: int, memory_bytes: int) -> None:
        self.vcpus = vcpus
        self._memory = Budget(memory_bytes)
        self._granted = min(GRANTED_BYTES, int(memory_bytes * SMALL_SHARE))
        #: Images in hand, those that wait for a place or for memory included.
        self._images = 0
        #: Places at the processor, and how many may be taken beside them.
        self.fast: SimpleQueue[None] = SimpleQueue()
        for _ in range(vcpus):
            self.fast.put(None)
        self.slow = BoundedSemaphore(SLOW_AT_ONCE)
        self._lock = Lock()
        self._idle: list[_Held] = []
        self._is_closed = False

    def start(self) -> None:
        """Have as many children as can work, before they are asked for: it takes them a tenth of a second."""
        for _ in range(self.vcpus):
            self.rest(self._new())

    def close(self) -> None:
        """End the children at rest, and the others as their images are done."""
        with self._lock:
            self._is_closed = True
        self._retire_idle()

    def compress(self, data: bytes, options: ImageOptions, deadline: float) -> Compressed:
        """As `codec.compress.compress`, in a child, until `deadline` (monotonic seconds).

        Raises:
            ImageError: as there; TOO_LARGE_TO_PROCESS when it takes more memory than there is, PROCESSING_TIMEOUT
                when more time than an image of its size may have, PROCESSING_CRASHED when its decoder crashed.
            TimeoutError: when the deadline came first, as much of it as others took.
        """
        with self._lock:
            self._images += 1
        try:
            return self._compress(data, options, deadline, may_be_used=True)
        except SuspectChildError:
            # What a child does that has seen other images may be their doing: only a fresh one's word is taken.
            return self._compress(data, options, deadline, may_be_used=False)
        finally:
            with self._lock:
                self._images -= 1

    @property
    def waiting(self) -> int:
        """Images in hand for which there is no place at the processor."""
        return max(0, self._images - self.vcpus)

    def _compress(self, data: bytes, options: ImageOptions, deadline: float, *, may_be_used: bool) -> Compressed:
        wanted = {"options": _text(options)}
        memory = MemoryReservation(self._memory)
        with _Turn(self, deadline, may_be_used=may_be_used) as turn:
            try:
                granted = self._granted if self._is_free(memory, self._granted) else 0
                begun = time.monotonic()
                answer = self._opened(turn, data, wanted, granted)
                if granted and "format" in answer:
                    metrics.took(Metric.COMPRESS_MILLISECONDS, begun)
                    return self._taken(turn, data, answer)
                opened = _sizes(answer)
                while self._is_free(memory, self._needed(opened, data)):
                    made = self._made(turn, data, wanted | opened)
                    if made:
                        return made
                    opened["peak_bytes"] = opened["pixels_bytes"]
            finally:
                memory.release()
        # Others go on meanwhile: neither the processor nor a child is held while memory is waited for.
        while True:
            amount = self._needed(opened, data)
            self._retire_idle()
            memory.take(amount, deadline)
            try:
                with _Turn(self, deadline, may_be_used=False) as turn:
                    again = _sizes(self._opened(turn, data, wanted))
                    again["peak_bytes"] = opened["peak_bytes"]
                    made = self._made(turn, data, wanted | again)
            finally:
                memory.release()
            if made:
                return made
            opened["peak_bytes"] = opened["pixels_bytes"]

    def _is_free(self, memory: MemoryReservation, amount: int) -> bool:
        """Take memory if it can be had at once."""
        try:
            memory.take(amount, 0.0)
        except (TimeoutError, OverflowError):
            return False
        return True

    def _needed(self, opened: Mapping[str, Any], data: bytes) -> int:
        """Raises ImageError: TOO_LARGE_TO_PROCESS when it is more than there is, with the largest that would do."""
        amount = _peak(opened, data)
        if amount <= self._memory.capacity:
            return amount
        logger.info("Image too large", extra={"bytes": amount, "largest": self._memory.capacity})
        fixed = FILE_COPIES * len(data) + LEAST_BYTES
        megapixels = int(opened["pixels"] * (self._memory.capacity - fixed) / (amount - fixed) / 1e6)
        reason = f"AT_MOST_{megapixels}_MEGAPIXELS" if megapixels > 0 else None
        raise ImageError(ImageCode.TOO_LARGE_TO_PROCESS, reason)

    def _opened(self, turn: _Turn, data: bytes, wanted: Mapping[str, Any], granted: int = 0) -> dict[str, Any]:
        """What it takes to compress the image, or the result: of one that takes no more than `granted` bytes.

        Most do not: a question and an answer less for each.
        """
        turn.held.child.hand_in(data)
        copies = FILE_COPIES * len(data)
        request = {
            **wanted,
            "step": "open",
            "bytes": len(data),
            "data_bytes": _data_bytes(granted) if granted else CHILD_BYTES + HEADER_BYTES + copies,
            "cpu_seconds": header_seconds(len(data)),
            "granted_bytes": granted - copies,
        }
        return turn.answer(request)

    def _made(self, turn: _Turn, data: bytes, wanted: Mapping[str, Any]) -> Compressed | None:
        """None where it was not given the memory that pixels take, and needs it."""
        request = {**wanted, "step": "compress", "data_bytes": _data_bytes(_peak(wanted, data))}
        begun = time.monotonic()
        answer = turn.answer(request)
        metrics.took(Metric.COMPRESS_MILLISECONDS, begun)
        if answer.get("needs_pixels") is True and wanted["peak_bytes"] < wanted["pixels_bytes"]:
            return None
        return self._taken(turn, data, answer)

    def _taken(self, turn: _Turn, data: bytes, answer: Mapping[str, Any]) -> Compressed:
        try:
            width, height = _number(answer["width"]), _number(answer["height"])
            image_format, length, way = _FORMATS[answer["format"]], answer["bytes"], _way(answer["way"])
            made = data if length is None else turn.held.child.take_out(_number(length))
        except _NO_SENSE as fault:
            raise ImageError(ImageCode.PROCESSING_CRASHED) from fault
        if way:
            metrics.count(Metric.JPEGS_COMPRESSED, value=way)
            if way in ALARMING:
                logger.warning("Image went through pixels for a fault of ours", extra={"reason": way})
        return Compressed(made, image_format, width, height, kept=answer["kept"] is True, way=way)

    # ---- children

    def rested(self, *, may_be_used: bool) -> _Held:
        """A child at rest, or a new one."""
        with self._lock:
            for index in range(len(self._idle) - 1, -1, -1):
                if may_be_used or self._idle[index].child.is_fresh:
                    return self._idle.pop(index)
        return self._new()

    def _new(self) -> _Held:
        return _Held(CodecChild(), MemoryReservation(self._memory))

    def rest(self, held: _Held) -> None:
        """Keep a child for the next image, with the memory that it keeps, unless there are enough."""
        held.child.is_fresh = held.child.is_fresh and not held.has_worked
        if held.child.is_slow or held.child.is_ended or not self._keeps(held):
            self.retire(held)
            return
        with self._lock:
            has_room = len(self._idle) < self.vcpus and not self._is_closed
            if has_room:
                self._idle.append(held)
        if not has_room:
            self.retire(held)

    def _keeps(self, held: _Held) -> bool:
        """Count what it keeps of an image as taken. Whether that could be had at once."""
        kept = max(0, held.child.resident_bytes() - RESTING_BYTES)
        return kept == held.memory.held or self._is_free(held.memory, kept)

    def retire(self, held: _Held) -> None:
        held.child.kill()
        held.memory.release()

    def _retire_idle(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for held in idle:
            self.retire(held)


class _Turn:
    """A thread's place at the processor, in the fast lane or beside it, and the child that works there for it.

    may_be_used: whether the child may have seen other images. After a fault that is not an image's own it is not used
    again.
    """

    def __init__(self, pool: CodecPool, deadline: float, *, may_be_used: bool) -> None:
        self._pool = pool
        self._deadline = deadline
        self._may_be_used = may_be_used
        self._is_slow = False

    def __enter__(self) -> Self:
        """Raises TimeoutError when there is no place in time."""
        try:
            self._pool.fast.get(timeout=max(0.0, self._deadline - MIN_SECONDS - time.monotonic()))
        except Empty:
            raise TimeoutError("no place at the processor in time") from None
        self._aside_at = min(self._deadline, time.monotonic() + SLOW_SECONDS)
        try:
            self.held = self._pool.rested(may_be_used=self._may_be_used)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            is_its_own = isinstance(fault, ImageError) and fault.__cause__ is None
            self._pool.rest(self.held) if fault is None or is_its_own else self._pool.retire(self.held)
        finally:
            self._leave()

    def _leave(self) -> None:
        self._pool.slow.release() if self._is_slow else self._pool.fast.put(None)

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Ask, and step aside when the answer takes long. Raises as `compress`, and SuspectChildError."""
        child = self.held.child
        was_fresh, self.held.has_worked = child.is_fresh, True
        child.ask(request)
        try:
            answer = self._answer_or_aside(child)
        except ChildLostError as lost:
            logger.warning("Image ended its codec process", extra={"code": lost.code, "step": request["step"]})
            if was_fresh or lost.code is ImageCode.PROCESSING_TIMEOUT:
                raise ImageError(lost.code) from lost
            raise SuspectChildError from lost
        if "unforeseen" in answer:
            logger.error("Codec failed unforeseen", extra={"fault": str(answer["unforeseen"])[:200]})
            child.kill()
            raise ImageError(ImageCode.PROCESSING_CRASHED)
        if "code" not in answer:
            return answer
        code = ImageCode(answer["code"])
        if code is ImageCode.TOO_LARGE_TO_PROCESS and not was_fresh:
            raise SuspectChildError
        raise ImageError(code, _reason(answer.get("reason")))

    def _answer_or_aside(self, child: CodecChild) -> dict[str, Any]:
        if not self._is_slow:
            try:
                return child.answer(self._aside_at)
            except TimeoutError:
                if self._pool.slow.acquire(blocking=False):
                    self._is_slow = True
                    child.let_others_go_first()
                    self._pool.fast.put(None)
        return child.answer(self._deadline)


class SuspectChildError(ImagemillError):
    """A child that had seen other images before failed over this one."""


@lru_cache(maxsize=64)
def _text(options: ImageOptions) -> str:
    return json.dumps(options.as_dict())


def _peak(opened: Mapping[str, Any], data: bytes) -> int:
    """Bytes that an image holds while it is worked on: its own, in the child and once more on the way, and pixels."""
    return FILE_COPIES * len(data) + int(opened["peak_bytes"])


def _data_bytes(peak: int) -> int:
    """Of private memory that a child may have whose image holds `peak` bytes."""
    return CHILD_BYTES + HEADER_BYTES + int(RESERVED_SHARE * peak)


def _sizes(answer: Mapping[str, Any]) -> dict[str, Any]:
    try:
        sizes = {name: _number(answer[name]) for name in ("peak_bytes", "pixels_bytes", "pixels")}
        return {**sizes, "cpu_seconds": max(0.1, float(answer["cpu_seconds"]))}
    except _NO_SENSE as fault:
        raise ImageError(ImageCode.PROCESSING_CRASHED) from fault


def _number(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("not a size")
    return value


def _way(value: object) -> str | None:
    if value is not None and value not in WAYS:
        raise ValueError("no way that is known")
    return str(value) if value else None


def _reason(value: object) -> str | None:
    """Words of ours are capitals. Raises ValueError for any other."""
    if value is not None and not (isinstance(value, str) and re.fullmatch(r"[A-Z0-9_]{1,32}", value)):
        raise ValueError("no reason that is known")
    return value
