"""A product in work: which of its images are settled, which are still awaited, and what is written of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from imagemill.domain.codes import ProductStatus
from imagemill.domain.product import ImageResult, ProductResult, settled

from .image import TransientImageError
from .received_product import ReceivedProduct


@dataclass(slots=True)
class ProductProgress:
    """failed_before: what an earlier run failed, as PENDING, until a result of this run takes its place."""

    received: ReceivedProduct
    settled: dict[int, ImageResult]
    failed_before: tuple[ImageResult, ...] = ()
    faults: dict[int, TransientImageError] = field(default_factory=dict)
    awaited: int = 0

    @classmethod
    def on(cls, received: ReceivedProduct, known: ProductResult | None) -> ProductProgress:
        """What is left to do of a product, given what stands of it; nothing is awaited yet."""
        if known is None:
            return cls(received, {})
        settled_images = known.settled_images
        failed_before = tuple(image for image in known.images if image.position not in settled_images)
        return cls(received, settled_images, failed_before)

    @property
    def is_to_be_tried_again(self) -> bool:
        """Whether transient faults are left, and a receive that may mend them."""
        return bool(self.faults) and not self.received.is_last

    def result(self) -> ProductResult:
        """What to write: the terminal result, or what is settled so far when the rest is worth another receive."""
        row, receive_count = self.received.message.row, self.received.receive_count
        if self.is_to_be_tried_again:
            failed_before = (image for image in self.failed_before if image.position not in self.settled)
            so_far = (*self.settled.values(), *failed_before)
            return ProductResult(row, ProductStatus.PROCESSING, receive_count, so_far)
        failed = [fault.at(position) for position, fault in self.faults.items()]
        return settled(row, receive_count, [*self.settled.values(), *failed])
