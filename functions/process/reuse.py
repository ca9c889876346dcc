"""What an earlier job has made of an image, used again where nothing has changed (design B8).

The order of writes is: object, source, product's result. A death between two of them leaves objects that nobody
names and sources that describe what is there; never a result whose object is not.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from botocore.exceptions import BotoCoreError, ClientError

from imagemill import metrics
from imagemill.adapters.aws.image_store import StoredImage, find_image, store_again
from imagemill.adapters.store.items import SECONDS_A_DAY
from imagemill.adapters.store.results import CurrentResults, get_current_results
from imagemill.adapters.store.sources import put_sources
from imagemill.domain.product import ImageResult
from imagemill.domain.source import UNKNOWN, Source, SourceKey, Validators, source_key
from imagemill.errors import SourcesNotKeptError
from imagemill.logs import logger
from imagemill.metrics import Metric
from imagemill.settings import settings

from .codec.compress import CONTENT_TYPES, ImageFormat
from .received_product import ReceivedProduct, origins_of


@dataclass(slots=True)
class SourceTask:
    """An image's source while the image is made.

    known: what an earlier job left; None when there is nothing, or nothing is to be used again. needed_until: when
    no job may name the image any more, in epoch seconds. fresh: what is to be remembered from now
    on, where that is something else.
    """

    key: SourceKey
    known: Source | None
    needed_until: float
    fresh: Source | None = None

    @property
    def validators(self) -> Validators:
        return self.known.validators if self.known else UNKNOWN

    def unchanged(self) -> Source | None:
        """What is known, when the origin says that nothing has changed. None when the object is not there any more."""
        return self._kept(self.known) if self.known else None

    def same_bytes(self, sha256: str, validators: Validators) -> Source | None:
        """What is known, when the origin sent the very bytes that it was made of, whatever it says about them."""
        if self.known is None or self.known.sha256 != sha256:
            return None
        return self._kept(replace(self.known, validators=validators))

    def _kept(self, source: Source) -> Source | None:
        """The source, its object stored anew where it would not outlive the jobs that name it from now on."""
        result = source.result
        stored = find_image(str(result.key))
        if stored is None or stored.size != result.output_bytes:
            return None
        if not outlives(stored, self.needed_until):
            source = replace(source, stored_at=int(time.time()))
            if not store_again(str(result.key), CONTENT_TYPES[ImageFormat(str(result.format))]):
                return None
        if source != self.known:
            self.fresh = source
        return source


def outlives(stored: StoredImage, moment: float) -> bool:
    """Whether the bucket keeps an object until then, in epoch seconds. By S3's own clock, which is what expires it."""
    days = settings().image_retention_days
    return not days or stored.stored_at + days * SECONDS_A_DAY >= moment


def sources_of(products: Iterable[ReceivedProduct]) -> list[SourceKey]:
    """The sources of products' images that may have been made before."""
    keys = (
        source_key(message.tenant, url, message.options)
        for message in (received.message for received in products)
        if message.tenant is not None and message.reuse
        for url in message.urls
    )
    return list(dict.fromkeys(keys))


def current_results(products: Sequence[ReceivedProduct]) -> CurrentResults:
    """What stands of products, of the origins that they name, and of what was made of their images before."""
    keys = (received.message.key for received in products)
    return get_current_results(keys, origins_of(products), sources_of(products))


def remember(sources: Mapping[SourceKey, Source]) -> None:
    """Write down what came of images. What cannot be written costs a later job their making, and no image fails."""
    if not sources:
        return
    try:
        put_sources(sources)
    except (BotoCoreError, ClientError, SourcesNotKeptError):
        logger.exception("Sources not remembered", extra={"sources": len(sources)})


def count_reused(images: Sequence[ImageResult], *, is_fetched: bool) -> None:
    """images: of one fetch."""
    metrics.count(Metric.IMAGES_REUSED, sum(bool(image.reused) for image in images))
    metrics.count(Metric.BYTES_NOT_FETCHED, 0 if is_fetched else images[0].input_bytes or 0)
