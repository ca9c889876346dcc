"""A product in work: which of its images are settled, which are still awaited, and what is written of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from imagemill.domain.codes import ProductStatus
from imagemill.domain.product import (
    MAX_PUT_OFF,
    MAX_RECEIVE_COUNT,
    ImageResult,
    ProductResult,
    Receives,
    settled,
)
from imagemill.domain.source import Source, SourceKey

from .image import SlowedDownError, TransientImageError
from .received_product import ReceivedProduct

#: How long an origin may ask for time, from an image's first try on (contract A4); a stack parameter.
DEFAULT_PATIENCE_SECONDS = 6 * 3600.0


@dataclass(slots=True)
class ProductProgress:
    """failed_before: what an earlier run failed, as PENDING, until a result of this run takes its place.

    before: the receives before this one. patience_seconds: how long an image is waited for whose origin only ever
    asks for time. sources: what is to be remembered of its images. begun_at: of this receive, in epoch seconds.
    """

    received: ReceivedProduct
    settled: dict[int, ImageResult]
    before: Receives
    failed_before: tuple[ImageResult, ...] = ()
    faults: dict[int, TransientImageError] = field(default_factory=dict)
    awaited: int = 0
    patience_seconds: float = DEFAULT_PATIENCE_SECONDS
    sources: dict[SourceKey, Source] = field(default_factory=dict)
    begun_at: float = field(default_factory=time.time)

    @classmethod
    def on(
        cls, received: ReceivedProduct, known: ProductResult | None, patience_seconds: float = DEFAULT_PATIENCE_SECONDS
    ) -> ProductProgress:
        """What is left to do of a product, given what stands of it; nothing is awaited yet."""
        before = received.receives(known)
        if known is None:
            return cls(received, {}, before, patience_seconds=patience_seconds)
        settled_images = known.settled_images
        failed_before = tuple(image for image in known.images if image.position not in settled_images)
        return cls(received, settled_images, before, failed_before, patience_seconds=patience_seconds)

    def turns(self) -> list[int]:
        """Positions of the images that are not settled: those that were tried least often first."""
        positions = range(1, len(self.received.message.urls) + 1)
        return sorted(
            (position for position in positions if position not in self.settled),
            key=lambda position: self.before.tries.get(position, 0),
        )

    def patient_until(self, position: int) -> float:
        """When an image whose origin only asks for time is given up, in epoch seconds."""
        return self._slowed_since(position) + self.patience_seconds

    @property
    def is_put_off(self) -> bool:
        """Whether an image has not had its try in this receive, which then uses up none of the product's."""
        return any(position not in self._given_up and not fault.is_tried for position, fault in self.faults.items())

    @property
    def is_to_be_tried_again(self) -> bool:
        """Whether transient faults are left, and tries that may mend them."""
        return len(self._given_up) < len(self.faults)

    @property
    def needs_new_message(self) -> bool:
        """Whether the message at hand has no further receive for what is left, or should not lose one for it."""
        return self.is_put_off or self.received.receive_count >= MAX_RECEIVE_COUNT

    @property
    def tries_used(self) -> int:
        """How often the images of this receive that failed were tried at the most, crashes included."""
        return self.before.crashes + max(self._tries.values(), default=0)

    @property
    def _tries(self) -> Mapping[int, int]:
        """This receive's included, of the images that may be tried again."""
        return {
            position: self.before.tries.get(position, 0) + fault.is_tried for position, fault in self.faults.items()
        }

    @property
    def _given_up(self) -> dict[int, ImageResult]:
        """Images that were tried, or waited for, as long as they may be. Who was not tried is not given up."""
        return {position: fault.at(position) for position, fault in self.faults.items() if self._is_over(position)}

    def _is_over(self, position: int) -> bool:
        fault = self.faults[position]
        if isinstance(fault, SlowedDownError):
            waited = fault.moment - self._slowed_since(position)
            return min(waited + 1, fault.refused_seconds) >= self.patience_seconds
        is_endless = self.before.put_off >= MAX_PUT_OFF
        return is_endless or (fault.is_tried and self._tries[position] + self.before.crashes >= MAX_RECEIVE_COUNT)

    def _slowed_since(self, position: int) -> int:
        return self.before.slowed_since.get(position, int(self.begun_at))

    @property
    def _attempts(self) -> int:
        return min(MAX_RECEIVE_COUNT, self.before.crashes + 1 + max(self.before.tries.values(), default=0))

    def result(self) -> ProductResult:
        """What to write: the terminal result, or what is settled so far when the rest is worth another receive."""
        row = self.received.message.row
        images = {**self.settled, **self._given_up}
        if not self.is_to_be_tried_again:
            return settled(row, self._attempts, list(images.values()))
        seen = 0 if self.needs_new_message else self.received.receive_count
        # Waiting for an origin has a bound of its own.
        is_slowed = any(isinstance(fault, SlowedDownError) for fault in self.faults.values())
        put_off = self.before.put_off + (self.is_put_off and not is_slowed)
        slowed_since = {
            position: self._slowed_since(position)
            for position, fault in self.faults.items()
            if position not in images and (isinstance(fault, SlowedDownError) or position in self.before.slowed_since)
        }
        tries = {position: tries for position, tries in self._tries.items() if position not in images and tries}
        failed_before = (image for image in self.failed_before if image.position not in images)
        return ProductResult(
            row,
            ProductStatus.PROCESSING,
            self._attempts,
            (*images.values(), *failed_before),
            receives=Receives(seen, self.before.crashes, put_off, tries, slowed_since),
        )
