"""Writing what became of products, and counting it where it happens for the first time."""

from __future__ import annotations

from dataclasses import replace

from imagemill import metrics
from imagemill.adapters.store.results import put_result
from imagemill.domain.codes import ImageStatus
from imagemill.domain.product import ProductKey, ProductResult
from imagemill.metrics import Metric


def record_result(product: ProductKey, result: ProductResult) -> ProductResult:
    """Write a product's result unless its run already has a terminal one; return the one that stands.

    Safe to repeat and to race, as `put_result` is. What a redelivery finds is no end, and is not counted.
    """
    standing = put_result(product, result)
    if standing is not None:
        return standing
    if result.status.has_ended:
        _count(result)
    return replace(result, run=product.run)


def _count(result: ProductResult) -> None:
    metrics.count(Metric.PRODUCTS_ENDED, value=result.status.value)
    for image in result.images:
        if image.error:
            metrics.count(Metric.IMAGES_FAILED, value=image.error.value)
        elif image.status is ImageStatus.COMPLETED:
            metrics.count(Metric.IMAGES_COMPLETED)
            metrics.count(Metric.BYTES_IN, image.input_bytes or 0)
            metrics.count(Metric.BYTES_OUT, image.output_bytes or 0)
