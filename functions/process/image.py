"""One image: fetched, compressed, stored at each place that asks for it."""

from __future__ import annotations

import hashlib
import math
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import PurePosixPath
from random import uniform
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from imagemill import metrics
from imagemill.adapters.aws.image_store import put_image
from imagemill.adapters.web.bodies import EncodedBody
from imagemill.adapters.web.client import Fetched, WebClient
from imagemill.adapters.web.faults import FarSlotError, FetchError, NotTriedError, WebCode
from imagemill.adapters.web.own_queue import OwnQueue
from imagemill.domain.catalogue.image_urls import is_hopeless
from imagemill.domain.codes import ImageCode, ImageStatus
from imagemill.domain.options import ImageOptions
from imagemill.domain.product import ImageResult
from imagemill.domain.source import UNKNOWN, Source, Validators
from imagemill.errors import ImagemillError
from imagemill.logs import logger
from imagemill.metrics import Metric

from .budget import Budget, MemoryReservation
from .codec.compress import CONTENT_TYPES, EXTENSIONS, Compressed, ImageError
from .codec_pool import CodecPool
from .encoding_pace import EncodingPace, ImageTurn
from .reuse import SourceTask, count_reused

#: Tries in place; beyond these a later receive of the message is more likely to succeed.
TRIES = 3
#: Mean pause before the second try, in seconds; doubled before each further one, and jittered by half.
FIRST_PAUSE_SECONDS = 0.5
#: An image is not begun with less time than this left, in seconds: a slow origin deserves its chance.
MIN_SECONDS = 5.0
MAX_NAME_CHARACTERS = 80
#: Of SHA-256 in hex, in a key.
TENANT_DIGITS, CONTENT_DIGITS = 16, 32

#: Memory that one vCPU comes with, in MB (Lambda developer guide, "Configure memory").
MEGABYTES_A_VCPU = 1_769
MEGABYTE = 1_048_576
#: Python, boto3 and Pillow in the worker, and a child before it has seen an image, in MB.
BASE_MEGABYTES = 220
#: Share of the rest that bodies may take which have been fetched and wait; decoding has the other.
BODIES_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class OutputSlot:
    """Where an image belongs: position (from 1) of a product."""

    job_id: str
    row: int
    position: int


@dataclass(frozen=True, slots=True)
class ImageTask:
    """An image to be made once, whatever the number of its output slots. Moments are monotonic seconds.

    patient_until: when an origin that only ever asks to slow down has been waited for long enough. source: what is
    known and remembered of it; None of a message of release 0.1.
    """

    url: str
    options: ImageOptions
    slots: tuple[OutputSlot, ...]
    deadline: float
    patient_until: float = math.inf
    source: SourceTask | None = None


class WorkerResources:
    """What images share while they are made.

    memory_megabytes: of the function; it comes with vCPUs, of which there are `processors` at most.
    Encoders are as many as vCPUs; downloads and uploads go on beside them.
    """

    def __init__(self, web: WebClient, memory_megabytes: int, processors: int) -> None:
        spare = max(1, memory_megabytes - BASE_MEGABYTES) * MEGABYTE
        self.web = web
        self.vcpus = min(processors, max(1, round(memory_megabytes / MEGABYTES_A_VCPU)))
        # One body at the least, however little there is.
        bodies = max(int(spare * BODIES_SHARE), web.max_bytes)
        self.bodies = Budget(bodies)
        self.encoding = EncodingPace()
        self.codec = CodecPool(self.vcpus, max(1, spare - bodies))

    def close(self) -> None:
        self.web.close()
        self.codec.close()


class TransientImageError(ImagemillError):
    """A fault that another receive may mend. retry_after: seconds that the origin asked for.

    is_tried: whether the image has had its try.
    """

    is_tried = True

    def __init__(self, code: ImageCode, http_status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(code.value)
        self.code = code
        self.http_status = http_status
        self.retry_after = retry_after

    def at(self, position: int) -> ImageResult:
        """The image as failed, for when there is no further receive."""
        return ImageResult.failed(position, self.code, self.http_status)


class NotBegunError(TransientImageError):
    """The invocation's time ran out before the image had its own: no fault of the origin's, and no try."""

    is_tried = False

    def __init__(self) -> None:
        super().__init__(ImageCode.TIMEOUT)


class SlowedDownError(TransientImageError):
    """The origin wants to be asked less, and the image's turn is later: no try (contract A4).

    moment: when that was, in epoch seconds. refused_seconds: for how long the origin has refused everything; an
    image of one that answers others is not given up before it was asked for.
    """

    is_tried = False

    def __init__(self, http_status: int | None, retry_after: float | None, refused_seconds: float) -> None:
        super().__init__(ImageCode.HTTP_STATUS if http_status else ImageCode.CONNECT_FAILED, http_status, retry_after)
        self.refused_seconds = refused_seconds
        self.moment = time.time()

    @classmethod
    def by(cls, far: FarSlotError, *, is_refused: bool = False) -> SlowedDownError:
        """Of an image whose slot is far off. is_refused: whether it was asked for in this receive."""
        return cls(far.http_status or None, far.seconds, math.inf if is_refused else far.refused_seconds)


def make_image(task: ImageTask, resources: WorkerResources) -> list[ImageResult]:
    """An image for each of its output slots, in order: fetched, compressed and stored, or what was made of it before.

    A permanent fault is an answer. Safe to repeat: the object's key follows from its bytes and the URL.

    Raises:
        TransientImageError: worth another receive.
        NotBegunError: there was not enough time left to be fair to the origin.
        SlowedDownError: the origin asked for more time than there is.
    """
    # What else is wrong with a URL is told by whoever fetches it.
    if is_hopeless(task.url):
        return _failed(task, ImageCode.INVALID_URL)
    with resources.encoding.turn(task.url, task.options) as turn:
        return _fetched_and_made(task, resources, turn)


def _fetched_and_made(task: ImageTask, resources: WorkerResources, turn: ImageTurn) -> list[ImageResult]:
    body, data = MemoryReservation(resources.bodies), b""
    try:
        fetched = _timed_fetch(task, resources, turn, body, task.source.validators if task.source else UNKNOWN)
        if fetched.body is None:
            if images := _unchanged(task):
                return images
            fetched = _timed_fetch(task, resources, turn, body, UNKNOWN)
        data = fetched.body or b""
        if task.source is None:
            compressed = _compressed(data, task, resources, turn)
            sha256, extension = hashlib.sha256(compressed.data).hexdigest(), EXTENSIONS[compressed.format]
            return [
                _store(image_key(task.url, slot, extension), slot.position, compressed, sha256, len(data))
                for slot in task.slots
            ]
        return _made(task, task.source, data, fetched.validators, resources, turn)
    except FetchError as fault:
        return _failed(task, ImageCode(fault.code), fault.http_status, fault.reason)
    except ImageError as fault:
        is_encoded = fault.code is ImageCode.NOT_AN_IMAGE and isinstance(data, EncodedBody)
        return _failed(task, fault.code, reason="COMPRESSED" if is_encoded else fault.reason)
    finally:
        body.release()


def _failed(
    task: ImageTask, code: ImageCode, http_status: int | None = None, reason: str | None = None
) -> list[ImageResult]:
    return [ImageResult.failed(slot.position, code, http_status, reason) for slot in task.slots]


def _unchanged(task: ImageTask) -> list[ImageResult] | None:
    """What was made before of an image that has not changed; None when it is not there any more."""
    with _storing():
        source = task.source.unchanged() if task.source else None
    return _reused(task, source, is_fetched=False) if source else None


def _made(
    task: ImageTask,
    source: SourceTask,
    data: bytes,
    validators: Validators,
    resources: WorkerResources,
    turn: ImageTurn,
) -> list[ImageResult]:
    """An image made of what was fetched, or what was made of the same bytes before. One object for all output slots."""
    fetched_sha256 = hashlib.sha256(data).hexdigest()
    with _storing():
        same = source.same_bytes(fetched_sha256, validators)
    if same:
        return _reused(task, same, is_fetched=True)
    compressed = _compressed(data, task, resources, turn)
    stored_at = int(time.time())
    sha256 = hashlib.sha256(compressed.data).hexdigest()
    key = content_key(source.key.tenant, task.url, EXTENSIONS[compressed.format], sha256)
    image = _store(key, 0, compressed, sha256, len(data))
    source.fresh = Source(validators, fetched_sha256, image, stored_at, task.slots[0].job_id)
    return [replace(image, position=slot.position) for slot in task.slots]


def _reused(task: ImageTask, source: Source, *, is_fetched: bool) -> list[ImageResult]:
    images = [source.used_at(slot.job_id, slot.position) for slot in task.slots]
    count_reused(images, is_fetched=is_fetched)
    return images


def _timed_fetch(
    task: ImageTask, resources: WorkerResources, turn: ImageTurn, body: MemoryReservation, known: Validators
) -> Fetched:
    begun = time.monotonic()
    fetched = _fetch(task, resources, turn, body, known)
    metrics.took(Metric.FETCH_MILLISECONDS, begun)
    return fetched


def _fetch(
    task: ImageTask, resources: WorkerResources, turn: ImageTurn, body: MemoryReservation, known: Validators
) -> Fetched:
    """Fetch with retries in place, holding memory for the body. Raises FetchError for permanent faults only.

    What it waits for on our side, a connection or a slot that the origin may have or memory, is not the image's time.
    """
    web, begun, queue = resources.web, time.monotonic(), OwnQueue(task.deadline)
    # What has not changed since it was made takes the codec no time.
    needed = MIN_SECONDS + (turn.seconds if known == UNKNOWN else 0)
    if task.deadline - begun < needed:
        raise NotBegunError
    tries, is_refused = 0, False
    while True:
        seconds = min(begun + queue.seconds + web.total_timeout_seconds, task.deadline) - time.monotonic()
        try:
            fetched = web.get(task.url, known=known, timeout_seconds=seconds, reserve=body.take, queue=queue)
        except FarSlotError as far:
            body.release()
            raise SlowedDownError.by(far, is_refused=is_refused) from far
        except NotTriedError as fault:
            body.release()
            raise NotBegunError from fault
        except FetchError as fault:
            body.release()
            if not fault.is_transient:
                raise
            if fault.asks_to_slow_down:
                _be_slower(fault, begun, task, queue)
                is_refused = True
            else:
                tries += 1
                _rest(fault, tries, begun + queue.seconds + web.total_timeout_seconds, task)
        else:
            body.shrink(len(fetched.body or b""))
            return fetched


def _be_slower(fault: FetchError, begun: float, task: ImageTask, queue: OwnQueue) -> None:
    """Let an image that was refused be asked for again in its next slot, which the client waits for.

    What the refusal took is none of the image's time. Raises SlowedDownError when there is none left to wait.
    """
    now = time.monotonic()
    queue.seconds = now - begun
    if now + 1 > min(task.deadline, task.patient_until):
        raise SlowedDownError(fault.http_status, fault.retry_after, math.inf) from fault


def _rest(fault: FetchError, tries: int, whole: float, task: ImageTask) -> None:
    """Pause after a transient fault, twice as long each time.

    whole: until when the image may take, in monotonic seconds. Raises TransientImageError when there is no further
    try in place, NotBegunError when it was the invocation's end that cut this one short.
    """
    end, pause = min(whole, task.deadline), FIRST_PAUSE_SECONDS * 2 ** (tries - 1)
    wait = max(uniform(0.5 * pause, 1.5 * pause), fault.retry_after or 0)
    if tries == TRIES or time.monotonic() + wait + 1 > end:
        if fault.code is WebCode.TIMEOUT and end < whole:
            raise NotBegunError from fault
        raise TransientImageError(ImageCode(fault.code), fault.http_status, fault.retry_after) from fault
    time.sleep(wait)


def _compressed(data: bytes, task: ImageTask, resources: WorkerResources, turn: ImageTurn) -> Compressed:
    """Raises ImageError, and NotBegunError when the invocation's end came before the image's turn, or its end."""
    begun = time.monotonic()
    try:
        with turn.making():
            return resources.codec.compress(data, task.options, task.deadline)
    except TimeoutError as fault:
        logger.info("Image fetched in vain", extra={"seconds": round(time.monotonic() - begun, 1)})
        raise NotBegunError from fault


@contextmanager
def _storing() -> Iterator[None]:
    """Raises TransientImageError where S3 does not do what is asked of it."""
    try:
        yield
    except (BotoCoreError, ClientError) as fault:
        raise TransientImageError(ImageCode.STORE_FAILED) from fault


def _store(key: str, position: int, compressed: Compressed, sha256: str, input_bytes: int) -> ImageResult:
    with _storing():
        put_image(key, compressed.data, CONTENT_TYPES[compressed.format], sha256)
    return ImageResult(
        position=position,
        status=ImageStatus.COMPLETED,
        key=key,
        input_bytes=input_bytes,
        output_bytes=len(compressed.data),
        width=compressed.width,
        height=compressed.height,
        format=compressed.format,
        kept=compressed.kept,
        sha256=sha256,
    )


def content_key(tenant: str, url: str, extension: str, sha256: str) -> str:
    """`images/<16 hex of the tenant>/<2 hex>/<32 hex of the bytes>/<name>.<ext>`: SHA-256 all (design B8).

    An unchanged picture has the same URL in every job, and a tenant's are under one prefix. The two digits, which are
    those of the bytes, spread it over S3's partitions.
    """
    return f"images/{_owner(tenant)}/{sha256[:2]}/{sha256[:CONTENT_DIGITS]}/{_file_name(url, extension)}"


@lru_cache(maxsize=1_024)
def _owner(tenant: str) -> str:
    return hashlib.sha256(tenant.encode()).hexdigest()[:TENANT_DIGITS]


def image_key(url: str, slot: OutputSlot, extension: str) -> str:
    """`images/<2 hex>/<job>/<row>/<position>-<name>.<ext>`, as release 0.1 made them of its messages."""
    product = f"{slot.job_id}/{slot.row}"
    spread = hashlib.sha256(product.encode()).hexdigest()[:2]
    return f"images/{spread}/{product}/{slot.position}-{_file_name(url, extension)}"


def _file_name(url: str, extension: str) -> str:
    stem = PurePosixPath(unquote(urlsplit(url).path)).stem
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:MAX_NAME_CHARACTERS] or "image"
    return f"{name}.{extension}"
