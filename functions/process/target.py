"""What is made once, however many of a tenant's products show it."""

from __future__ import annotations

import time
from collections.abc import MutableMapping, Sequence
from typing import NamedTuple, TypeAlias

from imagemill.adapters.store.items import expires_at
from imagemill.domain.options import ImageOptions
from imagemill.domain.product import ProductMessage
from imagemill.domain.source import Source, SourceKey, slack_seconds, source_key
from imagemill.settings import settings

from .image import ImageTask, OutputSlot
from .progress import ProductProgress
from .reuse import SourceTask

#: A product that waits for its image at a position, from 1.
Awaiting: TypeAlias = tuple[ProductProgress, int]


class Target(NamedTuple):
    """Tenants never share one, so that nobody learns what another has."""

    url: str
    options: ImageOptions
    tenant: str | None
    reuse: bool

    @classmethod
    def of(cls, message: ProductMessage, position: int) -> Target:
        return cls(message.urls[position - 1], message.options, message.tenant, message.reuse)


def image_task(
    target: Target, waiting: Sequence[Awaiting], deadline: float, sources: MutableMapping[SourceKey, Source]
) -> ImageTask:
    """sources: what is known of images; it is taken out, for each is made once. deadline: monotonic seconds."""
    messages = ((progress.received.message, position) for progress, position in waiting)
    slots = tuple(OutputSlot(message.job_id, message.row, position) for message, position in messages)
    patient_until = min(progress.patient_until(position) for progress, position in waiting)
    source = None
    if target.tenant is not None:
        key = source_key(target.tenant, target.url, target.options)
        known = sources.pop(key, None)
        needed_until = max(expires_at(slot.job_id) for slot in slots) + slack_seconds(settings().retention_days)
        source = SourceTask(key, known if target.reuse else None, needed_until)
    patient_until += time.monotonic() - time.time()
    return ImageTask(target.url, target.options, slots, deadline, patient_until, source)
