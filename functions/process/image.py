"""One image: fetched, compressed, stored."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import PurePosixPath
from random import uniform
from threading import BoundedSemaphore
from urllib.parse import unquote, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from imagemill.adapters.objects import put_image
from imagemill.adapters.web import FetchFault, WebClient
from imagemill.domain.codes import ImageCode, ImageStatus
from imagemill.domain.image_urls import is_valid_url
from imagemill.domain.options import ImageOptions
from imagemill.domain.product import Image

from .codec import CONTENT_TYPES, EXTENSIONS, Compressed, ImageFault, compress

#: All the time that fetching one image may take, retries included, in seconds (contract A7).
IMAGE_SECONDS = 30.0
#: Tries in place; beyond these a later receive of the message is more likely to succeed.
TRIES = 3
#: Mean pause before the second try, in seconds; doubled before each further one, and jittered by half.
FIRST_PAUSE_SECONDS = 0.5
#: An image is not begun with less time than this left, in seconds: a slow origin deserves its chance.
MIN_SECONDS = 5.0
MAX_NAME_CHARACTERS = 80


@dataclass(frozen=True, slots=True)
class ImageTask:
    """deadline: when the invocation wants to be done, monotonic seconds."""

    job_id: str
    row: int
    position: int
    url: str
    options: ImageOptions
    deadline: float


class TransientFault(Exception):
    """A fault that another receive may mend. retry_after: seconds that the origin asked for."""

    is_remote = True

    def __init__(
        self, position: int, code: ImageCode, http_status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(code.value)
        self.position = position
        self.code = code
        self.http_status = http_status
        self.retry_after = retry_after

    def as_image(self) -> Image:
        """The image as failed, for when there is no further receive."""
        return Image.failed(self.position, self.code, self.http_status)


class NotBegun(TransientFault):
    """The invocation's time ran out before the image had its own: no fault of the origin's."""

    is_remote = False

    def __init__(self, position: int) -> None:
        super().__init__(position, ImageCode.TIMEOUT)


def make_image(task: ImageTask, web: WebClient, encoders: BoundedSemaphore) -> Image:
    """Fetch, compress and store one image; a permanent fault is an answer too.

    encoders: as many slots as there are vCPUs; downloads and uploads go on beside them.
    Safe to repeat: the object's key follows from job, row, position and URL.

    Raises:
        TransientFault: worth another receive.
        NotBegun: there was not enough time left to be fair to the origin.
    """
    if not is_valid_url(task.url):
        return Image.failed(task.position, ImageCode.INVALID_URL)
    try:
        data = _fetch(task, web)
        with encoders:
            compressed = compress(data, task.options)
    except FetchFault as fault:
        return Image.failed(task.position, fault.code, fault.http_status)
    except ImageFault as fault:
        return Image.failed(task.position, fault.code)
    return _store(task, compressed, len(data))


def _fetch(task: ImageTask, web: WebClient) -> bytes:
    """Fetch with retries in place. Raises FetchFault for permanent faults only."""
    begun = time.monotonic()
    end = min(begun + IMAGE_SECONDS, task.deadline)
    if end - begun < MIN_SECONDS:
        raise NotBegun(task.position)
    pause = FIRST_PAUSE_SECONDS
    for tries_left in reversed(range(TRIES)):
        try:
            return web.fetch(task.url, timeout_seconds=end - time.monotonic())
        except FetchFault as fault:
            if not fault.is_transient:
                raise
            wait = max(uniform(0.5 * pause, 1.5 * pause), fault.retry_after or 0)
            if not tries_left or time.monotonic() + wait + 1 > end:
                if fault.code is ImageCode.TIMEOUT and end < begun + IMAGE_SECONDS:
                    raise NotBegun(task.position) from fault
                raise TransientFault(task.position, fault.code, fault.http_status, fault.retry_after) from fault
            time.sleep(wait)
            pause *= 2
    raise AssertionError("the last try returns or raises")


def _store(task: ImageTask, compressed: Compressed, input_bytes: int) -> Image:
    key = image_key(task, EXTENSIONS[compressed.format])
    body = compressed.data
    try:
        put_image(key, body, CONTENT_TYPES[compressed.format])
    except (BotoCoreError, ClientError) as fault:
        raise TransientFault(task.position, ImageCode.STORE_FAILED) from fault
    return Image(
        position=task.position,
        status=ImageStatus.COMPLETED,
        key=key,
        input_bytes=input_bytes,
        output_bytes=len(body),
        width=compressed.width,
        height=compressed.height,
        format=compressed.format,
        kept=compressed.kept,
        sha256=hashlib.sha256(body).hexdigest(),
    )


def image_key(task: ImageTask, extension: str) -> str:
    """`images/<2 hex>/<job>/<row>/<position>-<name>.<ext>`: the hex spreads jobs over S3's partitions."""
    product = f"{task.job_id}/{task.row}"
    spread = hashlib.sha256(product.encode()).hexdigest()[:2]
    stem = PurePosixPath(unquote(urlsplit(task.url).path)).stem
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:MAX_NAME_CHARACTERS] or "image"
    return f"images/{spread}/{product}/{task.position}-{name}.{extension}"
