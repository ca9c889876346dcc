"""What a run's products came to, counted row by row."""

from __future__ import annotations

from dataclasses import dataclass, field

from imagemill.domain.codes import ImageStatus
from imagemill.domain.job import ProductCounts, Totals
from imagemill.domain.product import ProductResult
from imagemill.domain.retryable import Retryable


@dataclass(slots=True)
class Tally:
    """retryable: what a retry of the run can take up."""

    counts: ProductCounts = field(default_factory=ProductCounts)
    totals: Totals = field(default_factory=Totals)
    retryable: Retryable = field(default_factory=Retryable)

    def add(self, chunk: int, result: ProductResult) -> None:
        """Count one more product, in row order."""
        done = [image for image in result.images if image.status is ImageStatus.COMPLETED]
        self.counts = self.counts.plus(result.status)
        self.totals = Totals(
            images=self.totals.images + len(result.images),
            images_completed=self.totals.images_completed + len(done),
            input_bytes=self.totals.input_bytes + sum(image.input_bytes or 0 for image in done),
            output_bytes=self.totals.output_bytes + sum(image.output_bytes or 0 for image in done),
            images_reused=self.totals.images_reused + sum(bool(image.reused) for image in done),
        )
        if result.is_retryable:
            self.retryable = self.retryable.plus(chunk, result.status)
